//! The session of one client, from the 101 to the end: answers messages and performs the configured faults.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::broadcast::{Backpressure, Delivery, Subscriber};
use super::config::{Delay, FaultAction, ReplyMode, ServerConfig};
use super::delayed::Delayed;
use super::event_queue::EventSender;
use super::play::{PlaySession, PlayTurn};
use crate::connection::close::{CloseCode, CloseFrame, CloseInfo, Initiator};
use crate::connection::message::{Direction, Outgoing, Payload};
use crate::connection::{Connection, Incoming, ReadyState};
use crate::event::{Closed, Event, Message, Next, Traffic};
use crate::template::Template;
use crate::template::variables::Variables;

/// The time limit for shutting the stream down.
pub(super) const SHUTDOWN_LIMIT: Duration = Duration::from_millis(250);

/// Messages broadcast before other clients are polled.
const BROADCAST_AT_ONCE: u32 = 64;

/// The session of one client.
pub struct ClientSession {
    connection: Connection,
    config: Arc<ServerConfig>,
    sender: EventSender,
    subscriber: Option<Subscriber>,
    replies: Delayed<Payload>,
    /// How many of the configured faults were performed.
    steps: usize,
    state: ClientState,
    opened: Instant,
    first_message: Option<Duration>,
    received: Traffic,
    sent: Traffic,
    /// The test of a check file that it plays.
    play: Option<PlaySession>,
}

/// The state of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientState {
    /// Messages are read and answered.
    Served,
    /// The connection is kept open and ignored.
    Stalled,
    /// Pending output is written, then TCP is closed.
    Dropped,
}

impl ClientSession {
    /// A client whose connection is open. `subscriber` is its queue of a broadcast.
    pub fn new(
        connection: Connection,
        config: Arc<ServerConfig>,
        sender: EventSender,
        subscriber: Option<Subscriber>,
    ) -> Self {
        let mut session = Self {
            connection,
            config,
            sender,
            subscriber,
            replies: Delayed::default(),
            steps: 0,
            state: ClientState::Served,
            opened: Instant::now(),
            first_message: None,
            received: Traffic::default(),
            sent: Traffic::default(),
            play: None,
        };
        if let Some(greeting) = session.config.greeting.clone() {
            session.send(filled(&greeting, ""));
        }
        session
    }

    /// Plays the test with this number of the configured check file.
    pub fn playing(mut self, index: Option<usize>) -> Self {
        let plan = self.config.play.clone();
        self.play = plan
            .zip(index)
            .map(|(plan, index)| PlaySession::new(plan, index));
        self
    }

    /// Serves it to its end, or closes with 1001 once `stopped` is ready.
    pub async fn serve(mut self, stopped: impl Future<Output = ()>) {
        let over = tokio::select! {
            () = poll_fn(|cx| self.poll(cx)) => true,
            () = stopped => false,
        };
        if !over && self.state == ClientState::Served {
            self.close(&CloseFrame {
                code: Some(CloseCode::GOING_AWAY),
                reason: String::new(),
            });
            poll_fn(|cx| self.poll(cx)).await;
        }
        self.part().await;
    }

    /// Ends the stream as the state requires.
    async fn part(&mut self) {
        // A client that does not read is cut off after the limit.
        match self.state {
            ClientState::Served => {
                let end = poll_fn(|cx| self.connection.poll_shutdown(cx));
                let _ = tokio::time::timeout(SHUTDOWN_LIMIT, end).await;
            }
            ClientState::Dropped => {
                let limit = self.config.limits.close;
                let last = poll_fn(|cx| self.connection.poll_flush(cx));
                let _ = tokio::time::timeout(limit, last).await;
                self.send_close_event(dropped());
            }
            ClientState::Stalled => self.send_close_event(dropped()),
        }
    }

    fn close(&mut self, farewell: &CloseFrame) {
        if self.connection.ready_state() != ReadyState::Open {
            return;
        }
        self.connection.close(farewell);
        if self.sender.is_wanted() {
            self.sender.send(Event::Closing {
                by: Initiator::Local,
                code: farewell.code.unwrap_or(CloseCode::NO_STATUS),
                reason: farewell.reason.clone(),
            });
        }
    }

    /// Ready when the session is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut published = 0;
        loop {
            match self.state {
                ClientState::Stalled => return Poll::Pending,
                ClientState::Dropped => return Poll::Ready(()),
                ClientState::Served => {}
            }
            // The reader of the events is behind: stop reading from the client.
            ready!(self.sender.poll_ready(cx));
            let may_read =
                self.connection.ready_state() != ReadyState::Open || self.answer_next(cx);
            if self.state != ClientState::Served {
                continue;
            }
            if !may_read {
                let _ = self.connection.poll_flush(cx);
                return Poll::Pending;
            }
            match self.connection.poll_next(cx) {
                Poll::Ready(Some(Incoming::Closed(close))) => {
                    self.send_close_event(close);
                    return Poll::Ready(());
                }
                Poll::Ready(Some(Incoming::Message(payload))) => {
                    if self.handle_message(payload) == Backpressure::High
                        || published == BROADCAST_AT_ONCE
                    {
                        // Other clients are polled before this one is read again.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    published += u32::from(self.subscriber.is_some());
                }
                Poll::Ready(Some(other)) => self.notice(other),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    let _ = self.connection.poll_flush(cx);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Sends the replies that are due and performs the next fault; true when more may be read. A client that does
    /// not read is not read from.
    fn answer_next(&mut self, cx: &mut Context<'_>) -> bool {
        self.receive_broadcasts(cx);
        if let Some(may_read) = self.play_on(cx) {
            return may_read;
        }
        while self.connection.ready_state() == ReadyState::Open {
            if self.connection.poll_ready(cx).is_pending() {
                // After a write error, reading reports the end of the connection.
                return self.connection.has_write_failed();
            }
            if let Some(payload) = self.replies.due(cx) {
                self.send(payload);
                continue;
            }
            let received = self.received.messages;
            match self.config.steps.get(self.steps) {
                Some(step) if step.after <= received && self.replies.is_empty() => {
                    let act = step.act.clone();
                    self.steps += 1;
                    self.perform(&act);
                }
                // Pending replies are sent before the fault, and nothing is read until then.
                Some(step) if step.after <= received => return false,
                _ => return !self.replies.is_full(),
            }
            if self.state != ClientState::Served {
                return false;
            }
        }
        true
    }

    /// Plays the check file as far as it goes; whether more may be read. `None` if there is none.
    fn play_on(&mut self, cx: &mut Context<'_>) -> Option<bool> {
        self.play.as_ref()?;
        while self.connection.ready_state() == ReadyState::Open {
            if self.connection.poll_ready(cx).is_pending() {
                return Some(self.connection.has_write_failed());
            }
            match self.play.as_mut()?.turn(cx) {
                PlayTurn::Wait => break,
                PlayTurn::Send(payload) => self.send(payload),
                PlayTurn::Close(frame) => self.close(&frame),
                PlayTurn::Drop => {
                    self.state = ClientState::Dropped;
                    return Some(false);
                }
            }
        }
        Some(true)
    }

    fn receive_broadcasts(&mut self, cx: &mut Context<'_>) {
        let Some(subscriber) = &self.subscriber else {
            return;
        };
        while !self.replies.is_full() {
            match subscriber.poll_next(cx) {
                Poll::Ready(Delivery::Message(payload)) => {
                    let bytes = payload.len();
                    let delay = self.config.delay.map(Delay::draw);
                    self.replies.push(payload, bytes, delay);
                }
                Poll::Ready(Delivery::Overflow) => {
                    self.close(&CloseFrame {
                        code: Some(CloseCode::POLICY_VIOLATION),
                        reason: "too slow: too many messages queued".to_owned(),
                    });
                    self.subscriber = None;
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    fn perform(&mut self, act: &FaultAction) {
        match act {
            FaultAction::Close(farewell) => self.close(farewell),
            FaultAction::Drop => self.state = ClientState::Dropped,
            FaultAction::Stall => {
                self.state = ClientState::Stalled;
                // Earlier output should arrive, as far as the socket takes it.
                let mut cx = Context::from_waker(std::task::Waker::noop());
                let _ = self.connection.poll_flush(&mut cx);
            }
            FaultAction::Send(bad) => {
                self.connection.feed(&Outgoing::Raw(bad.frame()));
            }
        }
    }

    fn handle_message(&mut self, payload: Payload) -> Backpressure {
        let n = self.received.add(payload.len());
        if self.first_message.is_none() {
            self.first_message = Some(self.opened.elapsed());
        }
        if self.sender.wants(Direction::In) {
            let read_at = self.connection.read_at().map(Instant::into_std);
            self.sender
                .send(message(Direction::In, n, payload.clone(), read_at));
        }
        if let Some(play) = &mut self.play {
            play.receive(payload);
            return Backpressure::Low;
        }
        match (&self.subscriber, self.config.mode) {
            (Some(subscriber), _) => return subscriber.publish(&payload),
            (None, ReplyMode::Echo) => {
                let reply = match &self.config.reply {
                    Some(reply) => {
                        let message = payload.readable();
                        filled(reply, message.as_ref().map_or("", |text| text.as_str()))
                    }
                    None => payload,
                };
                match self.config.delay {
                    Some(delay) => {
                        let bytes = reply.len();
                        self.replies.push(reply, bytes, Some(delay.draw()));
                    }
                    None => self.send(reply),
                }
            }
            (None, ReplyMode::Broadcast | ReplyMode::Sink | ReplyMode::Silent) => {}
        }
        Backpressure::Low
    }

    fn send(&mut self, payload: Payload) {
        let bytes = payload.len();
        let outgoing = Outgoing::Message(payload);
        if !self.connection.feed(&outgoing) {
            return;
        }
        let n = self.sent.add(bytes);
        if let Outgoing::Message(payload) = outgoing
            && self.sender.wants(Direction::Out)
        {
            self.sender.send(message(Direction::Out, n, payload, None));
        }
    }

    /// Sends the event of a control frame or a close.
    fn notice(&mut self, incoming: Incoming) {
        if let (Incoming::Ping(_), Some(play)) = (&incoming, &mut self.play) {
            play.pinged();
        }
        if let (Incoming::Closing(code, reason), Some(play)) = (&incoming, &mut self.play) {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            // What came before the close is judged first.
            play.turn(&mut cx);
            play.closing(Some((*code, reason)));
        }
        if !self.sender.is_wanted() {
            return;
        }
        let event = match incoming {
            Incoming::Ping(payload) => Event::Ping {
                direction: Direction::In,
                seq: None,
                payload,
            },
            Incoming::Pong(payload) => Event::Pong {
                direction: Direction::In,
                seq: None,
                payload,
                rtt: None,
                fault: None,
            },
            Incoming::Frame(frame) => Event::Frame(frame),
            Incoming::Closing(code, reason) => Event::Closing {
                by: Initiator::Peer,
                code,
                reason,
            },
            Incoming::Message(_) | Incoming::Closed(_) => return,
        };
        self.sender.send(event);
    }

    fn send_close_event(&mut self, close: CloseInfo) {
        if let Some(play) = &mut self.play {
            if close.by == Initiator::None {
                play.closing(None);
            }
            play.finish();
        }
        self.sender.send(Event::Close(Box::new(Closed {
            close,
            open_for: self.opened.elapsed(),
            wire_bytes: self.connection.wire_bytes(),
            first_message: self.first_message,
            received: self.received,
            sent: self.sent,
            may_be_lost: 0,
            next: Next::Final,
            ended_by: None,
        })));
    }
}

/// The event of a message.
pub(super) fn message(
    direction: Direction,
    n: u64,
    payload: Payload,
    read_at: Option<std::time::Instant>,
) -> Event {
    Event::Message(Message {
        direction,
        n,
        payload,
        by_link: false,
        by_rule: false,
        read_at,
    })
}

/// The close of a connection that a fault or the end of the server dropped.
pub(super) fn dropped() -> CloseInfo {
    CloseInfo {
        by: Initiator::Local,
        code: CloseCode::ABNORMAL,
        reason: String::new(),
        clean: false,
        error: None,
    }
}

/// A greeting, or the reply to a message. What the message does not have stays as it was written, so that the client
/// sees what is missing.
fn filled(template: &Template, message: &str) -> Payload {
    Payload::Text(Variables::default().fill_known(template, message).into())
}
