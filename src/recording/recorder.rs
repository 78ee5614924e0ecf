//! Builds a recording from events.
//!
//! It is bounded: beyond a number of messages or bytes only the beginning is kept, and said to be the beginning.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::placeholders::{SecretNaming, credential_scheme, environment_variable};
use super::{
    Division, Opening, Placeholders, RecordedAnswer, RecordedConnection, RecordedEntry,
    RecordedEvent, RecordedHeader, RecordedStep, Recording, StepText, check_file, har, since_epoch,
};
use crate::connection::close::{CloseCode, Initiator};
use crate::connection::error::Error;
use crate::connection::message::{Direction, Payload};
use crate::connection::target::{Credentials, Subprotocol, is_token_byte};
use crate::connection::{Opened, Target};
use crate::event::{Closed, Event, ProxyParty};
use crate::named_file;
use crate::output::repl_sink::Recorder;
use crate::pattern::Pattern;
use crate::rules::Rule;
use crate::secret::guess::is_secret_subprotocol;
use crate::secret::{Redactor, SecretSource, io_text, is_credential_header, redact_url};
use crate::units::{count, wall_clock};

/// How much is recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordingLimit {
    /// Messages of all connections.
    pub messages: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl RecordingLimit {
    /// For a session at a terminal, which is recorded without being asked to.
    pub const SESSION: Self = Self {
        messages: 10_000,
        bytes: 16 << 20,
    };
    /// For a file that was asked for.
    pub const FILE: Self = Self {
        messages: 200_000,
        bytes: 128 << 20,
    };
}

/// Records the events of a session, or of several connections at once.
pub struct EventRecorder {
    recording: Recording,
    placeholders: Placeholders,
    /// The wall clock when the monotonic clock was read, to turn one into the other.
    clock: (Duration, Instant),
    limit: RecordingLimit,
    messages: usize,
    bytes: usize,
    /// The header lines of each connection; `None` takes them from its request.
    headers: Option<Vec<RecordedHeader>>,
    /// The connections that are not over, by the number of their events.
    current: HashMap<u64, CurrentConnection>,
    /// The file of `--har` and its name.
    har: Option<(String, File)>,
    /// The steps for the next connection, set while there is none.
    steps: Vec<StepText>,
    /// Files written by this recorder, which it may overwrite.
    written: BTreeSet<PathBuf>,
}

/// A connection that events still belong to.
#[derive(Clone, Copy, Debug)]
struct CurrentConnection {
    /// Its place in the recording.
    index: usize,
    /// The index of our close while the peer's answer is awaited: messages that still arrive go before it.
    closing: Option<usize>,
}

impl EventRecorder {
    /// Records several connections, each of which becomes a test; their header lines come from their requests.
    /// `title` says where the recording comes from.
    pub fn of_traffic(title: &str, limit: RecordingLimit) -> Self {
        let now = wall_clock();
        Self {
            recording: Recording {
                title: format!("{title}, {}", humantime::format_rfc3339_seconds(now)),
                division: Division::TestEach,
                ..Recording::default()
            },
            placeholders: Placeholders::new(SecretNaming::Environment),
            clock: (since_epoch(now), Instant::now()),
            limit,
            messages: 0,
            bytes: 0,
            headers: None,
            current: HashMap::new(),
            har: None,
            steps: Vec::new(),
            written: BTreeSet::new(),
        }
    }

    /// Records the session of a command, one connection after another.
    pub fn of_session(
        title: &str,
        limit: RecordingLimit,
        target: &Target,
        on_open: &[SecretSource],
        rules: &[Rule],
    ) -> Self {
        let mut recorder = Self::of_traffic(title, limit);
        recorder.placeholders = Placeholders::new(SecretNaming::Options);
        for source in on_open {
            recorder.placeholders.add_source(source);
        }
        recorder.headers = Some(typed_headers(target, &mut recorder.placeholders));
        recorder.recording.rules = rules.iter().map(|rule| format!("on {rule}")).collect();
        recorder.recording.division = Division::Sequence;
        recorder
    }

    /// Writes a HAR file at the end.
    ///
    /// # Errors
    /// The file cannot be created; the message names it.
    pub fn writing_har(mut self, path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let file = named_file::create(path);
        let file = file.map_err(|error| format!("cannot write {name}: {}", io_text(&error)))?;
        self.har = Some((name, file));
        Ok(self)
    }

    /// What was recorded so far.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Something happened on the connection with this number, at this time.
    pub fn record(&mut self, connection: u64, at: Instant, event: &Event) {
        let (wall, monotonic) = self.clock;
        let at = wall + at.saturating_duration_since(monotonic);
        match event {
            Event::Connecting { url, .. } => self.begin(connection, redact_url(url), at),
            Event::Open(opened) => self.open(connection, at, opened),
            // The file has the rule.
            Event::Message(message) if message.by_rule => {}
            Event::Message(message) => {
                self.message(connection, at, message.direction, &message.payload);
            }
            Event::Ping {
                direction: Direction::Out,
                seq: Some(_),
                ..
            } => self.push(connection, at, RecordedEvent::Ping),
            Event::Closing {
                by: Initiator::Local,
                code,
                reason,
            } => {
                let code = (*code != CloseCode::NO_STATUS).then_some(*code);
                let (index, _) = self.connection(connection, at);
                let place = self.recording.connections[index].entries.len();
                self.push(connection, at, RecordedEvent::Close(code, reason.clone()));
                if let Some(current) = self.current.get_mut(&connection) {
                    current.closing = Some(place);
                }
            }
            Event::Close(closed) => self.closed(connection, at, closed),
            Event::Failed(error, _) => self.failed(connection, at, error),
            _ => {}
        }
    }

    fn begin(&mut self, connection: u64, url: String, at: Duration) {
        let mut begun = RecordedConnection::new(url, at);
        begun.headers = self.headers.clone().unwrap_or_default();
        let index = self.recording.connections.len();
        let steps = std::mem::take(&mut self.steps).into_iter();
        let step = |what| RecordedStep {
            entries_before: 0,
            what,
        };
        begun.steps = steps.map(step).collect();
        self.recording.connections.push(begun);
        let closing = None;
        self.current
            .insert(connection, CurrentConnection { index, closing });
    }

    /// The place of a connection in the recording; one that no event has begun begins now.
    fn connection(&mut self, connection: u64, at: Duration) -> (usize, Option<usize>) {
        if !self.current.contains_key(&connection) {
            self.begin(connection, String::new(), at);
        }
        self.current
            .get(&connection)
            .map_or((0, None), |current| (current.index, current.closing))
    }

    /// Adds a step to the connection of a session, or to the next one.
    fn push_step(&mut self, what: StepText) {
        let Some(current) = self.current.values().next() else {
            self.steps.push(what);
            return;
        };
        let connection = &mut self.recording.connections[current.index];
        connection.steps.push(RecordedStep {
            entries_before: connection.entries.len(),
            what,
        });
    }

    fn push(&mut self, connection: u64, at: Duration, what: RecordedEvent) {
        let (index, _) = self.connection(connection, at);
        self.recording.connections[index].push(at, what);
    }

    fn open(&mut self, connection: u64, at: Duration, opened: &Opened) {
        // Of a proxy's client: what the server was asked and has answered.
        let upstream = opened.upstream.as_deref();
        let opened = upstream.map_or(opened, |upstream| &upstream.opened);
        let (index, _) = self.connection(connection, at);
        let request: Vec<(String, String)> = opened
            .request
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let recorded = &mut self.recording.connections[index];
        if self.headers.is_none() {
            recorded.headers = sent_headers(&request);
        }
        recorded.request = request;
        let answer = &opened.answer;
        recorded.opening = Opening::Open {
            at,
            answer: RecordedAnswer {
                status: answer.status,
                reason: answer.reason.clone(),
                headers: answer.headers.0.clone(),
            },
            subprotocol: opened.subprotocol.clone(),
        };
    }

    fn message(&mut self, connection: u64, at: Duration, direction: Direction, payload: &Payload) {
        self.messages += 1;
        self.bytes += payload.len();
        if self.messages > self.limit.messages || self.bytes > self.limit.bytes {
            self.recording.is_cut = true;
            return;
        }
        let (index, closing) = self.connection(connection, at);
        let entries = &mut self.recording.connections[index].entries;
        let what = RecordedEvent::Message(direction, payload.clone());
        let entry = RecordedEntry { at, what };
        match closing {
            Some(place) => {
                entries.insert(place, entry);
                if let Some(current) = self.current.get_mut(&connection) {
                    current.closing = Some(place + 1);
                }
            }
            None => entries.push(entry),
        }
    }

    fn closed(&mut self, connection: u64, at: Duration, closed: &Closed) {
        let close = &closed.close;
        let what = match close.by {
            Initiator::Local => None,
            Initiator::None if closed.ended_by == Some(ProxyParty::Client) => Some(
                RecordedEvent::Note("the client was lost without a close frame".to_owned()),
            ),
            Initiator::Peer if close.error.is_none() => {
                Some(RecordedEvent::Closed(close.code, close.reason.clone()))
            }
            Initiator::None => Some(RecordedEvent::Closed(CloseCode::ABNORMAL, String::new())),
            Initiator::Peer => Some(RecordedEvent::Note(format!("connection closed: {close}"))),
        };
        if let Some(what) = what {
            self.push(connection, at, what);
        }
        self.current.remove(&connection);
    }

    fn failed(&mut self, connection: u64, at: Duration, error: &Error) {
        let (index, _) = self.connection(connection, at);
        self.recording.connections[index].opening = match &error.refusal {
            Some(refusal) => Opening::Refused {
                at,
                answer: RecordedAnswer {
                    status: refusal.status,
                    reason: refusal.reason.clone(),
                    headers: refusal.headers.0.clone(),
                },
            },
            None => Opening::Failed(error.message.clone()),
        };
        self.current.remove(&connection);
    }

    /// Writes what was recorded so far as a check file, and returns a summary of its content. An existing file is
    /// overwritten only if this recorder created it.
    ///
    /// # Errors
    /// A message that does not name the file.
    pub fn save_check_file(&mut self, path: &Path, redactor: &Redactor) -> Result<String, String> {
        self.placeholders
            .find_in_recording(&self.recording, redactor);
        let file = check_file::write(&self.recording, &self.placeholders, Some(path))?;
        self.put(path, &file.text)
            .map_err(|error| io_text(&error))?;
        Ok(file.summary())
    }

    /// The recording as HAR.
    fn har(&mut self, redactor: &Redactor) -> Result<String, String> {
        self.placeholders
            .find_in_recording(&self.recording, redactor);
        har::write(&self.recording, &self.placeholders, redactor)
    }

    /// The messages as lines, as a pipe without `--json` shows those of both directions.
    fn transcript(&mut self, redactor: &Redactor) -> String {
        self.placeholders
            .find_in_recording(&self.recording, redactor);
        let mut text = String::new();
        for connection in &self.recording.connections {
            text.push_str(&format!("* {}\n", connection.url));
            for entry in &connection.entries {
                let RecordedEvent::Message(direction, payload) = &entry.what else {
                    continue;
                };
                let mark = match direction {
                    Direction::In => '<',
                    Direction::Out => '>',
                };
                let shown = redactor.redact(payload.excerpt().as_str()).into_owned();
                let shown = self.placeholders.mask(&shown).into_owned();
                // A line of a message cannot be taken for the next message.
                text.push_str(&format!("{mark} {}\n", shown.replace('\n', "\n  ")));
            }
        }
        text
    }

    /// Writes what was recorded so far as HAR.
    ///
    /// # Errors
    /// A message that does not name the file.
    pub fn save_har(&mut self, file: &mut impl Write, redactor: &Redactor) -> Result<(), String> {
        self.placeholders
            .find_in_recording(&self.recording, redactor);
        let text = har::write(&self.recording, &self.placeholders, redactor)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.flush())
            .map_err(|error| io_text(&error))
    }

    /// Creates a file before anything is recorded, so that a path that cannot be written is known in time.
    ///
    /// # Errors
    /// The file exists, or cannot be created.
    pub fn create(&mut self, path: &Path) -> std::io::Result<()> {
        OpenOptions::new().write(true).create_new(true).open(path)?;
        self.written.insert(path.to_owned());
        Ok(())
    }

    fn put(&mut self, path: &Path, text: &str) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true);
        if self.written.contains(path) {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        options.open(path)?.write_all(text.as_bytes())?;
        self.written.insert(path.to_owned());
        Ok(())
    }
}

impl Recorder for EventRecorder {
    fn on_event(&mut self, event: &Event) {
        self.record(0, Instant::now(), event);
    }

    fn add_step(&mut self, step: &str) {
        self.push_step(StepText::Line(step.to_owned()));
    }

    fn expect(&mut self, pattern: &Pattern) {
        self.push_step(StepText::Expected(pattern.as_str().to_owned()));
    }

    fn save(&mut self, path: &Path, redactor: &Redactor) -> Result<String, String> {
        self.save_check_file(path, redactor)
    }

    fn export(&mut self, path: &Path, redactor: &Redactor) -> Result<String, String> {
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("har") => self.har(redactor)?,
            Some("txt") => self.transcript(redactor),
            _ => {
                return Err(
                    "the name must end in .har or .txt; /save writes a check file".to_owned(),
                );
            }
        };
        self.put(path, &text).map_err(|error| io_text(&error))?;
        let connections = self.recording.connections.len() as u64;
        let messages = self.messages as u64;
        Ok(format!(
            "{}, {}",
            count(connections, "connection"),
            count(messages, "message")
        ))
    }

    fn finish(&mut self, redactor: &Redactor) -> Result<(), String> {
        let Some((name, mut file)) = self.har.take() else {
            return Ok(());
        };
        let text = self.har(redactor)?;
        file.write_all(text.as_bytes())
            .map_err(|error| format!("cannot write {name}: {}", io_text(&error)))
    }
}

/// The header lines that the options of a command add to a request.
fn typed_headers(target: &Target, placeholders: &mut Placeholders) -> Vec<RecordedHeader> {
    let request = &target.request;
    let mut headers = Vec::new();
    for header in &request.headers {
        // A check file cannot remove a header.
        let Some(value) = &header.value else { continue };
        let is_credential = header.is_credential();
        let value = match is_credential {
            true => format!("{{{{{}}}}}", header.name.to_ascii_lowercase()),
            false => value.clone(),
        };
        headers.push(RecordedHeader {
            text: format!("{}: {value}", header.name),
            is_credential,
        });
    }
    let credentials = request
        .credentials
        .as_ref()
        .map(|credentials| match credentials {
            Credentials::Bearer(source @ SecretSource::Environment(name)) => {
                placeholders.add_source(source);
                format!("Authorization: Bearer {{{{env.{name}}}}}")
            }
            Credentials::Bearer(_) => "Authorization: Bearer {{bearer}}".to_owned(),
            Credentials::Basic(..) => "Authorization: Basic {{basic}}".to_owned(),
        });
    headers.extend(credentials.map(|text| RecordedHeader {
        text,
        is_credential: true,
    }));
    let offered: Vec<&str> = request.subprotocols.iter().map(shown_subprotocol).collect();
    if !offered.is_empty() {
        headers.push(RecordedHeader {
            text: format!("Sec-WebSocket-Protocol: {}", offered.join(", ")),
            is_credential: request.subprotocols.iter().any(|name| name.is_secret),
        });
    }
    headers
}

/// A subprotocol as written to the file: a secret becomes a variable.
fn shown_subprotocol(offered: &Subprotocol) -> &str {
    match offered.is_secret {
        true => "{{subprotocol}}",
        false => &offered.name,
    }
}

/// The header lines of a `connect` step for a request that was seen: without those of the handshake, which wsprobe
/// writes itself, of the transport (RFC 9110 §7.6.1), and those that only say which browser it was.
pub fn sent_headers(request: &[(String, String)]) -> Vec<RecordedHeader> {
    const LEFT_OUT: [&str; 20] = [
        "host",
        "upgrade",
        "connection",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-extensions",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "pragma",
        "user-agent",
        "dnt",
        "priority",
    ];
    let kept = request.iter().filter(|(name, value)| {
        let lower = name.to_ascii_lowercase();
        let of_browser = ["sec-fetch-", "sec-ch-", "sec-gpc"];
        !LEFT_OUT.contains(&&*lower)
            && !of_browser.iter().any(|start| lower.starts_with(start))
            // HTTP/2 has names that begin with a colon.
            && name.bytes().all(is_token_byte)
            && !value.trim().is_empty()
            && !value.contains(|c: char| c.is_control())
    });
    kept.map(|(name, value)| RecordedHeader {
        text: format!("{name}: {}", hidden_value(name, value)),
        is_credential: false,
    })
    .collect()
}

/// A header's value with variables in place of credentials.
fn hidden_value(name: &str, value: &str) -> String {
    if name.eq_ignore_ascii_case("sec-websocket-protocol") {
        let names = value.split(',').map(str::trim);
        let names: Vec<String> = names
            .map(|name| match is_secret_subprotocol(name) {
                true => environment_variable("subprotocol"),
                false => name.to_owned(),
            })
            .collect();
        return names.join(", ");
    }
    match credential_scheme(name, value) {
        Some((scheme, _)) => {
            let word = value.split(' ').next().unwrap_or_default();
            format!("{word} {}", environment_variable(scheme))
        }
        None if is_credential_header(name) => environment_variable(name),
        None => value.replace("{{", "\\{{"),
    }
}
