//! The forms in which a secret may come back: a part of it, or percent-encoded.

use std::collections::BTreeSet;
use std::ops::Range;

use memchr::memmem;
use serde_json::Value;

use super::{MASK, SEARCHED_FROM, Secret};

/// The maximum number of parts of one secret that are searched for.
const PARTS: usize = 256;

/// Names in a JSON message whose values say what it is about: these are in every answer, and no secrets.
const SUBJECTS: [&str; 21] = [
    "action", "args", "channel", "channels", "cmd", "command", "event", "jsonrpc", "kind",
    "method", "op", "params", "room", "rooms", "stream", "streams", "symbol", "symbols", "topic",
    "topics", "type",
];

/// The parts of a secret that a server may repeat alone: the string values of JSON, else the lines. A part of less
/// than [`SEARCHED_FROM`] bytes is none.
pub(super) fn parts(value: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    match serde_json::from_str::<Value>(value) {
        Ok(json) => push_strings(&json, false, &mut found),
        Err(_) if value.contains('\n') => {
            for line in value.lines().map(str::trim) {
                match serde_json::from_str::<Value>(line) {
                    Ok(json) => push_strings(&json, false, &mut found),
                    Err(_) => push(line, &mut found),
                }
            }
        }
        Err(_) => {}
    }
    found.into_iter().take(PARTS).collect()
}

/// Adds the strings in a JSON value; of those under the name of a subject only the ones that look random.
fn push_strings(json: &Value, is_subject: bool, found: &mut BTreeSet<String>) {
    match json {
        Value::String(text) if !is_subject || super::guess::looks_secret(text) => {
            push(text, found);
        }
        Value::Array(values) => {
            for value in values {
                push_strings(value, is_subject, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_ascii_lowercase();
                push_strings(value, SUBJECTS.contains(&name.as_str()), found);
            }
        }
        _ => {}
    }
}

fn push(part: &str, found: &mut BTreeSet<String>) {
    if part.len() >= SEARCHED_FROM {
        found.insert(part.to_owned());
    }
}

/// The text with every percent-encoded secret replaced by [`MASK`], whichever characters are encoded; `None` if
/// there is none.
pub(super) fn mask_percent_encoded(text: &str, secrets: &[Secret]) -> Option<String> {
    let mut masked: Option<String> = None;
    let mut rest_from = 0;
    for word in words(text) {
        if !text[word.clone()].contains('%') {
            continue;
        }
        let mut from = word.start;
        for range in encoded_secrets(&text[word.clone()], secrets) {
            let range = word.start + range.start..word.start + range.end;
            if range.start >= from {
                let out = masked.get_or_insert_default();
                out.push_str(&text[rest_from..range.start]);
                out.push_str(MASK);
                (from, rest_from) = (range.end, range.end);
            }
        }
    }
    masked.map(|masked| masked + &text[rest_from..])
}

/// The words of a text: an encoded text contains no space and no quote.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>'))
        .map(move |word| {
            let start = from;
            // Every separator but white space beyond ASCII is one byte long.
            let end = start + word.len();
            let separator = text[end..].chars().next();
            from = end + separator.map_or(0, char::len_utf8);
            start..end
        })
}

/// Where secrets are in the decoded word, in order and longest first.
fn encoded_secrets(word: &str, secrets: &[Secret]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // In a form, a space is a plus sign.
    for space in [b'+', b' '] {
        let (decoded, starts) = decoded(word.as_bytes(), space);
        for secret in secrets.iter().map(Secret::reveal) {
            let places = memmem::find_iter(&decoded, secret);
            found.extend(places.map(|at| starts[at]..starts[at + secret.len()]));
        }
    }
    found.retain(|range: &Range<usize>| word.get(range.clone()).is_some());
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    found
}

/// The decoded bytes, and where each of them and the end is in the word.
fn decoded(word: &[u8], space: u8) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut starts, mut at) = (Vec::new(), Vec::new(), 0);
    while at < word.len() {
        starts.push(at);
        let hex = word.get(at + 1..at + 3);
        let hex = hex.and_then(|digits| std::str::from_utf8(digits).ok());
        let hex = hex.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if word[at] == b'%' => {
                bytes.push(byte);
                at += 3;
            }
            _ => {
                bytes.push(if word[at] == b'+' { space } else { word[at] });
                at += 1;
            }
        }
    }
    starts.push(word.len());
    (bytes, starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_secret_are_its_strings_or_lines() {
        let table: [(&str, &[&str]); 8] = [
            ("abcdefgh12345", &[]),
            (r#"{"token":"abcdefgh12345"}"#, &["abcdefgh12345"]),
            (
                r#"{"a":{"pw":["hunter2hunter2","short"]}}"#,
                &["hunter2hunter2"],
            ),
            (
                r#"{"op":"authenticate","args":["trade.BTCUSDT","9f86d081884c7d659a2feaa0c55ad015"]}"#,
                &["9f86d081884c7d659a2feaa0c55ad015"],
            ),
            (r#"{"params":{"user":"somebody"}}"#, &["somebody"]),
            (
                "one-line-of-it\r\nshort\n  other-line",
                &["one-line-of-it", "other-line"],
            ),
            (
                "{\"k\":\"in-json-lines\"}\n{\"op\":\"subscribe\"}",
                &["in-json-lines"],
            ),
            ("12345678", &[]),
        ];
        for (value, expected) in table {
            assert_eq!(parts(value), expected, "{value}");
        }
    }

    #[test]
    fn a_secret_is_found_however_it_is_percent_encoded() {
        let secrets = ["p@ss word+1", "p@ss word"].map(Secret::new);
        let masked = |text| mask_percent_encoded(text, &secrets);
        let table = [
            ("/?a=p%40ss%20word%2B1&b=2", "/?a=***&b=2"),
            ("/?a=p%40ss%20word%2b1", "/?a=***"),
            ("x %70%40%73%73%20word+1 é y", "x *** é y"),
            ("\"p%40ss+word%2B1\"", "\"***\""),
            ("p%40ss%20word!", "***!"),
            ("p%40ss%20word p%40ss%20word", "*** ***"),
        ];
        for (text, shown) in table {
            assert_eq!(masked(text).as_deref(), Some(shown), "{text}");
        }
        for text in ["100% p@ss", "p%40ss%20wor", "%é% %zz %4", "é%C3%A9", ""] {
            assert_eq!(masked(text), None, "{text}");
        }
    }
}
