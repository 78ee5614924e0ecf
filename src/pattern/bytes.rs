//! Byte patterns: hexadecimal bytes, `??` for any one byte, and `…` or `...` at the end for any rest.

use super::Mismatch;
use crate::units;

/// A compiled byte pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BytePattern {
    /// `None` is any byte.
    bytes: Vec<Option<u8>>,
    /// Whether more bytes may follow.
    is_prefix: bool,
}

impl BytePattern {
    /// Parses the bytes; white space and colons between them are ignored, as with `--hex`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("...").or(rest.strip_prefix('…')) {
                return match after.trim() {
                    "" => Ok(Self {
                        bytes,
                        is_prefix: true,
                    }),
                    _ => Err("… may only stand at the end".to_owned()),
                };
            }
            let mut pair = rest.chars();
            let (high, low) = (pair.next(), pair.next());
            bytes.push(byte(first, high.and(low))?);
            rest = pair.as_str();
            rest = rest.trim_start_matches(|sign: char| sign.is_ascii_whitespace() || sign == ':');
        }
        Ok(Self {
            bytes,
            is_prefix: false,
        })
    }

    /// Whether a message has these bytes.
    pub(super) fn is_match(&self, message: &[u8]) -> bool {
        let is_long_enough = match self.is_prefix {
            true => message.len() >= self.bytes.len(),
            false => message.len() == self.bytes.len(),
        };
        is_long_enough && self.equal(message) == self.bytes.len()
    }

    /// The first byte that differs, by its offset in the message.
    pub(super) fn mismatch(&self, message: &[u8]) -> Option<Mismatch> {
        if self.is_match(message) {
            return None;
        }
        let at = self.equal(message);
        let wanted = match self.bytes.get(at) {
            Some(Some(byte)) => format!("{byte:02x}"),
            Some(None) => "any byte".to_owned(),
            None => "the end".to_owned(),
        };
        let got = match message.get(at) {
            Some(byte) if at == self.bytes.len() => {
                let more = units::count((message.len() - at) as u64, "more byte");
                format!("{byte:02x} ({more})")
            }
            Some(byte) => format!("{byte:02x}"),
            None => "the end".to_owned(),
        };
        Some(Mismatch {
            why: format!("byte {at}: expected {wanted}, got {got}"),
            equal: at,
        })
    }

    /// How many bytes match at the beginning.
    fn equal(&self, message: &[u8]) -> usize {
        let pairs = self.bytes.iter().zip(message);
        pairs
            .take_while(|(wanted, got)| wanted.is_none_or(|wanted| wanted == **got))
            .count()
    }
}

/// One byte of the pattern from its two characters.
fn byte(high: char, low: Option<char>) -> Result<Option<u8>, String> {
    let digit = |sign: char| sign.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match (high, low) {
        ('?', Some('?')) => Ok(None),
        _ if digit(high).is_none() && high != '?' => {
            Err(format!("invalid hexadecimal digit '{high}'"))
        }
        (_, None) => Err(format!("'{high}' is only half a byte")),
        (_, Some(low)) => match digit(high).zip(digit(low)) {
            Some((high, low)) => Ok(Some(high << 4 | low)),
            None if low.is_ascii_whitespace() => Err(format!("'{high}' is only half a byte")),
            None => Err(format!("'{high}{low}' is neither two digits nor ??")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_and_where_the_first_difference_is() {
        let table: [(&str, &[u8], Option<&str>); 14] = [
            ("", b"", None),
            ("00 ff 10", b"\x00\xff\x10", None),
            ("00FF:10", b"\x00\xff\x10", None),
            ("00 ?? 10", b"\x00\x01\x10", None),
            ("00 …", b"\x00", None),
            ("00...", b"\x00\x01\x02", None),
            ("…", b"", None),
            ("00 ff", b"\x00\xfe", Some("byte 1: expected ff, got fe")),
            ("?? 01", b"\x07\x02", Some("byte 1: expected 01, got 02")),
            ("00 ff", b"\x00", Some("byte 1: expected ff, got the end")),
            (
                "00 ??",
                b"\x00",
                Some("byte 1: expected any byte, got the end"),
            ),
            (
                "00",
                b"\x00\x01",
                Some("byte 1: expected the end, got 01 (1 more byte)"),
            ),
            (
                "00",
                b"\x00\x01\x02",
                Some("byte 1: expected the end, got 01 (2 more bytes)"),
            ),
            ("00 01 …", b"\x00", Some("byte 1: expected 01, got the end")),
        ];
        for (text, message, why) in table {
            let pattern = BytePattern::parse(text).unwrap();
            let mismatch = pattern.mismatch(message);
            assert_eq!(
                mismatch.map(|m| m.why).as_deref(),
                why,
                "{text} {message:?}"
            );
            assert_eq!(
                pattern.is_match(message),
                why.is_none(),
                "{text} {message:?}"
            );
        }
    }

    #[test]
    fn an_invalid_pattern_is_an_error_that_names_the_place() {
        for (text, why) in [
            ("0", "'0' is only half a byte"),
            ("0 0", "'0' is only half a byte"),
            ("00 ?", "'?' is only half a byte"),
            ("4?", "'4?' is neither two digits nor ??"),
            ("?4", "'?4' is neither two digits nor ??"),
            ("zz", "invalid hexadecimal digit 'z'"),
            ("00 … 01", "… may only stand at the end"),
            ("00 ..", "invalid hexadecimal digit '.'"),
            ("é", "invalid hexadecimal digit 'é'"),
        ] {
            assert_eq!(BytePattern::parse(text), Err(why.to_owned()), "{text}");
        }
    }
}
