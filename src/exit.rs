//! The exit statuses of the program. They are a contract with scripts and do not change. The statuses for
//! network and TLS errors are those of curl.

use std::process::ExitCode;

use crate::connection::error::{Error, ErrorKind};

/// The exit status of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Success.
    Success = 0,
    /// An expectation was not met, or `ping` received no reply.
    Expectation = 1,
    /// Bad usage; nothing was sent.
    Usage = 2,
    /// The name was not found.
    NameNotFound = 6,
    /// No address accepted a connection.
    CannotConnect = 7,
    /// The server violated the protocol.
    Protocol = 8,
    /// The server closed with an error code, or before the run was complete.
    Closed = 10,
    /// The handshake was answered with an HTTP status other than 101.
    Refused = 22,
    /// Output could not be written.
    Output = 23,
    /// An input could not be read.
    Input = 26,
    /// A time limit was reached.
    TimedOut = 28,
    /// TLS failed.
    Tls = 35,
    /// Too many redirects, or one that must not be followed.
    Redirect = 47,
    /// The connection was lost without a close frame.
    Lost = 56,
    /// The client's own certificate or key, or a CA file, cannot be used.
    OwnCertificate = 58,
    /// The server's certificate was not accepted.
    ServerCertificate = 60,
    /// A message exceeded `--max-size`.
    TooBig = 63,
    /// An internal error.
    Internal = 70,
    /// The proxy refused the connection.
    Proxy = 97,
    /// SIGHUP.
    HungUp = 129,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// All statuses.
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

    /// The numeric exit status.
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
