//! `--json` and `--log`: the events, their fields and their order.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Certificate, Nobody, Probe, Server, ms};

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}

fn only<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["event"] == name);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {events:#?}"));
    assert!(
        found.next().is_none(),
        "more than one {name} in {events:#?}"
    );
    first
}

/// The final event of a connection.
fn the_end(events: &[Value]) -> &Value {
    let is_end =
        |event: &&Value| ["refused", "error", "close"].contains(&event["event"].as_str().unwrap());
    let ends: Vec<&Value> = events.iter().filter(is_end).collect();
    let [end] = ends[..] else {
        panic!("not one end in {events:#?}")
    };
    end
}

#[test]
fn a_conversation_is_told_in_order() {
    let server = Server::new()
        .accept()
        .expect_text("hé")
        .send_text("hello")
        .close_when_asked();
    let events = Probe::new(["send", "--json", &server.url(), "hé"])
        .any_stdout()
        .stderr("")
        .status(0)
        .events();
    assert_eq!(
        names(&events),
        [
            "connecting",
            "open",
            "message",
            "message",
            "closing",
            "close"
        ]
    );

    let mut before = 0.0;
    for event in &events {
        assert_eq!(event["v"], 1, "{event}");
        assert_eq!(event["conn"], 1, "{event}");
        let t = event["t"].as_f64().unwrap();
        assert!((before..20.0).contains(&t), "{event}");
        before = t;
        let ts: String = event["ts"]
            .as_str()
            .unwrap()
            .chars()
            .map(zero_for_digit)
            .collect();
        assert_eq!(ts, "0000-00-00T00:00:00.000000Z", "{event}");
    }

    assert_eq!(events[0]["url"], server.url());
    assert_eq!(events[0]["attempt"], 1);
    let [sent, received] = &events[2..4] else {
        unreachable!()
    };
    assert_eq!(
        (&sent["dir"], &sent["bytes"], &sent["data"]),
        (&json!("out"), &json!(3), &json!("hé"))
    );
    assert_eq!(
        (&received["dir"], &received["bytes"]),
        (&json!("in"), &json!(5))
    );
    assert_eq!(
        (&received["type"], &received["data"]),
        (&json!("text"), &json!("hello"))
    );
    assert_eq!(
        (&events[4]["by"], &events[4]["code"]),
        (&json!("local"), &json!(1000))
    );
    let close = &events[5];
    assert_eq!(close["by"], "local");
    assert_eq!(close["code"], 1000);
    assert_eq!(close["clean"], true);
    assert_eq!(close["in"], json!({"messages": 1, "bytes": 5}));
    assert_eq!(close["out"], json!({"messages": 1, "bytes": 3}));
    assert!(
        close["open_ms"].is_number() && !close["wire_bytes"].is_null(),
        "{close}"
    );
    assert!(
        close["name"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("normal"),
        "{close}"
    );
}

fn zero_for_digit(c: char) -> char {
    if c.is_ascii_digit() { '0' } else { c }
}

#[test]
fn open_says_what_was_agreed_and_how_long_it_took() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: chat\r\nX-Served-By: a\r\n")
        .close(1000, "")
        .expect_close(1000);
    let events = Probe::new(["listen", "--json", &server.url(), "-s", "chat"])
        .any_stdout()
        .status(0)
        .events();
    let open = only(&events, "open");
    assert_eq!(open["status"], 101);
    assert_eq!(open["remote"], format!("127.0.0.1:{}", server.port()));
    assert_eq!(open["http"], "1.1");
    assert_eq!(open["subprotocol"], "chat");
    assert_eq!(open["extensions"], json!([]));
    assert!(
        open["headers"]
            .to_string()
            .to_lowercase()
            .contains("x-served-by"),
        "{open}"
    );
    assert!(open["tls"].is_null());
    for stage in ["dns_ms", "tcp_ms", "upgrade_ms", "total_ms"] {
        assert!(open["timing"][stage].is_number(), "{stage} in {open}");
    }
}

#[test]
fn open_over_tls_describes_the_certificate() {
    let server = Server::tls(Certificate::good())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let events = Probe::new([
        "listen",
        "--json",
        &server.url(),
        "--cacert",
        &server.authority(),
    ])
    .any_stdout()
    .status(0)
    .events();
    let open = only(&events, "open");
    assert!(
        open["tls"]["version"].as_str().unwrap().contains("1.3"),
        "{open}"
    );
    assert!(open["tls"]["cipher"].is_string(), "{open}");
    assert!(
        open["tls"]["not_after"]
            .as_str()
            .unwrap()
            .starts_with("4096-01-01"),
        "{open}"
    );
    assert!(
        open["tls"]["days_left"].as_i64().unwrap() > 700_000,
        "{open}"
    );
    assert!(open["timing"]["tls_ms"].is_number(), "{open}");
}

#[test]
fn messages_are_numbered_and_keep_their_bytes() {
    let control: String = (0..=0x9f).map(|c| char::from_u32(c).unwrap()).collect();
    let text = format!("{control}\u{202e}\u{2028}\"\\/🦀");
    let server = Server::new()
        .accept()
        .send_text(&text)
        .send_text("")
        .send_binary(b"\x00\xff\x10\x80")
        .close(1000, "")
        .expect_close(1000);
    let output = Probe::new(["listen", "--json", &server.url()])
        .any_stdout()
        .status(0);
    let events = output.events();
    let messages: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "message")
        .collect();
    let [first, empty, binary] = messages[..] else {
        panic!("{events:#?}")
    };
    assert_eq!([&first["n"], &empty["n"], &binary["n"]], [1, 2, 3]);
    assert_eq!(first["data"], text);
    assert_eq!(first["bytes"], text.len());
    assert_eq!((&empty["data"], &empty["bytes"]), (&json!(""), &json!(0)));
    assert_eq!(
        (&binary["type"], &binary["bytes"]),
        (&json!("binary"), &json!(4))
    );
    assert_eq!(
        (&binary["encoding"], &binary["data"]),
        (&json!("base64"), &json!("AP8QgA=="))
    );
    // Control characters are already escaped as \u here.
    for raw in ["\x7f", "\u{9b}", "\u{202e}"] {
        assert!(
            !output.text().contains(raw),
            "{raw:?} is raw in {}",
            output.text()
        );
    }
}

#[test]
fn a_json_text_is_also_there_parsed_with_every_digit() {
    let text = r#"{"b":1.10,"a":12345678901234567890123}"#;
    let server = Server::new()
        .accept()
        .send_text(text)
        .send_text("{not json")
        .close(1000, "")
        .expect_close(1000);
    let output = Probe::new(["listen", "--json", &server.url()])
        .stdout_has(&format!(r#""json":{text}"#))
        .status(0);
    let events = output.events();
    let messages: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "message")
        .collect();
    assert_eq!(messages[0]["data"], text);
    assert!(messages[1].get("json").is_none(), "{}", messages[1]);
}

#[test]
fn a_refusal_is_one_event() {
    let server = Server::new().refuse(
        "503 Service Unavailable",
        "Retry-After: 7\r\nX-Why: load\r\n",
        "try later",
    );
    let events = Probe::new(["listen", "--json", &server.url()])
        .any_stdout()
        .any_stderr()
        .status(22)
        .events();
    let refused = the_end(&events);
    assert_eq!(refused["event"], "refused");
    assert_eq!(refused["status"], 503);
    assert_eq!(refused["body"], "try later");
    assert_eq!(refused["retry_after_ms"], 7000);
    assert!(
        refused["headers"]
            .to_string()
            .to_lowercase()
            .contains("x-why"),
        "{refused}"
    );
}

#[test]
fn a_connection_that_fails_is_one_error_on_stdout() {
    let nobody = Nobody::listens();
    let events = Probe::new(["send", "--json", &nobody.url(), "hi"])
        .any_stdout()
        .stderr_lacks("wsprobe: ")
        .status(7)
        .events();
    assert_eq!(names(&events)[0], "connecting");
    let error = the_end(&events);
    assert_eq!(error["event"], "error");
    assert_eq!(error["kind"], "connect");
    assert_eq!(error["exit"], 7);
    assert_eq!(error["retryable"], true);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("refused"),
        "{error}"
    );
}

#[test]
fn each_kind_of_failure_has_its_name() {
    let fails = |args: &[&str], kind: &str, exit: i32| {
        let probe = Probe::new(["listen", "--json"]).args(args);
        let events = probe.any_stdout().any_stderr().status(exit).events();
        let error = the_end(&events);
        assert_eq!(
            (&error["kind"], &error["exit"]),
            (&json!(kind), &json!(exit)),
            "{error}"
        );
    };
    fails(&["ws://no-such-host.invalid/"], "dns", 6);

    let silent = Server::new().expect_request().silent();
    fails(
        &[&silent.url(), "--connect-timeout", "200ms"],
        "timeout",
        28,
    );

    let plain = Server::new()
        .connected()
        .expect_anything()
        .send_raw(b"HTTP/1.1 400 no\r\n\r\n")
        .drop_tcp();
    fails(&[&format!("wss://127.0.0.1:{}/", plain.port())], "tls", 35);

    let untrusted = Server::tls(Certificate::good()).expect_tls_failure();
    fails(&[&untrusted.url()], "cert", 60);

    let liar = Server::new()
        .answer_raw("HTTP/1.1 101 Yes\r\n\r\n")
        .expect_hangup();
    fails(&[&liar.url()], "handshake", 8);

    fails(&["ws://"], "usage", 2);
}

#[test]
fn a_close_by_the_server_is_told_with_its_code_name_and_reason() {
    let server = Server::new()
        .accept()
        .close(1008, "token expired")
        .expect_close(1008);
    let events = Probe::new(["listen", "--json", &server.url()])
        .any_stdout()
        .any_stderr()
        .status(10)
        .events();
    let close = the_end(&events);
    assert_eq!(
        (&close["event"], &close["by"]),
        (&json!("close"), &json!("peer"))
    );
    assert_eq!(
        (&close["code"], &close["reason"]),
        (&json!(1008), &json!("token expired"))
    );
    assert_eq!(close["clean"], true);
    assert!(
        close["name"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("policy"),
        "{close}"
    );
    assert_eq!(only(&events, "closing")["by"], "peer");
}

#[test]
fn a_lost_connection_is_a_close_by_nobody() {
    let server = Server::new().accept().send_text("one").drop_tcp();
    let events = Probe::new(["listen", "--json", &server.url()])
        .any_stdout()
        .any_stderr()
        .status(56)
        .events();
    let close = the_end(&events);
    assert_eq!(
        (&close["event"], &close["by"]),
        (&json!("close"), &json!("none"))
    );
    assert_eq!(
        (&close["code"], &close["clean"]),
        (&json!(1006), &json!(false))
    );
    assert!(close["error"].is_string(), "{close}");
    assert_eq!(close["in"]["messages"], 1);
}

#[test]
fn a_timeout_after_the_open_ends_in_one_close() {
    let server = Server::new().accept().answer_any_close();
    let events = Probe::new(["listen", "--json", &server.url(), "--idle-timeout", "200ms"])
        .any_stdout()
        .any_stderr()
        .status(28)
        .events();
    assert_eq!(only(&events, "close")["by"], "local");
}

#[test]
fn pings_of_the_server_are_events() {
    let server = Server::new()
        .accept()
        .send_ping("abc")
        .expect_pong("abc")
        .close(1000, "")
        .expect_close(1000);
    let events = Probe::new(["listen", "--json", &server.url()])
        .any_stdout()
        .status(0)
        .events();
    let received = only(&events, "ping");
    assert_eq!(
        (&received["dir"], &received["bytes"]),
        (&json!("in"), &json!(3))
    );
    let sent = only(&events, "pong");
    assert_eq!((&sent["dir"], &sent["bytes"]), (&json!("out"), &json!(3)));
}

#[test]
fn very_verbose_adds_every_frame() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .close_when_asked();
    let events = Probe::new(["send", "--json", "-vv", &server.url(), "hi"])
        .any_stdout()
        .any_stderr()
        .status(0)
        .events();
    let frames: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "frame")
        .collect();
    assert_eq!(frames.len(), 4, "{frames:#?}");
    let sent = frames.iter().find(|frame| frame["dir"] == "out").unwrap();
    assert_eq!(
        (&sent["fin"], &sent["masked"], &sent["rsv1"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(
        (&sent["bytes"], &sent["wire_bytes"]),
        (&json!(2), &json!(8))
    );
    let received = frames.iter().find(|frame| frame["dir"] == "in").unwrap();
    assert_eq!(
        (&received["masked"], &received["wire_bytes"]),
        (&json!(false), &json!(4))
    );
}

#[test]
fn a_log_has_the_events_and_stdout_stays_plain() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("hello")
        .close_when_asked();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    Probe::new(["send", &server.url(), "hi", "--log", log.to_str().unwrap()])
        .stdout("hello\n")
        .stderr("")
        .status(0);
    let log = fs::read_to_string(log).unwrap();
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        names(&events),
        [
            "connecting",
            "open",
            "message",
            "message",
            "closing",
            "close"
        ]
    );
}

#[test]
fn a_log_that_cannot_be_written_is_23_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    Probe::new(["listen", &server.url(), "--log", "no/such/folder/log"])
        .stderr_has("no/such/folder/log")
        .status(23);
}

#[test]
fn each_event_is_visible_when_it_happens() {
    let server = Server::new().accept();
    let mut probe = Probe::new(["listen", "--json", &server.url()])
        .any_stdout()
        .spawn();
    assert!(probe.line().contains(r#""event":"connecting""#));
    assert!(probe.line().contains(r#""event":"open""#));
    let server = server.send_text("hi");
    assert!(probe.line().contains(r#""event":"message""#));
    let server = server.pause(ms(1)).close(1000, "").expect_close(1000);
    probe.status(0);
    drop(server);
}
