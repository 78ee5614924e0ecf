//! Whether to retry, and after which delay.
//!
//! The delay is a pure function of the retry's number and a random source. One table says which failures
//! are retried. This module has no state and no timers; the link has.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::close::{CloseCode, CloseInfo};
use super::error::{Error, ErrorKind};
use crate::units;

/// The maximum delay accepted from a server's `Retry-After`.
pub const LONGEST_REQUEST: Duration = Duration::from_secs(5 * 60);

/// A source of uniformly distributed bits; a parameter for tests.
pub type Jitter = fn() -> u64;

/// Random bits from the operating system.
pub fn random() -> u64 {
    let mut bits = [0; 8];
    match getrandom::fill(&mut bits) {
        Ok(()) => u64::from_ne_bytes(bits),
        // Without randomness the longest delay harms a server least.
        Err(_) => u64::MAX,
    }
}

/// Exponential backoff with full jitter: the delay before retry `n` (from 0) is uniform in
/// `[0, min(MAX, BASE·2ⁿ)]`. So clients that lost a server at the same time do not reconnect together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            max: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// Parses `BASE..MAX`, two durations.
    ///
    /// # Errors
    /// Invalid durations, BASE greater than MAX, or a BASE of zero, with which all delays would be zero.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (base, max) = text.split_once("..").ok_or_else(|| {
            format!("invalid backoff '{text}': expected BASE..MAX (example: 1s..30s)")
        })?;
        let (base, max) = (units::duration(base)?, units::duration(max)?);
        if base.is_zero() {
            return Err("the base must be greater than 0 (example: 100ms..30s)".to_owned());
        }
        if base > max {
            return Err(format!(
                "invalid backoff '{text}': BASE is greater than MAX"
            ));
        }
        Ok(Self { base, max })
    }

    /// The maximum delay before retry `n`, counted from 0.
    pub fn bound(&self, retry: u32) -> Duration {
        let (base, max) = (nanoseconds(self.base), nanoseconds(self.max));
        let doubled = if retry < base.leading_zeros() {
            base << retry
        } else {
            u64::MAX
        };
        Duration::from_nanos(doubled.min(max))
    }

    /// The delay before retry `n`, counted from 0.
    pub fn delay(&self, retry: u32, jitter: impl FnOnce() -> u64) -> Duration {
        let choices = u128::from(nanoseconds(self.bound(retry))) + 1;
        // The high half of the product maps 64 bits uniformly to the choices, both ends included.
        let chosen = (choices * u128::from(jitter())) >> 64;
        Duration::from_nanos(u64::try_from(chosen).unwrap_or(u64::MAX))
    }
}

/// Saturates after 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// A failure before or after the connection was open.
    Failure(ErrorKind),
    /// The handshake was answered with this HTTP status.
    Status(u16),
    /// The connection was closed with this code, or lost (1006).
    Code(CloseCode),
}

/// The table: whether a cause may be temporary, so that a retry makes sense.
fn may_pass(cause: Cause) -> bool {
    match cause {
        Cause::Failure(kind) => matches!(
            kind,
            ErrorKind::Dns
                | ErrorKind::Connect
                | ErrorKind::Timeout
                | ErrorKind::Lost
                | ErrorKind::TlsEnded
        ),
        Cause::Status(status) => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
        Cause::Code(code) => matches!(code.0, 1001 | 1006 | 1011 | 1012 | 1013 | 1014),
    }
}

/// Whether to retry after a failed attempt to connect.
pub fn is_retryable(error: &Error) -> bool {
    may_pass(cause_of_failure(error))
}

fn cause_of_failure(error: &Error) -> Cause {
    match (&error.kind, &error.refusal) {
        // The proxy could not reach the server: same as if we could not.
        (ErrorKind::Proxy, _) if error.passing => Cause::Failure(ErrorKind::Connect),
        (ErrorKind::Refused | ErrorKind::Proxy, Some(refusal)) => Cause::Status(refusal.status),
        (kind, _) => Cause::Failure(*kind),
    }
}

fn cause_of_close(close: &CloseInfo) -> Cause {
    match &close.error {
        // The protocol was violated: the error decides, since the code is ours.
        Some(error) if !matches!(error.kind, ErrorKind::Lost | ErrorKind::CutOff) => {
            Cause::Failure(error.kind)
        }
        _ => Cause::Code(close.code),
    }
}

/// The exceptions of `--reconnect-on`. Of the items that contain a code or status, the last one decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryExceptions(pub Vec<RetryException>);

/// `1000`, `4000-4099`, `!1011`: close codes or HTTP statuses to retry, or (`!`) not to retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryException {
    numbers: RangeInclusive<u16>,
    worth: bool,
}

impl RetryException {
    /// Parses one item.
    ///
    /// # Errors
    /// Not a close code (1000-4999) or HTTP status (300-599), or a range that is empty or mixes the two.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (worth, numbers) = match text.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, text),
        };
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let bad = || {
            format!(
                "invalid item '{text}': expected a close code (1000-4999) or an HTTP status (300-599), such as 1000, 4000-4099 or !1011"
            )
        };
        let number = |digits: &str| digits.trim().parse::<u16>().map_err(|_| bad());
        let (first, last) = (number(first)?, number(last)?);
        let fits = |family: RangeInclusive<u16>| family.contains(&first) && family.contains(&last);
        if first > last || !(fits(300..=599) || fits(1000..=4999)) {
            return Err(bad());
        }
        Ok(Self {
            numbers: first..=last,
            worth,
        })
    }
}

impl fmt::Display for RetryException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.numbers.clone().into_inner();
        f.write_str(if self.worth { "" } else { "!" })?;
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

impl RetryExceptions {
    /// Whether to retry after a failed attempt to connect.
    pub fn allow_after_failure(&self, error: &Error) -> bool {
        self.allow(cause_of_failure(error))
    }

    /// Whether to reconnect after a connection that we did not close ourselves.
    pub fn allow_after_close(&self, close: &CloseInfo) -> bool {
        self.allow(cause_of_close(close))
    }

    fn allow(&self, cause: Cause) -> bool {
        let number = match cause {
            Cause::Status(status) => status,
            Cause::Code(code) => code.0,
            Cause::Failure(_) => return may_pass(cause),
        };
        let named = self
            .0
            .iter()
            .rev()
            .find(|one| one.numbers.contains(&number));
        named.map_or_else(|| may_pass(cause), |one| one.worth)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::connection::close::Initiator;
    use crate::connection::error::Stage;
    use crate::connection::handshake::{Headers, Refusal};

    const SECOND: Duration = Duration::from_secs(1);

    fn backoff(base: Duration, max: Duration) -> Backoff {
        Backoff { base, max }
    }

    #[test]
    fn the_bound_doubles_up_to_its_maximum() {
        let backoff = Backoff::default();
        let bounds: Vec<u64> = (0..8).map(|n| backoff.bound(n).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(backoff.bound(u32::MAX), 30 * SECOND);
        assert_eq!(backoff.delay(3, || 0), Duration::ZERO);
        assert_eq!(backoff.delay(3, || u64::MAX), 8 * SECOND);
        assert_eq!(backoff.delay(3, || 1 << 63), 4 * SECOND);
    }

    proptest! {
        #[test]
        fn a_delay_never_leaves_its_bounds(
            base in 1..u64::MAX,
            more in 0..u64::MAX,
            retry: u32,
            bits: u64,
        ) {
            let base = Duration::from_nanos(base);
            let max = base.saturating_add(Duration::from_nanos(more));
            let backoff = backoff(base, max);
            let delay = backoff.delay(retry, || bits);
            prop_assert!(delay <= max);
            let doubled = base.checked_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX));
            if retry < 32 && let Some(doubled) = doubled {
                prop_assert!(delay <= doubled, "{delay:?} after {doubled:?}");
            }
            prop_assert!(delay <= backoff.bound(retry));
            prop_assert!(backoff.bound(retry) <= backoff.bound(retry.saturating_add(1)));
        }

        #[test]
        fn a_thousand_clients_do_not_come_back_together(seed: u64, retry in 1_u32..10) {
            // A uniform generator: SplitMix64.
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            };
            let backoff = Backoff::default();
            let mut slots = vec![0; 301];
            for _ in 0..1000 {
                let delay = backoff.delay(retry, &mut next);
                slots[usize::try_from(delay.as_millis() / 100).expect("at most 30 s")] += 1;
            }
            // The bound of the first of these retries is 2 s: 20 slots, 50 clients in each on average.
            let fullest = slots.iter().max().copied().unwrap_or_default();
            prop_assert!(fullest < 100, "{fullest} of 1000 within the same 100 ms");
        }
    }

    #[test]
    fn the_operating_system_spreads_even_the_first_retry() {
        let delays: BTreeSet<u128> = (0..1000)
            .map(|_| Backoff::default().delay(0, random).as_millis() / 100)
            .collect();
        assert_eq!(
            delays.len(),
            10,
            "1000 clients use every 100 ms of a second"
        );
    }

    #[test]
    fn a_backoff_is_two_durations_in_order() {
        let table = [
            ("1s..30s", Some((1000, 30_000))),
            ("100ms..2m", Some((100, 120_000))),
            ("5..5", Some((5000, 5000))),
            ("30s..1s", None),
            ("0..1s", None),
            ("5s", None),
            ("..", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(base, max)| {
                backoff(Duration::from_millis(base), Duration::from_millis(max))
            });
            assert_eq!(Backoff::parse(text).ok(), expected, "{text}");
        }
    }

    fn closed(code: u16) -> CloseInfo {
        CloseInfo {
            by: Initiator::Peer,
            code: CloseCode(code),
            reason: String::new(),
            clean: true,
            error: None,
        }
    }

    fn refused(status: u16) -> Error {
        let refusal = Refusal {
            status,
            reason: String::new(),
            headers: Headers::default(),
            body: Vec::new(),
            body_cut: false,
        };
        Error::refused(refusal, None)
    }

    #[test]
    fn the_table_is_that_of_the_contract() {
        let none = RetryExceptions::default();
        let codes: Vec<u16> = (1000..=4999)
            .filter(|&code| none.allow_after_close(&closed(code)))
            .collect();
        assert_eq!(codes, [1001, 1006, 1011, 1012, 1013, 1014]);
        let statuses: Vec<u16> = (200..=599)
            .filter(|&status| none.allow_after_failure(&refused(status)))
            .collect();
        assert_eq!(statuses, [408, 425, 429, 500, 502, 503, 504]);
        let table = [
            (ErrorKind::Dns, true),
            (ErrorKind::Connect, true),
            (ErrorKind::Timeout, true),
            (ErrorKind::Lost, true),
            (ErrorKind::TlsEnded, true),
            (ErrorKind::Tls, false),
            (ErrorKind::Certificate, false),
            (ErrorKind::Handshake, false),
            (ErrorKind::Protocol, false),
            (ErrorKind::TooBig, false),
            (ErrorKind::Input, false),
        ];
        for (kind, worth) in table {
            let error = Error::new(kind, Stage::Upgrade, "");
            assert_eq!(none.allow_after_failure(&error), worth, "{kind:?}");
        }
    }

    #[test]
    fn a_broken_rule_is_final_whatever_code_it_was_answered_with() {
        let broken = CloseInfo {
            error: Some(Box::new(Error::new(ErrorKind::Protocol, Stage::Open, ""))),
            ..closed(1006)
        };
        let all = RetryExceptions(vec![RetryException::parse("1000-4999").expect("a range")]);
        assert!(!all.allow_after_close(&broken));
    }

    #[test]
    fn the_last_exception_that_names_a_number_decides() {
        let list = ["1000", "4000-4099", "!4010", "!1011", "401", "!503"];
        let list = list.map(|item| RetryException::parse(item).expect(item));
        let exceptions = RetryExceptions(list.into());
        let table = [
            (1000, true),
            (4000, true),
            (4010, false),
            (4099, true),
            (4100, false),
            (1011, false),
            (1012, true),
        ];
        for (code, worth) in table {
            assert_eq!(exceptions.allow_after_close(&closed(code)), worth, "{code}");
        }
        assert!(exceptions.allow_after_failure(&refused(401)));
        assert!(!exceptions.allow_after_failure(&refused(503)));
    }

    #[test]
    fn an_exception_names_codes_or_statuses() {
        for text in [
            "",
            "!",
            "5000",
            "999",
            "599-1000",
            "4099-4000",
            "x",
            "4000-",
            "-1",
        ] {
            assert!(RetryException::parse(text).is_err(), "{text}");
        }
        for text in ["1006", "!1011", "4000-4099", "!300-599"] {
            let exception = RetryException::parse(text).expect(text);
            assert_eq!(exception.to_string(), text);
        }
    }
}
