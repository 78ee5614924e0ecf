//! Decides whether and when a link retries. Counts retries; has no timer and no connection.
//!
//! The count is reset only after a connection that stayed open for 10 s. So a server that accepts and then
//! closes at once is retried with growing delays.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::connection::backoff::{Backoff, Jitter, LONGEST_REQUEST, RetryExceptions, random};
use crate::connection::close::CloseInfo;
use crate::connection::error::Error;
use crate::event::RetryWait;
use crate::units;

/// How long a connection must have been open to reset the count of retries.
const HELD: Duration = Duration::from_secs(10);

/// The limit of retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryLimit {
    /// A number of retries, not counting the first attempt.
    Times(u32),
    /// A time since the first attempt, or since the connection was lost. An attempt that started before its
    /// end is completed.
    For(Duration),
    /// No limit.
    Never,
}

impl RetryLimit {
    /// Parses `N` or a time with a unit; an empty text means no limit.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Never);
        }
        match text.parse() {
            Ok(times) => Ok(Self::Times(times)),
            // A number that is not a valid count is not a time either, since a time needs a unit.
            Err(_) if !text.ends_with(|c: char| c.is_ascii_digit()) => {
                units::duration(text).map(Self::For).map_err(|_| bad(text))
            }
            Err(_) => Err(bad(text)),
        }
    }
}

fn bad(text: &str) -> String {
    format!("invalid limit '{text}': expected a count (5) or a time with a unit (30s)")
}

/// The settings for retrying and reconnecting.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// `--retry`: until the first connection is open; `None` makes one attempt.
    pub retry: Option<RetryLimit>,
    /// `--reconnect`: after an open connection was lost; `None` does not reconnect.
    pub reconnect: Option<RetryLimit>,
    /// `--reconnect-on`: exceptions to the table of retryable causes.
    pub exceptions: RetryExceptions,
    /// The delays.
    pub backoff: Backoff,
    /// The random source of the delays.
    pub jitter: Jitter,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retry: None,
            reconnect: None,
            exceptions: RetryExceptions::default(),
            backoff: Backoff::default(),
            jitter: random,
        }
    }
}

/// The count of retries.
#[derive(Debug, Default)]
pub struct RetryState {
    /// Retries since the last reset: the exponent of the delay.
    retries: u32,
    /// Retries that count against the current limit.
    spent: u32,
    /// When the time of the current limit started.
    since: Option<Instant>,
    was_open: bool,
}

impl RetryState {
    /// The number of the current or next attempt.
    pub fn attempt(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Records the start of an attempt.
    pub fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Resets the count, when the user requests a connection.
    pub fn reset(&mut self) {
        self.retries = 0;
        self.spent = 0;
        self.since = None;
    }

    /// Records an open connection. After the first, `--reconnect` applies, with a count of its own; the delays
    /// are not reset.
    pub fn opened(&mut self) {
        if !self.was_open {
            self.was_open = true;
            self.spent = 0;
            self.since = None;
        }
    }

    /// The wait before the next attempt after a failed one; `None` for no further attempt.
    pub fn after_failure(
        &mut self,
        policy: &RetryPolicy,
        error: &Error,
        now: Instant,
    ) -> Option<RetryWait> {
        if !policy.exceptions.allow_after_failure(error) {
            return None;
        }
        let asked = error
            .refusal
            .as_ref()
            .and_then(|refusal| refusal.retry_after(SystemTime::now()));
        self.wait(policy, asked.unwrap_or_default(), error.to_string(), now)
    }

    /// The wait before the next attempt after a connection that we did not close; `None` for no further
    /// attempt.
    pub fn after_close(
        &mut self,
        policy: &RetryPolicy,
        close: &CloseInfo,
        open_for: Duration,
        now: Instant,
    ) -> Option<RetryWait> {
        if open_for >= HELD {
            self.reset();
        }
        if !policy.exceptions.allow_after_close(close) {
            return None;
        }
        let because = match &close.error {
            Some(error) => error.to_string(),
            None => format!("the server closed with {close}"),
        };
        self.wait(policy, Duration::ZERO, because, now)
    }

    /// The next wait within the current limit; `least` is the `Retry-After` of the server.
    fn wait(
        &mut self,
        policy: &RetryPolicy,
        least: Duration,
        because: String,
        now: Instant,
    ) -> Option<RetryWait> {
        let limit = if self.was_open {
            policy.reconnect?
        } else {
            policy.retry?
        };
        let least = least.min(LONGEST_REQUEST);
        let mut delay = policy.backoff.delay(self.retries, policy.jitter).max(least);
        match limit {
            RetryLimit::Times(times) if self.spent >= times => return None,
            RetryLimit::For(span) => {
                let since = *self.since.get_or_insert(now);
                let left = span.saturating_sub(now.duration_since(since));
                // An attempt before `Retry-After` is useless. Otherwise the last attempt is at the end of
                // the time.
                if left.is_zero() || left < least {
                    return None;
                }
                delay = delay.min(left);
            }
            RetryLimit::Times(_) | RetryLimit::Never => {}
        }
        self.retries = self.retries.saturating_add(1);
        self.spent = self.spent.saturating_add(1);
        Some(RetryWait {
            attempt: self.attempt(),
            delay,
            because,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::close::{CloseCode, Initiator};
    use crate::connection::error::{ErrorKind, Stage};
    use crate::connection::handshake::{Headers, Refusal};

    const SECOND: Duration = Duration::from_secs(1);

    fn longest(retry: Option<RetryLimit>, reconnect: Option<RetryLimit>) -> RetryPolicy {
        RetryPolicy {
            retry,
            reconnect,
            jitter: || u64::MAX,
            ..RetryPolicy::default()
        }
    }

    fn refused() -> Error {
        Error::new(ErrorKind::Connect, Stage::Connect, "connection refused")
    }

    fn lost() -> CloseInfo {
        CloseInfo {
            by: Initiator::None,
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            clean: false,
            error: Some(Box::new(Error::new(ErrorKind::Lost, Stage::Open, "lost"))),
        }
    }

    fn unavailable(retry_after: &str) -> Error {
        let refusal = Refusal {
            status: 503,
            reason: String::new(),
            headers: Headers(vec![("Retry-After".into(), retry_after.into())]),
            body: Vec::new(),
            body_cut: false,
        };
        Error::refused(refusal, None)
    }

    fn seconds(wait: Option<RetryWait>) -> Option<u64> {
        wait.map(|wait| wait.delay.as_secs())
    }

    #[test]
    fn a_limit_is_a_count_or_a_time_with_a_unit() {
        let table = [
            ("5", Some(RetryLimit::Times(5))),
            ("0", Some(RetryLimit::Times(0))),
            ("30s", Some(RetryLimit::For(30 * SECOND))),
            ("2m30s", Some(RetryLimit::For(150 * SECOND))),
            ("", Some(RetryLimit::Never)),
            ("1.5", None),
            ("-1", None),
            ("soon", None),
            ("99999999999", None),
        ];
        for (text, limit) in table {
            assert_eq!(RetryLimit::parse(text).ok(), limit, "{text}");
        }
    }

    #[test]
    fn a_count_counts_retries_and_not_tries() {
        let policy = longest(Some(RetryLimit::Times(2)), None);
        let now = Instant::now();
        let mut retry = RetryState::default();
        let mut next = || seconds(retry.after_failure(&policy, &refused(), now));
        assert_eq!([next(), next(), next()], [Some(1), Some(2), None]);
    }

    #[test]
    fn a_time_ends_with_one_last_try_at_its_end() {
        let policy = longest(Some(RetryLimit::For(5 * SECOND)), None);
        let begun = Instant::now();
        let mut retry = RetryState::default();
        retry.begin(begun);
        let mut next = |at: u64| {
            let now = begun + Duration::from_secs(at);
            seconds(retry.after_failure(&policy, &refused(), now))
        };
        let delays = [next(0), next(1), next(3), next(5)];
        assert_eq!(delays, [Some(1), Some(2), Some(2), None]);
    }

    #[test]
    fn a_connection_that_merely_opened_does_not_reset_the_delays() {
        let policy = longest(None, Some(RetryLimit::Never));
        let now = Instant::now();
        let mut retry = RetryState::default();
        let mut next = |open_for| {
            retry.opened();
            let wait = retry.after_close(&policy, &lost(), open_for, now);
            wait.map(|wait| (wait.delay.as_secs(), wait.attempt))
        };
        let brief = HELD - Duration::from_millis(1);
        assert_eq!(next(brief), Some((1, 2)));
        assert_eq!(next(brief), Some((2, 3)));
        assert_eq!(next(brief), Some((4, 4)));
        assert_eq!(next(HELD), Some((1, 2)));
    }

    #[test]
    fn retries_before_the_first_open_do_not_count_as_reconnects() {
        let policy = longest(Some(RetryLimit::Times(3)), Some(RetryLimit::Times(1)));
        let now = Instant::now();
        let mut retry = RetryState::default();
        for _ in 0..3 {
            assert!(retry.after_failure(&policy, &refused(), now).is_some());
        }
        retry.opened();
        assert!(retry.after_close(&policy, &lost(), SECOND, now).is_some());
        assert!(retry.after_failure(&policy, &refused(), now).is_none());
    }

    #[test]
    fn each_flag_covers_its_own_side_of_the_first_open() {
        let now = Instant::now();
        let mut retry = RetryState::default();
        let reconnect = longest(None, Some(RetryLimit::Never));
        assert_eq!(retry.after_failure(&reconnect, &refused(), now), None);
        retry.opened();
        let retry_only = longest(Some(RetryLimit::Never), None);
        assert_eq!(retry.after_close(&retry_only, &lost(), SECOND, now), None);
        assert!(retry.after_failure(&reconnect, &refused(), now).is_some());
    }

    #[test]
    fn what_the_server_asks_for_is_a_lower_bound_of_five_minutes_at_most() {
        let now = Instant::now();
        let policy = longest(Some(RetryLimit::Never), None);
        let after =
            |value| seconds(RetryState::default().after_failure(&policy, &unavailable(value), now));
        assert_eq!(after("0"), Some(1));
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("86400"), Some(300));
        let hasty = longest(Some(RetryLimit::For(5 * SECOND)), None);
        let too_late = RetryState::default().after_failure(&hasty, &unavailable("7"), now);
        assert_eq!(too_late, None, "a try before that would be refused again");
    }
}
