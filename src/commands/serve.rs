//! `wsprobe serve`: runs a test server.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::cli::{self, ServeArgs};
use crate::connection::Limits;
use crate::exit::Exit;
use crate::named_file::{self, ReadLimits};
use crate::output::diagnostics::{Diagnostics, StateLines};
use crate::output::events::EventWriter;
use crate::output::standard_streams::Stdout;
use crate::output::style::OutputStream;
use crate::output::{Destination, Log, Notice, Printer, Sinks};
use crate::secret::{Redactor, Secret, SecretSource, io_text};
use crate::server::access::{AccessPolicy, AuthScheme, RequiredLogin};
use crate::server::config::{ReplyMode, ServerConfig};
use crate::server::event_queue::EventFilter;
use crate::server::play::{PlayError, PlayPlan};
use crate::server::view::{self, LiveDetail, ServerView, ViewRole};
use crate::server::{Observers, Server, ServerEnd};
use crate::signals::{Signal, Signals};
use crate::template::{Template, Variable};

use super::UsageError;
use super::filling::served;
use super::listening::{
    Announcement, ListenAddress, ListenerCertificate, acceptor, know_listener, listen, origins,
    planned_faults, raise_descriptor_limit,
};
use super::prepare::{flush, when};

/// Runs the command.
///
/// # Errors
/// Bad usage, an address that cannot be listened on (exit 7), or output that cannot be written (exit 23).
pub async fn run(options: ServeArgs) -> anyhow::Result<Exit> {
    let begun = Instant::now();
    let place = match &options.unix {
        Some(path) => ListenAddress::Unix(path.clone()),
        None => ListenAddress::parse(options.address.as_deref().unwrap_or_default(), "serve")?,
    };
    let mut secrets = Vec::new();
    let mut config = config(&options, &mut secrets)?;
    let mut redactor = Redactor::new(options.output.show_secrets);
    redactor.learn_all(&secrets);
    let certificate = ListenerCertificate {
        chain: options.admission.cert.as_ref(),
        key: options.admission.key.as_ref(),
        is_generated: options.admission.self_signed,
    };
    let (acceptor, fingerprint) = acceptor(&certificate, &place)?;
    let mut sinks = sinks(&options.output, begun, redactor)?;
    raise_descriptor_limit();
    let listener = listen(&place).await?;
    know_listener(&mut config.access.origins, &listener);
    // Before the address is printed, since its reader may send a signal at once.
    let signals = Signals::new()?;
    let url = listener.url(acceptor.is_some());
    sinks.write_custom_event(|writer, out| writer.listening(out, &url, fingerprint.as_deref()));
    if !options.output.json && options.output.quiet < 2 {
        Announcement {
            url: &url,
            what: "",
            fingerprint: fingerprint.as_deref(),
            on_terminal: test_page(&options.output, &url),
        }
        .print();
    }
    if !listener.is_local() && options.output.quiet < 2 {
        sinks.notify(Notice::Warning(&format!(
            "{place} is reachable from other machines, not only from this one"
        )));
    }
    let view = view(&options);
    let server = Server::new(
        listener,
        config,
        acceptor,
        event_filter(&options.output, &options.behaviour, view.live),
    );
    let observers = Observers {
        view: &view,
        rule: None,
        recorder: None,
    };
    let (ended, totals) = server.run(signals, &mut sinks, observers).await;
    sinks.turn_to(0, None);
    sinks.write_custom_event(|writer, out| writer.serve_stats(out, &totals));
    if view.live > LiveDetail::Off || options.output.verbose > 0 {
        sinks.notify(Notice::Account(
            "*",
            &view::summary(&totals, begun.elapsed(), view.role),
        ));
    }
    flush(&mut sinks).await;
    match ended {
        ServerEnd::Signal(Signal::Interrupt) => Ok(Exit::Interrupted),
        ServerEnd::Signal(Signal::Terminate) => Ok(Exit::Terminated),
        ServerEnd::Signal(Signal::HangUp) => Ok(Exit::HungUp),
        ServerEnd::ReaderGone | ServerEnd::Done | ServerEnd::Failed(_) | ServerEnd::Played(0) => {
            Ok(Exit::Success)
        }
        ServerEnd::Played(_) => Ok(Exit::Expectation),
        ServerEnd::Output(error) => {
            let why = io_text(&error);
            Err(UsageError::output(format!("cannot write output: {why}")).into())
        }
    }
}

/// The address of the test page, for a person at a terminal.
fn test_page(output: &cli::ServeOutputArgs, url: &str) -> Option<String> {
    let is_shown = OutputStream::stderr(when(output.color)).is_terminal
        && output.quiet == 0
        && url.contains("://");
    let page = url.replacen("ws", "http", 1);
    is_shown.then(|| format!("test page for browsers: {page}; press Ctrl-C to stop\n"))
}

fn config(options: &ServeArgs, secrets: &mut Vec<String>) -> Result<ServerConfig, UsageError> {
    let behaviour = &options.behaviour;
    let mode = match behaviour.mode {
        cli::ServeMode::Echo => ReplyMode::Echo,
        cli::ServeMode::Broadcast => ReplyMode::Broadcast,
        cli::ServeMode::Sink => ReplyMode::Sink,
        cli::ServeMode::Silent => ReplyMode::Silent,
    };
    if behaviour.reply.is_some() && mode != ReplyMode::Echo {
        return Err(UsageError::usage(
            "--reply replaces the echo and cannot be used with another --mode than echo",
        ));
    }
    let mut text = |typed: &Option<String>| -> Result<Option<Template>, UsageError> {
        let read = typed.as_deref().map(|typed| given(typed, secrets));
        let Some(text) = read.transpose()? else {
            return Ok(None);
        };
        let template = served(&text)?;
        let variables = template.variables();
        secrets.extend(variables.filter_map(|variable| match variable {
            Variable::Env(name) => std::env::var(name).ok(),
            _ => None,
        }));
        Ok(Some(template))
    };
    let (greeting, reply) = (text(&behaviour.greeting)?, text(&behaviour.reply)?);
    Ok(ServerConfig {
        mode,
        play: play(behaviour, secrets)?,
        greeting,
        reply,
        delay: options.faults.delay,
        steps: planned_faults(&options.faults),
        ignores_pings: options.refusals.no_pong,
        subprotocols: behaviour.subprotocols.clone(),
        compresses: !behaviour.no_compress,
        access: AccessPolicy {
            status: options.refusals.status,
            login: login(&options.admission, secrets)?,
            origins: origins(&options.admission.allow_origin),
        },
        limits: Limits {
            max_size: usize::try_from(options.limits.max_size).unwrap_or(usize::MAX),
            ..Limits::default()
        },
        max_clients: options.limits.max_clients as usize,
        trace: options.output.verbose > 1,
        upstream: None,
    })
}

/// The check file of `--play`.
fn play(
    typed: &cli::BehaviourArgs,
    secrets: &mut Vec<String>,
) -> Result<Option<Arc<PlayPlan>>, UsageError> {
    let Some(path) = &typed.play else {
        return Ok(None);
    };
    let name = path.display().to_string();
    let bytes = named_file::read(path, ReadLimits::default())
        .map_err(|error| UsageError::usage(format!("cannot read {name}: {}", io_text(&error))))?;
    match PlayPlan::read(&name, &bytes, typed.once) {
        Ok(plan) => {
            secrets.extend(plan.secrets());
            Ok(Some(Arc::new(plan)))
        }
        Err(PlayError::Invalid(error)) => Err(UsageError::usage(error.to_string())),
        Err(PlayError::Unplayable(steps)) => {
            let steps = steps.iter();
            let steps: Vec<String> = steps
                .map(|(line, why)| format!("{name}:{line}: {why}"))
                .collect();
            Err(UsageError::usage(steps.join("; "))
                .hint("after a pattern that is no message by itself, add the line: sample MESSAGE"))
        }
    }
}

fn login(
    typed: &cli::AccessArgs,
    secrets: &mut Vec<String>,
) -> Result<Option<RequiredLogin>, UsageError> {
    let (scheme, value) = match (&typed.auth, &typed.bearer) {
        (Some(typed), _) => {
            let pair = given(typed, secrets)?;
            let Some((_, password)) = pair.split_once(':') else {
                return Err(UsageError::usage(
                    "--auth: missing password (expected USER:PASSWORD)",
                ));
            };
            secrets.push(password.to_owned());
            let encoded = BASE64.encode(&pair);
            secrets.push(encoded.clone());
            (AuthScheme::Basic, format!("Basic {encoded}"))
        }
        (None, Some(typed)) => {
            let token = given(typed, secrets)?;
            secrets.push(token.clone());
            (AuthScheme::Bearer, format!("Bearer {token}"))
        }
        (None, None) => return Ok(None),
    };
    let value = Secret::new(value);
    Ok(Some(RequiredLogin { scheme, value }))
}

/// A literal text, or the content of `@FILE` or `env:NAME`, which is added to `secrets`.
fn given(typed: &str, secrets: &mut Vec<String>) -> Result<String, UsageError> {
    let source = SecretSource::parse(typed);
    let text = source.read()?;
    if source.is_secret() {
        secrets.push(text.clone());
    }
    Ok(text)
}

fn sinks(
    output: &cli::ServeOutputArgs,
    begun: Instant,
    redactor: Redactor,
) -> Result<Sinks, UsageError> {
    let printer = if output.json {
        Printer::Events(EventWriter::new(begun))
    } else {
        Printer::Report
    };
    let log = match &output.log {
        Some(path) => Some(Log::create(path, begun).map_err(UsageError::output)?),
        None => None,
    };
    let diagnostics = Diagnostics {
        stream: OutputStream::stderr(when(output.color)),
        verbose: 0,
        // The server's view prints its own lines to stderr.
        quiet: u8::MAX,
        warns: false,
        states: StateLines::Elsewhere,
    };
    let destination = Destination::Stdout(Stdout::new(io::stdout()));
    Ok(Sinks::new(destination, printer, diagnostics, log, redactor))
}

fn view(options: &ServeArgs) -> ServerView {
    let output = &options.output;
    let is_terminal = OutputStream::stderr(when(output.color)).is_terminal;
    let live = match (output.verbose, output.quiet) {
        // With --json the events contain everything.
        _ if output.json => LiveDetail::Off,
        (0, 0) if is_terminal => LiveDetail::Usual,
        (1.., 0) => LiveDetail::Verbose,
        _ => LiveDetail::Off,
    };
    ServerView {
        live,
        timestamps: output.timestamps,
        role: ViewRole::Server(match options.behaviour.mode {
            cli::ServeMode::Sink => ReplyMode::Sink,
            _ => ReplyMode::Echo,
        }),
        reads_events: output.json,
    }
}

fn event_filter(
    output: &cli::ServeOutputArgs,
    behaviour: &cli::BehaviourArgs,
    live: LiveDetail,
) -> EventFilter {
    let (mode, is_played) = (behaviour.mode, behaviour.play.is_some());
    match live {
        _ if output.json || output.log.is_some() => EventFilter::Everything,
        LiveDetail::Verbose => EventFilter::Everything,
        _ if mode == cli::ServeMode::Sink => EventFilter::Connections,
        LiveDetail::Usual => EventFilter::Received,
        // The end of each test is the end of its connection.
        LiveDetail::Off if is_played => EventFilter::Connections,
        LiveDetail::Off => EventFilter::Counts,
    }
}
