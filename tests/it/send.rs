//! `send`: what it waits for, what it prints, and how it ends.

use crate::harness::{Frame, Probe, Server, ms};

#[test]
fn a_message_is_sent_and_its_reply_is_printed() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("hello")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi"])
        .stdout("hello\n")
        .stderr("")
        .status(0);
}

#[test]
fn every_argument_is_one_message() {
    let server = Server::new()
        .accept()
        .expect_text("one")
        .expect_text("two words")
        .expect_text("")
        .send_text("1")
        .send_text("2")
        .send_text("3")
        .close_when_asked();
    Probe::new(["send", &server.url(), "one", "two words", ""])
        .stdout("1\n2\n3\n")
        .status(0);
}

#[test]
fn it_ends_as_soon_as_every_message_has_a_reply() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["send", &server.url(), "-w", "15s", "a", "b"])
        .stdout("a\nb\n")
        .within(ms(5000))
        .status(0);
}

#[test]
fn a_reply_that_comes_late_is_printed() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .pause(ms(500))
        .send_text("late")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi"])
        .stdout("late\n")
        .at_least(ms(500))
        .status(0);
}

#[test]
fn silence_instead_of_a_reply_times_out_and_names_no_wait() {
    let server = Server::new().accept().expect_text("hi").close_when_asked();
    Probe::new(["send", &server.url(), "hi", "-w", "200ms"])
        .stderr_has("--no-wait")
        .stderr_has(&server.url())
        .at_least(ms(200))
        .within(ms(3000))
        .status(28);
}

#[test]
fn one_reply_to_two_messages_is_not_enough() {
    let server = Server::new()
        .accept()
        .expect_text("a")
        .expect_text("b")
        .send_text("1")
        .close_when_asked();
    Probe::new(["send", &server.url(), "a", "b", "-w", "200ms"])
        .stdout("1\n")
        .stderr_has("--no-wait")
        .status(28);
}

#[test]
fn silence_is_counted_from_the_last_message() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .pause(ms(600))
        .send_text("1")
        .pause(ms(600))
        .send_text("2")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "-c", "2", "-w", "1s"])
        .stdout("1\n2\n")
        .status(0);
}

#[test]
fn a_count_waits_for_so_many_replies() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("1")
        .send_text("2")
        .expect_nothing_for(ms(150))
        .send_text("3")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--count", "3"])
        .stdout("1\n2\n3\n")
        .status(0);
}

#[test]
fn a_count_that_is_not_reached_times_out() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("1")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "-c", "2", "-w", "200ms"])
        .stdout("1\n")
        .any_stderr()
        .status(28);
}

#[test]
fn a_greeting_satisfies_the_plain_count() {
    let server = Server::new()
        .accept()
        .send_text("welcome")
        .expect_text("hi")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi"])
        .stdout("welcome\n")
        .status(0);
}

#[test]
fn no_wait_waits_for_no_reply_but_for_the_closing_handshake() {
    let asked = || Server::new().accept().expect_text("hi");
    let answers_pings = asked().answer_ping().close_when_asked();
    let ignores_pings = asked().expect_ping(16).close_when_asked();
    for server in [answers_pings, ignores_pings] {
        Probe::new(["send", &server.url(), "hi", "--no-wait"])
            .within(ms(4000))
            .status(0);
    }
}

/// The close of a server that has not read everything may have been under way before ours: it proves nothing.
#[test]
fn no_wait_is_no_success_where_the_server_closes_by_itself_before_it_has_read_everything() {
    let server = || Server::new().accept().expect_text("hi");
    for server in [
        server().close(1000, ""),
        server().expect_ping(16).close(1000, ""),
        server().expect_ping(16).close_without_code(),
        server().expect_ping(16).close(1001, "bye"),
    ] {
        Probe::new(["send", &server.url(), "hi", "--no-wait", "-w", "10"])
            .stderr_has("before it had confirmed that it has read all messages")
            .within(ms(3000))
            .status(10);
    }
    let read = Server::new().accept().expect_text("hi").answer_ping();
    let read = read.close(1000, "thank you");
    Probe::new(["send", &read.url(), "hi", "--no-wait"]).status(0);
}

#[test]
fn a_reply_in_the_closing_handshake_is_printed() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .answer_ping()
        .expect_close(1000)
        .send_text("one")
        .send_text("two")
        .close(1000, "");
    Probe::new(["send", &server.url(), "hi", "--no-wait"])
        .stdout("one\ntwo\n")
        .status(0);
}

#[test]
fn a_reply_and_a_close_in_one_segment_are_both_taken() {
    let frames = [Frame::text("bye"), Frame::close(1000, "")];
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_frames(&frames)
        .expect_close(1000);
    Probe::new(["send", &server.url(), "hi"])
        .stdout("bye\n")
        .status(0);
}

#[test]
fn a_close_with_1000_before_the_reply_is_a_failure() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .close(1000, "not today")
        .expect_close(1000);
    Probe::new(["send", &server.url(), "hi"])
        .stderr_has("1000")
        .stderr_has("not today")
        .stderr_has(&server.url())
        .status(10);
}

#[test]
fn a_close_with_an_error_code_after_the_reply_is_a_failure() {
    let frames = [Frame::text("x"), Frame::close(1011, "out of disk")];
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_frames(&frames)
        .expect_close(1011);
    Probe::new(["send", &server.url(), "hi", "-c", "2"])
        .stdout("x\n")
        .stderr_has("1011")
        .stderr_has("out of disk")
        .status(10);
}

#[test]
fn a_connection_lost_before_the_reply_is_56() {
    let server = Server::new().accept().expect_text("hi").drop_tcp();
    Probe::new(["send", &server.url(), "hi"])
        .stderr_has(&server.url())
        .status(56);
}

#[test]
fn max_time_ends_it_whatever_the_wait() {
    let server = Server::new().accept().expect_text("hi").answer_any_close();
    Probe::new(["send", &server.url(), "hi", "-w", "15s", "-m", "300ms"])
        .any_stderr()
        .at_least(ms(300))
        .within(ms(4000))
        .status(28);
}

#[test]
fn execute_goes_first_and_asks_for_no_reply_of_its_own() {
    let server = Server::new()
        .accept()
        .expect_text("auth")
        .expect_text("subscribe")
        .expect_text("hi")
        .send_text("one reply")
        .close_when_asked();
    Probe::new(["send", &server.url(), "-x", "auth", "-x", "subscribe", "hi"])
        .args(["-w", "300ms"])
        .stderr_has("hint: within --wait came fewer replies than messages with those of -x")
        .stdout("one reply\n")
        .at_least(ms(300))
        .status(0);
}

/// The server has answered the login; what it does with the message decides.
#[test]
fn a_reply_to_a_message_of_execute_is_not_taken_for_the_last_one_awaited() {
    let login = || {
        Server::new()
            .accept()
            .expect_text("login")
            .send_text("welcome")
            .expect_text("hi")
            .pause(ms(100))
    };
    let send = |server: &Server| Probe::new(["send", &server.url(), "-x", "login", "hi"]);
    let answered = login().send_text("reply").close_when_asked();
    send(&answered)
        .stdout("welcome\nreply\n")
        .within(ms(3000))
        .status(0);
    let refused = login().close(1008, "bad login").expect_close(1008);
    send(&refused)
        .stdout("welcome\n")
        .stderr_has("1008 (Policy Violation): bad login")
        .status(10);
    // A close with 1000 after as many messages as were sent.
    let ended = login().close(1000, "").expect_close(1000);
    send(&ended).stdout("welcome\n").status(0);
    let silent = login().close_when_asked();
    send(&silent)
        .args(["-w", "300ms"])
        .stderr_has("hint: within --wait came fewer replies than messages with those of -x")
        .stdout("welcome\n")
        .at_least(ms(300))
        .status(0);
    // With a pattern no reply is in doubt.
    let precise = login().send_text("reply").close_when_asked();
    send(&precise)
        .args(["--expect", "reply"])
        .stdout("welcome\nreply\n")
        .within(ms(3000))
        .status(0);
}

#[test]
fn a_message_may_begin_with_a_dash() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["send", &server.url(), "-x", "-1", "-c", "2", "--", "-2"])
        .stdout("-1\n-2\n")
        .status(0);
}

#[test]
fn flags_may_stand_anywhere() {
    let server = Server::new()
        .accept()
        .expect_header("X-A", &["b"])
        .echo_until_closed();
    Probe::new([
        "send",
        "-c",
        "1",
        &server.url(),
        "-H",
        "X-A: b",
        "hi",
        "-w",
        "9",
    ])
    .stdout("hi\n")
    .status(0);
}

#[test]
fn a_message_with_newlines_and_one_that_is_empty_arrive_as_they_are() {
    let server = Server::new()
        .accept()
        .expect_text("a\nb\r\n\tc ")
        .expect_text("")
        .send_text("x\ny")
        .send_text("")
        .close_when_asked();
    Probe::new(["send", &server.url(), "a\nb\r\n\tc ", ""])
        .stdout("x\ny\n\n")
        .status(0);
}

#[test]
fn five_megabytes_come_back_whole() {
    let large = "wsprobe ".repeat(5_000_000 / 8);
    let server = Server::new()
        .accept()
        .expect_text("more")
        .send_text(&large)
        .close_when_asked();
    Probe::new(["send", &server.url(), "more"])
        .stdout(large + "\n")
        .status(0);
}

#[test]
fn a_fragmented_reply_is_one_message_and_a_ping_in_between_is_answered() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_frame(Frame::text("one ").unfinished())
        .send_ping("still there?")
        .expect_pong("still there?")
        .send_frame(Frame::continuation("message"))
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi"])
        .stdout("one message\n")
        .status(0);
}

#[test]
fn a_binary_reply_is_written_as_its_bytes_alone() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_binary(b"\x00\xff\n\x80")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi"])
        .stdout(b"\x00\xff\n\x80")
        .status(0);
}

#[test]
fn null_ends_each_reply_with_nul() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("a\nb")
        .send_text("c")
        .close_when_asked();
    Probe::new(["send", &server.url(), "-0", "hi", "-c", "2"])
        .stdout("a\nb\0c\0")
        .status(0);
}

#[test]
fn a_message_larger_than_max_size_is_63() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("fits in 8")
        .expect_hangup();
    Probe::new(["send", &server.url(), "hi", "--max-size", "8"])
        .stderr_has("--max-size")
        .within(ms(5000))
        .status(63);
}

#[test]
fn a_pipe_that_ends_late_is_closed_within_the_limit() {
    let server = Server::new().accept().expect_text("hi");
    let mut sending = Probe::new([
        "send",
        "--no-wait",
        "--close-timeout",
        "300ms",
        &server.url(),
    ])
    .stdin_held_open()
    .any_stderr()
    .within(ms(5000))
    .spawn();
    sending.write("hi\n");
    let server = server.played().expect_ping(16).expect_close(1000).silent();
    sending.close_stdin();
    sending.status(28);
    drop(server);
}

#[test]
fn a_message_under_way_is_no_silence() {
    // Longer in total than the time limit, with much shorter pauses, even on a busy machine.
    let mut server = Server::new().accept().expect_text("hi");
    server = server.send_raw(&[0x81, 126, 0x2d, 0x00]);
    for _ in 0..9 {
        server = server.pause(ms(250)).send_raw(&[b'x'; 1280]);
    }
    let server = server.close_when_asked();
    Probe::new(["send", "-w", "1500ms", &server.url(), "hi"])
        .stdout(format!("{}\n", "x".repeat(9 * 1280)))
        .status(0);
}

/// A server that closes with an error code has not accepted the messages, whether before or after our close.
#[test]
fn no_wait_is_no_success_where_the_server_closes_with_an_error() {
    let before = Server::new()
        .accept()
        .expect_text("hi")
        .close(1009, "too big");
    let across = Server::new()
        .accept()
        .expect_text("hi")
        .expect_ping(16)
        .expect_close(1000)
        .close(1009, "too big");
    for server in [before, across] {
        Probe::new(["send", &server.url(), "hi", "--no-wait"])
            .stderr_has("1009 (Message Too Big): too big")
            .within(ms(3000))
            .status(10);
    }
}
