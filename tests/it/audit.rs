//! `audit`: the command, its reports, and servers that die, hang or answer nonsense.

use std::collections::HashSet;

use serde_json::Value;

use crate::harness::{BlackHole, Front, Nobody, Probe, Treatment, ms, serve, values};

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_default()
}

/// The rows of a run with `--json`: id, verdict, got.
fn rows(events: &[Value]) -> Vec<(String, String, String)> {
    let tests = events.iter().filter(|event| text(event, "event") == "test");
    let own = |text: &str| text.to_owned();
    tests
        .map(|it| {
            (
                own(text(it, "id")),
                own(text(it, "verdict")),
                own(text(it, "got")),
            )
        })
        .collect()
}

#[test]
fn the_own_server_has_no_finding() {
    let (_serving, url) = serve(&[]);
    let output = Probe::new(["audit", &url, "--json"]).any_stdout().status(0);
    let rows = rows(&output.events());
    // What is no list of extensions is passed over, and pages of this machine may use every port and scheme.
    let known = [
        "handshake-extension-garbage",
        "origin-other-scheme",
        "origin-other-port",
    ];
    let is_known = |row: &&(String, String, String)| row.1 == "warn" && known.contains(&&*row.0);
    let found = rows.iter().filter(|row| matches!(&*row.1, "fail" | "warn"));
    let found: Vec<_> = found.filter(|row| !is_known(row)).collect();
    assert!(found.is_empty(), "{found:#?}");
    let ids: HashSet<&String> = rows.iter().map(|row| &row.0).collect();
    assert!(ids.len() == rows.len() && ids.len() > 40, "{}", ids.len());
}

#[test]
fn the_own_server_survives_the_intrusive_probes() {
    let (_serving, url) = serve(&[]);
    Probe::new(["audit", &url, "--only", "limits", "--intrusive", "-w", "2s"])
        .stderr_has("--intrusive: ")
        .stdout_has("✓ limits-length-top-bit ")
        .stdout_has("✓ limits-survival ")
        .stdout_lacks("✗")
        .within(ms(60_000))
        .status(0);
}

#[test]
fn the_list_needs_no_url_and_has_the_same_ids() {
    let output = Probe::new(["audit", "--list"]).any_stdout().status(0);
    let text = output.text();
    let line = text
        .lines()
        .find(|line| line.starts_with("frames-unmasked "))
        .unwrap();
    assert!(line.ends_with("(RFC 6455 §5.1)"), "{line}");
    assert!(text.contains("limits-length-top-bit") && text.contains("(--intrusive)"));
    let chosen = Probe::new([
        "audit",
        "--list",
        "--only",
        "tls",
        "--skip",
        "tls-encrypted",
    ]);
    let chosen = chosen.any_stdout().status(0);
    assert!(chosen.text().lines().all(|line| line.starts_with("tls-")));
    assert!(!chosen.text().contains("tls-encrypted"));
}

#[test]
fn bad_use_is_told_before_the_first_packet() {
    let url = "ws://localhost:1/";
    for (args, part) in [
        (&["audit"][..], "URL"),
        (
            &["audit", url, "--only", "frame"],
            "unknown group or probe 'frame'; did you mean 'frames'?",
        ),
        (
            &["audit", url, "--only", "frames", "--skip", "frames"],
            "leave no probe to run",
        ),
        (&["audit", url, "--only", "limits-text-1m"], "--intrusive"),
        (&["audit", url, "--http2"], "audit does not support --http2"),
        (
            &["audit", url, "--reconnect"],
            "audit does not support --reconnect",
        ),
        (
            &["audit", url, "--on", "a => b"],
            "audit does not support --on",
        ),
    ] {
        Probe::new(args).stderr_has(part).status(2);
    }
}

#[test]
fn no_connection_is_one_failure_and_the_rest_is_not_told() {
    let nobody = Nobody::listens();
    let output = Probe::new(["audit", &nobody.url(), "--json"])
        .any_stdout()
        .status(1);
    let rows = rows(&output.events());
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| row.1 == "fail")
        .map(|row| &*row.0)
        .collect();
    assert_eq!(failed, ["handshake-opens"]);
    assert!(rows.iter().all(|row| row.1 == "fail" || row.1 == "skip"));
    let Some(hole) = BlackHole::dig() else { return };
    Probe::new([
        "audit",
        &hole.url(),
        "-w",
        "300ms",
        "--connect-timeout",
        "300ms",
    ])
    .stdout_has("✗ handshake-opens")
    .within(ms(10_000))
    .status(1);
}

#[test]
fn an_event_says_what_was_sent_expected_and_seen() {
    let (_serving, url) = serve(&[]);
    let output = Probe::new(["audit", &url, "--json", "--only", "frames-unmasked"]);
    let events = output.any_stdout().status(0).events();
    let event = &events[0];
    assert_eq!(text(event, "id"), "frames-unmasked");
    assert_eq!(text(event, "group"), "frames");
    assert_eq!(text(event, "verdict"), "pass");
    assert_eq!(event["rfc"], serde_json::json!(["RFC 6455 §5.1"]));
    assert_eq!(text(event, "sent"), "a text message without a mask");
    assert_eq!(text(event, "expected"), "close 1002, or the end of TCP");
    assert_eq!(text(event, "got"), "close 1002 (Protocol Error)");
    assert_eq!(text(&events[1], "event"), "summary");
}

/// A server that accepts a key of the wrong length, and a request with two keys.
fn careless() -> Front {
    Front::new(|head| match values(head, "Sec-WebSocket-Key")[..] {
        [key] if key.len() != 24 => Treatment::Accepted,
        [_, _] => Treatment::Accepted,
        _ => Treatment::Right,
    })
}

#[test]
fn findings_are_in_every_report_and_accepted_ones_do_not_fail() {
    let front = careless();
    let url = front.url();
    let probe = Probe::new(["audit", &url, "--only", "handshake"]);
    let (junit, tap) = (probe.file("j.xml", ""), probe.file("t.tap", ""));
    let (sarif, page) = (probe.file("a.sarif", ""), probe.file("page.md", ""));
    let output = probe
        .args(["--junit", &junit, "--tap", &tap, "--sarif", &sarif])
        .args(["--allow", "handshake-key-twice"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &page)
        .any_stdout()
        .status(1);
    let stdout = output.text().to_owned();
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let has = |text: &str, part: &str| assert!(text.contains(part), "{part}\n{text}");
    has(
        &stdout,
        "✗ handshake-key-short            101 Switching Protocols\n",
    );
    has(&stdout, "      sent: a key of 5 bytes\n");
    has(
        &stdout,
        "      expected: an error status (RFC 6455 §4.2.1)\n",
    );
    has(
        &stdout,
        "– handshake-key-twice            accepted: 101 Switching Protocols\n",
    );
    has(
        &stdout,
        "::error title=handshake-key-short::101 Switching Protocols%0Asent: ",
    );
    has(
        &read(&junit),
        "<testcase name=\"handshake-key-short\" classname=\"audit.handshake\"",
    );
    has(
        &read(&junit),
        "<skipped message=\"accepted: 101 Switching Protocols\"/>",
    );
    has(
        &read(&tap),
        "handshake-key-twice # SKIP accepted: 101 Switching Protocols\n",
    );
    has(&read(&page), "handshake-key-short");
    let sarif: Value = serde_json::from_str(&read(&sarif)).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let ids: Vec<&str> = results
        .iter()
        .map(|result| text(result, "ruleId"))
        .collect();
    assert!(ids.contains(&"handshake-key-short") && ids.contains(&"handshake-key-twice"));
    for result in results {
        let is_accepted = text(result, "ruleId") == "handshake-key-twice";
        assert_eq!(result["suppressions"].is_array(), is_accepted, "{result}");
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &sarif["runs"][0]["tool"]["driver"]["rules"][index];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    Probe::new(["audit", &url, "--only", "handshake", "--allow", "handshake"])
        .stdout_lacks("✗")
        .status(0);
}

#[test]
fn a_warning_passes() {
    let front = Front::new(|head| match values(head, "Sec-WebSocket-Extensions")[..] {
        [";;="] => Treatment::Accepted,
        _ => Treatment::Right,
    });
    Probe::new(["audit", &front.url(), "--only", "handshake"])
        .stdout_has("! handshake-extension-garbage")
        .stdout_has("1 with a warning")
        .status(0);
}

#[test]
fn a_front_end_that_answers_is_named() {
    let front = Front::new(|head| match values(head, "Host").len() {
        1 => Treatment::Right,
        _ => Treatment::Answered(
            "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n",
        ),
    });
    Probe::new(["audit", &front.url(), "--only", "handshake-host-twice"])
        .stdout_has("400 Bad Request (answered by nginx)")
        .status(0);
}

#[test]
fn a_server_that_dies_is_a_finding_and_the_audit_goes_on() {
    let front = Front::new(|head| match values(head, "Sec-WebSocket-Key")[..] {
        ["c2hvcnQ="] => Treatment::Fatal,
        _ => Treatment::Right,
    });
    let output = Probe::new([
        "audit",
        &front.url(),
        "--json",
        "--only",
        "handshake,frames,limits-survival",
    ])
    .any_stdout()
    .within(ms(40_000))
    .status(1);
    let rows = rows(&output.events());
    let row = |id: &str| rows.iter().find(|row| row.0 == id).unwrap();
    assert_eq!(row("limits-survival").1, "fail");
    assert!(
        row("limits-survival").2.contains("handshake-key-short"),
        "{rows:#?}"
    );
    assert_eq!(row("frames-mask-zero").1, "skip");
    let failed = rows.iter().filter(|row| row.1 == "fail").count();
    assert_eq!(failed, 1, "{rows:#?}");
}

#[test]
fn silence_is_not_told_unless_an_answer_is_what_is_required() {
    let front = Front::new(|head| match head.starts_with("POST") {
        true => Treatment::Ignored,
        false => Treatment::Right,
    });
    Probe::new(["audit", &front.url(), "--only", "handshake", "-w", "300ms"])
        .stdout_has("– handshake-method-post")
        .stdout_lacks("✗")
        .status(0);
}

#[test]
fn a_login_comes_before_the_frames_of_a_probe() {
    let (_serving, url) = serve(&["--greeting", "welcome"]);
    Probe::new([
        "audit",
        &url,
        "--only",
        "frames-mask-zero",
        "-x",
        "login",
        "--after",
        "login",
    ])
    .stdout_has("✓ frames-mask-zero")
    .status(0);
    Probe::new([
        "audit",
        &url,
        "--only",
        "frames-mask-zero",
        "--after",
        "never",
        "-w",
        "300ms",
    ])
    .stdout_has("no message matching never (--after) within 300 ms")
    .status(1);
}

#[test]
fn the_certificate_is_judged_with_insecure_too() {
    let (_serving, url) = serve(&["--self-signed"]);
    Probe::new(["audit", &url, "--only", "tls", "-k"])
        .any_stderr()
        .stdout_has("✗ tls-certificate ")
        .stdout_has("✓ tls-version-1-3 ")
        .stdout_has("✓ tls-version-1-0 ")
        .stdout_has("✓ tls-close-notify ")
        .status(1);
}

#[test]
fn what_serve_does_wrong_is_found() {
    for (args, id) in [
        (&["--no-pong"][..], "frames-mask-zero"),
        (&["--status", "500"], "handshake-opens"),
    ] {
        let (_serving, url) = serve(args);
        let output = Probe::new([
            "audit",
            &url,
            "--json",
            "--only",
            "handshake-opens,frames",
            "-w",
            "500ms",
        ]);
        let output = output.any_stdout().spawn().status_among(&[0, 1]);
        let rows = rows(&output.events());
        let row = rows.iter().find(|row| row.0 == id).unwrap();
        assert_ne!(row.1, "pass", "{rows:#?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_at_once() {
    let Some(hole) = BlackHole::dig() else { return };
    let mut running = Probe::new([
        "audit",
        &hole.url(),
        "-w",
        "20s",
        "--connect-timeout",
        "20s",
    ])
    .any_stdout()
    .any_stderr()
    .spawn();
    std::thread::sleep(ms(200));
    running.interrupt();
    running.status(130);
}

#[test]
fn nonsense_never_passes_for_an_answer() {
    let faults: [fn(&str) -> Treatment; 6] = [
        |_| Treatment::Noise(1),
        |_| Treatment::Noise(2),
        |_| Treatment::Noisy(3),
        |_| Treatment::Noisy(4),
        |head| match values(head, "Sec-WebSocket-Extensions").len() {
            0 => Treatment::Noisy(5),
            _ => Treatment::Noise(5),
        },
        |head| match head.len() % 2 {
            0 => Treatment::Noisy(6),
            _ => Treatment::Right,
        },
    ];
    std::thread::scope(|scope| {
        for fault in faults {
            scope.spawn(move || {
                let front = Front::new(fault);
                let output = Probe::new(["audit", &front.url(), "--json", "-w", "300ms"])
                    .args(["--only", "handshake,frames,limits"])
                    .any_stdout()
                    .stderr("")
                    .within(ms(100_000))
                    .spawn()
                    .status_among(&[0, 1]);
                let rows = rows(&output.events());
                let frames = rows.iter().filter(|row| row.0 == "frames-mask-zero");
                let passed: Vec<_> = frames.filter(|row| row.1 == "pass").collect();
                let is_right = rows
                    .iter()
                    .any(|row| row.0 == "handshake-opens" && row.1 == "pass");
                assert!(passed.is_empty() || is_right, "{rows:#?}");
            });
        }
    });
}
