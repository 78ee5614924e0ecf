//! An echo server for `wsprobe audit`: correct in every respect, or with one fault, which has the name of the probe
//! that must find it.
//!
//! It is written from the RFCs with a codec of its own, and serves any number of connections, each in its own thread.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::request::Request;

/// Removed from the end of a compressed message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The fault of a server that sends noise, before its seed.
const NOISE: &str = "noise ";

/// The largest message that is accepted, in bytes.
const MAX_MESSAGE: u64 = 1 << 20;

/// A connection that is silent for longer has been forgotten by the client.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server that is audited.
#[must_use = "the server ends when it is dropped"]
pub struct Audited {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Audited {
    /// A server without a fault.
    pub fn correct() -> Self {
        Self::with("")
    }

    /// A server with the fault that the probe of this name finds.
    pub fn with(fault: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ends = Arc::<AtomicBool>::default();
        let (fault, told) = (fault.to_owned(), Arc::clone(&ends));
        let thread = thread::spawn(move || accept(&listener, &fault, &told));
        Self {
            address,
            ends,
            thread: Some(thread),
        }
    }

    /// A server that answers every handshake, and then sends noise.
    pub fn noise(seed: u64) -> Self {
        Self::with(&format!("{NOISE}{seed}"))
    }

    /// `ws://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

impl Drop for Audited {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves clients until the server is dropped; their connections end with it.
fn accept(listener: &TcpListener, fault: &str, ends: &AtomicBool) {
    let mut clients = Vec::new();
    thread::scope(|scope| {
        for stream in listener.incoming() {
            if ends.load(Ordering::SeqCst) {
                break;
            }
            let Ok(stream) = stream else { continue };
            if let Ok(copy) = stream.try_clone() {
                clients.push(copy);
            }
            scope.spawn(move || serve(stream, fault));
        }
        for client in &clients {
            let _ = client.shutdown(Shutdown::Both);
        }
    });
}

/// Serves one client. How its connection ends does not matter to the server.
fn serve(mut stream: TcpStream, fault: &str) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_nodelay(true);
    let Ok(request) = Request::read(&mut stream) else {
        return;
    };
    let deflate = match upgrade(&mut stream, &request, fault) {
        Ok(deflate) => deflate,
        Err(()) => return,
    };
    if let Some(seed) = fault.strip_prefix(NOISE) {
        return make_noise(&mut stream, seed.parse().unwrap());
    }
    let mut session = Session {
        stream,
        fault,
        deflate,
        message: None,
        has_closed: false,
        is_mute: false,
        pings: 0,
    };
    while matches!(session.frame(), Ok(true)) {}
    if session.lets("close-ends-tcp") && session.has_closed {
        // Until the client has left.
        let _ = io::copy(&mut session.stream, &mut io::sink());
    }
    // What the client still sends must not turn the end into a reset, which could destroy the close frame.
    let _ = session.stream.shutdown(Shutdown::Write);
    let _ = session
        .stream
        .set_read_timeout(Some(Duration::from_millis(200)));
    let _ = io::copy(&mut (&session.stream).take(1 << 20), &mut io::sink());
}

/// Sends pseudo-random bytes, the first of which is a frame with reserved bits, and reads nothing.
fn make_noise(stream: &mut TcpStream, seed: u64) {
    let mut state = seed;
    let mut bytes = vec![0xf1];
    bytes.extend((0..2000).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    }));
    let _ = stream.write_all(&bytes);
    let _ = io::copy(stream, &mut io::sink());
}

/// Answers a handshake.
fn upgrade(stream: &mut TcpStream, request: &Request, fault: &str) -> Result<Option<Deflate>, ()> {
    if request.check().is_err() {
        let _ = stream.write_all(
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        );
        return Err(());
    }
    let offers = request.values("sec-websocket-extensions").join(", ");
    let agreed = negotiate(&offers, fault);
    let extension = match &agreed {
        Some((_, words)) => {
            let repeats = fault == "compression-second-offer" && offers.contains("unknown");
            let more = if repeats { "; wsprobe_unknown" } else { "" };
            format!("Sec-WebSocket-Extensions: {words}{more}\r\n")
        }
        None => String::new(),
    };
    let refuses = match fault {
        "compression-client-bits" => offers.contains("client_max_window_bits=10"),
        "compression-client-takeover" => offers.ends_with("client_no_context_takeover"),
        _ => false,
    };
    let answer = if refuses {
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_owned()
    } else {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{extension}\r\n",
            request.accept_key()
        )
    };
    stream.write_all(answer.as_bytes()).map_err(drop)?;
    if refuses {
        return Err(());
    }
    Ok(agreed.map(|(deflate, _)| deflate))
}

/// The first acceptable offer of permessage-deflate, and the words that accept it (RFC 7692 §7.1).
fn negotiate(offers: &str, fault: &str) -> Option<(Deflate, String)> {
    offers
        .split(',')
        .find_map(|offer| accept_offer(offer, fault))
}

fn accept_offer(offer: &str, fault: &str) -> Option<(Deflate, String)> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next()? != "permessage-deflate" {
        return None;
    }
    let mut answer = "permessage-deflate".to_owned();
    let (mut seen, mut resets) = (Vec::new(), false);
    for part in parts {
        let (name, value) = part
            .split_once('=')
            .map_or((part, None), |(name, value)| (name, Some(value)));
        let value = value.map(|value| value.trim_matches('"'));
        let bits = value.and_then(|value| value.parse::<u8>().ok());
        let is_repeated = seen.contains(&name);
        seen.push(name);
        let wrong = match (name, value) {
            _ if is_repeated => "compression-parameter-twice",
            (
                "server_no_context_takeover"
                | "client_no_context_takeover"
                | "client_max_window_bits",
                None,
            ) => "",
            ("server_no_context_takeover", Some(_)) => "compression-server-takeover-value",
            ("client_no_context_takeover", Some(_)) => "compression-client-takeover-value",
            ("server_max_window_bits", None) => "compression-server-bits-missing",
            ("server_max_window_bits", _) if bits.is_some_and(|bits| bits < 8) => {
                "compression-server-bits-7"
            }
            ("server_max_window_bits", _) if bits.is_none_or(|bits| bits > 15) => {
                "compression-server-bits-16"
            }
            ("client_max_window_bits", _) if bits.is_some_and(|bits| bits < 8) => {
                "compression-client-bits-7"
            }
            ("client_max_window_bits", _) if bits.is_none_or(|bits| bits > 15) => {
                "compression-client-bits-16"
            }
            ("server_max_window_bits" | "client_max_window_bits", _) => "",
            _ => "compression-unknown-parameter",
        };
        if !wrong.is_empty() {
            if wrong != fault {
                return None;
            }
            continue;
        }
        let left_out = match name {
            "server_no_context_takeover" => {
                resets = fault != "compression-server-context";
                fault == "compression-server-takeover"
            }
            "server_max_window_bits" if part.contains('"') => {
                fault == "compression-server-bits-quoted"
            }
            "server_max_window_bits" if bits == Some(8) => fault == "compression-server-bits-8",
            "server_max_window_bits" => fault == "compression-server-bits",
            _ => name != "client_no_context_takeover",
        };
        if !left_out {
            answer.push_str(&format!("; {}", part.replace('"', "")));
        }
    }
    let deflate = Deflate {
        inflater: Decompress::new(false),
        deflater: Compress::new(Compression::default(), false),
        resets,
        forgets: fault == "compression-context-takeover",
    };
    Some((deflate, answer))
}

/// The state of permessage-deflate.
struct Deflate {
    inflater: Decompress,
    deflater: Compress,
    /// Whether each message that is sent is compressed alone.
    resets: bool,
    /// Whether the fault is to inflate each message alone.
    forgets: bool,
}

impl Deflate {
    fn inflate(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        if self.forgets {
            self.inflater.reset(false);
        }
        let mut out = Vec::new();
        for part in [payload, &TAIL] {
            let mut part = part;
            loop {
                let before = self.inflater.total_in();
                out.reserve(4096);
                let status = self
                    .inflater
                    .decompress_vec(part, &mut out, FlushDecompress::Sync)
                    .ok()?;
                part = &part[(self.inflater.total_in() - before) as usize..];
                if status == flate2::Status::StreamEnd {
                    // A final block (§7.2.3.4): what follows is a new stream.
                    self.inflater.reset(false);
                } else if part.is_empty() && out.len() < out.capacity() {
                    break;
                }
            }
        }
        Some(out)
    }

    fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        if self.resets {
            self.deflater.reset();
        }
        let mut out = Vec::with_capacity(message.len() + 1024);
        self.deflater
            .compress_vec(message, &mut out, FlushCompress::Sync)
            .unwrap();
        assert!(out.ends_with(&TAIL), "one flush was not enough");
        out.truncate(out.len() - TAIL.len());
        out
    }
}

/// The header of a frame, and its payload without the mask.
struct RawFrame {
    first: u8,
    mask: Option<[u8; 4]>,
    /// The bytes in which the length was written: 1, 2 or 8.
    length_bytes: usize,
    payload: Vec<u8>,
}

/// A message whose last fragment has not come.
struct Open {
    opcode: u8,
    is_compressed: bool,
    fragments: u32,
    payload: Vec<u8>,
}

/// One connection.
struct Session<'a> {
    stream: TcpStream,
    fault: &'a str,
    deflate: Option<Deflate>,
    message: Option<Open>,
    has_closed: bool,
    /// Whether the server has stopped answering.
    is_mute: bool,
    pings: u32,
}

impl Session<'_> {
    /// Whether the server has this fault.
    fn lets(&self, fault: &str) -> bool {
        self.fault == fault
    }

    /// Reads and handles one frame; false at the end.
    fn frame(&mut self) -> io::Result<bool> {
        let frame = match self.read()? {
            Ok(frame) => frame,
            Err(goes_on) => return Ok(goes_on),
        };
        if self.is_mute {
            return Ok(true);
        }
        if let Some(code) = self.violation(&frame) {
            return self.fail(code);
        }
        match frame.first & 0x0f {
            0x8 => self.closed(&frame),
            0x9 => self.pinged(&frame),
            0xa if self.lets("control-pong")
                || self.message.is_some() && self.lets("fragments-pong-between") =>
            {
                self.fail(1002)
            }
            0xa => Ok(true),
            _ => self.data(&frame),
        }
    }

    /// Reads a frame. A violation in the header ends the connection before the payload is there.
    fn read(&mut self) -> io::Result<Result<RawFrame, bool>> {
        let mut head = [0; 2];
        if self.lets("frames-in-pieces") {
            // Expects a whole header in one read.
            if self.stream.read(&mut head)? < 2 {
                return self.fail(1002).map(Err);
            }
        } else {
            self.stream.read_exact(&mut head)?;
        }
        let (length, length_bytes) = match head[1] & 0x7f {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length)?;
                (u64::from(u16::from_be_bytes(length)), 2)
            }
            127 => {
                let mut length = [0; 8];
                self.stream.read_exact(&mut length)?;
                (u64::from_be_bytes(length), 8)
            }
            short => (u64::from(short), 1),
        };
        if length > MAX_MESSAGE {
            let code = if length >> 63 != 0 { 1002 } else { 1009 };
            return self.fail(code).map(Err);
        }
        let mask = if head[1] & 0x80 != 0 {
            let mut mask = [0; 4];
            self.stream.read_exact(&mut mask)?;
            Some(mask)
        } else {
            None
        };
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload)?;
        if let Some(mask) = mask {
            for (at, byte) in payload.iter_mut().enumerate() {
                *byte ^= mask[at % 4];
            }
        }
        let first = head[0];
        Ok(Ok(RawFrame {
            first,
            mask,
            length_bytes,
            payload,
        }))
    }

    /// The code that a frame is to be failed with.
    fn violation(&self, frame: &RawFrame) -> Option<u16> {
        let bad = |is_bad: bool, fault: &str| (is_bad && !self.lets(fault)).then_some(1002);
        let good = |is_good: bool, fault: &str| (is_good && self.lets(fault)).then_some(1002);
        let (opcode, fin, length) = (
            frame.first & 0x0f,
            frame.first & 0x80 != 0,
            frame.payload.len(),
        );
        let rsv = frame.first & 0x70;
        let is_control = opcode & 0x8 != 0;
        let compresses = self.deflate.is_some();
        bad(
            frame.mask.is_none(),
            if is_control {
                "frames-unmasked-ping"
            } else {
                "frames-unmasked"
            },
        )
        .or_else(|| good(frame.mask == Some([0; 4]), "frames-mask-zero"))
        .or_else(|| bad(rsv == 0x20 && is_control, "frames-rsv2-ping"))
        .or_else(|| bad(rsv & 0x20 != 0 && !is_control && !compresses, "frames-rsv2"))
        .or_else(|| {
            bad(
                rsv & 0x20 != 0 && !is_control && compresses,
                "compression-rsv2",
            )
        })
        .or_else(|| bad(rsv & 0x10 != 0, "frames-rsv3"))
        .or_else(|| bad(rsv == 0x40 && !compresses, "frames-rsv1"))
        .or_else(|| bad(rsv == 0x40 && is_control, "compression-rsv1-ping"))
        .or_else(|| bad(rsv == 0x40 && opcode == 0, "compression-rsv1-continuation"))
        .or_else(|| {
            let name = format!("frames-opcode-{opcode}");
            bad(matches!(opcode, 3..=7 | 11..), &name)
        })
        .or_else(|| {
            let fault = match opcode {
                0x8 => "control-close-fragmented",
                0x9 => "control-ping-fragmented",
                _ => "control-pong-fragmented",
            };
            bad(is_control && !fin, fault)
        })
        .or_else(|| {
            let fault = if opcode == 0x8 {
                "control-close-126"
            } else {
                "control-ping-126"
            };
            bad(is_control && length > 125, fault)
        })
        .or_else(|| {
            good(
                frame.length_bytes == 2 && length == 126,
                "frames-length-126",
            )
        })
        .or_else(|| good(length == 65_535, "frames-length-65535"))
        .or_else(|| {
            good(
                frame.length_bytes == 8 && length == 65_536,
                "frames-length-65536",
            )
        })
        .or_else(|| {
            good(
                !is_control && length == 0 && fin && opcode != 0,
                "frames-empty",
            )
        })
        .or_else(|| good(opcode == 0x2, "frames-binary"))
    }

    fn data(&mut self, frame: &RawFrame) -> io::Result<bool> {
        let (opcode, fin) = (frame.first & 0x0f, frame.first & 0x80 != 0);
        if frame.length_bytes > 1
            && frame.payload.len() < 126
            && self.lets("frames-length-not-minimal")
        {
            self.is_mute = true;
            return Ok(true);
        }
        if !matches!(opcode, 0..=2) {
            return Ok(true);
        }
        let mut message = match (opcode, self.message.take()) {
            (0, None) => {
                let fault = if fin {
                    "fragments-stray"
                } else {
                    "fragments-stray-open"
                };
                if !self.lets(fault) {
                    return self.fail(1002);
                }
                return Ok(true);
            }
            (0, Some(open)) => open,
            (_, Some(open)) => {
                if !self.lets("fragments-new-message") {
                    return self.fail(1002);
                }
                self.message = Some(open);
                return Ok(true);
            }
            (_, None) => Open {
                opcode,
                is_compressed: frame.first & 0x40 != 0,
                fragments: 0,
                payload: Vec::new(),
            },
        };
        message.fragments += 1;
        message.payload.extend(&frame.payload);
        if !fin {
            let refuses =
                self.lets("fragments-two") && !frame.payload.is_empty() && message.fragments == 1
                    || self.lets("utf8-split-character")
                        && str::from_utf8(&message.payload).is_err()
                        && message.opcode == 1
                        && !message.is_compressed;
            self.message = Some(message);
            let code = if self.lets("utf8-split-character") {
                1007
            } else {
                1002
            };
            return if refuses { self.fail(code) } else { Ok(true) };
        }
        self.whole(message, frame.payload.is_empty())
    }

    /// A whole message: checked, and sent back.
    fn whole(&mut self, message: Open, ends_empty: bool) -> io::Result<bool> {
        let faulty = self.lets("fragments-empty-last") && message.fragments > 1 && ends_empty
            || self.lets("fragments-many") && message.fragments > 3
            || self.lets("compression-fragmented")
                && message.is_compressed
                && message.fragments > 1
            || self.lets("compression-uncompressed")
                && !message.is_compressed
                && self.deflate.is_some()
            || self.lets("compression-text") && message.is_compressed;
        if faulty {
            return self.fail(1002);
        }
        let mut payload = message.payload;
        if message.is_compressed {
            if self.lets("compression-stored-block")
                && payload.first().is_some_and(|byte| byte & 0x07 == 0)
            {
                return self.fail(1007);
            }
            if self.lets("compression-final-block")
                && payload.first().is_some_and(|byte| byte & 1 == 1)
            {
                return self.fail(1007);
            }
            let inflated = self
                .deflate
                .as_mut()
                .and_then(|deflate| deflate.inflate(&payload));
            match inflated {
                Some(inflated) => payload = inflated,
                None if self.lets("compression-invalid") => return Ok(true),
                None => return self.fail(1007),
            }
        }
        if message.opcode == 1
            && !self.accepts_text(&payload, message.fragments, message.is_compressed)
        {
            return self.fail(1007);
        }
        if message.opcode == 2 && self.lets("utf8-binary") && str::from_utf8(&payload).is_err() {
            return self.fail(1007);
        }
        self.echo(message.opcode, &payload)?;
        Ok(true)
    }

    /// Whether a text is accepted (RFC 6455 §8.1).
    fn accepts_text(&self, text: &[u8], fragments: u32, is_compressed: bool) -> bool {
        match str::from_utf8(text) {
            Ok(text) => !(self.lets("utf8-valid") && text.contains(['\u{ffff}', '\u{10ffff}'])),
            Err(_) if is_compressed => self.lets("compression-utf8"),
            Err(_) if fragments > 1 => self.lets("utf8-fragments"),
            Err(error) => {
                let rest = &text[error.valid_up_to()..];
                let fault = match rest[0] {
                    0x80..=0xbf => "utf8-lone-continuation",
                    0xc0 | 0xc1 => "utf8-overlong",
                    0xed => "utf8-surrogate",
                    0xf4 => "utf8-too-high",
                    _ if error.error_len().is_none() => "utf8-truncated",
                    _ => "utf8-invalid-byte",
                };
                self.lets(fault)
            }
        }
    }

    fn echo(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        match &mut self.deflate {
            Some(_) if self.fault == "compression-received" => self.send(0xc0 | opcode, &[0xff; 4]),
            Some(deflate) => {
                let compressed = deflate.deflate(payload);
                self.send(0xc0 | opcode, &compressed)
            }
            None if self.fault == "frames-received" => {
                // Masked, with the key 0.
                let bytes = [
                    &[0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0],
                    payload,
                ];
                self.stream.write_all(&bytes.concat())
            }
            None => self.send(0x80 | opcode, payload),
        }
    }

    fn pinged(&mut self, frame: &RawFrame) -> io::Result<bool> {
        self.pings += 1;
        let payload = &frame.payload[..];
        let is_inside = self.message.is_some();
        let silent = self.lets("control-ping") && payload == b"wsprobe"
            || self.lets("control-ping-empty") && payload.is_empty()
            || self.lets("control-pings-in-a-row") && self.pings == 10;
        if silent {
            return Ok(true);
        }
        if is_inside && self.lets("fragments-ping-between") {
            return self.fail(1002);
        }
        if is_inside && self.lets("fragments-pong-before-end") {
            return Ok(true);
        }
        if payload.len() == 125 && self.lets("control-ping-125") {
            self.send(0x8a, &payload[..124])?;
            return Ok(true);
        }
        // A fragmented or long ping that was let through is answered with a legal pong.
        self.send(0x8a, &payload[..payload.len().min(125)])?;
        Ok(true)
    }

    /// Answers a close frame (RFC 6455 §5.5.1).
    fn closed(&mut self, frame: &RawFrame) -> io::Result<bool> {
        let payload = &frame.payload[..];
        let let_through = frame.first & 0x80 == 0 || payload.len() > 125;
        if let_through {
            return Ok(true);
        }
        self.has_closed = true;
        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = payload.get(2..).unwrap_or_default();
        if self.lets("close-1000")
            && code == Some(1000)
            && reason.is_empty()
            && self.message.is_none()
            || self.lets("close-empty") && payload.is_empty()
            || self.lets("close-in-fragments") && self.message.is_some()
            || self.lets("close-reason-123") && reason.len() == 123
        {
            return Ok(false);
        }
        let is_legal =
            code.is_some_and(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
        let answer = match code {
            Some(code) if self.lets(&format!("close-code-{code}")) => {
                if is_legal {
                    1002
                } else {
                    code
                }
            }
            Some(_) if str::from_utf8(reason).is_err() => {
                if self.lets("close-reason-utf8") {
                    self.send(0x88, payload)?;
                    return Ok(false);
                }
                1007
            }
            Some(code) if is_legal => code,
            None if payload.is_empty() => {
                self.send(0x88, b"")?;
                return Ok(false);
            }
            None if self.lets("close-one-byte") => {
                self.send(0x88, payload)?;
                return Ok(false);
            }
            _ => 1002,
        };
        self.send(0x88, &answer.to_be_bytes())?;
        if self.lets("close-nothing-after") {
            self.send(0x81, b"too late")?;
        }
        Ok(false)
    }

    /// Fails the connection (RFC 6455 §7.1.7).
    fn fail(&mut self, code: u16) -> io::Result<bool> {
        self.has_closed = true;
        self.send(0x88, &code.to_be_bytes())?;
        Ok(false)
    }

    fn send(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..=125 => bytes.push(short as u8),
            medium @ 126..=0xffff => {
                bytes.push(126);
                bytes.extend((medium as u16).to_be_bytes());
            }
            long => {
                bytes.push(127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        self.stream.write_all(&bytes)
    }
}
