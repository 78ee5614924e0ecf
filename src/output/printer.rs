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
    /// The messages of both sides of a proxy.
    Traffic(TrafficView),
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
        selection: &Selection,
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
            Self::Traffic(view) => view.print(out, event),
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
            Self::Messages(_) | Self::Session(_) | Self::Traffic(_) | Self::Report => {}
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

/// The messages that pass through a proxy, each with the mark of its direction.
#[derive(Debug)]
pub struct TrafficView {
    layout: Layout,
    connection: u64,
}

impl TrafficView {
    /// A view in this format. On a terminal it shows the number of the connection.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            connection: 0,
        }
    }

    /// Sets the connection of the following messages.
    pub(super) fn turn_to(&mut self, connection: u64) {
        self.connection = connection;
    }

    fn print(&mut self, out: &mut Buffer, event: &Event) {
        let Event::Message(message) = event else {
            return;
        };
        self.layout.mark = match message.direction {
            Direction::In => "< ",
            Direction::Out => "> ",
        };
        let mut extent = Extent::Whole;
        if self.layout.terminal {
            self.layout.connection = self.connection;
            extent = Extent::Beginning;
        }
        self.layout
            .print(out, &message.payload, message.read_at, extent);
    }
}

fn print_message(layout: &mut Layout, out: &mut Buffer, message: &Message, selection: &Selection) {
    match selection.parts(&message.payload) {
        Some(parts) => {
            for part in &parts {
                layout.print(out, part, message.read_at, Extent::Whole);
            }
        }
        None => layout.print(out, &message.payload, message.read_at, Extent::Whole),
    }
}
