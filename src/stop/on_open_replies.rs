//! The replies that messages of `-x` may get. On the wire they look like those to the messages that were sent after them,
//! so `send` waits for one more for each; since a server need not answer them, only for as long as `-w`.

/// Shown when the replies to `-x` were awaited in vain.
pub const NO_REPLY_ON_OPEN: &str = "within --wait came fewer replies than messages with those of -x; -c, --expect or --after say which are awaited";

/// Counts the messages of `-x` and everything received.
#[derive(Debug, Default)]
pub struct OnOpenReplies {
    /// Messages of `-x` sent on this connection.
    sent: u64,
    /// Messages received on this connection.
    received: u64,
    /// Messages of `-x` that earlier connections may have answered.
    settled: u64,
    /// Messages received on all connections.
    all: u64,
}

impl OnOpenReplies {
    /// A message of `-x` was sent.
    pub fn sent(&mut self) {
        self.sent += 1;
    }

    /// A message was received.
    pub fn received(&mut self) {
        self.received += 1;
        self.all += 1;
    }

    /// The connection has ended and another follows, on which `-x` is sent again.
    pub fn interrupted(&mut self) {
        self.settled += self.sent.min(self.received);
        (self.sent, self.received) = (0, 0);
    }

    /// The greeting has come: what comes from now on is no reply to `-x`.
    pub fn greeted(&mut self) {
        *self = Self::default();
    }

    /// Whether replies to `messages` have come even if each message of `-x` has one.
    pub fn leave(&self, messages: u64) -> bool {
        self.all >= messages + self.settled + self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_gone_answers_no_more() {
        let mut replies = OnOpenReplies::default();
        replies.sent();
        replies.sent();
        replies.received();
        assert!(!replies.leave(0));
        replies.interrupted();
        assert!(replies.leave(0) && !replies.leave(1));
        replies.sent();
        replies.received();
        assert!(replies.leave(0) && !replies.leave(1));
        replies.received();
        assert!(replies.leave(1) && !replies.leave(2));
    }
}
