//! Decides how a request is answered: with a successful handshake, or with an HTTP response that gives the reason.

use super::config::ServerConfig;
use super::page;
use super::play::PlayedHandshake;
use crate::connection::handshake::server::{RequestError, UpgradeRequest};
use crate::connection::handshake::{Headers, Refusal};
use crate::connection::wire::negotiation::NegotiatedDeflate;
use crate::units;

/// The answer to a request.
pub enum UpgradeDecision {
    /// The handshake succeeds.
    Welcome {
        /// The subprotocol chosen.
        subprotocol: Option<String>,
        /// permessage-deflate.
        compression: Option<NegotiatedDeflate>,
    },
    /// The handshake is refused; with the reason for the server's own output.
    Refuse(Refusal, String),
    /// The request is not a handshake: the test page is sent.
    Page(Refusal),
}

/// Decides about a request. `is_full` when the maximum number of clients is connected.
pub fn decide(
    request: &UpgradeRequest,
    config: &ServerConfig,
    is_full: bool,
    next_test: impl FnOnce() -> Option<PlayedHandshake>,
) -> UpgradeDecision {
    let fault = request.fault();
    if fault == Some(RequestError::NotAnUpgrade) {
        return match config.upstream {
            None => answer_http(request, config),
            Some(_) => {
                let body = "This is a WebSocket proxy: it passes on nothing else.\n";
                refuse(426, &[("Upgrade", "websocket")], body)
            }
        };
    }
    match fault {
        Some(RequestError::Http) => {
            let body = "The WebSocket handshake requires HTTP/1.1 (RFC 6455 §4.2.1).\n";
            return refuse(400, &[], body);
        }
        Some(RequestError::Host) => {
            let body = "Expected exactly one Host header (RFC 9112 §3.2).\n";
            return refuse(400, &[], body);
        }
        Some(RequestError::Key) => {
            let body = "Expected exactly one Sec-WebSocket-Key header with 16 bytes in base64 (RFC 6455 §4.2.1).\n";
            return refuse(400, &[], body);
        }
        Some(RequestError::Extensions) => {
            let body = "Sec-WebSocket-Extensions is not a list of extensions (RFC 6455 §9.1).\n";
            return refuse(400, &[], body);
        }
        Some(RequestError::NotAnUpgrade | RequestError::Version) => {
            let headers = [("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")];
            return refuse(426, &headers, "Only WebSocket version 13 is supported.\n");
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
    if let Some(refusal) = refuse_unauthorized(request, config) {
        return refusal;
    }
    if is_full {
        let body = format!(
            "Too many connections: the maximum is {}.\n",
            units::count(config.max_clients as u64, "client")
        );
        return refuse(503, &usual_headers(503), &body);
    }
    let played = next_test().unwrap_or_default();
    if let Some(status) = played.status {
        let body =
            "This test of the check file expects a refused handshake (wsprobe serve --play).\n";
        return refuse(status, &usual_headers(status), body);
    }
    if played.subprotocol.is_some() {
        return UpgradeDecision::Welcome {
            subprotocol: played.subprotocol,
            compression: request.compression().filter(|_| config.compresses),
        };
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
    let verb = match config.upstream {
        None => "serve",
        Some(_) => "proxy",
    };
    let body = format!(
        "Origin {origin} is not allowed (wsprobe {verb} --allow-origin {origin} allows it).\n"
    );
    Some(refuse(403, &[], &body))
}

fn refuse_unauthorized(request: &UpgradeRequest, config: &ServerConfig) -> Option<UpgradeDecision> {
    let login = config.access.login.as_ref()?;
    if login.accepts(request) {
        return None;
    }
    let body = match request.headers.get("Authorization") {
        Some(_) => "Invalid credentials.\n",
        None => "Missing credentials: the Authorization header is required.\n",
    };
    Some(refuse(
        401,
        &[("WWW-Authenticate", login.challenge())],
        body,
    ))
}

/// A request without a WebSocket upgrade, usually from a browser.
fn answer_http(request: &UpgradeRequest, config: &ServerConfig) -> UpgradeDecision {
    if !["GET", "HEAD"].contains(&request.method.as_str()) {
        return refuse(
            405,
            &[("Allow", "GET, HEAD")],
            "Only GET and HEAD are supported.\n",
        );
    }
    if let Some(refusal) = refuse_unauthorized(request, config) {
        return refusal;
    }
    let path = request.target.split('?').next().unwrap_or_default();
    match path {
        "/" => page::answer().map_or_else(
            |_| refuse(500, &[], "No random numbers are available.\n"),
            UpgradeDecision::Page,
        ),
        "/favicon.ico" | "/robots.txt" => refuse(404, &[], "Not found.\n"),
        _ => {
            let body =
                "This is a WebSocket endpoint: use wsprobe connect, or open / in a browser.\n";
            refuse(426, &[("Upgrade", "websocket")], body)
        }
    }
}

/// The headers that a status requires or usually carries.
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
