//! The prompt: where the session is connected to, and how it stands.

use crate::output::escape::{KeptControls, escape};

/// The end of every prompt.
const END: &str = "> ";
/// The most characters of a place, of which the end is shown.
const LONGEST: usize = 40;

/// Whether a line can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// The connection is open.
    Open,
    /// An attempt is in progress or scheduled.
    Opening,
    /// The closing handshake has begun.
    Closing,
    /// There is no connection.
    Closed,
}

/// The place that the prompt shows while there is a connection.
#[derive(Debug)]
pub struct PromptPlace {
    place: String,
    is_filtered: bool,
    is_paused: bool,
}

impl PromptPlace {
    /// A host and port, or another name of a place.
    pub fn new(place: &str) -> Self {
        Self {
            place: escape(place, KeptControls::Nothing).into_owned(),
            is_filtered: false,
            is_paused: false,
        }
    }

    /// Sets whether messages are hidden by a filter or a pause; returns whether that is new.
    pub fn set_hiding(&mut self, is_filtered: bool, is_paused: bool) -> bool {
        let before = (self.is_filtered, self.is_paused);
        (self.is_filtered, self.is_paused) = (is_filtered, is_paused);
        before != (is_filtered, is_paused)
    }

    /// The prompt in a window of this width.
    pub fn prompt(&self, state: SendState, columns: usize) -> String {
        let place = match state {
            SendState::Open => end_of(&self.place, LONGEST.min(columns / 3)),
            SendState::Opening => "connecting".to_owned(),
            SendState::Closing => "closing".to_owned(),
            SendState::Closed => "closed".to_owned(),
        };
        let filter = if self.is_filtered { " filter" } else { "" };
        let pause = if self.is_paused { " paused" } else { "" };
        match columns {
            // A narrow window keeps its room for the line.
            0..20 => END.to_owned(),
            _ => format!("{place}{filter}{pause}{END}"),
        }
    }
}

/// The end of a text that is too long: a port and the end of a path say more than the beginning.
fn end_of(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let end = text.chars().skip(length + 1 - most.max(1));
    std::iter::once('…').chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_says_where_and_how_it_stands() {
        let mut place = PromptPlace::new("localhost:8080");
        assert_eq!(place.prompt(SendState::Open, 80), "localhost:8080> ");
        assert_eq!(place.prompt(SendState::Opening, 80), "connecting> ");
        assert_eq!(place.prompt(SendState::Closing, 80), "closing> ");
        assert!(place.set_hiding(true, false) && !place.set_hiding(true, false));
        assert_eq!(place.prompt(SendState::Closed, 80), "closed filter> ");
        assert_eq!(place.prompt(SendState::Open, 80), "localhost:8080 filter> ");
        assert_eq!(place.prompt(SendState::Open, 30), "…host:8080 filter> ");
        assert_eq!(place.prompt(SendState::Open, 10), "> ");
        assert_eq!(
            PromptPlace::new("a\u{1b}[2J").prompt(SendState::Open, 80),
            "a\\x1b[2J> "
        );
    }
}
