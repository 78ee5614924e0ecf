//! Check files against servers that send more than is read: no step may wait for ever, and each has its verdict.

use std::sync::Mutex;
use std::thread;

use crate::harness::{Nobody, Probe, Server, ms};

/// The text that the servers repeat.
fn word() -> String {
    "x".repeat(1024)
}

/// A run of these steps after connection `a` has received more than its inbox holds.
fn flooded(server: &Server, limit: &str, steps: &str) -> Probe {
    let probe = Probe::new(["check", "--close-timeout", "1s"]);
    let base = server.url();
    let text = format!("timeout {limit}\nconnect a {base}\nwait 200ms\n{steps}");
    let file = probe.file("x.wst", text);
    probe.args([&file]).within(ms(8000))
}

/// Steps after which the test passes.
const PASSING: [&str; 14] = [
    "",
    "wait 100ms\n",
    "a > hi\n",
    "a >hex 00\n",
    "a < /^x+$/\n",
    "a <next /^x+$/\n",
    "a any-order\n  < /^x/\n  < /x$/\nend\n",
    "a never y\nwait 100ms\n",
    "a on /x/ => y\nwait 100ms\n",
    "a decode json\nwait 100ms\n",
    "repeat 2\n  wait 50ms\n  a < /x/\nend\n",
    "connect b echo:\nb > hi\nb < hi\nb ping\nb silence 50ms\nb close\n",
    "http GET {{web}}\nexpect status 200\n",
    "finally\na > bye\nconnect b echo:\nb > hi\nb < hi\n",
];

/// Steps that fail, and what the failure says.
const FAILING: [(&str, &str); 12] = [
    ("a < y\n", "no message matching 'y' within 300 ms"),
    ("a <next y\n", "the next message does not match"),
    (
        "a any-order\n  < /^x/\n  < y\nend\n",
        "1 of 2 expectations not met within 300 ms",
    ),
    ("a silence 100ms\n", "expected silence, received a message"),
    ("a never /x/\n", "'never /x/' forbids"),
    ("a ping\n", "no pong within 300 ms"),
    ("a close 1000\n", "no answer to our close within 300 ms"),
    (
        "within 100ms a close 1000\n",
        "no answer to our close within 100 ms",
    ),
    ("a expect close 1000\n", "did not close within 300 ms"),
    ("connect b {{nobody}}\n", "Connection refused"),
    ("retry 300ms\nconnect b {{nobody}}\n", "in 300 ms"),
    ("finally\na < y\n", "no message matching 'y' within 300 ms"),
];

#[test]
fn no_step_hangs_while_a_server_sends_without_end() {
    let failing = FAILING.map(|(steps, why)| (steps, Some(why)));
    let passing = PASSING.map(|steps| (steps, None));
    let rows = passing.into_iter().chain(failing).collect();
    at_once(rows, |(steps, why)| under_a_flood(steps, why));
}

fn under_a_flood(steps: &str, why: Option<&str>) {
    let nobody = Nobody::listens();
    let web = Server::new();
    let web = match steps.contains("{{web}}") {
        true => web
            .connected()
            .expect_bytes(b"GET / HTTP/1.1\r\n")
            .send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            .expect_hangup(),
        false => web,
    };
    let web_url = web.url().replace("ws://", "http://");
    let steps = steps
        .replace("{{web}}", &web_url)
        .replace("{{nobody}}", &nobody.url());
    let server = Server::new().accept().flood(&word());
    // Only what fails at a limit needs a short one.
    let limit = if why.is_some() { "300ms" } else { "3s" };
    let probe = flooded(&server, limit, &steps);
    match why {
        None => probe.stdout_has("1 test passed").status(0),
        Some(why) => probe
            .stdout_has(why)
            .stdout_has("1 of 1 test failed")
            .status(1),
    };
}

/// The server sends three megabytes, more than an inbox holds, before it reads again.
#[test]
fn what_stands_behind_a_full_inbox_is_reached() {
    let rows = vec![
        "",
        "a ping\n",
        "a ping\na ping\na < /x/\n",
        "a close 1000\n",
        "a > hi\nwait 100ms\na close 4000 bye\n",
        "connect b echo:\nb > hi\nb < hi\na ping\nb ping\na close\n",
        "finally\na ping\n",
        "finally\na close\n",
        "repeat 3\n  a ping\nend\n",
    ];
    at_once(rows, |steps| {
        let server = Server::new()
            .accept()
            .send_many(&word(), 3 << 10)
            .answer_until_closed();
        flooded(&server, "3s", steps)
            .stdout_has("1 test passed")
            .status(0);
    });
}

/// Checks some rows at a time: most of them only wait.
fn at_once<T: Send>(rows: Vec<T>, check: impl Fn(T) + Sync) {
    let rows = Mutex::new(rows);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let next = || rows.lock().unwrap().pop();
                while let Some(row) = next() {
                    check(row);
                }
            });
        }
    });
}
