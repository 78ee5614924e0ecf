//! The streams of permessage-deflate (RFC 7692 §7.2): slices in, slices out. Frames are for others.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::negotiation::{MAX_WINDOW_BITS, NegotiatedDeflate};
use super::violation::ViolationKind;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What a message's compressed form ends with, and what is left off on the wire (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The fastest level. A probe's messages are small and its peer is waiting; higher levels cost
/// several times as much for a few per cent.
const LEVEL: Compression = Compression::new(1);

/// The smallest window zlib can deflate with, as a base-2 logarithm. With the 256 bytes that
/// RFC 7692 also allows we do not compress, which is always legal.
const MIN_DEFLATE_WINDOW: u8 = 9;

/// Inflated bytes are handed on in pieces of this many.
const INFLATED: usize = 16 * 1024;

/// Room for deflated bytes grows by so many at least.
const ROOM: usize = 1024;

/// The stream from the peer.
#[derive(Debug)]
pub(super) struct Inflater {
    /// Made by the first message that is compressed.
    stream: Option<Decompress>,
    /// What came out last.
    inflated: Vec<u8>,
    /// Whether each message is a stream of its own.
    no_context_takeover: bool,
    /// Whether any of the message at hand has come.
    begun: bool,
    /// Whether its last block said that it was the last of the stream (RFC 7692 §7.2.3.5), and
    /// nothing has come since.
    ended: bool,
}

impl Inflater {
    /// The stream that a `role` receives.
    pub(super) fn new(role: Role, negotiated: NegotiatedDeflate) -> Self {
        Self {
            stream: None,
            inflated: Vec::new(),
            no_context_takeover: match role {
                Role::Client => negotiated.server_no_context_takeover,
                Role::Server => negotiated.client_no_context_takeover,
            },
            begun: false,
            ended: false,
        }
    }

    /// Inflates a piece of a message, and hands what comes out to `sink`, piece by piece.
    ///
    /// # Errors
    /// What does not inflate, and what the sink refuses.
    pub(super) fn inflate(
        &mut self,
        mut input: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), ViolationKind>,
    ) -> Result<(), ViolationKind> {
        self.begun |= !input.is_empty();
        while !input.is_empty() || self.is_full() {
            let taken = self.feed(input);
            // What came out before a fault is judged first, as if it had arrived before it.
            sink(&self.inflated)?;
            let taken = taken?;
            if taken == 0 && !input.is_empty() && !self.is_full() {
                return Err(ViolationKind::NotDeflate);
            }
            input = &input[taken..];
        }
        Ok(())
    }

    /// The message has ended on the wire: adds what was left off.
    ///
    /// # Errors
    /// A message that was cut short.
    pub(super) fn finish(&mut self) -> Result<(), ViolationKind> {
        if !self.ended {
            // What ends at the boundary of a block, as it must, gives nothing more: whatever does
            // come out shows that the message was cut short.
            let taken = self.feed(&TAIL)?;
            if !self.begun || taken < TAIL.len() || !self.inflated.is_empty() {
                return Err(ViolationKind::NotDeflate);
            }
        }
        if let Some(stream) = &mut self.stream
            && (self.ended || self.no_context_takeover)
        {
            stream.reset(false);
        }
        self.inflated.clear();
        self.begun = false;
        self.ended = false;
        Ok(())
    }

    /// Feeds the stream once; how much of `input` it took.
    fn feed(&mut self, input: &[u8]) -> Result<usize, ViolationKind> {
        self.inflated.clear();
        self.inflated.reserve(INFLATED);
        // The largest window inflates whatever a smaller one deflated.
        let stream = self
            .stream
            .get_or_insert_with(|| Decompress::new_with_window_bits(false, MAX_WINDOW_BITS));
        if self.ended && !input.is_empty() {
            stream.reset(false);
            self.ended = false;
        }
        let before = stream.total_in();
        let status = stream
            .decompress_vec(input, &mut self.inflated, FlushDecompress::Sync)
            .map_err(|_| ViolationKind::NotDeflate)?;
        self.ended |= status == Status::StreamEnd;
        Ok((stream.total_in() - before) as usize)
    }

    /// Whether there may be more to come out without more going in.
    fn is_full(&self) -> bool {
        self.inflated.len() == self.inflated.capacity() && !self.inflated.is_empty()
    }
}

/// The stream to the peer.
#[derive(Debug)]
pub(super) struct Deflater {
    /// Made by the first message that is deflated: it takes 256 KiB, and many a client only listens.
    stream: Option<Compress>,
    window_bits: u8,
    /// Whether each message is a stream of its own.
    no_context_takeover: bool,
}

impl Deflater {
    /// The stream that a `role` sends; none where the window agreed upon is too small.
    pub(super) fn new(role: Role, negotiated: NegotiatedDeflate) -> Option<Self> {
        let (window_bits, no_context_takeover) = match role {
            Role::Client => (
                negotiated.client_max_window_bits,
                negotiated.client_no_context_takeover,
            ),
            Role::Server => (
                negotiated.server_max_window_bits,
                negotiated.server_no_context_takeover,
            ),
        };
        let window_bits = window_bits.unwrap_or(MAX_WINDOW_BITS);
        let fits = (MIN_DEFLATE_WINDOW..=MAX_WINDOW_BITS).contains(&window_bits);
        fits.then_some(Self {
            stream: None,
            window_bits,
            no_context_takeover,
        })
    }

    /// Deflates a piece of a message behind what is in `out`.
    pub(super) fn deflate(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.feed(input, out, FlushCompress::None);
    }

    /// The same, and makes all of it so far readable for the peer.
    pub(super) fn flush(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.feed(input, out, FlushCompress::Sync);
    }

    /// The same with the last piece, in the form in which a message ends on the wire. `out` holds
    /// nothing but this message.
    pub(super) fn finish(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.flush(input, out);
        match out.strip_suffix(&TAIL).map(<[u8]>::len) {
            Some(len) => out.truncate(len),
            // Nothing has come since the last flush: this is an empty block without its tail.
            None => out.push(0),
        }
        if let Some(stream) = &mut self.stream
            && self.no_context_takeover
        {
            stream.reset();
        }
    }

    fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>, flush: FlushCompress) {
        let window_bits = self.window_bits;
        let stream = self
            .stream
            .get_or_insert_with(|| Compress::new_with_window_bits(LEVEL, false, window_bits));
        loop {
            out.reserve(ROOM.max(input.len() / 2));
            let before = stream.total_in();
            stream
                .compress_vec(input, out, flush)
                .expect("zlib deflates any bytes");
            input = &input[(stream.total_in() - before) as usize..];
            // It has more to say exactly when it filled the room it had.
            if out.len() < out.capacity() {
                return;
            }
        }
    }
}
