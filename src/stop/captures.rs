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
        let Some(text) = reply.readable() else {
            return;
        };
        for (name, query) in &self.queries {
            let selected = query.select(text.as_str()).unwrap_or_default();
            let value = selected.into_iter().next();
            let Some(value) = value.filter(|value| *value != Selected::Json("null".to_owned()))
            else {
                continue;
            };
            let (text, is_secret) = (value.raw().to_owned(), false);
            self.variables
                .capture(name, VariableValue { text, is_secret });
        }
    }
}
