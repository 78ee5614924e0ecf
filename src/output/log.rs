//! The log file: every event as a JSON line (`--log`, `/log`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::task::Poll;
use std::time::Instant;

use super::buffer::{Amount, Buffer};
use super::events::EventWriter;
use crate::event::Event;
use crate::named_file;
use crate::secret::{Redactor, io_text};

/// A log file.
pub struct Log {
    /// The file's name, as given.
    pub(super) name: String,
    pub(super) origin: Origin,
    file: io::BufWriter<Box<dyn Write>>,
    pub(super) writer: EventWriter,
    line: Buffer,
}

/// Who requested the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The command line: a write error ends the run.
    Flag,
    /// The user of a session: a write error is reported.
    Person,
}

impl Log {
    /// Creates the file.
    ///
    /// # Errors
    /// The operating system's, as a message that names the file.
    pub fn create(path: &Path, begun: Instant) -> Result<Self, String> {
        let writer = EventWriter::for_log(begun);
        Self::new(named_file::create(path), path, Origin::Flag, writer)
    }

    /// Appends to the file, with events of the connection of this number.
    ///
    /// # Errors
    /// As [`Log::create`].
    pub(super) fn append(path: &Path, begun: Instant, connection: u64) -> Result<Self, String> {
        let open = || OpenOptions::new().append(true).create(true).open(path);
        let file = named_file::refuse_special(path).and_then(|()| open());
        let writer = EventWriter::for_log(begun).after(connection);
        Self::new(file, path, Origin::Person, writer)
    }

    fn new(
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
            file: io::BufWriter::new(named_file::writer(file)),
            writer,
            line: Buffer::default(),
        })
    }

    /// Flushes the file.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Writes an event of a link.
    pub(super) fn write(&mut self, event: &Event, redactor: &Redactor) -> io::Result<()> {
        self.writer.write(&mut self.line, event, redactor);
        self.put_line()
    }

    /// Writes an event that `lay_out` appends.
    pub(super) fn write_with(
        &mut self,
        lay_out: impl Fn(&mut EventWriter, &mut Vec<u8>),
    ) -> io::Result<()> {
        lay_out(&mut self.writer, self.line.tail());
        self.put_line()
    }

    fn put_line(&mut self) -> io::Result<()> {
        let Self { line, file, .. } = self;
        // Writing to a file is never pending.
        let Poll::Ready(result) =
            line.poll_drain(Amount::All, |bytes| Poll::Ready(file.write(bytes)))
        else {
            return Ok(());
        };
        result.inspect_err(|_| self.line.clear())
    }
}
