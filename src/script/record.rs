//! Records an interactive session as a check file (`/save`).
//!
//! The file always parses. Secrets are replaced by variables, and the first lines show how to pass their values.
//! A reply is expected as it was received, except for what changes between runs: times, random identifiers, long
//! numbers. What a check file cannot express becomes a comment.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{CloseStep, ConnectionName, Expected, MessageOrder, Script, SendStep, StepAction};
use crate::connection::Target;
use crate::connection::close::{CloseCode, CloseInfo, Initiator};
use crate::connection::error::Error;
use crate::connection::message::{Direction, Payload};
use crate::connection::target::{Credentials, Subprotocol};
use crate::decode::DecodeFormat;
use crate::event::Event;
use crate::output::json::{compact, is_json};
use crate::output::repl_sink::Recorder as Records;
use crate::pattern::PatternForm;
use crate::rules::Rule;
use crate::secret::{Redactor, SecretSource, io_text, redact_url};
use crate::template::{Language, Template};
use crate::units::{bytes, wall_clock};

mod generalize;
mod placeholders;

use generalize::generalize;
use placeholders::Placeholders;

/// The most messages that are recorded, and their bytes.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;
/// The most messages that are expected after a sent one.
const EXPECTED: usize = 20;
/// A reply that took longer than this gets its own time limit.
const SLOW: Duration = Duration::from_secs(1);
/// The time limit of a slow reply: this multiple of the recorded time, with a minimum and a maximum.
const PATIENCE: u32 = 3;
const PATIENCE_AT_LEAST: Duration = Duration::from_secs(5);
const PATIENCE_AT_MOST: Duration = Duration::from_secs(120);

/// Records a session.
pub struct ScriptRecorder {
    begun: String,
    entries: Vec<RecordedEvent>,
    messages: usize,
    bytes: usize,
    /// The time of the last event that a reply may answer.
    asked: Instant,
    /// The index of our close while the peer's answer is awaited: messages that still arrive go before it.
    closing: Option<usize>,
    /// The header lines of the request, with variables in place of secrets.
    headers: Vec<RecordedHeader>,
    /// The lines of the rules.
    rules: Vec<String>,
    placeholders: Placeholders,
    /// Files written by this session, which it may overwrite.
    written: BTreeSet<PathBuf>,
}

/// A header line.
struct RecordedHeader {
    text: String,
    /// Only for the first origin.
    is_credential: bool,
}

enum RecordedEvent {
    Connect(String),
    Subprotocol(String),
    Refused(u16),
    Sent(Payload),
    Received(Payload, Duration),
    Ping,
    Close(Option<CloseCode>, String),
    Closed(CloseCode, String),
    Note(String),
}

impl ScriptRecorder {
    /// A recorder that knows only how the connection is opened.
    pub fn new(target: &Target, on_open: &[SecretSource], rules: &[Rule]) -> Self {
        let mut placeholders = Placeholders::default();
        for source in on_open {
            placeholders.add_source(source);
        }
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
        Self {
            begun: humantime::format_rfc3339_seconds(wall_clock()).to_string(),
            entries: Vec::new(),
            messages: 0,
            bytes: 0,
            asked: Instant::now(),
            closing: None,
            headers,
            rules: rules.iter().map(|rule| format!("on {rule}")).collect(),
            placeholders,
            written: BTreeSet::new(),
        }
    }

    fn message(&mut self, direction: Direction, payload: &Payload) {
        self.messages += 1;
        self.bytes += payload.len();
        if self.messages > MOST || self.bytes > MOST_BYTES {
            return;
        }
        let after = self.asked.elapsed();
        self.asked = Instant::now();
        let entry = match direction {
            Direction::In => RecordedEvent::Received(payload.clone(), after),
            Direction::Out => RecordedEvent::Sent(payload.clone()),
        };
        match &mut self.closing {
            Some(at) => {
                self.entries.insert(*at, entry);
                *at += 1;
            }
            None => self.entries.push(entry),
        }
    }

    fn closed(&mut self, close: &CloseInfo) {
        self.closing = None;
        match close.by {
            Initiator::Local => {}
            Initiator::Peer if close.error.is_none() => self
                .entries
                .push(RecordedEvent::Closed(close.code, close.reason.clone())),
            Initiator::None => self
                .entries
                .push(RecordedEvent::Closed(CloseCode::ABNORMAL, String::new())),
            Initiator::Peer => self
                .entries
                .push(RecordedEvent::Note(format!("connection closed: {close}"))),
        }
    }
}

impl ScriptRecorder {
    /// An attempt that the server has not answered is a comment: a check file cannot expect it.
    fn failed(&mut self, error: &Error) {
        let entry = match (&error.refusal, self.entries.pop()) {
            (Some(refusal), last) => {
                self.entries.extend(last);
                RecordedEvent::Refused(refusal.status)
            }
            (None, Some(RecordedEvent::Connect(url))) => {
                RecordedEvent::Note(format!("not connected: {url}: {}", error.message))
            }
            (None, last) => {
                self.entries.extend(last);
                RecordedEvent::Note(format!("not connected: {}", error.message))
            }
        };
        self.entries.push(entry);
    }
}

/// A subprotocol as written to the file: a secret becomes a variable.
fn shown_subprotocol(offered: &Subprotocol) -> &str {
    match offered.is_secret {
        true => "{{subprotocol}}",
        false => &offered.name,
    }
}

impl Records for ScriptRecorder {
    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Connecting { url, .. } => {
                self.entries.push(RecordedEvent::Connect(redact_url(url)));
            }
            Event::Open(opened) => {
                self.asked = Instant::now();
                let agreed = opened.subprotocol.clone().map(RecordedEvent::Subprotocol);
                self.entries.extend(agreed);
            }
            // The file has the rule.
            Event::Message(message) if message.by_rule => {}
            Event::Message(message) => self.message(message.direction, &message.payload),
            Event::Ping {
                direction: Direction::Out,
                seq: Some(_),
                ..
            } => self.entries.push(RecordedEvent::Ping),
            Event::Closing {
                by: Initiator::Local,
                code,
                reason,
            } => {
                let code = (*code != CloseCode::NO_STATUS).then_some(*code);
                self.closing = Some(self.entries.len());
                self.entries
                    .push(RecordedEvent::Close(code, reason.clone()));
            }
            Event::Close(closed) => self.closed(&closed.close),
            Event::Failed(error, _) => self.failed(error),
            _ => {}
        }
    }

    fn save(&mut self, path: &Path, redactor: &Redactor) -> Result<String, String> {
        let texts = self.entries.iter().filter_map(|entry| match entry {
            RecordedEvent::Sent(payload) | RecordedEvent::Received(payload, _) => payload.as_text(),
            _ => None,
        });
        self.placeholders.find_in(texts, redactor);
        let mut writer = RecordingWriter::new(&self.placeholders);
        writer.write(self);
        let RecordingWriter {
            body, steps, lost, ..
        } = writer;
        let text = self.head(path, &body) + &body;
        let names = self.placeholders.names_in(&text);
        Script::parse(&path.display().to_string(), &text, &names)
            .map_err(|error| format!("the result is not a valid check file: {error}"))?;
        self.put(path, &text).map_err(|error| io_text(&error))?;
        let lost = match lost {
            0 => String::new(),
            1 => ", 1 message only as a comment".to_owned(),
            n => format!(", {n} messages only as comments"),
        };
        let secrets = match names.as_slice() {
            [] => String::new(),
            _ => "; its first lines list the secrets it needs".to_owned(),
        };
        Ok(format!("{steps} steps{lost}{secrets}"))
    }
}

impl ScriptRecorder {
    fn head(&self, path: &Path, body: &str) -> String {
        let mut head = format!("# Recorded by wsprobe connect, {}\n", self.begun);
        let names = self.placeholders.names_in(body);
        if !names.is_empty() {
            let secrets: String = names
                .iter()
                .map(|name| {
                    format!(
                        " --secret {name}=env:{}",
                        name.to_uppercase().replace('-', "_")
                    )
                })
                .collect();
            head.push_str(&format!("# wsprobe check {}{secrets}\n", path.display()));
        }
        if self.messages > MOST || self.bytes > MOST_BYTES {
            head.push_str("# Only the beginning of the session was recorded.\n");
        }
        head
    }

    /// Writes the file; an existing one is overwritten only if this session created it.
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

/// Builds the text of the file.
struct RecordingWriter<'a> {
    placeholders: &'a Placeholders,
    body: String,
    steps: usize,
    /// Messages written only as comments.
    lost: usize,
    /// All sent texts: values in replies that come from them are stable.
    sent: Vec<String>,
    /// Messages expected since something was sent, and the last pattern.
    expected: usize,
    last: Option<String>,
    left_out: usize,
    /// Whether a connection is open by what the steps say.
    is_open: bool,
    /// Tests that the file has; one needs no line of its own.
    tests: usize,
    /// The time that omitted messages took: the next one arrives after them.
    passed_over: Duration,
    variables: usize,
    /// How the messages of this connection are decoded.
    decode: Option<DecodeFormat>,
}

impl<'a> RecordingWriter<'a> {
    fn new(placeholders: &'a Placeholders) -> Self {
        Self {
            placeholders,
            body: String::new(),
            steps: 0,
            lost: 0,
            sent: Vec::new(),
            expected: 0,
            last: None,
            left_out: 0,
            is_open: false,
            tests: 1,
            passed_over: Duration::ZERO,
            variables: 0,
            decode: None,
        }
    }

    fn write(&mut self, recorder: &ScriptRecorder) {
        for rule in &recorder.rules {
            self.line(&self.placeholders.hide_but_variables(rule));
        }
        let mut first = None;
        for entry in &recorder.entries {
            if !matches!(entry, RecordedEvent::Received(..)) {
                self.turn();
            }
            match entry {
                RecordedEvent::Connect(url) => {
                    let origin = origin(url);
                    let is_first = *first.get_or_insert(origin) == origin;
                    self.connect(url);
                    for line in &recorder.headers {
                        if is_first || !line.is_credential {
                            self.line(&self.placeholders.hide_but_variables(&line.text));
                        }
                    }
                }
                RecordedEvent::Subprotocol(name) => {
                    self.line(&format!("expect subprotocol {name}"));
                }
                RecordedEvent::Refused(status) => {
                    self.is_open = false;
                    self.line(&format!("expect status {status}"));
                }
                RecordedEvent::Sent(payload) => self.send(payload),
                RecordedEvent::Received(payload, after) => self.receive(payload, *after),
                RecordedEvent::Ping => self.step(&StepAction::Ping {
                    on: here(),
                    within: None,
                }),
                RecordedEvent::Close(code, reason) => self.close(*code, reason),
                RecordedEvent::Closed(code, reason) => self.closed(*code, reason),
                RecordedEvent::Note(note) => self.comment(&self.placeholders.hide(note)),
            }
        }
        self.turn();
        if self.tests > 1 {
            self.body.insert_str(0, "test \"connection 1\"\n");
        }
    }

    /// Before anything but a reply: notes how many messages were omitted.
    fn turn(&mut self) {
        match std::mem::take(&mut self.left_out) {
            0 => {}
            1 => self.comment("1 more message received"),
            n => self.comment(&format!("{n} more messages received")),
        }
        self.expected = 0;
        self.last = None;
    }

    fn line(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push('\n');
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", text.replace(['\n', '\r'], " ")));
    }

    fn step(&mut self, action: &StepAction) {
        self.steps += 1;
        self.line(&action.to_string());
    }

    fn connect(&mut self, url: &str) {
        if !self.body.is_empty() {
            self.line("");
        }
        // What no step can say has ended the one before: another test has connections of its own.
        if self.is_open {
            self.tests += 1;
            self.line(&format!("test \"connection {}\"", self.tests));
        }
        self.is_open = true;
        self.decode = None;
        self.steps += 1;
        self.line(&format!("connect {}", self.placeholders.hide_in_url(url)));
    }

    fn send(&mut self, payload: &Payload) {
        let message = match payload {
            Payload::Binary(_) | Payload::Decoded(_) => SendStep::Hex(payload.as_bytes().to_vec()),
            Payload::Text(text) => {
                self.sent.push(text.as_str().to_owned());
                match self.text_message(text.as_str()) {
                    Some(message) => message,
                    None => {
                        let hidden = self.placeholders.hide(text.as_str());
                        let template = Template::parse(&hidden, Language::Text);
                        SendStep::Quoted(template.unwrap_or_else(|_| Template::literal(&*hidden)))
                    }
                }
            }
        };
        self.step(&StepAction::Send {
            on: here(),
            message,
        });
    }

    /// `None` for a text that cannot be written on one line: with line breaks or other control characters, or spaces at
    /// its ends.
    fn text_message(&mut self, text: &str) -> Option<SendStep> {
        let mut compacted = Vec::new();
        let opens = text.starts_with(['{', '[']);
        let is_typed = |c: char| c == '\t' || !c.is_control();
        let one_line = text.chars().all(is_typed) && text.trim_matches([' ', '\t']) == text;
        let text = match compact(&mut compacted, text) {
            Ok(()) if !one_line => String::from_utf8(compacted).ok()?,
            _ if one_line => text.to_owned(),
            _ => return None,
        };
        let hidden = self.placeholders.hide(&text);
        let template = Template::parse(&hidden, Language::Text).ok()?;
        if !opens || is_json(&text) || hidden.starts_with("{{") {
            return Some(SendStep::Text(template));
        }
        // A text that only looks like JSON would continue on the next line.
        self.variables += 1;
        let name = format!("text{}", self.variables);
        self.step(&StepAction::Set {
            name: name.clone(),
            value: template,
        });
        let variable = Template::parse(&format!("{{{{{name}}}}}"), Language::Text).ok()?;
        Some(SendStep::Text(variable))
    }

    /// From here on binary messages are decoded.
    fn decode(&mut self, format: &DecodeFormat) {
        if self.decode.as_ref() != Some(format) {
            self.decode = Some(format.clone());
            self.step(&StepAction::Decode {
                on: here(),
                format: format.clone(),
            });
        }
    }

    fn receive(&mut self, payload: &Payload, after: Duration) {
        let Some(text) = payload.as_text() else {
            let note = format!("< a binary message of {}", bytes(payload.len()));
            return self.comment(&note);
        };
        if let Payload::Decoded(decoded) = payload {
            self.decode(&decoded.format);
        }
        let pattern = generalize(text, &self.sent);
        let pattern = self.placeholders.hide(&pattern);
        if self.expected == EXPECTED || self.last.as_ref() == Some(&pattern) {
            self.left_out += 1;
            self.passed_over += after;
            return;
        }
        let Ok(template) = Template::parse(&pattern, Language::Text) else {
            return;
        };
        let took = after + std::mem::take(&mut self.passed_over);
        let seconds = (took * PATIENCE).as_secs() + 1;
        let patience = Duration::from_secs(seconds).clamp(PATIENCE_AT_LEAST, PATIENCE_AT_MOST);
        self.expected += 1;
        self.step(&StepAction::Receive {
            on: here(),
            which: MessageOrder::FirstMatch,
            pattern: Expected {
                form: PatternForm::of(&pattern),
                template,
                fixed: None,
            },
            within: (took > SLOW).then_some(patience),
        });
        self.last = Some(pattern);
    }

    fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.is_open = false;
        let reason = (!reason.is_empty()).then(|| self.placeholders.hide(reason));
        let reason = reason.and_then(|reason| Template::parse(&reason, Language::Text).ok());
        self.step(&StepAction::Close {
            on: here(),
            frame: code.map(|code| CloseStep {
                code: code.0,
                reason,
            }),
            within: None,
        });
    }

    fn closed(&mut self, code: CloseCode, reason: &str) {
        self.is_open = false;
        let pattern = match reason {
            "" => String::new(),
            reason => format!(
                " {}",
                self.placeholders.hide(&generalize(reason, &self.sent))
            ),
        };
        self.steps += 1;
        self.line(&format!("expect close {}{pattern}", code.0));
    }
}

/// The one connection that is open.
fn here() -> ConnectionName {
    ConnectionName {
        name: None,
        index: 0,
    }
}

/// Scheme, host and port.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?'])
        .map_or(url.len(), |at| start + at);
    &url[..end]
}
