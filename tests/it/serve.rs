//! `serve`: an echo server to test against.

use std::thread;
use std::time::Instant;

use crate::harness::{Client, Frame, Opcode, Probe, ms, plain_get, serve};

#[test]
fn texts_and_binaries_come_back_as_they_went() {
    let (_serving, url) = serve(&[]);
    let mut client = Client::connect(&url);
    let large = vec![0xa5; 1_000_000];
    for frame in [
        Frame::text("hi"),
        Frame::text(""),
        Frame::text("grüße\n\0"),
        Frame::binary(b"\x00\xff"),
        Frame::binary(large),
    ] {
        client.send(&frame);
        assert_eq!(client.message(), frame);
    }
}

#[test]
fn a_fragmented_message_comes_back_as_one() {
    let (_serving, url) = serve(&["--mode", "echo"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("one ").unfinished());
    client.send(&Frame::new(Opcode::Ping, "between"));
    client.send(&Frame::continuation("message"));
    assert_eq!(client.frame(), Frame::new(Opcode::Pong, "between"));
    assert_eq!(client.message(), Frame::text("one message"));
}

#[test]
fn a_close_is_answered_with_its_code_and_the_server_ends_tcp() {
    let (_serving, url) = serve(&[]);
    let mut client = Client::connect(&url);
    client.send(&Frame::close(4000, "bye"));
    assert_eq!(
        client.frame().close_code().map(|(code, _)| code),
        Some(4000)
    );
    client.expect_end();
}

#[test]
fn two_clients_are_served_at_once() {
    let (_serving, url) = serve(&[]);
    let mut first = Client::connect(&url);
    let mut second = Client::connect(&url);
    second.send(&Frame::text("second"));
    assert_eq!(second.message(), Frame::text("second"));
    first.send(&Frame::text("first"));
    assert_eq!(first.message(), Frame::text("first"));
}

#[test]
fn many_clients_are_served_at_once() {
    let (_serving, url) = serve(&[]);
    thread::scope(|scope| {
        for n in 0..8 {
            let url = &url;
            scope.spawn(move || {
                let mut client = Client::connect(url);
                let message = Frame::text(format!("client {n}").repeat(10_000));
                client.send(&message);
                assert_eq!(client.message(), message);
            });
        }
    });
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_so_and_hurts_nobody_else() {
    let (_serving, url) = serve(&[]);
    let mut other = Client::connect(&url);
    let mut client = Client::connect(&url);
    client.send_raw(b"\x81\x02hi"); // not masked
    assert_eq!(
        client.frame().close_code().map(|(code, _)| code),
        Some(1002)
    );
    other.send(&Frame::text("fine"));
    assert_eq!(other.message(), Frame::text("fine"));
}

#[test]
fn a_plain_request_is_answered_in_http() {
    let (_serving, url) = serve(&[]);
    let answer = plain_get(&url, "");
    let status = answer.split(' ').nth(1).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 ") && ["200", "426"].contains(&status),
        "{answer}"
    );
    assert!(answer.contains("\r\n\r\n"), "{answer}");
}

#[test]
fn a_version_it_does_not_speak_is_refused_with_the_one_it_does() {
    let (_serving, url) = serve(&[]);
    let headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let answer = plain_get(&url, headers).to_lowercase();
    assert!(answer.starts_with("http/1.1 4"), "{answer}");
    assert!(answer.contains("sec-websocket-version: 13"), "{answer}");
}

#[test]
fn json_announces_the_address_on_stdout() {
    let mut serving = Probe::new(["serve", "0", "--json"])
        .any_stdout()
        .any_stderr()
        .spawn();
    let event: serde_json::Value = serde_json::from_str(&serving.line()).unwrap();
    assert_eq!(event["event"], "listening");
    let mut client = Client::connect(event["url"].as_str().unwrap());
    client.send(&Frame::text("hi"));
    assert_eq!(client.message(), Frame::text("hi"));
}

#[test]
fn an_interrupt_ends_it_and_tells_its_clients() {
    let (mut serving, url) = serve(&[]);
    let mut client = Client::connect(&url);
    serving.interrupt();
    assert_eq!(
        client.frame().close_code().map(|(code, _)| code),
        Some(1001)
    );
    client.send(&Frame::close(1001, ""));
    serving.status(130);
}

#[test]
fn a_port_in_use_is_named() {
    let (_serving, url) = serve(&[]);
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    let output = Probe::new(["serve", port])
        .stderr_has(port)
        .stderr_has("in use")
        .fails();
    assert!(output.stderr.starts_with("wsprobe: "), "{}", output.stderr);
}

#[test]
fn an_address_that_is_none_is_bad_usage() {
    for address in ["99999", "nonsense:x", ""] {
        Probe::new(["serve", address]).stderr_has(address).status(2);
    }
}

#[test]
fn the_other_verbs_talk_to_it() {
    let (_serving, url) = serve(&[]);
    Probe::new(["send", &url, "hi", "there"])
        .stdout("hi\nthere\n")
        .stderr("")
        .status(0);
    Probe::new(["ping", &url, "-c", "1"])
        .stdout_has("1 received")
        .status(0);
    let subprotocol = ["-s", "chat"];
    Probe::new(["send", &url, "hi"])
        .args(subprotocol)
        .stdout("hi\n")
        .status(0);
    let large = "x".repeat(5_000_000) + "\n";
    Probe::new(["send", &url])
        .stdin(&large)
        .stdout(&large)
        .status(0);
}

/// A client that has sent as much as the server accepts and reads nothing.
fn deaf(url: &str) -> Client {
    let mut client = Client::connect(url);
    client.send_until_stuck(&Frame::binary(vec![0xa5; 1_000_000]));
    client
}

#[test]
fn a_client_that_does_not_read_delays_an_interrupt_only_by_the_limit() {
    let (mut serving, url) = serve(&[]);
    let _client = deaf(&url);
    serving.interrupt();
    serving.status(130);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut serving, url) = serve(&[]);
    let mut client = Client::connect(&url);
    serving.interrupt();
    assert_eq!(
        client.frame().close_code().map(|(code, _)| code),
        Some(1001)
    );
    // The close is never answered: without the second signal the server would wait for 2 s.
    let begun = Instant::now();
    serving.terminate();
    serving.status(130);
    assert!(begun.elapsed() < ms(1500), "{:?}", begun.elapsed());
}

#[test]
fn an_address_that_cannot_be_told_is_23() {
    Probe::new(["serve", "0", "--json"])
        .stdout_to("/dev/full")
        .stderr_has("wsprobe: cannot write output")
        .status(23);
}

#[test]
fn a_key_that_is_no_nonce_is_refused() {
    let (_serving, url) = serve(&[]);
    let headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: not base64 but 24 long!!\r\n";
    let answer = plain_get(&url, headers);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
