//! Bytes on their way to stdout, up to a limit past which the session stops reading from the network.

use std::collections::VecDeque;
use std::io;
use std::task::{Poll, ready};

use bytes::{Buf, Bytes};

/// Buffered bytes from which the session stops reading.
const LIMIT: usize = 1 << 20;
/// Buffered bytes from which writing beats gathering more.
const WORTH_WRITING: usize = 64 * 1024;
/// Payloads from this size on are kept as they are instead of being copied.
const LARGE: usize = 32 * 1024;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Older than `tail`.
    queue: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// Bytes in `queue`.
    queued: usize,
}

impl Buffer {
    /// Where small things are appended.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Appends a payload; a large one is shared, not copied.
    pub fn push(&mut self, bytes: &Bytes) {
        if bytes.len() < LARGE {
            self.tail.extend_from_slice(bytes);
        } else {
            self.seal();
            self.queued += bytes.len();
            self.queue.push_back(bytes.clone());
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.queued += self.tail.len();
            self.queue.push_back(std::mem::take(&mut self.tail).into());
        }
    }

    fn held(&self) -> usize {
        self.queued + self.tail.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.held() == 0
    }

    /// Whether more may be read from the network.
    pub fn has_room(&self) -> bool {
        self.held() < LIMIT
    }

    /// Whether so much has gathered that it should be written before more is read.
    pub fn is_worth_writing(&self) -> bool {
        self.held() >= WORTH_WRITING
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes everything out, as text.
    pub fn take_text(&mut self) -> String {
        self.seal();
        self.queued = 0;
        let whole: Vec<u8> = self.queue.drain(..).flatten().collect();
        String::from_utf8_lossy(&whole).into_owned()
    }

    /// Hands everything to `write`, which says how much of it it took; ready when nothing is left.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn poll_drain(
        &mut self,
        mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        if self.queue.is_empty() && !self.tail.is_empty() {
            // The common case keeps its buffer: written at once, nothing allocated.
            let n = ready!(write(&self.tail))?;
            if n == self.tail.len() {
                self.tail.clear();
            } else {
                self.seal();
                self.advance(n);
            }
        }
        self.seal();
        while let Some(chunk) = self.queue.front() {
            let n = ready!(write(chunk))?;
            self.advance(n);
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, n: usize) {
        self.queued -= n;
        if let Some(chunk) = self.queue.front_mut() {
            chunk.advance(n);
            if chunk.is_empty() {
                self.queue.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_leaves_in_order_however_little_is_taken_at_once() {
        let mut buffer = Buffer::default();
        let mut expected = Vec::new();
        for size in [3, LARGE, 5, 0, LARGE + 1, 1] {
            let payload: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            expected.extend_from_slice(&payload);
            buffer.push(&payload.into());
            buffer.tail().push(b'|');
            expected.push(b'|');
        }
        let mut got = Vec::new();
        let mut turn = 0;
        while buffer
            .poll_drain(|bytes| {
                turn += 1;
                if turn % 3 == 0 {
                    return Poll::Pending;
                }
                let n = bytes.len().min(1000);
                got.extend_from_slice(&bytes[..n]);
                Poll::Ready(Ok(n))
            })
            .is_pending()
        {}
        assert!(got == expected);
        assert!(buffer.has_room() && !buffer.is_worth_writing());
    }
}
