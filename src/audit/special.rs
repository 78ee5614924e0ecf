//! The probes that a table of frames and headers cannot say.

use super::Audit;
use super::judgement::Judgement;
use crate::connection::error::Error;

/// A probe with a procedure of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Whether the server still accepts connections, after all other probes.
    Survival,
}

impl Special {
    /// Whether it runs after all others.
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Survival)
    }

    /// Runs it.
    ///
    /// # Errors
    /// The program itself cannot go on.
    pub async fn look(self, audit: &Audit) -> Result<Judgement, Error> {
        match self {
            Self::Survival => Ok(survival(audit).await),
        }
    }
}

async fn survival(audit: &Audit) -> Judgement {
    let suspects = audit.suspects.borrow().join(", ");
    if audit.is_gone.get() {
        let got = format!("the server accepts no connections any more; under way were {suspects}");
        return Judgement::Unmet(got);
    }
    match audit.presence().await {
        super::Presence::Gone => {
            Judgement::Unmet("the server accepts no connections any more".to_owned())
        }
        _ => Judgement::Met("the server accepts connections".to_owned()),
    }
}
