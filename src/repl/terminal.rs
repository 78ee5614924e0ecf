//! The terminal's settings, for the time of a session and back. Whatever way a session ends, the terminal
//! is as it was before.

use std::io::{self, Write};
use std::sync::Mutex;

use terminal_size::{Height, Width, terminal_size_of};

use super::screen::Size;
use super::system::{self, Settings};

/// The settings to go back to, while a session has its own.
static BEFORE: Mutex<Option<Settings>> = Mutex::new(None);

const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// Keys arrive one by one and unechoed, Ctrl-C among them; a pasted text is marked as one.
///
/// # Errors
/// The terminal's.
pub fn take() -> io::Result<()> {
    let settings = system::make_raw()?;
    if let Ok(mut before) = BEFORE.lock() {
        before.get_or_insert(settings);
    }
    write(PASTE_ON)
}

/// Gives the terminal the settings that it had, if they were taken.
pub fn restore() {
    // A panic can come while they are being taken: then there is nothing to restore yet.
    let before = BEFORE.try_lock().ok().and_then(|mut before| before.take());
    if let Some(settings) = before {
        // A terminal that is gone needs nothing.
        let _ = write(PASTE_OFF);
        system::restore(settings);
    }
}

/// How large the window is.
pub fn size() -> Size {
    let (columns, rows) = match terminal_size_of(io::stdout()) {
        Some((Width(columns), Height(rows))) => (columns, rows),
        None => (80, 24),
    };
    Size {
        columns: columns.into(),
        rows: rows.into(),
    }
}

/// Whether the terminal can move its cursor.
pub fn can_edit() -> bool {
    std::env::var_os("TERM")
        .is_none_or(|term| term != "dumb" && term != "cons25" && term != "emacs")
}

/// Writes at once, past everything that waits.
///
/// # Errors
/// The terminal's.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(bytes)?;
    stdout.flush()
}
