//! The commands that shape the conversation: variables, rules, decoding, expectations.
//!
//! Without an argument each shows what is set.

use crate::connection::message::Payload;
use crate::decode::DecodeFormat;
use crate::link::Link;
use crate::output::Sinks;
use crate::pattern::{Jq, Pattern};
use crate::rules::{self, Answer, Rule};
use crate::stop::captured;
use crate::template::variables::VariableValue;
use crate::template::{Template, is_name};

/// A command that shapes the conversation.
#[derive(Debug)]
pub enum ConversationCommand {
    /// Shows the variables.
    ShowVariables,
    /// Defines a variable.
    Set(String, String),
    /// Defines a variable by a value of the last message.
    Capture(String, Jq),
    /// Shows the rules.
    ShowRules,
    /// Removes all rules.
    RemoveRules,
    /// Answers messages.
    AddRule(Rule),
    /// Shows how binary messages are decoded.
    ShowDecode,
    /// Decodes binary messages, or stops that.
    Decode(Option<DecodeFormat>),
    /// Judges the next message.
    Expect(Pattern),
}

impl ConversationCommand {
    /// Reads a command; `None` if the name is not one of these.
    pub fn parse(name: &str, rest: &str) -> Option<Result<Self, String>> {
        Some(match (name, rest) {
            ("/set", "") => Ok(Self::ShowVariables),
            ("/set", rest) => named(rest).map(|(name, text)| Self::Set(name, text.to_owned())),
            ("/capture", rest) => named(rest).and_then(|(name, query)| {
                let query = Jq::compile(query).map_err(|error| error.to_string())?;
                Ok(Self::Capture(name, query))
            }),
            ("/on", "") => Ok(Self::ShowRules),
            ("/on", "off") => Ok(Self::RemoveRules),
            ("/on", rest) => rule(rest).map(Self::AddRule),
            ("/decode", "") => Ok(Self::ShowDecode),
            ("/decode", "off") => Ok(Self::Decode(None)),
            ("/decode", rest) => DecodeFormat::parse(rest).map(|format| Self::Decode(Some(format))),
            ("/expect", "") => Err("missing argument".to_owned()),
            ("/expect", rest) => match Pattern::parse(rest) {
                Ok(pattern) => Ok(Self::Expect(pattern)),
                Err(error) => Err(error.to_string()),
            },
            _ => return None,
        })
    }

    /// Carries it out; returns what to print, line by line.
    ///
    /// # Errors
    /// A message that says why it was not done.
    pub fn run(self, link: &mut Link, sinks: &mut Sinks) -> Result<String, String> {
        match self {
            Self::ShowVariables => Ok(variables(link)),
            Self::Set(name, text) => Ok(define(link, &name, text)),
            Self::Capture(name, query) => {
                let last = sinks.kept_message(1).ok_or("no messages received yet")?;
                let value = value_of(&query, last)?;
                Ok(define(link, &name, value))
            }
            Self::ShowRules => Ok(lines(
                link.rules().iter().map(|rule| format!("on {rule}")),
                "no rules; /on PATTERN => MESSAGE adds one",
            )),
            Self::RemoveRules => Ok(match link.remove_rules() {
                0 => "there are no rules".to_owned(),
                _ => "messages are not answered any more".to_owned(),
            }),
            Self::AddRule(rule) => {
                let note = format!("on {rule}");
                sinks.record_step(&note);
                link.add_rule(rule);
                Ok(note)
            }
            Self::ShowDecode => Ok(decoding(link.decode_format())),
            Self::Decode(format) => {
                match format {
                    Some(format) => link.set_decode(format),
                    None => link.stop_decoding(),
                }
                Ok(decoding(link.decode_format()))
            }
            Self::Expect(pattern) => {
                let note = format!("the next message must match {pattern}");
                sinks.expect(pattern);
                Ok(note)
            }
        }
    }
}

/// A name and what follows it.
fn named(rest: &str) -> Result<(String, &str), String> {
    let Some((name, value)) = rest.split_once(char::is_whitespace) else {
        return Err("missing argument".to_owned());
    };
    match is_name(name) {
        true => Ok((name.to_owned(), value.trim_start())),
        false => Err(format!(
            "invalid name '{name}' (letters, digits, _ and -, beginning with a letter)"
        )),
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    let (pattern, answer) = rules::split(text)?;
    let pattern = Pattern::parse(pattern).map_err(|error| error.to_string())?;
    let answer = Answer::parse(answer, Template::parse)?;
    Ok(Rule::new(pattern, answer))
}

/// The value that a query selects in the last message.
fn value_of(query: &Jq, last: &Payload) -> Result<String, String> {
    let value = captured(query, last);
    value.ok_or_else(|| format!("{} has no value in the last message", query.as_str()))
}

fn define(link: &mut Link, name: &str, text: String) -> String {
    let note = format!("{name} = {text}");
    let is_secret = false;
    // As in a check file the last definition counts, whether it was set or captured.
    link.define(name, VariableValue { text, is_secret });
    note
}

fn variables(link: &Link) -> String {
    let values = link.variables().values().into_iter();
    lines(
        values.map(|(name, value)| match value.is_secret {
            true => format!("{name} is a secret"),
            false => format!("{name} = {}", value.text),
        }),
        "no variables; /set NAME VALUE defines one",
    )
}

fn decoding(format: Option<&DecodeFormat>) -> String {
    match format {
        Some(format) => format!("decoding binary messages: {format}"),
        None => "binary messages are not decoded".to_owned(),
    }
}

fn lines(lines: impl Iterator<Item = String>, none: &str) -> String {
    let lines: Vec<String> = lines.collect();
    match lines.as_slice() {
        [] => none.to_owned(),
        lines => lines.join("\n"),
    }
}
