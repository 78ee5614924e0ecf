//! Converts input bytes to a message: text, raw bytes, or decoded hexadecimal or base64.

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use bytes::Bytes;

use crate::connection::message::{Payload, Text};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The encoding of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A text message.
    #[default]
    Text,
    /// A binary message of the same bytes.
    Binary,
    /// A binary message in hexadecimal; whitespace and colons between bytes are ignored.
    Hex,
    /// A binary message in base64: standard or URL-safe alphabet, with or without padding.
    Base64,
}

/// Why input is not a valid message, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodingError {
    /// The offset of the first invalid byte, from 0.
    pub at: usize,
    /// Why it is invalid.
    pub why: String,
}

impl Encoding {
    /// Decodes a message.
    ///
    /// # Errors
    /// The first invalid byte.
    pub fn decode(self, bytes: Bytes) -> Result<Payload, EncodingError> {
        match self {
            Self::Text => match Text::try_from(bytes) {
                Ok(text) => Ok(Payload::Text(text)),
                Err(error) => Err(EncodingError {
                    at: error.valid_up_to(),
                    why: "not valid UTF-8; --binary sends the bytes unchanged".to_owned(),
                }),
            },
            Self::Binary => Ok(Payload::Binary(bytes)),
            Self::Hex => unhex(&bytes).map(Payload::Binary),
            Self::Base64 => unbase64(&bytes).map(Payload::Binary),
        }
    }
}

fn unhex(text: &[u8]) -> Result<Bytes, EncodingError> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, &byte) in text.iter().enumerate() {
        let between = high.is_none() && (byte.is_ascii_whitespace() || byte == b':');
        if between {
            continue;
        }
        let digit = char::from(byte).to_digit(16).ok_or_else(|| EncodingError {
            at,
            why: format!("invalid hexadecimal digit '{}'", byte.escape_ascii()),
        })? as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => out.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(out.into()),
        Some(_) => Err(EncodingError {
            at: text.len(),
            why: "odd number of hexadecimal digits".to_owned(),
        }),
    }
}

fn unbase64(text: &[u8]) -> Result<Bytes, EncodingError> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if url_safe {
        &URL_SAFE_LENIENT
    } else {
        &STANDARD_LENIENT
    };
    engine
        .decode(&text)
        .map(Bytes::from)
        .map_err(|error| EncodingError {
            at: match error {
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                _ => text.len(),
            },
            why: match error {
                base64::DecodeError::InvalidByte(_, byte) if byte.is_ascii_graphic() => {
                    format!("invalid base64 character '{}'", byte as char)
                }
                base64::DecodeError::InvalidByte(_, byte) => {
                    format!("invalid base64 character 0x{byte:02x}")
                }
                _ => "incomplete base64".to_owned(),
            },
        })
}

/// Base64 with padding, as in JSON events.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(encoding: Encoding, text: &str) -> Result<Vec<u8>, usize> {
        let decoded = encoding.decode(Bytes::copy_from_slice(text.as_bytes()));
        decoded
            .map(|payload| payload.as_bytes().to_vec())
            .map_err(|error| error.at)
    }

    #[test]
    fn hexadecimal_may_be_spaced() {
        let table = [
            ("", Ok(vec![])),
            ("00ff10", Ok(vec![0, 255, 16])),
            ("00 FF:10\n", Ok(vec![0, 255, 16])),
            ("0", Err(1)),
            ("0 0", Err(1)),
            ("zz", Err(0)),
        ];
        for (text, expected) in table {
            assert_eq!(decode(Encoding::Hex, text), expected, "{text:?}");
        }
    }

    #[test]
    fn base64_may_lack_its_padding_and_use_either_alphabet() {
        for text in ["+/8=", "+/8", "-_8=", "-_8", " +/ 8="] {
            assert_eq!(
                decode(Encoding::Base64, text),
                Ok(vec![0xfb, 0xff]),
                "{text}"
            );
        }
        assert!(decode(Encoding::Base64, "!").is_err());
    }

    #[test]
    fn text_must_be_utf8_and_the_first_bad_byte_is_known() {
        let bad = Encoding::Text.decode(Bytes::from_static(b"ab\xffc"));
        assert_eq!(bad.map_err(|error| error.at), Err(2));
    }
}
