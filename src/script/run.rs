//! Runs a test of a check file, step by step. It stops at the first step that comes to nothing.

use std::path::Path;
use std::time::Duration;

use super::report::{Finished, Trouble};
use super::trial::{Broken, End, Shared, Trial, Waited, Wire};
use super::values::{Filled, Scope, Value, Values};
use super::{
    Action, CloseFrame, Connect, Expected, Fact, Message, Peer, Query, Script, Step, Template,
    Test, Which,
};
use crate::connection::close::{Code, Farewell};
use crate::connection::handshake::Headers;
use crate::connection::message::{Payload, Text};
use crate::connection::target::Header;
use crate::event::Event;
use crate::pattern::{Jq, Outcome, Pattern};
use crate::secret::{Secret, io_text, is_credential_header};
use crate::stop::{ExpectedClose, Search, wrong_subprotocol};
use crate::units;

/// A check file that was read.
#[derive(Debug)]
pub struct CheckFile {
    /// As it was named.
    pub name: String,
    /// What it says.
    pub script: Script,
}

/// Runs one test, closes its connections, and says how it went.
pub async fn run_test(shared: &Shared, file: &CheckFile, test: &Test, given: &Values) -> Finished {
    let mut runner = Runner {
        trial: Trial::new(shared),
        scope: Scope::new(given),
        timeout: shared.timeout,
        timeout_set: false,
        matched: None,
        file: &file.name,
    };
    let mut trouble = None;
    let steps = file.script.settings.iter().chain(&test.steps);
    for step in steps {
        if let Err(failed) = runner.step(step).await {
            trouble = Some(failed);
            break;
        }
    }
    runner.trial.finish().await;
    let transcript = &runner.trial.transcript;
    let trouble = trouble
        .map(|At { line, step, broken }| Trouble::from(broken).at(line, step, transcript.lines()));
    Finished {
        file: file.name.clone(),
        line: test.line,
        name: test.name.clone(),
        steps: test.steps.len(),
        time: transcript.elapsed(),
        note: None,
        trouble,
    }
}

/// A step that came to nothing.
struct At {
    line: usize,
    step: String,
    broken: Broken,
}

struct Runner<'a> {
    trial: Trial<'a>,
    scope: Scope<'a>,
    /// The limit of each waiting step.
    timeout: Duration,
    /// Whether the file sets it: only then does it limit `connect` too, which has a limit of its own.
    timeout_set: bool,
    /// The last matched message.
    matched: Option<Text>,
    file: &'a str,
}

impl Runner<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), At> {
        if let Action::Connect(connect) = &step.action {
            return self.connect(step, connect).await;
        }
        self.act(&step.action).await.map_err(|broken| At {
            line: step.line,
            step: step.action.to_string(),
            broken,
        })
    }

    async fn act(&mut self, action: &Action) -> Result<(), Broken> {
        match action {
            Action::Set { name, value } => self.set(name, value),
            Action::Timeout(time) => {
                (self.timeout, self.timeout_set) = (*time, true);
                Ok(())
            }
            // Has its own way, since its expectations stand on lines of their own.
            Action::Connect(_) => Ok(()),
            Action::Send { on, message } => self.send(on, message).await,
            Action::Receive {
                on,
                which,
                pattern,
                within,
            } => {
                let limit = within.unwrap_or(self.timeout);
                self.receive(on, *which, pattern, limit).await
            }
            Action::Never { on, pattern } => {
                let pattern = self.pattern(pattern)?;
                self.trial.wires[on.index].forbid(pattern);
                // What has come already is found here, not by the next step that waits.
                self.trial
                    .until(Some(Duration::ZERO), |_| Some(()))
                    .await
                    .map(drop)
            }
            Action::Silence { on, time } => self.silence(on, *time).await,
            Action::Capture {
                name,
                secret,
                query,
            } => self.capture(name, *secret, query),
            Action::Assert(query) => self.assert(query),
            Action::Ping { on, within } => self.ping(on, within.unwrap_or(self.timeout)).await,
            Action::Close { on, frame, within } => {
                self.close(on, frame.as_ref(), within.unwrap_or(self.timeout))
                    .await
            }
            Action::ExpectClose {
                on,
                code,
                reason,
                within,
            } => {
                let limit = within.unwrap_or(self.timeout);
                self.expect_close(on, Code(*code), reason.as_ref(), limit)
                    .await
            }
            Action::Wait(time) => self
                .trial
                .until(Some(*time), |_| None::<()>)
                .await
                .map(drop),
        }
    }

    fn fill(&self, template: &Template) -> Result<Filled, Broken> {
        let filled = self.scope.fill(template).map_err(Broken::fault)?;
        for secret in self.scope.secrets(template) {
            self.hide(&secret);
        }
        Ok(filled)
    }

    /// From now on a value is erased from all output.
    fn hide(&self, secret: &str) {
        let event = Event::Secret(Secret::new(secret));
        self.trial.shared.sinks.borrow_mut().see(&event);
    }

    fn pattern(&self, expected: &Expected) -> Result<Pattern, Broken> {
        if let Some(pattern) = expected.fixed() {
            return Ok(pattern.clone());
        }
        let filled = self.fill(expected.template())?;
        expected
            .compile(&filled.text)
            .map_err(|error| Broken::fault(error.to_string()))
    }

    fn query(&self, query: &Query) -> Result<Jq, Broken> {
        let compile = || {
            let filled = self.fill(query.template())?;
            let jq = query.compile(&filled.text);
            jq.map_err(|error| Broken::fault(error.to_string()))
        };
        query.fixed().cloned().map_or_else(compile, Ok)
    }

    fn set(&mut self, name: &str, value: &Template) -> Result<(), Broken> {
        let filled = self.fill(value)?;
        let is_secret = filled.shown.is_some();
        if is_secret {
            self.hide(&filled.text);
        }
        let text = filled.text;
        self.scope.set(name, Value { text, is_secret });
        Ok(())
    }

    async fn connect(&mut self, step: &Step, connect: &Connect) -> Result<(), At> {
        let is_status = |fact: &Fact| matches!(fact, Fact::Status(_));
        let may_be_refused = connect
            .expectations
            .iter()
            .any(|expectation| is_status(&expectation.fact));
        let at = |line, step: String| move |broken| At { line, step, broken };
        let whole = at(step.line, step.action.to_string());
        let index = self.open(connect, may_be_refused).await.map_err(whole)?;
        let expectations = connect.expectations.iter();
        for expectation in expectations {
            let wire = &self.trial.wires[index];
            self.check(wire, &expectation.fact)
                .map_err(at(expectation.line, expectation.fact.to_string()))?;
        }
        Ok(())
    }

    /// Opens a connection; a refusal is a failure unless some status is expected.
    async fn open(&mut self, connect: &Connect, may_be_refused: bool) -> Result<usize, Broken> {
        let url = self.fill(&connect.url)?.text;
        let mut headers = Vec::new();
        for header in &connect.headers {
            let value = self.fill(&header.value)?.text;
            if value.chars().any(|c| c.is_control() && c != '\t') {
                let name = &header.name;
                return Err(Broken::fault(format!(
                    "the value of header {name} holds a control character"
                )));
            }
            if is_credential_header(&header.name) {
                self.hide(&value);
            }
            headers.push(Header::new(&header.name, value));
        }
        let limit = self.timeout_set.then_some(self.timeout);
        let wire = self
            .trial
            .connect(connect.name.clone(), url, headers, limit)
            .await?;
        match &wire.end {
            Some(End::Failed(error)) if error.refusal.is_some() && may_be_refused => {}
            Some(end @ End::Failed(_)) => return Err(end.into()),
            _ => {}
        }
        Ok(self.trial.wires.len() - 1)
    }

    fn check(&self, wire: &Wire, fact: &Fact) -> Result<(), Broken> {
        match fact {
            Fact::Status(wanted) => expect_status(wire, *wanted),
            Fact::Subprotocol(name) => {
                let wanted = self.fill(name)?.text;
                let chosen = wire
                    .opened
                    .as_ref()
                    .and_then(|opened| opened.subprotocol.as_deref());
                if chosen == Some(&*wanted) {
                    return Ok(());
                }
                let mut broken = Broken::from(wrong_subprotocol(&wanted, chosen));
                if chosen.is_none() {
                    broken.details = vec![format!(
                        "hint: offer it with a header line, Sec-WebSocket-Protocol: {wanted}"
                    )];
                }
                Err(broken)
            }
            Fact::Header { name, value } => expect_header(wire, name, &self.pattern(value)?),
            Fact::CertDays(least) => {
                let opened = wire.opened.as_deref();
                match opened.and_then(super::probe::certificate_days) {
                    Some(days) if days >= i64::from(*least) => Ok(()),
                    Some(days) => Err(Broken::unmet(format!(
                        "the certificate is good for {}, expected {least}",
                        super::probe::days_in_words(days)
                    ))),
                    None => Err(Broken::unmet("the connection has no certificate")),
                }
            }
        }
    }

    async fn send(&mut self, on: &Peer, message: &Message) -> Result<(), Broken> {
        let (payload, shown) = match message {
            Message::Text(template) => {
                let filled = self.fill(template)?;
                (Payload::Text(filled.text.into()), filled.shown)
            }
            Message::Hex(bytes) => (Payload::Binary(bytes.clone().into()), None),
            Message::File(template) => {
                let path = self.fill(template)?.text;
                // A path belongs to the file that it stands in, wherever that is run from.
                let beside = Path::new(self.file).parent().unwrap_or(Path::new(""));
                let bytes = std::fs::read(beside.join(&path)).map_err(|error| {
                    Broken::fault(format!("cannot read {path}: {}", io_text(&error)))
                })?;
                (Payload::Binary(bytes.into()), None)
            }
        };
        self.trial
            .send(on.index, payload, shown, self.timeout)
            .await
    }

    async fn receive(
        &mut self,
        on: &Peer,
        which: Which,
        expected: &Expected,
        limit: Duration,
    ) -> Result<(), Broken> {
        let pattern = self.pattern(expected)?;
        let search = &mut Search::default();
        let found = self.trial.until(Some(limit), |trial| {
            let wire = &mut trial.wires[on.index];
            while let Some(payload) = wire.take() {
                if search.look(&pattern, &payload) {
                    return Some(Some(payload));
                }
                if which == Which::Next {
                    return Some(None);
                }
            }
            wire.end.is_some().then_some(None)
        });
        let mut broken = match found.await? {
            Waited::For(Some(payload)) => {
                if let Payload::Text(text) = payload {
                    self.matched = Some(text);
                }
                return Ok(());
            }
            Waited::For(None) if which == Which::Next && search.skipped > 0 => {
                Broken::unmet("the next message does not match")
            }
            Waited::For(None) => {
                let mut broken = self.trial.closed_early(on.index);
                broken.why = format!("{} ({})", broken.why, search.summary());
                broken
            }
            Waited::InVain => {
                let (limit, summary) = (units::shown(limit), search.summary());
                Broken::unmet(format!("no matching message within {limit} ({summary})"))
            }
        };
        broken.closest = search.closest.clone();
        Err(broken)
    }

    async fn silence(&mut self, on: &Peer, time: Duration) -> Result<(), Broken> {
        let noise = self.trial.until(Some(time), |trial| {
            let wire = &mut trial.wires[on.index];
            match wire.take() {
                Some(payload) => Some(Some(payload)),
                None => wire.end.is_some().then_some(None),
            }
        });
        match noise.await? {
            Waited::InVain => Ok(()),
            Waited::For(Some(payload)) => {
                let mut broken = Broken::unmet("a message came, and silence was expected");
                let text = match payload.as_text() {
                    Some(text) => text.to_owned(),
                    None => format!("binary, {}", units::bytes(payload.len())),
                };
                broken.details = vec![format!("message: {text}")];
                Err(broken)
            }
            Waited::For(None) => Err(self.trial.closed_early(on.index)),
        }
    }

    fn capture(&mut self, name: &str, secret: bool, query: &Query) -> Result<(), Broken> {
        let jq = self.query(query)?;
        let selected = jq.select(self.last_message()).map_err(Broken::unmet)?;
        let text = match selected.first().map(crate::pattern::Selected::raw) {
            None => return Err(Broken::unmet("the last matched message has no such part")),
            // A conversation that goes on with "null" for an id cannot show what it was written for.
            Some("null") => {
                return Err(Broken::unmet(
                    "this part of the last matched message is null",
                ));
            }
            Some(text) => text.to_owned(),
        };
        if secret {
            self.hide(&text);
        }
        let is_secret = secret;
        self.scope.capture(name, Value { text, is_secret });
        Ok(())
    }

    fn assert(&self, query: &Query) -> Result<(), Broken> {
        let pattern = Pattern::jq(self.query(query)?);
        match pattern.matches(self.last_message()) {
            Outcome::Match => Ok(()),
            Outcome::Mismatch(mismatch) => {
                let mut broken = Broken::unmet(mismatch.why);
                broken.details = vec![format!("message: {}", self.last_message())];
                Err(broken)
            }
        }
    }

    /// The parser lets nothing look at the last matched message before there is one.
    fn last_message(&self) -> &str {
        self.matched.as_ref().map_or("", |text| text.as_str())
    }

    async fn ping(&mut self, on: &Peer, limit: Duration) -> Result<(), Broken> {
        let seq = self.trial.ping(on.index, limit).await?;
        let pong = self.trial.until(Some(limit), |trial| {
            let wire = &trial.wires[on.index];
            let answered = wire.pong(seq).is_some();
            (answered || wire.end.is_some()).then_some(answered)
        });
        match pong.await? {
            Waited::For(true) => Ok(()),
            Waited::For(false) => Err(self.trial.closed_early(on.index)),
            Waited::InVain => Err(Broken::unmet(format!(
                "no pong within {}",
                units::shown(limit)
            ))),
        }
    }

    async fn close(
        &mut self,
        on: &Peer,
        frame: Option<&CloseFrame>,
        limit: Duration,
    ) -> Result<(), Broken> {
        if self.trial.wires[on.index].end.is_some() {
            return Err(self.trial.closed_early(on.index));
        }
        let farewell = match frame {
            None => Farewell::default(),
            Some(frame) => {
                let reason = frame
                    .reason
                    .as_ref()
                    .map(|reason| self.fill(reason))
                    .transpose()?;
                let reason = reason.map(|filled| filled.text).unwrap_or_default();
                Farewell::new(&frame.code.to_string(), &reason).map_err(Broken::fault)?
            }
        };
        self.trial.close(on.index, &farewell);
        match self.ended(on, limit).await? {
            Some(End::Closed(close)) if close.error.is_none() => Ok(()),
            Some(end) => Err((&end).into()),
            None => Err(Broken::unmet(format!(
                "the close was not answered within {}",
                units::shown(limit)
            ))),
        }
    }

    async fn expect_close(
        &mut self,
        on: &Peer,
        code: Code,
        reason: Option<&Expected>,
        limit: Duration,
    ) -> Result<(), Broken> {
        let reason = reason.map(|reason| self.pattern(reason)).transpose()?;
        let expected = ExpectedClose { code, reason };
        match self.ended(on, limit).await? {
            Some(End::Closed(close)) => match expected.judge(&close) {
                Ok(()) => Ok(()),
                Err(why) => Err(Broken {
                    fault: close.error.is_some(),
                    ..Broken::unmet(why)
                }),
            },
            Some(end) => Err((&end).into()),
            None => Err(Broken::unmet(format!(
                "the server did not close within {}, expected {code}",
                units::shown(limit)
            ))),
        }
    }

    /// Waits for a connection's end; what still comes is passed over.
    async fn ended(&mut self, on: &Peer, limit: Duration) -> Result<Option<End>, Broken> {
        let end = self.trial.until(Some(limit), |trial| {
            let wire = &mut trial.wires[on.index];
            while wire.take().is_some() {}
            wire.take_close()
        });
        Ok(match end.await? {
            Waited::For(end) => Some(end),
            Waited::InVain => None,
        })
    }
}

fn expect_status(wire: &Wire, wanted: u16) -> Result<(), Broken> {
    let error = match &wire.end {
        Some(End::Failed(error)) => error,
        _ if wanted == 101 => return Ok(()),
        _ => {
            let why = format!("the server answered 101, expected status {wanted}");
            return Err(Broken::unmet(why));
        }
    };
    match &error.refusal {
        Some(refusal) if refusal.status == wanted => Ok(()),
        Some(refusal) => Err(Broken {
            why: format!(
                "the server answered {}, expected status {wanted}",
                refusal.status_line()
            ),
            ..Broken::from(&**error)
        }),
        None => Err(Broken::from(&**error)),
    }
}

fn expect_header(wire: &Wire, name: &str, pattern: &Pattern) -> Result<(), Broken> {
    let none = Headers::default();
    let headers = match (&wire.opened, &wire.end) {
        (Some(opened), _) => &opened.answer.headers,
        (None, Some(End::Failed(error))) => error
            .refusal
            .as_ref()
            .map_or(&none, |refusal| &refusal.headers),
        _ => &none,
    };
    let mut why = format!("the answer has no header {name}");
    for value in headers.all(name) {
        match pattern.matches(value) {
            Outcome::Match => return Ok(()),
            Outcome::Mismatch(mismatch) => {
                why = format!("{name} is {value:?}: {}", mismatch.why);
            }
        }
    }
    Err(Broken::unmet(why))
}
