//! From the bytes of a terminal to the keys that were pressed.
//!
//! Bytes come in pieces of any size: what is not a whole key yet waits for the rest. A pasted text
//! (bracketed paste) is one key, however long it is. Sequences that are not understood are swallowed
//! whole, so that none of them ends up as text in a message.

use std::time::Duration;

/// How long an Escape waits for the rest of a sequence before it is a key of its own.
pub const ESCAPE_DELAY: Duration = Duration::from_millis(60);

const PASTE_END: &[u8] = b"\x1b[201~";

/// What was pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character that is text.
    Char(char),
    /// A letter with Ctrl, in lower case.
    Ctrl(char),
    /// A character with Alt (or after Escape), letters in lower case.
    Alt(char),
    /// Enter.
    Enter,
    /// Enter with Alt: a line break in the text.
    AltEnter,
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
    /// Something that means nothing here.
    Unknown,
}

/// Cuts bytes into keys.
#[derive(Debug, Default)]
pub struct Keys {
    bytes: Vec<u8>,
    /// How much of `bytes` has been taken.
    taken: usize,
    /// How far the end of a pasted text has been searched for.
    searched: usize,
}

/// What the next bytes are.
enum Piece {
    /// A key of so many bytes.
    Key(Key, usize),
    /// Too little to tell.
    Incomplete,
}

impl Keys {
    /// More bytes have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next key, if all of it has come.
    pub fn next(&mut self) -> Option<Key> {
        let rest = &self.bytes[self.taken..];
        if rest.is_empty() {
            return None;
        }
        match piece(rest, &mut self.searched) {
            Piece::Key(key, length) => {
                self.taken += length;
                Some(key)
            }
            Piece::Incomplete => None,
        }
    }

    /// Whether an Escape has come and nothing behind it.
    pub fn is_escape_waiting(&self) -> bool {
        self.bytes[self.taken..] == [0x1b]
    }

    /// Nothing has come behind the Escape: it was the key.
    pub fn take_escape(&mut self) -> Option<Key> {
        let waits = self.is_escape_waiting();
        self.taken += usize::from(waits);
        waits.then_some(Key::Escape)
    }
}

fn piece(bytes: &[u8], searched: &mut usize) -> Piece {
    match bytes[0] {
        0x1b => match bytes.get(1) {
            None => Piece::Incomplete,
            Some(b'[') => control_sequence(bytes, searched),
            Some(b'O') => match bytes.get(2) {
                None => Piece::Incomplete,
                Some(&byte) => Piece::Key(named(byte, 1), 3),
            },
            // The first of two is a key; the second may begin a sequence.
            Some(0x1b) => Piece::Key(Key::Escape, 1),
            Some(_) => match piece(&bytes[1..], searched) {
                Piece::Key(key, length) => Piece::Key(with_alt(key), length + 1),
                Piece::Incomplete => Piece::Incomplete,
            },
        },
        byte if byte < 0x20 || byte == 0x7f => Piece::Key(control(byte), 1),
        _ => character(bytes),
    }
}

fn control(byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        0 => Key::Ctrl(' '),
        0x01..=0x1a => Key::Ctrl(char::from(byte - 1 + b'a')),
        // Ctrl with one of \ ] ^ _
        _ => Key::Ctrl(char::from(byte + 0x40)),
    }
}

fn with_alt(key: Key) -> Key {
    match key {
        Key::Char(c) => Key::Alt(c.to_ascii_lowercase()),
        Key::Enter => Key::AltEnter,
        Key::Backspace => Key::WordBackspace,
        key => key,
    }
}

/// One character of UTF-8; a byte that belongs to none is swallowed.
fn character(bytes: &[u8]) -> Piece {
    let length = match bytes[0] {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Piece::Key(Key::Unknown, 1),
    };
    let held = &bytes[..length.min(bytes.len())];
    match std::str::from_utf8(held) {
        Ok(text) => Piece::Key(text.chars().next().map_or(Key::Unknown, Key::Char), length),
        Err(error) if error.error_len().is_none() => Piece::Incomplete,
        Err(_) => Piece::Key(Key::Unknown, 1),
    }
}

/// `ESC [ parameters final` (ECMA-48 §5.4).
fn control_sequence(bytes: &[u8], searched: &mut usize) -> Piece {
    let is_final = |byte: &u8| matches!(byte, 0x40..=0x7e);
    let Some(end) = bytes[2..].iter().position(is_final).map(|at| at + 2) else {
        return Piece::Incomplete;
    };
    let parameters = String::from_utf8_lossy(&bytes[2..end]);
    let mut numbers = parameters
        .split(';')
        .map(|number| number.parse::<u16>().unwrap_or(1));
    let first = numbers.next().unwrap_or(1);
    let modifier = numbers.next().unwrap_or(1);
    if bytes[end] == b'~' && first == 200 {
        return paste(bytes, end + 1, searched);
    }
    let key = match bytes[end] {
        b'~' => numbered(first, modifier),
        byte => named(byte, modifier),
    };
    Piece::Key(key, end + 1)
}

fn numbered(number: u16, modifier: u16) -> Key {
    match number {
        1 | 7 => Key::Home,
        4 | 8 => Key::End,
        3 if modifier == 1 => Key::Delete,
        // xterm's and kitty's Enter with a modifier: CSI 27;3;13~ is not this, CSI 13;3~ is.
        13 => Key::AltEnter,
        _ => Key::Unknown,
    }
}

fn named(byte: u8, modifier: u16) -> Key {
    let by_word = modifier > 2;
    match byte {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' if by_word => Key::WordRight,
        b'C' => Key::Right,
        b'D' if by_word => Key::WordLeft,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'M' => Key::Enter,
        _ => Key::Unknown,
    }
}

/// The text up to the end of the paste. `start` is behind the sequence that began it.
fn paste(bytes: &[u8], start: usize, searched: &mut usize) -> Piece {
    let from = (*searched).max(start);
    let found = memchr::memmem::find(&bytes[from.min(bytes.len())..], PASTE_END);
    let Some(end) = found.map(|at| at + from) else {
        // The end itself may have come in part.
        *searched = bytes.len().saturating_sub(PASTE_END.len() - 1).max(start);
        return Piece::Incomplete;
    };
    *searched = 0;
    let text = String::from_utf8_lossy(&bytes[start..end]);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Piece::Key(Key::Paste(text), end + PASTE_END.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        keys.feed(bytes);
        std::iter::from_fn(|| keys.next()).collect()
    }

    #[test]
    fn keys_are_told_apart() {
        let table: [(&[u8], Key); 16] = [
            (b"a", Key::Char('a')),
            ("é".as_bytes(), Key::Char('é')),
            ("😀".as_bytes(), Key::Char('😀')),
            (b"\r", Key::Enter),
            (b"\x1b\r", Key::AltEnter),
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
            (b"\xff", Key::Unknown),
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
            let mut stream = Keys::default();
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
        let mut keys = Keys::default();
        keys.feed(b"\x1b");
        assert_eq!(keys.next(), None);
        assert!(keys.is_escape_waiting());
        assert_eq!(keys.take_escape(), Some(Key::Escape));
        assert_eq!(keys.take_escape(), None);
        keys.feed(b"a");
        assert_eq!(keys.next(), Some(Key::Char('a')));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_keys(bytes: Vec<u8>) {
            let mut stream = Keys::default();
            stream.feed(&bytes);
            while stream.next().is_some() {}
            stream.feed(b"\x1b[201~~x");
            while stream.next().is_some() {}
        }
    }
}
