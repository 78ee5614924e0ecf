//! Sizes and numbers: what a server takes, and that it survives what it does not take (RFC 6455 §10.4).

use crate::audit::judgement::Judgement;
use crate::audit::probe::Change::{LongHeader, LongTarget, ManyHeaders};
use crate::audit::probe::Requirement::{Fails, Judged, LivesOr, Opens, OpensOrRefused, Survives};
use crate::audit::probe::Special::{self, HalfOpen, SlowHead};
use crate::audit::probe::{
    Probe, continuation, frames, long_binary, long_text, message, ping, request, special, text,
};

/// The probes. Those at the end run only with `--intrusive`.
#[rustfmt::skip]
pub const PROBES: &[Probe] = &[
    request("limits-target-8000", "a request line of 8,000 bytes", &[LongTarget(7900)])
        .should(Opens, "RFC 9112 §3"),
    request("limits-header-8k", "a header of 8 KiB", &[LongHeader("X-Wsprobe", 8 << 10)])
        .must(OpensOrRefused, "RFC 9110 §5.4"),
    request("limits-header-60k", "a header of 60 KiB", &[LongHeader("X-Wsprobe", 60 << 10)])
        .should(OpensOrRefused, "RFC 9110 §5.4"),
    request("limits-headers-200", "200 headers", &[ManyHeaders(200)])
        .should(OpensOrRefused, "RFC 9110 §5.4"),
    frames("limits-text-64k", "a text message of 64 KiB", &[long_text(65_536)])
        .should(LivesOr(&[1009]), "RFC 6455 §10.4"),
    frames("limits-binary-64k", "a binary message of 64 KiB", &[long_binary(65_536)])
        .should(LivesOr(&[1009]), "RFC 6455 §10.4"),
    frames("limits-pings-100", "100 pings at once", &[ping(b"wsprobe").times(100)])
        .should(LivesOr(&[1008]), "RFC 6455 §5.5.2"),
    special("limits-survival", "another handshake, after all other probes", Special::Survival)
        .must(SURVIVES, "RFC 6455 §10.4"),

    frames("limits-length-top-bit", "a length with the top bit set", &[long_binary(0).length64().declaring(1 << 63)])
        .should(Fails(&[1002, 1009]), "RFC 6455 §5.2").without_ping().intrusive(),
    frames("limits-length-all-bits", "a length with all bits set", &[long_binary(0).length64().declaring(u64::MAX)])
        .should(Fails(&[1002, 1009]), "RFC 6455 §5.2").without_ping().intrusive(),
    frames("limits-length-huge", "the begin of a text frame of 2^62 bytes", &[text(b"wsprobe").length64().declaring(1 << 62)])
        .must(Survives, "RFC 6455 §10.4").without_ping().intrusive(),
    frames("limits-length-4g", "the begin of a binary frame of 4 GiB", &[long_binary(1000).length64().declaring(4 << 30)])
        .must(Survives, "RFC 6455 §10.4").without_ping().intrusive(),
    frames("limits-text-1m", "a text message of 1 MiB", &[long_text(1 << 20)])
        .should(LivesOr(&[1009]), "RFC 6455 §10.4").intrusive(),
    frames("limits-binary-16m", "a binary message of 16 MiB", &[long_binary(16 << 20)])
        .should(LivesOr(&[1009]), "RFC 6455 §10.4").intrusive(),
    frames("limits-fragments-10000", "a message in 10,000 fragments", &[
            text(b"a").not_final(), continuation(b"a").not_final().times(10_000), continuation(b"a"),
        ])
        .should(LivesOr(&[1008, 1009]), "RFC 6455 §5.4; RFC 6455 §10.4").intrusive(),
    frames("limits-empty-fragments-10000", "a message with 10,000 empty fragments", &[
            message().not_final(), continuation(b"").not_final().times(10_000), continuation(b""),
        ])
        .should(LivesOr(&[1008, 1009]), "RFC 6455 §5.4; RFC 6455 §10.4").intrusive(),
    frames("limits-pings-10000", "10,000 pings at once", &[ping(b"wsprobe").times(10_000)])
        .should(LivesOr(&[1008]), "RFC 6455 §5.5.2").intrusive(),
    frames("limits-messages-10000", "10,000 messages at once", &[message().times(10_000)])
        .should(LivesOr(&[1008, 1009, 1013]), "RFC 6455 §10.4").intrusive(),
    special("limits-slow-head", "half a request, and silence", SlowHead)
        .may(Judged("the server ends the connection, or a time limit above -w", |_| unused()), "RFC 9110 §15.5.9").intrusive(),
    special("limits-half-open-50", "50 half requests at a time, then a whole one", HalfOpen(50))
        .should(Judged("101 Switching Protocols for the whole one", |_| unused()), "RFC 6455 §10.4").intrusive(),
];

const SURVIVES: crate::audit::probe::Requirement =
    Judged("the server accepts connections", |_| unused());

/// Special probes judge by themselves.
fn unused() -> Judgement {
    Judgement::Unknown(String::new())
}
