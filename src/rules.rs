//! Rules: messages that are answered automatically, `PATTERN => MESSAGE`.
//!
//! The first rule that matches answers. A message that was answered is no reply and meets no expectation; that is
//! decided once, here, so that the session and check files agree.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::connection::close::{CloseCode, CloseFrame};
use crate::connection::message::Payload;
use crate::pattern::Pattern;
use crate::template::variables::{FillError, Filled, Variables};
use crate::template::{Language, Template};

/// Divides the pattern of a rule from its answer.
const DIVIDER: &str = "=>";

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    pattern: Pattern,
    /// Shared by the connections of a run, so that its `{{n}}` goes on counting.
    answer: Rc<Answer>,
    /// Whether a message was left unanswered, which is reported once.
    has_failed: Cell<bool>,
}

/// What a rule does with a message that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Sends this text.
    Message(Template),
    /// Closes the connection.
    Close {
        /// The code; `None` for a close frame without one.
        code: Option<CloseCode>,
        /// The reason.
        reason: Template,
    },
}

/// What to do for a message.
#[derive(Clone, Debug)]
pub enum Response {
    /// No rule matches.
    None,
    /// Send this text.
    Send(Filled),
    /// Close the connection.
    Close(CloseFrame),
    /// A rule matches, but its answer needs a value that the message does not have. Reported once a rule.
    Unfilled(Option<String>),
}

impl Answer {
    /// Parses an answer; `read` parses its texts.
    ///
    /// # Errors
    /// An invalid close code, or an error of `read`.
    pub fn parse<E: From<String>>(
        text: &str,
        mut read: impl FnMut(&str, Language) -> Result<Template, E>,
    ) -> Result<Self, E> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        if word != "close" {
            return Template::message(text, read).map(Self::Message);
        }
        let rest = rest.trim_start();
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let code = match code {
            "" => None,
            code => CloseFrame::new(code, "")?.code,
        };
        let reason = read(reason.trim_start(), Language::Text)?;
        Ok(Self::Close { code, reason })
    }

    /// The templates in it.
    pub fn template(&self) -> &Template {
        match self {
            Self::Message(text) => text,
            Self::Close { reason, .. } => reason,
        }
    }

    fn fill(&self, variables: &Variables, message: &str) -> Result<Response, FillError> {
        let filled = variables.fill_answer(self.template(), message)?;
        Ok(match self {
            Self::Message(_) => Response::Send(filled),
            Self::Close { code, .. } => Response::Close(CloseFrame {
                code: *code,
                reason: cut(filled.text),
            }),
        })
    }
}

/// A close reason has at most 123 bytes (RFC 6455 §5.5); a longer one is cut, since it comes from a message.
fn cut(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(123));
    reason
}

/// Splits `PATTERN => MESSAGE` at the last `=>`.
///
/// # Errors
/// There is none, or nothing on one side.
pub fn split(text: &str) -> Result<(&str, &str), String> {
    match text.rsplit_once(DIVIDER) {
        Some((pattern, answer)) if !pattern.trim().is_empty() && !answer.trim().is_empty() => {
            Ok((pattern.trim(), answer.trim()))
        }
        _ => Err(format!(
            "invalid rule '{text}': expected PATTERN => MESSAGE or PATTERN => close CODE REASON"
        )),
    }
}

impl Rule {
    /// A rule.
    pub fn new(pattern: Pattern, answer: impl Into<Rc<Answer>>) -> Self {
        Self {
            pattern,
            answer: answer.into(),
            has_failed: Cell::new(false),
        }
    }

    /// Whether a message matches.
    pub fn is_match(&self, payload: &Payload) -> bool {
        self.pattern.is_match(payload)
    }

    /// The response to a message that matches.
    pub fn respond(&self, payload: &Payload, variables: &Variables) -> Response {
        let message = payload.readable();
        let message = message.as_ref().map_or("", |text| text.as_str());
        self.answer
            .fill(variables, message)
            .unwrap_or_else(|error| {
                let is_first = !self.has_failed.replace(true);
                Response::Unfilled(
                    is_first.then(|| format!("no answer by the rule {self}: {error}")),
                )
            })
    }
}

/// The response of the first rule that matches.
pub fn respond<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    payload: &Payload,
    variables: &Variables,
) -> Response {
    let rule = rules.into_iter().find(|rule| rule.is_match(payload));
    rule.map_or(Response::None, |rule| rule.respond(payload, variables))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(text) => write!(f, "{text}"),
            Self::Close { code, reason } => {
                f.write_str("close")?;
                if let Some(code) = code {
                    write!(f, " {}", code.0)?;
                    if reason.as_literal() != Some("") {
                        write!(f, " {reason}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {DIVIDER} {}", self.pattern, self.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::variables::Values;

    fn rule(text: &str) -> Rule {
        let (pattern, answer) = split(text).unwrap();
        let answer = Answer::parse(answer, Template::parse).unwrap();
        Rule::new(Pattern::parse(pattern).unwrap(), answer)
    }

    fn response(rules: &[&str], message: &str) -> Response {
        let rules: Vec<Rule> = rules.iter().map(|text| rule(text)).collect();
        let variables = Variables::new(&Values::new());
        respond(&rules, &Payload::Text(message.into()), &variables)
    }

    #[test]
    fn the_first_rule_that_matches_answers() {
        let rules = ["ping => pong", "/^p/ => P", "=> => arrow", "/x/ => a => b"];
        for (message, expected) in [
            ("ping", "pong"),
            ("pang", "P"),
            (">", "arrow"),
            ("hello", ""),
        ] {
            match response(&rules, message) {
                Response::Send(filled) => assert_eq!(filled.text, expected),
                other => assert!(
                    matches!(other, Response::None) && expected.is_empty(),
                    "{other:?}"
                ),
            }
        }
    }

    #[cfg(feature = "jq")]
    #[test]
    fn an_answer_without_its_value_is_reported_once() {
        let variables = Variables::new(&Values::new());
        let rule = rule(r#"{"type":"ping"} => {"type":"pong","id":{{.id}}}"#);
        let respond = |text: &str| rule.respond(&Payload::Text(text.into()), &variables);
        match respond(r#"{"type":"ping","id":[1]}"#) {
            Response::Send(filled) => assert_eq!(filled.text, r#"{"type":"pong","id":[1]}"#),
            other => panic!("{other:?}"),
        }
        let unfilled = |text: &str| match respond(text) {
            Response::Unfilled(note) => note,
            other => panic!("{other:?}"),
        };
        let note = unfilled(r#"{"type":"ping"}"#).unwrap();
        assert!(
            note.ends_with("{{.id}} has no value in the message"),
            "{note}"
        );
        assert_eq!(unfilled(r#"{"type":"ping"}"#), None);
    }

    #[test]
    fn a_rule_may_close() {
        let close = |text: &str| match response(&[text], "x") {
            Response::Close(frame) => (frame.code.map(|code| code.0), frame.reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(close("x => close"), (None, String::new()));
        assert_eq!(
            close("x => close 4000 no more"),
            (Some(4000), "no more".to_owned())
        );
        let long = close(&format!("x => close 1000 {}", "é".repeat(100))).1;
        assert_eq!(long.len(), 122);
        for bad in ["close 1005", "close door", "close 99"] {
            let error = Answer::parse(bad, Template::parse).unwrap_err();
            assert!(error.contains("close code"), "{error}");
        }
    }

    #[test]
    fn a_printed_rule_is_the_same_rule() {
        for text in [
            "a => b",
            r"a => \{{b}} {{n}}",
            "a => close",
            "a => close 4000 why {{n}}",
        ] {
            assert_eq!(rule(text).to_string(), text);
        }
        for bad in ["", "a", "a =>", "=> b", " => "] {
            assert!(
                split(bad).unwrap_err().contains("PATTERN => MESSAGE"),
                "{bad}"
            );
        }
    }
}
