//! A WebSocket server that plays a script on a free port and fails the test when the script was
//! not played to its end:
//!
//! ```ignore
//! let server = Server::new().accept().expect_text("hi").send_text("hello").close_when_asked();
//! Probe::new(["send", &server.url(), "hi"]).stdout("hello\n").status(0);
//! ```
//!
//! Steps are played as soon as they are added, so a test may extend its script while it runs.
//! After its last step a server stays silent with the connection open, until the test ends.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;
use tempfile::TempDir;

use super::certificates::Certificate;
use super::frames::{Frame, Opcode};
use super::script::{Outcome, Peer, Step, play, sentence};

#[must_use = "a server goes when it is dropped"]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<Outcome>>,
    wake: Arc<Mutex<Option<SocketAddr>>>,
    folder: Option<TempDir>,
}

/// Construction and addresses.
impl Server {
    pub fn new() -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), None, None).unwrap()
    }

    /// `None` when the machine has no such address.
    pub fn on(address: impl Into<IpAddr>) -> Option<Self> {
        Self::start(address.into(), None, None).ok()
    }

    pub fn tls(certificate: Certificate) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.authority_pem()).unwrap();
        let config = certificate.into_server_config();
        Self::start(Ipv4Addr::LOCALHOST.into(), Some(config), Some(folder)).unwrap()
    }

    fn start(
        address: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        folder: Option<TempDir>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let wake = Arc::default();
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let peer = Peer::new(listener, Arc::clone(&wake), tls);
        let (steps, script) = mpsc::channel();
        Ok(Self {
            address,
            scheme,
            steps: Some(steps),
            thread: Some(thread::spawn(move || play(script, peer))),
            wake,
            folder,
        })
    }

    /// `ws://127.0.0.1:PORT/`, or `wss://localhost:PORT/`.
    pub fn url(&self) -> String {
        self.url_of("/")
    }

    pub fn url_of(&self, path: &str) -> String {
        match self.scheme {
            "wss" => format!("wss://localhost:{}{path}", self.port()),
            scheme => format!("{scheme}://{}{path}", self.address),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The certificate of the authority that signed this server's, as a PEM file.
    pub fn authority(&self) -> String {
        let folder: &TempDir = self
            .folder
            .as_ref()
            .expect("only a TLS server has an authority");
        let path: PathBuf = folder.path().join("ca.pem");
        path.into_os_string().into_string().unwrap()
    }
}

/// The upgrade.
impl Server {
    /// Accepts a client, checks its request (RFC 6455 §4.2.1) and answers 101.
    pub fn accept(self) -> Self {
        self.step("accept", |peer| {
            peer.requested()?;
            peer.upgrade("")
        })
    }

    /// [`Server::accept`] with header lines added to the answer, each with its CRLF.
    pub fn accept_with(self, headers: &'static str) -> Self {
        self.step(sentence("accept_with", headers.as_bytes()), |peer| {
            peer.requested()?;
            peer.upgrade(headers)
        })
    }

    /// [`Server::accept`] with frames in the same segment as the 101.
    pub fn accept_and_send(self, frames: &[Frame]) -> Self {
        let frames = frames.to_vec();
        self.step("accept_and_send", move |peer| {
            peer.requested()?;
            let answer = peer.answer("");
            peer.send_after(answer.as_bytes(), &frames)
        })
    }

    /// Accepts a client and answers with exactly this; `{accept}` becomes the correct accept key.
    pub fn answer_raw(self, answer: &'static str) -> Self {
        self.step(sentence("answer_raw", answer.as_bytes()), |peer| {
            peer.requested()?;
            let key = peer.request.accept_key();
            peer.write(answer.replace("{accept}", &key).as_bytes())
        })
    }

    /// Accepts a client and answers with a status and a body, then closes.
    pub fn refuse(self, status: &'static str, headers: &'static str, body: &str) -> Self {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.step(sentence("refuse", status.as_bytes()), move |peer| {
            peer.requested()?;
            peer.write(answer.as_bytes())?;
            peer.drop_tcp()
        })
    }

    /// Accepts a client and redirects it.
    pub fn redirect(self, location: &str) -> Self {
        let answer =
            format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        self.step(format!("redirect({location})"), move |peer| {
            peer.requested()?;
            peer.write(answer.as_bytes())?;
            peer.drop_tcp()
        })
    }

    /// Accepts a client and its upgrade request, without an answer yet.
    pub fn expect_request(self) -> Self {
        self.step("expect_request", Peer::requested)
    }

    /// After [`Server::expect_request`]: the 101 and these frames, each byte in a write of its own.
    pub fn answer_in_pieces(self, frames: &[Frame]) -> Self {
        let frames: Vec<u8> = frames.iter().flat_map(|frame| frame.encode(None)).collect();
        self.step("answer_in_pieces", move |peer| {
            let answer = [peer.answer("").into_bytes(), frames].concat();
            answer.chunks(1).try_for_each(|byte| peer.write(byte))
        })
    }

    /// After [`Server::expect_request`]: one header byte at every interval, until the client
    /// has disconnected.
    pub fn answer_for_ever(self, interval: Duration) -> Self {
        self.step("answer_for_ever", move |peer| {
            peer.write(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: ")?;
            while peer.write(b"x").is_ok() {
                thread::sleep(interval);
            }
            Ok(())
        })
    }

    /// After [`Server::expect_request`]: header lines until the client has disconnected, at most 64 MiB.
    pub fn answer_endless_headers(self) -> Self {
        self.step("answer_endless_headers", |peer| {
            let lines = "X-Long: xxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(2048);
            peer.write(b"HTTP/1.1 101 Switching Protocols\r\n")?;
            if (0..1024).all(|_| peer.write(lines.as_bytes()).is_ok()) {
                return Err("the client took 64 MiB of headers".to_owned());
            }
            Ok(())
        })
    }

    /// Accepts a client's TCP connection and reads nothing.
    pub fn connected(self) -> Self {
        self.step("connected", Peer::connected)
    }

    /// The client gives up during the TLS handshake.
    pub fn expect_tls_failure(self) -> Self {
        self.step("expect_tls_failure", |peer| {
            peer.connected()?;
            match peer.tls_handshake() {
                Ok(()) => Err("the TLS handshake succeeded".to_owned()),
                Err(_) => Ok(()),
            }
        })
    }

    /// No client may connect before the test ends.
    pub fn expect_nobody(self) -> Self {
        self.step("expect_nobody", Peer::nobody_came)
    }

    pub fn expect_request_line(self, line: &str) -> Self {
        let line = line.to_owned();
        self.step(
            sentence("expect_request_line", line.as_bytes()),
            move |peer| equal(&peer.request.line, &line),
        )
    }

    /// The client connected from this address.
    pub fn expect_client_address(self, address: &'static str) -> Self {
        self.step(format!("expect_client_address({address})"), move |peer| {
            equal(&peer.client_address()?, address)
        })
    }

    /// The request had exactly these values under a name, in this order.
    pub fn expect_header(self, name: &'static str, values: &[&str]) -> Self {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        self.step(format!("expect_header({name}, {values:?})"), move |peer| {
            equal(
                &format!("{:?}", peer.request.values(name)),
                &format!("{values:?}"),
            )
        })
    }
}

/// Sending.
impl Server {
    pub fn send_text(self, text: impl AsRef<[u8]>) -> Self {
        self.send_frame(Frame::text(text))
    }

    pub fn send_binary(self, bytes: impl AsRef<[u8]>) -> Self {
        self.send_frame(Frame::binary(bytes))
    }

    pub fn send_ping(self, payload: &str) -> Self {
        self.send_frame(Frame::new(Opcode::Ping, payload))
    }

    pub fn send_pong(self, payload: &str) -> Self {
        self.send_frame(Frame::new(Opcode::Pong, payload))
    }

    pub fn send_frame(self, frame: Frame) -> Self {
        self.step(format!("send_frame({frame:?})"), move |peer| {
            peer.send(&frame)
        })
    }

    /// Several frames in one write.
    pub fn send_frames(self, frames: &[Frame]) -> Self {
        let frames = frames.to_vec();
        self.step(format!("send_frames({frames:?})"), move |peer| {
            peer.send_after(b"", &frames)
        })
    }

    pub fn send_raw(self, bytes: &'static [u8]) -> Self {
        self.step(sentence("send_raw", bytes), |peer| peer.write(bytes))
    }

    /// A close frame; TCP ends once the client has answered it.
    pub fn close(self, code: u16, reason: &str) -> Self {
        self.send_frame(Frame::close(code, reason))
    }

    pub fn close_without_code(self) -> Self {
        self.send_frame(Frame::new(Opcode::Close, ""))
    }

    /// The client closes with 1000, is answered, and TCP ends.
    pub fn close_when_asked(self) -> Self {
        self.expect_close(1000).close(1000, "")
    }

    pub fn echo_until_closed(self) -> Self {
        self.step("echo_until_closed", Peer::echo_until_closed)
    }

    /// A server that does not answer ping frames.
    pub fn echo_messages_only(self) -> Self {
        self.step("echo_messages_only", Peer::echo_messages_only)
    }

    /// Sends a text repeatedly until the client closes, and answers the close.
    pub fn send_until_closed(self, text: &str, interval: Duration) -> Self {
        let frame = Frame::text(text);
        self.step("send_until_closed", move |peer| {
            peer.send_until_closed(&frame, interval)
        })
    }

    /// Sends a text a number of times.
    pub fn send_many(self, text: &str, count: usize) -> Self {
        let frame = Frame::text(text);
        self.step(format!("send_many({text:?}, {count})"), move |peer| {
            peer.send_many(&frame, count)
        })
    }

    /// Sends a text as fast as possible and reads nothing, until the client has disconnected.
    pub fn flood(self, text: &str) -> Self {
        let frame = Frame::text(text);
        self.step("flood", move |peer| peer.flood(&frame))
    }

    /// Waits; only for tests whose subject is a delay.
    pub fn pause(self, time: Duration) -> Self {
        self.step(format!("pause({time:?})"), move |_| {
            thread::sleep(time);
            Ok(())
        })
    }

    /// Sends and answers nothing until the client disconnects.
    pub fn silent(self) -> Self {
        self.step("silent", Peer::until_hangup)
    }

    /// Ends TCP with FIN, without a close frame or (over TLS) a `close_notify`.
    pub fn drop_tcp(self) -> Self {
        self.step("drop_tcp", Peer::drop_tcp)
    }

    /// Aborts TCP with RST.
    pub fn reset(self) -> Self {
        self.step("reset", Peer::reset)
    }
}

/// Expected input.
impl Server {
    /// A text message, in any number of fragments.
    pub fn expect_text(self, text: impl AsRef<[u8]>) -> Self {
        self.expect_message(Frame::text(text))
    }

    /// A binary message, in any number of fragments.
    pub fn expect_binary(self, bytes: impl AsRef<[u8]>) -> Self {
        self.expect_message(Frame::binary(bytes))
    }

    fn expect_message(self, message: Frame) -> Self {
        let sentence = format!("expect_message({message:?})");
        self.step(sentence, move |peer| peer.expect_message(&message))
    }

    /// A text message whose parts are not all known, and the texts that answer it; or what is wrong with it.
    pub fn answer_with(
        self,
        answer: impl FnOnce(&str) -> Result<Vec<String>, String> + Send + 'static,
    ) -> Self {
        self.step("answer_with", move |peer| {
            let message = peer.message()?;
            match (message.opcode, str::from_utf8(&message.payload)) {
                (Opcode::Text, Ok(text)) => answer(text)?
                    .iter()
                    .try_for_each(|text| peer.send(&Frame::text(text))),
                _ => Err(format!("{message:?} came")),
            }
        })
    }

    /// Exactly this frame.
    pub fn expect_frame(self, frame: Frame) -> Self {
        let sentence = format!("expect_frame({frame:?})");
        self.step(sentence, move |peer| peer.expect_frame(&frame))
    }

    pub fn expect_pong(self, payload: &str) -> Self {
        self.expect_frame(Frame::new(Opcode::Pong, payload))
    }

    /// A ping with a payload of this size, which the server does not answer.
    pub fn expect_ping(self, size: usize) -> Self {
        self.step(format!("expect_ping({size})"), move |peer| {
            let ping = peer.expect_opcode(Opcode::Ping)?;
            equal(&ping.payload.len().to_string(), &size.to_string())
        })
    }

    /// A ping, answered with its payload.
    pub fn answer_ping(self) -> Self {
        self.step("answer_ping", |peer| {
            let ping = peer.expect_opcode(Opcode::Ping)?;
            peer.send(&Frame::new(Opcode::Pong, ping.payload))
        })
    }

    /// A ping that is kept for [`Server::answer_held_ping`].
    pub fn hold_ping(self) -> Self {
        self.step("hold_ping", Peer::hold_ping)
    }

    /// Answers the ping that was kept last; may be repeated.
    pub fn answer_held_ping(self) -> Self {
        self.step("answer_held_ping", Peer::answer_held_ping)
    }

    /// Answers every ping, reads and ignores every message, and answers the close.
    pub fn answer_until_closed(self) -> Self {
        self.step("answer_until_closed", Peer::answer_until_closed)
    }

    /// A close frame with this code and any reason.
    pub fn expect_close(self, code: u16) -> Self {
        self.expect_close_in([code])
    }

    /// A close frame with one of these codes.
    pub fn expect_close_in<const N: usize>(self, codes: [u16; N]) -> Self {
        self.step(format!("expect_close_in({codes:?})"), move |peer| {
            let close = peer.expect_opcode(Opcode::Close)?;
            match close.close_code() {
                Some((code, _)) if codes.contains(&code) => Ok(()),
                other => Err(format!("a close with {other:?} came")),
            }
        })
    }

    /// A close frame with any code or none, answered with the same.
    pub fn answer_any_close(self) -> Self {
        self.step("answer_any_close", |peer| {
            let close = peer.expect_opcode(Opcode::Close)?;
            peer.send(&close)
        })
    }

    /// The client sends at least one byte.
    pub fn expect_bytes(self, bytes: &'static [u8]) -> Self {
        self.step(sentence("expect_bytes", bytes), move |peer| {
            peer.bytes(bytes)
        })
    }

    pub fn expect_anything(self) -> Self {
        self.step("expect_anything", Peer::anything)
    }

    /// The client sends nothing for this long and stays connected.
    pub fn expect_nothing_for(self, time: Duration) -> Self {
        self.step(format!("expect_nothing_for({time:?})"), move |peer| {
            peer.nothing_for(time)
        })
    }

    /// The client ends the connection; earlier input is ignored.
    pub fn expect_hangup(self) -> Self {
        self.step("expect_hangup", Peer::until_hangup)
    }
}

/// Playing the script.
impl Server {
    /// Returns once every step added so far has been played.
    pub fn played(self) -> Self {
        let (done, is_done) = mpsc::channel();
        let server = self.step("played", move |_| {
            // The test may have stopped waiting because it failed.
            let _ = done.send(());
            Ok(())
        });
        // An error means that an earlier step failed; dropping the server reports it.
        let _ = is_done.recv();
        server
    }

    fn step(
        self,
        sentence: impl Into<String>,
        play: impl FnOnce(&mut Peer) -> Outcome + Send + 'static,
    ) -> Self {
        let step = Step {
            sentence: sentence.into(),
            play: Box::new(play),
        };
        if let Some(steps) = &self.steps {
            // The thread has ended if an earlier step failed; dropping the server reports it.
            let _ = steps.send(step);
        }
        self
    }

    /// Ends a thread that still waits for a client, by a connection that is marked as such.
    fn wake_up(&self) {
        let mut wake = self.wake.lock().unwrap();
        *wake = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))
            .and_then(|stream| stream.local_addr())
            .ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.steps.take());
        self.wake_up();
        let outcome = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            _ => Err("the server's thread panicked".to_owned()),
        };
        match outcome {
            Err(why) if thread::panicking() => eprintln!("the server's script: {why}"),
            Err(why) => panic!("the server's script: {why}"),
            Ok(()) => {}
        }
    }
}

fn equal(came: &str, expected: &str) -> Outcome {
    if came == expected {
        return Ok(());
    }
    Err(format!("{came} came instead of {expected}"))
}
