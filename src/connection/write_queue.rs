//! What is on its way to the peer.
//!
//! After a write has failed nothing leaves any more, and the reads go on: what the peer said before it
//! went away (a close frame with its reason, most of all) is still to be read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::wire::Wire;

/// Bytes that may wait before no more should be given.
const FULL: usize = 128 * 1024;

/// Bytes that have left are forgotten once there are so many, where others follow them.
const LEFT: usize = 128 * 1024;

/// See the module's head.
#[derive(Debug)]
pub(super) struct WriteQueue {
    /// What leaves next, of which the first `sent` bytes have left. [`Wire::refill`] has what follows.
    bytes: Vec<u8>,
    sent: usize,
    /// Whether something was put here since all of it was last handed to the kernel.
    is_unflushed: bool,
    /// Bytes that the stream has taken, ever.
    passed: u64,
    failure: Option<io::Error>,
    release_when_empty: bool,
}

impl WriteQueue {
    /// An empty queue. With `release_when_empty` it takes no memory while it is empty: a server has
    /// many, and few of them busy at a time.
    pub(super) fn new(release_when_empty: bool) -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
            is_unflushed: false,
            passed: 0,
            failure: None,
            release_when_empty,
        }
    }

    /// Where frames are put that are to leave; nowhere after a write has failed.
    #[inline]
    pub(super) fn end(&mut self) -> Option<&mut Vec<u8>> {
        self.is_unflushed = true;
        self.failure.is_none().then_some(&mut self.bytes)
    }

    /// Bytes that the stream has taken so far.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// The write that failed, if one did: nothing sent since has left.
    pub(super) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Whether more should not be given before some of what waits, here and in `wire`, has left.
    pub(super) fn is_full(&self, wire: &Wire) -> bool {
        self.bytes.len() - self.sent + wire.waiting_bytes() >= FULL
    }

    /// Hands on what waits, here and in `wire`; ready when nothing does any more. A failure is kept, not
    /// told.
    pub(super) fn poll_write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        wire: &mut Wire,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            // Before each write, so that a header leaves together with the beginning of its payload:
            // alone it would be a packet of its own.
            wire.refill(&mut self.bytes);
            if self.bytes.is_empty() {
                if self.release_when_empty && self.bytes.capacity() > 0 {
                    self.bytes = Vec::new();
                }
                return Poll::Ready(());
            }
            match ready!(Pin::new(&mut *stream).poll_write(cx, &self.bytes[self.sent..])) {
                Ok(n) if n > 0 => self.advance(n),
                Ok(_) => self.fail(wire, io::ErrorKind::WriteZero.into()),
                Err(error) => self.fail(wire, error),
            }
        }
    }

    /// The same, and has the stream hand on what it holds; ready at once where nothing was put here.
    pub(super) fn poll_flush(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        wire: &mut Wire,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.is_unflushed {
            return Poll::Ready(());
        }
        ready!(self.poll_write(stream, wire, cx));
        if self.failure.is_none()
            && let Err(error) = ready!(Pin::new(stream).poll_flush(cx))
        {
            self.fail(wire, error);
        }
        self.is_unflushed = false;
        Poll::Ready(())
    }

    fn advance(&mut self, n: usize) {
        self.sent += n;
        self.passed += n as u64;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent >= LEFT {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    fn fail(&mut self, wire: &mut Wire, error: io::Error) {
        wire.discard();
        self.bytes = Vec::new();
        self.sent = 0;
        self.failure.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::{Bytes, BytesMut};
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::super::message::{Outgoing, Payload};
    use super::super::wire::{Received, Role, WireSettings};
    use super::*;

    fn wire(role: Role) -> Wire {
        let settings = WireSettings {
            compression: None,
            max_message: 1 << 20,
            trace: false,
            answers_pings: true,
        };
        Wire::new(role, &settings).expect("randomness")
    }

    fn binary(size: usize) -> Outgoing {
        let bytes: Bytes = (0..size).map(|i| (i % 251) as u8).collect();
        Outgoing::Message(Payload::Binary(bytes))
    }

    fn put(queue: &mut WriteQueue, wire: &mut Wire, outgoing: &Outgoing) {
        if let Some(end) = queue.end() {
            wire.encode(end, outgoing);
        }
    }

    #[tokio::test]
    async fn what_was_put_leaves_in_order_however_little_is_taken_at_once() {
        let (mut near, mut far) = tokio::io::duplex(1000);
        let mut wire_near = wire(Role::Client);
        let mut queue = WriteQueue::new(false);
        let sizes = [5, 40_000, 0, 150_000, 400_000, 126, 1];
        for size in sizes {
            put(&mut queue, &mut wire_near, &binary(size));
        }
        let blocked = poll_fn(|cx| queue.poll_flush(&mut near, &mut wire_near, cx)).now_or_never();
        assert!(blocked.is_none() && queue.is_full(&wire_near));
        let writing = async {
            poll_fn(|cx| queue.poll_flush(&mut near, &mut wire_near, cx)).await;
            near.shutdown().await.expect("shut down");
            queue.passed()
        };
        let mut got = Vec::new();
        let (passed, read) = tokio::join!(writing, far.read_to_end(&mut got));
        read.expect("read");
        assert_eq!(passed, got.len() as u64);
        let mut input = BytesMut::from(&got[..]);
        let mut server = wire(Role::Server);
        for size in sizes {
            let received = server.receive(&mut input).expect("no violation");
            let Some(Received::Message(payload)) = received else {
                panic!("{received:?}");
            };
            assert_eq!(Outgoing::Message(payload), binary(size));
        }
    }

    /// Takes whatever it is given, and notes how much that was.
    #[derive(Default)]
    struct CountingWriter(Vec<usize>);

    impl AsyncWrite for CountingWriter {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_header_does_not_leave_alone() {
        let mut queue = WriteQueue::new(false);
        let mut wire = wire(Role::Client);
        let mut writes = CountingWriter::default();
        put(&mut queue, &mut wire, &binary(300_000));
        poll_fn(|cx| queue.poll_flush(&mut writes, &mut wire, cx)).await;
        assert!(writes.0.iter().all(|&bytes| bytes > 1000), "{:?}", writes.0);
    }

    #[tokio::test]
    async fn after_a_failed_write_nothing_is_kept_and_the_peer_can_be_read() {
        let (mut near, mut far) = tokio::io::duplex(64);
        near.write_all(b"goodbye").await.expect("written");
        drop(near);
        let mut queue = WriteQueue::new(false);
        let mut wire = wire(Role::Server);
        put(&mut queue, &mut wire, &binary(5));
        put(&mut queue, &mut wire, &binary(100_000));
        poll_fn(|cx| queue.poll_flush(&mut far, &mut wire, cx)).await;
        assert!(queue.failure().is_some());
        assert!(queue.end().is_none());
        assert_eq!(wire.waiting_bytes(), 0);
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.expect("read");
        assert_eq!(got, b"goodbye");
    }
}
