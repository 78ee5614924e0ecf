//! Finds the values of a conversation that are made anew in each run.
//!
//! A value counts only by evidence: it came from the server and went back to it, or it stands at the same place in two
//! sent messages, differs there, and looks like a UUID or the time at which it was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::{RecordedConnection, RecordedEvent};
use crate::connection::message::Direction;
use crate::secret::guess::is_secret_pair;
use crate::template::{Generator, is_name};

/// A clock may be wrong by this much, and a message may wait before it is sent.
const CLOCK_ERROR: Duration = Duration::from_secs(60 * 60 * 24);
/// The most messages that are looked at, and the most bytes of one.
const MESSAGES: usize = 2000;
const MESSAGE_BYTES: usize = 64 << 10;

static UUID: LazyLock<Regex> = LazyLock::new(|| {
    // A constant expression; a test compiles it.
    Regex::new(r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")
        .expect("a constant expression")
});

/// Names whose values identify something.
static IDENTIFIER: LazyLock<Regex> = LazyLock::new(|| {
    // As above.
    Regex::new(r"(?i)(^|_|-)id$|[a-z]Id$|token|session|nonce|challenge|cursor|ticket")
        .expect("a constant expression")
});

/// What is written in place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    /// The value as text.
    pub value: String,
    /// `{{NAME}}` without its braces.
    pub variable: String,
}

/// A value that came from the server and went back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CaptureLine {
    /// The value and its variable.
    pub stand: Stand,
    /// The jq expression that selects it.
    pub path: String,
    /// Whether it looks like a credential.
    pub is_secret: bool,
}

/// A value that the client makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MadeValue {
    /// The value and what is written in its place.
    pub stand: Stand,
    /// The generator, where the value is needed again; else the variable is the generator.
    pub set: Option<&'static str>,
    /// What it looks like.
    pub kind: &'static str,
}

/// The evidence of one connection, by the index of the entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// What is captured from a received message.
    pub captures: BTreeMap<usize, Vec<CaptureLine>>,
    /// What a sent message makes.
    pub made: BTreeMap<usize, Vec<MadeValue>>,
    /// The index of the last entry from which something is captured: nothing before it may be left out.
    pub last_capture: Option<usize>,
}

/// A scalar in a JSON message.
struct Leaf {
    /// Its jq path.
    path: String,
    /// The name of its member.
    name: String,
    value: String,
    is_text: bool,
}

/// A message as its scalars.
struct Leaves {
    index: usize,
    direction: Direction,
    at: Duration,
    leaves: Vec<Leaf>,
}

impl Evidence {
    /// Looks at the messages of a connection; `taken` are names that already have another meaning.
    pub(super) fn of(connection: &RecordedConnection, taken: &mut BTreeSet<String>) -> Self {
        let messages = messages(connection);
        let mut evidence = Self::default();
        evidence.find_made(&messages, taken);
        if cfg!(feature = "jq") {
            evidence.find_captures(&messages, taken);
        }
        evidence.last_capture = evidence.captures.keys().next_back().copied();
        evidence
    }

    /// Values that came from the server first and occur in a later sent message.
    fn find_captures(&mut self, messages: &[Leaves], taken: &mut BTreeSet<String>) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (position, message) in messages.iter().enumerate() {
            for leaf in &message.leaves {
                let is_first = seen.insert(&leaf.value);
                if !is_first || message.direction != Direction::In {
                    continue;
                }
                let mut later = messages[position + 1..]
                    .iter()
                    .filter(|later| later.direction == Direction::Out)
                    .flat_map(|later| &later.leaves);
                if !later.any(|sent| went_back(leaf, sent)) {
                    continue;
                }
                self.captures
                    .entry(message.index)
                    .or_default()
                    .push(CaptureLine {
                        stand: Stand {
                            value: leaf.value.clone(),
                            variable: name_for(&leaf.name, taken),
                        },
                        path: leaf.path.clone(),
                        is_secret: is_secret_pair(&leaf.name, &leaf.value),
                    });
            }
        }
    }

    /// Values at one place of two sent messages that differ and look like a UUID or the time.
    fn find_made(&mut self, messages: &[Leaves], taken: &mut BTreeSet<String>) {
        let mut places: BTreeMap<&str, Vec<(&Leaves, &Leaf)>> = BTreeMap::new();
        let mut received: BTreeSet<&str> = BTreeSet::new();
        for message in messages {
            for leaf in &message.leaves {
                match message.direction {
                    Direction::In => drop(received.insert(&leaf.value)),
                    Direction::Out if !received.contains(&*leaf.value) => {
                        places.entry(&leaf.path).or_default().push((message, leaf));
                    }
                    Direction::Out => {}
                }
            }
        }
        for found in places.values() {
            let values: BTreeSet<&str> = found.iter().map(|(_, leaf)| &*leaf.value).collect();
            let Some((generator, kind)) = maker(found).filter(|_| values.len() > 1) else {
                continue;
            };
            let mut done = BTreeSet::new();
            for (message, leaf) in found {
                if !done.insert(&leaf.value) {
                    continue;
                }
                let is_needed_again = messages
                    .iter()
                    .filter(|other| other.index != message.index)
                    .any(|other| other.leaves.iter().any(|same| same.value == leaf.value));
                let variable = match is_needed_again {
                    true => name_for(&leaf.name, taken),
                    false => generator.to_owned(),
                };
                let value = leaf.value.clone();
                self.made.entry(message.index).or_default().push(MadeValue {
                    stand: Stand { value, variable },
                    set: is_needed_again.then_some(generator),
                    kind,
                });
            }
        }
    }
}

/// Whether a sent value is a received one: any that looks random, others where the name says that it identifies
/// something.
fn went_back(received: &Leaf, sent: &Leaf) -> bool {
    let digits = received.value.bytes().filter(u8::is_ascii_digit).count();
    let is_random = received.value.len() >= 6 && digits >= 2 || received.value.len() >= 20;
    let is_random = is_random && !received.value.contains(' ');
    let is_named = IDENTIFIER.is_match(&received.name) && IDENTIFIER.is_match(&sent.name);
    match sent.value == received.value {
        true => is_random || is_named,
        // A part of a longer text: only what cannot be an accident.
        false => is_random && received.value.len() >= 8 && sent.value.contains(&received.value),
    }
}

/// The generator of such values.
fn maker(found: &[(&Leaves, &Leaf)]) -> Option<(&'static str, &'static str)> {
    let all = |is_one: &dyn Fn(&Leaves, &Leaf) -> bool| {
        found.iter().all(|(message, leaf)| is_one(message, leaf))
    };
    let near = |time: Option<Duration>, at: Duration| {
        time.is_some_and(|time| time.abs_diff(at) < CLOCK_ERROR)
    };
    if all(&|_, leaf| leaf.is_text && UUID.is_match(&leaf.value)) {
        return Some(("uuid", "a UUID"));
    }
    if all(&|message, leaf| {
        near(
            leaf.value.parse().ok().map(Duration::from_millis),
            message.at,
        )
    }) {
        return Some(("now.ms", "the time in milliseconds"));
    }
    if all(&|message, leaf| near(leaf.value.parse().ok().map(Duration::from_secs), message.at)) {
        return Some(("now.s", "the time in seconds"));
    }
    let date = |text: &str| {
        let time = humantime::parse_rfc3339_weak(text).ok();
        time.map(super::since_epoch)
    };
    all(&|message, leaf| leaf.is_text && near(date(&leaf.value), message.at))
        .then_some(("now", "the time"))
}

/// A name for a variable: that of the member, with a number if it is taken.
fn name_for(member: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name: String = member
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if !is_name(&name) || Generator::of_name(&name).is_some() {
        name = format!("value_{name}");
    }
    let free = (1..)
        .map(|n| match n {
            1 => name.clone(),
            n => format!("{name}{n}"),
        })
        .find(|name| !taken.contains(name))
        .unwrap_or(name);
    taken.insert(free.clone());
    free
}

fn messages(connection: &RecordedConnection) -> Vec<Leaves> {
    let mut messages = Vec::new();
    for (index, entry) in connection.entries.iter().enumerate() {
        let RecordedEvent::Message(direction, payload) = &entry.what else {
            continue;
        };
        let text = payload.as_text().filter(|text| {
            text.len() <= MESSAGE_BYTES && text.trim_start().starts_with(['{', '['])
        });
        let Some(value) = text.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
            continue;
        };
        let mut leaves = Vec::new();
        collect(&value, "", "", &mut leaves);
        messages.push(Leaves {
            index,
            direction: *direction,
            at: entry.at,
            leaves,
        });
        if messages.len() == MESSAGES {
            break;
        }
    }
    messages
}

fn collect(value: &Value, path: &str, name: &str, leaves: &mut Vec<Leaf>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let path = match is_name(member) && !member.contains('-') {
                    true => format!("{path}.{member}"),
                    // jq takes any name in brackets.
                    false if path.is_empty() => format!(".[{}]", Value::from(member.as_str())),
                    false => format!("{path}[{}]", Value::from(member.as_str())),
                };
                collect(value, &path, member, leaves);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let dot = if path.is_empty() { "." } else { "" };
                collect(value, &format!("{path}{dot}[{index}]"), name, leaves);
            }
        }
        Value::String(text) if !text.is_empty() => leaves.push(Leaf {
            path: path.to_owned(),
            name: name.to_owned(),
            value: text.clone(),
            is_text: true,
        }),
        Value::Number(number) => leaves.push(Leaf {
            path: path.to_owned(),
            name: name.to_owned(),
            value: number.to_string(),
            is_text: false,
        }),
        _ => {}
    }
}

/// Marks around a variable's name, until the literal braces of the text are escaped; a number has the second pair, with
/// the quotes of its string. Nothing is replaced in a text that holds one of them.
const TEXT_MARKS: [char; 2] = ['\u{F0002}', '\u{F0003}'];
const NUMBER_MARKS: [char; 2] = ['\u{F0004}', '\u{F0005}'];

/// The text with marks in place of values: whole scalars and parts of strings.
pub(super) fn mark(text: &str, stands: &[Stand]) -> String {
    let marks = [TEXT_MARKS, NUMBER_MARKS].concat();
    if stands.is_empty() || text.contains(&marks[..]) {
        return text.to_owned();
    }
    let mut marked = text.to_owned();
    // Longest first: a value may be a part of another.
    let mut stands: Vec<&Stand> = stands.iter().collect();
    stands.sort_by_key(|stand| std::cmp::Reverse(stand.value.len()));
    for stand in stands {
        let quoted = Value::from(stand.value.as_str()).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut from = 0;
        while let Some(at) = marked[from..].find(inner).map(|at| at + from) {
            let end = at + inner.len();
            let before = marked[..at].chars().next_back();
            let after = marked[end..].chars().next();
            if before.is_some_and(is_part) || after.is_some_and(is_part) {
                from = end;
                continue;
            }
            let name = format!("{}{}{}", TEXT_MARKS[0], stand.variable, TEXT_MARKS[1]);
            marked.replace_range(at..end, &name);
            from = at + name.len();
        }
    }
    marked
}

/// The mark of a value in a pattern, as JSON.
pub(super) fn marked_value(stand: &Stand, is_number: bool) -> Value {
    let [opens, closes] = if is_number { NUMBER_MARKS } else { TEXT_MARKS };
    Value::from(format!("{opens}{}{closes}", stand.variable))
}

/// The text with variables in place of marks.
pub(super) fn unmark(text: &str) -> String {
    if !text.contains(&[TEXT_MARKS[0], NUMBER_MARKS[0]][..]) {
        return text.to_owned();
    }
    text.replace(&format!("\"{}", NUMBER_MARKS[0]), "{{")
        .replace(&format!("{}\"", NUMBER_MARKS[1]), "}}")
        .replace(TEXT_MARKS[0], "{{")
        .replace(TEXT_MARKS[1], "}}")
}
