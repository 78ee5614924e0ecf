//! The queue of events from all clients to the output.
//!
//! Its size is bounded: when its reader falls behind, clients wait, so that no event is lost and memory does not
//! grow. Events that are not requested are not created.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::connection::message::Direction;
use crate::event::Event;
use crate::output::events::ServeTotals;

/// Bytes of queued events at which clients must wait.
const LIMIT: usize = 1 << 20;

/// Which events are queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventFilter {
    /// Only the counts.
    Counts,
    /// Connections opened and closed.
    Connections,
    /// Received messages, too.
    Received,
    /// Everything.
    Everything,
}

/// An event of a client.
#[derive(Debug)]
pub struct ClientEvent {
    /// The client's number.
    pub id: u64,
    /// Its time; it may be read later.
    pub at: Instant,
    /// The event.
    pub event: Event,
}

/// The event queue of all clients.
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
    /// Clients waiting for room.
    waiting: HashMap<u64, Waker>,
    reader: Option<Waker>,
    /// Clients no longer wait, because the server is stopping.
    open_ended: bool,
}

impl EventQueue {
    /// An empty queue.
    pub fn new(interest: EventFilter) -> Arc<Self> {
        Arc::new(Self {
            interest,
            inner: Mutex::default(),
        })
    }

    /// The sender of the client with this number.
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

    /// Stops clients from waiting for the reader.
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
        // No code panics while it holds the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The size of an entry, in bytes.
fn weight(event: &Event) -> usize {
    let payload = match event {
        Event::Message(message) => message.payload.len(),
        Event::Failed(error, _) => error.refusal.as_ref().map_or(0, |it| it.body.len()),
        _ => 0,
    };
    payload + size_of::<ClientEvent>()
}

/// Sends the events of one client.
#[derive(Clone, Debug)]
pub struct EventSender {
    events: Arc<EventQueue>,
    id: u64,
}

impl EventSender {
    /// Whether messages of this direction are queued.
    pub fn wants(&self, direction: Direction) -> bool {
        let least = match direction {
            Direction::In => EventFilter::Received,
            Direction::Out => EventFilter::Everything,
        };
        self.events.interest >= least
    }

    /// Whether any event is queued.
    pub fn is_wanted(&self) -> bool {
        self.events.interest > EventFilter::Counts
    }

    /// Queues an event and counts it.
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

    /// Ready when there is room for another event.
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
