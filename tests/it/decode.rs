//! `--decode`: binary messages as text and JSON, everywhere that messages are looked at.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::harness::{Probe, Server};

/// `{"id":7,"name":"a b"}` as MessagePack.
const PACKED: &[u8] = b"\x82\xa2id\x07\xa4name\xa3a b";
const JSON: &str = r#"{"id":7,"name":"a b"}"#;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The messages of one zlib stream.
pub fn zlib_stream(contents: &[&str]) -> Vec<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let flushed = contents.iter().map(|content| {
        encoder.write_all(content.as_bytes()).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    });
    flushed.collect()
}

fn sends(message: impl AsRef<[u8]>) -> Server {
    Server::new()
        .accept()
        .send_text("a text")
        .send_binary(message)
        .close_when_asked()
}

/// A message that would take too long is refused by its head.
#[test]
fn a_message_of_very_many_values_is_shown_as_received() {
    let count = 10_000_001_u32;
    for (format, head, value) in [
        ("msgpack", 0xdd, 0xc0),
        ("msgpack", 0xdf, 1),
        ("cbor", 0x9a, 1),
        ("cbor", 0xba, 1),
    ] {
        let mut message = vec![head];
        message.extend(count.to_be_bytes());
        message.resize(message.len() + count as usize, value);
        let server = Server::new()
            .accept()
            .send_binary(&message)
            .close(1000, "")
            .expect_close(1000);
        Probe::new(["listen", &server.url(), "--decode", format])
            // Ten megabytes need not be printed.
            .args(["--filter", "x"])
            .stderr_has("has more than 10,000,000 values; it is shown as received")
            .status(0);
    }
}

#[test]
fn what_was_decoded_is_printed_matched_and_selected() {
    for (format, message) in [
        ("msgpack", PACKED.to_vec()),
        ("gzip,msgpack", gzip(PACKED)),
        ("gzip", gzip(JSON.as_bytes())),
    ] {
        let server = sends(message);
        Probe::new(["listen", &server.url(), "--decode", format])
            .args(["--until", ".id == 7"])
            .stdout(format!("a text\n{JSON}\n"))
            .status(0);
    }
    let server = sends(PACKED);
    Probe::new(["listen", "-1", &server.url(), "--decode", "msgpack"])
        .args(["--filter", r#"{"id":7}"#, "--select", ".name"])
        .stdout("a b\n")
        .status(0);
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_binary(PACKED)
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--decode", "msgpack"])
        .args(["--expect", r#"{"id":8}"#, "-w", "200ms"])
        .stdout(format!("{JSON}\n"))
        .stderr_has(&format!("closest: {JSON}"))
        .stderr_has(".id: expected 8, got 7")
        .status(1);
    // The pattern of bytes still sees the message as it came.
    let server = sends(PACKED);
    Probe::new(["listen", &server.url(), "--decode", "msgpack"])
        .args(["--until", "hex:82 …"])
        .any_stdout()
        .status(0);
}

#[test]
fn events_have_the_bytes_the_text_and_the_json() {
    let server = sends(PACKED);
    Probe::new(["listen", "--json", &server.url(), "--decode", "msgpack"])
        .args(["-c", "2"])
        .stdout_has(concat!(
            r#""type":"binary","bytes":14,"data":"gqJpZAekbmFtZaNhIGI=","encoding":"base64","#,
            r#""decoded":"{\"id\":7,\"name\":\"a b\"}","json":{"id":7,"name":"a b"}"#
        ))
        .status(0);
    // A large one is written piece by piece.
    let long = format!("[\"{}\"]", "é".repeat(40_000));
    let server = sends(gzip(long.as_bytes()));
    Probe::new(["listen", "--json", &server.url(), "--decode", "gzip"])
        .args(["-c", "2"])
        .stdout_has(&format!(
            r#""encoding":"base64","decoded":"{}","json":{long}"#,
            long.replace('"', "\\\"")
        ))
        .status(0);
}

#[test]
fn what_does_not_decode_is_shown_as_it_came() {
    let server = Server::new()
        .accept()
        .send_binary(b"\xc1")
        .send_binary(b"\xc1\xc1")
        .send_binary(PACKED)
        .close_when_asked();
    Probe::new(["listen", "-c", "3", &server.url(), "--decode", "msgpack"])
        .stdout([b"\xc1\xc1\xc1\n", JSON.as_bytes(), b"\n"].concat())
        .stderr_has("a message of 1 byte is not msgpack: unused marker c1 at byte 0")
        .stderr_has("2 messages of this connection were not msgpack")
        .status(0);
}

#[test]
fn a_message_that_is_too_large_when_decoded_ends_the_connection() {
    let bomb = gzip(&vec![b' '; 1 << 20]);
    let server = Server::new().accept().send_binary(bomb).expect_close(1009);
    Probe::new(["listen", &server.url(), "--decode", "gzip"])
        .args(["--max-size", "100k", "--reconnect"])
        .stderr_has("message exceeds --max-size 102,400 when decoded (gzip)")
        .status(63);
    let bomb = gzip(&vec![b' '; 1 << 20]);
    let server = Server::new().accept().send_binary(bomb).expect_close(1009);
    Probe::new(["listen", "--json", &server.url(), "--decode", "gzip"])
        .args(["--max-size", "100k"])
        .stdout_has(r#""error":"message exceeds --max-size 102,400 when decoded (gzip)""#)
        .stderr("hint: --max-size SIZE accepts larger messages\n")
        .status(63);
}

#[test]
fn a_stream_goes_on_over_messages_and_begins_anew_with_a_connection() {
    let first = zlib_stream(&["one", r#"{"n":2}"#]);
    let second = zlib_stream(&["three"]);
    let (before, after) = first[1].split_at(4);
    let server = Server::new()
        .accept()
        .send_binary(&first[0])
        .send_binary(before)
        .send_binary(after)
        .close(1011, "again")
        .expect_close(1011)
        .accept()
        .send_binary(&second[0])
        .close_when_asked();
    Probe::new(["listen", "-c", "3", &server.url(), "--reconnect"])
        .args(["--decode", "zlib-stream", "--backoff", "1ms..1ms"])
        .stdout("one\n{\"n\":2}\nthree\n")
        .any_stderr()
        .status(0);
}

#[test]
fn a_broken_stream_is_reported_once_and_an_incomplete_message_is_shown() {
    let stream = zlib_stream(&["one", "two"]);
    let server = Server::new()
        .accept()
        .send_binary(&stream[0])
        .send_binary(b"\xff\xff\xff\xff")
        .send_binary(b"x\n")
        .close(1000, "")
        .expect_close(1000);
    let at = stream[0].len();
    Probe::new(["listen", &server.url(), "--decode", "zlib-stream"])
        .stdout(b"one\n\xff\xff\xff\xffx\n")
        .stderr_has(&format!(
            "in the message that began at byte {at} of the stream"
        ))
        .status(0);
    let server = Server::new()
        .accept()
        .send_binary(&stream[0][..5])
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "--decode", "zlib-stream"])
        .stdout(&stream[0][..5])
        .stderr_has("the last message of 5 bytes is incomplete")
        .status(0);
}

#[test]
fn a_check_file_decodes_from_its_line_on() {
    let server = Server::new()
        .accept()
        .send_binary(PACKED)
        .send_binary(PACKED)
        .close_when_asked();
    let probe = Probe::new(["check"]);
    let file = probe.file(
        "x.wst",
        "connect {{base}}\n<hex 82 …\ndecode msgpack\n< {\"id\":7}\ncapture name = .name\nassert .name == \"{{name}}\"\n",
    );
    let base = format!("base={}", server.url());
    probe
        .args([&file, "--var", &base])
        .stdout_has("1 test passed")
        .status(0);
    // --decode holds for all connections.
    let server = sends(PACKED);
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", "connect {{base}}\n< {\"id\":8}\n");
    let base = format!("base={}", server.url());
    probe
        .args([&file, "--var", &base, "--decode", "msgpack", "-w", "200ms"])
        .stdout_has(&format!("< {JSON}"))
        .status(1);
    for (line, says) in [
        (
            "decode msgpakc",
            "x.wst:2: unknown format 'msgpakc'; did you mean 'msgpack'?",
        ),
        (
            "decode",
            "x.wst:2: missing argument: expected decode FORMAT,…",
        ),
    ] {
        let probe = Probe::new(["check"]);
        let file = probe.file("x.wst", format!("connect ws://127.0.0.1:1\n{line}\n"));
        probe.args([&file]).stderr_has(says).status(2);
    }
}

#[test]
fn a_reply_to_an_application_ping_is_decoded() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_binary(PACKED)
        .close_when_asked();
    Probe::new(["ping", &server.url(), "-c", "1", "--app", "hi"])
        .args(["--expect", r#"{"id":7}"#, "--decode", "msgpack"])
        .stdout_has("1 received")
        .status(0);
}

#[test]
fn an_unknown_format_is_bad_usage() {
    Probe::new(["listen", "ws://127.0.0.1:1", "--decode", "gzip,msgpak"])
        .stderr_has("--decode")
        .stderr_has("unknown format 'msgpak'; did you mean 'msgpack'?")
        .status(2);
}
