//! Exit statuses: one enum, one table. Part of the contract with scripts; transport numbers are curl's.

use std::process::ExitCode;

use crate::connection::error::{Error, ErrorKind};

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked for happened.
    Success = 0,
    /// An expectation was not met; `ping` got no reply.
    Expectation = 1,
    /// Bad usage: nothing was sent.
    Usage = 2,
    /// The name was not found.
    NameNotFound = 6,
    /// No address accepted a connection.
    CannotConnect = 7,
    /// The server broke the protocol.
    Protocol = 8,
    /// The server closed with an error code, or too early.
    Closed = 10,
    /// The handshake was answered with another status than 101.
    Refused = 22,
    /// Output could not be written.
    Output = 23,
    /// An input could not be read.
    Input = 26,
    /// A time limit was reached.
    TimedOut = 28,
    /// TLS failed.
    Tls = 35,
    /// Too many redirects, or one that may not be followed.
    Redirect = 47,
    /// The connection was lost without a close frame.
    Lost = 56,
    /// An own certificate, key or CA file cannot be used.
    OwnCertificate = 58,
    /// The server's certificate was not accepted.
    ServerCertificate = 60,
    /// A message was larger than `--max-size`.
    TooBig = 63,
    /// A defect of ours.
    Internal = 70,
    /// The proxy refused.
    Proxy = 97,
    /// SIGHUP.
    HungUp = 129,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// Every status there is.
    pub const ALL: [Self; 22] = [
        Self::Success,
        Self::Expectation,
        Self::Usage,
        Self::NameNotFound,
        Self::CannotConnect,
        Self::Protocol,
        Self::Closed,
        Self::Refused,
        Self::Output,
        Self::Input,
        Self::TimedOut,
        Self::Tls,
        Self::Redirect,
        Self::Lost,
        Self::OwnCertificate,
        Self::ServerCertificate,
        Self::TooBig,
        Self::Internal,
        Self::Proxy,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error.kind {
            ErrorKind::Dns => Self::NameNotFound,
            ErrorKind::Connect => Self::CannotConnect,
            ErrorKind::Proxy => Self::Proxy,
            ErrorKind::Redirect => Self::Redirect,
            ErrorKind::Tls | ErrorKind::TlsEnded => Self::Tls,
            ErrorKind::Certificate => Self::ServerCertificate,
            ErrorKind::Timeout => Self::TimedOut,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Handshake | ErrorKind::AcceptKey | ErrorKind::Protocol => Self::Protocol,
            ErrorKind::CutOff => Self::Closed,
            ErrorKind::Lost => Self::Lost,
            ErrorKind::TooBig => Self::TooBig,
            ErrorKind::Input => Self::Input,
        }
    }
}
