//! `echo:`, the built-in server, with every command.

use crate::harness::{Probe, ms};

#[test]
fn send_gets_its_messages_back() {
    Probe::new(["send", "echo:", "hi", "there"])
        .stdout("hi\nthere\n")
        .any_stderr()
        .status(0);
}

#[test]
fn lines_of_stdin_come_back() {
    let lines: String = (0..500).map(|n| format!("line {n}\n")).collect();
    Probe::new(["send", "echo:"])
        .stdin(&lines)
        .stdout(&lines)
        .any_stderr()
        .status(0);
}

#[test]
fn listen_hears_what_it_executes() {
    Probe::new(["listen", "echo:", "-x", "hi", "-1"])
        .stdout("hi\n")
        .any_stderr()
        .status(0);
}

#[test]
fn ping_measures_it() {
    Probe::new(["ping", "echo:", "-c", "2", "-i", "50ms"])
        .stdout_has("2 sent, 2 received")
        .any_stderr()
        .status(0);
}

#[test]
fn a_pipe_goes_through_it() {
    Probe::new(["connect", "echo:", "-w", "300ms"])
        .stdin("a\nb\n")
        .stdout("a\nb\n")
        .any_stderr()
        .within(ms(5000))
        .status(0);
}

#[test]
fn binary_comes_back_byte_for_byte() {
    Probe::new(["send", "echo:", "--hex", "00ff0a80"])
        .stdout(b"\x00\xff\n\x80")
        .any_stderr()
        .status(0);
}

#[test]
fn a_name_with_a_port_is_a_host() {
    Probe::new(["send", "echo:8080", "hi", "--connect-timeout", "5s"])
        .stderr_has("echo:8080")
        .status(6);
}
