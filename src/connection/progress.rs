//! Progress reports while a connection is opened, and the duration of each stage.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::handshake::Response;
use super::tls;
use crate::secret::Secret;

/// A step on the way to an open connection.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The name has addresses.
    Found(Vec<SocketAddr>),
    /// The TCP (or Unix socket) connection is established: the remote address.
    Connected(String),
    /// The proxy has connected to the server.
    Proxied {
        /// The proxy, without its credentials.
        proxy: String,
        /// The host and port it connected to.
        host: String,
    },
    /// The TLS handshake with the server or with an HTTPS proxy is done.
    Secured(tls::NegotiatedTls),
    /// A redirect is followed, to this URL.
    Redirected(String),
    /// A warning; the attempt continues.
    Warning(String),
    /// A secret is about to be used and must be redacted from now on.
    Secret(Secret),
    /// The attempt has taken more than 2 s.
    Slow {
        /// The URL, redacted.
        url: String,
        /// What the present stage does.
        doing: &'static str,
    },
    /// The lines of the upgrade request that is sent, credentials included.
    Request(Vec<String>),
    /// The head of the response was received.
    Answer(Response),
}

/// Receives [`Progress`] as it happens; `None` discards it.
#[derive(Clone, Debug, Default)]
pub struct Reporter(pub Option<UnboundedSender<Progress>>);

impl Reporter {
    /// Reports a step. It is built only if there is a receiver.
    pub(super) fn report(&self, progress: impl FnOnce() -> Progress) {
        if let Some(sender) = &self.0 {
            // Fails only if the receiver is gone, and then the attempt is about to be dropped.
            let _ = sender.send(progress());
        }
    }
}

/// The time each stage took; zero for a stage that was not needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// Name lookup.
    pub lookup: Duration,
    /// TCP connect.
    pub connect: Duration,
    /// From connecting to the proxy to its answer, TLS with the proxy included.
    pub proxy: Duration,
    /// TLS handshake.
    pub tls: Duration,
    /// Request to 101.
    pub upgrade: Duration,
    /// The whole attempt.
    pub total: Duration,
}
