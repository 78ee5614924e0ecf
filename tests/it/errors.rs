//! Unreachable servers: exit status, error line and hint.

use crate::harness::{BlackHole, Nobody, Probe, Server, ms};

#[test]
fn a_name_that_does_not_exist_is_6() {
    Probe::new(["listen", "ws://no-such-host.invalid/"])
        .stderr_has("wsprobe: ")
        .stderr_has("no-such-host.invalid")
        .within(ms(15_000))
        .status(6);
}

#[test]
fn a_refused_connection_is_7_and_names_the_address() {
    let nobody = Nobody::listens();
    Probe::new(["send", &nobody.url(), "hi"])
        .stderr_has("wsprobe: ")
        .stderr_has(&nobody.url())
        .stderr_has("refused")
        .within(ms(3000))
        .status(7);
}

#[test]
fn every_verb_fails_alike() {
    let nobody = Nobody::listens();
    for verb in ["connect", "send", "listen", "ping"] {
        let output = Probe::new([verb, &nobody.url()])
            .any_stdout()
            .stderr_has("refused")
            .status(7);
        assert_eq!(output.text(), "", "{verb}");
    }
}

#[test]
fn an_error_is_one_line_and_perhaps_a_hint() {
    let nobody = Nobody::listens();
    let output = Probe::new(["listen", &nobody.url()]).any_stderr().status(7);
    let mut lines = output.stderr.lines();
    let error = lines.next().unwrap_or_default();
    assert!(
        error.starts_with("wsprobe: ") && error.matches(": ").count() >= 2,
        "{error}"
    );
    assert!(
        lines.all(|line| line.trim_start().starts_with("hint: ")),
        "{}",
        output.stderr
    );
    assert!(output.stderr.ends_with('\n'));
}

#[test]
fn a_black_hole_times_out() {
    let Some(hole) = BlackHole::dig() else {
        eprintln!("skipped: this kernel takes connections beyond a backlog");
        return;
    };
    Probe::new(["listen", &hole.url(), "--connect-timeout", "300ms"])
        .stderr_has(&hole.url())
        .stderr_has(": no answer)")
        .at_least(ms(300))
        .within(ms(3000))
        .status(28);
}

#[test]
fn max_time_covers_the_handshake_too() {
    let server = Server::new().expect_request().silent();
    Probe::new(["listen", &server.url(), "-m", "300ms"])
        .stderr_has(&server.url())
        .within(ms(3000))
        .status(28);
}

#[test]
fn connect_timeout_ends_with_the_handshake() {
    let server = Server::new()
        .accept()
        .pause(ms(700))
        .send_text("hi")
        .close_when_asked();
    Probe::new(["listen", &server.url(), "-1", "--connect-timeout", "400ms"])
        .stdout("hi\n")
        .status(0);
}

#[test]
fn a_message_file_that_is_missing_is_26_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    Probe::new(["listen", &server.url(), "-x", "@no/such/file"])
        .stderr_has("no/such/file")
        .status(26);
}

#[test]
fn a_header_file_that_is_missing_is_26_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    Probe::new(["listen", &server.url(), "-H", "@no/such/file"])
        .stderr_has("no/such/file")
        .status(26);
}
