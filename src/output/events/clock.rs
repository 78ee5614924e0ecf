//! What time it is: of day, as RFC 3339 writes it, and since the program began. Events come by the hundred thousand a
//! second: what is before the point is written anew once a second, and the time of day is asked for a hundred times.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// `2026-01-31T23:59:59.000000Z`, without quotes.
pub(super) const LENGTH: usize = 27;

/// Where the microseconds are.
const FRACTION: usize = 20;

/// For so long the time of day is what it was and what has passed since: no longer than it takes somebody to see
/// that a clock was set.
const TRUSTED: Duration = Duration::from_millis(10);

/// Both times of an event.
pub(super) struct Moment<'a> {
    /// The time of day, in ASCII.
    pub(super) ts: &'a [u8; LENGTH],
    /// Since the program began.
    pub(super) elapsed: Duration,
}

/// Tells the time, and remembers what was written last.
#[derive(Debug)]
pub(super) struct Clock {
    begun: Instant,
    /// What was told last, since the beginning.
    last: Duration,
    /// What the time of day was, since 1970, at what time since the beginning.
    asked: Option<(Duration, Duration)>,
    second: Option<u64>,
    text: [u8; LENGTH],
}

impl Clock {
    /// A clock that counts from `begun`.
    pub(super) fn new(begun: Instant) -> Self {
        Self {
            begun,
            last: Duration::ZERO,
            asked: None,
            second: None,
            text: [0; LENGTH],
        }
    }

    /// The time of something that happened at `at`, or now, but never before what was told last.
    pub(super) fn tell(&mut self, at: Option<Instant>) -> Moment<'_> {
        let at = at.unwrap_or_else(Instant::now);
        let elapsed = at.saturating_duration_since(self.begun).max(self.last);
        self.last = elapsed;
        let since_1970 = match self.asked {
            Some((time, then)) if elapsed.saturating_sub(then) < TRUSTED => {
                time + elapsed.saturating_sub(then)
            }
            _ => {
                let ago = self.begun.elapsed().saturating_sub(elapsed);
                // A clock before 1970 is not set.
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let time = now.unwrap_or_default().saturating_sub(ago);
                self.asked.insert((time, elapsed)).0
            }
        };
        let ts = self.write(since_1970);
        Moment { ts, elapsed }
    }

    fn write(&mut self, since_1970: Duration) -> &[u8; LENGTH] {
        let second = since_1970.as_secs();
        if self.second != Some(second) {
            let whole = UNIX_EPOCH + Duration::from_secs(second);
            let text = humantime::format_rfc3339_micros(whole).to_string();
            self.text.copy_from_slice(text.as_bytes());
            self.second = Some(second);
        }
        self.text[FRACTION..FRACTION + 6].copy_from_slice(&six_digits(since_1970.subsec_micros()));
        &self.text
    }
}

/// A number below a million, with its zeros.
pub(super) fn six_digits(value: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    // With a one before them, all zeros are there.
    if let Some((_, six)) = itoa::Buffer::new()
        .format(1_000_000 + value)
        .as_bytes()
        .split_last_chunk()
    {
        digits = *six;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_humantimes() {
        let mut clock = Clock::new(Instant::now());
        for micros in [
            0,
            999_999,
            1_000_000,
            951_782_399_000_001,
            951_782_400_000_000,
            951_782_400_120_000,
            1_790_000_000_654_321,
            1_790_000_000_654_322,
            1_789_999_999_000_000,
        ] {
            let time = Duration::from_micros(micros);
            let expected = humantime::format_rfc3339_micros(UNIX_EPOCH + time).to_string();
            assert_eq!(clock.write(time), expected.as_bytes());
        }
    }

    #[test]
    fn what_happened_before_has_the_time_of_then() {
        let second = Duration::from_secs(1);
        let before = SystemTime::now() - second;
        let happened = Instant::now() - second;
        let mut clock = Clock::new(happened - second);
        let moment = clock.tell(Some(happened));
        assert_eq!(moment.elapsed, second);
        let ts = std::str::from_utf8(moment.ts).expect("text");
        let ts = humantime::parse_rfc3339(ts).expect("a time");
        let slack = Duration::from_millis(1);
        let after = SystemTime::now() - second;
        assert!(
            (before - slack..=after + slack).contains(&ts),
            "{before:?} {ts:?} {after:?}"
        );
    }

    /// However often it is asked, it is never further from the system's clock than a pause between two looks.
    #[test]
    fn the_time_of_day_goes_on_between_two_questions() {
        let begun = Instant::now();
        let mut clock = Clock::new(begun);
        while begun.elapsed() < 3 * TRUSTED {
            let micros = |time: SystemTime| humantime::format_rfc3339_micros(time).to_string();
            let before = micros(SystemTime::now() - TRUSTED);
            let ts = String::from_utf8(clock.tell(None).ts.to_vec()).expect("text");
            let after = micros(SystemTime::now() + TRUSTED);
            assert!((&before..=&after).contains(&&ts), "{before} {ts} {after}");
        }
    }
}
