//! The terminal's settings during a session. However the session ends, they are restored.

use std::io::{self, Write};
use std::sync::Mutex;

use terminal_size::{Height, Width, terminal_size_of};

use super::screen::Size;
use super::system::{self, Settings};

/// The settings to restore, during a session.
static BEFORE: Mutex<Option<Settings>> = Mutex::new(None);

const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// Switches the terminal to raw mode and bracketed paste: keys arrive one by one and without echo, Ctrl-C, too.
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

/// Restores the terminal's settings, if they were changed.
pub fn restore() {
    // A panic during `take` must not deadlock: there is nothing to restore yet.
    let before = BEFORE.try_lock().ok().and_then(|mut before| before.take());
    if let Some(settings) = before {
        // A closed terminal is ignored.
        let _ = write(PASTE_OFF);
        system::restore(settings);
    }
}

/// The size of the window.
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

/// Writes at once, before any buffered output.
///
/// # Errors
/// The terminal's.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(bytes)?;
    stdout.flush()
}
