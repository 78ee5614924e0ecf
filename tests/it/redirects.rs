//! Redirects of the handshake (`-L`).

use crate::harness::{Certificate, Probe, Server};

#[test]
fn a_redirect_is_followed_with_the_credentials_within_its_origin() {
    let server = Server::new()
        .redirect("/new?x=1")
        .expect_header("Authorization", &["Bearer t0ken-t0ken"])
        .accept()
        .expect_request_line("GET /new?x=1 HTTP/1.1")
        .expect_header("Authorization", &["Bearer t0ken-t0ken"])
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", "-v", "-L", &server.url()])
        .args(["--bearer", "t0ken-t0ken"])
        .stderr_has("redirected to")
        .stderr_lacks("t0ken-t0ken")
        .status(0);
}

#[test]
fn credentials_do_not_go_to_another_origin() {
    let there = Server::new()
        .accept()
        .expect_header("Authorization", &[])
        .expect_header("Cookie", &[])
        .expect_header("X-Kept", &["1"])
        .close(1000, "")
        .expect_close(1000);
    let here = Server::new()
        .redirect(&there.url())
        .expect_header("Authorization", &["Basic bWU6c2VjcmV0"])
        .expect_header("Cookie", &["a=1; b=2"]);
    Probe::new(["listen", "-L", &here.url(), "-u", "me:secret"])
        .args(["-b", "a=1", "-b", "b=2", "-H", "X-Kept: 1"])
        .status(0);
    drop((here, there));
}

#[test]
fn json_lists_the_urls_that_redirected() {
    let server = Server::new()
        .redirect("/b")
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let events = Probe::new(["listen", "--json", "-L", &server.url()])
        .any_stdout()
        .status(0)
        .events();
    assert_eq!(events[1]["redirects"], serde_json::json!([server.url()]));
}

#[test]
fn a_circle_a_file_and_one_too_many_are_47() {
    for (first, second, named) in [
        ("/b", "/", "redirect loop"),
        ("file:///etc/passwd", "", "file"),
        ("/b", "/c", "more than 1"),
    ] {
        let mut server = Server::new().redirect(first);
        if !second.is_empty() {
            server = server.redirect(second);
        }
        let most = if named == "redirect loop" { "5" } else { "1" };
        Probe::new(["listen", "-L", "--max-redirects", most, &server.url()])
            .stderr_has(named)
            .status(47);
    }
}

#[test]
fn without_l_the_hint_names_it_and_hides_the_token() {
    let server = Server::new().redirect("/x?token=abcdefgh");
    Probe::new(["listen", &server.url()])
        .stderr_has("-L follows redirects")
        .stderr_lacks("abcdefgh")
        .status(22);
}

#[test]
fn a_redirect_never_leads_from_wss_to_ws() {
    let runs: [&[&str]; 4] = [
        &["listen", "-1"],
        &["send", "--no-wait"],
        &["ping", "-c", "1"],
        &["listen", "--reconnect=1"],
    ];
    for run in runs {
        let there = Server::new().expect_nobody();
        let here = Server::tls(Certificate::good()).redirect(&there.url());
        Probe::new(run)
            .args(["-L", "--cacert", &here.authority(), "-x", "my-login"])
            .args([&here.url()])
            .any_stdout()
            .stderr_has("leaves TLS")
            .status(47);
        drop((here, there));
    }
    let there = Server::new().expect_nobody();
    let here = Server::tls(Certificate::good()).redirect(&there.url());
    Probe::new(["check", "-L", "--cacert", &here.authority(), &here.url()])
        .any_stdout()
        .stdout_has("leaves TLS")
        .any_stderr()
        .status(1);
    drop((here, there));
}

#[test]
fn what_is_kept_secret_does_not_go_to_another_origin() {
    let there = Server::new()
        .accept()
        .expect_header("X-Key", &[])
        .expect_header("Sec-WebSocket-Protocol", &["chat"])
        .expect_text("hello")
        .close(1000, "")
        .expect_close(1000);
    let here = Server::new()
        .redirect(&there.url())
        .expect_header("X-Key", &["abc"])
        .expect_header("Sec-WebSocket-Protocol", &["chat, t0ken"]);
    let probe = Probe::new(["listen", "-L", &here.url(), "-s", "chat,env:TOKEN"]);
    let keys = format!("@{}", probe.file("keys", "X-Key: abc\n"));
    probe
        .args(["-H", &keys, "-x", "env:LOGIN", "-x", "hello"])
        .env("LOGIN", "my-login")
        .env("TOKEN", "t0ken")
        .stderr_has("warning: 1 message of -x not sent: secrets are not sent to another origin")
        .status(0);
    drop((here, there));
}
