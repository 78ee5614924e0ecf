//! The closing handshake and its codes (RFC 6455 §5.5.1, §7.1 and §7.4).

use crate::audit::judges::{
    ANSWERS_CLOSE, CLOSE_CODE_INVALID, CLOSE_CODE_VALID, ENDS_TCP, NOTHING_AFTER, REASON_IS_UTF8,
};
use crate::audit::probe::{Probe, close, close_bytes, frames, message_head, text};

const CLOSING: &str = "RFC 6455 §5.5.1";
const CODES: &str = "RFC 6455 §7.4.1; RFC 6455 §7.4.2";

/// A reason as long as a close frame can have.
const LONGEST_REASON: &str = "wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe wsprobe 123";

const fn closing(
    id: &'static str,
    sent: &'static str,
    frame: &'static [crate::audit::probe::Frame],
) -> Probe {
    frames(id, sent, frame).without_ping()
}

/// The probes.
pub const PROBES: &[Probe] = &[
    closing("close-1000", "a close frame with 1000", &[close(1000, "")])
        .must(ANSWERS_CLOSE, CLOSING),
    closing(
        "close-empty",
        "a close frame without a payload",
        &[close_bytes(b"")],
    )
    .must(ANSWERS_CLOSE, CLOSING),
    closing(
        "close-reason-123",
        "a close frame with 1000 and a reason of 123 bytes, the longest",
        &[close(1000, LONGEST_REASON)],
    )
    .must(ANSWERS_CLOSE, CLOSING),
    closing(
        "close-in-fragments",
        "a close frame after the first fragment of a text message",
        &[message_head(), close(1000, "")],
    )
    .must(ANSWERS_CLOSE, "RFC 6455 §5.4; RFC 6455 §5.5.1"),
    closing(
        "close-ends-tcp",
        "a close frame with 1000",
        &[close(1000, "")],
    )
    .must(ENDS_TCP, "RFC 6455 §5.5.1; RFC 6455 §7.1.1"),
    closing(
        "close-nothing-after",
        "a close frame, and a text message after it",
        &[close(1000, ""), text(b"after the close")],
    )
    .must(NOTHING_AFTER, CLOSING),
    closing(
        "close-code-1001",
        "a close frame with 1001",
        &[close(1001, "")],
    )
    .must(CLOSE_CODE_VALID, CODES),
    closing(
        "close-code-1011",
        "a close frame with 1011",
        &[close(1011, "")],
    )
    .must(CLOSE_CODE_VALID, CODES),
    closing(
        "close-code-3000",
        "a close frame with 3000, registered by a library",
        &[close(3000, "")],
    )
    .must(CLOSE_CODE_VALID, CODES),
    closing(
        "close-code-4999",
        "a close frame with 4999, private",
        &[close(4999, "")],
    )
    .must(CLOSE_CODE_VALID, CODES),
    closing(
        "close-code-0",
        "a close frame with 0, which is not used",
        &[close(0, "")],
    )
    .must(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-999",
        "a close frame with 999, which is not used",
        &[close(999, "")],
    )
    .must(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-1004",
        "a close frame with 1004, which is reserved",
        &[close(1004, "")],
    )
    .should(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-1005",
        "a close frame with 1005, which must not be sent",
        &[close(1005, "")],
    )
    .must(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-1006",
        "a close frame with 1006, which must not be sent",
        &[close(1006, "")],
    )
    .must(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-1015",
        "a close frame with 1015, which must not be sent",
        &[close(1015, "")],
    )
    .must(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-1016",
        "a close frame with 1016, which is reserved",
        &[close(1016, "")],
    )
    .should(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-2999",
        "a close frame with 2999, which is reserved",
        &[close(2999, "")],
    )
    .should(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-5000",
        "a close frame with 5000, beyond the private range",
        &[close(5000, "")],
    )
    .should(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-code-65535",
        "a close frame with 65535, beyond the private range",
        &[close(65_535, "")],
    )
    .should(CLOSE_CODE_INVALID, CODES),
    closing(
        "close-one-byte",
        "a close frame with a payload of one byte",
        &[close_bytes(b"\x03")],
    )
    .must(CLOSE_CODE_INVALID, CLOSING),
    closing(
        "close-reason-utf8",
        "a close frame with 1000 and a reason that is not UTF-8",
        &[close_bytes(b"\x03\xe8wsprobe \xff")],
    )
    .should(REASON_IS_UTF8, "RFC 6455 §5.5.1; RFC 6455 §8.1"),
];
