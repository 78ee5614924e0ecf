//! Any bytes after the handshake: no panic, no message above the size limit, and each decoded message can be
//! sent and arrives unchanged.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wsprobe::connection::message::{Outgoing, Payload};
use wsprobe::connection::wire::negotiation::choose;
use wsprobe::connection::wire::{Received, Role, Wire, WireSettings};

const LIMIT: usize = 1 << 16;

fuzz_target!(|input: (bool, bool, Vec<u8>)| {
    let (is_server, compressed, bytes) = input;
    let (here, there) = if is_server {
        (Role::Server, Role::Client)
    } else {
        (Role::Client, Role::Server)
    };
    let settings = WireSettings {
        compression: compressed.then(|| choose(["permessage-deflate"])).flatten(),
        max_message: LIMIT as u64,
        trace: false,
        answers_pings: true,
    };
    let mut wire = Wire::new(here, &settings).expect("randomness");
    let messages = messages(&mut wire, &bytes);
    assert!(messages.iter().all(|message| message.len() <= LIMIT));

    let mut out = Vec::new();
    for message in &messages {
        wire.encode(&mut out, &Outgoing::Message(message.clone()));
    }
    let mut sent = Vec::new();
    while !out.is_empty() || wire.waiting_bytes() > 0 {
        wire.refill(&mut out);
        sent.append(&mut out);
    }
    let mut peer = Wire::new(there, &settings).expect("randomness");
    assert_eq!(self::messages(&mut peer, &sent), messages);
});

fn messages(wire: &mut Wire, bytes: &[u8]) -> Vec<Payload> {
    let mut input = BytesMut::from(bytes);
    let mut all = Vec::new();
    while let Ok(Some(received)) = wire.receive(&mut input) {
        if let Received::Message(payload) = received {
            all.push(payload);
        }
    }
    all
}
