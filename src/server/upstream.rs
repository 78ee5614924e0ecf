//! The server behind a proxy: the request and the response that are passed on, and the connection.
//!
//! Fields that belong to one hop (RFC 9110 §7.6.1), the key, the version and the extensions are each side's own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::unbounded_channel;

use super::event_queue::EventSender;
use crate::connection::error::{Error, ErrorKind};
use crate::connection::handshake::server::UpgradeRequest;
use crate::connection::handshake::{Headers, Refusal, Response};
use crate::connection::target::{RefusalBody, RequestHeader, UpgradeOptions};
use crate::connection::{Connection, Opened, Progress, Reporter, Target};
use crate::event::Event;
use crate::secret::{SEARCHED_FROM, Secret};

/// Header fields of one hop, of the opening handshake and of a body, none of which is passed on.
const OF_ONE_SIDE: [&str; 15] = [
    "Connection",
    "Content-Length",
    "Host",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

/// The server to which the clients' connections are joined.
#[derive(Clone, Debug)]
pub struct Upstream {
    target: Target,
    /// Credentials of clients that are redacted from now on.
    secrets: Arc<Mutex<HashSet<String>>>,
}

/// The most credentials of clients that are searched for in messages. In headers each is masked by its name.
const MOST_SECRETS: usize = 256;

impl Upstream {
    /// The server of this target. Its headers, subprotocols and credentials replace those of a client.
    pub fn new(mut target: Target) -> Self {
        target.request.refusal_body = RefusalBody::Whole;
        Self {
            target,
            secrets: Arc::default(),
        }
    }

    /// The URL for a client's request, redacted.
    pub fn shown(&self) -> &str {
        &self.target.address.shown
    }

    /// Opens a connection for a client's request.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn open(
        &self,
        request: &UpgradeRequest,
        sender: &EventSender,
    ) -> Result<(Connection, Opened, String), Error> {
        let target = self.target_for(request);
        let url = target.address.shown.clone();
        self.hide_secrets(&target, sender);
        sender.send(Event::Connecting {
            url: url.clone(),
            attempt: 1,
        });
        let (reports, mut reported) = unbounded_channel();
        let opening = Connection::open(&target, &Reporter(Some(reports))).await;
        while let Ok(progress) = reported.try_recv() {
            sender.send(match progress {
                Progress::Secret(secret) => Event::Secret(secret),
                progress => Event::Progress(Box::new(progress)),
            });
        }
        let (mut connection, opened) = opening?;
        connection.relay();
        Ok((connection, opened, url))
    }

    /// Redacts the credentials of a client in all output, where messages may repeat them.
    fn hide_secrets(&self, target: &Target, sender: &EventSender) {
        let headers = target.request.headers.iter();
        let headers = headers.filter(|header| header.is_credential());
        let secrets = headers.flat_map(RequestHeader::secrets);
        // No code panics while it holds the lock.
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets.chain(target.address.tokens()) {
            if secret.len() >= SEARCHED_FROM
                && known.len() < MOST_SECRETS
                && known.insert(secret.clone())
            {
                sender.send(Event::Secret(Secret::new(secret)));
            }
        }
    }

    /// The target of a client's request.
    fn target_for(&self, request: &UpgradeRequest) -> Target {
        let mut target = self.target.clone();
        let base = &self.target.address.request_target;
        target.address = target
            .address
            .with_request_target(request_target(base, &request.target));
        target.request = self.options_for(request);
        target
    }

    /// The client's headers that are passed on, then those of the target.
    fn options_for(&self, request: &UpgradeRequest) -> UpgradeOptions {
        let own = &self.target.request;
        let is_replaced = |name: &str| {
            let has = |other: &str| name.eq_ignore_ascii_case(other);
            let is_authorized =
                own.credentials.is_some() || self.target.address.user_info.is_some();
            own.headers.iter().any(|header| has(&header.name))
                || (has("Authorization") && is_authorized)
                || (has("Sec-WebSocket-Protocol") && !own.subprotocols.is_empty())
        };
        let mut headers: Vec<RequestHeader> = passed_on(&request.headers)
            .filter(|(name, _)| !is_replaced(name))
            .map(|(name, value)| RequestHeader::new(name, value))
            .collect();
        if request.headers.get("User-Agent").is_none() && !is_replaced("User-Agent") {
            headers.push(RequestHeader::left_out("User-Agent"));
        }
        headers.extend(own.headers.iter().cloned());
        UpgradeOptions {
            headers,
            ..own.clone()
        }
    }
}

/// The header lines that are passed on, without control characters (RFC 9110 §5.5).
fn passed_on(headers: &Headers) -> impl Iterator<Item = (&str, String)> {
    let is_of_one_side = |name: &str| {
        OF_ONE_SIDE
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
            || headers.has_token("Connection", name)
            || name.starts_with(':')
    };
    let lines = headers.0.iter();
    lines
        .filter(move |(name, _)| !is_of_one_side(name))
        .map(|(name, value)| (name.as_str(), without_controls(value)))
}

fn without_controls(text: &str) -> String {
    let is_kept = |c: char| c == '\t' || !c.is_ascii_control();
    text.chars()
        .map(|c| if is_kept(c) { c } else { ' ' })
        .collect()
}

/// The path and query for a client: the ones of the URL, or, where its path ends in `/`, with the client's after them.
fn request_target(base: &str, asked: &str) -> String {
    let (path, query) = base.split_once('?').unwrap_or((base, ""));
    if !path.ends_with('/') {
        return base.to_owned();
    }
    // A client of a proxy may send the whole URL (RFC 9112 §3.2.2).
    let asked = match asked.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            rest.find(['/', '?']).map_or("", |at| &rest[at..])
        }
        _ => asked,
    };
    let (more, more_query) = asked.split_once('?').unwrap_or((asked, ""));
    let more = more.strip_prefix('/').unwrap_or(more);
    let queries = [query, more_query];
    let queries: Vec<&str> = queries
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let mark = if queries.is_empty() { "" } else { "?" };
    format!("{path}{more}{mark}{}", queries.join("&"))
}

/// Adds the server's headers to our response.
pub fn pass_back(answer: &Response, ours: &mut Headers) {
    let lines = passed_on(&answer.headers).filter(|(name, _)| !is_protocol(name));
    ours.0
        .extend(lines.map(|(name, value)| (name.to_owned(), value)));
}

/// The subprotocol is answered by the client's own offer.
fn is_protocol(name: &str) -> bool {
    name.eq_ignore_ascii_case("Sec-WebSocket-Protocol")
}

/// The response for a client whose connection could not be opened: the server's own refusal, or what went wrong.
pub fn refusal(error: &Error) -> Refusal {
    if let (ErrorKind::Refused, Some(refused)) = (error.kind, &error.refusal) {
        // What a 426 asks for (RFC 9110 §15.5.22) holds for the client, too.
        let asked = ["Upgrade", "Sec-WebSocket-Version"];
        let asked = asked.into_iter().flat_map(|name| {
            let values = refused.headers.all(name);
            values.map(move |value| (name, without_controls(value)))
        });
        let lines = passed_on(&refused.headers).chain(asked);
        let lines = lines.map(|(name, value)| (name.to_owned(), value));
        return Refusal {
            reason: without_controls(&refused.reason),
            headers: Headers(lines.collect()),
            ..(**refused).clone()
        };
    }
    let (status, reason) = match error.kind {
        ErrorKind::Timeout => (504, "Gateway Timeout"),
        _ => (502, "Bad Gateway"),
    };
    Refusal {
        status,
        reason: reason.to_owned(),
        headers: Headers(vec![(
            "Content-Type".to_owned(),
            "text/plain; charset=utf-8".to_owned(),
        )]),
        body: format!("wsprobe proxy: {}\n", error.message).into_bytes(),
        body_cut: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_urls_or_the_clients_after_it() {
        let table = [
            ("/", "/", "/"),
            ("/", "/feed?x=1", "/feed?x=1"),
            ("/base/", "/feed", "/base/feed"),
            ("/base/", "/", "/base/"),
            ("/base", "/feed?x=1", "/base"),
            ("/base?token=t", "/feed", "/base?token=t"),
            ("/?token=t", "/feed?x=1", "/feed?token=t&x=1"),
            ("/?token=t", "/", "/?token=t"),
            ("/", "http://proxy.example/feed?x", "/feed?x"),
            ("/", "http://proxy.example", "/"),
            (
                "/",
                "/?to=http://other.example/x",
                "/?to=http://other.example/x",
            ),
            ("/", "*", "/*"),
            ("/", "//other.example/", "//other.example/"),
        ];
        for (base, asked, expected) in table {
            assert_eq!(request_target(base, asked), expected, "{base} {asked}");
        }
    }

    #[test]
    fn headers_of_one_hop_stay_and_others_go_on_without_control_characters() {
        let headers = [
            ("Connection", "keep-alive, X-Hop, Upgrade"),
            ("X-Hop", "1"),
            ("upgrade", "websocket"),
            ("Cookie", "a=b"),
            ("Set-Cookie", "a=1"),
            ("set-cookie", "b=2\r\nX: y"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = Headers(headers.to_vec());
        let passed: Vec<_> = passed_on(&headers).collect();
        let expected = [
            ("Cookie", "a=b".to_owned()),
            ("Set-Cookie", "a=1".to_owned()),
            ("set-cookie", "b=2  X: y".to_owned()),
        ];
        assert_eq!(passed, expected);
    }
}
