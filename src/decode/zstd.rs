//! Zstandard (RFC 8878): whole messages, and streams that are flushed after each message.

use zstd_safe::{DCtx, InBuffer, OutBuffer, get_error_name};

use super::DecodeError;

/// The input that the decoder asks for between two blocks: the header of the next one (RFC 8878 §3.1.1.2).
const BLOCK_HEADER: usize = 3;

/// A stream of frames.
pub(super) struct ZstdStream {
    context: DCtx<'static>,
}

impl ZstdStream {
    pub(super) fn new() -> Self {
        Self {
            context: DCtx::create(),
        }
    }

    /// Appends what `message` contains; true if it ends with a block or a frame.
    pub(super) fn push(
        &mut self,
        message: &[u8],
        content: &mut Vec<u8>,
        limit: usize,
    ) -> Result<bool, DecodeError> {
        let wanted = inflate(&mut self.context, message, content, limit)?;
        Ok(matches!(wanted, 0 | BLOCK_HEADER) && !content.is_empty())
    }
}

/// The content of a whole message.
pub(super) fn decompress(message: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut content = Vec::new();
    match inflate(&mut DCtx::create(), message, &mut content, limit)? {
        0 => Ok(content),
        _ => Err(DecodeError::Invalid(
            "the compressed content is incomplete".to_owned(),
        )),
    }
}

/// Appends what `message` contains; returns how much more input the decoder asks for: 0 at the end of a frame.
fn inflate(
    context: &mut DCtx<'static>,
    message: &[u8],
    content: &mut Vec<u8>,
    limit: usize,
) -> Result<usize, DecodeError> {
    let mut input = InBuffer::around(message);
    let mut block = [0_u8; 8192];
    loop {
        let mut output = OutBuffer::around(&mut block[..]);
        let taken = input.pos();
        let wanted = match context.decompress_stream(&mut output, &mut input) {
            Ok(wanted) => wanted,
            Err(code) => return Err(DecodeError::at(input.pos(), get_error_name(code))),
        };
        let given = output.pos();
        if content.len() + given > limit {
            return Err(DecodeError::TooLarge);
        }
        content.extend_from_slice(&block[..given]);
        let is_stuck = given == 0 && input.pos() == taken;
        if (input.pos() == message.len() && given < block.len()) || is_stuck {
            return Ok(wanted);
        }
    }
}
