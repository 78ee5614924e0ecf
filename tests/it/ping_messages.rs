//! `ping --app`: a message and its reply instead of ping frames.

use crate::harness::{Probe, Server, ms};

/// Every reply would be lost, for a reason that has nothing to do with the server.
#[test]
fn an_expression_that_does_not_end_is_the_reason_not_a_loss() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["ping", &server.url(), "--app", "{\"n\":1}", "-c", "3"])
        .args(["--expect", ".n | last(repeat(1)) == 1"])
        .any_stdout()
        .stderr_has("still running after 2 s; the expression cannot be stopped")
        .within(ms(8000))
        .status(1);
}

#[test]
fn a_message_and_the_next_one_are_timed() {
    let server = Server::new()
        .accept()
        .expect_text("hello")
        .pause(ms(30))
        .send_text("hello yourself")
        .expect_text("hello")
        .send_binary("\x01")
        .close_when_asked();
    let output = Probe::ping(&server, "--app hello -c 2 -i 10ms")
        .stdout_has("a message of 5 bytes; connected in")
        .stdout_has("reply from 127.0.0.1: seq=1 time=")
        .stdout_has("2 sent, 2 received, 0% lost, time")
        .status(0);
    assert!(!output.text().contains("yourself"));
    let (_, max) = output.text().split_once("mdev = ").unwrap();
    let max: f64 = max.split('/').nth(2).unwrap().parse().unwrap();
    assert!(max >= 30.0, "{}", output.text());
}

#[test]
fn unrelated_messages_are_ignored_and_counted() {
    let server = Server::new()
        .accept()
        .expect_text("{\"op\":\"ping\"}")
        .send_text("{\"op\":\"news\"}")
        .send_binary("{\"op\":\"pong\"}")
        .send_text("{\"op\":\"pong\",\"n\":1}")
        .send_text("{\"op\":\"news\"}")
        .close_when_asked();
    Probe::new([
        "ping",
        &server.url(),
        "--app",
        "{\"op\":\"ping\"}",
        "-c",
        "1",
    ])
    .args(["--expect", "{\"op\":\"pong\"}"])
    .stdout_has("1 sent, 1 received, 0% lost, 3 other messages")
    .status(0);
}

#[test]
fn a_service_without_pongs_can_be_timed() {
    let server = Server::new().accept().echo_messages_only();
    Probe::ping(&server, "--app x --adaptive -c 200")
        .stdout_has("200 sent, 200 received, 0% lost")
        .status(0);
}

#[test]
fn a_reply_that_comes_too_late_is_not_that_of_the_next() {
    let server = Server::new()
        .accept()
        .expect_text("x")
        .expect_nothing_for(ms(250))
        .send_text("late")
        .expect_text("x")
        .send_text("in time")
        .close_when_asked();
    Probe::ping(&server, "--app x -c 2 -i 10ms -W 200ms")
        .stdout_has("reply from 127.0.0.1: seq=1 time=")
        .stdout_has(" ms (late)")
        .stdout_has("no reply from 127.0.0.1: seq=1 within 200 ms")
        .stdout_has("2 sent, 1 received, 50% lost, 1 late, time")
        .status(0);
}

#[test]
fn no_reply_at_all_is_1_and_the_silence_is_not_blamed_on_frames() {
    let server = Server::new()
        .accept()
        .expect_text("x")
        .expect_text("x")
        .answer_any_close();
    Probe::ping(&server, "--app x -c 2 -W 100ms -i 0")
        .stdout_has("2 sent, 0 received, 100% lost")
        .stderr_has("no ping was answered")
        .stderr_lacks("--app")
        .within(ms(3000))
        .status(1);
}

#[test]
fn each_reply_is_a_pong_among_the_events() {
    let server = Server::new()
        .accept()
        .expect_text("x")
        .send_text("noise")
        .send_text("pong 1")
        .close_when_asked();
    let output = Probe::ping(&server, "--app x --expect /^pong/ -c 1 --json")
        .any_stdout()
        .status(0);
    let kinds: Vec<String> = output
        .events()
        .iter()
        .map(|event| format!("{} {}", event["event"].as_str().unwrap(), event["seq"]))
        .filter(|kind| ["ping", "pong", "mess"].contains(&&kind[..4]))
        .collect();
    // Events of sent data follow once the kernel has it, including those of messages.
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "pong 1").count(),
        1,
        "{kinds:?}"
    );
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "ping 1").count(),
        1,
        "{kinds:?}"
    );
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| kind.starts_with("message"))
            .count(),
        3,
        "{kinds:?}"
    );
    assert_eq!(output.events().last().unwrap()["other_messages"], 1);
}

#[test]
fn an_expectation_needs_a_message_to_send() {
    Probe::new(["ping", "echo:", "--expect", "pong"])
        .stderr_has("--app")
        .status(2);
    Probe::new(["ping", "echo:", "--app", "x", "--expect", "/(/"])
        .any_stderr()
        .status(2);
    Probe::new(["ping", "echo:", "--app", "x", "--size", "3"])
        .any_stderr()
        .status(2);
}
