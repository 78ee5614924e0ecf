//! The grammar of RFC 8259, as a scanner that names each token to a sink.
//!
//! It accepts a text exactly when the RFC does and it is nested no deeper than [`MAX_DEPTH`]. It
//! keeps no token and uses no stack: the nesting is one bit a level.

use super::{DEL, MAX_DEPTH, NotJson};

/// What a token is, for those who colour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    String,
    Number,
    Boolean,
    Null,
}

/// What is done with the tokens, which come in the order of the text.
pub(super) trait Sink {
    /// A scalar or a key; strings come with their quotes.
    fn token(&mut self, kind: Kind, token: &str);
    /// `{}` or `[]`, which is not reported as `open` and `close`.
    fn empty(&mut self, brackets: &'static str);
    fn open(&mut self, bracket: u8);
    fn close(&mut self, bracket: u8);
    fn comma(&mut self);
    fn colon(&mut self);
    /// White space between tokens, from one offset of the text to another.
    fn white_space(&mut self, from: usize, to: usize) {
        let _ = (from, to);
    }
}

/// Reads all of `text` as one JSON text. The sink has seen a part of it when this fails.
pub(super) fn scan(text: &str, sink: &mut impl Sink) -> Result<(), NotJson> {
    let mut scanner = Scanner {
        text,
        at: 0,
        nesting: Nesting::default(),
    };
    loop {
        scanner.value(sink)?;
        if scanner.after_value(sink)? == After::End {
            return Ok(());
        }
    }
}

#[derive(PartialEq, Eq)]
enum After {
    Value,
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// Which containers are open, innermost last; a set bit is an object.
#[derive(Default)]
struct Nesting {
    objects: [u64; MAX_DEPTH / 64],
    depth: usize,
}

impl Nesting {
    /// Returns false when there is no room.
    fn push(&mut self, container: Container) -> bool {
        let Some(word) = self.objects.get_mut(self.depth / 64) else {
            return false;
        };
        let bit = 1 << (self.depth % 64);
        match container {
            Container::Object => *word |= bit,
            Container::Array => *word &= !bit,
        }
        self.depth += 1;
        true
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn top(&self) -> Option<Container> {
        let last = self.depth.checked_sub(1)?;
        if self.objects[last / 64] >> (last % 64) & 1 == 1 {
            Some(Container::Object)
        } else {
            Some(Container::Array)
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    nesting: Nesting,
}

impl<'a> Scanner<'a> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The error for what stands here: everything that fails, fails at a byte that should have
    /// been another, or at the end.
    #[cold]
    fn unexpected(&self) -> NotJson {
        if self.at < self.text.len() {
            NotJson::Unexpected(self.at)
        } else {
            NotJson::Incomplete
        }
    }

    /// The token that began at `start`. Tokens begin and end beside ASCII, so between characters; without the
    /// panic that indexing may end in, nothing is left of this where a sink has no use for it.
    #[inline]
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    #[inline]
    fn skip_white_space(&mut self, sink: &mut impl Sink) {
        let start = self.at;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
        if self.at > start {
            sink.white_space(start, self.at);
        }
    }

    /// Reads a scalar, an empty container, or all that opens before the first scalar.
    fn value(&mut self, sink: &mut impl Sink) -> Result<(), NotJson> {
        loop {
            self.skip_white_space(sink);
            match self.peek() {
                Some(b'"') => {
                    let start = self.at;
                    self.string()?;
                    sink.token(Kind::String, self.since(start));
                    return Ok(());
                }
                Some(b'-' | b'0'..=b'9') => {
                    let start = self.at;
                    self.number()?;
                    sink.token(Kind::Number, self.since(start));
                    return Ok(());
                }
                Some(b'{') => {
                    if self.open(Container::Object, sink)? {
                        return Ok(());
                    }
                    self.key(sink)?;
                }
                Some(b'[') => {
                    if self.open(Container::Array, sink)? {
                        return Ok(());
                    }
                }
                Some(b't') => return self.literal("true", Kind::Boolean, sink),
                Some(b'f') => return self.literal("false", Kind::Boolean, sink),
                Some(b'n') => return self.literal("null", Kind::Null, sink),
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Enters the container that begins here; returns true when it was empty and is behind us.
    fn open(&mut self, container: Container, sink: &mut impl Sink) -> Result<bool, NotJson> {
        if !self.nesting.push(container) {
            return Err(NotJson::TooDeep(self.at));
        }
        let (open, close, both) = match container {
            Container::Object => (b'{', b'}', "{}"),
            Container::Array => (b'[', b']', "[]"),
        };
        self.at += 1;
        self.skip_white_space(sink);
        if self.peek() == Some(close) {
            self.at += 1;
            self.nesting.pop();
            sink.empty(both);
            return Ok(true);
        }
        sink.open(open);
        Ok(false)
    }

    /// Reads what may follow a value: the ends of its containers, then a comma (and the key after
    /// it) or the end of the text.
    fn after_value(&mut self, sink: &mut impl Sink) -> Result<After, NotJson> {
        loop {
            self.skip_white_space(sink);
            match (self.peek(), self.nesting.top()) {
                (None, None) => return Ok(After::End),
                (Some(b','), Some(container)) => {
                    self.at += 1;
                    sink.comma();
                    if container == Container::Object {
                        self.key(sink)?;
                    }
                    return Ok(After::Value);
                }
                (Some(b'}'), Some(Container::Object)) => self.close(b'}', sink),
                (Some(b']'), Some(Container::Array)) => self.close(b']', sink),
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn close(&mut self, bracket: u8, sink: &mut impl Sink) {
        self.at += 1;
        self.nesting.pop();
        sink.close(bracket);
    }

    /// Reads a member's name and the colon after it.
    fn key(&mut self, sink: &mut impl Sink) -> Result<(), NotJson> {
        self.skip_white_space(sink);
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let start = self.at;
        self.string()?;
        sink.token(Kind::Key, self.since(start));
        self.skip_white_space(sink);
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        sink.colon();
        Ok(())
    }

    fn literal(
        &mut self,
        word: &'static str,
        kind: Kind,
        sink: &mut impl Sink,
    ) -> Result<(), NotJson> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        sink.token(kind, word);
        Ok(())
    }

    /// Reads the string whose opening quote stands here (section 7).
    fn string(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        loop {
            self.at += plain_len(&self.text.as_bytes()[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape_sequence()?,
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn escape_sequence(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.unexpected());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    /// Reads a number (section 6). A digit after a leading zero is left for the caller to refuse.
    fn number(&mut self) -> Result<(), NotJson> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Reads one digit or more.
    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unexpected());
        }
        Ok(())
    }
}

/// How many bytes at the beginning of `bytes` are neither quote nor backslash nor C0.
///
/// Eight at a time in one word: most strings are too short for vector code to win, and one exit
/// per word is easier to predict than one per byte.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return i * 8 + stops.trailing_zeros() as usize / 8;
        }
    }
    let in_words = bytes.len() - rest.len();
    let stop = |&byte: &u8| byte < b' ' || byte == b'"' || byte == b'\\';
    in_words + rest.iter().position(stop).unwrap_or(rest.len())
}

/// Marks, with its high bit, each byte of the word that ends a plain run. Only the lowest mark is
/// sure to be right: a borrow can leave false ones above it.
#[inline]
fn stops(word: u64) -> u64 {
    below(word, b' ') | equals(word, b'"') | equals(word, b'\\')
}

/// How many of the eight bytes of a string, the first of them the lowest, come before one that is not ASCII or
/// is escaped when a string is written.
#[inline]
pub(super) fn plain_bytes(word: u64) -> usize {
    let stops = stops(word) | equals(word, DEL) | word & HIGHS;
    stops.trailing_zeros() as usize / 8
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

#[inline]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHS
}

#[inline]
fn equals(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}
