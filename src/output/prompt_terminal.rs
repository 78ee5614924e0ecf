//! The way out of an interactive session: what is printed, and below it a line that is being typed.
//!
//! Both go to one terminal, from one task: the line is taken off, the text is printed, the line is drawn
//! again, in one piece. So typing is never torn, and the order on the screen is that of what happened.

use std::io;
use std::task::{Context, Poll, ready};

use super::buffer::{Amount, Buffer};
use super::standard_streams::Stdout;
use crate::event::Event;

/// Between these a terminal shows nothing of what is drawn, where it knows them.
const BEGIN_UPDATE: &[u8] = b"\x1b[?2026h";
const END_UPDATE: &[u8] = b"\x1b[?2026l";

/// A text that is still to be laid out goes to the screen in pieces of about so many bytes.
const AT_ONCE: usize = 64 * 1024;

/// A line that is being typed.
pub trait PromptLine {
    /// Something happened.
    fn follow(&mut self, event: &Event);
    /// Appends what was entered or said by the editor since the last time: it goes before what follows
    /// from it.
    fn take_echo(&mut self, out: &mut Vec<u8>);
    /// Whether it looks otherwise than it was drawn.
    fn has_changed(&self) -> bool;
    /// Appends what takes it off the screen.
    fn erase(&mut self, out: &mut Vec<u8>);
    /// Appends what draws it.
    fn draw(&mut self, out: &mut Vec<u8>);
}

/// A terminal with such a line at its bottom.
pub struct PromptTerminal {
    stdout: Stdout,
    line: Box<dyn PromptLine>,
    /// Laid out, and not yet written.
    screen: Buffer,
    /// The line is off the screen while the rest of a large text is awaited.
    is_within_text: bool,
}

impl PromptTerminal {
    /// A line on standard output.
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

    /// Prints what is in `text`; ready when all of it, and the line, is on the screen.
    ///
    /// A terminal that is gone shows nothing: the session learns of it by its signal.
    pub(super) fn poll_print(&mut self, cx: &mut Context<'_>, text: &mut Buffer) -> Poll<()> {
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

    /// Prints what comes first of `text`, and draws the line again unless the rest belongs to it.
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

/// The session leaves it to the terminals of Unix to begin a row at a line feed; a raw console of Windows
/// does not.
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
