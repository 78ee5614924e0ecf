//! A JSON object, written field by field.

use std::time::{Duration, Instant};

use super::super::json::{push_string, push_string_and_compact};
use super::clock::{Moment, six_digits};
use crate::connection::handshake::Headers;
use crate::connection::message::Direction;
use crate::event::Tally;
use crate::secret::{Redactor, shown_header_value};

/// The beginning of an event's line: there is one for each message, and what is in it is short. It is put together
/// where the last one was, and appended at once.
#[derive(Debug)]
pub(super) struct Head {
    bytes: [u8; Head::ROOM],
    len: usize,
    /// Where the beginning is that of a received message: when it was read, its connection, and the length.
    beginning: Option<(Instant, u64, usize)>,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            bytes: [0; Self::ROOM],
            len: 0,
            beginning: None,
        }
    }
}

impl Head {
    /// The longest head, a message's, has some 210 bytes.
    const ROOM: usize = 256;

    /// What every event begins with; the time is RFC 3339's, and seconds since the beginning.
    pub(super) fn begin(&mut self, event: &'static str, moment: &Moment<'_>, connection: u64) {
        self.len = 0;
        self.put(br#"{"v":1,"event":""#);
        self.put_short(event.as_bytes());
        self.put(br#"","ts":""#);
        self.put(moment.ts);
        self.put(br#"","t":"#);
        self.put_seconds(moment.elapsed);
        self.put(br#","conn":"#);
        self.put_number(connection);
        self.beginning = None;
    }

    /// Remembers the beginning as that of a message that was read then.
    pub(super) fn keep(&mut self, read_at: Instant, connection: u64) {
        self.beginning = Some((read_at, connection, self.len));
    }

    /// Goes back to the beginning of the last message, where this one was read together with it: it is the same.
    pub(super) fn go_back(&mut self, read_at: Instant, connection: u64) -> bool {
        match self.beginning {
            Some((then, on, len)) if then == read_at && on == connection => {
                self.len = len;
                true
            }
            _ => false,
        }
    }

    /// Appends a piece whose length is known when this is compiled: a few stores.
    #[inline(always)]
    fn put<const N: usize>(&mut self, piece: &[u8; N]) {
        self.bytes[self.len..][..N].copy_from_slice(piece);
        self.len += N;
    }

    /// Appends a piece of a few bytes, without a call.
    #[inline(always)]
    fn put_short(&mut self, piece: &[u8]) {
        for &byte in piece {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
    }

    fn put_number(&mut self, value: u64) {
        self.put_short(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Seconds with six decimals at most.
    fn put_seconds(&mut self, time: Duration) {
        self.put_number(time.as_secs());
        let micros = time.subsec_micros();
        if micros > 0 {
            self.put(b".");
            self.put(&six_digits(micros));
            while self.bytes[self.len - 1] == b'0' {
                self.len -= 1;
            }
        }
    }

    /// What a message is, without its data.
    pub(super) fn put_message(&mut self, direction: Direction, n: u64, is_text: bool, bytes: u64) {
        match direction {
            Direction::In => self.put(br#","dir":"in","n":"#),
            Direction::Out => self.put(br#","dir":"out","n":"#),
        }
        self.put_number(n);
        match is_text {
            true => self.put(br#","type":"text","bytes":"#),
            false => self.put(br#","type":"binary","bytes":"#),
        }
        self.put_number(bytes);
    }

    fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

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

    /// An object that goes on behind its head.
    pub(super) fn behind(head: &Head, out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(head.written());
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

    /// The text of a message, and what it is as JSON, when it is JSON.
    pub(super) fn data(&mut self, text: &str) {
        self.name("data");
        push_string_and_compact(self.out, text, b",\"json\":");
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

    #[test]
    fn a_head_has_room_for_the_largest_numbers() {
        let moment = Moment {
            ts: b"2026-01-31T23:59:59.000000Z",
            elapsed: Duration::MAX,
        };
        let mut head = Head::default();
        head.begin("ping_statistics", &moment, u64::MAX);
        head.put_message(Direction::Out, u64::MAX, false, u64::MAX);
        assert!(head.written().len() < Head::ROOM - 20, "{}", head.len);
    }

    /// Those of `decimal`, but for what is less than a microsecond.
    #[test]
    fn seconds_are_as_short_as_they_can_be() {
        for micros in [0, 1, 10, 999_999, 1_000_000, 1_500_000, 86_400_020_100] {
            let moment = Moment {
                ts: &[b' '; 27],
                elapsed: Duration::from_micros(micros),
            };
            let mut head = Head::default();
            head.begin("", &moment, 1);
            let text = String::from_utf8(head.written().to_vec()).expect("text");
            let expected = format!("\"t\":{},\"conn\":1", decimal(micros as f64 / 1e6));
            assert!(text.ends_with(&expected), "{text} {expected}");
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
    fn a_text_is_told_as_it_is_and_as_json_when_it_is_json() {
        for (text, expected) in [
            ("[1", r#"{"data":"[1"}"#),
            (" [1, 2] ", r#"{"data":" [1, 2] ","json":[1,2]}"#),
            ("{]", r#"{"data":"{]"}"#),
            // A C1 control and DEL reach a terminal neither way.
            (
                "{\"a\": \"\u{9b}\u{7f}\"}",
                r#"{"data":"{\"a\": \"\u009b\u007f\"}","json":{"a":"\u009b\u007f"}}"#,
            ),
        ] {
            let mut out = Vec::new();
            let mut object = Object::begin(&mut out);
            object.data(text);
            object.end();
            assert_eq!(String::from_utf8(out).expect("text").trim_end(), expected);
        }
    }
}
