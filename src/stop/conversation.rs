//! The stop rule of `send`, `listen` and `connect`. It counts messages and measures silence; it has no clock
//! of its own, every call passes the time.

use std::time::{Duration, Instant};

use super::on_open_replies::OnOpenReplies;
use super::write_stall::WriteStall;
use super::{Captures, Expectations, Failure, Turns, Verdict};
use crate::connection::close::{CloseCode, CloseInfo, Initiator};
use crate::connection::error::Error;
use crate::connection::message::{Direction, Payload};
use crate::event::{Closed, Event, Next};
use crate::expectation::{AwaitedMessage, Closest, PassedOver, UnmetExpectation, answers};
use crate::pattern::Pattern;
use crate::units;

/// What ends a conversation successfully.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Everything sent, and at least one reply for each message (`send`).
    Replies,
    /// Everything sent, and this many messages received (`send -c`).
    Count(u64),
    /// This many messages received (`listen -c`).
    First(u64),
    /// Everything sent, and all expectations met (`send --expect`).
    Expected,
    /// Everything sent and read by the server (`send --no-wait`).
    Delivery,
    /// Receive until the server closes (`listen`).
    Stream,
    /// Receive until no message has arrived for this long after the end of the input (`connect` in a pipe).
    Idle(Duration),
    /// An interactive session, which the user ends (`connect` on a terminal).
    Interactive,
}

/// How long the answer to a ping is awaited that shows that the peer has read everything. A peer that ignores pings
/// can still show it by its answer to our close.
const RECEIPT: Duration = Duration::from_secs(1);

/// What is known about whether the peer has read everything ([`Goal::Delivery`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeliveryProof {
    /// The peer was not asked.
    NotAsked,
    /// It was asked by a ping, at this time.
    Asked(Instant),
    /// It has answered.
    Read,
    /// It has not answered in time.
    Unanswered,
}

/// The stop rule of `send`, `listen` and `connect`.
#[derive(Debug)]
pub struct Conversation {
    goal: Goal,
    /// The longest silence allowed while a reply is awaited (`-w`).
    patience: Option<Duration>,
    /// The longest time without a message, whether or not one is awaited (`--idle-timeout`).
    idle_limit: Option<Duration>,
    /// How long to run after the connection is open (`--for`).
    span: Option<Duration>,
    expectations: Box<Expectations>,
    /// Whose turn it is.
    turns: Box<Turns>,
    /// Whether messages wait for those of the server (`--step`, `--after`).
    takes_turns: bool,
    /// What is kept of replies for later messages.
    captures: Box<Captures>,
    /// The message that ends it successfully (`--until`).
    until: Option<Box<AwaitedMessage>>,
    /// Only messages that match are counted (`--filter`).
    filter: Option<Box<Pattern>>,
    until_came: bool,
    sent: u64,
    received: u64,
    /// The replies that messages of `-x` may get.
    on_open: Box<OnOpenReplies>,
    /// Whether they were awaited in vain.
    pub(super) is_on_open_unanswered: bool,
    input_idle: bool,
    input_ended: bool,
    opened_at: Option<Instant>,
    last_activity: Option<Instant>,
    last_received: Option<Instant>,
    /// When the wait for the current expectation began.
    awaited_since: Option<Instant>,
    /// The code in our close frame.
    closed_with: Option<CloseCode>,
    /// The first lost connection on which sent messages may not have been delivered.
    loss: Option<Box<CloseInfo>>,
    proof: DeliveryProof,
    finished: bool,
    /// How long the peer has taken nothing.
    pub(super) write_stall: Box<WriteStall>,
}

impl Conversation {
    /// A rule for `goal` without time limits.
    pub fn new(goal: Goal) -> Self {
        Self {
            goal,
            patience: None,
            idle_limit: None,
            span: None,
            expectations: Box::default(),
            turns: Box::default(),
            takes_turns: false,
            captures: Box::default(),
            until: None,
            filter: None,
            until_came: false,
            sent: 0,
            received: 0,
            on_open: Box::default(),
            is_on_open_unanswered: false,
            input_idle: false,
            input_ended: false,
            opened_at: None,
            last_activity: None,
            last_received: None,
            awaited_since: None,
            closed_with: None,
            loss: None,
            proof: DeliveryProof::NotAsked,
            finished: false,
            write_stall: Box::default(),
        }
    }

    /// Fails when a reply is awaited and nothing was sent or received for `limit`.
    pub fn reply_timeout(mut self, limit: Option<Duration>) -> Self {
        self.patience = limit;
        self
    }

    /// Fails when no message has been received for `limit`.
    pub fn idle_limit(mut self, limit: Option<Duration>) -> Self {
        self.idle_limit = limit;
        self
    }

    /// Ends successfully after `span`.
    pub fn span(mut self, span: Option<Duration>) -> Self {
        self.span = span;
        self
    }

    /// Checks the server's behaviour against these expectations.
    pub fn expecting(mut self, expectations: Expectations) -> Self {
        self.expectations = Box::new(expectations);
        self
    }

    /// Makes messages wait for those of the server.
    pub fn in_turns(mut self, turns: Turns) -> Self {
        self.takes_turns = turns.are_taken();
        self.turns = Box::new(turns);
        self
    }

    /// Keeps values of replies for later messages.
    pub fn capturing(mut self, captures: Captures) -> Self {
        self.captures = Box::new(captures);
        self
    }

    /// Fails with the first message that matches one of these.
    pub fn never(mut self, patterns: Vec<Pattern>) -> Self {
        self.expectations.forbid(patterns);
        self
    }

    /// Ends successfully with the first message that matches.
    pub fn until(mut self, pattern: Option<Pattern>) -> Self {
        self.until = pattern.map(|pattern| Box::new(AwaitedMessage::matching(pattern)));
        self
    }

    /// Counts only messages that match.
    pub fn counting(mut self, filter: Option<Pattern>) -> Self {
        self.filter = filter.map(Box::new);
        self
    }

    pub(super) fn on_event(&mut self, event: &Event, now: Instant) -> Verdict {
        match event {
            Event::Open(opened) => {
                self.opened_at.get_or_insert(now);
                self.last_activity = Some(now);
                self.last_received.get_or_insert(now);
                self.awaited_since = Some(now);
                match self.expectations.opened(opened) {
                    Ok(()) => Verdict::GoOn,
                    Err(unmet) => self.unmet(unmet),
                }
            }
            // What a rule has answered is no reply: it meets nothing and ends no silence.
            Event::Message(message) if message.by_rule => Verdict::GoOn,
            Event::Message(message) if message.direction == Direction::In => {
                self.last_activity = Some(now);
                self.last_received = Some(now);
                if let Some(unmet) = self.expectations.violated(&message.payload) {
                    return self.unmet(unmet);
                }
                self.receive(&message.payload, now);
                self.verdict()
            }
            // Messages that the link sends by itself (heartbeats, those of -x) need no reply and do not end a
            // silence.
            Event::Message(message) if message.by_link => {
                self.on_open.sent();
                self.turns.sent_on_open();
                Verdict::GoOn
            }
            Event::Message(_) | Event::Streamed { .. } | Event::Batch(_) => {
                self.sent += match event {
                    Event::Batch(tally) => tally.messages,
                    _ => 1,
                };
                self.last_activity = Some(now);
                self.awaited_since = Some(now);
                if self.takes_turns {
                    for early in self.turns.sent() {
                        self.expectations.pass(&early);
                    }
                }
                Verdict::GoOn
            }
            // The link reconnects: the run continues, and the silence timer restarts once it is open.
            Event::Failed(_, Next::WillReconnect) => Verdict::GoOn,
            Event::Close(closed) if closed.next == Next::WillReconnect => self.interrupted(closed),
            // The user of a session that was connected once may try again.
            Event::Failed(..) if self.goal == Goal::Interactive && self.opened_at.is_some() => {
                Verdict::GoOn
            }
            Event::Failed(error, _) => self.failed(error),
            Event::Close(closed) => self.closed(&closed.close),
            Event::Closing {
                by: Initiator::Local,
                code,
                ..
            } => {
                self.closed_with = Some(*code);
                Verdict::GoOn
            }
            Event::Pong {
                direction: Direction::In,
                ..
            } if self.proof == DeliveryProof::Read => self.verdict(),
            _ => Verdict::GoOn,
        }
    }

    pub(super) fn may_send(&self) -> bool {
        self.turns.may_send()
    }

    pub(super) fn given_up(&self) -> Option<String> {
        let until = self.until.as_deref().and_then(AwaitedMessage::given_up);
        let filter = || self.filter.as_deref().and_then(Pattern::given_up);
        let greeting = || self.turns.greeting().and_then(AwaitedMessage::given_up);
        until
            .or_else(filter)
            .or_else(greeting)
            .or_else(|| self.expectations.given_up())
    }

    pub(super) fn input_idle(&mut self, ended: bool, now: Instant) -> Verdict {
        if ended && !self.input_ended {
            self.last_activity = self.last_activity.map(|_| now);
            self.awaited_since = self.awaited_since.map(|_| now);
            for payload in self.turns.all_sent() {
                self.meet(&payload, now);
            }
        }
        self.input_idle = true;
        self.input_ended |= ended;
        self.verdict()
    }

    fn receive(&mut self, payload: &Payload, now: Instant) {
        if self.takes_turns {
            return self.receive_in_turn(payload, now);
        }
        self.on_open.received();
        if self.counts(payload) {
            self.received += 1;
        }
        if let Some(until) = &mut self.until {
            self.until_came |= until.check(payload);
        }
        if self.expectations.awaits_message() && self.expectations.received(payload) {
            self.awaited_since = Some(now);
        }
    }

    fn receive_in_turn(&mut self, payload: &Payload, now: Instant) {
        if let Some(is_greeting) = self.turns.greeted(payload) {
            if is_greeting {
                self.awaited_since = Some(now);
                self.captures.take(payload);
                self.on_open.greeted();
            }
            return;
        }
        self.on_open.received();
        if self.counts(payload) {
            self.received += 1;
        }
        if !self.turns.keep_early(payload, self.input_ended) {
            self.meet(payload, now);
        }
    }

    /// Whether a message counts (`--filter`).
    fn counts(&self, payload: &Payload) -> bool {
        let filter = self.filter.as_deref();
        filter.is_none_or(|filter| filter.is_match(payload))
    }

    /// A message that may be the awaited one: it meets an expectation, or is a reply where none is left.
    fn meet(&mut self, payload: &Payload, now: Instant) {
        let is_expected = self.expectations.awaits_message();
        let is_reply = match is_expected {
            true => self.expectations.received(payload),
            false => self.counts(payload),
        };
        if !is_reply {
            return;
        }
        if is_expected || self.turns.is_stepping() {
            self.awaited_since = Some(now);
        }
        match is_expected {
            true => self.turns.answered(),
            false => self.turns.replied(),
        }
        self.captures.take(payload);
    }

    /// The connection was not opened. A refusal may be the expected result.
    fn failed(&mut self, error: &Error) -> Verdict {
        if let Some(refusal) = error
            .refusal
            .as_ref()
            .filter(|_| self.expectations.is_open())
        {
            return match self.expectations.refused(error, refusal) {
                Ok(()) => {
                    self.finished = true;
                    Verdict::Done
                }
                Err(unmet) => self.unmet(unmet),
            };
        }
        Verdict::Failed(Failure::NotConnected(Box::new(error.clone())))
    }

    fn unmet(&mut self, unmet: UnmetExpectation) -> Verdict {
        self.finished = true;
        Verdict::Failed(Failure::Unmet(Box::new(unmet)))
    }

    /// Whether the goal has been reached; called when a count has changed.
    fn verdict(&mut self) -> Verdict {
        let reached = match self.goal {
            Goal::Replies if self.turns.is_stepping() => {
                self.input_ended && !self.turns.is_waiting()
            }
            Goal::Replies => self.has_enough_replies() && self.has_all_replies(),
            Goal::Count(wanted) => self.input_idle && self.received >= wanted,
            Goal::First(wanted) => self.received >= wanted,
            Goal::Delivery => self.input_ended && !matches!(self.proof, DeliveryProof::Asked(_)),
            Goal::Expected => self.input_idle && !self.expectations.is_open(),
            Goal::Stream | Goal::Idle(_) | Goal::Interactive => false,
        } || self.until_came;
        self.input_idle = self.input_ended;
        if reached && self.opened_at.is_some() && !self.finished {
            self.finished = true;
            return self.delivered();
        }
        Verdict::GoOn
    }

    /// Whether there is a reply for each message, if none of them is one to a message of `-x`.
    fn has_enough_replies(&self) -> bool {
        self.input_ended && self.received >= self.sent
    }

    /// Whether there is also one for each message of `-x`.
    fn has_all_replies(&self) -> bool {
        self.sent == 0 || self.on_open.leave(self.sent)
    }

    /// `--no-wait` must not report success when a part of the messages may be lost.
    fn delivered(&mut self) -> Verdict {
        match self.loss.take() {
            Some(close) if self.goal == Goal::Delivery => Verdict::Failed(Failure::Closed(
                close,
                Some("the server had read all messages".to_owned()),
            )),
            _ => Verdict::Done,
        }
    }

    /// The connection has ended and another follows.
    fn interrupted(&mut self, closed: &Closed) -> Verdict {
        self.last_activity = None;
        self.awaited_since = None;
        self.on_open.interrupted();
        if closed.may_be_lost > 0 {
            self.loss
                .get_or_insert_with(|| Box::new(closed.close.clone()));
        }
        Verdict::GoOn
    }

    /// The connection has ended, after or before the goal was reached.
    fn closed(&mut self, close: &CloseInfo) -> Verdict {
        if self.goal == Goal::Interactive {
            return Verdict::GoOn;
        }
        if self.finished {
            return self.closed_after_the_end(close);
        }
        if self.goal == Goal::Expected
            && let Some(result) = self.expectations.closed(close)
        {
            self.finished = true;
            return match result {
                Ok(()) if self.has_unsent() => {
                    let awaited = Some("all messages were sent".to_owned());
                    Verdict::Failed(Failure::Closed(Box::new(close.clone()), awaited))
                }
                Ok(()) => Verdict::Done,
                Err(unmet) => self.unmet(unmet),
            };
        }
        let awaited = self.awaited();
        let proper = match close.by {
            Initiator::Local => close.error.is_none(),
            Initiator::Peer => close.error.is_none() && close.code.is_proper_end(),
            Initiator::None => false,
        };
        if proper && awaited.is_none() {
            return Verdict::Done;
        }
        Verdict::Failed(Failure::Closed(Box::new(close.clone()), awaited))
    }

    /// Whether the expected close came before all messages were sent. A server may close before the first one.
    fn has_unsent(&self) -> bool {
        !self.input_ended && (self.sent > 0 || self.turns.greeting().is_some())
    }

    /// The goal had been reached. Only the answer to a ping behind the messages, or to our close, proves that the server
    /// has read everything that was sent. A close of its own does not.
    fn closed_after_the_end(&self, close: &CloseInfo) -> Verdict {
        if self.goal != Goal::Delivery {
            return Verdict::Done;
        }
        let is_proven = self.proof == DeliveryProof::Read
            || (close.by == Initiator::Local && self.closed_with.is_some());
        match answers(close, self.closed_with) {
            true if is_proven => Verdict::Done,
            true => Verdict::Failed(Failure::Closed(Box::new(close.clone()), self.awaited())),
            false => Verdict::Failed(Failure::Closed(Box::new(close.clone()), None)),
        }
    }

    /// What was still awaited, as a clause that follows "before".
    fn awaited(&self) -> Option<String> {
        if let Some(greeting) = self.turns.greeting() {
            return Some(greeting.description(&PassedOver::default()));
        }
        match self.goal {
            Goal::Replies if self.turns.is_waiting() => {
                Some(format!("a reply to message {} was received", self.sent))
            }
            Goal::Stream if self.until.is_some() => {
                let coming = |until: &AwaitedMessage| until.description(&PassedOver::default());
                self.until.as_deref().map(coming)
            }
            Goal::Replies if !self.input_ended => Some("all messages were sent".to_owned()),
            // A server need not answer -x.
            Goal::Replies if self.has_enough_replies() => None,
            Goal::Replies => Some(format!(
                "all replies were received ({} of {})",
                self.received, self.sent
            )),
            Goal::Delivery if self.input_ended => {
                Some("it had confirmed that it has read all messages".to_owned())
            }
            Goal::Delivery => Some("all messages were sent".to_owned()),
            Goal::Count(wanted) => Some(self.awaited_count(wanted, "reply")),
            Goal::First(wanted) => Some(self.awaited_count(wanted, "message")),
            Goal::Expected => Some(self.expectations.awaited()),
            Goal::Stream if self.span.is_some() => Some("--for had elapsed".to_owned()),
            Goal::Idle(_) if !self.input_ended => Some("all of the input was sent".to_owned()),
            Goal::Stream | Goal::Idle(_) | Goal::Interactive => None,
        }
    }

    pub(super) fn restart_reply_timeout(&mut self, now: Instant) {
        self.last_activity = self.last_activity.map(|_| now);
    }

    pub(super) fn suspend(&mut self, now: Instant) {
        for time in [
            &mut self.last_activity,
            &mut self.last_received,
            &mut self.awaited_since,
        ] {
            *time = time.map(|_| now);
        }
        self.restart_receipt(now);
    }

    /// The wait for the proof of delivery begins when everything has left.
    pub(super) fn restart_receipt(&mut self, now: Instant) {
        if let DeliveryProof::Asked(since) = &mut self.proof {
            *since = now;
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [
            self.idle_deadline(),
            self.reply_deadline(),
            self.idle_end(),
            self.span_end(),
            self.write_stall.deadline(self.write_limit()),
            self.receipt_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn wants_receipt(&self) -> bool {
        self.goal == Goal::Delivery && self.proof == DeliveryProof::NotAsked
    }

    pub(super) fn awaits_receipt(&self) -> bool {
        matches!(self.proof, DeliveryProof::Asked(_))
    }

    pub(super) fn notice_receipt(&mut self, is_read: bool, now: Instant) {
        self.proof = match self.proof {
            _ if is_read => DeliveryProof::Read,
            DeliveryProof::NotAsked => DeliveryProof::Asked(now),
            proof => proof,
        };
    }

    fn receipt_deadline(&self) -> Option<Instant> {
        match self.proof {
            DeliveryProof::Asked(since) => Some(
                since
                    + self
                        .patience
                        .map_or(RECEIPT, |patience| patience.min(RECEIPT)),
            ),
            _ => None,
        }
    }

    /// How long the peer may take nothing of what waits to be sent. `listen` has only the limit of silence, and a
    /// user at a terminal sees what happens.
    fn write_limit(&self) -> Option<Duration> {
        match self.goal {
            Goal::Idle(lull) => Some(lull),
            Goal::Interactive => None,
            _ => self.patience.or(self.idle_limit),
        }
    }

    fn idle_deadline(&self) -> Option<Instant> {
        match self.goal {
            Goal::Idle(lull) if self.input_ended => Some(self.last_activity? + lull),
            _ => None,
        }
    }

    /// Silence counts only once everything has been sent: the program that writes to stdin may be slow.
    fn reply_deadline(&self) -> Option<Instant> {
        // With expectations, messages that do not match do not extend the limit.
        let since = match self.goal {
            Goal::Expected => self.awaited_since,
            _ if self.turns.greeting().is_some() => self.awaited_since,
            _ => self.last_activity,
        };
        Some(since.filter(|_| self.awaits_reply())? + self.patience?)
    }

    /// Whether a message is awaited that `-w` limits.
    fn awaits_reply(&self) -> bool {
        match self.goal {
            _ if self.turns.is_waiting() => true,
            Goal::Replies | Goal::Count(_) | Goal::Expected => self.input_ended,
            _ => false,
        }
    }

    fn idle_end(&self) -> Option<Instant> {
        Some(self.last_received? + self.idle_limit?)
    }

    fn span_end(&self) -> Option<Instant> {
        Some(self.opened_at? + self.span?)
    }

    pub(super) fn expire(&mut self, now: Instant) -> Verdict {
        let reached = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        if self.finished {
            return Verdict::GoOn;
        }
        if reached(self.receipt_deadline()) {
            self.proof = DeliveryProof::Unanswered;
            return self.verdict();
        }
        if reached(self.span_end()) || reached(self.idle_deadline()) {
            return self.time_is_over();
        }
        let hint = match self.goal {
            Goal::First(_) | Goal::Stream => {
                "the server does not read; --idle-timeout TIME waits longer"
            }
            _ => "the server does not read; -w TIME waits longer",
        };
        if let Some(failure) = self.write_stall.failure(self.write_limit(), hint, now) {
            return Verdict::Failed(failure);
        }
        if reached(self.reply_deadline())
            && let Some(limit) = self.patience
        {
            if let Some(verdict) = self.leave_on_open_unanswered(now) {
                return verdict;
            }
            return Verdict::Failed(self.reply_timed_out(limit));
        }
        if reached(self.idle_end())
            && let Some(limit) = self.idle_limit
        {
            return Verdict::Failed(Failure::Silence {
                received: "no message received".to_owned(),
                limit,
                hint: None,
            });
        }
        Verdict::GoOn
    }

    /// A silence after at least as many replies as messages: the server does not answer those of `-x`.
    fn leave_on_open_unanswered(&mut self, now: Instant) -> Option<Verdict> {
        if self.goal != Goal::Replies || self.turns.greeting().is_some() {
            return None;
        }
        if self.turns.is_stepping() {
            return self.turns.goes_on().then(|| {
                self.is_on_open_unanswered = true;
                self.last_activity = Some(now);
                self.verdict()
            });
        }
        self.has_enough_replies().then(|| {
            self.is_on_open_unanswered = true;
            self.finished = true;
            Verdict::Done
        })
    }

    /// `--for` or the final silence has elapsed: success, unless `--until` was expected within it.
    fn time_is_over(&mut self) -> Verdict {
        let span = self.span.unwrap_or_default();
        match &self.until {
            Some(until) => {
                let unmet = until.missed(&units::shown(span), &PassedOver::default());
                self.unmet(unmet)
            }
            None => {
                self.finished = true;
                Verdict::Done
            }
        }
    }

    /// The number of messages to wait for, as a clause that follows "before".
    fn awaited_count(&self, wanted: u64, noun: &str) -> String {
        format!(
            "{} {} received ({} so far)",
            units::count(wanted, noun),
            if wanted == 1 { "was" } else { "were" },
            self.received
        )
    }

    fn reply_timed_out(&self, limit: Duration) -> Failure {
        if let Some(greeting) = self.turns.greeting() {
            let unmet = greeting.missed(&units::shown(limit), &PassedOver::default());
            return Failure::Unmet(Box::new(unmet.hint("-w TIME waits longer")));
        }
        if self.goal == Goal::Expected {
            let unmet = self.expectations.silence(&units::shown(limit));
            return Failure::Unmet(Box::new(unmet));
        }
        let (received, hint) = match self.goal {
            _ if self.turns.is_waiting() => (
                format!("no reply to message {}", self.sent),
                "-w TIME waits longer".to_owned(),
            ),
            Goal::Count(wanted) => (
                format!("{} of {wanted} replies received", self.received),
                "use -w TIME to wait longer".to_owned(),
            ),
            _ => (
                format!("{} of {} replies received", self.received, self.sent),
                "use --no-wait if the server does not reply, or -w TIME to wait longer".to_owned(),
            ),
        };
        Failure::Silence {
            received,
            limit,
            hint: Some(hint),
        }
    }

    pub(super) fn interrupt(&mut self) -> Option<Verdict> {
        (self.goal == Goal::Interactive).then_some(Verdict::Done)
    }

    pub(super) fn is_full(&self) -> bool {
        self.finished && (self.until_came || matches!(self.goal, Goal::First(_)))
    }

    pub(super) fn has_verdict(&self) -> bool {
        !self.expectations.is_empty()
    }

    pub(super) fn nearest(&self) -> Option<Closest> {
        let until = self.until.as_ref().and_then(|until| until.closest());
        let greeting = || self.turns.greeting().and_then(AwaitedMessage::closest);
        let nearest = until.or_else(greeting).cloned();
        nearest.or_else(|| self.expectations.nearest())
    }

    pub(super) fn outlives_connection(&self) -> bool {
        self.goal == Goal::Interactive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::close::CloseCode;
    use crate::connection::message::Payload;
    use crate::event::{Message, Traffic};

    fn message(direction: Direction) -> Event {
        let payload = Payload::Text("x".into());
        Event::Message(Message {
            direction,
            n: 1,
            payload,
            by_link: false,
            by_rule: false,
            read_at: None,
        })
    }

    fn close(by: Initiator, code: u16) -> Event {
        let close = CloseInfo {
            by,
            code: CloseCode(code),
            reason: String::new(),
            clean: true,
            error: None,
        };
        Event::Close(Box::new(Closed {
            close,
            first_message: None,
            open_for: Duration::ZERO,
            wire_bytes: (0, 0),
            received: Traffic::default(),
            sent: Traffic::default(),
            may_be_lost: 0,
            next: Next::Final,
            ended_by: None,
        }))
    }

    /// A rule whose connection is open.
    fn open(goal: Goal, now: Instant) -> Conversation {
        let mut rule = Conversation::new(goal).reply_timeout(Some(Duration::from_secs(5)));
        rule.opened_at = Some(now);
        rule.last_activity = Some(now);
        rule.last_received = Some(now);
        rule
    }

    #[test]
    fn a_reply_for_each_message_ends_a_send() {
        let now = Instant::now();
        let mut rule = open(Goal::Replies, now);
        rule.on_event(&message(Direction::Out), now);
        rule.on_event(&message(Direction::Out), now);
        assert!(matches!(
            rule.on_event(&message(Direction::In), now),
            Verdict::GoOn
        ));
        assert!(matches!(rule.input_idle(true, now), Verdict::GoOn));
        assert!(matches!(
            rule.on_event(&message(Direction::In), now),
            Verdict::Done
        ));
    }

    #[test]
    fn a_greeting_before_the_end_of_the_input_does_not_end_a_count() {
        let now = Instant::now();
        let mut rule = open(Goal::Count(1), now);
        assert!(matches!(
            rule.on_event(&message(Direction::In), now),
            Verdict::GoOn
        ));
        assert!(matches!(rule.input_idle(false, now), Verdict::Done));
    }

    #[test]
    fn silence_counts_from_the_last_message_and_only_when_all_was_sent() {
        let now = Instant::now();
        let later = now + Duration::from_secs(3);
        let mut rule = open(Goal::Replies, now);
        rule.on_event(&message(Direction::Out), now);
        assert_eq!(rule.deadline(), None);
        rule.input_idle(true, later);
        assert_eq!(rule.deadline(), Some(later + Duration::from_secs(5)));
        assert!(matches!(rule.expire(later), Verdict::GoOn));
        let verdict = rule.expire(later + Duration::from_secs(5));
        assert!(
            matches!(verdict, Verdict::Failed(Failure::Silence { .. })),
            "{verdict:?}"
        );
    }

    #[test]
    fn whether_a_close_is_a_success_depends_on_the_goal() {
        let now = Instant::now();
        let judged = |goal, by, code| {
            let verdict = open(goal, now).on_event(&close(by, code), now);
            matches!(verdict, Verdict::Done)
        };
        assert!(judged(Goal::Stream, Initiator::Peer, 1000));
        assert!(judged(Goal::Stream, Initiator::Peer, 1001));
        assert!(judged(Goal::Stream, Initiator::Peer, 1005));
        assert!(!judged(Goal::Stream, Initiator::Peer, 1008));
        assert!(!judged(Goal::Stream, Initiator::None, 1006));
        assert!(!judged(Goal::Count(1), Initiator::Peer, 1000));
        assert!(!judged(Goal::Replies, Initiator::Peer, 1000));
    }
}
