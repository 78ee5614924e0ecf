//! The other side: a server on the same handshake and frames as the client, for `serve` and `echo:`.
//!
//! A client that is slow, silent or broken costs the others nothing: each has a task of its own and a
//! limit for its handshake, and whoever is told of what happens reads from a [`EventQueue`].

pub mod access;
pub mod config;
pub mod event_queue;
pub mod faults;
pub mod listener;
pub mod view;

mod broadcast;
mod client_session;
mod connection_limits;
mod page;
mod upgrade;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connection::stream::Stream;
use crate::connection::tls::serving::Acceptor;
use crate::output::Sinks;
use crate::output::events::ServeTotals;
use crate::signals::{Signal, Signals};
use broadcast::Broadcast;
use client_session::ClientSession;
use config::{ReplyMode, ServerConfig};
use event_queue::{ClientEvent, EventFilter, EventQueue, EventSender};
use listener::Listener;
use view::ServerView;

/// Handshakes under way beyond the clients that there may be: to each a 503 is due.
const SPARE_HANDSHAKES: usize = 64;

/// How long the last output may take: a reader that does not read must not keep the server alive.
const LAST_CALL: Duration = Duration::from_secs(1);

/// A listening server.
pub struct Server {
    listener: Listener,
    shared: Arc<Shared>,
    events: Arc<EventQueue>,
}

/// What all clients of a server share.
struct Shared {
    config: Arc<ServerConfig>,
    acceptor: Option<Acceptor>,
    /// Where broadcasts are said.
    broadcast: Option<Arc<Broadcast>>,
    /// As many places as there may be clients.
    places: Semaphore,
}

/// How a server ended.
#[derive(Debug)]
pub enum ServerEnd {
    /// By a signal.
    Signal(Signal),
    /// The reader of the events went away.
    ReaderGone,
    /// Output cannot be written.
    Output(io::Error),
}

/// Starts the echo server of `echo:`, which lives as long as the runtime, and says where it is.
///
/// # Errors
/// No loopback port can be had.
pub async fn start_echo(max_size: usize) -> io::Result<SocketAddr> {
    let listener = Listener::tcp("127.0.0.1:0").await?;
    let address = listener.address().ok_or(io::ErrorKind::Unsupported)?;
    let server = Server::new(
        listener,
        ServerConfig::echo(max_size),
        None,
        EventFilter::Counts,
    );
    // Nobody tells it to stop: it ends with the process.
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let _keep = sender;
        server.accept_until(receiver).await;
    });
    Ok(address)
}

impl Server {
    /// A server on a socket that listens. `acceptor` is for TLS.
    pub fn new(
        listener: Listener,
        config: ServerConfig,
        acceptor: Option<Acceptor>,
        interest: EventFilter,
    ) -> Self {
        let places = Semaphore::new(config.max_clients);
        let broadcast = (config.mode == ReplyMode::Broadcast).then(Arc::default);
        Self {
            listener,
            shared: Arc::new(Shared {
                config: Arc::new(config),
                acceptor,
                broadcast,
                places,
            }),
            events: EventQueue::new(interest),
        }
    }

    /// Serves until a signal comes, then says goodbye to everyone with 1001; a second signal ends it
    /// at once. What happens goes to `sinks` and is described by `view`.
    ///
    pub async fn run(
        self,
        mut signals: Signals,
        sinks: &mut Sinks,
        view: &ServerView,
    ) -> (ServerEnd, ServeTotals) {
        let (stop, stopped) = watch::channel(false);
        let mut serving = pin!(self.accept_until(stopped));
        let mut ended: Option<ServerEnd> = None;
        let mut last_call = pin!(tokio::time::sleep(Duration::MAX));
        let mut is_over = false;
        poll_fn(|cx| {
            while let Poll::Ready(signal) = signals.poll(cx) {
                if ended.is_some() {
                    return Poll::Ready(());
                }
                ended = Some(ServerEnd::Signal(signal));
            }
            loop {
                is_over = is_over || serving.as_mut().poll(cx).is_ready();
                let drained = match self.poll_tell(sinks, view, cx) {
                    Poll::Ready(Ok(())) => true,
                    Poll::Pending => false,
                    Poll::Ready(Err(error)) => {
                        ended.get_or_insert_with(|| unwritten(error));
                        sinks.writer.stop_printing();
                        continue;
                    }
                };
                if ended.is_none()
                    && view.reads_events
                    && sinks.writer.poll_reader_gone(cx).is_ready()
                {
                    ended = Some(ServerEnd::ReaderGone);
                }
                // Fails only when no task listens any more.
                if ended.is_some() && !stop.send_replace(true) {
                    self.events.open_end();
                    continue;
                }
                if is_over && drained {
                    return Poll::Ready(());
                }
                if is_over && last_call.deadline() > Instant::now() + LAST_CALL {
                    last_call.as_mut().reset(Instant::now() + LAST_CALL);
                }
                return last_call.as_mut().poll(cx);
            }
        })
        .await;
        let ended = ended.unwrap_or(ServerEnd::Signal(Signal::Terminate));
        (ended, self.events.totals())
    }

    /// Hands what has happened to the sinks as long as they take it; ready when all is written.
    fn poll_tell(
        &self,
        sinks: &mut Sinks,
        view: &ServerView,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let drained = sinks.poll_drain(cx);
            if let Poll::Ready(Err(_)) = drained {
                return drained;
            }
            let mut told = false;
            while sinks.writer.has_room() && !sinks.writer.is_worth_writing() {
                let Poll::Ready(ClientEvent { id, at, event }) = self.events.poll_next(cx) else {
                    break;
                };
                sinks.turn_to(id, Some(at));
                sinks.on_event(&event);
                view.show(sinks, id, &event);
                told = true;
            }
            if !told {
                return drained;
            }
        }
    }

    async fn accept_until(&self, mut stop: watch::Receiver<bool>) {
        let most = self
            .shared
            .config
            .max_clients
            .saturating_add(SPARE_HANDSHAKES);
        let mut tasks = JoinSet::new();
        let tasks_stop = stop.clone();
        let mut id = 0;
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if tasks.len() < most => match accepted {
                    Ok((stream, from)) => {
                        id += 1;
                        let sender = self.events.sender(id);
                        let shared = self.shared.clone();
                        tasks.spawn(shared.receive(stream, from, id, sender, tasks_stop.clone()));
                    }
                    // Out of descriptors, most often: those who are here go first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                Some(_) = tasks.join_next() => {}
                () = stopped(&mut stop) => break,
            }
        }
        while tasks.join_next().await.is_some() {}
    }
}

fn unwritten(error: io::Error) -> ServerEnd {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ServerEnd::ReaderGone,
        _ => ServerEnd::Output(error),
    }
}

impl Shared {
    /// One client from its first byte to its last.
    async fn receive(
        self: Arc<Self>,
        stream: Stream,
        from: String,
        id: u64,
        sender: EventSender,
        mut stop: watch::Receiver<bool>,
    ) {
        // Held to the end.
        let place = self.places.try_acquire().ok();
        let acceptor = self.acceptor.as_ref();
        // In a box, so that what a handshake needs is not kept for as long as the connection lives.
        let admission = Box::pin(connection_limits::admit(
            stream,
            &from,
            &self.config,
            acceptor,
            place.is_none(),
            &sender,
        ));
        let admitted = tokio::select! {
            admitted = admission => admitted,
            () = stopped(&mut stop) => None,
        };
        let Some(connection) = admitted else { return };
        drop(from);
        let subscriber = self.broadcast.as_ref().map(|broadcast| broadcast.enter(id));
        let session = ClientSession::new(connection, self.config.clone(), sender, subscriber);
        session.serve(stopped(&mut stop)).await;
    }
}

/// Ready once the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
}
