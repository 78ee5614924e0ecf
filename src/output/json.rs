//! Pretty-prints, compacts and writes JSON token by token: tokens are copied, never converted.
//!
//! Key order, duplicate keys, every digit of a number and every escape of a string are unchanged; only white space
//! between tokens and colour are added or removed. Text that is not JSON by RFC 8259 is rejected and leaves the
//! output unchanged. Hostile text can neither overflow the stack nor cause a panic: nesting is counted in a bit
//! field, not by recursion.
//!
//! A lone surrogate (`"\ud800"`) is accepted, as RFC 8259 section 7 allows, and copied; a parser may still reject
//! it. The same holds for `1E400`.

use std::error::Error;
use std::fmt;

use super::escape::{DEL, find_unsafe, push_hex};
use super::palette::{Palette, SIXTEEN};

mod scan;
#[cfg(test)]
mod tests;

use scan::{TokenKind, TokenSink, scan};

/// The style of [`reindent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonStyle {
    /// Whether tokens are coloured for a 16-colour terminal.
    pub colour: bool,
    /// The colours.
    pub palette: &'static Palette,
    /// Spaces per level of nesting.
    pub indent: usize,
}

impl Default for JsonStyle {
    fn default() -> Self {
        JsonStyle {
            colour: false,
            palette: &SIXTEEN,
            indent: 2,
        }
    }
}

/// Why a text is not JSON, or not accepted by this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// The text is incomplete; more text may make it JSON.
    Incomplete,
    /// A syntax error by RFC 8259 at this byte offset.
    Unexpected(usize),
    /// Arrays and objects nested deeper than [`MAX_DEPTH`] at this byte offset.
    TooDeep(usize),
    /// Pretty-printed, it would take more than [`MAX_GROWTH`] times its size.
    TooWide,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotJson::Incomplete => f.write_str("the JSON text is incomplete"),
            NotJson::Unexpected(at) => write!(f, "not JSON at byte {at}"),
            NotJson::TooDeep(at) => {
                write!(f, "JSON nested deeper than {MAX_DEPTH} levels at byte {at}")
            }
            NotJson::TooWide => f.write_str("JSON that is mostly indentation"),
        }
    }
}

impl Error for NotJson {}

/// The deepest nesting of arrays and objects that is accepted (RFC 8259 section 9 allows a limit).
pub const MAX_DEPTH: usize = 512;

/// How many times larger than the text the output may be, beyond `FREE_GROWTH`: the peer controls the
/// indentation, which must not fill the memory.
pub const MAX_GROWTH: usize = 8;

/// The bytes of output allowed for every text.
const FREE_GROWTH: usize = 1 << 20;

/// Resets the colour.
pub const RESET: &str = "\x1b[0m";

/// Appends the JSON text `text` to `out`, one member or element per line; `{}` and `[]` stay on one line. No newline
/// follows the last line.
///
/// With `escape`, characters inside strings that must not reach a terminal (DEL, C1, format
/// characters, see [`mod@super::escape`]) become escapes such as `\u202e`: the same JSON value.
///
/// # Errors
/// When `text` is not JSON by RFC 8259, is nested too deep, or would grow too much; `out` is then unchanged.
pub fn reindent(
    out: &mut Vec<u8>,
    text: &str,
    style: &JsonStyle,
    escape: bool,
) -> Result<(), NotJson> {
    out.reserve(text.len() + text.len() / 2);
    all_or_nothing(out, |out| {
        let escape = escape && needs_escape(text);
        let limit = out.len() + FREE_GROWTH + text.len().saturating_mul(MAX_GROWTH);
        let mut pretty = Pretty {
            out,
            style: *style,
            escape,
            depth: 0,
            limit,
        };
        scan(text, &mut pretty)?;
        if pretty.is_full() {
            return Err(NotJson::TooWide);
        }
        Ok(())
    })
}

/// Appends the JSON text `text` to `out` without the white space between its tokens.
///
/// # Errors
/// As [`reindent`].
pub fn compact(out: &mut Vec<u8>, text: &str) -> Result<(), NotJson> {
    out.reserve(text.len());
    all_or_nothing(out, |out| {
        let mut compact = Compact {
            out,
            text,
            copied: 0,
        };
        scan(text, &mut compact)?;
        compact.copy(text.len());
        Ok(())
    })
}

/// Whether `text` is one JSON text by RFC 8259, nested no deeper than [`MAX_DEPTH`].
pub fn is_json(text: &str) -> bool {
    scan(text, &mut Ignore).is_ok()
}

/// Whether `text` is one JSON text, and if not, where the error is.
///
/// # Errors
/// As [`reindent`].
pub fn check(text: &str) -> Result<(), NotJson> {
    scan(text, &mut Ignore)
}

/// Passes every key of `text` to `each`, without quotes and with its escapes unchanged, as far as the text is JSON.
pub fn each_key(text: &str, each: impl FnMut(&str)) {
    // Keys before a syntax error have been passed; the error is ignored.
    let _ = scan(text, &mut Keys(each));
}

/// Appends `text` to `out` as a JSON string (RFC 8259 section 7), quotes included.
///
/// Escapes the quotation mark, the backslash and C0, as required, and characters that must not reach a terminal
/// (DEL, C1, format characters, see [`mod@super::escape`]) as `\u202e` or a surrogate pair. The rest is copied.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    push_inside_string(out, text);
    out.push(b'"');
}

/// Appends the content of [`push_string`] without the quotes, to build a string from pieces.
pub fn push_inside_string(out: &mut Vec<u8>, text: &str) {
    push_escaping(out, text, stop_in_string);
}

/// Compacts a text that is known to be JSON piece by piece, and escapes what must not reach a terminal, as
/// [`reindent`] does. The only state is whether a piece begins inside a string.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compactor {
    in_string: bool,
    /// After a backslash.
    escaped: bool,
}

impl Compactor {
    /// Appends the next piece.
    pub fn push(&mut self, out: &mut Vec<u8>, piece: &str) {
        let mut rest = piece;
        while !rest.is_empty() {
            let end = match self.in_string {
                true => self.string_end(rest.as_bytes()),
                false => memchr::memchr(b'"', rest.as_bytes()).map(|quote| quote + 1),
            };
            let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
            if self.in_string {
                push_escaping(out, part, stop_in_token);
            } else {
                let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
                out.extend(part.bytes().filter(|byte| !is_space(byte)));
            }
            self.in_string ^= end.is_some();
            rest = behind;
        }
    }

    /// The position after the quote that ends the string in which `text` begins.
    fn string_end(&mut self, text: &[u8]) -> Option<usize> {
        // The character after a backslash is ASCII and does not end the string.
        let mut at = usize::from(std::mem::take(&mut self.escaped));
        loop {
            at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
            if text[at] == b'"' {
                return Some(at + 1);
            }
            at += 2;
            self.escaped = at > text.len();
        }
    }
}

/// Whether a byte ends a run of plain ASCII inside a JSON string.
#[inline]
fn stop_in_string(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\') | (byte == DEL)
}

fn all_or_nothing(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), NotJson>,
) -> Result<(), NotJson> {
    let before = out.len();
    write(out).inspect_err(|_| out.truncate(before))
}

/// What must be escaped inside a string of valid JSON. C0 is not included: inside strings it is not valid JSON, and
/// between tokens it is white space, which is not copied.
#[inline]
fn stop_in_token(byte: u8) -> bool {
    byte == DEL
}

fn needs_escape(text: &str) -> bool {
    // Most JSON is ASCII and is checked quickly.
    if text.is_ascii() {
        return memchr::memchr(DEL, text.as_bytes()).is_some();
    }
    find_unsafe(text, 0, stop_in_token).is_some()
}

/// Appends a piece of a JSON string, with escapes for DEL and unsafe characters beyond ASCII.
pub(super) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    push_escaping(out, text, stop_in_token);
}

/// Appends `text` with JSON escapes for unsafe characters and ASCII for which `stop` holds.
#[inline]
fn push_escaping(out: &mut Vec<u8>, text: &str, stop: impl Fn(u8) -> bool + Copy) {
    let mut copied = 0;
    while let Some((at, ch)) = find_unsafe(text, copied, stop) {
        out.extend_from_slice(&text.as_bytes()[copied..at]);
        push_char(out, ch);
        copied = at + ch.len_utf8();
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
}

fn push_char(out: &mut Vec<u8>, ch: char) {
    let short: &[u8] = match ch {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        '\u{8}' => b"\\b",
        '\u{c}' => b"\\f",
        _ => {
            for &unit in &*ch.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                push_hex(out, u32::from(unit), 4);
            }
            return;
        }
    };
    out.extend_from_slice(short);
}

fn push_token(out: &mut Vec<u8>, kind: TokenKind, token: &str, escape: bool) {
    if escape && matches!(kind, TokenKind::Key | TokenKind::String) {
        push_escaping(out, token, stop_in_token);
    } else {
        out.extend_from_slice(token.as_bytes());
    }
}

/// A sink that only validates.
struct Ignore;

impl TokenSink for Ignore {
    fn token(&mut self, _: TokenKind, _: &str) {}
    fn empty(&mut self, _: &'static str) {}
    fn open(&mut self, _: u8) {}
    fn close(&mut self, _: u8) {}
    fn comma(&mut self) {}
    fn colon(&mut self) {}
}

/// A sink for keys.
struct Keys<F>(F);

impl<F: FnMut(&str)> TokenSink for Keys<F> {
    fn token(&mut self, kind: TokenKind, token: &str) {
        if kind == TokenKind::Key {
            (self.0)(&token[1..token.len() - 1]);
        }
    }

    fn empty(&mut self, _: &'static str) {}
    fn open(&mut self, _: u8) {}
    fn close(&mut self, _: u8) {}
    fn comma(&mut self) {}
    fn colon(&mut self) {}
}

/// A sink that copies runs without white space between tokens.
struct Compact<'a> {
    out: &'a mut Vec<u8>,
    text: &'a str,
    /// How much of the text has been handled.
    copied: usize,
}

impl Compact<'_> {
    fn copy(&mut self, end: usize) {
        let piece = &self.text[self.copied..end];
        self.out.extend_from_slice(piece.as_bytes());
    }
}

impl TokenSink for Compact<'_> {
    fn token(&mut self, _: TokenKind, _: &str) {}
    fn empty(&mut self, _: &'static str) {}
    fn open(&mut self, _: u8) {}
    fn close(&mut self, _: u8) {}
    fn comma(&mut self) {}
    fn colon(&mut self) {}

    fn white_space(&mut self, from: usize, to: usize) {
        self.copy(from);
        self.copied = to;
    }
}

struct Pretty<'a> {
    out: &'a mut Vec<u8>,
    style: JsonStyle,
    escape: bool,
    depth: usize,
    /// The maximum length of `out`.
    limit: usize,
}

/// The widest indentation, in columns. Without a limit, `1,` repeated inside 512 arrays would grow to 500 times its
/// size.
const MAX_INDENT: usize = 128;

/// A newline and the widest indentation, to copy in one piece.
const NEW_LINE: [u8; 1 + MAX_INDENT] = {
    let mut line = [b' '; 1 + MAX_INDENT];
    line[0] = b'\n';
    line
};

impl Pretty<'_> {
    fn is_full(&self) -> bool {
        self.out.len() > self.limit
    }

    #[inline]
    fn new_line(&mut self) {
        if self.is_full() {
            return;
        }
        let width = self.depth.saturating_mul(self.style.indent).min(MAX_INDENT);
        self.out.extend_from_slice(&NEW_LINE[..=width]);
    }
}

impl TokenSink for Pretty<'_> {
    #[inline]
    fn token(&mut self, kind: TokenKind, token: &str) {
        if self.is_full() {
            return;
        }
        if self.style.colour {
            self.out
                .extend_from_slice(colour(kind, self.style.palette).as_bytes());
            push_token(self.out, kind, token, self.escape);
            self.out.extend_from_slice(RESET.as_bytes());
        } else {
            push_token(self.out, kind, token, self.escape);
        }
    }

    fn empty(&mut self, brackets: &'static str) {
        self.out.extend_from_slice(brackets.as_bytes());
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        self.new_line();
    }

    fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        self.new_line();
        self.out.push(bracket);
    }

    #[inline]
    fn comma(&mut self) {
        self.out.push(b',');
        self.new_line();
    }

    #[inline]
    fn colon(&mut self) {
        self.out.extend_from_slice(b": ");
    }
}

fn colour(kind: TokenKind, palette: &Palette) -> &'static str {
    match kind {
        TokenKind::Key => palette.key,
        TokenKind::String => palette.string,
        TokenKind::Number => palette.number,
        TokenKind::Boolean => palette.boolean,
        TokenKind::Null => palette.null,
    }
}
