//! The signals that end a command, and the one that asks how things stand.

use std::io;
use std::task::{Context, Poll};

/// A signal that ends a command politely; a second one ends it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
}

/// The signals that end a session, but for those that were ignored when the process was started:
/// `nohup` keeps SIGHUP from it, a shell script SIGINT from what it runs in the background.
#[cfg(unix)]
pub struct Signals {
    ends: Vec<(tokio::signal::unix::Signal, Signal)>,
    question: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            (SignalKind::interrupt(), Signal::Interrupt),
            (SignalKind::terminate(), Signal::Terminate),
            (SignalKind::hangup(), Signal::HangUp),
        ];
        let ignored = ignored_signals();
        let heeded = kinds
            .into_iter()
            .filter(|(kind, _)| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
        let streams: io::Result<Vec<_>> = heeded
            .map(|(kind, meaning)| Ok((signal(kind)?, meaning)))
            .collect();
        Ok(Self {
            ends: streams?,
            question: None,
        })
    }

    /// From now on SIGQUIT asks how things stand; otherwise it ends the process with a core dump.
    ///
    /// # Errors
    /// The operating system's.
    pub fn watch_status_signals(&mut self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let kind = SignalKind::quit();
        if ignored_signals() >> (kind.as_raw_value() - 1) & 1 == 0 {
            self.question = Some(signal(kind)?);
        }
        Ok(())
    }

    /// Ready when somebody asks how things stand.
    pub fn poll_question(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.question {
            Some(question) => question.poll_recv(cx).map(drop),
            None => Poll::Pending,
        }
    }

    /// The next signal.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        for (stream, signal) in &mut self.ends {
            if let Poll::Ready(Some(())) = stream.poll_recv(cx) {
                return Poll::Ready(*signal);
            }
        }
        Poll::Pending
    }
}

/// The signals that are ignored now, the bit of signal 1 being the lowest; none where the system does
/// not say.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The signals that end a session.
#[cfg(not(unix))]
pub struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    /// There is no signal here that asks how things stand.
    ///
    /// # Errors
    /// None.
    pub fn watch_status_signals(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Never.
    pub fn poll_question(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// The next signal.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(())) => Poll::Ready(Signal::Interrupt),
            _ => Poll::Pending,
        }
    }
}
