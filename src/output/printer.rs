//! The content of stdout: messages, events, ping lines or reports.

use super::buffer::Buffer;
use super::events::EventWriter;
use super::message_layout::{Extent, Layout};
use super::ping_printer::PingPrinter;
use super::repl_view::ReplView;
use super::selection::Selection;
use crate::connection::message::Direction;
use crate::event::{Event, Message};
use crate::secret::Redactor;
use crate::stop::PingStatistics;

/// What is printed on stdout.
#[derive(Debug)]
pub enum Printer {
    /// Received messages.
    Messages(Layout),
    /// The view of a session at a terminal.
    Session(Box<ReplView>),
    /// Every event (`--json`).
    Events(EventWriter),
    /// The output of `ping`.
    Pings(Box<PingPrinter>),
    /// Nothing but reports, which are printed explicitly (`check`).
    Report,
}

impl Printer {
    /// Appends the output of an event.
    pub(super) fn print(
        &mut self,
        out: &mut Buffer,
        event: &Event,
        selection: &mut Selection,
        redactor: &Redactor,
    ) {
        let received = match event {
            Event::Message(message) if message.direction == Direction::In => Some(message),
            _ => None,
        };
        if received.is_some_and(|message| !selection.shows(&message.payload)) {
            return;
        }
        match self {
            Self::Messages(layout) => {
                received.inspect(|message| print_message(layout, out, message, selection));
            }
            Self::Session(view) => view.print(out, event, redactor),
            Self::Events(writer) => writer.write(out, event, redactor),
            Self::Pings(printer) => printer.print(out.tail(), event),
            Self::Report => {}
        }
    }

    /// Appends the summary of a `ping`.
    pub(super) fn print_statistics(&mut self, out: &mut Vec<u8>, statistics: &PingStatistics) {
        match self {
            Self::Events(writer) => writer.statistics(out, statistics),
            Self::Pings(printer) => printer.print_statistics(out, statistics),
            Self::Messages(_) | Self::Session(_) | Self::Report => {}
        }
    }

    /// The event writer, with `--json`.
    pub(super) fn events(&mut self) -> Option<&mut EventWriter> {
        match self {
            Self::Events(writer) => Some(writer),
            _ => None,
        }
    }
}

fn print_message(
    layout: &mut Layout,
    out: &mut Buffer,
    message: &Message,
    selection: &mut Selection,
) {
    match selection.parts(&message.payload) {
        Some(parts) => {
            for part in &parts {
                layout.print(out, part, message.read_at, Extent::Whole);
            }
        }
        None => layout.print(out, &message.payload, message.read_at, Extent::Whole),
    }
}
