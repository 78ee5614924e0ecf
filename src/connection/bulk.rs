//! A layer right under the frame library that writes large frames past it.
//!
//! The library copies a payload into its write buffer, and moves what is left there forward after
//! each partial write: a message of 256 MiB would be held twice and moved thousands of times. Here a
//! large payload stays where it is and leaves in masked pieces; what the library writes meanwhile (the
//! pong to a ping, a close) waits behind it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::frame::{Header, Leaving};

/// Payloads from this size on are written past the library, in bytes.
pub const LARGE: usize = 256 * 1024;

/// A payload leaves in pieces of this many bytes.
const PIECE: usize = 64 * 1024;

/// See the module's head.
pub struct Bulk<S> {
    inner: S,
    /// What the library had written when the frame came: it goes first.
    before: Vec<u8>,
    /// What has not been masked yet of the frame under way.
    payload: Leaving,
    /// What is written next: `before`, then the header, then a piece of the payload, masked.
    piece: Vec<u8>,
    sent: usize,
    /// What the library writes is kept for `before`.
    gathers: bool,
}

impl<S> Bulk<S> {
    /// A layer over `inner`.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            before: Vec::new(),
            payload: Leaving::default(),
            piece: Vec::new(),
            sent: 0,
            gathers: false,
        }
    }

    /// The layer below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The layer below.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Whether nothing waits: only then another frame may be given.
    pub fn is_idle(&self) -> bool {
        self.sent == self.piece.len() && self.payload.is_empty() && self.before.is_empty()
    }

    /// From here to [`Bulk::give`] what the library writes is taken at once, and goes before the frame.
    pub fn gather(&mut self) {
        self.gathers = true;
    }

    /// Takes a frame. It leaves with the writes and flushes that follow.
    pub fn give(&mut self, header: &Header, payload: Bytes) {
        self.gathers = false;
        header.write(&mut self.before);
        self.payload = Leaving::new(payload, header.mask);
    }
}

impl<S: AsyncWrite + Unpin> Bulk<S> {
    /// Ready when all that was given has been taken by the layer below.
    ///
    /// # Errors
    /// That layer's.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.sent < self.piece.len() {
                let n = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.piece[self.sent..]))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.sent += n;
            }
            self.sent = 0;
            self.piece.clear();
            if self.is_idle() {
                self.piece = Vec::new();
                return Poll::Ready(Ok(()));
            }
            self.fill();
        }
    }

    fn fill(&mut self) {
        self.piece.append(&mut self.before);
        self.payload.take(PIECE, &mut self.piece);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bulk<S> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bulk<S> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathers {
            self.before.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        if !self.is_idle() {
            ready!(self.poll_drain(cx))?;
        }
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathers {
            return Poll::Ready(Ok(()));
        }
        if !self.is_idle() {
            ready!(self.poll_drain(cx))?;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_idle() {
            ready!(self.poll_drain(cx))?;
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::frame::apply_mask;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_frame_lies_between_what_was_written_before_and_after_it() {
        let (near, mut far) = tokio::io::duplex(1000);
        let payload: Vec<u8> = (0..LARGE + 17).map(|i| (i % 251) as u8).collect();
        let mask = [1, 2, 3, 4];
        let header = Header {
            first: 0x82,
            mask: Some(mask),
            payload: payload.len() as u64,
        };
        let mut expected = b"before".to_vec();
        header.write(&mut expected);
        let at = expected.len();
        expected.extend_from_slice(&payload);
        apply_mask(&mut expected[at..], mask, 0);
        expected.extend_from_slice(b"after");
        let writer = async move {
            let mut bulk = Bulk::new(near);
            bulk.gather();
            bulk.write_all(b"before").await.expect("taken");
            bulk.flush().await.expect("nothing to wait for");
            bulk.give(&header, payload.into());
            bulk.write_all(b"after").await.expect("taken");
            bulk.shutdown().await.expect("shut down");
            assert!(bulk.is_idle());
        };
        let mut got = Vec::new();
        let ((), read) = tokio::join!(writer, far.read_to_end(&mut got));
        read.expect("read");
        assert!(got == expected);
    }
}
