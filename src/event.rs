//! Everything that happens, as one type. The printer, the log, the words on stderr and the stop rule
//! are its readers: what one of them can know, each of them can.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use crate::connection::close::{CloseCode, CloseInfo, Initiator};
use crate::connection::error::Error;
use crate::connection::frame::TracedFrame;
use crate::connection::message::{Direction, Payload};
use crate::connection::{Opened, Progress, ReadyState};
use crate::secret::Secret;

/// Something that happened on a link.
#[derive(Debug)]
pub enum Event {
    /// A value that must not be shown is about to be used.
    Secret(Secret),
    /// An attempt begins.
    Connecting {
        /// The URL, redacted.
        url: String,
        /// Counts from 1, and from 1 again after a connection that held.
        attempt: u32,
    },
    /// A step on the way to an open connection.
    Progress(Box<Progress>),
    /// The connection is OPEN.
    Open(Box<Opened>),
    /// A message came or went.
    Message(Message),
    /// Several messages went out together, and nobody looks at each of them.
    Batch(Traffic),
    /// A message went out in parts that are not kept.
    Streamed {
        /// Counts the messages sent on this connection, from 1.
        n: u64,
        /// Whether it is text.
        is_text: bool,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A ping frame, or what stands for one: a message whose reply is timed.
    Ping {
        /// Who sent it.
        direction: Direction,
        /// Our own pings are numbered from 1.
        seq: Option<u64>,
        /// Its payload.
        payload: Bytes,
    },
    /// A pong frame, or what stands for one: a message that answers one of our pings.
    Pong {
        /// Who sent it.
        direction: Direction,
        /// The number of the ping that it answers.
        seq: Option<u64>,
        /// Its payload.
        payload: Bytes,
        /// From our ping to this pong; none where it had to wait on our side before it was read.
        rtt: Option<Duration>,
        /// Why it does not count as the answer, if it does not.
        fault: Option<PongMismatch>,
    },
    /// One of our numbered pings was given up.
    Unanswered {
        /// Its number.
        seq: u64,
        /// How long its answer was waited for.
        patience: Duration,
        /// The peer seems to know no ping frames. Told once.
        is_telling: bool,
    },
    /// A frame has passed.
    Frame(Box<TracedFrame>),
    /// The closing handshake has begun.
    Closing {
        /// Who began it.
        by: Initiator,
        /// The code in the first close frame.
        code: CloseCode,
        /// The reason in it.
        reason: String,
    },
    /// A connection that had been open is CLOSED.
    Close(Box<Closed>),
    /// A connection was not opened.
    Failed(Box<Error>, Next),
    /// Another attempt follows after a wait that begins now.
    Reconnect(RetryWait),
}

/// Why a pong with the payload of one of our pings is not its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PongMismatch {
    /// The ping had been given up.
    Late,
    /// It was answered before.
    Duplicate,
}

/// What follows the end of a connection, or of an attempt to open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the link is down, and whoever waits for something waits in vain.
    Final,
    /// Another attempt: this was no end to whoever does not care for single connections.
    Another,
}

/// The time between two attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryWait {
    /// The attempt that follows, by its number in [`Event::Connecting`].
    pub attempt: u32,
    /// How long.
    pub delay: Duration,
    /// Why there is no connection. May hold the peer's words: escape before showing.
    pub because: String,
}

/// A message that came or went.
#[derive(Debug)]
pub struct Message {
    /// Who sent it.
    pub direction: Direction,
    /// Counts the messages of this direction on this connection, from 1.
    pub n: u64,
    /// Its content.
    pub payload: Payload,
    /// Whether the link sent it on its own (`-x`, `--heartbeat`), not because the input had it.
    pub by_link: bool,
    /// When the last byte of one that came was read, where that is known; others are told as they leave.
    pub read_at: Option<Instant>,
}

/// Messages and their bytes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Payload bytes.
    pub bytes: u64,
}

impl Traffic {
    /// One more message; gives its number.
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

/// The end of a connection that had been open.
#[derive(Clone, Debug)]
pub struct Closed {
    /// How it ended.
    pub close: CloseInfo,
    /// How long it was open.
    pub open_for: Duration,
    /// Bytes on the wire, frame headers included: received, sent.
    pub wire_bytes: (u64, u64),
    /// From the open to the first message received, if one was.
    pub first_message: Option<Duration>,
    /// What was received.
    pub received: Traffic,
    /// What was sent.
    pub sent: Traffic,
    /// Messages of the input that were sent and not proven to have been read, where the link keeps
    /// count of that.
    pub may_be_lost: u64,
    /// What follows.
    pub next: Next,
}

/// How a link stands.
#[derive(Debug)]
pub struct LinkStatus {
    /// The state of its connection.
    pub state: ReadyState,
    /// The URL, redacted.
    pub url: String,
    /// The connection, if there is one.
    pub connection: Option<ConnectionStatus>,
}

/// How a connection stands that is OPEN or CLOSING.
#[derive(Debug)]
pub struct ConnectionStatus {
    /// How long it has been open.
    pub open_for: Duration,
    /// What the handshake gave.
    pub opened: Opened,
    /// What was received.
    pub received: Traffic,
    /// What was sent.
    pub sent: Traffic,
    /// Bytes on the wire, frame headers included: received, sent.
    pub wire_bytes: (u64, u64),
    /// The last round trip of a ping.
    pub last_rtt: Option<Duration>,
}
