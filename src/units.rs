//! Parses and formats durations, sizes, rates and counts.
//!
//! Every option and file uses the same syntax: a number without a unit is seconds or bytes.

use std::time::{Duration, SystemTime};

/// The longest accepted duration. Adding it to a clock does not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// 1 January 10000, which RFC 3339 cannot write, in seconds since 1970.
pub const YEAR_10000: u64 = 253_402_300_800;

/// The current time, as far as date formats can represent it.
pub fn wall_clock() -> SystemTime {
    datable(SystemTime::now())
}

/// The time, or the nearest one that RFC 3339 can write: the clock of a machine may stand before 1970 or after 9999, and
/// formatting such a time would panic.
pub fn datable(time: SystemTime) -> SystemTime {
    let last = SystemTime::UNIX_EPOCH + Duration::from_micros(YEAR_10000 * 1_000_000 - 1);
    time.clamp(SystemTime::UNIX_EPOCH, last)
}

/// `HH:MM:SS.mmm` in the time zone of this machine (`TZ`).
pub fn local_time(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => {
            let local = time.to_zoned(jiff::tz::TimeZone::system());
            local.strftime("%H:%M:%S%.3f").to_string()
        }
        // A clock outside of the years that have dates.
        Err(_) => "--:--:--.---".to_owned(),
    }
}

/// Parses a duration: `500ms`, `5s`, `2m30s`; a number without a unit, fractions included, is seconds.
///
/// # Errors
/// The text is not a duration, or it is longer than 100 years. The message quotes it and gives examples.
pub fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("invalid duration '{text}' (examples: 500ms, 5s, 2m30s)");
    let read = match text.parse::<f64>() {
        Ok(seconds) if seconds > LONGEST.as_secs_f64() && seconds.is_finite() => {
            return Err(too_long(text));
        }
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| bad())?,
        Err(_) => humantime::parse_duration(text).map_err(|_| bad())?,
    };
    if read > LONGEST {
        return Err(too_long(text));
    }
    Ok(read)
}

fn too_long(text: &str) -> String {
    format!("duration '{text}' exceeds 100 years")
}

/// Parses a size in bytes: `125`, `64k`, `1MiB`. `k`, `M` and `G` are powers of 1024, as are `KiB`,
/// `MiB` and `GiB`; `kB`, `MB` and `GB` are powers of 1000.
///
/// # Errors
/// The text is not a size. The message quotes it and gives examples.
pub fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("invalid size '{text}' (examples: 125, 64k, 1MiB)");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match &text[digits.len()..] {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1000 * 1000,
        "GB" => 1000 * 1000 * 1000,
        "k" | "K" | "KiB" => 1 << 10,
        "m" | "M" | "MiB" => 1 << 20,
        "g" | "G" | "GiB" => 1 << 30,
        _ => return Err(bad()),
    };
    let count: u64 = digits.parse().map_err(|_| bad())?;
    count.checked_mul(factor).ok_or_else(bad)
}

/// Parses a rate, `N/s`, `N/m`, `N/h` or `N` (per second). Returns the time between two messages.
///
/// # Errors
/// The text is not a rate. The message quotes it and gives examples.
pub fn rate(text: &str) -> Result<Duration, String> {
    let bad = || format!("invalid rate '{text}' (examples: 10/s, 0.5/s, 30/m)");
    let (count, per) = match text.split_once('/') {
        Some((count, "s")) => (count, 1.0),
        Some((count, "m")) => (count, 60.0),
        Some((count, "h")) => (count, 3600.0),
        Some(_) => return Err(bad()),
        None => (text, 1.0),
    };
    let count: f64 = count.parse().map_err(|_| bad())?;
    if !(count.is_finite() && count > 0.0) {
        return Err(bad());
    }
    Duration::try_from_secs_f64(per / count)
        .ok()
        .filter(|gap| *gap <= LONGEST)
        .ok_or_else(bad)
}

/// Formats a duration for display: `0.001 ms`, `0.4 ms`, `12.3 ms`, `1.25 s`, `2m 5s`.
pub fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        // A duration is never shown as 0 unless it is 0.
        s if s > 0.0 && s < 0.000_05 => {
            let digits = (-(s * 1e3).log10()).ceil() as usize;
            format!("{:.digits$} ms", s * 1e3)
        }
        s if s < 1.0 => {
            let text = format!("{:.1}", s * 1e3);
            format!("{} ms", text.strip_suffix(".0").unwrap_or(&text))
        }
        s if s < 60.0 => {
            let text = format!("{s:.2}");
            format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string(),
    }
}

/// A duration in milliseconds, fractions included: the unit of all `*_ms` fields in JSON events.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A count with its noun in the singular or plural: `1 message`, `2 messages`, `1 reply`, `0 replies`, `3 days`.
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {}", numbered(n, noun))
}

/// [`count`] with grouped digits: `12,345 bytes`.
pub fn count_grouped(n: u64, noun: &str) -> String {
    format!("{} {}", grouped(n), numbered(n, noun))
}

/// The singular or plural of `noun`, depending on `n`.
fn numbered(n: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => noun.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

/// A size with its unit: `1 byte`, `12345 bytes`.
pub fn bytes(size: usize) -> String {
    count(size as u64, "byte")
}

/// Formats `n` with a comma between groups of three digits: `12,345`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_a_clock_has_a_date() {
        let year = Duration::from_secs(366 * 24 * 60 * 60);
        let (begin, moment) = (SystemTime::UNIX_EPOCH, Duration::from_nanos(1));
        let end = begin + Duration::from_secs(YEAR_10000);
        for (time, text) in [
            (begin - 369 * year, "1970-01-01T00:00:00.000000Z"),
            (begin - moment, "1970-01-01T00:00:00.000000Z"),
            (begin, "1970-01-01T00:00:00.000000Z"),
            (begin + year, "1971-01-02T00:00:00.000000Z"),
            (end - 1000 * moment, "9999-12-31T23:59:59.999999Z"),
            (end, "9999-12-31T23:59:59.999999Z"),
            (end + 1000 * year, "9999-12-31T23:59:59.999999Z"),
        ] {
            let date = humantime::format_rfc3339_micros(datable(time));
            assert_eq!(date.to_string(), text);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(count(0, "message"), "0 messages");
        assert_eq!(count(1, "reply"), "1 reply");
        assert_eq!(count(2, "reply"), "2 replies");
        assert_eq!(count(2, "day"), "2 days");
        assert_eq!(count_grouped(1, "byte"), "1 byte");
        assert_eq!(count_grouped(12_345, "byte"), "12,345 bytes");
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        let table = [
            ("5", 5_000_000),
            ("0.25", 250_000),
            ("500ms", 500_000),
            ("2m30s", 150_000_000),
            ("0", 0),
        ];
        for (text, microseconds) in table {
            assert_eq!(
                duration(text),
                Ok(Duration::from_micros(microseconds)),
                "{text}"
            );
        }
        for text in ["", "-1", "soon", "nan", "inf", "1e400", "%{http_code}"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_beyond_100_years_is_refused() {
        assert_eq!(duration("3153600000"), Ok(LONGEST));
        for text in ["3153600001", "1e19", "1e300", "101years"] {
            let why = duration(text).expect_err(text);
            assert!(why.contains("100 years"), "{why}");
        }
        assert!(rate("1e-19/s").is_err());
    }

    #[test]
    fn sizes_are_binary_unless_written_as_decimal() {
        let table = [
            ("125", 125),
            ("64k", 65_536),
            ("1MiB", 1_048_576),
            ("1MB", 1_000_000),
            ("2G", 2 << 30),
        ];
        for (text, bytes) in table {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "1.5k", "-1", "1 k", "99999999999G", "1x"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_become_gaps() {
        assert_eq!(rate("10/s"), Ok(Duration::from_millis(100)));
        assert_eq!(rate("30/m"), Ok(Duration::from_secs(2)));
        assert_eq!(rate("4"), Ok(Duration::from_millis(250)));
        for text in ["0/s", "-1/s", "x/s", "1/y", "nan", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_with_a_fitting_unit() {
        assert_eq!(shown(Duration::ZERO), "0 ms");
        assert_eq!(shown(Duration::from_nanos(1)), "0.000001 ms");
        assert_eq!(shown(Duration::from_micros(1)), "0.001 ms");
        assert_eq!(shown(Duration::from_micros(44)), "0.04 ms");
        assert_eq!(shown(Duration::from_micros(50)), "0.1 ms");
        assert_eq!(shown(Duration::from_micros(440)), "0.4 ms");
        assert_eq!(shown(Duration::from_millis(500)), "500 ms");
        assert_eq!(shown(Duration::from_secs(5)), "5 s");
        assert_eq!(shown(Duration::from_millis(1250)), "1.25 s");
        assert_eq!(shown(Duration::from_secs(125)), "2m 5s");
    }

    #[test]
    fn digits_are_grouped_from_the_right() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (123_456, "123,456"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(n), text);
        }
    }
}
