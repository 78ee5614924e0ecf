//! The keyboard: the session's input, which carries out keys and entered lines.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Sleep;

use super::commands::{ReplLine, help_text, parse, sends};
use super::editor::Entered;
use super::keys::{Key, KeyDecoder, SEQUENCE_TIMEOUT};
use super::lent::{LeftBehind, LentTerminal, pager};
use super::repeated::{SourcedLines, Watch};
use super::screen::{Size, echo};
use super::state::ReplState;
use super::system::{self, Notices};
use super::{Connector, PendingTarget, terminal};
use crate::connection::message::{Outgoing, Payload, Text};
use crate::input::action::Action;
use crate::input::blocks::Blocks;
use crate::link::Link;
use crate::output::repl_sink::ReplRequest;
use crate::output::{Notice, Sinks};
use crate::secret::io_text;
use crate::session::Interactive;
use crate::units::{self, count_grouped};

/// The delay before drawing after a change of the window size: while a window is dragged the size keeps changing,
/// and a prompt drawn for one size would be erased for another.
const SETTLED: Duration = Duration::from_millis(30);

/// The most bytes of messages that go through a pager, which takes them all at once.
const PAGED: usize = 2 << 20;

/// What Ctrl-C on an empty line says.
const LEAVE_HINT: &str = "press Ctrl-C again to quit";

/// The keyboard of a session.
pub struct Keyboard {
    state: Rc<RefCell<ReplState>>,
    stdin: Blocks,
    bytes: BytesMut,
    keys: KeyDecoder,
    /// When an incomplete escape sequence times out.
    sequence_end: Option<Pin<Box<Sleep>>>,
    notices: Notices,
    /// Runs while the window size is changing.
    settling: Option<Pin<Box<Sleep>>>,
    /// The rows of the window that messages are fitted to; 0 before the first poll.
    rows: usize,
    connector: Connector,
    connecting: Option<PendingTarget>,
    /// A program that uses the terminal, and whether messages are held back for that.
    lent: Option<LentTerminal>,
    holds_messages: bool,
    watch: Option<Watch>,
    source: Option<SourcedLines>,
    /// How many typed texts were filled in.
    typed: u64,
}

impl Interactive for Keyboard {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link,
        sinks: &mut Sinks,
    ) -> Poll<Action> {
        self.poll_window(cx, sinks);
        let next = self.poll_action(cx, link, sinks);
        // A command may have changed it.
        let (is_filtered, is_paused) = (sinks.is_filtering(), sinks.is_paused());
        let is_paused = is_paused && !self.holds_messages;
        self.state.borrow_mut().set_hiding(is_filtered, is_paused);
        next
    }

    fn has_lent_terminal(&self) -> bool {
        self.lent.is_some()
    }
}

impl Keyboard {
    fn poll_action(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link,
        sinks: &mut Sinks,
    ) -> Poll<Action> {
        loop {
            ready!(self.poll_lent(cx, sinks));
            if let Some(action) = ready!(self.poll_connecting(cx)) {
                return Poll::Ready(action);
            }
            let sends_waiting = self.state.borrow_mut().takes_waiting_line();
            let waiting = sends_waiting.then_some(Key::Enter);
            if let Some(key) = waiting.or_else(|| self.keys.next()) {
                if self.ends_repetition(&key) {
                    continue;
                }
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
                Poll::Pending => {
                    if let Some(action) = ready!(self.poll_repeated(cx, link, sinks)) {
                        return Poll::Ready(action);
                    }
                }
                // The terminal is closed.
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(self.quit()),
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
    /// A keyboard for this prompt; `typed` was read already.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(
        state: Rc<RefCell<ReplState>>,
        connector: Connector,
        typed: &[u8],
    ) -> io::Result<Self> {
        let mut keys = KeyDecoder::default();
        keys.feed(typed);
        Ok(Self {
            state,
            stdin: Blocks::stdin(),
            bytes: BytesMut::new(),
            keys,
            sequence_end: None,
            notices: Notices::new()?,
            settling: None,
            rows: 0,
            connector,
            connecting: None,
            lent: None,
            holds_messages: false,
            watch: None,
            source: None,
            typed: 0,
        })
    }

    fn poll_window(&mut self, cx: &mut Context<'_>, sinks: &mut Sinks) {
        if self.rows == 0 {
            self.rows = terminal::size().rows;
            sinks.fit_to(self.rows);
        }
        let mut state = self.state.borrow_mut();
        while self.notices.poll_resized(cx).is_ready() {
            self.settling = Some(Box::pin(tokio::time::sleep(SETTLED)));
        }
        if let Some(settling) = &mut self.settling
            && settling.as_mut().poll(cx).is_ready()
        {
            self.settling = None;
            self.rows = terminal::size().rows;
            sinks.fit_to(self.rows);
            state.redraw();
        }
        while self.notices.poll_continued(cx).is_ready() {
            state.resume();
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

    /// Waits for the target of `/connect`; `None` if there is none or it is invalid.
    fn poll_connecting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Action>> {
        let Some(connecting) = &mut self.connecting else {
            return Poll::Ready(None);
        };
        let Poll::Ready(target) = connecting.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        self.connecting = None;
        let mut state = self.state.borrow_mut();
        Poll::Ready(match target {
            Ok(target) => {
                state.change_host(&target.host);
                if let Some(note) = target.note {
                    state.note("*", &note);
                }
                Some(Action::Connect(Box::new(target.new)))
            }
            Err(why) => {
                state.note("!", &why);
                None
            }
        })
    }

    /// Waits for the end of a program that uses the terminal.
    fn poll_lent(&mut self, cx: &mut Context<'_>, sinks: &mut Sinks) -> Poll<()> {
        let Some(lent) = &mut self.lent else {
            return Poll::Ready(());
        };
        let left = ready!(lent.poll_end(cx));
        self.lent = None;
        let mut state = self.state.borrow_mut();
        state.take_back();
        match left {
            LeftBehind::Nothing => {}
            LeftBehind::Text(text) => state.set_text(&text),
            LeftBehind::Failure(why) => state.note("!", &why),
        }
        drop(state);
        if std::mem::take(&mut self.holds_messages) {
            sinks.release_messages();
        }
        Poll::Ready(())
    }

    /// Lends the terminal to the program that `start` starts.
    fn lend(
        &mut self,
        sinks: &mut Sinks,
        start: impl FnOnce() -> io::Result<LentTerminal>,
    ) -> io::Result<()> {
        self.state.borrow_mut().lend();
        match start() {
            Ok(lent) => {
                self.lent = Some(lent);
                self.holds_messages = sinks.hold_messages();
                Ok(())
            }
            Err(error) => {
                self.state.borrow_mut().take_back();
                Err(error)
            }
        }
    }

    /// Shows the last messages, in a pager if they are longer than the window.
    fn show_last(&mut self, messages: usize, sinks: &mut Sinks) {
        if !self.page_last(messages, sinks) {
            sinks.show(ReplRequest::Last(messages));
        }
    }

    /// Whether the last messages are shown in a pager.
    fn page_last(&mut self, messages: usize, sinks: &mut Sinks) -> bool {
        let Some(pager) = pager() else {
            return false;
        };
        let Some(text) = sinks.last_in_full(messages, PAGED) else {
            return false;
        };
        let Size { columns, rows } = terminal::size();
        let lines = text.split(|byte| *byte == b'\n');
        let height: usize = lines.map(|line| line.len().div_ceil(columns).max(1)).sum();
        height > rows
            && self
                .lend(sinks, || LentTerminal::page(&pager, text))
                .is_ok()
    }

    fn edit(&mut self, sinks: &mut Sinks) {
        let text = self.state.borrow().text().to_owned();
        if let Err(error) = self.lend(sinks, || LentTerminal::edit(&text)) {
            let why = format!("cannot start the editor: {}", io_text(&error));
            self.state.borrow_mut().note("!", &why);
        }
    }

    /// Whether a key ends `/watch`, or Ctrl-C `/source`; it does nothing else then.
    fn ends_repetition(&mut self, key: &Key) -> bool {
        let mut state = self.state.borrow_mut();
        if let Some(watch) = self.watch.take() {
            state.note("*", &watch.summary());
            return true;
        }
        let ends_source = *key == Key::Ctrl('c') && self.source.take().is_some();
        if ends_source {
            state.note("*", "the rest of the file is left out");
        }
        ends_source
    }

    /// Carries out what is not typed: the next message of `/watch`, the next line of `/source`.
    fn poll_repeated(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link,
        sinks: &mut Sinks,
    ) -> Poll<Option<Action>> {
        if let Some(watch) = &mut self.watch {
            let message = ready!(watch.poll_next(cx));
            let mut state = self.state.borrow_mut();
            if !link.is_open() {
                state.note("*", "the connection is not open: nothing more is sent");
                self.watch = None;
                return Poll::Ready(None);
            }
            state.show_note(&echo(&message));
            drop(state);
            return Poll::Ready(self.send_text(message.as_str().into(), link, sinks));
        }
        let Some(source) = &mut self.source else {
            return Poll::Pending;
        };
        if source.peek().is_some_and(sends) && !self.state.borrow().is_closed() {
            ready!(link.poll_ready(cx));
        }
        let Some((line, place)) = source.take() else {
            self.source = None;
            return Poll::Ready(None);
        };
        let mut state = self.state.borrow_mut();
        state.show_note(&echo(&line));
        let why = match parse(&line) {
            ReplLine::Wrong(why) => Some(why),
            ReplLine::Source(_) => Some("a file cannot enter another one".to_owned()),
            _ if sends(&line) && !link.is_open() => Some("not sent: not connected".to_owned()),
            _ => None,
        };
        if let Some(why) = why {
            state.note("!", &format!("{place}: {why}"));
            self.source = None;
            return Poll::Ready(None);
        }
        drop(state);
        Poll::Ready(self.enter(&line, link, sinks))
    }

    fn press(&mut self, key: Key, link: &mut Link, sinks: &mut Sinks) -> Option<Action> {
        let mut state = self.state.borrow_mut();
        match state.press(key)? {
            Entered::Line(line) => {
                state.enter(&line);
                drop(state);
                return self.enter(&line, link, sinks);
            }
            Entered::Refused(line) => {
                state.remember(&line);
                state.refuse();
            }
            Entered::Doubtful(word) => state.note("!", &word.question()),
            Entered::Reconnect(line) => {
                state.send_when_open(line);
                return Some(Action::Reopen);
            }
            Entered::Cleared(line) => state.remember(&line),
            Entered::Edit => {
                drop(state);
                self.edit(sinks);
            }
            Entered::LeaveHint => state.note("*", LEAVE_HINT),
            Entered::Note(text) => state.show_note(&text),
            Entered::Nothing => {}
            Entered::Clear => state.clear(),
            Entered::Suspend => state.suspend(),
            Entered::Leave => {
                drop(state);
                return Some(self.quit());
            }
        }
        None
    }

    /// Carries out a line; returns an action for the session, if any.
    fn enter(&mut self, line: &str, link: &mut Link, sinks: &mut Sinks) -> Option<Action> {
        match parse(line) {
            ReplLine::Do(Action::Quit) => return Some(self.quit()),
            ReplLine::Do(Action::Send(Outgoing::Message(Payload::Text(text)))) => {
                return self.send_text(text, link, sinks);
            }
            ReplLine::Do(action) => return Some(action),
            ReplLine::Show(show) => sinks.show(show),
            ReplLine::Status => {
                sinks.notify(Notice::Status(&link.status()));
                sinks.show_settings();
            }
            ReplLine::Converse(command) => {
                let done = command.run(link, sinks);
                let mut state = self.state.borrow_mut();
                match done {
                    Ok(text) => text.lines().for_each(|line| state.note("*", line)),
                    Err(why) => state.note("!", &why),
                }
            }
            ReplLine::Last(messages) => self.show_last(messages, sinks),
            ReplLine::Edit => self.edit(sinks),
            ReplLine::Kept(command) => {
                let done = command.run(sinks);
                let mut state = self.state.borrow_mut();
                match done {
                    Ok(shown) => {
                        state.show_note(&shown.raw);
                        state.note("*", &shown.note);
                    }
                    Err(why) => state.note("!", &why),
                }
            }
            ReplLine::Watch(every, message) => {
                let note = format!("sending every {}; any key stops it", units::shown(every));
                self.state.borrow_mut().note("*", &note);
                self.watch = Some(Watch::new(every, message));
            }
            ReplLine::Source(path) => match SourcedLines::read(&path) {
                Ok(lines) => self.source = Some(lines),
                Err(why) => self.state.borrow_mut().note("!", &why),
            },
            ReplLine::ShowOnOpen => {
                sinks.notify(Notice::SentOnOpen(link.on_open().len()));
                for source in link.on_open() {
                    sinks.notify(Notice::Text(&source.to_string()));
                }
            }
            ReplLine::OnOpen(source) => sinks.notify(Notice::SentOnOpen(link.set_on_open(source))),
            ReplLine::Connect(url) => self.connecting = Some((self.connector)(url)),
            ReplLine::SendFile(path) => return self.send_file(&path),
            ReplLine::Help(on) => self.state.borrow_mut().show_note(&help_text(on)),
            ReplLine::Wrong(why) => self.state.borrow_mut().note("!", &why),
        }
        None
    }

    /// Sends a typed text, filled in if messages are templates.
    fn send_text(&mut self, text: Text, link: &Link, sinks: &mut Sinks) -> Option<Action> {
        let text = match link.fill_typed(text.as_str(), self.typed) {
            Ok(None) => text,
            Ok(Some(filled)) => {
                self.typed += 1;
                sinks.hide(&filled);
                filled.text.into()
            }
            Err(why) => {
                let note = format!("not sent: {why}");
                self.state.borrow_mut().note("!", &note);
                return None;
            }
        };
        Some(Action::Send(Outgoing::Message(Payload::Text(text))))
    }

    fn send_file(&mut self, path: &Path) -> Option<Action> {
        let mut state = self.state.borrow_mut();
        match read(path) {
            Ok((payload, note)) => {
                state.note("*", &note);
                Some(Action::Send(Outgoing::Message(payload)))
            }
            Err(why) => {
                state.note("!", &format!("not sent: {}: {why}", path.display()));
                None
            }
        }
    }

    /// Restores the terminal, so that Ctrl-C is a signal again: a second one skips the closing handshake.
    fn quit(&mut self) -> Action {
        self.state.borrow_mut().restore_terminal();
        terminal::restore();
        if std::iter::from_fn(|| self.keys.next()).any(|key| key == Key::Ctrl('c')) {
            // Both Ctrl-C arrived in one read.
            system::interrupt();
        }
        Action::Quit
    }
}

/// Reads a file as one message: text if it is valid UTF-8, else binary. Only regular files, because others could
/// block.
fn read(path: &Path) -> Result<(Payload, String), String> {
    let metadata = std::fs::metadata(path).map_err(|error| io_text(&error))?;
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| io_text(&error))?;
    let size = count_grouped(bytes.len() as u64, "byte");
    let (payload, kind) = match String::from_utf8(bytes) {
        Ok(text) => (Payload::Text(text.into()), "text"),
        Err(error) => (Payload::Binary(error.into_bytes().into()), "binary"),
    };
    Ok((payload, format!("sending {size} as {kind}")))
}
