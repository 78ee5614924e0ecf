//! From what was typed to what is meant, for every verb that connects. All that can fail without a
//! packet fails here.

use std::time::Instant;

use crate::cli::{self, Shared};
use crate::connection::backoff::{self, Exceptions};
use crate::connection::message::Text;
use crate::connection::target::{Address, Header, Request};
use crate::connection::tls::{Tls, Trust};
use crate::connection::{Limits, Target};
use crate::exit::Exit;
use crate::input::Input;
use crate::link::comeback::Persistence;
use crate::link::heartbeat::Heartbeat;
use crate::link::{Link, Policy};
use crate::output::events::EventWriter;
use crate::output::messages::Layout;
use crate::output::stdout::Stdout;
use crate::output::style::{Stream, When};
use crate::output::talk::Talk;
use crate::output::{Log, Printer, Sinks, Way};
use crate::report;
use crate::secret::{Redactor, Source, is_token_like};
use crate::server;
use crate::session::{self, Session};
use crate::stop::StopRule;

use super::Mistake;

/// A verb's session, ready to run but for its own values.
pub struct Prepared {
    /// The link's values.
    pub policy: Policy,
    /// The URL, for errors and statistics.
    pub what: String,
    /// The options.
    pub shared: Shared,
    /// What stdout can show.
    pub stdout: Stream,
    begun: Instant,
    redactor: Redactor,
}

/// Reads the shared options of a verb and starts the built-in server for `echo:`.
pub async fn prepare(url: &str, shared: Shared) -> anyhow::Result<Prepared> {
    let begun = Instant::now();
    let mut redactor = Redactor::new(shared.output.show_secrets);
    let policy = policy(url, &shared, &mut redactor).await?;
    let what = policy.target.address.shown.clone();
    let stdout = Stream::stdout(when(shared.output.color));
    Ok(Prepared {
        policy,
        what,
        shared,
        stdout,
        begun,
        redactor,
    })
}

/// What a link to a URL does by the shared options; starts the built-in server for `echo:`.
pub async fn policy(url: &str, shared: &Shared, redactor: &mut Redactor) -> anyhow::Result<Policy> {
    let on_open = messages_on_open(&shared.messages.execute, redactor)?;
    let request = request(&shared.handshake, &shared.compression, redactor);
    let trust = Trust {
        insecure: shared.tls.insecure,
        extra_roots: shared.tls.cacert.clone(),
    };
    let limits = Limits {
        connect: shared.timing.connect_timeout,
        close: shared.timing.close_timeout,
        max_size: usize::try_from(shared.messages.max_size).unwrap_or(usize::MAX),
    };
    // A CA file that cannot be used is a mistake even where TLS is not used.
    let mut tls = match trust.extra_roots.as_slice() {
        [] => None,
        _ => Some(Tls::new(&trust).map_err(Mistake::from)?),
    };
    let address = address(url, limits.max_size).await?;
    if address.secure && tls.is_none() {
        tls = Some(Tls::new(&trust).map_err(Mistake::from)?);
    }
    if let Some((_, password)) = &address.user_info {
        redactor.learn(password);
    }
    let tls = tls.filter(|_| address.secure);
    Ok(Policy {
        target: Target {
            address,
            request,
            tls,
            limits,
            trace: shared.output.verbose > 1,
        },
        on_open,
        persistence: persistence(&shared.persistence),
        heartbeat: heartbeat(&shared.persistence),
    })
}

fn persistence(typed: &cli::Persistence) -> Persistence {
    Persistence {
        retry: typed.retry,
        reconnect: typed.reconnect,
        exceptions: Exceptions(typed.reconnect_on.clone()),
        backoff: typed.backoff,
        jitter: backoff::random,
    }
}

fn heartbeat(typed: &cli::Persistence) -> Option<Heartbeat> {
    typed.ping_interval.map(|interval| Heartbeat {
        interval,
        timeout: typed.ping_timeout,
        message: typed.heartbeat.as_deref().map(Text::from),
    })
}

/// What is unwise about an address: said by `check`, and by `-v` elsewhere.
pub fn risks(address: &Address) -> Vec<String> {
    let mut risks = Vec::new();
    if !address.secure && !address.is_local() {
        risks.push(
            "not encrypted: whoever is on the way can read and change it; wss:// is not".to_owned(),
        );
    }
    let query = address
        .request_target
        .split_once('?')
        .map_or("", |(_, query)| query);
    let names = query.split('&').filter_map(|pair| pair.split_once('='));
    if let Some((name, _)) = names.into_iter().find(|(name, _)| is_token_like(name)) {
        risks.push(format!(
            "{name} in the URL ends up in logs on the way: a header or a first message (-x) does not"
        ));
    }
    risks
}

async fn address(url: &str, max_size: usize) -> anyhow::Result<Address> {
    if url != "echo:" {
        return Ok(Address::parse(url).map_err(Mistake::from)?);
    }
    let bound = server::start_echo(max_size).await?;
    let address = Address::parse(&format!("ws://{bound}/")).map_err(Mistake::from)?;
    Ok(Address {
        shown: "echo:".to_owned(),
        ..address
    })
}

/// The `-x` messages, each read once now so that one that cannot be read is known before the first
/// packet.
fn messages_on_open(typed: &[String], redactor: &mut Redactor) -> Result<Vec<Source>, Mistake> {
    let sources: Vec<Source> = typed.iter().map(|text| Source::parse(text)).collect();
    for source in &sources {
        let value = source.read()?;
        if source.is_secret() {
            redactor.learn(&value);
        }
    }
    Ok(sources)
}

fn request(
    handshake: &cli::Handshake,
    compression: &cli::Compression,
    redactor: &mut Redactor,
) -> Request {
    let mut headers = handshake.headers.clone();
    if let Some(origin) = &handshake.origin {
        headers.push(Header::new("Origin", origin));
    }
    for header in &headers {
        if crate::secret::is_credential_header(&header.name)
            && let Some(value) = &header.value
        {
            redactor.learn(value);
        }
    }
    let offered =
        (!compression.no_compress).then(|| compression.compress.clone().unwrap_or_default());
    Request {
        headers,
        subprotocols: handshake.subprotocols.clone(),
        compression: offered,
    }
}

/// The command line's `When` as the output's.
pub fn when(typed: cli::When) -> When {
    match typed {
        cli::When::Auto => When::Auto,
        cli::When::Always => When::Always,
        cli::When::Never => When::Never,
    }
}

impl Prepared {
    /// How messages are laid out on stdout.
    pub fn layout(&self, null: bool) -> Layout {
        let pretty = match self.shared.output.pretty {
            cli::When::Auto => self.stdout.is_terminal,
            cli::When::Always => true,
            cli::When::Never => false,
        };
        Layout {
            terminal: self.stdout.is_terminal,
            pretty,
            colour: self.stdout.colour,
            timestamps: self.shared.output.timestamps,
            delimiter: if null { 0 } else { b'\n' },
            mark: "",
        }
    }

    /// Sinks on the standard streams; `printer` is what stdout is made of without `--json`.
    pub fn sinks(&self, printer: Printer) -> anyhow::Result<Sinks> {
        self.sinks_by(Way::Stdout(Stdout::new()), printer)
    }

    /// Sinks that go another way.
    pub fn sinks_by(&self, way: Way, printer: Printer) -> anyhow::Result<Sinks> {
        let output = &self.shared.output;
        let printer = if output.json {
            Printer::Events(EventWriter::new(self.begun))
        } else {
            printer
        };
        let log = match &output.log {
            Some(path) => Some(Log::create(path, self.begun).map_err(Mistake::output)?),
            None => None,
        };
        let is_report = matches!(printer, Printer::Report);
        let talk = Talk {
            stream: Stream::stderr(when(output.color)),
            verbose: output.verbose,
            // Whoever reads events is told in events, whoever reads a report by the report.
            quiet: output.quiet.max(u8::from(output.json || is_report)),
            session: matches!(way, Way::Editor(_)),
        };
        Ok(Sinks::new(way, printer, talk, log, self.redactor.clone()))
    }

    /// Runs the session and tells how it ended.
    pub async fn run(
        self,
        input: Input,
        stop: &mut StopRule,
        sinks: &mut Sinks,
    ) -> anyhow::Result<Exit> {
        if self.shared.output.verbose > 0 {
            for risk in risks(&self.policy.target.address) {
                sinks.say(&risk);
            }
        }
        let session = Session {
            link: Link::new(self.policy),
            input,
            stop,
            sinks,
            farewell: self.shared.messages.close,
            max_time: self.shared.timing.max_time,
        };
        let outcome = session::run(session).await?;
        Ok(report::outcome(&outcome, &self.what, sinks))
    }
}

/// Writes what is still buffered. A reader that is gone, or does not read, has had its time.
pub async fn flush(sinks: &mut Sinks) {
    let drain = std::future::poll_fn(|cx| sinks.poll_drain(cx));
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), drain).await;
}
