//! Outstanding pings: matches pongs to our pings and measures their round-trip times.
//!
//! A pong counts once, and only within the time limit. Late, duplicate and unsolicited pongs are recognized
//! and do not count.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

use crate::connection::message::Payload;
use crate::event::PongMismatch;
use crate::pattern::Pattern;
use crate::template::Template;

/// The maximum number of outstanding pings; older ones are forgotten.
const WAITING: usize = 64 * 1024;

/// The maximum number of timed-out pings kept to recognize late pongs.
const GIVEN_UP: usize = 1024;

/// The maximum number of answered pings kept to recognize duplicate pongs.
const ANSWERED: usize = 64;

/// Payload of a ping that the link sends itself, in bytes: enough to be unique.
pub const OWN_SIZE: usize = 16;

/// After this number of lost pings without any pong, the peer seems not to support ping frames.
const SUSPICIOUS: u64 = 2;

/// The settings of pings.
#[derive(Clone, Debug, Default)]
pub struct PingPolicy {
    /// The maximum time from a ping to its pong; `None` means no limit.
    pub patience: Option<Duration>,
    /// An application-level ping to use instead of frames.
    pub app_ping: Option<AppPing>,
}

/// An application-level ping: a message whose reply is a message.
#[derive(Clone, Debug)]
pub struct AppPing {
    /// The message to send.
    pub message: Template,
    /// The pattern of the reply; `None` takes the next message as the reply.
    pub reply: Option<Pattern>,
}

impl AppPing {
    /// Whether a message is the reply.
    fn is_answered_by(&self, payload: &Payload) -> bool {
        match &self.reply {
            None => true,
            Some(pattern) => pattern.is_match(payload),
        }
    }
}

/// Why a ping was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingPurpose {
    /// Requested by the input or the user: it has a sequence number.
    Asked,
    /// An application-level ping, also requested.
    AppMessage,
    /// A heartbeat.
    Life,
    /// To learn how far the peer has read.
    Receipt,
}

/// The outstanding, timed-out and answered pings of a connection.
#[derive(Default)]
pub struct OutstandingPings {
    ping_policy: PingPolicy,
    sent: u64,
    numbered: u64,
    waiting: VecDeque<SentPing>,
    given_up: VecDeque<SentPing>,
    answered: VecDeque<SentPing>,
    /// Numbered pings that were lost; `has_answer` is set once one was answered.
    losses: u64,
    has_answer: bool,
    /// Random numbers that make the payloads unpredictable.
    salt: [u64; 2],
}

/// A ping that was sent.
#[derive(Clone, Debug)]
pub struct SentPing {
    /// The sequence number of a requested ping, from 1.
    pub seq: Option<u64>,
    /// Why it was sent.
    pub purpose: PingPurpose,
    /// Its payload.
    pub payload: Bytes,
    /// Messages sent before it: a peer that answers has read them.
    pub behind: u64,
    /// When it was written to the kernel.
    left: Option<Instant>,
    /// When reading was last suspended while it was outstanding: its pong may have waited unread.
    unheard: Option<Instant>,
}

/// A pong (or reply) matched to its ping.
#[derive(Debug)]
pub struct PingAnswer {
    /// The ping that it answers.
    pub ping: SentPing,
    /// The round-trip time; `None` if the pong may have waited unread.
    pub rtt: Option<Duration>,
    /// Why it does not count; `None` if it does.
    pub fault: Option<PongMismatch>,
}

/// A ping that was not answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostPing {
    /// Its sequence number.
    pub seq: u64,
    /// The time limit.
    pub patience: Duration,
    /// Whether the peer seems not to support ping frames. Set only once.
    pub is_telling: bool,
}

impl SentPing {
    /// The round-trip time of a pong read at `read_at`.
    fn age(&self, read_at: Option<Instant>) -> Option<Duration> {
        if self.unheard.is_some() {
            return None;
        }
        Some(read_at?.saturating_duration_since(self.left?))
    }

    /// When the time limit started.
    fn waited_from(&self) -> Option<Instant> {
        self.unheard.max(self.left)
    }
}

impl OutstandingPings {
    /// No outstanding pings.
    pub fn new(ping_policy: PingPolicy) -> Self {
        Self {
            ping_policy,
            ..Self::default()
        }
    }

    /// The message of the application-level ping, if one is configured.
    pub fn app_ping(&self) -> Option<&Template> {
        self.ping_policy
            .app_ping
            .as_ref()
            .map(|app_ping| &app_ping.message)
    }

    /// Draws the random numbers of the payloads, before the first ping.
    ///
    /// # Errors
    /// The operating system provides none.
    pub fn seed(&mut self) -> Result<(), getrandom::Error> {
        self.salt = [getrandom::u64()?, getrandom::u64()?];
        Ok(())
    }

    /// Creates the next ping. Its payload is unique in this process, as far as `size` bytes allow.
    pub fn next(&mut self, size: usize, purpose: PingPurpose, behind: u64) -> SentPing {
        self.sent += 1;
        let seq = matches!(purpose, PingPurpose::Asked | PingPurpose::AppMessage).then(|| {
            self.numbered += 1;
            self.numbered
        });
        let payload = match purpose {
            PingPurpose::AppMessage => Bytes::new(),
            _ => self.payload(size),
        };
        let ping = SentPing {
            seq,
            purpose,
            payload,
            behind,
            left: None,
            unheard: None,
        };
        push(&mut self.waiting, ping.clone(), WAITING);
        ping
    }

    fn payload(&mut self, size: usize) -> Bytes {
        let [first, salt] = self.salt;
        let mut payload = BytesMut::with_capacity(size.max(OWN_SIZE));
        // Low bytes first, so that even payloads of one byte differ. The counter starts at a random number,
        // so that an unsolicited pong does not match by chance.
        payload.put_u64_le(first.wrapping_add(self.sent));
        payload.put_u64_le(salt);
        payload.resize(size, b'.');
        payload.freeze()
    }

    /// Records that all pings so far were written to the kernel at `now`.
    pub fn mark_sent(&mut self, now: Instant) {
        let unsent = self
            .waiting
            .iter_mut()
            .rev()
            .take_while(|ping| ping.left.is_none());
        for ping in unsent {
            ping.left = Some(now);
        }
    }

    /// Whether a ping was not written to the kernel yet.
    pub fn has_unsent(&self) -> bool {
        self.waiting.back().is_some_and(|ping| ping.left.is_none())
    }

    /// Matches a pong to its ping, late or duplicate pongs too.
    pub fn answer(&mut self, payload: &Bytes, read_at: Option<Instant>) -> Option<PingAnswer> {
        let answers =
            |ping: &SentPing| ping.purpose != PingPurpose::AppMessage && ping.payload == payload;
        self.settle(answers, read_at)
    }

    /// Matches a message to the application-level ping that it answers.
    pub fn answer_by_message(
        &mut self,
        payload: &Payload,
        read_at: Option<Instant>,
    ) -> Option<PingAnswer> {
        let app_ping = self.ping_policy.app_ping.as_ref()?;
        if !app_ping.is_answered_by(payload) {
            return None;
        }
        // A second reply cannot be distinguished from other messages.
        self.answered.clear();
        self.settle(|ping| ping.purpose == PingPurpose::AppMessage, read_at)
    }

    fn settle(
        &mut self,
        answers: impl Fn(&SentPing) -> bool,
        read_at: Option<Instant>,
    ) -> Option<PingAnswer> {
        let answer = |ping: SentPing, fault| PingAnswer {
            rtt: ping.age(read_at),
            ping,
            fault,
        };
        if let Some(ping) = take(&mut self.waiting, &answers) {
            let age = ping.age(read_at);
            let is_over = |limit: Duration| age.is_some_and(|age| age > limit);
            let late = ping.seq.is_some() && self.ping_policy.patience.is_some_and(is_over);
            if late {
                self.losses += 1;
            } else {
                self.has_answer |= ping.seq.is_some();
            }
            push(&mut self.answered, ping.clone(), ANSWERED);
            return Some(answer(ping, late.then_some(PongMismatch::Late)));
        }
        if let Some(ping) = take(&mut self.given_up, &answers) {
            push(&mut self.answered, ping.clone(), ANSWERED);
            return Some(answer(ping, Some(PongMismatch::Late)));
        }
        let again = self.answered.iter().rev().find(|ping| answers(ping))?;
        Some(answer(again.clone(), Some(PongMismatch::Duplicate)))
    }

    /// When the next ping times out.
    pub fn deadline(&self) -> Option<Instant> {
        let patience = self.ping_policy.patience?;
        let next = self.waiting.iter().find(|ping| ping.seq.is_some())?;
        next.waited_from()?.checked_add(patience)
    }

    /// Returns the next ping that has timed out.
    pub fn give_up(&mut self, now: Instant) -> Option<LostPing> {
        let patience = self.ping_policy.patience?;
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        let ping = take(&mut self.waiting, &|ping: &SentPing| ping.seq.is_some())?;
        let seq = ping.seq?;
        self.losses += 1;
        let is_frame = ping.purpose == PingPurpose::Asked;
        push(&mut self.given_up, ping, GIVEN_UP);
        Some(LostPing {
            seq,
            patience,
            is_telling: is_frame && self.losses == SUSPICIOUS && !self.has_answer,
        })
    }

    /// Records that reading is suspended: the round-trip times of outstanding pings are unknown, and their
    /// time limits restart.
    pub fn suspend(&mut self, now: Instant) {
        for ping in &mut self.waiting {
            ping.unheard = Some(now);
        }
    }

    /// Forgets all pings after the connection has ended.
    pub fn forget(&mut self) {
        self.waiting.clear();
        self.given_up.clear();
        self.answered.clear();
    }

    /// Forgets timed-out pings: late replies to them are no longer recognized.
    pub fn forget_given_up(&mut self) {
        self.given_up.clear();
    }
}

fn push(queue: &mut VecDeque<SentPing>, ping: SentPing, limit: usize) {
    if queue.len() == limit {
        queue.pop_front();
    }
    queue.push_back(ping);
}

fn take(queue: &mut VecDeque<SentPing>, wanted: &impl Fn(&SentPing) -> bool) -> Option<SentPing> {
    let at = queue.iter().position(wanted)?;
    queue.remove(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn pings() -> OutstandingPings {
        OutstandingPings::new(PingPolicy {
            patience: Some(PATIENCE),
            app_ping: None,
        })
    }

    /// The ping that left at `now`.
    fn sent(pings: &mut OutstandingPings, now: Instant) -> SentPing {
        let ping = pings.next(16, PingPurpose::Asked, 0);
        pings.mark_sent(now);
        ping
    }

    #[test]
    fn the_time_is_from_the_kernel_to_the_read() {
        let (mut pings, now) = (pings(), Instant::now());
        let ping = sent(&mut pings, now);
        let read_at = now + Duration::from_millis(7);
        let answer = pings
            .answer(&ping.payload, Some(read_at))
            .expect("an answer");
        assert_eq!(answer.rtt, Some(Duration::from_millis(7)));
        assert_eq!((answer.ping.seq, answer.fault), (Some(1), None));
    }

    #[test]
    fn an_answer_counts_once_and_in_time_alone() {
        let (mut pings, now) = (pings(), Instant::now());
        let first = sent(&mut pings, now);
        let second = sent(&mut pings, now);
        let third = sent(&mut pings, now);
        let fault = |pings: &mut OutstandingPings, ping: &SentPing, after| {
            let answer = pings.answer(&ping.payload, Some(now + after));
            answer.expect("known").fault
        };
        assert_eq!(fault(&mut pings, &first, PATIENCE), None);
        assert_eq!(
            fault(&mut pings, &first, PATIENCE),
            Some(PongMismatch::Duplicate)
        );
        let late = PATIENCE + Duration::from_nanos(1);
        assert_eq!(fault(&mut pings, &second, late), Some(PongMismatch::Late));
        assert_eq!(pings.give_up(now + PATIENCE).map(|loss| loss.seq), Some(3));
        assert_eq!(fault(&mut pings, &third, late), Some(PongMismatch::Late));
        assert!(
            pings
                .answer(&Bytes::from_static(b"stray"), Some(now))
                .is_none()
        );
    }

    #[test]
    fn suspended_pings_are_not_timed_and_their_limit_restarts() {
        let (mut pings, now) = (pings(), Instant::now());
        let ping = sent(&mut pings, now);
        let deaf = now + PATIENCE * 3;
        pings.suspend(deaf);
        assert_eq!(pings.deadline(), Some(deaf + PATIENCE));
        let answer = pings.answer(&ping.payload, Some(deaf)).expect("an answer");
        assert_eq!((answer.rtt, answer.fault), (None, None));
    }

    #[test]
    fn payloads_differ_as_far_as_their_size_lets_them() {
        for (size, count) in [(1, 256), (2, 1000), (16, 1000), (125, 10)] {
            let mut pings = pings();
            let payloads = (0..count).map(|_| pings.next(size, PingPurpose::Asked, 0).payload);
            let different: std::collections::HashSet<Bytes> = payloads.collect();
            assert_eq!(different.len(), count, "{size}");
            assert!(different.iter().all(|payload| payload.len() == size));
        }
    }

    #[test]
    fn two_losses_without_any_pong_are_reported_once() {
        let (mut pings, now) = (pings(), Instant::now());
        for _ in 0..3 {
            sent(&mut pings, now);
        }
        let told = [(); 3].map(|()| pings.give_up(now + PATIENCE).expect("a loss").is_telling);
        assert_eq!(told, [false, true, false]);
        assert_eq!(pings.give_up(now + PATIENCE), None);
    }
}
