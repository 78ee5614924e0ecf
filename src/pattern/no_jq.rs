//! Replaces the jq module in a build without the feature `jq`: every expression is an error that names the feature.

use super::{JqError, Mismatch, Selected};

/// A compiled jq filter; it cannot exist in this build.
#[derive(Clone, Debug)]
pub enum Jq {}

impl Jq {
    /// Reports that jq is unavailable.
    ///
    /// # Errors
    /// Always.
    pub fn compile(text: &str) -> Result<Self, JqError> {
        Err(JqError::NotBuilt {
            text: super::json::excerpt(text),
        })
    }

    /// Reports that jq is unavailable.
    ///
    /// # Errors
    /// Always.
    pub fn condition(text: &str) -> Result<Self, JqError> {
        Self::compile(text)
    }

    /// The source text of the filter.
    pub fn as_str(&self) -> &str {
        match *self {}
    }

    /// Whether the filter is true for a message.
    pub fn is_match(&self, _: &str) -> bool {
        match *self {}
    }

    /// Why the filter is not true for a message.
    pub fn mismatch(&self, _: &str) -> Option<Mismatch> {
        match *self {}
    }

    /// Why this filter is not run any more.
    pub fn given_up(&self) -> Option<String> {
        match *self {}
    }

    /// The outputs of the filter for a message.
    ///
    /// # Errors
    /// Never.
    pub fn select(&self, _: &str) -> Result<Vec<Selected>, String> {
        match *self {}
    }
}

/// Why the process must end soon; never without jq.
pub fn runaway() -> Option<&'static str> {
    None
}
