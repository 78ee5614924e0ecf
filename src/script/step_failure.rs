//! Why a step of a check file failed.

use crate::connection::error::{Error, ErrorKind};
use crate::expectation::{Closest, UnmetExpectation};

/// Why a step failed.
#[derive(Clone, Debug)]
pub struct StepFailure {
    /// Whether transport failed, as opposed to an expectation.
    pub fault: bool,
    /// The reason, in one line.
    pub why: String,
    /// The server's answer and the hint.
    pub details: Vec<String>,
    /// The nearest messages.
    pub closest: Vec<NearMiss>,
    /// Whether the test must end although another attempt might succeed.
    pub is_final: bool,
}

/// A message that nearly met an expectation.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// The expectation, if the step has several.
    pub label: Option<String>,
    /// The message.
    pub closest: Closest,
}

impl StepFailure {
    /// An expectation that was not met.
    pub fn unmet(why: impl Into<String>) -> Self {
        Self {
            fault: false,
            why: why.into(),
            details: Vec::new(),
            closest: Vec::new(),
            is_final: false,
        }
    }

    /// A failure of transport or of the file, not of an expectation.
    pub fn fault(why: impl Into<String>) -> Self {
        Self {
            fault: true,
            ..Self::unmet(why)
        }
    }

    /// Ends the test: no other attempt is made.
    pub fn ending(self) -> Self {
        Self {
            is_final: true,
            ..self
        }
    }
}

impl From<Closest> for NearMiss {
    fn from(closest: Closest) -> Self {
        Self {
            label: None,
            closest,
        }
    }
}

impl From<UnmetExpectation> for StepFailure {
    fn from(unmet: UnmetExpectation) -> Self {
        let answer = unmet
            .refusal
            .iter()
            .flat_map(|refusal| refusal.informative_lines());
        let hint = unmet.hint.iter().map(|hint| format!("hint: {hint}"));
        Self {
            details: answer.chain(hint).collect(),
            closest: unmet.closest.map(NearMiss::from).into_iter().collect(),
            ..Self::unmet(unmet.what)
        }
    }
}

impl From<&Error> for StepFailure {
    fn from(error: &Error) -> Self {
        let refusal = error.refusal.iter();
        let answer = refusal.flat_map(|refusal| refusal.informative_lines());
        let hint = error.hint.iter().map(|hint| format!("hint: {hint}"));
        Self {
            fault: error.kind != ErrorKind::Refused,
            details: answer.chain(hint).collect(),
            ..Self::unmet(error.message.clone())
        }
    }
}
