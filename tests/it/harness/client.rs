//! A bare WebSocket client, for tests of `serve`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::frames::{Frame, Opcode};
use super::request::accept_key;

/// How long a server may take; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The example key of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The headers of the upgrade request, except `Connection`.
const UPGRADE: &str = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub struct Client {
    tcp: TcpStream,
}

impl Client {
    /// Connects and requires a valid 101.
    pub fn connect(url: &str) -> Self {
        Self::connect_with(url, "").0
    }

    /// Connects with more header lines and requires a valid 101; also returns its head.
    pub fn connect_with(url: &str, headers: &str) -> (Self, String) {
        let (client, head) = Self::ask(url, headers);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains(&accept_key(KEY)), "{head}");
        (client, head)
    }

    /// Connects with more header lines; also returns the head of any answer.
    pub fn ask(url: &str, headers: &str) -> (Self, String) {
        let mut tcp = dial(url);
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\n{UPGRADE}{headers}\r\n",
            target(url),
            authority(url)
        );
        tcp.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut tcp);
        (Self { tcp }, head)
    }

    /// Requests the upgrade with more header lines; returns the response, which must not be a 101.
    pub fn refused(url: &str, headers: &str) -> String {
        let answer = plain_get(url, &format!("Connection: Upgrade\r\n{UPGRADE}{headers}"));
        assert!(!answer.starts_with("HTTP/1.1 101 "), "{answer}");
        answer
    }

    pub fn send(&mut self, frame: &Frame) {
        let mask = Some([0x37, 0xfa, 0x21, 0x3d]);
        self.send_raw(&frame.encode(mask));
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).unwrap();
    }

    /// Sends a frame repeatedly until the server stops reading.
    pub fn send_until_stuck(&mut self, frame: &Frame) {
        let bytes = frame.encode(Some([0x37, 0xfa, 0x21, 0x3d]));
        self.tcp
            .set_write_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        while self.tcp.write_all(&bytes).is_ok() {}
    }

    /// The next frame, which a server must not mask.
    pub fn frame(&mut self) -> Frame {
        let (frame, mask) = Frame::read(&mut self.tcp).unwrap();
        assert_eq!(mask, None, "the server masked {frame:?}");
        frame
    }

    /// The next message, put together from its fragments.
    pub fn message(&mut self) -> Frame {
        let mut message = self.frame();
        while !message.fin {
            let next = self.frame();
            message.payload.extend(next.payload);
            message.fin = next.fin;
        }
        message
    }

    /// The socket, for tests that read raw bytes.
    pub fn into_tcp(self) -> TcpStream {
        self.tcp
    }

    /// The next raw bytes, which need not be a valid frame.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.tcp.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Nothing arrives for this long.
    pub fn hears_nothing_for(&mut self, time: Duration) {
        self.tcp.set_read_timeout(Some(time)).unwrap();
        let read = self.tcp.read(&mut [0]);
        assert!(read.is_err(), "something came: {read:?}");
        self.tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// The server's close frame, then its end of the connection.
    pub fn expect_close_and_end(&mut self) {
        let frame = self.frame();
        assert_eq!(frame.opcode, Opcode::Close, "{frame:?}");
        self.expect_end();
    }

    /// The server has ended the connection; data that it had not read makes the end a reset.
    pub fn expect_end_or_reset(&mut self) {
        let mut rest = Vec::new();
        if let Err(error) = self.tcp.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }

    /// The server has ended the connection.
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.tcp.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }
}

/// The whole response to a GET without an upgrade.
pub fn plain_get(url: &str, headers: &str) -> String {
    let mut tcp = dial(url);
    let host = authority(url);
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    tcp.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn authority(url: &str) -> &str {
    let rest = url.strip_prefix("ws://").expect("a ws:// URL");
    rest.split('/').next().unwrap()
}

/// The path and query of a URL.
fn target(url: &str) -> &str {
    let rest = url.strip_prefix("ws://").expect("a ws:// URL");
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn dial(url: &str) -> TcpStream {
    let tcp = TcpStream::connect(authority(url)).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp
}

fn read_head(tcp: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
