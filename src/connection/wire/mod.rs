//! The protocol of an open connection (RFC 6455 §5, RFC 7692), without any input or output: bytes that
//! have arrived become messages, messages become bytes that are to leave. Every frame and every message
//! goes this way, in both roles.
//!
//! [`Wire::receive`] holds the peer to the rules, from the first byte on; [`Wire::encode`] follows them,
//! except for [`Outgoing::Raw`], which is there to break them.

mod assembly;
mod decoder;
mod deflate;
mod encoder;
pub mod header;
pub mod mask_keys;
pub mod negotiation;
mod rules;
mod trace;
mod utf8;
pub mod violation;

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use rand::rngs::SysError;
pub use tokio_tungstenite::tungstenite::protocol::Role;

use self::decoder::Decoder;
use self::encoder::Encoder;
use self::negotiation::NegotiatedDeflate;
use self::trace::Trace;
use self::violation::Violation;
use super::frame::{ClosePayload, Opcode, TracedFrame};
use super::message::{Outgoing, Payload};

/// How an open connection differs from the usual.
#[derive(Debug, Clone, Copy)]
pub struct WireSettings {
    /// The compression that was agreed.
    pub compression: Option<NegotiatedDeflate>,
    /// The largest message accepted, in bytes, whether in one frame or in many.
    pub max_message: u64,
    /// Whether every frame is told of ([`Received::Frame`]).
    pub trace: bool,
    /// Whether pings are answered, as RFC 6455 §5.5.2 demands.
    pub answers_pings: bool,
}

/// What the peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A whole message.
    Message(Payload),
    /// A ping, which is to be answered.
    Ping(Bytes),
    /// A pong, asked for or not.
    Pong(Bytes),
    /// A close frame that breaks no rule.
    Close(ClosePayload),
    /// A frame that has passed, in either direction; it comes before what it carries.
    Frame(Box<TracedFrame>),
}

/// What a peer has begun and not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// A message of which so many bytes have come: compressed where that was agreed.
    Message(u64),
    /// A frame, between messages: a control frame, or what has no whole header.
    Frame,
}

/// One end of an open connection.
pub struct Wire {
    role: Role,
    decoder: Decoder,
    encoder: Encoder,
    trace: Option<Box<Trace>>,
    answers_pings: bool,
}

impl Wire {
    /// An end whose opening handshake is over.
    ///
    /// # Errors
    /// When the operating system has no random numbers to give, which a client needs.
    pub fn new(role: Role, settings: &WireSettings) -> Result<Self, SysError> {
        Ok(Self {
            role,
            decoder: Decoder::new(role, settings),
            encoder: Encoder::new(role, settings)?,
            trace: settings.trace.then(Box::default),
            answers_pings: settings.answers_pings,
        })
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether pings are to be answered.
    pub fn answers_pings(&self) -> bool {
        self.answers_pings
    }

    /// Takes the next thing out of `input`; `None` when more must arrive first.
    ///
    /// # Errors
    /// How the peer broke the protocol. Nothing is to be received after that.
    #[inline]
    pub fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Received>, Box<Violation>> {
        if self.trace.is_none() {
            return self.decoder.receive(input, &mut None);
        }
        if let Some(told) = self.traced() {
            return told.map(Some);
        }
        let outcome = self.decoder.receive(input, &mut self.trace);
        if let Some(outcome) = outcome.transpose()
            && let Some(trace) = &mut self.trace
        {
            trace.push(outcome);
        }
        self.traced().transpose()
    }

    /// What was traced and not told yet.
    pub fn traced(&mut self) -> Option<Result<Received, Box<Violation>>> {
        self.trace.as_mut()?.pop()
    }

    /// Makes frames behind what is in `out`, or has them wait for [`Wire::refill`].
    #[inline]
    pub fn encode(&mut self, out: &mut Vec<u8>, outgoing: &Outgoing) {
        self.encoder.encode(out, outgoing, &mut self.trace);
    }

    /// Makes a close frame, with a code and a reason or without.
    pub fn encode_close(&mut self, out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
        let payload = code.map_or_else(Vec::new, |code| {
            [&code.to_be_bytes(), reason.as_bytes()].concat()
        });
        let trace = &mut self.trace;
        self.encoder
            .control(out, Opcode::Close, payload.into(), trace);
    }

    /// Makes the next of what waits ready to leave, behind what is in `out`.
    pub fn refill(&mut self, out: &mut Vec<u8>) {
        self.encoder.refill(out, &mut self.trace);
    }

    /// Bytes of payload that wait for [`Wire::refill`].
    pub fn waiting_bytes(&self) -> usize {
        self.encoder.waiting_bytes()
    }

    /// Forgets what waits: nothing leaves any more.
    pub fn discard(&mut self) {
        self.encoder.discard();
    }

    /// Bytes of frames, headers included: received, sent.
    pub fn frame_bytes(&self) -> (u64, u64) {
        (self.decoder.received(), self.encoder.sent())
    }

    /// Bytes of data frames received, of those still under way as well.
    pub fn data_received(&self) -> u64 {
        self.decoder.data()
    }

    /// What the peer has begun and not finished, where `input` is what was not taken yet.
    pub fn unfinished(&self, input: &[u8]) -> Option<Unfinished> {
        self.decoder.unfinished(input)
    }
}
