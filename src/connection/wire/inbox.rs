//! What has come from the peer and was not taken yet.
//!
//! Reads are large, whatever is taken out at once: a message costs no system call of its own, and one
//! that is here as a whole is taken without a copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

/// Bytes read at once, but for the rest of a message that is larger.
const BLOCK: usize = 64 * 1024;

/// Room that is worth reading into, in bytes: less, and a new block is begun.
const ROOM: usize = 8 * 1024;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: BytesMut,
    /// A read that failed: told once what came before it has been taken.
    failure: Option<io::Error>,
    /// Whether the room for what may come is given back while nothing does.
    frugal: bool,
    read_at: Option<Instant>,
}

impl Inbox {
    /// One that holds what came with the end of the handshake. A `frugal` one takes no memory while it is
    /// empty: a server has many, and few of them busy at a time.
    pub fn new(leftover: Bytes, frugal: bool) -> Self {
        Self {
            bytes: leftover.into(),
            failure: None,
            frugal,
            read_at: None,
        }
    }

    /// When bytes were last read. Whatever is taken had come by then, and its last byte not before:
    /// nothing is read while there is a whole frame here.
    pub fn read_at(&self) -> Option<Instant> {
        self.read_at
    }

    /// What is here.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the first `len` bytes out, without a copy.
    pub fn take(&mut self, len: usize) -> BytesMut {
        self.bytes.split_to(len)
    }

    /// Drops the first `len` bytes.
    pub fn advance(&mut self, len: usize) {
        self.bytes.advance(len);
    }

    /// Reads more behind what is here, where so many bytes are missing to what is wanted; false at the
    /// end of the stream, or where reading failed.
    pub fn poll_fill<S>(
        &mut self,
        inner: &mut S,
        cx: &mut Context<'_>,
        missing: usize,
    ) -> Poll<bool>
    where
        S: AsyncRead + Unpin,
    {
        if self.failure.is_some() {
            return Poll::Ready(false);
        }
        if self.bytes.capacity() - self.bytes.len() < missing.max(ROOM) {
            self.bytes.reserve(missing.max(BLOCK));
        }
        let read = poll_read_buf(Pin::new(inner), cx, &mut self.bytes);
        if read.is_pending() && self.frugal && self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        Poll::Ready(match ready!(read) {
            Ok(0) => false,
            Ok(_) => {
                self.read_at = Some(Instant::now());
                true
            }
            Err(error) => {
                self.failure = Some(error);
                false
            }
        })
    }

    /// The failure of an earlier read, once.
    ///
    /// # Errors
    /// The stream's.
    pub fn check(&mut self) -> io::Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
