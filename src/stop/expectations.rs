//! The expectations of `send --expect…`: the answer to the handshake, messages in order, the server's close.
//!
//! An expectation is met, still open, or can no longer be met; then it reports what was received instead.

use std::collections::VecDeque;

use crate::connection::Opened;
use crate::connection::close::CloseInfo;
use crate::connection::error::{Error, ErrorKind};
use crate::connection::handshake::Refusal;
use crate::connection::message::Payload;
use crate::expectation::{
    AwaitedMessage, Closest, ExpectedClose, PassedOver, UnmetExpectation, check_status,
    check_subprotocol, end_in_words, forbidden_message,
};
use crate::pattern::Pattern;

/// Everything that is expected of one connection.
#[derive(Debug, Default)]
pub struct Expectations {
    /// The HTTP status of the handshake's response.
    status: Option<u16>,
    /// The subprotocol that the server chooses.
    subprotocol: Option<String>,
    /// Messages, in this order; other messages may arrive in between.
    messages: VecDeque<AwaitedMessage>,
    /// Messages that must not come.
    forbidden: Vec<Pattern>,
    /// The server's close, after the messages.
    close: Option<ExpectedClose>,
    passed: PassedOver,
    answered: bool,
}

impl Expectations {
    /// Expects a status and a subprotocol of the handshake, then messages in order, then a close.
    pub fn new(
        status: Option<u16>,
        subprotocol: Option<String>,
        messages: Vec<Pattern>,
        close: Option<ExpectedClose>,
    ) -> Self {
        Self {
            status,
            subprotocol,
            messages: messages.into_iter().map(AwaitedMessage::matching).collect(),
            close,
            ..Self::default()
        }
    }

    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.status.is_none()
            && self.subprotocol.is_none()
            && self.messages.is_empty()
            && self.forbidden.is_empty()
            && self.close.is_none()
    }

    /// Fails with the first message that matches one of these.
    pub fn forbid(&mut self, patterns: Vec<Pattern>) {
        self.forbidden = patterns;
    }

    /// The failure if a message must not come.
    pub fn violated(&self, payload: &Payload) -> Option<UnmetExpectation> {
        let mut forbidden = self.forbidden.iter();
        let pattern = forbidden.find(|pattern| pattern.is_match(payload))?;
        Some(forbidden_message(pattern, payload))
    }

    /// Whether the handshake is expected to be refused.
    pub fn wants_refusal(&self) -> bool {
        self.status.is_some_and(|status| status != 101)
    }

    /// Whether anything beyond a successful handshake is expected.
    pub fn outlasts_handshake(&self) -> bool {
        self.wants_refusal() || !self.messages.is_empty() || self.close.is_some()
    }

    /// Whether a message is awaited.
    pub fn awaits_message(&self) -> bool {
        !self.messages.is_empty()
    }

    /// Why a message cannot be recognised any more.
    pub fn given_up(&self) -> Option<String> {
        let awaited = self.messages.front().and_then(AwaitedMessage::given_up);
        awaited.or_else(|| self.forbidden.iter().find_map(Pattern::given_up))
    }

    /// Whether something is still awaited.
    pub fn is_open(&self) -> bool {
        let handshake = self.status.is_some() || self.subprotocol.is_some();
        (handshake && !self.answered) || !self.messages.is_empty() || self.close.is_some()
    }

    /// The handshake was answered with 101.
    ///
    /// # Errors
    /// The handshake does not meet the expectations.
    pub fn opened(&mut self, opened: &Opened) -> Result<(), UnmetExpectation> {
        self.answered = true;
        check_status(self.status.unwrap_or(101), Ok(opened))?;
        match &self.subprotocol {
            Some(wanted) => check_subprotocol(wanted, opened.subprotocol.as_deref()),
            None => Ok(()),
        }
    }

    /// The handshake was refused.
    ///
    /// # Errors
    /// The handshake does not meet the expectations.
    pub fn refused(&mut self, error: &Error, refusal: &Refusal) -> Result<(), UnmetExpectation> {
        self.answered = true;
        if let Some(status) = self.status {
            return check_status(status, Err((error, refusal)));
        }
        let (line, awaited) = (refusal.status_line(), self.awaited());
        let mut unmet =
            UnmetExpectation::new(format!("the server answered {line} before {awaited}"))
                .refusal(error);
        unmet.hint.clone_from(&error.hint);
        Err(unmet)
    }

    /// A message was received; true when it met an expectation.
    pub fn received(&mut self, payload: &Payload) -> bool {
        let Some(wanted) = self.messages.front_mut() else {
            return false;
        };
        let is_met = wanted.check(payload);
        if is_met {
            self.messages.pop_front();
        } else if self.messages.len() > 1 {
            self.passed.keep(payload, None);
        }
        is_met
    }

    /// A message was received that no expectation may look at: it is only named when one fails.
    pub fn pass(&mut self, payload: &Payload) {
        if !self.messages.is_empty() {
            self.passed.keep(payload, None);
        }
    }

    /// The connection ended. `None` for a transport failure, which keeps its own exit status.
    pub fn closed(&self, close: &CloseInfo) -> Option<Result<(), UnmetExpectation>> {
        let lost = matches!(&close.error, Some(error) if error.kind == ErrorKind::Lost);
        // A close in the middle of a message counts as a close for an expectation.
        let failed = matches!(&close.error, Some(error) if error.kind != ErrorKind::CutOff);
        match &self.close {
            Some(expected) if self.messages.is_empty() => {
                let is_checked = !failed || (lost && expected.is_loss());
                is_checked.then(|| expected.check(close))
            }
            _ if failed => None,
            _ => {
                let end = end_in_words(close);
                Some(Err(match self.messages.front() {
                    Some(wanted) => wanted.missed_by_end(&end, &self.passed),
                    None => UnmetExpectation::new(format!("{end}, before {}", self.awaited())),
                }))
            }
        }
    }

    /// The next expectation was not met within the limit.
    pub fn silence(&self, limit: &str) -> UnmetExpectation {
        let unmet = match (self.messages.front(), &self.close) {
            (Some(wanted), _) => wanted.missed(limit, &self.passed),
            (None, Some(close)) => close.missed(limit),
            (None, None) => UnmetExpectation::new(format!("no answer within {limit}")),
        };
        unmet.hint("use -w TIME to wait longer")
    }

    /// What is still awaited, as a clause that follows "before".
    pub fn awaited(&self) -> String {
        match (self.messages.front(), &self.subprotocol) {
            (Some(wanted), _) => wanted.description(&self.passed),
            (None, Some(name)) if !self.answered => {
                format!("the subprotocol {name} was negotiated")
            }
            _ => match &self.close {
                Some(close) => format!("the expected close with {}", close.code),
                None => "all expectations were met".to_owned(),
            },
        }
    }

    /// The nearest miss so far.
    pub fn nearest(&self) -> Option<Closest> {
        self.messages.front()?.closest().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::close::{CloseCode, Initiator};
    use crate::connection::error::Stage;

    fn expecting(messages: &[&str], close: Option<&str>) -> Expectations {
        let messages = messages.iter().map(|text| Pattern::parse(text).unwrap());
        let close = close.map(|code| ExpectedClose::parse(code).unwrap());
        Expectations::new(None, None, messages.collect(), close)
    }

    fn text(text: &str) -> Payload {
        Payload::Text(text.into())
    }

    #[test]
    fn a_sequence_is_met_in_its_order_and_other_messages_are_passed_over() {
        let mut expectations = expecting(&["one", "/^t/"], None);
        for (message, meets) in [
            ("two", false),
            ("noise", false),
            ("one", true),
            ("noise", false),
        ] {
            assert_eq!(expectations.received(&text(message)), meets, "{message}");
            assert!(expectations.is_open(), "{message}");
        }
        let what = expectations.silence("1 s").what;
        assert!(
            what.contains("1 matching message came before and was passed over"),
            "{what}"
        );
        assert!(expectations.received(&Payload::Binary("two".into())));
        assert!(!expectations.is_open());
    }

    #[test]
    fn a_lost_connection_is_a_close_only_where_1006_is_expected() {
        let lost = CloseInfo {
            by: Initiator::None,
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(Error::new(ErrorKind::Lost, Stage::Open, "lost"))),
        };
        let checked = |code: &str| expecting(&[], Some(code)).closed(&lost);
        assert!(matches!(checked("1006"), Some(Ok(()))));
        assert!(checked("1000").is_none());
    }
}
