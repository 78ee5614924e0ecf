//! The output buffer. Above its limit the session stops reading from the network.

use std::collections::VecDeque;
use std::io;
use std::task::{Poll, ready};

use bytes::{Buf, Bytes};

use super::escape::{KeptControls, push_escaped_bytes};
use super::payload_form::PayloadForm;

/// Buffered bytes from which the session stops reading.
const LIMIT: usize = 1 << 20;
/// The block size of writes while more data follows: whole pages of a file, and the capacity of a pipe.
const BLOCK: usize = 64 * 1024;
/// Buffered bytes at which to write rather than buffer more.
const WORTH_WRITING: usize = BLOCK;
/// Payloads of at least this size are shared instead of copied.
pub const LARGE: usize = 32 * 1024;

/// An entry of the queue.
#[derive(Debug)]
enum Chunk {
    /// Bytes.
    Plain(Bytes),
    /// A payload, formatted when it is written.
    ToLayOut(PayloadForm, Bytes),
}

/// How much to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Everything.
    All,
    /// Whole blocks only, because more data follows.
    Blocks,
}

/// Bytes to be written, in order.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Older than `tail`.
    queue: VecDeque<Chunk>,
    tail: Vec<u8>,
    /// Bytes at the beginning of `tail` that are already written.
    head: usize,
    /// Bytes in `queue`.
    queued: usize,
    /// Bytes written since the last multiple of [`BLOCK`].
    begun: usize,
}

impl Buffer {
    /// The buffer to append small pieces to.
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

    /// Appends a text escaped for a terminal; a large one is shared, and escaped piece by piece.
    pub fn push_escaped(&mut self, text: &Bytes) {
        if text.len() < LARGE {
            push_escaped_bytes(&mut self.tail, text, KeptControls::Lines);
        } else {
            self.push_as(PayloadForm::Terminal, text);
        }
    }

    /// Appends a payload in this form; a large one is shared, and formatted piece by piece.
    pub fn push_as(&mut self, mut form: PayloadForm, payload: &Bytes) {
        if payload.len() < LARGE {
            let mut rest = payload.clone();
            while !rest.is_empty() {
                form.push_next(&mut rest, &mut self.tail);
            }
            return;
        }
        self.seal();
        self.queued += payload.len();
        self.queue.push_back(Chunk::ToLayOut(form, payload.clone()));
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let mut tail = Bytes::from(std::mem::take(&mut self.tail));
            tail.advance(std::mem::take(&mut self.head));
            self.queued += tail.len();
            self.queue.push_back(Chunk::Plain(tail));
        }
    }

    fn held(&self) -> usize {
        self.queued + self.tail.len() - self.head
    }

    /// Whether everything has been written.
    pub fn is_empty(&self) -> bool {
        self.held() == 0
    }

    /// Whether more may be read from the network.
    pub fn has_room(&self) -> bool {
        self.held() < LIMIT
    }

    /// Whether enough is buffered that it should be written before more is read.
    pub fn is_worth_writing(&self) -> bool {
        self.held() >= WORTH_WRITING
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Removes and returns the next bytes: everything, or about `enough` bytes of a large payload.
    pub fn take(&mut self, enough: usize) -> Vec<u8> {
        self.seal();
        let mut taken = Vec::new();
        while taken.len() < enough {
            self.render_next();
            let Some(Chunk::Plain(chunk)) = self.queue.pop_front() else {
                break;
            };
            self.queued -= chunk.len();
            taken.extend_from_slice(&chunk);
        }
        taken
    }

    /// Passes the bytes to `write`, which returns how many it took; ready when `amount` has been written.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn poll_drain(
        &mut self,
        amount: Amount,
        mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        loop {
            self.render_next();
            if let Some(Chunk::Plain(chunk)) = self.queue.front() {
                let n = ready!(write(chunk))?;
                self.advance(n);
                continue;
            }
            let end = match amount {
                Amount::All => self.tail.len(),
                Amount::Blocks => self.end_of_blocks(),
            };
            if end == self.head {
                return Poll::Ready(Ok(()));
            }
            let n = ready!(write(&self.tail[self.head..end]))?;
            self.advance_tail(n);
        }
    }

    /// The end of the last whole block in `tail`, if there is one.
    fn end_of_blocks(&self) -> usize {
        let unwritten = self.tail.len() - self.head;
        let rest = (self.begun + unwritten) % BLOCK;
        self.tail.len() - rest.min(unwritten)
    }

    /// Formats the next piece of the first payload.
    fn render_next(&mut self) {
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
        self.begun = (self.begun + n) % BLOCK;
        self.queued -= n;
        if let Some(Chunk::Plain(chunk)) = self.queue.front_mut() {
            chunk.advance(n);
            if chunk.is_empty() {
                self.queue.pop_front();
            }
        }
    }

    /// Keeps the buffer, and reuses the space of written bytes once that is worth the copy.
    fn advance_tail(&mut self, n: usize) {
        self.begun = (self.begun + n) % BLOCK;
        self.head += n;
        if self.head >= self.tail.len() - self.head {
            self.tail.drain(..self.head);
            self.head = 0;
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
            .poll_drain(Amount::All, |bytes| {
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
    fn while_there_is_more_to_come_what_is_written_ends_with_a_block() {
        let mut buffer = Buffer::default();
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        let mut ends = Vec::new();
        for (size, amount) in [
            (BLOCK - 1, Amount::Blocks),
            (2 * BLOCK, Amount::Blocks),
            (7, Amount::All),
            (BLOCK, Amount::Blocks),
            (1, Amount::Blocks),
        ] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            expected.extend_from_slice(&bytes);
            buffer.tail().extend_from_slice(&bytes);
            let drained = buffer.poll_drain(amount, |bytes| {
                let n = bytes.len().min(BLOCK);
                got.extend_from_slice(&bytes[..n]);
                Poll::Ready(Ok(n))
            });
            assert!(drained.is_ready());
            ends.push(got.len());
        }
        let all = 3 * BLOCK + 6;
        assert_eq!(ends, [0, 2 * BLOCK, all, 4 * BLOCK, 4 * BLOCK]);
        assert!(!buffer.is_empty());
        got.extend(buffer.take(usize::MAX));
        assert!(got == expected && buffer.is_empty());
    }

    #[test]
    fn what_was_written_of_small_things_is_not_written_again_before_a_large_one() {
        let mut buffer = Buffer::default();
        buffer.tail().extend_from_slice(b"0123456789");
        let mut got = Vec::new();
        let mut write = |most: usize, buffer: &mut Buffer| {
            let mut left = most;
            buffer.poll_drain(Amount::All, |bytes| {
                let n = bytes.len().min(left);
                left -= n;
                got.extend_from_slice(&bytes[..n]);
                if n == 0 {
                    Poll::Pending
                } else {
                    Poll::Ready(Ok(n))
                }
            })
        };
        assert!(write(3, &mut buffer).is_pending());
        let payload = vec![b'x'; LARGE];
        buffer.push(&payload.clone().into());
        assert_eq!(buffer.held(), 7 + LARGE);
        assert!(write(usize::MAX, &mut buffer).is_ready());
        assert!(got == [b"0123456789".as_slice(), &payload].concat());
    }

    #[test]
    fn a_large_text_is_escaped_as_a_small_one_would_be() {
        let text = "\u{1b}[2Jaé€\u{1f600}\u{9b}\n\t\u{202e}".repeat(9973);
        let mut expected = Vec::new();
        push_escaped_bytes(&mut expected, text.as_bytes(), KeptControls::Lines);
        let mut buffer = Buffer::default();
        buffer.push_escaped(&text.clone().into());
        buffer.tail().push(b'\n');
        expected.push(b'\n');
        let mut got = Vec::new();
        while buffer
            .poll_drain(Amount::All, |bytes| {
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
