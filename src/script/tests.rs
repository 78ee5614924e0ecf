use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::pattern::MatchResult;

const ECHO: &str = r#"# echo.wst - is the echo endpoint alive?
connect ws://127.0.0.1:8765/echo
> hello
within 500ms < hello
ping
close 1000
"#;

const GRAPHQL: &str = r#"# graphql.wst - authentication after connect, then one subscription
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

const CHAT: &str = r#"# chat.wst - one says it, both hear it
connect alice ws://127.0.0.1:8765/chat
connect bob   ws://127.0.0.1:8765/chat
alice > {"type":"join","name":"alice"}
alice < {"type":"joined"}
capture alice_id = .id
bob > {"type":"join","name":"bob"}
bob < .members == 2
alice > {"type":"say","text":"hi, I am {{alice_id}}"}
bob < {"type":"message","from":"alice","text":"hi, I am u-alice"}
bob silence 200ms
"#;

const EVERYTHING: &str = r#"set host = {{base}}/a b
timeout 1.5
never {"error":{}}
on ping => pong {{n}}
test "every \"step\""
set greeting = hello {{host}}
timeout 2m30s
connect a {{ host-2 }}
X-Empty:
X-Two: a: b, {{env.HOME}}
X-Two: again
expect status 101
expect subprotocol {{greeting}}
expect header X-Y /^{{greeting}}$/i
expect cert-days 14
connect b :8080/x
a > {{greeting}}: \{{literal}}
a >
a > [not json {{greeting}}
]]
a >hex 00ff 10
a >hex
b >file /tmp/{{greeting}}.bin
within 2s a <hex 00 FF:?? …
a <schema sub/{{greeting}}.json
a on {"id": 1} => {"id": {{.id}}, "n": {{n}}}
b on /x => y/ => close 4000 {{greeting}} {{.why}}
b >text "a\nb\u0000 {{greeting}} \\{{"
b >text <<END
 {{greeting}}
# "no comment"

END
b >fragments 1KiB {"a":
 [1]}
b >frame rsv1 fin opcode=3 mask=no length=70000 hex 00FF
b >frame opcode=1 text {{greeting}}  x
b >frame fin opcode=9
b within 250ms <next =
within 1h b < {{greeting}}
b < [
  1.0, {{greeting}}, "{{greeting}}",
  12345678901234567890
]
a never {{{greeting}}:1}
b silence 3
capture secret = .id
capture secret token = .["{{secret}}"] | length
assert .n == {{token}} and (.s | test("x"))
a ping
within 10ms a ping
within 10ms a close 3000 bye {{token}}
b close
http GET {{ base }}/x
retry 2s
http POST http://h:8080/{{greeting}} {"user":
 "{{ greeting }}"}
Content-Type: text/plain
expect status 201
expect header Location /x/
capture posted = .id
http PUT http://h some text
retry 10s
connect ws://c
expect status 101
any-order
< {{greeting}}
sample [1,
 2]
within 300ms < /x/
<hex 00 ??
end
expect close 1005
sample bye
repeat 3
pause 1s500ms
repeat 2
connect ws://d/{{greeting}}
< x
close 1000
end
end
connect ws://e
within 1s expect close 4999 {"code":
1}
wait 1s
finally
connect ws://f
ping
"#;

const GIVEN: [&str; 2] = ["base", "host-2"];

fn parse(text: &str) -> Script {
    Script::parse("x.wst", text, &GIVEN).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn error(text: &str) -> String {
    match Script::parse("x.wst", text, &GIVEN) {
        Ok(script) => panic!("no error in\n{text}\n{script:#?}"),
        Err(error) => error.to_string(),
    }
}

fn printed(steps: &[Step]) -> Vec<(usize, String)> {
    steps
        .iter()
        .map(|step| (step.line, step.action.to_string()))
        .collect()
}

fn every_line(script: &Script) -> String {
    script
        .to_string()
        .lines()
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn echo_reads_as_it_is_written() {
    let script = parse(ECHO);
    assert!(script.settings.is_empty());
    let [test] = script.tests.as_slice() else {
        panic!("{script:?}")
    };
    assert_eq!((test.line, &test.name), (2, &None));
    let steps = [
        (2, "connect ws://127.0.0.1:8765/echo"),
        (3, "> hello"),
        (4, "within 500ms < hello"),
        (5, "ping"),
        (6, "close 1000"),
    ];
    assert_eq!(
        printed(&test.steps),
        steps.map(|(line, step)| (line, step.to_owned()))
    );
    let StepAction::Receive {
        on,
        which,
        pattern,
        within,
    } = &test.steps[2].action
    else {
        panic!()
    };
    assert_eq!(
        *on,
        ConnectionName {
            name: None,
            index: 0
        }
    );
    assert_eq!(
        (*which, *within),
        (MessageOrder::FirstMatch, Some(Duration::from_millis(500)))
    );
    assert!(pattern.fixed().unwrap().is_match("hello"));
}

#[test]
fn graphql_reads_as_it_is_written() {
    let script = parse(GRAPHQL);
    assert_eq!(printed(&script.settings), [(2, "timeout 3s".to_owned())]);
    let tests: Vec<_> = script
        .tests
        .iter()
        .map(|test| (test.line, test.name.as_deref().unwrap()))
        .collect();
    assert_eq!(
        tests,
        [
            (3, "subscribe with a valid token"),
            (20, "a bad token is refused with 4403"),
            (26, "no credentials at all is HTTP 401")
        ]
    );
    let steps = &script.tests[0].steps;
    let StepAction::Connect(connect) = &steps[0].action else {
        panic!()
    };
    assert_eq!(
        (connect.headers[0].line, connect.headers[0].name.as_str()),
        (5, "Sec-WebSocket-Protocol")
    );
    assert_eq!(
        (connect.expectations[0].line, connect.expectations.len()),
        (6, 1)
    );
    let subscribe = "> {\"id\":\"{{session}}-1\",\"type\":\"subscribe\",\"payload\":\
        {\"query\":\"subscription { price(symbol: \\\"ACME\\\") { value } }\"}}";
    assert_eq!(
        (steps[5].line, steps[5].action.to_string()),
        (11, subscribe.to_owned())
    );
    assert_eq!(steps[6].line, 16);
    let StepAction::Receive { pattern, .. } = &steps[6].action else {
        panic!()
    };
    assert!(pattern.fixed().is_none(), "it waits for {{session}}");
    let rendered = pattern
        .template()
        .render(|_| Ok::<_, Infallible>("s\"1".to_owned().into()))
        .unwrap();
    let pattern = pattern.compile(&rendered, Path::new("")).unwrap();
    assert_eq!(
        pattern.matches(r#"{"id":"s\"1-1","type":"next"}"#),
        MatchResult::Match
    );
    let StepAction::ExpectClose {
        code: 4403,
        reason: Some(reason),
        ..
    } = &script.tests[1].steps[2].action
    else {
        panic!()
    };
    assert!(reason.fixed().unwrap().is_match("Forbidden"));
    let StepAction::Connect(refused) = &script.tests[2].steps[0].action else {
        panic!()
    };
    assert_eq!(
        refused.expectations,
        [Expectation {
            line: 28,
            fact: HandshakeFact::Status(401)
        }]
    );
}

#[test]
fn chat_reads_as_it_is_written() {
    let script = parse(CHAT);
    let steps = &script.tests[0].steps;
    assert_eq!(steps.len(), 10);
    let peer = |name: &str, index| ConnectionName {
        name: Some(name.to_owned()),
        index,
    };
    assert!(matches!(&steps[2].action, StepAction::Send { on, .. } if *on == peer("alice", 0)));
    assert!(matches!(&steps[6].action, StepAction::Receive { on, .. } if *on == peer("bob", 1)));
    assert_eq!(
        steps[9].action,
        StepAction::Silence {
            on: peer("bob", 1),
            time: Duration::from_millis(200)
        }
    );
}

#[test]
fn every_step_prints_as_it_should_be_written() {
    let wanted = r#"set host = {{base}}/a b
timeout 1s500ms
never {"error":{}}
on ping => pong {{n}}
test "every \"step\""
set greeting = hello {{host}}
timeout 2m30s
connect a {{host-2}}
X-Empty: 
X-Two: a: b, {{env.HOME}}
X-Two: again
expect status 101
expect subprotocol {{greeting}}
expect header X-Y /^{{greeting}}$/i
expect cert-days 14
connect b :8080/x
a > {{greeting}}: \{{literal}}
a > 
a >hex 00 ff 10
a >hex
b >file /tmp/{{greeting}}.bin
within 2s a <hex 00 FF:?? …
a <schema sub/{{greeting}}.json
a on {"id": 1} => {"id": {{.id}}, "n": {{n}}}
b on /x => y/ => close 4000 {{greeting}} {{.why}}
b >text "a\nb\u0000 {{greeting}} \\{{"
b >text " {{greeting}}\n# \"no comment\"\n"
b >fragments 1024 {"a":[1]}
b >frame fin rsv1 opcode=3 mask=no length=70000 hex 00 ff
b >frame opcode=1 text {{greeting}}  x
b >frame fin opcode=9
within 250ms b <next =
within 1h b < {{greeting}}
b < [1.0,{{greeting}},"{{greeting}}",12345678901234567890]
a never {{{greeting}}:1}
b silence 3s
capture secret = .id
capture secret token = .["{{secret}}"] | length
assert .n == {{token}} and (.s | test("x"))
a ping
within 10ms a ping
within 10ms a close 3000 bye {{token}}
b close
http GET {{base}}/x
retry 2s
http POST http://h:8080/{{greeting}} {"user":"{{greeting}}"}
Content-Type: text/plain
expect status 201
expect header Location /x/
capture posted = .id
http PUT http://h some text
retry 10s
connect ws://c
expect status 101
any-order
< {{greeting}}
sample [1,2]
within 300ms < /x/
<hex 00 ??
end
expect close 1005
sample bye
repeat 3
pause 1s500ms
repeat 2
connect ws://d/{{greeting}}
< x
close 1000
end
end
connect ws://e
within 1s expect close 4999 {"code":1}
wait 1s
finally
connect ws://f
ping"#;
    let everything = EVERYTHING.replace("a > [not json {{greeting}}\n]]\n", "");
    assert_eq!(every_line(&parse(&everything)), wanted);
}

#[test]
fn printed_and_read_again_the_files_are_the_same() {
    let everything = EVERYTHING.replace("a > [not json {{greeting}}\n]]\n", "");
    for text in [ECHO, GRAPHQL, CHAT, &everything] {
        let script = parse(text);
        assert_eq!(parse(&script.to_string()), script);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(parse(&windows), script, "line ends do not matter");
    }
}

/// Files by name, for `include`.
fn parse_files(text: &str, files: &[(&str, &str)]) -> Result<Script, ParseError> {
    let read = |path: &std::path::Path| {
        let found = files.iter().find(|(name, _)| path.to_str() == Some(name));
        found
            .map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| "not there".to_owned())
    };
    Script::parse_with("d/x.wst", text, &GIVEN, &read)
}

#[test]
fn an_included_file_shares_names_and_connections() {
    let files = [
        (
            "d/lib/login.wst",
            "> {{user}}\n< ok\ncapture id = .id\ninclude more.wst\n",
        ),
        ("d/lib/more.wst", "within 1s < {{id}}\nclose\n"),
        (
            "d/set.wst",
            "set user = me\nnever error\ninclude set2.wst\n",
        ),
        ("d/set2.wst", "timeout 2s\n"),
    ];
    let text =
        "include set.wst\ntest \"a\"\nconnect ws://x\ninclude lib/login.wst\nconnect ws://{{id}}\n";
    let script = parse_files(text, &files).unwrap();
    assert_eq!(script.settings.len(), 1, "{:?}", script.settings);
    let StepAction::Include(included) = &script.tests[0].steps[1].action else {
        panic!("{script:?}")
    };
    assert_eq!(included.file, "d/lib/login.wst");
    assert_eq!(
        printed(&included.steps),
        [
            (1, "> {{user}}"),
            (2, "< ok"),
            (3, "capture id = .id"),
            (4, "include more.wst")
        ]
        .map(|(line, step)| (line, step.to_owned()))
    );
    assert_eq!(script.tests[0].step_count(), 7);
    assert_eq!(script.to_string(), text);
    assert_eq!(parse_files(&script.to_string(), &files), Ok(script));
}

#[test]
#[rustfmt::skip] // A row of the table is a line.
fn what_is_wrong_in_an_included_file_names_it() {
    let open = "connect ws://x\ninclude y.wst\n";
    for (text, file, says) in [
        (open, "\npign\n", "d/y.wst:2: unknown step 'pign'; did you mean 'ping'?"),
        (open, "> {{bose}}", "d/y.wst:1: undefined variable {{bose}}"),
        (open, "test \"b\"\nping", "d/y.wst:1: an included file cannot contain tests"),
        (open, "ping\nfinally\nping", "d/y.wst:2: finally cannot stand in an included file"),
        (open, "repeat 2\nping", "d/y.wst:1: this repeat has no end"),
        (open, "ping\nend", "d/y.wst:2: unexpected end"),
        (open, "retry 1s", "d/y.wst:1: retry must be followed by a connect or http line"),
        (open, "connect ws://y", "d/y.wst:1: the connection of line 1 is still open"),
        (open, "include y.wst", "d/y.wst:1: d/y.wst includes itself"),
        (open, "include ./x.wst", "d/y.wst:1: cannot read d/./x.wst: not there"),
        (open, "include x.wst", "d/y.wst:1: d/x.wst includes itself"),
        (open, "# nothing", "d/x.wst:2: d/y.wst has no steps"),
        ("connect ws://x\ninclude y.wst\nping", "close", "d/x.wst:3: no open connection; the last one was closed on line 1 of d/y.wst"),
        ("include y.wst\ntest \"a\"\nping", "connect ws://x", "d/x.wst:1: step before the first test"),
        ("include z.wst", "", "d/x.wst:1: cannot read d/z.wst: not there"),
    ] {
        let found = parse_files(text, &[("d/y.wst", file)]).unwrap_err().to_string();
        assert!(found.starts_with(says), "{file}: {found}");
    }
    let deep: Vec<(String, String)> = (0..20)
        .map(|n| (format!("d/{n}.wst"), format!("include {}.wst\n", n + 1)))
        .collect();
    let deep: Vec<(&str, &str)> = deep.iter().map(|(name, text)| (&**name, &**text)).collect();
    let error = parse_files("include 0.wst", &deep).unwrap_err().to_string();
    assert!(error.contains("more than 10 files include each other"), "{error}");
}

#[test]
fn never_before_the_first_test_is_a_setting() {
    let script = parse("never a\nconnect ws://x\nnever b\n");
    assert_eq!(printed(&script.settings), [(1, "never a".to_owned())]);
    assert!(matches!(
        script.tests[0].steps[1].action,
        StepAction::Never { .. }
    ));
}

#[test]
fn a_message_that_only_looks_like_json_is_sent_as_it_stands() {
    for text in [
        "[INFO] it's {{base}}",
        r#"{"a":1,}"#,
        r#"{ "a" : 1 }"#,
        "[1]]",
        "{{base}} [",
        r"\{{",
    ] {
        let script = parse(&format!("connect ws://x\n> {text}\n"));
        assert_eq!(
            script.tests[0].steps[1].action.to_string(),
            format!("> {text}")
        );
    }
}

#[test]
fn the_form_of_a_pattern_is_never_decided_by_a_value() {
    for (text, value, matching) in [
        ("{{base}}", "/.*/", "/.*/"),
        ("{{base}}", "{", "{"),
        ("{{base}}", "=x", "=x"),
        ("={{base}}", "=x", "=x"),
        ("/api/{{base}}", "x/", "/api/x/"),
        ("a {{base}}", "b", "a b"),
        ("/^{{base}}$/", ".", "."),
        (".a == {{base}}", "1 or true", r#"{"a":"1 or true"}"#),
    ] {
        let script = parse(&format!("connect ws://x\n< {text}\n"));
        let StepAction::Receive { pattern, .. } = &script.tests[0].steps[1].action else {
            panic!()
        };
        assert!(pattern.fixed().is_none());
        let rendered = pattern
            .template()
            .render(|_| Ok::<_, Infallible>(value.to_owned().into()))
            .unwrap();
        let pattern = pattern.compile(&rendered, Path::new("")).unwrap();
        assert!(pattern.is_match(matching), "{text} with {value}");
        assert!(!pattern.is_match("something else"), "{text} with {value}");
    }
}

#[test]
#[rustfmt::skip] // A row of the table is a line.
fn what_is_wrong_and_where() {
    let open = "connect ws://x\n";
    let two = "connect alice ws://x\nconnect bob ws://x\n";
    let got = "connect ws://x\n< a\n";
    for (before, line, at, says) in [
        // steps
        (open, "expect staus 401", 2, String::from("unknown step 'expect staus'; did you mean 'expect status'?")),
        (open, "expct status 401", 2, "unknown step 'expct status 401'; did you mean 'expect status'?".into()),
        (open, "expect", 2, "missing argument after expect; expected status, subprotocol".into()),
        (open, "pign", 2, "unknown step 'pign'; did you mean 'ping'?".into()),
        (open, "Close 1000", 2, "did you mean 'close'?".into()),
        (open, "xyzzy plugh", 2, "unknown step 'xyzzy plugh' (steps: test, set".into()),
        (open, ">hello", 2, "unknown step '>hello'; did you mean '> hello', '>text', '>hex', '>file', '>fragments' or '>frame'?".into()),
        (open, ">hxe 00", 2, "unknown step '>hxe 00'; did you mean '>hex' or '> hxe'?".into()),
        (open, "on x", 2, "invalid rule 'x': expected PATTERN => MESSAGE or PATTERN => close CODE REASON".into()),
        (open, "on x => close 1005", 2, "close code 1005".into()),
        (open, "on x => {{who}}", 2, "undefined variable {{who}}; define it before this line with set, capture, --var or --secret".into()),
        (open, "> {{.id}}", 2, "{{.id}} refers to an answered message, which only 'on PATTERN => MESSAGE' has; use capture NAME = .id".into()),
        (open, "within 1s on x => y", 2, "on does not wait and takes no 'within'".into()),
        (open, "<schema", 2, "missing argument: expected <schema FILE".into()),
        (open, "decode gzpi", 2, "unknown format 'gzpi'; did you mean 'gzip'?".into()),
        (open, "within 1s decode gzip", 2, "decode does not wait".into()),
        (open, "<hex", 2, "missing argument: expected bytes, as in <hex 00 ff ?? …".into()),
        (open, "<hex 00 f", 2, "invalid bytes '00 f': 'f' is only half a byte".into()),
        (open, "<hex 00 … 01", 2, "… may only stand at the end".into()),
        (open, "< hex:0", 2, "'hex:0' is not a valid byte pattern ('0' is only half a byte)".into()),
        (open, "<nxt x", 2, "did you mean '< nxt', '<next', '<hex' or '<schema'?".into()),
        ("", "ws://localhost/", 1, "unknown step 'ws://localhost/'".into()),
        (two, "alcie > hi", 3, "unknown connection 'alcie'; did you mean 'alice'?".into()),
        (two, "alice", 3, "missing step after 'alice'".into()),
        (two, "alice pnig", 3, "did you mean 'ping'?".into()),
        (two, "alice wait 1s", 3, "wait takes no connection name, found 'alice'".into()),
        (open, "within 1s > x", 2, "> does not wait and takes no 'within'; use it before <".into()),
        (open, "within 1s within 2s < x", 2, "unknown step 'within 1s within 2s < x'".into()),
        (open, "within <", 2, "invalid duration '<'".into()),
        (open, "ping now", 2, "unexpected argument 'now' after ping".into()),
        (open, "<", 2, "missing argument: expected a PATTERN".into()),
        // tests
        ("", "test name", 1, r#"invalid test name 'name'; write test "NAME""#.into()),
        ("", "test \"a\"\ntest \"b\"\nconnect ws://x", 1, "this test has no steps".into()),
        (open, "test \"a\"\nping", 1, "step before the first test".into()),
        ("test \"a\"\n", "finally", 2, "finally needs steps before it".into()),
        (open, "finally", 2, "finally has no steps after it".into()),
        (open, "finally\nping\nfinally", 4, "duplicate finally: line 2 begins".into()),
        (open, "finally now", 2, "unexpected argument 'now' after finally".into()),
        // blocks
        (open, "repeat 3\nping", 2, "this repeat has no end; write end after its steps".into()),
        (open, "repeat 3\nend", 2, "this repeat has no steps before its end".into()),
        (open, "repeat\nping\nend", 2, "missing argument: expected repeat N".into()),
        (open, "repeat 0\nping\nend", 2, "invalid number of repetitions '0' (1 to 1000000)".into()),
        (open, "repeat x\nping\nend", 2, "invalid number of repetitions 'x'".into()),
        (open, "repaet 2", 2, "did you mean 'repeat'?".into()),
        (open, "end", 2, "unexpected end: no repeat or any-order is open".into()),
        (open, "repeat 2\nping\nend repeat", 4, "unexpected argument 'repeat' after end".into()),
        (open, "repeat 2\nclose\nend", 4, "this repeat closes the connection of line 1, which its next repetition needs".into()),
        ("", "repeat 2\nconnect ws://x\nend", 3, "the connection of line 2 is still open at the end of this repeat".into()),
        (open, "repeat 2\nfinally\nping\nend", 3, "finally cannot stand in the repeat of line 2; write end before it".into()),
        (open, "repeat 2\ntest \"b\"\nping\nend", 2, "this repeat has no end".into()),
        (open, "within 1s repeat 2\nping\nend", 2, "repeat does not wait".into()),
        (open, &"repeat 1\n".repeat(11), 12, "blocks may nest up to 10 deep".into()),
        (open, "any-order\nping\nend", 3, "unexpected 'ping' in the any-order of line 2: only <, <hex, <schema".into()),
        (open, "any-order\n<next a\nend", 3, "unexpected '<next a'".into()),
        (open, "any-order\nend", 2, "this any-order has no steps before its end".into()),
        (open, "any-order x", 2, "unexpected argument 'x' after any-order".into()),
        (two, "any-order\n< a\nend", 3, "2 connections are open; name one".into()),
        (two, "alice any-order\nbob < a\nend", 4, "the any-order of line 3 is about another connection than 'bob'".into()),
        // http
        ("", "http", 1, "missing argument: expected http METHOD URL [BODY]".into()),
        ("", "http GET", 1, "missing argument: expected http METHOD URL [BODY]".into()),
        ("", "http get http://x", 1, "invalid HTTP method 'get'; did you mean 'GET'?".into()),
        ("", "http http://x", 1, "invalid HTTP method 'http://x'; write http METHOD URL [BODY], such as http GET".into()),
        ("", "http CONNECT http://x", 1, "invalid HTTP method 'CONNECT'".into()),
        ("", "http GET http://x/{{bose}}", 1, "undefined variable {{bose}}".into()),
        ("", "http POST http://x {\n\"a\": 1\n", 1, "unclosed {".into()),
        ("", "http GET http://x\nexpect subprotocol a", 2, "expect subprotocol applies to a connect".into()),
        ("", "http GET http://x\nexpect cert-days 3", 2, "expect cert-days applies to a connect".into()),
        ("", "http GET http://x\nexpect status 200\nexpect status 201", 3, "duplicate expect status: an http line takes only one".into()),
        ("", "http GET http://x\nexpect status 200\nA: b", 3, "unexpected header line 'A'".into()),
        ("", "http GET http://x\nping", 2, "no open connection".into()),
        ("", "http GET http://x\nwait 1s\nexpect status 200", 3, "expect status must follow the connect".into()),
        (open, "htpt GET http://x", 2, "did you mean 'http'?".into()),
        ("", "connect http ws://x", 1, "'http' is a step and cannot name a connection".into()),
        // retry, include, sample, pause
        (open, "retry 3s", 2, "retry must be followed by a connect or http line".into()),
        (open, "retry 3s\nping", 2, "retry must be followed by a connect or http line".into()),
        (open, "retry", 2, "invalid duration ''".into()),
        (open, "include", 2, "missing argument: expected include FILE".into()),
        (open, "include {{base}}", 2, "include takes a path without variables".into()),
        (open, "include y.wst", 2, "cannot read y.wst: other files cannot be included here".into()),
        (open, "sample x", 2, "sample must follow a < or an expect close".into()),
        (open, "< a\nsample", 3, "missing argument: expected sample MESSAGE".into()),
        (two, "alice < a\nbob sample x", 4, "sample must name the connection of the step before it".into()),
        (open, "pause soon", 2, "invalid duration 'soon'".into()),
        (two, "bob pause 1s", 3, "pause takes no connection name".into()),
        ("", "# nothing", 1, "the file has no steps".into()),
        // connections
        (two, "ping", 3, "2 connections are open; name one (alice, bob)".into()),
        (two, "connect alice ws://x", 3, "'alice' is already open since line 1".into()),
        (two, "alice close\nalice ping", 4, "'alice' was closed on line 3".into()),
        (open, "connect ws://y", 2, "the connection of line 1 is still open".into()),
        (open, "connect b ws://y", 1, "line 2 opens a second connection; this one needs a name".into()),
        (open, "close\nping", 3, "no open connection; the last one was closed on line 2".into()),
        (open, "expect status 401\nping", 3, "the last one was closed on line 2".into()),
        ("", "ping", 1, "no open connection; open one with connect URL".into()),
        ("", "connect", 1, "connect [NAME] URL".into()),
        ("", "connect a b c", 1, "unexpected space in 'a b c'".into()),
        ("", "connect ping ws://x", 1, "'ping' is a step and cannot name a connection".into()),
        // handshake
        (open, "> a\nX-Y: z", 3, "unexpected header line 'X-Y': header lines must follow a connect".into()),
        (open, "> a\nexpect status 101", 3, "expect status must follow the connect".into()),
        (two, "alice expect status 101", 3, "must follow the connect it applies to".into()),
        (open, "expect status 401\nexpect status 403", 3, "duplicate expect status".into()),
        (open, "expect status 99", 2, "invalid HTTP status '99' (100 to 599)".into()),
        (open, "expect cert-days soon", 2, "invalid number of days 'soon'".into()),
        (open, "expect header", 2, "expect header NAME PATTERN".into()),
        (open, "expect close", 2, "invalid close code '' (1000 to 4999)".into()),
        (open, "close 1005", 2, "invalid close code '1005' (1000 to 1003".into()),
        // texts
        (open, "> {\n\"a\": 1\n", 2, "unclosed {".into()),
        (open, "> {\n\"a\n}\n", 3, "a JSON string must end on its line".into()),
        (open, "> {\n1}\n", 2, "is not valid JSON".into()),
        (open, "< {a:1}", 2, "'{a:1}' looks like JSON but is invalid at byte 2".into()),
        (open, "< {\"a\":\"{{base}}\",}", 2, "looks like JSON but is invalid at byte".into()),
        (open, "< /(/", 2, "is not a valid regular expression".into()),
        (open, "never ...", 2, "prefix it with '='".into()),
        (open, ">hex 0", 2, "invalid hex bytes '0'".into()),
        (open, ">hex 0x01", 2, "invalid hex bytes '0x01'".into()),
        (open, ">file", 2, ">file PATH".into()),
        (open, ">text hello", 2, "missing quotes in 'hello'; write >text \"…\" with JSON's escapes, or >text <<END".into()),
        (open, r#">text "a\q""#, 2, "invalid text \"a\\q\": invalid escape".into()),
        (open, r#">text "a" b"#, 2, "invalid text".into()),
        (open, r#">text "{{bose}}""#, 2, "undefined variable {{bose}}".into()),
        (open, ">text <<END\na\n END\n", 2, "no line END ends this text; it must stand at the start of a line".into()),
        (open, ">text <<\na\n", 2, "invalid end word '' after <<".into()),
        (open, ">text <<END x\nEND x\n", 2, "invalid end word 'END x' after <<".into()),
        (open, ">text <<END\na\nEND\npign", 5, "did you mean 'ping'?".into()),
        (open, ">fragments", 2, "missing argument: expected >fragments SIZE MESSAGE".into()),
        (open, ">fragments hello", 2, "invalid size 'hello'".into()),
        (open, ">fragments 0 hello", 2, "invalid size '0': a fragment has at least 1 byte".into()),
        (open, ">frame fin hex 00", 2, "missing opcode of a frame; write >frame [fin]".into()),
        (open, ">frame fin opcode=16", 2, "invalid opcode '16' (0 to 15)".into()),
        (open, ">frame opcode=1 length=-1", 2, "invalid length '-1'".into()),
        (open, ">frame opcode=1 rsv4", 2, "unexpected 'rsv4' in a frame; write >frame [fin]".into()),
        (open, ">frame opcode=1 mask=maybe", 2, "unexpected 'mask=maybe' in a frame".into()),
        (open, ">frame fin fin opcode=1", 2, "'fin' is given twice in a frame; write >frame [fin]".into()),
        (open, ">frame rsv1 opcode=1 rsv1", 2, "'rsv1' is given twice in a frame".into()),
        (open, ">frame opcode=1 opcode=1", 2, "'opcode' is given twice in a frame".into()),
        (open, ">frame mask=no mask=yes opcode=1", 2, "'mask' is given twice in a frame".into()),
        (open, ">frame length=1 opcode=1 length=2", 2, "'length' is given twice in a frame".into()),
        (open, ">frame opcode=1 hex 0", 2, "invalid hex bytes '0'".into()),
        (open, "silence soon", 2, "invalid duration 'soon' (examples: 500ms".into()),
        (open, "wait 0", 2, "more than 0".into()),
        (open, "wait 400days", 2, "at most 366 days".into()),
        // variables
        (open, "> {{bose}}", 2, "undefined variable {{bose}}; did you mean {{base}}?".into()),
        (open, "> {{later}}\nset later = x", 2, "undefined variable {{later}}; define it before this line".into()),
        ("test \"a\"\nconnect ws://x\nset x = 1\n", "test \"b\"\nset y = {{x}}", 5, "undefined variable {{x}}".into()),
        (open, "> {{", 2, r"write \{{ for a literal {{".into()),
        (open, "set x", 2, "write set NAME = text".into()),
        (open, "set 1 = x", 2, "invalid name '1'".into()),
        (open, "assert .a", 2, "no < or http comes before it in this test".into()),
        (open, "capture x = .a", 2, "no < or http comes before it in this test".into()),
        (got, "capture x .a", 3, "write capture NAME = JQ".into()),
        (got, "assert .a ==", 3, "invalid jq expression '.a ==' (expected term at the end)".into()),
        (got, "assert .a == {{base}} and", 3, "invalid jq expression".into()),
        (got, "assert", 3, "a jq expression, such as .id".into()),
    ] {
        let found = error(&format!("{before}{line}\n"));
        assert!(found.starts_with(&format!("x.wst:{at}: ")), "{line}: {found}");
        assert!(found.contains(&says), "{line}: {found}");
    }
}

#[test]
fn bytes_must_be_utf_8() {
    let read = |bytes: &[u8]| Script::from_bytes("x.wst", bytes, &GIVEN);
    assert_eq!(
        read(b"\xef\xbb\xbfconnect ws://x\n").unwrap(),
        parse("connect ws://x\n")
    );
    let error = read(b"connect ws://x\n> a\xff\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.wst:2: invalid UTF-8 at byte 4 of this line"
    );
}

#[test]
fn a_name_is_needed_only_while_two_are_open() {
    let script = parse(
        "connect a ws://x\n> 1\nconnect b ws://x\nb > 2\nb close\n> 3\nconnect b ws://y\nb ping\n",
    );
    let index = |step: usize| match &script.tests[0].steps[step].action {
        StepAction::Send { on, .. } | StepAction::Ping { on, .. } => on.index,
        other => panic!("{other}"),
    };
    assert_eq!([index(1), index(3), index(5), index(7)], [0, 1, 0, 2]);
}

/// Lines made of the words that lines are made of.
fn line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "b",
        ">",
        ">hex",
        ">file",
        "<",
        "<next",
        "never",
        "silence",
        "within",
        "capture",
        "secret",
        "assert",
        "ping",
        "close",
        "expect",
        "status",
        "header",
        "subprotocol",
        "cert-days",
        "wait",
        ">text",
        ">fragments",
        ">frame",
        "fin",
        "opcode=1",
        "hex",
        "<<x",
        "http",
        "GET",
        "any-order",
        "repeat",
        "2",
        "end",
        "finally",
        "retry",
        "include",
        "pause",
        "sample",
        "set",
        "timeout",
        "test",
        "connect",
        "1000",
        "101",
        "401",
        "4000",
        "1s",
        "1.5",
        "250ms",
        "0",
        "x",
        "=",
        ".x",
        "{{x}}",
        "{{env.X}}",
        "{{base}}",
        "\\{{",
        "{",
        "}",
        "[",
        "]",
        "{\"a\":1}",
        "[{{x}}]",
        "\"a\"",
        "/x/i",
        "/{{x}}/",
        "X: y",
        "ws://h",
        "{{{x}}}",
        "é",
        "#",
    ]);
    prop::collection::vec(word, 0..6).prop_map(|words| words.join(" "))
}

/// Steps that are right for one open connection, or nearly always.
fn good_step() -> impl Strategy<Value = String> {
    let text = || {
        prop::sample::select(vec![
            "hello",
            "{{x}}",
            "{ \"a\": [1.0,\n \"{{x}}\", {{x}}] }",
            "{\"a\":{\"b\":null}}",
            "[1]",
            "=",
            "={{x}}",
            "/a{{x}}/i",
            "/^a/",
            "\\{{ {{env.A}}",
            "a  b\té",
            ".a == {{x}}",
            ".a[0] | length",
            "{{{x}}:2}",
        ])
    };
    let time = || {
        prop_oneof![
            (1_u64..100_000).prop_map(|ms| format!("{ms}ms")),
            (1_u32..5000).prop_map(|s| s.to_string()),
            (0.001_f64..9.0).prop_map(|s| format!("{s}")),
            Just("1h2m3s4ms5us6ns".to_owned()),
        ]
    };
    let within = || prop_oneof![2 => Just(String::new()), 1 => time().prop_map(|time| format!("within {time} "))];
    prop_oneof![
        text().prop_map(|text| format!("> {text}")),
        (within(), any::<bool>(), text()).prop_map(|(within, next, text)| format!(
            "{within}{} {text}",
            if next { "<next" } else { "<" }
        )),
        within().prop_map(|within| format!("{within}<hex 0011 ??:ff ...")),
        within().prop_map(|within| format!("{within}<schema {{{{x}}}}.json\ndecode gzip, json")),
        text().prop_map(|text| format!("never {text}")),
        time().prop_map(|time| format!("silence {time}")),
        time().prop_map(|time| format!("timeout {time}")),
        time().prop_map(|time| format!("wait {time}")),
        within().prop_map(|within| format!("{within}ping")),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|bytes| {
            bytes
                .iter()
                .fold(">hex".to_owned(), |line, byte| format!("{line} {byte:02X}"))
        }),
        text().prop_map(|text| format!("set x = {}", text.replace('\n', ""))),
        (text(), any::<bool>()).prop_map(|(text, retried)| format!(
            "{}http POST http://{{{{x}}}}/ {text}\nA: {{{{ x }}}}\nexpect status 404",
            if retried { "retry 3\n" } else { "" }
        )),
        any::<String>().prop_map(|text| {
            let text = Template::literal(text).to_string();
            format!(">text {}", serde_json::Value::from(text))
        }),
        Just(">text <<END\n{\"a\":\n  {{x}} }\n\n> # \nEND".to_owned()),
        (1_usize..9000, text()).prop_map(|(size, text)| format!(">fragments {size} {text}")),
        (
            any::<[bool; 4]>(),
            0..16_u8,
            prop::option::of(any::<u64>()),
            text()
        )
            .prop_map(|(bits, opcode, length, text)| {
                let names = bits.iter().zip(["fin ", "rsv1 ", "rsv2 ", "rsv3 "]);
                let bits: String = names
                    .filter(|(set, _)| **set)
                    .map(|(_, name)| name)
                    .collect();
                let length = length.map_or(String::new(), |length| format!(" length={length}"));
                let text = text.replace('\n', "");
                format!(">frame {bits}opcode={opcode} mask=yes{length} text {text}")
            }),
        (text(), within()).prop_map(|(text, within)| format!(
            "any-order\n< {text}\nsample {text}\n{within}< x\nend"
        )),
        (1_u32..9, text()).prop_map(|(times, text)| format!("repeat {times}\n> {text}\nping\nend")),
        time().prop_map(|time| format!("pause {time}")),
        time().prop_map(|time| format!("close\n\nretry {time}\nconnect ws://h")),
        Just("< {}\ncapture secret y = .[\"{{x}}\"]\nassert .a == {{y}}".to_owned()),
        (within(), text()).prop_map(|(within, text)| format!(
            "{within}expect close 4000 {text}\nconnect c ws://h\nA: {{{{x}}}}"
        )),
        within().prop_map(|within| format!(
            "{within}close 1000 é {{{{x}}}}\n\n# again\nconnect ws://{{{{x}}}}\nexpect header A ="
        )),
        Just(String::new()),
    ]
}

fn identity(text: &str, given: &[&str]) -> Result<bool, TestCaseError> {
    let Ok(script) = Script::parse("x", text, given) else {
        return Ok(false);
    };
    let printed = script.to_string();
    let again = Script::parse("x", &printed, given);
    prop_assert_eq!(again.as_ref(), Ok(&script), "{}", printed);
    prop_assert_eq!(again.map(|script| script.to_string()), Ok(printed));
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn printed_and_read_again_any_file_is_the_same(
        settings in prop::collection::vec(prop::sample::select(vec!["timeout 3", "set x = {{base}}", "", "# c"]), 0..3),
        tests in prop::collection::vec(prop::collection::vec(good_step(), 0..8), 1..4),
        named: bool,
    ) {
        let mut text = settings.join("\n");
        let count = if named { tests.len() } else { 1 };
        for steps in &tests[..count] {
            let head = if named { "\ntest \"a \\\\ \\u00e9\"\n" } else { "\n" };
            let finally = if steps.len() > 4 { "finally\nconnect z ws://h" } else { "" };
            text += &format!("{head}connect ws://h\nset x = 1\n{}\nclose\n{finally}\n", steps.join("\n"));
        }
        let good = identity(&text, &["base"])?;
        prop_assert!(good, "{}", error(&text));
    }

    #[test]
    fn lines_of_step_words_panic_nothing_and_print_the_same(lines in prop::collection::vec(line(), 0..8)) {
        identity(&format!("connect ws://h\nset x = 1\n{}", lines.join("\n")), &["base"])?;
        identity(&format!("connect a ws://h\nconnect b ws://h\n{}", lines.join("\n")), &["base", "x"])?;
        identity(&lines.join("\n"), &["x", "base"])?;
    }

    #[test]
    fn any_text_panics_nothing(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        identity(&text, &[])?;
        identity(&format!("connect ws://h\n> {text}\n< {text}"), &["a"])?;
        let _ = Script::from_bytes("x", &bytes, &[""; 0]);
    }

    #[test]
    fn any_line_can_be_sent(text in "[^\\x00-\\x20\\x7f\\[{]\\PC{0,30}") {
        let script = parse(&format!("connect ws://h\n> {}\n", Template::literal(text.trim_matches(' '))));
        let StepAction::Send { message: SendStep::Text(sent), .. } = &script.tests[0].steps[1].action else { panic!() };
        prop_assert_eq!(sent.as_literal(), Some(text.trim_matches(' ')));
    }
}
