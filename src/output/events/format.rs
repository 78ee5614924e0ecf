//! The serde_json formatter of events: one line, without characters that a terminal would interpret or not show.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::super::escape::DEL;
use super::super::json::{Compactor, push_escaped};

/// Appends `value` as JSON.
///
/// # Panics
/// When `value` is not JSON, such as a map whose keys are not strings.
pub(super) fn push_json(out: &mut Vec<u8>, value: &impl Serialize) {
    let mut serializer = Serializer::with_formatter(out, EscapingFormatter);
    value
        .serialize(&mut serializer)
        .expect("events are JSON, and memory can be written");
}

/// The form of events: compact; DEL, C1, bidi and other format characters are escaped; numbers have at most six
/// decimals and no exponent.
struct EscapingFormatter;

impl Formatter for EscapingFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        if !has_byte_from(fragment, DEL) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut escaped = Vec::with_capacity(2 * fragment.len());
        push_escaped(&mut escaped, fragment);
        writer.write_all(&escaped)
    }

    /// A message that is already JSON: every digit and every duplicate key is kept.
    fn write_raw_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let has_space = fragment
            .bytes()
            .fold(false, |any, byte| any | (byte <= b' '));
        if !has_space && !has_byte_from(fragment, DEL) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut compact = Vec::with_capacity(fragment.len());
        Compactor::default().push(&mut compact, fragment);
        writer.write_all(&compact)
    }

    fn write_f64<W>(&mut self, writer: &mut W, value: f64) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        const UNIT: u64 = 1_000_000;
        let units = value * UNIT as f64 + 0.5;
        // Below this an `f64` distinguishes millionths.
        if !(0.0..1e15).contains(&units) {
            return write!(writer, "{value}");
        }
        let units = units as u64;
        self.write_u64(writer, units / UNIT)?;
        let mut fraction = units % UNIT;
        if fraction == 0 {
            return Ok(());
        }
        let mut digits = *b".000000";
        for digit in digits[1..].iter_mut().rev() {
            *digit += (fraction % 10) as u8;
            fraction /= 10;
        }
        let zeros = digits.iter().rev().take_while(|&&digit| digit == b'0');
        let length = digits.len() - zeros.count();
        writer.write_all(&digits[..length])
    }
}

/// Whether there is a byte of at least this value: DEL and bytes beyond ASCII are the highest. Without an early exit
/// this is compiled to vector code.
fn has_byte_from(text: &str, least: u8) -> bool {
    text.bytes().fold(false, |any, byte| any | (byte >= least))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        push_json(&mut out, value);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn decimals_are_as_short_as_they_can_be() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (10.0, "10"),
            (0.5, "0.5"),
            (0.000_001, "0.000001"),
            (0.000_000_4, "0"),
            (0.000_000_6, "0.000001"),
            (0.999_999_9, "1"),
            (123.456_789, "123.456789"),
            (86_400.020_100, "86400.0201"),
            (1e12, "1000000000000"),
            (-1.5, "-1.5"),
        ] {
            assert_eq!(json(&value), text);
        }
    }

    /// A time in milliseconds has six decimals: whole nanoseconds, none of which is lost.
    #[test]
    fn milliseconds_keep_every_nanosecond() {
        for nanos in (0..20_000_u64).chain((0..10_000).map(|n| n * 104_729_357)) {
            let expected = format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000);
            let expected = expected.trim_end_matches('0').trim_end_matches('.');
            assert_eq!(json(&(nanos as f64 / 1e6)), expected, "{nanos}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(
            json(&"a\u{9b}\u{7f}\u{202e}\u{e0041}\x1b\n\"\\/é"),
            r#""a\u009b\u007f\u202e\udb40\udc41\u001b\n\"\\/é""#
        );
    }

    #[test]
    fn raw_json_is_compact_and_safe_and_keeps_every_digit() {
        let text = "\r\n{\"a\\\" b\" : [1.50, 1E+400],\t\"a\":\"\u{9b}\u{7f} \" }\n";
        let raw: &serde_json::value::RawValue = serde_json::from_str(text).expect("JSON");
        assert_eq!(json(&raw), r#"{"a\" b":[1.50,1E+400],"a":"\u009b\u007f "}"#);
    }
}
