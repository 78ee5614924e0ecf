//! Addresses that do not answer clients.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A port that refuses connections. It is bound but not listening, so that no other test can get
/// the same port.
pub struct Nobody {
    port: u16,
    _bound: Socket,
}

impl Nobody {
    pub fn listens() -> Self {
        let (bound, address) = bound_socket();
        Self {
            port: address.port(),
            _bound: bound,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }
}

/// A listener whose backlog is full: the kernel drops every further SYN, as a firewall would.
pub struct BlackHole {
    port: u16,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    /// `None` if the kernel accepts connections beyond its backlog, so that this is impossible.
    pub fn dig() -> Option<Self> {
        Self::dig_at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// A black hole at a given address.
    pub fn dig_at(address: SocketAddr) -> Option<Self> {
        const ENOUGH: usize = 64;
        let (listener, address) = bound_socket_at(address);
        listener.listen(0).unwrap();
        let mut queued = Vec::new();
        while queued.len() < ENOUGH {
            match TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
                Ok(stream) => queued.push(stream),
                Err(_) => {
                    return Some(Self {
                        port: address.port(),
                        _listener: listener,
                        _queued: queued,
                    });
                }
            }
        }
        None
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }
}

fn bound_socket() -> (Socket, SocketAddr) {
    bound_socket_at((Ipv4Addr::LOCALHOST, 0).into())
}

fn bound_socket_at(address: SocketAddr) -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address.as_socket().unwrap())
}
