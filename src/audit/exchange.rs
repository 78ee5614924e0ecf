//! Plays a probe on a connection of its own: the handshake, the login, the frames, a ping behind them; then it
//! collects what comes until the answer is there, the connection ends or the time is up.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::observation::{Ending, HandshakeEnd, Observation};
use super::probe::{DeflatePart, Exchange, Frame, FrameContent, MaskChoice, Requirement, Until};
use super::request::write_request;
use super::settings::AuditSettings;
use crate::connection::error::Error;
use crate::connection::message::{Outgoing, Payload};
use crate::connection::probing::{RawAnswer, RawConnection, RawEnd, RawFrames, RawRequest};
use crate::connection::wire::Received;
use crate::connection::wire::mask_keys::MaskKeys;
use crate::connection::wire::raw::{RawFrame, deflated};
use crate::secret::io_text;
use crate::units;

/// The payload of the ping behind the frames.
const ASK: &[u8] = b"wsprobe: still there?";

/// How much longer a server may take to fail a connection once it has answered the ping behind: it may read frames
/// faster than it looks at them.
const GRACE: Duration = Duration::from_secs(1);

/// The pause between two bytes that are to arrive in segments of their own.
const PIECE: Duration = Duration::from_millis(2);

/// How long a connection that we close may take to end.
const FAREWELL: Duration = Duration::from_millis(100);

/// The most that is kept of what a server sends during a probe.
const KEPT: usize = 1000;

/// Plays an exchange. What was seen is in the observation, whatever happened.
///
/// # Errors
/// The program itself cannot go on: a token cannot be read, or there is no randomness.
pub async fn play(
    settings: &AuditSettings,
    exchange: &Exchange,
    requirement: &Requirement,
) -> Result<Observation, Error> {
    let mut request = RawRequest::new(&settings.target)?;
    request.offer_no_extension();
    let pieces = super::request::change(&mut request, exchange.changes, settings);
    let mut observation = Observation::new(request, settings.wait);
    let mut connection = match RawConnection::open(&settings.target, settings.connect).await {
        Ok(connection) => connection,
        Err(error) => {
            observation.handshake = HandshakeEnd::NotConnected(error);
            return Ok(observation);
        }
    };
    observation.tls = connection.tls.clone();
    let deadline = Instant::now() + settings.wait;
    let asked = async {
        if let Err(error) = write_request(&mut connection, &observation.request, pieces).await {
            // A server that has refused early may have written why.
            let answer = connection.answer(&observation.request, deadline).await;
            return match answer {
                RawAnswer::NoHttp(_) => RawAnswer::NoHttp(RawConnection::not_written(error)),
                answer => answer,
            };
        }
        connection.answer(&observation.request, deadline).await
    };
    let Ok(answer) = timeout_at(deadline, asked).await else {
        return Ok(observation);
    };
    let compression = match &answer {
        RawAnswer::Opened(_, compression) => Some(*compression),
        _ => None,
    };
    observation.handshake = HandshakeEnd::Answered(answer);
    let Some(compression) = compression else {
        return Ok(observation);
    };
    let mut frames = connection.upgraded(compression, settings.max_message)?;
    let watches = exchange.asks || !exchange.frames.is_empty();
    if !watches {
        observation.ending = Ending::Open;
        leave(&mut frames).await;
        return Ok(observation);
    }
    if let Err(why) = log_in(settings, &mut frames).await {
        observation.handshake = HandshakeEnd::NotReady(why);
        return Ok(observation);
    }
    let mut playing = Playing {
        settings,
        frames,
        observation,
        asks: exchange.asks,
        deadline: Instant::now() + settings.wait,
        answered_at: None,
        asks_again_at: exchange.asks.then(|| Instant::now() + settings.wait / 2),
    };
    playing.send(exchange.frames).await?;
    playing.watch(requirement.until()).await;
    if playing.observation.ending == Ending::Open {
        leave(&mut playing.frames).await;
    }
    Ok(playing.observation)
}

/// Closes a connection that is still open, and gives the server a moment to agree.
async fn leave(frames: &mut RawFrames) {
    let close = RawFrame {
        first: 0x88,
        mask: Some([0x5a; 4]),
        length: None,
        form: Default::default(),
        payload: 1000_u16.to_be_bytes().to_vec(),
    };
    frames.queue(&Outgoing::Raw(close.encode()));
    // The end of the program ends it otherwise.
    let _ = timeout(FAREWELL, frames.end_of_stream()).await;
}

/// Sends the messages of `-x`, and waits for that of `--after`.
///
/// # Errors
/// Why the server is not ready.
async fn log_in(settings: &AuditSettings, frames: &mut RawFrames) -> Result<(), String> {
    for template in &settings.login {
        let filled = settings.variables.fill(template);
        let filled = filled.map_err(|error| format!("-x: {error}"))?;
        settings.sinks.borrow_mut().hide(&filled);
        frames.queue(&Outgoing::Message(Payload::Text(filled.text.into())));
    }
    let Some(pattern) = &settings.after else {
        return Ok(());
    };
    let awaited = async {
        loop {
            match frames.next().await {
                Ok(Received::Message(payload)) if pattern.is_match(&payload) => return Ok(()),
                Ok(Received::Ping(payload)) => frames.queue(&Outgoing::Pong(payload)),
                Ok(Received::Close(_)) | Err(_) => {
                    return Err(format!(
                        "the server closed before a message matching {} (--after)",
                        pattern.as_str()
                    ));
                }
                Ok(_) => {}
            }
        }
    };
    timeout(settings.wait, awaited).await.unwrap_or_else(|_| {
        let wait = units::shown(settings.wait);
        let pattern = pattern.as_str();
        Err(format!(
            "no message matching {pattern} (--after) within {wait}"
        ))
    })
}

/// A probe that is being played.
struct Playing<'a> {
    settings: &'a AuditSettings,
    frames: RawFrames,
    observation: Observation,
    asks: bool,
    deadline: Instant,
    answered_at: Option<Instant>,
    /// When the ping behind the frames is sent again: some servers answer one at a time, and forget the others.
    asks_again_at: Option<Instant>,
}

impl Playing<'_> {
    /// Sends the frames and the ping behind them. Stops when the connection ends.
    async fn send(&mut self, frames: &[Frame]) -> Result<(), Error> {
        let mut keys = MaskKeys::new().map_err(|error| Error::no_randomness(&error))?;
        for frame in frames {
            for _ in 0..frame.times {
                if frame.delay_ms > 0 {
                    self.frames.flush().await;
                    sleep(Duration::from_millis(frame.delay_ms)).await;
                }
                if frame.content == FrameContent::EndOfStream {
                    self.frames.shut_down();
                } else {
                    let bytes = self.bytes(frame, &mut keys);
                    self.queue(bytes, frame.is_in_pieces).await;
                }
            }
        }
        if self.asks {
            self.ask();
        }
        Ok(())
    }

    /// Queues the bytes of a frame; in pieces, writes each on its own.
    async fn queue(&mut self, bytes: Bytes, is_in_pieces: bool) {
        if !is_in_pieces {
            return self.frames.queue(&Outgoing::Raw(bytes));
        }
        for at in 0..bytes.len() {
            let byte = bytes.slice(at..=at);
            self.frames.queue(&Outgoing::Raw(byte));
            self.frames.flush().await;
            sleep(PIECE).await;
        }
    }

    /// The bytes of a frame.
    fn bytes(&self, frame: &Frame, keys: &mut MaskKeys) -> Bytes {
        let message = &self.settings.message;
        let mut middle = message.len() / 2;
        while !message.is_char_boundary(middle) {
            middle += 1;
        }
        let (head, tail) = message.split_at(middle);
        let payload = match frame.content {
            FrameContent::Bytes(bytes) => bytes.to_vec(),
            FrameContent::Filled(bytes) => vec![b'a'; bytes],
            FrameContent::Message => message.clone().into_bytes(),
            FrameContent::MessageHead => head.as_bytes().to_vec(),
            FrameContent::MessageTail => tail.as_bytes().to_vec(),
            FrameContent::Deflated(form, part) => {
                let mut bytes = deflated(message.as_bytes(), form);
                match part {
                    DeflatePart::Whole => bytes,
                    DeflatePart::Head => bytes[..1].to_vec(),
                    DeflatePart::Tail => bytes.split_off(1),
                }
            }
            FrameContent::Close(code, reason) => [&code.to_be_bytes(), reason.as_bytes()].concat(),
            FrameContent::Raw(bytes) => return Bytes::from_static(bytes),
            FrameContent::EndOfStream => return Bytes::new(),
        };
        let frame_bytes = RawFrame {
            first: frame.first,
            mask: match frame.mask {
                MaskChoice::Random => Some(keys.next_key()),
                MaskChoice::Key(key) => Some(key),
                MaskChoice::Unmasked => None,
            },
            length: frame.length,
            form: frame.form,
            payload,
        }
        .encode();
        frame_bytes.slice(
            ..frame
                .cut
                .map_or(frame_bytes.len(), |cut| cut.min(frame_bytes.len())),
        )
    }

    /// Watches the connection until nothing more is to be learned.
    async fn watch(&mut self, until: Until) {
        loop {
            let alarm = match (self.answered_at, self.asks_again_at) {
                (Some(_), _) if until == Until::Answered => return self.end(Ending::Open),
                (Some(answered), _) => self.deadline.min(answered + GRACE),
                (None, Some(again)) => self.deadline.min(again),
                (None, None) => self.deadline,
            };
            let next = tokio::select! {
                biased;
                next = self.frames.next() => next,
                () = sleep_until(alarm) => {
                    match (self.answered_at, self.asks_again_at.take()) {
                        (None, Some(_)) => self.ask(),
                        (None, None) => return self.end(Ending::TimedOut),
                        (Some(_), _) => return self.end(Ending::Open),
                    }
                    continue;
                }
            };
            match next {
                Ok(received) => {
                    if self.take(received, until).await {
                        return;
                    }
                }
                Err(end) => return self.end(ended(end)),
            }
        }
    }

    /// Sends the ping behind the frames.
    fn ask(&mut self) {
        self.frames.queue(&Outgoing::Ping(Bytes::from_static(ASK)));
    }

    /// Takes what came; true if that was the end.
    async fn take(&mut self, received: Received, until: Until) -> bool {
        match &received {
            Received::Pong(payload) if self.asks && **payload == *ASK => {
                self.observation.is_answered = true;
                self.answered_at.get_or_insert_with(Instant::now);
                return false;
            }
            Received::Ping(payload) if self.asks => {
                self.frames.queue(&Outgoing::Pong(payload.clone()));
            }
            Received::Close(close) => {
                self.end(Ending::Close(close.clone()));
                match until {
                    Until::TcpEnded => self.wait_for_tcp().await,
                    Until::NothingAfter => self.watch_for_more().await,
                    _ => {}
                }
                return true;
            }
            _ => {}
        }
        let is_awaited = matches!((&received, until), (Received::Pong(payload), Until::Pong(wanted)) if **payload == *wanted);
        if is_awaited {
            self.end(Ending::Open);
        }
        if is_awaited || self.observation.received.len() < KEPT {
            self.observation.received.push(received);
        }
        is_awaited
    }

    /// Waits for the end of TCP after the server's close frame.
    async fn wait_for_tcp(&mut self) {
        let ended = timeout_at(self.deadline, self.frames.end_of_stream()).await;
        self.observation.tcp_end = ended.ok();
    }

    /// Waits for something after the server's close frame, which is a violation, or the end of TCP.
    async fn watch_for_more(&mut self) {
        if let Ok(Err(RawEnd::Violation(violation))) =
            timeout_at(self.deadline, self.frames.next()).await
        {
            self.end(Ending::Violation(violation));
        }
    }

    fn end(&mut self, ending: Ending) {
        self.observation.ending = ending;
    }
}

/// How a connection ended.
fn ended(end: RawEnd) -> Ending {
    match end {
        RawEnd::Violation(violation) => Ending::Violation(violation),
        RawEnd::Ended => Ending::Ended,
        RawEnd::Failed(error) => Ending::Failed(io_text(&error)),
    }
}
