//! Any bytes, cut anywhere, pass the tap: what it lets through is a prefix of them, the same prefix
//! wherever they were cut.
#![no_main]

use bytes::Bytes;
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;
use tokio::io::AsyncReadExt;
use wsprobe::connection::wire::frame::Role;
use wsprobe::connection::wire::tap::{Settings, Tap};

fuzz_target!(|input: (bool, bool, bool, u8, Vec<u8>)| {
    let (is_server, rsv1, trace, cut, bytes) = input;
    let role = if is_server { Role::Server } else { Role::Client };
    let settings = Settings { rsv1, max_message: 1 << 20, trace };
    let whole = passed(role, settings, &bytes, bytes.len());
    let in_pieces = passed(role, settings, &bytes, usize::from(cut) + 1);
    assert!(bytes.starts_with(&whole));
    assert!(bytes.starts_with(&in_pieces));
    // A header that came in pieces may have begun to be delivered before it was judged.
    assert!(in_pieces.len() >= whole.len() && in_pieces.len() <= whole.len() + 14);
});

/// What the tap lets through of `bytes` when at most `piece` of them are read at once.
fn passed(role: Role, settings: Settings, bytes: &[u8], piece: usize) -> Vec<u8> {
    let stream = tokio::io::join(bytes, tokio::io::sink());
    let mut tap = Tap::new(stream, role, settings, Bytes::new());
    let mut got = Vec::new();
    let mut buffer = vec![0; piece.max(1)];
    // A slice is always ready.
    while let Some(Ok(n)) = tap.read(&mut buffer).now_or_never() {
        while tap.next_frame().is_some() {}
        if n == 0 {
            break;
        }
        got.extend_from_slice(&buffer[..n]);
    }
    got
}
