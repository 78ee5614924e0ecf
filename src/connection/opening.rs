//! Opens a connection stage by stage: name lookup, connect, proxy, TLS, upgrade. Follows redirects.
//!
//! The current stage is recorded, so that a timeout can name the stage that took too long.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Target;
use super::dial::{self, AddressAttempts};
use super::error::{Error, ErrorKind, Stage};
use super::handshake::client::{self, Upgraded};
use super::hints::with_hint;
use super::http2;
use super::progress::{Progress, Reporter, Timing};
use super::proxy::{self, Proxy};
use super::redirect::{RedirectChain, is_redirect};
use super::stream::Stream;
use super::target::{Address, Endpoint, UpgradeOptions, without_zone};
use super::tls::{self, Alpn, TlsClient};
use crate::secret::Secret;

/// After this time a slow attempt is reported ([`Progress::Slow`]).
const PATIENCE: Duration = Duration::from_secs(2);

/// The current stage of an attempt, and what it tried.
#[derive(Debug)]
pub struct HandshakeProgress {
    attempts: AddressAttempts,
    place: Mutex<ProgressPlace>,
}

/// How far an attempt has come.
#[derive(Debug)]
struct ProgressPlace {
    stage: Stage,
    /// The current address; a redirect changes it.
    address: Address,
    /// Whether an error is about the server itself, not about a proxy.
    at_server: bool,
}

impl HandshakeProgress {
    /// The state before the first stage.
    pub fn new(address: &Address) -> Self {
        Self {
            attempts: AddressAttempts::default(),
            place: Mutex::new(ProgressPlace {
                stage: Stage::Lookup,
                address: address.clone(),
                at_server: true,
            }),
        }
    }

    fn place(&self) -> MutexGuard<'_, ProgressPlace> {
        // No code panics while it holds the lock.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the hint that the address suggests, unless the error is about a proxy.
    pub fn with_hint(&self, error: Error) -> Error {
        let place = self.place();
        if place.at_server {
            with_hint(error, &place.address)
        } else {
            error
        }
    }

    /// Runs `opening`, and reports its stage once if it takes longer than [`PATIENCE`].
    pub async fn watched<T>(&self, opening: impl Future<Output = T>, reporter: &Reporter) -> T {
        let mut opening = pin!(opening);
        if let Ok(result) = tokio::time::timeout(PATIENCE, &mut opening).await {
            return result;
        }
        reporter.report(|| {
            let place = self.place();
            Progress::Slow {
                url: place.address.shown.clone(),
                doing: place.stage.activity(),
            }
        });
        opening.await
    }

    /// The error for an attempt that took longer than `limit`: names the stage.
    pub fn timeout(&self, limit: Duration) -> Error {
        let error = Error::timeout(self.place().stage, limit);
        if error.stage != Stage::Connect || self.attempts.is_empty() {
            return error;
        }
        let message = format!("{} ({})", error.message, self.attempts);
        Error { message, ..error }
    }
}

/// A connection whose handshake succeeded.
pub struct Established {
    /// The stream; frames follow.
    pub stream: Stream,
    /// The request, the response and what was negotiated.
    pub upgraded: Upgraded,
    /// The address connected to.
    pub remote: String,
    /// The proxy, without its credentials.
    pub proxy: Option<String>,
    /// The URLs that redirected.
    pub redirects: Vec<String>,
    /// Whether a redirect led to another origin.
    pub left_origin: bool,
    /// TLS with the server.
    pub tls: Option<tls::NegotiatedTls>,
    /// The duration of each stage of the last attempt, and of everything.
    pub timing: Timing,
}

/// Opens a connection up to the response to the handshake. Follows redirects if the target allows them.
pub async fn establish(
    target: &Target,
    reporter: &Reporter,
    progress: &HandshakeProgress,
) -> Result<Established, Error> {
    let begun = Instant::now();
    let deadline = begun + target.limits.connect;
    let mut address = target.address.clone();
    let mut request = authorized(&target.request, reporter)?;
    let mut trail = RedirectChain::new(address.clone(), target.max_redirects.unwrap_or(0));
    loop {
        let mut attempt = AddressAttempt {
            target,
            address: &address,
            request: &request,
            reporter,
            progress,
            deadline,
            timing: Timing::default(),
            remote: String::new(),
            proxy: None,
        };
        let error = match attempt.run().await {
            Ok((stream, upgraded, tls)) => {
                let mut timing = attempt.timing;
                timing.total = begun.elapsed();
                return Ok(Established {
                    stream,
                    upgraded,
                    remote: attempt.remote,
                    proxy: attempt.proxy.map(|proxy| proxy.shown),
                    redirects: trail.shown(),
                    left_origin: !trail.stays_at_origin(),
                    tls,
                    timing,
                });
            }
            Err(error) => error,
        };
        match &error.refusal {
            Some(refusal)
                if error.kind == ErrorKind::Refused
                    && target.max_redirects.is_some()
                    && is_redirect(refusal) =>
            {
                (address, request) = trail.follow(refusal, &request)?;
                reporter.report(|| Progress::Redirected(address.shown.clone()));
            }
            _ => return Err(error),
        }
        progress.place().address = address.clone();
    }
}

/// Connects to an address, through a proxy and with TLS where the target says so, for a request of another kind
/// than the usual handshake.
pub async fn reach(
    target: &Target,
    address: &Address,
    reporter: &Reporter,
    progress: &HandshakeProgress,
    deadline: Instant,
) -> Result<(Stream, Option<tls::NegotiatedTls>), Error> {
    let mut attempt = AddressAttempt {
        target,
        address,
        request: &target.request,
        reporter,
        progress,
        deadline,
        timing: Timing::default(),
        remote: String::new(),
        proxy: None,
    };
    attempt.open_stream(Alpn::Http1).await
}

/// The request with current credentials: a token in a file may have been renewed.
pub fn authorized(request: &UpgradeOptions, reporter: &Reporter) -> Result<UpgradeOptions, Error> {
    let mut request = request.clone();
    let given = request
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("authorization"));
    if let Some(credentials) = &request.credentials
        && !given
    {
        let header = credentials
            .header()
            .map_err(|why| Error::new(ErrorKind::Input, Stage::Lookup, why))?;
        let value = header.value.as_deref().unwrap_or_default();
        let secret = value.split_once(' ').map_or(value, |(_, secret)| secret);
        reporter.report(|| Progress::Secret(Secret::new(secret)));
        request.headers.push(header);
    }
    Ok(request)
}

/// An attempt to connect to one address.
struct AddressAttempt<'a> {
    target: &'a Target,
    address: &'a Address,
    request: &'a UpgradeOptions,
    reporter: &'a Reporter,
    progress: &'a HandshakeProgress,
    deadline: Instant,
    timing: Timing,
    remote: String,
    proxy: Option<Proxy>,
}

impl AddressAttempt<'_> {
    async fn run(&mut self) -> Result<(Stream, Upgraded, Option<tls::NegotiatedTls>), Error> {
        let inside = if self.target.http2 {
            Alpn::Http2
        } else {
            Alpn::Http1
        };
        let (mut stream, negotiated) = self.open_stream(inside).await?;
        let begun = self.enter(Stage::Upgrade);
        let (address, request) = (self.address, self.request);
        let (stream, upgraded) = if self.target.http2 {
            http2::upgrade(stream, address, request, self.reporter, self.deadline).await?
        } else {
            let answered =
                client::upgrade(&mut stream, address, request, self.reporter, self.deadline).await;
            (stream, answered?)
        };
        self.timing.upgrade = begun.elapsed();
        Ok((stream, upgraded, negotiated))
    }

    /// A stream to the server, encrypted if the address says so.
    async fn open_stream(
        &mut self,
        inside: Alpn,
    ) -> Result<(Stream, Option<tls::NegotiatedTls>), Error> {
        if self.address.secure {
            self.target.tls.prepare();
        }
        let stream = self.connect_transport().await?;
        if !self.address.secure {
            return Ok((stream, None));
        }
        let begun = self.enter(Stage::Tls);
        let host = dial::host_of(&self.address.endpoint);
        let tls = &self.target.tls;
        let secured = self.secure(tls, host, stream, inside).await?;
        self.timing.tls = begun.elapsed();
        Ok(secured)
    }

    fn enter(&self, stage: Stage) -> Instant {
        self.progress.place().stage = stage;
        Instant::now()
    }

    /// A byte stream to the server, through a proxy if one is configured for the host.
    async fn connect_transport(&mut self) -> Result<Stream, Error> {
        self.progress.place().at_server = false;
        let route = &self.target.route;
        let (host, port) = match (&route.unix_socket, &self.address.endpoint) {
            (Some(path), _) | (None, Endpoint::Unix(path)) => return self.dial_unix(path).await,
            (None, Endpoint::Tcp { host, port }) => (host, *port),
        };
        let proxy = self
            .target
            .proxies
            .before(without_zone(host), port, self.address.secure)
            .map_err(|bad| Error::new(ErrorKind::Proxy, Stage::Lookup, bad.to_string()))?;
        match proxy {
            Some(proxy) => {
                let stream = self
                    .connect_through(proxy, without_zone(host), port)
                    .await?;
                self.progress.place().at_server = true;
                Ok(stream)
            }
            None => {
                self.progress.place().at_server = true;
                self.dial(host, port).await
            }
        }
    }

    async fn connect_through(
        &mut self,
        proxy: Proxy,
        host: &str,
        port: u16,
    ) -> Result<Stream, Error> {
        let unreachable = |error: Error| Error {
            message: format!("the proxy {}: {}", proxy.shown, error.message),
            hint: match error.kind {
                ErrorKind::Dns | ErrorKind::Connect => Some(
                    "check the proxy's address; --proxy '' connects without a proxy".to_owned(),
                ),
                _ => error.hint,
            },
            ..error
        };
        if proxy.is_secure() {
            self.target.tls.prepare();
        }
        let mut stream = self
            .dial(&proxy.host, proxy.port)
            .await
            .map_err(unreachable)?;
        let begun = self.enter(Stage::Proxy);
        if proxy.is_secure() {
            let tls = self.target.tls.for_proxy();
            (stream, _) = self
                .secure(&tls, &proxy.host, stream, Alpn::Http1)
                .await
                .map_err(unreachable)?;
        }
        let route = &self.target.route;
        let stream = proxy::tunnel(&proxy, stream, (host, port), route, self.deadline).await?;
        self.timing.proxy = begun.elapsed();
        self.reporter.report(|| Progress::Proxied {
            proxy: proxy.shown.clone(),
            host: self.address.endpoint.to_string(),
        });
        self.proxy = Some(proxy);
        Ok(stream)
    }

    async fn dial(&mut self, host: &str, port: u16) -> Result<Stream, Error> {
        let route = &self.target.route;
        let begun = self.enter(Stage::Lookup);
        let addresses = dial::lookup(host, port, route).await?;
        self.timing.lookup = begun.elapsed();
        self.reporter.report(|| Progress::Found(addresses.clone()));
        let begun = self.enter(Stage::Connect);
        let stream =
            dial::connect(&addresses, route.from.as_ref(), &self.progress.attempts).await?;
        let remote = stream.peer_addr().map(|address| address.to_string());
        self.connected(remote.unwrap_or_default(), begun.elapsed());
        Ok(Stream::Tcp(stream))
    }

    async fn dial_unix(&mut self, path: &std::path::Path) -> Result<Stream, Error> {
        let begun = self.enter(Stage::Connect);
        let stream = dial::connect_unix(path).await?;
        self.connected(format!("unix:{}", path.display()), begun.elapsed());
        Ok(stream)
    }

    fn connected(&mut self, remote: String, time: Duration) {
        self.timing.connect = time;
        self.reporter.report(|| Progress::Connected(remote.clone()));
        self.remote = remote;
    }

    async fn secure(
        &self,
        tls: &TlsClient,
        host: &str,
        stream: Stream,
        inside: Alpn,
    ) -> Result<(Stream, Option<tls::NegotiatedTls>), Error> {
        let (stream, negotiated) = tls.connect(host, stream, inside).await?;
        self.reporter
            .report(|| Progress::Secured(negotiated.clone()));
        Ok((Stream::over(stream), Some(negotiated)))
    }
}
