//! Every way to pass a secret, against peers that repeat it in every place: it must not be in any output,
//! error, log, report or file.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::harness::{Hostile, Probe};

const SECRET: &str = "c0rrect-h0rse+staple";

/// The same, percent-encoded for a URL.
const IN_A_URL: &str = "c0rrect-h0rse%2Bstaple";

/// Ways to pass it: additional arguments. `{file}` contains the secret, `{headers}` a header
/// with it, and so does the variable AUTH.
const WAYS: [&[&str]; 12] = [
    &["{url}", "-x", "env:AUTH"],
    &["{url}", "-x", "@{file}"],
    &["{url}", "--bearer", SECRET],
    &["{url}", "--bearer", "env:AUTH"],
    &["{url}", "--bearer", "@{file}"],
    &["{url}", "-u", "me:c0rrect-h0rse+staple"],
    &["{url}", "-b", "session=c0rrect-h0rse+staple"],
    &["{url}", "-H", "Cookie: a=1; session=c0rrect-h0rse+staple"],
    &["{url}", "-H", "@{headers}"],
    &["ws://me:c0rrect-h0rse%2Bstaple@127.0.0.1:{port}/"],
    &["ws://127.0.0.1:{port}/?access_token=c0rrect-h0rse%2Bstaple"],
    &[
        "ws://host.example/",
        "--proxy",
        "http://me:c0rrect-h0rse%2Bstaple@127.0.0.1:{port}",
    ],
];

/// Steps of peers that repeat it; `SECRET` is replaced by it.
const PEERS: [&[&str]; 11] = [
    &[
        "request",
        "send \"HTTP/1.1 401 SECRET\\r\\nWWW-Authenticate: Basic realm=\\\"SECRET\\\"\\r\\n\\r\\nyou said SECRET\\n\"",
    ],
    &[
        "request",
        "send \"HTTP/1.1 302 x\\r\\nLocation: ws://127.0.0.1:{port}/SECRET?SECRET\\r\\n\\r\\n\"",
    ],
    &[
        "request",
        "send \"HTTP/1.1 407 SECRET\\r\\nProxy-Authenticate: SECRET\\r\\n\\r\\nSECRET\\n\"",
    ],
    &[
        "request",
        "send \"HTTP/1.1 101 SECRET\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: SECRET\\r\\n\\r\\n\"",
    ],
    &["101 \"Sec-WebSocket-Protocol: SECRET\\r\\n\"", "hold"],
    &[
        "101 \"Sec-WebSocket-Extensions: SECRET; SECRET=SECRET\\r\\n\"",
        "hold",
    ],
    &["request", "send \"SECRET\\r\\n\"", "hold"],
    &[
        "101 \"X-Seen: SECRET\\r\\n\"",
        "close 4001 \"SECRET\"",
        "answer-close",
    ],
    &["101", "send \"\\x93\\x14SECRET\"", "hold"],
    &["101", "send \"SECRET\"", "hold"],
    &[
        "101",
        "ping \"SECRET\"",
        "pong \"SECRET\"",
        "close 4001 \"you said SECRET\"",
        "answer-close",
    ],
];

/// How wsprobe is run.
const MODES: [&[&str]; 3] = [
    &["listen", "-vv"],
    &["listen", "--json", "-vv"],
    &["check", "-v"],
];

#[test]
fn no_secret_is_told_whatever_the_peer_does() {
    let mut waiting = Vec::new();
    for way in WAYS {
        for peer in PEERS {
            waiting.extend(MODES.map(|mode| (way, peer, mode)));
        }
    }
    let (waiting, wrong) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some((way, peer, mode)) = waiting.lock().unwrap().pop() else {
                        return;
                    };
                    let told = catch_unwind(AssertUnwindSafe(|| told(way, peer, mode)));
                    match told {
                        Ok(None) => {}
                        Ok(Some(told)) => {
                            let told = format!("{mode:?} {way:?} {peer:?}: {told}");
                            wrong.lock().unwrap().push(told);
                        }
                        Err(_) => wrong
                            .lock()
                            .unwrap()
                            .push(format!("{mode:?} {way:?} {peer:?}")),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The output of a run that contains the secret, if any.
fn told(way: &[&str], peer: &[&str], mode: &[&str]) -> Option<String> {
    let steps: Vec<String> = peer
        .iter()
        .map(|step| step.replace("SECRET", SECRET))
        .collect();
    let peer = Hostile::playing(&steps);
    let folder = TempDir::new().unwrap();
    let given = TempDir::new().unwrap();
    let file = given.path().join("secret");
    let headers = given.path().join("headers");
    fs::write(&file, SECRET).unwrap();
    fs::write(&headers, format!("X-Api-Key: {SECRET}\n")).unwrap();
    let args = mode.iter().chain(way).map(|word| {
        peer.addressed(word)
            .replace("{file}", &file.to_string_lossy())
            .replace("{headers}", &headers.to_string_lossy())
    });
    let mut probe = Probe::new(args)
        .any_stdout()
        .any_stderr()
        .env("AUTH", SECRET);
    for name in ["HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        probe = probe.env(name, folder.path());
    }
    if mode[0] == "listen" {
        let log = folder.path().join("log");
        probe = probe
            .args(["--log".as_ref(), log.as_os_str()])
            .args(["-m", "5"]);
    } else {
        let junit = folder.path().join("junit.xml");
        let tap = folder.path().join("report.tap");
        probe = probe.args(["--junit".as_ref(), junit.as_os_str()]);
        probe = probe
            .args(["--tap".as_ref(), tap.as_os_str()])
            .args(["-w", "500ms"])
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", folder.path().join("page.md"));
    }
    let output = probe.fails();
    let mut all = vec![("stdout".to_owned(), output.text().to_owned())];
    all.push(("stderr".to_owned(), output.stderr));
    all.extend(left_behind(folder.path()));
    all.into_iter().find_map(|(place, text)| {
        let line = text.lines().find(|line| has_secret(line))?;
        Some(format!("{place}: {line}"))
    })
}

/// What servers repeat is often not the whole text of a file, and not always as it was written.
#[test]
fn no_part_and_no_other_form_of_a_secret_is_told() {
    let contents = [
        format!("{{\"op\":\"login\",\"auth\":{{\"token\":\"{SECRET}\"}}}}"),
        format!("login-by-line\n{SECRET}\n"),
    ];
    let steps = [
        "101 \"X-Seen: c0rrect%2Dh0rse%2bstaple\r\n\"",
        "text \"c0rrect-h0rse+staple\"",
        "binary \"\\xffc0rrect-h0rse+staple\"",
        "binary \"\\xff/?t=c0rrect-h0rse+staple\"",
        "close 4001 \"c0rrect-h0rse%2Bstaple\"",
        "answer-close",
    ];
    let peer = Hostile::playing(&steps.map(str::to_owned));
    let url = peer.addressed("{url}");
    for content in contents {
        let listen = Probe::new(["listen", "--log", "log", "-vv"]);
        let file = listen.file("login", &content);
        let output = listen
            .args([&*url, "-x", &format!("@{file}")])
            .any_stdout()
            .any_stderr()
            .status(10);
        fs::remove_file(file).unwrap();
        let mut all = left_behind(output.home.path());
        assert!(all.iter().any(|(name, _)| name.ends_with("log")), "{all:?}");
        all.push(("stderr".to_owned(), output.stderr));

        let check = Probe::new(["check", "-v", "--junit", "junit.xml", "repeat.wst"]);
        let file = check.file("login", &content);
        check.file(
            "repeat.wst",
            format!("set login = {{{{env.LOGIN}}}}\nconnect {url}\n> {{{{login}}}}\n< not this\n"),
        );
        let output = check
            .env("LOGIN", content.trim_end())
            .any_stdout()
            .any_stderr()
            .status(1);
        fs::remove_file(file).unwrap();
        all.extend(left_behind(output.home.path()));
        all.push(("stdout".to_owned(), output.text().to_owned()));
        all.push(("stderr".to_owned(), output.stderr));
        let base64 = STANDARD.encode([b"\xff", SECRET.as_bytes()].concat());
        for (name, text) in all {
            let told = |line: &&str| has_secret(line) || line.contains(&base64);
            assert_eq!(text.lines().find(told), None, "{name}");
            assert!(!text.contains("c0rrect%2D"), "{name}: {text}");
            assert!(name != "stdout" || text.contains("***"), "{text}");
        }
    }
}

/// Lines typed in a session. `{url}` is another server than the first one.
const TYPED: [&str; 11] = [
    "/log by-hand.log",
    "c0rrect-h0rse+staple",
    "{\"op\":\"login\",\"password\":\"typed-by-hand\"}",
    "Authorization: Bearer typed-by-hand",
    "auth typed-by-hand",
    "/onopen {\"token\":\"typed-by-hand\"}",
    "/connect ftp://typed-by-hand@host.example",
    "/connect ws://me:typed-by/hand@127.0.0.1:{port}/",
    "/connect ws://127.0.0.1:{port}/?access_token=typed-by-hand",
    "/connect ws://me:c0rrect-h0rse%2Bstaple@127.0.0.1:{port}/",
    "/headers",
];

#[test]
fn nothing_that_was_typed_in_a_session_is_kept_on_a_disk() {
    let steps = [
        "101 \"X-Seen: c0rrect-h0rse+staple\\r\\n\"",
        "text \"you said c0rrect-h0rse+staple\"",
        "ping \"c0rrect-h0rse+staple\"",
        "close 4001 \"c0rrect-h0rse+staple\"",
        "answer-close",
    ];
    let peer = Hostile::playing(&steps.map(str::to_owned));
    let echo = Hostile::playing(&["101".to_owned(), "hold".to_owned()]);
    let probe = Probe::new(["connect", "-vv", "--color", "never", "-x", "env:AUTH"])
        .args([&echo.addressed("{url}"), "--log", "flag.log"])
        .env("AUTH", SECRET);
    let mut session = probe.any_stdout().spawn_on_a_terminal();
    session.shows("connected to");
    for line in TYPED {
        let typed = peer.addressed(line);
        session.write(format!("{typed}\r"));
        let shown = typed.get(..30).unwrap_or(&typed).to_owned();
        session.sees("what was entered", |screen| {
            screen.text().contains(&shown) && screen.typed() == ">"
        });
    }
    session.shows("4001");
    session.write("/headers\r/status\r/save session.wst\r");
    session.shows("session.wst");
    session.write("/quit\r");
    let output = session.status(0);
    let kept = left_behind(output.home.path());
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "flag.log",
        "by-hand.log",
        "session.wst",
        "wsprobe/history/127.0.0.1",
    ] {
        assert!(
            names.iter().any(|kept| kept.contains(name)),
            "{name}: {names:?}"
        );
    }
    for (name, text) in &kept {
        // A log contains sent messages unchanged, unless they are known to come from a secret source.
        let may_be_there = name.ends_with(".log");
        for line in text.lines() {
            assert!(!has_secret(line), "{name}: {line}");
            let is_sent = may_be_there && line.contains("\"dir\":\"out\"");
            assert!(is_sent || !line.contains("typed-by"), "{name}: {line}");
        }
    }
}

fn has_secret(line: &str) -> bool {
    let hexadecimal = SECRET.bytes().take(8).map(|byte| format!("{byte:02x}"));
    let forms = [
        SECRET.to_owned(),
        IN_A_URL.to_owned(),
        STANDARD.encode(format!("me:{SECRET}")),
        hexadecimal.collect::<Vec<_>>().join(" "),
    ];
    forms.iter().any(|form| line.contains(form.as_str()))
}

/// Every file in a folder, with its content.
fn left_behind(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(left_behind(&path));
        } else {
            let content = fs::read(&path).unwrap();
            let content = String::from_utf8_lossy(&content).into_owned();
            all.push((path.display().to_string(), content));
        }
    }
    all
}
