//! `any-order`: expectations that are met in any order, each by a message of its own.

use std::time::{Duration, Instant};

use super::Runner;
use super::assignment::Assignment;
use crate::expectation::AwaitedMessage;
use crate::script::AnyOrderBlock;
use crate::script::step_failure::{NearMiss, StepFailure};
use crate::script::test_context::{TestContext, WaitResult};
use crate::units;

/// One expectation of the block.
struct OpenExpectation {
    /// `line 5: < b`
    label: String,
    awaited: AwaitedMessage,
    limit: Duration,
}

/// The state of the block.
struct AnyOrderState {
    begun: Instant,
    expectations: Vec<OpenExpectation>,
    assignment: Assignment,
    /// How many messages were looked at.
    received: u64,
}

impl Runner<'_> {
    pub(super) async fn any_order(&mut self, block: &AnyOrderBlock) -> Result<(), StepFailure> {
        let index = self.connection(&block.on)?;
        let mut state = self.state_of(block)?;
        self.subject = super::MESSAGE;
        let place = self.place.clone();
        loop {
            let Some(limit) = state.next_deadline() else {
                return Ok(());
            };
            let left = limit.saturating_sub(state.begun.elapsed());
            let matched = &mut self.matched;
            let met = self.context.until(Some(left), |context| {
                let connection = &mut context.connections[index];
                while let Some(payload) = connection.take() {
                    if state.take(&payload) {
                        *matched = payload.readable();
                    } else {
                        connection.passed.keep(&payload, place.as_ref());
                    }
                    if state.assignment.is_complete() {
                        return Some(true);
                    }
                }
                connection.end.is_some().then_some(false)
            });
            match met.await? {
                WaitResult::For(true) => return Ok(()),
                WaitResult::For(false) => {
                    let end = self.context.closed_early(index);
                    let why = state.unmet(&self.context, index, |all, unmet| {
                        format!("{}, before {unmet} of {all} were met", end.why)
                    });
                    let details = end.details;
                    return Err(StepFailure {
                        fault: end.fault,
                        details,
                        ..why
                    });
                }
                // A later deadline may remain.
                WaitResult::InVain if state.is_late(limit) => {
                    let limit = units::shown(limit);
                    return Err(state.unmet(&self.context, index, |all, unmet| {
                        format!("{unmet} of {all} not met within {limit}")
                    }));
                }
                WaitResult::InVain => {}
            }
        }
    }

    fn state_of(&self, block: &AnyOrderBlock) -> Result<AnyOrderState, StepFailure> {
        let mut expectations = Vec::new();
        for (step, pattern, within) in block.expectations() {
            expectations.push(OpenExpectation {
                label: format!("{}: {}", self.line(step.line), step.action),
                awaited: AwaitedMessage::matching(self.pattern(pattern)?),
                limit: within.unwrap_or(self.timeout),
            });
        }
        let mut order: Vec<usize> = (0..expectations.len()).collect();
        order.sort_by_key(|at| expectations[*at].limit);
        Ok(AnyOrderState {
            begun: Instant::now(),
            expectations,
            assignment: Assignment::new(order),
            received: 0,
        })
    }
}

impl AnyOrderState {
    /// The limit of the unmet expectation whose time ends first; `None` if all are met.
    fn next_deadline(&self) -> Option<Duration> {
        let expectations = self.expectations.iter().enumerate();
        expectations
            .filter(|(at, _)| !self.assignment.is_met(*at))
            .map(|(_, expectation)| expectation.limit)
            .min()
    }

    /// Whether an expectation with this limit, which has elapsed, is unmet.
    fn is_late(&self, limit: Duration) -> bool {
        self.next_deadline().is_some_and(|next| next <= limit)
    }

    /// Looks at a message; true if an expectation is met by it.
    fn take(&mut self, payload: &crate::connection::message::Payload) -> bool {
        self.received += 1;
        let elapsed = self.begun.elapsed();
        let mut meets = Vec::new();
        for (at, expectation) in self.expectations.iter_mut().enumerate() {
            // One that came late meets nothing that had to come earlier.
            if elapsed <= expectation.limit && expectation.awaited.check(payload) {
                meets.push(at);
            }
        }
        !meets.is_empty() && self.assignment.add(meets)
    }

    /// The failure: which are not met, how many messages came, and the nearest ones. `say` gets `3 expectations`
    /// and the number of those that are not met.
    fn unmet(
        &self,
        context: &TestContext,
        index: usize,
        say: impl FnOnce(&str, usize) -> String,
    ) -> StepFailure {
        let expectations = self.expectations.iter().enumerate();
        let unmet: Vec<&OpenExpectation> = expectations
            .filter(|(at, _)| !self.assignment.is_met(*at))
            .map(|(_, expectation)| expectation)
            .collect();
        let all = units::count(self.expectations.len() as u64, "expectation");
        let passed = &context.connections[index].passed;
        let received = passed.received(self.received, "message");
        let what = say(&all, unmet.len());
        let mut failure = StepFailure::unmet(format!("{what} ({received})"));
        for expectation in unmet {
            let awaited = &expectation.awaited;
            let mut label = format!("not met: {}", expectation.label);
            if let Some(earlier) = awaited.passed_over(passed) {
                label.push_str(&format!(" ({earlier})"));
            }
            match awaited.closest() {
                Some(closest) => failure.closest.push(NearMiss {
                    label: Some(label),
                    closest: closest.clone(),
                }),
                None => failure.details.push(label),
            }
        }
        failure
    }
}
