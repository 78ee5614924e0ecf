//! `ping`: round trips, statistics and the verdict.

use crate::harness::{Frame, Probe, Server, ms};

#[test]
fn round_trips_are_printed_and_summed_up() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .answer_ping()
        .answer_ping()
        .close_when_asked();
    let output = Probe::ping(&server, "-c 3 -i 100ms")
        .stdout_has(&format!("PING {}", server.url()))
        .stdout_has("16 data bytes")
        .stdout_has("seq=1 time=")
        .stdout_has("seq=2 time=")
        .stdout_has("seq=3 time=")
        .stdout_has("ping statistics")
        .stdout_has("3 sent, 3 received, 0% lost")
        .stdout_has("rtt min/avg/max/mdev = ")
        .stderr("")
        .at_least(ms(200))
        .within(ms(4000))
        .status(0);
    assert_eq!(
        output.text().matches("pong from 127.0.0.1").count(),
        3,
        "{}",
        output.text()
    );
}

#[test]
fn a_ping_carries_sixteen_bytes() {
    let server = Server::new().accept().expect_ping(16).answer_any_close();
    Probe::ping(&server, "-c 1 -W 200ms")
        .any_stdout()
        .any_stderr()
        .status(1);
}

#[test]
fn no_reply_at_all_is_1() {
    let server = Server::new()
        .accept()
        .expect_ping(16)
        .expect_ping(16)
        .answer_any_close();
    Probe::ping(&server, "-c 2 -i 100ms -W 300ms")
        .stdout_has("2 sent, 0 received, 100% lost")
        .any_stderr()
        .within(ms(4000))
        .status(1);
}

#[test]
fn one_reply_is_enough() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .expect_ping(16)
        .answer_any_close();
    Probe::ping(&server, "-c 2 -i 100ms -W 300ms")
        .stdout_has("2 sent, 1 received, 50% lost")
        .any_stderr()
        .status(0);
}

#[test]
fn a_stray_pong_is_not_counted() {
    let server = Server::new()
        .accept()
        .send_pong("")
        .expect_ping(16)
        .send_pong("never asked for!")
        .answer_any_close();
    Probe::ping(&server, "-c 1 -W 300ms")
        .stdout_has("1 sent, 0 received, 100% lost")
        .any_stderr()
        .status(1);
}

#[test]
fn a_lost_connection_is_56_and_still_summed_up() {
    let server = Server::new().accept().answer_ping().drop_tcp();
    Probe::ping(&server, "-c 5 -i 100ms")
        .stdout_has("seq=1")
        .stdout_has("1 received")
        .stderr_has(&server.url())
        .status(56);
}

#[test]
fn a_close_before_the_count_is_10() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .close(1000, "enough")
        .expect_close(1000);
    Probe::ping(&server, "-c 5 -i 100ms")
        .stdout_has("seq=1")
        .stderr_has("enough")
        .status(10);
}

#[test]
fn messages_do_not_disturb_it() {
    let server = Server::new()
        .accept()
        .send_frames(&[Frame::text("news"), Frame::binary("more")])
        .answer_ping()
        .close_when_asked();
    Probe::ping(&server, "-c 1")
        .stdout_has("1 received")
        .any_stderr()
        .status(0);
}

#[test]
fn each_line_is_visible_when_its_pong_has_come() {
    let server = Server::new().accept().answer_ping();
    let mut probe = Probe::ping(&server, "-i 100ms")
        .any_stdout()
        .any_stderr()
        .spawn();
    probe.shows("seq=1 ");
    let server = server.answer_ping();
    probe.shows("seq=2 ");
    // The next ping may already be on its way.
    let server = server.expect_hangup();
    probe.interrupt();
    probe.status(0);
    drop(server);
}

#[test]
fn control_c_prints_the_statistics() {
    let server = Server::new().accept().answer_ping().answer_any_close();
    let mut probe = Probe::ping(&server, "-i 10s")
        .stdout_has("1 sent, 1 received, 0% lost")
        .any_stderr()
        .spawn();
    probe.shows("seq=1 ");
    probe.interrupt();
    probe.status(0);
}

#[test]
fn control_c_without_a_reply_is_1() {
    let server = Server::new().accept().expect_ping(16);
    let probe = Probe::ping(&server, "-i 10s -W 10s")
        .stdout_has("1 sent, 0 received")
        .any_stderr();
    let mut probe = probe.spawn();
    let server = server.played().answer_any_close();
    probe.interrupt();
    probe.status(1);
    drop(server);
}

#[test]
fn json_has_pings_pongs_and_statistics() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .answer_ping()
        .close_when_asked();
    let output = Probe::ping(&server, "-c 2 -i 50ms --json")
        .any_stdout()
        .status(0);
    let events = output.events();
    let named = |name: &str| {
        events
            .iter()
            .filter(|event| event["event"] == name)
            .collect::<Vec<_>>()
    };
    let sent = named("ping");
    assert_eq!(sent.len(), 2);
    assert!(
        sent.iter()
            .all(|ping| ping["dir"] == "out" && ping["bytes"] == 16)
    );
    let received = named("pong");
    assert_eq!(
        received.iter().map(|pong| &pong["seq"]).collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(
        received
            .iter()
            .all(|pong| pong["dir"] == "in" && pong["rtt_ms"].is_number())
    );
    let [statistics] = named("ping_stats")[..] else {
        panic!("{events:#?}")
    };
    assert_eq!(statistics["sent"], 2);
    assert_eq!(statistics["received"], 2);
    assert_eq!(statistics["lost"], 0);
    assert_eq!(statistics["loss_percent"], 0.0);
    for figure in ["min", "avg", "max", "mdev", "p50", "p95", "p99"] {
        assert!(
            statistics["rtt_ms"][figure].is_number(),
            "{figure} in {statistics}"
        );
    }
}

#[test]
fn an_interrupt_before_any_reply_is_1() {
    let server = Server::new().connected();
    let mut pinging = Probe::new(["ping", &server.url()])
        .any_stdout()
        .any_stderr()
        .spawn();
    let server = server.played().silent();
    pinging.interrupt();
    pinging.status(1);
    drop(server);
}
