//! The statistics of `ping`, and the limits they are checked against.

use std::time::Duration;

use super::times::{TimeRange, TimeSummary, Times};

/// Counters of a ping run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingCounts {
    /// Pings sent, or connections tried.
    pub sent: u64,
    /// Pings answered in time, or connections opened.
    pub received: u64,
    /// Pings not answered in time, or connections that failed.
    pub lost: u64,
    /// Still in flight at the end.
    pub pending: u64,
    /// Replies that arrived after their time limit.
    pub late: u64,
    /// Duplicate replies.
    pub duplicates: u64,
    /// Replies in time whose round trip was not measured, because reading was suspended.
    pub untimed: u64,
    /// Messages that were not a reply.
    pub others: u64,
    /// Connections that were lost and replaced.
    pub reconnects: u64,
}

/// The statistics of a ping run.
#[derive(Clone, Debug, PartialEq)]
pub struct PingStatistics {
    /// The counters.
    pub counts: PingCounts,
    /// From the first open connection to now.
    pub elapsed: Duration,
    /// The round-trip times, if there were any.
    pub rtt: Option<TimeSummary>,
    /// The stages of opening a connection, those that took any time.
    pub stages: Vec<(&'static str, TimeSummary)>,
    /// The last round trips, `None` for a lost one.
    pub recent: Vec<Option<Duration>>,
    /// The histogram of the round-trip times.
    pub bars: Vec<TimeRange>,
}

impl PingStatistics {
    /// Statistics of these counters and times.
    pub fn new(counts: PingCounts, elapsed: Duration, times: &Times) -> Self {
        Self {
            counts,
            elapsed,
            rtt: times.spread(),
            stages: Vec::new(),
            recent: times.recent(),
            bars: times.bars(),
        }
    }

    /// Lost pings among lost and received ones, in percent.
    pub fn loss_percent(&self) -> f64 {
        match self.counts.lost + self.counts.received {
            0 => 0.0,
            known => self.counts.lost as f64 * 100.0 / known as f64,
        }
    }
}

/// The limits of `--max-p95`, `--max-avg` and `--max-loss`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PingLimits {
    /// The largest 95th percentile (`--max-p95`).
    pub p95: Option<Duration>,
    /// The largest mean (`--max-avg`).
    pub avg: Option<Duration>,
    /// The largest loss, in percent (`--max-loss`).
    pub loss: Option<f64>,
}

impl PingLimits {
    /// Whether any limit is set.
    pub fn are_set(&self) -> bool {
        *self != Self::default()
    }

    /// The limits that are exceeded and by how much, a clause for each.
    pub fn exceeded(&self, statistics: &PingStatistics) -> Vec<String> {
        let mut exceeded = Vec::new();
        let times = [
            (
                "--max-p95",
                "the 95th percentile",
                self.p95,
                statistics.rtt.map(|rtt| rtt.p95),
            ),
            (
                "--max-avg",
                "the mean",
                self.avg,
                statistics.rtt.map(|rtt| rtt.avg),
            ),
        ];
        for (flag, what, limit, came) in times {
            if let (Some(limit), Some(came)) = (limit, came)
                && came > limit
            {
                exceeded.push(format!(
                    "{what} is {}, {} more than {flag} {}",
                    precise(came),
                    precise(came - limit),
                    precise(limit),
                ));
            }
        }
        let loss = statistics.loss_percent();
        if let Some(limit) = self.loss.filter(|limit| loss > *limit) {
            let PingCounts { received, lost, .. } = statistics.counts;
            exceeded.push(format!(
                "the loss is {}% ({lost} of {}), {}% more than --max-loss {limit}%",
                percent(loss),
                lost + received,
                percent(loss - limit),
            ));
        }
        exceeded
    }
}

/// A time in milliseconds, to the microsecond: a limit can be exceeded by that little.
pub fn precise(time: Duration) -> String {
    let text = format!("{:.3}", time.as_secs_f64() * 1e3);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} ms")
}

/// A percentage with at most three decimals.
pub fn percent(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
