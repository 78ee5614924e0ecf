//! The one loop. `connect`, `send`, `listen` and `ping` are values given to it: a link, an input, a stop
//! rule, sinks. It moves things between them and counts nothing itself.
//!
//! One task owns the socket and both standard streams, and no branch of it blocks: a signal or a time
//! limit is heard whatever the peer, the reader of stdout or the writer of stdin do.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::connection::close::CloseFrame;
use crate::connection::message::Outgoing;
use crate::event::{Event, Next};
use crate::expectation::{Closest, UnmetExpectation};
use crate::input::action::Action;
use crate::input::{self, Input};
use crate::link::Link;
use crate::output::{Amount, Notice, Sinks};
use crate::signals::{Signal, Signals};
use crate::stop::{Failure, NO_PONGS, StopRule, Verdict};

/// How long the last output may take after Ctrl-C or the end of the time allowed: a reader that does
/// not read must not keep the tool alive.
const LAST_CALL: Duration = Duration::from_secs(1);

/// The most actions taken from the input before the link is looked at again: a peer that takes all that
/// it is given would otherwise not be heard before the end of the input.
const SENT_AT_ONCE: usize = 4096;

/// The most events taken from the link before the clock, the signals and the rest of the process have
/// their turn: a flood of empty messages keeps a buffer full for seconds.
const TAKEN_AT_ONCE: usize = 1024;

/// Fewer bytes than these are no sign of life while a message is under way.
const DRIP: u64 = 1024;

/// How a session ended.
#[derive(Debug)]
pub enum Outcome {
    /// What was asked for has happened.
    Done,
    /// It has not.
    Failed(Failure),
    /// The time allowed for everything is over (`--max-time`).
    OutOfTime(Duration, Option<Closest>),
    /// The input cannot be read.
    Input(input::InputError),
    /// Output cannot be written.
    Output(io::Error),
    /// The reader of stdout went away.
    ReaderGone,
    /// A signal.
    Signal(Signal),
}

/// A person at a terminal, in place of an input.
pub trait Interactive {
    /// The next thing to do. What a person only wants to see is shown at once, and never an action.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link,
        sinks: &mut Sinks,
    ) -> Poll<Action>;
}

/// The values that make a session.
pub struct Session<'a> {
    /// What it talks over.
    pub link: Link,
    /// Where outgoing messages come from.
    pub input: Input,
    /// Who types them instead.
    pub person: Option<Box<dyn Interactive>>,
    /// When it is over.
    pub stop: &'a mut StopRule,
    /// Where events go.
    pub sinks: &'a mut Sinks,
    /// How it closes.
    pub farewell: CloseFrame,
    /// The time allowed for everything.
    pub max_time: Option<Duration>,
}

/// Runs a session to its end.
///
/// # Errors
/// Only where signals cannot be listened to; every other failure is an [`Outcome`].
pub async fn run(session: Session<'_>) -> io::Result<Outcome> {
    let mut signals = Signals::new()?;
    if session.stop.has_statistics() {
        signals.watch_status_signals()?;
    }
    let mut running = RunningSession {
        deadline: session
            .max_time
            .map(|limit| (Instant::now() + limit, limit)),
        session,
        signals,
        timer: None,
        outcome: None,
        link_down: false,
        input_ended: false,
        last_call: None,
        aborted: false,
        activity: (0, 0),
        now: Instant::now(),
    };
    Ok(poll_fn(|cx| running.poll(cx)).await)
}

struct RunningSession<'a> {
    session: Session<'a>,
    signals: Signals,
    /// When `--max-time` is over, and the limit itself.
    deadline: Option<(Instant, Duration)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Set once it is decided how this ends; the rest is the closing handshake and the last output.
    outcome: Option<Outcome>,
    /// There is no connection, and none on its way.
    link_down: bool,
    /// The input has ended, and what it sent has left.
    input_ended: bool,
    /// When to stop waiting for a reader that does not read.
    last_call: Option<Instant>,
    aborted: bool,
    /// What [`Link::activity`] said when it last counted as a sign of life.
    activity: (u64, u64),
    /// The time of this turn: one look at the clock for all that is ready.
    now: Instant,
}

/// What reading from the link came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadProgress {
    Nothing,
    /// All that was there, or all that there was room for.
    Some,
    /// Perhaps not all.
    Flood,
}

/// What follows a turn of the loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Another turn: something has happened, or has made something possible.
    Again,
    /// A rest, until somebody wakes the task.
    Rest,
    /// The end.
    End,
}

impl RunningSession<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.now = Instant::now();
        self.handle_signals(cx);
        loop {
            match self.turn(cx) {
                Turn::Again => {}
                Turn::Rest => return Poll::Pending,
                // A link that ends has told why, and the stop rule has judged it.
                Turn::End => return Poll::Ready(self.outcome.take().unwrap_or(Outcome::Done)),
            }
        }
    }

    /// Each phase once. What has come is read before anybody is called silent.
    fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        let undecided = self.outcome.is_none();
        let listens = self.listen();
        let received = self.receive(cx);
        let alive = self.session.link.poll_heartbeat(cx, listens);
        let sent = self.send(cx);
        let drained = self.write(cx, received);
        let expired = self.poll_timers(cx, drained);
        if (self.is_over() && drained) || self.aborted {
            return Turn::End;
        }
        if received == ReadProgress::Flood {
            cx.waker().wake_by_ref();
            return Turn::Rest;
        }
        // A decision begins the closing handshake, which must be driven before this task rests.
        let decided = undecided && self.outcome.is_some();
        // Writing has made room: what the network has is to be taken, and nothing else will wake us.
        let made_room = !listens && self.may_receive();
        let received = received == ReadProgress::Some;
        let goes_on = received || alive || sent || expired || decided || made_room;
        if goes_on || drained && self.notice_reader_gone(cx) {
            Turn::Again
        } else {
            Turn::Rest
        }
    }

    /// Whether what comes is read; while it is not, no silence is the peer's.
    fn listen(&mut self) -> bool {
        let listens = self.may_receive();
        if !listens {
            self.session.stop.suspend(self.now);
        }
        listens
    }

    /// A large message that is still under way is no silence, a drip of a byte at a time is.
    fn notice_activity(&mut self) {
        let (received, left) = self.session.link.activity();
        let (before, left_before) = self.activity;
        if left != left_before || received < before || received - before >= DRIP {
            self.activity = (received, left);
            self.session.stop.restart_reply_timeout(self.now);
        }
    }

    fn is_over(&self) -> bool {
        self.link_down && (self.outcome.is_some() || !self.session.stop.outlives_connection())
    }

    /// Whether somebody waits for the end, rather than for what may still come.
    fn is_ending_early(&self) -> bool {
        matches!(
            self.outcome,
            Some(Outcome::Signal(_) | Outcome::OutOfTime(..))
        )
    }

    /// After Ctrl-C or the end of the time allowed, what is left to print gets a little longer.
    fn finish_sending(&mut self, drained: bool) {
        if self.is_ending_early() && self.is_over() && !drained {
            self.last_call.get_or_insert(self.now + LAST_CALL);
        }
    }

    /// Whether more may be taken from the network. A reader of stdout that does not read stops it, but
    /// not the closing handshake after Ctrl-C.
    fn may_receive(&self) -> bool {
        !self.link_down
            && (self.session.sinks.writer.has_room() || self.is_ending_early())
            && !(self.outcome.is_none() && self.session.input.is_full())
    }

    /// A message that comes too late: more than was asked for, or nobody will read it.
    fn is_superfluous(&self, event: &Event) -> bool {
        let unread = self.is_ending_early() && !self.session.sinks.writer.has_room();
        matches!(event, Event::Message(_)) && (unread || self.session.stop.is_full())
    }

    /// Decides how this ends and begins the closing handshake. The first decision stands, but for a
    /// success that its own end shows to be none.
    fn finish(&mut self, outcome: Outcome) {
        match &self.outcome {
            None => {
                self.outcome = Some(outcome);
                self.begin_close();
            }
            Some(Outcome::Done) if matches!(outcome, Outcome::Failed(_)) => {
                self.outcome = Some(outcome);
            }
            Some(_) => {}
        }
    }

    fn begin_close(&mut self) {
        // What was heard and is to be sent back goes before the close.
        while let Some(payload) = self.session.input.take_heard() {
            let event = self.session.link.send(Outgoing::Message(payload));
            event.inspect(|event| self.session.sinks.on_event(event));
        }
        self.session.link.close(&self.session.farewell);
    }

    fn apply(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::GoOn => {}
            Verdict::Done => self.finish(Outcome::Done),
            Verdict::Failed(failure) => self.finish(Outcome::Failed(failure)),
        }
    }

    fn handle_signals(&mut self, cx: &mut Context<'_>) {
        while self.signals.poll_question(cx).is_ready() {
            let statistics = self.session.stop.statistics(self.now);
            let notice = Notice::Progress(statistics.as_ref());
            self.session.sinks.notify(notice);
        }
        while let Poll::Ready(signal) = self.signals.poll(cx) {
            let interrupted =
                (signal == Signal::Interrupt).then(|| self.session.stop.interrupt(self.now));
            match interrupted.flatten() {
                _ if self.outcome.is_some() => self.abort(signal),
                Some(verdict) => self.apply(verdict),
                None => self.finish(Outcome::Signal(signal)),
            }
        }
    }

    /// A second signal: no closing handshake, and what was not written is lost, which is no success.
    fn abort(&mut self, signal: Signal) {
        self.aborted = true;
        if !self.session.sinks.writer.is_drained() {
            self.outcome = Some(Outcome::Signal(signal));
        }
    }

    /// Takes what has come, as long as there is room for it and it is no flood.
    fn receive(&mut self, cx: &mut Context<'_>) -> ReadProgress {
        let received = self.take_events(cx);
        self.notice_activity();
        received
    }

    fn take_events(&mut self, cx: &mut Context<'_>) -> ReadProgress {
        let mut received = ReadProgress::Nothing;
        for _ in 0..TAKEN_AT_ONCE {
            if !self.may_receive() {
                return received;
            }
            match self.session.link.poll_next(cx) {
                Poll::Ready(Some(event)) => self.on_event(&event),
                Poll::Ready(None) => self.link_down = true,
                Poll::Pending => return received,
            }
            received = ReadProgress::Some;
            if self.session.sinks.writer.is_worth_writing() {
                self.poll_write(cx, Amount::Blocks);
            }
        }
        ReadProgress::Flood
    }

    fn on_event(&mut self, event: &Event) {
        if self.is_superfluous(event) {
            return;
        }
        let verdict = self.dispatch(event);
        // The rest is about the connection: not on the path of every message.
        if !matches!(event, Event::Message(_)) && matches!(verdict, Verdict::GoOn) {
            self.notify_next(event);
        }
        self.apply(verdict);
    }

    /// What a session that goes on says about an event that ends others.
    fn notify_next(&mut self, event: &Event) {
        let sinks = &mut self.session.sinks;
        let stays = self.outcome.is_none() && self.session.stop.outlives_connection();
        match event {
            Event::Unanswered {
                is_telling: true, ..
            } => sinks.notify(Notice::Hint(NO_PONGS)),
            Event::Failed(error, Next::Final) => {
                sinks.notify(Notice::AttemptFailed(error));
                if stays {
                    sinks.notify(Notice::ConnectionOver);
                }
            }
            Event::Close(closed) if stays && closed.next == Next::Final => {
                sinks.notify(Notice::ConnectionOver);
            }
            _ => {}
        }
    }

    /// Sends what is ready; true when something was.
    fn send(&mut self, cx: &mut Context<'_>) -> bool {
        let sent = self.take_actions(cx);
        // Pending only means that the socket is full: the link is asked again when it is not.
        let _ = self.session.link.poll_flush(cx);
        sent
    }

    /// Takes from the input as long as the link takes it.
    fn take_actions(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        for _ in 0..SENT_AT_ONCE {
            if self.outcome.is_some() || !self.session.sinks.has_room_for_sent() {
                break;
            }
            let Session {
                link,
                input,
                person,
                sinks,
                ..
            } = &mut self.session;
            // A person may quit or reconnect while there is no connection to send on.
            let waits = person.is_none() && !input.drives_connection();
            if waits && link.poll_ready(cx).is_pending() {
                break;
            }
            let next = match person {
                Some(person) => person
                    .poll_next(cx, link, sinks)
                    .map(|action| Some(Ok(action))),
                None => input.poll_next(cx, sinks.ignores_sent()),
            };
            match next {
                Poll::Ready(Some(Ok(action))) => self.act(action),
                Poll::Ready(Some(Err(error))) => self.finish(Outcome::Input(error)),
                Poll::Ready(None) => {
                    // Sent means handed to the kernel, not put into a buffer of ours.
                    if self.session.link.poll_flush(cx).is_ready() {
                        self.input_is_idle(true);
                    }
                    break;
                }
                Poll::Pending => {
                    if self.session.input.is_idle() {
                        self.input_is_idle(false);
                    }
                    break;
                }
            }
            progress = true;
        }
        progress
    }

    fn input_is_idle(&mut self, ended: bool) {
        if ended && !self.input_ended {
            self.input_ended = true;
            if self.session.input.sent_carriage_returns() {
                self.session.sinks.notify(Notice::CarriageReturns);
            }
        }
        let verdict = self.session.stop.input_idle(ended, self.now);
        self.apply(verdict);
    }

    fn act(&mut self, action: Action) {
        let link = &mut self.session.link;
        let (event, is_whole) = match action {
            Action::Send(outgoing) => {
                let is_whole = !matches!(outgoing, Outgoing::Fragment(_));
                (link.send(outgoing), is_whole)
            }
            Action::Ping(size) => (link.ping(size), true),
            action => return self.perform_action(action),
        };
        match event {
            Some(event) => {
                let verdict = self.dispatch(&event);
                self.apply(verdict);
            }
            None if is_whole => {
                let state = self.session.link.ready_state();
                self.session.sinks.notify(Notice::NotSent(state));
            }
            None => {}
        }
    }

    /// Tells everybody what happened.
    fn dispatch(&mut self, event: &Event) -> Verdict {
        self.session.sinks.on_event(event);
        self.session.input.notice(event);
        let verdict = self.session.stop.on_event(event, self.now);
        match self.session.sinks.selection_failure() {
            Some(why) => Verdict::Failed(Failure::Unmet(Box::new(UnmetExpectation::new(why)))),
            None => verdict,
        }
    }

    /// What a person asks for that sends nothing.
    fn perform_action(&mut self, action: Action) {
        let Session {
            link,
            sinks,
            farewell,
            ..
        } = &mut self.session;
        match action {
            Action::Send(_) | Action::Ping(_) => {}
            Action::Close(farewell) => {
                if self.link_down {
                    sinks.notify(Notice::NotConnected);
                } else if !link.is_up() {
                    sinks.notify(Notice::NoFurtherAttempt);
                }
                link.close(&farewell);
            }
            Action::Reopen if link.reopen() => self.link_down = false,
            Action::Reopen => sinks.notify(Notice::StillConnected),
            Action::Connect(target) => {
                if link.connect(*target, farewell) {
                    sinks.notify(Notice::SecretsLeftBehind);
                }
                self.link_down = false;
            }
            Action::Quit => self.finish(Outcome::Done),
        }
    }

    /// Writes what can be written; true when nothing is left. In a flood that is whole blocks, since more
    /// comes.
    fn write(&mut self, cx: &mut Context<'_>, received: ReadProgress) -> bool {
        match received {
            ReadProgress::Flood => {
                self.poll_write(cx, Amount::Blocks) && self.session.sinks.writer.is_drained()
            }
            _ => self.poll_write(cx, Amount::All),
        }
    }

    /// Writes no more than `amount`.
    fn poll_write(&mut self, cx: &mut Context<'_>, amount: Amount) -> bool {
        match self.session.sinks.poll_write(cx, amount) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.stop_printing();
                true
            }
            Poll::Ready(Err(error)) => {
                // What cannot be written was not delivered, even if all else is done.
                if matches!(self.outcome, Some(Outcome::Done)) {
                    self.outcome = None;
                }
                self.finish(Outcome::Output(error));
                true
            }
            Poll::Pending => false,
        }
    }

    /// A reader that went away ends the session even when there is nothing to tell it: `head -1` has
    /// had its line, and the next one may never come. True when it has just gone.
    fn notice_reader_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let writer = &mut self.session.sinks.writer;
        let gone = self.outcome.is_none() && writer.poll_reader_gone(cx).is_ready();
        if gone {
            self.stop_printing();
        }
        gone
    }

    /// A verdict is worth having even when nobody reads stdout any more.
    fn stop_printing(&mut self) {
        if self.session.stop.has_verdict() {
            self.session.sinks.writer.stop_printing();
        } else {
            self.finish(Outcome::ReaderGone);
        }
    }

    /// Sees to what is due; true when something was.
    fn poll_timers(&mut self, cx: &mut Context<'_>, drained: bool) -> bool {
        self.finish_sending(drained);
        let Some(due) = self.due() else {
            return false;
        };
        // The clock is asked first: the runtime gives a task that is busy with a flood no answer from
        // a timer.
        if due <= self.now {
            self.expire();
            return true;
        }
        let due = tokio::time::Instant::from_std(due);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        // A timer that is set too early fires and is set again: to move it with each message would
        // cost more than the message.
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.timer = None;
        self.now = Instant::now();
        true
    }

    /// When something must happen if nothing else does.
    fn due(&self) -> Option<Instant> {
        let deadline = self.deadline.map(|(deadline, _)| deadline);
        let next = match &self.outcome {
            None => self.session.stop.deadline(),
            Some(_) => self.last_call.filter(|_| !self.aborted),
        };
        [next, deadline.filter(|_| !self.is_ending_early())]
            .into_iter()
            .flatten()
            .min()
    }

    /// What was due is due now.
    fn expire(&mut self) {
        if self.last_call.is_some_and(|last| last <= self.now) {
            self.aborted = true;
            return;
        }
        match self.deadline {
            Some((deadline, limit)) if deadline <= self.now && !self.is_ending_early() => {
                let nearest = self.session.stop.nearest();
                // Decided or not: what is left to do has had its time.
                self.outcome = None;
                self.finish(Outcome::OutOfTime(limit, nearest));
            }
            _ if self.outcome.is_none() => {
                let verdict = self.session.stop.expire(self.now);
                self.apply(verdict);
            }
            _ => {}
        }
    }
}
