//! What the commands share that run tests and report on them: `check` and `audit`.

use std::cell::RefCell;
use std::future::poll_fn;
use std::path::PathBuf;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::output::{Notice, Sinks};
use crate::pattern::runaway;
use crate::script::report::{Destinations, Reports};
use crate::script::schedule::{ScheduleOutcome, SharedState};
use crate::script::test_context::StopReason;
use crate::secret::io_text;
use crate::signals::{Signal, Signals};
use crate::units;

/// The reports that the environment asks for; `json` says that stdout carries JSON events.
pub fn destinations(json: bool) -> Destinations {
    let github = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    let page = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    Destinations {
        step_summary: page.filter(|_| github).map(PathBuf::from),
        github,
        json,
        ..Destinations::default()
    }
}

/// Writes the reports of a run that began at `begun`, and returns the exit status.
///
/// # Errors
/// Signals cannot be handled.
pub async fn finish(
    ran: ScheduleOutcome,
    reports: Reports,
    begun: Instant,
    shared: SharedState<'_>,
) -> anyhow::Result<Exit> {
    let mut exit = exit_of(&ran, &reports);
    let bail_out = ran.stopping.map(|why| match why {
        StopReason::Signal(_) => "interrupted",
        StopReason::OutOfTime(_) => "--max-time reached",
        StopReason::Runaway => "a jq expression cannot be stopped",
    });
    {
        let mut sinks = shared.sinks.borrow_mut();
        let time = begun.elapsed();
        let failure = reports.end(ran.left, time, bail_out, exit, &mut sinks);
        if ran.stopping == Some(StopReason::Runaway) && ran.left > 0 {
            let (why, left) = (
                runaway().unwrap_or_default(),
                units::count(ran.left, "test"),
            );
            let text = format!("stopped: {why}; it cannot be stopped, {left} not run");
            sinks.notify(Notice::Error(&text));
        }
        let output = ran
            .output
            .map(|error| format!("cannot write output: {}", io_text(&error)));
        if let Some(failure) = failure.or(output) {
            sinks.notify(Notice::Error(&failure));
            exit = Exit::Output;
        }
    }
    drain(shared.sinks, ran.patience).await?;
    Ok(exit)
}

/// Writes the buffered output. Stops waiting for a slow reader when a signal arrives, or after `patience`.
async fn drain(sinks: &RefCell<Sinks>, patience: Option<Duration>) -> std::io::Result<()> {
    let mut signals = Signals::new()?;
    let drain = poll_fn(|cx| match signals.poll(cx) {
        Poll::Ready(_) => Poll::Ready(()),
        // A reader that has closed the pipe is not an error.
        Poll::Pending => sinks.borrow_mut().poll_drain(cx).map(drop),
    });
    match patience {
        Some(patience) => {
            let _ = tokio::time::timeout(patience, drain).await;
        }
        None => drain.await,
    }
    Ok(())
}

fn exit_of(ran: &ScheduleOutcome, reports: &Reports) -> Exit {
    match ran.stopping {
        Some(StopReason::Signal(Signal::Interrupt)) => Exit::Interrupted,
        Some(StopReason::Signal(Signal::Terminate)) => Exit::Terminated,
        Some(StopReason::Signal(Signal::HangUp)) => Exit::HungUp,
        Some(StopReason::OutOfTime(_) | StopReason::Runaway) => Exit::Expectation,
        None if reports.has_failure() => Exit::Expectation,
        None => Exit::Success,
    }
}
