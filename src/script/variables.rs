//! The values of `{{NAME}}` while a test runs.
//!
//! A value records whether it is a secret; a value made from a secret is a secret, too.

use std::collections::BTreeMap;

use super::template::{Template, Variable};
use crate::secret::MASK;

/// A variable's value and whether it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableValue {
    /// The text.
    pub text: String,
    /// Whether it is redacted in all output.
    pub is_secret: bool,
}

/// Values by name.
pub type Values = BTreeMap<String, VariableValue>;

/// The values of one test.
#[derive(Debug, Default)]
pub struct VariableScope<'a> {
    given: Option<&'a Values>,
    set: Values,
    captured: Values,
}

/// A text with its variables filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The text to send.
    pub text: String,
    /// The text to show, with secrets masked; `None` when it contains no secret.
    pub shown: Option<String>,
}

impl<'a> VariableScope<'a> {
    /// A scope that knows what `--var` and `--secret` define.
    pub fn new(given: &'a Values) -> Self {
        Self {
            given: Some(given),
            ..Self::default()
        }
    }

    /// Defines a name as `set` does.
    pub fn set(&mut self, name: &str, value: VariableValue) {
        self.set.insert(name.to_owned(), value);
    }

    /// Defines a name as `capture` does.
    pub fn capture(&mut self, name: &str, value: VariableValue) {
        self.captured.insert(name.to_owned(), value);
    }

    /// Fills in the variables of a text.
    ///
    /// # Errors
    /// A variable without a value.
    pub fn fill(&self, template: &Template) -> Result<Filled, String> {
        let mut has_secret = false;
        let text = template.render(|variable| {
            let value = self.value(variable)?;
            has_secret |= value.is_secret;
            Ok::<_, String>(value.text)
        })?;
        let masked = |variable: &Variable| {
            let value = self.value(variable)?;
            Ok::<_, String>(if value.is_secret {
                MASK.to_owned()
            } else {
                value.text
            })
        };
        let shown = if has_secret {
            Some(template.render(masked)?)
        } else {
            None
        };
        Ok(Filled { text, shown })
    }

    /// The secrets that a text refers to.
    pub fn secrets(&self, template: &Template) -> Vec<String> {
        let values = template
            .variables()
            .filter_map(|variable| self.value(variable).ok());
        values
            .filter(|value| value.is_secret)
            .map(|value| value.text)
            .collect()
    }

    fn value(&self, variable: &Variable) -> Result<VariableValue, String> {
        match variable {
            Variable::Name(name) => {
                let given = self.given.and_then(|given| given.get(name));
                let value = self
                    .captured
                    .get(name)
                    .or_else(|| self.set.get(name))
                    .or(given);
                value
                    .cloned()
                    .ok_or_else(|| format!("variable {name} has no value"))
            }
            Variable::Env(name) => match std::env::var(name) {
                Ok(text) => Ok(VariableValue {
                    text,
                    is_secret: true,
                }),
                Err(_) => Err(format!("the environment variable {name} is not set")),
            },
        }
    }
}
