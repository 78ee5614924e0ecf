//! What a verdict is asked for: the answer to the handshake, messages in order, the server's close.
//!
//! An expectation is met, open, or can no longer be met; then it says what came instead and which
//! message came nearest. What a peer said is quoted as it came: escape and redact it before showing.

use std::collections::VecDeque;

use crate::connection::Opened;
use crate::connection::close::{Close, Code};
use crate::connection::error::{Error, Kind};
use crate::connection::handshake::Refusal;
use crate::connection::message::{Payload, Text};
use crate::pattern::{Outcome, Pattern};

/// Everything that is expected of one connection.
#[derive(Debug, Default)]
pub struct Expectations {
    /// The status that answers the handshake.
    status: Option<u16>,
    /// The subprotocol that the server chooses.
    subprotocol: Option<String>,
    /// Messages, in this order; others may come in between.
    messages: VecDeque<Pattern>,
    /// The server's close, after the messages.
    close: Option<ExpectedClose>,
    /// What was looked at for the first of `messages`.
    search: Search,
    answered: bool,
}

/// How the server is to close.
#[derive(Clone, Debug)]
pub struct ExpectedClose {
    /// The code; 1005 is a close frame without one, 1006 no close frame at all (RFC 6455 §7.4.1).
    pub code: Code,
    /// What the reason looks like.
    pub reason: Option<Pattern>,
}

/// An expectation that cannot be met any more.
#[derive(Clone, Debug)]
pub struct Unmet {
    /// What was expected and what came instead.
    pub what: String,
    /// The message that came nearest.
    pub closest: Option<Closest>,
    /// The answer that refused the handshake.
    pub refusal: Option<Box<Refusal>>,
    /// What to try.
    pub hint: Option<String>,
}

/// A message that came nearest to what was looked for.
#[derive(Clone, Debug)]
pub struct Closest {
    /// The message.
    pub text: Text,
    /// The first thing that differs.
    pub why: String,
    equal: usize,
}

/// The search for one message among those that come.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Messages that did not match.
    pub skipped: u64,
    /// The nearest of them.
    pub closest: Option<Closest>,
}

impl Search {
    /// Whether this message is the one; if not, it is counted and compared with the nearest so far.
    /// A binary message never is.
    pub fn look(&mut self, pattern: &Pattern, payload: &Payload) -> bool {
        let Payload::Text(text) = payload else {
            self.skipped += 1;
            return false;
        };
        let Outcome::Mismatch(mismatch) = pattern.matches(text.as_str()) else {
            return true;
        };
        self.skipped += 1;
        let nearer = self
            .closest
            .as_ref()
            .is_none_or(|closest| mismatch.equal > closest.equal);
        if nearer {
            self.closest = Some(Closest {
                text: text.clone(),
                why: mismatch.why,
                equal: mismatch.equal,
            });
        }
        false
    }

    /// `no message came`, or how many came and did not match.
    pub fn summary(&self) -> String {
        match self.skipped {
            0 => "nothing was received".to_owned(),
            1 => "1 other received".to_owned(),
            n => format!("{n} others received"),
        }
    }
}

impl ExpectedClose {
    /// Reads `CODE[ PATTERN]`.
    ///
    /// # Errors
    /// No close code, or a text that is no pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
        let code = match code.parse() {
            Ok(code @ 1000..=4999) => Code(code),
            _ => return Err(format!("'{code}' is no close code (1000 to 4999)")),
        };
        let reason = match reason.trim_start() {
            "" => None,
            reason => Some(Pattern::parse(reason).map_err(|error| error.to_string())?),
        };
        Ok(Self { code, reason })
    }

    /// Whether a connection ended so.
    ///
    /// # Errors
    /// Says how it ended instead.
    pub fn judge(&self, close: &Close) -> Result<(), String> {
        let who = match &close.error {
            Some(error) if close.code == Code::ABNORMAL => error.message.clone(),
            _ => format!("the server closed with {close}"),
        };
        if close.code != self.code {
            return Err(format!("{who}, expected {}", self.code));
        }
        match self
            .reason
            .as_ref()
            .map(|reason| (reason, reason.matches(&close.reason)))
        {
            Some((reason, Outcome::Mismatch(mismatch))) => Err(format!(
                "{who}, expected the reason {reason}: {}",
                mismatch.why
            )),
            _ => Ok(()),
        }
    }

    /// Whether this is how a connection ends that is lost.
    fn is_loss(&self) -> bool {
        self.code == Code::ABNORMAL
    }
}

impl Unmet {
    /// An expectation in words.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            closest: None,
            refusal: None,
            hint: None,
        }
    }

    /// The same with the message that came nearest.
    pub fn closest(mut self, closest: Option<Closest>) -> Self {
        self.closest = closest;
        self
    }

    /// The same with a cure.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the answer that refused the handshake.
    pub fn refusal(mut self, error: &Error) -> Self {
        self.refusal = error.refusal.clone();
        self
    }
}

impl Expectations {
    /// Of the handshake a status and a subprotocol, then messages in order, then a close.
    pub fn new(
        status: Option<u16>,
        subprotocol: Option<String>,
        messages: Vec<Pattern>,
        close: Option<ExpectedClose>,
    ) -> Self {
        Self {
            status,
            subprotocol,
            messages: messages.into(),
            close,
            ..Self::default()
        }
    }

    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.status.is_none()
            && self.subprotocol.is_none()
            && self.messages.is_empty()
            && self.close.is_none()
    }

    /// Whether the handshake is expected to be refused.
    pub fn wants_refusal(&self) -> bool {
        self.status.is_some_and(|status| status != 101)
    }

    /// Whether more is expected than an answer to the handshake that opens the connection.
    pub fn outlasts_handshake(&self) -> bool {
        self.wants_refusal() || !self.messages.is_empty() || self.close.is_some()
    }

    /// Whether something is still awaited.
    pub fn is_open(&self) -> bool {
        let handshake = self.status.is_some() || self.subprotocol.is_some();
        (handshake && !self.answered) || !self.messages.is_empty() || self.close.is_some()
    }

    /// The handshake was answered with 101.
    ///
    /// # Errors
    /// What was expected of it instead.
    pub fn opened(&mut self, opened: &Opened) -> Result<(), Unmet> {
        self.answered = true;
        if let Some(status) = self.status.filter(|status| *status != 101) {
            let what = format!("the server answered 101, expected status {status}");
            return Err(Unmet::new(what));
        }
        if let Some(wanted) = &self.subprotocol
            && opened.subprotocol.as_ref() != Some(wanted)
        {
            return Err(wrong_subprotocol(wanted, opened.subprotocol.as_deref()));
        }
        Ok(())
    }

    /// The handshake was refused.
    ///
    /// # Errors
    /// What was expected of it instead.
    pub fn refused(&mut self, error: &Error, refusal: &Refusal) -> Result<(), Unmet> {
        self.answered = true;
        if self.status == Some(refusal.status) {
            return Ok(());
        }
        let answered = format!("the server answered {}", refusal.status_line());
        let what = match self.status {
            Some(status) => format!("{answered}, expected status {status}"),
            None => format!("{answered} before {}", self.awaited()),
        };
        let mut unmet = Unmet::new(what).refusal(error);
        unmet.hint.clone_from(&error.hint);
        Err(unmet)
    }

    /// A message came.
    pub fn received(&mut self, payload: &Payload) {
        if let Some(wanted) = self.messages.front()
            && self.search.look(wanted, payload)
        {
            self.messages.pop_front();
            self.search = Search::default();
        }
    }

    /// The connection ended. `None` when that is a fault of transport, which keeps its own status.
    pub fn closed(&self, close: &Close) -> Option<Result<(), Unmet>> {
        let lost = matches!(&close.error, Some(error) if error.kind == Kind::Lost);
        // A message that was cut off is a close like any other to who expects something.
        let broken = matches!(&close.error, Some(error) if error.kind != Kind::CutOff);
        match &self.close {
            Some(expected) if self.messages.is_empty() => {
                let judged = !broken || (lost && expected.is_loss());
                judged.then(|| expected.judge(close).map_err(Unmet::new))
            }
            _ if broken => None,
            _ => {
                let what = format!("the server closed with {close} before {}", self.awaited());
                Some(Err(Unmet::new(what).closest(self.search.closest.clone())))
            }
        }
    }

    /// Nothing came for too long.
    pub fn silence(&self, limit: &str) -> Unmet {
        let what = match (self.messages.front(), &self.close) {
            (Some(wanted), _) => {
                let summary = self.search.summary();
                format!("no message matched {wanted} within {limit} ({summary})")
            }
            (None, Some(close)) => {
                format!(
                    "the server did not close within {limit}, expected {}",
                    close.code
                )
            }
            (None, None) => format!("no answer within {limit}"),
        };
        Unmet::new(what)
            .closest(self.search.closest.clone())
            .hint("-w TIME waits longer")
    }

    /// What has not happened yet, as a clause behind "before".
    pub fn awaited(&self) -> String {
        match (self.messages.front(), &self.subprotocol) {
            (Some(wanted), _) => format!("a message matched {wanted} ({})", self.search.summary()),
            (None, Some(name)) if !self.answered => format!("the subprotocol {name} was agreed"),
            _ => match &self.close {
                Some(close) => format!("the expected close with {}", close.code),
                None => "what was expected had happened".to_owned(),
            },
        }
    }

    /// The nearest miss so far.
    pub fn nearest(&self) -> Option<Closest> {
        self.search.closest.clone()
    }
}

/// What to say when another subprotocol was agreed than expected, or none.
pub fn wrong_subprotocol(wanted: &str, chosen: Option<&str>) -> Unmet {
    match chosen {
        Some(chosen) => Unmet::new(format!(
            "the server chose the subprotocol {chosen}, expected {wanted}"
        )),
        None => Unmet::new(format!(
            "the server chose no subprotocol, expected {wanted}"
        ))
        .hint(format!(
            "a subprotocol has to be offered, and be one that the server knows: --subprotocol {wanted}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::close::By;
    use crate::connection::error::Stage;

    fn expecting(patterns: &[&str]) -> Expectations {
        Expectations {
            messages: patterns
                .iter()
                .map(|text| Pattern::parse(text).unwrap())
                .collect(),
            ..Expectations::default()
        }
    }

    fn text(text: &str) -> Payload {
        Payload::Text(text.into())
    }

    fn close(by: By, code: u16, reason: &str) -> Close {
        Close {
            by,
            code: Code(code),
            reason: reason.to_owned(),
            clean: true,
            error: None,
        }
    }

    #[test]
    fn a_sequence_is_met_in_its_order_and_other_messages_are_passed_over() {
        let mut expectations = expecting(&["one", "/^t/"]);
        for message in ["two", "noise", "one", "noise"] {
            expectations.received(&text(message));
            assert!(expectations.is_open(), "{message}");
        }
        expectations.received(&Payload::Binary("two".into()));
        assert!(expectations.is_open());
        expectations.received(&text("two"));
        assert!(!expectations.is_open());
    }

    #[test]
    fn the_nearest_miss_has_the_most_equal_leaves() {
        let mut expectations = expecting(&[r#"{"type":"pong","seq":1}"#]);
        for message in [r#"{"type":"news"}"#, r#"{"type":"pong","seq":2}"#, "[]"] {
            expectations.received(&text(message));
        }
        let unmet = expectations.silence("1 s");
        assert!(unmet.what.contains("3 others received"), "{}", unmet.what);
        let closest = unmet.closest.unwrap();
        assert_eq!(closest.text.as_str(), r#"{"type":"pong","seq":2}"#);
        assert_eq!(closest.why, ".seq: expected 1, got 2");
    }

    #[test]
    fn a_close_is_expected_by_code_and_reason() {
        let expected = ExpectedClose::parse("4403 /forbidden/i").unwrap();
        assert!(expected.judge(&close(By::Peer, 4403, "Forbidden")).is_ok());
        for (code, reason) in [(4403, "no"), (1008, "forbidden")] {
            let why = expected.judge(&close(By::Peer, code, reason)).unwrap_err();
            assert!(why.contains(&code.to_string()), "{why}");
        }
        assert!(ExpectedClose::parse("999").is_err());
        assert!(ExpectedClose::parse("1000 /(/").is_err());
    }

    #[test]
    fn a_lost_connection_is_a_close_only_where_1006_is_expected() {
        let mut lost = close(By::None, 1006, "");
        lost.error = Some(Box::new(Error::new(Kind::Lost, Stage::Open, "lost")));
        let judged = |code: &str| {
            let expectations = Expectations {
                close: Some(ExpectedClose::parse(code).unwrap()),
                ..Expectations::default()
            };
            expectations.closed(&lost)
        };
        assert!(matches!(judged("1006"), Some(Ok(()))));
        assert!(judged("1000").is_none());
    }
}
