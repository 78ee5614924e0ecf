//! The closing handshake, from either side.

use crate::harness::{Frame, Opcode, Probe, Server, ms};

#[test]
fn an_unanswered_close_is_no_failure_once_the_reply_has_come() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .expect_close(1000)
        .silent();
    Probe::new(["send", &server.url(), "hi", "--close-timeout", "300ms"])
        .stdout("ok\n")
        .at_least(ms(300))
        .within(ms(3000))
        .status(0);
}

#[test]
fn an_unanswered_close_is_28_after_no_wait() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .expect_ping(16)
        .expect_close(1000)
        .silent();
    Probe::new([
        "send",
        &server.url(),
        "hi",
        "--no-wait",
        "--close-timeout",
        "300ms",
    ])
    .stderr_has(&server.url())
    .stderr_has("--close-timeout")
    .within(ms(3000))
    .status(28);
}

#[test]
fn an_unanswered_close_is_no_failure_after_listening_for_a_time() {
    let server = Server::new().accept().expect_close(1000).silent();
    Probe::new([
        "listen",
        &server.url(),
        "--for",
        "100ms",
        "--close-timeout",
        "200ms",
    ])
    .within(ms(3000))
    .status(0);
}

#[test]
fn the_default_time_limit_of_a_close_is_two_seconds() {
    let server = Server::new()
        .accept()
        .send_text("1")
        .expect_close(1000)
        .silent();
    Probe::new(["listen", &server.url(), "-1"])
        .stdout("1\n")
        .at_least(ms(1900))
        .within(ms(5000))
        .status(0);
}

#[test]
fn the_end_of_tcp_instead_of_an_answer_is_no_failure_once_the_reply_has_come() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .expect_close(1000)
        .drop_tcp();
    Probe::new(["send", &server.url(), "hi"])
        .stdout("ok\n")
        .status(0);
}

#[test]
fn a_server_that_answers_but_keeps_tcp_open_is_not_waited_for_without_end() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .expect_close(1000)
        .send_raw(b"\x88\x02\x03\xe8")
        .expect_hangup();
    Probe::new(["send", &server.url(), "hi", "--close-timeout", "300ms"])
        .stdout("ok\n")
        .within(ms(3000))
        .status(0);
}

#[test]
fn our_code_and_reason_are_the_ones_asked_for() {
    let close = Frame::close(4000, "bye: for now");
    let server = Server::new()
        .accept()
        .send_text("1")
        .expect_frame(close.clone())
        .send_frame(close);
    Probe::new([
        "listen",
        &server.url(),
        "-1",
        "--close",
        "4000:bye: for now",
    ])
    .stdout("1\n")
    .status(0);
}

#[test]
fn our_code_may_come_without_a_reason() {
    let close = Frame::close(3001, "");
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .answer_ping()
        .expect_frame(close.clone())
        .send_frame(close);
    Probe::new(["send", &server.url(), "hi", "--no-wait", "--close", "3001"]).status(0);
}

#[test]
fn messages_in_the_closing_handshake_are_printed() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("reply")
        .expect_close(1000)
        .send_text("last words")
        .pause(ms(100))
        .send_binary("!")
        .close(1000, "");
    Probe::new(["send", &server.url(), "hi"])
        .stdout("reply\nlast words\n!")
        .status(0);
}

#[test]
fn our_answer_carries_the_code_of_the_server() {
    for code in [1000, 1001, 1011, 3000, 4999] {
        let expected = if code < 1002 { 0 } else { 10 };
        let server = Server::new().accept().close(code, "why").expect_close(code);
        Probe::new(["listen", &server.url()])
            .any_stderr()
            .status(expected);
    }
}

#[test]
fn a_close_without_a_code_is_answered_without_one() {
    let server = Server::new()
        .accept()
        .close_without_code()
        .expect_frame(Frame::new(Opcode::Close, ""));
    Probe::new(["listen", &server.url()]).status(0);
}

#[test]
fn nothing_after_the_close_of_the_server_is_printed() {
    let frames = [Frame::text("1"), Frame::close(1000, ""), Frame::text("2")];
    let server = Server::new()
        .accept()
        .send_frames(&frames)
        .expect_close(1000)
        .drop_tcp();
    Probe::new(["listen", &server.url()])
        .stdout("1\n")
        .status(0);
}

/// tungstenite treats 1014 as an illegal code and answers 1002; wsprobe must report the actual code.
#[test]
fn a_bad_gateway_is_named() {
    let server = Server::new()
        .accept()
        .close(1014, "upstream")
        .expect_close_in([1014, 1002]);
    Probe::new(["listen", &server.url()])
        .stderr_has("1014")
        .stderr_has("bad gateway")
        .stderr_has("upstream")
        .status(10);
}

#[test]
fn every_standard_code_is_named() {
    for (code, name) in [
        (1002, "protocol error"),
        (1003, "unsupported data"),
        (1007, "invalid"),
        (1009, "too big"),
        (1010, "extension"),
        (1011, "internal"),
        (1012, "restart"),
        (1013, "try again later"),
    ] {
        let server = Server::new().accept().close(code, "").expect_close(code);
        Probe::new(["listen", &server.url()])
            .stderr_has(&code.to_string())
            .stderr_has(name)
            .status(10);
    }
}
