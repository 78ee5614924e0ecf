//! From OPEN to CLOSED: the closing handshake (RFC 6455 §7), whoever begins it, with a limit for each wait.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::close::{CloseCode, CloseFrame, CloseInfo, Initiator};
use super::error::{Error, ErrorKind, Stage};
use super::frame::ClosePayload;
use super::wire::{Received, Role, Unfinished};
use super::{Connection, Incoming};

/// How long a peer may take to end TCP after both close frames were exchanged. The server should go
/// first (RFC 6455 §7.1.1); nothing can be lost any more when it does not.
const EOF_GRACE: Duration = Duration::from_millis(250);

/// Where the connection stands between OPEN and CLOSED.
pub(super) enum ClosingPhase {
    Open,
    /// We sent a close frame, the peer's has not come.
    Asked {
        timer: Pin<Box<Sleep>>,
        /// How many bytes had left when the timer was set.
        left: u64,
    },
    /// Both close frames are known; ours may have to leave yet, and the peer should end TCP.
    Agreed {
        close: CloseInfo,
        timer: Pin<Box<Sleep>>,
    },
    /// The peer broke a rule: our close frame leaves, then it is over.
    Failing {
        close: CloseInfo,
        timer: Pin<Box<Sleep>>,
    },
    /// It is over, and [`Incoming::Closed`] was not given yet: frames are told before it.
    Ended(CloseInfo),
    Closed,
}

impl Connection {
    /// Begins the closing handshake; messages may still come in until the peer answers.
    pub fn close(&mut self, farewell: &CloseFrame) {
        if matches!(self.phase, ClosingPhase::Open) {
            self.send_close(farewell.code, &farewell.reason);
            self.phase = ClosingPhase::Asked {
                timer: sleep(self.limits.close),
                left: 0,
            };
        }
    }

    pub(super) fn send_close(&mut self, code: Option<CloseCode>, reason: &str) {
        if let Some(out) = self.output.end() {
            self.wire.encode_close(out, code.map(|code| code.0), reason);
        }
    }

    /// The peer's close frame has come.
    pub(super) fn agree(&mut self, seen: &ClosePayload, cx: &mut Context<'_>) -> Poll<Incoming> {
        let by = match self.phase {
            ClosingPhase::Asked { .. } => Initiator::Local,
            _ => Initiator::Peer,
        };
        if by == Initiator::Peer {
            // The answer says the same (RFC 6455 §5.5.1).
            self.send_close(seen.code.map(CloseCode), &seen.reason);
        }
        let code = seen.code.map_or(CloseCode::NO_STATUS, CloseCode);
        let mut close = CloseInfo {
            by,
            code,
            reason: seen.reason.clone(),
            clean: true,
            error: None,
        };
        close.error = self.cut_off(&close).map(Box::new);
        let grace = EOF_GRACE.min(self.limits.close);
        self.phase = ClosingPhase::Agreed {
            close,
            timer: sleep(grace),
        };
        match by {
            Initiator::Local => self.poll_end(cx),
            _ => Poll::Ready(Incoming::Closing(code, seen.reason.clone())),
        }
    }

    /// What a peer that closes may have left unsaid: RFC 6455 §5.5.1 lets it give up a message between
    /// two of its frames, and nobody but us will ever know.
    fn cut_off(&self, close: &CloseInfo) -> Option<Error> {
        let Some(Unfinished::Message(bytes)) = self.unfinished() else {
            return None;
        };
        let message = format!(
            "{} closed in the middle of a message ({} received) with {close}",
            self.peer(),
            crate::units::count_grouped(bytes, "byte")
        );
        Some(Error::new(ErrorKind::CutOff, Stage::Open, message))
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let leaving = self.poll_flush(cx).is_pending();
        let passed = self.output.passed();
        let limit = self.limits.close;
        let is_late = match &mut self.phase {
            ClosingPhase::Asked { timer, left } => {
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
        let error = Error::new(ErrorKind::Timeout, Stage::Open, message).hint(format!(
            "{} may be gone or busy; --close-timeout TIME waits longer",
            self.peer()
        ));
        self.finish(CloseInfo {
            by: Initiator::Local,
            code: CloseCode::ABNORMAL,
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
        let ClosingPhase::Agreed { close, timer } = &mut self.phase else {
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
    pub(super) fn finish(&mut self, close: CloseInfo) -> Poll<Incoming> {
        self.phase = ClosingPhase::Ended(close);
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
        match std::mem::replace(&mut self.phase, ClosingPhase::Closed) {
            ClosingPhase::Ended(close) => Some(Incoming::Closed(close)),
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
