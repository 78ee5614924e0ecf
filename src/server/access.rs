//! Access control: the conditions that a request must meet.

use std::net::IpAddr;

use url::Url;

use crate::connection::handshake::server::UpgradeRequest;
use crate::connection::target::is_loopback;
use crate::secret::Secret;

/// The access conditions.
#[derive(Clone, Debug)]
pub struct AccessPolicy {
    /// The HTTP status that refuses every handshake (`--status`).
    pub status: Option<u16>,
    /// The credentials required.
    pub login: Option<RequiredLogin>,
    /// The origins allowed.
    pub origins: AllowedOrigins,
}

impl AccessPolicy {
    /// Accepts every request.
    pub fn open() -> Self {
        Self {
            status: None,
            login: None,
            origins: AllowedOrigins::Any,
        }
    }
}

/// The required `Authorization` header.
#[derive(Clone, Debug)]
pub struct RequiredLogin {
    /// The scheme, for the challenge.
    pub scheme: AuthScheme,
    /// The whole header value.
    pub value: Secret,
}

/// An HTTP authentication scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthScheme {
    /// User and password (RFC 7617).
    Basic,
    /// A token (RFC 6750).
    Bearer,
}

impl RequiredLogin {
    /// Whether a request carries these credentials.
    pub fn accepts(&self, request: &UpgradeRequest) -> bool {
        let Some(given) = request.headers.get("Authorization") else {
            return false;
        };
        let (given, wanted) = (given.trim().as_bytes(), self.value.reveal().as_bytes());
        // The scheme's name may be written in any case (RFC 9110 §11.1).
        let scheme = match self.scheme {
            AuthScheme::Basic => "Basic ".len(),
            AuthScheme::Bearer => "Bearer ".len(),
        };
        // Compares every byte, so that the time does not reveal where they differ.
        let differing = given.iter().zip(wanted).skip(scheme);
        let differing = differing.fold(0, |sum, (a, b)| sum | (a ^ b));
        given.len() == wanted.len()
            && given[..scheme].eq_ignore_ascii_case(&wanted[..scheme])
            && differing == 0
    }

    /// The value of `WWW-Authenticate` in a 401 response.
    pub fn challenge(&self) -> &'static str {
        match self.scheme {
            AuthScheme::Basic => "Basic realm=\"wsprobe\", charset=\"UTF-8\"",
            AuthScheme::Bearer => "Bearer realm=\"wsprobe\"",
        }
    }
}

/// The allowed origins of web pages. A browser sends the `Origin` header and the page cannot change it (RFC 6454
/// §7); other clients need not send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// All.
    Any,
    /// Origins of this machine, and our own page.
    Local {
        /// Whether only this machine can connect: then a name that resolves to it may be a DNS rebinding attack,
        /// and only addresses and localhost count as our own.
        loopback: bool,
    },
    /// The listed origins, and our own page.
    These {
        /// The origins, as browsers send them.
        list: Vec<String>,
        /// As for [`AllowedOrigins::Local`].
        loopback: bool,
    },
}

impl AllowedOrigins {
    /// Whether a page of this origin may connect; `host` is the request's `Host`.
    pub fn allow(&self, origin: &str, host: &str) -> bool {
        let origin = origin.trim().trim_end_matches('/');
        let authority = origin.split_once("://").map_or("", |(_, rest)| rest);
        let is_named = !authority.is_empty() && authority.eq_ignore_ascii_case(host.trim());
        let url = Url::parse(origin).ok();
        let name = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_address = bare.parse::<IpAddr>().is_ok();
        let is_own = |loopback: bool| {
            is_named && (is_address || is_loopback(bare) || (url.is_some() && !loopback))
        };
        match self {
            Self::Any => true,
            Self::These { list, loopback } => {
                is_own(*loopback) || list.iter().any(|known| known.eq_ignore_ascii_case(origin))
            }
            Self::Local { loopback } => is_loopback(bare) || is_own(*loopback),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::handshake::Headers;

    #[test]
    fn origins_are_checked_against_the_list_or_this_machine() {
        let local = AllowedOrigins::Local { loopback: true };
        let wide = AllowedOrigins::Local { loopback: false };
        let list = vec!["https://app.example".to_owned()];
        let these = AllowedOrigins::These {
            list: list.clone(),
            loopback: true,
        };
        let wide_these = AllowedOrigins::These {
            list,
            loopback: false,
        };
        let own = "box.example:8080";
        // Origin, Host, and whether each of the three lets it in.
        let table = [
            (
                "http://localhost:3000",
                "127.0.0.1:8080",
                [true, true, false],
            ),
            (
                "http://127.0.0.1:8080",
                "127.0.0.1:8080",
                [true, true, true],
            ),
            ("http://[::1]:8080", "[::1]:8080", [true, true, true]),
            ("https://app.example", own, [false, false, true]),
            ("HTTPS://APP.EXAMPLE/", own, [false, false, true]),
            (
                "https://app.example.evil.example",
                own,
                [false, false, false],
            ),
            ("http://localhost.evil.example", own, [false, false, false]),
            (
                "http://192.0.2.7:8080",
                "192.0.2.7:8080",
                [true, true, true],
            ),
            // DNS rebinding: a foreign name that was made to point here.
            ("http://box.example:8080", own, [false, true, false]),
            (
                "http://localhost:8080",
                "localhost:8080",
                [true, true, true],
            ),
            ("null", own, [false, false, false]),
            ("", "", [false, false, false]),
        ];
        for (origin, host, expected) in table {
            let got = [&local, &wide, &these].map(|origins| origins.allow(origin, host));
            assert_eq!(got, expected, "{origin} at {host}");
            assert!(AllowedOrigins::Any.allow(origin, host));
            let rebound = origin == "http://box.example:8080";
            assert_eq!(wide_these.allow(origin, host), expected[2] || rebound);
        }
    }

    #[test]
    fn credentials_are_compared_whole_and_their_scheme_in_any_case() {
        let login = RequiredLogin {
            scheme: AuthScheme::Bearer,
            value: Secret::new("Bearer abc"),
        };
        let request = |value: &str| UpgradeRequest {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            minor: 1,
            headers: Headers(vec![("authorization".to_owned(), value.to_owned())]),
        };
        for (value, expected) in [
            ("Bearer abc", true),
            ("bearer abc", true),
            ("Bearer abC", false),
            ("Bearer ab", false),
            ("Bearer abcd", false),
            ("Basic  abc", false),
            ("", false),
        ] {
            assert_eq!(login.accepts(&request(value)), expected, "{value}");
        }
    }
}
