//! Single frames (RFC 6455 §5.1 to §5.3).

use crate::audit::probe::Requirement::{Fails, Lives};
use crate::audit::probe::{Probe, frames, long_binary, message, text};

/// The probes.
pub const PROBES: &[Probe] = &[
    frames("frames-text", "a text message", &[message()]).must(Lives, "RFC 6455 §5.6"),
    frames(
        "frames-unmasked",
        "a text frame without a mask",
        &[message().unmasked()],
    )
    .must(Fails(&[1002]), "RFC 6455 §5.1"),
    frames(
        "frames-rsv1",
        "a text frame with RSV1 set, which nothing has negotiated",
        &[text(b"hi").rsv1()],
    )
    .must(Fails(&[1002]), "RFC 6455 §5.2"),
    frames(
        "frames-length-16",
        "a binary message of 126 bytes",
        &[long_binary(126)],
    )
    .must(Lives, "RFC 6455 §5.2"),
];
