//! Backpressure: wsprobe stops reading stdin when the peer does not read, and stops reading both stdin and the
//! peer when the reader of stdout does not read. A command that does not use stdin does not read it.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::harness::{Frame, Hostile, Opcode, Probe, accept_key, ms, serve};

/// Much more than the buffers of the kernel and the program can hold.
const OFFERED: u64 = 96 << 20;
const TAKEN: u64 = 32 << 20;

/// Lines to send; the file position shows how much was read.
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
fn a_peer_that_takes_nothing_is_reached_by_the_limit_of_silence() {
    let plain: &[&str] = &["101", "stay"];
    let tls: &[&str] = &["tls good", "101", "stay"];
    let http2: &[&str] = &["http2", r#"h2 1 4 "\x88""#, "stay"];
    for (steps, args) in [
        (plain, &["send", "{url}", "-w", "1"][..]),
        (plain, &["send", "{url}", "-w", "1", "--whole"]),
        (plain, &["send", "{url}", "-w", "1", "--no-wait"]),
        (plain, &["send", "{url}", "-w", "1", "--expect", "x"]),
        (plain, &["send", "{url}", "-w", "1", "-c", "1"]),
        (plain, &["send", "{url}", "-w", "1", "--json"]),
        (plain, &["connect", "{url}", "-w", "1"]),
        (tls, &["send", "{wss}", "--cacert", "{ca}", "-w", "1"]),
        (http2, &["send", "{url}", "--http2", "-w", "1", "--whole"]),
    ] {
        let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
        let peer = Hostile::playing(&steps);
        let output = Probe::new(args.iter().map(|arg| peer.addressed(arg)))
            .args(["--close-timeout", "200ms"])
            .stdin_from(&lines())
            .any_stdout()
            .stderr_has("-w TIME waits longer")
            .at_least(ms(1000))
            .within(ms(8000))
            .status(28);
        let said = format!("{}{}", output.text(), output.stderr);
        assert!(said.contains("the server took nothing for 1 s"), "{args:?}");
    }
}

#[test]
fn an_echo_and_pings_for_a_peer_that_takes_nothing_end_too() {
    let steps = [
        "101",
        "ever text \"0123456789012345678901234567890123456789\"",
    ];
    let flooding = Hostile::playing(&steps.map(str::to_owned));
    Probe::new(["listen", "--echo", "--idle-timeout", "1"])
        .args([&*flooding.addressed("{url}"), "--close-timeout", "200ms"])
        .any_stdout()
        .stderr_has("the server took nothing for 1 s")
        .stderr_has("--idle-timeout TIME waits longer")
        .within(ms(15_000))
        .status(28);
    // Over HTTP/2 the peer alone decides how much it takes: here 64 KiB.
    let steps = ["http2", r#"h2 1 4 "\x88""#, "stay"];
    let deaf = Hostile::playing(&steps.map(str::to_owned));
    Probe::new(["ping", "--http2", "-i", "10us", "--size", "125", "-W", "1"])
        .args([&*deaf.addressed("{url}"), "--close-timeout", "200ms"])
        .any_stdout()
        .stderr_has("the server took nothing for 1 s")
        .within(ms(15_000))
        .status(28);
}

#[test]
fn a_peer_that_reads_slowly_is_alive() {
    const TAKEN: usize = 12 << 20;
    let peer = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}/", peer.local_addr().unwrap());
    let sending = Probe::new([
        "send",
        "--no-wait",
        "--whole",
        "--no-compress",
        "-w",
        "1",
        &url,
    ])
    .stdin_from(&lines())
    .any_stderr()
    .at_least(ms(3000))
    .spawn();
    let mut tcp = peer.accept().unwrap().0;
    upgrade(&mut tcp);
    // What the buffers of the kernel hold is taken at once; from then on 200 kB each 200 ms.
    tcp.read_exact(&mut vec![0; TAKEN]).unwrap();
    for _ in 0..15 {
        std::thread::sleep(ms(200));
        tcp.read_exact(&mut vec![0; 200_000]).unwrap();
    }
    drop(tcp);
    sending.status(56);
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

/// While the peer reads too slowly, wsprobe still answers its pings and sends its own.
#[test]
fn pings_and_pongs_leave_between_messages_that_never_end() {
    const WITHIN: usize = 32 << 20;
    for more in [&[][..], &["--no-compress"], &["--binary"]] {
        let peer = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("ws://{}/", peer.local_addr().unwrap());
        let sending = Probe::new(["send", "--no-wait", "--ping-interval", "20ms", &url])
            .args(more)
            .stdin_from(&lines())
            .any_stderr()
            .spawn();
        let mut tcp = peer.accept().unwrap().0;
        upgrade(&mut tcp);
        tcp.write_all(&Frame::new(Opcode::Ping, b"alive?").encode(None))
            .unwrap();
        let (mut taken, mut left) = (0, vec![Opcode::Ping, Opcode::Pong]);
        while !left.is_empty() {
            let frame = Frame::read(&mut tcp).unwrap().0;
            taken += frame.payload.len();
            left.retain(|opcode| *opcode != frame.opcode);
            assert!(taken < WITHIN, "{more:?}: {left:?} not among {taken} bytes");
        }
        drop(tcp);
        sending.status(56);
    }
}

/// The response to the handshake, without compression.
fn upgrade(tcp: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key.unwrap())
    );
    tcp.write_all(answer.as_bytes()).unwrap();
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
        // The URL comes first: the arguments after it are messages.
        let (verb, rest) = args.split_first().unwrap();
        Probe::new([*verb, &url])
            .args(rest)
            .stdin_from(&stdin)
            .any_stdout()
            .status(0);
        assert_eq!(stdin.stream_position().unwrap(), 0, "{args:?}");
    }
}
