//! The frames of both directions for `-vv`, in their order on the wire.

use std::collections::VecDeque;

use super::Received;
use super::header::FrameHeader;
use super::violation::Violation;
use crate::connection::frame::{ClosePayload, Opcode, TRACED_HEAD, TracedFrame};
use crate::connection::message::Direction;

/// The maximum number of queued entries; further sent frames are not reported.
const MOST: usize = 8192;

/// A queue of frames and the events decoded from them.
#[derive(Debug, Default)]
pub(super) struct Trace {
    queue: VecDeque<Result<Received, Box<Violation>>>,
    /// The frame whose payload is arriving. It is queued once the bytes to show have arrived.
    arriving: Option<Box<TracedFrame>>,
}

impl Trace {
    /// The next entry.
    pub(super) fn pop(&mut self) -> Option<Result<Received, Box<Violation>>> {
        self.queue.pop_front()
    }

    /// Queues the event decoded from the frames so far.
    pub(super) fn push(&mut self, outcome: Result<Received, Box<Violation>>) {
        // A frame that violates the protocol is reported before the violation.
        if outcome.is_err() {
            self.finish_frame();
        }
        self.queue.push_back(outcome);
    }

    /// Records a received header of `len` bytes.
    pub(super) fn begin_frame(&mut self, header: &FrameHeader, len: usize) {
        self.arriving = Some(traced_frame(Direction::In, header, len));
    }

    /// Records a piece of its payload, unmasked.
    pub(super) fn payload(&mut self, piece: &[u8]) {
        let Some(frame) = &mut self.arriving else {
            return;
        };
        append_head(frame, piece);
        // A close frame is queued only when complete, with its code and reason.
        let is_shown = frame.payload_bytes.min(TRACED_HEAD as u64) == u64::from(frame.head_len);
        if is_shown && frame.opcode != Opcode::Close {
            self.finish_frame();
        }
    }

    /// Records the code and reason of a received close frame.
    pub(super) fn close_frame(&mut self, close: ClosePayload) {
        if let Some(frame) = &mut self.arriving {
            frame.close = Some(close);
        }
        self.finish_frame();
    }

    /// Records a frame that is sent.
    pub(super) fn sent_frame(&mut self, header: &FrameHeader, len: usize, payload: &[u8]) {
        let mut frame = traced_frame(Direction::Out, header, len);
        append_head(&mut frame, payload);
        if frame.opcode == Opcode::Close {
            frame.close = Some(ClosePayload::read(payload));
        }
        if self.queue.len() < MOST {
            self.queue.push_back(Ok(Received::Frame(frame)));
        }
    }

    fn finish_frame(&mut self) {
        let frame = self.arriving.take();
        self.queue
            .extend(frame.map(|frame| Ok(Received::Frame(frame))));
    }
}

fn traced_frame(direction: Direction, header: &FrameHeader, len: usize) -> Box<TracedFrame> {
    Box::new(TracedFrame {
        direction,
        opcode: header.opcode(),
        fin: header.is_final(),
        rsv1: header.rsv1(),
        masked: header.mask.is_some(),
        wire_bytes: header.payload.saturating_add(len as u64),
        payload_bytes: header.payload,
        close: None,
        head: [0; TRACED_HEAD],
        head_len: 0,
    })
}

/// Copies the bytes of the next piece that still fit.
fn append_head(frame: &mut TracedFrame, piece: &[u8]) {
    let had = usize::from(frame.head_len);
    let len = piece.len().min(TRACED_HEAD - had);
    frame.head[had..had + len].copy_from_slice(&piece[..len]);
    frame.head_len += len as u8;
}
