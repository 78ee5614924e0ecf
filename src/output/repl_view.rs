//! The messages shown by a session at a terminal, and those kept for `/last`.

use std::collections::VecDeque;
use std::time::Instant;

use super::buffer::Buffer;
use super::escape::{KeptControls, escape};
use super::message_layout::{Extent, Layout};
use super::selection::Selection;
use crate::connection::Opened;
use crate::connection::message::{Direction, Payload};
use crate::event::{Event, Message};
use crate::pattern::{MatchResult, Pattern};
use crate::secret::Redactor;
use crate::units;

/// The most messages that are kept for `/last`, and their total size in bytes; the last one is always kept.
const KEPT: usize = 1000;
const KEPT_BYTES: usize = 16 << 20;

/// The view of a session at a terminal.
#[derive(Debug)]
pub struct ReplView {
    /// The format of messages.
    pub layout: Layout,
    /// Whether frames are shown.
    pub frames: bool,
    /// Only messages that match are shown.
    filter: Option<Pattern>,
    /// The parts of messages that are shown (`--select`).
    selection: Selection,
    /// While messages are not shown: how many were received.
    paused: Option<usize>,
    /// When the last typed message was sent, until its reply comes.
    typed: Option<Instant>,
    /// What the next message must match.
    expected: Option<Pattern>,
    /// How many were hidden since the last one shown, and in total.
    hidden: u64,
    hidden_in_all: u64,
    /// Each with the time of its arrival.
    kept: VecDeque<(Payload, Instant)>,
    kept_bytes: usize,
    /// The handshake of the connection, unless its attempt has failed.
    pub opened: Option<Box<Opened>>,
}

impl ReplView {
    /// A view that shows the selected messages.
    pub fn new(layout: Layout, frames: bool, mut selection: Selection) -> Self {
        Self {
            layout,
            frames,
            filter: selection.filter.take(),
            selection,
            paused: None,
            typed: None,
            expected: None,
            hidden: 0,
            hidden_in_all: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            opened: None,
        }
    }

    /// Prints an event.
    pub(super) fn print(&mut self, out: &mut Buffer, event: &Event, redactor: &Redactor) {
        match event {
            Event::Connecting { .. } => self.opened = None,
            Event::Open(opened) => self.opened = Some(opened.clone()),
            Event::Message(message) if message.direction == Direction::In => {
                if !message.by_rule {
                    self.layout.reply_after = self.typed.take().map(|typed| {
                        let at = message.read_at.unwrap_or_else(Instant::now);
                        at.saturating_duration_since(typed)
                    });
                }
                self.receive(out, &message.payload, message.read_at);
                self.layout.reply_after = None;
                if !message.by_rule {
                    self.judge(out, &message.payload, redactor);
                }
            }
            Event::Message(message) => {
                if !message.by_link {
                    self.typed = Some(Instant::now());
                }
                self.print_sent(out, message, redactor);
            }
            Event::Close(_) => {
                self.typed = None;
                self.opened = None;
            }
            _ => {}
        }
    }

    fn receive(&mut self, out: &mut Buffer, payload: &Payload, at: Option<Instant>) {
        match &mut self.paused {
            Some(count) => *count += 1,
            None => self.show(out, payload, at),
        }
        self.keep(payload.clone(), at.unwrap_or_else(Instant::now));
    }

    /// Stops showing messages.
    pub(super) fn pause(&mut self) -> String {
        self.paused.get_or_insert(0);
        "messages are received and not shown; /resume shows them".to_owned()
    }

    /// Shows messages again, first those of the pause that are kept.
    pub(super) fn resume(&mut self, out: &mut Buffer) -> String {
        let Some(count) = self.paused.take() else {
            return "messages are shown".to_owned();
        };
        let first = self.kept.len().saturating_sub(count);
        let missed: Vec<_> = self.kept.range(first..).cloned().collect();
        let lost = count - missed.len();
        for (payload, at) in missed {
            self.show(out, &payload, Some(at));
        }
        match (count, lost) {
            (0, _) => "no messages were received during the pause".to_owned(),
            (_, 0) => format!(
                "{} received during the pause",
                units::count(count as u64, "message")
            ),
            _ => format!(
                "{} received during the pause, of which the first {lost} are not kept",
                units::count(count as u64, "message")
            ),
        }
    }

    /// Whether messages are not shown.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    fn show(&mut self, out: &mut Buffer, payload: &Payload, at: Option<Instant>) {
        let filter = self.filter.as_ref();
        let is_shown = filter.is_none_or(|filter| filter.is_match(payload));
        if let Some(why) = self.filter.as_ref().and_then(Pattern::given_up) {
            self.filter = None;
            self.layout
                .print_note(out.tail(), &format!("{why}; all messages are shown"));
        }
        let parts = is_shown.then(|| self.selection.parts(payload)).flatten();
        if is_shown && parts.as_ref().is_none_or(|parts| !parts.is_empty()) {
            if let Some(note) = self.hidden_note() {
                self.layout.print_note(out.tail(), &note);
            }
            self.hidden = 0;
            for part in parts.as_deref().unwrap_or(std::slice::from_ref(payload)) {
                self.layout.print(out, part, at, Extent::Beginning);
                self.layout.reply_after = None;
            }
        } else {
            self.hidden += 1;
            self.hidden_in_all += 1;
        }
    }

    /// Says whether a message is the one that was expected.
    fn judge(&mut self, out: &mut Buffer, payload: &Payload, redactor: &Redactor) {
        let Some(pattern) = self.expected.take() else {
            return;
        };
        let verdict = match pattern.matches(payload) {
            MatchResult::Match => format!("✓ matches {pattern}"),
            MatchResult::Mismatch(mismatch) => {
                format!("✗ does not match {pattern}: {}", mismatch.why)
            }
            MatchResult::Unreadable => {
                format!("✗ does not match {pattern}: the message is binary; use /decode or hex:")
            }
        };
        let verdict = redactor.redact(&verdict);
        let verdict = escape(&verdict, KeptControls::Nothing);
        self.layout.print_note(out.tail(), &verdict);
    }

    /// Judges the next message.
    pub(super) fn expect(&mut self, pattern: Pattern) {
        self.expected = Some(pattern);
    }

    /// A message, counted from the last one, which is 1.
    pub(super) fn kept(&self, from_the_end: usize) -> Option<&Payload> {
        let index = self.kept.len().checked_sub(from_the_end)?;
        self.kept.get(index).map(|(payload, _)| payload)
    }

    fn keep(&mut self, payload: Payload, at: Instant) {
        self.kept_bytes += payload.weight();
        self.kept.push_back((payload, at));
        while self.kept.len() > 1 && (self.kept.len() > KEPT || self.kept_bytes > KEPT_BYTES) {
            if let Some((oldest, _)) = self.kept.pop_front() {
                self.kept_bytes -= oldest.weight();
            }
        }
    }

    /// Prints a sent message that the user did not type.
    fn print_sent(&self, out: &mut Buffer, message: &Message, redactor: &Redactor) {
        let mut layout = Layout {
            mark: "> ",
            ..self.layout
        };
        match &message.payload {
            Payload::Text(_) if message.by_rule && self.is_paused() => {}
            Payload::Text(text) if message.by_link => {
                let text = redactor.redact(text.as_str());
                let payload = Payload::Text(text.as_ref().into());
                layout.print(out, &payload, None, Extent::Beginning);
            }
            // The bytes were typed or read from a file, so only the size is shown.
            Payload::Binary(bytes) => layout.print_size(out.tail(), bytes.len()),
            // Only received messages are decoded.
            Payload::Text(_) | Payload::Decoded(_) => {}
        }
    }

    /// Prints the last messages in full, oldest first; returns how many.
    pub(super) fn print_last(&mut self, out: &mut Buffer, count: usize) -> usize {
        let first = self.kept.len().saturating_sub(count);
        for (payload, at) in self.kept.range(first..) {
            self.layout.print(out, payload, Some(*at), Extent::Whole);
        }
        self.kept.len() - first
    }

    /// Shows only matching messages from now on, or all; returns the confirmation.
    pub(super) fn filter(&mut self, pattern: Option<Pattern>) -> String {
        let before = self.hidden_note();
        self.hidden = 0;
        self.filter = pattern;
        let now = self.filter_in_words();
        before
            .into_iter()
            .chain([now])
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// Which messages are shown.
    pub(super) fn filter_in_words(&self) -> String {
        match &self.filter {
            Some(pattern) => format!("showing only messages that match {pattern}"),
            None => "showing all messages".to_owned(),
        }
    }

    /// Whether only matching messages are shown.
    pub(super) fn is_filtering(&self) -> bool {
        self.filter.is_some()
    }

    fn hidden_note(&self) -> Option<String> {
        match self.hidden {
            0 => None,
            1 => Some("1 message hidden".to_owned()),
            n => Some(format!("{n} messages hidden")),
        }
    }

    /// The settings that differ from their defaults.
    pub(super) fn settings(&self) -> Option<String> {
        let pattern = self.filter.as_ref()?;
        Some(format!(
            "showing only messages that match {pattern}, {} hidden",
            self.hidden_in_all
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::output::message_layout::{BinaryForm, LINES_LIMIT, TimeForm};

    fn view() -> ReplView {
        let layout = Layout {
            terminal: true,
            pretty: false,
            colour: false,
            palette: &crate::output::palette::SIXTEEN,
            timestamps: false,
            clock: TimeForm::Utc,
            reply_after: None,
            lines: LINES_LIMIT,
            binary: BinaryForm::Raw,
            delimiter: b'\n',
            mark: "< ",
            connection: 0,
            open_line: false,
        };
        ReplView::new(layout, false, Selection::default())
    }

    fn shown(view: &mut ReplView, text: &str) -> String {
        let mut out = Buffer::default();
        view.receive(&mut out, &Payload::Text(text.into()), None);
        text_of(out)
    }

    fn text_of(mut out: Buffer) -> String {
        String::from_utf8(out.take(usize::MAX)).unwrap()
    }

    #[test]
    fn hidden_messages_are_counted_before_the_next_shown() {
        let mut view = view();
        assert_eq!(shown(&mut view, "a"), "< a\n");
        view.filter(Some(Pattern::parse("/b/").unwrap()));
        assert_eq!(shown(&mut view, "a"), "");
        assert_eq!(shown(&mut view, "a"), "");
        assert_eq!(shown(&mut view, "b"), "* 2 messages hidden\n< b\n");
        assert_eq!(shown(&mut view, "b"), "< b\n");
        assert_eq!(shown(&mut view, "a"), "");
        assert!(view.settings().unwrap().ends_with(", 3 hidden"));
        assert_eq!(view.filter(None), "1 message hidden; showing all messages");
        assert_eq!(view.settings(), None);
    }

    #[test]
    fn the_time_is_that_of_arrival_however_late_it_is_shown_and_how_often() {
        let age = Duration::from_secs(5);
        let mut view = view();
        view.layout.timestamps = true;
        let before = SystemTime::now() - age;
        let came = Instant::now() - age;
        let mut first = Buffer::default();
        view.receive(&mut first, &Payload::Text("a".into()), Some(came));
        let mut again = Buffer::default();
        view.print_last(&mut again, 1);
        // Milliseconds are cut off, and the two clocks are not looked at together.
        let slack = Duration::from_millis(2);
        let after = SystemTime::now() - age + slack;
        for text in [text_of(first), text_of(again)] {
            let (time, message) = text.split_once(' ').unwrap();
            assert_eq!(message, "< a\n");
            let time = humantime::parse_rfc3339(time).unwrap();
            assert!((before - slack..=after).contains(&time), "{text}");
        }
    }

    #[test]
    fn the_last_messages_are_kept_even_if_hidden() {
        let mut view = view();
        view.filter(Some(Pattern::parse("none").unwrap()));
        for n in 0..KEPT + 5 {
            shown(&mut view, &n.to_string());
        }
        let mut out = Buffer::default();
        assert_eq!(view.print_last(&mut out, 2), 2);
        assert_eq!(text_of(out), "< 1003\n< 1004\n");
        let mut out = Buffer::default();
        assert_eq!(view.print_last(&mut out, 5000), KEPT);
        shown(&mut view, &"x".repeat(KEPT_BYTES + 1));
        assert_eq!(view.kept.len(), 1);
    }
}
