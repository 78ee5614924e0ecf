//! The check file: a conversation that must go this way.
//!
//! Promises: a file that was read has no step that cannot run: every name is defined, every connection open as far as
//! the file can tell, every pattern compiled unless it waits for a variable. Printing a script gives a file that reads
//! as the same script, line for line. Reading and printing touch neither the network, nor the environment, nor the disk; `run` and what
//! it needs do.

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

use std::time::Duration;

pub use parse::ParseError;
pub use template::{Quoting, Template, TemplatePart, Variable, is_name};

use crate::pattern::{Jq, JqError, Pattern, PatternError, PatternForm};

/// A whole check file.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// `set` and `timeout` before the first test: they hold for every test. No other steps stand here.
    pub settings: Vec<Step>,
    /// The tests in order; never empty.
    pub tests: Vec<Test>,
}

/// One test case.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The line of its `test`, or of its first step.
    pub line: usize,
    /// `None` for a file that is one test.
    pub name: Option<String>,
    /// What to do, in order; never empty.
    pub steps: Vec<Step>,
}

/// One step and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Counted from 1; 0 in a script that was not read from a file.
    pub line: usize,
    /// What to do.
    pub action: StepAction,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// `set NAME = text`
    Set {
        /// What it defines.
        name: String,
        /// Filled in when the step runs.
        value: Template,
    },
    /// `timeout TIME`: the limit of each waiting step from here on.
    Timeout(Duration),
    /// `connect [NAME] URL` with all that belongs to the handshake.
    Connect(ConnectStep),
    /// `> MESSAGE`
    Send {
        /// Where to.
        on: ConnectionName,
        /// What.
        message: SendStep,
    },
    /// `< PATTERN`, `<next PATTERN`
    Receive {
        /// Where from.
        on: ConnectionName,
        /// Which message has to match.
        which: MessageOrder,
        /// What it looks like.
        pattern: Expected,
        /// The limit of this step alone.
        within: Option<Duration>,
    },
    /// `never PATTERN`: from here on, such a message fails the test.
    Never {
        /// Where from.
        on: ConnectionName,
        /// What it looks like.
        pattern: Expected,
    },
    /// `silence TIME`: nothing arrives for so long.
    Silence {
        /// Where from.
        on: ConnectionName,
        /// How long.
        time: Duration,
    },
    /// `capture [secret] NAME = JQ`, from the last matched message.
    Capture {
        /// What it defines.
        name: String,
        /// Whether the value is redacted.
        secret: bool,
        /// Which part of the message.
        query: Query,
    },
    /// `assert JQ`, of the last matched message.
    Assert(Query),
    /// `ping`: a ping frame, then wait for the pong (RFC 6455 §5.5.2).
    Ping {
        /// Where to.
        on: ConnectionName,
        /// The limit of this step alone.
        within: Option<Duration>,
    },
    /// `close [CODE [REASON]]`: close and wait for the answer (RFC 6455 §7).
    Close {
        /// Which connection.
        on: ConnectionName,
        /// What the close frame says; nothing when `None`.
        frame: Option<CloseStep>,
        /// The limit of this step alone.
        within: Option<Duration>,
    },
    /// `expect close CODE [PATTERN]`: the server closes.
    ExpectClose {
        /// Which connection.
        on: ConnectionName,
        /// The code to come; 1005 is a close frame without one, 1006 no close frame at all (RFC 6455 §7.4.1).
        code: u16,
        /// What the reason looks like.
        reason: Option<Expected>,
        /// The limit of this step alone.
        within: Option<Duration>,
    },
    /// `wait TIME`
    Wait(Duration),
}

/// The connection a step is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionName {
    /// The name, when the step gives it.
    pub name: Option<String>,
    /// Which `connect` of its test, counted from 0.
    pub index: usize,
}

/// Which message a `<` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOrder {
    /// `<`: the first that matches; others are skipped.
    FirstMatch,
    /// `<next`: the very next one.
    Next,
}

/// `connect`, the header lines after it, and what its handshake is expected to give.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectStep {
    /// How later steps call it.
    pub name: Option<String>,
    /// Where to.
    pub url: Template,
    /// Further header lines of the request, in order; a name may come twice.
    pub headers: Vec<HeaderLine>,
    /// Checked as soon as the handshake has been answered.
    pub expectations: Vec<Expectation>,
}

/// A header line of the opening handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderLine {
    /// Where it stands.
    pub line: usize,
    /// A token (RFC 9110 §5.1).
    pub name: String,
    /// Filled in when the connection is opened.
    pub value: Template,
}

/// Something that the answer to the opening handshake must show.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Where it stands.
    pub line: usize,
    /// What.
    pub fact: HandshakeFact,
}

/// What an [`Expectation`] is about.
#[derive(Clone, Debug, PartialEq)]
pub enum HandshakeFact {
    /// `expect status CODE`: with any but 101 the connection does not open, and must not.
    Status(u16),
    /// `expect subprotocol NAME`
    Subprotocol(Template),
    /// `expect header NAME PATTERN`
    Header {
        /// A token (RFC 9110 §5.1).
        name: String,
        /// What its value looks like.
        value: Expected,
    },
    /// `expect cert-days N`: the server's certificate is good for at least so many days.
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
    /// At most 123 bytes once filled in (RFC 6455 §5.5); checked here only when there is nothing to fill in.
    pub reason: Option<Template>,
}

/// A PATTERN: compiled when the file was read, unless a variable stands in it.
///
/// Its form is decided by what stands in the file, never by a value: one that begins with a variable is exact text.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    template: Template,
    form: PatternForm,
    fixed: Option<Pattern>,
}

/// A pattern that stands for itself, whatever looks like a variable in it.
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
    /// The text as it stands in the file.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The pattern, when there is nothing to fill in.
    pub fn fixed(&self) -> Option<&Pattern> {
        self.fixed.as_ref()
    }

    /// The pattern for the template's rendered text.
    ///
    /// # Errors
    /// When the values made it no good pattern.
    pub fn compile(&self, rendered: &str) -> Result<Pattern, PatternError> {
        match self.form {
            PatternForm::Exact => Ok(Pattern::exact(
                rendered
                    .strip_prefix('=')
                    .filter(|_| self.says_exact())
                    .unwrap_or(rendered),
            )),
            _ => Pattern::parse(rendered),
        }
    }

    fn says_exact(&self) -> bool {
        matches!(self.template.parts().first(), Some(TemplatePart::Literal(text)) if text.starts_with('='))
    }
}

/// A jq expression: compiled when the file was read, unless a variable stands in it.
#[derive(Clone, Debug)]
pub struct Query {
    template: Template,
    fixed: Option<Jq>,
}

impl Query {
    /// The text as it stands in the file.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The expression, when there is nothing to fill in.
    pub fn fixed(&self) -> Option<&Jq> {
        self.fixed.as_ref()
    }

    /// The expression for the template's rendered text.
    ///
    /// # Errors
    /// When the values made it no good jq.
    pub fn compile(&self, rendered: &str) -> Result<Jq, JqError> {
        Jq::compile(rendered)
    }
}

/// Two expressions are equal when they are written the same.
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
            error.starts_with("x.wst:3: .a is a jq expression, and this build has no jq"),
            "{error}"
        );
    }
}
