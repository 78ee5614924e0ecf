//! The client's side: write the request, read the answer, hold it to RFC 6455 §4.1.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Answer, HEADER_LIMIT, HeadError, Headers, Refusal, Version, head_error, may_be_http, read_head,
};
use crate::connection::error::{Error, Kind, Stage};
use crate::connection::progress::{Progress, Reporter};
use crate::connection::target::{Address, Header, Request};
use crate::connection::wire::negotiation::Agreed;
use crate::secret::redact_url;

/// The most of a refusal's body that is kept, in bytes.
pub(in crate::connection) const BODY_LIMIT: usize = 1024;
/// The longest that a refusal's body is waited for.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// How we call ourselves.
pub const USER_AGENT: &str = concat!("wsprobe/", env!("CARGO_PKG_VERSION"));

/// A handshake that succeeded.
#[derive(Debug)]
pub struct Upgraded {
    /// The request's lines, credentials included.
    pub request: Vec<String>,
    /// The 101 as it came.
    pub answer: Answer,
    /// The subprotocol that was chosen.
    pub subprotocol: Option<String>,
    /// permessage-deflate, where the server agreed to it.
    pub compression: Option<Agreed>,
    /// What arrived behind the head: the first frames.
    pub leftover: Bytes,
}

/// Asks for the upgrade and checks the answer.
///
/// # Errors
/// [`Kind::Refused`] for another status, [`Kind::Handshake`] for an answer that breaks the rules,
/// [`Kind::Lost`] when the connection ends first.
pub async fn upgrade<S>(
    stream: &mut S,
    address: &Address,
    request: &Request,
    reporter: &Reporter,
    deadline: Instant,
) -> Result<Upgraded, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = RequestHead::new(address, request);
    reporter.report(|| Progress::Request(head.lines.clone()));
    stream
        .write_all(head.to_text().as_bytes())
        .await
        .map_err(|error| lost(&HeadError::Ended(Some(error), Bytes::new())))?;
    stream
        .flush()
        .await
        .map_err(|error| lost(&HeadError::Ended(Some(error), Bytes::new())))?;

    let mut buffer = BytesMut::new();
    let answer = read_answer(stream, &mut buffer)
        .await
        .map_err(|error| lost(&error))?;
    reporter.report(|| Progress::Answer(answer.clone()));
    if answer.status != 101 {
        let refusal = read_refusal(stream, answer, buffer, deadline).await;
        let hint = hint_for(&refusal, address, request);
        return Err(Error::refused(refusal, hint));
    }
    check(&answer.headers, &head.accept_key)?;
    let compression = agreed_compression(&answer.headers, request)?;
    let subprotocol = chosen_subprotocol(&answer.headers, request)?;
    Ok(Upgraded {
        request: head.lines,
        answer,
        subprotocol,
        compression,
        leftover: buffer.freeze(),
    })
}

/// Reads an answer's head; what came behind it stays in `buffer`.
pub(in crate::connection) async fn read_answer<S>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> Result<Answer, HeadError>
where
    S: AsyncRead + Unpin,
{
    loop {
        let answer = read_head(stream, buffer, parse_answer).await?;
        // 100 Continue, 103 Early Hints: an interim answer is followed by the real one (RFC 9110 §15.2).
        if answer.status == 101 || answer.status >= 200 {
            return Ok(answer);
        }
    }
}

/// The request as it goes out.
struct RequestHead {
    /// The request line, then each header line.
    lines: Vec<String>,
    /// The `Sec-WebSocket-Accept` that must come back.
    accept_key: String,
}

/// All headers of the request in the order in which they are sent, those left out by the user among them.
pub(in crate::connection) fn headers(address: &Address, request: &Request) -> Vec<Header> {
    let mut headers = vec![
        Header::new("Host", &address.host_header),
        Header::new("Connection", "Upgrade"),
        Header::new("Upgrade", "websocket"),
        Header::new("Sec-WebSocket-Version", "13"),
        Header::new("Sec-WebSocket-Key", BASE64.encode(nonce())),
        Header::new("User-Agent", USER_AGENT),
    ];
    if !request.subprotocols.is_empty() {
        headers.push(Header::new(
            "Sec-WebSocket-Protocol",
            request.subprotocols.join(", "),
        ));
    }
    if let Some(offer) = &request.compression {
        headers.push(Header::new("Sec-WebSocket-Extensions", offer.to_string()));
    }
    if let Some((user, password)) = &address.user_info {
        headers.push(Header::basic(user, password));
    }
    // A header given by the user takes the place of ours, so that a probe can say what it wants.
    headers.retain(|ours| {
        !request
            .headers
            .iter()
            .any(|given| given.name.eq_ignore_ascii_case(&ours.name))
    });
    let host_given = request
        .headers
        .iter()
        .filter(|given| given.name.eq_ignore_ascii_case("host"));
    headers.splice(0..0, host_given.cloned());
    headers.extend(
        request
            .headers
            .iter()
            .filter(|given| !given.name.eq_ignore_ascii_case("host"))
            .cloned(),
    );
    headers
}

impl RequestHead {
    fn new(address: &Address, request: &Request) -> Self {
        let headers = headers(address, request);
        let key = headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("sec-websocket-key"))
            .and_then(|header| header.value.clone())
            .unwrap_or_default();
        let mut lines = vec![format!("GET {} HTTP/1.1", address.request_target)];
        lines.extend(
            headers
                .iter()
                .filter_map(|h| h.value.as_ref().map(|value| format!("{}: {value}", h.name))),
        );
        Self {
            lines,
            accept_key: derive_accept_key(key.as_bytes()),
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            // Writing to a String cannot fail.
            let _ = write!(text, "{line}\r\n");
        }
        text + "\r\n"
    }
}

/// Sixteen bytes that a cache or an earlier handshake cannot have seen (RFC 6455 §4.1, item 7).
fn nonce() -> [u8; 16] {
    let mut bytes = [0; 16];
    // The nonce is no secret; without a source of randomness it is merely constant.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

fn parse_answer(bytes: &[u8]) -> Result<Option<(Answer, usize)>, HeadError> {
    if !may_be_http(bytes) {
        return Err(HeadError::NotHttp(Bytes::copy_from_slice(
            &bytes[..bytes.len().min(64)],
        )));
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut response = httparse::Response::new(&mut headers);
    let config = httparse::ParserConfig::default();
    match config
        .parse_response(&mut response, bytes)
        .map_err(head_error)?
    {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(length) => {
            let answer = Answer {
                version: match response.version {
                    Some(0) => Version::OneZero,
                    _ => Version::OneOne,
                },
                status: response.code.unwrap_or_default(),
                reason: response.reason.unwrap_or_default().to_owned(),
                headers: Headers::from_parsed(response.headers),
            };
            Ok(Some((answer, length)))
        }
    }
}

fn lost(error: &HeadError) -> Error {
    if let HeadError::Ended(Some(io), _) = error
        && let Some(late) = crate::connection::tls::late_failure(io)
    {
        return late;
    }
    match error {
        HeadError::Ended(..) => Error::new(
            Kind::Lost,
            Stage::Upgrade,
            format!("the connection was lost before the handshake was answered: {error}"),
        )
        .hint("is this the right port? A TLS port wants wss://, a plain one ws://"),
        _ => Error::new(
            Kind::Handshake,
            Stage::Upgrade,
            format!("the server did not answer the handshake in HTTP/1.1: {error}"),
        )
        .hint("is this the port of an HTTP server? A TLS port wants wss://"),
    }
}

fn broken(what: &str) -> Error {
    let message = format!("the server's answer breaks RFC 6455: {what}");
    Error::new(Kind::Handshake, Stage::Upgrade, message)
}

/// The rules of RFC 6455 §4.1 for every 101.
fn check(headers: &Headers, accept_key: &str) -> Result<(), Error> {
    let found = |name: &str| match headers.get(name) {
        Some(value) => format!("it has \"{value}\""),
        None => "it has none".to_owned(),
    };
    for (name, token) in [("Upgrade", "websocket"), ("Connection", "Upgrade")] {
        if !headers.has_token(name, token) {
            return Err(broken(&format!("no \"{name}: {token}\" ({})", found(name))));
        }
    }
    match headers.get("Sec-WebSocket-Accept") {
        Some(value) if value.trim() == accept_key => Ok(()),
        Some(value) => {
            let what =
                format!("Sec-WebSocket-Accept is \"{value}\" and should be \"{accept_key}\"");
            Err(broken(&what).hint("a cache or a proxy may have answered in the server's place"))
        }
        None => Err(broken("no Sec-WebSocket-Accept")),
    }
}

/// What the server agreed to of the extensions offered (RFC 6455 §9.1, RFC 7692 §7.1).
pub(in crate::connection) fn agreed_compression(
    headers: &Headers,
    request: &Request,
) -> Result<Option<Agreed>, Error> {
    let answered: Vec<&str> = headers
        .all("Sec-WebSocket-Extensions")
        .filter(|value| !value.trim().is_empty())
        .collect();
    match &request.compression {
        None if answered.is_empty() => Ok(None),
        None => Err(broken(&format!(
            "it agrees to the extension \"{}\", which was not offered",
            answered.join(", ")
        ))),
        Some(offer) => offer.read_answer(answered).map_err(|error| {
            broken(&format!("its Sec-WebSocket-Extensions {error}"))
                .hint("--no-compress offers no extension")
        }),
    }
}

/// The subprotocol that the server chose among those offered.
pub(in crate::connection) fn chosen_subprotocol(
    headers: &Headers,
    request: &Request,
) -> Result<Option<String>, Error> {
    let mut chosen = headers.all("Sec-WebSocket-Protocol");
    match (chosen.next().map(str::trim), chosen.next()) {
        (None, _) => Ok(None),
        (Some(one), None) if request.subprotocols.iter().any(|offered| offered == one) => {
            Ok(Some(one.to_owned()))
        }
        (Some(one), None) => {
            let offered = match request.subprotocols.as_slice() {
                [] => "none was offered".to_owned(),
                some => format!("offered: {}", some.join(", ")),
            };
            Err(
                broken(&format!("it chose the subprotocol \"{one}\" ({offered})"))
                    .hint(format!("offer it with --subprotocol {one}")),
            )
        }
        (Some(_), Some(_)) => Err(broken("it chose more than one subprotocol")),
    }
}

/// How long a refusal's body is waited for: one that is known must not be lost to the time limit of the
/// whole attempt.
pub(in crate::connection) fn body_wait(deadline: Instant) -> Duration {
    BODY_WAIT.min(deadline.saturating_duration_since(Instant::now()) / 2)
}

/// Reads what there is of a refusal's body, within its limits of size and time.
pub(in crate::connection) async fn read_refusal<S>(
    stream: &mut S,
    answer: Answer,
    mut buffer: BytesMut,
    deadline: Instant,
) -> Refusal
where
    S: AsyncRead + Unpin,
{
    let chunked = answer.headers.has_token("Transfer-Encoding", "chunked");
    let declared: Option<usize> = answer
        .headers
        .get("Content-Length")
        .and_then(|value| value.trim().parse().ok());
    let empty = matches!(answer.status, 204 | 304) || (declared == Some(0) && !chunked);
    let whole = |raw: &[u8]| {
        if chunked {
            let (body, ended) = unchunk(raw);
            ended || body.len() > BODY_LIMIT
        } else {
            raw.len() > BODY_LIMIT || declared.is_some_and(|length| raw.len() >= length)
        }
    };
    // Chunk sizes and extensions come on top of the body itself.
    let raw_limit = BODY_LIMIT * 8;
    let reading = async {
        while !empty && !whole(&buffer) && buffer.len() < raw_limit {
            match stream.read_buf(&mut buffer).await {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    };
    // A body that stalls is shown as far as it came.
    let _ = tokio::time::timeout(body_wait(deadline), reading).await;
    let mut body = if chunked {
        unchunk(&buffer).0
    } else {
        buffer.to_vec()
    };
    if let Some(length) = declared.filter(|_| !chunked) {
        body.truncate(length);
    }
    if empty {
        body.clear();
    }
    let body_cut = body.len() > BODY_LIMIT || declared.is_some_and(|length| length > body.len());
    body.truncate(BODY_LIMIT);
    Refusal {
        status: answer.status,
        reason: answer.reason,
        headers: answer.headers,
        body,
        body_cut,
    }
}

/// Decodes as much of a chunked body as has arrived (RFC 9112 §7.1); true once the last chunk was seen
/// or the encoding is broken.
fn unchunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(raw) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return (body, false),
            Err(_) => return (body, true),
        };
        if size == 0 {
            return (body, true);
        }
        let rest = &raw[start..];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        // The chunk's data is followed by CRLF.
        match size.checked_add(2).and_then(|end| rest.get(end..)) {
            Some(next) => raw = next,
            None => return (body, false),
        }
    }
}

/// What to try after a refusal.
pub(in crate::connection) fn hint_for(
    refusal: &Refusal,
    address: &Address,
    request: &Request,
) -> Option<String> {
    let hint = hint_by_status(refusal, address, request)?;
    let query = address.request_target.split_once('?');
    let one_value = query.is_some_and(|(_, query)| query.contains('=') && !query.contains('&'));
    if (400..=404).contains(&refusal.status) && one_value {
        return Some(format!(
            "{hint}; a URL with & in it must be quoted, or the shell cuts it there"
        ));
    }
    Some(hint)
}

fn hint_by_status(refusal: &Refusal, address: &Address, request: &Request) -> Option<String> {
    let sends = |name: &str| {
        request
            .headers
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case(name))
    };
    let authorized = sends("Authorization") || address.user_info.is_some();
    let hint = match refusal.status {
        200..=299 => "this is a web page: is the path that of the WebSocket endpoint?",
        300..=399 => {
            let location = redact_url(refusal.headers.get("Location")?);
            return Some(format!("it redirects to {location}: -L follows it"));
        }
        400 if refusal.body_text().contains("HTTPS port") => {
            "this port wants TLS: try wss:// instead of ws://"
        }
        400 => {
            "the server did not like the request, which -v shows: does it need a subprotocol (-s), or another WebSocket version?"
        }
        401 if authorized => "it does not accept these credentials",
        401 => "it wants credentials: -u USER, --bearer @FILE, or -b COOKIE",
        403 if sends("Origin") => {
            "it may not allow this Origin, or want credentials: -u USER, --bearer @FILE, or -b COOKIE"
        }
        403 => {
            "it may check the Origin: try --origin https://the.site, or credentials (-u, --bearer)"
        }
        404 => {
            let path = redact_url(&address.request_target);
            return Some(format!("is the path right? It was {path}"));
        }
        405 => "this endpoint does not take GET: is the path that of the WebSocket endpoint?",
        407 => "a proxy on the way wants credentials: --proxy http://USER:PASSWORD@HOST:PORT",
        426 => return Some(upgrade_hint(refusal)),
        429 | 503 => {
            let Some(time) = refusal.headers.get("Retry-After") else {
                return Some("the server wants fewer requests or more time".to_owned());
            };
            return Some(format!(
                "the server wants to be asked again later (Retry-After: {time})"
            ));
        }
        502 | 504 => "a proxy answered: the server behind it is down or does not accept WebSocket",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// 426 names what the server wants instead (RFC 9110 §15.5.22, RFC 6455 §4.4).
fn upgrade_hint(refusal: &Refusal) -> String {
    if let Some(versions) = refusal.headers.get("Sec-WebSocket-Version") {
        return format!("the server speaks the WebSocket versions {versions}, and 13 was offered");
    }
    match refusal.headers.get("Upgrade") {
        Some(protocol) if !protocol.eq_ignore_ascii_case("websocket") => {
            format!("the server wants the protocol {protocol} instead")
        }
        _ => {
            "the server did not see the upgrade: a proxy on the way may take the Upgrade header out"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_lines(typed: &str, request: &Request) -> Vec<String> {
        RequestHead::new(&Address::parse(typed).expect(typed), request).lines
    }

    #[test]
    fn the_request_has_what_the_rfc_asks_for() {
        let request = Request {
            subprotocols: vec!["a".into(), "b".into()],
            ..Request::default()
        };
        let lines = request_lines("ws://user:pass@host:81/p?q=1", &request);
        assert_eq!(lines[0], "GET /p?q=1 HTTP/1.1");
        assert_eq!(lines[1], "Host: host:81");
        for line in [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: a, b",
            "Authorization: Basic dXNlcjpwYXNz",
        ] {
            assert!(
                lines.iter().any(|found| found == line),
                "{line} in {lines:?}"
            );
        }
    }

    #[test]
    fn given_headers_replace_ours_and_keep_their_duplicates() {
        let headers = ["X: 1", "X: 2", "Host: other", "User-Agent:"];
        let headers = headers
            .map(|line| Header::parse(line).expect(line))
            .to_vec();
        let lines = request_lines(
            "ws://host/",
            &Request {
                headers,
                ..Request::default()
            },
        );
        assert_eq!(lines[1], "Host: other");
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("Host")).count(),
            1
        );
        assert_eq!(lines[lines.len() - 2..], ["X: 1", "X: 2"]);
        assert!(!lines.iter().any(|line| line.starts_with("User-Agent")));
    }

    #[test]
    fn the_key_of_the_rfc_gives_its_accept() {
        let headers = vec![Header::new("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")];
        let address = Address::parse("ws://host/").expect("a URL");
        let head = RequestHead::new(
            &address,
            &Request {
                headers,
                ..Request::default()
            },
        );
        assert_eq!(head.accept_key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn chunked_bodies_are_put_together() {
        assert_eq!(
            unchunk(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
            (b"abcde".to_vec(), true)
        );
        assert_eq!(unchunk(b"5\r\nabc"), (b"abc".to_vec(), false));
        assert_eq!(unchunk(b"zz\r\n"), (Vec::new(), true));
        assert_eq!(
            unchunk(b"ffffffffffffffff\r\nabc"),
            (b"abc".to_vec(), false)
        );
    }

    #[test]
    fn answers_are_parsed_or_told_from_other_protocols() {
        let (answer, length) = parse_answer(b"HTTP/1.1 403 \r\nA: b\r\n\r\nrest")
            .expect("http")
            .expect("whole");
        assert_eq!(
            (answer.status, answer.reason.as_str(), length),
            (403, "", 23)
        );
        assert!(matches!(
            parse_answer(b"SSH-2.0-OpenSSH_9\r\n"),
            Err(HeadError::NotHttp(_))
        ));
        assert!(matches!(parse_answer(b"HTTP/1.1 1"), Ok(None)));
    }
}
