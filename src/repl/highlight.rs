//! Hints while a line is typed: the arguments of a command, and where JSON becomes invalid.
//!
//! They never block sending: invalid JSON is sent as text.

use super::commands::{COMMANDS, find, is_command, opens_json};
use crate::output::json::{NotJson, check};

/// The hint of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Highlight {
    /// The byte from which the line is invalid.
    pub wrong_from: Option<usize>,
    /// The text shown after the line.
    pub hint: String,
    /// How much of the hint the Right key inserts, in bytes.
    pub completes: usize,
}

/// The hint of a text.
pub fn highlight(text: &str) -> Highlight {
    if is_command(text) {
        return on_command(text);
    }
    if !opens_json(text) {
        return Highlight::default();
    }
    match check(text) {
        Err(NotJson::Incomplete) if text.ends_with('\n') => {
            hint_only("  Enter sends it unfinished")
        }
        Ok(()) | Err(NotJson::Incomplete | NotJson::TooWide) => Highlight::default(),
        Err(NotJson::Unexpected(at) | NotJson::TooDeep(at)) => Highlight {
            wrong_from: Some(at),
            ..hint_only(&format!(
                "  not valid JSON from byte {}; sent as text",
                at + 1
            ))
        },
    }
}

fn hint_only(hint: &str) -> Highlight {
    Highlight {
        hint: hint.to_owned(),
        ..Highlight::default()
    }
}

fn on_command(text: &str) -> Highlight {
    let (name, rest) = match text.split_once(' ') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    if let Some(command) = find(name) {
        return match rest {
            Some("") => hint_only(command.usage),
            None if command.usage.is_empty() => hint_only(&format!("  {}", command.what)),
            None => hint_only(&format!(" {}  {}", command.usage, command.what)),
            Some(_) => Highlight::default(),
        };
    }
    let mut fitting = COMMANDS
        .iter()
        .filter(|command| command.name.starts_with(name));
    match (fitting.next(), fitting.next(), rest) {
        (Some(only), None, None) => {
            let missing = &only.name[name.len()..];
            Highlight {
                hint: format!("{missing} {}  {}", only.usage, only.what),
                completes: missing.len(),
                wrong_from: None,
            }
        }
        (Some(_), _, None) => Highlight::default(),
        _ => Highlight {
            wrong_from: Some(0),
            ..hint_only("  unknown command")
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_marked_where_it_breaks_off() {
        assert_eq!(highlight(r#"{"a": 1}"#), Highlight::default());
        assert_eq!(highlight(r#"{"a": "#), Highlight::default());
        assert_eq!(highlight("hello {"), Highlight::default());
        assert_eq!(highlight(r#"{"a": x}"#).wrong_from, Some(6));
        assert_eq!(highlight("{} {}").wrong_from, Some(3));
        assert!(highlight("{\n").hint.contains("unfinished"));
    }

    #[test]
    fn a_command_says_how_it_goes_on() {
        assert!(
            highlight("/close")
                .hint
                .starts_with(" [CODE [REASON]]  close")
        );
        assert_eq!(highlight("/close ").hint, "[CODE [REASON]]");
        assert_eq!(highlight("/close 1000").hint, "");
        let marked = highlight("/rec");
        assert_eq!(&marked.hint[..marked.completes], "onnect");
        assert_eq!(highlight("/s"), Highlight::default());
        assert_eq!(highlight("/nope").wrong_from, Some(0));
        assert_eq!(highlight("//nope"), Highlight::default());
    }
}
