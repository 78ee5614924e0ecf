//! Any bytes, split anywhere, traced or not: the decoded messages and the reported violation are the
//! same.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wsprobe::connection::wire::negotiation::choose;
use wsprobe::connection::wire::violation::ViolationKind;
use wsprobe::connection::wire::{Received, Role, Wire, WireSettings};

fuzz_target!(|input: (bool, bool, bool, u8, Vec<u8>)| {
    let (is_server, compressed, trace, cut, bytes) = input;
    let role = if is_server {
        Role::Server
    } else {
        Role::Client
    };
    let settings = WireSettings {
        compression: compressed.then(|| choose(["permessage-deflate"])).flatten(),
        max_message: 1 << 20,
        trace: false,
        answers_pings: true,
    };
    let whole = received(role, &settings, &bytes, bytes.len());
    let settings = WireSettings { trace, ..settings };
    let in_pieces = received(role, &settings, &bytes, usize::from(cut) + 1);
    assert_eq!(whole, in_pieces);
});

/// The messages decoded from `bytes`, of which at most `piece` arrive at once, and the reason of the end.
fn received(
    role: Role,
    settings: &WireSettings,
    bytes: &[u8],
    piece: usize,
) -> (Vec<Received>, Option<ViolationKind>) {
    let mut wire = Wire::new(role, settings).expect("randomness");
    let mut input = BytesMut::new();
    let mut all = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        input.extend_from_slice(piece);
        loop {
            match wire.receive(&mut input) {
                Ok(Some(Received::Frame(_))) => {}
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(violation) => return (all, Some(violation.kind())),
            }
        }
    }
    (all, None)
}
