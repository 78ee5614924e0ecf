//! Encodes messages to frames.
//!
//! Small messages are encoded at once. Large messages, and everything after them, are queued and encoded
//! piece by piece as the bytes before them are written. So a message of any size needs extra memory only
//! for one masked or compressed piece.

use std::collections::VecDeque;

use bytes::Bytes;
use rand::rngs::SysError;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::WireSettings;
use super::deflate::Deflater;
use super::header::{FIN, FrameHeader, MaskedPayload, RSV1};
use super::mask_keys::MaskKeys;
use super::trace::Trace;
use crate::connection::frame::Opcode;
use crate::connection::message::{Batch, Outgoing, Payload};

/// Payloads of at least this many bytes are encoded piece by piece.
const LARGE: usize = 32 * 1024;

/// The number of bytes encoded at once.
const BLOCK: usize = 128 * 1024;

/// The maximum fragment of a compressed message, in bytes. A message that compresses to less is sent in one
/// frame.
const DEFLATED_FRAGMENT: usize = 64 * 1024;

/// Messages below this many bytes are sent uncompressed: a deflate block and its end cost about as much as
/// compression saves. RFC 7692 §6 leaves the choice to the sender.
const WORTH_DEFLATING: usize = 16;

/// Encodes outgoing frames.
pub(super) struct Encoder {
    /// Masking keys; set for a client.
    keys: Option<MaskKeys>,
    /// Set if permessage-deflate was negotiated.
    deflater: Option<Deflater>,
    /// The first byte, without FIN, of the next frame of the message that is being compressed.
    deflating: Option<u8>,
    /// Compressed bytes that are not in a frame yet.
    deflated: Vec<u8>,
    waiting: VecDeque<QueuedPayload>,
    /// Bytes of payload in `waiting`.
    waiting_bytes: usize,
    /// Bytes of frames encoded so far, headers included.
    sent: u64,
}

/// An entry of the queue.
enum QueuedPayload {
    Whole(Outgoing),
    Control(Opcode, Bytes),
    /// The rest of a frame.
    Masked(MaskedPayload),
    /// The rest of a payload that is being compressed, and whether it ends the message.
    Deflating(Bytes, bool),
}

/// A payload's place in its message.
#[derive(Clone, Copy)]
struct MessagePart {
    is_text: bool,
    is_first: bool,
    is_last: bool,
}

impl Encoder {
    /// An encoder for a role.
    ///
    /// # Errors
    /// The operating system provides no random numbers.
    pub(super) fn new(role: Role, settings: &WireSettings) -> Result<Self, SysError> {
        Ok(Self {
            keys: match role {
                Role::Client => Some(MaskKeys::new()?),
                Role::Server => None,
            },
            deflater: settings
                .compression
                .and_then(|negotiated| Deflater::new(role, negotiated)),
            deflating: None,
            deflated: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            sent: 0,
        })
    }

    /// Bytes of frames encoded so far, headers included.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes of payload in the queue.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Entries of the queue.
    pub(super) fn waiting_entries(&self) -> usize {
        self.waiting.len()
    }

    /// Discards the queue: nothing is written any more.
    pub(super) fn discard(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Appends frames to `out`, or queues them.
    #[inline]
    pub(super) fn encode(
        &mut self,
        out: &mut Vec<u8>,
        outgoing: &Outgoing,
        trace: &mut Option<Box<Trace>>,
    ) {
        if self.waiting.is_empty() && large(outgoing).is_none() {
            self.write(out, outgoing, trace);
        } else {
            self.wait(QueuedPayload::Whole(outgoing.clone()));
        }
    }

    /// Appends a control frame to `out`, or queues it.
    pub(super) fn control(
        &mut self,
        out: &mut Vec<u8>,
        opcode: Opcode,
        payload: Bytes,
        trace: &mut Option<Box<Trace>>,
    ) {
        if self.waiting.is_empty() {
            self.frame(out, FIN | opcode.bits(), &payload, trace);
        } else {
            self.wait(QueuedPayload::Control(opcode, payload));
        }
    }

    /// Encodes the next queue entries and appends them to `out`.
    pub(super) fn refill(&mut self, out: &mut Vec<u8>, trace: &mut Option<Box<Trace>>) {
        while out.len() < BLOCK
            && let Some(waiting) = self.waiting.pop_front()
        {
            self.waiting_bytes -= waiting.bytes();
            let rest = match waiting {
                QueuedPayload::Whole(outgoing) => match large(&outgoing) {
                    Some((part, payload)) => self.begin_large(out, part, payload.clone(), trace),
                    None => {
                        self.write(out, &outgoing, trace);
                        None
                    }
                },
                QueuedPayload::Control(opcode, payload) => {
                    self.frame(out, FIN | opcode.bits(), &payload, trace);
                    None
                }
                QueuedPayload::Masked(mut payload) => {
                    payload.take(BLOCK, out);
                    (!payload.is_empty()).then_some(QueuedPayload::Masked(payload))
                }
                QueuedPayload::Deflating(mut rest, is_last) => {
                    let piece = rest.split_to(rest.len().min(DEFLATED_FRAGMENT));
                    self.deflate(out, &piece, rest.is_empty().then_some(is_last), trace);
                    (!rest.is_empty()).then_some(QueuedPayload::Deflating(rest, is_last))
                }
            };
            if let Some(rest) = rest {
                self.waiting_bytes += rest.bytes();
                self.waiting.push_front(rest);
            }
        }
    }

    fn wait(&mut self, waiting: QueuedPayload) {
        self.waiting_bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    /// Encodes something that is not large.
    #[inline]
    fn write(&mut self, out: &mut Vec<u8>, outgoing: &Outgoing, trace: &mut Option<Box<Trace>>) {
        match outgoing {
            Outgoing::Batch(batch) => self.batch(out, batch, trace),
            Outgoing::Message(_) | Outgoing::Fragment(_) => {
                if let Some((part, payload)) = data(outgoing) {
                    self.data(out, part, payload, trace);
                }
            }
            Outgoing::Ping(payload) => {
                self.frame(out, FIN | Opcode::Ping.bits(), payload, trace);
            }
            Outgoing::Pong(payload) => {
                self.frame(out, FIN | Opcode::Pong.bits(), payload, trace);
            }
            Outgoing::Raw(bytes) => {
                self.sent += bytes.len() as u64;
                out.extend_from_slice(bytes);
                if let Some(trace) = trace
                    && let Some((header, len)) = FrameHeader::parse(bytes)
                {
                    trace.sent_frame(&header, len, &bytes[len..]);
                }
            }
        }
    }

    /// Encodes each message of a batch as a frame.
    fn batch(&mut self, out: &mut Vec<u8>, batch: &Batch, trace: &mut Option<Box<Trace>>) {
        let part = MessagePart {
            is_text: batch.is_text(),
            is_first: true,
            is_last: true,
        };
        for range in batch.ranges() {
            self.data(out, part, &batch.bytes()[range], trace);
        }
    }

    /// Encodes a message, or a part of one, as a frame.
    #[inline]
    fn data(
        &mut self,
        out: &mut Vec<u8>,
        part: MessagePart,
        payload: &[u8],
        trace: &mut Option<Box<Trace>>,
    ) {
        if self.starts_deflating(part, payload) {
            self.deflate(out, payload, Some(part.is_last), trace);
        } else {
            self.frame(out, part.first_byte(), payload, trace);
        }
    }

    /// Starts the frame of a large payload; returns the rest for the queue.
    fn begin_large(
        &mut self,
        out: &mut Vec<u8>,
        part: MessagePart,
        payload: Bytes,
        trace: &mut Option<Box<Trace>>,
    ) -> Option<QueuedPayload> {
        if self.starts_deflating(part, &payload) {
            return Some(QueuedPayload::Deflating(payload, part.is_last));
        }
        let header = self.header(part.first_byte(), payload.len());
        self.write_header(out, &header, &payload, trace);
        Some(QueuedPayload::Masked(MaskedPayload::new(
            payload,
            header.mask,
        )))
    }

    /// Whether a payload is compressed. The first part of a message decides.
    #[inline]
    fn starts_deflating(&mut self, part: MessagePart, payload: &[u8]) -> bool {
        if part.is_first && self.deflater.is_some() {
            let is_tiny = part.is_last && payload.len() < WORTH_DEFLATING;
            self.deflating = (!is_tiny).then_some(part.first_byte() & !FIN | RSV1);
        }
        self.deflating.is_some()
    }

    /// Compresses a piece of a payload. `end` is set if the piece ends the payload, and true if it also ends
    /// the message. The output is flushed at the end of each payload, so that fragments stay fragments and
    /// arrive without delay.
    fn deflate(
        &mut self,
        out: &mut Vec<u8>,
        piece: &[u8],
        end: Option<bool>,
        trace: &mut Option<Box<Trace>>,
    ) {
        let (Some(deflater), Some(first)) = (&mut self.deflater, self.deflating) else {
            return;
        };
        match end {
            None => deflater.deflate(piece, &mut self.deflated),
            Some(false) => deflater.flush(piece, &mut self.deflated),
            Some(true) => deflater.finish(piece, &mut self.deflated),
        }
        if end.is_none() && self.deflated.len() < DEFLATED_FRAGMENT {
            return;
        }
        let is_last = end == Some(true);
        let mut deflated = std::mem::take(&mut self.deflated);
        self.frame(
            out,
            if is_last { first | FIN } else { first },
            &deflated,
            trace,
        );
        deflated.clear();
        self.deflated = deflated;
        self.deflating = (!is_last).then_some(Opcode::Continuation.bits());
    }

    /// Appends a frame.
    #[inline]
    fn frame(
        &mut self,
        out: &mut Vec<u8>,
        first: u8,
        payload: &[u8],
        trace: &mut Option<Box<Trace>>,
    ) {
        let header = self.header(first, payload.len());
        self.write_header(out, &header, payload, trace);
        let begin = out.len();
        out.extend_from_slice(payload);
        if let Some(mask) = header.mask {
            super::header::apply_mask(&mut out[begin..], mask, 0);
        }
    }

    #[inline]
    fn header(&mut self, first: u8, payload: usize) -> FrameHeader {
        FrameHeader {
            first,
            mask: self.keys.as_mut().map(MaskKeys::next_key),
            payload: payload as u64,
        }
    }

    /// Appends a header, and counts the frame.
    #[inline]
    fn write_header(
        &mut self,
        out: &mut Vec<u8>,
        header: &FrameHeader,
        payload: &[u8],
        trace: &mut Option<Box<Trace>>,
    ) {
        let before = out.len();
        header.write(out);
        let len = out.len() - before;
        self.sent += len as u64 + header.payload;
        if let Some(trace) = trace {
            trace.sent_frame(header, len, payload);
        }
    }
}

impl QueuedPayload {
    /// Bytes of payload in this entry.
    fn bytes(&self) -> usize {
        match self {
            Self::Whole(outgoing) => outgoing.len(),
            Self::Control(_, payload) | Self::Deflating(payload, _) => payload.len(),
            Self::Masked(payload) => payload.len(),
        }
    }
}

impl MessagePart {
    #[inline]
    fn first_byte(self) -> u8 {
        let opcode = match (self.is_first, self.is_text) {
            (false, _) => Opcode::Continuation,
            (true, true) => Opcode::Text,
            (true, false) => Opcode::Binary,
        };
        opcode.bits() | if self.is_last { FIN } else { 0 }
    }
}

/// The payload of a message or of a part of one.
#[inline]
fn data(outgoing: &Outgoing) -> Option<(MessagePart, &Bytes)> {
    match outgoing {
        Outgoing::Message(payload) => {
            let part = MessagePart {
                is_text: matches!(payload, Payload::Text(_)),
                is_first: true,
                is_last: true,
            };
            Some((part, payload.bytes()))
        }
        Outgoing::Fragment(fragment) => {
            let part = MessagePart {
                is_text: fragment.is_text,
                is_first: fragment.is_first,
                is_last: fragment.is_last,
            };
            Some((part, &fragment.bytes))
        }
        _ => None,
    }
}

/// The payload, if it is too large to be encoded at once.
#[inline]
fn large(outgoing: &Outgoing) -> Option<(MessagePart, &Bytes)> {
    data(outgoing).filter(|(_, payload)| payload.len() >= LARGE)
}
