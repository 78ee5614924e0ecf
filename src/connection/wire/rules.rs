//! Validates the frames of the peer (RFC 6455 §5, RFC 7692 §6).

use super::header::{self, FIN, FrameHeader, RSV1, RSV2, RSV3};
use super::violation::ViolationKind;
use crate::connection::close::CloseCode;
use crate::connection::frame::{ClosePayload, Opcode};

/// Validates frame headers, and tracks the current message of the peer.
#[derive(Debug)]
pub(super) struct FrameValidator {
    /// Whether the peer must mask its frames: a client must, a server must not (RFC 6455 §5.1).
    pub(super) masks: bool,
    /// Whether permessage-deflate was negotiated, which uses RSV1 (RFC 7692 §6).
    pub(super) rsv1: bool,
    /// The maximum size of a message, in bytes.
    pub(super) max_message: u64,
    /// The message whose last frame has not arrived.
    pub(super) message: Option<OpenMessage>,
    /// Whether the peer has sent its close frame.
    pub(super) closed: bool,
}

/// A message whose last frame has not arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenMessage {
    /// The declared payload of its frames so far, in bytes.
    declared: u64,
    compressed: bool,
}

impl FrameValidator {
    /// Parses and validates the header at the start of `bytes`, and returns its length; `None` if it is
    /// incomplete. The bytes of an incomplete header are validated too.
    ///
    /// # Errors
    /// The rule that it violates.
    #[inline]
    pub(super) fn header(
        &self,
        bytes: &[u8],
    ) -> Result<Option<(FrameHeader, usize)>, ViolationKind> {
        let [first, rest @ ..] = bytes else {
            return Ok(None);
        };
        self.check_first(*first)?;
        let [second, ..] = rest else {
            return Ok(None);
        };
        self.check_second(*first, *second)?;
        let Some((header, len)) = FrameHeader::parse(bytes) else {
            return Ok(None);
        };
        self.check_length(&header, len)?;
        Ok(Some((header, len)))
    }

    /// Records the start of a valid frame.
    #[inline]
    pub(super) fn start(&mut self, header: &FrameHeader) {
        match header.opcode() {
            Opcode::Close => self.closed = true,
            opcode if opcode.is_control() => {}
            _ => self.message = (!header.is_final()).then(|| self.with(header)),
        }
    }

    /// Validates the first byte of a header.
    #[inline]
    fn check_first(&self, first: u8) -> Result<(), ViolationKind> {
        let opcode = Opcode::of(first);
        if self.closed {
            return Err(ViolationKind::AfterClose(opcode));
        }
        if first & (RSV1 | RSV2 | RSV3) != 0 {
            self.check_reserved_bits(first, opcode)?;
        }
        match opcode {
            Opcode::Reserved(bits) => Err(ViolationKind::ReservedOpcode(bits)),
            Opcode::Close | Opcode::Ping | Opcode::Pong if first & FIN == 0 => {
                Err(ViolationKind::FragmentedControl(opcode))
            }
            Opcode::Continuation if self.message.is_none() => Err(ViolationKind::StrayContinuation),
            Opcode::Text | Opcode::Binary if self.message.is_some() => {
                Err(ViolationKind::MessageWithinMessage)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn check_reserved_bits(&self, first: u8, opcode: Opcode) -> Result<(), ViolationKind> {
        if first & RSV2 != 0 {
            return Err(ViolationKind::ReservedBit(2));
        }
        if first & RSV3 != 0 {
            return Err(ViolationKind::ReservedBit(3));
        }
        match opcode {
            _ if !self.rsv1 => Err(ViolationKind::Rsv1NotAgreed),
            Opcode::Text | Opcode::Binary | Opcode::Reserved(_) => Ok(()),
            _ => Err(ViolationKind::Rsv1Misplaced(opcode)),
        }
    }

    /// Validates the second byte of a header.
    #[inline]
    fn check_second(&self, first: u8, second: u8) -> Result<(), ViolationKind> {
        if header::is_masked(second) != self.masks {
            return Err(if self.masks {
                ViolationKind::NotMasked
            } else {
                ViolationKind::Masked
            });
        }
        let opcode = Opcode::of(first);
        if opcode.is_control() && header::is_extended(second) {
            return Err(ViolationKind::LongControl(opcode));
        }
        Ok(())
    }

    /// Validates the declared payload length; the header has `len` bytes.
    #[inline]
    fn check_length(&self, header: &FrameHeader, len: usize) -> Result<(), ViolationKind> {
        let bytes = header.payload;
        let least = match len - header.mask.map_or(0, |mask| mask.len()) {
            2 => 0,
            4 => 126,
            _ => 1 << 16,
        };
        if bytes < least {
            return Err(ViolationKind::LengthNotMinimal(bytes));
        }
        if bytes >> 63 != 0 {
            return Err(ViolationKind::LengthTopBit(bytes));
        }
        if header.opcode().is_control() {
            return Ok(());
        }
        let OpenMessage {
            declared,
            compressed,
        } = self.with(header);
        let limit = self.max_message;
        let most = if compressed {
            at_most_compressed(limit)
        } else {
            limit
        };
        if declared > most {
            return Err(ViolationKind::TooLarge { declared, limit });
        }
        Ok(())
    }

    /// The message of a data frame, including this frame.
    #[inline]
    fn with(&self, header: &FrameHeader) -> OpenMessage {
        match self.message {
            Some(message) => OpenMessage {
                declared: message.declared.saturating_add(header.payload),
                ..message
            },
            None => OpenMessage {
                declared: header.payload,
                compressed: header.rsv1(),
            },
        }
    }
}

/// The maximum compressed size of a message of `limit` bytes. Compressed bytes are not kept, so this only
/// stops absurd sizes; it allows for a peer that compresses badly or flushes after each byte.
const fn at_most_compressed(limit: u64) -> u64 {
    limit.saturating_mul(2).saturating_add(1 << 16)
}

/// Parses and validates the payload of a close frame (RFC 6455 §5.5.1 and §7.4).
///
/// # Errors
/// The rule that it violates, and the code and reason of the frame.
pub(super) fn close_payload(payload: &[u8]) -> Result<ClosePayload, (ViolationKind, ClosePayload)> {
    let seen = ClosePayload::read(payload);
    let kind = match (seen.code, payload) {
        (None, []) => return Ok(seen),
        (None, _) => ViolationKind::CloseOneByte,
        (Some(code), _) if !CloseCode(code).is_sendable() => ViolationKind::CloseCode(code),
        (Some(code), [_, _, reason @ ..]) if str::from_utf8(reason).is_err() => {
            ViolationKind::CloseReasonNotUtf8(code)
        }
        _ => return Ok(seen),
    };
    Err((kind, seen))
}
