//! What failed, at which stage, on what; what the other side said.
//!
//! An error is complete where it is made: nobody above adds to its words, only to their layout.

use std::fmt;
use std::time::Duration;

use super::handshake::Refusal;
use super::tls::certificate::CertificateSummary;
use crate::units;

/// The stages of a connection, in order. Errors, `-v`, JSON events and `ping` use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Name lookup.
    Lookup,
    /// TCP (or Unix socket) connect.
    Connect,
    /// The proxy's consent.
    Proxy,
    /// TLS handshake.
    Tls,
    /// The HTTP upgrade, request to 101.
    Upgrade,
    /// Frames and messages.
    Open,
}

impl Stage {
    /// What was going on, to be put behind "while".
    pub fn activity(self) -> &'static str {
        match self {
            Self::Lookup => "looking up the name",
            Self::Connect => "connecting",
            Self::Proxy => "waiting for the proxy to connect",
            Self::Tls => "waiting for the TLS handshake",
            Self::Upgrade => "waiting for the answer to the WebSocket handshake",
            Self::Open => "the connection was open",
        }
    }
}

/// The kind of a failure; decides the exit status and what a script may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The name was not found.
    Dns,
    /// No address accepted a connection.
    Connect,
    /// The proxy refused.
    Proxy,
    /// The TLS handshake failed.
    Tls,
    /// The peer went away during the TLS handshake.
    TlsEnded,
    /// The server's certificate was not accepted.
    Certificate,
    /// A time limit was reached.
    Timeout,
    /// The handshake was answered with another HTTP status.
    Refused,
    /// Too many redirects, or one that may not be followed.
    Redirect,
    /// The answer was no valid WebSocket handshake.
    Handshake,
    /// The answer does not prove that the server read our key (RFC 6455 §4.1).
    AcceptKey,
    /// A frame broke the protocol.
    Protocol,
    /// The connection was lost without a close frame.
    Lost,
    /// The peer closed in the middle of a message.
    CutOff,
    /// A message was larger than `--max-size`.
    TooBig,
    /// A local input that the connection needs (a CA file, a token) cannot be read.
    Input,
}

impl ErrorKind {
    /// The word used in JSON events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls | Self::TlsEnded => "tls",
            Self::Certificate => "cert",
            Self::Timeout => "timeout",
            Self::Refused | Self::Redirect | Self::Handshake | Self::AcceptKey => "handshake",
            Self::Protocol | Self::CutOff => "protocol",
            Self::Lost | Self::Input => "io",
            Self::TooBig => "too_big",
        }
    }
}

/// A failed connection.
#[derive(Clone, Debug)]
pub struct Error {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// How far the connection had come.
    pub stage: Stage,
    /// What happened, in one line. May hold the peer's words: escape before showing.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
    /// The answer that refused the handshake, or the proxy's.
    pub refusal: Option<Box<Refusal>>,
    /// The server's certificate, where that is what failed.
    pub certificate: Option<Box<CertificateSummary>>,
    /// Whether it may be over soon, where the kind alone does not say so.
    pub passing: bool,
}

impl Error {
    /// An error with its line.
    pub fn new(kind: ErrorKind, stage: Stage, message: impl Into<String>) -> Self {
        Self {
            kind,
            stage,
            message: message.into(),
            hint: None,
            refusal: None,
            certificate: None,
            passing: false,
        }
    }

    /// The same with a cure.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A stage that took too long.
    pub fn timeout(stage: Stage, limit: Duration) -> Self {
        let message = format!(
            "timed out after {} while {}",
            units::shown(limit),
            stage.activity()
        );
        let error = Self::new(ErrorKind::Timeout, stage, message);
        match stage {
            Stage::Lookup | Stage::Connect => {
                error.hint("check the host and port; use --proxy URL if this network needs a proxy; --connect-timeout TIME waits longer")
            }
            Stage::Proxy => error.hint("the proxy accepted the connection but did not answer; check the type of the proxy; --connect-timeout TIME waits longer"),
            Stage::Tls => error.hint(
                "is this a TLS port? ws:// connects without TLS; --connect-timeout TIME waits longer",
            ),
            _ => error.hint("the server accepted the connection but did not answer; --connect-timeout TIME waits longer"),
        }
    }

    /// A peer that gave no sign of life for so long after a ping.
    pub fn silent(limit: Duration) -> Self {
        let limit = units::shown(limit);
        let message = format!("the connection was lost: no response within {limit} of a ping");
        Self::new(ErrorKind::Lost, Stage::Open, message)
    }

    /// The handshake was answered with another status than 101.
    pub fn refused(refusal: Refusal, hint: Option<String>) -> Self {
        let message = format!("the server answered {}", refusal.status_line());
        Self {
            hint,
            refusal: Some(Box::new(refusal)),
            ..Self::new(ErrorKind::Refused, Stage::Upgrade, message)
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
