//! Runs what contains other steps: `repeat`, `include`, `finally`.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{FailedStep, Runner};
use crate::script::step_failure::StepFailure;
use crate::script::test_context::RunContext;
use crate::script::{FinallySteps, IncludedFile, RepeatBlock, Step};

/// How long the final steps may still run after the whole run was told to stop.
const GRACE: Duration = Duration::from_secs(2);

impl Runner<'_> {
    pub(super) async fn repeat(
        &mut self,
        step: &Step,
        block: &RepeatBlock,
    ) -> Result<(), FailedStep> {
        for n in 1..=block.times {
            // Steps that wait for nothing would keep signals and time limits from being noticed.
            tokio::task::yield_now().await;
            if let Some(failure) = self.context.take_failure() {
                return Err(FailedStep::new(step.line, step.action.to_string(), failure));
            }
            if let Err(mut failed) = self.steps(block.steps.iter()).await {
                let repetition = format!("in repetition {n} of {}", block.times);
                failed.failure.details.insert(0, repetition);
                return Err(failed);
            }
        }
        Ok(())
    }

    /// Runs the steps of an included file; `line` is that of the `include`.
    pub(super) async fn include(
        &mut self,
        line: usize,
        included: &IncludedFile,
    ) -> Result<(), FailedStep> {
        let outer = std::mem::replace(&mut self.file, included.file.clone());
        let was_included = std::mem::replace(&mut self.is_included, true);
        let done = self.steps(included.steps.iter()).await;
        self.file = outer;
        self.is_included = was_included;
        done.map_err(|failed| FailedStep {
            line,
            included: failed
                .included
                .or_else(|| Some((included.file.clone(), failed.line))),
            ..failed
        })
    }

    /// Runs every final step, also after one that failed; returns the first failure. After a signal they have
    /// 2 s.
    pub(super) async fn finally(
        &mut self,
        finally: &FinallySteps,
        has_failed: bool,
    ) -> Option<FailedStep> {
        self.context.begin_finally(has_failed);
        let shared = self.context.shared;
        let steps = async {
            let mut first = None;
            for step in &finally.steps {
                let failed = self.step(step).await.err();
                first = first.or(failed);
            }
            first
        };
        let in_time = within_grace(shared, steps).await;
        in_time.unwrap_or_else(|| {
            let why = "stopped 2 s after the run was told to stop";
            let failure = StepFailure::fault(why);
            Some(FailedStep::new(finally.line, "finally".to_owned(), failure))
        })
    }
}

/// Polls `work` until it is done, or [`GRACE`] after the run was told to stop.
async fn within_grace<T>(shared: &RunContext, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        // A signal polls every test again, so that its time begins at once.
        if timer.is_none() && shared.stopping.get().is_some() {
            timer = Some(Box::pin(tokio::time::sleep(GRACE)));
        }
        match &mut timer {
            Some(timer) => timer.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}
