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
mod delayed;
mod page;
mod proxy;
mod upgrade;
pub mod upstream;

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

use crate::connection::error::{Error, ErrorKind, Stage};
use crate::connection::stream::Stream;
use crate::connection::tls::serving::Acceptor;
use crate::event::{Event, Next};
use crate::output::Sinks;
use crate::output::events::ServeTotals;
use crate::signals::{Signal, Signals};
use crate::stop::{Failure, TrafficRule, Verdict};
use broadcast::Broadcast;
use client_session::ClientSession;
use config::{ReplyMode, ServerConfig};
use event_queue::{ClientEvent, EventFilter, EventQueue, EventSender};
use listener::Listener;
use proxy::ProxySession;
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
    /// The stop rule of a proxy is met.
    Done,
    /// The stop rule of a proxy has failed.
    Failed(Box<Failure>),
    /// Every test of a check file was played once; the number of those from which the client deviated.
    Played(usize),
}

/// What follows the events of a server, besides the sinks.
pub struct Observers<'a> {
    /// The live view.
    pub view: &'a ServerView,
    /// The stop rule of a proxy.
    pub rule: Option<&'a mut TrafficRule>,
    /// What a proxy records.
    pub recorder: Option<&'a mut dyn TrafficRecorder>,
}

/// Records the connections of a proxy.
pub trait TrafficRecorder {
    /// Something happened on the connection with this number, at this time.
    fn on_event(&mut self, connection: u64, at: std::time::Instant, event: &Event);
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

    /// Serves until a signal or the end of the stop rule, then closes all connections with 1001; a second signal ends
    /// it at once. Events go to `sinks` and `observers`.
    pub async fn run(
        self,
        mut signals: Signals,
        sinks: &mut Sinks,
        mut observers: Observers<'_>,
    ) -> (ServerEnd, ServeTotals) {
        let (stop, stopped) = watch::channel(false);
        let mut serving = pin!(self.accept_until(stopped));
        let mut ended: Option<ServerEnd> = None;
        let mut last_call = pin!(tokio::time::sleep(Duration::MAX));
        let mut deadline = pin!(observers.deadline());
        let mut is_over = false;
        poll_fn(|cx| {
            while let Poll::Ready(signal) = signals.poll(cx) {
                if ended.is_some() {
                    return Poll::Ready(());
                }
                ended = Some(ServerEnd::Signal(signal));
            }
            if ended.is_none() && deadline.as_mut().poll(cx).is_ready() {
                ended = observers.expire();
            }
            loop {
                is_over = is_over || serving.as_mut().poll(cx).is_ready();
                let output = self.poll_output(sinks, &mut observers, &mut ended, cx);
                let drained = output.is_ready();
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

    /// Passes events on; ready when all is written. The end of the output may end the server.
    fn poll_output(
        &self,
        sinks: &mut Sinks,
        observers: &mut Observers<'_>,
        ended: &mut Option<ServerEnd>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let drained = loop {
            match self.poll_events(sinks, observers, ended, cx) {
                Poll::Ready(Err(error)) => observers.lose_reader(unwritten(error), ended),
                drained => break drained.map(drop),
            }
            sinks.writer.stop_printing();
        };
        if ended.is_none()
            && observers.view.reads_events
            && sinks.writer.poll_reader_gone(cx).is_ready()
        {
            observers.lose_reader(ServerEnd::ReaderGone, ended);
            sinks.writer.stop_printing();
        }
        drained
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
        observers: &mut Observers<'_>,
        ended: &mut Option<ServerEnd>,
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
                has_events = true;
                // After the verdict no message is looked at any more.
                let is_late = matches!(ended, Some(ServerEnd::Done | ServerEnd::Failed(_)));
                if is_late && matches!(event, Event::Message(_)) {
                    continue;
                }
                sinks.turn_to(id, Some(at));
                show(sinks, &event);
                observers.view.show(sinks, id, &event);
                if let Some(play) = &self.shared.config.play {
                    observers.view.show_played(sinks, play);
                }
                if let Some(recorder) = &mut observers.recorder {
                    recorder.on_event(id, at, &event);
                }
                if ended.is_none() {
                    *ended = observers.judge(id, &event);
                }
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

/// Passes an event to the sinks. The number of a connection that starts is known.
fn show(sinks: &mut Sinks, event: &Event) {
    match event {
        Event::Connecting { url, attempt } => {
            sinks.write_custom_event(|writer, out| writer.connecting(out, url, *attempt));
        }
        event => sinks.on_event(event),
    }
}

impl Observers<'_> {
    /// Ready when the time of the stop rule is over.
    fn deadline(&self) -> impl Future<Output = ()> + use<> {
        let deadline = self.rule.as_ref().and_then(|rule| rule.deadline());
        async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        }
    }

    fn expire(&mut self) -> Option<ServerEnd> {
        self.rule.as_mut().and_then(|rule| end_of(rule.expire()))
    }

    fn judge(&mut self, id: u64, event: &Event) -> Option<ServerEnd> {
        let rule = self.rule.as_mut()?;
        end_of(rule.on_event(id, event))
    }

    /// The reader of stdout is gone: it ends, unless a verdict was asked for.
    fn lose_reader(&self, end: ServerEnd, ended: &mut Option<ServerEnd>) {
        let has_verdict = self.rule.as_ref().is_some_and(|rule| rule.has_verdict());
        if !(has_verdict && matches!(end, ServerEnd::ReaderGone)) {
            ended.get_or_insert(end);
        }
    }
}

fn end_of(verdict: Verdict) -> Option<ServerEnd> {
    match verdict {
        Verdict::GoOn => None,
        Verdict::Done => Some(ServerEnd::Done),
        Verdict::Failed(failure) => Some(ServerEnd::Failed(Box::new(failure))),
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
            () = stopped(&mut stop) => {
                if self.config.upstream.is_some() {
                    sender.send(cancelled(&from));
                }
                return;
            }
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(None) => return,
            Err(Some(answered)) => {
                return tokio::select! {
                    () = admission::linger(answered) => {}
                    () = stopped(&mut stop) => {}
                };
            }
        };
        drop(from);
        let connection = admitted.client;
        if let Some(upstream) = admitted.upstream {
            let session = ProxySession::new(connection, upstream, self.config.clone(), sender);
            return session.serve(stopped(&mut stop)).await;
        }
        let subscriber = self.broadcast.as_ref().map(|broadcast| broadcast.enter(id));
        let session = ClientSession::new(connection, self.config.clone(), sender, subscriber);
        let session = session.playing(admitted.played);
        session.serve(stopped(&mut stop)).await;
    }
}

/// The end of a client that is still being joined to a server when the proxy stops.
fn cancelled(from: &str) -> Event {
    let message = format!("{from}: cancelled: the proxy is stopping");
    let error = Error::new(ErrorKind::Lost, Stage::Upgrade, message);
    Event::Failed(Box::new(error), Next::Final)
}

/// Ready once the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server was dropped.
    let _ = stop.wait_for(|stop| *stop).await;
}
