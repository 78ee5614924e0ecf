//! Redirects of the handshake (`--location`).
//!
//! A redirect is followed only to http, https, ws and wss, never from wss to ws and never in a loop.
//! Credentials are not sent to another origin (scheme, host and port, RFC 6454 §4).

use std::fmt;

use url::Url;

use super::dial;
use super::error::{Error, ErrorKind, Stage};
use super::handshake::Refusal;
use super::target::{Address, Endpoint, UpgradeOptions, without_zone};
use crate::secret::redact_url;
use crate::units;

/// The redirects followed so far.
pub struct RedirectChain {
    most: u32,
    seen: Vec<Address>,
    /// The first address in `seen` that was asked as the next one will be.
    alike_from: usize,
}

/// Whether a response is a redirect with a `Location`.
pub fn is_redirect(refusal: &Refusal) -> bool {
    matches!(refusal.status, 301 | 302 | 303 | 307 | 308)
        && refusal.headers.get("Location").is_some()
}

impl RedirectChain {
    /// A chain that starts at `address`; at most `most` redirects are followed.
    pub fn new(address: Address, most: u32) -> Self {
        Self {
            most,
            seen: vec![address],
            alike_from: 0,
        }
    }

    /// The next request has another method: an address that was seen before is no loop.
    pub fn change_method(&mut self) {
        self.alike_from = self.seen.len();
    }

    /// The URLs that redirected, redacted.
    pub fn shown(&self) -> Vec<String> {
        let behind = self.seen.len().saturating_sub(1);
        let addresses = self.seen.iter().take(behind);
        addresses.map(|address| address.shown.clone()).collect()
    }

    /// Whether all addresses so far have the same origin.
    pub fn stays_at_origin(&self) -> bool {
        self.seen
            .windows(2)
            .all(|pair| pair[0].is_same_origin(&pair[1]))
    }

    /// The address that a response redirects to, and the request to send there.
    ///
    /// # Errors
    /// [`ErrorKind::Redirect`] for too many redirects, a loop, or a target that is not allowed.
    pub fn follow(
        &mut self,
        refusal: &Refusal,
        request: &UpgradeOptions,
    ) -> Result<(Address, UpgradeOptions), Error> {
        let location = refusal.headers.get("Location").unwrap_or_default();
        let shown = redact_url(location);
        if self.seen.len() > self.most as usize {
            let most = units::count(self.most.into(), "redirect");
            let message = format!("more than {most}; the next one leads to {shown}");
            return Err(failed(message).hint("--max-redirects N raises the limit"));
        }
        // Never fails: `seen` starts with one address and only grows.
        let Some(here) = self.seen.last() else {
            return Err(failed(format!("no address before the redirect to {shown}")));
        };
        let next = resolve(here, location)
            .map_err(|why| failed(format!("the redirect to {shown} is not followed: {why}")))?;
        if here.secure && !next.secure {
            let message = format!("the redirect to {shown} is not followed: it leaves TLS");
            return Err(failed(message).hint(format!(
                "data sent there is not encrypted; if that is intended, connect to {} directly",
                next.shown
            )));
        }
        let alike = &self.seen[self.alike_from..];
        if alike.iter().any(|seen| is_same(seen, &next)) {
            return Err(failed(format!("redirect loop: back to {}", next.shown)));
        }
        let request = if here.is_same_origin(&next) {
            request.clone()
        } else {
            without_credentials(request)
        };
        let user_info = match here.is_same_origin(&next) {
            true => next.user_info.clone().or_else(|| here.user_info.clone()),
            false => next.user_info.clone(),
        };
        let next = Address { user_info, ..next };
        self.seen.push(next.clone());
        Ok((next, request))
    }
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::Redirect, Stage::Upgrade, message)
}

/// Resolves a `Location` against an address (RFC 9110 §10.2.2).
fn resolve(here: &Address, location: &str) -> Result<Address, String> {
    let say = |error: &dyn fmt::Display| error.to_string();
    let (scheme, authority) = match (&here.endpoint, here.secure) {
        (Endpoint::Unix(_), true) => ("wss", "localhost".to_owned()),
        (Endpoint::Unix(_), false) => ("ws", "localhost".to_owned()),
        (endpoint, true) => ("wss", endpoint.to_string()),
        (endpoint, false) => ("ws", endpoint.to_string()),
    };
    let (authority, zone) = match authority.split_once('%') {
        Some((front, behind)) if front.starts_with('[') => {
            let (zone, port) = behind.split_once(']').unwrap_or((behind, ""));
            (format!("{front}]{port}"), Some(zone.to_owned()))
        }
        _ => (authority, None),
    };
    let base = Url::parse(&format!("{scheme}://{authority}{}", here.request_target))
        .map_err(|error| say(&error))?;
    let url = base.join(location).map_err(|error| say(&error))?;
    if !matches!(url.scheme(), "ws" | "wss" | "http" | "https") {
        return Err(format!(
            "unsupported scheme '{}' (expected ws, wss, http or https)",
            url.scheme()
        ));
    }
    let next = Address::parse(url.as_str()).map_err(|bad| bad.why)?;
    // A relative reference stays on its Unix socket.
    let is_relative = Url::parse(location).is_err();
    match &here.endpoint {
        Endpoint::Unix(_) if is_relative => Ok(Address {
            endpoint: here.endpoint.clone(),
            host_header: here.host_header.clone(),
            ..next
        }),
        // The same link-local address keeps its zone.
        here => match zone {
            Some(zone) if without_zone(dial::host_of(here)) == dial::host_of(&next.endpoint) => {
                next.in_zone(&zone).map_err(str::to_owned)
            }
            _ => Ok(next),
        },
    }
}

fn is_same(one: &Address, other: &Address) -> bool {
    one.is_same_origin(other) && one.request_target == other.request_target
}

/// The request without credentials, for another origin.
pub fn without_credentials(request: &UpgradeOptions) -> UpgradeOptions {
    let mut request = request.clone();
    request
        .headers
        .retain(|header| !header.is_credential() && !header.name.eq_ignore_ascii_case("host"));
    request.subprotocols.retain(|offered| !offered.is_secret);
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::handshake::Headers;
    use crate::connection::target::RequestHeader;

    fn refusal(location: &str) -> Refusal {
        Refusal {
            status: 302,
            reason: String::new(),
            headers: Headers(vec![("Location".to_owned(), location.to_owned())]),
            body: Vec::new(),
            body_cut: false,
        }
    }

    fn request() -> UpgradeOptions {
        UpgradeOptions {
            headers: vec![
                RequestHeader::new("Authorization", "Bearer t"),
                RequestHeader::new("Cookie", "a=b"),
                RequestHeader::new("Host", "front"),
                RequestHeader::new("X-Kept", "1"),
            ],
            ..UpgradeOptions::default()
        }
    }

    fn followed(from: &str, location: &str) -> (Address, Vec<String>) {
        let mut trail = RedirectChain::new(Address::parse(from).expect(from), 10);
        let (address, request) = trail
            .follow(&refusal(location), &request())
            .expect(location);
        (
            address,
            request.headers.into_iter().map(|h| h.name).collect(),
        )
    }

    #[test]
    fn locations_are_resolved_as_browsers_do() {
        let table = [
            ("ws://h/a/b", "c?d", "ws://h/a/c?d"),
            ("ws://h:81/a", "/c", "ws://h:81/c"),
            ("ws://h/a", "//other/c", "ws://other/c"),
            ("wss://h/a", "https://h/b", "wss://h/b"),
            ("ws://[::1]:81/a", "/c", "ws://[::1]:81/c"),
            ("ws://[fe80::1%25lo]:81/a", "/c", "ws://[fe80::1%25lo]:81/c"),
            (
                "ws://[fe80::1%25lo]/a",
                "ws://[fe80::2]/",
                "ws://[fe80::2]/",
            ),
        ];
        for (from, location, shown) in table {
            assert_eq!(followed(from, location).0.shown, shown, "{from} {location}");
        }
    }

    #[test]
    fn a_path_alone_stays_on_its_unix_socket() {
        let (address, _) = followed("ws+unix:/tmp/s.sock:/a", "/b");
        assert_eq!(address.endpoint.to_string(), "unix:/tmp/s.sock");
        assert_eq!(address.request_target, "/b");
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        assert_eq!(followed("ws://h/a", "/b").1.len(), 4);
        for elsewhere in ["ws://other/", "ws://h:81/", "wss://h/"] {
            let mut trail = RedirectChain::new(Address::parse("ws://h/a").expect("a URL"), 10);
            trail
                .follow(&refusal(elsewhere), &request())
                .expect(elsewhere);
            assert!(!trail.stays_at_origin(), "{elsewhere}");
            assert_eq!(followed("ws://h/a", elsewhere).1, ["X-Kept"], "{elsewhere}");
        }
        let (address, _) = followed("ws://me:secret@h/a", "ws://other/");
        assert_eq!(address.user_info, None);
        let (address, _) = followed("ws://me:secret@h/a", "/b");
        assert!(address.user_info.is_some());
    }

    #[test]
    fn tls_is_never_left() {
        for location in ["ws://h/", "http://h:443/", "ws://other/", "ws://localhost/"] {
            let mut trail = RedirectChain::new(Address::parse("wss://h/a").expect("a URL"), 10);
            let error = trail
                .follow(&refusal(location), &request())
                .expect_err(location);
            assert_eq!(error.kind, ErrorKind::Redirect, "{location}");
            assert!(error.message.contains("leaves TLS"), "{error}");
        }
    }

    #[test]
    fn files_circles_and_long_chains_are_not_followed() {
        let start = || Address::parse("ws://h/a").expect("a URL");
        for location in ["file:///etc/passwd", "ftp://h/", "javascript:1", "ws://"] {
            let error = RedirectChain::new(start(), 10)
                .follow(&refusal(location), &request())
                .expect_err(location);
            assert_eq!(error.kind, ErrorKind::Redirect, "{location}");
        }
        let mut trail = RedirectChain::new(start(), 10);
        trail.follow(&refusal("/b"), &request()).expect("one");
        let error = trail.follow(&refusal("/a"), &request()).expect_err("back");
        assert!(error.message.contains("redirect loop"), "{error}");
        let mut trail = RedirectChain::new(start(), 1);
        trail.follow(&refusal("/b"), &request()).expect("one");
        let error = trail.follow(&refusal("/c"), &request()).expect_err("two");
        assert!(error.message.contains("more than 1"), "{error}");
    }
}
