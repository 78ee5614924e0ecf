//! The probes of `audit` that send frames: a correct server has no finding, and each fault is found by the probe that
//! has its name.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use crate::harness::{Audited, Probe, serve};

/// The groups whose faults [`Audited`] has.
const GROUPS: [&str; 6] = [
    "frames",
    "fragments",
    "utf8",
    "close",
    "control",
    "compression",
];

/// Audits at a time: most of them are waiting.
const AT_A_TIME: usize = 6;

/// Faults that other probes find too.
const ALSO: &[(&str, &[&str])] = &[
    // Everything that is fragmented fails.
    (
        "fragments-two",
        &[
            "fragments-many",
            "fragments-empty-last",
            "fragments-ping-between",
            "fragments-pong-between",
            "fragments-pong-before-end",
        ],
    ),
    // The ping is the end of the connection, so it is not answered.
    ("fragments-ping-between", &["fragments-pong-before-end"]),
    // No binary message is accepted, however long.
    (
        "frames-binary",
        &["frames-length-65535", "frames-length-65536"],
    ),
    // No compressed message is accepted, in whatever form; and 1002 is not the code for a bad text.
    (
        "compression-text",
        &[
            "compression-context-takeover",
            "compression-final-block",
            "compression-fragmented",
            "compression-stored-block",
            "compression-invalid",
            "compression-utf8",
        ],
    ),
];

/// The verdict of each probe, and what it saw.
type Verdicts = BTreeMap<String, (String, String)>;

/// Audits some groups or ids of a server.
fn audit(url: &str, only: &str) -> Verdicts {
    let output = Probe::new(["audit", url, "--only", only, "--json", "-w", "3s"])
        .within(std::time::Duration::from_secs(60))
        .any_stdout()
        .any_stderr()
        .spawn()
        .status_among(&[0, 1]);
    let word =
        |event: &serde_json::Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let events = output.events();
    let tests = events.iter().filter(|event| event["event"] == "test");
    let verdicts: Verdicts = tests
        .map(|event| {
            let row = (word(event, "verdict"), word(event, "got"));
            (word(event, "id"), row)
        })
        .collect();
    assert!(!verdicts.is_empty(), "{}", output.text());
    verdicts
}

/// The ids with a finding.
fn findings(verdicts: &Verdicts) -> Vec<&str> {
    let found =
        |(_, (verdict, _)): &(&String, &(String, String))| verdict == "fail" || verdict == "warn";
    verdicts
        .iter()
        .filter(found)
        .map(|(id, _)| id.as_str())
        .collect()
}

/// The ids of the probes of these groups.
fn ids() -> Vec<String> {
    let output = Probe::new(["audit", "--list"])
        .any_stdout()
        .any_stderr()
        .status(0);
    let is_ours = |id: &&str| {
        GROUPS
            .iter()
            .any(|group| id.starts_with(&format!("{group}-")))
    };
    let ids = output.text().split_whitespace().filter(is_ours);
    ids.map(str::to_owned).collect()
}

#[test]
fn a_correct_server_has_no_finding() {
    let server = Audited::correct();
    let verdicts = audit(&server.url(), &GROUPS.join(","));
    let not_passed: Vec<_> = verdicts
        .iter()
        .filter(|(_, (verdict, _))| verdict != "pass")
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
    assert!(verdicts.len() > 80, "{} probes", verdicts.len());
}

#[test]
fn serve_has_no_finding() {
    let (_running, url) = serve(&[]);
    let verdicts = audit(&url, &GROUPS.join(","));
    assert_eq!(findings(&verdicts), [""; 0], "{verdicts:#?}");
}

#[test]
fn every_fault_is_found_by_the_probe_of_its_name() {
    let only = std::env::var("WSPROBE_FAULT").ok();
    let mut waiting = ids();
    waiting.retain(|id| only.as_ref().is_none_or(|only| only == id));
    let waiting = Mutex::new(waiting);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(id) = next(&waiting) {
                    let server = Audited::with(&id);
                    let group = id.split('-').next().unwrap();
                    let verdicts = audit(&server.url(), group);
                    let also = ALSO.iter().find(|(fault, _)| *fault == id);
                    let also = also.map_or(&[][..], |(_, also)| also);
                    let found = findings(&verdicts);
                    let others = found
                        .iter()
                        .filter(|other| **other != id && !also.contains(other));
                    let others: Vec<_> = others.map(|other| (other, &verdicts[*other])).collect();
                    if !found.contains(&id.as_str()) || !others.is_empty() {
                        let own = verdicts.get(&id);
                        let line = format!("{id}: {own:?}, others {others:?}");
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn random_bytes_after_the_handshake_are_no_correct_server() {
    for seed in 1..=2 {
        let server = Audited::noise(seed);
        let verdicts = audit(&server.url(), &GROUPS.join(","));
        assert_eq!(verdicts["frames-received"].0, "fail", "{verdicts:#?}");
        let passed = verdicts.iter().filter(|(_, row)| row.0 == "pass");
        // Offers are judged by the handshake, which is a correct one.
        let passed: Vec<_> = passed
            .filter(|(id, _)| !id.starts_with("compression-"))
            .collect();
        assert!(passed.is_empty(), "seed {seed}: {passed:#?}");
    }
}

/// The next fault that no thread has taken.
fn next(waiting: &Mutex<Vec<String>>) -> Option<String> {
    waiting.lock().unwrap().pop()
}
