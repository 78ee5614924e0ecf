//! Our pings that have not been answered, and what an answer proves.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

/// The most pings whose pongs are still waited for; older ones are forgotten.
const KEPT: usize = 1024;

/// Bytes of payload in a ping of the link's own: enough to tell it from every other.
pub const OWN_SIZE: usize = 16;

/// Why a ping was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody asked for it: it has a number.
    Asked,
    /// To see that the peer is alive.
    Life,
    /// To see how far the peer has read.
    Receipt,
}

/// See the module's head.
#[derive(Default)]
pub struct Pings {
    sent: u64,
    numbered: u64,
    waiting: VecDeque<Ping>,
    salt: Option<[u8; 8]>,
}

/// A ping that was sent.
#[derive(Clone, Debug)]
pub struct Ping {
    /// Counts all pings; a later one has a greater id.
    pub id: u64,
    /// Counts those that were asked for, from 1.
    pub seq: Option<u64>,
    /// Why it was sent.
    pub purpose: Purpose,
    /// Its payload.
    pub payload: Bytes,
    /// Messages sent before it: a peer that answers it has read them.
    pub behind: u64,
    /// When the frame was handed to the kernel.
    left: Option<Instant>,
}

impl Ping {
    /// The time since it left.
    pub fn age(&self) -> Option<Duration> {
        self.left.map(|left| left.elapsed())
    }
}

impl Pings {
    /// The next ping, with a payload that no other ping of this process has.
    pub fn next(&mut self, size: usize, purpose: Purpose, behind: u64) -> Ping {
        self.sent += 1;
        let seq = (purpose == Purpose::Asked).then(|| {
            self.numbered += 1;
            self.numbered
        });
        let ping = Ping {
            id: self.sent,
            seq,
            purpose,
            payload: self.payload(size),
            behind,
            left: None,
        };
        if self.waiting.len() == KEPT {
            self.waiting.pop_front();
        }
        self.waiting.push_back(ping.clone());
        ping
    }

    fn payload(&mut self, size: usize) -> Bytes {
        let salt = *self.salt.get_or_insert_with(|| {
            let mut salt = [0; 8];
            // Without randomness the number alone tells our pings apart.
            let _ = getrandom::fill(&mut salt);
            salt
        });
        let mut payload = BytesMut::with_capacity(size.max(OWN_SIZE));
        // The number's low bytes first: even a payload of one byte differs from its neighbours.
        payload.put_u64_le(self.sent);
        payload.put_slice(&salt);
        payload.resize(size, b'.');
        payload.freeze()
    }

    /// What was fed is being handed to the kernel now.
    pub fn leave(&mut self) {
        let unsent = self
            .waiting
            .iter_mut()
            .rev()
            .take_while(|ping| ping.left.is_none());
        let mut now = None;
        for ping in unsent {
            ping.left = Some(*now.get_or_insert_with(Instant::now));
        }
    }

    /// The ping that a pong answers. An answered ping is not answered again.
    pub fn answer(&mut self, payload: &Bytes) -> Option<Ping> {
        let at = self
            .waiting
            .iter()
            .position(|ping| ping.payload == payload)?;
        self.waiting.remove(at)
    }

    /// The connection has ended: what was not answered never will be.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }
}
