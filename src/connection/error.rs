//! The error of a connection: its kind, its stage, its text and what the peer answered.
//!
//! The code that creates an error writes its whole text. The layers above only format it.

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
    /// Connecting through the proxy.
    Proxy,
    /// TLS handshake.
    Tls,
    /// The HTTP upgrade, request to 101.
    Upgrade,
    /// Frames and messages.
    Open,
}

impl Stage {
    /// What the stage does, to follow the word "while".
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

/// The kind of a failure. It determines the exit status and the `kind` of JSON events.
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
    /// The answer was not a valid WebSocket handshake (RFC 6455 §4.1).
    Handshake,
    /// `Sec-WebSocket-Accept` does not match the key that was sent (RFC 6455 §4.1).
    AcceptKey,
    /// A frame violated the protocol (RFC 6455).
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
    /// The stage at which it failed.
    pub stage: Stage,
    /// What happened, in one line. It may contain text from the peer: escape it before printing.
    pub message: String,
    /// What the user can do.
    pub hint: Option<String>,
    /// The HTTP response that refused the handshake, from the server or the proxy.
    pub refusal: Option<Box<Refusal>>,
    /// The server's certificate, when verifying it failed.
    pub certificate: Option<Box<CertificateSummary>>,
    /// Whether the address answered that nothing listens on the port.
    pub nothing_listens: bool,
    /// Whether the failure may be temporary although its kind does not say so.
    pub passing: bool,
}

impl Error {
    /// An error without a hint.
    pub fn new(kind: ErrorKind, stage: Stage, message: impl Into<String>) -> Self {
        Self {
            kind,
            stage,
            message: message.into(),
            hint: None,
            refusal: None,
            certificate: None,
            nothing_listens: false,
            passing: false,
        }
    }

    /// Sets the hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A stage exceeded its time limit.
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

    /// The peer did not respond within `limit` of a ping.
    pub fn silent(limit: Duration) -> Self {
        let limit = units::shown(limit);
        let message = format!("the connection was lost: no response within {limit} of a ping");
        Self::new(ErrorKind::Lost, Stage::Open, message)
    }

    /// The operating system provides no random numbers, without which nothing may be sent.
    pub fn no_randomness(error: &impl fmt::Display) -> Self {
        let message = format!("cannot get random numbers from the operating system: {error}");
        Self::new(ErrorKind::Input, Stage::Upgrade, message)
    }

    /// The server answered the handshake with a status other than 101.
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
