//! Protocol violations of the peer, and the text of each. The peer is the subject of the text, except
//! where a message is too large.

use std::{error, fmt};

use crate::connection::frame::{ClosePayload, Opcode};
use crate::units::grouped;

/// The number of bytes of the offending frame that are kept to be shown.
pub const SHOWN: usize = 7;

/// The rule that was violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationKind {
    /// A reserved opcode (RFC 6455 §5.2).
    ReservedOpcode(u8),
    /// RSV1 is set, but no negotiated extension uses it (RFC 6455 §5.2).
    Rsv1NotAgreed,
    /// RSV1 on a control frame or on a fragment after the first (RFC 7692 §6).
    Rsv1Misplaced(Opcode),
    /// RSV2 or RSV3, by number (RFC 6455 §5.2).
    ReservedBit(u8),
    /// A control frame without FIN (RFC 6455 §5.5).
    FragmentedControl(Opcode),
    /// A control frame whose length takes more than seven bits: over 125 bytes, or not minimal (RFC 6455 §5.5).
    LongControl(Opcode),
    /// A masked frame from a server (RFC 6455 §5.1).
    Masked,
    /// An unmasked frame from a client (RFC 6455 §5.1).
    NotMasked,
    /// A continuation frame without a message to continue (RFC 6455 §5.4).
    StrayContinuation,
    /// A new message before the previous one was finished (RFC 6455 §5.4).
    MessageWithinMessage,
    /// A length encoded in more bytes than needed (RFC 6455 §5.2).
    LengthNotMinimal(u64),
    /// A length with the top bit set (RFC 6455 §5.2).
    LengthTopBit(u64),
    /// A message larger than `--max-size`.
    TooLarge {
        /// The declared size of the frames of the message so far, in bytes.
        declared: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A close payload of one byte (RFC 6455 §5.5.1).
    CloseOneByte,
    /// A close code that must not be sent (RFC 6455 §7.4).
    CloseCode(u16),
    /// A close reason that is not UTF-8 (RFC 6455 §5.5.1).
    CloseReasonNotUtf8(u16),
    /// A frame after the close frame (RFC 6455 §5.5.1).
    AfterClose(Opcode),
    /// A text message that is not UTF-8 (RFC 6455 §8.1).
    TextNotUtf8,
    /// A compressed message that cannot be decompressed (RFC 7692 §7.2.2).
    NotDeflate,
    /// A message larger than `--max-size` when decompressed: the limit, in bytes.
    InflatesTooLarge(u64),
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ReservedOpcode(bits) => {
                write!(
                    f,
                    "sent a frame with reserved opcode {bits:#x} (RFC 6455 §5.2)"
                )
            }
            Self::Rsv1NotAgreed => {
                f.write_str("sent a frame with RSV1 set, which was not negotiated (RFC 6455 §5.2)")
            }
            Self::Rsv1Misplaced(opcode) => {
                write!(f, "sent a {opcode} frame with RSV1 set (RFC 7692 §6)")
            }
            Self::ReservedBit(bit) => {
                write!(f, "sent a frame with RSV{bit} set (RFC 6455 §5.2)")
            }
            Self::FragmentedControl(opcode) => {
                write!(f, "sent a fragmented {opcode} frame (RFC 6455 §5.5)")
            }
            Self::LongControl(opcode) => {
                write!(
                    f,
                    "sent a {opcode} frame with an extended length; a control frame has at most 125 bytes (RFC 6455 §5.5)"
                )
            }
            Self::Masked => f.write_str("sent a masked frame (RFC 6455 §5.1)"),
            Self::NotMasked => f.write_str("sent an unmasked frame (RFC 6455 §5.1)"),
            Self::StrayContinuation => {
                f.write_str("sent a continuation frame with no message to continue (RFC 6455 §5.4)")
            }
            Self::MessageWithinMessage => f.write_str(
                "started a new message before the previous one was finished (RFC 6455 §5.4)",
            ),
            Self::LengthNotMinimal(bytes) => write!(
                f,
                "encoded the length {} in more bytes than needed (RFC 6455 §5.2)",
                grouped(bytes)
            ),
            Self::LengthTopBit(bytes) => {
                write!(
                    f,
                    "declared a frame of {} bytes, more than 2^63-1 (RFC 6455 §5.2)",
                    grouped(bytes)
                )
            }
            Self::TooLarge { declared, limit } => write!(
                f,
                "message of at least {} bytes exceeds --max-size {}",
                grouped(declared),
                grouped(limit)
            ),
            Self::CloseOneByte | Self::CloseCode(_) | Self::CloseReasonNotUtf8(_) => {
                self.fmt_close(f)
            }
            Self::AfterClose(opcode) => {
                write!(
                    f,
                    "sent a {opcode} frame after its close frame (RFC 6455 §5.5.1)"
                )
            }
            Self::TextNotUtf8 => {
                f.write_str("sent a text message that is not valid UTF-8 (RFC 6455 §8.1)")
            }
            Self::NotDeflate => f.write_str(
                "sent a compressed message that cannot be decompressed (RFC 7692 §7.2.2)",
            ),
            Self::InflatesTooLarge(limit) => write!(
                f,
                "message exceeds --max-size {} when decompressed",
                grouped(limit)
            ),
        }
    }
}

impl ViolationKind {
    /// Writes the violations of close frames (RFC 6455 §5.5.1 and §7.4).
    fn fmt_close(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseOneByte => {
                f.write_str("sent a close frame with a payload of one byte (RFC 6455 §5.5.1)")
            }
            Self::CloseCode(code) => {
                let section = if matches!(code, 1004..=1006 | 1015) {
                    1
                } else {
                    2
                };
                write!(
                    f,
                    "closed with code {code}, which must not be sent (RFC 6455 §7.4.{section})"
                )
            }
            Self::CloseReasonNotUtf8(code) => write!(
                f,
                "closed with code {code} and a reason that is not valid UTF-8 (RFC 6455 §5.5.1)"
            ),
            _ => Ok(()),
        }
    }
}

/// A violation of the protocol, with the first bytes of the offending frame.
///
/// The peer is the subject of its text, "sent a masked frame (RFC 6455 §5.1)", unless
/// [`Self::is_too_large`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    kind: ViolationKind,
    head: [u8; SHOWN],
    head_len: u8,
    close: Option<Box<ClosePayload>>,
}

impl Violation {
    /// A violation in a frame that starts with the bytes `frame`.
    pub fn new(kind: ViolationKind, frame: &[u8]) -> Self {
        let mut head = [0; SHOWN];
        let len = frame.len().min(SHOWN);
        head[..len].copy_from_slice(&frame[..len]);
        Self {
            kind,
            head,
            head_len: len as u8,
            close: None,
        }
    }

    /// Adds the payload of the offending close frame.
    pub fn in_close(self, close: ClosePayload) -> Self {
        Self {
            close: Some(Box::new(close)),
            ..self
        }
    }

    /// The rule that was violated.
    pub const fn kind(&self) -> ViolationKind {
        self.kind
    }

    /// The first bytes of the offending frame, header included: at most [`SHOWN`], and only those that
    /// arrived together with its header.
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// The payload of the offending close frame, if the violation is in one.
    pub fn close(&self) -> Option<&ClosePayload> {
        self.close.as_deref()
    }

    /// Whether the message is only larger than our limit.
    pub const fn is_too_large(&self) -> bool {
        matches!(
            self.kind,
            ViolationKind::TooLarge { .. } | ViolationKind::InflatesTooLarge(_)
        )
    }

    /// The code to close with (RFC 6455 §7.4.1): 1002, 1007 or 1009.
    pub const fn close_code(&self) -> u16 {
        match self.kind {
            ViolationKind::TooLarge { .. } | ViolationKind::InflatesTooLarge(_) => 1009,
            ViolationKind::TextNotUtf8
            | ViolationKind::CloseReasonNotUtf8(_)
            | ViolationKind::NotDeflate => 1007,
            _ => 1002,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        let kind = ViolationKind::LengthTopBit(1 << 63);
        assert_eq!(
            kind.to_string(),
            "declared a frame of 9,223,372,036,854,775,808 bytes, more than 2^63-1 (RFC 6455 §5.2)"
        );
    }
}
