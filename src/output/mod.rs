//! Output: turns events into bytes. stdout carries data, stderr carries everything else.
//!
//! Text of the peer is escaped on a terminal and exact in a pipe. A message is written as soon as no further
//! one is ready.

mod bars;
pub mod buffer;
pub mod diagnostics;
pub mod escape;
pub mod events;
pub mod hexdump;
pub mod json;
mod log;
pub mod message_layout;
mod notice;
pub mod palette;
pub mod payload_form;
pub mod ping_printer;
mod printer;
pub mod prompt_terminal;
pub mod repl_sink;
pub mod repl_view;
pub mod selection;
pub mod standard_streams;
pub mod style;
mod writer;

use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::connection::message::Direction;
use crate::event::Event;
use crate::exit::Exit;
use crate::expectation::Closest;
use crate::secret::{Redactor, io_text, shown_header_value};
use crate::stop::PingStatistics;
use crate::template::variables::Filled;
pub use buffer::Amount;
use diagnostics::Diagnostics;
use escape::{KeptControls, escape};
use events::EventWriter;
pub use log::Log;
use log::Origin;
pub use notice::Notice;
pub use printer::{Printer, TrafficView};
use repl_sink::Recorder;
use selection::Selection;
pub use writer::{Destination, Writer};

/// The sinks of events: stdout, diagnostics, and the log file.
pub struct Sinks {
    /// The streams.
    pub writer: Writer,
    printer: Printer,
    selection: Selection,
    diagnostics: Diagnostics,
    log: Option<Log>,
    recorder: Option<Box<dyn Recorder>>,
    /// The start of the run, and the number of connections since.
    begun: Instant,
    connections: u64,
    redactor: Redactor,
    /// The error of writing the log.
    failure: Option<io::Error>,
    /// Whether the reader of stdout has not read in time after a signal.
    is_reader_given_up: bool,
}

impl Sinks {
    /// Sinks that print with `printer` and write a log, if there is one.
    pub fn new(
        destination: Destination,
        printer: Printer,
        diagnostics: Diagnostics,
        log: Option<Log>,
        redactor: Redactor,
    ) -> Self {
        Self {
            writer: Writer::new(destination),
            printer,
            selection: Selection::default(),
            diagnostics,
            log,
            recorder: None,
            begun: Instant::now(),
            connections: 0,
            redactor,
            failure: None,
            is_reader_given_up: false,
        }
    }

    /// Sets the start of the run.
    pub fn since(mut self, begun: Instant) -> Self {
        self.begun = begun;
        self
    }

    /// Shows only the selected messages or parts.
    pub fn showing(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Handles an event.
    #[inline]
    pub fn on_event(&mut self, event: &Event) {
        if !self.ignores(event) {
            self.write_event(event);
        }
    }

    /// Whether `-q` leaves a message out: a rule has answered it.
    fn leaves_out(&self, event: &Event) -> bool {
        matches!(event, Event::Message(message) if message.by_rule)
            && self.diagnostics.quiet > 0
            && matches!(self.printer, Printer::Messages(_))
    }

    fn write_event(&mut self, event: &Event) {
        self.writer.follow(event);
        if let Event::Secret(secret) = event {
            self.redactor.learn(secret.reveal());
            return;
        }
        if let Event::FilledIn(filled) = event {
            self.hide(filled);
            return;
        }
        if self.is_unwanted(event) {
            return;
        }
        self.connections += u64::from(matches!(event, Event::Connecting { .. }));
        if let Some(recorder) = &mut self.recorder {
            recorder.on_event(event);
        }
        if !self.leaves_out(event) {
            let out = self.writer.data();
            self.printer
                .print(out, event, &self.selection, &self.redactor);
        }
        if let Some(log) = &mut self.log
            && let Err(error) = log.write(event, &self.redactor)
        {
            self.failure.get_or_insert(error);
        }
        if let Event::Frame(_) = event
            && let Some(out) = self.writer.buffered_diagnostics()
        {
            self.diagnostics.write_event(out, event, &self.redactor);
            return;
        }
        // Messages are data and have no diagnostics.
        if !matches!(event, Event::Message(_)) {
            let mut text = Vec::new();
            self.diagnostics
                .write_event(&mut text, event, &self.redactor);
            if !text.is_empty() {
                self.writer.write_diagnostics(&text);
            }
        }
    }

    /// Whether no sink uses it: sent messages are only for events, logs and sessions.
    #[inline]
    fn ignores(&self, event: &Event) -> bool {
        let sent = match event {
            Event::Message(message) => message.direction == Direction::Out,
            Event::Batch(_) => true,
            _ => false,
        };
        sent && self.ignores_sent()
    }

    /// Whether no sink uses sent messages.
    pub fn ignores_sent(&self) -> bool {
        self.log.is_none()
            && self.recorder.is_none()
            && self.writer.is_stdout()
            && matches!(self.printer, Printer::Messages(_))
    }

    /// Whether more may be sent: with `--json` sent messages are printed, too.
    pub fn has_room_for_sent(&self) -> bool {
        self.writer.has_room() || !matches!(self.printer, Printer::Events(_))
    }

    /// The summary of a `ping`.
    pub fn print_statistics(&mut self, statistics: &PingStatistics) {
        let out = self.writer.data().tail();
        self.printer.print_statistics(out, statistics);
    }

    /// Prints a piece of a report, unless stdout carries JSON events.
    pub fn print_report(&mut self, text: &str) {
        if matches!(self.printer, Printer::Report) {
            self.writer.data().tail().extend_from_slice(text.as_bytes());
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

    /// Sets the connection of the following events, where several connections alternate.
    pub fn turn_to(&mut self, connection: u64, happened: Option<Instant>) {
        let log = self.log.as_mut().map(|log| &mut log.writer);
        for writer in self.printer.events().into_iter().chain(log) {
            writer.turn_to(connection, happened);
        }
        if let Printer::Traffic(view) = &mut self.printer {
            view.turn_to(connection);
        }
    }

    /// Writes an event that does not come from a link to JSON output and log.
    pub fn write_custom_event(&mut self, lay_out: impl Fn(&mut EventWriter, &mut Vec<u8>)) {
        if let Some(writer) = self.printer.events() {
            lay_out(writer, self.writer.data().tail());
        }
        if let Some(log) = &mut self.log
            && let Err(error) = log.write_with(lay_out)
        {
            self.failure.get_or_insert(error);
        }
    }

    /// Redacts what was filled in from now on.
    pub fn hide(&mut self, filled: &Filled) {
        for secret in &filled.secrets {
            self.redactor.learn(secret);
        }
        if let Some((text, shown)) = filled.shown_form() {
            self.redactor.show_as(text, &shown);
        }
    }

    /// Prints a notice.
    pub fn notify(&mut self, notice: Notice<'_>) {
        self.writer.take_echo();
        let mut text = Vec::new();
        self.diagnostics.notice(&mut text, &notice, &self.redactor);
        self.writer.write_diagnostics(&text);
    }

    /// Why messages cannot be chosen any more (`--filter`, `--select`).
    pub fn selection_failure(&self) -> Option<String> {
        self.selection.given_up()
    }

    /// Why `--select` has printed nothing, if messages were received that are not JSON.
    pub fn nothing_selected(&self) -> Option<String> {
        self.selection.nothing_found()
    }

    /// The redactor of all output.
    pub fn redactor(&mut self) -> &mut Redactor {
        &mut self.redactor
    }

    /// Prints an error with the peer's answer and the hint. With `--json` the error goes to stdout as an event,
    /// unless the connection's own event contains it.
    pub fn report(&mut self, report: &Report<'_>) {
        if let Some(kind) = report.event_kind {
            let message = self.redactor.redact(report.message).into_owned();
            self.write_custom_event(|writer, out| {
                writer.error(out, kind, &message, report.retryable, report.exit);
            });
        }
        let mut text = Vec::new();
        if !matches!(self.printer, Printer::Events(_)) {
            self.write_error(&mut text, report);
        }
        if let Some(hint) = report.hint {
            self.diagnostics
                .hint(&mut text, &self.redactor.redact(hint));
        }
        self.writer.write_diagnostics(&text);
    }

    fn write_error(&self, out: &mut Vec<u8>, report: &Report<'_>) {
        let Self {
            diagnostics,
            redactor,
            ..
        } = self;
        diagnostics.error(out, &redactor.redact(report.message));
        for line in report.response_lines {
            let line = match line.split_once(": ") {
                Some((name, value)) => {
                    format!("{name}: {}", shown_header_value(name, value, redactor))
                }
                None => redactor.redact(line).into_owned(),
            };
            diagnostics.quote(out, &line);
        }
        let closest = report.closest.iter();
        for line in closest.flat_map(|closest| near_miss(closest, redactor)) {
            diagnostics.quote(out, &line);
        }
    }

    /// The reader of stdout has had its time: the end does not wait for it any more.
    pub fn give_up_reader(&mut self) {
        self.is_reader_given_up = true;
    }

    /// How long the last output may take.
    pub fn patience(&self) -> Duration {
        match self.is_reader_given_up {
            true => Duration::from_millis(50),
            false => Duration::from_secs(1),
        }
    }

    /// Writes what can be written; ready when nothing is left.
    ///
    /// # Errors
    /// The operating system's, for stdout or the log.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write(cx, Amount::All)
    }

    /// As [`Sinks::poll_drain`], but at most `amount`.
    ///
    /// # Errors
    /// The same.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, amount: Amount) -> Poll<io::Result<()>> {
        if let Some(Err(error)) = self.log.as_mut().map(Log::flush) {
            self.failure.get_or_insert(error);
        }
        if let Some(error) = self.failure.take() {
            // The log is closed after an error, so that stdout is still written.
            match self.log.take() {
                Some(log) if log.origin == Origin::Person => {
                    let (name, why) = (&log.name, io_text(&error));
                    let text = format!("cannot write {name}: {why}; logging stopped");
                    self.notify(Notice::Text(&text));
                }
                _ => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        self.writer.poll_write(cx, amount)
    }
}

/// An error report.
#[derive(Debug)]
pub struct Report<'a> {
    /// `WHAT: WHY`.
    pub message: &'a str,
    /// The peer's answer, line by line.
    pub response_lines: &'a [String],
    /// The message nearest to the expected one.
    pub closest: Option<&'a Closest>,
    /// The hint.
    pub hint: Option<&'a str>,
    /// The `kind` of its JSON event; `None` when the connection's last event already contains it.
    pub event_kind: Option<&'a str>,
    /// Whether a retry may succeed.
    pub retryable: bool,
    /// The exit status.
    pub exit: Exit,
}

/// The longest excerpt of a message, in characters.
const EXCERPT: usize = 200;

/// The beginning of a text on one line: redacted, then escaped, then cut.
pub fn excerpt(text: &str, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    // Only what can be shown is escaped: a message may have 256 MiB.
    let shown = text.char_indices().nth(EXCERPT + 1);
    let text = escape(
        shown.map_or(&*text, |(end, _)| &text[..end]),
        KeptControls::Nothing,
    );
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// The lines of the nearest message and the first difference.
pub fn near_miss(closest: &Closest, redactor: &Redactor) -> [String; 2] {
    let why = redactor.redact(&closest.why);
    [
        format!("closest: {}", excerpt(closest.text.as_str(), redactor)),
        format!("         {}", escape(&why, KeptControls::Nothing)),
    ]
}
