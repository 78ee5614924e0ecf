//! What a run of the audit is told.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::probe::Probe;
use crate::connection::Target;
use crate::output::Sinks;
use crate::pattern::Pattern;
use crate::template::Template;
use crate::template::variables::Variables;

/// The settings of an audit.
pub struct AuditSettings {
    /// The server.
    pub target: Target,
    /// The URL as shown.
    pub url: String,
    /// The messages of `-x`, sent before the frames of a probe.
    pub login: Vec<Template>,
    /// Values for the texts of the login.
    pub variables: Variables,
    /// A message that must come before the frames of a probe are sent (`--after`).
    pub after: Option<Pattern>,
    /// A text message that the application accepts (`--message`).
    pub message: String,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// The limit of each probe (`-w`).
    pub wait: Duration,
    /// The largest message accepted.
    pub max_message: u64,
    /// Whether the handshake carries credentials that a browser sends by itself.
    pub has_credentials: bool,
    /// `--expect-origin-check`
    pub expects_origin_check: bool,
    /// `--intrusive`
    pub is_intrusive: bool,
    /// Which probes run.
    pub selection: ProbeSelection,
    /// Where secrets are learned.
    pub sinks: Rc<RefCell<Sinks>>,
}

/// `--only`, `--skip` and `--allow`: groups and ids.
#[derive(Clone, Debug, Default)]
pub struct ProbeSelection {
    /// If not empty, only these run.
    pub only: Vec<String>,
    /// These do not.
    pub skip: Vec<String>,
    /// Findings of these are accepted.
    pub allow: Vec<String>,
}

impl ProbeSelection {
    /// Whether a probe runs.
    pub fn runs(&self, probe: &Probe) -> bool {
        (self.only.is_empty() || names(&self.only, probe)) && !names(&self.skip, probe)
    }

    /// Whether a finding of a probe is accepted.
    pub fn allows(&self, probe: &Probe) -> bool {
        names(&self.allow, probe)
    }
}

fn names(list: &[String], probe: &Probe) -> bool {
    list.iter()
        .any(|name| name == probe.id || name == probe.group())
}
