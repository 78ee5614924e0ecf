//! Prints a script as a check file.

use std::fmt;
use std::time::Duration;

use super::{
    AnyOrderBlock, CloseStep, ConnectStep, ConnectionName, Expected, FramePayload, FrameStep,
    HandshakeFact, HeaderLine, HttpStep, MessageOrder, Query, RepeatBlock, Script, SendStep, Step,
    StepAction,
};
use crate::connection::wire::header::{FIN, RSV1, RSV2, RSV3};
use crate::pattern::PatternForm;

/// A file that parses to this script, with each step on its line as far as blank lines allow.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut writer = ScriptWriter { out: f, line: 1 };
        writer.steps(&self.settings)?;
        for test in &self.tests {
            if let Some(name) = &test.name {
                let quoted = serde_json::to_string(name).map_err(|_| fmt::Error)?;
                writer.line(test.line, &format_args!("test {quoted}"))?;
            }
            writer.steps(&test.steps)?;
            if let Some(finally) = &test.finally {
                writer.line(finally.line, &"finally")?;
                writer.steps(&finally.steps)?;
            }
        }
        Ok(())
    }
}

/// The output and its current line.
struct ScriptWriter<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    line: usize,
}

impl ScriptWriter<'_, '_> {
    fn line(&mut self, line: usize, text: &dyn fmt::Display) -> fmt::Result {
        while self.line < line {
            self.out.write_str("\n")?;
            self.line += 1;
        }
        self.line += 1;
        writeln!(self.out, "{text}")
    }

    fn steps(&mut self, steps: &[Step]) -> fmt::Result {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> fmt::Result {
        let retry = match &step.action {
            StepAction::Connect(connect) => connect.retry,
            StepAction::Http(http) => http.retry,
            _ => None,
        };
        if let Some(retry) = retry {
            let time = DurationWord(retry.time);
            self.line(retry.line, &format_args!("retry {time}"))?;
        }
        self.line(step.line, &step.action)?;
        match &step.action {
            StepAction::Connect(ConnectStep {
                headers,
                expectations,
                ..
            })
            | StepAction::Http(HttpStep {
                headers,
                expectations,
                ..
            }) => {
                for header in headers {
                    self.line(header.line, header)?;
                }
                for expectation in expectations {
                    self.line(expectation.line, &expectation.fact)?;
                }
                Ok(())
            }
            StepAction::Repeat(RepeatBlock { steps, end, .. })
            | StepAction::AnyOrder(AnyOrderBlock { steps, end, .. }) => {
                self.steps(steps)?;
                self.line(*end, &"end")
            }
            _ => Ok(()),
        }
    }
}

/// The step on one line, as in a report; of a `connect`, an `http` or a block only its own line.
impl fmt::Display for StepAction {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Set { name, value } => write!(f, "set {name} = {value}"),
            Self::Timeout(time) => write!(f, "timeout {}", DurationWord(*time)),
            Self::Connect(connect) => {
                write!(f, "connect {}{}", QuotedWord(&connect.name), connect.url)
            }
            Self::Http(http) => {
                let body = LastPart(&http.body);
                write!(f, "http {} {}{body}", http.method, http.url)
            }
            Self::Send { on, message } => write!(f, "{on}{message}"),
            Self::Receive {
                on,
                which,
                pattern,
                within,
            } => {
                let sign = match which {
                    // The pattern itself begins with `hex`.
                    MessageOrder::FirstMatch if pattern.form == PatternForm::Binary => "<",
                    MessageOrder::FirstMatch if pattern.form == PatternForm::Schema => {
                        let text = pattern.to_string();
                        let path = text.trim_start_matches("schema:");
                        return write!(f, "{}{on}<schema {path}", WithinClause(*within));
                    }
                    MessageOrder::FirstMatch => "< ",
                    MessageOrder::Next => "<next ",
                };
                write!(f, "{}{on}{sign}{pattern}", WithinClause(*within))
            }
            Self::Never { on, pattern } => write!(f, "{on}never {pattern}"),
            Self::NeverEverywhere(pattern) => write!(f, "never {pattern}"),
            Self::On {
                on,
                pattern,
                answer,
            } => {
                if let Some(on) = on {
                    write!(f, "{on}")?;
                }
                write!(f, "on {pattern} => {answer}")
            }
            Self::AnyOrder(block) => write!(f, "{}any-order", block.on),
            Self::Repeat(block) => write!(f, "repeat {}", block.times),
            Self::Include(included) => write!(f, "include {}", included.path),
            Self::Pause(time) => write!(f, "pause {}", DurationWord(*time)),
            // The step before it names the connection.
            Self::Sample { message, .. } => write!(f, "sample {message}"),
            Self::Decode { on, format } => write!(f, "{on}decode {format}"),
            Self::Silence { on, time } => write!(f, "{on}silence {}", DurationWord(*time)),
            Self::Capture {
                name,
                secret,
                query,
            } => {
                let secret = if *secret { "secret " } else { "" };
                write!(f, "capture {secret}{name} = {}", query.template)
            }
            Self::Assert(query) => write!(f, "assert {}", query.template),
            Self::Ping { on, within } => write!(f, "{}{on}ping", WithinClause(*within)),
            Self::Close { on, frame, within } => {
                write!(f, "{}{on}close{}", WithinClause(*within), LastPart(frame))
            }
            Self::ExpectClose {
                on,
                code,
                reason,
                within,
            } => {
                let within = WithinClause(*within);
                write!(f, "{within}{on}expect close {code}{}", LastPart(reason))
            }
            Self::Wait(time) => write!(f, "wait {}", DurationWord(*time)),
        }
    }
}

impl fmt::Display for HandshakeFact {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "expect status {code}"),
            Self::Subprotocol(name) => write!(f, "expect subprotocol {name}"),
            Self::Header { name, value } => write!(f, "expect header {name} {value}"),
            Self::CertDays(days) => write!(f, "expect cert-days {days}"),
        }
    }
}

impl fmt::Display for SendStep {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "> {text}"),
            Self::File(path) => write!(f, ">file {path}"),
            Self::Hex(bytes) => {
                f.write_str(">hex")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Self::Quoted(text) => {
                let quoted = serde_json::to_string(&text.to_string()).map_err(|_| fmt::Error)?;
                write!(f, ">text {quoted}")
            }
            Self::Fragments { size, text } => write!(f, ">fragments {size} {text}"),
            Self::Frame(frame) => write!(f, ">frame {frame}"),
        }
    }
}

impl fmt::Display for FrameStep {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (bit, name) in [(FIN, "fin"), (RSV1, "rsv1"), (RSV2, "rsv2"), (RSV3, "rsv3")] {
            if self.first & bit != 0 {
                write!(f, "{name} ")?;
            }
        }
        write!(f, "opcode={}", self.first & 0x0f)?;
        if !self.is_masked {
            f.write_str(" mask=no")?;
        }
        if let Some(length) = self.length {
            write!(f, " length={length}")?;
        }
        match &self.payload {
            FramePayload::Hex(bytes) if bytes.is_empty() => Ok(()),
            FramePayload::Hex(bytes) => {
                f.write_str(" hex")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            FramePayload::Text(text) => write!(f, " text {text}"),
        }
    }
}

impl fmt::Display for CloseStep {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.code, LastPart(&self.reason))
    }
}

impl fmt::Display for HeaderLine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.template.fmt(f)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.template.fmt(f)
    }
}

/// `NAME ` before a step, or nothing.
impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        QuotedWord(&self.name).fmt(f)
    }
}

struct QuotedWord<'a>(&'a Option<String>);

impl fmt::Display for QuotedWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(f, "{name} "))
    }
}

/// A space and the last part of a line, or nothing.
struct LastPart<'a, T>(&'a Option<T>);

impl<T: fmt::Display> fmt::Display for LastPart<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |part| write!(f, " {part}"))
    }
}

struct WithinClause(Option<Duration>);

impl fmt::Display for WithinClause {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0
            .map_or(Ok(()), |time| write!(f, "within {} ", DurationWord(time)))
    }
}

/// A duration as one word: `1m30s`.
pub(super) struct DurationWord(pub(super) Duration);

impl fmt::Display for DurationWord {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(
            &humantime::format_duration(self.0)
                .to_string()
                .replace(' ', ""),
        )
    }
}
