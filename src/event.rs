//! The events of a link. Printers, the log, diagnostics on stderr and the stop rule all receive the same
//! events.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use crate::connection::close::{CloseCode, CloseInfo, Initiator};
use crate::connection::error::Error;
use crate::connection::frame::TracedFrame;
use crate::connection::message::{Direction, Payload};
use crate::connection::{Opened, Progress, ReadyState};
use crate::secret::Secret;
use crate::template::variables::Filled;

/// Something that happened on a link.
#[derive(Debug)]
pub enum Event {
    /// A secret is about to be used and must be redacted from now on.
    Secret(Secret),
    /// A text with secrets is about to be sent: they are redacted from now on.
    FilledIn(Box<Filled>),
    /// An attempt to connect starts.
    Connecting {
        /// The URL, redacted.
        url: String,
        /// The number of the attempt, from 1; reset after a connection that stayed open for 10 s.
        attempt: u32,
    },
    /// A step on the way to an open connection.
    Progress(Box<Progress>),
    /// The connection is OPEN.
    Open(Box<Opened>),
    /// A message was received or sent.
    Message(Message),
    /// Several messages were sent together as a batch.
    Batch(Traffic),
    /// A message was sent in fragments, whose content is not kept.
    Streamed {
        /// Counts the messages sent on this connection, from 1.
        n: u64,
        /// Whether it is text.
        is_text: bool,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A ping frame or an application-level ping.
    Ping {
        /// Its direction.
        direction: Direction,
        /// The sequence number of a requested ping of ours, from 1.
        seq: Option<u64>,
        /// Its payload.
        payload: Bytes,
    },
    /// A pong frame, or a message that answers an application-level ping.
    Pong {
        /// Its direction.
        direction: Direction,
        /// The sequence number of the ping that it answers.
        seq: Option<u64>,
        /// Its payload.
        payload: Bytes,
        /// The round-trip time; `None` if the pong may have waited unread.
        rtt: Option<Duration>,
        /// Why it does not count as the answer; `None` if it does.
        fault: Option<PongMismatch>,
    },
    /// One of our numbered pings was lost.
    Unanswered {
        /// Its sequence number.
        seq: u64,
        /// The time limit.
        timeout: Duration,
        /// Whether the peer seems not to support ping frames. Set only once.
        first_of_silence: bool,
    },
    /// A frame was received or sent.
    Frame(Box<TracedFrame>),
    /// The closing handshake has started.
    Closing {
        /// Who started it.
        by: Initiator,
        /// The code of the first close frame.
        code: CloseCode,
        /// The reason of the first close frame.
        reason: String,
    },
    /// An open connection is now CLOSED.
    Close(Box<Closed>),
    /// An attempt to connect failed.
    Failed(Box<Error>, Next),
    /// Another attempt follows; the wait before it starts now.
    Reconnect(RetryWait),
}

/// Why a pong with the payload of one of our pings does not count as its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PongMismatch {
    /// It arrived after the time limit.
    Late,
    /// The ping was already answered.
    Duplicate,
}

/// What follows the end of a connection or a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the link is down.
    Final,
    /// Another attempt to connect.
    WillReconnect,
}

/// The time between two attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryWait {
    /// The number of the next attempt, as in [`Event::Connecting`].
    pub attempt: u32,
    /// The duration of the wait.
    pub delay: Duration,
    /// Why there is no connection. It may contain text from the peer: escape it before printing.
    pub because: String,
}

/// A message that was received or sent.
#[derive(Debug)]
pub struct Message {
    /// Its direction.
    pub direction: Direction,
    /// Counts the messages of this direction on this connection, from 1.
    pub n: u64,
    /// Its content.
    pub payload: Payload,
    /// Whether the link sent it itself (`-x`, `--heartbeat`) and not from the input.
    pub by_link: bool,
    /// Whether a rule has answered it, or it is the answer of a rule: it is no reply, and no expectation looks at it.
    pub by_rule: bool,
    /// When the last byte of a received message was read, if known.
    pub read_at: Option<Instant>,
}

/// What waits to be sent because the peer does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// The bytes that wait; 0 if only a layer below, such as TLS, still holds some.
    pub waiting: u64,
    /// The bytes written on this connection so far.
    pub written: u64,
}

/// The number of messages and bytes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Payload bytes.
    pub bytes: u64,
}

impl Traffic {
    /// Adds a message; returns its number.
    pub fn add(&mut self, bytes: usize) -> u64 {
        self.messages += 1;
        self.bytes += bytes as u64;
        self.messages
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// The end of an open connection, with its statistics.
#[derive(Clone, Debug)]
pub struct Closed {
    /// How it ended.
    pub close: CloseInfo,
    /// How long it was open.
    pub open_for: Duration,
    /// Bytes on the wire, frame headers included: received, sent.
    pub wire_bytes: (u64, u64),
    /// The time from the open to the first message received, if any.
    pub first_message: Option<Duration>,
    /// What was received.
    pub received: Traffic,
    /// What was sent.
    pub sent: Traffic,
    /// The number of messages of the input that were sent and may not have been read; 0 if the link does not
    /// track that.
    pub may_be_lost: u64,
    /// What follows.
    pub next: Next,
    /// Who has ended it, if it went through a proxy.
    pub ended_by: Option<ProxyParty>,
}

/// The parties to a connection through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyParty {
    /// The client.
    Client,
    /// The server.
    Server,
    /// The proxy itself: a fault, or its end.
    Proxy,
}

/// The status of a link.
#[derive(Debug)]
pub struct LinkStatus {
    /// The state of its connection.
    pub state: ReadyState,
    /// The URL, redacted.
    pub url: String,
    /// The connection, if there is one.
    pub connection: Option<ConnectionStatus>,
}

/// The status of a connection that is OPEN or CLOSING.
#[derive(Debug)]
pub struct ConnectionStatus {
    /// How long it has been open.
    pub open_for: Duration,
    /// The result of the handshake.
    pub opened: Opened,
    /// What was received.
    pub received: Traffic,
    /// What was sent.
    pub sent: Traffic,
    /// Bytes on the wire, frame headers included: received, sent.
    pub wire_bytes: (u64, u64),
    /// The round-trip time of the last ping.
    pub last_rtt: Option<Duration>,
}
