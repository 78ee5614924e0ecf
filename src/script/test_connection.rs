//! A connection of a running test: its link, and the messages that no step has looked at yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use super::step_failure::StepFailure;
use super::transcript::Transcript;
use crate::connection::close::{CloseCode, CloseInfo, Initiator};
use crate::connection::error::Error;
use crate::connection::message::{Direction, Payload};
use crate::connection::target::Address;
use crate::connection::{Opened, ReadyState};
use crate::decode::DecodeFormat;
use crate::event::{Event, Message, Next};
use crate::expectation::{PassedOver, answers, end_in_words, looked_at};
use crate::link::{Link, LinkPolicy};
use crate::output::Sinks;
use crate::pattern::Pattern;
use crate::rules::Rule;

/// Bytes of unread messages at which a connection is no longer read.
const INBOX: usize = 1 << 20;
/// The same while a pong is awaited, which arrives after everything the server sent before it.
const INBOX_BEFORE_PONG: usize = 64 << 20;
/// Events taken from one connection before the next one is polled.
const TURN: usize = 128;
/// Memory of a message in an inbox beyond its payload, in bytes.
const ENVELOPE: usize = 64;

/// How a connection ended.
#[derive(Clone, Debug)]
pub enum ConnectionEnd {
    /// It was never open.
    Failed(Box<Error>),
    /// It was.
    Closed(Box<CloseInfo>),
}

impl From<&ConnectionEnd> for StepFailure {
    fn from(end: &ConnectionEnd) -> Self {
        match end {
            ConnectionEnd::Failed(error) => (&**error).into(),
            ConnectionEnd::Closed(close) => match &close.error {
                Some(error) => (&**error).into(),
                None => Self::unmet(end_in_words(close)),
            },
        }
    }
}

/// One connection of a test.
pub struct TestConnection {
    pub(super) name: Option<String>,
    /// Where it was opened to, before redirects.
    pub address: Address,
    pub(super) link: Link,
    /// Redacted.
    pub(super) url: String,
    /// Its number in events.
    pub(super) number: u64,
    pub(super) never: Vec<Pattern>,
    pub(super) inbox: VecDeque<Payload>,
    /// The size of `inbox`, and from which on no more is read.
    pub(super) held: usize,
    pub(super) limit: usize,
    /// What the handshake agreed on.
    pub opened: Option<Box<Opened>>,
    /// How the connection ended.
    pub end: Option<ConnectionEnd>,
    /// Whether a loss is followed by another connection (`--reconnect`).
    pub(super) comes_back: bool,
    /// The code of our close frame.
    closed_with: Option<CloseCode>,
    /// Whether a step has looked at the end.
    is_end_seen: bool,
    /// The last end of a connection that was followed by another.
    pub(super) interrupted: Option<Box<CloseInfo>>,
    pub(super) last_pong: Option<(u64, Option<Duration>)>,
    pub(super) forbidden: Option<StepFailure>,
    /// The messages that steps have skipped.
    pub passed: PassedOver,
    /// The last message received.
    pub last: Option<Payload>,
    /// Whether a failed attempt has opened it: its messages do not matter.
    pub(super) is_forgotten: bool,
    pub(super) down: bool,
}

impl TestConnection {
    pub(super) fn new(name: Option<String>, policy: LinkPolicy) -> Self {
        Self {
            name,
            address: policy.target.address.clone(),
            comes_back: policy.persistence.reconnect.is_some(),
            closed_with: None,
            is_end_seen: false,
            interrupted: None,
            link: Link::new(policy),
            url: String::new(),
            number: 0,
            never: Vec::new(),
            inbox: VecDeque::new(),
            held: 0,
            limit: INBOX,
            opened: None,
            end: None,
            last_pong: None,
            forbidden: None,
            passed: PassedOver::default(),
            last: None,
            is_forgotten: false,
            down: false,
        }
    }

    /// The next unread message.
    pub fn take(&mut self) -> Option<Payload> {
        let payload = self.inbox.pop_front()?;
        self.held -= payload.weight() + ENVELOPE;
        self.passed.count();
        Some(payload)
    }

    /// How the last connection ended, even if it was followed by another; returned once.
    pub fn take_close(&mut self) -> Option<ConnectionEnd> {
        self.is_end_seen |= self.end.is_some();
        let interrupted = self.interrupted.take().map(ConnectionEnd::Closed);
        self.end.clone().or(interrupted)
    }

    /// The failure of a connection that the server closed with an error code, if no step has looked at that. A loss
    /// is none: everything that the test asked for has happened.
    pub(super) fn unseen_error(&self) -> Option<StepFailure> {
        match &self.end {
            Some(ConnectionEnd::Closed(close))
                if !(self.is_end_seen || self.is_forgotten)
                    && close.clean
                    && close.error.is_none()
                    && !answers(close, self.closed_with) =>
            {
                let name = self.name.as_ref();
                let which = name.map(|name| format!("{name}: ")).unwrap_or_default();
                let why = format!("{which}the server closed with {close}");
                Some(StepFailure::unmet(why))
            }
            _ => None,
        }
    }

    /// The conversation continues on this connection: the loss of an earlier one no longer matters.
    pub(super) fn resume_reading(&mut self) {
        if self.link.is_open() {
            self.interrupted = None;
        }
    }

    /// Ready when something can be sent, or never again. A reconnect is waited for.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.link.ready_state() {
            _ if self.end.is_some() || self.down => Poll::Ready(()),
            ReadyState::Open => self.link.poll_ready(cx),
            _ if self.comes_back => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// The state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.link.ready_state()
    }

    /// Drops the messages that no step has looked at.
    pub(super) fn forget(&mut self) {
        self.inbox.clear();
        self.held = 0;
    }

    /// Raises the inbox limit so that a pong behind unread messages is reached, or restores it.
    pub fn read_ahead(&mut self, to_pong: bool) {
        self.limit = if to_pong { INBOX_BEFORE_PONG } else { INBOX };
    }

    /// The pong that answers a ping, and how long it took.
    pub fn pong(&self, seq: u64) -> Option<Option<Duration>> {
        let (answered, rtt) = self.last_pong?;
        (answered == seq).then_some(rtt)
    }

    /// Makes a message that matches fail the test, also one that was received and not read yet.
    pub fn forbid(&mut self, pattern: Pattern) {
        let found = self
            .inbox
            .iter()
            .find_map(|payload| violation(&pattern, payload));
        self.forbidden = self.forbidden.take().or(found);
        self.never.push(pattern);
    }

    /// Answers messages by this rule, also those that no step has looked at yet.
    pub fn answer_by(&mut self, rule: Rule) {
        self.link.add_rule(rule);
        let (link, held) = (&mut self.link, &mut self.held);
        self.inbox.retain(|payload| {
            let is_answered = link.answer(payload);
            if is_answered {
                *held -= payload.weight() + ENVELOPE;
            }
            !is_answered
        });
    }

    /// Decodes binary messages from now on, also those that were received and not read yet.
    pub fn decode(&mut self, format: DecodeFormat) {
        self.link.set_decode(format);
        self.held = 0;
        for payload in std::mem::take(&mut self.inbox) {
            let payload = match payload {
                Payload::Decoded(decoded) => Payload::Binary(decoded.bytes.clone()),
                payload => payload,
            };
            if let Some(payload) = self.link.decoded(payload) {
                self.keep(payload);
            }
        }
    }

    /// Keeps a received message for a step to read.
    pub(super) fn keep(&mut self, payload: Payload) {
        let found = self
            .never
            .iter()
            .find_map(|pattern| violation(pattern, &payload));
        self.forbidden = self.forbidden.take().or(found);
        self.held += payload.weight() + ENVELOPE;
        self.inbox.push_back(payload);
    }

    /// Drives the connection; true when something happened.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        sinks: &RefCell<Sinks>,
        transcript: &mut Transcript,
        is_stopping: bool,
    ) -> bool {
        let mut events = 0;
        // Once the run is stopped, a reader of stdout that does not read must not keep a connection open.
        let has_room = || is_stopping || sinks.borrow().writer.has_room();
        let listens = self.held < self.limit && has_room();
        while !self.down && self.held < self.limit && has_room() {
            if events == TURN {
                cx.waker().wake_by_ref();
                break;
            }
            match self.link.poll_next(cx) {
                Poll::Ready(Some(
                    Event::Message(_) | Event::Ping { .. } | Event::Pong { .. } | Event::Frame(_),
                )) if is_stopping && !sinks.borrow().writer.has_room() => {}
                Poll::Ready(Some(event)) => self.on_event(event, sinks, transcript),
                Poll::Ready(None) => self.down = true,
                Poll::Pending => break,
            }
            events += 1;
        }
        events += usize::from(self.link.poll_heartbeat(cx, listens));
        // Pending only means that the socket is full; the link wakes this task.
        let _ = self.link.poll_flush(cx);
        events > 0
    }

    pub(super) fn on_event(
        &mut self,
        event: Event,
        sinks: &RefCell<Sinks>,
        transcript: &mut Transcript,
    ) {
        self.write_event(&event, sinks);
        transcript.note(self.name.as_deref(), &self.url, &event);
        match event {
            Event::Connecting { url, .. } => self.url = url,
            Event::Open(opened) => self.opened = Some(opened),
            Event::Message(Message {
                direction: Direction::In,
                payload,
                by_rule: false,
                ..
            }) if !self.is_forgotten => {
                self.last = Some(payload.clone());
                self.keep(payload);
            }
            Event::Pong {
                seq: Some(seq),
                rtt,
                ..
            } => self.last_pong = Some((seq, rtt)),
            Event::Closing {
                by: Initiator::Local,
                code,
                ..
            } => self.closed_with = Some(code),
            Event::Close(closed) if closed.next == Next::Final => {
                self.end = Some(ConnectionEnd::Closed(Box::new(closed.close)));
            }
            Event::Close(closed) => self.interrupted = Some(Box::new(closed.close)),
            Event::Failed(error, Next::Final) => self.end = Some(ConnectionEnd::Failed(error)),
            _ => {}
        }
    }

    /// Events carry the number of their connection, because several connections are driven in turn.
    pub(super) fn write_event(&mut self, event: &Event, sinks: &RefCell<Sinks>) {
        let mut sinks = sinks.borrow_mut();
        sinks.turn_to(self.number, None);
        sinks.on_event(event);
        self.number = sinks.connection();
    }
}

fn violation(pattern: &Pattern, payload: &Payload) -> Option<StepFailure> {
    let why = match pattern.is_match(payload) {
        true => format!("received a message that 'never {pattern}' forbids"),
        // A pattern that cannot be checked any more must not pass as one that did not match.
        false => format!("cannot check 'never': {}", pattern.given_up()?),
    };
    let mut failure = StepFailure::unmet(why);
    failure.details = vec![format!("message: {}", looked_at(pattern, payload))];
    Some(failure)
}
