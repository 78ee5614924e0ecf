//! When a read fails: why, in words, and the close code that tells the peer where it can still hear it.

use std::io;
use std::task::{Context, Poll};

use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};

use super::close::{By, Close, Code};
use super::closing::{Phase, is_due, sleep};
use super::error::{Error, Kind, Stage};
use super::http2;
use super::wire::tap::Unfinished;
use super::wire::violation::{Breach, Violation};
use super::{Connection, Incoming};

/// What to try when a message was too large.
const LARGER: &str = "--max-size SIZE accepts larger messages";

impl Connection {
    /// Reading failed: says why, and says goodbye where there is somebody to hear it.
    pub(super) fn fail(&mut self, error: &WsError, cx: &mut Context<'_>) -> Poll<Incoming> {
        if let Some(close) = self.unknown_close() {
            return self.agree_ourselves(&close, cx);
        }
        let (error, farewell) = self.explain(error);
        let asked = matches!(self.phase, Phase::Asked { .. });
        let Some(code) = farewell else {
            return self.finish(Close {
                by: if asked { By::Local } else { By::None },
                code: Code::ABNORMAL,
                reason: String::new(),
                clean: false,
                error: Some(Box::new(error)),
            });
        };
        if !asked {
            self.send_close(Some(code), "");
        }
        let (by, code, reason) = self
            .broken_close()
            .unwrap_or((By::Local, code, String::new()));
        let close = Close {
            by,
            code,
            reason,
            clean: false,
            error: Some(Box::new(error)),
        };
        self.phase = Phase::Failing {
            close,
            timer: sleep(self.limits.close),
        };
        self.poll_failure(cx)
    }

    pub(super) fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let flushed = self.poll_flush(cx).is_ready();
        let Phase::Failing { close, timer } = &mut self.phase else {
            return Poll::Pending;
        };
        if !flushed && !is_due(timer, cx) {
            return Poll::Pending;
        }
        let close = close.clone();
        self.finish(close)
    }

    /// The peer's close frame, when that is what broke the protocol: it closed, with the code that it
    /// really sent.
    fn broken_close(&self) -> Option<(By, Code, String)> {
        let layer = self.layer();
        let breach = layer.violation()?.breach();
        if !matches!(breach, Breach::CloseCode(_) | Breach::CloseReasonNotUtf8(_)) {
            return None;
        }
        let seen = layer.tap().received_close()?;
        Some((By::Peer, Code(seen.code?), seen.reason.clone()))
    }

    /// A failed read in words, and the code to close with where the peer can still hear it.
    fn explain(&self, error: &WsError) -> (Error, Option<Code>) {
        let peer = self.peer();
        if let Some(violation) = self.layer().violation() {
            return (
                explain_violation(peer, violation),
                Some(Code(violation.close_code())),
            );
        }
        let open = |kind, message: String| Error::new(kind, Stage::Open, message);
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let message = format!(
                    "{peer} sent a message of {size} bytes or more, --max-size is {max_size}"
                );
                (
                    open(Kind::TooBig, message).hint(LARGER),
                    Some(Code::TOO_BIG),
                )
            }
            WsError::Utf8(_) => {
                let message =
                    format!("{peer} sent a text message that is not UTF-8 (RFC 6455 §8.1)");
                (open(Kind::Protocol, message), Some(Code::INVALID_PAYLOAD))
            }
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | WsError::ConnectionClosed
            | WsError::AlreadyClosed => (open(Kind::Lost, self.lost_text(None)), None),
            WsError::Io(error) => match http2::Broken::of(error) {
                Some(broken) => (open(Kind::Protocol, format!("{peer} {broken}")), None),
                None => (open(Kind::Lost, self.lost_text(Some(error))), None),
            },
            other => {
                let message = format!("{peer} broke the WebSocket protocol: {other}");
                (open(Kind::Protocol, message), Some(Code::PROTOCOL_ERROR))
            }
        }
    }

    /// What a lost connection has taken with it, where that is more than silence.
    fn within(&self) -> String {
        match self.layer().tap().unfinished() {
            Some(Unfinished::Message(bytes)) => format!(
                " in the middle of a message, {} of which had come",
                crate::units::count_grouped(bytes, "byte")
            ),
            Some(Unfinished::Frame) => " in the middle of a frame".to_owned(),
            None => String::new(),
        }
    }

    fn lost_text(&self, error: Option<&io::Error>) -> String {
        // The write that failed first says more than the end of file that followed it.
        let why = match (error, self.layer().tap().get_ref().failure()) {
            (Some(error), _) | (None, Some(error)) => {
                format!(": {}", crate::secret::io_text(error))
            }
            (None, None) => String::new(),
        };
        let within = self.within();
        format!("the connection was lost without a close frame (1006){within}{why}")
    }
}

/// What the peer did, and the first bytes of the frame in which it did it.
fn explain_violation(peer: &str, violation: &Violation) -> Error {
    let mut message = format!("{peer} {violation}");
    if violation.is_too_large() {
        return Error::new(Kind::TooBig, Stage::Open, message).hint(LARGER);
    }
    if let Breach::CloseCode(code) = violation.breach() {
        message = format!("{message} ({})", Code(code).name());
    }
    let frame = violation.head();
    if !frame.is_empty() && !matches!(violation.breach(), Breach::CloseCode(_)) {
        let hex: Vec<String> = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        message = format!("{message}; the frame begins {}", hex.join(" "));
    }
    Error::new(Kind::Protocol, Stage::Open, message)
}
