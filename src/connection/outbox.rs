//! A layer over the stream that outlives a failed write, and notes when bytes came: what the peer said
//! before it went away (a close frame with its reason, most of all) is still waiting to be read, and would
//! be lost if the write's failure ended the connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// See the module's head.
pub struct Outbox<S> {
    inner: S,
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

impl<S> Outbox<S> {
    fn fail(&mut self, error: io::Error) {
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
        if self.failure.is_some() {
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
        if self.failure.is_none()
            && let Err(error) = ready!(Pin::new(&mut self.inner).poll_flush(cx))
        {
            self.fail(error);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
