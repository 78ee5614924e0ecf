//! Tests the README: every command in it runs, against `wsprobe serve`, and ends as expected; every output
//! in it is the actual output, except for times and ports.
//!
//! Hosts are replaced by servers of this test (see [`Stage::localised`]), minutes by seconds. `jq` and `man` may be
//! missing on the machine: stand-ins read their input and their arguments.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::harness::{Certificate, ClientCertificate, Nobody, Proxy, Running, serve};

const README: &str = include_str!("../../README.md");

/// Commands that are not run here, because `.ci/run` starts with them or because they
/// would install something.
const ELSEWHERE: &[&str] = &[
    "cargo run --release -- send echo: hello",
    "cargo test",
    "cargo install --git https://github.com/OWNER/wsprobe --locked",
    "cargo binstall --git https://github.com/OWNER/wsprobe wsprobe",
    "docker run --rm ghcr.io/OWNER/wsprobe send echo: hello",
];

/// A fenced block of the README.
struct Block {
    kind: &'static str,
    text: &'static str,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = README;
    while let Some((_, behind)) = rest.split_once("\n```") {
        let (kind, behind) = behind.split_once('\n').unwrap();
        let (text, behind) = behind.split_once("```").unwrap();
        blocks.push(Block { kind, text });
        rest = behind;
    }
    blocks
}

/// The commands of all blocks that show no output.
fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    for block in blocks() {
        match block.kind {
            "sh" => commands.extend(block.text.lines().map(str::to_owned)),
            "yaml" => commands.extend(block.text.lines().filter_map(command_of_yaml)),
            _ => {}
        }
    }
    commands
        .iter()
        .map(|line| without_comment(line).to_owned())
        .filter(|line| !line.is_empty() && !ELSEWHERE.contains(&line.as_str()))
        .collect()
}

fn without_comment(line: &str) -> &str {
    let comment = line
        .find("  #")
        .or_else(|| line.starts_with('#').then_some(0));
    line[..comment.unwrap_or(line.len())].trim()
}

/// The commands of a workflow: `run: …`, `script: …`, `command: [a, b]`.
fn command_of_yaml(line: &str) -> Option<String> {
    if let Some((_, list)) = line.split_once("command: [") {
        let words = list.split(']').next()?.split(", ");
        let words = words.map(|word| word.trim_matches('"').to_owned());
        return Some(words.collect::<Vec<_>>().join(" "));
    }
    ["run: ", "script: "]
        .iter()
        .find_map(|key| line.split_once(key))
        .map(|(_, command)| command.to_owned())
}

/// The servers and files that the commands need.
struct Stage {
    folder: TempDir,
    echo: String,
    feed: String,
    secure: String,
    private: String,
    api: String,
    events: String,
    web: u16,
    proxy: Proxy,
}

impl Stage {
    /// The stage, and its servers, which end when they are dropped.
    fn set() -> (Self, [Running; 6]) {
        let folder = TempDir::new().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            path.into_os_string().into_string().unwrap()
        };
        let certificate = Certificate::good();
        let own = ClientCertificate::new();
        write("ca.pem", certificate.authority_pem());
        write("me.pem", &own.certificate);
        write("me.key", &own.key);
        write("picture.png", "\u{89}PNG");
        write(
            "man/wsprobe-send.1",
            include_str!("../../man/wsprobe-send.1"),
        );
        write("examples/echo.wst", include_str!("../../examples/echo.wst"));
        let example = blocks().into_iter().find(|block| block.kind == "wst");
        write("tests/smoke.wst", example.unwrap().text);
        let program = folder.path().join("bin/wsprobe");
        let stand_in = write("bin/jq", "#!/bin/sh\ncat\n");
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
        let stand_in = write("bin/man", "#!/bin/sh\ntest -s \"$2\"\n");
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(env!("CARGO_BIN_EXE_wsprobe"), program).unwrap();

        let (echoing, echo) = serve(&[]);
        let greeting = r#"{"price":42.5,"job":17,"state":"done"}"#;
        let (feeding, feed) = serve(&["--greeting", greeting]);
        let chain = write("chain.pem", &certificate.pem());
        let key = write("chain.key", &certificate.key_pem());
        let (secured, secure) = serve(&["--cert", &chain, "--key", &key]);
        let (refusing, private) = serve(&["--status", "401"]);
        let (answering, api) = serve(&["--reply", r#"{"token":"t-{{n}}"}"#]);
        let (telling, events) = serve(&["--greeting", r#"{"type":"created"}"#]);
        let stage = Self {
            folder,
            echo,
            feed,
            secure,
            private,
            api,
            events,
            web: web_server(),
            proxy: Proxy::socks(),
        };
        let servers = [echoing, feeding, secured, refusing, answering, telling];
        (stage, servers)
    }

    /// The command with the hosts of this test and shorter time limits.
    fn localised(&self, command: &str) -> String {
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        let (echo, feed) = (bare(&self.echo), bare(&self.feed));
        let port = echo.rsplit(':').next().unwrap();
        let mut command = command
            .replace("wss://example.com/private", &self.private)
            .replace("wss://example.com/api", &self.api)
            .replace("wss://example.com/events", &self.events)
            .replace(
                "https://example.com",
                &format!("http://127.0.0.1:{}", self.web),
            )
            .replace("--for 1h", "--for 1s")
            .replace("wss://example.com/feed", &format!("{feed}/feed"))
            .replace("wss://example.com/jobs", &format!("{feed}/jobs"))
            .replace("ws://localhost:8080/snapshot", &format!("{feed}/snapshot"))
            .replace("socks5h://localhost:1080", &self.proxy.url("socks5h"))
            .replace("serve 8080", "serve 0")
            .replace("serve 8443", "serve 0")
            .replace("proxy 8081", "proxy 0")
            .replace("--for 1m", "--for 1s")
            .replace("ping -c 5", "ping -c 5 -i 0.1")
            .replace(" 500ms", " 20s")
            .replace(" 80ms", " 20s");
        if command.contains("--cacert") || command.contains("-k ") {
            let secure = self.secure.replace("127.0.0.1", "localhost");
            command = command.replace("wss://example.com/", &secure);
        }
        if command.contains("--resolve") {
            command = command
                .replace(
                    "example.com:443:192.0.2.7",
                    &format!("example.com:{port}:127.0.0.1"),
                )
                .replace("wss://example.com/", &format!("ws://example.com:{port}/"));
        }
        Regex::new("wss://[a-z]*\\.?example\\.com|ws://localhost:8080")
            .unwrap()
            .replace_all(&command, echo)
            .into_owned()
    }

    fn spawn(&self, command: &str) -> Child {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.folder.path().join("bin");
        Command::new("bash")
            .args(["-c", command])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", self.folder.path())
            .env("LOGIN", "the login message")
            .env("TOKEN", "a-token-of-mine")
            .env("API_TOKEN", "a-token-of-mine")
            .env("KEY", "a-key-of-mine")
            .env("WSPROBE_PASSWORD", "secret")
            .env("STAGING_URL", self.echo.trim_end_matches('/'))
            .env("NO_COLOR", "1")
            .env_remove("GITHUB_ACTIONS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap()
    }

    /// Runs a command that ends by itself, with nothing on stdin.
    fn run(&self, command: &str) -> Output {
        let mut child = self.spawn(&self.localised(command));
        drop(child.stdin.take());
        self.within_limit(command, child)
    }

    /// Runs a command that does not end: sends a line on stdin, waits for output, then sends Ctrl-C.
    fn run_and_interrupt(&self, command: &str) -> Output {
        use std::io::{Read, Write};
        let mut child = self.spawn(&self.localised(command));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"a line\n").unwrap();
        let group = Pid::from_child(&child);
        let (came, first) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        let readers = streams.map(|mut stream| {
            let came = came.clone();
            thread::spawn(move || {
                let mut all = Vec::new();
                let mut block = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut block) {
                    all.extend_from_slice(&block[..n]);
                    // Waits only for its first word.
                    let _ = came.send(());
                }
                all
            })
        });
        drop(came);
        let spoke = first.recv_timeout(Duration::from_secs(20)).is_ok();
        kill_process_group(group, Signal::INT).unwrap();
        let mut output = self.within_limit(command, child);
        let [stdout, stderr] = readers.map(|reader| reader.join().unwrap());
        output.stdout = stdout;
        output.stderr = stderr;
        assert!(spoke, "{command}: nothing came");
        output
    }

    fn within_limit(&self, command: &str, child: Child) -> Output {
        let group = Pid::from_child(&child);
        let (ended, end) = mpsc::channel();
        let waiting = thread::spawn(move || {
            let output = child.wait_with_output();
            let _ = ended.send(());
            output
        });
        let in_time = end.recv_timeout(Duration::from_secs(30)).is_ok();
        if !in_time {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let output = waiting.join().unwrap().unwrap();
        assert!(in_time, "{command}: still running after 30 s");
        output
    }
}

/// Commands that run until they are stopped.
fn is_endless(command: &str) -> bool {
    [
        "wsprobe serve",
        "wsprobe proxy",
        "wsprobe connect",
        "wsprobe listen wss",
        "wsprobe listen --reconnect",
    ]
    .iter()
    .any(|endless| command.starts_with(endless))
}

#[test]
fn every_command_runs_and_ends_well() {
    let (stage, _servers) = Stage::set();
    let commands = commands();
    assert!(commands.len() > 35, "{commands:#?}");
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(command) =
            commands.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        {
            let (output, is_well) = if is_endless(command) {
                let output = stage.run_and_interrupt(command);
                let is_well = !String::from_utf8_lossy(&output.stderr).contains("wsprobe: ");
                (output, is_well)
            } else {
                let output = stage.run(command);
                let is_well = output.status.success();
                (output, is_well)
            };
            if !is_well {
                wrong.push(format!(
                    "{command}\n  as {}\n  {output:?}",
                    stage.localised(command)
                ));
            }
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let workers = [(); 4].map(|()| scope.spawn(work));
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Answers each HTTP request with 201, for as long as the test runs; returns its port.
fn web_server() -> u16 {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let mut lines = BufReader::new(&client).lines().map_while(Result::ok);
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let _ = (&client).write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        }
    });
    port
}

/// The sessions in the README: each command and its output.
fn sessions() -> Vec<(String, String)> {
    let shown = blocks().into_iter().filter(|block| block.kind == "console");
    let mut sessions: Vec<(String, String)> = Vec::new();
    for line in shown.flat_map(|block| block.text.lines()) {
        match line.strip_prefix("$ ") {
            Some(command) => sessions.push((command.to_owned(), String::new())),
            None => {
                let (_, output) = sessions.last_mut().unwrap();
                output.push_str(line);
                output.push('\n');
            }
        }
    }
    sessions
}

/// The text without times and ports.
fn with_holes(text: &str) -> String {
    let times = Regex::new(r"\d+(\.\d+)?(/\d+(\.\d+)?)* (ms|s)\b").unwrap();
    let ports = Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    let text = times.replace_all(text, "<time>");
    ports.replace_all(&text, "127.0.0.1:<port>").into_owned()
}

#[test]
fn what_is_shown_is_what_comes() {
    let (stage, _servers) = Stage::set();
    let sessions = sessions();
    assert!(sessions.len() >= 3);
    for (command, expected) in &sessions {
        let output = stage.run(&format!("{{ {command}; }} 2>&1"));
        let came = String::from_utf8(output.stdout).unwrap();
        assert_eq!(with_holes(&came), with_holes(expected), "{command}");
    }
}

/// The messages under "Troubleshooting", and a command that prints each; `None` if another program prints it.
const TROUBLE: &[(&str, Option<&str>)] = &[
    (
        "cannot connect to …: Connection refused",
        Some("wsprobe send {nobody} hi"),
    ),
    ("the server answered 200 OK", Some("wsprobe send {page} hi")),
    (
        "the server answered 401",
        Some("wsprobe send wss://example.com/private hi"),
    ),
    (
        "does not speak TLS on this port",
        Some("wsprobe send {plain} hi"),
    ),
    (
        "the certificate of … is not accepted",
        Some("wsprobe send {secure} hi"),
    ),
    (
        "timed out after … 0 of 1 replies received",
        Some("wsprobe send -w 0.2 {silent} hi"),
    ),
    (
        "looks like JSON but is invalid",
        Some("wsprobe send echo: hi --expect \"{'op':'pong'}\""),
    ),
    ("zsh: no matches found", None),
    ("mapping values are not allowed here", None),
];

#[test]
fn messages_under_troubleshooting_are_printed() {
    let (_, section) = README.split_once("\n## Troubleshooting\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let heading = Regex::new(r"(?m)^- \*\*`([^`]+)`\*\*").unwrap();
    let headings: Vec<&str> = heading
        .captures_iter(section)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    let tried: Vec<&str> = TROUBLE.iter().map(|(said, _)| *said).collect();
    assert_eq!(headings, tried);
    assert_eq!(section.matches("\n- ").count(), headings.len());

    let (stage, _servers) = Stage::set();
    let (_paging, page) = serve(&["--status", "200"]);
    let (_keeping, silent) = serve(&["--mode", "silent"]);
    let nobody = Nobody::listens();
    for (said, command) in TROUBLE {
        let Some(command) = command else { continue };
        let command = command
            .replace("{nobody}", &nobody.url())
            .replace("{page}", &page)
            .replace("{plain}", &stage.echo.replace("ws://", "wss://"))
            .replace("{secure}", &stage.secure)
            .replace("{silent}", &silent);
        let output = stage.run(&command);
        let stderr = String::from_utf8(output.stderr).unwrap();
        let pattern = said.split('…').map(regex::escape).collect::<Vec<_>>();
        let pattern = Regex::new(&pattern.join(".+")).unwrap();
        let line = stderr.lines().next().unwrap_or_default();
        assert!(pattern.is_match(line), "{command}\n{said}\n{stderr}");
    }
}

#[test]
fn it_is_no_longer_than_a_person_reads() {
    let lines = README.lines().count();
    assert!((150..=300).contains(&lines), "{lines} lines");
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let pages = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
    ]
    .map(|name| root.join(name));
    let pages = pages
        .into_iter()
        .chain(docs.map(|entry| entry.unwrap().path()));
    let link = Regex::new(r#"\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)""#).unwrap();
    let mut broken = Vec::new();
    for page in pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for found in link.captures_iter(&text) {
            let target = found.get(1).or_else(|| found.get(2)).unwrap().as_str();
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let leads = if file.contains("://") {
                true
            } else if file.is_empty() {
                let slugs = text.lines().filter_map(|line| line.strip_prefix("## "));
                slugs
                    .map(|title| title.to_lowercase().replace(' ', "-"))
                    .any(|slug| slug == heading)
            } else {
                page.parent().unwrap().join(file).exists()
            };
            if !leads {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
