//! `check` with `--retry`, `--reconnect` and `--ping-interval`: the same meaning as in other commands.

use crate::harness::{Nobody, Probe, Server, ms};

const AT_ONCE: [&str; 2] = ["--backoff", "1ms..1ms"];

/// A run over one file with this text, whose `{{url}}` is the server's.
fn check(url: &str, text: &str, args: &[&str]) -> Probe {
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", text);
    probe
        .args([&file, "--var", &format!("url={url}")])
        .args(args)
        .args(AT_ONCE)
}

const ECHO: &str = "connect {{url}}\n> a\n< a\nclose\n";

#[test]
fn a_service_that_is_not_there_yet_is_waited_for() {
    let server = Server::new()
        .refuse("503 Starting", "", "")
        .refuse("503 Starting", "", "")
        .accept()
        .echo_until_closed();
    check(&server.url(), ECHO, &["--retry", "5"])
        .stdout_has("1 test passed")
        .any_stderr()
        .status(0);
}

#[test]
fn one_that_never_comes_is_a_failure_with_its_cause() {
    let nobody = Nobody::listens();
    check(&nobody.url(), ECHO, &["--retry", "2"])
        .stdout_has("1 of 1 test failed")
        .stdout_has("Connection refused")
        .any_stderr()
        .status(1);
    let server = Server::new().refuse("503 Starting", "", "");
    check(&server.url(), ECHO, &[]).stdout_has("503").status(1);
}

#[test]
fn the_timeout_of_a_file_ends_the_retries() {
    let nobody = Nobody::listens();
    let text = format!("timeout 300ms\n{ECHO}");
    check(&nobody.url(), &text, &["--retry", "10m"])
        .stdout_has("not connected within 300 ms")
        .any_stderr()
        .within(ms(5000))
        .status(1);
}

#[test]
fn a_refusal_that_is_expected_is_not_retried_when_another_try_would_not_help() {
    let server = Server::new().refuse("401 Unauthorized", "", "");
    let text = "connect {{url}}\nexpect status 401\n";
    check(&server.url(), text, &["--retry", "5"])
        .stdout_has("1 test passed")
        .status(0);
}

#[test]
fn a_conversation_goes_on_over_the_next_connection() {
    let server = Server::new()
        .accept()
        .expect_text("token")
        .expect_text("a")
        // A ping of the link, which asks how far the peer has read.
        .expect_ping(16)
        .send_text("one")
        .drop_tcp()
        .accept()
        .expect_text("token")
        .expect_text("b")
        .answer_ping()
        .answer_ping()
        .send_text("two")
        .close_when_asked();
    let text = "connect {{url}}\n> a\n< one\nwait 200ms\n> b\nping\n< two\nclose\n";
    let args = [
        "--reconnect=3",
        "-x",
        "token",
        "--ping-timeout",
        "5s",
        "--ping-interval",
        "60s",
    ];
    check(&server.url(), text, &args)
        .stdout_has("1 test passed")
        .any_stderr()
        .status(0);
}

#[test]
fn without_reconnect_a_loss_fails_the_step_that_it_makes_impossible() {
    let server = Server::new().accept().expect_text("a").drop_tcp();
    check(&server.url(), ECHO, &["--retry", "5"])
        .stdout_has("1006")
        .status(1);
}

#[test]
fn a_close_is_seen_though_another_connection_follows() {
    let server = Server::new()
        .accept()
        .close(1012, "restart")
        .expect_close(1012);
    let text = "connect {{url}}\nexpect close 1012 restart\n";
    check(&server.url(), text, &["--reconnect"])
        .stdout_has("1 test passed")
        .any_stderr()
        .status(0);
}

#[test]
fn a_connection_that_does_not_come_back_is_a_failure() {
    let server = Server::new()
        .accept()
        .expect_text("a")
        .expect_ping(16)
        .send_text("a")
        .drop_tcp()
        .refuse("403 Forbidden", "", "");
    let text = "connect {{url}}\n> a\n< a\nwait 100ms\n> b\n< b\n";
    check(&server.url(), text, &["--reconnect"])
        .stdout_has("403")
        .any_stderr()
        .status(1);
}

#[test]
fn a_url_is_probed_with_retries_as_well() {
    let server = Server::new()
        .refuse("503 Starting", "", "")
        .accept()
        .answer_until_closed();
    Probe::new(["check", &server.url(), "--retry", "3"])
        .args(AT_ONCE)
        .stdout_has("101 Switching Protocols in")
        .any_stderr()
        .status(0);
}

#[test]
fn a_heartbeat_notices_a_peer_that_is_gone() {
    let server = Server::new().accept().expect_text("a").silent();
    let args = [
        "--ping-interval",
        "100ms",
        "--ping-timeout",
        "100ms",
        "-w",
        "10s",
    ];
    check(&server.url(), ECHO, &args)
        .stdout_has("no response within 100 ms of a ping")
        .within(ms(5000))
        .status(1);
}
