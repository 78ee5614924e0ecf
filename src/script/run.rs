//! Runs a test of a check file, step by step. It stops at the first step that comes to nothing.

use std::path::Path;
use std::time::Duration;

use super::report::{Finished, Grade, Trouble};
use super::trial::{Broken, End, Shared, Trial, Waited, Wire};
use super::values::{Filled, Scope, Value, Values};
use super::{
    Action, CloseFrame, Connect, Expected, Fact, Message, Peer, Query, Script, Step, Template,
    Test, Which,
};
use crate::connection::close::{Close, Code, Farewell};
use crate::connection::handshake::Headers;
use crate::connection::message::{Payload, Text};
use crate::connection::target::Header;
use crate::event::Event;
use crate::expectation::{
    Awaited, ExpectedClose, answers, broken_silence, end_in_words, judge_certificate, judge_status,
    judge_subprotocol,
};
use crate::pattern::{Jq, Outcome, Pattern};
use crate::secret::{Secret, io_text, is_credential_header};
use crate::units;

/// A check file that was read.
#[derive(Debug)]
pub struct CheckFile {
    /// As it was named.
    pub name: String,
    /// What it says.
    pub script: Script,
}

/// What a step found out.
#[derive(Debug)]
pub enum Found {
    /// Nothing beyond that it went well.
    Nothing,
    /// The round trip of a ping.
    Pong(Duration),
    /// The message that was waited for.
    Message(Payload),
    /// How the connection ended.
    Closed(Box<Close>),
}

/// Runs one test, closes its connections, and says how it went.
pub async fn run_test(shared: &Shared, file: &CheckFile, test: &Test, given: &Values) -> Finished {
    let mut runner = Runner::new(shared, &file.name, given);
    let mut trouble = None;
    let steps = file.script.settings.iter().chain(&test.steps);
    for step in steps {
        if let Err(failed) = runner.step(step).await {
            trouble = Some(failed);
            break;
        }
    }
    runner.trial.finish().await;
    let transcript = &runner.trial.transcript;
    let trouble = trouble
        .map(|At { line, step, broken }| Trouble::from(broken).at(line, step, transcript.lines()));
    Finished {
        file: file.name.clone(),
        line: test.line,
        name: test.name.clone(),
        steps: test.steps.len(),
        time: transcript.elapsed(),
        grade: Grade::Passed,
        note: None,
        trouble,
    }
}

/// A step that came to nothing.
pub(super) struct At {
    line: usize,
    step: String,
    pub(super) broken: Broken,
}

/// Plays steps, one after the other.
pub(super) struct Runner<'a> {
    pub(super) trial: Trial<'a>,
    scope: Scope<'a>,
    /// The limit of each waiting step.
    timeout: Duration,
    /// Whether the file sets it: only then does it limit `connect` too, which has a limit of its own.
    timeout_set: bool,
    /// The last matched message.
    matched: Option<Text>,
    file: &'a str,
    /// The line of the step that runs.
    line: usize,
}

impl<'a> Runner<'a> {
    /// A runner of the steps of `file`, with the values that it is given.
    pub(super) fn new(shared: &'a Shared, file: &'a str, given: &'a Values) -> Self {
        Self {
            trial: Trial::new(shared),
            scope: Scope::new(given),
            timeout: shared.timeout,
            timeout_set: false,
            matched: None,
            file,
            line: 0,
        }
    }

    pub(super) async fn step(&mut self, step: &Step) -> Result<Found, At> {
        self.line = step.line;
        if let Action::Connect(connect) = &step.action {
            return self.connect(step, connect).await.map(|()| Found::Nothing);
        }
        self.act(&step.action).await.map_err(|broken| At {
            line: step.line,
            step: step.action.to_string(),
            broken,
        })
    }

    async fn act(&mut self, action: &Action) -> Result<Found, Broken> {
        match action {
            Action::Set { name, value } => self.set(name, value)?,
            Action::Timeout(time) => (self.timeout, self.timeout_set) = (*time, true),
            // Has its own way, since its expectations stand on lines of their own.
            Action::Connect(_) => {}
            Action::Send { on, message } => self.send(on, message).await?,
            Action::Never { on, pattern } => self.forbid(on, pattern).await?,
            Action::Silence { on, time } => self.silence(on, *time).await?,
            Action::Capture {
                name,
                secret,
                query,
            } => self.capture(name, *secret, query)?,
            Action::Assert(query) => self.assert(query)?,
            Action::Wait(time) => {
                self.trial.until(Some(*time), |_| None::<()>).await?;
            }
            action => return self.wait_for(action).await,
        }
        Ok(Found::Nothing)
    }

    /// The steps that wait for something, each with a limit.
    async fn wait_for(&mut self, action: &Action) -> Result<Found, Broken> {
        let limit = |within: &Option<Duration>| within.unwrap_or(self.timeout);
        match action {
            Action::Receive {
                on,
                which,
                pattern,
                within,
            } => {
                let limit = limit(within);
                let awaited = Awaited::matching(self.pattern(pattern)?);
                let message = self.receive(on, *which, awaited, limit).await?;
                self.matched = message.readable().or(self.matched.take());
                Ok(Found::Message(message))
            }
            Action::Ping { on, within } => {
                let limit = limit(within);
                self.ping(on, limit).await.map(Found::Pong)
            }
            Action::Close { on, frame, within } => {
                let limit = limit(within);
                let close = self.close(on, frame.as_ref(), limit).await;
                close.map(Found::Closed)
            }
            Action::ExpectClose {
                on,
                code,
                reason,
                within,
            } => {
                let limit = limit(within);
                let reason = reason.as_ref().map(|reason| self.pattern(reason));
                let expected = ExpectedClose {
                    code: Code(*code),
                    reason: reason.transpose()?,
                };
                let close = self.expect_close(on, &expected, limit).await;
                close.map(Found::Closed)
            }
            _ => Ok(Found::Nothing),
        }
    }

    async fn forbid(&mut self, on: &Peer, pattern: &Expected) -> Result<(), Broken> {
        let pattern = self.pattern(pattern)?;
        self.trial.wires[on.index].forbid(pattern);
        // What has come already is found here, not by the next step that waits.
        self.trial
            .until(Some(Duration::ZERO), |_| Some(()))
            .await
            .map(drop)
    }

    fn fill(&self, template: &Template) -> Result<Filled, Broken> {
        let filled = self.scope.fill(template).map_err(Broken::fault)?;
        for secret in self.scope.secrets(template) {
            self.hide(&secret);
        }
        Ok(filled)
    }

    /// From now on a value is erased from all output.
    fn hide(&self, secret: &str) {
        let event = Event::Secret(Secret::new(secret));
        self.trial.shared.sinks.borrow_mut().see(&event);
    }

    fn pattern(&self, expected: &Expected) -> Result<Pattern, Broken> {
        if let Some(pattern) = expected.fixed() {
            return Ok(pattern.clone());
        }
        let filled = self.fill(expected.template())?;
        expected
            .compile(&filled.text)
            .map_err(|error| Broken::fault(error.to_string()))
    }

    fn query(&self, query: &Query) -> Result<Jq, Broken> {
        let compile = || {
            let filled = self.fill(query.template())?;
            let jq = query.compile(&filled.text);
            jq.map_err(|error| Broken::fault(error.to_string()))
        };
        query.fixed().cloned().map_or_else(compile, Ok)
    }

    fn set(&mut self, name: &str, value: &Template) -> Result<(), Broken> {
        let filled = self.fill(value)?;
        let is_secret = filled.shown.is_some();
        if is_secret {
            self.hide(&filled.text);
        }
        let text = filled.text;
        self.scope.set(name, Value { text, is_secret });
        Ok(())
    }

    async fn connect(&mut self, step: &Step, connect: &Connect) -> Result<(), At> {
        let is_status = |fact: &Fact| matches!(fact, Fact::Status(_));
        let may_be_refused = connect
            .expectations
            .iter()
            .any(|expectation| is_status(&expectation.fact));
        let at = |line, step: String| move |broken| At { line, step, broken };
        let whole = at(step.line, step.action.to_string());
        let index = self.open(connect, may_be_refused).await.map_err(whole)?;
        let expectations = connect.expectations.iter();
        for expectation in expectations {
            let wire = &self.trial.wires[index];
            self.check(wire, &expectation.fact)
                .map_err(at(expectation.line, expectation.fact.to_string()))?;
        }
        Ok(())
    }

    /// Opens a connection; a refusal is a failure unless some status is expected.
    async fn open(&mut self, connect: &Connect, may_be_refused: bool) -> Result<usize, Broken> {
        let url = self.fill(&connect.url)?.text;
        let mut headers = Vec::new();
        for header in &connect.headers {
            let value = self.fill(&header.value)?.text;
            if value.chars().any(|c| c.is_control() && c != '\t') {
                let name = &header.name;
                return Err(Broken::fault(format!(
                    "the value of header {name} holds a control character"
                )));
            }
            if is_credential_header(&header.name) {
                self.hide(&value);
            }
            headers.push(Header::new(&header.name, value));
        }
        let limit = self.timeout_set.then_some(self.timeout);
        let wire = self
            .trial
            .connect(connect.name.clone(), url, headers, limit)
            .await?;
        match &wire.end {
            Some(End::Failed(error)) if error.refusal.is_some() && may_be_refused => {}
            Some(end @ End::Failed(_)) => return Err(end.into()),
            _ => {}
        }
        Ok(self.trial.wires.len() - 1)
    }

    fn check(&self, wire: &Wire, fact: &Fact) -> Result<(), Broken> {
        let opened = wire.opened.as_deref();
        match fact {
            Fact::Status(wanted) => expect_status(wire, *wanted),
            Fact::Subprotocol(name) => {
                let wanted = self.fill(name)?.text;
                let chosen = opened.and_then(|opened| opened.subprotocol.as_deref());
                Ok(judge_subprotocol(&wanted, chosen)?)
            }
            Fact::Header { name, value } => expect_header(wire, name, &self.pattern(value)?),
            Fact::CertDays(least) => match opened {
                Some(opened) => Ok(judge_certificate(*least, opened)?),
                None => Err(Broken::unmet("there is no connection")),
            },
        }
    }

    async fn send(&mut self, on: &Peer, message: &Message) -> Result<(), Broken> {
        let (payload, shown) = match message {
            Message::Text(template) => {
                let filled = self.fill(template)?;
                (Payload::Text(filled.text.into()), filled.shown)
            }
            Message::Hex(bytes) => (Payload::Binary(bytes.clone().into()), None),
            Message::File(template) => {
                let path = self.fill(template)?.text;
                // A path belongs to the file that it stands in, wherever that is run from.
                let beside = Path::new(self.file).parent().unwrap_or(Path::new(""));
                let bytes = std::fs::read(beside.join(&path)).map_err(|error| {
                    Broken::fault(format!("cannot read {path}: {}", io_text(&error)))
                })?;
                (Payload::Binary(bytes.into()), None)
            }
        };
        self.trial
            .send(on.index, payload, shown, self.timeout)
            .await
    }

    /// The message that is waited for.
    pub(super) async fn receive(
        &mut self,
        on: &Peer,
        which: Which,
        mut awaited: Awaited,
        limit: Duration,
    ) -> Result<Payload, Broken> {
        let line = Some(self.line).filter(|line| *line > 0);
        let found = self.trial.until(Some(limit), |trial| {
            let wire = &mut trial.wires[on.index];
            while let Some(payload) = wire.take() {
                if awaited.look(&payload) {
                    return Some(Some(payload));
                }
                if which == Which::Next {
                    return Some(None);
                }
                wire.passed.keep(&payload, line);
            }
            wire.end.is_some().then_some(None)
        });
        let found = found.await?;
        let passed = &self.trial.wires[on.index].passed;
        let unmet = match found {
            Waited::For(Some(payload)) => return Ok(payload),
            Waited::For(None) if which == Which::Next && awaited.has_looked() => {
                awaited.next_differs()
            }
            Waited::For(None) => {
                let end = self.trial.closed_early(on.index);
                let unmet = awaited.missed_by_end(&end.why, passed);
                return Err(Broken {
                    why: unmet.what,
                    closest: unmet.closest,
                    ..end
                });
            }
            Waited::InVain => awaited.missed(&units::shown(limit), passed),
        };
        Err(unmet.into())
    }

    async fn silence(&mut self, on: &Peer, time: Duration) -> Result<(), Broken> {
        let noise = self.trial.until(Some(time), |trial| {
            let wire = &mut trial.wires[on.index];
            match wire.take() {
                Some(payload) => Some(Some(payload)),
                None => wire.end.is_some().then_some(None),
            }
        });
        match noise.await? {
            Waited::InVain => Ok(()),
            Waited::For(Some(payload)) => {
                let mut broken = Broken::from(broken_silence(&payload));
                let text = payload.as_text();
                broken.details = text.iter().map(|text| format!("message: {text}")).collect();
                Err(broken)
            }
            Waited::For(None) => Err(self.trial.closed_early(on.index)),
        }
    }

    fn capture(&mut self, name: &str, secret: bool, query: &Query) -> Result<(), Broken> {
        let jq = self.query(query)?;
        let selected = jq.select(self.last_message()).map_err(Broken::unmet)?;
        let text = match selected.first().map(crate::pattern::Selected::raw) {
            None => return Err(Broken::unmet("the last matched message has no such part")),
            // A conversation that goes on with "null" for an id cannot show what it was written for.
            Some("null") => {
                return Err(Broken::unmet(
                    "this part of the last matched message is null",
                ));
            }
            Some(text) => text.to_owned(),
        };
        if secret {
            self.hide(&text);
        }
        let is_secret = secret;
        self.scope.capture(name, Value { text, is_secret });
        Ok(())
    }

    fn assert(&self, query: &Query) -> Result<(), Broken> {
        let pattern = Pattern::jq(self.query(query)?);
        match pattern.matches(self.last_message()) {
            Outcome::Match => Ok(()),
            Outcome::Mismatch(mismatch) => {
                let mut broken = Broken::unmet(mismatch.why);
                broken.details = vec![format!("message: {}", self.last_message())];
                Err(broken)
            }
        }
    }

    /// The parser lets nothing look at the last matched message before there is one.
    fn last_message(&self) -> &str {
        self.matched.as_ref().map_or("", |text| text.as_str())
    }

    async fn ping(&mut self, on: &Peer, limit: Duration) -> Result<Duration, Broken> {
        let seq = self.trial.ping(on.index, limit).await?;
        self.trial.wires[on.index].read_ahead(true);
        let pong = self.trial.until(Some(limit), |trial| {
            let wire = &trial.wires[on.index];
            let pong = wire.pong(seq);
            (pong.is_some() || wire.end.is_some()).then_some(pong)
        });
        let pong = pong.await;
        self.trial.wires[on.index].read_ahead(false);
        match pong? {
            Waited::For(Some(rtt)) => Ok(rtt.unwrap_or_default()),
            Waited::For(None) => Err(self.trial.closed_early(on.index)),
            Waited::InVain => {
                let limit = units::shown(limit);
                Err(Broken::unmet(format!("no pong within {limit}")))
            }
        }
    }

    async fn close(
        &mut self,
        on: &Peer,
        frame: Option<&CloseFrame>,
        limit: Duration,
    ) -> Result<Box<Close>, Broken> {
        if self.trial.wires[on.index].end.is_some() {
            return Err(self.trial.closed_early(on.index));
        }
        let farewell = match frame {
            None => Farewell::default(),
            Some(frame) => {
                let reason = frame
                    .reason
                    .as_ref()
                    .map(|reason| self.fill(reason))
                    .transpose()?;
                let reason = reason.map(|filled| filled.text).unwrap_or_default();
                Farewell::new(&frame.code.to_string(), &reason).map_err(Broken::fault)?
            }
        };
        self.trial.close(on.index, &farewell);
        match self.ended(on, limit).await? {
            Some(End::Closed(close)) if answers(&close, farewell.code) => Ok(close),
            Some(End::Closed(close)) if close.error.is_none() => {
                let end = end_in_words(&close);
                let why = format!("{end}, which does not answer our close");
                Err(Broken::unmet(why))
            }
            Some(end) => Err((&end).into()),
            None => {
                let limit = units::shown(limit);
                let why = format!("the close was not answered within {limit}");
                Err(Broken::unmet(why))
            }
        }
    }

    async fn expect_close(
        &mut self,
        on: &Peer,
        expected: &ExpectedClose,
        limit: Duration,
    ) -> Result<Box<Close>, Broken> {
        match self.ended(on, limit).await? {
            Some(End::Closed(close)) => match expected.judge(&close) {
                Ok(()) => Ok(close),
                Err(unmet) => Err(Broken {
                    fault: close.error.is_some(),
                    ..unmet.into()
                }),
            },
            Some(end) => Err((&end).into()),
            None => Err(expected.missed(&units::shown(limit)).into()),
        }
    }

    /// Waits for a connection's end; what still comes is passed over.
    async fn ended(&mut self, on: &Peer, limit: Duration) -> Result<Option<End>, Broken> {
        let end = self.trial.until(Some(limit), |trial| {
            let wire = &mut trial.wires[on.index];
            while wire.take().is_some() {}
            wire.take_close()
        });
        Ok(match end.await? {
            Waited::For(end) => Some(end),
            Waited::InVain => None,
        })
    }
}

fn expect_status(wire: &Wire, wanted: u16) -> Result<(), Broken> {
    match (&wire.opened, &wire.end) {
        (Some(opened), _) => Ok(judge_status(wanted, Ok(opened))?),
        (None, Some(End::Failed(error))) => match &error.refusal {
            Some(refusal) => Ok(judge_status(wanted, Err((error, refusal)))?),
            None => Err((&**error).into()),
        },
        (None, _) => Err(Broken::unmet("there is no connection")),
    }
}

fn expect_header(wire: &Wire, name: &str, pattern: &Pattern) -> Result<(), Broken> {
    let none = Headers::default();
    let headers = match (&wire.opened, &wire.end) {
        (Some(opened), _) => &opened.answer.headers,
        (None, Some(End::Failed(error))) => error
            .refusal
            .as_ref()
            .map_or(&none, |refusal| &refusal.headers),
        _ => &none,
    };
    let mut why = format!("the answer has no header {name}");
    for value in headers.all(name) {
        match pattern.matches(value) {
            Outcome::Match => return Ok(()),
            Outcome::Mismatch(mismatch) => {
                why = format!("{name} is {value:?}: {}", mismatch.why);
            }
        }
    }
    Err(Broken::unmet(why))
}
