//! PATTERN: the condition that a message must meet, in options and check files.
//!
//! A pattern is compiled once, which reads the file of a schema, and a mismatch explains the difference. Matching performs
//! no I/O and does not panic on
//! any message. The texts of a [`Mismatch`] quote the message: escape and redact them before printing.
//!
//! | pattern | matches |
//! |---|---|
//! | `{…}` `[…]` | JSON that contains this: named keys match, others are allowed; arrays match in length and order |
//! | `/…/` `/…/i` | text in which the regular expression is found |
//! | `.path …` | JSON for which the jq expression outputs `true`, and nothing else |
//! | `hex:00 ff ?? …` | these bytes; `??` is any one byte, `…` or `...` at the end any rest |
//! | `schema:FILE` | JSON that is valid by the JSON Schema in this file |
//! | `=…` | exactly the text after `=` |
//! | anything else | exactly this text |

mod bytes;
mod content;
mod decimal;
#[cfg(feature = "jq")]
mod jq;
#[cfg(not(feature = "jq"))]
#[path = "no_jq.rs"]
mod jq;
mod json;
#[cfg(not(feature = "schema"))]
#[path = "no_schema.rs"]
mod schema;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use regex::{Regex, RegexBuilder};

use bytes::BytePattern;
pub use content::MessageContent;
pub use jq::{Jq, runaway};
pub(crate) use json::is_json;
use json::{Subset, excerpt};
use schema::SchemaPattern;

/// The prefix of a byte pattern.
const BYTES: &str = "hex:";
/// The prefix of a schema's path.
const SCHEMA: &str = "schema:";

/// A compiled PATTERN.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    kind: PatternKind,
}

#[derive(Clone, Debug)]
enum PatternKind {
    /// The expected text starts at this byte of the pattern's text.
    Exact {
        from: usize,
    },
    Regex(Regex),
    Json(Subset),
    Jq(Jq),
    Bytes {
        bytes: BytePattern,
        /// Whether a text message of the same bytes does not match.
        binary_only: bool,
    },
    Schema(SchemaPattern),
}

/// A text that looks like JSON, a regular expression or jq but is invalid.
///
/// Each message but that of a schema mentions the prefix `=`, since an exact match of the text may have been intended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Starts with `{` or `[`.
    #[error(
        "'{text}' looks like JSON but is invalid {why}; prefix it with '=' to match it literally"
    )]
    Json {
        /// The beginning of the pattern.
        text: String,
        /// The position and the message of the JSON parser.
        why: String,
    },
    /// Enclosed in slashes.
    #[error(
        "'{text}' is not a valid regular expression ({why}); prefix it with '=' to match it literally"
    )]
    Regex {
        /// The beginning of the pattern.
        text: String,
        /// The message of the regex parser.
        why: String,
    },
    /// Starts with `.`.
    #[error("{0}; prefix it with '=' to match it literally")]
    Jq(#[from] JqError),
    /// Starts with `schema:`.
    #[error("'{text}' is not a usable JSON Schema: {why}")]
    Schema {
        /// The beginning of the pattern.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// Starts with `hex:`.
    #[error(
        "'{text}' is not a valid byte pattern ({why}); write two digits for a byte, ?? for any one byte and … for any rest, or prefix it with '=' to match it literally"
    )]
    Bytes {
        /// The beginning of the pattern.
        text: String,
        /// What is wrong.
        why: String,
    },
}

/// A text that is not a valid jq filter, or a build without jq.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JqError {
    /// It does not compile.
    #[error("invalid jq expression '{text}' ({why})")]
    Syntax {
        /// The beginning of the expression.
        text: String,
        /// The message of the jq parser.
        why: String,
    },
    /// The cargo feature `jq` was off when this program was built.
    #[error("'{text}' is a jq expression, but this build has no jq support (cargo feature \"jq\")")]
    NotBuilt {
        /// The beginning of the expression.
        text: String,
    },
}

/// The kind of a pattern, decided by its first and last characters; it may still be invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternForm {
    /// Starts with `{` or `[`.
    Json,
    /// Enclosed in slashes.
    Regex,
    /// Starts with `.`.
    Jq,
    /// Starts with `hex:`.
    Bytes,
    /// `hex 00 ff`: the bytes of a binary message (`<hex` in check files).
    Binary,
    /// Starts with `schema:`.
    Schema,
    /// Anything else, and `=…`.
    Exact,
}

impl PatternForm {
    /// Determines the form of a pattern; never [`Binary`](Self::Binary).
    pub fn of(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'{' | b'[') => Self::Json,
            Some(b'/') if between_slashes(text).is_some() => Self::Regex,
            Some(b'.') => Self::Jq,
            _ if text.starts_with(BYTES) => Self::Bytes,
            _ if text.starts_with(SCHEMA) => Self::Schema,
            _ => Self::Exact,
        }
    }
}

/// Whether a message matched, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum MatchResult {
    /// It matched.
    Match,
    /// It did not match.
    Mismatch(Mismatch),
    /// The pattern looks at text, and the message has none.
    Unreadable,
}

/// Why a message did not match, and how close it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// A one-line explanation, such as `.seq: expected 1, got 2`. Quotes the message unescaped.
    pub why: String,
    /// The number of equal leaves of a JSON pattern or of equal bytes at the beginning for a byte pattern, 0 or 1 for
    /// other forms. The closest of several messages is the one with the highest number.
    pub equal: usize,
}

/// One output of a jq filter ([`Jq::select`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// A string, without quotes and with its escapes resolved.
    Text(String),
    /// Any other value as compact JSON; integers keep every digit, objects their order.
    Json(String),
}

impl Pattern {
    /// Compiles a pattern. The path of a schema is relative to the working directory.
    ///
    /// # Errors
    /// The text looks like JSON, a regular expression, jq or bytes but is invalid, or a schema cannot be used.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Self::parse_beside(text, Path::new(""))
    }

    /// Compiles a pattern; the path of a schema is relative to `folder`.
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn parse_beside(text: &str, folder: &Path) -> Result<Self, PatternError> {
        let kind = match PatternForm::of(text) {
            PatternForm::Json => PatternKind::Json(json(text)?),
            PatternForm::Regex => PatternKind::Regex(regex(text)?),
            PatternForm::Jq => PatternKind::Jq(Jq::condition(text)?),
            PatternForm::Bytes | PatternForm::Binary => PatternKind::Bytes {
                bytes: bytes(text)?,
                binary_only: false,
            },
            PatternForm::Schema => PatternKind::Schema(schema(text, folder)?),
            PatternForm::Exact => PatternKind::Exact {
                from: usize::from(text.starts_with('=')),
            },
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// A pattern that matches exactly this text.
    pub fn exact(text: &str) -> Self {
        Self {
            text: format!("={text}"),
            kind: PatternKind::Exact { from: 1 },
        }
    }

    /// A pattern that matches binary messages of these bytes, written as after `hex:`. Its source text begins with
    /// `hex `.
    ///
    /// # Errors
    /// The text is not a byte pattern.
    pub fn binary(text: &str) -> Result<Self, String> {
        Ok(Self {
            text: format!("hex {text}"),
            kind: PatternKind::Bytes {
                bytes: BytePattern::parse(text)?,
                binary_only: true,
            },
        })
    }

    /// A pattern from a jq expression that need not start with `.` (for `assert`, which takes only jq).
    pub fn jq(expression: Jq) -> Self {
        Self {
            text: expression.as_str().to_owned(),
            kind: PatternKind::Jq(expression),
        }
    }

    /// The source text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it looks at the bytes of a message, not at its text.
    pub fn is_for_bytes(&self) -> bool {
        matches!(self.kind, PatternKind::Bytes { .. })
    }

    /// Why this pattern is not checked any more: a jq expression took too long or too much memory.
    pub fn given_up(&self) -> Option<String> {
        match &self.kind {
            PatternKind::Jq(jq) => jq.given_up(),
            _ => None,
        }
    }

    /// Whether a message matches. Faster than [`Pattern::matches`]: it stops at the first difference.
    pub fn is_match<'a>(&self, message: impl Into<MessageContent<'a>>) -> bool {
        let message = message.into();
        let in_text = |is_match: &dyn Fn(&str) -> bool| message.text().is_some_and(is_match);
        match &self.kind {
            PatternKind::Exact { from } => in_text(&|text| text == &self.text[*from..]),
            PatternKind::Regex(regex) => in_text(&|text| regex.is_match(text)),
            PatternKind::Json(subset) => in_text(&|text| subset.is_match(text)),
            PatternKind::Jq(jq) => in_text(&|text| jq.is_match(text)),
            PatternKind::Schema(schema) => in_text(&|text| schema.is_match(text)),
            PatternKind::Bytes { bytes, binary_only } => {
                !(*binary_only && message.is_text()) && bytes.is_match(message.bytes())
            }
        }
    }

    /// Matches a message and explains a mismatch.
    pub fn matches<'a>(&self, message: impl Into<MessageContent<'a>>) -> MatchResult {
        let message = message.into();
        let mismatch = match (&self.kind, message.text()) {
            (PatternKind::Bytes { binary_only, .. }, _) if *binary_only && message.is_text() => {
                Some(Mismatch::new("expected a binary message, got a text"))
            }
            (PatternKind::Bytes { bytes, .. }, _) => bytes.mismatch(message.bytes()),
            (_, None) => return MatchResult::Unreadable,
            (_, Some(text)) => self.mismatch(text),
        };
        mismatch.map_or(MatchResult::Match, MatchResult::Mismatch)
    }

    /// Why a text does not match.
    fn mismatch(&self, message: &str) -> Option<Mismatch> {
        match &self.kind {
            PatternKind::Exact { from } => difference(&self.text[*from..], message),
            PatternKind::Regex(regex) if regex.is_match(message) => None,
            PatternKind::Regex(_) => Some(Mismatch::new(format!(
                "no match for {}",
                excerpt(&self.text)
            ))),
            PatternKind::Json(subset) => subset.mismatch(message),
            PatternKind::Jq(jq) => jq.mismatch(message),
            PatternKind::Schema(schema) => schema.mismatch(message),
            PatternKind::Bytes { bytes, .. } => bytes.mismatch(message.as_bytes()),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // An empty pattern would be invisible in a sentence.
        let text = self.text.as_str();
        f.write_str(if text.is_empty() { "\"\"" } else { text })
    }
}

/// Patterns are compared by their source text.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Mismatch {
    fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            equal: 0,
        }
    }
}

impl Selected {
    /// The value as `jq -r` prints it: a string bare, anything else as compact JSON.
    pub fn raw(&self) -> &str {
        match self {
            Self::Text(text) | Self::Json(text) => text,
        }
    }

    /// The value as compact JSON: one line, whatever it holds.
    pub fn json(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Owned(serde_json::Value::from(text.as_str()).to_string()),
            Self::Json(json) => Cow::Borrowed(json),
        }
    }
}

/// Splits `/…/` and `/…/i`. `//` is plain text: an empty expression would match everything.
fn between_slashes(text: &str) -> Option<(&str, bool)> {
    let inner = text.strip_prefix('/')?;
    let (expression, ignore_case) = match inner.strip_suffix("/i") {
        Some(expression) => (expression, true),
        None => (inner.strip_suffix('/')?, false),
    };
    (!expression.is_empty()).then_some((expression, ignore_case))
}

fn json(text: &str) -> Result<Subset, PatternError> {
    Subset::parse(text).map_err(|why| PatternError::Json {
        text: excerpt(text),
        why,
    })
}

fn bytes(text: &str) -> Result<BytePattern, PatternError> {
    let digits = text.strip_prefix(BYTES).unwrap_or(text);
    BytePattern::parse(digits).map_err(|why| PatternError::Bytes {
        text: excerpt(text),
        why,
    })
}

fn schema(text: &str, folder: &Path) -> Result<SchemaPattern, PatternError> {
    let path = text.strip_prefix(SCHEMA).unwrap_or(text);
    SchemaPattern::read(&folder.join(path)).map_err(|why| PatternError::Schema {
        text: excerpt(text),
        why,
    })
}

fn regex(text: &str) -> Result<Regex, PatternError> {
    let (expression, ignore_case) = between_slashes(text).unwrap_or((text, false));
    RegexBuilder::new(expression)
        .case_insensitive(ignore_case)
        .build()
        .map_err(|error| {
            // The parser's message spans several lines; the last one contains the reason.
            let why = error.to_string();
            let why = why
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            PatternError::Regex {
                text: excerpt(text),
                why: why.to_owned(),
            }
        })
}

/// The first difference between two texts.
fn difference(want: &str, got: &str) -> Option<Mismatch> {
    if want == got {
        return None;
    }
    let same = want
        .chars()
        .zip(got.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let rest = |text: &str| match text.chars().nth(same) {
        Some(_) => format!(
            "{:?}",
            excerpt(&text.chars().skip(same).collect::<String>())
        ),
        None => "the end".to_owned(),
    };
    let why = match same {
        0 => format!("expected {:?}, got {:?}", excerpt(want), excerpt(got)),
        _ => format!(
            "differs after {}: expected {}, got {}",
            crate::units::count(same as u64, "character"),
            rest(want),
            rest(got)
        ),
    };
    Some(Mismatch {
        why,
        equal: usize::from(same > 0),
    })
}
