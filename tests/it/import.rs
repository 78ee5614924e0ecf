//! `import`: HAR files, our own logs and curl commands become check files.

use crate::harness::{Probe, serve};

const CHROME: &str = r#"{"log":{"version":"1.2","creator":{"name":"WebInspector","version":"537.36"},"pages":[],"entries":[
{"_resourceType":"document","startedDateTime":"2026-11-30T10:00:00.000Z","time":5,"request":{"method":"GET","url":"https://h.example/","headers":[]},
 "response":{"status":200,"statusText":"OK","headers":[],"content":{"size":3,"mimeType":"text/html","text":"<p>"}},"cache":{},"timings":{}},
{"_resourceType":"websocket","_webSocketMessages":[
 {"type":"send","time":1764496800.5,"opcode":1,"data":"{\"op\":\"login\",\"password\":\"hunter2-hunter2\"}"},
 {"type":"receive","time":1764496800.6,"opcode":1,"data":"{\"op\":\"ok\",\"ts\":1764496800600}"},
 {"type":"send","time":1764496802.7,"opcode":2,"data":"AP8="},
 {"type":"receive","time":1764496802.8,"opcode":2,"data":"AP8Q"}],
 "startedDateTime":"2025-11-30T10:00:00.000Z","time":9,
 "request":{"method":"GET","url":"wss://h.example/chat?access_token=s3cr3t-s3cr3t","httpVersion":"HTTP/1.1","headers":[
  {"name":"Host","value":"h.example"},{"name":"Sec-WebSocket-Key","value":"x"},{"name":"Origin","value":"https://h.example"},
  {"name":"Cookie","value":"sid=0123456789"},{"name":"Sec-WebSocket-Protocol","value":"chat"}]},
 "response":{"status":101,"statusText":"Switching Protocols","headers":[{"name":"Sec-WebSocket-Protocol","value":"chat"}]},"cache":{},"timings":{}}]}}"#;

fn import(name: &str, content: impl AsRef<[u8]>) -> Probe {
    let probe = Probe::new(["import"]);
    let path = probe.file(name, content);
    probe.args([path])
}

#[test]
fn a_har_file_becomes_a_test_without_its_secrets() {
    let output = import("s.har", CHROME)
        .stdout_has("connect wss://h.example/chat?access_token={{env.ACCESS_TOKEN}}\n")
        .stdout_has(
            "Origin: https://h.example\nCookie: {{env.COOKIE}}\nSec-WebSocket-Protocol: chat\n",
        )
        .stdout_has("expect subprotocol chat\n")
        .stdout_has("> {\"op\":\"login\",\"password\":\"{{env.PASSWORD}}\"}\n")
        .stdout_has("< {\"op\":\"ok\"}\nsample {\"op\":\"ok\",\"ts\":1764496800600}\n")
        .stdout_has("pause 2s100ms\n")
        .stdout_has(">hex 00 ff\n<hex 00 ff 10\n")
        .stdout_lacks("hunter2")
        .stdout_lacks("s3cr3t")
        .stdout_lacks("0123456789")
        .status(0);
    // What was printed is a check file.
    let check = Probe::new(["check", "--list"]);
    let path = check.file("s.wst", output.text());
    check.args([path]).stdout_has("s.wst").status(0);
}

#[test]
fn playwright_counts_milliseconds_and_mitmproxy_names_the_http_url() {
    let other = CHROME
        .replace("1764496800.5", "1764496800500")
        .replace("1764496800.6", "1764496800600.0")
        .replace("1764496802.7", "1764496802700")
        .replace("1764496802.8", "1764496802800")
        .replace("wss://h", "https://h")
        .replace(
            "2025-11-30T10:00:00.000Z",
            "2025-11-30T10:00:00.000000+00:00",
        );
    import("p.har", other)
        .stdout_has("connect wss://h.example/chat?")
        .stdout_has("pause 2s100ms\n")
        .status(0);
}

#[test]
fn an_entry_is_chosen_by_number_or_url() {
    let entry = |url: &str| {
        format!(
            r#"{{"request":{{"url":"{url}","headers":[]}},"response":{{"status":101,"headers":[]}},"_webSocketMessages":[]}}"#
        )
    };
    let har = format!(
        r#"{{"log":{{"entries":[{},{}]}}}}"#,
        entry("ws://a.example/one"),
        entry("ws://b.example/two")
    );
    import("two.har", &har)
        .stdout_has("test \"connection 1\"\nconnect ws://a.example/one\n")
        .stdout_has("test \"connection 2\"\nconnect ws://b.example/two\n")
        .status(0);
    for choice in ["2", "/two$/"] {
        import("two.har", &har)
            .args(["--entry", choice])
            .stdout_has("connect ws://b.example/two\n")
            .stdout_lacks("one")
            .status(0);
    }
    import("two.har", &har)
        .args(["--entry", "3"])
        .stderr_has("--entry 3: ")
        .stderr_has("has 2 connections")
        .stderr_has("1 ws://a.example/one, 2 ws://b.example/two")
        .status(2);
}

#[test]
fn a_log_of_a_client_and_of_a_server_becomes_the_same_conversation() {
    let (_serving, url) = serve(&["--reply", "noted"]);
    let probe = Probe::new(["send", &url, "one", "--log"]);
    let log = probe.file("c.jsonl", "");
    let sent = probe.args([&log]).stdout("noted\n").status(0);
    Probe::new(["import", &log])
        .stdout_has(&format!("connect {url}\n> one\n< noted\nclose 1000\n"))
        .status(0);
    drop(sent);
    Probe::new(["import", "-"])
        .stdin(concat!(
            r#"{"v":1,"event":"listening","ts":"2026-11-30T10:00:00.000000Z","t":0,"conn":0,"url":"ws://127.0.0.1:9/"}"#,
            "\n",
            r#"{"v":1,"event":"open","ts":"2026-11-30T10:00:01.000000Z","t":1,"conn":1,"status":101,"request":{"line":"GET /x HTTP/1.1","headers":{"x-team":"blue"}},"headers":{},"subprotocol":null}"#,
            "\n",
            r#"{"v":1,"event":"message","ts":"2026-11-30T10:00:01.100000Z","t":1,"conn":1,"dir":"in","n":1,"type":"text","bytes":3,"data":"one"}"#,
            "\n",
            r#"{"v":1,"event":"message","ts":"2026-11-30T10:00:01.200000Z","t":1,"conn":1,"dir":"out","n":1,"type":"text","bytes":5,"data":"noted"}"#,
            "\n",
            r#"{"v":1,"event":"close","ts":"2026-11-30T10:00:01.300000Z","t":1,"conn":1,"by":"local","code":4001,"reason":"bye"}"#,
            "\n",
            r#"{"v":1,"eve"#,
        ))
        .stdout_has("# line 6 is cut off and was passed over\n")
        .stdout_has("connect ws://127.0.0.1:9/x\nx-team: blue\n> one\n< noted\nexpect close 4001 bye\n")
        .status(0);
}

#[test]
fn a_curl_command_becomes_a_connect_line() {
    Probe::new(["import", "-"])
        .stdin("curl 'wss://h.example/feed' \\\n  -H 'Origin: https://h.example' -H 'Cookie: sid=0123456789' \\\n  -H 'Sec-WebSocket-Version: 13' -u me:secret-secret --compressed -k --data-raw x -sS\n")
        .stdout_has("# curl's --insecure is left out: run wsprobe check with --insecure\n")
        .stdout_has("# curl's --data-raw is left out: it has no meaning here\n")
        .stdout_has("connect wss://h.example/feed\nOrigin: https://h.example\nCookie: {{env.COOKIE}}\nAuthorization: Basic {{env.BASIC}}\n")
        .stdout_lacks("secret-secret")
        .stdout_lacks("compressed")
        .status(0);
    Probe::new(["import", "-"])
        .stdin("curl ^\"https://h.example/feed^\" ^\r\n  -H ^\"X-Team: blue^\"")
        .stdout_has("connect wss://h.example/feed\nX-Team: blue\n")
        .status(0);
}

#[test]
fn what_cannot_be_imported_is_exit_2_and_prints_nothing() {
    let firefox = r#"{"log":{"creator":{"name":"Firefox"},"entries":[{"request":{"url":"wss://h/"},"response":{"status":101}}]}}"#;
    let plain = r#"{"log":{"creator":{"name":"x"},"entries":[{"request":{"url":"https://h/"},"response":{"status":200}}]}}"#;
    let bad_url = r#"{"log":{"entries":[{"request":{"url":"ftp://h/"},"_webSocketMessages":[]}]}}"#;
    let bad_data = r#"{"log":{"entries":[{"request":{"url":"ws://h/"},"_webSocketMessages":[{"type":"send","time":1,"opcode":2,"data":"!"}]}]}}"#;
    let table = [
        (firefox, "Firefox does not write them"),
        (plain, "has no WebSocket connection"),
        (&CHROME[..900], "the HAR file is cut off at column"),
        ("{\"a\":1}", "not a HAR file: missing field `log`"),
        ("{\"log\" 1}", "invalid JSON at column 8"),
        (bad_url, "invalid URL of connection 1: 'ftp://h/'"),
        (bad_data, "entry 1, message 1: invalid base64"),
        ("", "the file is empty"),
        (
            "hello",
            "expected a HAR file, lines of wsprobe --log or --json, or a curl command",
        ),
        ("curl -s", "the curl command has no URL"),
        ("curl 'ws://h", "the curl command ends inside"),
        (
            "{\"v\":1,\"event\":\"open\",\"conn\":1}\nx\n",
            ":2: not an event of wsprobe",
        ),
        (
            "{\"v\":1,\"event\":\"summary\"}\n",
            "the log has no connection",
        ),
    ];
    for (content, why) in table {
        import("bad", content).stderr_has(why).status(2);
    }
    Probe::new(["import", "/no/such/file"])
        .stderr_has("cannot read /no/such/file")
        .status(26);
}

#[test]
fn values_that_change_from_run_to_run_become_variables() {
    let message = |kind: &str, time: &str, data: &str| {
        let data = serde_json::to_string(data).unwrap();
        format!(r#"{{"type":"{kind}","time":{time},"opcode":1,"data":{data}}}"#)
    };
    let messages = [
        message(
            "receive",
            "1764496800.1",
            r#"{"op":"hello","session":"s-8812-77","room":"lobby"}"#,
        ),
        message(
            "send",
            "1764496800.2",
            r#"{"op":"join","session":"s-8812-77","id":"6f9619ff-8b86-d011-b42d-00c04fc964ff","at":1764496800200}"#,
        ),
        message(
            "receive",
            "1764496800.3",
            r#"{"re":"6f9619ff-8b86-d011-b42d-00c04fc964ff","who":"s-8812-77","cursor":41}"#,
        ),
        message(
            "send",
            "1764496800.4",
            r#"{"op":"next","cursor":41,"room":"lobby","id":"7f9619ff-8b86-d011-b42d-00c04fc964ff","at":1764496800400}"#,
        ),
        message("receive", "1764496800.5", "done"),
    ];
    let har = format!(
        r#"{{"log":{{"entries":[{{"request":{{"url":"ws://h.example/","headers":[]}},"response":{{"status":101,"headers":[]}},"_webSocketMessages":[{}]}}]}}}}"#,
        messages.join(",")
    );
    let expected = r#"connect ws://h.example/
< {"op":"hello","room":"lobby"}
sample {"op":"hello","session":"s-8812-77","room":"lobby"}
# guessed: session came from the server and was sent back
capture session = .session
# guessed: id is a UUID that each run makes anew
set id = {{uuid}}
# guessed: {{now.ms}} was the time in milliseconds
> {"op":"join","session":"{{session}}","id":"{{id}}","at":{{now.ms}}}
< {"re":"{{id}}","who":"{{session}}"}
sample {"re":"{{id}}","who":"{{session}}","cursor":41}
# guessed: cursor came from the server and was sent back
capture cursor = .cursor
# guessed: {{now.ms}} was the time in milliseconds
# guessed: {{uuid}} was a UUID
> {"op":"next","cursor":{{cursor}},"room":"lobby","id":"{{uuid}}","at":{{now.ms}}}
< done
"#;
    let output = import("v.har", har).stdout_has(expected).status(0);
    // The file that was written can be played, and its check passes.
    let serve = Probe::new(["serve", "0", "--once", "--play"]);
    let file = serve.file(
        "v.wst",
        output.text().replace("ws://h.example/", "{{base}}"),
    );
    let mut serving = serve.args([&file]).any_stderr().spawn();
    let line = serving.stderr_line("listening on ");
    let url = line.rsplit(' ').next().unwrap().trim().to_owned();
    Probe::new(["check", &file, "--var"])
        .args([format!("base={url}")])
        .any_stdout()
        .any_stderr()
        .status(0);
    serving.status(0);
}

#[test]
fn what_har_writes_is_read_again_and_holds_no_secret() {
    let (_serving, url) = serve(&["--greeting", "hi"]);
    let probe = Probe::new(["send", &url, "one", "{\"password\":\"hunter2-hunter2\"}"]).args([
        "-c",
        "3",
        "--bearer",
        "s3cr3t-s3cr3t",
        "--har",
    ]);
    let har = probe.file("s.har", "");
    let output = probe.args([&har]).any_stdout().any_stderr().status(0);
    let text = std::fs::read_to_string(&har).unwrap();
    drop(output);
    assert!(
        !text.contains("s3cr3t") && !text.contains("hunter2"),
        "{text}"
    );
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entry = &document["log"]["entries"][0];
    assert_eq!(entry["_resourceType"], "websocket");
    assert_eq!(entry["response"]["status"], 101);
    let messages = entry["_webSocketMessages"].as_array().unwrap();
    assert_eq!(messages.len(), 5, "{text}");
    assert!(messages.iter().all(|message| message["opcode"] == 1));
    let one = messages
        .iter()
        .find(|message| message["data"] == "one")
        .unwrap();
    assert_eq!(one["type"], "send");
    assert!(one["time"].as_f64().unwrap() > 1.7e9);
    import("s.har", &text)
        .stdout_has(&format!(
            "connect {url}\nAuthorization: {{{{env.AUTHORIZATION}}}}\n"
        ))
        .stdout_has("> one\n")
        .stdout_has("close 1000\n")
        .status(0);
    Probe::new(["listen", &url, "-1", "--har", "/no/such/folder/x.har"])
        .stderr_has("cannot write /no/such/folder/x.har")
        .status(23);
}
