//! A scanner for RFC 8259 that passes each token to a sink.
//!
//! It accepts exactly the texts of the RFC that are nested no deeper than [`MAX_DEPTH`]. It stores no tokens and
//! uses no stack: nesting takes one bit per level.

use super::{MAX_DEPTH, NotJson};

/// The kind of a token, for colouring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Key,
    String,
    Number,
    Boolean,
    Null,
}

/// Receives the tokens in the order of the text.
pub(super) trait TokenSink {
    /// A scalar or a key; strings include their quotes.
    fn token(&mut self, kind: TokenKind, token: &str);
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

/// Scans all of `text` as one JSON text. On an error the sink has received the tokens before it.
pub(super) fn scan(text: &str, sink: &mut impl TokenSink) -> Result<(), NotJson> {
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

    #[inline(always)]
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

    /// The error at the current position: an unexpected byte, or the end of the text.
    #[cold]
    fn unexpected(&self) -> NotJson {
        if self.at < self.text.len() {
            NotJson::Unexpected(self.at)
        } else {
            NotJson::Incomplete
        }
    }

    /// The token that began at `start`. Tokens begin and end next to ASCII, so on character boundaries; without the
    /// possible panic of indexing, the compiler removes this for sinks that do not use it.
    #[inline]
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// There is none between most tokens.
    #[inline(always)]
    fn skip_white_space(&mut self, sink: &mut impl TokenSink) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_some_white_space(sink);
        }
    }

    #[inline(never)]
    fn skip_some_white_space(&mut self, sink: &mut impl TokenSink) {
        let start = self.at;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
        if self.at > start {
            sink.white_space(start, self.at);
        }
    }

    /// Reads a scalar, an empty container, or the opening brackets before the first scalar.
    fn value(&mut self, sink: &mut impl TokenSink) -> Result<(), NotJson> {
        loop {
            self.skip_white_space(sink);
            match self.peek() {
                Some(b'"') => {
                    let start = self.at;
                    self.string()?;
                    sink.token(TokenKind::String, self.since(start));
                    return Ok(());
                }
                Some(b'-' | b'0'..=b'9') => {
                    let start = self.at;
                    self.number()?;
                    sink.token(TokenKind::Number, self.since(start));
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
                Some(b't') => return self.literal("true", TokenKind::Boolean, sink),
                Some(b'f') => return self.literal("false", TokenKind::Boolean, sink),
                Some(b'n') => return self.literal("null", TokenKind::Null, sink),
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Enters the container that begins here; returns true if it was empty and has been read.
    fn open(&mut self, container: Container, sink: &mut impl TokenSink) -> Result<bool, NotJson> {
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

    /// Reads what follows a value: closing brackets, then a comma (and the key after it) or the end of the text.
    fn after_value(&mut self, sink: &mut impl TokenSink) -> Result<After, NotJson> {
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

    fn close(&mut self, bracket: u8, sink: &mut impl TokenSink) {
        self.at += 1;
        self.nesting.pop();
        sink.close(bracket);
    }

    /// Reads a member's name and the colon after it.
    fn key(&mut self, sink: &mut impl TokenSink) -> Result<(), NotJson> {
        self.skip_white_space(sink);
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let start = self.at;
        self.string()?;
        sink.token(TokenKind::Key, self.since(start));
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
        kind: TokenKind,
        sink: &mut impl TokenSink,
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

    /// Reads the string whose opening quote is here (section 7).
    #[inline]
    fn string(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        loop {
            self.skip_plain();
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

    /// Skips to the next quote, backslash or C0, or to the end of the text.
    ///
    /// Looking at 64 bytes at once was no faster in `benches/parts` (0.95 times), where strings are short, and 2.5 times
    /// in long strings, which this reads at 1.4 GB/s.
    #[inline]
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let is_end = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
        self.at += rest.iter().position(is_end).unwrap_or(rest.len());
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

    /// Reads a number (section 6). A digit after a leading zero is left for the caller to reject.
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

    /// Reads one or more digits.
    fn digits(&mut self) -> Result<(), NotJson> {
        let bytes = self.text.as_bytes();
        let mut end = self.at;
        while let Some(b'0'..=b'9') = bytes.get(end) {
            end += 1;
        }
        if end == self.at {
            return Err(self.unexpected());
        }
        self.at = end;
        Ok(())
    }
}
