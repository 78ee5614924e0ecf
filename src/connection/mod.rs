//! A WebSocket connection, used by every command: opens a [`Target`], exchanges messages, closes.
//!
//! Its states are those of the browser's `WebSocket`: CONNECTING, OPEN, CLOSING, CLOSED, always in this
//! order. The end is a value ([`Incoming::Closed`]) that comes exactly once. Every stage has a time limit.
//! This module prints nothing and does not depend on a command. Only it uses tokio-tungstenite.

pub mod backoff;
pub mod close;
mod closing;
pub mod cookies;
pub mod dial;
pub mod error;
mod failing;
pub mod frame;
pub mod handshake;
mod hints;
pub mod http2;
pub mod http_request;
pub mod message;
mod opening;
pub mod probing;
mod progress;
pub mod proxy;
mod read_buffer;
pub mod redirect;
pub mod stream;
pub mod target;
pub mod tls;
pub mod wire;
mod write_queue;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite as _;
use tokio::time::Instant;

use close::{CloseCode, CloseInfo};
use closing::ClosingPhase;
use dial::Route;
use error::Error;
use failing::ReadFailure;
use frame::TracedFrame;
use handshake::Response;
use message::{Outgoing, Payload};
use opening::HandshakeProgress;
pub use progress::{Progress, Reporter, Timing};
use proxy::Proxies;
use read_buffer::ReadBuffer;
use stream::Stream;
use target::{Address, UpgradeOptions};
use tls::TlsClient;
use wire::negotiation::NegotiatedDeflate;
use wire::{Received, Role, Wire, WireSettings};
use write_queue::WriteQueue;

/// The maximum number of pongs that wait for a peer that does not read.
const PONGS_OWED: u32 = 64;

/// The validated settings of a connection.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address.
    pub address: Address,
    /// The variable part of the upgrade request.
    pub request: UpgradeOptions,
    /// How to reach the endpoint.
    pub route: Route,
    /// Selects the proxy for a host.
    pub proxies: Proxies,
    /// The maximum number of redirects; `None` treats a redirect as a refusal.
    pub max_redirects: Option<u32>,
    /// Whether the WebSocket is a stream of an HTTP/2 connection (RFC 8441).
    pub http2: bool,
    /// TLS, for `wss` and for HTTPS proxies.
    pub tls: TlsClient,
    /// Time and size limits.
    pub limits: Limits,
    /// Whether every frame is reported ([`Incoming::Frame`]).
    pub trace: bool,
}

/// Time and size limits. All have a default.
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

/// Settings of a connection in the server role.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerSettings {
    /// The negotiated compression.
    pub compression: Option<NegotiatedDeflate>,
    /// Whether every frame is reported ([`Incoming::Frame`]).
    pub trace: bool,
    /// Whether pings are not answered, against RFC 6455 §5.5.2: a fault for testing clients.
    pub ignores_pings: bool,
}

/// The result of the handshake.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The address connected to; the proxy's, if there is one.
    pub remote: String,
    /// The proxy, without its credentials.
    pub proxy: Option<String>,
    /// The URLs that redirected here, the first one first.
    pub redirects: Vec<String>,
    /// Whether a redirect led to another origin, to which secrets must not be sent.
    pub left_origin: bool,
    /// The request's lines, credentials included.
    pub request: Vec<String>,
    /// The 101, or the 200 of HTTP/2.
    pub answer: Response,
    /// The subprotocol chosen.
    pub subprotocol: Option<String>,
    /// The negotiated extensions with their parameters, one string each.
    pub extensions: Vec<String>,
    /// The TLS session.
    pub tls: Option<tls::NegotiatedTls>,
    /// The duration of each stage.
    pub timing: Timing,
    /// For a client of a proxy: the connection to the server.
    pub upstream: Option<Box<UpstreamOpened>>,
}

/// The handshake with the server behind a proxy.
#[derive(Clone, Debug)]
pub struct UpstreamOpened {
    /// The URL, redacted.
    pub url: String,
    /// The result.
    pub opened: Opened,
}

/// The state of a connection, named as in the DOM (WHATWG WebSockets §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyState {
    /// The connection is being opened.
    Connecting,
    /// Messages can be sent.
    Open,
    /// A close frame was sent or received.
    Closing,
    /// The connection has ended.
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

/// An event of an open connection.
#[derive(Debug)]
pub enum Incoming {
    /// A whole message.
    Message(Payload),
    /// A ping; the pong is already queued.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// A frame in either direction; reported before its content.
    Frame(Box<TracedFrame>),
    /// The peer started the closing handshake.
    Closing(CloseCode, String),
    /// The connection has ended. This is the last event.
    Closed(CloseInfo),
}

/// An open WebSocket connection in either role: the stream, the protocol state and the closing phase.
pub struct Connection {
    stream: Stream,
    wire: Wire,
    input: ReadBuffer,
    output: WriteQueue,
    phase: ClosingPhase,
    limits: Limits,
    /// Pings answered since the output was last flushed completely.
    pongs_owed: u32,
    /// Whether the limit of the closing handshake is not extended any more.
    is_urgent: bool,
    /// Whether pings and close frames are answered by the caller ([`Connection::relay`]).
    is_relayed: bool,
}

impl Connection {
    /// Opens a connection, from name lookup to the 101, within [`Limits::connect`].
    ///
    /// # Errors
    /// The failure and its stage.
    pub async fn open(target: &Target, reporter: &Reporter) -> Result<(Self, Opened), Error> {
        let progress = HandshakeProgress::new(&target.address);
        let limit = target.limits.connect;
        let opening = Self::open_by_stages(target, reporter, &progress);
        let opening = progress.watched(opening, reporter);
        tokio::time::timeout(limit, opening)
            .await
            .unwrap_or_else(|_| Err(progress.timeout(limit)))
            .map_err(|error| progress.with_hint(error))
    }

    async fn open_by_stages(
        target: &Target,
        reporter: &Reporter,
        progress: &HandshakeProgress,
    ) -> Result<(Self, Opened), Error> {
        let established = opening::establish(target, reporter, progress).await?;
        let upgraded = established.upgraded;
        let settings = WireSettings {
            compression: upgraded.compression,
            max_message: target.limits.max_size as u64,
            trace: target.trace,
            answers_pings: true,
        };
        let connection = Self::over(
            established.stream,
            upgraded.leftover,
            Role::Client,
            target.limits,
            &settings,
        )?;
        let opened = Opened {
            remote: established.remote,
            proxy: established.proxy,
            redirects: established.redirects,
            left_origin: established.left_origin,
            request: upgraded.request,
            answer: upgraded.answer,
            subprotocol: upgraded.subprotocol,
            extensions: upgraded
                .compression
                .iter()
                .map(NegotiatedDeflate::to_string)
                .collect(),
            tls: established.tls,
            timing: established.timing,
            upstream: None,
        };
        Ok((connection, opened))
    }

    /// A connection in the server role after the handshake.
    ///
    /// # Errors
    /// The operating system provides no random numbers.
    pub fn accepted(
        stream: Stream,
        leftover: Bytes,
        limits: Limits,
        serving: ServerSettings,
    ) -> Result<Self, Error> {
        let settings = WireSettings {
            compression: serving.compression,
            max_message: limits.max_size as u64,
            trace: serving.trace,
            answers_pings: !serving.ignores_pings,
        };
        Self::over(stream, leftover, Role::Server, limits, &settings)
    }

    fn over(
        stream: Stream,
        leftover: Bytes,
        role: Role,
        limits: Limits,
        settings: &WireSettings,
    ) -> Result<Self, Error> {
        let wire = Wire::new(role, settings).map_err(|error| Error::no_randomness(&error))?;
        let release_when_empty = role == Role::Server;
        Ok(Self {
            stream,
            wire,
            input: ReadBuffer::new(leftover, release_when_empty),
            output: WriteQueue::new(release_when_empty),
            phase: ClosingPhase::Open,
            limits,
            pongs_owed: 0,
            is_urgent: false,
            is_relayed: false,
        })
    }

    /// Leaves the answers to pings and to the peer's close frame to the caller, who passes them on to another
    /// connection and answers with what comes from there. After the peer's close frame messages can still be sent
    /// until [`Connection::answer_close`].
    pub fn relay(&mut self) {
        self.wire.leave_pings();
        self.is_relayed = true;
    }

    /// Whether the peer has ended the stream, as far as this can be known without reading: data that it sent before
    /// may be unread.
    pub fn is_ended_by_peer(&self) -> bool {
        self.has_write_failed() || self.stream.is_ended_by_peer()
    }

    /// Bytes on the wire so far, frame headers included: received, sent.
    pub fn wire_bytes(&self) -> (u64, u64) {
        self.wire.frame_bytes()
    }

    /// When the last byte of the most recent event was read from the stream.
    pub fn read_at(&self) -> Option<Instant> {
        self.input.read_at()
    }

    /// Bytes of data frames received so far, incomplete ones included: shows that the peer is alive before
    /// a large message is complete.
    pub fn data_received(&self) -> u64 {
        self.wire.data_received()
    }

    /// Bytes written, in units of 64 KiB, so that the pongs for a peer that only pings hardly count.
    pub fn blocks_sent(&self) -> u64 {
        self.output.passed() >> 16
    }

    /// Bytes that wait to be written and bytes written so far; `None` if nothing waits. Layers below, such as TLS,
    /// may hold bytes that are not counted.
    pub fn unsent_bytes(&self) -> Option<(u64, u64)> {
        let output = &self.output;
        output
            .is_unflushed()
            .then(|| (output.waiting(&self.wire), output.passed()))
    }

    /// The state, named as in the DOM.
    pub fn ready_state(&self) -> ReadyState {
        match self.phase {
            ClosingPhase::Open => ReadyState::Open,
            ClosingPhase::Asked { .. }
            | ClosingPhase::Heard(_)
            | ClosingPhase::Agreed { .. }
            | ClosingPhase::Leaving { .. }
            | ClosingPhase::Failing { .. }
            | ClosingPhase::Ended(_) => ReadyState::Closing,
            ClosingPhase::Closed => ReadyState::Closed,
        }
    }

    /// Ready when another message can be sent without queueing up behind a slow peer.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.output.is_full(&self.wire) {
            // Pending is fine here: there may be room before everything is written.
            let _ = self.output.poll_write(&mut self.stream, &mut self.wire, cx);
        }
        // After a failed write nothing is written any more; the next read reports why and ends this.
        if self.has_write_failed() || self.output.is_full(&self.wire) {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Whether a write has failed. Then nothing is written any more, and the next reads report why.
    pub fn has_write_failed(&self) -> bool {
        self.output.failure().is_some()
    }

    /// Queues something to send. Returns false if the connection is not OPEN and nothing was queued; a relayed one
    /// takes messages until the peer's close frame was answered.
    pub fn feed(&mut self, outgoing: &Outgoing) -> bool {
        let takes_messages = matches!(self.phase, ClosingPhase::Open | ClosingPhase::Heard(_));
        if takes_messages {
            self.encode(outgoing);
        }
        takes_messages
    }

    fn encode(&mut self, outgoing: &Outgoing) {
        if let Some(out) = self.output.end() {
            self.wire.encode(out, outgoing);
        }
    }

    /// Ready when everything queued was written to the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.output.poll_flush(&mut self.stream, &mut self.wire, cx));
        self.pongs_owed = 0;
        Poll::Ready(())
    }

    /// Shuts down the underlying stream: TLS sends close_notify, TCP a FIN.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_flush(cx));
        // A stream that cannot be shut down has already ended.
        Pin::new(&mut self.stream).poll_shutdown(cx).map(drop)
    }

    /// The next event; `None` after [`Incoming::Closed`].
    #[inline]
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        // Stop reading from a peer that sends pings but reads no pongs: the pongs would pile up here.
        if self.pongs_owed >= PONGS_OWED
            && matches!(self.phase, ClosingPhase::Open)
            && self.poll_flush(cx).is_pending()
        {
            return Poll::Pending;
        }
        match self.phase {
            ClosingPhase::Open => self.poll_message(cx).map(Some),
            ClosingPhase::Asked { .. } => self.poll_answer(cx).map(Some),
            ClosingPhase::Heard(_) => self.poll_gone(cx).map(Some),
            ClosingPhase::Leaving { .. } => self.poll_leave(cx).map(Some),
            ClosingPhase::Agreed { .. } => self.poll_end(cx).map(Some),
            ClosingPhase::Failing { .. } => self.poll_failure(cx).map(Some),
            ClosingPhase::Ended(_) | ClosingPhase::Closed => Poll::Ready(self.last()),
        }
    }

    #[inline]
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            match self.wire.receive(self.input.bytes_mut()) {
                Ok(Some(received)) => return self.take(received, cx),
                Ok(None) => {}
                Err(violation) => return self.fail(ReadFailure::Violation(violation), cx),
            }
            match ready!(self.input.poll_fill(&mut self.stream, cx)) {
                Ok(0) => return self.fail(ReadFailure::Ended, cx),
                Ok(_) => {}
                Err(error) => return self.fail(ReadFailure::Io(error), cx),
            }
        }
    }

    #[inline]
    fn take(&mut self, received: Received, cx: &mut Context<'_>) -> Poll<Incoming> {
        Poll::Ready(match received {
            Received::Message(payload) => Incoming::Message(payload),
            Received::Ping(payload) => {
                // After our close frame no pongs are sent (RFC 6455 §5.5.2).
                if self.wire.answers_pings() && matches!(self.phase, ClosingPhase::Open) {
                    self.encode(&Outgoing::Pong(payload.clone()));
                    self.pongs_owed += 1;
                }
                Incoming::Ping(payload)
            }
            Received::Pong(payload) => Incoming::Pong(payload),
            Received::Frame(frame) => Incoming::Frame(frame),
            Received::Close(seen) => return self.agree(&seen, cx),
        })
    }

    /// The peer, for error texts.
    fn peer(&self) -> &'static str {
        match self.wire.role() {
            Role::Client => "the server",
            Role::Server => "the client",
        }
    }
}
