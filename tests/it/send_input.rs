//! `send`: where its messages come from, how they are encoded, and how fast they go.

use std::io::Write as _;

use crate::harness::{Frame, Opcode, Probe, Server, ms};

#[test]
fn each_line_of_stdin_is_one_message() {
    let server = Server::new()
        .accept()
        .expect_text("one")
        .expect_text("")
        .expect_text(" two  words ")
        .send_text("1")
        .send_text("2")
        .send_text("3")
        .close_when_asked();
    Probe::new(["send", &server.url()])
        .stdin("one\n\n two  words \n")
        .stdout("1\n2\n3\n")
        .status(0);
}

#[test]
fn a_dash_reads_stdin() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["send", &server.url(), "-"])
        .stdin("a\nb\n")
        .stdout("a\nb\n")
        .status(0);
}

#[test]
fn the_last_line_needs_no_newline() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["send", &server.url()])
        .stdin("a\nb")
        .stdout("a\nb\n")
        .status(0);
}

#[test]
fn an_empty_stdin_sends_nothing_and_succeeds() {
    let server = Server::new().accept().close_when_asked();
    Probe::new(["send", &server.url()])
        .within(ms(3000))
        .status(0);
    let server = Server::new().accept().close_when_asked();
    Probe::new(["send", &server.url()])
        .stdin("")
        .within(ms(3000))
        .status(0);
}

#[test]
fn a_late_reply_is_not_lost_when_stdin_has_ended() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .pause(ms(500))
        .send_text("late")
        .close_when_asked();
    Probe::new(["send", &server.url()])
        .stdin("hi\n")
        .stdout("late\n")
        .status(0);
}

#[test]
fn it_connects_before_it_reads_stdin() {
    let server = Server::new().accept();
    let mut probe = Probe::new(["send", &server.url()])
        .stdin_held_open()
        .stdout("hi\n")
        .spawn();
    let server = server.played().echo_until_closed();
    probe.write("hi\n");
    assert_eq!(probe.line(), "hi");
    probe.close_stdin();
    probe.status(0);
    drop(server);
}

#[test]
fn a_reply_is_visible_while_stdin_is_still_open() {
    let server = Server::new().accept().echo_until_closed();
    let mut probe = Probe::new(["send", &server.url()])
        .stdin_held_open()
        .any_stdout()
        .spawn();
    for line in ["one", "two", "three"] {
        probe.write(format!("{line}\n"));
        assert_eq!(probe.line(), line);
    }
    probe.close_stdin();
    probe.status(0);
}

#[test]
fn stdin_is_never_read_when_messages_are_given() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi"])
        .stdin("not this\n")
        .stdin_held_open()
        .stdout("ok\n")
        .within(ms(5000))
        .status(0);
}

#[test]
fn a_line_of_five_megabytes_is_one_message() {
    let large = "0123456789".repeat(500_000);
    let server = Server::new()
        .accept()
        .expect_text(&large)
        .send_text("got it")
        .close_when_asked();
    Probe::new(["send", &server.url()])
        .stdin(large + "\n")
        .stdout("got it\n")
        .status(0);
}

#[test]
fn many_lines_keep_their_order_and_replies_are_read_while_sending() {
    let lines: String = (0..2000)
        .map(|n| format!("{n} {}\n", "x".repeat(1000)))
        .collect();
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["send", &server.url()])
        .stdin(&lines)
        .stdout(&lines)
        .status(0);
}

#[test]
fn a_nul_in_a_line_is_sent_as_it_is() {
    let server = Server::new()
        .accept()
        .expect_text("a\0b")
        .send_text("c\0d")
        .close_when_asked();
    Probe::new(["send", &server.url()])
        .stdin("a\0b\n")
        .stdout("c\0d\n")
        .status(0);
}

#[test]
fn null_reads_messages_that_end_with_nul() {
    let server = Server::new()
        .accept()
        .expect_text("a\nb")
        .expect_text("")
        .expect_text("c\n")
        .send_text("1")
        .send_text("2")
        .send_text("3")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--null"])
        .stdin("a\nb\0\0c\n")
        .stdout("1\x002\x003\0")
        .status(0);
}

#[test]
fn whole_sends_all_of_stdin_as_one_message() {
    let server = Server::new()
        .accept()
        .expect_text("a\nb\n\n")
        .send_text("ok")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--whole"])
        .stdin("a\nb\n\n")
        .stdout("ok\n")
        .status(0);
}

#[test]
fn each_file_is_one_message() {
    let server = Server::new()
        .accept()
        .expect_text("first\nfile\n")
        .expect_text("second")
        .send_text("1")
        .send_text("2")
        .close_when_asked();
    let probe = Probe::new(["send", &server.url()]);
    let first = probe.file("first", "first\nfile\n");
    let second = probe.file("second", "second");
    probe
        .args(["--file", &first, "--file", &second])
        .stdout("1\n2\n")
        .status(0);
}

#[test]
fn a_missing_file_is_26_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    Probe::new(["send", &server.url(), "--file", "no/such/file"])
        .stderr_has("no/such/file")
        .status(26);
}

#[test]
fn a_line_that_is_not_utf_8_is_26_after_what_came_before_it() {
    let server = Server::new()
        .accept()
        .expect_text("good")
        .send_text("ok")
        .answer_any_close();
    Probe::new(["send", &server.url()])
        .stdin(b"good\nbad \xff here\nnever sent\n")
        .any_stdout()
        .stderr_has("line 2")
        .stderr_has("byte")
        .stderr_has("UTF-8")
        .stderr_has("--binary")
        .status(26);
}

#[test]
fn binary_sends_any_bytes_as_binary_messages() {
    let server = Server::new()
        .accept()
        .expect_binary(b"\xff\xfe")
        .expect_binary(b"\x00")
        .send_text("1")
        .send_text("2")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--binary"])
        .stdin(b"\xff\xfe\n\x00\n")
        .stdout("1\n2\n")
        .status(0);
}

#[test]
fn binary_sends_a_file_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let server = Server::new()
        .accept()
        .expect_binary(&bytes)
        .send_binary(&bytes)
        .close_when_asked();
    let probe = Probe::new(["send", &server.url(), "--binary"]);
    let file = probe.file("bytes", &bytes);
    probe.args(["--file", &file]).stdout(bytes).status(0);
}

#[test]
fn hex_is_decoded_and_sent_as_binary() {
    let server = Server::new()
        .accept()
        .expect_binary(b"\x00\xff\x10")
        .expect_binary(b"Hi")
        .send_text("1")
        .send_text("2")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--hex", "00Ff10", "4869"])
        .stdout("1\n2\n")
        .status(0);
}

#[test]
fn base64_is_decoded_and_sent_as_binary() {
    let server = Server::new()
        .accept()
        .expect_binary(b"\x00\xff\x10\x80")
        .send_text("ok")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--base64", "AP8QgA=="])
        .stdout("ok\n")
        .status(0);
}

#[test]
fn arguments_that_do_not_decode_are_refused_before_the_first_packet() {
    for (flag, message) in [("--hex", "0g"), ("--hex", "123"), ("--base64", "A*==")] {
        let server = Server::new().expect_nobody();
        Probe::new(["send", &server.url(), flag, message])
            .stderr_has(message)
            .status(2);
    }
}

#[test]
fn fragments_are_continuation_frames_of_the_size_asked_for() {
    let server = Server::new()
        .accept()
        .expect_frame(Frame::text("hell").unfinished())
        .expect_frame(Frame::continuation("o wo").unfinished())
        .expect_frame(Frame::continuation("rld"))
        .send_text("ok")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--fragment", "4", "hello world"])
        .stdout("ok\n")
        .status(0);
}

#[test]
fn fragments_may_cut_a_character_and_fit_exactly() {
    let server = Server::new()
        .accept()
        .expect_frame(Frame::text(b"\xe2\x82").unfinished())
        .expect_frame(Frame::continuation(b"\xac!"))
        .expect_frame(Frame::text("ab"))
        .expect_frame(Frame::text(""))
        .send_text("1")
        .send_text("2")
        .send_text("3")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--fragment", "2", "€!", "ab", ""])
        .stdout("1\n2\n3\n")
        .status(0);
}

#[test]
fn binary_fragments_begin_with_a_binary_frame() {
    let server = Server::new()
        .accept()
        .expect_frame(Frame::new(Opcode::Binary, "ab").unfinished())
        .expect_frame(Frame::continuation("c"))
        .send_text("ok")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--binary", "--fragment", "2", "abc"])
        .stdout("ok\n")
        .status(0);
}

#[test]
fn delay_lets_time_pass_between_messages() {
    let server = Server::new()
        .accept()
        .expect_text("a")
        .expect_nothing_for(ms(150))
        .expect_text("b")
        .expect_nothing_for(ms(150))
        .expect_text("c")
        .answer_ping()
        .close_when_asked();
    Probe::new([
        "send",
        &server.url(),
        "--delay",
        "300ms",
        "--no-wait",
        "a",
        "b",
        "c",
    ])
    .at_least(ms(600))
    .within(ms(5000))
    .status(0);
}

#[test]
fn rate_spreads_messages_over_time() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new([
        "send",
        &server.url(),
        "--rate",
        "10/s",
        "a",
        "b",
        "c",
        "d",
        "e",
    ])
    .stdout("a\nb\nc\nd\ne\n")
    .at_least(ms(390))
    .within(ms(5000))
    .status(0);
}

#[test]
fn the_pace_does_not_put_off_the_end() {
    Probe::new(["send", "--delay", "8s", "echo:", "hi"])
        .stdout("hi\n")
        .within(ms(5000))
        .status(0);
}

#[test]
fn a_fifo_that_nobody_writes_to_delays_no_time_limit() {
    let probe = Probe::new(["send", "echo:", "--max-time", "300ms"]);
    let fifo = probe.fifo("fifo");
    probe
        .args(["--file", &fifo])
        .stderr_has("--max-time")
        .within(ms(5000))
        .status(28);
}

#[test]
fn what_is_written_to_a_fifo_bit_by_bit_is_one_message() {
    let probe = Probe::new(["send", "echo:"]);
    let fifo = probe.fifo("fifo");
    let probe = probe.args(["--file", &fifo]).stdout("hello\n").spawn();
    // Opens once the probe reads, and waits for it.
    let mut writer = std::fs::File::options().write(true).open(&fifo).unwrap();
    writer.write_all(b"hel").unwrap();
    writer.write_all(b"lo").unwrap();
    drop(writer);
    probe.status(0);
}

#[test]
fn lines_that_all_end_with_a_carriage_return_are_sent_so_with_a_hint() {
    for (input, is_hinted) in [
        ("a\r\nb\r\n", true),
        ("a\r\nb\r", true),
        ("a\r\nb\n", false),
        ("a\r\nb", false),
        ("a\nb\n", false),
        ("", false),
    ] {
        for verbosity in ["-v", "-q"] {
            let lines = input.split_terminator('\n');
            let server = lines.fold(Server::new().accept(), |server, line| {
                server.expect_text(line)
            });
            let server = match input {
                "" => server.close_when_asked(),
                _ => server.answer_ping().close_when_asked(),
            };
            let probe = Probe::new(["send", &server.url(), "--no-wait", verbosity]).stdin(input);
            let hint = "hint: every line ended with CR LF";
            let probe = match is_hinted && verbosity == "-v" {
                true => probe.stderr_has(hint),
                false => probe.any_stderr().stderr_lacks(hint),
            };
            probe.status(0);
        }
    }
}
