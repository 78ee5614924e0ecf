//! The protocol of an open connection (RFC 6455 §5, RFC 7692) without I/O: decodes received bytes to
//! messages and encodes messages to bytes, in both roles.
//!
//! [`Wire::receive`] checks the peer from the first byte on. [`Wire::encode`] follows the protocol, except
//! for [`Outgoing::Raw`], which exists to violate it.

mod assembly;
mod decoder;
mod deflate;
mod encoder;
pub mod header;
pub mod mask_keys;
pub mod negotiation;
pub mod raw;
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

/// Settings of the protocol.
#[derive(Debug, Clone, Copy)]
pub struct WireSettings {
    /// The negotiated compression.
    pub compression: Option<NegotiatedDeflate>,
    /// The maximum size of a message in bytes, fragmented or not.
    pub max_message: u64,
    /// Whether every frame is reported ([`Received::Frame`]).
    pub trace: bool,
    /// Whether pings are answered, as RFC 6455 §5.5.2 requires.
    pub answers_pings: bool,
}

/// What the peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A whole message.
    Message(Payload),
    /// A ping, which must be answered.
    Ping(Bytes),
    /// A pong, solicited or not.
    Pong(Bytes),
    /// A legal close frame.
    Close(ClosePayload),
    /// A frame in either direction; reported before its content.
    Frame(Box<TracedFrame>),
}

/// What the peer has started and not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// A message; the number of its bytes received, in compressed form if it is compressed.
    Message(u64),
    /// A frame outside a message: a control frame or an incomplete header.
    Frame,
}

/// The protocol state of one end of an open connection.
pub struct Wire {
    role: Role,
    decoder: Decoder,
    encoder: Encoder,
    trace: Option<Box<Trace>>,
    answers_pings: bool,
}

impl Wire {
    /// The state after the opening handshake.
    ///
    /// # Errors
    /// The operating system provides no random numbers, which a client needs for masking.
    pub fn new(role: Role, settings: &WireSettings) -> Result<Self, SysError> {
        Ok(Self {
            role,
            decoder: Decoder::new(role, settings),
            encoder: Encoder::new(role, settings)?,
            trace: settings.trace.then(Box::default),
            answers_pings: settings.answers_pings,
        })
    }

    /// The role of this end.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether pings must be answered.
    pub fn answers_pings(&self) -> bool {
        self.answers_pings
    }

    /// Pings are not answered from now on.
    pub fn leave_pings(&mut self) {
        self.answers_pings = false;
    }

    /// Decodes the next event from `input`; `None` if more bytes are needed.
    ///
    /// # Errors
    /// A violation by the peer. Nothing may be received after it.
    #[inline]
    pub fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Received>, Box<Violation>> {
        match self.trace {
            None => self.decoder.receive(input, &mut None),
            Some(_) => self.receive_traced(input),
        }
    }

    /// Frames before their message.
    fn receive_traced(&mut self, input: &mut BytesMut) -> Result<Option<Received>, Box<Violation>> {
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

    /// The next traced event that was not reported yet.
    pub fn traced(&mut self) -> Option<Result<Received, Box<Violation>>> {
        self.trace.as_mut()?.pop()
    }

    /// Appends frames to `out`, or queues them for [`Wire::refill`].
    #[inline]
    pub fn encode(&mut self, out: &mut Vec<u8>, outgoing: &Outgoing) {
        self.encoder.encode(out, outgoing, &mut self.trace);
    }

    /// Appends or queues a close frame; without a code it has no payload.
    pub fn encode_close(&mut self, out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
        let payload = code.map_or_else(Vec::new, |code| {
            [&code.to_be_bytes(), reason.as_bytes()].concat()
        });
        let trace = &mut self.trace;
        self.encoder
            .control(out, Opcode::Close, payload.into(), trace);
    }

    /// Appends the next queued frames to `out`.
    pub fn refill(&mut self, out: &mut Vec<u8>) {
        self.encoder.refill(out, &mut self.trace);
    }

    /// Bytes of payload queued for [`Wire::refill`].
    pub fn waiting_bytes(&self) -> usize {
        self.encoder.waiting_bytes()
    }

    /// Entries queued for [`Wire::refill`]; some have no payload.
    pub fn waiting_entries(&self) -> usize {
        self.encoder.waiting_entries()
    }

    /// Discards the queue: nothing is written any more.
    pub fn discard(&mut self) {
        self.encoder.discard();
    }

    /// Bytes of frames, headers included: received, sent.
    pub fn frame_bytes(&self) -> (u64, u64) {
        (self.decoder.received(), self.encoder.sent())
    }

    /// Bytes of data frames received, incomplete frames included.
    pub fn data_received(&self) -> u64 {
        self.decoder.data()
    }

    /// What the peer has not finished; `input` contains the bytes not decoded yet.
    pub fn unfinished(&self, input: &[u8]) -> Option<Unfinished> {
        self.decoder.unfinished(input)
    }
}
