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

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::unbounded_channel;

use super::print::DurationWord;
use super::step_failure::StepFailure;
use super::transcript::Transcript;
use crate::connection::backoff::Backoff;
use crate::connection::close::{CloseFrame, CloseInfo};
use crate::connection::cookies::CookieJar;
use crate::connection::error::Error;
use crate::connection::http_request::{HttpAnswer, HttpRequest, exchange, shown_url};
use crate::connection::message::{Direction, Fragment, Outgoing, Payload};
use crate::connection::target::{Address, RequestHeader};
use crate::connection::{Opened, Progress, ReadyState, Reporter, Target};
use crate::decode::DecodeFormat;
use crate::event::{Event, Message, Next};
use crate::exit::Exit;
use crate::expectation::{PassedOver, end_in_words, looked_at};
use crate::input::blocks::{self, Blocks};
use crate::link::{Link, LinkPolicy};
use crate::named_file::USUAL_SIZE;
use crate::output::Sinks;
use crate::pattern::{Pattern, runaway};
use crate::rules::Rule;
use crate::secret::io_text;
use crate::template::variables::{Filled, Variables};
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
    /// The delays between the attempts of `retry`.
    pub backoff: Backoff,
    /// Whether `pause` waits (`--pace`).
    pub keeps_pace: bool,
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

impl From<StopReason> for StepFailure {
    fn from(why: StopReason) -> Self {
        let why = match why {
            StopReason::Signal(_) => "interrupted".to_owned(),
            StopReason::Runaway => {
                let why = format!("stopped: {}", runaway().unwrap_or_default());
                return Self::unmet(why).ending();
            }
            StopReason::OutOfTime(limit) => {
                format!("stopped after --max-time {}", DurationWord(limit))
            }
        };
        Self::fault(why).ending()
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
    /// Where it was opened to, before redirects.
    pub address: Address,
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
    /// Whether a failed attempt has opened it: its messages do not matter.
    is_forgotten: bool,
    down: bool,
}

impl TestConnection {
    fn new(name: Option<String>, policy: LinkPolicy) -> Self {
        Self {
            name,
            address: policy.target.address.clone(),
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
            is_forgotten: false,
            down: false,
        }
    }

    /// The next unread message.
    pub fn take(&mut self) -> Option<Payload> {
        let payload = self.inbox.pop_front()?;
        self.held -= payload.weight() + ENVELOPE;
        self.passed.count();
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

    /// Drops the messages that no step has looked at.
    fn forget(&mut self) {
        self.inbox.clear();
        self.held = 0;
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

    /// Answers messages by this rule, also those that no step has looked at yet.
    pub fn answer_by(&mut self, rule: Rule) {
        self.link.add_rule(rule);
        let (link, held) = (&mut self.link, &mut self.held);
        self.inbox.retain(|payload| {
            let is_answered = link.answer(payload);
            if is_answered {
                *held -= payload.weight() + ENVELOPE;
            }
            !is_answered
        });
    }

    /// Decodes binary messages from now on, also those that were received and not read yet.
    pub fn decode(&mut self, format: DecodeFormat) {
        self.link.set_decode(format);
        self.held = 0;
        for payload in std::mem::take(&mut self.inbox) {
            let payload = match payload {
                Payload::Decoded(decoded) => Payload::Binary(decoded.bytes.clone()),
                payload => payload,
            };
            if let Some(payload) = self.link.decoded(payload) {
                self.keep(payload);
            }
        }
    }

    /// Keeps a received message for a step to read.
    fn keep(&mut self, payload: Payload) {
        let found = self
            .never
            .iter()
            .find_map(|pattern| violation(pattern, &payload));
        self.forbidden = self.forbidden.take().or(found);
        self.held += payload.weight() + ENVELOPE;
        self.inbox.push_back(payload);
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
                is_answered: false,
                ..
            }) if !self.is_forgotten => {
                self.last = Some(payload.clone());
                self.keep(payload);
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
    let why = match pattern.is_match(payload) {
        true => format!("received a message that 'never {pattern}' forbids"),
        // A pattern that cannot be checked any more must not pass as one that did not match.
        false => format!("cannot check 'never': {}", pattern.given_up()?),
    };
    let mut failure = StepFailure::unmet(why);
    failure.details = vec![format!("message: {}", looked_at(pattern, payload))];
    Some(failure)
}

/// What a step sends.
pub struct StepMessage {
    /// The message, its fragments or a raw frame.
    pub parts: Vec<Outgoing>,
    /// What the transcript shows instead of the parts.
    pub shown: Option<String>,
}

impl StepMessage {
    /// A message in one frame; `shown` replaces it in the transcript.
    pub fn whole(payload: Payload, shown: Option<String>) -> Self {
        Self {
            parts: vec![Outgoing::Message(payload)],
            shown,
        }
    }

    /// A text in frames of `size` bytes, at least 1.
    pub fn fragments(text: Filled, size: usize) -> Self {
        let shown = text.shown.unwrap_or_else(|| text.text.clone());
        let mut rest = Bytes::from(text.text);
        let mut parts = Vec::new();
        loop {
            let bytes = rest.split_to(rest.len().min(size));
            let is_last = rest.is_empty();
            parts.push(Outgoing::Fragment(Fragment {
                is_text: true,
                is_first: parts.is_empty(),
                is_last,
                bytes,
            }));
            if is_last {
                let shown = format!("in {}: {shown}", units::count(parts.len() as u64, "frame"));
                let shown = Some(shown);
                return Self { parts, shown };
            }
        }
    }
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
    /// The patterns that no message of any connection may match.
    never: Vec<Pattern>,
    /// The rules of every connection.
    rules: Vec<Rule>,
    /// Whether its final steps run, which a signal does not stop at once.
    is_finishing: bool,
}

impl<'a> TestContext<'a> {
    /// A test without connections.
    pub fn new(shared: &'a RunContext) -> Self {
        Self {
            shared,
            connections: Vec::new(),
            transcript: Transcript::new(Instant::now()),
            never: Vec::new(),
            rules: Vec::new(),
            is_finishing: false,
        }
    }

    /// Makes a message that matches fail the test, on every connection from now on.
    pub fn forbid_everywhere(&mut self, pattern: Pattern) {
        for connection in &mut self.connections {
            connection.forbid(pattern.clone());
        }
        self.never.push(pattern);
    }

    /// Answers messages by this rule, on every connection that is opened from now on.
    pub fn answer_everywhere(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// The final steps begin. After a failure forbidden messages are no longer looked for: they would keep these
    /// steps from running.
    pub fn begin_finally(&mut self, has_failed: bool) {
        self.is_finishing = true;
        if has_failed {
            self.never.clear();
            for connection in &mut self.connections {
                connection.never.clear();
                connection.forbidden = None;
            }
        }
    }

    /// Opens a connection and waits until it is open or has failed; returns its index.
    ///
    /// # Errors
    /// An invalid URL, the time limit, and the errors of any wait.
    pub async fn connect(
        &mut self,
        name: Option<String>,
        url: String,
        headers: Vec<RequestHeader>,
        cookies: &CookieJar,
        limit: Option<Duration>,
        variables: &Variables,
    ) -> Result<usize, StepFailure> {
        let policy = (self.shared.reach)(url, headers).await;
        let mut policy = policy.map_err(|why| StepFailure::fault(why).ending())?;
        policy.variables = variables.clone();
        let target = &mut policy.target;
        cookies.add_to(&target.address, &mut target.request.headers);
        let mut connection = TestConnection::new(name, policy);
        connection.never.clone_from(&self.never);
        for rule in &self.rules {
            connection.link.add_rule(rule.clone());
        }
        let index = self.place(connection);
        let ready = |context: &mut Self| {
            let connection = &context.connections[index];
            (connection.opened.is_some() || connection.end.is_some()).then_some(())
        };
        match self.until(limit, ready).await? {
            WaitResult::For(()) => Ok(index),
            WaitResult::InVain => {
                self.close_and_forget(index);
                let within = limit.map(units::shown).unwrap_or_default();
                Err(StepFailure::fault(format!("not connected within {within}")))
            }
        }
    }

    /// Adds a connection, in place of a forgotten one that is down: a test that connects again and again needs
    /// no more memory for that.
    fn place(&mut self, connection: TestConnection) -> usize {
        let is_over = |old: &TestConnection| old.is_forgotten && old.down && old.end.is_some();
        match self.connections.iter().position(is_over) {
            Some(index) => {
                self.connections[index] = connection;
                index
            }
            None => {
                self.connections.push(connection);
                self.connections.len() - 1
            }
        }
    }

    /// Sends a message, a part at a time.
    ///
    /// # Errors
    /// The connection has ended, or there was no room to send within the limit.
    pub async fn send(
        &mut self,
        index: usize,
        message: StepMessage,
        limit: Duration,
    ) -> Result<(), StepFailure> {
        for part in message.parts {
            self.ready(index, limit).await?;
            let connection = &mut self.connections[index];
            if !connection.link.is_open() {
                return Err(self.closed_early(index));
            }
            // Nothing is reported of a part that does not end its message, and of a raw frame.
            let Some(event) = connection.link.send(part) else {
                continue;
            };
            connection.write_event(&event, &self.shared.sinks);
            if message.shown.is_none() {
                self.transcript
                    .note(connection.name.as_deref(), &connection.url, &event);
            }
        }
        if let Some(shown) = &message.shown {
            let name = self.connections[index].name.as_deref();
            self.transcript.sent(name, shown);
        }
        Ok(())
    }

    /// Sends an HTTP request and reads its answer; all connections are driven meanwhile. `limit` is the time for
    /// the answer.
    ///
    /// # Errors
    /// No answer, a forbidden message, or the end of the whole run.
    pub async fn http(
        &mut self,
        target: &Target,
        request: HttpRequest,
        cookies: &mut CookieJar,
        limit: Duration,
    ) -> Result<HttpAnswer, StepFailure> {
        let begun = Instant::now();
        let what = format!("http {} {}", request.method, shown_url(&target.address));
        let (sender, mut progress) = unbounded_channel();
        let reporter = Reporter(Some(sender));
        let mut exchange = pin!(exchange(target, request, cookies, &reporter, limit));
        let answer = poll_fn(|cx| {
            loop {
                let has_news = self.poll_connections(cx);
                if let Some(failure) = self.take_failure() {
                    return Poll::Ready(Err(failure));
                }
                let answer = exchange.as_mut().poll(cx);
                while let Poll::Ready(Some(progress)) = progress.poll_recv(cx) {
                    self.report(progress);
                }
                if let Poll::Ready(answer) = answer {
                    return Poll::Ready(Ok(answer));
                }
                if !has_news {
                    return Poll::Pending;
                }
            }
        });
        let answer = answer.await?;
        let time = units::shown(begun.elapsed());
        let line = match &answer {
            Ok(answer) => format!("{what} -> {}, {time}", answer.status),
            Err(error) => format!("{what} failed: {error}"),
        };
        self.transcript.add(&line);
        answer.map_err(|error| (&error).into())
    }

    /// What is told of an attempt to connect that is no link's.
    fn report(&self, progress: Progress) {
        let event = match progress {
            Progress::Secret(secret) => Event::Secret(secret),
            progress => Event::Progress(Box::new(progress)),
        };
        self.shared.sinks.borrow_mut().on_event(&event);
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

    /// Closes a connection that no step uses; what it still receives is dropped.
    pub fn close_and_forget(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.link.close(&self.shared.farewell);
        connection.is_forgotten = true;
        connection.forget();
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
            return Some(failure.ending());
        }
        if self.is_finishing {
            return None;
        }
        self.shared.stopping.get().map(StepFailure::from)
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
                    connection.forget();
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
