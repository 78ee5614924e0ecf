//! Connects to a host: `--resolve` overrides, name lookup, connection attempts, socket options.
//!
//! Addresses are tried in parallel by RFC 8305 (Happy Eyeballs), so that a broken address family costs
//! little time. If all fail, the error lists each address with its reason.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep};

use super::error::{Error, ErrorKind, Stage};
use super::stream::Stream;
use super::target::{Endpoint, without_zone};
use crate::secret::io_text;

/// The delay before the next address is tried in parallel (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// How an endpoint is reached.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Given addresses for names (`--resolve`); later entries win.
    pub overrides: Vec<Override>,
    /// Which addresses are used.
    pub family: Family,
    /// The local end (`--interface`).
    pub from: Option<LocalEnd>,
    /// A Unix domain socket to connect to instead of the URL's host (`--unix-socket`).
    pub unix_socket: Option<PathBuf>,
}

/// The local end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalEnd {
    /// An address of this machine.
    Address(IpAddr),
    /// The name of a network interface (Linux only).
    Interface(String),
}

impl LocalEnd {
    /// The address family that it restricts to.
    fn family(&self) -> Family {
        match self {
            Self::Address(IpAddr::V4(_)) => Family::V4,
            Self::Address(IpAddr::V6(_)) => Family::V6,
            Self::Interface(_) => Family::Any,
        }
    }

    /// Whether a connection can begin here, for connections that do not use it.
    ///
    /// # Errors
    /// This machine has no such address or interface.
    pub fn check(&self) -> io::Result<()> {
        let socket = match self.family() {
            Family::V6 => TcpSocket::new_v6()?,
            Family::V4 | Family::Any => TcpSocket::new_v4()?,
        };
        self.bind(&socket)
    }

    fn bind(&self, socket: &TcpSocket) -> io::Result<()> {
        match self {
            Self::Address(ip) => socket.bind(SocketAddr::new(*ip, 0)),
            #[cfg(target_os = "linux")]
            Self::Interface(name) => socket.bind_device(Some(name.as_bytes())),
            #[cfg(not(target_os = "linux"))]
            Self::Interface(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "interface names are supported on Linux only; use an address of the interface",
            )),
        }
    }
}

impl fmt::Display for LocalEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => write!(f, "{ip}"),
            Self::Interface(name) => f.write_str(name),
        }
    }
}

/// Which address families are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// Only IPv4 (`-4`).
    V4,
    /// Only IPv6 (`-6`).
    V6,
}

impl Family {
    fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Addresses to use instead of a lookup (`--resolve`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The name, or `*` for every name.
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Override {
    /// Parses `HOST:PORT:ADDRESS[,ADDRESS]...`; an IPv6 address may be in brackets.
    ///
    /// # Errors
    /// Which part is invalid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shape = || {
            format!(
                "invalid value '{text}': expected HOST:PORT:ADDRESS (example: example.com:443:192.0.2.1)"
            )
        };
        let (host, rest) = match text.strip_prefix('[') {
            Some(v6) => v6.split_once("]:").ok_or_else(shape)?,
            None => text.split_once(':').ok_or_else(shape)?,
        };
        let (port, addresses) = rest.split_once(':').ok_or_else(shape)?;
        if host.is_empty() {
            return Err(shape());
        }
        let port = port
            .parse()
            .map_err(|_| format!("invalid port '{port}' in '{text}'"))?;
        let addresses = addresses
            .split(',')
            .map(|typed| {
                let bare = typed.trim_start_matches('[').trim_end_matches(']');
                bare.parse()
                    .map_err(|_| format!("invalid IP address '{typed}' in '{text}'"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            host: host.to_owned(),
            port,
            addresses,
        })
    }

    fn applies_to(&self, host: &str, port: u16) -> bool {
        self.port == port && (self.host == "*" || self.host.eq_ignore_ascii_case(host))
    }
}

/// Resolves a host to the addresses that the route allows, in the order in which they are tried.
///
/// # Errors
/// [`ErrorKind::Dns`] with the resolver's message, or if no address has the requested family.
pub async fn lookup(host: &str, port: u16, route: &Route) -> Result<Vec<SocketAddr>, Error> {
    let found = addresses_of(host, port, &route.overrides).await?;
    let family = match (route.family, &route.from) {
        (Family::Any, Some(from)) => from.family(),
        (family, _) => family,
    };
    let usable: Vec<SocketAddr> = found
        .iter()
        .copied()
        .filter(|address| family.has(address.ip()))
        .collect();
    if usable.is_empty() {
        let family = family.as_str();
        let others: Vec<String> = found.iter().map(|a| a.ip().to_string()).collect();
        return Err(not_found(
            host,
            &format!("it has no {family} address, only {}", others.join(", ")),
        )
        .hint("-4, -6 and --interface exclude the addresses of the other family"));
    }
    Ok(interleaved(usable))
}

async fn addresses_of(
    host: &str,
    port: u16,
    overrides: &[Override],
) -> Result<Vec<SocketAddr>, Error> {
    let with_port = |ip: &IpAddr| SocketAddr::new(*ip, port);
    let given = overrides
        .iter()
        .rev()
        .find(|entry| entry.applies_to(host, port));
    if let Some(entry) = given {
        return Ok(entry.addresses.iter().map(with_port).collect());
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![with_port(&ip)]);
    }
    // `localhost` is always the loopback address (RFC 6761 §6.3): no lookup is needed.
    if super::target::is_loopback(host) {
        let ips = [
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ];
        return Ok(ips.iter().map(with_port).collect());
    }
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => {
            let addresses: Vec<SocketAddr> = found.collect();
            if addresses.is_empty() {
                Err(not_found(host, "it has no address"))
            } else {
                Ok(addresses)
            }
        }
        Err(error) => {
            let text = io_text(&error);
            let why = text
                .strip_prefix("failed to lookup address information: ")
                .unwrap_or(&text);
            // musl's message, which would read like advice.
            let why = match why {
                "Try again" => "no name server answered",
                why => why,
            };
            Err(not_found(host, why)
                .hint("check the host name and this machine's DNS settings; use --proxy URL if a proxy resolves names"))
        }
    }
}

fn not_found(host: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Dns,
        Stage::Lookup,
        format!("could not resolve host {host}: {why}"),
    )
}

/// Alternates the families, IPv6 first (RFC 8305 §4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut order = Vec::new();
    loop {
        let before = order.len();
        order.extend(six.next());
        order.extend(four.next());
        if order.len() == before {
            return order;
        }
    }
}

/// Connects to the address that answers first. The next one is tried when the last has failed or has not
/// answered within 250 ms (RFC 8305 §5). `attempts` records the state of each attempt.
///
/// # Errors
/// [`ErrorKind::Connect`] with every address and why it failed.
pub async fn connect(
    addresses: &[SocketAddr],
    from: Option<&LocalEnd>,
    attempts: &AddressAttempts,
) -> Result<TcpStream, Error> {
    attempts.entries().clear();
    let mut race = Race {
        waiting: addresses.iter().copied(),
        from: from.cloned(),
        attempts,
        running: Vec::new(),
        failures: Vec::new(),
        next: None,
    };
    std::future::poll_fn(|cx| race.poll(cx)).await
}

/// The addresses tried and why each failed; `None` for one that has not answered.
#[derive(Debug, Default)]
pub struct AddressAttempts(Mutex<Vec<(SocketAddr, Option<String>)>>);

impl AddressAttempts {
    fn entries(&self) -> MutexGuard<'_, Vec<(SocketAddr, Option<String>)>> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no address was tried.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    fn started(&self, address: SocketAddr) {
        self.entries().push((address, None));
    }

    fn failed(&self, address: SocketAddr, error: &io::Error) {
        let mut attempts = self.entries();
        if let Some(entry) = attempts.iter_mut().find(|entry| entry.0 == address) {
            entry.1 = Some(io_text(error));
        }
    }
}

impl fmt::Display for AddressAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, why)) in self.entries().iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let why = why.as_deref().unwrap_or("no answer");
            write!(f, "{comma}{address}: {why}")?;
        }
        Ok(())
    }
}

type ConnectFuture = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

struct Race<'a> {
    waiting: std::iter::Copied<std::slice::Iter<'a, SocketAddr>>,
    from: Option<LocalEnd>,
    attempts: &'a AddressAttempts,
    running: Vec<(SocketAddr, ConnectFuture)>,
    failures: Vec<io::ErrorKind>,
    /// When the next address may start.
    next: Option<Pin<Box<Sleep>>>,
}

impl Race<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, Error>> {
        loop {
            if let Some(stream) = self.poll_running(cx) {
                return Poll::Ready(Ok(stream));
            }
            let head_start_is_over = match &mut self.next {
                Some(timer) => timer.as_mut().poll(cx).is_ready(),
                None => true,
            };
            if !(head_start_is_over || self.running.is_empty()) {
                return Poll::Pending;
            }
            let Some(address) = self.waiting.next() else {
                if self.running.is_empty() {
                    return Poll::Ready(Err(refused_everywhere(self.attempts, &self.failures)));
                }
                return Poll::Pending;
            };
            self.attempts.started(address);
            self.running
                .push((address, Box::pin(attempt(address, self.from.clone()))));
            self.next = Some(Box::pin(tokio::time::sleep_until(
                Instant::now() + HEAD_START,
            )));
        }
    }

    /// Polls every attempt. The first that succeeds wins; after a failed one the next starts at once.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<TcpStream> {
        let mut index = 0;
        while let Some((address, attempt)) = self.running.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => return Some(stream),
                Poll::Ready(Err(error)) => {
                    self.attempts.failed(*address, &error);
                    self.failures.push(error.kind());
                    drop(self.running.remove(index));
                    self.next = None;
                }
                Poll::Pending => index += 1,
            }
        }
        None
    }
}

async fn attempt(address: SocketAddr, from: Option<LocalEnd>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(from) = from {
        from.bind(&socket).map_err(|error| {
            let text = format!("cannot connect from {from}: {}", io_text(&error));
            io::Error::new(error.kind(), text)
        })?;
    }
    let stream = socket.connect(address).await?;
    // Small messages must not wait for the acknowledgement of previous ones.
    stream.set_nodelay(true)?;
    limit_unsent(&stream);
    Ok(stream)
}

/// Limits the data that the kernel holds and has not sent. Otherwise it reports that there is room only after a
/// third of megabytes was acknowledged, so that a slow peer looks like one that does not read.
fn limit_unsent(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const UNSENT: u32 = 128 * 1024;
        // A system without this option is only slower to report progress.
        let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

fn refused_everywhere(attempts: &AddressAttempts, failures: &[io::ErrorKind]) -> Error {
    let message = format!("cannot connect to {attempts}");
    let error = Error::new(ErrorKind::Connect, Stage::Connect, message);
    let any = |kind| failures.contains(&kind);
    if any(io::ErrorKind::ConnectionRefused) {
        Error {
            nothing_listens: true,
            ..error.hint("nothing listens on that port; check that the server is running")
        }
    } else if any(io::ErrorKind::AddrNotAvailable) {
        error.hint("--interface must name an address or an interface of this machine")
    } else {
        error
    }
}

/// Connects to a Unix domain socket.
///
/// # Errors
/// [`ErrorKind::Connect`] with the path.
#[cfg(unix)]
pub async fn connect_unix(path: &Path) -> Result<Stream, Error> {
    UnixStream::connect(path)
        .await
        .map(Stream::Unix)
        .map_err(|error| {
            let failed = Error::new(
                ErrorKind::Connect,
                Stage::Connect,
                format!(
                    "cannot connect to the socket {}: {}",
                    path.display(),
                    io_text(&error)
                ),
            );
            match error.kind() {
                io::ErrorKind::NotFound => {
                    failed.hint("check that the server is running and that the path is right")
                }
                io::ErrorKind::ConnectionRefused => {
                    failed.hint("nothing listens on that path; check that the server is running")
                }
                _ => failed,
            }
        })
}

/// Connects to a Unix domain socket.
///
/// # Errors
/// Always: this platform has no Unix sockets.
#[cfg(not(unix))]
pub async fn connect_unix(path: &Path) -> Result<Stream, Error> {
    Err(Error::new(
        ErrorKind::Connect,
        Stage::Connect,
        format!(
            "cannot connect to {}: no Unix sockets on this platform",
            path.display()
        ),
    ))
}

/// The host part of an endpoint, for TLS.
pub fn host_of(endpoint: &Endpoint) -> &str {
    match endpoint {
        Endpoint::Tcp { host, .. } => without_zone(host),
        Endpoint::Unix(_) => "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_with_all_kinds_of_addresses() {
        let entry = Override::parse("example.com:443:192.0.2.1,[2001:db8::1],::1").expect("valid");
        assert!(entry.applies_to("EXAMPLE.com", 443) && !entry.applies_to("example.com", 80));
        assert_eq!(entry.addresses.len(), 3);
        assert!(Override::parse("[::1]:80:127.0.0.1").is_ok());
        assert!(
            Override::parse("*:80:127.0.0.1")
                .expect("valid")
                .applies_to("any", 80)
        );
        for wrong in [
            "",
            "host",
            "host:80",
            "host:http:1.2.3.4",
            "host:80:name",
            ":80:1.2.3.4",
            "h:80:",
        ] {
            assert!(Override::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn families_take_turns_and_six_goes_first() {
        let list = |text: &[&str]| -> Vec<SocketAddr> {
            text.iter()
                .map(|a| a.parse().expect("an address"))
                .collect()
        };
        let found = list(&["1.1.1.1:1", "2.2.2.2:1", "[::1]:1", "3.3.3.3:1"]);
        let order = list(&["[::1]:1", "1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1"]);
        assert_eq!(interleaved(found), order);
    }

    #[tokio::test]
    async fn an_override_beats_the_resolver_and_the_family_still_counts() {
        let route = Route {
            overrides: vec![Override::parse("no.such.invalid:80:127.0.0.1,::1").expect("valid")],
            family: Family::V4,
            ..Route::default()
        };
        let found = lookup("no.such.invalid", 80, &route).await.expect("found");
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 80))]);
        let only_six = Route {
            family: Family::V6,
            ..Route::default()
        };
        let error = lookup("127.0.0.1", 80, &only_six).await.expect_err("no v6");
        assert_eq!(error.kind, ErrorKind::Dns);
    }

    #[tokio::test]
    async fn a_refusing_address_costs_no_head_start() {
        let good = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let good = good.local_addr().expect("an address");
        let refusing = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|gone| gone.local_addr())
            .expect("a port that is free again");
        let begun = Instant::now();
        let stream = connect(&[refusing, good], None, &AddressAttempts::default())
            .await
            .expect("connected");
        assert_eq!(stream.peer_addr().expect("a peer"), good);
        assert!(begun.elapsed() < HEAD_START);
    }
}
