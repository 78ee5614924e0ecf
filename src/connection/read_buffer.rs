//! What has come from the peer and was not taken yet.
//!
//! Reads are large, whatever is taken out at once: a message costs no system call of its own, and one
//! that is here as a whole is taken without a copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

/// Bytes read at once.
const BLOCK: usize = 64 * 1024;

/// Room that is worth reading into, in bytes: less, and a new block is begun.
const ROOM: usize = 8 * 1024;

/// See the module's head.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    release_when_empty: bool,
    read_at: Option<Instant>,
}

impl ReadBuffer {
    /// A buffer that holds what came with the end of the handshake. With `release_when_empty` it takes
    /// no memory while nothing comes: a server has many, and few of them busy at a time.
    pub(super) fn new(leftover: Bytes, release_when_empty: bool) -> Self {
        Self {
            bytes: leftover.into(),
            release_when_empty,
            read_at: None,
        }
    }

    /// When bytes were last read. Whatever is taken had come by then, and its last byte not before:
    /// nothing is read while there is a whole frame here.
    pub(super) fn read_at(&self) -> Option<Instant> {
        self.read_at
    }

    /// What is here.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is here, to be taken.
    pub(super) fn bytes_mut(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// Reads more behind what is here; how many bytes, 0 at the end of the stream.
    ///
    /// # Errors
    /// The stream's.
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
