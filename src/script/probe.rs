//! `check URL`: the steps of a check file, made from options, of which each is a fact that passes or
//! fails. The runner of check files plays them; what a handshake shows is judged beside them.

use std::time::{Duration, Instant};

use super::report::{Finished, Grade, Trouble};
use super::run::{Found, Runner};
use super::trial::{Broken, End, Shared};
use super::values::Values;
use super::{Action, CloseFrame, Connect, Expectation, Fact, Message, Peer, Step, Template, Which};
use crate::connection::close::{By, Close, Farewell};
use crate::connection::error::Kind;
use crate::connection::message::Payload;
use crate::connection::{Opened, ReadyState, Timing};
use crate::expectation::{
    Awaited, ExpectedClose, Unmet, days_in_words, end_in_words, judge_certificate,
    judge_subprotocol,
};
use crate::output::excerpt;
use crate::pattern::Pattern;
use crate::secret::Redactor;
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

/// What is asked of an endpoint.
#[derive(Debug, Default)]
pub struct Questions {
    /// The status that answers the handshake; 101 unless said otherwise.
    pub status: Option<u16>,
    /// The subprotocol that is chosen.
    pub subprotocol: Option<String>,
    /// The longest time from the name lookup to the 101.
    pub max_handshake: Option<Duration>,
    /// The least days that the certificate is valid for.
    pub min_cert_days: Option<u32>,
    /// What is sent.
    pub send: Vec<String>,
    /// What comes then, in this order.
    pub expect: Vec<Pattern>,
    /// How the server closes after that; otherwise we do.
    pub close: Option<ExpectedClose>,
    /// How we do.
    pub farewell: Farewell,
    /// Facts that are left out: what they take is not done.
    pub skip: Vec<String>,
    /// The limit of each wait.
    pub wait: Duration,
}

/// One fact: what it is called and how it is found out.
struct Question {
    name: &'static str,
    ask: Ask,
}

enum Ask {
    /// A step of a check file.
    Step(Action),
    /// Any message.
    Reply,
    /// Something that the handshake has shown.
    Shown(Shown),
}

enum Shown {
    Handshake { limit: Option<Duration> },
    AcceptKey,
    Subprotocol(Option<String>),
    Compression,
    Certificate { least: Option<u32> },
}

impl Questions {
    /// The script, in the order in which it is played.
    fn script(&self, url: &str) -> Vec<Question> {
        let mut script = vec![step("handshake", self.connect(url))];
        if self.status.is_some_and(|status| status != 101) {
            return script;
        }
        let limit = self.max_handshake;
        let shown = [
            ("handshake", Shown::Handshake { limit }),
            ("accept key", Shown::AcceptKey),
            ("subprotocol", Shown::Subprotocol(self.subprotocol.clone())),
            ("compression", Shown::Compression),
            (
                "certificate",
                Shown::Certificate {
                    least: self.min_cert_days,
                },
            ),
        ];
        script.extend(shown.map(|(name, shown)| Question {
            name,
            ask: Ask::Shown(shown),
        }));
        let (on, within) = (here(), None);
        script.push(step("ping", Action::Ping { on, within }));
        script.extend(self.messages());
        script.push(step("close", self.close()));
        let mut questions = script.into_iter();
        let connect = questions.next();
        let asked = questions.filter(|question| !self.skips(question.name));
        connect.into_iter().chain(asked).collect()
    }

    fn skips(&self, name: &str) -> bool {
        let fact = match name {
            "accept key" => "accept-key",
            "send" | "reply" => "message",
            name => name,
        };
        self.skip.iter().any(|skipped| skipped == fact)
    }

    fn connect(&self, url: &str) -> Action {
        let status = |status| Expectation {
            line: 0,
            fact: Fact::Status(status),
        };
        Action::Connect(Connect {
            name: None,
            url: Template::literal(url),
            headers: Vec::new(),
            expectations: self.status.map(status).into_iter().collect(),
        })
    }

    fn messages(&self) -> impl Iterator<Item = Question> {
        let send = |text: &String| Action::Send {
            on: here(),
            message: Message::Text(Template::literal(text)),
        };
        let receive = |pattern: &Pattern| Action::Receive {
            on: here(),
            which: Which::FirstMatch,
            pattern: pattern.clone().into(),
            within: None,
        };
        let replies = match self.expect.is_empty() && self.close.is_none() {
            true => self.send.len(),
            false => 0,
        };
        let replies = (0..replies).map(|_| Question {
            name: "reply",
            ask: Ask::Reply,
        });
        let send = self.send.iter().map(move |text| step("send", send(text)));
        let expect = self.expect.iter();
        send.chain(replies)
            .chain(expect.map(move |pattern| step("message", receive(pattern))))
    }

    fn close(&self) -> Action {
        let (on, within) = (here(), None);
        match &self.close {
            Some(expected) => Action::ExpectClose {
                on,
                code: expected.code.0,
                reason: expected.reason.clone().map(Into::into),
                within,
            },
            None => Action::Close {
                on,
                frame: self.farewell.code.map(|code| CloseFrame {
                    code: code.0,
                    reason: Some(Template::literal(&self.farewell.reason)),
                }),
                within,
            },
        }
    }
}

fn step(name: &'static str, action: Action) -> Question {
    let ask = Ask::Step(action);
    Question { name, ask }
}

/// The one connection.
fn here() -> Peer {
    Peer {
        name: None,
        index: 0,
    }
}

/// Asks the questions; gives a fact each, up to the first that makes the rest impossible.
pub async fn probe(
    shared: &Shared,
    url: &str,
    shown: &str,
    questions: &Questions,
) -> Vec<Finished> {
    let values = Values::new();
    let mut prober = Prober {
        runner: Runner::new(shared, shown, &values),
        url: shown,
        questions,
        facts: Vec::new(),
        since: Instant::now(),
    };
    for question in questions.script(url) {
        if prober.ask(question).await == Next::Stop {
            break;
        }
    }
    prober.runner.trial.finish().await;
    prober.facts
}

/// Whether the questions that follow can be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

struct Prober<'a> {
    runner: Runner<'a>,
    url: &'a str,
    questions: &'a Questions,
    facts: Vec<Finished>,
    /// When the present question was asked.
    since: Instant,
}

impl Prober<'_> {
    async fn ask(&mut self, question: Question) -> Next {
        let Question { name, ask } = question;
        match ask {
            Ask::Step(action @ Action::Connect(_)) => self.connect(action).await,
            Ask::Step(action) => {
                let step = Step { line: 0, action };
                let found = self.runner.step(&step).await.map_err(|at| at.broken);
                self.finish(name, found)
            }
            Ask::Reply => {
                let (any, limit) = (Awaited::any(), self.questions.wait);
                let message = self.runner.receive(&here(), Which::Next, any, limit).await;
                self.finish(name, message.map(Found::Message))
            }
            Ask::Shown(shown) => {
                let opened = self.runner.trial.wires[0].opened.as_deref();
                if let Some(judged) = opened.and_then(|opened| shown.judge(opened)) {
                    let judged = judged.map(|note| (Grade::Passed, note));
                    self.add(name, judged.map_err(Broken::from));
                }
                Next::GoOn
            }
        }
    }

    async fn connect(&mut self, action: Action) -> Next {
        let step = Step { line: 0, action };
        if let Err(at) = self.runner.step(&step).await {
            let end = self
                .runner
                .trial
                .wires
                .first()
                .and_then(|wire| wire.end.as_ref());
            let name = match end {
                Some(End::Failed(error)) if error.kind == Kind::AcceptKey => "accept key",
                _ => "handshake",
            };
            self.add(name, Err(at.broken));
            return Next::Stop;
        }
        if let Some(End::Failed(error)) = &self.runner.trial.wires[0].end
            && let Some(refusal) = &error.refusal
        {
            let note = refusal.status_line();
            self.add("handshake", Ok((Grade::Passed, note)));
        }
        Next::GoOn
    }

    /// What a step has found is a fact. A ping that is not answered hides nothing of what follows.
    fn finish(&mut self, name: &'static str, found: Result<Found, Broken>) -> Next {
        let is_ping = name == "ping";
        let found = match found {
            Ok(Found::Nothing) => return Next::GoOn,
            Ok(Found::Pong(rtt)) => Ok((Grade::Passed, units::shown(rtt))),
            Ok(Found::Message(payload)) => {
                let mut sinks = self.runner.trial.shared.sinks.borrow_mut();
                Ok((Grade::Passed, in_words(&payload, sinks.redactor())))
            }
            Ok(Found::Closed(close)) if close.by == By::Peer && self.questions.close.is_none() => {
                let broken = || Broken::unmet(end_in_words(&close));
                self.excuse(name).ok_or_else(broken)
            }
            Ok(Found::Closed(close)) => Ok((Grade::Passed, close.to_string())),
            Err(broken) => self.excuse(name).ok_or(broken),
        };
        let failed = found.is_err();
        self.add(name, found);
        if failed && !is_ping {
            Next::Stop
        } else {
            Next::GoOn
        }
    }
}

impl Prober<'_> {
    /// Whether the server has closed, or is about to.
    fn is_closing(&self) -> bool {
        let wire = &self.runner.trial.wires[0];
        match &wire.end {
            Some(End::Closed(close)) => close.error.is_none(),
            Some(End::Failed(_)) => false,
            None => wire.ready_state() != ReadyState::Open,
        }
    }

    /// The server's own close, if that is how the connection has ended.
    fn unasked_close(&self) -> Option<&Close> {
        match &self.runner.trial.wires[0].end {
            Some(End::Closed(close)) if close.by == By::Peer && close.error.is_none() => {
                Some(close)
            }
            _ => None,
        }
    }

    /// What was found out in place of the fact that a step was for.
    fn excuse(&self, name: &str) -> Option<(Grade, String)> {
        if name == "ping" && self.is_closing() {
            let note = "skipped: the server closed before it answered";
            return Some((Grade::Skipped, note.to_owned()));
        }
        let close = self.unasked_close()?;
        let held = self.facts.iter().all(|fact| fact.trouble.is_none());
        let is_end = name == "close" && self.questions.close.is_none();
        (is_end && held && close.code.is_proper_end()).then(|| {
            let said = self.last_message().map(|text| format!(" after {text}"));
            let said = said.unwrap_or_default();
            let note = format!("{close}: the server closed by itself{said}");
            (Grade::Warning, note)
        })
    }

    /// The last message of the server.
    fn last_message(&self) -> Option<String> {
        let mut sinks = self.runner.trial.shared.sinks.borrow_mut();
        let last = self.runner.trial.wires.first()?.last.as_ref()?;
        Some(in_words(last, sinks.redactor()))
    }

    /// Adds a fact: what was found, or why it fails.
    fn add(&mut self, name: &str, found: Result<(Grade, String), Broken>) {
        let (grade, note, trouble) = match found {
            Ok((grade, note)) => (grade, Some(note), None),
            Err(broken) => (
                Grade::Passed,
                None,
                Some(Trouble::from(self.with_end(broken))),
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
            trouble,
        });
        self.since = Instant::now();
    }

    /// A server that goes away may have said why.
    fn with_end(&self, mut broken: Broken) -> Broken {
        let ended = self
            .runner
            .trial
            .wires
            .first()
            .is_some_and(|wire| wire.end.is_some());
        let said = self.last_message().filter(|_| ended);
        broken
            .details
            .extend(said.map(|text| format!("last message: {text}")));
        broken
    }
}

fn in_words(payload: &Payload, redactor: &Redactor) -> String {
    match payload.as_text() {
        Some(text) => excerpt(text, redactor),
        None => format!("binary, {}", units::bytes(payload.len())),
    }
}

impl Shown {
    /// What the handshake has shown; nothing where there is nothing to judge.
    fn judge(&self, opened: &Opened) -> Option<Result<String, Unmet>> {
        Some(match self {
            Self::Handshake { limit } => judge_time(*limit, opened),
            Self::AcceptKey => Ok("answers our key (RFC 6455 §4.1)".to_owned()),
            Self::Subprotocol(wanted) => {
                let chosen = opened.subprotocol.as_deref();
                let judged = wanted
                    .as_ref()
                    .map_or(Ok(()), |wanted| judge_subprotocol(wanted, chosen));
                judged.map(|()| chosen.unwrap_or("none chosen").to_owned())
            }
            Self::Compression => Ok(match opened.extensions.as_slice() {
                [] => "none agreed".to_owned(),
                some => some.join(", "),
            }),
            Self::Certificate { least: None } if opened.tls.is_none() => return None,
            Self::Certificate { least } => {
                let judged = least.map_or(Ok(()), |least| judge_certificate(least, opened));
                judged.map(|()| certificate(opened))
            }
        })
    }
}

fn judge_time(limit: Option<Duration>, opened: &Opened) -> Result<String, Unmet> {
    let total = opened.timing.total;
    let time = format!("{} ({})", units::shown(total), split(&opened.timing));
    match limit {
        Some(limit) if total > limit => {
            let limit = units::shown(limit);
            Err(Unmet::new(format!(
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
        Some(why) => format!("accepted with --insecure, though {why}"),
    };
    let days = tls.certificate.as_ref().map(|certificate| {
        let days = days_in_words(certificate.days_left());
        format!(", valid for {days}")
    });
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
