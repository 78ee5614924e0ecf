//! Bytes on their way to stdout, up to a limit past which the session stops reading from the network.

use std::collections::VecDeque;
use std::io;
use std::task::{Poll, ready};

use bytes::{Buf, Bytes};

use super::escape::{Keep, push_escaped_bytes};

/// Buffered bytes from which the session stops reading.
const LIMIT: usize = 1 << 20;
/// Buffered bytes from which writing beats gathering more.
const WORTH_WRITING: usize = 64 * 1024;
/// Payloads from this size on are kept as they are instead of being copied.
const LARGE: usize = 32 * 1024;

/// A text is escaped in pieces of this many bytes: what it takes then may be four times as much.
const ESCAPED_AT_ONCE: usize = 16 * 1024;

/// What waits to be written.
#[derive(Debug)]
enum Chunk {
    /// These bytes.
    Plain(Bytes),
    /// A text, escaped for a terminal when its turn comes.
    ToEscape(Bytes),
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
            self.seal();
            self.queued += text.len();
            self.queue.push_back(Chunk::ToEscape(text.clone()));
        }
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

    /// Takes everything out, as text.
    pub fn take_text(&mut self) -> String {
        self.seal();
        self.queued = 0;
        let mut whole = Vec::new();
        for chunk in self.queue.drain(..) {
            match chunk {
                Chunk::Plain(bytes) => whole.extend_from_slice(&bytes),
                Chunk::ToEscape(text) => push_escaped_bytes(&mut whole, &text, Keep::Lines),
            }
        }
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
        loop {
            self.escape_next();
            let Some(Chunk::Plain(chunk)) = self.queue.front() else {
                return Poll::Ready(Ok(()));
            };
            let n = ready!(write(chunk))?;
            self.advance(n);
        }
    }

    /// Escapes the next piece of the text whose turn it is.
    fn escape_next(&mut self) {
        let Some(Chunk::ToEscape(text)) = self.queue.front_mut() else {
            return;
        };
        let piece = text.split_to(whole_characters(text, ESCAPED_AT_ONCE));
        if text.is_empty() {
            self.queue.pop_front();
        }
        let mut escaped = Vec::new();
        push_escaped_bytes(&mut escaped, &piece, Keep::Lines);
        self.queued = self.queued - piece.len() + escaped.len();
        self.queue.push_front(Chunk::Plain(escaped.into()));
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

/// At most `most` bytes of a text, more than four, cut between two characters.
fn whole_characters(text: &[u8], most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let is_continuation = |at: &usize| text[*at] & 0xc0 == 0x80;
    // A character has three bytes behind its first at most.
    (most - 3..=most)
        .rev()
        .find(|at| !is_continuation(at))
        .unwrap_or(most)
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
        assert!(buffer.take_text().as_bytes() == expected);
    }
}
