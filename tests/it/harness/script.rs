//! One side of a conversation, played step by step in the server's thread.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::slice;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rustls::ServerConfig;
use socket2::SockRef;

use super::frames::{Frame, Opcode, show};
use super::request::Request;
use super::stream::Stream;

/// The result of a step: done, or why it failed.
pub type Outcome = Result<(), String>;

/// A step of the script: its text and its action.
pub struct Step {
    pub sentence: String,
    pub play: Box<dyn FnOnce(&mut Peer) -> Outcome + Send>,
}

/// Plays each step, until the end of the script or the first failure.
pub fn play(steps: mpsc::Receiver<Step>, mut peer: Peer) -> Outcome {
    let mut played = Vec::new();
    for step in steps {
        if let Err(why) = (step.play)(&mut peer) {
            let seen = &peer.seen;
            return Err(format!(
                "`{}` failed: {why}\n  played before: {played:?}\n  frames received: {seen:?}",
                step.sentence
            ));
        }
        played.push(step.sentence);
    }
    Ok(())
}

/// The server's end of the current connection.
pub struct Peer {
    listener: TcpListener,
    wake: Arc<Mutex<Option<SocketAddr>>>,
    tls: Option<Arc<ServerConfig>>,
    stream: Option<Stream>,
    pub request: Request,
    seen: Vec<Frame>,
    last_mask: Option<[u8; 4]>,
    held_ping: Option<Frame>,
    close_sent: bool,
    close_received: bool,
}

impl Peer {
    /// `wake` is the address of a connection made only to end the wait for a client.
    pub fn new(
        listener: TcpListener,
        wake: Arc<Mutex<Option<SocketAddr>>>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        Self {
            listener,
            wake,
            tls,
            stream: None,
            request: Request::default(),
            seen: Vec::new(),
            last_mask: None,
            held_ping: None,
            close_sent: false,
            close_received: false,
        }
    }

    /// Waits for the next client, TCP alone.
    pub fn connected(&mut self) -> Outcome {
        let tcp = self.next_client()?.ok_or("no client came")?;
        self.stream = Some(Stream::plain(tcp).map_err(said)?);
        (self.close_sent, self.close_received) = (false, false);
        self.seen.clear();
        Ok(())
    }

    /// Waits for the end of the test; a client before that is an error.
    pub fn nobody_came(&mut self) -> Outcome {
        match self.next_client()? {
            None => Ok(()),
            Some(_) => Err("a client connected".to_owned()),
        }
    }

    /// `None` when the server was woken because the test is over.
    fn next_client(&mut self) -> Result<Option<TcpStream>, String> {
        // The end of the test holds this lock until it has stored the address of its own connection.
        let (tcp, from) = self.listener.accept().map_err(said)?;
        let wake = *self.wake.lock().unwrap();
        Ok((wake != Some(from)).then_some(tcp))
    }

    pub fn client_address(&mut self) -> Result<String, String> {
        let address = self.stream()?.tcp().peer_addr().map_err(said)?;
        Ok(address.ip().to_string())
    }

    pub fn tls_handshake(&mut self) -> Outcome {
        if let Some(config) = &self.tls {
            let stream = self.stream.take().ok_or_else(no_client)?;
            self.stream = Some(stream.tls(config).map_err(said)?);
        }
        Ok(())
    }

    /// Accepts a client and reads its upgrade request, which must be valid.
    pub fn requested(&mut self) -> Outcome {
        self.connected()?;
        self.tls_handshake()?;
        self.request = Request::read(self.stream()?)?;
        self.request.check()
    }

    /// Answers 101 with these header lines added.
    pub fn upgrade(&mut self, headers: &str) -> Outcome {
        let answer = self.answer(headers);
        self.write(answer.as_bytes())
    }

    /// The head of a 101 for the current request, with these header lines added.
    pub fn answer(&self, headers: &str) -> String {
        let key = self.request.accept_key();
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {key}\r\n{headers}\r\n"
        )
    }

    pub fn write(&mut self, bytes: &[u8]) -> Outcome {
        let stream = self.stream()?;
        stream.write_all(bytes).map_err(said)?;
        stream.flush().map_err(said)
    }

    pub fn send(&mut self, frame: &Frame) -> Outcome {
        self.send_after(b"", slice::from_ref(frame))
    }

    /// Sends bytes and the frames after them in one write.
    pub fn send_after(&mut self, bytes: &[u8], frames: &[Frame]) -> Outcome {
        let frames_on_the_wire = frames.iter().flat_map(|frame| frame.encode(None));
        let whole: Vec<u8> = bytes.iter().copied().chain(frames_on_the_wire).collect();
        self.write(&whole)?;
        self.close_sent |= frames.iter().any(|frame| frame.opcode == Opcode::Close);
        self.finish_when_closed();
        Ok(())
    }

    /// The next frame, which must be masked with a key of its own (RFC 6455 §5.3).
    pub fn frame(&mut self) -> Result<Frame, String> {
        let (frame, mask) = Frame::read(self.stream()?).map_err(said)?;
        self.seen.push(frame.clone());
        if mask.is_none() {
            return Err(format!("the client did not mask {frame:?}"));
        }
        if self.last_mask == mask {
            return Err(format!(
                "the client used its masking key again for {frame:?}"
            ));
        }
        self.last_mask = mask;
        if frame.opcode == Opcode::Close {
            self.close_received = true;
            self.finish_when_closed();
        }
        Ok(frame)
    }

    /// The next message, assembled from its fragments, or a control frame received instead.
    pub fn message(&mut self) -> Result<Frame, String> {
        let mut message = self.frame()?;
        while !message.fin {
            let next = self.frame()?;
            if next.opcode != Opcode::Continuation {
                return Err(format!("{next:?} in the middle of {message:?}"));
            }
            message.payload.extend(next.payload);
            message.fin = next.fin;
        }
        Ok(message)
    }

    pub fn expect_message(&mut self, expected: &Frame) -> Outcome {
        same(&self.message()?, expected)
    }

    pub fn expect_frame(&mut self, expected: &Frame) -> Outcome {
        same(&self.frame()?, expected)
    }

    pub fn expect_opcode(&mut self, opcode: Opcode) -> Result<Frame, String> {
        let frame = self.frame()?;
        if frame.opcode == opcode {
            Ok(frame)
        } else {
            Err(format!("{frame:?} came"))
        }
    }

    /// Reads a ping and keeps it to be answered later.
    pub fn hold_ping(&mut self) -> Outcome {
        self.held_ping = Some(self.expect_opcode(Opcode::Ping)?);
        Ok(())
    }

    /// Answers the kept ping, again if it was answered before.
    pub fn answer_held_ping(&mut self) -> Outcome {
        let ping = self.held_ping.clone().ok_or("no ping was kept")?;
        self.send(&Frame::new(Opcode::Pong, ping.payload))
    }

    /// Sends a text a number of times, in few writes.
    pub fn send_many(&mut self, frame: &Frame, count: usize) -> Outcome {
        let bytes = frame.encode(None);
        let mut left = count;
        while left > 0 {
            let some = left.min(1000);
            self.write(&bytes.repeat(some))?;
            left -= some;
        }
        Ok(())
    }

    /// Echoes every message and answers pings, until the client closes and is answered.
    pub fn echo_until_closed(&mut self) -> Outcome {
        loop {
            let message = self.message()?;
            match message.opcode {
                Opcode::Ping => self.send(&Frame::new(Opcode::Pong, &message.payload))?,
                Opcode::Close => return self.send(&message),
                _ => self.send(&message)?,
            }
        }
    }

    /// Echoes every message and answers no ping, until the client closes and is
    /// answered.
    pub fn echo_messages_only(&mut self) -> Outcome {
        loop {
            let message = self.message()?;
            match message.opcode {
                Opcode::Ping => {}
                Opcode::Close => return self.send(&message),
                _ => self.send(&message)?,
            }
        }
    }

    /// Answers pings and ignores messages, until the client closes and is answered.
    pub fn answer_until_closed(&mut self) -> Outcome {
        loop {
            let message = self.message()?;
            match message.opcode {
                Opcode::Ping => self.send(&Frame::new(Opcode::Pong, &message.payload))?,
                Opcode::Close => return self.send(&message),
                _ => {}
            }
        }
    }

    /// Sends the same frame at every interval, until the client closes and is answered.
    pub fn send_until_closed(&mut self, frame: &Frame, interval: Duration) -> Outcome {
        loop {
            self.send(frame)?;
            let tcp = self.stream()?.tcp();
            let patience = tcp.read_timeout().map_err(said)?;
            tcp.set_read_timeout(Some(interval)).map_err(said)?;
            let came = tcp.peek(&mut [0]);
            tcp.set_read_timeout(patience).map_err(said)?;
            if came.is_ok() {
                let close = self.expect_opcode(Opcode::Close)?;
                return self.send(&close);
            }
        }
    }

    /// Sends a frame repeatedly and reads nothing, until the client has disconnected.
    pub fn flood(&mut self, frame: &Frame) -> Outcome {
        let block = frame.encode(None).repeat(1000);
        while self.write(&block).is_ok() {}
        Ok(())
    }

    /// Reads and ignores everything until the client has disconnected.
    pub fn until_hangup(&mut self) -> Outcome {
        let mut ignored = [0; 4096];
        loop {
            match self.stream()?.read(&mut ignored) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if is_hangup(error.kind()) => return Ok(()),
                Err(error) => return Err(format!("the client did not hang up: {error}")),
            }
        }
    }

    /// Passes if the client sends nothing for this long and stays connected.
    pub fn nothing_for(&mut self, time: Duration) -> Outcome {
        let tcp = self.stream()?.tcp();
        let patience = tcp.read_timeout().map_err(said)?;
        tcp.set_read_timeout(Some(time)).map_err(said)?;
        let came = tcp.peek(&mut [0]);
        tcp.set_read_timeout(patience).map_err(said)?;
        match came {
            Ok(0) => Err("the client hung up".to_owned()),
            Ok(_) => Err(format!("{:?} came", self.frame()?)),
            Err(error) if is_hangup(error.kind()) => Err(said(error)),
            Err(_) => Ok(()),
        }
    }

    /// Reads exactly these bytes from the client.
    pub fn bytes(&mut self, expected: &[u8]) -> Outcome {
        let mut came = vec![0; expected.len()];
        self.stream()?.read_exact(&mut came).map_err(said)?;
        match came == expected {
            true => Ok(()),
            false => Err(format!("{came:02x?} came instead of {expected:02x?}")),
        }
    }

    /// Reads at least one byte from the client.
    pub fn anything(&mut self) -> Outcome {
        match self.stream()?.read(&mut [0; 4096]) {
            Ok(0) => Err("the client said nothing".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(said(error)),
        }
    }

    /// Ends TCP (FIN), with no closing handshake and no `close_notify`.
    pub fn drop_tcp(&mut self) -> Outcome {
        self.stream.take().map(drop).ok_or_else(no_client)
    }

    /// Aborts TCP (RST).
    pub fn reset(&mut self) -> Outcome {
        SockRef::from(self.stream()?.tcp())
            .set_linger(Some(Duration::ZERO))
            .map_err(|e| e.to_string())?;
        self.drop_tcp()
    }

    /// The server closes TCP first after both close frames (RFC 6455 §7.1.1).
    fn finish_when_closed(&mut self) {
        if let (true, true, Some(stream)) = (self.close_sent, self.close_received, &mut self.stream)
        {
            stream.finish();
        }
    }

    fn stream(&mut self) -> Result<&mut Stream, String> {
        self.stream.as_mut().ok_or_else(no_client)
    }
}

fn same(came: &Frame, expected: &Frame) -> Outcome {
    if came == expected {
        return Ok(());
    }
    let at = came
        .payload
        .iter()
        .zip(&expected.payload)
        .position(|(a, b)| a != b);
    let lengths = (came.payload.len(), expected.payload.len());
    Err(format!(
        "{came:?} came instead of {expected:?}; lengths {lengths:?}, first difference at {at:?}"
    ))
}

fn is_hangup(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn said(error: io::Error) -> String {
    match error.kind() {
        kind if is_hangup(kind) => format!("the client hung up ({error})"),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the client said nothing".to_owned(),
        _ => error.to_string(),
    }
}

fn no_client() -> String {
    "there is no connection".to_owned()
}

/// A readable name for a step with bytes.
pub fn sentence(verb: &str, bytes: &[u8]) -> String {
    format!("{verb}({})", show(bytes))
}
