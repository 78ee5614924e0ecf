//! HTTP CONNECT and SOCKS5 proxies on a free port, which record their requests.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;

use super::certificates::Certificate;
use super::stream::Stream;

/// How a proxy handles clients.
#[derive(Clone)]
enum Manner {
    /// Accepts CONNECT and answers with this head, or connects.
    Http(Option<&'static str>),
    /// Accepts SOCKS5, perhaps with a user and password, and answers with this reply, or connects.
    Socks(Option<(&'static str, &'static str)>, Option<u8>),
    /// Sends nothing.
    Silent,
}

#[must_use = "a proxy goes when it is dropped"]
pub struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub fn http() -> Self {
        Self::start(Manner::Http(None), None)
    }

    /// Answers CONNECT with this and closes.
    pub fn http_refusing(answer: &'static str) -> Self {
        Self::start(Manner::Http(Some(answer)), None)
    }

    pub fn https(certificate: Certificate) -> Self {
        Self::start(Manner::Http(None), Some(certificate.into_server_config()))
    }

    pub fn socks() -> Self {
        Self::start(Manner::Socks(None, None), None)
    }

    pub fn socks_with(user: &'static str, password: &'static str) -> Self {
        Self::start(Manner::Socks(Some((user, password)), None), None)
    }

    pub fn socks_refusing(reply: u8) -> Self {
        Self::start(Manner::Socks(None, Some(reply)), None)
    }

    pub fn silent() -> Self {
        Self::start(Manner::Silent, None)
    }

    fn start(manner: Manner, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let stopping = Arc::<AtomicBool>::default();
        let (noted, stops) = (Arc::clone(&asked), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            while let Ok((tcp, _)) = listener.accept() {
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                // Tests include clients that disconnect early.
                let _ = serve(tcp, &manner, tls.as_ref(), &noted, &stops);
            }
        });
        Self {
            address,
            asked,
            stopping,
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `SCHEME://127.0.0.1:PORT`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// The heads of all CONNECT requests, and `HOST:PORT` for each SOCKS request.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            panic!("the proxy's thread panicked");
        }
    }
}

fn serve(
    tcp: TcpStream,
    manner: &Manner,
    tls: Option<&Arc<ServerConfig>>,
    asked: &Mutex<Vec<String>>,
    stops: &AtomicBool,
) -> io::Result<()> {
    let mut client = Stream::plain(tcp)?;
    if let Some(config) = tls {
        client = client.tls(config)?;
    }
    let server = match manner {
        Manner::Http(answer) => take_connect(&mut client, *answer, asked)?,
        Manner::Socks(credentials, reply) => take_socks(&mut client, *credentials, *reply, asked)?,
        Manner::Silent => {
            let mut ignored = [0; 64];
            while !matches!(client.read(&mut ignored), Ok(0) | Err(_)) {}
            None
        }
    };
    match server {
        Some(server) => shuttle(client, server, stops),
        None => {
            client.finish();
            Ok(())
        }
    }
}

fn take_connect(
    client: &mut Stream,
    answer: Option<&str>,
    asked: &Mutex<Vec<String>>,
) -> io::Result<Option<TcpStream>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(read_array::<1>(client)?[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    asked.lock().unwrap().push(head.clone());
    if let Some(answer) = answer {
        client.write_all(answer.as_bytes())?;
        return Ok(None);
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    let server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")?;
    client.flush()?;
    Ok(Some(server))
}

fn take_socks(
    client: &mut Stream,
    credentials: Option<(&str, &str)>,
    reply: Option<u8>,
    asked: &Mutex<Vec<String>>,
) -> io::Result<Option<TcpStream>> {
    let [5, count] = read_array(client)? else {
        return Ok(None);
    };
    let methods = read_vec(client, count)?;
    let wanted = if credentials.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        client.write_all(&[5, 0xff])?;
        return Ok(None);
    }
    client.write_all(&[5, wanted])?;
    if let Some((user, password)) = credentials {
        let [1, length] = read_array(client)? else {
            return Ok(None);
        };
        let same_user = read_vec(client, length)? == user.as_bytes();
        let [length] = read_array(client)?;
        let same = read_vec(client, length)? == password.as_bytes() && same_user;
        client.write_all(&[1, u8::from(!same)])?;
        if !same {
            return Ok(None);
        }
    }
    let [5, 1, 0, kind] = read_array(client)? else {
        return Ok(None);
    };
    let host = match kind {
        1 => Ipv4Addr::from(read_array::<4>(client)?).to_string(),
        4 => format!("[{}]", std::net::Ipv6Addr::from(read_array::<16>(client)?)),
        _ => {
            let [length] = read_array(client)?;
            String::from_utf8_lossy(&read_vec(client, length)?).into_owned()
        }
    };
    let port = u16::from_be_bytes(read_array(client)?);
    asked.lock().unwrap().push(format!("{host}:{port}"));
    if let Some(reply) = reply {
        client.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0])?;
        return Ok(None);
    }
    let server = TcpStream::connect(format!("{host}:{port}"))?;
    // A name as the bound address, which the client must skip.
    client.write_all(&[5, 0, 0, 3, 3, b'a', b'b', b'c', 0, 80])?;
    client.flush()?;
    Ok(Some(server))
}

/// Forwards bytes in both directions until either side ends, in one thread because of TLS.
fn shuttle(mut client: Stream, mut server: TcpStream, stops: &AtomicBool) -> io::Result<()> {
    let turn = Some(Duration::from_millis(2));
    client.tcp().set_read_timeout(turn)?;
    server.set_read_timeout(turn)?;
    while !stops.load(Ordering::SeqCst) {
        let mut buffer = [0; 16 * 1024];
        let came = match client.read(&mut buffer) {
            Err(error) if is_pause(&error) => None,
            result => Some(result?),
        };
        match came {
            Some(0) => return Ok(()),
            Some(length) => server.write_all(&buffer[..length])?,
            None => {}
        }
        let came = match server.read(&mut buffer) {
            Err(error) if is_pause(&error) => None,
            result => Some(result?),
        };
        match came {
            Some(0) => {
                client.finish();
                return Ok(());
            }
            Some(length) => {
                client.write_all(&buffer[..length])?;
                client.flush()?;
            }
            None => {}
        }
    }
    Ok(())
}

fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn read_array<const N: usize>(stream: &mut Stream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_vec(stream: &mut Stream, length: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
