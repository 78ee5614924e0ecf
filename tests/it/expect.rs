//! Verdicts: `send --expect…`, and the PATTERN options of `listen`.

use crate::harness::{Frame, Probe, Server, ms};

#[test]
fn the_expected_message_ends_a_send_and_the_others_are_printed() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("noise")
        .send_text(r#"{"op":"pong", "at": 1}"#)
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--expect", r#"{"op":"pong"}"#])
        .stdout("noise\n{\"op\":\"pong\", \"at\": 1}\n")
        .within(ms(3000))
        .status(0);
}

#[test]
fn every_form_of_pattern_is_understood() {
    for pattern in [
        r#"{"a":{"b":1.0}}"#,
        "/\"B\": *1/i",
        ".a.b == 1",
        r#"={"a": {"b": 1, "c": 2}}"#,
    ] {
        let server = Server::new()
            .accept()
            .expect_text("hi")
            .send_text(r#"{"a": {"b": 1, "c": 2}}"#)
            .close_when_asked();
        Probe::new(["send", &server.url(), "hi", "--expect", pattern])
            .any_stdout()
            .status(0);
    }
}

#[test]
fn several_patterns_are_a_sequence() {
    let server = Server::new()
        .accept()
        .send_text("two")
        .send_text("one")
        .send_text("two")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--expect", "one", "--expect", "two"])
        .stdout("two\none\ntwo\n")
        .status(0);
}

#[test]
fn a_message_that_does_not_come_is_status_1_with_the_near_miss() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("noise")
        .send_text(r#"{"type": "pong", "seq": 2}"#)
        .close_when_asked();
    let pattern = r#"{"type":"pong","seq":1}"#;
    Probe::new(["send", &server.url(), "hi", "-w", "200ms"])
        .args(["--expect", pattern])
        .any_stdout()
        .stderr_has(pattern)
        .stderr_has("2 other messages received")
        .stderr_has(r#"closest: {"type": "pong", "seq": 2}"#)
        .stderr_has(".seq: expected 1, got 2")
        .status(1);
}

#[test]
fn a_close_that_makes_it_impossible_fails_at_once() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .close(1008, "no such room");
    Probe::new(["send", &server.url(), "hi", "-w", "15s", "--expect", "yes"])
        .stderr_has("1008 (Policy Violation): no such room")
        .within(ms(5000))
        .status(1);
}

#[test]
fn a_lost_connection_keeps_its_status() {
    let server = Server::new().accept().expect_text("hi").drop_tcp();
    Probe::new(["send", &server.url(), "hi", "--expect", "yes"])
        .stderr_has("1006")
        .status(56);
}

#[test]
fn a_refusal_that_makes_it_impossible_fails_at_once_with_its_body() {
    let server = Server::new().refuse("403 Forbidden", "", "token expired");
    Probe::new(["send", &server.url(), "hi", "--expect", "yes"])
        .stderr_has("403 Forbidden")
        .stderr_has("token expired")
        .within(ms(5000))
        .status(1);
}

#[test]
fn an_expected_refusal_is_a_success_and_nothing_is_read_or_sent() {
    let server = Server::new().refuse("401 Unauthorized", "", "who?");
    Probe::new(["send", &server.url(), "--expect-status", "401"])
        .stdin_held_open()
        .within(ms(5000))
        .status(0);
}

#[test]
fn another_refusal_than_the_expected_one_is_status_1() {
    let server = Server::new().refuse("403 Forbidden", "", "");
    Probe::new(["send", &server.url(), "--expect-status", "401"])
        .stderr_has("403 Forbidden")
        .stderr_has("expected status 401")
        .status(1);
}

#[test]
fn an_open_connection_where_a_refusal_was_expected_is_status_1() {
    let server = Server::new().accept().close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--expect-status", "401"])
        .stderr_has("101")
        .status(1);
}

#[test]
fn nobody_there_is_no_verdict() {
    let nobody = crate::harness::Nobody::listens();
    Probe::new(["send", &nobody.url(), "--expect-status", "401"])
        .any_stderr()
        .status(7);
}

#[test]
fn the_close_is_expected_by_code_and_reason() {
    for (expected, status) in [
        ("4403", 0),
        ("4403 /forbidden/i", 0),
        ("4403 no", 1),
        ("1000", 1),
    ] {
        let server = Server::new()
            .accept()
            .expect_text("hi")
            .close(4403, "Forbidden room");
        Probe::new(["send", &server.url(), "hi", "--expect-close", expected])
            .any_stderr()
            .within(ms(4000))
            .status(status);
    }
}

#[test]
fn a_server_that_does_not_close_is_status_1() {
    let server = Server::new().accept().expect_text("hi").close_when_asked();
    Probe::new([
        "send",
        &server.url(),
        "hi",
        "-w",
        "200ms",
        "--expect-close",
        "4403",
    ])
    .stderr_has("4403")
    .status(1);
}

#[test]
fn a_message_and_then_a_close_can_be_expected() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("bye")
        .close(4000, "");
    Probe::new(["send", &server.url(), "hi", "--expect", "bye"])
        .args(["--expect-close", "4000"])
        .stdout("bye\n")
        .status(0);
}

#[test]
fn the_subprotocol_is_expected_by_name() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: chat\r\n")
        .expect_text("hi")
        .send_text("hi")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "-s", "chat,news"])
        .args(["--expect-subprotocol", "chat"])
        .stdout("hi\n")
        .status(0);
    let server = Server::new().accept().close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--expect-subprotocol", "chat"])
        .stderr_has("no subprotocol")
        .stderr_has("--subprotocol chat")
        .status(1);
}

#[test]
fn a_reader_that_leaves_does_not_end_a_verdict() {
    let lines: Vec<Frame> = (0..20_000)
        .map(|n| Frame::text(format!("line {n}")))
        .collect();
    let server = Server::new()
        .accept()
        .send_frames(&lines)
        .send_text("end")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--expect", "end"])
        .reader_leaves_after(10)
        .any_stdout()
        .status(0);
    let server = Server::new().accept().send_frames(&lines).close(1000, "");
    Probe::new(["send", &server.url(), "--expect", "end"])
        .reader_leaves_after(10)
        .any_stdout()
        .stderr_has("before a message matching 'end' was received")
        .status(1);
}

#[test]
fn a_failed_expectation_is_an_event() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("no")
        .close_when_asked();
    let output = Probe::new(["send", &server.url(), "hi", "--json", "-w", "100ms"])
        .args(["--expect", "yes"])
        .any_stdout()
        .any_stderr()
        .status(1);
    let events = output.events();
    let error = events
        .iter()
        .find(|event| event["event"] == "error")
        .unwrap();
    assert_eq!(
        (&error["kind"], &error["exit"]),
        (&"expectation".into(), &1.into())
    );
}

#[test]
fn the_end_of_the_time_allowed_shows_the_near_miss() {
    let server = Server::new()
        .accept()
        .send_until_closed("{\"a\":2}", ms(20));
    Probe::new([
        "send",
        &server.url(),
        "-m",
        "300ms",
        "--expect",
        "{\"a\":1}",
    ])
    .any_stdout()
    .stderr_has(".a: expected 1, got 2")
    .status(28);
}

#[test]
fn a_pattern_that_is_none_is_bad_usage_and_nothing_is_sent() {
    let server = Server::new().expect_nobody();
    for pattern in ["{", "/(/", ".a =", ".a = 2"] {
        Probe::new(["send", &server.url(), "hi", "--expect", pattern])
            .stderr_has(pattern)
            .stderr_has("prefix it with '=' to match it literally")
            .status(2);
    }
}

#[test]
fn secrets_in_the_near_miss_are_erased() {
    let server = Server::new()
        .accept()
        .expect_text("{\"token\":\"hunter2-hunter2\"}")
        .send_text("{\"your\":\"hunter2-hunter2\"}")
        .close_when_asked();
    Probe::new([
        "send",
        &server.url(),
        "-w",
        "200ms",
        "-x",
        "env:LOGIN",
        "--expect",
        "{\"your\":1}",
    ])
    .env("LOGIN", "{\"token\":\"hunter2-hunter2\"}")
    .any_stdout()
    .stderr_has("closest:")
    .status(1);
}

#[test]
fn listen_ends_with_the_message_that_matches_until() {
    let server = Server::new()
        .accept()
        .send_frames(&[Frame::text("a"), Frame::text("end"), Frame::text("b")])
        .close_when_asked();
    Probe::new(["listen", &server.url(), "--until", "/^e/"])
        .stdout("a\nend\n")
        .status(0);
    let server = Server::new().accept().send_text("a").close(1000, "");
    Probe::new(["listen", &server.url(), "--until", "end"])
        .stdout("a\n")
        .stderr_has("before a message matching 'end' was received")
        .status(10);
}

#[test]
fn listen_prints_and_counts_only_what_passes_the_filter() {
    let server = Server::new()
        .accept()
        .send_text(r#"{"n":1}"#)
        .send_binary("n")
        .send_text(r#"{"n":2}"#)
        .send_text(r#"{"n":3}"#)
        .close_when_asked();
    Probe::new(["listen", &server.url(), "--filter", ".n > 1", "-c", "2"])
        .stdout("{\"n\":2}\n{\"n\":3}\n")
        .status(0);
}

#[test]
fn listen_selects_parts_of_json_messages() {
    let server = Server::new()
        .accept()
        .send_text(r#"{"s":"a\"b","n":12345678901234567890}"#)
        .send_text("no json")
        .close(1000, "");
    Probe::new(["listen", &server.url(), "--select", ".s, .n"])
        .stdout("a\"b\n12345678901234567890\n")
        .status(0);
}

#[test]
fn a_part_is_selected_of_json_in_a_binary_message_too() {
    let server = Server::new()
        .accept()
        .send_binary(r#"{"a":1}"#)
        .close_when_asked();
    Probe::new(["listen", "-1", "--select", ".a", &server.url()])
        .stdout("1\n")
        .status(0);
}

#[test]
fn a_selection_that_met_no_json_is_told() {
    let lines = |texts: &[&str]| {
        let server = Server::new().accept();
        let server = texts.iter().fold(server, Server::send_text);
        server.close(1000, "").expect_close(1000)
    };
    let none = "--select printed nothing: 2 messages were not JSON";
    for (texts, told) in [
        (&["one", "{a}"][..], Some(none)),
        (
            &["one"],
            Some("--select printed nothing: 1 message was not JSON"),
        ),
        (
            &["one", "{\"b\":1}"],
            Some("--select printed nothing: 1 message was not JSON"),
        ),
        (&["{\"a\":1}"], None),
        (&[], None),
    ] {
        let server = lines(texts);
        let probe = Probe::new(["listen", &server.url(), "--select", ".a | values"]).any_stdout();
        match told {
            Some(told) => probe.stderr_has(told).status(0),
            None => probe.status(0),
        };
    }
}

#[test]
fn until_that_was_not_met_when_its_time_is_over_is_status_1() {
    let server = Server::new().accept().send_text("a").close_when_asked();
    Probe::new(["listen", &server.url(), "--until", "end", "--for", "200ms"])
        .stdout("a\n")
        .stderr_has("no message matching 'end' within 200 ms (1 other message received)")
        .stderr_has("closest: a")
        .status(1);
}

#[test]
fn chatter_does_not_extend_the_wait_for_what_is_expected() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_until_closed("chatter", ms(20));
    Probe::new([
        "send",
        &server.url(),
        "hi",
        "--expect",
        "end",
        "-w",
        "300ms",
    ])
    .any_stdout()
    .stderr_has("no message matching 'end' within 300 ms")
    .within(ms(4000))
    .status(1);
}

#[test]
fn each_expectation_has_the_whole_time() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .pause(ms(400))
        .send_text("a")
        .pause(ms(400))
        .send_text("b")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "-w", "700ms"])
        .args(["--expect", "a", "--expect", "b"])
        .stdout("a\nb\n")
        .status(0);
}

#[test]
fn skipped_messages_are_named() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("b")
        .send_text("a")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "-w", "200ms"])
        .args(["--expect", "a", "--expect", "b"])
        .any_stdout()
        .stderr_has("1 matching message came before and was passed over")
        .status(1);
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_binary([0xff; 12])
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "-w", "200ms", "--expect", "a"])
        .any_stdout()
        .stderr_has("1 binary message of 12 bytes was passed over: --decode, hex:")
        .status(1);
}

#[test]
fn a_binary_message_that_is_text_is_looked_at() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_binary(b"{\"a\":1}")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--expect", "{\"a\":1}"])
        .any_stdout()
        .status(0);
}

#[test]
fn a_jq_expression_that_does_not_end_is_given_up() {
    for (verb, flag) in [
        ("listen", "--filter"),
        ("listen", "--select"),
        ("listen", "--until"),
        ("send", "--expect"),
    ] {
        let server = Server::new().accept();
        let server = match verb {
            "send" => server.expect_text("hi"),
            _ => server,
        };
        let server = server.send_text("{\"n\":1}").answer_any_close();
        let probe = Probe::new([verb, &server.url(), flag, ".n | last(repeat(1)) == 1"]);
        let probe = match verb {
            "send" => probe.args(["hi", "-w", "20s"]),
            _ => probe,
        };
        probe
            .any_stdout()
            .stderr_has("last(repeat(1)) == 1: still running after 2 s")
            .within(ms(8000))
            .status(1);
    }
}

#[test]
fn a_jq_expression_that_takes_all_memory_is_given_up() {
    for expression in [
        ".n as $n | [range($n)] | length == 0",
        ".n as $n | def f: [f]; f == 1",
    ] {
        let server = Server::new()
            .accept()
            .send_text("{\"n\":1000000000}")
            .answer_any_close();
        Probe::new(["listen", &server.url(), "--until", expression])
            .any_stdout()
            .stderr_has(&format!("{expression}: "))
            .within(ms(8000))
            .status(1);
    }
}

#[test]
fn bytes_are_awaited_and_a_difference_is_named_by_its_offset() {
    for (pattern, status, says) in [
        ("hex:00 ff ?? …", 0, ""),
        ("hex:00ff010203", 0, ""),
        ("hex:00 fe …", 1, "byte 1: expected fe, got ff"),
        ("hex:00 ff", 1, "closest: binary, 5 bytes: 00 ff 01 02 03"),
    ] {
        let server = Server::new()
            .accept()
            .expect_text("hi")
            .send_binary([0, 0xff, 1, 2, 3])
            .close_when_asked();
        Probe::new([
            "send",
            &server.url(),
            "hi",
            "-w",
            "200ms",
            "--expect",
            pattern,
        ])
        .any_stdout()
        .stderr_has(says)
        .status(status);
    }
    // These bytes are text as well, but it is bytes that were awaited, or must not come.
    for (option, says) in [
        ("--expect", "closest: binary, 2 bytes: 20 09"),
        (
            "--never",
            "'never hex:20 09' forbids: binary, 2 bytes: 20 09",
        ),
    ] {
        let server = Server::new().accept().expect_text("hi").send_binary(" \t");
        let server = server.close_when_asked();
        let pattern = match option {
            "--never" => "hex:20 09",
            _ => "hex:20 0a",
        };
        Probe::new(["send", &server.url(), "hi", "-w", "200ms", option, pattern])
            .any_stdout()
            .stderr_has(says)
            .status(1);
    }
    Probe::new(["send", "ws://127.0.0.1:1", "hi", "--expect", "hex:0"])
        .stderr_has("'hex:0' is not a valid byte pattern ('0' is only half a byte)")
        .stderr_has("--expect")
        .status(2);
}
