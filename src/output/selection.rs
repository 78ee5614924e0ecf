//! Selects the received messages that stdout shows, and a part of each (`--filter`, `--select`).

use std::cell::Cell;

use crate::connection::message::Payload;
use crate::pattern::{Jq, Pattern, Selected, is_json};
use crate::units;

/// The selection; by default every message in full.
#[derive(Debug, Default)]
pub struct Selection {
    /// Only messages that match (`--filter`).
    pub filter: Option<Pattern>,
    /// Only this part of each JSON message (`--select`); other messages have no part to show.
    part: Option<Jq>,
    /// Parts found, and messages that were not JSON.
    found: Cell<u64>,
    not_json: Cell<u64>,
}

impl Selection {
    /// The messages that match `filter`, and of each the parts that `part` selects.
    pub fn new(filter: Option<Pattern>, part: Option<Jq>) -> Self {
        Self {
            filter,
            part,
            ..Self::default()
        }
    }

    /// Whether a message is shown.
    pub fn shows(&self, payload: &Payload) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.is_match(payload))
    }

    /// Why nothing can be chosen any more.
    pub fn given_up(&self) -> Option<String> {
        let filter = self.filter.as_ref().and_then(Pattern::given_up);
        filter.or_else(|| self.part.as_ref().and_then(Jq::given_up))
    }

    /// The selected parts of a message; `None` when it is shown in full.
    #[inline]
    pub fn parts(&self, payload: &Payload) -> Option<Vec<Payload>> {
        self.part.as_ref().map(|part| self.select(part, payload))
    }

    fn select(&self, part: &Jq, payload: &Payload) -> Vec<Payload> {
        let text = payload.readable();
        let selected = text.as_ref().map(|text| part.select(text));
        let selected = selected.and_then(Result::ok).unwrap_or_default();
        self.found.set(self.found.get() + selected.len() as u64);
        if selected.is_empty() && text.is_none_or(|text| !is_json(&text)) {
            self.not_json.set(self.not_json.get() + 1);
        }
        let text = |selected: Selected| Payload::Text(selected.raw().into());
        selected.into_iter().map(text).collect()
    }

    /// Why nothing was selected, if messages were received that are not JSON.
    pub fn nothing_found(&self) -> Option<String> {
        let not_json = self.not_json.get();
        (self.found.get() == 0 && not_json > 0).then(|| {
            let verb = if not_json == 1 { "was" } else { "were" };
            let messages = units::count(not_json, "message");
            format!("--select printed nothing: {messages} {verb} not JSON")
        })
    }
}
