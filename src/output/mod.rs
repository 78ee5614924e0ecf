//! How an event becomes bytes. stdout is data, stderr is talk, and this module writes both.
//!
//! What a peer says never reaches a terminal raw; what stdout gets in a pipe is exact. A message is
//! visible as soon as nothing more is ready behind it.

mod bars;
pub mod buffer;
pub mod by_hand;
pub mod editor;
pub mod escape;
pub mod events;
pub mod form;
pub mod hexdump;
pub mod json;
pub mod messages;
pub mod pings;
pub mod selection;
pub mod standard;
pub mod style;
pub mod talk;
pub mod view;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use crate::connection::message::Direction;
use crate::event::Event;
use crate::exit::Exit;
use crate::named_file;
use crate::secret::{Redactor, io_text, shown_header_value};
use crate::stop::{Closest, Statistics};
pub use buffer::Amount;
use buffer::Buffer;
use by_hand::Recorder;
use editor::Editor;
use escape::{Keep, escape};
use events::{EventWriter, ServeTotals, SummaryLine, TestLine};
use messages::{Extent, Layout};
use pings::PingPrinter;
use selection::Selection;
use standard::{Stderr, Stdout};
use talk::Talk;
use view::View;

/// What stdout is made of.
#[derive(Debug)]
pub enum Printer {
    /// Received messages.
    Messages(Layout),
    /// What a session at a terminal shows.
    Session(Box<View>),
    /// Every event (`--json`).
    Events(EventWriter),
    /// What `ping` prints.
    Pings(Box<PingPrinter>),
    /// Only what is printed on purpose: the report of a check.
    Report,
}

/// Every event as JSON lines in a file (`--log`).
pub struct Log {
    name: String,
    origin: Origin,
    file: io::BufWriter<File>,
    writer: EventWriter,
    line: Buffer,
}

/// Who asked for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The command line: a log that fails is a failure.
    Flag,
    /// A person in a session, who is told.
    Person,
}

impl Log {
    /// Creates the file.
    ///
    /// # Errors
    /// The operating system's, in words that name the file.
    pub fn create(path: &Path, begun: Instant) -> Result<Self, String> {
        let writer = EventWriter::for_log(begun);
        Self::of(named_file::create(path), path, Origin::Flag, writer)
    }

    /// Goes on behind what the file holds, with an event of this connection.
    ///
    /// # Errors
    /// As [`Log::create`].
    fn append(path: &Path, begun: Instant, connection: u64) -> Result<Self, String> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let writer = EventWriter::for_log(begun).after(connection);
        Self::of(file, path, Origin::Person, writer)
    }

    fn of(
        file: io::Result<File>,
        path: &Path,
        origin: Origin,
        writer: EventWriter,
    ) -> Result<Self, String> {
        let name = path.display().to_string();
        let file = file.map_err(|error| format!("cannot write {name}: {}", io_text(&error)))?;
        Ok(Self {
            name,
            origin,
            file: io::BufWriter::new(file),
            writer,
            line: Buffer::default(),
        })
    }

    /// Writes what is still in memory.
    fn end(&mut self) -> Result<(), String> {
        self.file.flush().map_err(|error| io_text(&error))
    }

    fn write(&mut self, event: &Event, redactor: &Redactor) -> io::Result<()> {
        self.writer.write(&mut self.line, event, redactor);
        self.put_line()
    }

    fn put_line(&mut self) -> io::Result<()> {
        let Self { line, file, .. } = self;
        // A file is never awaited.
        let Poll::Ready(result) =
            line.poll_drain(Amount::All, |bytes| Poll::Ready(file.write(bytes)))
        else {
            return Ok(());
        };
        result.inspect_err(|_| self.line.clear())
    }
}

/// Where events go.
pub struct Sinks {
    buffer: Buffer,
    way: Way,
    printer: Printer,
    selection: Selection,
    talk: Talk,
    log: Option<Log>,
    recorder: Option<Box<dyn Recorder>>,
    /// When everything began, and how many connections there have been since.
    begun: Instant,
    connections: u64,
    redactor: Redactor,
    /// Talk that is being put together.
    said: Vec<u8>,
    /// Talk on its way to stderr.
    aside: Buffer,
    stderr: Option<Stderr>,
    failure: Option<io::Error>,
}

/// The bytes' way out.
pub enum Way {
    /// Standard output; talk goes to stderr.
    Stdout(Stdout),
    /// A terminal with a line that is being typed: everything goes above it, talk as well.
    Editor(Editor),
    /// Nowhere: whoever read it has left, and the session goes on for its verdict.
    Nowhere,
}

impl Sinks {
    /// Sinks that lay out data with `printer` and keep a log.
    pub fn new(
        way: Way,
        printer: Printer,
        talk: Talk,
        log: Option<Log>,
        redactor: Redactor,
    ) -> Self {
        let buffer = Buffer::default();
        Self {
            buffer,
            way,
            printer,
            selection: Selection::default(),
            talk,
            log,
            recorder: None,
            begun: Instant::now(),
            connections: 0,
            redactor,
            said: Vec::new(),
            aside: Buffer::default(),
            stderr: None,
            failure: None,
        }
    }

    /// Everything began then.
    pub fn since(mut self, begun: Instant) -> Self {
        self.begun = begun;
        self
    }

    /// Shows only these messages, or parts of them.
    pub fn showing(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// The reader of stdout has left: from now on its data goes nowhere.
    pub fn stop_printing(&mut self) {
        self.buffer.clear();
        self.way = Way::Nowhere;
    }

    /// Something happened.
    #[inline]
    pub fn see(&mut self, event: &Event) {
        if !self.is_deaf_to(event) {
            self.tell_all(event);
        }
    }

    fn tell_all(&mut self, event: &Event) {
        if let Way::Editor(editor) = &mut self.way {
            editor.follow(event);
            self.take_echo();
        }
        if let Event::Secret(secret) = event {
            self.redactor.learn(secret.reveal());
            return;
        }
        if self.is_unwanted(event) {
            return;
        }
        self.connections += u64::from(matches!(event, Event::Connecting { .. }));
        if let Some(recorder) = &mut self.recorder {
            recorder.see(event);
        }
        self.print(event);
        // Messages are data: there is no talk of them.
        if !matches!(event, Event::Message(_)) {
            self.talk.tell(&mut self.said, event, &self.redactor);
        }
        if let Some(log) = &mut self.log
            && let Err(error) = log.write(event, &self.redactor)
        {
            self.failure.get_or_insert(error);
        }
        if !self.said.is_empty() {
            self.speak();
        }
    }

    /// Whether no sink has a use for it: nobody but events, logs and a person is told what was sent.
    #[inline]
    fn is_deaf_to(&self, event: &Event) -> bool {
        let sent = match event {
            Event::Message(message) => message.direction == Direction::Out,
            Event::Batch(_) => true,
            _ => false,
        };
        sent && self.is_deaf_to_sent()
    }

    /// Whether no sink has a use for any message that is sent.
    pub fn is_deaf_to_sent(&self) -> bool {
        self.log.is_none()
            && self.recorder.is_none()
            && matches!(self.way, Way::Stdout(_))
            && matches!(self.printer, Printer::Messages(_))
    }

    fn print(&mut self, event: &Event) {
        let out = &mut self.buffer;
        let received = match event {
            Event::Message(message) if message.direction == Direction::In => Some(&message.payload),
            _ => None,
        };
        if received.is_some_and(|payload| !self.selection.shows(payload)) {
            return;
        }
        match (&mut self.printer, event) {
            (Printer::Messages(layout), Event::Message(message)) if received.is_some() => {
                match self.selection.parts(&message.payload) {
                    Some(parts) => {
                        for part in &parts {
                            layout.print(out, part, message.read_at, Extent::Whole);
                        }
                    }
                    None => layout.print(out, &message.payload, message.read_at, Extent::Whole),
                }
            }
            (Printer::Session(view), event) => view.print(out, event, &self.redactor),
            (Printer::Events(writer), event) => writer.write(out, event, &self.redactor),
            (Printer::Pings(printer), event) => printer.print(out.tail(), event),
            (Printer::Messages(_) | Printer::Report, _) => {}
        }
    }

    /// The summary of a `ping`.
    pub fn print_statistics(&mut self, statistics: &Statistics) {
        let out = self.buffer.tail();
        match &mut self.printer {
            Printer::Events(writer) => writer.statistics(out, statistics),
            Printer::Pings(printer) => printer.print_statistics(out, statistics),
            Printer::Messages(_) | Printer::Session(_) | Printer::Report => {}
        }
    }

    /// The connection that the last event belonged to, counted from 1.
    pub fn connection(&self) -> u64 {
        match (&self.printer, &self.log) {
            (Printer::Events(writer), _) => writer.connection(),
            (_, Some(log)) => log.writer.connection(),
            _ => 0,
        }
    }

    /// The events that follow belong to this connection: several of them take turns.
    pub fn turn_to(&mut self, connection: u64, happened: Option<Instant>) {
        if let Printer::Events(writer) = &mut self.printer {
            writer.turn_to(connection, happened);
        }
        if let Some(log) = &mut self.log {
            log.writer.turn_to(connection, happened);
        }
    }

    /// Prints a piece of a report, unless stdout is made of events.
    pub fn print_report(&mut self, text: &str) {
        if matches!(self.printer, Printer::Report) {
            self.buffer.tail().extend_from_slice(text.as_bytes());
        }
    }

    /// A test or a fact, as an event.
    pub fn tell_test(&mut self, test: &TestLine<'_>) {
        self.tell(|writer, out| writer.test(out, test));
    }

    /// What all tests came to, as an event.
    pub fn tell_summary(&mut self, summary: &SummaryLine) {
        self.tell(|writer, out| writer.summary(out, summary));
    }

    /// Whoever reads events is told how an attempt ended that was still under way.
    pub fn give_up(&mut self, exit: Exit) {
        self.tell(|writer, out| writer.give_up(out, exit));
    }

    /// An event that happened on no link.
    fn tell(&mut self, write: impl Fn(&mut EventWriter, &mut Vec<u8>)) {
        if let Printer::Events(writer) = &mut self.printer {
            write(writer, self.buffer.tail());
        }
        if let Some(log) = &mut self.log {
            write(&mut log.writer, log.line.tail());
            if let Err(error) = log.put_line() {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// A warning.
    pub fn warn(&mut self, text: &str) {
        self.talk
            .warning(&mut self.said, &self.redactor.redact(text));
        self.speak();
    }

    /// The line of an error that no report tells.
    pub fn complain(&mut self, text: &str) {
        self.talk.error(&mut self.said, &self.redactor.redact(text));
        self.speak();
    }

    /// What erases secrets from all that is shown.
    pub fn redactor(&mut self) -> &mut Redactor {
        &mut self.redactor
    }

    /// An error with what the other side said and what to try. With `--json` the error goes to stdout
    /// as an event, unless the connection's own event has told it.
    pub fn report(&mut self, report: &Report<'_>) {
        if let Some(kind) = report.event_kind {
            let message = self.redactor.redact(report.message).into_owned();
            self.tell(|writer, out| {
                writer.error(out, kind, &message, report.retryable, report.exit);
            });
        }
        if !matches!(self.printer, Printer::Events(_)) {
            self.talk
                .error(&mut self.said, &self.redactor.redact(report.message));
            for line in report.said {
                let line = match line.split_once(": ") {
                    Some((name, value)) => {
                        format!(
                            "{name}: {}",
                            shown_header_value(name, value, &self.redactor)
                        )
                    }
                    None => self.redactor.redact(line).into_owned(),
                };
                self.talk.quote(&mut self.said, &line);
            }
            for line in report
                .closest
                .iter()
                .flat_map(|closest| near_miss(closest, &self.redactor))
            {
                self.talk.quote(&mut self.said, &line);
            }
        }
        if let Some(hint) = report.hint {
            self.talk.hint(&mut self.said, &self.redactor.redact(hint));
        }
        self.speak();
    }

    /// What else to try, behind a report.
    pub fn hint(&mut self, text: &str) {
        self.talk.hint(&mut self.said, &self.redactor.redact(text));
        self.speak();
    }

    /// What to try, before anything has failed.
    pub fn suggest(&mut self, text: &str) {
        self.talk.hint(&mut self.said, &self.redactor.redact(text));
        self.speak();
    }

    /// A line of talk of the session's own.
    pub fn say(&mut self, text: &str) {
        self.take_echo();
        let text = self.redactor.redact(text);
        self.talk.line(&mut self.said, "*", &text);
        self.speak();
    }

    /// A line of a running account: a mark, then what happened.
    pub fn recount(&mut self, mark: &str, text: &str) {
        let text = self.redactor.redact(text);
        self.talk.account(&mut self.said, mark, &text);
        self.speak();
    }

    /// Whether so much talk waits for its reader that no more should be said.
    pub fn is_talked_out(&self) -> bool {
        !self.aside.has_room()
    }

    /// What a server came to, as an event.
    pub fn tell_serve_totals(&mut self, totals: &ServeTotals) {
        self.tell(|writer, out| writer.serve_stats(out, totals));
    }

    /// Where a server listens, as an event.
    pub fn tell_listening(&mut self, url: &str, fingerprint: Option<&str>) {
        self.tell(|writer, out| writer.listening(out, url, fingerprint));
    }

    /// Sends off what was put together: at once, as far as that blocks nobody.
    fn speak(&mut self) {
        let said = std::mem::take(&mut self.said);
        if let Way::Editor(_) = self.way {
            self.buffer.tail().extend_from_slice(&said);
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        // What was received comes first on a terminal that shows both; errors are met by the next
        // drain.
        if let Way::Stdout(stdout) = &mut self.way {
            let _ = self
                .buffer
                .poll_drain(Amount::All, |bytes| stdout.poll_write(&mut cx, bytes));
        }
        self.aside.tail().extend_from_slice(&said);
        let _ = self.poll_aside(&mut cx);
    }

    /// Writes talk to stderr; ready when nothing is left of it.
    fn poll_aside(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.aside.is_empty() {
            return Poll::Ready(());
        }
        let stderr = self.stderr.get_or_insert_with(|| Stderr::new(io::stderr()));
        if ready!(
            self.aside
                .poll_drain(Amount::All, |bytes| stderr.poll_write(cx, bytes))
        )
        .is_err()
        {
            // Nothing can be done about a stderr that is gone.
            self.aside.clear();
        }
        Poll::Ready(())
    }

    /// Whether all that was laid out has been written.
    pub fn is_drained(&self) -> bool {
        let is_shown = match &self.way {
            Way::Editor(editor) => editor.is_drained(),
            Way::Stdout(_) | Way::Nowhere => true,
        };
        is_shown && self.buffer.is_empty() && self.aside.is_empty()
    }

    /// Whether more may be read from the network.
    pub fn has_room(&self) -> bool {
        self.buffer.has_room() && self.aside.has_room()
    }

    /// Whether more may be sent: what is sent is printed as well where stdout is made of events.
    pub fn has_room_for_sent(&self) -> bool {
        self.has_room() || !matches!(self.printer, Printer::Events(_))
    }

    /// Whether so much has gathered that it should be written before more is read.
    pub fn is_worth_writing(&self) -> bool {
        self.buffer.is_worth_writing()
    }

    /// Ready when the reader of stdout is gone, though there was nothing to write.
    pub fn poll_reader_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.way {
            Way::Stdout(stdout) => stdout.poll_reader_gone(cx),
            Way::Editor(_) | Way::Nowhere => Poll::Pending,
        }
    }

    /// Writes what can be written; ready when nothing is left.
    ///
    /// # Errors
    /// The operating system's, for stdout or the log.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write(cx, Amount::All)
    }

    /// As [`Sinks::poll_drain`], but no more than `amount`.
    ///
    /// # Errors
    /// The same.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, amount: Amount) -> Poll<io::Result<()>> {
        if let Some(Err(error)) = self.log.as_mut().map(|log| log.file.flush()) {
            self.failure.get_or_insert(error);
        }
        if let Some(error) = self.failure.take() {
            if let Some(log) = self.log.take_if(|log| log.origin == Origin::Person) {
                let why = io_text(&error);
                self.say(&format!(
                    "cannot write {}: {why}; the log ends here",
                    log.name
                ));
                return self.poll_write(cx, amount);
            }
            // A log that has failed is no log; it must not keep what was received from stdout.
            self.log = None;
            return Poll::Ready(Err(io::Error::other(error)));
        }
        let aside = self.poll_aside(cx);
        let result = match &mut self.way {
            Way::Nowhere => {
                self.buffer.clear();
                Ok(())
            }
            Way::Stdout(stdout) => {
                ready!(
                    self.buffer
                        .poll_drain(amount, |bytes| stdout.poll_write(cx, bytes))
                )
            }
            Way::Editor(editor) => {
                ready!(editor.poll_print(cx, &mut self.buffer));
                Ok(())
            }
        };
        if result.is_err() {
            self.buffer.clear();
            return Poll::Ready(result);
        }
        aside.map(Ok)
    }
}

/// An error, laid out for its readers.
#[derive(Debug)]
pub struct Report<'a> {
    /// `WHAT: WHY`.
    pub message: &'a str,
    /// What the other side said, line by line.
    pub said: &'a [String],
    /// The message that came nearest to what was expected.
    pub closest: Option<&'a Closest>,
    /// What to try.
    pub hint: Option<&'a str>,
    /// The `kind` of its JSON event; `None` when the connection's last event has said it all.
    pub event_kind: Option<&'a str>,
    /// Whether another try may succeed.
    pub retryable: bool,
    /// The exit status.
    pub exit: Exit,
}

/// The most that is shown of a message that did not match, in characters.
const EXCERPT: usize = 200;

/// The beginning of a text on one line: secrets erased, then escaped, then cut.
pub fn excerpt(text: &str, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    // No more is laid out than can be shown: a message may have 256 MiB.
    let shown = text.char_indices().nth(EXCERPT + 1);
    let text = escape(shown.map_or(&*text, |(end, _)| &text[..end]), Keep::Nothing);
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// The message that came nearest to what was expected, and what differs.
pub fn near_miss(closest: &Closest, redactor: &Redactor) -> [String; 2] {
    let why = redactor.redact(&closest.why);
    [
        format!("closest: {}", excerpt(closest.text.as_str(), redactor)),
        format!("         {}", escape(&why, Keep::Nothing)),
    ]
}
