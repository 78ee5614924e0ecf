//! The heartbeat: pings at an interval. It keeps proxies from closing an idle connection, and detects a
//! dead peer.
//!
//! A ping is answered by the matching pong, or by data received after the ping. While nothing is read from
//! the connection, deadlines are suspended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection::message::Text;

/// The settings of a heartbeat.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The time from one ping to the next.
    pub interval: Duration,
    /// The time from a ping to a response, at most.
    pub timeout: Duration,
    /// An application-level ping to send instead of a ping frame.
    pub message: Option<Text>,
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

/// A ping that must be answered.
#[derive(Clone, Copy, Debug)]
struct AwaitedPong {
    deadline: Instant,
    /// Its id; an application-level ping has none.
    id: Option<u64>,
    /// Bytes of data received before it.
    data: u64,
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

    /// Records that a ping was sent; `data` bytes of data had been received before it.
    pub fn sent(&mut self, id: Option<u64>, data: u64) {
        let now = Instant::now();
        self.awaited = Some(AwaitedPong {
            deadline: now + self.timeout,
            id,
            data,
        });
        self.next = now + self.interval;
    }

    /// Records that no ping could be sent: the next one is due after another interval.
    pub fn skipped(&mut self) {
        self.next = Instant::now() + self.interval;
    }

    /// Records that our ping with this id was answered.
    pub fn answered(&mut self, id: u64) {
        // A peer answers in order, so the pong of a later ping counts as well.
        if self
            .awaited
            .is_some_and(|ping| ping.id.is_some_and(|awaited| awaited <= id))
        {
            self.awaited = None;
        }
    }

    /// Ready when an action is due. `data` is the number of bytes of data received so far; `listens` says
    /// whether the connection is being read.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        data: u64,
        listens: bool,
    ) -> Poll<HeartbeatAction> {
        if self.awaited.is_some_and(|ping| ping.data < data) {
            self.awaited = None;
        }
        self.suspend(listens);
        let deadline = self.awaited.filter(|_| listens).map(|ping| ping.deadline);
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

    /// Restarts the timeout when reading resumes.
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

    async fn next(heartbeat_state: &mut HeartbeatState, data: u64) -> HeartbeatAction {
        poll_fn(|cx| heartbeat_state.poll(cx, data, true)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_noticed_within_interval_and_timeout() {
        let begun = Instant::now();
        let mut heartbeat_state = heartbeat_state(20, 5);
        assert_eq!(next(&mut heartbeat_state, 0).await, HeartbeatAction::Ping);
        assert_eq!(begun.elapsed(), 20 * SECOND);
        heartbeat_state.sent(Some(1), 0);
        assert_eq!(next(&mut heartbeat_state, 0).await, HeartbeatAction::Loss);
        assert_eq!(begun.elapsed(), 25 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_matching_pong_or_later_data_answers_a_ping() {
        for (answer, data, due) in [
            (Some(2), 100, HeartbeatAction::Ping),
            (Some(3), 100, HeartbeatAction::Ping),
            (None, 101, HeartbeatAction::Ping),
            (Some(1), 100, HeartbeatAction::Loss),
            (None, 100, HeartbeatAction::Loss),
        ] {
            let mut heartbeat_state = heartbeat_state(20, 5);
            heartbeat_state.sent(Some(2), 100);
            if let Some(id) = answer {
                heartbeat_state.answered(id);
            }
            assert_eq!(
                next(&mut heartbeat_state, data).await,
                due,
                "{answer:?} {data}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_pong_answers_an_application_level_ping() {
        let mut heartbeat_state = heartbeat_state(20, 5);
        heartbeat_state.sent(None, 0);
        heartbeat_state.answered(7);
        assert_eq!(next(&mut heartbeat_state, 0).await, HeartbeatAction::Loss);
    }

    #[tokio::test(start_paused = true)]
    async fn pings_continue_and_deadlines_wait_while_reading_is_suspended() {
        let begun = Instant::now();
        let mut heartbeat_state = heartbeat_state(20, 5);
        heartbeat_state.sent(Some(1), 0);
        for turn in 2..5 {
            let due = poll_fn(|cx| heartbeat_state.poll(cx, 0, false)).await;
            assert_eq!(due, HeartbeatAction::Ping);
            heartbeat_state.sent(Some(turn), 0);
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
