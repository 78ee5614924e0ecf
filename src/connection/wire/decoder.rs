//! From the peer's bytes to its messages.
//!
//! A message in one uncompressed frame that is here as a whole is taken out of the input without a
//! copy, which is nearly all traffic. Every other payload is taken piece by piece, as it arrives.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::protocol::Role;

use super::assembly::PartialMessage;
use super::deflate::Inflater;
use super::header::{FrameHeader, WHOLE_BINARY, WHOLE_TEXT, apply_mask};
use super::rules::{self, FrameValidator};
use super::trace::Trace;
use super::violation::{SHOWN, Violation, ViolationKind};
use super::{Received, Unfinished, WireSettings};
use crate::connection::frame::Opcode;
use crate::connection::message::{Payload, Text};

/// The most room that is made at once for a message because its header says so, in bytes.
const TRUSTED_LENGTH: u64 = 16 << 20;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Decoder {
    rules: FrameValidator,
    /// Where permessage-deflate was agreed.
    inflater: Option<Inflater>,
    /// The frame whose payload is arriving.
    frame: Option<PartialFrame>,
    /// The message that frame belongs to, or the next one will.
    message: Option<PartialMessage>,
    /// Bytes of frames so far, headers included.
    received: u64,
    /// Bytes of data frames among them.
    data: u64,
}

/// A frame whose header has been taken, and not all of its payload.
#[derive(Debug)]
struct PartialFrame {
    header: FrameHeader,
    /// How much of its payload is still to come, in bytes.
    left: u64,
    /// What it begins with.
    head: [u8; SHOWN],
    head_len: usize,
}

impl Decoder {
    pub(super) fn new(role: Role, settings: &WireSettings) -> Self {
        Self {
            rules: FrameValidator {
                masks: role == Role::Server,
                rsv1: settings.compression.is_some(),
                max_message: settings.max_message,
                message: None,
                closed: false,
            },
            inflater: settings
                .compression
                .map(|negotiated| Inflater::new(role, negotiated)),
            frame: None,
            message: None,
            received: 0,
            data: 0,
        }
    }

    /// Bytes of frames so far, headers included.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of data frames so far, of those still under way as well.
    pub(super) fn data(&self) -> u64 {
        self.data
    }

    /// What the peer has begun and not finished, where `input` is what was not taken yet.
    pub(super) fn unfinished(&self, input: &[u8]) -> Option<Unfinished> {
        match &self.message {
            Some(message) => Some(Unfinished::Message(message.established())),
            None if self.frame.is_some() || !input.is_empty() => Some(Unfinished::Frame),
            None => None,
        }
    }

    /// Takes the next thing out of `input`; `None` when more must arrive first.
    ///
    /// # Errors
    /// The rule that the peer broke. Nothing is to be received after that.
    #[inline]
    pub(super) fn receive(
        &mut self,
        input: &mut BytesMut,
        trace: &mut Option<Box<Trace>>,
    ) -> Result<Option<Received>, Box<Violation>> {
        loop {
            if self.frame.is_none() {
                let (header, len) = match self.rules.header(input) {
                    Ok(Some(found)) => found,
                    Ok(None) => return Ok(None),
                    Err(kind) => return Err(violation(kind, input)),
                };
                if let Some(trace) = trace {
                    trace.begin_frame(&header, len);
                }
                if let Some(frame) = self.whole_message(&header, len, input) {
                    return take_whole(frame, &header, len, trace).map(Some);
                }
                self.begin_frame(header, len, input);
            }
            let received = self.continue_frame(input, trace)?;
            if received.is_some() || self.frame.is_some() {
                return Ok(received);
            }
        }
    }

    /// Takes out a frame that is a message by itself and is here as a whole.
    #[inline]
    fn whole_message(
        &mut self,
        header: &FrameHeader,
        len: usize,
        input: &mut BytesMut,
    ) -> Option<BytesMut> {
        if !matches!(header.first, WHOLE_TEXT | WHOLE_BINARY) {
            return None;
        }
        let whole = usize::try_from(header.payload).ok()?.checked_add(len)?;
        if input.len() < whole {
            return None;
        }
        self.received += whole as u64;
        self.data += whole as u64;
        Some(input.split_to(whole))
    }

    /// Takes the header of a frame whose payload is taken piece by piece.
    #[inline(never)]
    fn begin_frame(&mut self, header: FrameHeader, len: usize, input: &mut BytesMut) {
        let mut head = [0; SHOWN];
        let head_len = input.len().min(SHOWN);
        head[..head_len].copy_from_slice(&input[..head_len]);
        input.advance(len);
        self.rules.start(&header);
        self.received += len as u64;
        if !header.opcode().is_control() {
            self.data += len as u64;
            let is_known = header.is_final() && !header.rsv1();
            let room = if is_known { header.payload } else { 0 }.min(TRUSTED_LENGTH);
            let limit = self.rules.max_message;
            self.message.get_or_insert_with(|| {
                let is_text = header.opcode() == Opcode::Text;
                PartialMessage::new(is_text, header.rsv1(), room as usize, limit)
            });
        }
        self.frame = Some(PartialFrame {
            header,
            left: header.payload,
            head,
            head_len,
        });
    }

    /// Goes on with the frame that is arriving, as far as `input` goes.
    #[inline(never)]
    fn continue_frame(
        &mut self,
        input: &mut BytesMut,
        trace: &mut Option<Box<Trace>>,
    ) -> Result<Option<Received>, Box<Violation>> {
        let Some(mut frame) = self.frame.take() else {
            return Ok(None);
        };
        let is_control = frame.header.opcode().is_control();
        let here = usize::try_from(frame.left).map_or(input.len(), |left| left.min(input.len()));
        if is_control && (here as u64) < frame.left {
            // A control frame is short: it waits in the input until it is whole.
            self.frame = Some(frame);
            return Ok(None);
        }
        let mut piece = input.split_to(here);
        if let Some(mask) = frame.header.mask {
            apply_mask(&mut piece, mask, frame.header.payload - frame.left);
        }
        if let Some(trace) = trace {
            trace.payload(&piece);
        }
        frame.left -= here as u64;
        self.received += here as u64;
        if is_control {
            return frame.control(piece.freeze(), trace).map(Some);
        }
        self.data += here as u64;
        self.data_piece(frame, &piece)
    }

    /// Puts a piece of a data frame's payload into its message, which may end with it.
    fn data_piece(
        &mut self,
        frame: PartialFrame,
        piece: &[u8],
    ) -> Result<Option<Received>, Box<Violation>> {
        let Some(message) = &mut self.message else {
            return Ok(None);
        };
        message
            .push(piece, self.inflater.as_mut())
            .map_err(|kind| frame.violation(kind))?;
        if frame.left > 0 {
            self.frame = Some(frame);
            return Ok(None);
        }
        if !frame.header.is_final() {
            return Ok(None);
        }
        let message = self.message.take();
        message
            .map(|message| message.finish(self.inflater.as_mut()))
            .transpose()
            .map(|payload| payload.map(Received::Message))
            .map_err(|kind| frame.violation(kind))
    }
}

impl PartialFrame {
    fn violation(&self, kind: ViolationKind) -> Box<Violation> {
        violation(kind, &self.head[..self.head_len])
    }

    /// A control frame has arrived.
    fn control(
        &self,
        payload: Bytes,
        trace: &mut Option<Box<Trace>>,
    ) -> Result<Received, Box<Violation>> {
        match self.header.opcode() {
            Opcode::Ping => return Ok(Received::Ping(payload)),
            Opcode::Pong => return Ok(Received::Pong(payload)),
            _ => {}
        }
        let close = rules::close_payload(&payload);
        if let Some(trace) = trace {
            let (Ok(seen) | Err((_, seen))) = &close;
            trace.close_frame(seen.clone());
        }
        close.map(Received::Close).map_err(|(kind, seen)| {
            Box::new(Violation::new(kind, &self.head[..self.head_len]).in_close(seen))
        })
    }
}

/// The message that `frame` is, which begins with a header of `len` bytes.
#[inline]
fn take_whole(
    mut frame: BytesMut,
    header: &FrameHeader,
    len: usize,
    trace: &mut Option<Box<Trace>>,
) -> Result<Received, Box<Violation>> {
    // Kept for a text that turns out not to be UTF-8: by then the frame is unmasked and gone.
    let shown = frame.len().min(SHOWN);
    let mut head = [0; SHOWN];
    match frame.first_chunk() {
        Some(chunk) => head = *chunk,
        None => head[..shown].copy_from_slice(&frame[..shown]),
    }
    frame.advance(len);
    if let Some(mask) = header.mask {
        apply_mask(&mut frame, mask, 0);
    }
    if let Some(trace) = trace {
        trace.payload(&frame);
    }
    let payload = frame.freeze();
    if header.first == WHOLE_BINARY {
        return Ok(Received::Message(Payload::Binary(payload)));
    }
    match Text::try_from(payload) {
        Ok(text) => Ok(Received::Message(Payload::Text(text))),
        Err(_) => Err(violation(ViolationKind::TextNotUtf8, &head[..shown])),
    }
}

#[cold]
fn violation(kind: ViolationKind, frame: &[u8]) -> Box<Violation> {
    Box::new(Violation::new(kind, frame))
}
