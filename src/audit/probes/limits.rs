//! Sizes and numbers, and what is left of the server afterwards.

use crate::audit::judgement::Judgement;
use crate::audit::probe::Requirement::Judged;
use crate::audit::probe::{Probe, special};
use crate::audit::special::Special;

/// The probes.
pub const PROBES: &[Probe] = &[special(
    "limits-survival",
    "another handshake, after all other probes",
    Special::Survival,
)
.must(
    Judged("the server accepts connections", |_| {
        Judgement::Unknown(String::new())
    }),
    "RFC 6455 §10.4",
)];
