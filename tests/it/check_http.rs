//! `http` in check files, against a small server of HTTP/1.1.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::harness::{Probe, Server, ms};

/// A request as it came.
#[derive(Debug)]
struct Asked {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A server that gives these answers, one a connection, in this order.
struct Web {
    port: u16,
    asked: Receiver<Asked>,
}

/// What the server does with a request.
enum Reply {
    /// Status and headers, then the body; its length is added.
    Is(&'static str, Vec<u8>),
    /// These bytes.
    Raw(&'static str),
    /// Nothing, until the client goes.
    Never,
    /// As `Is` without a body, once the test says so.
    After(Receiver<()>),
}

fn is(head: &'static str, body: &str) -> Reply {
    Reply::Is(head, body.as_bytes().to_vec())
}

impl Web {
    fn answers(replies: impl IntoIterator<Item = Reply> + Send + 'static) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, asked) = channel();
        thread::spawn(move || {
            for reply in replies {
                let Ok((mut client, _)) = listener.accept() else {
                    return;
                };
                let _ = sender.send(read(&client));
                answer(&mut client, reply);
            }
        });
        Self { port, asked }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next request, which must have come.
    fn asked(&self) -> Asked {
        self.asked.recv_timeout(ms(1000)).unwrap()
    }
}

fn read(client: &TcpStream) -> Asked {
    let mut lines = BufReader::new(client);
    let mut next = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let line = next();
    let mut headers = Vec::new();
    loop {
        let header = next();
        match header.split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut asked = Asked {
        line,
        headers,
        body: String::new(),
    };
    let length = asked
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    lines.take(length).read_to_string(&mut asked.body).unwrap();
    asked
}

fn answer(client: &mut TcpStream, reply: Reply) {
    let (head, body) = match reply {
        Reply::Is(head, body) => (head, body),
        Reply::Raw(bytes) => {
            let _ = client.write_all(bytes.as_bytes());
            return;
        }
        Reply::Never => {
            let _ = client.read(&mut [0]);
            return;
        }
        Reply::After(go) => {
            go.recv().unwrap();
            ("204 No Content", Vec::new())
        }
    };
    let head = head.replace('\n', "\r\n");
    let length = body.len();
    let _ = write!(
        client,
        "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n"
    );
    let _ = client.write_all(&body);
}

/// A run of a file with this text; `{{web}}` is the HTTP server.
fn check(web: &Web, text: &str) -> Probe {
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", text);
    probe.args([&file, "--var", &format!("web={}", web.url())])
}

#[test]
fn what_an_answer_holds_goes_on_into_the_conversation() {
    let web = Web::answers([is(
        "201 Created\nContent-Type: application/json\nSet-Cookie: sid=c00kie-value; Path=/; HttpOnly",
        r#"{"ticket":"t-17"}"#,
    )]);
    let server = Server::new()
        .accept()
        .expect_header("Cookie", &["mine=1; sid=c00kie-value"])
        .expect_text(r#"{"ticket":"t-17"}"#)
        .send_text(r#"{"ok":true}"#)
        .close_when_asked();
    let text = r#"set user = "me"
set path = a/b c
http POST {{web}}/{{path}}?x=1 {
  "user": "{{user}}"
}
X-Team: blue
expect status 201
expect header content-type /json/
capture ticket = .ticket
assert .ticket | startswith("t-")
connect {{ws}}
Cookie: mine=1
> {"ticket":"{{ticket}}"}
< {"ok":true}
assert .ok
"#;
    check(&web, text)
        .args(["--var", &format!("ws={}", server.url())])
        .args(["-H", "X-Option: 1", "-u", "me:pass", "-s", "chat"])
        .any_stderr()
        .stdout_has("1 test passed")
        .status(0);
    let asked = web.asked();
    assert_eq!(asked.line, "POST /a%2Fb%20c?x=1 HTTP/1.1");
    assert_eq!(asked.body, r#"{"user":"\"me\""}"#);
    for (name, value) in [
        ("Host", format!("127.0.0.1:{}", web.port)),
        ("Content-Type", "application/json".to_owned()),
        ("Accept", "*/*".to_owned()),
        (
            "User-Agent",
            concat!("wsprobe/", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
        ("X-Team", "blue".to_owned()),
        ("X-Option", "1".to_owned()),
        ("Authorization", "Basic bWU6cGFzcw==".to_owned()),
    ] {
        assert_eq!(asked.header(name), Some(&*value), "{asked:?}");
    }
    assert_eq!(asked.header("Sec-WebSocket-Protocol"), None);
    assert_eq!(asked.header("Upgrade"), None);
}

#[test]
fn an_error_status_fails_unless_it_is_expected() {
    for (status, extra, code, words) in [
        ("404 Not Found", "", 1, "the server answered 404 Not Found"),
        ("503 Busy", "", 1, "the server answered 503 Busy"),
        ("404 Not Found", "expect status 404\n", 0, "1 test passed"),
        ("302 Found\nLocation: /x", "", 0, "1 test passed"),
        (
            "302 Found\nLocation: /x",
            "expect status 302\nexpect header Location /x\n",
            0,
            "1 test passed",
        ),
        (
            "200 OK",
            "expect status 404\n",
            1,
            "the server answered 200 OK, expected status 404",
        ),
        (
            "404 Not Found",
            "expect header A b\n",
            1,
            "the server answered 404 Not Found",
        ),
        ("200 OK\nA: c", "expect header A b\n", 1, "A is \"c\""),
        ("200 OK", "assert .a\n", 1, "body: the body says why"),
    ] {
        let extra = extra.replace("Location /x", "Location =/x");
        let web = Web::answers([is(status, "the body says why")]);
        check(&web, &format!("http GET {{{{web}}}}/\n{extra}"))
            .stdout_has(words)
            .status(code);
    }
    let web = Web::answers([is("200 OK", "")]);
    check(&web, "http GET {{web}}/\ncapture a = .a\n")
        .stdout_has("the body of the last http answer is empty or not text")
        .status(1);
    let web = Web::answers([is("200 OK", r#"{"b":1}"#)]);
    check(&web, "http GET {{web}}/\ncapture a = .a\n")
        .stdout_has("the expression selects null in the body of the last http answer")
        .status(1);
    let web = Web::answers([is("500 Oops", "the body says why")]);
    check(&web, "http GET {{web}}/\n")
        .stdout_has("x.wst:1\n    1 | http GET {{web}}/\n")
        .stdout_has("      the body says why\n")
        .stdout_has("  http GET http://127.0.0.1:")
        .stdout_has(" -> 500, ")
        .status(1);
}

#[test]
fn redirects_are_followed_only_with_location_and_credentials_stay() {
    let other = Web::answers([is("200 OK", r#"{"here":true}"#)]);
    let location = format!("302 Found\nLocation: {}/next\nSet-Cookie: a=1", other.url());
    let web = Web::answers([is(Box::leak(location.into_boxed_str()), "")]);
    check(
        &web,
        "http POST {{web}}/ {\"a\":1}\nX-Kept: 1\nassert .here\n",
    )
    .args(["-L", "-u", "me:pass"])
    .stdout_has("1 test passed")
    .status(0);
    assert!(web.asked().header("Authorization").is_some());
    let asked = other.asked();
    assert_eq!(asked.line, "GET /next HTTP/1.1");
    assert_eq!(asked.header("Authorization"), None);
    assert_eq!((asked.header("X-Kept"), &*asked.body), (Some("1"), ""));
    // Cookies do not distinguish ports.
    assert_eq!(asked.header("Cookie"), Some("a=1"));
    let web = Web::answers([is("302 Found\nLocation: /next", "")]);
    check(&web, "http GET {{web}}/\nexpect status 200\n")
        .stdout_has("the server answered 302 Found, expected status 200")
        .status(1);
}

#[test]
fn a_form_that_leads_back_to_its_page_is_no_loop() {
    let web = Web::answers([is("303 See Other\nLocation: /login", ""), is("200 OK", "")]);
    check(&web, "http POST {{web}}/login\n")
        .args(["-L"])
        .stdout_has("1 test passed")
        .status(0);
    let web = Web::answers([
        is("303 See Other\nLocation: /login", ""),
        is("302 Found\nLocation: /login", ""),
    ]);
    check(&web, "http POST {{web}}/login\n")
        .args(["-L"])
        .stdout_has("redirect loop: back to")
        .status(1);
}

#[test]
fn cookies_end_with_their_test() {
    let web = Web::answers([
        is("200 OK\nSet-Cookie: a=1", ""),
        is("200 OK", ""),
        is("200 OK", ""),
    ]);
    let text = "test \"a\"\nhttp GET {{web}}/\nhttp GET {{web}}/x\ntest \"b\"\nhttp GET {{web}}/\n";
    check(&web, text).stdout_has("2 tests passed").status(0);
    let cookies = [web.asked(), web.asked(), web.asked()];
    let cookies = cookies.each_ref().map(|asked| asked.header("Cookie"));
    assert_eq!(cookies, [None, Some("a=1"), None]);
}

#[test]
fn an_http_step_is_tried_again_until_its_expectations_hold() {
    let web = Web::answers([
        Reply::Raw("SSH-2.0-OpenSSH_9\r\n"),
        is("503 Starting", ""),
        is("200 OK", r#"{"n":1}"#),
        is("200 OK\nReady: yes", r#"{"n":2}"#),
    ]);
    check(&web, "retry 10s\nhttp GET {{web}}/health\nexpect status 200\nexpect header Ready yes\nassert .n == 2\n")
        .args(["--backoff", "1ms..10ms"])
        .stdout_has("1 test passed")
        .status(0);
    let web = Web::answers((0..1000).map(|_| is("503 Starting", "")));
    check(&web, "retry 300ms\nhttp GET {{web}}/\n")
        .args(["--backoff", "1ms..50ms"])
        .stdout_has("the server answered 503 Starting")
        .stdout_has("attempts in 300 ms")
        .within(ms(4000))
        .status(1);
}

#[test]
fn what_is_no_usable_answer_fails_with_its_cause() {
    let big = vec![b'x'; (1 << 20) + 1];
    for (reply, words) in [
        (Reply::Never, "no complete answer within 300 ms"),
        (
            Reply::Raw("SSH-2.0-OpenSSH_9\r\n"),
            "the answer is not valid HTTP/1.1",
        ),
        (
            Reply::Raw(""),
            "the server closed the connection before the answer was complete",
        ),
        (
            Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            "before the answer was complete",
        ),
        (
            Reply::Is("200 OK", big),
            "the body of the answer exceeds the limit of 1 MiB",
        ),
        (
            is("200 OK\nContent-Encoding: gzip", "no gzip"),
            "the body of the answer is not valid gzip",
        ),
    ] {
        let web = Web::answers([reply]);
        check(&web, "timeout 300ms\nhttp GET {{web}}/\n")
            .stdout_has(words)
            .stdout_has("1 of 1 test failed")
            .within(ms(4000))
            .status(1);
    }
    let nobody = crate::harness::Nobody::listens();
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", format!("http GET {}\n", nobody.url()));
    probe
        .args([file])
        .stdout_has("Connection refused")
        .status(1);
}

#[test]
fn a_compressed_body_is_read() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(br#"{"a":1}"#).unwrap();
    let web = Web::answers([Reply::Is(
        "200 OK\nContent-Encoding: gzip",
        encoder.finish().unwrap(),
    )]);
    check(&web, "http GET {{web}}/\nassert .a == 1\n")
        .stdout_has("1 test passed")
        .status(0);
}

#[test]
fn open_connections_are_driven_while_a_request_is_answered() {
    let (go, wait) = channel();
    let web = Web::answers([Reply::After(wait)]);
    let server = Server::new()
        .accept()
        .send_ping("are you there")
        .expect_pong("are you there")
        .send_text("kept");
    let text = "connect {{ws}}\nhttp DELETE {{web}}/x\nexpect status 204\n<next kept\n";
    let running = check(&web, text)
        .args(["--var", &format!("ws={}", server.url())])
        .stdout_has("1 test passed")
        .spawn();
    let server = server.played();
    go.send(()).unwrap();
    let server = server.close_when_asked();
    running.status(0);
    drop(server);
}

#[test]
fn a_forbidden_message_ends_a_request() {
    let web = Web::answers([Reply::Never]);
    let server = Server::new()
        .accept()
        .expect_text("go")
        .send_text("bad")
        .close_when_asked();
    check(&web, "never bad\nconnect {{ws}}\n> go\nhttp GET {{web}}/\n")
        .args(["--var", &format!("ws={}", server.url())])
        .stdout_has("x.wst:4")
        .stdout_has("'never bad' forbids")
        .within(ms(3000))
        .status(1);
}

#[test]
fn secrets_of_a_request_and_its_answer_are_redacted() {
    let web = Web::answers([is(
        "403 Forbidden\nSet-Cookie: sid=s3cret-c00kie",
        "no: Bearer t0p-s3cret-token, s3cret-c00kie, s3cret-header",
    )]);
    let text = "http POST {{web}}/?access_token={{env.API_TOKEN}} {\"t\":\"{{env.API_TOKEN}}\"}\nAuthorization: s3cret-header\n";
    check(&web, text)
        .env("API_TOKEN", "t0p-s3cret-token")
        .args(["-v"])
        .any_stderr()
        .stderr_lacks("s3cret")
        .stdout_has("no: Bearer ***, ***, ***")
        .stdout_lacks("s3cret")
        .status(1);
    assert_eq!(web.asked().header("Authorization"), Some("s3cret-header"));
}

#[test]
fn requests_go_where_resolve_says() {
    let web = Web::answers([is("200 OK\nSet-Cookie: a=1; Secure", ""), is("200 OK", "")]);
    let port = web.port;
    let probe = Probe::new(["check"]);
    let url = format!("http://api.test:{port}/");
    let file = probe.file("x.wst", format!("http GET {url}\nhttp GET {url}\n"));
    probe
        .args([&file, "--resolve", &format!("api.test:{port}:127.0.0.1")])
        .stdout_has("1 test passed")
        .status(0);
    assert_eq!(
        web.asked().header("Host"),
        Some(&*format!("api.test:{port}"))
    );
    // A secure cookie does not go over a plain connection.
    assert_eq!(web.asked().header("Cookie"), None);
}

#[test]
#[cfg(unix)]
fn requests_go_over_tls() {
    let mut serve = Probe::new(["serve", "0", "--self-signed"])
        .any_stderr()
        .spawn();
    let line = serve.stderr_line("listening on wss://");
    let url = line.split("wss://").nth(1).unwrap().trim().to_owned();
    let text = format!("http GET https://{url}\nAccept: text/html\nexpect status 200\n");
    let probe = Probe::new(["check", "-k"]);
    let file = probe.file("x.wst", &text);
    probe
        .args([file])
        .any_stderr()
        .stdout_has("1 test passed")
        .status(0);
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", &text);
    probe
        .args([file])
        .stdout_has("certificate")
        .stdout_has("1 of 1 test failed")
        .status(1);
    serve.terminate();
    serve.status(143);
}

#[test]
#[cfg(unix)]
fn requests_go_over_a_unix_socket() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("s.sock");
    let path = path.to_str().unwrap();
    let mut serve = Probe::new(["serve", "--unix", path]).any_stderr().spawn();
    serve.stderr_line("listening on ");
    let text = format!("http GET ws+unix:{path}:/\nexpect header content-type /html/\n");
    for (text, args) in [
        (text.as_str(), &[][..]),
        (
            "http GET http://localhost/\nexpect status 200\n",
            &["--unix-socket", path],
        ),
    ] {
        let probe = Probe::new(["check"]);
        let file = probe.file("x.wst", text);
        probe
            .args([file])
            .args(args)
            .stdout_has("1 test passed")
            .status(0);
    }
    serve.terminate();
    serve.status(143);
}

#[test]
fn a_bad_url_is_found_before_anything_is_sent() {
    for (url, words) in [
        ("http:/x", "x.wst:1: invalid URL"),
        (
            "ftp://x/",
            "x.wst:1: invalid URL 'ftp://x/': unsupported scheme 'ftp'",
        ),
    ] {
        let probe = Probe::new(["check"]);
        let file = probe.file("x.wst", format!("http GET {url}\n"));
        probe.args([file]).stderr_has(words).status(2);
    }
}
