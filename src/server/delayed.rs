//! What waits for its delay, in order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The most delayed entries (`--delay`) before reading stops.
const HELD: usize = 4096;
/// The same in bytes.
const HELD_BYTES: usize = 4 << 20;

/// Entries in order that wait for their delay or for room to send.
pub struct Delayed<T> {
    waiting: VecDeque<(Instant, usize, T)>,
    bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T> Default for Delayed<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            timer: None,
        }
    }
}

impl<T> Delayed<T> {
    /// Adds an entry of this size in bytes.
    pub fn push(&mut self, entry: T, bytes: usize, delay: Option<Duration>) {
        let due = Instant::now() + delay.unwrap_or_default();
        self.bytes += bytes;
        self.waiting.push_back((due, bytes, entry));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nothing should be added until something has left.
    pub fn is_full(&self) -> bool {
        self.bytes > HELD_BYTES || self.waiting.len() > HELD
    }

    /// The next entry if it is due; otherwise the task is woken when it is.
    pub fn due(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let (due, ..) = self.waiting.front()?;
        let due = *due;
        if due > Instant::now() {
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx) == Poll::Pending {
                return None;
            }
        }
        let (_, bytes, entry) = self.waiting.pop_front()?;
        self.bytes -= bytes;
        Some(entry)
    }
}
