//! The state of the prompt: the editor, the screen, and whether a line can be sent.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use super::editor::{EditorContext, Entered, LineEditor};
use super::history::{History, HistoryPlace, file_of};
use super::keys::Key;
use super::prompt::{PromptPlace, SendState};
use super::screen::{Picture, Screen, echo};
use super::{KeepHistory, Setup, system, terminal};
use crate::connection::message::Direction;
use crate::event::{Event, Next};
use crate::output::escape::{self, escape};
use crate::output::json::each_key;
use crate::output::prompt_terminal::PromptLine;
use crate::secret::Redactor;
use crate::secret::guess::looks_secret;

/// The most JSON keys offered by completion, and the largest message searched for them (bytes).
const KEYS: usize = 2000;
const KEYS_WITHIN: usize = 64 * 1024;
/// The longest key offered, in bytes.
const LONGEST_KEY: usize = 100;

/// The state of the prompt.
pub struct ReplState {
    editor: LineEditor,
    screen: Screen,
    /// Text to print above the prompt with the next output.
    echo: Vec<u8>,
    has_changed: bool,
    has_left: bool,
    /// Whether another program uses the terminal.
    is_lent: bool,
    /// Whether the next SIGCONT follows from Ctrl-Z and was already handled.
    has_suspended: bool,
    sending: SendState,
    place: PromptPlace,
    /// The line to send once the connection is open, unless it is changed before.
    send_on_open: Option<String>,
    keys: BTreeSet<String>,
    redactor: Redactor,
    /// The endpoints file, if one was named.
    endpoints: Option<PathBuf>,
    history: KeepHistory,
}

fn history_of(host: &str, keep: KeepHistory) -> History {
    History::load(match keep {
        KeepHistory::OnDisk => file_of(host),
        KeepHistory::No => None,
    })
}

impl ReplState {
    /// An empty prompt.
    pub fn new(setup: &Setup) -> Self {
        Self {
            editor: LineEditor::new(history_of(&setup.host, setup.history)),
            screen: Screen::new(terminal::size(), setup.colour, setup.palette),
            echo: Vec::new(),
            has_changed: true,
            has_left: false,
            is_lent: false,
            has_suspended: false,
            sending: SendState::Opening,
            place: PromptPlace::new(&setup.host),
            send_on_open: None,
            keys: BTreeSet::new(),
            redactor: setup.redactor.clone(),
            endpoints: setup.endpoints.clone(),
            history: setup.history,
        }
    }

    /// Handles a key. [`PromptView`] draws the result.
    pub fn press(&mut self, key: Key) -> Option<Entered> {
        self.has_changed = true;
        let around = EditorContext {
            can_send: self.sending == SendState::Open,
            is_closed: self.sending == SendState::Closed,
            keys: &self.keys,
            endpoints: self.endpoints.as_deref(),
        };
        self.editor.press(key, &around)
    }

    /// Says whether messages are hidden by a filter, or a pause.
    pub fn set_hiding(&mut self, is_filtered: bool, is_paused: bool) {
        self.has_changed |= self.place.set_hiding(is_filtered, is_paused);
    }

    /// Whether there is no connection, and no attempt to open one.
    pub fn is_closed(&self) -> bool {
        self.sending == SendState::Closed
    }

    /// Sends this line once the connection is open, unless it is changed before.
    pub fn send_when_open(&mut self, line: String) {
        self.send_on_open = Some(line);
    }

    /// Whether the connection is open and a line waits for that.
    pub fn takes_waiting_line(&mut self) -> bool {
        if self.sending != SendState::Open {
            return false;
        }
        let line = self.send_on_open.take();
        line.is_some_and(|line| line == self.editor.text())
    }

    /// Loads the history of another host.
    pub fn change_host(&mut self, host: &str) {
        self.place = PromptPlace::new(host);
        self.editor.use_history(history_of(host, self.history));
    }

    /// The window size has changed.
    pub fn redraw(&mut self) {
        self.has_changed = true;
    }

    /// Clears the screen.
    pub fn clear(&mut self) {
        self.screen.forget();
        // A closed terminal is ignored.
        let _ = terminal::write(b"\x1b[H\x1b[2J");
    }

    /// Stops this process until it is continued.
    pub fn suspend(&mut self) {
        let mut out = Vec::new();
        self.screen.erase(&mut out);
        // A closed terminal is ignored.
        let _ = terminal::write(&out);
        self.has_suspended = true;
        terminal::restore();
        system::suspend();
        self.take_back();
    }

    /// Gives the terminal to another program, until [`ReplState::take_back`].
    pub fn lend(&mut self) {
        let mut out = Vec::new();
        self.screen.erase(&mut out);
        // A closed terminal is ignored.
        let _ = terminal::write(&out);
        self.is_lent = true;
        terminal::restore();
    }

    /// The text of the line.
    pub fn text(&self) -> &str {
        self.editor.text()
    }

    /// Replaces the text of the line.
    pub fn set_text(&mut self, text: &str) {
        self.editor.set_text(text);
    }

    /// This process was continued; after [`ReplState::suspend`] nothing is left to do.
    pub fn resume(&mut self) {
        let is_handled = std::mem::take(&mut self.has_suspended);
        if !(is_handled || self.has_left || self.is_lent) {
            self.take_back();
        }
    }

    /// Takes the terminal again after another program may have used it.
    pub fn take_back(&mut self) {
        self.is_lent = false;
        let _ = terminal::take();
        self.screen.forget();
        self.has_changed = true;
    }

    /// Erases the prompt with the last output.
    pub fn restore_terminal(&mut self) {
        self.has_left = true;
        self.is_lent = false;
        self.has_changed = true;
    }

    /// Prints a text above the prompt.
    pub fn show_note(&mut self, text: &str) {
        self.echo.extend_from_slice(text.as_bytes());
    }

    /// Prints a note of the editor, escaped. It may quote what was typed.
    pub fn note(&mut self, mark: &str, text: &str) {
        self.show_note(&format!(
            "{mark} {}\n",
            escape(text, escape::KeptControls::Nothing)
        ));
    }

    /// Echoes an entered line and adds it to the history.
    pub fn enter(&mut self, line: &str) {
        self.show_note(&echo(line));
        self.remember(line);
    }

    /// Adds a line to the history.
    pub fn remember(&mut self, line: &str) {
        let is_secret = looks_secret(line) || self.redactor.knows_part_of(line);
        let keep = if is_secret {
            HistoryPlace::InMemory
        } else {
            HistoryPlace::OnDisk
        };
        if let Err(why) = self.editor.remember(line, keep) {
            self.note("!", &why);
        }
    }

    /// Prints why a line cannot be sent.
    pub fn refuse(&mut self) {
        self.show_note(match self.sending {
            SendState::Open | SendState::Opening => {
                "! not sent: still connecting; press Enter again once open\n"
            }
            SendState::Closing => "! not sent: the connection is closing\n",
            SendState::Closed => {
                "! not sent: the connection is closed; press Enter again to reconnect and send it\n"
            }
        });
    }

    fn learn_keys(&mut self, text: &str) {
        if text.len() > KEYS_WITHIN || self.keys.len() >= KEYS {
            return;
        }
        let keys = &mut self.keys;
        each_key(text, |key| {
            if key.len() <= LONGEST_KEY && !keys.contains(key) {
                keys.insert(key.to_owned());
            }
        });
    }
}

/// Draws the prompt.
pub struct PromptView(pub Rc<RefCell<ReplState>>);

impl PromptLine for PromptView {
    fn follow(&mut self, event: &Event) {
        let mut state = self.0.borrow_mut();
        match event {
            Event::Secret(secret) => state.redactor.learn(secret.reveal()),
            Event::Message(message) if message.direction == Direction::In => {
                if let Some(text) = message.payload.as_text() {
                    state.learn_keys(text);
                }
            }
            Event::Open(_) => state.sending = SendState::Open,
            Event::Connecting { .. } | Event::Reconnect(_) => state.sending = SendState::Opening,
            Event::Closing { .. } => state.sending = SendState::Closing,
            Event::Close(closed) => state.sending = after(closed.next),
            Event::Failed(_, next) => state.sending = after(*next),
            _ => return,
        }
        if state.sending == SendState::Closed {
            state.send_on_open = None;
        }
        state.has_changed |= !matches!(event, Event::Message(_) | Event::Secret(_));
    }

    fn take_echo(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.0.borrow_mut().echo);
    }

    fn is_lent(&self) -> bool {
        self.0.borrow().is_lent
    }

    fn has_changed(&self) -> bool {
        self.0.borrow().has_changed
    }

    fn erase(&mut self, out: &mut Vec<u8>) {
        let mut state = self.0.borrow_mut();
        // The window may have changed before its signal was handled.
        state.screen.resize(terminal::size());
        state.screen.erase(out);
    }

    fn draw(&mut self, out: &mut Vec<u8>) {
        let mut guard = self.0.borrow_mut();
        let state = &mut *guard;
        state.has_changed = false;
        state.screen.resize(terminal::size());
        if state.has_left {
            state.screen.erase(out);
            return;
        }
        let view = state.editor.view();
        let prompt = view.prompt.unwrap_or_else(|| {
            let columns = terminal::size().columns;
            state.place.prompt(state.sending, columns)
        });
        let picture = Picture {
            prompt: &prompt,
            wrong_from: view.highlight.wrong_from,
            hint: &view.highlight.hint,
            ..Picture::new(&view.text, view.cursor)
        };
        state.screen.draw(out, &picture);
    }
}

fn after(next: Next) -> SendState {
    match next {
        Next::Final => SendState::Closed,
        Next::WillReconnect => SendState::Opening,
    }
}
