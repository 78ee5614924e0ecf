//! Opcodes, the payload of close frames, and the frames that `-vv` prints.

use std::fmt;

use super::message::Direction;

/// The maximum number of payload bytes shown of a traced frame.
pub const TRACED_HEAD: usize = 32;

/// The opcode of a frame (RFC 6455 §11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// A close frame.
    Close,
    /// A ping.
    Ping,
    /// A pong, solicited or not.
    Pong,
    /// 0x3 to 0x7 and 0xB to 0xF, which are reserved.
    Reserved(u8),
}

impl Opcode {
    /// The opcode in the low four bits of the first header byte.
    #[inline]
    pub const fn of(first: u8) -> Self {
        match first & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            reserved => Self::Reserved(reserved),
        }
    }

    /// The opcode as the low four bits of the first header byte.
    #[inline]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
            Self::Reserved(bits) => bits,
        }
    }

    /// Its name, unless it is reserved.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Continuation => Some("continuation"),
            Self::Text => Some("text"),
            Self::Binary => Some("binary"),
            Self::Close => Some("close"),
            Self::Ping => Some("ping"),
            Self::Pong => Some("pong"),
            Self::Reserved(_) => None,
        }
    }

    /// Whether this is a control frame, a reserved one included (RFC 6455 §5.5).
    #[inline]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.bits()),
        }
    }
}

/// The code and reason of a received close frame, legal or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosePayload {
    /// The code; `None` if the payload is shorter than two bytes.
    pub code: Option<u16>,
    /// The reason, with U+FFFD for invalid UTF-8.
    pub reason: String,
}

impl ClosePayload {
    /// Parses the payload of a close frame (RFC 6455 §5.5.1).
    pub fn read(payload: &[u8]) -> Self {
        match payload.split_first_chunk() {
            Some((code, reason)) => Self {
                code: Some(u16::from_be_bytes(*code)),
                reason: String::from_utf8_lossy(reason).into_owned(),
            },
            None => Self::default(),
        }
    }
}

/// A frame that `-vv` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedFrame {
    /// Its direction.
    pub direction: Direction,
    /// Its opcode.
    pub opcode: Opcode,
    /// Whether FIN is set.
    pub fin: bool,
    /// Whether RSV1 is set.
    pub rsv1: bool,
    /// Whether it is masked.
    pub masked: bool,
    /// Its length on the wire, header included, in bytes.
    pub wire_bytes: u64,
    /// The length of its payload, in bytes.
    pub payload_bytes: u64,
    /// The code and reason of a close frame.
    pub close: Option<ClosePayload>,
    /// The first bytes of the payload; `head_len` of them are set.
    pub(super) head: [u8; TRACED_HEAD],
    pub(super) head_len: u8,
}

impl TracedFrame {
    /// The first bytes of the payload, unmasked: at most [`TRACED_HEAD`].
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_keeps_its_bits() {
        for bits in 0..16 {
            assert_eq!(Opcode::of(bits).bits(), bits);
            assert_eq!(Opcode::of(bits).is_control(), bits >= 8);
        }
    }
}
