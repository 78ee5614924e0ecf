//! The buffer of bytes received and not decoded yet.
//!
//! Reads are large, so that a message does not cost a system call of its own. A complete message is taken
//! out without a copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

/// Bytes read at once.
const BLOCK: usize = 64 * 1024;

/// The minimum free space to read into, in bytes; with less, a new block is allocated.
const ROOM: usize = 8 * 1024;

/// A buffer of received bytes.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    release_when_empty: bool,
    read_at: Option<Instant>,
}

impl ReadBuffer {
    /// A buffer that starts with the bytes received after the handshake. With `release_when_empty` it uses no
    /// memory while the connection is idle, since a server has many connections and few are busy.
    pub(super) fn new(leftover: Bytes, release_when_empty: bool) -> Self {
        Self {
            bytes: leftover.into(),
            release_when_empty,
            read_at: None,
        }
    }

    /// When bytes were last read. This is also when the last byte of the frame taken next arrived: nothing
    /// is read while the buffer contains a complete frame.
    pub(super) fn read_at(&self) -> Option<Instant> {
        self.read_at
    }

    /// The buffered bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The buffered bytes, to take from.
    pub(super) fn bytes_mut(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// Reads more bytes into the buffer. Returns their number, 0 at the end of the stream.
    ///
    /// # Errors
    /// The stream failed.
    pub(super) fn poll_fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.bytes.capacity() - self.bytes.len() < ROOM {
            self.bytes.reserve(BLOCK);
        }
        let read = poll_read_buf(Pin::new(stream), cx, &mut self.bytes);
        if read.is_pending() && self.release_when_empty && self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        let read = ready!(read)?;
        self.read_at = Some(Instant::now());
        Poll::Ready(Ok(read))
    }
}
