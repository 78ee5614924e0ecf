//! Turns an accepted stream into an open connection: TLS, the request and the response, within a time limit.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::config::{HANDSHAKE_LIMIT, ServerConfig};
use super::event_queue::EventSender;
use super::play::PlayedHandshake;
use super::upgrade::{UpgradeDecision, decide};
use super::upstream::{Upstream, pass_back, refusal};
use crate::connection::error::{Error, ErrorKind, Stage};
use crate::connection::handshake::answer::readable;
use crate::connection::handshake::server::{
    UpgradeRequest, agreement, answer, read_request, refuse,
};
use crate::connection::handshake::{HeadError, Headers, Refusal};
use crate::connection::stream::Stream;
use crate::connection::tls;
use crate::connection::tls::serving::Acceptor;
use crate::connection::wire::negotiation::NegotiatedDeflate;
use crate::connection::{Connection, Opened, ServerSettings, Timing, UpstreamOpened};
use crate::event::{Event, Next};
use crate::secret::io_text;

/// The most of a response's body in events, in bytes; a client keeps as much.
const BODY_IN_EVENTS: usize = 1024;

/// The time limit for sending a refusal, and for the client to close after it.
const REFUSAL_LIMIT: Duration = Duration::from_millis(500);

/// A client whose connection is open.
pub struct Admitted {
    /// Its connection.
    pub client: Connection,
    /// The connection to the server behind a proxy.
    pub upstream: Option<Connection>,
    /// The test that it plays, as an index (`--play`).
    pub played: Option<usize>,
}

/// A client that got no connection.
struct Denied {
    error: Error,
    /// The stream on which it was answered.
    answered: Option<Stream>,
}

impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        let answered = None;
        Self { error, answered }
    }
}

/// Opens a client's connection or refuses it, and sends the event. The stream of a client that was refused is for
/// [`linger`]. For a proxy the server's connection is opened
/// first, since the client is answered what the server has answered.
pub async fn admit(
    stream: Stream,
    from: &str,
    config: &ServerConfig,
    acceptor: Option<&Acceptor>,
    is_full: bool,
    sender: &EventSender,
) -> Result<Admitted, Option<Stream>> {
    let admission = Admission {
        from,
        config,
        is_full,
        sender,
        begun: Instant::now(),
        timing: Timing::default(),
        tls: None,
        played: None,
    };
    let failed = match admission.run(stream, acceptor).await {
        Ok((admitted, opened)) => {
            sender.send(Event::Open(Box::new(opened)));
            return Ok(admitted);
        }
        Err(denied) => denied,
    };
    let Denied { error, answered } = failed;
    let message = format!("{from}: {}", error.message);
    let failed = Error { message, ..error };
    sender.send(Event::Failed(Box::new(failed), Next::Final));
    Err(answered)
}

/// Waits for a client that was refused to close: unread data would turn our close into a reset, which could discard the
/// response.
pub async fn linger(mut stream: Stream) {
    let mut rest = [0; 1024];
    let closed = async {
        while tokio::io::AsyncReadExt::read(&mut stream, &mut rest)
            .await
            .is_ok_and(|read| read > 0)
        {}
    };
    let _ = tokio::time::timeout(REFUSAL_LIMIT, closed).await;
}

struct Admission<'a> {
    from: &'a str,
    config: &'a ServerConfig,
    is_full: bool,
    sender: &'a EventSender,
    begun: Instant,
    timing: Timing,
    tls: Option<tls::NegotiatedTls>,
    /// The test that this connection plays, and its header lines.
    played: Option<(usize, PlayedHandshake)>,
}

/// What a client is answered.
#[derive(Default)]
struct Agreement {
    subprotocol: Option<String>,
    compression: Option<NegotiatedDeflate>,
    /// The connection to the server behind a proxy, and its handshake.
    upstream: Option<(Connection, UpstreamOpened)>,
}

impl Admission<'_> {
    async fn run(
        mut self,
        stream: Stream,
        acceptor: Option<&Acceptor>,
    ) -> Result<(Admitted, Opened), Denied> {
        let receiving = self.receive(stream, acceptor);
        let received = tokio::time::timeout(HANDSHAKE_LIMIT, receiving).await;
        let (mut stream, request, leftover) = received.unwrap_or_else(|_| {
            let limit = crate::units::shown(HANDSHAKE_LIMIT);
            let message = format!("timed out after {limit}: no complete request received");
            Err(Error::new(ErrorKind::Timeout, Stage::Upgrade, message).into())
        })?;
        let begun = Instant::now();
        let agreed = match self.agree(&mut stream, &request).await {
            Ok(agreed) => agreed,
            Err(error) => {
                let answered = Some(stream);
                return Err(Denied { error, answered });
            }
        };
        let mut response = agreement(
            &request,
            agreed.subprotocol.as_deref(),
            agreed.compression.as_ref(),
        );
        let played = self.played.take().map(|(index, handshake)| {
            response.headers.0.extend(handshake.headers);
            index
        });
        if let Some((_, opened)) = &agreed.upstream {
            pass_back(&opened.opened.answer, &mut response.headers);
        }
        let sent = tokio::time::timeout(HANDSHAKE_LIMIT, answer(&mut stream, &response)).await;
        let sent = sent.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        sent.map_err(|error| {
            let why = format!("cannot send the 101 response: {}", io_text(&error));
            Error::new(ErrorKind::Lost, Stage::Upgrade, why)
        })?;
        self.timing.upgrade = begun.elapsed();
        self.timing.total = self.begun.elapsed();
        let serving = ServerSettings {
            compression: agreed.compression,
            trace: self.config.trace,
            ignores_pings: self.config.ignores_pings,
        };
        let client = Connection::accepted(stream, leftover, self.config.limits, serving)?;
        let (upstream, upstream_opened) = agreed.upstream.unzip();
        let opened = Opened {
            remote: self.from.to_owned(),
            proxy: None,
            redirects: Vec::new(),
            left_origin: false,
            request: lines(&request),
            answer: response,
            subprotocol: agreed.subprotocol,
            extensions: agreed.compression.iter().map(ToString::to_string).collect(),
            tls: self.tls,
            timing: self.timing,
            upstream: upstream_opened.map(Box::new),
        };
        let admitted = Admitted {
            client,
            upstream,
            played,
        };
        Ok((admitted, opened))
    }

    /// TLS and the request; the bytes after it.
    async fn receive(
        &mut self,
        mut stream: Stream,
        acceptor: Option<&Acceptor>,
    ) -> Result<(Stream, UpgradeRequest, Bytes), Denied> {
        if let Some(acceptor) = acceptor {
            let (secured, negotiated) = acceptor.accept(stream).await?;
            stream = secured;
            self.tls = Some(negotiated);
            self.timing.tls = self.begun.elapsed();
        }
        match read_request(&mut stream).await {
            Ok((request, leftover)) => Ok((stream, request, leftover)),
            Err(error) => {
                let error = unreadable(&mut stream, error).await;
                let answered = Some(stream);
                Err(Denied { error, answered })
            }
        }
    }

    /// Decides about the request, and opens the connection to the server behind a proxy. A refusal is sent.
    async fn agree(
        &mut self,
        stream: &mut Stream,
        request: &UpgradeRequest,
    ) -> Result<Agreement, Error> {
        let play = self.config.play.as_ref();
        let played = &mut self.played;
        let decision = decide(request, self.config, self.is_full, || {
            *played = play.map(|play| play.next_test());
            played.as_ref().map(|(_, handshake)| handshake.clone())
        });
        match decision {
            UpgradeDecision::Welcome {
                subprotocol,
                compression,
            } => match &self.config.upstream {
                None => Ok(Agreement {
                    subprotocol,
                    compression,
                    upstream: None,
                }),
                Some(upstream) => self.join(upstream, compression, stream, request).await,
            },
            UpgradeDecision::Refuse(refusal, why) => {
                let refused = send_refusal(stream, refusal, &request.method, &why).await;
                if let (Some(play), Some((index, _))) = (play, &self.played) {
                    play.refused(*index);
                }
                Err(refused)
            }
            UpgradeDecision::Page(page) => {
                let mut error =
                    send_refusal(stream, page, &request.method, "sent the test page").await;
                error.refusal.iter_mut().for_each(|page| page.body.clear());
                Err(error)
            }
        }
    }

    async fn join(
        &self,
        upstream: &Upstream,
        compression: Option<NegotiatedDeflate>,
        stream: &mut Stream,
        request: &UpgradeRequest,
    ) -> Result<Agreement, Error> {
        match upstream.open(request, self.sender).await {
            Ok((connection, opened, url)) => {
                // A subprotocol that only our own offer contained is no answer to the client's.
                let chosen = opened.subprotocol.clone();
                let chosen = chosen.filter(|name| request.subprotocols().any(|own| own == name));
                Ok(Agreement {
                    subprotocol: chosen,
                    compression,
                    upstream: Some((connection, UpstreamOpened { url, opened })),
                })
            }
            Err(mut error) => {
                let sent = refusal(&error);
                send_refusal(stream, sent, &request.method, "").await;
                if let Some(refused) = &mut error.refusal {
                    refused.body = readable(&refused.headers, std::mem::take(&mut refused.body));
                    shorten(refused);
                }
                Err(error)
            }
        }
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
    let sent = refuse(stream, &refusal, method);
    let _ = tokio::time::timeout(REFUSAL_LIMIT, sent).await;
    shorten(&mut refusal);
    let message = format!("{}: {why}", refusal.status_line());
    let mut error = Error::new(ErrorKind::Refused, Stage::Upgrade, message);
    error.refusal = Some(Box::new(refusal));
    error
}

/// Shortens the body to what events contain.
fn shorten(refusal: &mut Refusal) {
    refusal.body_cut |= refusal.body.len() > BODY_IN_EVENTS;
    refusal.body.truncate(BODY_IN_EVENTS);
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
