//! Close codes and close frames (RFC 6455 §7.4, IANA registry).

use std::fmt;

use super::error::Error;

/// The side that started the closing handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// The other side closed.
    Peer,
    /// We closed.
    Local,
    /// Neither side closed: the connection was lost.
    None,
}

impl Initiator {
    /// The word used in JSON events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Local => "local",
            Self::None => "none",
        }
    }
}

/// A close code. Any number is possible, since a peer can send any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the connection has served its purpose.
    pub const NORMAL: Self = Self(1000);
    /// 1001: an endpoint is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer violated the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1005: the close frame contained no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: a text message that is not UTF-8, or data that cannot be decompressed.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message violates the policy of the receiver.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is larger than the receiver accepts.
    pub const TOO_BIG: Self = Self(1009);
    /// 1014: a gateway could not reach the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The name of the code (RFC 6455 §7.4.1, IANA registry), or the name of its range.
    pub fn name(self) -> &'static str {
        match self.0 {
            1000 => "Normal Closure",
            1001 => "Going Away",
            1002 => "Protocol Error",
            1003 => "Unsupported Data",
            1004 => "Reserved",
            1005 => "No Status Received",
            1006 => "Abnormal Closure",
            1007 => "Invalid Frame Payload Data",
            1008 => "Policy Violation",
            1009 => "Message Too Big",
            1010 => "Mandatory Extension",
            1011 => "Internal Error",
            1012 => "Service Restart",
            1013 => "Try Again Later",
            1014 => "Bad Gateway",
            1015 => "TLS Handshake",
            3000 => "Unauthorized",
            3003 => "Forbidden",
            3008 => "Timeout",
            1016..=2999 => "Unassigned",
            3001..=3999 => "Registered Use",
            4000..=4999 => "Private Use",
            _ => "Invalid",
        }
    }

    /// Whether a close frame may contain this code (RFC 6455 §7.4.1 and §7.4.2).
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Whether this code means a normal end: 1000, 1001 or none (1005).
    pub fn is_proper_end(self) -> bool {
        matches!(self, Self::NORMAL | Self::GOING_AWAY | Self::NO_STATUS)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.name())
    }
}

/// The content of the close frame that we send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The code; `None` sends an empty close frame.
    pub code: Option<CloseCode>,
    /// The reason, at most 123 bytes.
    pub reason: String,
}

impl Default for CloseFrame {
    fn default() -> Self {
        Self {
            code: Some(CloseCode::NORMAL),
            reason: String::new(),
        }
    }
}

impl CloseFrame {
    /// Parses `CODE[:REASON]`.
    ///
    /// # Errors
    /// The code must not be sent, or the reason is longer than 123 bytes (RFC 6455 §5.5).
    pub fn parse(text: &str) -> Result<Self, String> {
        let (code, reason) = text.split_once(':').unwrap_or((text, ""));
        Self::new(code.trim(), reason)
    }

    /// Creates it from a code and a reason.
    ///
    /// # Errors
    /// As [`CloseFrame::parse`].
    pub fn new(code: &str, reason: &str) -> Result<Self, String> {
        let number: u16 = code
            .parse()
            .map_err(|_| format!("invalid close code '{code}' (examples: 1000, 4000:reason)"))?;
        let code = CloseCode(number);
        if !code.is_sendable() {
            return Err(format!(
                "close code {code} must not be sent (RFC 6455 §7.4); use 1000-1003, 1007-1014 or 3000-4999"
            ));
        }
        if reason.len() > 123 {
            return Err(format!(
                "the close reason has {} bytes; the maximum is 123",
                reason.len()
            ));
        }
        Ok(Self {
            code: Some(code),
            reason: reason.to_owned(),
        })
    }
}

/// How an open connection ended.
#[derive(Clone, Debug)]
pub struct CloseInfo {
    /// Who started the closing handshake.
    pub by: Initiator,
    /// The peer's code; ours if the peer did not answer; 1006 if the connection was lost.
    pub code: CloseCode,
    /// The reason sent with the code.
    pub reason: String,
    /// Whether both close frames were exchanged.
    pub clean: bool,
    /// The error, if the connection was lost or the protocol was violated.
    pub error: Option<Box<Error>>,
}

impl fmt::Display for CloseInfo {
    /// `1008 (Policy Violation): no such room`; the reason is the peer's and is not escaped here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent_are_those_of_the_rfc() {
        let sendable: Vec<u16> = (0..=u16::MAX)
            .filter(|&code| CloseCode(code).is_sendable())
            .collect();
        let expected: Vec<u16> = (1000..=1003)
            .chain(1007..=1014)
            .chain(3000..=4999)
            .collect();
        assert_eq!(sendable, expected);
    }

    #[test]
    fn a_farewell_is_checked_before_anything_is_sent() {
        let farewell = CloseFrame::parse("4001:see: you").expect("a private code with a reason");
        assert_eq!(farewell.code, Some(CloseCode(4001)));
        assert_eq!(farewell.reason, "see: you");
        assert!(
            CloseFrame::parse("1006")
                .unwrap_err()
                .contains("1006 (Abnormal Closure)")
        );
        assert!(CloseFrame::parse("bye").is_err());
        assert!(CloseFrame::parse(&format!("1000:{}", "x".repeat(124))).is_err());
    }
}
