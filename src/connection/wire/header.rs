//! The frame header of RFC 6455 §5.2, as bytes and as a value, and the mask of §5.3.
//!
//! Parsing a header does not validate it; `rules` does.

use bytes::Bytes;

use crate::connection::frame::Opcode;

/// The maximum payload of a control frame, in bytes (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: u64 = 125;

/// The FIN bit in the first byte of a header.
pub const FIN: u8 = 0x80;
/// The RSV1 bit: a compressed message, if permessage-deflate was negotiated (RFC 7692 §6).
pub const RSV1: u8 = 0x40;
/// The RSV2 bit, which no supported extension uses.
pub const RSV2: u8 = 0x20;
/// The RSV3 bit, which no supported extension uses.
pub const RSV3: u8 = 0x10;
/// The first byte of a text message in one frame, uncompressed.
pub const WHOLE_TEXT: u8 = FIN | 0x1;
/// The first byte of a binary message in one frame, uncompressed.
pub const WHOLE_BINARY: u8 = FIN | 0x2;
/// The MASK bit in the second byte of a header.
const MASK: u8 = 0x80;

/// How a payload length is written (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LengthForm {
    /// In as few bytes as possible, which the RFC requires.
    #[default]
    Shortest,
    /// In 16 bits.
    Bits16,
    /// In 64 bits.
    Bits64,
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// FIN, RSV1 to RSV3 and the opcode, as on the wire.
    pub first: u8,
    /// The masking key, if the frame is masked.
    pub mask: Option<[u8; 4]>,
    /// The declared length of the payload, in bytes; up to 2^64 - 1, though only 2^63 - 1 is legal.
    pub payload: u64,
}

impl FrameHeader {
    /// Parses the header at the start of `bytes`, and returns its length in bytes; `None` if it is
    /// incomplete.
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

    /// Appends the header to `out`, with the payload length in the shortest form.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_as(LengthForm::Shortest, out);
    }

    /// Appends the header to `out`; a length that does not fit the form is written in a longer one.
    #[inline]
    pub fn write_as(&self, form: LengthForm, out: &mut Vec<u8>) {
        let masked = if self.mask.is_some() { MASK } else { 0 };
        let (short, wide) = (
            self.payload <= MAX_CONTROL_PAYLOAD,
            form == LengthForm::Bits64,
        );
        if short && form == LengthForm::Shortest {
            out.extend_from_slice(&[self.first, masked | self.payload as u8]);
        } else if let Ok(payload) = u16::try_from(self.payload)
            && !wide
        {
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

    /// The opcode of the frame.
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

/// Whether the MASK bit is set in the second byte of a header.
#[inline]
pub const fn is_masked(second: u8) -> bool {
    second & MASK != 0
}

/// Whether the second byte of a header declares more than a control frame may carry.
#[inline]
pub const fn is_extended(second: u8) -> bool {
    (second & !MASK) as u64 > MAX_CONTROL_PAYLOAD
}

#[inline]
fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Masks or unmasks `bytes`, which start at offset `position` of the payload (RFC 6455 §5.3).
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

/// A payload that is masked and written piece by piece, so that only one piece of it is in memory twice.
#[derive(Debug)]
pub struct MaskedPayload {
    rest: Bytes,
    position: u64,
    mask: Option<[u8; 4]>,
}

impl MaskedPayload {
    /// A payload, and the masking key if it is masked.
    pub fn new(payload: Bytes, mask: Option<[u8; 4]>) -> Self {
        Self {
            rest: payload,
            position: 0,
            mask,
        }
    }

    /// Whether everything was taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number of bytes that were not taken yet.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Appends the next piece, of at most `most` bytes, to `out`.
    pub fn take(&mut self, most: usize, out: &mut Vec<u8>) {
        let piece = self.rest.split_to(self.rest.len().min(most));
        let begin = out.len();
        out.extend_from_slice(&piece);
        if let Some(mask) = self.mask {
            apply_mask(&mut out[begin..], mask, self.position);
        }
        self.position += piece.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two bytes, a 64-bit length, a mask.
    const MAX_HEADER: usize = 14;

    proptest! {
        #[test]
        fn a_written_header_reads_back(first: u8, mask: Option<[u8; 4]>, payload: u64, shift in 0u32..64) {
            let header = FrameHeader { first, mask, payload: payload >> shift };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            prop_assert!(bytes.len() <= MAX_HEADER);
            for cut in 0..bytes.len() {
                prop_assert_eq!(FrameHeader::parse(&bytes[..cut]), None);
            }
            prop_assert_eq!(FrameHeader::parse(&bytes), Some((header, bytes.len())));
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
}
