//! permessage-deflate (RFC 7692): compressed messages on the wire, plain frames above.
//!
//! [`Codec`] is put between the tap and the WebSocket library only when the extension was agreed.
//! It streams: a message is inflated and deflated in pieces, each handed on as a fragment, and
//! what is held at any time is bounded, whatever the peer sends. Control frames, and messages
//! that are not compressed, pass as they are, in their place.
//!
//! It relies on the tap below it for the framing of the peer: a frame that breaks RFC 6455 does
//! not reach it. It reports as written only what it holds until it is written, and writes through
//! as far as the layer below takes it, since the WebSocket library does not always flush.

use std::{
    hash::{BuildHasher, RandomState},
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    frame::{FIN, Header, MAX_HEADER, Opcode, RSV1, RSV2, RSV3, Role, apply_mask},
    negotiation::{Agreed, MAX_WINDOW_BITS},
    violation::{Breach, Violation},
};

/// What a message's compressed form ends with, and what is left off on the wire (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Messages below this many bytes are sent as they are: a deflate block and its end cost about
/// as much as could be saved, and the receiver is spared the work. RFC 7692 §6 leaves it to us.
const WORTH_DEFLATING: u64 = 16;

/// The fastest level. A probe's messages are small and its peer is waiting; higher levels cost
/// several times as much for a few per cent.
const LEVEL: Compression = Compression::new(1);

/// The smallest window zlib can deflate with, as a base-2 logarithm. With the 256 bytes that
/// RFC 7692 also allows we do not compress, which is always legal.
const MIN_DEFLATE_WINDOW: u8 = 9;

/// How much is read at once, in bytes.
const READ: usize = 32 * 1024;

/// The largest fragment a message is handed up in, in bytes.
const INFLATED_PIECE: usize = 16 * 1024;

/// The largest fragment a message is sent in, in bytes. What deflates to less stays in one frame.
const DEFLATED_PIECE: usize = 64 * 1024;

/// Nothing more is taken from the WebSocket library while this many bytes wait to be written.
const WAITING: usize = 64 * 1024;

/// A payload is unmasked in pieces of this many bytes to be deflated.
const UNMASKED: usize = 4096;

/// A stream of plain frames over one of compressed messages.
#[derive(Debug)]
pub struct Codec<S> {
    inner: S,
    inbound: Inbound,
    outbound: Outbound,
    violation: Option<Box<Violation>>,
}

impl<S> Codec<S> {
    /// A codec on `inner` for what was agreed. A message that inflates to more than `max_message`
    /// bytes is a violation.
    pub fn new(inner: S, role: Role, agreed: Agreed, max_message: u64) -> Self {
        let (ours, fresh_out, fresh_in) = match role {
            Role::Client => (
                agreed.client_max_window_bits,
                agreed.client_no_context_takeover,
                agreed.server_no_context_takeover,
            ),
            Role::Server => (
                agreed.server_max_window_bits,
                agreed.server_no_context_takeover,
                agreed.client_no_context_takeover,
            ),
        };
        Self {
            inner,
            inbound: Inbound::new(role, fresh_in, max_message),
            outbound: Outbound::new(role, ours.unwrap_or(MAX_WINDOW_BITS), fresh_out),
            violation: None,
        }
    }

    /// What the peer did wrong in compressing, when it did.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_deref()
    }

    /// The layer below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The layer below. What is read or written there passes by the codec.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Codec<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let codec = self.get_mut();
        loop {
            if codec.inbound.ready.take(buf) {
                return Poll::Ready(Ok(()));
            }
            if let Some(violation) = &codec.violation {
                return Poll::Ready(Err(Violation::clone(violation).into()));
            }
            if let Err(breach) = codec.inbound.decode() {
                codec.violation = Some(Box::new(Violation::new(breach, [])));
            }
            if codec.inbound.ready.is_empty() && codec.violation.is_none() {
                let mut raw = codec.inbound.raw.room();
                ready!(Pin::new(&mut codec.inner).poll_read(cx, &mut raw))?;
                let len = raw.filled().len();
                if len == 0 {
                    return Poll::Ready(Ok(()));
                }
                codec.inbound.raw.end += len;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Codec<S> {
    /// Writes what waits, as far as the layer below takes it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = &mut self.outbound.ready;
        while !ready.is_empty() {
            let len = ready!(Pin::new(&mut self.inner).poll_write(cx, ready.bytes()))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            ready.advance(len);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Codec<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let codec = self.get_mut();
        if codec.outbound.ready.len() >= WAITING {
            ready!(codec.poll_drain(cx))?;
        }
        let len = codec.outbound.encode(buf)?;
        match codec.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What still waits goes with the next write or flush.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(len)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let codec = self.get_mut();
        ready!(codec.poll_drain(cx))?;
        Pin::new(&mut codec.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let codec = self.get_mut();
        ready!(codec.poll_drain(cx))?;
        Pin::new(&mut codec.inner).poll_shutdown(cx)
    }
}

/// Bytes that wait to be handed on.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

impl Queue {
    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn advance(&mut self, len: usize) {
        self.start += len;
        // A queue that is never quite empty must not grow for ever either.
        if self.is_empty() || self.start >= WAITING {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Hands on as much as `buf` takes; whether there was anything.
    fn take(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        let len = self.len().min(buf.remaining());
        buf.put_slice(&self.bytes()[..len]);
        self.advance(len);
        true
    }
}

/// Bytes that were read and are not decoded yet. All but the start of a header is decoded before
/// more is read.
#[derive(Debug)]
struct Raw {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Raw {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    fn room(&mut self) -> ReadBuf<'_> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        ReadBuf::new(&mut self.bytes[self.end..])
    }
}

/// The frame whose payload is passing.
#[derive(Debug, Clone, Copy)]
struct Passing {
    header: Header,
    /// How much of its payload is still to come, in bytes.
    left: u64,
    /// Whether it belongs to a message that is inflated, or deflated.
    coded: bool,
}

impl Passing {
    const fn position(&self) -> u64 {
        self.header.payload - self.left
    }

    fn of(&self, available: usize) -> usize {
        usize::try_from(self.left).map_or(available, |left| left.min(available))
    }
}

/// From the peer: frames of compressed messages become plain ones.
#[derive(Debug)]
struct Inbound {
    raw: Raw,
    ready: Queue,
    passing: Option<Passing>,
    /// How many bytes at the start of `raw` have been unmasked already.
    unmasked: usize,
    message: Option<Inflating>,
    /// Made by the first message that is compressed, and reset between the streams of others.
    inflater: Option<Decompress>,
    /// The inflated piece that is not handed up yet, since it may be the last of its message.
    piece: Vec<u8>,
    fresh: bool,
    max_message: u64,
    /// The mask of what is handed up. It never leaves the process, and the WebSocket library
    /// insists on one in the server's role only, so it changes nothing.
    mask: Option<[u8; 4]>,
}

/// A compressed message that has begun.
#[derive(Debug, Clone, Copy)]
struct Inflating {
    /// The opcode of its next piece.
    opcode: Opcode,
    /// What it has inflated to so far, in bytes.
    inflated: u64,
    /// Whether its last block said that it was the last of the stream (RFC 7692 §7.2.3.5), and
    /// nothing has come since.
    ended: bool,
    /// Whether any of it has come.
    begun: bool,
}

impl Inbound {
    fn new(role: Role, fresh: bool, max_message: u64) -> Self {
        Self {
            raw: Raw {
                bytes: vec![0; READ].into_boxed_slice(),
                start: 0,
                end: 0,
            },
            ready: Queue::default(),
            passing: None,
            unmasked: 0,
            message: None,
            inflater: None,
            piece: Vec::with_capacity(INFLATED_PIECE),
            fresh,
            max_message,
            mask: (role == Role::Server).then_some([0; 4]),
        }
    }

    /// Decodes until something is ready, or more must be read.
    fn decode(&mut self) -> Result<(), Breach> {
        while self.ready.len() < INFLATED_PIECE {
            let advanced = match self.passing {
                None => self.begin()?,
                Some(passing) if passing.coded => self.inflate(passing)?,
                Some(passing) => self.pass(passing),
            };
            if !advanced {
                break;
            }
        }
        Ok(())
    }

    /// Begins the next frame; whether there was one.
    fn begin(&mut self) -> Result<bool, Breach> {
        let Some((header, len)) = Header::parse(self.raw.bytes()) else {
            return Ok(false);
        };
        let opcode = header.opcode();
        if header.rsv1() && !opcode.is_control() {
            self.message = Some(Inflating {
                opcode,
                inflated: 0,
                ended: false,
                begun: false,
            });
        }
        let coded = self.message.is_some() && !opcode.is_control();
        if !coded {
            self.ready.bytes.extend_from_slice(&self.raw.bytes()[..len]);
        }
        self.raw.start += len;
        self.unmasked = 0;
        // A frame that ends with its header passes like any other: its end still means something.
        self.passing = Some(Passing {
            header,
            left: header.payload,
            coded,
        });
        Ok(true)
    }

    /// Hands up a piece of a frame that is not compressed; whether there was one.
    fn pass(&mut self, passing: Passing) -> bool {
        let len = passing.of(self.raw.bytes().len());
        self.ready.bytes.extend_from_slice(&self.raw.bytes()[..len]);
        self.raw.start += len;
        self.progress(passing, len);
        len > 0 || self.passing.is_none()
    }

    fn progress(&mut self, passing: Passing, len: usize) {
        let left = passing.left - len as u64;
        self.passing = (left > 0).then_some(Passing { left, ..passing });
    }

    /// Inflates a piece of a compressed message; whether there was one.
    fn inflate(&mut self, passing: Passing) -> Result<bool, Breach> {
        if is_full(&self.piece) {
            self.hand_up(false);
        }
        let len = passing.of(self.raw.bytes().len());
        self.unmask(passing, len);
        let taken = self.inflate_some(len)?;
        self.raw.start += taken;
        self.unmasked -= taken;
        let left = passing.left - taken as u64;
        // While the piece is full there may be more to come out, without more going in.
        let drained = !is_full(&self.piece);
        if left == 0 && drained {
            self.passing = None;
            if passing.header.is_final() {
                self.finish()?;
            }
        } else {
            self.passing = Some(Passing { left, ..passing });
        }
        Ok(taken > 0 || !drained || self.passing.is_none())
    }

    /// Unmasks the first `len` bytes of `raw`, each once.
    fn unmask(&mut self, passing: Passing, len: usize) {
        if let Some(mask) = passing.header.mask
            && let Some(masked) = self.raw.bytes_mut().get_mut(self.unmasked..len)
        {
            let position = passing.position() + self.unmasked as u64;
            apply_mask(masked, mask, position);
        }
        self.unmasked = self.unmasked.max(len);
    }

    /// Feeds the first `len` bytes of `raw` to the inflater; how many it took.
    fn inflate_some(&mut self, len: usize) -> Result<usize, Breach> {
        let input = &self.raw.bytes()[..len];
        let Some(message) = &mut self.message else {
            return Ok(len);
        };
        let inflater = self.inflater.get_or_insert_with(inflater);
        if message.ended && !input.is_empty() {
            inflater.reset(false);
            message.ended = false;
        }
        message.begun |= !input.is_empty();
        let (taken, status) = feed(inflater, input, &mut self.piece, message)?;
        message.ended |= status == Status::StreamEnd;
        if message.inflated > self.max_message {
            return Err(Breach::InflatesTooLarge(self.max_message));
        }
        if taken == 0 && !input.is_empty() && !is_full(&self.piece) {
            return Err(Breach::NotDeflate);
        }
        Ok(taken)
    }

    /// The message has ended on the wire: what was left off is added, and the last piece goes up.
    fn finish(&mut self) -> Result<(), Breach> {
        let Some(mut message) = self.message else {
            return Ok(());
        };
        let inflater = self.inflater.get_or_insert_with(inflater);
        if message.ended {
            inflater.reset(false);
        } else {
            // What ends at the boundary of a block, as it must, gives nothing more. There is room
            // for it, so that whatever does come out shows that the message was cut short.
            let inflated = message.inflated;
            let (taken, _) = feed(inflater, &TAIL, &mut self.piece, &mut message)?;
            if !message.begun || taken < TAIL.len() || message.inflated > inflated {
                return Err(Breach::NotDeflate);
            }
        }
        if self.fresh {
            inflater.reset(false);
        }
        self.hand_up(true);
        self.message = None;
        Ok(())
    }

    /// Hands up the inflated piece as a frame.
    fn hand_up(&mut self, last: bool) {
        let Some(message) = &mut self.message else {
            return;
        };
        let opcode = mem::replace(&mut message.opcode, Opcode::Continuation);
        let header = Header {
            first: opcode.bits() | if last { FIN } else { 0 },
            mask: self.mask,
            payload: self.piece.len() as u64,
        };
        header.write(&mut self.ready.bytes);
        self.ready.bytes.append(&mut self.piece);
    }
}

/// Whether a piece has no room left: it never grows.
fn is_full(piece: &Vec<u8>) -> bool {
    piece.len() == piece.capacity()
}

/// The largest window inflates whatever a smaller one deflated.
fn inflater() -> Decompress {
    Decompress::new_with_window_bits(false, MAX_WINDOW_BITS)
}

/// Feeds `input` to the inflater, and counts what comes out of it as the message's; how much it
/// took.
fn feed(
    inflater: &mut Decompress,
    input: &[u8],
    piece: &mut Vec<u8>,
    message: &mut Inflating,
) -> Result<(usize, Status), Breach> {
    let (total_in, total_out) = (inflater.total_in(), inflater.total_out());
    let status = inflater
        .decompress_vec(input, piece, FlushDecompress::Sync)
        .map_err(|_| Breach::NotDeflate)?;
    message.inflated += inflater.total_out() - total_out;
    Ok(((inflater.total_in() - total_in) as usize, status))
}

/// To the peer: plain frames become those of compressed messages.
#[derive(Debug)]
struct Outbound {
    ready: Queue,
    /// A header that was cut by the end of a write.
    cut: Vec<u8>,
    passing: Option<Passing>,
    /// The first byte of the next frame of the message being deflated, but for FIN.
    first: Option<u8>,
    /// Bits of the window to deflate with; none where the window agreed upon is too small to.
    window_bits: Option<u8>,
    /// Made by the first message that is deflated: it takes 256 KiB, and many a client only listens.
    deflater: Option<Compress>,
    /// What was deflated and is not in a frame yet, since it may be the last of its message.
    piece: Vec<u8>,
    fresh: bool,
    masks: Option<Masks>,
}

impl Outbound {
    fn new(role: Role, window_bits: u8, fresh: bool) -> Self {
        Self {
            ready: Queue::default(),
            cut: Vec::with_capacity(MAX_HEADER),
            passing: None,
            first: None,
            window_bits: (MIN_DEFLATE_WINDOW..=MAX_WINDOW_BITS)
                .contains(&window_bits)
                .then_some(window_bits),
            deflater: None,
            piece: Vec::with_capacity(DEFLATED_PIECE),
            fresh,
            masks: (role == Role::Client).then(Masks::default),
        }
    }

    /// Takes as much of `bytes` as there is room for; how much. Never nothing while less than
    /// [`WAITING`] bytes wait.
    fn encode(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() && self.ready.len() < WAITING {
            let rest = &bytes[at..];
            at += match self.passing {
                None => self.begin(rest)?,
                Some(passing) => {
                    let len = passing.of(rest.len()).min(UNMASKED);
                    self.put(passing, &rest[..len])?;
                    len
                }
            };
        }
        Ok(at)
    }

    /// Takes as much of a header as is there; how much that was.
    fn begin(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let had = self.cut.len();
        let take = bytes.len().min(MAX_HEADER - had);
        self.cut.extend_from_slice(&bytes[..take]);
        let Some((header, len)) = Header::parse(&self.cut) else {
            return Ok(take);
        };
        let coded = self.deflates(&header);
        if !coded {
            self.ready.bytes.extend_from_slice(&self.cut[..len]);
        }
        self.cut.clear();
        let passing = Passing {
            header,
            left: header.payload,
            coded,
        };
        self.passing = Some(passing);
        if header.payload == 0 {
            self.put(passing, &[])?;
        }
        Ok(len - had)
    }

    /// Whether a frame belongs to a message that is deflated.
    fn deflates(&mut self, header: &Header) -> bool {
        // A frame that already has a reserved bit is one that somebody made by hand.
        let by_hand = header.first & (RSV1 | RSV2 | RSV3) != 0;
        match header.opcode() {
            opcode @ (Opcode::Text | Opcode::Binary) => {
                let tiny = header.is_final() && header.payload < WORTH_DEFLATING;
                let deflates = self.window_bits.is_some() && !tiny && !by_hand;
                self.first = deflates.then_some(opcode.bits() | RSV1);
                deflates
            }
            Opcode::Continuation => self.first.is_some() && !by_hand,
            _ => false,
        }
    }

    /// Puts a piece of a frame's payload where it belongs, and ends the frame with its last.
    fn put(&mut self, passing: Passing, piece: &[u8]) -> io::Result<()> {
        if passing.coded {
            self.deflate(passing, piece)?;
        } else {
            self.ready.bytes.extend_from_slice(piece);
        }
        let left = passing.left - piece.len() as u64;
        self.passing = (left > 0).then_some(Passing { left, ..passing });
        if left == 0 && passing.coded {
            self.finish(passing.header.is_final())?;
        }
        Ok(())
    }

    fn deflate(&mut self, passing: Passing, piece: &[u8]) -> io::Result<()> {
        let Some(mask) = passing.header.mask else {
            return self.deflate_all(piece, FlushCompress::None);
        };
        let mut clear = [0; UNMASKED];
        let clear = &mut clear[..piece.len()];
        clear.copy_from_slice(piece);
        apply_mask(clear, mask, passing.position());
        self.deflate_all(clear, FlushCompress::None)
    }

    fn deflate_all(&mut self, mut input: &[u8], flush: FlushCompress) -> io::Result<()> {
        let Some(window_bits) = self.window_bits else {
            return Ok(());
        };
        loop {
            let deflater = self
                .deflater
                .get_or_insert_with(|| Compress::new_with_window_bits(LEVEL, false, window_bits));
            let total_in = deflater.total_in();
            deflater.compress_vec(input, &mut self.piece, flush)?;
            input = &input[(deflater.total_in() - total_in) as usize..];
            // zlib has more to say exactly when it filled the room it had.
            if !is_full(&self.piece) {
                return Ok(());
            }
            // The last bytes stay, lest the end that is to be left off be gone.
            let kept = self.piece.split_off(self.piece.len() - TAIL.len());
            self.send(false);
            self.piece.extend_from_slice(&kept);
        }
    }

    /// A frame of the deflated message has ended. What was deflated so far is flushed even when
    /// the message goes on, so that fragments stay fragments and arrive when they were sent.
    fn finish(&mut self, last: bool) -> io::Result<()> {
        self.deflate_all(&[], FlushCompress::Sync)?;
        if !last {
            self.send(false);
            return Ok(());
        }
        match self.piece.strip_suffix(&TAIL).map(<[u8]>::len) {
            Some(len) => self.piece.truncate(len),
            // Nothing has come since the last flush: this is an empty block without its tail.
            None => self.piece.push(0),
        }
        self.send(true);
        self.first = None;
        if self.fresh
            && let Some(deflater) = &mut self.deflater
        {
            deflater.reset();
        }
        Ok(())
    }

    /// Makes the deflated piece a frame.
    fn send(&mut self, last: bool) {
        let Some(first) = &mut self.first else {
            return;
        };
        let first = mem::replace(first, Opcode::Continuation.bits());
        let mask = self.masks.as_mut().map(Masks::next);
        let header = Header {
            first: first | if last { FIN } else { 0 },
            mask,
            payload: self.piece.len() as u64,
        };
        if let Some(mask) = mask {
            apply_mask(&mut self.piece, mask, 0);
        }
        header.write(&mut self.ready.bytes);
        self.ready.bytes.append(&mut self.piece);
    }
}

/// Masks that nobody outside can foretell (RFC 6455 §5.3): a keyed hash of a counter, the key
/// out of the operating system's randomness.
#[derive(Debug, Default)]
struct Masks {
    key: RandomState,
    count: u64,
}

impl Masks {
    fn next(&mut self) -> [u8; 4] {
        self.count += 1;
        (self.key.hash_one(self.count) as u32).to_ne_bytes()
    }
}

#[cfg(test)]
mod tests;
