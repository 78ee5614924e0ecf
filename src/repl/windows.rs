//! The Windows parts of a session: console modes and window size. There is no job control.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::Command;
use std::task::{Context, Poll};
use std::time::Duration;

use termina::{PlatformTerminal, Terminal as _};
use tokio::time::{Interval, interval};

use super::screen::Size;
use super::terminal;

/// How often the window size is polled: the console reports it only to readers of its input records.
const SIZE_CHECK: Duration = Duration::from_millis(250);

/// The console in raw mode; its modes are restored on drop.
pub type Settings = PlatformTerminal;

/// Switches the console to raw mode: keys arrive as escape sequences, as on Unix. Ctrl-Z is the end of input.
///
/// # Errors
/// A console without support for escape sequences, and the system's.
pub fn make_raw() -> io::Result<Settings> {
    let mut console = PlatformTerminal::new()?;
    console.enter_raw_mode()?;
    Ok(console)
}

/// Restores the console's modes.
pub fn restore(settings: Settings) {
    drop(settings);
}

/// Does nothing: there is no job control.
pub fn suspend() {}

/// Nothing: a console does not tell its colours.
pub fn read_reply(_: Duration, _: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    Vec::new()
}

/// The editor when the environment names none.
pub const EDITOR: &str = "notepad";

/// A command line of the environment, perhaps with a file.
pub fn shell(line: &str, file: Option<&Path>) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").arg(line).args(file);
    command
}

/// Does nothing: the folder for temporary files is already private.
pub fn keep_private(_: &mut OpenOptions) {}

/// Does nothing: a process cannot send Ctrl-C to itself alone.
pub fn interrupt() {}

/// Changes of the console.
pub struct Notices {
    size: Size,
    clock: Interval,
}

impl Notices {
    /// Starts polling.
    ///
    /// # Errors
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            size: terminal::size(),
            clock: interval(SIZE_CHECK),
        })
    }

    /// Ready when the window size has changed.
    pub fn poll_resized(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.clock.poll_tick(cx).is_ready() {
            let size = terminal::size();
            if std::mem::replace(&mut self.size, size) != size {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Never.
    pub fn poll_continued(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
