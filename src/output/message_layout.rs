//! Formats received messages for stdout without `--json`.
//!
//! In a pipe the peer's bytes are unchanged, and a delimiter follows each text. On a terminal control characters
//! are escaped, binary messages are shown as a hexdump, and JSON is pretty-printed.

use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;

use super::buffer::Buffer;
use super::escape::{KeptControls, push_escaped};
use super::hexdump::hexdump;
use super::json;
use super::palette::Palette;
use super::payload_form::PayloadForm;
use super::style::{RESET, paint};
use crate::connection::message::{Payload, Text};
use crate::units::{count_grouped, datable, grouped, local_time, shown, wall_clock};

/// The most bytes of a binary message shown on a terminal.
const HEXDUMP_LIMIT: usize = 256;
/// A JSON text larger than this is not pretty-printed (bytes).
const PRETTY_LIMIT: usize = 16 << 20;

/// The most lines of a text that are shown of its beginning, and the least that a window leaves of that.
pub const LINES_LIMIT: usize = 60;
const LINES_AT_LEAST: usize = 5;
/// The most bytes of a text that are shown of its beginning.
const BYTES_LIMIT: usize = 8 * 1024;
/// Of a text larger than this only the beginning is formatted (bytes).
const LOOKED_AT: usize = 256 * 1024;

/// How much of a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A text in full; of a binary message on a terminal the first bytes.
    Whole,
    /// The beginning and the size.
    Beginning,
}

/// The form of binary messages in the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BinaryForm {
    /// The bytes unchanged; on a terminal a hexdump.
    #[default]
    Raw,
    /// A line of lower-case hexadecimal digits.
    Hex,
    /// A line of base64.
    Base64,
}

/// How the time of a message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeForm {
    /// RFC 3339, in UTC.
    #[default]
    Utc,
    /// `HH:MM:SS.mmm` where this program runs.
    Local,
}

/// The format of messages.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// For a terminal: escaped, hexdumps.
    pub terminal: bool,
    /// Pretty-print JSON.
    pub pretty: bool,
    /// Use colour.
    pub colour: bool,
    /// Its colours.
    pub palette: &'static Palette,
    /// Print the time of arrival before each message.
    pub timestamps: bool,
    /// How that time is written.
    pub clock: TimeForm,
    /// The time from what was typed to this message, its reply; printed after it.
    pub reply_after: Option<Duration>,
    /// The most lines of a text that are shown of its beginning.
    pub lines: usize,
    /// The form of binary messages.
    pub binary: BinaryForm,
    /// The byte after a text message.
    pub delimiter: u8,
    /// The mark before each message in an interactive session or of a proxy, whose messages are lines of their own.
    pub mark: &'static str,
    /// The number of the connection before the mark, where several are shown; else 0.
    pub connection: u64,
    /// The last thing printed is a binary message without a delimiter at its end.
    pub open_line: bool,
}

impl Layout {
    /// Appends a message that was received at `at`, or now.
    pub fn print(
        &mut self,
        out: &mut Buffer,
        payload: &Payload,
        at: Option<Instant>,
        extent: Extent,
    ) {
        // In a pipe a text is always a line of its own; a stream of binary messages stays exact.
        if self.open_line && payload.as_text().is_some() {
            out.tail().push(self.delimiter);
            self.open_line = false;
        }
        self.begin(out.tail(), at);
        let text = match payload {
            Payload::Text(text) => text,
            Payload::Decoded(decoded) => &decoded.text,
            Payload::Binary(bytes) => return self.print_binary(out, bytes),
        };
        match extent {
            Extent::Beginning => self.print_beginning(out.tail(), text.as_str()),
            Extent::Whole => self.print_text(out, text),
        }
    }

    /// Time, number of the connection and mark.
    #[inline]
    fn begin(&self, out: &mut Vec<u8>, at: Option<Instant>) {
        if self.timestamps || self.connection > 0 || !self.mark.is_empty() {
            self.print_prefix(out, at);
        }
    }

    fn print_prefix(&self, out: &mut Vec<u8>, at: Option<Instant>) {
        if self.timestamps {
            let ago = at.map(|at| at.elapsed()).unwrap_or_default();
            let time = wall_clock().checked_sub(ago).unwrap_or(UNIX_EPOCH);
            let time = match self.clock {
                TimeForm::Utc => humantime::format_rfc3339_millis(datable(time)).to_string(),
                TimeForm::Local => local_time(time),
            };
            paint(out, self.colour, self.palette.dim, time.as_bytes());
            out.push(b' ');
        }
        if self.connection > 0 {
            let number = format!("#{} ", self.connection);
            paint(out, self.colour, self.palette.dim, number.as_bytes());
        }
        if !self.mark.is_empty() {
            paint(out, self.colour, self.palette.dim, self.mark.as_bytes());
        }
    }

    /// The beginning of a text, and its size if it is cut.
    fn print_beginning(&self, out: &mut Vec<u8>, text: &str) {
        let start = out.len();
        let looked_at = match text.len() {
            0..=LOOKED_AT => text,
            _ => text.get(..2 * BYTES_LIMIT).unwrap_or_else(|| {
                let end = (0..2 * BYTES_LIMIT).rev();
                let end = end.into_iter().find(|at| text.is_char_boundary(*at));
                &text[..end.unwrap_or(0)]
            }),
        };
        if !(self.pretty && self.print_json(out, looked_at)) {
            push_escaped(out, looked_at, KeptControls::Lines);
        }
        let end = shown_end(&out[start..], self.lines);
        if start + end < out.len() {
            let rest = memchr::memchr_iter(b'\n', &out[start + end..]).count();
            out.truncate(start + end);
            if self.colour {
                out.extend_from_slice(RESET.as_bytes());
            }
            let size = grouped(text.len() as u64);
            let lines = count_grouped(rest as u64, "more line");
            let is_all = looked_at.len() == text.len();
            let note = match (self.connection, rest) {
                (0, 1..) if is_all => format!("\n… {lines}, /last shows them"),
                (0, _) => format!("\n… {size} bytes in total; /last shows all"),
                _ => format!("\n… {size} bytes in total"),
            };
            paint(out, self.colour, self.palette.dim, note.as_bytes());
        }
        self.end(out);
    }

    /// Limits the lines of a text's beginning to a third of a window with this many rows.
    pub fn fit(&mut self, rows: usize) {
        self.lines = (rows / 3).clamp(LINES_AT_LEAST, LINES_LIMIT);
    }

    /// The time of a reply, and the delimiter.
    fn end(&self, out: &mut Vec<u8>) {
        if let Some(after) = self.reply_after {
            let note = format!("  +{}", shown(after));
            paint(out, self.colour, self.palette.dim, note.as_bytes());
        }
        out.push(self.delimiter);
    }

    /// The line of a binary message whose bytes need not be shown.
    pub fn print_size(&self, out: &mut Vec<u8>, size: usize) {
        self.begin(out, None);
        let line = format!("binary, {}\n", count_grouped(size as u64, "byte"));
        paint(out, self.colour, self.palette.dim, line.as_bytes());
    }

    /// A line about messages, among them.
    pub fn print_note(&self, out: &mut Vec<u8>, note: &str) {
        paint(
            out,
            self.colour,
            self.palette.dim,
            format!("* {note}\n").as_bytes(),
        );
    }

    fn print_text(&self, out: &mut Buffer, text: &Text) {
        if !(self.pretty && self.print_json(out.tail(), text.as_str())) {
            if self.terminal {
                out.push_escaped(text.as_ref());
            } else {
                out.push(text.as_ref());
            }
        }
        self.end(out.tail());
    }

    /// Pretty-prints JSON; false when the text is not an object or array.
    fn print_json(&self, out: &mut Vec<u8>, text: &str) -> bool {
        let opens = text.trim_start().starts_with(['{', '[']);
        let style = json::JsonStyle {
            colour: self.colour,
            palette: self.palette,
            ..json::JsonStyle::default()
        };
        opens
            && text.len() <= PRETTY_LIMIT
            && json::reindent(out, text, &style, self.terminal).is_ok()
    }

    fn print_binary(&mut self, out: &mut Buffer, bytes: &Bytes) {
        let encoded = match self.binary {
            BinaryForm::Raw => None,
            BinaryForm::Hex => Some(PayloadForm::Hex),
            BinaryForm::Base64 => Some(PayloadForm::Base64),
        };
        if let Some(form) = encoded {
            out.push_as(form, bytes);
            out.tail().push(self.delimiter);
        } else if self.terminal {
            let size = count_grouped(bytes.len() as u64, "byte");
            let note = format!("binary, {size}");
            paint(out.tail(), self.colour, self.palette.dim, note.as_bytes());
            self.end(out.tail());
            hexdump(out.tail(), bytes, HEXDUMP_LIMIT);
        } else {
            out.push(bytes);
            let is_open = bytes.last().map(|last| *last != self.delimiter);
            if !self.mark.is_empty() {
                if is_open != Some(false) {
                    out.tail().push(self.delimiter);
                }
            } else if let Some(is_open) = is_open {
                self.open_line = is_open;
            }
        }
    }
}

/// Where a text is cut: after a line, or, when one line is too long, between two characters and outside a colour
/// sequence.
fn shown_end(shown: &[u8], most: usize) -> usize {
    let lines = memchr::memchr_iter(b'\n', shown).nth(most.max(1) - 1);
    let end = lines.unwrap_or(shown.len());
    if end <= BYTES_LIMIT {
        return end;
    }
    let is_cut_well = |at: &usize| {
        let is_boundary = shown[*at] & 0xc0 != 0x80;
        let escape = memchr::memrchr(0x1b, &shown[at.saturating_sub(8)..*at]);
        let in_colour =
            escape.is_some_and(|from| !shown[at.saturating_sub(8) + from..*at].contains(&b'm'));
        is_boundary && !in_colour
    };
    (0..=BYTES_LIMIT).rev().find(is_cut_well).unwrap_or(0)
}
