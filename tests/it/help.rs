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
        ["connect", "send", "listen", "ping", "serve", "completions"]
            .into_iter()
            .fold(probe, Probe::stdout_has)
            .status(0);
    }
}

#[test]
fn the_short_help_of_a_verb_is_shorter_than_the_long_one() {
    for verb in ["connect", "send", "listen", "ping", "serve"] {
        let short = Probe::new([verb, "-h"]).any_stdout().status(0);
        let long = Probe::new([verb, "--help"]).any_stdout().status(0);
        assert!(
            short.text().lines().count() < long.text().lines().count(),
            "{verb}"
        );
    }
}
