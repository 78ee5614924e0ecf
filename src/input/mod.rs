//! Sources of outgoing messages: arguments, files, standard input, a timer.
//!
//! An input is polled only when the link can send more, so a slow peer slows down the pipe. Messages are not
//! split, merged or trimmed; only the delimiter at their end is removed.

pub mod action;
pub mod blocks;
pub mod encoding;
mod filler;
mod pings;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Sleep;

use crate::connection::close::CloseFrame;
use crate::connection::message::{Batch, Direction, Fragment, Outgoing, Payload};
use crate::event::Event;
use crate::secret::{Secret, io_text};
use action::Action;
use blocks::Blocks;
use encoding::{Encoding, EncodingError};
use pings::{OpeningSource, PingSource};

pub use filler::MessageFiller;
pub use pings::PingInterval;

/// An input that cannot be read or is not a valid message (exit 26).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// What went wrong.
    pub kind: InputErrorKind,
    /// `standard input`, or the name of the file.
    pub name: String,
    /// Why, and where.
    pub why: String,
}

/// What is wrong with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputErrorKind {
    /// It cannot be read, or is not a valid message (exit 26).
    Unreadable,
    /// A message contains an invalid or unknown variable (exit 2).
    UnknownVariable,
    /// A message needs a value that no reply has had so far (exit 1).
    NoValueYet,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            InputErrorKind::Unreadable => "read",
            InputErrorKind::UnknownVariable | InputErrorKind::NoValueYet => "fill in",
        };
        write!(f, "cannot {verb} {}: {}", self.name, self.why)
    }
}

impl std::error::Error for InputError {}

/// A source of actions.
pub struct Input {
    source: InputSource,
    rate: Option<SendRate>,
    /// The remaining fragments of a message.
    parts: VecDeque<Fragment>,
    fragment: Option<usize>,
    ended: bool,
    /// A message that was read and waits for its time.
    held: Option<Action>,
    /// Whether there is something to send that has to wait.
    waits: bool,
    /// What fills in variables in messages.
    filler: Option<MessageFiller>,
}

enum InputSource {
    Ready(VecDeque<Payload>),
    Stream(MessageStream),
    Files(VecDeque<MessageStream>),
    Pings(PingSource),
    Openings(OpeningSource),
    Echo(VecDeque<Payload>),
}

impl Input {
    fn new(source: InputSource) -> Self {
        Self {
            source,
            rate: None,
            parts: VecDeque::new(),
            fragment: None,
            ended: false,
            held: None,
            waits: false,
            filler: None,
        }
    }

    /// Nothing to send.
    pub fn none() -> Self {
        Self::new(InputSource::Ready(VecDeque::new()))
    }

    /// The given messages.
    pub fn messages(messages: impl IntoIterator<Item = Payload>) -> Self {
        Self::new(InputSource::Ready(messages.into_iter().collect()))
    }

    /// Fills in the variables of each message when its turn comes.
    pub fn filling(mut self, filler: Option<MessageFiller>) -> Self {
        self.filler = filler;
        self
    }

    /// Takes the secrets that were filled in and must be redacted from now on.
    pub fn take_secrets(&mut self) -> Vec<Secret> {
        let filler = self.filler.as_mut();
        filler.map(MessageFiller::take_secrets).unwrap_or_default()
    }

    /// Standard input, split into messages.
    pub fn stdin(framing: Framing, encoding: Encoding) -> Self {
        Self::new(InputSource::Stream(MessageStream::new(
            "standard input",
            Blocks::stdin(),
            framing,
            encoding,
        )))
    }

    /// Files, each sent as one message.
    ///
    /// # Errors
    /// The first file that cannot be opened.
    pub fn files<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        encoding: Encoding,
    ) -> Result<Self, InputError> {
        let open = |path: P| {
            let path = path.as_ref();
            let name = path.display().to_string();
            match blocks::open(path).and_then(refuse_directory) {
                Ok(file) => Ok(MessageStream::new(
                    &name,
                    Blocks::file(file),
                    Framing::Whole,
                    encoding,
                )),
                Err(error) => Err(InputError {
                    kind: InputErrorKind::Unreadable,
                    name,
                    why: io_text(&error),
                }),
            }
        };
        let streams: Result<VecDeque<MessageStream>, InputError> =
            paths.into_iter().map(open).collect();
        Ok(Self::new(InputSource::Files(streams?)))
    }

    /// `count` pings with a payload of `size` bytes; `None` is unlimited.
    pub fn pings(rhythm: PingInterval, count: Option<u64>, size: usize) -> Self {
        Self::new(InputSource::Pings(PingSource::new(rhythm, count, size)))
    }

    /// `count` connections one after the other (`None` is unlimited), each closed with `close_frame` once it is
    /// open.
    pub fn openings(interval: Duration, count: Option<u64>, close_frame: CloseFrame) -> Self {
        Self::new(InputSource::Openings(OpeningSource::new(
            interval,
            count,
            close_frame,
        )))
    }

    /// Every received message, as an echo ([`Input::notice`]).
    pub fn echo() -> Self {
        Self::new(InputSource::Echo(VecDeque::new()))
    }

    /// Informs the input about an event, which may affect what it sends and when.
    pub fn notice(&mut self, event: &Event) {
        match (&mut self.source, event) {
            (InputSource::Echo(received), Event::Message(message))
                if message.direction == Direction::In && !message.by_rule =>
            {
                received.push_back(message.payload.clone());
            }
            (InputSource::Pings(pings), event) => pings.notice(event),
            (InputSource::Openings(openings), event) => openings.notice(event),
            _ => {}
        }
    }

    /// Takes the next received message that was not echoed yet.
    pub fn next_echo(&mut self) -> Option<Payload> {
        match &mut self.source {
            InputSource::Echo(received) => received.pop_front(),
            _ => None,
        }
    }

    /// Whether there were lines, all of them with a carriage return at the end, which has been sent.
    pub fn sent_carriage_returns(&self) -> bool {
        matches!(&self.source, InputSource::Stream(stream) if stream.count > 0 && stream.is_crlf)
    }

    /// Whether received messages must be echoed before more are received.
    pub fn is_full(&self) -> bool {
        matches!(&self.source, InputSource::Echo(received) if !received.is_empty())
    }

    /// Sends each message in fragments of at most `size` bytes.
    pub fn in_fragments(mut self, size: Option<usize>) -> Self {
        self.fragment = size;
        self
    }

    /// Waits at least `gap` between messages.
    pub fn with_gap(mut self, gap: Option<Duration>) -> Self {
        self.rate = gap.map(|gap| SendRate { gap, next: None });
        self
    }

    /// Whether it opens and closes connections, so that it must be polled while there is none.
    pub fn drives_connection(&self) -> bool {
        matches!(self.source, InputSource::Openings(_))
    }

    /// Whether there was nothing to send at the last poll, not even something that waits for its time.
    pub fn is_idle(&self) -> bool {
        !self.waits
    }

    /// The next action; `None` at the end. With `together`, several messages may be returned as a batch.
    ///
    /// # Errors
    /// The source cannot be read, or its content is not a valid message.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        together: bool,
    ) -> Poll<Option<Result<Action, InputError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(part) = self.parts.pop_front() {
            return Poll::Ready(Some(Ok(Action::Send(Outgoing::Fragment(part)))));
        }
        if together
            && self.rate.is_none()
            && self.fragment.is_none()
            && self.filler.is_none()
            && let InputSource::Stream(stream) = &mut self.source
            && let Some(batch) = stream.batch()
        {
            return Poll::Ready(Some(Ok(Action::Send(Outgoing::Batch(batch)))));
        }
        let action = match ready!(self.poll_source(cx)) {
            Some(Ok(action)) => action,
            end => {
                self.ended = true;
                return Poll::Ready(end);
            }
        };
        if let Some(rate) = &mut self.rate {
            self.waits = rate.poll(cx).is_pending();
            if self.waits {
                self.held = Some(action);
                return Poll::Pending;
            }
            rate.passed(&action);
        }
        let action = match &mut self.filler {
            Some(filler) => match filler.fill(action) {
                Ok(action) => action,
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            },
            None => action,
        };
        let action = match self.fragment {
            Some(size) => self.in_parts(action, size),
            None => action,
        };
        Poll::Ready(Some(Ok(action)))
    }

    /// The held message, else the next one of the source. The source is polled before the rate limit, so that
    /// the end of input is noticed without delay.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Action, InputError>>> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(held)));
        }
        // A message is filled in as a whole, and split after that.
        let fragment = self.fragment.filter(|_| self.filler.is_none());
        let next = self.source.poll_next(cx, fragment);
        self.waits = next.is_pending() && self.source.is_reading();
        next
    }

    /// Splits a complete message into fragments; streamed messages are already split.
    fn in_parts(&mut self, action: Action, size: usize) -> Action {
        let Action::Send(Outgoing::Message(payload)) = &action else {
            return action;
        };
        if payload.len() <= size {
            return action;
        }
        let is_text = matches!(payload, Payload::Text(_));
        let mut bytes = payload.clone().into_bytes();
        let mut is_first = true;
        while !bytes.is_empty() {
            let part = bytes.split_to(size.min(bytes.len()));
            let is_last = bytes.is_empty();
            self.parts.push_back(Fragment {
                is_text,
                is_first,
                is_last,
                bytes: part,
            });
            is_first = false;
        }
        match self.parts.pop_front() {
            Some(first) => Action::Send(Outgoing::Fragment(first)),
            None => action,
        }
    }
}

/// Rejects a directory, which can be opened like a file and would fail only when read, after connecting.
fn refuse_directory(file: File) -> io::Result<File> {
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "it is a directory",
        ));
    }
    Ok(file)
}

impl InputSource {
    /// Whether the last poll stopped although there was more to read, to let other work proceed.
    fn is_reading(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.yielded,
            Self::Files(streams) => streams.front().is_some_and(|stream| stream.yielded),
            _ => false,
        }
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        fragment: Option<usize>,
    ) -> Poll<Option<Result<Action, InputError>>> {
        let outgoing = match self {
            Self::Ready(messages) => messages
                .pop_front()
                .map(|payload| Ok(Outgoing::Message(payload))),
            Self::Stream(stream) => ready!(stream.poll_next(cx, fragment)),
            Self::Files(streams) => loop {
                let Some(stream) = streams.front_mut() else {
                    break None;
                };
                match ready!(stream.poll_next(cx, fragment)) {
                    Some(outgoing) => break Some(outgoing),
                    None => {
                        streams.pop_front();
                    }
                }
            },
            Self::Pings(pings) => return pings.poll_next(cx).map(|action| action.map(Ok)),
            Self::Openings(openings) => return openings.poll_next(cx).map(|action| action.map(Ok)),
            Self::Echo(received) => match received.pop_front() {
                Some(payload) => Some(Ok(Outgoing::Message(payload))),
                None => return Poll::Pending,
            },
        };
        Poll::Ready(outgoing.map(|result| result.map(Action::Send)))
    }
}

/// The minimum time between messages.
struct SendRate {
    gap: Duration,
    next: Option<Pin<Box<Sleep>>>,
}

impl SendRate {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(next) = &mut self.next {
            ready!(next.as_mut().poll(cx));
        }
        Poll::Ready(())
    }

    /// Starts the wait after a complete message. Fragments of one message do not wait.
    fn passed(&mut self, handed: &Action) {
        let part = matches!(
            handed,
            Action::Send(Outgoing::Fragment(part)) if !part.is_last
        );
        if !part {
            self.next = Some(Box::pin(tokio::time::sleep(self.gap)));
        }
    }
}

/// How a byte stream is split into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each message ends with this byte, which is not part of it; the last may lack it.
    Delimited(u8),
    /// The whole stream is one message.
    Whole,
}

/// A byte stream that is split into messages.
struct MessageStream {
    name: String,
    blocks: Blocks,
    framing: Framing,
    encoding: Encoding,
    buffer: BytesMut,
    /// The length of the start of the buffer that contains no delimiter.
    searched: usize,
    /// Messages returned so far.
    count: u64,
    /// Bytes of the current message returned in fragments so far.
    streamed: u64,
    at_end: bool,
    done: bool,
    /// Every line so far ended with CR LF, as in a file from Windows.
    is_crlf: bool,
    /// Blocks read in the current poll.
    blocks_read: usize,
    /// Whether the last poll stopped before everything available was read.
    yielded: bool,
}

/// The maximum number of blocks read in one poll, so that an endless file does not block other work.
const BLOCKS_A_TURN: usize = 64;

type NextMessage = Option<Result<Outgoing, InputError>>;

impl MessageStream {
    fn new(name: &str, blocks: Blocks, framing: Framing, encoding: Encoding) -> Self {
        Self {
            name: name.to_owned(),
            blocks,
            framing,
            encoding,
            buffer: BytesMut::new(),
            searched: 0,
            count: 0,
            streamed: 0,
            at_end: false,
            done: false,
            is_crlf: framing == Framing::Delimited(b'\n') && encoding == Encoding::Text,
            blocks_read: 0,
            yielded: false,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, fragment: Option<usize>) -> Poll<NextMessage> {
        if self.done {
            return Poll::Ready(None);
        }
        self.blocks_read = 0;
        self.yielded = false;
        match (self.framing, fragment) {
            (Framing::Delimited(delimiter), _) => self.poll_delimited(cx, delimiter),
            // Hexadecimal and base64 must be decoded as a whole; text and bytes can be sent as they are read.
            (Framing::Whole, Some(size))
                if matches!(self.encoding, Encoding::Text | Encoding::Binary) =>
            {
                self.poll_part(cx, size)
            }
            (Framing::Whole, _) => self.poll_whole(cx),
        }
    }

    /// All complete messages in the buffer as a batch, if they need no decoding and are all valid.
    fn batch(&mut self) -> Option<Batch> {
        let Framing::Delimited(delimiter) = self.framing else {
            return None;
        };
        let is_text = match self.encoding {
            Encoding::Text if delimiter.is_ascii() => true,
            Encoding::Binary => false,
            Encoding::Text | Encoding::Hex | Encoding::Base64 => return None,
        };
        let end = self.searched + memchr::memrchr(delimiter, &self.buffer[self.searched..])? + 1;
        if is_text && std::str::from_utf8(&self.buffer[..end]).is_err() {
            // Return them one by one, up to the first invalid one.
            return None;
        }
        let bytes = self.buffer.split_to(end).freeze();
        if self.is_crlf {
            let mut lines = bytes[..bytes.len() - 1].split(|byte| *byte == delimiter);
            self.is_crlf = lines.all(|line| line.ends_with(b"\r"));
        }
        self.searched = self.buffer.len();
        let batch = Batch::new(bytes, delimiter, is_text);
        self.count += batch.messages();
        Some(batch)
    }

    fn poll_delimited(&mut self, cx: &mut Context<'_>, delimiter: u8) -> Poll<NextMessage> {
        loop {
            if let Some(at) = memchr::memchr(delimiter, &self.buffer[self.searched..]) {
                let mut message = self.buffer.split_to(self.searched + at + 1);
                message.truncate(message.len() - 1);
                self.is_crlf &= message.ends_with(b"\r");
                self.searched = 0;
                return Poll::Ready(Some(self.message(message.freeze())));
            }
            self.searched = self.buffer.len();
            if self.at_end {
                self.done = true;
                self.searched = 0;
                let rest = self.buffer.split().freeze();
                self.is_crlf &= rest.is_empty() || rest.ends_with(b"\r");
                return Poll::Ready((!rest.is_empty()).then(|| self.message(rest)));
            }
            if let Err(error) = ready!(self.poll_block(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<NextMessage> {
        while !self.at_end {
            if let Err(error) = ready!(self.poll_block(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        self.done = true;
        let whole = self.buffer.split().freeze();
        Poll::Ready(Some(self.message(whole)))
    }

    /// The next fragment of the message. It is held back until more input follows, so that the last fragment
    /// can be marked as the last.
    fn poll_part(&mut self, cx: &mut Context<'_>, size: usize) -> Poll<NextMessage> {
        // Three bytes more than a fragment, so that an incomplete character at the end is not in it.
        while self.buffer.len() <= size.saturating_add(3) && !self.at_end {
            if let Err(error) = ready!(self.poll_block(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        let is_text = self.encoding == Encoding::Text;
        if is_text && let Err(bad) = self.check_text(size) {
            return Poll::Ready(Some(Err(bad)));
        }
        let bytes = self.buffer.split_to(size.min(self.buffer.len())).freeze();
        let is_first = self.streamed == 0;
        self.streamed += bytes.len() as u64;
        let is_last = self.at_end && self.buffer.is_empty();
        self.done = is_last;
        Poll::Ready(Some(Ok(Outgoing::Fragment(Fragment {
            is_text,
            is_first,
            is_last,
            bytes,
        }))))
    }

    /// Validates the text of the next fragment of `size` bytes; `searched` is the number of bytes of the
    /// buffer that were already validated.
    fn check_text(&mut self, size: usize) -> Result<(), InputError> {
        let until = size.min(self.buffer.len());
        while self.searched < until {
            match std::str::from_utf8(&self.buffer[self.searched..]) {
                Ok(_) => self.searched = self.buffer.len(),
                Err(error) => {
                    let valid = self.searched + error.valid_up_to();
                    if valid >= until {
                        self.searched = valid;
                        break;
                    }
                    let at = usize::try_from(self.streamed)
                        .unwrap_or(usize::MAX)
                        .saturating_add(valid);
                    return Err(self.bad(&EncodingError {
                        at,
                        why: "not valid UTF-8; --binary sends the bytes unchanged".to_owned(),
                    }));
                }
            }
        }
        self.searched = self.searched.saturating_sub(until);
        Ok(())
    }

    fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InputError>> {
        if self.blocks_read == BLOCKS_A_TURN {
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.blocks_read += 1;
        Poll::Ready(match ready!(self.blocks.poll_read(cx, &mut self.buffer)) {
            Ok(n) => {
                self.at_end = n == 0;
                Ok(())
            }
            Err(error) => Err(InputError {
                kind: InputErrorKind::Unreadable,
                name: self.name.clone(),
                why: io_text(&error),
            }),
        })
    }

    fn message(&mut self, bytes: Bytes) -> Result<Outgoing, InputError> {
        self.count += 1;
        self.encoding
            .decode(bytes)
            .map(Outgoing::Message)
            .map_err(|bad| self.bad(&bad))
    }

    fn bad(&self, bad: &EncodingError) -> InputError {
        let place = match self.framing {
            Framing::Delimited(b'\n') => format!("line {}, byte {}", self.count, bad.at + 1),
            Framing::Delimited(_) => format!("message {}, byte {}", self.count, bad.at + 1),
            Framing::Whole => format!("byte {}", bad.at + 1),
        };
        InputError {
            kind: InputErrorKind::Unreadable,
            name: self.name.clone(),
            why: format!("{place}: {}", bad.why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::io::{Seek, SeekFrom, Write};

    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A stream over a file that holds `bytes`.
    fn stream(bytes: &[u8], framing: Framing, encoding: Encoding) -> Input {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        file.seek(SeekFrom::Start(0)).expect("rewound");
        Input::new(InputSource::Stream(MessageStream::new(
            "test",
            Blocks::file(file),
            framing,
            encoding,
        )))
    }

    async fn all(input: Input) -> Vec<Result<Outgoing, String>> {
        taken(input, false).await
    }

    /// All messages of an input; batches are split.
    async fn taken(mut input: Input, together: bool) -> Vec<Result<Outgoing, String>> {
        let mut found = Vec::new();
        while let Some(next) = poll_fn(|cx| input.poll_next(cx, together)).await {
            match next {
                Ok(Action::Send(Outgoing::Batch(batch))) => {
                    assert!(together);
                    found.extend(apart(&batch).map(|payload| Ok(Outgoing::Message(payload))));
                }
                Ok(Action::Send(outgoing)) => found.push(Ok(outgoing)),
                Ok(other) => panic!("{other:?}"),
                Err(error) => found.push(Err(error.why)),
            }
        }
        found
    }

    fn apart(batch: &Batch) -> impl Iterator<Item = Payload> {
        let total: usize = batch.ranges().map(|range| range.len()).sum();
        assert_eq!(batch.payload_bytes(), total as u64);
        assert_eq!(batch.messages(), batch.ranges().count() as u64);
        let encoding = if batch.is_text() {
            Encoding::Text
        } else {
            Encoding::Binary
        };
        let payload = move |range| encoding.decode(batch.bytes().slice(range));
        batch.ranges().map(payload).map(|one| one.expect("text"))
    }

    proptest! {
        #[test]
        fn messages_taken_together_are_the_messages(
            pieces in vec(prop_oneof![
                4 => "[a-zäß€😀]{0,9}".prop_map(String::into_bytes),
                4 => Just(b"\n".to_vec()),
                1 => Just(b"\xff".to_vec()),
                1 => (1..2 * blocks::BLOCK).prop_map(|size| vec![b'x'; size]),
            ], 0..40),
            encoding in prop_oneof![Just(Encoding::Text), Just(Encoding::Binary), Just(Encoding::Hex)],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
            let lines = Framing::Delimited(b'\n');
            let bytes = pieces.concat();
            let (one_by_one, together) = runtime.block_on(async {
                let one_by_one = taken(stream(&bytes, lines, encoding), false).await;
                (one_by_one, taken(stream(&bytes, lines, encoding), true).await)
            });
            prop_assert_eq!(one_by_one, together);
        }
    }

    fn texts(found: &[Result<Outgoing, String>]) -> Vec<&str> {
        found
            .iter()
            .map(|one| match one {
                Ok(Outgoing::Message(payload)) => payload.as_text().unwrap_or("(binary)"),
                Ok(_) => "(part)",
                Err(why) => why,
            })
            .collect()
    }

    #[tokio::test]
    async fn lines_are_messages_and_the_last_needs_no_newline() {
        let lines = Framing::Delimited(b'\n');
        let table: [(&[u8], &[&str]); 5] = [
            (b"", &[]),
            (b"one", &["one"]),
            (b"one\ntwo\n", &["one", "two"]),
            (b"\n\nx\r\n", &["", "", "x\r"]),
            (b"a\0b\n", &["a\0b"]),
        ];
        for (bytes, expected) in table {
            let found = all(stream(bytes, lines, Encoding::Text)).await;
            assert_eq!(texts(&found), expected, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_line_longer_than_any_block_stays_one_message() {
        let long = "x".repeat(3 * blocks::BLOCK + 7);
        let found = all(stream(
            format!("{long}\nend").as_bytes(),
            Framing::Delimited(b'\n'),
            Encoding::Text,
        ))
        .await;
        assert_eq!(texts(&found), [&long, "end"]);
    }

    #[tokio::test]
    async fn bytes_that_are_not_text_are_named_by_line_and_byte() {
        let found = all(stream(
            b"fine\nno\xffgood\nmore\n",
            Framing::Delimited(b'\n'),
            Encoding::Text,
        ))
        .await;
        assert_eq!(texts(&found)[0], "fine");
        assert!(texts(&found)[1].starts_with("line 2, byte 3:"), "{found:?}");
        assert_eq!(found.len(), 2, "nothing follows an error");
    }

    #[tokio::test]
    async fn a_long_read_gives_others_their_turn_and_is_not_idle() {
        let file = tempfile::tempfile().expect("a file");
        let length = 2 * BLOCKS_A_TURN * blocks::BLOCK;
        file.set_len(length as u64).expect("a length");
        let stream =
            MessageStream::new("test", Blocks::file(file), Framing::Whole, Encoding::Binary);
        let mut input = Input::new(InputSource::Stream(stream));
        let first = poll_fn(|cx| Poll::Ready(input.poll_next(cx, false))).await;
        assert!(first.is_pending() && !input.is_idle());
        let found = all(input).await;
        assert!(matches!(&found[..], [Ok(Outgoing::Message(payload))] if payload.len() == length));
    }

    #[tokio::test]
    async fn a_whole_stream_goes_out_in_parts_of_the_size_asked_for() {
        let text = "grün".repeat(40_000);
        for size in [1, 3, 1000, 70_000, 1_000_000] {
            let input =
                stream(text.as_bytes(), Framing::Whole, Encoding::Text).in_fragments(Some(size));
            let mut joined = Vec::new();
            let found = all(input).await;
            let count = found.len();
            for (index, one) in found.into_iter().enumerate() {
                let Ok(Outgoing::Fragment(part)) = one else {
                    panic!("{one:?}")
                };
                assert_eq!(part.is_first, index == 0);
                assert_eq!(part.is_last, index == count - 1);
                assert!(part.bytes.len() <= size);
                joined.extend_from_slice(&part.bytes);
            }
            assert!(joined == text.as_bytes(), "size {size}");
        }
    }

    #[tokio::test]
    async fn streamed_text_is_checked_before_it_leaves() {
        let bytes = [b"0123456789".as_slice(), b"\xff", b"abc"].concat();
        let found = all(stream(&bytes, Framing::Whole, Encoding::Text).in_fragments(Some(4))).await;
        let last = found.last().expect("something");
        assert!(
            last.as_ref().is_err_and(|why| why.starts_with("byte 11:")),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn messages_are_cut_only_when_they_are_larger() {
        let payloads = ["abcdef", "ab"].map(|text| Payload::Text(text.into()));
        let found = all(Input::messages(payloads).in_fragments(Some(4))).await;
        assert_eq!(found.len(), 3);
        assert!(matches!(&found[2], Ok(Outgoing::Message(_))));
    }
}
