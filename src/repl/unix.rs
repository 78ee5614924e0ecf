//! What the session needs of Unix: terminal settings, job control and signals.

use std::io;
use std::task::{Context, Poll};

use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{self, SignalKind};

/// What a terminal is restored to.
pub type Settings = Termios;

/// Makes the input of the terminal raw, and returns the settings that it had.
///
/// # Errors
/// The terminal's.
pub fn make_raw() -> io::Result<Settings> {
    let settings = tcgetattr(io::stdin())?;
    let mut raw = settings.clone();
    raw.make_raw();
    raw.output_modes |= OutputModes::OPOST;
    // What was typed before stays.
    tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
    Ok(settings)
}

/// Gives the terminal these settings.
#[expect(
    clippy::needless_pass_by_value,
    reason = "on Windows they are given back"
)]
pub fn restore(settings: Settings) {
    // A terminal that is gone needs nothing.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &settings);
}

/// Stops this process as Ctrl-Z does elsewhere; returns when it is continued.
pub fn suspend() {
    // A shell without job control has nobody to continue us, and its children ignore the signal.
    let _ = kill_current_process_group(Signal::TSTP);
}

/// Does what Ctrl-C does outside of a session.
pub fn interrupt() {
    let _ = kill_process(getpid(), Signal::INT);
}

/// What the terminal and its shell tell this process.
pub struct Notices {
    resized: unix::Signal,
    continued: unix::Signal,
}

impl Notices {
    /// Listens from now on.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            resized: unix::signal(SignalKind::window_change())?,
            continued: unix::signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// Ready when the window has another size.
    pub fn poll_resized(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.resized.poll_recv(cx).map(drop)
    }

    /// Ready when this process was stopped and is continued.
    pub fn poll_continued(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.continued.poll_recv(cx).map(drop)
    }
}
