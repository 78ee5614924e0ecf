//! A message that arrives in pieces: fragments, or parts of a frame. Each piece is inflated, checked
//! and put where it stays.

use super::deflate::Inflater;
use super::utf8::{NotUtf8, PartialText};
use super::violation::ViolationKind;
use crate::connection::message::{Payload, Text};

/// A message of which some has arrived.
#[derive(Debug)]
pub(super) struct PartialMessage {
    content: Content,
    is_compressed: bool,
    /// Bytes of it that have arrived: compressed where it is.
    established: u64,
    /// Bytes that it has inflated to.
    inflated: u64,
    /// The most that it may inflate to.
    limit: u64,
}

#[derive(Debug)]
enum Content {
    Text(PartialText),
    Binary(Vec<u8>),
}

impl PartialMessage {
    /// An empty message. `room` is how large it is known to become, in bytes, and `limit` the most
    /// that it may inflate to.
    pub(super) fn new(is_text: bool, is_compressed: bool, room: usize, limit: u64) -> Self {
        Self {
            content: if is_text {
                Content::Text(PartialText::with_capacity(room))
            } else {
                Content::Binary(Vec::with_capacity(room))
            },
            is_compressed,
            established: 0,
            inflated: 0,
            limit,
        }
    }

    /// Bytes of it that have arrived, as they are on the wire.
    pub(super) fn established(&self) -> u64 {
        self.established
    }

    /// Appends a piece, as it is on the wire but for the mask.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        inflater: Option<&mut Inflater>,
    ) -> Result<(), ViolationKind> {
        self.established += piece.len() as u64;
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

    /// The message, all of which has arrived.
    ///
    /// # Errors
    /// A message cut short within a character, or within what was compressed.
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
