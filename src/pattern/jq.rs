//! jq expressions that are evaluated on one message.
//!
//! A filter is compiled once and is `Send`; a message is parsed as strict JSON, and integers keep every digit. A filter
//! has no access to anything but the message: the environment (which may contain secrets), stderr, `halt` and files are
//! not defined. The recursion on a message is limited to [`MAX_DEPTH`].

mod limits;

use std::fmt;
use std::sync::{Arc, OnceLock};

use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, bome, run};
use jaq_core::{Compiler, Ctx, Error, Vars};
use jaq_json::{Val, read};
use jaq_std::ValT as _;

use super::json::{excerpt, is_json};
use super::{JqError, Mismatch, Selected};

/// Maximum nesting of a message: jaq's parser recurses, and a peer must not be able to overflow the stack.
const MAX_DEPTH: usize = 256;

/// Maximum number of operators in a filter: jaq's parser, compiler and evaluator recurse once per operator.
const MAX_OPERATORS: usize = 200;

/// Definitions with side effects, or that would print a peer's text unescaped.
const FORBIDDEN: [&str; 8] = [
    "env",
    "halt",
    "halt_error",
    "stderr",
    "stderr_empty",
    "debug",
    "debug_empty",
    "fromjson",
];

/// Why the first filter was given up whose thread runs on.
static RUNAWAY: OnceLock<String> = OnceLock::new();

/// Why the process must end soon: a filter was given up, but cannot be stopped and may take all memory.
pub fn runaway() -> Option<&'static str> {
    RUNAWAY.get().map(String::as_str)
}

type Message = JustLut<Val>;

/// A compiled jq filter.
#[derive(Clone)]
pub struct Jq(Arc<Compiled>);

struct Compiled {
    text: String,
    filter: jaq_core::Filter<Message>,
    /// It ends soon, whatever the message.
    ends_soon: bool,
    /// Why it is not asked any more: it has reached a limit.
    given_up: OnceLock<String>,
    /// The path at the start of the filter, compiled when the first mismatch is explained.
    subject: OnceLock<Option<(String, jaq_core::Filter<Message>)>>,
}

impl Jq {
    /// Compiles a filter; takes about a millisecond.
    ///
    /// # Errors
    /// The text is not valid jq, or uses something unavailable (`env`, `input`, `halt`, modules).
    pub fn compile(text: &str) -> Result<Self, JqError> {
        let filter = compile(text).map_err(|why| JqError::Syntax {
            text: excerpt(text),
            why,
        })?;
        Ok(Self(Arc::new(Compiled {
            text: text.to_owned(),
            filter,
            ends_soon: limits::ends_soon(text),
            given_up: OnceLock::new(),
            subject: OnceLock::new(),
        })))
    }

    /// The source text of the filter.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Why this filter is not run any more: it took too long or too much memory for some message.
    pub fn given_up(&self) -> Option<String> {
        let why = self.0.given_up.get()?;
        Some(format!("{}: {why}", excerpt(&self.0.text)))
    }

    /// Runs `work` for a message, within limits where it may not end.
    fn limited<T: Send + 'static>(
        &self,
        message: &str,
        work: fn(&Self, &str) -> T,
    ) -> Result<T, String> {
        if self.0.ends_soon {
            return Ok(work(self, message));
        }
        if let Some(why) = self.given_up() {
            return Err(why);
        }
        let (jq, text) = (self.clone(), message.to_owned());
        limits::run(message.len(), move || work(&jq, &text)).map_err(|unfinished| {
            let why = self.0.given_up.get_or_init(|| unfinished.why);
            let why = format!("{}: {why}", excerpt(&self.0.text));
            if unfinished.runs_on {
                RUNAWAY.get_or_init(|| why.clone());
            }
            why
        })
    }

    /// Compiles a filter that is used as a condition.
    ///
    /// # Errors
    /// As [`Jq::compile`]; also if the filter is an assignment, whose output is a changed message.
    pub fn condition(text: &str) -> Result<Self, JqError> {
        let jq = Self::compile(text)?;
        if assigns(text) {
            return Err(JqError::Syntax {
                text: excerpt(text),
                why: "= assigns; use == to compare".to_owned(),
            });
        }
        Ok(jq)
    }

    /// Whether the filter is true for a message: it has at least one output, and every output is `true`.
    pub fn is_match(&self, message: &str) -> bool {
        matches!(self.limited(message, Self::judge), Ok(Ok(())))
    }

    /// `None` if the filter is true for a message, otherwise the reason.
    pub fn mismatch(&self, message: &str) -> Option<Mismatch> {
        let judged = self.limited(message, Self::judge);
        judged.unwrap_or_else(|why| Err(Mismatch::new(why))).err()
    }

    /// The outputs of the filter for a message, in order.
    ///
    /// # Errors
    /// The message is not JSON, the filter fails, or an output is not JSON (`nan`).
    pub fn select(&self, message: &str) -> Result<Vec<Selected>, String> {
        self.limited(message, Self::outputs_of)?
    }

    fn outputs_of(&self, message: &str) -> Result<Vec<Selected>, String> {
        let message = parse(message)?;
        outputs(&self.0.filter, message)
            .map(|output| {
                output
                    .map_err(|e| excerpt(&e.to_string()))
                    .and_then(|value| selected(&value))
            })
            .collect()
    }

    fn judge(&self, message: &str) -> Result<(), Mismatch> {
        let message = parse(message).map_err(Mismatch::new)?;
        let mut any = false;
        for output in outputs(&self.0.filter, message.clone()) {
            let output = output.map_err(|e| Mismatch::new(excerpt(&e.to_string())))?;
            match output {
                Val::Bool(true) => {}
                Val::Null | Val::Bool(false) => return Err(self.untrue_output(&output, message)),
                other => {
                    let value = excerpt(&other.to_string());
                    return Err(self.near(&format!(": expected true or false, got {value}")));
                }
            }
            any = true;
        }
        if any {
            Ok(())
        } else {
            Err(self.near(" has no output"))
        }
    }

    /// A mismatch that counts as one equal leaf: a message on which the filter can be evaluated is closer than one on
    /// which it fails. `why` is appended to the filter.
    fn near(&self, why: &str) -> Mismatch {
        Mismatch {
            why: format!("{}{why}", excerpt(&self.0.text)),
            equal: 1,
        }
    }

    fn untrue_output(&self, output: &Val, message: Val) -> Mismatch {
        match self.subject() {
            Some((path, filter)) => {
                let shown = outputs(filter, message)
                    .next()
                    .and_then(Result::ok)
                    .map_or("nothing".to_owned(), |value| excerpt(&value.to_string()));
                self.near(&format!(" is {output}: {path} is {shown}"))
            }
            None => self.near(&format!(" is {output}")),
        }
    }

    fn subject(&self) -> Option<&(String, jaq_core::Filter<Message>)> {
        let compiled = || {
            let path = leading_path(&self.0.text)?;
            Some((path.to_owned(), compile(path).ok()?))
        };
        self.0.subject.get_or_init(compiled).as_ref()
    }
}

impl fmt::Debug for Jq {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_tuple("Jq").field(&self.0.text).finish()
    }
}

/// Whether the last stage of a filter's pipe is an assignment (`.a = 2`, `.a |= f`).
fn assigns(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut in_string, mut escaped, mut assigns) = (0_usize, false, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
        let after = bytes.get(at + 1).copied().unwrap_or(b' ');
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'|' if depth == 0 && after != b'=' => assigns = false,
            b'=' if depth == 0 => {
                assigns |= after != b'=' && !matches!(before, b'=' | b'!' | b'<' | b'>');
            }
            _ => {}
        }
    }
    assigns
}

/// `.members` of `.members == 2`; `None` if the path is the whole filter, or `.`.
fn leading_path(text: &str) -> Option<&str> {
    let in_path =
        |c: char| c == '.' || c == '_' || c == '[' || c == ']' || c.is_ascii_alphanumeric();
    let end = text.find(|c| !in_path(c))?;
    let path = &text[..end];
    (path.len() > 1 && path.starts_with('.')).then_some(path)
}

fn compile(text: &str) -> Result<jaq_core::Filter<Message>, String> {
    if operators(text) > MAX_OPERATORS {
        return Err(format!("more than {MAX_OPERATORS} operators"));
    }
    let allowed = |name: &str| !FORBIDDEN.contains(&name);
    let definitions = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|definition| allowed(definition.name));
    let functions = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, _, _)| allowed(name))
        .chain([fromjson()]);
    let arena = Arena::default();
    let program = File {
        code: text,
        path: (),
    };
    let modules = Loader::new(definitions)
        .load(&arena, program)
        .map_err(|errors| {
            errors
                .first()
                .map_or(String::new(), |(_, e)| syntax_error(e))
        })?;
    Compiler::default()
        .with_funs(functions)
        .compile(modules)
        .map_err(|errors| {
            let undefined = errors.first().and_then(|(_, errors)| errors.first());
            undefined.map_or(String::new(), |(name, kind)| {
                format!("the {} {name} is not defined", kind.as_str())
            })
        })
}

/// An upper bound for the nesting of a filter: the number of tokens that can contain another term.
fn operators(text: &str) -> usize {
    const KEYWORDS: [&str; 13] = [
        "and", "as", "def", "elif", "else", "foreach", "if", "label", "not", "or", "reduce",
        "then", "try",
    ];
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let punctuation = |c: &char| c.is_ascii_punctuation() && !"_)]}$@\"'#".contains(*c);
    words.filter(|word| KEYWORDS.contains(word)).count() + text.chars().filter(punctuation).count()
}

/// Replaces jaq's `fromjson`, which accepts more than JSON and does not limit the nesting of JSON inside a string.
fn fromjson() -> Fun<Message> {
    run(("fromjson", Box::from([]), |cv| {
        let value = match cv.1.as_bytes().map(std::str::from_utf8) {
            Some(Ok(text)) => parse(text).map_err(Error::str),
            _ => Err(Error::str(format_args!("cannot parse {} as JSON", cv.1))),
        };
        bome(value)
    }))
}

fn syntax_error(error: &load::Error<&str>) -> String {
    let at = |rest: &str| {
        if rest.is_empty() {
            "at the end".to_owned()
        } else {
            format!("at {:?}", excerpt(rest))
        }
    };
    match error {
        load::Error::Io(_) => "modules are not available".to_owned(),
        load::Error::Lex(errors) => errors.first().map_or(String::new(), |(expected, rest)| {
            format!("expected {} {}", expected.as_str(), at(rest))
        }),
        load::Error::Parse(errors) => errors.first().map_or(String::new(), |(expected, rest)| {
            format!("expected {} {}", expected.as_str(), at(rest))
        }),
    }
}

fn outputs(
    filter: &jaq_core::Filter<Message>,
    message: Val,
) -> impl Iterator<Item = jaq_json::ValR> {
    let ctx = Ctx::<Message>::new(&filter.lut, Vars::new([]));
    // The only exception that is not an error is `halt`, which is not defined.
    filter.id.run((ctx, message)).map(jaq_core::unwrap_valr)
}

fn parse(message: &str) -> Result<Val, String> {
    if !is_json(message) {
        return Err("not JSON".to_owned());
    }
    if depth(message) > MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH} levels"));
    }
    read::parse_single(message.as_bytes()).map_err(|_| "not JSON".to_owned())
}

/// The nesting depth of a valid JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn selected(value: &Val) -> Result<Selected, String> {
    if let Val::TStr(bytes) = value {
        return Ok(Selected::Text(String::from_utf8_lossy(bytes).into_owned()));
    }
    let json = value.to_string();
    if is_json(&json) {
        Ok(Selected::Json(json))
    } else {
        Err(format!("{} is not JSON", excerpt(&json)))
    }
}
