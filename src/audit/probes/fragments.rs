//! Messages in several frames (RFC 6455 §5.4).
//!
//! Whether a receiver has to fail the connection when fragments come in an impossible order, the RFC does not say: the
//! rules bind the sender. A server that goes on gets a warning.

use crate::audit::judges::{FAILS_1002, INNER_PONG};
use crate::audit::probe::Requirement::Lives;
use crate::audit::probe::{
    Probe, continuation, frames, message, message_head, message_tail, ping, pong, text,
};

const FRAGMENTS: &str = "RFC 6455 §5.4";

/// The probes.
pub const PROBES: &[Probe] = &[
    frames(
        "fragments-two",
        "a text message in two fragments",
        &[message_head(), message_tail()],
    )
    .must(Lives, FRAGMENTS),
    frames(
        "fragments-many",
        "a text message in five fragments, three of them empty",
        &[
            message_head(),
            continuation(b"").not_final(),
            continuation(b"").not_final(),
            continuation(b"").not_final(),
            message_tail(),
        ],
    )
    .must(Lives, FRAGMENTS),
    frames(
        "fragments-empty-last",
        "a text message whose last fragment is empty",
        &[message().not_final(), continuation(b"")],
    )
    .must(Lives, FRAGMENTS),
    frames(
        "fragments-ping-between",
        "a ping between two fragments of a text message",
        &[
            message_head(),
            ping(b"between"),
            message_tail().after_ms(200),
        ],
    )
    .must(Lives, FRAGMENTS),
    frames(
        "fragments-pong-between",
        "a pong between two fragments of a text message",
        &[message_head(), pong(b"between"), message_tail()],
    )
    .must(Lives, "RFC 6455 §5.4; RFC 6455 §5.5.3"),
    frames(
        "fragments-pong-before-end",
        "a ping after the first fragment of a message that does not go on",
        &[message_head(), ping(b"inside")],
    )
    .without_ping()
    .should(INNER_PONG, "RFC 6455 §5.4; RFC 6455 §5.5.2"),
    frames(
        "fragments-stray",
        "a last fragment without a first one",
        &[continuation(b"stray")],
    )
    .should(FAILS_1002, FRAGMENTS),
    frames(
        "fragments-stray-open",
        "a middle fragment without a first one",
        &[continuation(b"stray").not_final()],
    )
    .should(FAILS_1002, FRAGMENTS),
    frames(
        "fragments-new-message",
        "a new text message within an unfinished one",
        &[message_head(), text(b"another")],
    )
    .should(FAILS_1002, FRAGMENTS),
];
