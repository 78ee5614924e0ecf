//! `send --capture NAME=JQ`: values of replies for the messages after them.

use crate::connection::message::Payload;
use crate::pattern::{Jq, Selected};
use crate::template::variables::{VariableValue, Variables};

/// Takes values from replies.
#[derive(Debug, Default)]
pub struct Captures {
    queries: Vec<(String, Jq)>,
    variables: Variables,
}

impl Captures {
    /// Defines each name by its query, in these variables.
    pub fn new(queries: Vec<(String, Jq)>, variables: Variables) -> Self {
        Self { queries, variables }
    }

    /// Takes the values that a reply has; a name whose query selects nothing or `null` keeps its value.
    pub fn take(&self, reply: &Payload) {
        if self.queries.is_empty() {
            return;
        }
        for (name, query) in &self.queries {
            if let Some(text) = captured(query, reply) {
                let is_secret = false;
                self.variables
                    .capture(name, VariableValue { text, is_secret });
            }
        }
    }
}

/// The value that a query selects in a reply; nothing and `null` are no value.
pub fn captured(query: &Jq, reply: &Payload) -> Option<String> {
    let selected = query.select(reply.readable()?.as_str()).unwrap_or_default();
    let value = selected.into_iter().next()?;
    (value != Selected::Json("null".to_owned())).then(|| value.raw().to_owned())
}
