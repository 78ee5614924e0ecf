//! `serve --play`: the server's side of a check file.

use std::process::Stdio;

use proptest::prelude::*;

use crate::harness::{Client, Frame, Probe, Running};

/// Starts `serve 0 --play` for a file with this text; returns its URL.
fn play(text: &str, options: &[&str]) -> (Running, String, String) {
    let probe = Probe::new(["serve", "0", "--play"]);
    let file = probe.file("play.wst", text);
    let mut serving = probe
        .args([&file])
        .args(options)
        .any_stdout()
        .any_stderr()
        .spawn();
    let line = serving.stderr_line("listening on ");
    let url = line.rsplit(' ').next().unwrap().trim().to_owned();
    (serving, url, file)
}

#[test]
fn a_check_of_a_file_passes_against_a_server_that_plays_it() {
    let text = r#"set team = blue
never oops
test "all that can be said"
connect {{base}}/chat
X-Team: {{team}}
expect status 101
expect subprotocol chat
expect header X-Played yes
> hello
< =/hi/
set id = {{uuid}}
> {"op":"login","id":"{{id}}","at":{{now.ms}}}
< {"op":"ok","id":"{{id}}","session":"s-1"}
capture session = .session
assert .op == "ok"
> {"session":"{{session}}"}
<next {"n":1}
sample {"n":1,"more":[1,2]}
< /^n=\d+$/
sample n=17
>hex 00 ff
<hex 10 20
>text "a\nb\u0000"
>fragments 3 abcdefgh
ping
silence 50ms
any-order
  < b
  < .n == 2
  sample {"n":2}
end
repeat 3
  > again
  < and again
end
close 4000 bye

test "refused"
connect {{base}}
expect status 401

test "closed by the server"
connect {{base}}
> x
expect close 4001 /^go/
sample go away

test "lost"
connect {{base}}
expect close 1006
"#
    .replace(
        "expect subprotocol chat",
        "Sec-WebSocket-Protocol: other, chat\nexpect subprotocol chat",
    );
    let text = text.replace(
        "expect status 101\nSec-WebSocket-Protocol: other, chat\n",
        "Sec-WebSocket-Protocol: other, chat\nexpect status 101\n",
    );
    let (serving, url, file) = play(&text, &["--once", "-vv", "--log", "log.jsonl"]);
    Probe::new(["check", &file, "--var"])
        .args([format!("base={}", url.trim_end_matches('/'))])
        .any_stdout()
        .any_stderr()
        .status(0);
    let log = serving.folder().join("log.jsonl");
    let _output = serving.status(0);
    let log = std::fs::read_to_string(log).unwrap();
    let events = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let tests: Vec<serde_json::Value> = events
        .filter(|event: &serde_json::Value| event["event"] == "test")
        .collect();
    assert_eq!(tests.len(), 4, "{tests:?}");
    assert!(tests.iter().all(|test| test["ok"] == true), "{tests:?}");
}

#[test]
fn a_client_that_deviates_is_closed_with_1008_and_told_where() {
    let text = "connect {{base}}\n> {\"op\":\"a\",\"n\":1}\n< ok\n> next\nclose\n";
    let table: [(&[&str], &str, &str); 4] = [
        (
            &["{\"op\":\"a\",\"n\":2}"],
            "line 2: .n: expected 1, got 2",
            "play.wst:2: expected > {\"op\":\"a\",\"n\":1}; the nearest message is {\"op\":\"a\",\"n\":2}: .n: expected 1, got 2",
        ),
        (
            &["{\"op\":\"a\",\"n\":1,\"x\":0}"],
            "line 2: .x: not expected",
            ".x: not expected",
        ),
        (
            &["{\"n\":1.0,\"op\":\"a\"}", "nest"],
            "line 4: expected \"next\", got \"nest\"",
            "play.wst:4: expected > next",
        ),
        (
            &["{\"n\":1.0,\"op\":\"a\"}", "next", "more"],
            "line 5: it is not a close",
            "play.wst:5: expected close",
        ),
    ];
    for (sent, reason, report) in table {
        let (serving, url, _) = play(text, &["--once"]);
        let mut client = Client::connect(&url);
        for message in sent {
            client.send(&Frame::text(message));
        }
        if sent.len() > 1 {
            assert_eq!(client.message(), Frame::text("ok"));
        }
        let close = client.message();
        let payload = String::from_utf8_lossy(&close.payload[2..]).into_owned();
        assert_eq!(
            (&close.payload[..2], &*payload),
            (&1008_u16.to_be_bytes()[..], reason)
        );
        drop(client);
        let output = serving.status(1);
        assert!(output.stderr.contains(report), "{}", output.stderr);
    }
}

#[test]
fn a_client_that_leaves_early_deviates() {
    let (serving, url, _) = play("connect {{base}}\n> a\n", &["--once"]);
    Probe::new(["listen", &url, "--for", "50ms"])
        .any_stderr()
        .status(0);
    let output = serving.status(1);
    assert!(
        output
            .stderr
            .contains("play.wst:2: expected > a, but the client closed with 1000"),
        "{}",
        output.stderr
    );
}

#[test]
fn without_once_the_tests_begin_again() {
    let (mut serving, url, file) = play("connect {{base}}\n> a\n< b\n", &[]);
    for _ in 0..2 {
        Probe::new(["check", &file, "--var"])
            .args([format!("base={url}")])
            .any_stdout()
            .any_stderr()
            .status(0);
    }
    serving.terminate();
    serving.status(143);
}

#[test]
fn a_file_that_cannot_be_played_is_exit_2_and_each_line_is_named() {
    let table: [(&str, &[&str]); 15] = [
        (
            "connect {{b}}\n< /x/\n< .a\n",
            &[
                "play.wst:2: < /x/ cannot be sent",
                "play.wst:3: < .a cannot be sent",
            ],
        ),
        (
            "connect {{b}}\n< /x/\nsample y\n",
            &["play.wst:3: it does not match"],
        ),
        (
            "connect {{b}}\n<hex 00 ??\n",
            &["play.wst:2: <hex 00 ?? cannot be sent"],
        ),
        ("connect {{b}}\n< {{unknown}}\n", &["play.wst:2: "]),
        (
            "connect {{b}}\nset x = {{uuid}}\n< {{x}}\n",
            &["play.wst:3: "],
        ),
        (
            "connect a {{b}}\nconnect c {{b}}\na > x\n",
            &["play.wst:2: a test with two connections"],
        ),
        (
            "http GET {{b}}\n",
            &["play.wst:1: http cannot be played", "opens no connection"],
        ),
        (
            "connect {{b}}\n>frame fin opcode=1 text x\n",
            &["play.wst:2: >frame"],
        ),
        (
            "connect {{b}}\nexpect header X /a/\n",
            &["play.wst:2: only an exact header"],
        ),
        (
            "connect {{b}}\nexpect close 1000 /a/\n",
            &["play.wst:2: expect close 1000 /a/ cannot be sent"],
        ),
        (
            "connect {{b}}\nnever a\n< a\n",
            &["play.wst:3: a never or an on before it"],
        ),
        (
            "connect {{b}}\n< {\"a\":1}\nassert .b == 1\n",
            &["play.wst:3: is not true of the message"],
        ),
        (
            "connect {{b}}\n< {\"a\":1}\ncapture x = .b\n",
            &["play.wst:3: selects nothing"],
        ),
        (
            "connect {{b}}\nset n = {{random 8}}\n> a {{n}}\n",
            &["play.wst:2: is also the name of a value that is made anew"],
        ),
        ("conect {{b}}\n", &["play.wst:1: "]),
    ];
    for (text, lines) in table {
        let probe = Probe::new(["serve", "0", "--play"]);
        let file = probe.file("play.wst", text);
        let mut probe = probe.args([&file]);
        for line in lines {
            probe = probe.stderr_has(line);
        }
        probe.status(2);
    }
}

/// A step and what a client needs for it, as lines.
fn step() -> impl Strategy<Value = String> {
    // Not a word of its own like `n` or `now`.
    let word = "[a-z]{5,8}";
    prop_oneof![
        word.prop_map(|text| format!("> {text}")),
        word.prop_map(|text| format!("< {text}")),
        word.prop_map(|text| format!("<next ={text}")),
        word.prop_map(|text| format!("< /^{text}.$/\nsample {text}!")),
        (word, 0..1000_i32).prop_map(|(name, n)| format!("> {{\"{name}\":{n},\"id\":\"{{{{uuid}}}}\"}}")),
        (word, 0..1000_i32).prop_map(|(name, n)| format!("< {{\"{name}\":[{n},{{\"x\":null}}]}}")),
        (word, 0..1000_i32).prop_map(|(name, n)| format!(
            "< {{\"{name}\":{n}}}\nsample {{\"more\":\"{name}\",\"{name}\":{n}}}\ncapture {name} = .{name}\nassert .{name} == {n}\n> got {{{{{name}}}}}"
        )),
        word.prop_map(|name| format!("set {name} = {{{{random 8}}}}\n> a {{{{{name}}}}} b\n< echo {{{{{name}}}}}")),
        proptest::collection::vec(any::<u8>(), 1..6).prop_map(|bytes| {
            let hex: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
            format!(">hex{hex}\n<hex{hex}")
        }),
        (word, word).prop_map(|(one, other)| format!(
            "any-order\n< {one}\n< /{other}/\nsample {other}\nend"
        )),
        (1..4_u32, word).prop_map(|(n, text)| format!("repeat {n}\n> {text}\n< {text}\nend")),
        Just("ping".to_owned()),
        Just("pause 1s".to_owned()),
        "[ -~]{1,20}".prop_map(|text| {
            let quoted = serde_json::to_string(&text.replace("{{", "")).unwrap();
            format!(">text {quoted}")
        }),
    ]
}

fn ending() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("close".to_owned()),
        "[a-z]{1,8}".prop_map(|reason| format!("close 4001 {reason}")),
        "[a-z]{1,8}".prop_map(|reason| format!("expect close 4002 {reason}")),
        Just("expect close 1005".to_owned()),
        Just("expect close 1006".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_can_be_played_passes_as_a_check(
        tests in proptest::collection::vec((proptest::collection::vec(step(), 1..8), ending()), 1..4)
    ) {
        let mut text = String::new();
        for (index, (steps, ending)) in tests.iter().enumerate() {
            text.push_str(&format!(
                "test \"{index}\"\nconnect {{{{base}}}}\n{}\n{ending}\n",
                steps.join("\n")
            ));
        }
        let (serving, url, file) = play(&text, &["--once"]);
        let check = std::process::Command::new(env!("CARGO_BIN_EXE_wsprobe"))
            .args(["check", &file, "--var", &format!("base={url}")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&check.stdout).into_owned();
        prop_assert!(check.status.success(), "{text}\n{report}");
        serving.status(0);
    }
}
