//! What can be expected of a server, and what came instead: the one judge of `send --expect…`,
//! `listen --until`, `check URL` and check files, with one wording.
//!
//! What a peer said is quoted as it came: escape and redact it before showing.

use std::collections::VecDeque;
use std::fmt;

use crate::connection::Opened;
use crate::connection::close::{CloseCode, CloseInfo};
use crate::connection::error::Error;
use crate::connection::handshake::Refusal;
use crate::connection::message::{Payload, Text};
use crate::connection::tls::certificate::CertificateSummary;
use crate::pattern::{MatchResult, Pattern};
use crate::units;

/// The most that is shown of a pattern, in characters.
const PATTERN_SHOWN: usize = 200;

/// An expectation that cannot be met any more.
#[derive(Clone, Debug)]
pub struct UnmetExpectation {
    /// What was expected and what came instead.
    pub what: String,
    /// The message that came nearest.
    pub closest: Option<Closest>,
    /// The answer that refused the handshake.
    pub refusal: Option<Box<Refusal>>,
    /// What to try.
    pub hint: Option<String>,
}

impl UnmetExpectation {
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

    /// The same with what to try.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the answer that refused the handshake.
    pub fn refusal(mut self, error: &Error) -> Self {
        self.refusal.clone_from(&error.refusal);
        self
    }
}

/// Judges the answer to a handshake by its status.
///
/// # Errors
/// The server answered otherwise.
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

/// Judges the subprotocol that the server chose.
///
/// # Errors
/// It is another one, or none.
pub fn check_subprotocol(wanted: &str, chosen: Option<&str>) -> Result<(), UnmetExpectation> {
    match chosen {
        Some(chosen) if chosen == wanted => Ok(()),
        Some(chosen) => Err(UnmetExpectation::new(format!(
            "the server chose the subprotocol {chosen}, expected {wanted}"
        ))),
        None => Err(UnmetExpectation::new(format!("the server chose no subprotocol, expected {wanted}"))
            .hint(format!(
                "offer one that the server knows: --subprotocol {wanted}, or in a check file the header line Sec-WebSocket-Protocol: {wanted}"
            ))),
    }
}

/// Judges how long a certificate is valid, in days from now.
///
/// # Errors
/// Not long enough, or there is none.
pub fn check_certificate(least: u32, opened: &Opened) -> Result<(), UnmetExpectation> {
    let tls = opened.tls.as_ref();
    let certificate = tls.and_then(|tls| tls.certificate.as_ref());
    match certificate.map(CertificateSummary::days_left) {
        Some(days) if days >= i64::from(least) => Ok(()),
        Some(days) => {
            let days = days_in_words(days);
            Err(UnmetExpectation::new(format!(
                "the certificate is valid for {days}, expected at least {least}"
            )))
        }
        None if tls.is_none() => Err(UnmetExpectation::new(
            "none: the connection is not encrypted",
        )),
        None => Err(UnmetExpectation::new(
            "the last day of the certificate is not known",
        )),
    }
}

/// Days that may lie in the past.
pub fn days_in_words(days: i64) -> String {
    let count = units::count(days.unsigned_abs(), "day");
    if days < 0 {
        return format!("-{count}");
    }
    count
}

/// A message that is awaited: the first that matches, or any.
#[derive(Clone, Debug)]
pub struct AwaitedMessage {
    pattern: Option<Pattern>,
    /// Messages that did not match.
    skipped: u64,
    /// Those among them that no pattern can look at, and the size of the last one.
    unreadable: u64,
    unreadable_size: usize,
    closest: Option<Closest>,
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

impl AwaitedMessage {
    /// A message that matches.
    pub fn matching(pattern: Pattern) -> Self {
        Self {
            pattern: Some(pattern),
            ..Self::any()
        }
    }

    /// Any message.
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

    /// Whether this message is the one; if not, it is counted and compared with the nearest so far.
    pub fn look(&mut self, payload: &Payload) -> bool {
        let Some(pattern) = &self.pattern else {
            return true;
        };
        let Some(text) = payload.readable() else {
            self.skipped += 1;
            self.unreadable += 1;
            self.unreadable_size = payload.len();
            return false;
        };
        let MatchResult::Mismatch(mismatch) = pattern.matches(text.as_str()) else {
            return true;
        };
        self.skipped += 1;
        let nearest = self.closest.as_ref().map(|closest| closest.equal);
        if nearest.is_none_or(|equal| mismatch.equal > equal) {
            self.closest = Some(Closest {
                text,
                why: mismatch.why,
                equal: mismatch.equal,
            });
        }
        false
    }

    /// Whether a message was looked at.
    pub fn has_seen_messages(&self) -> bool {
        self.skipped > 0
    }

    /// The nearest miss so far.
    pub fn closest(&self) -> Option<&Closest> {
        self.closest.as_ref()
    }

    /// It did not come within the limit.
    pub fn missed(&self, limit: &str, passed: &PassedOver) -> UnmetExpectation {
        let what = format!("no {self} within {limit} ({})", self.summary(passed));
        UnmetExpectation::new(what).closest(self.closest.clone())
    }

    /// It did not come before the connection ended. `end` is that end in words.
    pub fn missed_by_end(&self, end: &str, passed: &PassedOver) -> UnmetExpectation {
        UnmetExpectation::new(format!("{end} before {}", self.description(passed)))
            .closest(self.closest.clone())
    }

    /// Its coming, as a clause behind "before".
    pub fn description(&self, passed: &PassedOver) -> String {
        format!("a {self} came ({})", self.summary(passed))
    }

    /// The very next message was to match, and does not.
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

    /// What came instead.
    fn summary(&self, passed: &PassedOver) -> String {
        let mut text = match self.skipped {
            0 => "nothing was received".to_owned(),
            1 => "1 other received".to_owned(),
            n => format!("{n} others received"),
        };
        match self.unreadable {
            0 => {}
            1 => {
                let size = units::bytes(self.unreadable_size);
                text.push_str(&format!("; a binary message of {size} was passed over"));
            }
            n => text.push_str(&format!("; {n} binary messages were passed over")),
        }
        let before = self
            .pattern
            .iter()
            .flat_map(|pattern| passed.matching(pattern));
        let before: Vec<Option<usize>> = before.collect();
        if let Some(line) = before.last() {
            let messages = units::count(before.len() as u64, "matching message");
            let verb = if before.len() == 1 { "was" } else { "were" };
            text.push_str(&format!("; {messages} came before and {verb} passed over"));
            if let Some(line) = line {
                text.push_str(&format!(" at line {line}"));
            }
        }
        text
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

/// Messages that came while another one was awaited: a later failure names those that would have
/// matched. Bounded, the oldest are forgotten first.
#[derive(Debug, Default)]
pub struct PassedOver {
    kept: VecDeque<(Text, Option<usize>)>,
    bytes: usize,
}

impl PassedOver {
    const MESSAGES: usize = 1000;
    const BYTES: usize = 1 << 20;

    /// Keeps a message that was passed over, by a step on this line.
    pub fn keep(&mut self, payload: &Payload, line: Option<usize>) {
        let Some(text) = payload.readable() else {
            return;
        };
        self.bytes += text.len();
        self.kept.push_back((text, line));
        while self.kept.len() > Self::MESSAGES || self.bytes > Self::BYTES {
            let oldest = self.kept.pop_front();
            self.bytes -= oldest.map_or(0, |(text, _)| text.len());
        }
    }

    /// The lines of the steps that passed matching messages over.
    fn matching(&self, pattern: &Pattern) -> impl Iterator<Item = Option<usize>> {
        let kept = self.kept.iter();
        kept.filter(|(text, _)| pattern.is_match(text.as_str()))
            .map(|(_, line)| *line)
    }
}

/// A message came where none was to come.
pub fn unexpected_message(payload: &Payload) -> UnmetExpectation {
    let what = match payload.as_text() {
        Some(_) => "a message came, and silence was expected".to_owned(),
        None => format!(
            "a binary message of {} came, and silence was expected",
            units::bytes(payload.len())
        ),
    };
    UnmetExpectation::new(what)
}

/// How the server is to close.
#[derive(Clone, Debug)]
pub struct ExpectedClose {
    /// The code; 1005 is a close frame without one, 1006 no close frame at all (RFC 6455 §7.4.1).
    pub code: CloseCode,
    /// What the reason looks like.
    pub reason: Option<Pattern>,
}

impl ExpectedClose {
    /// Reads `CODE[ PATTERN]`.
    ///
    /// # Errors
    /// No close code, or a text that is no pattern.
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

    /// Judges how a connection ended.
    ///
    /// # Errors
    /// It ended otherwise.
    pub fn check(&self, close: &CloseInfo) -> Result<(), UnmetExpectation> {
        let end = match &close.error {
            Some(error) if close.code == CloseCode::ABNORMAL => error.message.clone(),
            _ => end_in_words(close),
        };
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
            MatchResult::Match => Ok(()),
            MatchResult::Mismatch(mismatch) => {
                let why = mismatch.why;
                let what = format!("{end}, expected the reason {reason}: {why}");
                Err(UnmetExpectation::new(what))
            }
        }
    }

    /// The server did not close within the limit.
    pub fn missed(&self, limit: &str) -> UnmetExpectation {
        let code = self.code;
        UnmetExpectation::new(format!(
            "the server did not close within {limit}, expected {code}"
        ))
    }

    /// Whether this is how a connection ends that is lost.
    pub fn is_loss(&self) -> bool {
        self.code == CloseCode::ABNORMAL
    }
}

/// `the server closed with 1008 (Policy Violation): no such room`
pub fn end_in_words(close: &CloseInfo) -> String {
    format!("the server closed with {close}")
}

/// Whether a clean close is the answer to ours, which shows that the server has read all before it. One
/// with an error code of the server's own has crossed ours (RFC 6455 §5.5.1: the answer typically echoes
/// the code).
pub fn answers(close: &CloseInfo, ours: Option<CloseCode>) -> bool {
    close.clean && close.error.is_none() && (Some(close.code) == ours || close.code.is_proper_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::close::Initiator;

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
        for message in [r#"{"type":"news"}"#, r#"{"type":"pong","seq":2}"#, "[]"] {
            assert!(!awaited.look(&text(message)));
        }
        let unmet = awaited.missed("1 s", &PassedOver::default());
        assert!(
            unmet.what.ends_with("within 1 s (3 others received)"),
            "{}",
            unmet.what
        );
        let closest = unmet.closest.unwrap();
        assert_eq!(closest.text.as_str(), r#"{"type":"pong","seq":2}"#);
        assert_eq!(closest.why, ".seq: expected 1, got 2");
    }

    #[test]
    fn what_was_passed_over_is_named() {
        let mut passed = PassedOver::default();
        for (message, line) in [("b", 3), ("c", 3), ("b", 4)] {
            passed.keep(&text(message), Some(line));
        }
        let what = |awaited: &AwaitedMessage| awaited.missed("1 s", &passed).what;
        let mut b = awaited("b");
        assert_eq!(
            what(&b),
            "no message matching 'b' within 1 s (nothing was received; \
             2 matching messages came before and were passed over at line 4)"
        );
        b.look(&Payload::Binary(vec![0xff; 12].into()));
        assert!(
            what(&b).contains("1 other received; a binary message of 12 bytes was passed over")
        );
        assert_eq!(
            what(&AwaitedMessage::any()),
            "no message within 1 s (nothing was received)"
        );
    }

    #[test]
    fn what_was_passed_over_is_kept_up_to_a_limit() {
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
    fn a_close_with_an_error_code_of_its_own_is_no_answer() {
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
