//! `listen`: every message to stdout, until it ends.

use std::fs;

use tempfile::NamedTempFile;

use crate::harness::{Frame, Opcode, Probe, Server, ms};

#[test]
fn messages_are_printed_until_the_server_closes() {
    let server = Server::new()
        .accept()
        .send_text("one")
        .send_text("")
        .send_text("two\nlines")
        .close(1000, "done")
        .expect_close(1000);
    Probe::new(["listen", &server.url()])
        .stdout("one\n\ntwo\nlines\n")
        .stderr("")
        .status(0);
}

#[test]
fn going_away_is_a_good_end() {
    let server = Server::new()
        .accept()
        .close(1001, "restart")
        .expect_close(1001);
    Probe::new(["listen", &server.url()]).status(0);
}

#[test]
fn a_close_without_a_code_is_a_good_end() {
    let server = Server::new()
        .accept()
        .close_without_code()
        .expect_frame(Frame::new(Opcode::Close, ""));
    Probe::new(["listen", &server.url()]).status(0);
}

#[test]
fn an_error_code_is_10_and_named() {
    let server = Server::new()
        .accept()
        .send_text("one")
        .close(1008, "token expired")
        .expect_close(1008);
    Probe::new(["listen", &server.url()])
        .stdout("one\n")
        .stderr_has("1008")
        .stderr_has("policy violation")
        .stderr_has("token expired")
        .stderr_has(&server.url())
        .status(10);
}

#[test]
fn a_code_of_the_application_is_10_with_its_reason() {
    let server = Server::new()
        .accept()
        .close(4000, "go away")
        .expect_close(4000);
    Probe::new(["listen", &server.url()])
        .stderr_has("4000")
        .stderr_has("go away")
        .status(10);
}

#[test]
fn the_end_of_tcp_without_a_close_frame_is_56() {
    let server = Server::new().accept().send_text("one").drop_tcp();
    Probe::new(["listen", &server.url()])
        .stdout("one\n")
        .stderr_has("1006")
        .stderr_has(&server.url())
        .status(56);
}

#[test]
fn a_reset_is_56() {
    let server = Server::new().accept().reset();
    Probe::new(["listen", &server.url()])
        .stderr_has(&server.url())
        .status(56);
}

#[test]
fn the_end_of_tcp_inside_a_message_prints_nothing_of_it() {
    let server = Server::new()
        .accept()
        .send_frame(Frame::text("begun").unfinished())
        .send_raw(b"\x80\x05cut")
        .drop_tcp();
    Probe::new(["listen", &server.url()])
        .any_stderr()
        .status(56);
}

#[test]
fn a_count_ends_it_after_so_many() {
    let server = Server::new()
        .accept()
        .send_text("1")
        .send_text("2")
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-c", "2"])
        .stdout("1\n2\n")
        .status(0);
}

#[test]
fn no_more_than_the_count_is_printed() {
    let frames = ["1", "2", "3", "4"].map(Frame::text);
    let server = Server::new().accept_and_send(&frames).close_when_asked();
    Probe::new(["listen", &server.url(), "-c", "2"])
        .stdout("1\n2\n")
        .status(0);
}

#[test]
fn one_writes_a_binary_message_exactly() {
    let bytes: Vec<u8> = (0..=255).collect();
    let server = Server::new()
        .accept()
        .send_binary(&bytes)
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-1"])
        .stdout(bytes)
        .status(0);
}

#[test]
fn one_prints_a_text_as_a_line() {
    let server = Server::new().accept().send_text("hi").close_when_asked();
    Probe::new(["listen", "-1", &server.url()])
        .stdout("hi\n")
        .status(0);
}

#[test]
fn a_count_not_reached_because_the_server_closed_is_10() {
    let server = Server::new()
        .accept()
        .send_text("1")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "-c", "2"])
        .stdout("1\n")
        .stderr_has("1000")
        .status(10);
}

#[test]
fn for_a_time_ends_with_success() {
    let server = Server::new().accept().send_text("1").close_when_asked();
    Probe::new(["listen", &server.url(), "--for", "300ms"])
        .stdout("1\n")
        .at_least(ms(300))
        .within(ms(3000))
        .status(0);
}

#[test]
fn for_a_time_that_the_server_cuts_short_is_10() {
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    Probe::new(["listen", &server.url(), "--for", "10s"])
        .stderr_has("1000")
        .status(10);
}

#[test]
fn max_time_is_28() {
    let server = Server::new().accept().send_text("1").answer_any_close();
    Probe::new(["listen", &server.url(), "-m", "300ms"])
        .stdout("1\n")
        .stderr_has(&server.url())
        .at_least(ms(300))
        .within(ms(3000))
        .status(28);
}

#[test]
fn an_idle_server_times_out_with_28() {
    let server = Server::new().accept().send_text("1").answer_any_close();
    Probe::new(["listen", &server.url(), "--idle-timeout", "300ms"])
        .stdout("1\n")
        .stderr_has(&server.url())
        .at_least(ms(300))
        .within(ms(3000))
        .status(28);
}

#[test]
fn every_message_starts_the_idle_time_again() {
    let server = Server::new()
        .accept()
        .pause(ms(600))
        .send_text("1")
        .pause(ms(600))
        .send_text("2")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "--idle-timeout", "1s"])
        .stdout("1\n2\n")
        .status(0);
}

#[test]
fn pings_are_answered_and_are_no_messages() {
    let server = Server::new()
        .accept()
        .send_ping("are you there?")
        .expect_pong("are you there?")
        .send_ping("")
        .expect_pong("")
        .send_pong("unasked")
        .send_text("1")
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-c", "1"])
        .stdout("1\n")
        .status(0);
}

#[test]
fn timestamps_stand_before_each_message() {
    let server = Server::new().accept().send_text("hi").close_when_asked();
    let output = Probe::new(["listen", &server.url(), "-1", "--timestamps"])
        .any_stdout()
        .status(0);
    let time = output
        .text()
        .strip_suffix("hi\n")
        .expect("the message ends the line");
    let clock: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert!(clock.contains("00:00:00"), "no time of day in {time:?}");
    assert!(
        time.ends_with(char::is_whitespace),
        "nothing between time and message: {time:?}"
    );
}

#[test]
fn null_ends_each_message_with_nul() {
    let server = Server::new()
        .accept()
        .send_text("a\nb")
        .send_text("")
        .send_text("c")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "-0"])
        .stdout("a\nb\0\0c\0")
        .status(0);
}

#[test]
fn messages_in_the_segment_of_the_101_are_all_printed() {
    let frames: Vec<Frame> = (0..64)
        .map(|n| Frame::text(format!("message {n}")))
        .collect();
    let server = Server::new().accept_and_send(&frames).close_when_asked();
    let expected: String = (0..64).map(|n| format!("message {n}\n")).collect();
    Probe::new(["listen", &server.url(), "-c", "64"])
        .stdout(expected)
        .status(0);
}

#[test]
fn a_close_in_the_segment_of_the_101_is_answered() {
    let frames = [Frame::text("hi"), Frame::close(1000, "")];
    let server = Server::new().accept_and_send(&frames).expect_close(1000);
    Probe::new(["listen", &server.url()])
        .stdout("hi\n")
        .status(0);
}

#[test]
fn a_message_is_visible_as_soon_as_it_has_come() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["listen", &server.url()]).any_stdout().spawn();
    assert_eq!(probe.line(), "one");
    let server = server.send_text("two");
    assert_eq!(probe.line(), "two");
    let server = server.close(1000, "").expect_close(1000);
    probe.status(0);
    drop(server);
}

#[test]
fn a_binary_message_cut_in_fragments_of_every_size_is_put_together() {
    let large = vec![0xa5; 70_000];
    let frames = [
        Frame::binary(&large[..1]).unfinished(),
        Frame::continuation("").unfinished(),
        Frame::continuation(&large[1..127]).unfinished(),
        Frame::continuation(&large[127..]),
    ];
    let server = Server::new()
        .accept()
        .send_frames(&frames)
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-1"])
        .stdout(large)
        .status(0);
}

#[test]
fn execute_sends_its_messages_first() {
    let server = Server::new()
        .accept()
        .expect_text("subscribe")
        .send_text("news")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "-x", "subscribe"])
        .stdout("news\n")
        .status(0);
}

#[test]
fn stdin_is_not_looked_at() {
    let server = Server::new()
        .accept()
        .expect_nothing_for(ms(200))
        .send_text("1")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url()])
        .stdin("not sent\n")
        .stdout("1\n")
        .status(0);
}

#[test]
fn a_reader_that_goes_away_ends_it_politely_and_quietly() {
    let server = Server::new().accept().send_until_closed("line", ms(20));
    Probe::new(["listen", &server.url()])
        .reader_leaves_after(5)
        .stdout("line\n")
        .stderr("")
        .within(ms(5000))
        .status(0);
}

#[test]
fn a_reader_that_goes_away_is_noticed_though_nothing_more_comes() {
    let server = Server::new().accept().send_text("line").close_when_asked();
    Probe::new(["listen", &server.url()])
        .reader_leaves_after(5)
        .stdout("line\n")
        .status(0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_23() {
    let server = Server::new().accept().send_text("line").expect_hangup();
    Probe::new(["listen", &server.url()])
        .stdout_to("/dev/full")
        .stderr_has("wsprobe: ")
        .within(ms(5000))
        .status(23);
}

#[test]
fn stdout_may_be_a_file() {
    let server = Server::new()
        .accept()
        .send_text("a")
        .send_binary(b"\0")
        .close(1000, "")
        .expect_close(1000);
    let file = NamedTempFile::new().unwrap();
    Probe::new(["listen", &server.url()])
        .stdout_to(file.path())
        .status(0);
    assert_eq!(fs::read(file.path()).unwrap(), b"a\n\0");
}

#[test]
fn text_that_is_not_utf_8_breaks_the_protocol() {
    let server = Server::new()
        .accept()
        .send_frame(Frame::text(b"\xff\xfe"))
        .expect_hangup();
    Probe::new(["listen", &server.url()])
        .stderr_has("UTF-8")
        .status(8);
}

#[test]
fn frames_against_the_protocol_are_8() {
    let broken: [&'static [u8]; 6] = [
        b"\xc1\x02hi",                 // RSV1 although nothing was agreed
        b"\x83\x00",                   // an opcode that is reserved
        b"\x81\x82\x01\x02\x03\x04ih", // masked by a server
        b"\x80\x02hi",                 // a continuation of nothing
        b"\x09\x00",                   // a ping without FIN
        b"\x88\x01\x03",               // a close frame with half a code
    ];
    for bytes in broken {
        let server = Server::new().accept().send_raw(bytes).expect_hangup();
        Probe::new(["listen", &server.url(), "--close-timeout", "200ms"])
            .stderr_has(&server.url())
            .within(ms(5000))
            .status(8);
    }
}

#[test]
fn close_codes_that_may_not_be_on_the_wire_are_8() {
    for code in [0, 999, 1005, 1006, 1015, 5000] {
        let server = Server::new().accept().close(code, "").expect_hangup();
        Probe::new(["listen", &server.url(), "--close-timeout", "200ms"])
            .any_stderr()
            .within(ms(5000))
            .status(8);
    }
}

#[test]
fn a_forged_length_is_refused_without_waiting_for_it() {
    let server = Server::new()
        .accept()
        .send_raw(b"\x82\x7f\x3f\xff\xff\xff\xff\xff\xff\xff")
        .expect_hangup();
    Probe::new(["listen", &server.url()])
        .any_stderr()
        .within(ms(5000))
        .status(63);
}

#[test]
fn a_flood_does_not_put_off_the_end() {
    for limit in [["--for", "200ms"], ["--max-time", "200ms"]] {
        let server = Server::new().accept().flood("x");
        let status = if limit[0] == "--for" { 0 } else { 28 };
        Probe::new(["listen", "--close-timeout", "200ms", &server.url()])
            .args(limit)
            .any_stdout()
            .any_stderr()
            .within(ms(5000))
            .status(status);
    }
}

#[test]
fn a_reader_that_does_not_read_does_not_put_off_the_end() {
    let server = Server::new().accept().flood(&"x".repeat(1000));
    Probe::new([
        "listen",
        "--close-timeout",
        "200ms",
        "-m",
        "300ms",
        &server.url(),
    ])
    .reader_stops_after(1000)
    .any_stdout()
    .any_stderr()
    .within(ms(5000))
    .status(28);
}

#[test]
fn an_echoing_listener_ends_as_any_other() {
    Probe::new(["listen", "--echo", "-c", "3", "echo:", "-x", "hi"])
        .stdout("hi\nhi\nhi\n")
        .within(ms(5000))
        .status(0);
    Probe::new(["listen", "--echo", "--for", "200ms", "echo:", "-x", "hi"])
        .any_stdout()
        .within(ms(5000))
        .status(0);
}
