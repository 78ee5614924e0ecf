//! Every situation of `tests/hostile` ends as its table specifies: exit status, time limit, one error
//! line; no received data is lost, and no escape sequence of the peer reaches a
//! terminal.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use crate::harness::{Hostile, Probe, Situation, ms, read_situations};

/// Situations played at a time: most of them are waiting.
const AT_A_TIME: usize = 6;

#[test]
fn handshakes() {
    play(include_str!("../hostile/handshakes.txt"));
}

#[test]
fn refusals_and_redirects() {
    play(include_str!("../hostile/refusals.txt"));
}

#[test]
fn frames() {
    play(include_str!("../hostile/frames.txt"));
}

#[test]
fn closes() {
    play(include_str!("../hostile/closes.txt"));
}

#[test]
fn lost_connections() {
    play(include_str!("../hostile/losses.txt"));
}

#[test]
fn floods_drips_and_bombs() {
    play(include_str!("../hostile/floods.txt"));
}

#[test]
fn tls() {
    play(include_str!("../hostile/tls.txt"));
}

#[test]
fn proxies() {
    play(include_str!("../hostile/proxies.txt"));
}

#[test]
fn http2() {
    play(include_str!("../hostile/http2.txt"));
}

/// Plays every situation of a table and reports all failures. `WSPROBE_SITUATION` selects one.
#[track_caller]
fn play(table: &str) {
    let only = std::env::var("WSPROBE_SITUATION").ok();
    let mut waiting = read_situations(table);
    waiting.retain(|situation| only.as_ref().is_none_or(|only| *only == situation.name));
    waiting.reverse();
    let waiting = Mutex::new(waiting);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(situation) = next(&waiting) {
                    let name = situation.name.clone();
                    for (way, run) in WAYS {
                        let played = catch_unwind(AssertUnwindSafe(|| run(&situation)));
                        if let Err(panic) = played {
                            let why = panic.downcast_ref::<String>().cloned();
                            let why = why.unwrap_or_else(|| "it panicked".to_owned());
                            wrong.lock().unwrap().push(format!("[{name}] {way}: {why}"));
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn next(waiting: &Mutex<Vec<Situation>>) -> Option<Situation> {
    waiting.lock().unwrap().pop()
}

/// A way to play a situation; a panic reports a failure.
type Way = (&'static str, fn(&Situation));

const WAYS: [Way; 5] = [
    ("in a pipe", in_a_pipe),
    ("on a terminal", on_a_terminal),
    ("as events", as_events),
    ("as a session", as_a_session),
    ("as a check", as_a_check),
];

fn probe(situation: &Situation, peer: &Hostile) -> Probe {
    Probe::new(situation.run.iter().map(|word| peer.addressed(word))).within(situation.limit)
}

#[track_caller]
fn no_faults(peer: &Hostile) {
    let faults = peer.faults();
    assert!(faults.is_empty(), "the peer complains: {faults:?}");
}

fn in_a_pipe(situation: &Situation) {
    let peer = Hostile::playing(&situation.serve);
    let mut probe = probe(situation, &peer).any_stderr();
    probe = match situation.stdout() {
        Some(kept) => probe.stdout(kept),
        None => probe.any_stdout(),
    };
    for part in &situation.said {
        probe = probe.stderr_has(&peer.addressed(part));
    }
    let running = probe.spawn();
    let memory = running.watch_memory();
    let output = running.status(situation.exit);
    no_faults(&peer);
    if situation.exit != 0 {
        is_one_line_and_what_was_said(&output.stderr);
        if let Some(first) = situation.said.first() {
            let first = peer.addressed(first).to_lowercase();
            let line = output
                .stderr
                .lines()
                .find(|line| line.starts_with("wsprobe: "));
            let line = line.unwrap_or_default();
            assert!(
                line.to_lowercase().contains(&first),
                "{first:?} in {line:?}"
            );
        }
    }
    let peak = memory.join().unwrap();
    if let Some(most) = situation.memory {
        assert!(peak <= most, "it had {} KiB", peak / 1024);
    }
}

/// `wsprobe: WHAT: WHY`, then the peer's response, indented, then perhaps a hint.
#[track_caller]
fn is_one_line_and_what_was_said(stderr: &str) {
    let verbose = |line: &&str| ["* ", "> ", "< "].iter().any(|mark| line.starts_with(mark));
    let mut lines = stderr.lines().filter(|line| !verbose(line));
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with("wsprobe: "), "{stderr}");
    let belongs = |line: &str| line.starts_with("  ") || line.starts_with("hint: ");
    assert!(lines.all(belongs), "more than one error:\n{stderr}");
    let control = |ch: char| ch.is_control() && ch != '\n';
    assert!(!stderr.contains(control), "{stderr:?}");
}

fn on_a_terminal(situation: &Situation) {
    let peer = Hostile::playing(&situation.serve);
    let running = probe(situation, &peer).any_stdout().spawn_on_a_terminal();
    let output = running.status(situation.exit);
    no_faults(&peer);
    if let Some(obeyed) = what_a_terminal_obeys(&output.stdout) {
        panic!("{obeyed} reached the terminal");
    }
}

/// Types meanwhile, and quits once the connection has ended.
fn as_a_session(situation: &Situation) {
    let Some(probe) = instead_of_listen(situation, "connect") else {
        return;
    };
    let peer = Hostile::playing(&situation.serve);
    let probe = probe(&peer).args(["-vv"]).within(situation.limit);
    let mut running = probe.any_stdout().spawn_on_a_terminal();
    // A session whose connection never opened ends by itself.
    if running.shows_or_ends("/quit quits", situation.limit) {
        running.write("/quit\r");
    }
    let output = running.status_among(&[0, situation.exit]);
    no_faults(&peer);
    if let Some(obeyed) = what_a_session_obeys(&output.stdout) {
        panic!("{obeyed} reached the terminal");
    }
}

/// As a report on a terminal.
fn as_a_check(situation: &Situation) {
    let Some(probe) = instead_of_listen(situation, "check") else {
        return;
    };
    let peer = Hostile::playing(&situation.serve);
    let probe = probe(&peer).args(["-vv", "-w", "300ms"]);
    let running = probe
        .within(situation.limit)
        .any_stdout()
        .spawn_on_a_terminal();
    let output = running.status_among(&[0, 1]);
    no_faults(&peer);
    if let Some(obeyed) = what_a_terminal_obeys(&output.stdout) {
        panic!("{obeyed} reached the terminal");
    }
}

/// The same command line with another command, unless it has options of `listen` only.
fn instead_of_listen<'a>(
    situation: &'a Situation,
    verb: &'a str,
) -> Option<impl FnOnce(&Hostile) -> Probe + use<'a>> {
    let (listen, rest) = situation.run.split_first()?;
    let own = ["--for", "--idle-timeout", "-c"];
    if listen != "listen" || rest.iter().any(|word| own.contains(&word.as_str())) {
        return None;
    }
    let patient = !rest.iter().any(|word| word == "--close-timeout");
    let added = ["--close-timeout", "300ms"];
    Some(move |peer: &Hostile| {
        let rest = rest.iter().map(|word| peer.addressed(word));
        let probe = Probe::new([verb.to_owned()].into_iter().chain(rest));
        probe.args(added.iter().filter(|_| patient))
    })
}

/// Everything sent to a terminal that is neither text nor one of our own colours.
pub fn what_a_terminal_obeys(shown: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(shown) else {
        return Some("what is not UTF-8".to_owned());
    };
    let mut rest = text.to_owned();
    // Dim, and the colours of errors, hints and JSON; the peers in the tables use other colours.
    for own in ["0", "2", "31", "32", "33", "35", "36", "1;34"] {
        rest = rest.replace(&format!("\x1b[{own}m"), "");
    }
    // A terminal's newline; a CR alone moves the cursor to the start of the line.
    let rest = rest.replace("\r\n", "\n");
    let at = rest.find(obeyed)?;
    let around: String = rest[at..].chars().take(12).collect();
    Some(format!("{around:?}"))
}

/// The same for a session, which also draws the line being typed.
pub fn what_a_session_obeys(shown: &[u8]) -> Option<String> {
    match std::str::from_utf8(shown) {
        Ok(text) => what_a_terminal_obeys(without_drawing(text).as_bytes()),
        Err(_) => Some("what is not UTF-8".to_owned()),
    }
}

/// The text without the sequences that draw the prompt: bracketed paste, synchronized updates, erasing
/// below, cursor movement back, up and right, and the question about the background, which is asked once, at the
/// beginning. No peer in the tables sends these.
pub fn without_drawing(text: &str) -> String {
    let own = ["?2004h", "?2004l", "?2026h", "?2026l", "J"];
    let asked = "\x1b[?2004h\x1b]11;?\x1b\\\x1b[c";
    let text = text.strip_prefix(asked).unwrap_or(text);
    let text = text.replace("\r\x1b[", "\x1b[");
    let text = own
        .iter()
        .fold(text, |text, own| text.replace(&format!("\x1b[{own}"), ""));
    let mut parts = text.split("\x1b[");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && part[digits..].starts_with(['A', 'C']) {
            rest.push_str(&part[digits + 1..]);
        } else {
            rest.extend(["\x1b[", part]);
        }
    }
    rest
}

// A fast reader may empty the pipe between a write and the readiness check: in an earlier version
// nothing woke the session then.
#[test]
fn what_fills_the_buffer_again_and_again_is_read_to_its_end() {
    const MESSAGES: usize = 192;
    let steps = [
        "101".to_owned(),
        format!("times {MESSAGES} binary 1048576 of \"a\""),
        "close 1000".to_owned(),
        "expect-close 1000".to_owned(),
    ];
    let peer = Hostile::playing(&steps);
    let running = Probe::new(["listen".to_owned(), peer.addressed("{url}")])
        .any_stdout()
        .spawn();
    let memory = running.watch_memory();
    let output = running.status(0);
    assert_eq!(output.stdout.len(), MESSAGES << 20);
    no_faults(&peer);
    let peak = memory.join().unwrap() >> 20;
    assert!(peak <= 64, "{peak} MiB");
}

// The peer determines the size of a text as JSON: six times its size here.
#[test]
fn a_huge_text_as_an_event_takes_no_more_memory_than_the_text() {
    const SIZE: usize = 3 << 20;
    let steps = [
        "101".to_owned(),
        format!("text {SIZE} of \"\\x01\""),
        "close 1000".to_owned(),
        "hold".to_owned(),
    ];
    let peer = Hostile::playing(&steps);
    let running = Probe::new([
        "listen".to_owned(),
        "--json".to_owned(),
        peer.addressed("{url}"),
    ])
    .any_stdout()
    .within(ms(60_000))
    .spawn();
    let memory = running.watch_memory();
    let output = running.status(0);
    let told = output
        .text()
        .lines()
        .find(|line| line.contains("\"message\""));
    assert_eq!(told.unwrap().matches("\\u0001").count(), SIZE);
    no_faults(&peer);
    let peak = memory.join().unwrap() >> 20;
    assert!(peak <= 32, "{peak} MiB");
}

// The line being typed is erased only while that text is written.
#[test]
fn a_huge_text_shown_again_in_a_session_comes_whole_and_takes_no_more_memory_than_itself() {
    const SIZE: usize = 3 << 20;
    let steps = [
        "101".to_owned(),
        format!("text {SIZE} of \"\\x1b\""),
        "hold".to_owned(),
    ];
    let peer = Hostile::playing(&steps);
    let mut session = Probe::new([
        "connect",
        &peer.addressed("{url}"),
        "--close-timeout",
        "100ms",
    ])
    .env("PAGER", "")
    .any_stdout()
    .within(ms(60_000))
    .spawn_on_a_terminal();
    let memory = session.watch_memory();
    session.shows("/last shows all");
    session.write("/last 1\r");
    session.sees_drawn_last("> ");
    session.write("/quit\r");
    let output = session.status(0);
    let shown = memchr::memmem::find_iter(&output.stdout, b"\\x1b").count();
    assert!(shown >= SIZE, "{shown} of {SIZE}");
    let peak = memory.join().unwrap() >> 20;
    assert!(peak <= 32, "{peak} MiB");
}

/// C0, DEL, C1, line separators and what changes the direction or hides.
fn obeyed(ch: char) -> bool {
    (ch.is_control() && !matches!(ch, '\n' | '\t'))
        || matches!(
            ch,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(ch, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || matches!(ch, '\u{e0000}'..='\u{e007f}')
}

/// Each connection ends with exactly one final event.
fn as_events(situation: &Situation) {
    let peer = Hostile::playing(&situation.serve);
    let running = probe(situation, &peer)
        .args(["--json"])
        .any_stdout()
        .any_stderr()
        .spawn();
    let output = running.status(situation.exit);
    no_faults(&peer);
    assert!(!output.text().contains(obeyed), "{}", output.text());
    let events = output.events();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    let open = kinds.iter().filter(|kind| **kind == "open").count();
    let begun = kinds.iter().filter(|kind| **kind == "connecting").count();
    let closed = kinds.iter().filter(|kind| **kind == "close").count();
    let failed = events.iter().filter(|event| {
        let is_end = matches!(event["event"].as_str(), Some("refused" | "error"));
        is_end && event["conn"].as_u64().is_some_and(|conn| conn > 0)
    });
    let opened: Vec<u64> = events
        .iter()
        .filter(|event| event["event"] == "open")
        .filter_map(|event| event["conn"].as_u64())
        .collect();
    let unopened = failed.filter(|event| !opened.contains(&event["conn"].as_u64().unwrap_or(0)));
    assert_eq!(open, closed, "opened and closed: {kinds:?}");
    assert_eq!(
        begun,
        closed + unopened.count(),
        "begun and ended: {kinds:?}"
    );
}
