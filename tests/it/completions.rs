//! `completions`: a script for each shell.

use crate::harness::Probe;

#[test]
fn every_shell_gets_a_script_that_knows_the_verbs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        Probe::new(["completions", shell])
            .stdout_has("wsprobe")
            .stdout_has("listen")
            .stdout_has("connect-timeout")
            .stderr("")
            .status(0);
    }
}

#[test]
fn an_unknown_shell_is_bad_usage() {
    Probe::new(["completions", "tcsh"])
        .stderr_has("tcsh")
        .status(2);
}
