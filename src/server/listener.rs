//! Listening sockets: a TCP port or a Unix domain socket.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use crate::connection::stream::Stream;

/// A socket that listens.
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener, SocketAddr),
    /// A Unix domain socket; its file is removed when this is dropped.
    #[cfg(unix)]
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix domain socket.
#[cfg(unix)]
pub struct SocketFile {
    path: PathBuf,
    /// The file's device and inode, to detect that another file has replaced it.
    identity: Option<(u64, u64)>,
}

#[cfg(unix)]
impl SocketFile {
    fn made(path: PathBuf) -> Self {
        let identity = identity(&path);
        Self { path, identity }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && self.identity == identity(&self.path) {
            // Another process may have removed it meanwhile.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Binds to `ADDRESS:PORT`.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn tcp(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self::Tcp(listener, address))
    }

    /// Binds to a path. The file of a socket that no process listens on is replaced.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::AddrInUse`] when a process listens there, or the file is not a
    /// socket.
    #[cfg(unix)]
    pub async fn unix(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt as _;
        let path = std::path::absolute(path)?;
        let is_socket =
            std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.file_type().is_socket());
        if is_socket
            && tokio::net::UnixStream::connect(&path)
                .await
                .is_err_and(|error| is_stale(&error))
        {
            std::fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        Ok(Self::Unix(listener, SocketFile::made(path)))
    }

    /// Binds to a path.
    ///
    /// # Errors
    /// Always: this platform has no Unix domain sockets.
    #[cfg(not(unix))]
    pub async fn unix(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The next client and its address.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn accept(&self) -> io::Result<(Stream, String)> {
        match self {
            Self::Tcp(listener, _) => {
                let (tcp, from) = listener.accept().await?;
                // Small messages must be sent without delay.
                let _ = tcp.set_nodelay(true);
                // On a socket for both families IPv4 clients look like IPv6.
                let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                Ok((Stream::Tcp(tcp), from.to_string()))
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), "unix".to_owned()))
            }
        }
    }

    /// The URL for clients on this machine.
    pub fn url(&self, is_secure: bool) -> String {
        let scheme = if is_secure { "wss" } else { "ws" };
        match self {
            Self::Tcp(_, address) => {
                let mut reachable = *address;
                // The unspecified address is not one to connect to.
                if address.ip().is_unspecified() {
                    reachable.set_ip(match address {
                        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
                    });
                }
                format!("{scheme}://{reachable}/")
            }
            #[cfg(unix)]
            Self::Unix(_, SocketFile { path, .. }) => {
                format!("{scheme}+unix:{}:/", path.display())
            }
        }
    }

    /// Its TCP address.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, address) => Some(*address),
            #[cfg(unix)]
            Self::Unix(..) => None,
        }
    }

    /// Whether only this machine can connect.
    pub fn is_local(&self) -> bool {
        self.address()
            .is_none_or(|address| address.ip().is_loopback())
    }
}

#[cfg(unix)]
fn is_stale(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}
