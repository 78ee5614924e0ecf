//! The client side of the handshake: writes the request, reads the response and checks it against
//! RFC 6455 §4.1.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::{read_answer, read_refusal};
use super::{HeadError, Headers, HttpVersion, NotHttp, Refusal, Response};
use crate::connection::error::{Error, ErrorKind, Stage};
use crate::connection::progress::{Progress, Reporter};
use crate::connection::target::{Address, RequestHeader, UpgradeOptions, is_token_byte};
use crate::connection::wire::negotiation::{self, NegotiatedDeflate};
use crate::secret::redact_url;

/// The default `User-Agent`.
pub const USER_AGENT: &str = concat!("wsprobe/", env!("CARGO_PKG_VERSION"));

/// A handshake that succeeded.
#[derive(Debug)]
pub struct Upgraded {
    /// The request's lines, credentials included.
    pub request: Vec<String>,
    /// The 101 response.
    pub answer: Response,
    /// The subprotocol that was chosen.
    pub subprotocol: Option<String>,
    /// permessage-deflate, if the server accepted it.
    pub compression: Option<NegotiatedDeflate>,
    /// Bytes received after the head: the first frames.
    pub leftover: Bytes,
}

/// Sends the upgrade request and checks the response.
///
/// # Errors
/// [`ErrorKind::Refused`] for another status, [`ErrorKind::Handshake`] for a response that violates RFC 6455,
/// [`ErrorKind::Lost`] when the connection ends first.
pub async fn upgrade<S>(
    stream: &mut S,
    address: &Address,
    request: &UpgradeOptions,
    reporter: &Reporter,
    deadline: Instant,
) -> Result<Upgraded, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = RequestHead::new(address, request)?;
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
        let refusal = read_refusal(stream, answer, buffer, deadline, request.refusal_body).await;
        let hint = hint_for(&refusal, address, request);
        return Err(Error::refused(refusal, hint));
    }
    let (compression, subprotocol) = read_101(&answer, &head.accept_key, request)?;
    warn_if_no_subprotocol(&answer.headers, request, reporter);
    Ok(Upgraded {
        request: head.lines,
        answer,
        subprotocol,
        compression,
        leftover: buffer.freeze(),
    })
}

/// Checks a 101, and returns the compression and the subprotocol that were negotiated.
///
/// # Errors
/// [`ErrorKind::Handshake`] or [`ErrorKind::AcceptKey`]: which rule of RFC 6455 it violates.
pub(in crate::connection) fn read_101(
    answer: &Response,
    accept_key: &str,
    request: &UpgradeOptions,
) -> Result<(Option<NegotiatedDeflate>, Option<String>), Error> {
    if let Some(line) = answer.malformed.first() {
        let message =
            format!("the server's response is malformed HTTP: invalid header line \"{line}\"");
        return Err(Error::new(ErrorKind::Handshake, Stage::Upgrade, message));
    }
    check(answer, accept_key)?;
    let compression = agreed_compression(&answer.headers, request)?;
    let subprotocol = chosen_subprotocol(&answer.headers, request)?;
    Ok((compression, subprotocol))
}

/// The request that is sent.
struct RequestHead {
    /// The request line, then each header line.
    lines: Vec<String>,
    /// The expected `Sec-WebSocket-Accept`.
    accept_key: String,
}

/// All headers of the request in the order in which they are sent. It includes headers without a value,
/// which the user removed.
///
/// # Errors
/// The operating system provides no random numbers.
pub(in crate::connection) fn headers(
    address: &Address,
    request: &UpgradeOptions,
) -> Result<Vec<RequestHeader>, Error> {
    let mut headers = vec![
        RequestHeader::new("Host", &address.host_header),
        RequestHeader::new("Connection", "Upgrade"),
        RequestHeader::new("Upgrade", "websocket"),
        RequestHeader::new("Sec-WebSocket-Version", "13"),
        RequestHeader::new("Sec-WebSocket-Key", BASE64.encode(nonce()?)),
        RequestHeader::new("User-Agent", USER_AGENT),
    ];
    if !request.subprotocols.is_empty() {
        headers.push(RequestHeader::new(
            "Sec-WebSocket-Protocol",
            request.offered_subprotocols().join(", "),
        ));
    }
    if let Some(offer) = &request.compression {
        headers.push(RequestHeader::new(
            "Sec-WebSocket-Extensions",
            offer.to_string(),
        ));
    }
    if let Some((user, password)) = &address.user_info {
        headers.push(RequestHeader::basic(user, password));
    }
    // A header given by the user replaces ours, so that any request can be sent.
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
    Ok(headers)
}

impl RequestHead {
    fn new(address: &Address, request: &UpgradeOptions) -> Result<Self, Error> {
        let headers = headers(address, request)?;
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
        Ok(Self {
            lines,
            accept_key: derive_accept_key(key.as_bytes()),
        })
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

/// The 16 random bytes of `Sec-WebSocket-Key` (RFC 6455 §4.1, item 7).
fn nonce() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::no_randomness(&error))?;
    Ok(bytes)
}

/// The error for a response whose head could not be read.
pub(in crate::connection) fn lost(error: &HeadError) -> Error {
    if let HeadError::Ended(Some(io), _) = error
        && let Some(late) = crate::connection::tls::late_failure(io)
    {
        return late;
    }
    let failed = |kind, message| Error::new(kind, Stage::Upgrade, message);
    match error {
        HeadError::Ended(..) => failed(
            ErrorKind::Lost,
            format!("the connection was lost before the handshake was answered: {error}"),
        )
        .hint("check the port and the scheme: wss:// for a TLS port, ws:// for a plain one"),
        HeadError::NotHttp(protocol) => {
            let error = failed(ErrorKind::Handshake, format!("the server {protocol}"));
            error.hint(match protocol {
                NotHttp::Tls => "this port expects TLS; try wss:// instead of ws://",
                NotHttp::Http2 => "use --http2 for a server that supports only HTTP/2",
                NotHttp::Other(_) => "check the port: this is not a web server",
            })
        }
        _ => failed(
            ErrorKind::Handshake,
            format!("invalid response to the handshake: {error}"),
        )
        .hint("check the port; a TLS port needs wss://"),
    }
}

fn broken(what: &str) -> Error {
    let message = format!("the server's response violates RFC 6455: {what}");
    Error::new(ErrorKind::Handshake, Stage::Upgrade, message)
}

/// Checks a 101 against RFC 6455 §4.1.
fn check(answer: &Response, accept_key: &str) -> Result<(), Error> {
    if answer.version == HttpVersion::OneZero {
        return Err(broken("101 in HTTP/1.0, which does not support Upgrade"));
    }
    let headers = &answer.headers;
    let all = |name: &str| headers.all(name).collect::<Vec<_>>().join(", ");
    let lacks = |name: &str, token: &str| {
        let what = match all(name).as_str() {
            "" => format!("missing header \"{name}: {token}\""),
            value => format!("{name} is \"{value}\", expected \"{token}\""),
        };
        Err(broken(&what))
    };
    // `Upgrade` must be this value, `Connection` must contain this token.
    if !all("Upgrade").trim().eq_ignore_ascii_case("websocket") {
        return lacks("Upgrade", "websocket");
    }
    if !headers.has_token("Connection", "Upgrade") {
        return lacks("Connection", "Upgrade");
    }
    // RFC 6455 §11.3.3 allows the header once.
    let unproven = |what: &str| Error {
        kind: ErrorKind::AcceptKey,
        ..broken(what)
    };
    if headers.all("Sec-WebSocket-Accept").count() > 1 {
        return Err(unproven("more than one Sec-WebSocket-Accept"));
    }
    match headers.get("Sec-WebSocket-Accept") {
        Some(value) if value.trim() == accept_key => Ok(()),
        Some(value) => {
            let what = format!("Sec-WebSocket-Accept is \"{value}\", expected \"{accept_key}\"");
            Err(unproven(&what).hint("a cache or a proxy may have answered instead of the server"))
        }
        None => Err(unproven("missing header Sec-WebSocket-Accept")),
    }
}

/// The compression that the server accepted (RFC 6455 §9.1, RFC 7692 §7.1).
pub(in crate::connection) fn agreed_compression(
    headers: &Headers,
    request: &UpgradeOptions,
) -> Result<Option<NegotiatedDeflate>, Error> {
    let answered: Vec<&str> = headers
        .all("Sec-WebSocket-Extensions")
        .filter(|value| !value.trim().is_empty())
        .collect();
    let name = |answer: &&str| {
        answer
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let foreign = answered.iter().flat_map(|value| value.split(','));
    let foreign = foreign.map(|answer| name(&answer)).find(|name| {
        !name.eq_ignore_ascii_case(negotiation::NAME) && request.offers_extension(name)
    });
    if let Some(name) = foreign {
        let message = format!(
            "the server accepted the extension \"{name}\", which -H offered but wsprobe does not support"
        );
        return Err(Error::new(ErrorKind::Handshake, Stage::Upgrade, message));
    }
    match request.offered_compression() {
        None if answered.is_empty() => Ok(None),
        None => Err(broken(&format!(
            "it accepted the extension \"{}\", which was not offered",
            answered.join(", ")
        ))),
        Some(offer) => offer.read_answer(answered).map_err(|error| {
            broken(&format!("invalid Sec-WebSocket-Extensions: {error}"))
                .hint("--no-compress disables permessage-deflate")
        }),
    }
}

/// The subprotocol that the server chose from those offered.
pub(in crate::connection) fn chosen_subprotocol(
    headers: &Headers,
    request: &UpgradeOptions,
) -> Result<Option<String>, Error> {
    let mut chosen = headers.all("Sec-WebSocket-Protocol");
    match (chosen.next().map(str::trim), chosen.next()) {
        (None, _) => Ok(None),
        (Some(""), None) => Err(broken("its Sec-WebSocket-Protocol header is empty")),
        (Some(one), None) if request.offered_subprotocols().contains(&one) => {
            Ok(Some(one.to_owned()))
        }
        (Some(one), None) => {
            let offered = match request.offered_subprotocols().as_slice() {
                [] => "none was offered".to_owned(),
                some => format!("offered: {}", some.join(", ")),
            };
            let error = broken(&format!("it chose the subprotocol \"{one}\" ({offered})"));
            Err(if one.bytes().all(is_token_byte) {
                error.hint(format!("offer it with --subprotocol {one}"))
            } else {
                error
            })
        }
        (Some(_), Some(_)) => Err(broken("it chose more than one subprotocol")),
    }
}

/// Warns if subprotocols were offered and the server chose none: that is legal, but browsers close the
/// connection.
pub(in crate::connection) fn warn_if_no_subprotocol(
    headers: &Headers,
    request: &UpgradeOptions,
    reporter: &Reporter,
) {
    if headers.get("Sec-WebSocket-Protocol").is_none() && !request.offered_subprotocols().is_empty()
    {
        let text = "the server did not choose any of the offered subprotocols; browsers close such a connection";
        reporter.report(|| Progress::Warning(text.to_owned()));
    }
}

/// The hint for a refusal.
pub(in crate::connection) fn hint_for(
    refusal: &Refusal,
    address: &Address,
    request: &UpgradeOptions,
) -> Option<String> {
    let hint = hint_by_status(refusal, address, request)?;
    let query = address.request_target.split_once('?');
    let one_value = query.is_some_and(|(_, query)| query.contains('=') && !query.contains('&'));
    if (400..=404).contains(&refusal.status) && one_value {
        return Some(format!(
            "{hint}; quote a URL that contains &, or the shell cuts it off there"
        ));
    }
    Some(hint)
}

fn hint_by_status(
    refusal: &Refusal,
    address: &Address,
    request: &UpgradeOptions,
) -> Option<String> {
    let sends = |name: &str| {
        request
            .headers
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case(name))
    };
    let authorized = sends("Authorization") || address.user_info.is_some();
    let hint = match refusal.status {
        200..=299 => "the server sent a web page; check the path of the WebSocket endpoint",
        300..=399 => {
            let location = redact_url(refusal.headers.get("Location")?);
            return Some(format!("it redirects to {location}; -L follows redirects"));
        }
        400 if refusal.body_text().contains("HTTPS port") => {
            "this port expects TLS; try wss:// instead of ws://"
        }
        // The ws library of Node.js answers 400 to a wrong path.
        400 => {
            let path = redact_url(&address.request_target);
            return Some(format!(
                "check the path ({path}) and whether the server requires a subprotocol (-s); -v shows the request"
            ));
        }
        401 => return Some(hint_for_credentials(refusal, authorized)),
        403 if sends("Origin") => {
            "the server may not allow this Origin, or it requires credentials: -u USER, --bearer @FILE, or -b COOKIE"
        }
        403 => {
            "the server may check the Origin: try --origin https://SITE, or credentials (-u, --bearer)"
        }
        404 => {
            let path = redact_url(&address.request_target);
            return Some(format!("check the path: {path}"));
        }
        405 => "this endpoint does not allow GET; check the path of the WebSocket endpoint",
        407 => {
            return Some(hint_for_proxy(&refusal.headers).unwrap_or_else(|| {
                "a proxy requires credentials: --proxy http://USER:PASSWORD@HOST:PORT".to_owned()
            }));
        }
        426 => return Some(upgrade_hint(refusal)),
        429 | 503 => {
            let Some(time) = refusal.headers.get("Retry-After") else {
                return Some(
                    "the server is overloaded or limits requests; try again later".to_owned(),
                );
            };
            return Some(format!("try again later (Retry-After: {time})"));
        }
        502 | 504 => {
            "a gateway answered: the server behind it is down or does not accept WebSocket"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The hint for a 401, where credentials were sent (`authorized`) or not.
fn hint_for_credentials(refusal: &Refusal, authorized: bool) -> String {
    let asked = Challenges::of(&refusal.headers, "WWW-Authenticate");
    if let Some(schemes) = asked.all_but(&["Basic", "Bearer"]) {
        return format!(
            "the server requires {schemes} authentication; wsprobe supports only Basic (-u) and Bearer (--bearer)"
        );
    }
    match authorized {
        true => "the server rejected these credentials".to_owned(),
        false => {
            "the server requires credentials: -u USER, --bearer @FILE, or -b COOKIE".to_owned()
        }
    }
}

/// The authentication schemes that a response requires (RFC 9110 §11.6.1).
struct Challenges(Vec<String>);

impl Challenges {
    /// Reads all headers of that name. A header may contain several challenges, and a challenge may
    /// contain commas: a scheme is a word without a following `=`.
    fn of(headers: &Headers, name: &str) -> Self {
        let mut schemes: Vec<String> = Vec::new();
        for part in headers.all(name).flat_map(|value| value.split(',')) {
            let mut words = part.split_ascii_whitespace();
            let (Some(first), second) = (words.next(), words.next()) else {
                continue;
            };
            let is_parameter =
                first.contains('=') || second.is_some_and(|word| word.starts_with('='));
            let is_new = !schemes
                .iter()
                .any(|known| known.eq_ignore_ascii_case(first));
            if !is_parameter && is_new && first.bytes().all(is_token_byte) {
                schemes.push(first.to_owned());
            }
        }
        Self(schemes)
    }

    /// The required schemes, if none of them is supported.
    fn all_but(&self, supported: &[&str]) -> Option<String> {
        let is_supported = |scheme: &String| {
            supported
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known))
        };
        let none = !self.0.is_empty() && !self.0.iter().any(is_supported);
        none.then(|| self.0.join(" or "))
    }
}

/// The hint for a 407 that requires an unsupported authentication scheme.
pub(in crate::connection) fn hint_for_proxy(headers: &Headers) -> Option<String> {
    let schemes = Challenges::of(headers, "Proxy-Authenticate").all_but(&["Basic"])?;
    Some(format!(
        "the proxy requires {schemes} authentication; wsprobe supports only Basic (a user and password in the proxy's URL)"
    ))
}

/// The hint for a 426, which names what the server requires (RFC 9110 §15.5.22, RFC 6455 §4.4).
fn upgrade_hint(refusal: &Refusal) -> String {
    if let Some(versions) = refusal.headers.get("Sec-WebSocket-Version") {
        return format!(
            "the server supports the WebSocket versions {versions}; wsprobe offered 13"
        );
    }
    match refusal.headers.get("Upgrade") {
        Some(protocol) if !protocol.eq_ignore_ascii_case("websocket") => {
            format!("the server requires an upgrade to {protocol}")
        }
        _ => {
            "the server did not receive the Upgrade header; a proxy may have removed it".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::target::Subprotocol;

    fn request_lines(typed: &str, request: &UpgradeOptions) -> Vec<String> {
        let address = Address::parse(typed).expect(typed);
        RequestHead::new(&address, request)
            .expect("randomness")
            .lines
    }

    #[test]
    fn the_request_has_what_the_rfc_asks_for() {
        let request = UpgradeOptions {
            subprotocols: ["a", "b"].map(Subprotocol::new).to_vec(),
            ..UpgradeOptions::default()
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
            .map(|line| RequestHeader::parse(line).expect(line))
            .to_vec();
        let lines = request_lines(
            "ws://host/",
            &UpgradeOptions {
                headers,
                ..UpgradeOptions::default()
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
        let headers = vec![RequestHeader::new(
            "Sec-WebSocket-Key",
            "dGhlIHNhbXBsZSBub25jZQ==",
        )];
        let address = Address::parse("ws://host/").expect("a URL");
        let head = RequestHead::new(
            &address,
            &UpgradeOptions {
                headers,
                ..UpgradeOptions::default()
            },
        )
        .expect("randomness");
        assert_eq!(head.accept_key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
