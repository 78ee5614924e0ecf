//! Pings, pongs, and the limits of control frames (RFC 6455 §5.5).
//!
//! That a control frame has at most 125 bytes and one frame is a duty of the sender; that a receiver fails the connection
//! is the custom. A server that goes on gets a warning; one that sends such a frame back breaks the rule itself.

use crate::audit::judges::CONTROL_RULES;
use crate::audit::probe::Requirement::{Lives, Pong};
use crate::audit::probe::{Probe, close, frames, ping, pong};

const CONTROL: &str = "RFC 6455 §5.5";
const PINGS: &str = "RFC 6455 §5.5.2; RFC 6455 §5.5.3";

/// As many bytes as a control frame can have, none of them UTF-8.
const LONGEST: [u8; 125] = {
    let mut bytes = [0x80; 125];
    bytes[0] = 0;
    bytes[124] = 0xff;
    bytes
};

/// The probes.
pub const PROBES: &[Probe] = &[
    frames("control-ping", "a ping with 7 bytes", &[ping(b"wsprobe")])
        .must(Pong(b"wsprobe"), PINGS),
    frames(
        "control-ping-empty",
        "a ping without a payload",
        &[ping(b"")],
    )
    .must(Pong(b""), PINGS),
    frames(
        "control-ping-125",
        "a ping with 125 bytes, which are not UTF-8",
        &[ping(&LONGEST)],
    )
    .must(Pong(&LONGEST), PINGS),
    frames(
        "control-pings-in-a-row",
        "ten pings in a row, the last with another payload",
        &[ping(b"one of nine").times(9), ping(b"the last")],
    )
    .without_ping()
    .must(Pong(b"the last"), PINGS),
    frames(
        "control-pong",
        "a pong that was not asked for",
        &[pong(b"wsprobe")],
    )
    .must(Lives, "RFC 6455 §5.5.3"),
    frames(
        "control-ping-126",
        "a ping with 126 bytes",
        &[ping(b"").filled(126)],
    )
    .must(CONTROL_RULES, CONTROL),
    frames(
        "control-ping-fragmented",
        "a ping without FIN",
        &[ping(b"wsprobe").not_final()],
    )
    .must(CONTROL_RULES, CONTROL),
    frames(
        "control-pong-fragmented",
        "a pong without FIN",
        &[pong(b"wsprobe").not_final()],
    )
    .must(CONTROL_RULES, CONTROL),
    frames(
        "control-close-fragmented",
        "a close frame without FIN",
        &[close(1000, "").not_final()],
    )
    .must(CONTROL_RULES, CONTROL),
    frames(
        "control-close-126",
        "a close frame with 126 bytes",
        &[close(1000, "").filled(126)],
    )
    .must(CONTROL_RULES, CONTROL),
];
