//! Broadcast: every message reaches every client.
//!
//! Each client has its own queue of shared payloads, so no client waits for another. A client whose queue is full
//! is disconnected: it could not receive all messages.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::connection::message::Payload;

/// The most queued bytes of one client, besides those in its connection.
const LIMIT: usize = 16 << 20;
/// The most queued messages of one client.
const MESSAGES: usize = 64 * 1024;

/// The queues of all clients, by client number.
#[derive(Debug, Default)]
pub struct Broadcast(Mutex<HashMap<u64, SubscriberQueue>>);

#[derive(Debug, Default)]
struct SubscriberQueue {
    waiting: VecDeque<Payload>,
    bytes: usize,
    /// Set once the queue was full: nothing more is added.
    overflowed: bool,
    waker: Option<Waker>,
}

impl SubscriberQueue {
    fn push(&mut self, payload: &Payload) {
        if self.overflowed {
            return;
        }
        self.bytes += payload.len();
        self.waiting.push_back(payload.clone());
        if self.bytes > LIMIT || self.waiting.len() > MESSAGES {
            self.overflowed = true;
            self.waiting = VecDeque::new();
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn is_half_full(&self) -> bool {
        !self.overflowed && (self.bytes > LIMIT / 2 || self.waiting.len() > MESSAGES / 2)
    }
}

impl Broadcast {
    /// Adds a client.
    pub fn enter(self: &Arc<Self>, id: u64) -> Subscriber {
        self.queues().insert(id, SubscriberQueue::default());
        Subscriber {
            broadcast: self.clone(),
            id,
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<u64, SubscriberQueue>> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's queue, removed when this is dropped.
#[derive(Debug)]
pub struct Subscriber {
    broadcast: Arc<Broadcast>,
    id: u64,
}

/// What a client receives.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A message.
    Message(Payload),
    /// The queue overflowed: this client is too slow.
    Overflow,
}

/// How full the queues are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backpressure {
    /// All are at most half full.
    Low,
    /// A queue is more than half full: the sender should let other clients run.
    High,
}

impl Subscriber {
    /// Sends a message to every client, including this one.
    pub fn publish(&self, payload: &Payload) -> Backpressure {
        let mut queues = self.broadcast.queues();
        let mut pressure = Backpressure::Low;
        for queue in queues.values_mut() {
            queue.push(payload);
            if queue.is_half_full() {
                pressure = Backpressure::High;
            }
        }
        pressure
    }

    /// The next message.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Delivery> {
        let mut queues = self.broadcast.queues();
        let queue = queues.entry(self.id).or_default();
        if queue.overflowed {
            return Poll::Ready(Delivery::Overflow);
        }
        match queue.waiting.pop_front() {
            Some(payload) => {
                queue.bytes -= payload.len();
                Poll::Ready(Delivery::Message(payload))
            }
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.broadcast.queues().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_client_is_disconnected_and_the_others_miss_nothing() {
        let broadcast = Arc::new(Broadcast::default());
        let (listener, sleeper) = (broadcast.enter(1), broadcast.enter(2));
        let mut cx = Context::from_waker(Waker::noop());
        let payload = Payload::Binary(vec![7; LIMIT / 8].into());
        for n in 0..9 {
            let pressure = listener.publish(&payload);
            let expected = if (4..8).contains(&n) {
                Backpressure::High
            } else {
                Backpressure::Low
            };
            assert_eq!(pressure, expected, "{n}");
            let heard = listener.poll_next(&mut cx);
            assert_eq!(heard, Poll::Ready(Delivery::Message(payload.clone())));
        }
        assert_eq!(sleeper.poll_next(&mut cx), Poll::Ready(Delivery::Overflow));
        drop(sleeper);
        assert_eq!(listener.poll_next(&mut cx), Poll::Pending);
    }
}
