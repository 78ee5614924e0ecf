//! The commands about the messages that were received: write, copy, find.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::{Regex, RegexBuilder};

use super::paths::path_of;
use crate::output::Sinks;
use crate::output::escape::{KeptControls, escape};
use crate::secret::io_text;
use crate::units::{count, count_grouped};

/// The most bytes that are copied: many terminals take no more at once.
const COPIED: usize = 74_000;
/// The most messages that `/find` lists.
const FOUND: usize = 20;
/// The characters shown before and after what was found.
const AROUND: (usize, usize) = (20, 60);

/// A command about received messages. A number counts from the last one, which is 1.
#[derive(Debug)]
pub enum KeptCommand {
    /// Writes the bytes of a message to a new file.
    Write(PathBuf, usize),
    /// Copies a message to the clipboard of the terminal.
    Copy(usize),
    /// Lists the messages that contain a text.
    Find(String),
}

/// What a command shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// A sequence for the terminal, and lines that are already escaped.
    pub raw: String,
    /// A line about them.
    pub note: String,
}

impl KeptCommand {
    /// Reads a command; `None` if the name is not one of these.
    pub fn parse(name: &str, rest: &str) -> Option<Result<Self, String>> {
        let needed = || match rest {
            "" => Err("missing argument".to_owned()),
            rest => Ok(rest),
        };
        Some(match name {
            "/write" => needed().map(|rest| {
                let (path, number) = file_and_number(rest);
                Self::Write(path_of(path), number)
            }),
            "/copy" if rest.is_empty() => Ok(Self::Copy(1)),
            "/copy" => match number(rest) {
                Some(number) => Ok(Self::Copy(number)),
                None => Err(format!("invalid number of a message '{rest}'")),
            },
            "/find" => needed().map(|text| Self::Find(text.to_owned())),
            _ => return None,
        })
    }

    /// Carries it out.
    ///
    /// # Errors
    /// A message that says why it was not done.
    pub fn run(self, sinks: &Sinks) -> Result<Shown, String> {
        match self {
            Self::Write(path, number) => {
                let bytes = message(sinks, number)?.as_bytes();
                let mut file = OpenOptions::new().write(true).create_new(true).open(&path);
                let written = file.as_mut().map(|file| file.write_all(bytes));
                let (path, size) = (path.display(), count_grouped(bytes.len() as u64, "byte"));
                match written {
                    Ok(Ok(())) => Ok(shown(format!("wrote {size} to {path}"))),
                    Ok(Err(error)) => Err(format!("cannot write {path}: {}", io_text(&error))),
                    Err(error) => Err(format!("cannot write {path}: {}", io_text(error))),
                }
            }
            Self::Copy(number) => {
                let payload = message(sinks, number)?;
                let Some(text) = payload.as_text() else {
                    return Err("the message is binary; /write FILE keeps its bytes".to_owned());
                };
                let size = count_grouped(text.len() as u64, "byte");
                if text.len() > COPIED {
                    return Err(format!("{size} are too many to copy; use /write FILE"));
                }
                Ok(Shown {
                    raw: format!("\x1b]52;c;{}\x07", STANDARD.encode(text)),
                    note: format!("copied {size}, if the terminal allows it (OSC 52)"),
                })
            }
            Self::Find(text) => Ok(find(sinks, &text)),
        }
    }
}

fn shown(note: String) -> Shown {
    Shown {
        note,
        ..Shown::default()
    }
}

fn message(sinks: &Sinks, number: usize) -> Result<&crate::connection::message::Payload, String> {
    let found = sinks.kept_message(number);
    found.ok_or_else(|| match number {
        1 => "no messages received yet".to_owned(),
        _ => format!("there is no message {number} from the end"),
    })
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number > 0)
}

/// `FILE` or `FILE N`.
fn file_and_number(rest: &str) -> (&str, usize) {
    match rest.rsplit_once(char::is_whitespace) {
        Some((file, last)) => match number(last) {
            Some(number) => (file.trim_end(), number),
            None => (rest, 1),
        },
        None => (rest, 1),
    }
}

/// Searches like a pager: upper and lower case differ only if the text has upper case.
fn find(sinks: &Sinks, text: &str) -> Shown {
    let pattern = RegexBuilder::new(&regex::escape(text))
        .case_insensitive(!text.contains(char::is_uppercase))
        .build();
    let Ok(pattern) = pattern else {
        return shown("the text is too long to search for".to_owned());
    };
    let messages = (1..).map_while(|number| Some((number, sinks.kept_message(number)?)));
    let texts = messages.filter_map(|(number, payload)| Some((number, payload.as_text()?)));
    let mut found: Vec<String> = texts
        .filter_map(|(number, text)| Some(format!("{number:>6}  {}\n", place(&pattern, text)?)))
        .take(FOUND + 1)
        .collect();
    let is_cut = found.len() > FOUND;
    found.truncate(FOUND);
    let messages = count(found.len() as u64, "message");
    let note = match (found.len(), is_cut) {
        (0, _) => format!("no message contains '{text}'"),
        (_, true) => format!("the last {messages} that contain '{text}'"),
        (_, false) => format!("{messages} with '{text}', numbered from the last one"),
    };
    found.reverse();
    Shown {
        raw: found.concat(),
        note,
    }
}

/// The beginning of what was found in a text, with something around it, on one line.
fn place(pattern: &Regex, text: &str) -> Option<String> {
    let at = pattern.find(text)?.start();
    let before = text[..at].char_indices().rev().nth(AROUND.0 - 1);
    let start = before.map_or(0, |(start, _)| start);
    let after = text[at..].char_indices().nth(AROUND.1);
    let end = after.map_or(text.len(), |(end, _)| at + end);
    let (first, last) = (
        if start > 0 { "…" } else { "" },
        if end < text.len() { "…" } else { "" },
    );
    let shown = escape(&text[start..end], KeptControls::Nothing);
    Some(format!("{first}{shown}{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_followed_by_a_number() {
        assert_eq!(file_and_number("a b 2"), ("a b", 2));
        assert_eq!(file_and_number("2"), ("2", 1));
        assert_eq!(file_and_number("a 0"), ("a 0", 1));
    }

    #[test]
    fn what_was_found_is_shown_with_its_surroundings() {
        let pattern = Regex::new("x").unwrap();
        assert_eq!(place(&pattern, "axb\n").unwrap(), "axb\\n");
        let long = format!("{}x{}", "a".repeat(50), "é".repeat(100));
        let shown = place(&pattern, &long).unwrap();
        assert_eq!(shown, format!("…{}x{}…", "a".repeat(20), "é".repeat(59)));
        assert_eq!(place(&pattern, "y"), None);
    }
}
