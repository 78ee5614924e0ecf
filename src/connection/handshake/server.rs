//! The server side of the handshake: reads and checks the request, and answers it (RFC 6455 §4.2).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::connection::wire::negotiation::{NegotiatedDeflate, choose, is_extension_list};

use super::{
    HEADER_LIMIT, HeadError, Headers, HttpVersion, Refusal, Response, head_error, read_head,
};

/// A parsed HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The minor version of HTTP/1.
    pub minor: u8,
    /// The header lines.
    pub headers: Headers,
}

impl UpgradeRequest {
    /// Why this is not a valid WebSocket handshake; `None` if it is one (RFC 6455 §4.2.1).
    pub fn fault(&self) -> Option<RequestError> {
        if self.method != "GET" {
            return Some(RequestError::NotAnUpgrade);
        }
        let asks = self.headers.has_token("Upgrade", "websocket")
            && self.headers.has_token("Connection", "Upgrade");
        if !asks {
            return Some(RequestError::NotAnUpgrade);
        }
        if self.minor == 0 {
            return Some(RequestError::Http);
        }
        if self.only("Host").is_none() {
            return Some(RequestError::Host);
        }
        if self.only("Sec-WebSocket-Version") != Some("13") {
            return Some(RequestError::Version);
        }
        match self.only("Sec-WebSocket-Key") {
            Some(key) if is_nonce(key) => {}
            _ => return Some(RequestError::Key),
        }
        let mut offers = self.headers.all("Sec-WebSocket-Extensions");
        let is_list = offers.all(is_extension_list);
        (!is_list).then_some(RequestError::Extensions)
    }

    /// The value of a header that must occur exactly once.
    fn only<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut all = self.headers.all(name);
        all.next().map(str::trim).filter(|_| all.next().is_none())
    }

    /// The compression to accept from the extensions offered.
    pub fn compression(&self) -> Option<NegotiatedDeflate> {
        choose(self.headers.all("Sec-WebSocket-Extensions"))
    }

    /// The subprotocols offered, in the client's order.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.headers
            .all("Sec-WebSocket-Protocol")
            .flat_map(|value| value.split(','))
            .map(str::trim)
    }
}

/// Whether a key is 16 bytes in base64 (RFC 6455 §4.2.1). Unused bits of the last digit may be set, as
/// RFC 4648 §3.5 allows.
fn is_nonce(key: &str) -> bool {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    LENIENT.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// Why a request is not a valid WebSocket handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// A plain HTTP request.
    NotAnUpgrade,
    /// HTTP/1.0, which does not support Upgrade.
    Http,
    /// `Host` is missing or repeated.
    Host,
    /// `Sec-WebSocket-Version` is missing, repeated or not 13.
    Version,
    /// `Sec-WebSocket-Key` is missing, repeated or invalid.
    Key,
    /// `Sec-WebSocket-Extensions` is no list of extensions (RFC 6455 §9.1).
    Extensions,
}

/// Reads a request, and the bytes received after it.
///
/// # Errors
/// Why the head could not be read.
pub async fn read_request<S>(stream: &mut S) -> Result<(UpgradeRequest, Bytes), HeadError>
where
    S: AsyncRead + Unpin,
{
    let mut buffer = BytesMut::new();
    let request = read_head(stream, &mut buffer, parse_request).await?;
    Ok((request, buffer.freeze()))
}

fn parse_request(bytes: &[u8]) -> Result<Option<(UpgradeRequest, usize)>, HeadError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes).map_err(head_error)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(length) => {
            let request = UpgradeRequest {
                method: request.method.unwrap_or_default().to_owned(),
                target: request.path.unwrap_or_default().to_owned(),
                minor: request.version.unwrap_or_default(),
                headers: Headers::from_parsed(request.headers),
            };
            Ok(Some((request, length)))
        }
    }
}

/// The 101 response to a request (RFC 6455 §4.2.2).
pub fn agreement(
    request: &UpgradeRequest,
    subprotocol: Option<&str>,
    compression: Option<&NegotiatedDeflate>,
) -> Response {
    let key = request.headers.get("Sec-WebSocket-Key");
    let key = key.unwrap_or_default().trim();
    let mut headers = vec![
        ("Upgrade", "websocket".to_owned()),
        ("Connection", "Upgrade".to_owned()),
        ("Sec-WebSocket-Accept", derive_accept_key(key.as_bytes())),
    ];
    headers.extend(subprotocol.map(|name| ("Sec-WebSocket-Protocol", name.to_owned())));
    headers
        .extend(compression.map(|negotiated| ("Sec-WebSocket-Extensions", negotiated.to_string())));
    let named = |(name, value): (&str, String)| (name.to_owned(), value);
    Response {
        version: HttpVersion::OneOne,
        status: 101,
        reason: "Switching Protocols".to_owned(),
        headers: Headers(headers.into_iter().map(named).collect()),
        malformed: Vec::new(),
    }
}

/// Sends the head of a response.
///
/// # Errors
/// The stream failed.
pub async fn answer<S>(stream: &mut S, answer: &Response) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let head = head(answer.status, &answer.reason, &answer.headers);
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await
}

/// Answers with a status other than 101 and ends the connection. Adds `Content-Length` and `Connection`.
/// A HEAD request gets no body (RFC 9110 §9.3.2).
///
/// # Errors
/// The stream failed.
pub async fn refuse<S>(stream: &mut S, refusal: &Refusal, method: &str) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let mut headers = refusal.headers.clone();
    headers
        .0
        .push(("Connection".to_owned(), "close".to_owned()));
    let length = refusal.body.len().to_string();
    headers.0.push(("Content-Length".to_owned(), length));
    let mut answer = head(refusal.status, &refusal.reason, &headers).into_bytes();
    if method != "HEAD" {
        answer.extend_from_slice(&refusal.body);
    }
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

fn head(status: u16, reason: &str, headers: &Headers) -> String {
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in &headers.0 {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &[&str]) -> UpgradeRequest {
        let text = lines.join("\r\n") + "\r\n\r\n";
        parse_request(text.as_bytes())
            .expect("http")
            .expect("whole")
            .0
    }

    #[test]
    fn a_handshake_is_told_from_a_page_request() {
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let upgrade = [
            "GET / HTTP/1.1",
            "Host: h",
            "Upgrade: WebSocket",
            "Connection: keep-alive, upgrade",
        ];
        let whole = [&upgrade[..], &["Sec-WebSocket-Version: 13", key]].concat();
        assert_eq!(parsed(&whole).fault(), None);
        assert_eq!(
            parsed(&["GET / HTTP/1.1", "Host: h"]).fault(),
            Some(RequestError::NotAnUpgrade)
        );
        let old = [&upgrade[..], &["Sec-WebSocket-Version: 8", key]].concat();
        assert_eq!(parsed(&old).fault(), Some(RequestError::Version));
        let keyless = [&upgrade[..], &["Sec-WebSocket-Version: 13"]].concat();
        assert_eq!(parsed(&keyless).fault(), Some(RequestError::Key));
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        for key in ["dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC=="] {
            assert!(is_nonce(key), "{key}");
        }
        let wrong = [
            "",
            "not base64 but 24 long!!",
            "dGhlIHNhbXBsZSBub25jZQAA", // 18 bytes
            "dGhlIHNhbXBsZSBub25jZQ",   // no padding
        ];
        for key in wrong {
            assert!(!is_nonce(key), "{key}");
        }
    }
}
