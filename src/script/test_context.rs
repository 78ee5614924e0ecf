//! The state of a running test: its connections, their received messages and the transcript.
//!
//! The loop of `check` is here: it drives all connections of a test until the current step has what it waits
//! for. Messages that no step has looked at yet stay in their connection's inbox, in order; a full inbox stops
//! reading from the network.

use std::cell::{Cell, RefCell};
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
pub use super::test_connection::{ConnectionEnd, TestConnection};
use super::transcript::Transcript;
use crate::connection::backoff::Backoff;
use crate::connection::close::CloseFrame;
use crate::connection::cookies::CookieJar;
use crate::connection::http_request::{HttpAnswer, HttpRequest, exchange, shown_url};
use crate::connection::message::{Fragment, Outgoing, Payload};
use crate::connection::target::RequestHeader;
use crate::connection::{Progress, ReadyState, Reporter, Target};
use crate::event::Event;
use crate::exit::Exit;
use crate::input::blocks::{self, Blocks};
use crate::link::LinkPolicy;
use crate::named_file::USUAL_SIZE;
use crate::output::Sinks;
use crate::pattern::{Pattern, runaway};
use crate::rules::Rule;
use crate::secret::{Secret, io_text};
use crate::template::variables::{Filled, Variables};
use crate::units;

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
        url: Filled,
        headers: Vec<RequestHeader>,
        cookies: &CookieJar,
        limit: Option<Duration>,
        variables: &Variables,
    ) -> Result<usize, StepFailure> {
        let mut policy = self.policy(url, headers).await?;
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

    /// How a URL is reached; it is shown with its secrets masked.
    ///
    /// # Errors
    /// An invalid URL.
    pub async fn policy(
        &self,
        url: Filled,
        headers: Vec<RequestHeader>,
    ) -> Result<LinkPolicy, StepFailure> {
        let policy = (self.shared.reach)(url.text, headers).await;
        let mut policy = policy.map_err(|why| StepFailure::fault(why).ending())?;
        let mut sinks = self.shared.sinks.borrow_mut();
        let (redactor, address) = (sinks.redactor(), &mut policy.target.address);
        if let Some(masked) = url.shown.filter(|_| !redactor.shows_secrets())
            && let Some(target) = address.show_as(masked)
        {
            redactor.show_as(Secret::new(address.request_target.clone()), &target);
        }
        drop(sinks);
        Ok(policy)
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
                // The clock is checked first: in a flood of input the cooperative budget of tokio keeps the timers of a
                // task pending.
                let is_over = timer.deadline() <= tokio::time::Instant::now();
                if is_over || timer.as_mut().poll(cx).is_ready() {
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

    /// Why the test cannot go on: a forbidden message, or the end of the whole run.
    pub(super) fn take_failure(&mut self) -> Option<StepFailure> {
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

    /// Closes the open connections and waits for the answers; the closing handshake has its own limit. Returns the
    /// failure of a connection that the server closed with an error code and that no step has looked at since.
    pub async fn finish(&mut self) -> Option<StepFailure> {
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
        let mut connections = self.connections.iter();
        connections.find_map(TestConnection::unseen_error)
    }
}
