//! The deliberate faults of `serve`.

use std::time::Instant;

use crate::harness::{Client, Frame, Opcode, Probe, ms, serve};

#[test]
fn a_status_refuses_every_handshake_with_the_headers_that_belong_to_it() {
    for (status, header) in [
        ("401", "WWW-Authenticate: "),
        ("426", "Upgrade: websocket"),
        ("302", "Location: "),
        ("503", "Retry-After: 1"),
        ("599", "Content-Length: "),
    ] {
        let (_serving, url) = serve(&["--status", status]);
        let answer = Client::refused(&url, "");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(header), "{answer}");
    }
}

#[test]
fn it_closes_after_so_many_answers_with_any_code() {
    let args = [
        "--close-after",
        "2",
        "--close-code",
        "4001",
        "--close-reason",
        "see: you",
    ];
    let (_serving, url) = serve(&args);
    let mut client = Client::connect(&url);
    for text in ["one", "two", "three"] {
        client.send(&Frame::text(text));
    }
    assert_eq!(client.message(), Frame::text("one"));
    assert_eq!(client.message(), Frame::text("two"));
    let close = client.frame().close_code();
    assert_eq!(close, Some((4001, "see: you".to_owned())));
    client.send(&Frame::close(4001, ""));
    client.expect_end();
}

#[test]
fn it_sends_a_close_code_that_must_not_be_sent() {
    let (_serving, url) = serve(&["--close-after", "0", "--close-code", "1006"]);
    Probe::new(["listen", &url])
        .stderr_has("1006, which must not be sent")
        .status(8);
}

#[test]
fn it_drops_the_connection_without_a_close_frame_once_the_answers_have_left() {
    let (_serving, url) = serve(&["--drop-after", "2"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("one"));
    client.send(&Frame::text("two"));
    assert_eq!(client.message(), Frame::text("one"));
    assert_eq!(client.message(), Frame::text("two"));
    client.expect_end();
    let (_serving, url) = serve(&["--drop-after", "0", "--greeting", "hello"]);
    let mut client = Client::connect(&url);
    assert_eq!(client.message(), Frame::text("hello"));
    client.expect_end();
}

#[test]
fn it_stalls_without_a_word_and_serves_the_others() {
    let (serving, url) = serve(&["--stall-after", "1"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("one"));
    assert_eq!(client.message(), Frame::text("one"));
    client.send(&Frame::text("two"));
    client.send(&Frame::new(Opcode::Ping, "there?"));
    client.hears_nothing_for(ms(300));
    let mut other = Client::connect(&url);
    other.send(&Frame::text("one"));
    assert_eq!(other.message(), Frame::text("one"));
    let mut serving = serving;
    serving.interrupt();
    serving.status(130);
}

#[test]
fn replies_are_held_back_and_keep_their_order() {
    let (_serving, url) = serve(&["--delay", "100ms..300ms"]);
    let mut client = Client::connect(&url);
    let begun = Instant::now();
    for text in ["one", "two", "three", "four"] {
        client.send(&Frame::text(text));
    }
    // Data that is not a reply is not delayed.
    client.send(&Frame::new(Opcode::Ping, "now"));
    assert_eq!(client.frame(), Frame::new(Opcode::Pong, "now"));
    assert!(begun.elapsed() < ms(100), "{:?}", begun.elapsed());
    for text in ["one", "two", "three", "four"] {
        assert_eq!(client.message(), Frame::text(text));
        assert!(begun.elapsed() >= ms(100), "{text} {:?}", begun.elapsed());
    }
}

#[test]
fn delayed_replies_leave_before_it_closes() {
    let (_serving, url) = serve(&["--delay", "100ms", "--close-after", "2"]);
    let mut client = Client::connect(&url);
    for text in ["one", "two", "three"] {
        client.send(&Frame::text(text));
    }
    assert_eq!(client.message(), Frame::text("one"));
    assert_eq!(client.message(), Frame::text("two"));
    assert_eq!(client.frame().opcode, Opcode::Close);
}

#[test]
fn pings_stay_unanswered_and_messages_do_not() {
    for compress in ["--no-compress", "--timestamps"] {
        let (_serving, url) = serve(&["--no-pong", compress]);
        let mut client = Client::connect(&url);
        client.send(&Frame::new(Opcode::Ping, "there?"));
        client.send(&Frame::text("hi"));
        assert_eq!(client.frame(), Frame::text("hi"));
        Probe::new(["ping", &url, "-c", "1", "-W", "0.2"])
            .any_stdout()
            .any_stderr()
            .status(1);
        Probe::new(["send", &url, "hi"]).stdout("hi\n").status(0);
    }
}

#[test]
fn a_bad_frame_comes_at_once_or_after_so_many_answers() {
    let (_serving, url) = serve(&["--bad", "opcode"]);
    let mut client = Client::connect(&url);
    assert_eq!(&client.bytes(), b"\x83\x06opcode");
    let (_serving, url) = serve(&["--bad", "mask", "--bad-after", "1"]);
    let mut client = Client::connect(&url);
    // In one write, so that the second has arrived when the first is answered.
    let mask = Some([0x37, 0xfa, 0x21, 0x3d]);
    let both = ["one", "two"].map(|text| Frame::text(text).encode(mask));
    client.send_raw(&both.concat());
    assert_eq!(
        &client.bytes(),
        b"\x81\x03one\x81\x84\0\0\0\0mask\x81\x03two"
    );
}

#[test]
fn our_own_client_names_every_bad_frame() {
    for (bad, named) in [
        ("utf8", "not valid UTF-8"),
        ("rsv", "RSV2"),
        ("opcode", "reserved opcode 0x3"),
        ("mask", "masked frame"),
        ("length", "9,223,372,036,854,775,808 bytes"),
    ] {
        let (_serving, url) = serve(&["--bad", bad, "--greeting", "hello"]);
        Probe::new(["listen", &url])
            .stdout("hello\n")
            .stderr_has(named)
            .status(8);
    }
}

#[test]
fn a_fault_s_options_make_no_sense_without_the_fault() {
    for alone in [
        ["--close-code", "4000"],
        ["--close-reason", "x"],
        ["--bad-after", "1"],
    ] {
        Probe::new(["serve", "0"])
            .args(alone)
            .stderr_has("missing option --")
            .status(2);
    }
    Probe::new(["serve", "0", "--close-after", "1", "--close-reason"])
        .args(["x".repeat(124)])
        .stderr_has("123")
        .status(2);
}
