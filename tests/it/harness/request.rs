//! The client's upgrade request as the server saw it (RFC 6455 §4.1), and the key that answers it.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

#[derive(Default)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// Reads exactly up to the empty line: frames may follow.
    pub fn read(stream: &mut impl Read) -> Result<Self, String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(0) => {
                    return Err(format!(
                        "the request ended early: {}",
                        super::frames::show(&head)
                    ));
                }
                Ok(_) => head.push(byte[0]),
                Err(error) => return Err(format!("no whole request came: {error}")),
            }
        }
        let head = String::from_utf8(head).map_err(|_| "the request is not UTF-8")?;
        let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
        let line = lines.next().unwrap_or_default();
        let headers = lines
            .map(|line| split_header(&line))
            .collect::<Result<_, _>>()?;
        Ok(Self { line, headers })
    }

    /// Every value sent under a name, in order; names compare without case.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let same_name = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        let headers = self.headers.iter().filter(same_name);
        headers.map(|(_, value)| value.as_str()).collect()
    }

    /// The requirements for a 101 (RFC 6455 §4.2.1).
    pub fn check(&self) -> Result<(), String> {
        let fail = |what: &str| Err(format!("{what}\n{}\n{:#?}", self.line, self.headers));
        if !(self.line.starts_with("GET /") && self.line.ends_with(" HTTP/1.1")) {
            return fail("not a request line for an upgrade");
        }
        if self.values("host").len() != 1 {
            return fail("not exactly one Host header");
        }
        if !self
            .values("upgrade")
            .iter()
            .any(|value| value.eq_ignore_ascii_case("websocket"))
        {
            return fail("no `Upgrade: websocket`");
        }
        let connection = self.values("connection").join(",").to_ascii_lowercase();
        if !connection.split(',').any(|token| token.trim() == "upgrade") {
            return fail("no `Connection: Upgrade`");
        }
        if self.values("sec-websocket-version") != ["13"] {
            return fail("no `Sec-WebSocket-Version: 13`");
        }
        match self.values("sec-websocket-key")[..] {
            [key] if STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16) => Ok(()),
            _ => fail("no Sec-WebSocket-Key of 16 bytes"),
        }
    }

    /// The value of `Sec-WebSocket-Accept` for this request (RFC 6455 §4.2.2).
    pub fn accept_key(&self) -> String {
        let key = self.values("sec-websocket-key").join("");
        accept_key(&key)
    }
}

pub fn accept_key(key: &str) -> String {
    const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    STANDARD.encode(Sha1::digest(format!("{key}{GUID}")))
}

fn split_header(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("a header without a colon: {line:?}"))?;
    Ok((name.to_owned(), value.trim().to_owned()))
}
