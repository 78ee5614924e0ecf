//! The stop rule of `ping`: what is timed, when it ends, and whether the results are within the limits.

use std::time::{Duration, Instant};

use super::statistics::{PingLimits, PingStatistics};
use super::write_stall::WriteStall;
use super::{Failure, Openings, Replies, Verdict};
use crate::event::Event;
use crate::expectation::UnmetExpectation;

/// The stop rule of `ping`.
#[derive(Debug)]
pub struct PingRule {
    subject: TimedRule,
    limits: PingLimits,
    /// How long the peer may take nothing of what waits to be sent (`-W`).
    write_limit: Option<Duration>,
    pub(super) write_stall: WriteStall,
}

/// The hint for a connection that is open and answers no ping frames.
pub const NO_PONGS: &str = "the connection is open but no ping frame was answered; use --app MESSAGE to time a message \
     and its reply instead";

/// What is timed.
#[derive(Debug)]
pub enum TimedRule {
    /// From a ping to its answer.
    Replies(Replies),
    /// From the name lookup to the open connection.
    Openings(Openings),
}

/// Delegates a call to the rule for what is timed.
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
    /// A rule that times `subject` and requires the results to be within `limits`.
    pub fn new(subject: TimedRule, limits: PingLimits) -> Self {
        Self {
            subject,
            limits,
            write_limit: None,
            write_stall: WriteStall::default(),
        }
    }

    /// Fails when the peer takes nothing of what waits to be sent for `limit`.
    pub fn write_limit(mut self, limit: Option<Duration>) -> Self {
        self.write_limit = limit;
        self
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
        let stalled = self.write_stall.deadline(self.write_limit);
        let ends = [subject!(self, rule => rule.deadline()), stalled];
        ends.into_iter().flatten().min()
    }

    pub(super) fn expire(&mut self, now: Instant) -> Verdict {
        let hint = "the server does not read; -W TIME waits longer";
        let stalled = self.write_stall.failure(self.write_limit, hint, now);
        match self.deadline() {
            _ if let Some(failure) = stalled => Verdict::Failed(failure),
            Some(deadline) if deadline <= now => self.interrupt(now),
            _ => Verdict::GoOn,
        }
    }

    /// Ends the run; pings in flight are not waited for.
    pub(super) fn interrupt(&mut self, now: Instant) -> Verdict {
        subject!(mut self, rule => rule.end(now))
    }

    pub(super) fn has_verdict(&self) -> bool {
        self.limits.are_set()
    }

    pub(super) fn outlives_connection(&self) -> bool {
        matches!(self.subject, TimedRule::Openings(_))
    }

    /// The statistics so far; `None` when nothing has been timed yet.
    pub fn statistics(&self, now: Instant) -> Option<PingStatistics> {
        subject!(self, rule => rule.statistics(now))
    }

    /// Why the run failed, once it is over. One reply is a success, as with ping(8), unless `-c` with `-w` or
    /// limits ask for more. `None` for a success, and for a run that this rule did not end.
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
                let what = match self.subject {
                    TimedRule::Replies(_) => "replies received",
                    TimedRule::Openings(_) => "connections opened",
                };
                format!("{came} of {wanted} {what} before the -w deadline")
            }
            (Some(statistics), None) => {
                let exceeded = self.limits.exceeded(statistics);
                (!exceeded.is_empty()).then(|| exceeded.join("; "))?
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

/// With limits, a refusal or a close is a failed expectation; a transport failure keeps its own exit status.
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
