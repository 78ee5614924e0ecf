//! The frame header of RFC 6455 §5.2, as bytes and as a value.
//!
//! Reading a header judges nothing: whether a peer may send it is for [`super::tap`] to say.

use std::fmt;

use bytes::Bytes;

pub use crate::connection::message::Direction;

/// The longest header there is: two bytes, a 64-bit length, a mask.
pub const MAX_HEADER: usize = 14;

/// The longest payload a control frame may carry (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: u64 = 125;

/// The FIN bit in a header's first byte.
pub const FIN: u8 = 0x80;
/// The RSV1 bit: a compressed message, where permessage-deflate was agreed (RFC 7692 §6).
pub const RSV1: u8 = 0x40;
/// The RSV2 bit, which no extension spoken here gives a meaning.
pub const RSV2: u8 = 0x20;
/// The RSV3 bit, which no extension spoken here gives a meaning.
pub const RSV3: u8 = 0x10;
/// The first byte of a text message in one frame, uncompressed.
pub const WHOLE_TEXT: u8 = FIN | 0x1;
/// The first byte of a binary message in one frame, uncompressed.
pub const WHOLE_BINARY: u8 = FIN | 0x2;
/// The MASK bit in a header's second byte.
const MASK: u8 = 0x80;

/// Which end of the connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We opened the connection: we mask, the peer must not (RFC 6455 §5.1).
    Client,
    /// The peer opened the connection: it masks, we must not.
    Server,
}

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

    /// Whether this is a control frame, a reserved one included (RFC 6455 §5.5).
    #[inline]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Reserved(bits) => return write!(f, "{bits:#x}"),
        })
    }
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// FIN, RSV1 to RSV3 and the opcode, as they stand on the wire.
    pub first: u8,
    /// The masking key, when the frame is masked.
    pub mask: Option<[u8; 4]>,
    /// The declared length of the payload, in bytes; up to 2^64 - 1, though only 2^63 - 1 is legal.
    pub payload: u64,
}

impl Header {
    /// Reads the header that `bytes` begins with, and how many bytes it takes; `None` when it
    /// goes on beyond them.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let [first, second, ..] = *bytes else {
            return None;
        };
        let (payload, at) = match second & !MASK {
            126 => (u64::from(u16::from_be_bytes(field(bytes, 2)?)), 4),
            127 => (u64::from_be_bytes(field(bytes, 2)?), 10),
            short => (u64::from(short), 2),
        };
        let (mask, len) = if is_masked(second) {
            (Some(field(bytes, at)?), at + 4)
        } else {
            (None, at)
        };
        Some((
            Self {
                first,
                mask,
                payload,
            },
            len,
        ))
    }

    /// Appends the header to `out`, its length in the shortest form.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        let masked = if self.mask.is_some() { MASK } else { 0 };
        if self.payload <= 125 {
            out.extend_from_slice(&[self.first, masked | self.payload as u8]);
        } else if let Ok(payload) = u16::try_from(self.payload) {
            out.extend_from_slice(&[self.first, masked | 126]);
            out.extend_from_slice(&payload.to_be_bytes());
        } else {
            out.extend_from_slice(&[self.first, masked | 127]);
            out.extend_from_slice(&self.payload.to_be_bytes());
        }
        if let Some(mask) = self.mask {
            out.extend_from_slice(&mask);
        }
    }

    /// What the frame is.
    #[inline]
    pub const fn opcode(&self) -> Opcode {
        Opcode::of(self.first)
    }

    /// Whether this is the last, or only, frame of its message.
    #[inline]
    pub const fn is_final(&self) -> bool {
        self.first & FIN != 0
    }

    /// Whether RSV1 is set.
    #[inline]
    pub const fn rsv1(&self) -> bool {
        self.first & RSV1 != 0
    }
}

/// Whether the second byte of a header announces a mask.
#[inline]
pub const fn is_masked(second: u8) -> bool {
    second & MASK != 0
}

/// Whether the second byte of a header announces more than a control frame may carry.
#[inline]
pub const fn is_extended(second: u8) -> bool {
    (second & !MASK) as u64 > MAX_CONTROL_PAYLOAD
}

/// Whether the second byte of a header holds the whole length.
#[inline]
pub const fn is_short(second: u8) -> bool {
    second & !MASK <= 125
}

/// The lengths of header and payload, in bytes, by a header's second byte and the `extended` two
/// after it: for a minimal length of less than 2^16, and a frame that is masked as said.
#[inline]
pub const fn short_length(second: u8, extended: [u8; 2], masked: bool) -> Option<(usize, usize)> {
    if is_masked(second) != masked {
        return None;
    }
    let mask = if masked { 4 } else { 0 };
    match second & !MASK {
        127 => None,
        126 => match u16::from_be_bytes(extended) {
            0..=125 => None,
            payload => Some((4 + mask, payload as usize)),
        },
        payload => Some((2 + mask, payload as usize)),
    }
}

/// The same for a minimal length of 2^16 or more, of the header that `bytes` begins with; `None` as well
/// where it is not all there.
#[cold]
pub fn long_length(bytes: &[u8], masked: bool) -> Option<(usize, usize)> {
    let (header, len) = Header::parse(bytes)?;
    let payload = usize::try_from(header.payload).ok()?;
    let fits = header.mask.is_some() == masked && payload > usize::from(u16::MAX);
    (fits && payload <= usize::MAX - len).then_some((len, payload))
}

#[inline]
fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Masks or unmasks `bytes`, which begin `position` bytes into their frame's payload
/// (RFC 6455 §5.3).
pub fn apply_mask(bytes: &mut [u8], mask: [u8; 4], position: u64) {
    let mut mask = mask;
    mask.rotate_left((position & 3) as usize);
    let mut wide = [0; 16];
    wide.as_chunks_mut::<4>().0.fill(mask);
    let wide = u128::from_ne_bytes(wide);
    let (blocks, rest) = bytes.as_chunks_mut::<16>();
    for block in blocks {
        *block = (u128::from_ne_bytes(*block) ^ wide).to_ne_bytes();
    }
    let (words, rest) = rest.as_chunks_mut::<4>();
    let word = u32::from_ne_bytes(mask);
    for bytes in words {
        *bytes = (u32::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask) {
        *byte ^= key;
    }
}

/// A payload that leaves piece by piece and is masked as it goes, so that however large it is, one piece of
/// it is held twice.
#[derive(Debug, Default)]
pub struct Leaving {
    rest: Bytes,
    position: u64,
    mask: Option<[u8; 4]>,
}

impl Leaving {
    /// All of a payload, and the masking key where it is masked.
    pub fn new(payload: Bytes, mask: Option<[u8; 4]>) -> Self {
        Self {
            rest: payload,
            position: 0,
            mask,
        }
    }

    /// Whether all of it has been taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Appends the next piece to `to`, of `most` bytes at most, and says how many bytes that was.
    pub fn take(&mut self, most: usize, to: &mut Vec<u8>) -> usize {
        let piece = self.rest.split_to(self.rest.len().min(most));
        let begin = to.len();
        to.extend_from_slice(&piece);
        if let Some(mask) = self.mask {
            apply_mask(&mut to[begin..], mask, self.position);
        }
        self.position += piece.len() as u64;
        if self.rest.is_empty() {
            // Let go of the message: it may be large, and somebody may wait for its memory.
            self.rest = Bytes::new();
        }
        piece.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_written_header_reads_back(first: u8, mask: Option<[u8; 4]>, payload: u64, shift in 0u32..64) {
            let header = Header { first, mask, payload: payload >> shift };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            prop_assert!(bytes.len() <= MAX_HEADER);
            for cut in 0..bytes.len() {
                prop_assert_eq!(Header::parse(&bytes[..cut]), None);
            }
            prop_assert_eq!(Header::parse(&bytes), Some((header, bytes.len())));
        }

        #[test]
        fn a_mask_applied_in_pieces_is_the_mask(bytes: Vec<u8>, mask: [u8; 4], cut: prop::sample::Index) {
            let expected: Vec<u8> = bytes.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
            let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
            let mut pieces = bytes;
            let (head, tail) = pieces.split_at_mut(cut);
            apply_mask(head, mask, 0);
            apply_mask(tail, mask, cut as u64);
            prop_assert_eq!(pieces, expected);
        }
    }

    #[test]
    fn every_opcode_keeps_its_bits() {
        for bits in 0..16 {
            assert_eq!(Opcode::of(bits).bits(), bits);
            assert_eq!(Opcode::of(bits).is_control(), bits >= 8);
        }
    }
}
