//! A peer that misbehaves as a table specifies ([`super::situation`]), for each client.
//!
//! Each step is a line:
//!
//! | step | what the peer does |
//! |---|---|
//! | `tls KIND` | the TLS handshake, with a certificate of that kind (`named "…"`: whose subject this is) |
//! | `request` | reads an upgrade request |
//! | `101`, `101 "HEADERS"` | reads one and answers as RFC 6455 requires, with more header lines |
//! | `http2` | announces WebSocket over HTTP/2 (RFC 8441) and reads until a client requests one |
//! | `h2 TYPE FLAGS "…"` | an HTTP/2 frame on the requested stream |
//! | `send "…"` | these bytes; `{accept}` becomes the accept key, `{port}` the port |
//! | `hex 83 01 …` | these bytes |
//! | `text "…"`, `binary "…"`, `ping "…"`, `pong "…"`, `close CODE "…"` | a whole frame |
//! | `start "…"`, `more "…"`, `last "…"` | a text message in fragments |
//! | `head BITS LENGTH` | a frame header that declares so many bytes, without a payload |
//! | `deflated "…"`, `bomb MIB` | a compressed text; zeros that inflate to this size |
//! | `zeros` | a fragment of a compressed message that inflates to 1 MiB |
//! | `times N STEP`, `ever STEP` | repeats one of the steps above; `ever` until the client has disconnected |
//! | `drip MS STEP` | one of those above, a byte at a time |
//! | `wait MS` | nothing |
//! | `expect-close CODE` | the client must close with this code; earlier frames are read |
//! | `answer-close` | the same with any code, and answers it |
//! | `expect-data N` | reads and ignores so many bytes |
//! | `hold` | reads and sends nothing until the client has disconnected |
//! | `stay` | neither reads nor sends until the client has disconnected or the test ends |
//! | `reset` | aborts TCP |
//!
//! At its end a script closes TCP with FIN. A client that disconnects early is not an error:
//! situations are meant to cause that.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use socket2::SockRef;
use tempfile::TempDir;

use super::certificates::Certificate;
use super::frames::{Frame, Opcode};
use super::request::Request;
use super::situation::unquoted;
use super::stream::Stream;

/// The most that `ever` sends; a client that reads this much has no limit.
const ENOUGH: usize = 1 << 30;

#[must_use = "a peer goes when it is dropped"]
pub struct Hostile {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    folder: TempDir,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    faults: Mutex<Vec<String>>,
}

impl Hostile {
    /// Plays these steps to each client.
    pub fn playing(steps: &[String]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let folder = TempDir::new().unwrap();
        let tls = steps.iter().find_map(|step| step.strip_prefix("tls "));
        let config = tls.map(|kind| {
            let certificate = certificate(kind);
            std::fs::write(folder.path().join("ca.pem"), certificate.authority_pem()).unwrap();
            certificate.into_server_config()
        });
        let shared = Arc::<Shared>::default();
        let (peers, steps) = (Arc::clone(&shared), steps.to_vec());
        let thread = thread::spawn(move || {
            thread::scope(|scope| {
                for client in listener.incoming().flatten() {
                    if peers.over.load(Ordering::SeqCst) {
                        break;
                    }
                    let Ok(copy) = client.try_clone() else {
                        continue;
                    };
                    peers.open.lock().unwrap().push(copy);
                    let (steps, config, shared) = (&steps, config.as_ref(), &peers);
                    scope.spawn(move || {
                        let Ok(stream) = Stream::plain(client) else {
                            return;
                        };
                        let mut peer = Peer {
                            stream: Some(stream),
                            request: Request::default(),
                            port: address.port(),
                            shared,
                        };
                        for step in steps {
                            match peer.play(step, config) {
                                Ok(()) => {}
                                Err(End::Gone) => break,
                                Err(End::Fault(why)) => {
                                    let fault = format!("`{step}`: {why}");
                                    shared.faults.lock().unwrap().push(fault);
                                    break;
                                }
                            }
                        }
                        peer.leave();
                    });
                }
            });
        });
        Self {
            address,
            shared,
            thread: Some(thread),
            folder,
        }
    }

    /// A word of a command line with the placeholders `{url}`, `{wss}`, `{port}` and `{ca}` replaced.
    pub fn addressed(&self, word: &str) -> String {
        let port = self.address.port().to_string();
        let authority = self.folder.path().join("ca.pem");
        word.replace("{url}", &format!("ws://127.0.0.1:{port}/"))
            .replace("{wss}", &format!("wss://localhost:{port}/"))
            .replace("{port}", &port)
            .replace("{ca}", &authority.to_string_lossy())
    }

    /// Errors of clients.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.lock().unwrap().clone()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        for stream in self.shared.open.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the hostile peer's thread panicked");
        }
    }
}

/// Why a script stops.
enum End {
    /// The client or the peer has disconnected.
    Gone,
    /// The client behaved incorrectly, or the table is invalid.
    Fault(String),
}

struct Peer<'a> {
    stream: Option<Stream>,
    request: Request,
    port: u16,
    shared: &'a Shared,
}

type Played = Result<(), End>;

impl Peer<'_> {
    fn play(&mut self, step: &str, tls: Option<&Arc<rustls::ServerConfig>>) -> Played {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "tls" => {
                let stream = self.stream.take().ok_or(End::Gone)?;
                // A client that rejects the certificate disconnects here.
                let config = tls.expect("made from this very step");
                self.stream = Some(stream.tls(config).map_err(|_| End::Gone)?);
            }
            "request" => self.read_request()?,
            "101" => {
                self.read_request()?;
                let added = match rest {
                    "" => Vec::new(),
                    rest => unquoted(rest),
                };
                let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                            Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
                let whole = [self.filled(head.as_bytes()), added, b"\r\n".to_vec()].concat();
                self.write(&whole)?;
            }
            "http2" => {
                // SETTINGS_ENABLE_CONNECT_PROTOCOL is 1; the client's own are acknowledged.
                let settings = hex("00 08 00 00 00 01");
                let ours = [h2_frame(4, 0, 0, &settings), h2_frame(4, 1, 0, &[])];
                self.write(&ours.concat())?;
                self.read_http2_request()?;
            }
            "times" => {
                let (times, step) = rest.split_once(' ').expect("times N STEP");
                self.write_times(&self.bytes(step), times.parse().expect("a number"))?;
            }
            "ever" => {
                let bytes = self.bytes(rest);
                self.write_times(&bytes, ENOUGH / bytes.len())?;
                let why = format!("the client took {} MiB", ENOUGH >> 20);
                return Err(End::Fault(why));
            }
            "drip" => {
                let (pause, step) = rest.split_once(' ').expect("drip MS STEP");
                let pause = Duration::from_millis(pause.parse().expect("a number"));
                for byte in self.bytes(step) {
                    self.write(&[byte])?;
                    self.wait(pause)?;
                }
            }
            "wait" => self.wait(Duration::from_millis(rest.parse().expect("a number")))?,
            "expect-close" => self.expect_close(Some(rest.parse().expect("a code")))?,
            "answer-close" => self.expect_close(None)?,
            "expect-data" => {
                let size = rest.parse().expect("a number");
                let read = self.stream()?.take(size).read_to_end(&mut Vec::new());
                read.map_err(|_| End::Gone)?;
            }
            "hold" => self.hold()?,
            "stay" => self.wait(Duration::from_secs(60))?,
            "reset" => {
                let stream = self.stream.take().ok_or(End::Gone)?;
                self.shared.open.lock().unwrap().clear();
                SockRef::from(stream.tcp())
                    .set_linger(Some(Duration::ZERO))
                    .map_err(|_| End::Gone)?;
                return Err(End::Gone);
            }
            _ => self.write(&self.bytes(step))?,
        }
        Ok(())
    }

    /// The bytes that a step sends.
    fn bytes(&self, step: &str) -> Vec<u8> {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let frame = |opcode| Frame::new(opcode, unquoted(rest));
        let frame = match verb {
            "send" => return self.filled(&unquoted(rest)),
            "hex" => return hex(rest),
            "head" => return head(rest),
            "h2" => return h2(rest),
            "deflated" => return deflated(0x41 | 0x80, &unquoted(rest)),
            "bomb" => return bomb(rest.parse().expect("MiB")),
            "zeros" => return zeros(),
            "text" => frame(Opcode::Text),
            "binary" => frame(Opcode::Binary),
            "ping" => frame(Opcode::Ping),
            "pong" => frame(Opcode::Pong),
            "start" => frame(Opcode::Text).unfinished(),
            "more" => frame(Opcode::Continuation).unfinished(),
            "last" => frame(Opcode::Continuation),
            "close" => {
                let (code, reason) = rest.split_once(' ').unwrap_or((rest, "\"\""));
                let code: u16 = code.parse().expect("a code");
                let payload = [&code.to_be_bytes()[..], &unquoted(reason)].concat();
                Frame::new(Opcode::Close, payload)
            }
            _ => panic!("`{step}` means nothing"),
        };
        frame.encode(None)
    }

    fn filled(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = replaced(bytes, b"{accept}", self.request.accept_key().as_bytes());
        if !self.request.line.is_empty() || bytes.len() < 4096 {
            bytes = replaced(&bytes, b"{port}", self.port.to_string().as_bytes());
        }
        bytes
    }

    fn read_request(&mut self) -> Played {
        // A client may disconnect before it has sent anything: a client of a proxy, or one that expected TLS.
        self.request = Request::read(self.stream()?).map_err(|_| End::Gone)?;
        Ok(())
    }

    /// Reads frames until the HEADERS of a request.
    fn read_http2_request(&mut self) -> Played {
        let stream = self.stream()?;
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).map_err(|_| End::Gone)?;
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).map_err(|_| End::Gone)?;
            let [high, middle, low, kind, ..] = head;
            let length = u32::from_be_bytes([0, high, middle, low]);
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).map_err(|_| End::Gone)?;
            match kind {
                1 => return Ok(()),
                // The client waits for an acknowledgement of its PING; this peer sends none.
                6 => {
                    let pong = h2_frame(6, 1, 0, &payload);
                    stream.write_all(&pong).map_err(|_| End::Gone)?;
                }
                _ => {}
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Played {
        let stream = self.stream()?;
        let written = stream.write_all(bytes).and_then(|()| stream.flush());
        written.map_err(|_| End::Gone)
    }

    fn write_times(&mut self, bytes: &[u8], times: usize) -> Played {
        let at_once = (256 * 1024 / bytes.len().max(1)).clamp(1, times.max(1));
        let block = bytes.repeat(at_once);
        for _ in 0..times / at_once {
            self.write(&block)?;
        }
        self.write(&block[..(times % at_once) * bytes.len()])
    }

    /// Waits, at most until the end of the test.
    fn wait(&mut self, time: Duration) -> Played {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.shared.over.load(Ordering::SeqCst) {
                return Err(End::Gone);
            }
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    fn expect_close(&mut self, code: Option<u16>) -> Played {
        loop {
            let frame = match Frame::read(self.stream()?) {
                Ok((frame, _)) => frame,
                Err(_) if self.shared.over.load(Ordering::SeqCst) => return Err(End::Gone),
                Err(error) => return Err(End::Fault(format!("no close came: {error}"))),
            };
            if frame.opcode != Opcode::Close {
                continue;
            }
            let came = frame.close_code().map(|(code, _)| code);
            match code {
                None => return self.write(&frame.encode(None)),
                Some(code) if came == Some(code) => return Ok(()),
                Some(_) => return Err(End::Fault(format!("a close with {came:?} came"))),
            }
        }
    }

    fn hold(&mut self) -> Played {
        let mut ignored = [0; 65536];
        loop {
            match self.stream()?.read(&mut ignored) {
                Ok(n) if n > 0 => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return Err(End::Gone),
            }
        }
    }

    /// FIN; further data is read, because a reset could discard data that the client has not read yet.
    fn leave(&mut self) {
        if let Ok(stream) = self.stream() {
            let _ = stream.tcp().shutdown(Shutdown::Write);
            let _ = self.hold();
        }
    }

    fn stream(&mut self) -> Result<&mut Stream, End> {
        self.stream.as_mut().ok_or(End::Gone)
    }
}

fn certificate(kind: &str) -> Certificate {
    match kind {
        "good" => Certificate::good(),
        "expired" => Certificate::expired(),
        "not-yet" => Certificate::not_yet_valid(),
        "other-host" => Certificate::for_another_host(),
        "self-signed" => Certificate::self_signed(),
        "escapes" => Certificate::with_escapes_in_its_name(),
        _ => match kind.strip_prefix("named ").map(unquoted) {
            Some(name) => Certificate::named(&String::from_utf8(name).expect("text")),
            None => panic!("there is no certificate of the kind {kind:?}"),
        },
    }
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = text.split_whitespace();
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal"))
        .collect()
}

/// `TYPE FLAGS "…"`: a frame of HTTP/2 (RFC 9113 §4.1) on the first stream of a client.
fn h2(text: &str) -> Vec<u8> {
    let mut parts = text.splitn(3, ' ');
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    let (kind, flags) = number().zip(number()).expect("h2 TYPE FLAGS");
    // SETTINGS, PING and GOAWAY belong to the connection (stream 0).
    let stream = if matches!(kind, 4 | 6 | 7) { 0 } else { 1 };
    h2_frame(
        kind,
        flags,
        stream,
        &unquoted(parts.next().expect("a payload")),
    )
}

fn h2_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("24 bits").to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()];
    [&head.concat(), payload].concat()
}

/// `82 4611686018427387904`: the first byte, and the length in as many bytes as it needs.
fn head(text: &str) -> Vec<u8> {
    let (first, length) = text.split_once(' ').expect("head BITS LENGTH");
    let length: u64 = length.parse().expect("a length");
    let mut bytes = hex(first);
    match length {
        0..=125 => bytes.push(length as u8),
        126..=0xffff => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

/// A compressed message in one frame (RFC 7692 §7.2.1).
fn deflated(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut data = Vec::with_capacity(payload.len() + 1024);
    compress
        .compress_vec(payload, &mut data, FlushCompress::Sync)
        .unwrap();
    data.truncate(data.len() - 4);
    [head(&format!("{first:02x} {}", data.len())), data].concat()
}

/// A MiB of zeros, compressed independently, so that it can be repeated.
fn mib_of_zeros() -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut data = Vec::with_capacity(64 * 1024);
    compress
        .compress_vec(&vec![0; 1 << 20], &mut data, FlushCompress::Full)
        .unwrap();
    data
}

/// The same as a fragment of a message.
fn zeros() -> Vec<u8> {
    let data = mib_of_zeros();
    [head(&format!("00 {}", data.len())), data].concat()
}

/// One message of so many MiB of zeros.
fn bomb(mib: usize) -> Vec<u8> {
    let mut data = mib_of_zeros().repeat(mib);
    data.truncate(data.len() - 4);
    [head(&format!("c2 {}", data.len())), data].concat()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let Some(at) = bytes.windows(from.len()).position(|some| some == from) else {
        return bytes.to_vec();
    };
    let rest = replaced(&bytes[at + from.len()..], from, to);
    [&bytes[..at], to, &rest].concat()
}
