//! Plays the server's side of a check file (`--play`): awaits what the file sends, sends what it awaits.
//!
//! Each connection plays the next test. A message that is not the one that the file sends at this place is a
//! deviation: the connection is closed with 1008, and the report names the line and the first difference.

mod awaited;
mod plan;

pub use plan::PlayError;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::connection::close::{CloseCode, CloseFrame};
use crate::connection::message::Payload;
use crate::script::Query;
use crate::template::{Template, Variable};
use awaited::AwaitedTemplate;

/// How much longer than `silence TIME` nothing is sent: the client starts to count later.
const SILENCE_MARGIN: Duration = Duration::from_millis(300);

/// The most messages that wait for their turn.
const WAITING: usize = 1024;

/// The longest close reason in bytes (RFC 6455 §5.5), less than its limit.
const REASON: usize = 120;

/// Values of variables by name.
type PlayValues = BTreeMap<String, String>;

/// A check file that can be played.
#[derive(Debug)]
pub struct PlayPlan {
    /// Its name, as given.
    pub file: String,
    tests: Vec<PlayedTest>,
    /// Whether the server ends after the last test (`--once`).
    once: bool,
    next: AtomicUsize,
    results: Mutex<PlayResults>,
}

#[derive(Debug, Default)]
struct PlayResults {
    finished: usize,
    failed: usize,
    /// What has not been reported yet.
    reports: VecDeque<PlayReport>,
}

/// The result of a connection that played a test.
#[derive(Clone, Debug)]
pub struct PlayReport {
    /// The line of the failure, or of the test.
    pub line: usize,
    /// The test's name.
    pub name: String,
    /// How long it took.
    pub time: Duration,
    /// Why it failed.
    pub failure: Option<String>,
}

/// A test as the server plays it.
#[derive(Debug)]
struct PlayedTest {
    line: usize,
    name: Option<String>,
    handshake: PlayedHandshake,
    steps: Vec<PlayStep>,
}

/// How the handshake of a test is answered.
#[derive(Clone, Debug, Default)]
pub struct PlayedHandshake {
    /// The status that refuses it.
    pub status: Option<u16>,
    /// The subprotocol to choose.
    pub subprotocol: Option<String>,
    /// Header lines of the answer.
    pub headers: Vec<(String, String)>,
}

#[derive(Debug)]
struct PlayStep {
    line: usize,
    /// The step as written.
    shown: String,
    act: PlayAction,
}

#[derive(Debug)]
enum PlayAction {
    Set(String, Template),
    /// `> MESSAGE`
    Await(AwaitedTemplate),
    /// `>hex`, `>file`
    AwaitBytes(Vec<u8>),
    /// `ping`
    AwaitPing,
    /// `close`
    AwaitClose(Option<(u16, Option<AwaitedTemplate>)>),
    /// `<`, or its sample.
    Send(Template),
    /// `<hex`
    SendBytes(Vec<u8>),
    Capture(String, Query),
    Silence(Duration),
    /// `expect close`; 1006 ends the connection without a close frame.
    Close(u16, Template),
}

impl PlayPlan {
    /// The test of the next connection, and its number.
    pub fn next_test(&self) -> (usize, PlayedHandshake) {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.tests.len();
        (index, self.tests[index].handshake.clone())
    }

    /// The values of the environment that the file uses.
    pub fn secrets(&self) -> impl Iterator<Item = String> {
        let steps = self.tests.iter().flat_map(|test| &test.steps);
        let templates = steps.filter_map(|step| match &step.act {
            PlayAction::Set(_, template)
            | PlayAction::Send(template)
            | PlayAction::Await(AwaitedTemplate(template)) => Some(template),
            _ => None,
        });
        templates
            .flat_map(Template::variables)
            .filter_map(|variable| match variable {
                Variable::Env(name) => std::env::var(name).ok(),
                _ => None,
            })
    }

    /// The number of tests.
    pub fn test_count(&self) -> usize {
        self.tests.len()
    }

    /// Whether the server ends, because every test was played once; then the number of those that failed.
    pub fn is_over(&self) -> Option<usize> {
        let results = self.results();
        (self.once && results.finished >= self.tests.len()).then_some(results.failed)
    }

    /// The next result that was not reported yet.
    pub fn take_report(&self) -> Option<PlayReport> {
        self.results().reports.pop_front()
    }

    /// A handshake was refused as the test expects.
    pub fn refused(&self, index: usize) {
        let test = &self.tests[index];
        self.finish(test.report(test.line, Duration::ZERO, None));
    }

    fn finish(&self, report: PlayReport) {
        let mut results = self.results();
        results.finished += 1;
        results.failed += usize::from(report.failure.is_some());
        results.reports.push_back(report);
    }

    fn results(&self) -> MutexGuard<'_, PlayResults> {
        // No code panics while it holds the lock.
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlayedTest {
    fn report(&self, line: usize, time: Duration, failure: Option<String>) -> PlayReport {
        PlayReport {
            line,
            name: self.name.clone().unwrap_or_default(),
            time,
            failure,
        }
    }
}

/// A test that is played on one connection.
#[derive(Debug)]
pub struct PlaySession {
    plan: std::sync::Arc<PlayPlan>,
    index: usize,
    /// The next step.
    cursor: usize,
    values: PlayValues,
    /// Messages that the client sent before their turn.
    waiting: VecDeque<Payload>,
    /// Pings that came and no step has awaited yet.
    pings: usize,
    /// The last message sent, for `capture`.
    sent: String,
    /// Nothing is sent before this time.
    silent_until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    failure: Option<(usize, String)>,
    begun: Instant,
    /// Whether its result was given.
    is_over: bool,
}

/// What a connection does next.
#[derive(Debug)]
pub enum PlayTurn {
    /// Nothing before the client does something, or a time has passed.
    Wait,
    /// Sends a message.
    Send(Payload),
    /// Closes.
    Close(CloseFrame),
    /// Ends the connection without a close frame.
    Drop,
}

impl PlaySession {
    /// Plays the test with this number.
    pub fn new(plan: std::sync::Arc<PlayPlan>, index: usize) -> Self {
        Self {
            plan,
            index,
            cursor: 0,
            values: PlayValues::new(),
            waiting: VecDeque::new(),
            pings: 0,
            sent: String::new(),
            silent_until: None,
            timer: None,
            failure: None,
            begun: Instant::now(),
            is_over: false,
        }
    }

    /// A message has come.
    pub fn receive(&mut self, payload: Payload) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(payload);
        }
    }

    /// A ping has come and was answered.
    pub fn pinged(&mut self) {
        self.pings += 1;
    }

    /// Plays steps up to the next that sends or waits.
    pub fn turn(&mut self, cx: &mut Context<'_>) -> PlayTurn {
        if self.failure.is_some() {
            return PlayTurn::Wait;
        }
        let plan = self.plan.clone();
        let steps = &plan.tests[self.index].steps;
        while let Some(step) = steps.get(self.cursor) {
            match &step.act {
                PlayAction::Set(name, value) => match fill(value, &self.values) {
                    Some(value) => drop(self.values.insert(name.clone(), value)),
                    // What the client makes anew each time is read from its messages.
                    None => drop(self.values.remove(name)),
                },
                PlayAction::Capture(name, query) => self.capture(name, query),
                PlayAction::Silence(time) => {
                    self.silent_until = Some(Instant::now() + *time + SILENCE_MARGIN);
                }
                PlayAction::Await(_) | PlayAction::AwaitBytes(_) => {
                    let Some(payload) = self.waiting.pop_front() else {
                        return PlayTurn::Wait;
                    };
                    if let Err(why) = step.act.check(&payload, &mut self.values) {
                        return self.deviation(step, &payload, &why);
                    }
                }
                PlayAction::AwaitPing if self.pings > 0 => self.pings -= 1,
                PlayAction::AwaitPing => return PlayTurn::Wait,
                PlayAction::AwaitClose(_) => {
                    return match self.waiting.pop_front() {
                        Some(payload) => self.deviation(step, &payload, "it is not a close"),
                        None => PlayTurn::Wait,
                    };
                }
                PlayAction::Send(_) | PlayAction::SendBytes(_) | PlayAction::Close(..)
                    if self.is_silent(cx) =>
                {
                    return PlayTurn::Wait;
                }
                act => {
                    self.cursor += 1;
                    return self.act(act);
                }
            }
            self.cursor += 1;
        }
        match self.waiting.pop_front() {
            Some(payload) => {
                let line = steps.last().map_or(0, |step| step.line);
                let what =
                    format!("line {line} was the last step, but the client sent another message");
                let got = payload.excerpt();
                self.fail(line, &format!("{what}: {}", got.as_str()), what.clone())
            }
            None => PlayTurn::Wait,
        }
    }

    fn act(&mut self, act: &PlayAction) -> PlayTurn {
        match act {
            PlayAction::SendBytes(bytes) => PlayTurn::Send(Payload::Binary(bytes.clone().into())),
            PlayAction::Send(template) => {
                let text = fill(template, &self.values).unwrap_or_default();
                self.sent.clone_from(&text);
                PlayTurn::Send(Payload::Text(text.into()))
            }
            PlayAction::Close(1006, _) => PlayTurn::Drop,
            PlayAction::Close(code, reason) => PlayTurn::Close(CloseFrame {
                code: (*code != CloseCode::NO_STATUS.0).then_some(CloseCode(*code)),
                reason: fill(reason, &self.values).unwrap_or_default(),
            }),
            _ => PlayTurn::Wait,
        }
    }

    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(until) = self.silent_until else {
            return false;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        match timer.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(()) => {
                self.silent_until = None;
                false
            }
        }
    }

    fn capture(&mut self, name: &str, query: &Query) {
        let compiled = match query.fixed() {
            Some(jq) => Some(jq.clone()),
            None => fill(query.template(), &self.values).and_then(|text| query.compile(&text).ok()),
        };
        let selected = compiled.and_then(|jq| jq.select(&self.sent).ok());
        let selected = selected.unwrap_or_default();
        if let Some(value) = selected.first() {
            self.values.insert(name.to_owned(), value.raw().to_owned());
        }
    }

    fn deviation(&mut self, step: &PlayStep, payload: &Payload, why: &str) -> PlayTurn {
        let got = payload.excerpt();
        let report = format!(
            "expected {}; the nearest message is {}: {why}",
            step.shown,
            got.as_str()
        );
        self.fail(step.line, &report, format!("line {}: {why}", step.line))
    }

    /// Records a failure and closes; the reason is cut to what a close frame can hold.
    fn fail(&mut self, line: usize, report: &str, mut reason: String) -> PlayTurn {
        self.failure = Some((line, report.to_owned()));
        while reason.len() > REASON {
            reason.pop();
        }
        PlayTurn::Close(CloseFrame {
            code: Some(CloseCode::POLICY_VIOLATION),
            reason,
        })
    }

    /// The client closes; `None` when the connection is lost.
    pub fn closing(&mut self, code: Option<(CloseCode, &str)>) {
        if self.failure.is_some() {
            return;
        }
        let plan = self.plan.clone();
        let steps = &plan.tests[self.index].steps;
        let Some(step) = steps.get(self.cursor) else {
            return;
        };
        let how = match code {
            Some((code, "")) => format!("the client closed with {code}"),
            Some((code, reason)) => format!("the client closed with {code}: {reason}"),
            None => "the connection was lost".to_owned(),
        };
        let is_expected = match (&step.act, code) {
            (PlayAction::AwaitClose(None), Some(_)) => true,
            (PlayAction::AwaitClose(Some((wanted, wanted_reason))), Some((code, reason))) => {
                let is_same = wanted_reason
                    .as_ref()
                    .is_none_or(|wanted| wanted.check(reason, &mut self.values).is_ok());
                *wanted == code.0 && is_same
            }
            _ => false,
        };
        if is_expected {
            self.cursor += 1;
            self.closing(code);
        } else {
            let report = format!("expected {}, but {how}", step.shown);
            self.failure = Some((step.line, report));
        }
    }

    /// The connection is over.
    pub fn finish(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let test = &self.plan.tests[self.index];
        let (line, failure) = match self.failure.take() {
            Some((line, why)) => (line, Some(why)),
            None => (test.line, None),
        };
        self.plan
            .finish(test.report(line, self.begun.elapsed(), failure));
    }
}

impl PlayAction {
    /// Compares a message with the awaited one.
    fn check(&self, payload: &Payload, values: &mut PlayValues) -> Result<(), String> {
        match (self, payload) {
            (Self::Await(awaited), Payload::Text(text)) => awaited.check(text.as_str(), values),
            (Self::Await(_), _) => Err("it is a binary message".to_owned()),
            (_, Payload::Text(_)) => Err("it is a text message".to_owned()),
            (Self::AwaitBytes(bytes), payload) if payload.as_bytes() == bytes.as_slice() => Ok(()),
            _ => Err("its bytes differ".to_owned()),
        }
    }
}

/// A text with its variables; `None` while one of them has no value that the server knows.
fn fill(template: &Template, values: &PlayValues) -> Option<String> {
    template
        .render(|variable| awaited::known(variable, values).map(Into::into).ok_or(()))
        .ok()
}
