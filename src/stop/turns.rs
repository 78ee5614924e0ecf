//! Whose turn it is: `send --after` and `--step` make messages wait for those of the server.

use std::collections::VecDeque;

use crate::connection::message::Payload;
use crate::expectation::AwaitedMessage;
use crate::pattern::Pattern;

/// The most messages kept that came when it was our turn.
const EARLY: usize = 1000;

/// Decides whether the next message may be sent.
#[derive(Debug, Default)]
pub struct Turns {
    /// The message that the first one waits for (`--after`), until it has come.
    greeting: Option<AwaitedMessage>,
    /// Whether each message waits for the reply to the last one (`--step`).
    is_stepping: bool,
    /// Whether the last message has not been answered yet.
    is_waiting: bool,
    /// How many replies to messages of `-x` may still come before the reply to the last message.
    on_open: u64,
    /// Whether something has come since the last message that may be the reply to it or to one of `-x`.
    is_unclear: bool,
    /// Messages received when it was our turn. They belong to no message of ours, unless there is none left to send.
    early: VecDeque<Payload>,
}

impl Turns {
    /// Each message waits for the reply to the last one.
    pub fn stepping(mut self, is_stepping: bool) -> Self {
        self.is_stepping = is_stepping;
        self
    }

    /// The first message waits for this one.
    pub fn after(mut self, greeting: Option<Pattern>) -> Self {
        self.greeting = greeting.map(AwaitedMessage::matching);
        self
    }

    /// Whether any message has to wait.
    pub fn are_taken(&self) -> bool {
        self.is_stepping || self.greeting.is_some()
    }

    /// Whether the next message may be sent.
    pub fn may_send(&self) -> bool {
        self.greeting.is_none() && !self.is_waiting
    }

    /// Whether a message of the server is awaited before the next one of ours.
    pub fn is_waiting(&self) -> bool {
        !self.may_send()
    }

    /// Whether each message waits for its reply.
    pub fn is_stepping(&self) -> bool {
        self.is_stepping
    }

    /// The greeting that is still awaited.
    pub fn greeting(&self) -> Option<&AwaitedMessage> {
        self.greeting.as_ref()
    }

    /// Compares a message with the awaited greeting: `None` if none is awaited, otherwise whether this is it.
    pub fn greeted(&mut self, payload: &Payload) -> Option<bool> {
        let is_it = self.greeting.as_mut()?.check(payload);
        if is_it {
            self.greeting = None;
            self.on_open = 0;
        }
        Some(is_it)
    }

    /// A message of `-x` was sent.
    pub fn sent_on_open(&mut self) {
        self.on_open += 1;
    }

    /// A message was sent; returns the messages that came before it and answer nothing.
    pub fn sent(&mut self) -> VecDeque<Payload> {
        self.is_waiting = self.is_stepping;
        self.is_unclear = false;
        std::mem::take(&mut self.early)
    }

    /// The message that was awaited has come.
    pub fn answered(&mut self) {
        self.is_waiting = false;
    }

    /// A message came that answers the last one, or one of `-x`.
    pub fn replied(&mut self) {
        if self.on_open == 0 {
            self.is_waiting = false;
        } else {
            self.on_open -= 1;
            self.is_unclear = true;
        }
    }

    /// Nothing has come for as long as a reply is awaited: what has come is the reply, since the server does not answer
    /// every message of `-x`. False if nothing has come.
    pub fn goes_on(&mut self) -> bool {
        let goes_on = self.is_waiting && self.is_unclear;
        if goes_on {
            self.is_waiting = false;
            self.on_open = 0;
        }
        goes_on
    }

    /// Keeps a message that came when it was our turn; false if it may answer the last message.
    pub fn keep_early(&mut self, payload: &Payload, all_sent: bool) -> bool {
        let is_early = self.is_stepping && !self.is_waiting && !all_sent;
        if is_early {
            self.on_open = self.on_open.saturating_sub(1);
            self.early.push_back(payload.clone());
            if self.early.len() > EARLY {
                self.early.pop_front();
            }
        }
        is_early
    }

    /// Nothing more will be sent; returns the messages received since the last turn, which count after all.
    pub fn all_sent(&mut self) -> VecDeque<Payload> {
        std::mem::take(&mut self.early)
    }
}
