//! `wsprobe proxy`: a client and a server on its two sides. (`proxy.rs` is about HTTP proxies.)

use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{
    Certificate, Client, Frame, Hostile, Http2Server, Nobody, Opcode, Probe, Server, ms, plain_get,
    proxy, serve,
};

/// The bytes that a flood sends before memory is looked at.
const FLOOD: usize = 64 << 20;

#[test]
fn messages_of_every_kind_pass_in_both_directions_byte_for_byte() {
    let (_server, url) = serve(&[]);
    let (_proxy, url) = proxy(&url, &[]);
    let mut client = Client::connect(&url);
    let large: Vec<u8> = (0..1 << 20).map(|i| (i * 7 % 251) as u8).collect();
    for message in [
        Frame::text("hi"),
        Frame::text(""),
        Frame::text("é€\u{202e}\u{1f600}\0\r\n"),
        Frame::binary(b""),
        Frame::binary(b"\xff\0\xfe"),
        Frame::binary(vec![b'x'; 70_000]),
        Frame::text("y".repeat(1 << 20)),
        Frame::binary(large),
    ] {
        client.send(&message);
        assert!(client.message() == message, "another message came back");
    }
}

#[test]
fn fragments_become_the_message_that_they_are_and_pings_pass_between_them() {
    let server = Server::new()
        .accept()
        .expect_frame(Frame::new(Opcode::Ping, "between"))
        .expect_text("one two")
        .send_frame(Frame::text("three ").unfinished())
        .send_ping("now")
        .send_frame(Frame::continuation("four"));
    let (_proxy, url) = proxy(&server.url(), &[]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("one ").unfinished());
    client.send(&Frame::new(Opcode::Ping, "between"));
    client.send(&Frame::continuation("two"));
    assert_eq!(client.frame(), Frame::new(Opcode::Ping, "now"));
    assert_eq!(client.message(), Frame::text("three four"));
}

#[test]
fn pings_and_pongs_come_from_the_other_end_with_their_payload() {
    let server = Server::new()
        .accept()
        .expect_frame(Frame::new(Opcode::Ping, "from the client"))
        .send_ping("from the server")
        .expect_pong("answered late")
        .send_pong("unasked")
        .send_text("done");
    let (_proxy, url) = proxy(&server.url(), &[]);
    let mut client = Client::connect(&url);
    client.send(&Frame::new(Opcode::Ping, "from the client"));
    assert_eq!(client.frame(), Frame::new(Opcode::Ping, "from the server"));
    client.send(&Frame::new(Opcode::Pong, "answered late"));
    assert_eq!(client.frame(), Frame::new(Opcode::Pong, "unasked"));
    assert_eq!(client.frame(), Frame::text("done"));
}

#[test]
fn closes_pass_with_code_and_reason_and_so_do_their_answers() {
    let none = Frame::new(Opcode::Close, "");
    for (close, answer) in [
        (Frame::close(1000, ""), Frame::close(1000, "")),
        (Frame::close(4001, "see: é"), Frame::close(4001, "see: é")),
        (Frame::close(1001, "away"), Frame::close(3000, "other")),
        (none.clone(), none.clone()),
        (Frame::close(1000, ""), none),
    ] {
        // The client closes. A message that was under way still arrives.
        let server = Server::new()
            .accept()
            .expect_frame(close.clone())
            .send_text("last")
            .send_frame(answer.clone());
        let (_proxy, url) = proxy(&server.url(), &[]);
        let mut client = Client::connect(&url);
        client.send(&close);
        assert_eq!(client.frame(), Frame::text("last"));
        assert_eq!(client.frame(), answer);
        client.expect_end();
        // The server closes.
        let server = Server::new()
            .accept()
            .send_frame(close.clone())
            .expect_text("last")
            .expect_frame(answer.clone());
        let (_proxy, url) = proxy(&server.url(), &[]);
        let mut client = Client::connect(&url);
        assert_eq!(client.frame(), close);
        client.send(&Frame::text("last"));
        client.send(&answer);
        drop(server.played());
        client.expect_end();
    }
}

#[test]
fn a_close_code_that_must_not_be_sent_passes_as_it_is_and_its_sender_is_told() {
    for code in [1005, 1006, 999, 5000] {
        let server = Server::new()
            .accept()
            .expect_frame(Frame::close(code, "odd"))
            .expect_hangup();
        let (_proxy, url) = proxy(&server.url(), &["--close-timeout", "300ms"]);
        let mut client = Client::connect(&url);
        client.send(&Frame::close(code, "odd"));
        assert_eq!(client.frame(), Frame::close(1002, ""));
        drop(server.played());
    }
    let server = Server::new()
        .accept()
        .send_frame(Frame::close(1006, "odd"))
        .expect_close(1002);
    let (_proxy, url) = proxy(&server.url(), &["--close-timeout", "300ms"]);
    let mut client = Client::connect(&url);
    assert_eq!(client.frame(), Frame::close(1006, "odd"));
}

#[test]
fn a_side_that_is_lost_is_lost_for_the_other_one_after_what_it_had_sent() {
    let server = Server::new().accept().send_text("last").drop_tcp();
    let (_proxy, url) = proxy(&server.url(), &[]);
    let mut client = Client::connect(&url);
    assert_eq!(client.frame(), Frame::text("last"));
    client.expect_end();

    let server = Server::new().accept().expect_text("go").reset();
    let (_proxy, url) = proxy(&server.url(), &[]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("go"));
    client.expect_end();

    let server = Server::new().accept().expect_text("last").expect_hangup();
    let (proxy, url) = proxy(&server.url(), &["--json", "-c", "1"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("last"));
    drop(client);
    drop(server.played());
    let close = event(&proxy.status(0).events(), "close");
    assert_eq!(
        (&close["code"], &close["by"]),
        (&1006.into(), &"none".into())
    );
    let error = close["error"].as_str().unwrap();
    assert!(
        error.starts_with("the client: the connection was lost"),
        "{error}"
    );
}

#[test]
fn an_answer_that_does_not_come_ends_the_closing_side_too() {
    let server = Server::new().accept().expect_close(1000).silent();
    let (_proxy, url) = proxy(&server.url(), &["--close-timeout", "300ms"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::close(1000, ""));
    let begun = Instant::now();
    client.expect_end();
    assert!(begun.elapsed() < ms(3000), "{:?}", begun.elapsed());
    drop(server.played());
}

#[test]
fn a_violation_ends_both_sides_and_names_the_one_that_made_it() {
    let server = Server::new()
        .accept()
        .send_raw(b"\xc1\x01x")
        .expect_close(1002);
    let (running, url) = proxy(&server.url(), &["--json", "-c", "1"]);
    let mut client = Client::connect(&url);
    let (code, reason) = client.frame().close_code().unwrap();
    assert_eq!(
        (code, &*reason),
        (1014, "the other side violated the protocol")
    );
    client.send(&Frame::close(1014, ""));
    client.expect_end();
    let close = event(&running.status(0).events(), "close");
    let error = close["error"].as_str().unwrap();
    assert!(error.starts_with("the server "), "{error}");

    let server = Server::new().accept().expect_close(1001);
    let (running, url) = proxy(&server.url(), &["--json", "-c", "1", "--max-size", "1k"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("x".repeat(1025)));
    assert_eq!(client.frame().close_code().unwrap().0, 1009);
    drop(server.played());
    let close = event(&running.status(0).events(), "close");
    let error = close["error"].as_str().unwrap();
    assert!(error.starts_with("the client: message of "), "{error}");
}

#[test]
fn refusals_pass_with_status_headers_and_the_whole_body() {
    let long = "x".repeat(100_000);
    for (status, headers, body) in [
        (
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"r\"\r\n",
            "who are you?",
        ),
        ("403 Forbidden", "X-Why: origin\r\n", "no"),
        (
            "404 Not Found",
            "Content-Type: text/html\r\n",
            long.as_str(),
        ),
        ("302 Found", "Location: https://other.example/\r\n", ""),
        ("429 Too Many Requests", "Retry-After: 7\r\n", "later"),
        ("599 Odd", "X-A: 1\r\nX-A: 2\r\n", "odd"),
    ] {
        let server = Server::new().refuse(status, headers, body);
        let (running, url) = proxy(&server.url(), &["--json", "-c", "1"]);
        let answer = Client::refused(&url, "");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert!(answer.contains(headers), "{answer}");
        let (_, came) = answer.split_once("\r\n\r\n").unwrap();
        assert!(came == body, "{status}: {} bytes", came.len());
        let refused = event(&running.status(0).events(), "refused");
        assert_eq!(refused["status"].as_u64(), status[..3].parse().ok());
    }
}

#[test]
fn a_server_that_is_down_is_a_502_with_the_reason_and_the_proxy_goes_on() {
    let (server, url) = serve(&[]);
    let address = url
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .to_owned();
    let (mut running, url) = proxy(&url, &["--json"]);
    let echo = |text: &str| {
        let mut client = Client::connect(&url);
        client.send(&Frame::text(text));
        assert_eq!(client.message(), Frame::text(text));
    };
    echo("before");
    let mut server = server;
    server.terminate();
    server.status(143);
    let answer = Client::refused(&url, "");
    assert!(
        answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
        "{answer}"
    );
    assert!(answer.contains("onnection refused"), "{answer}");
    assert!(answer.contains(&address), "{answer}");
    let mut server = Probe::new(["serve", &address])
        .any_stderr()
        .any_stdout()
        .spawn();
    server.stderr_line("listening on ");
    echo("after");
    running.terminate();
    let error = event(&running.status(143).events(), "error");
    assert_eq!(
        (&error["kind"], &error["exit"]),
        (&"connect".into(), &7.into())
    );
}

#[test]
fn a_server_that_does_not_answer_is_a_504() {
    let server = Server::new().expect_request().silent();
    let (_proxy, url) = proxy(&server.url(), &["--connect-timeout", "300ms"]);
    let answer = Client::refused(&url, "");
    assert!(
        answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
        "{answer}"
    );
    assert!(answer.contains("timed out after 300 ms"), "{answer}");
}

#[test]
fn headers_go_on_except_those_of_one_hop_and_options_replace_them() {
    let server = Server::new()
        .accept_with(
            "Sec-WebSocket-Protocol: b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
             Connection: X-Hop\r\nX-Hop: 1\r\nX-Own: it\r\n",
        )
        .expect_header("Sec-WebSocket-Protocol", &["a, b"])
        .expect_header("Cookie", &["s=1"])
        .expect_header("X-Token", &["client's"])
        .expect_header("X-Replaced", &["by an option"])
        .expect_header("X-Removed", &[])
        .expect_header("X-Hop", &[])
        .expect_header("Keep-Alive", &[])
        .expect_header("Proxy-Authorization", &[])
        .expect_header("User-Agent", &[])
        .expect_header("Authorization", &["Bearer option"])
        .expect_header("Origin", &["http://localhost:3000"])
        .expect_header("X-Latin", &["\u{fc}"]);
    let host = server.url().replace("ws://", "").replace('/', "");
    let host: &'static str = host.leak();
    let server = server.expect_header("Host", &[host]);
    let options = [
        "-H",
        "X-Replaced: by an option",
        "-H",
        "X-Removed:",
        "--bearer",
        "option",
    ];
    let (_proxy, url) = proxy(&server.url(), &options);
    let headers = "Sec-WebSocket-Protocol: a, b\r\nCookie: s=1\r\nX-Token: client's\r\n\
        X-Replaced: 1\r\nX-Removed: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
        Proxy-Authorization: Basic eDp5\r\nAuthorization: Basic eDp5\r\nOrigin: http://localhost:3000\r\n\
        X-Latin: \u{fc}\r\n";
    let (_client, head) = Client::connect_with(&url, headers);
    for line in [
        "Sec-WebSocket-Protocol: b",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "X-Own: it",
    ] {
        assert_eq!(
            head.matches(&format!("\r\n{line}\r\n")).count(),
            1,
            "{head}"
        );
    }
    assert!(!head.contains("X-Hop"), "{head}");
    drop(server.played());
    // A subprotocol that only the proxy offers is none of the client's.
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: own\r\n")
        .expect_header("Sec-WebSocket-Protocol", &["own"]);
    let (_proxy, url) = proxy(&server.url(), &["-s", "own"]);
    let (_client, head) = Client::connect_with(&url, "Sec-WebSocket-Protocol: a\r\n");
    assert!(!head.contains("Sec-WebSocket-Protocol"), "{head}");
}

#[test]
fn the_path_of_a_client_follows_a_url_that_ends_in_a_slash() {
    for (base, asked, expected) in [
        ("/", "/", "/"),
        ("/", "/feed?x=1", "/feed?x=1"),
        ("/base/", "/feed?x=1", "/base/feed?x=1"),
        ("/base", "/feed?x=1", "/base"),
        ("/?token=t", "/feed?x=1", "/feed?token=t&x=1"),
    ] {
        let line = format!("GET {expected} HTTP/1.1");
        let server = Server::new().accept().expect_request_line(&line);
        let (_proxy, url) = proxy(&server.url_of(base), &[]);
        let _client = Client::connect(&format!("{}{asked}", url.trim_end_matches('/')));
        drop(server.played());
    }
}

#[test]
fn each_side_has_its_own_compression() {
    for (server_args, proxy_args, client_args, up, down) in [
        (&[][..], &[][..], &[][..], 1, 1),
        (&["--no-compress"], &[], &[], 0, 1),
        (&[], &[], &["--no-compress"], 1, 0),
        (&[], &["--no-compress"], &[], 0, 0),
    ] {
        let (_server, url) = serve(server_args);
        let (running, url) = proxy(&url, &[&["--json", "-c", "1"], proxy_args].concat());
        let text = "compressible ".repeat(1000);
        Probe::new(["send", &url, &text])
            .args(client_args)
            .stdout(format!("{text}\n"))
            .status(0);
        let events = running.status(0).events();
        let open = event(&events, "open");
        assert_eq!(open["extensions"].as_array().unwrap().len(), down);
        let upstream = &open["upstream"];
        assert_eq!(upstream["extensions"].as_array().unwrap().len(), up);
        let close = event(&events, "close");
        let wire = close["wire_bytes"]["out"].as_u64().unwrap();
        assert_eq!(wire < 1000, up == 1, "{wire}");
    }
}

#[test]
fn web_pages_of_other_machines_are_refused_before_the_server_is_asked() {
    let server = Server::new().expect_nobody();
    let (_proxy, url) = proxy(&server.url(), &[]);
    let answer = Client::refused(&url, "Origin: https://evil.example\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("wsprobe proxy --allow-origin"), "{answer}");
    // What is no handshake is not passed on.
    let answer = plain_get(&url, "");
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    drop(server);
    let (_server, server) = serve(&["--allow-origin", "https://app.example"]);
    let (_proxy, url) = proxy(&server, &["--allow-origin", "https://app.example"]);
    let mut client = Client::connect_with(&url, "Origin: https://app.example\r\n").0;
    client.send(&Frame::text("hi"));
    assert_eq!(client.message(), Frame::text("hi"));
}

#[test]
fn a_client_that_does_not_read_stops_the_server_and_memory_stays_flat() {
    let message = "x".repeat(60_000);
    let server = Hostile::playing(&["101".to_owned(), format!("ever text \"{message}\"")]);
    let (running, url) = proxy(&server.addressed("{url}"), &["-c", "1"]);
    let memory = running.watch_memory();
    let mut client = Client::connect(&url);
    let mut taken = 0;
    while taken < FLOOD / 4 {
        taken += client.frame().payload.len();
    }
    thread::sleep(ms(1500));
    // The server is stopped by backpressure: all it has sent is in buffers. The client goes without reading it.
    drop(client);
    running.status(0);
    let peak = memory.join().unwrap() >> 20;
    assert!(peak <= 48, "{peak} MiB");
}

#[test]
fn a_server_that_does_not_read_stops_the_client_which_is_gone_with_it() {
    let server = Hostile::playing(&["101".to_owned(), "stay".to_owned()]);
    let args = ["-c", "1", "--close-timeout", "500ms"];
    let (running, url) = proxy(&server.addressed("{url}"), &args);
    let memory = running.watch_memory();
    let mut client = Client::connect(&url);
    client.send_until_stuck(&Frame::binary(vec![0xa5; 1_000_000]));
    let begun = Instant::now();
    drop(server);
    client.expect_end_or_reset();
    running.status(0);
    assert!(begun.elapsed() < ms(5000), "{:?}", begun.elapsed());
    let peak = memory.join().unwrap() >> 20;
    assert!(peak <= 48, "{peak} MiB");
}

#[test]
fn a_client_that_closes_and_reads_nothing_is_cut_off_after_the_limit() {
    let message = "x".repeat(60_000);
    let server = Hostile::playing(&["101".to_owned(), format!("ever text \"{message}\"")]);
    let args = ["-c", "1", "--close-timeout", "500ms", "-v"];
    let (mut running, url) = proxy(&server.addressed("{url}"), &args);
    let mut client = Client::connect(&url);
    client.frame();
    thread::sleep(ms(500));
    client.send(&Frame::close(1000, ""));
    let line = running.stderr_line("closed: ");
    let why = "the client took nothing for 500 ms while the connection was ending";
    assert!(line.contains(why), "{line}");
    running.status(0);
}

#[test]
fn a_client_that_never_reads_costs_the_others_nothing() {
    let (_server, url) = serve(&[]);
    let (_proxy, url) = proxy(&url, &[]);
    let mut deaf = Client::connect(&url);
    deaf.send_until_stuck(&Frame::binary(vec![0xa5; 1_000_000]));
    let mut client = Client::connect(&url);
    for n in 0..100 {
        let message = Frame::text(format!("message {n}"));
        client.send(&message);
        assert_eq!(client.message(), message);
    }
}

#[test]
fn a_hundred_clients_at_once_are_kept_apart() {
    let (_server, url) = serve(&[]);
    let (running, url) = proxy(&url, &["--json"]);
    let url = &url;
    thread::scope(|scope| {
        for id in 0..100 {
            scope.spawn(move || {
                let mut client = Client::connect(url);
                for n in 0..50 {
                    let message = Frame::text(format!("client {id} message {n}"));
                    client.send(&message);
                    assert_eq!(client.message(), message);
                }
                client.send(&Frame::close(1000, ""));
                client.expect_close_and_end();
            });
        }
    });
    let mut running = running;
    running.interrupt();
    let events = running.status(130).events();
    let stats = event(&events, "serve_stats");
    assert_eq!(stats["connections"], 100);
    assert_eq!(stats["in"]["messages"], 5000);
    assert_eq!(stats["out"]["messages"], 5000);
    for event in events.iter().filter(|event| event["event"] == "message") {
        let data = event["data"].as_str().unwrap();
        let first = events
            .iter()
            .find(|other| other["conn"] == event["conn"] && other["event"] == "message");
        let name = |text: &str| text.split(" message").next().unwrap().to_owned();
        assert_eq!(name(data), name(first.unwrap()["data"].as_str().unwrap()));
    }
}

#[test]
fn stdout_in_a_pipe_has_the_messages_of_both_sides_with_their_marks() {
    let server = Server::new()
        .accept()
        .send_text("{\"b\": 1,  \"a\": 2}")
        .expect_text("one\ntwo")
        .send_binary(b"\x00\x1b[31m")
        .expect_binary(b"")
        .close(1000, "")
        .expect_close(1000);
    let (running, url) = proxy(&server.url(), &["-c", "1"]);
    let mut client = Client::connect(&url);
    client.message();
    client.send(&Frame::text("one\ntwo"));
    client.message();
    client.send(&Frame::binary(b""));
    client.frame();
    client.send(&Frame::close(1000, ""));
    drop(server.played());
    let output = running.status(0);
    let expected = b"< {\"b\": 1,  \"a\": 2}\n> one\ntwo\n< \0\x1b[31m\n> \n";
    assert_eq!(output.stdout, expected);
}

#[test]
fn events_name_the_direction_and_the_server() {
    let server = Server::new()
        .accept_with("Set-Cookie: s=verysecretvalue\r\n")
        .expect_text("up")
        .send_text("down")
        .send_ping("x")
        .expect_pong("x")
        .expect_close(4000)
        .close(4000, "bye");
    let (running, url) = proxy(&server.url(), &["--json", "-vv", "-c", "1"]);
    let mut client = Client::connect(&url);
    client.send(&Frame::text("up"));
    assert_eq!(client.message(), Frame::text("down"));
    client.frame();
    client.send(&Frame::new(Opcode::Pong, "x"));
    client.send(&Frame::close(4000, "bye"));
    client.expect_close_and_end();
    let output = running.status(0);
    assert!(!output.text().contains("verysecretvalue"));
    let events = output.events();
    let kinds: Vec<String> = events
        .iter()
        .map(|event| match event["dir"].as_str() {
            Some(dir) => format!("{} {dir}", event["event"].as_str().unwrap()),
            None => event["event"].as_str().unwrap().to_owned(),
        })
        .collect();
    let expected = [
        "listening",
        "connecting",
        "open",
        "frame out",
        "message out",
        "frame in",
        "message in",
        "frame in",
        "ping in",
        "frame out",
        "pong out",
        "frame out",
        "closing",
        "frame in",
        "close",
        "serve_stats",
    ];
    assert_eq!(kinds, expected);
    let open = event(&events, "open");
    assert_eq!(open["upstream"]["url"], server.url());
    assert!(open["remote"].as_str().unwrap().starts_with("127.0.0.1:"));
    let frame = event(&events, "frame");
    assert_eq!(frame["masked"], true);
    let close = event(&events, "close");
    assert_eq!(
        (&close["by"], &close["code"]),
        (&"local".into(), &4000.into())
    );
    assert_eq!(
        (&close["clean"], &close["reason"]),
        (&true.into(), &"bye".into())
    );
    let is_numbered = |event: &Value| event["conn"] == 1;
    assert!(events[1..events.len() - 1].iter().all(is_numbered));
}

#[test]
fn a_terminal_shows_the_conversation_with_the_number_of_the_connection() {
    let server = Server::new()
        .accept()
        .expect_text("hi\x1b[31m")
        .send_text("{\"a\":1}")
        .send_binary(b"\0\x01")
        .close(4000, "bye")
        .expect_close(4000);
    let mut running = Probe::new(["proxy", "0", &server.url(), "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    running.shows("listening on ");
    let line = running.line();
    let url = line.split(' ').next().unwrap().to_owned();
    assert!(line.contains(&format!(" for {}", server.url())), "{line}");
    let mut client = Client::connect(&format!("{url}feed"));
    client.send(&Frame::text("hi\x1b[31m"));
    running.shows("#1 connected from 127.0.0.1:");
    running.shows(" /feed to ws://127.0.0.1:");
    running.shows("#1 > hi\\x1b[31m");
    running.shows("#1 < {\r\n  \"a\": 1\r\n}");
    running.shows("#1 < binary, 2 bytes");
    for _ in 0..3 {
        client.frame();
    }
    client.send(&Frame::close(4000, "bye"));
    running.shows("#1 closed by the server: 4000 (Private Use): bye; 2 messages (9 bytes) from the server, 1 message (7 bytes) from the client in ");
    running.interrupt();
    running.shows("* 1 connection, 2 messages (9 bytes) from the server, 1 message (7 bytes) from the client in ");
    running.status(130);
}

#[test]
fn a_verdict_is_made_of_the_messages_of_both_sides() {
    let error = "the echo is an error";
    for (args, status, stderr) in [
        (&["--until", "hello"][..], 0, ""),
        (&["--until", "/^h.*o$/", "--for", "20s"], 0, ""),
        (&["--never", "hello"], 1, "forbids: hello"),
        (&["--never", "hello", "-q"], 1, "'never hello'"),
        (
            &["--until", "other", "-c", "1"],
            1,
            "no message matching 'other' within 1 connection (2 other messages",
        ),
        (
            &["--until", "other", "--for", "1s"],
            1,
            "no message matching 'other' within 1 s",
        ),
        (&["--for", "500ms"], 0, ""),
        (&["-c", "1"], 0, ""),
        (&["--never", "other", "-c", "1"], 0, ""),
    ] {
        let (_server, url) = serve(&[]);
        let (running, url) = proxy(&url, args);
        // The proxy may end it.
        let sending = Probe::new(["send", &url, "hello"])
            .any_stdout()
            .any_stderr();
        sending.spawn().status_among(&[0, 1, 10, 56]);
        let output = running.status(status);
        assert!(
            output.stderr.contains(stderr),
            "{args:?}: {error}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_verdict_closes_both_sides_with_1001_and_shows_no_later_message() {
    let server = Server::new()
        .accept()
        .send_frames(&[
            Frame::text("first"),
            Frame::text("stop"),
            Frame::text("late"),
        ])
        .expect_close(1001)
        .close(1001, "");
    let (running, url) = proxy(&server.url(), &["--until", "stop"]);
    let mut client = Client::connect(&url);
    let mut frame = client.frame();
    while frame.opcode != Opcode::Close {
        frame = client.frame();
    }
    assert_eq!(frame, Frame::close(1001, ""));
    client.send(&Frame::close(1001, ""));
    drop(server.played());
    assert_eq!(running.status(0).stdout, b"< first\n< stop\n");
}

#[test]
fn what_was_not_passed_to_the_server_is_no_connection() {
    let (_server, url) = serve(&[]);
    let (running, url) = proxy(&url, &["-c", "1", "--json"]);
    plain_get(&url, "");
    Client::refused(&url, "Origin: https://evil.example\r\n");
    Probe::new(["send", &url, "hi"]).stdout("hi\n").status(0);
    let stats = event(&running.status(0).events(), "serve_stats");
    assert_eq!(
        (&stats["connections"], &stats["refused"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn faults_count_what_is_delivered_to_the_client() {
    let many = || {
        Server::new().accept().send_frames(&[
            Frame::text("one"),
            Frame::text("two"),
            Frame::text("three"),
        ])
    };
    let delivered = |client: &mut Client| {
        assert_eq!(client.message(), Frame::text("one"));
        assert_eq!(client.message(), Frame::text("two"));
    };
    // The server is left politely, whatever is done to the client.
    let server = many().expect_close(1001).close(1001, "");
    let (_proxy, url) = proxy(&server.url(), &["--drop-after", "2"]);
    let mut client = Client::connect(&url);
    delivered(&mut client);
    client.expect_end();
    drop(server.played());

    let server = many().expect_close(1001).close(1001, "");
    let args = [
        "--close-after",
        "2",
        "--close-code",
        "1012",
        "--close-reason",
        "again",
    ];
    let (_proxy, url) = proxy(&server.url(), &args);
    let mut client = Client::connect(&url);
    delivered(&mut client);
    assert_eq!(client.frame(), Frame::close(1012, "again"));
    client.send(&Frame::close(1012, ""));
    client.expect_end();
    drop(server.played());

    let server = many().expect_hangup();
    let (_proxy, url) = proxy(&server.url(), &["--stall-after", "2"]);
    let mut client = Client::connect(&url);
    delivered(&mut client);
    client.send(&Frame::new(Opcode::Ping, "there?"));
    client.hears_nothing_for(ms(400));
    drop(client);
    drop(server.played());

    let server = many().expect_close(1002).close(1002, "");
    let (_proxy, url) = proxy(&server.url(), &["--bad", "rsv", "--bad-after", "2"]);
    let mut client = Client::connect(&url);
    delivered(&mut client);
    assert_eq!(client.bytes(), *b"\xa1\x03rsv");
    client.send(&Frame::close(1002, ""));
    drop(server.played());
}

#[test]
fn delayed_messages_keep_their_order_and_come_before_the_close() {
    let server = Server::new()
        .accept()
        .send_frames(&[Frame::text("one"), Frame::text("two")])
        .close(4000, "bye")
        .expect_close(4000);
    let (_proxy, url) = proxy(&server.url(), &["--delay", "200ms"]);
    let begun = Instant::now();
    let mut client = Client::connect(&url);
    assert_eq!(client.message(), Frame::text("one"));
    assert!(begun.elapsed() >= ms(200), "{:?}", begun.elapsed());
    assert_eq!(client.message(), Frame::text("two"));
    assert_eq!(client.frame(), Frame::close(4000, "bye"));
    client.send(&Frame::close(4000, ""));
    drop(server.played());
}

#[test]
fn a_signal_closes_both_sides() {
    let server = Server::new().accept().expect_close(1001).close(1001, "");
    let (mut running, url) = proxy(&server.url(), &[]);
    let mut client = Client::connect(&url);
    running.interrupt();
    assert_eq!(client.frame(), Frame::close(1001, ""));
    client.send(&Frame::close(1001, ""));
    drop(server.played());
    running.status(130);
}

#[test]
fn a_signal_ends_it_within_one_close_timeout_when_a_side_answers_by_hanging_up() {
    let server = Server::new()
        .accept()
        .send_text("open")
        .expect_close(1001)
        .pause(ms(1500))
        .drop_tcp();
    let (mut running, url) = proxy(&server.url(), &["--json", "--close-timeout", "2s"]);
    let mut client = Client::connect(&url);
    assert_eq!(client.frame(), Frame::text("open"));
    let begun = Instant::now();
    running.interrupt();
    running.status(130);
    assert!(begun.elapsed() < ms(3000), "{:?}", begun.elapsed());
}

#[test]
fn a_refusal_is_an_event_at_once_although_the_client_stays() {
    let server = Server::new().refuse("401 Unauthorized", "", "");
    let (mut running, url) = proxy(&server.url(), &["--json"]);
    let (_client, head) = Client::ask(&url, "");
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    running.terminate();
    let refused = event(&running.status(143).events(), "refused");
    assert_eq!(refused["status"], 401, "{refused}");
}

#[test]
fn a_reader_that_leaves_ends_it_unless_a_verdict_was_asked_for() {
    for (args, status) in [
        (&[][..], 0),
        (&["--until", "last"], 0),
        (&["--never", "last"], 1),
    ] {
        let (_server, url) = serve(&[]);
        let mut running = Probe::new(["proxy", "0", &url])
            .args(args)
            .reader_leaves_after(3)
            .any_stdout()
            .any_stderr()
            .spawn();
        let line = running.stderr_line("listening on ");
        let url = line.split(' ').find(|word| word.contains("://")).unwrap();
        let mut client = Client::connect(url);
        for text in ["first", "second", "last"] {
            client.send(&Frame::text(text));
        }
        running.status(status);
    }
}

#[test]
fn what_passed_is_saved_as_a_check_file_that_passes_against_the_server() {
    let (_server, server) = serve(&["--greeting", "hello"]);
    let args = [
        "-v",
        "--save",
        "seen.wst",
        "-H",
        "Cookie: session=verysecretvalue",
    ];
    let (mut running, url) = proxy(&server, &args);
    plain_get(&url, "");
    for name in ["one", "two"] {
        let mut client = Client::connect(&format!("{url}feed?access_token=abcdefghijkl"));
        assert_eq!(client.message(), Frame::text("hello"));
        client.send(&Frame::text(name));
        assert_eq!(client.message(), Frame::text(name));
        client.send(&Frame::close(1000, ""));
        client.expect_close_and_end();
    }
    let mut lost = Client::connect(&url);
    lost.message();
    drop(lost);
    running.stderr_line("closed: the client: the connection was lost");
    running.terminate();
    let folder = running.folder().to_owned();
    let seen = folder.join("seen.wst");
    let output = running.status(143);
    let text = std::fs::read_to_string(&seen).unwrap();
    for part in [
        "# Recorded by wsprobe proxy, ",
        "test \"connection 1\"\n",
        "test \"connection 2\"\n",
        "test \"connection 3\"\n",
        "/feed?access_token={{",
        "< hello\n> one\n< one\nclose 1000\n",
        "# the client was lost",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert_eq!(text.matches("\nconnect ").count(), 3, "{text}");
    assert!(
        !text.contains("verysecret") && !text.contains("abcdefgh"),
        "{text}"
    );
    Probe::new(["check", seen.to_str().unwrap()])
        .env("COOKIE", "session=x")
        .env("ACCESS_TOKEN", "y")
        .in_home_of(output)
        .any_stdout()
        .status(0);
    let probe = Probe::new(["proxy", "0", &server, "--save"]);
    let existing = probe.file("existing.wst", "precious");
    probe
        .args([&existing])
        .stderr_has("cannot write")
        .status(23);
    let missing = "no/such/folder/x.wst";
    Probe::new(["proxy", "0", &server, "--save", missing])
        .stderr_has(missing)
        .status(23);
}

#[test]
fn har_has_the_messages_as_browsers_export_them_without_secrets() {
    let server = Server::new()
        .accept_and_send(&[Frame::text("hello")])
        .expect_text("{\"password\":\"averysecretone\"}")
        .expect_binary(b"\x00\xff")
        .send_text("your cookie is verysecretvalue")
        .expect_close(1000)
        .close(1000, "")
        .refuse("401 Unauthorized", "X-Why: no\r\n", "who?");
    let (running, url) = proxy(&server.url(), &["--har", "seen.har", "-c", "2"]);
    let url = format!("{url}feed?x=1");
    let headers = "Cookie: s=verysecretvalue\r\nX-Kept: it\r\n";
    let mut client = Client::connect_with(&url, headers).0;
    assert_eq!(client.message(), Frame::text("hello"));
    client.send(&Frame::text("{\"password\":\"averysecretone\"}"));
    client.send(&Frame::binary(b"\x00\xff"));
    let cookie = Frame::text("your cookie is verysecretvalue");
    assert_eq!(client.message(), cookie);
    client.send(&Frame::close(1000, ""));
    client.expect_close_and_end();
    Client::refused(&url, "");
    let har = running.folder().join("seen.har");
    let _output = running.status(0);
    let text = std::fs::read_to_string(har).unwrap();
    assert!(!text.contains("verysecret"), "{text}");
    let har: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    let [seen, refused] = har["log"]["entries"].as_array().unwrap().as_slice() else {
        panic!("{text}");
    };
    assert_eq!(seen["_resourceType"], "websocket");
    assert_eq!(seen["response"]["status"], 101);
    let asked = seen["request"]["url"].as_str().unwrap();
    assert!(asked.ends_with("/feed?x=1"), "{asked}");
    let header = serde_json::json!({"name": "X-Kept", "value": "it"});
    let sent = seen["request"]["headers"].as_array().unwrap();
    assert!(sent.contains(&header), "{text}");
    let begun = seen["startedDateTime"].as_str().unwrap();
    let begun = humantime_seconds(begun);
    let messages = seen["_webSocketMessages"].as_array().unwrap();
    let shown: Vec<_> = messages
        .iter()
        .map(|message| {
            let time = message["time"].as_f64().unwrap();
            assert!((begun - 1.0..begun + 60.0).contains(&time), "{time}");
            (
                message["type"].as_str().unwrap(),
                message["opcode"].as_u64().unwrap(),
                message["data"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("receive", 1, "hello"),
        ("send", 1, "{\"password\":\"***\"}"),
        ("send", 2, "AP8="),
        ("receive", 1, "your cookie is ***"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(refused["response"]["status"], 401);
    assert_eq!(refused["_webSocketMessages"], serde_json::json!([]));
}

/// Seconds since 1970 of a date in RFC 3339, UTC.
fn humantime_seconds(date: &str) -> f64 {
    let time = humantime::parse_rfc3339(date).unwrap();
    time.duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

#[test]
fn the_server_may_speak_http_2() {
    let server = Http2Server::echo();
    let (_proxy, url) = proxy(&server.url(), &["--http2"]);
    let large = "0123456789".repeat(100_000);
    Probe::new(["send", &url, "hi", &large[..100_000]])
        .stdout(format!("hi\n{}\n", &large[..100_000]))
        .status(0);
}

#[test]
fn clients_beyond_the_maximum_get_503_before_the_server_is_asked() {
    let server = Server::new().accept();
    let (_proxy, url) = proxy(&server.url(), &["--max-clients", "1"]);
    let _client = Client::connect(&url);
    let answer = Client::refused(&url, "");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn a_client_that_still_waits_for_the_server_is_ended_with_an_event() {
    let server = Server::new().expect_request().silent();
    let (mut running, url) = proxy(&server.url(), &["--json"]);
    let waiting = thread::spawn(move || Probe::new(["send", &url, "hi"]).any_stderr().status(56));
    running.shows("\"event\":\"connecting\"");
    running.terminate();
    let error = event(&running.status(143).events(), "error");
    assert_eq!(error["conn"], 1);
    let why = error["message"].as_str().unwrap();
    assert!(why.ends_with("cancelled: the proxy is stopping"), "{why}");
    waiting.join().unwrap();
}

#[test]
fn both_sides_may_be_encrypted() {
    let (_server, server) = serve(&["--self-signed"]);
    let (_proxy, url) = proxy(&server, &["--self-signed", "-k"]);
    assert!(url.starts_with("wss://"), "{url}");
    Probe::new(["send", "-k", &url, "hi"])
        .stdout("hi\n")
        .any_stderr()
        .status(0);
    // The server's certificate is verified.
    let (_proxy, url) = proxy(&server, &[]);
    let answer = Client::refused(&url, "");
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("self-signed"), "{answer}");
    let certificate = Certificate::good();
    let probe = Probe::new(["send", "hi"]);
    let ca = probe.file("ca.pem", certificate.authority_pem());
    let chain = probe.file("chain.pem", certificate.pem());
    let key = probe.file("key.pem", certificate.key_pem());
    let (_server, server) = serve(&[]);
    let args = ["--listen-cert", &chain, "--listen-key", &key];
    let (_proxy, url) = proxy(&server, &args);
    let url = url.replace("127.0.0.1", "localhost");
    Probe::new(["send", "--cacert", &ca, &url, "hi"])
        .stdout("hi\n")
        .status(0);
}

#[test]
fn bad_usage_is_exit_2_before_anything_listens() {
    for (args, stderr) in [
        (&["proxy"][..], "missing argument"),
        (&["proxy", "8080"], "missing argument <URL>"),
        (&["proxy", "x", "ws://h/"], "invalid listen address 'x'"),
        (&["proxy", "ws://h/", "8080"], "wsprobe proxy 8080 ws://h/"),
        (&["proxy", "0", "foo://h/"], "unsupported scheme 'foo'"),
        (
            &["proxy", "8080", ":8080"],
            "the address that the proxy listens on",
        ),
        (&["proxy", "0", "ws://h/", "--until", "{"], "--until"),
        (&["proxy", "0", "ws://h/", "-c", "0"], "--count"),
        (&["proxy", "0", "ws://h/", "--for", "soon"], "--for"),
        (
            &["proxy", "0", "ws://h/", "--listen-key", "k"],
            "--listen-cert",
        ),
        (
            &["proxy", "0", "ws://h/", "--close-code", "1000"],
            "--close-after",
        ),
        (
            &["proxy", "0", "ws://h/", "--allow-origin", "app.example"],
            "--allow-origin",
        ),
        (
            &["proxy", "0", "ws://h/", "--har", "-"],
            "'-' is not supported",
        ),
        (&["proxy", "0", "ws://h/", "-x", "hi"], "unknown option -x"),
        (
            &["proxy", "-p", "8080", "ws://h/"],
            "wsprobe proxy 8080 URL",
        ),
    ] {
        Probe::new(args).stderr_has(stderr).status(2);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    Probe::new(["proxy", &port, "ws://127.0.0.1:9/"])
        .stderr_has("cannot listen on")
        .status(7);
}

#[test]
fn an_address_for_other_machines_is_a_warning() {
    let nobody = Nobody::listens();
    let mut running = Probe::new(["proxy", "0.0.0.0:0", &nobody.url()])
        .stderr_has("reachable from other machines")
        .spawn();
    running.stderr_line("reachable from other machines");
    running.terminate();
    running.status(143);
}

/// The first event of this kind.
#[track_caller]
fn event(events: &[Value], kind: &str) -> Value {
    let found = events.iter().find(|event| event["event"] == kind);
    found
        .unwrap_or_else(|| panic!("no {kind} in {events:#?}"))
        .clone()
}
