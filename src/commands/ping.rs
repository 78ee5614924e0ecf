//! `wsprobe ping`: round-trip times, statistics, verdict.

use std::time::{Duration, Instant};

use crate::cli::Ping;
use crate::connection::message::Text;
use crate::exit::Exit;
use crate::input::{Input, Rhythm};
use crate::link::{Asking, Question};
use crate::output::Printer;
use crate::output::pings::{self, Between, Dots, LineClock, Look, PingPrinter};
use crate::report;
use crate::stop::{Limits, Openings, Pings, Replies, StopRule, Subject};

use super::prepare::{Prepared, flush, prepare};

/// From one ping to the next, where nothing else is said.
const INTERVAL: Duration = Duration::from_secs(1);

/// The longest time from one ping to the next in a flood.
const FLOOD: Duration = Duration::from_millis(10);

/// The wait for a reply, where nothing else is said.
const WAIT: Duration = Duration::from_secs(5);

/// Payloads shorter than this are not told apart for sure.
const DISTINCT: u8 = 4;

/// Runs the verb.
pub async fn run(options: Ping) -> anyhow::Result<Exit> {
    let plan = Plan::of(&options);
    let mut prepared = prepare(&options.url, options.shared).await?;
    let input = plan.input(&prepared);
    let mut stop = StopRule::Pings(Box::new(plan.rule()));
    let mut sinks = prepared.sinks(Printer::Pings(Box::new(plan.printer(&prepared))))?;
    plan.instruct(&mut prepared);
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

/// What was typed, as what it means.
struct Plan {
    subject: pings::Subject,
    rhythm: Rhythm,
    interval: Duration,
    count: Option<u64>,
    deadline: Option<Duration>,
    /// None waits for ever.
    patience: Option<Duration>,
    /// `-W` was given.
    is_impatient: bool,
    question: Option<Question>,
    limits: Limits,
    is_flood: bool,
    unix_time: bool,
    histogram: bool,
}

impl Plan {
    fn of(options: &Ping) -> Self {
        let question = options.app.as_deref().map(|message| Question {
            message: Text::from(message),
            reply: options.expect.clone(),
        });
        let wait = options.wait.unwrap_or(WAIT);
        Self {
            subject: match &options.app {
                _ if options.new_connection => pings::Subject::Openings,
                Some(message) => pings::Subject::Messages(message.len()),
                None => pings::Subject::Frames(options.size.into()),
            },
            rhythm: rhythm(options, wait),
            interval: match options.interval {
                _ if options.adaptive => Duration::ZERO,
                given => given.unwrap_or(INTERVAL),
            },
            count: options.count,
            deadline: options.deadline,
            patience: (!wait.is_zero()).then_some(wait),
            is_impatient: options.wait.is_some(),
            question,
            limits: Limits {
                p95: options.max_p95,
                avg: options.max_avg,
                loss: options.max_loss,
            },
            is_flood: options.flood,
            unix_time: options.unix_time,
            histogram: options.histogram,
        }
    }

    /// How many are sent; with a deadline so many as it takes.
    fn sent(&self) -> Option<u64> {
        self.count.filter(|_| self.deadline.is_none())
    }

    /// How many answers are enough.
    fn wanted(&self) -> Option<u64> {
        self.count.filter(|_| self.deadline.is_some())
    }

    fn input(&self, prepared: &Prepared) -> Input {
        match self.subject {
            pings::Subject::Openings => {
                let farewell = prepared.shared.messages.close.clone();
                Input::openings(self.interval, self.sent(), farewell)
            }
            pings::Subject::Frames(size) => Input::pings(self.rhythm, self.sent(), size),
            pings::Subject::Messages(_) => Input::pings(self.rhythm, self.sent(), 0),
        }
    }

    fn rule(&self) -> Pings {
        let subject = match self.subject {
            pings::Subject::Openings => {
                Subject::Openings(Openings::new(self.deadline, self.wanted()))
            }
            _ => Subject::Replies(
                Replies::new(self.question.is_some()).limit(self.deadline, self.wanted()),
            ),
        };
        Pings::new(subject, self.limits)
    }

    fn printer(&self, prepared: &Prepared) -> PingPrinter {
        let is_terminal = prepared.stdout.is_terminal;
        let look = Look {
            between: match self.is_flood {
                _ if prepared.shared.output.quiet > 0 => Between::Nothing,
                true if is_terminal => Between::Dots(Dots::default()),
                true => Between::Nothing,
                false => Between::Lines,
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

    /// Tells the link what a ping is.
    fn instruct(self, prepared: &mut Prepared) {
        if self.subject == pings::Subject::Openings && self.is_impatient {
            let limits = &mut prepared.policy.target.limits;
            limits.connect = self.patience.unwrap_or(limits.connect);
        }
        prepared.policy.asking = Asking {
            patience: self.patience,
            question: self.question,
        };
    }
}

fn rhythm(options: &Ping, wait: Duration) -> Rhythm {
    let interval = options.interval.unwrap_or(INTERVAL);
    if options.app.is_some() || options.size < DISTINCT {
        let at_once = options.adaptive || (options.flood && options.interval.is_none());
        return Rhythm::Single {
            gap: if at_once { Duration::ZERO } else { interval },
            quiet: wait,
        };
    }
    match options.interval {
        _ if options.adaptive => Rhythm::Single {
            gap: Duration::ZERO,
            quiet: Duration::ZERO,
        },
        None if options.flood => Rhythm::Flood(FLOOD),
        Some(Duration::ZERO) => Rhythm::Flood(FLOOD),
        _ => Rhythm::Steady(interval),
    }
}
