//! A connection that tests a server: the request and the frames are the caller's, legal or not, and everything that
//! comes back is handed over. Nothing is answered, repaired or closed here.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Target;
use super::error::Error;
use super::handshake::answer::{read_answer, read_refusal};
use super::handshake::{HeadError, Refusal, Response, client};
use super::message::Outgoing;
use super::opening::{self, HandshakeProgress};
use super::progress::Reporter;
use super::read_buffer::ReadBuffer;
use super::stream::Stream;
use super::target::{RefusalBody, RequestHeader, UpgradeOptions};
use super::tls::NegotiatedTls;
use super::tls::old::{HelloAnswer, OldVersion};
use super::wire::negotiation::NegotiatedDeflate;
use super::wire::violation::Violation;
use super::wire::{Received, Role, Wire, WireSettings};
use super::write_queue::WriteQueue;

/// The upgrade request as wsprobe sends it, to be changed before it is sent.
#[derive(Clone, Debug, Default)]
pub struct RawRequest {
    /// `GET`.
    pub method: String,
    /// The path and query.
    pub target: String,
    /// `HTTP/1.1`.
    pub version: String,
    /// The header lines, in their order.
    pub headers: Vec<RequestHeader>,
    /// What stands between the name of a header and its value.
    pub colon: &'static str,
}

impl RawRequest {
    /// The request for a target, with current credentials.
    ///
    /// # Errors
    /// A token cannot be read, or the operating system provides no random numbers.
    pub fn new(target: &Target) -> Result<Self, Error> {
        let options = opening::authorized(&target.request, &Reporter::default())?;
        let headers = client::headers(&target.address, &options)?;
        Ok(Self {
            method: "GET".to_owned(),
            target: target.address.request_target.clone(),
            version: "HTTP/1.1".to_owned(),
            headers: headers
                .into_iter()
                .filter(|it| it.value.is_some())
                .collect(),
            colon: ": ",
        })
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self {
            method,
            target,
            version,
            colon,
            ..
        } = self;
        let mut text = format!("{method} {target} {version}\r\n");
        for header in &self.headers {
            let value = header.value.as_deref().unwrap_or_default();
            text.push_str(&format!("{}{colon}{value}\r\n", header.name));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// The first value of a header.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| header.value.as_deref())
    }

    /// Checks a 101 to this request (RFC 6455 §4.1), and returns what was negotiated.
    ///
    /// # Errors
    /// Which rule it violates.
    fn check(&self, answer: &Response) -> Result<Option<NegotiatedDeflate>, Error> {
        let key = self.value("Sec-WebSocket-Key").unwrap_or_default();
        // What was offered is what the headers say.
        let negotiating = ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"];
        let given = self.headers.iter().filter(|header| {
            negotiating
                .iter()
                .any(|name| header.name.eq_ignore_ascii_case(name))
        });
        let offered = UpgradeOptions {
            headers: given.cloned().collect(),
            credentials: None,
            subprotocols: Vec::new(),
            compression: None,
            refusal_body: RefusalBody::Excerpt,
        };
        let accept_key = derive_accept_key(key.as_bytes());
        client::read_101(answer, &accept_key, &offered).map(|(compression, _)| compression)
    }

    /// Leaves out the offer of extensions.
    pub fn offer_no_extension(&mut self) {
        let name = "Sec-WebSocket-Extensions";
        self.headers
            .retain(|header| !header.name.eq_ignore_ascii_case(name));
    }
}

/// The answer to a request.
#[derive(Debug)]
pub enum RawAnswer {
    /// 101: a WebSocket connection, with the compression negotiated.
    Opened(Response, Option<NegotiatedDeflate>),
    /// 101 that violates RFC 6455 §4.1: the rule.
    Invalid(Response, Error),
    /// Another status.
    Refused(Refusal),
    /// No answer in HTTP: the connection ended, or something else came.
    NoHttp(Error),
}

/// A connection before the handshake.
pub struct RawConnection {
    stream: Stream,
    input: BytesMut,
    /// The TLS session.
    pub tls: Option<NegotiatedTls>,
}

impl RawConnection {
    /// Connects to a target, with TLS if its address says so.
    ///
    /// # Errors
    /// The failure and its stage.
    pub async fn open(target: &Target, limit: Duration) -> Result<Self, Error> {
        let progress = HandshakeProgress::new(&target.address);
        let deadline = Instant::now() + limit;
        let reporter = Reporter::default();
        let opening = opening::reach(target, &target.address, &reporter, &progress, deadline);
        let (stream, tls) = tokio::time::timeout(limit, opening)
            .await
            .unwrap_or_else(|_| Err(progress.timeout(limit)))
            .map_err(|error| progress.with_hint(error))?;
        Ok(Self {
            stream,
            input: BytesMut::new(),
            tls,
        })
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Offers a version of TLS that must not be used any more, on a connection without TLS.
    pub async fn offer_old_tls(&mut self, version: OldVersion, host: &str) -> HelloAnswer {
        version.offer(&mut self.stream, host).await
    }

    /// Reads some bytes; empty at the end.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn read(&mut self) -> io::Result<Bytes> {
        if self.input.is_empty() {
            self.stream.read_buf(&mut self.input).await?;
        }
        Ok(self.input.split().freeze())
    }

    /// Reads the answer to `request`.
    pub async fn answer(&mut self, request: &RawRequest, deadline: Instant) -> RawAnswer {
        let answer = match read_answer(&mut self.stream, &mut self.input).await {
            Ok(answer) => answer,
            Err(error) => return RawAnswer::NoHttp(client::lost(&error)),
        };
        if answer.status != 101 {
            let rest = self.input.split();
            let refusal = read_refusal(
                &mut self.stream,
                answer,
                rest,
                deadline,
                RefusalBody::Excerpt,
            );
            return RawAnswer::Refused(refusal.await);
        }
        match request.check(&answer) {
            Ok(compression) => RawAnswer::Opened(answer, compression),
            Err(error) => RawAnswer::Invalid(answer, error),
        }
    }

    /// The error of a request that could not be written.
    pub fn not_written(error: io::Error) -> Error {
        client::lost(&HeadError::Ended(Some(error), Bytes::new()))
    }

    /// The connection after the handshake.
    ///
    /// # Errors
    /// The operating system provides no random numbers.
    pub fn upgraded(
        self,
        compression: Option<NegotiatedDeflate>,
        max_message: u64,
    ) -> Result<RawFrames, Error> {
        let settings = WireSettings {
            compression,
            max_message,
            trace: false,
            answers_pings: false,
        };
        let wire = Wire::new(Role::Client, &settings);
        Ok(RawFrames {
            stream: self.stream,
            wire: wire.map_err(|error| Error::no_randomness(&error))?,
            input: ReadBuffer::new(self.input.freeze(), false),
            output: WriteQueue::new(false),
            shuts_down: false,
        })
    }
}

/// Why nothing more comes.
#[derive(Debug)]
pub enum RawEnd {
    /// The server violated the protocol.
    Violation(Box<Violation>),
    /// The server ended TCP.
    Ended,
    /// The connection failed, such as by a reset.
    Failed(io::Error),
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// By a FIN, with TLS by close_notify before it.
    Orderly,
    /// By a FIN, without the close_notify of TLS (RFC 8446 §6.1).
    WithoutCloseNotify,
    /// By a reset or another failure.
    Broken,
}

/// A connection after the handshake: frames, as the caller wants them.
pub struct RawFrames {
    stream: Stream,
    wire: Wire,
    input: ReadBuffer,
    output: WriteQueue,
    shuts_down: bool,
}

impl RawFrames {
    /// Queues bytes, or what the encoder makes of a message.
    pub fn queue(&mut self, outgoing: &Outgoing) {
        if let Some(out) = self.output.end() {
            self.wire.encode(out, outgoing);
        }
    }

    /// Ends our direction of the stream once everything is written.
    pub fn shut_down(&mut self) {
        self.shuts_down = true;
    }

    /// Waits until everything queued is written, or cannot be written any more.
    pub async fn flush(&mut self) {
        poll_fn(|cx| self.poll_write(cx)).await;
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.output.poll_flush(&mut self.stream, &mut self.wire, cx));
        if self.shuts_down {
            // A stream that cannot be shut down has ended.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
            self.shuts_down = false;
        }
        Poll::Ready(())
    }

    /// The next thing that the server sends; writes what is queued meanwhile.
    ///
    /// # Errors
    /// Why nothing more comes.
    pub async fn next(&mut self) -> Result<Received, RawEnd> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, RawEnd>> {
        // What cannot be written yet is written at the next wake-up; after a failure the read says why.
        let _ = self.poll_write(cx);
        loop {
            match self.wire.receive(self.input.bytes_mut()) {
                Ok(Some(received)) => return Poll::Ready(Ok(received)),
                Ok(None) => {}
                Err(violation) => return Poll::Ready(Err(RawEnd::Violation(violation))),
            }
            match ready!(self.input.poll_fill(&mut self.stream, cx)) {
                Ok(0) => return Poll::Ready(Err(RawEnd::Ended)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(RawEnd::Failed(error))),
            }
        }
    }

    /// Waits for the end of the stream, whatever comes before it.
    pub async fn end_of_stream(&mut self) -> StreamEnd {
        poll_fn(|cx| {
            let _ = self.poll_write(cx);
            loop {
                self.input.bytes_mut().clear();
                match ready!(self.input.poll_fill(&mut self.stream, cx)) {
                    Ok(0) => return Poll::Ready(StreamEnd::Orderly),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Poll::Ready(StreamEnd::WithoutCloseNotify);
                    }
                    Err(_) => return Poll::Ready(StreamEnd::Broken),
                }
            }
        })
        .await
    }
}
