//! From what was typed to what is meant, for every verb that connects. All that can fail without a
//! packet fails here.

use std::time::Instant;

use crate::cli::{self, Shared};
use crate::connection::backoff::{self, Exceptions};
use crate::connection::dial::{Family, Route};
use crate::connection::message::Text;
use crate::connection::proxy::Proxies;
use crate::connection::redirect::without_credentials;
use crate::connection::target::{
    Address, Credentials, Endpoint, Header, Request, Subprotocol, subprotocols_in,
};
use crate::connection::tls::{Own, Terms, Tls};
use crate::connection::{Limits, Target};
use crate::exit::Exit;
use crate::input::Input;
use crate::link::comeback::Persistence;
use crate::link::heartbeat::Heartbeat;
use crate::link::{Asking, Link, Policy};
use crate::named_file;
use crate::output::diagnostics::{Diagnostics, States};
use crate::output::events::EventWriter;
use crate::output::messages::Layout;
use crate::output::standard::Stdout;
use crate::output::style::{Stream, When};
use crate::output::{Log, Notice, Printer, Sinks, Way};
use crate::report;
use crate::secret::guess::is_secret_subprotocol;
use crate::secret::{Redactor, SEARCHED_FROM, Secret, Source, is_credential_header, is_token_like};
use crate::server;
use crate::session::{self, Person, Session};
use crate::stop::StopRule;

use super::Mistake;
use super::password::password_for;

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
    /// Who types what is sent, in place of an input.
    pub person: Option<Box<dyn Person>>,
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
        person: None,
        begun,
        redactor,
    })
}

/// What a link to a URL does by the shared options; starts the built-in server for `echo:`.
pub async fn policy(url: &str, shared: &Shared, redactor: &mut Redactor) -> anyhow::Result<Policy> {
    let files = files(shared);
    let on_open = messages_on_open(shared, files, redactor)?;
    let mut request = request(&shared.handshake, &shared.compression, files, redactor)?;
    let tls = Tls::new(&terms(&shared.tls, files)?).map_err(Mistake::from)?;
    let limits = Limits {
        connect: shared.timing.connect_timeout,
        close: shared.timing.close_timeout,
        max_size: usize::try_from(shared.messages.max_size).unwrap_or(usize::MAX),
    };
    let (mut route, mut proxies) = (route(&shared.network), proxies(&shared.network)?);
    let address = address(url, limits.max_size).await?;
    if url == "echo:" {
        // The built-in server is in this process: nothing stands before it.
        (route, proxies) = (Route::default(), Proxies::default());
    }
    let address = shown(address, &proxies, redactor)?;
    request.credentials = credentials(&shared.handshake, files, redactor)?;
    Ok(Policy {
        target: Target {
            address,
            request,
            route,
            proxies,
            max_redirects: shared
                .handshake
                .location
                .then_some(shared.handshake.max_redirects),
            http2: shared.handshake.http2,
            tls,
            limits,
            trace: shared.output.verbose > 1,
        },
        on_open,
        persistence: persistence(&shared.persistence),
        heartbeat: heartbeat(&shared.persistence),
        asking: Asking::default(),
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
    let bound = server::start_echo(max_size).await.map_err(|error| {
        let why = crate::secret::io_text(&error);
        Mistake::cannot_listen(format!("echo: cannot listen on 127.0.0.1: {why}"))
    })?;
    let address = Address::parse(&format!("ws://{bound}/")).map_err(Mistake::from)?;
    Ok(Address {
        shown: "echo:".to_owned(),
        ..address
    })
}

/// The same as `target` at another address. Credentials stay behind when it is of another origin; then
/// the second value says so.
pub async fn elsewhere(url: &str, target: &Target) -> anyhow::Result<(Target, Option<String>)> {
    let address = address(url, target.limits.max_size).await?;
    let mut moved = Target {
        address,
        ..target.clone()
    };
    if url == "echo:" {
        moved.route = Route::default();
    }
    if moved.address.is_same_origin(&target.address) {
        return Ok((moved, None));
    }
    moved.request = without_credentials(&target.request);
    let left_behind = moved.request.headers != target.request.headers
        || moved.request.subprotocols != target.request.subprotocols
        || target.request.credentials.is_some();
    moved.request.credentials = None;
    let note = left_behind.then(|| {
        format!(
            "the credentials for {} are not sent to {}",
            target.address.shown, moved.address.shown
        )
    });
    Ok((moved, note))
}

/// How much of the files that options name is read, and for how long.
fn files(shared: &Shared) -> named_file::Limits {
    named_file::Limits {
        time: shared.timing.max_time.unwrap_or(named_file::USUAL_TIME),
        ..named_file::Limits::default()
    }
}

/// The `-x` messages, each read once now so that one that cannot be read is known before the first
/// packet.
fn messages_on_open(
    shared: &Shared,
    files: named_file::Limits,
    redactor: &mut Redactor,
) -> Result<Vec<Source>, Mistake> {
    let sources = shared.messages.execute.clone();
    let limits = named_file::Limits {
        size: shared.messages.max_size,
        ..files
    };
    for source in &sources {
        let value = source.read_within(limits)?;
        if source.is_secret() {
            redactor.learn(&value);
        }
    }
    Ok(sources)
}

/// The address as it may be shown, with the passwords on the way to it learnt.
fn shown(address: Address, proxies: &Proxies, redactor: &mut Redactor) -> Result<Address, Mistake> {
    for secret in address.secrets() {
        redactor.learn(&secret);
    }
    if let Endpoint::Tcp { host, port } = &address.endpoint
        && let Some(proxy) = proxies.before(host, *port, address.secure)?
        && let Some((user, password)) = &proxy.credentials
    {
        learn_basic(user, password.reveal(), redactor);
    }
    Ok(if redactor.shows_secrets() && address.shown != "echo:" {
        Address {
            shown: address.unmasked.clone(),
            ..address
        }
    } else {
        address
    })
}

fn learn_basic(user: &str, password: &str, redactor: &mut Redactor) {
    redactor.learn(password);
    let header = Header::basic(user, password);
    let encoded = header.value.as_deref().unwrap_or_default();
    redactor.learn(encoded.trim_start_matches("Basic "));
}

fn request(
    handshake: &cli::Handshake,
    compression: &cli::Compression,
    files: named_file::Limits,
    redactor: &mut Redactor,
) -> Result<Request, Mistake> {
    let mut headers = Vec::new();
    for given in &handshake.headers {
        match given {
            cli::GivenHeader::Line(header) => headers.push(header.clone()),
            cli::GivenHeader::Kept(source) => {
                headers.extend(headers_of(source, files, redactor)?);
            }
        }
    }
    add_own(&mut headers, handshake, redactor);
    for header in &headers {
        let Some(value) = &header.value else { continue };
        if is_credential_header(&header.name) {
            learn_credential(value, redactor);
        }
        if header.name.eq_ignore_ascii_case("sec-websocket-protocol") {
            let mut offered: Vec<_> = subprotocols_in([&**value]).map(Subprotocol::new).collect();
            mark_secrets(&mut offered);
            let secret = offered.iter().filter(|offered| offered.is_secret);
            secret.for_each(|offered| learn_subprotocol(&offered.name, redactor));
        }
    }
    let offered =
        (!compression.no_compress).then(|| compression.compress.clone().unwrap_or_default());
    let is_given = headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("sec-websocket-protocol"));
    Ok(Request {
        credentials: None,
        subprotocols: match is_given {
            true => Vec::new(),
            false => subprotocols(&handshake.subprotocols, files, redactor)?,
        },
        headers,
        compression: offered,
    })
}

/// The headers that have options of their own, where `-H` does not give them: one of each is sent.
fn add_own(headers: &mut Vec<Header>, handshake: &cli::Handshake, redactor: &mut Redactor) {
    let mut own = Vec::new();
    if let Some(origin) = &handshake.origin {
        own.push(Header::new("Origin", origin));
    }
    if let Some(name) = &handshake.user_agent {
        own.push(match name.as_str() {
            "" => Header::left_out("User-Agent"),
            name => Header::new("User-Agent", name),
        });
    }
    if !handshake.cookies.is_empty() {
        own.push(Header::new("Cookie", handshake.cookies.join("; ")));
        for cookie in &handshake.cookies {
            redactor.learn(cookie.split_once('=').map_or("", |(_, value)| value));
        }
    }
    own.retain(|own| {
        !headers
            .iter()
            .any(|given| given.name.eq_ignore_ascii_case(&own.name))
    });
    headers.extend(own);
}

/// The subprotocols of `-s`. One that carries a credential is learnt: what comes from a variable or a file,
/// what looks like a token, and what follows a name that announces one (`access_token, TOKEN`).
fn subprotocols(
    typed: &[cli::GivenSubprotocol],
    files: named_file::Limits,
    redactor: &mut Redactor,
) -> Result<Vec<Subprotocol>, Mistake> {
    let mut offered = Vec::new();
    for given in typed {
        match given {
            cli::GivenSubprotocol::Name(name) => offered.push(Subprotocol::new(name)),
            cli::GivenSubprotocol::Kept(source) => {
                let text = source.read_within(files)?;
                for name in subprotocols_in([&*text]) {
                    // What is wrong with it would show it.
                    cli::subprotocol(name).map_err(|_| {
                        Mistake::usage(
                            "--subprotocol: the file or variable holds an invalid name: expected letters, \
                             digits and . _ - (RFC 6455 §4.1)",
                        )
                    })?;
                    offered.push(Subprotocol {
                        name: name.to_owned(),
                        is_secret: true,
                    });
                }
            }
        }
    }
    mark_secrets(&mut offered);
    for Subprotocol { name, .. } in offered.iter().filter(|offered| offered.is_secret) {
        learn_subprotocol(name, redactor);
    }
    Ok(offered)
}

fn mark_secrets(offered: &mut [Subprotocol]) {
    let mut is_announced = false;
    for subprotocol in offered {
        let name = &subprotocol.name;
        subprotocol.is_secret |=
            is_secret_subprotocol(name) || (is_announced && name.len() >= SEARCHED_FROM);
        is_announced = is_token_like(name);
    }
}

/// Learns a subprotocol and the token behind the name that it begins with.
fn learn_subprotocol(name: &str, redactor: &mut Redactor) {
    redactor.learn(name);
    for (dot, _) in name.match_indices('.') {
        let token = &name[dot + 1..];
        if token.len() >= SEARCHED_FROM {
            redactor.learn(token);
        }
    }
}

/// Learns a credential header's value, and what the server may repeat of it: the token of
/// `Bearer TOKEN`, the value of each cookie.
fn learn_credential(value: &str, redactor: &mut Redactor) {
    redactor.learn(value);
    redactor.learn(value.split_once(' ').map_or("", |(_, token)| token.trim()));
    for pair in value.split(';') {
        redactor.learn(pair.split_once('=').map_or("", |(_, value)| value.trim()));
    }
}

/// The header lines of a file or a variable: secrets, all of them, since that is what these are for.
fn headers_of(
    source: &Source,
    files: named_file::Limits,
    redactor: &mut Redactor,
) -> Result<Vec<Header>, Mistake> {
    let text = source.read_within(files)?;
    let mut headers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut header = Header::parse(line.trim_end_matches('\r')).map_err(|_| {
            let place = match source {
                Source::Environment(name) => format!("env:{name}"),
                Source::File(path, _) | Source::Literal(path) => format!("{path}:{}", index + 1),
            };
            let mistake = Mistake::usage(format!("{place}: invalid header: expected 'Name: value'"));
            match source {
                Source::Environment(name) => mistake.hint(format!(
                    "-H env:{name} reads the variable {name}; a header of the name env is written 'env: {name}'"
                )),
                _ => mistake,
            }
        })?;
        learn_credential(header.value.as_deref().unwrap_or_default(), redactor);
        header.is_secret = true;
        headers.push(header);
    }
    Ok(headers)
}

/// What `-u` or `--bearer` say, asked for where that is needed: the last thing before the first packet.
fn credentials(
    handshake: &cli::Handshake,
    files: named_file::Limits,
    redactor: &mut Redactor,
) -> Result<Option<Credentials>, Mistake> {
    if let Some(source) = &handshake.user {
        let typed = source.read_within(files)?;
        // What is wrong with it would show it.
        cli::user(&typed).map_err(|_| {
            Mistake::usage("--user: the file or variable does not hold USER:PASSWORD on one line")
        })?;
        let (user, password) = match typed.split_once(':') {
            Some((user, password)) => (user, password.to_owned()),
            None => (typed.as_str(), password_for(&typed)?),
        };
        learn_basic(user, &password, redactor);
        return Ok(Some(Credentials::Basic(
            user.to_owned(),
            Secret::new(password),
        )));
    }
    let Some(source) = &handshake.bearer else {
        return Ok(None);
    };
    let token = source.read_within(files)?;
    Credentials::bearer(&token).map_err(|why| Mistake::usage(format!("--bearer: {why}")))?;
    redactor.learn(token.trim());
    Ok(Some(Credentials::Bearer(source.clone())))
}

fn terms(typed: &cli::Tls, files: named_file::Limits) -> Result<Terms, Mistake> {
    let key_log = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty());
    if let Some(path) = &key_log {
        // The TLS library would pass over a file that it cannot write, and wait for a pipe's reader.
        let file = match std::path::Path::new(path).metadata() {
            Ok(file) if !file.is_file() && !is_device(&file) => Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "not a regular file",
            )),
            _ => std::fs::File::options()
                .append(true)
                .create(true)
                .open(path)
                .map(drop),
        };
        file.map_err(|error| {
            let path = path.to_string_lossy();
            let why = crate::secret::io_text(&error);
            Mistake::output(format!("SSLKEYLOGFILE: cannot write {path}: {why}"))
        })?;
    }
    Ok(Terms {
        insecure: typed.insecure,
        extra_roots: typed.cacert.clone(),
        own: typed.cert.clone().map(|certificate| Own {
            certificate,
            key: typed.key.clone(),
        }),
        server_name: typed.servername.clone(),
        only_13: typed.tls_min == cli::TlsVersion::V13,
        log_keys: key_log.is_some(),
        files,
    })
}

/// Whether a file is a device, such as /dev/null or a terminal.
fn is_device(file: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileTypeExt::is_char_device(&file.file_type())
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

fn proxies(typed: &cli::Network) -> Result<Proxies, Mistake> {
    Ok(match &typed.proxy {
        Some(url) => Proxies::forced(url)?,
        None => Proxies::from_environment(|name| std::env::var(name).ok()),
    })
}

fn route(typed: &cli::Network) -> Route {
    Route {
        overrides: typed.resolve.clone(),
        family: match (typed.ipv4, typed.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        from: typed.interface.clone(),
        unix_socket: typed.unix_socket.clone(),
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

    /// What must not be shown.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Sinks on the standard streams; `printer` is what stdout is made of without `--json`.
    pub fn sinks(&self, printer: Printer) -> anyhow::Result<Sinks> {
        self.sinks_by(Way::Stdout(Stdout::new(std::io::stdout())), printer)
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
        let states = match (&way, &printer) {
            (Way::Editor(_), _) => States::Session,
            (_, Printer::Pings(_)) => States::Elsewhere,
            _ => States::Usual,
        };
        let diagnostics = Diagnostics {
            stream: Stream::stderr(when(output.color)),
            verbose: output.verbose,
            // Whoever reads events is told in events, whoever reads a report by the report.
            quiet: output.quiet.max(u8::from(output.json || is_report)),
            states,
        };
        Ok(Sinks::new(way, printer, diagnostics, log, self.redactor.clone()).since(self.begun))
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
                sinks.say(Notice::Text(&risk));
            }
        }
        let session = Session {
            link: Link::new(self.policy),
            input,
            person: self.person,
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
