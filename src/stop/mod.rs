//! When a session is over and whether that is a success: a pure value that sees what happens and says
//! go on, done or failed. It holds every count and every limit of time that a verb has, and no clock:
//! the time is told.

mod conversation;
mod expectations;
mod openings;
mod pings;
mod replies;
mod statistics;
mod times;

use std::fmt;
use std::time::{Duration, Instant};

pub use conversation::{Conversation, Goal};
pub use expectations::Expectations;
pub use openings::{Openings, STAGES, stages};
pub use pings::{NO_PONGS, PingRule, TimedRule};
pub use replies::Replies;
pub use statistics::{PingCounts, PingLimits, PingStatistics, percent, precise};
pub use times::{TimeRange, TimeSummary};

use crate::connection::close::CloseInfo;
use crate::connection::error::{Error, ErrorKind};
use crate::event::Event;
use crate::expectation::{Closest, UnmetExpectation};
use crate::units;

/// What a stop rule says.
#[derive(Debug)]
pub enum Verdict {
    /// Not over yet.
    GoOn,
    /// What was asked for has happened.
    Done,
    /// It has not, and cannot any more.
    Failed(Failure),
}

/// Why what was asked for did not happen.
#[derive(Clone, Debug)]
pub enum Failure {
    /// There was no connection.
    NotConnected(Box<Error>),
    /// The connection ended first. The words say what was still awaited, if anything was.
    Closed(Box<CloseInfo>, Option<String>),
    /// Nothing came for too long.
    Silence {
        /// What was awaited.
        awaited: String,
        /// For how long.
        limit: Duration,
        /// What to try.
        hint: Option<String>,
    },
    /// A verdict was asked for, and what came does not meet it.
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
                    write!(f, "the server closed before {awaited}, with {close}")
                }
                (None, None) => write!(f, "the server closed with {close}"),
            },
            Self::Silence { awaited, limit, .. } => {
                write!(f, "timed out: {awaited} within {}", units::shown(*limit))
            }
            Self::Unmet(unmet) => f.write_str(&unmet.what),
        }
    }
}

/// The stop rule of a session.
#[derive(Debug)]
pub enum StopRule {
    /// `send`, `listen`, `connect`.
    Conversation(Conversation),
    /// `ping`.
    Pings(Box<PingRule>),
}

/// Hands a call through to whichever rule this is.
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

    /// The input has nothing to send right now; `ended` when it never will again.
    pub fn input_idle(&mut self, ended: bool, now: Instant) -> Verdict {
        delegate!(self, rule => rule.input_idle(ended, now))
    }

    /// Nothing is being read: whatever silence there is, it is not the peer's, and is measured anew
    /// from here.
    pub fn suspend(&mut self, now: Instant) {
        if let StopRule::Conversation(rule) = self {
            rule.suspend(now);
        }
    }

    /// When [`StopRule::expire`] must be called, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        delegate!(self, rule => rule.deadline())
    }

    /// The deadline has come.
    pub fn expire(&mut self, now: Instant) -> Verdict {
        delegate!(self, rule => rule.expire(now))
    }

    /// Ctrl-C: the verdict where it is a proper way to end, `None` where it is an interruption.
    pub fn interrupt(&mut self, now: Instant) -> Option<Verdict> {
        match self {
            StopRule::Conversation(rule) => rule.interrupt(),
            StopRule::Pings(rule) => Some(rule.interrupt(now)),
        }
    }

    /// Whether a verdict was asked for: it is worth having even when nobody reads stdout any more.
    pub fn has_verdict(&self) -> bool {
        delegate!(self, rule => rule.has_verdict())
    }

    /// The message that came nearest to what is still expected.
    pub fn nearest(&self) -> Option<Closest> {
        match self {
            StopRule::Conversation(rule) => rule.nearest(),
            StopRule::Pings(_) => None,
        }
    }

    /// Something has moved on the wire, though no message is complete.
    pub fn restart_reply_timeout(&mut self, now: Instant) {
        if let StopRule::Conversation(rule) = self {
            rule.restart_reply_timeout(now);
        }
    }

    /// Whether a message that still comes is one too many.
    pub fn is_full(&self) -> bool {
        matches!(self, StopRule::Conversation(rule) if rule.is_full())
    }

    /// Whether the session goes on without a connection: a person may open another.
    pub fn outlives_connection(&self) -> bool {
        delegate!(self, rule => rule.outlives_connection())
    }

    /// Whether there are figures for whoever asks on the way (SIGQUIT).
    pub fn has_statistics(&self) -> bool {
        matches!(self, StopRule::Pings(_))
    }

    /// The figures as they stand; `None` before anything was timed.
    pub fn statistics(&self, now: Instant) -> Option<PingStatistics> {
        match self {
            StopRule::Conversation(_) => None,
            StopRule::Pings(rule) => rule.statistics(now),
        }
    }
}
