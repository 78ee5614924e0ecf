//! `{{NAME}}` in the options of the command line: what is filled in, and with which values.
//!
//! A text with `{{` is sent as it stands unless `--var`, `--secret`, `--template` or `--capture` ask for filling in.
//! Heartbeats, application-level pings and the answers of rules are always filled in; unless it was asked for, what
//! they do not know stays as it is.

use std::cell::RefCell;
use std::rc::Rc;

use crate::cli::{RuleArg, VariableArgs};
use crate::named_file::ReadLimits;
use crate::nearest::nearest;
use crate::pattern::Pattern;
use crate::rules::{Answer, Rule};
use crate::secret::SecretSource;
use crate::template::variables::{Filled, Values, VariableValue, Variables};
use crate::template::{Generator, Language, Template, Variable};

use super::UsageError;

/// What fills in the texts of a command line.
#[derive(Clone, Debug)]
pub struct Filling {
    /// The values.
    pub variables: Variables,
    values: Values,
    /// Names that replies define later (`--capture`).
    captured: Vec<String>,
    is_requested: bool,
    /// The values of `{{env.NAME}}` in the texts that were read.
    environment: Rc<RefCell<Vec<String>>>,
}

impl Filling {
    /// Reads the values of `--var` and `--secret`; `captured` are the names of `--capture`.
    ///
    /// # Errors
    /// A file or environment variable that cannot be read.
    pub fn new(
        options: &VariableArgs,
        captured: Vec<String>,
        files: ReadLimits,
    ) -> Result<Self, UsageError> {
        let values = values(options, files)?;
        Ok(Self {
            variables: Variables::new(&values),
            is_requested: options.template || !values.is_empty() || !captured.is_empty(),
            values,
            captured,
            environment: Rc::default(),
        })
    }

    /// Fills in nothing: texts are sent as they were typed.
    pub fn nothing() -> Self {
        let values = Values::new();
        Self {
            variables: Variables::new(&values),
            values,
            captured: Vec::new(),
            is_requested: false,
            environment: Rc::default(),
        }
    }

    /// Whether texts are filled in that usually are not.
    pub fn is_requested(&self) -> bool {
        self.is_requested
    }

    /// The values of `--var` and `--secret`.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values of `--secret`, and those of the environment in the texts that were read so far.
    pub fn secrets(&self) -> Vec<String> {
        let secrets = self.values.values().filter(|value| value.is_secret);
        let secrets = secrets.map(|value| value.text.clone());
        secrets
            .chain(self.environment.borrow().iter().cloned())
            .collect()
    }

    /// A message of the input, which may use what replies define. `place` is the option or argument, for errors.
    ///
    /// # Errors
    /// An invalid or unknown variable.
    pub fn message(&self, place: &str, text: &str) -> Result<Template, UsageError> {
        Template::message(text, |text, language| {
            self.parse(place, text, language, &self.captured)
        })
    }

    /// A message that is sent before any reply.
    ///
    /// # Errors
    /// An invalid or unknown variable.
    pub fn first_message(&self, place: &str, text: &str) -> Result<Template, UsageError> {
        Template::message(text, |text, language| {
            self.parse(place, text, language, &[])
        })
    }

    /// The text of a header or URL, filled in if that is requested.
    ///
    /// # Errors
    /// An invalid or unknown variable.
    pub fn fill(&self, place: &str, text: &str, language: Language) -> Result<Filled, UsageError> {
        let template = match self.is_requested {
            true => self.parse(place, text, language, &[])?,
            false => Template::literal(text),
        };
        let filled = self.variables.fill(&template);
        filled.map_err(|error| UsageError::usage(format!("{place}: {error}")))
    }

    /// A text that is always filled in; what it does not know stays as it is.
    ///
    /// # Errors
    /// If filling in is requested: an invalid or unknown variable.
    pub fn repeated(&self, place: &str, text: &str) -> Result<Template, UsageError> {
        if self.is_requested {
            return self.message(place, text);
        }
        let known = |variable: &Variable| match variable {
            Variable::Path(_) => false,
            variable => has_value(variable),
        };
        let template = lenient_message(text, known);
        let template = template.map_err(|why| UsageError::usage(format!("{place}: {why}")))?;
        self.learn_environment(&template);
        Ok(template)
    }

    /// The rules of `--on`.
    ///
    /// # Errors
    /// An invalid rule; if filling in is requested, an unknown variable.
    pub fn rules(&self, given: &[RuleArg]) -> Result<Vec<Rule>, UsageError> {
        self.reject_in_patterns("--on", given.iter().map(|given| &given.pattern))?;
        let rule = |given: &RuleArg| {
            let answer = Answer::parse::<UsageError>(&given.answer, |text, language| {
                if self.is_requested {
                    return self.parse_answer("--on", text, language, &self.captured);
                }
                let template = Template::lenient(text, language, has_value)?;
                self.learn_environment(&template);
                Ok(template)
            })?;
            Ok(Rule::new(given.pattern.clone(), answer))
        };
        given.iter().map(rule).collect()
    }

    /// Rejects variables in the patterns of an option: they are compiled before any value is known.
    ///
    /// # Errors
    /// The first variable in a pattern, if filling in is requested.
    pub fn reject_in_patterns<'a>(
        &self,
        place: &str,
        patterns: impl IntoIterator<Item = &'a Pattern>,
    ) -> Result<(), UsageError> {
        let names = |variable: &Variable| match variable {
            Variable::Name(name) => self.values.contains_key(name) || self.captured.contains(name),
            _ => false,
        };
        for pattern in patterns.into_iter().filter(|_| self.is_requested) {
            let template = Template::lenient(pattern.as_str(), Language::Text, names);
            let variable = template.as_ref().ok().and_then(|template| {
                let mut variables = template.variables();
                variables.next().cloned()
            });
            if let Some(variable) = variable {
                return Err(UsageError::usage(format!(
                    "{place}: {{{{{variable}}}}} is not filled in: variables in patterns need a check file"
                )));
            }
        }
        Ok(())
    }

    fn parse(
        &self,
        place: &str,
        text: &str,
        language: Language,
        later: &[String],
    ) -> Result<Template, UsageError> {
        let template = self.parse_answer(place, text, language, later)?;
        let is_path = |variable: &&Variable| matches!(variable, Variable::Path(_));
        if let Some(path) = template.variables().find(is_path) {
            let error = UsageError::usage(format!(
                "{place}: {{{{{path}}}}} refers to an answered message, which only --on has"
            ));
            return Err(error.hint(format!(
                "to use a value of the last reply, name it: --capture NAME={path}"
            )));
        }
        Ok(template)
    }

    /// The answer of a rule may use the message that it answers.
    fn parse_answer(
        &self,
        place: &str,
        text: &str,
        language: Language,
        later: &[String],
    ) -> Result<Template, UsageError> {
        let template = Template::parse(text, language);
        let template = template.map_err(|why| UsageError::usage(format!("{place}: {why}")))?;
        for variable in template.variables() {
            self.must_be_known(place, variable, later)?;
        }
        self.learn_environment(&template);
        Ok(template)
    }

    /// The values of environment variables are secrets.
    fn learn_environment(&self, template: &Template) {
        for variable in template.variables() {
            if let Variable::Env(name) = variable
                && let Ok(value) = std::env::var(name)
            {
                self.environment.borrow_mut().push(value);
            }
        }
    }

    fn must_be_known(
        &self,
        place: &str,
        variable: &Variable,
        later: &[String],
    ) -> Result<(), UsageError> {
        let name = match variable {
            Variable::Name(name) => name,
            Variable::Env(name) if std::env::var(name).is_err() => {
                return Err(UsageError::usage(format!(
                    "{place}: the environment variable {name} is not set"
                )));
            }
            Variable::Env(_) | Variable::Generated(_) | Variable::Path(_) => return Ok(()),
        };
        let known = || self.values.keys().chain(later).map(String::as_str);
        if Generator::of_name(name).is_some() || known().any(|known| known == name) {
            return Ok(());
        }
        let error = UsageError::usage(format!("{place}: undefined variable {{{{{name}}}}}"));
        Err(match nearest(name, known()) {
            Some(meant) => error.hint(format!("did you mean {{{{{meant}}}}}?")),
            None if self.captured.contains(name) => error.hint(format!(
                "{name} is captured from a reply, and this is sent before the first one"
            )),
            None => error.hint(format!(
                "define it with --var {name}=VALUE; write \\{{{{ for a literal {{{{"
            )),
        })
    }
}

/// A message for serve, whose texts know no names.
///
/// # Errors
/// An invalid `{{.path}}`.
pub fn served(text: &str) -> Result<Template, UsageError> {
    Ok(lenient_message(text, has_value)?)
}

fn lenient_message(text: &str, knows: fn(&Variable) -> bool) -> Result<Template, String> {
    Template::message(text, |text, language| {
        Template::lenient(text, language, knows)
    })
}

/// Whether a variable has a value that no option has to define.
fn has_value(variable: &Variable) -> bool {
    match variable {
        Variable::Name(name) => Generator::of_name(name).is_some(),
        Variable::Env(name) => std::env::var(name).is_ok(),
        Variable::Generated(_) | Variable::Path(_) => true,
    }
}

fn values(options: &VariableArgs, files: ReadLimits) -> Result<Values, UsageError> {
    let mut values = Values::new();
    for (name, source) in &options.secrets {
        let (text, is_secret) = (SecretSource::parse(source).read_within(files)?, true);
        values.insert(name.clone(), VariableValue { text, is_secret });
    }
    // `--var` takes precedence.
    for (name, text) in &options.variables {
        let (text, is_secret) = (text.clone(), false);
        values.insert(name.clone(), VariableValue { text, is_secret });
    }
    Ok(values)
}
