//! What the session needs of Windows: console modes, and the size of the window. There is no job control.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use termina::{PlatformTerminal, Terminal as _};
use tokio::time::{Interval, interval};

use super::screen::Size;
use super::terminal;

/// How often the size of the window is looked at: the console tells it only to readers of its own records.
const SIZE_CHECK: Duration = Duration::from_millis(250);

/// The console in raw mode; dropped, it has its modes again.
pub type Settings = PlatformTerminal;

/// Makes the console raw: keys arrive as the sequences that they are on Unix. Ctrl-Z is the end of input.
///
/// # Errors
/// A console that knows no escape sequences, and the system's.
pub fn make_raw() -> io::Result<Settings> {
    let mut console = PlatformTerminal::new()?;
    console.enter_raw_mode()?;
    Ok(console)
}

/// Gives the console the modes that it had.
pub fn restore(settings: Settings) {
    drop(settings);
}

/// Nothing: there is no job control.
pub fn suspend() {}

/// Nothing: a process cannot send itself Ctrl-C alone.
pub fn interrupt() {}

/// What the console tells this process.
pub struct Notices {
    size: Size,
    clock: Interval,
}

impl Notices {
    /// Looks from now on.
    ///
    /// # Errors
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            size: terminal::size(),
            clock: interval(SIZE_CHECK),
        })
    }

    /// Ready when the window has another size.
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
