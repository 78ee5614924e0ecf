//! Heuristics for text that looks like a secret, used before a typed line is written to disk (history, saved
//! session) and for subprotocol names.
//!
//! Other output is never redacted by heuristics. For the history a false positive only costs retyping a line.

use std::sync::LazyLock;

use regex::Regex;

use super::is_token_like;

/// Names so common that the value must look like a secret, too.
const WEAK: [&str; 4] = ["key", "session", "auth", "sig"];

/// `name=value`, `"name": "value"`. At most 64 characters of a value are matched, and the value itself is
/// searched again for names.
static PAIR: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"([A-Za-z][A-Za-z0-9_-]*)["']?\s*[:=]\s*["']?([^\s"',;&}]{4,64})"#));

/// Text that is a credential by its form: an Authorization header value, a JSON Web Token, API tokens of
/// well-known services, a URL with user info (even if it makes the URL invalid), and login commands of text
/// protocols.
static FORM: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i:\b(bearer|basic)\s+[a-z0-9+/_.=~-]{8,})",
        r"|\beyJ[\w-]{8,}\.[\w-]{4,}",
        r"|\b(sk-|sk_|rk_|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA)[A-Za-z0-9_-]{10,}",
        r"|://\S+@|^/connect\s+\S*@",
        r"|^\s*(?i:auth|login|pass|password|passwd)\s+\S",
    ))
});

static RUN: LazyLock<Regex> = LazyLock::new(|| regex(r"[A-Za-z0-9_+/=-]{32,}"));
static UUID: LazyLock<Regex> =
    LazyLock::new(|| regex(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"));

/// The expressions above are constants, and the tests compile each of them.
fn regex(expression: &str) -> Regex {
    Regex::new(expression).expect("a constant expression")
}

/// Whether a line may contain a secret.
pub fn looks_secret(text: &str) -> bool {
    FORM.is_match(text) || pairs(text).any(|(name, value)| is_secret_pair(name, value)) || {
        let text = UUID.replace_all(text, " ");
        RUN.find_iter(&text).any(|run| is_random(run.as_str()))
    }
}

/// Pairs of names and values; a value may be a name, too (`wss://example.com/?token=…`).
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let pair = PAIR.captures_at(text, from)?;
        let (name, value) = (pair.get(1)?, pair.get(2)?);
        from = value.start();
        Some((name.as_str(), value.as_str()))
    })
}

/// Whether a name and its value indicate a credential.
pub fn is_secret_pair(name: &str, value: &str) -> bool {
    let is_weak = WEAK.iter().any(|weak| name.eq_ignore_ascii_case(weak));
    is_token_like(name) && (!is_weak || value.len() >= 16 || is_random(value))
}

/// Whether a subprotocol contains a credential, as browser clients do because they cannot set headers: a token
/// by its form, or after a name that announces one (`base64url.bearer.authorization.k8s.io.…`,
/// `openai-insecure-api-key.…`).
pub fn is_secret_subprotocol(name: &str) -> bool {
    let dots = name.match_indices('.');
    let parts = dots.scan(0, |from, (at, _)| {
        let part = &name[*from..at];
        *from = at + 1;
        Some((part, &name[at + 1..]))
    });
    let mut parts = parts.filter(|(part, rest)| !part.is_empty() && rest.len() >= 8);
    parts.any(|(part, rest)| is_secret_pair(part, rest)) || looks_secret(name)
}

/// Whether a text has at least 3 letters and 3 digits, which ordinary words do not.
fn is_random(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    digits >= 3 && letters >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_like_a_secret_is_recognized() {
        let secrets = [
            r#"{"password": "hunter2"}"#,
            r#"{"type":"init","payload":{"access_token":"abcdefgh"}}"#,
            "token=abcdef&x=1",
            "/connect wss://example.com/?room=7&access_token=abcdefgh",
            "note: token=abcdef",
            "Authorization: Bearer abcdefghijk",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
            "ghp_0123456789abcdef",
            "/connect wss://me:hunter2@example.com/",
            "/connect wss://hunter2@example.com/",
            "/connect wss://me:hunt/er2@example.com/",
            "/connect me:hunter2@example.com",
            "AUTH bob hunter2",
            "x 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            r#"{"key":"0123456789abcdef"}"#,
        ];
        for text in secrets {
            assert!(looks_secret(text), "{text}");
        }
        let harmless = [
            "hello",
            r#"{"op":"subscribe","id":"550e8400-e29b-41d4-a716-446655440000"}"#,
            r#"{"key":"ArrowUp"}"#,
            "/close 4001 see you",
            "/connect wss://example.com/chat",
            "mail me@example.com",
            "/send conversation.json",
            "the password is not here",
            "https://example.com/a/very/long/path/that/goes/on/and/on",
            r#"{"session":"main"}"#,
            "/onopen env:LOGIN",
        ];
        for text in harmless {
            assert!(!looks_secret(text), "{text}");
        }
        assert!(!looks_secret(&"a=".repeat(1 << 16)));
    }

    #[test]
    fn a_token_in_a_subprotocol_is_recognized() {
        for token in [
            "openai-insecure-api-key.sk-abcdefghijklmnop",
            "openai-insecure-api-key.abcdefgh",
            "base64url.bearer.authorization.k8s.io.dG9rZW4tdG9rZW4",
            "auth-token.abcdefgh",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
            "header-eyJIb3N0IjoiYS5leGFtcGxlIn0x0123456",
        ] {
            assert!(is_secret_subprotocol(token), "{token}");
        }
        for name in [
            "chat",
            "realtime",
            "graphql-transport-ws",
            "v4.channel.k8s.io",
            "wamp.2.json",
            "openai-beta.realtime-v1",
            "com.example.session.protocol",
            "binary",
            "token",
            "aws-appsync-event-ws",
        ] {
            assert!(!is_secret_subprotocol(name), "{name}");
        }
    }
}
