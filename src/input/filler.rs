//! Fills in the variables of messages when their turn comes.

use std::collections::VecDeque;

use super::action::Action;
use super::{InputError, InputErrorKind};
use crate::connection::message::{Outgoing, Payload};
use crate::template::Template;
use crate::template::variables::{FillError, Filled, Variables};

/// Fills in the variables of messages.
#[derive(Debug)]
pub struct MessageFiller {
    variables: Variables,
    /// The names that replies define.
    captured: Vec<String>,
    /// The messages of the command line, which were parsed before the first packet.
    given: VecDeque<Template>,
    /// The name of the input, for errors.
    source: &'static str,
    /// How many messages were filled in: in an input of many messages `{{n}}` counts them.
    filled: u64,
    /// What was filled in since the session last asked, if it has secrets.
    with_secrets: Vec<Filled>,
}

impl MessageFiller {
    /// Fills in messages of stdin or files, named `source`; replies define `captured`.
    pub fn new(variables: Variables, captured: Vec<String>, source: &'static str) -> Self {
        Self {
            variables,
            captured,
            given: VecDeque::new(),
            source,
            filled: 0,
            with_secrets: Vec::new(),
        }
    }

    /// Fills in these messages of the command line.
    pub fn given(mut self, messages: impl IntoIterator<Item = Template>) -> Self {
        self.given = messages.into_iter().collect();
        self
    }

    pub(super) fn has_secrets(&self) -> bool {
        !self.with_secrets.is_empty()
    }

    pub(super) fn take_secrets(&mut self) -> Vec<Filled> {
        std::mem::take(&mut self.with_secrets)
    }

    /// Fills in a message. Bytes that are no text, and everything else that is sent, stay as they are.
    pub(super) fn fill(&mut self, action: Action) -> Result<Action, InputError> {
        let Action::Send(Outgoing::Message(payload)) = &action else {
            return Ok(action);
        };
        let Some(text) = payload.readable() else {
            return Ok(action);
        };
        self.filled += 1;
        let template = match self.given.pop_front() {
            Some(template) => template,
            None => Template::message(text.as_str(), Template::parse)
                .map_err(|why| self.error(InputErrorKind::UnknownVariable, why))?
                .used(self.filled - 1),
        };
        let filled = self.variables.fill(&template).map_err(|error| {
            let kind = match &error {
                FillError::NoValue(name) if self.captured.contains(name) => {
                    InputErrorKind::NoValueYet
                }
                _ => InputErrorKind::UnknownVariable,
            };
            self.error(kind, error.to_string())
        })?;
        let text = filled.text.clone();
        if !filled.secrets.is_empty() {
            self.with_secrets.push(filled);
        }
        Ok(Action::Send(Outgoing::Message(match payload {
            Payload::Text(_) => Payload::Text(text.into()),
            Payload::Binary(_) | Payload::Decoded(_) => Payload::Binary(text.into()),
        })))
    }

    fn error(&self, kind: InputErrorKind, why: String) -> InputError {
        let name = format!("message {} of {}", self.filled, self.source);
        InputError { kind, name, why }
    }
}
