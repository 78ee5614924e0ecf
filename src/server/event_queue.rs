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
pub enum EventFilter {
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
pub struct ClientEvent {
    /// The client's number.
    pub id: u64,
    /// When it was told; it may wait for its reader.
    pub at: Instant,
    /// What it was.
    pub event: Event,
}

/// See the module's head.
#[derive(Debug)]
pub struct EventQueue {
    interest: EventFilter,
    inner: Mutex<QueueState>,
}

#[derive(Debug, Default)]
struct QueueState {
    entries: VecDeque<ClientEvent>,
    held: usize,
    totals: ServeTotals,
    /// Clients that wait for room.
    waiting: HashMap<u64, Waker>,
    reader: Option<Waker>,
    /// Nobody waits any more: it is over soon.
    open_ended: bool,
}

impl EventQueue {
    /// An empty one.
    pub fn new(interest: EventFilter) -> Arc<Self> {
        Arc::new(Self {
            interest,
            inner: Mutex::default(),
        })
    }

    /// The pen of one client, by its number.
    pub fn sender(self: &Arc<Self>, id: u64) -> EventSender {
        EventSender {
            events: self.clone(),
            id,
        }
    }

    /// The next entry.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<ClientEvent> {
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

    fn inner(&self) -> MutexGuard<'_, QueueState> {
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
    payload + size_of::<ClientEvent>()
}

/// Writes into a journal in the name of one client.
#[derive(Clone, Debug)]
pub struct EventSender {
    events: Arc<EventQueue>,
    id: u64,
}

impl EventSender {
    /// Whether messages of this direction are told of.
    pub fn tells(&self, direction: Direction) -> bool {
        let least = match direction {
            Direction::In => EventFilter::Received,
            Direction::Out => EventFilter::Everything,
        };
        self.events.interest >= least
    }

    /// Whether anything is told.
    pub fn is_wanted(&self) -> bool {
        self.events.interest > EventFilter::Counts
    }

    /// Something happened.
    pub fn send(&self, event: Event) {
        let mut inner = self.events.inner();
        match &event {
            Event::Open(_) => inner.totals.opened += 1,
            Event::Failed(..) => inner.totals.refused += 1,
            Event::Close(closed) => {
                inner.totals.received += closed.received;
                inner.totals.sent += closed.sent;
            }
            _ => {}
        }
        if self.is_wanted() {
            inner.held += weight(&event);
            let (id, at) = (self.id, Instant::now());
            inner.entries.push_back(ClientEvent { id, at, event });
            if let Some(reader) = inner.reader.take() {
                reader.wake();
            }
        }
    }

    /// Ready when there is room for what may come next.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_wanted() {
            return Poll::Ready(());
        }
        let mut inner = self.events.inner();
        if inner.held < LIMIT || inner.open_ended {
            return Poll::Ready(());
        }
        inner.waiting.insert(self.id, cx.waker().clone());
        Poll::Pending
    }
}
