//! A name becomes a byte stream: lookup, then each address in turn, then the socket's settings.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::error::{Error, Kind, Stage};
use super::target::Endpoint;
use super::tls::TlsStream;
use crate::secret::io_text;

/// The longest that one address may take while others remain to be tried.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(3);

/// A connected byte stream of any kind.
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix domain socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<TlsStream>),
}

/// Hands a poll method through to whichever stream this is.
macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            #[cfg(unix)]
            Stream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_shutdown(cx))
    }
}

/// The addresses of an endpoint's host.
///
/// # Errors
/// [`Kind::Dns`] with the resolver's words.
pub async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    // `localhost` is this machine whatever a resolver says (RFC 6761 §6.3), and needs no thread.
    if super::target::is_loopback(host) {
        let ips = [
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ];
        return Ok(ips.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    let not_found = |why: &str| {
        Error::new(
            Kind::Dns,
            Stage::Lookup,
            format!("cannot find the host {host}: {why}"),
        )
        .hint("check the spelling of the name and this machine's name server")
    };
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => {
            let addresses: Vec<SocketAddr> = found.collect();
            if addresses.is_empty() {
                Err(not_found("it has no address"))
            } else {
                Ok(addresses)
            }
        }
        Err(error) => {
            let text = io_text(&error);
            Err(not_found(
                text.strip_prefix("failed to lookup address information: ")
                    .unwrap_or(&text),
            ))
        }
    }
}

/// Connects to the first address that accepts.
///
/// # Errors
/// [`Kind::Connect`] that names every address tried and why it failed.
pub async fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Error> {
    let mut failures = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let is_last = index + 1 == addresses.len();
        match attempt(*address, is_last, deadline).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failures.push((*address, error)),
        }
    }
    Err(refused_everywhere(&failures))
}

/// One address. All but the last get a limit of their own, so that a black hole in front of a good
/// address costs seconds, not the whole time allowed.
async fn attempt(address: SocketAddr, is_last: bool, deadline: Instant) -> io::Result<TcpStream> {
    let connecting = TcpStream::connect(address);
    let stream = if is_last {
        connecting.await?
    } else {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(ATTEMPT_LIMIT.min(left / 2), connecting).await {
            Ok(result) => result?,
            Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer")),
        }
    };
    // Small messages must leave when they are sent, not when the previous one was acknowledged.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn refused_everywhere(failures: &[(SocketAddr, io::Error)]) -> Error {
    let attempts: Vec<String> = failures
        .iter()
        .map(|(address, error)| format!("{address}: {}", io_text(error)))
        .collect();
    let error = Error::new(
        Kind::Connect,
        Stage::Connect,
        format!("cannot connect to {}", attempts.join(", ")),
    );
    if failures
        .iter()
        .any(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        error.hint("nothing listens on that port: is the server running?")
    } else {
        error
    }
}

/// Connects to a Unix domain socket.
///
/// # Errors
/// [`Kind::Connect`] with the path.
#[cfg(unix)]
pub async fn connect_unix(path: &Path) -> Result<Stream, Error> {
    UnixStream::connect(path)
        .await
        .map(Stream::Unix)
        .map_err(|error| {
            Error::new(
                Kind::Connect,
                Stage::Connect,
                format!(
                    "cannot connect to the socket {}: {}",
                    path.display(),
                    io_text(&error)
                ),
            )
        })
}

/// Connects to a Unix domain socket.
///
/// # Errors
/// Always: this platform has none.
#[cfg(not(unix))]
pub async fn connect_unix(path: &Path) -> Result<Stream, Error> {
    Err(Error::new(
        Kind::Connect,
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
        Endpoint::Tcp { host, .. } => host,
        Endpoint::Unix(_) => "localhost",
    }
}
