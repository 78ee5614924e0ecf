//! Selects the received messages that stdout shows, and a part of each (`--filter`, `--select`).

use super::json::is_json;
use crate::connection::message::Payload;
use crate::pattern::{Jq, Pattern, Selected};

/// The selection; by default every message in full.
#[derive(Debug, Default)]
pub struct Selection {
    /// Only messages that match (`--filter`).
    pub filter: Option<Pattern>,
    /// Only this part of each JSON message (`--select`); other messages have no part to show.
    pub part: Option<Jq>,
    /// The messages of which a part was to be shown.
    pub tally: SelectionTally,
}

/// What `--select` has met.
#[derive(Clone, Copy, Debug, Default)]
pub struct SelectionTally {
    messages: u64,
    json: u64,
}

impl SelectionTally {
    /// The number of messages, if none of them was JSON.
    pub fn unreadable(self) -> Option<u64> {
        (self.messages > 0 && self.json == 0).then_some(self.messages)
    }
}

impl Selection {
    /// Whether a message is shown. A binary one matches no pattern.
    pub fn shows(&self, payload: &Payload) -> bool {
        let matches = |pattern: &Pattern| {
            payload
                .readable()
                .is_some_and(|text| pattern.is_match(&text))
        };
        self.filter.as_ref().is_none_or(matches)
    }

    /// Why nothing can be chosen any more.
    pub fn given_up(&self) -> Option<String> {
        let filter = self.filter.as_ref().and_then(Pattern::given_up);
        filter.or_else(|| self.part.as_ref().and_then(Jq::given_up))
    }

    /// The selected parts of a message; `None` when it is shown in full.
    #[inline]
    pub fn parts(&mut self, payload: &Payload) -> Option<Vec<Payload>> {
        let part = self.part.as_ref()?;
        let text = payload.readable();
        let selected = text.as_ref().map(|text| part.select(text));
        let selected = selected.and_then(Result::ok).unwrap_or_default();
        self.tally.messages += 1;
        // Once one was JSON, the rest need not be looked at.
        if self.tally.json == 0 && text.is_some_and(|text| is_json(&text)) {
            self.tally.json = 1;
        }
        let text = |selected: Selected| Payload::Text(selected.raw().into());
        Some(selected.into_iter().map(text).collect())
    }
}
