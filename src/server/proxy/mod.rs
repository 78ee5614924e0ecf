//! A client of a proxy: its connection joined to one to the server, from the 101 to the end.
//!
//! What one side sends is read only while the other side takes it, so that nothing piles up here. Pings, pongs and
//! close frames pass through: neither side is answered by us, except after a violation of the protocol. A side that
//! is lost is lost for the other one, too, and within the limit of the closing handshake both are gone.

mod side;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::client_session::{SHUTDOWN_LIMIT, dropped, message};
use super::config::{Delay, FaultAction, ServerConfig};
use super::delayed::Delayed;
use super::event_queue::EventSender;
use crate::connection::close::{CloseCode, CloseFrame, CloseInfo, Initiator};
use crate::connection::error::{Error, ErrorKind, Stage};
use crate::connection::frame::TracedFrame;
use crate::connection::message::{Direction, Outgoing, Payload};
use crate::connection::{Connection, Incoming, ReadyState};
use crate::event::{Closed, Event, Next, ProxyParty, Traffic};
use crate::units;
use side::ProxySide;

/// What is passed on before other clients are polled.
const AT_ONCE: usize = 256;

/// How often a direction that is blocked is looked at: whether the side that is not read from is gone.
const TICK: Duration = Duration::from_millis(250);

/// A client and the server to which it is joined.
pub struct ProxySession {
    client: ProxySide,
    server: ProxySide,
    config: Arc<ServerConfig>,
    sender: EventSender,
    /// What comes from the server and waits for its delay (`--delay`).
    delayed: Delayed<ClientDelivery>,
    /// How many of the configured faults were performed.
    steps: usize,
    is_stalled: bool,
    opened: Instant,
    first_message: Option<Duration>,
    /// What came from the server and was delivered to the client, and the reverse.
    received: Traffic,
    sent: Traffic,
    /// How it ends: what happened first.
    outcome: Option<CloseInfo>,
    /// Who ended it.
    ended_by: ProxyParty,
    tick: Option<Pin<Box<Sleep>>>,
}

/// What the client is given.
enum ClientDelivery {
    Message(Payload, Option<std::time::Instant>),
    /// A close frame, or the answer to the client's.
    Close(CloseFrame),
    /// The end without a close frame.
    Loss,
}

impl ProxySession {
    /// A client whose connection is open, and the server's.
    pub fn new(
        mut client: Connection,
        server: Connection,
        config: Arc<ServerConfig>,
        sender: EventSender,
    ) -> Self {
        client.relay();
        Self {
            client: ProxySide::new(client),
            server: ProxySide::new(server),
            config,
            sender,
            delayed: Delayed::default(),
            steps: 0,
            is_stalled: false,
            opened: Instant::now(),
            first_message: None,
            received: Traffic::default(),
            sent: Traffic::default(),
            outcome: None,
            ended_by: ProxyParty::Proxy,
            tick: None,
        }
    }

    /// Passes everything on until both sides have ended, or closes both with 1001 once `stopped` is ready.
    pub async fn serve(mut self, stopped: impl Future<Output = ()>) {
        let over = tokio::select! {
            () = poll_fn(|cx| self.poll(cx)) => true,
            () = stopped => false,
        };
        if !over && !self.is_stalled {
            self.end_by_us(&going_away());
            self.client.close(&going_away());
            self.server.close(&going_away());
            poll_fn(|cx| self.poll(cx)).await;
        }
        self.part().await;
        self.report();
    }

    /// Ready when both sides have ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..AT_ONCE {
            if self.client.end.is_some() && self.server.end.is_some() {
                return Poll::Ready(());
            }
            // The reader of the events is behind: nothing is read.
            if self.sender.poll_ready(cx).is_pending() {
                self.flush(cx);
                return Poll::Pending;
            }
            let went_up = self.pass_up(cx);
            let came_down = self.pass_down(cx);
            if !went_up && !came_down {
                self.flush(cx);
                return self.poll_tick(cx);
            }
        }
        self.flush(cx);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn flush(&mut self, cx: &mut Context<'_>) {
        for side in [&mut self.client, &mut self.server] {
            if side.end.is_none() && !self.is_stalled {
                let _ = side.connection.poll_flush(cx);
            }
        }
    }

    /// Passes on the next thing from the client; false when there is nothing to do now.
    fn pass_up(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_stalled || !self.server.takes_more(cx) {
            return false;
        }
        let Some(incoming) = self.client.next(cx) else {
            return false;
        };
        match incoming {
            Incoming::Message(payload) => self.send_up(payload),
            Incoming::Ping(payload) => {
                let ping = Outgoing::Ping(payload.clone());
                self.server.connection.feed(&ping);
                self.sender.send(ping_event(Direction::Out, payload));
            }
            Incoming::Pong(payload) => {
                let pong = Outgoing::Pong(payload.clone());
                self.server.connection.feed(&pong);
                self.sender.send(pong_event(Direction::Out, payload));
            }
            Incoming::Frame(frame) => self.trace(frame, Direction::Out),
            Incoming::Closing(code, reason) => {
                self.client.has_closed = true;
                self.begin_closing(ProxyParty::Client, code, &reason);
                self.server.close(&frame_of(code, &reason));
            }
            Incoming::Closed(close) => self.client_ended(close),
        }
        true
    }

    fn send_up(&mut self, payload: Payload) {
        let bytes = payload.len();
        let outgoing = Outgoing::Message(payload);
        if !self.server.feed(&outgoing) {
            return;
        }
        let n = self.sent.add(bytes);
        if let Outgoing::Message(payload) = outgoing
            && self.sender.wants(Direction::Out)
        {
            let read_at = self.client.connection.read_at().map(Instant::into_std);
            self.sender
                .send(message(Direction::Out, n, payload, read_at));
        }
    }

    /// Delivers to the client what is due, performs the next fault and takes the next thing from the server; false
    /// when there is nothing to do now.
    fn pass_down(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_stalled || !self.client.takes_more(cx) {
            return false;
        }
        if self.perform_next_fault() {
            return true;
        }
        if let Some(delivery) = self.delayed.due(cx) {
            self.deliver(delivery);
            return true;
        }
        if self.delayed.is_full() {
            return false;
        }
        let Some(incoming) = self.server.next(cx) else {
            return false;
        };
        match incoming {
            Incoming::Message(payload) => {
                let read_at = self.server.connection.read_at().map(Instant::into_std);
                let read_at = read_at.filter(|_| self.config.delay.is_none());
                let bytes = payload.len();
                let delay = self.config.delay.map(Delay::draw);
                self.give(ClientDelivery::Message(payload, read_at), bytes, delay);
            }
            Incoming::Ping(payload) => {
                let ping = Outgoing::Ping(payload.clone());
                self.client.connection.feed(&ping);
                self.sender.send(ping_event(Direction::In, payload));
            }
            Incoming::Pong(payload) => {
                let pong = Outgoing::Pong(payload.clone());
                self.client.connection.feed(&pong);
                self.sender.send(pong_event(Direction::In, payload));
            }
            Incoming::Frame(frame) => self.trace(frame, Direction::In),
            Incoming::Closing(code, reason) => {
                self.server.has_closed = true;
                self.begin_closing(ProxyParty::Server, code, &reason);
                self.give(ClientDelivery::Close(frame_of(code, &reason)), 0, None);
            }
            Incoming::Closed(close) => self.server_ended(close),
        }
        true
    }

    /// Delivers at once, or after what waits.
    fn give(&mut self, delivery: ClientDelivery, bytes: usize, delay: Option<Duration>) {
        match delay {
            None if self.delayed.is_empty() => self.deliver(delivery),
            delay => self.delayed.push(delivery, bytes, delay),
        }
    }

    fn deliver(&mut self, delivery: ClientDelivery) {
        match delivery {
            ClientDelivery::Message(payload, read_at) => {
                let bytes = payload.len();
                let outgoing = Outgoing::Message(payload);
                if !self.client.feed(&outgoing) {
                    return;
                }
                let n = self.received.add(bytes);
                let opened = self.opened;
                self.first_message.get_or_insert_with(|| opened.elapsed());
                if let Outgoing::Message(payload) = outgoing
                    && self.sender.wants(Direction::In)
                {
                    self.sender
                        .send(message(Direction::In, n, payload, read_at));
                }
            }
            ClientDelivery::Close(frame) => self.client.close(&frame),
            ClientDelivery::Loss => self.client.connection.leave(),
        }
    }

    /// Performs the next fault if so many messages were delivered. Returns whether one was performed.
    fn perform_next_fault(&mut self) -> bool {
        let delivered = self.received.messages;
        let step = self.config.steps.get(self.steps);
        let Some(step) = step.filter(|step| step.after <= delivered) else {
            return false;
        };
        if self.client.connection.ready_state() != ReadyState::Open {
            return false;
        }
        let act = step.act.clone();
        self.steps += 1;
        match act {
            FaultAction::Close(frame) => {
                self.end_by_us(&frame);
                self.client.close(&frame);
                self.server.close(&going_away());
            }
            FaultAction::Drop => {
                self.ended_first(ProxyParty::Proxy, dropped());
                self.client.connection.leave();
                self.server.close(&going_away());
            }
            FaultAction::Stall => {
                self.is_stalled = true;
                // Earlier output should arrive, as far as the sockets take it.
                let mut cx = Context::from_waker(std::task::Waker::noop());
                let _ = self.client.connection.poll_flush(&mut cx);
                let _ = self.server.connection.poll_flush(&mut cx);
            }
            FaultAction::Send(bad) => {
                self.client.connection.feed(&Outgoing::Raw(bad.frame()));
            }
        }
        true
    }

    /// We start the closing handshake.
    fn end_by_us(&mut self, frame: &CloseFrame) {
        let code = frame.code.unwrap_or(CloseCode::NO_STATUS);
        self.begin_closing(ProxyParty::Proxy, code, &frame.reason);
    }

    /// A closing handshake starts: of several the first one counts.
    fn begin_closing(&mut self, party: ProxyParty, code: CloseCode, reason: &str) {
        if self.outcome.is_some() {
            return;
        }
        let by = match party {
            ProxyParty::Server => Initiator::Peer,
            ProxyParty::Client | ProxyParty::Proxy => Initiator::Local,
        };
        let close = CloseInfo {
            by,
            code,
            reason: reason.to_owned(),
            clean: true,
            error: None,
        };
        self.ended_first(party, close);
        self.sender.send(Event::Closing {
            by,
            code,
            reason: reason.to_owned(),
        });
    }

    /// Takes an end as the outcome, unless there is one.
    fn ended_first(&mut self, party: ProxyParty, close: CloseInfo) {
        if self.outcome.is_none() {
            self.ended_by = party;
            self.outcome = Some(close);
        }
    }

    /// The client's connection has ended: passes that on to the server.
    fn client_ended(&mut self, close: CloseInfo) {
        let end = end_for_the_other(&close, self.client.has_closed, CloseCode::GOING_AWAY);
        self.note_end(&close, ProxyParty::Client);
        self.client.end = Some(close);
        self.delayed = Delayed::default();
        match end {
            Some(ClientDelivery::Close(frame)) => self.server.close(&frame),
            Some(_) => self.server.connection.leave(),
            None => {}
        }
    }

    /// The server's connection has ended: passes that on to the client.
    fn server_ended(&mut self, close: CloseInfo) {
        let end = end_for_the_other(&close, self.server.has_closed, CloseCode::BAD_GATEWAY);
        self.note_end(&close, ProxyParty::Server);
        self.server.end = Some(close);
        if let Some(end) = end {
            self.give(end, 0, None);
        }
    }

    /// Takes the end of one side into the outcome, unless it follows from that of the other side.
    fn note_end(&mut self, close: &CloseInfo, party: ProxyParty) {
        let Some(error) = &close.error else { return };
        let (side, by) = match party {
            ProxyParty::Server => ("server", Initiator::Peer),
            ProxyParty::Client | ProxyParty::Proxy => ("client", Initiator::Local),
        };
        let mut error = error.clone();
        if matches!(
            error.kind,
            ErrorKind::Lost | ErrorKind::Timeout | ErrorKind::TooBig
        ) {
            error.message = format!("the {side}: {}", error.message);
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.clean = false;
            outcome.error.get_or_insert(error);
            return;
        }
        // A close frame with an illegal code is the peer's; after other violations we have closed.
        let by = match close.by {
            Initiator::Peer => by,
            own => own,
        };
        let close = CloseInfo {
            by,
            error: Some(error),
            ..close.clone()
        };
        self.ended_first(party, close);
    }

    /// A frame as it came from its sender; the frames that we send are copies.
    fn trace(&self, mut frame: Box<TracedFrame>, direction: Direction) {
        if frame.direction == Direction::In {
            frame.direction = direction;
            self.sender.send(Event::Frame(frame));
        }
    }

    /// Ready when a side takes nothing and the other one is gone. Only looking can tell: a side that is not read from
    /// does not report its end.
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let blocked = [&self.client, &self.server].map(|side| side.blocked.is_some());
        if blocked == [false, false] && !self.is_stalled {
            self.tick = None;
            return Poll::Pending;
        }
        let tick = self
            .tick
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(TICK)));
        loop {
            ready!(tick.as_mut().poll(cx));
            tick.as_mut().reset(Instant::now() + TICK);
            let is_closing = self.outcome.is_some();
            let [client_gone, server_gone] = [&self.client, &self.server]
                .map(|side| side.end.is_some() || side.connection.is_ended_by_peer());
            if self.is_stalled && (client_gone || server_gone) {
                return Poll::Ready(());
            }
            let limit = self.config.limits.close;
            let is_stuck = ((server_gone || is_closing) && self.client.is_stuck(limit))
                || ((client_gone || is_closing) && self.server.is_stuck(limit));
            if is_stuck {
                self.give_up(limit);
                return Poll::Ready(());
            }
        }
    }

    /// One side has taken nothing within the limit, and the other one is gone or closing.
    fn give_up(&mut self, limit: Duration) {
        let (stuck, gone) = match self.client.blocked {
            Some(_) => ("client", ProxyParty::Server),
            None => ("server", ProxyParty::Client),
        };
        let message = format!(
            "the {stuck} took nothing for {} while the connection was ending",
            units::shown(limit)
        );
        let error = Box::new(Error::new(ErrorKind::Timeout, Stage::Open, message));
        let lost = CloseInfo {
            by: Initiator::None,
            ..dropped()
        };
        self.ended_first(gone, lost);
        if let Some(outcome) = &mut self.outcome {
            outcome.clean = false;
            outcome.error.get_or_insert(error);
        }
    }

    /// Ends both streams. A side that does not read is cut off after the limit.
    async fn part(&mut self) {
        if self.is_stalled {
            return;
        }
        for side in [&mut self.client, &mut self.server] {
            let end = poll_fn(|cx| side.connection.poll_shutdown(cx));
            let _ = tokio::time::timeout(SHUTDOWN_LIMIT, end).await;
        }
    }

    fn report(&mut self) {
        self.sender.send(Event::Close(Box::new(Closed {
            close: self.outcome.take().unwrap_or_else(dropped),
            open_for: self.opened.elapsed(),
            wire_bytes: self.server.connection.wire_bytes(),
            first_message: self.first_message,
            received: self.received,
            sent: self.sent,
            may_be_lost: 0,
            next: Next::Final,
            ended_by: Some(self.ended_by),
        })));
    }
}

/// What the end of one side is for the other one; nothing where its close frame was passed on before. `code` is for a
/// side that violated the protocol.
fn end_for_the_other(
    close: &CloseInfo,
    has_closed: bool,
    code: CloseCode,
) -> Option<ClientDelivery> {
    let Some(error) = &close.error else {
        // Our close frame was answered, or we have left.
        return (close.by == Initiator::Local && close.clean)
            .then(|| ClientDelivery::Close(frame_of(close.code, &close.reason)));
    };
    match error.kind {
        _ if has_closed => None,
        ErrorKind::Lost | ErrorKind::Timeout => Some(ClientDelivery::Loss),
        // Its close frame was illegal, and is passed on as it is.
        _ if close.by == Initiator::Peer => Some(ClientDelivery::Close(CloseFrame {
            code: Some(close.code),
            reason: close.reason.clone(),
        })),
        kind => {
            let reason = match kind {
                ErrorKind::TooBig => "a message exceeds the --max-size of the proxy",
                _ => "the other side violated the protocol",
            };
            Some(ClientDelivery::Close(CloseFrame {
                code: Some(code),
                reason: reason.to_owned(),
            }))
        }
    }
}

fn frame_of(code: CloseCode, reason: &str) -> CloseFrame {
    CloseFrame {
        code: (code != CloseCode::NO_STATUS).then_some(code),
        reason: reason.to_owned(),
    }
}

fn going_away() -> CloseFrame {
    CloseFrame {
        code: Some(CloseCode::GOING_AWAY),
        reason: String::new(),
    }
}

fn ping_event(direction: Direction, payload: bytes::Bytes) -> Event {
    Event::Ping {
        direction,
        seq: None,
        payload,
    }
}

fn pong_event(direction: Direction, payload: bytes::Bytes) -> Event {
    Event::Pong {
        direction,
        seq: None,
        payload,
        rtt: None,
        fault: None,
    }
}
