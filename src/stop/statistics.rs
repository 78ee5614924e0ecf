//! What `ping` tells at its end.

use std::time::Duration;

use super::times::{TimeRange, TimeSummary, Times};

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingCounts {
    /// Pings sent, or connections tried.
    pub sent: u64,
    /// Those that were answered in time.
    pub received: u64,
    /// Those that were not.
    pub lost: u64,
    /// Those that were still under way when it was over.
    pub pending: u64,
    /// Answers that came too late.
    pub late: u64,
    /// Answers that came again.
    pub duplicates: u64,
    /// Answers in time whose time was not measured, since nothing was being read.
    pub untimed: u64,
    /// Messages that answered nothing.
    pub others: u64,
    /// Connections that ended and were followed by another.
    pub reconnects: u64,
}

/// What `ping` prints at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct PingStatistics {
    /// How many.
    pub counts: PingCounts,
    /// From the first open connection to now.
    pub elapsed: Duration,
    /// The round trips, when there was any.
    pub rtt: Option<TimeSummary>,
    /// The parts of each: the stages of opening a connection, those that took any time.
    pub stages: Vec<(&'static str, TimeSummary)>,
    /// The last round trips, `None` for a lost one.
    pub recent: Vec<Option<Duration>>,
    /// Their distribution.
    pub bars: Vec<TimeRange>,
}

impl PingStatistics {
    /// What was counted and measured.
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

    /// The lost ones among those whose fate is known, in percent.
    pub fn loss_percent(&self) -> f64 {
        match self.counts.lost + self.counts.received {
            0 => 0.0,
            known => self.counts.lost as f64 * 100.0 / known as f64,
        }
    }
}

/// What the figures must keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PingLimits {
    /// The largest 95th percentile (`--max-p95`).
    pub p95: Option<Duration>,
    /// The largest mean (`--max-avg`).
    pub avg: Option<Duration>,
    /// The most that may be lost, in percent (`--max-loss`).
    pub loss: Option<f64>,
}

impl PingLimits {
    /// Whether there is any.
    pub fn are_set(&self) -> bool {
        *self != Self::default()
    }

    /// What breaks a limit and by how much, a clause for each.
    pub fn exceeded(&self, statistics: &PingStatistics) -> Vec<String> {
        let mut broken = Vec::new();
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
                broken.push(format!(
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
            broken.push(format!(
                "{}% were lost ({lost} of {}), {}% more than --max-loss {limit}%",
                percent(loss),
                lost + received,
                percent(loss - limit),
            ));
        }
        broken
    }
}

/// A time to the microsecond, whatever its size: a limit can be missed by that much.
pub fn precise(time: Duration) -> String {
    let text = format!("{:.3}", time.as_secs_f64() * 1e3);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} ms")
}

/// A percentage with at most three decimals, never rounded to a whole that it is not.
pub fn percent(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
