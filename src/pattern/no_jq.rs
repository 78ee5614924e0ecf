//! Stands in for jq in a build without it: nothing compiles, and the error names the feature.

use super::{JqError, Mismatch, Selected};

/// A compiled jq filter, of which this build can have none.
#[derive(Clone, Debug)]
pub enum Jq {}

impl Jq {
    /// # Errors
    /// Always: this build has no jq.
    pub fn compile(text: &str) -> Result<Self, JqError> {
        Err(JqError::NotBuilt {
            text: super::json::excerpt(text),
        })
    }

    /// # Errors
    /// As [`Jq::compile`].
    pub fn condition(text: &str) -> Result<Self, JqError> {
        Self::compile(text)
    }

    /// The filter as it was written.
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
    /// Never: there is no filter.
    pub fn select(&self, _: &str) -> Result<Vec<Selected>, String> {
        match *self {}
    }
}
