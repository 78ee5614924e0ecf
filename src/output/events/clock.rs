//! The time of day, as RFC 3339 writes it. Events come by the hundred thousand a second: what is before the point
//! is written anew once a second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-01-31T23:59:59.000000Z`, without quotes.
pub(super) const LENGTH: usize = 27;

/// Where the microseconds are.
const FRACTION: usize = 20;

/// What was written last.
#[derive(Debug)]
pub(super) struct Clock {
    second: Option<u64>,
    text: [u8; LENGTH],
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            second: None,
            text: [0; LENGTH],
        }
    }
}

impl Clock {
    /// The time, in ASCII.
    pub(super) fn now(&mut self) -> &[u8; LENGTH] {
        // A clock before 1970 is not set.
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        self.write(time.unwrap_or_default())
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
pub(super) fn six_digits(mut value: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit += (value % 10) as u8;
        value /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_humantimes() {
        let mut clock = Clock::default();
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
}
