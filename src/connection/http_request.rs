//! An HTTP/1.1 request of a check file, over the same streams as WebSocket connections.
//!
//! Each request has a connection of its own. The body of an answer is read up to 1 MiB and decompressed; a
//! larger one is an error. Redirects are followed by the rules of [`super::redirect`].

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::ext::ReasonPhrase;
use hyper::rt::{Read as HyperRead, ReadBufCursor, Write as HyperWrite};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Target;
use super::cookies::CookieJar;
use super::error::{Error, ErrorKind, Stage};
use super::handshake::client::USER_AGENT;
use super::handshake::{Headers, Refusal};
use super::opening::{self, HandshakeProgress};
use super::progress::Reporter;
use super::redirect::{RedirectChain, is_redirect};
use super::stream::Stream;
use super::target::{Address, RequestHeader, UpgradeOptions};
use crate::secret::Secret;
use crate::units;

/// The largest body of an answer, in bytes, before and after decompression.
const MOST_BODY: usize = 1 << 20;
/// Bytes of the body that describe a refusal.
const SHOWN_BODY: usize = 1024;

/// What is asked. The headers are those of the target.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method (RFC 9110 §9).
    pub method: String,
    /// The body, if there is one.
    pub body: Option<Bytes>,
    /// Whether the body is JSON, which `Content-Type` then says.
    pub is_json: bool,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status (RFC 9110 §15).
    pub status: u16,
    /// The reason phrase, as sent.
    pub reason: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, decompressed.
    pub body: Bytes,
}

impl HttpAnswer {
    /// Its status, headers and the beginning of its body, as of a refused handshake.
    pub fn refusal(&self) -> Refusal {
        Refusal {
            status: self.status,
            reason: self.reason.clone(),
            headers: self.headers.clone(),
            body: self.body[..self.body.len().min(SHOWN_BODY)].to_vec(),
            body_cut: self.body.len() > SHOWN_BODY,
        }
    }
}

/// The URL of a request to show, redacted, with the scheme of HTTP.
pub fn shown_url(address: &Address) -> String {
    match address.shown.strip_prefix("ws") {
        Some(rest) if rest.starts_with([':', 's']) => format!("http{rest}"),
        _ => address.shown.clone(),
    }
}

/// Sends a request and returns the answer. Redirects are followed if the target allows them. `limit` is the
/// time for each answer, from the open connection to the end of the body.
///
/// # Errors
/// The connection cannot be opened, or the answer is not HTTP, late or too large.
pub async fn exchange(
    target: &Target,
    mut request: HttpRequest,
    cookies: &mut CookieJar,
    reporter: &Reporter,
    limit: Duration,
) -> Result<HttpAnswer, Error> {
    let mut address = target.address.clone();
    let mut options = opening::authorized(&target.request, reporter)?;
    let mut trail = RedirectChain::new(address.clone(), target.max_redirects.unwrap_or(0));
    loop {
        let stream = open(target, &address, reporter).await?;
        let mut headers = headers(&address, &options, &request);
        cookies.add_to(&address, &mut headers);
        let answering = ask(stream, &address, &headers, &request);
        let answer = match tokio::time::timeout(limit, answering).await {
            Ok(answer) => answer?,
            Err(_) => return Err(late(limit)),
        };
        for value in cookies.keep(&address, &answer.headers) {
            reporter.report(|| super::Progress::Secret(Secret::new(value)));
        }
        let refusal = answer.refusal();
        if target.max_redirects.is_none() || !is_redirect(&refusal) {
            return Ok(answer);
        }
        let next = redirected(request.clone(), answer.status);
        if next.method != request.method {
            trail.change_method();
        }
        request = next;
        (address, options) = trail.follow(&refusal, &options)?;
        reporter.report(|| super::Progress::Redirected(address.shown.clone()));
    }
}

/// The request to send to the target of a redirect, as browsers do: only 307 and 308 keep method and body.
fn redirected(request: HttpRequest, status: u16) -> HttpRequest {
    let keeps = matches!(status, 307 | 308) || matches!(&*request.method, "GET" | "HEAD");
    if keeps || (status != 303 && request.method != "POST") {
        return request;
    }
    HttpRequest {
        method: "GET".to_owned(),
        body: None,
        is_json: false,
    }
}

async fn open(target: &Target, address: &Address, reporter: &Reporter) -> Result<Stream, Error> {
    let progress = HandshakeProgress::new(address);
    let limit = target.limits.connect;
    let deadline = Instant::now() + limit;
    let opening = opening::reach(target, address, reporter, &progress, deadline);
    let opening = progress.watched(opening, reporter);
    tokio::time::timeout(limit, opening)
        .await
        .unwrap_or_else(|_| Err(progress.timeout(limit)))
        .map(|(stream, _)| stream)
        .map_err(|error| progress.with_hint(error))
}

/// The headers of a request: ours, unless the user gives them, then the user's. Those of the WebSocket handshake
/// are left out.
fn headers(
    address: &Address,
    options: &UpgradeOptions,
    request: &HttpRequest,
) -> Vec<RequestHeader> {
    let mut headers = vec![
        RequestHeader::new("Host", &address.host_header),
        RequestHeader::new("User-Agent", USER_AGENT),
        RequestHeader::new("Accept", "*/*"),
    ];
    if request.is_json {
        headers.push(RequestHeader::new("Content-Type", "application/json"));
    }
    if let Some((user, password)) = &address.user_info {
        headers.push(RequestHeader::basic(user, password));
    }
    let is_for_websocket = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("sec-websocket-") || matches!(&*name, "connection" | "upgrade")
    };
    let given: Vec<_> = options
        .headers
        .iter()
        .filter(|given| !is_for_websocket(&given.name))
        .cloned()
        .collect();
    headers.retain(|ours| {
        let same = |given: &RequestHeader| given.name.eq_ignore_ascii_case(&ours.name);
        !given.iter().any(same)
    });
    headers.extend(given);
    headers
}

/// Sends the request over an open stream and reads the whole answer.
async fn ask(
    stream: Stream,
    address: &Address,
    headers: &[RequestHeader],
    request: &HttpRequest,
) -> Result<HttpAnswer, Error> {
    let mut builder = hyper::Request::builder()
        .method(&*request.method)
        .uri(&*address.request_target);
    for header in headers {
        if let Some(value) = &header.value {
            builder = builder.header(&*header.name, value.as_bytes());
        }
    }
    let body = Full::new(request.body.clone().unwrap_or_default());
    let sent = builder
        .body(body)
        .map_err(|error| failed(ErrorKind::Input, format!("invalid request: {error}")))?;
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(HyperIo(stream))
        .await
        .map_err(|error| broken(&error))?;
    let answering = async {
        let response = sender.send_request(sent).await;
        read(response.map_err(|error| broken(&error))?).await
    };
    alongside(connection, answering).await
}

/// Runs `work` while the connection that it uses is driven.
async fn alongside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let (mut connection, mut work) = (pin!(connection), pin!(work));
    let mut is_over = false;
    poll_fn(|cx| {
        // How it ends is told to the work.
        is_over = is_over || connection.as_mut().poll(cx).is_ready();
        work.as_mut().poll(cx)
    })
    .await
}

async fn read(response: hyper::Response<Incoming>) -> Result<HttpAnswer, Error> {
    let (head, mut body) = response.into_parts();
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Latin-1, as browsers do.
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > MOST_BODY {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
    }
    let lines = head.headers.iter();
    let lines = lines.map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    let headers = Headers(lines.collect());
    let reason = match head.extensions.get::<ReasonPhrase>() {
        Some(sent) => text(sent.as_bytes()),
        None => head
            .status
            .canonical_reason()
            .unwrap_or_default()
            .to_owned(),
    };
    Ok(HttpAnswer {
        status: head.status.as_u16(),
        reason,
        body: decoded(&headers, bytes)?.into(),
        headers,
    })
}

/// Undoes `Content-Encoding` (RFC 9110 §8.4). A coding that is not supported stays as it is.
fn decoded(headers: &Headers, body: Vec<u8>) -> Result<Vec<u8>, Error> {
    let coding = headers.all("Content-Encoding").collect::<Vec<_>>();
    let coding = coding.join(", ").trim().to_ascii_lowercase();
    if body.is_empty() {
        return Ok(body);
    }
    let inflated = match &*coding {
        "gzip" | "x-gzip" => inflate(MultiGzDecoder::new(&*body))?,
        // Some servers send a raw stream although RFC 9110 §8.4.1.2 says zlib.
        "deflate" => inflate(ZlibDecoder::new(&*body))?.map_or_else(
            |_| inflate(DeflateDecoder::new(&*body)),
            |body| Ok(Ok(body)),
        )?,
        _ => return Ok(body),
    };
    inflated.map_err(|error| {
        let why = crate::secret::io_text(&error);
        failed(
            ErrorKind::Protocol,
            format!("the body of the answer is not valid {coding}: {why}"),
        )
    })
}

/// The inner error is that of the data.
fn inflate(decoder: impl Read) -> Result<io::Result<Vec<u8>>, Error> {
    let mut inflated = Vec::new();
    let read = decoder
        .take(MOST_BODY as u64 + 1)
        .read_to_end(&mut inflated);
    if inflated.len() > MOST_BODY {
        return Err(too_large());
    }
    Ok(read.map(|_| inflated))
}

fn failed(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, Stage::Upgrade, message)
}

fn too_large() -> Error {
    let most = MOST_BODY >> 20;
    failed(
        ErrorKind::TooBig,
        format!("the body of the answer exceeds the limit of {most} MiB"),
    )
}

fn late(limit: Duration) -> Error {
    let limit = units::shown(limit);
    failed(
        ErrorKind::Timeout,
        format!("no complete answer within {limit}"),
    )
}

/// An error of the exchange, in the words of its innermost cause.
fn broken(error: &hyper::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        if let Some(late) = super::tls::late_failure(error) {
            return late;
        }
        let why = crate::secret::io_text(error);
        let message = format!("the connection was lost before the answer was complete: {why}");
        return failed(ErrorKind::Lost, message);
    }
    if error.is_parse() {
        let message = format!("the answer is not valid HTTP/1.1: {cause}");
        return failed(ErrorKind::Handshake, message)
            .hint("check the port; a TLS port needs https://");
    }
    failed(
        ErrorKind::Lost,
        "the server closed the connection before the answer was complete",
    )
}

/// A stream with the traits of hyper.
struct HyperIo(Stream);

impl HyperRead for HyperIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // The cursor gives its memory only to unsafe code, so a block of our own is copied into it.
        let mut block = [0; 8 * 1024];
        let room = block.len().min(cursor.remaining());
        let mut buffer = ReadBuf::new(&mut block[..room]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        cursor.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl HyperWrite for HyperIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn bodies_are_decoded_up_to_the_limit() {
        let packed = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).expect("in memory");
            encoder.finish().expect("in memory")
        };
        let coded = |coding: &str, body: Vec<u8>| {
            let headers = Headers(vec![("content-encoding".to_owned(), coding.to_owned())]);
            decoded(&headers, body)
        };
        assert_eq!(coded("gzip", packed(b"hello")).expect("valid"), b"hello");
        assert_eq!(coded("br", b"hello".to_vec()).expect("kept"), b"hello");
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"raw").expect("in memory");
        let raw = encoder.finish().expect("in memory");
        assert_eq!(coded("deflate", raw).expect("valid"), b"raw");
        let error = coded("gzip", b"no gzip".to_vec()).expect_err("invalid");
        assert!(error.message.contains("not valid gzip"), "{error}");
        assert!(coded("gzip", packed(&vec![0; MOST_BODY])).is_ok());
        let error = coded("gzip", packed(&vec![0; MOST_BODY + 1])).expect_err("too large");
        assert_eq!(error.kind, ErrorKind::TooBig);
    }

    #[test]
    fn only_307_and_308_keep_a_body() {
        let request = |method: &str| HttpRequest {
            method: method.to_owned(),
            body: Some(Bytes::from("x")),
            is_json: false,
        };
        for (method, status, then) in [
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("POST", 303, "GET"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
            ("PUT", 302, "PUT"),
            ("PUT", 303, "GET"),
            ("GET", 303, "GET"),
            ("HEAD", 303, "HEAD"),
        ] {
            let next = redirected(request(method), status);
            assert_eq!(next.method, then, "{method} {status}");
            assert_eq!(next.body.is_some(), then == method, "{method} {status}");
        }
    }
}
