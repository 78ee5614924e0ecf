//! Invalid frames for testing clients (`--bad`), as raw bytes.

use bytes::Bytes;

use crate::connection::wire::header::{FIN, RSV2, WHOLE_TEXT};

/// A protocol violation in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// A text that is not UTF-8 (RFC 6455 §8.1).
    Utf8,
    /// A reserved bit that no extension uses (RFC 6455 §5.2).
    Rsv,
    /// A reserved opcode (RFC 6455 §5.2).
    Opcode,
    /// A masked frame, which only clients may send (RFC 6455 §5.1).
    Mask,
    /// A length whose highest bit is set (RFC 6455 §5.2).
    Length,
}

impl BadFrame {
    /// The bytes of the frame.
    pub fn frame(self) -> Bytes {
        // U+FFFF would be valid UTF-8. This is a surrogate, which programs that use UTF-16 may send.
        const SURROGATE: &[u8] = b"\xed\xa0\x80";
        const RESERVED: u8 = 0x3;
        const MASKED: u8 = 0x80;
        let bytes = match self {
            Self::Utf8 => [&[WHOLE_TEXT, 5], &b"a"[..], SURROGATE, b"z"].concat(),
            Self::Rsv => [&[WHOLE_TEXT | RSV2, 3], &b"rsv"[..]].concat(),
            Self::Opcode => [&[FIN | RESERVED, 6], &b"opcode"[..]].concat(),
            // A key of zeros leaves the payload unchanged.
            Self::Mask => [&[WHOLE_TEXT, MASKED | 4, 0, 0, 0, 0], &b"mask"[..]].concat(),
            Self::Length => [&[WHOLE_TEXT, 127], &(1_u64 << 63).to_be_bytes()[..]].concat(),
        };
        bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::frame::Opcode;
    use crate::connection::wire::header::FrameHeader;

    #[test]
    fn each_frame_breaks_the_rule_that_it_is_named_after() {
        let parse = |bad: BadFrame| {
            let frame = bad.frame();
            let (header, length) = FrameHeader::parse(&frame).expect("a whole header");
            (header, frame.slice(length..))
        };
        let (header, payload) = parse(BadFrame::Utf8);
        assert_eq!(header.payload, payload.len() as u64);
        assert!(std::str::from_utf8(&payload).is_err());
        let (header, payload) = parse(BadFrame::Rsv);
        assert_eq!(header.payload, payload.len() as u64);
        assert_ne!(header.first & 0x70, 0);
        let (header, payload) = parse(BadFrame::Opcode);
        assert_eq!(header.payload, payload.len() as u64);
        assert!(matches!(Opcode::of(header.first), Opcode::Reserved(_)));
        let (header, payload) = parse(BadFrame::Mask);
        assert_eq!(header.payload, payload.len() as u64);
        assert!(header.mask.is_some());
        assert_ne!(parse(BadFrame::Length).0.payload >> 63, 0);
    }
}
