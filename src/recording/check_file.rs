//! Writes a recording as a check file.
//!
//! The file always parses. Secrets are replaced by variables, and the first lines show how to pass their values.
//! A reply is expected as it was received, except for what changes between runs: times, random identifiers, long
//! numbers. What a check file cannot express becomes a comment.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::evidence::{Evidence, Stand, mark, unmark};
use super::generalize::{KnownValues, generalize};
use super::{
    Division, Opening, Placeholders, RecordedConnection, RecordedEvent, Recording, StepText,
};
use crate::connection::close::CloseCode;
use crate::connection::message::{Direction, Payload};
use crate::decode::DecodeFormat;
use crate::output::json::{compact, is_json};
use crate::script::{
    CloseStep, ConnectionName, Expected, MessageOrder, Script, SendStep, StepAction,
};
use crate::template::{Language, Template};
use crate::units::bytes;

/// The most messages that are expected after a sent one.
const EXPECTED: usize = 20;
/// A pause of the client from this time on is written.
const PAUSE: Duration = Duration::from_millis(500);
/// The largest binary message that is expected byte for byte.
const BYTES: usize = 1024;
/// A reply that took longer than this gets its own time limit.
const SLOW: Duration = Duration::from_secs(1);
/// The time limit of a slow reply: this multiple of the recorded time, with a minimum and a maximum.
const PATIENCE: u32 = 3;
const PATIENCE_AT_LEAST: Duration = Duration::from_secs(5);
const PATIENCE_AT_MOST: Duration = Duration::from_secs(120);

/// A check file as text.
#[derive(Clone, Debug)]
pub struct CheckFileText {
    /// The text, which parses.
    pub text: String,
    /// The number of its steps.
    pub steps: usize,
    /// Messages that are only comments.
    pub lost: usize,
    /// The variables whose values must be passed.
    pub names: Vec<String>,
}

impl CheckFileText {
    /// What it contains, for a person.
    pub fn summary(&self) -> String {
        let lost = match self.lost {
            0 => String::new(),
            1 => ", 1 message only as a comment".to_owned(),
            n => format!(", {n} messages only as comments"),
        };
        let secrets = match self.names.as_slice() {
            [] => String::new(),
            _ => "; its first lines list the secrets it needs".to_owned(),
        };
        format!("{} steps{lost}{secrets}", self.steps)
    }
}

/// The check file of a recording; `path` is its name, if it has one.
///
/// # Errors
/// The text does not parse, which is a defect.
pub fn write(
    recording: &Recording,
    placeholders: &Placeholders,
    path: Option<&Path>,
) -> Result<CheckFileText, String> {
    let mut writer = RecordingWriter::new(placeholders, recording.division);
    writer.write(recording);
    let RecordingWriter {
        body, steps, lost, ..
    } = writer;
    let name = path.map_or_else(|| "FILE".to_owned(), |path| path.display().to_string());
    let text = head(recording, &placeholders.names_in(&body), &name) + &body;
    let names = placeholders.names_in(&text);
    Script::parse(&name, &text, &names)
        .map_err(|error| format!("the result is not a valid check file: {error}"))?;
    Ok(CheckFileText {
        text,
        steps,
        lost,
        names,
    })
}

fn head(recording: &Recording, names: &[String], file: &str) -> String {
    let mut head = format!("# {}\n", one_line(&recording.title));
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
        head.push_str(&format!("# wsprobe check {file}{secrets}\n"));
    }
    for note in &recording.notes {
        head.push_str(&format!("# {}\n", one_line(note)));
    }
    if recording.is_cut {
        head.push_str("# Only the beginning of the session was recorded.\n");
    }
    head
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
    /// The time of the last event that a reply may answer.
    asked: Duration,
    division: Division,
    /// The pattern of the next message, if it was given.
    pattern: Option<String>,
    /// Connections written so far.
    connections: usize,
    /// The place of the entry that is written.
    index: usize,
    /// What is known of the values of this connection.
    evidence: Evidence,
    /// Values in whose place a variable is written.
    stands: Vec<Stand>,
    /// Names of variables.
    taken: BTreeSet<String>,
}

impl<'a> RecordingWriter<'a> {
    fn new(placeholders: &'a Placeholders, division: Division) -> Self {
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
            asked: Duration::ZERO,
            division,
            pattern: None,
            connections: 0,
            index: 0,
            evidence: Evidence::default(),
            stands: Vec::new(),
            taken: placeholders.names().map(str::to_owned).collect(),
        }
    }

    fn write(&mut self, recording: &Recording) {
        for rule in &recording.rules {
            self.line(&self.placeholders.hide_but_variables(rule));
        }
        let first = recording
            .connections
            .iter()
            .find(|connection| !matches!(connection.opening, Opening::Failed(_)))
            .map(|connection| origin(&connection.url));
        for connection in &recording.connections {
            self.turn();
            self.connection(connection, first == Some(origin(&connection.url)));
        }
        self.turn();
        if self.tests > 1 {
            self.body.insert_str(0, "test \"connection 1\"\n");
        }
    }

    fn connection(&mut self, connection: &RecordedConnection, is_first_origin: bool) {
        if let Opening::Failed(why) = &connection.opening {
            let note = match connection.url.as_str() {
                "" => format!("not connected: {why}"),
                url => format!("not connected: {url}: {why}"),
            };
            return self.comment(&self.placeholders.hide(&note));
        }
        self.connect(&connection.url);
        for line in &connection.headers {
            if is_first_origin || !line.is_credential {
                self.line(&self.placeholders.hide_but_variables(&line.text));
            }
        }
        match &connection.opening {
            Opening::Open {
                at, subprotocol, ..
            } => {
                self.asked = *at;
                if let Some(name) = subprotocol {
                    self.line(&format!("expect subprotocol {name}"));
                }
            }
            Opening::Refused { answer, .. } => {
                self.is_open = false;
                self.line(&format!("expect status {}", answer.status));
            }
            Opening::Pending | Opening::Failed(_) => {}
        }
        self.stands.clear();
        self.evidence = Evidence::of(connection, &mut self.taken);
        let mut steps = connection.steps.iter().peekable();
        for (index, entry) in connection.entries.iter().enumerate() {
            while let Some(step) = steps.next_if(|step| step.entries_before <= index) {
                self.own_step(&step.what);
            }
            self.index = index;
            let is_received = matches!(entry.what, RecordedEvent::Message(Direction::In, _));
            if !is_received {
                self.turn();
            }
            self.entry(entry.at, &entry.what);
        }
        steps.for_each(|step| self.own_step(&step.what));
    }

    /// A step that was asked for.
    fn own_step(&mut self, what: &StepText) {
        match what {
            StepText::Line(line) => {
                self.turn();
                self.line(&self.placeholders.hide_but_variables(line));
            }
            StepText::Expected(pattern) => self.pattern = Some(pattern.clone()),
        }
    }

    /// A message whose pattern was given.
    fn receive_expected(&mut self, pattern: &str) {
        let mut compacted = Vec::new();
        let one_line = match compact(&mut compacted, pattern) {
            Ok(()) => String::from_utf8(compacted).unwrap_or_default(),
            Err(_) => pattern.to_owned(),
        };
        let hidden = self.placeholders.hide(&one_line);
        let Ok(template) = Template::parse(&hidden, Language::Text) else {
            return;
        };
        self.step(&StepAction::Receive {
            on: here(),
            which: MessageOrder::FirstMatch,
            pattern: Expected::to_print(template),
            within: None,
        });
    }

    /// The time that the client took, which `check --pace` keeps.
    fn pause(&mut self, time: Duration) {
        if self.division == Division::TestEach && time >= PAUSE {
            let time = Duration::from_millis(time.as_millis() as u64 / 100 * 100);
            self.line(&StepAction::Pause(time).to_string());
        }
    }

    fn entry(&mut self, at: Duration, what: &RecordedEvent) {
        match what {
            RecordedEvent::Message(direction, payload) => {
                let after = at.saturating_sub(self.asked);
                self.asked = at;
                if *direction == Direction::Out {
                    self.pause(after);
                }
                match direction {
                    Direction::In => self.receive(payload, after),
                    Direction::Out => self.send(payload),
                }
            }
            RecordedEvent::Ping => self.step(&StepAction::Ping {
                on: here(),
                within: None,
            }),
            RecordedEvent::Close(code, reason) => self.close(*code, reason),
            RecordedEvent::Closed(code, reason) => self.closed(*code, reason),
            RecordedEvent::Note(note) => self.comment(&self.placeholders.hide(note)),
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
        self.line(&format!("# {}", one_line(text)));
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
        let is_next = self.division == Division::TestEach && self.connections > 0;
        self.connections += 1;
        if self.is_open || is_next {
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
                let made = self.made();
                let message = match self.text_message(text.as_str()) {
                    Some(message) => message,
                    None => {
                        let hidden = self.filled(text.as_str());
                        let template = Template::parse(&hidden, Language::Text);
                        SendStep::Quoted(template.unwrap_or_else(|_| Template::literal(&*hidden)))
                    }
                };
                self.stands.truncate(made);
                message
            }
        };
        self.step(&StepAction::Send {
            on: here(),
            message,
        });
    }

    /// The text as written: values by variables, literal braces escaped.
    fn filled(&self, text: &str) -> String {
        unmark(&self.placeholders.hide(&mark(text, &self.stands)))
    }

    /// Writes what the next message makes anew; returns how many of the variables are needed after it.
    fn made(&mut self) -> usize {
        let made = self.evidence.made.remove(&self.index).unwrap_or_default();
        let (again, once): (Vec<_>, Vec<_>) = made.into_iter().partition(|made| made.set.is_some());
        for made in again {
            let name = &made.stand.variable;
            self.comment(&format!(
                "guessed: {name} is {} that each run makes anew",
                made.kind
            ));
            if let Some(generator) = made.set {
                self.steps += 1;
                self.line(&format!("set {name} = {{{{{generator}}}}}"));
            }
            self.stands.push(made.stand);
        }
        let lasting = self.stands.len();
        for made in once {
            let name = &made.stand.variable;
            self.comment(&format!("guessed: {{{{{name}}}}} was {}", made.kind));
            self.stands.push(made.stand);
        }
        lasting
    }

    /// Captures values of the message that was just expected.
    fn captures(&mut self) {
        for capture in self
            .evidence
            .captures
            .remove(&self.index)
            .unwrap_or_default()
        {
            let name = &capture.stand.variable;
            self.comment(&format!(
                "guessed: {name} came from the server and was sent back"
            ));
            let secret = if capture.is_secret { "secret " } else { "" };
            self.steps += 1;
            self.line(&format!("capture {secret}{name} = {}", capture.path));
            self.stands.push(capture.stand);
        }
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
        let hidden = self.filled(&text);
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
        if let Some(pattern) = self.pattern.take() {
            if let Payload::Decoded(decoded) = payload {
                self.decode(&decoded.format);
            }
            return self.receive_expected(&pattern);
        }
        let Some(text) = payload.as_text() else {
            if self.division == Division::TestEach && payload.len() <= BYTES && !payload.is_empty()
            {
                let bytes = payload.as_bytes().iter();
                let hex: String = bytes.map(|byte| format!(" {byte:02x}")).collect();
                self.steps += 1;
                self.last = None;
                return self.line(&format!("<hex{hex}"));
            }
            self.lost += 1;
            let note = format!("< a binary message of {}", bytes(payload.len()));
            return self.comment(&note);
        };
        if let Payload::Decoded(decoded) = payload {
            self.decode(&decoded.format);
        }
        let fresh = self.evidence.captures.get(&self.index);
        let fresh: Vec<Stand> = fresh
            .into_iter()
            .flatten()
            .map(|capture| capture.stand.clone())
            .collect();
        let known = KnownValues {
            sent: &self.sent,
            stands: &self.stands,
            fresh: &fresh,
        };
        let pattern = unmark(&self.placeholders.hide(&generalize(text, known)));
        // A message left out could be taken for the one that is captured from.
        let is_needed = self
            .evidence
            .last_capture
            .is_some_and(|last| self.index <= last);
        let is_repeated = self.expected >= EXPECTED || self.last.as_ref() == Some(&pattern);
        if is_repeated && !is_needed {
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
            pattern: Expected::to_print(template),
            within: (took > SLOW).then_some(patience),
        });
        self.sample(text, &pattern);
        self.captures();
        self.last = Some(pattern);
    }

    /// What a server that plays the file sends, where the pattern is not the message itself.
    fn sample(&mut self, text: &str, pattern: &str) {
        let text = self.filled(text);
        let is_one_line =
            text.trim() == text && !text.is_empty() && !text.contains(|c: char| c.is_control());
        let opens = text.starts_with(['{', '[']);
        let is_needed = pattern != text && pattern.strip_prefix('=') != Some(&text);
        let is_json = Template::parse(&text, Language::Json)
            .is_ok_and(|template| is_json(&template.sample()));
        let is_playable = is_one_line && (!opens || is_json);
        if self.division == Division::TestEach && is_needed && is_playable {
            self.line(&format!("sample {text}"));
        }
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
        let known = KnownValues {
            sent: &self.sent,
            stands: &self.stands,
            fresh: &[],
        };
        let pattern = match reason {
            "" => String::new(),
            reason => format!(
                " {}",
                unmark(&self.placeholders.hide(&generalize(reason, known)))
            ),
        };
        self.steps += 1;
        self.line(&format!("expect close {}{pattern}", code.0));
    }
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
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
