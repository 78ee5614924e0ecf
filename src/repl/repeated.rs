//! Lines that are entered without being typed: `/watch` and `/source`.

use std::collections::VecDeque;
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::secret::io_text;
use crate::units::{self, count};

/// The shortest time between two messages of `/watch`.
const FASTEST: Duration = Duration::from_millis(10);
/// The largest file of `/source`, in bytes.
const LARGEST: u64 = 16 << 20;

/// A message that is sent again and again until a key is pressed.
#[derive(Debug)]
pub struct Watch {
    message: String,
    interval: Interval,
    sent: u64,
}

impl Watch {
    /// Reads `TIME MESSAGE`.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub fn parse(rest: &str) -> Result<(Duration, String), String> {
        let (time, message) = rest
            .split_once(char::is_whitespace)
            .ok_or("missing argument")?;
        let every = units::duration(time)?;
        if every < FASTEST {
            return Err(format!("{time} is less than {}", units::shown(FASTEST)));
        }
        Ok((every, message.trim_start().to_owned()))
    }

    /// Sends the message now, and then at this interval.
    pub fn new(every: Duration, message: String) -> Self {
        let mut interval = interval(every);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            message,
            interval,
            sent: 0,
        }
    }

    /// Ready with the message when it is to be sent.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        ready!(self.interval.poll_tick(cx));
        self.sent += 1;
        Poll::Ready(self.message.clone())
    }

    /// What to print when it has ended.
    pub fn summary(&self) -> String {
        format!("stopped after {}", count(self.sent, "message"))
    }
}

/// The lines of a file that are entered one after the other.
#[derive(Debug)]
pub struct SourcedLines {
    name: String,
    lines: VecDeque<(usize, String)>,
}

impl SourcedLines {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let cannot = |why: &str| format!("cannot read {name}: {why}");
        if path.extension().is_some_and(|kind| kind == "wst") {
            // Its lines would be sent as they are written.
            return Err(format!("{name} is a check file; wsprobe check runs it"));
        }
        let metadata = std::fs::metadata(path).map_err(|error| cannot(&io_text(&error)))?;
        if !metadata.is_file() {
            return Err(cannot("not a regular file"));
        }
        if metadata.len() > LARGEST {
            return Err(cannot("it is larger than 16 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| cannot(&io_text(&error)))?;
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        Ok(Self {
            lines: lines
                .map(|(index, line)| (index + 1, line.to_owned()))
                .collect(),
            name,
        })
    }

    /// The next line.
    pub fn peek(&self) -> Option<&str> {
        self.lines.front().map(|(_, line)| line.as_str())
    }

    /// Takes the next line, and its place for an error.
    pub fn take(&mut self) -> Option<(String, String)> {
        let (number, line) = self.lines.pop_front()?;
        Some((line, format!("{}:{number}", self.name)))
    }
}
