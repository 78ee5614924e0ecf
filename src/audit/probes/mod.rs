//! The tables of probes, one for each group.

pub mod close;
pub mod compression;
pub mod control;
pub mod fragments;
pub mod frames;
pub mod handshake;
pub mod limits;
pub mod origin;
pub mod tls;
pub mod utf8;

use super::probe::{Change, Frame, OriginForm, Probe, binary_message, message};

/// The probe of the ordinary handshake. If it fails, nothing else can be told.
pub const OPENS: &str = "handshake-opens";

/// A handshake of a page of a foreign site.
pub const FROM_FOREIGN_PAGE: &[Change] = &[Change::Origin(OriginForm::Foreign)];

/// An ordinary text message.
pub const ORDINARY_TEXT: &[Frame] = &[message()];

/// An ordinary binary message.
pub const ORDINARY_BINARY: &[Frame] = &[binary_message()];

/// The tables, in the order of the groups.
const TABLES: &[&[Probe]] = &[
    handshake::PROBES,
    origin::PROBES,
    frames::PROBES,
    fragments::PROBES,
    utf8::PROBES,
    close::PROBES,
    control::PROBES,
    limits::PROBES,
    compression::PROBES,
    tls::PROBES,
];

/// All probes, in the order of the groups.
pub fn all() -> impl Iterator<Item = &'static Probe> {
    TABLES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::audit::probe::GROUPS;

    #[test]
    fn every_id_is_kebab_case_and_begins_with_its_group() {
        let mut seen = HashSet::new();
        let mut order = Vec::new();
        for probe in all() {
            assert!(seen.insert(probe.id), "{} is there twice", probe.id);
            assert!(GROUPS.contains(&probe.group()), "{}", probe.id);
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(probe.id.chars().all(is_word) && probe.id.contains('-'));
            order.push(GROUPS.iter().position(|group| *group == probe.group()));
        }
        assert!(
            order.is_sorted(),
            "the tables are not in the order of GROUPS"
        );
    }

    #[test]
    fn every_probe_says_where_its_requirement_is_written() {
        for probe in all() {
            let is_section = |text: &&str| {
                let known = ["RFC ", "WHATWG "];
                known.iter().any(|start| text.starts_with(start)) && text.contains('§')
            };
            assert!(!probe.rfc().is_empty(), "{}", probe.id);
            assert!(probe.rfc().iter().all(is_section), "{}", probe.id);
        }
    }
}
