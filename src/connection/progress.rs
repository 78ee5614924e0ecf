//! What is told on the way to an open connection, and the time that each stage took.

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
    /// TCP stands.
    Connected(String),
    /// The proxy has connected.
    Proxied {
        /// The proxy, without its credentials.
        proxy: String,
        /// Whom it connected to.
        host: String,
    },
    /// TLS stands, with the server or with an HTTPS proxy.
    Secured(tls::NegotiatedTls),
    /// A redirect is followed, to this URL.
    Redirected(String),
    /// Something that a person should know although the attempt goes on.
    Warning(String),
    /// A value that must not be shown is about to be used.
    Secret(Secret),
    /// It takes longer than a person waits without a word: where to, and what is waited for.
    Slow {
        /// The URL, redacted.
        url: String,
        /// What the present stage does.
        doing: &'static str,
    },
    /// The request was sent: its lines, credentials included.
    Request(Vec<String>),
    /// The answer's head has come.
    Answer(Response),
}

/// Where [`Progress`] goes as it happens.
#[derive(Clone, Debug, Default)]
pub struct Reporter(pub Option<UnboundedSender<Progress>>);

impl Reporter {
    /// Tells a step, made only where somebody listens.
    pub(super) fn report(&self, progress: impl FnOnce() -> Progress) {
        if let Some(sender) = &self.0 {
            // Nobody listens any more: the attempt is about to be dropped.
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
    /// The proxy's way to the server, TLS with the proxy included.
    pub proxy: Duration,
    /// TLS handshake.
    pub tls: Duration,
    /// Request to 101.
    pub upgrade: Duration,
    /// All of it.
    pub total: Duration,
}
