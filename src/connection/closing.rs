//! The closing handshake (RFC 6455 §7), started by either side. Each wait has a time limit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::close::{CloseCode, CloseFrame, CloseInfo, Initiator};
use super::error::{Error, ErrorKind, Stage};
use super::frame::ClosePayload;
use super::wire::{Received, Role, Unfinished};
use super::{Connection, Incoming};

/// How long the peer may take to end TCP after both close frames were exchanged. The server should end it
/// first (RFC 6455 §7.1.1); after this time the client does, and no data is lost.
const EOF_GRACE: Duration = Duration::from_millis(250);

/// The minimum number of bytes of our own data that must be written to extend the limit of the closing handshake.
const DRIP: u64 = 1024;

/// The phase of a connection between OPEN and CLOSED.
pub(super) enum ClosingPhase {
    Open,
    /// We sent a close frame and wait for the peer's.
    Asked {
        timer: Pin<Box<Sleep>>,
        /// The number of bytes written when the timer was last set.
        left: u64,
    },
    /// The peer's close frame was received. Ours may still have to be written, then the peer should end TCP.
    Agreed {
        close: CloseInfo,
        timer: Pin<Box<Sleep>>,
    },
    /// The peer's close frame was received, and the caller has not answered it ([`Connection::relay`]).
    Heard(CloseInfo),
    /// We end the stream without a close frame: what is queued is written, then we wait for the peer's end.
    Leaving {
        timer: Pin<Box<Sleep>>,
        /// Whether our side is shut down.
        is_shut: bool,
    },
    /// The peer violated the protocol: our close frame is written, then the connection ends.
    Failing {
        close: CloseInfo,
        timer: Pin<Box<Sleep>>,
    },
    /// The connection ended; traced frames are reported before [`Incoming::Closed`].
    Ended(CloseInfo),
    Closed,
}

impl Connection {
    /// Starts the closing handshake. Messages may still arrive until the peer answers.
    pub fn close(&mut self, close_frame: &CloseFrame) {
        if matches!(self.phase, ClosingPhase::Open) {
            self.send_close(close_frame.code, &close_frame.reason);
            self.phase = ClosingPhase::Asked {
                timer: sleep(self.limits.close),
                left: 0,
            };
        }
    }

    /// Limits the rest of the closing handshake, what waits to be written before our close frame included.
    pub fn hurry(&mut self) {
        if let ClosingPhase::Asked { timer, .. } = &mut self.phase
            && !self.is_urgent
        {
            timer.as_mut().reset(Instant::now() + self.limits.close);
        }
        self.is_urgent = true;
    }

    pub(super) fn send_close(&mut self, code: Option<CloseCode>, reason: &str) {
        if let Some(out) = self.output.end() {
            self.wire.encode_close(out, code.map(|code| code.0), reason);
        }
    }

    /// Handles the peer's close frame.
    pub(super) fn agree(&mut self, seen: &ClosePayload, cx: &mut Context<'_>) -> Poll<Incoming> {
        let by = match self.phase {
            ClosingPhase::Asked { .. } => Initiator::Local,
            _ => Initiator::Peer,
        };
        let is_relayed = by == Initiator::Peer && self.is_relayed;
        if by == Initiator::Peer && !is_relayed {
            // The answer has the same code and reason (RFC 6455 §5.5.1).
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
        if is_relayed {
            self.phase = ClosingPhase::Heard(close);
            return Poll::Ready(Incoming::Closing(code, seen.reason.clone()));
        }
        self.await_end(close);
        match by {
            Initiator::Local => self.poll_end(cx),
            _ => Poll::Ready(Incoming::Closing(code, seen.reason.clone())),
        }
    }

    fn await_end(&mut self, close: CloseInfo) {
        let grace = EOF_GRACE.min(self.limits.close);
        self.phase = ClosingPhase::Agreed {
            close,
            timer: sleep(grace),
        };
    }

    /// Answers the close frame of the peer of a relayed connection.
    pub fn answer_close(&mut self, close_frame: &CloseFrame) {
        if let ClosingPhase::Heard(close) = &self.phase {
            let close = close.clone();
            self.send_close(close_frame.code, &close_frame.reason);
            self.await_end(close);
        }
    }

    /// Ends the connection without a close frame. What is queued is still written, within the limit of the closing
    /// handshake; what arrives is discarded. A limit that runs already goes on, and so does the end after a violation.
    pub fn leave(&mut self) {
        let timer = match std::mem::replace(&mut self.phase, ClosingPhase::Closed) {
            ClosingPhase::Open | ClosingPhase::Heard(_) => sleep(self.limits.close),
            ClosingPhase::Asked { timer, .. } | ClosingPhase::Agreed { timer, .. } => timer,
            phase => {
                self.phase = phase;
                return;
            }
        };
        self.phase = ClosingPhase::Leaving {
            timer,
            is_shut: false,
        };
    }

    /// Waits for the end of a peer whose close frame is not answered yet: after it nothing else may come.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if let Some(frame) = self.traced_frame() {
            return Poll::Ready(frame);
        }
        let _ = self.poll_flush(cx);
        ready!(self.poll_discard(cx));
        let ClosingPhase::Heard(close) = &self.phase else {
            return Poll::Pending;
        };
        let close = CloseInfo {
            clean: false,
            ..close.clone()
        };
        self.finish(close)
    }

    /// Writes what is queued, shuts the stream down and waits for the peer's end: unread data would turn our end into a
    /// reset, which could discard what the peer has not read.
    pub(super) fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        while self.traced_frame().is_some() {}
        let is_shut = match self.phase {
            ClosingPhase::Leaving { is_shut, .. } => is_shut,
            _ => false,
        } || self.poll_shutdown(cx).is_ready();
        let is_over = self.poll_discard(cx).is_ready();
        let ClosingPhase::Leaving {
            timer,
            is_shut: was,
        } = &mut self.phase
        else {
            return Poll::Pending;
        };
        *was = is_shut;
        let has_ended = is_shut && is_over;
        if !has_ended && !is_due(timer, cx) {
            return Poll::Pending;
        }
        self.finish(CloseInfo {
            by: Initiator::Local,
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: None,
        })
    }

    /// Reads and discards what arrives; ready at the end of the stream.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.input.bytes_mut().clear();
            if !matches!(ready!(self.input.poll_fill(&mut self.stream, cx)), Ok(1..)) {
                return Poll::Ready(());
            }
        }
    }

    fn traced_frame(&mut self) -> Option<Incoming> {
        match self.wire.traced() {
            Some(Ok(Received::Frame(frame))) => Some(Incoming::Frame(frame)),
            _ => None,
        }
    }

    /// The error for a peer that closed in the middle of a message. RFC 6455 §5.5.1 allows that, but a
    /// message was lost.
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
        let (limit, is_urgent) = (self.limits.close, self.is_urgent);
        let is_late = match &mut self.phase {
            ClosingPhase::Asked { timer, left } => {
                // The limit is for the answer: it restarts while our own data is still being written, but
                // not for a few bytes at a time.
                if leaving && !is_urgent && passed - *left >= DRIP {
                    *left = passed;
                    timer.as_mut().reset(Instant::now() + limit);
                }
                // Checked before reading: a peer that never stops sending must not delay the end.
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

    /// Writes the rest of our close frame and waits a short time for the end of TCP.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        // The server ends TCP once its answer is written (RFC 6455 §7.1.1), and the client waits for
        // that. A server sends nothing after its close frame.
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

    /// The message or frame that the peer has not finished.
    pub(super) fn unfinished(&self) -> Option<Unfinished> {
        self.wire.unfinished(self.input.bytes())
    }

    /// Ends the connection.
    pub(super) fn finish(&mut self, close: CloseInfo) -> Poll<Incoming> {
        self.phase = ClosingPhase::Ended(close);
        match self.last() {
            Some(incoming) => Poll::Ready(incoming),
            None => Poll::Pending,
        }
    }

    /// The remaining traced frames, then the end, then `None`.
    pub(super) fn last(&mut self) -> Option<Incoming> {
        if let Some(frame) = self.traced_frame() {
            return Some(frame);
        }
        match std::mem::replace(&mut self.phase, ClosingPhase::Closed) {
            ClosingPhase::Ended(close) => Some(Incoming::Closed(close)),
            _ => None,
        }
    }
}

/// Whether a timer has expired. Checks the clock too: in a flood of input the cooperative budget of tokio
/// keeps the timers of a task pending.
pub(super) fn is_due(timer: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> bool {
    timer.deadline() <= Instant::now() || timer.as_mut().poll(cx).is_ready()
}

pub(super) fn sleep(duration: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(duration))
}
