//! The configuration of a server.

use std::sync::Arc;
use std::time::Duration;

use super::access::AccessPolicy;
use super::faults::BadFrame;
use super::play::PlayPlan;
use super::upstream::Upstream;
use crate::connection::Limits;
use crate::connection::close::CloseFrame;
use crate::template::Template;

/// The time limit from accepting a connection to the end of its request, TLS included.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How messages are handled.
    pub mode: ReplyMode,
    /// The check file whose server this is, instead of `mode`.
    pub play: Option<Arc<PlayPlan>>,
    /// The first message to every client.
    pub greeting: Option<Template>,
    /// The reply to every message, instead of its echo.
    pub reply: Option<Template>,
    /// The delay of each reply, from the arrival of the message it answers.
    pub delay: Option<Delay>,
    /// The faults, the earliest first.
    pub steps: Vec<PlannedFault>,
    /// Whether pings are not answered.
    pub ignores_pings: bool,
    /// The supported subprotocols; if empty, the first one that the client offers is chosen.
    pub subprotocols: Vec<String>,
    /// Whether permessage-deflate is accepted.
    pub compresses: bool,
    /// Which requests are accepted.
    pub access: AccessPolicy,
    /// Time and size limits.
    pub limits: Limits,
    /// The most simultaneous clients.
    pub max_clients: usize,
    /// Whether every frame is an event.
    pub trace: bool,
    /// The server to which clients are joined, instead of being answered (`proxy`).
    pub upstream: Option<Upstream>,
}

impl ServerConfig {
    /// An echo server that accepts every request.
    pub fn echo(max_size: usize) -> Self {
        Self {
            mode: ReplyMode::Echo,
            play: None,
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
            upstream: None,
        }
    }
}

/// How messages are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Sent back.
    Echo,
    /// Sent to every client including the sender, in the same order to all.
    Broadcast,
    /// Counted.
    Sink,
    /// Ignored.
    Silent,
}

/// The delay of a reply: a random duration between two bounds.
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
    /// An invalid duration, or bounds in the wrong order.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let delay = Self {
            least: crate::units::duration(least)?,
            most: crate::units::duration(most)?,
        };
        if delay.least > delay.most {
            return Err(format!(
                "invalid delay '{text}': the first duration exceeds the second"
            ));
        }
        Ok(delay)
    }

    /// A random duration between the two.
    pub fn draw(self) -> Duration {
        let width = self.most - self.least;
        if width.is_zero() {
            return self.least;
        }
        // Without a source of randomness it is always the shortest.
        let part = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
        self.least + width.mul_f64(part)
    }
}

/// A fault and when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    /// The number of received messages after which it happens, once all replies to them were sent; for a proxy, of
    /// messages that were delivered to the client.
    pub after: u64,
    /// The fault.
    pub act: FaultAction,
}

/// A fault for testing clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// Close with this frame.
    Close(CloseFrame),
    /// Close TCP without a close frame.
    Drop,
    /// Stop reading and writing, and keep the connection open.
    Stall,
    /// Send a frame that violates the protocol.
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
