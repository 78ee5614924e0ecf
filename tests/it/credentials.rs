//! Credentials and identity: `-u`, `--bearer`, `-b`, `-A`.

use crate::harness::{Probe, Server, ms};

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

/// The content of a variable or a file, and the value that the server receives.
const KEPT: [(&str, &str); 5] = [
    ("my-secret", "my-secret"),
    ("my-secret\n", "my-secret"),
    ("my-secret\r\n", "my-secret"),
    ("\u{feff}my-secret", "my-secret"),
    ("\u{feff}my-secret\r\n", "my-secret"),
];

#[test]
fn a_variable_and_a_file_are_read_alike() {
    for (kept, sent) in KEPT {
        for from_file in [false, true] {
            let server = Server::new()
                .accept()
                .expect_header("Authorization", &["Bearer my-secret"])
                .expect_header("Sec-WebSocket-Protocol", &["my-secret"])
                .expect_text(sent)
                .close(1000, "")
                .expect_close(1000);
            let probe = Probe::new(["listen", &server.url()]);
            let source = match from_file {
                true => format!("@{}", probe.file("kept", kept)),
                false => "env:KEPT".to_owned(),
            };
            probe
                .env("KEPT", kept)
                .args(["-q", "-x", &source, "--bearer", &source, "-s", &source])
                .status(0);
        }
    }
}

#[test]
fn headers_and_a_user_may_be_kept_in_a_variable_or_a_file() {
    for (header, user) in [
        ("X-Key: abc", "joe:secret"),
        ("\u{feff}X-Key: abc\r\n", "\u{feff}joe:secret\n"),
    ] {
        for from_file in [false, true] {
            let server = Server::new()
                .accept()
                .expect_header("X-Key", &["abc"])
                .expect_header("Authorization", &["Basic am9lOnNlY3JldA=="])
                .close(1000, "")
                .expect_close(1000);
            let probe = Probe::new(["listen", "-v", &server.url()]);
            let (header_source, user_source) = match from_file {
                true => (
                    format!("@{}", probe.file("header", header)),
                    format!("@{}", probe.file("user", user)),
                ),
                false => ("env:HEADER".to_owned(), "env:USER_".to_owned()),
            };
            probe
                .env("HEADER", header)
                .env("USER_", user)
                .args(["-H", &header_source, "-u", &user_source])
                .stderr_has("X-Key: ***")
                .status(0);
        }
    }
    let server = Server::new()
        .accept()
        .expect_header("Authorization", &["Basic am9lOnNlY3JldA=="])
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "-u", "joe"])
        .env("WSPROBE_PASSWORD", "secret\n")
        .status(0);
}

#[test]
fn a_variable_without_a_header_or_a_user_in_it_is_bad_usage_and_not_shown() {
    for args in [["-H", "env:KEPT"], ["-u", "env:KEPT"], ["-s", "env:KEPT"]] {
        let server = Server::new().expect_nobody();
        Probe::new(["listen", &server.url()])
            .args(args)
            .env("KEPT", ":not-a-value secretive")
            .stderr_lacks("secretive")
            .status(2);
        let server = Server::new().expect_nobody();
        Probe::new(["listen", &server.url()])
            .args(args)
            .stderr_has("the environment variable is not set")
            .status(2);
    }
}

#[cfg(unix)]
#[test]
fn what_can_be_read_only_once_is_kept_for_the_next_connection() {
    let server = Server::new()
        .accept()
        .expect_header("Authorization", &["Bearer t0ken"])
        .expect_text("login")
        .drop_tcp()
        .accept()
        .expect_header("Authorization", &["Bearer t0ken"])
        .expect_text("login")
        .close(1000, "")
        .expect_close(1000);
    let probe = Probe::new(["listen", &server.url(), "--reconnect=1"]);
    let (login, token) = (probe.fifo("login"), probe.fifo("token"));
    for (path, text) in [(login.clone(), "login\n"), (token.clone(), "t0ken\n")] {
        std::thread::spawn(move || std::fs::write(path, text));
    }
    probe
        .args(["--backoff", "10ms..20ms", "-x", &format!("@{login}")])
        .args(["--bearer", &format!("@{token}")])
        .any_stderr()
        .status(0);
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_or_a_writer_stops_before_the_first_packet() {
    for flag in ["-x", "-H", "-u", "-s", "--bearer"] {
        let server = Server::new().expect_nobody();
        Probe::new(["listen", &server.url(), "--max-size", "1M"])
            .args([flag, "@/dev/zero"])
            .stderr_has("cannot read /dev/zero: larger than")
            .within(ms(5000))
            .status(26);
    }
    for flag in ["-x", "-H", "-u", "-s", "--bearer", "--cacert"] {
        let server = Server::new().expect_nobody();
        let probe = Probe::new(["listen", &server.url(), "-m", "200ms"]);
        let at = if flag == "--cacert" { "" } else { "@" };
        let pipe = format!("{at}{}", probe.fifo("pipe"));
        probe
            .args([flag, &pipe])
            .stderr_has("timed out after 200 ms")
            .within(ms(5000))
            .status(28);
    }
}
