//! Replaces the schema module in a build without the feature `schema`: every schema is an error that names the feature.

use std::path::Path;

use super::Mismatch;

/// A compiled schema; it cannot exist in this build.
#[derive(Clone, Debug)]
pub(super) enum SchemaPattern {}

impl SchemaPattern {
    /// Reports that JSON Schema is unavailable.
    pub(super) fn read(_: &Path) -> Result<Self, String> {
        Err("this build has no JSON Schema support (cargo feature \"schema\")".to_owned())
    }

    /// Whether a message is valid.
    pub(super) fn is_match(&self, _: &str) -> bool {
        match *self {}
    }

    /// The first place of a message that breaks the schema.
    pub(super) fn mismatch(&self, _: &str) -> Option<Mismatch> {
        match *self {}
    }
}
