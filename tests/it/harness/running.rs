//! A run of the binary that the test can talk to, signal and wait for.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use memchr::memmem;
#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::capture::Capture;
use super::frames::show;
use super::probe::{Probe, Text};
use super::schema;
use super::screen::{Screen, Size};

/// The time limit of each wait; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ends of a child's streams.
pub(super) struct Channels {
    pub stdin: Option<Box<dyn Write + Send>>,
    pub stdout: Capture,
    pub stderr: Capture,
    /// The terminal, if they are one.
    pub terminal: Option<File>,
}

/// A child process; killed if dropped while running.
pub struct Running {
    probe: Probe,
    channels: Channels,
    pid: u32,
    exit: mpsc::Receiver<(ExitStatus, Instant)>,
    started: Instant,
    /// How much of stdout the test has already read.
    read: usize,
    /// The sizes of the window, each with how much of stdout came before it.
    sizes: Vec<(usize, Size)>,
    over: bool,
}

/// The output of a finished run, for checks beyond the expectations.
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// The folder of its files.
    pub home: TempDir,
}

impl Output {
    /// stdout, which must be text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// The lines of stdout, each of which must be JSON.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.text().lines().map(parse).collect()
    }
}

/// Input and output.
impl Running {
    /// `started` is before the start of the child, so that times measured by the child are never longer.
    pub(super) fn new(
        probe: Probe,
        mut child: Child,
        channels: Channels,
        started: Instant,
    ) -> Self {
        let pid = child.id();
        let (ended, exit) = mpsc::channel();
        thread::spawn(move || {
            let status = child.wait().unwrap();
            // The receiver is gone if the test has failed.
            let _ = ended.send((status, Instant::now()));
        });
        Self {
            probe,
            channels,
            pid,
            exit,
            started,
            read: 0,
            sizes: Vec::new(),
            over: false,
        }
    }

    /// Writes to stdin in a thread (the child may not be reading), then ends it unless held open.
    pub(super) fn feed(&mut self, bytes: Vec<u8>, held_open: bool) {
        if held_open {
            self.write(bytes);
        } else if let Some(mut stdin) = self.channels.stdin.take() {
            // A child that has ended reads no more, which the test may expect.
            thread::spawn(move || stdin.write_all(&bytes));
        }
    }

    #[track_caller]
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.channels.stdin.as_mut().expect("stdin is open");
        if let Err(error) = stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()) {
            let what = show(bytes.as_ref());
            self.fail(&[format!("it did not take {what} on stdin: {error}")]);
        }
    }

    pub fn close_stdin(&mut self) {
        self.channels.stdin = None;
    }

    /// The next line of stdout, without its newline.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let start = self.read;
        let line = self.wait_for_stdout("another line", |bytes| {
            let end = bytes[start..].iter().position(|byte| *byte == b'\n')?;
            Some(bytes[start..start + end].to_vec())
        });
        self.read += line.len() + 1;
        String::from_utf8(line).unwrap()
    }

    /// Waits for a text on stdout, after the text of the previous wait.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> &mut Self {
        let found = self.wait_for_stdout(&format!("{text:?}"), search(text, self.read));
        self.read = found + text.len();
        self
    }

    /// Whether a text arrives on stdout, after the text of the previous wait and before the end.
    pub fn shows_or_ends(&mut self, text: &str, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let found = self.channels.stdout.wait(until, search(text, self.read));
        self.read = found.map_or(self.read, |found| found + text.len());
        found.is_some()
    }

    /// Waits until the screen meets a condition, and returns it.
    #[track_caller]
    pub fn sees(&mut self, what: &str, mut look: impl FnMut(&Screen) -> bool) -> Screen {
        let sizes = self.sizes.clone();
        let mut last = None;
        let until = Instant::now() + PATIENCE;
        let seen = self.channels.stdout.wait(until, |bytes| {
            let screen = Screen::of(bytes, &sizes);
            let is_seen = look(&screen);
            last = Some(screen);
            is_seen.then_some(())
        });
        let screen = last.expect("it was looked at");
        if seen.is_none() {
            let shown = screen.text();
            self.fail(&[format!("the screen never showed {what}:\n{shown}")]);
        }
        screen
    }

    /// Waits until the last drawn piece contains this text: rendering the whole screen would take too
    /// long in a flood.
    #[track_caller]
    pub fn sees_drawn_last(&mut self, text: &str) {
        self.wait_for_stdout(&format!("{text:?} at its end"), |bytes| {
            let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4096)..]);
            let drawn = tail.rsplit("\x1b[J").next();
            drawn
                .is_some_and(|drawn| drawn.contains(text))
                .then_some(())
        });
    }

    /// The folder that it runs in.
    pub fn folder(&self) -> &Path {
        self.probe.home.path()
    }

    /// Waits for a line of stderr that has a text, and returns that line.
    #[track_caller]
    pub fn stderr_line(&mut self, text: &str) -> String {
        let find = |bytes: &[u8]| {
            let (whole, _) = bytes.split_at(bytes.iter().rposition(|byte| *byte == b'\n')?);
            let lines = String::from_utf8_lossy(whole);
            lines
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        };
        match self.channels.stderr.wait(Instant::now() + PATIENCE, find) {
            Some(line) => line,
            None => self.fail(&[format!("stderr never had a line with {text:?}")]),
        }
    }

    /// Waits until the process sleeps although data of the server at this port has arrived.
    #[cfg(target_os = "linux")]
    pub fn leaves_unread(&self, port: u16) {
        let begun = Instant::now();
        loop {
            let before = unread_from(port);
            let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
            // The name before the state may contain anything but a further parenthesis.
            let sleeps = state.rsplit(')').next().unwrap().starts_with(" S");
            // What arrives wakes a process that reads: then this has changed.
            if sleeps && before > 0 && before == unread_from(port) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "all was read, {before} {state}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Watches its memory until it has ended.
    pub fn watch_memory(&self) -> JoinHandle<u64> {
        let path = format!("/proc/{}/status", self.pid);
        thread::spawn(move || {
            let mut peak = 0;
            // It has ended, or is a zombie without memory.
            while let Some(now) = peak_of(&path) {
                peak = now;
                thread::sleep(Duration::from_millis(5));
            }
            peak
        })
    }

    /// Its peak memory, in bytes.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> u64 {
        peak_of(&format!("/proc/{}/status", self.pid)).unwrap()
    }

    #[track_caller]
    fn wait_for_stdout<T>(&mut self, what: &str, look: impl FnMut(&[u8]) -> Option<T>) -> T {
        match self.channels.stdout.wait(Instant::now() + PATIENCE, look) {
            Some(found) => found,
            None => self.fail(&[format!("stdout never had {what}")]),
        }
    }
}

/// Finds a text in growing output, from `start` on, without searching any part twice.
fn search(text: &str, start: usize) -> impl FnMut(&[u8]) -> Option<usize> {
    let finder = memmem::Finder::new(text).into_owned();
    let mut from = start;
    move |bytes| {
        let found = finder.find(&bytes[from..]).map(|at| from + at);
        from = from.max((bytes.len() + 1).saturating_sub(finder.needle().len()));
        found
    }
}

/// Its terminal and its signals.
#[cfg(unix)]
impl Running {
    /// Resizes the window, once the screen has its expected content.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        super::terminal::resize(&self.terminal(), (columns, rows)).unwrap();
        let so_far = self.channels.stdout.bytes().len();
        self.sizes.push((so_far, (columns, rows)));
        // The kernel tells only the processes of a terminal's own session.
        self.signal(Signal::WINCH);
    }

    /// A handle to its terminal that outlives it.
    pub fn terminal(&self) -> File {
        let terminal = self.channels.terminal.as_ref();
        terminal.expect("it has a terminal").try_clone().unwrap()
    }

    pub fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    pub fn quit(&mut self) {
        self.signal(Signal::QUIT);
    }

    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    pub fn hang_up(&mut self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.pid), signal).unwrap();
    }
}

/// The end of the process.
impl Running {
    /// Waits for the end and checks all expectations, without closing stdin.
    #[track_caller]
    pub fn status(self, code: i32) -> Output {
        self.finish(&[code])
    }

    /// The same, with one of several possible statuses.
    #[track_caller]
    pub fn status_among(self, codes: &[i32]) -> Output {
        self.finish(codes)
    }

    /// Waits for the end with any status except success and a panic.
    #[track_caller]
    pub(super) fn fails(self) -> Output {
        self.finish(&[
            1, 2, 6, 7, 8, 10, 22, 23, 26, 28, 35, 47, 56, 58, 60, 63, 97,
        ])
    }

    #[track_caller]
    fn finish(mut self, codes: &[i32]) -> Output {
        let until = self.started + self.probe.expected.at_most + Duration::from_secs(2);
        let Ok((status, ended)) = self
            .exit
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        else {
            let limit = self.probe.expected.at_most;
            self.fail(&[format!("still running after its limit of {limit:?}")])
        };
        self.over = true;
        let wrong = self.mismatches(codes, status, ended.duration_since(self.started));
        if !wrong.is_empty() {
            self.fail(&wrong);
        }
        Output {
            stdout: self.channels.stdout.bytes(),
            stderr: String::from_utf8_lossy(&self.channels.stderr.bytes()).into_owned(),
            home: std::mem::replace(&mut self.probe.home, TempDir::new().unwrap()),
        }
    }

    fn mismatches(&self, codes: &[i32], status: ExitStatus, took: Duration) -> Vec<String> {
        let mut wrong = Vec::new();
        if !status.code().is_some_and(|code| codes.contains(&code)) {
            wrong.push(format!("it ended with {status}, expected {codes:?}"));
        }
        let expected = &self.probe.expected;
        let streams = [
            ("stdout", &self.channels.stdout, &expected.stdout),
            ("stderr", &self.channels.stderr, &expected.stderr),
        ];
        for (name, capture, text) in streams {
            if !capture.wait_for_end(Instant::now() + PATIENCE) {
                wrong.push(format!("{name} is still open after its end"));
            }
            wrong.extend(
                text.mismatch(&capture.bytes())
                    .map(|why| format!("{name} {why}")),
            );
        }
        let events = self.probe.events(&self.channels.stdout.bytes());
        wrong.extend(events.iter().filter_map(|line| schema::mismatch(line)));
        if took > expected.at_most {
            wrong.push(format!(
                "it took {took:?}, expected at most {:?}",
                expected.at_most
            ));
        }
        if took < expected.at_least {
            wrong.push(format!(
                "it took {took:?}, expected at least {:?}",
                expected.at_least
            ));
        }
        wrong
    }

    #[track_caller]
    fn fail(&mut self, wrong: &[String]) -> ! {
        self.kill();
        let limit = Instant::now() + Duration::from_secs(1);
        self.channels.stdout.wait_for_end(limit);
        self.channels.stderr.wait_for_end(limit);
        panic!(
            "{}\n- {}\n--- stdout: {}\n--- stderr:\n{}\n---",
            self.probe.command_line(),
            wrong.join("\n- "),
            show(&self.channels.stdout.bytes()),
            String::from_utf8_lossy(&self.channels.stderr.bytes()),
        );
    }

    fn kill(&mut self) {
        if !self.over && self.exit.try_recv().is_err() {
            // Not reaped yet, so the id still belongs to this child, which may have ended.
            kill(self.pid);
        }
        self.over = true;
    }
}

#[cfg(unix)]
fn pid(id: u32) -> Pid {
    Pid::from_raw(id.cast_signed()).unwrap()
}

#[cfg(unix)]
fn kill(id: u32) {
    let _ = kill_process(pid(id), Signal::KILL);
}

#[cfg(not(unix))]
fn kill(id: u32) {
    let id = id.to_string();
    let _ = std::process::Command::new("taskkill")
        .args(["/F", "/PID", &id])
        .status();
}

/// The peak memory of the process of a status file, in bytes; `None` if the system does
/// not report it.
fn peak_of(path: &str) -> Option<u64> {
    let status = std::fs::read_to_string(path).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Text {
    fn mismatch(&self, came: &[u8]) -> Option<String> {
        match self {
            Self::Exactly(expected) if came == expected => None,
            Self::Exactly(expected) => {
                let same = came
                    .iter()
                    .zip(expected)
                    .take_while(|(a, b)| a == b)
                    .count();
                Some(format!(
                    "differs at byte {same}: {} bytes {}, expected {} bytes {}",
                    came.len(),
                    show(came),
                    expected.len(),
                    show(expected)
                ))
            }
            Self::Parts { has, lacks } => {
                let came = String::from_utf8_lossy(came).to_lowercase();
                let found = |part: &&String| came.contains(&part.to_lowercase());
                let missing: Vec<_> = has.iter().filter(|part| !found(part)).collect();
                let unwanted: Vec<_> = lacks.iter().filter(found).collect();
                let wrong = !missing.is_empty() || !unwanted.is_empty();
                wrong.then(|| format!("lacks {missing:?}, and must not have {unwanted:?}"))
            }
        }
    }
}

/// The bytes that clients of a server at this port have received and not read.
#[cfg(target_os = "linux")]
fn unread_from(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let peer = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(str::split_whitespace);
    let unread = rows.filter_map(|mut row| {
        let queues = row.nth(2)?.ends_with(&peer).then(|| row.nth(1))??;
        u64::from_str_radix(queues.split(':').nth(1)?, 16).ok()
    });
    unread.sum()
}
