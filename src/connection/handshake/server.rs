//! The server's side: read the request, say what it is, answer it (RFC 6455 §4.2).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::connection::wire::negotiation::{Agreed, choose};

use super::{HEADER_LIMIT, HeadError, Headers, head_error, read_head};

/// A request, whole and parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The header lines.
    pub headers: Headers,
}

impl Request {
    /// What keeps this from being a WebSocket handshake, if anything does (RFC 6455 §4.2.1).
    pub fn fault(&self) -> Option<Fault> {
        if self.method != "GET" {
            return Some(Fault::NotAnUpgrade);
        }
        let asks = self.headers.has_token("Upgrade", "websocket")
            && self.headers.has_token("Connection", "Upgrade");
        if !asks {
            return Some(Fault::NotAnUpgrade);
        }
        if self.headers.get("Sec-WebSocket-Version").map(str::trim) != Some("13") {
            return Some(Fault::Version);
        }
        match self.headers.get("Sec-WebSocket-Key") {
            Some(key) if is_nonce(key.trim()) => None,
            _ => Some(Fault::Key),
        }
    }

    /// What to agree to of the extensions offered.
    pub fn compression(&self) -> Option<Agreed> {
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

/// Whether a key is 16 bytes in base64 (RFC 6455 §4.2.1). Bits left over in the last digit may be set,
/// as RFC 4648 §3.5 allows.
fn is_nonce(key: &str) -> bool {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    LENIENT.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// Why a request is no WebSocket handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A plain HTTP request.
    NotAnUpgrade,
    /// Another version than 13.
    Version,
    /// No usable `Sec-WebSocket-Key`.
    Key,
}

/// Reads a request and what came behind it.
///
/// # Errors
/// As the head could not be read.
pub async fn read_request<S>(stream: &mut S) -> Result<(Request, Bytes), HeadError>
where
    S: AsyncRead + Unpin,
{
    let mut buffer = BytesMut::new();
    let request = read_head(stream, &mut buffer, parse_request).await?;
    Ok((request, buffer.freeze()))
}

fn parse_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, HeadError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes).map_err(head_error)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(length) => {
            let request = Request {
                method: request.method.unwrap_or_default().to_owned(),
                target: request.path.unwrap_or_default().to_owned(),
                headers: Headers::from_parsed(request.headers),
            };
            Ok(Some((request, length)))
        }
    }
}

/// Answers 101.
///
/// # Errors
/// The stream's.
pub async fn accept<S>(
    stream: &mut S,
    request: &Request,
    subprotocol: Option<&str>,
    compression: Option<&Agreed>,
) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let key = request
        .headers
        .get("Sec-WebSocket-Key")
        .unwrap_or_default()
        .trim();
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key.as_bytes())
    );
    if let Some(name) = subprotocol {
        answer.push_str(&format!("Sec-WebSocket-Protocol: {name}\r\n"));
    }
    if let Some(agreed) = compression {
        answer.push_str(&format!("Sec-WebSocket-Extensions: {agreed}\r\n"));
    }
    answer.push_str("\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await
}

/// Answers with another status and a text, and ends the connection.
///
/// # Errors
/// The stream's.
pub async fn refuse<S>(
    stream: &mut S,
    status: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str("\r\n");
    answer.push_str(body);
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &[&str]) -> Request {
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
            Some(Fault::NotAnUpgrade)
        );
        let old = [&upgrade[..], &["Sec-WebSocket-Version: 8", key]].concat();
        assert_eq!(parsed(&old).fault(), Some(Fault::Version));
        let keyless = [&upgrade[..], &["Sec-WebSocket-Version: 13"]].concat();
        assert_eq!(parsed(&keyless).fault(), Some(Fault::Key));
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
