//! One of the two connections of a proxy's client, and whether it takes what is passed to it.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::close::{CloseFrame, CloseInfo};
use crate::connection::message::Outgoing;
use crate::connection::{Connection, Incoming, ReadyState};

/// The bytes that a side must take within the limit of the closing handshake once the other one is gone.
const DRIP: u64 = 1024;

/// One of the two connections.
pub(super) struct ProxySide {
    /// The connection.
    pub(super) connection: Connection,
    /// How it ended.
    pub(super) end: Option<CloseInfo>,
    /// Whether its close frame was passed on.
    pub(super) has_closed: bool,
    /// Since when it takes nothing although something waits for it, and what it had taken until then.
    pub(super) blocked: Option<(Instant, u64)>,
}

impl ProxySide {
    /// A connection that is open.
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            end: None,
            has_closed: false,
            blocked: None,
        }
    }

    /// Whether messages can be passed to it at all.
    fn is_writable(&self) -> bool {
        let open = self.connection.ready_state() == ReadyState::Open;
        self.end.is_none() && (open || self.has_closed) && !self.connection.has_write_failed()
    }

    /// Whether it takes more. One that is gone takes everything: it goes nowhere.
    pub(super) fn takes_more(&mut self, cx: &mut Context<'_>) -> bool {
        let takes = !self.is_writable()
            || self.connection.poll_ready(cx).is_ready()
            || self.connection.has_write_failed();
        match takes {
            true => self.blocked = None,
            false => {
                let taken = self.taken();
                self.blocked.get_or_insert((Instant::now(), taken));
            }
        }
        takes
    }

    fn taken(&self) -> u64 {
        self.connection
            .unsent_bytes()
            .map_or(0, |(_, passed)| passed)
    }

    /// Whether it has taken almost nothing for this long.
    pub(super) fn is_stuck(&mut self, limit: Duration) -> bool {
        let taken = self.taken();
        match &mut self.blocked {
            Some((since, before)) if taken >= *before + DRIP => {
                (*since, *before) = (Instant::now(), taken);
                false
            }
            Some((since, _)) => since.elapsed() >= limit,
            None => false,
        }
    }

    /// The next event; `None` if there is nothing now.
    pub(super) fn next(&mut self, cx: &mut Context<'_>) -> Option<Incoming> {
        if self.end.is_some() {
            return None;
        }
        match self.connection.poll_next(cx) {
            Poll::Ready(incoming) => incoming,
            Poll::Pending => None,
        }
    }

    /// Queues a message for it; false if it is gone.
    pub(super) fn feed(&mut self, outgoing: &Outgoing) -> bool {
        !self.connection.has_write_failed() && self.connection.feed(outgoing)
    }

    /// Passes a close frame on: the first one, or the answer to one.
    pub(super) fn close(&mut self, frame: &CloseFrame) {
        self.connection.answer_close(frame);
        self.connection.close(frame);
    }
}
