//! Writes data to stdout and diagnostics to stderr, or both to a terminal above the prompt.
//!
//! It never blocks: what cannot be written now is written by a later call.

use std::io;
use std::task::{Context, Poll, Waker, ready};

use super::buffer::{Amount, Buffer};
use super::prompt_terminal::PromptTerminal;
use super::standard_streams::{Stderr, Stdout, are_one};
use crate::event::Event;

/// Where data goes.
pub enum Destination {
    /// Standard output; diagnostics go to stderr.
    Stdout(Stdout),
    /// A terminal with a prompt: data and diagnostics go above it.
    Editor(PromptTerminal),
    /// Nowhere: the reader of stdout is gone, and the session continues for its verdict.
    Nowhere,
}

/// Buffers and writes data and diagnostics.
pub struct Writer {
    destination: Destination,
    /// Data that is not written yet.
    data: Buffer,
    /// Diagnostics that are not written yet.
    diagnostics: Buffer,
    stderr: Option<Stderr>,
    /// Whether stdout and stderr are the same file: then each line waits for the ones before it.
    keeps_order: bool,
}

impl Writer {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            data: Buffer::default(),
            diagnostics: Buffer::default(),
            stderr: None,
            keeps_order: are_one(),
        }
    }

    /// Where data is appended.
    #[inline]
    pub(super) fn data(&mut self) -> &mut Buffer {
        &mut self.data
    }

    /// Whether data goes only to stdout.
    pub(super) fn is_stdout(&self) -> bool {
        matches!(self.destination, Destination::Stdout(_))
    }

    /// Passes an event to the prompt.
    pub(super) fn follow(&mut self, event: &Event) {
        if let Destination::Editor(editor) = &mut self.destination {
            editor.follow(event);
            editor.take_echo(self.data.tail());
        }
    }

    /// Prints what was entered before the output that follows from it.
    pub(super) fn take_echo(&mut self) {
        if let Destination::Editor(editor) = &mut self.destination {
            editor.take_echo(self.data.tail());
        }
    }

    /// The buffer for diagnostics of single messages, which are written together; `None` when their order relative
    /// to the messages is visible.
    pub(super) fn buffered_diagnostics(&mut self) -> Option<&mut Vec<u8>> {
        let gathers = !self.keeps_order && !matches!(self.destination, Destination::Editor(_));
        gathers.then(|| self.diagnostics.tail())
    }

    /// Writes diagnostics, at once as far as possible without blocking.
    pub(super) fn write_diagnostics(&mut self, text: &[u8]) {
        if let Destination::Editor(_) = self.destination {
            self.data.tail().extend_from_slice(text);
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        // Data goes first, for a terminal that shows both. The next drain returns its errors.
        if let Destination::Stdout(stdout) = &mut self.destination {
            let _ = self
                .data
                .poll_drain(Amount::All, |bytes| stdout.poll_write(&mut cx, bytes));
        }
        self.diagnostics.tail().extend_from_slice(text);
        let _ = self.poll_stderr(&mut cx);
    }

    /// Writes diagnostics to stderr; ready when nothing is left of them.
    fn poll_stderr(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.diagnostics.is_empty() {
            return Poll::Ready(());
        }
        let stderr = self.stderr.get_or_insert_with(|| Stderr::new(io::stderr()));
        let write = |bytes: &[u8]| stderr.poll_write(cx, bytes);
        if ready!(self.diagnostics.poll_drain(Amount::All, write)).is_err() {
            // A closed stderr is ignored.
            self.diagnostics.clear();
        }
        Poll::Ready(())
    }

    /// Writes at most `amount`; ready when nothing of it is left.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        amount: Amount,
    ) -> Poll<io::Result<()>> {
        let diagnostics = self.poll_stderr(cx);
        match &mut self.destination {
            Destination::Nowhere => self.data.clear(),
            Destination::Editor(editor) => ready!(editor.poll_print(cx, &mut self.data)),
            Destination::Stdout(stdout) => {
                let write = |bytes: &[u8]| stdout.poll_write(cx, bytes);
                if let Err(error) = ready!(self.data.poll_drain(amount, write)) {
                    self.data.clear();
                    return Poll::Ready(Err(error));
                }
            }
        }
        diagnostics.map(Ok)
    }

    /// The reader of stdout is gone: data is dropped from now on.
    pub fn stop_printing(&mut self) {
        self.data.clear();
        self.destination = Destination::Nowhere;
    }

    /// Whether everything has been written.
    pub fn is_drained(&self) -> bool {
        let is_shown = match &self.destination {
            Destination::Editor(editor) => editor.is_drained(),
            Destination::Stdout(_) | Destination::Nowhere => true,
        };
        is_shown && self.data.is_empty() && self.diagnostics.is_empty()
    }

    /// Whether more may be read from the network.
    pub fn has_room(&self) -> bool {
        self.data.has_room() && self.has_room_aside()
    }

    /// Whether stderr has room for more diagnostics.
    pub fn has_room_aside(&self) -> bool {
        self.diagnostics.has_room()
    }

    /// Whether enough is buffered that it should be written before more is read.
    #[inline]
    pub fn is_worth_writing(&self) -> bool {
        self.data.is_worth_writing() || self.diagnostics.is_worth_writing()
    }

    /// Ready when the reader of stdout is gone, even if there is nothing to write.
    pub fn poll_reader_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.destination {
            Destination::Stdout(stdout) => stdout.poll_reader_gone(cx),
            Destination::Editor(_) | Destination::Nowhere => Poll::Pending,
        }
    }
}
