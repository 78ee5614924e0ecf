//! Parses texts: messages, patterns and jq expressions, which may span several lines and contain variables.

use std::borrow::Cow;

use super::Parser;
use crate::nearest::nearest;
use crate::pattern::{Jq, Pattern, PatternForm, is_json};
use crate::script::continuation::{self, Joined};
use crate::script::line_error::LineError;
use crate::script::template::{Language, Template, Variable, starts_with_variable};
use crate::script::words::{beginning, required};
use crate::script::{Expected, Query, SendStep};

impl<'a> Parser<'a> {
    /// The text with the lines that belong to it; `true` when it took more than its own line. `hint` says how to
    /// write a text that only looks like JSON.
    fn joined(&mut self, text: &'a str, hint: &str) -> Result<(Cow<'a, str>, bool), LineError> {
        if !continuation::opens(text) {
            return Ok((text.into(), false));
        }
        let following = self.lines[self.taken..].iter().copied();
        match continuation::join(text, following) {
            Ok(Joined::OneLine) => Ok((text.into(), false)),
            Ok(Joined::Lines(more, compact)) => {
                self.taken += more;
                Ok((compact.into(), true))
            }
            Err(error) => Err(LineError {
                line: Some(self.taken + error.after),
                what: format!("{}; {hint}", error.what),
            }),
        }
    }

    pub(super) fn text_message(&mut self, text: &'a str) -> Result<SendStep, LineError> {
        let hint = "to send it literally, define it with set NAME = TEXT and send {{NAME}}";
        let (text, several_lines) = self.joined(text, hint)?;
        if continuation::opens(&text) {
            let template = self.template(&text, Language::Json)?;
            if is_json(&template.sample()) {
                return Ok(SendStep::Text(template));
            }
            if several_lines {
                return Err(
                    "the text spans several lines, which only JSON may, and is not valid JSON"
                        .into(),
                );
            }
        }
        // A text that only looks like JSON is sent unchanged: the test may be about the server's answer to it.
        Ok(SendStep::Text(self.template(&text, Language::Text)?))
    }

    pub(super) fn pattern(&mut self, text: &'a str) -> Result<Expected, LineError> {
        let (text, _) = self.joined(
            required(text, "a PATTERN (= matches the empty text)")?,
            "prefix it with '=' to match it literally",
        )?;
        let form = if starts_with_variable(&text) {
            PatternForm::Exact
        } else {
            PatternForm::of(&text)
        };
        let language = match form {
            PatternForm::Json | PatternForm::Jq => Language::Json,
            PatternForm::Regex => Language::Regex,
            PatternForm::Bytes | PatternForm::Binary | PatternForm::Schema | PatternForm::Exact => {
                Language::Text
            }
        };
        let template = self.template(&text, language)?;
        let fixed = match (template.as_literal(), language) {
            // Read when the file is loaded, relative to its folder.
            _ if form == PatternForm::Schema => None,
            (Some(text), _) => Some(Pattern::parse(text).map_err(|e| e.to_string())?),
            (None, Language::Json) => {
                Pattern::parse(&template.sample()).map_err(|e| e.to_string())?;
                None
            }
            // Whether a regular expression is valid may depend on the values.
            (None, Language::Regex | Language::Text) => None,
        };
        Ok(Expected {
            template,
            form,
            fixed,
        })
    }

    /// The bytes after `<hex`.
    pub(super) fn binary_pattern(text: &str) -> Result<Expected, LineError> {
        let text = required(text, "bytes, as in <hex 00 ff ?? …")?;
        let pattern = Pattern::binary(text)
            .map_err(|why| format!("invalid bytes '{}': {why}", beginning(text)))?;
        Ok(Expected {
            template: Template::literal(pattern.as_str()),
            form: PatternForm::Binary,
            fixed: Some(pattern),
        })
    }

    /// The path after `<schema`: the same as the pattern `schema:FILE`.
    pub(super) fn schema_pattern(&self, text: &str) -> Result<Expected, LineError> {
        let text = format!("schema:{}", required(text, "<schema FILE")?);
        Ok(Expected {
            template: self.template(&text, Language::Text)?,
            form: PatternForm::Schema,
            fixed: None,
        })
    }

    pub(super) fn query(&self, text: &str) -> Result<Query, LineError> {
        let template = self.template(
            required(text, "a jq expression, such as .id")?,
            Language::Json,
        )?;
        let compiled = Jq::compile(&template.sample()).map_err(|e| e.to_string())?;
        let fixed = template.as_literal().is_some().then_some(compiled);
        Ok(Query { template, fixed })
    }

    pub(super) fn template(&self, text: &str, language: Language) -> Result<Template, LineError> {
        let template = Template::parse(text, language)?;
        for variable in template.variables() {
            if let Variable::Name(name) = variable {
                self.must_be_defined(name)?;
            }
        }
        Ok(template)
    }

    pub(super) fn must_be_defined(&self, name: &str) -> Result<(), LineError> {
        let known = || {
            self.shared
                .iter()
                .chain(&self.scope.defined)
                .map(String::as_str)
        };
        if known().any(|known| known == name) {
            return Ok(());
        }
        let hint = match nearest(name, known()) {
            Some(meant) => format!("did you mean {{{{{meant}}}}}?"),
            None => "define it before this line with set, capture, --var or --secret".to_owned(),
        };
        Err(format!("undefined variable {{{{{name}}}}}; {hint}").into())
    }

    pub(super) fn define(&mut self, name: &str) {
        let names = if self.script.tests.is_empty() {
            &mut self.shared
        } else {
            &mut self.scope.defined
        };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}
