//! Sources of pings and of new connections (`ping`), driven by a timer or by answers.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::Action;
use crate::connection::close::CloseFrame;
use crate::connection::message::Direction;
use crate::event::{Event, Next, PongMismatch};

/// How long to busy-poll for a pong that the next ping waits for. On the same machine a pong arrives faster
/// than a sleeping core wakes up; for a remote peer this costs only this short time.
const BUSY_POLL: Duration = Duration::from_micros(50);

/// The time from one ping to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingInterval {
    /// A fixed interval, independent of pongs.
    Steady(Duration),
    /// The next ping is sent as soon as the last is answered, and after this time at the latest.
    Flood(Duration),
    /// One at a time: the next ping is sent once the last is answered or lost.
    Single {
        /// The minimum time from one ping to the next.
        gap: Duration,
        /// The wait after a lost ping, so that its late reply is not taken for that of the next.
        quiet: Duration,
    },
}

impl PingInterval {
    /// Whether the next ping is sent as soon as a pong arrives.
    fn follows_answers(self) -> bool {
        match self {
            Self::Steady(_) => false,
            Self::Flood(_) => true,
            Self::Single { gap, .. } => gap.is_zero(),
        }
    }
}

/// A source of pings.
pub struct PingSource {
    rhythm: PingInterval,
    left: Option<u64>,
    size: usize,
    sent: u64,
    sent_at: Option<Instant>,
    under_way: bool,
    clock: PingClock,
}

/// The timer of the next ping or connection.
#[derive(Default)]
struct PingClock {
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl PingClock {
    /// Ready when it is due; returns the due time. The first one is due at once.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        loop {
            let now = Instant::now();
            let due = *self.due.get_or_insert(now);
            // The clock is checked first: in a flood of input the cooperative budget of tokio keeps the
            // timers of a task pending.
            if due <= now {
                return Poll::Ready(due);
            }
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            // A timer that fires too early is set again; resetting it each time would cost more.
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
    }

    /// Sets the due time; a time beyond the range of the clock is replaced by one in the far future.
    fn set(&mut self, from: Instant, delay: Duration) {
        let far = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        self.due = from.checked_add(delay).or_else(|| from.checked_add(far));
    }

    fn ring(&mut self) {
        self.due = None;
    }
}

impl PingSource {
    /// `count` pings with a payload of `size` bytes; `None` is unlimited.
    pub fn new(rhythm: PingInterval, count: Option<u64>, size: usize) -> Self {
        Self {
            rhythm,
            left: count,
            size,
            sent: 0,
            sent_at: None,
            under_way: false,
            clock: PingClock::default(),
        }
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Action>> {
        if self.left == Some(0) {
            return Poll::Ready(None);
        }
        let is_held = self.under_way && matches!(self.rhythm, PingInterval::Single { .. });
        let due = match is_held {
            true => Poll::Pending,
            false => self.clock.poll(cx),
        };
        let Poll::Ready(due) = due else {
            self.watch_clock(cx);
            return Poll::Pending;
        };
        self.left = self.left.map(|left| left - 1);
        self.sent += 1;
        self.under_way = true;
        let now = Instant::now();
        self.sent_at = Some(now);
        match self.rhythm {
            // Counted from the due time, so that a late ping does not delay those after it. A ping that is
            // more than one interval late is counted from now.
            PingInterval::Steady(interval) if due + interval >= now => {
                self.clock.set(due, interval);
            }
            PingInterval::Steady(time) | PingInterval::Flood(time) => self.clock.set(now, time),
            PingInterval::Single { gap, .. } => self.clock.set(now, gap),
        }
        Poll::Ready(Some(Action::Ping(self.size)))
    }

    /// Busy-polls: wakes this task again after the runtime has polled the sockets, for a short time after a
    /// ping.
    fn watch_clock(&self, cx: &mut Context<'_>) {
        let awaits = self.under_way && self.rhythm.follows_answers();
        if awaits && self.sent_at.is_some_and(|at| at.elapsed() < BUSY_POLL) {
            // Always pending; the task is woken after the runtime has polled everything else.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
        }
    }

    /// Adjusts the due time after a pong or a loss.
    pub(super) fn notice(&mut self, event: &Event) {
        match event {
            Event::Pong {
                direction: Direction::In,
                seq: Some(seq),
                fault: None | Some(PongMismatch::Late),
                ..
            } => self.answered(*seq, None),
            Event::Unanswered { seq, .. } => match self.rhythm {
                PingInterval::Single { quiet, .. } => self.answered(*seq, Some(quiet)),
                PingInterval::Steady(_) | PingInterval::Flood(_) => {}
            },
            Event::Close(_) => self.under_way = false,
            _ => {}
        }
    }

    fn answered(&mut self, seq: u64, quiet: Option<Duration>) {
        // Only the newest ping counts.
        if seq != self.sent {
            return;
        }
        self.under_way = false;
        match (self.rhythm, quiet) {
            (PingInterval::Flood(_), _) => self.clock.ring(),
            (PingInterval::Single { .. }, Some(quiet)) => self.clock.set(Instant::now(), quiet),
            _ => {}
        }
    }
}

/// A source of connections: closes each one once it is open, then opens the next.
pub struct OpeningSource {
    close_frame: CloseFrame,
    interval: Duration,
    left: Option<u64>,
    stand: LinkPhase,
    clock: PingClock,
}

/// The state of the connection that is being timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkPhase {
    /// It is being opened.
    Opening,
    /// It is open and must be closed.
    Open,
    /// It is being closed.
    Closing,
    /// It has ended.
    Gone,
}

impl OpeningSource {
    /// `count` connections (`None` is unlimited), each closed with `close_frame`.
    pub fn new(interval: Duration, count: Option<u64>, close_frame: CloseFrame) -> Self {
        Self {
            close_frame,
            interval,
            // The link opens the first connection itself.
            left: count.map(|count| count.saturating_sub(1)),
            stand: LinkPhase::Opening,
            clock: PingClock::default(),
        }
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Action>> {
        match self.stand {
            LinkPhase::Opening | LinkPhase::Closing => Poll::Pending,
            LinkPhase::Open => {
                self.stand = LinkPhase::Closing;
                Poll::Ready(Some(Action::Close(self.close_frame.clone())))
            }
            LinkPhase::Gone if self.left == Some(0) => Poll::Ready(None),
            LinkPhase::Gone => {
                ready!(self.clock.poll(cx));
                self.left = self.left.map(|left| left - 1);
                self.stand = LinkPhase::Opening;
                Poll::Ready(Some(Action::Reopen))
            }
        }
    }

    pub(super) fn notice(&mut self, event: &Event) {
        match event {
            Event::Connecting { .. } => self.clock.set(Instant::now(), self.interval),
            Event::Open(_) => self.stand = LinkPhase::Open,
            Event::Close(_) | Event::Failed(_, Next::Final) => self.stand = LinkPhase::Gone,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::advance;

    use super::*;

    /// How often the second ping was polled for: before the end of busy-polling, and after it.
    async fn looks_of(rhythm: PingInterval) -> [usize; 2] {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let mut pings = PingSource::new(rhythm, Some(2), 16);
        let task = tokio::spawn(async move {
            poll_fn(|cx| pings.poll_next(cx)).await;
            poll_fn(|cx| {
                counter.fetch_add(1, Ordering::Relaxed);
                pings.poll_next(cx)
            })
            .await
        });
        let mut looks = [0; 2];
        for looks in &mut looks {
            let before = count.load(Ordering::Relaxed);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            *looks = count.load(Ordering::Relaxed) - before;
            advance(BUSY_POLL).await;
        }
        task.abort();
        looks
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_the_next_ping_waits_for_is_looked_for_without_rest_but_not_for_long() {
        let at_once = Duration::ZERO;
        let single = |gap| PingInterval::Single {
            gap,
            quiet: at_once,
        };
        for rhythm in [
            PingInterval::Flood(Duration::from_millis(10)),
            single(at_once),
        ] {
            let [during, after] = looks_of(rhythm).await;
            assert!(during > 50 && after <= 2, "{rhythm:?}: {during}, {after}");
        }
        let second = Duration::from_secs(1);
        for rhythm in [PingInterval::Steady(second), single(second)] {
            let looks = looks_of(rhythm).await;
            assert!(
                looks.iter().all(|looks| *looks <= 2),
                "{rhythm:?}: {looks:?}"
            );
        }
    }
}
