//! The tap: it sees every frame as it really was on the wire.
//!
//! [`Tap`] lies between TLS and the WebSocket library, always, in either role. It follows the
//! frame headers of both directions as the bytes pass, counts, keeps the true close codes, and
//! stops the peer at the first header (or close payload) that breaks the protocol. What came
//! before that header is still delivered, so no earlier message is lost.
//!
//! It never changes a byte and never holds back a write: after a violation it is we who still have a
//! close frame to send.

mod conduct;
mod scanner;

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::connection::message::{Payload, Text};

use super::{
    frame::{self, Direction, Header, Opcode, Role},
    inbox::Inbox,
    outbox::Outbox,
    utf8::Utf8,
    violation::{Breach, SHOWN, Violation},
};
use conduct::Peer;
use scanner::{Ahead, Scanner};

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

/// What a peer has begun and not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// A message of which so many bytes have come: compressed where that was agreed.
    Message(u64),
    /// A frame, between messages: a control frame, or what has no whole header.
    Frame,
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
}

impl Trace {
    fn push(&mut self, frame: FrameSeen) {
        if self.frames.len() == TRACED_FRAMES {
            self.frames.pop_front();
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
            earlier: 0,
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

    /// What the peer has begun and not finished.
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.received.unfinished()
    }

    /// The next frame seen, when tracing: each once, in the order in which they passed. A frame
    /// waits until the first [`TRACED_HEAD`] bytes of its payload have passed.
    pub fn next_frame(&mut self) -> Option<FrameSeen> {
        self.trace.as_mut()?.frames.pop_front()
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
        // Of no more bytes than are here; all of them at once where that is enough.
        let shown = frame.len().min(SHOWN);
        let mut first = [0; SHOWN];
        match frame.first_chunk() {
            Some(chunk) => first = *chunk,
            None => first[..shown].copy_from_slice(&frame[..shown]),
        }
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
    /// Puts a data frame of ours into the outbox, past the library; a large payload is `shared` with it.
    #[inline]
    pub fn send(&mut self, header: &Header, payload: &[u8], shared: impl FnOnce() -> Bytes) {
        let head = self.inner.put(header, payload, shared);
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

#[cfg(test)]
mod tests;
