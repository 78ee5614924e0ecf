//! The HTTP/1.1 upgrade in both roles (RFC 6455 §4). Everything that the peer answers is kept, so that
//! it can be printed.
//!
//! Waiting and buffering are limited: a head may have 64 KiB; the body of a refusal is read up to 1 KiB
//! and for at most one second, or up to 1 MiB where it is passed on.

pub mod answer;
pub mod client;
pub mod server;

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The maximum size of a head, in bytes.
pub(in crate::connection) const HEAD_LIMIT: usize = 64 * 1024;
/// The maximum number of header lines.
const HEADER_LIMIT: usize = 256;

/// Header lines in the order received, with names spelled as received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        let lines = parsed
            .iter()
            .map(|header| (header.name.to_owned(), text_of(header.value)));
        Self(lines.collect())
    }

    /// All values of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Whether the comma-separated list in all lines of a header contains the token
    /// (RFC 9110 §5.6.1): `Connection: keep-alive, Upgrade`.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

/// Decodes a header value: UTF-8, else Latin-1, as browsers do.
fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// The HTTP version of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    OneZero,
    /// HTTP/1.1.
    OneOne,
    /// HTTP/2.
    Two,
}

impl HttpVersion {
    /// `1.0`, `1.1`, `2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneZero => "1.0",
            Self::OneOne => "1.1",
            Self::Two => "2",
        }
    }
}

/// The status line and headers of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP version.
    pub version: HttpVersion,
    /// The HTTP status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The header lines.
    pub headers: Headers,
    /// Lines that are not valid header lines.
    pub malformed: Vec<String>,
}

/// The response that refused a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The reason phrase, as the server wrote it.
    pub reason: String,
    /// The header lines.
    pub headers: Headers,
    /// The beginning of the body ([`RefusalBody`](super::target::RefusalBody)).
    pub body: Vec<u8>,
    /// Whether the body is longer than that.
    pub body_cut: bool,
}

impl Refusal {
    /// `401 Unauthorized`, or only the status if the server sent no reason phrase.
    pub fn status_line(&self) -> String {
        format!("{} {}", self.status, self.reason)
            .trim_end()
            .to_owned()
    }

    /// The wait from `now` that `Retry-After` asks for, in seconds or as a date (RFC 9110 §10.2.3). It is
    /// zero for a date in the past.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let value = self.headers.get("Retry-After")?.trim();
        match value.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => Some(http_date(value)?.duration_since(now).unwrap_or_default()),
        }
    }

    /// The body as text.
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The headers that explain the refusal, then the lines of the body.
    pub fn informative_lines(&self) -> Vec<String> {
        const INFORMATIVE: [&str; 8] = [
            "Location",
            "WWW-Authenticate",
            "Retry-After",
            "Upgrade",
            "Sec-WebSocket-Version",
            "Proxy-Authenticate",
            "Proxy-Status",
            "X-Squid-Error",
        ];
        let mut lines: Vec<String> = Vec::new();
        for name in INFORMATIVE {
            lines.extend(
                self.headers
                    .all(name)
                    .map(|value| format!("{name}: {value}")),
            );
        }
        let body = self.body_text();
        lines.extend(
            body.lines()
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned),
        );
        if self.body_cut {
            lines.push("…".to_owned());
        }
        lines
    }
}

/// Parses the date form that senders must use: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, date) = text.split_once(", ")?;
    let parts: Vec<&str> = date.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    humantime::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

/// The protocol that the peer speaks instead of HTTP/1. The peer is the subject of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotHttp {
    /// TLS.
    Tls,
    /// HTTP/2.
    Http2,
    /// Another protocol: its first line.
    Other(String),
}

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls => f.write_str("answered with TLS, not with HTTP"),
            Self::Http2 => f.write_str("answered with HTTP/2, not with HTTP/1.1"),
            Self::Other(line) => write!(f, "sent \"{line}\", which is not HTTP"),
        }
    }
}

/// Why a head could not be read.
#[derive(Debug)]
pub enum HeadError {
    /// The connection ended or failed before the head was complete: the bytes received so far.
    Ended(Option<std::io::Error>, Bytes),
    /// It is not HTTP/1.
    NotHttp(NotHttp),
    /// It is invalid HTTP.
    Malformed(String),
    /// It is larger than 64 KiB or has too many lines.
    TooLarge,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(Some(error), _) => write!(f, "{}", crate::secret::io_text(error)),
            Self::Ended(None, got) if got.is_empty() => f.write_str("it closed the connection"),
            Self::Ended(None, _) => {
                f.write_str("it closed the connection in the middle of a header")
            }
            Self::NotHttp(what) => write!(f, "it {what}"),
            Self::Malformed(why) => write!(f, "malformed HTTP: {why}"),
            Self::TooLarge => write!(f, "its header is larger than {} KiB", HEAD_LIMIT / 1024),
        }
    }
}

/// Reads from `stream` until `parse` finds a complete head. Bytes after it stay in `buffer`: frames may
/// arrive in the same segment.
///
/// `parse` returns the head and its length, or `None` if more bytes are needed.
async fn read_head<S, T>(
    stream: &mut S,
    buffer: &mut BytesMut,
    parse: impl Fn(&[u8]) -> Result<Option<(T, usize)>, HeadError>,
) -> Result<T, HeadError>
where
    S: AsyncRead + Unpin,
{
    loop {
        if !buffer.is_empty()
            && let Some((head, length)) = parse(buffer)?
        {
            // The limit must not depend on how the head was split into reads.
            if length > HEAD_LIMIT {
                return Err(HeadError::TooLarge);
            }
            let _ = buffer.split_to(length);
            return Ok(head);
        }
        if buffer.len() > HEAD_LIMIT {
            return Err(HeadError::TooLarge);
        }
        buffer.reserve(4096);
        match stream.read_buf(buffer).await {
            Ok(0) => return Err(HeadError::Ended(None, buffer.split().freeze())),
            Ok(_) => {}
            Err(error) => return Err(HeadError::Ended(Some(error), buffer.split().freeze())),
        }
    }
}

fn head_error(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooLarge,
        other => HeadError::Malformed(other.to_string()),
    }
}

/// Whether these bytes can be the start of an HTTP/1 response.
fn may_be_http(bytes: &[u8]) -> bool {
    let start = b"HTTP/1.";
    let length = bytes.len().min(start.len());
    bytes[..length] == start[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_in_lists_over_several_lines() {
        let headers = Headers(vec![
            ("connection".into(), "keep-alive, Upgrade".into()),
            ("Connection".into(), "x".into()),
        ]);
        assert!(headers.has_token("Connection", "upgrade"));
        assert!(headers.has_token("Connection", "X"));
        assert!(!headers.has_token("Connection", "up"));
        assert!(!headers.has_token("Upgrade", "websocket"));
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
        let asked = |value: &str| {
            let refusal = Refusal {
                status: 503,
                reason: String::new(),
                headers: Headers(vec![("retry-after".into(), value.into())]),
                body: Vec::new(),
                body_cut: false,
            };
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
            refusal.retry_after(now).map(|wait| wait.as_secs())
        };
        let table = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Foo 1994 08:49:47 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("soon", None),
            ("-1", None),
        ];
        for (value, seconds) in table {
            assert_eq!(asked(value), seconds, "{value}");
        }
    }

    #[test]
    fn garbage_is_told_from_http_by_its_first_byte() {
        assert!(may_be_http(b"HT"));
        assert!(may_be_http(b"HTTP/1.1 200 OK"));
        assert!(!may_be_http(b"SSH-2.0"));
        assert!(!may_be_http(b"H2"));
    }
}
