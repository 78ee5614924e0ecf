//! `wsprobe serve`: runs a test server.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::cli::{self, ServeArgs};
use crate::connection::Limits;
use crate::connection::close::{CloseCode, CloseFrame};
use crate::connection::tls::ClientIdentity;
use crate::connection::tls::serving::Acceptor;
use crate::exit::Exit;
use crate::named_file::{self, ReadLimits};
use crate::output::diagnostics::{Diagnostics, StateLines};
use crate::output::escape::{KeptControls, escape};
use crate::output::events::EventWriter;
use crate::output::standard_streams::Stdout;
use crate::output::style::OutputStream;
use crate::output::{Destination, Log, Notice, Printer, Sinks};
use crate::secret::{Redactor, Secret, SecretSource, io_text};
use crate::server::access::{AccessPolicy, AllowedOrigins, AuthScheme, RequiredLogin};
use crate::server::config::{FaultAction, PlannedFault, ReplyMode, ServerConfig};
use crate::server::event_queue::EventFilter;
use crate::server::faults::BadFrame;
use crate::server::listener::Listener;
use crate::server::play::{PlayError, PlayPlan};
use crate::server::view::{self, LiveDetail, ServerView};
use crate::server::{Server, ServerEnd};
use crate::signals::{Signal, Signals};
use crate::template::{Template, Variable};

use super::UsageError;
use super::filling::served;
use super::prepare::{flush, when};

/// Runs the command.
///
/// # Errors
/// Bad usage, an address that cannot be listened on (exit 7), or output that cannot be written (exit 23).
pub async fn run(options: ServeArgs) -> anyhow::Result<Exit> {
    let begun = Instant::now();
    let place = ListenAddress::of(&options)?;
    let mut secrets = Vec::new();
    let mut config = config(&options, &mut secrets)?;
    let mut redactor = Redactor::new(options.output.show_secrets);
    redactor.learn_all(&secrets);
    let (acceptor, fingerprint) = acceptor(&options.admission, &place)?;
    let mut sinks = sinks(&options.output, begun, redactor)?;
    raise_descriptor_limit();
    let listener = listen(&place).await?;
    if let AllowedOrigins::Local { loopback } | AllowedOrigins::These { loopback, .. } =
        &mut config.access.origins
    {
        *loopback = listener.is_local();
    }
    // Before the address is printed, since its reader may send a signal at once.
    let signals = Signals::new()?;
    let url = listener.url(acceptor.is_some());
    sinks.write_custom_event(|writer, out| writer.listening(out, &url, fingerprint.as_deref()));
    if !options.output.json {
        announce(&options.output, &url, fingerprint.as_deref());
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
    let (ended, totals) = server.run(signals, &mut sinks, &view).await;
    sinks.turn_to(0, None);
    sinks.write_custom_event(|writer, out| writer.serve_stats(out, &totals));
    if view.live > LiveDetail::Off || options.output.verbose > 0 {
        sinks.notify(Notice::Account(
            "*",
            &view::summary(&totals, begun.elapsed()),
        ));
    }
    flush(&mut sinks).await;
    match ended {
        ServerEnd::Signal(Signal::Interrupt) => Ok(Exit::Interrupted),
        ServerEnd::Signal(Signal::Terminate) => Ok(Exit::Terminated),
        ServerEnd::Signal(Signal::HangUp) => Ok(Exit::HungUp),
        ServerEnd::ReaderGone | ServerEnd::Played(0) => Ok(Exit::Success),
        ServerEnd::Played(_) => Ok(Exit::Expectation),
        ServerEnd::Output(error) => {
            let why = io_text(&error);
            Err(UsageError::output(format!("cannot write output: {why}")).into())
        }
    }
}

/// The address to listen on.
enum ListenAddress {
    Tcp(String),
    Unix(std::path::PathBuf),
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl ListenAddress {
    /// Parses the address; `8080` and `:8080` mean 127.0.0.1:8080.
    fn of(options: &ServeArgs) -> Result<Self, UsageError> {
        if let Some(path) = &options.unix {
            return Ok(Self::Unix(path.clone()));
        }
        let typed = options.address.as_deref().unwrap_or_default();
        if let Some((_, rest)) = typed.split_once("://") {
            let address = rest.split('/').next().unwrap_or(rest);
            return Err(UsageError::usage(format!(
                "expected an address to listen on, found the URL '{typed}'"
            ))
            .hint(format!("wsprobe serve {address}")));
        }
        let (host, port) = match typed.rsplit_once(':') {
            Some(("", port)) => ("127.0.0.1", port),
            Some((host, port)) => (host, port),
            None => ("127.0.0.1", typed),
        };
        // An IPv6 address contains colons, so it needs brackets to be told from the port.
        let is_ambiguous = host.contains(':') && !host.starts_with('[');
        if port.parse::<u16>().is_err() || is_ambiguous {
            return Err(
                UsageError::usage(format!("invalid listen address '{typed}'")).hint(
                    "use a port (8080, or 0 for any) or ADDRESS:PORT (0.0.0.0:8080, [::1]:8080)",
                ),
            );
        }
        Ok(Self::Tcp(format!("{host}:{port}")))
    }

    /// The host part, without brackets.
    fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp(address) => {
                let (host, _) = address.rsplit_once(':')?;
                Some(host.trim_start_matches('[').trim_end_matches(']'))
            }
            Self::Unix(_) => None,
        }
    }
}

async fn listen(place: &ListenAddress) -> Result<Listener, UsageError> {
    let (bound, hint) = match place {
        ListenAddress::Tcp(address) => (
            Listener::tcp(address).await,
            "another program is using this port; port 0 picks a free one",
        ),
        ListenAddress::Unix(path) => (
            Listener::unix(path).await,
            "another program is listening on this socket, or the file is not a socket",
        ),
    };
    bound.map_err(|error| {
        let usage_error =
            UsageError::cannot_listen(format!("cannot listen on {place}: {}", io_text(&error)));
        match error.kind() {
            io::ErrorKind::AddrInUse => usage_error.hint(hint),
            _ => usage_error,
        }
    })
}

/// Raises the soft limit of file descriptors to the hard limit: each client needs one, and 1024 is a common limit.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // If it fails, fewer clients can connect at a time; the others wait.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

fn announce(output: &cli::ServeOutputArgs, url: &str, fingerprint: Option<&str>) {
    if output.quiet > 1 {
        return;
    }
    let shown = escape(url, KeptControls::Nothing);
    let mut lines = format!("listening on {shown}\n");
    if let Some(fingerprint) = fingerprint {
        lines.push_str(&format!(
            "certificate generated for this run, SHA-256 {fingerprint}\n"
        ));
    }
    if OutputStream::stderr(when(output.color)).is_terminal
        && output.quiet == 0
        && url.contains("://")
    {
        let page = url.replacen("ws", "http", 1);
        lines.push_str(&format!(
            "test page for browsers: {page}; press Ctrl-C to stop\n"
        ));
    }
    // If stderr is closed, there is nowhere to report the error.
    let _ = io::stderr().write_all(lines.as_bytes());
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
        steps: steps(&options.faults),
        ignores_pings: options.faults.no_pong,
        subprotocols: behaviour.subprotocols.clone(),
        compresses: !behaviour.no_compress,
        access: AccessPolicy {
            status: options.faults.status,
            login: login(&options.admission, secrets)?,
            origins: origins(&options.admission.allow_origin),
        },
        limits: Limits {
            max_size: usize::try_from(options.limits.max_size).unwrap_or(usize::MAX),
            ..Limits::default()
        },
        max_clients: options.limits.max_clients as usize,
        trace: options.output.verbose > 1,
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

/// The faults in the order in which they are triggered.
fn steps(faults: &cli::FaultArgs) -> Vec<PlannedFault> {
    let bad = faults.bad.map(|bad| match bad {
        cli::BadFrameName::Utf8 => BadFrame::Utf8,
        cli::BadFrameName::Rsv => BadFrame::Rsv,
        cli::BadFrameName::Opcode => BadFrame::Opcode,
        cli::BadFrameName::Mask => BadFrame::Mask,
        cli::BadFrameName::Length => BadFrame::Length,
    });
    let close = FaultAction::Close(CloseFrame {
        code: Some(CloseCode(faults.close_code)),
        reason: faults.close_reason.clone(),
    });
    let steps = [
        bad.map(|bad| (faults.bad_after, FaultAction::Send(bad))),
        faults.close_after.map(|n| (n, close)),
        faults.drop_after.map(|n| (n, FaultAction::Drop)),
        faults.stall_after.map(|n| (n, FaultAction::Stall)),
    ];
    let steps = steps.into_iter().flatten();
    let mut steps: Vec<PlannedFault> = steps
        .map(|(after, act)| PlannedFault { after, act })
        .collect();
    steps.sort_by_key(|step| step.after);
    steps
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

fn origins(typed: &[String]) -> AllowedOrigins {
    match typed {
        [] => AllowedOrigins::Local { loopback: true },
        list if list.iter().any(|origin| origin == "*") => AllowedOrigins::Any,
        list => AllowedOrigins::These {
            list: list.to_vec(),
            loopback: true,
        },
    }
}

fn acceptor(
    typed: &cli::AccessArgs,
    place: &ListenAddress,
) -> Result<(Option<Acceptor>, Option<String>), UsageError> {
    if let Some(certificate) = &typed.cert {
        let own = ClientIdentity {
            certificate: certificate.clone(),
            key: typed.key.clone(),
        };
        return Ok((Some(Acceptor::from_files(&own)?), None));
    }
    if !typed.self_signed {
        return Ok((None, None));
    }
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let host = place.host().map(str::to_owned);
    let is_new = |host: &String| !names.contains(host) && !["0.0.0.0", "::"].contains(&&**host);
    if let Some(host) = host.filter(is_new) {
        names.push(host);
    }
    let (acceptor, fingerprint) = Acceptor::self_signed(names)?;
    Ok((Some(acceptor), Some(fingerprint)))
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
        mode: match options.behaviour.mode {
            cli::ServeMode::Sink => ReplyMode::Sink,
            _ => ReplyMode::Echo,
        },
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
