//! `wsprobe ping`: measures round-trip times and prints statistics and a verdict.

use std::time::{Duration, Instant};

use crate::cli::PingArgs;
use crate::exit::Exit;
use crate::input::{Input, PingInterval};
use crate::link::{AppPing, PingPolicy};
use crate::output::Printer;
use crate::output::ping_printer::{
    Dots, LineClock, PingLayout, PingPrinter, PingProgress, TimedSubject,
};
use crate::report;
use crate::stop::{Openings, PingLimits, PingRule, Replies, StopRule, TimedRule};

use super::UsageError;
use super::filling::Filling;
use super::prepare::{PreparedSession, filling, flush, prepare};

/// Default time between pings.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum time between pings in flood mode.
const FLOOD: Duration = Duration::from_millis(10);

/// Default time limit for a reply.
const WAIT: Duration = Duration::from_secs(5);

/// Minimum payload size in bytes that makes all payloads unique.
const DISTINCT: u8 = 4;

/// Runs the command.
///
/// # Errors
/// Bad usage, an unreadable input, or output that cannot be written.
pub async fn run(options: PingArgs) -> anyhow::Result<Exit> {
    let filling = filling(&options.shared, Vec::new())?;
    filling.reject_in_patterns("--expect", &options.expect)?;
    let ping_plan = PingPlan::of(&options, &filling)?;
    let mut prepared = prepare(&options.url, options.shared, filling).await?;
    let input = ping_plan.input(&prepared);
    let mut stop = StopRule::Pings(Box::new(ping_plan.rule()));
    let mut sinks = prepared.sinks(Printer::Pings(Box::new(ping_plan.printer(&prepared))))?;
    ping_plan.configure(&mut prepared);
    let what = prepared.what.clone();
    let mut exit = prepared.run(input, &mut stop, &mut sinks).await?;
    if let StopRule::Pings(rule) = &stop {
        let statistics = rule.statistics(Instant::now());
        if exit == Exit::Success
            && let Some(failure) = rule.judge(statistics.as_ref())
        {
            exit = report::failure(&failure, &what, &mut sinks);
        }
        statistics.inspect(|statistics| sinks.print_statistics(statistics));
    }
    flush(&mut sinks).await;
    Ok(exit)
}

/// The options of `ping`, with defaults applied and conflicts resolved.
struct PingPlan {
    subject: TimedSubject,
    rhythm: PingInterval,
    interval: Duration,
    count: Option<u64>,
    deadline: Option<Duration>,
    /// Time limit for each reply; `None` means no limit.
    patience: Option<Duration>,
    /// Whether `-W` was given.
    is_impatient: bool,
    app_ping: Option<AppPing>,
    limits: PingLimits,
    is_flood: bool,
    unix_time: bool,
    histogram: bool,
}

impl PingPlan {
    fn of(options: &PingArgs, filling: &Filling) -> Result<Self, UsageError> {
        if options.app.is_some()
            && options.expect.is_none()
            && !options.shared.messages.execute.is_empty()
        {
            return Err(UsageError::usage(
                "--app with -x requires --expect: a reply to -x would count as the reply to a ping",
            ));
        }
        let app_ping = options.app.as_deref().map(|message| {
            Ok::<_, UsageError>(AppPing {
                message: filling.repeated("--app", message)?,
                reply: options.expect.clone(),
            })
        });
        let wait = options.wait.unwrap_or(WAIT);
        Ok(Self {
            subject: match &options.app {
                _ if options.new_connection => TimedSubject::Openings,
                Some(message) => TimedSubject::Messages(message.len()),
                None => TimedSubject::Frames(options.size.into()),
            },
            rhythm: interval(options, wait),
            interval: match options.interval {
                _ if options.adaptive => Duration::ZERO,
                given => given.unwrap_or(INTERVAL),
            },
            count: options.count,
            deadline: options.deadline,
            patience: (!wait.is_zero()).then_some(wait),
            is_impatient: options.wait.is_some(),
            app_ping: app_ping.transpose()?,
            limits: PingLimits {
                p95: options.max_p95,
                avg: options.max_avg,
                loss: options.max_loss,
            },
            is_flood: options.flood,
            unix_time: options.unix_time,
            histogram: options.histogram,
        })
    }

    /// The number of pings to send; `None` means no limit (with a deadline, `-c` counts replies).
    fn sent(&self) -> Option<u64> {
        self.count.filter(|_| self.deadline.is_none())
    }

    /// The number of replies after which to stop; used only with a deadline.
    fn replies_wanted(&self) -> Option<u64> {
        self.count.filter(|_| self.deadline.is_some())
    }

    fn input(&self, prepared: &PreparedSession) -> Input {
        match self.subject {
            TimedSubject::Openings => {
                let farewell = prepared.shared.messages.close.clone();
                Input::openings(self.interval, self.sent(), farewell)
            }
            TimedSubject::Frames(size) => Input::pings(self.rhythm, self.sent(), size),
            TimedSubject::Messages(_) => Input::pings(self.rhythm, self.sent(), 0),
        }
    }

    fn rule(&self) -> PingRule {
        let subject = match self.subject {
            TimedSubject::Openings => {
                TimedRule::Openings(Openings::new(self.deadline, self.replies_wanted()))
            }
            _ => TimedRule::Replies(
                Replies::new(self.app_ping.is_some()).limit(self.deadline, self.replies_wanted()),
            ),
        };
        PingRule::new(subject, self.limits).write_limit(self.patience)
    }

    fn printer(&self, prepared: &PreparedSession) -> PingPrinter {
        let is_terminal = prepared.stdout.is_terminal;
        let look = PingLayout {
            between: match self.is_flood {
                _ if prepared.shared.output.quiet > 0 => PingProgress::Nothing,
                true if is_terminal => PingProgress::Dots(Dots::default()),
                true => PingProgress::Nothing,
                false => PingProgress::Lines,
            },
            clock: match prepared.shared.output.timestamps {
                _ if self.unix_time => LineClock::Unix,
                true => LineClock::Rfc3339,
                false => LineClock::Off,
            },
            subject: self.subject,
            is_terminal,
            histogram: self.histogram,
        };
        PingPrinter::new(look, &prepared.what)
    }

    /// Sets the ping policy of the link, and for new connections the connect timeout.
    fn configure(self, prepared: &mut PreparedSession) {
        if self.subject == TimedSubject::Openings && self.is_impatient {
            let limits = &mut prepared.policy.target.limits;
            limits.connect = self.patience.unwrap_or(limits.connect);
        }
        prepared.policy.ping_policy = PingPolicy {
            patience: self.patience,
            app_ping: self.app_ping,
        };
    }
}

fn interval(options: &PingArgs, wait: Duration) -> PingInterval {
    let interval = options.interval.unwrap_or(INTERVAL);
    if options.app.is_some() || options.size < DISTINCT {
        let at_once = options.adaptive || (options.flood && options.interval.is_none());
        return PingInterval::Single {
            gap: if at_once { Duration::ZERO } else { interval },
            quiet: wait,
        };
    }
    match options.interval {
        _ if options.adaptive => PingInterval::Single {
            gap: Duration::ZERO,
            quiet: Duration::ZERO,
        },
        None if options.flood => PingInterval::Flood(FLOOD),
        Some(Duration::ZERO) => PingInterval::Flood(FLOOD),
        _ => PingInterval::Steady(interval),
    }
}
