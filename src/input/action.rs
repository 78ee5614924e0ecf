//! What an input asks the session to do.

use std::path::PathBuf;

use crate::connection::Target;
use crate::connection::close::Farewell;
use crate::connection::message::Outgoing;
use crate::pattern::Pattern;
use crate::secret::Source;

/// Something to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send this.
    Send(Outgoing),
    /// Send a numbered ping with a payload of so many bytes.
    Ping(usize),
    /// Tell how the connection stands.
    Status,
    /// Close, and stay.
    Close(Farewell),
    /// Open the connection again after it has ended.
    Reopen,
    /// Close, and open a connection to another place.
    Connect(Box<Target>),
    /// Send this after every further open; `None` forgets all that was to be sent then.
    OnOpen(Option<Source>),
    /// Show something, or show it otherwise.
    Show(Show),
    /// Close, and leave.
    Quit,
}

/// What a person wants to see, or to have in a file.
#[derive(Clone, Debug)]
pub enum Show {
    /// The headers of the handshake.
    Headers,
    /// Only messages that match; `None` shows all again.
    Filter(Option<Box<Pattern>>),
    /// A setting; `None` turns it to what it is not.
    Setting(Setting, Option<bool>),
    /// The last so many messages received, whole.
    Last(usize),
    /// What was sent and received, as a check file.
    Save(PathBuf),
    /// From now on every event as a line of JSON; `None` ends that.
    Log(Option<PathBuf>),
}

/// What can be on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// JSON is laid out.
    Pretty,
    /// The time stands before each message.
    Time,
    /// Every frame is told.
    Frames,
}
