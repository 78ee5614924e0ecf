//! Decompresses whole messages.

use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::DecodeError;

/// A compression of whole messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952; several members may follow one another.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951, without a header.
    Deflate,
    /// RFC 8878; several frames may follow one another.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// The content of a message, of at most `limit` bytes.
    pub(super) fn decompress(self, message: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
        let mut rest = message;
        let content = match self {
            Self::Gzip => read(MultiGzDecoder::new(&mut rest), limit),
            Self::Zlib => read(ZlibDecoder::new(&mut rest), limit),
            Self::Deflate => read(DeflateDecoder::new(&mut rest), limit),
            #[cfg(feature = "zstd")]
            Self::Zstd => return super::zstd::decompress(message, limit),
        }?;
        match rest.len() {
            0 => Ok(content),
            left => Err(DecodeError::at(
                message.len() - left,
                "data after the end of the compressed content",
            )),
        }
    }
}

fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut content = Vec::new();
    let most = (limit as u64).saturating_add(1);
    decoder
        .take(most)
        .read_to_end(&mut content)
        .map_err(|error| DecodeError::Invalid(why(&error)))?;
    match content.len() > limit {
        true => Err(DecodeError::TooLarge),
        false => Ok(content),
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the compressed content is incomplete".to_owned(),
        _ => error.to_string(),
    }
}
