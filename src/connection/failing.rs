//! What happens when a read fails: the error text, and the close frame for a peer that violated the
//! protocol.

use std::io;
use std::task::{Context, Poll};

use super::close::{CloseCode, CloseInfo, Initiator};
use super::closing::{ClosingPhase, is_due, sleep};
use super::error::{Error, ErrorKind, Stage};
use super::http2;
use super::wire::Unfinished;
use super::wire::violation::{SHOWN, Violation, ViolationKind};
use super::{Connection, Incoming};

// A redactor cannot find a secret in hexadecimal digits. So fewer bytes are shown than the shortest secret
// it looks for.
const _: () = assert!(SHOWN < crate::secret::SEARCHED_FROM);

/// The hint for a message that was too large.
const LARGER: &str = "--max-size SIZE accepts larger messages";

/// Why nothing more can be read.
pub(super) enum ReadFailure {
    /// The peer violated the protocol.
    Violation(Box<Violation>),
    /// The stream ended without a close frame.
    Ended,
    /// The stream failed.
    Io(io::Error),
}

impl Connection {
    /// Handles a failed read: sends a close frame after a violation, and ends the connection.
    pub(super) fn fail(&mut self, failure: ReadFailure, cx: &mut Context<'_>) -> Poll<Incoming> {
        let asked = matches!(self.phase, ClosingPhase::Asked { .. });
        let violation = match failure {
            ReadFailure::Violation(violation) => violation,
            ReadFailure::Ended => return self.finish(self.lost(None, asked)),
            ReadFailure::Io(error) => return self.finish(self.lost(Some(&error), asked)),
        };
        let code = CloseCode(violation.close_code());
        if !asked {
            self.send_close(Some(code), "");
        }
        let (by, code, reason) =
            illegal_close(&violation).unwrap_or((Initiator::Local, code, String::new()));
        let close = CloseInfo {
            by,
            code,
            reason,
            clean: false,
            error: Some(Box::new(explain(self.peer(), &violation))),
        };
        self.phase = ClosingPhase::Failing {
            close,
            timer: sleep(self.limits.close),
        };
        self.poll_failure(cx)
    }

    /// Ends the connection because of a message that is too large once it is decoded.
    pub fn reject_message(&mut self, why: String) {
        let code = CloseCode::TOO_BIG;
        if !matches!(self.phase, ClosingPhase::Asked { .. }) {
            self.send_close(Some(code), "");
        }
        let error = Error::new(ErrorKind::TooBig, Stage::Open, why).hint(LARGER);
        self.phase = ClosingPhase::Failing {
            close: CloseInfo {
                by: Initiator::Local,
                code,
                reason: String::new(),
                clean: false,
                error: Some(Box::new(error)),
            },
            timer: sleep(self.limits.close),
        };
    }

    pub(super) fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let flushed = self.poll_flush(cx).is_ready();
        let ClosingPhase::Failing { close, timer } = &mut self.phase else {
            return Poll::Pending;
        };
        if !flushed && !is_due(timer, cx) {
            return Poll::Pending;
        }
        let close = close.clone();
        self.finish(close)
    }

    /// The end of a connection that was lost. `asked` says that we had sent our close frame.
    fn lost(&self, error: Option<&io::Error>, asked: bool) -> CloseInfo {
        let error = match error.and_then(http2::Http2Error::from_io) {
            Some(broken) => {
                let message = format!("{} {broken}", self.peer());
                Error::new(ErrorKind::Protocol, Stage::Open, message)
            }
            None => Error::new(ErrorKind::Lost, Stage::Open, self.lost_text(error)),
        };
        CloseInfo {
            by: if asked {
                Initiator::Local
            } else {
                Initiator::None
            },
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(error)),
        }
    }

    /// Describes the message or frame that a lost connection cut off, if any.
    fn within(&self) -> String {
        match self.unfinished() {
            Some(Unfinished::Message(bytes)) => format!(
                " in the middle of a message ({} received)",
                crate::units::count_grouped(bytes, "byte")
            ),
            Some(Unfinished::Frame) => " in the middle of a frame".to_owned(),
            None => String::new(),
        }
    }

    fn lost_text(&self, error: Option<&io::Error>) -> String {
        // A failed write gives a better reason than the end of file that follows it.
        let why = match (error, self.output.failure()) {
            (Some(error), _) | (None, Some(error)) => {
                format!(": {}", crate::secret::io_text(error))
            }
            (None, None) => String::new(),
        };
        let within = self.within();
        format!("the connection was lost without a close frame (1006){within}{why}")
    }
}

/// Who closed, with which code and reason, when the peer's close frame itself is illegal: the code is
/// the one that it really sent.
fn illegal_close(violation: &Violation) -> Option<(Initiator, CloseCode, String)> {
    let seen = violation.close()?;
    Some((Initiator::Peer, CloseCode(seen.code?), seen.reason.clone()))
}

/// The error for a violation. It includes the first bytes of the offending frame.
fn explain(peer: &str, violation: &Violation) -> Error {
    if violation.is_too_large() {
        let message = violation.to_string();
        return Error::new(ErrorKind::TooBig, Stage::Open, message).hint(LARGER);
    }
    let mut message = format!("{peer} {violation}");
    if let ViolationKind::CloseCode(code) = violation.kind() {
        let name = CloseCode(code).name();
        message = match message.strip_suffix(')') {
            Some(message) => format!("{message}: {name})"),
            None => format!("{message} ({name})"),
        };
        if let Some((.., reason)) = illegal_close(violation)
            && !reason.is_empty()
        {
            message = format!("{message}: {reason}");
        }
        return Error::new(ErrorKind::Protocol, Stage::Open, message);
    }
    if !violation.head().is_empty() {
        let hex: Vec<String> = violation
            .head()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        message = format!("{message}; the frame begins {}", hex.join(" "));
    }
    Error::new(ErrorKind::Protocol, Stage::Open, message)
}
