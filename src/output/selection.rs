//! Selects the received messages that stdout shows, and a part of each (`--filter`, `--select`).

use crate::connection::message::Payload;
use crate::pattern::{Jq, Pattern, Selected};

/// The selection; by default every message in full.
#[derive(Debug, Default)]
pub struct Selection {
    /// Only messages that match (`--filter`).
    pub filter: Option<Pattern>,
    /// Only this part of each JSON message (`--select`); other messages have no part to show.
    pub part: Option<Jq>,
}

impl Selection {
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
        let part = self.part.as_ref()?;
        let selected = payload.readable().map(|text| part.select(&text));
        let selected = selected.and_then(Result::ok).unwrap_or_default();
        let text = |selected: Selected| Payload::Text(selected.raw().into());
        Some(selected.into_iter().map(text).collect())
    }
}
