//! Generalizes a received message to a pattern that matches it in another run.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::evidence::{Stand, mark, marked_value};
use crate::pattern::PatternForm;

/// A longer pattern is shortened (bytes).
const LONG: usize = 4096;
/// How much of a long text is expected (characters).
const BEGINNING: usize = 200;

/// Values that change from run to run: times, UUIDs, long numbers, random-looking words.
static VOLATILE: LazyLock<Regex> = LazyLock::new(|| {
    // A constant expression; a test compiles it.
    Regex::new(concat!(
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?[0-9.,:+Z-]*",
        r"|\b\d\d:\d\d:\d\d(\.\d+)?",
        r"|[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
        r"|\b\d{10,}\b",
        r"|\b[0-9a-f]{24,}\b",
        r"|\b[A-Za-z]+(\d+[A-Za-z]+){3,}\d*\b",
    ))
    .expect("a constant expression")
});

/// Names of JSON members whose values change from run to run.
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    // As above.
    Regex::new(r"(?i)^(ts|t|time|timestamp|date|now|uptime|elapsed|latency|duration)$|_(ms|at|ts|time)$|[a-z]At$")
        .expect("a constant expression")
});

/// What is known of the values in a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownValues<'a> {
    /// The texts that were sent before: their values are kept.
    pub sent: &'a [String],
    /// Values in whose place a variable is written, with marks around its name.
    pub stands: &'a [Stand],
    /// Values that are captured from this message, and left out of its pattern.
    pub fresh: &'a [Stand],
}

impl KnownValues<'_> {
    fn stand(&self, value: &str) -> Option<&Stand> {
        self.stands.iter().find(|stand| stand.value == value)
    }
}

/// The pattern for texts like this one.
pub(super) fn generalize(text: &str, known: KnownValues<'_>) -> String {
    let sent = known.sent;
    let opens = text.trim_start().starts_with(['{', '[']);
    if opens && let Ok(value) = serde_json::from_str::<Value>(text) {
        return json(value, known);
    }
    let volatile: Vec<_> = VOLATILE
        .find_iter(text)
        .filter(|found| known.stand(found.as_str()).is_some() || !came_from(found.as_str(), sent))
        .collect();
    let is_stable = volatile
        .iter()
        .all(|found| known.stand(found.as_str()).is_some());
    let is_plain = is_stable
        && text.len() <= LONG
        && !text.contains(|c: char| c.is_control())
        && text.trim() == text;
    if is_plain {
        let text = &*mark(text, known.stands);
        return match PatternForm::of(text) {
            PatternForm::Exact if !text.starts_with('=') && !text.is_empty() => text.to_owned(),
            _ => format!("={text}"),
        };
    }
    let mut pattern = String::from("/^");
    let mut done = 0;
    let end = match text.char_indices().nth(BEGINNING) {
        Some((end, _)) if text.len() > LONG => end,
        _ => text.len(),
    };
    for found in volatile.iter().filter(|found| found.end() <= end) {
        pattern.push_str(&literal(&text[done..found.start()]));
        pattern.push_str(&match known.stand(found.as_str()) {
            Some(_) => mark(found.as_str(), known.stands),
            None => ".*".to_owned(),
        });
        done = found.end();
    }
    pattern.push_str(&literal(&text[done..end]));
    pattern.push_str(if end == text.len() { "$/" } else { "/" });
    pattern
}

/// A piece of a regular expression, on one line.
fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_control() => escaped.push_str(&format!("\\x{{{:x}}}", u32::from(c))),
            c => escaped.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    escaped
}

fn json(value: Value, known: KnownValues<'_>) -> String {
    let is_array = value.is_array();
    let pattern = stable_parts(value, known).map_or_else(
        // No element is stable: only expect an array.
        || {
            if is_array {
                "/^\\s*\\[/".to_owned()
            } else {
                "{}".to_owned()
            }
        },
        |value| value.to_string(),
    );
    if pattern.len() <= LONG {
        return pattern;
    }
    match serde_json::from_str(&pattern) {
        Ok(Value::Object(mut members)) => {
            members.retain(|_, value| !value.is_object() && !value.is_array());
            members.retain(|_, value| value.to_string().len() < BEGINNING);
            Value::Object(members).to_string()
        }
        _ => "/^\\s*\\[/".to_owned(),
    }
}

/// The stable parts of a value: changing members are omitted; an array with a changing element is omitted whole,
/// because arrays are compared in length and order.
fn stable_parts(value: Value, known: KnownValues<'_>) -> Option<Value> {
    let sent = known.sent;
    match value {
        Value::Object(members) => Some(Value::Object(
            members
                .into_iter()
                .filter(|(name, value)| {
                    let scalar = !value.is_object() && !value.is_array();
                    let is_kept =
                        came_from(&shown(value), sent) || known.stand(&shown(value)).is_some();
                    !(scalar && CLOCK.is_match(name)) || is_kept
                })
                .filter_map(|(name, value)| Some((name, stable_parts(value, known)?)))
                .collect(),
        )),
        Value::Array(items) => {
            let length = items.len();
            let items: Vec<Value> = items
                .into_iter()
                .filter_map(|item| stable_parts(item, known))
                .collect();
            (items.len() == length).then_some(Value::Array(items))
        }
        scalar => {
            let text = shown(&scalar);
            if known.fresh.iter().any(|stand| stand.value == text) {
                return None;
            }
            if let Some(stand) = known.stand(&text) {
                return Some(marked_value(stand, scalar.is_number()));
            }
            let is_volatile = VOLATILE.is_match(&text) && !came_from(&text, sent);
            (!is_volatile).then_some(scalar)
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn came_from(part: &str, sent: &[String]) -> bool {
    sent.iter().any(|text| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generalize(text: &str, sent: &[String]) -> String {
        let known = KnownValues {
            sent,
            ..KnownValues::default()
        };
        super::generalize(text, known)
    }

    #[test]
    fn changing_values_are_omitted() {
        let table = [
            ("hello", "hello"),
            ("", "="),
            ("=x", "==x"),
            ("/x/", "=/x/"),
            (".x", "=.x"),
            ("[INFO] up", "=[INFO] up"),
            ("two\nlines", "/^two\\nlines$/"),
            (" x", "/^ x$/"),
            ("it is 2026-11-24T23:39:25.123Z now", "/^it is .* now$/"),
            (r#"{"op":"tick","ts":17,"n":1}"#, r#"{"n":1,"op":"tick"}"#),
            (r#"{"id":"550e8400-e29b-41d4-a716-446655440000"}"#, "{}"),
            (r#"{"at":1764027565123,"a":[1,2]}"#, r#"{"a":[1,2]}"#),
            (
                r#"{"a":[1,{"id":"2026-11-24 23:39"}],"b":1}"#,
                r#"{"a":[1,{}],"b":1}"#,
            ),
            (r#"[1764027565123]"#, "/^\\s*\\[/"),
        ];
        for (text, pattern) in table {
            assert_eq!(generalize(text, &[]), pattern, "{text}");
        }
    }

    #[test]
    fn sent_values_are_kept() {
        let text = r#"{"id":"550e8400-e29b-41d4-a716-446655440000"}"#;
        assert_eq!(generalize(text, &[text.to_owned()]), text);
        let time = "at 23:39:25";
        assert_eq!(generalize(time, &[time.to_owned()]), time);
    }

    #[test]
    fn a_long_message_is_known_by_its_beginning() {
        let long = "x".repeat(10_000);
        assert_eq!(
            generalize(&long, &[]),
            format!("/^{}/", "x".repeat(BEGINNING))
        );
        let json = format!(r#"{{"op":"list","items":"{long}"}}"#);
        assert_eq!(generalize(&json, &[]), r#"{"op":"list"}"#);
    }

    proptest::proptest! {
        #[test]
        fn a_generalized_pattern_matches_its_message(text in r#"[ -~\n\t]{0,60}|\{"a":"?[ -~&&[^"\\]]{0,20}"?\}"#) {
            let pattern = generalize(&text, &[]);
            let pattern = crate::pattern::Pattern::parse(&pattern).unwrap();
            proptest::prop_assert!(pattern.is_match(&text), "{pattern} {text:?}");
        }
    }
}
