//! What happens to all clients, on its way to those who print it.
//!
//! It holds a bounded amount: where the reader of the events falls behind, clients wait rather than
//! events be lost or memory grow, as everywhere else. Where nobody asks for events none are made.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::connection::message::Direction;
use crate::event::Event;
use crate::output::events::ServeTotals;

/// Bytes of events that wait, from which clients wait too.
const LIMIT: usize = 1 << 20;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// Only the counts.
    Counts,
    /// How connections begin and end.
    Connections,
    /// The messages that come as well.
    Received,
    /// Everything.
    Everything,
}

/// What happened, to whom and when.
#[derive(Debug)]
pub struct Entry {
    /// The client's number.
    pub id: u64,
    /// When it was told; it may wait for its reader.
    pub at: Instant,
    /// What it was.
    pub event: Event,
}

/// See the module's head.
#[derive(Debug)]
pub struct Journal {
    interest: Interest,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    held: usize,
    totals: ServeTotals,
    /// Clients that wait for room.
    waiting: HashMap<u64, Waker>,
    reader: Option<Waker>,
    /// Nobody waits any more: it is over soon.
    open_ended: bool,
}

impl Journal {
    /// An empty one.
    pub fn new(interest: Interest) -> Arc<Self> {
        Arc::new(Self {
            interest,
            inner: Mutex::default(),
        })
    }

    /// The pen of one client, by its number.
    pub fn pen(self: &Arc<Self>, id: u64) -> Pen {
        Pen {
            journal: self.clone(),
            id,
        }
    }

    /// The next entry.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Entry> {
        let mut inner = self.inner();
        let Some(entry) = inner.entries.pop_front() else {
            inner.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        inner.held -= weight(&entry.event);
        if inner.held < LIMIT {
            inner.waiting.drain().for_each(|(_, waker)| waker.wake());
        }
        Poll::Ready(entry)
    }

    /// From now on nobody waits for the reader.
    pub fn open_end(&self) {
        let mut inner = self.inner();
        inner.open_ended = true;
        inner.waiting.drain().for_each(|(_, waker)| waker.wake());
    }

    /// The counts so far.
    pub fn totals(&self) -> ServeTotals {
        self.inner().totals
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can panic half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an entry takes of the room, in bytes.
fn weight(event: &Event) -> usize {
    let payload = match event {
        Event::Message(message) => message.payload.len(),
        Event::Failed(error, _) => error.refusal.as_ref().map_or(0, |it| it.body.len()),
        _ => 0,
    };
    payload + size_of::<Entry>()
}

/// Writes into a journal in the name of one client.
#[derive(Clone, Debug)]
pub struct Pen {
    journal: Arc<Journal>,
    id: u64,
}

impl Pen {
    /// Whether messages of this direction are told of.
    pub fn tells(&self, direction: Direction) -> bool {
        let least = match direction {
            Direction::In => Interest::Received,
            Direction::Out => Interest::Everything,
        };
        self.journal.interest >= least
    }

    /// Whether anything is told.
    pub fn tells_anything(&self) -> bool {
        self.journal.interest > Interest::Counts
    }

    /// Something happened.
    pub fn tell(&self, event: Event) {
        let mut inner = self.journal.inner();
        match &event {
            Event::Open(_) => inner.totals.opened += 1,
            Event::Failed(..) => inner.totals.refused += 1,
            Event::Close(closed) => {
                inner.totals.received += closed.received;
                inner.totals.sent += closed.sent;
            }
            _ => {}
        }
        if self.tells_anything() {
            inner.held += weight(&event);
            let (id, at) = (self.id, Instant::now());
            inner.entries.push_back(Entry { id, at, event });
            if let Some(reader) = inner.reader.take() {
                reader.wake();
            }
        }
    }

    /// Ready when there is room for what may come next.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.tells_anything() {
            return Poll::Ready(());
        }
        let mut inner = self.journal.inner();
        if inner.held < LIMIT || inner.open_ended {
            return Poll::Ready(());
        }
        inner.waiting.insert(self.id, cx.waker().clone());
        Poll::Pending
    }
}
