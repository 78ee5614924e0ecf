//! The interactive session: a line editor on a thread of its own, and the thread that prints above the
//! line being typed.
//!
//! The editor owns the terminal. Nothing else writes to it while the session lasts, so that typing is
//! never torn by what arrives; and whatever way the session ends, the terminal is as it was before.

mod commands;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{
    Cmd, ConditionalEventHandler, Editor, Event, EventContext, EventHandler, ExternalPrinter,
    KeyCode, KeyEvent, Modifiers, Movement, RepeatCount,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::input::Action;
use crate::output::editor::{Backlog, EditorPipe};
use commands::{Line, help, parse};

const PROMPT: &str = "> ";

type LineEditor = Editor<(), DefaultHistory>;

/// A running editor. Dropping it restores the terminal.
pub struct Repl {
    _editor: JoinHandle<()>,
}

impl Repl {
    /// Starts the editor; gives what is typed and the way to print.
    ///
    /// # Errors
    /// The terminal's.
    pub fn start(colour: bool) -> rustyline::Result<(Self, UnboundedReceiver<Action>, EditorPipe)> {
        save_terminal();
        let mut editor = LineEditor::new()?;
        editor.set_color_mode(if colour {
            rustyline::ColorMode::Enabled
        } else {
            rustyline::ColorMode::Disabled
        });
        editor.bind_sequence(
            KeyEvent::ctrl('C'),
            EventHandler::Conditional(Box::new(ClearOrLeave)),
        );
        let mut printer = editor.create_external_printer()?;
        let can_send = Arc::new(AtomicBool::new(true));
        let (action_sender, actions) = unbounded_channel();
        let (sender, mut texts) = unbounded_channel::<String>();
        let backlog = Arc::new(Backlog::default());
        let printed = backlog.clone();
        std::thread::spawn(move || {
            while let Some(text) = texts.blocking_recv() {
                let length = text.len();
                // A terminal that is gone shows nothing; the session learns of it by its signal.
                let _ = printer.print(text);
                printed.shrink(length);
            }
        });
        let voice = Voice {
            sender: sender.clone(),
            backlog: backlog.clone(),
        };
        let keeper = KeepUnsendable {
            can_send: can_send.clone(),
            voice: voice.clone(),
        };
        editor.bind_sequence(
            KeyEvent(KeyCode::Enter, Modifiers::NONE),
            EventHandler::Conditional(Box::new(keeper)),
        );
        let editor = std::thread::spawn(move || read_lines(&mut editor, &action_sender, &voice));
        Ok((
            Self { _editor: editor },
            actions,
            EditorPipe {
                sender,
                backlog,
                can_send,
            },
        ))
    }
}

impl Drop for Repl {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Reads lines until the person leaves or the session has ended.
fn read_lines(editor: &mut LineEditor, actions: &UnboundedSender<Action>, voice: &Voice) {
    loop {
        let action = match editor.readline(PROMPT) {
            Ok(line) => {
                if !line.starts_with(' ') && !line.is_empty() {
                    // A full history drops its oldest entry; nothing else can fail in memory.
                    let _ = editor.add_history_entry(&line);
                }
                match parse(&line) {
                    Line::Do(action) => action,
                    Line::Help => {
                        voice.say(help());
                        continue;
                    }
                    Line::Wrong(why) => {
                        voice.say(format!("! {why}\n"));
                        continue;
                    }
                }
            }
            // The terminal changed its size; the line is redrawn by the next read.
            Err(ReadlineError::Signal(_)) => continue,
            // Ctrl-C on an empty line, Ctrl-D, or a terminal that is gone.
            Err(_) => Action::Quit,
        };
        let leaves = action == Action::Quit;
        if actions.send(action).is_err() || leaves {
            return;
        }
    }
}

/// Prints above the line being typed.
#[derive(Clone)]
struct Voice {
    sender: UnboundedSender<String>,
    backlog: Arc<Backlog>,
}

impl Voice {
    fn say(&self, text: String) {
        self.backlog.grow(text.len());
        // The printing thread lives as long as the session.
        let _ = self.sender.send(text);
    }
}

/// Enter sends a line only where it can be sent: without a connection it stays in the editor.
struct KeepUnsendable {
    can_send: Arc<AtomicBool>,
    voice: Voice,
}

impl ConditionalEventHandler for KeepUnsendable {
    fn handle(
        &self,
        _: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        let line = context.line();
        let is_command = line.starts_with('/') && !line.starts_with("//");
        if is_command || line.is_empty() || self.can_send.load(Ordering::Acquire) {
            return None;
        }
        self.voice
            .say("! not sent: there is no connection; Ctrl-C clears the line, /reconnect opens it again\n".to_owned());
        Some(Cmd::Noop)
    }
}

/// Ctrl-C clears the line; on an empty one it leaves.
struct ClearOrLeave;

impl ConditionalEventHandler for ClearOrLeave {
    fn handle(
        &self,
        _: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        let clears = !context.line().is_empty();
        Some(if clears {
            Cmd::Kill(Movement::WholeBuffer)
        } else {
            Cmd::Interrupt
        })
    }
}

#[cfg(unix)]
mod terminal {
    use std::io::Write;
    use std::sync::OnceLock;

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    static SAVED: OnceLock<Termios> = OnceLock::new();

    /// Remembers the terminal's settings.
    pub fn save_terminal() {
        if let Ok(settings) = tcgetattr(std::io::stdin()) {
            SAVED.get_or_init(|| settings);
        }
    }

    /// Gives the terminal the settings that were remembered, if any were.
    pub fn restore_terminal() {
        let Some(saved) = SAVED.get() else { return };
        let changed =
            tcgetattr(std::io::stdin()).is_ok_and(|now| now.local_modes != saved.local_modes);
        if changed {
            // A line being typed is left behind; bracketed paste is the editor's, not the shell's.
            let _ = std::io::stdout().write_all(b"\x1b[?2004l\n");
            let _ = std::io::stdout().flush();
        }
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, saved);
    }
}

#[cfg(not(unix))]
mod terminal {
    /// The console restores itself.
    pub fn save_terminal() {}
    /// The console restores itself.
    pub fn restore_terminal() {}
}

pub use terminal::restore_terminal;
use terminal::save_terminal;
