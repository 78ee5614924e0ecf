//! TLS under the connection (RFC 6455 §10.6, RFC 9325).

use crate::audit::judgement::Judgement;
use crate::audit::probe::Requirement::{self, Judged};
use crate::audit::probe::Special::{
    Certificate, CertificateDays, CloseNotify, Encrypted, OldTls, Tls13,
};
use crate::audit::probe::{Probe, special};
use crate::connection::tls::old::OldVersion::{Tls10, Tls11};

/// The probes.
#[rustfmt::skip]
pub const PROBES: &[Probe] = &[
    special("tls-encrypted", "the URL", Encrypted)
        .should(told("wss://, except on this machine"), "RFC 6455 §10.6"),
    special("tls-certificate", "a TLS handshake", Certificate)
        .must(told("a certificate that browsers accept for this name"), "RFC 6455 §4.1; RFC 9110 §4.3.4"),
    special("tls-certificate-days", "a TLS handshake", CertificateDays)
        .should(told("a certificate that is valid for 14 days or more"), "RFC 5280 §4.1.2.5"),
    special("tls-version-1-3", "a TLS handshake that offers TLS 1.3 and 1.2", Tls13)
        .should(told("TLS 1.3"), "RFC 9325 §3.1.1"),
    special("tls-version-1-0", "a TLS handshake that offers only TLS 1.0", OldTls(Tls10))
        .should(told("no TLS 1.0"), "RFC 8996 §4"),
    special("tls-version-1-1", "a TLS handshake that offers only TLS 1.1", OldTls(Tls11))
        .should(told("no TLS 1.1"), "RFC 8996 §5"),
    special("tls-close-notify", "a close frame", CloseNotify)
        .should(told("close_notify before the end of TCP"), "RFC 8446 §6.1"),
];

const fn told(words: &'static str) -> Requirement {
    // Special probes judge by themselves.
    Judged(words, |_| Judgement::Unknown(String::new()))
}
