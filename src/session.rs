//! The event loop of `connect`, `send`, `listen` and `ping`. It connects a link, an input, a stop rule and
//! sinks, which the command provides.
//!
//! One task owns the socket and both standard streams, and never blocks. So signals and time limits work
//! whatever the peer, the reader of stdout or the writer of stdin does.

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
use crate::pattern::runaway;
use crate::secret::Secret;
use crate::signals::{Signal, Signals};
use crate::stop::{Failure, NO_PONGS, StopRule, Verdict};

/// How long the last output may take after Ctrl-C or `--max-time`, so that a reader that does not read
/// cannot keep the program running.
const LAST_CALL: Duration = Duration::from_secs(1);

/// The maximum number of actions taken from the input before the link is read again. Without it a fast peer
/// would not be read before the end of the input.
const SENT_AT_ONCE: usize = 4096;

/// The maximum number of events taken from the link before timers and signals are polled again. A flood of
/// empty messages can fill a buffer for seconds.
const TAKEN_AT_ONCE: usize = 1024;

/// How long one poll may take while there is always something to do, as with an endless input.
const POLL_TIME: Duration = Duration::from_millis(10);

/// The minimum number of bytes of an incomplete message that count as activity.
const DRIP: u64 = 1024;

/// How a session ended.
#[derive(Debug)]
pub enum Outcome {
    /// The stop rule was fulfilled.
    Done,
    /// The stop rule failed.
    Failed(Failure),
    /// The time limit of the run was reached (`--max-time`).
    OutOfTime(Duration, Option<Closest>),
    /// The input cannot be read.
    Input(input::InputError),
    /// The output cannot be written.
    Output(io::Error),
    /// The reader of stdout went away.
    ReaderGone,
    /// A signal ended it.
    Signal(Signal),
}

/// A user at a terminal, who replaces the input.
pub trait Interactive {
    /// The next action. Commands that only print something are handled at once and return no action.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link,
        sinks: &mut Sinks,
    ) -> Poll<Action>;

    /// Whether another program uses the terminal, for which Ctrl-C is meant then.
    fn has_lent_terminal(&self) -> bool;
}

/// The parts of a session.
pub struct Session<'a> {
    /// The link to the server.
    pub link: Link,
    /// The source of outgoing messages.
    pub input: Input,
    /// The user who types them instead, in an interactive session.
    pub interactive: Option<Box<dyn Interactive>>,
    /// Decides when the session ends and whether it succeeded.
    pub stop: &'a mut StopRule,
    /// The receivers of events.
    pub sinks: &'a mut Sinks,
    /// The close frame to send.
    pub close_frame: CloseFrame,
    /// The time limit of the run (`--max-time`).
    pub max_time: Option<Duration>,
}

/// Runs a session to its end.
///
/// # Errors
/// Signal handlers cannot be installed. Every other failure is an [`Outcome`].
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
        interrupted: None,
        link_down: false,
        input_ended: false,
        last_call: None,
        aborted: false,
        activity: (0, 0),
        answered: 0,
        now: Instant::now(),
    };
    Ok(poll_fn(|cx| running.poll(cx)).await)
}

struct RunningSession<'a> {
    session: Session<'a>,
    signals: Signals,
    /// When `--max-time` ends, and the limit itself.
    deadline: Option<(Instant, Duration)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Set once the outcome is decided. After that come the closing handshake and the last output.
    outcome: Option<Outcome>,
    /// When a signal or `--max-time` ended it.
    interrupted: Option<Instant>,
    /// Whether there is no connection and no attempt to connect.
    link_down: bool,
    /// The input has ended, and what it sent has left.
    input_ended: bool,
    /// When to stop waiting for a reader that does not read.
    last_call: Option<Instant>,
    aborted: bool,
    /// The value of [`Link::activity`] when it last counted as activity.
    activity: (u64, u64),
    /// The value of [`Link::answered_by_rules`] then.
    answered: u64,
    /// The time of this turn; the clock is read once per turn.
    now: Instant,
}

/// The result of reading from the link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadProgress {
    Nothing,
    /// Everything available was read, or everything there was room for.
    Some,
    /// There may be more.
    Flood,
}

/// What follows a turn of the loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Another turn, since something has happened or become possible.
    Again,
    /// Wait until the task is woken.
    Rest,
    /// The session ends.
    End,
}

impl RunningSession<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.now = Instant::now();
        self.handle_signals(cx);
        loop {
            match self.turn(cx) {
                // Signals, timers and sockets are only noticed between two polls.
                Turn::Again if self.now.elapsed() > POLL_TIME => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Turn::Again => {}
                Turn::Rest => return Poll::Pending,
                // Without an outcome the link has ended in a way that the stop rule accepts.
                Turn::End => return Poll::Ready(self.outcome.take().unwrap_or(Outcome::Done)),
            }
        }
    }

    /// Runs each phase once. Received data is read before timeouts are checked.
    fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        let undecided = self.outcome.is_none();
        let listens = self.listen();
        let received = self.receive(cx);
        let alive = self.session.link.poll_heartbeat(cx, listens);
        let sent = self.send(cx);
        self.notice_unsent();
        let drained = self.write(cx, received);
        let expired = self.poll_timers(cx, drained);
        if (self.is_over() && drained) || self.aborted {
            return Turn::End;
        }
        if received == ReadProgress::Flood {
            cx.waker().wake_by_ref();
            return Turn::Rest;
        }
        // A decision starts the closing handshake, which must be polled before this task waits.
        let decided = undecided && self.outcome.is_some();
        // Writing has made room: read from the network again, since nothing else would wake this task.
        let made_room = !listens && self.may_receive();
        let received = received == ReadProgress::Some;
        let goes_on = received || alive || sent || expired || decided || made_room;
        if goes_on || drained && self.notice_reader_gone(cx) {
            Turn::Again
        } else {
            Turn::Rest
        }
    }

    /// Whether the link is read in this turn. While it is not, the timeouts for the peer are suspended.
    fn listen(&mut self) -> bool {
        let listens = self.may_receive();
        if !listens {
            self.session.stop.suspend(self.now);
        }
        listens
    }

    /// Restarts the reply timeout while a large message arrives or leaves, but not for a few bytes at a time.
    fn notice_activity(&mut self) {
        let (received, left) = self.session.link.activity();
        let (before, left_before) = self.activity;
        let answered = self.session.link.answered_by_rules();
        if answered != self.answered {
            // A conversation between the server and a rule is no sign that a reply is coming.
            (self.answered, self.activity) = (answered, (received, left));
            return;
        }
        // The last block of what is leaving needs no more time, and neither does what leaves at once.
        let is_leaving = left != left_before && self.session.link.unsent().is_some();
        self.activity.1 = left;
        if is_leaving || received < before || received - before >= DRIP {
            self.activity.0 = received;
            self.session.stop.restart_reply_timeout(self.now);
        }
    }

    /// Measures how long the peer takes nothing. A server that waits until its replies are read is not to blame.
    fn notice_unsent(&mut self) {
        let Session {
            link, stop, sinks, ..
        } = &mut self.session;
        stop.notice_unsent(link.unsent(), !sinks.writer.has_room(), self.now);
    }

    fn is_over(&self) -> bool {
        self.link_down && (self.outcome.is_some() || !self.session.stop.outlives_connection())
    }

    /// Whether the session was interrupted by a signal or `--max-time`.
    fn is_ending_early(&self) -> bool {
        self.interrupted.is_some()
    }

    /// After Ctrl-C or `--max-time`, sets a short limit for the remaining output. It runs during the closing handshake.
    fn finish_sending(&mut self, drained: bool) {
        if let Some(interrupted) = self.interrupted
            && self.is_over()
            && !drained
        {
            self.last_call.get_or_insert(interrupted + LAST_CALL);
        }
    }

    /// Whether to read from the network. A reader of stdout that does not read stops it, except for the closing
    /// handshake after Ctrl-C.
    fn may_receive(&self) -> bool {
        !self.link_down
            && (self.session.sinks.writer.has_room() || self.is_ending_early())
            && !(self.outcome.is_none() && self.session.input.is_full())
    }

    /// Whether to drop a message: it exceeds the requested count, or cannot be printed any more, like pings and pongs.
    fn is_superfluous(&self, event: &Event) -> bool {
        let unread = || self.is_ending_early() && !self.session.sinks.writer.has_room();
        match event {
            Event::Message(_) => unread() || self.session.stop.is_full(),
            Event::Ping { .. } | Event::Pong { .. } | Event::Frame(_) => unread(),
            _ => false,
        }
    }

    /// Sets the outcome and starts the closing handshake. The first outcome stands, but a failure replaces a
    /// success.
    fn finish(&mut self, outcome: Outcome) {
        match &self.outcome {
            None => {
                if matches!(outcome, Outcome::Signal(_) | Outcome::OutOfTime(..)) {
                    self.interrupted.get_or_insert(self.now);
                }
                self.outcome = Some(outcome);
                self.begin_close();
                if self.is_ending_early() {
                    self.session.link.hurry();
                }
            }
            Some(Outcome::Done) if matches!(outcome, Outcome::Failed(_)) => {
                self.outcome = Some(outcome);
            }
            Some(_) => {}
        }
    }

    fn begin_close(&mut self) {
        // Received messages are echoed before the close.
        while let Some(payload) = self.session.input.next_echo() {
            let event = self.session.link.send(Outgoing::Message(payload));
            event.inspect(|event| self.session.sinks.on_event(event));
        }
        self.session.link.close(&self.session.close_frame);
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
            let person = self.session.interactive.as_ref();
            let is_lent = || person.is_some_and(|person| person.has_lent_terminal());
            if signal == Signal::Interrupt && self.outcome.is_none() && is_lent() {
                continue;
            }
            let interrupted =
                (signal == Signal::Interrupt).then(|| self.session.stop.interrupt(self.now));
            match interrupted.flatten() {
                _ if self.outcome.is_some() => self.abort(signal),
                Some(verdict) => {
                    self.interrupted = Some(self.now);
                    self.apply(verdict);
                }
                None => self.finish(Outcome::Signal(signal)),
            }
        }
    }

    /// Handles a second signal: skips the closing handshake. If output is lost, the outcome is the signal.
    fn abort(&mut self, signal: Signal) {
        self.aborted = true;
        if !self.session.sinks.writer.is_drained() {
            self.outcome = Some(Outcome::Signal(signal));
        }
    }

    /// Reads events while there is room for them, up to a limit per turn.
    fn receive(&mut self, cx: &mut Context<'_>) -> ReadProgress {
        let received = self.take_events(cx);
        self.notice_activity();
        self.notice_given_up();
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
        let is_data = matches!(event, Event::Message(_) | Event::Frame(_));
        if !is_data {
            self.notice_given_up();
            self.notice_delivery(event);
        }
        let verdict = self.dispatch(event);
        // Notices are only about the connection; data skips this.
        if !is_data && matches!(verdict, Verdict::GoOn) {
            self.notify_next(event);
        }
        self.apply(verdict);
    }

    /// Notices the answer of a peer that was asked whether it has read everything.
    fn notice_delivery(&mut self, event: &Event) {
        let Session { link, stop, .. } = &mut self.session;
        if matches!(event, Event::Pong { .. }) && stop.awaits_receipt() && link.unread() == 0 {
            stop.notice_receipt(true, self.now);
        }
    }

    /// Fails if messages cannot be compared or selected any more.
    fn notice_given_up(&mut self) {
        let stop = self.session.stop.given_up();
        let selection = || self.session.sinks.selection_failure();
        // An expression that cannot be stopped may take all memory.
        let runs_on = || runaway().map(|why| format!("{why}; the expression cannot be stopped"));
        if let Some(why) = stop.or_else(selection).or_else(runs_on) {
            let unmet = UnmetExpectation::new(why);
            self.finish(Outcome::Failed(Failure::Unmet(Box::new(unmet))));
        }
    }

    /// Prints notices about the end of a connection or an attempt, for a session that continues.
    fn notify_next(&mut self, event: &Event) {
        let sinks = &mut self.session.sinks;
        let stays = self.outcome.is_none() && self.session.stop.outlives_connection();
        match event {
            Event::Unanswered {
                first_of_silence: true,
                ..
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

    /// Sends what is ready; returns true if something was sent.
    fn send(&mut self, cx: &mut Context<'_>) -> bool {
        let sent = self.take_actions(cx);
        // Pending only means that the socket is full; the link is polled again when it is writable.
        let _ = self.session.link.poll_flush(cx);
        sent
    }

    /// Takes actions from the input while the link accepts them.
    fn take_actions(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        for _ in 0..SENT_AT_ONCE {
            if self.outcome.is_some() || !self.session.sinks.has_room_for_sent() {
                break;
            }
            let Session {
                link,
                input,
                interactive: person,
                sinks,
                stop,
                ..
            } = &mut self.session;
            // A user may quit or reconnect while there is no connection.
            if person.is_none() && !stop.may_send() {
                break;
            }
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
            if self.session.input.has_secrets() {
                for filled in self.session.input.take_secrets() {
                    self.session.sinks.hide(&filled);
                }
            }
            match next {
                Poll::Ready(Some(Ok(action))) => self.act(action),
                Poll::Ready(Some(Err(error))) => self.finish(Outcome::Input(error)),
                Poll::Ready(None) => {
                    // Sent means written to the kernel, not only queued.
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
        if ended && self.session.stop.wants_receipt() {
            let Session { link, stop, .. } = &mut self.session;
            let is_read = link.is_up() && link.unread() == 0;
            if is_read || link.ask_for_delivery() {
                stop.notice_receipt(is_read, self.now);
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

    /// Passes an event to the sinks, the input and the stop rule.
    fn dispatch(&mut self, event: &Event) -> Verdict {
        self.session.sinks.on_event(event);
        self.session.input.notice(event);
        self.session.stop.on_event(event, self.now)
    }

    /// Performs an action that sends no message.
    fn perform_action(&mut self, action: Action) {
        let Session {
            link,
            sinks,
            close_frame: farewell,
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
            Action::Connect(new) => {
                for secret in new.secrets {
                    sinks.on_event(&Event::Secret(Secret::new(secret)));
                }
                if link.connect(new.target, new.on_open, farewell) {
                    sinks.notify(Notice::SecretsLeftBehind);
                }
                self.link_down = false;
            }
            Action::Quit => self.finish(Outcome::Done),
        }
    }

    /// Writes output; returns true if everything is written. In a flood only whole blocks are written, since
    /// more follows.
    fn write(&mut self, cx: &mut Context<'_>, received: ReadProgress) -> bool {
        match received {
            ReadProgress::Flood => {
                self.poll_write(cx, Amount::Blocks) && self.session.sinks.writer.is_drained()
            }
            _ => self.poll_write(cx, Amount::All),
        }
    }

    /// Writes at most `amount`; returns true if that is done or has failed.
    fn poll_write(&mut self, cx: &mut Context<'_>, amount: Amount) -> bool {
        match self.session.sinks.poll_write(cx, amount) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.stop_printing();
                true
            }
            Poll::Ready(Err(error)) => {
                // Output that cannot be written is a failure, even if everything else is done.
                if matches!(self.outcome, Some(Outcome::Done)) {
                    self.outcome = None;
                }
                self.finish(Outcome::Output(error));
                true
            }
            Poll::Pending => false,
        }
    }

    /// Notices that the reader of stdout has gone, even without output: after `| head -1` the next line may
    /// never come. Returns true if it has just gone.
    fn notice_reader_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let writer = &mut self.session.sinks.writer;
        let gone = self.outcome.is_none() && writer.poll_reader_gone(cx).is_ready();
        if gone {
            self.stop_printing();
        }
        gone
    }

    /// Stops printing. A session with a verdict continues without stdout; any other ends.
    fn stop_printing(&mut self) {
        if self.session.stop.has_verdict() {
            self.session.sinks.writer.stop_printing();
        } else {
            self.finish(Outcome::ReaderGone);
        }
    }

    /// Handles expired timers; returns true if one was.
    fn poll_timers(&mut self, cx: &mut Context<'_>, drained: bool) -> bool {
        self.finish_sending(drained);
        let Some(due) = self.due() else {
            return false;
        };
        // The clock is checked first: in a flood of input the cooperative budget of tokio keeps the timers
        // of a task pending.
        if due <= self.now {
            self.expire();
            return true;
        }
        let due = tokio::time::Instant::from_std(due);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        // A timer that fires too early is set again; resetting it for each message would cost more.
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

    /// The next deadline.
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

    /// Handles the deadline that was reached.
    fn expire(&mut self) {
        if self.last_call.is_some_and(|last| last <= self.now) {
            self.aborted = true;
            self.session.sinks.give_up_reader();
            return;
        }
        match self.deadline {
            Some((deadline, limit)) if deadline <= self.now && !self.is_ending_early() => {
                let nearest = self.session.stop.nearest();
                // Applies even if an outcome was decided: the run has used up its time.
                self.outcome = None;
                self.finish(Outcome::OutOfTime(limit, nearest));
            }
            _ if self.outcome.is_none() => {
                let verdict = self.session.stop.expire(self.now);
                if let Some(hint) = self.session.stop.take_hint() {
                    self.session.sinks.notify(Notice::Hint(hint));
                }
                self.apply(verdict);
            }
            _ => {}
        }
    }
}
