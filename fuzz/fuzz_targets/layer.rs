//! Any bytes behind the handshake go through the tap, the codec and the frame library: no panic, and no
//! message larger than the limit.
#![no_main]

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use libfuzzer_sys::fuzz_target;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol;
use wsprobe::connection::wire::frame::Role;
use wsprobe::connection::wire::layer::Layer;
use wsprobe::connection::wire::negotiation::choose;
use wsprobe::connection::wire::tap::Settings;

const LIMIT: usize = 1 << 16;

fuzz_target!(|input: (bool, bool, Vec<u8>)| {
    let (is_server, compressed, bytes) = input;
    let agreed = compressed.then(|| choose(["permessage-deflate"])).flatten();
    let (role, library_role) = if is_server {
        (Role::Server, protocol::Role::Server)
    } else {
        (Role::Client, protocol::Role::Client)
    };
    let settings = Settings { rsv1: compressed, max_message: LIMIT as u64, trace: false };
    let stream = tokio::io::join(&bytes[..], tokio::io::sink());
    let layer = Layer::new(stream, role, agreed, settings, Bytes::new());
    let Some(mut ws) = WebSocketStream::from_raw_socket(layer, library_role, None).now_or_never()
    else {
        return;
    };
    while let Some(Some(Ok(message))) = ws.next().now_or_never() {
        assert!(message.len() <= LIMIT);
    }
});
