//! What cannot go on is not read: a peer that does not read stops stdin, a reader of stdout that does not
//! read stops both; and who has no use for stdin leaves it to whoever has.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use crate::harness::{Hostile, Probe, ms, serve};

/// Much more than the buffers of a kernel and a program take together.
const OFFERED: u64 = 96 << 20;
const TAKEN: u64 = 32 << 20;

/// Lines to be sent; the position in it tells how far it was read.
fn lines() -> File {
    let mut file = tempfile::tempfile().unwrap();
    let line = [[b'x'; 1023].as_slice(), b"\n"].concat().repeat(1024);
    for _ in 0..OFFERED >> 20 {
        file.write_all(&line).unwrap();
    }
    file.rewind().unwrap();
    file
}

fn is_left_to_others(file: &mut File, args: &[&str]) {
    let taken = file.stream_position().unwrap();
    assert!(taken <= TAKEN, "{args:?} took {taken} bytes of {OFFERED}");
}

fn deaf() -> Hostile {
    Hostile::playing(&["101".to_owned(), "stay".to_owned()])
}

#[test]
fn a_peer_that_does_not_read_stops_stdin_and_memory_stays_flat() {
    for args in [
        &["send", "--no-wait"][..],
        &["send"],
        &["connect"],
        &["send", "--binary"],
    ] {
        let (peer, mut stdin) = (deaf(), lines());
        let running = Probe::new(args)
            .args([
                &*peer.addressed("{url}"),
                "-m",
                "1",
                "--close-timeout",
                "200ms",
            ])
            .stdin_from(&stdin)
            .any_stderr()
            .spawn();
        let memory = running.watch_memory();
        running.status(28);
        is_left_to_others(&mut stdin, args);
        let peak = memory.join().unwrap() >> 20;
        assert!(peak <= 48, "{args:?}: {peak} MiB");
    }
}

#[test]
fn a_reader_that_does_not_read_stops_stdin_too() {
    let (_serving, url) = serve(&["--no-compress"]);
    for args in [&["send"][..], &["connect"], &["send", "--json"]] {
        let mut stdin = lines();
        let running = Probe::new(args)
            .args([&*url, "-m", "1", "--close-timeout", "200ms"])
            .stdin_from(&stdin)
            .reader_stops_after(100)
            .any_stdout()
            .any_stderr()
            .spawn();
        let memory = running.watch_memory();
        running.status(28);
        is_left_to_others(&mut stdin, args);
        let peak = memory.join().unwrap() >> 20;
        assert!(peak <= 48, "{args:?}: {peak} MiB");
    }
}

#[test]
fn a_check_of_a_peer_that_does_not_read_ends() {
    let peer = deaf();
    let large = "x".repeat(16 << 20);
    let check = Probe::new(["check", &peer.addressed("{url}"), "-w", "300ms"]);
    let message = format!("@{}", check.file("large", &large));
    check
        .args(["--close-timeout", "300ms", "-x", &message])
        .any_stdout()
        .within(ms(8000))
        .status(1);
    let check = Probe::new(["check", "--close-timeout", "300ms"]);
    check.file("large", large);
    let script = format!(
        "timeout 300ms\nconnect {}\n>file large\n< x\n",
        peer.addressed("{url}")
    );
    let script = check.file("deaf.wst", script);
    check
        .args([&script])
        .any_stdout()
        .within(ms(8000))
        .status(1);
}

#[test]
fn stdin_is_left_to_others_by_those_who_send_nothing_of_it() {
    let (_serving, url) = serve(&[]);
    for args in [
        &["check"][..],
        &["check", "--send", "hi", "--expect", "hi"],
        &["ping", "-c", "1"],
        &["listen", "--for", "100ms"],
        &["send", "hi"],
    ] {
        let mut stdin = tempfile::tempfile().unwrap();
        stdin.write_all(b"the next command's\n").unwrap();
        stdin.rewind().unwrap();
        // The address first: what follows `send` are messages.
        let (verb, rest) = args.split_first().unwrap();
        Probe::new([*verb, &url])
            .args(rest)
            .stdin_from(&stdin)
            .any_stdout()
            .status(0);
        assert_eq!(stdin.stream_position().unwrap(), 0, "{args:?}");
    }
}
