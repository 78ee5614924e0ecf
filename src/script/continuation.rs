//! JSON that spans several lines.
//!
//! A text that opens with `{` or `[` ends where its brackets close, and is returned as one line without
//! whitespace between its tokens; strings, digits and order are unchanged. A text that closes on its first line
//! is returned unchanged, valid JSON or not.

use crate::template::looks_like_json;

/// Whether a text may span several lines.
pub(super) fn opens(text: &str) -> bool {
    looks_like_json(text)
}

/// The result of [`join`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// The text closed on its first line and is used unchanged.
    OneLine,
    /// The text took this many further lines; it is compact.
    Lines(usize, String),
}

/// Why a text is incomplete, and how many lines after its first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ContinuationError {
    pub(super) after: usize,
    pub(super) what: String,
}

/// Joins a text with the lines that follow it. `first` must satisfy [`opens`].
pub(super) fn join<'a>(
    first: &'a str,
    following: impl Iterator<Item = &'a str>,
) -> Result<Joined, ContinuationError> {
    let opening = &first[..1];
    let mut brackets = Brackets::default();
    for (after, line) in std::iter::once(first).chain(following).enumerate() {
        if let Some(rest) = brackets.line(line) {
            return match rest.trim() {
                _ if after == 0 => Ok(Joined::OneLine),
                "" => Ok(Joined::Lines(after, brackets.compact)),
                rest => Err(ContinuationError {
                    after,
                    what: format!("unexpected '{rest}' after the end of the JSON text"),
                }),
            };
        }
        if brackets.in_string {
            let what = "a JSON string must end on its line (write a line break as \\n)".to_owned();
            return Err(ContinuationError { after, what });
        }
    }
    Err(ContinuationError {
        after: 0,
        what: format!("unclosed {opening}"),
    })
}

#[derive(Default)]
struct Brackets {
    depth: usize,
    in_string: bool,
    escaped: bool,
    compact: String,
}

impl Brackets {
    /// Reads a line; returns the text after the last closing bracket once it was read.
    fn line<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        for (at, c) in line.char_indices() {
            if self.in_string || !c.is_ascii_whitespace() {
                self.compact.push(c);
            }
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = self.in_string,
                '"' => self.in_string = !self.in_string,
                '{' | '[' if !self.in_string => self.depth += 1,
                '}' | ']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(&line[at + 1..]);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Joined, ContinuationError> {
        let mut lines = text.lines();
        join(lines.next().unwrap(), lines)
    }

    #[test]
    fn a_text_that_closes_on_its_line_is_unchanged() {
        for text in [
            "{}",
            "[INFO] it's \"on",
            r#"{"a": "}"}"#,
            "[[1],\t[2]]",
            "{} more\nnext",
        ] {
            assert_eq!(lines(text), Ok(Joined::OneLine), "{text}");
        }
    }

    #[test]
    fn json_over_several_lines_is_compacted() {
        let text =
            "{ \"a b\" : [1.0,\n\n   \"x \\\" } y\" ],\r\n \"n\": 12345678901234567890 }  \nnext";
        let compact = r#"{"a b":[1.0,"x \" } y"],"n":12345678901234567890}"#.to_owned();
        assert_eq!(lines(text), Ok(Joined::Lines(3, compact)));
    }

    #[test]
    fn unclosed_json_is_an_error() {
        let what = |text| lines(text).unwrap_err();
        assert_eq!(
            what("{\n\"a\": 1\n"),
            ContinuationError {
                after: 0,
                what: "unclosed {".to_owned()
            }
        );
        assert_eq!(what("[\n\"a\n]").after, 1);
        assert_eq!(
            what("[\n] x").what,
            "unexpected 'x' after the end of the JSON text"
        );
    }
}
