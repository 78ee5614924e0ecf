//! Secrets, and the redactor that removes them from all output.
//!
//! A value is a secret because of its source (`env:NAME`, `@FILE`, a credential option), never because of how
//! it looks. Values shorter than eight bytes are masked only where they are the whole text: searching for
//! `1234` would mask unrelated text and still be easy to guess.

mod forms;
pub mod guess;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use memchr::memmem;

use crate::named_file::{self, ReadLimits};

/// The text that replaces a secret.
pub const MASK: &str = "***";

/// Minimum length, in bytes, of a secret that is searched for inside other text.
pub const SEARCHED_FROM: usize = 8;

/// The mark at the end of a truncated text.
const CUT: char = '…';

/// Names of URL query parameters whose values are credentials.
const TOKEN_LIKE: [&str; 20] = [
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "client_secret",
    "id_token",
    "jwt",
    "key",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "session",
    "sig",
    "signature",
    "token",
];

/// A secret value; `{}` and `{:?}` print [`MASK`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, to be sent but never printed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// The source of a value on the command line: the text itself, a file or an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The text itself. It is visible in the process list, so it is not treated as a secret.
    Literal(String),
    /// `@FILE`: the content of a file.
    File(String, CachedSource),
    /// `env:NAME`: the value of an environment variable.
    Environment(String),
}

/// The content of a file when it was first read, because a pipe or device can be read only once.
#[derive(Clone, Debug, Default)]
pub struct CachedSource(Arc<OnceLock<Secret>>);

/// Always equal: whether a file has been read does not distinguish two sources.
impl PartialEq for CachedSource {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CachedSource {}

/// As it is written on the command line.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::File(path, _) => write!(f, "@{path}"),
            Self::Environment(name) => write!(f, "env:{name}"),
        }
    }
}

impl SecretSource {
    /// Parses `@FILE`, `env:NAME` or a literal text.
    pub fn parse(text: &str) -> Self {
        if let Some(path) = text.strip_prefix('@') {
            Self::file(path)
        } else if let Some(name) = text.strip_prefix("env:") {
            Self::Environment(name.to_owned())
        } else {
            Self::Literal(text.to_owned())
        }
    }

    /// The source `@path`.
    pub fn file(path: &str) -> Self {
        Self::File(path.to_owned(), CachedSource::default())
    }

    /// Whether the value must be redacted: everything but a literal.
    pub fn is_secret(&self) -> bool {
        !matches!(self, Self::Literal(_))
    }

    /// Reads the value, without a byte order mark and one final newline. Files and variables are read at
    /// each call, so that the next connection uses a renewed token. The content of a pipe is cached.
    ///
    /// # Errors
    /// The file or variable cannot be read, or is not UTF-8.
    pub fn read(&self) -> Result<String, SecretError> {
        self.read_within(ReadLimits::default())
    }

    /// [`SecretSource::read`] with other limits.
    ///
    /// # Errors
    /// As [`SecretSource::read`], or a limit was exceeded.
    pub fn read_within(&self, limits: ReadLimits) -> Result<String, SecretError> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::File(path, CachedSource(kept)) => {
                let file = Path::new(path);
                if let Some(text) = kept.get()
                    && file.exists()
                    && !named_file::can_be_read_again(file)
                {
                    return Ok(text.reveal().to_owned());
                }
                let bytes = named_file::read(file, limits)
                    .map_err(|error| SecretError::because(path, &error))?;
                let text = String::from_utf8(bytes)
                    .map_err(|_| SecretError::new(path, "not valid UTF-8"))?;
                let text = bare(&text);
                kept.get_or_init(|| Secret::new(text));
                Ok(text.to_owned())
            }
            Self::Environment(name) => {
                let value = std::env::var(name).map_err(|error| {
                    let why = match error {
                        std::env::VarError::NotPresent => "the environment variable is not set",
                        std::env::VarError::NotUnicode(_) => "not valid UTF-8",
                    };
                    SecretError::new(&format!("env:{name}"), why)
                })?;
                Ok(bare(&value).to_owned())
            }
        }
    }
}

/// A text without a byte order mark at its start and one newline at its end, which editors and shells add.
pub fn bare(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => text,
    }
}

/// A file (exit 26) or variable (exit 2) that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretError {
    /// The file name, or `env:NAME`.
    pub name: String,
    /// Why it cannot be read.
    pub why: String,
    /// Whether a time limit was exceeded (exit 28).
    pub timed_out: bool,
}

impl SecretError {
    /// An input that cannot be read, and the reason.
    pub fn new(name: &str, why: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            why: why.into(),
            timed_out: false,
        }
    }

    /// An input that cannot be read because of an I/O error.
    pub fn because(name: &str, error: &io::Error) -> Self {
        Self {
            timed_out: error.kind() == io::ErrorKind::TimedOut,
            ..Self::new(name, io_text(error))
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.name, self.why)
    }
}

impl std::error::Error for SecretError {}

/// The message of an I/O error, without the error number that Rust appends.
pub fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error
        .raw_os_error()
        .map(|code| format!(" (os error {code})"));
    match number.and_then(|number| text.strip_suffix(&number)) {
        Some(text) => text.to_owned(),
        None => text,
    }
}

/// Replaces known secrets in all text that is printed, logged or written to a report.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    known: Vec<Secret>,
    /// Shorter than [`SEARCHED_FROM`]: masked only where they are the whole text.
    short: Vec<Secret>,
    /// Texts with short secrets in known places, and how they are shown; the last ones.
    masked: VecDeque<(Secret, String)>,
    open: bool,
}

/// How many texts with short secrets are kept: each is shown soon after it was made.
const MASKED: usize = 16;

impl Redactor {
    /// A redactor without secrets; with `show_secrets` (`--show-secrets`) it never replaces anything.
    pub fn new(show_secrets: bool) -> Self {
        Self {
            known: Vec::new(),
            short: Vec::new(),
            masked: VecDeque::new(),
            open: show_secrets,
        }
    }

    /// Adds a secret and the parts of it that a server may repeat alone, in their plain form and as escaped in a
    /// JSON string.
    pub fn learn(&mut self, value: &str) {
        self.learn_whole(value);
        for part in forms::parts(value) {
            self.learn_whole(&part);
        }
    }

    fn learn_whole(&mut self, value: &str) {
        if !value.is_empty() && value.len() < SEARCHED_FROM {
            let value = Secret::new(value);
            if !self.short.contains(&value) {
                self.short.push(value);
            }
            return;
        }
        let quoted = serde_json::Value::from(value).to_string();
        for form in [value, &quoted[1..quoted.len() - 1]] {
            if form.len() >= SEARCHED_FROM && !self.known.iter().any(|secret| secret.0 == form) {
                self.known.push(Secret::new(form));
            }
        }
        // Longest first: a secret that is a prefix of another must not leave the rest of that one visible.
        self.known
            .sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
    }

    /// Adds several secrets.
    pub fn learn_all(&mut self, values: &[String]) {
        for value in values {
            self.learn(value);
        }
    }

    /// Shows this text in another form: it has secrets too short to be searched for, in places that are known.
    pub fn show_as(&mut self, text: Secret, shown: &str) {
        if self.masked.len() == MASKED {
            self.masked.pop_front();
        }
        self.masked.push_back((text, shown.to_owned()));
    }

    /// Whether secrets are shown (`--show-secrets`).
    pub fn shows_secrets(&self) -> bool {
        self.open
    }

    /// The text with every known secret replaced by [`MASK`].
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        if self.is_idle() {
            return text;
        }
        if self.short.iter().any(|secret| secret.reveal() == text) {
            return Cow::Borrowed(MASK);
        }
        let mut masked = self.masked.iter();
        if let Some((_, shown)) = masked.find(|(secret, _)| secret.reveal() == text) {
            return Cow::Owned(shown.clone());
        }
        // First: a truncated long secret may contain a shorter one.
        if text.contains(CUT) {
            text = Cow::Owned(self.redact_cut(&text));
        }
        for secret in &self.known {
            if text.contains(secret.reveal()) {
                text = Cow::Owned(text.replace(secret.reveal(), MASK));
            }
        }
        let encoded = text.contains('%');
        match encoded.then(|| forms::mask_percent_encoded(&text, &self.known)) {
            Some(Some(masked)) => Cow::Owned(masked),
            _ => text,
        }
    }

    /// The bytes of a binary message with every known secret replaced by [`MASK`].
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.is_idle() {
            return Cow::Borrowed(bytes);
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            return match self.redact(text) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            };
        }
        let mut bytes = Cow::Borrowed(bytes);
        for secret in self.secrets() {
            let mut from = 0;
            let mut masked: Option<Vec<u8>> = None;
            for at in memmem::find_iter(&bytes, secret) {
                let out = masked.get_or_insert_default();
                out.extend_from_slice(&bytes[from..at]);
                out.extend_from_slice(MASK.as_bytes());
                from = at + secret.len();
            }
            if let Some(mut masked) = masked {
                masked.extend_from_slice(&bytes[from..]);
                bytes = Cow::Owned(masked);
            }
        }
        bytes
    }

    /// All known secrets of at least [`SEARCHED_FROM`] bytes, plain and JSON-escaped, longest first.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(Secret::reveal)
    }

    /// Whether a text contains a known secret, even with `--show-secrets`.
    pub fn knows_part_of(&self, text: &str) -> bool {
        let is_plain = self.secrets().any(|secret| text.contains(secret));
        is_plain || forms::mask_percent_encoded(text, &self.known).is_some()
    }

    /// Replaces truncated secrets: `hunter2hu…`.
    fn redact_cut(&self, text: &str) -> String {
        let mut pieces: Vec<&str> = text.split(CUT).collect();
        let last = pieces.pop().unwrap_or_default();
        let mut whole = String::with_capacity(text.len());
        for piece in pieces {
            match self
                .known
                .iter()
                .find_map(|secret| cut_secret(piece, secret.reveal()))
            {
                Some(start) => {
                    whole.push_str(&piece[..start]);
                    whole.push_str(MASK);
                }
                None => whole.push_str(piece),
            }
            whole.push(CUT);
        }
        whole + last
    }

    /// Whether there is nothing to redact, so that hot paths can skip it.
    pub fn is_idle(&self) -> bool {
        self.open || (self.known.is_empty() && self.short.is_empty() && self.masked.is_empty())
    }
}

/// The position in a text where a truncated secret starts that reaches to the end of the text.
fn cut_secret(text: &str, secret: &str) -> Option<usize> {
    let longest = secret.len().min(text.len());
    (SEARCHED_FROM..=longest)
        .rev()
        .map(|length| text.len() - length)
        .find(|start| text.is_char_boundary(*start) && secret.starts_with(&text[*start..]))
}

/// A URL with its user info and the values of token-like query parameters masked. Accepts any text, so that an
/// invalid URL can be quoted in an error.
pub fn redact_url(url: &str) -> String {
    let shown = redact_user_info(url);
    let Some((head, query)) = shown.split_once('?') else {
        return shown;
    };
    let pairs: Vec<String> = query.split('&').map(redact_pair).collect();
    format!("{head}?{}", pairs.join("&"))
}

fn redact_user_info(url: &str) -> String {
    let authority = match url.find("://") {
        Some(at) => at + 3,
        // `//host/`: a reference that keeps the scheme (RFC 3986 §4.2).
        None if url.starts_with("//") => 2,
        None => 0,
    };
    let end = if is_well_formed(url, authority) {
        url[authority..]
            .find(['/', '?', '#'])
            .map_or(url.len(), |at| authority + at)
    } else {
        // Probably a password that contains one of these characters: only the last @ marks its end.
        url.len()
    };
    match url[authority..end].rfind('@') {
        Some(at) => format!("{}{MASK}{}", &url[..authority], &url[authority + at..]),
        None => url.to_owned(),
    }
}

/// Whether the text from `authority` on is a valid authority and path of a URL, or a path only.
fn is_well_formed(url: &str, authority: usize) -> bool {
    let rest = &url[authority..];
    let is_path = authority == 0 && rest.starts_with(['/', '?', '#']);
    is_path || url::Url::parse(&format!("ws://{rest}")).is_ok()
}

fn redact_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() && is_token_like(name) => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
}

/// Whether the name of a query parameter indicates that its value is a credential.
pub fn is_token_like(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    TOKEN_LIKE
        .iter()
        .any(|known| name == *known || name.ends_with(&format!("_{known}")))
}

/// A header's value for display: credentials are masked, URLs are redacted, known secrets are replaced.
pub fn shown_header_value<'a>(name: &str, value: &'a str, redactor: &Redactor) -> Cow<'a, str> {
    const URLS: [&str; 4] = ["location", "content-location", "referer", ":path"];
    if redactor.shows_secrets() {
        return Cow::Borrowed(value);
    }
    if is_credential_header(name) {
        return Cow::Borrowed(MASK);
    }
    if name.eq_ignore_ascii_case("sec-websocket-protocol") {
        let names = value.split(',').map(str::trim);
        let names: Vec<Cow<'_, str>> = names
            .map(|name| shown_subprotocol(name, redactor))
            .collect();
        return Cow::Owned(names.join(", "));
    }
    let value = redactor.redact(value);
    if URLS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Cow::Owned(redact_url(&value));
    }
    value
}

/// A subprotocol for display: one that contains a credential is masked.
pub fn shown_subprotocol<'a>(name: &'a str, redactor: &Redactor) -> Cow<'a, str> {
    if !redactor.shows_secrets() && guess::is_secret_subprotocol(name) {
        return Cow::Borrowed(MASK);
    }
    redactor.redact(name)
}

/// A request line for display: its target is redacted.
pub fn shown_request_line(line: &str, redactor: &Redactor) -> String {
    if redactor.shows_secrets() {
        return line.to_owned();
    }
    let words: Vec<String> = line
        .split(' ')
        .map(|word| redact_url(&redactor.redact(word)))
        .collect();
    words.join(" ")
}

/// Whether the value of a header with this name is a credential.
pub fn is_credential_header(name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_its_mask() {
        let secret = Secret::new("hunter2hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    }

    #[test]
    fn values_of_less_than_eight_bytes_are_erased_where_they_stand_alone() {
        let mut redactor = Redactor::new(false);
        redactor.learn("short");
        assert!(!redactor.is_idle());
        redactor.learn("long-enough");
        assert_eq!(redactor.redact("short long-enough!"), "short ***!");
        assert_eq!(redactor.redact("short"), MASK);
        let header = shown_header_value("Sec-WebSocket-Protocol", "chat, short", &redactor);
        assert_eq!(header, "chat, ***");
        assert_eq!(shown_header_value("X-Key", "short", &redactor), MASK);
        let mut open = Redactor::new(true);
        open.learn("long-enough");
        assert_eq!(open.redact("long-enough"), "long-enough");
    }

    #[test]
    fn a_secret_is_erased_where_it_was_cut_or_quoted_too() {
        let mut redactor = Redactor::new(false);
        redactor.learn("say \"friend\" and enter");
        redactor.learn("say \"friend\"");
        let table = [
            ("got say \"friend\" and enter", "got ***"),
            (r#"{"a":"say \"friend\" and enter"}"#, r#"{"a":"***"}"#),
            ("got say \"friend\" an… then", "got ***… then"),
            ("got say \"fri… then", "got ***… then"),
            ("say…", "say…"),
        ];
        for (text, shown) in table {
            assert_eq!(redactor.redact(text), shown);
        }
    }

    #[test]
    fn a_secret_is_erased_in_its_other_forms() {
        let mut redactor = Redactor::new(false);
        redactor.learn("{\"token\":\"to/ken 12345\"}");
        assert_eq!(redactor.redact("got to/ken 12345"), "got ***");
        assert_eq!(redactor.redact("/?t=to%2Fken%2012345&x"), "/?t=***&x");
        assert!(redactor.knows_part_of("to%2fken+12345"));
        let binary = [b"\xff\0to/ken 12345\xfe".as_slice(), b"to/ken 12345"].concat();
        assert_eq!(&*redactor.redact_bytes(&binary), b"\xff\0***\xfe***");
        assert_eq!(&*redactor.redact_bytes(b"\xff\0"), b"\xff\0");
        assert_eq!(&*redactor.redact_bytes(b"to/ken 12345"), b"***");
    }

    #[test]
    fn urls_lose_user_info_and_tokens() {
        let table = [
            ("ws://user:pass@host/a", "ws://***@host/a"),
            ("wss://host/?token=abc&x=1", "wss://host/?token=***&x=1"),
            (
                "wss://host/?access-token=abc",
                "wss://host/?access-token=***",
            ),
            ("wss://host/?keyboard=us", "wss://host/?keyboard=us"),
            ("user:pw@host", "***@host"),
            ("ws://host/a@b", "ws://host/a@b"),
            ("ws://user:pa/ss@host/a", "ws://***@host/a"),
            ("ws://user:pa?ss@host/", "ws://***@host/"),
            ("ws://user:pa#s@s@host/?token=x", "ws://***@host/?token=***"),
            ("user:pa/ss@host", "***@host"),
            ("//user:pass@host/a", "//***@host/a"),
            ("/a?b=c@d", "/a?b=c@d"),
            ("ws://h/?X-Amz-Signature=abc", "ws://h/?X-Amz-Signature=***"),
        ];
        for (url, shown) in table {
            assert_eq!(redact_url(url), shown);
        }
    }

    #[test]
    fn sources_are_told_apart_by_their_prefix() {
        assert_eq!(
            SecretSource::parse("env:TOKEN"),
            SecretSource::Environment("TOKEN".into())
        );
        assert_eq!(
            SecretSource::parse("@token.txt"),
            SecretSource::file("token.txt")
        );
        assert_eq!(
            SecretSource::parse("{\"a\":1}"),
            SecretSource::Literal("{\"a\":1}".into())
        );
        assert!(SecretSource::parse("@/no/such/file").read().is_err());
    }

    #[test]
    fn a_newline_at_the_end_and_a_byte_order_mark_are_no_part_of_a_value() {
        let table = [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            ("a\r", "a\r"),
            ("\u{feff}a\n", "a"),
            ("\u{feff}", ""),
            ("a\u{feff}b", "a\u{feff}b"),
        ];
        for (text, value) in table {
            assert_eq!(bare(text), value, "{text:?}");
        }
    }
}
