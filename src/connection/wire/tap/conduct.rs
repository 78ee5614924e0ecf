//! The rules that a peer is held to (RFC 6455 §5, RFC 7692 §6), frame by frame.

use crate::connection::close::Code;
use crate::connection::wire::frame::{self, Header, Opcode};
use crate::connection::wire::utf8::Utf8;
use crate::connection::wire::violation::Breach;

/// The peer's conduct: the rules it is held to, and where in a message it is.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) masks: bool,
    pub(super) rsv1: bool,
    pub(super) max_message: u64,
    /// The data message that has begun and not ended.
    pub(super) message: Option<Begun>,
    /// What the frames before the data frame at hand have declared of the same message, in bytes.
    pub(super) earlier: u64,
    /// The text that is checked as it arrives. A text that comes whole, in one frame and in one
    /// piece, is left to the WebSocket library: it is checked at once there, and need not be
    /// checked twice.
    pub(super) text: Option<Utf8>,
    pub(super) closed: bool,
}

/// A message that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// What its frames have declared so far, in bytes.
    pub(super) declared: u64,
    pub(super) compressed: bool,
}

impl Peer {
    /// Whether a frame may begin with this byte.
    #[inline]
    pub(super) fn check_first(&self, first: u8) -> Result<(), Breach> {
        let opcode = Opcode::of(first);
        if self.closed {
            return Err(Breach::AfterClose(opcode));
        }
        if first & (frame::RSV1 | frame::RSV2 | frame::RSV3) != 0 {
            self.check_reserved_bits(first, opcode)?;
        }
        match opcode {
            Opcode::Reserved(bits) => Err(Breach::ReservedOpcode(bits)),
            Opcode::Close | Opcode::Ping | Opcode::Pong if first & frame::FIN == 0 => {
                Err(Breach::FragmentedControl(opcode))
            }
            Opcode::Continuation if self.message.is_none() => Err(Breach::StrayContinuation),
            Opcode::Text | Opcode::Binary if self.message.is_some() => {
                Err(Breach::MessageWithinMessage)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    pub(super) fn check_reserved_bits(&self, first: u8, opcode: Opcode) -> Result<(), Breach> {
        if first & frame::RSV2 != 0 {
            return Err(Breach::ReservedBit(2));
        }
        if first & frame::RSV3 != 0 {
            return Err(Breach::ReservedBit(3));
        }
        match opcode {
            _ if !self.rsv1 => Err(Breach::Rsv1NotAgreed),
            Opcode::Text | Opcode::Binary | Opcode::Reserved(_) => Ok(()),
            _ => Err(Breach::Rsv1Misplaced(opcode)),
        }
    }

    /// Whether a frame may go on with this byte.
    #[inline]
    pub(super) fn check_second(&self, first: u8, second: u8) -> Result<(), Breach> {
        if frame::is_masked(second) != self.masks {
            return Err(if self.masks {
                Breach::NotMasked
            } else {
                Breach::Masked
            });
        }
        let opcode = Opcode::of(first);
        if opcode.is_control() && frame::is_extended(second) {
            return Err(Breach::LongControl(opcode));
        }
        Ok(())
    }

    /// Whether a frame may be as long as its header of `len` bytes says.
    #[inline]
    pub(super) fn check_length(&self, header: &Header, len: usize) -> Result<(), Breach> {
        let bytes = header.payload;
        let least = match len - header.mask.map_or(0, |mask| mask.len()) {
            2 => 0,
            4 => 126,
            _ => 1 << 16,
        };
        if bytes < least {
            return Err(Breach::LengthNotMinimal(bytes));
        }
        if bytes >> 63 != 0 {
            return Err(Breach::LengthTopBit(bytes));
        }
        if header.opcode().is_control() {
            return Ok(());
        }
        let Begun {
            declared,
            compressed,
        } = self.with(header);
        let limit = self.max_message;
        if declared
            > if compressed {
                at_most_compressed(limit)
            } else {
                limit
            }
        {
            return Err(Breach::TooLarge { declared, limit });
        }
        Ok(())
    }

    /// The message that a data frame belongs to, that frame included.
    #[inline]
    pub(super) fn with(&self, header: &Header) -> Begun {
        match self.message {
            Some(message) => Begun {
                declared: message.declared.saturating_add(header.payload),
                ..message
            },
            None => Begun {
                declared: header.payload,
                compressed: header.rsv1(),
            },
        }
    }

    /// A frame that passed the checks has begun. Returns whether its payload is looked at;
    /// `goes_on` says that not all of it is there yet.
    #[inline]
    pub(super) fn start(&mut self, header: &Header, goes_on: bool) -> bool {
        match header.opcode() {
            Opcode::Close => {
                self.closed = true;
                return false;
            }
            opcode if opcode.is_control() => return false,
            Opcode::Text if !header.rsv1() && (goes_on || !header.is_final()) => {
                self.text = Some(Utf8::default());
            }
            _ => {}
        }
        self.earlier = self.message.map_or(0, |message| message.declared);
        self.message = (!header.is_final()).then(|| self.with(header));
        self.text.is_some()
    }

    /// Reads a piece of a data message.
    pub(super) fn read(&mut self, piece: &[u8]) -> Result<(), Breach> {
        match &mut self.text {
            Some(text) => text.push(piece).map_err(|_| Breach::TextNotUtf8),
            None => Ok(()),
        }
    }

    /// A frame has ended.
    pub(super) fn finish(&mut self, header: &Header) -> Result<(), Breach> {
        if header.opcode().is_control() || !header.is_final() {
            return Ok(());
        }
        match self.text.take() {
            Some(text) => text.end().map_err(|_| Breach::TextNotUtf8),
            None => Ok(()),
        }
    }
}

/// The most that a message of `limit` bytes may take when it is compressed. Compressed bytes are
/// never kept, so this only has to stop what is plainly absurd, and must not stop a peer that
/// compresses badly or flushes after each byte.
pub(super) const fn at_most_compressed(limit: u64) -> u64 {
    limit.saturating_mul(2).saturating_add(1 << 16)
}

pub(super) fn check_close(payload: &[u8]) -> Result<(), Breach> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(())
        } else {
            Err(Breach::CloseOneByte)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !Code(code).is_sendable() {
        return Err(Breach::CloseCode(code));
    }
    if str::from_utf8(reason).is_err() {
        return Err(Breach::CloseReasonNotUtf8(code));
    }
    if Code(code) == Code::BAD_GATEWAY {
        return Err(Breach::UnknownBelow(code));
    }
    Ok(())
}
