//! Random command lines against correct and faulty servers: the exit
//! status is in the table, the run ends within its time limit, and each connection has one final event.
//!
//! The lines are generated from a seed. `WSPROBE_SEED=7 WSPROBE_RUNS=20000 cargo test --test it random_commands` is a
//! long run; a failure prints the command line.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{BlackHole, Nobody, schema, serve};

const STATUSES: [i32; 21] = [
    0, 1, 2, 6, 7, 8, 10, 22, 23, 26, 28, 35, 47, 56, 58, 60, 63, 97, 129, 130, 143,
];

/// The time limit of each run (`-m`), and the allowance for the closing handshake and a slow machine.
const LIMIT: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(12);

/// A pseudo-random generator (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Options of every command, each with a value that may be valid.
const SHARED: &[&str] = &[
    "-v",
    "-vv",
    "-q",
    "--json",
    "--no-compress",
    "--insecure",
    "--http2",
    "-L",
    "-t",
    "--show-secrets",
    "-H=X-A: b",
    "-H=nonsense",
    "-s=chat",
    "-o=https://a.test",
    "-A=me",
    "-b=a=b",
    "-u=joe:secret",
    "--bearer=token",
    "--max-size=16",
    "--max-size=1MiB",
    "--retry=1",
    "--retry=300ms",
    "--reconnect=1",
    "--backoff=10ms..20ms",
    "--ping-interval=50ms",
    "--ping-timeout=100ms",
    "--close-timeout=100ms",
    "--connect-timeout=300ms",
    "--close-code=4000",
    "--close-code=1006",
    "-x=hello",
    "-x=env:NOWHERE",
    "--color=always",
    "--pretty=always",
    "--max-redirects=0",
    "-4",
    "-6",
    "--no-such-option",
];

const LISTEN: &[&str] = &[
    "-c=1",
    "-c=0",
    "-1",
    "--for=200ms",
    "--for=soon",
    "--until=hello",
    "--until=.a == 1",
    "--until={\"a\":",
    "--filter=/h/",
    "--select=.a",
    "--idle-timeout=100ms",
    "--echo",
    "-0",
];

const SEND: &[&str] = &[
    "-w=100ms",
    "-c=1",
    "-c=3",
    "--no-wait",
    "--binary",
    "--hex",
    "--base64",
    "--fragment=2",
    "--rate=50/s",
    "--expect=hello",
    "--expect={\"a\":1}",
    "--expect=/x/i",
    "--expect-close=1000",
    "--expect-status=101",
    "--expect-status=401",
    "--expect-subprotocol=chat",
    "-0",
    "hello",
    "{\"a\":1}",
    "",
    "00ff",
    "-",
];

const PING: &[&str] = &[
    "-c=2",
    "-i=20ms",
    "-w=300ms",
    "-W=100ms",
    "-f",
    "--size=0",
    "--size=125",
    "--size=200",
    "--app=hello",
    "--max-p95=1ms",
    "--max-loss=0",
    "--new-connection",
    "--adaptive",
    "--histogram",
];

const CHECK: &[&str] = &[
    "--send=hello",
    "--expect=hello",
    "--expect=nothing",
    "--expect-close=1000",
    "--expect-status=503",
    "--max-handshake=1s",
    "--min-cert-days=1",
    "--skip=ping",
    "--skip=nonsense",
    "--wait=200ms",
];

const AUDIT: &[&str] = &[
    "--only=frames",
    "--only=nonsense",
    "--skip=handshake,tls",
    "--allow=frames-unmasked",
    "--list",
    "--intrusive",
    "--message=hello",
    "--after=hello",
    "--expect-origin-check",
    "--wait=200ms",
];

fn command_line(random: &mut Random, urls: &[String]) -> Vec<String> {
    let (verb, own) = [
        ("listen", LISTEN),
        ("send", SEND),
        ("ping", PING),
        ("check", CHECK),
        ("audit", AUDIT),
    ][random.below(5)];
    let mut line = vec![verb.to_owned(), urls[random.below(urls.len())].clone()];
    for options in [own, own, own, SHARED, SHARED] {
        if random.below(3) > 0 {
            let option = random.pick(options);
            match option.split_once('=').filter(|_| option.starts_with('-')) {
                Some((name, value)) => line.extend([name.to_owned(), value.to_owned()]),
                None => line.push(option.to_owned()),
            }
        }
    }
    // Added last: without it a stream has no end.
    line.extend(["-m".to_owned(), format!("{}ms", LIMIT.as_millis())]);
    line
}

/// The error of a run, if any.
fn faults_of(
    line: &[String],
    status: Option<i32>,
    took: Duration,
    stdout: &str,
    stderr: &str,
) -> Vec<String> {
    let mut faults = Vec::new();
    if !status.is_some_and(|status| STATUSES.contains(&status)) {
        faults.push(format!("exit status {status:?}"));
    }
    if took > LIMIT + GRACE {
        faults.push(format!("took {took:?}"));
    }
    if stderr.contains("panicked") || stderr.contains("internal error") {
        faults.push("a panic".to_owned());
    }
    if status != Some(0) && status != Some(1) && stderr.is_empty() && stdout.is_empty() {
        faults.push("a failure without a word".to_owned());
    }
    if line.iter().any(|word| word == "--json") && status != Some(2) {
        faults.extend(stdout.lines().filter_map(schema::mismatch));
        faults.extend(connections_without_one_end(stdout));
    }
    faults
}

fn connections_without_one_end(stdout: &str) -> Vec<String> {
    let mut ends: BTreeMap<u64, u64> = BTreeMap::new();
    for event in stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        let connection = event["conn"].as_u64().unwrap_or(0);
        if connection > 0 {
            let is_end = matches!(event["event"].as_str(), Some("close" | "refused" | "error"));
            *ends.entry(connection).or_default() += u64::from(is_end);
        }
    }
    let wrong = ends.into_iter().filter(|(_, ends)| *ends != 1);
    wrong
        .map(|(connection, ends)| format!("connection {connection} has {ends} final events"))
        .collect()
}

#[test]
fn any_command_line_ends_in_time_with_a_status_of_the_table() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let seed = number("WSPROBE_SEED").unwrap_or(1);
    let runs = number("WSPROBE_RUNS").unwrap_or(240);
    let modes: [&[&str]; 7] = [
        &[],
        &["--mode", "silent"],
        &["--greeting", "{\"a\":1}"],
        &["--status", "503"],
        &["--close-after", "1", "--close-code", "1013"],
        &["--drop-after", "1"],
        &["--bad", "utf8"],
    ];
    let (servers, mut urls): (Vec<_>, Vec<_>) = modes.iter().map(|mode| serve(mode)).unzip();
    let nobody = Nobody::listens();
    let hole = BlackHole::dig();
    urls.extend([nobody.url(), "echo:".to_owned()]);
    urls.extend(hole.as_ref().map(BlackHole::url));
    urls.extend(
        [
            "ws://no-such-host.invalid/",
            "wss://127.0.0.1:1/",
            "nonsense://x",
            "",
        ]
        .map(str::to_owned),
    );
    let next = AtomicU64::new(0);
    let work = || {
        let mut wrong = Vec::new();
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed);
            if run >= runs {
                return wrong;
            }
            let mut random = Random(seed.wrapping_mul(1 << 32).wrapping_add(run));
            let line = command_line(&mut random, &urls);
            let begun = Instant::now();
            let output = Command::new(env!("CARGO_BIN_EXE_wsprobe"))
                .args(&line)
                .env_remove("GITHUB_ACTIONS")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let (stdout, stderr) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            let faults = faults_of(
                &line,
                output.status.code(),
                begun.elapsed(),
                &stdout,
                &stderr,
            );
            if !faults.is_empty() {
                wrong.push(format!(
                    "wsprobe {line:?}\n  {faults:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
                ));
            }
        }
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers = [(); 4].map(|()| scope.spawn(work));
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    drop(servers);
    assert!(
        wrong.is_empty(),
        "{} of {runs}:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}
