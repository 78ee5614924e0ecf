//! UTF-8 checked as it arrives, in pieces cut anywhere.
//!
//! A text is refused at the first byte that no continuation could mend (RFC 6455 §8.1), not at
//! the end of its message.

/// The longest start of a code point that says nothing yet about its end.
const MAX_PARTIAL: usize = 3;

/// The text is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

/// What has been seen of a text so far: nothing is kept but the start of a cut code point.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8 {
    partial: [u8; MAX_PARTIAL],
    len: u8,
}

impl Utf8 {
    /// Looks at the next piece.
    ///
    /// # Errors
    /// When the text, however it went on, could not be UTF-8.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), NotUtf8> {
        while self.len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.mend(byte)?;
        }
        self.start(piece)
    }

    /// The text has ended.
    ///
    /// # Errors
    /// When it ended within a code point.
    pub fn end(&self) -> Result<(), NotUtf8> {
        if self.len == 0 { Ok(()) } else { Err(NotUtf8) }
    }

    fn mend(&mut self, byte: u8) -> Result<(), NotUtf8> {
        let partial = usize::from(self.len);
        let mut bytes = [0; MAX_PARTIAL + 1];
        bytes[..partial].copy_from_slice(&self.partial[..partial]);
        bytes[partial] = byte;
        self.start(&bytes[..=partial])
    }

    fn start(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        self.len = 0;
        let Err(error) = str::from_utf8(piece) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        let tail = &piece[error.valid_up_to()..];
        self.partial[..tail.len()].copy_from_slice(tail);
        self.len = tail.len() as u8;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(pieces: &[&[u8]]) -> Result<(), NotUtf8> {
        let mut utf8 = Utf8::default();
        pieces.iter().try_for_each(|piece| utf8.push(piece))?;
        utf8.end()
    }

    proptest! {
        #[test]
        fn any_text_cut_anywhere_is_utf8(text: String, size in 1usize..6) {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(checked(&pieces), Ok(()));
        }

        #[test]
        fn any_bytes_are_judged_as_the_standard_library_does(bytes: Vec<u8>, size in 1usize..6) {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(checked(&pieces).is_ok(), str::from_utf8(&bytes).is_ok());
        }
    }

    #[test]
    fn a_code_point_beyond_unicode_is_refused_at_its_second_byte() {
        let mut utf8 = Utf8::default();
        assert_eq!(utf8.push("κόσμε".as_bytes()), Ok(()));
        assert_eq!(utf8.push(&[0xf4]), Ok(()));
        assert_eq!(utf8.push(&[0x90]), Err(NotUtf8));
    }
}
