//! A proxy that damages connections on real sockets, one fault for each client, and an
//! echo server to put behind it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

use super::frames::{Frame, Opcode};
use super::request::Request;

/// What happens to a client.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Its connection is accepted and reset.
    Reset,
    /// It is accepted, and nothing is ever read or sent.
    Swallow,
    /// After so many bytes from the server the connection ends without a close frame.
    DropAfter(usize),
    /// After so many bytes from the server nothing is forwarded in either direction, and the
    /// connection stays open.
    StallAfter(usize),
    /// After so many bytes from the server every bit is inverted.
    GarbleAfter(usize),
}

/// The bytes forwarded in both directions of one connection.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    pub up: Vec<u8>,
    pub down: Vec<u8>,
}

impl Passed {
    /// The complete frames after the server's 101.
    pub fn frames_down(&self) -> Vec<Frame> {
        frames(&self.down)
    }

    /// The complete frames after the client's request.
    pub fn frames_up(&self) -> Vec<Frame> {
        frames(&self.up)
    }
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let mut rest = head.map_or(&[][..], |at| &bytes[at + 4..]);
    let mut frames = Vec::new();
    while let Ok((frame, _)) = Frame::read(&mut rest) {
        frames.push(frame);
    }
    frames
}

/// Dropping it ends its threads and connections.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    passed: Mutex<Vec<Arc<Mutex<Passed>>>>,
    open: Mutex<Vec<TcpStream>>,
}

impl FaultProxy {
    /// Starts a proxy in front of a server; clients after the last fault are forwarded unchanged.
    pub fn before(server: u16, faults: impl IntoIterator<Item = Fault>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let mut faults: Vec<Fault> = faults.into_iter().collect();
        faults.reverse();
        let clients = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut pipes = Vec::new();
            for client in listener.incoming() {
                if clients.over.load(Ordering::SeqCst) {
                    break;
                }
                let fault = faults.pop().unwrap_or(Fault::Pass);
                pipes.extend(serve(client.unwrap(), server, fault, &clients));
            }
            for pipe in pipes {
                pipe.join().unwrap();
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

    /// The forwarded bytes of each connection.
    pub fn passed(&self) -> Vec<Passed> {
        let passed = self.shared.passed.lock().unwrap();
        passed
            .iter()
            .map(|one| one.lock().unwrap().clone())
            .collect()
    }
}

impl Drop for FaultProxy {
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
            panic!("the proxy's thread panicked");
        }
    }
}

/// Handles one client; returns the threads that do.
fn serve(client: TcpStream, server: u16, fault: Fault, shared: &Shared) -> Vec<JoinHandle<()>> {
    let passed = Arc::<Mutex<Passed>>::default();
    shared.passed.lock().unwrap().push(Arc::clone(&passed));
    shared
        .open
        .lock()
        .unwrap()
        .push(client.try_clone().unwrap());
    match fault {
        Fault::Reset => {
            SockRef::from(&client)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            client.shutdown(Shutdown::Both).unwrap_or_default();
            shared.open.lock().unwrap().pop();
            return Vec::new();
        }
        Fault::Swallow => return Vec::new(),
        _ => {}
    }
    let upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
    for stream in [&client, &upstream] {
        stream.set_nodelay(true).unwrap();
    }
    shared
        .open
        .lock()
        .unwrap()
        .push(upstream.try_clone().unwrap());
    let broken = Arc::<AtomicBool>::default();
    let up = {
        let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        let (passed, broken) = (Arc::clone(&passed), Arc::clone(&broken));
        thread::spawn(move || carry_up(from, to, &passed, &broken))
    };
    let down = thread::spawn(move || carry_down(upstream, client, fault, &passed, &broken));
    vec![up, down]
}

fn carry_up(mut from: TcpStream, mut to: TcpStream, passed: &Mutex<Passed>, broken: &AtomicBool) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        // Locked while forwarding, so that the record equals the forwarded bytes.
        let mut passed = passed.lock().unwrap();
        if !broken.load(Ordering::SeqCst) && to.write_all(&chunk[..n]).is_ok() {
            passed.up.extend(&chunk[..n]);
        }
    }
    if !broken.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}

fn carry_down(
    mut from: TcpStream,
    mut to: TcpStream,
    fault: Fault,
    passed: &Mutex<Passed>,
    broken: &AtomicBool,
) {
    let mut chunk = [0; 16 * 1024];
    let mut carried = 0;
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        let whole = match fault {
            Fault::DropAfter(limit) | Fault::StallAfter(limit) => n.min(limit - carried),
            _ => n,
        };
        if let Fault::GarbleAfter(limit) = fault {
            let first = limit.saturating_sub(carried).min(n);
            chunk[first..n].iter_mut().for_each(|byte| *byte = !*byte);
        }
        let mut passed = passed.lock().unwrap();
        if to.write_all(&chunk[..whole]).is_err() {
            break;
        }
        passed.down.extend(&chunk[..whole]);
        carried += whole;
        if whole < n || matches!(fault, Fault::DropAfter(limit) if limit == carried) {
            broken.store(true, Ordering::SeqCst);
            break;
        }
    }
    if !matches!(fault, Fault::StallAfter(_)) {
        // FIN, not RST, so that forwarded bytes arrive.
        let _ = to.shutdown(Shutdown::Write);
    }
    let _ = from.shutdown(Shutdown::Both);
}

/// Sends every message back and answers pings, for one client after the other, until it is dropped.
pub struct Echo {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::<AtomicBool>::default();
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let mut client = client.unwrap();
                client.set_nodelay(true).unwrap();
                echo(&mut client);
            }
        });
        Self {
            address,
            over,
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Until the connection ends in any way.
pub fn echo(client: &mut (impl Read + Write)) {
    let Ok(request) = Request::read(client) else {
        return;
    };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        request.accept_key()
    );
    if client.write_all(answer.as_bytes()).is_err() {
        return;
    }
    while let Ok((frame, _)) = Frame::read(client) {
        let closes = frame.opcode == Opcode::Close;
        let reply = match frame.opcode {
            Opcode::Ping => Frame::new(Opcode::Pong, frame.payload),
            _ => frame,
        };
        if client.write_all(&reply.encode(None)).is_err() || closes {
            return;
        }
    }
}
