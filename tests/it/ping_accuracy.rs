//! `ping`: measured times compared with actual ones.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{DelayProxy, Probe, Server, ms};

/// The round trips of a run in milliseconds, in order of arrival, and its statistics.
fn measured(probe: Probe) -> (Vec<f64>, Value) {
    let events = probe.any_stdout().args(["--json"]).status(0).events();
    let pongs = events.iter().filter(|event| event["event"] == "pong");
    let times = pongs.map(|pong| pong["rtt_ms"].as_f64().unwrap()).collect();
    let statistics = events.last().unwrap().clone();
    assert_eq!(statistics["event"], "ping_stats");
    (times, statistics)
}

/// No round trip is shorter than the delay of the answer. How much longer it may be depends on
/// the machine and its load: `benches/ping` has the upper bound.
fn a_delay_is_measured(delay: Duration, count: usize) {
    let server = Server::new().accept().answer_until_closed();
    let proxy = DelayProxy::before(server.port(), delay);
    let number = count.to_string();
    let (times, _) = measured(Probe::new([
        "ping",
        &proxy.url(),
        "--adaptive",
        "-c",
        &number,
    ]));
    // The first answer through the proxy is that of the handshake.
    let held = proxy
        .held()
        .into_iter()
        .skip(1)
        .map(|held| held.as_secs_f64() * 1e3);
    assert_eq!(times.len(), count);
    let mut compared: Vec<(f64, f64)> = times.into_iter().zip(held).collect();
    // Two readings of the clock may differ by a microsecond.
    compared.retain(|(time, held)| *time < held - 0.001);
    assert!(compared.is_empty(), "measured, held, in ms: {compared:?}");
}

#[test]
fn a_delay_of_1_ms_is_measured() {
    a_delay_is_measured(ms(1), 100);
}

#[test]
fn a_delay_of_10_ms_is_measured() {
    a_delay_is_measured(ms(10), 40);
}

#[test]
fn a_delay_of_100_ms_is_measured() {
    a_delay_is_measured(ms(100), 11);
}

/// Within a thousandth, the precision of a percentile, and the digits of the events.
fn near(value: &Value, expected: f64) -> bool {
    (value.as_f64().unwrap() - expected).abs() <= expected / 1000.0 + 2e-6
}

#[test]
fn the_statistics_of_10_000_pings_are_those_of_their_times() {
    let server = Server::new().accept().answer_until_closed();
    let (times, statistics) = measured(Probe::ping(&server, "--adaptive -c 10000"));
    assert_eq!(times.len(), 10_000);
    for (name, count) in [
        ("sent", 10_000),
        ("received", 10_000),
        ("lost", 0),
        ("late", 0),
    ] {
        assert_eq!(statistics[name], count, "{name}");
    }
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let squares = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
    let steps = times
        .windows(2)
        .map(|pair| (pair[0] - pair[1]).abs())
        .sum::<f64>();
    let mut sorted = times.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |share: f64| sorted[(count * share).ceil() as usize - 1];
    for (name, expected) in [
        ("min", sorted[0]),
        ("avg", mean),
        ("max", sorted[9_999]),
        ("mdev", (squares / count).sqrt()),
        ("p50", rank(0.5)),
        ("p95", rank(0.95)),
        ("p99", rank(0.99)),
        ("jitter", steps / (count - 1.0)),
    ] {
        let value = &statistics["rtt_ms"][name];
        assert!(near(value, expected), "{name}: {value} for {expected}");
    }
    let bars = statistics["histogram"].as_array().unwrap();
    for bar in bars {
        let bound = |name: &str| bar[name].as_f64().unwrap();
        let (from, to) = (bound("from_ms"), bound("to_ms"));
        let inside = times
            .iter()
            .filter(|time| **time > from && **time <= to)
            .count();
        // A time at a boundary may be counted on either side: times have three digits.
        let near_bound = |time: &&f64| [from, to].iter().any(|b| (**time - b).abs() <= b / 500.0);
        let doubtful = times.iter().filter(near_bound).count();
        let count = bar["count"].as_u64().unwrap() as usize;
        assert!(
            count.abs_diff(inside) <= doubtful,
            "{bar}: {inside}, {doubtful}"
        );
    }
    let all: u64 = bars.iter().map(|bar| bar["count"].as_u64().unwrap()).sum();
    assert_eq!(all, 10_000);
}

#[cfg(target_os = "linux")]
#[test]
fn what_waits_here_because_stdout_is_blocked_is_counted_and_not_measured() {
    let server = Server::new().accept().answer_ping();
    let (url, port) = (server.url(), server.port());
    let args = ["ping", &url, "--adaptive", "-W", "20s", "--json"];
    let probe = Probe::new(args).stderr("");
    let path = probe.fifo("events");
    let (read_on, waits) = std::sync::mpsc::channel::<()>();
    let fifo = path.clone();
    let reader = std::thread::spawn(move || {
        let mut stdout = std::fs::File::open(fifo).unwrap();
        waits.recv().unwrap();
        std::io::read_to_string(&mut stdout).unwrap()
    });
    let mut probe = probe.stdout_to(path).spawn();
    let server = server
        .hold_ping()
        .send_many(&"x".repeat(1000), 20_000)
        .answer_held_ping();
    // The pong follows messages that are not read any more.
    probe.leaves_unread(port);
    read_on.send(()).unwrap();
    let server = server.answer_ping().played().answer_until_closed();
    probe.interrupt();
    probe.status(0);
    drop(server);
    let events = reader.join().unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events: Vec<Value> = events.collect();
    let second = events
        .iter()
        .find(|event| event["event"] == "pong" && event["seq"] == 2);
    assert_eq!(second.unwrap().get("rtt_ms"), None, "{second:?}");
    let last = events.last().unwrap();
    assert!(last["not_measured"].as_u64() >= Some(1), "{last}");
}
