//! `check URL`: opens an endpoint, talks to it as far as asked, and finds out facts, each of which
//! passes or fails.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::report::{Finished, Trouble};
use super::trial::{Broken, End, Shared, Trial, Waited};
use crate::connection::close::Farewell;
use crate::connection::error::Kind;
use crate::connection::message::Payload;
use crate::connection::{Opened, Timing};
use crate::output::excerpt;
use crate::pattern::Pattern;
use crate::stop::{ExpectedClose, Search, wrong_subprotocol};
use crate::units;

/// What is asked of an endpoint.
#[derive(Debug, Default)]
pub struct Questions {
    /// The status that answers the handshake; 101 unless said otherwise.
    pub status: Option<u16>,
    /// The subprotocol that is chosen.
    pub subprotocol: Option<String>,
    /// The longest time from the name lookup to the 101.
    pub max_handshake: Option<Duration>,
    /// The least days that the certificate is good for.
    pub min_cert_days: Option<u32>,
    /// What is sent.
    pub send: Vec<Payload>,
    /// What comes then, in this order.
    pub expect: VecDeque<Pattern>,
    /// How the server closes after that; otherwise we do.
    pub close: Option<ExpectedClose>,
    /// The limit of each wait.
    pub wait: Duration,
}

/// The days for which a server's certificate is good, seen from now; `None` without TLS.
pub fn certificate_days(opened: &Opened) -> Option<i64> {
    let certificate = opened.tls.as_ref()?.certificate.as_ref()?;
    Some(certificate.days_left())
}

/// Asks the questions; gives a fact each, up to the first that makes the rest impossible.
pub async fn probe(
    shared: &Shared,
    url: &str,
    shown: &str,
    questions: &Questions,
) -> Vec<Finished> {
    let mut prober = Prober {
        trial: Trial::new(shared),
        url: shown.to_owned(),
        questions,
        facts: Vec::new(),
        since: Instant::now(),
    };
    // What was found so far stands, whatever ended it.
    let _ = prober.ask(url).await;
    prober.trial.finish().await;
    prober.facts
}

/// The questions that follow cannot be asked.
struct Over;

struct Prober<'a> {
    trial: Trial<'a>,
    url: String,
    questions: &'a Questions,
    facts: Vec<Finished>,
    /// When the present question was asked.
    since: Instant,
}

impl Prober<'_> {
    async fn ask(&mut self, url: &str) -> Result<(), Over> {
        self.handshake(url).await?;
        if self.trial.wires[0].opened.is_none() {
            return Ok(());
        }
        self.ping().await?;
        self.messages().await?;
        self.close().await
    }

    /// A fact: what was found, or why it fails.
    fn fact(&mut self, name: &str, found: Result<String, Broken>) -> Result<(), Over> {
        let (note, trouble) = match found {
            Ok(note) => (Some(note), None),
            Err(broken) => (None, Some(Trouble::from(broken))),
        };
        let failed = trouble.is_some();
        self.facts.push(Finished {
            file: self.url.clone(),
            line: 0,
            name: Some(name.to_owned()),
            steps: 1,
            time: self.since.elapsed(),
            note,
            trouble,
        });
        self.since = Instant::now();
        if failed { Err(Over) } else { Ok(()) }
    }

    async fn handshake(&mut self, url: &str) -> Result<(), Over> {
        let connected = self
            .trial
            .connect(None, url.to_owned(), Vec::new(), None)
            .await
            .map(drop);
        if let Err(broken) = connected {
            return self.fact("handshake", Err(broken));
        }
        let wire = &self.trial.wires[0];
        let Some(opened) = wire.opened.as_deref().cloned() else {
            let (name, found) = refused(wire.end.as_ref(), self.questions.status);
            return self.fact(name, found);
        };
        let handshake = self.judge_handshake(&opened);
        let was_opened = self.questions.status.is_none_or(|status| status == 101);
        let stop = self.fact("handshake", handshake);
        if !was_opened {
            return stop;
        }
        // A handshake that was too slow hides nothing of what follows.
        let _ = self.fact(
            "accept key",
            Ok("answers our key (RFC 6455 §4.1)".to_owned()),
        );
        let subprotocol = self.judge_subprotocol(&opened);
        let _ = self.fact("subprotocol", subprotocol);
        let compression = match opened.extensions.as_slice() {
            [] => "none agreed".to_owned(),
            some => some.join(", "),
        };
        let _ = self.fact("compression", Ok(compression));
        if let Some(found) = self.judge_certificate(&opened) {
            let _ = self.fact("certificate", found);
        }
        Ok(())
    }

    fn judge_handshake(&self, opened: &Opened) -> Result<String, Broken> {
        if let Some(status) = self.questions.status.filter(|status| *status != 101) {
            let why = format!("the server answered 101, expected status {status}");
            return Err(Broken::unmet(why));
        }
        let total = opened.timing.total;
        let time = format!("{} ({})", units::shown(total), split(&opened.timing));
        match self.questions.max_handshake {
            Some(limit) if total > limit => {
                let limit = units::shown(limit);
                Err(Broken::unmet(format!(
                    "101 after {time}, expected at most {limit}"
                )))
            }
            _ => {
                let answer = format!("{} {}", opened.answer.status, opened.answer.reason);
                Ok(format!("{} in {time}", answer.trim_end()))
            }
        }
    }

    fn judge_subprotocol(&self, opened: &Opened) -> Result<String, Broken> {
        let chosen = opened.subprotocol.as_deref();
        match &self.questions.subprotocol {
            Some(wanted) if chosen != Some(wanted) => Err(wrong_subprotocol(wanted, chosen).into()),
            _ => Ok(chosen.unwrap_or("none chosen").to_owned()),
        }
    }

    fn judge_certificate(&self, opened: &Opened) -> Option<Result<String, Broken>> {
        let days = certificate_days(opened);
        let found = match (&opened.tls, days, self.questions.min_cert_days) {
            (None, _, None) => return None,
            (None, _, Some(_)) => Err(Broken::unmet("none: the connection is not encrypted")),
            (Some(_), Some(days), Some(least)) if days < i64::from(least) => {
                let why = format!(
                    "good for {}, expected at least {least}",
                    days_in_words(days)
                );
                Err(Broken::unmet(why))
            }
            (Some(_), None, Some(_)) => Err(Broken::unmet("its last day is not known")),
            (Some(tls), days, _) => {
                let trusted = match &tls.distrust {
                    None => "trusted".to_owned(),
                    Some(why) => format!("accepted with --insecure, though {why}"),
                };
                let days = days
                    .map(|days| format!(", good for {}", days_in_words(days)))
                    .unwrap_or_default();
                Ok(format!("{trusted}{days} ({}, {})", tls.version, tls.cipher))
            }
        };
        Some(found)
    }

    async fn ping(&mut self) -> Result<(), Over> {
        let limit = self.questions.wait;
        let found = match self.trial.ping(0, limit).await {
            Err(broken) => Err(broken),
            Ok(seq) => {
                let pong = self.trial.until(Some(limit), |trial| {
                    let wire = &trial.wires[0];
                    match wire.pong(seq) {
                        Some(rtt) => Some(Some(rtt)),
                        None => wire.end.is_some().then_some(None),
                    }
                });
                match pong.await {
                    Ok(Waited::For(Some(rtt))) => Ok(units::shown(rtt.unwrap_or_default())),
                    Ok(Waited::For(None)) => Err(self.trial.closed_early(0)),
                    Ok(Waited::InVain) => {
                        let limit = units::shown(limit);
                        Err(Broken::unmet(format!("no pong within {limit}")))
                    }
                    Err(broken) => Err(broken),
                }
            }
        };
        // A server that closes at once may be what is expected; the close tells.
        let closed = self.trial.wires[0].end.is_some() && self.questions.close.is_some();
        match found {
            Err(_) if closed => Ok(()),
            found => {
                let _ = self.fact("ping", found);
                Ok(())
            }
        }
    }

    async fn messages(&mut self) -> Result<(), Over> {
        for payload in self.questions.send.clone() {
            if let Err(broken) = self.trial.send(0, payload, None, self.questions.wait).await {
                return self.fact("send", Err(broken));
            }
        }
        let questions = self.questions;
        if questions.expect.is_empty() && questions.close.is_none() {
            for _ in &questions.send {
                let any = self.receive(None).await;
                self.fact("reply", any)?;
            }
        }
        for pattern in &questions.expect {
            let found = self.receive(Some(pattern)).await;
            self.fact("message", found)?;
        }
        Ok(())
    }

    /// The next message that matches, or any.
    async fn receive(&mut self, pattern: Option<&Pattern>) -> Result<String, Broken> {
        let limit = self.questions.wait;
        let search = &mut Search::default();
        let found = self.trial.until(Some(limit), |trial| {
            let wire = &mut trial.wires[0];
            while let Some(payload) = wire.take() {
                if pattern.is_none_or(|pattern| search.look(pattern, &payload)) {
                    return Some(Some(payload));
                }
            }
            wire.end.is_some().then_some(None)
        });
        let found = found.await?;
        let (limit, summary) = (units::shown(limit), search.summary());
        let wanted = pattern
            .map(|pattern| format!(" matched {pattern}"))
            .unwrap_or_default();
        let mut broken = match found {
            Waited::For(Some(payload)) => {
                let mut sinks = self.trial.shared.sinks.borrow_mut();
                return Ok(match payload.as_text() {
                    Some(text) => excerpt(text, sinks.redactor()),
                    None => format!("binary, {}", units::bytes(payload.len())),
                });
            }
            Waited::For(None) => {
                let mut broken = self.trial.closed_early(0);
                broken.why = format!("{} before a message{wanted} came ({summary})", broken.why);
                broken
            }
            Waited::InVain => Broken::unmet(format!(
                "no message{wanted} came within {limit} ({summary})"
            )),
        };
        broken.closest = search.closest.clone();
        Err(broken)
    }

    async fn close(&mut self) -> Result<(), Over> {
        let expected = self.questions.close.clone();
        if expected.is_none() {
            let farewell: Farewell = self.trial.shared.farewell.clone();
            self.trial.close(0, &farewell);
        }
        let limit = self.questions.wait;
        let ended = self.trial.until(Some(limit), |trial| {
            let wire = &mut trial.wires[0];
            while wire.take().is_some() {}
            wire.take_close()
        });
        let found = match ended.await {
            Err(broken) => Err(broken),
            Ok(Waited::InVain) => {
                let limit = units::shown(limit);
                Err(Broken::unmet(format!(
                    "the connection was not closed within {limit}"
                )))
            }
            Ok(Waited::For(end)) => judge_end(&end, expected.as_ref()),
        };
        self.fact("close", found)
    }
}

/// Days that may lie in the past.
pub fn days_in_words(days: i64) -> String {
    let count = units::count(days.unsigned_abs(), "day");
    if days < 0 {
        return format!("-{count}");
    }
    count
}

/// The name of the fact that a failed handshake is about, and whether that was expected.
fn refused(end: Option<&End>, expected: Option<u16>) -> (&'static str, Result<String, Broken>) {
    let Some(End::Failed(error)) = end else {
        return ("handshake", Err(Broken::unmet("the connection has ended")));
    };
    if error.kind == Kind::Handshake && error.message.contains("Sec-WebSocket-Accept") {
        return ("accept key", Err((&**error).into()));
    }
    let found = match (&error.refusal, expected) {
        (Some(refusal), Some(status)) if refusal.status == status => Ok(refusal.status_line()),
        (Some(refusal), Some(status)) => Err(Broken {
            why: format!("{}, expected status {status}", refusal.status_line()),
            ..Broken::from(&**error)
        }),
        _ => Err((&**error).into()),
    };
    ("handshake", found)
}

fn judge_end(end: &End, expected: Option<&ExpectedClose>) -> Result<String, Broken> {
    let End::Closed(close) = end else {
        return Err(end.into());
    };
    match expected {
        Some(expected) => expected.judge(close).map_err(Broken::unmet)?,
        None if close.error.is_some() => return Err(end.into()),
        None => {}
    }
    Ok(close.to_string())
}

/// `dns 1.2 ms, tcp 0.3 ms`: the stages that took any time.
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
