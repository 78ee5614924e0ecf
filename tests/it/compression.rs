//! permessage-deflate (RFC 7692): offers, negotiation, refusals and their output.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};
use serde_json::Value;

use crate::harness::{Probe, Server};

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
/// "Hello" in the bytes of RFC 7692 §7.2.3.1.
const HELLO: &[u8] = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";

/// The events of a message that the built-in server echoes.
fn echoed(args: &[&str], message: &str) -> Vec<Value> {
    let output = Probe::new(["send", "--json", "echo:"])
        .args(args)
        .args([message])
        .any_stdout()
        .spawn()
        .status(0);
    output.events()
}

fn event<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["event"] == name);
    found
        .next()
        .unwrap_or_else(|| panic!("no {name} event in {events:?}"))
}

#[test]
fn it_is_offered_as_browsers_do_unless_told_otherwise() {
    let offers: [(&[&str], &[&str]); 4] = [
        (&[], &["permessage-deflate; client_max_window_bits"]),
        (&["--no-compress"], &[]),
        (&["--compress", ""], &["permessage-deflate"]),
        (
            &[
                "--compress",
                "client_max_window_bits=10; server_no_context_takeover",
            ],
            &["permessage-deflate; client_max_window_bits=10; server_no_context_takeover"],
        ),
    ];
    for (args, expected) in offers {
        let server = Server::new()
            .accept()
            .expect_header("Sec-WebSocket-Extensions", expected)
            .close(1000, "")
            .expect_close(1000);
        Probe::new(["listen", &server.url()]).args(args).status(0);
    }
}

#[test]
fn an_offer_that_is_none_is_bad_usage() {
    for bad in [
        "client_max_window_bits=16",
        "no_such_parameter",
        "server_max_window_bits",
    ] {
        Probe::new(["listen", "ws://127.0.0.1:9/", "--compress", bad])
            .stderr_has(bad.split('=').next().unwrap())
            .status(2);
    }
}

#[test]
fn a_compressed_message_is_printed_as_it_was_written() {
    let server = Server::new()
        .accept_with(DEFLATE)
        .send_raw(HELLO)
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url()])
        .stdout("Hello\n")
        .status(0);
}

#[test]
fn every_setting_brings_a_message_back_as_it_went() {
    let text = "the same words, again and again: ".repeat(300);
    for parameters in [
        "",
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits=9",
        "client_max_window_bits=8",
        "client_max_window_bits=15; server_max_window_bits=15; server_no_context_takeover; client_no_context_takeover",
    ] {
        let events = echoed(&["--compress", parameters], &text);
        let received = events.iter().find(|event| event["dir"] == "in").unwrap();
        assert_eq!(received["data"], text, "{parameters}");
        let extensions = event(&events, "open")["extensions"].as_array().unwrap();
        assert!(
            extensions[0]
                .as_str()
                .unwrap()
                .starts_with("permessage-deflate")
        );
    }
}

#[test]
fn what_it_saves_is_told() {
    let text = "the same words, again and again: ".repeat(300);
    let (with, without) = (echoed(&[], &text), echoed(&["--no-compress"], &text));
    let wire = |events: &[Value]| event(events, "close")["wire_bytes"]["in"].as_u64().unwrap();
    assert!(
        wire(&with) * 10 < wire(&without),
        "{} {}",
        wire(&with),
        wire(&without)
    );
    assert_eq!(event(&with, "close")["in"]["bytes"], text.len());
    assert_eq!(
        event(&without, "open")["extensions"],
        Value::Array(Vec::new())
    );
}

#[test]
fn an_answer_that_breaks_the_rules_names_the_parameter() {
    for (answer, name) in [
        (
            "Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n",
            "x-webkit-deflate-frame",
        ),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n",
            "server_max_window_bits",
        ),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99\r\n",
            "client_max_window_bits",
        ),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; mystery\r\n",
            "mystery",
        ),
    ] {
        let server = Server::new().accept_with(answer).expect_hangup();
        Probe::new(["listen", &server.url()])
            .stderr_has(name)
            .status(8);
    }
    let server = Server::new().accept_with(DEFLATE).expect_hangup();
    Probe::new(["listen", "--no-compress", &server.url()])
        .stderr_has("not offered")
        .status(8);
}

#[test]
fn what_does_not_inflate_is_8_and_what_came_before_is_kept() {
    let server = Server::new()
        .accept_with(DEFLATE)
        .send_raw(HELLO)
        .send_raw(b"\xc1\x03\xff\xff\xff")
        .expect_close(1007);
    Probe::new(["listen", &server.url()])
        .stdout("Hello\n")
        .stderr_has("cannot be decompressed")
        .status(8);
}

#[test]
fn a_bomb_is_63_and_is_not_unpacked() {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 32 << 20]).unwrap();
    encoder.flush().unwrap();
    let mut packed = encoder.get_ref().clone();
    // Without the tail of the sync flush (RFC 7692 §7.2.1).
    packed.truncate(packed.len() - 4);
    let mut frame = vec![0xc2, 126];
    frame.extend(u16::try_from(packed.len()).unwrap().to_be_bytes());
    frame.extend(packed);
    let server = Server::new()
        .accept_with(DEFLATE)
        .send_raw(frame.leak())
        .expect_close(1009);
    Probe::new(["listen", "--max-size", "1MiB", &server.url()])
        .stderr_has("--max-size")
        .status(63);
}

#[test]
fn rsv1_without_an_agreement_is_8() {
    let server = Server::new().accept().send_raw(HELLO).expect_close(1002);
    Probe::new(["listen", &server.url()])
        .stderr_has("RSV1")
        .status(8);
}

#[test]
fn an_echoing_listener_sends_every_message_back_as_it_came() {
    let large = "x".repeat(200_000);
    let server = Server::new()
        .accept()
        .send_text("text")
        .expect_text("text")
        .send_binary(b"\x00\xff")
        .expect_binary(b"\x00\xff")
        .send_text("")
        .expect_text("")
        .send_text(&large)
        .expect_text(&large)
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "--echo", &server.url()])
        .any_stdout()
        .status(0);
}
