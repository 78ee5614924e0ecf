//! The terminal of an interactive session: printed output, and the prompt below it.
//!
//! One task writes both: it erases the prompt, prints the text and draws the prompt again, in one write. So
//! output never interrupts a line being typed, and appears in the order of the events.

use std::io;
use std::task::{Context, Poll, ready};

use super::buffer::{Amount, Buffer};
use super::standard_streams::Stdout;
use crate::event::Event;

/// Synchronized updates: a terminal that knows them shows the result at once.
const BEGIN_UPDATE: &[u8] = b"\x1b[?2026h";
const END_UPDATE: &[u8] = b"\x1b[?2026l";

/// A large text is formatted and written in pieces of about this many bytes.
const AT_ONCE: usize = 64 * 1024;

/// The prompt: the line being typed.
pub trait PromptLine {
    /// Handles an event.
    fn follow(&mut self, event: &Event);
    /// Appends what was entered, and the editor's notes, since the last call; they precede the output that follows
    /// from them.
    fn take_echo(&mut self, out: &mut Vec<u8>);
    /// Whether another program uses the terminal: nothing is printed until it ends.
    fn is_lent(&self) -> bool;
    /// Whether it must be drawn again.
    fn has_changed(&self) -> bool;
    /// Appends the sequence that erases it.
    fn erase(&mut self, out: &mut Vec<u8>);
    /// Appends the sequence that draws it.
    fn draw(&mut self, out: &mut Vec<u8>);
}

/// A terminal with a prompt below the output.
pub struct PromptTerminal {
    stdout: Stdout,
    line: Box<dyn PromptLine>,
    /// Formatted output that is not written yet.
    screen: Buffer,
    /// Whether the prompt is erased until the rest of a large text is printed.
    is_within_text: bool,
}

impl PromptTerminal {
    /// A prompt on standard output.
    pub fn new(stdout: Stdout, line: Box<dyn PromptLine>) -> Self {
        Self {
            stdout,
            line,
            screen: Buffer::default(),
            is_within_text: false,
        }
    }

    pub(super) fn follow(&mut self, event: &Event) {
        self.line.follow(event);
    }

    pub(super) fn take_echo(&mut self, out: &mut Vec<u8>) {
        self.line.take_echo(out);
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_drained(&self) -> bool {
        self.screen.is_empty() && !self.line.has_changed()
    }

    /// Prints `text`; ready when all of it and the prompt have been written.
    ///
    /// Errors of a closed terminal are ignored: the session ends by its signal.
    pub(super) fn poll_print(&mut self, cx: &mut Context<'_>, text: &mut Buffer) -> Poll<()> {
        if self.line.is_lent() {
            return Poll::Pending;
        }
        loop {
            let Self { stdout, screen, .. } = self;
            let written: io::Result<()> =
                ready!(screen.poll_drain(Amount::All, |bytes| stdout.poll_write(cx, bytes)));
            if written.is_err() {
                self.screen.clear();
            }
            self.line.take_echo(text.tail());
            if !text.is_empty() {
                self.print_above(text);
            } else if self.line.has_changed() {
                self.line.draw(self.screen.tail());
            } else {
                return Poll::Ready(());
            }
        }
    }

    /// Prints the next piece of `text`, and draws the prompt unless the piece ends within a line.
    fn print_above(&mut self, text: &mut Buffer) {
        let out = self.screen.tail();
        if !self.is_within_text {
            out.extend_from_slice(BEGIN_UPDATE);
            self.line.erase(out);
        }
        let first = text.take(AT_ONCE);
        append_lines(out, &first);
        let ends_a_line = first.ends_with(b"\n");
        self.is_within_text = !ends_a_line && !text.is_empty();
        if self.is_within_text {
            return;
        }
        if !ends_a_line {
            append_lines(out, b"\n");
        }
        self.line.draw(out);
        out.extend_from_slice(END_UPDATE);
    }
}

/// Unix terminals return the carriage at a line feed; a raw Windows console does not.
fn append_lines(out: &mut Vec<u8>, text: &[u8]) {
    if cfg!(unix) {
        out.extend_from_slice(text);
    } else {
        append_with_returns(out, text);
    }
}

fn append_with_returns(out: &mut Vec<u8>, text: &[u8]) {
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_feed_has_its_carriage_return() {
        let mut out = Vec::new();
        append_with_returns(&mut out, b"a\n\nb");
        assert_eq!(out, b"a\r\n\r\nb");
    }
}
