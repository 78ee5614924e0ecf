//! The other side: a server on the same handshake and frames as the client, for `serve` and `echo:`.
//!
//! A client that is slow, silent or broken costs the others nothing: each has a task of its own and a
//! limit for its handshake.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connection::close::{Code, Farewell};
use crate::connection::handshake::server::{Fault, accept, read_request, refuse};
use crate::connection::message::Outgoing;
use crate::connection::stream::Stream;
use crate::connection::{Connection, Incoming, Limits, ReadyState};
use crate::session::{Signal, Signals};

/// How long a client may take to send its request.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// A listening server.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

/// Starts the echo server of `echo:`, which lives as long as the runtime, and says where it is.
///
/// # Errors
/// No loopback port can be had.
pub async fn start_echo(max_size: usize) -> io::Result<SocketAddr> {
    let server = Server::bind("127.0.0.1:0", max_size).await?;
    let address = server.address;
    // Nobody tells it to stop: it ends with the process.
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let _keep = sender;
        server.accept_until(receiver).await;
    });
    Ok(address)
}

impl Server {
    /// Binds to an address.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn bind(address: &str, max_size: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            limits: Limits {
                max_size,
                ..Limits::default()
            },
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a signal comes, then says goodbye to everyone with 1001; a second signal ends it
    /// at once.
    ///
    /// # Errors
    /// Signals cannot be listened to.
    pub async fn run(self) -> io::Result<Signal> {
        let mut signals = Signals::new()?;
        let (sender, receiver) = watch::channel(false);
        let serving = self.accept_until(receiver);
        tokio::pin!(serving);
        let signal = tokio::select! {
            () = &mut serving => Signal::Terminate,
            signal = poll_fn(|cx| signals.poll(cx)) => signal,
        };
        // Fails only when no task listens any more.
        let _ = sender.send(true);
        tokio::select! {
            () = &mut serving => {}
            _ = poll_fn(|cx| signals.poll(cx)) => {}
        }
        Ok(signal)
    }

    async fn accept_until(&self, mut stop: watch::Receiver<bool>) {
        let mut clients = JoinSet::new();
        let clients_stop = stop.clone();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, _)) => {
                        clients.spawn(serve_client(tcp, self.limits, clients_stop.clone()));
                    }
                    // Out of descriptors, most often: those who are here go first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                Some(_) = clients.join_next() => {}
                () = stopped(&mut stop) => break,
            }
        }
        while clients.join_next().await.is_some() {}
    }
}

async fn serve_client(tcp: TcpStream, limits: Limits, mut stop: watch::Receiver<bool>) {
    let shaken = async {
        let _ = tcp.set_nodelay(true);
        let mut stream = Stream::Tcp(tcp);
        let (request, leftover) = tokio::time::timeout(REQUEST_LIMIT, read_request(&mut stream))
            .await
            .ok()?
            .ok()?;
        if let Some(fault) = request.fault() {
            let _ = answer_fault(&mut stream, fault).await;
            return None;
        }
        let subprotocol = request
            .subprotocols()
            .next()
            .filter(|name| !name.is_empty());
        let compression = request.compression();
        accept(&mut stream, &request, subprotocol, compression.as_ref())
            .await
            .ok()?;
        Some(Connection::accepted(stream, leftover, limits, compression).await)
    };
    let connection = tokio::select! {
        connection = shaken => connection,
        () = stopped(&mut stop) => None,
    };
    if let Some(connection) = connection {
        echo(connection, stop).await;
    }
}

/// Ready once the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn answer_fault(stream: &mut Stream, fault: Fault) -> io::Result<()> {
    let text = [("Content-Type", "text/plain; charset=utf-8")];
    match fault {
        Fault::NotAnUpgrade => {
            let headers = [text[0], ("Upgrade", "websocket")];
            let body = "This is a WebSocket endpoint: connect to it with wsprobe connect.\n";
            refuse(stream, "426 Upgrade Required", &headers, body).await
        }
        Fault::Version => {
            let headers = [text[0], ("Sec-WebSocket-Version", "13")];
            refuse(
                stream,
                "426 Upgrade Required",
                &headers,
                "WebSocket version 13 is spoken here.\n",
            )
            .await
        }
        Fault::Key => {
            refuse(
                stream,
                "400 Bad Request",
                &text,
                "Sec-WebSocket-Key is missing or not 16 bytes in base64.\n",
            )
            .await
        }
    }
}

/// Sends every message back as it came, until the client closes or the server stops.
async fn echo(mut connection: Connection, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = poll_fn(|cx| poll_echo(&mut connection, cx)) => return,
        () = stopped(&mut stop) => {}
    }
    connection.close(&Farewell {
        code: Some(Code::GOING_AWAY),
        reason: String::new(),
    });
    poll_fn(|cx| poll_echo(&mut connection, cx)).await;
}

fn poll_echo(connection: &mut Connection, cx: &mut std::task::Context<'_>) -> Poll<()> {
    loop {
        // A client that does not read is not read from, until it is told goodbye: from then on the
        // time that this may take counts, and nothing is sent back any more.
        let is_open = connection.ready_state() == ReadyState::Open;
        if is_open && connection.poll_ready(cx).is_pending() {
            return Poll::Pending;
        }
        match connection.poll_next(cx) {
            Poll::Ready(Some(Incoming::Message(payload))) => {
                connection.feed(Outgoing::Message(payload));
            }
            Poll::Ready(Some(Incoming::Closed(_)) | None) => return Poll::Ready(()),
            Poll::Ready(Some(_)) => {}
            Poll::Pending => {
                let _ = connection.poll_flush(cx);
                return Poll::Pending;
            }
        }
    }
}
