//! `connect` without a terminal: a pipe in both directions.

use crate::harness::{Probe, Server, ms};

#[test]
fn lines_go_out_and_messages_come_in_until_nothing_has_come_for_the_wait() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["connect", &server.url(), "-w", "300ms"])
        .stdin("one\n\ntwo words\n")
        .stdout("one\n\ntwo words\n")
        .stderr("")
        .at_least(ms(300))
        .within(ms(4000))
        .status(0);
}

#[test]
fn it_closes_with_1000_after_the_wait() {
    let server = Server::new().accept().expect_text("hi").close_when_asked();
    Probe::new(["connect", &server.url(), "-w", "200ms"])
        .stdin("hi\n")
        .status(0);
}

#[test]
fn messages_after_the_end_of_stdin_are_printed() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .pause(ms(600))
        .send_text("late")
        .pause(ms(600))
        .send_text("later")
        .close_when_asked();
    Probe::new(["connect", &server.url(), "-w", "1s"])
        .stdin("hi\n")
        .stdout("late\nlater\n")
        .status(0);
}

#[test]
fn slash_lines_are_messages() {
    let server = Server::new()
        .accept()
        .expect_text("/quit")
        .expect_text("//two")
        .expect_text("/close 4000")
        .close_when_asked();
    Probe::new(["connect", &server.url(), "-w", "200ms"])
        .stdin("/quit\n//two\n/close 4000\n")
        .status(0);
}

#[test]
fn both_directions_flow_while_stdin_is_open() {
    let server = Server::new().accept().send_text("welcome");
    let mut probe = Probe::new(["connect", &server.url()])
        .stdin_held_open()
        .any_stdout()
        .stderr_has("before all of the input was sent")
        .spawn();
    assert_eq!(probe.line(), "welcome");
    probe.write("hi\n");
    let server = server.expect_text("hi").send_text("hello");
    assert_eq!(probe.line(), "hello");
    let server = server.close(1000, "").expect_close(1000);
    probe.status(10);
    drop(server);
}

#[test]
fn an_open_and_silent_stdin_does_not_start_the_wait() {
    let server = Server::new()
        .accept()
        .expect_nothing_for(ms(600))
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["connect", &server.url(), "-w", "100ms"])
        .stdin_held_open()
        .stderr_has("1000")
        .status(10);
}

#[test]
fn an_error_code_from_the_server_is_10() {
    let server = Server::new()
        .accept()
        .close(1011, "it broke")
        .expect_close(1011);
    Probe::new(["connect", &server.url()])
        .stdin_held_open()
        .stderr_has("1011")
        .stderr_has("it broke")
        .status(10);
}

#[test]
fn a_lost_connection_is_56() {
    let server = Server::new().accept().drop_tcp();
    Probe::new(["connect", &server.url()])
        .stdin_held_open()
        .stderr_has("1006")
        .status(56);
}

#[test]
fn without_a_url_it_talks_to_the_built_in_echo_server() {
    Probe::new(["connect", "-w", "300ms"])
        .stdin("hi\n")
        .stdout("hi\n")
        .any_stderr()
        .status(0);
}

#[test]
fn null_frames_both_directions() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["connect", &server.url(), "-0", "-w", "300ms"])
        .stdin("a\nb\0c")
        .stdout("a\nb\0c\0")
        .status(0);
}

#[test]
fn a_line_that_is_not_utf_8_is_26() {
    let server = Server::new()
        .accept()
        .expect_text("good")
        .answer_any_close();
    Probe::new(["connect", &server.url(), "-w", "200ms"])
        .stdin(b"good\n\xff\n")
        .stderr_has("line 2")
        .status(26);
}

#[test]
fn execute_goes_before_stdin() {
    let server = Server::new()
        .accept()
        .expect_text("auth")
        .expect_text("hi")
        .close_when_asked();
    Probe::new(["connect", &server.url(), "-x", "auth", "-w", "200ms"])
        .stdin("hi\n")
        .status(0);
}
