//! Validates text that arrives in pieces, split anywhere. Each byte is checked once, as it arrives.
//!
//! Invalid text is rejected at the first invalid byte (RFC 6455 §8.1), not at the end of the message.

/// The maximum length of an incomplete code point, in bytes.
const MAX_PARTIAL: usize = 3;

/// The text is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

/// An incomplete text.
#[derive(Debug, Default)]
pub struct PartialText {
    text: String,
    /// The first `cut_len` bytes of an incomplete code point.
    cut: [u8; MAX_PARTIAL],
    cut_len: u8,
}

impl PartialText {
    /// An empty text with a capacity in bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Appends the next piece.
    ///
    /// # Errors
    /// The text is not UTF-8, whatever follows.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), NotUtf8> {
        while self.cut_len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            let had = usize::from(self.cut_len);
            let mut bytes = [0; MAX_PARTIAL + 1];
            bytes[..had].copy_from_slice(&self.cut[..had]);
            bytes[had] = byte;
            self.append(&bytes[..=had])?;
        }
        self.append(piece)
    }

    /// The complete text.
    ///
    /// # Errors
    /// The text ends within a code point.
    pub fn finish(self) -> Result<String, NotUtf8> {
        if self.cut_len == 0 {
            Ok(self.text)
        } else {
            Err(NotUtf8)
        }
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        self.cut_len = 0;
        let error = match str::from_utf8(piece) {
            Ok(text) => {
                self.text.push_str(text);
                return Ok(());
            }
            Err(error) => error,
        };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        let (whole, cut) = piece.split_at(error.valid_up_to());
        // Validated a second time, but only if a piece ends within a code point.
        self.text
            .push_str(str::from_utf8(whole).map_err(|_| NotUtf8)?);
        self.cut[..cut.len()].copy_from_slice(cut);
        self.cut_len = cut.len() as u8;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assembled(bytes: &[u8], size: usize) -> Result<String, NotUtf8> {
        let mut text = PartialText::default();
        bytes.chunks(size).try_for_each(|piece| text.push(piece))?;
        text.finish()
    }

    proptest! {
        #[test]
        fn any_text_cut_anywhere_is_that_text(text: String, size in 1usize..6) {
            prop_assert_eq!(assembled(text.as_bytes(), size), Ok(text));
        }

        #[test]
        fn any_bytes_are_judged_as_the_standard_library_does(bytes: Vec<u8>, size in 1usize..6) {
            let expected = String::from_utf8(bytes.clone()).map_err(|_| NotUtf8);
            prop_assert_eq!(assembled(&bytes, size), expected);
        }
    }

    #[test]
    fn a_text_is_refused_at_the_byte_that_breaks_it() {
        #[rustfmt::skip]
        let cases: [(&[u8], usize); 8] = [
            (b"\x80", 0),                     // a continuation of nothing
            (b"ab\xff", 2),                   // never in UTF-8
            (b"\xc0\xaf", 0),                 // an overlong '/'
            (b"\xe0\x80\xaf", 1),             // the same in three bytes
            (b"\xed\xa0\x80", 1),             // a surrogate
            (b"\xf4\x90\x80\x80", 1),         // beyond U+10FFFF
            (b"\xf5\x80\x80\x80", 0),         // the same, by its first byte
            (b"\xce\xba\xe1\xbd\xb9x\xff", 6),
        ];
        for (bytes, at) in cases {
            let mut text = PartialText::default();
            let refused = bytes.iter().position(|&byte| text.push(&[byte]).is_err());
            assert_eq!(refused, Some(at), "{}", bytes.escape_ascii());
        }
    }
}
