//! `ping`: limits for the statistics, and the exit status.

use crate::harness::{Nobody, Probe, Server, ms};

/// A server that answers each of three pings after 20 ms.
fn slow() -> Server {
    let server = Server::new().accept();
    let server = (0..3).fold(server, |server, _| {
        server.hold_ping().pause(ms(20)).answer_held_ping()
    });
    server.close_when_asked()
}

#[test]
fn limits_that_are_kept_are_0() {
    let server = slow();
    let limits = ["--max-p95", "5s", "--max-avg", "5s", "--max-loss", "0"];
    Probe::ping(&server, "-c 3 -i 10ms")
        .args(limits)
        .stdout_has("3 received, 0% lost")
        .status(0);
}

#[test]
fn each_limit_that_is_broken_is_named_with_how_much() {
    let server = slow();
    let output = Probe::ping(
        &server,
        "-c 3 -i 10ms --max-p95 5ms --max-avg 4ms --max-loss 10",
    )
    .stdout_has("3 received, 0% lost")
    .stderr_has("the 95th percentile is ")
    .stderr_has(" ms more than --max-p95 5 ms; the mean is ")
    .stderr_has("more than --max-avg 4 ms\n")
    .stderr_lacks("--max-loss")
    .status(1);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}

#[test]
fn a_loss_beyond_the_limit_is_named_with_how_much() {
    let play = || {
        Server::new()
            .accept()
            .answer_ping()
            .expect_ping(16)
            .answer_any_close()
    };
    let server = play();
    let args = ["-c", "2", "-i", "10ms", "-W", "200ms"];
    Probe::ping(&server, "--max-loss 20%")
        .args(args)
        .stdout_has("50% lost")
        .stderr_has("the loss is 50% (1 of 2), 30% more than --max-loss 20%")
        .status(1);
    let server = play();
    Probe::ping(&server, "--max-loss 50")
        .args(args)
        .stdout_has("50% lost")
        .status(0);
}

#[test]
fn a_broken_limit_is_an_event_before_the_statistics() {
    let server = slow();
    let output = Probe::ping(&server, "-c 3 -i 10ms --json --max-avg 1ms")
        .any_stdout()
        .status(1);
    let events = output.events();
    let [.., error, statistics] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(error["kind"], "expectation", "{error}");
    assert_eq!(error["exit"], 1);
    assert_eq!(statistics["event"], "ping_stats");
}

#[test]
fn a_limit_is_judged_when_control_c_ends_it() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .pause(ms(20))
        .answer_held_ping();
    let mut probe = Probe::ping(&server, "-i 10s --max-avg 1ms")
        .any_stdout()
        .stderr_has("more than --max-avg 1 ms")
        .spawn();
    probe.shows("seq=1 ");
    let server = server.close_when_asked();
    probe.interrupt();
    probe.status(1);
    drop(server);
}

#[test]
fn a_verdict_outlives_the_reader_of_stdout() {
    let server = slow();
    Probe::ping(&server, "-c 3 -i 50ms --max-avg 1ms")
        .reader_leaves_after(1)
        .any_stdout()
        .stderr_has("more than --max-avg 1 ms")
        .status(1);
}

#[test]
fn where_a_verdict_was_asked_for_a_close_is_1_and_a_loss_is_56() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .close(1001, "going")
        .expect_close(1001);
    Probe::ping(&server, "-c 5 -i 50ms --max-loss 50")
        .any_stdout()
        .stderr_has("1001 (going away)")
        .status(1);
    let server = Server::new().accept().answer_ping().drop_tcp();
    Probe::ping(&server, "-c 5 -i 50ms --max-loss 50")
        .any_stdout()
        .stderr_has("1006")
        .status(56);
    let server = Server::new().refuse("403 Forbidden", "", "no");
    Probe::ping(&server, "--max-loss 50")
        .stderr_has("403")
        .status(1);
    let nobody = Nobody::listens();
    Probe::new(["ping", &nobody.url(), "--max-loss", "50"])
        .any_stderr()
        .status(7);
}

#[test]
fn a_limit_that_is_none_is_bad_usage() {
    for args in [
        ["--max-loss", "101"],
        ["--max-loss", "-1"],
        ["--max-loss", "many"],
        ["--max-p95", "fast"],
        ["-w", "0"],
        ["-c", "0"],
    ] {
        Probe::new(["ping", "echo:"])
            .args(args)
            .any_stderr()
            .status(2);
    }
}
