//! The terminal's settings, for the time of a session and back. Whatever way a session ends, the terminal
//! is as it was before.

use std::io::{self, Write};
use std::sync::Mutex;

use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};

use super::screen::Size;

/// The settings to go back to, while a session has its own.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// Keys come one by one and unechoed, Ctrl-C among them; a pasted text is marked as one.
///
/// # Errors
/// The terminal's.
pub fn take() -> io::Result<()> {
    let settings = tcgetattr(io::stdin())?;
    let mut own = settings.clone();
    own.input_modes &= !(InputModes::BRKINT
        | InputModes::ICRNL
        | InputModes::INPCK
        | InputModes::ISTRIP
        | InputModes::IXON);
    own.local_modes &=
        !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG);
    own.special_codes[SpecialCodeIndex::VMIN] = 1;
    own.special_codes[SpecialCodeIndex::VTIME] = 0;
    if let Ok(mut before) = BEFORE.lock() {
        before.get_or_insert(settings);
    }
    tcsetattr(io::stdin(), OptionalActions::Drain, &own)?;
    write(PASTE_ON)
}

/// Gives the terminal the settings that it had, if they were taken.
pub fn restore() {
    // A panic can come while they are being taken: then there is nothing to restore yet.
    let before = BEFORE.try_lock().ok().and_then(|mut before| before.take());
    if let Some(settings) = before {
        // A terminal that is gone needs nothing.
        let _ = write(PASTE_OFF);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &settings);
    }
}

/// Stops this process as Ctrl-Z does elsewhere; returns when it goes on.
pub fn suspend() {
    restore();
    // A shell without job control has nobody to wake us, and its children ignore the signal.
    let _ = kill_current_process_group(Signal::TSTP);
}

/// How large the window is.
pub fn size() -> Size {
    let (columns, rows) =
        tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    let or = |given: u16, usual: usize| match given {
        0 => usual,
        given => usize::from(given),
    };
    Size {
        columns: or(columns, 80),
        rows: or(rows, 24),
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
