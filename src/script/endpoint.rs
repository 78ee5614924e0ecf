//! `check URL`: builds the steps of a check file from the options; each is a fact that passes or fails. The
//! runner of check files runs them; the facts of the handshake are checked here.

use std::time::{Duration, Instant};

use super::report::{Finished, PassGrade, TestFailure};
use super::run::{Runner, StepFinding};
use super::step_failure::StepFailure;
use super::test_context::{ConnectionEnd, RunContext};
use super::{
    CloseStep, ConnectStep, ConnectionName, Expectation, HandshakeFact, MessageOrder, SendStep,
    Step, StepAction, Template,
};
use crate::connection::close::{CloseFrame, CloseInfo, Initiator};
use crate::connection::error::ErrorKind;
use crate::connection::message::Payload;
use crate::connection::{Opened, ReadyState, Timing};
use crate::expectation::{
    AwaitedMessage, ExpectedClose, UnmetExpectation, check_certificate, check_subprotocol,
    end_in_words, validity,
};
use crate::output::excerpt;
use crate::pattern::Pattern;
use crate::secret::Redactor;
use crate::template::variables::Values;
use crate::units;

/// The names of the facts, for `--skip`.
pub const FACTS: [&str; 8] = [
    "handshake",
    "accept-key",
    "subprotocol",
    "compression",
    "certificate",
    "ping",
    "message",
    "close",
];

/// The options of `check URL`.
#[derive(Debug, Default)]
pub struct EndpointOptions {
    /// The expected status of the handshake; `None` is 101.
    pub status: Option<u16>,
    /// The expected subprotocol.
    pub subprotocol: Option<String>,
    /// The longest time from the name lookup to the response.
    pub max_handshake: Option<Duration>,
    /// The number of days that the certificate must still be valid for.
    pub min_cert_days: Option<u32>,
    /// The messages to send.
    pub send: Vec<Template>,
    /// The messages expected then, in this order.
    pub expect: Vec<Pattern>,
    /// The close expected of the server; `None`: we close.
    pub close: Option<ExpectedClose>,
    /// Our close frame.
    pub farewell: CloseFrame,
    /// Facts to skip (`--skip`); their steps are not run.
    pub skip: Vec<String>,
    /// The limit of each wait.
    pub wait: Duration,
}

/// One fact: its name and how it is determined.
struct Fact {
    name: &'static str,
    source: FactSource,
}

enum FactSource {
    /// A step of a check file.
    Step(StepAction),
    /// Any message.
    Reply,
    /// A detail of the handshake.
    Shown(HandshakeDetail),
}

enum HandshakeDetail {
    Handshake { limit: Option<Duration> },
    AcceptKey,
    Subprotocol(Option<String>),
    Compression,
    Certificate { least: Option<u32> },
}

impl EndpointOptions {
    /// The facts, in the order in which they are checked.
    fn script(&self, url: &str) -> Vec<Fact> {
        let mut script = vec![step("handshake", self.connect(url))];
        if self.status.is_some_and(|status| status != 101) {
            return script;
        }
        let limit = self.max_handshake;
        let shown = [
            ("handshake", HandshakeDetail::Handshake { limit }),
            ("accept key", HandshakeDetail::AcceptKey),
            (
                "subprotocol",
                HandshakeDetail::Subprotocol(self.subprotocol.clone()),
            ),
            ("compression", HandshakeDetail::Compression),
            (
                "certificate",
                HandshakeDetail::Certificate {
                    least: self.min_cert_days,
                },
            ),
        ];
        script.extend(shown.map(|(name, shown)| Fact {
            name,
            source: FactSource::Shown(shown),
        }));
        let (on, within) = (here(), None);
        script.push(step("ping", StepAction::Ping { on, within }));
        script.extend(self.messages());
        script.push(step("close", self.close()));
        let mut facts = script.into_iter();
        let connect = facts.next();
        let enabled = facts.filter(|fact| !self.skips(fact.name));
        connect.into_iter().chain(enabled).collect()
    }

    fn skips(&self, name: &str) -> bool {
        let fact = match name {
            "accept key" => "accept-key",
            "send" | "reply" => "message",
            name => name,
        };
        self.skip.iter().any(|skipped| skipped == fact)
    }

    fn connect(&self, url: &str) -> StepAction {
        let status = |status| Expectation {
            line: 0,
            fact: HandshakeFact::Status(status),
        };
        StepAction::Connect(ConnectStep {
            name: None,
            index: 0,
            retry: None,
            url: Template::literal(url),
            headers: Vec::new(),
            expectations: self.status.map(status).into_iter().collect(),
        })
    }

    fn messages(&self) -> impl Iterator<Item = Fact> {
        let send = |text: &Template| StepAction::Send {
            on: here(),
            message: SendStep::Text(text.clone()),
        };
        let receive = |pattern: &Pattern| StepAction::Receive {
            on: here(),
            which: MessageOrder::FirstMatch,
            pattern: pattern.clone().into(),
            within: None,
        };
        let replies = match self.expect.is_empty() && self.close.is_none() {
            true => self.send.len(),
            false => 0,
        };
        let replies = (0..replies).map(|_| Fact {
            name: "reply",
            source: FactSource::Reply,
        });
        let send = self.send.iter().map(move |text| step("send", send(text)));
        let expect = self.expect.iter();
        send.chain(replies)
            .chain(expect.map(move |pattern| step("message", receive(pattern))))
    }

    fn close(&self) -> StepAction {
        let (on, within) = (here(), None);
        match &self.close {
            Some(expected) => StepAction::ExpectClose {
                on,
                code: expected.code.0,
                reason: expected.reason.clone().map(Into::into),
                within,
            },
            None => StepAction::Close {
                on,
                frame: self.farewell.code.map(|code| CloseStep {
                    code: code.0,
                    reason: Some(Template::literal(&self.farewell.reason)),
                }),
                within,
            },
        }
    }
}

fn step(name: &'static str, action: StepAction) -> Fact {
    let source = FactSource::Step(action);
    Fact { name, source }
}

/// The one connection.
fn here() -> ConnectionName {
    ConnectionName {
        name: None,
        index: 0,
    }
}

/// Checks the facts in order, up to the first failure that makes the rest impossible.
pub async fn probe(
    shared: &RunContext,
    url: &str,
    shown: &str,
    options: &EndpointOptions,
    values: &Values,
) -> Vec<Finished> {
    let mut prober = Prober {
        runner: Runner::new(shared, shown, values),
        url: shown,
        options,
        facts: Vec::new(),
        since: Instant::now(),
    };
    for fact in options.script(url) {
        if prober.check_fact(fact).await == AfterFact::Stop {
            break;
        }
    }
    prober.runner.context.finish().await;
    prober.facts
}

/// Whether the following facts can be checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterFact {
    GoOn,
    Stop,
}

struct Prober<'a> {
    runner: Runner<'a>,
    url: &'a str,
    options: &'a EndpointOptions,
    facts: Vec<Finished>,
    /// When the check of the current fact began.
    since: Instant,
}

impl Prober<'_> {
    async fn check_fact(&mut self, fact: Fact) -> AfterFact {
        let Fact { name, source } = fact;
        match source {
            FactSource::Step(action @ StepAction::Connect(_)) => self.connect(action).await,
            FactSource::Step(action) => {
                let step = Step { line: 0, action };
                let found = self.runner.step(&step).await.map_err(|at| at.failure);
                self.finish(name, found)
            }
            FactSource::Reply => {
                let (any, limit) = (AwaitedMessage::any(), self.options.wait);
                let message = self
                    .runner
                    .receive(&here(), MessageOrder::Next, any, limit)
                    .await;
                self.finish(name, message.map(StepFinding::Message))
            }
            FactSource::Shown(shown) => {
                let opened = self.runner.context.connections[0].opened.as_deref();
                if let Some(result) = opened.and_then(|opened| shown.check(opened)) {
                    let result = result.map(|note| (PassGrade::Passed, note));
                    self.add(name, result.map_err(StepFailure::from));
                }
                AfterFact::GoOn
            }
        }
    }

    async fn connect(&mut self, action: StepAction) -> AfterFact {
        let step = Step { line: 0, action };
        if let Err(at) = self.runner.step(&step).await {
            let end = self
                .runner
                .context
                .connections
                .first()
                .and_then(|connection| connection.end.as_ref());
            let name = match end {
                Some(ConnectionEnd::Failed(error)) if error.kind == ErrorKind::AcceptKey => {
                    "accept key"
                }
                _ => "handshake",
            };
            self.add(name, Err(at.failure));
            return AfterFact::Stop;
        }
        if let Some(ConnectionEnd::Failed(error)) = &self.runner.context.connections[0].end
            && let Some(refusal) = &error.refusal
        {
            let note = refusal.status_line();
            self.add("handshake", Ok((PassGrade::Passed, note)));
        }
        AfterFact::GoOn
    }

    /// Records the result of a step as a fact. After an unanswered ping the run continues.
    fn finish(&mut self, name: &'static str, found: Result<StepFinding, StepFailure>) -> AfterFact {
        let is_ping = name == "ping";
        let found = match found {
            Ok(StepFinding::Nothing) => return AfterFact::GoOn,
            Ok(StepFinding::Pong(rtt)) => Ok((PassGrade::Passed, units::shown(rtt))),
            Ok(StepFinding::Message(payload)) => {
                let mut sinks = self.runner.context.shared.sinks.borrow_mut();
                Ok((PassGrade::Passed, quote_payload(&payload, sinks.redactor())))
            }
            Ok(StepFinding::Closed(close))
                if close.by == Initiator::Peer && self.options.close.is_none() =>
            {
                let failure = || StepFailure::unmet(end_in_words(&close));
                self.skip_reason(name).ok_or_else(failure)
            }
            Ok(StepFinding::Closed(close)) => Ok((PassGrade::Passed, close.to_string())),
            Err(failure) => self.skip_reason(name).ok_or(failure),
        };
        let failed = found.is_err();
        self.add(name, found);
        if failed && !is_ping {
            AfterFact::Stop
        } else {
            AfterFact::GoOn
        }
    }
}

impl Prober<'_> {
    /// Whether the server has closed or is closing.
    fn is_closing(&self) -> bool {
        let connection = &self.runner.context.connections[0];
        match &connection.end {
            Some(ConnectionEnd::Closed(close)) => close.error.is_none(),
            Some(ConnectionEnd::Failed(_)) => false,
            None => connection.ready_state() != ReadyState::Open,
        }
    }

    /// The close that the server began, if the connection ended with one.
    fn unasked_close(&self) -> Option<&CloseInfo> {
        match &self.runner.context.connections[0].end {
            Some(ConnectionEnd::Closed(close))
                if close.by == Initiator::Peer && close.error.is_none() =>
            {
                Some(close)
            }
            _ => None,
        }
    }

    /// The result of a step that was not possible because the server closed.
    fn skip_reason(&self, name: &str) -> Option<(PassGrade, String)> {
        if name == "ping" && self.is_closing() {
            let note = "skipped: the server closed before it answered";
            return Some((PassGrade::Skipped, note.to_owned()));
        }
        let close = self.unasked_close()?;
        let held = self.facts.iter().all(|fact| fact.failure.is_none());
        let is_end = name == "close" && self.options.close.is_none();
        (is_end && held && close.code.is_proper_end()).then(|| {
            let message = self.last_message().map(|text| format!(" after {text}"));
            let message = message.unwrap_or_default();
            let note = format!("{close}: closed by the server{message}");
            (PassGrade::Warning, note)
        })
    }

    /// The last message of the server.
    fn last_message(&self) -> Option<String> {
        let mut sinks = self.runner.context.shared.sinks.borrow_mut();
        let last = self.runner.context.connections.first()?.last.as_ref()?;
        Some(quote_payload(last, sinks.redactor()))
    }

    /// Adds a fact: its note, or why it failed.
    fn add(&mut self, name: &str, found: Result<(PassGrade, String), StepFailure>) {
        let (grade, note, failure) = match found {
            Ok((grade, note)) => (grade, Some(note), None),
            Err(failure) => (
                PassGrade::Passed,
                None,
                Some(TestFailure::from(self.with_end(failure))),
            ),
        };
        self.facts.push(Finished {
            file: self.url.to_owned(),
            line: 0,
            name: Some(name.to_owned()),
            steps: 1,
            time: self.since.elapsed(),
            grade,
            note,
            failure,
            probe: None,
        });
        self.since = Instant::now();
    }

    /// Adds the last message of a server that closed: it may say why.
    fn with_end(&self, mut failure: StepFailure) -> StepFailure {
        let ended = self
            .runner
            .context
            .connections
            .first()
            .is_some_and(|connection| connection.end.is_some());
        let message = self.last_message().filter(|_| ended);
        failure
            .details
            .extend(message.map(|text| format!("last message: {text}")));
        failure
    }
}

fn quote_payload(payload: &Payload, redactor: &Redactor) -> String {
    match payload.as_text() {
        Some(text) => excerpt(text, redactor),
        None => format!("binary, {}", units::bytes(payload.len())),
    }
}

impl HandshakeDetail {
    /// Checks a detail of the handshake; `None` where there is nothing to check.
    fn check(&self, opened: &Opened) -> Option<Result<String, UnmetExpectation>> {
        Some(match self {
            Self::Handshake { limit } => check_handshake_time(*limit, opened),
            Self::AcceptKey => Ok("matches our key (RFC 6455 §4.1)".to_owned()),
            Self::Subprotocol(wanted) => {
                let chosen = opened.subprotocol.as_deref();
                let result = match wanted {
                    Some(wanted) => check_subprotocol(wanted, chosen),
                    None if chosen.is_none() && offers_subprotocol(opened) => {
                        Err(UnmetExpectation::new(
                            "none chosen of those that were offered; browsers reject such a connection",
                        ))
                    }
                    None => Ok(()),
                };
                result.map(|()| chosen.unwrap_or("none chosen").to_owned())
            }
            Self::Compression => Ok(match opened.extensions.as_slice() {
                [] => "none negotiated".to_owned(),
                some => some.join(", "),
            }),
            Self::Certificate { least: None } if opened.tls.is_none() => return None,
            Self::Certificate { least } => {
                let result = least.map_or(Ok(()), |least| check_certificate(least, opened));
                result.map(|()| certificate(opened))
            }
        })
    }
}

/// Whether the request offered a subprotocol, by an option or by a header.
fn offers_subprotocol(opened: &Opened) -> bool {
    let mut names = opened
        .request
        .iter()
        .filter_map(|line| line.split_once(':'));
    names.any(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Protocol"))
}

fn check_handshake_time(
    limit: Option<Duration>,
    opened: &Opened,
) -> Result<String, UnmetExpectation> {
    let total = opened.timing.total;
    let time = format!("{} ({})", units::shown(total), split(&opened.timing));
    match limit {
        Some(limit) if total > limit => {
            let limit = units::shown(limit);
            Err(UnmetExpectation::new(format!(
                "101 after {time}, expected at most {limit}"
            )))
        }
        _ => {
            let answer = format!("{} {}", opened.answer.status, opened.answer.reason);
            Ok(format!("{} in {time}", answer.trim_end()))
        }
    }
}

fn certificate(opened: &Opened) -> String {
    let Some(tls) = &opened.tls else {
        return String::new();
    };
    let trusted = match &tls.distrust {
        None => "trusted".to_owned(),
        Some(why) => format!("accepted with --insecure although {why}"),
    };
    let days = tls
        .certificate
        .as_ref()
        .map(|certificate| format!(", {}", validity(certificate.days_left())));
    let days = days.unwrap_or_default();
    format!("{trusted}{days} ({}, {})", tls.version, tls.cipher)
}

/// `lookup 1.2 ms, connect 0.3 ms`: the stages that took any time.
fn split(timing: &Timing) -> String {
    let stages = [
        ("lookup", timing.lookup),
        ("connect", timing.connect),
        ("TLS", timing.tls),
        ("upgrade", timing.upgrade),
    ];
    let stages = stages.iter().filter(|(_, time)| !time.is_zero());
    let stages: Vec<String> = stages
        .map(|(name, time)| format!("{name} {}", units::shown(*time)))
        .collect();
    stages.join(", ")
}
