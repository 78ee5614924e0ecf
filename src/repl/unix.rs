//! The Unix parts of a session: terminal settings, job control and signals.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::Command;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{self, SignalKind};

/// Saved terminal settings.
pub type Settings = Termios;

/// Switches the terminal's input to raw mode and returns its previous settings.
///
/// # Errors
/// The terminal's.
pub fn make_raw() -> io::Result<Settings> {
    let settings = tcgetattr(io::stdin())?;
    let mut raw = settings.clone();
    raw.make_raw();
    raw.output_modes |= OutputModes::OPOST;
    // Keeps what was already typed.
    tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
    Ok(settings)
}

/// Restores these settings.
#[expect(
    clippy::needless_pass_by_value,
    reason = "on Windows they are given back"
)]
pub fn restore(settings: Settings) {
    // A closed terminal is ignored.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &settings);
}

/// Stops this process as Ctrl-Z does in a shell; returns when it is continued.
pub fn suspend() {
    // A shell without job control makes its children ignore SIGTSTP, because nothing would continue them.
    let _ = kill_current_process_group(Signal::TSTP);
}

/// What the terminal sends within a time, or until it is the end.
pub fn read_reply(limit: Duration, is_end: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (stdin, end) = (io::stdin(), Instant::now() + limit);
    let (mut reply, mut space) = (Vec::new(), [0; 256]);
    while !is_end(&reply) {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or_default();
        let mut entry = [PollFd::new(&stdin, PollFlags::IN)];
        if !poll(&mut entry, Some(&left)).is_ok_and(|ready| ready > 0) {
            break;
        }
        match rustix::io::read(&stdin, &mut space) {
            Ok(n) if n > 0 => reply.extend_from_slice(&space[..n]),
            _ => break,
        }
    }
    reply
}

/// The editor when the environment names none.
pub const EDITOR: &str = "vi";

/// A command line of the environment, as the shell understands it, perhaps with a file.
pub fn shell(line: &str, file: Option<&Path>) -> Command {
    let mut command = Command::new("/bin/sh");
    match file {
        Some(file) => command
            .arg("-c")
            .arg(format!("{line} \"$1\""))
            .arg("sh")
            .arg(file),
        None => command.arg("-c").arg(line),
    };
    command
}

/// Makes a new file readable only by its owner.
pub fn keep_private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

/// Sends this process SIGINT, as Ctrl-C does outside a session.
pub fn interrupt() {
    let _ = kill_process(getpid(), Signal::INT);
}

/// Signals of the terminal and its shell.
pub struct Notices {
    resized: unix::Signal,
    continued: unix::Signal,
}

impl Notices {
    /// Starts listening.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            resized: unix::signal(SignalKind::window_change())?,
            continued: unix::signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// Ready when the window size has changed.
    pub fn poll_resized(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.resized.poll_recv(cx).map(drop)
    }

    /// Ready when this process was stopped and continued.
    pub fn poll_continued(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.continued.poll_recv(cx).map(drop)
    }
}
