//! Who we say we are: `-u`, `--bearer`, `-b`, `-A`.

use crate::harness::{Probe, Server};

fn authorization(expected: &'static str, args: &[&str]) -> (Server, Probe) {
    let server = Server::new()
        .accept()
        .expect_header("Authorization", &[expected])
        .close(1000, "")
        .expect_close(1000);
    let probe = Probe::new(["listen", &server.url()]).args(args.iter());
    (server, probe)
}

#[test]
fn a_user_and_password_are_sent_as_basic() {
    let (_server, probe) = authorization("Basic bWU6YTpi", &["-u", "me:a:b"]);
    probe.status(0);
    let (_server, probe) = authorization("Basic bWU6YTpi", &["--auth", "me:a:b"]);
    probe.status(0);
}

#[test]
fn the_password_may_come_from_the_environment() {
    let (_server, probe) = authorization("Basic bWU6aHVudGVyMjI=", &["-u", "me", "-v"]);
    probe
        .env("WSPROBE_PASSWORD", "hunter22")
        .stderr_has("Authorization: ***")
        .stderr_lacks("hunter22")
        .stderr_lacks("bWU6aHVudGVyMjI=")
        .status(0);
}

#[test]
fn the_password_is_asked_for_without_echo() {
    let server = Server::new()
        .accept()
        .expect_header("Authorization", &["Basic bWU6aHVudGVyMjI="])
        .close(1000, "")
        .expect_close(1000);
    let mut probe = Probe::new(["listen", &server.url(), "-u", "me"])
        .any_stdout()
        .stdout_lacks("hunter22")
        .spawn_on_a_terminal();
    probe.shows("password for me: ");
    probe.write("huntee\x7fr22\r");
    probe.status(0);
}

#[test]
fn ctrl_c_at_the_password_leaves_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    let mut probe = Probe::new(["listen", &server.url(), "-u", "me"])
        .any_stdout()
        .spawn_on_a_terminal();
    probe.shows("password for me: ");
    probe.write("hun\x03");
    probe.status(130);
}

#[test]
fn a_token_may_be_given_in_three_ways() {
    let (_server, probe) = authorization("Bearer abc", &["--bearer", "abc"]);
    probe.status(0);
    let (_server, probe) = authorization("Bearer abc", &["--bearer", "env:TOKEN"]);
    probe.env("TOKEN", "abc").status(0);
    let (_server, probe) = authorization("Bearer abc", &[]);
    let file = format!("@{}", probe.file("token", "abc\n"));
    probe.args(["--bearer", &file]).status(0);
}

#[test]
fn a_token_that_the_server_repeats_is_not_shown() {
    let server = Server::new().refuse(
        "401 Unauthorized",
        "WWW-Authenticate: Bearer error=\"abcdefghij is stale\"\r\n",
        "abcdefghij is stale",
    );
    Probe::new(["listen", &server.url(), "--bearer", "abcdefghij"])
        .stderr_has("is stale")
        .stderr_has("hint: ")
        .stderr_lacks("abcdefghij")
        .status(22);
}

#[test]
fn a_token_that_cannot_be_read_or_sent_stops_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    for (token, code) in [("@no/such", 26), ("env:NOT_THERE", 2), ("a b", 2), ("", 2)] {
        Probe::new(["listen", &server.url(), "--bearer", token])
            .any_stderr()
            .status(code);
    }
    Probe::new(["listen", &server.url(), "--bearer", "a", "-u", "b:c"])
        .any_stderr()
        .status(2);
}

#[test]
fn a_given_authorization_header_wins() {
    let (_server, probe) =
        authorization("Custom x", &["-u", "a:b", "-H", "Authorization: Custom x"]);
    probe.status(0);
}

#[test]
fn cookies_and_user_agent_are_sent() {
    let server = Server::new()
        .accept()
        .expect_header("Cookie", &["a=1; b=two"])
        .expect_header("User-Agent", &["Mozilla/5.0"])
        .close(1000, "")
        .expect_close(1000)
        .accept()
        .expect_header("User-Agent", &[])
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "-b", "a=1", "--cookie", "b=two"])
        .args(["-A", "Mozilla/5.0"])
        .status(0);
    Probe::new(["listen", &server.url(), "-A", ""]).status(0);
    Probe::new(["listen", "ws://h/", "-b", "cookies.txt"])
        .stderr_has("-H @FILE")
        .status(2);
}

#[test]
fn a_bad_line_in_a_header_file_is_named_by_its_number_alone() {
    let server = Server::new().expect_nobody();
    let probe = Probe::new(["listen", &server.url()]);
    let file = format!("@{}", probe.file("headers", "X-A: 1\nt0psecret\n"));
    probe
        .args(["-H", &file])
        .stderr_has("headers:2")
        .stderr_lacks("t0psecret")
        .status(2);
}

#[test]
fn headers_of_a_file_are_secrets() {
    let server = Server::new()
        .accept()
        .expect_header("X-Token", &["hunter2hunter2"])
        .close(1000, "")
        .expect_close(1000);
    let probe = Probe::new(["listen", "-v", &server.url()]);
    let file = format!("@{}", probe.file("headers", "X-Token: hunter2hunter2\n"));
    probe
        .args(["-H", &file])
        .stderr_has("X-Token: ***")
        .stderr_lacks("hunter2hunter2")
        .status(0);
}

#[test]
fn hints_say_what_to_do_about_a_status() {
    for (status, headers, hint) in [
        ("200 OK", "", "web page"),
        ("401 Unauthorized", "", "--bearer"),
        ("403 Forbidden", "", "--origin"),
        ("404 Not Found", "", "path"),
        (
            "426 Upgrade Required",
            "Sec-WebSocket-Version: 8, 7\r\n",
            "versions 8, 7",
        ),
        (
            "429 Too Many Requests",
            "Retry-After: 120\r\n",
            "Retry-After: 120",
        ),
    ] {
        let server = Server::new().refuse(status, headers, "");
        Probe::new(["listen", &server.url()])
            .stderr_has("hint: ")
            .stderr_has(hint)
            .status(22);
    }
}
