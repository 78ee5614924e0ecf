//! Any bytes as the head of a server, a proxy or a client: no panic, no hang, and the error text is safe to
//! print once it is escaped.
#![no_main]

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use wsprobe::connection::Reporter;
use wsprobe::connection::dial::Route;
use wsprobe::connection::handshake::{client, server};
use wsprobe::connection::proxy::{Proxy, tunnel};
use wsprobe::connection::stream::Stream;
use wsprobe::connection::target::{Address, RequestHeader, Subprotocol, UpgradeOptions};

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (kind, piece, bytes) = input;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let peer = Peer {
        bytes,
        piece: usize::from(piece) + 1,
        at: 0,
    };
    runtime.block_on(play(kind, peer));
});

async fn play(kind: u8, mut peer: Peer) {
    let deadline = Instant::now() + Duration::from_secs(1);
    let proxy = match kind % 5 {
        0 => return answer(peer, deadline).await,
        1 => {
            let _ = server::read_request(&mut peer).await;
            return;
        }
        2 => "http://proxy.example:3128",
        3 => "socks5h://proxy.example",
        _ => "socks5h://user:password@proxy.example",
    };
    let proxy = Proxy::parse(proxy).expect("a proxy");
    let way = ("host.example", 443);
    let _ = tunnel(&proxy, Stream::over(peer), way, &Route::default(), deadline).await;
}

async fn answer(mut peer: Peer, deadline: Instant) {
    let address = Address::parse("ws://host.example/").expect("a URL");
    let request = UpgradeOptions {
        headers: vec![RequestHeader::new(
            "Sec-WebSocket-Key",
            "dGhlIHNhbXBsZSBub25jZQ==",
        )],
        subprotocols: vec![Subprotocol::new("chat")],
        ..UpgradeOptions::default()
    };
    let result = client::upgrade(&mut peer, &address, &request, &Reporter(None), deadline).await;
    if let Err(error) = result
        && let Some(refusal) = error.refusal
    {
        assert!(refusal.body.len() <= 1024);
        assert_ne!(refusal.status, 101);
    }
}

/// Returns its bytes in pieces, then the end of the stream; accepts every write.
struct Peer {
    bytes: Vec<u8>,
    piece: usize,
    at: usize,
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let left = &self.bytes[self.at..];
        let n = left.len().min(self.piece).min(buffer.remaining());
        buffer.put_slice(&left[..n]);
        self.at += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
