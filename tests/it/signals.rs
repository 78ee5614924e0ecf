//! Ctrl-C and SIGTERM: the first closes the connection, the second ends at once.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Hostile, Probe, Server, ms, serve};

#[test]
fn an_interrupt_closes_politely_and_is_130() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["listen", &server.url()])
        .stdout("one\n")
        .any_stderr()
        .spawn();
    probe.shows("one\n");
    let server = server.expect_close_in([1000, 1001]).close(1000, "");
    probe.interrupt();
    probe.status(130);
    drop(server);
}

#[test]
fn a_termination_closes_politely_and_is_143() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["listen", &server.url()])
        .stdout("one\n")
        .any_stderr()
        .spawn();
    probe.shows("one\n");
    let server = server.expect_close_in([1000, 1001]).close(1000, "");
    probe.terminate();
    probe.status(143);
    drop(server);
}

#[test]
fn an_interrupted_send_is_130() {
    let server = Server::new().accept().expect_text("hi");
    let mut probe = Probe::new(["send", &server.url(), "hi", "-w", "15s"])
        .any_stderr()
        .spawn();
    let server = server
        .played()
        .expect_close_in([1000, 1001])
        .close(1000, "");
    probe.interrupt();
    probe.status(130);
    drop(server);
}

#[test]
fn an_interrupted_pipe_is_130() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["connect", &server.url()])
        .stdin_held_open()
        .any_stdout()
        .any_stderr()
        .spawn();
    probe.shows("one\n");
    let server = server.expect_close_in([1000, 1001]).close(1000, "");
    probe.interrupt();
    probe.status(130);
    drop(server);
}

#[test]
fn an_interrupt_during_the_handshake_is_130_at_once() {
    let server = Server::new().expect_request();
    let mut probe = Probe::new(["listen", &server.url()])
        .any_stderr()
        .within(ms(5000))
        .spawn();
    let server = server.played().expect_hangup();
    probe.interrupt();
    probe.status(130);
    drop(server);
}

#[test]
fn a_second_interrupt_does_not_wait_for_the_answer_to_the_close() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["listen", &server.url(), "--close-timeout", "15s"])
        .any_stdout()
        .any_stderr()
        .within(ms(5000))
        .spawn();
    probe.shows("one\n");
    probe.interrupt();
    let server = server
        .expect_close_in([1000, 1001])
        .played()
        .expect_hangup();
    probe.interrupt();
    probe.status(130);
    drop(server);
}

#[test]
fn a_server_that_ignores_the_close_delays_an_interrupt_only_by_the_limit() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["listen", &server.url(), "--close-timeout", "300ms"])
        .any_stdout()
        .any_stderr()
        .within(ms(5000))
        .spawn();
    probe.shows("one\n");
    probe.interrupt();
    let server = server.expect_close_in([1000, 1001]).silent();
    probe.status(130);
    drop(server);
}

#[test]
fn messages_that_came_before_an_interrupt_are_printed() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["listen", &server.url()])
        .stdout("one\ntwo\n")
        .any_stderr()
        .spawn();
    probe.shows("one\n");
    probe.interrupt();
    let server = server
        .expect_close_in([1000, 1001])
        .send_text("two")
        .close(1000, "");
    probe.status(130);
    drop(server);
}

#[test]
fn control_c_ends_it_though_nobody_reads_stdout() {
    let server = Server::new().accept().flood(&"x".repeat(1000));
    let mut listening = Probe::new(["listen", "--close-timeout", "200ms", &server.url()])
        .reader_stops_after(1000)
        .any_stdout()
        .within(ms(5000))
        .spawn();
    listening.shows("xxx");
    listening.interrupt();
    listening.status(130);
}

/// From the signal to the end: 1 s for the last output, which runs during the closing handshake, and some more for a
/// machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn one_interrupt_ends_it_whatever_the_peer_and_the_reader_of_stdout_do() {
    let (_serving, echo) = serve(&[]);
    let peer = |steps: &[&str]| {
        let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
        Hostile::playing(&steps)
    };
    // A flood that never ends: `ever` stops after a GiB.
    let flood = peer(&["101", "times 99999999 text \"0123456789\""]);
    let deaf = peer(&["101", "stay"]);
    let table = [
        ("ping -i 200us", &echo, &[0][..]),
        ("ping -f", &echo, &[0]),
        ("ping -f --json", &echo, &[0]),
        ("ping -i 0", &echo, &[0]),
        ("ping -i 0 --new-connection", &echo, &[0]),
        ("ping -f", &deaf.addressed("{url}"), &[1]),
        ("listen", &flood.addressed("{url}"), &[130]),
        ("listen --json", &flood.addressed("{url}"), &[130]),
        ("listen --echo", &flood.addressed("{url}"), &[130]),
        ("send -0", &echo, &[130]),
        ("send -0 --json", &echo, &[130]),
        ("send -0", &deaf.addressed("{url}"), &[130]),
        (
            "send --whole --binary --fragment 64k",
            &deaf.addressed("{url}"),
            &[130],
        ),
        ("connect -0", &echo, &[130]),
        ("connect -0 --json", &echo, &[130]),
        ("connect -0", &flood.addressed("{url}"), &[130]),
        ("check --expect x -w 60", &flood.addressed("{url}"), &[130]),
        (
            "check --expect x -w 60 --json",
            &flood.addressed("{url}"),
            &[130],
        ),
    ];
    let ends = |args: &str, url: &str, codes: &[i32], device: Option<&str>| {
        let probe = Probe::new(args.split(' '))
            .args([url, "-v", "--close-timeout", "500ms"])
            .stdin_from(&File::open("/dev/zero").unwrap())
            .any_stderr();
        let probe = match device {
            Some(device) => probe.stdout_to(device),
            None => probe.reader_stops_after(1).any_stdout(),
        };
        let mut running = probe.spawn();
        running.stderr_line("101");
        // How full the pipes and buffers are cannot be seen.
        thread::sleep(ms(300));
        let since = Instant::now();
        running.interrupt();
        running.status_among(codes);
        let took = since.elapsed();
        assert!(took < AT_ONCE, "{args}, {device:?}: {took:?}");
    };
    for device in [None, Some("/dev/null")] {
        for some in table.chunks(4) {
            thread::scope(|scope| {
                for (args, url, codes) in some {
                    scope.spawn(move || ends(args, url, codes, device));
                }
            });
        }
    }
}

#[test]
fn a_hang_up_closes_politely_and_is_129() {
    let server = Server::new().accept().send_text("one");
    let mut probe = Probe::new(["listen", &server.url()])
        .stdout("one\n")
        .any_stderr()
        .spawn();
    probe.shows("one\n");
    let server = server.expect_close_in([1000, 1001]).close(1000, "");
    probe.hang_up();
    probe.status(129);
    drop(server);
}

// Only on Linux ignored signals can be read without unsafe code.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    type Send = fn(&mut crate::harness::Running);
    let signals: [(&str, Send); 3] = [
        ("HUP", |probe| probe.hang_up()),
        ("INT", |probe| probe.interrupt()),
        ("TERM", |probe| probe.terminate()),
    ];
    for (name, send) in signals {
        let server = Server::new().accept().send_text("one");
        let mut probe = Probe::new(["listen", &server.url()])
            .ignoring(name)
            .stdout("one\ntwo\n")
            .any_stderr()
            .spawn();
        probe.shows("one\n");
        send(&mut probe);
        let server = server.send_text("two").close(1000, "").expect_close(1000);
        probe.status(0);
        drop(server);
    }
}

#[test]
fn an_attempt_that_is_interrupted_ends_with_an_event_of_its_own() {
    let server = Server::new().expect_request();
    let folder = tempfile::TempDir::new().unwrap();
    let log = folder.path().join("log");
    let probe = Probe::new(["listen", "--json", &server.url()]).any_stdout();
    let mut probe = probe.args(["--log".as_ref(), log.as_os_str()]).spawn();
    let server = server.played();
    probe.interrupt();
    let output = probe.status(130);
    let told = output.events();
    let logged = std::fs::read_to_string(&log).unwrap();
    let logged: serde_json::Value = serde_json::from_str(logged.lines().last().unwrap()).unwrap();
    for end in [told.last().unwrap(), &logged] {
        let kinds = (end["event"].as_str(), end["kind"].as_str());
        assert_eq!(kinds, (Some("error"), Some("interrupted")));
        assert_eq!(
            (end["conn"].as_u64(), end["exit"].as_u64()),
            (Some(1), Some(130))
        );
    }
    drop(server);
}
