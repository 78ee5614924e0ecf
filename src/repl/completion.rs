//! Completion with Tab: commands, file names, endpoints, close codes with their names, JSON keys of received messages.

use std::collections::BTreeSet;
use std::path::{MAIN_SEPARATOR, Path, is_separator};

use rustyline::completion::{
    FilenameCompleter, Pair, Quote, escape as quote, longest_common_prefix,
};

use super::commands::{Argument, COMMANDS, find, is_command, opens_json};
use super::paths::path_of;
use crate::connection::close::CloseCode;
use crate::endpoints::EndpointsFile;
use crate::output::escape::{KeptControls, escape};

/// The close codes offered; of the private ones only the first.
const CODES: [u16; 16] = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3003, 3008, 4000,
];

/// The completions at the cursor.
#[derive(Default)]
pub struct Completion {
    /// Where the completed text begins, in bytes.
    pub start: usize,
    /// The candidates, in order.
    pub candidates: Vec<Pair>,
}

fn plain(text: &str) -> Pair {
    Pair {
        display: text.to_owned(),
        replacement: text.to_owned(),
    }
}

impl Completion {
    /// The common prefix of all candidates.
    pub fn common(&self) -> &str {
        longest_common_prefix(&self.candidates).unwrap_or_default()
    }
}

/// The completions of the text before the cursor. `keys` are escaped as in JSON; `endpoints` is the endpoints file,
/// if one was named.
pub fn complete(head: &str, keys: &BTreeSet<String>, endpoints: Option<&Path>) -> Completion {
    if is_command(head) {
        return match head.split_once(' ') {
            None => command_names(head),
            Some((name, rest)) => {
                let start = head.len() - rest.len();
                arguments(name, rest, start, endpoints)
            }
        };
    }
    if opens_json(head) {
        return json_keys(head, keys);
    }
    Completion::default()
}

fn command_names(head: &str) -> Completion {
    let fitting = COMMANDS
        .iter()
        .filter(|command| command.name.starts_with(head));
    let candidates = fitting.map(|command| Pair {
        replacement: match command.usage {
            "" => command.name.to_owned(),
            _ => format!("{} ", command.name),
        },
        display: format!(
            "{:<24}{}",
            format!("{} {}", command.name, command.usage),
            command.what
        ),
    });
    Completion {
        start: 0,
        candidates: candidates.collect(),
    }
}

fn arguments(name: &str, typed: &str, start: usize, endpoints: Option<&Path>) -> Completion {
    let argument = find(name).map_or(Argument::Other, |command| command.argument);
    match argument {
        Argument::File => files(typed, start),
        Argument::Code => Completion {
            start,
            candidates: CODES
                .map(CloseCode)
                .into_iter()
                .filter(|code| code.0.to_string().starts_with(typed))
                .map(|code| Pair {
                    replacement: format!("{} ", code.0),
                    display: format!("{} {}", code.0, code.name()),
                })
                .collect(),
        },
        Argument::Url => endpoint_names(typed, start, endpoints),
        Argument::Switch => words(&["on", "off"], typed, start),
        Argument::Off => words(&["off"], typed, start),
        Argument::Command => {
            let names = COMMANDS.map(|command| command.name.trim_start_matches('/'));
            words(&names, typed.trim_start_matches('/'), start)
        }
        Argument::Other => Completion::default(),
    }
}

/// The names of endpoints, where one has begun.
fn endpoint_names(typed: &str, start: usize, named: Option<&Path>) -> Completion {
    if !typed.starts_with('@') {
        return Completion::default();
    }
    let file = EndpointsFile::open(named, typed);
    let names = file.map_or_else(|_| Vec::new(), |file| file.names());
    let names: Vec<String> = names.iter().map(|name| format!("@{name}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    words(&names, typed, start)
}

fn words(words: &[&str], typed: &str, start: usize) -> Completion {
    let fitting = words.iter().filter(|word| word.starts_with(typed));
    Completion {
        start,
        candidates: fitting.map(|word| plain(word)).collect(),
    }
}

/// The files whose path begins with the typed text; hidden ones only if their dot was typed.
fn files(typed: &str, start: usize) -> Completion {
    let (folder, name) = match typed.rfind(is_separator) {
        Some(at) => typed.split_at(at + 1),
        None => ("", typed),
    };
    // The completer parses a shell command line, so the name is quoted.
    let path = path_of(typed).to_string_lossy().into_owned();
    // On Windows `\` is a separator, not an escape.
    let escape_char = (MAIN_SEPARATOR == '/').then_some('\\');
    let quoted = quote(path, escape_char, is_special, Quote::Double);
    let line = format!("\"{quoted}");
    let found = FilenameCompleter::new().complete_path(&line, line.len());
    let (_, mut candidates) = found.unwrap_or_default();
    // A name with control characters could not be typed.
    candidates.retain(|Pair { display, .. }| {
        (name.starts_with('.') || !display.starts_with('.')) && !display.contains(char::is_control)
    });
    for Pair {
        display,
        replacement,
    } in &mut candidates
    {
        if replacement.ends_with(is_separator) {
            display.push(MAIN_SEPARATOR);
        }
        *replacement = format!("{folder}{display}");
    }
    Completion { start, candidates }
}

/// The characters that are special between double quotes for [`FilenameCompleter`].
fn is_special(c: char) -> bool {
    matches!(c, '"' | '\\' | '$' | '`')
}

/// JSON keys, where a key is allowed: after its opening quote or in its place.
fn json_keys(head: &str, keys: &BTreeSet<String>) -> Completion {
    let (before, typed, quote) = match open_string(head) {
        Some(at) => (&head[..at], &head[at + 1..], ""),
        None => (head, "", "\""),
    };
    if !before.trim_end().ends_with(['{', ',']) || !is_in_object(before) {
        return Completion::default();
    }
    let fitting = keys.iter().filter(|key| key.starts_with(typed));
    let candidates = fitting.map(|key| Pair {
        replacement: format!("{quote}{key}\": "),
        display: escape(key, KeptControls::Nothing).into_owned(),
    });
    Completion {
        start: head.len() - typed.len(),
        candidates: candidates.collect(),
    }
}

/// The start of the string that is open at the end of the text.
fn open_string(text: &str) -> Option<usize> {
    let mut open = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = open.is_some(),
            b'"' => open = if open.is_some() { None } else { Some(at) },
            _ => {}
        }
    }
    open
}

/// Whether the innermost open bracket is an object's.
fn is_in_object(text: &str) -> bool {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => open.push(byte),
            b'}' | b']' if !in_string => {
                open.pop();
            }
            _ => {}
        }
    }
    open.last() == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(head: &str) -> Vec<String> {
        let keys = ["op", "options", r#"a \"b\""#].map(str::to_owned).into();
        let completion = complete(head, &keys, None);
        let texts = completion
            .candidates
            .into_iter()
            .map(|candidate| candidate.replacement);
        texts
            .map(|text| format!("{}{text}", &head[..completion.start]))
            .collect()
    }

    #[test]
    fn commands_and_their_arguments_are_completed() {
        assert_eq!(offered("/cl"), ["/close "]);
        assert_eq!(offered("/qu"), ["/quit"]);
        assert_eq!(offered("/").len(), COMMANDS.len());
        assert_eq!(
            offered("/close 101"),
            [
                "/close 1010 ",
                "/close 1011 ",
                "/close 1012 ",
                "/close 1013 ",
                "/close 1014 "
            ]
        );
        assert_eq!(offered("/time o"), ["/time on", "/time off"]);
        assert_eq!(offered("/filter "), ["/filter off"]);
        assert!(
            offered("//cl").is_empty() && offered("hi").is_empty() && offered("/ping ").is_empty()
        );
    }

    #[test]
    fn a_code_is_listed_with_its_name() {
        let shown = complete("/close 1008", &BTreeSet::new(), None).candidates[0]
            .display
            .clone();
        assert_eq!(shown, "1008 Policy Violation");
    }

    #[test]
    fn keys_are_offered_where_a_key_can_stand() {
        assert_eq!(offered("{\"op"), ["{\"op\": ", "{\"options\": "]);
        assert_eq!(
            offered("{\"x\": [1, {\"opt"),
            ["{\"x\": [1, {\"options\": "]
        );
        assert_eq!(
            offered("{\"x\": \"{\", \"a"),
            ["{\"x\": \"{\", \"a \\\"b\\\"\": "]
        );
        assert_eq!(offered("{").len(), 3);
        assert_eq!(offered("{\n  ")[1], "{\n  \"op\": ");
        for nowhere in ["[", "[1, \"op", "{\"x\": ", "{\"x\": \"op", "{\"op\""] {
            assert!(offered(nowhere).is_empty(), "{nowhere}");
        }
    }

    #[test]
    fn files_are_completed_step_by_step() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inside.json"), "").unwrap();
        std::fs::write(folder.path().join(".hidden"), "").unwrap();
        let place = folder.path().display();
        assert_eq!(
            offered(&format!("/send {place}/")),
            [
                format!("/send {place}/inner/"),
                format!("/send {place}/inside.json")
            ]
        );
        assert_eq!(
            offered(&format!("/send {place}/.h")),
            [format!("/send {place}/.hidden")]
        );
        for odd in ["a b'c", "d\"e$\\f `g", "=h"] {
            std::fs::write(folder.path().join(odd), "").unwrap();
            let half = &odd[..odd.len() - 1];
            assert_eq!(
                offered(&format!("/send {place}/{half}")),
                [format!("/send {place}/{odd}")]
            );
        }
        assert_eq!(
            offered(&format!("/log {place}/ins")),
            [format!("/log {place}/inside.json")]
        );
    }

    #[test]
    fn the_common_part_is_what_all_begin_with() {
        let completion = |texts: &[&str]| Completion {
            start: 0,
            candidates: texts.iter().map(|text| plain(text)).collect(),
        };
        assert_eq!(completion(&["/reconnect", "/reco"]).common(), "/reco");
        assert_eq!(completion(&["aé", "aè"]).common(), "a");
        assert_eq!(completion(&["one"]).common(), "one");
        assert_eq!(completion(&[]).common(), "");
    }
}
