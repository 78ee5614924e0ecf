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

/// Bash may split a word at @, so that the name stands behind it.
#[cfg(unix)]
#[test]
fn bash_completes_the_names_of_endpoints() {
    use std::process::Command;
    let folder = tempfile::TempDir::new().unwrap();
    let file = "[local]\nurl = 'echo:'\n[loud]\nurl = 'echo:'\n[staging]\nurl = 'echo:'\n";
    std::fs::write(folder.path().join("wsprobe.toml"), file).unwrap();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_wsprobe"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", binary.parent().unwrap().display());
    for (words, completed) in [
        ("wsprobe send @lo", "@local @loud"),
        ("wsprobe send @ st", "@staging"),
        ("wsprobe send @", "@local @loud @staging"),
        ("wsprobe lis", "listen"),
    ] {
        let script = format!(
            "source <(wsprobe completions bash); COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             $(complete -p wsprobe | sed 's/.*-F \\([^ ]*\\).*/\\1/') wsprobe \"${{COMP_WORDS[-1]}}\" x; \
             echo \"${{COMPREPLY[*]}}\""
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script])
            .env("PATH", &path)
            .current_dir(folder.path());
        let output = bash.output().unwrap();
        let reply = String::from_utf8_lossy(&output.stdout);
        assert_eq!(reply.trim(), completed, "{words}: {output:?}");
    }
}
