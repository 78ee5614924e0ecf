//! Actions that an input requests from the session.

use crate::connection::Target;
use crate::connection::close::CloseFrame;
use crate::connection::message::Outgoing;
use crate::secret::SecretSource;

/// What `/connect` connects to.
#[derive(Clone, Debug)]
pub struct NewTarget {
    /// The target.
    pub target: Target,
    /// The `-x` messages of its endpoint; `None` keeps the current ones.
    pub on_open: Option<Vec<SecretSource>>,
    /// The secrets of its request.
    pub secrets: Vec<String>,
}

/// An action.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send a message or a part of one.
    Send(Outgoing),
    /// Send a numbered ping with a payload of this many bytes.
    Ping(usize),
    /// Close the connection; the session continues.
    Close(CloseFrame),
    /// Reopen the connection after it has ended.
    Reopen,
    /// Close the connection and connect to another target.
    Connect(Box<NewTarget>),
    /// Close the connection and end the session.
    Quit,
}
