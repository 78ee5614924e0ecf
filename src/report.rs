//! Any way a command can end becomes the line on stderr, the hint and the exit status: here and nowhere
//! else.

use crate::connection::backoff;
use crate::connection::close::CloseInfo;
use crate::connection::error::Error;
use crate::connection::handshake::Refusal;
use crate::exit::Exit;
use crate::expectation::Closest;
use crate::output::{Report, Sinks};
use crate::secret::io_text;
use crate::session::Outcome;
use crate::signals::Signal;
use crate::stop::Failure;
use crate::units;

/// Tells how a session ended and gives the exit status. `what` is what it was about: the URL.
pub fn outcome(outcome: &Outcome, what: &str, sinks: &mut Sinks) -> Exit {
    // `echo:` brings its own colon.
    let what = what.trim_end_matches(':');
    match outcome {
        Outcome::Done | Outcome::ReaderGone => given_up(Exit::Success, sinks),
        Outcome::Signal(Signal::Interrupt) => given_up(Exit::Interrupted, sinks),
        Outcome::Signal(Signal::Terminate) => given_up(Exit::Terminated, sinks),
        Outcome::Signal(Signal::HangUp) => given_up(Exit::HungUp, sinks),
        Outcome::Failed(failure) => self::failure(failure, what, sinks),
        Outcome::OutOfTime(limit, closest) => {
            let message = format!("{what}: --max-time {} is over", units::shown(*limit));
            ErrorReport::new(&message, Exit::TimedOut)
                .event("timeout")
                .closest(closest.as_ref())
                .print(sinks)
        }
        Outcome::Input(error) => ErrorReport::new(&error.to_string(), Exit::Input)
            .event("io")
            .print(sinks),
        Outcome::Output(error) => {
            let message = format!("cannot write output: {}", io_text(error));
            ErrorReport::new(&message, Exit::Output)
                .event("io")
                .print(sinks)
        }
    }
}

/// Nothing is said on stderr; a connection that was being opened has an end all the same.
fn given_up(exit: Exit, sinks: &mut Sinks) -> Exit {
    sinks.write_custom_event(|writer, out| writer.give_up(out, exit));
    exit
}

/// Tells a failure that was found after the session and gives the exit status.
pub fn failure(failure: &Failure, what: &str, sinks: &mut Sinks) -> Exit {
    let what = what.trim_end_matches(':');
    let message = format!("{what}: {failure}");
    match failure {
        Failure::NotConnected(error) => {
            // The link's own event has told it to those who read JSON.
            ErrorReport::new(&message, Exit::from(&**error))
                .of(error)
                .print(sinks)
        }
        Failure::Closed(close, _) => {
            // The link's own event has told it to those who read JSON.
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
        Failure::Unmet(unmet) => ErrorReport::new(&message, Exit::Expectation)
            .event("expectation")
            .refusal(unmet.refusal.as_deref())
            .closest(unmet.closest.as_ref())
            .hint(unmet.hint.as_deref())
            .print(sinks),
    }
}

/// The status of a connection that ended before what was asked for had happened.
fn closed(close: &CloseInfo) -> Exit {
    close
        .error
        .as_ref()
        .map_or(Exit::Closed, |error| Exit::from(&**error))
}

/// What is told, under construction.
#[derive(Clone)]
struct ErrorReport<'a> {
    message: &'a str,
    exit: Exit,
    said: Vec<String>,
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
            said: Vec::new(),
            closest: None,
            hint: None,
            kind: None,
            retryable: false,
        }
    }

    /// Adds what a connection's error knows.
    fn of(mut self, error: &'a Error) -> Self {
        self.hint = error.hint.as_deref();
        self.retryable = backoff::is_retryable(error);
        if let Some(certificate) = &error.certificate {
            self.said = certificate.lines();
        }
        self.refusal(error.refusal.as_deref())
    }

    /// Adds what the answer that refused the handshake says.
    fn refusal(mut self, refusal: Option<&Refusal>) -> Self {
        self.said
            .extend(refusal.map(Refusal::informative_lines).unwrap_or_default());
        self
    }

    /// Adds the near miss.
    fn closest(mut self, closest: Option<&'a Closest>) -> Self {
        self.closest = closest;
        self
    }

    /// With `--json` this is an event of that kind: nothing else has told it.
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
            said: &self.said,
            closest: self.closest,
            hint: self.hint,
            event_kind: self.kind,
            retryable: self.retryable,
            exit: self.exit,
        });
        self.exit
    }
}
