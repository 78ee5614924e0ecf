//! `wsprobe serve`: a server to test against.

use std::io::{self, Write as _};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::cli::{self, Serve};
use crate::connection::Limits;
use crate::connection::close::{Code, Farewell};
use crate::connection::message::Text;
use crate::connection::tls::Own;
use crate::connection::tls::serving::Acceptor;
use crate::exit::Exit;
use crate::output::diagnostics::{Diagnostics, States};
use crate::output::escape::{Keep, escape};
use crate::output::events::EventWriter;
use crate::output::standard::Stdout;
use crate::output::style::Stream;
use crate::output::{Log, Notice, Printer, Sinks, Way};
use crate::secret::{Redactor, Secret, Source, io_text};
use crate::server::door::{Door, Login, Origins, Scheme};
use crate::server::faults::Bad;
use crate::server::journal::Interest;
use crate::server::listener::Listener;
use crate::server::plan::{Act, Mode, Plan, Step};
use crate::server::view::{self, Live, View};
use crate::server::{Ended, Server};
use crate::signals::{Signal, Signals};

use super::Mistake;
use super::prepare::{flush, when};

/// Runs the verb.
pub async fn run(options: Serve) -> anyhow::Result<Exit> {
    let begun = Instant::now();
    let mut redactor = Redactor::new(options.output.show_secrets);
    let place = Place::of(&options)?;
    let mut plan = plan(&options, &mut redactor)?;
    let (acceptor, fingerprint) = acceptor(&options.admission, &place)?;
    let mut sinks = sinks(&options.output, begun, redactor)?;
    raise_descriptor_limit();
    let listener = listen(&place).await?;
    if let Origins::Local { loopback } | Origins::These { loopback, .. } = &mut plan.door.origins {
        *loopback = listener.is_local();
    }
    // Who reads the address may end the server at once.
    let signals = Signals::new()?;
    let url = listener.url(acceptor.is_some());
    sinks.tell(|writer, out| writer.listening(out, &url, fingerprint.as_deref()));
    if !options.output.json {
        announce(&options.output, &url, fingerprint.as_deref());
    }
    if !listener.is_local() && options.output.quiet < 2 {
        sinks.say(Notice::Warning(&format!(
            "{place} is not only for this machine: whoever can reach it can connect"
        )));
    }
    let view = view(&options);
    let server = Server::new(
        listener,
        plan,
        acceptor,
        interest(&options.output, options.behaviour.mode, view.live),
    );
    let (ended, totals) = server.run(signals, &mut sinks, &view).await;
    sinks.turn_to(0, None);
    sinks.tell(|writer, out| writer.serve_stats(out, &totals));
    if view.live > Live::Off || options.output.verbose > 0 {
        sinks.say(Notice::Account(
            "*",
            &view::summary(&totals, begun.elapsed()),
        ));
    }
    flush(&mut sinks).await;
    match ended {
        Ended::Signal(Signal::Interrupt) => Ok(Exit::Interrupted),
        Ended::Signal(Signal::Terminate) => Ok(Exit::Terminated),
        Ended::Signal(Signal::HangUp) => Ok(Exit::HungUp),
        Ended::ReaderGone => Ok(Exit::Success),
        Ended::Output(error) => {
            let why = io_text(&error);
            Err(Mistake::output(format!("cannot write output: {why}")).into())
        }
    }
}

/// Where to listen.
enum Place {
    Tcp(String),
    Unix(std::path::PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Place {
    /// `8080` and `:8080` are ports of this machine alone.
    fn of(options: &Serve) -> Result<Self, Mistake> {
        if let Some(path) = &options.unix {
            return Ok(Self::Unix(path.clone()));
        }
        let typed = options.address.as_deref().unwrap_or_default();
        if let Some((_, rest)) = typed.split_once("://") {
            let address = rest.split('/').next().unwrap_or(rest);
            return Err(
                Mistake::usage(format!("'{typed}' is a URL, and serve takes an address"))
                    .hint(format!("wsprobe serve {address}")),
            );
        }
        let (host, port) = match typed.rsplit_once(':') {
            Some(("", port)) => ("127.0.0.1", port),
            Some((host, port)) => (host, port),
            None => ("127.0.0.1", typed),
        };
        // More than one colon is an IPv6 address, which needs its brackets.
        let is_ambiguous = host.contains(':') && !host.starts_with('[');
        if port.parse::<u16>().is_err() || is_ambiguous {
            return Err(
                Mistake::usage(format!("'{typed}' is no address to listen on")).hint(
                    "write a port (8080, or 0 for any) or ADDRESS:PORT (0.0.0.0:8080, [::1]:8080)",
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

async fn listen(place: &Place) -> Result<Listener, Mistake> {
    let (bound, hint) = match place {
        Place::Tcp(address) => (
            Listener::tcp(address).await,
            "another program has the port: port 0 picks a free one",
        ),
        Place::Unix(path) => (
            Listener::unix(path).await,
            "another program listens there, or the file is no socket",
        ),
    };
    bound.map_err(|error| {
        let mistake =
            Mistake::cannot_listen(format!("cannot listen on {place}: {}", io_text(&error)));
        match error.kind() {
            io::ErrorKind::AddrInUse => mistake.hint(hint),
            _ => mistake,
        }
    })
}

/// A thousand clients are a thousand descriptors, and 1024 is a usual limit.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Without it there are fewer clients, and those who come too late wait.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

fn announce(output: &cli::ServeOutput, url: &str, fingerprint: Option<&str>) {
    if output.quiet > 1 {
        return;
    }
    let shown = escape(url, Keep::Nothing);
    let mut lines = format!("listening on {shown}\n");
    if let Some(fingerprint) = fingerprint {
        lines.push_str(&format!(
            "certificate made for this run, SHA-256 {fingerprint}\n"
        ));
    }
    if Stream::stderr(when(output.color)).is_terminal && output.quiet == 0 && url.contains("://") {
        let page = url.replacen("ws", "http", 1);
        lines.push_str(&format!(
            "a browser gets a page at {page}; Ctrl-C ends it\n"
        ));
    }
    // Nothing can be done about a stderr that is gone.
    let _ = io::stderr().write_all(lines.as_bytes());
}

fn plan(options: &Serve, redactor: &mut Redactor) -> Result<Plan, Mistake> {
    let behaviour = &options.behaviour;
    let mode = match behaviour.mode {
        cli::Mode::Echo => Mode::Echo,
        cli::Mode::Broadcast => Mode::Broadcast,
        cli::Mode::Sink => Mode::Sink,
        cli::Mode::Silent => Mode::Silent,
    };
    if behaviour.reply.is_some() && mode != Mode::Echo {
        return Err(Mistake::usage(
            "--reply stands in place of the echo: --mode echo alone has one",
        ));
    }
    let mut text = |typed: &Option<String>| -> Result<Option<Text>, Mistake> {
        let read = typed.as_deref().map(|typed| given(typed, redactor));
        Ok(read.transpose()?.map(Text::from))
    };
    let (greeting, reply) = (text(&behaviour.greeting)?, text(&behaviour.reply)?);
    Ok(Plan {
        mode,
        greeting,
        reply,
        delay: options.faults.delay,
        steps: steps(&options.faults),
        ignores_pings: options.faults.no_pong,
        subprotocols: behaviour.subprotocols.clone(),
        compresses: !behaviour.no_compress,
        door: Door {
            status: options.faults.status,
            login: login(&options.admission, redactor)?,
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

/// The faults in the order in which they happen.
fn steps(faults: &cli::Faults) -> Vec<Step> {
    let bad = faults.bad.map(|bad| match bad {
        cli::Bad::Utf8 => Bad::Utf8,
        cli::Bad::Rsv => Bad::Rsv,
        cli::Bad::Opcode => Bad::Opcode,
        cli::Bad::Mask => Bad::Mask,
        cli::Bad::Length => Bad::Length,
    });
    let close = Act::Close(Farewell {
        code: Some(Code(faults.close_code)),
        reason: faults.close_reason.clone(),
    });
    let steps = [
        bad.map(|bad| (faults.bad_after, Act::Send(bad))),
        faults.close_after.map(|n| (n, close)),
        faults.drop_after.map(|n| (n, Act::Drop)),
        faults.stall_after.map(|n| (n, Act::Stall)),
    ];
    let steps = steps.into_iter().flatten();
    let mut steps: Vec<Step> = steps.map(|(after, act)| Step { after, act }).collect();
    steps.sort_by_key(|step| step.after);
    steps
}

fn login(typed: &cli::Admission, redactor: &mut Redactor) -> Result<Option<Login>, Mistake> {
    let (scheme, value) = match (&typed.auth, &typed.bearer) {
        (Some(typed), _) => {
            let pair = given(typed, redactor)?;
            let Some((_, password)) = pair.split_once(':') else {
                return Err(Mistake::usage(
                    "--auth names no password: write USER:PASSWORD",
                ));
            };
            redactor.learn(password);
            let encoded = BASE64.encode(&pair);
            redactor.learn(&encoded);
            (Scheme::Basic, format!("Basic {encoded}"))
        }
        (None, Some(typed)) => {
            let token = given(typed, redactor)?;
            redactor.learn(&token);
            (Scheme::Bearer, format!("Bearer {token}"))
        }
        (None, None) => return Ok(None),
    };
    let value = Secret::new(value);
    Ok(Some(Login { scheme, value }))
}

/// A text, or what `@FILE` or `env:NAME` holds.
fn given(typed: &str, redactor: &mut Redactor) -> Result<String, Mistake> {
    let source = Source::parse(typed);
    let text = source.read()?;
    if source.is_secret() {
        redactor.learn(&text);
    }
    Ok(text)
}

fn origins(typed: &[String]) -> Origins {
    match typed {
        [] => Origins::Local { loopback: true },
        list if list.iter().any(|origin| origin == "*") => Origins::Any,
        list => Origins::These {
            list: list.to_vec(),
            loopback: true,
        },
    }
}

fn acceptor(
    typed: &cli::Admission,
    place: &Place,
) -> Result<(Option<Acceptor>, Option<String>), Mistake> {
    if let Some(certificate) = &typed.cert {
        let own = Own {
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

fn sinks(output: &cli::ServeOutput, begun: Instant, redactor: Redactor) -> Result<Sinks, Mistake> {
    let printer = if output.json {
        Printer::Events(EventWriter::new(begun))
    } else {
        Printer::Report
    };
    let log = match &output.log {
        Some(path) => Some(Log::create(path, begun).map_err(Mistake::output)?),
        None => None,
    };
    let diagnostics = Diagnostics {
        stream: Stream::stderr(when(output.color)),
        verbose: 0,
        // The view has its own words for what happens here.
        quiet: u8::MAX,
        states: States::Elsewhere,
    };
    let way = Way::Stdout(Stdout::new(io::stdout()));
    Ok(Sinks::new(way, printer, diagnostics, log, redactor))
}

fn view(options: &Serve) -> View {
    let output = &options.output;
    let is_terminal = Stream::stderr(when(output.color)).is_terminal;
    let live = match (output.verbose, output.quiet) {
        // Whoever reads events is told in events.
        _ if output.json => Live::Off,
        (0, 0) if is_terminal => Live::Usual,
        (1.., 0) => Live::Verbose,
        _ => Live::Off,
    };
    View {
        live,
        timestamps: output.timestamps,
        mode: match options.behaviour.mode {
            cli::Mode::Sink => Mode::Sink,
            _ => Mode::Echo,
        },
        reads_events: output.json,
    }
}

fn interest(output: &cli::ServeOutput, mode: cli::Mode, live: Live) -> Interest {
    match live {
        _ if output.json || output.log.is_some() => Interest::Everything,
        Live::Verbose => Interest::Everything,
        _ if mode == cli::Mode::Sink => Interest::Connections,
        Live::Usual => Interest::Received,
        Live::Off => Interest::Counts,
    }
}
