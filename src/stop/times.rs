//! Collected round-trip times and their summary, in constant memory.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

/// The significant digits of a percentile.
const DIGITS: u8 = 3;

/// How many of the last times are kept individually.
const RECENT: usize = 60;

/// Collects times.
#[derive(Debug)]
pub struct Times {
    histogram: Histogram<u64>,
    count: u64,
    min: Duration,
    max: Duration,
    /// Mean and sum of squared differences from it, in seconds, by Welford's method: sums of squares
    /// of numbers this small and this close would lose their digits.
    mean: f64,
    squares: f64,
    last: Option<Duration>,
    /// The sum of the differences between successive times, in seconds.
    steps: f64,
    recent: VecDeque<Option<Duration>>,
}

/// Summary of collected times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeSummary {
    /// The shortest.
    pub min: Duration,
    /// The mean.
    pub avg: Duration,
    /// The longest.
    pub max: Duration,
    /// The standard deviation, as ping(8) prints it.
    pub mdev: Duration,
    /// The median.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The mean difference between successive times; `None` where there is only one.
    pub jitter: Option<Duration>,
}

/// A bar of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    /// Exclusive lower bound, inclusive in the first range.
    pub from: Duration,
    /// Inclusive upper bound.
    pub to: Duration,
    /// Number of times in the range.
    pub count: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            #[expect(
                clippy::expect_used,
                reason = "it fails only for more than five digits"
            )]
            histogram: Histogram::new(DIGITS).expect("a possible number of digits"),
            count: 0,
            min: Duration::MAX,
            max: Duration::ZERO,
            mean: 0.0,
            squares: 0.0,
            last: None,
            steps: 0.0,
            recent: VecDeque::with_capacity(RECENT),
        }
    }
}

impl Times {
    /// Adds a time.
    pub fn record(&mut self, time: Duration) {
        // A histogram that resizes itself accepts every value.
        let _ = self.histogram.record(nanoseconds(time));
        self.count += 1;
        self.min = self.min.min(time);
        self.max = self.max.max(time);
        let seconds = time.as_secs_f64();
        let from_mean = seconds - self.mean;
        self.mean += from_mean / self.count as f64;
        self.squares += from_mean * (seconds - self.mean);
        if let Some(last) = self.last.replace(time) {
            self.steps += time.abs_diff(last).as_secs_f64();
        }
        self.remember(Some(time));
    }

    /// Adds a lost ping, for [`Times::recent`].
    pub fn miss(&mut self) {
        self.remember(None);
    }

    fn remember(&mut self, time: Option<Duration>) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(time);
    }

    /// The last times, oldest first; `None` for a lost ping.
    pub fn recent(&self) -> Vec<Option<Duration>> {
        self.recent.iter().copied().collect()
    }

    /// The longest so far.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.max)
    }

    /// The summary of the times, if there are any.
    pub fn spread(&self) -> Option<TimeSummary> {
        let percentile = |quantile| {
            let value = Duration::from_nanos(self.histogram.value_at_quantile(quantile));
            value.clamp(self.min, self.max)
        };
        let steps = self.count.checked_sub(1)?;
        Some(TimeSummary {
            min: self.min,
            avg: Duration::from_secs_f64(self.mean),
            max: self.max,
            mdev: Duration::from_secs_f64((self.squares / self.count as f64).sqrt()),
            p50: percentile(0.5),
            p95: percentile(0.95),
            p99: percentile(0.99),
            jitter: (steps > 0).then(|| Duration::from_secs_f64(self.steps / steps as f64)),
        })
    }

    /// The histogram: a few ranges with round bounds, from the shortest to the longest time.
    pub fn bars(&self) -> Vec<TimeRange> {
        let Some(max) = self.max() else {
            return Vec::new();
        };
        let bounds = bounds(nanoseconds(self.min), nanoseconds(max));
        let mut bars: Vec<TimeRange> = bounds
            .windows(2)
            .map(|bound| TimeRange {
                from: Duration::from_nanos(bound[0]),
                to: Duration::from_nanos(bound[1]),
                count: 0,
            })
            .collect();
        for value in self.histogram.iter_recorded() {
            let at = bounds[1..].partition_point(|bound| *bound < value.value_iterated_to());
            let last = bars.len() - 1;
            bars[at.min(last)].count += value.count_since_last_iteration();
        }
        bars
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The most ranges of equal width.
const RANGES: u64 = 12;

/// Round numbers from at most `min` to at least `max`: equally far apart, or, where the largest is many
/// times the smallest, each two to two and a half times the one before.
fn bounds(min: u64, max: u64) -> Vec<u64> {
    let min = min.max(1);
    let series = (0..19).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    if max / min >= 20 {
        let mut bounds: Vec<u64> = series.clone().filter(|bound| *bound > min / 3).collect();
        while bounds.len() > 1 && bounds[1] <= min {
            bounds.remove(0);
        }
        let end = bounds.iter().position(|bound| *bound >= max);
        bounds.truncate(end.map_or(bounds.len(), |end| end + 1));
        return bounds;
    }
    let wide_enough = |step: &u64| *step >= max / 100 && max.div_ceil(*step) - min / step <= RANGES;
    let step = series.clone().find(wide_enough).unwrap_or(max);
    let last = max.div_ceil(step).max(min / step + 1);
    (min / step..=last).map(|n| n * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        for time in milliseconds {
            times.record(Duration::from_millis(time));
        }
        times
    }

    /// Within a thousandth.
    fn near(time: Duration, milliseconds: u64) -> bool {
        let expected = Duration::from_millis(milliseconds);
        time.abs_diff(expected) <= expected / 1000
    }

    #[test]
    fn the_spread_is_that_of_the_times() {
        let spread = times((1..=100).rev()).spread().expect("times");
        assert_eq!(spread.min, Duration::from_millis(1));
        assert_eq!(spread.max, Duration::from_millis(100));
        assert!(near(spread.p50, 50), "{spread:?}");
        assert!(near(spread.p95, 95), "{spread:?}");
        assert!(near(spread.p99, 99), "{spread:?}");
        assert!((spread.avg.as_secs_f64() - 0.0505).abs() < 1e-9);
        // The standard deviation of 1..=n is the root of (n² - 1) / 12.
        assert!((spread.mdev.as_secs_f64() - (9999.0_f64 / 12.0).sqrt() / 1e3).abs() < 1e-8);
        let jitter = spread.jitter.expect("more than one");
        assert!((jitter.as_secs_f64() - 0.001).abs() < 1e-9);
        assert_eq!(Times::default().spread(), None);
    }

    #[test]
    fn one_time_is_all_percentiles_and_has_no_jitter() {
        let spread = times([7]).spread().expect("a time");
        for time in [spread.min, spread.avg, spread.max, spread.p50, spread.p99] {
            assert_eq!(time, Duration::from_millis(7));
        }
        assert_eq!((spread.mdev, spread.jitter), (Duration::ZERO, None));
    }

    #[test]
    fn every_time_is_in_one_bar_and_the_bars_reach_from_the_shortest_to_the_longest() {
        for (shortest, longest) in [(1, 1), (1, 7), (99, 101), (3, 2000), (40, 41), (20, 400)] {
            let times = times(shortest..=longest);
            let bars = times.bars();
            let count: u64 = bars.iter().map(|bar| bar.count).sum();
            assert_eq!(count, longest - shortest + 1);
            assert!(bars.len() <= 13, "{bars:?}");
            assert!(bars.windows(2).all(|pair| pair[0].to == pair[1].from));
            let (first, last) = (bars[0], bars[bars.len() - 1]);
            assert!(first.from <= Duration::from_millis(shortest), "{bars:?}");
            assert!(last.to >= Duration::from_millis(longest), "{bars:?}");
            assert!(first.count > 0 && last.count > 0, "{bars:?}");
        }
    }
}
