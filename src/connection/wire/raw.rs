//! One frame as somebody describes it, legal or not, for testing a peer ([`Outgoing::Raw`]).
//!
//! [`Outgoing::Raw`]: crate::connection::message::Outgoing::Raw

use bytes::Bytes;

use super::deflate;
use super::header::{FrameHeader, LengthForm, apply_mask};

/// A frame to send unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// FIN, RSV1 to RSV3 and the opcode: the first byte (RFC 6455 §5.2).
    pub first: u8,
    /// The masking key; `None` for an unmasked frame.
    pub mask: Option<[u8; 4]>,
    /// The declared length, if it is not that of the payload.
    pub length: Option<u64>,
    /// How the length is written.
    pub form: LengthForm,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

impl RawFrame {
    /// The bytes of the frame.
    pub fn encode(mut self) -> Bytes {
        let header = FrameHeader {
            first: self.first,
            mask: self.mask,
            payload: self.length.unwrap_or(self.payload.len() as u64),
        };
        let mut bytes = Vec::new();
        header.write_as(self.form, &mut bytes);
        if let Some(mask) = self.mask {
            apply_mask(&mut self.payload, mask, 0);
        }
        bytes.extend(self.payload);
        bytes.into()
    }
}

/// How the bytes of a compressed message are made (RFC 7692 §7.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeflateForm {
    /// As the first message of a stream.
    Alone,
    /// In a block that is stored, not compressed.
    Stored,
    /// In a block with BFINAL set.
    Final,
}

/// A message as the payload of a compressed one (RFC 7692 §7.2.1).
pub fn deflated(message: &[u8], form: DeflateForm) -> Vec<u8> {
    match form {
        DeflateForm::Alone => deflate::alone(message),
        DeflateForm::Stored | DeflateForm::Final => {
            let is_final = u8::from(form == DeflateForm::Final);
            // The header of a stored block, its length and the complement of it (RFC 1951 §3.2.4).
            let len = message.len().min(usize::from(u16::MAX)) as u16;
            let mut bytes = vec![is_final];
            bytes.extend(len.to_le_bytes());
            bytes.extend((!len).to_le_bytes());
            bytes.extend(&message[..usize::from(len)]);
            // The empty block whose tail is not sent.
            bytes.push(0);
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_bytes_that_it_describes() {
        let frame = RawFrame {
            first: 0xc3,
            mask: None,
            length: None,
            form: LengthForm::Shortest,
            payload: vec![1, 2],
        };
        assert_eq!(frame.clone().encode()[..], [0xc3, 2, 1, 2]);
        let masked = RawFrame {
            mask: Some([1, 1, 0, 0]),
            length: Some(300),
            ..frame.clone()
        };
        assert_eq!(masked.encode()[..], [0xc3, 0xfe, 1, 44, 1, 1, 0, 0, 0, 3]);
        let long = RawFrame {
            form: LengthForm::Bits64,
            ..frame
        };
        assert_eq!(long.encode()[..], [0xc3, 127, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2]);
    }

    #[test]
    fn a_compressed_message_is_what_it_was() {
        use DeflateForm::{Alone, Final, Stored};
        let text = b"the same text, the same text";
        let inflate = |parts: &[Vec<u8>]| {
            let mut stream = flate2::Decompress::new(false);
            let mut out = Vec::with_capacity(1000);
            for part in parts {
                for bytes in [&part[..], &[0, 0, 0xff, 0xff]] {
                    let flush = flate2::FlushDecompress::Sync;
                    let status = stream.decompress_vec(bytes, &mut out, flush);
                    assert!(status.is_ok(), "{part:?}: {status:?}");
                }
            }
            out
        };
        for form in [Alone, Stored] {
            assert_eq!(inflate(&[deflated(text, form)]), text, "{form:?}");
        }
        let last = deflated(b"hi", Final);
        assert_eq!(last, [1, 2, 0, 0xfd, 0xff, b'h', b'i', 0]);
    }
}
