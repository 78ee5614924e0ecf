//! Expectations of a server and their failures, shared by `send --expect…`, `listen --until`, `check URL` and
//! check files so that all use the same rules and wording.
//!
//! Texts of the peer are quoted unchanged: escape and redact them before they are shown.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::connection::Opened;
use crate::connection::close::{CloseCode, CloseInfo, Initiator};
use crate::connection::error::Error;
use crate::connection::handshake::Refusal;
use crate::connection::message::{Payload, Text};
use crate::connection::tls::certificate::CertificateSummary;
use crate::pattern::{MatchResult, Pattern};
use crate::units;

/// The longest pattern shown, in characters; a longer one is cut.
const PATTERN_SHOWN: usize = 200;

/// An expectation that can no longer be met.
#[derive(Clone, Debug)]
pub struct UnmetExpectation {
    /// What was expected and what was received instead.
    pub what: String,
    /// The message nearest to the expected one.
    pub closest: Option<Closest>,
    /// The response that refused the handshake.
    pub refusal: Option<Box<Refusal>>,
    /// The hint.
    pub hint: Option<String>,
}

impl UnmetExpectation {
    /// An unmet expectation with this text.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            closest: None,
            refusal: None,
            hint: None,
        }
    }

    /// Adds the nearest message.
    pub fn closest(mut self, closest: Option<Closest>) -> Self {
        self.closest = closest;
        self
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the response that refused the handshake.
    pub fn refusal(mut self, error: &Error) -> Self {
        self.refusal.clone_from(&error.refusal);
        self
    }
}

/// Checks the HTTP status of a handshake's response.
///
/// # Errors
/// The status differs.
pub fn check_status(
    wanted: u16,
    answer: Result<&Opened, (&Error, &Refusal)>,
) -> Result<(), UnmetExpectation> {
    match answer {
        Ok(_) if wanted == 101 => Ok(()),
        Ok(_) => Err(UnmetExpectation::new(format!(
            "the server answered 101, expected status {wanted}"
        ))),
        Err((_, refusal)) if refusal.status == wanted => Ok(()),
        Err((error, refusal)) => {
            let line = refusal.status_line();
            let what = format!("the server answered {line}, expected status {wanted}");
            let mut unmet = UnmetExpectation::new(what).refusal(error);
            unmet.hint.clone_from(&error.hint);
            Err(unmet)
        }
    }
}

/// Checks the subprotocol that the server chose.
///
/// # Errors
/// The server chose another one, or none.
pub fn check_subprotocol(wanted: &str, chosen: Option<&str>) -> Result<(), UnmetExpectation> {
    match chosen {
        Some(chosen) if chosen == wanted => Ok(()),
        Some(chosen) => Err(UnmetExpectation::new(format!(
            "the server chose the subprotocol {chosen}, expected {wanted}"
        ))),
        None => Err(UnmetExpectation::new(format!("the server chose no subprotocol, expected {wanted}"))
            .hint(format!(
                "offer a subprotocol that the server supports: --subprotocol {wanted}, or in a check file the header line Sec-WebSocket-Protocol: {wanted}"
            ))),
    }
}

/// Checks that the certificate is valid for at least `least` more days.
///
/// # Errors
/// It expires earlier, or there is no certificate.
pub fn check_certificate(least: u32, opened: &Opened) -> Result<(), UnmetExpectation> {
    let tls = opened.tls.as_ref();
    let certificate = tls.and_then(|tls| tls.certificate.as_ref());
    match certificate.map(CertificateSummary::days_left) {
        Some(days) if days >= i64::from(least) => Ok(()),
        Some(days) => {
            let is = if days < 0 { "" } else { "is " };
            let validity = validity(days);
            Err(UnmetExpectation::new(format!(
                "the certificate {is}{validity}, expected at least {least}"
            )))
        }
        None if tls.is_none() => Err(UnmetExpectation::new(
            "no certificate: the connection is not encrypted",
        )),
        None => Err(UnmetExpectation::new(
            "the expiry date of the certificate is unknown",
        )),
    }
}

/// How long a certificate is valid: `valid for 30 days`, or `expired 3 days ago` for a negative number.
pub fn validity(days: i64) -> String {
    let count = units::count(days.unsigned_abs(), "day");
    if days < 0 {
        return format!("expired {count} ago");
    }
    format!("valid for {count}")
}

/// An awaited message: the first that matches, or any.
#[derive(Clone, Debug)]
pub struct AwaitedMessage {
    pattern: Option<Pattern>,
    /// Messages that did not match.
    skipped: u64,
    /// Binary messages among them that the pattern could not look at, and the size of the last one.
    unreadable: u64,
    unreadable_size: usize,
    closest: Option<Closest>,
}

/// The message nearest to the awaited one.
#[derive(Clone, Debug)]
pub struct Closest {
    /// The message; of one that is not text, its bytes.
    pub text: Text,
    /// The first difference.
    pub why: String,
    equal: usize,
}

impl AwaitedMessage {
    /// Awaits a message that matches `pattern`.
    pub fn matching(pattern: Pattern) -> Self {
        Self {
            pattern: Some(pattern),
            ..Self::any()
        }
    }

    /// Awaits any message.
    pub fn any() -> Self {
        Self {
            pattern: None,
            skipped: 0,
            unreadable: 0,
            unreadable_size: 0,
            closest: None,
        }
    }

    /// Why its pattern is not checked any more.
    pub fn given_up(&self) -> Option<String> {
        self.pattern.as_ref()?.given_up()
    }

    /// Whether this message matches; if not, it is counted and compared with the nearest one so far.
    pub fn check(&mut self, payload: &Payload) -> bool {
        let Some(pattern) = &self.pattern else {
            return true;
        };
        let mismatch = match pattern.matches(payload) {
            MatchResult::Match => return true,
            MatchResult::Mismatch(mismatch) => mismatch,
            MatchResult::Unreadable => {
                self.skipped += 1;
                self.unreadable += 1;
                self.unreadable_size = payload.len();
                return false;
            }
        };
        self.skipped += 1;
        let nearest = self.closest.as_ref().map(|closest| closest.equal);
        // Of equals the last one: it is nearest in time as well.
        if nearest.is_none_or(|equal| mismatch.equal >= equal) {
            self.closest = Some(Closest {
                text: looked_at(pattern, payload),
                why: mismatch.why,
                equal: mismatch.equal,
            });
        }
        false
    }

    /// Whether any message was checked and did not match.
    pub fn has_seen_messages(&self) -> bool {
        self.skipped > 0
    }

    /// The nearest miss so far.
    pub fn closest(&self) -> Option<&Closest> {
        self.closest.as_ref()
    }

    /// The failure when it did not arrive within the limit.
    pub fn missed(&self, limit: &str, passed: &PassedOver) -> UnmetExpectation {
        let what = format!("no {self} within {limit} ({})", self.summary(passed));
        UnmetExpectation::new(what).closest(self.closest.clone())
    }

    /// The failure when the connection ended first; `end` describes that end.
    pub fn missed_by_end(&self, end: &str, passed: &PassedOver) -> UnmetExpectation {
        UnmetExpectation::new(format!("{end}, before {}", self.description(passed)))
            .closest(self.closest.clone())
    }

    /// Its arrival, as a clause that follows "before".
    pub fn description(&self, passed: &PassedOver) -> String {
        format!("a {self} was received ({})", self.summary(passed))
    }

    /// The failure when the very next message had to match and does not.
    pub fn next_differs(&self) -> UnmetExpectation {
        let what = match self.unreadable {
            0 => "the next message does not match".to_owned(),
            _ => format!(
                "the next message is binary, {}",
                units::bytes(self.unreadable_size)
            ),
        };
        UnmetExpectation::new(what).closest(self.closest.clone())
    }

    /// What was received instead.
    fn summary(&self, passed: &PassedOver) -> String {
        let mut text = passed.received(self.skipped, "other message");
        match self.unreadable {
            0 => {}
            1 => {
                let size = units::bytes(self.unreadable_size);
                text.push_str(&format!(
                    "; 1 binary message of {size} was passed over: --decode, hex:"
                ));
            }
            n => text.push_str(&format!(
                "; {n} binary messages were passed over: --decode, hex:"
            )),
        }
        if let Some(earlier) = self.passed_over(passed) {
            text.push_str(&format!("; {earlier}"));
        }
        text
    }

    /// The matching messages that earlier steps skipped, if there are any.
    pub fn passed_over(&self, passed: &PassedOver) -> Option<String> {
        let earlier: Vec<&PassedMessage> = passed.matching(self.pattern.as_ref()?).collect();
        let last = earlier.last()?;
        let messages = units::count(earlier.len() as u64, "matching message");
        let verb = if earlier.len() == 1 { "was" } else { "were" };
        let at = last.at.iter().map(|at| format!(" at {at}"));
        let at: String = at.collect();
        Some(format!("{messages} came before and {verb} passed over{at}"))
    }
}

/// `message matching 'PATTERN'`, or `message`.
impl fmt::Display for AwaitedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Some(pattern) => {
                let text = pattern.to_string();
                match text.char_indices().nth(PATTERN_SHOWN) {
                    Some((end, _)) => write!(f, "message matching '{}…'", &text[..end]),
                    None => write!(f, "message matching '{text}'"),
                }
            }
            None => f.write_str("message"),
        }
    }
}

/// Messages skipped while another one was awaited: a later failure names those that would have matched.
/// Bounded: the oldest are dropped first.
#[derive(Debug, Default)]
pub struct PassedOver {
    kept: VecDeque<PassedMessage>,
    bytes: usize,
    /// All messages that steps have looked at, met or not, since the connection was opened.
    taken: u64,
}

/// A message that was skipped.
#[derive(Debug)]
struct PassedMessage {
    payload: Payload,
    /// The step that skipped it.
    at: Option<Rc<str>>,
}

impl PassedOver {
    const MESSAGES: usize = 1000;
    const BYTES: usize = 1 << 20;

    /// How many messages a step has looked at, and how many came before it: `2 other messages received, 3 before
    /// this step`.
    pub fn received(&self, now: u64, noun: &str) -> String {
        let before = self.taken.saturating_sub(now);
        let text = match (now, before) {
            (0, 0) => "nothing received".to_owned(),
            (0, _) => "nothing more received".to_owned(),
            (n, _) => format!("{n} {noun}{} received", if n == 1 { "" } else { "s" }),
        };
        match before {
            0 => text,
            before => format!("{text}, {before} before this step"),
        }
    }

    /// Counts a message that a step has looked at.
    pub fn count(&mut self) {
        self.taken += 1;
    }

    /// Keeps a message that a step skipped; `at` names that step.
    pub fn keep(&mut self, payload: &Payload, at: Option<&Rc<str>>) {
        self.bytes += payload.weight();
        let (payload, at) = (payload.clone(), at.cloned());
        self.kept.push_back(PassedMessage { payload, at });
        while self.kept.len() > Self::MESSAGES || self.bytes > Self::BYTES {
            let oldest = self.kept.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.payload.weight());
        }
    }

    /// The skipped messages that match.
    fn matching(&self, pattern: &Pattern) -> impl Iterator<Item = &PassedMessage> {
        let kept = self.kept.iter();
        kept.filter(|passed| pattern.is_match(&passed.payload))
    }
}

/// The failure when a message was received during an expected silence.
pub fn unexpected_message(payload: &Payload) -> UnmetExpectation {
    let what = match payload.as_text() {
        Some(_) => "expected silence, received a message".to_owned(),
        None => format!(
            "expected silence, received a binary message of {}",
            units::bytes(payload.len())
        ),
    };
    UnmetExpectation::new(what)
}

/// The failure when a message came that must not come.
pub fn forbidden_message(pattern: &Pattern, payload: &Payload) -> UnmetExpectation {
    let message = looked_at(pattern, payload);
    UnmetExpectation::new(format!(
        "received a message that 'never {pattern}' forbids: {message}"
    ))
}

/// The content for a person, as the pattern looks at it: bytes may happen to be text as well.
pub fn looked_at(pattern: &Pattern, payload: &Payload) -> Text {
    match pattern.is_for_bytes() && !payload.is_text() {
        true => payload.bytes_excerpt().into(),
        false => payload.excerpt(),
    }
}

/// How the server is expected to close.
#[derive(Clone, Debug)]
pub struct ExpectedClose {
    /// The code; 1005 is a close frame without one, 1006 no close frame at all (RFC 6455 §7.4.1).
    pub code: CloseCode,
    /// The pattern of the reason.
    pub reason: Option<Pattern>,
}

impl ExpectedClose {
    /// Reads `CODE[ PATTERN]`.
    ///
    /// # Errors
    /// The code or the pattern is invalid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
        let code = match code.parse() {
            Ok(code @ 1000..=4999) => CloseCode(code),
            _ => return Err(format!("invalid close code '{code}' (1000 to 4999)")),
        };
        let reason = match reason.trim_start() {
            "" => None,
            reason => Some(Pattern::parse(reason).map_err(|error| error.to_string())?),
        };
        Ok(Self { code, reason })
    }

    /// Checks how a connection ended.
    ///
    /// # Errors
    /// It ended differently.
    pub fn check(&self, close: &CloseInfo) -> Result<(), UnmetExpectation> {
        let end = match &close.error {
            Some(error) if close.code == CloseCode::ABNORMAL => error.message.clone(),
            _ => end_in_words(close),
        };
        // The server only answered our close.
        let by_us = close.by == Initiator::Local && close.error.is_none();
        if by_us {
            return Err(UnmetExpectation::new(format!(
                "{end}, expected the server to close with {}",
                self.code
            )));
        }
        if close.code != self.code {
            return Err(UnmetExpectation::new(format!(
                "{end}, expected {}",
                self.code
            )));
        }
        let Some(reason) = &self.reason else {
            return Ok(());
        };
        match reason.matches(&close.reason) {
            MatchResult::Match | MatchResult::Unreadable => Ok(()),
            MatchResult::Mismatch(mismatch) => {
                let why = mismatch.why;
                let what = format!("{end}, expected a reason matching '{reason}': {why}");
                Err(UnmetExpectation::new(what))
            }
        }
    }

    /// The failure when the server did not close within the limit.
    pub fn missed(&self, limit: &str) -> UnmetExpectation {
        let code = self.code;
        UnmetExpectation::new(format!(
            "the server did not close within {limit}, expected {code}"
        ))
    }

    /// Whether a lost connection is expected (1006).
    pub fn is_loss(&self) -> bool {
        self.code == CloseCode::ABNORMAL
    }
}

/// `the server closed with 1008 (Policy Violation): no such room`, or that a rule closed.
pub fn end_in_words(close: &CloseInfo) -> String {
    match close.by {
        Initiator::Local => format!("closed by us with {close}"),
        Initiator::Peer | Initiator::None => format!("the server closed with {close}"),
    }
}

/// Whether a clean close can be the answer to ours. A close with another error code was sent by the server before
/// it read ours (RFC 6455 §5.5.1: the answer typically echoes the code). One that came before ours had left is
/// recognised by its initiator; the caller knows whether that matters.
pub fn answers(close: &CloseInfo, ours: Option<CloseCode>) -> bool {
    close.clean && close.error.is_none() && (Some(close.code) == ours || close.code.is_proper_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Payload {
        Payload::Text(text.into())
    }

    fn close(by: Initiator, code: u16, reason: &str) -> CloseInfo {
        CloseInfo {
            by,
            code: CloseCode(code),
            reason: reason.to_owned(),
            clean: true,
            error: None,
        }
    }

    fn awaited(pattern: &str) -> AwaitedMessage {
        AwaitedMessage::matching(Pattern::parse(pattern).unwrap())
    }

    #[test]
    fn the_nearest_miss_has_the_most_equal_leaves() {
        let mut awaited = awaited(r#"{"type":"pong","seq":1}"#);
        for message in [
            r#"{"type":"news"}"#,
            r#"{"type":"pong","seq":3}"#,
            r#"{"type":"pong","seq":2}"#,
            "[]",
        ] {
            assert!(!awaited.check(&text(message)));
        }
        let unmet = awaited.missed("1 s", &PassedOver::default());
        assert!(
            unmet
                .what
                .ends_with("within 1 s (4 other messages received)"),
            "{}",
            unmet.what
        );
        let closest = unmet.closest.unwrap();
        assert_eq!(closest.text.as_str(), r#"{"type":"pong","seq":2}"#);
        assert_eq!(closest.why, ".seq: expected 1, got 2");
    }

    #[test]
    fn skipped_messages_are_named() {
        let mut passed = PassedOver::default();
        for (message, step) in [
            ("b", "line 3: < a"),
            ("c", "line 3: < a"),
            ("b", "line 4: any-order"),
        ] {
            passed.count();
            passed.keep(&text(message), Some(&Rc::from(step)));
        }
        let what = |awaited: &AwaitedMessage| awaited.missed("1 s", &passed).what;
        let mut b = awaited("b");
        assert_eq!(
            what(&b),
            "no message matching 'b' within 1 s (nothing more received, 3 before this step; \
             2 matching messages came before and were passed over at line 4: any-order)"
        );
        b.check(&Payload::Binary(vec![0xff; 12].into()));
        let said = what(&b);
        assert!(said.contains("(1 other message received, 2 before this step; 1 binary message of 12 bytes was passed over: --decode, hex:"), "{said}");
        let none = AwaitedMessage::any().missed("1 s", &PassedOver::default());
        assert_eq!(none.what, "no message within 1 s (nothing received)");
    }

    #[test]
    fn skipped_messages_are_kept_up_to_a_limit() {
        let mut passed = PassedOver::default();
        for _ in 0..PassedOver::MESSAGES + 1 {
            passed.keep(&text("x"), None);
        }
        assert_eq!(passed.kept.len(), PassedOver::MESSAGES);
        passed.keep(&text(&"x".repeat(PassedOver::BYTES + 1)), None);
        assert_eq!((passed.kept.len(), passed.bytes), (0, 0));
    }

    #[test]
    fn a_close_is_expected_by_code_and_reason() {
        let expected = ExpectedClose::parse("4403 /forbidden/i").unwrap();
        assert!(
            expected
                .check(&close(Initiator::Peer, 4403, "Forbidden"))
                .is_ok()
        );
        for (code, reason) in [(4403, "no"), (1008, "forbidden")] {
            let unmet = expected
                .check(&close(Initiator::Peer, code, reason))
                .unwrap_err();
            assert!(unmet.what.contains(&code.to_string()), "{}", unmet.what);
        }
        assert!(ExpectedClose::parse("999").is_err());
        assert!(ExpectedClose::parse("1000 /(/").is_err());
    }

    #[test]
    fn a_close_with_another_error_code_is_not_an_answer() {
        let table = [
            (1000, Some(1000), true),
            (1005, Some(1000), true),
            (1000, Some(4000), true),
            (4000, Some(4000), true),
            (1008, Some(1008), true),
            (1008, Some(1000), false),
            (1009, None, false),
            (4000, Some(1000), false),
        ];
        for (code, ours, expected) in table {
            let close = close(Initiator::Local, code, "");
            assert_eq!(
                answers(&close, ours.map(CloseCode)),
                expected,
                "{code} {ours:?}"
            );
        }
    }
}
