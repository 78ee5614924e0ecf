//! The parser of check files.
//!
//! One pass, and no panic on any input. An error names the line, the text found and the step that was probably
//! meant. An unknown word is never taken for a text to send or to expect.

mod handshake;
mod texts;

use std::time::Duration;

use super::line_error::LineError;
use super::scope::ParseScope;
use super::suggest::unknown_step;
use super::template::Language;
use super::words::{assignment, header, hex, nothing, required, split_word, time, trim};
use super::{CloseStep, ConnectionName, MessageOrder, Script, SendStep, Step, StepAction, Test};
use crate::decode::DecodeFormat;

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

impl Script {
    /// Reads a check file. `file` is its name in errors; `given` are the names that `--var` and `--secret` define.
    ///
    /// # Errors
    /// The first error.
    pub fn parse(file: &str, text: &str, given: &[impl AsRef<str>]) -> Result<Self, ParseError> {
        let given = given.iter().map(|name| name.as_ref().to_owned()).collect();
        Parser::new(text, given)
            .run()
            .map_err(|(line, what)| ParseError {
                file: file.to_owned(),
                line,
                what,
            })
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
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(file, text, given),
            Err(error) => {
                let before = &bytes[..error.valid_up_to()];
                let start = before
                    .iter()
                    .rposition(|&byte| byte == b'\n')
                    .map_or(0, |at| at + 1);
                Err(ParseError {
                    file: file.to_owned(),
                    line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
                    what: format!(
                        "invalid UTF-8 at byte {} of this line",
                        before.len() - start + 1
                    ),
                })
            }
        }
    }
}

struct Parser<'a> {
    lines: Vec<&'a str>,
    /// How many lines have been read, which is also the number of the last one.
    taken: usize,
    script: Script,
    /// Names defined for every test: by `--var`, `--secret`, or `set` before the first test.
    shared: Vec<String>,
    scope: ParseScope,
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
    fn new(text: &'a str, given: Vec<String>) -> Self {
        Self {
            lines: text.lines().collect(),
            taken: 0,
            script: Script {
                settings: Vec::new(),
                tests: Vec::new(),
            },
            shared: given,
            scope: ParseScope::default(),
        }
    }

    fn run(mut self) -> Result<Script, (usize, String)> {
        while let Some(line) = self.lines.get(self.taken) {
            self.taken += 1;
            let number = self.taken;
            let line = trim(line);
            if !line.is_empty() && !line.starts_with('#') {
                self.line(line)
                    .map_err(|fault| (fault.line.unwrap_or(number), fault.what))?;
            }
        }
        let last = self.taken.max(1);
        self.end_test()
            .map_err(|fault| (fault.line.unwrap_or(last), fault.what))?;
        if self.script.tests.is_empty() {
            return Err((
                last,
                "the file has no steps; it needs at least one connect".to_owned(),
            ));
        }
        Ok(self.script)
    }

    fn line(&mut self, line: &'a str) -> Result<(), LineError> {
        let number = self.taken;
        let (word, rest) = split_word(line);
        if word == "test" {
            return self.test(rest);
        }
        if let Some((name, value)) = header(line) {
            return self.header(name, value);
        }
        let preamble = self.script.tests.is_empty() && matches!(word, "set" | "timeout");
        let Some(action) = self.action(line)? else {
            return Ok(());
        };
        let step = Step {
            line: number,
            action,
        };
        match self.script.tests.last_mut() {
            None if preamble => self.script.settings.push(step),
            None => self.script.tests.push(Test {
                line: number,
                name: None,
                steps: vec![step],
            }),
            Some(test) => test.steps.push(step),
        }
        Ok(())
    }

    fn test(&mut self, rest: &str) -> Result<(), LineError> {
        self.end_test()?;
        if let Some(Test {
            line, name: None, ..
        }) = self.script.tests.last()
        {
            let what =
                "step before the first test: only set and timeout are allowed there".to_owned();
            return Err(LineError {
                line: Some(*line),
                what,
            });
        }
        let name = serde_json::from_str(rest).map_err(|_| {
            format!("invalid test name '{rest}'; write test \"NAME\" in double quotes")
        })?;
        self.scope = ParseScope::default();
        self.script.tests.push(Test {
            line: self.taken,
            name: Some(name),
            steps: Vec::new(),
        });
        Ok(())
    }

    fn end_test(&self) -> Result<(), LineError> {
        match self.script.tests.last() {
            Some(test) if test.steps.is_empty() => {
                let what = "this test has no steps".to_owned();
                Err(LineError {
                    line: Some(test.line),
                    what,
                })
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
        match sign {
            "expect" => self.expect(&prefix, rest),
            "test" | "set" | "timeout" | "connect" | "capture" | "assert" | "wait" => {
                prefix.refuse(sign)?;
                self.unaddressed(sign, rest).map(Some)
            }
            ">" | ">hex" | ">file" | "never" | "silence" | "decode" => {
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
            "connect" => self.connect(rest),
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
        let on = self.scope.peer(prefix.name)?;
        let within = prefix.within;
        Ok(match sign {
            ">" => StepAction::Send {
                on,
                message: self.text_message(rest)?,
            },
            ">hex" => StepAction::Send {
                on,
                message: SendStep::Hex(hex(rest)?),
            },
            ">file" => {
                let path = self.template(required(rest, ">file PATH")?, Language::Text)?;
                StepAction::Send {
                    on,
                    message: SendStep::File(path),
                }
            }
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
        Err(format!("{sign} needs a matched message: no < comes before it in this test").into())
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
