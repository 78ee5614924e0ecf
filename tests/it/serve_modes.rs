//! The modes of `serve`, and its output.

use crate::harness::{Client, Frame, Opcode, Probe, ms, serve};

#[test]
fn a_greeting_comes_first_and_a_reply_stands_for_the_echo() {
    let (_serving, url) = serve(&["--greeting", "hello", "--reply", "noted"]);
    let mut client = Client::connect(&url);
    assert_eq!(client.message(), Frame::text("hello"));
    client.send(&Frame::text("one"));
    client.send(&Frame::binary(b"two"));
    assert_eq!(client.message(), Frame::text("noted"));
    assert_eq!(client.message(), Frame::text("noted"));
}

#[test]
fn a_broadcast_reaches_everybody_in_one_order() {
    let (_serving, url) = serve(&["--mode", "broadcast"]);
    let mut clients = [(); 3].map(|()| Client::connect(&url));
    // A client takes part once the server has received a message from it.
    for client in &mut clients {
        client.send(&Frame::new(Opcode::Ping, ""));
        assert_eq!(client.frame().opcode, Opcode::Pong);
    }
    clients[0].send(&Frame::text("from the first"));
    for client in &mut clients {
        assert_eq!(client.message(), Frame::text("from the first"));
    }
    clients[1].send(&Frame::binary(b"\0\x01"));
    let [first, _, third] = &mut clients;
    assert_eq!(first.message(), Frame::binary(b"\0\x01"));
    assert_eq!(third.message(), Frame::binary(b"\0\x01"));
}

#[test]
fn who_does_not_read_a_broadcast_holds_nobody_up_and_has_to_leave() {
    let (_serving, url) = serve(&["--mode", "broadcast"]);
    let mut sleeper = Client::connect(&url);
    sleeper.send(&Frame::new(Opcode::Ping, ""));
    assert_eq!(sleeper.frame().opcode, Opcode::Pong);
    let mut speaker = Client::connect(&url);
    // Far more than the socket and the queue of the slow client can hold.
    let message = Frame::binary(vec![0xa5; 1_000_000]);
    for _ in 0..60 {
        speaker.send(&message);
        assert_eq!(speaker.message(), message);
    }
    let mut last = sleeper.frame();
    while last == message {
        last = sleeper.frame();
    }
    assert_eq!(last.close_code().map(|(code, _)| code), Some(1008));
}

#[test]
fn a_sink_answers_nothing_and_reports_each_connection_on_stdout() {
    let (mut serving, url) = serve(&["--mode", "sink"]);
    let mut client = Client::connect(&url);
    for _ in 0..3 {
        client.send(&Frame::text("four"));
    }
    client.hears_nothing_for(ms(200));
    client.send(&Frame::close(1000, ""));
    assert_eq!(client.frame().opcode, Opcode::Close);
    let report = serving.line();
    assert!(
        report.starts_with("#1 3 messages (12 bytes) in "),
        "{report}"
    );
    assert!(report.ends_with("close 1000 (Normal Closure)"), "{report}");
}

#[test]
fn a_silent_server_reads_and_answers_nothing_but_pings() {
    let (_serving, url) = serve(&["--mode", "silent"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("hi"));
    client.hears_nothing_for(ms(200));
    client.send(&Frame::new(Opcode::Ping, "there?"));
    assert_eq!(client.frame(), Frame::new(Opcode::Pong, "there?"));
}

#[test]
fn a_reply_without_an_echo_is_bad_usage() {
    Probe::new(["serve", "0", "--mode", "sink", "--reply", "x"])
        .stderr_has("--reply")
        .status(2);
}

#[test]
fn subprotocols_are_chosen_in_the_client_s_order_from_those_spoken() {
    let chosen = |args: &[&str], offered: &str| {
        let (_serving, url) = serve(args);
        let header = format!("Sec-WebSocket-Protocol: {offered}\r\n");
        let (_client, head) = Client::connect_with(&url, &header);
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        line.map(str::to_owned)
    };
    assert_eq!(chosen(&[], "b, a").as_deref(), Some("b"));
    assert_eq!(chosen(&["-s", "a,b"], "c, b, a").as_deref(), Some("b"));
    assert_eq!(chosen(&["-s", "a"], "b"), None);
}

#[test]
fn compression_is_agreed_to_unless_it_is_switched_off() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let (_serving, url) = serve(&[]);
    let (_client, head) = Client::connect_with(&url, offer);
    assert!(head.contains("permessage-deflate"), "{head}");
    let (_serving, url) = serve(&["--no-compress"]);
    let (_client, head) = Client::connect_with(&url, offer);
    assert!(!head.contains("permessage-deflate"), "{head}");
}

#[test]
fn json_tells_every_event_with_its_connection_and_the_totals_at_the_end() {
    let mut serving = Probe::new(["serve", "0", "--json"]).any_stdout().spawn();
    let listening: serde_json::Value = serde_json::from_str(&serving.line()).unwrap();
    let url = listening["url"].as_str().unwrap().to_owned();
    let mut first = Client::connect(&url);
    first.send(&Frame::text("{\"a\":1}"));
    assert_eq!(first.message(), Frame::text("{\"a\":1}"));
    let mut second = Client::connect(&url);
    second.send(&Frame::binary(b"\0"));
    assert_eq!(second.message(), Frame::binary(b"\0"));
    first.send(&Frame::close(4000, "bye"));
    first.expect_close_and_end();
    second.send(&Frame::close(1000, ""));
    second.expect_close_and_end();
    serving.interrupt();
    let events = serving.status(130).events();
    let of = |conn: u64| -> Vec<&str> {
        let own = events.iter().filter(|event| event["conn"] == conn);
        own.map(|event| event["event"].as_str().unwrap()).collect()
    };
    assert_eq!(of(1), ["open", "message", "message", "closing", "close"]);
    assert_eq!(of(2), ["open", "message", "message", "closing", "close"]);
    assert_eq!(of(0), ["listening", "serve_stats"]);
    let find = |conn: u64, name: &str| {
        let found = events
            .iter()
            .find(|it| it["conn"] == conn && it["event"] == name);
        found.unwrap().clone()
    };
    assert_eq!(find(1, "message")["json"]["a"], 1);
    assert_eq!(find(1, "close")["code"], 4000);
    assert_eq!(find(1, "close")["by"], "peer");
    assert_eq!(find(2, "close")["in"]["bytes"], 1);
    let totals = find(0, "serve_stats");
    assert_eq!(totals["connections"], 2);
    assert_eq!(totals["in"]["messages"], 2);
    assert_eq!(totals["out"]["bytes"], 8);
}

#[test]
fn a_log_has_every_event_and_stdout_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (mut serving, url) = serve(&["--log", log.to_str().unwrap()]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("hi"));
    assert_eq!(client.message(), Frame::text("hi"));
    client.send(&Frame::close(1000, ""));
    client.expect_close_and_end();
    serving.interrupt();
    assert_eq!(serving.status(130).stdout, b"");
    let lines = std::fs::read_to_string(&log).unwrap();
    let names = lines.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["event"].as_str().unwrap().to_owned()
    });
    let expected = [
        "listening",
        "open",
        "message",
        "message",
        "closing",
        "close",
        "serve_stats",
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn a_terminal_sees_a_line_for_each_connection_and_message_and_totals() {
    let mut serving = Probe::new(["serve", "0", "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    serving.shows("listening on ");
    let url = serving.line().trim_end().to_owned();
    serving.shows("test page for browsers: http://127.0.0.1:");
    let mut client = Client::connect(&url);
    client.send(&Frame::text("hi\x1b[31m"));
    client.send(&Frame::binary(b"\0\x01"));
    serving.shows("#1 connected from 127.0.0.1:");
    serving.shows("#1 < hi\\x1b[31m (7 bytes)");
    serving.shows("#1 < binary 00 01 (2 bytes)");
    client.send(&Frame::close(4000, "bye"));
    serving
        .shows("#1 closed by the client: 4000 (Private Use): bye; received 2 messages (9 bytes)");
    serving.interrupt();
    serving.shows("* 1 connection, received 2 messages (9 bytes), sent 2 messages (9 bytes) in ");
    serving.status(130);
}

#[test]
fn quiet_says_the_address_alone() {
    let mut serving = Probe::new(["serve", "0", "-q", "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    serving.shows("listening on ");
    let url = serving.line().trim_end().to_owned();
    let mut client = Client::connect(&url);
    client.send(&Frame::text("hi"));
    assert_eq!(client.message(), Frame::text("hi"));
    serving.terminate();
    assert_eq!(client.frame().opcode, Opcode::Close);
    client.send(&Frame::close(1001, ""));
    let text = serving.status(143).text().to_owned();
    assert_eq!(text.trim_end(), format!("listening on {url}"));
}

#[test]
fn a_reader_of_events_that_leaves_ends_it_politely() {
    let mut serving = Probe::new(["serve", "0", "--json"])
        .reader_leaves_after(1)
        .any_stdout()
        .any_stderr()
        .spawn();
    let _ = &mut serving;
    serving.status(0);
}
