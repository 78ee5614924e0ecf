//! What a message offers to a pattern.

/// The content of a message, as patterns look at it.
#[derive(Clone, Copy, Debug)]
pub enum MessageContent<'a> {
    /// A text message, or any other text.
    Text(&'a str),
    /// A binary message; it is also a text if it is valid UTF-8.
    Binary(&'a [u8]),
    /// A binary message and the text that it was decoded to.
    Decoded {
        /// The bytes received.
        bytes: &'a [u8],
        /// What they contain.
        text: &'a str,
    },
}

impl<'a> MessageContent<'a> {
    /// The bytes of the message.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Decoded { bytes, .. } => bytes,
        }
    }

    /// The text, unless it is a binary message that is not text.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Decoded { text, .. } => Some(text),
            Self::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    /// Whether it is a text message.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text(_))
    }
}

impl<'a> From<&'a str> for MessageContent<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for MessageContent<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}
