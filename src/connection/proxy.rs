//! Proxies: selects the proxy for a host, and connects through it.
//!
//! HTTP and HTTPS proxies are used with CONNECT (RFC 9110 §9.3.6), SOCKS5 proxies by RFC 1928. The
//! environment is read by curl's rules. A proxy receives only the host, the port and its own credentials.

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use url::{Host, Url};

use super::dial::{self, Route};
use super::error::{Error, ErrorKind, Stage};
use super::handshake::{HeadError, Refusal, answer, client};
use super::stream::Stream;
use super::target::RefusalBody;
use crate::secret::{Secret, io_text, redact_url};

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT inside TLS.
    Https,
    /// SOCKS5; host names are resolved locally.
    Socks5,
    /// SOCKS5; host names are resolved by the proxy.
    Socks5h,
}

/// A proxy server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its protocol.
    pub protocol: ProxyProtocol,
    /// Its host, IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User and password.
    pub credentials: Option<(String, Secret)>,
    /// The URL to print, without credentials.
    pub shown: String,
}

/// An invalid proxy URL (exit 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyUrlError(String);

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Proxy {
    /// Parses `[PROTOCOL://][USER:PASSWORD@]HOST[:PORT]`. As in curl, the default protocol is `http`, the
    /// default port is 443 for `https` and 1080 for the others.
    ///
    /// # Errors
    /// The URL without its credentials, and why it is invalid.
    pub fn parse(typed: &str) -> Result<Self, ProxyUrlError> {
        let bad =
            |why: &str| ProxyUrlError(format!("invalid proxy '{}': {why}", redact_url(typed)));
        let (scheme, rest) = typed.split_once("://").unwrap_or(("http", typed));
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyProtocol::Http,
            "https" => ProxyProtocol::Https,
            "socks5" => ProxyProtocol::Socks5,
            "socks5h" => ProxyProtocol::Socks5h,
            other => {
                return Err(bad(&format!(
                    "unsupported scheme '{other}' (expected http, https, socks5 or socks5h)"
                )));
            }
        };
        // Parsed as ws: the URL library does not parse the host of an unknown scheme.
        let url = Url::parse(&format!("ws://{rest}")).map_err(|error| bad(&error.to_string()))?;
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(bad("missing host")),
        };
        let port = match (explicit_port(rest), protocol) {
            (Some(port), _) => port,
            (None, ProxyProtocol::Https) => 443,
            (None, _) => 1080,
        };
        if port == 0 {
            return Err(bad("cannot connect to port 0"));
        }
        let credentials =
            super::target::user_info(&url).map(|(user, password)| (user, Secret::new(password)));
        let bracketed = url.host_str().unwrap_or_default();
        Ok(Self {
            protocol,
            shown: format!("{}://{bracketed}:{port}", scheme.to_ascii_lowercase()),
            host,
            port,
            credentials,
        })
    }

    /// Whether the connection to the proxy uses TLS.
    pub fn is_secure(&self) -> bool {
        self.protocol == ProxyProtocol::Https
    }
}

/// The port as it was typed: the URL library drops the scheme's default port.
fn explicit_port(rest: &str) -> Option<u16> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let behind = host.rsplit(']').next()?;
    behind.rsplit_once(':')?.1.parse().ok()
}

/// Selects the proxy for a host.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// `--proxy`, for every host; the inner `None` means no proxy.
    forced: Option<Option<Proxy>>,
    /// From the environment, parsed only when a host needs it: name and value of the variable.
    for_secure: Option<(String, String)>,
    for_plain: Option<(String, String)>,
    exceptions: NoProxy,
}

impl Proxies {
    /// One proxy for every host; an empty text means no proxy.
    ///
    /// # Errors
    /// As [`Proxy::parse`].
    pub fn forced(typed: &str) -> Result<Self, ProxyUrlError> {
        let proxy = match typed {
            "" => None,
            typed => Some(Proxy::parse(typed)?),
        };
        Ok(Self {
            forced: Some(proxy),
            ..Self::default()
        })
    }

    /// Reads the environment by curl's rules: lower case before upper case, and never `HTTP_PROXY`, which
    /// the client of a CGI program can set with a `Proxy:` header.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            names.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.trim().is_empty())?;
                Some(((*name).to_owned(), value.trim().to_owned()))
            })
        };
        let exceptions = first(&["no_proxy", "NO_PROXY"]);
        Self {
            forced: None,
            for_secure: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            for_plain: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            exceptions: NoProxy::parse(&exceptions.map(|(_, list)| list).unwrap_or_default()),
        }
    }

    /// The proxy for a host; `None` connects directly.
    ///
    /// # Errors
    /// A variable of the environment contains an invalid proxy URL.
    pub fn before(
        &self,
        host: &str,
        port: u16,
        secure: bool,
    ) -> Result<Option<Proxy>, ProxyUrlError> {
        if let Some(forced) = &self.forced {
            return Ok(forced.clone());
        }
        let variable = if secure {
            &self.for_secure
        } else {
            &self.for_plain
        };
        match variable {
            Some((name, value)) if !self.exceptions.cover(host, port) => Proxy::parse(value)
                .map(Some)
                .map_err(|bad| ProxyUrlError(format!("{name}: {bad}"))),
            _ => Ok(None),
        }
    }
}

/// `NO_PROXY`: hosts that are connected to directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct NoProxy(Vec<NoProxyEntry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum NoProxyEntry {
    Everything,
    /// A network: address, prefix length in bits, port.
    Network(IpAddr, u8, Option<u16>),
    /// A domain and its subdomains, in lower case, and a port.
    Domain(String, Option<u16>),
}

impl NoProxy {
    /// Parses entries separated by commas or spaces: `*`, a domain with or without a leading dot, an
    /// address or a network in CIDR notation; each may have a port. As in curl, invalid entries are
    /// ignored.
    fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).map(str::trim);
        Self(
            entries
                .filter(|entry| !entry.is_empty())
                .filter_map(NoProxyEntry::parse)
                .collect(),
        )
    }

    fn cover(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|entry| entry.covers(&host, port))
    }
}

impl NoProxyEntry {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Everything);
        }
        let (name, port) = split_port(entry)?;
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if let Some((network, bits)) = bare.split_once('/') {
            let ip: IpAddr = network.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            let most = if ip.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Network(ip, bits, port));
        }
        if let Ok(ip) = bare.parse::<IpAddr>() {
            let bits = if ip.is_ipv4() { 32 } else { 128 };
            return Some(Self::Network(ip, bits, port));
        }
        let domain = name
            .trim_start_matches("*.")
            .trim_start_matches('.')
            .trim_end_matches('.');
        (!domain.is_empty()).then(|| Self::Domain(domain.to_ascii_lowercase(), port))
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        let same_port = |only: &Option<u16>| only.is_none_or(|only| only == port);
        match self {
            Self::Everything => true,
            Self::Network(network, bits, only) => {
                same_port(only)
                    && host
                        .parse()
                        .is_ok_and(|ip| is_within(ip, *network, (*bits).into()))
            }
            Self::Domain(domain, only) => {
                let below = host
                    .strip_suffix(domain.as_str())
                    .is_some_and(|front| front.is_empty() || front.ends_with('.'));
                same_port(only) && below
            }
        }
    }
}

/// Splits off the port; an IPv6 address can have one only after brackets. `None` for an invalid port.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    let colons = entry.matches(':').count();
    let has_port = colons == 1 || entry.contains("]:");
    match entry.rsplit_once(':').filter(|_| has_port) {
        Some((name, port)) => Some((name, Some(port.parse().ok()?))),
        None => Some((entry, None)),
    }
}

fn is_within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (ip.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differing = u32::from(ip) ^ u32::from(network);
            differing.leading_zeros() >= bits
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differing = u128::from(ip) ^ u128::from(network);
            differing.leading_zeros() >= bits
        }
        _ => false,
    }
}

/// Connects to a host through the proxy at the other end of `stream`.
///
/// # Errors
/// [`ErrorKind::Proxy`] with the proxy's answer; [`ErrorKind::Dns`] if the name is resolved locally and is
/// not found.
pub async fn tunnel(
    proxy: &Proxy,
    mut stream: Stream,
    (host, port): (&str, u16),
    route: &Route,
    deadline: Instant,
) -> Result<Stream, Error> {
    match proxy.protocol {
        ProxyProtocol::Http | ProxyProtocol::Https => {
            connect(proxy, &mut stream, host, port, deadline).await?;
        }
        ProxyProtocol::Socks5h => {
            socks(proxy, &mut stream, &SocksDestination::of(host), port).await?;
        }
        ProxyProtocol::Socks5 => {
            let found = dial::lookup(host, port, route).await?;
            // The lookup returns at least one address or an error.
            let ip = found.first().map(std::net::SocketAddr::ip);
            let destination = ip.map_or_else(|| SocksDestination::of(host), SocksDestination::Ip);
            socks(proxy, &mut stream, &destination, port).await?;
        }
    }
    Ok(stream)
}

fn refused(proxy: &Proxy, what: impl fmt::Display) -> Error {
    let message = format!("the proxy {} {what}", proxy.shown);
    Error::new(ErrorKind::Proxy, Stage::Proxy, message)
}

async fn connect(
    proxy: &Proxy,
    stream: &mut Stream,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<(), Error> {
    let authority = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let mut request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {}\r\n",
        client::USER_AGENT
    );
    if let Some((user, password)) = &proxy.credentials {
        let credentials = BASE64.encode(format!("{user}:{}", password.reveal()));
        request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
    }
    request.push_str("\r\n");
    let broken = |error: HeadError| {
        refused(proxy, format!("did not answer CONNECT: {error}")).hint(
            "check that it is an HTTP proxy; for a SOCKS proxy use --proxy socks5h://HOST:PORT",
        )
    };
    let ended = |error| broken(HeadError::Ended(Some(error), bytes::Bytes::new()));
    stream.write_all(request.as_bytes()).await.map_err(ended)?;
    stream.flush().await.map_err(ended)?;
    let mut buffer = BytesMut::new();
    let answer = answer::read_answer(stream, &mut buffer)
        .await
        .map_err(broken)?;
    if !(200..300).contains(&answer.status) {
        let kept = RefusalBody::Excerpt;
        let refusal = answer::read_refusal(stream, answer, buffer, deadline, kept).await;
        let hint = hint_for(&refusal, proxy);
        let error = refused(proxy, format!("answered {}", refusal.status_line()));
        return Err(Error {
            hint,
            refusal: Some(Box::new(refusal)),
            ..error
        });
    }
    if buffer.is_empty() {
        return Ok(());
    }
    // In TLS and HTTP the client sends first. So a host that sends first is not a web server.
    let sent: String = buffer.escape_ascii().to_string().chars().take(64).collect();
    let message = format!("the host behind the proxy is not an HTTP server: it sent \"{sent}\"");
    Err(Error::new(ErrorKind::Handshake, Stage::Proxy, message))
}

fn hint_for(refusal: &Refusal, proxy: &Proxy) -> Option<String> {
    if refusal.status == 407
        && let Some(hint) = client::hint_for_proxy(&refusal.headers)
    {
        return Some(hint);
    }
    let hint = match refusal.status {
        407 if proxy.credentials.is_some() => "the proxy rejected this user and password",
        407 => "the proxy requires a user and password: --proxy http://USER:PASSWORD@HOST:PORT",
        403 => "the proxy does not allow CONNECT to that host or port",
        400 | 404 | 405 | 426 | 501 => {
            "check that it is a proxy; web servers do not support CONNECT"
        }
        502..=504 => "the proxy cannot reach the host",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The destination of a SOCKS request.
enum SocksDestination<'a> {
    Ip(IpAddr),
    Name(&'a str),
}

impl<'a> SocksDestination<'a> {
    fn of(host: &'a str) -> Self {
        host.parse().map_or(Self::Name(host), Self::Ip)
    }

    /// The address in the form of RFC 1928 §5; `None` for a name longer than 255 bytes.
    fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Ip(IpAddr::V4(ip)) => {
                bytes.push(1);
                bytes.extend(ip.octets());
            }
            Self::Ip(IpAddr::V6(ip)) => {
                bytes.push(4);
                bytes.extend(ip.octets());
            }
            Self::Name(name) => {
                bytes.extend([3, u8::try_from(name.len()).ok()?]);
                bytes.extend(name.as_bytes());
            }
        }
        Some(bytes)
    }
}

/// The SOCKS5 exchange (RFC 1928), with user and password (RFC 1929).
async fn socks(
    proxy: &Proxy,
    stream: &mut Stream,
    destination: &SocksDestination<'_>,
    port: u16,
) -> Result<(), Error> {
    const PASSWORD: u8 = 2;
    let methods: &[u8] = match proxy.credentials {
        Some(_) => &[5, 2, 0, PASSWORD],
        None => &[5, 1, 0],
    };
    let [version, method] = exchange(proxy, stream, methods).await?;
    if version != 5 {
        return Err(refused(proxy, "does not speak SOCKS5")
            .hint("for an HTTP proxy use --proxy http://HOST:PORT"));
    }
    match (method, &proxy.credentials) {
        (0, _) => {}
        (PASSWORD, Some((user, password))) => {
            authenticate(proxy, stream, user, password.reveal()).await?;
        }
        (0xff, None) => {
            return Err(refused(proxy, "requires a user and password")
                .hint("--proxy socks5h://USER:PASSWORD@HOST:PORT"));
        }
        (0xff, Some(_)) => return Err(refused(proxy, "does not accept a user and password")),
        (other, _) => {
            return Err(refused(
                proxy,
                format!("selected the authentication method {other}, which was not offered"),
            ));
        }
    }
    let address = destination
        .encode()
        .ok_or_else(|| refused(proxy, "does not support host names longer than 255 bytes"))?;
    let request = [&[5, 1, 0], &address[..], &port.to_be_bytes()[..]].concat();
    let [_, reply, _, kind] = exchange(proxy, stream, &request).await?;
    if reply != 0 {
        // General failure, network or host unreachable, connection refused, TTL: may be temporary.
        let passing = matches!(reply, 1 | 3..=6);
        let error = refused(proxy, format!("answered: {}", reply_name(reply)));
        return Err(Error { passing, ..error });
    }
    skip_bound_address(proxy, stream, kind).await
}

async fn authenticate(
    proxy: &Proxy,
    stream: &mut Stream,
    user: &str,
    password: &str,
) -> Result<(), Error> {
    let (Ok(user_length), Ok(password_length)) =
        (u8::try_from(user.len()), u8::try_from(password.len()))
    else {
        return Err(refused(
            proxy,
            "does not support a user or password longer than 255 bytes",
        ));
    };
    let mut request = vec![1, user_length];
    request.extend(user.as_bytes());
    request.push(password_length);
    request.extend(password.as_bytes());
    match exchange(proxy, stream, &request).await? {
        [_, 0] => Ok(()),
        _ => Err(refused(proxy, "rejected this user and password")),
    }
}

/// Skips the address that the proxy connects from, which is not needed (RFC 1928 §6).
async fn skip_bound_address(proxy: &Proxy, stream: &mut Stream, kind: u8) -> Result<(), Error> {
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(exchange::<1>(proxy, stream, &[]).await?[0]),
        other => {
            return Err(refused(
                proxy,
                format!("answered with the unknown address type {other}"),
            ));
        }
    };
    let mut ignored = vec![0; length + 2];
    stream
        .read_exact(&mut ignored)
        .await
        .map(drop)
        .map_err(|error| ended(proxy, &error))
}

/// Sends a request and reads a reply of fixed length.
async fn exchange<const N: usize>(
    proxy: &Proxy,
    stream: &mut Stream,
    request: &[u8],
) -> Result<[u8; N], Error> {
    let mut answer = [0; N];
    let exchanging = async {
        stream.write_all(request).await?;
        stream.flush().await?;
        stream.read_exact(&mut answer).await
    };
    match exchanging.await {
        Ok(_) => Ok(answer),
        Err(error) => Err(ended(proxy, &error)),
    }
}

fn ended(proxy: &Proxy, error: &std::io::Error) -> Error {
    let why = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
        _ => format!("did not answer: {}", io_text(error)),
    };
    refused(proxy, why)
        .hint("check that it is a SOCKS5 proxy; for an HTTP proxy use --proxy http://HOST:PORT")
}

/// The name of a reply code (RFC 1928 §6).
fn reply_name(reply: u8) -> String {
    let name = match reply {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unassigned reply code",
    };
    format!("{name} (SOCKS reply {reply})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        let table = [
            ("proxy.example", ProxyProtocol::Http, "proxy.example", 1080),
            (
                "http://proxy.example:80",
                ProxyProtocol::Http,
                "proxy.example",
                80,
            ),
            (
                "HTTPS://proxy.example",
                ProxyProtocol::Https,
                "proxy.example",
                443,
            ),
            ("https://p:8443/", ProxyProtocol::Https, "p", 8443),
            ("socks5://[::1]:9050", ProxyProtocol::Socks5, "::1", 9050),
            ("socks5h://p", ProxyProtocol::Socks5h, "p", 1080),
            ("127.0.0.1:3128", ProxyProtocol::Http, "127.0.0.1", 3128),
        ];
        for (typed, protocol, host, port) in table {
            let proxy = Proxy::parse(typed).expect(typed);
            let found = (proxy.protocol, proxy.host.as_str(), proxy.port);
            assert_eq!(found, (protocol, host, port), "{typed}");
        }
        let proxy = Proxy::parse("http://me:p%40ss:w@p:1").expect("a proxy");
        assert_eq!(
            proxy.credentials,
            Some(("me".to_owned(), Secret::new("p@ss:w")))
        );
        assert_eq!(proxy.shown, "http://p:1");
        for wrong in [
            "",
            "socks4://p",
            "ftp://p",
            "http://",
            "http://p:99999",
            "http://p:0",
        ] {
            assert!(Proxy::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn chosen(environment: &[(&str, &str)], host: &str, port: u16, secure: bool) -> Option<String> {
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        };
        let proxies = Proxies::from_environment(variable);
        let proxy = proxies.before(host, port, secure).expect("usable");
        proxy.map(|proxy| proxy.host)
    }

    #[test]
    fn the_environment_has_curls_order() {
        let all = [
            ("HTTPS_PROXY", "upper"),
            ("https_proxy", "lower"),
            ("HTTP_PROXY", "never"),
            ("ALL_PROXY", "all"),
        ];
        assert_eq!(chosen(&all, "h", 443, true).as_deref(), Some("lower"));
        assert_eq!(chosen(&all[..1], "h", 443, true).as_deref(), Some("upper"));
        assert_eq!(chosen(&all, "h", 80, false).as_deref(), Some("all"));
        assert_eq!(chosen(&[("HTTP_PROXY", "never")], "h", 80, false), None);
        assert_eq!(chosen(&[("http_proxy", "")], "h", 80, false), None);
    }

    #[test]
    fn no_proxy_knows_domains_ports_and_networks() {
        let table = [
            ("*", "any", 80, true),
            ("example.com", "example.com", 80, true),
            ("example.com", "sub.EXAMPLE.com.", 80, true),
            (".example.com", "example.com", 80, true),
            ("*.example.com", "a.example.com", 80, true),
            ("example.com", "badexample.com", 80, false),
            ("a, example.com", "example.com", 80, true),
            ("a example.com", "example.com", 80, true),
            ("example.com:8080", "example.com", 8080, true),
            ("example.com:8080", "example.com", 80, false),
            ("example.com:http", "example.com", 80, false),
            ("192.0.2.0/24", "192.0.2.77", 80, true),
            ("192.0.2.0/24", "192.0.3.77", 80, false),
            ("192.0.2.1:81", "192.0.2.1", 81, true),
            ("0.0.0.0/0", "8.8.8.8", 80, true),
            ("192.0.2.0/33", "192.0.2.1", 80, false),
            ("2001:db8::/32", "2001:db8::5", 80, true),
            ("[::1]:81", "::1", 81, true),
            ("[::1]:81", "::1", 80, false),
            ("::1", "::1", 80, true),
            ("127.0.0.0/8", "localhost", 80, false),
        ];
        for (list, host, port, covered) in table {
            let found = NoProxy::parse(list).cover(host, port);
            assert_eq!(found, covered, "{list} {host}:{port}");
        }
    }

    #[test]
    fn a_bad_variable_is_named_without_its_password() {
        let proxies = Proxies::from_environment(|name| {
            (name == "all_proxy").then(|| "gopher://me:hunter2@p".to_owned())
        });
        let error = proxies.before("h", 80, false).expect_err("a bad scheme");
        let text = error.to_string();
        assert!(
            text.contains("all_proxy") && text.contains("gopher"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}
