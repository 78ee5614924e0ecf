//! When the next ping leaves, or the next connection is opened: by the clock, or by what has come back.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::Action;
use crate::connection::close::CloseFrame;
use crate::connection::message::Direction;
use crate::event::{Event, Next, PongMismatch};

/// How long an answer that the next ping waits for is looked for without rest. A core that went to sleep
/// takes longer to wake than an answer takes on the same machine, while one that comes from afar costs no
/// more than this.
const VIGIL: Duration = Duration::from_micros(50);

/// The time from one ping to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingInterval {
    /// Always the same, whatever comes back.
    Steady(Duration),
    /// None once the last one is answered, and at most this.
    Flood(Duration),
    /// One at a time: the next leaves once the last is answered or given up.
    Single {
        /// At least so long from one to the next.
        gap: Duration,
        /// So long after one that was given up, so that its late answer is not taken for that of the
        /// next.
        quiet: Duration,
    },
}

impl PingInterval {
    /// Whether an answer makes the next ping leave at once.
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

/// When the next one is due.
#[derive(Default)]
struct PingClock {
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl PingClock {
    /// Ready when it is due; the time when it was. At first it is due at once.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        loop {
            let now = Instant::now();
            let due = *self.due.get_or_insert(now);
            // The clock is asked first: the runtime gives a task that is busy with a flood no answer
            // from a timer.
            if due <= now {
                return Poll::Ready(due);
            }
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            // One that is set too early rings and is set again: to move it each time would cost more.
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
    }

    /// Sets it; a time that no clock can hold never comes.
    fn set(&mut self, from: Instant, delay: Duration) {
        let far = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        self.due = from.checked_add(delay).or_else(|| from.checked_add(far));
    }

    fn ring(&mut self) {
        self.due = None;
    }
}

impl PingSource {
    /// So many pings of `size` bytes, or without end.
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
            // Counted from when it was due: a late ping does not shift those that follow, and one that
            // is later than the next gives its place to that.
            PingInterval::Steady(interval) if due + interval >= now => {
                self.clock.set(due, interval);
            }
            PingInterval::Steady(time) | PingInterval::Flood(time) => self.clock.set(now, time),
            PingInterval::Single { gap, .. } => self.clock.set(now, gap),
        }
        Poll::Ready(Some(Action::Ping(self.size)))
    }

    /// Has this task polled again at once, after a look at the sockets, for as long as an answer may be
    /// about to come.
    fn watch_clock(&self, cx: &mut Context<'_>) {
        let awaits = self.under_way && self.rhythm.follows_answers();
        if awaits && self.sent_at.is_some_and(|at| at.elapsed() < VIGIL) {
            // Pending by definition, and woken once the runtime has looked at everything else.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
        }
    }

    /// What has come back moves the next one.
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
        // An earlier one has no say: the newest is still under way.
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

/// A source of connections: closes each once it is open, and opens the next.
pub struct OpeningSource {
    farewell: CloseFrame,
    interval: Duration,
    left: Option<u64>,
    stand: PingTarget,
    clock: PingClock,
}

/// Where the connection stands that is being timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PingTarget {
    /// It is being opened.
    Opening,
    /// It is to be closed.
    Open,
    /// It is being closed.
    Closing,
    /// It is gone.
    Gone,
}

impl OpeningSource {
    /// So many connections, or without end, each closed in that way.
    pub fn new(interval: Duration, count: Option<u64>, farewell: CloseFrame) -> Self {
        Self {
            farewell,
            interval,
            // The first one is opened by the link itself.
            left: count.map(|count| count.saturating_sub(1)),
            stand: PingTarget::Opening,
            clock: PingClock::default(),
        }
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Action>> {
        match self.stand {
            PingTarget::Opening | PingTarget::Closing => Poll::Pending,
            PingTarget::Open => {
                self.stand = PingTarget::Closing;
                Poll::Ready(Some(Action::Close(self.farewell.clone())))
            }
            PingTarget::Gone if self.left == Some(0) => Poll::Ready(None),
            PingTarget::Gone => {
                ready!(self.clock.poll(cx));
                self.left = self.left.map(|left| left - 1);
                self.stand = PingTarget::Opening;
                Poll::Ready(Some(Action::Reopen))
            }
        }
    }

    pub(super) fn notice(&mut self, event: &Event) {
        match event {
            Event::Connecting { .. } => self.clock.set(Instant::now(), self.interval),
            Event::Open(_) => self.stand = PingTarget::Open,
            Event::Close(_) | Event::Failed(_, Next::Final) => self.stand = PingTarget::Gone,
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

    /// How often the second ping was asked for, in two equal times: before the vigil's end and after it.
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
            advance(VIGIL).await;
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
