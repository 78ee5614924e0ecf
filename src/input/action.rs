//! What an input asks the session to do.

use crate::connection::Target;
use crate::connection::close::CloseFrame;
use crate::connection::message::Outgoing;

/// Something to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send this.
    Send(Outgoing),
    /// Send a numbered ping with a payload of so many bytes.
    Ping(usize),
    /// Close, and stay.
    Close(CloseFrame),
    /// Open the connection again after it has ended.
    Reopen,
    /// Close, and open a connection to another place.
    Connect(Box<Target>),
    /// Close, and leave.
    Quit,
}
