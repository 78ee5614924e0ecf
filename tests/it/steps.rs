//! Conversations in `send`: taking turns, values of replies, variables, rules.

use crate::harness::{Frame, Probe, Server, ms, serve};

/// A server that greets, asks for a login, and knows the token that it gave.
fn api() -> Server {
    Server::new()
        .accept()
        .send_text(r#"{"type":"hello","challenge":"a\"b"}"#)
        .expect_text(r#"{"type":"login","answer":"a\"b"}"#)
        .send_text(r#"{"type":"ping","id":7}"#)
        .expect_text(r#"{"type":"pong","id":7}"#)
        .send_text(r#"{"type":"news"}"#)
        .send_text(r#"{"type":"welcome","token":"t-1"}"#)
        .expect_text(r#"{"type":"sub","token":"t-1","n":1}"#)
        .send_text(r#"{"type":"subscribed"}"#)
        .close_when_asked()
}

const PING: &str = r#"{"type":"ping"} => {"type":"pong","id":{{.id}}}"#;

fn login(server: &Server) -> Probe {
    Probe::new([
        "send",
        &server.url(),
        r#"{"type":"login","answer":"{{challenge}}"}"#,
        r#"{"type":"sub","token":"{{token}}","n":{{n}}}"#,
    ])
    .args(["--step", "--after", r#"{"type":"hello"}"#, "--on", PING])
    .args([
        "--capture",
        "challenge=.challenge",
        "--capture",
        "token=.token",
    ])
}

#[test]
fn a_login_s_token_is_used_in_the_next_message() {
    let server = api();
    login(&server)
        .args(["--expect", r#"{"type":"welcome"}"#])
        .args(["--expect", r#"{"type":"subscribed"}"#])
        .stdout_has("\"ping\"")
        .within(ms(5000))
        .status(0);
}

#[test]
fn with_quiet_what_a_rule_has_answered_is_not_printed() {
    let server = api();
    login(&server)
        .args(["-q", "--expect", r#"{"type":"welcome"}"#])
        .args(["--expect", r#"{"type":"subscribed"}"#])
        .stdout(concat!(
            r#"{"type":"hello","challenge":"a\"b"}"#,
            "\n",
            r#"{"type":"news"}"#,
            "\n",
            r#"{"type":"welcome","token":"t-1"}"#,
            "\n",
            r#"{"type":"subscribed"}"#,
            "\n",
        ))
        .status(0);
}

#[test]
fn without_expectations_each_message_waits_for_a_reply() {
    let server = Server::new()
        .accept()
        .expect_text("one")
        .pause(ms(100))
        .send_text("1")
        .expect_text("two")
        .send_text("2")
        .expect_text("three")
        .send_text("3")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--step"])
        .stdin("one\ntwo\nthree\n")
        .stdout("1\n2\n3\n")
        .status(0);
}

#[test]
fn a_reply_to_execute_is_no_reply_to_the_first_message() {
    let server = Server::new()
        .accept()
        .expect_text("login")
        .expect_text("one")
        .send_text("welcome")
        .expect_nothing_for(ms(100))
        .send_text("1")
        .expect_text("two")
        .send_text("2")
        .close_when_asked();
    let step = |server: &Server| Probe::new(["send", &server.url(), "--step", "-x", "login"]);
    step(&server)
        .args(["one", "two"])
        .stdout("welcome\n1\n2\n")
        .within(ms(3000))
        .status(0);
    // It is not answered, which only a silence shows.
    let quiet = Server::new()
        .accept()
        .expect_text("login")
        .expect_text("one")
        .send_text("1")
        .expect_text("two")
        .send_text("2")
        .close_when_asked();
    step(&quiet)
        .args(["-w", "300ms", "one", "two"])
        .stderr_has("hint: within --wait came fewer replies than messages with those of -x")
        .stdout("1\n2\n")
        .at_least(ms(300))
        .status(0);
    // The greeting answers it.
    let greeting = Server::new()
        .accept()
        .expect_text("login")
        .send_text("welcome")
        .expect_text("one")
        .send_text("1")
        .close_when_asked();
    step(&greeting)
        .args(["--after", "welcome", "one"])
        .stdout("welcome\n1\n")
        .within(ms(3000))
        .status(0);
}

#[test]
fn a_second_reply_to_one_message_is_no_reply_to_the_next() {
    let server = || {
        Server::new()
            .accept()
            .expect_text("one")
            .send_frames(&[Frame::text("ok"), Frame::text("ok")])
            .expect_text("two")
            .close_when_asked()
    };
    for expectations in [&[][..], &["--expect", "ok", "--expect", "ok"]] {
        let silent = server();
        let status = if expectations.is_empty() { 28 } else { 1 };
        Probe::new(["send", &silent.url(), "--step", "one", "two", "-w", "300ms"])
            .args(expectations)
            .any_stdout()
            .stderr_has(if expectations.is_empty() {
                "no reply to message 2"
            } else {
                "no message matching 'ok' within 300 ms"
            })
            .status(status);
    }
}

#[test]
fn more_expectations_than_messages_look_at_what_came_with_the_last_reply() {
    let server = Server::new()
        .accept()
        .expect_text("one")
        .send_text("a")
        .send_text("b")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--step", "one"])
        .args(["--expect", "a", "--expect", "b"])
        .stdout("a\nb\n")
        .within(ms(3000))
        .status(0);
}

#[test]
fn the_first_message_waits_for_a_greeting() {
    let server = Server::new()
        .accept()
        .send_text("noise")
        .pause(ms(100))
        .send_text("ready")
        .expect_text("hi")
        .send_text("reply")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--after", "ready"])
        .stdout("noise\nready\nreply\n")
        .status(0);
    let silent = Server::new()
        .accept()
        .send_text("{\"a\":2}")
        .close_when_asked();
    Probe::new([
        "send",
        &silent.url(),
        "hi",
        "--after",
        "{\"a\":1}",
        "-w",
        "200ms",
    ])
    .any_stdout()
    .stderr_has("no message matching '{\"a\":1}' within 200 ms (1 other message received)")
    .stderr_has(".a: expected 1, got 2")
    .status(1);
    let closing = Server::new().accept().close(1000, "");
    Probe::new(["send", &closing.url(), "hi", "--after", "ready"])
        .stderr_has("before a message matching 'ready' was received")
        .status(10);
}

#[test]
fn a_message_that_must_never_come_ends_it_at_once() {
    let server = || {
        Server::new()
            .accept()
            .send_text("fine")
            .send_text(r#"{"error":"no"}"#)
            .close_when_asked()
    };
    let sending = server();
    Probe::new([
        "send",
        &sending.url(),
        "--never",
        ".error",
        "--never",
        "/error/",
        "-w",
        "15s",
    ])
    .args(["-c", "5"])
    .any_stdout()
    .stderr_has(r#"received a message that 'never /error/' forbids: {"error":"no"}"#)
    .within(ms(5000))
    .status(1);
    let listening = server();
    Probe::new(["listen", &listening.url(), "--never", "/error/"])
        .any_stdout()
        .stderr_has("forbids")
        .within(ms(5000))
        .status(1);
}

#[test]
fn a_value_that_no_reply_had_is_a_failure_before_the_message_that_needs_it() {
    let server = Server::new()
        .accept()
        .expect_text("one")
        .send_text(r#"{"token":null}"#)
        .close_when_asked();
    Probe::new(["send", &server.url(), "--step", "one", "two {{token}}"])
        .args(["--capture", "token=.token"])
        .any_stdout()
        .stderr_has("cannot fill in message 2 of the command line: variable token has no value")
        .stderr_has("hint: no reply so far had a value for its --capture")
        .status(1);
}

#[test]
fn what_cannot_be_filled_in_is_refused_before_the_first_packet() {
    let rows: &[(&[&str], &str)] = &[
        (
            &["--var", "a=1", "{{b}}"],
            "message 1: undefined variable {{b}}",
        ),
        (&["--var", "name=1", "{{nmae}}"], "did you mean {{name}}?"),
        (&["--template", "x", "{{"], "message 2: unclosed {{"),
        (
            &["--template", "{{.id}}"],
            "{{.id}} refers to an answered message",
        ),
        (
            &["--template", "{{env.NOT_SET_AT_ALL}}"],
            "NOT_SET_AT_ALL is not set",
        ),
        (
            &["--template", "-H", "X: {{b}}", "hi"],
            "header X: undefined variable {{b}}",
        ),
        (
            &["--template", "-u", "a:{{b}}", "hi"],
            "--user: undefined variable {{b}}",
        ),
        (
            &["--var", "a=x:y", "-u", "{{a}}:b", "hi"],
            "--user: the filled-in user name contains a colon",
        ),
        (
            &["--template", "--bearer", "{{b}}", "hi"],
            "--bearer: undefined variable {{b}}",
        ),
        (
            &["--var", "a=x y", "--bearer", "{{a}}", "hi"],
            "--bearer: the bearer token is empty or contains a space",
        ),
        (
            &["--template", "-x", "{{b}}", "hi"],
            "-x: undefined variable {{b}}",
        ),
        (
            &["--step", "--capture", "t=.t", "-x", "{{t}}", "hi"],
            "captured from a reply",
        ),
        (
            &["--capture", "t=.t", "hi"],
            "--capture requires --step or --after",
        ),
        (&["--capture", "t", "hi"], "expected NAME=JQ"),
        (&["--step", "--no-wait", "hi"], "--no-wait"),
        (
            &["--step", "--reconnect", "-"],
            "--step cannot be used with --reconnect",
        ),
        (&["--on", "ping", "hi"], "expected PATTERN => MESSAGE"),
        (&["--on", "ping => close 1005", "hi"], "1005"),
        (&["--on", "{x => y", "hi"], "looks like JSON"),
        (&["--on", "x => {{.[}}", "hi"], "invalid jq expression '.['"),
        (
            &["--var", "a=1", "--never", "x {{a}}", "hi"],
            "--never: {{a}} is not filled in",
        ),
        (
            &["--var", "a=1", "--expect", "{\"b\":{{a}}}", "hi"],
            "in patterns of check files only",
        ),
        (
            &["--var", "a=1", "--on", "x => {{b}}", "hi"],
            "--on: undefined variable {{b}}",
        ),
        (
            &[
                "--var",
                "a=1",
                "--heartbeat",
                "{{b}}",
                "--ping-interval",
                "1s",
                "-c1",
                "hi",
            ],
            "--heartbeat: undefined",
        ),
    ];
    for (args, said) in rows {
        Probe::new(["send", "ws://127.0.0.1:9/"])
            .args(*args)
            .stderr_has(said)
            .status(2);
    }
}

#[test]
fn variables_are_filled_in_everywhere_and_quoted_as_the_place_requires() {
    let server = Server::new()
        .accept()
        .expect_request_line("GET /a%2Fb?q=x%22y HTTP/1.1")
        .expect_header("X-Team", &["x\"y"])
        .expect_text(r#"{"x":"x\"y"}"#)
        .expect_text(r#"{"t":"x\"y","five":5}"#)
        .send_text("ok")
        .close_when_asked();
    Probe::new([
        "send",
        &format!(
            "{}/{{{{path}}}}?q={{{{t}}}}",
            server.url().trim_end_matches('/')
        ),
    ])
    .args(["--var", "path=a/b", "--var", "t=x\"y", "--var", "five=5"])
    .args(["-H", "X-Team: {{t}}", "-x", r#"{"x":"{{t}}"}"#])
    .args(["--expect", "ok", r#"{"t":"{{t}}","five":{{five}}}"#])
    .stdout("ok\n")
    .status(0);
}

#[test]
fn credentials_are_filled_in_where_they_were_typed() {
    let given = ["--var", "who=me", "--secret", "pass=s3cret-{{who}}"];
    for (options, header) in [
        // me:s3cret-{{who}}
        (
            &["-u", "{{who}}:{{pass}}"][..],
            "Basic bWU6czNjcmV0LXt7d2hvfX0=",
        ),
        (&["--bearer", "{{pass}}"], "Bearer s3cret-{{who}}"),
        (&["--bearer", "a.{{who}}"], "Bearer a.me"),
        // Kept elsewhere, it is what it is.
        (&["--bearer", "env:KEPT"], "Bearer x{{who}}"),
        (&["-u", "env:LOGIN"], "Basic bWU6e3t3aG99fQ=="),
    ] {
        let server = Server::new()
            .accept()
            .expect_header("Authorization", &[header])
            .expect_text("hi")
            .send_text("ok")
            .close_when_asked();
        Probe::new(["send", "-v", &server.url(), "hi"])
            .args(given)
            .args(options)
            .env("KEPT", "x{{who}}")
            .env("LOGIN", "me:{{who}}")
            .stdout("ok\n")
            .stderr_lacks("s3cret")
            .status(0);
    }
}

#[test]
fn a_text_that_nobody_asked_to_fill_in_is_sent_as_it_stands() {
    let server = Server::new()
        .accept()
        .expect_text("{{uuid}}")
        .expect_text(r"\{{a}} {{b")
        .send_text("1")
        .send_text("2")
        .close_when_asked();
    Probe::new(["send", &server.url(), "-x", "{{uuid}}", r"\{{a}} {{b"])
        .any_stdout()
        .status(0);
}

#[test]
fn lines_of_stdin_are_counted() {
    let server = Server::new()
        .accept()
        .expect_text("1 a")
        .expect_text("2 b")
        .send_text("x")
        .send_text("y")
        .close_when_asked();
    Probe::new(["send", &server.url(), "--template"])
        .stdin("{{n}} a\n{{n}} b\n")
        .stdout("x\ny\n")
        .status(0);
    let server = Server::new().accept().expect_text("1").close_when_asked();
    Probe::new(["send", &server.url(), "--template"])
        .stdin("{{n}}\n{{who}}\n")
        .stderr_has("cannot fill in message 2 of standard input: variable who has no value")
        .status(2);
}

#[test]
fn a_secret_is_filled_in_and_shown_nowhere() {
    let secret = "s3cr3t \"quoted\" value";
    let quoted = r#"{"t":"s3cr3t \"quoted\" value"}"#;
    let server = Server::new()
        .accept()
        .expect_text(quoted)
        .expect_text(quoted)
        .send_text("ok")
        .close_when_asked();
    let probe = Probe::new(["send", &server.url(), "--json", "-v"])
        .env("FILLED_SECRET", secret)
        .args(["--secret", "t=env:FILLED_SECRET", r#"{"t":"{{t}}"}"#])
        .args(["-x", r#"{"t":"{{env.FILLED_SECRET}}"}"#])
        .any_stdout()
        .any_stderr();
    let output = probe.status(0);
    let all = format!("{}{}", output.text(), output.stderr);
    assert!(!all.contains("s3cr3t"), "{all}");
    assert!(all.contains("***"), "{all}");
}

#[test]
fn a_rule_s_answers_keep_a_subscription_alive() {
    let server = Server::new()
        .accept()
        .send_text(r#"{"type":"ping","id":"a\"b"}"#)
        .expect_text(r#"{"type":"pong","id":"a\"b"}"#)
        .send_text("data")
        .send_text(r#"{"type":"ping","id":2}"#)
        .expect_text(r#"{"type":"pong","id":2}"#)
        .send_text(r#"{"type":"ping"}"#)
        .send_text("more")
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-c", "3", "--on", PING])
        .stdout_has("data\n")
        .stdout_has("{\"type\":\"ping\"}\nmore\n")
        .stderr_has("no answer by the rule {\"type\":\"ping\"} => ")
        .status(0);
}

#[test]
fn an_answer_that_could_not_be_given_is_a_warning_unless_quiet() {
    for (option, says) in [("--json", true), ("-t", true), ("-q", false)] {
        let server = Server::new()
            .accept()
            .send_text(r#"{"type":"ping"}"#)
            .close_when_asked();
        let probe = Probe::new(["listen", &server.url(), "-1", option, "--on", PING]).any_stdout();
        let warning = "warning: no answer by the rule";
        let probe = match says {
            true => probe.stderr_has(warning),
            false => probe.stderr_lacks(warning),
        };
        probe.status(0);
    }
}

#[test]
fn a_rule_may_close() {
    let server = || {
        Server::new()
            .accept()
            .send_text(r#"{"bye":"now"}"#)
            .expect_close(4000)
            .close(4000, "now")
    };
    let rule = r#"{} => close 4000 {{.bye}}"#;
    let listening = server();
    Probe::new(["listen", &listening.url(), "--on", rule])
        .any_stdout()
        .status(0);
    let sending = server();
    Probe::new(["send", &sending.url(), "--on", rule, "-c", "2"])
        .stdin("")
        .any_stdout()
        .stderr_has("closed by us with 4000")
        .status(10);
}

#[test]
fn heartbeats_and_application_pings_are_new_each_time() {
    let server = Server::new()
        .accept()
        .expect_text(r#"{"beat":1,"{{x}}":0}"#)
        .expect_text(r#"{"beat":2,"{{x}}":0}"#)
        .send_text("alive")
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-1", "--ping-interval", "50ms"])
        .args(["--heartbeat", r#"{"beat":{{n}},"{{x}}":0}"#])
        .stdout("alive\n")
        .status(0);
    let server = Server::new()
        .accept()
        .expect_text(r#"{"id":1}"#)
        .send_text(r#"{"id":1}"#)
        .expect_text(r#"{"id":2}"#)
        .send_text(r#"{"id":2}"#)
        .close_when_asked();
    Probe::new([
        "ping",
        &server.url(),
        "-c",
        "2",
        "-i",
        "10ms",
        "--app",
        r#"{"id":{{n}}}"#,
    ])
    .any_stdout()
    .status(0);
}

/// Secrets of any length are shown nowhere: in URLs, headers, messages, in any output.
#[test]
fn filled_in_secrets_are_masked_in_urls_and_messages() {
    for secret in ["hunter2", "a-longer-secret/with=signs"] {
        let server = || {
            Server::new()
                .accept()
                .expect_text(format!(r#"{{"pw":"{secret}"}}"#))
                .expect_text(format!("pw={secret}"))
                .send_text("ok")
                .close_when_asked()
        };
        for option in ["--json", "-v"] {
            let listening = server();
            let probe = Probe::new(["send", option, &format!("{}?t={{{{pw}}}}", listening.url())])
                .env("PW", secret)
                .args([
                    "--secret",
                    "pw=env:PW",
                    "-x",
                    r#"{"pw":"{{pw}}"}"#,
                    "pw={{env.PW}}",
                ])
                .any_stdout()
                .any_stderr();
            let output = probe.status(0);
            let all = format!("{}{}", output.text(), output.stderr);
            assert!(
                !all.contains("hunter2") && !all.contains("longer-secret"),
                "{all}"
            );
            assert!(all.contains("?t=***"), "{all}");
        }
    }
    for url in [
        "ws://127.0.0.1:{{pw}}/",
        "{{pw}}",
        "ws://127.0.0.1:1/{{pw}}",
        "ws://{{pw}}@h:x/",
    ] {
        let output = Probe::new(["send", url, "--secret", "pw=plainsecret12345", "hi"])
            .any_stdout()
            .any_stderr()
            .fails();
        assert!(!output.stderr.contains("plainsecret"), "{}", output.stderr);
    }
}

#[test]
fn an_endless_exchange_with_a_rule_is_silence() {
    let server = Server::new().accept().echo_until_closed();
    Probe::new(["send", &server.url(), "hi", "-w", "1s", "-q"])
        .args(["--on", "/./ => a"])
        .any_stdout()
        .stderr_has("0 of 1 replies received")
        .within(ms(8000))
        .status(28);
}

#[test]
fn an_expected_close_before_all_was_sent_is_a_failure() {
    let closing = || {
        Server::new()
            .accept()
            .expect_text("a")
            .close(4000, "")
            .expect_close(4000)
    };
    let server = closing();
    Probe::new([
        "send",
        &server.url(),
        "--step",
        "a",
        "b",
        "--expect-close",
        "4000",
    ])
    .stderr_has("the server closed with 4000 (Private Use), before all messages were sent")
    .status(10);
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    Probe::new([
        "send",
        &server.url(),
        "--after",
        "x",
        "a",
        "--expect-close",
        "1000",
    ])
    .stderr_has("before all messages were sent")
    .status(10);
    let server = closing();
    Probe::new(["send", &server.url(), "a", "--expect-close", "4000"]).status(0);
}

#[test]
fn a_rule_s_own_close_is_not_the_server_s() {
    let server = Server::new()
        .accept()
        .send_text("hello")
        .expect_close(4000)
        .close(4000, "");
    Probe::new([
        "send",
        &server.url(),
        "--on",
        "hello => close 4000",
        "--expect-close",
        "4000",
    ])
    .stdin("")
    .any_stdout()
    .stderr_has("closed by us with 4000")
    .status(1);
}

#[test]
fn lines_of_a_pipe_are_filled_in() {
    let server = Server::new()
        .accept()
        .expect_text("1 x")
        .expect_text("2 x")
        .close_when_asked();
    Probe::new(["connect", &server.url(), "--var", "a=x", "-w", "100ms"])
        .stdin("{{n}} {{a}}\n{{n}} {{a}}\n")
        .status(0);
    let server = Server::new().accept().close_when_asked();
    Probe::new(["connect", &server.url(), "--var", "a=x"])
        .stdin("{{b}}\n")
        .stderr_has("cannot fill in message 1 of standard input: variable b has no value")
        .status(2);
}

#[test]
fn what_a_reply_of_serve_does_not_know_stays_as_it_is() {
    let (_serving, url) = serve(&["--reply", "x {{nope}} {{.id}} {{n}}"]);
    Probe::new(["send", &url, "text", r#"{"id":1}"#])
        .stdout("x {{nope}} {{.id}} 1\nx {{nope}} 1 2\n")
        .status(0);
    Probe::new(["serve", "0", "--reply", "{{.[}}"])
        .stderr_has("invalid jq expression '.['")
        .status(2);
}

#[test]
fn no_option_fills_in_a_pattern() {
    for args in [
        &["connect", "--filter"][..],
        &["listen", "--until"],
        &["check", "--expect"],
        &["ping", "--app", "x", "--expect"],
    ] {
        Probe::new(args)
            .args(["{{a}} b", "ws://127.0.0.1:9/", "--var", "a=1"])
            .stderr_has("in patterns")
            .status(2);
        Probe::new(args)
            .args(["=b {{a}}", "ws://127.0.0.1:9/", "--var", "a=1"])
            .stderr_has("{{a}} is not filled in")
            .status(2);
    }
}

#[test]
fn a_short_secret_is_masked_in_an_application_ping() {
    let server = Server::new()
        .accept()
        .expect_text("pw=hunter2")
        .send_text("pong")
        .close_when_asked();
    let output = Probe::new(["ping", &server.url(), "-c", "1", "--json"])
        .args(["--secret", "pw=hunter2", "--app", "pw={{pw}}"])
        .any_stdout()
        .status(0);
    assert!(output.text().contains("pw=***"), "{}", output.text());
    assert!(!output.text().contains("hunter2"), "{}", output.text());
}
