//! What `-vv` tells of the frames in both directions, in the order in which they passed.

use std::collections::VecDeque;

use super::Received;
use super::header::FrameHeader;
use super::violation::Violation;
use crate::connection::frame::{ClosePayload, Opcode, TRACED_HEAD, TracedFrame};
use crate::connection::message::Direction;

/// The most that waits to be taken; what is sent beyond it is not told.
const MOST: usize = 8192;

/// Frames, and what they carried, that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Trace {
    told: VecDeque<Result<Received, Box<Violation>>>,
    /// The frame whose payload is arriving. It is told when enough of that has come to be shown.
    arriving: Option<Box<TracedFrame>>,
}

impl Trace {
    /// The next thing to tell.
    pub(super) fn pop(&mut self) -> Option<Result<Received, Box<Violation>>> {
        self.told.pop_front()
    }

    /// What came out of the frames told so far.
    pub(super) fn push(&mut self, outcome: Result<Received, Box<Violation>>) {
        // A frame that breaks a rule is told before what is said of it.
        if outcome.is_err() {
            self.finish_frame();
        }
        self.told.push_back(outcome);
    }

    /// A frame begins to arrive, with a header of `len` bytes.
    pub(super) fn begin_frame(&mut self, header: &FrameHeader, len: usize) {
        self.arriving = Some(traced_frame(Direction::In, header, len));
    }

    /// A piece of its payload has arrived, unmasked.
    pub(super) fn payload(&mut self, piece: &[u8]) {
        let Some(frame) = &mut self.arriving else {
            return;
        };
        append_head(frame, piece);
        // A close frame waits for its end, to tell the code and the reason.
        let is_shown = frame.payload_bytes.min(TRACED_HEAD as u64) == u64::from(frame.head_len);
        if is_shown && frame.opcode != Opcode::Close {
            self.finish_frame();
        }
    }

    /// What the close frame that has arrived says.
    pub(super) fn close_frame(&mut self, close: ClosePayload) {
        if let Some(frame) = &mut self.arriving {
            frame.close = Some(close);
        }
        self.finish_frame();
    }

    /// A frame was made to be sent.
    pub(super) fn sent_frame(&mut self, header: &FrameHeader, len: usize, payload: &[u8]) {
        let mut frame = traced_frame(Direction::Out, header, len);
        append_head(&mut frame, payload);
        if frame.opcode == Opcode::Close {
            frame.close = Some(ClosePayload::read(payload));
        }
        if self.told.len() < MOST {
            self.told.push_back(Ok(Received::Frame(frame)));
        }
    }

    fn finish_frame(&mut self) {
        let frame = self.arriving.take();
        self.told
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

/// Takes what still fits of the next piece of the payload.
fn append_head(frame: &mut TracedFrame, piece: &[u8]) {
    let had = usize::from(frame.head_len);
    let len = piece.len().min(TRACED_HEAD - had);
    frame.head[had..had + len].copy_from_slice(&piece[..len]);
    frame.head_len += len as u8;
}
