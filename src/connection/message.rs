//! What travels over an open connection.

use bytes::Bytes;
pub use tokio_tungstenite::tungstenite::Utf8Bytes as Text;

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
}

impl Payload {
    /// The content as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_str().as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The content as shared bytes.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_ref(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The content as text, where it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Binary(_) => None,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the message is empty; an empty message is a message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, shared.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes,
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

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A message in one frame.
    Message(Payload),
    /// A part of a message.
    Fragment(Fragment),
    /// A ping frame, at most 125 bytes.
    Ping(Bytes),
    /// A pong frame that nobody asked for, at most 125 bytes.
    Pong(Bytes),
}
