//! Texts with `{{NAME}}` in them.
//!
//! A variable's value is always data: inside JSON, a jq expression or a regular expression it is quoted as that
//! language requires, so no value of a peer can change what a step does. `\{{` is a literal `{{`; all other text
//! is kept byte for byte.

use std::convert::Infallible;
use std::fmt;

use crate::pattern::is_json;

/// A text with variables, which are filled in when its step runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<TemplatePart>,
}

/// One piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    /// Literal text, with `\{{` already resolved.
    Literal(String),
    /// A variable.
    Variable {
        /// Which one.
        variable: Variable,
        /// How its value is quoted there.
        quoting: Quoting,
    },
}

/// What `{{…}}` names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Variable {
    /// `{{NAME}}`: a capture, `set`, `--var` or `--secret`.
    Name(String),
    /// `{{env.NAME}}`: the environment; its value is a secret.
    Env(String),
}

/// How a value is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// Unchanged.
    Plain,
    /// Escaped, inside a JSON or jq string.
    JsonString,
    /// Elsewhere in JSON or jq: unchanged when it is valid JSON, otherwise as a JSON string.
    JsonValue,
    /// Escaped, inside a regular expression.
    Regex,
}

/// The language around a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Text,
    /// JSON, or jq, whose strings and constants are those of JSON.
    Json,
    Regex,
}

impl Template {
    /// Parses a text; the error is a message.
    pub(super) fn parse(text: &str, language: Language) -> Result<Self, String> {
        let mut reader = Reader {
            language,
            literal: String::new(),
            parts: Vec::new(),
            string: StringState::Outside,
        };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            rest = if let Some(after) = rest.strip_prefix("\\{{") {
                reader.push('{');
                reader.push('{');
                after
            } else if starts_with_variable(rest) {
                reader.variable(&rest[2..])?
            } else {
                reader.push(first);
                &rest[first.len_utf8()..]
            };
        }
        reader.end_literal();
        Ok(Self {
            parts: reader.parts,
        })
    }

    /// A text without variables.
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            parts: if text.is_empty() {
                Vec::new()
            } else {
                vec![TemplatePart::Literal(text)]
            },
        }
    }

    /// The parts in order; no two literals are adjacent.
    pub fn parts(&self) -> &[TemplatePart] {
        &self.parts
    }

    /// The variables in order.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Variable { variable, .. } => Some(variable),
            TemplatePart::Literal(_) => None,
        })
    }

    /// The text, when it has no variables.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [TemplatePart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with every variable replaced by `value`.
    ///
    /// # Errors
    /// The first error that `value` returns.
    pub fn render<E>(
        &self,
        mut value: impl FnMut(&Variable) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                TemplatePart::Literal(literal) => text.push_str(literal),
                TemplatePart::Variable { variable, quoting } => {
                    text.push_str(&quoting.write(value(variable)?));
                }
            }
        }
        Ok(text)
    }

    /// The text with a different placeholder for each variable, to check its syntax.
    pub(super) fn sample(&self) -> String {
        let mut count = 0;
        let rendered = self.render(|_| {
            count += 1;
            Ok::<_, Infallible>(format!("v{count}"))
        });
        match rendered {
            Ok(text) => text,
            Err(never) => match never {},
        }
    }

    /// Whether a literal part contains a character of this kind.
    pub(super) fn literals_contain(&self, wanted: impl Fn(char) -> bool) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, TemplatePart::Literal(text) if text.contains(&wanted)))
    }
}

/// Whether a text opens with `{{NAME}}`; of three braces the first is a literal, as in `{"payload":{{{members}}}}`.
pub(super) fn starts_with_variable(text: &str) -> bool {
    text.starts_with("{{") && !text.starts_with("{{{")
}

/// The rule for names of variables and connections: a letter or `_`, then letters, digits, `_` and `-`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c == '_' || c == '-' || c.is_ascii_alphanumeric())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StringState {
    Outside,
    Inside,
    AfterBackslash,
}

struct Reader {
    language: Language,
    literal: String,
    parts: Vec<TemplatePart>,
    string: StringState,
}

impl Reader {
    fn push(&mut self, c: char) {
        self.literal.push(c);
        self.string = match (self.string, c) {
            (StringState::Inside, '"') => StringState::Outside,
            (StringState::Inside, '\\') => StringState::AfterBackslash,
            (StringState::Outside, '"') | (StringState::AfterBackslash, _) => StringState::Inside,
            (state, _) => state,
        };
    }

    /// Reads a variable after its `{{`; returns the text after its `}}`.
    fn variable<'a>(&mut self, text: &'a str) -> Result<&'a str, String> {
        let (inside, rest) = text
            .split_once("}}")
            .ok_or("unclosed {{; write \\{{ for a literal {{")?;
        let named = inside.trim_matches([' ', '\t']);
        let variable = match named.strip_prefix("env.") {
            Some(name) if is_name(name) => Variable::Env(name.to_owned()),
            None if is_name(named) => Variable::Name(named.to_owned()),
            _ => {
                return Err(format!(
                    "invalid variable name in {{{{{inside}}}}} (letters, digits, _ and -); write \\{{{{ for a literal {{{{"
                ));
            }
        };
        self.end_literal();
        let quoting = match (self.language, self.string) {
            (Language::Text, _) => Quoting::Plain,
            (Language::Regex, _) => Quoting::Regex,
            (Language::Json, StringState::Outside) => Quoting::JsonValue,
            (Language::Json, _) => Quoting::JsonString,
        };
        self.parts
            .push(TemplatePart::Variable { variable, quoting });
        Ok(rest)
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            self.parts
                .push(TemplatePart::Literal(std::mem::take(&mut self.literal)));
        }
    }
}

impl Quoting {
    fn write(self, value: String) -> String {
        match self {
            Self::Plain => value,
            Self::Regex => regex::escape(&value),
            Self::JsonValue if is_json(&value) => value,
            Self::JsonValue => json_string(&value),
            Self::JsonString => {
                let quoted = json_string(&value);
                quoted[1..quoted.len() - 1].to_owned()
            }
        }
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            TemplatePart::Literal(text) => f.write_str(&text.replace("{{", "\\{{")),
            TemplatePart::Variable { variable, .. } => write!(f, "{{{{{variable}}}}}"),
        })
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Env(name) => write!(f, "env.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn render(text: &str, language: Language, value: &str) -> String {
        let template = Template::parse(text, language).unwrap();
        template
            .render(|_| Ok::<_, Infallible>(value.to_owned()))
            .unwrap()
    }

    #[test]
    fn a_value_is_only_ever_data() {
        let hostile = r#"" or "\(env)"#;
        for (text, language, value, rendered) in [
            ("hi {{a}}!", Language::Text, "x", "hi x!"),
            ("{{ a }}{{env.B}}", Language::Text, "x", "xx"),
            (r"\{{a}} {{a}}", Language::Text, "x", "{{a}} x"),
            ("{{{a}}}", Language::Text, "x", "{x}"),
            (
                r#"{"a":"{{a}}"}"#,
                Language::Json,
                "\"\\\n",
                r#"{"a":"\"\\\n"}"#,
            ),
            (r#"{"a":{{a}}}"#, Language::Json, "12.50", r#"{"a":12.50}"#),
            (r#"{"a":{{a}}}"#, Language::Json, "x y", r#"{"a":"x y"}"#),
            (
                r#"{"\"{{a}}":{{a}}}"#,
                Language::Json,
                "x",
                r#"{"\"x":"x"}"#,
            ),
            (
                r#".a == "{{a}}""#,
                Language::Json,
                hostile,
                r#".a == "\" or \"\\(env)""#,
            ),
            (
                ".a == {{a}}",
                Language::Json,
                "1 or true",
                r#".a == "1 or true""#,
            ),
            ("/^{{a}}$/", Language::Regex, "a.*", r"/^a\.\*$/"),
        ] {
            assert_eq!(render(text, language, value), rendered);
        }
    }

    #[test]
    fn an_invalid_variable_is_an_error() {
        for text in [
            "{{", "{{a", "{{}}", "{{1}}", "{{a b}}", "{{env.}}", "{{a.b}}", "x{{a}b}}",
        ] {
            let error = Template::parse(text, Language::Text).unwrap_err();
            assert!(error.contains(r"\{{"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn printed_and_read_again_it_is_the_same(text in r#"([{}\\" a]|\{\{a\}\}|\{\{env\.B\}\}){0,12}"#) {
            for language in [Language::Text, Language::Json, Language::Regex] {
                if let Ok(template) = Template::parse(&text, language) {
                    prop_assert_eq!(Template::parse(&template.to_string(), language), Ok(template));
                }
            }
        }

        #[test]
        fn any_text_can_be_written(text in any::<String>()) {
            let template = Template::literal(&*text);
            let read = Template::parse(&template.to_string(), Language::Text).unwrap();
            prop_assert_eq!(read.as_literal(), Some(&*text));
        }
    }
}
