//! Assembles a message that arrives in pieces (fragments or parts of a frame). Each piece is decompressed,
//! checked and appended.

use super::deflate::Inflater;
use super::utf8::{NotUtf8, PartialText};
use super::violation::ViolationKind;
use crate::connection::message::{Payload, Text};

/// An incomplete message.
#[derive(Debug)]
pub(super) struct PartialMessage {
    content: Content,
    is_compressed: bool,
    /// Bytes received, in compressed form if it is compressed.
    received: u64,
    /// Its decompressed size so far, in bytes.
    inflated: u64,
    /// The maximum decompressed size, in bytes.
    limit: u64,
}

#[derive(Debug)]
enum Content {
    Text(PartialText),
    Binary(Vec<u8>),
}

impl PartialMessage {
    /// An empty message. `room` is the capacity to allocate and `limit` the maximum decompressed size, in
    /// bytes.
    pub(super) fn new(is_text: bool, is_compressed: bool, room: usize, limit: u64) -> Self {
        Self {
            content: if is_text {
                Content::Text(PartialText::with_capacity(room))
            } else {
                Content::Binary(Vec::with_capacity(room))
            },
            is_compressed,
            received: 0,
            inflated: 0,
            limit,
        }
    }

    /// Bytes received, as on the wire.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Appends an unmasked piece of payload.
    ///
    /// # Errors
    /// The rule that it violates.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        inflater: Option<&mut Inflater>,
    ) -> Result<(), ViolationKind> {
        self.received += piece.len() as u64;
        let (content, limit, total) = (&mut self.content, self.limit, &mut self.inflated);
        match inflater {
            Some(inflater) if self.is_compressed => inflater.inflate(piece, |inflated| {
                *total += inflated.len() as u64;
                if *total > limit {
                    return Err(ViolationKind::InflatesTooLarge(limit));
                }
                content.push(inflated)
            }),
            _ => content.push(piece),
        }
    }

    /// Completes the message.
    ///
    /// # Errors
    /// The text ends within a character, or the compressed data is truncated.
    pub(super) fn finish(self, inflater: Option<&mut Inflater>) -> Result<Payload, ViolationKind> {
        if let Some(inflater) = inflater
            && self.is_compressed
        {
            inflater.finish()?;
        }
        Ok(match self.content {
            Content::Text(text) => Payload::Text(Text::from(text.finish()?)),
            Content::Binary(bytes) => Payload::Binary(bytes.into()),
        })
    }
}

impl Content {
    fn push(&mut self, piece: &[u8]) -> Result<(), ViolationKind> {
        match self {
            Self::Text(text) => text.push(piece)?,
            Self::Binary(bytes) => bytes.extend_from_slice(piece),
        }
        Ok(())
    }
}

impl From<NotUtf8> for ViolationKind {
    fn from(_: NotUtf8) -> Self {
        Self::TextNotUtf8
    }
}
