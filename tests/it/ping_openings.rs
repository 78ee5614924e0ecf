//! `ping --new-connection`: the time to an open connection, stage by stage.

use crate::harness::{Certificate, Nobody, Probe, Server, ms};

fn opened(server: Server, times: usize) -> Server {
    (0..times).fold(server, |server, _| server.accept().close_when_asked())
}

#[test]
fn each_connection_is_timed_stage_by_stage_and_closed_well() {
    let server = opened(Server::new(), 3);
    let output = Probe::ping(&server, "--new-connection -c 3 -i 50ms")
        .stdout_has("a new connection each time")
        .stdout_has("open from 127.0.0.1: seq=3 time=")
        .stdout_has("3 sent, 3 received, 0% lost")
        .stdout_has("\ntcp     min/avg/max/mdev = ")
        .stdout_has("\nupgrade min/avg/max/mdev = ")
        .stdout_has("\ntotal   min/avg/max/mdev = ")
        .stdout_lacks("\ntls")
        .at_least(ms(100))
        .status(0);
    assert_eq!(output.text().matches("open from").count(), 3);
}

#[test]
fn the_stages_have_statistics_of_their_own() {
    let server = opened(Server::tls(Certificate::good()), 2);
    let ca = server.authority();
    let output = Probe::ping(&server, "--new-connection -c 2 -i 10ms")
        .args(["--cacert", &ca, "--json"])
        .any_stdout()
        .status(0);
    let events = output.events();
    let statistics = events.last().unwrap();
    let opens: Vec<f64> = events
        .iter()
        .filter(|event| event["event"] == "open")
        .map(|open| open["timing"]["tls_ms"].as_f64().unwrap())
        .collect();
    assert_eq!(opens.len(), 2);
    let longest = opens.iter().copied().fold(0.0, f64::max);
    let max = statistics["stages_ms"]["tls"]["max"].as_f64().unwrap();
    assert!((max - longest).abs() < 1e-5, "{max} {longest}");
    assert_eq!(statistics["received"], 2);
}

#[test]
fn a_refusal_that_may_pass_is_a_loss() {
    let server = opened(Server::new(), 1).refuse("503 Busy", "", "later");
    let server = opened(server, 1);
    Probe::ping(&server, "--new-connection -c 3 -i 10ms")
        .stdout_has("not connected: seq=2")
        .stdout_has("503")
        .stdout_has("3 sent, 2 received, 33.3% lost")
        .status(0);
}

#[test]
fn a_refusal_that_will_not_pass_is_the_end() {
    let server = Server::new().refuse("403 Forbidden", "", "no");
    Probe::ping(&server, "--new-connection -c 3 -i 10ms")
        .stdout_has("1 sent, 0 received, 100% lost")
        .stderr_has("403")
        .status(22);
}

#[test]
fn no_connection_at_all_keeps_its_status() {
    let nobody = Nobody::listens();
    Probe::new([
        "ping",
        &nobody.url(),
        "--new-connection",
        "-c",
        "3",
        "-i",
        "10ms",
    ])
    .stdout_has("3 sent, 0 received, 100% lost")
    .stderr_has("Connection refused")
    .status(7);
}

#[test]
fn each_attempt_has_its_time() {
    let server = Server::new().connected().connected();
    Probe::ping(&server, "--new-connection -c 2 -i 10ms -W 200ms")
        .stdout_has("2 sent, 0 received, 100% lost")
        .any_stderr()
        .within(ms(3000))
        .status(28);
}

#[test]
fn control_c_ends_it_with_the_statistics_between_two_and_in_one() {
    let server = opened(Server::new(), 1);
    let mut probe = Probe::ping(&server, "--new-connection -i 10s")
        .stdout_has("1 sent, 1 received, 0% lost")
        .spawn();
    probe.shows("seq=1 ");
    let server = server.played();
    probe.interrupt();
    probe.status(0);
    drop(server);

    let server = opened(Server::new(), 1).connected();
    let mut probe = Probe::ping(&server, "--new-connection -i 10ms")
        .stdout_has("2 sent, 1 received, 0% lost, 1 pending")
        .spawn();
    probe.shows("seq=1 ");
    let server = server.played();
    probe.interrupt();
    probe.status(0);
    drop(server);
}

#[test]
fn a_limit_is_for_the_whole_time() {
    let server = Server::new();
    let server = server
        .expect_request()
        .pause(ms(30))
        .answer_in_pieces(&[])
        .close_when_asked();
    Probe::ping(&server, "--new-connection -c 1 --max-p95 10ms")
        .stdout_has("1 received")
        .stderr_has("more than --max-p95 10 ms")
        .status(1);
}

#[test]
fn it_ends_with_its_deadline() {
    let server = opened(Server::new(), 3);
    Probe::ping(&server, "--new-connection -i 100ms -w 250ms")
        .stdout_has("3 sent, 3 received")
        .within(ms(2000))
        .status(0);
}
