//! Errors that are detected before the first packet is sent: the message, a hint and the exit status, and how
//! they are printed.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::time::Instant;

use crate::connection::proxy::ProxyUrlError;
use crate::connection::target::UrlError;
use crate::connection::tls::TlsOptionsError;
use crate::endpoints::EndpointError;
use crate::exit::Exit;
use crate::input;
use crate::output::diagnostics::{Diagnostics, StateLines};
use crate::output::events::EventWriter;
use crate::output::style::{OutputStream, When};
use crate::secret::{Redactor, SecretError};

/// An error in the command line or in a file that it names.
#[derive(Debug)]
pub struct UsageError {
    message: String,
    /// Lines below the message.
    lines: Vec<String>,
    hint: Option<String>,
    exit: Exit,
}

impl UsageError {
    /// The same error with its secrets masked.
    pub fn redacted(self, redactor: &Redactor) -> Self {
        Self {
            message: redactor.redact(&self.message).into_owned(),
            lines: self
                .lines
                .iter()
                .map(|line| redactor.redact(line).into_owned())
                .collect(),
            hint: self.hint.map(|hint| redactor.redact(&hint).into_owned()),
            ..self
        }
    }

    /// Bad usage (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            lines: Vec::new(),
            hint: None,
            exit: Exit::Usage,
        }
    }

    /// An error with another exit status.
    pub(super) fn with_exit(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            ..Self::usage(message)
        }
    }

    /// Output that cannot be written (exit 23).
    pub fn output(message: impl Into<String>) -> Self {
        Self::with_exit(Exit::Output, message)
    }

    /// An address that cannot be listened on (exit 7).
    pub fn cannot_listen(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::CannotConnect,
            ..Self::usage(message)
        }
    }

    /// Changes the exit status to 2 unless it is 23, for commands with few exit statuses (`check`).
    pub fn as_usage(mut self) -> Self {
        if self.exit != Exit::Output {
            self.exit = Exit::Usage;
        }
        self
    }

    /// Begins the message with the place that it is about.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.message.insert_str(0, place);
        self
    }

    /// Adds a hint that says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An error and its hint on one line, for a session that continues.
pub fn message_of(error: &anyhow::Error) -> String {
    let hint = error
        .downcast_ref::<UsageError>()
        .and_then(|usage_error| usage_error.hint.as_deref());
    match hint {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}

/// Bad usage.
impl From<String> for UsageError {
    fn from(message: String) -> Self {
        Self::usage(message)
    }
}

impl From<UrlError> for UsageError {
    fn from(bad: UrlError) -> Self {
        Self {
            hint: bad.hint.clone(),
            ..Self::usage(bad.to_string())
        }
    }
}

impl From<SecretError> for UsageError {
    fn from(unreadable: SecretError) -> Self {
        let exit = match unreadable.name.starts_with("env:") {
            _ if unreadable.timed_out => Exit::TimedOut,
            true => Exit::Usage,
            false => Exit::Input,
        };
        Self {
            exit,
            ..Self::usage(unreadable.to_string())
        }
    }
}

impl From<input::InputError> for UsageError {
    fn from(error: input::InputError) -> Self {
        Self {
            exit: Exit::Input,
            ..Self::usage(error.to_string())
        }
    }
}

impl From<TlsOptionsError> for UsageError {
    fn from(bad: TlsOptionsError) -> Self {
        match bad {
            TlsOptionsError::Unreadable(unreadable) => unreadable.into(),
            TlsOptionsError::Unusable(why, hint) => Self {
                hint,
                ..Self::with_exit(Exit::OwnCertificate, why)
            },
        }
    }
}

impl From<EndpointError> for UsageError {
    fn from(error: EndpointError) -> Self {
        let message = error.to_string();
        match error {
            EndpointError::Unreadable { .. } => Self::with_exit(Exit::Input, message),
            EndpointError::Unknown { all, .. } => Self {
                lines: all,
                ..Self::usage(message)
            },
            EndpointError::NoFile { .. } => Self::usage(message)
                .hint("an endpoint is a table in it: [NAME] and url = \"wss://…\" (wsprobe help endpoints)"),
            EndpointError::At { .. } => Self::usage(message),
        }
    }
}

impl From<ProxyUrlError> for UsageError {
    fn from(bad: ProxyUrlError) -> Self {
        Self::usage(bad.to_string())
    }
}

/// Prints an error and returns its exit status. An error other than [`UsageError`] is an internal error (70).
pub fn report(error: &anyhow::Error, arguments: &[OsString]) -> Exit {
    match error.downcast_ref::<UsageError>() {
        Some(usage_error) => {
            print_error(usage_error, arguments);
            usage_error.exit
        }
        None => {
            let message = format!("internal error: {error:#}");
            print_error(&UsageError::with_exit(Exit::Internal, message), arguments);
            Exit::Internal
        }
    }
}

/// Prints warnings that come before everything else.
pub fn warn(warnings: &[String]) {
    let mut lines = Vec::new();
    for warning in warnings {
        diagnostics().warning(&mut lines, warning);
    }
    let _ = io::stderr().write_all(&lines);
}

fn wants_json(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json")
}

fn diagnostics() -> Diagnostics {
    Diagnostics {
        stream: OutputStream::stderr(When::Auto),
        verbose: 0,
        quiet: 0,
        warns: true,
        states: StateLines::Usual,
    }
}

fn print_error(error: &UsageError, arguments: &[OsString]) {
    let diagnostics = diagnostics();
    let (message, exit) = (&error.message, error.exit);
    let mut lines = Vec::new();
    if wants_json(arguments) {
        let mut line = Vec::new();
        let kind = if exit == Exit::Usage { "usage" } else { "io" };
        EventWriter::new(Instant::now()).error(&mut line, kind, message, false, exit);
        let mut stdout = io::stdout();
        if stdout
            .write_all(&line)
            .and_then(|()| stdout.flush())
            .is_err()
        {
            diagnostics.error(&mut lines, message);
        }
    } else {
        diagnostics.error(&mut lines, message);
    }
    for line in &error.lines {
        diagnostics.quote(&mut lines, line);
    }
    if let Some(hint) = &error.hint {
        diagnostics.hint(&mut lines, hint);
    }
    let _ = io::stderr().write_all(&lines);
}
