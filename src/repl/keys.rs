//! Decodes terminal input into keys.
//!
//! termina's parser decodes the escape sequences. It accepts bytes from any source, on Unix and Windows, so the
//! session's loop reads the terminal like every other stream. (crossterm does not export its parser. Its event
//! source blocks on a sequence that arrives in two reads, spins on a closed terminal, and on Windows delivers a
//! paste as single keys, so that each pasted line would be a message.)
//!
//! Two rules are added, so that an incomplete sequence neither swallows the text typed next nor appears as text:
//! an Escape always begins a new sequence, and a sequence ends after [`SEQUENCE_TIMEOUT`] without a byte. A pasted
//! text (bracketed paste) is one key of any length.

use std::collections::VecDeque;
use std::time::Duration;

use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event, Parser};

/// The time limit for the rest of a sequence; a lone Escape is a key.
pub const SEQUENCE_TIMEOUT: Duration = Duration::from_millis(100);

const ESCAPE: u8 = 0x1b;
const PASTE_START: &[u8] = b"\x1b[200~";

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A text character.
    Char(char),
    /// A letter with Ctrl, in lower case.
    Ctrl(char),
    /// A character with Alt (or after Escape), letters in lower case.
    Alt(char),
    /// Enter.
    Enter,
    /// Enter with Alt, or another modifier: a line break in the text.
    ModifiedEnter,
    /// Tab.
    Tab,
    /// The key that deletes backwards.
    Backspace,
    /// The same with Alt or Ctrl: a word.
    WordBackspace,
    /// Delete.
    Delete,
    /// Left.
    Left,
    /// Right.
    Right,
    /// Left by a word.
    WordLeft,
    /// Right by a word.
    WordRight,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Home.
    Home,
    /// End.
    End,
    /// Escape alone.
    Escape,
    /// A pasted text, line breaks as `\n`.
    Paste(String),
    /// Any other key.
    Unknown,
}

/// Turns bytes into keys.
#[derive(Debug, Default)]
pub struct KeyDecoder {
    parser: Parser,
    decoded: VecDeque<Key>,
    /// How many bytes of [`PASTE_START`] the current sequence matches; all of them within a paste.
    paste_start: usize,
    /// Whether the last byte completed no key.
    is_incomplete: bool,
}

impl KeyDecoder {
    /// Decodes more bytes, in pieces of any size.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == ESCAPE && !self.is_in_paste() {
                self.end_sequence();
            }
            if !self.is_in_paste() {
                let goes_on = PASTE_START.get(self.paste_start) == Some(&byte);
                self.paste_start = if goes_on { self.paste_start + 1 } else { 0 };
            }
            self.parser.parse(&[byte], true);
            self.is_incomplete = !self.take_events();
        }
    }

    /// The next key.
    pub fn next(&mut self) -> Option<Key> {
        self.decoded.pop_front()
    }

    /// Whether a sequence has begun that [`SEQUENCE_TIMEOUT`] applies to.
    pub fn is_in_sequence(&self) -> bool {
        self.is_incomplete && !self.is_in_paste()
    }

    /// Ends a sequence after its timeout: a lone Escape is a key, any other incomplete sequence is dropped.
    pub fn end_sequence(&mut self) {
        self.parser.parse(&[], false);
        self.take_events();
        self.parser = Parser::default();
        self.paste_start = 0;
        self.is_incomplete = false;
    }

    fn is_in_paste(&self) -> bool {
        self.paste_start == PASTE_START.len()
    }

    /// Whether there were any.
    fn take_events(&mut self) -> bool {
        let mut has_any = false;
        while let Some(event) = self.parser.pop() {
            has_any = true;
            self.paste_start = 0;
            self.decoded.push_back(key_of(event));
        }
        has_any
    }
}

fn key_of(event: Event) -> Key {
    match event {
        Event::Paste(text) => Key::Paste(text.replace("\r\n", "\n").replace('\r', "\n")),
        Event::Key(key) if key.kind != KeyEventKind::Release => pressed(&key),
        _ => Key::Unknown,
    }
}

fn pressed(key: &KeyEvent) -> Key {
    let has_alt = key.modifiers.contains(Modifiers::ALT);
    let has_ctrl = key.modifiers.contains(Modifiers::CONTROL);
    let by_word = has_alt || has_ctrl;
    match key.code {
        KeyCode::Char(c) if c.is_control() => Key::Unknown,
        KeyCode::Char(c) if has_ctrl => control(c, has_alt),
        KeyCode::Char(c) if has_alt => Key::Alt(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter if key.modifiers.is_empty() => Key::Enter,
        KeyCode::Enter => Key::ModifiedEnter,
        KeyCode::Tab => Key::Tab,
        KeyCode::Backspace if by_word => Key::WordBackspace,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete if key.modifiers.is_empty() => Key::Delete,
        KeyCode::Left if by_word => Key::WordLeft,
        KeyCode::Left => Key::Left,
        KeyCode::Right if by_word => Key::WordRight,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Escape => Key::Escape,
        _ => Key::Unknown,
    }
}

/// Some keys are sent as a letter or digit with Ctrl.
fn control(c: char, has_alt: bool) -> Key {
    match (c, has_alt) {
        ('h', false) => Key::Backspace,
        ('h', true) => Key::WordBackspace,
        ('j', false) => Key::Enter,
        ('j', true) => Key::ModifiedEnter,
        ('7', _) => Key::Ctrl('_'),
        _ => Key::Ctrl(c.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = KeyDecoder::default();
        keys.feed(bytes);
        std::iter::from_fn(|| keys.next()).collect()
    }

    #[test]
    fn keys_are_told_apart() {
        let table: [(&[u8], Key); 19] = [
            (b"a", Key::Char('a')),
            ("é".as_bytes(), Key::Char('é')),
            ("😀".as_bytes(), Key::Char('😀')),
            (b"\r", Key::Enter),
            (b"\x1b\r", Key::ModifiedEnter),
            (b"\x03", Key::Ctrl('c')),
            (b"\x1f", Key::Ctrl('_')),
            (b"\x1bb", Key::Alt('b')),
            (b"\x1b\x7f", Key::WordBackspace),
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;5C", Key::WordRight),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[H", Key::Home),
            (b"\x1b[15;2~", Key::Unknown),
            (b"\x1b[13;2u", Key::ModifiedEnter),
            (b"\x1b[127;5u", Key::WordBackspace),
            (b"\x1b[97;5u", Key::Ctrl('a')),
            (b"\x08", Key::Backspace),
        ];
        for (bytes, key) in table {
            assert_eq!(keys(bytes), [key], "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_paste_is_one_key_and_its_line_breaks_are_newlines() {
        assert_eq!(
            keys(b"x\x1b[200~one\r\ntwo\rthree \x1b[A\x1b[201~y"),
            [
                Key::Char('x'),
                Key::Paste("one\ntwo\nthree \x1b[A".to_owned()),
                Key::Char('y')
            ]
        );
    }

    #[test]
    fn keys_may_come_in_pieces_of_any_size() {
        let bytes = "ä\x1b[200~paste\r\n\x1b[201~\x1b[1;5D\x1b\r€\x1bf\r".as_bytes();
        let whole = keys(bytes);
        assert_eq!(whole.len(), 7);
        for size in 1..bytes.len() {
            let mut stream = KeyDecoder::default();
            let mut got = Vec::new();
            for part in bytes.chunks(size) {
                stream.feed(part);
                got.extend(std::iter::from_fn(|| stream.next()));
            }
            assert_eq!(got, whole, "in pieces of {size}");
        }
    }

    #[test]
    fn an_escape_alone_is_a_key_once_nothing_follows() {
        let mut keys = KeyDecoder::default();
        keys.feed(b"\x1b");
        assert_eq!(keys.next(), None);
        assert!(keys.is_in_sequence());
        keys.end_sequence();
        assert_eq!(keys.next(), Some(Key::Escape));
        assert!(!keys.is_in_sequence());
        keys.feed(b"a");
        assert_eq!(keys.next(), Some(Key::Char('a')));
    }

    #[test]
    fn a_sequence_that_does_not_end_takes_no_text_with_it() {
        // Alt-] begins an operating system command, Alt-P a device control string.
        for begun in [&b"\x1b]"[..], b"\x1bP", b"\x1b[", b"\x1b[>1", b"\xe2\x82"] {
            let mut keys = KeyDecoder::default();
            keys.feed(begun);
            assert!(keys.is_in_sequence(), "{}", begun.escape_ascii());
            keys.end_sequence();
            keys.feed(b"a");
            assert_eq!(
                keys.next(),
                Some(Key::Char('a')),
                "{}",
                begun.escape_ascii()
            );
        }
        // A paste may take its time.
        let mut keys = KeyDecoder::default();
        keys.feed(b"\x1b[200~a\x1b");
        assert!(!keys.is_in_sequence());
    }

    #[test]
    fn an_escape_begins_a_new_sequence() {
        assert_eq!(keys(b"\x1b\x1b[A"), [Key::Escape, Key::Up]);
        assert_eq!(keys(b"\x1b]0;\x1b[Aa"), [Key::Up, Key::Char('a')]);
        assert_eq!(keys(b"\x1b[1\x1b[1;5Da"), [Key::WordLeft, Key::Char('a')]);
    }

    #[test]
    fn unknown_sequences_are_swallowed_whole() {
        let unknown = [
            "\x1b[27;5;13~",
            "\x1b[1;5E",
            "\x1b[57441;2u",
            "\x1bOM",
            "\x1b[99;99X",
            "\x1b[<0;1;1M",
            "\x1b[I",
        ];
        for sequence in unknown {
            let keys = keys(format!("{sequence}a").as_bytes());
            let (last, others) = keys.split_last().unwrap();
            assert_eq!(last, &Key::Char('a'), "{}", sequence.escape_default());
            assert!(others.iter().all(|key| *key == Key::Unknown), "{keys:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_keys(
            random: Vec<u8>,
            sequences in "(\\x1b[\\[\\]OP]?[?<>;:0-9$ ]{0,6}[~a-zA-Z@\\[]?){0,9}",
        ) {
            let mut keys = KeyDecoder::default();
            keys.feed(&random);
            keys.feed(sequences.as_bytes());
            keys.feed(b"\x1b[201~");
            keys.end_sequence();
            while keys.next().is_some() {}
            keys.feed(b"x");
            assert_eq!(keys.next(), Some(Key::Char('x')));
        }
    }
}
