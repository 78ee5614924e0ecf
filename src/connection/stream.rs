//! A connected byte stream: a TCP or Unix socket, or a protocol over it (TLS, a stream of an HTTP/2
//! connection, or both).
//!
//! Sockets are enum variants, so that the plain case costs no indirection. Protocols over them are trait
//! objects, so that this module does not depend on TLS or HTTP/2.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A bidirectional byte stream that can carry a WebSocket connection.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// The stream that carries this one, if it carries nothing else.
    fn carrier(&self) -> Option<&Stream> {
        None
    }
}

/// A connected byte stream.
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix domain socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// A protocol over another stream.
    Over(Box<dyn Transport>),
}

impl Stream {
    /// A stream over another one.
    pub fn over(transport: impl Transport + 'static) -> Self {
        Self::Over(Box::new(transport))
    }

    /// Whether the peer has ended the stream, even if data that it sent before was not read. False where only reading
    /// can tell.
    pub fn is_ended_by_peer(&self) -> bool {
        // The readiness is known without waiting: the operating system reports the end together with unread data.
        match self {
            Self::Tcp(stream) => is_read_closed(stream.ready(Interest::READABLE)),
            #[cfg(unix)]
            Self::Unix(stream) => is_read_closed(stream.ready(Interest::READABLE)),
            Self::Over(transport) => transport.carrier().is_some_and(Self::is_ended_by_peer),
        }
    }
}

fn is_read_closed(ready: impl Future<Output = io::Result<Ready>>) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(ready).poll(&mut cx) {
        Poll::Ready(Ok(ready)) => ready.is_read_closed(),
        Poll::Ready(Err(_)) => true,
        Poll::Pending => false,
    }
}

/// Forwards a poll method to the inner stream.
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
            Stream::Over(stream) => {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_end_is_known_while_the_data_before_it_is_unread() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut near = TcpStream::connect(address).await.expect("connected");
        let (far, _) = listener.accept().await.expect("accepted");
        assert!(!is_read_closed(far.ready(Interest::READABLE)));
        near.write_all(b"unread").await.expect("written");
        far.readable().await.expect("readable");
        let far = Stream::Tcp(far);
        assert!(!far.is_ended_by_peer());
        near.shutdown().await.expect("shut down");
        let known = async {
            while !far.is_ended_by_peer() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let limit = Duration::from_secs(10);
        tokio::time::timeout(limit, known).await.expect("known");
    }
}
