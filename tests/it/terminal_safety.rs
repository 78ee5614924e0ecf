//! Random bytes in every place that a peer controls: no command writes them to the terminal as
//! anything except text.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use proptest::prelude::*;

use crate::harness::{Client, Frame, Hostile, Opcode, Probe, ms};
use crate::hostile::{what_a_session_obeys, what_a_terminal_obeys, without_drawing};

/// Typical attacks: each of these affects some terminal.
const TRIED: [&[u8]; 22] = [
    b"\x1b]52;c;cm0gLXJmIC8=\x07",
    b"\x1b]0;title\x1b\\",
    b"\x1b]8;;http://evil.example\x1b\\",
    b"\x1b[2J",
    b"\x1b[1;7m",
    b"\x1b[6n",
    b"\x1b[?1049h",
    b"\x1bc",
    b"\x1bP+q544e\x1b\\",
    b"\x9b2J",
    b"\x9d0;title\x9c",
    "\u{9b}2J".as_bytes(),
    "\u{9d}0;title\u{9c}".as_bytes(),
    "\u{202e}txt.exe".as_bytes(),
    "\u{2066}\u{200f}".as_bytes(),
    "\u{e0041}\u{feff}".as_bytes(),
    b"\x07\x08\x7f",
    b"\0\x0b\x0c\x0e",
    b"\r\nwsprobe: forged",
    b"\x1b",
    b"\xc2",
    b"{\"a\x1b[2J\":\"\x7f\"}",
];

/// Random bytes, half of them from these attacks.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let tried = proptest::sample::select(&TRIED[..]).prop_map(<[u8]>::to_vec);
    let text = ".{0,6}".prop_map(String::into_bytes);
    let piece = prop_oneof![tried, text, proptest::collection::vec(any::<u8>(), 1..6)];
    let pieces = proptest::collection::vec(piece, 1..10);
    pieces.prop_map(|pieces| pieces.concat()).prop_filter(
        "what a session draws by itself proves nothing",
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            without_drawing(&text) == *text
        },
    )
}

/// The places that a peer controls. Some need options of the client: `-L`, `--proxy`, TLS.
const PLACES: [fn(&Hidden) -> Vec<String>; 13] = [
    |it| steps(&["101", &format!("text {}", it.text), "close 1000"]),
    |it| steps(&["101", &format!("binary {}", it.raw), "close 1000"]),
    |it| steps(&["101", &format!("ping {0}|pong {0}", it.short), "close 1000"]),
    |it| steps(&["101", &format!("close 4001 {}", it.reason)]),
    |it| steps(&["101", &format!("send {}", it.raw)]),
    |it| steps(&["request", &format!("send {}", it.raw)]),
    |it| refused("401", &format!("X-Said: {0}\r\n{0}", it.plain), &it.plain),
    |it| steps(&[&added("Sec-WebSocket-Protocol", it), "hold"]),
    |it| steps(&[&added("Sec-WebSocket-Extensions", it), "hold"]),
    |it| steps(&[&added("X-Said", it), "close 1000"]),
    |it| refused("302", &format!("Location: /{}", it.plain), ""),
    |it| refused(&it.plain, "", ""),
    |it| steps(&[&format!("tls named {}", it.text), "hold"]),
];

/// The place that speaks TLS.
const IN_TLS: usize = PLACES.len() - 1;

/// The same bytes, as arguments of steps.
struct Hidden {
    /// Without quotes, to be part of a step.
    plain: String,
    raw: String,
    /// At most 125 bytes of them.
    short: String,
    /// As UTF-8.
    text: String,
    /// The same, at most 123 bytes of it.
    reason: String,
}

impl Hidden {
    fn new(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let end = (0..=text.len().min(123)).rev();
        let end = end.into_iter().find(|at| text.is_char_boundary(*at));
        let reason = &text[..end.unwrap_or(0)];
        Self {
            plain: bare(bytes),
            raw: quoted(bytes),
            short: quoted(&bytes[..bytes.len().min(125)]),
            text: quoted(text.as_bytes()),
            reason: quoted(reason.as_bytes()),
        }
    }
}

fn bare(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bare(bytes))
}

/// One step each, or several with `|` between them.
fn steps(steps: &[&str]) -> Vec<String> {
    let steps = steps.iter().flat_map(|step| step.split('|'));
    steps.map(str::to_owned).collect()
}

fn added(name: &str, hidden: &Hidden) -> String {
    format!("101 \"{name}: {}\\r\\n\"", hidden.plain)
}

fn refused(status: &str, headers: &str, body: &str) -> Vec<String> {
    let headers = headers.replace("\r\n", "\\r\\n");
    let answer = format!("send \"HTTP/1.1 {status} {body}\\r\\n{headers}\\r\\n\\r\\n{body}\"");
    steps(&["request", &answer])
}

/// Every exit status except invalid usage and a panic.
const ENDS: [i32; 16] = [0, 1, 6, 7, 8, 10, 22, 23, 26, 28, 35, 47, 56, 60, 63, 97];

/// Runs a command against a peer that sends these bytes at this place.
fn run(verb: &[&str], place: usize, bytes: &[u8]) -> (Hostile, Probe) {
    let peer = Hostile::playing(&PLACES[place](&Hidden::new(bytes)));
    let url = peer.addressed(if place == IN_TLS { "{wss}" } else { "{url}" });
    let (name, rest) = verb.split_first().unwrap();
    let probe = Probe::new([
        name,
        "-vv",
        "-L",
        "-m",
        "3",
        "--close-timeout",
        "200ms",
        &*url,
    ]);
    let probe = probe.args(rest).any_stdout();
    // Reached only without verification.
    let probe = probe.args(["-k"].iter().filter(|_| place == IN_TLS));
    (peer, probe)
}

fn is_harmless(verb: &[&str], place: usize, bytes: &[u8]) {
    let (peer, probe) = run(verb, place, bytes);
    let output = probe.spawn_on_a_terminal().status_among(&ENDS);
    drop(peer);
    let obeyed = what_a_terminal_obeys(&output.stdout);
    assert_eq!(
        obeyed,
        None,
        "in {:?}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Each case is a process; a failing case is printed and needs no regression file.
fn some(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 64,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(some(24))]

    #[test]
    fn nothing_is_obeyed_by_a_listener(bytes in bytes(), place in 0..PLACES.len()) {
        is_harmless(&["listen", "--for", "200ms"], place, &bytes);
    }

    #[test]
    fn nothing_is_obeyed_by_a_sender(bytes in bytes(), place in 0..PLACES.len()) {
        is_harmless(&["send", "hi", "--expect", "never", "-w", "200ms"], place, &bytes);
    }

    #[test]
    fn nothing_is_obeyed_by_a_pinger(bytes in bytes(), place in 0..PLACES.len()) {
        is_harmless(&["ping", "-c", "1", "-W", "200ms"], place, &bytes);
    }

    #[test]
    fn nothing_is_obeyed_by_a_check(bytes in bytes(), place in 0..PLACES.len()) {
        is_harmless(&["check", "--send", "hi", "--expect", "never", "-w", "200ms"], place, &bytes);
    }

    #[test]
    fn nothing_is_obeyed_through_a_proxy(bytes in bytes(), socks: bool) {
        let hidden = Hidden::new(&bytes);
        let peer = match socks {
            true => Hostile::playing(&steps(&["expect-data 3", &format!("send {}", hidden.raw)])),
            false => Hostile::playing(&refused("407", &hidden.plain, &hidden.plain)),
        };
        let proxy = peer.addressed(if socks { "socks5h://127.0.0.1:{port}" } else { "http://127.0.0.1:{port}" });
        let probe = Probe::new(["listen", "-vv", "ws://host.example/", "--proxy", &proxy]);
        let output = probe.any_stdout().spawn_on_a_terminal().status_among(&ENDS);
        prop_assert_eq!(what_a_terminal_obeys(&output.stdout), None);
    }

    #[test]
    fn nothing_is_obeyed_in_a_session(bytes in bytes(), place in 0..PLACES.len()) {
        let (peer, probe) = run(&["connect"], place, &bytes);
        let mut session = probe.spawn_on_a_terminal();
        // A session whose connection never opened ends by itself.
        if session.shows_or_ends("/quit quits", ms(5000)) {
            for command in ["/status", "/headers", "/last 5", "/quit"] {
                session.write(format!("{command}\r"));
            }
        }
        let output = session.status_among(&ENDS);
        drop(peer);
        let obeyed = what_a_session_obeys(&output.stdout);
        prop_assert_eq!(obeyed, None, "in {:?}", String::from_utf8_lossy(&output.stdout));
    }

    #[test]
    fn nothing_is_obeyed_by_a_server(bytes in bytes()) {
        let probe = Probe::new(["serve", "0", "-vv", "--color", "never"]);
        let mut serving = probe.any_stdout().spawn_on_a_terminal();
        serving.shows("listening on ");
        let url = serving.line();
        let url = url.split([' ', ',', ')', '\r']).next().unwrap().to_owned();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let reason = text.chars().take(30).collect::<String>();
        for frame in [
            Frame::text(&text),
            Frame::new(Opcode::Binary, bytes.clone()),
            Frame::new(Opcode::Ping, &bytes[..bytes.len().min(125)]),
            Frame::close(4001, &reason),
            Frame::new(Opcode::Text, bytes.clone()),
        ] {
            let mut client = Client::connect(&url);
            client.send(&frame);
            leaves(client.into_tcp());
        }
        let mut client = Client::connect(&url);
        client.send_raw(&bytes);
        leaves(client.into_tcp());
        for (before, after) in [
            ("", ""),
            ("GET /", " HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: x\r\nOrigin: ", "\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: ", "\r\n\r\n"),
        ] {
            let host = url.trim_start_matches("ws://").trim_end_matches('/');
            let mut tcp = TcpStream::connect(host).unwrap();
            tcp.write_all(&[before.as_bytes(), &bytes, after.as_bytes()].concat()).unwrap();
            leaves(tcp);
        }
        serving.interrupt();
        let output = serving.status_among(&[0, 130]);
        let obeyed = what_a_terminal_obeys(&output.stdout);
        prop_assert_eq!(obeyed, None, "in {:?}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Shuts down writing and waits until the server has disconnected, so that all is received. A reset is
/// also accepted.
fn leaves(mut tcp: TcpStream) {
    let _ = tcp.shutdown(Shutdown::Write);
    let _ = tcp.read_to_end(&mut Vec::new());
}
