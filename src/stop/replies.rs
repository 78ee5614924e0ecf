//! The stop rule of `ping` on one connection: counts pings and replies and collects round-trip times.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::statistics::{PingCounts, PingStatistics};
use super::times::Times;
use super::{Failure, Verdict};
use crate::connection::close::{CloseInfo, Initiator};
use crate::connection::message::Direction;
use crate::event::{Event, Next, PongMismatch};
use crate::units::count_grouped;

/// The stop rule of `ping` on one connection.
#[derive(Debug)]
pub struct Replies {
    /// The deadline, counted from the first open connection (`-w`).
    limit: Option<Duration>,
    /// Ends after this many replies; fewer at the deadline are a failure (`-c` with `-w`).
    wanted: Option<u64>,
    /// Pings are messages answered by messages, instead of frames (`--app`).
    by_message: bool,
    counts: PingCounts,
    times: Times,
    under_way: VecDeque<(u64, Instant)>,
    begun: Option<Instant>,
    /// When the run ended.
    ended: Option<Instant>,
    input_ended: bool,
    /// Pongs whose payload is not that of a ping of ours.
    unrelated: u64,
    /// The user was already told that the peer does not seem to answer ping frames.
    was_reported: bool,
}

impl Replies {
    /// A rule that ends with the input, once each ping was answered or timed out. `by_message`: pings are
    /// messages that are answered by messages.
    pub fn new(by_message: bool) -> Self {
        Self {
            limit: None,
            wanted: None,
            by_message,
            counts: PingCounts::default(),
            times: Times::default(),
            under_way: VecDeque::new(),
            begun: None,
            ended: None,
            input_ended: false,
            unrelated: 0,
            was_reported: false,
        }
    }

    /// Ends after `limit`, or after `wanted` replies.
    pub fn limit(mut self, limit: Option<Duration>, wanted: Option<u64>) -> Self {
        self.limit = limit;
        self.wanted = wanted;
        self
    }

    pub(super) fn on_event(&mut self, event: &Event, now: Instant) -> Verdict {
        match event {
            Event::Open(_) => {
                self.begun.get_or_insert(now);
            }
            Event::Ping {
                direction: Direction::Out,
                seq: Some(seq),
                ..
            } => {
                self.counts.sent += 1;
                self.under_way.push_back((*seq, now));
            }
            Event::Pong {
                direction: Direction::In,
                seq: Some(seq),
                rtt,
                fault,
                ..
            } => {
                self.answered(*seq, *rtt, *fault);
                return self.verdict(now);
            }
            Event::Pong {
                direction: Direction::In,
                seq: None,
                rtt: None,
                ..
            } => self.unrelated += 1,
            Event::Unanswered {
                seq,
                first_of_silence: is_telling,
                ..
            } => {
                self.count_lost(*seq);
                let verdict = self.verdict(now);
                self.was_reported |= *is_telling && matches!(verdict, Verdict::GoOn);
                return verdict;
            }
            Event::Message(message) if message.direction == Direction::In => {
                self.counts.others += 1;
            }
            // The link reconnects: pings continue, and those in flight are lost.
            Event::Failed(_, Next::WillReconnect) => {}
            Event::Close(closed) if closed.next == Next::WillReconnect => {
                self.counts.reconnects += 1;
                self.count_all_lost();
            }
            Event::Failed(error, _) => {
                return Verdict::Failed(Failure::NotConnected(error.clone()));
            }
            Event::Close(closed) => return self.closed(&closed.close),
            _ => {}
        }
        Verdict::GoOn
    }

    fn answered(&mut self, seq: u64, rtt: Option<Duration>, fault: Option<PongMismatch>) {
        if self.by_message {
            // The reply was counted as another message before it was known to be a reply.
            self.counts.others = self.counts.others.saturating_sub(1);
        }
        match fault {
            Some(PongMismatch::Late) => {
                self.counts.late += 1;
                self.count_lost(seq);
            }
            Some(PongMismatch::Duplicate) => self.counts.duplicates += 1,
            None => {
                self.take(seq);
                self.counts.received += 1;
                match rtt {
                    Some(rtt) => self.times.record(rtt),
                    None => self.counts.untimed += 1,
                }
            }
        }
    }

    /// Removes a ping from those in flight; false when it was not among them.
    fn take(&mut self, seq: u64) -> bool {
        let at = self.under_way.iter().position(|(sent, _)| *sent == seq);
        at.and_then(|at| self.under_way.remove(at)).is_some()
    }

    fn count_lost(&mut self, seq: u64) {
        if self.take(seq) {
            self.counts.lost += 1;
            self.times.miss();
        }
    }

    fn count_all_lost(&mut self) {
        while let Some((seq, _)) = self.under_way.front() {
            self.count_lost(*seq);
        }
    }

    pub(super) fn input_idle(&mut self, ended: bool, now: Instant) -> Verdict {
        self.input_ended |= ended;
        self.verdict(now)
    }

    fn verdict(&mut self, now: Instant) -> Verdict {
        let enough = self.wanted.is_some_and(|n| self.counts.received >= n);
        if self.ended.is_none() && (enough || (self.input_ended && self.under_way.is_empty())) {
            self.ended = Some(now);
            return Verdict::Done;
        }
        Verdict::GoOn
    }

    fn closed(&mut self, close: &CloseInfo) -> Verdict {
        if self.ended.is_some() || (close.by == Initiator::Local && close.error.is_none()) {
            return Verdict::Done;
        }
        self.count_all_lost();
        Verdict::Failed(Failure::Closed(
            Box::new(close.clone()),
            Some("all pings were answered".to_owned()),
        ))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let over = self.begun?.checked_add(self.limit?)?;
        self.ended.is_none().then_some(over)
    }

    /// Ends the run; pings in flight are not waited for.
    pub(super) fn end(&mut self, now: Instant) -> Verdict {
        self.ended.get_or_insert(now);
        Verdict::Done
    }

    /// Whether the peer does not seem to answer ping frames, and the user was not told so yet.
    pub(super) fn may_lack_pongs(&self) -> bool {
        let has_lost = self.counts.lost > 0 && self.counts.received + self.counts.late == 0;
        has_lost && self.unrelated == 0 && !self.by_message && !self.was_reported
    }

    /// Whether the run has ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// The statistics so far; `None` when the connection was never open.
    pub fn statistics(&self, now: Instant) -> Option<PingStatistics> {
        let begun = self.begun?;
        let mut counts = self.counts;
        let pending = self.pending();
        counts.pending = pending;
        counts.lost += self.under_way.len() as u64 - pending;
        // The measured time does not include the closing handshake.
        let time = self.ended.unwrap_or(now).saturating_duration_since(begun);
        Some(PingStatistics::new(counts, time, &self.times))
    }

    /// Why no answer counts.
    pub fn why_unanswered(&self) -> String {
        match self.unrelated {
            0 => "no ping was answered".to_owned(),
            n => format!(
                "no ping was answered: {} received, none with the payload of a ping",
                count_grouped(n, "pong")
            ),
        }
    }

    /// Pings still in flight at the end and too recent to count as lost: sent within twice the longest round
    /// trip, the time that ping(8) waits for its last ones.
    fn pending(&self) -> u64 {
        let (Some(ended), Some(longest)) = (self.ended, self.times.max()) else {
            return 0;
        };
        let is_recent = |sent: &Instant| ended.saturating_duration_since(*sent) <= longest * 2;
        self.under_way
            .iter()
            .filter(|(_, sent)| is_recent(sent))
            .count() as u64
    }

    /// The replies received in time and those requested, when there were fewer.
    pub fn missing(&self) -> Option<(u64, u64)> {
        let wanted = self.wanted?;
        (self.counts.received < wanted).then_some((self.counts.received, wanted))
    }
}
