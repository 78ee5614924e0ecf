//! The compression streams of permessage-deflate (RFC 7692 §7.2). They work on byte slices, not on frames.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::negotiation::{MAX_WINDOW_BITS, NegotiatedDeflate};
use super::violation::ViolationKind;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The end of a compressed message, which is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The fastest level: messages are small and latency matters. Higher levels cost several times as much and
/// save a few per cent.
const LEVEL: Compression = Compression::new(1);

/// The smallest window that zlib can compress with, as a base-2 logarithm. With the 256 bytes that RFC 7692
/// also allows, messages are sent uncompressed, which is always legal.
const MIN_DEFLATE_WINDOW: u8 = 9;

/// The size of a piece of decompressed output, in bytes.
const INFLATED: usize = 16 * 1024;

/// The minimum growth of the output buffer, in bytes.
const ROOM: usize = 1024;

/// Decompresses the messages of the peer.
#[derive(Debug)]
pub(super) struct Inflater {
    /// Created for the first compressed message.
    stream: Option<Decompress>,
    /// The last piece of output.
    inflated: Vec<u8>,
    /// Whether each message is compressed on its own (no context takeover).
    no_context_takeover: bool,
    /// Whether any byte of the current message has arrived.
    begun: bool,
    /// Whether its last block has BFINAL set (RFC 7692 §7.2.3.5) and nothing has arrived since.
    ended: bool,
}

impl Inflater {
    /// The stream received in a `role`.
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

    /// Decompresses a piece of a message, and passes the output to `sink` piece by piece.
    ///
    /// # Errors
    /// The data is invalid, or the sink failed.
    pub(super) fn inflate(
        &mut self,
        mut input: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), ViolationKind>,
    ) -> Result<(), ViolationKind> {
        self.begun |= !input.is_empty();
        while !input.is_empty() || self.is_full() {
            let taken = self.feed(input);
            // Output before an error is checked first, as if it had arrived before the error.
            sink(&self.inflated)?;
            let taken = taken?;
            if taken == 0 && !input.is_empty() && !self.is_full() {
                return Err(ViolationKind::NotDeflate);
            }
            input = &input[taken..];
        }
        Ok(())
    }

    /// Ends the message: appends the tail that is not sent.
    ///
    /// # Errors
    /// The message is truncated.
    pub(super) fn finish(&mut self) -> Result<(), ViolationKind> {
        if !self.ended {
            // A message must end at the boundary of a block, so the tail gives no output. Output shows
            // that the message was truncated.
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

    /// Feeds the stream once; returns how many bytes of `input` it consumed.
    fn feed(&mut self, input: &[u8]) -> Result<usize, ViolationKind> {
        self.inflated.clear();
        self.inflated.reserve(INFLATED);
        // The largest window can decompress data of every smaller one.
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

    /// Whether there may be more output without more input.
    fn is_full(&self) -> bool {
        self.inflated.len() == self.inflated.capacity() && !self.inflated.is_empty()
    }
}

/// Compresses the messages to the peer.
#[derive(Debug)]
pub(super) struct Deflater {
    /// Created for the first compressed message: it takes 256 KiB, and many clients only listen.
    stream: Option<Compress>,
    window_bits: u8,
    /// Whether each message is compressed on its own (no context takeover).
    no_context_takeover: bool,
}

impl Deflater {
    /// The stream sent in a `role`; `None` if the negotiated window is too small.
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

    /// Compresses a piece of a message and appends the output to `out`.
    pub(super) fn deflate(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.feed(input, out, FlushCompress::None);
    }

    /// Compresses a piece and flushes, so that the peer can decompress everything so far.
    pub(super) fn flush(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.feed(input, out, FlushCompress::Sync);
    }

    /// Compresses the last piece and removes the tail that is not sent. `out` contains only this message.
    pub(super) fn finish(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.flush(input, out);
        match out.strip_suffix(&TAIL).map(<[u8]>::len) {
            Some(len) => out.truncate(len),
            // Nothing was added since the last flush: this is an empty block without its tail.
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
            // There is more output exactly if the buffer is full.
            if out.len() < out.capacity() {
                return;
            }
        }
    }
}

/// One compressed message, without its tail.
pub(super) fn alone(message: &[u8]) -> Vec<u8> {
    let mut deflater = Deflater {
        stream: None,
        window_bits: MAX_WINDOW_BITS,
        no_context_takeover: false,
    };
    let mut out = Vec::new();
    deflater.finish(message, &mut out);
    out
}
