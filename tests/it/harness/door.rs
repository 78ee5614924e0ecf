//! A Unix domain socket that leads to a server on TCP.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// Accepts a given number of clients, one after the other.
#[must_use = "a door is joined when it is dropped"]
pub struct UnixDoor {
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl UnixDoor {
    pub fn to(port: u16, path: &Path, clients: usize) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let thread = thread::spawn(move || {
            for client in listener.incoming().take(clients).flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    return;
                };
                carry(&client, &server);
            }
        });
        Self {
            path: path.to_owned(),
            thread: Some(thread),
        }
    }
}

fn carry(client: &UnixStream, server: &TcpStream) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*client, &mut &*server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &*server, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
    });
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            if thread::panicking() {
                return;
            }
            // Ends a thread that still waits for a client, by connecting.
            if !thread.is_finished() {
                let _ = UnixStream::connect(&self.path);
            }
            let _ = thread.join();
        }
    }
}
