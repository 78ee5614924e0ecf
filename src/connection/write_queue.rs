//! The queue of bytes to write to the peer.
//!
//! After a failed write nothing more is written, but reading continues: the peer may have sent a close
//! frame with a reason before it went away.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::wire::Wire;

/// The queue is full at this number of bytes.
const FULL: usize = 128 * 1024;

/// The same for what waits behind a large message: empty messages and pings count, too.
const MOST_ENTRIES: usize = 4096;

/// Written bytes are removed from the front of the queue once there are this many.
const LEFT: usize = 128 * 1024;

/// A queue of frames to write.
#[derive(Debug)]
pub(super) struct WriteQueue {
    /// The bytes to write next; the first `sent` are written. [`Wire::refill`] adds more.
    bytes: Vec<u8>,
    sent: usize,
    /// Whether something was queued since the last complete flush.
    is_unflushed: bool,
    /// Bytes written to the stream so far.
    passed: u64,
    failure: Option<io::Error>,
    release_when_empty: bool,
}

impl WriteQueue {
    /// An empty queue. With `release_when_empty` it uses no memory while it is empty, since a server has many
    /// connections and few are busy.
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

    /// The buffer to append frames to; `None` after a failed write.
    #[inline]
    pub(super) fn end(&mut self) -> Option<&mut Vec<u8>> {
        self.is_unflushed = true;
        self.failure.is_none().then_some(&mut self.bytes)
    }

    /// Bytes written to the stream so far, in total.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// The error of the write that failed, if any. Nothing was written after it.
    pub(super) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Whether something was queued that may not have left the stream yet.
    pub(super) fn is_unflushed(&self) -> bool {
        self.is_unflushed && self.failure.is_none()
    }

    /// The queued bytes, here and in `wire`.
    pub(super) fn waiting(&self, wire: &Wire) -> u64 {
        (self.bytes.len() - self.sent + wire.waiting_bytes()) as u64
    }

    /// Whether the queued bytes, here and in `wire`, have reached the limit.
    pub(super) fn is_full(&self, wire: &Wire) -> bool {
        self.bytes.len() - self.sent + wire.waiting_bytes() >= FULL
            || wire.waiting_entries() >= MOST_ENTRIES
    }

    /// Writes what is queued here and in `wire`. Ready when everything is written or a write has failed; the
    /// failure is kept for [`Self::failure`].
    pub(super) fn poll_write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        wire: &mut Wire,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            // Before each write, so that a header is written together with the start of its payload and not
            // as a packet of its own.
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

    /// Writes what is queued, and flushes the stream. Ready at once if nothing was queued.
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

    /// Accepts every write and records its size.
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
