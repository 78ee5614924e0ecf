//! CBOR (RFC 8949) as JSON.
//!
//! Integers keep every digit, also those of the tags 2 and 3 of up to 1,024 bits; bytes become base64. A tag is
//! `{"tag":N,"value":…}`, except 55799, which only marks CBOR. `undefined` is `null`, another simple value
//! `{"simple":N}`.

use ciborium_ll::{Decoder, Error, Header, simple, tag};

use super::DecodeError;
use super::json_text::{JsonText, MAX_DEPTH};

/// The tag that marks a message as CBOR (RFC 8949 §3.4.6).
const SELF_DESCRIBED: u64 = 55799;
/// The largest integer of a tag that is written out, in bytes; the work grows with the square.
const BIG_NUMBER: usize = 128;

/// The square of the bytes of such an integer that takes as long as another value.
const BIG_NUMBER_WORK: usize = 50;

/// Appends the value of a message.
pub(super) fn write_json(message: &[u8], out: &mut JsonText) -> Result<(), DecodeError> {
    let mut reader = CborReader {
        size: message.len(),
        decoder: Decoder::from(message),
    };
    let header = reader.pull()?;
    reader.value(header, out, 0)?;
    match reader.decoder.offset() {
        offset if offset == message.len() => Ok(()),
        offset => Err(DecodeError::at(offset, "data after the value")),
    }
}

struct CborReader<'a> {
    size: usize,
    decoder: Decoder<&'a [u8]>,
}

impl CborReader<'_> {
    fn pull(&mut self) -> Result<Header, DecodeError> {
        let size = self.size;
        self.decoder.pull().map_err(|error| explain(&error, size))
    }

    fn value(
        &mut self,
        header: Header,
        out: &mut JsonText,
        depth: usize,
    ) -> Result<(), DecodeError> {
        out.count(1)?;
        match header {
            Header::Positive(number) => out.integer(number),
            Header::Negative(inverted) => out.integer(!i128::from(inverted)),
            Header::Float(number) => out.float(number),
            Header::Simple(simple::FALSE) => out.push("false"),
            Header::Simple(simple::TRUE) => out.push("true"),
            Header::Simple(simple::NULL | simple::UNDEFINED) => out.push("null"),
            Header::Simple(number) => out.push(&format!("{{\"simple\":{number}}}")),
            Header::Bytes(length) => {
                let bytes = self.bytes(length, out)?;
                out.bytes(&bytes)
            }
            Header::Text(length) => {
                let text = self.text(length, out)?;
                out.string(&text)
            }
            Header::Break => Err(DecodeError::at(self.decoder.offset(), "unexpected break")),
            Header::Array(_) | Header::Map(_) | Header::Tag(_) if depth == MAX_DEPTH => {
                Err(DecodeError::at(
                    self.decoder.offset(),
                    format_args!("nested deeper than {MAX_DEPTH} levels"),
                ))
            }
            Header::Array(count) => self.array(count, out, depth + 1),
            Header::Map(count) => self.map(count, out, depth + 1),
            Header::Tag(number) => self.tagged(number, out, depth + 1),
        }
    }

    /// The header of the next element of an array or map; `None` after the last one.
    fn element(&mut self, count: Option<usize>, n: usize) -> Result<Option<Header>, DecodeError> {
        match count {
            Some(count) if n == count => Ok(None),
            Some(_) => self.pull().map(Some),
            None => Ok(Some(self.pull()?).filter(|header| *header != Header::Break)),
        }
    }

    fn array(
        &mut self,
        count: Option<usize>,
        out: &mut JsonText,
        depth: usize,
    ) -> Result<(), DecodeError> {
        out.push("[")?;
        // Each element has at least one byte.
        let rest = self.size.saturating_sub(self.decoder.offset());
        out.check_count(count.unwrap_or(0).min(rest))?;
        let mut n = 0;
        while let Some(header) = self.element(count, n)? {
            out.push(if n > 0 { "," } else { "" })?;
            self.value(header, out, depth)?;
            n += 1;
        }
        out.push("]")
    }

    fn map(
        &mut self,
        count: Option<usize>,
        out: &mut JsonText,
        depth: usize,
    ) -> Result<(), DecodeError> {
        out.push("{")?;
        // Each element has at least one byte.
        let rest = self.size.saturating_sub(self.decoder.offset());
        out.check_count(count.unwrap_or(0).min(rest))?;
        let mut n = 0;
        while let Some(header) = self.element(count, n)? {
            out.push(if n > 0 { "," } else { "" })?;
            out.key(|key| self.value(header, key, depth))?;
            let header = self.pull()?;
            self.value(header, out, depth)?;
            n += 1;
        }
        out.push("}")
    }

    fn tagged(&mut self, number: u64, out: &mut JsonText, depth: usize) -> Result<(), DecodeError> {
        let header = self.pull()?;
        match (number, header) {
            (SELF_DESCRIBED, header) => return self.value(header, out, depth),
            (tag::BIGPOS | tag::BIGNEG, Header::Bytes(length)) => {
                let bytes = self.bytes(length, out)?;
                if bytes.len() <= BIG_NUMBER {
                    out.count(bytes.len().pow(2) / BIG_NUMBER_WORK)?;
                    return out.push(&big_integer(&bytes, number == tag::BIGNEG));
                }
                out.push(&format!("{{\"tag\":{number},\"value\":"))?;
                out.bytes(&bytes)?;
            }
            (number, header) => {
                out.push(&format!("{{\"tag\":{number},\"value\":"))?;
                self.value(header, out, depth)?;
            }
        }
        out.push("}")
    }

    /// The bytes of an item, which may consist of segments.
    fn bytes(&mut self, length: Option<usize>, out: &mut JsonText) -> Result<Vec<u8>, DecodeError> {
        let size = self.size;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        let mut segments = self.decoder.bytes(length);
        while let Some(mut segment) = segments.pull().map_err(|error| explain(&error, size))? {
            out.count(1)?;
            while let Some(piece) = segment
                .pull(&mut buffer)
                .map_err(|error| explain(&error, size))?
            {
                bytes.extend_from_slice(piece);
                out.check_room(bytes.len())?;
            }
        }
        Ok(bytes)
    }

    /// The text of an item, which may consist of segments.
    fn text(&mut self, length: Option<usize>, out: &mut JsonText) -> Result<String, DecodeError> {
        let size = self.size;
        let mut text = String::new();
        let mut buffer = [0; 4096];
        let mut segments = self.decoder.text(length);
        while let Some(mut segment) = segments.pull().map_err(|error| explain(&error, size))? {
            out.count(1)?;
            while let Some(piece) = segment
                .pull(&mut buffer)
                .map_err(|error| explain(&error, size))?
            {
                text.push_str(piece);
                out.check_room(text.len())?;
            }
        }
        Ok(text)
    }
}

fn explain<T>(error: &Error<T>, size: usize) -> DecodeError {
    match error {
        Error::Io(_) => DecodeError::at(size, "unexpected end"),
        Error::Syntax(offset) => DecodeError::at(*offset, "not CBOR"),
    }
}

/// The decimal digits of an integer in big-endian bytes; a negative one is -1 minus that (RFC 8949 §3.4.3).
fn big_integer(bytes: &[u8], is_negative: bool) -> String {
    let mut digits = vec![0_u8];
    let mut add = |factor: u32, carry: u32| {
        let mut carry = carry;
        for digit in &mut digits {
            carry += u32::from(*digit) * factor;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    };
    for byte in bytes {
        add(256, u32::from(*byte));
    }
    if is_negative {
        add(1, 1);
    }
    let sign = if is_negative { "-" } else { "" };
    let digits = digits.iter().rev().map(|digit| char::from(b'0' + digit));
    sign.chars().chain(digits).collect()
}
