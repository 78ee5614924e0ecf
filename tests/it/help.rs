//! Help and version, on stdout and with success.

use crate::harness::Probe;

#[test]
fn version_is_one_line() {
    let version = env!("CARGO_PKG_VERSION");
    Probe::new(["--version"])
        .stdout(format!("wsprobe {version}\n"))
        .status(0);
}

#[test]
fn help_lists_every_verb() {
    for flag in ["-h", "--help"] {
        let probe = Probe::new([flag]);
        [
            "connect",
            "send",
            "listen",
            "ping",
            "serve",
            "proxy",
            "completions",
            "help",
        ]
        .into_iter()
        .fold(probe, Probe::stdout_has)
        .status(0);
    }
}

const VERBS: [&str; 10] = [
    "connect",
    "send",
    "listen",
    "ping",
    "check",
    "audit",
    "serve",
    "proxy",
    "completions",
    "help",
];

#[test]
fn the_short_help_of_a_verb_is_shorter_than_the_long_one() {
    for verb in VERBS {
        let short = Probe::new([verb, "-h"]).any_stdout().status(0);
        let long = Probe::new([verb, "--help"]).any_stdout().status(0);
        assert!(
            short.text().lines().count() < long.text().lines().count(),
            "{verb}"
        );
    }
}

#[test]
fn every_help_ends_with_examples_that_name_the_verb() {
    for verb in VERBS {
        for flag in ["-h", "--help"] {
            let help = Probe::new([verb, flag]).any_stdout().status(0);
            let (_, examples) = help.text().split_once("\nExamples:\n").unwrap();
            assert!(examples.contains(&format!("wsprobe {verb}")), "{examples}");
        }
    }
}

#[test]
fn help_of_a_verb_is_its_long_help() {
    for verb in VERBS.into_iter().filter(|verb| *verb != "help") {
        let long = Probe::new([verb, "--help"]).any_stdout().status(0);
        Probe::new(["help", verb]).stdout(&long.stdout).status(0);
    }
    let program = Probe::new(["--help"]).any_stdout().status(0);
    Probe::new(["help"]).stdout(&program.stdout).status(0);
}

#[test]
fn help_has_the_chapters_of_the_manual() {
    for (topic, says) in [
        ("exit-codes", "The server closed with an error code"),
        ("patterns", "A jq expression that must return true"),
        ("json", "retry_after_ms"),
        ("check-file", "within 500ms < hello"),
        ("environment", "SSLKEYLOGFILE"),
    ] {
        let output = Probe::new(["help", topic])
            .stdout_has(says)
            .stdout_lacks("`")
            .stdout_lacks("\x1b")
            .status(0);
        let widest = output.text().lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{topic}: {widest:?}");
    }
}

#[test]
fn help_on_what_there_is_none_on_names_what_there_is() {
    Probe::new(["help", "exitcodes"])
        .stderr_has("unknown help topic 'exitcodes'\nhint: topics: connect, send, listen")
        .stderr_has("exit-codes, patterns, conversations, json, check-file, endpoints, environment")
        .status(2);
}
