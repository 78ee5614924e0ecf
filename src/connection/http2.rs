//! WebSocket over HTTP/2 (RFC 8441): the handshake is an extended CONNECT, and one stream of the
//! connection carries the frames.
//!
//! The connection has only this stream. Reading and writing the stream drives it, so no extra task is
//! needed. Only this module uses the HTTP/2 library.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::client::{self, ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{Ping, Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::error::{Error, ErrorKind, Stage};
use super::handshake::answer::{INTERIM_LIMIT, body_wait, readable};
use super::handshake::client::{
    self as upgrade, Upgraded, agreed_compression, chosen_subprotocol, hint_for,
    warn_if_no_subprotocol,
};
use super::handshake::{HEAD_LIMIT, Headers, HttpVersion, Refusal, Response};
use super::progress::{Progress, Reporter};
use super::stream::{Stream, Transport};
use super::target::{Address, RefusalBody, UpgradeOptions};

/// The flow-control window in bytes: how much the peer may send before it is read.
const WINDOW: u32 = 256 * 1024;
/// The library ends a connection when too many frames below 256 bytes wait to be read; each counts with
/// what it lacks of 256 bytes. WebSocket frames are often that small, and reading may pause. This limit
/// allows a full window of one-byte frames.
const SMALL_FRAMES: usize = 256 * WINDOW as usize;
/// The maximum number of bytes passed to the library at once.
const LARGEST_WRITE: usize = 128 * 1024;

type Driver = client::Connection<Stream, Bytes>;

/// One stream of an HTTP/2 connection, as a byte stream.
pub struct Tunnel {
    connection: Driver,
    send: SendStream<Bytes>,
    receive: RecvStream,
    /// Data received and not read yet.
    rest: Bytes,
}

/// Only reading tells whether the server has ended the stream.
impl Transport for Tunnel {}

/// Sends the extended CONNECT and checks the response.
///
/// # Errors
/// [`ErrorKind::Refused`] for a status other than 2xx, [`ErrorKind::Handshake`] if the server does not speak
/// HTTP/2, does not support extended CONNECT or violates the protocol, [`ErrorKind::Lost`] if the connection
/// ends.
pub async fn upgrade(
    stream: Stream,
    address: &Address,
    request: &UpgradeOptions,
    reporter: &Reporter,
    deadline: Instant,
) -> Result<(Stream, Upgraded), Error> {
    let (mut sender, mut connection) = client::Builder::new()
        .enable_push(false)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .data_frame_budget(SMALL_FRAMES)
        .max_header_list_size(HEAD_LIMIT as u32)
        .handshake(stream)
        .await
        .map_err(|error| failed(&error, address))?;
    wait_for_settings(&sender, &mut connection, address).await?;
    let (asked, lines) = head(address, request)?;
    reporter.report(|| Progress::Request(lines.clone()));
    let (response, send) = sender
        .send_request(asked, false)
        .map_err(|error| failed(&error, address))?;
    let (parts, mut receive) = read_answer(&mut connection, response).await?.into_parts();
    let answer = Response {
        version: HttpVersion::Two,
        status: parts.status.as_u16(),
        reason: String::new(),
        headers: headers(&parts.headers),
        malformed: Vec::new(),
    };
    reporter.report(|| Progress::Answer(answer.clone()));
    if !parts.status.is_success() {
        let kept = request.refusal_body;
        let refusal = read_refusal(&mut connection, &mut receive, answer, deadline, kept).await;
        let hint = hint_for(&refusal, address, request);
        return Err(Error::refused(refusal, hint));
    }
    warn_if_no_subprotocol(&answer.headers, request, reporter);
    let upgraded = Upgraded {
        compression: agreed_compression(&answer.headers, request)?,
        subprotocol: chosen_subprotocol(&answer.headers, request)?,
        answer,
        request: lines,
        leftover: Bytes::new(),
    };
    let tunnel = Tunnel {
        connection,
        send,
        receive,
        rest: Bytes::new(),
    };
    Ok((Stream::over(tunnel), upgraded))
}

/// Waits until it is known whether the server supports extended CONNECT (RFC 8441 §3). A server sends its
/// SETTINGS first, so they have been received once it has answered a ping.
async fn wait_for_settings(
    sender: &SendRequest<Bytes>,
    connection: &mut Driver,
    address: &Address,
) -> Result<(), Error> {
    let mut ping = connection.ping_pong();
    if let Some(ping) = &mut ping {
        // Fails only if the connection has failed, which the poll below reports.
        let _ = ping.send_ping(Ping::opaque());
    }
    let knows = std::future::poll_fn(|cx| {
        let ended = Pin::new(&mut *connection).poll(cx);
        if sender.is_extended_connect_protocol_enabled() {
            return Poll::Ready(Ok(true));
        }
        if let Poll::Ready(result) = ended {
            let why = result.map_or_else(
                |error| failed(&error, address),
                |()| lost("it closed the connection"),
            );
            return Poll::Ready(Err(why));
        }
        match &mut ping {
            Some(ping) => ping
                .poll_pong(cx)
                .map_ok(|_| false)
                .map_err(|error| failed(&error, address)),
            None => Poll::Pending,
        }
    })
    .await?;
    if knows {
        return Ok(());
    }
    let message = "the server does not support WebSocket over HTTP/2: it does not set \
                   SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3)";
    Err(Error::new(ErrorKind::Handshake, Stage::Upgrade, message)
        .hint("remove --http2: most servers support WebSocket over HTTP/1.1 only"))
}

/// The extended CONNECT request (RFC 8441 §4), and its lines for printing.
fn head(
    address: &Address,
    request: &UpgradeOptions,
) -> Result<(http::Request<()>, Vec<String>), Error> {
    let cannot = |what: String| Error::new(ErrorKind::Handshake, Stage::Upgrade, what);
    let given = upgrade::headers(address, request)?;
    let authority = given
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("host"))
        .and_then(|header| header.value.clone())
        .unwrap_or_else(|| address.host_header.clone());
    let scheme = if address.secure { "https" } else { "http" };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority.as_str())
        .path_and_query(address.request_target.as_str())
        .build()
        .map_err(|error| cannot(format!("HTTP/2 cannot carry this URL: {error}")))?;
    let mut asked = http::Request::builder()
        .method(Method::CONNECT)
        .uri(uri)
        .extension(Protocol::from_static("websocket"))
        .body(())
        .map_err(|error| cannot(error.to_string()))?;
    let mut lines = vec![
        ":method: CONNECT".to_owned(),
        ":protocol: websocket".to_owned(),
        format!(":scheme: {scheme}"),
        format!(":path: {}", address.request_target),
        format!(":authority: {authority}"),
    ];
    // Connection-specific headers are not allowed in HTTP/2 (RFC 8441 §5, RFC 9113 §8.2.2).
    const HOP: [&str; 4] = ["host", "connection", "upgrade", "sec-websocket-key"];
    for header in &given {
        let name = header.name.to_ascii_lowercase();
        let Some(value) = header.value.as_ref().filter(|_| !HOP.contains(&&*name)) else {
            continue;
        };
        let bad = || cannot(format!("HTTP/2 cannot carry the header {}", header.name));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let content = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
        asked.headers_mut().append(key, content);
        lines.push(format!("{name}: {value}"));
    }
    Ok((asked, lines))
}

fn headers(map: &HeaderMap) -> Headers {
    let lines = map.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Headers(lines.collect())
}

/// Reads the body of a refusal within the limits of size and time.
async fn read_refusal(
    connection: &mut Driver,
    receive: &mut RecvStream,
    answer: Response,
    deadline: Instant,
    kept: RefusalBody,
) -> Refusal {
    let mut body = Vec::new();
    let mut whole = false;
    let reading = async {
        while body.len() <= kept.limit() {
            let next = std::future::poll_fn(|cx| {
                // A failure of the connection shows in the data stream.
                let _ = Pin::new(&mut *connection).poll(cx);
                receive.poll_data(cx)
            });
            match next.await {
                Some(Ok(data)) => {
                    // Fails only if the stream has ended.
                    let _ = receive.flow_control().release_capacity(data.len());
                    body.extend_from_slice(&data);
                }
                Some(Err(_)) => break,
                None => {
                    whole = true;
                    break;
                }
            }
        }
    };
    // After a timeout the part received so far is shown.
    let _ = tokio::time::timeout(body_wait(deadline, kept), reading).await;
    let body_cut = !whole || body.len() > kept.limit();
    body.truncate(kept.limit());
    let body = match kept {
        RefusalBody::Excerpt => readable(&answer.headers, body),
        RefusalBody::Whole => body,
    };
    Refusal {
        status: answer.status,
        reason: http::StatusCode::from_u16(answer.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default()
            .to_owned(),
        headers: answer.headers,
        body,
        body_cut,
    }
}

/// Waits for the response; skips interim responses, as over HTTP/1.1.
async fn read_answer(
    connection: &mut Driver,
    mut response: ResponseFuture,
) -> Result<http::Response<RecvStream>, Error> {
    let broken = |what: String| Err(Error::new(ErrorKind::Handshake, Stage::Upgrade, what));
    let mut interim = 0;
    std::future::poll_fn(|cx| {
        // A failure of the connection shows in the response.
        let _ = Pin::new(&mut *connection).poll(cx);
        while let Poll::Ready(Some(Ok(answer))) = response.poll_informational(cx) {
            interim += 1;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                let what = "the server answered 101, which HTTP/2 does not allow (RFC 9113 §8.6)";
                return Poll::Ready(broken(what.to_owned()));
            }
            if interim > INTERIM_LIMIT {
                let what =
                    format!("the server sent more than {INTERIM_LIMIT} interim responses (1xx)");
                return Poll::Ready(broken(what));
            }
        }
        Pin::new(&mut response)
            .poll(cx)
            .map_err(|error| unanswered(&error))
    })
    .await
}

/// The error for a request that a server with HTTP/2 did not answer.
fn unanswered(error: &h2::Error) -> Error {
    match violation(error) {
        Some(what) => {
            let message = format!("the server {what}");
            Error::new(ErrorKind::Handshake, Stage::Upgrade, message)
        }
        None => lost_or_ended(error),
    }
}

/// The error for a failed HTTP/2 connection setup.
fn failed(error: &h2::Error, address: &Address) -> Error {
    let error = match violation(error) {
        Some(what) => {
            let message = format!("the server does not speak HTTP/2, or {what}");
            Error::new(ErrorKind::Handshake, Stage::Upgrade, message)
        }
        None => lost_or_ended(error),
    };
    if address.secure || error.kind != ErrorKind::Handshake {
        return error;
    }
    error.hint(
        "without TLS, --http2 needs a server that supports HTTP/2 with prior knowledge (h2c); remove it to use HTTP/1.1",
    )
}

fn lost(why: &str) -> Error {
    let message = format!("the connection was lost before the handshake was answered: {why}");
    Error::new(ErrorKind::Lost, Stage::Upgrade, message)
}

/// The error for a connection that ended without a violation.
fn lost_or_ended(error: &h2::Error) -> Error {
    if let Some(io) = error.get_io() {
        if let Some(late) = super::tls::late_failure(io) {
            return late;
        }
        return lost(&crate::secret::io_text(io));
    }
    let what = match error.reason() {
        Some(reason) if error.is_reset() => {
            format!("the server reset the HTTP/2 stream: {reason:?}")
        }
        Some(reason) => format!("the server ended the HTTP/2 connection: {reason:?}"),
        None => format!("HTTP/2 failed: {error}"),
    };
    Error::new(ErrorKind::Handshake, Stage::Upgrade, what)
}

/// The violation of HTTP/2 by the peer, from the error code that the library sent.
fn violation(error: &h2::Error) -> Option<String> {
    let reason = error.reason().filter(|_| error.is_library())?;
    let section = match reason {
        Reason::FRAME_SIZE_ERROR => "4.2",
        Reason::COMPRESSION_ERROR => "4.3",
        Reason::FLOW_CONTROL_ERROR => "5.2",
        Reason::ENHANCE_YOUR_CALM => "10.5",
        _ => "5.4",
    };
    Some(format!("violated HTTP/2: {reason:?} (RFC 9113 §{section})"))
}

impl Tunnel {
    /// Polls the connection, which moves bytes in both directions.
    fn drive(&mut self, cx: &mut Context<'_>) {
        // A failure shows in the next read or write of the stream.
        let _ = Pin::new(&mut self.connection).poll(cx);
    }
}

/// A violation of HTTP/2 by the peer, carried inside an [`io::Error`].
#[derive(Debug)]
pub struct Http2Error(String);

impl Http2Error {
    /// The violation inside an I/O error, if there is one.
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Http2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Http2Error {}

fn io_error(error: h2::Error) -> io::Error {
    if let Some(what) = violation(&error) {
        return io::Error::new(io::ErrorKind::InvalidData, Http2Error(what));
    }
    match error.reason() {
        // RFC 8441 §5: CANCEL corresponds to a TCP RST.
        Some(Reason::CANCEL) => io::Error::new(
            io::ErrorKind::ConnectionReset,
            "the HTTP/2 stream was cancelled",
        ),
        Some(reason) if !error.is_io() => io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("the HTTP/2 stream was reset: {reason:?}"),
        ),
        _ => error
            .into_io()
            .unwrap_or_else(|| io::ErrorKind::ConnectionReset.into()),
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.drive(cx);
        while self.rest.is_empty() {
            match ready!(self.receive.poll_data(cx)) {
                Some(Ok(data)) => self.rest = data,
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..length]);
        self.rest.advance(length);
        // Reopens the window by what was read. Fails only if the stream has ended.
        let _ = self.receive.flow_control().release_capacity(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.drive(cx);
        self.send.reserve_capacity(bytes.len().min(LARGEST_WRITE));
        while self.send.capacity() == 0 {
            match ready!(self.send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let length = bytes.len().min(self.send.capacity());
        let data = Bytes::copy_from_slice(&bytes[..length]);
        self.send.send_data(data, false).map_err(io_error)?;
        self.drive(cx);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.drive(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // END_STREAM corresponds to a TCP FIN (RFC 8441 §5). Fails only if the stream has ended.
        let _ = self.send.send_data(Bytes::new(), true);
        self.drive(cx);
        Poll::Ready(Ok(()))
    }
}
