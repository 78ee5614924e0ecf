//! `schema/events.schema.json` describes exactly what `--json` prints. The harness validates
//! every event of every run; this test produces each kind of event.

use std::collections::BTreeSet;

use crate::harness::{Client, Nobody, Probe, Server, schema};

/// The kinds of events that a run prints.
fn kinds_of(args: &[&str], status: i32) -> BTreeSet<String> {
    let output = Probe::new(args)
        .args(["--json"])
        .any_stdout()
        .any_stderr()
        .status(status);
    let name = |event: serde_json::Value| event["event"].as_str().unwrap().to_owned();
    output.events().into_iter().map(name).collect()
}

#[test]
fn every_kind_of_event_occurs_and_has_its_place_in_the_schema() {
    let nobody = Nobody::listens();
    let refusing = Server::new().refuse("503 Busy", "Retry-After: 7\r\n", "later");
    let mut seen = BTreeSet::new();
    let again = ["--retry", "1", "--backoff", "1ms..1ms"];
    seen.extend(kinds_of(&["send", "-vv", "echo:", "{\"a\":1}"], 0));
    seen.extend(kinds_of(&["ping", "-c", "1", "echo:"], 0));
    let deaf = Server::new().accept().expect_ping(16).answer_any_close();
    let once = ["ping", "-c", "1", "-W", "50ms", &deaf.url()];
    seen.extend(kinds_of(&once, 1));
    seen.extend(kinds_of(&["check", "echo:"], 0));
    seen.extend(kinds_of(&["listen", &refusing.url()], 22));
    seen.extend(kinds_of(
        &[&["listen", &nobody.url()], &again[..]].concat(),
        7,
    ));
    let mut serving = Probe::new(["serve", "0", "--json"]).any_stdout().spawn();
    let listening: serde_json::Value = serde_json::from_str(&serving.line()).unwrap();
    drop(Client::connect(listening["url"].as_str().unwrap()));
    serving.interrupt();
    let events = serving.status(130).events();
    seen.extend(
        events
            .iter()
            .map(|event| event["event"].as_str().unwrap().to_owned()),
    );
    assert_eq!(seen, schema::kinds().collect());
}

#[test]
fn what_the_schema_does_not_name_is_found() {
    let good = r#"{"v":1,"event":"listening","ts":"2026-11-24T12:00:00.000000Z","t":0,"conn":0,"url":"x"}"#;
    assert_eq!(schema::mismatch(good), None);
    for (word, other) in [
        ("\"v\":1", "\"v\":2"),
        ("\"url\"", "\"uri\""),
        ("\"x\"", "1"),
        ("\"t\":0", "\"t\":-1"),
        ("listening", "hearing"),
        ("\"conn\":0", "\"conn\":0,\"more\":true"),
        ("00.000000Z", "00Z"),
    ] {
        let bad = good.replace(word, other);
        assert!(schema::mismatch(&bad).is_some(), "{bad}");
    }
}
