//! The server of `serve` and `echo:`, built on the client's handshake and frame code.
//!
//! Each client has its own task and a time limit for its handshake, so a slow, silent or broken client does not
//! affect the others. Events reach the output through an [`EventQueue`].

pub mod access;
pub mod config;
pub mod event_queue;
pub mod faults;
pub mod listener;
pub mod play;
pub mod view;

mod admission;
mod broadcast;
mod client_session;
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

/// Handshakes accepted beyond the maximum number of clients, to answer them with 503.
const SPARE_HANDSHAKES: usize = 64;

/// The time limit for the last output: a reader that does not read must not keep the server running.
const LAST_OUTPUT_LIMIT: Duration = Duration::from_secs(1);

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
    /// The queues of `--mode broadcast`.
    broadcast: Option<Arc<Broadcast>>,
    /// A permit for each client up to the maximum.
    permits: Semaphore,
}

/// How a server ended.
#[derive(Debug)]
pub enum ServerEnd {
    /// By a signal.
    Signal(Signal),
    /// The reader of the events is gone.
    ReaderGone,
    /// Output could not be written.
    Output(io::Error),
    /// Every test of a check file was played once; the number of those from which the client deviated.
    Played(usize),
}

/// Starts the echo server of `echo:`, which runs as long as the runtime; returns its address.
///
/// # Errors
/// No loopback port is available.
pub async fn start_echo(max_size: usize) -> io::Result<SocketAddr> {
    let listener = Listener::tcp("127.0.0.1:0").await?;
    let address = listener.address().ok_or(io::ErrorKind::Unsupported)?;
    let server = Server::new(
        listener,
        ServerConfig::echo(max_size),
        None,
        EventFilter::Counts,
    );
    // It is never stopped: it ends with the process.
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let _keep = sender;
        server.accept_until(receiver).await;
    });
    Ok(address)
}

impl Server {
    /// A server on a listening socket. `acceptor` is for TLS.
    pub fn new(
        listener: Listener,
        config: ServerConfig,
        acceptor: Option<Acceptor>,
        interest: EventFilter,
    ) -> Self {
        let permits = Semaphore::new(config.max_clients);
        let broadcast = (config.mode == ReplyMode::Broadcast).then(Arc::default);
        Self {
            listener,
            shared: Arc::new(Shared {
                config: Arc::new(config),
                acceptor,
                broadcast,
                permits,
            }),
            events: EventQueue::new(interest),
        }
    }

    /// Serves until a signal, then closes all connections with 1001; a second signal ends it at once. Events go
    /// to `sinks` and `view`.
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
                let drained = match self.poll_events(sinks, view, cx) {
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
                if let Some(failed) = self.played() {
                    ended.get_or_insert(ServerEnd::Played(failed));
                }
                // The previous value is false only once, when stopping begins.
                if ended.is_some() && !stop.send_replace(true) {
                    self.events.open_end();
                    continue;
                }
                if is_over && drained {
                    return Poll::Ready(());
                }
                // The limit runs during the closing handshakes, and counts once they are over.
                if ended.is_some() && last_call.deadline() > Instant::now() + LAST_OUTPUT_LIMIT {
                    last_call.as_mut().reset(Instant::now() + LAST_OUTPUT_LIMIT);
                }
                if last_call.as_mut().poll(cx).is_pending() || !is_over {
                    return Poll::Pending;
                }
                sinks.give_up_reader();
                return Poll::Ready(());
            }
        })
        .await;
        let ended = ended.unwrap_or(ServerEnd::Signal(Signal::Terminate));
        (ended, self.events.totals())
    }

    /// The number of failed tests, once each of a check file was played.
    fn played(&self) -> Option<usize> {
        let play = self.shared.config.play.as_ref()?;
        play.is_over()
    }

    /// Passes events to the sinks while they have room; ready when all is written.
    fn poll_events(
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
            let mut has_events = false;
            while sinks.writer.has_room() && !sinks.writer.is_worth_writing() {
                let Poll::Ready(ClientEvent { id, at, event }) = self.events.poll_next(cx) else {
                    break;
                };
                sinks.turn_to(id, Some(at));
                sinks.on_event(&event);
                view.show(sinks, id, &event);
                if let Some(play) = &self.shared.config.play {
                    view.show_played(sinks, play);
                }
                has_events = true;
            }
            if !has_events {
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
                    // Usually out of file descriptors: wait until a connection ends.
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
    /// Serves one client.
    async fn receive(
        self: Arc<Self>,
        stream: Stream,
        from: String,
        id: u64,
        sender: EventSender,
        mut stop: watch::Receiver<bool>,
    ) {
        // Held until the client is done.
        let permit = self.permits.try_acquire().ok();
        let acceptor = self.acceptor.as_ref();
        // Boxed, so that the handshake's memory is freed once the connection is open.
        let admission = Box::pin(admission::admit(
            stream,
            &from,
            &self.config,
            acceptor,
            permit.is_none(),
            &sender,
        ));
        let admitted = tokio::select! {
            admitted = admission => admitted,
            () = stopped(&mut stop) => None,
        };
        let Some((connection, played)) = admitted else {
            return;
        };
        drop(from);
        let subscriber = self.broadcast.as_ref().map(|broadcast| broadcast.enter(id));
        let session = ClientSession::new(connection, self.config.clone(), sender, subscriber);
        let session = session.playing(played);
        session.serve(stopped(&mut stop)).await;
    }
}

/// Ready once the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server was dropped.
    let _ = stop.wait_for(|stop| *stop).await;
}
