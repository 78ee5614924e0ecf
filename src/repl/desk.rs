//! Where keys, line and screen come together.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Sleep;

use super::commands::{Line, help, parse};
use super::editor::{Around, Editor, Entered};
use super::history::{History, Keep, file_of};
use super::keys::{Key, KeyDecoder, SEQUENCE_TIMEOUT};
use super::screen::{Picture, Screen, echo};
use super::system::{self, Notices};
use super::{Connecting, Connector, Ends, KeepHistory, Setup, terminal};
use crate::connection::message::{Direction, Outgoing, Payload};
use crate::event::{Event, Sequel};
use crate::input::action::Action;
use crate::input::blocks::Blocks;
use crate::link::Link;
use crate::output::editor::TypedLine;
use crate::output::escape::{self, escape};
use crate::output::json::each_key;
use crate::output::{Notice, Sinks};
use crate::secret::guess::looks_secret;
use crate::secret::{Redactor, io_text};
use crate::session::Person;
use crate::units::count_grouped;

/// The most JSON keys that are offered, and the longest message that is looked at for them, in bytes.
const KEYS: usize = 2000;
const KEYS_WITHIN: usize = 64 * 1024;
/// While a window is dragged its size changes all the time, and what was drawn for one size would be
/// taken off in another.
const SETTLED: Duration = Duration::from_millis(30);
/// A longer key is none that a person would complete.
const LONGEST_KEY: usize = 100;

/// The state of the line.
pub struct Desk {
    editor: Editor,
    screen: Screen,
    /// What goes above the line as soon as something is printed.
    echo: Vec<u8>,
    has_changed: bool,
    has_left: bool,
    /// Whether the next signal to go on follows from Ctrl-Z, and has been seen to.
    has_suspended: bool,
    state: State,
    keys: BTreeSet<String>,
    redactor: Redactor,
    history: KeepHistory,
}

/// Whether a line can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// An attempt is under way or waited for.
    Opening,
    Closing,
    Closed,
}

/// A desk and its two ends.
///
/// # Errors
/// The operating system's.
pub fn start(setup: Setup) -> io::Result<(Rc<RefCell<Desk>>, Ends)> {
    let desk = Rc::new(RefCell::new(Desk {
        editor: Editor::new(history_of(&setup.host, setup.history)),
        screen: Screen::new(terminal::size(), setup.colour),
        echo: Vec::new(),
        has_changed: true,
        has_left: false,
        has_suspended: false,
        state: State::Opening,
        keys: BTreeSet::new(),
        redactor: setup.redactor,
        history: setup.history,
    }));
    let keyboard = Keyboard {
        desk: desk.clone(),
        stdin: Blocks::stdin(),
        bytes: BytesMut::new(),
        keys: KeyDecoder::default(),
        sequence_end: None,
        notices: Notices::new()?,
        settling: None,
        connector: setup.connector,
        connecting: None,
    };
    Ok((desk.clone(), (Box::new(keyboard), Box::new(Bottom(desk)))))
}

fn history_of(host: &str, keep: KeepHistory) -> History {
    History::of(match keep {
        KeepHistory::OnDisk => file_of(host),
        KeepHistory::No => None,
    })
}

impl Desk {
    /// The line goes with what is printed last.
    pub fn leave(&mut self) {
        self.has_left = true;
        self.has_changed = true;
    }

    fn say(&mut self, text: &str) {
        self.echo.extend_from_slice(text.as_bytes());
    }

    /// A line of the editor's own. It may repeat what was typed.
    fn note(&mut self, mark: &str, text: &str) {
        self.say(&format!("{mark} {}\n", escape(text, escape::Keep::Nothing)));
    }

    /// What was entered stays on the screen, and in the history.
    fn keep(&mut self, line: &str) {
        self.say(&echo(line));
        let is_secret = looks_secret(line) || self.redactor.knows_part_of(line);
        let keep = if is_secret {
            Keep::InMemory
        } else {
            Keep::OnDisk
        };
        if let Err(why) = self.editor.remember(line, keep) {
            self.note("!", &why);
        }
    }

    fn refuse(&mut self) {
        self.say(match self.state {
            State::Open | State::Opening => "! not sent, not OPEN yet: Enter sends it when it is\n",
            State::Closing => "! not sent: the connection is CLOSING\n",
            State::Closed => {
                "! not sent, CLOSED: /reconnect opens it again, Ctrl-C clears the line\n"
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

/// What is typed.
struct Keyboard {
    desk: Rc<RefCell<Desk>>,
    stdin: Blocks,
    bytes: BytesMut,
    keys: KeyDecoder,
    /// When a sequence that nothing follows is over.
    sequence_end: Option<Pin<Box<Sleep>>>,
    notices: Notices,
    /// Until the window has its new size.
    settling: Option<Pin<Box<Sleep>>>,
    connector: Connector,
    connecting: Option<Connecting>,
}

impl Person for Keyboard {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link,
        sinks: &mut Sinks,
    ) -> Poll<Action> {
        self.poll_window(cx);
        loop {
            if let Some(action) = ready!(self.poll_place(cx)) {
                return Poll::Ready(action);
            }
            if let Some(key) = self.keys.next() {
                if let Some(action) = self.press(key, link, sinks) {
                    return Poll::Ready(action);
                }
                continue;
            }
            if self.poll_sequence_end(cx).is_ready() {
                self.keys.end_sequence();
                continue;
            }
            match self.stdin.poll_read(cx, &mut self.bytes) {
                Poll::Pending => return Poll::Pending,
                // A terminal that is gone.
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(self.leave()),
                Poll::Ready(Ok(_)) => {
                    self.keys.feed(&self.bytes);
                    self.bytes.clear();
                    self.sequence_end = None;
                }
            }
        }
    }
}

impl Keyboard {
    fn poll_window(&mut self, cx: &mut Context<'_>) {
        let mut desk = self.desk.borrow_mut();
        while self.notices.poll_resized(cx).is_ready() {
            self.settling = Some(Box::pin(tokio::time::sleep(SETTLED)));
        }
        if let Some(settling) = &mut self.settling
            && settling.as_mut().poll(cx).is_ready()
        {
            self.settling = None;
            desk.has_changed = true;
        }
        while self.notices.poll_continued(cx).is_ready() {
            let is_seen_to = std::mem::take(&mut desk.has_suspended);
            if !(is_seen_to || desk.has_left) {
                take_back(&mut desk);
            }
        }
    }

    fn poll_sequence_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.keys.is_in_sequence() {
            return Poll::Pending;
        }
        let timer = self
            .sequence_end
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(SEQUENCE_TIMEOUT)));
        ready!(timer.as_mut().poll(cx));
        self.sequence_end = None;
        Poll::Ready(())
    }

    /// `None` in it when the URL led to no place.
    fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<Option<Action>> {
        let Some(connecting) = &mut self.connecting else {
            return Poll::Ready(None);
        };
        let Poll::Ready(place) = connecting.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        self.connecting = None;
        let mut desk = self.desk.borrow_mut();
        Poll::Ready(match place {
            Ok(place) => {
                let history = history_of(&place.host, desk.history);
                desk.editor.use_history(history);
                if let Some(note) = place.note {
                    desk.note("*", &note);
                }
                Some(Action::Connect(Box::new(place.target)))
            }
            Err(why) => {
                desk.note("!", &why);
                None
            }
        })
    }

    fn press(&mut self, key: Key, link: &mut Link, sinks: &mut Sinks) -> Option<Action> {
        let mut guard = self.desk.borrow_mut();
        let desk = &mut *guard;
        desk.has_changed = true;
        let around = Around {
            can_send: desk.state == State::Open,
            keys: &desk.keys,
        };
        match desk.editor.press(key, &around)? {
            Entered::Line(line) => {
                desk.keep(&line);
                drop(guard);
                return self.enter(&line, link, sinks);
            }
            Entered::Refused => desk.refuse(),
            Entered::Note(text) => desk.say(&text),
            Entered::Nothing => {}
            Entered::Clear => {
                desk.screen.forget();
                // Nothing can be done about a terminal that is gone.
                let _ = terminal::write(b"\x1b[H\x1b[2J");
            }
            Entered::Suspend => suspend(desk),
            Entered::Leave => {
                drop(guard);
                return Some(self.leave());
            }
        }
        None
    }

    /// Does what a line asks for; what is left for the session is an action.
    fn enter(&mut self, line: &str, link: &mut Link, sinks: &mut Sinks) -> Option<Action> {
        match parse(line) {
            Line::Do(Action::Quit) => return Some(self.leave()),
            Line::Do(action) => return Some(action),
            Line::Show(show) => sinks.show(show),
            Line::Status => {
                sinks.say(Notice::Status(&link.status()));
                sinks.tell_settings();
            }
            Line::OnOpen(source) => sinks.say(Notice::SentOnOpen(link.greet_with(source))),
            Line::Connect(url) => self.connecting = Some((self.connector)(url)),
            Line::SendFile(path) => return self.send_file(&path),
            Line::Help => self.desk.borrow_mut().say(&help()),
            Line::Wrong(why) => self.desk.borrow_mut().note("!", &why),
        }
        None
    }

    fn send_file(&mut self, path: &Path) -> Option<Action> {
        let mut desk = self.desk.borrow_mut();
        match read(path) {
            Ok((payload, note)) => {
                desk.note("*", &note);
                Some(Action::Send(Outgoing::Message(payload)))
            }
            Err(why) => {
                desk.note("!", &format!("not sent: {}: {why}", path.display()));
                None
            }
        }
    }

    /// From here on Ctrl-C is a signal again: the second one skips the closing handshake.
    fn leave(&mut self) -> Action {
        self.desk.borrow_mut().leave();
        terminal::restore();
        if std::iter::from_fn(|| self.keys.next()).any(|key| key == Key::Ctrl('c')) {
            // It came in one piece with the first.
            system::interrupt();
        }
        Action::Quit
    }
}

fn suspend(desk: &mut Desk) {
    let mut out = Vec::new();
    desk.screen.lift(&mut out);
    // Nothing can be done about a terminal that is gone.
    let _ = terminal::write(&out);
    desk.has_suspended = true;
    terminal::restore();
    system::suspend();
    take_back(desk);
}

/// Another program may have had the terminal.
fn take_back(desk: &mut Desk) {
    let _ = terminal::take();
    desk.screen.forget();
    desk.has_changed = true;
}

/// A file as one message: text where it is UTF-8, binary where it is not. What is no regular file could
/// keep us waiting for ever.
fn read(path: &Path) -> Result<(Payload, String), String> {
    let metadata = std::fs::metadata(path).map_err(|error| io_text(&error))?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| io_text(&error))?;
    let size = count_grouped(bytes.len() as u64, "byte");
    let (payload, kind) = match String::from_utf8(bytes) {
        Ok(text) => (Payload::Text(text.into()), "text"),
        Err(error) => (Payload::Binary(error.into_bytes().into()), "binary"),
    };
    Ok((payload, format!("sending {size} as {kind}")))
}

/// How it is shown.
struct Bottom(Rc<RefCell<Desk>>);

impl TypedLine for Bottom {
    fn follow(&mut self, event: &Event) {
        let mut desk = self.0.borrow_mut();
        match event {
            Event::Secret(secret) => desk.redactor.learn(secret.reveal()),
            Event::Message(message) if message.direction == Direction::In => {
                if let Some(text) = message.payload.as_text() {
                    desk.learn_keys(text);
                }
            }
            Event::Open(_) => desk.state = State::Open,
            Event::Connecting { .. } | Event::Reconnect(_) => desk.state = State::Opening,
            Event::Closing { .. } => desk.state = State::Closing,
            Event::Close(closed) => desk.state = after(closed.sequel),
            Event::Failed(_, sequel) => desk.state = after(*sequel),
            _ => {}
        }
    }

    fn take_echo(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.0.borrow_mut().echo);
    }

    fn has_changed(&self) -> bool {
        self.0.borrow().has_changed
    }

    fn lift(&mut self, out: &mut Vec<u8>) {
        let mut desk = self.0.borrow_mut();
        // The window may have been changed a moment ago, and the signal be still to come.
        desk.screen.resize(terminal::size());
        desk.screen.lift(out);
    }

    fn draw(&mut self, out: &mut Vec<u8>) {
        let mut guard = self.0.borrow_mut();
        let desk = &mut *guard;
        desk.has_changed = false;
        desk.screen.resize(terminal::size());
        if desk.has_left {
            desk.screen.lift(out);
            return;
        }
        let view = desk.editor.view();
        let mut picture = Picture {
            wrong_from: view.marks.wrong_from,
            hint: &view.marks.hint,
            ..Picture::new(&view.text, view.cursor)
        };
        if let Some(prompt) = &view.prompt {
            picture.prompt = prompt;
        }
        desk.screen.draw(out, &picture);
    }
}

fn after(sequel: Sequel) -> State {
    match sequel {
        Sequel::Final => State::Closed,
        Sequel::Another => State::Opening,
    }
}
