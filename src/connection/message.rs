//! Messages and other data sent over an open connection.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr_iter;
pub use tokio_tungstenite::tungstenite::Utf8Bytes as Text;

use crate::decode::DecodeFormat;
use crate::pattern::MessageContent;
use crate::units;

/// Bytes of a binary message in an excerpt.
const BYTES_SHOWN: usize = 16;

/// The direction of a message or frame, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

impl Direction {
    /// The word used in JSON events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// A message's content. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A text message: valid UTF-8, which the type guarantees.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A received binary message that was decoded to text (`--decode`).
    Decoded(Arc<DecodedMessage>),
}

/// A binary message and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct DecodedMessage {
    /// The bytes received.
    pub bytes: Bytes,
    /// What they contain.
    pub text: Text,
    /// How they were decoded.
    pub format: Arc<DecodeFormat>,
}

impl Payload {
    /// The content as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_str().as_bytes(),
            Self::Binary(bytes) => bytes,
            Self::Decoded(decoded) => &decoded.bytes,
        }
    }

    /// The content as shared bytes.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_ref(),
            Self::Binary(bytes) => bytes,
            Self::Decoded(decoded) => &decoded.bytes,
        }
    }

    /// Whether it is a text message.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The text of a text message, or of a binary message that was decoded.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Binary(_) => None,
            Self::Decoded(decoded) => Some(decoded.text.as_str()),
        }
    }

    /// Bytes of memory that it takes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Decoded(decoded) => decoded.bytes.len() + decoded.text.len(),
            _ => self.len(),
        }
    }

    /// The content as text for patterns: a text message, or binary data that is valid UTF-8 or was decoded.
    pub fn readable(&self) -> Option<Text> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Binary(bytes) => Text::try_from(bytes.clone()).ok(),
            Self::Decoded(decoded) => Some(decoded.text.clone()),
        }
    }

    /// The content for a person: the readable text, or the first bytes.
    pub fn excerpt(&self) -> Text {
        self.readable()
            .unwrap_or_else(|| self.bytes_excerpt().into())
    }

    /// The size and the first bytes: `binary, 3 bytes: 00 ff 10`.
    pub fn bytes_excerpt(&self) -> String {
        let bytes = self.as_bytes();
        let mut text = format!("binary, {}:", units::bytes(bytes.len()));
        for byte in bytes.iter().take(BYTES_SHOWN) {
            text.push_str(&format!(" {byte:02x}"));
        }
        if bytes.len() > BYTES_SHOWN {
            text.push_str(" …");
        }
        text
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the message has no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, shared.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes,
            Self::Decoded(decoded) => decoded.bytes.clone(),
        }
    }
}

impl<'a> From<&'a Payload> for MessageContent<'a> {
    fn from(payload: &'a Payload) -> Self {
        match payload {
            Payload::Text(text) => Self::Text(text.as_str()),
            Payload::Binary(bytes) => Self::Binary(bytes),
            Payload::Decoded(decoded) => Self::Decoded {
                bytes: &decoded.bytes,
                text: decoded.text.as_str(),
            },
        }
    }
}

/// A part of a message that is sent in several frames (RFC 6455 §5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Whether the message is text. The parts need not end at character boundaries.
    pub is_text: bool,
    /// The first part carries the opcode.
    pub is_first: bool,
    /// The last part ends the message.
    pub is_last: bool,
    /// The part's bytes.
    pub bytes: Bytes,
}

/// Messages that are sent together: a block of input with several messages, each with its delimiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    delimiter: u8,
    is_text: bool,
    messages: u64,
}

impl Batch {
    /// The messages in `bytes`, which end with a delimiter. For text, the caller guarantees that `bytes` is
    /// UTF-8 and the delimiter is ASCII, so that each message is UTF-8 as well.
    pub fn new(bytes: Bytes, delimiter: u8, is_text: bool) -> Self {
        let messages = memchr_iter(delimiter, &bytes).count() as u64;
        Self {
            bytes,
            delimiter,
            is_text,
            messages,
        }
    }

    /// Whether they are text messages.
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// The number of messages.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The bytes of all messages, without the delimiters.
    pub fn payload_bytes(&self) -> u64 {
        self.bytes.len() as u64 - self.messages
    }

    /// The range of each message in [`Batch::bytes`].
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let mut begin = 0;
        memchr_iter(self.delimiter, &self.bytes).map(move |end| {
            let range = begin..end;
            begin = end + 1;
            range
        })
    }

    /// The whole block, delimiters included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A message in one frame.
    Message(Payload),
    /// Several messages, each in one frame.
    Batch(Batch),
    /// A part of a message.
    Fragment(Fragment),
    /// A ping frame, at most 125 bytes.
    Ping(Bytes),
    /// An unsolicited pong frame, at most 125 bytes.
    Pong(Bytes),
    /// Raw frames, legal or not, for testing a peer.
    Raw(Bytes),
}

impl Outgoing {
    /// Bytes of payload; of a batch, with its delimiters.
    pub fn len(&self) -> usize {
        match self {
            Self::Message(payload) => payload.len(),
            Self::Batch(batch) => batch.bytes().len(),
            Self::Fragment(fragment) => fragment.bytes.len(),
            Self::Ping(bytes) | Self::Pong(bytes) | Self::Raw(bytes) => bytes.len(),
        }
    }

    /// Whether there is no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
