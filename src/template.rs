//! Texts with `{{NAME}}` in them: messages, headers, URLs and patterns, in options and check files.
//!
//! A variable's value is always data: inside JSON, a jq expression, a regular expression or a URL it is quoted as
//! that language requires, so no value of a peer can change what a step does. `\{{` is a literal `{{`; all other
//! text is kept byte for byte.

mod generators;
pub mod variables;

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::pattern::{Jq, is_json};
pub use generators::Generator;

/// A text with variables, which are filled in when it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<TemplatePart>,
    uses: UseCount,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `{{NAME}}`: a capture, `set`, `--var` or `--secret`; else `uuid`, `now` or `n`.
    Name(String),
    /// `{{env.NAME}}`: the environment; its value is a secret.
    Env(String),
    /// `{{now.ms}}`, `{{now.s}}` and `{{random N}}`, whose text is no name.
    Generated(Generator),
    /// `{{.path}}`: jq on the message that is answered.
    Path(AnswerPath),
}

/// The jq expression of a `{{.path}}`.
#[derive(Clone, Debug)]
pub struct AnswerPath(pub Jq);

/// Two expressions are equal when their text is the same.
impl PartialEq for AnswerPath {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for AnswerPath {}

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
    /// What would end a host is percent-encoded.
    UrlHost,
    /// Percent-encoded, in the path or query of a URL.
    UrlPart,
}

/// The language around a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// No quoting.
    Text,
    /// JSON, or jq, whose strings and constants are those of JSON.
    Json,
    /// A regular expression.
    Regex,
    /// A URL: values are percent-encoded behind the host.
    Url,
}

/// A value that takes a variable's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The value as text.
    pub text: String,
    /// The value as JSON, where its type is known.
    pub json: Option<String>,
}

/// What is percent-encoded in the host of a URL: what would end it.
const ENDS_HOST: &AsciiSet = &CONTROLS
    .add(b'/')
    .add(b'?')
    .add(b'#')
    .add(b'@')
    .add(b'\\')
    .add(b' ');

/// What is percent-encoded in a part of a URL: everything but the unreserved characters (RFC 3986 §2.3) and `*`, which
/// stands for a secret.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'*');

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// What is wrong with a variable in it.
    pub fn parse(text: &str, language: Language) -> Result<Self, String> {
        Self::read(text, language, |_| true, false)
    }

    /// Parses a text that need not be a template: a variable that is not known stays as it is, and so does what
    /// cannot be read.
    ///
    /// # Errors
    /// An invalid jq expression in `{{.…}}`, which nothing else looks like.
    pub fn lenient(
        text: &str,
        language: Language,
        knows: impl Fn(&Variable) -> bool,
    ) -> Result<Self, String> {
        Self::read(text, language, knows, true)
    }

    /// Parses a message with `read`: as JSON when it is JSON apart from its variables, otherwise as text.
    pub fn message<E>(
        text: &str,
        mut read: impl FnMut(&str, Language) -> Result<Self, E>,
    ) -> Result<Self, E> {
        if looks_like_json(text) {
            let template = read(text, Language::Json)?;
            if is_json(&template.sample()) {
                return Ok(template);
            }
        }
        // A text that only looks like JSON is sent unchanged: it may be about the server's answer to it.
        read(text, Language::Text)
    }

    fn read(
        text: &str,
        language: Language,
        knows: impl Fn(&Variable) -> bool,
        lenient: bool,
    ) -> Result<Self, String> {
        let mut reader = Reader {
            language,
            literal: String::new(),
            parts: Vec::new(),
            string: StringState::Outside,
            url: UrlState::Scheme,
        };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\\{{") {
                reader.push('{');
                reader.push('{');
                rest = after;
                continue;
            }
            if starts_with_variable(rest) {
                match variable(&rest[2..]) {
                    Ok((variable, after)) if knows(&variable) => {
                        reader.variable(variable);
                        rest = after;
                        continue;
                    }
                    Err(why) if !lenient || rest[2..].starts_with('.') => return Err(why),
                    _ => {}
                }
            }
            reader.push(first);
            rest = &rest[first.len_utf8()..];
        }
        reader.end_literal();
        Ok(Self {
            parts: reader.parts,
            uses: UseCount::default(),
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
            uses: UseCount::default(),
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
        mut value: impl FnMut(&Variable) -> Result<Inserted, E>,
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
    pub fn sample(&self) -> String {
        let mut count = 0;
        let rendered = self.render(|_| {
            count += 1;
            Ok::<_, Infallible>(format!("v{count}").into())
        });
        match rendered {
            Ok(text) => text,
            Err(never) => match never {},
        }
    }

    /// Counts a use; returns 1 for the first, 2 for the second: the value of `{{n}}`.
    pub fn next_use(&self) -> u64 {
        self.uses.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The same text as if it had been used this often.
    pub fn used(self, uses: u64) -> Self {
        Self {
            uses: UseCount(AtomicU64::new(uses)),
            ..self
        }
    }

    /// Whether a literal part contains a character of this kind.
    pub fn literals_contain(&self, wanted: impl Fn(char) -> bool) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, TemplatePart::Literal(text) if text.contains(&wanted)))
    }
}

/// Whether a text opens with `{{NAME}}`; of three braces the first is a literal, as in `{"payload":{{{members}}}}`.
pub fn starts_with_variable(text: &str) -> bool {
    text.starts_with("{{") && !text.starts_with("{{{")
}

/// Whether a text begins like a JSON object or array.
pub fn looks_like_json(text: &str) -> bool {
    text.starts_with(['{', '[']) && !starts_with_variable(text)
}

/// The rule for names of variables and connections: a letter or `_`, then letters, digits, `_` and `-`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c == '_' || c == '-' || c.is_ascii_alphanumeric())
}

/// Reads a variable after its `{{`; returns the text after its `}}`, too.
fn variable(text: &str) -> Result<(Variable, &str), String> {
    let (inside, rest) = text
        .split_once("}}")
        .ok_or("unclosed {{; write \\{{ for a literal {{")?;
    let inside = inside.trim_matches([' ', '\t']);
    let variable = if inside.starts_with('.') {
        let jq = Jq::compile(inside).map_err(|error| error.to_string())?;
        Variable::Path(AnswerPath(jq))
    } else if let Some(generator) = Generator::parse(inside)? {
        Variable::Generated(generator)
    } else {
        match inside.strip_prefix("env.") {
            Some(name) if is_name(name) => Variable::Env(name.to_owned()),
            None if is_name(inside) => Variable::Name(inside.to_owned()),
            _ => {
                return Err(format!(
                    "invalid variable name in {{{{{inside}}}}} (letters, digits, _ and -); write \\{{{{ for a literal {{{{"
                ));
            }
        }
    };
    Ok((variable, rest))
}

/// How often a template was filled in. A copy begins anew, and it is no part of the text.
#[derive(Debug, Default)]
struct UseCount(AtomicU64);

impl Clone for UseCount {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for UseCount {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for UseCount {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StringState {
    Outside,
    Inside,
    AfterBackslash,
}

/// How far a URL has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UrlState {
    /// Before the host; a variable here may contain the whole beginning of the URL.
    Scheme,
    /// After the first slash of `://`.
    Slash,
    /// After `://` or a variable.
    Host,
    /// Behind the host.
    Part,
}

struct Reader {
    language: Language,
    literal: String,
    parts: Vec<TemplatePart>,
    string: StringState,
    url: UrlState,
}

impl Reader {
    fn push(&mut self, c: char) {
        self.string = match (self.string, c) {
            (StringState::Inside, '"') => StringState::Outside,
            (StringState::Inside, '\\') => StringState::AfterBackslash,
            (StringState::Outside, '"') | (StringState::AfterBackslash, _) => StringState::Inside,
            (state, _) => state,
        };
        self.url = match (self.url, c) {
            (UrlState::Scheme, '/') if self.literal.ends_with(':') => UrlState::Slash,
            (UrlState::Slash, '/') => UrlState::Host,
            (_, '/' | '?' | '#') => UrlState::Part,
            (state, _) => state,
        };
        self.literal.push(c);
    }

    fn variable(&mut self, variable: Variable) {
        self.end_literal();
        let quoting = match (self.language, self.string) {
            (Language::Url, _) if self.url == UrlState::Part => Quoting::UrlPart,
            (Language::Url, _) if self.url == UrlState::Host => Quoting::UrlHost,
            (Language::Text | Language::Url, _) => Quoting::Plain,
            (Language::Regex, _) => Quoting::Regex,
            (Language::Json, StringState::Outside) => Quoting::JsonValue,
            (Language::Json, _) => Quoting::JsonString,
        };
        self.parts
            .push(TemplatePart::Variable { variable, quoting });
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            self.parts
                .push(TemplatePart::Literal(std::mem::take(&mut self.literal)));
        }
    }
}

impl Quoting {
    fn write(self, value: Inserted) -> String {
        let Inserted { text, json } = value;
        match self {
            Self::Plain => text,
            Self::Regex => regex::escape(&text),
            Self::UrlHost => utf8_percent_encode(&text, ENDS_HOST).to_string(),
            Self::UrlPart => utf8_percent_encode(&text, RESERVED).to_string(),
            Self::JsonValue => match json {
                Some(json) => json,
                None if is_json(&text) => text,
                None => json_string(&text),
            },
            Self::JsonString => {
                let quoted = json_string(&text);
                quoted[1..quoted.len() - 1].to_owned()
            }
        }
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Inserted {
    /// A variable as it was written, quoted nowhere.
    fn written(variable: &Variable) -> Self {
        let text = format!("{{{{{variable}}}}}");
        Self {
            json: Some(text.clone()),
            text,
        }
    }
}

impl From<String> for Inserted {
    fn from(text: String) -> Self {
        Self { text, json: None }
    }
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
            Self::Generated(generator) => write!(f, "{generator}"),
            Self::Path(path) => f.write_str(path.0.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::variables::{VariableValue, Variables};
    use super::*;

    fn render(text: &str, language: Language, value: &str) -> String {
        let template = Template::parse(text, language).unwrap();
        template
            .render(|_| Ok::<_, Infallible>(value.to_owned().into()))
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
            ("{{a}}/x", Language::Url, "ws://h:1", "ws://h:1/x"),
            (
                "ws://{{a}}:80/{{a}}",
                Language::Url,
                "[::1]",
                "ws://[::1]:80/%5B%3A%3A1%5D",
            ),
            (
                "ws://{{a}}/x",
                Language::Url,
                "h:80/y?#@\\",
                "ws://h:80%2Fy%3F%23%40%5C/x",
            ),
            (
                "ws://h?t={{a}}",
                Language::Url,
                "a&b=/ü",
                "ws://h?t=a%26b%3D%2F%C3%BC",
            ),
            ("h:8080/{{a}}", Language::Url, "a/b", "h:8080/a%2Fb"),
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
            assert_eq!(lenient(text), Template::literal(text), "{text}");
        }
        for text in ["{{random 0}}", "{{random x}}", "{{random 1025}}"] {
            let error = Template::parse(text, Language::Text).unwrap_err();
            assert!(error.contains("number of digits"), "{error}");
        }
    }

    fn lenient(text: &str) -> Template {
        let knows = |variable: &Variable| match variable {
            Variable::Name(name) => ["a", "n", "uuid"].contains(&name.as_str()),
            _ => false,
        };
        Template::lenient(text, Language::Text, knows).unwrap()
    }

    #[test]
    fn a_lenient_template_keeps_what_it_does_not_know() {
        let rendered = |text| {
            let value = |_: &Variable| Ok::<_, Infallible>("x".to_owned().into());
            lenient(text).render(value).unwrap()
        };
        for (text, expected) in [
            ("{{a}} {{b}}", "x {{b}}"),
            ("{{n}}{{b}}{{uuid}}", "x{{b}}x"),
            (r"\{{a}}", "{{a}}"),
            ("{{b c {{a}}", "{{b c x"),
        ] {
            assert_eq!(rendered(text), expected);
        }
    }

    fn variables(values: &[(&str, &str, bool)]) -> Variables {
        let values = values.iter().map(|(name, text, is_secret)| {
            let (text, is_secret) = ((*text).to_owned(), *is_secret);
            ((*name).to_owned(), VariableValue { text, is_secret })
        });
        Variables::new(&values.collect())
    }

    fn message(text: &str) -> Template {
        Template::message(text, Template::parse).unwrap()
    }

    #[test]
    fn a_generator_makes_a_value_at_each_use() {
        let variables = variables(&[]);
        let fill = |template: &Template| variables.fill(template).unwrap().text;
        let counted = message("{{n}} {{n}}");
        assert_eq!([fill(&counted), fill(&counted)], ["1 1", "2 2"]);
        assert_eq!(fill(&counted.clone()), "1 1", "a copy begins anew");
        let uuid = regex::Regex::new(
            "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        );
        let (uuid, text) = (uuid.unwrap(), fill(&message("{{uuid}} {{uuid}}")));
        let both: Vec<&str> = text.split(' ').collect();
        assert!(both.iter().all(|text| uuid.is_match(text)), "{both:?}");
        assert_ne!(both[0], both[1]);
        let digits = fill(&message("{{random 9}}"));
        assert!(
            digits.len() == 9 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
            "{digits}"
        );
        let seconds: u64 = fill(&message("{{now.s}}")).parse().unwrap();
        let millis: u64 = fill(&message("{{now.ms}}")).parse().unwrap();
        assert!(millis / 1000 >= seconds && seconds > 1_700_000_000);
        let now = fill(&message("{{now}}"));
        assert!(
            humantime::parse_rfc3339(&now).is_ok() && now.len() == 24,
            "{now}"
        );
        assert_eq!(fill(&message(r#"{"t":{{now.s}}}"#)).matches('"').count(), 2);
    }

    #[test]
    fn a_defined_name_hides_the_generator_of_that_name() {
        let variables = variables(&[("n", "mine", false), ("key", "s3cret\"", true)]);
        let filled = variables.fill(&message("{{n}}")).unwrap();
        assert_eq!((filled.text.as_str(), filled.shown), ("mine", None));
        let filled = variables
            .fill(&message(r#"{"k":"{{key}}","r":"{{random 4}}"}"#))
            .unwrap();
        let shown = filled.shown.unwrap();
        assert!(
            filled.text.starts_with(r#"{"k":"s3cret\"","#),
            "{}",
            filled.text
        );
        assert_eq!(
            filled.text.replace(r#"s3cret\""#, "***"),
            shown,
            "the same digits"
        );
        assert_eq!(filled.secrets, ["s3cret\""]);
    }

    #[cfg(feature = "jq")]
    #[test]
    fn an_answer_takes_values_from_the_message() {
        let variables = variables(&[]);
        let received = r#"{"id":"7","seq":8,"a":{"b":[1,2]},"none":null}"#;
        let answer = |text: &str, received: &str| {
            let filled = variables.fill_answer(&message(text), received);
            filled
                .map(|filled| filled.text)
                .map_err(|error| error.to_string())
        };
        for (text, expected) in [
            (r#"{"id":{{.id}},"of":{{.seq}}}"#, r#"{"id":"7","of":8}"#),
            (r#"{"id":"re-{{.seq}}"}"#, r#"{"id":"re-8"}"#),
            ("pong {{.id}}", "pong 7"),
            ("{{.a.b}}", "[1,2]"),
        ] {
            assert_eq!(answer(text, received).unwrap(), expected);
        }
        for (text, received, why) in [
            ("{{.none}}", received, "no value in the message"),
            ("{{.x.y}}", received, "no value in the message"),
            ("{{.id}}", "hello", "the message is not JSON"),
            ("{{.id.x}}", received, "has no value: "),
        ] {
            let error = answer(text, received).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let error = variables.fill(&message("{{.id}}")).unwrap_err();
        assert!(error.to_string().contains("answers none"), "{error}");
    }

    proptest! {
        #[test]
        fn printed_and_read_again_it_is_the_same(text in r#"([{}\\" a]|\{\{a\}\}|\{\{env\.B\}\}|\{\{now\.ms\}\}|\{\{random 8\}\}){0,12}"#) {
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
