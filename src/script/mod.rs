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
pub mod report;
pub mod run;
pub mod schedule;
mod scope;
pub mod step_failure;
mod suggest;
mod test_connection;
pub mod test_context;
#[cfg(all(test, feature = "jq"))]
mod tests;
mod transcript;
mod words;

use std::path::Path;
use std::time::Duration;

use crate::decode::DecodeFormat;
use crate::pattern::{Jq, JqError, Pattern, PatternError, PatternForm};
use crate::rules::Answer;
use crate::template::{Template, TemplatePart};
pub use parse::ParseError;

/// A whole check file.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// `set`, `timeout`, `never` and `include` before the first test, which apply to every test. No other steps
    /// are allowed here.
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
    /// The steps that run whatever happened in `steps`.
    pub finally: Option<FinallySteps>,
}

impl Test {
    /// The number of its steps, including those of blocks, which count once, and of included files.
    pub fn step_count(&self) -> usize {
        let finally = self.finally.iter().flat_map(|finally| &finally.steps);
        self.steps.iter().chain(finally).map(Step::count).sum()
    }
}

/// `finally` and the steps after it.
#[derive(Clone, Debug, PartialEq)]
pub struct FinallySteps {
    /// The line of `finally`.
    pub line: usize,
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

impl Step {
    /// How many steps it is: those inside a block instead of the block.
    fn count(&self) -> usize {
        match &self.action {
            StepAction::Repeat(block) => block.steps.iter().map(Self::count).sum(),
            StepAction::AnyOrder(block) => block.expectations().count(),
            StepAction::Include(file) => file.steps.iter().map(Self::count).sum(),
            StepAction::Sample { .. } => 0,
            _ => 1,
        }
    }

    /// Whether it may come before the first test.
    fn is_setting(&self) -> bool {
        match &self.action {
            StepAction::Set { .. }
            | StepAction::Timeout(_)
            | StepAction::NeverEverywhere(_)
            | StepAction::On { on: None, .. } => true,
            StepAction::Include(file) => file.steps.iter().all(Self::is_setting),
            _ => false,
        }
    }
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
    /// `http METHOD URL [BODY]` with its header lines and expectations.
    Http(HttpStep),
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
    /// `never PATTERN` before the first test: it applies to every connection.
    NeverEverywhere(Expected),
    /// `on PATTERN => MESSAGE`: answers each message that matches from here on.
    On {
        /// The connection; `None` before the first test, for every connection.
        on: Option<ConnectionName>,
        /// The pattern.
        pattern: Expected,
        /// The answer.
        answer: Answer,
    },
    /// `any-order` with its expectations, to `end`.
    AnyOrder(AnyOrderBlock),
    /// `repeat N` with its steps, to `end`.
    Repeat(RepeatBlock),
    /// `include FILE`
    Include(IncludedFile),
    /// `pause TIME`: a wait that only `--pace` obeys.
    Pause(Duration),
    /// `sample MESSAGE` after a `<` or `expect close`: what a server sends that plays this file. Ignored here.
    Sample {
        /// The connection.
        on: ConnectionName,
        /// The message, or the reason of the close.
        message: Template,
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
    /// Which `connect` of its test, counted from 0: steps on this connection name it so.
    pub index: usize,
    /// For how long it is tried again.
    pub retry: Option<RetryClause>,
    /// The URL.
    pub url: Template,
    /// Additional header lines of the request, in order; a name may be repeated.
    pub headers: Vec<HeaderLine>,
    /// Checked as soon as the handshake was answered.
    pub expectations: Vec<Expectation>,
}

/// `http`: an HTTP request and what its answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpStep {
    /// For how long it is tried again.
    pub retry: Option<RetryClause>,
    /// The method, in capitals (RFC 9110 §9).
    pub method: String,
    /// The URL.
    pub url: Template,
    /// The body.
    pub body: Option<Template>,
    /// Additional header lines, in order; a name may be repeated.
    pub headers: Vec<HeaderLine>,
    /// [`HandshakeFact::Status`] and [`HandshakeFact::Header`] only.
    pub expectations: Vec<Expectation>,
}

/// `retry TIME`, the line before a `connect` or `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryClause {
    /// Its line.
    pub line: usize,
    /// For how long another attempt is made.
    pub time: Duration,
}

/// `any-order` … `end`: each expectation is met by another message, in any order.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyOrderBlock {
    /// The connection.
    pub on: ConnectionName,
    /// [`StepAction::Receive`] for the first message that matches, and [`StepAction::Sample`] after some of them.
    pub steps: Vec<Step>,
    /// The line of its `end`.
    pub end: usize,
}

impl AnyOrderBlock {
    /// The expectations: line, pattern and time limit.
    pub fn expectations(&self) -> impl Iterator<Item = (&Step, &Expected, Option<Duration>)> {
        self.steps.iter().filter_map(|step| match &step.action {
            StepAction::Receive {
                pattern, within, ..
            } => Some((step, pattern, *within)),
            _ => None,
        })
    }
}

/// `repeat N` … `end`
#[derive(Clone, Debug, PartialEq)]
pub struct RepeatBlock {
    /// How often its steps run, at least once.
    pub times: u32,
    /// Its steps in order; never empty.
    pub steps: Vec<Step>,
    /// The line of its `end`.
    pub end: usize,
}

/// A file that `include` names.
#[derive(Clone, Debug, PartialEq)]
pub struct IncludedFile {
    /// The path as written, relative to the folder of the file with the `include`.
    pub path: String,
    /// The path from the working directory, for errors; paths in its steps are relative to its folder.
    pub file: String,
    /// Its steps in order. Their lines are lines of this file.
    pub steps: Vec<Step>,
}

/// A header line of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderLine {
    /// Its line.
    pub line: usize,
    /// A token (RFC 9110 §5.1).
    pub name: String,
    /// Filled in when the step runs.
    pub value: Template,
}

/// An expectation of the response to a handshake or a request.
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
    /// `>text "…"` or `>text <<END`: a text with any characters.
    Quoted(Template),
    /// `>fragments SIZE MESSAGE`: a text message in several frames.
    Fragments {
        /// Payload bytes of each frame, at least 1; of the last one at most.
        size: usize,
        /// The text.
        text: Template,
    },
    /// `>frame …`
    Frame(FrameStep),
}

/// One frame, legal or not (RFC 6455 §5.2).
#[derive(Clone, Debug, PartialEq)]
pub struct FrameStep {
    /// FIN, RSV1 to RSV3 and the opcode: the first byte.
    pub first: u8,
    /// Whether it is masked, as a client must do.
    pub is_masked: bool,
    /// The declared length, if it is not that of the payload.
    pub length: Option<u64>,
    /// Its payload.
    pub payload: FramePayload,
}

/// The payload of a [`FrameStep`].
#[derive(Clone, Debug, PartialEq)]
pub enum FramePayload {
    /// `hex 00 ff`
    Hex(Vec<u8>),
    /// `text TEXT`
    Text(Template),
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
    /// A pattern to be printed: it is compiled when the file is read.
    pub fn to_print(template: Template) -> Self {
        Self {
            form: PatternForm::of(&template.to_string()),
            template,
            fixed: None,
        }
    }

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
