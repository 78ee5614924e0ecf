//! Reads a curl command, as browsers copy it ("Copy as cURL", for bash or cmd).
//!
//! What has a meaning for a WebSocket becomes a header line; what has none is named in a comment.

use super::ReadError;
use crate::connection::target::{Address, RequestHeader, basic_secrets};
use crate::recording::recorder::sent_headers;
use crate::recording::{Division, Opening, RecordedConnection, RecordedHeader, Recording};

/// Options that take a value and have no meaning in a check file, and the option of `wsprobe check` for it.
const WITH_VALUE: [(&str, &str); 31] = [
    ("--cacert", "--cacert"),
    ("--cert", "--cert"),
    ("--key", "--key"),
    ("--pass", ""),
    ("--proxy", "--proxy"),
    ("--proxy-user", ""),
    ("--resolve", "--resolve"),
    ("--connect-to", ""),
    ("--connect-timeout", "--connect-timeout"),
    ("--max-time", "--max-time"),
    ("--retry", "--retry"),
    ("--interface", "--interface"),
    ("--unix-socket", "--unix-socket"),
    ("--request", ""),
    ("--data", ""),
    ("--data-raw", ""),
    ("--data-binary", ""),
    ("--data-ascii", ""),
    ("--data-urlencode", ""),
    ("--form", ""),
    ("--json", ""),
    ("--output", ""),
    ("--write-out", ""),
    ("--cookie-jar", ""),
    ("--dump-header", ""),
    ("--max-redirs", "--max-redirects"),
    ("--tls-max", ""),
    ("--ciphers", ""),
    ("--range", ""),
    ("--upload-file", ""),
    ("--pinnedpubkey", "--pin"),
];

/// Options without a value that `wsprobe check` has, too.
const SWITCHES: [(&str, &str); 5] = [
    ("--insecure", "--insecure"),
    ("--location", "--location"),
    ("--http2", "--http2"),
    ("--ipv4", "-4"),
    ("--ipv6", "-6"),
];

/// Options that change nothing here.
const WITHOUT_EFFECT: [&str; 12] = [
    "--compressed",
    "--silent",
    "--show-error",
    "--include",
    "--verbose",
    "--no-buffer",
    "--http1.1",
    "--globoff",
    "--fail",
    "--progress-bar",
    "--path-as-is",
    "--get",
];

/// The long names of short options.
const SHORT: [(char, &str); 31] = [
    ('H', "--header"),
    ('b', "--cookie"),
    ('u', "--user"),
    ('A', "--user-agent"),
    ('e', "--referer"),
    ('k', "--insecure"),
    ('L', "--location"),
    ('x', "--proxy"),
    ('U', "--proxy-user"),
    ('E', "--cert"),
    ('m', "--max-time"),
    ('X', "--request"),
    ('d', "--data"),
    ('F', "--form"),
    ('o', "--output"),
    ('w', "--write-out"),
    ('c', "--cookie-jar"),
    ('D', "--dump-header"),
    ('r', "--range"),
    ('T', "--upload-file"),
    ('s', "--silent"),
    ('S', "--show-error"),
    ('i', "--include"),
    ('v', "--verbose"),
    ('N', "--no-buffer"),
    ('g', "--globoff"),
    ('f', "--fail"),
    ('#', "--progress-bar"),
    ('G', "--get"),
    ('4', "--ipv4"),
    ('6', "--ipv6"),
];

/// Reads the command.
///
/// # Errors
/// Its quotes do not end, or it has no URL.
pub(super) fn read(bytes: &[u8]) -> Result<Recording, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        ReadError::new(format!("invalid UTF-8 at byte {}", error.valid_up_to() + 1))
    })?;
    let mut words = words(text)?.into_iter();
    // `$`, the prompt, may be a word of its own.
    words.find(|word| word.contains("curl"));
    let mut command = CurlCommand::default();
    while let Some(word) = words.next() {
        command.word(&word, &mut words)?;
    }
    command.recording()
}

#[derive(Default)]
struct CurlCommand {
    urls: Vec<String>,
    headers: Vec<(String, String)>,
    notes: Vec<String>,
    user_agent: Option<String>,
}

impl CurlCommand {
    fn word(
        &mut self,
        word: &str,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), ReadError> {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (format!("--{name}"), Some(value.to_owned())),
                None => (word.to_owned(), None),
            };
            return self.option(&name, value, rest);
        }
        let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            self.urls.push(word.to_owned());
            return Ok(());
        };
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            let Some((_, long)) = SHORT.iter().find(|(short, _)| *short == letter) else {
                self.notes.push(format!("curl's -{letter} is left out"));
                continue;
            };
            if takes_value(long) {
                let glued = letters.as_str().to_owned();
                let value = (!glued.is_empty()).then_some(glued);
                return self.option(long, value, rest);
            }
            self.option(long, None, rest)?;
        }
        Ok(())
    }

    fn option(
        &mut self,
        name: &str,
        value: Option<String>,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), ReadError> {
        let value = match takes_value(name) {
            false => String::new(),
            true => match value.or_else(|| rest.next()) {
                Some(value) => value,
                None => {
                    return Err(ReadError::new(format!("curl's {name} has no value")));
                }
            },
        };
        match name {
            "--url" => self.urls.push(value),
            "--header" => self.header(&value)?,
            "--user-agent" => self.user_agent = Some(value),
            "--referer" => self.push("Referer", value),
            "--cookie" if value.contains('=') => self.push("Cookie", value),
            "--user" => {
                let (user, password) = value.split_once(':').unwrap_or((&value, ""));
                let [_, encoded] = basic_secrets(user, password);
                self.push("Authorization", format!("Basic {encoded}"));
            }
            "--oauth2-bearer" => self.push("Authorization", format!("Bearer {value}")),
            name if WITHOUT_EFFECT.contains(&name) => {}
            name => self.note(name),
        }
        Ok(())
    }

    fn push(&mut self, name: &str, value: String) {
        self.headers.push((name.to_owned(), value));
    }

    fn header(&mut self, line: &str) -> Result<(), ReadError> {
        let header = RequestHeader::parse(line).map_err(ReadError::new)?;
        if let Some(value) = header.value {
            self.headers.push((header.name, value));
        }
        Ok(())
    }

    fn note(&mut self, name: &str) {
        let known = WITH_VALUE.iter().chain(&SWITCHES);
        let ours = known
            .filter(|(curl, _)| *curl == name)
            .find_map(|(_, ours)| (!ours.is_empty()).then_some(*ours));
        self.notes.push(match ours {
            Some(ours) => format!("curl's {name} is left out: run wsprobe check with {ours}"),
            None => format!("curl's {name} is left out: it has no meaning here"),
        });
    }

    fn recording(mut self) -> Result<Recording, ReadError> {
        let Some(url) = self.urls.first() else {
            return Err(ReadError::new("the curl command has no URL"));
        };
        if self.urls.len() > 1 {
            let note = "the command has several URLs: the first one is used".to_owned();
            self.notes.push(note);
        }
        let url = match url.split_once("://") {
            Some(("http", rest)) => format!("ws://{rest}"),
            Some(("https", rest)) => format!("wss://{rest}"),
            Some(_) => url.clone(),
            // curl's default scheme is http.
            None => format!("ws://{url}"),
        };
        Address::parse(&url).map_err(|error| ReadError::new(error.to_string()))?;
        let mut connection = RecordedConnection::new(url, std::time::Duration::ZERO);
        connection.headers = sent_headers(&self.headers);
        // What was given with -A is no browser's own line.
        connection
            .headers
            .extend(self.user_agent.map(|name| RecordedHeader {
                text: format!("User-Agent: {}", name.replace("{{", "\\{{")),
                is_credential: false,
            }));
        connection.request = self.headers;
        connection.opening = Opening::Pending;
        Ok(Recording {
            notes: self.notes,
            connections: vec![connection],
            division: Division::TestEach,
            ..Recording::default()
        })
    }
}

fn takes_value(name: &str) -> bool {
    const OWN: [&str; 7] = [
        "--url",
        "--header",
        "--user-agent",
        "--referer",
        "--cookie",
        "--user",
        "--oauth2-bearer",
    ];
    OWN.contains(&name) || WITH_VALUE.iter().any(|(known, _)| *known == name)
}

/// The words of a command line, of a POSIX shell or of cmd, whose escape is `^`.
fn words(text: &str) -> Result<Vec<String>, ReadError> {
    let is_cmd = ["^\"", "^\n", "^\r\n"]
        .iter()
        .any(|sign| text.contains(sign));
    let text = match is_cmd {
        true => without_carets(text),
        false => text.to_owned(),
    };
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\'' if !is_cmd => quoted(&mut signs, '\'', word.get_or_insert_default(), false)?,
            '"' => quoted(&mut signs, '"', word.get_or_insert_default(), true)?,
            '$' if !is_cmd && signs.peek() == Some(&'\'') => {
                signs.next();
                ansi_quoted(&mut signs, word.get_or_insert_default())?;
            }
            '\\' if !is_cmd => match signs.next() {
                Some('\n') | None => {}
                Some('\r') => {
                    signs.next_if_eq(&'\n');
                }
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            // What follows is another command.
            '\n' | ';' | '|' if !words.is_empty() && !is_cmd => break,
            sign if sign.is_whitespace() => words.extend(word.take()),
            sign => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A command of cmd without its escapes: a caret stands before a sign that is meant literally, or a line break.
fn without_carets(text: &str) -> String {
    let mut plain = String::new();
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '^' => match signs.next() {
                Some('\r') => {
                    signs.next();
                }
                Some('\n') | None => {}
                Some(escaped) => plain.push(escaped),
            },
            sign => plain.push(sign),
        }
    }
    plain
}

type Signs<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// A quoted part, up to its closing quote; in double quotes a backslash may escape a sign.
fn quoted(
    signs: &mut Signs<'_>,
    quote: char,
    word: &mut String,
    escapes: bool,
) -> Result<(), ReadError> {
    while let Some(sign) = signs.next() {
        match sign {
            sign if sign == quote => return Ok(()),
            '\\' if escapes => match signs.next() {
                Some('\n') | None => {}
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
            },
            sign => word.push(sign),
        }
    }
    Err(ReadError::new(format!(
        "the curl command ends inside {quote}…{quote}"
    )))
}

/// A part in `$'…'` with the escapes of C.
fn ansi_quoted(signs: &mut Signs<'_>, word: &mut String) -> Result<(), ReadError> {
    while let Some(sign) = signs.next() {
        match sign {
            '\'' => return Ok(()),
            '\\' => match signs.next() {
                Some('n') => word.push('\n'),
                Some('r') => word.push('\r'),
                Some('t') => word.push('\t'),
                Some(form @ ('u' | 'x')) => {
                    let most = if form == 'u' { 4 } else { 2 };
                    let mut digits = String::new();
                    while digits.len() < most
                        && let Some(digit) = signs.next_if(char::is_ascii_hexdigit)
                    {
                        digits.push(digit);
                    }
                    let code = u32::from_str_radix(&digits, 16).ok();
                    word.extend(code.and_then(char::from_u32));
                }
                Some(escaped) => word.push(escaped),
                None => {}
            },
            sign => word.push(sign),
        }
    }
    Err(ReadError::new("the curl command ends inside $'…'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_a_shell_reads_them() {
        let table: [(&str, &[&str]); 9] = [
            ("curl a b", &["curl", "a", "b"]),
            ("curl 'a b' \"c d\"", &["curl", "a b", "c d"]),
            ("curl \\\n  -H 'x: y'", &["curl", "-H", "x: y"]),
            ("curl 'it'\\''s'", &["curl", "it's"]),
            ("curl \"a\\\"b\\n\"", &["curl", "a\"b\\n"]),
            ("curl $'a\\'b\\u0021\\n'", &["curl", "a'b!\n"]),
            ("curl ''", &["curl", ""]),
            (
                "curl ^\"a^%^\" ^\r\n  -H ^\"x: y^\"",
                &["curl", "a%", "-H", "x: y"],
            ),
            ("curl a\nls b", &["curl", "a"]),
        ];
        for (text, expected) in table {
            assert_eq!(words(text).expect(text), expected, "{text}");
        }
        for open in ["curl 'a", "curl \"a", "curl $'a"] {
            assert!(words(open).is_err(), "{open}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "curl [-'\"$^\\\\ a-zA-Z:/\n]{0,60}") {
            let _ = read(text.as_bytes());
        }
    }
}
