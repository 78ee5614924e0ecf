//! Runs a test of a check file, step by step, and stops at the first step that fails.

mod any_order;
mod assignment;
mod blocks;
mod exchange;
mod http;
mod opening;
mod retry;
mod values;

use std::rc::Rc;
use std::time::Duration;

use super::report::{Finished, PassGrade, TestFailure};
use super::step_failure::StepFailure;
use super::test_context::{RunContext, TestContext};
use super::{ConnectionName, Script, Step, StepAction, Test};
use crate::connection::close::{CloseCode, CloseInfo};
use crate::connection::cookies::CookieJar;
use crate::connection::message::{Payload, Text};
use crate::expectation::{AwaitedMessage, ExpectedClose};
use crate::template::variables::{Values, Variables};

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
    let steps = file.script.settings.iter().chain(&test.steps);
    let mut failure = runner.steps(steps).await.err();
    if let Some(finally) = &test.finally {
        let late = runner.finally(finally, failure.is_some()).await;
        failure = FailedStep::first(failure, late);
    }
    let unseen = runner.context.finish().await.map(|why| {
        let last = test.steps.last().map_or(test.line, |step| step.line);
        FailedStep::new(last, END.to_owned(), why)
    });
    failure = failure.or(unseen);
    let transcript = &runner.context.transcript;
    let failure = failure.map(|failed| {
        TestFailure::from(failed.failure)
            .at(
                failed.line,
                failed.step,
                transcript.lines(shared.sinks.borrow_mut().redactor()),
            )
            .included(failed.included)
    });
    Finished {
        file: file.name.clone(),
        line: test.line,
        name: test.name.clone(),
        steps: test.step_count(),
        time: transcript.elapsed(),
        grade: PassGrade::Passed,
        note: None,
        failure,
        probe: None,
    }
}

/// A step that failed.
pub(super) struct FailedStep {
    /// Its line; of a step in an included file, that of the `include` in the test's file.
    line: usize,
    /// The included file and the line there.
    included: Option<(String, usize)>,
    step: String,
    pub(super) failure: StepFailure,
}

impl FailedStep {
    fn new(line: usize, step: String, failure: StepFailure) -> Self {
        Self {
            line,
            included: None,
            step,
            failure,
        }
    }

    /// The reported failure: the first one, which names that of the final steps, too.
    fn first(first: Option<Self>, late: Option<Self>) -> Option<Self> {
        match (first, late) {
            (Some(mut first), Some(late)) => {
                let (place, why) = (late.place(), &late.failure.why);
                let step = &late.step;
                first
                    .failure
                    .details
                    .push(format!("finally, {place}: {step}: {why}"));
                Some(first)
            }
            (first, late) => first.or(late),
        }
    }

    fn place(&self) -> String {
        match &self.included {
            Some((file, line)) => format!("{file}:{line}"),
            None => format!("line {}", self.line),
        }
    }
}

/// Runs steps, one after the other.
pub(super) struct Runner<'a> {
    pub(super) context: TestContext<'a>,
    variables: Variables,
    /// The limit of each waiting step.
    timeout: Duration,
    /// Whether the file sets it: only then does it also limit `connect`, which has its own limit.
    timeout_set: bool,
    /// The last matched message, or the body of the last HTTP answer; `None` for one that is not text.
    matched: Option<Text>,
    /// What `matched` is, for errors.
    subject: &'static str,
    /// The cookies of this test.
    cookies: CookieJar,
    /// The connection of the context that each `connect` of the test has opened last.
    opened: Vec<Option<usize>>,
    /// The file of the current step: paths are relative to its folder.
    file: String,
    /// Whether that file is included by another.
    is_included: bool,
    /// The current step, for what is said later about the messages that it skipped.
    place: Option<Rc<str>>,
}

/// What `capture` and `assert` look at.
const MESSAGE: &str = "the last matched message";
const BODY: &str = "the body of the last http answer";

/// The step shown for what came after the last one.
const END: &str = "end of the test";

/// The longest step quoted in a later failure, in characters.
const QUOTED_STEP: usize = 60;

impl<'a> Runner<'a> {
    /// A runner for the steps of `file`, with the values of `--var` and `--secret`.
    pub(super) fn new(shared: &'a RunContext, file: &str, given: &'a Values) -> Self {
        Self {
            context: TestContext::new(shared),
            variables: Variables::new(given),
            timeout: shared.timeout,
            timeout_set: false,
            matched: None,
            subject: MESSAGE,
            cookies: CookieJar::default(),
            opened: Vec::new(),
            file: file.to_owned(),
            is_included: false,
            place: None,
        }
    }

    /// Runs steps up to the first that fails.
    async fn steps(&mut self, steps: impl Iterator<Item = &Step>) -> Result<(), FailedStep> {
        for step in steps {
            self.step(step).await?;
        }
        Ok(())
    }

    pub(super) async fn step(&mut self, step: &Step) -> Result<StepFinding, FailedStep> {
        self.place = self.place_of(step);
        let done = match &step.action {
            StepAction::Connect(connect) => self.connect(step, connect).await,
            StepAction::Http(http) => self.http(step, http).await,
            // Boxed, because these contain steps.
            StepAction::Repeat(block) => Box::pin(self.repeat(step, block)).await,
            StepAction::Include(included) => Box::pin(self.include(step.line, included)).await,
            action => {
                let found = self.act(action).await;
                return found
                    .map_err(|failure| FailedStep::new(step.line, action.to_string(), failure));
            }
        };
        done.map(|()| StepFinding::Nothing)
    }

    /// `line 4: any-order`, for steps that may skip messages.
    fn place_of(&self, step: &Step) -> Option<Rc<str>> {
        let skips = matches!(
            step.action,
            StepAction::Receive { .. } | StepAction::AnyOrder(_)
        );
        if !skips || step.line == 0 {
            return None;
        }
        let text = step.action.to_string();
        let text = match text.char_indices().nth(QUOTED_STEP) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        Some(format!("{}: {text}", self.line(step.line)).into())
    }

    /// `line 4`, or `lib.wst:4` in an included file.
    fn line(&self, line: usize) -> String {
        match self.is_included {
            true => format!("{}:{line}", self.file),
            false => format!("line {line}"),
        }
    }

    /// The index of a step's connection.
    ///
    /// # Errors
    /// It was not opened, because a step before it has failed.
    fn connection(&self, on: &ConnectionName) -> Result<usize, StepFailure> {
        let opened = self.opened.get(on.index).copied().flatten();
        opened.ok_or_else(|| StepFailure::fault("its connection was not opened"))
    }

    async fn act(&mut self, action: &StepAction) -> Result<StepFinding, StepFailure> {
        match action {
            StepAction::Set { name, value } => self.set(name, value)?,
            StepAction::Timeout(time) => (self.timeout, self.timeout_set) = (*time, true),
            StepAction::NeverEverywhere(pattern) => {
                let pattern = self.pattern(pattern)?;
                self.context.forbid_everywhere(pattern);
            }
            StepAction::On {
                on,
                pattern,
                answer,
            } => self.answer_by(on.as_ref(), pattern, answer).await?,
            StepAction::AnyOrder(block) => self.any_order(block).await?,
            StepAction::Pause(time) if self.context.shared.keeps_pace => self.wait(*time).await?,
            StepAction::Send { on, message } => self.send(on, message).await?,
            StepAction::Never { on, pattern } => self.forbid(on, pattern).await?,
            StepAction::Decode { on, format } => {
                let index = self.connection(on)?;
                self.context.connections[index].decode(format.clone());
            }
            StepAction::Silence { on, time } => self.expect_silence(on, *time).await?,
            StepAction::Capture {
                name,
                secret,
                query,
            } => self.capture(name, *secret, query)?,
            StepAction::Assert(query) => self.assert(query)?,
            StepAction::Wait(time) => self.wait(*time).await?,
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
                self.matched = message.readable();
                self.subject = MESSAGE;
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
            // `step` runs those that contain others; a sample is for a server.
            _ => Ok(StepFinding::Nothing),
        }
    }

    async fn wait(&mut self, time: Duration) -> Result<(), StepFailure> {
        let over = self.context.until(Some(time), |_| None::<()>).await;
        over.map(drop)
    }
}
