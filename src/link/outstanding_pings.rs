//! Our pings: what was sent and when, what an answer proves, and which answer never came.
//!
//! An answer counts once, for the ping that it answers, and only in time. What comes later, twice or
//! without a ping is told apart and never taken for an answer.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

use crate::connection::message::{Payload, Text};
use crate::event::PongMismatch;
use crate::pattern::Pattern;

/// The most pings whose answers are still waited for; older ones are forgotten.
const WAITING: usize = 64 * 1024;

/// The most pings kept beyond their time, so that a late answer is known as one.
const GIVEN_UP: usize = 1024;

/// The most answered pings kept, so that a second answer is known as one.
const ANSWERED: usize = 64;

/// Bytes of payload in a ping of the link's own: enough to tell it from every other.
pub const OWN_SIZE: usize = 16;

/// Unanswered pings after which a peer seems to know no ping frames.
const SUSPICIOUS: u64 = 2;

/// What pings are, and how long their answers may take.
#[derive(Clone, Debug, Default)]
pub struct PingPolicy {
    /// From a ping to its answer; an answer that comes later is none. Without it there is no limit.
    pub patience: Option<Duration>,
    /// A message and its reply in place of the frames.
    pub app_ping: Option<AppPing>,
}

/// A message that is answered by a message.
#[derive(Clone, Debug)]
pub struct AppPing {
    /// What is sent.
    pub message: Text,
    /// What the reply looks like; without it the next message is the reply.
    pub reply: Option<Pattern>,
}

impl AppPing {
    /// Whether a message is the reply. A pattern looks at text alone.
    fn is_answered_by(&self, payload: &Payload) -> bool {
        match &self.reply {
            None => true,
            Some(pattern) => payload
                .readable()
                .is_some_and(|text| pattern.is_match(&text)),
        }
    }
}

/// Why a ping was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingPurpose {
    /// Somebody asked for it: it has a number.
    Asked,
    /// The same as a message whose reply is a message.
    Question,
    /// To see that the peer is alive.
    Life,
    /// To see how far the peer has read.
    Receipt,
}

/// See the module's head.
#[derive(Default)]
pub struct OutstandingPings {
    ping_policy: PingPolicy,
    sent: u64,
    numbered: u64,
    waiting: VecDeque<SentPing>,
    given_up: VecDeque<SentPing>,
    answered: VecDeque<SentPing>,
    /// Numbered pings that were given up; whether one was ever answered.
    losses: u64,
    has_answer: bool,
    salt: Option<[u64; 2]>,
}

/// A ping that was sent.
#[derive(Clone, Debug)]
pub struct SentPing {
    /// Counts those that were asked for, from 1.
    pub seq: Option<u64>,
    /// Why it was sent.
    pub purpose: PingPurpose,
    /// Its payload.
    pub payload: Bytes,
    /// Messages sent before it: a peer that answers it has read them.
    pub behind: u64,
    /// When it was handed to the kernel.
    left: Option<Instant>,
    /// When nothing was being read any more though it was under way: its answer may have waited here.
    unheard: Option<Instant>,
}

/// What an answer came to.
#[derive(Debug)]
pub struct PingAnswer {
    /// The ping it answers.
    pub ping: SentPing,
    /// From the ping to the answer; `None` where the answer had to wait on our side.
    pub rtt: Option<Duration>,
    /// Why it does not count, if it does not.
    pub fault: Option<PongMismatch>,
}

/// A ping whose answer did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostPing {
    /// Its number.
    pub seq: u64,
    /// How long it was waited for.
    pub patience: Duration,
    /// The peer seems to know no ping frames. Told once.
    pub is_telling: bool,
}

impl SentPing {
    /// How long the answer took that was read at `read_at`.
    fn age(&self, read_at: Option<Instant>) -> Option<Duration> {
        if self.unheard.is_some() {
            return None;
        }
        Some(read_at?.saturating_duration_since(self.left?))
    }

    /// Since when it is waited for.
    fn waited_from(&self) -> Option<Instant> {
        self.unheard.max(self.left)
    }
}

impl OutstandingPings {
    /// Pings of this kind.
    pub fn new(ping_policy: PingPolicy) -> Self {
        Self {
            ping_policy,
            ..Self::default()
        }
    }

    /// The message that stands for a ping frame, if one does.
    pub fn app_ping(&self) -> Option<&Text> {
        self.ping_policy
            .app_ping
            .as_ref()
            .map(|app_ping| &app_ping.message)
    }

    /// The next ping, with a payload that no other ping of this process has (as far as `size` bytes can
    /// differ).
    pub fn next(&mut self, size: usize, purpose: PingPurpose, behind: u64) -> SentPing {
        self.sent += 1;
        let seq = matches!(purpose, PingPurpose::Asked | PingPurpose::Question).then(|| {
            self.numbered += 1;
            self.numbered
        });
        let payload = match purpose {
            PingPurpose::Question => Bytes::new(),
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
        let [first, salt] = *self.salt.get_or_insert_with(|| {
            // Without randomness the number alone tells our pings apart.
            [getrandom::u64().unwrap_or(0), getrandom::u64().unwrap_or(0)]
        });
        let mut payload = BytesMut::with_capacity(size.max(OWN_SIZE));
        // The number's low bytes first: even a payload of one byte differs from its neighbours. Counted
        // from anywhere, so that what a server sends unasked is not one of them by chance.
        payload.put_u64_le(first.wrapping_add(self.sent));
        payload.put_u64_le(salt);
        payload.resize(size, b'.');
        payload.freeze()
    }

    /// All that was fed was handed to the kernel at `now`.
    pub fn start_closing(&mut self, now: Instant) {
        let unsent = self
            .waiting
            .iter_mut()
            .rev()
            .take_while(|ping| ping.left.is_none());
        for ping in unsent {
            ping.left = Some(now);
        }
    }

    /// Whether a ping waits to be handed to the kernel.
    pub fn is_closing(&self) -> bool {
        self.waiting.back().is_some_and(|ping| ping.left.is_none())
    }

    /// The ping that a pong answers, in time or not, for the first time or not.
    pub fn answer(&mut self, payload: &Bytes, read_at: Option<Instant>) -> Option<PingAnswer> {
        let answers =
            |ping: &SentPing| ping.purpose != PingPurpose::Question && ping.payload == payload;
        self.settle(answers, read_at)
    }

    /// The ping that a message answers.
    pub fn answer_by_message(
        &mut self,
        payload: &Payload,
        read_at: Option<Instant>,
    ) -> Option<PingAnswer> {
        let app_ping = self.ping_policy.app_ping.as_ref()?;
        if !app_ping.is_answered_by(payload) {
            return None;
        }
        // A second reply to a question cannot be told from any other message.
        self.answered.clear();
        self.settle(|ping| ping.purpose == PingPurpose::Question, read_at)
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

    /// When the next ping is given up, if its answer does not come before.
    pub fn deadline(&self) -> Option<Instant> {
        let patience = self.ping_policy.patience?;
        let next = self.waiting.iter().find(|ping| ping.seq.is_some())?;
        next.waited_from()?.checked_add(patience)
    }

    /// Gives up the ping whose time has come.
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

    /// Nothing is being read: what is under way cannot be timed any more, and its answer has its whole
    /// time once somebody listens again.
    pub fn suspend(&mut self, now: Instant) {
        for ping in &mut self.waiting {
            ping.unheard = Some(now);
        }
    }

    /// The connection has ended: what was not answered never will be.
    pub fn forget(&mut self) {
        self.waiting.clear();
        self.given_up.clear();
        self.answered.clear();
    }

    /// What was given up without an answer is not expected any more.
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
        pings.start_closing(now);
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
    fn what_nobody_listened_to_is_not_timed_and_has_its_whole_time_again() {
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
    fn two_losses_without_any_answer_are_telling_once() {
        let (mut pings, now) = (pings(), Instant::now());
        for _ in 0..3 {
            sent(&mut pings, now);
        }
        let told = [(); 3].map(|()| pings.give_up(now + PATIENCE).expect("a loss").is_telling);
        assert_eq!(told, [false, true, false]);
        assert_eq!(pings.give_up(now + PATIENCE), None);
    }
}
