//! The upgrade: the request, and the reaction to every kind of response.

use crate::harness::{Frame, Probe, Server, ms};

fn listen(server: &Server) -> Probe {
    Probe::new(["listen", &server.url(), "--connect-timeout", "3s"])
}

/// A server whose response violates one rule of RFC 6455 §4.1: exit 8, and the error names the rule.
fn breaks_the_protocol(answer: &'static str, named: &str) {
    let server = Server::new().answer_raw(answer).expect_hangup();
    listen(&server)
        .stderr_has(&server.url())
        .stderr_has(named)
        .within(ms(5000))
        .status(8);
}

/// A server whose response is unusual but valid: the message after it is printed.
fn is_accepted(answer: &'static str) {
    let server = Server::new()
        .answer_raw(answer)
        .send_text("hi")
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-1"])
        .stdout("hi\n")
        .status(0);
}

#[test]
fn a_refusal_is_22_with_its_status_and_body() {
    for (status, code) in [
        ("401 Unauthorized", "401"),
        ("403 Forbidden", "403"),
        ("404 Not Found", "404"),
        ("500 Internal Server Error", "500"),
    ] {
        let server = Server::new().refuse(status, "Server: x\r\n", "the door is shut");
        listen(&server)
            .stderr_has("wsprobe: ")
            .stderr_has(&server.url())
            .stderr_has(code)
            .stderr_has("the door is shut")
            .within(ms(3000))
            .status(22);
    }
}

#[test]
fn a_page_instead_of_an_upgrade_is_22() {
    let server = Server::new().refuse("200 OK", "Content-Type: text/html\r\n", "<h1>Welcome</h1>");
    listen(&server)
        .stderr_has("200")
        .stderr_has("Welcome")
        .status(22);
}

#[test]
fn a_redirect_is_22_and_shows_where_to() {
    let server = Server::new().refuse(
        "301 Moved Permanently",
        "Location: ws://new.example/\r\n",
        "",
    );
    listen(&server)
        .stderr_has("301")
        .stderr_has("new.example")
        .status(22);
}

#[test]
fn a_body_is_shown_up_to_one_kibibyte() {
    let server = Server::new().refuse("503 Service Unavailable", "", &"x".repeat(5000));
    let output = listen(&server).stderr_has("503").status(22);
    let shown = output.stderr.matches('x').count();
    assert!(
        (1000..=1030).contains(&shown),
        "{shown} bytes of the body are shown"
    );
}

#[test]
fn a_body_in_chunks_is_shown_without_their_sizes() {
    let server = Server::new()
        .answer_raw(
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n\
             8\r\nno such \r\n4\r\nroom\r\n0\r\n\r\n",
        )
        .drop_tcp();
    listen(&server)
        .stderr_has("404")
        .stderr_has("no such room")
        .status(22);
}

#[test]
fn a_body_that_never_ends_does_not_hide_the_refusal() {
    let server = Server::new()
        .answer_raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\ncut short")
        .expect_hangup();
    Probe::new(["listen", &server.url(), "--connect-timeout", "500ms"])
        .stderr_has("403")
        .stderr_has("cut short")
        .within(ms(4000))
        .status(22);
}

#[test]
fn a_body_without_a_length_lasts_to_the_end() {
    let server = Server::new()
        .answer_raw("HTTP/1.0 400 Bad Request\r\n\r\nwhat is this?")
        .drop_tcp();
    listen(&server)
        .stderr_has("400")
        .stderr_has("what is this?")
        .status(22);
}

#[test]
fn a_wrong_accept_key_is_8() {
    breaks_the_protocol(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "sec-websocket-accept",
    );
}

#[test]
fn a_missing_accept_key_is_8() {
    breaks_the_protocol(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "sec-websocket-accept",
    );
}

#[test]
fn an_answer_without_upgrade_or_connection_is_8() {
    breaks_the_protocol(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n",
        "upgrade",
    );
    breaks_the_protocol(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n",
        "connection",
    );
    breaks_the_protocol(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n",
        "h2c",
    );
}

#[test]
fn a_subprotocol_nobody_asked_for_is_8() {
    breaks_the_protocol(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
        "chat",
    );
}

#[test]
fn a_subprotocol_other_than_the_ones_asked_for_is_8() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: other\r\n")
        .expect_hangup();
    listen(&server)
        .args(["-s", "chat"])
        .stderr_has("other")
        .status(8);
}

#[test]
fn an_extension_nobody_offered_is_8() {
    breaks_the_protocol(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: x-made-up\r\n\r\n",
        "x-made-up",
    );
}

#[test]
fn an_answer_that_is_not_http_is_8() {
    breaks_the_protocol("SSH-2.0-OpenSSH_9.6\r\n\r\n", "http");
}

#[test]
fn tokens_compare_without_case_and_connection_may_be_a_list() {
    is_accepted(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\
         CONNECTION: keep-alive, UPGRADE\r\nsec-websocket-accept: {accept}\r\n\r\n",
    );
    is_accepted(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n\
         Connection: upgrade\r\nSec-WebSocket-Accept:{accept}  \r\n\r\n",
    );
}

#[test]
fn an_answer_may_lack_its_reason_phrase() {
    is_accepted(
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nX-Bytes: caf\u{e9}\r\n\r\n",
    );
}

#[test]
fn an_answer_may_come_byte_by_byte_with_a_frame_behind_it() {
    let server = Server::new()
        .expect_request()
        .answer_in_pieces(&[Frame::text("hi")])
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-1"])
        .stdout("hi\n")
        .status(0);
}

#[test]
fn a_server_that_answers_nothing_times_out() {
    let server = Server::new().expect_request().silent();
    Probe::new(["listen", &server.url(), "--connect-timeout", "300ms"])
        .stderr_has(&server.url())
        .stderr_has("--connect-timeout")
        .at_least(ms(300))
        .within(ms(3000))
        .status(28);
}

#[test]
fn a_server_that_answers_byte_by_byte_times_out_all_the_same() {
    let server = Server::new().expect_request().answer_for_ever(ms(50));
    Probe::new(["listen", &server.url(), "--connect-timeout", "400ms"])
        .any_stderr()
        .within(ms(3000))
        .status(28);
}

#[test]
fn headers_without_end_are_refused() {
    let server = Server::new().expect_request().answer_endless_headers();
    listen(&server).any_stderr().within(ms(5000)).status(8);
}

#[test]
fn the_end_of_tcp_before_an_answer_is_56() {
    let server = Server::new().expect_request().drop_tcp();
    listen(&server).stderr_has(&server.url()).status(56);
}

#[test]
fn a_reset_before_an_answer_is_56() {
    let server = Server::new().expect_request().reset();
    listen(&server).stderr_has(&server.url()).status(56);
}

#[test]
fn headers_are_sent_as_given_and_duplicates_are_kept() {
    let server = Server::new()
        .accept()
        .expect_header("X-Multi", &["one, two", "three:four"])
        .expect_header("x-url", &["http://a.example/?b=c:d"])
        .expect_header("X-Empty", &[""])
        .close(1000, "")
        .expect_close(1000);
    listen(&server)
        .args(["-H", "X-Multi: one, two", "--header", "X-Multi:three:four"])
        .args(["-H", "X-Url: http://a.example/?b=c:d", "-H", "X-Empty;"])
        .status(0);
}

#[test]
fn headers_may_come_from_a_file() {
    let server = Server::new()
        .accept()
        .expect_header("X-A", &["1"])
        .expect_header("X-B", &["2"])
        .close(1000, "")
        .expect_close(1000);
    let probe = listen(&server);
    let file = format!("@{}", probe.file("headers", "X-A: 1\nX-B: 2\n"));
    probe.args(["-H", &file]).status(0);
}

#[test]
fn a_header_of_ours_is_replaced_by_the_one_given() {
    let server = Server::new()
        .accept()
        .expect_header("Host", &["front.example"])
        .close(1000, "")
        .expect_close(1000);
    listen(&server)
        .args(["-H", "Host: front.example"])
        .status(0);
}

#[test]
fn host_carries_the_port_and_origin_is_sent_only_when_asked_for() {
    let server = Server::new();
    let host = format!("127.0.0.1:{}", server.port());
    let server = server
        .accept()
        .expect_header("Host", &[&host])
        .expect_header("Origin", &[])
        .expect_header("Sec-WebSocket-Protocol", &[])
        .close(1000, "")
        .expect_close(1000)
        .accept()
        .expect_header("Origin", &["https://app.example"])
        .close(1000, "")
        .expect_close(1000);
    listen(&server).status(0);
    listen(&server)
        .args(["-o", "https://app.example"])
        .status(0);
}

#[test]
fn subprotocols_are_offered_in_order_and_one_may_be_chosen() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: chat.v1\r\n")
        .expect_header("Sec-WebSocket-Protocol", &["chat.v2, chat.v1, plain"])
        .close(1000, "")
        .expect_close(1000);
    listen(&server)
        .args(["-s", "chat.v2,chat.v1", "--subprotocol", "plain"])
        .status(0);
}

#[test]
fn a_server_may_choose_no_subprotocol() {
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    listen(&server).args(["-s", "chat", "-q"]).status(0);
}

#[test]
fn a_header_given_by_hand_is_the_same_offer_as_its_option() {
    for given in ["chat", "v1, chat", "v1,chat"] {
        let server = Server::new()
            .accept_with("Sec-WebSocket-Protocol: chat\r\n")
            .expect_header("Sec-WebSocket-Protocol", &[given])
            .send_text("hello")
            .close_when_asked();
        let header = format!("Sec-WebSocket-Protocol: {given}");
        Probe::new(["listen", "-1", &server.url(), "-s", "other", "-H", &header])
            .stdout("hello\n")
            .stderr("")
            .status(0);
    }
    let server = Server::new()
        .accept_with("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n")
        .send_text("hello")
        .close_when_asked();
    Probe::new(["listen", "-1", &server.url(), "--no-compress"])
        .args([
            "-H",
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
        ])
        .stdout("hello\n")
        .status(0);
    let server = Server::new()
        .accept_with("Sec-WebSocket-Extensions: permessage-deflate\r\n")
        .expect_hangup();
    listen(&server)
        .args(["-H", "Sec-WebSocket-Extensions:"])
        .stderr_has("which was not offered")
        .status(8);
    let server = Server::new()
        .accept_with("Sec-WebSocket-Extensions: x-magic\r\n")
        .expect_hangup();
    listen(&server)
        .args(["-H", "Sec-WebSocket-Extensions: x-magic"])
        .stderr_has("which -H offered but wsprobe does not support")
        .status(8);
}

#[test]
fn a_header_given_by_hand_takes_the_place_of_its_option() {
    for (header, option, sent) in [
        ("Cookie: a=1", ["-b", "b=2"], "a=1"),
        (
            "Origin: https://a.test",
            ["-o", "https://b.test"],
            "https://a.test",
        ),
        ("User-Agent: mine", ["-A", "other"], "mine"),
        ("User-Agent: mine", ["-A", ""], "mine"),
        ("Authorization: Bearer x", ["-u", "joe:secret"], "Bearer x"),
        ("Sec-WebSocket-Protocol: a", ["-s", "b"], "a"),
        ("Sec-WebSocket-Extensions: x", ["--compress", ""], "x"),
    ] {
        let name = header.split(':').next().unwrap();
        let server = Server::new()
            .accept()
            .expect_header(name, &[sent])
            .close(1000, "")
            .expect_close(1000);
        listen(&server)
            .args(["-q", "-H", header])
            .args(option)
            .status(0);
    }
}

#[test]
fn an_empty_subprotocol_is_8_without_a_hint_to_offer_it() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol:\r\n")
        .expect_hangup();
    listen(&server)
        .stderr_has("its Sec-WebSocket-Protocol header is empty")
        .stderr_lacks("hint:")
        .status(8);
}

#[test]
fn a_way_to_log_in_that_is_not_supported_is_named() {
    for (asked, named) in [
        (
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
            "the server requires Digest authentication;",
        ),
        ("Negotiate", "the server requires Negotiate authentication;"),
        ("NTLM", "the server requires NTLM authentication;"),
        (
            "Negotiate, NTLM",
            "the server requires Negotiate or NTLM authentication;",
        ),
        (
            "Basic realm=\"r\", Digest realm=\"r\"",
            "the server rejected these credentials",
        ),
        ("Bearer", "the server rejected these credentials"),
    ] {
        let headers: &'static str = format!("WWW-Authenticate: {asked}\r\n").leak();
        let server = Server::new().refuse("401 Unauthorized", headers, "");
        listen(&server)
            .args(["-u", "joe:secret"])
            .stderr_has(named)
            .status(22);
    }
}

#[test]
fn one_malformed_line_hides_neither_an_answer_nor_a_refusal() {
    for (line, named) in [
        ("X Y: 1", "\"X Y: 1\""),
        (": none", "\": none\""),
        ("plain", "\"plain\""),
        (" folded", "\" folded\""),
    ] {
        let lines: &'static str = format!("X-Before: yes\r\n{line}\r\nX-After: yes\r\n").leak();
        let server = Server::new().accept_with(lines).expect_hangup();
        listen(&server)
            .args(["-v"])
            .stderr_has("< HTTP/1.1 101 Switching Protocols")
            .stderr_has("< X-Before: yes")
            .stderr_has("< X-After: yes")
            .stderr_has(&format!("malformed HTTP: invalid header line {named}"))
            .stderr_lacks("hint:")
            .status(8);
        let server = Server::new().refuse("403 Forbidden", lines, "the door is shut");
        listen(&server)
            .stderr_has("403 Forbidden")
            .stderr_has("the door is shut")
            .status(22);
    }
}

#[test]
fn subprotocols_of_which_none_was_chosen_are_a_warning() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ho")
        .close_when_asked();
    Probe::new(["send", "-s", "nope", &server.url(), "hi"])
        .stdout("ho\n")
        .stderr(
            "warning: the server did not choose any of the offered subprotocols; \
             browsers close such a connection\n",
        )
        .status(0);
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    Probe::new(["listen", "-q", "-s", "nope", &server.url()]).status(0);
}
