//! Text charts of times: sparkline and histogram.

use std::time::Duration;

use crate::stop::TimeRange;
use crate::units;

/// From the lowest to the highest.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The character for a lost ping.
const MISSING: char = '×';

/// The longest bar, in characters.
const WIDTH: u64 = 40;

/// A character for each time, from the shortest to the longest of them.
pub fn sparkline(times: &[Option<Duration>]) -> String {
    let known = || times.iter().flatten();
    let min = known().min().copied().unwrap_or_default().as_secs_f64();
    let max = known().max().copied().unwrap_or_default().as_secs_f64();
    let height = |time: &Duration| {
        let share = (time.as_secs_f64() - min) / (max - min).max(f64::MIN_POSITIVE);
        let last = HEIGHTS.len() - 1;
        HEIGHTS[((share * last as f64).round() as usize).min(last)]
    };
    times
        .iter()
        .map(|time| time.as_ref().map_or(MISSING, height))
        .collect()
}

/// A line for each bar.
pub fn bars(bars: &[TimeRange]) -> String {
    let all: u64 = bars.iter().map(|bar| bar.count).sum();
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or_default();
    let bound = |time: Duration| {
        let text = format!("{:.6}", units::milliseconds(time));
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let width = |column: fn(&TimeRange) -> Duration| {
        let widths = bars.iter().map(|bar| bound(column(bar)).len());
        widths.max().unwrap_or_default()
    };
    let (from, to) = (width(|bar| bar.from), width(|bar| bar.to));
    let digits = most.to_string().len();
    let line = |bar: &TimeRange| {
        // A count above 0 is at least one character.
        let length = (bar.count * WIDTH).div_ceil(most.max(1));
        let share = bar.count as f64 * 100.0 / all.max(1) as f64;
        format!(
            "{:>from$} – {:>to$} ms {:>digits$} {share:>5.1}% {}",
            bound(bar.from),
            bound(bar.to),
            bar.count,
            "█".repeat(usize::try_from(length).unwrap_or_default()),
        )
        .trim_end()
        .to_owned()
            + "\n"
    };
    bars.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_sparkline_reaches_from_the_shortest_to_the_longest() {
        let times = [Some(ms(1)), Some(ms(8)), None, Some(ms(4))];
        assert_eq!(sparkline(&times), "▁█×▄");
        assert_eq!(sparkline(&[Some(ms(3)), Some(ms(3))]), "▁▁");
        assert_eq!(sparkline(&[None, None]), "××");
    }

    #[test]
    fn bars_are_in_proportion_and_none_that_counts_is_empty() {
        let bar = |from, to, count| TimeRange {
            from: ms(from),
            to: ms(to),
            count,
        };
        let text = bars(&[bar(1, 2, 1000), bar(2, 5, 0), bar(5, 10, 1)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            format!("1 –  2 ms 1000  99.9% {}", "█".repeat(40))
        );
        assert_eq!(lines[1], "2 –  5 ms    0   0.0%");
        assert_eq!(lines[2], "5 – 10 ms    1   0.1% █");
    }
}
