//! The parser of check files.
//!
//! One pass, and no panic on any input. An error names the line, the text found and the step that was probably
//! meant. An unknown word is never taken for a text to send or to expect.

mod blocks;
mod handshake;
mod sending;
mod texts;

use std::path::Path;
use std::time::Duration;

use super::line_error::LineError;
use super::scope::ParseScope;
use super::suggest::unknown_step;
use super::words::{assignment, header, nothing, required, split_word, time, trim};
use super::{CloseStep, ConnectionName, MessageOrder, RetryClause, Script, Step, StepAction, Test};
use crate::decode::DecodeFormat;
use crate::template::Language;
use blocks::OpenBlock;

/// The longest close reason in bytes: the 125 of a control frame less the code (RFC 6455 §5.5).
const MAX_REASON: usize = 123;

/// A syntax error in a check file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct ParseError {
    /// The name of the file, as given.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// The error and the suggestion. Quotes the file.
    pub what: String,
}

/// Reads the bytes of an included file; the error is the reason.
pub type ReadIncluded<'a> = dyn Fn(&Path) -> Result<Vec<u8>, String> + 'a;

impl Script {
    /// Reads a check file that includes no other. `file` is its name in errors; `given` are the names that
    /// `--var` and `--secret` define.
    ///
    /// # Errors
    /// The first error.
    pub fn parse(file: &str, text: &str, given: &[impl AsRef<str>]) -> Result<Self, ParseError> {
        Self::parse_with(file, text, given, &no_includes)
    }

    /// As [`parse`](Self::parse), for the bytes of a file: it must be UTF-8; a byte order mark is skipped.
    ///
    /// # Errors
    /// The first error.
    pub fn from_bytes(
        file: &str,
        bytes: &[u8],
        given: &[impl AsRef<str>],
    ) -> Result<Self, ParseError> {
        Self::from_bytes_with(file, bytes, given, &no_includes)
    }

    /// Reads a check file; `read` provides the files that it includes.
    ///
    /// # Errors
    /// The first error, in this file or an included one.
    pub fn parse_with(
        file: &str,
        text: &str,
        given: &[impl AsRef<str>],
        read: &ReadIncluded,
    ) -> Result<Self, ParseError> {
        let given = given.iter().map(|name| name.as_ref().to_owned()).collect();
        Parser::new(file, text, given, read)
            .run()
            .map_err(|error| ParseError {
                file: error.file.unwrap_or_else(|| file.to_owned()),
                line: error.line.unwrap_or(1),
                what: error.what,
            })
    }

    /// As [`from_bytes`](Self::from_bytes); `read` provides the files that it includes.
    ///
    /// # Errors
    /// The first error, in this file or an included one.
    pub fn from_bytes_with(
        file: &str,
        bytes: &[u8],
        given: &[impl AsRef<str>],
        read: &ReadIncluded,
    ) -> Result<Self, ParseError> {
        match utf8(bytes) {
            Ok(text) => Self::parse_with(file, text, given, read),
            Err((line, what)) => Err(ParseError {
                file: file.to_owned(),
                line,
                what,
            }),
        }
    }
}

fn no_includes(_: &Path) -> Result<Vec<u8>, String> {
    Err("other files cannot be included here".to_owned())
}

/// The text of a file without a byte order mark, or the line that is not UTF-8.
fn utf8(bytes: &[u8]) -> Result<&str, (usize, String)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let at = before.len() - start + 1;
        (line, format!("invalid UTF-8 at byte {at} of this line"))
    })
}

struct Parser<'a> {
    lines: Vec<&'a str>,
    /// How many lines have been read, which is also the number of the last one.
    taken: usize,
    script: Script,
    /// Names defined for every test: by `--var`, `--secret`, or `set` before the first test.
    shared: Vec<String>,
    scope: ParseScope,
    /// Whether everything so far may come before the first test.
    only_settings: bool,
    /// The blocks that have not ended, the innermost last.
    blocks: Vec<OpenBlock>,
    /// A `retry` that waits for its `connect`.
    retry: Option<RetryClause>,
    /// The file being read, after those that include it.
    files: Vec<String>,
    read: &'a ReadIncluded<'a>,
}

/// The optional words before a step: a connection's name and `within TIME`.
#[derive(Default)]
struct Prefix<'a> {
    name: Option<&'a str>,
    within: Option<Duration>,
}

impl Prefix<'_> {
    fn refuse(&self, sign: &str) -> Result<(), LineError> {
        match self.name {
            Some(name) => Err(format!("{sign} takes no connection name, found '{name}'").into()),
            None => self.refuse_within(sign),
        }
    }

    fn refuse_within(&self, sign: &str) -> Result<(), LineError> {
        match self.within {
            Some(_) => Err(format!(
                "{sign} does not wait and takes no 'within'; use it before <, <next, <hex, <schema, ping, close or expect close"
            )
            .into()),
            None => Ok(()),
        }
    }
}

/// Lines, settings and tests.
impl<'a> Parser<'a> {
    fn new(file: &str, text: &'a str, given: Vec<String>, read: &'a ReadIncluded<'a>) -> Self {
        Self {
            lines: text.lines().collect(),
            taken: 0,
            script: Script {
                settings: Vec::new(),
                tests: Vec::new(),
            },
            shared: given,
            scope: ParseScope::default(),
            only_settings: true,
            blocks: Vec::new(),
            retry: None,
            files: vec![file.to_owned()],
            read,
        }
    }

    fn run(mut self) -> Result<Script, LineError> {
        self.read_lines()?;
        self.end_test()?;
        if self.script.tests.is_empty() {
            return Err(LineError::at(
                self.taken.max(1),
                "the file has no steps; it needs at least one connect or http",
            ));
        }
        Ok(self.script)
    }

    /// Reads every line. An error has a line, at least that of the last one read.
    fn read_lines(&mut self) -> Result<(), LineError> {
        while let Some(line) = self.lines.get(self.taken) {
            self.taken += 1;
            let number = self.taken;
            let line = trim(line);
            if !line.is_empty() && !line.starts_with('#') {
                self.line(line).map_err(|error| LineError {
                    line: error.line.or(Some(number)),
                    ..error
                })?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &'a str) -> Result<(), LineError> {
        let number = self.taken;
        let (word, rest) = split_word(line);
        if let Some(retry) = self.retry
            && !matches!(word, "connect" | "http")
        {
            return Err(LineError::at(
                retry.line,
                "retry must be followed by a connect or http line",
            ));
        }
        if word == "test" {
            return self.test(rest);
        }
        if let Some((name, value)) = header(line) {
            return self.header(name, value);
        }
        let Some(action) = self.action(line)? else {
            return Ok(());
        };
        self.push(Step {
            line: number,
            action,
        });
        Ok(())
    }

    /// Adds a step to the innermost block, the test or the settings.
    fn push(&mut self, step: Step) {
        self.only_settings &= step.is_setting();
        if let Some(block) = self.blocks.last_mut() {
            return block.steps.push(step);
        }
        match self.script.tests.last_mut() {
            None if self.only_settings => self.script.settings.push(step),
            None => self.script.tests.push(Test {
                line: step.line,
                name: None,
                steps: vec![step],
                finally: None,
            }),
            Some(Test {
                finally: Some(finally),
                ..
            }) => finally.steps.push(step),
            Some(test) => test.steps.push(step),
        }
    }

    /// The step before this line, in the same block.
    fn last_action(&mut self) -> Option<&mut StepAction> {
        let steps = match self.blocks.last_mut() {
            Some(block) => &mut block.steps,
            None => match self.script.tests.last_mut()? {
                Test {
                    finally: Some(finally),
                    ..
                } => &mut finally.steps,
                test => &mut test.steps,
            },
        };
        steps.last_mut().map(|step| &mut step.action)
    }

    fn test(&mut self, rest: &str) -> Result<(), LineError> {
        if self.files.len() > 1 {
            return Err("an included file cannot contain tests; it has steps only".into());
        }
        self.end_test()?;
        if let Some(Test {
            line, name: None, ..
        }) = self.script.tests.last()
        {
            return Err(LineError::at(
                *line,
                "step before the first test: only set, timeout, on, never and include of these are allowed there",
            ));
        }
        let name = serde_json::from_str(rest).map_err(|_| {
            format!("invalid test name '{rest}'; write test \"NAME\" in double quotes")
        })?;
        self.scope = ParseScope::default();
        self.only_settings = false;
        self.script.tests.push(Test {
            line: self.taken,
            name: Some(name),
            steps: Vec::new(),
            finally: None,
        });
        Ok(())
    }

    fn end_test(&self) -> Result<(), LineError> {
        self.nothing_is_open()?;
        match self.script.tests.last() {
            Some(test) if test.steps.is_empty() => {
                Err(LineError::at(test.line, "this test has no steps"))
            }
            Some(Test {
                finally: Some(finally),
                ..
            }) if finally.steps.is_empty() => {
                Err(LineError::at(finally.line, "finally has no steps after it"))
            }
            _ => Ok(()),
        }
    }
}

/// The steps.
impl<'a> Parser<'a> {
    /// One step; `None` for a line that belongs to the connect before it.
    fn action(&mut self, line: &'a str) -> Result<Option<StepAction>, LineError> {
        let (prefix, sign, rest) = self.prefix(line)?;
        self.allowed_here(line, sign)?;
        match sign {
            "expect" => self.expect(&prefix, rest),
            "repeat" | "end" | "finally" | "retry" | "include" => {
                prefix.refuse(sign)?;
                self.structure(sign, rest)
            }
            "any-order" => {
                prefix.refuse_within(sign)?;
                nothing(rest, sign)?;
                let on = self.scope.peer(prefix.name)?;
                self.open_any_order(on).map(|()| None)
            }
            "test" | "set" | "timeout" | "connect" | "http" | "capture" | "assert" | "wait"
            | "pause" => {
                prefix.refuse(sign)?;
                self.unaddressed(sign, rest).map(Some)
            }
            "never" if self.is_before_tests() && prefix.name.is_none() => {
                prefix.refuse_within(sign)?;
                Ok(Some(StepAction::NeverEverywhere(self.pattern(rest)?)))
            }
            "on" => {
                prefix.refuse_within(sign)?;
                self.rule(prefix.name, rest).map(Some)
            }
            "sample" => {
                prefix.refuse_within(sign)?;
                self.sample(prefix.name, rest).map(Some)
            }
            ">" | ">hex" | ">file" | ">text" | ">fragments" | ">frame" | "never" | "silence"
            | "decode" => {
                prefix.refuse_within(sign)?;
                self.exchange(&prefix, sign, rest).map(Some)
            }
            "<" | "<next" | "<hex" | "<schema" | "ping" | "close" => {
                self.exchange(&prefix, sign, rest).map(Some)
            }
            _ => Err(unknown_step(self.scope.names(), line, sign, rest).into()),
        }
    }

    /// Splits `[NAME] [within TIME] STEP rest`; the first two in either order.
    fn prefix(&self, line: &'a str) -> Result<(Prefix<'a>, &'a str, &'a str), LineError> {
        let mut prefix = Prefix::default();
        let mut rest = line;
        loop {
            let (word, after) = split_word(rest);
            if word == "within" && prefix.within.is_none() {
                let (limit, after) = split_word(after);
                prefix.within = Some(time(limit)?);
                rest = after;
            } else if prefix.name.is_none() && self.scope.latest(word).is_some() {
                prefix.name = Some(word);
                rest = after;
            } else {
                return Ok((prefix, word, after));
            }
        }
    }

    /// A step that needs no open connection.
    fn unaddressed(&mut self, sign: &str, rest: &'a str) -> Result<StepAction, LineError> {
        match sign {
            "set" => self.set(rest),
            "timeout" => Ok(StepAction::Timeout(time(rest)?)),
            "wait" => Ok(StepAction::Wait(time(rest)?)),
            "pause" => Ok(StepAction::Pause(time(rest)?)),
            "connect" => self.connect(rest),
            "http" => self.http(rest),
            "capture" => self.capture(rest),
            _ => {
                self.needs_message("assert")?;
                Ok(StepAction::Assert(self.query(rest)?))
            }
        }
    }

    /// A step on an open connection.
    fn exchange(
        &mut self,
        prefix: &Prefix,
        sign: &str,
        rest: &'a str,
    ) -> Result<StepAction, LineError> {
        let on = self.peer(prefix.name)?;
        let within = prefix.within;
        Ok(match sign {
            ">" | ">hex" | ">file" | ">text" | ">fragments" | ">frame" => StepAction::Send {
                on,
                message: self.sent(sign, rest)?,
            },
            "<" | "<next" | "<hex" | "<schema" => self.receive(on, sign, rest, within)?,
            "never" => StepAction::Never {
                on,
                pattern: self.pattern(rest)?,
            },
            "decode" => StepAction::Decode {
                on,
                format: DecodeFormat::parse(required(rest, "decode FORMAT,…")?)?,
            },
            "silence" => StepAction::Silence {
                on,
                time: time(rest)?,
            },
            "ping" => {
                nothing(rest, "ping")?;
                StepAction::Ping { on, within }
            }
            _ => {
                let frame = self.close_frame(rest)?;
                self.scope.end(&on, self.taken);
                StepAction::Close { on, frame, within }
            }
        })
    }

    fn receive(
        &mut self,
        on: ConnectionName,
        sign: &str,
        rest: &'a str,
        within: Option<Duration>,
    ) -> Result<StepAction, LineError> {
        let which = match sign {
            "<next" => MessageOrder::Next,
            _ => MessageOrder::FirstMatch,
        };
        let pattern = match sign {
            "<hex" => Self::binary_pattern(rest)?,
            "<schema" => self.schema_pattern(rest)?,
            _ => self.pattern(rest)?,
        };
        self.scope.received = true;
        Ok(StepAction::Receive {
            on,
            which,
            pattern,
            within,
        })
    }

    fn set(&mut self, rest: &str) -> Result<StepAction, LineError> {
        let (name, value) = assignment(rest, "set NAME = text")?;
        let value = self.template(value, Language::Text)?;
        self.define(name);
        Ok(StepAction::Set {
            name: name.to_owned(),
            value,
        })
    }

    fn capture(&mut self, rest: &str) -> Result<StepAction, LineError> {
        let (word, after) = split_word(rest);
        // A variable may be called `secret`, too.
        let secret = word == "secret" && !after.starts_with('=');
        let rest = if secret { after } else { rest };
        let (name, query) = assignment(rest, "capture NAME = JQ")?;
        self.needs_message("capture")?;
        let query = self.query(query)?;
        self.define(name);
        Ok(StepAction::Capture {
            name: name.to_owned(),
            secret,
            query,
        })
    }

    fn needs_message(&self, sign: &str) -> Result<(), LineError> {
        if self.scope.received {
            return Ok(());
        }
        Err(format!(
            "{sign} needs a matched message or an http answer: no < or http comes before it in this test"
        )
        .into())
    }

    fn close_frame(&self, rest: &str) -> Result<Option<CloseStep>, LineError> {
        let (code, reason) = split_word(rest);
        if code.is_empty() {
            return Ok(None);
        }
        let code = match code.parse() {
            Ok(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => code,
            _ => {
                return Err(format!(
                    "invalid close code '{code}' (1000 to 1003, 1007 to 1014 or 3000 to 4999)"
                )
                .into());
            }
        };
        if reason.is_empty() {
            return Ok(Some(CloseStep { code, reason: None }));
        }
        let reason = self.template(reason, Language::Text)?;
        match reason.as_literal() {
            Some(text) if text.len() > MAX_REASON => {
                Err(format!("close reason of {} bytes exceeds {MAX_REASON}", text.len()).into())
            }
            _ => Ok(Some(CloseStep {
                code,
                reason: Some(reason),
            })),
        }
    }
}
