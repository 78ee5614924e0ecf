//! Runs a test of a check file, step by step, and stops at the first step that fails.

mod exchange;
mod opening;
mod values;

use std::time::Duration;

use super::report::{Finished, PassGrade, TestFailure};
use super::test_context::{RunContext, StepFailure, TestContext};
use super::variables::{Values, VariableScope};
use super::{Script, Step, StepAction, Test};
use crate::connection::close::{CloseCode, CloseInfo};
use crate::connection::message::{Payload, Text};
use crate::expectation::{AwaitedMessage, ExpectedClose};

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
         }| { TestFailure::from(failure).at(line, step, transcript.lines()) },
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
}
