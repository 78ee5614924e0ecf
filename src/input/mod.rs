//! Where outgoing messages come from: arguments, files, standard input, a clock.
//!
//! An input is asked when the link can take more and never before: what is not sent yet stays where it
//! is, and a slow peer slows down the pipe. Nothing is split, merged or trimmed but the delimiter that
//! ends a message.

pub mod action;
pub mod blocks;
pub mod encoding;
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
use crate::secret::io_text;
use action::Action;
use blocks::Blocks;
use encoding::{Encoding, EncodingError};
use pings::{OpeningSource, PingSource};

pub use pings::PingInterval;

/// An input that cannot be read or does not mean a message (exit 26).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// `standard input`, or the file.
    pub name: String,
    /// What is wrong and where.
    pub why: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.name, self.why)
    }
}

impl std::error::Error for InputError {}

/// A source of actions.
pub struct Input {
    source: InputSource,
    pace: Option<SendRate>,
    /// The rest of a message that goes out in parts.
    parts: VecDeque<Fragment>,
    fragment: Option<usize>,
    ended: bool,
    /// A message that has been read and whose time has not come.
    held: Option<Action>,
    /// There is something to send, and it has to wait.
    waits: bool,
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
            pace: None,
            parts: VecDeque::new(),
            fragment: None,
            ended: false,
            held: None,
            waits: false,
        }
    }

    /// Nothing to send.
    pub fn none() -> Self {
        Self::new(InputSource::Ready(VecDeque::new()))
    }

    /// Messages that are known already.
    pub fn messages(messages: impl IntoIterator<Item = Payload>) -> Self {
        Self::new(InputSource::Ready(messages.into_iter().collect()))
    }

    /// Standard input, cut into messages.
    pub fn stdin(framing: Framing, encoding: Encoding) -> Self {
        Self::new(InputSource::Stream(MessageStream::new(
            "standard input",
            Blocks::stdin(),
            framing,
            encoding,
        )))
    }

    /// Files, each one message.
    ///
    /// # Errors
    /// Names the first file that cannot be opened.
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
                    name,
                    why: io_text(&error),
                }),
            }
        };
        let streams: Result<VecDeque<MessageStream>, InputError> =
            paths.into_iter().map(open).collect();
        Ok(Self::new(InputSource::Files(streams?)))
    }

    /// So many pings of `size` bytes, or without end.
    pub fn pings(rhythm: PingInterval, count: Option<u64>, size: usize) -> Self {
        Self::new(InputSource::Pings(PingSource::new(rhythm, count, size)))
    }

    /// So many connections one after the other, or without end, each closed in that way once it is open.
    pub fn openings(interval: Duration, count: Option<u64>, farewell: CloseFrame) -> Self {
        Self::new(InputSource::Openings(OpeningSource::new(
            interval, count, farewell,
        )))
    }

    /// Whatever is received ([`Input::notice`]).
    pub fn echo() -> Self {
        Self::new(InputSource::Echo(VecDeque::new()))
    }

    /// Something happened: what is to be sent, or when, may hang on it.
    pub fn notice(&mut self, event: &Event) {
        match (&mut self.source, event) {
            (InputSource::Echo(heard), Event::Message(message))
                if message.direction == Direction::In =>
            {
                heard.push_back(message.payload.clone());
            }
            (InputSource::Pings(pings), event) => pings.notice(event),
            (InputSource::Openings(openings), event) => openings.notice(event),
            _ => {}
        }
    }

    /// Takes out what was heard and not sent yet.
    pub fn take_heard(&mut self) -> Option<Payload> {
        match &mut self.source {
            InputSource::Echo(heard) => heard.pop_front(),
            _ => None,
        }
    }

    /// Whether what was heard must be sent before more is received.
    pub fn is_full(&self) -> bool {
        matches!(&self.source, InputSource::Echo(heard) if !heard.is_empty())
    }

    /// Sends each message in parts of at most `size` bytes.
    pub fn in_fragments(mut self, size: Option<usize>) -> Self {
        self.fragment = size;
        self
    }

    /// Waits at least `gap` from one message to the next.
    pub fn with_gap(mut self, gap: Option<Duration>) -> Self {
        self.pace = gap.map(|gap| SendRate { gap, next: None });
        self
    }

    /// Whether it opens and closes connections, and so is asked while there is none.
    pub fn drives_connection(&self) -> bool {
        matches!(self.source, InputSource::Openings(_))
    }

    /// Whether there was nothing to send when last asked, as opposed to something that has to wait for
    /// its time.
    pub fn is_idle(&self) -> bool {
        !self.waits
    }

    /// The next action; `None` at the end. Messages that have been read `together` may come as a batch,
    /// where nobody looks at each of them.
    ///
    /// # Errors
    /// The source cannot be read, or what was read is no message.
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
            && self.pace.is_none()
            && self.fragment.is_none()
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
        if let Some(pace) = &mut self.pace {
            self.waits = pace.poll(cx).is_pending();
            if self.waits {
                self.held = Some(action);
                return Poll::Pending;
            }
            pace.passed(&action);
        }
        let action = match self.fragment {
            Some(size) => self.in_parts(action, size),
            None => action,
        };
        Poll::Ready(Some(Ok(action)))
    }

    /// The message that is held back, or else the source's next. The source is asked before the pace:
    /// that there is no next message must not wait for the time of one.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Action, InputError>>> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(held)));
        }
        let next = self.source.poll_next(cx, self.fragment);
        self.waits = next.is_pending() && self.source.is_reading();
        next
    }

    /// Cuts a message that was read whole; what is streamed comes in parts already.
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

/// A directory opens like a file and fails only when it is read, after the first packet.
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
    /// Whether there was more to read when last asked, and others had to have their turn.
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
            Self::Echo(heard) => match heard.pop_front() {
                Some(payload) => Some(Ok(Outgoing::Message(payload))),
                None => return Poll::Pending,
            },
        };
        Poll::Ready(outgoing.map(|result| result.map(Action::Send)))
    }
}

/// The least time between messages.
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

    /// A whole message was handed out: the next one waits. The parts of one message do not.
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

/// How a stream of bytes is cut into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each ends with this byte, which is not part of it; the last may lack it.
    Delimited(u8),
    /// All of it is one message.
    Whole,
}

/// A stream of bytes that becomes messages.
struct MessageStream {
    name: String,
    blocks: Blocks,
    framing: Framing,
    encoding: Encoding,
    buffer: BytesMut,
    /// How much of the buffer holds no delimiter.
    searched: usize,
    /// Messages handed out.
    count: u64,
    /// Bytes of the message in progress that have been handed out in parts.
    streamed: u64,
    at_end: bool,
    done: bool,
    /// Blocks read in this turn.
    blocks_read: usize,
    /// The turn was over before what there is was read.
    yielded: bool,
}

/// The most blocks read in one turn: an endless file must not keep the rest from being heard.
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
            // Notation must be decoded as a whole; bytes and text can go out as they are read.
            (Framing::Whole, Some(size))
                if matches!(self.encoding, Encoding::Text | Encoding::Binary) =>
            {
                self.poll_part(cx, size)
            }
            (Framing::Whole, _) => self.poll_whole(cx),
        }
    }

    /// The messages that have been read and end with a delimiter, where they are what they are to be
    /// sent as, whole, and there is no fault in them.
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
            // One after the other, up to the first that is none.
            return None;
        }
        let bytes = self.buffer.split_to(end).freeze();
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
                self.searched = 0;
                return Poll::Ready(Some(self.message(message.freeze())));
            }
            self.searched = self.buffer.len();
            if self.at_end {
                self.done = true;
                self.searched = 0;
                let rest = self.buffer.split().freeze();
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

    /// The next part of one message. A part is held back until more follows, so that the last one is
    /// known as the last.
    fn poll_part(&mut self, cx: &mut Context<'_>, size: usize) -> Poll<NextMessage> {
        // Three bytes more than a part: a character cut off at the end of what was read lies behind it.
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

    /// Checks the text that is about to leave, up to the next `size` bytes; `searched` remembers how
    /// many bytes of the buffer were found to be whole characters.
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

    /// What comes of an input; a batch is taken apart.
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
