//! The opening handshake (RFC 6455 §4, RFC 9110, RFC 9112).
//!
//! A request that is no valid handshake is answered with an error status (RFC 6455 §4.2.1); one that only looks unusual
//! is answered like any other.

use crate::audit::judgement::Judgement;
use crate::audit::observation::{HandshakeEnd, Observation};
use crate::audit::probe::Change::{
    AbsoluteTarget, Again, Colon, InPieces, LowerCase, Method, UpperCase, Version, With, Without,
};
use crate::audit::probe::Requirement::{Judged, NotOpened, Opens, Refused};
use crate::audit::probe::{Probe, request};
use crate::connection::probing::RawAnswer;

/// Another valid key.
const ANOTHER_KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEA==";

/// The probes.
#[rustfmt::skip]
pub const PROBES: &[Probe] = &[
    request("handshake-opens", "the handshake of a browser", &[])
        .must(Opens, "RFC 6455 §4.2.2"),

    // What a server must understand.
    request("handshake-lower-case", "header names in lower case", &[LowerCase])
        .must(Opens, "RFC 9110 §5.1"),
    request("handshake-upper-case", "header names in upper case", &[UpperCase])
        .must(Opens, "RFC 9110 §5.1"),
    request("handshake-no-space", "no space after the colons", &[Colon(":")])
        .must(Opens, "RFC 9112 §5"),
    request("handshake-more-space", "tabs and spaces after the colons", &[Colon(":\t  ")])
        .must(Opens, "RFC 9112 §5"),
    request("handshake-in-pieces", "the request in segments of 40 bytes", &[InPieces(40)])
        .must(Opens, "RFC 9112 §2.2"),
    request("handshake-absolute-target", "the target in absolute form", &[AbsoluteTarget])
        .must(Opens, "RFC 6455 §4.2.1; RFC 9112 §3.2.2"),
    request("handshake-upgrade-case", "Upgrade: WebSocket", &[With("Upgrade", "WebSocket")])
        .must(Opens, "RFC 6455 §4.2.1"),
    request("handshake-connection-case", "Connection: uPGRADE", &[With("Connection", "uPGRADE")])
        .must(Opens, "RFC 6455 §4.2.1"),
    request("handshake-connection-list", "Connection: keep-alive, Upgrade", &[With("Connection", "keep-alive, Upgrade")])
        .must(Opens, "RFC 6455 §4.2.1"),
    request("handshake-extension-unknown", "an extension that nobody knows", &[With("Sec-WebSocket-Extensions", "x-wsprobe; a=1")])
        .must(Opens, "RFC 6455 §9.1"),
    request("handshake-subprotocol-unknown", "a subprotocol that nobody knows", &[With("Sec-WebSocket-Protocol", "wsprobe-unknown")])
        .must(Judged("101 without a subprotocol that was not offered", chooses_what_was_offered), "RFC 6455 §4.2.2"),

    // What a server must refuse.
    request("handshake-method-post", "POST in the place of GET", &[Method("POST"), With("Content-Length", "0")])
        .must(Refused, "RFC 6455 §4.2.1"),
    request("handshake-http-1-0", "a request in HTTP/1.0", &[Version("HTTP/1.0")])
        .must(NotOpened, "RFC 6455 §4.2.1; RFC 9110 §7.8"),
    request("handshake-host-missing", "no Host header", &[Without("Host")])
        .must(Refused, "RFC 6455 §4.2.1; RFC 9112 §3.2"),
    request("handshake-host-twice", "two Host headers", &[Again("Host", "wsprobe.invalid")])
        .must(Refused, "RFC 9112 §3.2"),
    request("handshake-space-before-colon", "a space before the colons", &[Colon(" : ")])
        .must(Refused, "RFC 9112 §5.1"),
    request("handshake-upgrade-missing", "no Upgrade header", &[Without("Upgrade")])
        .must(NotOpened, "RFC 6455 §4.2.1"),
    request("handshake-upgrade-other", "Upgrade: x-wsprobe", &[With("Upgrade", "x-wsprobe")])
        .must(NotOpened, "RFC 6455 §4.2.1; RFC 9110 §7.8"),
    request("handshake-connection-missing", "no Connection header", &[Without("Connection")])
        .must(NotOpened, "RFC 6455 §4.2.1; RFC 9110 §7.8"),
    request("handshake-connection-other", "Connection: keep-alive", &[With("Connection", "keep-alive")])
        .must(NotOpened, "RFC 6455 §4.2.1; RFC 9110 §7.8"),
    request("handshake-key-missing", "no Sec-WebSocket-Key", &[Without("Sec-WebSocket-Key")])
        .must(Refused, "RFC 6455 §4.2.1"),
    request("handshake-key-short", "a key of 5 bytes", &[With("Sec-WebSocket-Key", "c2hvcnQ=")])
        .must(Refused, "RFC 6455 §4.2.1"),
    request("handshake-key-long", "a key of 24 bytes", &[With("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEAECAwQFBgcI")])
        .must(Refused, "RFC 6455 §4.2.1"),
    request("handshake-key-garbage", "a key that is not base64", &[With("Sec-WebSocket-Key", "!not-base64-at-all-!!!!!")])
        .must(Refused, "RFC 6455 §4.2.1"),
    request("handshake-key-twice", "two keys", &[Again("Sec-WebSocket-Key", ANOTHER_KEY)])
        .must(Refused, "RFC 6455 §11.3.1"),
    request("handshake-version-missing", "no Sec-WebSocket-Version", &[Without("Sec-WebSocket-Version")])
        .must(Refused, "RFC 6455 §4.2.1"),
    request("handshake-version-12", "Sec-WebSocket-Version: 12", &[With("Sec-WebSocket-Version", "12")])
        .must(Judged("an error status with Sec-WebSocket-Version: 13", names_version_13), "RFC 6455 §4.4"),
    request("handshake-version-garbage", "Sec-WebSocket-Version: 13x", &[With("Sec-WebSocket-Version", "13x")])
        .must(Refused, "RFC 6455 §4.2.1"),
    request("handshake-extension-garbage", "Sec-WebSocket-Extensions: ;;=", &[With("Sec-WebSocket-Extensions", ";;=")])
        .should(Refused, "RFC 6455 §9.1"),

    // What a server must not answer.
    request("handshake-no-body", "the handshake of a browser", &[])
        .should(Judged("a 101 without Content-Length and Transfer-Encoding", has_no_body), "RFC 9110 §8.6; RFC 9112 §6.1"),
    request("handshake-426-upgrade", "a plain GET, without a handshake", &[
            Without("Upgrade"), Without("Sec-WebSocket-Key"), Without("Sec-WebSocket-Version"), With("Connection", "close"),
        ])
        .must(Judged("no 101, and an Upgrade header with a 426", names_the_upgrade), "RFC 9110 §15.5.22"),
];

/// A version that is not supported is refused, and the supported ones are named.
fn names_version_13(observation: &Observation) -> Judgement {
    let words = observation.handshake_in_words();
    let Some((status, headers)) = observation.answer() else {
        return Judgement::Unknown(words);
    };
    let names_13 = headers.has_token("Sec-WebSocket-Version", "13");
    match (status, names_13) {
        (101, _) => Judgement::Unmet(words),
        (429 | 502..=504, _) => Judgement::Unknown(words),
        (400.., true) => Judgement::Met(format!("{words}, Sec-WebSocket-Version: 13")),
        (400.., false) => Judgement::Unmet(format!("{words} without Sec-WebSocket-Version: 13")),
        _ => Judgement::Doubtful(words),
    }
}

/// A subprotocol in the answer is one of those that were offered.
fn chooses_what_was_offered(observation: &Observation) -> Judgement {
    let words = observation.handshake_in_words();
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Opened(response, _)) => {
            match response.headers.get("Sec-WebSocket-Protocol") {
                Some(chosen) => Judgement::Met(format!("101, which chooses {chosen}")),
                None => Judgement::Met("101 without a subprotocol".to_owned()),
            }
        }
        HandshakeEnd::Answered(RawAnswer::Invalid(..)) => Judgement::Unmet(words),
        // An application may insist on a subprotocol of its own.
        _ => Judgement::Unknown(words),
    }
}

/// A 101 ends with its head: what follows is frames.
fn has_no_body(observation: &Observation) -> Judgement {
    let Some(response) = observation.opened() else {
        return Judgement::Unknown(observation.handshake_in_words());
    };
    let mut names = ["Content-Length", "Transfer-Encoding"].into_iter();
    match names.find_map(|name| Some((name, response.headers.get(name)?))) {
        Some((name, value)) => Judgement::Unmet(format!("101 with {name}: {value}")),
        None => Judgement::Met("101 without either".to_owned()),
    }
}

/// A 426 says to what the client should upgrade.
fn names_the_upgrade(observation: &Observation) -> Judgement {
    let words = observation.handshake_in_words();
    match observation.answer() {
        None => Judgement::Unknown(words),
        Some((101, _)) => Judgement::Unmet(words),
        Some((426, headers)) => match headers.get("Upgrade") {
            Some(upgrade) => Judgement::Met(format!("{words}, Upgrade: {upgrade}")),
            None => Judgement::Unmet(format!("{words} without an Upgrade header")),
        },
        Some(_) => Judgement::Met(words),
    }
}
