//! The opening handshake (RFC 6455 §4, RFC 9110, RFC 9112).

use crate::audit::judgement::Judgement;
use crate::audit::observation::Observation;
use crate::audit::probe::Change::{Version, With, Without};
use crate::audit::probe::Requirement::{Judged, NotOpened, Opens, Refused};
use crate::audit::probe::{Probe, request};

/// The probes.
pub const PROBES: &[Probe] = &[
    request("handshake-opens", "the handshake of a browser", &[]).must(Opens, "RFC 6455 §4.2.2"),
    request(
        "handshake-version-12",
        "Sec-WebSocket-Version: 12",
        &[With("Sec-WebSocket-Version", "12")],
    )
    .must(
        Judged(
            "an error status with Sec-WebSocket-Version: 13",
            names_version_13,
        ),
        "RFC 6455 §4.4",
    ),
    request("handshake-no-host", "no Host header", &[Without("Host")])
        .must(Refused, "RFC 6455 §4.2.1; RFC 9112 §3.2"),
    request(
        "handshake-http-1-0",
        "a request in HTTP/1.0",
        &[Version("HTTP/1.0")],
    )
    .must(NotOpened, "RFC 6455 §4.2.1; RFC 9110 §7.8"),
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
        (400.., true) => Judgement::Met(format!("{words}, Sec-WebSocket-Version: 13")),
        (400.., false) => Judgement::Unmet(format!("{words} without Sec-WebSocket-Version")),
        _ => Judgement::Doubtful(words),
    }
}
