//! The heartbeat: pings at an interval. It keeps proxies from closing an idle connection, and detects a
//! dead peer.
//!
//! A ping is sent every interval, whether or not the last one was answered. Any byte that arrives after a
//! ping is a sign of life: an answer, another pong, a ping, a part of a message. While nothing is read,
//! deadlines are suspended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::template::Template;

/// The settings of a heartbeat.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The time from one ping to the next.
    pub interval: Duration,
    /// The time from a ping to a response, at most.
    pub timeout: Duration,
    /// An application-level ping to send instead of a ping frame.
    pub message: Option<Template>,
}

/// What a heartbeat requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatAction {
    /// Send a ping and call [`HeartbeatState::sent`].
    Ping,
    /// The peer did not respond in time: the connection is lost.
    Loss,
}

/// The state of the heartbeat of one connection.
#[derive(Debug)]
pub struct HeartbeatState {
    interval: Duration,
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    next: Instant,
    awaited: Option<AwaitedPong>,
    /// Whether reading was suspended at the last poll.
    deaf: bool,
}

/// The first ping since the last sign of life.
#[derive(Clone, Copy, Debug)]
struct AwaitedPong {
    deadline: Instant,
    /// Bytes that had been received before it.
    received: u64,
}

impl HeartbeatState {
    /// A heartbeat whose first ping is due after one interval.
    pub fn new(policy: &Heartbeat) -> Self {
        let next = Instant::now() + policy.interval;
        Self {
            interval: policy.interval,
            timeout: policy.timeout,
            timer: Box::pin(sleep_until(next)),
            next,
            awaited: None,
            deaf: false,
        }
    }

    /// A ping has been sent, after `received` bytes had been received.
    pub fn sent(&mut self, received: u64) {
        self.notice_life(received);
        let now = Instant::now();
        self.awaited.get_or_insert(AwaitedPong {
            deadline: now + self.timeout,
            received,
        });
        self.next = now + self.interval;
    }

    /// Records that no ping could be sent: the next one is due after another interval.
    pub fn skipped(&mut self) {
        self.next = Instant::now() + self.interval;
    }

    /// Ready when something is to be done. `received` is how many bytes have arrived so far, and
    /// `listens` whether what arrives is being read.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        received: u64,
        listens: bool,
    ) -> Poll<HeartbeatAction> {
        self.notice_life(received);
        self.suspend(listens);
        let deadline = self.awaited.filter(|_| listens).map(|ping| ping.deadline);
        let deadline = deadline.filter(|deadline| *deadline <= self.next);
        let due = deadline.unwrap_or(self.next);
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(match deadline {
            Some(_) => HeartbeatAction::Loss,
            None => HeartbeatAction::Ping,
        })
    }

    fn notice_life(&mut self, received: u64) {
        if self.awaited.is_some_and(|ping| ping.received < received) {
            self.awaited = None;
        }
    }

    /// A peer has its whole time again once reading resumes.
    fn suspend(&mut self, listens: bool) {
        if listens
            && self.deaf
            && let Some(ping) = &mut self.awaited
        {
            ping.deadline = Instant::now() + self.timeout;
        }
        self.deaf = !listens;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn heartbeat_state(interval: u64, timeout: u64) -> HeartbeatState {
        HeartbeatState::new(&Heartbeat {
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(timeout),
            message: None,
        })
    }

    async fn next(heartbeat_state: &mut HeartbeatState, received: u64) -> HeartbeatAction {
        poll_fn(|cx| heartbeat_state.poll(cx, received, true)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_noticed_within_interval_and_timeout() {
        let begun = Instant::now();
        let mut heartbeat_state = heartbeat_state(20, 5);
        assert_eq!(next(&mut heartbeat_state, 0).await, HeartbeatAction::Ping);
        assert_eq!(begun.elapsed(), 20 * SECOND);
        heartbeat_state.sent(0);
        assert_eq!(next(&mut heartbeat_state, 0).await, HeartbeatAction::Loss);
        assert_eq!(begun.elapsed(), 25 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_arrives_after_a_ping_is_life_and_what_came_before_is_not() {
        for (received, due) in [(101, HeartbeatAction::Ping), (100, HeartbeatAction::Loss)] {
            let mut heartbeat_state = heartbeat_state(20, 5);
            heartbeat_state.sent(100);
            assert_eq!(
                next(&mut heartbeat_state, received).await,
                due,
                "{received}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pings_go_on_unanswered_and_the_deadline_is_that_of_the_first() {
        let begun = Instant::now();
        let mut heartbeat_state = heartbeat_state(2, 5);
        heartbeat_state.sent(7);
        for _ in 0..2 {
            assert_eq!(next(&mut heartbeat_state, 7).await, HeartbeatAction::Ping);
            heartbeat_state.sent(7);
        }
        assert_eq!(next(&mut heartbeat_state, 7).await, HeartbeatAction::Loss);
        assert_eq!(begun.elapsed(), 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_after_a_sign_of_life_has_a_deadline_of_its_own() {
        let begun = Instant::now();
        let mut heartbeat_state = heartbeat_state(2, 5);
        heartbeat_state.sent(7);
        assert_eq!(next(&mut heartbeat_state, 7).await, HeartbeatAction::Ping);
        heartbeat_state.sent(8);
        for _ in 0..2 {
            assert_eq!(next(&mut heartbeat_state, 8).await, HeartbeatAction::Ping);
            heartbeat_state.sent(8);
        }
        assert_eq!(next(&mut heartbeat_state, 8).await, HeartbeatAction::Loss);
        assert_eq!(begun.elapsed(), 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn pings_continue_and_deadlines_wait_while_reading_is_suspended() {
        let begun = Instant::now();
        let mut heartbeat_state = heartbeat_state(20, 5);
        heartbeat_state.sent(0);
        for _ in 2..5 {
            let due = poll_fn(|cx| heartbeat_state.poll(cx, 0, false)).await;
            assert_eq!(due, HeartbeatAction::Ping);
            heartbeat_state.sent(0);
        }
        assert_eq!(begun.elapsed(), 60 * SECOND);
        tokio::time::advance(10 * SECOND).await;
        assert_eq!(next(&mut heartbeat_state, 0).await, HeartbeatAction::Loss);
        assert_eq!(
            begun.elapsed(),
            75 * SECOND,
            "the whole timeout, from listening on"
        );
    }
}
