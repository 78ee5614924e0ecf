//! Decodes received binary messages (`--decode`).

use std::sync::Arc;

use bytes::Bytes;

use super::{Link, LinkState, OpenLink};
use crate::connection::Progress;
use crate::connection::message::{DecodedMessage, Direction, Payload};
use crate::decode::{DecodeFormat, Decoding, MessageDecoder};
use crate::event::{Event, Message};
use crate::units;

impl Link {
    /// Decodes binary messages in this format from now on.
    pub fn set_decode(&mut self, format: DecodeFormat) {
        self.policy.decode = Some(format);
        self.decoder = self.new_decoder();
        self.examines_messages = true;
    }

    /// Leaves binary messages as they are from now on.
    pub fn stop_decoding(&mut self) {
        self.policy.decode = None;
        self.decoder = None;
    }

    /// How binary messages are decoded.
    pub fn decode_format(&self) -> Option<&DecodeFormat> {
        self.policy.decode.as_ref()
    }

    /// The decoder of a new connection, whose streams begin anew.
    pub(super) fn new_decoder(&self) -> Option<Box<MessageDecoder>> {
        let limit = self.policy.target.limits.max_size;
        let format = self.policy.decode.as_ref()?;
        Some(Box::new(MessageDecoder::new(format, limit)))
    }

    /// A received message, decoded if it is binary; `None` if a later message completes it, or if it is too large, which
    /// ends the connection.
    pub fn decoded(&mut self, payload: Payload) -> Option<Payload> {
        let (Some(decoder), Payload::Binary(bytes)) = (&mut self.decoder, &payload) else {
            return Some(payload);
        };
        match decoder.decode(bytes.clone()) {
            Decoding::Text { bytes, text } => Some(Payload::Decoded(Arc::new(DecodedMessage {
                bytes,
                text: text.into(),
                format: Arc::clone(decoder.format()),
            }))),
            Decoding::Incomplete => None,
            Decoding::Failed { bytes, why } => {
                if let Some(why) = why {
                    self.warn(format!("--decode: {why}"));
                }
                Some(Payload::Binary(bytes))
            }
            Decoding::TooLarge => {
                let format = decoder.format();
                let limit = units::grouped(self.policy.target.limits.max_size as u64);
                let message = format!("message exceeds --max-size {limit} when decoded ({format})");
                if let LinkState::Up(up) = &mut self.state {
                    up.connection.reject_message(message);
                }
                None
            }
        }
    }

    /// Reports what a connection that has ended leaves incomplete, and how many messages were not decoded.
    pub(super) fn finish_decoding(&mut self, up: &OpenLink) {
        let Some(mut decoder) = self.decoder.take() else {
            return;
        };
        let failures = decoder.failures();
        if failures > 1 {
            let (messages, format) = (units::count(failures, "message"), decoder.format());
            self.warn(format!(
                "--decode: {messages} of this connection were not {format}"
            ));
        }
        if let Some(bytes) = decoder.finish() {
            self.give_back(bytes, up.received.messages);
        }
    }

    /// Reports a message whose end has not come.
    fn give_back(&mut self, bytes: Bytes, n: u64) {
        let size = units::bytes(bytes.len());
        self.warn(format!(
            "--decode: the last message of {size} is incomplete; it is shown as received"
        ));
        self.events.push_back(Event::Message(Message {
            direction: Direction::In,
            n,
            payload: Payload::Binary(bytes),
            by_link: false,
            by_rule: false,
            read_at: None,
        }));
    }

    fn warn(&mut self, text: String) {
        let warning = Progress::Warning(text);
        self.events.push_back(Event::Progress(Box::new(warning)));
    }
}
