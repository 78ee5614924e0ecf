//! Parses texts: messages, patterns and jq expressions, which may span several lines and contain variables.

use std::borrow::Cow;

use super::Parser;
use crate::nearest::nearest;
use crate::pattern::{Jq, Pattern, PatternForm};
use crate::rules::{self, Answer};
use crate::script::continuation::{self, Joined};
use crate::script::line_error::LineError;
use crate::script::words::{beginning, required};
use crate::script::{Expected, Query, StepAction};
use crate::template::{Generator, Language, Template, Variable, starts_with_variable};

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
            Err(error) => Err(LineError::at(
                self.taken + error.after,
                format!("{}; {hint}", error.what),
            )),
        }
    }

    /// A text message, compact if it is JSON over several lines.
    pub(super) fn message(&mut self, text: &'a str) -> Result<Template, LineError> {
        let hint = "to send it literally, define it with set NAME = TEXT and send {{NAME}}";
        let (text, several_lines) = self.joined(text, hint)?;
        Template::message(&text, |text, language| match language {
            Language::Text if several_lines => Err(
                "the text spans several lines, which only JSON may, and is not valid JSON".into(),
            ),
            language => self.template(text, language),
        })
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
            (None, Language::Regex | Language::Text | Language::Url) => None,
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

    /// `on PATTERN => MESSAGE`; before the first test it is about every connection.
    pub(super) fn rule(
        &mut self,
        name: Option<&str>,
        text: &'a str,
    ) -> Result<StepAction, LineError> {
        let on = match name {
            None if self.is_before_tests() => None,
            name => Some(self.peer(name)?),
        };
        let (pattern, answer) = rules::split(text)?;
        let answer = Answer::parse(answer, |text, language| {
            let template = Template::parse(text, language)?;
            self.must_have_values(&template)?;
            Ok::<_, LineError>(template)
        })?;
        let pattern = self.pattern(pattern)?;
        Ok(StepAction::On {
            on,
            pattern,
            answer,
        })
    }

    pub(super) fn template(&self, text: &str, language: Language) -> Result<Template, LineError> {
        let template = Template::parse(text, language)?;
        for variable in template.variables() {
            if let Variable::Path(path) = variable {
                let text = path.0.as_str();
                return Err(format!(
                    "{{{{{text}}}}} refers to an answered message, which only 'on PATTERN => MESSAGE' has; use capture NAME = {text}"
                )
                .into());
            }
        }
        self.must_have_values(&template)?;
        Ok(template)
    }

    /// Every name in a template must be defined before it.
    fn must_have_values(&self, template: &Template) -> Result<(), LineError> {
        for variable in template.variables() {
            if let Variable::Name(name) = variable {
                self.must_be_defined(name)?;
            }
        }
        Ok(())
    }

    pub(super) fn must_be_defined(&self, name: &str) -> Result<(), LineError> {
        let known = || {
            self.shared
                .iter()
                .chain(&self.scope.defined)
                .map(String::as_str)
        };
        if Generator::of_name(name).is_some() || known().any(|known| known == name) {
            return Ok(());
        }
        let hint = match nearest(name, known()) {
            Some(meant) => format!("did you mean {{{{{meant}}}}}?"),
            None => "define it before this line with set, capture, --var or --secret".to_owned(),
        };
        Err(format!("undefined variable {{{{{name}}}}}; {hint}").into())
    }

    pub(super) fn define(&mut self, name: &str) {
        let names = if self.only_settings {
            &mut self.shared
        } else {
            &mut self.scope.defined
        };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}
