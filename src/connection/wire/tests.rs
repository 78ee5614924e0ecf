//! Tests of the codec against the RFCs, in both roles and with every split of the input, and against
//! itself.

use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use proptest::prelude::*;
use proptest::sample::Index;

use super::header::{FIN, FrameHeader, apply_mask};
use super::negotiation::NegotiatedDeflate;
use super::violation::{SHOWN, Violation, ViolationKind};
use super::{Received, Role, Unfinished, Wire, WireSettings};
use crate::connection::frame::{ClosePayload, Opcode};
use crate::connection::message::{Batch, Direction, Fragment, Outgoing, Payload, Text};

const AGREED: NegotiatedDeflate = NegotiatedDeflate {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: None,
    client_max_window_bits: None,
};

const PLAIN: WireSettings = WireSettings {
    compression: None,
    max_message: 1000,
    trace: false,
    answers_pings: true,
};
const DEFLATE: WireSettings = WireSettings {
    compression: Some(AGREED),
    ..PLAIN
};
const TRACE: WireSettings = WireSettings {
    trace: true,
    ..PLAIN
};
const LARGE: WireSettings = WireSettings {
    max_message: 1 << 20,
    ..PLAIN
};

fn wire(role: Role, settings: &WireSettings) -> Wire {
    Wire::new(role, settings).expect("randomness")
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// A frame as it is on the wire.
fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        first,
        mask,
        payload: payload.len() as u64,
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    let at = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut bytes[at..], mask, 0);
    }
    bytes
}

/// A server's frames as a client would send them; the last one may be incomplete.
fn as_client(mut bytes: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [9, 8, 7, 6];
    let mut masked = Vec::new();
    while let Some((header, len)) = FrameHeader::parse(bytes) {
        let rest = bytes.len() - len;
        let payload = usize::try_from(header.payload).map_or(rest, |payload| payload.min(rest));
        masked.extend_from_slice(&bytes[..len]);
        let second = masked.len() - len + 1;
        masked[second] |= 0x80;
        masked.extend(KEY);
        let begin = masked.len();
        masked.extend_from_slice(&bytes[len..len + payload]);
        apply_mask(&mut masked[begin..], KEY, 0);
        bytes = &bytes[len + payload..];
    }
    let begin = masked.len();
    masked.extend_from_slice(bytes);
    if let Some(second) = masked.get_mut(begin + 1) {
        *second |= 0x80;
    }
    masked
}

/// Everything decoded from `pieces`, and how it ends.
fn received<'a>(
    wire: &mut Wire,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Received>, Option<Violation>) {
    let mut input = BytesMut::new();
    let mut all = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match wire.receive(&mut input) {
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(violation) => return (all, Some(*violation)),
            }
        }
    }
    (all, None)
}

/// The decoded events as text.
fn told((all, violation): &(Vec<Received>, Option<Violation>)) -> Vec<String> {
    let words = |received: &Received| match received {
        Received::Message(Payload::Text(text)) => format!("text {}", shown(text.as_bytes())),
        Received::Message(payload) => format!("binary {}", shown(payload.bytes())),
        Received::Ping(bytes) => format!("ping {}", shown(bytes)),
        Received::Pong(bytes) => format!("pong {}", shown(bytes)),
        Received::Close(ClosePayload { code: None, .. }) => "close".to_owned(),
        Received::Close(ClosePayload {
            code: Some(code),
            reason,
        }) => format!("close {code} {reason}"),
        Received::Frame(frame) => format!("frame {}", frame.opcode),
    };
    let end = violation
        .iter()
        .map(|violation| format!("{} {violation}", violation.close_code()));
    all.iter().map(words).chain(end).collect()
}

fn shown(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=100 => bytes.escape_ascii().to_string(),
        len => format!("of {len}"),
    }
}

/// Lengths of a frame of so many bytes, before its payload.
const L125: &[u8] = b"\x82\x7d";
const L126: &[u8] = b"\x82\x7e\0\x7e";
const L1000: &[u8] = b"\x82\x7e\x03\xe8";

/// A section of RFC 6455 (unless another RFC is named), the bytes of a server, and what a client decodes:
/// messages, and maybe a close code with the reason. A server must decode the same from a client.
type Case = (
    &'static str,
    &'static WireSettings,
    &'static [&'static [u8]],
    &'static [&'static str],
);

#[rustfmt::skip]
const ROWS: &[Case] = &[
    // Valid input.
    ("5.6", &PLAIN, &[b"\x81\x02hi"], &["text hi"]),
    ("5.6", &PLAIN, &[b"\x82\x02\0\xff"], &[r"binary \x00\xff"]),
    ("5.6", &PLAIN, &[b"\x81\x00\x82\x00"], &["text ", "binary "]),
    ("5.6", &PLAIN, &[b"\x81\x06\xce\xba\xe1\xbd\xb9x"], &[r"text \xce\xba\xe1\xbd\xb9x"]),
    ("5.2", &PLAIN, &[L125, &[b'x'; 125]], &["binary of 125"]),
    ("5.2", &PLAIN, &[L126, &[b'x'; 126]], &["binary of 126"]),
    ("5.2", &PLAIN, &[L1000, &[b'x'; 1000]], &["binary of 1000"]),
    ("5.2", &LARGE, &[b"\x82\x7e\xff\xff", &[0; 65_535]], &["binary of 65535"]),
    ("5.2", &LARGE, &[b"\x82\x7f\0\0\0\0\0\x01\0\0", &[0; 65_536]], &["binary of 65536"]),
    ("5.4", &PLAIN, &[b"\x01\x01a\x00\x01b\x80\x01c"], &["text abc"]),
    ("5.4", &PLAIN, &[b"\x02\x00\x00\x00\x80\x00"], &["binary "]),
    ("5.4", &PLAIN, &[b"\x01\x01\xce\x80\x01\xba"], &[r"text \xce\xba"]),
    ("5.4", &PLAIN, &[b"\x01\x01a\x89\x01p\x80\x01b\x81\x01c"], &["ping p", "text ab", "text c"]),
    ("5.5.2", &PLAIN, &[b"\x89\x00\x89\x02hi"], &["ping ", "ping hi"]),
    ("5.5.2", &PLAIN, &[b"\x89\x7d", &[b'x'; 125]], &["ping of 125"]),
    ("5.5.3", &PLAIN, &[b"\x8a\x00\x8a\x02hi"], &["pong ", "pong hi"]),
    ("5.5.1", &PLAIN, &[b"\x88\x00"], &["close"]),
    ("5.5.1", &PLAIN, &[b"\x88\x02\x03\xe8"], &["close 1000 "]),
    ("5.5.1", &PLAIN, &[b"\x88\x05\x0f\xa0bye"], &["close 4000 bye"]),
    ("5.5.1", &PLAIN, &[b"\x01\x01a\x88\x00"], &["close"]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x03\xf6"], &["close 1014 "]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x0b\xb8"], &["close 3000 "]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x13\x87"], &["close 4999 "]),
    ("RFC 7692 7.2.3.2", &DEFLATE, &[b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"], &["text Hello", "text Hello"]),
    ("RFC 7692 7.2.3.1", &DEFLATE, &[b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"], &["text Hello"]),
    ("RFC 7692 7.2.3.1", &DEFLATE, &[b"\x41\x03\xf2\x48\xcd\x8a\x00\x00\x00\x80\x04\xc9\xc9\x07\x00"], &["pong ", "text Hello"]),
    ("RFC 7692 7.2.3.3", &DEFLATE, &[b"\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"], &["text Hello"]),
    ("RFC 7692 7.2.3.4", &DEFLATE, &[b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"], &["text Hello", "text Hello"]),
    ("RFC 7692 7.2.3.5", &DEFLATE, &[b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"], &["text Hello"]),
    ("RFC 7692 7.2.3.6", &DEFLATE, &[b"\xc1\x01\x00\xc2\x01\x00"], &["text ", "binary "]),
    ("RFC 7692 6", &DEFLATE, &[b"\x81\x02hi\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"], &["text hi", "text Hello"]),
    // Reserved bits and opcodes.
    ("5.2", &PLAIN, &[b"\x83"], &["1002 sent a frame with reserved opcode 0x3 (RFC 6455 §5.2)"]),
    ("5.2", &PLAIN, &[b"\x87"], &["1002 sent a frame with reserved opcode 0x7 (RFC 6455 §5.2)"]),
    ("5.2", &PLAIN, &[b"\x8b"], &["1002 sent a frame with reserved opcode 0xb (RFC 6455 §5.2)"]),
    ("5.2", &PLAIN, &[b"\x8f"], &["1002 sent a frame with reserved opcode 0xf (RFC 6455 §5.2)"]),
    ("5.2", &DEFLATE, &[b"\xc3"], &["1002 sent a frame with reserved opcode 0x3 (RFC 6455 §5.2)"]),
    ("5.2", &PLAIN, &[b"\xc1"], &["1002 sent a frame with RSV1 set, which was not negotiated (RFC 6455 §5.2)"]),
    ("5.2", &PLAIN, &[b"HTTP/1.1 502 Bad Gateway"], &["1002 sent a frame with RSV1 set, which was not negotiated (RFC 6455 §5.2)"]),
    ("5.2", &DEFLATE, &[b"\xa1"], &["1002 sent a frame with RSV2 set (RFC 6455 §5.2)"]),
    ("5.2", &DEFLATE, &[b"\x91"], &["1002 sent a frame with RSV3 set (RFC 6455 §5.2)"]),
    ("RFC 7692 6", &DEFLATE, &[b"\xc9"], &["1002 sent a ping frame with RSV1 set (RFC 7692 §6)"]),
    ("RFC 7692 6", &DEFLATE, &[b"\x01\x01x\xc0"], &["1002 sent a continuation frame with RSV1 set (RFC 7692 §6)"]),
    // Control frames.
    ("5.5", &PLAIN, &[b"\x09"], &["1002 sent a fragmented ping frame (RFC 6455 §5.5)"]),
    ("5.5", &PLAIN, &[b"\x08"], &["1002 sent a fragmented close frame (RFC 6455 §5.5)"]),
    ("5.5", &PLAIN, &[b"\x8a\x7e"], &["1002 sent a pong frame with an extended length; a control frame has at most 125 bytes (RFC 6455 §5.5)"]),
    ("5.5", &PLAIN, &[b"\x88\x7f"], &["1002 sent a close frame with an extended length; a control frame has at most 125 bytes (RFC 6455 §5.5)"]),
    // Fragments.
    ("5.4", &PLAIN, &[b"\x80"], &["1002 sent a continuation frame with no message to continue (RFC 6455 §5.4)"]),
    ("5.4", &PLAIN, &[b"\x81\x02hi\x80"], &["text hi", "1002 sent a continuation frame with no message to continue (RFC 6455 §5.4)"]),
    ("5.4", &PLAIN, &[b"\x01\x01x\x81"], &["1002 started a new message before the previous one was finished (RFC 6455 §5.4)"]),
    // Lengths.
    ("5.2", &PLAIN, &[b"\x82\x7e\x00\x7d"], &["1002 encoded the length 125 in more bytes than needed (RFC 6455 §5.2)"]),
    ("5.2", &PLAIN, &[b"\x82\x7f\0\0\0\0\0\0\xff\xff"], &["1002 encoded the length 65,535 in more bytes than needed (RFC 6455 §5.2)"]),
    ("5.2", &PLAIN, &[b"\x82\x7f\x80\0\0\0\0\0\0\0"], &["1002 declared a frame of 9,223,372,036,854,775,808 bytes, more than 2^63-1 (RFC 6455 §5.2)"]),
    ("10.4", &PLAIN, &[b"\x82\x7e\x03\xe9"], &["1009 message of at least 1,001 bytes exceeds --max-size 1,000"]),
    ("10.4", &PLAIN, &[b"\x02\x02ab\x00\x7e\x03\xe7"], &["1009 message of at least 1,001 bytes exceeds --max-size 1,000"]),
    ("10.4", &PLAIN, &[b"\x82\x7f\x40\0\0\0\0\0\0\0"], &["1009 message of at least 4,611,686,018,427,387,904 bytes exceeds --max-size 1,000"]),
    ("10.4", &DEFLATE, &[b"\xc2\x7f\0\0\0\0\0\x01\x07\xd1"], &["1009 message of at least 67,537 bytes exceeds --max-size 1,000"]),
    // Closing.
    ("5.5.1", &PLAIN, &[b"\x88\x01\x03"], &["1002 sent a close frame with a payload of one byte (RFC 6455 §5.5.1)"]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x00\x00"], &["1002 closed with code 0, which must not be sent (RFC 6455 §7.4.2)"]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x03\xe7"], &["1002 closed with code 999, which must not be sent (RFC 6455 §7.4.2)"]),
    ("7.4.1", &PLAIN, &[b"\x88\x02\x03\xec"], &["1002 closed with code 1004, which must not be sent (RFC 6455 §7.4.1)"]),
    ("7.4.1", &PLAIN, &[b"\x88\x02\x03\xed"], &["1002 closed with code 1005, which must not be sent (RFC 6455 §7.4.1)"]),
    ("7.4.1", &PLAIN, &[b"\x88\x05\x03\xeebye"], &["1002 closed with code 1006, which must not be sent (RFC 6455 §7.4.1)"]),
    ("7.4.1", &PLAIN, &[b"\x88\x02\x03\xf7"], &["1002 closed with code 1015, which must not be sent (RFC 6455 §7.4.1)"]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x03\xf8"], &["1002 closed with code 1016, which must not be sent (RFC 6455 §7.4.2)"]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x0b\xb7"], &["1002 closed with code 2999, which must not be sent (RFC 6455 §7.4.2)"]),
    ("7.4.2", &PLAIN, &[b"\x88\x02\x13\x88"], &["1002 closed with code 5000, which must not be sent (RFC 6455 §7.4.2)"]),
    ("5.5.1", &PLAIN, &[b"\x88\x03\x03\xe8\xff"], &["1007 closed with code 1000 and a reason that is not valid UTF-8 (RFC 6455 §5.5.1)"]),
    ("5.5.1", &PLAIN, &[b"\x88\x02\x03\xe8\x81\x02hi"], &["close 1000 ", "1002 sent a text frame after its close frame (RFC 6455 §5.5.1)"]),
    // Text.
    ("8.1", &PLAIN, &[b"\x81\x01\xff"], &["1007 sent a text message that is not valid UTF-8 (RFC 6455 §8.1)"]),
    ("8.1", &PLAIN, &[b"\x81\x02a\xce"], &["1007 sent a text message that is not valid UTF-8 (RFC 6455 §8.1)"]),
    ("8.1", &PLAIN, &[b"\x81\x7e\x01\x00\xce\xba\xe1\xbd\xff"], &["1007 sent a text message that is not valid UTF-8 (RFC 6455 §8.1)"]),
    ("8.1", &PLAIN, &[b"\x01\x01\xf4\x89\x00\x80\x7e\x01\x00\x90"], &["ping ", "1007 sent a text message that is not valid UTF-8 (RFC 6455 §8.1)"]),
    ("8.1", &DEFLATE, &[b"\xc1\x07\x00\x01\x00\xfe\xff\xff\x00"], &["1007 sent a text message that is not valid UTF-8 (RFC 6455 §8.1)"]),
    // Compression.
    ("RFC 7692 7.2.2", &DEFLATE, &[b"\xc1\x00"], &["1007 sent a compressed message that cannot be decompressed (RFC 7692 §7.2.2)"]),
    ("RFC 7692 7.2.2", &DEFLATE, &[b"\xc1\x01\x07"], &["1007 sent a compressed message that cannot be decompressed (RFC 7692 §7.2.2)"]),
    ("RFC 7692 7.2.2", &DEFLATE, &[b"\xc1\x03\xf2\x48\xcd"], &["1007 sent a compressed message that cannot be decompressed (RFC 7692 §7.2.2)"]),
];

#[test]
fn each_row_of_the_rules_holds_in_both_roles_and_in_every_cut() {
    for (section, settings, bytes, expected) in ROWS {
        let bytes = bytes.concat();
        for (role, bytes) in [
            (Role::Client, bytes.clone()),
            (Role::Server, as_client(&bytes)),
        ] {
            let about = format!("{section}, {role:?}: {}", shown(&bytes));
            for at in (0..=bytes.len()).filter(|at| at % (1 + bytes.len() / 500) == 0) {
                let (one, two) = bytes.split_at(at);
                let got = told(&received(&mut wire(role, settings), [one, two]));
                assert_eq!(got, *expected, "{about}, cut at {at}");
            }
            let one_by_one = received(&mut wire(role, settings), bytes.chunks(1));
            assert_eq!(told(&one_by_one), *expected, "{about}, byte by byte");
        }
    }
}

#[test]
fn a_mask_is_for_clients_and_for_all_of_them() {
    for (role, bytes, expected) in [
        (
            Role::Client,
            &b"\x81\x80"[..],
            "sent a masked frame (RFC 6455 §5.1)",
        ),
        (
            Role::Server,
            b"\x81\x00",
            "sent an unmasked frame (RFC 6455 §5.1)",
        ),
    ] {
        let (none, violation) = received(&mut wire(role, &PLAIN), [bytes]);
        assert_eq!(
            (none, violation.unwrap().to_string()),
            (vec![], expected.to_owned())
        );
    }
}

#[test]
fn an_illegal_close_keeps_its_code_and_its_reason() {
    for (role, bytes) in [
        (Role::Client, frame(0x88, None, b"\x03\xeebye")),
        (
            Role::Server,
            frame(0x88, Some([1, 2, 3, 4]), b"\x03\xeebye"),
        ),
    ] {
        for piece in 1..=bytes.len() {
            let (_, violation) = received(&mut wire(role, &PLAIN), bytes.chunks(piece));
            let seen = violation
                .as_ref()
                .and_then(Violation::close)
                .expect("a close");
            assert_eq!((seen.code, &*seen.reason), (Some(1006), "bye"));
        }
    }
}

#[test]
fn garbage_after_the_handshake_is_shown() {
    let bytes = b"HTTP/1.1 502 Bad Gateway\r\n";
    for at in 1..=SHOWN {
        let (_, violation) = received(&mut wire(Role::Client, &PLAIN), [&bytes[..at]]);
        assert_eq!(violation.expect("not a valid frame").head(), &bytes[..at]);
    }
}

#[test]
fn what_is_unfinished_is_known() {
    for (bytes, expected) in [
        (&b""[..], None),
        (b"\x81\x02hi", None),
        (b"\x81", Some(Unfinished::Frame)),
        (b"\x89\x02h", Some(Unfinished::Frame)),
        (b"\x81\x05hel", Some(Unfinished::Message(3))),
        (b"\x01\x05hello", Some(Unfinished::Message(5))),
        (b"\x01\x05hello\x89\x02h", Some(Unfinished::Message(5))),
        (b"\x01\x05hello\x00\x06 worl", Some(Unfinished::Message(10))),
    ] {
        let mut wire = wire(Role::Client, &PLAIN);
        let mut input = BytesMut::from(bytes);
        while let Ok(Some(_)) = wire.receive(&mut input) {}
        assert_eq!(
            wire.unfinished(&input),
            expected,
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn a_frame_is_reported_right_before_its_content() {
    let mut out = Vec::new();
    let bytes = b"\x01\x02hi\x89\x00\x80\x01!\x81\x02ho\x88\x02\x0f\xa0";
    for piece in 1..=bytes.len() {
        let mut client = wire(Role::Client, &TRACE);
        client.encode(
            &mut out,
            &Outgoing::Message(Payload::Binary(vec![b'x'; 200].into())),
        );
        let (all, violation) = received(&mut client, bytes.chunks(piece));
        let told: Vec<String> = all
            .iter()
            .map(|received| match received {
                Received::Frame(frame) => format!(
                    "{} {} fin={} masked={} {}/{} {} {:?}",
                    frame.direction.as_str(),
                    frame.opcode,
                    frame.fin,
                    frame.masked,
                    frame.wire_bytes,
                    frame.payload_bytes,
                    frame.head().escape_ascii(),
                    frame.close.as_ref().and_then(|close| close.code),
                ),
                other => told(&(vec![other.clone()], None)).concat(),
            })
            .collect();
        let expected = [
            "out binary fin=true masked=true 208/200 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx None",
            "in text fin=false masked=false 4/2 hi None",
            "in ping fin=true masked=false 2/0  None",
            "ping ",
            "in continuation fin=true masked=false 3/1 ! None",
            "text hi!",
            "in text fin=true masked=false 4/2 ho None",
            "text ho",
            r"in close fin=true masked=false 4/2 \x0f\xa0 Some(4000)",
            "close 4000 ",
        ];
        assert_eq!(told, expected, "in pieces of {piece}");
        assert_eq!(violation, None);
    }
}

#[test]
fn an_illegal_frame_is_reported_before_the_violation() {
    let (all, violation) = received(&mut wire(Role::Client, &TRACE), [&b"\x81\x05a\xff"[..]]);
    assert_eq!(told(&(all, None)), ["frame text"]);
    assert_eq!(
        violation.map(|violation| violation.kind()),
        Some(ViolationKind::TextNotUtf8)
    );
}

#[test]
fn an_unread_trace_stays_bounded() {
    let mut wire = wire(Role::Client, &TRACE);
    let mut out = Vec::new();
    for _ in 0..20_000 {
        wire.encode(&mut out, &Outgoing::Ping(Bytes::new()));
    }
    assert!(std::iter::from_fn(|| wire.traced()).count() < 10_000);
}

/// Something to send, and what must arrive.
#[derive(Debug, Clone)]
enum SendCase {
    Whole(Payload),
    /// A message in parts of these sizes, perhaps with a ping after each.
    Parts(Payload, Vec<usize>, bool),
    Lines(Vec<String>),
    Ping(Vec<u8>),
}

impl SendCase {
    fn outgoing(&self) -> Vec<Outgoing> {
        match self {
            Self::Whole(payload) => vec![Outgoing::Message(payload.clone())],
            Self::Parts(payload, sizes, pings) => {
                let mut rest = payload.bytes().clone();
                let mut all = Vec::new();
                let part = |bytes, is_first, is_last| {
                    let is_text = payload.as_text().is_some();
                    Outgoing::Fragment(Fragment {
                        is_text,
                        is_first,
                        is_last,
                        bytes,
                    })
                };
                for (index, &size) in sizes.iter().enumerate() {
                    let piece = rest.split_to(size.min(rest.len()));
                    all.push(part(piece, index == 0, false));
                    if *pings {
                        all.push(Outgoing::Ping(Bytes::from_static(b"between")));
                    }
                }
                all.push(part(rest, sizes.is_empty(), true));
                all
            }
            Self::Lines(lines) => {
                let bytes: String = lines.iter().map(|line| format!("{line}\n")).collect();
                vec![Outgoing::Batch(Batch::new(bytes.into(), b'\n', true))]
            }
            Self::Ping(bytes) => vec![Outgoing::Ping(bytes.clone().into())],
        }
    }

    fn expected(&self) -> Vec<Received> {
        match self {
            Self::Whole(payload) => vec![Received::Message(payload.clone())],
            Self::Parts(payload, sizes, pings) => {
                let ping = Received::Ping(Bytes::from_static(b"between"));
                let pings = if *pings { sizes.len() } else { 0 };
                let mut all = vec![ping; pings];
                all.push(Received::Message(payload.clone()));
                all
            }
            Self::Lines(lines) => lines
                .iter()
                .map(|line| Received::Message(Payload::Text(Text::from(line.as_str()))))
                .collect(),
            Self::Ping(bytes) => vec![Received::Ping(bytes.clone().into())],
        }
    }
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..2000);
    let words = (prop::collection::vec("[a-z]{1,8}", 1..20), 0usize..40_000);
    prop_oneof![
        3 => noise.clone(),
        4 => words.prop_map(|(words, len)| words.concat().bytes().cycle().take(len).collect()),
        1 => (noise, 0usize..300_000).prop_map(|(noise, len)| {
            // Repeats at long distances, so that a window too large for the agreed one shows.
            noise.iter().chain(&[0]).copied().cycle().zip(0u32..).take(len)
                .map(|(byte, at)| byte ^ (at / 40_000) as u8).collect()
        }),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    (content(), any::<bool>()).prop_map(|(content, is_text)| {
        if is_text {
            let text: String = content.iter().map(|byte| char::from(byte & 0x7f)).collect();
            Payload::Text(text.into())
        } else {
            Payload::Binary(content.into())
        }
    })
}

fn sent() -> impl Strategy<Value = SendCase> {
    let sizes = prop::collection::vec(0usize..50_000, 0..5);
    prop_oneof![
        3 => payload().prop_map(SendCase::Whole),
        2 => (payload(), sizes, any::<bool>()).prop_map(|(payload, sizes, pings)| SendCase::Parts(payload, sizes, pings)),
        1 => prop::collection::vec("[a-zäß]{0,40}", 1..20).prop_map(SendCase::Lines),
        1 => prop::collection::vec(any::<u8>(), 0..126).prop_map(SendCase::Ping),
    ]
}

fn negotiated() -> impl Strategy<Value = NegotiatedDeflate> {
    let bits = || prop::option::of(8u8..=15);
    (any::<bool>(), any::<bool>(), bits(), bits()).prop_map(|(server, client, s_bits, c_bits)| {
        NegotiatedDeflate {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: s_bits,
            client_max_window_bits: c_bits,
        }
    })
}

/// All bytes that leave, taken from the queue `taken` bytes at a time.
fn drained(wire: &mut Wire, out: &mut Vec<u8>, taken: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        wire.refill(out);
        if out.is_empty() {
            assert_eq!(wire.waiting_bytes(), 0);
            return all;
        }
        all.extend(out.drain(..taken.min(out.len())));
    }
}

proptest! {
    #[test]
    fn every_message_arrives_as_it_was_sent(
        all in prop::collection::vec(sent(), 1..6),
        is_client: bool,
        negotiated in prop::option::of(negotiated()),
        taken in prop_oneof![1 => 1000usize..20_000, 3 => 100_000usize..1_000_000],
        piece in prop_oneof![1 => 1usize..2000, 3 => 1000usize..100_000],
    ) {
        let role = if is_client { Role::Client } else { Role::Server };
        let settings = WireSettings { compression: negotiated, ..LARGE };
        let (mut near, mut far) = (wire(role, &settings), wire(other(role), &settings));
        let mut out = Vec::new();
        for outgoing in all.iter().flat_map(SendCase::outgoing) {
            near.encode(&mut out, &outgoing);
        }
        near.encode_close(&mut out, Some(1000), "bye");
        let bytes = drained(&mut near, &mut out, taken);
        let got = received(&mut far, bytes.chunks(piece));
        let mut expected: Vec<_> = all.iter().flat_map(SendCase::expected).collect();
        expected.push(Received::Close(ClosePayload { code: Some(1000), reason: "bye".to_owned() }));
        prop_assert_eq!(got, (expected, None));
        prop_assert_eq!(near.frame_bytes().1, bytes.len() as u64);
        prop_assert_eq!(far.frame_bytes().0, bytes.len() as u64);
    }

    #[test]
    fn any_bytes_are_judged_alike_wherever_they_are_cut(
        frames in prop::collection::vec((any::<u8>(), content()), 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        at: Index,
        piece in 1usize..3000,
        masked: bool,
        compressed: bool,
        traced: bool,
    ) {
        let mask = masked.then_some([1, 2, 3, 4]);
        let firsts = [0x81, 0x82, 0x89, 0x8a, 0x01, 0x00, 0x80, 0xc1, 0xc2];
        let mut bytes: Vec<u8> = frames
            .iter()
            .flat_map(|(first, payload)| {
                let first = firsts[usize::from(*first) % firsts.len()];
                let most = if first & 0x08 != 0 { 125 } else { 5000 };
                frame(first, mask, &payload[..payload.len().min(most)])
            })
            .collect();
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, noise);
        let role = if masked { Role::Server } else { Role::Client };
        let compression = compressed.then_some(AGREED);
        let settings = WireSettings { compression, ..LARGE };
        let (whole, violation) = received(&mut wire(role, &settings), [&bytes[..]]);
        let settings = WireSettings { trace: traced, ..settings };
        let (mut cut, cut_violation) = received(&mut wire(role, &settings), bytes.chunks(piece));
        cut.retain(|received| !matches!(received, Received::Frame(_)));
        prop_assert_eq!(whole, cut);
        let kind = |violation: Option<Violation>| violation.map(|violation| violation.kind());
        prop_assert_eq!(kind(violation), kind(cut_violation));
    }

    #[test]
    fn what_another_deflater_sent_is_inflated_however_it_is_cut(
        payloads in prop::collection::vec(content(), 1..5),
        level in 0u32..=9,
        bits in 9u8..=15,
        masked: bool,
        cuts in prop::collection::vec(any::<Index>(), 0..5),
        piece in prop_oneof![1 => 1usize..40, 3 => 1000usize..100_000],
    ) {
        let mask = masked.then_some([7, 8, 9, 10]);
        let mut deflater = OtherDeflater::new(level, bits);
        let mut bytes = Vec::new();
        for payload in &payloads {
            let deflated = deflater.deflate(payload);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(deflated.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut first, mut at) = (0x42, 0);
            for cut in cuts {
                bytes.extend(frame(first, mask, &deflated[at..cut]));
                (first, at) = (0, cut);
            }
            bytes.extend(frame(first | FIN, mask, &deflated[at..]));
        }
        let role = if masked { Role::Server } else { Role::Client };
        let settings = WireSettings { compression: Some(AGREED), ..LARGE };
        let got = received(&mut wire(role, &settings), bytes.chunks(piece));
        let expected = payloads.into_iter().map(|payload| Received::Message(Payload::Binary(payload.into())));
        prop_assert_eq!(got, (expected.collect(), None));
    }

    #[test]
    fn a_window_is_never_exceeded(payloads in prop::collection::vec(content(), 1..4), bits in 9u8..=15) {
        let negotiated = NegotiatedDeflate { server_max_window_bits: Some(bits), ..AGREED };
        let mut server = wire(Role::Server, &WireSettings { compression: Some(negotiated), ..LARGE });
        let mut inflater = Decompress::new_with_window_bits(false, bits);
        for payload in payloads.iter().filter(|payload| payload.len() >= 16) {
            let mut out = Vec::new();
            server.encode(&mut out, &Outgoing::Message(Payload::Binary(payload.clone().into())));
            let sent = drained(&mut server, &mut out, usize::MAX);
            let mut stream = Vec::new();
            let mut frames = &sent[..];
            while let Some((header, len)) = FrameHeader::parse(frames) {
                let end = len + header.payload as usize;
                stream.extend_from_slice(&frames[len..end]);
                frames = &frames[end..];
            }
            stream.extend(b"\0\0\xff\xff");
            // So small a room makes the inflater look back into its window, not its output.
            let mut got = Vec::new();
            let mut room = [0; 64];
            let mut at = 0;
            loop {
                let before = (inflater.total_in(), inflater.total_out());
                inflater.decompress(&stream[at..], &mut room, FlushDecompress::Sync).unwrap();
                at += (inflater.total_in() - before.0) as usize;
                let len = (inflater.total_out() - before.1) as usize;
                got.extend_from_slice(&room[..len]);
                if len < room.len() && at == stream.len() {
                    break;
                }
            }
            prop_assert_eq!(&got, payload);
        }
    }

    #[test]
    fn a_damaged_stream_is_refused_and_never_panics(
        payload in content(),
        flip in any::<(Index, u8)>(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut deflated = OtherDeflater::new(6, 15).deflate(&payload);
        let at = flip.0.index(deflated.len());
        deflated[at] ^= flip.1;
        let bytes = [frame(0xc2, None, &deflated), frame(0xc2, None, &noise), noise].concat();
        let settings = WireSettings { compression: Some(AGREED), ..LARGE };
        received(&mut wire(Role::Client, &settings), [&bytes[..]]);
    }
}

/// Deflates as a peer does: a level and a window of its own.
struct OtherDeflater(Compress);

impl OtherDeflater {
    fn new(level: u32, bits: u8) -> Self {
        Self(Compress::new_with_window_bits(
            Compression::new(level),
            false,
            bits,
        ))
    }

    fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() * 2 + 100);
        let before = self.0.total_in();
        self.0
            .compress_vec(message, &mut out, FlushCompress::Sync)
            .unwrap();
        assert_eq!((self.0.total_in() - before) as usize, message.len());
        if !out.ends_with(b"\0\0\xff\xff") {
            return vec![0];
        }
        out.truncate(out.len() - 4);
        out
    }
}

/// What a client makes of one compressed message.
fn inflated(deflated: &[u8], settings: &WireSettings) -> (Vec<Received>, Option<ViolationKind>) {
    let bytes = frame(0xc2, None, deflated);
    let (all, violation) = received(&mut wire(Role::Client, settings), bytes.chunks(4096));
    (all, violation.map(|violation| violation.kind()))
}

#[test]
fn a_message_cut_short_anywhere_is_told_as_such() {
    let text = b"a text that is long enough to be deflated, deflated, deflated";
    let deflated = OtherDeflater::new(6, 15).deflate(text);
    // But for a cut within the padding of its last, empty block.
    for len in 0..deflated.len() - 2 {
        let expected = (vec![], Some(ViolationKind::NotDeflate));
        assert_eq!(inflated(&deflated[..len], &DEFLATE), expected, "{len}");
    }
}

#[test]
fn a_message_may_inflate_to_the_limit_and_not_a_byte_further() {
    let settings = WireSettings {
        compression: Some(AGREED),
        ..LARGE
    };
    let limit = settings.max_message;
    for level in [0, 1, 6] {
        let payload = vec![b'x'; limit as usize];
        let (all, violation) =
            inflated(&OtherDeflater::new(level, 15).deflate(&payload), &settings);
        assert_eq!((all.len(), violation), (1, None));
    }
    for more in [1, 64 << 20] {
        let payload = vec![0; limit as usize + more];
        let (all, violation) = inflated(&OtherDeflater::new(9, 15).deflate(&payload), &settings);
        assert_eq!(
            (all.len(), violation),
            (0, Some(ViolationKind::InflatesTooLarge(limit)))
        );
    }
}

#[test]
fn a_peer_that_ignores_no_context_takeover_is_rejected() {
    let mut deflater = OtherDeflater::new(6, 15);
    let text = b"a text that comes again, every bit of it, from the first to the last";
    let bytes = [deflater.deflate(text), deflater.deflate(text)]
        .map(|deflated| frame(0xc1, None, &deflated))
        .concat();
    for (fresh, messages) in [(false, 2), (true, 1)] {
        let negotiated = NegotiatedDeflate {
            server_no_context_takeover: fresh,
            ..AGREED
        };
        let settings = WireSettings {
            compression: Some(negotiated),
            ..PLAIN
        };
        let (all, violation) = received(&mut wire(Role::Client, &settings), [&bytes[..]]);
        assert_eq!((all.len(), violation.is_some()), (messages, fresh));
    }
}

/// What leaves for one message.
fn encoded(role: Role, negotiated: Option<NegotiatedDeflate>, payload: &[u8]) -> Vec<u8> {
    let mut wire = wire(
        role,
        &WireSettings {
            compression: negotiated,
            ..LARGE
        },
    );
    let mut out = Vec::new();
    wire.encode(
        &mut out,
        &Outgoing::Message(Payload::Binary(Bytes::copy_from_slice(payload))),
    );
    drained(&mut wire, &mut out, usize::MAX)
}

#[test]
fn only_what_gains_is_deflated() {
    let long = b"a message, a message, a message, a message";
    assert_eq!(encoded(Role::Server, Some(AGREED), long)[0], 0xc2);
    assert!(encoded(Role::Server, Some(AGREED), long).len() < long.len());
    let tiny_window = NegotiatedDeflate {
        server_max_window_bits: Some(8),
        ..AGREED
    };
    assert_eq!(
        encoded(Role::Server, Some(tiny_window), long),
        frame(0x82, None, long)
    );
    assert_eq!(
        encoded(Role::Server, Some(AGREED), b"tiny"),
        frame(0x82, None, b"tiny")
    );
}

/// Bytes that do not compress, the same each time.
fn noise() -> impl Iterator<Item = u8> {
    let mut seed = 1u64;
    std::iter::repeat_with(move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    })
}

#[test]
fn what_is_beyond_the_window_is_not_referred_to() {
    let mut noise = noise();
    for bits in 9..=14 {
        let once: Vec<u8> = noise.by_ref().take((1 << bits) + 100).collect();
        let twice = [&once[..], &once[..]].concat();
        let window = |bits| {
            Some(NegotiatedDeflate {
                server_max_window_bits: Some(bits),
                ..AGREED
            })
        };
        assert!(
            encoded(Role::Server, window(bits), &twice).len() > twice.len(),
            "{bits}"
        );
        let with_the_largest = encoded(Role::Server, window(15), &twice).len();
        assert!(with_the_largest < twice.len() * 3 / 4, "{bits}");
    }
}

#[test]
fn an_empty_last_fragment_leaves_the_stream_in_order() {
    let text = "long enough to be worth it, if it comes again";
    let sent = SendCase::Parts(Payload::Text(text.into()), vec![text.len()], false);
    for fresh in [false, true] {
        let negotiated = NegotiatedDeflate {
            client_no_context_takeover: fresh,
            ..AGREED
        };
        let settings = WireSettings {
            compression: Some(negotiated),
            ..PLAIN
        };
        let (mut near, mut far) = (wire(Role::Client, &settings), wire(Role::Server, &settings));
        let mut out = Vec::new();
        for outgoing in vec![sent.clone(); 3].iter().flat_map(SendCase::outgoing) {
            near.encode(&mut out, &outgoing);
        }
        let got = told(&received(&mut far, [&out[..]]));
        assert_eq!(got, vec![format!("text {text}"); 3]);
    }
}

#[test]
fn a_client_masks_every_frame_with_a_key_of_its_own() {
    let mut client = wire(Role::Client, &PLAIN);
    let mut out = Vec::new();
    for _ in 0..100 {
        client.encode(&mut out, &Outgoing::Pong(Bytes::new()));
    }
    let keys: std::collections::HashSet<_> = out
        .chunks(6)
        .map(|frame| FrameHeader::parse(frame).and_then(|(header, _)| header.mask))
        .collect();
    assert!(keys.len() > 95 && !keys.contains(&None));
}

#[test]
fn what_is_large_waits_as_it_is_and_leaves_in_pieces() {
    let content: Vec<u8> = noise().take(1_000_000).collect();
    for negotiated in [None, Some(AGREED)] {
        let mut server = wire(
            Role::Server,
            &WireSettings {
                compression: negotiated,
                ..LARGE
            },
        );
        let mut out = Vec::new();
        server.encode(
            &mut out,
            &Outgoing::Message(Payload::Binary(content.clone().into())),
        );
        server.encode(&mut out, &Outgoing::Ping(Bytes::from_static(b"behind")));
        assert!(out.is_empty());
        assert_eq!(server.waiting_bytes(), content.len() + 6);
        server.refill(&mut out);
        assert!((100_000..400_000).contains(&out.len()), "{}", out.len());
        let bytes = drained(&mut server, &mut out, 10_000);
        let settings = WireSettings {
            compression: negotiated,
            ..LARGE
        };
        let (all, violation) = received(&mut wire(Role::Client, &settings), [&bytes[..]]);
        assert_eq!(violation, None);
        assert_eq!(
            all[0],
            Received::Message(Payload::Binary(content.clone().into()))
        );
        assert_eq!(all[1], Received::Ping(Bytes::from_static(b"behind")));
    }
}

#[test]
fn raw_frames_are_reported_and_sent_unchanged() {
    let mut server = wire(Role::Server, &TRACE);
    let mut out = Vec::new();
    server.encode(&mut out, &Outgoing::Raw(Bytes::from_static(b"\x83\x02no")));
    assert_eq!(out, b"\x83\x02no");
    let Some(Ok(Received::Frame(frame))) = server.traced() else {
        panic!("it was not told");
    };
    assert_eq!(
        (frame.direction, frame.opcode),
        (Direction::Out, Opcode::Reserved(3))
    );
}
