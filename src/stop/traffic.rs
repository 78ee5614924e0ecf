//! The stop rule of `proxy`: looks at the messages of both sides of every connection.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Failure, Verdict};
use crate::event::Event;
use crate::expectation::{AwaitedMessage, PassedOver, UnmetExpectation, forbidden_message};
use crate::pattern::Pattern;
use crate::units;

/// The stop rule of `proxy`.
#[derive(Debug)]
pub struct TrafficRule {
    /// The message that ends it successfully (`--until`).
    until: Option<AwaitedMessage>,
    /// Messages that must not come (`--never`).
    never: Vec<Pattern>,
    /// How long to run (`--for`), and when that is over.
    span: Option<(Duration, Instant)>,
    /// How many connections to wait for (`-c`).
    connections: Option<u64>,
    /// Connections that have begun and not ended.
    running: BTreeSet<u64>,
    ended: u64,
}

impl TrafficRule {
    /// A rule that starts now.
    pub fn new(
        until: Option<Pattern>,
        never: Vec<Pattern>,
        span: Option<Duration>,
        connections: Option<u64>,
        now: Instant,
    ) -> Self {
        Self {
            until: until.map(AwaitedMessage::matching),
            never,
            span: span.and_then(|span| Some((span, now.checked_add(span)?))),
            connections,
            running: BTreeSet::new(),
            ended: 0,
        }
    }

    /// Whether a message decides: then it goes on even when the reader of stdout is gone.
    pub fn has_verdict(&self) -> bool {
        self.until.is_some() || !self.never.is_empty()
    }

    /// Something happened on the connection with this number.
    pub fn on_event(&mut self, connection: u64, event: &Event) -> Verdict {
        match event {
            Event::Connecting { .. } => {
                self.running.insert(connection);
                Verdict::GoOn
            }
            Event::Message(message) => {
                let never = self.never.iter();
                let forbidden = never.into_iter().find(|it| it.is_match(&message.payload));
                if let Some(pattern) = forbidden {
                    return unmet(forbidden_message(pattern, &message.payload));
                }
                if let Some(until) = &mut self.until
                    && until.check(&message.payload)
                {
                    return Verdict::Done;
                }
                self.given_up()
                    .map_or(Verdict::GoOn, |why| unmet(UnmetExpectation::new(why)))
            }
            // What was refused before the server was asked is no connection.
            Event::Close(_) | Event::Failed(..) if self.running.remove(&connection) => {
                self.ended += 1;
                match self.connections {
                    Some(count) if self.ended >= count => {
                        self.end(&units::count(count, "connection"))
                    }
                    _ => Verdict::GoOn,
                }
            }
            _ => Verdict::GoOn,
        }
    }

    /// When [`TrafficRule::expire`] must be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.span.map(|(_, deadline)| deadline)
    }

    /// The deadline was reached.
    pub fn expire(&mut self) -> Verdict {
        match self.span.take() {
            Some((span, _)) => self.end(&units::shown(span)),
            None => Verdict::GoOn,
        }
    }

    /// The verdict when nothing more is awaited; `limit` is what was reached.
    fn end(&self, limit: &str) -> Verdict {
        match &self.until {
            Some(until) => unmet(until.missed(limit, &PassedOver::default())),
            None => Verdict::Done,
        }
    }

    /// Why messages cannot be compared any more: a pattern has reached a limit.
    fn given_up(&self) -> Option<String> {
        let until = self.until.as_ref().and_then(AwaitedMessage::given_up);
        until.or_else(|| self.never.iter().find_map(Pattern::given_up))
    }
}

fn unmet(unmet: UnmetExpectation) -> Verdict {
    Verdict::Failed(Failure::Unmet(Box::new(unmet)))
}
