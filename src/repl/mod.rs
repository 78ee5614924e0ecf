//! The interactive session: the prompt at the bottom of the terminal, and the commands.
//!
//! The session's loop reads the keyboard ([`crate::session::Interactive`]) and draws the prompt
//! ([`crate::output::prompt_terminal::PromptLine`]) like every other stream. rustyline's own loop would block in a
//! thread and could print messages late or out of order, so only its parts are used: line buffer (`line`),
//! in-memory history (`history`) and file name completion (`completion`).
//!
//! However the session ends, the terminal's settings are restored.

mod background;
pub mod commands;
mod completion;
mod conversation;
mod editor;
mod highlight;
pub mod history;
mod kept;
mod keyboard;
mod keys;
mod lent;
mod line;
mod paths;
mod prompt;
mod repeated;
mod screen;
mod state;
mod terminal;
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod windows;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

use crate::input::action::NewTarget;
use crate::output::palette::Palette;
use crate::output::prompt_terminal::PromptLine;
use crate::secret::Redactor;
use crate::session::Interactive;

use keyboard::Keyboard;
use state::{PromptView, ReplState};

#[cfg(unix)]
use unix as system;
#[cfg(not(unix))]
use windows as system;

/// The settings of a session at a terminal.
pub struct Setup {
    /// Whether to use colour.
    pub colour: bool,
    /// Its colours.
    pub palette: &'static Palette,
    /// Whether the colours depend on the background, which the terminal is asked for.
    pub asks_background: bool,
    /// Whether the history is kept on disk.
    pub history: KeepHistory,
    /// The place in the prompt, and the host that the history belongs to.
    pub host: String,
    /// Knows the secrets, which are not kept in the history.
    pub redactor: Redactor,
    /// The endpoints file, if one was named (`--endpoints`).
    pub endpoints: Option<PathBuf>,
    /// Resolves the URL of `/connect`.
    pub connector: Connector,
}

/// Whether a history is kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepHistory {
    /// On disk.
    OnDisk,
    /// In memory only (`--no-history`).
    No,
}

/// The target of `/connect`.
pub struct ConnectTarget {
    /// The target.
    pub new: NewTarget,
    /// The host that its history belongs to.
    pub host: String,
    /// A note to print first.
    pub note: Option<String>,
}

/// A [`ConnectTarget`] that is being resolved.
pub type PendingTarget = Pin<Box<dyn Future<Output = Result<ConnectTarget, String>>>>;

/// Resolves a URL to a [`ConnectTarget`]; the error is a message.
pub type Connector = Box<dyn FnMut(String) -> PendingTarget>;

/// A running session at a terminal. Dropping it restores the terminal.
pub struct Repl {
    state: Rc<RefCell<ReplState>>,
    /// The colours for its background.
    pub palette: &'static Palette,
}

/// Its keyboard and its prompt.
pub type TerminalEnds = (Box<dyn Interactive>, Box<dyn PromptLine>);

impl Repl {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] for a terminal that cannot move its cursor; else the operating system's.
    pub fn start(mut setup: Setup) -> io::Result<(Self, TerminalEnds)> {
        if !terminal::can_edit() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        terminal::take()?;
        let mut typed = Vec::new();
        if setup.colour && setup.asks_background {
            let answer = background::ask();
            setup.palette = answer.palette.unwrap_or(setup.palette);
            typed = answer.typed;
        }
        let state = Rc::new(RefCell::new(ReplState::new(&setup)));
        // From here on the terminal is restored when it is dropped.
        let repl = Self {
            state: state.clone(),
            palette: setup.palette,
        };
        let keyboard = Keyboard::new(state.clone(), setup.connector, &typed)?;
        Ok((repl, (Box::new(keyboard), Box::new(PromptView(state)))))
    }

    /// The session is over: the prompt is erased with the last output.
    pub fn restore_terminal(&self) {
        self.state.borrow_mut().restore_terminal();
    }
}

impl Drop for Repl {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Restores the terminal's settings from before the session, if there is one.
pub fn restore_terminal() {
    terminal::restore();
}
