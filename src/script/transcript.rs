//! The transcript of a test with times, for the report of a failure.
//!
//! Its size is bounded: of a long test the beginning and the end are kept. Texts are kept unchanged; the report
//! redacts and escapes them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::connection::Progress;
use crate::connection::close::Initiator;
use crate::connection::message::{Direction, Payload};
use crate::event::{Event, Message};
use crate::secret::Redactor;
use crate::units;

/// Lines kept from the beginning.
const FIRST: usize = 20;
/// Lines kept from the end.
const LAST: usize = 30;
/// Bytes kept of a text; a report shows fewer.
const KEPT: usize = 4096;
/// Bytes shown of a binary message.
const SHOWN: usize = 16;

/// What happened in a test, and when.
#[derive(Debug)]
pub struct Transcript {
    begun: Instant,
    first: Vec<Entry>,
    last: VecDeque<Entry>,
    left_out: u64,
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    text: String,
    /// The first bytes of a binary message, which the text ends with. They are kept because a secret that is learned
    /// later would not be recognized in hexadecimal.
    bytes: Vec<u8>,
}

impl Entry {
    fn line(&self, redactor: &Redactor) -> String {
        let (at, text) = (self.at.as_secs_f64(), &self.text);
        let bytes = redactor.redact_bytes(&self.bytes);
        let shown: Vec<String> = bytes
            .iter()
            .take(SHOWN)
            .map(|b| format!("{b:02x}"))
            .collect();
        let more = if bytes.len() > SHOWN { " …" } else { "" };
        format!("+{at:.3}  {text}{}{more}", shown.join(" "))
    }
}

impl Transcript {
    /// An empty transcript whose clock starts at `begun`.
    pub fn new(begun: Instant) -> Self {
        Self {
            begun,
            first: Vec::new(),
            last: VecDeque::new(),
            left_out: 0,
        }
    }

    /// The time since `begun`.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Adds an event of the connection with this name.
    pub fn note(&mut self, name: Option<&str>, url: &str, event: &Event) {
        let bytes = match event {
            Event::Message(Message {
                payload: Payload::Binary(bytes),
                ..
            }) => &bytes[..bytes.len().min(KEPT)],
            _ => &[],
        };
        if let Some(text) = line(url, event) {
            self.push(name, &text, bytes);
        }
    }

    /// Adds a sent text in its redacted form.
    pub fn sent(&mut self, name: Option<&str>, shown: &str) {
        self.push(name, &format!("> {}", cut(shown)), &[]);
    }

    /// Adds a line that is about no connection.
    pub fn add(&mut self, text: &str) {
        self.push(None, text, &[]);
    }

    fn push(&mut self, name: Option<&str>, text: &str, bytes: &[u8]) {
        let text = match name {
            Some(name) => format!("{name} {text}"),
            None => text.to_owned(),
        };
        let entry = Entry {
            at: self.begun.elapsed(),
            text,
            bytes: bytes.to_vec(),
        };
        if self.first.len() < FIRST {
            self.first.push(entry);
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(entry);
    }

    /// `+0.001  > hello`, a line for each that was kept.
    pub fn lines(&self, redactor: &Redactor) -> Vec<String> {
        let line = |entry: &Entry| entry.line(redactor);
        let mut lines: Vec<String> = self.first.iter().map(line).collect();
        if self.left_out > 0 {
            lines.push(format!("… {} more", self.left_out));
        }
        lines.extend(self.last.iter().map(line));
        lines
    }
}

fn line(url: &str, event: &Event) -> Option<String> {
    Some(match event {
        Event::Open(opened) => {
            let time = units::shown(opened.timing.total);
            format!("connected {url} ({}, {time})", opened.answer.status)
        }
        Event::Message(message) if message.by_rule && message.direction == Direction::In => {
            format!("on {}", content(&message.payload))
        }
        Event::Message(message) => {
            format!("{} {}", sign(message.direction), content(&message.payload))
        }
        Event::Ping { direction, .. } => format!("{} ping", sign(*direction)),
        Event::Pong { direction, rtt, .. } => match rtt {
            Some(rtt) => format!("{} pong after {}", sign(*direction), units::shown(*rtt)),
            None => format!("{} pong", sign(*direction)),
        },
        Event::Close(closed) => match (&closed.close.error, closed.close.by) {
            (Some(error), _) => format!("closed: {error}"),
            (None, Initiator::Local) => format!("closed {}", closed.close),
            (None, _) => format!("closed by the server: {}", closed.close),
        },
        Event::Failed(error, _) => format!("not connected: {error}"),
        Event::Progress(progress) => match &**progress {
            Progress::Warning(text) => format!("warning: {text}"),
            _ => return None,
        },
        _ => return None,
    })
}

fn sign(direction: Direction) -> char {
    match direction {
        Direction::In => '<',
        Direction::Out => '>',
    }
}

fn content(payload: &Payload) -> String {
    match payload {
        Payload::Text(text) => cut(text.as_str()),
        Payload::Decoded(decoded) => cut(decoded.text.as_str()),
        Payload::Binary(bytes) => {
            format!("binary, {}: ", units::bytes(bytes.len()))
        }
    }
}

fn cut(text: &str) -> String {
    if text.len() <= KEPT {
        return text.to_owned();
    }
    let boundary = (0..=KEPT).rev().find(|at| text.is_char_boundary(*at));
    format!("{}…", &text[..boundary.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_test_keeps_its_beginning_and_its_end() {
        let mut transcript = Transcript::new(Instant::now());
        for n in 0..10_000 {
            transcript.sent(Some("bob"), &n.to_string());
        }
        let lines = transcript.lines(&Redactor::new(false));
        assert_eq!(lines.len(), FIRST + 1 + LAST);
        assert!(lines[0].ends_with("bob > 0"), "{}", lines[0]);
        assert_eq!(lines[FIRST], format!("… {} more", 10_000 - FIRST - LAST));
        assert!(lines[FIRST + LAST].ends_with("bob > 9999"));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "é".repeat(KEPT);
        assert_eq!(cut(&text).len(), KEPT + '…'.len_utf8());
    }
}
