//! A layer under the frame library that mends two of its habits on the way out, and notes when bytes came.
//!
//! It takes a large block whole: the library moves what is left of its buffer forward after every
//! partial write, so a message of 256 MiB would be moved a thousand times. And it outlives a failed
//! write: what the peer said before it went away (a close frame with its reason, most of all) is still
//! waiting to be read, and would be lost if the write's failure ended the connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Blocks from this size on are taken whole.
const LARGE: usize = 1 << 20;

/// See the module's head.
pub struct Outbox<S> {
    inner: S,
    /// A large block on its way out, and how much of it has left.
    held: Vec<u8>,
    sent: usize,
    /// Bytes that the stream below has taken, ever.
    passed: u64,
    failure: Option<io::Error>,
    /// When bytes were last read.
    read_at: Option<Instant>,
}

impl<S> Outbox<S> {
    /// A layer over `inner`.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            held: Vec::new(),
            sent: 0,
            passed: 0,
            failure: None,
            read_at: None,
        }
    }

    /// When bytes were last read. Whatever the frame library hands out had come by then, and its last
    /// byte not before: it reads only when it has no whole frame left.
    pub fn read_at(&self) -> Option<Instant> {
        self.read_at
    }

    /// Bytes that have left so far.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// The write that failed, if one did: nothing sent since has left.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }
}

impl<S: AsyncWrite + Unpin> Outbox<S> {
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.sent < self.held.len() {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, &self.held[self.sent..])) {
                Ok(n) if n > 0 => {
                    self.sent += n;
                    self.passed += n as u64;
                }
                Ok(_) => self.fail(io::ErrorKind::WriteZero.into()),
                Err(error) => self.fail(error),
            }
        }
        self.held = Vec::new();
        self.sent = 0;
        Poll::Ready(())
    }

    fn fail(&mut self, error: io::Error) {
        self.held.clear();
        self.sent = 0;
        self.failure.get_or_insert(error);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outbox<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let had = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > had {
            self.read_at = Some(Instant::now());
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Outbox<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_held(cx));
        if self.failure.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        if bytes.len() >= LARGE {
            self.held = bytes.to_vec();
            // What does not leave now leaves with the next write or flush.
            let _ = self.poll_held(cx);
            return Poll::Ready(Ok(bytes.len()));
        }
        match ready!(Pin::new(&mut self.inner).poll_write(cx, bytes)) {
            Ok(n) => {
                self.passed += n as u64;
                Poll::Ready(Ok(n))
            }
            Err(error) => {
                self.fail(error);
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx));
        if self.failure.is_none()
            && let Err(error) = ready!(Pin::new(&mut self.inner).poll_flush(cx))
        {
            self.fail(error);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx));
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_large_block_is_taken_whole_and_arrives_in_order() {
        let (near, mut far) = tokio::io::duplex(1000);
        let block: Vec<u8> = (0..LARGE + 17).map(|i| (i % 251) as u8).collect();
        let expected = [&block[..], b"tail"].concat();
        let writer = async move {
            let mut outbox = Outbox::new(near);
            assert_eq!(outbox.write(&block).await.expect("taken"), block.len());
            outbox.write_all(b"tail").await.expect("taken");
            outbox.shutdown().await.expect("shut down");
        };
        let mut got = Vec::new();
        let reader = far.read_to_end(&mut got);
        let ((), read) = tokio::join!(writer, reader);
        read.expect("read");
        assert!(got == expected);
    }

    #[tokio::test]
    async fn what_the_peer_said_is_readable_after_a_write_failed() {
        let (mut near, far) = tokio::net::UnixStream::pair().expect("a pair");
        near.write_all(b"goodbye").await.expect("written");
        drop(near);
        let mut outbox = Outbox::new(far);
        outbox.write_all(b"too late").await.expect("swallowed");
        outbox.flush().await.expect("swallowed");
        assert!(outbox.failure().is_some());
        let mut got = Vec::new();
        outbox.read_to_end(&mut got).await.expect("read");
        assert_eq!(got, b"goodbye");
    }
}
