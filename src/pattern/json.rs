//! JSON subset matching: a message matches if it contains everything that the pattern names.
//!
//! Named keys must match and others are allowed, arrays match in length and order, and numbers match by exact decimal
//! value. If a message contains a key twice, the last one counts, as in browsers. A message is read as slices of its own
//! text, without building a tree, and the recursion is never deeper than the pattern.

use std::fmt;

use memchr::memchr;
use memchr::memmem::Finder;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Mismatch;
use super::decimal::same_number;

/// Maximum nesting of a pattern, which bounds all recursion in this module.
const MAX_DEPTH: usize = 128;

/// Maximum length, in characters, of a value quoted in an explanation.
const SHOWN: usize = 80;

/// A compiled JSON pattern.
#[derive(Clone, Debug)]
pub(super) struct Subset {
    root: Node,
    /// A string of the pattern in its quotes. A message without it, and without escapes, cannot match: most messages are
    /// rejected by a search, 20 times faster than by reading them.
    needle: Option<Box<Finder<'static>>>,
}

#[derive(Clone, Debug)]
enum Node {
    Null,
    Bool(bool),
    /// The source text, so that no digit is lost.
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Members),
}

/// The members of an object in their original order, with an index sorted by name.
#[derive(Clone, Debug)]
struct Members {
    entries: Vec<(String, Node)>,
    by_name: Vec<usize>,
}

impl Subset {
    /// Parses a pattern. The error has the form `at byte 2 (REASON)` or `(REASON)`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(text, &error))?;
        let root = Node::build(raw.get(), 0).map_err(|why| format!("({why})"))?;
        let needle = root.longest_string().map(|text| {
            let quoted = format!("\"{text}\"");
            Box::new(Finder::new(quoted.as_bytes()).into_owned())
        });
        Ok(Self { root, needle })
    }

    /// Whether a message matches. Stops at the first difference.
    pub(super) fn is_match(&self, message: &str) -> bool {
        if let Some(needle) = &self.needle
            && needle.find(message.as_bytes()).is_none()
            && memchr(b'\\', message.as_bytes()).is_none()
        {
            return false;
        }
        let mut walk = Walk::new(Thoroughness::FirstDifference);
        walk.document(&self.root, message).is_ok() && walk.first.is_none()
    }

    /// `None` for a match, otherwise the first leaf that differs and the number of equal leaves.
    pub(super) fn mismatch(&self, message: &str) -> Option<Mismatch> {
        let mut walk = Walk::new(Thoroughness::EveryLeaf);
        if walk.document(&self.root, message).is_err() {
            return Some(Mismatch::new("not JSON"));
        }
        walk.first.map(|why| Mismatch {
            why,
            equal: walk.equal,
        })
    }
}

/// The position of a syntax error, counted from byte 1, and its reason without serde's line and column.
fn syntax(text: &str, error: &serde_json::Error) -> String {
    let lines = text.split_inclusive('\n').take(error.line() - 1);
    let byte = lines.map(str::len).sum::<usize>() + error.column();
    let why = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let why = why.strip_suffix(&place).unwrap_or(&why);
    match is_unquoted_key(text, byte) {
        true => format!("at byte {byte} ({why}; JSON needs double quotes)"),
        false => format!("at byte {byte} ({why})"),
    }
}

/// Whether the byte at this place, counted from 1, begins a key in single quotes or in none.
fn is_unquoted_key(text: &str, byte: usize) -> bool {
    let Some((before, rest)) = text.split_at_checked(byte.saturating_sub(1)) else {
        return false;
    };
    let opens = before.trim_end().ends_with(['{', ',']);
    let first = rest.chars().next();
    opens && first.is_some_and(|c| c == '\'' || c == '_' || c.is_ascii_alphabetic())
}

/// Whether `text` is one JSON value and nothing else (RFC 8259). Takes constant stack at any depth of nesting.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

impl Node {
    fn build(raw: &str, depth: usize) -> Result<Self, String> {
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(match raw.as_bytes().first() {
            Some(b'{') => Self::Object(Members::build(raw, depth)?),
            Some(b'[') => {
                let items = elements(raw).map_err(|e| e.to_string())?;
                let build = |item: &&RawValue| Self::build(item.get(), depth + 1);
                Self::Array(items.iter().map(build).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(raw).map_err(|e| e.to_string())?),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            _ => Self::Number(raw.to_owned()),
        })
    }
}

impl Node {
    /// The longest key or text that stands in JSON as it is.
    fn longest_string(&self) -> Option<&str> {
        let longer = |a: &&str, b: &&str| a.len().cmp(&b.len());
        match self {
            Self::Text(text) => Some(text.as_str()).filter(|text| is_plain(text)),
            Self::Array(items) => items.iter().filter_map(Self::longest_string).max_by(longer),
            Self::Object(members) => {
                let keys = members.entries.iter().map(|(name, _)| name.as_str());
                let values = members.entries.iter();
                let values = values.filter_map(|(_, value)| value.longest_string());
                keys.filter(|key| is_plain(key))
                    .chain(values)
                    .max_by(longer)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) => None,
        }
    }
}

/// Whether JSON needs no escapes for a text.
fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c == '"' || c == '\\' || c.is_control())
}

impl Members {
    fn build(raw: &str, depth: usize) -> Result<Self, String> {
        let mut entries = Vec::new();
        for (name, value) in members(raw).map_err(|e| e.to_string())? {
            entries.push((name, Node::build(value.get(), depth + 1)?));
        }
        let mut by_name: Vec<usize> = (0..entries.len()).collect();
        by_name.sort_by(|&a, &b| entries[a].0.cmp(&entries[b].0));
        // If a key were given twice, one of the two values would not be checked.
        if let Some(twice) = by_name
            .windows(2)
            .find(|w| entries[w[0]].0 == entries[w[1]].0)
        {
            return Err(format!("duplicate key {:?}", entries[twice[0]].0));
        }
        Ok(Self { entries, by_name })
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        let by = |&i: &usize| self.entries[i].0.as_bytes().cmp(name);
        self.by_name
            .binary_search_by(by)
            .ok()
            .map(|at| self.by_name[at])
    }
}

/// Whether a comparison stops at the first difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thoroughness {
    FirstDifference,
    EveryLeaf,
}

/// A step of a [`JsonPath`].
#[derive(Clone, Copy)]
pub(super) enum PathStep<'p> {
    /// To a member.
    Key(&'p str),
    /// To an element.
    Index(usize),
}

/// The state of a comparison: the current path, the number of equal leaves, and the first difference.
struct Walk<'p> {
    path: Vec<PathStep<'p>>,
    equal: usize,
    first: Option<String>,
    thoroughness: Thoroughness,
}

impl<'p> Walk<'p> {
    fn new(thoroughness: Thoroughness) -> Self {
        Self {
            path: Vec::new(),
            equal: 0,
            first: None,
            thoroughness,
        }
    }

    /// Compares a whole message.
    ///
    /// # Errors
    /// The message is not JSON.
    fn document(&mut self, want: &'p Node, message: &str) -> serde_json::Result<()> {
        let message = message.trim_matches([' ', '\t', '\n', '\r']);
        match (want, message.as_bytes().first()) {
            // These two read the whole text, and so validate it.
            (Node::Object(_), Some(b'{')) | (Node::Array(_), Some(b'[')) => {
                self.value(want, message)
            }
            _ => {
                let raw: &RawValue = serde_json::from_str(message)?;
                self.value(want, raw.get())
            }
        }
    }

    fn value(&mut self, want: &'p Node, got: &str) -> serde_json::Result<()> {
        match (want, got.as_bytes().first()) {
            (Node::Object(members), Some(b'{')) => self.object(members, got)?,
            (Node::Array(items), Some(b'[')) => self.array(items, got)?,
            _ if want.equals_scalar(got) => self.equal += 1,
            _ => self.differ(|| (want.to_string(), excerpt(got))),
        }
        Ok(())
    }

    fn object(&mut self, want: &'p Members, got: &str) -> serde_json::Result<()> {
        let found = pick(want, got)?;
        self.equal += usize::from(want.entries.is_empty());
        for ((name, node), value) in want.entries.iter().zip(found) {
            self.path.push(PathStep::Key(name));
            match value {
                Some(value) => self.value(node, value.get())?,
                None => self.differ(|| (node.to_string(), "nothing".to_owned())),
            }
            self.path.pop();
            if self.is_decided() {
                break;
            }
        }
        Ok(())
    }

    fn array(&mut self, want: &'p [Node], got: &str) -> serde_json::Result<()> {
        let (items, total) = first_elements(got, want.len())?;
        if total == want.len() {
            self.equal += usize::from(want.is_empty());
        } else {
            self.differ(|| (count(want.len()), total.to_string()));
        }
        for (index, (node, item)) in want.iter().zip(items).enumerate() {
            if self.is_decided() {
                break;
            }
            self.path.push(PathStep::Index(index));
            self.value(node, item.get())?;
            self.path.pop();
        }
        Ok(())
    }

    fn is_decided(&self) -> bool {
        self.thoroughness == Thoroughness::FirstDifference && self.first.is_some()
    }

    fn differ(&mut self, expected_and_got: impl FnOnce() -> (String, String)) {
        if self.first.is_some() {
            return;
        }
        self.first = Some(match self.thoroughness {
            // The explanation is not used.
            Thoroughness::FirstDifference => String::new(),
            Thoroughness::EveryLeaf => {
                let (expected, got) = expected_and_got();
                format!("{}: expected {expected}, got {got}", JsonPath(&self.path))
            }
        });
    }
}

impl Node {
    fn equals_scalar(&self, got: &str) -> bool {
        match self {
            Self::Null => got == "null",
            Self::Bool(true) => got == "true",
            Self::Bool(false) => got == "false",
            Self::Number(want) => {
                got.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && same_number(want, got)
            }
            Self::Text(want) => got.starts_with('"') && same_text(want, got),
            Self::Array(_) | Self::Object(_) => false,
        }
    }
}

/// Whether the JSON string `got`, quotes included, has the value `want`.
fn same_text(want: &str, got: &str) -> bool {
    if !got.contains('\\') {
        return got.len() == want.len() + 2 && &got[1..got.len() - 1] == want;
    }
    let mut reader = serde_json::Deserializer::from_str(got);
    reader
        .deserialize_bytes(SameBytes(want.as_bytes()))
        .unwrap_or(false)
}

/// Compares strings as bytes, because JSON allows lone surrogates (RFC 8259 §8.2), which a `str` cannot represent.
struct SameBytes<'p>(&'p [u8]);

impl Visitor<'_> for SameBytes<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<bool, E> {
        Ok(bytes == self.0)
    }
}

/// The value of each member that the pattern names, in the pattern's order.
fn pick<'m>(want: &Members, object: &'m str) -> serde_json::Result<Vec<Option<&'m RawValue>>> {
    let mut reader = serde_json::Deserializer::from_str(object);
    let found = reader.deserialize_map(Pick(want))?;
    reader.end()?;
    Ok(found)
}

struct Pick<'p>(&'p Members);

impl<'m> Visitor<'m> for Pick<'_> {
    type Value = Vec<Option<&'m RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'m>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.entries.len()];
        while let Some(wanted) = map.next_key_seed(Position(self.0))? {
            match wanted {
                Some(at) => found[at] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Deserializes a key as its index in the pattern, without storing it.
struct Position<'p>(&'p Members);

impl<'m> DeserializeSeed<'m> for Position<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'m>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Position<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.position(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.position(name.as_bytes()))
    }
}

/// The items of the JSON array `raw` as slices.
fn elements(raw: &str) -> serde_json::Result<Vec<&RawValue>> {
    serde_json::from_str(raw)
}

/// The first `most` items of the JSON array `raw` as slices, and the total number of items. Not all items are kept,
/// because the slices may take eight times the memory of the text.
fn first_elements(raw: &str, most: usize) -> serde_json::Result<(Vec<&RawValue>, usize)> {
    struct First(usize);
    impl<'m> Visitor<'m> for First {
        type Value = (Vec<&'m RawValue>, usize);

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'m>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let (mut first, mut total) = (Vec::new(), 0);
            loop {
                if first.len() == self.0 {
                    if items.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                } else {
                    let Some(item) = items.next_element()? else {
                        break;
                    };
                    first.push(item);
                }
                total += 1;
            }
            Ok((first, total))
        }
    }
    serde_json::Deserializer::from_str(raw).deserialize_seq(First(most))
}

/// The members of the JSON object `raw` in their original order.
fn members(raw: &str) -> serde_json::Result<Vec<(String, &RawValue)>> {
    struct InOrder;
    impl<'m> Visitor<'m> for InOrder {
        type Value = Vec<(String, &'m RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'m>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(raw).deserialize_map(InOrder)
}

/// A path in a JSON text in jq syntax: `.`, `.a.b[0]`, `.["a b"]`.
pub(super) struct JsonPath<'a>(pub(super) &'a [PathStep<'a>]);

impl fmt::Display for JsonPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if !matches!(self.0.first(), Some(PathStep::Key(_))) {
            f.write_str(".")?;
        }
        for (at, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(name) if is_identifier(name) => write!(f, ".{name}")?,
                PathStep::Key(name) => {
                    let dot = if at == 0 { "." } else { "" };
                    write!(f, "{dot}[{}]", Quoted(name))?;
                }
            }
        }
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    let word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    name.chars().all(word) && name.starts_with(|c: char| !c.is_ascii_digit())
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(&excerpt(digits)),
            Self::Text(text) => f.write_str(&excerpt(&Quoted(text).to_string())),
            Self::Array(items) if items.is_empty() => f.write_str("[]"),
            Self::Array(items) => write!(f, "an array of {}", count(items.len())),
            Self::Object(members) if members.entries.is_empty() => f.write_str("an object"),
            Self::Object(members) => {
                f.write_str("an object with ")?;
                for (at, (name, _)) in members.entries.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Quoted(name))?;
                }
                Ok(())
            }
        }
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

fn count(elements: usize) -> String {
    crate::units::count(elements as u64, "element")
}

/// The start of a text, with an ellipsis if it is truncated.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
