//! The output of `ping`: a line for each reply and the statistics, as in ping(8).

use std::time::{Duration, Instant, UNIX_EPOCH};

use super::bars::{bars, sparkline};
use crate::connection::Opened;
use crate::connection::backoff::is_retryable;
use crate::connection::message::Direction;
use crate::event::{Event, Next, PongMismatch};
use crate::stop::{PingStatistics, STAGES, TimeSummary, percent, precise, stages};
use crate::units;

/// The least time between two updates of the dots of a flood: drawing each ping would take longer than most
/// round trips.
const REDRAWN: Duration = Duration::from_millis(20);

/// Prints the output of `ping`.
#[derive(Debug)]
pub struct PingPrinter {
    layout: PingLayout,
    /// The URL, for the first and last lines.
    url: String,
    /// The server's address, once it is known.
    remote: String,
    /// Connections that were tried.
    tried: u64,
}

/// The format of `ping`'s output.
#[derive(Debug)]
pub struct PingLayout {
    /// What is printed between the first line and the statistics.
    pub between: PingProgress,
    /// What is timed.
    pub subject: TimedSubject,
    /// The time before each line.
    pub clock: LineClock,
    /// Whether stdout is a terminal: then the last replies are drawn as a sparkline.
    pub is_terminal: bool,
    /// Whether the distribution is drawn (`--histogram`).
    pub histogram: bool,
}

/// What is printed between the first line and the statistics.
#[derive(Debug)]
pub enum PingProgress {
    /// A line for each reply.
    Lines,
    /// A dot for each unanswered ping (`-f`).
    Dots(Dots),
    /// Nothing (`-q`).
    Nothing,
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedSubject {
    /// Ping frames with this payload size in bytes.
    Frames(usize),
    /// A message of this size in bytes and its reply.
    Messages(usize),
    /// New connections.
    Openings,
}

/// The time before each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineClock {
    /// None.
    Off,
    /// Seconds since 1970, as in ping(8) (`-D`).
    Unix,
    /// RFC 3339, UTC (`-t`).
    Rfc3339,
}

/// The dots of a flood.
#[derive(Debug, Default)]
pub struct Dots {
    open: u64,
    drawn: u64,
    drawn_at: Option<Instant>,
}

impl PingPrinter {
    /// A printer before the first event.
    pub fn new(layout: PingLayout, url: &str) -> Self {
        Self {
            layout,
            url: url.to_owned(),
            remote: String::new(),
            tried: 0,
        }
    }

    /// Appends the line of an event, if it has one.
    pub fn print(&mut self, out: &mut Vec<u8>, event: &Event) {
        if let Event::Connecting { .. } = event {
            self.tried += 1;
        }
        if let Event::Open(opened) = event {
            self.open(out, opened);
        }
        match &mut self.layout.between {
            PingProgress::Nothing => {}
            PingProgress::Dots(dots) => dots.draw(out, event),
            PingProgress::Lines => {
                if let Some(line) = self.line(event) {
                    self.stamp(out);
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
            }
        }
    }

    fn open(&mut self, out: &mut Vec<u8>, opened: &Opened) {
        let (url, remote) = (&self.url, &opened.remote);
        let time = units::shown(opened.timing.total);
        let line = match self.layout.subject {
            TimedSubject::Openings if !self.remote.is_empty() => None,
            TimedSubject::Openings => Some(format!(
                "PING {url} ({remote}), a new connection each time\n"
            )),
            TimedSubject::Frames(size) => Some(format!(
                "PING {url} ({remote}), {size} data bytes; connected in {time}\n"
            )),
            TimedSubject::Messages(size) => Some(format!(
                "PING {url} ({remote}), a message of {}; connected in {time}\n",
                units::bytes(size)
            )),
        };
        out.extend_from_slice(line.unwrap_or_default().as_bytes());
        self.remote = remote
            .rsplit_once(':')
            .map_or(&**remote, |(ip, _)| ip)
            .to_owned();
    }

    fn line(&self, event: &Event) -> Option<String> {
        let word = match self.layout.subject {
            TimedSubject::Frames(_) => "pong",
            TimedSubject::Messages(_) => "reply",
            TimedSubject::Openings => "open",
        };
        match event {
            Event::Pong {
                direction: Direction::In,
                seq: Some(seq),
                rtt,
                fault,
                ..
            } => {
                let time = rtt.map_or("not measured".to_owned(), shown);
                let fault = match fault {
                    Some(PongMismatch::Late) => " (late)",
                    Some(PongMismatch::Duplicate) => " (duplicate)",
                    None => "",
                };
                Some(format!(
                    "{word} from {}: seq={seq} time={time}{fault}",
                    self.remote
                ))
            }
            Event::Unanswered {
                seq,
                timeout: patience,
                ..
            } => Some(format!(
                "no {word} from {}: seq={seq} within {}",
                self.remote,
                units::shown(*patience)
            )),
            Event::Open(opened) if self.layout.subject == TimedSubject::Openings => Some(format!(
                "open from {}: {}",
                self.remote,
                self.opening(opened)
            )),
            Event::Failed(error, Next::Final)
                if self.layout.subject == TimedSubject::Openings && is_retryable(error) =>
            {
                Some(format!("not connected: seq={} {error}", self.tried))
            }
            _ => None,
        }
    }

    fn opening(&self, opened: &Opened) -> String {
        let times = STAGES.iter().zip(stages(&opened.timing));
        let parts: Vec<String> = times
            .filter(|(_, time)| !time.is_zero())
            .map(|(name, time)| format!("{name} {}", shown(time)))
            .collect();
        let (seq, total) = (self.tried, shown(opened.timing.total));
        format!("seq={seq} time={total} ({})", parts.join(", "))
    }

    fn stamp(&self, out: &mut Vec<u8>) {
        let now = units::wall_clock();
        let text = match self.layout.clock {
            LineClock::Off => return,
            LineClock::Unix => {
                let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
                format!("[{}.{:06}] ", since.as_secs(), since.subsec_micros())
            }
            LineClock::Rfc3339 => format!("{} ", humantime::format_rfc3339_millis(now)),
        };
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends the statistics.
    pub fn print_statistics(&mut self, out: &mut Vec<u8>, statistics: &PingStatistics) {
        if let PingProgress::Dots(dots) = &mut self.layout.between {
            dots.end(out);
        }
        // The terminal may have echoed ^C on this line.
        let apart = if self.layout.is_terminal { "\n" } else { "" };
        let mut text = format!("{apart}--- {} ping statistics ---\n", self.url);
        text.push_str(&counts(statistics));
        if let Some(rtt) = &statistics.rtt {
            let name = match self.layout.subject {
                TimedSubject::Openings => "total",
                _ => "rtt",
            };
            let width = if statistics.stages.is_empty() { 0 } else { 7 };
            for (name, spread) in &statistics.stages {
                text.push_str(&spread_line(name, width, spread));
            }
            text.push_str(&spread_line(name, width, rtt));
        }
        if self.layout.is_terminal && statistics.recent.len() > 1 {
            text.push_str(&format!(
                "last {}: {}\n",
                statistics.recent.len(),
                sparkline(&statistics.recent)
            ));
        }
        if self.layout.histogram {
            text.push_str(&bars(&statistics.bars));
        }
        out.extend_from_slice(text.as_bytes());
    }
}

fn counts(statistics: &PingStatistics) -> String {
    let counts = &statistics.counts;
    let loss = percent((statistics.loss_percent() * 10.0).round() / 10.0);
    let mut text = format!(
        "{} sent, {} received, {loss}% lost",
        counts.sent, counts.received
    );
    let rare = [
        (counts.pending, "pending", "pending"),
        (counts.late, "late", "late"),
        (counts.duplicates, "duplicate", "duplicates"),
        (counts.untimed, "not measured", "not measured"),
        (counts.others, "other message", "other messages"),
        (counts.reconnects, "reconnect", "reconnects"),
    ];
    for (count, one, many) in rare.into_iter().filter(|(count, ..)| *count > 0) {
        let words = if count == 1 { one } else { many };
        text.push_str(&format!(", {count} {words}"));
    }
    let time = units::milliseconds(statistics.elapsed);
    text.push_str(&format!(", time {time:.0} ms\n"));
    text
}

fn spread_line(name: &str, width: usize, spread: &TimeSummary) -> String {
    let list = |times: &[Duration]| {
        let times: Vec<String> = times
            .iter()
            .map(|time| format!("{:.3}", units::milliseconds(*time)))
            .collect();
        times.join("/")
    };
    let jitter = spread.jitter.map_or(String::new(), |jitter| {
        format!("  jitter = {} ms", list(&[jitter]))
    });
    format!(
        "{name:<width$} min/avg/max/mdev = {} ms  p50/p95/p99 = {} ms{jitter}\n",
        list(&[spread.min, spread.avg, spread.max, spread.mdev]),
        list(&[spread.p50, spread.p95, spread.p99]),
    )
}

/// A time with three significant digits or more, as in ping(8).
fn shown(time: Duration) -> String {
    let ms = units::milliseconds(time);
    match ms {
        ms if ms < 9.9995 => format!("{ms:.3} ms"),
        ms if ms < 99.995 => format!("{ms:.2} ms"),
        ms if ms < 999.95 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

impl Dots {
    /// Draws a dot for each unanswered ping, at most every [`REDRAWN`].
    fn draw(&mut self, out: &mut Vec<u8>, event: &Event) {
        match event {
            Event::Ping {
                direction: Direction::Out,
                seq: Some(_),
                ..
            } => self.open += 1,
            Event::Pong {
                direction: Direction::In,
                seq: Some(_),
                fault: None,
                ..
            } => self.open = self.open.saturating_sub(1),
            _ => return,
        }
        if self.open == self.drawn {
            return;
        }
        let now = Instant::now();
        if self.drawn_at.is_some_and(|drawn| now - drawn < REDRAWN) {
            return;
        }
        self.drawn_at = Some(now);
        while self.drawn < self.open {
            out.push(b'.');
            self.drawn += 1;
        }
        while self.drawn > self.open {
            out.extend_from_slice(b"\x08 \x08");
            self.drawn -= 1;
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.drawn > 0 {
            out.push(b'\n');
        }
        self.drawn = 0;
    }
}

/// The statistics so far, in one line (SIGQUIT).
pub(super) fn progress(statistics: Option<&PingStatistics>) -> String {
    let Some(statistics) = statistics else {
        return "nothing sent yet".to_owned();
    };
    let counts = &statistics.counts;
    let loss = percent(statistics.loss_percent());
    let mut text = format!("{}/{} answered, {loss}% lost", counts.received, counts.sent);
    if let Some(rtt) = &statistics.rtt {
        let times = [rtt.min, rtt.p50, rtt.avg, rtt.max].map(precise);
        text.push_str(&format!(", min/p50/avg/max = {}", times.join(" / ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_that_count() {
        for (microseconds, text) in [
            (7, "0.007 ms"),
            (1234, "1.234 ms"),
            (9999, "9.999 ms"),
            (12_345, "12.35 ms"),
            (123_456, "123.5 ms"),
            (1_234_567, "1235 ms"),
        ] {
            assert_eq!(shown(Duration::from_micros(microseconds)), text);
        }
    }
}
