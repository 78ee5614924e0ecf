//! The tap under the real WebSocket library, and against arbitrary bytes.

use std::{io::IoSlice, task::Waker};

use futures_util::{FutureExt, SinkExt, StreamExt};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, protocol},
};

use crate::connection::close::Code;

use super::*;

/// A peer that sends the given pieces, one a read, and then stalls; and takes what we send,
/// `take` bytes a write.
struct Peer {
    pieces: VecDeque<Vec<u8>>,
    took: Vec<u8>,
    take: usize,
}

impl Peer {
    fn sends(pieces: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self {
            // A read of nothing would be the end of the stream.
            pieces: pieces
                .into_iter()
                .map(Into::into)
                .filter(|piece: &Vec<u8>| !piece.is_empty())
                .collect(),
            took: Vec::new(),
            take: usize::MAX,
        }
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.pieces.pop_front() else {
            return Poll::Pending;
        };
        let rest = piece.split_off(piece.len().min(buf.remaining()));
        buf.put_slice(&piece);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = buf.len().min(self.take);
        self.took.extend_from_slice(&buf[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().flat_map(|buf| buf.iter());
        let had = self.took.len();
        let take = self.take;
        self.took.extend(all.take(take));
        let len = self.took.len() - had;
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const PLAIN: Settings = Settings {
    rsv1: false,
    max_message: 1000,
    trace: false,
};
const DEFLATE: Settings = Settings {
    rsv1: true,
    ..PLAIN
};
const TIGHT: Settings = Settings {
    max_message: 6,
    ..PLAIN
};
const TRACE: Settings = Settings {
    trace: true,
    ..PLAIN
};

fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        first,
        mask,
        payload: payload.len() as u64,
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    let at = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(mask) = mask {
        frame::apply_mask(&mut bytes[at..], mask, 0);
    }
    bytes
}

fn cut(bytes: &[u8], at: usize) -> [Vec<u8>; 2] {
    [bytes[..at].to_vec(), bytes[at..].to_vec()]
}

async fn websocket(tap: Tap<Peer>, role: Role) -> WebSocketStream<Tap<Peer>> {
    let role = match role {
        Role::Client => protocol::Role::Client,
        Role::Server => protocol::Role::Server,
    };
    WebSocketStream::from_raw_socket(tap, role, None).await
}

/// What a peer sends after a message, and what is said of it.
type Case = (Role, Settings, &'static [u8], &'static str, u16);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (Role::Client, PLAIN, b"\x83", "sent a frame with reserved opcode 0x3 (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"\x87", "sent a frame with reserved opcode 0x7 (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"\x8b", "sent a frame with reserved opcode 0xb (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"\x8f", "sent a frame with reserved opcode 0xf (RFC 6455 §5.2)", 1002),
    (Role::Client, DEFLATE, b"\xc3", "sent a frame with reserved opcode 0x3 (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"\xc1", "sent a frame with RSV1 set, which was not agreed (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"HTTP/1.1 502 Bad Gateway", "sent a frame with RSV1 set, which was not agreed (RFC 6455 §5.2)", 1002),
    (Role::Client, DEFLATE, b"\xa1", "sent a frame with RSV2 set (RFC 6455 §5.2)", 1002),
    (Role::Client, DEFLATE, b"\x91", "sent a frame with RSV3 set (RFC 6455 §5.2)", 1002),
    (Role::Client, DEFLATE, b"\xc9", "sent a ping frame with RSV1 set (RFC 7692 §6)", 1002),
    (Role::Client, DEFLATE, b"\x01\x01x\xc0", "sent a continuation frame with RSV1 set (RFC 7692 §6)", 1002),
    (Role::Client, PLAIN, b"\x09", "sent a fragmented ping frame (RFC 6455 §5.5)", 1002),
    (Role::Client, PLAIN, b"\x08", "sent a fragmented close frame (RFC 6455 §5.5)", 1002),
    (Role::Client, PLAIN, b"\x8a\x7e", "sent a pong frame of more than 125 bytes (RFC 6455 §5.5)", 1002),
    (Role::Client, PLAIN, b"\x88\x7f", "sent a close frame of more than 125 bytes (RFC 6455 §5.5)", 1002),
    (Role::Client, PLAIN, b"\x81\x80", "sent a masked frame (RFC 6455 §5.1)", 1002),
    (Role::Server, PLAIN, b"\x81\x00", "sent a frame that is not masked (RFC 6455 §5.1)", 1002),
    (Role::Client, PLAIN, b"\x80", "sent a continuation frame with no message to continue (RFC 6455 §5.4)", 1002),
    (Role::Client, PLAIN, b"\x01\x01x\x81", "began a message before the one before was finished (RFC 6455 §5.4)", 1002),
    (Role::Client, PLAIN, b"\x82\x7e\x00\x7d", "declared a length of 125 in more bytes than it needs (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"\x82\x7f\0\0\0\0\0\0\xff\xff", "declared a length of 65,535 in more bytes than it needs (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"\x82\x7f\x80\0\0\0\0\0\0\0", "declared a frame of 9,223,372,036,854,775,808 bytes (RFC 6455 §5.2)", 1002),
    (Role::Client, PLAIN, b"\x82\x7e\x03\xe9", "declared a message of 1,001 bytes or more, beyond --max-size, 1,000", 1009),
    (Role::Client, PLAIN, b"\x02\x02ab\x00\x7e\x03\xe7", "declared a message of 1,001 bytes or more, beyond --max-size, 1,000", 1009),
    (Role::Client, PLAIN, b"\x82\x7f\x40\0\0\0\0\0\0\0", "declared a message of 4,611,686,018,427,387,904 bytes or more, beyond --max-size, 1,000", 1009),
    (Role::Client, DEFLATE, b"\xc2\x7f\0\0\0\0\0\x01\x07\xd1", "declared a message of 67,537 bytes or more, beyond --max-size, 1,000", 1009),
    (Role::Client, PLAIN, b"\x01\x01x\x81\x02hi", "began a message before the one before was finished (RFC 6455 §5.4)", 1002),
    (Role::Client, TIGHT, b"\x81\x07too big", "declared a message of 7 bytes or more, beyond --max-size, 6", 1009),
    (Role::Client, PLAIN, b"\x88\x01\x03", "closed with half a code (RFC 6455 §5.5.1)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x00\x00", "closed with code 0, which must not be sent (RFC 6455 §7.4.2)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x03\xe7", "closed with code 999, which must not be sent (RFC 6455 §7.4.2)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x03\xec", "closed with code 1004, which must not be sent (RFC 6455 §7.4.1)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x03\xed", "closed with code 1005, which must not be sent (RFC 6455 §7.4.1)", 1002),
    (Role::Client, PLAIN, b"\x88\x05\x03\xeebye", "closed with code 1006, which must not be sent (RFC 6455 §7.4.1)", 1002),
    (Role::Server, PLAIN, b"\x88\x85\x01\x02\x03\x04\x02\xeca}d", "closed with code 1006, which must not be sent (RFC 6455 §7.4.1)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x03\xf7", "closed with code 1015, which must not be sent (RFC 6455 §7.4.1)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x03\xf8", "closed with code 1016, which must not be sent (RFC 6455 §7.4.2)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x0b\xb7", "closed with code 2999, which must not be sent (RFC 6455 §7.4.2)", 1002),
    (Role::Client, PLAIN, b"\x88\x02\x13\x88", "closed with code 5000, which must not be sent (RFC 6455 §7.4.2)", 1002),
    (Role::Client, PLAIN, b"\x88\x03\x03\xe8\xff", "closed with code 1000 and a reason that is not UTF-8 (RFC 6455 §5.5.1)", 1007),
    (Role::Client, PLAIN, b"\x81\x7e\x01\x00\xce\xba\xe1\xbd\xff", "sent a text that is not UTF-8 (RFC 6455 §8.1)", 1007),
    (Role::Client, PLAIN, b"\x01\x01\xf4\x89\x00\x80\x7e\x01\x00\x90", "sent a text that is not UTF-8 (RFC 6455 §8.1)", 1007),
];

#[tokio::test]
async fn a_violation_is_told_at_once_and_loses_no_earlier_message() {
    for &(role, settings, bad, expected, code) in CASES {
        let mask = (role == Role::Server).then_some([9, 8, 7, 6]);
        let before = frame(0x81, mask, b"before");
        let all = [&before[..], bad].concat();
        for at in 0..=all.len() {
            let tap = Tap::new(Peer::sends(cut(&all, at)), role, settings, Bytes::new());
            let mut websocket = websocket(tap, role).await;
            let message = websocket.next().now_or_never().expect("a message");
            assert_eq!(message.unwrap().unwrap(), Message::text("before"));
            let mut error = websocket.next();
            // The messages that came well are not in question here.
            let error = loop {
                match error.now_or_never().expect("an error at once") {
                    Some(Ok(Message::Ping(_))) => error = websocket.next(),
                    Some(Err(Error::Io(error))) => break error,
                    other => panic!("{expected} at {at}: {other:?}"),
                }
            };
            let violation = Violation::of(&error).expect("a violation");
            assert_eq!(violation.to_string(), expected, "cut at {at}");
            assert_eq!(violation.close_code(), code, "{expected}");
            assert_eq!(violation.is_too_large(), code == 1009);
            assert_eq!(websocket.get_ref().violation(), Some(violation));
        }
    }
}

#[tokio::test]
async fn a_frame_after_the_close_frame_is_told_after_the_close() {
    let bytes = b"\x88\x02\x03\xe8\x81\x02hi";
    for at in 0..=bytes.len() {
        let tap = Tap::new(
            Peer::sends(cut(bytes, at)),
            Role::Client,
            PLAIN,
            Bytes::new(),
        );
        let mut tap = tap;
        let mut got = Vec::new();
        let error = loop {
            match tap.read_buf(&mut got).now_or_never().unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(got, b"\x88\x02\x03\xe8");
        assert_eq!(
            error.to_string(),
            "sent a text frame after its close frame (RFC 6455 §5.5.1)"
        );
    }
}

#[test]
fn an_illegal_close_keeps_its_code_and_its_reason() {
    let masked = frame(0x88, Some([1, 2, 3, 4]), b"\x03\xeebye");
    for (role, bytes) in [
        (Role::Client, b"\x88\x05\x03\xeebye".to_vec()),
        (Role::Server, masked),
    ] {
        for at in 0..=bytes.len() {
            let mut tap = Tap::new(Peer::sends(cut(&bytes, at)), role, PLAIN, Bytes::new());
            while tap
                .read_buf(&mut Vec::new())
                .now_or_never()
                .unwrap()
                .is_ok()
            {}
            let close = tap.received_close().unwrap();
            assert_eq!((close.code, &*close.reason), (Some(1006), "bye"));
        }
    }
}

#[test]
fn every_code_is_judged() {
    let legal = |code| (code >= 1000 && !matches!(code, 1004..=1006 | 1015..=2999)) && code < 5000;
    for code in 0..=u16::MAX {
        assert_eq!(Code(code).is_sendable(), legal(code), "{code}");
    }
}

#[test]
fn garbage_after_the_handshake_is_shown() {
    let bytes = b"HTTP/1.1 502 Bad Gateway\r\n";
    for at in 0..=SHOWN {
        let leftover = Bytes::copy_from_slice(&bytes[..at]);
        let peer = Peer::sends([&bytes[at..]]);
        let mut tap = Tap::new(peer, Role::Client, PLAIN, leftover);
        let error = tap.read_buf(&mut Vec::new()).now_or_never().unwrap();
        let error = error.expect_err("no byte of it is delivered");
        let shown = Violation::of(&error).unwrap().head().to_vec();
        assert_eq!(shown, bytes[..if at == 0 { SHOWN } else { at }]);
    }
    let mut tap = Tap::new(
        Peer::sends([&b"\x82"[..], &b"\x7e"[..], &b"\x00"[..], b"\x01rest"]),
        Role::Client,
        PLAIN,
        Bytes::new(),
    );
    while tap
        .read_buf(&mut Vec::new())
        .now_or_never()
        .unwrap()
        .is_ok()
    {}
    assert_eq!(tap.violation().unwrap().head(), b"\x82\x7e\x00\x01res");
}

#[tokio::test]
async fn a_close_can_still_be_sent_after_a_violation() {
    let tap = Tap::new(
        Peer::sends([b"\x83\x00"]),
        Role::Client,
        PLAIN,
        Bytes::new(),
    );
    let mut websocket = websocket(tap, Role::Client).await;
    assert!(websocket.next().await.unwrap().is_err());
    let close = protocol::CloseFrame {
        code: 1002.into(),
        reason: "no".into(),
    };
    websocket.send(Message::Close(Some(close))).await.unwrap();
    let tap = websocket.get_ref();
    let took = &tap.get_ref().took;
    assert_eq!(took.len() as u64, tap.sent().wire_bytes);
    let (head, said) = took.split_at(6);
    let mut said = said.to_vec();
    frame::apply_mask(&mut said, head[2..].try_into().unwrap(), 0);
    assert_eq!((head[0], &*said), (0x88, &b"\x03\xeano"[..]));
}

#[tokio::test]
async fn the_leftover_of_the_handshake_comes_first() {
    let bytes = b"\x81\x02hi\x81\x02ho";
    for at in 0..bytes.len() {
        let leftover = Bytes::copy_from_slice(&bytes[..at]);
        let tap = Tap::new(Peer::sends([&bytes[at..]]), Role::Client, PLAIN, leftover);
        let mut websocket = websocket(tap, Role::Client).await;
        assert_eq!(
            websocket.next().await.unwrap().unwrap(),
            Message::text("hi")
        );
        assert_eq!(
            websocket.next().await.unwrap().unwrap(),
            Message::text("ho")
        );
        let expected = Counts {
            frames: 2,
            messages: 2,
            wire_bytes: 8,
            payload_bytes: 4,
        };
        assert_eq!(websocket.get_ref().received(), expected);
    }
}

#[tokio::test]
async fn a_trace_tells_each_frame_once_in_order() {
    let peer = Peer::sends([
        &b"\x01\x02hi\x89\x00"[..],
        b"\x80\x01!\x88\x02",
        b"\x0f\xa0\x00\x00",
    ]);
    let mut tap = Tap::new(peer, Role::Client, TRACE, Bytes::new());
    tap.write_all(&frame(0x82, Some([7, 7, 7, 7]), &[b'x'; 200]))
        .await
        .unwrap();
    while tap
        .read_buf(&mut Vec::new())
        .now_or_never()
        .unwrap()
        .is_ok_and(|_| tap.received_close().is_none())
    {}
    let told: Vec<String> = std::iter::from_fn(|| tap.next_frame())
        .map(|frame| {
            format!(
                "{:?} {} fin={} masked={} {}/{} {} {:?}",
                frame.direction,
                frame.opcode,
                frame.fin,
                frame.masked,
                frame.wire_bytes,
                frame.payload_bytes,
                frame.head().escape_ascii(),
                frame.close.as_ref().and_then(|close| close.code),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "Out binary fin=true masked=true 208/200 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx None",
            "In text fin=false masked=false 4/2 hi None",
            "In ping fin=true masked=false 2/0  None",
            "In continuation fin=true masked=false 3/1 ! None",
            "In close fin=true masked=false 4/2 \\x0f\\xa0 Some(4000)",
        ]
    );
    assert_eq!(tap.next_frame(), None);
}

#[test]
fn a_trace_nobody_takes_stays_bounded() {
    let peer = Peer::sends([b"\x8a\x00".repeat(TRACED_FRAMES + 10)]);
    let mut tap = Tap::new(peer, Role::Client, TRACE, Bytes::new());
    while let Some(read) = tap
        .read_buf(&mut Vec::with_capacity(1 << 20))
        .now_or_never()
    {
        assert!(read.unwrap() <= TRACED_READ);
    }
    assert_eq!(
        std::iter::from_fn(|| tap.next_frame()).count(),
        TRACED_FRAMES
    );
}

/// A frame of a well-formed stream: opcode and FIN are made to fit.
#[derive(Debug, Clone)]
struct Sent {
    control: Option<u8>,
    fin: bool,
    text: bool,
    mask: [u8; 4],
    payload: Vec<u8>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let control = prop_oneof![3 => Just(None), 1 => Just(Some(0x89)), 1 => Just(Some(0x8a))];
    let length = prop_oneof![
        20 => 0usize..130,
        5 => 125usize..128,
        1 => 65535usize..65537,
    ];
    (
        control,
        any::<bool>(),
        any::<bool>(),
        any::<[u8; 4]>(),
        length,
    )
        .prop_map(|(control, fin, text, mask, length)| Sent {
            control,
            fin,
            text,
            mask,
            payload: vec![
                b'a';
                if control.is_some() {
                    length.min(125)
                } else {
                    length
                }
            ],
        })
}

/// The stream that the frames make, and what is to be counted of it.
fn stream(frames: &[Sent], masked: bool) -> (Vec<u8>, Counts) {
    let mut counts = Counts::default();
    let mut bytes = Vec::new();
    let mut open = false;
    for sent in frames {
        let first = sent.control.unwrap_or_else(|| {
            let opcode = if open { 0 } else { 2 - u8::from(sent.text) };
            open = !sent.fin;
            counts.messages += u64::from(sent.fin);
            opcode | if sent.fin { frame::FIN } else { 0 }
        });
        bytes.extend(frame(first, masked.then_some(sent.mask), &sent.payload));
        counts.frames += 1;
        counts.payload_bytes += sent.payload.len() as u64;
    }
    counts.wire_bytes = bytes.len() as u64;
    (bytes, counts)
}

/// Cuts `bytes` into pieces as long as `sizes` says, over and over.
fn pieces(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, more) = rest.split_at(size.min(rest.len()));
        pieces.push(piece.to_vec());
        rest = more;
    }
    pieces
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![3 => 1usize..20, 1 => 1usize..70_000], 1..20)
}

/// Reads until the peer stalls or the tap refuses. Gives what was delivered, and the breach.
fn read_all(tap: &mut Tap<Peer>) -> (Vec<u8>, Option<Breach>) {
    // Room for all of it: where a read ends is for the peer and the tap to say.
    let mut got = Vec::with_capacity(1 << 20);
    loop {
        match tap.read_buf(&mut got).now_or_never() {
            None => return (got, None),
            Some(Ok(_)) => {}
            Some(Err(error)) => return (got, Violation::of(&error).map(Violation::breach)),
        }
    }
}

fn tap_on(bytes: &[u8], sizes: &[usize], role: Role, settings: Settings) -> Tap<Peer> {
    Tap::new(
        Peer::sends(pieces(bytes, sizes)),
        role,
        settings,
        Bytes::new(),
    )
}

proptest! {
    #[test]
    fn good_streams_pass_unchanged_and_are_counted(
        frames in prop::collection::vec(sent(), 0..12),
        sizes in sizes(),
        masked: bool,
        trace: bool,
    ) {
        let (bytes, counts) = stream(&frames, masked);
        let settings = Settings { max_message: 1 << 20, trace, ..PLAIN };
        let role = if masked { Role::Server } else { Role::Client };
        let mut tap = tap_on(&bytes, &sizes, role, settings);
        prop_assert_eq!(read_all(&mut tap), (bytes.clone(), None));
        prop_assert_eq!(tap.received(), counts);
        if trace {
            let told: Vec<_> = std::iter::from_fn(|| tap.next_frame()).collect();
            prop_assert_eq!(told.len() as u64, counts.frames);
            for (told, sent) in told.iter().zip(&frames) {
                prop_assert_eq!(told.payload_bytes, sent.payload.len() as u64);
                prop_assert_eq!(told.head(), &sent.payload[..sent.payload.len().min(TRACED_HEAD)]);
            }
        }
    }

    #[test]
    fn what_we_send_is_counted_however_it_is_taken(
        frames in prop::collection::vec(sent(), 0..12),
        take in 1usize..3000,
        vectored: bool,
    ) {
        let (bytes, counts) = stream(&frames, true);
        let mut peer = Peer::sends([[]]);
        peer.take = take;
        let mut tap = Tap::new(peer, Role::Client, PLAIN, Bytes::new());
        prop_assert!(tap.is_write_vectored());
        let mut cx = Context::from_waker(Waker::noop());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len() / 2);
            let written = if vectored {
                let bufs = [IoSlice::new(head), IoSlice::new(tail)];
                Pin::new(&mut tap).poll_write_vectored(&mut cx, &bufs)
            } else {
                Pin::new(&mut tap).poll_write(&mut cx, rest)
            };
            let Poll::Ready(Ok(len)) = written else { panic!("{written:?}") };
            rest = &rest[len..];
        }
        prop_assert_eq!(tap.sent(), counts);
        prop_assert_eq!(&tap.get_ref().took, &bytes);
    }

    #[test]
    fn any_bytes_are_judged_alike_wherever_they_are_cut(
        frames in prop::collection::vec(sent(), 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        at: prop::sample::Index,
        sizes in sizes(),
        masked: bool,
        rsv1: bool,
        trace: bool,
    ) {
        let (mut bytes, _) = stream(&frames, masked);
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, noise);
        let role = if masked { Role::Server } else { Role::Client };
        let settings = Settings { rsv1, trace, ..PLAIN };
        let mut cut = tap_on(&bytes, &sizes, role, settings);
        let (got, breach) = read_all(&mut cut);
        prop_assert!(bytes.starts_with(&got));
        let counts = cut.received();
        prop_assert!(counts.payload_bytes <= counts.wire_bytes);

        let mut whole = tap_on(&bytes, &[usize::MAX], role, Settings { trace: false, ..settings });
        let (got_whole, breach_whole) = read_all(&mut whole);
        // A text that is in one piece is left to the layer above, whichever of the two it was in one for.
        if ![breach, breach_whole].contains(&Some(Breach::TextNotUtf8)) {
            prop_assert!(got.len() >= got_whole.len());
            prop_assert_eq!(breach, breach_whole);
            prop_assert_eq!(cut.received_close(), whole.received_close());
        }
    }

    #[test]
    fn the_short_way_gives_what_the_library_would(
        frames in prop::collection::vec(sent(), 0..12),
        noise in prop::collection::vec(any::<u8>(), 0..3),
        at: prop::sample::Index,
        sizes in sizes(),
        masked: bool,
    ) {
        let (mut bytes, _) = stream(&frames, masked);
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, noise);
        let role = if masked { Role::Server } else { Role::Client };
        let settings = Settings { max_message: 1 << 20, ..PLAIN };
        let run = |short| {
            let tap = tap_on(&bytes, &sizes, role, settings);
            messages(tap, role, short).now_or_never().expect("nothing waits for long")
        };
        let (long, long_end) = run(false);
        let (short, short_end) = run(true);
        prop_assert_eq!(long, short);
        prop_assert_eq!(long_end, short_end);
    }
}

/// What comes out until the peer stalls or there is an error, and the error's words.
async fn messages(tap: Tap<Peer>, role: Role, short: bool) -> (Vec<Message>, Option<String>) {
    let mut websocket = websocket(tap, role).await;
    let mut cx = Context::from_waker(Waker::noop());
    let mut got = Vec::new();
    loop {
        if short {
            match websocket.get_mut().poll_whole(&mut cx) {
                Poll::Ready(Some(Payload::Text(text))) => got.push(Message::Text(text)),
                Poll::Ready(Some(Payload::Binary(bytes))) => got.push(Message::Binary(bytes)),
                Poll::Ready(None) => {}
                Poll::Pending => return (got, None),
            }
        }
        match websocket.poll_next_unpin(&mut cx) {
            Poll::Ready(Some(Ok(message))) => got.push(message),
            // The library and the tap have different words for a text that is none.
            Poll::Ready(Some(Err(Error::Utf8(_)))) => {
                return (got, Some(Breach::TextNotUtf8.to_string()));
            }
            Poll::Ready(Some(Err(Error::Io(error)))) => return (got, Some(error.to_string())),
            Poll::Ready(other) => return (got, Some(format!("{other:?}"))),
            Poll::Pending => return (got, None),
        }
    }
}
