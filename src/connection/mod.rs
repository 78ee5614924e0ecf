//! The one connection, shared by every verb: from a [`Target`] to messages and back to a clean end.
//!
//! It behaves as the browser's `WebSocket` does: CONNECTING, OPEN, CLOSING, CLOSED, in that order and
//! never back. An end is a value ([`Incoming::Closed`]) and comes exactly once. Every stage has a time
//! limit. Nothing here prints, counts for a verb or knows why it was opened; nothing above this
//! module names the frame library.

pub mod backoff;
mod bulk;
pub mod close;
mod closing;
mod cure;
pub mod dial;
pub mod error;
mod failing;
pub mod handshake;
pub mod http2;
pub mod message;
mod opening;
mod progress;
pub mod proxy;
pub mod redirect;
pub mod stream;
pub mod target;
pub mod tls;
pub mod wire;

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_core::Stream as _;
use futures_sink::Sink as _;
use tokio::io::AsyncWrite as _;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use bulk::Bulk;
use close::{By, Close, Code};
use closing::Phase;
use dial::Route;
use error::Error;
use handshake::Answer;
use message::{Batch, Outgoing, Payload};
use opening::Whereabouts;
pub use progress::{Progress, Reporter, Timing};
use proxy::Proxies;
use stream::Stream;
use target::{Address, Request};
use tls::Tls;
use wire::frame::{self, Header};
use wire::layer::Layer;
use wire::masking::MaskingKeys;
use wire::negotiation::Agreed;
use wire::outbox::Outbox;
use wire::tap::{FrameSeen, Settings};

/// Pongs that may wait for a peer that does not read.
const PONGS_OWED: u32 = 64;

/// Bytes that the frame library reads at once. It clears as many before each read, and large messages
/// do not pass through it.
const READ: usize = 4 * 1024;

/// Everything a connection needs, validated.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where.
    pub address: Address,
    /// What the upgrade request says.
    pub request: Request,
    /// How to get there.
    pub route: Route,
    /// Which proxy stands before which host.
    pub proxies: Proxies,
    /// How many redirects are followed; `None` when the first is an answer like any other.
    pub max_redirects: Option<u32>,
    /// Whether the WebSocket is a stream of an HTTP/2 connection (RFC 8441).
    pub http2: bool,
    /// TLS, for `wss` and for HTTPS proxies.
    pub tls: Tls,
    /// Limits.
    pub limits: Limits,
    /// Whether every frame is told of ([`Incoming::Frame`]).
    pub trace: bool,
}

/// Limits of time and size, every one on by default.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the name lookup to the 101.
    pub connect: Duration,
    /// From our close frame to the peer's.
    pub close: Duration,
    /// The largest message accepted, in bytes.
    pub max_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            close: Duration::from_secs(2),
            max_size: 256 << 20,
        }
    }
}

/// How a server's end of a connection differs from the usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serving {
    /// What was agreed.
    pub compression: Option<Agreed>,
    /// Whether every frame is told of ([`Incoming::Frame`]).
    pub trace: bool,
    /// Whether pings stay unanswered, against RFC 6455 §5.5.2: a fault to test clients with.
    pub ignores_pings: bool,
}

/// What the handshake agreed on.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The address connected to: the proxy's, where there is one.
    pub remote: String,
    /// The proxy on the way, without its credentials.
    pub proxy: Option<String>,
    /// The URLs that redirected here, the first one first.
    pub redirects: Vec<String>,
    /// Whether a redirect led to another origin, where secrets must not go.
    pub left_origin: bool,
    /// The request's lines, credentials included.
    pub request: Vec<String>,
    /// The 101, or the 200 of HTTP/2.
    pub answer: Answer,
    /// The subprotocol chosen.
    pub subprotocol: Option<String>,
    /// The extensions agreed, one string each, parameters included.
    pub extensions: Vec<String>,
    /// TLS.
    pub tls: Option<tls::Agreed>,
    /// The time each stage took.
    pub timing: Timing,
}

/// The connection's state, by its name in the DOM (WHATWG WebSockets §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyState {
    /// The handshake is under way.
    Connecting,
    /// Messages can be sent.
    Open,
    /// A close frame was sent or received.
    Closing,
    /// The end.
    Closed,
}

impl ReadyState {
    /// `CONNECTING`, `OPEN`, `CLOSING`, `CLOSED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "CONNECTING",
            Self::Open => "OPEN",
            Self::Closing => "CLOSING",
            Self::Closed => "CLOSED",
        }
    }
}

/// What comes out of an open connection.
#[derive(Debug)]
pub enum Incoming {
    /// A whole message.
    Message(Payload),
    /// A ping; the pong is on its way.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// A frame that has passed, in either direction; it comes before what it carries.
    Frame(Box<FrameSeen>),
    /// The peer began the closing handshake.
    Closing(Code, String),
    /// The end; nothing follows.
    Closed(Close),
}

/// An open WebSocket connection in either role.
pub struct Connection {
    ws: WebSocketStream<Bulk<Layer<Outbox<Stream>>>>,
    role: Role,
    keys: MaskingKeys,
    /// What was received and waits for its frames to be told first.
    behind_frames: Option<Incoming>,
    trace: bool,
    limits: Limits,
    phase: Phase,
    unflushed: bool,
    /// Bytes that leave behind all that was fed, past the frame library.
    raw: Bytes,
    /// Pings received since all that was to be sent has left.
    pongs_owed: u32,
    /// The library has control frames that have not left, and messages pass it by.
    holds_control: bool,
    /// Bytes of the control frames that have come.
    control: u64,
}

impl Connection {
    /// Opens a connection, from the name to the 101.
    ///
    /// # Errors
    /// What failed, at which stage, within [`Limits::connect`].
    pub async fn open(target: &Target, reporter: &Reporter) -> Result<(Self, Opened), Error> {
        let whereabouts = Whereabouts::new(&target.address);
        let limit = target.limits.connect;
        let opening = Self::open_by_stages(target, reporter, &whereabouts);
        let opening = whereabouts.watched(opening, reporter);
        tokio::time::timeout(limit, opening)
            .await
            .unwrap_or_else(|_| Err(whereabouts.timeout(limit)))
            .map_err(|error| whereabouts.cured(error))
    }

    async fn open_by_stages(
        target: &Target,
        reporter: &Reporter,
        whereabouts: &Whereabouts,
    ) -> Result<(Self, Opened), Error> {
        let arrived = opening::arrive(target, reporter, whereabouts).await?;
        let upgraded = arrived.upgraded;
        let layer = layer_over(
            arrived.stream,
            upgraded.leftover,
            frame::Role::Client,
            target.limits.max_size,
            (upgraded.compression, target.trace),
        );
        let connection = Self::over(layer, Role::Client, target.limits, target.trace).await;
        let opened = Opened {
            remote: arrived.remote,
            proxy: arrived.proxy,
            redirects: arrived.redirects,
            left_origin: arrived.left_origin,
            request: upgraded.request,
            answer: upgraded.answer,
            subprotocol: upgraded.subprotocol,
            extensions: upgraded.compression.iter().map(Agreed::to_string).collect(),
            tls: arrived.tls,
            timing: arrived.timing,
        };
        Ok((connection, opened))
    }

    /// The server's end of a connection whose handshake is done.
    pub async fn accepted(
        stream: Stream,
        leftover: Bytes,
        limits: Limits,
        serving: Serving,
    ) -> Self {
        let agreed = (serving.compression, serving.trace);
        let role = frame::Role::Server;
        let mut layer = layer_over(stream, leftover, role, limits.max_size, agreed);
        if serving.ignores_pings {
            layer = layer.without_pongs();
        }
        Self::over(layer, Role::Server, limits, serving.trace).await
    }

    async fn over(layer: Layer<Outbox<Stream>>, role: Role, limits: Limits, trace: bool) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            // The outbox holds what has not left.
            .write_buffer_size(0)
            .max_message_size(Some(limits.max_size))
            .max_frame_size(Some(limits.max_size));
        let ws = WebSocketStream::from_raw_socket(Bulk::new(layer), role, Some(config)).await;
        Self {
            ws,
            role,
            keys: MaskingKeys::default(),
            limits,
            phase: Phase::Open,
            unflushed: false,
            raw: Bytes::new(),
            pongs_owed: 0,
            holds_control: false,
            behind_frames: None,
            trace,
            control: 0,
        }
    }

    fn layer(&self) -> &Layer<Outbox<Stream>> {
        self.ws.get_ref().get_ref()
    }

    /// Bytes on the wire so far, frame headers included: received, sent.
    pub fn wire_bytes(&self) -> (u64, u64) {
        let tap = self.layer().tap();
        (tap.received().wire_bytes, tap.sent().wire_bytes)
    }

    /// When the last byte of what was handed out last was read from the stream.
    pub fn read_at(&self) -> Option<Instant> {
        self.layer().tap().read_at()
    }

    /// Bytes of data frames received so far, of those still under way as well: a sign of life that
    /// does not wait for the end of a large message.
    pub fn data_received(&self) -> u64 {
        let arrived = self.layer().tap().arrived();
        arrived.saturating_sub(self.control)
    }

    /// Changes whenever data has come or has left, of a message that is still under way as well.
    pub fn activity(&self) -> u64 {
        // In blocks of 64 KiB: the pongs that we owe a peer that only pings are no activity.
        let left = self.layer().tap().get_ref().passed() >> 16;
        self.data_received() + left
    }

    /// The state by its DOM name.
    pub fn ready_state(&self) -> ReadyState {
        match self.phase {
            Phase::Open => ReadyState::Open,
            Phase::Asked { .. } | Phase::Agreed { .. } | Phase::Failing { .. } => {
                ReadyState::Closing
            }
            Phase::Closed => ReadyState::Closed,
        }
    }

    /// Ready when another message can be taken without piling up behind a slow peer.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.must_flush() {
            ready!(self.poll_flush(cx));
        }
        let outbox = self.ws.get_mut().get_mut().tap_mut().get_mut();
        if outbox.is_full() {
            // Not all of it must leave before there is room.
            let _ = outbox.poll_leave(cx);
        }
        // After a failed write nothing leaves any more; the next read tells why and ends this.
        if outbox.failure().is_some() || outbox.is_full() {
            return Poll::Pending;
        }
        if self.ws.get_mut().get_mut().short_way().is_some() {
            return Poll::Ready(());
        }
        if !self.ws.get_ref().is_idle() {
            // It fails only as a write does.
            let _ = ready!(self.ws.get_mut().poll_drain(cx));
        }
        Pin::new(&mut self.ws).poll_ready(cx).map(drop)
    }

    /// Whether something waits that messages pass by, so that it must leave before another is taken: while
    /// there are more messages than the peer takes, it never would.
    pub fn must_flush(&self) -> bool {
        self.holds_control || !self.raw.is_empty()
    }

    /// Whether a write has failed: nothing leaves any more, and the reads that follow tell why.
    pub fn has_lost_its_reader(&self) -> bool {
        self.layer().tap().get_ref().failure().is_some()
    }

    /// Takes something to send. False when the connection is not OPEN: it was not taken.
    pub fn feed(&mut self, outgoing: &Outgoing) -> bool {
        if !matches!(self.phase, Phase::Open) {
            return false;
        }
        self.unflushed = true;
        let (opcode, is_last, payload) = match outgoing {
            Outgoing::Batch(batch) => return self.feed_batch(batch),
            Outgoing::Message(payload) => {
                let is_text = matches!(payload, Payload::Text(_));
                (data_opcode(true, is_text), true, payload.bytes())
            }
            Outgoing::Fragment(part) => {
                let opcode = data_opcode(part.is_first, part.is_text);
                (opcode, part.is_last, &part.bytes)
            }
            Outgoing::Ping(bytes) => return self.give_control(Message::Ping(bytes.clone())),
            Outgoing::Pong(bytes) => return self.give_control(Message::Pong(bytes.clone())),
        };
        self.feed_frame(opcode, is_last, payload)
    }

    /// Takes a data frame.
    fn feed_frame(&mut self, opcode: frame::Opcode, is_last: bool, payload: &Bytes) -> bool {
        let header = Header {
            first: opcode.bits() | if is_last { frame::FIN } else { 0 },
            mask: (self.role == Role::Client).then(|| self.keys.next_key()),
            payload: payload.len() as u64,
        };
        if let Some(tap) = self.ws.get_mut().get_mut().short_way() {
            tap.send(&header, payload, || payload.clone());
            return true;
        }
        // Fed without being asked for (`-x`, an echo at the end): the library holds it, behind the first.
        if payload.len() >= bulk::LARGE && self.ws.get_ref().is_idle() {
            self.give_bulk(&header, payload.clone());
            return true;
        }
        let opcode = OpCode::from(opcode.bits());
        let frame = Frame::message(payload.clone(), opcode, is_last);
        self.give(Message::Frame(frame))
    }

    /// Takes each message of a batch, in a frame of its own.
    fn feed_batch(&mut self, batch: &Batch) -> bool {
        let opcode = data_opcode(true, batch.is_text());
        let Some(tap) = self.ws.get_mut().get_mut().short_way() else {
            return batch
                .ranges()
                .all(|range| self.feed_frame(opcode, true, &batch.bytes().slice(range)));
        };
        for range in batch.ranges() {
            let payload = &batch.bytes()[range.clone()];
            let header = Header {
                first: opcode.bits() | frame::FIN,
                mask: (self.role == Role::Client).then(|| self.keys.next_key()),
                payload: payload.len() as u64,
            };
            tap.send(&header, payload, || batch.bytes().slice(range));
        }
        true
    }

    fn give_control(&mut self, message: Message) -> bool {
        self.holds_control = true;
        self.give(message)
    }

    /// Gives the library something to send.
    fn give(&mut self, message: Message) -> bool {
        Pin::new(&mut self.ws).start_send(message).is_ok()
    }

    /// Gives what is large to the layer that carries it past the library. What was fed before goes
    /// before it: the library's buffer is emptied into that layer.
    fn give_bulk(&mut self, header: &Header, payload: Bytes) {
        self.ws.get_mut().gather();
        // Nobody need be woken: what is gathered is taken at once, and a flush follows every feed.
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut self.ws).poll_flush(&mut cx);
        self.ws.get_mut().give(header, payload);
    }

    /// Ready when all that was fed has been handed to the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.unflushed {
            return Poll::Ready(());
        }
        // As for poll_ready: the next read tells more than a failed write.
        let _ = ready!(Pin::new(&mut self.ws).poll_flush(cx));
        if !self.raw.is_empty() {
            ready!(self.poll_raw(cx));
            let _ = ready!(Pin::new(self.ws.get_mut()).poll_flush(cx));
        }
        self.unflushed = false;
        self.pongs_owed = 0;
        self.holds_control = false;
        Poll::Ready(())
    }

    /// Sends bytes as they are, behind all that was fed before: frames that the frame library would
    /// not make. What is fed after the next [`Connection::poll_ready`] follows them.
    pub fn feed_raw(&mut self, bytes: Bytes) {
        self.raw = bytes;
        self.unflushed = true;
    }

    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.raw.is_empty() {
            let mut tap = Pin::new(self.ws.get_mut().get_mut().tap_mut());
            match ready!(tap.as_mut().poll_write(cx, &self.raw)) {
                Ok(n) => self.raw.advance(n),
                // As for poll_ready: the next read tells why.
                Err(_) => self.raw.clear(),
            }
        }
        Poll::Ready(())
    }

    /// Ends the stream below in its own way: TLS says goodbye, TCP ends one direction.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A stream that cannot be ended has ended.
        Pin::new(self.ws.get_mut()).poll_shutdown(cx).map(drop)
    }

    /// The next thing that happens; `None` once [`Incoming::Closed`] was given.
    #[inline]
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        if !self.trace {
            return self.poll_phase(cx);
        }
        if self.behind_frames.is_none()
            && let Poll::Ready(next) = self.poll_phase(cx)
        {
            match next {
                Some(incoming) => self.behind_frames = Some(incoming),
                None => return Poll::Ready(None),
            }
        }
        if let Some(frame) = self.ws.get_mut().get_mut().tap_mut().next_frame() {
            return Poll::Ready(Some(Incoming::Frame(Box::new(frame))));
        }
        match self.behind_frames.take() {
            Some(incoming) => Poll::Ready(Some(incoming)),
            None => Poll::Pending,
        }
    }

    #[inline]
    fn poll_phase(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        // A peer that sends pings and reads no pongs is not read from either: they would pile up here.
        if self.pongs_owed >= PONGS_OWED
            && matches!(self.phase, Phase::Open)
            && self.poll_flush(cx).is_pending()
        {
            return Poll::Pending;
        }
        match self.phase {
            Phase::Open => self.poll_message(cx).map(Some),
            Phase::Asked { .. } => self.poll_answer(cx).map(Some),
            Phase::Agreed { .. } => self.poll_end(cx).map(Some),
            Phase::Failing { .. } => self.poll_failure(cx).map(Some),
            Phase::Closed => Poll::Ready(None),
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if let Some(tap) = self.ws.get_mut().get_mut().short_way()
            && let Some(payload) = ready!(tap.poll_whole(cx))
        {
            return Poll::Ready(Incoming::Message(payload));
        }
        let next = ready!(Pin::new(&mut self.ws).poll_next(cx));
        let incoming = match next {
            Some(Ok(Message::Text(text))) => Incoming::Message(Payload::Text(text)),
            Some(Ok(Message::Binary(bytes))) => Incoming::Message(Payload::Binary(bytes)),
            Some(Ok(Message::Ping(bytes))) => {
                self.pongs_owed += 1;
                self.holds_control = true;
                self.unflushed = true;
                self.control += self.control_frame(&bytes);
                Incoming::Ping(bytes)
            }
            Some(Ok(Message::Pong(bytes))) => {
                self.control += self.control_frame(&bytes);
                Incoming::Pong(bytes)
            }
            Some(Ok(Message::Close(frame))) => {
                let by = match self.phase {
                    Phase::Asked { .. } => By::Local,
                    _ => By::Peer,
                };
                return self.agree(by, frame, cx);
            }
            // The library hands raw frames out only to those who ask for them.
            Some(Ok(Message::Frame(frame))) => {
                Incoming::Message(Payload::Binary(frame.into_payload()))
            }
            Some(Err(error)) => return self.fail(&error, cx),
            None => return self.fail(&WsError::ConnectionClosed, cx),
        };
        Poll::Ready(incoming)
    }

    /// Who is at the other end.
    fn peer(&self) -> &'static str {
        match self.role {
            Role::Client => "the server",
            Role::Server => "the client",
        }
    }

    /// The size of a control frame on the wire: two bytes of header, four of mask from a client.
    fn control_frame(&self, payload: &Bytes) -> u64 {
        let header = match self.role {
            Role::Client => 2,
            Role::Server => 6,
        };
        header + payload.len() as u64
    }
}

fn data_opcode(is_first: bool, is_text: bool) -> frame::Opcode {
    match (is_first, is_text) {
        (false, _) => frame::Opcode::Continuation,
        (true, true) => frame::Opcode::Text,
        (true, false) => frame::Opcode::Binary,
    }
}

/// What lies between a stream and the frame library. `agreed` is the compression, and whether frames
/// are told of.
fn layer_over(
    stream: Stream,
    leftover: Bytes,
    role: frame::Role,
    max_size: usize,
    agreed: (Option<Agreed>, bool),
) -> Layer<Outbox<Stream>> {
    let (compression, trace) = agreed;
    let settings = Settings {
        rsv1: compression.is_some(),
        max_message: max_size as u64,
        trace,
    };
    let outbox = match role {
        frame::Role::Client => Outbox::new(stream),
        frame::Role::Server => Outbox::new(stream).frugal(),
    };
    Layer::new(outbox, role, compression, settings, leftover)
}
