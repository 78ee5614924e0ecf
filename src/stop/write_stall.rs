//! Detects a peer that takes nothing of what waits to be sent.

use std::time::{Duration, Instant};

use super::Failure;
use crate::event::Unsent;

/// The minimum number of bytes that a peer must take within the limit.
const DRIP: u64 = 1024;

/// The shortest limit: the kernel and the network may need this long although the peer reads.
const SHORTEST: Duration = Duration::from_secs(1);

/// Measures how long the peer has taken nothing of what waits to be sent.
#[derive(Debug, Default)]
pub(super) struct WriteStall {
    /// When the wait began; `None` while nothing waits.
    since: Option<Instant>,
    /// The bytes written until then, and until now.
    before: u64,
    written: u64,
    waiting: u64,
}

impl WriteStall {
    /// Records what waits at the moment. With `is_excused` the wait starts again: it is not the peer's fault.
    pub(super) fn notice(&mut self, unsent: Option<Unsent>, is_excused: bool, now: Instant) {
        let Some(unsent) = unsent else {
            self.since = None;
            return;
        };
        self.waiting = unsent.waiting;
        self.written = unsent.written;
        let taken = unsent.written.checked_sub(self.before);
        if is_excused || self.since.is_none() || taken.is_none_or(|taken| taken >= DRIP) {
            self.since = Some(now);
            self.before = unsent.written;
        }
    }

    /// When the wait ends; `None` without a limit, or while nothing waits.
    pub(super) fn deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        Some(self.since? + limit?.max(SHORTEST))
    }

    /// The failure, if the limit has been reached. `hint` says how to wait longer.
    pub(super) fn failure(
        &self,
        limit: Option<Duration>,
        hint: &'static str,
        now: Instant,
    ) -> Option<Failure> {
        let is_over = self.deadline(limit).is_some_and(|end| end <= now);
        is_over.then(|| Failure::NotTaken {
            limit: limit.unwrap_or_default().max(SHORTEST),
            taken: self.written - self.before,
            waiting: self.waiting,
            hint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Option<Duration> = Some(Duration::from_secs(5));

    fn unsent(written: u64) -> Option<Unsent> {
        Some(Unsent {
            waiting: 9000,
            written,
        })
    }

    #[test]
    fn only_a_kibibyte_within_the_limit_is_progress() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (taken, is_excused, ends) in [
            (0, false, at(5)),
            (DRIP - 1, false, at(5)),
            (DRIP, false, at(9)),
            (0, true, at(9)),
        ] {
            let mut stall = WriteStall::default();
            stall.notice(unsent(100), false, at(0));
            stall.notice(unsent(100 + taken), is_excused, at(4));
            assert_eq!(stall.deadline(LIMIT), Some(ends), "{taken} {is_excused}");
            assert!(stall.failure(LIMIT, "", ends - SHORTEST).is_none());
            assert!(stall.failure(LIMIT, "", ends).is_some());
            assert_eq!(stall.deadline(None), None);
        }
    }

    #[test]
    fn nothing_that_waits_and_another_connection_end_the_wait() {
        let start = Instant::now();
        let later = start + Duration::from_secs(4);
        let mut stall = WriteStall::default();
        stall.notice(unsent(100), false, start);
        stall.notice(None, false, later);
        assert_eq!(stall.deadline(LIMIT), None);
        stall.notice(unsent(100), false, start);
        stall.notice(unsent(10), false, later);
        assert_eq!(stall.deadline(LIMIT), Some(later + Duration::from_secs(5)));
        assert_eq!(stall.deadline(Some(Duration::ZERO)), Some(later + SHORTEST));
    }
}
