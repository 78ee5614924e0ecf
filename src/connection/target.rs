//! The target of a connection: its URL, the request headers, credentials and offers. All of it is
//! validated before the first packet.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::{Host, Url};

use super::wire::negotiation::DeflateOffer;
use crate::secret::{
    SEARCHED_FROM, Secret, SecretSource, is_credential_header, is_token_like, redact_url,
};

/// The endpoint of the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A name or address and a port.
    Tcp {
        /// The host of the URL, IPv6 without brackets.
        host: String,
        /// The port of the URL, or the scheme's default.
        port: u16,
    },
    /// A Unix domain socket.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A parsed URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// Whether to use TLS (`wss`).
    pub secure: bool,
    /// Path and query, as sent in the request line.
    pub request_target: String,
    /// The `Host` header, without the scheme's default port.
    pub host_header: String,
    /// `user:password` of the URL.
    pub user_info: Option<(String, String)>,
    /// The URL to print: without user info, with token values masked.
    pub shown: String,
    /// The URL with all its secrets.
    pub unmasked: String,
    /// Whether the scheme was guessed because none was typed.
    pub scheme_guessed: bool,
    /// Whether the port is the scheme's default because none was typed.
    pub port_implied: bool,
}

/// An invalid URL (exit 2): what was typed, why it is invalid, and what to type instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    /// What was typed, redacted.
    pub url: String,
    /// Why it is invalid.
    pub why: String,
    /// What to type instead.
    pub hint: Option<String>,
}

impl UrlError {
    fn new(url: &str, why: impl Into<String>) -> Self {
        Self {
            url: redact_url(url),
            why: why.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid URL '{}': {}", self.url, self.why)
    }
}

impl std::error::Error for UrlError {}

impl Address {
    /// Parses every form of URL except `echo:`, which has an address only once the built-in server runs.
    ///
    /// # Errors
    /// Why the URL is invalid, and what to type instead.
    pub fn parse(typed: &str) -> Result<Self, UrlError> {
        // As browsers do: copied text often has spaces or line breaks around it.
        let typed = typed.trim_matches(|c: char| c <= ' ');
        let bad = |why: &str| UrlError::new(typed, why);
        if typed.is_empty() {
            return Err(bad("it is empty").hint("write ws://HOST[:PORT]/PATH"));
        }
        if let Some(inner) = typed.strip_prefix(['\'', '"', '<']) {
            let inner = inner.trim_end_matches(['\'', '"', '>']);
            return Err(bad("it contains quotes that the shell did not remove")
                .hint(format!("try {}", redact_url(inner))));
        }
        if typed.starts_with('@') {
            return Err(bad("names that start with @ are reserved"));
        }
        for (scheme, secure) in [("ws+unix:", false), ("wss+unix:", true)] {
            if let Some(rest) = typed.strip_prefix(scheme) {
                return Self::parse_unix(typed, rest, secure);
            }
        }
        if let Some(port) = bare_port(typed).filter(|_| !typed.starts_with(':')) {
            return Err(bad("it is only a number")
                .hint(format!("for port {port} of this machine write :{port}")));
        }
        if typed == "-" {
            return Err(bad("- means stdin, and a URL must come before it")
                .hint("write ws://HOST[:PORT]/PATH, or echo: for the built-in server"));
        }
        let guessed = split_scheme(typed).is_none();
        let (full, zone) = split_zone(&with_scheme(typed)?);
        let url = Url::parse(&full).map_err(|error| match error {
            url::ParseError::InvalidPort => {
                bad("invalid port (expected 1 to 65535)").hint("write ws://HOST:PORT/PATH")
            }
            url::ParseError::IdnaError | url::ParseError::InvalidDomainCharacter => {
                bad("its host is not a valid domain name").hint("write ws://HOST[:PORT]/PATH")
            }
            url::ParseError::InvalidIpv6Address | url::ParseError::EmptyHost => {
                bad("invalid host").hint("write an IPv6 address in brackets: ws://[::1]:8080/")
            }
            _ => bad(&error.to_string()),
        })?;
        let address = Self::from_url(&url, typed, guessed)?;
        match zone {
            Some(zone) => address.in_zone(&zone),
            None => Ok(address),
        }
        .map_err(bad)
    }

    /// Adds an IPv6 zone. It is not part of the `Host` header (RFC 6874 §4).
    pub(super) fn in_zone(mut self, zone: &str) -> Result<Self, &'static str> {
        let Endpoint::Tcp { host, .. } = &mut self.endpoint else {
            return Err("a Unix socket cannot have a zone");
        };
        if zone.is_empty() || !host.contains(':') {
            return Err("a zone must follow an IPv6 address: ws://[fe80::1%25eth0]:8080/");
        }
        let bracketed = format!("[{host}]");
        let zoned = format!("[{host}%25{zone}]");
        self.shown = self.shown.replacen(&bracketed, &zoned, 1);
        self.unmasked = self.unmasked.replacen(&bracketed, &zoned, 1);
        host.push('%');
        host.push_str(zone);
        Ok(self)
    }

    fn parse_unix(typed: &str, rest: &str, secure: bool) -> Result<Self, UrlError> {
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, target) = rest.split_once(':').unwrap_or((rest, "/"));
        if !path.starts_with('/') {
            return Err(
                UrlError::new(typed, "the path of the socket must be absolute").hint(
                    "write ws+unix:/path/to.sock:/uri, or wss+unix:/path/to.sock:/uri for TLS",
                ),
            );
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        // Parsed like any other URL, so that spaces and line breaks cannot reach the request line.
        let url = Url::parse(&format!("ws://localhost{slash}{target}"))
            .map_err(|error| UrlError::new(typed, error.to_string()))?;
        Ok(Self {
            endpoint: Endpoint::Unix(PathBuf::from(path)),
            secure,
            request_target: request_target(&url),
            host_header: "localhost".to_owned(),
            user_info: None,
            shown: redact_url(typed),
            unmasked: typed.to_owned(),
            scheme_guessed: false,
            port_implied: false,
        })
    }

    fn from_url(url: &Url, typed: &str, scheme_guessed: bool) -> Result<Self, UrlError> {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(UrlError::new(typed, "missing host")),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        if port == 0 {
            return Err(UrlError::new(typed, "cannot connect to port 0"));
        }
        let bracketed = url.host_str().unwrap_or_default();
        let host_header = match url.port() {
            Some(port) => format!("{bracketed}:{port}"),
            None => bracketed.to_owned(),
        };
        let mut bare = url.clone();
        bare.set_fragment(None);
        let _ = bare.set_password(None);
        let _ = bare.set_username("");
        Ok(Self {
            endpoint: Endpoint::Tcp { host, port },
            secure: url.scheme() == "wss",
            request_target: request_target(url),
            host_header,
            user_info: user_info(url),
            shown: redact_url(bare.as_str()),
            unmasked: url.as_str().to_owned(),
            scheme_guessed,
            port_implied: url.port().is_none(),
        })
    }

    /// The values of token-like query parameters, both percent-encoded and decoded.
    pub fn tokens(&self) -> Vec<String> {
        let query = self.request_target.split_once('?');
        let pairs = query.into_iter().flat_map(|(_, query)| query.split('&'));
        pairs
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| is_token_like(name))
            .flat_map(|(_, value)| [value.to_owned(), decoded(value)])
            .collect()
    }

    /// The same server with another path and query.
    pub fn with_request_target(&self, target: String) -> Self {
        let scheme = if self.secure { "wss" } else { "ws" };
        let unmasked = match &self.endpoint {
            Endpoint::Tcp { .. } => format!("{scheme}://{}{target}", self.host_header),
            Endpoint::Unix(path) => format!("{scheme}+unix:{}:{target}", path.display()),
        };
        Self {
            request_target: target,
            shown: redact_url(&unmasked),
            unmasked,
            ..self.clone()
        }
    }

    /// Shows this address as the URL `masked`, in which secrets are masked; returns the form of its request target.
    pub fn show_as(&mut self, masked: String) -> Option<String> {
        match Self::parse(&masked) {
            Ok(address) => {
                self.shown = address.shown;
                Some(address.request_target)
            }
            // A mask in the place of the host or port is no valid URL.
            Err(_) => {
                self.shown = masked;
                None
            }
        }
    }

    /// The secrets in the URL: tokens, the password, and its form in an `Authorization` header.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.tokens();
        if let Some((user, password)) = &self.user_info {
            secrets.extend(basic_secrets(user, password));
        }
        secrets
    }

    /// Whether scheme, host and port are the same (RFC 6454 §4).
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.secure == other.secure && self.endpoint == other.endpoint
    }

    /// Whether the endpoint is on this machine, where cleartext is safe.
    pub fn is_local(&self) -> bool {
        match &self.endpoint {
            Endpoint::Unix(_) => true,
            Endpoint::Tcp { host, .. } => is_loopback(host),
        }
    }
}

/// Splits off the zone of an IPv6 address: `[fe80::1%25eth0]` (RFC 6874), or with a single `%`, as people
/// type it.
fn split_zone(url: &str) -> (String, Option<String>) {
    let none = || (url.to_owned(), None);
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| authority + at);
    let Some(open) = url[authority..end].rfind('[').map(|at| authority + at) else {
        return none();
    };
    let Some(close) = url[open..end].find(']').map(|at| open + at) else {
        return none();
    };
    let Some(percent) = url[open..close].find('%').map(|at| open + at) else {
        return none();
    };
    let zone = &url[percent + 1..close];
    let zone = zone
        .strip_prefix("25")
        .filter(|zone| !zone.is_empty())
        .unwrap_or(zone);
    let bare = format!("{}{}", &url[..percent], &url[close..]);
    (bare, Some(decoded(zone)))
}

/// A host without its IPv6 zone, which is valid only on this machine.
pub fn without_zone(host: &str) -> &str {
    match host.split_once('%') {
        Some((address, _)) if address.contains(':') => address,
        _ => host,
    }
}

/// Path and query for the request line (RFC 6455 §3).
fn request_target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// Whether a host is `localhost`, a subdomain of it, or a loopback address.
pub fn is_loopback(host: &str) -> bool {
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The port in `8080` or `:8080`, which users of wscat type to listen.
pub fn bare_port(typed: &str) -> Option<u32> {
    let digits = typed.strip_prefix(':').unwrap_or(typed);
    let is_port =
        !digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit());
    is_port.then(|| digits.parse().ok()).flatten()
}

/// Splits `scheme://rest`.
fn split_scheme(typed: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = typed.split_once("://")?;
    let first_is_letter = scheme
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic());
    let is_scheme = scheme
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    (first_is_letter && is_scheme).then_some((scheme, rest))
}

/// The specifier of a websocat address such as `tcp:`. `tcp:8080` is a host and a port.
fn websocats(typed: &str) -> Option<&str> {
    const SPECIFIERS: [&str; 9] = [
        "ws-c", "ws-l", "ws-u", "tcp", "tcp-l", "literal", "mirror", "exec", "cmd",
    ];
    let (specifier, rest) = typed.split_once(':')?;
    let port = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    (SPECIFIERS.contains(&specifier) && bare_port(port).is_none()).then_some(specifier)
}

/// The error for `unix:`, with the URL to use instead.
fn unix_socket(typed: &str, path: &str) -> UrlError {
    UrlError::new(typed, "unsupported scheme 'unix'").hint(format!("try ws+unix:{path}:/"))
}

/// The URL with the scheme `ws` or `wss`.
fn with_scheme(typed: &str) -> Result<String, UrlError> {
    if let Some((scheme, rest)) = split_scheme(typed) {
        return given_scheme(typed, scheme, rest);
    }
    if let Some(rest) = typed.strip_prefix(':') {
        return Ok(format!("ws://localhost:{rest}"));
    }
    let mistyped = ["ws", "wss", "http", "https"]
        .into_iter()
        .find_map(|scheme| {
            let rest = typed.strip_prefix(scheme)?;
            (rest.starts_with(':') || rest.starts_with("//")).then_some((scheme, rest))
        });
    if let Some((scheme, rest)) = mistyped {
        let rest = rest.trim_start_matches([':', '/', '\\']);
        let bad = UrlError::new(typed, format!("{scheme} must be followed by ://"));
        return Err(bad.hint(format!("try {scheme}://{}", redact_url(rest))));
    }
    if let Some(path) = typed.strip_prefix("unix:") {
        return Err(unix_socket(typed, path.trim_start_matches("//")));
    }
    if let Some(specifier) = websocats(typed) {
        return Err(UrlError::new(
            typed,
            format!("{specifier}: is a websocat address, which wsprobe does not support"),
        )
        .hint("write ws://HOST[:PORT]/PATH; messages come from stdin or the command line"));
    }
    if typed.starts_with('/') && !typed.starts_with("//") {
        return Err(
            UrlError::new(typed, "it is a path without a host").hint(format!(
                "write ws://HOST[:PORT]{0}, or :PORT{0}",
                redact_url(typed)
            )),
        );
    }
    let authority = typed.split(['/', '?', '#']).next().unwrap_or(typed);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    };
    let scheme = if is_loopback(host) { "ws" } else { "wss" };
    Ok(format!("{scheme}://{typed}"))
}

/// The URL `typed`, which is `scheme://rest`, with the scheme that wsprobe uses.
fn given_scheme(typed: &str, scheme: &str, rest: &str) -> Result<String, UrlError> {
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        "unix" => return Err(unix_socket(typed, rest)),
        other => {
            let bad = UrlError::new(
                typed,
                format!("unsupported scheme '{other}' (expected ws, wss, http, https or ws+unix)"),
            );
            return Err(if rest.starts_with('/') {
                bad.hint("write ws://HOST[:PORT]/PATH")
            } else {
                bad.hint(format!("try wss://{}", redact_url(rest)))
            });
        }
    };
    if rest.starts_with(['/', '?', '#']) || rest.is_empty() {
        let bad = UrlError::new(typed, "missing host");
        let meant = rest.trim_start_matches('/');
        return Err(
            bad.hint(if meant.is_empty() || meant.starts_with(['?', '#']) {
                format!("write {scheme}://HOST[:PORT]/PATH")
            } else {
                format!("try {scheme}://{}", redact_url(meant))
            }),
        );
    }
    Ok(format!("{scheme}://{rest}"))
}

pub(super) fn user_info(url: &Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    Some((
        decoded(url.username()),
        decoded(url.password().unwrap_or_default()),
    ))
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// A header of the request.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// The name as typed: some servers are case-sensitive.
    pub name: String,
    /// The value; `None` removes a header that would be sent (`-H 'Name:'`, as in curl).
    pub value: Option<String>,
    /// Whether the value was read from a file or a variable: it is sent only to the original origin.
    pub is_secret: bool,
}

impl RequestHeader {
    /// Parses `Name: value`; `Name:` removes the header, `Name;` sends it empty.
    ///
    /// # Errors
    /// No colon, a name that is not a token, or a value with a line break (RFC 9110 §5).
    pub fn parse(line: &str) -> Result<Self, String> {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) if value.trim().is_empty() => (name, None),
            Some((name, value)) => (name, Some(value.trim().to_owned())),
            None => match line.strip_suffix(';') {
                Some(name) => (name, Some(String::new())),
                // The text may contain a credential, so the error does not repeat it.
                None => return Err("expected 'Name: value'".to_owned()),
            },
        };
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(
                "the header name may contain only letters, digits and - (RFC 9110 §5.1)".to_owned(),
            );
        }
        if value
            .as_ref()
            .is_some_and(|value| value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)))
        {
            return Err(format!(
                "the value of the header {name} contains a line break"
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            value,
            is_secret: false,
        })
    }

    /// A header with a value.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value.into()),
            is_secret: false,
        }
    }

    /// A header to remove.
    pub fn left_out(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
            is_secret: false,
        }
    }

    /// Whether it must be sent only to the original origin.
    pub fn is_credential(&self) -> bool {
        self.is_secret || is_credential_header(&self.name)
    }

    /// `Authorization: Basic` for a name and password (RFC 7617).
    pub fn basic(user: &str, password: &str) -> Self {
        Self::new(
            "Authorization",
            format!("Basic {}", BASE64.encode(format!("{user}:{password}"))),
        )
    }

    /// The secrets in a credential: its value, the token of `Bearer TOKEN` and the value of each cookie, since
    /// a server may repeat these alone.
    pub fn secrets(&self) -> Vec<String> {
        let value = self.value.as_deref().unwrap_or_default();
        let token = value.split_once(' ').map(|(_, token)| token);
        let pairs = value.split(';').filter_map(|pair| pair.split_once('='));
        let parts = token.into_iter().chain(pairs.map(|(_, value)| value));
        let parts = parts.map(|part| part.trim().to_owned());
        parts.chain([value.to_owned()]).collect()
    }
}

/// A password, and its form in an `Authorization: Basic` header.
pub fn basic_secrets(user: &str, password: &str) -> [String; 2] {
    let header = RequestHeader::basic(user, password)
        .value
        .unwrap_or_default();
    let encoded = header.trim_start_matches("Basic ");
    [password.to_owned(), encoded.to_owned()]
}

impl fmt::Debug for RequestHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(_) if self.is_credential() => {
                write!(f, "{}: {}", self.name, crate::secret::MASK)
            }
            Some(value) => write!(f, "{}: {value}", self.name),
            None => write!(f, "{}:", self.name),
        }
    }
}

/// Whether a byte is allowed in a token (RFC 9110 §5.6.2): header names, subprotocols.
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Credentials for the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password (RFC 7617).
    Basic(String, Secret),
    /// A token (RFC 6750) or its source, which is read for each connection, so that a renewed token is used.
    Bearer(SecretSource),
}

impl Credentials {
    /// The current `Authorization` header.
    ///
    /// # Errors
    /// The file or variable cannot be read, or its content is not a valid token.
    pub fn header(&self) -> Result<RequestHeader, String> {
        match self {
            Self::Basic(user, password) => Ok(RequestHeader::basic(user, password.reveal())),
            Self::Bearer(source) => {
                let token = source.read().map_err(|unreadable| unreadable.to_string())?;
                Self::bearer(&token)
            }
        }
    }

    /// `Authorization: Bearer` for a token (RFC 6750).
    ///
    /// # Errors
    /// The token is empty, or contains a space or a control character.
    pub fn bearer(token: &str) -> Result<RequestHeader, String> {
        let token = token.trim();
        if token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("the bearer token is empty or contains a space or a line break".to_owned());
        }
        Ok(RequestHeader::new(
            "Authorization",
            format!("Bearer {token}"),
        ))
    }
}

/// A subprotocol that is offered.
#[derive(Clone, PartialEq, Eq)]
pub struct Subprotocol {
    /// Its name (RFC 6455 §1.9).
    pub name: String,
    /// Whether it contains a credential: browsers cannot set headers, so some servers take a token here.
    pub is_secret: bool,
}

impl Subprotocol {
    /// A subprotocol that is not secret.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_secret: false,
        }
    }

    /// The secrets in a secret subprotocol: the whole name, and the text after each dot.
    pub fn secrets(&self) -> Vec<String> {
        let dots = self.name.match_indices('.');
        let tokens = dots.map(|(dot, _)| &self.name[dot + 1..]);
        let tokens = tokens.filter(|token| token.len() >= SEARCHED_FROM);
        tokens
            .chain([self.name.as_str()])
            .map(str::to_owned)
            .collect()
    }
}

impl fmt::Debug for Subprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_secret {
            crate::secret::MASK
        } else {
            &self.name
        })
    }
}

/// The variable part of the upgrade request.
#[derive(Clone, Debug, Default)]
pub struct UpgradeOptions {
    /// Headers in the order given. They replace default headers of the same name.
    pub headers: Vec<RequestHeader>,
    /// The credentials for `Authorization`, unless a header of that name is given.
    pub credentials: Option<Credentials>,
    /// Subprotocols to offer, in order of preference.
    pub subprotocols: Vec<Subprotocol>,
    /// The offer of permessage-deflate; `None` offers no compression.
    pub compression: Option<DeflateOffer>,
    /// How much is kept of the body of a refusal.
    pub refusal_body: RefusalBody,
}

/// How much is kept of the body of a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefusalBody {
    /// The beginning, decompressed, for a person: 1 KiB.
    #[default]
    Excerpt,
    /// The bytes as they came, to pass them on: 1 MiB.
    Whole,
}

impl RefusalBody {
    /// The most bytes that are kept.
    pub const fn limit(self) -> usize {
        match self {
            Self::Excerpt => 1 << 10,
            Self::Whole => 1 << 20,
        }
    }
}

impl UpgradeOptions {
    /// The values of the given headers of a name; `None` if none is given and the default is sent.
    fn given<'a>(&'a self, name: &str) -> Option<Vec<&'a str>> {
        let headers = self.headers.iter();
        let mut given = headers
            .filter(|header| header.name.eq_ignore_ascii_case(name))
            .peekable();
        given.peek()?;
        Some(given.filter_map(|header| header.value.as_deref()).collect())
    }

    /// The subprotocols that the server may choose from. A given `Sec-WebSocket-Protocol` header replaces
    /// the option.
    pub fn offered_subprotocols(&self) -> Vec<&str> {
        match self.given("Sec-WebSocket-Protocol") {
            Some(values) => subprotocols_in(values).collect(),
            None => self.subprotocols.iter().map(|s| s.name.as_str()).collect(),
        }
    }

    /// The offer of permessage-deflate. A given `Sec-WebSocket-Extensions` header replaces the option.
    pub fn offered_compression(&self) -> Option<DeflateOffer> {
        match self.given("Sec-WebSocket-Extensions") {
            Some(values) => DeflateOffer::in_header(values),
            None => self.compression.clone(),
        }
    }

    /// Whether a given header offers this extension.
    pub fn offers_extension(&self, name: &str) -> bool {
        let values = self.given("Sec-WebSocket-Extensions").unwrap_or_default();
        let offers = values.iter().flat_map(|value| value.split(','));
        offers
            .filter_map(|offer| offer.split(';').next())
            .any(|offered| offered.trim().eq_ignore_ascii_case(name))
    }
}

/// The names in the values of `Sec-WebSocket-Protocol` headers.
pub fn subprotocols_in<'a>(
    values: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = &'a str> {
    let names = values.into_iter().flat_map(|value| value.split(','));
    names.map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &str) -> Address {
        Address::parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}"))
    }

    #[test]
    fn every_form_of_url_is_understood() {
        let table = [
            (
                "ws://example.com",
                "example.com",
                80,
                false,
                "/",
                "example.com",
            ),
            (
                "wss://example.com/a?b=1",
                "example.com",
                443,
                true,
                "/a?b=1",
                "example.com",
            ),
            (
                "http://example.com:8080/x",
                "example.com",
                8080,
                false,
                "/x",
                "example.com:8080",
            ),
            (
                "https://example.com",
                "example.com",
                443,
                true,
                "/",
                "example.com",
            ),
            (
                "WSS://Example.COM/",
                "example.com",
                443,
                true,
                "/",
                "example.com",
            ),
            (
                "localhost:9000/ws",
                "localhost",
                9000,
                false,
                "/ws",
                "localhost:9000",
            ),
            (
                "127.0.0.1:9000",
                "127.0.0.1",
                9000,
                false,
                "/",
                "127.0.0.1:9000",
            ),
            ("[::1]:9000", "::1", 9000, false, "/", "[::1]:9000"),
            (
                "example.com/feed",
                "example.com",
                443,
                true,
                "/feed",
                "example.com",
            ),
            (
                "example.com:8443",
                "example.com",
                8443,
                true,
                "/",
                "example.com:8443",
            ),
            (
                ":8080/ws",
                "localhost",
                8080,
                false,
                "/ws",
                "localhost:8080",
            ),
            (":8080/", "localhost", 8080, false, "/", "localhost:8080"),
            (":8080", "localhost", 8080, false, "/", "localhost:8080"),
            ("echo:8080", "echo", 8080, true, "/", "echo:8080"),
            ("ws://h/p#fragment", "h", 80, false, "/p", "h"),
            (
                "ws://bücher.example/",
                "xn--bcher-kva.example",
                80,
                false,
                "/",
                "xn--bcher-kva.example",
            ),
            (
                "host/path?next=http://x",
                "host",
                443,
                true,
                "/path?next=http://x",
                "host",
            ),
        ];
        for (typed, host, port, secure, target, header) in table {
            let address = parsed(typed);
            assert_eq!(
                address.endpoint,
                Endpoint::Tcp {
                    host: host.into(),
                    port
                },
                "{typed}"
            );
            assert_eq!(address.secure, secure, "{typed}");
            assert_eq!(address.request_target, target, "{typed}");
            assert_eq!(address.host_header, header, "{typed}");
        }
    }

    #[test]
    fn user_info_becomes_a_credential_and_is_not_shown() {
        let address = parsed("wss://al%40ice:s%20cret@example.com/?token=abc");
        assert_eq!(address.user_info, Some(("al@ice".into(), "s cret".into())));
        assert_eq!(address.shown, "wss://example.com/?token=***");
    }

    #[test]
    fn unix_sockets_have_a_path_and_a_target() {
        let address = parsed("ws+unix:/run/app.sock:/chat?x=1");
        assert_eq!(address.endpoint, Endpoint::Unix("/run/app.sock".into()));
        assert_eq!(address.request_target, "/chat?x=1");
        assert_eq!(parsed("ws+unix:/run/app.sock").request_target, "/");
        let odd = parsed("ws+unix:/run/app.sock:/a b?c=d e\r\nX: y#f").request_target;
        assert_eq!(odd, "/a%20b?c=d%20eX:%20y");
        assert!(Address::parse("ws+unix:app.sock").is_err());
        let secure = parsed("wss+unix:/run/app.sock:/chat");
        assert!(secure.secure && !address.secure);
        assert_eq!(secure.endpoint, address.endpoint);
    }

    #[test]
    fn a_zone_is_a_part_of_the_address_and_not_of_host() {
        for typed in [
            "ws://[fe80::1%25eth0]:8080/a",
            "ws://[fe80::1%eth0]:8080/a",
            "http://[fe80::1%25eth0]:8080/a",
        ] {
            let address = parsed(typed);
            assert_eq!(
                address.endpoint.to_string(),
                "[fe80::1%eth0]:8080",
                "{typed}"
            );
            assert_eq!(address.host_header, "[fe80::1]:8080", "{typed}");
            assert_eq!(address.shown, "ws://[fe80::1%25eth0]:8080/a", "{typed}");
        }
        assert_eq!(
            parsed("[fe80::1%2]").endpoint.to_string(),
            "[fe80::1%2]:443"
        );
        for typed in ["ws://[fe80::1%]/", "ws://a%25eth0/"] {
            assert!(Address::parse(typed).is_err(), "{typed}");
        }
        assert_eq!(without_zone("fe80::1%eth0"), "fe80::1");
        assert_eq!(without_zone("a%b"), "a%b");
    }

    #[test]
    fn invalid_urls_have_an_error_and_a_hint() {
        let table = [
            ("", "empty"),
            ("8080", "only a number"),
            ("-", "stdin"),
            ("/chat", "a path"),
            ("unix:///run/a.sock", "scheme 'unix'"),
            ("file:///run/a", "scheme 'file'"),
            ("ws-c:tcp:h:80", "websocat address"),
            ("mirror:", "websocat address"),
            ("ws://::1:80/", "invalid host"),
            ("ws://[::1:80/", "invalid host"),
            ("ftp://example.com", "scheme 'ftp'"),
            ("ws:/example.com", "//"),
            ("ws://", "missing host"),
            ("ws://:80/", "host"),
            ("ws:///path", "missing host"),
            ("ws://host:99999/", "invalid port"),
            ("ws://host:0/", "port 0"),
            ("@staging", "reserved"),
            ("ws://ho st/", "domain name"),
        ];
        for (typed, part) in table {
            let error = Address::parse(typed).expect_err(typed);
            assert!(error.to_string().contains(part), "{typed}: {error}");
        }
        let error = Address::parse("ftp://user:hunter22@example.com").expect_err("scheme");
        assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
    }

    #[test]
    fn headers_keep_colons_commas_and_case() {
        let header = RequestHeader::parse("X-Time: 12:30, later").expect("a header");
        assert_eq!(
            (header.name.as_str(), header.value.as_deref()),
            ("X-Time", Some("12:30, later"))
        );
        assert_eq!(
            RequestHeader::parse("Origin:").expect("left out").value,
            None
        );
        assert_eq!(
            RequestHeader::parse("X-Empty;")
                .expect("empty")
                .value
                .as_deref(),
            Some("")
        );
        for line in ["no colon", ": value", "Na me: v", "Name: a\r\nB: c"] {
            assert!(RequestHeader::parse(line).is_err(), "{line}");
        }
    }
}
