//! The interactive session: the line at the bottom of the terminal, and what an entered line means.
//!
//! The terminal belongs to the session's one loop, as every other stream does. rustyline's own loop blocks in
//! a thread, would have to be handed each message that arrives, and could print it late, out of order or, at
//! the end, not at all. So the keyboard is asked by that loop ([`crate::session::Interactive`]), and the line is
//! drawn like any other output ([`crate::output::prompt_terminal::PromptLine`]); in between everything is pure, and
//! what rustyline offers there is used: its line buffer (`line`), its history in memory (`history`) and
//! its completion of file names (`completion`).
//!
//! Whatever way the session ends, the terminal is as it was before.

pub mod commands;
mod completion;
mod editor;
mod highlight;
pub mod history;
mod keyboard;
mod keys;
mod line;
mod screen;
mod state;
mod terminal;
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod windows;

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

use crate::connection::Target;
use crate::output::prompt_terminal::PromptLine;
use crate::secret::Redactor;
use crate::session::Interactive;

use keyboard::Keyboard;
use state::{PromptView, ReplState};

#[cfg(unix)]
use unix as system;
#[cfg(not(unix))]
use windows as system;

/// What a session at a terminal is made with.
pub struct Setup {
    /// Whether colour is wanted.
    pub colour: bool,
    /// Whether what is typed is kept on disk.
    pub history: KeepHistory,
    /// The host that it is kept for.
    pub host: String,
    /// What must not be kept.
    pub redactor: Redactor,
    /// Makes a place to connect to of a URL.
    pub connector: Connector,
}

/// Whether a history is kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepHistory {
    /// It is.
    OnDisk,
    /// It is not (`--no-history`).
    No,
}

/// Where `/connect` leads to.
pub struct ConnectTarget {
    /// What to connect to.
    pub target: Target,
    /// What its history goes by.
    pub host: String,
    /// What there is to say about it first.
    pub note: Option<String>,
}

/// A [`ConnectTarget`] on its way.
pub type PendingTarget = Pin<Box<dyn Future<Output = Result<ConnectTarget, String>>>>;

/// Makes a [`ConnectTarget`] of a URL, or says why it is none.
pub type Connector = Box<dyn FnMut(String) -> PendingTarget>;

/// A running session at a terminal. Dropping it restores the terminal.
pub struct Repl {
    state: Rc<RefCell<ReplState>>,
}

/// Its two ends: what is typed, and how that is shown.
pub type TerminalEnds = (Box<dyn Interactive>, Box<dyn PromptLine>);

impl Repl {
    /// Takes the terminal.
    ///
    /// # Errors
    /// A terminal that cannot move its cursor, and whatever the operating system has to say.
    pub fn start(setup: Setup) -> io::Result<(Self, TerminalEnds)> {
        if !terminal::can_edit() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        terminal::take()?;
        let state = Rc::new(RefCell::new(ReplState::new(&setup)));
        // From here on the terminal is restored when it is dropped.
        let repl = Self {
            state: state.clone(),
        };
        let keyboard = Keyboard::new(state.clone(), setup.connector)?;
        Ok((repl, (Box::new(keyboard), Box::new(PromptView(state)))))
    }

    /// The session is over: the line goes with what is printed last.
    pub fn restore_terminal(&self) {
        self.state.borrow_mut().restore_terminal();
    }
}

impl Drop for Repl {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Gives the terminal the settings that it had before the session, if there is one.
pub fn restore_terminal() {
    terminal::restore();
}
