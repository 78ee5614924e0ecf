//! Turns a check file into what its server does, or says why it cannot be played.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{LazyLock, Mutex};

use regex::Regex;

use super::awaited::AwaitedTemplate;
use super::{PlayAction, PlayPlan, PlayResults, PlayStep, PlayedHandshake, PlayedTest};
use crate::connection::close::CloseCode;
use crate::connection::message::Payload;
use crate::named_file::{self, ReadLimits};
use crate::pattern::{Pattern, PatternForm};
use crate::script::run::CheckFile;
use crate::script::{
    ConnectStep, Expected, HandshakeFact, ParseError, SendStep, Step, StepAction, Test,
};
use crate::secret::io_text;
use crate::template::{Generator, Language, Template, Variable};

/// The most steps of a test whose repetitions are written out.
const STEPS: usize = 100_000;

/// A step that cannot be played: the line and the reason.
pub type Unplayable = (usize, String);

/// Why a file cannot be played.
#[derive(Debug)]
pub enum PlayError {
    /// It is not a valid check file.
    Invalid(ParseError),
    /// These steps cannot be played.
    Unplayable(Vec<Unplayable>),
}

impl PlayPlan {
    /// Reads a check file to be played, whose variables need not be defined: the client's messages give them values.
    ///
    /// # Errors
    /// It is not valid, or cannot be played.
    pub fn read(name: &str, bytes: &[u8], once: bool) -> Result<Self, PlayError> {
        let given = names_in(&String::from_utf8_lossy(bytes));
        let file = CheckFile::read(name, bytes, &given).map_err(PlayError::Invalid)?;
        let mut faults = Vec::new();
        let mut tests = Vec::new();
        for test in &file.script.tests {
            let mut planner = Planner::new(name, test);
            let finally = test.finally.iter().flat_map(|finally| &finally.steps);
            for step in file
                .script
                .settings
                .iter()
                .chain(&test.steps)
                .chain(finally)
            {
                planner.step(step);
            }
            planner.settle();
            if !planner.has_connection {
                planner.fault(test.line, "this test opens no connection");
            }
            faults.append(&mut planner.faults);
            tests.push(planner.test);
        }
        if !faults.is_empty() {
            faults.dedup();
            return Err(PlayError::Unplayable(faults));
        }
        Ok(Self {
            file: name.to_owned(),
            tests,
            once,
            next: AtomicUsize::new(0),
            results: Mutex::new(PlayResults::default()),
        })
    }
}

/// The names of the variables in a text.
fn names_in(text: &str) -> Vec<String> {
    static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
        // A constant expression; a test compiles it.
        Regex::new(r"\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}").expect("a constant expression")
    });
    let names: BTreeSet<String> = VARIABLE
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect();
    names.into_iter().collect()
}

struct Planner<'a> {
    folder: &'a Path,
    test: PlayedTest,
    faults: Vec<Unplayable>,
    has_connection: bool,
    /// Names that have a value at this step.
    known: BTreeSet<String>,
    /// The last message to be sent, if it has no variables.
    sent: Option<String>,
    /// What no message may match, and what `on` answers instead of a step.
    forbidden: Vec<Pattern>,
    /// The line of an expectation that waits for its sample.
    pending: Option<PendingExpectation>,
}

struct PendingExpectation {
    index: usize,
    pattern: Option<Pattern>,
}

impl<'a> Planner<'a> {
    fn new(file: &'a str, test: &Test) -> Self {
        Self {
            folder: Path::new(file).parent().unwrap_or(Path::new("")),
            test: PlayedTest {
                line: test.line,
                name: test.name.clone(),
                handshake: PlayedHandshake::default(),
                steps: Vec::new(),
            },
            faults: Vec::new(),
            has_connection: false,
            known: BTreeSet::new(),
            sent: None,
            forbidden: Vec::new(),
            pending: None,
        }
    }

    fn fault(&mut self, line: usize, why: impl Into<String>) {
        self.faults.push((line, why.into()));
    }

    fn push(&mut self, step: &Step, act: PlayAction) {
        if self.test.steps.len() >= STEPS {
            return self.fault(step.line, "too many steps");
        }
        self.test.steps.push(PlayStep {
            line: step.line,
            shown: step.action.to_string(),
            act,
        });
    }

    fn step(&mut self, step: &Step) {
        if let StepAction::Sample { message, .. } = &step.action {
            return self.sample(step, message);
        }
        self.settle();
        if let StepAction::Set { name, .. } | StepAction::Capture { name, .. } = &step.action
            && Generator::of_name(name).is_some()
        {
            // What a client sends there may be either.
            return self.fault(
                step.line,
                "is also the name of a value that is made anew; use another",
            );
        }
        match &step.action {
            StepAction::Set { name, value } => {
                match self.is_known(value) {
                    true => self.known.insert(name.clone()),
                    false => self.known.remove(name),
                };
                self.push(step, PlayAction::Set(name.clone(), value.clone()));
            }
            StepAction::Connect(connect) => self.connect(step.line, connect),
            StepAction::Http(_) => self.fault(step.line, "http cannot be played"),
            StepAction::Send { message, .. } => self.awaits(step, message),
            StepAction::Receive { pattern, .. } => self.sends(step, pattern),
            StepAction::AnyOrder(block) => block.steps.iter().for_each(|step| self.step(step)),
            StepAction::Repeat(block) => {
                for _ in 0..block.times {
                    if self.test.steps.len() >= STEPS || !self.faults.is_empty() {
                        break;
                    }
                    block.steps.iter().for_each(|step| self.step(step));
                }
            }
            StepAction::Include(file) => {
                let faults = self.faults.len();
                file.steps.iter().for_each(|step| self.step(step));
                // The lines of another file.
                for (line, why) in &mut self.faults[faults..] {
                    *why = format!("{} ({}:{line})", why, file.file);
                    *line = step.line;
                }
            }
            StepAction::Never { pattern, .. }
            | StepAction::NeverEverywhere(pattern)
            | StepAction::On { pattern, .. } => self.forbidden.extend(pattern.fixed().cloned()),
            // What follows must not overtake the pong.
            StepAction::Ping { .. } => self.push(step, PlayAction::AwaitPing),
            StepAction::Silence { time, .. } => self.push(step, PlayAction::Silence(*time)),
            StepAction::Capture { name, query, .. } => {
                if let (Some(sent), Some(jq)) = (&self.sent, query.fixed()) {
                    let selected = jq.select(sent).unwrap_or_default();
                    if selected.first().is_none_or(|value| value.raw() == "null") {
                        return self
                            .fault(step.line, "selects nothing in the message that is sent");
                    }
                }
                self.known.insert(name.clone());
                self.push(step, PlayAction::Capture(name.clone(), query.clone()));
            }
            StepAction::Assert(query) => {
                if let (Some(sent), Some(jq)) = (&self.sent, query.fixed())
                    && !Pattern::jq(jq.clone()).is_match(sent.as_str())
                {
                    self.fault(step.line, "is not true of the message that is sent");
                }
            }
            StepAction::Close { frame, .. } => {
                let frame = frame.as_ref().map(|frame| {
                    let reason = frame.reason.clone().map(AwaitedTemplate);
                    (frame.code, reason)
                });
                self.push(step, PlayAction::AwaitClose(frame));
            }
            StepAction::ExpectClose { code, reason, .. } => {
                self.closes(step, *code, reason.as_ref());
            }
            StepAction::Sample { .. }
            | StepAction::Timeout(_)
            | StepAction::Pause(_)
            | StepAction::Decode { .. }
            | StepAction::Wait(_) => {}
        }
    }

    /// An expectation that no sample followed must be playable as it stands.
    fn settle(&mut self) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let step = &self.test.steps[pending.index];
        let (line, why) = (
            step.line,
            format!("{} cannot be sent: add a sample line", step.shown),
        );
        self.fault(line, why);
    }

    fn connect(&mut self, line: usize, connect: &ConnectStep) {
        if std::mem::replace(&mut self.has_connection, true) {
            return self.fault(line, "a test with two connections cannot be played");
        }
        for expectation in &connect.expectations {
            match &expectation.fact {
                HandshakeFact::Status(101) | HandshakeFact::CertDays(_) => {}
                HandshakeFact::Status(status) if (200..600).contains(status) => {
                    self.test.handshake.status = Some(*status);
                }
                HandshakeFact::Status(_) => {
                    self.fault(expectation.line, "this status cannot be sent");
                }
                HandshakeFact::Subprotocol(name) => match name.as_literal() {
                    Some(name) => self.test.handshake.subprotocol = Some(name.to_owned()),
                    None => self.fault(expectation.line, "a subprotocol with a variable"),
                },
                HandshakeFact::Header { name, value } => match exact_text(value) {
                    Some(value) => self.test.handshake.headers.push((name.clone(), value)),
                    None => self.fault(expectation.line, "only an exact header value can be sent"),
                },
            }
        }
        if self.test.handshake.status.is_some() {
            self.test.handshake.subprotocol = None;
        }
    }

    fn awaits(&mut self, step: &Step, message: &SendStep) {
        let act = match message {
            SendStep::Text(text) | SendStep::Quoted(text) | SendStep::Fragments { text, .. } => {
                let names = text.variables().filter_map(|variable| match variable {
                    Variable::Name(name) => Some(name.clone()),
                    _ => None,
                });
                self.known.extend(names);
                PlayAction::Await(AwaitedTemplate(text.clone()))
            }
            SendStep::Hex(bytes) => PlayAction::AwaitBytes(bytes.clone()),
            SendStep::File(path) => {
                let Some(path) = path.as_literal() else {
                    return self.fault(step.line, "a file name with a variable cannot be played");
                };
                match named_file::read(&self.folder.join(path), ReadLimits::default()) {
                    Ok(bytes) => PlayAction::AwaitBytes(bytes),
                    Err(error) => {
                        let why = format!("cannot read {path}: {}", io_text(&error));
                        return self.fault(step.line, why);
                    }
                }
            }
            SendStep::Frame(_) => {
                return self.fault(step.line, ">frame cannot be played: it may be no message");
            }
        };
        self.push(step, act);
    }

    fn sends(&mut self, step: &Step, pattern: &Expected) {
        let text = pattern.to_string();
        let act = match PatternForm::of(&text) {
            _ if text.starts_with("hex ") || text.starts_with("hex:") => {
                exact_bytes(&text[4..]).map(PlayAction::SendBytes)
            }
            PatternForm::Json => Template::parse(&text, Language::Json)
                .ok()
                .map(PlayAction::Send),
            PatternForm::Exact => {
                let text = text.strip_prefix('=').unwrap_or(&text);
                Template::parse(text, Language::Text)
                    .ok()
                    .map(PlayAction::Send)
            }
            _ => None,
        };
        let act = match act {
            Some(PlayAction::Send(template)) if !self.is_known(&template) => None,
            act => act,
        };
        self.sent = match &act {
            Some(PlayAction::Send(template)) => template.as_literal().map(str::to_owned),
            _ => None,
        };
        match act {
            Some(act) => {
                self.push(step, act);
                self.must_not_be_forbidden(step.line);
            }
            None => {
                self.push(step, PlayAction::Send(Template::default()));
                self.pending = Some(PendingExpectation {
                    index: self.test.steps.len().saturating_sub(1),
                    pattern: pattern.fixed().cloned(),
                });
            }
        }
    }

    fn closes(&mut self, step: &Step, code: u16, reason: Option<&Expected>) {
        let text = match reason {
            None => Some(String::new()),
            Some(reason) => exact_text(reason),
        };
        let reason_template = text.and_then(|text| Template::parse(&text, Language::Text).ok());
        let is_whole = reason_template.is_some();
        let template = reason_template.unwrap_or_default();
        self.push(step, PlayAction::Close(code, template));
        if matches!(CloseCode(code), CloseCode(1004 | 1015)) {
            self.fault(step.line, "this close code cannot be sent");
        }
        if !is_whole {
            self.pending = Some(PendingExpectation {
                index: self.test.steps.len().saturating_sub(1),
                pattern: reason.and_then(Expected::fixed).cloned(),
            });
        }
    }

    /// `sample MESSAGE`: what is sent in place of the pattern before it.
    fn sample(&mut self, step: &Step, message: &Template) {
        let pending = self.pending.take();
        if !self.is_known(message) {
            return self.fault(step.line, "a variable in it has no value here");
        }
        let index = match &pending {
            Some(pending) => pending.index,
            None => self.test.steps.len().saturating_sub(1),
        };
        let Some(last) = self.test.steps.get_mut(index) else {
            return;
        };
        let literal = message.as_literal().map(str::to_owned);
        match &mut last.act {
            PlayAction::Close(_, reason) => *reason = message.clone(),
            act => *act = PlayAction::Send(message.clone()),
        }
        if let (Some(text), Some(pattern)) = (&literal, pending.and_then(|it| it.pattern)) {
            let payload = Payload::Text(text.clone().into());
            let is_match = payload
                .readable()
                .is_some_and(|text| pattern.is_match(text.as_str()));
            if !is_match || pattern.as_str().starts_with("hex ") {
                self.fault(step.line, "it does not match the pattern before it");
            }
        }
        self.sent = literal;
        self.must_not_be_forbidden(step.line);
    }

    fn must_not_be_forbidden(&mut self, line: usize) {
        let Some(sent) = &self.sent else { return };
        if self
            .forbidden
            .iter()
            .any(|pattern| pattern.is_match(sent.as_str()))
        {
            self.fault(line, "a never or an on before it matches this message");
        }
    }

    /// Whether the server can fill in a text: a generator makes another value than the client's.
    fn is_known(&self, template: &Template) -> bool {
        let mut variables = template.variables();
        variables.all(|variable| match variable {
            Variable::Name(name) => self.known.contains(name),
            Variable::Env(name) => std::env::var_os(name).is_some(),
            Variable::Generated(_) | Variable::Path(_) => false,
        })
    }
}

/// The text of a pattern that is exact and has no variable.
fn exact_text(pattern: &Expected) -> Option<String> {
    let text = pattern.template().as_literal()?;
    match PatternForm::of(text) {
        PatternForm::Exact => Some(text.strip_prefix('=').unwrap_or(text).to_owned()),
        _ => None,
    }
}

/// Bytes without a wildcard.
fn exact_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    if digits.is_empty() || digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}
