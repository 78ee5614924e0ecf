//! `wsprobe proxy`: stands between clients and a server.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::cli::{BinaryOutput, ColourChoice, ProxyArgs, ProxyRecordArgs};
use crate::connection::target::Endpoint;
use crate::connection::{Limits, Target};
use crate::event::Event;
use crate::exit::Exit;
use crate::named_file;
use crate::output::diagnostics::{Diagnostics, StateLines};
use crate::output::events::EventWriter;
use crate::output::message_layout::{LINES_LIMIT, Layout, TimeForm};
use crate::output::standard_streams::Stdout;
use crate::output::style::OutputStream;
use crate::output::{Destination, Log, Notice, Printer, Sinks, TrafficView};
use crate::recording::recorder::{EventRecorder, RecordingLimit};
use crate::report;
use crate::secret::{Redactor, io_text};
use crate::server::access::AccessPolicy;
use crate::server::config::{ReplyMode, ServerConfig};
use crate::server::event_queue::EventFilter;
use crate::server::upstream::Upstream;
use crate::server::view::{self, LiveDetail, ServerView, ViewRole};
use crate::server::{Observers, Server, ServerEnd, TrafficRecorder};
use crate::signals::{Signal, Signals};
use crate::stop::TrafficRule;

use super::UsageError;
use super::filling::Filling;
use super::listening::{
    Announcement, ListenAddress, ListenerCertificate, acceptor, know_listener, listen, origins,
    planned_faults, raise_descriptor_limit,
};
use super::prepare::{TargetOptions, flush, target, when, without_secrets};

/// Runs the command.
///
/// # Errors
/// Bad usage, an address that cannot be listened on (exit 7), or output that cannot be written (exit 23).
pub async fn run(options: ProxyArgs) -> anyhow::Result<Exit> {
    let begun = Instant::now();
    let place = ListenAddress::parse(&options.address, "proxy")?;
    let mut redactor = Redactor::new(options.output.show_secrets);
    let (target, secrets) = upstream(&options)
        .await
        .map_err(|error| without_secrets(error, &redactor))?;
    redactor.learn_all(&secrets);
    reject_circle(&place, &target)?;
    let what = target.address.shown.clone();
    let mut config = config(&options, target);
    let certificate = ListenerCertificate {
        chain: options.admission.listen_cert.as_ref(),
        key: options.admission.listen_key.as_ref(),
        is_generated: options.admission.self_signed,
    };
    let (acceptor, fingerprint) = acceptor(&certificate, &place)?;
    let mut sinks = sinks(&options, begun, redactor)?;
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
            what: &format!(" for {what}"),
            fingerprint: fingerprint.as_deref(),
            on_terminal: None,
        }
        .print();
    }
    if !listener.is_local() && options.output.quiet < 2 {
        sinks.notify(Notice::Warning(&format!(
            "{place} is reachable from other machines, not only from this one"
        )));
    }
    let view = view(&options);
    let mut files = TrafficFiles::create(&options.record)?;
    let mut rule = rule(&options, begun);
    let server = Server::new(listener, config, acceptor, EventFilter::Everything);
    let observers = Observers {
        view: &view,
        rule: Some(&mut rule),
        recorder: files
            .as_mut()
            .map(|files| files as &mut dyn TrafficRecorder),
    };
    let (ended, totals) = server.run(signals, &mut sinks, observers).await;
    sinks.turn_to(0, None);
    sinks.write_custom_event(|writer, out| writer.serve_stats(out, &totals));
    if view.live > LiveDetail::Off {
        let text = view::summary(&totals, begun.elapsed(), view.role);
        sinks.notify(Notice::Account("*", &text));
    }
    let written = files.map_or(Ok(()), |files| files.write(&mut sinks));
    let exit = exit(ended, &what, &mut sinks);
    flush(&mut sinks).await;
    written?;
    exit
}

/// The files of `--save` and `--har`, which are written at the end.
struct TrafficFiles {
    recorder: EventRecorder,
    check_file: Option<PathBuf>,
    har: Option<(PathBuf, Box<dyn Write>)>,
    /// The connections for which the server was asked.
    running: HashSet<u64>,
}

impl TrafficFiles {
    /// Creates the files, so that what cannot be written is known before anything is recorded.
    fn create(options: &ProxyRecordArgs) -> Result<Option<Self>, UsageError> {
        let mut recorder =
            EventRecorder::of_traffic("Recorded by wsprobe proxy", RecordingLimit::FILE);
        if let Some(path) = &options.save {
            recorder
                .create(path)
                .map_err(|error| unwritten(path, &io_text(&error)))?;
        }
        let har = match &options.har {
            Some(path) => {
                let file = named_file::create(path);
                let file = file.map_err(|error| unwritten(path, &io_text(&error)))?;
                Some((path.clone(), named_file::writer(file)))
            }
            None => None,
        };
        let is_wanted = options.save.is_some() || har.is_some();
        Ok(is_wanted.then(|| Self {
            recorder,
            check_file: options.save.clone(),
            har,
            running: HashSet::new(),
        }))
    }

    fn write(mut self, sinks: &mut Sinks) -> Result<(), UsageError> {
        if let Some(path) = &self.check_file {
            self.recorder
                .save_check_file(path, sinks.redactor())
                .map_err(|why| unwritten(path, &why))?;
        }
        if let Some((path, file)) = &mut self.har {
            self.recorder
                .save_har(file, sinks.redactor())
                .map_err(|why| unwritten(path, &why))?;
        }
        Ok(())
    }
}

fn unwritten(path: &Path, why: &str) -> UsageError {
    UsageError::output(format!("cannot write {}: {why}", path.display()))
}

impl TrafficRecorder for TrafficFiles {
    fn on_event(&mut self, connection: u64, at: Instant, event: &Event) {
        if let Event::Connecting { .. } = event {
            self.running.insert(connection);
        }
        if self.running.contains(&connection) {
            self.recorder.record(connection, at, event);
        }
        if let Event::Close(_) | Event::Failed(..) = event {
            self.running.remove(&connection);
        }
    }
}

/// Each connection of a proxy to itself would open another one.
fn reject_circle(place: &ListenAddress, target: &Target) -> Result<(), UsageError> {
    match &target.address.endpoint {
        Endpoint::Tcp { host, port }
            if target.route.unix_socket.is_none() && place.leads_here(host, *port) =>
        {
            let url = &target.address.shown;
            Err(
                UsageError::usage(format!("{url} is the address that the proxy listens on"))
                    .hint("give the proxy another port, such as 0 for a free one"),
            )
        }
        _ => Ok(()),
    }
}

fn exit(ended: ServerEnd, what: &str, sinks: &mut Sinks) -> anyhow::Result<Exit> {
    match ended {
        ServerEnd::Signal(Signal::Interrupt) => Ok(Exit::Interrupted),
        ServerEnd::Signal(Signal::Terminate) => Ok(Exit::Terminated),
        ServerEnd::Signal(Signal::HangUp) => Ok(Exit::HungUp),
        ServerEnd::ReaderGone | ServerEnd::Done | ServerEnd::Played(_) => Ok(Exit::Success),
        ServerEnd::Failed(failure) => Ok(report::failure(&failure, what, sinks)),
        ServerEnd::Output(error) => {
            let why = io_text(&error);
            Err(UsageError::output(format!("cannot write output: {why}")).into())
        }
    }
}

async fn upstream(options: &ProxyArgs) -> anyhow::Result<(Target, Vec<String>)> {
    let target_options = TargetOptions {
        handshake: &options.handshake,
        compression: &options.compression,
        tls: &options.tls,
        network: &options.network,
        limits: limits(options),
        files: named_file::ReadLimits::default(),
        output: &options.output,
    };
    target(&options.url, &target_options, &Filling::nothing()).await
}

fn limits(options: &ProxyArgs) -> Limits {
    Limits {
        connect: options.timing.connect_timeout,
        close: options.timing.close_timeout,
        max_size: usize::try_from(options.limits.max_size).unwrap_or(usize::MAX),
    }
}

fn config(options: &ProxyArgs, target: Target) -> ServerConfig {
    ServerConfig {
        mode: ReplyMode::Silent,
        greeting: None,
        reply: None,
        play: None,
        delay: options.faults.delay,
        steps: planned_faults(&options.faults),
        ignores_pings: true,
        subprotocols: Vec::new(),
        compresses: !options.compression.no_compress,
        access: AccessPolicy {
            origins: origins(&options.admission.allow_origin),
            ..AccessPolicy::open()
        },
        limits: limits(options),
        max_clients: options.limits.max_clients as usize,
        trace: options.output.verbose > 1,
        upstream: Some(Upstream::new(target)),
    }
}

fn rule(options: &ProxyArgs, begun: Instant) -> TrafficRule {
    let verdict = &options.verdict;
    TrafficRule::new(
        verdict.until.clone(),
        verdict.never.clone(),
        verdict.span,
        verdict.count,
        begun,
    )
}

fn sinks(options: &ProxyArgs, begun: Instant, redactor: Redactor) -> Result<Sinks, UsageError> {
    let output = &options.output;
    let stdout = OutputStream::stdout(when(output.color));
    let printer = if output.json {
        Printer::Events(EventWriter::new(begun))
    } else {
        Printer::Traffic(TrafficView::new(layout(options, &stdout)))
    };
    let log = match &output.log {
        Some(path) => Some(Log::create(path, begun).map_err(UsageError::output)?),
        None => None,
    };
    let diagnostics = Diagnostics {
        stream: OutputStream::stderr(when(output.color)),
        verbose: 0,
        // The view prints its own lines to stderr.
        quiet: u8::MAX,
        warns: output.quiet == 0,
        states: StateLines::Elsewhere,
    };
    let destination = Destination::Stdout(Stdout::new(io::stdout()));
    Ok(Sinks::new(destination, printer, diagnostics, log, redactor).since(begun))
}

fn layout(options: &ProxyArgs, stdout: &OutputStream) -> Layout {
    let output = &options.output;
    let binary: BinaryOutput = options.record.binary_output;
    Layout {
        terminal: stdout.is_terminal,
        pretty: match output.pretty {
            ColourChoice::Auto => stdout.is_terminal,
            ColourChoice::Always => true,
            ColourChoice::Never => false,
        },
        colour: stdout.colour,
        palette: stdout.palette,
        timestamps: output.timestamps,
        clock: TimeForm::Utc,
        reply_after: None,
        lines: LINES_LIMIT,
        binary: binary.into(),
        delimiter: b'\n',
        mark: "",
        connection: 0,
        open_line: false,
    }
}

fn view(options: &ProxyArgs) -> ServerView {
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
        role: ViewRole::Proxy,
        reads_events: true,
    }
}
