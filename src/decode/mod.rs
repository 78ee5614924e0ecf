//! Decodes binary messages to text or JSON (`--decode`).
//!
//! A format is a list of steps: decompression, then at most one structure (`msgpack`, `cbor`, `json`). What comes out of
//! each step has a size limit, nesting is limited, and no bytes cause a panic. A message that cannot be decoded is
//! reported and returned unchanged.

#[cfg(feature = "cbor")]
mod cbor;
mod compression;
mod format;
#[cfg(any(feature = "msgpack", feature = "cbor"))]
mod json_text;
#[cfg(feature = "msgpack")]
mod msgpack;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(feature = "zstd")]
mod zstd;

use std::sync::Arc;

use bytes::Bytes;

use format::Structure;
pub use format::{DecodeFormat, FORMATS};
#[cfg(any(feature = "msgpack", feature = "cbor"))]
use json_text::JsonText;
use stream::{MessageStream, StreamStep};

use crate::pattern::is_json;
use crate::units;

/// Why bytes could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum DecodeError {
    /// They are not in the format; what is wrong and where.
    Invalid(String),
    /// What comes out exceeds the limit.
    TooLarge,
    /// Decoding so many values would take too long.
    #[cfg(any(feature = "msgpack", feature = "cbor"))]
    TooManyValues,
}

impl DecodeError {
    fn at(offset: usize, why: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("{why} at byte {offset}"))
    }
}

/// What became of a binary message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoding {
    /// A text, and the bytes that it was decoded from: those of the message and of earlier ones that were incomplete.
    Text {
        /// The bytes received.
        bytes: Bytes,
        /// The text.
        text: String,
    },
    /// The stream continues in a later message.
    Incomplete,
    /// It could not be decoded.
    Failed {
        /// The bytes received.
        bytes: Bytes,
        /// Why, the first time on a connection.
        why: Option<String>,
    },
    /// What comes out exceeds the limit.
    TooLarge,
}

/// Decodes the messages of one connection in one direction.
pub struct MessageDecoder {
    format: Arc<DecodeFormat>,
    /// The largest output, in bytes.
    limit: usize,
    stream: Option<StreamState>,
    failures: u64,
}

/// A compressed stream that continues over messages.
enum StreamState {
    Open(Box<MessageStream>),
    /// It cannot be decoded any more.
    Broken,
}

impl MessageDecoder {
    /// A decoder for a new connection; nothing that it returns is larger than `limit` bytes.
    pub fn new(format: &DecodeFormat, limit: usize) -> Self {
        let stream = format
            .stream
            .map(|kind| StreamState::Open(Box::new(MessageStream::new(kind))));
        Self {
            format: Arc::new(format.clone()),
            limit,
            stream,
            failures: 0,
        }
    }

    /// The format.
    pub fn format(&self) -> &Arc<DecodeFormat> {
        &self.format
    }

    /// Decodes a binary message.
    pub fn decode(&mut self, message: Bytes) -> Decoding {
        let mut bytes = message;
        let unpacked = match &mut self.stream {
            None => Ok(None),
            Some(StreamState::Broken) => return self.failed(bytes, None),
            Some(StreamState::Open(stream)) => match stream.push(&bytes, self.limit) {
                Ok(StreamStep::Incomplete) => return Decoding::Incomplete,
                Ok(StreamStep::Complete { received, content }) => {
                    bytes = received.unwrap_or(bytes);
                    Ok(Some(content))
                }
                Err(error) => {
                    bytes = stream.take_received(bytes);
                    self.stream = Some(StreamState::Broken);
                    Err(error)
                }
            },
        };
        let text = unpacked.and_then(|content| self.text(content.as_deref().unwrap_or(&bytes)));
        match text {
            Ok(text) => Decoding::Text { bytes, text },
            Err(DecodeError::TooLarge) => Decoding::TooLarge,
            Err(DecodeError::Invalid(why)) => {
                let why = format!("is not {}: {why}", self.format);
                self.failed(bytes, Some(why))
            }
            #[cfg(any(feature = "msgpack", feature = "cbor"))]
            Err(DecodeError::TooManyValues) => {
                let most = units::grouped(json_text::MAX_VALUES);
                self.failed(bytes, Some(format!("has more than {most} values")))
            }
        }
    }

    /// The bytes of a message that had not been complete when the connection ended.
    pub fn finish(&mut self) -> Option<Bytes> {
        match &mut self.stream {
            Some(StreamState::Open(stream)) => {
                let received = stream.take_received(Bytes::new());
                (!received.is_empty()).then_some(received)
            }
            _ => None,
        }
    }

    /// The number of messages that could not be decoded.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    fn failed(&mut self, bytes: Bytes, why: Option<String>) -> Decoding {
        self.failures += 1;
        let broken = match self.stream {
            Some(StreamState::Broken) => "; later messages are not decoded either",
            _ => "",
        };
        let why = why.filter(|_| self.failures == 1).map(|why| {
            let size = units::bytes(bytes.len());
            format!("a message of {size} {why}; it is shown as received{broken}")
        });
        Decoding::Failed { bytes, why }
    }

    /// The steps after a stream.
    fn text(&self, content: &[u8]) -> Result<String, DecodeError> {
        let mut unpacked: Option<Vec<u8>> = None;
        for step in &self.format.compression {
            let input = unpacked.as_deref().unwrap_or(content);
            unpacked = Some(step.decompress(input, self.limit)?);
        }
        let content = match &unpacked {
            Some(content) => content,
            None => content,
        };
        match self.format.structure {
            None => plain_text(content).map(str::to_owned),
            Some(Structure::Json) => match plain_text(content)? {
                text if is_json(text) => Ok(text.to_owned()),
                _ => Err(DecodeError::Invalid("the text is not JSON".to_owned())),
            },
            #[cfg(feature = "msgpack")]
            Some(Structure::Msgpack) => {
                let mut out = JsonText::new(self.limit);
                msgpack::write_json(content, &mut out)?;
                Ok(out.into_text())
            }
            #[cfg(feature = "cbor")]
            Some(Structure::Cbor) => {
                let mut out = JsonText::new(self.limit);
                cbor::write_json(content, &mut out)?;
                Ok(out.into_text())
            }
        }
    }
}

fn plain_text(content: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(content)
        .map_err(|error| DecodeError::at(error.valid_up_to(), "the content is not UTF-8 text"))
}
