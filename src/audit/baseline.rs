//! What is known of a server before it is judged: how it treats what is ordinary.

use super::observation::{Ending, Observation};
use crate::connection::handshake::Headers;

/// What is known of a server before it is judged.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    /// The `Server` header of its 101.
    pub server: Option<String>,
    /// Whether a foreign origin that is let in is a finding.
    pub origin_matters: bool,
    /// Whether it keeps a foreign origin out.
    pub checks_origin: bool,
    /// Whether it answers pings, which tell whether a connection goes on.
    pub answers_pings: bool,
    /// Whether what it sends violates the protocol, whatever it receives.
    pub is_illegal: bool,
    /// How it ends a connection after an ordinary text message, if it does.
    pub after_text: Option<UsualEnd>,
    /// How it ends a connection after an ordinary binary message, if it does.
    pub after_binary: Option<UsualEnd>,
}

/// How an application ends a connection that it does not like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsualEnd {
    /// With a close frame: the code.
    Close(Option<u16>),
    /// By the end of TCP.
    Tcp,
    /// It stays open, but answers no ping any more.
    Silence,
}

impl UsualEnd {
    /// The end that was observed; `None` if the connection goes on, or it cannot be told.
    pub fn of(observation: &Observation) -> Option<Self> {
        match &observation.ending {
            Ending::Ended | Ending::Failed(_) => Some(Self::Tcp),
            Ending::TimedOut => Some(Self::Silence),
            _ => observation.close().map(|close| Self::Close(close.code)),
        }
    }
}

impl Baseline {
    /// Whether the application ends connections after ordinary messages.
    pub fn ends_after_messages(&self) -> bool {
        self.after_text.is_some() || self.after_binary.is_some()
    }

    /// Whether the server ended the connection as it does after any message of the kinds that were sent: text, binary.
    pub fn is_usual_end(&self, (text, binary): (bool, bool), observation: &Observation) -> bool {
        let end = UsualEnd::of(observation);
        end.is_some() && ((text && end == self.after_text) || (binary && end == self.after_binary))
    }

    /// Names a front end that has answered in the place of the server: ` (answered by nginx)`.
    pub fn front_end(&self, headers: &Headers) -> String {
        match headers.get("Server") {
            Some(server) if self.server.as_deref() != Some(server) => {
                format!(" (answered by {server})")
            }
            _ => String::new(),
        }
    }
}
