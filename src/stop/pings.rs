//! The stop rule of `ping`: what is timed, when it is over, and whether the figures are good enough.

use std::time::Instant;

use super::statistics::{PingLimits, PingStatistics};
use super::{Failure, Openings, Replies, Verdict};
use crate::event::Event;
use crate::expectation::UnmetExpectation;

/// See the module's head.
#[derive(Debug)]
pub struct PingRule {
    subject: TimedRule,
    limits: PingLimits,
}

/// What to try where a connection lives and no ping frame is answered.
pub const NO_PONGS: &str = "no ping frame was answered and the connection lives: --app MESSAGE times a message \
     and its reply instead";

/// What is timed.
#[derive(Debug)]
pub enum TimedRule {
    /// From a ping to its answer.
    Replies(Replies),
    /// From the name lookup to the open connection.
    Openings(Openings),
}

/// Hands a call through to whatever is timed.
macro_rules! subject {
    ($self:ident, $rule:ident => $call:expr) => {
        match &$self.subject {
            TimedRule::Replies($rule) => $call,
            TimedRule::Openings($rule) => $call,
        }
    };
    (mut $self:ident, $rule:ident => $call:expr) => {
        match &mut $self.subject {
            TimedRule::Replies($rule) => $call,
            TimedRule::Openings($rule) => $call,
        }
    };
}

impl PingRule {
    /// A rule for that subject, whose figures must keep to the limits.
    pub fn new(subject: TimedRule, limits: PingLimits) -> Self {
        Self { subject, limits }
    }

    pub(super) fn on_event(&mut self, event: &Event, now: Instant) -> Verdict {
        let verdict = subject!(mut self, rule => rule.on_event(event, now));
        match verdict {
            Verdict::Failed(failure) if self.limits.are_set() => Verdict::Failed(unmet(failure)),
            verdict => verdict,
        }
    }

    pub(super) fn input_idle(&mut self, ended: bool, now: Instant) -> Verdict {
        subject!(mut self, rule => rule.input_idle(ended, now))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        subject!(self, rule => rule.deadline())
    }

    pub(super) fn expire(&mut self, now: Instant) -> Verdict {
        match self.deadline() {
            Some(deadline) if deadline <= now => self.interrupt(now),
            _ => Verdict::GoOn,
        }
    }

    /// It is over, whatever is under way.
    pub(super) fn interrupt(&mut self, now: Instant) -> Verdict {
        subject!(mut self, rule => rule.end(now))
    }

    pub(super) fn has_verdict(&self) -> bool {
        self.limits.are_set()
    }

    pub(super) fn outlives_connection(&self) -> bool {
        matches!(self.subject, TimedRule::Openings(_))
    }

    /// The statistics as they stand; `None` when nothing has been timed yet.
    pub fn statistics(&self, now: Instant) -> Option<PingStatistics> {
        subject!(self, rule => rule.statistics(now))
    }

    /// Once it is over: why that is no success, if it is none. Any answer is one, as with ping(8), unless
    /// more was asked for. What was not ended by this rule is not judged by it.
    pub fn judge(&self, statistics: Option<&PingStatistics>) -> Option<Failure> {
        if !subject!(self, rule => rule.is_over()) {
            return None;
        }
        let has_answer = |statistics: &&PingStatistics| statistics.counts.received > 0;
        let answered = statistics.filter(has_answer);
        let what = match (answered, subject!(self, rule => rule.missing())) {
            (None, _) => match &self.subject {
                TimedRule::Replies(replies) => replies.why_unanswered(),
                TimedRule::Openings(_) => "no connection was opened".to_owned(),
            },
            (_, Some((came, wanted))) => {
                format!("{came} of {wanted} answers had come when the time of -w was over")
            }
            (Some(statistics), None) => {
                let broken = self.limits.exceeded(statistics);
                (!broken.is_empty()).then(|| broken.join("; "))?
            }
        };
        let unmet = match &self.subject {
            TimedRule::Replies(replies) if replies.may_lack_pongs() => {
                UnmetExpectation::new(what).hint(NO_PONGS)
            }
            _ => UnmetExpectation::new(what),
        };
        Some(Failure::Unmet(Box::new(unmet)))
    }
}

/// Where a verdict was asked for, an answer that does not lead to it is a failed expectation; a fault of
/// transport stays what it is.
fn unmet(failure: Failure) -> Failure {
    let what = failure.to_string();
    match failure {
        Failure::Closed(close, _) if close.error.is_none() => {
            Failure::Unmet(Box::new(UnmetExpectation::new(what)))
        }
        Failure::NotConnected(error) if error.refusal.is_some() => {
            Failure::Unmet(Box::new(UnmetExpectation::new(what).refusal(&error)))
        }
        failure => failure,
    }
}
