//! The server: blocking, with large buffers and as little work as possible, so that the client
//! never waits for it. It checks the received messages.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::{Decompress, FlushDecompress};
use sha1::{Digest as _, Sha1};

use super::data::push_frame;

const BUFFER: usize = 256 * 1024;
const CLOSE_1000: [u8; 4] = [0x88, 2, 0x03, 0xe8];

/// How the next connection is handled.
#[derive(Clone)]
pub enum Part {
    /// Echoes every message.
    Echo,
    /// Sends these frames a number of times, then closes.
    Flood(Arc<Vec<u8>>, usize),
    /// Payloads must be these bytes, repeated; with a number, the server closes after so many messages.
    Sink(Arc<Vec<u8>>, Option<usize>),
}

#[derive(Clone)]
struct Play {
    /// Counts connections, to ignore late reports of an earlier one.
    number: usize,
    part: Part,
    deflate: bool,
}

/// The result of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub messages: usize,
    pub bytes: usize,
    /// Whether a payload differed from the expected one.
    pub differs: bool,
}

/// See the module's head.
pub struct Server {
    pub url: String,
    pub tls_url: String,
    /// The certificate, as PEM.
    pub authority: PathBuf,
    play: Arc<Mutex<Play>>,
    opened: Receiver<usize>,
    ended: Receiver<(usize, Tally)>,
    _dir: tempfile::TempDir,
}

impl Server {
    /// A server in threads that end with the process.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let authority = dir.path().join("ca.pem");
        let tls = tls(&authority);
        let play = Arc::new(Mutex::new(Play {
            number: 0,
            part: Part::Echo,
            deflate: false,
        }));
        let (open, opened) = channel();
        let (end, ended) = channel();
        let stage = Stage {
            play: play.clone(),
            open,
            end,
        };
        let url = format!("ws://127.0.0.1:{}/", listen(None, stage.clone()));
        let tls_url = format!("wss://localhost:{}/", listen(Some(tls), stage));
        Self {
            url,
            tls_url,
            authority,
            play,
            opened,
            ended,
            _dir: dir,
        }
    }

    /// Sets how the next connection is handled.
    pub fn play(&self, part: Part, deflate: bool) {
        let mut play = self.play.lock().expect("no thread panicked");
        *play = Play {
            number: play.number + 1,
            part,
            deflate,
        };
    }

    fn number(&self) -> usize {
        self.play.lock().expect("no thread panicked").number
    }

    /// Waits until a connection is open; false after a time limit.
    pub fn has_opened(&self) -> bool {
        let now = self.number();
        while let Ok(number) = self.opened.recv_timeout(Duration::from_secs(10)) {
            if number == now {
                return true;
            }
        }
        false
    }

    /// The result of the connection, once it has ended.
    pub fn tally(&self) -> Option<Tally> {
        let now = self.number();
        loop {
            let (number, tally) = self.ended.recv_timeout(super::run::LIMIT).ok()?;
            if number == now {
                return Some(tally);
            }
        }
    }
}

#[derive(Clone)]
struct Stage {
    play: Arc<Mutex<Play>>,
    open: Sender<usize>,
    end: Sender<(usize, Tally)>,
}

fn tls(authority: &PathBuf) -> Arc<rustls::ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(authority, made.cert.pem()).expect("written");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    Arc::new(config.expect("a key that fits"))
}

fn listen(tls: Option<Arc<rustls::ServerConfig>>, stage: Stage) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let (tls, stage) = (tls.clone(), stage.clone());
            std::thread::spawn(move || receive(tcp, tls, &stage));
        }
    });
    port
}

/// Serves one client. Errors here show up in the client's result.
fn receive(tcp: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, stage: &Stage) {
    let _ = tcp.set_nodelay(true);
    let play = stage.play.lock().expect("no thread panicked").clone();
    let number = play.number;
    let tally = match tls {
        None => Guest::new(tcp).meet(play, &stage.open),
        Some(config) => {
            let session = rustls::ServerConnection::new(config).expect("a session");
            Guest::new(rustls::StreamOwned::new(session, tcp)).meet(play, &stage.open)
        }
    };
    let _ = stage.end.send((number, tally.unwrap_or_default()));
}

/// A client and its input: `buffer[start..end]` is not processed yet.
struct Guest<S> {
    stream: S,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// A frame of a client.
#[derive(Clone, Copy)]
struct Frame {
    first: u8,
    mask: [u8; 4],
    payload: usize,
}

impl Frame {
    fn opcode(self) -> u8 {
        self.first & 0x0f
    }

    fn is_final(self) -> bool {
        self.first & 0x80 != 0
    }

    /// Set only in the first frame of a message; the messages here are not fragmented.
    fn is_compressed(self) -> bool {
        self.first & 0x40 != 0
    }

    /// The header at the start of `bytes` and its length; `None` if it is incomplete.
    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let &[first, second] = bytes.first_chunk()?;
        let (payload, at) = match second & 0x7f {
            126 => (
                usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
                4,
            ),
            127 => (
                u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize,
                10,
            ),
            length => (usize::from(length), 2),
        };
        let mask = *bytes.get(at..)?.first_chunk()?;
        let frame = Self {
            first,
            mask,
            payload,
        };
        Some((frame, at + 4))
    }
}

impl<S: Read + Write> Guest<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
        }
    }

    fn meet(mut self, play: Play, open: &Sender<usize>) -> io::Result<Tally> {
        let deflate = play.deflate;
        self.shake_hands(deflate)?;
        let _ = open.send(play.number);
        match play.part {
            Part::Echo => self.echo(),
            Part::Flood(frames, times) => {
                for _ in 0..times {
                    self.stream.write_all(&frames)?;
                }
                self.stream.write_all(&CLOSE_1000)?;
                self.stream.flush()?;
                let mut sink = Sink::new(&[], None);
                self.take_all(&mut sink)
            }
            Part::Sink(expected, most) => {
                let mut sink = Sink::new(&expected, most);
                sink.inflater = deflate.then(|| Decompress::new(false));
                self.take_all(&mut sink)
            }
        }
    }

    /// Reads more; an error at the end.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let n = self.stream.read(&mut self.buffer[self.end..])?;
        self.end += n;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn shake_hands(&mut self, deflate: bool) -> io::Result<()> {
        while !self.buffer[..self.end].ends_with(b"\r\n\r\n") {
            self.fill()?;
        }
        let request = String::from_utf8_lossy(&self.buffer[..self.end]).into_owned();
        self.start = self.end;
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key")
                .then(|| value.trim())
        });
        let digest = Sha1::new()
            .chain_update(key.unwrap_or_default())
            .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize();
        let accept = BASE64_STANDARD.encode(digest);
        let extension = if deflate {
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        } else {
            ""
        };
        write!(
            self.stream,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{extension}\r\n"
        )?;
        self.stream.flush()
    }

    /// The next frame's header.
    fn next_frame(&mut self) -> io::Result<Frame> {
        loop {
            if let Some((frame, length)) = Frame::parse(&self.buffer[self.start..self.end]) {
                self.start += length;
                return Ok(frame);
            }
            self.fill()?;
        }
    }

    /// The available payload of `frame` from `done` on, unmasked.
    fn next_piece(&mut self, frame: Frame, done: usize) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.fill()?;
        }
        let length = (frame.payload - done).min(self.end - self.start);
        let piece = &mut self.buffer[self.start..self.start + length];
        self.start += length;
        let mut mask = frame.mask;
        mask.rotate_left(done % 4);
        unmask(piece, mask);
        Ok(piece)
    }

    /// Echoes messages and answers pings, several in one write if they arrived together.
    fn echo(&mut self) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut out = Vec::new();
        loop {
            if Frame::parse(&self.buffer[self.start..self.end]).is_none() {
                self.stream.write_all(&out)?;
                self.stream.flush()?;
                out.clear();
            }
            let frame = self.next_frame()?;
            let mut payload = Vec::with_capacity(frame.payload);
            while payload.len() < frame.payload {
                let piece = self.next_piece(frame, payload.len())?;
                payload.extend_from_slice(piece);
            }
            let opcode = frame.opcode();
            push_frame(
                &mut out,
                if opcode == 9 { 0x8a } else { frame.first },
                &payload,
            );
            if opcode == 8 {
                self.stream.write_all(&out)?;
                self.stream.flush()?;
                return Ok(tally);
            }
            tally.messages += usize::from(opcode < 8 && frame.is_final());
            tally.bytes += payload.len();
        }
    }

    /// Reads everything until the close, or the end of the connection.
    fn take_all(&mut self, sink: &mut Sink<'_>) -> io::Result<Tally> {
        loop {
            let Ok(frame) = self.next_frame() else {
                return Ok(sink.tally);
            };
            let mut done = 0;
            while done < frame.payload {
                let piece = self.next_piece(frame, done)?;
                done += piece.len();
                if frame.opcode() < 8 {
                    sink.take(piece, frame.is_compressed());
                }
            }
            if frame.opcode() == 8 {
                // Already sent if the server closed first.
                let _ = self.stream.write_all(&CLOSE_1000);
                let _ = self.stream.flush();
                return Ok(sink.tally);
            }
            if frame.opcode() < 8 && frame.is_final() {
                sink.end_message();
                if sink.most == Some(sink.tally.messages) {
                    self.stream.write_all(&CLOSE_1000)?;
                    self.stream.flush()?;
                }
            }
        }
    }
}

/// Counts payloads and compares them with the expected ones.
struct Sink<'a> {
    expected: &'a [u8],
    at: usize,
    most: Option<usize>,
    tally: Tally,
    inflater: Option<Decompress>,
    deflated: Vec<u8>,
}

impl<'a> Sink<'a> {
    fn new(expected: &'a [u8], most: Option<usize>) -> Self {
        Self {
            expected,
            at: 0,
            most,
            tally: Tally::default(),
            inflater: None,
            deflated: Vec::new(),
        }
    }

    fn take(&mut self, piece: &[u8], is_compressed: bool) {
        if is_compressed {
            self.deflated.extend_from_slice(piece);
        } else {
            self.compare(piece);
        }
    }

    fn end_message(&mut self) {
        self.tally.messages += 1;
        if self.deflated.is_empty() {
            return;
        }
        if let Some(mut inflater) = self.inflater.take() {
            self.deflated.extend_from_slice(&[0, 0, 0xff, 0xff]);
            let mut text = Vec::with_capacity(BUFFER);
            let sync = FlushDecompress::Sync;
            let done = inflater.decompress_vec(&self.deflated, &mut text, sync);
            self.tally.differs |= done.is_err();
            self.deflated.clear();
            self.compare(&text);
            self.inflater = Some(inflater);
        }
    }

    fn compare(&mut self, mut piece: &[u8]) {
        self.tally.bytes += piece.len();
        while !piece.is_empty() && !self.expected.is_empty() {
            let wanted = &self.expected[self.at..];
            let length = wanted.len().min(piece.len());
            self.tally.differs |= wanted[..length] != piece[..length];
            piece = &piece[length..];
            self.at = (self.at + length) % self.expected.len();
        }
    }
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let word = u64::from_ne_bytes([mask, mask].concat().try_into().expect("eight bytes"));
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}
