//! Runs the binary under test in a clean environment and checks its output and exit status.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::capture::{Capture, Reader};
use super::running::{Channels, Output, Running};
use super::server::Server;
#[cfg(unix)]
use super::terminal;

/// A command line to run. By default stdout and stderr must be empty.
#[must_use = "nothing runs until `status` or `spawn`"]
pub struct Probe {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    stdin_held_open: bool,
    stdin_file: Option<File>,
    stdout_file: Option<PathBuf>,
    ignored: Option<&'static str>,
    reader: Reader,
    pub(super) home: TempDir,
    pub(super) expected: Expected,
}

/// The expected result of a run.
pub(super) struct Expected {
    pub stdout: Text,
    pub stderr: Text,
    pub at_least: Duration,
    pub at_most: Duration,
}

/// The expected content of one stream.
pub(super) enum Text {
    Exactly(Vec<u8>),
    /// Parts that must and must not occur, in any case.
    Parts {
        has: Vec<String>,
        lacks: Vec<String>,
    },
}

impl Text {
    fn has(&mut self, part: &str) {
        self.parts().0.push(part.to_owned());
    }

    fn lacks(&mut self, part: &str) {
        self.parts().1.push(part.to_owned());
    }

    fn parts(&mut self) -> (&mut Vec<String>, &mut Vec<String>) {
        if let Self::Exactly(_) = self {
            *self = Self::Parts {
                has: Vec::new(),
                lacks: Vec::new(),
            };
        }
        match self {
            Self::Parts { has, lacks } => (has, lacks),
            Self::Exactly(_) => unreachable!("replaced just above"),
        }
    }
}

impl Probe {
    /// How long a run may take before it is killed and the test fails.
    const LIMIT: Duration = Duration::from_secs(20);

    /// Runs with /dev/null as stdin, and pipes as stdout and stderr.
    pub fn new<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self {
            args: args
                .into_iter()
                .map(|arg| arg.as_ref().to_owned())
                .collect(),
            env: Vec::new(),
            stdin: None,
            stdin_held_open: false,
            stdin_file: None,
            stdout_file: None,
            ignored: None,
            reader: Reader::Stays,
            home: TempDir::new().unwrap(),
            expected: Expected {
                stdout: Text::Exactly(Vec::new()),
                stderr: Text::Exactly(Vec::new()),
                at_least: Duration::ZERO,
                at_most: Self::LIMIT,
            },
        }
    }

    /// `wsprobe ping` with options separated by spaces, as one would type them.
    pub fn ping(server: &Server, options: &str) -> Self {
        Self::new(["ping", &server.url()]).args(options.split(' '))
    }

    /// More arguments, after the ones given so far.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Starts the process with this signal ignored, as `nohup` does with `HUP`.
    #[cfg(target_os = "linux")]
    pub fn ignoring(mut self, signal: &'static str) -> Self {
        self.ignored = Some(signal);
        self
    }

    /// A FIFO in a folder of this run, without a writer.
    pub fn fifo(&self, name: &str) -> String {
        let path = self.home.path().join(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success(), "mkfifo {path:?}: {made}");
        path.into_os_string().into_string().unwrap()
    }

    /// A file in a folder of this run, for arguments that name one.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// Runs in the same home directory as another run that has ended.
    pub fn in_home_of(mut self, other: Output) -> Self {
        self.home = other.home;
        self
    }

    /// stdin is a pipe with these bytes.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(bytes.as_ref().to_vec());
        self
    }

    /// This file as stdin: its position, which is shared, tells how much of it has been read.
    pub fn stdin_from(mut self, file: &File) -> Self {
        self.stdin_file = Some(file.try_clone().unwrap());
        self
    }

    /// stdin is a pipe that stays open after the bytes given with [`Probe::stdin`].
    pub fn stdin_held_open(mut self) -> Self {
        self.stdin_held_open = true;
        self
    }

    /// Redirects stdout to a file or a device; it is not checked.
    pub fn stdout_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.stdout_file = Some(path.into());
        self
    }

    /// The reader of stdout reads so many bytes and closes its end.
    pub fn reader_leaves_after(mut self, bytes: usize) -> Self {
        self.reader = Reader::LeavesAfter(bytes);
        self
    }

    /// The reader of stdout stops reading after so many bytes and keeps its end open.
    pub fn reader_stops_after(mut self, bytes: usize) -> Self {
        self.reader = Reader::StopsAfter(bytes);
        self
    }

    /// stdout must be exactly this.
    pub fn stdout(mut self, expected: impl AsRef<[u8]>) -> Self {
        self.expected.stdout = Text::Exactly(expected.as_ref().to_vec());
        self
    }

    /// stdout must have this part, in any case.
    pub fn stdout_has(mut self, part: &str) -> Self {
        self.expected.stdout.has(part);
        self
    }

    pub fn stdout_lacks(mut self, part: &str) -> Self {
        self.expected.stdout.lacks(part);
        self
    }

    /// stdout may be anything; the test looks at the [`Output`].
    pub fn any_stdout(mut self) -> Self {
        self.expected.stdout.parts();
        self
    }

    /// stderr must be exactly this.
    pub fn stderr(mut self, expected: &str) -> Self {
        self.expected.stderr = Text::Exactly(expected.into());
        self
    }

    /// stderr must have this part, in any case.
    pub fn stderr_has(mut self, part: &str) -> Self {
        self.expected.stderr.has(part);
        self
    }

    pub fn stderr_lacks(mut self, part: &str) -> Self {
        self.expected.stderr.lacks(part);
        self
    }

    /// stderr may be anything.
    pub fn any_stderr(mut self) -> Self {
        self.expected.stderr.parts();
        self
    }

    /// The run must take no longer than this.
    pub fn within(mut self, time: Duration) -> Self {
        self.expected.at_most = time;
        self
    }

    /// The run must take at least this long.
    pub fn at_least(mut self, time: Duration) -> Self {
        self.expected.at_least = time;
        self
    }

    /// Runs to the end and checks everything that was expected.
    #[track_caller]
    pub fn status(self, code: i32) -> Output {
        self.spawn().status(code)
    }

    /// Runs to the end, which must be a failure with any exit status.
    #[track_caller]
    pub fn fails(self) -> Output {
        self.spawn().fails()
    }

    /// Starts the run; the test continues meanwhile.
    pub fn spawn(mut self) -> Running {
        let mut command = self.command();
        if self.stdin.is_some() || self.stdin_held_open {
            command.stdin(Stdio::piped());
        }
        if let Some(file) = self.stdin_file.take() {
            command.stdin(file);
        }
        match &self.stdout_file {
            Some(path) => command.stdout(OpenOptions::new().write(true).open(path).unwrap()),
            None => command.stdout(Stdio::piped()),
        };
        let started = Instant::now();
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stdout = match child.stdout.take() {
            Some(pipe) => Capture::of(pipe, self.reader),
            None => Capture::of(std::io::empty(), Reader::Stays),
        };
        let channels = Channels {
            stdin: child.stdin.take().map(|pipe| Box::new(pipe) as _),
            stdout,
            stderr: Capture::of(child.stderr.take().unwrap(), Reader::Stays),
            terminal: None,
        };
        let stdin = self.stdin.take().unwrap_or_default();
        let held_open = self.stdin_held_open;
        let mut running = Running::new(self, child, channels, started);
        running.feed(stdin, held_open);
        running
    }

    /// Starts the run with a terminal as stdin, stdout and stderr; all it shows is stdout here.
    #[cfg(unix)]
    pub fn spawn_on_a_terminal(self) -> Running {
        let (controller, device) = terminal::open().unwrap();
        let mut command = self.command();
        command.stdin(device.try_clone().unwrap());
        command.stdout(device.try_clone().unwrap());
        let started = Instant::now();
        let child = command.stderr(device).spawn().unwrap();
        // The command owns this process's copies of the device; while one is open the terminal
        // does not end with the child.
        drop(command);
        let channels = Channels {
            stdin: Some(Box::new(controller.try_clone().unwrap())),
            terminal: Some(controller.try_clone().unwrap()),
            stdout: Capture::of(controller, Reader::Stays),
            stderr: Capture::of(std::io::empty(), Reader::Stays),
        };
        Running::new(self, child, channels, started)
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_wsprobe");
        let mut command = match self.ignored {
            // `exec`: signals and exit status are those of the program.
            Some(signal) => {
                let mut shell = Command::new("/bin/sh");
                let script = format!("trap '' {signal}; exec \"$@\"");
                shell.args(["-c", &script, "sh", program]);
                shell
            }
            None => Command::new(program),
        };
        command
            .args(&self.args)
            .env_clear()
            .current_dir(self.home.path());
        command.env("HOME", self.home.path()).env("TZ", "UTC");
        command.env("TERM", "xterm-256color");
        for name in [
            "XDG_CONFIG_HOME",
            "XDG_CACHE_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
        ] {
            command.env(name, self.home.path());
        }
        // Without it Windows has no sockets.
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        // The output file of a coverage build.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// The JSON events of a run, if it was asked for them.
    pub(super) fn events(&self, stdout: &[u8]) -> Vec<String> {
        let mut written = Vec::new();
        let mut args = self.args.iter().take_while(|arg| *arg != "--");
        while let Some(arg) = args.next() {
            if arg == "--json" {
                written.extend(whole_lines(stdout));
            }
            if arg == "--log" {
                let path = args.next().map(|name| self.home.path().join(name));
                // A log that cannot be written is checked by the test itself.
                let log = path.and_then(|path| std::fs::read(path).ok());
                written.extend(whole_lines(&log.unwrap_or_default()));
            }
        }
        written
    }

    pub(super) fn command_line(&self) -> String {
        let args = self.args.iter().map(|arg| arg.to_string_lossy());
        args.fold("wsprobe".to_owned(), |line, arg| format!("{line} {arg}"))
    }
}

/// The complete lines; the last one may be cut off. Of a flood only the beginning and the
/// end: a hundred thousand events of one kind differ only in numbers.
fn whole_lines(bytes: &[u8]) -> Vec<String> {
    const MANY: usize = 2000;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let lines: Vec<&[u8]> = lines.filter_map(|line| line.strip_suffix(b"\n")).collect();
    let (first, rest) = lines.split_at(lines.len().min(MANY));
    let last = &rest[rest.len().saturating_sub(MANY)..];
    let text = |line: &&[u8]| String::from_utf8_lossy(line).into_owned();
    first.iter().chain(last).map(text).collect()
}
