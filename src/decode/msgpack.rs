//! MessagePack as JSON.
//!
//! Integers keep every digit; bytes become base64; a string that is not UTF-8 (older encoders write bytes as strings)
//! does, too. An extension is `{"ext":TYPE,"data":BASE64}`, except timestamps (type -1), which are RFC 3339 text.

use std::time::{Duration, UNIX_EPOCH};

use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};

use super::DecodeError;
use super::json_text::{JsonText, MAX_DEPTH};
use crate::units::YEAR_10000;

/// The type of a timestamp.
const TIMESTAMP: i8 = -1;

/// Appends the value of a message.
pub(super) fn write_json(message: &[u8], out: &mut JsonText) -> Result<(), DecodeError> {
    let mut reader = MsgpackReader {
        size: message.len(),
        rest: message,
    };
    reader.value(out, 0)?;
    match reader.rest.len() {
        0 => Ok(()),
        _ => Err(DecodeError::at(reader.offset(), "data after the value")),
    }
}

struct MsgpackReader<'a> {
    size: usize,
    rest: &'a [u8],
}

/// A value by its marker and the bytes that belong to it.
enum Item {
    Null,
    Bool(bool),
    Integer(i128),
    Single(f32),
    Double(f64),
    String(usize),
    Bytes(usize),
    Array(usize),
    Map(usize),
    Extension(usize),
}

impl<'a> MsgpackReader<'a> {
    fn offset(&self) -> usize {
        self.size - self.rest.len()
    }

    fn value(&mut self, out: &mut JsonText, depth: usize) -> Result<(), DecodeError> {
        let offset = self.offset();
        out.count(1)?;
        match self.item()? {
            Item::Null => out.push("null"),
            Item::Bool(true) => out.push("true"),
            Item::Bool(false) => out.push("false"),
            Item::Integer(number) => out.integer(number),
            Item::Single(number) => out.single(number),
            Item::Double(number) => out.float(number),
            Item::String(size) => {
                let bytes = self.take(size)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => out.string(text),
                    Err(_) => out.bytes(bytes),
                }
            }
            Item::Bytes(size) => out.bytes(self.take(size)?),
            Item::Array(_) | Item::Map(_) if depth == MAX_DEPTH => Err(DecodeError::at(
                offset,
                format_args!("nested deeper than {MAX_DEPTH} levels"),
            )),
            Item::Array(count) => {
                // Each has at least one byte.
                out.check_count(count.min(self.rest.len()))?;
                out.push("[")?;
                for n in 0..count {
                    out.push(if n > 0 { "," } else { "" })?;
                    self.value(out, depth + 1)?;
                }
                out.push("]")
            }
            Item::Map(count) => {
                out.check_count(count.min(self.rest.len()))?;
                out.push("{")?;
                for n in 0..count {
                    out.push(if n > 0 { "," } else { "" })?;
                    out.key(|key| self.value(key, depth + 1))?;
                    self.value(out, depth + 1)?;
                }
                out.push("}")
            }
            Item::Extension(size) => {
                let kind = self.read(RmpRead::read_data_i8)?;
                extension(kind, self.take(size)?, out)
            }
        }
    }

    fn item(&mut self) -> Result<Item, DecodeError> {
        let offset = self.offset();
        let marker = read_marker(&mut self.rest).map_err(|_| end_at(offset))?;
        Ok(match marker {
            Marker::Null => Item::Null,
            Marker::True => Item::Bool(true),
            Marker::False => Item::Bool(false),
            Marker::FixPos(number) => Item::Integer(number.into()),
            Marker::FixNeg(number) => Item::Integer(number.into()),
            Marker::U8 => Item::Integer(self.read(RmpRead::read_data_u8)?.into()),
            Marker::U16 => Item::Integer(self.read(RmpRead::read_data_u16)?.into()),
            Marker::U32 => Item::Integer(self.read(RmpRead::read_data_u32)?.into()),
            Marker::U64 => Item::Integer(self.read(RmpRead::read_data_u64)?.into()),
            Marker::I8 => Item::Integer(self.read(RmpRead::read_data_i8)?.into()),
            Marker::I16 => Item::Integer(self.read(RmpRead::read_data_i16)?.into()),
            Marker::I32 => Item::Integer(self.read(RmpRead::read_data_i32)?.into()),
            Marker::I64 => Item::Integer(self.read(RmpRead::read_data_i64)?.into()),
            Marker::F32 => Item::Single(self.read(RmpRead::read_data_f32)?),
            Marker::F64 => Item::Double(self.read(RmpRead::read_data_f64)?),
            Marker::FixStr(size) => Item::String(size.into()),
            Marker::Str8 => Item::String(self.size8()?),
            Marker::Str16 => Item::String(self.size16()?),
            Marker::Str32 => Item::String(self.size32()?),
            Marker::Bin8 => Item::Bytes(self.size8()?),
            Marker::Bin16 => Item::Bytes(self.size16()?),
            Marker::Bin32 => Item::Bytes(self.size32()?),
            Marker::FixArray(count) => Item::Array(count.into()),
            Marker::Array16 => Item::Array(self.size16()?),
            Marker::Array32 => Item::Array(self.size32()?),
            Marker::FixMap(count) => Item::Map(count.into()),
            Marker::Map16 => Item::Map(self.size16()?),
            Marker::Map32 => Item::Map(self.size32()?),
            Marker::FixExt1 => Item::Extension(1),
            Marker::FixExt2 => Item::Extension(2),
            Marker::FixExt4 => Item::Extension(4),
            Marker::FixExt8 => Item::Extension(8),
            Marker::FixExt16 => Item::Extension(16),
            Marker::Ext8 => Item::Extension(self.size8()?),
            Marker::Ext16 => Item::Extension(self.size16()?),
            Marker::Ext32 => Item::Extension(self.size32()?),
            Marker::Reserved => return Err(DecodeError::at(offset, "unused marker c1")),
        })
    }

    fn size8(&mut self) -> Result<usize, DecodeError> {
        Ok(self.read(RmpRead::read_data_u8)?.into())
    }

    fn size16(&mut self) -> Result<usize, DecodeError> {
        Ok(self.read(RmpRead::read_data_u16)?.into())
    }

    fn size32(&mut self) -> Result<usize, DecodeError> {
        // A size that does not fit is larger than any message.
        let size = self.read(RmpRead::read_data_u32)?;
        Ok(usize::try_from(size).unwrap_or(usize::MAX))
    }

    fn read<T, E>(
        &mut self,
        read: impl FnOnce(&mut &'a [u8]) -> Result<T, E>,
    ) -> Result<T, DecodeError> {
        read(&mut self.rest).map_err(|_| end_at(self.size))
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(end_at(self.size))?;
        self.rest = rest;
        Ok(taken)
    }
}

fn end_at(offset: usize) -> DecodeError {
    DecodeError::at(offset, "unexpected end")
}

fn extension(kind: i8, data: &[u8], out: &mut JsonText) -> Result<(), DecodeError> {
    if kind == TIMESTAMP
        && let Some(time) = timestamp(data)
    {
        return out.string(&humantime::format_rfc3339(UNIX_EPOCH + time).to_string());
    }
    out.push("{\"ext\":")?;
    out.integer(kind)?;
    out.push(",\"data\":")?;
    out.bytes(data)?;
    out.push("}")
}

/// The time of a timestamp since 1970, unless it is before that or after the year 9999.
fn timestamp(data: &[u8]) -> Option<Duration> {
    let (seconds, nanoseconds) = match *data {
        [a, b, c, d] => (u32::from_be_bytes([a, b, c, d]).into(), 0),
        [a, b, c, d, e, f, g, h] => {
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            (both & ((1 << 34) - 1), u32::try_from(both >> 34).ok()?)
        }
        [a, b, c, d, ref seconds @ ..] => {
            let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
            (
                u64::try_from(seconds).ok()?,
                u32::from_be_bytes([a, b, c, d]),
            )
        }
        _ => return None,
    };
    (seconds < YEAR_10000 && nanoseconds < 1_000_000_000)
        .then(|| Duration::new(seconds, nanoseconds))
}
