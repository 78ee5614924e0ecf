//! A WebSocket server for any number of clients that treats requests as RFC 6455 §4.2.1 wants, except for one fault.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::frames::{Frame, Opcode};
use super::request::accept_key;

/// How a request is treated.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// As the RFC wants.
    Right,
    /// It is accepted, whatever it says.
    Accepted,
    /// It gets this answer; `ACCEPT` in it becomes the key.
    Answered(&'static str),
    /// It is accepted, then random bytes follow: the seed.
    Noisy(u64),
    /// Random bytes are the answer.
    Noise(u64),
    /// The connection ends without an answer.
    Dropped,
    /// Nothing is answered, and the connection stays open.
    Ignored,
    /// The server ends: nothing listens any more.
    Fatal,
}

/// Says how a request head is treated.
pub type Fault = fn(&str) -> Treatment;

/// Dropping it ends its threads and connections.
pub struct Front {
    address: SocketAddr,
    shared: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    fault: Fault,
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl Front {
    /// Starts a server with a fault.
    pub fn new(fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(State {
            fault,
            over: AtomicBool::new(false),
            open: Mutex::default(),
            workers: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                if state.over.load(Ordering::Relaxed) {
                    break;
                }
                state.open.lock().unwrap().push(stream.try_clone().unwrap());
                let own = Arc::clone(&state);
                let worker = thread::spawn(move || own.serve(stream, address));
                state.workers.lock().unwrap().push(worker);
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.end(self.address);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        let workers = std::mem::take(&mut *self.shared.workers.lock().unwrap());
        for worker in workers {
            drop(worker.join());
        }
    }
}

impl State {
    fn end(&self, address: SocketAddr) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the listener, which then ends.
        drop(TcpStream::connect(address));
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn serve(&self, mut stream: TcpStream, address: SocketAddr) {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let Some(head) = read_head(&mut stream) else {
            return;
        };
        let right = || refusal(&head).map_or_else(|| accepted(&head), str::to_owned);
        let answer = match (self.fault)(&head) {
            Treatment::Right => right(),
            Treatment::Accepted => accepted(&head),
            Treatment::Answered(answer) => answer.replace("ACCEPT", &key_of(&head)),
            Treatment::Noisy(seed) => {
                let _ = stream.write_all(accepted(&head).as_bytes());
                let _ = stream.write_all(&noise(seed ^ head.len() as u64));
                let _ = stream.read_to_end(&mut Vec::new());
                return close(&stream);
            }
            Treatment::Noise(seed) => {
                let _ = stream.write_all(&noise(seed ^ head.len() as u64));
                return close(&stream);
            }
            Treatment::Dropped => return close(&stream),
            Treatment::Ignored => {
                // Until the client gives up.
                let _ = stream.read(&mut [0; 1]);
                return close(&stream);
            }
            Treatment::Fatal => return self.end(address),
        };
        if stream.write_all(answer.as_bytes()).is_ok() && answer.starts_with("HTTP/1.1 101") {
            talk(&mut stream);
        }
        close(&stream);
    }
}

/// Random bytes (xorshift).
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(200).collect()
}

/// Ends a connection whose other handle is kept.
fn close(stream: &TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => head.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8(head).ok()
}

/// The values of a header.
pub fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let named = lines.filter(|(it, _)| it.trim().eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim()).collect()
}

fn key_of(head: &str) -> String {
    let keys = values(head, "Sec-WebSocket-Key");
    accept_key(keys.first().copied().unwrap_or_default())
}

fn accepted(head: &str) -> String {
    let key = key_of(head);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nServer: front\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    )
}

/// The answer to a request that is no valid handshake.
fn refusal(head: &str) -> Option<&'static str> {
    const BAD: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    const OLD: &str = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Content-Length: 0\r\n\r\n";
    const FOREIGN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    let first: Vec<&str> = head.lines().next()?.split(' ').collect();
    let is_target = |target: &str| target.starts_with('/') || target.starts_with("http://");
    let is_line = matches!(first[..], ["GET", target, "HTTP/1.1"] if is_target(target));
    let names = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let has_spaces = names.into_iter().any(|(name, _)| name.ends_with(' '));
    let one = |name: &str| match values(head, name)[..] {
        [value] => Some(value),
        _ => None,
    };
    let has_token = |name: &str, token: &str| {
        let values = values(head, name).join(",");
        values
            .split(',')
            .any(|it| it.trim().eq_ignore_ascii_case(token))
    };
    let is_key = |key: &str| STANDARD.decode(key).is_ok_and(|key| key.len() == 16);
    let is_valid = is_line
        && !has_spaces
        && one("Host").is_some()
        && one("Upgrade").is_some_and(|it| it.eq_ignore_ascii_case("websocket"))
        && has_token("Connection", "Upgrade")
        && one("Sec-WebSocket-Key").is_some_and(is_key)
        && !values(head, "Sec-WebSocket-Extensions").contains(&";;=");
    match one("Sec-WebSocket-Version") {
        _ if !is_valid => Some(BAD),
        Some("13") => {
            let own = one("Host").map(|host| format!("http://{host}"));
            let origin = values(head, "Origin").first().map(|it| (*it).to_owned());
            (origin.is_some() && origin != own).then_some(FOREIGN)
        }
        _ => Some(OLD),
    }
}

/// Answers pings and close frames, and fails the connection for what is no frame of a client.
fn talk(stream: &mut TcpStream) {
    while let Ok((frame, mask)) = Frame::read(stream) {
        let answer = match frame.opcode {
            _ if mask.is_none() => Frame::close(1002, ""),
            Opcode::Ping => Frame::new(Opcode::Pong, &frame.payload),
            Opcode::Close => frame.clone(),
            _ => continue,
        };
        let is_end = answer.opcode == Opcode::Close;
        if stream.write_all(&answer.encode(None)).is_err() || is_end {
            return;
        }
    }
    let _ = stream.write_all(&Frame::close(1002, "").encode(None));
}
