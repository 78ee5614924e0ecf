//! What is said about a line while it is typed: how a command goes on, where JSON breaks off.
//!
//! A mark never stops anything: what is wrong as JSON is sent as the text it is.

use super::commands::{COMMANDS, find, is_command, opens_json};
use crate::output::json::{NotJson, check};

/// The marks on a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// From where on it is wrong, in bytes.
    pub wrong_from: Option<usize>,
    /// What stands behind the line.
    pub hint: String,
    /// How much of the hint the Right key takes over, in bytes.
    pub completes: usize,
}

/// The marks on a text.
pub fn marks(text: &str) -> Marks {
    if is_command(text) {
        return on_command(text);
    }
    if !opens_json(text) {
        return Marks::default();
    }
    match check(text) {
        Err(NotJson::Incomplete) if text.ends_with('\n') => said("  Enter sends it unfinished"),
        Ok(()) | Err(NotJson::Incomplete | NotJson::TooWide) => Marks::default(),
        Err(NotJson::Unexpected(at) | NotJson::TooDeep(at)) => Marks {
            wrong_from: Some(at),
            ..said(&format!("  no JSON from byte {} on, sent as text", at + 1))
        },
    }
}

fn said(hint: &str) -> Marks {
    Marks {
        hint: hint.to_owned(),
        ..Marks::default()
    }
}

fn on_command(text: &str) -> Marks {
    let (name, rest) = match text.split_once(' ') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    if let Some(command) = find(name) {
        return match rest {
            Some("") => said(command.usage),
            None if command.usage.is_empty() => said(&format!("  {}", command.what)),
            None => said(&format!(" {}  {}", command.usage, command.what)),
            Some(_) => Marks::default(),
        };
    }
    let mut fitting = COMMANDS
        .iter()
        .filter(|command| command.name.starts_with(name));
    match (fitting.next(), fitting.next(), rest) {
        (Some(only), None, None) => {
            let missing = &only.name[name.len()..];
            Marks {
                hint: format!("{missing} {}  {}", only.usage, only.what),
                completes: missing.len(),
                wrong_from: None,
            }
        }
        (Some(_), _, None) => Marks::default(),
        _ => Marks {
            wrong_from: Some(0),
            ..said("  no such command")
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_marked_where_it_breaks_off() {
        assert_eq!(marks(r#"{"a": 1}"#), Marks::default());
        assert_eq!(marks(r#"{"a": "#), Marks::default());
        assert_eq!(marks("hello {"), Marks::default());
        assert_eq!(marks(r#"{"a": x}"#).wrong_from, Some(6));
        assert_eq!(marks("{} {}").wrong_from, Some(3));
        assert!(marks("{\n").hint.contains("unfinished"));
    }

    #[test]
    fn a_command_says_how_it_goes_on() {
        assert!(marks("/close").hint.starts_with(" [CODE [REASON]]  close"));
        assert_eq!(marks("/close ").hint, "[CODE [REASON]]");
        assert_eq!(marks("/close 1000").hint, "");
        let marked = marks("/rec");
        assert_eq!(&marked.hint[..marked.completes], "onnect");
        assert_eq!(marks("/s"), Marks::default());
        assert_eq!(marks("/nope").wrong_from, Some(0));
        assert_eq!(marks("//nope"), Marks::default());
    }
}
