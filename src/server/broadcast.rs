//! A room in which every message reaches everybody.
//!
//! Each client has a queue of its own and shares the bytes with the others, so nobody waits for anybody.
//! Who reads so slowly that the queue is full has to leave: there is no honest way to stay.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::connection::message::Payload;

/// Bytes that may wait for one client, besides what its connection holds.
const LIMIT: usize = 16 << 20;
/// Messages that may wait for one client.
const MESSAGES: usize = 64 * 1024;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Broadcast(Mutex<HashMap<u64, SubscriberQueue>>);

#[derive(Debug, Default)]
struct SubscriberQueue {
    waiting: VecDeque<Payload>,
    bytes: usize,
    /// Set once the queue was full: nothing more is put into it.
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
    /// A place in it.
    pub fn enter(self: &Arc<Self>, id: u64) -> Subscriber {
        self.queues().insert(id, SubscriberQueue::default());
        Subscriber {
            broadcast: self.clone(),
            id,
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<u64, SubscriberQueue>> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's place, given up when it is dropped.
#[derive(Debug)]
pub struct Subscriber {
    broadcast: Arc<Broadcast>,
    id: u64,
}

/// What comes to a seat.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A message.
    Message(Payload),
    /// The end: this client was too slow.
    Overflow,
}

/// How well the room keeps up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backpressure {
    /// Everybody does.
    Low,
    /// Somebody falls behind: whoever speaks should let the others run.
    High,
}

impl Subscriber {
    /// Says something to everybody, to this seat as well.
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

    /// The next thing said.
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
    fn who_does_not_listen_leaves_and_the_others_miss_nothing() {
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
