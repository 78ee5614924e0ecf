//! `serve` with many clients: no message is lost, altered or mixed up, and no client slows down another.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Client, Frame, Probe, serve};

/// The messages of one client, and the expected replies.
fn batch(client: usize, from: usize, to: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut sent, mut expected) = (Vec::new(), Vec::new());
    for n in from..to {
        let text = format!("client {client} message {n} {}", "x".repeat(n % 140));
        let frame = Frame::text(text);
        sent.extend(frame.encode(Some([0x37, 0xfa, 0x21, 0x3d])));
        expected.extend(frame.encode(None));
    }
    (sent, expected)
}

#[test]
fn a_thousand_clients_with_a_thousand_messages_each_get_them_back_byte_for_byte() {
    const CLIENTS: usize = 1000;
    const MESSAGES: usize = 1000;
    const AT_ONCE: usize = 100;
    let (_serving, url) = serve(&[]);
    let connect = |_| Client::connect(&url).into_tcp();
    let mut sockets: Vec<TcpStream> = (0..CLIENTS).map(connect).collect();
    // All stay connected; two threads drive them.
    let (left, right) = sockets.split_at_mut(CLIENTS / 2);
    thread::scope(|scope| {
        for (half, sockets) in [left, right].into_iter().enumerate() {
            scope.spawn(move || {
                for from in (0..MESSAGES).step_by(AT_ONCE) {
                    let batches: Vec<_> = (0..sockets.len())
                        .map(|index| batch(half * CLIENTS / 2 + index, from, from + AT_ONCE))
                        .collect();
                    for (socket, (sent, _)) in sockets.iter_mut().zip(&batches) {
                        socket.write_all(sent).unwrap();
                    }
                    for (socket, (_, expected)) in sockets.iter_mut().zip(&batches) {
                        let mut got = vec![0; expected.len()];
                        socket.read_exact(&mut got).unwrap();
                        assert!(got == *expected, "another answer than what was sent");
                    }
                }
            });
        }
    });
}

#[test]
fn messages_of_mixed_sizes_come_back_byte_for_byte() {
    let (_serving, url) = serve(&[]);
    let some = "abc {}[]\",:0123456789\n\t\\\u{1b}é€\u{202e}\u{1f600}".repeat(6000);
    let sizes = [0, 1, 12, 125, 126, 300, 4000, 65_535, 65_536, 150_000];
    let mut sent = Vec::new();
    for n in 0..3000 {
        let size = sizes[(n * n + n / 7) % if n % 100 == 0 { 10 } else { 6 }];
        let text = &some[some.ceil_char_boundary(n % 1000)..];
        sent.extend_from_slice(&text.as_bytes()[..text.floor_char_boundary(size)]);
        sent.push(0);
    }
    for args in [&[][..], &["--no-compress"]] {
        Probe::new(["send", "-0", &url])
            .args(args)
            .stdin(&sent)
            .stdout(&sent)
            .status(0);
    }
}

#[test]
fn a_client_that_never_reads_costs_the_others_nothing() {
    let (_serving, url) = serve(&[]);
    let mut deaf = Client::connect(&url);
    deaf.send_until_stuck(&Frame::binary(vec![0xa5; 1_000_000]));
    let mut client = Client::connect(&url);
    for n in 0..100 {
        let message = Frame::text(format!("message {n}"));
        client.send(&message);
        assert_eq!(client.message(), message);
    }
}

#[test]
fn a_client_that_is_gone_while_it_is_written_to_leaves_its_place() {
    let (_serving, url) = serve(&["--max-clients", "1"]);
    let mut deaf = Client::connect(&url);
    deaf.send_until_stuck(&Frame::binary(vec![0xa5; 1_000_000]));
    // Unread data turns this close into a reset.
    drop(deaf);
    let until = Instant::now() + Duration::from_secs(20);
    while !takes_another(&url) {
        assert!(Instant::now() < until, "its place is still taken");
        thread::yield_now();
    }
}

/// Whether the server has room for one more client.
fn takes_another(url: &str) -> bool {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).unwrap();
    status.ends_with(b"101")
}
