//! The result of a probe of `audit`, as the reports show it.

use std::time::Duration;

use super::{Finished, PassGrade, TestFailure};
use crate::output::events::ProbeFacts;
use crate::script::step_failure::StepFailure;

/// The verdict of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// As required.
    Pass,
    /// A MUST is broken.
    Fail,
    /// A SHOULD is broken, or a matter of policy.
    Warn,
    /// It could not be told.
    Skip,
}

impl ProbeVerdict {
    /// The word of JSON events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Skip => "skip",
        }
    }

    /// Whether it is a finding.
    pub fn is_finding(self) -> bool {
        matches!(self, Self::Fail | Self::Warn)
    }
}

/// The result of a probe.
#[derive(Clone, Debug)]
pub struct ProbeRow {
    /// Its id.
    pub id: &'static str,
    /// Its group.
    pub group: &'static str,
    /// Its verdict.
    pub verdict: ProbeVerdict,
    /// The sections behind it.
    pub rfc: Vec<&'static str>,
    /// What was sent.
    pub sent: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Whether the user has accepted findings of this probe (`--allow`).
    pub is_accepted: bool,
}

impl ProbeRow {
    /// The fields of its event.
    pub(super) fn facts(&self) -> ProbeFacts<'_> {
        ProbeFacts {
            id: self.id,
            group: self.group,
            verdict: self.verdict.as_str(),
            rfc: &self.rfc,
            sent: &self.sent,
            expected: &self.expected,
            got: &self.got,
            accepted: self.is_accepted_finding(),
        }
    }

    /// Whether it is a finding that the user has accepted.
    pub fn is_accepted_finding(&self) -> bool {
        self.is_accepted && self.verdict.is_finding()
    }

    /// What was sent, what was expected and why, in lines.
    pub(super) fn details(&self) -> Vec<String> {
        vec![
            format!("sent: {}", self.sent),
            format!("expected: {} ({})", self.expected, self.rfc.join(", ")),
        ]
    }
}

impl Finished {
    /// The result of a probe.
    pub fn of_probe(url: &str, row: ProbeRow, time: Duration) -> Self {
        let is_accepted = row.is_accepted_finding();
        let grade = match row.verdict {
            _ if is_accepted => PassGrade::Skipped,
            ProbeVerdict::Pass | ProbeVerdict::Fail => PassGrade::Passed,
            ProbeVerdict::Warn => PassGrade::Warning,
            ProbeVerdict::Skip => PassGrade::Skipped,
        };
        let failed = row.verdict == ProbeVerdict::Fail && !is_accepted;
        let failure = failed.then(|| {
            TestFailure::from(StepFailure {
                details: row.details(),
                ..StepFailure::unmet(row.got.clone())
            })
        });
        let note = match is_accepted {
            true => format!("accepted: {}", row.got),
            false => row.got.clone(),
        };
        Self {
            file: url.to_owned(),
            line: 0,
            name: Some(row.id.to_owned()),
            steps: 1,
            time,
            grade,
            note: failure.is_none().then_some(note),
            failure,
            probe: Some(Box::new(row)),
        }
    }

    /// A probe that a signal has interrupted.
    pub fn interrupted(url: &str, id: &str) -> Self {
        Self {
            file: url.to_owned(),
            line: 0,
            name: Some(id.to_owned()),
            steps: 1,
            time: Duration::ZERO,
            grade: PassGrade::Passed,
            note: None,
            failure: Some(StepFailure::unmet("interrupted").into()),
            probe: None,
        }
    }
}
