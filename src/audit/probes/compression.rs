//! permessage-deflate: offers that must be declined, offers that may be accepted, and what is compressed then
//! (RFC 7692).

use crate::audit::judges::{FAILS_1002, LEGAL_FRAMES, UTF8_CHECKED};
use crate::audit::offers::{
    CONTEXT_TAKEOVER, DECLINED, SECOND, SERVER_BITS, SERVER_CONTEXT, SERVER_TAKEOVER, SOUND,
};
use crate::audit::probe::Requirement::{Fails, Lives};
use crate::audit::probe::{
    Change, Probe, deflated, deflated_head, deflated_tail, frames, message, ping, request, text,
};
use crate::connection::wire::raw::DeflateForm;

const DECLINES: &str = "RFC 7692 §7";
const BITS: &str = "RFC 7692 §7; RFC 7692 §7.1.2.1";
const DATA: &str = "RFC 7692 §6.2; RFC 7692 §7.2.2";
const BIT: &str = "RFC 7692 §6.1";

macro_rules! offer {
    ($offer:literal) => {
        &[Change::With(
            "Sec-WebSocket-Extensions",
            concat!("permessage-deflate", $offer),
        )]
    };
}

/// A probe that offers permessage-deflate with these parameters.
macro_rules! offering {
    ($id:literal, $offer:literal) => {
        request(
            $id,
            concat!("the offer 'permessage-deflate", $offer, "'"),
            offer!($offer),
        )
    };
}

/// A text that repeats itself, compressed.
const FIRST: &[u8] = b"\x2a\x2f\x2e\x28\xca\x4f\x4a\x55\x28\xc7\x4e\x03\x00";

/// The same text again: a reference to the first.
const SECOND_TEXT: &[u8] = b"\xc2\x21\x0c\xa3\x01\x00";

/// The probes.
pub const PROBES: &[Probe] = &[
    offering!("compression-unknown-parameter", "; wsprobe_unknown").must(DECLINED, DECLINES),
    offering!("compression-parameter-twice", "; server_no_context_takeover; server_no_context_takeover")
        .must(DECLINED, DECLINES),
    offering!("compression-server-takeover-value", "; server_no_context_takeover=1").must(DECLINED, DECLINES),
    offering!("compression-client-takeover-value", "; client_no_context_takeover=1").must(DECLINED, DECLINES),
    offering!("compression-server-bits-missing", "; server_max_window_bits").must(DECLINED, BITS),
    offering!("compression-server-bits-7", "; server_max_window_bits=7").must(DECLINED, BITS),
    offering!("compression-server-bits-16", "; server_max_window_bits=16").must(DECLINED, BITS),
    offering!("compression-client-bits-7", "; client_max_window_bits=7").must(DECLINED, BITS),
    offering!("compression-client-bits-16", "; client_max_window_bits=16").must(DECLINED, BITS),
    offering!("compression-second-offer", "; wsprobe_unknown, permessage-deflate")
        .must(SECOND, "RFC 7692 §5; RFC 7692 §7"),
    offering!("compression-server-bits", "; server_max_window_bits=10").must(SERVER_BITS, "RFC 7692 §7.1.2.1"),
    offering!("compression-server-bits-8", "; server_max_window_bits=8").must(SERVER_BITS, "RFC 7692 §7.1.2.1"),
    offering!("compression-server-bits-quoted", "; server_max_window_bits=\"10\"")
        .must(SERVER_BITS, "RFC 7692 §5.2; RFC 7692 §7.1.2.1"),
    offering!("compression-client-bits", "; client_max_window_bits=10").must(SOUND, "RFC 7692 §7.1.2.2"),
    offering!("compression-server-takeover", "; server_no_context_takeover")
        .must(SERVER_TAKEOVER, "RFC 7692 §7.1.1.1"),
    offering!("compression-client-takeover", "; client_no_context_takeover").must(SOUND, "RFC 7692 §7.1.1.2"),
    frames("compression-received", "a text message, which may be answered", &[message()])
        .offering(offer!(""))
        .must(LEGAL_FRAMES, "RFC 7692 §6; RFC 7692 §7.2.2"),
    frames("compression-text", "a compressed text message", &[deflated(DeflateForm::Alone)])
        .offering(offer!(""))
        .must(Lives, DATA),
    frames("compression-stored-block", "a text message in a stored block", &[deflated(DeflateForm::Stored)])
        .offering(offer!(""))
        .must(Lives, "RFC 7692 §7.2.3.3"),
    frames("compression-final-block", "a text message whose block has BFINAL set", &[deflated(DeflateForm::Final)])
        .offering(offer!(""))
        .must(Lives, "RFC 7692 §7.2.3.4"),
    frames("compression-fragmented", "a compressed text message in two fragments", &[deflated_head(), deflated_tail()])
        .offering(offer!(""))
        .must(Lives, "RFC 7692 §6.1; RFC 7692 §6.2"),
    frames("compression-uncompressed", "a text message that is not compressed", &[message()])
        .offering(offer!(""))
        .must(Lives, "RFC 7692 §6; RFC 7692 §6.2"),
    frames(
        "compression-context-takeover",
        "two compressed text messages, the second of which refers to the first",
        &[text(FIRST).rsv1(), text(SECOND_TEXT).rsv1()],
    )
    .offering(offer!(""))
    .must(CONTEXT_TAKEOVER, "RFC 7692 §7.1.1.2; RFC 7692 §7.2.3.2"),
    frames(
        "compression-server-context",
        "the same text message twice, after the offer 'permessage-deflate; server_no_context_takeover'",
        &[
            text(b"wsprobe asks for the same answer twice"),
            text(b"wsprobe asks for the same answer twice"),
        ],
    )
    .offering(offer!("; server_no_context_takeover"))
    .must(SERVER_CONTEXT, "RFC 7692 §7.1.1.1"),
    frames("compression-rsv1-ping", "a ping with RSV1 set", &[ping(b"rsv1").rsv1()])
        .offering(offer!(""))
        .must(FAILS_1002, BIT),
    frames(
        "compression-rsv1-continuation",
        "a compressed text message with RSV1 set on its second fragment too",
        &[deflated_head(), deflated_tail().rsv1()],
    )
    .offering(offer!(""))
    .must(FAILS_1002, BIT),
    frames("compression-rsv2", "a text message with RSV2 set, with permessage-deflate", &[message().rsv2()])
        .offering(offer!(""))
        .must(FAILS_1002, "RFC 6455 §5.2"),
    frames(
        "compression-invalid",
        "a compressed text message that is no DEFLATE data",
        &[text(b"\xff\xff\xff\xff").rsv1()],
    )
    .offering(offer!(""))
    .should(Fails(&[1002, 1007]), "RFC 7692 §7.2.2"),
    frames(
        "compression-utf8",
        "a compressed text message with the byte ff",
        &[text(b"\x00\x09\x00\xf6\xffwsprobe \xff\x00").rsv1()],
    )
    .offering(offer!(""))
    .must(UTF8_CHECKED, "RFC 6455 §8.1; RFC 7692 §6.2"),
];
