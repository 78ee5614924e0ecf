//! From OPEN to CLOSED: the closing handshake (RFC 6455 §7), whoever begins it, with a limit for each wait.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::close::{By, Close, Code, Farewell};
use super::error::{Error, Kind, Stage};
use super::frame::CloseSeen;
use super::wire::{Received, Role, Unfinished};
use super::{Connection, Incoming};

/// How long a peer may take to end TCP after both close frames were exchanged. The server should go
/// first (RFC 6455 §7.1.1); nothing can be lost any more when it does not.
const EOF_GRACE: Duration = Duration::from_millis(250);

/// Where the connection stands between OPEN and CLOSED.
pub(super) enum Phase {
    Open,
    /// We sent a close frame, the peer's has not come.
    Asked {
        timer: Pin<Box<Sleep>>,
        /// How many bytes had left when the timer was set.
        left: u64,
    },
    /// Both close frames are known; ours may have to leave yet, and the peer should end TCP.
    Agreed {
        close: Close,
        timer: Pin<Box<Sleep>>,
    },
    /// The peer broke a rule: our close frame leaves, then it is over.
    Failing {
        close: Close,
        timer: Pin<Box<Sleep>>,
    },
    /// It is over, and [`Incoming::Closed`] was not given yet: frames are told before it.
    Ended(Close),
    Closed,
}

impl Connection {
    /// Begins the closing handshake; messages may still come in until the peer answers.
    pub fn close(&mut self, farewell: &Farewell) {
        if matches!(self.phase, Phase::Open) {
            self.send_close(farewell.code, &farewell.reason);
            self.phase = Phase::Asked {
                timer: sleep(self.limits.close),
                left: 0,
            };
        }
    }

    pub(super) fn send_close(&mut self, code: Option<Code>, reason: &str) {
        if let Some(out) = self.output.end() {
            self.wire.encode_close(out, code.map(|code| code.0), reason);
        }
    }

    /// The peer's close frame has come.
    pub(super) fn agree(&mut self, seen: &CloseSeen, cx: &mut Context<'_>) -> Poll<Incoming> {
        let by = match self.phase {
            Phase::Asked { .. } => By::Local,
            _ => By::Peer,
        };
        if by == By::Peer {
            // The answer says the same (RFC 6455 §5.5.1).
            self.send_close(seen.code.map(Code), &seen.reason);
        }
        let code = seen.code.map_or(Code::NO_STATUS, Code);
        let mut close = Close {
            by,
            code,
            reason: seen.reason.clone(),
            clean: true,
            error: None,
        };
        close.error = self.cut_off(&close).map(Box::new);
        let grace = EOF_GRACE.min(self.limits.close);
        self.phase = Phase::Agreed {
            close,
            timer: sleep(grace),
        };
        match by {
            By::Local => self.poll_end(cx),
            _ => Poll::Ready(Incoming::Closing(code, seen.reason.clone())),
        }
    }

    /// What a peer that closes may have left unsaid: RFC 6455 §5.5.1 lets it give up a message between
    /// two of its frames, and nobody but us will ever know.
    fn cut_off(&self, close: &Close) -> Option<Error> {
        let Some(Unfinished::Message(bytes)) = self.unfinished() else {
            return None;
        };
        let message = format!(
            "{} closed in the middle of a message, {} of which had come, with {close}",
            self.peer(),
            crate::units::count_grouped(bytes, "byte")
        );
        Some(Error::new(Kind::CutOff, Stage::Open, message))
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let leaving = self.poll_flush(cx).is_pending();
        let passed = self.output.passed();
        let limit = self.limits.close;
        let is_late = match &mut self.phase {
            Phase::Asked { timer, left } => {
                // The limit is for the answer: it does not run while our own data goes on leaving.
                if leaving && *left != passed {
                    *left = passed;
                    timer.as_mut().reset(Instant::now() + limit);
                }
                // Looked at before anything is read: a peer that never stops sending must not put off
                // the end.
                is_due(timer, cx)
            }
            _ => false,
        };
        if !is_late {
            return self.poll_message(cx);
        }
        let message = format!(
            "the closing handshake was not answered within {}",
            crate::units::shown(self.limits.close)
        );
        let error = Error::new(Kind::Timeout, Stage::Open, message).hint(format!(
            "{} may be gone or busy: --close-timeout TIME waits longer",
            self.peer()
        ));
        self.finish(Close {
            by: By::Local,
            code: Code::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(error)),
        })
    }

    /// Sends what is left of our close frame and waits for the end of TCP, for a short while.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        // The server ends TCP itself, once its answer has left (RFC 6455 §7.1.1). The client waits for
        // that; after its close frame a server has nothing more to say.
        let ended = match self.wire.role() {
            Role::Server => self.poll_flush(cx).is_ready(),
            Role::Client => {
                let _ = self.poll_flush(cx);
                !self.input.bytes().is_empty()
                    || self.input.poll_fill(&mut self.stream, cx).is_ready()
            }
        };
        let Phase::Agreed { close, timer } = &mut self.phase else {
            return Poll::Pending;
        };
        if !ended && !is_due(timer, cx) {
            return Poll::Pending;
        }
        let close = close.clone();
        self.finish(close)
    }

    /// What the peer has begun and not finished.
    pub(super) fn unfinished(&self) -> Option<Unfinished> {
        self.wire.unfinished(self.input.bytes())
    }

    /// The connection is over.
    pub(super) fn finish(&mut self, close: Close) -> Poll<Incoming> {
        self.phase = Phase::Ended(close);
        match self.last() {
            Some(incoming) => Poll::Ready(incoming),
            None => Poll::Pending,
        }
    }

    /// The frames that were not told yet, then the end, then nothing.
    pub(super) fn last(&mut self) -> Option<Incoming> {
        if let Some(Ok(Received::Frame(frame))) = self.wire.traced() {
            return Some(Incoming::Frame(frame));
        }
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Ended(close) => Some(Incoming::Closed(close)),
            _ => None,
        }
    }
}

/// Whether a timer's time has come. The clock is asked as well: the runtime gives a task that is busy
/// with a flood no answer from a timer.
pub(super) fn is_due(timer: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> bool {
    timer.deadline() <= Instant::now() || timer.as_mut().poll(cx).is_ready()
}

pub(super) fn sleep(duration: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(duration))
}
