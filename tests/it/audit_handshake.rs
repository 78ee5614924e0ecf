//! `audit`: the probes of the handshake, the origin and the limits. A server with one fault is found by the probe
//! for this fault, and by no other.

use std::thread;

use serde_json::Value;

use crate::harness::{Front, Probe, Treatment, values};

/// Servers that are audited at the same time.
const AT_ONCE: usize = 6;

/// How a server misbehaves: the probes that find it, and how it treats a request.
type Row = (&'static [&'static str], fn(&str) -> Treatment);

/// The probes that have found something, except those that could not be told.
fn findings(url: &str, options: &[&str]) -> Vec<String> {
    let output = Probe::new(["audit", url, "--json", "-w", "2s"])
        .args(options)
        .any_stdout()
        .any_stderr()
        .spawn()
        .status_among(&[0, 1]);
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let events = output.events();
    let found = events
        .iter()
        .filter(|event| matches!(&*text(event, "verdict"), "fail" | "warn"));
    found.map(|event| text(event, "id")).collect()
}

fn each_fault_is_found(group: &str, table: &[Row]) {
    for rows in table.chunks(AT_ONCE) {
        thread::scope(|scope| {
            for (ids, fault) in rows {
                scope.spawn(move || {
                    let front = Front::new(*fault);
                    assert_eq!(findings(&front.url(), &["--only", group]), *ids);
                });
            }
        });
    }
}

/// The named request is treated wrongly, all others rightly.
fn only(is_meant: bool, wrongly: Treatment) -> Treatment {
    if is_meant { wrongly } else { Treatment::Right }
}

const BAD: Treatment = Treatment::Answered("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");

fn has(head: &str, name: &str, value: &str) -> bool {
    values(head, name).contains(&value)
}

fn lacks(head: &str, name: &str) -> bool {
    values(head, name).is_empty()
}

/// Whether it is a handshake: a plain GET has none of its headers.
fn is_handshake(head: &str) -> bool {
    !lacks(head, "Upgrade") || !lacks(head, "Sec-WebSocket-Key")
}

#[rustfmt::skip]
const HANDSHAKE: [Row; 31] = [
    (&[], |_| Treatment::Right),
    // What it does not understand.
    (&["handshake-lower-case"], |head| only(head.contains("host:"), BAD)),
    (&["handshake-upper-case"], |head| only(head.contains("HOST:"), BAD)),
    (&["handshake-no-space"], |head| only(head.contains("Host:1"), BAD)),
    (&["handshake-more-space"], |head| only(head.contains("Host:\t"), BAD)),
    (&["handshake-absolute-target"], |head| only(head.starts_with("GET http://"), BAD)),
    (&["handshake-upgrade-case"], |head| only(has(head, "Upgrade", "WebSocket"), BAD)),
    (&["handshake-connection-case"], |head| only(has(head, "Connection", "uPGRADE"), BAD)),
    (&["handshake-connection-list"], |head| only(has(head, "Connection", "keep-alive, Upgrade"), BAD)),
    (&["handshake-extension-unknown"], |head| only(has(head, "Sec-WebSocket-Extensions", "x-wsprobe; a=1"), BAD)),
    (&["handshake-subprotocol-unknown"], |head| only(has(head, "Sec-WebSocket-Protocol", "wsprobe-unknown"), Treatment::Answered(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
    ))),
    // What it does not refuse.
    (&["handshake-method-post"], |head| only(head.starts_with("POST"), Treatment::Accepted)),
    (&["handshake-http-1-0"], |head| only(head.contains("HTTP/1.0\r\n"), Treatment::Accepted)),
    (&["handshake-host-missing"], |head| only(lacks(head, "Host"), Treatment::Accepted)),
    (&["handshake-host-twice"], |head| only(values(head, "Host").len() == 2, Treatment::Accepted)),
    (&["handshake-space-before-colon"], |head| only(head.contains(" : "), Treatment::Accepted)),
    (&["handshake-upgrade-missing"], |head| only(lacks(head, "Upgrade") && !lacks(head, "Sec-WebSocket-Key"), Treatment::Accepted)),
    (&["handshake-upgrade-other"], |head| only(has(head, "Upgrade", "x-wsprobe"), Treatment::Accepted)),
    (&["handshake-connection-missing"], |head| only(lacks(head, "Connection"), Treatment::Accepted)),
    (&["handshake-connection-other"], |head| only(has(head, "Connection", "keep-alive"), Treatment::Accepted)),
    (&["handshake-key-missing"], |head| only(lacks(head, "Sec-WebSocket-Key") && is_handshake(head), Treatment::Accepted)),
    (&["handshake-key-short"], |head| only(has(head, "Sec-WebSocket-Key", "c2hvcnQ="), Treatment::Accepted)),
    (&["handshake-key-long"], |head| only(has(head, "Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEAECAwQFBgcI"), Treatment::Accepted)),
    (&["handshake-key-garbage"], |head| only(has(head, "Sec-WebSocket-Key", "!not-base64-at-all-!!!!!"), Treatment::Accepted)),
    (&["handshake-key-twice"], |head| only(values(head, "Sec-WebSocket-Key").len() == 2, Treatment::Accepted)),
    (&["handshake-version-missing"], |head| only(lacks(head, "Sec-WebSocket-Version") && is_handshake(head), Treatment::Accepted)),
    (&["handshake-version-12"], |head| only(has(head, "Sec-WebSocket-Version", "12"), BAD)),
    (&["handshake-version-garbage"], |head| only(has(head, "Sec-WebSocket-Version", "13x"), Treatment::Accepted)),
    (&["handshake-extension-garbage"], |head| only(has(head, "Sec-WebSocket-Extensions", ";;="), Treatment::Accepted)),
    // What it should not answer.
    (&["handshake-426-upgrade"], |head| only(!is_handshake(head), Treatment::Answered("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"))),
    (&["handshake-no-body"], |head| only(is_usual(head), Treatment::Answered(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
    ))),
];

/// Whether it is the handshake of a browser.
fn is_usual(head: &str) -> bool {
    head.starts_with("GET /")
        && head.contains("HTTP/1.1\r\n")
        && head.contains("Host: 127")
        && has(head, "Upgrade", "websocket")
        && has(head, "Connection", "Upgrade")
        && has(head, "Sec-WebSocket-Version", "13")
        && values(head, "Host").len() == 1
        && values(head, "Sec-WebSocket-Key").len() == 1
        && values(head, "Sec-WebSocket-Key")
            .iter()
            .all(|key| key.len() == 24 && key.ends_with("=="))
        && lacks(head, "Sec-WebSocket-Extensions")
}

#[test]
fn a_fault_in_the_handshake_is_found_by_its_own_probe() {
    each_fault_is_found("handshake", &HANDSHAKE);
}

#[rustfmt::skip]
const LIMITS: [Row; 7] = [
    (&[], |_| Treatment::Right),
    (&["limits-target-8000"], |head| only(head.lines().next().unwrap().len() > 4000, BAD)),
    (&["limits-header-8k"], |head| only((8000..30_000).contains(&long_header(head)), Treatment::Dropped)),
    (&["limits-header-60k"], |head| only(long_header(head) > 30_000, Treatment::Dropped)),
    (&["limits-headers-200"], |head| only(head.lines().count() > 100, Treatment::Dropped)),
    // An answer in HTTP is right.
    (&[], |head| only(long_header(head) > 8000, Treatment::Answered("HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n"))),
    (&[], |head| only(head.lines().count() > 100, BAD)),
];

fn long_header(head: &str) -> usize {
    values(head, "X-Wsprobe")
        .first()
        .map_or(0, |value| value.len())
}

#[test]
fn a_fault_in_the_limits_is_found_by_its_own_probe() {
    each_fault_is_found("limits", &LIMITS);
}

/// Lets in one kind of origin too many.
fn lets_in(head: &str, is_let_in: impl Fn(&str) -> bool) -> Treatment {
    let origin = values(head, "Origin").first().copied().unwrap_or_default();
    only(!origin.is_empty() && is_let_in(origin), Treatment::Accepted)
}

#[test]
fn a_foreign_origin_that_is_let_in_is_found_by_its_own_probe() {
    #[rustfmt::skip]
    let table: [Row; 7] = [
        (&[], |_| Treatment::Right),
        (&["origin-foreign"], |head| lets_in(head, |origin| origin == "https://wsprobe.invalid")),
        (&["origin-null"], |head| lets_in(head, |origin| origin == "null")),
        (&["origin-prefix"], |head| lets_in(head, |origin| origin.starts_with("http://127.0.0.1.wsprobe."))),
        (&["origin-suffix"], |head| lets_in(head, |origin| origin.starts_with("http://wsprobe127."))),
        (&["origin-subdomain"], |head| lets_in(head, |origin| origin.starts_with("http://wsprobe.127."))),
        (&["origin-other-scheme"], |head| lets_in(head, |origin| origin.starts_with("https://127."))),
    ];
    for rows in table.chunks(AT_ONCE) {
        thread::scope(|scope| {
            for (ids, fault) in rows {
                scope.spawn(move || {
                    let front = Front::new(*fault);
                    let url = front.url();
                    let found = findings(&url, &["--only", "origin", "--expect-origin-check"]);
                    assert_eq!(found, *ids);
                });
            }
        });
    }
}

#[test]
fn without_credentials_a_foreign_origin_is_one_warning_for_the_group() {
    let front = Front::new(|head| only(is_handshake(head), Treatment::Accepted));
    Probe::new(["audit", &front.url(), "--only", "origin"])
        .stdout_has("! origin-foreign ")
        .stdout_has("let in, without credentials: see origin-foreign")
        .stdout_lacks("✗")
        .status(0);
    let url = front.url();
    Probe::new(["audit", &url, "--only", "origin", "-b", "session=1"])
        .stdout_has("✗ origin-foreign ")
        .stdout_has("✗ origin-null ")
        .stdout_has("! origin-subdomain ")
        .status(1);
    // A page cannot make a browser send a token.
    Probe::new(["audit", &url, "--only", "origin", "--bearer", "abc"])
        .stdout_lacks("✗")
        .status(0);
}

#[test]
fn the_own_origin_is_that_of_the_option() {
    let front = Front::new(|head| match values(head, "Origin")[..] {
        ["https://app.example"] => Treatment::Accepted,
        _ => Treatment::Answered("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
    });
    Probe::new([
        "audit",
        &front.url(),
        "--only",
        "handshake-opens,origin",
        "-o",
        "https://app.example",
    ])
    .args(["--expect-origin-check"])
    .stdout_has("✓ origin-own ")
    .stdout_has("✓ origin-foreign ")
    .stdout_lacks("✗")
    .status(0);
}
