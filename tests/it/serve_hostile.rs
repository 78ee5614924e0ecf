//! Clients that misbehave: `serve` answers each by the protocol, reports it, and continues to serve others.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use crate::harness::{Client, Frame, Probe, plain_get};

/// A request without its last line; each test adds or removes something.
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A replaced part of the request, the status of the response, and a part of its body.
const REQUESTS: [(&str, &str, u16, &str); 14] = [
    ("HTTP/1.1", "HTTP/1.0", 400, "requires HTTP/1.1"),
    ("HTTP/1.1", "HTTP/2.0", 400, "invalid HTTP version"),
    ("GET / HTTP/1.1", "\x16\x03\x01", 400, "malformed HTTP"),
    (
        "GET / HTTP/1.1",
        "GET /\x1b[2J HTTP/1.1",
        400,
        "malformed HTTP",
    ),
    ("GET", "POST", 405, "Only GET and HEAD are supported"),
    ("Host: h\r\n", "", 400, "exactly one Host"),
    (
        "Host: h\r\n",
        "Host: h\r\nHost: i\r\n",
        400,
        "exactly one Host",
    ),
    (
        "Host: h\r\n",
        "Host: h\r\nX: \x1b[2J\r\n",
        400,
        "invalid header value",
    ),
    (
        "Host: h\r\n",
        "Host: h\r\nno colon\r\n",
        400,
        "invalid header name",
    ),
    (
        "Version: 13",
        "Version: 8",
        426,
        "Only WebSocket version 13 is supported",
    ),
    (
        "Version: 13",
        "Version: 13\r\nSec-WebSocket-Version: 8",
        426,
        "Only WebSocket version 13 is supported",
    ),
    (
        "Sec-WebSocket-Key: ",
        "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\nSec-WebSocket-Key: ",
        400,
        "exactly one Sec-WebSocket-Key",
    ),
    (
        "dGhlIHNhbXBsZSBub25jZQ==",
        "short",
        400,
        "exactly one Sec-WebSocket-Key",
    ),
    (
        "Version: 13",
        "Version: 13\r\nSec-WebSocket-Extensions: ;;=",
        400,
        "not a list of extensions",
    ),
];

/// The frames of a client (with a mask of zeros), the close code it receives, and the text that is printed.
const FRAMES: [(&[u8], Option<u16>, &str); 30] = [
    (b"\x81\x02hi", Some(1002), "an unmasked frame"),
    (b"\x83\x80\0\0\0\0", Some(1002), "reserved opcode 0x3"),
    (b"\x8b\x80\0\0\0\0", Some(1002), "reserved opcode 0xb"),
    (b"\xc1\x80\0\0\0\0", Some(1002), "RSV1"),
    (b"\xa1\x80\0\0\0\0", Some(1002), "RSV2"),
    (b"\x91\x80\0\0\0\0", Some(1002), "RSV3"),
    (
        b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0",
        Some(1002),
        "declared a frame of 9,223,372,036,854,775,808 bytes",
    ),
    (
        b"\x82\xff\x40\0\0\0\0\0\0\0\0\0\0\0",
        Some(1009),
        "message of at least 4,611,686,018,427,387,904 bytes exceeds --max-size",
    ),
    (
        b"\x82\xff\0\0\0\0\0\x10\0\x01\0\0\0\0",
        Some(1009),
        "exceeds --max-size 1,048,576",
    ),
    (
        b"\x02\xfe\xff\xff\0\0\0\0",
        None,
        "in the middle of a message (0 bytes received)",
    ),
    (
        b"\x82\xfe\0\x05\0\0\0\0hello",
        Some(1002),
        "the length 5 in more bytes than needed",
    ),
    (
        b"\x81\x81\0\0\0\0\xff",
        Some(1007),
        "a text message that is not valid UTF-8",
    ),
    (
        b"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0(",
        Some(1007),
        "a text message that is not valid UTF-8",
    ),
    (b"\x09\x80\0\0\0\0", Some(1002), "a fragmented ping frame"),
    (
        b"\x89\xfe\0\x7e\0\0\0\0",
        Some(1002),
        "a ping frame with an extended length; a control frame has at most 125 bytes",
    ),
    (
        b"\x88\xfe\0\x7e\0\0\0\0",
        Some(1002),
        "a close frame with an extended length; a control frame has at most 125 bytes",
    ),
    (b"\x80\x80\0\0\0\0", Some(1002), "no message to continue"),
    (
        b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0",
        Some(1002),
        "before the previous one was finished",
    ),
    (b"\x88\x81\0\0\0\0x", Some(1002), "a payload of one byte"),
    (b"\x88\x82\0\0\0\0\0\0", Some(1002), "closed with code 0,"),
    (
        b"\x88\x82\0\0\0\0\x03\xe7",
        Some(1002),
        "closed with code 999,",
    ),
    (
        b"\x88\x82\0\0\0\0\x03\xee",
        Some(1002),
        "closed with code 1006,",
    ),
    (
        b"\x88\x82\0\0\0\0\x13\x88",
        Some(1002),
        "closed with code 5000,",
    ),
    (
        b"\x88\x83\0\0\0\0\x03\xe8\xff",
        Some(1007),
        "a reason that is not valid UTF-8",
    ),
    (b"\x88\x82\0\0\0\0\x03\xf6", Some(1014), ""),
    (
        b"\x01\x83\0\0\0\0abc\x88\x82\0\0\0\0\x03\xe8",
        Some(1000),
        "the client closed in the middle of a message (3 bytes received) with 1000",
    ),
    (
        b"\x01\x83\0\0\0\0abc",
        None,
        "in the middle of a message (3 bytes received)",
    ),
    (
        b"\x81\xb2\0\0\0\0abc",
        None,
        "in the middle of a message (3 bytes received)",
    ),
    (b"\x81", None, "in the middle of a frame"),
    (b"", None, "lost without a close frame (1006)"),
];

#[test]
fn a_request_that_is_none_is_answered_in_its_terms() {
    let (mut serving, url) = serving();
    for (from, to, status, told) in REQUESTS {
        let request = REQUEST.replacen(from, to, 1) + "\r\n";
        let mut tcp = dial(&url);
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        let begins = answer.starts_with(&format!("HTTP/1.1 {status} "));
        assert!(begins && answer.contains(told), "{to:?}: {answer}");
    }
    is_well(&url);
    serving.interrupt();
    let output = serving.status(130);
    let events = output.events();
    let refused = events.iter().filter(|event| event["event"] == "refused");
    assert_eq!(refused.count(), REQUESTS.len());
}

#[test]
fn a_client_that_breaks_a_rule_is_told_its_code_and_told_of_in_its_terms() {
    let (mut serving, url) = serving();
    for (bytes, code, told) in FRAMES {
        let mut client = Client::connect(&url);
        client.send_raw(bytes);
        if let Some(code) = code {
            let close = client.frame();
            let heard = close.close_code().map(|(code, _)| code);
            assert_eq!(heard, Some(code), "{told}");
        }
        let tcp = client.into_tcp();
        tcp.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = (&tcp).read_to_end(&mut rest);
        assert_eq!(rest, b"", "{told}");
    }
    is_well(&url);
    serving.interrupt();
    let output = serving.status(130);
    let events = output.events();
    let closes = events.iter().filter(|event| event["event"] == "close");
    let mut closes: Vec<_> = closes.collect();
    closes.sort_by_key(|event| event["conn"].as_u64());
    assert_eq!(closes.len(), FRAMES.len() + 1);
    for (close, (_, code, told)) in closes.iter().zip(FRAMES) {
        let error = close["error"].as_str().unwrap_or_default();
        assert!(error.contains(told), "{told:?} in {error:?}");
        assert!(code.is_some() || close["code"] == 1006, "{close}");
    }
}

#[test]
fn half_requests_hold_nobody_up() {
    let (_serving, url) = serving();
    let half: Vec<TcpStream> = std::iter::repeat_with(|| dial(&url)).take(200).collect();
    for mut tcp in &half {
        tcp.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    }
    is_well(&url);
    assert!(plain_get(&url, "").starts_with("HTTP/1.1 200 "));
}

fn serving() -> (crate::harness::Running, String) {
    let mut serving = Probe::new(["serve", "0", "--json", "--max-size", "1MiB"])
        .any_stdout()
        .any_stderr()
        .spawn();
    let event: serde_json::Value = serde_json::from_str(&serving.line()).unwrap();
    let url = event["url"].as_str().unwrap().to_owned();
    (serving, url)
}

fn dial(url: &str) -> TcpStream {
    TcpStream::connect(url.trim_start_matches("ws://").trim_end_matches('/')).unwrap()
}

/// This client is served after all others.
#[track_caller]
fn is_well(url: &str) {
    let mut client = Client::connect(url);
    client.send(&Frame::text("fine"));
    assert_eq!(client.message(), Frame::text("fine"));
    client.send(&Frame::close(1000, ""));
    client.expect_close_and_end();
}
