//! A probe as a value: what is sent, what a correct server does, and where that is written.
//!
//! The tables in `probes` are made of these values. A row is read from left to right: the id, what is sent in words,
//! what is sent in bytes, then how much it matters (`must`, `should`, `may`), what is required, and the sections.

use std::fmt;

use super::baseline::Baseline;
use super::judgement::Judgement;
use super::observation::Observation;
use crate::connection::frame::Opcode;
use crate::connection::tls::old::OldVersion;
use crate::connection::wire::header::{FIN, LengthForm, RSV1, RSV2, RSV3};
use crate::connection::wire::raw::DeflateForm;

/// One probe.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Its name, a contract: `frames-unmasked`. The first word is its group.
    pub id: &'static str,
    /// What is sent, in words.
    pub sent: &'static str,
    /// What is sent.
    pub action: Action,
    /// What is required of the server.
    pub requirement: Requirement,
    /// How much it matters if the requirement is not met.
    pub severity: Severity,
    /// The sections that require it, separated by `; `.
    pub sections: &'static str,
    /// Whether it runs only with `--intrusive`, last and alone.
    pub is_intrusive: bool,
}

/// What a probe does.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Sends a handshake, and frames once the connection is open.
    Exchange(Exchange),
    /// Something that cannot be said in a table.
    Special(Special),
}

/// A probe with a procedure of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Whether the server still accepts connections, after all other probes.
    Survival,
    /// Whether the URL is encrypted.
    Encrypted,
    /// Whether the certificate is accepted, `--insecure` or not.
    Certificate,
    /// How long the certificate is valid.
    CertificateDays,
    /// Whether TLS 1.3 is spoken.
    Tls13,
    /// Whether an old version of TLS is refused.
    OldTls(OldVersion),
    /// Whether TLS ends with close_notify.
    CloseNotify,
    /// Half a request, and silence.
    SlowHead,
    /// So many half requests at a time, then a whole one.
    HalfOpen(usize),
}

impl Special {
    /// Whether it runs after all others.
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Survival)
    }

    /// Whether it is about TLS.
    pub const fn is_of_tls(self) -> bool {
        matches!(
            self,
            Self::Certificate
                | Self::CertificateDays
                | Self::Tls13
                | Self::OldTls(_)
                | Self::CloseNotify
        )
    }
}

/// A handshake and frames.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// How the handshake differs from the usual one.
    pub changes: &'static [Change],
    /// The frames.
    pub frames: &'static [Frame],
    /// Whether a ping is sent behind the frames, to ask whether the server is still there.
    pub asks: bool,
}

/// A change of the upgrade request.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Another method than `GET`.
    Method(&'static str),
    /// Another version than `HTTP/1.1`.
    Version(&'static str),
    /// The target in absolute form (RFC 9112 §3.2.2).
    AbsoluteTarget,
    /// A query of this many bytes after the target.
    LongTarget(usize),
    /// Leaves a header out.
    Without(&'static str),
    /// Sends a header with this value in the place of the usual one.
    With(&'static str, &'static str),
    /// Sends another line of a header, behind the others.
    Again(&'static str, &'static str),
    /// Sends a header with this many bytes of value.
    LongHeader(&'static str, usize),
    /// Sends this many headers `X-Wsprobe-N`.
    ManyHeaders(usize),
    /// Sends an `Origin`.
    Origin(OriginForm),
    /// Writes the names of all headers in lower case.
    LowerCase,
    /// Writes the names of all headers in upper case.
    UpperCase,
    /// Writes this between names and values, in the place of `: `.
    Colon(&'static str),
    /// Writes the request in pieces of this many bytes, each as a segment of its own.
    InPieces(usize),
}

/// An `Origin`, as seen from the server's own (RFC 6454).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginForm {
    /// No header, as clients that are not browsers send.
    Missing,
    /// That of a page of the server itself, or the one of `-o`.
    Own,
    /// `https://wsprobe.invalid`.
    Foreign,
    /// `null`: a sandboxed frame, a local file (RFC 6454 §7.3).
    Null,
    /// `https://example.com.wsprobe.invalid`: the own name at the beginning of a foreign one.
    NameAsPrefix,
    /// `https://evilexample.com`: the own name at the end of a foreign one.
    NameAsSuffix,
    /// `https://wsprobe.example.com`: a name below the own one.
    Subdomain,
    /// The own origin with http for https, or https for http.
    OtherScheme,
    /// The own origin with another port.
    OtherPort,
}

/// What is required of a server.
#[derive(Clone, Copy, Debug)]
pub enum Requirement {
    /// The handshake succeeds (101).
    Opens,
    /// The handshake is answered with an error status.
    Refused,
    /// The handshake may be answered with anything but a WebSocket connection.
    NotOpened,
    /// The handshake succeeds, or is refused in HTTP.
    OpensOrRefused,
    /// The handshake is refused, because of its `Origin`.
    OriginRefused,
    /// The connection goes on: the ping behind the frames is answered.
    Lives,
    /// The connection goes on, or is closed with one of these codes.
    LivesOr(&'static [u16]),
    /// The server survives: it accepts connections afterwards.
    Survives,
    /// The connection is failed (§7.1.7): a close frame with one of these codes, or the end of TCP, and no answer to
    /// the ping behind the frames.
    Fails(&'static [u16]),
    /// A pong with this payload comes.
    Pong(&'static [u8]),
    /// A close frame with one of these codes comes, in answer to ours. 1005 is a close frame without a code.
    Closes(&'static [u16]),
    /// What it says, as the function judges.
    Judged(&'static str, fn(&Observation) -> Judgement),
    /// What it says, as the function judges with what is known of the server; how long it is watched.
    Weighed(
        &'static str,
        Until,
        fn(&Observation, &Baseline) -> Judgement,
    ),
}

/// How long a connection is watched; never longer than the time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until the ping behind the frames is answered, or the connection ends.
    Answered,
    /// Until a pong with this payload comes, or the connection ends.
    Pong(&'static [u8]),
    /// Until the connection ends. After the answer to the ping behind, for a grace period only.
    Ended,
    /// Until the server has ended TCP too.
    TcpEnded,
    /// Until something comes behind the server's close frame, or the end of TCP.
    NothingAfter,
}

impl Requirement {
    /// How long a connection is watched.
    pub const fn until(&self) -> Until {
        match self {
            Self::Pong(payload) => Until::Pong(payload),
            Self::Fails(_) => Until::Ended,
            Self::Closes(_) | Self::Judged(..) => Until::TcpEnded,
            Self::Weighed(_, until, _) => *until,
            _ => Until::Answered,
        }
    }
}

/// How much an unmet requirement matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing: it passes.
    Info,
    /// A SHOULD, a duty of the sender alone, a matter of policy.
    Warning,
    /// A MUST.
    Error,
}

/// The groups of probes, in their order.
pub const GROUPS: [&str; 10] = [
    "handshake",
    "origin",
    "frames",
    "fragments",
    "utf8",
    "close",
    "control",
    "limits",
    "compression",
    "tls",
];

/// A probe of the handshake: `changes` say how it differs from the usual one.
pub const fn request(id: &'static str, sent: &'static str, changes: &'static [Change]) -> Probe {
    Probe::new(
        id,
        sent,
        Action::Exchange(Exchange {
            changes,
            frames: &[],
            asks: false,
        }),
    )
}

/// A probe that sends frames on an open connection, and a ping behind them.
pub const fn frames(id: &'static str, sent: &'static str, frames: &'static [Frame]) -> Probe {
    Probe::new(
        id,
        sent,
        Action::Exchange(Exchange {
            changes: &[],
            frames,
            asks: true,
        }),
    )
}

/// A probe that cannot be said in a table.
pub const fn special(id: &'static str, sent: &'static str, special: Special) -> Probe {
    Probe::new(id, sent, Action::Special(special))
}

impl Probe {
    const fn new(id: &'static str, sent: &'static str, action: Action) -> Self {
        Self {
            id,
            sent,
            action,
            requirement: Requirement::Lives,
            severity: Severity::Error,
            sections: "",
            is_intrusive: false,
        }
    }

    const fn requires(
        self,
        severity: Severity,
        requirement: Requirement,
        sections: &'static str,
    ) -> Self {
        Self {
            severity,
            requirement,
            sections,
            ..self
        }
    }

    /// A server that does otherwise is wrong.
    pub const fn must(self, requirement: Requirement, sections: &'static str) -> Self {
        self.requires(Severity::Error, requirement, sections)
    }

    /// A server that does otherwise gets a warning.
    pub const fn should(self, requirement: Requirement, sections: &'static str) -> Self {
        self.requires(Severity::Warning, requirement, sections)
    }

    /// A server may do otherwise; the row says what it does.
    pub const fn may(self, requirement: Requirement, sections: &'static str) -> Self {
        self.requires(Severity::Info, requirement, sections)
    }

    /// Sends frames once the handshake has succeeded, and a ping behind them.
    pub const fn then(self, frames: &'static [Frame]) -> Self {
        match self.action {
            Action::Exchange(exchange) => Self {
                action: Action::Exchange(Exchange {
                    frames,
                    asks: true,
                    ..exchange
                }),
                ..self
            },
            Action::Special(_) => self,
        }
    }

    /// Sends no ping behind the frames, since it would be part of an unfinished one, or come after a close frame.
    pub const fn without_ping(self) -> Self {
        match self.action {
            Action::Exchange(exchange) => Self {
                action: Action::Exchange(Exchange {
                    asks: false,
                    ..exchange
                }),
                ..self
            },
            Action::Special(_) => self,
        }
    }

    /// With this offer, which the server must have accepted for the frames to have a meaning.
    pub const fn offering(self, changes: &'static [Change]) -> Self {
        match self.action {
            Action::Exchange(exchange) => Self {
                action: Action::Exchange(Exchange {
                    changes,
                    ..exchange
                }),
                ..self
            },
            Action::Special(_) => self,
        }
    }

    /// Whether it sends frames.
    pub fn sends_frames(&self) -> bool {
        matches!(self.action, Action::Exchange(exchange) if !exchange.frames.is_empty())
    }

    /// Whether its frames have a meaning only with an extension that it offers.
    pub fn needs_compression(&self) -> bool {
        let Action::Exchange(exchange) = self.action else {
            return false;
        };
        let offers =
            |change: &Change| matches!(change, Change::With("Sec-WebSocket-Extensions", _));
        !exchange.frames.is_empty() && exchange.changes.iter().any(offers)
    }

    /// Runs only with `--intrusive`.
    pub const fn intrusive(self) -> Self {
        Self {
            is_intrusive: true,
            ..self
        }
    }

    /// Its group, the first word of its id.
    pub fn group(&self) -> &'static str {
        self.id.split('-').next().unwrap_or_default()
    }

    /// The sections that require it.
    pub fn rfc(&self) -> Vec<&'static str> {
        self.sections
            .split("; ")
            .filter(|it| !it.is_empty())
            .collect()
    }

    /// The kinds of data frames that it sends, which an application may dislike.
    pub fn data(&self) -> (bool, bool) {
        let Action::Exchange(exchange) = self.action else {
            return (false, false);
        };
        let sends = |opcode| {
            let mut frames = exchange.frames.iter();
            frames.any(|frame| Opcode::of(frame.first) == opcode && !frame.is_raw())
        };
        (sends(Opcode::Text), sends(Opcode::Binary))
    }
}

/// One frame to send, legal or not.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// FIN, RSV1 to RSV3 and the opcode.
    pub first: u8,
    /// The masking key.
    pub mask: MaskChoice,
    /// The declared length, if it is not that of the payload.
    pub length: Option<u64>,
    /// How the length is written.
    pub form: LengthForm,
    /// The payload.
    pub content: FrameContent,
    /// How many bytes of the frame are sent; `None` is all.
    pub cut: Option<usize>,
    /// How often it is sent.
    pub times: u32,
    /// How long to wait before it, in milliseconds.
    pub delay_ms: u64,
    /// Whether each of its bytes is written on its own.
    pub is_in_pieces: bool,
}

/// The masking key of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskChoice {
    /// An unpredictable one, as RFC 6455 §5.3 requires.
    Random,
    /// This one.
    Key([u8; 4]),
    /// None.
    Unmasked,
}

/// The payload of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameContent {
    /// These bytes.
    Bytes(&'static [u8]),
    /// This many bytes `a`.
    Filled(usize),
    /// The text of `--message`.
    Message,
    /// Its first half.
    MessageHead,
    /// Its second half.
    MessageTail,
    /// The text of `--message`, compressed.
    Deflated(DeflateForm, DeflatePart),
    /// A close code and a reason.
    Close(u16, &'static str),
    /// Bytes without a frame around them.
    Raw(&'static [u8]),
    /// The end of our direction of TCP.
    EndOfStream,
}

/// Which bytes of a compressed message are the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeflatePart {
    /// All.
    Whole,
    /// The first byte.
    Head,
    /// All but the first byte.
    Tail,
}

/// The text message that the application accepts, compressed.
pub const fn deflated(form: DeflateForm) -> Frame {
    Frame::new(
        Opcode::Text,
        FrameContent::Deflated(form, DeflatePart::Whole),
    )
    .rsv1()
}

/// The beginning of the compressed text message, to be continued.
pub const fn deflated_head() -> Frame {
    let content = FrameContent::Deflated(DeflateForm::Alone, DeflatePart::Head);
    Frame::new(Opcode::Text, content).rsv1().not_final()
}

/// The rest of the compressed text message, in a continuation frame.
pub const fn deflated_tail() -> Frame {
    let content = FrameContent::Deflated(DeflateForm::Alone, DeflatePart::Tail);
    Frame::new(Opcode::Continuation, content)
}

/// The text message that the application accepts.
pub const fn message() -> Frame {
    Frame::new(Opcode::Text, FrameContent::Message)
}

/// The first half of the text message, to be continued.
pub const fn message_head() -> Frame {
    Frame::new(Opcode::Text, FrameContent::MessageHead).not_final()
}

/// The second half of the text message, in a continuation frame.
pub const fn message_tail() -> Frame {
    Frame::new(Opcode::Continuation, FrameContent::MessageTail)
}

/// The same message as binary.
pub const fn binary_message() -> Frame {
    Frame::new(Opcode::Binary, FrameContent::Message)
}

/// A text message in one frame.
pub const fn text(bytes: &'static [u8]) -> Frame {
    Frame::new(Opcode::Text, FrameContent::Bytes(bytes))
}

/// A binary message in one frame.
pub const fn binary(bytes: &'static [u8]) -> Frame {
    Frame::new(Opcode::Binary, FrameContent::Bytes(bytes))
}

/// A text message of this many bytes.
pub const fn long_text(bytes: usize) -> Frame {
    Frame::new(Opcode::Text, FrameContent::Filled(bytes))
}

/// A binary message of this many bytes.
pub const fn long_binary(bytes: usize) -> Frame {
    Frame::new(Opcode::Binary, FrameContent::Filled(bytes))
}

/// The last continuation frame of a message.
pub const fn continuation(bytes: &'static [u8]) -> Frame {
    Frame::new(Opcode::Continuation, FrameContent::Bytes(bytes))
}

/// A ping.
pub const fn ping(bytes: &'static [u8]) -> Frame {
    Frame::new(Opcode::Ping, FrameContent::Bytes(bytes))
}

/// A pong that nobody has asked for.
pub const fn pong(bytes: &'static [u8]) -> Frame {
    Frame::new(Opcode::Pong, FrameContent::Bytes(bytes))
}

/// A close frame with a code and a reason.
pub const fn close(code: u16, reason: &'static str) -> Frame {
    Frame::new(Opcode::Close, FrameContent::Close(code, reason))
}

/// A close frame with this payload.
pub const fn close_bytes(payload: &'static [u8]) -> Frame {
    Frame::new(Opcode::Close, FrameContent::Bytes(payload))
}

/// A frame with a reserved opcode.
pub const fn reserved(opcode: u8, bytes: &'static [u8]) -> Frame {
    Frame::new(Opcode::Reserved(opcode), FrameContent::Bytes(bytes))
}

/// Bytes without a frame around them.
pub const fn raw(bytes: &'static [u8]) -> Frame {
    Frame::new(Opcode::Binary, FrameContent::Raw(bytes))
}

/// The end of our direction of TCP.
pub const fn end_of_stream() -> Frame {
    Frame::new(Opcode::Close, FrameContent::EndOfStream)
}

impl Frame {
    const fn new(opcode: Opcode, content: FrameContent) -> Self {
        Self {
            first: FIN | opcode.bits(),
            mask: MaskChoice::Random,
            length: None,
            form: LengthForm::Shortest,
            content,
            cut: None,
            times: 1,
            delay_ms: 0,
            is_in_pieces: false,
        }
    }

    /// Whether it is no frame.
    pub const fn is_raw(&self) -> bool {
        matches!(
            self.content,
            FrameContent::Raw(_) | FrameContent::EndOfStream
        )
    }

    const fn bits(self, bits: u8) -> Self {
        Self {
            first: self.first | bits,
            ..self
        }
    }

    /// Without FIN: another frame continues it.
    pub const fn not_final(self) -> Self {
        Self {
            first: self.first & !FIN,
            ..self
        }
    }

    /// With RSV1 set.
    pub const fn rsv1(self) -> Self {
        self.bits(RSV1)
    }

    /// With RSV2 set.
    pub const fn rsv2(self) -> Self {
        self.bits(RSV2)
    }

    /// With RSV3 set.
    pub const fn rsv3(self) -> Self {
        self.bits(RSV3)
    }

    /// Without a mask.
    pub const fn unmasked(self) -> Self {
        Self {
            mask: MaskChoice::Unmasked,
            ..self
        }
    }

    /// With this masking key.
    pub const fn masked_with(self, key: [u8; 4]) -> Self {
        Self {
            mask: MaskChoice::Key(key),
            ..self
        }
    }

    /// With this payload.
    pub const fn filled(self, bytes: usize) -> Self {
        Self {
            content: FrameContent::Filled(bytes),
            ..self
        }
    }

    /// Declares another length than it has.
    pub const fn declaring(self, bytes: u64) -> Self {
        Self {
            length: Some(bytes),
            ..self
        }
    }

    /// With its length written in 16 bits.
    pub const fn length16(self) -> Self {
        Self {
            form: LengthForm::Bits16,
            ..self
        }
    }

    /// With its length written in 64 bits.
    pub const fn length64(self) -> Self {
        Self {
            form: LengthForm::Bits64,
            ..self
        }
    }

    /// Only its first bytes.
    pub const fn cut(self, bytes: usize) -> Self {
        Self {
            cut: Some(bytes),
            ..self
        }
    }

    /// Sent so often.
    pub const fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// Each byte in a segment of its own.
    pub const fn in_pieces(self) -> Self {
        Self {
            is_in_pieces: true,
            ..self
        }
    }

    /// Sent so many milliseconds after what is before it.
    pub const fn after_ms(self, delay_ms: u64) -> Self {
        Self { delay_ms, ..self }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opens => f.write_str("101 Switching Protocols"),
            Self::Refused => f.write_str("an error status"),
            Self::NotOpened => f.write_str("any answer but a WebSocket connection"),
            Self::OpensOrRefused => f.write_str("101 Switching Protocols, or a 4xx"),
            Self::OriginRefused => f.write_str("an error status, such as 403"),
            Self::LivesOr(codes) => write!(f, "the connection goes on, or close {}", any_of(codes)),
            Self::Survives => f.write_str("the server accepts connections afterwards"),
            Self::Lives => f.write_str("the connection goes on: the ping behind it is answered"),
            Self::Fails(codes) => write!(f, "close {}, or the end of TCP", any_of(codes)),
            Self::Pong(payload) => write!(f, "a pong with the same {} bytes", payload.len()),
            Self::Closes(codes) => write!(f, "a close frame with {}", any_of(codes)),
            Self::Judged(words, _) | Self::Weighed(words, ..) => f.write_str(words),
        }
    }
}

/// `1002 or 1007`.
fn any_of(codes: &[u16]) -> String {
    let words = codes.iter().map(|code| match code {
        1005 => "no code".to_owned(),
        code => code.to_string(),
    });
    words.collect::<Vec<_>>().join(" or ")
}
