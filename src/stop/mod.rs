//! Stop rules: when a session is over, and whether it succeeded. A rule is a pure value that is given each
//! event and returns go on, done or failed. It holds every count and time limit of a command; it has no clock,
//! every call passes the time.

mod captures;
mod conversation;
mod expectations;
mod on_open_replies;
mod openings;
mod pings;
mod replies;
mod statistics;
mod times;
mod traffic;
mod turns;
mod write_stall;

use std::fmt;
use std::time::{Duration, Instant};

pub use captures::{Captures, captured};
pub use conversation::{Conversation, Goal};
pub use expectations::Expectations;
pub use openings::{Openings, STAGES, stages};
pub use pings::{NO_PONGS, PingRule, TimedRule};
pub use replies::Replies;
pub use statistics::{PingCounts, PingLimits, PingStatistics, percent, precise};
pub use times::{TimeRange, TimeSummary};
pub use traffic::TrafficRule;
pub use turns::Turns;

use crate::connection::close::CloseInfo;
use crate::connection::error::{Error, ErrorKind};
use crate::event::{Event, Unsent};
use crate::expectation::{Closest, UnmetExpectation, end_in_words};
use crate::units;
use on_open_replies::NO_REPLY_ON_OPEN;

/// What a stop rule returns.
#[derive(Debug)]
pub enum Verdict {
    /// Not over yet.
    GoOn,
    /// The goal has been reached.
    Done,
    /// The goal can no longer be reached.
    Failed(Failure),
}

/// Why a session failed.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The connection was not opened.
    NotConnected(Box<Error>),
    /// The connection ended first. The text says what was still awaited, if anything.
    Closed(Box<CloseInfo>, Option<String>),
    /// Nothing was sent or received for too long.
    Silence {
        /// How much was received, as `1 of 2 replies received`.
        received: String,
        /// The time limit.
        limit: Duration,
        /// What to try.
        hint: Option<String>,
    },
    /// The peer took nothing of what waits to be sent for too long.
    NotTaken {
        /// The time limit.
        limit: Duration,
        /// The bytes that it took within it.
        taken: u64,
        /// The bytes that wait to be sent.
        waiting: u64,
        /// How to wait longer.
        hint: &'static str,
    },
    /// An expectation was not met.
    Unmet(Box<UnmetExpectation>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(error) => write!(f, "{error}"),
            Self::Closed(close, awaited) => match (&close.error, awaited) {
                (Some(error), Some(awaited)) if error.kind == ErrorKind::Lost => {
                    write!(f, "{error}, before {awaited}")
                }
                (Some(error), _) => write!(f, "{error}"),
                (None, Some(awaited)) => {
                    write!(f, "{}, before {awaited}", end_in_words(close))
                }
                (None, None) => write!(f, "the server closed with {close}"),
            },
            Self::Silence {
                received, limit, ..
            } => {
                write!(f, "timed out after {}: {received}", units::shown(*limit))
            }
            Self::NotTaken {
                limit,
                taken,
                waiting,
                ..
            } => {
                let limit = units::shown(*limit);
                match taken {
                    0 => write!(f, "the server took nothing for {limit}")?,
                    _ => {
                        let taken = units::count_grouped(*taken, "byte");
                        write!(f, "the server took only {taken} in {limit}")?;
                    }
                }
                // Below a layer of encryption the number is not known.
                match waiting {
                    0 => Ok(()),
                    1 => f.write_str("; 1 byte waits to be sent"),
                    n => {
                        let waiting = units::count_grouped(*n, "byte");
                        write!(f, "; {waiting} wait to be sent")
                    }
                }
            }
            Self::Unmet(unmet) => f.write_str(&unmet.what),
        }
    }
}

/// The stop rule of a session.
#[derive(Debug)]
pub enum StopRule {
    /// `send`, `listen`, `connect`.
    Conversation(Box<Conversation>),
    /// `ping`.
    Pings(Box<PingRule>),
}

/// Delegates a call to the variant's rule.
macro_rules! delegate {
    ($self:ident, $rule:ident => $call:expr) => {
        match $self {
            StopRule::Conversation($rule) => $call,
            StopRule::Pings($rule) => $call,
        }
    };
}

impl StopRule {
    /// Something happened.
    pub fn on_event(&mut self, event: &Event, now: Instant) -> Verdict {
        delegate!(self, rule => rule.on_event(event, now))
    }

    /// The input has nothing to send at the moment; `ended` when it has reached its end.
    pub fn input_idle(&mut self, ended: bool, now: Instant) -> Verdict {
        delegate!(self, rule => rule.input_idle(ended, now))
    }

    /// Whether the next message of the input may be sent (`--step`, `--after`).
    pub fn may_send(&self) -> bool {
        match self {
            StopRule::Conversation(rule) => rule.may_send(),
            StopRule::Pings(_) => true,
        }
    }

    /// Reading is suspended: the silence is not the peer's, so the timers restart here.
    pub fn suspend(&mut self, now: Instant) {
        if let StopRule::Conversation(rule) = self {
            rule.suspend(now);
        }
    }

    /// Whether it must be known that the peer has read all messages, and nobody has asked it.
    pub fn wants_receipt(&self) -> bool {
        matches!(self, StopRule::Conversation(rule) if rule.wants_receipt())
    }

    /// Whether the peer was asked and has not answered.
    pub fn awaits_receipt(&self) -> bool {
        matches!(self, StopRule::Conversation(rule) if rule.awaits_receipt())
    }

    /// The peer was asked; `is_read` once it is known that it has read everything.
    pub fn notice_receipt(&mut self, is_read: bool, now: Instant) {
        if let StopRule::Conversation(rule) = self {
            rule.notice_receipt(is_read, now);
        }
    }

    /// Why messages cannot be compared any more: a pattern has reached a limit.
    pub fn given_up(&self) -> Option<String> {
        match self {
            StopRule::Conversation(rule) => rule.given_up(),
            StopRule::Pings(_) => None,
        }
    }

    /// What waits to be sent at the moment. With `is_excused` it is not the peer's fault that it waits.
    pub fn notice_unsent(&mut self, unsent: Option<Unsent>, is_excused: bool, now: Instant) {
        delegate!(self, rule => rule.write_stall.notice(unsent, is_excused, now));
        if let StopRule::Conversation(rule) = self
            && unsent.is_some()
        {
            rule.restart_receipt(now);
        }
    }

    /// When [`StopRule::expire`] must be called, unless something happens before.
    pub fn deadline(&self) -> Option<Instant> {
        delegate!(self, rule => rule.deadline())
    }

    /// The deadline was reached.
    pub fn expire(&mut self, now: Instant) -> Verdict {
        delegate!(self, rule => rule.expire(now))
    }

    /// What to tell the user about the wait that has just ended.
    pub fn take_hint(&mut self) -> Option<&'static str> {
        match self {
            StopRule::Conversation(rule) => {
                std::mem::take(&mut rule.is_on_open_unanswered).then_some(NO_REPLY_ON_OPEN)
            }
            StopRule::Pings(_) => None,
        }
    }

    /// Ctrl-C: the verdict where it is a normal way to end, `None` where it is an interruption.
    pub fn interrupt(&mut self, now: Instant) -> Option<Verdict> {
        match self {
            StopRule::Conversation(rule) => rule.interrupt(),
            StopRule::Pings(rule) => Some(rule.interrupt(now)),
        }
    }

    /// Whether there are expectations: then the session goes on for its verdict even when the reader of stdout
    /// is gone.
    pub fn has_verdict(&self) -> bool {
        delegate!(self, rule => rule.has_verdict())
    }

    /// The message nearest to the one that is still expected.
    pub fn nearest(&self) -> Option<Closest> {
        match self {
            StopRule::Conversation(rule) => rule.nearest(),
            StopRule::Pings(_) => None,
        }
    }

    /// Bytes were transferred, though no message is complete: the reply timer restarts.
    pub fn restart_reply_timeout(&mut self, now: Instant) {
        if let StopRule::Conversation(rule) = self {
            rule.restart_reply_timeout(now);
        }
    }

    /// Whether further messages must not be printed (`-c` or `--until` reached).
    pub fn is_full(&self) -> bool {
        matches!(self, StopRule::Conversation(rule) if rule.is_full())
    }

    /// Whether the session continues without a connection: the user may open another.
    pub fn outlives_connection(&self) -> bool {
        delegate!(self, rule => rule.outlives_connection())
    }

    /// Whether there are statistics to print on SIGQUIT.
    pub fn has_statistics(&self) -> bool {
        matches!(self, StopRule::Pings(_))
    }

    /// The statistics so far; `None` before anything was timed.
    pub fn statistics(&self, now: Instant) -> Option<PingStatistics> {
        match self {
            StopRule::Conversation(_) => None,
            StopRule::Pings(rule) => rule.statistics(now),
        }
    }
}
