//! What was seen of a server during one probe.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::connection::close::CloseCode;
use crate::connection::error::{Error, ErrorKind};
use crate::connection::frame::ClosePayload;
use crate::connection::handshake::{Headers, Refusal, Response};
use crate::connection::message::Payload;
use crate::connection::probing::{RawAnswer, RawRequest, StreamEnd};
use crate::connection::tls::NegotiatedTls;
use crate::connection::wire::Received;
use crate::connection::wire::negotiation::NegotiatedDeflate;
use crate::connection::wire::violation::Violation;
use crate::units;

/// What was seen on one connection.
#[derive(Debug)]
pub struct Observation {
    /// The request that was sent.
    pub request: RawRequest,
    /// How the handshake ended.
    pub handshake: HandshakeEnd,
    /// The TLS session.
    pub tls: Option<NegotiatedTls>,
    /// What the server sent after the probe's first frame, in order; the pong for the ping behind is not among it.
    pub received: Vec<Received>,
    /// Whether the ping behind the frames was answered.
    pub is_answered: bool,
    /// How the connection ended.
    pub ending: Ending,
    /// How the server ended TCP after its close frame, where a probe waits for that; `None` if it did not.
    pub tcp_end: Option<StreamEnd>,
    /// The time limit that applied.
    pub limit: Duration,
}

/// How a handshake ended.
#[derive(Debug)]
pub enum HandshakeEnd {
    /// No connection was possible.
    NotConnected(Error),
    /// There was an answer, or the connection ended.
    Answered(RawAnswer),
    /// No answer came within the time limit.
    Silent,
    /// The connection was open, but the messages of `-x` did not lead to what `--after` waits for: why.
    NotReady(String),
}

/// How a connection ended, as far as it was watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There was no WebSocket connection.
    NotOpened,
    /// It is open, and everything asked for was seen.
    Open,
    /// The server sent a close frame, legal or not.
    Close(ClosePayload),
    /// The server violated the protocol.
    Violation(Box<Violation>),
    /// The server ended TCP without a close frame.
    Ended,
    /// The connection failed, such as by a reset: why.
    Failed(String),
    /// The time limit was reached first.
    TimedOut,
}

impl Observation {
    /// An observation that has not begun.
    pub fn new(request: RawRequest, limit: Duration) -> Self {
        Self {
            request,
            handshake: HandshakeEnd::Silent,
            tls: None,
            received: Vec::new(),
            is_answered: false,
            ending: Ending::NotOpened,
            tcp_end: None,
            limit,
        }
    }

    /// The 101 that opened the connection.
    pub fn opened(&self) -> Option<&Response> {
        match &self.handshake {
            HandshakeEnd::Answered(RawAnswer::Opened(response, _)) => Some(response),
            _ => None,
        }
    }

    /// The compression that was negotiated.
    pub fn compression(&self) -> Option<NegotiatedDeflate> {
        match &self.handshake {
            HandshakeEnd::Answered(RawAnswer::Opened(_, compression)) => *compression,
            _ => None,
        }
    }

    /// The answer that refused the handshake.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.handshake {
            HandshakeEnd::Answered(RawAnswer::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The status and headers of the answer to the handshake.
    pub fn answer(&self) -> Option<(u16, &Headers)> {
        match &self.handshake {
            HandshakeEnd::Answered(
                RawAnswer::Opened(response, _) | RawAnswer::Invalid(response, _),
            ) => Some((response.status, &response.headers)),
            HandshakeEnd::Answered(RawAnswer::Refused(refusal)) => {
                Some((refusal.status, &refusal.headers))
            }
            _ => None,
        }
    }

    /// The messages received.
    pub fn messages(&self) -> impl Iterator<Item = &Payload> {
        self.received.iter().filter_map(|received| match received {
            Received::Message(payload) => Some(payload),
            _ => None,
        })
    }

    /// The pongs received, without the one for the ping behind.
    pub fn pongs(&self) -> impl Iterator<Item = &Bytes> {
        self.received.iter().filter_map(|received| match received {
            Received::Pong(payload) => Some(payload),
            _ => None,
        })
    }

    /// The close frame, legal or not.
    pub fn close(&self) -> Option<&ClosePayload> {
        match &self.ending {
            Ending::Close(close) => Some(close),
            Ending::Violation(violation) => violation.close(),
            _ => None,
        }
    }

    /// Whether the server violated the protocol.
    pub fn is_illegal(&self) -> bool {
        matches!(&self.ending, Ending::Violation(violation) if !violation.is_too_large())
    }

    /// Whether the connection ended without a word, as it does when a server dies.
    pub fn is_abrupt(&self) -> bool {
        match &self.handshake {
            HandshakeEnd::NotConnected(_) => true,
            HandshakeEnd::Answered(RawAnswer::NoHttp(error)) => error.kind == ErrorKind::Lost,
            _ => matches!(self.ending, Ending::Ended | Ending::Failed(_)),
        }
    }

    /// Whether a time limit was reached.
    pub fn is_timed_out(&self) -> bool {
        matches!(self.handshake, HandshakeEnd::Silent) || self.ending == Ending::TimedOut
    }

    /// How the handshake ended, in words.
    pub fn handshake_in_words(&self) -> String {
        match &self.handshake {
            HandshakeEnd::NotConnected(error) => error.message.clone(),
            HandshakeEnd::Answered(RawAnswer::Opened(response, _)) => {
                format!("{} {}", response.status, response.reason)
                    .trim_end()
                    .to_owned()
            }
            HandshakeEnd::Answered(RawAnswer::Invalid(_, error) | RawAnswer::NoHttp(error)) => {
                error.message.clone()
            }
            HandshakeEnd::Answered(RawAnswer::Refused(refusal)) => refusal.status_line(),
            HandshakeEnd::Silent => format!("no answer within {}", units::shown(self.limit)),
            HandshakeEnd::NotReady(why) => why.clone(),
        }
    }

    /// How the connection ended, in words.
    pub fn ending_in_words(&self) -> String {
        match &self.ending {
            Ending::NotOpened => self.handshake_in_words(),
            Ending::Open if self.is_answered => {
                "the connection goes on: the ping behind it was answered".to_owned()
            }
            Ending::Open => "the connection is open".to_owned(),
            Ending::Close(close) => close_in_words(close),
            Ending::Violation(violation) => match violation.close() {
                Some(close) => close_in_words(close),
                None => format!("the server {violation}"),
            },
            Ending::Ended => "the end of TCP, without a close frame".to_owned(),
            Ending::Failed(why) => format!("the end of TCP, without a close frame ({why})"),
            Ending::TimedOut => format!(
                "neither a close frame nor an answer to a ping within {}",
                units::shown(self.limit)
            ),
        }
    }
}

/// `close 1002 (Protocol Error): bad frame`.
fn close_in_words(close: &ClosePayload) -> String {
    struct Reason<'a>(&'a str);
    impl fmt::Display for Reason<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0 {
                "" => Ok(()),
                reason => write!(f, ": {reason}"),
            }
        }
    }
    match close.code {
        None => "a close frame without a code".to_owned(),
        Some(code) => format!("close {}{}", CloseCode(code), Reason(&close.reason)),
    }
}
