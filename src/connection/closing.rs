//! From OPEN to CLOSED: the closing handshake (RFC 6455 §7), whoever begins it, with a limit for each wait.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream as _;
use futures_sink::Sink as _;
use tokio::io::AsyncWrite as _;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use super::close::{By, Close, Code, Farewell};
use super::error::{Error, Kind, Stage};
use super::message::Text;
use super::wire::tap::{CloseSeen, Unfinished};
use super::wire::violation::Breach;
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
        let frame = code.map(|code| CloseFrame {
            code: code.0.into(),
            reason: Text::from(reason),
        });
        // Fails only where the stream has failed: then there is nobody to say goodbye to.
        let _ = Pin::new(&mut self.ws).start_send(Message::Close(frame));
        self.unflushed = true;
    }

    /// The peer's close frame has come.
    pub(super) fn agree(
        &mut self,
        by: By,
        frame: Option<CloseFrame>,
        cx: &mut Context<'_>,
    ) -> Poll<Incoming> {
        // The library puts 1002 in the place of codes that it does not know, 1014 for one.
        let (code, reason) = match (self.layer().tap().received_close(), frame) {
            (Some(seen), _) => (seen.code.map_or(Code::NO_STATUS, Code), seen.reason.clone()),
            (None, Some(frame)) => (Code(frame.code.into()), frame.reason.to_string()),
            (None, None) => (Code::NO_STATUS, String::new()),
        };
        let mut close = Close {
            by,
            code,
            reason: reason.clone(),
            clean: true,
            error: None,
        };
        close.error = self.cut_off(&close).map(Box::new);
        self.unflushed = true;
        let grace = EOF_GRACE.min(self.limits.close);
        self.phase = Phase::Agreed {
            close,
            timer: sleep(grace),
        };
        match by {
            By::Local => self.poll_end(cx),
            _ => Poll::Ready(Incoming::Closing(code, reason)),
        }
    }

    /// What a peer that closes may have left unsaid: RFC 6455 §5.5.1 lets it give up a message between
    /// two of its frames, and nobody but us will ever know.
    fn cut_off(&self, close: &Close) -> Option<Error> {
        let Some(Unfinished::Message(bytes)) = self.layer().tap().unfinished() else {
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
        let passed = self.layer().tap().get_ref().passed();
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
        // The library leaves the layer below unflushed when it answers a close.
        let flushed =
            self.poll_flush(cx).is_ready() && Pin::new(self.ws.get_mut()).poll_flush(cx).is_ready();
        // The server ends TCP itself, once its answer has left (RFC 6455 §7.1.1).
        let mut ended = flushed && self.role == Role::Server;
        while !ended {
            match Pin::new(&mut self.ws).poll_next(cx) {
                // After its close frame a peer has nothing more to say.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => ended = true,
                Poll::Pending => break,
            }
        }
        let Phase::Agreed { close, timer } = &mut self.phase else {
            return Poll::Pending;
        };
        if !ended && !is_due(timer, cx) {
            return Poll::Pending;
        }
        let close = close.clone();
        self.finish(close)
    }

    /// The peer's close frame, when the library was not shown it because of its code.
    pub(super) fn unknown_close(&self) -> Option<CloseSeen> {
        let layer = self.layer();
        let breach = layer.violation()?.breach();
        let unknown = matches!(breach, Breach::UnknownBelow(_));
        unknown.then(|| layer.tap().received_close().cloned())?
    }

    /// The peer has closed, and the library does not know: the answer is ours to give.
    pub(super) fn agree_ourselves(
        &mut self,
        seen: &CloseSeen,
        cx: &mut Context<'_>,
    ) -> Poll<Incoming> {
        let by = match self.phase {
            Phase::Asked { .. } => By::Local,
            _ => By::Peer,
        };
        if by == By::Peer {
            self.send_close(seen.code.map(Code), &seen.reason);
        }
        self.agree(by, None, cx)
    }

    pub(super) fn finish(&mut self, close: Close) -> Poll<Incoming> {
        self.phase = Phase::Closed;
        Poll::Ready(Incoming::Closed(close))
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
