//! Runs a test of a check file, step by step, and stops at the first step that fails.

use std::path::Path;
use std::time::Duration;

use super::report::{Finished, PassGrade, TestFailure};
use super::test_context::{
    ConnectionEnd, RunContext, StepFailure, TestConnection, TestContext, WaitResult,
};
use super::variables::{Filled, Values, VariableScope, VariableValue};
use super::{
    CloseStep, ConnectStep, ConnectionName, Expected, HandshakeFact, MessageOrder, Query, Script,
    SendStep, Step, StepAction, Template, Test,
};
use crate::connection::close::{CloseCode, CloseFrame, CloseInfo};
use crate::connection::handshake::Headers;
use crate::connection::message::{Payload, Text};
use crate::connection::target::RequestHeader;
use crate::event::Event;
use crate::expectation::{
    AwaitedMessage, ExpectedClose, answers, check_certificate, check_status, check_subprotocol,
    end_in_words, unexpected_message,
};
use crate::pattern::{Jq, MatchResult, Pattern};
use crate::secret::{Secret, is_credential_header};
use crate::units;

/// A loaded check file.
#[derive(Debug)]
pub struct CheckFile {
    /// Its name, as given.
    pub name: String,
    /// Its content.
    pub script: Script,
}

/// The result of a step that succeeded.
#[derive(Debug)]
pub enum StepFinding {
    /// Nothing to report.
    Nothing,
    /// The round trip of a ping.
    Pong(Duration),
    /// The awaited message.
    Message(Payload),
    /// How the connection ended.
    Closed(Box<CloseInfo>),
}

/// Runs one test, closes its connections and returns its result.
pub async fn run_test(
    shared: &RunContext,
    file: &CheckFile,
    test: &Test,
    given: &Values,
) -> Finished {
    let mut runner = Runner::new(shared, &file.name, given);
    let mut failure = None;
    let steps = file.script.settings.iter().chain(&test.steps);
    for step in steps {
        if let Err(failed) = runner.step(step).await {
            failure = Some(failed);
            break;
        }
    }
    runner.context.finish().await;
    let transcript = &runner.context.transcript;
    let failure = failure.map(
        |FailedStep {
             line,
             step,
             failure,
         }| {
            let lines = transcript.lines(shared.sinks.borrow_mut().redactor());
            TestFailure::from(failure).at(line, step, lines)
        },
    );
    Finished {
        file: file.name.clone(),
        line: test.line,
        name: test.name.clone(),
        steps: test.steps.len(),
        time: transcript.elapsed(),
        grade: PassGrade::Passed,
        note: None,
        failure,
    }
}

/// A step that failed.
pub(super) struct FailedStep {
    line: usize,
    step: String,
    pub(super) failure: StepFailure,
}

/// Runs steps, one after the other.
pub(super) struct Runner<'a> {
    pub(super) context: TestContext<'a>,
    scope: VariableScope<'a>,
    /// The limit of each waiting step.
    timeout: Duration,
    /// Whether the file sets it: only then does it also limit `connect`, which has its own limit.
    timeout_set: bool,
    /// The last matched message.
    matched: Option<Text>,
    file: &'a str,
    /// The line of the current step.
    line: usize,
}

impl<'a> Runner<'a> {
    /// A runner for the steps of `file`, with the values of `--var` and `--secret`.
    pub(super) fn new(shared: &'a RunContext, file: &'a str, given: &'a Values) -> Self {
        Self {
            context: TestContext::new(shared),
            scope: VariableScope::new(given),
            timeout: shared.timeout,
            timeout_set: false,
            matched: None,
            file,
            line: 0,
        }
    }

    pub(super) async fn step(&mut self, step: &Step) -> Result<StepFinding, FailedStep> {
        self.line = step.line;
        if let StepAction::Connect(connect) = &step.action {
            return self
                .connect(step, connect)
                .await
                .map(|()| StepFinding::Nothing);
        }
        self.act(&step.action).await.map_err(|failure| FailedStep {
            line: step.line,
            step: step.action.to_string(),
            failure,
        })
    }

    async fn act(&mut self, action: &StepAction) -> Result<StepFinding, StepFailure> {
        match action {
            StepAction::Set { name, value } => self.set(name, value)?,
            StepAction::Timeout(time) => (self.timeout, self.timeout_set) = (*time, true),
            // Handled by `step`, because its expectations have lines of their own.
            StepAction::Connect(_) => {}
            StepAction::Send { on, message } => self.send(on, message).await?,
            StepAction::Never { on, pattern } => self.forbid(on, pattern).await?,
            StepAction::Silence { on, time } => self.expect_silence(on, *time).await?,
            StepAction::Capture {
                name,
                secret,
                query,
            } => self.capture(name, *secret, query)?,
            StepAction::Assert(query) => self.assert(query)?,
            StepAction::Wait(time) => {
                self.context.until(Some(*time), |_| None::<()>).await?;
            }
            action => return self.wait_for(action).await,
        }
        Ok(StepFinding::Nothing)
    }

    /// The steps that wait, each with a time limit.
    async fn wait_for(&mut self, action: &StepAction) -> Result<StepFinding, StepFailure> {
        let limit = |within: &Option<Duration>| within.unwrap_or(self.timeout);
        match action {
            StepAction::Receive {
                on,
                which,
                pattern,
                within,
            } => {
                let limit = limit(within);
                let awaited = AwaitedMessage::matching(self.pattern(pattern)?);
                let message = self.receive(on, *which, awaited, limit).await?;
                self.matched = message.readable().or(self.matched.take());
                Ok(StepFinding::Message(message))
            }
            StepAction::Ping { on, within } => {
                let limit = limit(within);
                self.ping(on, limit).await.map(StepFinding::Pong)
            }
            StepAction::Close { on, frame, within } => {
                let limit = limit(within);
                let close = self.close(on, frame.as_ref(), limit).await;
                close.map(StepFinding::Closed)
            }
            StepAction::ExpectClose {
                on,
                code,
                reason,
                within,
            } => {
                let limit = limit(within);
                let reason = reason.as_ref().map(|reason| self.pattern(reason));
                let expected = ExpectedClose {
                    code: CloseCode(*code),
                    reason: reason.transpose()?,
                };
                let close = self.expect_close(on, &expected, limit).await;
                close.map(StepFinding::Closed)
            }
            _ => Ok(StepFinding::Nothing),
        }
    }

    async fn forbid(&mut self, on: &ConnectionName, pattern: &Expected) -> Result<(), StepFailure> {
        let pattern = self.pattern(pattern)?;
        self.context.connections[on.index].forbid(pattern);
        // A message that was already received fails here, not at the next step that waits.
        self.context
            .until(Some(Duration::ZERO), |_| Some(()))
            .await
            .map(drop)
    }

    fn fill(&self, template: &Template) -> Result<Filled, StepFailure> {
        let filled = self.scope.fill(template).map_err(StepFailure::fault)?;
        for secret in self.scope.secrets(template) {
            self.hide(&secret);
        }
        Ok(filled)
    }

    /// Redacts a value in all output from now on.
    fn hide(&self, secret: &str) {
        let event = Event::Secret(Secret::new(secret));
        self.context.shared.sinks.borrow_mut().on_event(&event);
    }

    fn pattern(&self, expected: &Expected) -> Result<Pattern, StepFailure> {
        if let Some(pattern) = expected.fixed() {
            return Ok(pattern.clone());
        }
        let filled = self.fill(expected.template())?;
        expected
            .compile(&filled.text)
            .map_err(|error| StepFailure::fault(error.to_string()))
    }

    fn query(&self, query: &Query) -> Result<Jq, StepFailure> {
        let compile = || {
            let filled = self.fill(query.template())?;
            let jq = query.compile(&filled.text);
            jq.map_err(|error| StepFailure::fault(error.to_string()))
        };
        query.fixed().cloned().map_or_else(compile, Ok)
    }

    fn set(&mut self, name: &str, value: &Template) -> Result<(), StepFailure> {
        let filled = self.fill(value)?;
        let is_secret = filled.shown.is_some();
        if is_secret {
            self.hide(&filled.text);
        }
        let text = filled.text;
        self.scope.set(name, VariableValue { text, is_secret });
        Ok(())
    }

    async fn connect(&mut self, step: &Step, connect: &ConnectStep) -> Result<(), FailedStep> {
        let is_status = |fact: &HandshakeFact| matches!(fact, HandshakeFact::Status(_));
        let may_be_refused = connect
            .expectations
            .iter()
            .any(|expectation| is_status(&expectation.fact));
        let at = |line, step: String| {
            move |failure| FailedStep {
                line,
                step,
                failure,
            }
        };
        let whole = at(step.line, step.action.to_string());
        let index = self.open(connect, may_be_refused).await.map_err(whole)?;
        let expectations = connect.expectations.iter();
        for expectation in expectations {
            let connection = &self.context.connections[index];
            self.check(connection, &expectation.fact)
                .map_err(at(expectation.line, expectation.fact.to_string()))?;
        }
        Ok(())
    }

    /// Opens a connection; a refusal is a failure unless a status is expected.
    async fn open(
        &mut self,
        connect: &ConnectStep,
        may_be_refused: bool,
    ) -> Result<usize, StepFailure> {
        let url = self.fill(&connect.url)?.text;
        let mut headers = Vec::new();
        for header in &connect.headers {
            let value = self.fill(&header.value)?.text;
            if value.chars().any(|c| c.is_control() && c != '\t') {
                let name = &header.name;
                return Err(StepFailure::fault(format!(
                    "invalid value of header {name}: it contains a control character"
                )));
            }
            if is_credential_header(&header.name) {
                self.hide(&value);
            }
            headers.push(RequestHeader::new(&header.name, value));
        }
        let limit = self.timeout_set.then_some(self.timeout);
        let connection = self
            .context
            .connect(connect.name.clone(), url, headers, limit)
            .await?;
        match &connection.end {
            Some(ConnectionEnd::Failed(error)) if error.refusal.is_some() && may_be_refused => {}
            Some(end @ ConnectionEnd::Failed(_)) => return Err(end.into()),
            _ => {}
        }
        Ok(self.context.connections.len() - 1)
    }

    fn check(&self, connection: &TestConnection, fact: &HandshakeFact) -> Result<(), StepFailure> {
        let opened = connection.opened.as_deref();
        match fact {
            HandshakeFact::Status(wanted) => expect_status(connection, *wanted),
            HandshakeFact::Subprotocol(name) => {
                let wanted = self.fill(name)?.text;
                let chosen = opened.and_then(|opened| opened.subprotocol.as_deref());
                Ok(check_subprotocol(&wanted, chosen)?)
            }
            HandshakeFact::Header { name, value } => {
                expect_header(connection, name, &self.pattern(value)?)
            }
            HandshakeFact::CertDays(least) => match opened {
                Some(opened) => Ok(check_certificate(*least, opened)?),
                None => Err(StepFailure::unmet("not connected")),
            },
        }
    }

    async fn send(&mut self, on: &ConnectionName, message: &SendStep) -> Result<(), StepFailure> {
        let (payload, shown) = match message {
            SendStep::Text(template) => {
                let filled = self.fill(template)?;
                (Payload::Text(filled.text.into()), filled.shown)
            }
            SendStep::Hex(bytes) => (Payload::Binary(bytes.clone().into()), None),
            SendStep::File(template) => {
                let path = self.fill(template)?.text;
                // A path is relative to the check file, not to the working directory.
                let beside = Path::new(self.file).parent().unwrap_or(Path::new(""));
                let bytes = self.context.read(&beside.join(&path), self.timeout).await;
                let bytes = bytes.map_err(|failure| StepFailure {
                    why: format!("cannot read {path}: {}", failure.why),
                    ..failure
                })?;
                (Payload::Binary(bytes.into()), None)
            }
        };
        self.context
            .send(on.index, payload, shown, self.timeout)
            .await
    }

    /// Waits for a message.
    pub(super) async fn receive(
        &mut self,
        on: &ConnectionName,
        which: MessageOrder,
        mut awaited: AwaitedMessage,
        limit: Duration,
    ) -> Result<Payload, StepFailure> {
        let line = Some(self.line).filter(|line| *line > 0);
        let found = self.context.until(Some(limit), |context| {
            let connection = &mut context.connections[on.index];
            while let Some(payload) = connection.take() {
                if awaited.check(&payload) {
                    return Some(Some(payload));
                }
                if which == MessageOrder::Next {
                    return Some(None);
                }
                connection.passed.keep(&payload, line);
            }
            connection.end.is_some().then_some(None)
        });
        let found = found.await?;
        let passed = &self.context.connections[on.index].passed;
        let unmet = match found {
            WaitResult::For(Some(payload)) => return Ok(payload),
            WaitResult::For(None) if which == MessageOrder::Next && awaited.has_seen_messages() => {
                awaited.next_differs()
            }
            WaitResult::For(None) => {
                let end = self.context.closed_early(on.index);
                let unmet = awaited.missed_by_end(&end.why, passed);
                return Err(StepFailure {
                    why: unmet.what,
                    closest: unmet.closest,
                    ..end
                });
            }
            WaitResult::InVain => awaited.missed(&units::shown(limit), passed),
        };
        Err(unmet.into())
    }

    async fn expect_silence(
        &mut self,
        on: &ConnectionName,
        time: Duration,
    ) -> Result<(), StepFailure> {
        let noise = self.context.until(Some(time), |context| {
            let connection = &mut context.connections[on.index];
            match connection.take() {
                Some(payload) => Some(Some(payload)),
                None => connection.end.is_some().then_some(None),
            }
        });
        match noise.await? {
            WaitResult::InVain => Ok(()),
            WaitResult::For(Some(payload)) => {
                let mut failure = StepFailure::from(unexpected_message(&payload));
                let text = payload.as_text();
                failure.details = text.iter().map(|text| format!("message: {text}")).collect();
                Err(failure)
            }
            WaitResult::For(None) => Err(self.context.closed_early(on.index)),
        }
    }

    fn capture(&mut self, name: &str, secret: bool, query: &Query) -> Result<(), StepFailure> {
        let jq = self.query(query)?;
        let selected = jq.select(self.last_message()).map_err(StepFailure::unmet)?;
        let text = match selected.first().map(crate::pattern::Selected::raw) {
            None => {
                return Err(StepFailure::unmet(
                    "the expression selects nothing in the last matched message",
                ));
            }
            // A test that continues with "null" as an id would not test what it was written for.
            Some("null") => {
                return Err(StepFailure::unmet(
                    "the expression selects null in the last matched message",
                ));
            }
            Some(text) => text.to_owned(),
        };
        if secret {
            self.hide(&text);
        }
        let is_secret = secret;
        self.scope.capture(name, VariableValue { text, is_secret });
        Ok(())
    }

    fn assert(&self, query: &Query) -> Result<(), StepFailure> {
        let pattern = Pattern::jq(self.query(query)?);
        match pattern.matches(self.last_message()) {
            MatchResult::Match => Ok(()),
            MatchResult::Mismatch(mismatch) => {
                let mut failure = StepFailure::unmet(mismatch.why);
                failure.details = vec![format!("message: {}", self.last_message())];
                Err(failure)
            }
        }
    }

    /// The parser ensures that a message was matched before it is used.
    fn last_message(&self) -> &str {
        self.matched.as_ref().map_or("", |text| text.as_str())
    }

    async fn ping(
        &mut self,
        on: &ConnectionName,
        limit: Duration,
    ) -> Result<Duration, StepFailure> {
        let seq = self.context.ping(on.index, limit).await?;
        self.context.connections[on.index].read_ahead(true);
        let pong = self.context.until(Some(limit), |context| {
            let connection = &context.connections[on.index];
            let pong = connection.pong(seq);
            (pong.is_some() || connection.end.is_some()).then_some(pong)
        });
        let pong = pong.await;
        self.context.connections[on.index].read_ahead(false);
        match pong? {
            WaitResult::For(Some(rtt)) => Ok(rtt.unwrap_or_default()),
            WaitResult::For(None) => Err(self.context.closed_early(on.index)),
            WaitResult::InVain => {
                let limit = units::shown(limit);
                Err(StepFailure::unmet(format!("no pong within {limit}")))
            }
        }
    }

    async fn close(
        &mut self,
        on: &ConnectionName,
        frame: Option<&CloseStep>,
        limit: Duration,
    ) -> Result<Box<CloseInfo>, StepFailure> {
        if self.context.connections[on.index].end.is_some() {
            return Err(self.context.closed_early(on.index));
        }
        let close_frame = match frame {
            None => CloseFrame::default(),
            Some(frame) => {
                let reason = frame
                    .reason
                    .as_ref()
                    .map(|reason| self.fill(reason))
                    .transpose()?;
                let reason = reason.map(|filled| filled.text).unwrap_or_default();
                CloseFrame::new(&frame.code.to_string(), &reason).map_err(StepFailure::fault)?
            }
        };
        self.context.close(on.index, &close_frame);
        match self.ended(on, limit).await? {
            Some(ConnectionEnd::Closed(close)) if answers(&close, close_frame.code) => Ok(close),
            Some(ConnectionEnd::Closed(close)) if close.error.is_none() => {
                let end = end_in_words(&close);
                let why = format!("{end} instead of answering our close");
                Err(StepFailure::unmet(why))
            }
            Some(end) => Err((&end).into()),
            None => {
                let limit = units::shown(limit);
                let why = format!("no answer to our close within {limit}");
                Err(StepFailure::unmet(why))
            }
        }
    }

    async fn expect_close(
        &mut self,
        on: &ConnectionName,
        expected: &ExpectedClose,
        limit: Duration,
    ) -> Result<Box<CloseInfo>, StepFailure> {
        match self.ended(on, limit).await? {
            Some(ConnectionEnd::Closed(close)) => match expected.check(&close) {
                Ok(()) => Ok(close),
                Err(unmet) => Err(StepFailure {
                    fault: close.error.is_some(),
                    ..unmet.into()
                }),
            },
            Some(end) => Err((&end).into()),
            None => Err(expected.missed(&units::shown(limit)).into()),
        }
    }

    /// Waits for the end of a connection; messages that still arrive are ignored.
    async fn ended(
        &mut self,
        on: &ConnectionName,
        limit: Duration,
    ) -> Result<Option<ConnectionEnd>, StepFailure> {
        let end = self.context.until(Some(limit), |context| {
            let connection = &mut context.connections[on.index];
            while connection.take().is_some() {}
            connection.take_close()
        });
        Ok(match end.await? {
            WaitResult::For(end) => Some(end),
            WaitResult::InVain => None,
        })
    }
}

fn expect_status(connection: &TestConnection, wanted: u16) -> Result<(), StepFailure> {
    match (&connection.opened, &connection.end) {
        (Some(opened), _) => Ok(check_status(wanted, Ok(opened))?),
        (None, Some(ConnectionEnd::Failed(error))) => match &error.refusal {
            Some(refusal) => Ok(check_status(wanted, Err((error, refusal)))?),
            None => Err((&**error).into()),
        },
        (None, _) => Err(StepFailure::unmet("not connected")),
    }
}

fn expect_header(
    connection: &TestConnection,
    name: &str,
    pattern: &Pattern,
) -> Result<(), StepFailure> {
    let none = Headers::default();
    let headers = match (&connection.opened, &connection.end) {
        (Some(opened), _) => &opened.answer.headers,
        (None, Some(ConnectionEnd::Failed(error))) => error
            .refusal
            .as_ref()
            .map_or(&none, |refusal| &refusal.headers),
        _ => &none,
    };
    let mut why = format!("the response has no header {name}");
    for value in headers.all(name) {
        match pattern.matches(value) {
            MatchResult::Match => return Ok(()),
            MatchResult::Mismatch(mismatch) => {
                why = format!("{name} is {value:?}: {}", mismatch.why);
            }
        }
    }
    Err(StepFailure::unmet(why))
}
