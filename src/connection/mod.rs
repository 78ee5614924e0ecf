//! The one connection, shared by every verb: from a [`Target`] to messages and back to a clean end.
//!
//! It behaves as the browser's `WebSocket` does: CONNECTING, OPEN, CLOSING, CLOSED, in that order and
//! never back. An end is a value ([`Incoming::Closed`]) and comes exactly once. Every stage has a time
//! limit. Nothing here prints, counts for a verb or knows why it was opened; nothing above this
//! module names the frame library.

pub mod backoff;
mod bulk;
pub mod close;
mod cure;
pub mod dial;
pub mod error;
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

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_core::Stream as _;
use futures_sink::Sink as _;
use tokio::io::AsyncWrite as _;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use bulk::Bulk;
use close::{By, Close, Code, Farewell};
use dial::Route;
use error::{Error, Kind, Stage};
use handshake::Answer;
use message::{Outgoing, Payload, Text};
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
use wire::tap::{CloseSeen, FrameSeen, Settings};
use wire::violation::{Breach, Violation};

/// How long a peer may take to end TCP after both close frames were exchanged. The server should go
/// first (RFC 6455 §7.1.1); nothing can be lost any more when it does not.
const EOF_GRACE: Duration = Duration::from_millis(250);

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
    /// Bytes of the control frames that have come.
    control: u64,
}

/// Where the connection stands between OPEN and CLOSED.
enum Phase {
    Open,
    /// We sent a close frame, the peer's has not come.
    Asked {
        timer: Pin<Box<Sleep>>,
        /// How many bytes had left when the timer was set.
        left: u64,
    },
    /// Both close frames are known; ours may have to leave yet, and the peer should end TCP.
    Agreed {
        close: Close,
        timer: Pin<Box<Sleep>>,
    },
    /// The peer broke a rule: our close frame leaves, then it is over.
    Failing {
        close: Close,
        timer: Pin<Box<Sleep>>,
    },
    Closed,
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
            Outgoing::Message(payload) => {
                let is_text = matches!(payload, Payload::Text(_));
                (data_opcode(true, is_text), true, payload.bytes())
            }
            Outgoing::Fragment(part) => {
                let opcode = data_opcode(part.is_first, part.is_text);
                (opcode, part.is_last, &part.bytes)
            }
            Outgoing::Ping(bytes) => return self.give(Message::Ping(bytes.clone())),
            Outgoing::Pong(bytes) => return self.give(Message::Pong(bytes.clone())),
        };
        let header = Header {
            first: opcode.bits() | if is_last { frame::FIN } else { 0 },
            mask: (self.role == Role::Client).then(|| self.keys.next_key()),
            payload: payload.len() as u64,
        };
        if let Some(tap) = self.ws.get_mut().get_mut().short_way() {
            tap.send(&header, payload);
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
        Poll::Ready(())
    }

    /// Sends bytes as they are, behind all that was fed before: frames that the frame library would
    /// not make.
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

    /// Begins the closing handshake; messages may still come in until the peer answers.
    pub fn close(&mut self, farewell: &Farewell) {
        if matches!(self.phase, Phase::Open) {
            self.send_close(farewell.code, &farewell.reason);
            self.phase = Phase::Asked {
                timer: sleep(self.limits.close),
                left: 0,
            };
        }
    }

    fn send_close(&mut self, code: Option<Code>, reason: &str) {
        let frame = code.map(|code| CloseFrame {
            code: code.0.into(),
            reason: Text::from(reason),
        });
        // Fails only where the stream has failed: then there is nobody to say goodbye to.
        let _ = Pin::new(&mut self.ws).start_send(Message::Close(frame));
        self.unflushed = true;
    }

    /// The next thing that happens; `None` once [`Incoming::Closed`] was given.
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

    /// The size of a control frame on the wire: two bytes of header, four of mask from a client.
    fn control_frame(&self, payload: &Bytes) -> u64 {
        let header = match self.role {
            Role::Client => 2,
            Role::Server => 6,
        };
        header + payload.len() as u64
    }

    /// The peer's close frame has come.
    fn agree(&mut self, by: By, frame: Option<CloseFrame>, cx: &mut Context<'_>) -> Poll<Incoming> {
        // The library puts 1002 in the place of codes that it does not know, 1014 for one.
        let (code, reason) = match (self.layer().tap().received_close(), frame) {
            (Some(seen), _) => (seen.code.map_or(Code::NO_STATUS, Code), seen.reason.clone()),
            (None, Some(frame)) => (Code(frame.code.into()), frame.reason.to_string()),
            (None, None) => (Code::NO_STATUS, String::new()),
        };
        let mut close = Close {
            by,
            code,
            reason: reason.clone(),
            clean: true,
            error: None,
        };
        close.error = self.cut_off(&close).map(Box::new);
        self.unflushed = true;
        let grace = EOF_GRACE.min(self.limits.close);
        self.phase = Phase::Agreed {
            close,
            timer: sleep(grace),
        };
        match by {
            By::Local => self.poll_end(cx),
            _ => Poll::Ready(Incoming::Closing(code, reason)),
        }
    }

    /// What a peer that closes may have left unsaid: RFC 6455 §5.5.1 lets it give up a message between
    /// two of its frames, and nobody but us will ever know.
    fn cut_off(&self, close: &Close) -> Option<Error> {
        let bytes = self.layer().tap().unfinished_message()?;
        let plural = if bytes == 1 { "" } else { "s" };
        let message = format!(
            "the server closed with {close} in the middle of a message, {} byte{plural} of which had come",
            crate::units::grouped(bytes)
        );
        Some(Error::new(Kind::CutOff, Stage::Open, message))
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let leaving = self.poll_flush(cx).is_pending();
        let passed = self.layer().tap().get_ref().passed();
        let limit = self.limits.close;
        let is_late = match &mut self.phase {
            Phase::Asked { timer, left } => {
                // The limit is for the answer: it does not run while our own data goes on leaving.
                if leaving && *left != passed {
                    *left = passed;
                    timer.as_mut().reset(Instant::now() + limit);
                }
                // Looked at before anything is read: a peer that never stops sending must not put off
                // the end.
                is_due(timer, cx)
            }
            _ => false,
        };
        if !is_late {
            return self.poll_message(cx);
        }
        let message = format!(
            "the closing handshake was not answered within {}",
            crate::units::shown(self.limits.close)
        );
        let error = Error::new(Kind::Timeout, Stage::Open, message).hint(format!(
            "{} may be gone or busy: --close-timeout TIME waits longer",
            self.peer()
        ));
        self.finish(Close {
            by: By::Local,
            code: Code::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(error)),
        })
    }

    /// Sends what is left of our close frame and waits for the end of TCP, for a short while.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        // The library leaves the layer below unflushed when it answers a close.
        let flushed =
            self.poll_flush(cx).is_ready() && Pin::new(self.ws.get_mut()).poll_flush(cx).is_ready();
        // The server ends TCP itself, once its answer has left (RFC 6455 §7.1.1).
        let mut ended = flushed && self.role == Role::Server;
        while !ended {
            match Pin::new(&mut self.ws).poll_next(cx) {
                // After its close frame a peer has nothing more to say.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => ended = true,
                Poll::Pending => break,
            }
        }
        let Phase::Agreed { close, timer } = &mut self.phase else {
            return Poll::Pending;
        };
        if !ended && !is_due(timer, cx) {
            return Poll::Pending;
        }
        let close = close.clone();
        self.finish(close)
    }

    fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let flushed = self.poll_flush(cx).is_ready();
        let Phase::Failing { close, timer } = &mut self.phase else {
            return Poll::Pending;
        };
        if !flushed && !is_due(timer, cx) {
            return Poll::Pending;
        }
        let close = close.clone();
        self.finish(close)
    }

    fn finish(&mut self, close: Close) -> Poll<Incoming> {
        self.phase = Phase::Closed;
        Poll::Ready(Incoming::Closed(close))
    }

    /// Reading failed: says why, and says goodbye where there is somebody to hear it.
    fn fail(&mut self, error: &WsError, cx: &mut Context<'_>) -> Poll<Incoming> {
        if let Some(close) = self.unknown_close() {
            return self.agree_ourselves(&close, cx);
        }
        let (error, farewell) = self.explain(error);
        let asked = matches!(self.phase, Phase::Asked { .. });
        let Some(code) = farewell else {
            return self.finish(Close {
                by: if asked { By::Local } else { By::None },
                code: Code::ABNORMAL,
                reason: String::new(),
                clean: false,
                error: Some(Box::new(error)),
            });
        };
        if !asked {
            self.send_close(Some(code), "");
        }
        let (by, code, reason) = self
            .broken_close()
            .unwrap_or((By::Local, code, String::new()));
        let close = Close {
            by,
            code,
            reason,
            clean: false,
            error: Some(Box::new(error)),
        };
        self.phase = Phase::Failing {
            close,
            timer: sleep(self.limits.close),
        };
        self.poll_failure(cx)
    }

    /// The peer's close frame, when the library was not shown it because of its code.
    fn unknown_close(&self) -> Option<CloseSeen> {
        let layer = self.layer();
        let breach = layer.violation()?.breach();
        let unknown = matches!(breach, Breach::UnknownBelow(_));
        unknown.then(|| layer.tap().received_close().cloned())?
    }

    /// The peer has closed, and the library does not know: the answer is ours to give.
    fn agree_ourselves(&mut self, seen: &CloseSeen, cx: &mut Context<'_>) -> Poll<Incoming> {
        let by = match self.phase {
            Phase::Asked { .. } => By::Local,
            _ => By::Peer,
        };
        if by == By::Peer {
            self.send_close(seen.code.map(Code), &seen.reason);
        }
        self.agree(by, None, cx)
    }

    /// The peer's close frame, when that is what broke the protocol: it closed, with the code that it
    /// really sent.
    fn broken_close(&self) -> Option<(By, Code, String)> {
        let layer = self.layer();
        let breach = layer.violation()?.breach();
        if !matches!(breach, Breach::CloseCode(_) | Breach::CloseReasonNotUtf8(_)) {
            return None;
        }
        let seen = layer.tap().received_close()?;
        Some((By::Peer, Code(seen.code?), seen.reason.clone()))
    }

    /// A failed read in words, and the code to close with where the peer can still hear it.
    fn explain(&self, error: &WsError) -> (Error, Option<Code>) {
        let peer = self.peer();
        if let Some(violation) = self.layer().violation() {
            return (
                explain_violation(peer, violation),
                Some(Code(violation.close_code())),
            );
        }
        let open = |kind, message: String| Error::new(kind, Stage::Open, message);
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let message = format!(
                    "{peer} sent a message of {size} bytes or more, --max-size is {max_size}"
                );
                (
                    open(Kind::TooBig, message).hint(LARGER),
                    Some(Code::TOO_BIG),
                )
            }
            WsError::Utf8(_) => {
                let message =
                    format!("{peer} sent a text message that is not UTF-8 (RFC 6455 §8.1)");
                (open(Kind::Protocol, message), Some(Code::INVALID_PAYLOAD))
            }
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | WsError::ConnectionClosed
            | WsError::AlreadyClosed => (open(Kind::Lost, self.lost_text(None)), None),
            WsError::Io(error) => (open(Kind::Lost, self.lost_text(Some(error))), None),
            other => {
                let message = format!("{peer} broke the WebSocket protocol: {other}");
                (open(Kind::Protocol, message), Some(Code::PROTOCOL_ERROR))
            }
        }
    }

    /// Who is at the other end.
    fn peer(&self) -> &'static str {
        match self.role {
            Role::Client => "the server",
            Role::Server => "the client",
        }
    }

    fn lost_text(&self, error: Option<&io::Error>) -> String {
        // The write that failed first says more than the end of file that followed it.
        let why = match (error, self.layer().tap().get_ref().failure()) {
            (Some(error), _) | (None, Some(error)) => {
                format!(": {}", crate::secret::io_text(error))
            }
            (None, None) => String::new(),
        };
        format!("the connection was lost without a close frame (1006){why}")
    }
}

fn data_opcode(is_first: bool, is_text: bool) -> frame::Opcode {
    match (is_first, is_text) {
        (false, _) => frame::Opcode::Continuation,
        (true, true) => frame::Opcode::Text,
        (true, false) => frame::Opcode::Binary,
    }
}

/// What to try when a message was too large.
const LARGER: &str = "--max-size SIZE accepts larger messages";

/// What the peer did, and the first bytes of the frame in which it did it.
fn explain_violation(peer: &str, violation: &Violation) -> Error {
    let mut message = format!("{peer} {violation}");
    if violation.is_too_large() {
        return Error::new(Kind::TooBig, Stage::Open, message).hint(LARGER);
    }
    if let Breach::CloseCode(code) = violation.breach() {
        message = format!("{message} ({})", Code(code).name());
    }
    let frame = violation.head();
    if !frame.is_empty() && !matches!(violation.breach(), Breach::CloseCode(_)) {
        let hex: Vec<String> = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        message = format!("{message}; the frame begins {}", hex.join(" "));
    }
    Error::new(Kind::Protocol, Stage::Open, message)
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

/// Whether a timer's time has come. The clock is asked as well: the runtime gives a task that is busy
/// with a flood no answer from a timer.
fn is_due(timer: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> bool {
    timer.deadline() <= Instant::now() || timer.as_mut().poll(cx).is_ready()
}

fn sleep(duration: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(duration))
}
