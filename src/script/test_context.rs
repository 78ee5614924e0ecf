//! The state of a running test: its connections, their received messages and the transcript.
//!
//! The loop of `check` is here: it drives all connections of a test until the current step has what it waits
//! for. Messages that no step has looked at yet stay in their connection's inbox, in order; a full inbox stops
//! reading from the network.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::print::DurationWord;
use super::transcript::Transcript;
use crate::connection::close::{CloseFrame, CloseInfo};
use crate::connection::error::{Error, ErrorKind};
use crate::connection::message::{Direction, Outgoing, Payload};
use crate::connection::target::RequestHeader;
use crate::connection::{Opened, ReadyState};
use crate::event::{Event, Message, Next};
use crate::exit::Exit;
use crate::expectation::{Closest, PassedOver, UnmetExpectation, end_in_words};
use crate::input::blocks::{self, Blocks};
use crate::link::{Link, LinkPolicy};
use crate::named_file::USUAL_SIZE;
use crate::output::Sinks;
use crate::pattern::{Pattern, runaway};
use crate::secret::io_text;
use crate::units;

/// Bytes of unread messages at which a connection is no longer read.
const INBOX: usize = 1 << 20;
/// The same while a pong is awaited, which arrives after everything the server sent before it.
const INBOX_BEFORE_PONG: usize = 64 << 20;
/// Events taken from one connection before the next one is polled.
const TURN: usize = 128;
/// Memory of a message in an inbox beyond its payload, in bytes.
const ENVELOPE: usize = 64;

/// Builds the policy of a connection from a URL and the header lines added to the options.
pub type PolicyBuilder = dyn Fn(String, Vec<RequestHeader>) -> PendingPolicy;
/// A policy that is being built.
pub type PendingPolicy = Pin<Box<dyn Future<Output = Result<LinkPolicy, String>>>>;

/// What all tests of a run share.
pub struct RunContext {
    /// Where events go.
    pub sinks: Rc<RefCell<Sinks>>,
    /// How a URL becomes a connection.
    pub reach: Box<PolicyBuilder>,
    /// Set once the whole run must stop.
    pub stopping: Cell<Option<StopReason>>,
    /// The close frame for connections that are left open.
    pub farewell: CloseFrame,
    /// The limit of a waiting step where the file sets none.
    pub timeout: Duration,
}

/// Why a run ends before its last test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A signal.
    Signal(crate::signals::Signal),
    /// `--max-time` has elapsed.
    OutOfTime(Duration),
    /// A jq expression was given up and cannot be stopped.
    Runaway,
}

/// Why a step failed.
#[derive(Clone, Debug)]
pub struct StepFailure {
    /// Whether transport failed, as opposed to an expectation.
    pub fault: bool,
    /// The reason, in one line.
    pub why: String,
    /// The server's answer and the hint.
    pub details: Vec<String>,
    /// The nearest message.
    pub closest: Option<Closest>,
}

impl StepFailure {
    /// An expectation that was not met.
    pub fn unmet(why: impl Into<String>) -> Self {
        Self {
            fault: false,
            why: why.into(),
            details: Vec::new(),
            closest: None,
        }
    }

    /// A failure of transport or of the file, not of an expectation.
    pub fn fault(why: impl Into<String>) -> Self {
        Self {
            fault: true,
            ..Self::unmet(why)
        }
    }
}

impl From<UnmetExpectation> for StepFailure {
    fn from(unmet: UnmetExpectation) -> Self {
        let answer = unmet
            .refusal
            .iter()
            .flat_map(|refusal| refusal.informative_lines());
        let hint = unmet.hint.iter().map(|hint| format!("hint: {hint}"));
        Self {
            details: answer.chain(hint).collect(),
            closest: unmet.closest,
            ..Self::unmet(unmet.what)
        }
    }
}

impl From<&Error> for StepFailure {
    fn from(error: &Error) -> Self {
        let refusal = error.refusal.iter();
        let answer = refusal.flat_map(|refusal| refusal.informative_lines());
        let hint = error.hint.iter().map(|hint| format!("hint: {hint}"));
        Self {
            fault: error.kind != ErrorKind::Refused,
            details: answer.chain(hint).collect(),
            ..Self::unmet(error.message.clone())
        }
    }
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub enum ConnectionEnd {
    /// It was never open.
    Failed(Box<Error>),
    /// It was.
    Closed(Box<CloseInfo>),
}

impl From<&ConnectionEnd> for StepFailure {
    fn from(end: &ConnectionEnd) -> Self {
        match end {
            ConnectionEnd::Failed(error) => (&**error).into(),
            ConnectionEnd::Closed(close) => match &close.error {
                Some(error) => (&**error).into(),
                None => Self::unmet(end_in_words(close)),
            },
        }
    }
}

/// One connection of a test.
pub struct TestConnection {
    name: Option<String>,
    link: Link,
    /// Redacted.
    url: String,
    /// Its number in events.
    number: u64,
    never: Vec<Pattern>,
    inbox: VecDeque<Payload>,
    /// The size of `inbox`, and from which on no more is read.
    held: usize,
    limit: usize,
    /// What the handshake agreed on.
    pub opened: Option<Box<Opened>>,
    /// How the connection ended.
    pub end: Option<ConnectionEnd>,
    /// Whether a loss is followed by another connection (`--reconnect`).
    comes_back: bool,
    /// The last end of a connection that was followed by another.
    interrupted: Option<Box<CloseInfo>>,
    last_pong: Option<(u64, Option<Duration>)>,
    forbidden: Option<StepFailure>,
    /// The messages that steps have skipped.
    pub passed: PassedOver,
    /// The last message received.
    pub last: Option<Payload>,
    down: bool,
}

impl TestConnection {
    fn new(name: Option<String>, policy: LinkPolicy) -> Self {
        Self {
            name,
            comes_back: policy.persistence.reconnect.is_some(),
            interrupted: None,
            link: Link::new(policy),
            url: String::new(),
            number: 0,
            never: Vec::new(),
            inbox: VecDeque::new(),
            held: 0,
            limit: INBOX,
            opened: None,
            end: None,
            last_pong: None,
            forbidden: None,
            passed: PassedOver::default(),
            last: None,
            down: false,
        }
    }

    /// The next unread message.
    pub fn take(&mut self) -> Option<Payload> {
        let payload = self.inbox.pop_front()?;
        self.held -= payload.len() + ENVELOPE;
        Some(payload)
    }

    /// How the last connection ended, even if it was followed by another; returned once.
    pub fn take_close(&mut self) -> Option<ConnectionEnd> {
        let interrupted = self.interrupted.take().map(ConnectionEnd::Closed);
        self.end.clone().or(interrupted)
    }

    /// The conversation continues on this connection: the loss of an earlier one no longer matters.
    fn resume_reading(&mut self) {
        if self.link.is_open() {
            self.interrupted = None;
        }
    }

    /// Ready when something can be sent, or never again. A reconnect is waited for.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.link.ready_state() {
            _ if self.end.is_some() || self.down => Poll::Ready(()),
            ReadyState::Open => self.link.poll_ready(cx),
            _ if self.comes_back => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// The state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.link.ready_state()
    }

    /// Raises the inbox limit so that a pong behind unread messages is reached, or restores it.
    pub fn read_ahead(&mut self, to_pong: bool) {
        self.limit = if to_pong { INBOX_BEFORE_PONG } else { INBOX };
    }

    /// The pong that answers a ping, and how long it took.
    pub fn pong(&self, seq: u64) -> Option<Option<Duration>> {
        let (answered, rtt) = self.last_pong?;
        (answered == seq).then_some(rtt)
    }

    /// Makes a message that matches fail the test, also one that was received and not read yet.
    pub fn forbid(&mut self, pattern: Pattern) {
        let found = self
            .inbox
            .iter()
            .find_map(|payload| violation(&pattern, payload));
        self.forbidden = self.forbidden.take().or(found);
        self.never.push(pattern);
    }

    /// Drives the connection; true when something happened.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        sinks: &RefCell<Sinks>,
        transcript: &mut Transcript,
        is_stopping: bool,
    ) -> bool {
        let mut events = 0;
        // Once the run is stopped, a reader of stdout that does not read must not keep a connection open.
        let has_room = || is_stopping || sinks.borrow().writer.has_room();
        let listens = self.held < self.limit && has_room();
        while !self.down && self.held < self.limit && has_room() {
            if events == TURN {
                cx.waker().wake_by_ref();
                break;
            }
            match self.link.poll_next(cx) {
                Poll::Ready(Some(
                    Event::Message(_) | Event::Ping { .. } | Event::Pong { .. } | Event::Frame(_),
                )) if is_stopping && !sinks.borrow().writer.has_room() => {}
                Poll::Ready(Some(event)) => self.on_event(event, sinks, transcript),
                Poll::Ready(None) => self.down = true,
                Poll::Pending => break,
            }
            events += 1;
        }
        events += usize::from(self.link.poll_heartbeat(cx, listens));
        // Pending only means that the socket is full; the link wakes this task.
        let _ = self.link.poll_flush(cx);
        events > 0
    }

    fn on_event(&mut self, event: Event, sinks: &RefCell<Sinks>, transcript: &mut Transcript) {
        self.write_event(&event, sinks);
        transcript.note(self.name.as_deref(), &self.url, &event);
        match event {
            Event::Connecting { url, .. } => self.url = url,
            Event::Open(opened) => self.opened = Some(opened),
            Event::Message(Message {
                direction: Direction::In,
                payload,
                ..
            }) => {
                let found = self
                    .never
                    .iter()
                    .find_map(|pattern| violation(pattern, &payload));
                self.forbidden = self.forbidden.take().or(found);
                self.held += payload.len() + ENVELOPE;
                self.last = Some(payload.clone());
                self.inbox.push_back(payload);
            }
            Event::Pong {
                seq: Some(seq),
                rtt,
                ..
            } => self.last_pong = Some((seq, rtt)),
            Event::Close(closed) if closed.next == Next::Final => {
                self.end = Some(ConnectionEnd::Closed(Box::new(closed.close)));
            }
            Event::Close(closed) => self.interrupted = Some(Box::new(closed.close)),
            Event::Failed(error, Next::Final) => self.end = Some(ConnectionEnd::Failed(error)),
            _ => {}
        }
    }

    /// Events carry the number of their connection, because several connections are driven in turn.
    fn write_event(&mut self, event: &Event, sinks: &RefCell<Sinks>) {
        let mut sinks = sinks.borrow_mut();
        sinks.turn_to(self.number, None);
        sinks.on_event(event);
        self.number = sinks.connection();
    }
}

fn violation(pattern: &Pattern, payload: &Payload) -> Option<StepFailure> {
    let text = payload.readable()?;
    let why = match pattern.is_match(&text) {
        true => format!("received a message that 'never {pattern}' forbids"),
        // A pattern that cannot be checked any more must not pass as one that did not match.
        false => format!("cannot check 'never': {}", pattern.given_up()?),
    };
    let mut failure = StepFailure::unmet(why);
    failure.details = vec![format!("message: {text}")];
    Some(failure)
}

/// How a wait ended without a failure.
#[derive(Debug)]
pub enum WaitResult<T> {
    /// The awaited value.
    For(T),
    /// The time limit has elapsed.
    InVain,
}

/// A running test.
pub struct TestContext<'a> {
    /// What all tests share.
    pub shared: &'a RunContext,
    /// Its connections, in the order of its `connect` steps.
    pub connections: Vec<TestConnection>,
    /// What happened, and when.
    pub transcript: Transcript,
}

impl<'a> TestContext<'a> {
    /// A test without connections.
    pub fn new(shared: &'a RunContext) -> Self {
        Self {
            shared,
            connections: Vec::new(),
            transcript: Transcript::new(Instant::now()),
        }
    }

    /// Opens a connection and waits until it is open or has failed.
    ///
    /// # Errors
    /// An invalid URL, the time limit, and the errors of any wait.
    pub async fn connect(
        &mut self,
        name: Option<String>,
        url: String,
        headers: Vec<RequestHeader>,
        limit: Option<Duration>,
    ) -> Result<&TestConnection, StepFailure> {
        let policy = (self.shared.reach)(url, headers).await;
        let connection = TestConnection::new(name, policy.map_err(StepFailure::fault)?);
        let index = self.connections.len();
        self.connections.push(connection);
        let ready = |context: &mut Self| {
            let connection = &context.connections[index];
            (connection.opened.is_some() || connection.end.is_some()).then_some(())
        };
        match self.until(limit, ready).await? {
            WaitResult::For(()) => Ok(&self.connections[index]),
            WaitResult::InVain => {
                let within = limit.map(units::shown).unwrap_or_default();
                Err(StepFailure::fault(format!("not connected within {within}")))
            }
        }
    }

    /// Sends a message; `shown` replaces it in the transcript.
    ///
    /// # Errors
    /// The connection has ended, or there was no room to send within the limit.
    pub async fn send(
        &mut self,
        index: usize,
        payload: Payload,
        shown: Option<String>,
        limit: Duration,
    ) -> Result<(), StepFailure> {
        let mut payload = Some(payload);
        self.ready(index, limit).await?;
        let connection = &mut self.connections[index];
        let sent = payload
            .take()
            .and_then(|payload| connection.link.send(Outgoing::Message(payload)));
        let Some(event) = sent else {
            return Err(self.closed_early(index));
        };
        connection.write_event(&event, &self.shared.sinks);
        let connection = &self.connections[index];
        match shown {
            Some(shown) => self.transcript.sent(connection.name.as_deref(), &shown),
            None => self
                .transcript
                .note(connection.name.as_deref(), &connection.url, &event),
        }
        Ok(())
    }

    /// Reads a whole file. A pipe is waited for until the limit or the end of the run, and read up to
    /// [`USUAL_SIZE`].
    ///
    /// # Errors
    /// The file cannot be read, or a limit was reached.
    pub async fn read(&mut self, path: &Path, limit: Duration) -> Result<Vec<u8>, StepFailure> {
        let unreadable = |error: &io::Error| StepFailure::fault(io_text(error));
        let file = blocks::open(path).map_err(|error| unreadable(&error))?;
        if file.metadata().is_ok_and(|file| file.is_file()) {
            return std::fs::read(path).map_err(|error| unreadable(&error));
        }
        let (mut source, mut bytes) = (Blocks::file(file), BytesMut::new());
        let reading = poll_fn(|cx| {
            loop {
                self.poll_connections(cx);
                if let Some(failure) = self.take_failure() {
                    return Poll::Ready(Err(failure));
                }
                match ready!(source.poll_read(cx, &mut bytes)) {
                    Ok(0) => return Poll::Ready(Ok(())),
                    Ok(_) if bytes.len() as u64 > USUAL_SIZE => {
                        let why = format!("larger than {USUAL_SIZE} bytes");
                        return Poll::Ready(Err(StepFailure::fault(why)));
                    }
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Err(unreadable(&error))),
                }
            }
        });
        match tokio::time::timeout(limit, reading).await {
            Ok(read) => read.map(|()| bytes.into()),
            Err(_) => {
                let why = format!("timed out after {}", units::shown(limit));
                Err(StepFailure::fault(why))
            }
        }
    }

    /// Waits until something can be sent, or never again.
    async fn ready(&mut self, index: usize, limit: Duration) -> Result<(), StepFailure> {
        let ready = poll_fn(|cx| {
            self.poll_connections(cx);
            match self.take_failure() {
                Some(failure) => Poll::Ready(Err(failure)),
                None => self.connections[index].poll_ready(cx).map(Ok),
            }
        });
        if let Ok(result) = tokio::time::timeout(limit, ready).await {
            self.connections[index].resume_reading();
            return result;
        }
        let within = units::shown(limit);
        Err(match self.connections[index].link.ready_state() {
            ReadyState::Open => StepFailure::fault(format!(
                "nothing could be sent within {within}: the server does not read"
            )),
            _ => StepFailure::fault(format!("not reconnected within {within}")),
        })
    }

    /// Sends a ping and returns its number.
    ///
    /// # Errors
    /// The connection has ended, or there was no room to send within the limit.
    pub async fn ping(&mut self, index: usize, limit: Duration) -> Result<u64, StepFailure> {
        const SIZE: usize = 16;
        self.ready(index, limit).await?;
        let connection = &mut self.connections[index];
        let Some(event) = connection.link.ping(SIZE) else {
            return Err(self.closed_early(index));
        };
        connection.write_event(&event, &self.shared.sinks);
        self.transcript
            .note(connection.name.as_deref(), &connection.url, &event);
        match event {
            Event::Ping { seq: Some(seq), .. } => Ok(seq),
            _ => Ok(0),
        }
    }

    /// Why a connection can no longer be used.
    pub fn closed_early(&self, index: usize) -> StepFailure {
        match &self.connections[index].end {
            Some(end) => end.into(),
            None => StepFailure::unmet("the connection is closing"),
        }
    }

    /// Begins the closing handshake.
    pub fn close(&mut self, index: usize, farewell: &CloseFrame) {
        let connection = &mut self.connections[index];
        connection.resume_reading();
        connection.link.close(farewell);
    }

    /// Waits until `ready` returns a value. All connections are driven meanwhile.
    ///
    /// # Errors
    /// A forbidden message, or the end of the whole run.
    pub async fn until<T>(
        &mut self,
        limit: Option<Duration>,
        mut ready: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<WaitResult<T>, StepFailure> {
        // Without a limit a far deadline is simpler than no timer.
        let far = Duration::from_secs(366 * 24 * 60 * 60);
        let mut timer = pin!(tokio::time::sleep(limit.unwrap_or(far)));
        poll_fn(|cx| {
            loop {
                let progress = self.poll_connections(cx);
                if let Some(failure) = self.take_failure() {
                    return Poll::Ready(Err(failure));
                }
                let held = self.held();
                if let Some(value) = ready(self) {
                    return Poll::Ready(Ok(WaitResult::For(value)));
                }
                if timer.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(WaitResult::InVain));
                }
                // Reading from an inbox has made room for more.
                if !progress && self.held() == held {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn held(&self) -> usize {
        self.connections
            .iter()
            .map(|connection| connection.held)
            .sum()
    }

    fn take_failure(&mut self) -> Option<StepFailure> {
        if let Some(failure) = self
            .connections
            .iter_mut()
            .find_map(|connection| connection.forbidden.take())
        {
            return Some(failure);
        }
        match self.shared.stopping.get()? {
            StopReason::Signal(_) => Some(StepFailure::fault("interrupted")),
            StopReason::Runaway => {
                let why = runaway().unwrap_or_default();
                Some(StepFailure::unmet(format!("stopped: {why}")))
            }
            StopReason::OutOfTime(limit) => {
                let limit = DurationWord(limit);
                Some(StepFailure::fault(format!(
                    "stopped after --max-time {limit}"
                )))
            }
        }
    }

    fn poll_connections(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        let is_stopping = self.shared.stopping.get().is_some();
        for connection in &mut self.connections {
            if is_stopping {
                connection.link.hurry();
            }
            let sinks = &self.shared.sinks;
            progress |= connection.poll(cx, sinks, &mut self.transcript, is_stopping);
        }
        progress
    }

    /// Closes the open connections and waits for the answers; the closing handshake has its own limit.
    pub async fn finish(&mut self) {
        for connection in &mut self.connections {
            connection.link.close(&self.shared.farewell);
        }
        poll_fn(|cx| {
            loop {
                // Messages that still arrive are dropped: a full inbox would stop reading, and nothing would
                // wake this task.
                for connection in &mut self.connections {
                    connection.inbox.clear();
                    connection.held = 0;
                }
                let progress = self.poll_connections(cx);
                if self.connections.iter().all(|connection| connection.down) {
                    return Poll::Ready(());
                }
                if !progress && self.held() == 0 {
                    return Poll::Pending;
                }
            }
        })
        .await;
        let mut sinks = self.shared.sinks.borrow_mut();
        for connection in &self.connections {
            sinks.turn_to(connection.number, None);
            sinks.write_custom_event(|writer, out| writer.give_up(out, Exit::Expectation));
        }
    }
}
