//! A JSON object, written field by field.

use super::super::json::{compact_escaped, push_string};
use super::clock::{LENGTH, six_digits};
use crate::connection::handshake::Headers;
use crate::event::Tally;
use crate::secret::{Redactor, shown_header_value};

/// A JSON object under construction, on one line.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// What every event begins with; the time is RFC 3339's.
    pub(super) fn begin_event(
        out: &'a mut Vec<u8>,
        event: &'static str,
        ts: &[u8; LENGTH],
    ) -> Self {
        out.extend_from_slice(br#"{"v":1,"event":""#);
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(br#"","ts":""#);
        out.extend_from_slice(ts);
        out.push(b'"');
        Self { out, empty: false }
    }

    /// A name of ours, in which nothing is to be escaped. In place, it is a few stores of what is known.
    #[inline(always)]
    pub(super) fn name(&mut self, name: &'static str) {
        self.out
            .extend_from_slice(if self.empty { b"\"" } else { b",\"" });
        self.empty = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A field whose name came from elsewhere.
    fn foreign(&mut self, name: &str, value: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        push_string(self.out, name);
        self.out.push(b':');
        push_string(self.out, value);
    }

    /// A value of ours, in which nothing is to be escaped.
    #[inline(always)]
    pub(super) fn plain_text(&mut self, name: &'static str, value: &'static str) -> &mut Self {
        self.name(name);
        self.put_plain_text(value)
    }

    fn put_plain_text(&mut self, value: &str) -> &mut Self {
        self.out.push(b'"');
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'"');
        self
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        push_string(self.out, value);
        self
    }

    pub(super) fn optional_text(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, b"null"),
        }
    }

    #[inline(always)]
    pub(super) fn number(&mut self, name: &'static str, value: u64) -> &mut Self {
        self.name(name);
        self.put_number(value)
    }

    fn put_number(&mut self, value: u64) -> &mut Self {
        let mut digits = itoa::Buffer::new();
        self.put(digits.format(value).as_bytes())
    }

    pub(super) fn optional_number(&mut self, name: &'static str, value: Option<u64>) -> &mut Self {
        match value {
            Some(value) => self.number(name, value),
            None => self,
        }
    }

    /// A number with six decimals at most; microseconds are as fine as any clock here.
    pub(super) fn decimal(&mut self, name: &'static str, value: f64) -> &mut Self {
        const UNIT: f64 = 1e6;
        self.name(name);
        let units = value * UNIT + 0.5;
        // Below this an `f64` tells units apart.
        if !(0.0..1e15).contains(&units) {
            let text = format!("{value:.6}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            return self.put(text.as_bytes());
        }
        let units = units as u64;
        let whole = units / UNIT as u64;
        self.put_number(whole);
        let fraction = (units % UNIT as u64) as u32;
        if fraction > 0 {
            let digits = six_digits(fraction);
            let zeros = digits.iter().rev().take_while(|&&digit| digit == b'0');
            let shown = digits.len() - zeros.count();
            self.out.push(b'.');
            self.out.extend_from_slice(&digits[..shown]);
        }
        self
    }

    pub(super) fn flag(&mut self, name: &'static str, value: bool) -> &mut Self {
        self.raw(name, if value { b"true" } else { b"false" })
    }

    pub(super) fn raw(&mut self, name: &'static str, value: &[u8]) -> &mut Self {
        self.name(name);
        self.put(value)
    }

    fn put(&mut self, value: &[u8]) -> &mut Self {
        self.out.extend_from_slice(value);
        self
    }

    /// The text as JSON, when it is JSON.
    pub(super) fn json(&mut self, name: &'static str, text: &str) {
        let before = (self.out.len(), self.empty);
        self.name(name);
        if compact_escaped(self.out, text).is_err() {
            self.out.truncate(before.0);
            self.empty = before.1;
        }
    }

    pub(super) fn list(&mut self, name: &'static str, values: &[String]) {
        self.name(name);
        self.out.push(b'[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            push_string(self.out, value);
        }
        self.out.push(b']');
    }

    pub(super) fn list_of<T>(
        &mut self,
        name: &'static str,
        values: &[T],
        fill: impl Fn(&mut Object<'_>, &T),
    ) {
        self.name(name);
        self.out.push(b'[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let mut object = Object::begin(self.out);
            fill(&mut object, value);
            object.out.push(b'}');
        }
        self.out.push(b']');
    }

    /// Header lines as an object: names in lower case, values of one name joined as a list.
    pub(super) fn headers(&mut self, name: &'static str, headers: &Headers, redactor: &Redactor) {
        let mut seen: Vec<String> = Vec::new();
        self.nested(name, |object| {
            for (key, _) in &headers.0 {
                let lower = key.to_ascii_lowercase();
                if seen.contains(&lower) {
                    continue;
                }
                let values: Vec<&str> = headers.all(key).collect();
                let value = values.join(", ");
                object.foreign(&lower, &shown_header_value(key, &value, redactor));
                seen.push(lower);
            }
        });
    }

    pub(super) fn nested(&mut self, name: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut object = Object::begin(self.out);
        fill(&mut object);
        object.out.push(b'}');
    }

    pub(super) fn tally(&mut self, name: &'static str, tally: Tally) {
        let Tally { messages, bytes } = tally;
        self.nested(name, |object| {
            object.number("messages", messages).number("bytes", bytes);
        });
    }

    pub(super) fn end(self) {
        self.out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(value: f64) -> String {
        let mut out = Vec::new();
        Object::begin(&mut out).decimal("x", value);
        String::from_utf8(out).expect("text").split_off(5)
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
            assert_eq!(decimal(value), text);
        }
    }

    /// A time in milliseconds has six decimals: whole nanoseconds, none of which is lost.
    #[test]
    fn milliseconds_keep_every_nanosecond() {
        for nanos in (0..20_000_u64).chain((0..10_000).map(|n| n * 104_729_357)) {
            let shown = decimal(nanos as f64 / 1e6);
            let expected = format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000);
            let expected = expected.trim_end_matches('0').trim_end_matches('.');
            assert_eq!(shown, expected, "{nanos}");
        }
    }

    #[test]
    fn what_is_no_json_leaves_no_name() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.json("a", "[1");
        object.json("b", " [1, 2] ");
        object.json("c", "{]");
        object.end();
        assert_eq!(String::from_utf8(out).expect("text"), "{\"b\":[1,2]}\n");
    }
}
