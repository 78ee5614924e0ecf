//! PATTERN: what a message has to look like.
//!
//! Promises: one meaning in every flag and file, compiled once, and a mismatch that says why. Nothing here reads,
//! prints or blocks, and no message makes it panic. The texts of a [`Mismatch`] quote what the peer sent: escape and
//! redact them like any other such text.
//!
//! | the text | asks for |
//! |---|---|
//! | `{…}` `[…]` | JSON that contains this: named keys match, others are allowed; arrays match in length and order |
//! | `/…/` `/…/i` | a regular expression that is found anywhere in the text |
//! | `.path …` | a jq expression that has an output, and none but `true` |
//! | `=…` | exactly the text after `=` |
//! | anything else | exactly this text |

mod decimal;
#[cfg(feature = "jq")]
mod jq;
#[cfg(not(feature = "jq"))]
#[path = "no_jq.rs"]
mod jq;
mod json;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use regex::{Regex, RegexBuilder};

pub use jq::Jq;
pub(crate) use json::is_json;
use json::{Subset, excerpt};

/// A compiled PATTERN.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    kind: PatternKind,
}

#[derive(Clone, Debug)]
enum PatternKind {
    /// The wanted text starts at this byte of the pattern's own.
    Exact {
        from: usize,
    },
    Regex(Regex),
    Json(Subset),
    Jq(Jq),
}

/// A text that starts like a pattern of some kind and is none.
///
/// Each message names `=…`, since the text itself may have been meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Starts with `{` or `[`.
    #[error("{text} starts like JSON but is none ({why}); for exactly this text write ={text}")]
    Json {
        /// The beginning of the pattern.
        text: String,
        /// What the JSON parser says.
        why: String,
    },
    /// Stands between slashes.
    #[error("{text} is no regular expression ({why}); for exactly this text write ={text}")]
    Regex {
        /// The beginning of the pattern.
        text: String,
        /// What the regex parser says.
        why: String,
    },
    /// Starts with `.`.
    #[error("{0}; for exactly this text write ={text}", text = .0.text())]
    Jq(#[from] JqError),
}

/// A text that is no jq filter, or a build that has no jq.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JqError {
    /// It does not compile.
    #[error("invalid jq expression {text} ({why})")]
    Syntax {
        /// The beginning of the expression.
        text: String,
        /// What the jq parser says.
        why: String,
    },
    /// The cargo feature `jq` was off when this program was built.
    #[error("{text} is a jq expression, and this build has no jq (cargo feature \"jq\")")]
    NotBuilt {
        /// The beginning of the expression.
        text: String,
    },
}

impl JqError {
    fn text(&self) -> &str {
        match self {
            Self::Syntax { text, .. } | Self::NotBuilt { text } => text,
        }
    }
}

/// What a pattern is by its outer signs alone; whether it is a good one, only compiling tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternForm {
    /// Starts with `{` or `[`.
    Json,
    /// Stands between slashes.
    Regex,
    /// Starts with `.`.
    Jq,
    /// Anything else, and `=…`.
    Exact,
}

impl PatternForm {
    /// The form of a pattern's text.
    pub fn of(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'{' | b'[') => Self::Json,
            Some(b'/') if between_slashes(text).is_some() => Self::Regex,
            Some(b'.') => Self::Jq,
            _ => Self::Exact,
        }
    }
}

/// Whether a message matched, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum MatchResult {
    /// It does.
    Match,
    /// It does not.
    Mismatch(Mismatch),
}

/// Why a message did not match, and how near it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// One line for people, such as `.seq: expected 1, got 2`. Quotes the message unescaped.
    pub why: String,
    /// How many leaves of a JSON pattern are equal: of several mismatches the one with the most is the near miss.
    /// Other kinds say 0 or 1.
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
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When the text starts like JSON, a regular expression or jq and is none.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let kind = match PatternForm::of(text) {
            PatternForm::Json => PatternKind::Json(json(text)?),
            PatternForm::Regex => PatternKind::Regex(regex(text)?),
            PatternForm::Jq => PatternKind::Jq(Jq::condition(text)?),
            PatternForm::Exact => PatternKind::Exact {
                from: usize::from(text.starts_with('=')),
            },
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// The pattern for exactly this text, whatever it looks like.
    pub fn exact(text: &str) -> Self {
        Self {
            text: format!("={text}"),
            kind: PatternKind::Exact { from: 1 },
        }
    }

    /// The pattern for a jq expression, whatever it starts with (`assert`, where nothing else can stand).
    pub fn jq(expression: Jq) -> Self {
        Self {
            text: expression.as_str().to_owned(),
            kind: PatternKind::Jq(expression),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Why this pattern is not checked any more: a jq expression took too long or too much memory.
    pub fn given_up(&self) -> Option<String> {
        match &self.kind {
            PatternKind::Jq(jq) => jq.given_up(),
            PatternKind::Exact { .. } | PatternKind::Regex(_) | PatternKind::Json(_) => None,
        }
    }

    /// The verdict alone: the first difference ends it, and no explanation is built.
    pub fn is_match(&self, message: &str) -> bool {
        match &self.kind {
            PatternKind::Exact { from } => message == &self.text[*from..],
            PatternKind::Regex(regex) => regex.is_match(message),
            PatternKind::Json(subset) => subset.is_match(message),
            PatternKind::Jq(jq) => jq.is_match(message),
        }
    }

    /// The verdict on a text message, with the reason when it does not match.
    pub fn matches(&self, message: &str) -> MatchResult {
        let mismatch = match &self.kind {
            PatternKind::Exact { from } => difference(&self.text[*from..], message),
            PatternKind::Regex(regex) if regex.is_match(message) => None,
            PatternKind::Regex(_) => Some(Mismatch::new(format!(
                "{} is not found in it",
                excerpt(&self.text)
            ))),
            PatternKind::Json(subset) => subset.mismatch(message),
            PatternKind::Jq(jq) => jq.mismatch(message),
        };
        mismatch.map_or(MatchResult::Match, MatchResult::Mismatch)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // Nothing at all would be overlooked in a sentence.
        let text = self.text.as_str();
        f.write_str(if text.is_empty() { "\"\"" } else { text })
    }
}

/// Two patterns are equal when they are written the same.
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

/// Splits `/…/` and `/…/i`. Two slashes with nothing between are a text: an empty expression would match everything.
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
        why: match why.starts_with("key must be a string") {
            true => format!("{why}; JSON takes double quotes"),
            false => why,
        },
    })
}

fn regex(text: &str) -> Result<Regex, PatternError> {
    let (expression, ignore_case) = between_slashes(text).unwrap_or((text, false));
    RegexBuilder::new(expression)
        .case_insensitive(ignore_case)
        .build()
        .map_err(|error| {
            // The parser draws the expression over several lines; its last one says what is wrong.
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

/// Where two texts part.
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
        None => "its end".to_owned(),
    };
    let why = match same {
        0 => format!("expected {:?}, got {:?}", excerpt(want), excerpt(got)),
        _ => format!(
            "after {same} equal characters: expected {}, got {}",
            rest(want),
            rest(got)
        ),
    };
    Some(Mismatch {
        why,
        equal: usize::from(same > 0),
    })
}
