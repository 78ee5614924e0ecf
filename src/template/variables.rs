//! The values of `{{NAME}}` during one run or test.
//!
//! A value records whether it is a secret; a value made from a secret is a secret, too.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;

use super::{Generator, Inserted, Template, Variable};
use crate::pattern::{Jq, Selected, is_json};
use crate::secret::{MASK, SEARCHED_FROM, Secret};

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

/// The values of one run, shared by everything that fills in texts.
#[derive(Clone, Debug, Default)]
pub struct Variables(Rc<RefCell<Scope>>);

#[derive(Debug, Default)]
struct Scope {
    /// What `--var`, `--secret` and `set` define.
    set: Values,
    /// What `capture` defines, which takes precedence.
    captured: Values,
}

/// A text with its variables filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The text to send.
    pub text: String,
    /// The text to show, with secrets masked; `None` when it contains no secret.
    pub shown: Option<String>,
    /// The secrets in it.
    pub secrets: Vec<String>,
}

impl Filled {
    /// The form to show, if a secret in it is too short to be found by searching.
    pub fn shown_form(&self) -> Option<(Secret, String)> {
        let has_short = self
            .secrets
            .iter()
            .any(|secret| secret.len() < SEARCHED_FROM);
        let shown = self.shown.clone().filter(|_| has_short)?;
        Some((Secret::new(self.text.clone()), shown))
    }
}

/// A variable that has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// Nothing has defined or captured it yet.
    #[error("variable {0} has no value")]
    NoValue(String),
    /// An environment variable that is not set.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The system has no randomness.
    #[error("no randomness for {{{{{0}}}}}: {1}")]
    NoRandomness(Generator, getrandom::Error),
    /// `{{.path}}` in a text that answers no message.
    #[error("{{{{{0}}}}} refers to the message that is answered, and this text answers none")]
    AnswersNothing(String),
    /// The answered message is not JSON.
    #[error("{{{{{0}}}}} has no value: the message is not JSON")]
    NotJson(String),
    /// The answered message has no such value.
    #[error("{{{{{0}}}}} has no value in the message")]
    NotInMessage(String),
    /// The expression failed on the answered message.
    #[error("{{{{{0}}}}} has no value: {1}")]
    Failed(String, String),
}

impl Variables {
    /// Variables with the values of `--var` and `--secret`.
    pub fn new(given: &Values) -> Self {
        Self(Rc::new(RefCell::new(Scope {
            set: given.clone(),
            captured: Values::new(),
        })))
    }

    /// Defines a name as `set` does.
    pub fn set(&self, name: &str, value: VariableValue) {
        self.0.borrow_mut().set.insert(name.to_owned(), value);
    }

    /// Defines a name as `capture` does.
    pub fn capture(&self, name: &str, value: VariableValue) {
        self.0.borrow_mut().captured.insert(name.to_owned(), value);
    }

    /// Defines a name in place of its earlier definition, captured or not.
    pub fn redefine(&self, name: &str, value: VariableValue) {
        let mut scope = self.0.borrow_mut();
        scope.captured.remove(name);
        scope.set.insert(name.to_owned(), value);
    }

    /// All values that are defined now.
    pub fn values(&self) -> Values {
        let scope = self.0.borrow();
        let mut values = scope.set.clone();
        values.extend(scope.captured.clone());
        values
    }

    /// Fills in the variables of a text.
    ///
    /// # Errors
    /// A variable without a value.
    pub fn fill(&self, template: &Template) -> Result<Filled, FillError> {
        self.fill_with(template, None)
    }

    /// Fills in the variables of the answer to `message`.
    ///
    /// # Errors
    /// A variable without a value.
    pub fn fill_answer(&self, template: &Template, message: &str) -> Result<Filled, FillError> {
        self.fill_with(template, Some(message))
    }

    /// The answer to `message`, in which a variable without a value stays as it was written.
    pub fn fill_known(&self, template: &Template, message: &str) -> String {
        let (scope, uses) = (self.0.borrow(), template.next_use());
        let values = template.variables().map(|variable| {
            let value = scope.value(variable, Some(message), uses);
            value.map_or_else(|_| Inserted::written(variable), |(value, _)| value)
        });
        render(template, values)
    }

    fn fill_with(&self, template: &Template, message: Option<&str>) -> Result<Filled, FillError> {
        if let Some(text) = template.as_literal() {
            return Ok(Filled {
                text: text.to_owned(),
                shown: None,
                secrets: Vec::new(),
            });
        }
        let scope = self.0.borrow();
        let uses = template.next_use();
        // A generator makes another value each time, so each variable is asked once for both texts.
        let values = template
            .variables()
            .map(|variable| scope.value(variable, message, uses))
            .collect::<Result<Vec<_>, _>>()?;
        let secrets = values.iter().filter(|(_, is_secret)| *is_secret);
        let secrets: Vec<String> = secrets.map(|(value, _)| value.text.clone()).collect();
        let shown = (!secrets.is_empty()).then(|| {
            let mask = |(value, is_secret): &(Inserted, bool)| match is_secret {
                true => MASK.to_owned().into(),
                false => value.clone(),
            };
            render(template, values.iter().map(mask))
        });
        Ok(Filled {
            text: render(template, values.iter().map(|(value, _)| value.clone())),
            shown,
            secrets,
        })
    }
}

/// The text with these values, one for each variable in order.
fn render(template: &Template, mut values: impl Iterator<Item = Inserted>) -> String {
    let next = |_: &Variable| Ok::<_, Infallible>(values.next().unwrap_or(String::new().into()));
    match template.render(next) {
        Ok(text) => text,
        Err(never) => match never {},
    }
}

impl Scope {
    /// The value of a variable, and whether it is a secret.
    fn value(
        &self,
        variable: &Variable,
        message: Option<&str>,
        uses: u64,
    ) -> Result<(Inserted, bool), FillError> {
        let generated = |generator: Generator| {
            let value = generator.value(uses);
            let value = value.map_err(|error| FillError::NoRandomness(generator, error))?;
            Ok((value.into(), false))
        };
        match variable {
            Variable::Name(name) => match self.captured.get(name).or_else(|| self.set.get(name)) {
                Some(value) => Ok((value.text.clone().into(), value.is_secret)),
                None => match Generator::of_name(name) {
                    Some(generator) => generated(generator),
                    None => Err(FillError::NoValue(name.clone())),
                },
            },
            Variable::Env(name) => match std::env::var(name) {
                Ok(text) => Ok((text.into(), true)),
                Err(_) => Err(FillError::NotSet(name.clone())),
            },
            Variable::Generated(generator) => generated(*generator),
            Variable::Path(path) => match message {
                Some(message) => Ok((value_at(&path.0, message)?, false)),
                None => Err(FillError::AnswersNothing(path.0.as_str().to_owned())),
            },
        }
    }
}

/// The value that a jq expression selects in a message; `null` and no output are none.
fn value_at(path: &Jq, message: &str) -> Result<Inserted, FillError> {
    let text = path.as_str().to_owned();
    if !is_json(message) {
        return Err(FillError::NotJson(text));
    }
    let values = path.select(message);
    let values = values.map_err(|why| FillError::Failed(text.clone(), why))?;
    match values.into_iter().next() {
        None => Err(FillError::NotInMessage(text)),
        Some(Selected::Json(json)) if json == "null" => Err(FillError::NotInMessage(text)),
        Some(value) => Ok(Inserted {
            json: Some(value.json().into_owned()),
            text: value.raw().to_owned(),
        }),
    }
}
