//! Any bytes, cut anywhere, pass the tap: what it lets through is a prefix of them, and a header that
//! breaks the protocol stops them at the same frame wherever they were cut.
#![no_main]

use bytes::Bytes;
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;
use tokio::io::AsyncReadExt;
use wsprobe::connection::wire::frame::Role;
use wsprobe::connection::wire::tap::{Settings, Tap};
use wsprobe::connection::wire::violation::Breach;

/// The longest header: as much of a frame as may be delivered before its header is judged.
const HEADER: usize = 14;

fuzz_target!(|input: (bool, bool, bool, u8, Vec<u8>)| {
    let (is_server, rsv1, trace, cut, bytes) = input;
    let role = if is_server { Role::Server } else { Role::Client };
    let settings = Settings { rsv1, max_message: 1 << 20, trace };
    let (whole, stopped) = passed(role, settings, &bytes, bytes.len());
    let (in_pieces, stopped_in_pieces) = passed(role, settings, &bytes, usize::from(cut) + 1);
    assert!(bytes.starts_with(&whole));
    assert!(bytes.starts_with(&in_pieces));
    if stopped.is_some_and(is_in_header) && stopped == stopped_in_pieces {
        assert!((whole.len()..=whole.len() + HEADER).contains(&in_pieces.len()));
    }
});

/// Whether a breach is known from the header. One in a payload is found where it stands in it, and a
/// text that comes whole is left to the frame library.
fn is_in_header(breach: Breach) -> bool {
    !matches!(
        breach,
        Breach::CloseOneByte
            | Breach::CloseCode(_)
            | Breach::CloseReasonNotUtf8(_)
            | Breach::TextNotUtf8
    )
}

/// What the tap lets through of `bytes` when at most `piece` of them are read at once, and why it
/// stopped.
fn passed(
    role: Role,
    settings: Settings,
    bytes: &[u8],
    piece: usize,
) -> (Vec<u8>, Option<Breach>) {
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
    let breach = tap.violation().map(|violation| violation.breach());
    (got, breach)
}
