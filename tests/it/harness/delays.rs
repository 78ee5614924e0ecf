//! A proxy that delays every answer, and records the actual delays.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Accepts one client, which must wait for each answer before it sends the next request.
/// turns.
pub struct DelayProxy {
    address: SocketAddr,
    thread: Option<JoinHandle<Vec<Duration>>>,
}

impl DelayProxy {
    /// Starts a proxy in front of a server.
    pub fn before(server: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
            take_turns(client, server, delay)
        });
        Self {
            address,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The delay of each answer, once the client has disconnected.
    pub fn held(mut self) -> Vec<Duration> {
        self.thread.take().map(|it| it.join().unwrap()).unwrap()
    }
}

fn take_turns(mut client: TcpStream, mut server: TcpStream, delay: Duration) -> Vec<Duration> {
    let mut held = Vec::new();
    let mut buffer = [0; 4096];
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let came = Instant::now();
        server.write_all(&buffer[..length]).unwrap();
        let Ok(length @ 1..) = server.read(&mut buffer) else {
            break;
        };
        thread::sleep((came + delay).saturating_duration_since(Instant::now()));
        held.push(came.elapsed());
        if client.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    held
}

impl Drop for DelayProxy {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Ends a thread that still waits for a client, by connecting.
            drop(TcpStream::connect(self.address));
            drop(thread.join());
        }
    }
}
