//! Converts the outcome of a session into the error line, the hint and the exit status. This is the only place
//! that does so.

use crate::connection::backoff;
use crate::connection::close::CloseInfo;
use crate::connection::error::Error;
use crate::connection::handshake::Refusal;
use crate::exit::Exit;
use crate::expectation::Closest;
use crate::input::{InputError, InputErrorKind};
use crate::output::{Report, Sinks};
use crate::secret::io_text;
use crate::session::Outcome;
use crate::signals::Signal;
use crate::stop::Failure;
use crate::units;

/// Reports how a session ended and returns the exit status. `what` is the URL, which begins the error line.
pub fn outcome(outcome: &Outcome, what: &str, sinks: &mut Sinks) -> Exit {
    // Avoids a double colon after `echo:`.
    let what = what.trim_end_matches(':');
    match outcome {
        Outcome::Done | Outcome::ReaderGone => given_up(Exit::Success, sinks),
        Outcome::Signal(Signal::Interrupt) => given_up(Exit::Interrupted, sinks),
        Outcome::Signal(Signal::Terminate) => given_up(Exit::Terminated, sinks),
        Outcome::Signal(Signal::HangUp) => given_up(Exit::HungUp, sinks),
        Outcome::Failed(failure) => self::failure(failure, what, sinks),
        Outcome::OutOfTime(limit, closest) => {
            let message = format!(
                "{what}: timed out after {} (--max-time)",
                units::shown(*limit)
            );
            ErrorReport::new(&message, Exit::TimedOut)
                .event("timeout")
                .closest(closest.as_ref())
                .print(sinks)
        }
        Outcome::Input(error) => input_error(error, sinks),
        Outcome::Output(error) => {
            let message = format!("cannot write output: {}", io_text(error));
            ErrorReport::new(&message, Exit::Output)
                .event("io")
                .print(sinks)
        }
    }
}

fn input_error(error: &InputError, sinks: &mut Sinks) -> Exit {
    let message = error.to_string();
    match error.kind {
        InputErrorKind::Unreadable => ErrorReport::new(&message, Exit::Input).event("io"),
        InputErrorKind::UnknownVariable => ErrorReport::new(&message, Exit::Usage).event("usage"),
        InputErrorKind::NoValueYet => ErrorReport::new(&message, Exit::Expectation)
            .event("expectation")
            .hint(Some("no reply so far had a value for its --capture")),
    }
    .print(sinks)
}

/// Prints nothing to stderr, but ends a connection that was being opened with an event.
fn given_up(exit: Exit, sinks: &mut Sinks) -> Exit {
    sinks.write_custom_event(|writer, out| writer.give_up(out, exit));
    exit
}

/// Reports a failure and returns the exit status. `what` is the URL, which begins the error line.
pub fn failure(failure: &Failure, what: &str, sinks: &mut Sinks) -> Exit {
    let what = what.trim_end_matches(':');
    let message = format!("{what}: {failure}");
    match failure {
        Failure::NotConnected(error) => {
            // With --json, the link has already written an event for this.
            ErrorReport::new(&message, Exit::from(&**error))
                .of(error)
                .print(sinks)
        }
        Failure::Closed(close, _) => {
            // With --json, the link has already written an event for this.
            let line = ErrorReport::new(&message, closed(close));
            match &close.error {
                Some(error) => line.of(error),
                None => line,
            }
            .print(sinks)
        }
        Failure::Silence { hint, .. } => ErrorReport::new(&message, Exit::TimedOut)
            .event("timeout")
            .hint(hint.as_deref())
            .print(sinks),
        Failure::NotTaken { hint, .. } => ErrorReport::new(&message, Exit::TimedOut)
            .event("timeout")
            .hint(Some(hint))
            .print(sinks),
        Failure::Unmet(unmet) => ErrorReport::new(&message, Exit::Expectation)
            .event("expectation")
            .refusal(unmet.refusal.as_deref())
            .closest(unmet.closest.as_ref())
            .hint(unmet.hint.as_deref())
            .print(sinks),
    }
}

/// The exit status for a connection that ended before the run was complete.
fn closed(close: &CloseInfo) -> Exit {
    close
        .error
        .as_ref()
        .map_or(Exit::Closed, |error| Exit::from(&**error))
}

/// Builder of an error report.
#[derive(Clone)]
struct ErrorReport<'a> {
    message: &'a str,
    exit: Exit,
    details: Vec<String>,
    closest: Option<&'a Closest>,
    hint: Option<&'a str>,
    kind: Option<&'a str>,
    retryable: bool,
}

impl<'a> ErrorReport<'a> {
    fn new(message: &'a str, exit: Exit) -> Self {
        Self {
            message,
            exit,
            details: Vec::new(),
            closest: None,
            hint: None,
            kind: None,
            retryable: false,
        }
    }

    /// Adds the hint, certificate and refusal of a connection's error.
    fn of(mut self, error: &'a Error) -> Self {
        self.hint = error.hint.as_deref();
        self.retryable = backoff::is_retryable(error);
        if let Some(certificate) = &error.certificate {
            self.details = certificate.lines();
        }
        self.refusal(error.refusal.as_deref())
    }

    /// Adds the status line and body of the response that refused the handshake.
    fn refusal(mut self, refusal: Option<&Refusal>) -> Self {
        self.details
            .extend(refusal.map(Refusal::informative_lines).unwrap_or_default());
        self
    }

    /// Adds the message that came closest to the expectation.
    fn closest(mut self, closest: Option<&'a Closest>) -> Self {
        self.closest = closest;
        self
    }

    /// With `--json`, writes an `error` event of this kind, for errors that no other event reports.
    fn event(mut self, kind: &'a str) -> Self {
        self.kind = Some(kind);
        self
    }

    fn hint(mut self, hint: Option<&'a str>) -> Self {
        self.hint = hint;
        self
    }

    fn print(self, sinks: &mut Sinks) -> Exit {
        sinks.report(&Report {
            message: self.message,
            response_lines: &self.details,
            closest: self.closest,
            hint: self.hint,
            event_kind: self.kind,
            retryable: self.retryable,
            exit: self.exit,
        });
        self.exit
    }
}
