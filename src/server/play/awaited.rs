//! Compares what a client sends with what a check file sends.

use std::convert::Infallible;

use regex::Regex;
use serde_json::Value;

use super::PlayValues;
use crate::pattern::is_json;
use crate::template::{Generator, Template, Variable, looks_like_json};

/// Marks the place of a value that is not known yet. Unassigned for characters, so no message has a reason to hold it.
const OPENS: char = '\u{F0000}';
const CLOSES: char = '\u{F0001}';

/// The text of a `>` step. A variable without a value takes what stands in its place.
#[derive(Debug)]
pub(super) struct AwaitedTemplate(pub Template);

impl AwaitedTemplate {
    /// Compares a message; variables without a value get one.
    ///
    /// # Errors
    /// The first difference.
    pub(super) fn check(&self, text: &str, values: &mut PlayValues) -> Result<(), String> {
        let mut holes = Vec::new();
        let rendered = self.0.render(|variable| {
            Ok::<_, Infallible>(match known(variable, values) {
                Some(value) => value.into(),
                None => {
                    holes.push(name_of(variable));
                    format!("{OPENS}{}{CLOSES}", holes.len() - 1).into()
                }
            })
        });
        let Ok(expected) = rendered;
        let mut comparison = Comparison {
            holes: &holes,
            values,
        };
        if looks_like_json(&expected) && is_json(&expected) {
            let read = |text: &str| serde_json::from_str::<Value>(text).ok();
            let Some(expected) = read(&expected) else {
                return comparison.text(&expected, text, "");
            };
            let Some(got) = read(text) else {
                return Err("it is not JSON".to_owned());
            };
            return comparison.json(&expected, &got, "");
        }
        comparison.text(&expected, text, "")
    }
}

/// The value of a variable that the server knows: captured, set, or of the environment.
pub(super) fn known(variable: &Variable, values: &PlayValues) -> Option<String> {
    match variable {
        Variable::Name(name) => values.get(name).cloned(),
        Variable::Env(name) => std::env::var(name).ok(),
        Variable::Generated(_) | Variable::Path(_) => None,
    }
}

/// The name that gets a value; a generator's is forgotten.
fn name_of(variable: &Variable) -> Option<String> {
    match variable {
        Variable::Name(name) if Generator::of_name(name).is_none() => Some(name.clone()),
        _ => None,
    }
}

struct Comparison<'a> {
    holes: &'a [Option<String>],
    values: &'a mut PlayValues,
}

impl Comparison<'_> {
    fn json(&mut self, expected: &Value, got: &Value, path: &str) -> Result<(), String> {
        let at = |name: &str| format!("{path}.{name}");
        match (expected, got) {
            (Value::Object(expected), Value::Object(got)) => {
                for (name, value) in expected {
                    let Some(found) = got.get(name) else {
                        return Err(format!("{}: missing", at(name)));
                    };
                    self.json(value, found, &at(name))?;
                }
                match got.keys().find(|name| !expected.contains_key(*name)) {
                    Some(more) => Err(format!("{}: not expected", at(more))),
                    None => Ok(()),
                }
            }
            (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
                let pairs = expected.iter().zip(got).enumerate();
                for (index, (value, found)) in pairs {
                    self.json(value, found, &format!("{path}[{index}]"))?;
                }
                Ok(())
            }
            (Value::String(expected), got) if expected.contains(OPENS) => {
                let text = match got {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                self.text(expected, &text, path)
            }
            (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Ok(()),
            (expected, got) if expected == got => Ok(()),
            (expected, got) => Err(format!("{path}: expected {expected}, got {got}")),
        }
    }

    /// Compares texts; each hole takes as little as possible, the same name everywhere the same.
    fn text(&mut self, expected: &str, got: &str, path: &str) -> Result<(), String> {
        let place = if path.is_empty() {
            String::new()
        } else {
            format!("{path}: ")
        };
        if !expected.contains(OPENS) {
            return match expected == got {
                true => Ok(()),
                false => Err(format!("{place}expected {expected:?}, got {got:?}")),
            };
        }
        let mut expression = String::from("(?s)^");
        let mut holes = Vec::new();
        let mut rest = expected;
        while let Some((before, after)) = rest.split_once(OPENS) {
            let (index, after) = after.split_once(CLOSES).unwrap_or((after, ""));
            expression.push_str(&regex::escape(before));
            expression.push_str("(.+?)");
            holes.push(index.parse::<usize>().unwrap_or_default());
            rest = after;
        }
        expression.push_str(&regex::escape(rest));
        expression.push('$');
        let shape = || -> String {
            expected
                .split(OPENS)
                .map(|part| part.split_once(CLOSES).map_or(part, |(_, part)| part))
                .collect::<Vec<_>>()
                .join("…")
        };
        let found = Regex::new(&expression).ok();
        let Some(found) = found.as_ref().and_then(|regex| regex.captures(got)) else {
            return Err(format!("{place}expected {:?}, got {got:?}", shape()));
        };
        for (group, hole) in holes.iter().enumerate() {
            let (Some(Some(name)), Some(value)) = (self.holes.get(*hole), found.get(group + 1))
            else {
                continue;
            };
            let value = value.as_str();
            let known = self
                .values
                .entry(name.clone())
                .or_insert_with(|| value.to_owned());
            if known != value {
                return Err(format!(
                    "{place}{{{{{name}}}}} was {known:?}, now {value:?}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Language;

    fn template(text: &str) -> AwaitedTemplate {
        let read = |text: &str, language: Language| Template::parse(text, language);
        AwaitedTemplate(Template::message(text, read).unwrap())
    }

    #[test]
    fn messages_are_compared_as_json_or_as_text() {
        let table = [
            ("a", "a", Ok(())),
            ("a", "b", Err("expected \"a\", got \"b\"")),
            (
                r#"{"a":1,"b":[1,2]}"#,
                r#"{ "b": [1.0, 2], "a": 1 }"#,
                Ok(()),
            ),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, Err(".b: not expected")),
            (r#"{"a":1,"b":2}"#, r#"{"a":1}"#, Err(".b: missing")),
            (
                r#"{"a":{"b":[0,1]}}"#,
                r#"{"a":{"b":[0,2]}}"#,
                Err(".a.b[1]: expected 1, got 2"),
            ),
            (r#"{"a":1}"#, "a", Err("it is not JSON")),
            ("id {{uuid}} of {{now}}", "id x of y", Ok(())),
            (
                "id {{uuid}}!",
                "id x",
                Err("expected \"id …!\", got \"id x\""),
            ),
            (r#"{"t":{{now.ms}}}"#, r#"{"t":17}"#, Ok(())),
            ("{{x}}-{{x}}", "a-a", Ok(())),
            ("{{x}}-{{x}}", "a-b", Err("{{x}} was \"a\", now \"b\"")),
        ];
        for (expected, got, result) in table {
            let found = template(expected).check(got, &mut PlayValues::new());
            assert_eq!(found, result.map_err(str::to_owned), "{expected} {got}");
        }
    }

    #[test]
    fn a_value_stays_the_same() {
        let mut values = PlayValues::new();
        template(r#"{"id":{{id}},"v":"<{{v}}>"}"#)
            .check(r#"{"id":7,"v":"<x>"}"#, &mut values)
            .unwrap();
        assert_eq!(values["id"], "7");
        assert_eq!(values["v"], "x");
        assert!(template("{{id}}").check("8", &mut values).is_err());
    }
}
