//! The codec under the real WebSocket library, both ends of it, and against zlib by itself.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use proptest::{prelude::*, sample::Index};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{
            self,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::*;
use crate::connection::wire::{
    layer::Layer,
    tap::{Settings, Tap},
};

const AGREED: Agreed = Agreed {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: None,
    client_max_window_bits: None,
};

const LIMIT: u64 = 1 << 20;

const SETTINGS: Settings = Settings {
    rsv1: true,
    max_message: LIMIT,
    trace: false,
};

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(test)
}

type WebSocket = WebSocketStream<Layer<DuplexStream>>;

async fn websocket(pipe: DuplexStream, role: Role, agreed: Agreed) -> WebSocket {
    let layer = Layer::new(pipe, role, Some(agreed), SETTINGS, Bytes::new());
    let role = match role {
        Role::Client => protocol::Role::Client,
        Role::Server => protocol::Role::Server,
    };
    WebSocketStream::from_raw_socket(layer, role, None).await
}

/// A message, and how it is sent.
#[derive(Debug, Clone)]
struct Sent {
    message: Message,
    /// The sizes of its fragments; none for a message in one frame.
    fragments: Vec<usize>,
    /// Whether a ping is sent after each of its frames.
    pings: bool,
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..2000);
    let words = (prop::collection::vec("[a-z]{1,8}", 1..20), 0usize..40_000);
    prop_oneof![
        3 => noise.clone(),
        4 => words.prop_map(|(words, len)| words.concat().bytes().cycle().take(len).collect()),
        1 => (noise, 0usize..200_000).prop_map(|(noise, len)| {
            // Repeats at long distances, so that a window too large for the agreed one shows.
            noise.iter().chain(&[0]).copied().cycle().zip(0u32..).take(len)
                .map(|(byte, at)| byte ^ (at / 40_000) as u8).collect()
        }),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let fragments = prop::collection::vec(0usize..5000, 0..5);
    (payload(), any::<bool>(), fragments, any::<bool>()).prop_map(
        |(payload, text, fragments, pings)| Sent {
            message: if text {
                let text: String = payload.iter().map(|byte| char::from(byte & 0x7f)).collect();
                Message::text(text)
            } else {
                Message::binary(payload)
            },
            fragments,
            pings,
        },
    )
}

fn agreed() -> impl Strategy<Value = Agreed> {
    let bits = || prop::option::of(8u8..=15);
    (any::<bool>(), any::<bool>(), bits(), bits()).prop_map(
        |(server_fresh, client_fresh, server, client)| Agreed {
            server_no_context_takeover: server_fresh,
            client_no_context_takeover: client_fresh,
            server_max_window_bits: server,
            client_max_window_bits: client,
        },
    )
}

async fn send(websocket: &mut WebSocket, sent: &Sent) {
    let mut opcode = if sent.message.is_text() {
        Data::Text
    } else {
        Data::Binary
    };
    let mut rest = sent.message.clone().into_data();
    for &size in &sent.fragments {
        let piece = rest.split_to(size.min(rest.len()));
        let frame = Frame::message(piece, OpCode::Data(opcode), false);
        websocket.feed(Message::Frame(frame)).await.unwrap();
        opcode = Data::Continue;
        if sent.pings {
            websocket
                .feed(Message::Ping(Bytes::from_static(b"between")))
                .await
                .unwrap();
        }
    }
    let frame = Frame::message(rest, OpCode::Data(opcode), true);
    websocket.send(Message::Frame(frame)).await.unwrap();
}

/// Sends everything from one end and gives what arrived at the other.
async fn carry(all: &[Sent], from: Role, agreed: Agreed, pipe: usize) -> Vec<Message> {
    let (here, there) = duplex(pipe);
    let to = if from == Role::Client {
        Role::Server
    } else {
        Role::Client
    };
    let mut sender = websocket(here, from, agreed).await;
    let mut receiver = websocket(there, to, agreed).await;
    let sending = async {
        for sent in all {
            send(&mut sender, sent).await;
        }
        sender.close(None).await.unwrap();
        // The answers to the pings, and to the close.
        while let Some(Ok(_)) = sender.next().await {}
    };
    let receiving = async {
        let mut got = Vec::new();
        while let Some(message) = receiver.next().await {
            match message.unwrap() {
                message @ (Message::Text(_) | Message::Binary(_)) => got.push(message),
                Message::Ping(payload) => assert_eq!(payload, "between"),
                Message::Close(_) => break,
                other => panic!("{other:?}"),
            }
        }
        receiver.flush().await.unwrap();
        drop(receiver);
        got
    };
    tokio::join!(sending, receiving).1
}

/// A frame as it is on the wire.
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
        apply_mask(&mut bytes[at..], mask, 0);
    }
    bytes
}

/// Deflates as a peer does: a level and a window of its own.
struct Deflater(Compress);

impl Deflater {
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
        if !out.ends_with(&TAIL) {
            return vec![0];
        }
        out.truncate(out.len() - TAIL.len());
        out
    }
}

/// What a client's codec hands up of `bytes`, and how that ends.
async fn read(bytes: &[u8], role: Role, pipe: usize) -> (Vec<u8>, Option<Breach>) {
    let (mut here, there) = duplex(pipe);
    let mut codec = Codec::new(
        Tap::new(there, role, SETTINGS, Bytes::new()),
        role,
        AGREED,
        LIMIT,
    );
    let writing = async {
        // The other end hangs up when it has seen enough.
        let _ = here.write_all(bytes).await;
        drop(here);
    };
    let reading = async {
        let mut got = Vec::new();
        let breach = loop {
            match codec.read_buf(&mut got).await {
                Ok(0) => break None,
                Ok(_) => {}
                Err(error) => break Violation::of(&error).map(Violation::breach),
            }
        };
        drop(codec);
        (got, breach)
    };
    tokio::join!(writing, reading).1
}

/// The data messages in a stream of plain frames, whole or not.
fn messages(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all: Vec<(u8, Vec<u8>)> = Vec::new();
    while let Some((header, len)) = Header::parse(bytes) {
        let end = len + header.payload as usize;
        let mut payload = bytes[len..end].to_vec();
        if let Some(mask) = header.mask {
            apply_mask(&mut payload, mask, 0);
        }
        match header.opcode() {
            Opcode::Continuation => all.last_mut().unwrap().1.extend(payload),
            opcode if opcode.is_control() => {}
            opcode => all.push((opcode.bits(), payload)),
        }
        assert_eq!(header.first & (RSV1 | RSV2 | RSV3), 0);
        bytes = &bytes[end..];
    }
    assert!(bytes.is_empty());
    all
}

proptest! {
    #[test]
    fn every_message_arrives_as_it_was_sent(
        all in prop::collection::vec(sent(), 1..6),
        from_client: bool,
        agreed in agreed(),
        pipe in prop_oneof![1 => 1usize..40, 3 => 1000usize..100_000],
    ) {
        let from = if from_client { Role::Client } else { Role::Server };
        let got = run(carry(&all, from, agreed, pipe));
        let expected: Vec<_> = all.into_iter().map(|sent| sent.message).collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn what_another_deflater_sent_is_inflated_however_it_is_cut(
        payloads in prop::collection::vec(payload(), 1..5),
        level in 0u32..=9,
        bits in 9u8..=15,
        mask in prop::option::of(any::<[u8; 4]>()),
        cuts in prop::collection::vec(any::<Index>(), 0..5),
        pipe in prop_oneof![1 => 1usize..40, 3 => 1000usize..100_000],
    ) {
        let mut deflater = Deflater::new(level, bits);
        let mut bytes = Vec::new();
        for payload in &payloads {
            let deflated = deflater.deflate(payload);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(deflated.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut first, mut at) = (0x42, 0);
            for cut in cuts {
                bytes.extend(frame(first, mask, &deflated[at..cut]));
                bytes.extend(frame(0x89, mask, b"between"));
                (first, at) = (0, cut);
            }
            bytes.extend(frame(first | FIN, mask, &deflated[at..]));
        }
        let role = if mask.is_some() { Role::Server } else { Role::Client };
        let (got, breach) = run(read(&bytes, role, pipe));
        prop_assert_eq!(breach, None);
        let expected: Vec<_> = payloads.into_iter().map(|payload| (2, payload)).collect();
        prop_assert_eq!(messages(&got), expected);
    }

    #[test]
    fn a_window_is_never_exceeded(payloads in prop::collection::vec(payload(), 1..4), bits in 9u8..=15) {
        let mut outbound = Outbound::new(Role::Server, bits, false);
        let mut inflater = Decompress::new_with_window_bits(false, bits);
        for payload in payloads.iter().filter(|payload| payload.len() as u64 >= WORTH_DEFLATING) {
            let plain = frame(0x82, None, payload);
            let mut rest = &plain[..];
            let mut deflated = Vec::new();
            while !rest.is_empty() {
                rest = &rest[outbound.encode(rest).unwrap()..];
                deflated.extend_from_slice(outbound.ready.bytes());
                outbound.ready.advance(outbound.ready.len());
            }
            let mut stream = Vec::new();
            let mut frames = &deflated[..];
            while let Some((header, len)) = Header::parse(frames) {
                let end = len + header.payload as usize;
                stream.extend_from_slice(&frames[len..end]);
                frames = &frames[end..];
            }
            stream.extend(TAIL);
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
    fn any_bytes_are_read_without_a_panic(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        payload in payload(),
        flip in any::<(Index, u8)>(),
        masked: bool,
    ) {
        let mask = masked.then_some([1, 2, 3, 4]);
        let mut deflated = Deflater::new(6, 15).deflate(&payload);
        let at = flip.0.index(deflated.len());
        deflated[at] ^= flip.1;
        let bytes = [frame(0xc2, mask, &deflated), frame(0xc2, mask, &noise), noise].concat();
        let role = if masked { Role::Server } else { Role::Client };
        run(read(&bytes, role, 1000));
    }

    #[test]
    fn any_bytes_are_written_without_a_panic(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        for role in [Role::Client, Role::Server] {
            let mut outbound = Outbound::new(role, 15, false);
            prop_assert_eq!(outbound.encode(&noise).unwrap(), noise.len());
        }
    }
}

/// What a client's codec hands up of a message and then of `bad`.
fn breach_after_a_message(bad: &[u8]) -> Option<Breach> {
    let bytes = [
        &frame(0xc1, None, &Deflater::new(6, 15).deflate(b"before")),
        bad,
    ]
    .concat();
    let (got, breach) = run(read(&bytes, Role::Client, 1000));
    let first = messages(&got[..8]);
    assert_eq!(first, [(1, b"before".to_vec())]);
    breach
}

#[test]
fn what_does_not_inflate_is_told_after_the_messages_before_it() {
    let text = b"a text that is long enough to be deflated, deflated, deflated";
    let deflated = Deflater::new(6, 15).deflate(text);
    let mut bad = vec![
        b"\x07".to_vec(),
        b"\xff\xff\xff\xff".to_vec(),
        b"plain text with RSV1".to_vec(),
        Vec::new(),
    ];
    // A message cut short, but for a cut within the padding of its last, empty block.
    bad.extend((1..deflated.len() - 2).map(|len| deflated[..len].to_vec()));
    for payload in bad {
        let breach = breach_after_a_message(&frame(0xc1, None, &payload));
        assert_eq!(
            breach,
            Some(Breach::NotDeflate),
            "{}",
            payload.escape_ascii()
        );
    }
    assert_eq!(breach_after_a_message(&frame(0xc1, None, &deflated)), None);
}

#[test]
fn a_message_that_inflates_too_far_is_stopped_while_little_of_it_is_held() {
    let bomb = Deflater::new(9, 15).deflate(&vec![0; 64 << 20]);
    let bytes = frame(0xc2, None, &bomb);
    assert!(bytes.len() < 1 << 17);
    assert_eq!(
        breach_after_a_message(&bytes),
        Some(Breach::InflatesTooLarge(LIMIT))
    );

    let mut inbound = Inbound::new(Role::Client, false, LIMIT);
    let mut rest = &bytes[..];
    let breach = loop {
        let mut room = inbound.raw.room();
        let len = rest.len().min(room.remaining());
        room.put_slice(&rest[..len]);
        inbound.raw.end += len;
        rest = &rest[len..];
        match inbound.decode() {
            Ok(()) => inbound.ready.advance(inbound.ready.len()),
            Err(breach) => break breach,
        }
    };
    assert_eq!(breach, Breach::InflatesTooLarge(LIMIT));
    assert!(inbound.ready.bytes.capacity() <= 4 * INFLATED_PIECE);
}

#[test]
fn a_message_as_large_as_may_be_is_not_too_large() {
    let payload = vec![b'x'; LIMIT as usize];
    for level in [0, 1, 6] {
        let bytes = frame(0xc2, None, &Deflater::new(level, 15).deflate(&payload));
        assert_eq!(breach_after_a_message(&bytes), None);
    }
}

#[test]
fn one_byte_more_than_may_be_is_too_large() {
    let payload = vec![b'x'; LIMIT as usize + 1];
    let bytes = frame(0xc2, None, &Deflater::new(6, 15).deflate(&payload));
    assert_eq!(
        breach_after_a_message(&bytes),
        Some(Breach::InflatesTooLarge(LIMIT))
    );
}

#[test]
fn a_peer_that_agreed_to_start_afresh_and_does_not_is_told() {
    let mut deflater = Deflater::new(6, 15);
    let text = b"a text that comes again, every bit of it, from the first to the last";
    let bytes = [deflater.deflate(text), deflater.deflate(text)]
        .map(|deflated| frame(0xc1, None, &deflated));
    for (fresh, expected) in [(false, Ok(())), (true, Err(Breach::NotDeflate))] {
        let mut inbound = Inbound::new(Role::Client, fresh, LIMIT);
        let mut room = inbound.raw.room();
        room.put_slice(&bytes.concat());
        inbound.raw.end += bytes.concat().len();
        assert_eq!(inbound.decode(), expected);
    }
}

#[test]
fn what_is_beyond_the_window_is_not_referred_to() {
    let mut seed = 1u64;
    let mut noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    });
    for bits in 9..=14 {
        let once: Vec<u8> = noise.by_ref().take((1 << bits) + 100).collect();
        let twice = [&once[..], &once[..]].concat();
        assert!(
            encoded(Role::Server, bits, &twice).len() > twice.len(),
            "{bits}"
        );
        assert!(
            encoded(Role::Server, 15, &twice).len() < twice.len() * 3 / 4,
            "{bits}"
        );
    }
}

#[test]
fn an_empty_last_fragment_leaves_the_stream_in_order() {
    let text = Message::text("long enough to be worth it, if it comes again");
    let sent = Sent {
        fragments: vec![text.len()],
        message: text.clone(),
        pings: false,
    };
    for agreed in [
        AGREED,
        Agreed {
            client_no_context_takeover: true,
            ..AGREED
        },
    ] {
        let got = run(carry(&vec![sent.clone(); 3], Role::Client, agreed, 1000));
        assert_eq!(got, vec![text.clone(); 3]);
    }
}

#[test]
fn a_last_block_that_says_so_ends_the_message_and_not_the_connection() {
    // RFC 7692 §7.2.3.4 and §7.2.3.5: "Hello" in a block with BFINAL set, then an empty one.
    let last = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let bytes = [
        frame(0xc1, None, last),
        frame(0xc1, None, &last[..7]),
        frame(0xc1, None, hello),
    ]
    .concat();
    let (got, breach) = run(read(&bytes, Role::Client, 1000));
    assert_eq!(breach, None);
    assert_eq!(messages(&got), vec![(1, b"Hello".to_vec()); 3]);
}

/// What goes out for one message of `payload`.
fn encoded(role: Role, bits: u8, payload: &[u8]) -> Vec<u8> {
    let mut outbound = Outbound::new(role, bits, false);
    let mask = (role == Role::Client).then_some([1, 2, 3, 4]);
    let plain = frame(0x81, mask, payload);
    assert_eq!(outbound.encode(&plain).unwrap(), plain.len());
    outbound.ready.bytes().to_vec()
}

#[test]
fn only_what_gains_is_deflated() {
    let long = b"a message, a message, a message, a message";
    assert_eq!(encoded(Role::Server, 15, long)[0], 0xc1);
    assert!(encoded(Role::Server, 15, long).len() < long.len());
    assert_eq!(encoded(Role::Server, 8, long), frame(0x81, None, long));
    assert_eq!(
        encoded(Role::Client, 15, b"tiny"),
        frame(0x81, Some([1, 2, 3, 4]), b"tiny")
    );
}

#[test]
fn every_frame_of_a_client_has_a_mask_of_its_own() {
    let mut masks = Masks::default();
    let mut seen: Vec<_> = (0..1000).map(|_| masks.next()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 990);
    let (header, _) = Header::parse(&encoded(Role::Client, 15, &[b'x'; 100])).unwrap();
    assert!(
        header
            .mask
            .is_some_and(|mask| mask != [0; 4] && mask != [1, 2, 3, 4])
    );
}

#[test]
fn a_blocked_peer_stops_the_writer_and_loses_nothing() {
    let payload: Vec<u8> = (0u32..100_000).flat_map(u32::to_le_bytes).collect();
    let plain = frame(0x82, None, &payload);
    let got = run(async {
        let (here, mut there) = duplex(1000);
        let mut codec = Codec::new(here, Role::Server, AGREED, LIMIT);
        let mut rest = &plain[..];
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(written) = Pin::new(&mut codec).poll_write(&mut cx, rest) {
            rest = &rest[written.unwrap()..];
            assert!(!rest.is_empty(), "all of it taken, and nobody reads");
        }
        assert!(codec.outbound.ready.len() <= WAITING + DEFLATED_PIECE + MAX_HEADER);
        let writing = async {
            codec.write_all(rest).await.unwrap();
            codec.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, read) = tokio::join!(writing, there.read_to_end(&mut got));
        read.unwrap();
        got
    });
    let (got, breach) = run(read(&got, Role::Client, 10_000));
    assert_eq!(breach, None);
    assert_eq!(messages(&got), [(2, payload)]);
}
