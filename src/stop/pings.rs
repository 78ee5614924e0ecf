//! The stop rule of `ping`: counts pings and pongs, gathers round-trip times.

use std::time::{Duration, Instant};

use super::{Failure, Verdict};
use crate::connection::close::{By, Close};
use crate::connection::message::Direction;
use crate::event::{Event, Sequel};

/// See the module's head.
#[derive(Debug)]
pub struct Pings {
    /// The longest wait for the pongs that are missing once the last ping was sent.
    wait: Duration,
    sent: u64,
    times: Vec<Duration>,
    begun: Option<Instant>,
    last_sent: Option<Instant>,
    input_ended: bool,
    finished: bool,
}

/// What `ping` prints at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Pings sent.
    pub sent: u64,
    /// Pongs that answered one of them.
    pub received: u64,
    /// From the open connection to now.
    pub elapsed: Duration,
    /// The round trips, when there was any.
    pub rtt: Option<Spread>,
}

/// How values are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The shortest.
    pub min: Duration,
    /// The mean.
    pub avg: Duration,
    /// The longest.
    pub max: Duration,
    /// The standard deviation, as ping(8) has it.
    pub mdev: Duration,
    /// Half are at most this.
    pub p50: Duration,
    /// 95 % are at most this.
    pub p95: Duration,
    /// 99 % are at most this.
    pub p99: Duration,
}

impl Pings {
    /// A rule that waits so long for missing pongs after the last ping.
    pub fn new(wait: Duration) -> Self {
        Self {
            wait,
            sent: 0,
            times: Vec::new(),
            begun: None,
            last_sent: None,
            input_ended: false,
            finished: false,
        }
    }

    pub(super) fn see(&mut self, event: &Event, now: Instant) -> Verdict {
        match event {
            Event::Open(_) => {
                self.begun.get_or_insert(now);
            }
            Event::Ping {
                direction: Direction::Out,
                seq: Some(_),
                ..
            } => {
                self.sent += 1;
                self.last_sent = Some(now);
            }
            Event::Pong {
                direction: Direction::In,
                seq: Some(_),
                rtt: Some(rtt),
                ..
            } => {
                self.times.push(*rtt);
                return self.judge();
            }
            // The link comes back: its pings go on, and those in flight are counted as lost.
            Event::Failed(_, Sequel::Another) => {}
            Event::Close(closed) if closed.sequel == Sequel::Another => {}
            Event::Failed(error, _) => {
                return Verdict::Failed(Failure::NotConnected(error.clone()));
            }
            Event::Close(closed) => return self.closed(&closed.close),
            _ => {}
        }
        Verdict::GoOn
    }

    pub(super) fn input_idle(&mut self, ended: bool, _now: Instant) -> Verdict {
        self.input_ended |= ended;
        self.judge()
    }

    fn judge(&mut self) -> Verdict {
        if self.input_ended && !self.finished && self.times.len() as u64 >= self.sent {
            self.finished = true;
            return self.verdict();
        }
        Verdict::GoOn
    }

    fn closed(&mut self, close: &Close) -> Verdict {
        if self.finished {
            return Verdict::Done;
        }
        match close.by {
            By::Local if close.error.is_none() => self.verdict(),
            _ => Verdict::Failed(Failure::Closed(
                Box::new(close.clone()),
                Some("all pings were answered".to_owned()),
            )),
        }
    }

    pub(super) fn suspend(&mut self, now: Instant) {
        self.last_sent = self.last_sent.map(|_| now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let waits = self.input_ended && !self.finished;
        Some(waits.then_some(self.last_sent?)? + self.wait)
    }

    pub(super) fn expire(&mut self, now: Instant) -> Verdict {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.finished = true;
            return self.verdict();
        }
        Verdict::GoOn
    }

    /// Success is any reply at all, as with ping(8).
    pub fn verdict(&mut self) -> Verdict {
        self.finished = true;
        if self.times.is_empty() {
            return Verdict::Failed(Failure::Expectation("no ping was answered".to_owned()));
        }
        Verdict::Done
    }

    /// The statistics as they stand; `None` when the connection was never open.
    pub fn statistics(&self, now: Instant) -> Option<Statistics> {
        Some(Statistics {
            sent: self.sent,
            received: self.times.len() as u64,
            elapsed: now.saturating_duration_since(self.begun?),
            rtt: spread(&self.times),
        })
    }
}

impl Statistics {
    /// Pings without a pong, in percent.
    pub fn loss_percent(&self) -> f64 {
        if self.sent == 0 {
            return 0.0;
        }
        self.sent.saturating_sub(self.received) as f64 * 100.0 / self.sent as f64
    }
}

fn spread(times: &[Duration]) -> Option<Spread> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len() as f64;
    let mean = sorted.iter().map(Duration::as_secs_f64).sum::<f64>() / count;
    let squares = sorted
        .iter()
        .map(|time| (time.as_secs_f64() - mean).powi(2))
        .sum::<f64>();
    // Nearest rank: a percentile is a time that was measured.
    let rank = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
    Some(Spread {
        min,
        avg: Duration::from_secs_f64(mean),
        max,
        mdev: Duration::from_secs_f64((squares / count).sqrt()),
        p50: rank(50),
        p95: rank(95),
        p99: rank(99),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_times() {
        let times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let spread = spread(&times).expect("times");
        assert_eq!(spread.min, Duration::from_millis(1));
        assert_eq!(spread.max, Duration::from_millis(100));
        assert_eq!(spread.p50, Duration::from_millis(50));
        assert_eq!(spread.p95, Duration::from_millis(95));
        assert_eq!(spread.p99, Duration::from_millis(99));
        assert!((spread.avg.as_secs_f64() - 0.0505).abs() < 1e-9);
        // The standard deviation of 1..=n is the root of (n² - 1) / 12.
        assert!((spread.mdev.as_secs_f64() - (9999.0_f64 / 12.0).sqrt() / 1e3).abs() < 1e-9);
        assert_eq!(super::spread(&[]), None);
    }

    #[test]
    fn no_reply_at_all_is_a_failure() {
        let mut rule = Pings::new(Duration::from_secs(1));
        rule.sent = 1;
        assert!(matches!(
            rule.verdict(),
            Verdict::Failed(Failure::Expectation(_))
        ));
        rule.times.push(Duration::from_millis(1));
        assert!(matches!(rule.verdict(), Verdict::Done));
    }
}
