//! `check URL`: one line per check, pass or fail.

use crate::harness::{Certificate, Frame, Nobody, Probe, Server};

#[test]
fn a_healthy_endpoint_passes_with_a_line_a_fact() {
    let server = Server::new().accept().answer_ping().close_when_asked();
    let output = Probe::new(["check", &server.url()])
        .stdout_has("✓ handshake     101 Switching Protocols in")
        .stdout_has("✓ accept key")
        .stdout_has("✓ subprotocol   none chosen")
        .stdout_has("✓ compression   none negotiated")
        .stdout_has("✓ ping")
        .stdout_has("✓ close         1000 (Normal Closure)")
        .stdout_has("6 checks passed")
        .stdout_lacks("✗")
        .status(0);
    assert_eq!(output.text().lines().count(), 7, "{}", output.text());
}

#[test]
fn a_message_is_sent_and_one_expected_between_others() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .expect_text("hi")
        .send_text("noise")
        .send_text("{\"a\":1,\"b\":2}")
        .close_when_asked();
    Probe::new([
        "check",
        &server.url(),
        "--send",
        "hi",
        "--expect",
        "{\"a\":1}",
    ])
    .stdout_has("✓ message       {\"a\":1,\"b\":2}")
    .status(0);
}

#[test]
fn a_message_without_a_reply_fails() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .expect_text("hi")
        .close_when_asked();
    Probe::new(["check", &server.url(), "--send", "hi", "-w", "200ms"])
        .stdout_has("✗ reply")
        .stdout_has("within 200 ms")
        .status(1);
}

#[test]
fn a_near_miss_is_shown_and_cannot_move_the_cursor() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .send_text("{\"a\":\"\\u001b[2J\", \"b\":\"\u{9b}2J\"}")
        .close_when_asked();
    Probe::new([
        "check",
        &server.url(),
        "--expect",
        "{\"a\":1}",
        "-w",
        "200ms",
    ])
    .stdout_has("✗ message")
    .stdout_has("\\u{9b}2J")
    .stdout_has(".a: expected 1")
    .stdout_lacks("\u{9b}")
    .stdout_lacks("\u{1b}")
    .status(1);
}

#[test]
fn an_expected_refusal_passes_and_another_fails_with_its_body() {
    let server = Server::new().refuse("401 Unauthorized", "", "");
    Probe::new(["check", &server.url(), "--expect-status", "401"])
        .stdout_has("✓ handshake     401 Unauthorized")
        .stdout_has("1 check passed")
        .status(0);
    let server = Server::new().refuse("403 Forbidden", "", "token expired");
    Probe::new(["check", &server.url(), "--expect-status", "401"])
        .stdout_has("✗ handshake     the server answered 403 Forbidden, expected status 401")
        .stdout_has("token expired")
        .status(1);
    let server = Server::new().accept().close_when_asked();
    Probe::new(["check", &server.url(), "--expect-status", "401"])
        .stdout_has("✗ handshake")
        .stdout_has("expected status 401")
        .status(1);
}

#[test]
fn nobody_there_is_a_failure_like_any_other() {
    let nobody = Nobody::listens();
    Probe::new(["check", &nobody.url()])
        .stdout_has("✗ handshake")
        .stdout_has("1 of 1 check failed")
        .status(1);
}

#[test]
fn a_wrong_accept_key_has_its_own_line() {
    let server = Server::new().answer_raw(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    );
    Probe::new(["check", &server.url()])
        .stdout_has("✗ accept key")
        .status(1);
}

#[test]
fn the_close_and_the_subprotocol_can_be_expected() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: chat\r\n")
        .answer_ping()
        .expect_text("bye")
        .close(4001, "see you");
    Probe::new(["check", &server.url(), "-s", "chat", "--send", "bye"])
        .args([
            "--expect-subprotocol",
            "chat",
            "--expect-close",
            "4001 /see/",
        ])
        .stdout_has("✓ subprotocol   chat")
        .stdout_has("✓ close         4001 (Private Use): see you")
        .status(0);
    let server = Server::new().accept().answer_ping().close_when_asked();
    Probe::new(["check", &server.url(), "--expect-subprotocol", "chat"])
        .stdout_has("✗ subprotocol")
        .status(1);
    for offer in [["-s", "nope"], ["-H", "Sec-WebSocket-Protocol: nope"]] {
        let server = Server::new().accept().answer_ping().close_when_asked();
        Probe::new(["check", &server.url()])
            .args(offer)
            .any_stderr()
            .stdout_has("✗ subprotocol   none chosen of those that were offered")
            .status(1);
    }
}

#[test]
fn a_slow_handshake_fails() {
    let server = Server::new().accept().answer_ping().close_when_asked();
    Probe::new(["check", &server.url(), "--max-handshake", "0.000001"])
        .stdout_has("✗ handshake     101 after")
        .stdout_has("0.001 ms")
        .stdout_has("✓ ping")
        .status(1);
}

#[test]
fn a_certificate_is_a_fact_and_a_plain_connection_has_none() {
    let server = Server::tls(Certificate::good())
        .accept()
        .answer_ping()
        .close_when_asked();
    Probe::new(["check", &server.url(), "--cacert", &server.authority()])
        .stdout_has("✓ certificate   trusted")
        .status(0);
    let server = Server::new().accept().answer_ping().close_when_asked();
    Probe::new(["check", &server.url(), "--min-cert-days", "14"])
        .stdout_has("✗ certificate   no certificate: the connection is not encrypted")
        .status(1);
}

#[test]
fn a_token_in_the_url_is_a_warning_without_the_token() {
    let server = Server::new().accept().answer_ping().close_when_asked();
    Probe::new(["check", &server.url_of("/?token=hunter2hunter2")])
        .any_stdout()
        .stdout_lacks("hunter2")
        .stderr_has("warning: token in the URL")
        .stderr_lacks("hunter2")
        .status(0);
}

#[test]
fn facts_are_test_events_and_a_summary() {
    let server = Server::new().accept().answer_ping().close_when_asked();
    let output = Probe::new(["check", "--json", &server.url()])
        .any_stdout()
        .status(0);
    let events = output.events();
    let names: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "test")
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "handshake",
            "accept key",
            "subprotocol",
            "compression",
            "ping",
            "close"
        ]
    );
    let summary = events.last().unwrap();
    assert_eq!(summary["event"], "summary");
    assert_eq!(
        (&summary["tests"], &summary["exit"]),
        (&6.into(), &0.into())
    );
    assert!(events.iter().any(|event| event["event"] == "open"));
}

#[test]
fn two_urls_or_a_mistake_in_one_are_bad_usage() {
    let server = Server::new().expect_nobody();
    Probe::new(["check", &server.url(), &server.url()])
        .stderr_has("expected one URL, or check files only")
        .status(2);
    Probe::new(["check", "ftp://x/"]).any_stderr().status(2);
    Probe::new(["check", &server.url(), "--cacert", "/no/such/file"])
        .stderr_has("/no/such/file")
        .status(2);
}

#[test]
fn a_ping_that_the_expected_close_leaves_no_time_for_is_skipped() {
    for _ in 0..5 {
        let server = Server::new().accept().close(4000, "");
        Probe::new(["check", &server.url(), "--expect-close", "4000"])
            .stdout_has("– ping")
            .stdout_has("✓ close         4000")
            .stdout_has("5 checks passed, 1 skipped")
            .status(0);
    }
}

#[test]
fn a_close_that_nobody_asked_for_is_shown_with_what_came_before_it() {
    let frames = [Frame::text("go away"), Frame::close(4001, "good day")];
    let server = Server::new().accept().send_frames(&frames);
    Probe::new(["check", &server.url()])
        .stdout_has("✗ close")
        .stdout_has("4001 (Private Use): good day")
        .stdout_has("last message: go away")
        .status(1);
    let frames = [Frame::text("bye"), Frame::close(1000, "")];
    let server = Server::new().accept().send_frames(&frames);
    Probe::new(["check", &server.url()])
        .stdout_has("! close         1000 (Normal Closure): closed by the server after bye")
        .stdout_lacks("✓ close")
        .status(0);
}

#[test]
fn facts_are_left_out() {
    let server = Server::new().accept().expect_close(1000).silent();
    Probe::new(["check", &server.url(), "--skip", "ping,close,accept-key"])
        .args(["--close-timeout", "100ms"])
        .stdout_has("3 checks passed")
        .stdout_lacks("ping")
        .stdout_lacks("close")
        .stdout_lacks("accept key")
        .status(0);
    Probe::new(["check", "ws://127.0.0.1:9/", "--skip", "pong"])
        .stderr_has("pong")
        .status(2);
}
