//! A request is judged: it is a handshake that succeeds, or it is answered in HTTP and told why.

use super::config::ServerConfig;
use super::page;
use crate::connection::handshake::server::{RequestError, UpgradeRequest};
use crate::connection::handshake::{Headers, Refusal};
use crate::connection::wire::negotiation::NegotiatedDeflate;
use crate::units;

/// What a request is answered with.
pub enum UpgradeDecision {
    /// The handshake succeeds.
    Welcome {
        /// The subprotocol chosen.
        subprotocol: Option<String>,
        /// permessage-deflate.
        compression: Option<NegotiatedDeflate>,
    },
    /// It does not; and why, for those who run the server.
    Refuse(Refusal, String),
    /// It was none: the page is sent.
    Page(Refusal),
}

/// Judges a request. `is_full` when there are as many clients as there may be.
pub fn decide(request: &UpgradeRequest, config: &ServerConfig, is_full: bool) -> UpgradeDecision {
    let fault = request.fault();
    if fault == Some(RequestError::NotAnUpgrade) {
        return answer_http(request, config);
    }
    match fault {
        Some(RequestError::Http) => {
            let body = "A WebSocket handshake is a request of HTTP/1.1 (RFC 6455 §4.2.1).\n";
            return refuse(400, &[], body);
        }
        Some(RequestError::Host) => {
            let body = "A request has one Host (RFC 9112 §3.2).\n";
            return refuse(400, &[], body);
        }
        Some(RequestError::Key) => {
            let body = "There is not one Sec-WebSocket-Key of 16 bytes in base64.\n";
            return refuse(400, &[], body);
        }
        Some(RequestError::NotAnUpgrade | RequestError::Version) => {
            let headers = [("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")];
            return refuse(426, &headers, "WebSocket version 13 is spoken here.\n");
        }
        None => {}
    }
    if let Some(status) = config.access.status {
        let body = "This server refuses every handshake (wsprobe serve --status).\n";
        return refuse(status, &usual_headers(status), body);
    }
    if let Some(refusal) = refuse_origin(request, config) {
        return refusal;
    }
    if let Some(refusal) = refuse_stranger(request, config) {
        return refusal;
    }
    if is_full {
        let body = format!(
            "No more than {} at a time.\n",
            units::count(config.max_clients as u64, "client")
        );
        return refuse(503, &usual_headers(503), &body);
    }
    let mut offered = request.subprotocols().filter(|name| !name.is_empty());
    let known = &config.subprotocols;
    UpgradeDecision::Welcome {
        subprotocol: offered
            .find(|name| known.is_empty() || known.iter().any(|known| known == name))
            .map(str::to_owned),
        compression: request.compression().filter(|_| config.compresses),
    }
}

fn refuse_origin(request: &UpgradeRequest, config: &ServerConfig) -> Option<UpgradeDecision> {
    let origin = request.headers.get("Origin")?;
    let host = request.headers.get("Host").unwrap_or_default();
    if config.access.origins.allow(origin, host) {
        return None;
    }
    let body = format!(
        "Pages from {origin} may not connect here. wsprobe serve --allow-origin {origin} lets them in.\n"
    );
    Some(refuse(403, &[], &body))
}

fn refuse_stranger(request: &UpgradeRequest, config: &ServerConfig) -> Option<UpgradeDecision> {
    let login = config.access.login.as_ref()?;
    if login.accepts(request) {
        return None;
    }
    let body = match request.headers.get("Authorization") {
        Some(_) => "These are not the credentials that are accepted here.\n",
        None => "Credentials are needed: Authorization is missing.\n",
    };
    Some(refuse(
        401,
        &[("WWW-Authenticate", login.challenge())],
        body,
    ))
}

/// A request that asks for no WebSocket: a browser's, most often.
fn answer_http(request: &UpgradeRequest, config: &ServerConfig) -> UpgradeDecision {
    if !["GET", "HEAD"].contains(&request.method.as_str()) {
        return refuse(405, &[("Allow", "GET, HEAD")], "GET is all there is.\n");
    }
    if let Some(refusal) = refuse_stranger(request, config) {
        return refusal;
    }
    let path = request.target.split('?').next().unwrap_or_default();
    match path {
        "/" => UpgradeDecision::Page(page::answer()),
        "/favicon.ico" | "/robots.txt" => refuse(404, &[], "There is no such file.\n"),
        _ => {
            let body = "This is a WebSocket endpoint: connect to it with wsprobe connect, or open / in a browser.\n";
            refuse(426, &[("Upgrade", "websocket")], body)
        }
    }
}

/// What belongs to a status, so that a client that knows what to do can do it.
fn usual_headers(status: u16) -> Vec<(&'static str, &'static str)> {
    match status {
        300..=308 => vec![("Location", "/")],
        401 => vec![("WWW-Authenticate", "Basic realm=\"wsprobe\"")],
        407 => vec![("Proxy-Authenticate", "Basic realm=\"wsprobe\"")],
        426 => vec![("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
        429 | 503 => vec![("Retry-After", "1")],
        _ => Vec::new(),
    }
}

fn refuse(status: u16, headers: &[(&str, &str)], body: &str) -> UpgradeDecision {
    let text = [("Content-Type", "text/plain; charset=utf-8")];
    let headers = text.iter().chain(headers);
    let refusal = Refusal {
        status,
        reason: phrase(status).to_owned(),
        headers: Headers(
            headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        body: body.as_bytes().to_vec(),
        body_cut: false,
    };
    UpgradeDecision::Refuse(refusal, body.trim_end().to_owned())
}

fn phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}
