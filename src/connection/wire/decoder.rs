//! Decodes the bytes of the peer to messages.
//!
//! A message in one complete, uncompressed frame is taken out of the input without a copy; that is nearly
//! all traffic. Every other payload is decoded piece by piece as it arrives.

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

/// The maximum number of bytes allocated at once on the basis of a declared length.
const TRUSTED_LENGTH: u64 = 16 << 20;

/// Decodes received frames.
#[derive(Debug)]
pub(super) struct Decoder {
    rules: FrameValidator,
    /// Set if permessage-deflate was negotiated.
    inflater: Option<Inflater>,
    /// The frame whose payload is arriving.
    frame: Option<PartialFrame>,
    /// The current message.
    message: Option<PartialMessage>,
    /// Bytes of frames so far, headers included.
    received: u64,
    /// Bytes of data frames among them.
    data: u64,
}

/// A frame whose header was decoded and whose payload is incomplete.
#[derive(Debug)]
struct PartialFrame {
    header: FrameHeader,
    /// Bytes of payload that are still missing.
    left: u64,
    /// Its first bytes, for error texts.
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

    /// Bytes of data frames so far, incomplete frames included.
    pub(super) fn data(&self) -> u64 {
        self.data
    }

    /// What the peer has not finished; `input` contains the bytes not decoded yet.
    pub(super) fn unfinished(&self, input: &[u8]) -> Option<Unfinished> {
        match &self.message {
            Some(message) => Some(Unfinished::Message(message.received())),
            None if self.frame.is_some() || !input.is_empty() => Some(Unfinished::Frame),
            None => None,
        }
    }

    /// Decodes the next event from `input`; `None` if more bytes are needed.
    ///
    /// # Errors
    /// A violation by the peer. Nothing may be received after it.
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

    /// Takes out a complete frame that is a whole message.
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

    /// Decodes the header of a frame whose payload is decoded piece by piece.
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

    /// Decodes more payload of the current frame.
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
            // A control frame is short: it stays in the input until it is complete.
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

    /// Adds a piece of payload to the current message, and completes the message if it was the last.
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

    /// Handles a complete control frame.
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

/// The message in `frame`, which starts with a header of `len` bytes.
#[inline]
fn take_whole(
    mut frame: BytesMut,
    header: &FrameHeader,
    len: usize,
    trace: &mut Option<Box<Trace>>,
) -> Result<Received, Box<Violation>> {
    // Kept for the error text if the text is not UTF-8: the frame is unmasked by then.
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
