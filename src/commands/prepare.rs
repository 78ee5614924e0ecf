//! Converts the options of every command that connects into a [`LinkPolicy`] and an output. Everything that
//! can fail without sending a packet fails here.

use std::time::Instant;

use crate::cli::{self, SharedArgs};
use crate::connection::backoff::{self, RetryExceptions};
use crate::connection::dial::{Family, Route};
use crate::connection::proxy::Proxies;
use crate::connection::redirect::without_credentials;
use crate::connection::target::{
    Address, Credentials, Endpoint, RefusalBody, RequestHeader, Subprotocol, UpgradeOptions,
    basic_secrets, subprotocols_in,
};
use crate::connection::tls::{ClientIdentity, TlsClient, TlsOptions};
use crate::connection::{Limits, Target};
use crate::exit::Exit;
use crate::input::Input;
use crate::link::heartbeat::Heartbeat;
use crate::link::reconnect::RetryPolicy;
use crate::link::{Link, LinkPolicy, PingPolicy};
use crate::named_file;
use crate::output::diagnostics::{Diagnostics, StateLines};
use crate::output::events::EventWriter;
use crate::output::message_layout::{LINES_LIMIT, Layout, TimeForm};
use crate::output::standard_streams::Stdout;
use crate::output::style::{OutputStream, When};
use crate::output::{Destination, Log, Notice, Printer, Sinks};
use crate::recording::recorder::{EventRecorder, RecordingLimit};
use crate::report;
use crate::secret::guess::is_secret_subprotocol;
use crate::secret::{Redactor, SEARCHED_FROM, Secret, SecretSource, is_token_like};
use crate::server;
use crate::session::{self, Interactive, Session};
use crate::stop::StopRule;
use crate::template::Language;
use std::path::Path;

use super::UsageError;
use super::filling::Filling;
use super::password::password_for;

/// A session that is ready to run, except for the input, stop rule and printer of its command.
pub struct PreparedSession {
    /// How to connect, reconnect and ping.
    pub policy: LinkPolicy,
    /// The URL, with its variables filled in.
    pub url: String,
    /// The URL as shown in errors and statistics.
    pub what: String,
    /// The options of the command line.
    pub shared: SharedArgs,
    /// What stdout supports: terminal, colour.
    pub stdout: OutputStream,
    /// The line editor, which replaces the input in an interactive session.
    pub person: Option<Box<dyn Interactive>>,
    /// What fills in `{{NAME}}`.
    pub filling: Filling,
    begun: Instant,
    redactor: Redactor,
}

/// What fills in the texts of a command line; `captured` are the names that replies define.
///
/// # Errors
/// A file or variable of `--secret` that cannot be read.
pub fn filling(shared: &SharedArgs, captured: Vec<String>) -> Result<Filling, UsageError> {
    Filling::new(&shared.variables, captured, files(shared))
}

/// Prepares a session from the shared options of a command, and starts the built-in server for `echo:`.
///
/// # Errors
/// Bad usage, an unreadable file or variable, or a certificate that cannot be used.
pub async fn prepare(
    url: &str,
    shared: SharedArgs,
    filling: Filling,
) -> anyhow::Result<PreparedSession> {
    let begun = Instant::now();
    let mut redactor = Redactor::new(shared.output.show_secrets);
    let filled = filling.fill("URL", url, Language::Url)?;
    redactor.learn_all(&filling.secrets());
    let url = filled.text;
    let policy = policy(&url, &shared, &filling).await;
    let (mut policy, secrets) = policy.map_err(|error| without_secrets(error, &redactor))?;
    redactor.learn_all(&secrets);
    if let Some(shown) = filled.shown.filter(|_| !shared.output.show_secrets) {
        let address = &mut policy.target.address;
        if let Some(target) = address.show_as(shown) {
            redactor.show_as(Secret::new(address.request_target.clone()), &target);
        }
    }
    let what = policy.target.address.shown.clone();
    let stdout = OutputStream::stdout(when(shared.output.color));
    Ok(PreparedSession {
        policy,
        url,
        what,
        shared,
        stdout,
        person: None,
        filling,
        begun,
        redactor,
    })
}

/// An error of the command line that quotes no secret.
pub fn without_secrets(error: anyhow::Error, redactor: &Redactor) -> anyhow::Error {
    match error.downcast::<UsageError>() {
        Ok(error) => error.redacted(redactor).into(),
        Err(error) => error,
    }
}

/// The policy of a link to a URL by the shared options, and the secrets in them, which must be redacted. Starts
/// the built-in server for `echo:`.
///
/// # Errors
/// As [`prepare`].
pub async fn policy(
    url: &str,
    shared: &SharedArgs,
    filling: &Filling,
) -> anyhow::Result<(LinkPolicy, Vec<String>)> {
    let files = files(shared);
    let (on_open, mut secrets) = messages_on_open(shared, files, filling)?;
    let options = TargetOptions {
        handshake: &shared.handshake,
        compression: &shared.compression,
        tls: &shared.tls,
        network: &shared.network,
        limits: Limits {
            connect: shared.timing.connect_timeout,
            close: shared.timing.close_timeout,
            max_size: usize::try_from(shared.messages.max_size).unwrap_or(usize::MAX),
        },
        files,
        output: &shared.output,
    };
    let (target, more) = target(url, &options, filling).await?;
    secrets.extend(more);
    let policy = LinkPolicy {
        target,
        on_open,
        persistence: retry_policy(&shared.persistence),
        heartbeat: heartbeat(&shared.persistence, filling)?,
        rules: filling.rules(&shared.variables.on)?,
        variables: filling.variables.clone(),
        fills_messages: filling.is_requested(),
        ping_policy: PingPolicy::default(),
        decode: shared.messages.decode.clone(),
    };
    secrets.extend(filling.secrets());
    Ok((policy, secrets))
}

/// The options that say what a target is and how it is reached.
pub struct TargetOptions<'a> {
    /// The upgrade request.
    pub handshake: &'a cli::HandshakeArgs,
    /// The offer of compression.
    pub compression: &'a cli::CompressionArgs,
    /// TLS.
    pub tls: &'a cli::TlsArgs,
    /// Proxy, addresses, interface.
    pub network: &'a cli::NetworkArgs,
    /// Time and size limits of the connection.
    pub limits: Limits,
    /// The limits for reading files.
    pub files: named_file::ReadLimits,
    /// Whether secrets are shown and frames are traced.
    pub output: &'a cli::OutputArgs,
}

/// The target of a URL, and the secrets in its options, which must be redacted. Starts the built-in server for `echo:`.
///
/// # Errors
/// As [`prepare`].
pub async fn target(
    url: &str,
    options: &TargetOptions<'_>,
    filling: &Filling,
) -> anyhow::Result<(Target, Vec<String>)> {
    let TargetOptions { limits, files, .. } = *options;
    let mut request = request(options.handshake, options.compression, files)?;
    fill_headers(&mut request.headers, filling)?;
    let mut secrets = secrets_of(&request);
    let tls = TlsClient::new(&tls_options(options.tls, files)?).map_err(UsageError::from)?;
    let (mut route, mut proxies) = (route(options.network), proxies(options.network)?);
    let mut address = address(url, limits.max_size).await?;
    let is_unix = matches!(address.endpoint, Endpoint::Unix(_)) || route.unix_socket.is_some();
    if url == "echo:" || is_unix {
        check_interface(&route)?;
    }
    if url == "echo:" {
        // The built-in server is in this process: no proxy, no override.
        (route, proxies) = (Route::default(), Proxies::default());
    }
    secrets.extend(proxy_secrets(&address, &proxies)?);
    if options.output.show_secrets && url != "echo:" {
        address.shown = address.unmasked.clone();
    }
    request.credentials = credentials(options.handshake, files, filling, &mut secrets)?;
    let handshake = options.handshake;
    let target = Target {
        address,
        request,
        route,
        proxies,
        max_redirects: handshake.location.then_some(handshake.max_redirects),
        http2: handshake.http2,
        tls,
        limits,
        trace: options.output.verbose > 1,
    };
    Ok((target, secrets))
}

/// Rejects an `--interface` that does not exist where no connection would use it.
fn check_interface(route: &Route) -> Result<(), UsageError> {
    let Some(from) = &route.from else {
        return Ok(());
    };
    from.check().map_err(|error| {
        let why = crate::secret::io_text(&error);
        let message = format!("cannot connect from {from}: {why}");
        UsageError::with_exit(Exit::CannotConnect, message)
            .hint("--interface must name an address or an interface of this machine")
    })
}

fn retry_policy(typed: &cli::ReconnectArgs) -> RetryPolicy {
    RetryPolicy {
        retry: typed.retry,
        reconnect: typed.reconnect,
        exceptions: RetryExceptions(typed.reconnect_on.clone()),
        backoff: typed.backoff,
        jitter: backoff::random,
    }
}

fn heartbeat(
    typed: &cli::ReconnectArgs,
    filling: &Filling,
) -> Result<Option<Heartbeat>, UsageError> {
    let Some(interval) = typed.ping_interval else {
        return Ok(None);
    };
    let message = typed.heartbeat.as_deref();
    let message = message.map(|text| filling.repeated("--heartbeat", text));
    Ok(Some(Heartbeat {
        interval,
        timeout: typed.ping_timeout,
        message: message.transpose()?,
    }))
}

/// Fills in the values of headers.
fn fill_headers(headers: &mut [RequestHeader], filling: &Filling) -> Result<(), UsageError> {
    for header in headers {
        let Some(value) = &header.value else { continue };
        let place = format!("header {}", header.name);
        let value = filling.fill(&place, value, Language::Text)?.text;
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(UsageError::usage(format!(
                "{place}: the filled-in value contains a control character"
            )));
        }
        header.value = Some(value);
    }
    Ok(())
}

/// Security warnings about an address. `check` always prints them, the other commands with `-v`.
pub fn warnings(address: &Address) -> Vec<String> {
    let mut warnings = Vec::new();
    if !address.secure && !address.is_local() {
        warnings.push(
            "not encrypted: others on the network can read and change the traffic; use wss://"
                .to_owned(),
        );
    }
    let query = address
        .request_target
        .split_once('?')
        .map_or("", |(_, query)| query);
    let names = query.split('&').filter_map(|pair| pair.split_once('='));
    if let Some((name, _)) = names.into_iter().find(|(name, _)| is_token_like(name)) {
        warnings.push(format!(
            "{name} in the URL may be logged by proxies and servers; use a header or a first message (-x) instead"
        ));
    }
    warnings
}

async fn address(url: &str, max_size: usize) -> anyhow::Result<Address> {
    if url != "echo:" {
        return Ok(Address::parse(url).map_err(UsageError::from)?);
    }
    let bound = server::start_echo(max_size).await.map_err(|error| {
        let why = crate::secret::io_text(&error);
        UsageError::cannot_listen(format!("echo: cannot listen on 127.0.0.1: {why}"))
    })?;
    let address = Address::parse(&format!("ws://{bound}/")).map_err(UsageError::from)?;
    Ok(Address {
        shown: "echo:".to_owned(),
        ..address
    })
}

/// `target` with another address. If the origin differs, credentials are removed, and the second value is a
/// notice that says so.
///
/// # Errors
/// The URL is invalid, or the built-in server cannot listen.
pub async fn another_target(
    url: &str,
    target: &Target,
) -> anyhow::Result<(Target, Option<String>)> {
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
            "credentials for {} are not sent to {}",
            target.address.shown, moved.address.shown
        )
    });
    Ok((moved, note))
}

/// The limits for reading files that options name.
fn files(shared: &SharedArgs) -> named_file::ReadLimits {
    named_file::ReadLimits {
        time: shared.timing.max_time.unwrap_or(named_file::USUAL_TIME),
        ..named_file::ReadLimits::default()
    }
}

/// The `-x` messages and their secrets. Each source is read once now, so that an unreadable one is an error
/// before the first packet.
fn messages_on_open(
    shared: &SharedArgs,
    files: named_file::ReadLimits,
    filling: &Filling,
) -> Result<(Vec<SecretSource>, Vec<String>), UsageError> {
    let mut secrets = Vec::new();
    let sources = shared.messages.execute.clone();
    let limits = named_file::ReadLimits {
        size: shared.messages.max_size,
        ..files
    };
    for source in &sources {
        let value = source.read_within(limits)?;
        if filling.is_requested() {
            filling.first_message("-x", &value)?;
        }
        if source.is_secret() {
            secrets.push(value);
        }
    }
    Ok((sources, secrets))
}

/// The secrets (tokens, passwords) in an address and in the URL of its proxy.
fn proxy_secrets(address: &Address, proxies: &Proxies) -> Result<Vec<String>, UsageError> {
    let mut secrets = address.secrets();
    if let Endpoint::Tcp { host, port } = &address.endpoint
        && let Some(proxy) = proxies.before(host, *port, address.secure)?
        && let Some((user, password)) = &proxy.credentials
    {
        secrets.extend(basic_secrets(user, password.reveal()));
    }
    Ok(secrets)
}

fn request(
    handshake: &cli::HandshakeArgs,
    compression: &cli::CompressionArgs,
    files: named_file::ReadLimits,
) -> Result<UpgradeOptions, UsageError> {
    let mut headers = Vec::new();
    for given in &handshake.headers {
        match given {
            cli::HeaderArg::Line(header) => headers.push(header.clone()),
            cli::HeaderArg::Kept(source) => headers.extend(headers_of(source, files)?),
        }
    }
    add_option_headers(&mut headers, handshake);
    let offered =
        (!compression.no_compress).then(|| compression.compress.clone().unwrap_or_default());
    let is_given = headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("sec-websocket-protocol"));
    Ok(UpgradeOptions {
        credentials: None,
        subprotocols: match is_given {
            true => Vec::new(),
            false => subprotocols(&handshake.subprotocols, files)?,
        },
        headers,
        compression: offered,
        refusal_body: RefusalBody::Excerpt,
    })
}

/// Adds the headers that have their own options (`-o`, `-A`, `-b`). A `-H` of the same name takes precedence.
fn add_option_headers(headers: &mut Vec<RequestHeader>, handshake: &cli::HandshakeArgs) {
    let mut identity = Vec::new();
    if let Some(origin) = &handshake.origin {
        identity.push(RequestHeader::new("Origin", origin));
    }
    if let Some(name) = &handshake.user_agent {
        identity.push(match name.as_str() {
            "" => RequestHeader::left_out("User-Agent"),
            name => RequestHeader::new("User-Agent", name),
        });
    }
    if !handshake.cookies.is_empty() {
        identity.push(RequestHeader::new("Cookie", handshake.cookies.join("; ")));
    }
    identity.retain(|identity| {
        !headers
            .iter()
            .any(|given| given.name.eq_ignore_ascii_case(&identity.name))
    });
    headers.extend(identity);
}

/// The secrets of a request: credentials in its headers and subprotocols.
fn secrets_of(request: &UpgradeOptions) -> Vec<String> {
    let headers = request.headers.iter();
    let credentials = headers.filter(|header| header.is_credential());
    let mut secrets: Vec<String> = credentials.flat_map(RequestHeader::secrets).collect();
    let mut offered = request.subprotocols.clone();
    if offered.is_empty() {
        // The offer may be a header given with -H.
        let names = request.offered_subprotocols().into_iter();
        offered = names.map(Subprotocol::new).collect();
        mark_secrets(&mut offered);
    }
    let offered = offered.iter().filter(|offered| offered.is_secret);
    secrets.extend(offered.flat_map(Subprotocol::secrets));
    secrets
}

/// The subprotocols of `-s`. A name is marked as secret if it comes from a variable or a file, looks like a
/// token, or follows a name that announces one (`access_token, TOKEN`).
fn subprotocols(
    typed: &[cli::SubprotocolArg],
    files: named_file::ReadLimits,
) -> Result<Vec<Subprotocol>, UsageError> {
    let mut offered = Vec::new();
    for given in typed {
        match given {
            cli::SubprotocolArg::Name(name) => offered.push(Subprotocol::new(name)),
            cli::SubprotocolArg::Kept(source) => {
                let text = source.read_within(files)?;
                for name in subprotocols_in([&*text]) {
                    // The parser's message would quote the secret.
                    cli::subprotocol(name).map_err(|_| {
                        UsageError::usage(
                            "--subprotocol: the file or variable contains an invalid name: expected letters, \
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

/// The header lines of a file or a variable. All of them are secrets: that is why they are not in argv.
fn headers_of(
    source: &SecretSource,
    files: named_file::ReadLimits,
) -> Result<Vec<RequestHeader>, UsageError> {
    let text = source.read_within(files)?;
    let mut headers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut header = RequestHeader::parse(line.trim_end_matches('\r')).map_err(|_| {
            let place = match source {
                SecretSource::Environment(name) => format!("env:{name}"),
                SecretSource::File(path, _) | SecretSource::Literal(path) => format!("{path}:{}", index + 1),
            };
            let error = UsageError::usage(format!("{place}: invalid header: expected 'Name: value'"));
            match source {
                SecretSource::Environment(name) => error.hint(format!(
                    "-H env:{name} reads the variable {name}; to send a header named env, write 'env: {name}'"
                )),
                _ => error,
            }
        })?;
        header.is_secret = true;
        headers.push(header);
    }
    Ok(headers)
}

/// What was typed, filled in. The content of a file or an environment variable stays as it is: a password may contain
/// anything.
fn filled_in(
    place: &str,
    source: &SecretSource,
    filling: &Filling,
) -> Result<SecretSource, UsageError> {
    let SecretSource::Literal(text) = source else {
        return Ok(source.clone());
    };
    let fill = |text| Ok::<_, UsageError>(filling.fill(place, text, Language::Text)?.text);
    let filled = match text.split_once(':').filter(|_| place == USER) {
        Some((user, password)) => {
            let user = fill(user)?;
            if user.contains(':') {
                return Err(UsageError::usage(format!(
                    "{place}: the filled-in user name contains a colon, after which the password begins"
                )));
            }
            format!("{user}:{}", fill(password)?)
        }
        None => fill(text)?,
    };
    Ok(SecretSource::Literal(filled))
}

const USER: &str = "--user";

/// The credentials of `-u` or `--bearer`. A missing password is asked for last, when nothing else can fail.
fn credentials(
    handshake: &cli::HandshakeArgs,
    files: named_file::ReadLimits,
    filling: &Filling,
    secrets: &mut Vec<String>,
) -> Result<Option<Credentials>, UsageError> {
    if let Some(source) = &handshake.user {
        let typed = filled_in(USER, source, filling)?.read_within(files)?;
        // The parser's message would quote the secret.
        cli::user(&typed).map_err(|_| {
            UsageError::usage(
                "--user: the file or variable does not contain USER:PASSWORD on one line",
            )
        })?;
        let (user, password) = match typed.split_once(':') {
            Some((user, password)) => (user, password.to_owned()),
            None => (typed.as_str(), password_for(&typed)?),
        };
        secrets.extend(basic_secrets(user, &password));
        return Ok(Some(Credentials::Basic(
            user.to_owned(),
            Secret::new(password),
        )));
    }
    let Some(source) = &handshake.bearer else {
        return Ok(None);
    };
    let source = filled_in("--bearer", source, filling)?;
    let token = source.read_within(files)?;
    Credentials::bearer(&token).map_err(|why| UsageError::usage(format!("--bearer: {why}")))?;
    secrets.push(token.trim().to_owned());
    Ok(Some(Credentials::Bearer(source)))
}

fn tls_options(
    typed: &cli::TlsArgs,
    files: named_file::ReadLimits,
) -> Result<TlsOptions, UsageError> {
    let key_log = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty());
    if let Some(path) = &key_log {
        // rustls silently ignores a file that it cannot write, and blocks on a pipe without a reader.
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
            UsageError::output(format!("SSLKEYLOGFILE: cannot write {path}: {why}"))
        })?;
    }
    Ok(TlsOptions {
        insecure: typed.insecure,
        extra_roots: typed.cacert.clone(),
        identity: typed.cert.clone().map(|certificate| ClientIdentity {
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

fn proxies(typed: &cli::NetworkArgs) -> Result<Proxies, UsageError> {
    Ok(match &typed.proxy {
        Some(url) => Proxies::forced(url)?,
        None => Proxies::from_environment(|name| std::env::var(name).ok()),
    })
}

fn route(typed: &cli::NetworkArgs) -> Route {
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

/// Converts the command line's choice to the output's type.
pub fn when(typed: cli::ColourChoice) -> When {
    match typed {
        cli::ColourChoice::Auto => When::Auto,
        cli::ColourChoice::Always => When::Always,
        cli::ColourChoice::Never => When::Never,
    }
}

impl PreparedSession {
    /// The format of messages on stdout; `null` ends each with NUL instead of newline.
    pub fn layout(&self, null: bool, binary: cli::BinaryOutput) -> Layout {
        let pretty = match self.shared.output.pretty {
            cli::ColourChoice::Auto => self.stdout.is_terminal,
            cli::ColourChoice::Always => true,
            cli::ColourChoice::Never => false,
        };
        Layout {
            terminal: self.stdout.is_terminal,
            pretty,
            colour: self.stdout.colour,
            palette: self.stdout.palette,
            timestamps: self.shared.output.timestamps,
            clock: TimeForm::Utc,
            reply_after: None,
            lines: LINES_LIMIT,
            binary: binary.into(),
            delimiter: if null { 0 } else { b'\n' },
            mark: "",
            connection: 0,
            open_line: false,
        }
    }

    /// The redactor, which knows the secrets of the options.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Output to stdout and stderr. `printer` formats stdout, unless `--json` is given.
    ///
    /// # Errors
    /// The `--log` file cannot be written (exit 23).
    pub fn sinks(&self, printer: Printer) -> anyhow::Result<Sinks> {
        self.sinks_to(Destination::Stdout(Stdout::new(std::io::stdout())), printer)
    }

    /// [`PreparedSession::sinks`] with another destination than stdout.
    ///
    /// # Errors
    /// The `--log` file cannot be written (exit 23).
    pub fn sinks_to(&self, destination: Destination, printer: Printer) -> anyhow::Result<Sinks> {
        let output = &self.shared.output;
        let printer = if output.json {
            Printer::Events(EventWriter::new(self.begun))
        } else {
            printer
        };
        let log = match &output.log {
            Some(path) => Some(Log::create(path, self.begun).map_err(UsageError::output)?),
            None => None,
        };
        let is_report = matches!(printer, Printer::Report);
        let states = match (&destination, &printer) {
            (Destination::Editor(_), _) => StateLines::Session,
            (_, Printer::Pings(_)) => StateLines::Elsewhere,
            _ => StateLines::Usual,
        };
        let diagnostics = Diagnostics {
            stream: OutputStream {
                palette: self.stdout.palette,
                ..OutputStream::stderr(when(output.color))
            },
            verbose: output.verbose,
            // With --json the events, and in a report its lines, already contain these diagnostics.
            quiet: output.quiet.max(u8::from(output.json || is_report)),
            warns: output.quiet == 0 && !is_report,
            states,
        };
        Ok(Sinks::new(
            destination,
            printer,
            diagnostics,
            log,
            self.redactor.clone(),
        )
        .since(self.begun))
    }

    /// Runs the session, reports how it ended and returns the exit status.
    ///
    /// # Errors
    /// An internal error; failures of the session are reported by their exit status.
    pub async fn run(
        self,
        input: Input,
        stop: &mut StopRule,
        sinks: &mut Sinks,
    ) -> anyhow::Result<Exit> {
        if self.shared.output.verbose > 0 {
            for risk in warnings(&self.policy.target.address) {
                sinks.notify(Notice::Text(&risk));
            }
        }
        let session = Session {
            link: Link::new(self.policy),
            input,
            interactive: self.person,
            stop,
            sinks,
            close_frame: self.shared.messages.close,
            max_time: self.shared.timing.max_time,
        };
        let outcome = session::run(session).await?;
        if let Some(why) = sinks.nothing_selected() {
            sinks.notify(Notice::Warning(&why));
        }
        Ok(report::outcome(&outcome, &self.what, sinks))
    }
}

impl PreparedSession {
    /// What is recorded for `--har`; without it nothing is.
    ///
    /// # Errors
    /// The file cannot be created (exit 23).
    pub fn recorder(
        &self,
        command: &str,
        har: Option<&Path>,
    ) -> Result<Option<EventRecorder>, UsageError> {
        let Some(path) = har else { return Ok(None) };
        let recorder = self.session_recorder(command, RecordingLimit::FILE);
        let recorder = recorder.writing_har(path).map_err(UsageError::output)?;
        Ok(Some(recorder))
    }

    /// A recorder of the connections of this command.
    pub fn session_recorder(&self, command: &str, limit: RecordingLimit) -> EventRecorder {
        let policy = &self.policy;
        let title = format!("Recorded by wsprobe {command}");
        EventRecorder::of_session(
            &title,
            limit,
            &policy.target,
            &policy.on_open,
            &policy.rules,
        )
    }
}

/// Writes what was recorded for `--har`, if the run itself was not a failure of output.
///
/// # Errors
/// The file cannot be written (exit 23).
pub fn finish_recording(sinks: &mut Sinks) -> Result<(), UsageError> {
    sinks.finish_recording().map_err(UsageError::output)
}

/// Writes the buffered output, for at most 1 s: a reader that does not read must not block the exit.
pub async fn flush(sinks: &mut Sinks) {
    let patience = sinks.patience();
    let drain = std::future::poll_fn(|cx| sinks.poll_drain(cx));
    let _ = tokio::time::timeout(patience, drain).await;
}
