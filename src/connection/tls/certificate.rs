//! Certificate summary: subject, names, issuer and validity. Does not verify anything.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::units;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

const DAY: i64 = 86_400;

/// Certificate summary. All texts come from the peer: escape them before printing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSummary {
    /// The subject's distinguished name.
    pub subject: String,
    /// The names it is valid for (RFC 5280 §4.2.1.6).
    pub names: Vec<String>,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// The first second it is valid, in Unix time.
    pub not_before: i64,
    /// The last second it is valid, in Unix time.
    pub not_after: i64,
}

impl CertificateSummary {
    /// Parses DER; `None` if it is not a certificate.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(name)
                .collect(),
            _ => Vec::new(),
        };
        Some(Self {
            subject: parsed.subject().to_string(),
            names,
            issuer: parsed.issuer().to_string(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }

    /// Whether its issuer is its own subject.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whole days until it expires; negative after that.
    pub fn days_left(&self) -> i64 {
        self.days_left_at(now())
    }

    fn days_left_at(&self, now: i64) -> i64 {
        (self.not_after.saturating_sub(now)).div_euclid(DAY)
    }

    /// Whether the current time is within its validity.
    pub fn is_current(&self) -> bool {
        (self.not_before..=self.not_after).contains(&now())
    }

    /// Subject, names, issuer and validity, one line each.
    pub fn lines(&self) -> Vec<String> {
        let names = if self.names.is_empty() {
            "none".to_owned()
        } else {
            self.names.join(", ")
        };
        let left = self.not_after.saturating_sub(now());
        let validity = if left < 0 {
            format!("expired {} ago", coarse(left.unsigned_abs()))
        } else {
            format!("{} left", coarse(left.unsigned_abs()))
        };
        vec![
            format!("certificate: {}", self.subject),
            format!("names: {names}"),
            format!("issuer: {}", self.issuer),
            format!(
                "valid: {} to {}, {validity}",
                date(self.not_before),
                date(self.not_after)
            ),
        ]
    }
}

/// The public key of a certificate, as DER of its SubjectPublicKeyInfo.
pub fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

/// The X.509 version of a certificate: 1, 2 or 3.
pub fn version(der: &[u8]) -> Option<u32> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    Some(parsed.version().0.saturating_add(1))
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => {
            if let Ok(four) = <[u8; 4]>::try_from(*bytes) {
                return Some(Ipv4Addr::from(four).to_string());
            }
            let sixteen = <[u8; 16]>::try_from(*bytes).ok()?;
            Some(Ipv6Addr::from(sixteen).to_string())
        }
        _ => None,
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

/// A duration in seconds, rounded to minutes, hours or days.
pub fn coarse(seconds: u64) -> String {
    match seconds {
        0..7_200 => units::count(seconds / 60, "minute"),
        7_200..172_800 => units::count(seconds / 3_600, "hour"),
        _ => units::count(seconds / 86_400, "day"),
    }
}

/// `2026-01-31` for a time in Unix seconds.
pub fn date(unix_seconds: i64) -> String {
    let text = time(unix_seconds);
    text.split('T').next().unwrap_or(&text).to_owned()
}

/// RFC 3339 for a time in Unix seconds, clamped to the years 1970 to 9999: certificates may contain others.
pub fn time(unix_seconds: i64) -> String {
    let seconds = u64::try_from(unix_seconds)
        .unwrap_or(0)
        .min(units::YEAR_10000 - 1);
    let time = UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_dates_and_issuer_are_read() {
        let names = ["a.example", "192.0.2.1", "::1"].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate");
        let read = CertificateSummary::parse(der.der()).expect("readable");
        assert_eq!(read.names, ["a.example", "192.0.2.1", "::1"]);
        assert!(read.is_self_signed() && !read.is_current());
        assert_eq!(date(read.not_after), "2021-01-01");
        assert_eq!(read.days_left_at(read.not_after - DAY), 1);
        assert_eq!(read.days_left_at(read.not_after + 1), -1);
        assert!(read.lines()[3].contains("expired"), "{:?}", read.lines());
        assert_eq!(CertificateSummary::parse(b"no certificate"), None);
    }

    #[test]
    fn times_outside_of_any_calendar_do_not_panic() {
        assert_eq!(date(i64::MIN), "1970-01-01");
        assert_eq!(date(i64::MAX), "9999-12-31");
    }
}
