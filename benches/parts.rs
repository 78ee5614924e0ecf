//! Benchmarks of our own components on the path of every message, each measured separately.
//!
//! `cargo bench --bench parts`. For the whole command see docs/performance.md, "Where
//! the time goes".

use bytes::BytesMut;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use wsprobe::connection::message::{Outgoing, Payload};
use wsprobe::connection::wire::header::{FrameHeader, WHOLE_TEXT};
use wsprobe::connection::wire::negotiation::choose;
use wsprobe::connection::wire::{Received, Role, Wire, WireSettings};
use wsprobe::output::escape::{KeptControls, escape};
use wsprobe::output::json::{JsonStyle, reindent};
use wsprobe::pattern::Pattern;
use wsprobe::rules::{Answer, Rule, respond};
use wsprobe::template::Template;
use wsprobe::template::variables::Variables;

fn main() {
    divan::main();
}

/// Frames in a run.
const FRAMES: usize = 1000;

fn wire(role: Role, is_compressed: bool) -> Wire {
    let settings = WireSettings {
        compression: is_compressed
            .then(|| choose(["permessage-deflate"]))
            .flatten(),
        max_message: 1 << 20,
        trace: false,
        answers_pings: true,
    };
    Wire::new(role, &settings).expect("randomness")
}

/// Bytes of the messages that a client decodes from a stream.
fn taken(client: &mut Wire, input: &mut BytesMut) -> usize {
    let mut taken = 0;
    while let Ok(Some(Received::Message(payload))) = client.receive(input) {
        taken += black_box(payload).len();
    }
    taken
}

fn put_frame(stream: &mut Vec<u8>, first: u8, payload: &[u8]) {
    let header = FrameHeader {
        first,
        mask: None,
        payload: payload.len() as u64,
    };
    header.write(stream);
    stream.extend_from_slice(payload);
}

/// Decodes messages from a stream of unmasked frames.
#[divan::bench(args = [64, 1024, 16_384])]
fn receive(bencher: Bencher, size: usize) {
    let mut stream = Vec::new();
    for _ in 0..FRAMES {
        put_frame(&mut stream, WHOLE_TEXT, &vec![b'x'; size]);
    }
    bencher
        .counter(ItemsCount::new(FRAMES))
        .with_inputs(|| BytesMut::from(&stream[..]))
        .bench_local_values(|mut input| {
            let mut client = wire(Role::Client, false);
            assert_eq!(taken(&mut client, &mut input), FRAMES * size);
        });
}

/// Encodes and masks messages.
#[divan::bench(args = [64, 1024, 65_536])]
fn send(bencher: Bencher, size: usize) {
    let message = Outgoing::Message(Payload::Binary(vec![b'x'; size].into()));
    let mut client = wire(Role::Client, false);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for _ in 0..FRAMES {
            client.encode(&mut out, black_box(&message));
            client.refill(&mut out);
            if out.len() >= 128 * 1024 {
                out.clear();
            }
        }
    });
}

/// Typical JSON, compressed with context takeover, and its decompressed size in bytes.
fn compressed_json() -> (Vec<Vec<u8>>, usize) {
    let mut deflater = Compress::new_with_window_bits(Compression::new(6), false, 15);
    let mut size = 0;
    let messages = (0..FRAMES).map(|n| {
        let text = format!(
            r#"{{"type":"tick","seq":{n},"data":{{"symbol":"ACME","price":{}.5,"size":{},"side":"buy","at":"2026-01-01T00:00:{:02}Z"}}}}"#,
            n * 7919 % 1000, n * 31 % 97, n % 60,
        );
        size += text.len();
        let mut deflated = Vec::with_capacity(1024);
        deflater
            .compress_vec(text.as_bytes(), &mut deflated, FlushCompress::Sync)
            .expect("it deflates");
        deflated
    });
    let messages: Vec<_> = messages.collect();
    (messages, size)
}

/// Decodes compressed JSON messages from a stream; compare with [`inflate_alone`].
#[divan::bench]
fn receive_compressed(bencher: Bencher) {
    let (messages, size) = compressed_json();
    let mut stream = Vec::new();
    for message in &messages {
        put_frame(
            &mut stream,
            WHOLE_TEXT | 0x40,
            &message[..message.len() - 4],
        );
    }
    bencher
        .counter(ItemsCount::new(FRAMES))
        .with_inputs(|| BytesMut::from(&stream[..]))
        .bench_local_values(|mut input| {
            let mut client = wire(Role::Client, true);
            assert_eq!(taken(&mut client, &mut input), size);
        });
}

/// Only inflates the same bytes, with flate2 in a loop.
#[divan::bench]
fn inflate_alone(bencher: Bencher) {
    let (messages, size) = compressed_json();
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let mut inflater = Decompress::new_with_window_bits(false, 15);
        let mut inflated = Vec::with_capacity(1024);
        let mut total = 0;
        for message in &messages {
            inflated.clear();
            inflater
                .decompress_vec(message, &mut inflated, FlushDecompress::Sync)
                .expect("it inflates");
            total += black_box(&inflated).len();
        }
        assert_eq!(total, size);
    });
}

/// Escapes a text for a terminal.
#[divan::bench(args = ["plain", "accents", "escapes"])]
fn escaping(bencher: Bencher, kind: &str) {
    let unit = match kind {
        "plain" => "nothing in here needs to be escaped at all; ",
        "accents" => "à la recherche du temps perdu, où l'été dure; ",
        _ => "some \x1b[31mred\x1b[0m words and a \u{202e}reversed one; ",
    };
    let text = unit.repeat(1000);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| escape(black_box(&text), KeptControls::Lines).len());
}

/// Pretty-prints JSON in colour and escapes it for a terminal.
#[divan::bench]
fn pretty_json(bencher: Bencher) {
    let item =
        r#"{"id":184467440737095516,"name":"a name","tags":["x","yy"],"price":12.50,"on":true}"#;
    let text = format!("[{}]", vec![item; 2000].join(","));
    let style = JsonStyle {
        colour: true,
        ..JsonStyle::default()
    };
    let mut out = Vec::new();
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| {
            out.clear();
            reindent(&mut out, black_box(&text), &style, true).expect("it is JSON");
            out.len()
        });
}

/// Matches a message against a pattern.
#[divan::bench(args = [r#"{"type":"tick","data":{"symbol":"ACME"}}"#, "/ACME.*42/", ".data.price > 40"])]
fn pattern(bencher: Bencher, pattern: &str) {
    let pattern = Pattern::parse(pattern).expect("a pattern");
    let message = r#"{"type":"tick","seq":18,"data":{"symbol":"ACME","price":42.5,"at":"2026-01-01T00:00:00Z"}}"#;
    assert!(pattern.is_match(message));
    bencher.bench_local(|| pattern.is_match(black_box(message)));
}

#[divan::bench(args = ["matching none", "matching the last"])]
fn a_hundred_rules(bencher: Bencher, kind: &str) {
    let rule = |n: usize| {
        let pattern = format!(r#"{{"type":"kind-{n}"}}"#);
        let answer = Answer::parse("pong", Template::parse).expect("an answer");
        Rule::new(Pattern::parse(&pattern).expect("a pattern"), answer)
    };
    let rules: Vec<Rule> = (0..100).map(rule).collect();
    let number = if kind == "matching none" { 100 } else { 99 };
    let text = format!(r#"{{"type":"kind-{number}","id":184467440737,"price":12.5,"on":true}}"#);
    let message = Payload::Text(format!("{text:64}").into());
    let variables = Variables::default();
    bencher
        .counter(ItemsCount::new(1usize))
        .bench_local(|| respond(&rules, black_box(&message), &variables));
}
