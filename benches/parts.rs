//! The parts that are ours and lie on the path of every message, each on its own.
//!
//! `cargo bench --bench parts`. How the whole command compares is another question: CONTRIBUTING, "Where
//! the time goes".

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use wsprobe::connection::wire::frame::{Header, Role, WHOLE_TEXT};
use wsprobe::connection::wire::masking::MaskingKeys;
use wsprobe::connection::wire::outbox::Outbox;
use wsprobe::connection::wire::tap::{Settings, Tap};
use wsprobe::output::escape::{Keep, escape};
use wsprobe::output::json::{Style, reindent};
use wsprobe::pattern::Pattern;

fn main() {
    divan::main();
}

/// Frames in a run.
const FRAMES: usize = 1000;

/// Messages taken out of a stream of unmasked frames, past the library.
#[divan::bench(args = [64, 1024, 16_384])]
fn receive(bencher: Bencher, size: usize) {
    let payload = Bytes::from(vec![b'x'; size]);
    let mut stream = Vec::new();
    for _ in 0..FRAMES {
        let header = Header {
            first: WHOLE_TEXT,
            mask: None,
            payload: size as u64,
        };
        header.write(&mut stream);
        stream.extend_from_slice(&payload);
    }
    let settings = Settings {
        rsv1: false,
        max_message: 1 << 20,
        trace: false,
    };
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let mut tap = Tap::new(&stream[..], Role::Client, settings, Bytes::new());
        let mut cx = Context::from_waker(Waker::noop());
        let mut taken = 0;
        while let Poll::Ready(Some(message)) = tap.poll_whole(&mut cx) {
            taken += black_box(message).len();
        }
        assert_eq!(taken, FRAMES * size);
    });
}

/// Messages masked and put into the outbox, and taken from there.
#[divan::bench(args = [64, 1024, 65_536])]
fn send(bencher: Bencher, size: usize) {
    let payload = Bytes::from(vec![b'x'; size]);
    let mut keys = MaskingKeys::default();
    let mut outbox = Outbox::new(tokio::io::sink());
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..FRAMES {
            let header = Header {
                first: WHOLE_TEXT,
                mask: Some(keys.next_key()),
                payload: size as u64,
            };
            outbox.put(&header, black_box(&payload), || payload.clone());
            if outbox.is_full() {
                assert!(Pin::new(&mut outbox).poll_leave(&mut cx).is_ready());
            }
        }
    });
}

/// A text made safe for a terminal.
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
        .bench_local(|| escape(black_box(&text), Keep::Lines).len());
}

/// JSON laid out for reading, in colour and safe for a terminal.
#[divan::bench]
fn pretty_json(bencher: Bencher) {
    let item =
        r#"{"id":184467440737095516,"name":"a name","tags":["x","yy"],"price":12.50,"on":true}"#;
    let text = format!("[{}]", vec![item; 2000].join(","));
    let style = Style {
        colour: true,
        ..Style::default()
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

/// A message held against a pattern.
#[divan::bench(args = [r#"{"type":"tick","data":{"symbol":"ACME"}}"#, "/ACME.*42/", ".data.price > 40"])]
fn pattern(bencher: Bencher, pattern: &str) {
    let pattern = Pattern::parse(pattern).expect("a pattern");
    let message = r#"{"type":"tick","seq":18,"data":{"symbol":"ACME","price":42.5,"at":"2026-01-01T00:00:00Z"}}"#;
    assert!(pattern.is_match(message));
    bencher.bench_local(|| pattern.is_match(black_box(message)));
}
