//! The attempts of a step after `retry`.

use std::time::{Duration, Instant};

use super::{FailedStep, Runner};
use crate::connection::backoff;
use crate::script::RetryClause;
use crate::script::test_context::TestContext;
use crate::units;

/// The attempts of one step.
pub(super) struct StepAttempts {
    begun: Instant,
    /// `None` for a single attempt.
    time: Option<Duration>,
    made: u32,
}

impl Runner<'_> {
    /// The attempts that a `retry` allows; without it there is one.
    pub(super) fn attempts(&self, retry: Option<&RetryClause>) -> StepAttempts {
        StepAttempts {
            begun: Instant::now(),
            time: retry.map(|retry| retry.time),
            made: 0,
        }
    }
}

impl StepAttempts {
    /// Waits until the next attempt after one that failed. Returns the failure if it was the last: when the
    /// time is over, or the failure ends the test. The last attempt is at the end of the time.
    pub(super) async fn wait(
        &mut self,
        context: &mut TestContext<'_>,
        failed: FailedStep,
    ) -> Option<FailedStep> {
        let Some(time) = self.time.filter(|_| !failed.failure.is_final) else {
            return Some(failed);
        };
        self.made += 1;
        let left = time.saturating_sub(self.begun.elapsed());
        if left.is_zero() {
            let mut failed = failed;
            let attempts = units::count(self.made.into(), "attempt");
            let time = units::shown(time);
            failed.failure.details.push(format!("{attempts} in {time}"));
            return Some(failed);
        }
        let delay = context.shared.backoff.delay(self.made - 1, backoff::random);
        let waited = context.until(Some(delay.min(left)), |_| None::<()>).await;
        let at = |failure| FailedStep { failure, ..failed };
        waited.err().map(at)
    }
}
