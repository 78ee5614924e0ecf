//! Replaces secrets by variables in a file that is written.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::{RecordedConnection, Recording};
use crate::secret::guess::is_secret_pair;
use crate::secret::{
    MASK, Redactor, SEARCHED_FROM, SecretSource, is_credential_header, is_token_like, redact_url,
};
use crate::template::Generator;

/// Stands for a brace until literal braces are escaped.
const SIGN: char = '\u{1}';

/// A member of a JSON object that is a string.
static MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    // A constant expression; a test compiles it.
    Regex::new(r#""([A-Za-z][A-Za-z0-9_-]*)"\s*:\s*"((?:[^"\\]|\\.)+)""#)
        .expect("a constant expression")
});
/// A secret that was redacted in a URL: the value of a parameter, or the user information.
static ERASED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"([A-Za-z0-9_-]+)=\*\*\*|\*\*\*@").expect("a constant expression")
});

/// Secret values and the variables written in their place.
#[derive(Debug, Default)]
pub struct Placeholders {
    naming: SecretNaming,
    /// Longest first, so that a secret that is the prefix of another does not expose the rest of it.
    values: Vec<(String, String)>,
}

/// Where the values of secrets come from when the file runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretNaming {
    /// `{{password}}`, given with `--secret`.
    #[default]
    Options,
    /// `{{env.PASSWORD}}`.
    Environment,
}

impl Placeholders {
    /// Variables of this kind.
    pub fn new(naming: SecretNaming) -> Self {
        Self {
            naming,
            values: Vec::new(),
        }
    }

    /// The credentials of a recording that was read from a file, which are in the environment when it runs. The
    /// URLs are redacted.
    pub fn of_import(recording: &mut Recording) -> Self {
        let mut placeholders = Self::new(SecretNaming::Environment);
        for connection in &mut recording.connections {
            for (name, value) in &connection.request {
                placeholders.add_header(name, value);
            }
            let query = connection
                .url
                .split_once('?')
                .map_or("", |(_, query)| query);
            for pair in query.split('&') {
                if let Some((name, value)) = pair.split_once('=').filter(|(n, _)| is_token_like(n))
                {
                    placeholders.add(value, name);
                }
            }
            connection.url = redact_url(&connection.url);
        }
        placeholders.find_in_recording(recording, &Redactor::new(false));
        placeholders
    }

    fn add_header(&mut self, name: &str, value: &str) {
        if !is_credential_header(name) {
            return;
        }
        // What a server sets may be empty or short, and is no text to search for.
        let long_enough = |value: &str| value.len() >= SEARCHED_FROM;
        match credential_scheme(name, value) {
            Some((scheme, token)) if long_enough(token) => self.add(token, scheme),
            None if long_enough(value) => self.add(value, name),
            _ => {}
        }
    }

    /// The names of the variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(_, name)| name.as_str())
    }

    /// The text of a variable.
    fn variable(&self, name: &str) -> String {
        match self.naming {
            SecretNaming::Environment if !name.starts_with("env.") => environment_variable(name),
            _ => format!("{{{{{name}}}}}"),
        }
    }

    /// The text with secrets masked.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for (value, _) in &self.values {
            if text.contains(value) {
                text = Cow::Owned(text.replace(value, MASK));
            }
        }
        text
    }

    /// Adds a message that is read from an environment variable.
    pub fn add_source(&mut self, source: &SecretSource) {
        if let (SecretSource::Environment(name), Ok(value)) = (source, source.read()) {
            self.add(&value, &format!("env.{name}"));
        }
    }

    /// Finds secrets in texts: known ones, and JSON members with names such as `password`.
    pub fn find_in<'a>(&mut self, texts: impl Iterator<Item = &'a str>, redactor: &Redactor) {
        for text in texts {
            for member in MEMBER.captures_iter(text) {
                if is_secret_pair(&member[1], &member[2]) {
                    let name = member[1].to_owned();
                    self.add(&member[2], &name);
                }
            }
            for secret in redactor.secrets().filter(|secret| text.contains(secret)) {
                self.add(secret, "secret");
            }
        }
    }

    /// Finds secrets in the messages of a recording.
    pub fn find_in_recording(&mut self, recording: &Recording, redactor: &Redactor) {
        let texts = recording.connections.iter();
        self.find_in(texts.flat_map(RecordedConnection::texts), redactor);
    }

    fn add(&mut self, value: &str, name: &str) {
        let quoted = serde_json::Value::from(value).to_string();
        let unquoted = serde_json::from_str::<String>(&format!("\"{value}\""));
        let known = |form: &str| self.values.iter().any(|(value, _)| value == form);
        if value.is_empty() || known(value) || unquoted.as_deref().is_ok_and(known) {
            return;
        }
        let taken = |name: &str| self.values.iter().any(|(_, taken)| taken == name);
        let name = match name.starts_with("env.") || !taken(name) {
            true => name.to_owned(),
            false => (2..)
                .map(|n| format!("{name}{n}"))
                .find(|name| !taken(name))
                .unwrap_or_default(),
        };
        let quoted = quoted[1..quoted.len() - 1].to_owned();
        for form in BTreeSet::from([value.to_owned(), quoted]) {
            self.values.push((form, name.clone()));
        }
        self.values
            .sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    /// The text as written in a check file: literal braces escaped, secrets replaced by variables.
    pub fn hide(&self, text: &str) -> String {
        self.hide_but_variables(&text.replace("{{", &format!("{SIGN}{SIGN}")))
            .replace(&format!("{SIGN}{SIGN}"), "\\{{")
    }

    /// The same for a text that already contains variables.
    pub fn hide_but_variables(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, name) in &self.values {
            let value = value.replace("{{", &format!("{SIGN}{SIGN}"));
            text = text.replace(&value, &self.variable(name));
        }
        text
    }

    /// A redacted URL with variables in place of the redacted values.
    pub fn hide_in_url(&self, url: &str) -> String {
        let url = self.hide(url);
        ERASED
            .replace_all(&url, |erased: &regex::Captures<'_>| match erased.get(1) {
                Some(name) => format!("{}={}", name.as_str(), self.variable(name.as_str())),
                None => format!("{}@", self.variable("userinfo")),
            })
            .replace(MASK, &self.variable("secret"))
    }

    /// The variables in a file whose values must be passed.
    pub fn names_in(&self, text: &str) -> Vec<String> {
        static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
            // A constant expression; a test compiles it.
            Regex::new(r"(\\)?\{\{([A-Za-z_][A-Za-z0-9_-]*)\}\}").expect("a constant expression")
        });
        static SET: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?m)^(?:set|capture|capture secret) ([A-Za-z0-9_-]+) =")
                .expect("a constant expression")
        });
        let set: BTreeSet<&str> = SET
            .captures_iter(text)
            .filter_map(|found| Some(found.get(1)?.as_str()))
            .collect();
        let names: BTreeSet<String> = VARIABLE
            .captures_iter(text)
            .filter(|found| found.get(1).is_none() && !set.contains(&found[2]))
            .filter(|found| Generator::of_name(&found[2]).is_none())
            .map(|found| found[2].to_owned())
            .collect();
        names.into_iter().collect()
    }
}

/// `{{env.API_KEY}}` for `api-key`.
pub fn environment_variable(name: &str) -> String {
    let name = name.to_uppercase().replace('-', "_");
    format!("{{{{env.{name}}}}}")
}

/// The scheme, as the name of a variable, and the token of an `Authorization` header.
pub fn credential_scheme<'a>(name: &str, value: &'a str) -> Option<(&'static str, &'a str)> {
    let (scheme, token) = value.split_once(' ')?;
    let scheme = match scheme {
        "Bearer" => "bearer",
        "Basic" => "basic",
        _ => return None,
    };
    name.eq_ignore_ascii_case("authorization")
        .then_some((scheme, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(texts: &[&str], known: &[&str]) -> Placeholders {
        let mut redactor = Redactor::new(false);
        for secret in known {
            redactor.learn(secret);
        }
        let mut placeholders = Placeholders::default();
        placeholders.find_in(texts.iter().copied(), &redactor);
        placeholders
    }

    #[test]
    fn a_variable_stands_where_a_secret_stood() {
        let login = r#"{"user":"me","password":"hun\"ter2","x":"{{"}"#;
        let placeholders = placeholders(&[login, "again c0rrect-h0rse"], &["c0rrect-h0rse"]);
        assert_eq!(
            placeholders.hide(login),
            r#"{"user":"me","password":"{{password}}","x":"\{{"}"#
        );
        assert_eq!(placeholders.hide("again c0rrect-h0rse"), "again {{secret}}");
        assert_eq!(
            placeholders.names_in(r"{{password}} \{{x}} {{env.A}}"),
            ["password"]
        );
    }

    #[test]
    fn two_secrets_of_one_name_have_two_names() {
        let placeholders =
            placeholders(&[r#"{"token":"aaaa-one"}"#, r#"{"token":"aaaa-two"}"#], &[]);
        assert_eq!(
            placeholders.hide("aaaa-one aaaa-two"),
            "{{token}} {{token2}}"
        );
    }

    #[test]
    fn a_url_gets_variables_for_what_was_erased() {
        let placeholders = Placeholders::default();
        assert_eq!(
            placeholders.hide_in_url("wss://***@h/?room=7&access_token=***"),
            "wss://{{userinfo}}@h/?room=7&access_token={{access_token}}"
        );
    }
}
