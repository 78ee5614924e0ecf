//! Redirects of the handshake (`-L`).

use crate::harness::{Probe, Server};

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
        ("/b", "/", "circle"),
        ("file:///etc/passwd", "", "file"),
        ("/b", "/c", "more than 1"),
    ] {
        let mut server = Server::new().redirect(first);
        if !second.is_empty() {
            server = server.redirect(second);
        }
        let most = if named == "circle" { "5" } else { "1" };
        Probe::new(["listen", "-L", "--max-redirects", most, &server.url()])
            .stderr_has(named)
            .status(47);
    }
}

#[test]
fn without_l_the_hint_names_it_and_hides_the_token() {
    let server = Server::new().redirect("/x?token=abcdefgh");
    Probe::new(["listen", &server.url()])
        .stderr_has("-L follows it")
        .stderr_lacks("abcdefgh")
        .status(22);
}
