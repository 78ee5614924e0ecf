//! The `Origin` of a page (RFC 6454), by which a server keeps foreign pages out (RFC 6455 §10.2).
//!
//! Most servers leave this to the application. A foreign page that is let in matters where a browser sends cookies, a
//! password or a client certificate along: then the page acts in the name of the user.

use crate::audit::probe::Change::{Origin, Without};
use crate::audit::probe::OriginForm::{
    Foreign, Missing, NameAsPrefix, NameAsSuffix, Null, OtherPort, OtherScheme, Own, Subdomain,
};
use crate::audit::probe::Requirement::{OpensOrRefused, OriginRefused};
use crate::audit::probe::{Probe, request};

/// The probes.
#[rustfmt::skip]
pub const PROBES: &[Probe] = &[
    request("origin-missing", "no Origin, as clients that are not browsers", &[Origin(Missing)])
        .may(OpensOrRefused, "RFC 6455 §10.2"),
    request("origin-own", "the server's own origin", &[Origin(Own)])
        .may(OpensOrRefused, "RFC 6455 §10.2"),
    request("origin-foreign", "the origin of a foreign site", &[Origin(Foreign)])
        .must(OriginRefused, "RFC 6455 §10.2"),
    request("origin-foreign-anonymous", "the origin of a foreign site, without credentials", &[
            Origin(Foreign), Without("Cookie"), Without("Authorization"),
        ])
        .may(OriginRefused, "RFC 6455 §10.2"),
    request("origin-null", "Origin: null, as from a sandboxed frame", &[Origin(Null)])
        .must(OriginRefused, "RFC 6455 §10.2; RFC 6454 §7.3"),
    request("origin-prefix", "a foreign host that begins with the own one", &[Origin(NameAsPrefix)])
        .must(OriginRefused, "RFC 6455 §10.2; RFC 6454 §5"),
    request("origin-suffix", "a foreign host that ends in the own one", &[Origin(NameAsSuffix)])
        .must(OriginRefused, "RFC 6455 §10.2; RFC 6454 §5"),
    request("origin-subdomain", "a host below the own one", &[Origin(Subdomain)])
        .should(OriginRefused, "RFC 6455 §10.2; RFC 6454 §5"),
    request("origin-other-scheme", "the own origin with the other scheme", &[Origin(OtherScheme)])
        .should(OriginRefused, "RFC 6455 §10.2; RFC 6454 §5"),
    request("origin-other-port", "the own origin with another port", &[Origin(OtherPort)])
        .should(OriginRefused, "RFC 6455 §10.2; RFC 6454 §5"),
];
