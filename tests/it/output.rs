//! The form of the output: JSON, colour, verbosity, and escaped control characters.

use crate::harness::{Frame, Probe, Server};

fn says(text: &str) -> Server {
    Server::new()
        .accept()
        .send_text(text)
        .close(1000, "")
        .expect_close(1000)
}

#[test]
fn json_in_a_pipe_is_untouched() {
    let text = r#"{"b" : 1.10,  "a":[ ],"n":12345678901234567890123, "b":2}"#;
    let server = says(text);
    Probe::new(["listen", &server.url()])
        .stdout(format!("{text}\n"))
        .status(0);
}

#[test]
fn pretty_always_keeps_order_duplicates_and_every_digit() {
    let server = says(r#"{"b":1.10,"a":[1e400,{"c":null}],"n":12345678901234567890123,"b":-0}"#);
    let expected = r#"{
  "b": 1.10,
  "a": [
    1e400,
    {
      "c": null
    }
  ],
  "n": 12345678901234567890123,
  "b": -0
}
"#;
    Probe::new(["listen", &server.url(), "--pretty", "always"])
        .stdout(expected)
        .status(0);
}

#[test]
fn pretty_leaves_what_is_no_json_alone() {
    for text in ["{not json}", "hello", "{\"a\":1} trailing", ""] {
        let server = says(text);
        Probe::new(["listen", &server.url(), "--pretty", "always"])
            .stdout(format!("{text}\n"))
            .status(0);
    }
}

#[test]
fn colour_in_a_pipe_only_when_forced() {
    let coloured = |args: &[&str], env: &[(&str, &str)]| {
        let server = says(r#"{"a":1}"#);
        let probe = Probe::new(["listen", &server.url(), "--pretty", "always"]).args(args);
        let probe = env
            .iter()
            .fold(probe, |probe, (name, value)| probe.env(name, value));
        probe.stdout_has("a").status(0).text().contains("\x1b[")
    };
    assert!(!coloured(&[], &[]));
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(
        &[],
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn verbose_shows_both_heads_on_stderr() {
    let server = Server::new()
        .accept_with("X-Served-By: a\r\n")
        .send_text("hi")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "-v", &server.url(), "-H", "X-Asked: b"])
        .stdout("hi\n")
        .stderr_has("> GET / HTTP/1.1")
        .stderr_has("> X-Asked: b")
        .stderr_has("> Sec-WebSocket-Key: ")
        .stderr_has("< HTTP/1.1 101 ")
        .stderr_has("< X-Served-By: a")
        .status(0);
}

#[test]
fn very_verbose_shows_every_frame() {
    let server = Server::new()
        .accept()
        .send_frame(Frame::text("par").unfinished())
        .send_frame(Frame::continuation("ts"))
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "-vv", &server.url()])
        .stdout("parts\n")
        .stderr_has("text")
        .stderr_has("continuation")
        .stderr_has("close")
        .stderr_has("mask")
        .status(0);
}

#[test]
fn stdout_in_a_pipe_gets_the_exact_bytes() {
    let text = "\x1b[31mred\x07\u{9b}0m\u{202e}\x7f\0";
    let server = says(text);
    Probe::new(["listen", &server.url()])
        .stdout(format!("{text}\n"))
        .status(0);
}

#[test]
fn a_close_reason_cannot_steer_the_terminal_or_make_lines() {
    let reason = "\x1b]0;x\x07 evil\u{202e}\u{9b}1m\nwsprobe: forged";
    let server = Server::new()
        .accept()
        .close(4000, reason)
        .expect_close(4000);
    let output = Probe::new(["listen", &server.url()])
        .stderr_has("\\x1b]0;x\\x07 evil\\u{202e}")
        .stderr_lacks("\u{9b}")
        .stderr_lacks("\nwsprobe: forged")
        .status(10);
    assert!(
        !output.stderr.contains(['\x1b', '\x07', '\u{202e}']),
        "{:?}",
        output.stderr
    );
}

#[test]
fn a_refusal_cannot_steer_the_terminal() {
    let server = Server::new().refuse("403 Forbidden", "", "\x1b[2J\u{202e}gone\x08");
    let output = Probe::new(["listen", &server.url()])
        .stderr_has("\\x1b[2J\\u{202e}gone\\x08")
        .status(22);
    assert!(
        !output.stderr.contains(['\x1b', '\x08', '\u{202e}']),
        "{:?}",
        output.stderr
    );
}

#[test]
fn a_header_cannot_steer_the_terminal() {
    let server = Server::new()
        .accept_with("X-Evil: \u{9b}31m\u{202e}\r\n")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "-v", &server.url()])
        .stderr_has("x-evil: ")
        .stderr_lacks("\u{9b}")
        .stderr_lacks("\u{202e}")
        .status(0);
}

#[test]
fn joiners_of_scripts_and_emoji_are_no_danger() {
    let server = Server::new()
        .accept()
        .close(4000, "می\u{200c}خواهم 👩\u{200d}💻")
        .expect_close(4000);
    Probe::new(["listen", &server.url()])
        .stderr_has("می\u{200c}خواهم 👩\u{200d}💻")
        .status(10);
}

#[test]
fn quiet_leaves_the_messages_and_the_status() {
    let server = Server::new()
        .accept()
        .send_text("hi")
        .close(1008, "no")
        .expect_close(1008);
    Probe::new(["listen", "-q", &server.url()])
        .stdout("hi\n")
        .any_stderr()
        .status(10);
}

#[test]
fn what_cannot_be_written_is_no_success_though_all_has_come() {
    for args in [
        &["send", "echo:", "hi"][..],
        &["listen", "-1", "echo:", "-x", "hi"][..],
    ] {
        Probe::new(args)
            .stdout_to("/dev/full")
            .stderr_has("cannot write")
            .status(23);
    }
}

#[test]
fn a_text_behind_a_binary_message_is_a_line_of_its_own() {
    for (frames, printed) in [
        (
            vec![Frame::binary(b"\0\x01"), Frame::text("hello")],
            &b"\0\x01\nhello\n"[..],
        ),
        (
            vec![Frame::binary(b"a\n"), Frame::text("hello")],
            b"a\nhello\n",
        ),
        (
            vec![
                Frame::binary(b"\0"),
                Frame::binary(b""),
                Frame::text("hello"),
            ],
            b"\0\nhello\n",
        ),
        (
            vec![Frame::text("hello"), Frame::binary(b"\0")],
            b"hello\n\0",
        ),
        (
            vec![Frame::binary(b"\0"), Frame::binary(b"\x01")],
            b"\0\x01",
        ),
    ] {
        let server = Server::new().accept().send_frames(&frames);
        let server = server.close(1000, "").expect_close(1000);
        Probe::new(["listen", &server.url()])
            .stdout(printed)
            .status(0);
    }
}

#[test]
fn binary_messages_are_lines_of_hex_or_base64_when_asked() {
    let frames = [
        Frame::binary(b"\0\xff\x10"),
        Frame::text("hello"),
        Frame::binary(b""),
        Frame::binary(b"a\n"),
    ];
    for (args, printed) in [
        (vec!["hex"], &b"00ff10\nhello\n\n610a\n"[..]),
        (vec!["base64"], b"AP8Q\nhello\n\nYQo=\n"),
        (vec!["hex", "-0"], b"00ff10\0hello\0\x00610a\0"),
        (vec!["raw"], b"\0\xff\x10\nhello\na\n"),
    ] {
        let server = Server::new().accept().send_frames(&frames);
        let server = server.close(1000, "").expect_close(1000);
        Probe::new(["listen", &server.url(), "--binary-output"])
            .args(args)
            .stdout(printed)
            .status(0);
    }
    let large: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let digits: String = large.iter().map(|byte| format!("{byte:02x}")).collect();
    let server = Server::new().accept().send_binary(large);
    let server = server.close_when_asked();
    Probe::new(["listen", "-1", &server.url(), "--binary-output", "hex"])
        .stdout(format!("{digits}\n"))
        .status(0);
    Probe::new(["send", "ws://127.0.0.1:1", "x", "--json"])
        .args(["--binary-output", "hex"])
        .stdout_has("'--json' cannot be used with '--binary-output <FORM>'")
        .status(2);
}

#[test]
fn send_and_connect_show_only_what_was_selected() {
    let messages = |server: Server| {
        server
            .send_text(r#"{"beat":1}"#)
            .send_text("no JSON")
            .send_text(r#"{"id":7,"name":"a b"}"#)
    };
    let server = messages(Server::new().accept().expect_text("hi")).close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--filter", r#"{"id":7}"#])
        .args(["--select", ".name"])
        .stdout("a b\n")
        .status(0);
    let server = messages(Server::new().accept().expect_text("hi")).close_when_asked();
    Probe::new(["connect", &server.url(), "-w", "300ms"])
        .args(["--filter", "/JSON|beat/", "--select", ".beat"])
        .stdin("hi\n")
        .stdout("1\n")
        .status(0);
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("no JSON");
    let server = server.close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--select", ".name"])
        .stdout("")
        .stderr_has("--select printed nothing: 1 message was not JSON")
        .status(0);
}
