//! A lack of system resources causes an ordinary error, not a panic or a signal.

#![cfg(target_os = "linux")]

use std::process::{Command, Output};

use crate::harness::Server;

/// Runs wsprobe in a shell that has set a limit.
fn limited(limit: &str, args: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_wsprobe");
    let script = format!("ulimit {limit}; exec {binary} {args}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.wst"), "connect echo:\n> hi\n< hi\n").unwrap();
    Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn too_few_descriptors_are_told_before_the_first_packet() {
    for (args, status) in [
        ("send echo: hi", 7),
        ("listen wss://localhost:1/", 7),
        ("ping -c 1 echo:", 7),
        ("serve 0", 7),
        ("check echo:", 2),
        ("check t.wst", 2),
    ] {
        for descriptors in [6, 9, 12] {
            let output = limited(&format!("-n {descriptors}"), args);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                said.starts_with("wsprobe: too few file descriptors"),
                "{args}, {descriptors}: {said}"
            );
            assert_eq!(output.status.code(), Some(status), "{args}, {descriptors}");
        }
    }
    let output = limited("-S -n 6", "send echo: hi");
    assert_eq!(output.stdout, b"hi\n", "a soft limit is raised");
}

#[test]
fn a_file_that_may_not_grow_is_23() {
    for args in [
        "send echo: hi > out",
        "send echo: hi --log log.jsonl",
        "listen -1 echo: -x hi > out",
        "check t.wst --junit report.xml",
    ] {
        let output = limited("-f 0", args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("File too large"), "{args}: {said}");
        assert_eq!(output.status.code(), Some(23), "{args}");
    }
}

/// Runs wsprobe with the name of a pipe, whose other end is held open and never read.
fn unread(run: impl FnOnce(&mut Command, &str)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let mut both = std::fs::File::options();
    let _reader = both.read(true).write(true).open(&path).unwrap();
    let mut command = Command::new("timeout");
    command.args(["10", env!("CARGO_BIN_EXE_wsprobe")]);
    run(&mut command, path.to_str().unwrap());
    let output = command.current_dir(folder.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("its reader does not read"), "{stderr}");
    assert_eq!(output.status.code(), Some(23), "{stderr}");
}

#[test]
fn a_log_whose_reader_does_not_read_is_an_error_and_not_a_wait() {
    let server = Server::new()
        .accept()
        .send_many(&"x".repeat(1000), 300)
        .answer_any_close();
    unread(|command, path| {
        command.args(["listen", &server.url(), "--log", path]);
    });
}

#[test]
fn a_report_whose_reader_does_not_read_is_an_error_and_not_a_wait() {
    // More than a pipe holds.
    let test = |n| format!("test \"{} {n}\"\nwait 1ms\n", "x".repeat(500));
    let tests: String = (0..300).map(test).collect();
    for option in ["--junit", "--tap", "--log", "GITHUB_STEP_SUMMARY"] {
        unread(|command, path| {
            let folder = std::path::Path::new(path).with_file_name("x.wst");
            std::fs::write(folder, &tests).unwrap();
            command.args(["check", "x.wst"]);
            match option.strip_prefix("--") {
                Some(_) => command.args([option, path]),
                None => command.env("GITHUB_ACTIONS", "true").env(option, path),
            };
        });
    }
}
