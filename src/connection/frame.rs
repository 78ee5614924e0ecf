//! What can be said of a single frame: its opcode, what a close frame says, and what `-vv` shows.

use std::fmt;

use super::message::Direction;

/// How much of a payload a traced frame shows, in bytes.
pub const TRACED_HEAD: usize = 32;

/// What a frame is (RFC 6455 §11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The closing handshake.
    Close,
    /// A ping.
    Ping,
    /// A pong, asked for or not.
    Pong,
    /// 0x3 to 0x7 and 0xB to 0xF, which nobody may send.
    Reserved(u8),
}

impl Opcode {
    /// The opcode in the low four bits of a header's first byte.
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

    /// The opcode as the low four bits of a header's first byte.
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

/// What a close frame says, legal or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosePayload {
    /// The code; `None` when the frame had no payload, or half a code.
    pub code: Option<u16>,
    /// The reason; bytes that are not UTF-8 are U+FFFD here.
    pub reason: String,
}

impl ClosePayload {
    /// Reads the payload of a close frame (RFC 6455 §5.5.1).
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

/// One frame, as `-vv` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedFrame {
    /// Which way it went.
    pub direction: Direction,
    /// What it is.
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
    /// What a close frame says.
    pub close: Option<ClosePayload>,
    /// The first bytes of the payload, of which `head_len` are there.
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
