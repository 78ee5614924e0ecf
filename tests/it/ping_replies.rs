//! `ping`: which replies count, when the next ping is sent, and when the run ends.

use regex::Regex;

use crate::harness::{Echo, Fault, FaultProxy, Frame, Opcode, Probe, Server, ms};

#[test]
fn a_pong_that_comes_too_late_is_told_and_not_counted() {
    let server = Server::new().accept().hold_ping();
    let mut probe = Probe::ping(&server, "-i 10s -W 200ms")
        .stdout_has("no pong from 127.0.0.1: seq=1 within 200 ms")
        .stdout_has("1 sent, 0 received, 100% lost, 1 late")
        .stderr_has("no ping was answered")
        .spawn();
    probe.shows("no pong from");
    let server = server.answer_held_ping().answer_any_close();
    probe.shows(" (late)");
    probe.interrupt();
    probe.status(1);
    drop(server);
}

#[test]
fn a_pong_that_comes_again_is_told_and_not_counted() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .answer_held_ping()
        .answer_held_ping()
        .answer_ping()
        .close_when_asked();
    Probe::ping(&server, "-c 2 -i 100ms")
        .stdout_has("(duplicate)")
        .stdout_has("2 sent, 2 received, 0% lost, 1 duplicate, time")
        .status(0);
}

#[test]
fn pongs_out_of_order_go_to_their_own_pings() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .answer_ping()
        .answer_held_ping()
        .close_when_asked();
    let output = Probe::ping(&server, "-c 2 -i 50ms")
        .stdout_has("2 sent, 2 received, 0% lost")
        .status(0);
    let (first, second) = (output.text().find("seq=1 "), output.text().find("seq=2 "));
    assert!(second < first, "{}", output.text());
}

#[test]
fn a_pong_with_another_payload_answers_nothing() {
    let server = Server::new()
        .accept()
        .expect_ping(16)
        .send_pong("0123456789abcdef")
        .answer_ping()
        .answer_any_close();
    Probe::ping(&server, "-c 2 -i 50ms -W 200ms")
        .stdout_has("2 sent, 1 received, 50% lost")
        .stdout_has("no pong from 127.0.0.1: seq=1")
        .status(0);
}

#[test]
fn a_flood_of_messages_between_pings_is_counted_and_printed_nowhere() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .send_many("news of the day", 10_000)
        .answer_held_ping()
        .send_many("more of it", 10_000)
        .answer_ping()
        .close_when_asked();
    Probe::ping(&server, "-c 2 -i 100ms")
        .stdout_has("2 sent, 2 received, 0% lost, 20000 other messages")
        .stdout_lacks("news")
        .status(0);
}

#[test]
fn each_payload_is_another_whatever_its_size() {
    for size in [0_usize, 1, 4, 16, 125] {
        let server = Server::new()
            .accept()
            .expect_ping(size)
            .answer_ping()
            .answer_any_close();
        let bytes = size.to_string();
        Probe::ping(&server, "-c 2 -i 10ms -W 100ms")
            .args(["--size", &bytes])
            .stdout_has(&format!("{size} data bytes"))
            .stdout_has("2 sent, 1 received, 50% lost")
            .status(0);
    }
    Probe::new(["ping", "echo:", "--size", "126"])
        .stderr_has("126")
        .status(2);
}

#[test]
fn pings_that_cannot_be_told_apart_are_under_way_one_at_a_time() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .expect_nothing_for(ms(300))
        .answer_held_ping()
        .answer_ping()
        .close_when_asked();
    Probe::ping(&server, "-c 2 -i 50ms --size 0")
        .stdout_has("2 sent, 2 received, 0% lost")
        .status(0);
}

#[test]
fn a_steady_ping_does_not_wait_for_its_answers() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .expect_ping(16)
        .expect_ping(16)
        .answer_held_ping()
        .answer_any_close();
    Probe::ping(&server, "-c 3 -i 50ms -W 400ms")
        .stdout_has("3 sent, 1 received, 66.7% lost")
        .status(0);
}

#[test]
fn an_adaptive_ping_waits_for_its_answer_and_then_no_longer() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .expect_nothing_for(ms(300))
        .answer_held_ping()
        .answer_until_closed();
    Probe::ping(&server, "--adaptive -c 100")
        .stdout_has("100 sent, 100 received, 0% lost")
        .at_least(ms(300))
        .within(ms(3000))
        .status(0);
}

#[test]
fn a_flood_is_as_fast_as_its_answers_and_at_least_100_a_second() {
    let server = Server::new().accept();
    let server = (0..5).fold(server, |server, _| server.expect_ping(16));
    let server = server.answer_until_closed();
    let output = Probe::ping(&server, "-f -c 500 -W 300ms")
        .stdout_has("500 sent, 495 received, 1% lost")
        .stdout_lacks("seq=")
        .within(ms(3000))
        .status(0);
    assert_eq!(output.text().lines().count(), 4, "{}", output.text());
}

#[test]
fn an_interval_of_0_is_a_flood_with_lines() {
    let server = Server::new().accept().answer_until_closed();
    Probe::ping(&server, "-i 0 -c 300")
        .stdout_has("seq=300 ")
        .stdout_has("300 sent, 300 received, 0% lost")
        .within(ms(3000))
        .status(0);
}

#[test]
fn the_deadline_ends_it_however_many_were_sent() {
    let server = Server::new().accept().answer_until_closed();
    Probe::ping(&server, "-i 100ms -w 350ms")
        .stdout_has("4 sent, 4 received, 0% lost")
        .at_least(ms(350))
        .within(ms(2000))
        .status(0);
}

#[test]
fn with_a_deadline_the_count_is_of_answers_and_too_few_are_1() {
    let server = Server::new().accept().expect_ping(16).expect_ping(16);
    let server = server.answer_until_closed();
    let args = ["-i", "50ms", "-c", "3", "-w", "5s", "-W", "100ms"];
    Probe::new(["ping", &server.url()])
        .args(args)
        .stdout_has("5 sent, 3 received, 40% lost")
        .within(ms(3000))
        .status(0);

    let server = Server::new().accept().answer_ping();
    let server = (0..3).fold(server, |server, _| server.expect_ping(16));
    let server = server.answer_any_close();
    Probe::ping(&server, "-i 100ms -c 3 -w 350ms")
        .stdout_has("1 received")
        .stderr_has("1 of 3 replies received before the -w deadline")
        .status(1);
}

#[test]
fn what_is_under_way_at_the_end_is_neither_received_nor_lost() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .pause(ms(300))
        .answer_held_ping()
        .hold_ping();
    let mut probe = Probe::ping(
        &server,
        "-i 200ms --close-timeout 50ms --size 0 --max-loss 0",
    )
    .stdout_has("2 sent, 1 received, 0% lost, 1 pending")
    .spawn();
    probe.shows("seq=1 ");
    let server = server.played();
    probe.interrupt();
    probe.status(0);
    drop(server);
}

#[test]
fn a_peer_that_answers_no_ping_frames_is_met_with_a_hint_while_pings_go_on() {
    let server = Server::new().accept().echo_messages_only();
    let mut probe = Probe::ping(&server, "-i 50ms -W 100ms")
        .any_stdout()
        .any_stderr()
        .spawn();
    probe.stderr_line("--app MESSAGE");
    probe.interrupt();
    probe.status(1);
    let server = Server::new().accept().expect_ping(16).answer_any_close();
    Probe::ping(&server, "-c 1 -W 100ms")
        .any_stdout()
        .stderr_has("no ping was answered\nhint: the connection is open but no ping frame was answered; use --app")
        .status(1);
}

#[test]
fn pongs_with_another_payload_are_named() {
    let server = Server::new()
        .accept()
        .expect_ping(16)
        .send_pong("")
        .answer_any_close();
    Probe::ping(&server, "-c 1 -W 100ms")
        .any_stdout()
        .stderr_has("no ping was answered: 1 pong received, none with the payload of a ping")
        .stderr_lacks("hint")
        .status(1);
}

#[test]
fn the_closing_handshake_is_no_part_of_the_time() {
    let server = Server::new().accept().answer_ping().silent();
    let output = Probe::ping(&server, "-c 1 --json --close-timeout 1s")
        .any_stdout()
        .at_least(ms(900))
        .status(0);
    let statistics = output.text().lines().last().unwrap().to_owned();
    let time = statistics.split("\"time_ms\":").nth(1).unwrap();
    let time: f64 = time.split(',').next().unwrap().parse().unwrap();
    assert!(time < 900.0, "{statistics}");
}

#[test]
fn a_loss_is_told_with_its_code_and_reconnect_goes_on_and_counts() {
    let server = Server::new()
        .accept()
        .answer_ping()
        .close(1012, "restart")
        .expect_close(1012);
    Probe::ping(&server, "-i 100ms")
        .stdout_has("1 received")
        .stderr_has("1012 (service restart)")
        .stderr_has("restart")
        .status(10);
    let peer = Echo::new();
    let proxy = FaultProxy::before(peer.port(), [Fault::DropAfter(200)]);
    let output = Probe::new(["ping", &proxy.url(), "-i", "20ms", "-c", "20"])
        .args(["--reconnect", "--backoff", "1ms..1ms", "-W", "1s"])
        .stdout_has("1 reconnect")
        .stderr_has("retrying")
        .stderr_has("1006")
        .status(0);
    let counts = Regex::new("(\\d+) sent, (\\d+) received").unwrap();
    let counts = counts.captures(output.text()).unwrap();
    assert_eq!(&counts[1], "20");
    let received: u32 = counts[2].parse().unwrap();
    assert!((18..=20).contains(&received), "{}", output.text());
}

#[test]
fn sigquit_shows_how_it_stands_and_ends_nothing() {
    let server = Server::new().accept().answer_ping();
    let mut probe = Probe::ping(&server, "-i 200ms")
        .any_stdout()
        .any_stderr()
        .spawn();
    probe.shows("seq=1 ");
    probe.quit();
    let line = probe.stderr_line("answered");
    assert!(line.contains("% lost, min/p50/avg/max = "), "{line}");
    let server = server.answer_ping();
    probe.shows("seq=2 ");
    let server = server.expect_hangup();
    probe.interrupt();
    probe.status(0);
    drop(server);
}

#[test]
fn a_time_stands_before_each_line() {
    for (flag, pattern) in [
        (
            "-D",
            r"(?m)^\[1\d{9}\.\d{6}\] pong from 127\.0\.0\.1: seq=1 time=",
        ),
        (
            "-t",
            r"(?m)^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z pong from",
        ),
    ] {
        let server = Server::new().accept().answer_ping().close_when_asked();
        let output = Probe::new(["ping", &server.url(), "-c", "1", flag])
            .any_stdout()
            .status(0);
        assert!(
            Regex::new(pattern).unwrap().is_match(output.text()),
            "{}",
            output.text()
        );
    }
}

#[test]
fn quiet_is_the_first_line_and_the_statistics() {
    let server = Server::new().accept().answer_until_closed();
    let output = Probe::ping(&server, "-c 3 -i 10ms -q")
        .stdout_lacks("seq=")
        .stdout_has("3 received")
        .status(0);
    assert_eq!(output.text().lines().count(), 4, "{}", output.text());
}

#[test]
fn on_a_terminal_the_last_replies_are_drawn_and_a_histogram_where_it_is_asked_for() {
    let server = Server::new().accept().answer_until_closed();
    let args = [
        "ping",
        &server.url(),
        "-c",
        "8",
        "-i",
        "10ms",
        "--histogram",
    ];
    let output = Probe::new(args)
        .any_stdout()
        .spawn_on_a_terminal()
        .status(0);
    let drawn = Regex::new("last 8: [▁▂▃▄▅▆▇█]{8}\r?\n").unwrap();
    assert!(drawn.is_match(output.text()), "{}", output.text());
    assert!(output.text().contains("% ██"), "{}", output.text());
    let server = Server::new().accept().answer_until_closed();
    Probe::ping(&server, "-c 8 -i 10ms")
        .stdout_has("8 received")
        .stdout_lacks("▁")
        .stdout_lacks("█")
        .status(0);
}

#[test]
fn answers_are_events_with_what_is_wrong_with_them() {
    let server = Server::new()
        .accept()
        .hold_ping()
        .answer_held_ping()
        .answer_held_ping()
        .hold_ping();
    let mut probe = Probe::ping(&server, "-c 2 -i 50ms -W 100ms --json --close 1000")
        .any_stdout()
        .spawn();
    probe.shows("\"unanswered\"");
    let server = server
        .send_frame(Frame::new(Opcode::Pong, "stray"))
        .close_when_asked();
    let events = probe.status(0).events();
    let pongs: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "pong")
        .collect();
    assert_eq!(pongs[0]["seq"], 1);
    assert_eq!(
        (&pongs[1]["seq"], &pongs[1]["duplicate"]),
        (&1.into(), &true.into())
    );
    let last = &events[events.len() - 1];
    assert_eq!(last["event"], "ping_stats");
    assert_eq!((&last["lost"], &last["duplicates"]), (&1.into(), &1.into()));
    drop(server);
}
