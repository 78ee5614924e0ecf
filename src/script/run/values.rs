//! The values of a running test: texts with their variables filled in, `set`, `capture` and `assert`.

use std::path::Path;

use super::Runner;
use crate::connection::message::Text;
use crate::event::Event;
use crate::pattern::{Jq, MatchResult, Pattern};
use crate::script::step_failure::StepFailure;
use crate::script::{Expected, Query};
use crate::secret::Secret;
use crate::template::Template;
use crate::template::variables::{Filled, VariableValue};

impl Runner<'_> {
    pub(super) fn fill(&self, template: &Template) -> Result<Filled, StepFailure> {
        let filled = self.variables.fill(template);
        let filled = filled.map_err(|error| StepFailure::fault(error.to_string()).ending())?;
        if !filled.secrets.is_empty() {
            self.context.shared.sinks.borrow_mut().hide(&filled);
        }
        Ok(filled)
    }

    /// Redacts a value in all output from now on.
    pub(super) fn hide(&self, secret: &str) {
        let event = Event::Secret(Secret::new(secret));
        self.context.shared.sinks.borrow_mut().on_event(&event);
    }

    pub(super) fn pattern(&self, expected: &Expected) -> Result<Pattern, StepFailure> {
        if let Some(pattern) = expected.fixed() {
            return Ok(pattern.clone());
        }
        let filled = self.fill(expected.template())?;
        expected
            .compile(&filled.text, self.folder())
            .map_err(|error| StepFailure::fault(error.to_string()))
    }

    /// The folder of the current file, to which paths are relative.
    pub(super) fn folder(&self) -> &Path {
        Path::new(&*self.file).parent().unwrap_or(Path::new(""))
    }

    pub(super) fn query(&self, query: &Query) -> Result<Jq, StepFailure> {
        let compile = || {
            let filled = self.fill(query.template())?;
            let jq = query.compile(&filled.text);
            jq.map_err(|error| StepFailure::fault(error.to_string()))
        };
        query.fixed().cloned().map_or_else(compile, Ok)
    }

    pub(super) fn set(&mut self, name: &str, value: &Template) -> Result<(), StepFailure> {
        let filled = self.fill(value)?;
        let is_secret = filled.shown.is_some();
        if is_secret {
            self.hide(&filled.text);
        }
        let text = filled.text;
        self.variables.set(name, VariableValue { text, is_secret });
        Ok(())
    }

    pub(super) fn capture(
        &mut self,
        name: &str,
        secret: bool,
        query: &Query,
    ) -> Result<(), StepFailure> {
        let jq = self.query(query)?;
        let selected = jq.select(self.last_text()?).map_err(StepFailure::unmet)?;
        let subject = self.subject;
        let text = match selected.first().map(crate::pattern::Selected::raw) {
            None => {
                return Err(StepFailure::unmet(format!(
                    "the expression selects nothing in {subject}"
                )));
            }
            // A test that continues with "null" as an id would not test what it was written for.
            Some("null") => {
                return Err(StepFailure::unmet(format!(
                    "the expression selects null in {subject}"
                )));
            }
            Some(text) => text.to_owned(),
        };
        if secret {
            self.hide(&text);
        }
        let is_secret = secret;
        self.variables
            .capture(name, VariableValue { text, is_secret });
        Ok(())
    }

    pub(super) fn assert(&self, query: &Query) -> Result<(), StepFailure> {
        let pattern = Pattern::jq(self.query(query)?);
        let text = self.last_text()?;
        match pattern.matches(text) {
            MatchResult::Match | MatchResult::Unreadable => Ok(()),
            MatchResult::Mismatch(mismatch) => {
                let mut failure = StepFailure::unmet(mismatch.why);
                let what = if self.subject == super::BODY {
                    "body"
                } else {
                    "message"
                };
                failure.details = vec![format!("{what}: {text}")];
                Err(failure)
            }
        }
    }

    /// The text that `capture` and `assert` look at. The parser ensures that there was one.
    fn last_text(&self) -> Result<&str, StepFailure> {
        let text = self.matched.as_ref().map(Text::as_str);
        text.ok_or_else(|| StepFailure::unmet(format!("{} is empty or not text", self.subject)))
    }
}
