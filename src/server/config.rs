//! What a server does with its clients, settled before it listens.

use std::time::Duration;

use super::access::AccessPolicy;
use super::faults::BadFrame;
use crate::connection::Limits;
use crate::connection::close::CloseFrame;
use crate::connection::message::Text;

/// How long a client may take from TCP to the end of its request, TLS included.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// What a server does.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What becomes of a message.
    pub mode: ReplyMode,
    /// What every client is sent first.
    pub greeting: Option<Text>,
    /// What answers every message in place of its echo.
    pub reply: Option<Text>,
    /// How long each reply is held back, from the arrival of what it answers.
    pub delay: Option<Delay>,
    /// The faults, the earliest first.
    pub steps: Vec<PlannedFault>,
    /// Whether pings stay unanswered.
    pub ignores_pings: bool,
    /// The subprotocols spoken; with none, whatever the client offers first.
    pub subprotocols: Vec<String>,
    /// Whether permessage-deflate is agreed to.
    pub compresses: bool,
    /// Who is let in.
    pub access: AccessPolicy,
    /// Limits of time and size.
    pub limits: Limits,
    /// The most clients at a time.
    pub max_clients: usize,
    /// Whether every frame is told of.
    pub trace: bool,
}

impl ServerConfig {
    /// An echo server that lets everybody in.
    pub fn echo(max_size: usize) -> Self {
        Self {
            mode: ReplyMode::Echo,
            greeting: None,
            reply: None,
            delay: None,
            steps: Vec::new(),
            ignores_pings: false,
            subprotocols: Vec::new(),
            compresses: true,
            access: AccessPolicy::open(),
            limits: Limits {
                max_size,
                ..Limits::default()
            },
            max_clients: 10_000,
            trace: false,
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// It goes back.
    Echo,
    /// It goes to every client, its sender as well: all see the same order.
    Broadcast,
    /// It is counted.
    Sink,
    /// Nothing.
    Silent,
}

/// How long a reply is held back: a random time between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Delay {
    /// Reads `TIME` or `TIME..TIME`.
    ///
    /// # Errors
    /// Says which part cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let delay = Self {
            least: crate::units::duration(least)?,
            most: crate::units::duration(most)?,
        };
        if delay.least > delay.most {
            return Err(format!("'{text}' ends before it begins"));
        }
        Ok(delay)
    }

    /// A time between the two.
    pub fn draw(self) -> Duration {
        let width = self.most - self.least;
        if width.is_zero() {
            return self.least;
        }
        // Without randomness it is the shortest time, every time.
        let part = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
        self.least + width.mul_f64(part)
    }
}

/// A fault and when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    /// Once so many messages have come and all answers to them have left.
    pub after: u64,
    /// What happens.
    pub act: FaultAction,
}

/// What a server does to a client that deserves better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// It closes, with a code of any kind.
    Close(CloseFrame),
    /// It ends TCP without a close frame.
    Drop,
    /// It reads and writes no more, and keeps the connection.
    Stall,
    /// It sends a frame that breaks the protocol.
    Send(BadFrame),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_a_time_or_a_span_of_times() {
        let ms = Duration::from_millis;
        let table = [
            ("10ms", Some((10, 10))),
            ("0", Some((0, 0))),
            ("10ms..1s", Some((10, 1000))),
            ("1s..10ms", None),
            ("..", None),
            ("1s..", None),
        ];
        for (text, expected) in table {
            let read = Delay::parse(text).ok();
            let expected = expected.map(|(least, most)| Delay {
                least: ms(least),
                most: ms(most),
            });
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_drawn_delay_lies_in_its_span() {
        let delay = Delay::parse("10ms..20ms").expect("a span");
        for _ in 0..100 {
            let drawn = delay.draw();
            assert!(delay.least <= drawn && drawn <= delay.most, "{drawn:?}");
        }
    }
}
