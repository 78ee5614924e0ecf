//! Formats large payloads piece by piece, so that only one piece is in memory twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::escape::{KeptControls, push_escaped_bytes};
use super::hexdump::push_hex;
use super::json::{Compactor, push_inside_string};

/// Bytes formatted at once; the output may be six times as large. A multiple of 3, for base64.
const AT_ONCE: usize = 3 * 5461;

/// The output form of a payload.
#[derive(Clone, Copy, Debug)]
pub enum PayloadForm {
    /// Text escaped for a terminal.
    Terminal,
    /// The content of a JSON string, without its quotes.
    JsonString,
    /// JSON without white space between its tokens; the text must be JSON.
    Json(Compactor),
    /// Base64, for bytes.
    Base64,
    /// Hexadecimal digits, for bytes.
    Hex,
}

impl PayloadForm {
    /// Removes the next piece from `payload` and appends its output form to `out`.
    pub fn push_next(&mut self, payload: &mut Bytes, out: &mut Vec<u8>) {
        let size = match self {
            Self::Base64 | Self::Hex => payload.len().min(AT_ONCE),
            _ => whole_characters(payload, AT_ONCE),
        };
        let piece = payload.split_to(size);
        match self {
            Self::Terminal => push_escaped_bytes(out, &piece, KeptControls::Lines),
            // The text was cut on a character boundary.
            Self::JsonString => push_inside_string(out, &String::from_utf8_lossy(&piece)),
            Self::Json(compactor) => compactor.push(out, &String::from_utf8_lossy(&piece)),
            Self::Base64 => out.extend_from_slice(STANDARD.encode(piece).as_bytes()),
            Self::Hex => piece.iter().for_each(|byte| push_hex(out, *byte)),
        }
    }
}

/// At most `most` bytes of a text, cut on a character boundary; `most` must be above four.
fn whole_characters(text: &[u8], most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let is_continuation = |at: &usize| text[*at] & 0xc0 == 0x80;
    // A character has at most three bytes after its first.
    (most - 3..=most)
        .rev()
        .find(|at| !is_continuation(at))
        .unwrap_or(most)
}
