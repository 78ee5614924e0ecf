//! The background of the terminal, asked for once before the session begins (OSC 11).

use std::time::Duration;

use regex::bytes::Regex;

use super::{system, terminal};
use crate::output::palette::{Palette, palette_on};

/// The question, and one that every terminal answers: after its answer no other will come.
const QUESTION: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";
/// How long the answer may take.
const LIMIT: Duration = Duration::from_millis(100);
/// The answer to the first question, each part with one to four hexadecimal digits.
const COLOUR: &str = r"(?-u)\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})[^\x07\x1b]*(?:\x07|\x1b\\)";
/// The answer to the second one.
const ATTRIBUTES: &str = r"(?-u)\x1b\[\?[0-9;]*c";

/// What was read from the terminal.
#[derive(Debug, PartialEq, Eq)]
pub struct BackgroundAnswer {
    /// The colours for its background, if it has told it.
    pub palette: Option<&'static Palette>,
    /// What was typed meanwhile.
    pub typed: Vec<u8>,
}

/// Asks the terminal, which must be in raw mode.
pub fn ask() -> BackgroundAnswer {
    // A closed terminal is ignored.
    let _ = terminal::write(QUESTION);
    let is_end = |reply: &[u8]| Regex::new(ATTRIBUTES).is_ok_and(|end| end.is_match(reply));
    read(&system::read_reply(LIMIT, is_end))
}

fn read(reply: &[u8]) -> BackgroundAnswer {
    let (Ok(colour), Ok(attributes)) = (Regex::new(COLOUR), Regex::new(ATTRIBUTES)) else {
        return BackgroundAnswer {
            palette: None,
            typed: reply.to_vec(),
        };
    };
    let palette = colour.captures(reply).and_then(|found| {
        let part = |index: usize| {
            let digits = std::str::from_utf8(&found[index]).ok()?;
            let most = 16_u32.pow(u32::try_from(digits.len()).ok()?) - 1;
            Some(f64::from(u32::from_str_radix(digits, 16).ok()?) / f64::from(most))
        };
        Some(palette_on([part(1)?, part(2)?, part(3)?]))
    });
    let typed = colour.replace(reply, &b""[..]);
    let typed = attributes.replace(&typed, &b""[..]).into_owned();
    BackgroundAnswer { palette, typed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::palette::{DARK, LIGHT};

    #[test]
    fn the_answer_is_read_and_what_was_typed_is_kept() {
        let table: [(&[u8], Option<&Palette>, &[u8]); 5] = [
            (
                b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c",
                Some(&LIGHT),
                b"",
            ),
            (
                b"a\x1b]11;rgb:00/2b/36\x07b\x1b[?1;2cd",
                Some(&DARK),
                b"abd",
            ),
            (b"\x1b[?6c", None, b""),
            (b"typed", None, b"typed"),
            (b"", None, b""),
        ];
        for (reply, palette, typed) in table {
            let answer = read(reply);
            assert_eq!(answer.palette, palette, "{}", reply.escape_ascii());
            assert_eq!(answer.typed, typed, "{}", reply.escape_ascii());
        }
    }
}
