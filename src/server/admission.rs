//! Turns an accepted stream into an open connection: TLS, the request and the response, within a time limit.

use std::time::{Duration, Instant};

use super::config::{HANDSHAKE_LIMIT, ServerConfig};
use super::event_queue::EventSender;
use super::play::PlayedHandshake;
use super::upgrade::{UpgradeDecision, decide};
use crate::connection::error::{Error, ErrorKind, Stage};
use crate::connection::handshake::server::{
    UpgradeRequest, agreement, answer, read_request, refuse,
};
use crate::connection::handshake::{HeadError, Headers, Refusal};
use crate::connection::stream::Stream;
use crate::connection::tls;
use crate::connection::tls::serving::Acceptor;
use crate::connection::{Connection, Opened, ServerSettings, Timing};
use crate::event::{Event, Next};
use crate::secret::io_text;

/// The most of a response's body in events, in bytes; a client keeps as much.
const BODY_IN_EVENTS: usize = 1024;

/// The time limit for sending a refusal and for the client to close: closing first could discard the response.
const REFUSAL_LIMIT: Duration = Duration::from_millis(500);

/// Opens a client's connection or refuses it, and sends the event.
pub async fn admit(
    stream: Stream,
    from: &str,
    config: &ServerConfig,
    acceptor: Option<&Acceptor>,
    is_full: bool,
    sender: &EventSender,
) -> Option<(Connection, Option<usize>)> {
    let admission = Admission {
        from,
        config,
        is_full,
        begun: Instant::now(),
        timing: Timing::default(),
        tls: None,
        played: None,
    };
    let admitted = tokio::time::timeout(HANDSHAKE_LIMIT, admission.run(stream, acceptor));
    let failed = match admitted.await {
        Ok(Ok((connection, opened, played))) => {
            sender.send(Event::Open(Box::new(opened)));
            return Some((connection, played));
        }
        Ok(Err(error)) => error,
        Err(_) => {
            let limit = crate::units::shown(HANDSHAKE_LIMIT);
            let message = format!("timed out after {limit}: no complete request received");
            Error::new(ErrorKind::Timeout, Stage::Upgrade, message)
        }
    };
    let message = format!("{from}: {}", failed.message);
    let failed = Error { message, ..failed };
    sender.send(Event::Failed(Box::new(failed), Next::Final));
    None
}

struct Admission<'a> {
    from: &'a str,
    config: &'a ServerConfig,
    is_full: bool,
    begun: Instant,
    timing: Timing,
    tls: Option<tls::NegotiatedTls>,
    /// The test that this connection plays, and its header lines.
    played: Option<(usize, PlayedHandshake)>,
}

impl Admission<'_> {
    async fn run(
        mut self,
        mut stream: Stream,
        acceptor: Option<&Acceptor>,
    ) -> Result<(Connection, Opened, Option<usize>), Error> {
        if let Some(acceptor) = acceptor {
            let (secured, negotiated) = acceptor.accept(stream).await?;
            stream = secured;
            self.tls = Some(negotiated);
            self.timing.tls = self.begun.elapsed();
        }
        let begun = Instant::now();
        let (request, leftover) = match read_request(&mut stream).await {
            Ok(read) => read,
            Err(error) => return Err(unreadable(&mut stream, error).await),
        };
        let play = self.config.play.as_ref();
        let played = &mut self.played;
        let decision = decide(&request, self.config, self.is_full, || {
            *played = play.map(|play| play.next_test());
            played.as_ref().map(|(_, handshake)| handshake.clone())
        });
        let (subprotocol, compression) = match decision {
            UpgradeDecision::Welcome {
                subprotocol,
                compression,
            } => (subprotocol, compression),
            UpgradeDecision::Refuse(refusal, why) => {
                let refused = send_refusal(&mut stream, refusal, &request.method, &why).await;
                if let (Some(play), Some((index, _))) = (play, &self.played) {
                    play.refused(*index);
                }
                return Err(refused);
            }
            UpgradeDecision::Page(page) => {
                let mut error =
                    send_refusal(&mut stream, page, &request.method, "sent the test page").await;
                error.refusal.iter_mut().for_each(|page| page.body.clear());
                return Err(error);
            }
        };
        let mut negotiated = agreement(&request, subprotocol.as_deref(), compression.as_ref());
        let index = self.played.map(|(index, handshake)| {
            negotiated.headers.0.extend(handshake.headers);
            index
        });
        answer(&mut stream, &negotiated).await.map_err(|error| {
            let why = format!("cannot send the 101 response: {}", io_text(&error));
            Error::new(ErrorKind::Lost, Stage::Upgrade, why)
        })?;
        self.timing.upgrade = begun.elapsed();
        self.timing.total = self.begun.elapsed();
        let serving = ServerSettings {
            compression,
            trace: self.config.trace,
            ignores_pings: self.config.ignores_pings,
        };
        let connection = Connection::accepted(stream, leftover, self.config.limits, serving)?;
        let opened = Opened {
            remote: self.from.to_owned(),
            proxy: None,
            redirects: Vec::new(),
            left_origin: false,
            request: lines(&request),
            answer: negotiated,
            subprotocol,
            extensions: compression.iter().map(ToString::to_string).collect(),
            tls: self.tls,
            timing: self.timing,
        };
        Ok((connection, opened, index))
    }
}

fn lines(request: &UpgradeRequest) -> Vec<String> {
    let first = format!(
        "{} {} HTTP/1.{}",
        request.method, request.target, request.minor
    );
    let headers = request.headers.0.iter();
    let headers = headers.map(|(name, value)| format!("{name}: {value}"));
    std::iter::once(first).chain(headers).collect()
}

/// Sends a response that ends the connection; returns the error for its event.
async fn send_refusal(stream: &mut Stream, mut refusal: Refusal, method: &str, why: &str) -> Error {
    let sent = async {
        refuse(stream, &refusal, method).await?;
        let mut rest = [0; 1024];
        // Unread data would turn the close into a reset, which could discard the response.
        while tokio::io::AsyncReadExt::read(stream, &mut rest).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    let _ = tokio::time::timeout(REFUSAL_LIMIT, sent).await;
    refusal.body_cut = refusal.body.len() > BODY_IN_EVENTS;
    refusal.body.truncate(BODY_IN_EVENTS);
    let message = format!("{}: {why}", refusal.status_line());
    let mut error = Error::new(ErrorKind::Refused, Stage::Upgrade, message);
    error.refusal = Some(Box::new(refusal));
    error
}

/// Answers a request that cannot be parsed; returns the error for its event.
async fn unreadable(stream: &mut Stream, error: HeadError) -> Error {
    let (status, reason) = match &error {
        HeadError::Ended(..) => {
            let message = format!("incomplete request: {error}");
            return Error::new(ErrorKind::Lost, Stage::Upgrade, message);
        }
        HeadError::TooLarge => (431, "Request Header Fields Too Large"),
        HeadError::NotHttp(_) | HeadError::Malformed(_) => (400, "Bad Request"),
    };
    let why = error.to_string();
    let refusal = Refusal {
        status,
        reason: reason.to_owned(),
        headers: Headers(vec![(
            "Content-Type".to_owned(),
            "text/plain; charset=utf-8".to_owned(),
        )]),
        body: format!("{why}\n").into_bytes(),
        body_cut: false,
    };
    send_refusal(stream, refusal, "GET", &why).await
}
