//! Reads the JSON lines that `--log` and `--json` write.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::ReadError;
use crate::connection::close::CloseCode;
use crate::connection::message::{Direction, Payload};
use crate::recording::recorder::sent_headers;
use crate::recording::{
    Division, Opening, RecordedAnswer, RecordedConnection, RecordedEvent, Recording, since_epoch,
};

/// The fields that are read of an event; each event has some of them.
#[derive(Deserialize)]
struct LoggedEvent {
    event: String,
    #[serde(default)]
    ts: String,
    #[serde(default)]
    conn: u64,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    subprotocol: Option<String>,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    request: Option<LoggedRequest>,
    #[serde(default)]
    dir: Option<String>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    code: Option<u16>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Default, Deserialize)]
struct LoggedRequest {
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    headers: HashMap<String, String>,
}

/// Whether a line is an event of ours.
pub(super) fn is_event(line: &[u8]) -> bool {
    serde_json::from_slice::<LoggedEvent>(line).is_ok()
}

/// Reads the connections.
///
/// # Errors
/// A line that is not an event, or no connection at all.
pub(super) fn read(bytes: &[u8]) -> Result<Recording, ReadError> {
    let mut reader = LogReader {
        recording: Recording {
            division: Division::TestEach,
            ..Recording::default()
        },
        current: HashMap::new(),
        server_url: None,
    };
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<LoggedEvent>(line) {
            Ok(event) => reader.event(event, index + 1)?,
            // What was killed while it wrote has a last line without its end.
            Err(error) if error.is_eof() && index + 1 == lines.len() => {
                let note = format!("line {} is cut off and was passed over", index + 1);
                reader.recording.notes.push(note);
            }
            Err(error) => {
                return Err(ReadError::at(
                    index + 1,
                    format!("not an event of wsprobe: {error}"),
                ));
            }
        }
    }
    match reader.recording.connections.is_empty() {
        true => Err(ReadError::new("the log has no connection")),
        false => Ok(reader.recording),
    }
}

struct LogReader {
    recording: Recording,
    /// The place of each connection in the recording, and whether the log is a server's: then what came in is what
    /// the client sent.
    current: HashMap<u64, (usize, Role)>,
    /// The URL of a server.
    server_url: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

impl LogReader {
    fn event(&mut self, event: LoggedEvent, line: usize) -> Result<(), ReadError> {
        let at = humantime::parse_rfc3339_weak(&event.ts).map_or(Duration::ZERO, since_epoch);
        match event.event.as_str() {
            "listening" => self.server_url = event.url,
            "connecting" => {
                let url = event.url.unwrap_or_default();
                self.begin(event.conn, url, at, Role::Client);
            }
            "open" => self.open(event, at),
            "message" => return self.message(&event, at, line),
            "ping" if event.dir.as_deref() == Some("out") && event.seq.is_some() => {
                self.push(event.conn, at, RecordedEvent::Ping);
            }
            "closing" if self.is_client(event.conn, event.by.as_deref()) => {
                let code = event.code.map(CloseCode);
                let code = code.filter(|code| *code != CloseCode::NO_STATUS);
                let reason = event.reason.unwrap_or_default();
                self.push(event.conn, at, RecordedEvent::Close(code, reason));
            }
            "close" => self.closed(event, at),
            "refused" => self.refused(event, at),
            "error" if self.current.contains_key(&event.conn) => {
                let (index, _) = self.current[&event.conn];
                let opening = &mut self.recording.connections[index].opening;
                if matches!(opening, Opening::Pending) {
                    *opening = Opening::Failed(event.message.unwrap_or_default());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, conn: u64, url: String, at: Duration, role: Role) {
        let index = self.recording.connections.len();
        self.recording
            .connections
            .push(RecordedConnection::new(url, at));
        self.current.insert(conn, (index, role));
    }

    fn push(&mut self, conn: u64, at: Duration, what: RecordedEvent) {
        if let Some((index, _)) = self.current.get(&conn) {
            self.recording.connections[*index].push(at, what);
        }
    }

    /// Whether this side of the log's connection is the client.
    fn is_client(&self, conn: u64, by: Option<&str>) -> bool {
        let role = self.current.get(&conn).map(|(_, role)| *role);
        match role {
            Some(Role::Client) => by == Some("local"),
            Some(Role::Server) => by == Some("peer"),
            None => false,
        }
    }

    fn open(&mut self, event: LoggedEvent, at: Duration) {
        let request = event.request.unwrap_or_default();
        if !self.current.contains_key(&event.conn) {
            let target = request
                .line
                .as_deref()
                .and_then(|line| line.split(' ').nth(1));
            let base = self.server_url.clone().unwrap_or_default();
            let url = format!("{}{}", base.trim_end_matches('/'), target.unwrap_or("/"));
            self.begin(event.conn, url, at, Role::Server);
        }
        let (index, _) = self.current[&event.conn];
        let connection = &mut self.recording.connections[index];
        connection.request = sorted(request.headers);
        connection.headers = sent_headers(&connection.request);
        connection.opening = Opening::Open {
            at,
            answer: RecordedAnswer {
                status: event.status.unwrap_or(101),
                reason: String::new(),
                headers: sorted(event.headers),
            },
            subprotocol: event.subprotocol,
        };
    }

    fn refused(&mut self, event: LoggedEvent, at: Duration) {
        if let Some((index, _)) = self.current.remove(&event.conn) {
            self.recording.connections[index].opening = Opening::Refused {
                at,
                answer: RecordedAnswer {
                    status: event.status.unwrap_or_default(),
                    reason: String::new(),
                    headers: sorted(event.headers),
                },
            };
        }
    }

    fn message(&mut self, event: &LoggedEvent, at: Duration, line: usize) -> Result<(), ReadError> {
        let Some((index, role)) = self.current.get(&event.conn).copied() else {
            return Ok(());
        };
        let direction = match (event.dir.as_deref(), role) {
            (Some("in"), Role::Client) | (Some("out"), Role::Server) => Direction::In,
            _ => Direction::Out,
        };
        let what = match (&event.data, event.r#type.as_deref()) {
            (None, _) => RecordedEvent::Note(format!(
                "a message of {} bytes that was sent in parts and is not in the log",
                event.bytes
            )),
            (Some(data), Some("binary")) => {
                let bytes = BASE64.decode(data).map_err(|error| {
                    ReadError::at(line, format!("invalid base64 in data: {error}"))
                })?;
                RecordedEvent::Message(direction, Payload::Binary(bytes.into()))
            }
            (Some(data), _) => {
                RecordedEvent::Message(direction, Payload::Text(data.clone().into()))
            }
        };
        self.recording.connections[index].push(at, what);
        Ok(())
    }

    fn closed(&mut self, event: LoggedEvent, at: Duration) {
        let by = event.by.as_deref();
        let code = CloseCode(event.code.unwrap_or(CloseCode::NO_STATUS.0));
        if by == Some("none") {
            let lost = RecordedEvent::Closed(CloseCode::ABNORMAL, String::new());
            self.push(event.conn, at, lost);
        } else if !self.is_client(event.conn, by) {
            let reason = event.reason.unwrap_or_default();
            self.push(event.conn, at, RecordedEvent::Closed(code, reason));
        }
        self.current.remove(&event.conn);
    }
}

/// Header fields in a fixed order.
fn sorted(headers: HashMap<String, String>) -> Vec<(String, String)> {
    let mut headers: Vec<_> = headers.into_iter().collect();
    headers.sort();
    headers
}
