//! Whether a server accepts a version of TLS that must not be used any more (RFC 8996). The library does not speak
//! them, so a ClientHello is written by hand, and only the first answer is read.

use super::super::stream::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A version of TLS that RFC 8996 forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldVersion {
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
}

/// The answer to a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloAnswer {
    /// A ServerHello of this version.
    Accepted,
    /// An alert, or the end of the connection.
    Refused,
    /// Something else.
    Other,
}

/// Cipher suites that servers of that time have: ECDHE and RSA with AES and 3DES (RFC 4492, RFC 3268).
const SUITES: [u16; 9] = [
    0xc009, 0xc00a, 0xc013, 0xc014, 0x0033, 0x0039, 0x002f, 0x0035, 0x000a,
];

impl OldVersion {
    /// The second byte of the version on the wire.
    const fn minor(self) -> u8 {
        match self {
            Self::Tls10 => 1,
            Self::Tls11 => 2,
        }
    }

    /// `TLS 1.0`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
        }
    }

    /// Sends a ClientHello of this version for `host`, and reads the first answer.
    pub(in crate::connection) async fn offer(self, stream: &mut Stream, host: &str) -> HelloAnswer {
        if stream.write_all(&self.hello(host)).await.is_err() {
            return HelloAnswer::Refused;
        }
        let mut answer = Vec::new();
        while answer.len() < 11 {
            match stream.read_buf(&mut answer).await {
                Ok(0) | Err(_) => break,
                Ok(_) if answer.first() == Some(&0x15) => break,
                Ok(_) => {}
            }
        }
        match answer[..] {
            [] | [0x15, ..] => HelloAnswer::Refused,
            // A handshake record with a ServerHello: header of 5 bytes, type, length of 3 bytes, version.
            [0x16, 3, _, _, _, 2, _, _, _, 3, minor, ..] if minor == self.minor() => {
                HelloAnswer::Accepted
            }
            _ => HelloAnswer::Other,
        }
    }

    /// A ClientHello (RFC 4346 §7.4.1.2) with the extensions that servers want: the name, the curves and their form.
    fn hello(self, host: &str) -> Vec<u8> {
        let version = [3, self.minor()];
        let is_name = host.parse::<std::net::IpAddr>().is_err();
        let mut extensions = Vec::new();
        if is_name {
            let entry = [&[0][..], &sized(2, host.as_bytes())].concat();
            extensions.extend(extension(0, &sized(2, &entry)));
        }
        extensions.extend(extension(10, &sized(2, &[0, 23, 0, 24, 0, 29])));
        extensions.extend(extension(11, &sized(1, &[0])));
        let suites: Vec<u8> = SUITES
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect();
        let body = [
            &version[..],
            // The random bytes protect nothing here: the handshake ends with the answer.
            &[0x5a; 32],
            &[0],
            &sized(2, &suites),
            &[1, 0],
            &sized(2, &extensions),
        ]
        .concat();
        let message = [&[1][..], &sized(3, &body)].concat();
        [&[0x16, 3, 1][..], &sized(2, &message)].concat()
    }
}

/// Bytes behind their length, which has `width` bytes.
fn sized(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_be_bytes();
    [&length[8 - width..], bytes].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(2, content)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_has_the_lengths_that_it_declares() {
        let hello = OldVersion::Tls10.hello("example.com");
        let record = u16::from_be_bytes([hello[3], hello[4]]);
        assert_eq!(usize::from(record), hello.len() - 5);
        let message = u32::from_be_bytes([0, hello[6], hello[7], hello[8]]);
        assert_eq!(message as usize, hello.len() - 9);
        assert_eq!(hello[9..11], [3, 1]);
        assert!(hello.windows(11).any(|bytes| bytes == b"example.com"));
    }
}
