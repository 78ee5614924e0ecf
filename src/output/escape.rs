//! Escapes text of the peer for a terminal.
//!
//! The result contains no control characters (except tabs and newlines, if kept), no line separators and no format
//! characters, so it cannot move the cursor, reorder the line or hide text. Everything else is unchanged, byte for
//! byte. Backslashes are not doubled: the result is for display, not for parsing.
//!
//! It is never used for stdout in a pipe, which gets the exact bytes.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// Which control characters are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptControls {
    /// Tab and newline, with each further line indented by two blanks: for messages, which may have several lines,
    /// none of which may look like a line of ours.
    Lines,
    /// None, tab and newline become `\t` and `\n`: for close reasons, header values and names, which must not begin
    /// a line.
    Nothing,
}

/// Returns `text` escaped for a terminal; borrowed when nothing changes.
///
/// C0 and DEL become `\x1b`; C1, line and paragraph separator and format characters (general
/// category Cf, but not U+200C and U+200D, which scripts and emoji need) become `\u{202e}`.
pub fn escape(text: &str, keep: KeptControls) -> Cow<'_, str> {
    let Some(first) = find(text, 0, keep) else {
        return Cow::Borrowed(text);
    };
    let mut out = Vec::with_capacity(text.len() + text.len() / 8 + 8);
    push_from(&mut out, text, keep, Some(first));
    // Pieces of a `str` cut on character boundaries, joined by ASCII, are UTF-8.
    Cow::Owned(String::from_utf8(out).expect("escapes are ASCII"))
}

/// Appends to `out` what [`escape`] would return.
pub fn push_escaped(out: &mut Vec<u8>, text: &str, keep: KeptControls) {
    push_from(out, text, keep, find(text, 0, keep));
}

/// Appends to `out` what [`escape`] would return for the parts of `bytes` that are UTF-8, and
/// `\xff` for each byte that belongs to no character.
pub fn push_escaped_bytes(out: &mut Vec<u8>, bytes: &[u8], keep: KeptControls) {
    for chunk in bytes.utf8_chunks() {
        push_escaped(out, chunk.valid(), keep);
        for &byte in chunk.invalid() {
            push_hex_byte(out, byte);
        }
    }
}

/// The position of the next character to replace, and the character.
type NextEscape = Option<(usize, char)>;

fn push_from(out: &mut Vec<u8>, text: &str, keep: KeptControls, first: NextEscape) {
    let mut copied = 0;
    let mut found = first;
    while let Some((at, ch)) = found {
        out.extend_from_slice(&text.as_bytes()[copied..at]);
        match (ch, keep) {
            ('\n', KeptControls::Lines) => out.extend_from_slice(b"\n  "),
            _ => push_char(out, ch),
        }
        copied = at + ch.len_utf8();
        found = find(text, copied, keep);
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
}

fn find(text: &str, from: usize, keep: KeptControls) -> NextEscape {
    match keep {
        KeptControls::Lines => find_unsafe(text, from, |byte| {
            (byte < b' ') & (byte != b'\t') | (byte == DEL)
        }),
        KeptControls::Nothing => find_unsafe(text, from, |byte| (byte < b' ') | (byte == DEL)),
    }
}

fn push_char(out: &mut Vec<u8>, ch: char) {
    match ch {
        '\t' => out.extend_from_slice(b"\\t"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\0'..='\x7f' => push_hex_byte(out, ch as u8),
        _ => {
            out.extend_from_slice(b"\\u{");
            push_hex(out, u32::from(ch), 2);
            out.push(b'}');
        }
    }
}

fn push_hex_byte(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(b"\\x");
    push_hex(out, u32::from(byte), 2);
}

/// Appends `value` in lower-case hexadecimal with at least `width` digits.
pub(super) fn push_hex(out: &mut Vec<u8>, value: u32, width: u32) {
    let needed = (u32::BITS - value.leading_zeros()).div_ceil(4);
    for place in (0..needed.max(width)).rev() {
        // Digits beyond the eighth are zeros; a plain shift by 32 or more would overflow.
        let digit = value.checked_shr(4 * place).unwrap_or(0) & 0xf;
        out.push(b"0123456789abcdef"[digit as usize]);
    }
}

pub(super) const DEL: u8 = 0x7f;

/// Finds the first character at or after `from` that is unsafe by [`is_unsafe`] or, when it is
/// ASCII, by `stop`. `from` must lie between two characters.
///
/// `stop` must be false beyond ASCII, and should be written without `&&` and `||`: only then is it
/// compiled to vector code.
#[inline]
pub(super) fn find_unsafe(text: &str, from: usize, stop: impl Fn(u8) -> bool + Copy) -> NextEscape {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += plain_len(&bytes[at..], |byte| stop(byte) | may_lead_unsafe(byte));
        let byte = *bytes.get(at)?;
        if byte.is_ascii() {
            return Some((at, char::from(byte)));
        }
        // A byte beyond ASCII that ends a plain run is a leading byte, so `get` cuts on a character boundary.
        let ch = text.get(at..)?.chars().next()?;
        if is_unsafe(ch) {
            return Some((at, ch));
        }
        at += ch.len_utf8();
    }
}

/// The number of bytes before the first one for which `stop` holds.
#[inline]
fn plain_len(bytes: &[u8], stop: impl Fn(u8) -> bool + Copy) -> usize {
    let (blocks, tail) = bytes.as_chunks::<32>();
    for (i, block) in blocks.iter().enumerate() {
        if let Some(at) = position(block, stop) {
            return i * 32 + at;
        }
    }
    let mut at = bytes.len() - tail.len();
    // Small blocks for the tail, so that a short text is not checked byte by byte.
    let (blocks, tail) = tail.as_chunks::<8>();
    for block in blocks {
        if let Some(offset) = position(block, stop) {
            return at + offset;
        }
        at += 8;
    }
    at + tail
        .iter()
        .position(|&byte| stop(byte))
        .unwrap_or(tail.len())
}

/// Checks every byte, unlike `Iterator::position`: an early exit prevents vector code. So does collecting the results
/// in a `bool`, which the compiler turns into branches.
#[inline]
fn position<const N: usize>(block: &[u8; N], stop: impl Fn(u8) -> bool) -> Option<usize> {
    let mut hits = [0; N];
    for (hit, &byte) in hits.iter_mut().zip(block) {
        *hit = u8::from(stop(byte));
    }
    for (i, word) in hits.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        if word != 0 {
            return Some(i * 8 + word.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// Whether a character for which [`is_unsafe`] holds may begin with this byte of UTF-8.
///
/// Few leading bytes do, so most Latin, Greek, Cyrillic, Chinese, Japanese and Korean text is not decoded.
#[inline]
fn may_lead_unsafe(byte: u8) -> bool {
    (byte == 0xc2)
        | (byte == 0xd8)
        | (byte == 0xdb)
        | (byte == 0xdc)
        | (byte == 0xe0)
        | (byte == 0xe1)
        | (byte == 0xe2)
        | (byte == 0xef)
        | (byte == 0xf0)
        | (byte == 0xf3)
}

/// Whether a character beyond ASCII must not reach a terminal: C1, line and paragraph separator,
/// and general category Cf of Unicode 17 without U+200C and U+200D.
///
/// The unassigned U+2065 and the unassigned part of the Tags block (U+E0000) are included: they are reserved for
/// format characters and also invisible.
pub(super) fn is_unsafe(ch: char) -> bool {
    matches!(
        ch,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}'
    )
}
