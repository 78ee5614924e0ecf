//! Hints for errors that the address itself may have caused: a guessed scheme, a default port, a word
//! that was taken for a host.
//!
//! Such a hint is based on what was typed. It replaces the general hint of the stage.

use super::error::{Error, ErrorKind, Stage};
use super::target::{Address, Endpoint};

/// Sets the hint that the address suggests, if it suggests one.
///
/// The error must be about this address, not about a proxy.
pub fn with_hint(error: Error, address: &Address) -> Error {
    let hint = match error.kind {
        ErrorKind::Tls | ErrorKind::TlsEnded => guessed_scheme(address),
        ErrorKind::Dns => guessed_host(address),
        ErrorKind::Connect if error.nothing_listens => implied_port(address),
        ErrorKind::Timeout => match error.stage {
            Stage::Tls => guessed_scheme(address),
            _ => None,
        },
        _ => None,
    };
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// A remote host without a scheme was tried with `wss`, but does not speak TLS.
fn guessed_scheme(address: &Address) -> Option<String> {
    let rest = address.shown.strip_prefix("wss://")?;
    address
        .scheme_guessed
        .then(|| format!("a remote host without a scheme means wss://; try ws://{rest}"))
}

/// A single word in place of the URL may be a message.
fn guessed_host(address: &Address) -> Option<String> {
    let Endpoint::Tcp { host, .. } = &address.endpoint else {
        return None;
    };
    let is_word = address.scheme_guessed && !host.contains(['.', ':']);
    if is_word && host == "echo" {
        return Some("the built-in echo server is written with a colon: echo:".to_owned());
    }
    is_word.then(|| {
        format!("'{host}' was taken as the URL; a URL looks like wss://example.com/ or :8080")
    })
}

/// No port was given, and nothing listens on the scheme's default port.
fn implied_port(address: &Address) -> Option<String> {
    let Endpoint::Tcp { host, port } = &address.endpoint else {
        return None;
    };
    let (scheme, rest) = address.shown.split_once("://")?;
    if !address.port_implied {
        return None;
    }
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let other = if address.scheme_guessed && address.secure {
        format!(" (or ws://{rest})")
    } else {
        String::new()
    };
    Some(format!(
        "nothing listens on port {port}, the default of {scheme}://; try {scheme}://{host}:PORT{path}{other}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_of(typed: &str, kind: ErrorKind, stage: Stage, hint: &str) -> String {
        let address = Address::parse(typed).expect(typed);
        let error = Error::new(kind, stage, "it failed").hint(hint);
        with_hint(error, &address).hint.unwrap_or_default()
    }

    #[test]
    fn a_guessed_scheme_is_named_where_tls_fails() {
        for (kind, stage) in [
            (ErrorKind::Tls, Stage::Tls),
            (ErrorKind::TlsEnded, Stage::Tls),
            (ErrorKind::Timeout, Stage::Tls),
        ] {
            let hint = hint_of("example.com:8080/chat", kind, stage, "other");
            assert!(hint.ends_with("try ws://example.com:8080/chat"), "{hint}");
            assert_eq!(hint_of("wss://example.com/", kind, stage, "other"), "other");
        }
        let late = hint_of("example.com", ErrorKind::Timeout, Stage::Upgrade, "other");
        assert_eq!(late, "other");
    }

    #[test]
    fn a_word_in_the_place_of_the_url_is_named() {
        let hint = |typed| hint_of(typed, ErrorKind::Dns, Stage::Lookup, "other");
        assert!(hint("hello").starts_with("'hello' was taken as the URL"));
        assert!(hint("echo").ends_with("echo:"));
        for typed in ["example.com", "wss://hello/"] {
            assert_eq!(hint(typed), "other", "{typed}");
        }
    }

    #[test]
    fn a_default_port_is_named_where_nothing_listens() {
        let hint_where = |nothing_listens, typed| {
            let address = Address::parse(typed).expect(typed);
            let error = Error {
                nothing_listens,
                ..Error::new(ErrorKind::Connect, Stage::Connect, "it failed").hint("other")
            };
            with_hint(error, &address).hint.unwrap_or_default()
        };
        let hint = |typed| hint_where(true, typed);
        assert!(hint("ws://[::1]/a?b").ends_with("try ws://[::1]:PORT/a?b"));
        assert!(
            hint("example.com/a").ends_with("wss://example.com:PORT/a (or ws://example.com/a)")
        );
        assert_eq!(hint("ws://localhost:81/"), "other");
        assert_eq!(hint_where(false, "ws://[::1]/a?b"), "other");
    }
}
