//! A link manages connections to a target: connects and reconnects, sends the `-x` messages, runs the
//! heartbeat, counts messages and pings, and reports everything as [`Event`]s.
//!
//! A session polls only its link; retry and heartbeat logic belongs here, not in a command. Data written to
//! one connection is never written again to another. A connection that we closed is not reopened.

mod decoding;
pub mod heartbeat;
mod outstanding_pings;
pub mod reconnect;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, Sleep};

use crate::connection::close::{CloseCode, CloseFrame, CloseInfo, Initiator};
use crate::connection::error::{Error, ErrorKind, Stage};
use crate::connection::message::{Direction, Outgoing, Payload};
use crate::connection::{Connection, Incoming, Opened, Progress, ReadyState, Reporter, Target};
use crate::decode::{DecodeFormat, MessageDecoder};
use crate::event::{
    Closed, ConnectionStatus, Event, LinkStatus, Message, Next, PongMismatch, RetryWait, Traffic,
    Unsent,
};
use crate::rules::{self, Response, Rule};
use crate::secret::{Secret, SecretSource};
use crate::template::Template;
use crate::template::variables::{Filled, VariableValue, Variables};
use crate::units;
use heartbeat::{Heartbeat, HeartbeatAction, HeartbeatState};
pub use outstanding_pings::{AppPing, PingPolicy};
use outstanding_pings::{OWN_SIZE, OutstandingPings, PingAnswer, PingPurpose};
use reconnect::{RetryPolicy, RetryState};

/// The settings of a link.
#[derive(Clone, Debug)]
pub struct LinkPolicy {
    /// What to connect to.
    pub target: Target,
    /// Messages to send after every open, before anything else (`-x`).
    pub on_open: Vec<SecretSource>,
    /// When to retry and to reconnect.
    pub persistence: RetryPolicy,
    /// The heartbeat, if any.
    pub heartbeat: Option<Heartbeat>,
    /// Answers messages automatically (`--on`).
    pub rules: Vec<Rule>,
    /// The values for the texts that the link sends.
    pub variables: Variables,
    /// Whether messages are templates: those of `-x`, and those typed in a session.
    pub fills_messages: bool,
    /// The settings of requested pings.
    pub ping_policy: PingPolicy,
    /// How received binary messages are decoded.
    pub decode: Option<DecodeFormat>,
}

/// A connection that is opened, kept alive and reopened.
pub struct Link {
    policy: LinkPolicy,
    state: LinkState,
    retry: RetryState,
    events: VecDeque<Event>,
    pings: OutstandingPings,
    /// Fires when a ping times out.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether we closed: then the connection is not reopened.
    leaving: bool,
    /// The target to connect to after the current connection has ended.
    next: Option<Target>,
    /// The messages of `-x` that were filled in so far.
    on_open_templates: Vec<Template>,
    decoder: Option<Box<MessageDecoder>>,
    /// Whether received messages are decoded, answered by rules or replies to application-level pings.
    examines_messages: bool,
    /// How many messages rules have answered.
    answered_by_rules: u64,
    /// Whether typed messages are templates.
    fills_typed: bool,
}

enum LinkState {
    Idle,
    Opening(OpeningLink),
    Up(Box<OpenLink>),
    Waiting(Pin<Box<Sleep>>),
    Down,
}

/// The result of an attempt to connect.
type OpenResult = Result<(Connection, Opened), Error>;

struct OpeningLink {
    future: Pin<Box<dyn Future<Output = OpenResult>>>,
    progress: UnboundedReceiver<Progress>,
}

struct OpenLink {
    connection: Connection,
    since: Instant,
    /// The result of the handshake.
    opened: Opened,
    last_rtt: Option<Duration>,
    received: Traffic,
    sent: Traffic,
    /// From the open to the first message received.
    first_message: Option<Duration>,
    /// Bytes sent of the current fragmented message, if there is one.
    streamed: Option<u64>,
    /// The number of messages sent from the input, and how many of them the peer has provably read.
    given: u64,
    read: u64,
    /// Whether a ping is outstanding that asks how far the peer has read.
    receipt_pending: bool,
    heartbeat_state: Option<HeartbeatState>,
}

impl Link {
    /// A link that opens its connection at the first [`Link::poll_next`].
    pub fn new(policy: LinkPolicy) -> Self {
        let pings = OutstandingPings::new(policy.ping_policy.clone());
        let is_plain = policy.rules.is_empty() && policy.decode.is_none();
        Self {
            examines_messages: !is_plain || pings.app_ping().is_some(),
            fills_typed: policy.fills_messages,
            policy,
            answered_by_rules: 0,
            state: LinkState::Idle,
            retry: RetryState::default(),
            events: VecDeque::new(),
            pings,
            timer: None,
            leaving: false,
            next: None,
            on_open_templates: Vec::new(),
            decoder: None,
        }
    }

    /// The state, named as in the DOM. Between two attempts it is CLOSED.
    pub fn ready_state(&self) -> ReadyState {
        match &self.state {
            LinkState::Idle | LinkState::Opening(_) => ReadyState::Connecting,
            LinkState::Up(up) => up.connection.ready_state(),
            LinkState::Waiting(_) | LinkState::Down => ReadyState::Closed,
        }
    }

    /// Whether it waits for the next attempt.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, LinkState::Waiting(_))
    }

    /// Whether there is a connection that is OPEN or CLOSING.
    pub fn is_up(&self) -> bool {
        matches!(self.state, LinkState::Up(_))
    }

    /// The current status.
    pub fn status(&self) -> LinkStatus {
        let connection = match &self.state {
            LinkState::Up(up) => Some(ConnectionStatus {
                open_for: up.since.elapsed(),
                opened: up.opened.clone(),
                received: up.received,
                sent: up.sent,
                wire_bytes: up.connection.wire_bytes(),
                last_rtt: up.last_rtt,
            }),
            _ => None,
        };
        LinkStatus {
            state: self.ready_state(),
            url: self.policy.target.address.shown.clone(),
            connection,
        }
    }

    /// Bytes of data received, incomplete messages included, and a count that changes when data was written.
    pub fn activity(&self) -> (u64, u64) {
        match &self.state {
            LinkState::Up(up) => {
                let connection = &up.connection;
                (connection.data_received(), connection.blocks_sent())
            }
            _ => (0, 0),
        }
    }

    /// What was sent and waits because the peer does not take it; `None` if everything was written.
    pub fn unsent(&self) -> Option<Unsent> {
        match &self.state {
            LinkState::Up(up) => {
                let (waiting, written) = up.connection.unsent_bytes()?;
                Some(Unsent { waiting, written })
            }
            _ => None,
        }
    }

    /// How many messages rules have answered.
    pub fn answered_by_rules(&self) -> u64 {
        self.answered_by_rules
    }

    /// Whether messages can be sent.
    pub fn is_open(&self) -> bool {
        self.ready_state() == ReadyState::Open
    }

    /// The next event; `None` once the link is down and does not reconnect.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(event));
            }
            if !self.policy.rules.is_empty() && self.is_answering(cx) {
                return self.poll_losses(cx).map(Some);
            }
            match &mut self.state {
                LinkState::Idle => self.begin(),
                LinkState::Opening(opening) => {
                    let result = ready!(opening.poll(cx, &mut self.events));
                    if let Some(result) = result {
                        self.opened(result);
                    }
                }
                LinkState::Up(up) => match up.connection.poll_next(cx) {
                    Poll::Ready(Some(incoming)) => match self.receive(incoming) {
                        None => {}
                        event => return Poll::Ready(event),
                    },
                    Poll::Ready(None) => self.state = LinkState::Down,
                    // Everything received was read, so a missing pong is late.
                    Poll::Pending => return self.poll_losses(cx).map(Some),
                },
                LinkState::Waiting(wait) => {
                    ready!(wait.as_mut().poll(cx));
                    self.state = LinkState::Idle;
                }
                LinkState::Down => return Poll::Ready(None),
            }
        }
    }

    /// Whether answers of rules wait to be sent. Then nothing more is read, since each message may need another
    /// answer.
    fn is_answering(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.state {
            // After a failed write the next read says why.
            LinkState::Up(up) => {
                up.connection.ready_state() == ReadyState::Open
                    && !up.connection.has_write_failed()
                    && up.connection.poll_ready(cx).is_pending()
            }
            _ => false,
        }
    }

    /// Ready with a ping that timed out.
    fn poll_losses(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let Some(deadline) = self.pings.deadline() else {
            return Poll::Pending;
        };
        // The clock is checked first: in a flood of input the cooperative budget of tokio keeps the timers
        // of a task pending.
        while deadline > Instant::now() {
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // A timer that fires too early is set again; resetting it for each ping would cost more.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        match self.pings.give_up(Instant::now()) {
            Some(loss) => Poll::Ready(Event::Unanswered {
                seq: loss.seq,
                timeout: loss.patience,
                first_of_silence: loss.is_telling,
            }),
            None => Poll::Pending,
        }
    }

    fn begin(&mut self) {
        self.retry.begin(Instant::now());
        let url = self.policy.target.address.shown.clone();
        self.events.push_back(Event::Connecting {
            url,
            attempt: self.retry.attempt(),
        });
        let (sender, progress) = unbounded_channel();
        let target = self.policy.target.clone();
        let future =
            Box::pin(async move { Connection::open(&target, &Reporter(Some(sender))).await });
        self.state = LinkState::Opening(OpeningLink { future, progress });
    }

    fn opened(&mut self, result: OpenResult) {
        // Pings of an earlier connection are forgotten, so that the payloads may begin anew.
        let seeded = self
            .pings
            .seed()
            .map_err(|error| Error::no_randomness(&error));
        match seeded.and(result) {
            Ok((connection, opened)) => {
                let up = OpenLink {
                    connection,
                    since: Instant::now(),
                    opened: opened.clone(),
                    last_rtt: None,
                    received: Traffic::default(),
                    sent: Traffic::default(),
                    first_message: None,
                    streamed: None,
                    given: 0,
                    read: 0,
                    receipt_pending: false,
                    heartbeat_state: self.policy.heartbeat.as_ref().map(HeartbeatState::new),
                };
                self.state = LinkState::Up(Box::new(up));
                self.retry.opened();
                self.decoder = self.new_decoder();
                let left_origin = opened.left_origin;
                self.events.push_back(Event::Open(Box::new(opened)));
                self.send_on_open(left_origin);
            }
            Err(error) => {
                let policy = &self.policy.persistence;
                let wait = self.retry.after_failure(policy, &error, Instant::now());
                let next = next_after(wait.as_ref());
                self.events.push_back(Event::Failed(Box::new(error), next));
                self.rest(wait);
            }
        }
    }

    /// Waits for the next attempt, or goes down.
    fn rest(&mut self, wait: Option<RetryWait>) {
        self.state = match wait {
            Some(wait) => {
                let timer = Box::pin(tokio::time::sleep(wait.delay));
                self.events.push_back(Event::Reconnect(wait));
                LinkState::Waiting(timer)
            }
            None => LinkState::Down,
        };
    }

    /// Sends the `-x` messages with the current values of files and variables. Secrets are not sent to
    /// another origin after a redirect.
    fn send_on_open(&mut self, left_origin: bool) {
        let mut sources = self.policy.on_open.clone();
        if left_origin {
            sources.retain(|source| !source.is_secret());
            let held_back = self.policy.on_open.len() - sources.len();
            if held_back > 0 {
                let text = format!(
                    "{} of -x not sent: secrets are not sent to another origin after a redirect",
                    units::count(held_back as u64, "message")
                );
                self.events
                    .push_back(Event::Progress(Box::new(Progress::Warning(text))));
            }
        }
        for source in sources {
            match source.read() {
                Ok(text) => {
                    if source.is_secret() {
                        self.events
                            .push_back(Event::Secret(Secret::new(text.clone())));
                    }
                    if !self.policy.fills_messages {
                        self.send_own(Payload::Text(text.into()), false);
                    } else if let Err(why) = self.fill_on_open(&text) {
                        let why = format!("-x: {why}");
                        self.abandon(Error::new(ErrorKind::Input, Stage::Open, why));
                        return;
                    }
                }
                Err(unreadable) => {
                    let error = Error::new(ErrorKind::Input, Stage::Open, unreadable.to_string());
                    self.abandon(error);
                    return;
                }
            }
        }
    }

    /// Fills in a message of `-x` and sends it. Its `{{n}}` goes on counting after a reconnect.
    fn fill_on_open(&mut self, text: &str) -> Result<(), String> {
        let template = Template::message(text, Template::parse)?;
        let known = self.on_open_templates.iter();
        let index = match known.into_iter().position(|known| *known == template) {
            Some(index) => index,
            None => {
                self.on_open_templates.push(template);
                self.on_open_templates.len() - 1
            }
        };
        let filled = self.policy.variables.fill(&self.on_open_templates[index]);
        self.send_filled(filled.map_err(|error| error.to_string())?, false);
        Ok(())
    }

    /// Fills in a typed message, if messages are templates; `before` is the number of those before it.
    ///
    /// # Errors
    /// An invalid variable, or one without a value.
    pub fn fill_typed(&self, text: &str, before: u64) -> Result<Option<Filled>, String> {
        if !self.fills_typed {
            return Ok(None);
        }
        let template = Template::message(text, Template::parse)?.used(before);
        let filled = self.policy.variables.fill(&template);
        filled.map(Some).map_err(|error| error.to_string())
    }

    /// Defines a variable for typed messages, which are templates from now on.
    pub fn define(&mut self, name: &str, value: VariableValue) {
        self.fills_typed = true;
        self.policy.variables.redefine(name, value);
    }

    /// The variables of the texts that are sent.
    pub fn variables(&self) -> &Variables {
        &self.policy.variables
    }

    /// Drops an open connection because of a local error.
    fn abandon(&mut self, error: Error) {
        let close = CloseInfo {
            by: Initiator::Local,
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(error)),
        };
        self.end(close);
    }

    /// Reports the end of the connection and what follows.
    fn end(&mut self, close: CloseInfo) {
        let LinkState::Up(up) = std::mem::replace(&mut self.state, LinkState::Down) else {
            return;
        };
        let open_for = up.since.elapsed();
        self.finish_decoding(&up);
        let policy = &self.policy.persistence;
        let wait = if self.leaving {
            None
        } else {
            self.retry
                .after_close(policy, &close, open_for, Instant::now())
        };
        let next = match self.next {
            Some(_) => Next::WillReconnect,
            None => next_after(wait.as_ref()),
        };
        self.pings.forget();
        self.events.push_back(Event::Close(Box::new(Closed {
            may_be_lost: self.may_be_lost(&up, &close, next),
            close,
            open_for,
            wire_bytes: up.connection.wire_bytes(),
            first_message: up.first_message,
            received: up.received,
            sent: up.sent,
            next,
            ended_by: None,
        })));
        match self.next.take() {
            Some(target) => self.start_connecting(target),
            None => self.rest(wait),
        }
    }

    /// The number of messages of the input that may be lost with a connection. After a normal closing
    /// handshake it is 0: a peer that answers our close has read everything before it (RFC 6455 §5.5.1), and
    /// a peer that closes normally knows what it has not read.
    fn may_be_lost(&self, up: &OpenLink, close: &CloseInfo, next: Next) -> u64 {
        let proper = close.clean && (close.by == Initiator::Local || close.code.is_proper_end());
        if !self.asks_for_receipts() || (proper && next == Next::Final) {
            return 0;
        }
        up.given - up.read + u64::from(up.streamed.is_some())
    }

    /// Whether the link tracks what the peer has read.
    fn asks_for_receipts(&self) -> bool {
        self.policy.persistence.reconnect.is_some()
    }

    /// Sends a ping after messages, one at a time: its pong proves that they were read. With an
    /// application-level heartbeat the peer is not expected to answer ping frames.
    fn ask_for_receipt(&mut self) {
        let heartbeat = self.policy.heartbeat.as_ref();
        let own_pings = heartbeat.is_some_and(|heartbeat| heartbeat.message.is_some());
        if let LinkState::Up(up) = &mut self.state
            && !(own_pings || up.receipt_pending || up.read == up.given)
        {
            up.receipt_pending = true;
            self.send_ping(OWN_SIZE, PingPurpose::Receipt);
        }
    }

    /// Asks whether the peer has read everything that was sent ([`Link::unread`]). False where it is not expected to
    /// answer ping frames.
    pub fn ask_for_delivery(&mut self) -> bool {
        let heartbeat = self.policy.heartbeat.as_ref();
        let can_ask =
            self.is_open() && heartbeat.is_none_or(|heartbeat| heartbeat.message.is_none());
        if can_ask {
            self.ask_for_receipt();
        }
        can_ask
    }

    /// The number of messages from the input that the peer has not provably read.
    pub fn unread(&self) -> u64 {
        match &self.state {
            LinkState::Up(up) => up.given - up.read,
            _ => 0,
        }
    }

    /// Sends a ping frame; false if the connection is not open.
    fn send_ping(&mut self, size: usize, purpose: PingPurpose) -> bool {
        let LinkState::Up(up) = &mut self.state else {
            return false;
        };
        let ping = self.pings.next(size, purpose, up.given);
        if !up.connection.feed(&Outgoing::Ping(ping.payload.clone())) {
            return false;
        }
        self.events.push_back(Event::Ping {
            direction: Direction::Out,
            seq: ping.seq,
            payload: ping.payload,
        });
        true
    }

    /// Sends a message on behalf of the link.
    fn send_own(&mut self, payload: Payload, by_rule: bool) {
        if let Some(Event::Message(message)) = self.feed(Outgoing::Message(payload)) {
            self.events.push_back(Event::Message(Message {
                by_link: true,
                by_rule,
                ..message
            }));
        }
    }

    /// Sends heartbeats and detects a lost peer. `listens` says whether the connection is being read; while
    /// it is not, timeouts are suspended. Read everything received before calling this. Returns true if
    /// something happened.
    pub fn poll_heartbeat(&mut self, cx: &mut Context<'_>, listens: bool) -> bool {
        if !listens {
            self.pings.suspend(Instant::now());
        }
        let mut progress = false;
        while let LinkState::Up(up) = &mut self.state
            && up.connection.ready_state() == ReadyState::Open
            && let Some(heartbeat_state) = &mut up.heartbeat_state
            && let Poll::Ready(due) =
                heartbeat_state.poll(cx, up.connection.wire_bytes().0, listens)
        {
            match due {
                HeartbeatAction::Ping => self.send_heartbeat(),
                HeartbeatAction::Loss => self.mark_lost(),
            }
            progress = true;
        }
        progress
    }

    fn send_heartbeat(&mut self) {
        let heartbeat = self.policy.heartbeat.as_ref();
        let template = heartbeat.and_then(|heartbeat| heartbeat.message.as_ref());
        // What has no value yet (`--capture`) is left out of this beat; a ping frame takes its place.
        let message = template.and_then(|template| self.policy.variables.fill(template).ok());
        let in_parts = matches!(&self.state, LinkState::Up(up) if up.streamed.is_some());
        let sent = match message {
            // Only control frames are allowed between the fragments of a message (RFC 6455 §5.4).
            Some(_) if in_parts => false,
            Some(filled) => {
                self.send_filled(filled, false);
                true
            }
            None => self.send_ping(OWN_SIZE, PingPurpose::Life),
        };
        if let LinkState::Up(up) = &mut self.state
            && let Some(heartbeat_state) = &mut up.heartbeat_state
        {
            if sent {
                heartbeat_state.sent(up.connection.wire_bytes().0);
            } else {
                heartbeat_state.skipped();
            }
        }
    }

    /// Ends the connection because the peer did not respond in time.
    fn mark_lost(&mut self) {
        let heartbeat = self.policy.heartbeat.as_ref();
        let timeout = heartbeat.map(|heartbeat| heartbeat.timeout);
        self.end(CloseInfo {
            by: Initiator::None,
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(Error::silent(timeout.unwrap_or_default()))),
        });
    }

    /// The event for something received; `None` if it has none, as a message that another one completes.
    fn receive(&mut self, incoming: Incoming) -> Option<Event> {
        Some(match incoming {
            Incoming::Message(payload) => {
                let read_at = self.read_at().map(Instant::into_std);
                let n = match &mut self.state {
                    LinkState::Up(up) => {
                        if up.first_message.is_none() {
                            up.first_message = Some(up.since.elapsed());
                        }
                        up.received.add(payload.len())
                    }
                    _ => 0,
                };
                let mut message = Message {
                    direction: Direction::In,
                    n,
                    payload,
                    by_link: false,
                    by_rule: false,
                    read_at,
                };
                if self.examines_messages {
                    message = self.examine(message)?;
                }
                Event::Message(message)
            }
            Incoming::Ping(payload) => {
                self.events.push_back(Event::Pong {
                    direction: Direction::Out,
                    seq: None,
                    payload: payload.clone(),
                    rtt: None,
                    fault: None,
                });
                Event::Ping {
                    direction: Direction::In,
                    seq: None,
                    payload,
                }
            }
            Incoming::Pong(payload) => {
                let answer = self.answered(&payload);
                pong(answer, payload)
            }
            Incoming::Frame(frame) => Event::Frame(frame),
            Incoming::Closing(code, reason) => Event::Closing {
                by: Initiator::Peer,
                code,
                reason,
            },
            Incoming::Closed(close) => {
                self.end(close);
                return self.events.pop_front();
            }
        })
    }

    /// Decodes a received message, answers it by a rule, and takes it for the reply to an application-level ping. `None` if
    /// a later message completes it.
    fn examine(&mut self, message: Message) -> Option<Message> {
        let payload = self.decoded(message.payload)?;
        let by_rule = self.answer(&payload);
        if !by_rule
            && self.pings.app_ping().is_some()
            && let Some(reply) = self.replied(&payload)
        {
            self.events.push_back(reply);
        }
        Some(Message {
            payload,
            by_rule,
            ..message
        })
    }

    /// Answers a message by the first rule that matches; false if there is none.
    pub fn answer(&mut self, payload: &Payload) -> bool {
        if !self.is_open() {
            return false;
        }
        match rules::respond(&self.policy.rules, payload, &self.policy.variables) {
            Response::None => return false,
            Response::Send(filled) => self.send_filled(filled, true),
            Response::Close(close_frame) => self.close(&close_frame),
            Response::Unfilled(note) => {
                let note = note.map(|note| Event::Progress(Box::new(Progress::Warning(note))));
                self.events.extend(note);
                return false;
            }
        }
        self.answered_by_rules += 1;
        true
    }

    /// Answers messages by this rule from now on, unless an earlier one matches.
    pub fn add_rule(&mut self, rule: Rule) {
        self.policy.rules.push(rule);
        self.examines_messages = true;
    }

    /// The rules that answer messages.
    pub fn rules(&self) -> &[Rule] {
        &self.policy.rules
    }

    /// Removes all rules; returns how many there were.
    pub fn remove_rules(&mut self) -> usize {
        std::mem::take(&mut self.policy.rules).len()
    }

    /// Sends a text that was filled in; `by_rule` if it answers a message.
    fn send_filled(&mut self, filled: Filled, by_rule: bool) {
        let payload = self.hidden(filled);
        self.send_own(payload, by_rule);
    }

    /// A text that was filled in, whose secrets are redacted from now on.
    fn hidden(&mut self, filled: Filled) -> Payload {
        let payload = Payload::Text(filled.text.as_str().into());
        if !filled.secrets.is_empty() {
            self.events.push_back(Event::FilledIn(Box::new(filled)));
        }
        payload
    }

    /// When the current event was read from the connection.
    fn read_at(&self) -> Option<Instant> {
        match &self.state {
            LinkState::Up(up) => up.connection.read_at(),
            _ => None,
        }
    }

    /// The event for a message that is the reply to an application-level ping, if it is one.
    fn replied(&mut self, payload: &Payload) -> Option<Event> {
        let answer = self.pings.answer_by_message(payload, self.read_at())?;
        Some(pong(Some(answer), payload.clone().into_bytes()))
    }

    /// Records a pong; returns the ping that it answers.
    fn answered(&mut self, payload: &Bytes) -> Option<PingAnswer> {
        let answer = self.pings.answer(payload, self.read_at())?;
        let ping = &answer.ping;
        if let LinkState::Up(up) = &mut self.state
            && answer.fault != Some(PongMismatch::Duplicate)
        {
            up.read = up.read.max(ping.behind);
            up.last_rtt = answer.rtt.or(up.last_rtt);
            if ping.purpose == PingPurpose::Receipt {
                up.receipt_pending = false;
                self.ask_for_receipt();
            }
        }
        Some(answer)
    }

    /// Ready when another message can be sent. Pending while there is no open connection; the task that polls
    /// the link is woken when that changes.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A ping is written before more data is queued, since its time starts when it is written.
        if self.pings.has_unsent() {
            ready!(self.poll_flush(cx));
        }
        match &mut self.state {
            LinkState::Up(up) if up.connection.ready_state() == ReadyState::Open => {
                up.connection.poll_ready(cx)
            }
            _ => Poll::Pending,
        }
    }

    /// Sends something and returns the event for it; `None` if the link is not OPEN, and for a fragment that
    /// does not end its message.
    pub fn send(&mut self, outgoing: Outgoing) -> Option<Event> {
        let event = self.feed(outgoing);
        let given = match &event {
            Some(Event::Message(_) | Event::Streamed { .. }) => 1,
            Some(Event::Batch(tally)) => tally.messages,
            _ => 0,
        };
        if let LinkState::Up(up) = &mut self.state
            && given > 0
        {
            up.given += given;
            if self.asks_for_receipts() {
                self.ask_for_receipt();
            }
        }
        event
    }

    fn feed(&mut self, outgoing: Outgoing) -> Option<Event> {
        let LinkState::Up(up) = &mut self.state else {
            return None;
        };
        // The start of this message was sent on a connection that has ended, so the rest is dropped.
        let lost_start = matches!(&outgoing, Outgoing::Fragment(part) if !part.is_first)
            && up.streamed.is_none();
        if lost_start || !up.connection.feed(&outgoing) {
            return None;
        }
        match outgoing {
            Outgoing::Message(payload) => Some(Event::Message(Message {
                direction: Direction::Out,
                n: up.sent.add(payload.len()),
                payload,
                by_link: false,
                by_rule: false,
                read_at: None,
            })),
            Outgoing::Batch(batch) => {
                let tally = Traffic {
                    messages: batch.messages(),
                    bytes: batch.payload_bytes(),
                };
                up.sent += tally;
                Some(Event::Batch(tally))
            }
            Outgoing::Fragment(part) => {
                let bytes = up.streamed.unwrap_or_default() + part.bytes.len() as u64;
                up.streamed = (!part.is_last).then_some(bytes);
                part.is_last.then(|| {
                    up.sent.bytes += bytes;
                    Event::Streamed {
                        n: up.sent.add(0),
                        is_text: part.is_text,
                        bytes,
                    }
                })
            }
            Outgoing::Ping(payload) => Some(Event::Ping {
                direction: Direction::Out,
                seq: None,
                payload,
            }),
            Outgoing::Pong(payload) => Some(Event::Pong {
                direction: Direction::Out,
                seq: None,
                payload,
                rtt: None,
                fault: None,
            }),
            // Raw frames are reported only frame by frame, with -vv.
            Outgoing::Raw(_) => None,
        }
    }

    /// Sends a numbered ping: a frame with a payload of `size` bytes, or an application-level ping. `None` if
    /// the link is not OPEN.
    pub fn ping(&mut self, size: usize) -> Option<Event> {
        match self.pings.app_ping() {
            Some(template) => {
                let filled = self.policy.variables.fill(template).ok()?;
                self.send_app_ping(filled)?;
            }
            None => {
                self.send_ping(size, PingPurpose::Asked).then_some(())?;
            }
        }
        self.events.pop_back()
    }

    /// Sends an application-level ping.
    fn send_app_ping(&mut self, filled: Filled) -> Option<()> {
        let payload = self.hidden(filled);
        let event = self.feed(Outgoing::Message(payload.clone()))?;
        // A message received from now on counts as the reply to this one.
        self.pings.forget_given_up();
        let ping = self.pings.next(0, PingPurpose::AppMessage, 0);
        if let Event::Message(message) = event {
            self.events.push_back(Event::Message(Message {
                by_link: true,
                ..message
            }));
        }
        self.events.push_back(Event::Ping {
            direction: Direction::Out,
            seq: ping.seq,
            payload: payload.into_bytes(),
        });
        Some(())
    }

    /// Ready when everything sent was written to the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let LinkState::Up(up) = &mut self.state else {
            return Poll::Ready(());
        };
        if !self.pings.has_unsent() {
            return up.connection.poll_flush(cx);
        }
        let now = Instant::now();
        let flushed = up.connection.poll_flush(cx);
        // Otherwise the rest is written by a later flush.
        if flushed.is_ready() {
            self.pings.mark_sent(now);
        }
        flushed
    }

    /// Starts the closing handshake, or cancels the current or next attempt. The link does not reconnect
    /// after that.
    pub fn close(&mut self, close_frame: &CloseFrame) {
        self.leaving = true;
        match &mut self.state {
            LinkState::Up(up) if up.connection.ready_state() == ReadyState::Open => {
                up.connection.close(close_frame);
                self.events.push_back(Event::Closing {
                    by: Initiator::Local,
                    code: close_frame.code.unwrap_or(CloseCode::NO_STATUS),
                    reason: close_frame.reason.clone(),
                });
            }
            LinkState::Up(_) | LinkState::Down => {}
            LinkState::Idle | LinkState::Opening(_) | LinkState::Waiting(_) => {
                self.state = LinkState::Down;
            }
        }
    }

    /// Limits the closing handshake that is under way, even while data before the close frame is still being written.
    pub fn hurry(&mut self) {
        if let LinkState::Up(up) = &mut self.state {
            up.connection.hurry();
        }
    }

    /// Closes the current connection and connects to another target, whose own `-x` messages replace the current ones.
    /// If it has none and another origin, secret `-x` messages are dropped; returns true if there were any.
    pub fn connect(
        &mut self,
        target: Target,
        own: Option<Vec<SecretSource>>,
        close_frame: &CloseFrame,
    ) -> bool {
        let on_open = &mut self.policy.on_open;
        let has_own = own.is_some();
        *on_open = own.unwrap_or_else(|| std::mem::take(on_open));
        let before = on_open.len();
        if !has_own && !target.address.is_same_origin(&self.policy.target.address) {
            on_open.retain(|source| !source.is_secret());
        }
        let leaves_secrets = on_open.len() < before;
        for secret in target.address.secrets() {
            self.events.push_back(Event::Secret(Secret::new(secret)));
        }
        if self.is_up() {
            self.next = Some(target);
            self.close(close_frame);
        } else {
            self.start_connecting(target);
        }
        leaves_secrets
    }

    /// Sets the target, with no previous attempts.
    fn start_connecting(&mut self, target: Target) {
        self.policy.target = target;
        self.retry = RetryState::default();
        self.leaving = false;
        self.state = LinkState::Idle;
    }

    /// The messages that are sent after every open.
    pub fn on_open(&self) -> &[SecretSource] {
        &self.policy.on_open
    }

    /// Adds a message to send after every open, or removes all of them; returns their number.
    pub fn set_on_open(&mut self, source: Option<SecretSource>) -> usize {
        match source {
            Some(source) => self.policy.on_open.push(source),
            None => self.policy.on_open.clear(),
        }
        self.policy.on_open.len()
    }

    /// Opens a new connection at once after one has ended; returns false while there is one.
    pub fn reopen(&mut self) -> bool {
        let down = matches!(self.state, LinkState::Down | LinkState::Waiting(_));
        if down {
            self.state = LinkState::Idle;
            self.retry.reset();
            self.leaving = false;
        }
        down
    }
}

/// A pong as an event.
fn pong(answer: Option<PingAnswer>, payload: Bytes) -> Event {
    Event::Pong {
        direction: Direction::In,
        seq: answer.as_ref().and_then(|answer| answer.ping.seq),
        payload,
        rtt: answer.as_ref().and_then(|answer| answer.rtt),
        fault: answer.and_then(|answer| answer.fault),
    }
}

fn next_after(wait: Option<&RetryWait>) -> Next {
    wait.map_or(Next::Final, |_| Next::WillReconnect)
}

impl OpeningLink {
    /// Polls the attempt; `None` if there is progress to report first.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        events: &mut VecDeque<Event>,
    ) -> Poll<Option<OpenResult>> {
        let result = self.future.as_mut().poll(cx);
        while let Poll::Ready(Some(progress)) = self.progress.poll_recv(cx) {
            events.push_back(match progress {
                Progress::Secret(secret) => Event::Secret(secret),
                progress => Event::Progress(Box::new(progress)),
            });
        }
        match result {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if events.is_empty() => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        }
    }
}
