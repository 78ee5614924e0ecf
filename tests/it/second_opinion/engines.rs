//! Gives the same bytes to our codec and to tungstenite, an independent implementation, and lists where the two
//! may differ. The fuzz target `differential` includes this file.

use std::io::{self, Cursor, Read, Write};

use bytes::BytesMut;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocket, WebSocketConfig};
use wsprobe::connection::message::Payload;
use wsprobe::connection::wire::violation::ViolationKind;
use wsprobe::connection::wire::{Received, Role, Wire, WireSettings};

/// The largest message that either engine accepts, in bytes.
pub const LIMIT: usize = 1000;

/// The result of an engine for a stream.
#[derive(Debug, PartialEq)]
pub struct Outcome<E> {
    /// Messages, pings, pongs, in order.
    pub items: Vec<Message>,
    /// How it ended.
    pub end: End<E>,
}

/// How an engine stopped.
#[derive(Debug, PartialEq)]
pub enum End<E> {
    /// It waits for more.
    Waits,
    /// The peer closed, with this code.
    Closed(Option<u16>),
    /// It refused.
    Refused(E),
}

/// Our codec, fed at most `piece` bytes at a time.
pub fn ours(role: Role, bytes: &[u8], piece: usize) -> Outcome<ViolationKind> {
    let settings = WireSettings {
        compression: None,
        max_message: LIMIT as u64,
        trace: false,
        answers_pings: true,
    };
    let mut wire = Wire::new(role, &settings).expect("randomness");
    let mut input = BytesMut::new();
    let mut items = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        input.extend_from_slice(piece);
        loop {
            items.push(match wire.receive(&mut input) {
                Ok(Some(Received::Message(Payload::Text(text)))) => Message::Text(text),
                Ok(Some(Received::Message(payload))) => Message::Binary(payload.into_bytes()),
                Ok(Some(Received::Ping(bytes))) => Message::Ping(bytes),
                Ok(Some(Received::Pong(bytes))) => Message::Pong(bytes),
                Ok(Some(Received::Close(close))) => {
                    let end = End::Closed(close.code);
                    return Outcome { items, end };
                }
                Ok(Some(Received::Frame(_))) => continue,
                Ok(None) => break,
                Err(violation) => {
                    let end = End::Refused(violation.kind());
                    return Outcome { items, end };
                }
            });
        }
    }
    let end = End::Waits;
    Outcome { items, end }
}

/// Returns `piece` bytes per read, then `WouldBlock`; discards writes.
struct Peer<'a> {
    bytes: Cursor<&'a [u8]>,
    piece: usize,
}

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.piece);
        match self.bytes.read(&mut buffer[..most])? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The library, fed at most `piece` bytes at a time.
pub fn theirs(role: Role, bytes: &[u8], piece: usize) -> Outcome<Error> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMIT))
        .max_frame_size(Some(LIMIT));
    let peer = Peer {
        bytes: Cursor::new(bytes),
        piece: piece.max(1),
    };
    let mut socket = WebSocket::from_raw_socket(peer, role, Some(config));
    let mut items = Vec::new();
    loop {
        let end = match socket.read() {
            Ok(Message::Close(close)) => End::Closed(close.map(|close| close.code.into())),
            Ok(item) => {
                items.push(item);
                continue;
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => End::Waits,
            Err(error) => End::Refused(error),
        };
        return Outcome { items, end };
    }
}

/// A difference between the engines: a stream that shows it (as read by a client), and the reason.
pub struct Difference {
    /// Its name.
    pub name: &'static str,
    /// Whether it explains these two results.
    pub explains: fn(&End<ViolationKind>, &End<Error>) -> bool,
    /// A server's bytes that show it.
    pub example: &'static [u8],
    /// Why ours is right.
    pub reason: &'static str,
}

/// All differences. In all but the last three, our codec rejects sooner or more strictly.
#[rustfmt::skip]
pub const DIFFERENCES: [Difference; 6] = [
    Difference {
        name: "rejected before the frame is complete",
        explains: |ours, theirs| matches!((ours, theirs), (End::Refused(kind), End::Waits) if !matches!(kind, ViolationKind::LengthNotMinimal(_))),
        example: b"\xc1",
        reason: "the library checks most of a header, and text, once the frame is complete; \
                 RFC 6455 §7.1.7 and §8.1 allow an endpoint to fail the connection at once",
    },
    Difference {
        name: "a length in more bytes than it needs",
        explains: |ours, _| matches!(ours, End::Refused(kind) if needs_fewer_bytes(kind)),
        example: b"\x82\x7e\x00\x01x",
        reason: "RFC 6455 §5.2: the minimal number of bytes must be used; the library accepts any",
    },
    Difference {
        name: "an illegal close code",
        explains: |ours, theirs| matches!((ours, theirs), (End::Refused(ViolationKind::CloseCode(_)), End::Closed(Some(1002)) | End::Refused(Error::Utf8(_)))),
        example: b"\x88\x02\x03\xed",
        reason: "RFC 6455 §7.4: the library replaces the code by 1002 and reports a close, or checks \
                 the reason first",
    },
    Difference {
        name: "a close code that the library does not know",
        explains: |ours, theirs| matches!((ours, theirs), (End::Closed(Some(1014)), End::Closed(Some(1002)))),
        example: b"\x88\x02\x03\xf6",
        reason: "1014 is in the IANA registry of RFC 6455 §11.7; the library's list is older",
    },
    Difference {
        name: "a length with the top bit set",
        explains: |ours, theirs| matches!((ours, theirs), (End::Refused(ViolationKind::LengthTopBit(_)), End::Refused(Error::Capacity(_)))),
        example: b"\x82\x7f\x80\0\0\0\0\0\0\0",
        reason: "RFC 6455 §5.2: it is illegal (1002), not only too large (1009)",
    },
    Difference {
        name: "declared too large, with another violation",
        explains: |ours, theirs| matches!((ours, theirs), (End::Refused(a), End::Refused(b)) if is_too_large(a) != matches!(b, Error::Capacity(CapacityError::MessageTooLong { .. }))),
        example: b"\xc2\x7e\xff\xff",
        reason: "both refuse; our codec reports the first violation of the header, the library the size",
    },
];

/// Whether the length may be in more bytes than it needs. For a control frame the codec rejects any extended length at
/// the second byte, before it knows the length; the library accepts one of at most 125.
fn needs_fewer_bytes(kind: &ViolationKind) -> bool {
    matches!(
        kind,
        ViolationKind::LengthNotMinimal(_) | ViolationKind::LongControl(_)
    )
}

fn is_too_large(kind: &ViolationKind) -> bool {
    matches!(kind, ViolationKind::TooLarge { .. })
}

/// The reason why the results differ; `Ok(None)` if they are equal.
///
/// # Errors
/// A difference that no entry of the table explains.
pub fn compare(role: Role, bytes: &[u8], piece: usize) -> Result<Option<&'static str>, String> {
    let (ours, theirs) = (ours(role, bytes, piece), theirs(role, bytes, piece));
    let unexplained = || {
        Err(format!(
            "{role:?} {}: {ours:?} {theirs:?}",
            bytes.escape_ascii()
        ))
    };
    if ours.items != theirs.items {
        // After our codec has rejected a frame, the library may decode more frames.
        let is_sooner = matches!(&ours.end, End::Refused(kind) if needs_fewer_bytes(kind))
            && theirs.items.starts_with(&ours.items);
        return if is_sooner {
            Ok(Some(DIFFERENCES[1].name))
        } else {
            unexplained()
        };
    }
    if agree(&ours.end, &theirs.end) {
        return Ok(None);
    }
    let explains = |difference: &&Difference| (difference.explains)(&ours.end, &theirs.end);
    match DIFFERENCES.iter().find(explains) {
        Some(difference) => Ok(Some(difference.name)),
        None => unexplained(),
    }
}

fn agree(ours: &End<ViolationKind>, theirs: &End<Error>) -> bool {
    match (ours, theirs) {
        (End::Waits, End::Waits) => true,
        (End::Closed(ours), End::Closed(theirs)) => ours == theirs,
        (End::Refused(kind), End::Refused(Error::Capacity(_))) => is_too_large(kind),
        (End::Refused(kind), End::Refused(Error::Utf8(_))) => matches!(
            kind,
            ViolationKind::TextNotUtf8 | ViolationKind::CloseReasonNotUtf8(_)
        ),
        (End::Refused(kind), End::Refused(Error::Protocol(theirs))) => {
            // The library has no equivalent of some violations: both must reject.
            !matches!(theirs, ProtocolError::ResetWithoutClosingHandshake)
                && !is_too_large(kind)
                && *kind != ViolationKind::TextNotUtf8
        }
        _ => false,
    }
}
