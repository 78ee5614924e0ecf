//! The stop rule of `ping --new-connection`: counts connections and collects the times of their stages.

use std::time::{Duration, Instant};

use super::statistics::{PingCounts, PingStatistics};
use super::times::Times;
use super::{Failure, Verdict};
use crate::connection::Timing;
use crate::connection::backoff::is_retryable;
use crate::connection::error::Error;
use crate::event::{Event, Next};

/// The names of the stages of opening a connection, in order.
pub const STAGES: [&str; 5] = ["dns", "tcp", "proxy", "tls", "upgrade"];

/// The time of each stage of [`STAGES`].
pub fn stages(timing: &Timing) -> [Duration; 5] {
    [
        timing.lookup,
        timing.connect,
        timing.proxy,
        timing.tls,
        timing.upgrade,
    ]
}

/// The stop rule of `ping --new-connection`.
#[derive(Debug)]
pub struct Openings {
    /// The deadline, counted from the first attempt (`-w`).
    limit: Option<Duration>,
    /// Ends after this many open connections; fewer at the deadline are a failure (`-c` with `-w`).
    wanted: Option<u64>,
    counts: PingCounts,
    total: Times,
    /// One for each of [`STAGES`].
    stages: Vec<Times>,
    begun: Option<Instant>,
    ended: Option<Instant>,
    is_opening: bool,
    /// Why the last attempt failed, if it did.
    failure: Option<Box<Error>>,
}

impl Openings {
    /// A rule that ends with the input, after `limit`, or after `wanted` connections.
    pub fn new(limit: Option<Duration>, wanted: Option<u64>) -> Self {
        Self {
            limit,
            wanted,
            counts: PingCounts::default(),
            total: Times::default(),
            stages: STAGES.iter().map(|_| Times::default()).collect(),
            begun: None,
            ended: None,
            is_opening: false,
            failure: None,
        }
    }

    pub(super) fn on_event(&mut self, event: &Event, now: Instant) -> Verdict {
        match event {
            Event::Connecting { .. } => {
                self.begun.get_or_insert(now);
                self.counts.sent += 1;
                self.is_opening = true;
            }
            Event::Open(opened) => {
                self.is_opening = false;
                self.counts.received += 1;
                self.total.record(opened.timing.total);
                for (times, time) in self.stages.iter_mut().zip(stages(&opened.timing)) {
                    times.record(time);
                }
                self.failure = None;
                if self.wanted.is_some_and(|n| self.counts.received >= n) {
                    return self.end(now);
                }
            }
            Event::Failed(error, Next::Final) => return self.failed(error),
            _ => {}
        }
        Verdict::GoOn
    }

    /// A failure that a retry may fix counts as lost; any other ends the run.
    fn failed(&mut self, error: &Error) -> Verdict {
        self.is_opening = false;
        self.counts.lost += 1;
        self.total.miss();
        if !is_retryable(error) {
            return Verdict::Failed(Failure::NotConnected(Box::new(error.clone())));
        }
        self.failure = Some(Box::new(error.clone()));
        Verdict::GoOn
    }

    pub(super) fn input_idle(&mut self, ended: bool, now: Instant) -> Verdict {
        if ended && self.ended.is_none() {
            return self.end(now);
        }
        Verdict::GoOn
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let over = self.begun?.checked_add(self.limit?)?;
        self.ended.is_none().then_some(over)
    }

    /// Ends the run; an attempt in progress is abandoned.
    pub(super) fn end(&mut self, now: Instant) -> Verdict {
        self.ended.get_or_insert(now);
        match self.failure.take().filter(|_| self.counts.received == 0) {
            Some(error) => Verdict::Failed(Failure::NotConnected(error)),
            None => Verdict::Done,
        }
    }

    /// Whether the run has ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// The statistics so far; `None` before the first attempt.
    pub fn statistics(&self, now: Instant) -> Option<PingStatistics> {
        let begun = self.begun?;
        let counts = PingCounts {
            pending: u64::from(self.is_opening),
            ..self.counts
        };
        let elapsed = self.ended.unwrap_or(now).saturating_duration_since(begun);
        let spreads = self.stages.iter().map(Times::spread);
        let stages = STAGES.into_iter().zip(spreads);
        let was_needed = |(name, spread): (&'static str, Option<_>)| Some((name, spread?));
        Some(PingStatistics {
            stages: stages
                .filter_map(was_needed)
                .filter(|(_, spread): &(_, super::TimeSummary)| !spread.max.is_zero())
                .collect(),
            ..PingStatistics::new(counts, elapsed, &self.total)
        })
    }

    /// How many connections were opened and how many were requested, when there were fewer.
    pub fn missing(&self) -> Option<(u64, u64)> {
        let wanted = self.wanted?;
        (self.counts.received < wanted).then_some((self.counts.received, wanted))
    }
}
