//! How a received message becomes bytes on stdout when no `--json` is asked for.
//!
//! In a pipe the bytes are the peer's, unchanged, and one delimiter follows a text. On a terminal
//! nothing the peer sent is obeyed: control characters are shown, binary becomes a hexdump, JSON is laid
//! out for reading.

use std::time::SystemTime;

use bytes::Bytes;

use super::buffer::Buffer;
use super::hexdump::hexdump;
use super::json;
use super::style::{DIM, paint};
use crate::connection::message::Payload;
use crate::units::grouped;

/// The bytes of a binary message that a terminal is shown.
const HEXDUMP_LIMIT: usize = 256;
/// A JSON text larger than this is not laid out: nobody reads it.
const PRETTY_LIMIT: usize = 16 << 20;

/// How messages are laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// For a terminal: escaped, hexdumps.
    pub terminal: bool,
    /// JSON indented.
    pub pretty: bool,
    /// JSON coloured.
    pub colour: bool,
    /// The time of arrival before each message.
    pub timestamps: bool,
    /// What ends a text message.
    pub delimiter: u8,
    /// What stands before each message in an interactive session.
    pub mark: &'static str,
}

impl Layout {
    /// Appends a message.
    pub fn print(&self, out: &mut Buffer, payload: &Payload) {
        if self.timestamps {
            let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
            paint(out.tail(), self.colour, DIM, time.as_bytes());
            out.tail().push(b' ');
        }
        if !self.mark.is_empty() {
            paint(out.tail(), self.colour, DIM, self.mark.as_bytes());
        }
        match payload {
            Payload::Text(text) => self.print_text(out, text.as_str(), payload),
            Payload::Binary(bytes) => self.print_binary(out, bytes),
        }
    }

    fn print_text(&self, out: &mut Buffer, text: &str, payload: &Payload) {
        if !(self.pretty && self.print_json(out.tail(), text)) {
            let bytes = payload.clone().into_bytes();
            if self.terminal {
                out.push_escaped(&bytes);
            } else {
                out.push(&bytes);
            }
        }
        out.tail().push(self.delimiter);
    }

    /// Lays JSON out; false when the text is none. A bare number or word is left as it is.
    fn print_json(&self, out: &mut Vec<u8>, text: &str) -> bool {
        let opens = text.trim_start().starts_with(['{', '[']);
        let style = json::Style {
            colour: self.colour,
            ..json::Style::default()
        };
        opens
            && text.len() <= PRETTY_LIMIT
            && json::reindent(out, text, &style, self.terminal).is_ok()
    }

    fn print_binary(&self, out: &mut Buffer, bytes: &Bytes) {
        if self.terminal {
            let size = grouped(bytes.len() as u64);
            let plural = if bytes.len() == 1 { "" } else { "s" };
            paint(
                out.tail(),
                self.colour,
                DIM,
                format!("binary, {size} byte{plural}\n").as_bytes(),
            );
            hexdump(out.tail(), bytes, HEXDUMP_LIMIT);
        } else {
            out.push(bytes);
        }
    }
}
