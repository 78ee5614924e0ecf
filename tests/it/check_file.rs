//! `check FILE`: conversations, their results and their reports.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::harness::{Frame, Nobody, Opcode, Probe, Server, ms};

/// A run of a file with this text; `{{base}}` is the server's URL.
fn check(server: &Server, text: &str) -> Probe {
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", text);
    let base = server.url();
    let base = base.trim_end_matches('/');
    probe.args([&file, "--var", &format!("base={base}")])
}

#[test]
fn the_echo_conversation_passes() {
    let server = Server::new()
        .accept()
        .expect_request_line("GET /echo HTTP/1.1")
        .expect_text("hello")
        .send_text("hello")
        .answer_ping()
        .expect_close(1000)
        .close(1000, "");
    check(
        &server,
        "# is the echo endpoint alive?\nconnect {{base}}/echo\n> hello\nwithin 500ms < hello\nping\nclose 1000\n",
    )
    .stdout_has("x.wst  (5 steps, ")
    .stdout_has("1 test passed")
    .status(0);
}

const GRAPHQL: &str = r#"
timeout 3s
test "subscribe with a valid token"
connect {{base}}/graphql
Sec-WebSocket-Protocol: graphql-transport-ws
expect subprotocol graphql-transport-ws
never {"type":"error"}
> {"type":"connection_init","payload":{"token":"{{env.API_TOKEN}}"}}
< {"type":"connection_ack"}
capture session = .payload.session
> {
    "id": "{{session}}-1",
    "type": "subscribe",
    "payload": {"query": "subscription { price(symbol: \"ACME\") { value } }"}
  }
within 1s < {"id":"{{session}}-1","type":"next"}
assert .payload.data.price.value > 40
close 1000

test "a bad token is refused with 4403"
connect {{base}}/graphql
Sec-WebSocket-Protocol: graphql-transport-ws
> {"type":"connection_init","payload":{"token":"nope"}}
expect close 4403 /forbidden/i

test "no credentials at all is HTTP 401"
connect {{base}}/private
expect status 401
"#;

#[test]
fn the_graphql_conversation_passes() {
    let protocol = "Sec-WebSocket-Protocol: graphql-transport-ws\r\n";
    let server = Server::new()
        .accept_with(protocol)
        .expect_header("Sec-WebSocket-Protocol", &["graphql-transport-ws"])
        .expect_text(r#"{"type":"connection_init","payload":{"token":"s3cret-t0ken"}}"#)
        .send_text(r#"{"type":"ka"}"#)
        .send_text(r#"{"type":"connection_ack","payload":{"session":"s-17"}}"#)
        .expect_text(
            r#"{"id":"s-17-1","type":"subscribe","payload":{"query":"subscription { price(symbol: \"ACME\") { value } }"}}"#,
        )
        .send_text(r#"{"id":"s-17-1","type":"next","payload":{"data":{"price":{"value":42.5}}}}"#)
        .close_when_asked()
        .accept_with(protocol)
        .expect_text(r#"{"type":"connection_init","payload":{"token":"nope"}}"#)
        .close(4403, "Forbidden")
        .refuse("401 Unauthorized", "", "");
    check(&server, GRAPHQL)
        .env("API_TOKEN", "s3cret-t0ken")
        .stdout_has("subscribe with a valid token  (9 steps")
        .stdout_has("3 tests passed")
        .stdout_lacks("s3cret")
        .status(0);
}

/// A chat server that broadcasts every message, for the chat example.
fn chat_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let room: Arc<Mutex<HashMap<String, TcpStream>>> = Arc::default();
        // The thread ends with the test process.
        for client in listener.incoming() {
            let (client, room) = (client.unwrap(), room.clone());
            thread::spawn(move || serve_chat(client, &room));
        }
    });
    url
}

fn serve_chat(client: TcpStream, room: &Mutex<HashMap<String, TcpStream>>) {
    let Ok(mut socket) = tungstenite::accept(client) else {
        return;
    };
    let mut name = String::new();
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        if said["type"] == "join" {
            name = said["name"].as_str().unwrap().to_owned();
            let stream = socket.get_ref().try_clone().unwrap();
            let mut room = room.lock().unwrap();
            room.insert(name.clone(), stream);
            let joined = format!(r#"{{"type":"joined","id":"u-{name}"}}"#);
            socket.send(joined.into()).unwrap();
            tell(&room, &format!(r#"{{"members":{}}}"#, room.len()));
        } else {
            let text = said["text"].clone();
            tell(
                &room.lock().unwrap(),
                &format!(r#"{{"type":"message","from":"{name}","text":{text}}}"#),
            );
        }
    }
}

fn tell(room: &HashMap<String, TcpStream>, text: &str) {
    for stream in room.values() {
        let role = tungstenite::protocol::Role::Server;
        let mut socket = WebSocket::from_raw_socket(stream, role, None);
        // A client may have disconnected.
        let _ = socket.send(text.into());
    }
}

#[test]
fn the_chat_conversation_passes() {
    let probe = Probe::new(["check"]);
    let file = probe.file(
        "chat.wst",
        r#"connect alice {{base}}/chat
connect bob   {{base}}/chat
alice > {"type":"join","name":"alice"}
alice < {"type":"joined"}
capture alice_id = .id
bob > {"type":"join","name":"bob"}
bob < .members == 2
alice > {"type":"say","text":"hi, I am {{alice_id}}"}
bob < {"type":"message","from":"alice","text":"hi, I am u-alice"}
bob silence 200ms
"#,
    );
    probe
        .args([&file, "--var", &format!("base={}", chat_server())])
        .stdout_has("chat.wst  (10 steps")
        .status(0);
}

#[test]
fn a_failure_shows_where_what_the_near_miss_and_what_happened() {
    let server = Server::new()
        .accept()
        .expect_text("{\"type\":\"ping\",\"seq\":1}")
        .send_text("{\"type\": \"news\"}")
        .send_text("{\"type\": \"pong\", \"seq\": 2}")
        .close_when_asked();
    let text = "timeout 300ms\ntest \"same seq\"\nconnect {{base}}/noisy\n\
                > {\"type\":\"ping\",\"seq\":1}\n< {\"type\":\"pong\",\"seq\":1}\n";
    let output = check(&server, text)
        .stdout_has("x.wst:5  same seq\n    5 | < {\"type\":\"pong\",\"seq\":1}\n")
        .stdout_has("      no message matching '{\"type\":\"pong\",\"seq\":1}' within 300 ms (2 other messages received)\n")
        .stdout_has("      closest: {\"type\": \"pong\", \"seq\": 2}\n")
        .stdout_has("               .seq: expected 1, got 2\n")
        .stdout_has("      transcript:\n        +0.")
        .stdout_has("  connected ws://127.0.0.1:")
        .stdout_has("  > {\"type\":\"ping\",\"seq\":1}\n")
        .stdout_has("  < {\"type\": \"pong\", \"seq\": 2}\n")
        .stdout_has("  closed 1000")
        .stdout_has("1 of 1 test failed")
        .status(1);
    assert!(output.text().starts_with("✗ "), "{}", output.text());
}

#[test]
fn the_tests_after_a_failed_one_still_run_unless_fail_fast() {
    let text = "test \"a\"\nconnect {{base}}\n< no\ntest \"b\"\nconnect {{base}}\n> hi\n< hi\n";
    let server = Server::new()
        .accept()
        .close(1000, "")
        .accept()
        .echo_until_closed();
    check(&server, text)
        .stdout_has("the server closed with 1000 (Normal Closure), before a message matching 'no' was received (nothing received)")
        .stdout_has("1 of 2 tests failed")
        .within(ms(4000))
        .status(1);
    let server = Server::new().accept().close(1000, "");
    check(&server, text)
        .args(["--fail-fast"])
        .stdout_has("1 of 1 test failed, 1 not run")
        .status(1);
}

/// Each of these conversations with an echo server fails with this text.
#[test]
fn what_does_not_go_as_written_fails_at_its_step() {
    for (steps, words) in [
        ("> a\n> b\n< b\nassert .x\n", "x.wst:6"),
        (
            "> {\"a\":1}\n< {\"a\":1}\nassert .a > 40\n",
            ".a > 40 is false: .a is 1",
        ),
        ("> {\"a\":1}\n< {\"a\":1}\ncapture b = .b\n", "selects null"),
        ("> a\n> b\n<next b\n", "the next message does not match"),
        ("never /bad/\n> so bad\n< good\n", "'never /bad/' forbids"),
        ("> bad\nwait 200ms\nnever bad\n", "'never bad' forbids"),
        (
            "never .a | last(repeat(1)) == 1\n> {\"a\":1}\nwait 200ms\n",
            "cannot check 'never': .a | last(repeat(1)) == 1: still running after 2 s",
        ),
        (
            "> a\nsilence 200ms\n",
            "expected silence, received a message",
        ),
        ("expect close 1000\n", "did not close within 300 ms"),
    ] {
        let server = Server::new().accept().echo_until_closed();
        let text = format!("connect {{{{base}}}}\n{steps}");
        check(&server, &format!("timeout 300ms\n{text}"))
            .stdout_has(words)
            .stdout_has("1 of 1 test failed")
            .within(ms(4000))
            .status(1);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_without_a_writer_ends_at_the_limit_and_at_an_interrupt() {
    for (limit, status) in [("300ms", 1), ("1m", 130)] {
        let server = Server::new().accept().answer_any_close();
        let text = format!("timeout {limit}\nconnect {{{{base}}}}\n>file pipe\n");
        let probe = check(&server, &text).args(["-v"]);
        probe.fifo("pipe");
        let mut run = probe.any_stdout().any_stderr().within(ms(8000)).spawn();
        run.stderr_line("101");
        if status == 130 {
            run.interrupt();
        }
        let output = run.status(status);
        assert!(
            status == 130
                || output
                    .text()
                    .contains("cannot read pipe: timed out after 300 ms")
        );
    }
}

#[test]
fn no_test_follows_an_expression_that_cannot_be_stopped() {
    let server = Server::new().accept().echo_until_closed();
    let text = "test \"one\"\nconnect {{base}}\n> {\"a\":1}\n< .a | last(repeat(1)) == 1\n\
                test \"two\"\nconnect {{base}}\n> x\n< x\n";
    check(&server, &format!("timeout 15s\n{text}"))
        .stdout_has("stopped: .a | last(repeat(1)) == 1: still running after 2 s")
        .stdout_has("1 of 1 test failed, 1 not run")
        .stderr_has("it cannot be stopped, 1 test not run")
        .within(ms(8000))
        .status(1);
}

/// Each of these conversations with an echo server passes.
#[test]
fn what_goes_as_written_passes() {
    for steps in [
        "> a\n> b\n< b\n",
        "> a\n<next a\nsilence 100ms\n",
        "never bad\n> good\n< good\n",
        "set x = a\nset y = {{x}}b\n> {{y}}\n< =ab\n",
        "> {\"id\":\"a\\\"b\"}\n< .id != null\ncapture id = .id\n> {{id}}\n< a\"b\n",
        "> \\{{x}}\n< ={{}\n> x\n< x\n",
        ">hex 00 ff\n> a\n< a\n",
        "ping\nwithin 1s ping\nclose 4000 bye\n",
        "close\n",
        "wait 10ms\n",
    ] {
        let steps = steps.replace("< ={{}\n", "< =\\{{x}}\n");
        let server = Server::new().accept().echo_until_closed();
        check(&server, &format!("connect {{{{base}}}}\n{steps}"))
            .stdout_has("1 test passed")
            .status(0);
    }
}

#[test]
fn a_file_is_sent_as_one_binary_message() {
    let server = Server::new()
        .accept()
        .expect_binary([0, 255, 10])
        .close_when_asked();
    let probe = check(&server, "connect {{base}}\n>file data.bin\n");
    probe.file("data.bin", [0, 255, 10]);
    probe.stdout_has("1 test passed").status(0);
}

#[test]
fn the_answer_to_the_handshake_is_expected_line_by_line() {
    let refusal = "WWW-Authenticate: Basic realm=\"x\"\r\n";
    let text = "connect {{base}}\nX-Mine: {{base}}\nexpect status 401\nexpect header WWW-Authenticate /basic/i\n";
    let server = Server::new().refuse("401 Unauthorized", refusal, "");
    check(&server, text).stdout_has("1 test passed").status(0);
    let server = Server::new().refuse("403 Forbidden", "", "the body");
    check(&server, text)
        .stdout_has("x.wst:3")
        .stdout_has("expect status 401")
        .stdout_has("403 Forbidden")
        .stdout_has("the body")
        .status(1);
    let server = Server::new().refuse("401 Unauthorized", "", "");
    check(&server, text)
        .stdout_has("x.wst:4")
        .stdout_has("no header WWW-Authenticate")
        .status(1);
    let server = Server::new().accept().close_when_asked();
    check(&server, text).stdout_has("101").status(1);
}

#[test]
fn header_lines_and_options_both_reach_the_request() {
    let server = Server::new()
        .accept()
        .expect_header("X-Both", &["file"])
        .expect_header("X-Option", &["1"])
        .expect_text("login")
        .close_when_asked();
    check(&server, "connect {{base}}\nX-Both: file\nwait 10ms\n")
        .args(["-H", "X-Both: option", "-H", "X-Option: 1", "-x", "login"])
        .stdout_has("1 test passed")
        .status(0);
}

#[test]
fn a_connection_that_cannot_be_opened_fails_its_test_alone() {
    let nobody = Nobody::listens();
    let server = Server::new().accept().close_when_asked();
    let text = format!(
        "test \"a\"\nconnect {}\ntest \"b\"\nconnect {{{{base}}}}\n",
        nobody.url()
    );
    check(&server, &text)
        .stdout_has("Connection refused")
        .stdout_has("1 of 2 tests failed")
        .status(1);
}

#[test]
fn the_built_in_echo_server_is_there_for_files() {
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", "connect echo:\n> hi\n< hi\n");
    probe.args([file]).stdout_has("1 test passed").status(0);
}

#[test]
fn a_bad_file_is_told_with_its_line_before_anything_connects() {
    for (text, words) in [
        ("connect ws://x\nexpect staus 401\n", ":2: "),
        ("connect ws://x\nexpect staus 401\n", "expect status"),
        ("conect ws://x\n", ":1: "),
        ("connect ws://x\n> {{nobody}}\n", ":2: "),
        ("connect ws://x\n> {{env.NOT_SET_AT_ALL}}\n", ":2: "),
        (
            "connect ws://x\nrepeat 2\n>text \"{{env.NOT_SET_AT_ALL}}\"\nend\n",
            ":3: ",
        ),
        ("http GET http://x\nA: {{env.NOT_SET_AT_ALL}}\n", ":2: "),
        ("connect http:/x\n", ":1: "),
        ("connect ws://x\n< /(/\n", ":2: "),
        ("", "the file has no steps"),
    ] {
        let server = Server::new().expect_nobody();
        let probe = Probe::new(["check"]);
        let good = probe.file("good.wst", format!("connect {}\n", server.url()));
        let bad = probe.file("bad.wst", text);
        probe
            .args([&good, &bad])
            .stderr_has("bad.wst:")
            .stderr_has(words)
            .status(2);
    }
    Probe::new(["check", "missing.wst"])
        .stderr_has("missing.wst")
        .status(2);
}

#[test]
fn options_for_urls_are_refused_for_files_and_the_other_way_round() {
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", "connect ws://x\n");
    probe
        .args([&file, "--send", "x"])
        .stderr_has("--skip require a URL")
        .status(2);
    // A list is text, and stdout would hold JSON lines.
    for list in [&["check", "x.wst"][..], &["audit", "ws://h.example/"]] {
        Probe::new(list)
            .args(["--list", "--json"])
            .stdout_has("\"kind\":\"usage\"")
            .stdout_has("'--list' cannot be used with '--json'")
            .status(2);
    }
    Probe::new(["check", "ws://x", "--pace"])
        .stderr_has("require a check file")
        .status(2);
    Probe::new(["check", "ws://x", "--var", "a b=b"])
        .stderr_has("invalid variable name 'a b'")
        .status(2);
}

#[test]
fn the_tests_of_a_file_are_listed_without_running() {
    let probe = Probe::new(["check", "--list"]);
    let file = probe.file(
        "x.wst",
        "test \"one\"\nconnect ws://x\n\ntest \"two\"\nconnect ws://x\nfinally\n> {{env.NOT_SET_AT_ALL}}\n",
    );
    probe
        .args([&file])
        .stdout(format!("{file}:1: one\n{file}:4: two\n"))
        .status(0);
}

#[test]
fn several_tests_run_at_a_time_and_are_reported_in_their_order() {
    let probe = Probe::new(["check", "-j", "8"]);
    let mut text = String::from("timeout 5s\n");
    for n in 0..8 {
        text.push_str(&format!(
            "test \"t{n}\"\nconnect echo:\nwait {}ms\n",
            400 - 40 * n
        ));
    }
    let file = probe.file("x.wst", text);
    let output = probe
        .args([file])
        .stdout_has("8 tests passed")
        .within(ms(1500))
        .status(0);
    let names: Vec<&str> = output
        .text()
        .lines()
        .filter_map(|line| line.split("  ").nth(1))
        .collect();
    assert_eq!(names[..8], ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"]);
}

#[test]
fn a_flood_between_two_expected_messages_is_passed_over() {
    let mut frames = vec![Frame::text("first")];
    frames.extend((0..10_000).map(|n| Frame::text(format!("{{\"n\":{n}}}"))));
    frames.push(Frame::text("{\"n\":\"last\"}"));
    let server = Server::new()
        .accept()
        .send_frames(&frames)
        .close_when_asked();
    check(&server, "connect {{base}}\n< first\n< {\"n\":\"last\"}\n")
        .stdout_has("1 test passed")
        .within(ms(5000))
        .status(0);
    let server = Server::new()
        .accept()
        .send_frames(&frames)
        .close_when_asked();
    check(
        &server,
        "connect {{base}}\n< first\nwithin 3s < {\"n\":\"never\"}\n",
    )
    .stdout_has("(10001 other messages received, 1 before this step)")
    .stdout_has("more\n")
    .status(1);
}

#[test]
#[cfg(target_os = "linux")]
fn five_hundred_tests_need_no_more_memory_than_fifty() {
    let peak = |tests: usize| {
        let probe = Probe::new(["check", "--no-compress"]);
        probe.file("big.bin", vec![7; 100_000]);
        let mut text = String::new();
        for n in 0..tests {
            text.push_str(&format!(
                "test \"t{n}\"\nconnect echo:\n>file big.bin\n> x\n< x\n"
            ));
        }
        text.push_str("test \"end\"\nconnect echo:\nwait 60s\n");
        let file = probe.file("x.wst", text);
        let junit = probe.file("report.xml", "");
        let mut running = probe.args([&file, "--junit", &junit]).any_stdout().spawn();
        running.shows(&format!("  t{}  ", tests - 1));
        let peak = running.peak_memory();
        running.interrupt();
        running.status(130);
        peak
    };
    let (few, many) = (peak(50), peak(500));
    // Keeping the messages would take 45 MB more; the parsed file itself grows with the file.
    assert!(many < few + (8 << 20), "{few} bytes, then {many}");
}

#[test]
fn ctrl_c_closes_politely_and_tells_what_was_done() {
    let server = Server::new()
        .accept()
        .send_text("ready")
        .expect_close(1000)
        .close(1000, "");
    let mut running = check(&server, "connect {{base}}\n< ready\nwait 30s\n")
        .args(["--json"])
        .any_stdout()
        .spawn();
    running.shows("\"data\":\"ready\"");
    running.interrupt();
    running.status(130);
}

#[test]
fn an_interrupted_test_says_where_it_stood() {
    let server = Server::new().accept().expect_text("hi");
    let mut running = check(&server, "connect {{base}}\n> hi\nwait 30s\n")
        .stdout_has("x.wst:3  interrupted at wait 30s")
        .stdout_has("1 not run")
        .spawn();
    let server = server.played();
    running.interrupt();
    let server = server.expect_close(1000).close(1000, "");
    running.status(130);
    drop(server);
}

#[test]
fn the_end_of_the_time_allowed_is_a_failure() {
    let server = Server::new().accept().close_when_asked();
    check(&server, "connect {{base}}\nwait 30s\n")
        .args(["-m", "300ms"])
        .stdout_has("stopped after --max-time 300ms")
        .within(ms(4000))
        .status(1);
}

#[test]
fn a_reader_that_leaves_does_not_change_the_verdict() {
    let probe = Probe::new(["check"]);
    let mut text = String::new();
    for n in 0..200 {
        text.push_str(&format!("test \"{n}\"\nconnect echo:\n> hi\n< hi\n"));
    }
    text.push_str("test \"last\"\nconnect echo:\n> hi\nwithin 100ms < ho\n");
    let file = probe.file("x.wst", text);
    probe
        .args([file])
        .reader_leaves_after(1)
        .any_stdout()
        .status(1);
}

#[test]
fn a_close_that_the_server_answers_with_an_error_fails() {
    let server = Server::new()
        .accept()
        .expect_close(1000)
        .close(1008, "not you");
    check(&server, "connect {{base}}\nclose 1000\n")
        .stdout_has("x.wst:2")
        .stdout_has("the server closed with 1008 (Policy Violation): not you")
        .status(1);
}

/// The server closes by itself with this code after `go`; the last row's closes are of a rule.
#[test]
fn a_close_of_the_server_is_no_answer_to_ours_wherever_it_meets_it() {
    let crossing = "> go\n";
    let before = "> go\n< bye\n";
    let finally = "> go\nfinally\nclose 1000\n";
    let other = "> go\nconnect b echo:\nb > hi\nb < hi\n";
    let rule = "on bye => close 4000\n> go\nwait 100ms\n";
    for (steps, close, code, fails) in [
        (crossing, "close 1000\n", 1008, true),
        (crossing, "close 1000\n", 4000, true),
        (crossing, "close 4001\n", 4000, true),
        (before, "close 1000\n", 1008, true),
        // Known before ours left: no answer, whatever its code.
        (before, "close 1000\n", 1000, true),
        (before, "close 4000\n", 4000, true),
        (crossing, "expect close 1008\n", 1008, false),
        (finally, "", 1011, true),
        // The close at the end of the test.
        (crossing, "", 1008, true),
        (before, "", 1008, true),
        (other, "", 4000, true),
        (crossing, "", 1000, false),
        (before, "", 1001, false),
        (rule, "", 4000, false),
    ] {
        let server = Server::new()
            .accept()
            .expect_text("go")
            .send_frames(&[Frame::text("bye"), Frame::close(code, "so")])
            .expect_close_in([code, 1000, 4000, 4001]);
        let text = format!("connect {{{{base}}}}\n{steps}{close}");
        let text = match steps == other {
            true => text
                .replace("connect {{", "connect a {{")
                .replace("> go", "a > go"),
            false => text,
        };
        let probe = check(&server, &text).within(ms(4000));
        match fails {
            true => probe
                .stdout_has(&format!("the server closed with {code} ("))
                .stdout_has("): so")
                .status(1),
            false => probe.stdout_has("1 test passed").status(0),
        };
    }
}

#[test]
fn a_test_ends_though_much_was_not_looked_at() {
    for steps in ["> hi\nwait 300ms\n", "> hi\nwait 300ms\nping\n"] {
        let server = Server::new()
            .accept()
            .expect_text("hi")
            .send_many(&"x".repeat(1 << 16), 48)
            .answer_until_closed();
        check(&server, &format!("connect {{{{base}}}}\n{steps}"))
            .stdout_has("1 test passed")
            .within(ms(8000))
            .status(0);
    }
}

#[test]
fn what_an_earlier_step_passed_over_is_named_with_its_line() {
    let server = Server::new()
        .accept()
        .send_text("b")
        .send_text("a")
        .close_when_asked();
    check(&server, "timeout 300ms\nconnect {{base}}\n< a\n< b\n")
        .stdout_has("1 matching message came before and was passed over at line 3: < a")
        .status(1);
}

#[test]
fn a_binary_message_is_awaited_by_its_bytes() {
    let server = || {
        Server::new()
            .accept()
            .send_text("\u{0}")
            .send_binary([0, 0xff, 7])
            .close_when_asked()
    };
    let passing = server();
    check(
        &passing,
        "connect {{base}}\nnever hex:01\nwithin 5s <hex 00 ?? …\nclose\n",
    )
    .stdout_has("1 test passed")
    .status(0);
    let failing = server();
    check(&failing, "connect {{base}}\n<hex 00 ff\n")
        .args(["-w", "200ms"])
        .stdout_has("2 | <hex 00 ff")
        .stdout_has("byte 2: expected the end, got 07 (1 more byte)")
        .status(1);
    // These bytes are text as well.
    let forbidden = Server::new().accept().send_binary(" \t").close_when_asked();
    check(&forbidden, "connect {{base}}\nnever hex:20 …\n< x\n")
        .stdout_has("message: binary, 2 bytes: 20 09\n")
        .status(1);
    let captured = server();
    check(
        &captured,
        "connect {{base}}\n<hex 00 ff ...\ncapture x = .a\n",
    )
    .stdout_has("the last matched message is empty or not text")
    .status(1);
}
#[test]
fn a_text_that_cannot_be_typed_is_sent_with_escapes_or_between_two_lines() {
    let server = Server::new()
        .accept()
        .expect_text("CONNECT\r\na:b\n\n\0")
        .expect_text("  {{x}} it's\n# {\n")
        .expect_text(r#"{"a":"\"q\""}"#)
        .close_when_asked();
    let text = r##"connect {{base}}
set a = b
>text "CONNECT\r\na:{{a}}\n\n\u0000"
>text <<END
  \{{x}} it's
# {

END
set q = "q"
>text "{\"a\":\"{{q}}\"}"
"##;
    check(&server, text).stdout_has("1 test passed").status(0);
}

#[test]
fn a_message_is_sent_in_frames_of_a_size() {
    let part = |fin, opcode, text: &str| Frame {
        fin,
        ..Frame::new(opcode, text)
    };
    let server = Server::new()
        .accept()
        .expect_frame(part(false, Opcode::Text, "hél"))
        .expect_frame(part(false, Opcode::Continuation, "loo "))
        .expect_frame(part(true, Opcode::Continuation, "wx"))
        .expect_frame(part(true, Opcode::Text, ""))
        .close_when_asked();
    check(
        &server,
        "connect {{base}}\n>fragments 4 hélloo wx\n>fragments 4\n< no\n",
    )
    .args(["--no-compress", "-w", "200ms"])
    .stdout_has("> in 3 frames: h")
    .status(1);
}

#[test]
fn a_frame_is_sent_as_its_line_says() {
    let server = Server::new()
        .accept()
        .expect_bytes(b"\xc3\x02\x00\xff")
        .expect_bytes(b"\x41\x7e\x01\x00hi")
        .expect_bytes(b"\x89\x00")
        .send_text("still here")
        .close_when_asked();
    let text = "connect {{base}}\nset x = hi\n>frame fin rsv1 opcode=3 mask=no hex 00 ff\n\
                >frame rsv1 opcode=1 mask=no length=256 text {{x}}\n>frame fin opcode=9 mask=no\n\
                < still here\n< no\n";
    check(&server, text)
        .args(["-w", "200ms"])
        .stdout_has("x.wst:7")
        .stdout_has("> frame fin rsv1 opcode=3 mask=no hex 00 ff\n")
        .status(1);
    // Masked, as by a client that keeps the protocol.
    let server = Server::new()
        .accept()
        .expect_frame(Frame::text("hi"))
        .close_when_asked();
    check(&server, "connect {{base}}\n>frame fin opcode=1 text hi\n")
        .stdout_has("1 test passed")
        .status(0);
}

#[test]
fn a_rule_answers_also_what_came_before_it_and_meets_nothing() {
    let ping = r#"{"type":"ping","id":"x\"y"}"#;
    let server = Server::new()
        .accept()
        .send_text(ping)
        .send_text("noise")
        .expect_text(r#"{"type":"pong","id":"x\"y","token":"t"}"#)
        .send_text(ping)
        .send_text("done")
        .expect_text(r#"{"type":"pong","id":"x\"y","token":"t"}"#)
        .close_when_asked();
    let text = r#"set token = t
connect {{base}}
wait 100ms
on {"type":"ping"} => {"type":"pong","id":{{.id}},"token":"{{token}}"}
never {"type":"ping"}
<next noise
<next done
wait 50ms
"#;
    check(&server, text).stdout_has("1 test passed").status(0);
}

#[test]
fn a_rule_before_the_first_test_is_about_every_connection_and_stands_in_the_transcript() {
    let server = Server::new()
        .accept()
        .send_text("ping 7")
        .expect_text("pong")
        .send_text("no")
        .close_when_asked();
    let text = "on /^ping/ => pong\ntest \"one\"\nconnect {{base}}\n<next yes\n";
    check(&server, text)
        .stdout_has("  on ping 7\n")
        .stdout_has("  > pong\n")
        .stdout_has("the next message does not match")
        .status(1);
}

#[test]
fn a_check_file_is_read_from_standard_input() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ho")
        .close_when_asked();
    Probe::new(["check", "-", "--var", &format!("base={}", server.url())])
        .stdin("connect {{base}}\n> hi\n< ho\n")
        .stdout_has("1 test passed")
        .status(0);
    Probe::new(["check", "-"])
        .stdin("conect x\n")
        .stderr_has("-:1: unknown step 'conect x'")
        .status(2);
}

#[test]
fn a_secret_of_the_environment_is_hidden_before_its_first_use_too() {
    let server = Server::new()
        .accept()
        .send_text("you are a-token-of-mine")
        .expect_text("a-token-of-mine")
        .send_text("no")
        .close_when_asked();
    let text = "connect {{base}}\n<next /you are/\n> {{env.MY_TOKEN}}\n<next yes\n";
    let output = check(&server, text)
        .env("MY_TOKEN", "a-token-of-mine")
        .stdout_has("< you are ***")
        .status(1);
    assert!(
        !output.text().contains("a-token-of-mine"),
        "{}",
        output.text()
    );
}
