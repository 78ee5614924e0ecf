//! WebSocket over HTTP/2 (RFC 8441).

use crate::harness::{Certificate, Http2Server, Probe, Server};

#[test]
fn prior_knowledge_carries_messages_and_says_so() {
    let server = Http2Server::echo();
    let output = Probe::new(["send", "--json", "--http2", &server.url(), "hi", "there"])
        .args(["-o", "https://app.example", "-H", "X-Mixed: Case"])
        .any_stdout()
        .status(0);
    let events = output.events();
    let open = &events[1];
    assert_eq!((&open["http"], &open["status"]), (&"2".into(), &200.into()));
    assert_eq!(open["headers"]["x-served-by"], "h2");
    let replies: Vec<_> = events
        .iter()
        .filter(|event| event["dir"] == "in" && event["event"] == "message")
        .map(|event| event["data"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(replies, ["hi", "there"]);
    assert_eq!(events.last().unwrap()["clean"], true);
    let request = server.request();
    assert_eq!(request.method(), "CONNECT");
    assert_eq!(request.uri().path_and_query().unwrap(), "/chat?room=7");
    assert_eq!(request.headers()["sec-websocket-version"], "13");
    assert_eq!(request.headers()["x-mixed"], "Case");
    assert_eq!(request.headers()["origin"], "https://app.example");
    for forbidden in ["upgrade", "connection", "host", "sec-websocket-key"] {
        assert!(!request.headers().contains_key(forbidden), "{forbidden}");
    }
}

#[test]
fn over_tls_it_is_agreed_by_alpn() {
    let server = Http2Server::echo_over_tls(Certificate::good());
    let probe = Probe::new(["send", "-v", "--http2", &server.url(), "hi"]);
    let file = probe.file("ca.pem", server.authority_pem());
    probe
        .args(["--cacert", &file])
        .stdout("hi\n")
        .stderr_has("> :method: CONNECT")
        .stderr_has("> :protocol: websocket")
        .stderr_has("< HTTP/2 200")
        .status(0);
    assert_eq!(server.request().uri().scheme_str(), Some("https"));
}

#[test]
fn large_messages_pass_the_flow_control() {
    let server = Http2Server::echo();
    let large = "0123456789".repeat(300_000);
    Probe::new(["send", "--http2", &server.url()])
        .stdin(format!("{large}\n"))
        .stdout(format!("{large}\n"))
        .status(0);
}

#[test]
fn a_refusal_is_22_with_its_body() {
    let server = Http2Server::refusing(403);
    Probe::new(["listen", "--http2", &server.url()])
        .stderr_has("403 Forbidden")
        .stderr_has("the door is shut")
        .stderr_has("Origin")
        .status(22);
}

#[test]
fn a_server_without_the_extended_connect_is_8_and_named() {
    let server = Http2Server::without_extended_connect();
    Probe::new(["listen", "--http2", &server.url()])
        .stderr_has("SETTINGS_ENABLE_CONNECT_PROTOCOL")
        .stderr_has("hint: remove --http2")
        .status(8);
}

#[test]
fn a_server_of_http_1_is_8_and_named() {
    let server = Server::new()
        .connected()
        .expect_anything()
        .send_raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        .expect_hangup();
    Probe::new(["listen", "--http2", &server.url()])
        .stderr_has("HTTP/2")
        .stderr_has("hint: ")
        .status(8);
}

#[test]
fn offers_and_refusals_are_told_as_over_http_1() {
    let server = Http2Server::echo();
    Probe::new(["send", "-v", "--http2", &server.url(), "hi"])
        .args(["-s", "chat,env:TOKEN", "-H", "env:KEY"])
        .env("TOKEN", "t0k")
        .env("KEY", "X-Key: abc")
        .stdout("hi\n")
        .stderr_has("> sec-websocket-protocol: chat, ***")
        .stderr_has("> x-key: ***")
        .stderr_has("warning: the server did not choose any of the offered subprotocols")
        .stderr_lacks("t0k")
        .status(0);
    let request = server.request();
    assert_eq!(request.headers()["sec-websocket-protocol"], "chat, t0k");
    assert_eq!(request.headers()["x-key"], "abc");
}
