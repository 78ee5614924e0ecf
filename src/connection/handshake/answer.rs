//! Reads the response of a server: its head, and the body of a refusal.
//!
//! wsprobe is used against faulty servers. So a head is read as long as it can be split into lines, and
//! invalid parts are reported.

use std::io::Read;
use std::time::Duration;

use bytes::BytesMut;
use flate2::read::{GzDecoder, ZlibDecoder};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::{
    HEADER_LIMIT, HeadError, Headers, HttpVersion, NotHttp, Refusal, Response, head_error,
    may_be_http, read_head,
};
use crate::connection::target::{RefusalBody, is_token_byte};
use crate::units;

/// The maximum number of bytes kept of a compressed body that is shown.
const BODY_LIMIT: usize = RefusalBody::Excerpt.limit();
/// The maximum time to wait for the body of a refusal.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// The maximum number of interim responses (1xx) that are skipped.
pub(in crate::connection) const INTERIM_LIMIT: usize = 100;
/// How long to wait for the rest of the first line of a server that does not speak HTTP.
const BANNER_WAIT: Duration = Duration::from_millis(200);
/// The maximum number of bytes shown of that line.
const BANNER: usize = 64;

/// Reads the head of a response; the bytes after it stay in `buffer`.
pub(in crate::connection) async fn read_answer<S>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> Result<Response, HeadError>
where
    S: AsyncRead + Unpin,
{
    // 100 Continue, 103 Early Hints: the final response follows an interim one (RFC 9110 §15.2).
    for _ in 0..=INTERIM_LIMIT {
        match read_head(stream, buffer, parse_answer).await {
            Ok(answer) if answer.status == 101 || answer.status >= 200 => return Ok(answer),
            Ok(answer) if answer.status < 100 => {
                let what = format!("invalid status {:03}", answer.status);
                return Err(HeadError::Malformed(what));
            }
            Ok(_) => {}
            Err(HeadError::NotHttp(_)) => return Err(identify(stream, buffer).await),
            Err(error) => return Err(error),
        }
    }
    Err(HeadError::Malformed(format!(
        "more than {INTERIM_LIMIT} interim responses (1xx)"
    )))
}

/// Reads the first line of a server that does not speak HTTP: most name their protocol in it.
async fn identify<S>(stream: &mut S, buffer: &mut BytesMut) -> HeadError
where
    S: AsyncRead + Unpin,
{
    let rest = async {
        while buffer.len() < BANNER && !buffer.contains(&b'\n') {
            match stream.read_buf(buffer).await {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    };
    let _ = tokio::time::timeout(BANNER_WAIT, rest).await;
    HeadError::NotHttp(recognised(buffer))
}

/// The protocol that starts with these bytes, which are not HTTP/1.
fn recognised(bytes: &[u8]) -> NotHttp {
    match bytes {
        // An alert or a handshake record (RFC 8446 §5.1).
        [0x15 | 0x16, 3, 0..=4, ..] => NotHttp::Tls,
        // A SETTINGS frame on stream 0 (RFC 9113 §3.4).
        [0, 0, _, 4, 0, 0, 0, 0, 0, ..] => NotHttp::Http2,
        _ => {
            let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next();
            let line = line.filter(|line| !line.is_empty()).unwrap_or(bytes);
            NotHttp::Other(String::from_utf8_lossy(&line[..line.len().min(BANNER)]).into_owned())
        }
    }
}

/// Parses a head. RFC 9110 §5.5 allows to keep control characters in values where that is safe. It is
/// safe here, because they are printed escaped. The parser rejects them, so it gets a copy without them.
fn parse_answer(bytes: &[u8]) -> Result<Option<(Response, usize)>, HeadError> {
    if !may_be_http(bytes) {
        return Err(HeadError::NotHttp(recognised(bytes)));
    }
    let tame = without_controls(bytes);
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(&tame) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error @ (httparse::Error::HeaderName | httparse::Error::HeaderValue)) => {
            return parse_line_by_line(bytes, &tame).map_err(|()| head_error(error));
        }
        Err(error) => return Err(head_error(error)),
    };
    let as_sent = |part: &[u8]| -> String {
        let at = part.as_ptr() as usize - tame.as_ptr() as usize;
        super::text_of(&bytes[at..at + part.len()])
    };
    let answer = Response {
        version: match response.version {
            Some(0) => HttpVersion::OneZero,
            _ => HttpVersion::OneOne,
        },
        status: response.code.unwrap_or_default(),
        reason: response
            .reason
            .filter(|reason| !reason.is_empty())
            .map(|reason| as_sent(reason.as_bytes()))
            .unwrap_or_default(),
        headers: Headers(
            response
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), value_of(header.value, as_sent)))
                .collect(),
        ),
        malformed: Vec::new(),
    };
    Ok(Some((answer, length)))
}

/// Parses a head that contains an invalid header line, without losing the other lines.
fn parse_line_by_line(bytes: &[u8], tame: &[u8]) -> Result<Option<(Response, usize)>, ()> {
    let mut lines = Vec::new();
    let mut start = 0;
    let length = loop {
        let Some(end) = tame[start..].iter().position(|&byte| byte == b'\n') else {
            return Ok(None);
        };
        let end = start + end;
        let line = start..end - usize::from(tame[..end].ends_with(b"\r") && end > start);
        start = end + 1;
        if line.is_empty() {
            break start;
        }
        lines.push(line);
    };
    let mut lines = lines.into_iter();
    let first = [&tame[lines.next().ok_or(())?], b"\r\n\r\n"].concat();
    let (mut answer, _) = parse_answer(&first).map_err(|_| ())?.ok_or(())?;
    for line in lines {
        let colon = tame[line.clone()].iter().position(|&byte| byte == b':');
        let name = colon.map(|colon| &tame[line.start..line.start + colon]);
        match (colon, name.map(std::str::from_utf8)) {
            (Some(colon), Some(Ok(name)))
                if !name.is_empty() && name.bytes().all(is_token_byte) =>
            {
                let value = super::text_of(&bytes[line.start + colon + 1..line.end]);
                answer
                    .headers
                    .0
                    .push((name.to_owned(), value.trim().to_owned()));
            }
            _ => answer.malformed.push(super::text_of(&bytes[line])),
        }
        if answer.headers.0.len() + answer.malformed.len() > HEADER_LIMIT {
            return Err(());
        }
    }
    Ok(Some((answer, length)))
}

/// A value as it was sent. An empty one may not point into the buffer.
fn value_of(value: &[u8], as_sent: impl Fn(&[u8]) -> String) -> String {
    if value.is_empty() {
        return String::new();
    }
    as_sent(value)
}

/// Replaces each byte that the parser rejects and that does not end a line: non-ASCII bytes, control
/// characters and CR without LF.
fn without_controls(bytes: &[u8]) -> Vec<u8> {
    let next = bytes.iter().skip(1).chain([&b'\n']);
    let pairs = bytes.iter().zip(next);
    let tame = pairs.map(|(&byte, &next)| match byte {
        b'\t' | b'\n' | b' '..=b'~' => byte,
        b'\r' if next == b'\n' => byte,
        _ => b'_',
    });
    tame.collect()
}

/// The maximum number of characters shown of the name of a content coding.
const LONGEST_CODING: usize = 40;

/// How long to wait for the body of a refusal. It is shorter than the rest of the time limit, so that the
/// refusal is not lost to a timeout.
pub(in crate::connection) fn body_wait(deadline: Instant, kept: RefusalBody) -> Duration {
    let half = deadline.saturating_duration_since(Instant::now()) / 2;
    match kept {
        RefusalBody::Excerpt => BODY_WAIT.min(half),
        RefusalBody::Whole => half,
    }
}

/// Reads the body of a refusal within the limits of size and time.
pub(in crate::connection) async fn read_refusal<S>(
    stream: &mut S,
    answer: Response,
    mut buffer: BytesMut,
    deadline: Instant,
    kept: RefusalBody,
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
    let limit = kept.limit();
    let whole = |raw: &[u8]| {
        if chunked {
            let (body, ended) = unchunk(raw);
            ended || body.len() > limit
        } else {
            raw.len() > limit || declared.is_some_and(|length| raw.len() >= length)
        }
    };
    // Chunk sizes and extensions add to the size of the body.
    let raw_limit = limit * 8;
    let reading = async {
        while !empty && !whole(&buffer) && buffer.len() < raw_limit {
            match stream.read_buf(&mut buffer).await {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    };
    // After a timeout the part received so far is shown.
    let _ = tokio::time::timeout(body_wait(deadline, kept), reading).await;
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
    let body_cut = body.len() > limit || declared.is_some_and(|length| length > body.len());
    body.truncate(limit);
    let body = match kept {
        RefusalBody::Excerpt => readable(&answer.headers, body),
        RefusalBody::Whole => body,
    };
    Refusal {
        status: answer.status,
        reason: answer.reason,
        headers: answer.headers,
        body,
        body_cut,
    }
}

/// A body as readable text: decompressed if possible, else its coding and size.
pub fn readable(headers: &Headers, body: Vec<u8>) -> Vec<u8> {
    let coding = headers
        .all("Content-Encoding")
        .collect::<Vec<_>>()
        .join(", ");
    let inflated = match coding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => return body,
        _ if body.is_empty() => return body,
        "gzip" | "x-gzip" => inflate(GzDecoder::new(&*body)),
        "deflate" => inflate(ZlibDecoder::new(&*body)),
        _ => Vec::new(),
    };
    if inflated.is_empty() {
        let coding: String = coding.chars().take(LONGEST_CODING).collect();
        return format!("({coding}, {})", units::bytes(body.len())).into_bytes();
    }
    inflated
}

/// Decompresses as much as possible, since the body may be truncated.
fn inflate(decoder: impl Read) -> Vec<u8> {
    let mut inflated = Vec::new();
    // The output before an error is kept.
    let _ = decoder.take(BODY_LIMIT as u64).read_to_end(&mut inflated);
    inflated
}

/// Decodes the part of a chunked body that has arrived (RFC 9112 §7.1). Returns true after the last chunk
/// or for an invalid encoding.
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

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

    #[test]
    fn what_a_head_holds_is_kept_as_it_came() {
        let sent = "HTTP/1.1 403 \x1b[2JNö\r\nX: \x07\u{9b}\0\x7f\rz\r\nEmpty:\r\n\r\n";
        let (answer, length) = parse_answer(sent.as_bytes()).expect("http").expect("whole");
        assert_eq!(length, sent.len());
        assert_eq!(answer.reason, "\x1b[2JNö");
        assert_eq!(answer.headers.get("X"), Some("\x07\u{9b}\0\x7f\rz"));
        assert_eq!(answer.headers.get("Empty"), Some(""));
    }

    #[test]
    fn a_line_that_is_no_header_does_not_hide_the_others() {
        let sent = "HTTP/1.1 101 Switching\r\nA: 1\r\nX Y: 1\r\n folded\r\n: none\r\nplain\r\nB: 2\r\n\r\nrest";
        let (answer, length) = parse_answer(sent.as_bytes()).expect("http").expect("whole");
        assert_eq!(&sent[length..], "rest");
        assert_eq!((answer.status, answer.reason.as_str()), (101, "Switching"));
        assert_eq!(answer.headers.get("A"), Some("1"));
        assert_eq!(answer.headers.get("B"), Some("2"));
        assert_eq!(answer.malformed, ["X Y: 1", " folded", ": none", "plain"]);
        assert!(matches!(
            parse_answer(b"HTTP/1.1 101 a\r\nX Y: 1\r\n"),
            Ok(None)
        ));
    }

    #[test]
    fn compressed_bodies_are_inflated_or_named() {
        let gzipped = {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(b"quota exceeded").expect("in memory");
            encoder.finish().expect("in memory")
        };
        let headers = |coding: &str| Headers(vec![("Content-Encoding".into(), coding.into())]);
        let text = |coding: &str, body: &[u8]| readable(&headers(coding), body.to_vec());
        assert_eq!(text("gzip", &gzipped), b"quota exceeded");
        assert_eq!(
            text("x-gzip", &gzipped[..gzipped.len() - 9]),
            b"quota exceeded"
        );
        assert_eq!(text("identity", b"plain"), b"plain");
        assert_eq!(text("br", b"12345"), b"(br, 5 bytes)");
        assert_eq!(text("gzip", b"no gzip"), b"(gzip, 7 bytes)");
    }

    #[test]
    fn other_protocols_are_recognised() {
        assert!(matches!(recognised(b"\x15\x03\x01\x00\x02"), NotHttp::Tls));
        assert!(matches!(
            recognised(b"\0\0\x12\x04\0\0\0\0\0\0\x03"),
            NotHttp::Http2
        ));
        let line = |bytes| recognised(bytes).to_string();
        assert_eq!(
            line(b"SSH-2.0-x\r\nmore"),
            "sent \"SSH-2.0-x\", which is not HTTP"
        );
    }
}
