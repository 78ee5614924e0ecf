//! A conversation that was seen, as a value, and the files that are made of it.
//!
//! A [`Recording`] is built from the events of a session or a proxy (`recorder`) or read from a file (`read`), and
//! written as a check file (`check_file`, with `evidence`, `generalize` and `placeholders`) or as HAR (`har`). What is written
//! never contains a known secret.

pub mod check_file;
mod evidence;
mod generalize;
pub mod har;
mod placeholders;
pub mod read;
pub mod recorder;

use std::time::{Duration, SystemTime};

use crate::connection::close::CloseCode;
use crate::connection::message::{Direction, Payload};

pub use placeholders::Placeholders;

/// The connections that were seen, in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Where it comes from: `Recorded by wsprobe connect, 2026-11-30T12:00:00Z`.
    pub title: String,
    /// What else the head of a file says, a line each.
    pub notes: Vec<String>,
    /// The `on` lines of its rules.
    pub rules: Vec<String>,
    /// The connections.
    pub connections: Vec<RecordedConnection>,
    /// How connections become tests.
    pub division: Division,
    /// Whether messages beyond the limit were left out.
    pub is_cut: bool,
}

/// How connections become tests of a check file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Division {
    /// One after another: a test has as many as a file can express.
    #[default]
    Sequence,
    /// Each is a test, with the pauses between its messages.
    TestEach,
}

/// A connection, or an attempt to open one.
#[derive(Clone, Debug)]
pub struct RecordedConnection {
    /// The URL, redacted.
    pub url: String,
    /// When the attempt began. Times are durations since 1970-01-01, from a clock that never goes back.
    pub begun: Duration,
    /// The header lines of a `connect` step, with variables in place of secrets.
    pub headers: Vec<RecordedHeader>,
    /// The header lines of the request as sent, if known, credentials included.
    pub request: Vec<(String, String)>,
    /// How the attempt ended.
    pub opening: Opening,
    /// What happened, in order.
    pub entries: Vec<RecordedEntry>,
    /// The steps that were asked for besides, in order.
    pub steps: Vec<RecordedStep>,
}

/// A step of a check file that no event shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedStep {
    /// The number of entries before it.
    pub entries_before: usize,
    /// What it says.
    pub what: StepText,
}

/// What a [`RecordedStep`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepText {
    /// A line of a check file.
    Line(String),
    /// The pattern of the next message.
    Expected(String),
}

/// A header line of a `connect` step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedHeader {
    /// `Name: value`; a `{{NAME}}` in it is a variable.
    pub text: String,
    /// Whether it is written only for connections to the origin of the first one.
    pub is_credential: bool,
}

/// How an attempt to connect ended.
#[derive(Clone, Debug)]
pub enum Opening {
    /// It has not ended.
    Pending,
    /// The connection was open.
    Open {
        /// When.
        at: Duration,
        /// The answer to the handshake.
        answer: RecordedAnswer,
        /// The subprotocol that the server chose.
        subprotocol: Option<String>,
    },
    /// The handshake was refused.
    Refused {
        /// When.
        at: Duration,
        /// The answer.
        answer: RecordedAnswer,
    },
    /// The server did not answer.
    Failed(String),
}

/// The head of an HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The header lines, credentials included.
    pub headers: Vec<(String, String)>,
}

/// Something that happened on a connection.
#[derive(Clone, Debug)]
pub struct RecordedEntry {
    /// When.
    pub at: Duration,
    /// What.
    pub what: RecordedEvent,
}

/// What happened on a connection.
#[derive(Clone, Debug)]
pub enum RecordedEvent {
    /// A message: `In` from the server, `Out` from the client.
    Message(Direction, Payload),
    /// A ping of the client that was asked for.
    Ping,
    /// The client closed.
    Close(Option<CloseCode>, String),
    /// The server closed, or the connection was lost (1006).
    Closed(CloseCode, String),
    /// What no step can express.
    Note(String),
}

impl RecordedAnswer {
    /// The value of the first header with this name, given in lower case.
    pub fn header(&self, wanted: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.as_str())
    }
}

impl RecordedConnection {
    /// An attempt to open `url` that has not ended.
    pub fn new(url: String, begun: Duration) -> Self {
        Self {
            url,
            begun,
            headers: Vec::new(),
            request: Vec::new(),
            opening: Opening::Pending,
            entries: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Appends what happened.
    pub fn push(&mut self, at: Duration, what: RecordedEvent) {
        self.entries.push(RecordedEntry { at, what });
    }

    /// The texts of its messages.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            RecordedEvent::Message(_, payload) => payload.as_text(),
            _ => None,
        })
    }
}

/// The time since 1970-01-01.
pub fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
