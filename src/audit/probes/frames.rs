//! Frames: masking, reserved bits, opcodes, lengths (RFC 6455 §5.1 to §5.3).

use crate::audit::judges::{FAILS_1002, LEGAL_FRAMES, TAKEN, WHOLE_OR_FAILED};
use crate::audit::probe::Requirement::Lives;
use crate::audit::probe::{
    Probe, binary, frames, long_binary, long_text, message, ping, reserved, text,
};

const MASKING: &str = "RFC 6455 §5.1";
const FORMAT: &str = "RFC 6455 §5.2";
const KEYS: &str = "RFC 6455 §5.3";

/// The probes.
pub const PROBES: &[Probe] = &[
    frames("frames-received", "a text message and a ping", &[message()]).must(
        LEGAL_FRAMES,
        "RFC 6455 §5.1; RFC 6455 §5.2; RFC 6455 §5.4; RFC 6455 §5.5",
    ),
    frames(
        "frames-unmasked",
        "a text message without a mask",
        &[message().unmasked()],
    )
    .must(FAILS_1002, MASKING),
    frames(
        "frames-unmasked-ping",
        "a ping without a mask",
        &[ping(b"unmasked").unmasked()],
    )
    .must(FAILS_1002, MASKING),
    frames(
        "frames-mask-zero",
        "a text message masked with the key 0",
        &[message().masked_with([0; 4])],
    )
    .should(Lives, KEYS),
    frames(
        "frames-rsv1",
        "a text message with RSV1 set, without an extension",
        &[message().rsv1()],
    )
    .must(FAILS_1002, FORMAT),
    frames(
        "frames-rsv2",
        "a text message with RSV2 set",
        &[message().rsv2()],
    )
    .must(FAILS_1002, FORMAT),
    frames(
        "frames-rsv3",
        "a text message with RSV3 set",
        &[message().rsv3()],
    )
    .must(FAILS_1002, FORMAT),
    frames(
        "frames-rsv2-ping",
        "a ping with RSV2 set",
        &[ping(b"rsv2").rsv2()],
    )
    .must(FAILS_1002, FORMAT),
    frames(
        "frames-opcode-3",
        "a frame with opcode 3, reserved for data",
        &[reserved(3, b"wsprobe")],
    )
    .must(FAILS_1002, FORMAT),
    frames(
        "frames-opcode-7",
        "a frame with opcode 7, reserved for data",
        &[reserved(7, b"wsprobe")],
    )
    .must(FAILS_1002, FORMAT),
    frames(
        "frames-opcode-11",
        "a frame with opcode 11, reserved for control",
        &[reserved(11, b"wsprobe")],
    )
    .must(FAILS_1002, FORMAT),
    frames(
        "frames-opcode-15",
        "a frame with opcode 15, reserved for control",
        &[reserved(15, b"wsprobe")],
    )
    .must(FAILS_1002, FORMAT),
    frames("frames-empty", "an empty text message", &[text(b"")]).must(TAKEN, FORMAT),
    frames(
        "frames-binary",
        "a binary message of 3 bytes",
        &[binary(b"\x00\x01\xff")],
    )
    .must(TAKEN, "RFC 6455 §5.6"),
    frames(
        "frames-length-126",
        "a text message of 126 bytes: its length in 16 bits",
        &[long_text(126)],
    )
    .must(TAKEN, FORMAT),
    frames(
        "frames-length-65535",
        "a binary message of 65,535 bytes: the most in 16 bits",
        &[long_binary(65_535)],
    )
    .must(TAKEN, FORMAT),
    frames(
        "frames-length-65536",
        "a binary message of 65,536 bytes: its length in 64 bits",
        &[long_binary(65_536)],
    )
    .must(TAKEN, FORMAT),
    frames(
        "frames-length-not-minimal",
        "a text message with its length in 16 bits instead of 7",
        &[message().length16()],
    )
    .must(WHOLE_OR_FAILED, FORMAT),
    frames(
        "frames-in-pieces",
        "a text message, each byte in a segment of its own",
        &[message().in_pieces()],
    )
    .must(Lives, FORMAT),
];
