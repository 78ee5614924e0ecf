//! Frames of RFC 6455 §5.2, implemented separately for the tests, so that a mistake in the code
//! under test cannot hide behind the same mistake here.

use std::fmt;
use std::io::{self, Read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
        [Continuation, Text, Binary, Close, Ping, Pong]
            .into_iter()
            .find(|opcode| *opcode as u8 == bits)
    }
}

/// One frame, its payload unmasked.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    pub opcode: Opcode,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(opcode: Opcode, payload: impl AsRef<[u8]>) -> Self {
        Self {
            fin: true,
            opcode,
            payload: payload.as_ref().to_vec(),
        }
    }

    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::new(Opcode::Text, text)
    }

    pub fn binary(bytes: impl AsRef<[u8]>) -> Self {
        Self::new(Opcode::Binary, bytes)
    }

    /// The last part of a message, or a middle one after [`Frame::unfinished`].
    pub fn continuation(part: impl AsRef<[u8]>) -> Self {
        Self::new(Opcode::Continuation, part)
    }

    /// A close frame: two bytes of code, then the reason (RFC 6455 §5.5.1).
    pub fn close(code: u16, reason: &str) -> Self {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        Self::new(Opcode::Close, payload)
    }

    /// The same frame with FIN cleared: another fragment follows.
    pub fn unfinished(self) -> Self {
        Self { fin: false, ..self }
    }

    /// The code and reason of a close frame; `None` if its payload is empty.
    pub fn close_code(&self) -> Option<(u16, String)> {
        let (code, reason) = self.payload.split_first_chunk()?;
        let reason = String::from_utf8_lossy(reason).into_owned();
        Some((u16::from_be_bytes(*code), reason))
    }

    /// The bytes on the wire, masked when a key is given (a client must, a server must not).
    pub fn encode(&self, mask: Option<[u8; 4]>) -> Vec<u8> {
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let mut wire = vec![(u8::from(self.fin) << 7) | self.opcode as u8];
        let length = self.payload.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => wire.push(masked | short),
            (_, Ok(medium)) => {
                wire.push(masked | 0x7e);
                wire.extend(medium.to_be_bytes());
            }
            _ => {
                wire.push(masked | 0x7f);
                wire.extend((length as u64).to_be_bytes());
            }
        }
        wire.extend(mask.into_iter().flatten());
        let start = wire.len();
        wire.extend(&self.payload);
        apply_mask(&mut wire[start..], mask.unwrap_or_default());
        wire
    }

    /// The next frame and its masking key; `UnexpectedEof` at the end of the stream.
    pub fn read(stream: &mut impl Read) -> io::Result<(Self, Option<[u8; 4]>)> {
        let [first, second] = read_array(stream)?;
        if first & 0x70 != 0 {
            return Err(broken(format!("reserved bits set in {first:#04x}")));
        }
        let opcode = Opcode::from_bits(first & 0x0f)
            .ok_or_else(|| broken(format!("unknown opcode in {first:#04x}")))?;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(read_array(stream)?)),
            127 => u64::from_be_bytes(read_array(stream)?),
            short => u64::from(short),
        };
        let mask = match second & 0x80 {
            0 => None,
            _ => Some(read_array(stream)?),
        };
        let mut payload = Vec::new();
        stream.take(length).read_to_end(&mut payload)?;
        if payload.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        apply_mask(&mut payload, mask.unwrap_or_default());
        let fin = first & 0x80 != 0;
        let frame = Self {
            fin,
            opcode,
            payload,
        };
        Ok((frame, mask))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.fin { "" } else { ", more follows" };
        write!(f, "{:?}({}{more})", self.opcode, show(&self.payload))
    }
}

/// Bytes for a failure message: quoted, and truncated if there are many.
pub fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 300;
    if bytes.len() <= SHOWN {
        format!("\"{}\"", bytes.escape_ascii())
    } else {
        let head = bytes[..SHOWN].escape_ascii();
        format!("\"{head}\"… {} bytes", bytes.len())
    }
}

fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in bytes.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

fn read_array<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    stream.read_exact(&mut array)?;
    Ok(array)
}

fn broken(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
