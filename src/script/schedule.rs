//! The scheduler of `check`: runs up to `-j` tests at a time and reports results in the order of the files.
//!
//! A finished test waits for those before it and still counts as running, so a run of any length needs the
//! memory of a few tests.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::report::{Finished, Reports};
use super::test_context::{RunContext, StopReason};
use crate::output::Sinks;
use crate::pattern::runaway;
use crate::signals::Signals;

/// How long the last output may take after the run was stopped, so that a reader that does not read cannot keep
/// the program running.
const LAST_CALL: Duration = Duration::from_secs(1);

/// How long the reports at the end may take then.
const AT_LEAST: Duration = Duration::from_millis(50);

/// A piece of work that returns results.
pub type Job<'a> = Pin<Box<dyn Future<Output = Vec<Finished>> + 'a>>;

/// How many jobs run at a time and when the run ends.
#[derive(Clone, Copy, Debug)]
pub struct SchedulePolicy {
    /// Jobs that run at a time, at least one.
    pub jobs: usize,
    /// Starts no further job after the first failure.
    pub fail_fast: bool,
    /// The time limit of the whole run.
    pub max_time: Option<Duration>,
}

/// How a run ended.
#[derive(Debug)]
pub struct ScheduleOutcome {
    /// Jobs that were not started, and tests that a signal interrupted.
    pub left: u64,
    /// Why it ended early.
    pub stopping: Option<StopReason>,
    /// Why stdout could not be written.
    pub output: Option<io::Error>,
    /// How much longer the last output may take; `None` is unlimited.
    pub patience: Option<Duration>,
}

enum Slot<'a> {
    Running(Job<'a>),
    Over(Vec<Finished>),
}

/// What a run shares with its jobs.
#[derive(Clone, Copy)]
pub struct SharedState<'a> {
    /// Where events and reports go.
    pub sinks: &'a RefCell<Sinks>,
    /// Set once the whole run must stop: jobs look at it whenever they are polled.
    pub stopping: &'a Cell<Option<StopReason>>,
}

impl<'a> From<&'a RunContext> for SharedState<'a> {
    fn from(context: &'a RunContext) -> Self {
        Self {
            sinks: &context.sinks,
            stopping: &context.stopping,
        }
    }
}

struct Schedule<'a, 'r, I> {
    waiting: I,
    running: VecDeque<Slot<'a>>,
    policy: SchedulePolicy,
    shared: SharedState<'a>,
    reports: &'r mut Reports,
    signals: Signals,
    output: Option<io::Error>,
    /// Results that a signal interrupted.
    interrupted: u64,
    /// When it was stopped: the time for the last output.
    last_call: Option<Pin<Box<Sleep>>>,
}

/// Runs all jobs, until a signal, a failure with `--fail-fast` or the time limit stops the run.
///
/// # Errors
/// Signals cannot be handled.
pub async fn run<'a>(
    jobs: impl ExactSizeIterator<Item = Job<'a>>,
    policy: SchedulePolicy,
    shared: SharedState<'a>,
    reports: &mut Reports,
) -> io::Result<ScheduleOutcome> {
    let mut schedule = Schedule {
        waiting: jobs,
        running: VecDeque::new(),
        policy,
        shared,
        reports,
        signals: Signals::new()?,
        output: None,
        interrupted: 0,
        last_call: None,
    };
    let mut timer = pin!(async {
        match policy.max_time {
            Some(limit) => {
                tokio::time::sleep(limit).await;
                limit
            }
            None => std::future::pending().await,
        }
    });
    let mut is_late = false;
    poll_fn(|cx| {
        if !is_late && let Poll::Ready(limit) = timer.as_mut().poll(cx) {
            is_late = true;
            schedule.stop(StopReason::OutOfTime(limit));
        }
        schedule.poll(cx)
    })
    .await;
    Ok(ScheduleOutcome {
        left: schedule.waiting.len() as u64 + schedule.interrupted,
        stopping: shared.stopping.get(),
        output: schedule.output,
        patience: schedule.last_call.map(|last_call| {
            let left = last_call
                .deadline()
                .saturating_duration_since(Instant::now());
            left.max(AT_LEAST)
        }),
    })
}

impl<'a, I: ExactSizeIterator<Item = Job<'a>>> Schedule<'a, '_, I> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(signal) = self.signals.poll(cx) {
            // The second one does not wait for the closing handshakes of the first.
            if !self.stop(StopReason::Signal(signal)) {
                return Poll::Ready(());
            }
        }
        loop {
            self.start();
            let had_room = self.has_room();
            let mut progress = false;
            for slot in &mut self.running {
                progress |= slot.poll(cx);
            }
            while let Some(Slot::Over(_)) = self.running.front() {
                self.report();
            }
            // The expression may take all memory, and the tests that run meanwhile would be blamed.
            if runaway().is_some() && self.stop(StopReason::Runaway) {
                progress = true;
            }
            let drained = self.poll_drain(cx);
            if self.running.is_empty() && (self.is_stopping() || self.waiting.len() == 0) {
                return match &mut self.last_call {
                    _ if drained => Poll::Ready(()),
                    Some(last_call) => last_call.as_mut().poll(cx),
                    None => Poll::Pending,
                };
            }
            // Connections are not read while output has no room, and nothing else wakes them afterwards.
            let made_room = !had_room && self.has_room();
            if !progress && !made_room {
                return Poll::Pending;
            }
        }
    }

    fn has_room(&self) -> bool {
        self.shared.sinks.borrow().writer.has_room()
    }

    /// Stops the running jobs; false when they were already told to stop.
    fn stop(&mut self, why: StopReason) -> bool {
        let first = self.shared.stopping.get().is_none();
        if first {
            self.shared.stopping.set(Some(why));
            self.last_call = Some(Box::pin(tokio::time::sleep(LAST_CALL)));
        }
        first
    }

    fn is_stopping(&self) -> bool {
        let failed = self.policy.fail_fast && self.reports.has_failure();
        failed || self.shared.stopping.get().is_some()
    }

    fn start(&mut self) {
        while self.running.len() < self.policy.jobs && !self.is_stopping() {
            match self.waiting.next() {
                Some(job) => self.running.push_back(Slot::Running(job)),
                None => break,
            }
        }
    }

    fn report(&mut self) {
        let Some(Slot::Over(results)) = self.running.pop_front() else {
            return;
        };
        // An interrupted test has not failed.
        if matches!(self.shared.stopping.get(), Some(StopReason::Signal(_))) {
            let (whole, interrupted): (Vec<_>, Vec<_>) = results
                .into_iter()
                .partition(|finished| finished.failure.is_none());
            self.interrupted += interrupted.len() as u64;
            let mut sinks = self.shared.sinks.borrow_mut();
            for finished in interrupted {
                self.reports.interrupted(finished, &mut sinks);
            }
            drop(sinks);
            return whole.into_iter().for_each(|finished| self.add(finished));
        }
        results.into_iter().for_each(|finished| self.add(finished));
    }

    fn add(&mut self, finished: Finished) {
        let mut sinks = self.shared.sinks.borrow_mut();
        self.reports.add(finished, &mut sinks);
    }

    /// Writes as much as possible; true when nothing is left. The run continues when the reader of stdout is gone.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> bool {
        let mut sinks = self.shared.sinks.borrow_mut();
        match sinks.poll_drain(cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => {
                sinks.writer.stop_printing();
                if error.kind() != io::ErrorKind::BrokenPipe {
                    self.output.get_or_insert(error);
                }
                true
            }
            Poll::Pending => false,
        }
    }
}

impl Slot<'_> {
    /// Polls a job; true when it has just finished.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Self::Running(job) = self else {
            return false;
        };
        match job.as_mut().poll(cx) {
            Poll::Ready(results) => {
                *self = Self::Over(results);
                true
            }
            Poll::Pending => false,
        }
    }
}
