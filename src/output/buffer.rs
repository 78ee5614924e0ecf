//! Bytes on their way to stdout, up to a limit past which the session stops reading from the network.

use std::collections::VecDeque;
use std::io;
use std::task::{Poll, ready};

use bytes::{Buf, Bytes};

use super::escape::{Keep, push_escaped_bytes};
use super::form::Form;

/// Buffered bytes from which the session stops reading.
const LIMIT: usize = 1 << 20;
/// Buffered bytes from which writing beats gathering more.
const WORTH_WRITING: usize = 64 * 1024;
/// Payloads from this size on are kept as they are instead of being copied.
pub const LARGE: usize = 32 * 1024;

/// What waits to be written.
#[derive(Debug)]
enum Chunk {
    /// These bytes.
    Plain(Bytes),
    /// A payload, laid out when its turn comes.
    ToLayOut(Form, Bytes),
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Older than `tail`.
    queue: VecDeque<Chunk>,
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
            self.queue.push_back(Chunk::Plain(bytes.clone()));
        }
    }

    /// Appends a text as a terminal may show it; a large one is shared, and escaped piece by piece.
    pub fn push_escaped(&mut self, text: &Bytes) {
        if text.len() < LARGE {
            push_escaped_bytes(&mut self.tail, text, Keep::Lines);
        } else {
            self.push_as(Form::Terminal, text);
        }
    }

    /// Appends what a large payload becomes; the payload is shared, and laid out piece by piece.
    pub fn push_as(&mut self, form: Form, payload: &Bytes) {
        self.seal();
        self.queued += payload.len();
        self.queue.push_back(Chunk::ToLayOut(form, payload.clone()));
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.queued += self.tail.len();
            let tail = std::mem::take(&mut self.tail);
            self.queue.push_back(Chunk::Plain(tail.into()));
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

    /// Takes out what comes first: all of it, or the beginning of what is still to be laid out and takes
    /// more than `enough` bytes.
    pub fn take(&mut self, enough: usize) -> Vec<u8> {
        self.seal();
        let mut taken = Vec::new();
        while taken.len() < enough {
            self.lay_out_next();
            let Some(Chunk::Plain(chunk)) = self.queue.pop_front() else {
                break;
            };
            self.queued -= chunk.len();
            taken.extend_from_slice(&chunk);
        }
        taken
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
        loop {
            self.lay_out_next();
            let Some(Chunk::Plain(chunk)) = self.queue.front() else {
                return Poll::Ready(Ok(()));
            };
            let n = ready!(write(chunk))?;
            self.advance(n);
        }
    }

    /// Lays out the next piece of the payload whose turn it is.
    fn lay_out_next(&mut self) {
        let Some(Chunk::ToLayOut(form, payload)) = self.queue.front_mut() else {
            return;
        };
        let before = payload.len();
        let mut laid_out = Vec::new();
        form.push_next(payload, &mut laid_out);
        self.queued = self.queued - (before - payload.len()) + laid_out.len();
        if payload.is_empty() {
            self.queue.pop_front();
        }
        self.queue.push_front(Chunk::Plain(laid_out.into()));
    }

    fn advance(&mut self, n: usize) {
        self.queued -= n;
        if let Some(Chunk::Plain(chunk)) = self.queue.front_mut() {
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

    #[test]
    fn a_large_text_is_escaped_as_a_small_one_would_be() {
        let text = "\u{1b}[2Jaé€\u{1f600}\u{9b}\n\t\u{202e}".repeat(9973);
        let mut expected = Vec::new();
        push_escaped_bytes(&mut expected, text.as_bytes(), Keep::Lines);
        let mut buffer = Buffer::default();
        buffer.push_escaped(&text.clone().into());
        buffer.tail().push(b'\n');
        expected.push(b'\n');
        let mut got = Vec::new();
        while buffer
            .poll_drain(|bytes| {
                let n = bytes.len().min(1000);
                got.extend_from_slice(&bytes[..n]);
                Poll::Ready(Ok(n))
            })
            .is_pending()
        {}
        assert!(got == expected);
        assert!(buffer.is_empty());
        buffer.push_escaped(&text.into());
        buffer.tail().push(b'\n');
        let mut got = buffer.take(1000);
        assert!(got.len() < expected.len());
        while !buffer.is_empty() {
            got.extend(buffer.take(1000));
        }
        assert!(got == expected);
    }
}
