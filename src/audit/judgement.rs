//! What was found about a requirement.

/// What was found, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// As required.
    Met(String),
    /// Not as required: how bad that is, the probe says.
    Unmet(String),
    /// The server has died of it: an error, whatever the probe says.
    Fatal(String),
    /// Nearly as required, or a matter of policy: a warning at most.
    Doubtful(String),
    /// It could not be told, and why.
    Unknown(String),
}

impl Judgement {
    /// The words.
    pub fn got(&self) -> &str {
        match self {
            Self::Met(got)
            | Self::Unmet(got)
            | Self::Fatal(got)
            | Self::Doubtful(got)
            | Self::Unknown(got) => got,
        }
    }

    /// Whether it is a finding that another look must confirm.
    pub fn is_finding(&self) -> bool {
        matches!(self, Self::Unmet(_) | Self::Doubtful(_))
    }

    /// Whether it is as required.
    pub fn is_met(&self) -> bool {
        matches!(self, Self::Met(_))
    }
}
