//! One frame as somebody describes it, legal or not, for testing a peer ([`Outgoing::Raw`]).
//!
//! [`Outgoing::Raw`]: crate::connection::message::Outgoing::Raw

use bytes::Bytes;

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
}
