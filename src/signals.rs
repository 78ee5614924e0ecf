//! The signals that end a command, and SIGQUIT, which requests the current statistics.

use std::io;
use std::task::{Context, Poll};

/// A signal that ends a command with a closing handshake; a second one ends it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal was closed.
    HangUp,
}

/// A listener for the signals that end a session. Signals that were ignored when the process started stay
/// ignored: SIGHUP under `nohup`, SIGINT in background jobs of shell scripts.
#[cfg(unix)]
pub struct Signals {
    ends: Vec<(tokio::signal::unix::Signal, Signal)>,
    status_request: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// A signal handler cannot be installed.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            (SignalKind::interrupt(), Signal::Interrupt),
            (SignalKind::terminate(), Signal::Terminate),
            (SignalKind::hangup(), Signal::HangUp),
        ];
        let ignored = ignored_signals();
        let handled = kinds
            .into_iter()
            .filter(|(kind, _)| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
        let streams: io::Result<Vec<_>> = handled
            .map(|(kind, meaning)| Ok((signal(kind)?, meaning)))
            .collect();
        Ok(Self {
            ends: streams?,
            status_request: None,
        })
    }

    /// Also listens for SIGQUIT as a request for the current statistics. Without this call, SIGQUIT ends the
    /// process with a core dump.
    ///
    /// # Errors
    /// The signal handler cannot be installed.
    pub fn watch_status_signals(&mut self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let kind = SignalKind::quit();
        if ignored_signals() >> (kind.as_raw_value() - 1) & 1 == 0 {
            self.status_request = Some(signal(kind)?);
        }
        Ok(())
    }

    /// Ready when SIGQUIT has requested the current statistics.
    pub fn poll_question(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.status_request {
            Some(request) => request.poll_recv(cx).map(drop),
            None => Poll::Pending,
        }
    }

    /// Ready with the next signal that ends the session.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        for (stream, signal) in &mut self.ends {
            if let Poll::Ready(Some(())) = stream.poll_recv(cx) {
                return Poll::Ready(*signal);
            }
        }
        Poll::Pending
    }
}

/// The ignored signals as a bit mask; the lowest bit is signal 1. 0 on systems without `/proc`.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// A listener for Ctrl-C, the only signal on this system.
#[cfg(not(unix))]
pub struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// A signal handler cannot be installed.
    pub fn new() -> io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    /// Does nothing: this system has no SIGQUIT.
    ///
    /// # Errors
    /// Never.
    pub fn watch_status_signals(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Never ready: this system has no SIGQUIT.
    pub fn poll_question(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Ready with the next signal that ends the session.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(())) => Poll::Ready(Signal::Interrupt),
            _ => Poll::Pending,
        }
    }
}
