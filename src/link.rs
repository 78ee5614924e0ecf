//! A connection with its life around it: opens it, greets with the `-x` messages, numbers messages and
//! pings, and tells everything as [`Event`]s.
//!
//! The session polls a link and nothing else; what brings a connection back or keeps it alive belongs
//! here, never in a verb.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::connection::close::{By, Close, Code, Farewell};
use crate::connection::error::{Error, Kind, Stage};
use crate::connection::message::{Direction, Outgoing, Payload};
use crate::connection::{Connection, Incoming, Opened, Progress, ReadyState, Reporter, Target};
use crate::event::{Closed, Event, Message, Tally};
use crate::secret::{Secret, Source};

/// The most pings whose pongs are still waited for; older ones are forgotten.
const PINGS_KEPT: usize = 1024;

/// What a link connects to and what it does on its own.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where and how.
    pub target: Target,
    /// Messages sent after every open, before anything else (`-x`).
    pub on_open: Vec<Source>,
}

/// See the module's head.
pub struct Link {
    policy: Policy,
    state: State,
    attempt: u32,
    told: VecDeque<Event>,
    pings: Pings,
}

enum State {
    Idle,
    Opening(Opening),
    Up(Box<Up>),
    Down,
}

/// What an attempt to connect comes to.
type Attempt = Result<(Connection, Opened), Error>;

struct Opening {
    future: Pin<Box<dyn Future<Output = Attempt>>>,
    progress: UnboundedReceiver<Progress>,
}

struct Up {
    connection: Connection,
    since: Instant,
    received: Tally,
    sent: Tally,
    /// From the open to the first message received.
    first_message: Option<Duration>,
    /// Bytes of the message that is being sent in parts.
    streamed: u64,
}

impl Link {
    /// A link that opens its connection at the first [`Link::poll_next`].
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            state: State::Idle,
            attempt: 0,
            told: VecDeque::new(),
            pings: Pings::default(),
        }
    }

    /// The state by its DOM name.
    pub fn ready_state(&self) -> ReadyState {
        match &self.state {
            State::Idle | State::Opening(_) => ReadyState::Connecting,
            State::Up(up) => up.connection.ready_state(),
            State::Down => ReadyState::Closed,
        }
    }

    /// Whether messages can be sent.
    pub fn is_open(&self) -> bool {
        self.ready_state() == ReadyState::Open
    }

    /// The next thing that happens; `None` once the link is down for good.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Poll::Ready(Some(event));
            }
            match &mut self.state {
                State::Idle => self.begin(),
                State::Opening(opening) => {
                    let result = ready!(opening.poll(cx, &mut self.told));
                    if let Some(result) = result {
                        self.opened(result);
                    }
                }
                State::Up(up) => match ready!(up.connection.poll_next(cx)) {
                    Some(incoming) => return Poll::Ready(Some(self.receive(incoming))),
                    None => self.state = State::Down,
                },
                State::Down => return Poll::Ready(None),
            }
        }
    }

    fn begin(&mut self) {
        self.attempt += 1;
        let url = self.policy.target.address.shown.clone();
        self.told.push_back(Event::Connecting {
            url,
            attempt: self.attempt,
        });
        let (sender, progress) = unbounded_channel();
        let target = self.policy.target.clone();
        let future =
            Box::pin(async move { Connection::open(&target, &Reporter(Some(sender))).await });
        self.state = State::Opening(Opening { future, progress });
    }

    fn opened(&mut self, result: Attempt) {
        match result {
            Ok((connection, opened)) => {
                let up = Up {
                    connection,
                    since: Instant::now(),
                    received: Tally::default(),
                    sent: Tally::default(),
                    first_message: None,
                    streamed: 0,
                };
                self.state = State::Up(Box::new(up));
                self.told.push_back(Event::Open(Box::new(opened)));
                self.greet();
            }
            Err(error) => {
                self.state = State::Down;
                self.told.push_back(Event::Failed(Box::new(error)));
            }
        }
    }

    /// Sends the `-x` messages, with the values that files and variables have now.
    fn greet(&mut self) {
        for source in self.policy.on_open.clone() {
            match source.read() {
                Ok(text) => {
                    if source.is_secret() {
                        self.told
                            .push_back(Event::Secret(Secret::new(text.clone())));
                    }
                    let sent = self.send(Outgoing::Message(Payload::Text(text.into())));
                    if let Some(Event::Message(message)) = sent {
                        self.told.push_back(Event::Message(Message {
                            on_open: true,
                            ..message
                        }));
                    }
                }
                Err(unreadable) => {
                    let error = Error::new(Kind::Input, Stage::Open, unreadable.to_string());
                    self.abandon(error);
                    return;
                }
            }
        }
    }

    /// Drops an open connection because of something on our side.
    fn abandon(&mut self, error: Error) {
        let close = Close {
            by: By::Local,
            code: Code::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(error)),
        };
        let event = self.closed(close);
        self.told.push_back(event);
        self.state = State::Down;
    }

    fn receive(&mut self, incoming: Incoming) -> Event {
        match incoming {
            Incoming::Message(payload) => {
                let n = match &mut self.state {
                    State::Up(up) => {
                        if up.first_message.is_none() {
                            up.first_message = Some(up.since.elapsed());
                        }
                        up.received.add(payload.len())
                    }
                    _ => 0,
                };
                Event::Message(Message {
                    direction: Direction::In,
                    n,
                    payload,
                    on_open: false,
                })
            }
            Incoming::Ping(payload) => {
                self.told.push_back(Event::Pong {
                    direction: Direction::Out,
                    seq: None,
                    payload: payload.clone(),
                    rtt: None,
                });
                Event::Ping {
                    direction: Direction::In,
                    seq: None,
                    payload,
                }
            }
            Incoming::Pong(payload) => {
                let (seq, rtt) = self.pings.answer(&payload);
                Event::Pong {
                    direction: Direction::In,
                    seq,
                    payload,
                    rtt,
                }
            }
            Incoming::Frame(frame) => Event::Frame(frame),
            Incoming::Closing(code, reason) => Event::Closing {
                by: By::Peer,
                code,
                reason,
            },
            Incoming::Closed(close) => self.closed(close),
        }
    }

    fn closed(&mut self, close: Close) -> Event {
        let (open_for, wire_bytes, received, sent) = match &self.state {
            State::Up(up) => (
                up.since.elapsed(),
                up.connection.wire_bytes(),
                up.received,
                up.sent,
            ),
            _ => Default::default(),
        };
        let first_message = match &self.state {
            State::Up(up) => up.first_message,
            _ => None,
        };
        Event::Close(Box::new(Closed {
            close,
            open_for,
            wire_bytes,
            first_message,
            received,
            sent,
        }))
    }

    /// Ready when another message can be taken. Pending while there is no open connection: whoever
    /// polls the link is woken when that changes.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Up(up) if up.connection.ready_state() == ReadyState::Open => {
                up.connection.poll_ready(cx)
            }
            _ => Poll::Pending,
        }
    }

    /// Takes something to send and tells what was sent; `None` when the link is not OPEN, and for a
    /// part that does not end its message.
    pub fn send(&mut self, outgoing: Outgoing) -> Option<Event> {
        let State::Up(up) = &mut self.state else {
            return None;
        };
        let event = match &outgoing {
            Outgoing::Message(payload) => Some(Event::Message(Message {
                direction: Direction::Out,
                n: up.sent.add(payload.len()),
                payload: payload.clone(),
                on_open: false,
            })),
            Outgoing::Fragment(part) => {
                up.streamed += part.bytes.len() as u64;
                part.is_last.then(|| {
                    let bytes = std::mem::take(&mut up.streamed);
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
                payload: payload.clone(),
            }),
            Outgoing::Pong(payload) => Some(Event::Pong {
                direction: Direction::Out,
                seq: None,
                payload: payload.clone(),
                rtt: None,
            }),
        };
        if up.connection.feed(outgoing) {
            event
        } else {
            None
        }
    }

    /// Sends a numbered ping with a payload of `size` bytes (at least enough to tell it from others).
    pub fn ping(&mut self, size: usize) -> Option<Event> {
        let State::Up(up) = &mut self.state else {
            return None;
        };
        let (seq, payload) = self.pings.next(size);
        up.connection
            .feed(Outgoing::Ping(payload.clone()))
            .then_some(Event::Ping {
                direction: Direction::Out,
                seq: Some(seq),
                payload,
            })
    }

    /// Ready when all that was sent has been handed to the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Up(up) = &mut self.state else {
            return Poll::Ready(());
        };
        self.pings.leave();
        up.connection.poll_flush(cx)
    }

    /// Begins the closing handshake, or gives up an attempt that is under way.
    pub fn close(&mut self, farewell: &Farewell) {
        match &mut self.state {
            State::Up(up) if up.connection.ready_state() == ReadyState::Open => {
                up.connection.close(farewell);
                self.told.push_back(Event::Closing {
                    by: By::Local,
                    code: farewell.code.unwrap_or(Code::NO_STATUS),
                    reason: farewell.reason.clone(),
                });
            }
            State::Up(_) | State::Down => {}
            State::Idle | State::Opening(_) => self.state = State::Down,
        }
    }

    /// Opens a new connection in place of one that has ended; false while there still is one.
    pub fn reopen(&mut self) -> bool {
        let down = matches!(self.state, State::Down);
        if down {
            self.state = State::Idle;
        }
        down
    }
}

impl Opening {
    /// Moves the attempt on; `None` when there is progress to tell first.
    fn poll(&mut self, cx: &mut Context<'_>, told: &mut VecDeque<Event>) -> Poll<Option<Attempt>> {
        let result = self.future.as_mut().poll(cx);
        while let Poll::Ready(Some(progress)) = self.progress.poll_recv(cx) {
            told.push_back(match progress {
                Progress::Secret(secret) => Event::Secret(secret),
                progress => Event::Progress(progress),
            });
        }
        match result {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if told.is_empty() => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        }
    }
}

/// Our pings that have not been answered.
#[derive(Default)]
struct Pings {
    last: u64,
    waiting: VecDeque<Waiting>,
    salt: Option<[u8; 8]>,
}

struct Waiting {
    seq: u64,
    payload: Bytes,
    /// When the frame was handed to the kernel.
    left: Option<Instant>,
}

impl Pings {
    /// The next number and a payload that no other ping of this process has.
    fn next(&mut self, size: usize) -> (u64, Bytes) {
        self.last += 1;
        let salt = *self.salt.get_or_insert_with(|| {
            let mut salt = [0; 8];
            // Without randomness the number alone tells our pings apart.
            let _ = getrandom::fill(&mut salt);
            salt
        });
        let mut payload = BytesMut::with_capacity(size);
        // The number's low bytes first: even a payload of one byte differs from its neighbours.
        payload.put_u64_le(self.last);
        payload.put_slice(&salt);
        payload.resize(size, b'.');
        let payload = payload.freeze();
        if self.waiting.len() == PINGS_KEPT {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting {
            seq: self.last,
            payload: payload.clone(),
            left: None,
        });
        (self.last, payload)
    }

    /// What was fed is being handed to the kernel now.
    fn leave(&mut self) {
        let unsent = self
            .waiting
            .iter_mut()
            .rev()
            .take_while(|ping| ping.left.is_none());
        let mut now = None;
        for ping in unsent {
            ping.left = Some(*now.get_or_insert_with(Instant::now));
        }
    }

    /// The ping that a pong answers and the time it took. An answered ping is not answered again.
    fn answer(&mut self, payload: &Bytes) -> (Option<u64>, Option<std::time::Duration>) {
        let Some(at) = self.waiting.iter().position(|ping| ping.payload == payload) else {
            return (None, None);
        };
        let ping = self.waiting.remove(at);
        (
            ping.as_ref().map(|ping| ping.seq),
            ping.and_then(|ping| ping.left).map(|left| left.elapsed()),
        )
    }
}
