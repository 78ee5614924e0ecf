//! A layer that swallows our pongs, for a server that is to leave pings unanswered (RFC 6455 §5.5.2
//! forbids that). The frame library answers every ping by itself and cannot be told not to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{Header, Opcode};

/// See the module's head. It stands right below the frame library, whose frames begin with a whole
/// header in one write.
#[derive(Debug)]
pub struct Pongless<L> {
    inner: L,
    frame: Passing,
}

/// What is left of the frame that is being written, in bytes.
#[derive(Debug)]
enum Passing {
    Kept(u64),
    Swallowed(u64),
}

impl<L> Pongless<L> {
    /// A layer over `inner`.
    pub fn new(inner: L) -> Self {
        Self {
            inner,
            frame: Passing::Kept(0),
        }
    }

    /// The layer below.
    pub fn get_ref(&self) -> &L {
        &self.inner
    }

    /// The layer below.
    pub fn get_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    /// At the border between two frames: looks at the next one.
    fn begin(&mut self, bytes: &[u8]) {
        if let Passing::Kept(0) | Passing::Swallowed(0) = self.frame
            && let Some((header, length)) = Header::parse(bytes)
        {
            let whole = length as u64 + header.payload;
            self.frame = match Opcode::of(header.first) {
                Opcode::Pong => Passing::Swallowed(whole),
                _ => Passing::Kept(whole),
            };
        }
    }
}

impl<L: AsyncRead + Unpin> AsyncRead for Pongless<L> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buf)
    }
}

impl<L: AsyncWrite + Unpin> AsyncWrite for Pongless<L> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let layer = self.get_mut();
        layer.begin(buf);
        let upto = |left: u64| usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        match &mut layer.frame {
            Passing::Swallowed(left) => {
                let n = upto(*left);
                *left -= n as u64;
                Poll::Ready(Ok(n))
            }
            Passing::Kept(left) => {
                let some = &buf[..upto(*left)];
                let n = ready!(Pin::new(&mut layer.inner).poll_write(cx, some))?;
                *left -= n as u64;
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn pongs_alone_are_swallowed_however_little_is_taken_at_once() {
        let frames: &[u8] = b"\x81\x02hi\x8a\x04pong\x8a\x00\x82\x01\x8a\x88\x02\x03\xe8";
        for room in [1, 3, 64] {
            let (near, mut far) = tokio::io::duplex(room);
            let mut layer = Pongless::new(near);
            let writer = async {
                layer.write_all(frames).await.expect("written");
                layer.shutdown().await.expect("ended");
            };
            let mut got = Vec::new();
            let ((), read) = tokio::join!(writer, far.read_to_end(&mut got));
            read.expect("read");
            assert_eq!(got, b"\x81\x02hi\x82\x01\x8a\x88\x02\x03\xe8", "{room}");
        }
    }
}
