//! Texts for the errors of the TLS library, whose own texts are names of types.

use rustls::OtherError;
use rustls::pki_types::ServerName;
use rustls::{
    AlertDescription, CertificateError, Error as TlsError, InvalidMessage, PeerIncompatible,
};

use super::certificate::{CertificateSummary, coarse, date};

/// The unsupported key types, key exchanges and ciphers.
pub const LIMITS: &str =
    "wsprobe does not support RSA key exchange, CBC cipher suites or P-521 certificates";

/// Why a TLS handshake failed, to follow a colon.
pub fn tls_text(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(_) => certificate_text(error, None, None),
        TlsError::AlertReceived(alert) => {
            format!("the peer sent the alert {}", alert_name(*alert))
        }
        TlsError::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge) => {
            "its certificates are larger than 64 KiB".to_owned()
        }
        TlsError::InvalidMessage(what) => {
            format!(
                "it sent an invalid message ({})",
                spaced(&format!("{what:?}"))
            )
        }
        TlsError::PeerIncompatible(what) => incompatible(what),
        TlsError::PeerMisbehaved(what) => {
            format!(
                "it violated the protocol ({})",
                spaced(&format!("{what:?}"))
            )
        }
        TlsError::InappropriateMessage { .. } | TlsError::InappropriateHandshakeMessage { .. } => {
            "it sent an unexpected message".to_owned()
        }
        TlsError::NoCertificatesPresented => "it presented no certificate".to_owned(),
        TlsError::DecryptError => "a record could not be decrypted".to_owned(),
        TlsError::PeerSentOversizedRecord => "it sent a record that is too large".to_owned(),
        TlsError::NoApplicationProtocol => "no application protocol (ALPN) in common".to_owned(),
        other => spaced(&other.to_string()),
    }
}

fn incompatible(what: &PeerIncompatible) -> String {
    match what {
        PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite in common".to_owned(),
        PeerIncompatible::NoKxGroupsInCommon => "no key exchange group in common".to_owned(),
        PeerIncompatible::NoSignatureSchemesInCommon => "no signature scheme in common".to_owned(),
        other => format!("not compatible ({})", spaced(&format!("{other:?}"))),
    }
}

/// The name of an alert as in RFC 8446 §6, such as `unknown_ca`.
pub fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "unknown_ca".to_owned(),
        AlertDescription::UnknownPSKIdentity => "unknown_psk_identity".to_owned(),
        AlertDescription::NoApplicationProtocol => "no_application_protocol".to_owned(),
        AlertDescription::UnrecognisedName => "unrecognized_name".to_owned(),
        AlertDescription::BadRecordMac => "bad_record_mac".to_owned(),
        AlertDescription::Unknown(number) => number.to_string(),
        other => spaced(&format!("{other:?}")).replace(' ', "_"),
    }
}

/// `NoCipherSuitesInCommon` becomes `no cipher suites in common`.
fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            words.push(' ');
        }
        words.push(
            if letter.is_ascii_uppercase() && before.is_ascii_lowercase() || words.is_empty() {
                letter.to_ascii_lowercase()
            } else {
                letter
            },
        );
        before = letter;
    }
    words
}

/// Why a certificate is not accepted. `der` is the presented certificate.
pub fn certificate_text(
    error: &TlsError,
    presented: Option<&CertificateSummary>,
    der: Option<&[u8]>,
) -> String {
    let TlsError::InvalidCertificate(why) = error else {
        return tls_text(error);
    };
    let now = std::time::SystemTime::now();
    match (why, presented) {
        (CertificateError::UnknownIssuer, Some(it)) if it.is_self_signed() => {
            "it is self-signed".to_owned()
        }
        (CertificateError::UnknownIssuer, Some(it)) => format!(
            "its issuer {} is unknown (a private CA, or the server does not send an intermediate certificate)",
            it.issuer
        ),
        (CertificateError::UnknownIssuer, None) => "its issuer is unknown".to_owned(),
        (CertificateError::ExpiredContext { time, not_after }, _) => {
            let ago = time.as_secs().saturating_sub(not_after.as_secs());
            let when = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            format!("it expired {} ago, on {}", coarse(ago), date(when)) + &clock(now)
        }
        (CertificateError::Expired, _) => {
            "it has expired, or its dates contradict each other".to_owned()
        }
        (CertificateError::NotValidYetContext { not_before, .. }, _) => {
            let when = i64::try_from(not_before.as_secs()).unwrap_or(i64::MAX);
            format!("it is not valid before {}", date(when)) + &clock(now)
        }
        (CertificateError::NotValidYet, _) => "it is not valid yet".to_owned(),
        (CertificateError::NotValidForNameContext { expected, .. }, Some(it)) => {
            wrong_name(expected, it)
        }
        (
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            _,
        ) => "it is for another name".to_owned(),
        (CertificateError::BadEncoding, _) => "it cannot be parsed".to_owned(),
        (CertificateError::Revoked, _) => "it is revoked".to_owned(),
        (CertificateError::UnhandledCriticalExtension, _) => {
            "it has a critical extension that is not supported".to_owned()
        }
        (CertificateError::BadSignature, _) => {
            "its signature is wrong, or its key is too weak (RSA needs 2048 bits)".to_owned()
        }
        (
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            _,
        ) => "it is signed with an algorithm that is not supported (SHA-1, P-521 or another)"
            .to_owned(),
        (CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. }, _) => {
            "it is not meant for servers (extended key usage)".to_owned()
        }
        (CertificateError::Other(other), _) => other_text(other, der),
        (other, _) => spaced(&format!("{other:?}")),
    }
}

/// The text for an error of webpki that rustls has no name for.
fn other_text(error: &OtherError, der: Option<&[u8]>) -> String {
    use webpki::Error;
    let Some(error) = error.0.downcast_ref() else {
        return format!("it is not valid ({error})");
    };
    let text = match error {
        Error::CaUsedAsEndEntity => {
            "it is a CA certificate, used as a server certificate (self-signed)"
        }
        Error::UnsupportedCertVersion => {
            let version = der.and_then(super::certificate::version).unwrap_or(1);
            return format!("it is an X.509 v{version} certificate, but version 3 is required");
        }
        Error::UnsupportedCriticalExtension => "it has a critical extension that is not supported",
        Error::EndEntityUsedAsCa => {
            "a certificate that is not a CA certificate has signed another one"
        }
        Error::NameConstraintViolation
        | Error::MalformedNameConstraint
        | Error::MaximumNameConstraintComparisonsExceeded => "its CA may not sign for this name",
        Error::PathLenConstraintViolated => "its chain is longer than its CA allows",
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => "its chain is too long to be checked",
        Error::MalformedExtensions | Error::ExtensionValueInvalid => {
            "its extensions cannot be parsed"
        }
        Error::InvalidSerialNumber => "its serial number is invalid",
        other => return format!("it is not valid ({})", spaced(&format!("{other:?}"))),
    };
    text.to_owned()
}

/// Why no name of a certificate matches the expected one.
fn wrong_name(expected: &ServerName<'_>, it: &CertificateSummary) -> String {
    let expected = expected.to_str();
    if it.names.is_empty() {
        return "it has no subjectAltName (the common name is not used)".to_owned();
    }
    // An address listed as an IP address would have been accepted.
    if it.names.iter().any(|name| *name == expected) {
        return format!(
            "it contains {expected} as a DNS name, not as an IP address (subjectAltName)"
        );
    }
    let names = it.names.join(", ");
    let wildcard = it.names.iter().find_map(|name| {
        let suffix = name.strip_prefix("*.")?;
        let front = expected.strip_suffix(suffix)?;
        Some((name, suffix, front.strip_suffix('.').unwrap_or(front)))
    });
    match wildcard {
        Some((name, suffix, front)) if !suffix.contains('.') && !front.is_empty() => format!(
            "it is for {names}, not for {expected}: a wildcard needs at least two labels after it, and {name} has one"
        ),
        Some((name, ..)) => format!(
            "it is for {names}, not for {expected}: the wildcard in {name} matches exactly one label"
        ),
        None => format!("it is for {names}, not for {expected}"),
    }
}

/// Mentions a clock that is obviously wrong, which makes every certificate invalid.
fn clock(now: std::time::SystemTime) -> String {
    // Earlier than the first version of this program.
    const FIRST: std::time::Duration = std::time::Duration::from_secs(1_750_000_000);
    match now.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) if since >= FIRST => String::new(),
        _ => "; this machine's clock is wrong".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> CertificateSummary {
        CertificateSummary {
            subject: "CN=a".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            issuer: "CN=b".to_owned(),
            not_before: 0,
            not_after: 0,
        }
    }

    #[test]
    fn a_name_that_does_not_fit_is_told_with_the_reason() {
        let table: [(&str, &[&str], &str); 6] = [
            (
                "localhost",
                &[],
                "it has no subjectAltName (the common name is not used)",
            ),
            (
                "127.0.0.1",
                &["127.0.0.1"],
                "it contains 127.0.0.1 as a DNS name, not as an IP address",
            ),
            ("a.localhost", &["*.localhost"], "at least two labels"),
            ("a.b.example.com", &["*.example.com"], "exactly one label"),
            (
                "example.com",
                &["*.example.com", "x.test"],
                "it is for *.example.com, x.test, not for example.com",
            ),
            (
                "example.com",
                &["other.test"],
                "it is for other.test, not for example.com",
            ),
        ];
        for (expected, names, part) in table {
            let name = ServerName::try_from(expected).expect(expected);
            let text = wrong_name(&name, &certificate(names));
            assert!(text.contains(part), "{expected} {names:?}: {text}");
        }
    }

    #[test]
    fn names_of_types_become_words() {
        assert_eq!(
            spaced("NoCipherSuitesInCommon"),
            "no cipher suites in common"
        );
        assert_eq!(
            alert_name(AlertDescription::HandshakeFailure),
            "handshake_failure"
        );
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::Unknown(7)), "7");
        for error in [
            TlsError::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon),
            TlsError::InvalidCertificate(CertificateError::BadEncoding),
            TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
            TlsError::PeerMisbehaved(rustls::PeerMisbehaved::TooMuchEarlyDataReceived),
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType),
        ] {
            let text = tls_text(&error);
            assert!(!text.contains(['{', ':']) && text.contains(' '), "{text}");
        }
    }
}
