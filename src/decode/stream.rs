//! Compressed streams that continue over the messages of a connection.
//!
//! `zlib-stream`: a message ends at a sync flush, the bytes `00 00 ff ff` (as of Discord's gateway). `zstd-stream`: a
//! message ends with a block, which is what a flush writes. Until then nothing comes out, and one message may arrive in
//! several WebSocket messages.

use bytes::{Bytes, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};

use super::DecodeError;
#[cfg(feature = "zstd")]
use super::zstd::ZstdStream;

/// The end of a sync flush (RFC 1951 §3.2.4, an empty stored block).
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];

/// The kind of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    Zlib,
    #[cfg(feature = "zstd")]
    Zstd,
}

/// The result of more bytes.
pub(super) enum StreamStep {
    /// The content of a message is not complete.
    Incomplete,
    /// It is.
    Complete {
        /// The bytes of all its parts; `None` for those of the last one alone.
        received: Option<Bytes>,
        content: Vec<u8>,
    },
}

/// A stream and the message that is incomplete.
pub(super) struct MessageStream {
    inflater: Inflater,
    /// The bytes received of the incomplete message, and what they contain.
    received: BytesMut,
    content: Vec<u8>,
    /// The bytes of the stream so far.
    position: u64,
}

enum Inflater {
    Zlib(Decompress),
    #[cfg(feature = "zstd")]
    Zstd(ZstdStream),
}

impl MessageStream {
    pub(super) fn new(kind: StreamKind) -> Self {
        Self {
            inflater: match kind {
                StreamKind::Zlib => Inflater::Zlib(Decompress::new(true)),
                #[cfg(feature = "zstd")]
                StreamKind::Zstd => Inflater::Zstd(ZstdStream::new()),
            },
            received: BytesMut::new(),
            content: Vec::new(),
            position: 0,
        }
    }

    /// Takes the next message.
    pub(super) fn push(
        &mut self,
        message: &Bytes,
        limit: usize,
    ) -> Result<StreamStep, DecodeError> {
        if self.received.len() + message.len() > limit {
            return Err(DecodeError::TooLarge);
        }
        let content = &mut self.content;
        let is_complete = match &mut self.inflater {
            Inflater::Zlib(inflater) => {
                let has_ended = inflate(inflater, message, content, limit)
                    .map_err(|error| self.at_position(error))?;
                has_ended || ends_flushed(&self.received, message)
            }
            #[cfg(feature = "zstd")]
            Inflater::Zstd(stream) => stream
                .push(message, content, limit)
                .map_err(|error| self.at_position(error))?,
        };
        self.position += message.len() as u64;
        if !is_complete {
            self.received.extend_from_slice(message);
            return Ok(StreamStep::Incomplete);
        }
        let received = (!self.received.is_empty()).then(|| self.take_received(message.clone()));
        let content = std::mem::take(&mut self.content);
        Ok(StreamStep::Complete { received, content })
    }

    /// The bytes of the incomplete message, followed by `last`.
    pub(super) fn take_received(&mut self, last: Bytes) -> Bytes {
        if self.received.is_empty() {
            return last;
        }
        self.received.extend_from_slice(&last);
        std::mem::take(&mut self.received).freeze()
    }

    fn at_position(&self, error: DecodeError) -> DecodeError {
        match error {
            DecodeError::Invalid(why) => {
                let position = self.position;
                DecodeError::Invalid(format!(
                    "{why}, in the message that began at byte {position} of the stream"
                ))
            }
            error => error,
        }
    }
}

/// Whether the bytes end with a sync flush.
fn ends_flushed(before: &[u8], last: &[u8]) -> bool {
    let missing = FLUSHED.len().saturating_sub(last.len());
    let (first, second) = FLUSHED.split_at(missing);
    before.ends_with(first) && last.ends_with(second)
}

/// Appends what `message` contains; true at the end of the stream.
fn inflate(
    inflater: &mut Decompress,
    message: &[u8],
    content: &mut Vec<u8>,
    limit: usize,
) -> Result<bool, DecodeError> {
    let mut rest = message;
    let mut block = [0; 8192];
    loop {
        let (taken, given) = (inflater.total_in(), inflater.total_out());
        let status = inflater
            .decompress(rest, &mut block, FlushDecompress::Sync)
            .map_err(|_| {
                let offset = message.len() - rest.len() + (inflater.total_in() - taken) as usize;
                DecodeError::at(offset, "not a zlib stream")
            })?;
        rest = &rest[(inflater.total_in() - taken) as usize..];
        let given = (inflater.total_out() - given) as usize;
        if content.len() + given > limit {
            return Err(DecodeError::TooLarge);
        }
        content.extend_from_slice(&block[..given]);
        match status {
            Status::StreamEnd if !rest.is_empty() => {
                let offset = message.len() - rest.len();
                return Err(DecodeError::at(
                    offset,
                    "data after the end of the zlib stream",
                ));
            }
            Status::StreamEnd => return Ok(true),
            _ if rest.is_empty() && given < block.len() => return Ok(false),
            _ if given == 0 && inflater.total_in() == taken => {
                return Err(DecodeError::at(
                    message.len() - rest.len(),
                    "not a zlib stream",
                ));
            }
            _ => {}
        }
    }
}
