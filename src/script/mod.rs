//! Check files: scripted conversations with expected replies.
//!
//! A parsed file can run: every name is defined, every connection is open as far as the file can tell, every
//! pattern without variables is compiled. A printed script parses to the same script, line for line. Parsing and
//! printing use neither network, environment nor disk; `load` and `run` do.

mod continuation;
pub mod endpoint;
mod line_error;
mod load;
mod parse;
mod print;
pub mod record;
pub mod report;
pub mod run;
pub mod schedule;
mod scope;
mod suggest;
mod template;
pub mod test_context;
#[cfg(all(test, feature = "jq"))]
mod tests;
mod transcript;
pub mod variables;
mod words;

use std::path::Path;
use std::time::Duration;

pub use parse::ParseError;
pub use template::{Quoting, Template, TemplatePart, Variable, is_name};

use crate::decode::DecodeFormat;
use crate::pattern::{Jq, JqError, Pattern, PatternError, PatternForm};

/// A whole check file.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// `set` and `timeout` before the first test, which apply to every test. No other steps are allowed here.
    pub settings: Vec<Step>,
    /// The tests in order; never empty.
    pub tests: Vec<Test>,
}

/// One test case.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The line of its `test`, or of its first step.
    pub line: usize,
    /// `None` for a file without `test` lines.
    pub name: Option<String>,
    /// Its steps in order; never empty.
    pub steps: Vec<Step>,
}

/// One step and its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Counted from 1; 0 in a script that does not come from a file.
    pub line: usize,
    /// Its action.
    pub action: StepAction,
}

/// The action of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// `set NAME = text`
    Set {
        /// The variable.
        name: String,
        /// Its value, filled in when the step runs.
        value: Template,
    },
    /// `timeout TIME`: the time limit of each following step that waits.
    Timeout(Duration),
    /// `connect [NAME] URL` with its header lines and expectations.
    Connect(ConnectStep),
    /// `> MESSAGE`
    Send {
        /// The connection.
        on: ConnectionName,
        /// The message.
        message: SendStep,
    },
    /// `< PATTERN`, `<next PATTERN`, `<hex BYTES`, `<schema FILE`
    Receive {
        /// The connection.
        on: ConnectionName,
        /// Which message must match.
        which: MessageOrder,
        /// The pattern.
        pattern: Expected,
        /// The time limit of this step (`within`).
        within: Option<Duration>,
    },
    /// `never PATTERN`: a message that matches from here on fails the test.
    Never {
        /// The connection.
        on: ConnectionName,
        /// The pattern.
        pattern: Expected,
    },
    /// `decode FORMAT,…`: binary messages from here on are decoded.
    Decode {
        /// The connection.
        on: ConnectionName,
        /// The formats.
        format: DecodeFormat,
    },
    /// `silence TIME`: no message arrives for this long.
    Silence {
        /// The connection.
        on: ConnectionName,
        /// How long.
        time: Duration,
    },
    /// `capture [secret] NAME = JQ`, from the last matched message.
    Capture {
        /// The variable.
        name: String,
        /// Whether the value is redacted.
        secret: bool,
        /// The expression that selects the value.
        query: Query,
    },
    /// `assert JQ`, of the last matched message.
    Assert(Query),
    /// `ping`: a ping frame, then wait for the pong (RFC 6455 §5.5.2).
    Ping {
        /// The connection.
        on: ConnectionName,
        /// The time limit of this step (`within`).
        within: Option<Duration>,
    },
    /// `close [CODE [REASON]]`: close and wait for the answer (RFC 6455 §7).
    Close {
        /// The connection.
        on: ConnectionName,
        /// The content of the close frame; `None` for the default.
        frame: Option<CloseStep>,
        /// The time limit of this step (`within`).
        within: Option<Duration>,
    },
    /// `expect close CODE [PATTERN]`: the server closes.
    ExpectClose {
        /// The connection.
        on: ConnectionName,
        /// The expected code; 1005 is a close frame without one, 1006 no close frame at all (RFC 6455 §7.4.1).
        code: u16,
        /// The pattern of the reason.
        reason: Option<Expected>,
        /// The time limit of this step (`within`).
        within: Option<Duration>,
    },
    /// `wait TIME`
    Wait(Duration),
}

/// The connection that a step uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionName {
    /// The name, if the step has one.
    pub name: Option<String>,
    /// Which `connect` of its test, counted from 0.
    pub index: usize,
}

/// Which message a `<` step matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOrder {
    /// `<`: the first message that matches; others are skipped.
    FirstMatch,
    /// `<next`: the next message.
    Next,
}

/// `connect` with its header lines and the expectations of its handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectStep {
    /// The name for later steps.
    pub name: Option<String>,
    /// The URL.
    pub url: Template,
    /// Additional header lines of the request, in order; a name may be repeated.
    pub headers: Vec<HeaderLine>,
    /// Checked as soon as the handshake was answered.
    pub expectations: Vec<Expectation>,
}

/// A header line of the opening handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderLine {
    /// Its line.
    pub line: usize,
    /// A token (RFC 9110 §5.1).
    pub name: String,
    /// Filled in when the connection is opened.
    pub value: Template,
}

/// An expectation of the opening handshake's response.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Its line.
    pub line: usize,
    /// The expected fact.
    pub fact: HandshakeFact,
}

/// The fact that an [`Expectation`] checks.
#[derive(Clone, Debug, PartialEq)]
pub enum HandshakeFact {
    /// `expect status CODE`: with any code but 101 the handshake must be refused.
    Status(u16),
    /// `expect subprotocol NAME`
    Subprotocol(Template),
    /// `expect header NAME PATTERN`
    Header {
        /// A token (RFC 9110 §5.1).
        name: String,
        /// The pattern of its value.
        value: Expected,
    },
    /// `expect cert-days N`: the server's certificate is valid for at least N more days.
    CertDays(u32),
}

/// What `>` sends.
#[derive(Clone, Debug, PartialEq)]
pub enum SendStep {
    /// `> TEXT`
    Text(Template),
    /// `>hex 00 ff`: a binary message.
    Hex(Vec<u8>),
    /// `>file PATH`: the bytes of a file as a binary message.
    File(Template),
}

/// The payload of a close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseStep {
    /// A code that an endpoint may send (RFC 6455 §7.4).
    pub code: u16,
    /// At most 123 bytes once filled in (RFC 6455 §5.5); checked by the parser only without variables.
    pub reason: Option<Template>,
}

/// A PATTERN, compiled by the parser unless it contains a variable.
///
/// Its form depends on the file, never on a value: a pattern that begins with a variable is exact text.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    template: Template,
    form: PatternForm,
    fixed: Option<Pattern>,
}

/// A literal pattern in the syntax of PATTERN: nothing in it is a variable.
impl From<Pattern> for Expected {
    fn from(pattern: Pattern) -> Self {
        Self {
            template: Template::literal(pattern.as_str()),
            form: PatternForm::of(pattern.as_str()),
            fixed: Some(pattern),
        }
    }
}

impl Expected {
    /// The text in the file.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The pattern, if it has no variables.
    pub fn fixed(&self) -> Option<&Pattern> {
        self.fixed.as_ref()
    }

    /// Reads the schema that this names, if it has no variables; its path is relative to `folder`.
    ///
    /// # Errors
    /// It is not usable.
    fn read_schema(&mut self, folder: &Path) -> Result<(), PatternError> {
        if self.form == PatternForm::Schema
            && let Some(text) = self.template.as_literal()
        {
            self.fixed = Some(Pattern::parse_beside(text, folder)?);
        }
        Ok(())
    }

    /// The pattern for the template's rendered text; the path of a schema is relative to `folder`.
    ///
    /// # Errors
    /// The values make the pattern invalid.
    pub fn compile(&self, rendered: &str, folder: &Path) -> Result<Pattern, PatternError> {
        match self.form {
            PatternForm::Exact => Ok(Pattern::exact(
                rendered
                    .strip_prefix('=')
                    .filter(|_| self.says_exact())
                    .unwrap_or(rendered),
            )),
            _ => Pattern::parse_beside(rendered, folder),
        }
    }

    fn says_exact(&self) -> bool {
        matches!(self.template.parts().first(), Some(TemplatePart::Literal(text)) if text.starts_with('='))
    }
}

/// A jq expression, compiled by the parser unless it contains a variable.
#[derive(Clone, Debug)]
pub struct Query {
    template: Template,
    fixed: Option<Jq>,
}

impl Query {
    /// The text in the file.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The expression, if it has no variables.
    pub fn fixed(&self) -> Option<&Jq> {
        self.fixed.as_ref()
    }

    /// The expression for the template's rendered text.
    ///
    /// # Errors
    /// The values make the expression invalid.
    pub fn compile(&self, rendered: &str) -> Result<Jq, JqError> {
        Jq::compile(rendered)
    }
}

/// Two expressions are equal when their text is the same.
impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.template == other.template
    }
}

#[cfg(all(test, not(feature = "jq")))]
mod tests_without_jq {
    use super::Script;

    #[test]
    fn a_file_that_needs_jq_is_refused_by_the_feature_s_name() {
        let none = [""; 0];
        let read = |text: &str| Script::parse("x.wst", text, &none);
        assert!(read("connect ws://x\n< {\"a\":1}\n").is_ok());
        let error = read("connect ws://x\n< hi\nassert .a\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("x.wst:3: '.a' is a jq expression, but this build has no jq"),
            "{error}"
        );
    }
}
