//! Texts that are UTF-8, and texts that are not (RFC 6455 §5.6 and §8.1, RFC 3629 §3 and §4).
//!
//! A server must fail the connection when it interprets a text that is not UTF-8. Some libraries decode a text only when
//! the application reads it, so a server that goes on without a word may never have looked at it: that is a warning. A
//! server that sends the text back, or answers it, has read it.

use crate::audit::judges::{SPLIT_CHARACTER, TAKEN, UTF8_CHECKED};
use crate::audit::probe::{Probe, binary, continuation, frames, text};

const UTF8: &str = "RFC 6455 §5.6; RFC 6455 §8.1";
const FORM: &str = "RFC 6455 §8.1; RFC 3629 §3";

/// The probes.
pub const PROBES: &[Probe] = &[
    frames(
        "utf8-invalid-byte",
        "a text message with the byte ff",
        &[text(b"wsprobe \xff")],
    )
    .must(UTF8_CHECKED, UTF8),
    frames(
        "utf8-lone-continuation",
        "a text message with the continuation byte 80 on its own",
        &[text(b"wsprobe \x80")],
    )
    .must(UTF8_CHECKED, UTF8),
    frames(
        "utf8-overlong",
        "a text message with c0 af, an overlong form of '/'",
        &[text(b"wsprobe \xc0\xaf")],
    )
    .must(UTF8_CHECKED, FORM),
    frames(
        "utf8-surrogate",
        "a text message with ed a0 80, half of a surrogate pair",
        &[text(b"wsprobe \xed\xa0\x80")],
    )
    .must(UTF8_CHECKED, FORM),
    frames(
        "utf8-too-high",
        "a text message with f4 90 80 80, beyond U+10FFFF",
        &[text(b"wsprobe \xf4\x90\x80\x80")],
    )
    .must(UTF8_CHECKED, FORM),
    frames(
        "utf8-truncated",
        "a text message that ends within a character",
        &[text(b"wsprobe \xe2\x82")],
    )
    .must(UTF8_CHECKED, UTF8),
    frames(
        "utf8-fragments",
        "a text message whose second fragment does not continue the character of the first",
        &[text(b"wsprobe \xc3").not_final(), continuation(b"(")],
    )
    .must(UTF8_CHECKED, UTF8),
    frames(
        "utf8-split-character",
        "a text message, then the same one in two fragments that split a character",
        &[
            text(b"wsprobe \xc3\xa4"),
            text(b"wsprobe \xc3").not_final().after_ms(200),
            continuation(b"\xa4"),
        ],
    )
    .must(SPLIT_CHARACTER, "RFC 6455 §5.6"),
    frames(
        "utf8-valid",
        "a text message with U+FFFF, U+10FFFF and a NUL",
        &[text(b"wsprobe \xef\xbf\xbf \xf4\x8f\xbf\xbf \x00")],
    )
    .must(TAKEN, FORM),
    frames(
        "utf8-binary",
        "a binary message whose bytes are not UTF-8",
        &[binary(b"wsprobe \xff\xc3")],
    )
    .must(TAKEN, "RFC 6455 §5.6"),
];
