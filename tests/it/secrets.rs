//! Secrets are sent to the server and redacted everywhere else.

use std::fs;

use crate::harness::{Nobody, Probe, Server};

const SECRET: &str = "c0rrect-h0rse";

#[test]
fn a_password_in_the_url_is_not_in_the_error() {
    let nobody = Nobody::listens();
    let host = format!("127.0.0.1:{}", nobody.port());
    Probe::new(["listen", &format!("ws://user:{SECRET}@{host}/")])
        .stderr_has(&host)
        .stderr_lacks(SECRET)
        .status(7);
}

#[test]
fn a_token_in_the_query_reaches_the_server_but_not_the_error() {
    let server = Server::new();
    let url = server.url_of(&format!("/x?room=7&access_token={SECRET}&z=1"));
    let server = server
        .expect_request()
        .expect_request_line(&format!("GET /x?room=7&access_token={SECRET}&z=1 HTTP/1.1"))
        .drop_tcp();
    Probe::new(["listen", &url])
        .stderr_has("room=7")
        .stderr_lacks(SECRET)
        .status(56);
    drop(server);
}

#[test]
fn a_bad_url_is_named_without_its_password() {
    Probe::new(["listen", &format!("ws://user:{SECRET}@host.example:99999/")])
        .stderr_has("99999")
        .stderr_lacks(SECRET)
        .status(2);
}

#[test]
fn verbose_shows_authorization_and_cookie_without_their_values() {
    let server = Server::new()
        .accept()
        .expect_header("Authorization", &[&format!("Bearer {SECRET}")])
        .expect_header("Cookie", &[&format!("session={SECRET}")])
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "-vv", &server.url()])
        .args(["-H", &format!("Authorization: Bearer {SECRET}")])
        .args(["-H", &format!("Cookie: session={SECRET}")])
        .stderr_has("authorization:")
        .stderr_has("cookie:")
        .stderr_lacks(SECRET)
        .status(0);
}

#[test]
fn show_secrets_shows_them() {
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    Probe::new(["listen", "-v", "--show-secrets", &server.url()])
        .args(["-H", &format!("Authorization: Bearer {SECRET}")])
        .stderr_has(SECRET)
        .status(0);
}

#[test]
fn show_secrets_shows_the_url_as_it_is() {
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    let url = server.url_of(&format!("/?token={SECRET}"));
    Probe::new(["listen", "--json", "--show-secrets", &url])
        .stdout_has(&format!("\"url\":\"{url}\""))
        .stdout_has(&format!("GET /?token={SECRET} HTTP/1.1"))
        .status(0);
}

#[test]
fn json_hides_what_the_request_holds() {
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    let url = server.url_of(&format!("/?token={SECRET}"));
    Probe::new(["listen", "--json", &url, "-u", &format!("me:{SECRET}")])
        .stdout_has("GET /?token=*** HTTP/1.1")
        .stdout_has("\"authorization\":\"***\"")
        .stdout_lacks(SECRET)
        .status(0);
}

#[test]
fn a_message_from_the_environment_is_sent_but_not_shown() {
    let auth = format!(r#"{{"auth":"{SECRET}"}}"#);
    let server = Server::new()
        .accept()
        .expect_text(&auth)
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "--json", "-vv", &server.url(), "-x", "env:AUTH"])
        .env("AUTH", &auth)
        .stdout_has(r#""dir":"out""#)
        .stdout_lacks(SECRET)
        .stderr_lacks(SECRET)
        .status(0);
}

#[test]
fn a_message_from_a_file_is_sent_but_not_shown() {
    let server = Server::new()
        .accept()
        .expect_text(SECRET)
        .close(1000, "")
        .expect_close(1000);
    let probe = Probe::new(["listen", "--json", &server.url()]);
    let file = format!("@{}", probe.file("auth", SECRET));
    probe
        .args(["-x", &file])
        .any_stdout()
        .stdout_lacks(SECRET)
        .stderr_lacks(SECRET)
        .status(0);
}

#[test]
fn an_unset_variable_is_named_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    Probe::new(["listen", &server.url(), "-x", "env:NOT_THERE"])
        .stderr_has("NOT_THERE")
        .status(2);
}

#[test]
fn a_secret_that_the_server_repeats_is_printed_as_it_came() {
    let server = Server::new()
        .accept()
        .expect_text(SECRET)
        .send_text(SECRET)
        .close_when_asked();
    Probe::new(["listen", "-1", &server.url(), "-x", "env:AUTH"])
        .env("AUTH", SECRET)
        .stdout(format!("{SECRET}\n"))
        .status(0);
}

#[test]
fn the_log_has_no_secret() {
    let server = Server::new()
        .accept()
        .expect_text(SECRET)
        .close(1000, "")
        .expect_close(1000);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let url = server.url_of(&format!("/?token={SECRET}"));
    Probe::new([
        "listen",
        &url,
        "--log",
        log.to_str().unwrap(),
        "-x",
        "env:AUTH",
    ])
    .env("AUTH", SECRET)
    .args(["-H", &format!("Authorization: Basic {SECRET}")])
    .status(0);
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("\"connecting\"") && !log.contains(SECRET),
        "{log}"
    );
}

#[test]
fn a_refusal_that_repeats_the_url_does_not_tell_its_token() {
    for args in [&["-v"][..], &["--json"], &[]] {
        let server = Server::new();
        let url = server.url_of(&format!("/a?token={SECRET}"));
        let headers = "Location: /b?token=c0rrect-h0rse\r\nX-Asked: c0rrect-h0rse\r\n";
        let body = format!("no {SECRET} here\n");
        let server = server.refuse("301 Moved Permanently", headers, &body);
        Probe::new(["listen", &url])
            .args(args)
            .any_stdout()
            .stdout_lacks(SECRET)
            .stderr_lacks(SECRET)
            .status(22);
        drop(server);
    }
}

#[test]
fn a_close_that_repeats_a_token_does_not_tell_it() {
    for args in [&["-vv"][..], &["--json"], &["--json", "-vv"], &[]] {
        let server = Server::new()
            .accept()
            .close(4001, SECRET)
            .expect_close(4001);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        Probe::new(["listen", &server.url(), "--log", log.to_str().unwrap()])
            .args(["-H", &format!("Authorization: Bearer {SECRET}")])
            .args(args)
            .any_stdout()
            .stdout_lacks(SECRET)
            .stderr_lacks(SECRET)
            .fails();
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("4001") && !log.contains(SECRET), "{log}");
    }
}

#[test]
fn a_cookie_of_several_is_known_by_its_value() {
    let server = Server::new()
        .accept()
        .close(4001, SECRET)
        .expect_close(4001);
    Probe::new(["listen", "--json", &server.url()])
        .args(["-H", &format!("Cookie: a=1; session={SECRET}; b=2")])
        .any_stdout()
        .stdout_lacks(SECRET)
        .fails();
}

#[test]
fn a_rejected_credential_is_named_by_its_beginning_alone() {
    for (args, named) in [
        (
            ["-H", "Authorization Bearer c0rrect-h0rse"],
            "'Authorization…'",
        ),
        (
            ["-H", "Authorization Bearer: c0rrect-h0rse"],
            "'Authorization…'",
        ),
        (["-u", "me:c0rrect-h0rse\n"], "'me…'"),
        (["-b", "session=c0rrect-h0rse\n"], "'session…'"),
    ] {
        for json in [&[][..], &["--json"]] {
            let output = Probe::new(["listen", "ws://127.0.0.1:9/"])
                .args(args)
                .args(json)
                .any_stdout()
                .stdout_lacks(SECRET)
                .any_stderr()
                .stderr_lacks(SECRET)
                .status(2);
            let told = format!("{}{}", output.text(), output.stderr);
            assert!(told.contains(named), "{told}");
        }
    }
}

#[test]
fn a_password_that_breaks_the_url_is_not_told() {
    for url in [
        "ws://user:c0rrect-h0rse/ss@host.example/",
        "ws://user:c0rrect-h0rse?ss@host.example/",
        "ws://user:c0rrect-h0rse#ss@host.example/",
        "ftp://user:c0rrect-h0rse/ss@host.example/",
    ] {
        Probe::new(["listen", url])
            .stderr_has("***@host.example/")
            .stderr_lacks(SECRET)
            .status(2);
    }
}

#[test]
fn a_log_masks_what_a_server_repeats_and_stdout_does_not() {
    let server = Server::new()
        .accept()
        .expect_text(SECRET)
        .send_text(SECRET)
        .close(1000, "")
        .expect_close(1000);
    let log = tempfile::NamedTempFile::new().unwrap();
    Probe::new(["listen", &server.url(), "-x", "env:AUTH", "--log"])
        .args([log.path()])
        .env("AUTH", SECRET)
        .stdout(format!("{SECRET}\n"))
        .status(0);
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("\"in\"") && !log.contains(SECRET), "{log}");
}

/// Subprotocols that carry a credential, and what must not be shown of them.
const TOKENS: [(&str, &str); 4] = [
    (
        "realtime,openai-insecure-api-key.sk-abcdefghijklmnop",
        "sk-abcd",
    ),
    (
        "v4.channel.k8s.io,base64url.bearer.authorization.k8s.io.dG9rZW4tdG9rZW4",
        "dG9rZW4",
    ),
    ("access_token,c0rrect-h0rse", "c0rrect"),
    ("chat,env:TOKEN", "t0k"),
];

#[test]
fn a_token_among_the_subprotocols_is_sent_and_shown_nowhere() {
    for (offer, hidden) in TOKENS {
        let sent = offer.replace("env:TOKEN", "t0k").replace(',', ", ");
        for by_header in [false, true] {
            if by_header && offer.contains("env:") {
                continue;
            }
            let server = Server::new()
                .accept()
                .expect_header("Sec-WebSocket-Protocol", &[&sent])
                .close(1000, "")
                .expect_close(1000);
            let given = match by_header {
                true => ["-H".to_owned(), format!("Sec-WebSocket-Protocol: {sent}")],
                false => ["-s".to_owned(), offer.to_owned()],
            };
            Probe::new(["listen", "-vv", "--json", &server.url()])
                .args(given)
                .env("TOKEN", "t0k")
                .stdout_has("***")
                .stdout_lacks(hidden)
                .stderr_has("***")
                .stderr_lacks(hidden)
                .status(0);
        }
        let chosen: &'static str = format!(
            "Sec-WebSocket-Protocol: {}\r\n",
            sent.split(", ").last().unwrap()
        )
        .leak();
        let server = Server::new()
            .accept_with(chosen)
            .close(1000, "")
            .expect_close(1000);
        Probe::new(["listen", "-vv", "--json", &server.url(), "-s", offer])
            .env("TOKEN", "t0k")
            .any_stdout()
            .stdout_lacks(hidden)
            .stderr_has("connected to")
            .stderr_lacks(hidden)
            .status(0);
        // A short secret is masked only where it is the whole text, which it is not here.
        if hidden.len() < 4 {
            continue;
        }
        let server = Server::new().accept_with(chosen).expect_hangup();
        Probe::new([
            "listen",
            &server.url(),
            "--json",
            "-s",
            "other",
            "-x",
            "env:TOKEN",
        ])
        .env("TOKEN", sent.split(", ").last().unwrap())
        .any_stdout()
        .stdout_lacks(hidden)
        .any_stderr()
        .status(8);
    }
}

#[test]
fn a_short_secret_is_hidden_where_it_stands_alone() {
    let server = Server::new()
        .accept()
        .expect_header("X-Pin", &["1234"])
        .expect_text("1234")
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "-vv", "--json", &server.url()])
        .args(["-H", "env:PIN", "-x", "env:LOGIN"])
        .env("PIN", "X-Pin: 1234")
        .env("LOGIN", "1234")
        .stdout_has(r#""x-pin":"***""#)
        .stdout_has(r#""data":"***""#)
        .stdout_lacks("\"1234\"")
        .stderr_has("X-Pin: ***")
        .status(0);
}

#[test]
fn a_short_secret_is_hidden_in_a_transcript() {
    let probe = Probe::new(["check", "-w", "200ms", "-x", "env:LOGIN"]);
    let file = probe.file("x.wst", "connect echo:\n> hello\n< nope\n");
    let report = probe.file("report.xml", "");
    probe
        .args([&file, "--junit", &report])
        .env("LOGIN", "1234")
        .stdout_has("> ***")
        .stdout_lacks("> 1234")
        .status(1);
}
