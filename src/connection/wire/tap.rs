//! The tap: it sees every frame as it really was on the wire.
//!
//! [`Tap`] lies between TLS and the WebSocket library, always, in either role. It follows the
//! frame headers of both directions as the bytes pass, counts, keeps the true close codes, and
//! stops the peer at the first header (or close payload) that breaks the protocol. What came
//! before that header is still delivered, so no earlier message is lost.
//!
//! It never changes a byte and never holds back a write: after a violation it is we who still have a
//! close frame to send.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::connection::close::Code;
use crate::connection::message::{Payload, Text};

use super::{
    frame::{self, Direction, Header, MAX_HEADER, Opcode, Role},
    inbox::Inbox,
    outbox::Outbox,
    utf8::Utf8,
    violation::{Breach, SHOWN, Violation},
};

/// How much of a payload a traced frame shows, in bytes.
pub const TRACED_HEAD: usize = 32;

/// The most that is read at once while tracing, in bytes: a frame takes two at least, so whoever
/// takes the frames after each read misses none.
const TRACED_READ: usize = 4096;

/// The most frames that wait to be taken; beyond it the oldest are dropped.
const TRACED_FRAMES: usize = 2 * TRACED_READ;

/// A masked payload is unmasked for a look in pieces of this many bytes.
const LOOK: usize = 512;

/// What the tap holds the peer to, and whether it keeps the frames it sees.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Whether permessage-deflate was agreed, so that RSV1 may be set.
    pub rsv1: bool,
    /// The largest message accepted, in bytes, whether in one frame or in many.
    pub max_message: u64,
    /// Whether each frame is kept for [`Tap::next_frame`].
    pub trace: bool,
}

/// What has passed in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames whose header has passed, control frames included.
    pub frames: u64,
    /// Text and binary messages whose last frame's header has passed.
    pub messages: u64,
    /// All bytes, headers included.
    pub wire_bytes: u64,
    /// The bytes of payloads, as they are on the wire (that is, compressed).
    pub payload_bytes: u64,
}

/// A close frame as it was on the wire, legal or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseSeen {
    /// The code; `None` when the frame had no payload, or half a code.
    pub code: Option<u16>,
    /// The reason; bytes that are not UTF-8 are U+FFFD here.
    pub reason: String,
}

/// One frame, as [`Tap::next_frame`] tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSeen {
    /// Which way it went.
    pub direction: Direction,
    /// What it is.
    pub opcode: Opcode,
    /// Whether FIN is set.
    pub fin: bool,
    /// Whether RSV1 is set.
    pub rsv1: bool,
    /// Whether it is masked.
    pub masked: bool,
    /// Its length on the wire, header included, in bytes.
    pub wire_bytes: u64,
    /// The length of its payload, in bytes.
    pub payload_bytes: u64,
    /// What a close frame says.
    pub close: Option<CloseSeen>,
    head: [u8; TRACED_HEAD],
    len: u8,
}

impl FrameSeen {
    /// The first bytes of the payload, unmasked: at most [`TRACED_HEAD`].
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.len)]
    }

    /// Takes what still fits of the next piece of the payload.
    fn show(&mut self, piece: &[u8]) {
        let had = usize::from(self.len);
        let len = piece.len().min(TRACED_HEAD - had);
        self.head[had..had + len].copy_from_slice(&piece[..len]);
        self.len += len as u8;
    }

    fn is_shown(&self) -> bool {
        self.payload_bytes.min(TRACED_HEAD as u64) == u64::from(self.len)
    }
}

/// The frames that wait to be taken.
#[derive(Debug, Default)]
struct Trace {
    frames: VecDeque<FrameSeen>,
    missed: u64,
}

impl Trace {
    fn push(&mut self, frame: FrameSeen) {
        if self.frames.len() == TRACED_FRAMES {
            self.frames.pop_front();
            self.missed += 1;
        }
        self.frames.push_back(frame);
    }
}

/// A stream of WebSocket frames, looked at as it passes.
///
/// A read that meets a violation by the peer ends before the violating frame; the next one, and
/// every one after it, is an error that carries the [`Violation`]. A frame whose header came in
/// pieces may have begun to be delivered by then, but never with enough of it to act on.
#[derive(Debug)]
pub struct Tap<S> {
    inner: S,
    inbox: Inbox,
    /// How much of the payload that the inbox begins with was judged before the rest of it came, in
    /// bytes, and the text that it has been so far.
    begun: (usize, Utf8),
    received: Scanner,
    sent: Scanner,
    violation: Option<Box<Violation>>,
    trace: Option<Box<Trace>>,
}

impl<S> Tap<S> {
    /// A tap on `inner`, whose opening handshake is over. `leftover` is what arrived with the end
    /// of the handshake: it is delivered first.
    pub fn new(inner: S, role: Role, settings: Settings, leftover: Bytes) -> Self {
        let peer = Peer {
            masks: role == Role::Server,
            rsv1: settings.rsv1,
            max_message: settings.max_message,
            message: None,
            text: None,
            closed: false,
        };
        Self {
            inner,
            inbox: Inbox::new(leftover, role == Role::Server),
            begun: Default::default(),
            received: Scanner::new(Direction::In, Some(peer)),
            sent: Scanner::new(Direction::Out, None),
            violation: None,
            trace: settings.trace.then(Box::default),
        }
    }

    /// When the last byte of what was handed out last was read from the stream.
    pub fn read_at(&self) -> Option<Instant> {
        self.inbox.read_at()
    }

    /// Bytes that have come, those of a message that is not all there yet included.
    pub fn arrived(&self) -> u64 {
        self.received.wire_bytes + self.inbox.bytes().len() as u64
    }

    /// What has come from the peer, including what was not delivered because of a violation.
    pub fn received(&self) -> Counts {
        self.received.counts()
    }

    /// What the layer below has taken from us.
    pub fn sent(&self) -> Counts {
        self.sent.counts()
    }

    /// How the peer broke the protocol, when it did.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_deref()
    }

    /// The peer's close frame, legal or not.
    pub fn received_close(&self) -> Option<&CloseSeen> {
        self.received.close.as_deref()
    }

    /// How many bytes have come of a message that the peer has begun and not finished, when there is
    /// one: compressed where that was agreed.
    pub fn unfinished_message(&self) -> Option<u64> {
        let message = self.received.peer.as_ref()?.message?;
        Some(message.declared)
    }

    /// Our close frame.
    pub fn sent_close(&self) -> Option<&CloseSeen> {
        self.sent.close.as_deref()
    }

    /// The next frame seen, when tracing: each once, in the order in which they passed. A frame
    /// waits until the first [`TRACED_HEAD`] bytes of its payload have passed.
    pub fn next_frame(&mut self) -> Option<FrameSeen> {
        self.trace.as_mut()?.frames.pop_front()
    }

    /// How many frames were dropped because nobody took them in time.
    pub fn missed_frames(&self) -> u64 {
        self.trace.as_ref().map_or(0, |trace| trace.missed)
    }

    /// Whether every frame is kept to be taken.
    pub fn traces(&self) -> bool {
        self.trace.is_some()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The stream below. What is read or written there is not seen here.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Looks at what a read has appended to `buf` after `start`, and takes back what may not be
    /// delivered.
    fn look(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> io::Result<()> {
        let trace = self.trace.as_deref_mut();
        let Err(stop) = self.received.scan(&buf.filled()[start..], trace) else {
            return Ok(());
        };
        buf.set_filled(start + stop.at);
        let violation = stop.violation.followed_by(self.inbox.bytes());
        self.violation = Some(Box::new(violation));
        // Nothing delivered would read as the end of the stream.
        if stop.at == 0 { self.refuse() } else { Ok(()) }
    }

    fn refuse(&self) -> io::Result<()> {
        match &self.violation {
            Some(violation) => Err(Violation::clone(violation).into()),
            None => Ok(()),
        }
    }

    fn look_at_sent(&mut self, bytes: &[u8]) {
        // Without a peer to judge, a scan finds no violation.
        let _ = self.sent.scan(bytes, self.trace.as_deref_mut());
    }
}

impl<S: AsyncRead + Unpin> Tap<S> {
    /// The next message, where it comes in one frame that breaks no rule: taken out before the library
    /// sees it. Ready with `None` when the library must read instead: something else comes next, or the
    /// end.
    ///
    /// Not to be used while tracing, nor under a codec.
    pub fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Option<Payload>> {
        while self.violation.is_none() {
            let missing = match self.received.ahead(self.inbox.bytes()) {
                Ahead::Whole { header, payload } => {
                    return Poll::Ready(self.take_whole(header, payload));
                }
                Ahead::Begun { missing } => missing,
                Ahead::Other => break,
            };
            match self.inbox.poll_fill(&mut self.inner, cx, missing) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => break,
                Poll::Pending => {
                    self.judge_begun();
                    if self.violation.is_none() {
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    /// Judges what has come of a text whose rest is not there yet: a peer that stalls within a text that
    /// is none is told at once.
    #[cold]
    fn judge_begun(&mut self) {
        let Some((header, len)) = Header::parse(self.inbox.bytes()) else {
            return;
        };
        if header.opcode() != Opcode::Text {
            return;
        }
        let (judged, text) = &mut self.begun;
        let mut clear = [0; LOOK];
        for piece in self.inbox.bytes()[len + *judged..].chunks(LOOK) {
            let clear = &mut clear[..piece.len()];
            clear.copy_from_slice(piece);
            if let Some(mask) = header.mask {
                frame::apply_mask(clear, mask, *judged as u64);
            }
            *judged += piece.len();
            if text.push(clear).is_err() {
                let head = self.inbox.bytes().iter().copied();
                let violation = Violation::new(Breach::TextNotUtf8, head);
                self.violation = Some(Box::new(violation));
                return;
            }
        }
    }

    /// Takes out the frame that the inbox begins with; `None` when its text is none.
    fn take_whole(&mut self, header: usize, payload: usize) -> Option<Payload> {
        let mut frame = self.inbox.take(header + payload);
        self.received.skipped(header, payload);
        if self.begun.0 > 0 {
            self.begun = Default::default();
        }
        let is_text = frame[0] == frame::WHOLE_TEXT;
        let mask = frame::is_masked(frame[1])
            .then(|| frame[..header].last_chunk().copied())
            .flatten();
        let shown = frame.len().min(SHOWN);
        let mut first = [0; SHOWN];
        first[..shown].copy_from_slice(&frame[..shown]);
        frame.advance(header);
        if let Some(mask) = mask {
            frame::apply_mask(&mut frame, mask, 0);
        }
        let bytes = frame.freeze();
        if !is_text {
            return Some(Payload::Binary(bytes));
        }
        let Ok(text) = Text::try_from(bytes) else {
            let first = first[..shown].iter().copied();
            let violation = Violation::new(Breach::TextNotUtf8, first);
            self.violation = Some(Box::new(violation));
            return None;
        };
        Some(Payload::Text(text))
    }

    /// Hands out up to `len` bytes: what is in the inbox, which is filled when there is nothing in it.
    fn fill(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        len: usize,
    ) -> Poll<io::Result<()>> {
        if self.inbox.bytes().is_empty() && !ready!(self.inbox.poll_fill(&mut self.inner, cx, 1)) {
            return Poll::Ready(self.inbox.check());
        }
        let len = len.min(self.inbox.bytes().len());
        buf.put_slice(&self.inbox.bytes()[..len]);
        self.inbox.advance(len);
        Poll::Ready(Ok(()))
    }

    /// How much the library may read at once: to the end of the frame at hand, so that it never holds
    /// the beginning of one that could be taken past it.
    fn stint(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if self.inbox.bytes().is_empty() {
            // The end of the stream is met again by the read that follows.
            let _ = ready!(self.inbox.poll_fill(&mut self.inner, cx, 1));
        }
        Poll::Ready(self.received.stint(self.inbox.bytes()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        tap.refuse()?;
        let start = buf.filled().len();
        let len = if tap.trace.is_none() {
            ready!(tap.stint(cx))
        } else {
            TRACED_READ
        };
        ready!(tap.fill(cx, buf, len.min(buf.remaining())))?;
        Poll::Ready(tap.look(buf, start))
    }
}

impl<S> Tap<Outbox<S>> {
    /// Puts a data frame of ours into the outbox, past the library.
    pub fn send(&mut self, header: &Header, payload: &Bytes) {
        let head = self.inner.put(header, payload);
        self.sent.wrote(header, head);
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tap = self.get_mut();
        let len = ready!(Pin::new(&mut tap.inner).poll_write(cx, buf))?;
        tap.look_at_sent(&buf[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tap = self.get_mut();
        let len = ready!(Pin::new(&mut tap.inner).poll_write_vectored(cx, bufs))?;
        let mut left = len;
        for buf in bufs {
            let passed = left.min(buf.len());
            tap.look_at_sent(&buf[..passed]);
            left -= passed;
        }
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// Where in a piece of the stream, and why, the peer was stopped.
struct Stop {
    /// Where the violating frame begins, in bytes; 0 when it began in an earlier piece.
    at: usize,
    violation: Violation,
}

/// What a stream of frames goes on with.
enum Ahead {
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
struct Scanner {
    direction: Direction,
    /// The rules the sender is held to; none for what we send ourselves.
    peer: Option<Peer>,
    frames: u64,
    messages: u64,
    wire_bytes: u64,
    /// What of `wire_bytes` was no payload.
    other_bytes: u64,
    /// A header that was cut by the end of a piece.
    cut: Cut,
    /// The header of the frame whose payload is passing.
    header: Header,
    /// How much of that payload is still to come, in bytes.
    left: u64,
    /// Whether that payload is looked at, or only skipped.
    looks: bool,
    /// The payload of a close frame, as it passes; it has 125 bytes at most.
    closing: Option<Vec<u8>>,
    /// The traced frame whose payload is passing.
    showing: Option<Box<FrameSeen>>,
    close: Option<Box<CloseSeen>>,
}

impl Scanner {
    const fn new(direction: Direction, peer: Option<Peer>) -> Self {
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

    fn counts(&self) -> Counts {
        Counts {
            frames: self.frames,
            messages: self.messages,
            wire_bytes: self.wire_bytes,
            payload_bytes: self.wire_bytes - self.other_bytes - u64::from(self.cut.len),
        }
    }

    /// Looks at the next piece of the stream. After an error the scanner has nothing more to say.
    fn scan(&mut self, bytes: &[u8], mut trace: Option<&mut Trace>) -> Result<(), Box<Stop>> {
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
    fn skip_whole(&mut self, bytes: &[u8]) -> usize {
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
    fn ahead(&self, bytes: &[u8]) -> Ahead {
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
    fn skipped(&mut self, header: usize, payload: usize) {
        self.frames += 1;
        self.messages += 1;
        self.wire_bytes += (header + payload) as u64;
        self.other_bytes += header as u64;
    }

    /// A frame of our own has been put below a scan, with `head` bytes of header.
    #[inline]
    fn wrote(&mut self, header: &Header, head: usize) {
        self.frames += 1;
        self.messages += u64::from(header.is_final());
        self.wire_bytes += head as u64 + header.payload;
        self.other_bytes += head as u64;
    }

    /// How far the frame at hand goes in a stream that continues with `bytes`, in bytes: one at
    /// least. A header that came in pieces goes on byte by byte, since it is not known how long it is.
    /// Fragments go together with what follows them: the library says nothing before that.
    fn stint(&self, bytes: &[u8]) -> usize {
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
    fn stop(
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
    fn begin(&mut self, bytes: &[u8], traced: bool) -> Result<usize, Breach> {
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
    fn begin_cut(&mut self, bytes: &[u8], traced: bool) -> Result<usize, Breach> {
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
    fn start(&mut self, header: Header, len: usize, here: usize, traced: bool) {
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
    fn start_looking(&mut self, opcode: Opcode, len: usize, traced: bool) {
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
    fn pass(&mut self, bytes: &[u8], trace: Option<&mut Trace>) -> Result<usize, Breach> {
        let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        if self.looks {
            self.look(&bytes[..len], trace)?;
        }
        self.left -= len as u64;
        Ok(len)
    }

    fn look(&mut self, piece: &[u8], trace: Option<&mut Trace>) -> Result<(), Breach> {
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

    fn look_unmasked(&mut self, piece: &[u8], trace: Option<&mut Trace>) -> Result<(), Breach> {
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
    fn finish(&mut self, trace: Option<&mut Trace>) -> Result<(), Breach> {
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
struct Cut {
    bytes: [u8; MAX_HEADER],
    len: u8,
}

impl Cut {
    /// Takes the next byte. A header of [`MAX_HEADER`] bytes is whole, so there is always room.
    fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The peer's conduct: the rules it is held to, and where in a message it is.
#[derive(Debug)]
struct Peer {
    masks: bool,
    rsv1: bool,
    max_message: u64,
    /// The data message that has begun and not ended.
    message: Option<Unfinished>,
    /// The text that is checked as it arrives. A text that comes whole, in one frame and in one
    /// piece, is left to the WebSocket library: it is checked at once there, and need not be
    /// checked twice.
    text: Option<Utf8>,
    closed: bool,
}

/// A message that has begun.
#[derive(Debug, Clone, Copy)]
struct Unfinished {
    /// What its frames have declared so far, in bytes.
    declared: u64,
    compressed: bool,
}

impl Peer {
    /// Whether a frame may begin with this byte.
    #[inline]
    fn check_first(&self, first: u8) -> Result<(), Breach> {
        let opcode = Opcode::of(first);
        if self.closed {
            return Err(Breach::AfterClose(opcode));
        }
        if first & (frame::RSV1 | frame::RSV2 | frame::RSV3) != 0 {
            self.check_reserved_bits(first, opcode)?;
        }
        match opcode {
            Opcode::Reserved(bits) => Err(Breach::ReservedOpcode(bits)),
            Opcode::Close | Opcode::Ping | Opcode::Pong if first & frame::FIN == 0 => {
                Err(Breach::FragmentedControl(opcode))
            }
            Opcode::Continuation if self.message.is_none() => Err(Breach::StrayContinuation),
            Opcode::Text | Opcode::Binary if self.message.is_some() => {
                Err(Breach::MessageWithinMessage)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn check_reserved_bits(&self, first: u8, opcode: Opcode) -> Result<(), Breach> {
        if first & frame::RSV2 != 0 {
            return Err(Breach::ReservedBit(2));
        }
        if first & frame::RSV3 != 0 {
            return Err(Breach::ReservedBit(3));
        }
        match opcode {
            _ if !self.rsv1 => Err(Breach::Rsv1NotAgreed),
            Opcode::Text | Opcode::Binary | Opcode::Reserved(_) => Ok(()),
            _ => Err(Breach::Rsv1Misplaced(opcode)),
        }
    }

    /// Whether a frame may go on with this byte.
    #[inline]
    fn check_second(&self, first: u8, second: u8) -> Result<(), Breach> {
        if frame::is_masked(second) != self.masks {
            return Err(if self.masks {
                Breach::NotMasked
            } else {
                Breach::Masked
            });
        }
        let opcode = Opcode::of(first);
        if opcode.is_control() && frame::is_extended(second) {
            return Err(Breach::LongControl(opcode));
        }
        Ok(())
    }

    /// Whether a frame may be as long as its header of `len` bytes says.
    #[inline]
    fn check_length(&self, header: &Header, len: usize) -> Result<(), Breach> {
        let bytes = header.payload;
        let least = match len - header.mask.map_or(0, |mask| mask.len()) {
            2 => 0,
            4 => 126,
            _ => 1 << 16,
        };
        if bytes < least {
            return Err(Breach::LengthNotMinimal(bytes));
        }
        if bytes >> 63 != 0 {
            return Err(Breach::LengthTopBit(bytes));
        }
        if header.opcode().is_control() {
            return Ok(());
        }
        let Unfinished {
            declared,
            compressed,
        } = self.with(header);
        let limit = self.max_message;
        if declared
            > if compressed {
                at_most_compressed(limit)
            } else {
                limit
            }
        {
            return Err(Breach::TooLarge { declared, limit });
        }
        Ok(())
    }

    /// The message that a data frame belongs to, that frame included.
    #[inline]
    fn with(&self, header: &Header) -> Unfinished {
        match self.message {
            Some(message) => Unfinished {
                declared: message.declared.saturating_add(header.payload),
                ..message
            },
            None => Unfinished {
                declared: header.payload,
                compressed: header.rsv1(),
            },
        }
    }

    /// A frame that passed the checks has begun. Returns whether its payload is looked at;
    /// `goes_on` says that not all of it is there yet.
    #[inline]
    fn start(&mut self, header: &Header, goes_on: bool) -> bool {
        match header.opcode() {
            Opcode::Close => {
                self.closed = true;
                return false;
            }
            opcode if opcode.is_control() => return false,
            Opcode::Text if !header.rsv1() && (goes_on || !header.is_final()) => {
                self.text = Some(Utf8::default());
            }
            _ => {}
        }
        self.message = (!header.is_final()).then(|| self.with(header));
        self.text.is_some()
    }

    /// Reads a piece of a data message.
    fn read(&mut self, piece: &[u8]) -> Result<(), Breach> {
        match &mut self.text {
            Some(text) => text.push(piece).map_err(|_| Breach::TextNotUtf8),
            None => Ok(()),
        }
    }

    /// A frame has ended.
    fn finish(&mut self, header: &Header) -> Result<(), Breach> {
        if header.opcode().is_control() || !header.is_final() {
            return Ok(());
        }
        match self.text.take() {
            Some(text) => text.end().map_err(|_| Breach::TextNotUtf8),
            None => Ok(()),
        }
    }
}

/// The most that a message of `limit` bytes may take when it is compressed. Compressed bytes are
/// never kept, so this only has to stop what is plainly absurd, and must not stop a peer that
/// compresses badly or flushes after each byte.
const fn at_most_compressed(limit: u64) -> u64 {
    limit.saturating_mul(2).saturating_add(1 << 16)
}

fn close_seen(payload: &[u8]) -> CloseSeen {
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

fn check_close(payload: &[u8]) -> Result<(), Breach> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(())
        } else {
            Err(Breach::CloseOneByte)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !Code(code).is_sendable() {
        return Err(Breach::CloseCode(code));
    }
    if str::from_utf8(reason).is_err() {
        return Err(Breach::CloseReasonNotUtf8(code));
    }
    if Code(code) == Code::BAD_GATEWAY {
        return Err(Breach::UnknownBelow(code));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
