//! Follows the frames of one direction as their bytes pass: where each begins and ends, how many there
//! were, and what of them is to be looked at. Whether a peer may send them is for [`super::conduct`].

use std::mem;

use super::conduct::{Peer, check_close};
use super::{CloseSeen, Counts, FrameSeen, LOOK, TRACED_HEAD, Trace, Unfinished};
use crate::connection::wire::frame::{self, Direction, Header, MAX_HEADER, Opcode};
use crate::connection::wire::violation::{Breach, Violation};

/// Where in a piece of the stream, and why, the peer was stopped.
pub(super) struct Stop {
    /// Where the violating frame begins, in bytes; 0 when it began in an earlier piece.
    pub(super) at: usize,
    pub(super) violation: Violation,
}

/// What a stream of frames goes on with.
pub(super) enum Ahead {
    /// A message in one frame, all of it there and breaking no rule but that its text may be none:
    /// the lengths of header and payload, in bytes.
    Whole { header: usize, payload: usize },
    /// Nothing yet, or the beginning of such a frame, and how much is missing of it at least, in bytes.
    Begun { missing: usize },
    /// Something else.
    Other,
}

/// Follows the frames of one direction.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) direction: Direction,
    /// The rules the sender is held to; none for what we send ourselves.
    pub(super) peer: Option<Peer>,
    pub(super) frames: u64,
    pub(super) messages: u64,
    pub(super) wire_bytes: u64,
    /// What of `wire_bytes` was no payload.
    pub(super) other_bytes: u64,
    /// A header that was cut by the end of a piece.
    pub(super) cut: Cut,
    /// The header of the frame whose payload is passing.
    pub(super) header: Header,
    /// How much of that payload is still to come, in bytes.
    pub(super) left: u64,
    /// Whether that payload is looked at, or only skipped.
    pub(super) looks: bool,
    /// The payload of a close frame, as it passes; it has 125 bytes at most.
    pub(super) closing: Option<Vec<u8>>,
    /// The traced frame whose payload is passing.
    pub(super) showing: Option<Box<FrameSeen>>,
    pub(super) close: Option<Box<CloseSeen>>,
}

impl Scanner {
    pub(super) const fn new(direction: Direction, peer: Option<Peer>) -> Self {
        Self {
            direction,
            peer,
            frames: 0,
            messages: 0,
            wire_bytes: 0,
            other_bytes: 0,
            cut: Cut {
                bytes: [0; MAX_HEADER],
                len: 0,
            },
            header: Header {
                first: 0,
                mask: None,
                payload: 0,
            },
            left: 0,
            looks: false,
            closing: None,
            showing: None,
            close: None,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            frames: self.frames,
            messages: self.messages,
            wire_bytes: self.wire_bytes,
            payload_bytes: self.wire_bytes - self.other_bytes - u64::from(self.cut.len),
        }
    }

    /// What has begun and not ended.
    pub(super) fn unfinished(&self) -> Option<Unfinished> {
        let peer = self.peer.as_ref()?;
        if self.left > 0 && !self.header.opcode().is_control() {
            let come = self.header.payload - self.left;
            return Some(Unfinished::Message(peer.earlier + come));
        }
        match peer.message {
            Some(message) => Some(Unfinished::Message(message.declared)),
            None if self.left > 0 || self.cut.len > 0 => Some(Unfinished::Frame),
            None => None,
        }
    }

    /// Looks at the next piece of the stream. After an error the scanner has nothing more to say.
    pub(super) fn scan(
        &mut self,
        bytes: &[u8],
        mut trace: Option<&mut Trace>,
    ) -> Result<(), Box<Stop>> {
        self.wire_bytes += bytes.len() as u64;
        // Where the frame at hand began in this piece, and how much of its header came earlier.
        let mut begun = None;
        let mut at = 0;
        let breach = loop {
            if self.left == 0
                && mem::take(&mut self.looks)
                && let Err(breach) = self.finish(trace.as_deref_mut())
            {
                break breach;
            }
            if self.left == 0 && self.cut.len == 0 && trace.is_none() {
                at += self.skip_whole(&bytes[at..]);
            }
            let rest = &bytes[at..];
            if rest.is_empty() {
                return Ok(());
            }
            let passed = if self.left == 0 {
                begun = Some((at, self.cut.len));
                self.begin(rest, trace.is_some())
            } else {
                self.pass(rest, trace.as_deref_mut())
            };
            match passed {
                Ok(passed) => at += passed,
                Err(breach) => break breach,
            }
        };
        Err(self.stop(breach, begun, bytes, at))
    }

    /// Passes over what nearly all frames are: a message in one frame, all of it in this piece,
    /// with nothing to be said of it. Whatever is not plainly that is left to [`Self::begin`],
    /// which alone judges; it could do all of it, at several times the cost. Returns how many
    /// bytes that was.
    #[inline]
    pub(super) fn skip_whole(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Ahead::Whole { header, payload } = self.ahead(rest) {
            self.frames += 1;
            self.messages += 1;
            self.other_bytes += header as u64;
            rest = &rest[header + payload..];
        }
        bytes.len() - rest.len()
    }

    /// What the stream goes on with.
    #[inline]
    pub(super) fn ahead(&self, bytes: &[u8]) -> Ahead {
        if self.left > 0 || self.cut.len > 0 {
            return Ahead::Other;
        }
        let (masks, limit) = match &self.peer {
            Some(peer) if peer.closed || peer.message.is_some() => return Ahead::Other,
            Some(peer) => (peer.masks, peer.max_message),
            None => (
                bytes.get(1).is_some_and(|&second| frame::is_masked(second)),
                u64::MAX,
            ),
        };
        let lengths = match *bytes {
            [first, ..] if !matches!(first, frame::WHOLE_TEXT | frame::WHOLE_BINARY) => {
                return Ahead::Other;
            }
            [_, second, high, low, ..] => frame::short_length(second, [high, low], masks),
            [_, second, ..] if frame::is_short(second) => {
                frame::short_length(second, [0, 0], masks)
            }
            _ => return Ahead::Begun { missing: 1 },
        };
        let Some((header, payload)) = lengths.or_else(|| frame::long_length(bytes, masks)) else {
            return Ahead::Other;
        };
        match (header + payload).checked_sub(bytes.len()) {
            _ if payload as u64 > limit => Ahead::Other,
            None | Some(0) => Ahead::Whole { header, payload },
            Some(missing) => Ahead::Begun { missing },
        }
    }

    /// A frame that was [`Ahead::Whole`] has been taken out before a scan.
    #[inline]
    pub(super) fn skipped(&mut self, header: usize, payload: usize) {
        self.frames += 1;
        self.messages += 1;
        self.wire_bytes += (header + payload) as u64;
        self.other_bytes += header as u64;
    }

    /// A frame of our own has been put below a scan, with `head` bytes of header.
    #[inline]
    pub(super) fn wrote(&mut self, header: &Header, head: usize) {
        self.frames += 1;
        self.messages += u64::from(header.is_final());
        self.wire_bytes += head as u64 + header.payload;
        self.other_bytes += head as u64;
    }

    /// How far the frame at hand goes in a stream that continues with `bytes`, in bytes: one at
    /// least. A header that came in pieces goes on byte by byte, since it is not known how long it is.
    /// Fragments go together with what follows them: the library says nothing before that.
    pub(super) fn stint(&self, bytes: &[u8]) -> usize {
        if self.left > 0 {
            return usize::try_from(self.left).unwrap_or(usize::MAX);
        }
        if self.cut.len > 0 {
            return 1;
        }
        let mut at = 0;
        loop {
            let Some((header, len)) = Header::parse(&bytes[at..]) else {
                return bytes.len().max(1);
            };
            let payload = usize::try_from(header.payload).unwrap_or(usize::MAX);
            at = at.saturating_add(len).saturating_add(payload);
            let is_fragment = !header.is_final() && !header.opcode().is_control();
            if at >= bytes.len() || !is_fragment {
                return at;
            }
        }
    }

    #[cold]
    pub(super) fn stop(
        &mut self,
        breach: Breach,
        begun: Option<(usize, u8)>,
        bytes: &[u8],
        at: usize,
    ) -> Box<Stop> {
        let (frame_at, earlier) = begun.unwrap_or((bytes.len(), 0));
        if self.cut.len > 0 {
            self.other_bytes += u64::from(earlier);
        }
        self.other_bytes += (bytes.len() - at) as u64;
        self.cut.len = 0;
        let earlier = &self.cut.bytes[..usize::from(earlier)];
        let head = earlier.iter().chain(&bytes[frame_at..]).copied();
        Box::new(Stop {
            at: begun.map_or(0, |(at, _)| at),
            violation: Violation::new(breach, head),
        })
    }

    /// Takes as much of a header as is there. Returns how many bytes that was.
    #[inline]
    pub(super) fn begin(&mut self, bytes: &[u8], traced: bool) -> Result<usize, Breach> {
        if self.cut.len == 0
            && let Some((header, len)) = Header::parse(bytes)
        {
            if let Some(peer) = &self.peer {
                peer.check_first(header.first)?;
                peer.check_second(header.first, bytes[1])?;
                peer.check_length(&header, len)?;
            }
            self.start(header, len, bytes.len() - len, traced);
            return Ok(len);
        }
        self.begin_cut(bytes, traced)
    }

    /// The same, a byte at a time, for a header that does not come in one piece: a peer that
    /// stalls within a header is judged by what there is of it.
    #[cold]
    pub(super) fn begin_cut(&mut self, bytes: &[u8], traced: bool) -> Result<usize, Breach> {
        for (before, &byte) in bytes.iter().enumerate() {
            self.cut.push(byte);
            if let Some(peer) = &self.peer {
                match *self.cut.bytes() {
                    [first] => peer.check_first(first)?,
                    [first, second] => peer.check_second(first, second)?,
                    _ => {}
                }
            }
            if let Some((header, len)) = Header::parse(self.cut.bytes()) {
                if let Some(peer) = &self.peer {
                    peer.check_length(&header, len)?;
                }
                self.cut.len = 0;
                self.start(header, len, bytes.len() - before - 1, traced);
                return Ok(before + 1);
            }
        }
        Ok(bytes.len())
    }

    /// A frame has begun; `here` bytes of what follows its header have arrived with it.
    #[inline]
    pub(super) fn start(&mut self, header: Header, len: usize, here: usize, traced: bool) {
        let opcode = header.opcode();
        self.frames += 1;
        self.messages += u64::from(header.is_final() && !opcode.is_control());
        self.other_bytes += len as u64;
        self.header = header;
        self.left = header.payload;
        if let Some(peer) = &mut self.peer {
            self.looks = peer.start(&header, header.payload > here as u64);
        }
        if opcode == Opcode::Close || traced {
            self.start_looking(opcode, len, traced);
        }
    }

    #[cold]
    pub(super) fn start_looking(&mut self, opcode: Opcode, len: usize, traced: bool) {
        self.looks = true;
        // What we send is not judged: a close frame of ours may be of any length, to test a peer.
        if opcode == Opcode::Close && self.header.payload <= frame::MAX_CONTROL_PAYLOAD {
            self.closing = Some(Vec::new());
        }
        self.showing = traced.then(|| {
            Box::new(FrameSeen {
                direction: self.direction,
                opcode,
                fin: self.header.is_final(),
                rsv1: self.header.rsv1(),
                masked: self.header.mask.is_some(),
                wire_bytes: self.header.payload.saturating_add(len as u64),
                payload_bytes: self.header.payload,
                close: None,
                head: [0; TRACED_HEAD],
                len: 0,
            })
        });
    }

    /// Lets a piece of the payload pass. Returns how many bytes that was.
    #[inline]
    pub(super) fn pass(
        &mut self,
        bytes: &[u8],
        trace: Option<&mut Trace>,
    ) -> Result<usize, Breach> {
        let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        if self.looks {
            self.look(&bytes[..len], trace)?;
        }
        self.left -= len as u64;
        Ok(len)
    }

    pub(super) fn look(&mut self, piece: &[u8], trace: Option<&mut Trace>) -> Result<(), Breach> {
        let Some(mask) = self.header.mask else {
            return self.look_unmasked(piece, trace);
        };
        let mut position = self.header.payload - self.left;
        let mut trace = trace;
        let mut clear = [0; LOOK];
        for masked in piece.chunks(LOOK) {
            let clear = &mut clear[..masked.len()];
            clear.copy_from_slice(masked);
            frame::apply_mask(clear, mask, position);
            self.look_unmasked(clear, trace.as_deref_mut())?;
            position += masked.len() as u64;
        }
        Ok(())
    }

    pub(super) fn look_unmasked(
        &mut self,
        piece: &[u8],
        trace: Option<&mut Trace>,
    ) -> Result<(), Breach> {
        if let Some(closing) = &mut self.closing {
            closing.extend_from_slice(piece);
        }
        if let Some(showing) = &mut self.showing {
            showing.show(piece);
            // A close frame waits for its end, to tell the code and the reason.
            if self.closing.is_none()
                && showing.is_shown()
                && let (Some(trace), Some(shown)) = (trace, self.showing.take())
            {
                trace.push(*shown);
            }
        }
        match &mut self.peer {
            Some(peer) if !self.header.opcode().is_control() => peer.read(piece),
            _ => Ok(()),
        }
    }

    /// A frame that was looked at has ended.
    pub(super) fn finish(&mut self, trace: Option<&mut Trace>) -> Result<(), Breach> {
        let payload = self.closing.take();
        let close = payload.as_deref().map(close_seen);
        if let (Some(trace), Some(mut shown)) = (trace, self.showing.take()) {
            shown.close.clone_from(&close);
            trace.push(*shown);
        }
        if let Some(close) = close {
            self.close.get_or_insert_with(|| Box::new(close));
        }
        let Some(peer) = &mut self.peer else {
            return Ok(());
        };
        match payload {
            Some(payload) => check_close(&payload),
            None => peer.finish(&self.header),
        }
    }
}

/// A header that is still coming.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) bytes: [u8; MAX_HEADER],
    pub(super) len: u8,
}

impl Cut {
    /// Takes the next byte. A header of [`MAX_HEADER`] bytes is whole, so there is always room.
    pub(super) fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

pub(super) fn close_seen(payload: &[u8]) -> CloseSeen {
    match payload.split_first_chunk() {
        Some((code, reason)) => CloseSeen {
            code: Some(u16::from_be_bytes(*code)),
            reason: String::from_utf8_lossy(reason).into_owned(),
        },
        None => CloseSeen {
            code: None,
            reason: String::new(),
        },
    }
}
