//! What is on its way to the peer, below everything that makes frames.
//!
//! It takes whatever it is given and hands it on block by block, which mends three habits of the frame
//! library above: that one copies a message before it masks it, moves what is left of its buffer forward
//! after every partial write, and ends the connection when a write fails. Here a large payload is masked
//! a block at a time as it leaves, so that a message of any size costs one block besides itself; and
//! after a failed write what the peer said before it went away (a close frame with its reason, most of
//! all) can still be read.
//!
//! A write is taken at once while there is room, and waits for room when it [is full](Outbox::is_full).

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{Header, Leaving, apply_mask};

/// The most of a large payload that is masked at once, in bytes, and leaves with little before it.
const BLOCK: usize = 128 * 1024;

/// Bytes that may wait before no more are taken.
const FULL: usize = 128 * 1024;

/// Payloads from this size on, in bytes, are kept as they are until they leave.
const LARGE: usize = 32 * 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Outbox<S> {
    inner: S,
    /// What leaves next, of which the first `sent` bytes have left.
    ready: Vec<u8>,
    sent: usize,
    /// What leaves after that.
    queue: VecDeque<Part>,
    /// Bytes in `queue`.
    queued: usize,
    /// Bytes that the stream below has taken, ever.
    passed: u64,
    failure: Option<io::Error>,
    frugal: bool,
}

#[derive(Debug)]
enum Part {
    /// Bytes as they leave.
    Bytes(Vec<u8>),
    /// The rest of a large payload.
    Payload(Leaving),
}

impl<S> Outbox<S> {
    /// An empty one over `inner`.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            ready: Vec::new(),
            sent: 0,
            queue: VecDeque::new(),
            queued: 0,
            passed: 0,
            failure: None,
            frugal: false,
        }
    }

    /// The same, but it takes no memory while it is empty: a server has many, and few of them busy at a
    /// time.
    pub fn frugal(self) -> Self {
        Self {
            frugal: true,
            ..self
        }
    }

    /// The stream below.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Bytes that have left so far.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Bytes that wait to leave.
    pub fn waiting(&self) -> usize {
        self.ready.len() - self.sent + self.queued
    }

    /// Whether more should not be given before some of what waits has left.
    pub fn is_full(&self) -> bool {
        self.waiting() >= FULL
    }

    /// The write that failed, if one did: nothing sent since has left.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Puts a frame behind what waits, and says how many bytes its header takes. A large payload is
    /// `shared`, and masked as it leaves.
    #[inline]
    pub fn put(
        &mut self,
        header: &Header,
        payload: &[u8],
        shared: impl FnOnce() -> Bytes,
    ) -> usize {
        if payload.len() >= LARGE || !self.queue.is_empty() || self.failure.is_some() {
            return self.queue_up(header, shared());
        }
        let before = self.ready.len();
        header.write(&mut self.ready);
        let begin = self.ready.len();
        self.ready.extend_from_slice(payload);
        if let Some(mask) = header.mask {
            apply_mask(&mut self.ready[begin..], mask, 0);
        }
        begin - before
    }

    /// Puts a frame behind what waits and does not leave at once.
    fn queue_up(&mut self, header: &Header, payload: Bytes) -> usize {
        let queued = !self.queue.is_empty();
        let end = self.end();
        let before = end.len();
        header.write(end);
        let head = end.len() - before;
        let large = payload.len() >= LARGE;
        if !large {
            let begin = end.len();
            end.extend_from_slice(&payload);
            if let Some(mask) = header.mask {
                apply_mask(&mut end[begin..], mask, 0);
            }
        }
        if queued {
            self.queued += head + if large { 0 } else { payload.len() };
        }
        if large {
            self.queued += payload.len();
            let payload = Leaving::new(payload, header.mask);
            self.queue.push_back(Part::Payload(payload));
        }
        if self.failure.is_some() {
            self.clear();
        }
        head
    }

    /// Where bytes are put that leave last.
    fn end(&mut self) -> &mut Vec<u8> {
        if self.queue.is_empty() {
            return &mut self.ready;
        }
        if !matches!(self.queue.back(), Some(Part::Bytes(_))) {
            self.queue.push_back(Part::Bytes(Vec::new()));
        }
        match self.queue.back_mut() {
            Some(Part::Bytes(bytes)) => bytes,
            _ => &mut self.ready,
        }
    }

    fn clear(&mut self) {
        self.ready = Vec::new();
        self.sent = 0;
        self.queue.clear();
        self.queued = 0;
    }

    /// Has a header leave together with the beginning of its payload: alone it would be a packet of its own.
    fn lengthen(&mut self) {
        if !self.ready.is_empty()
            && self.sent == 0
            && self.ready.len() < LARGE
            && let Some(Part::Payload(payload)) = self.queue.front_mut()
        {
            self.queued -= payload.take(BLOCK, &mut self.ready);
            if payload.is_empty() {
                self.queue.pop_front();
            }
        }
    }

    /// Makes the next of what waits ready to leave; false when nothing waits.
    fn refill(&mut self) -> bool {
        self.ready.clear();
        self.sent = 0;
        match self.queue.front_mut() {
            None => {
                if self.frugal && self.ready.capacity() > 0 {
                    self.ready = Vec::new();
                }
                false
            }
            Some(Part::Bytes(bytes)) => {
                self.ready = std::mem::take(bytes);
                self.queued -= self.ready.len();
                self.queue.pop_front();
                true
            }
            Some(Part::Payload(payload)) => {
                self.queued -= payload.take(BLOCK, &mut self.ready);
                if payload.is_empty() {
                    self.queue.pop_front();
                }
                true
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Outbox<S> {
    /// Hands on what waits; ready when nothing does any more. A failure is kept, not told.
    pub fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.lengthen();
            while self.sent < self.ready.len() {
                let rest = &self.ready[self.sent..];
                match ready!(Pin::new(&mut self.inner).poll_write(cx, rest)) {
                    Ok(n) if n > 0 => {
                        self.sent += n;
                        self.passed += n as u64;
                    }
                    Ok(_) => self.fail(io::ErrorKind::WriteZero.into()),
                    Err(error) => self.fail(error),
                }
            }
            if !self.refill() {
                return Poll::Ready(());
            }
        }
    }

    fn fail(&mut self, error: io::Error) {
        self.clear();
        self.failure.get_or_insert(error);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outbox<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Outbox<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_full() && self.poll_leave(cx).is_pending() && self.is_full() {
            return Poll::Pending;
        }
        if self.failure.is_none() {
            let queued = !self.queue.is_empty();
            self.end().extend_from_slice(bytes);
            if queued {
                self.queued += bytes.len();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_leave(cx));
        if self.failure.is_none()
            && let Err(error) = ready!(Pin::new(&mut self.inner).poll_flush(cx))
        {
            self.fail(error);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_leave(cx));
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{WHOLE_BINARY, WHOLE_TEXT};
    use super::*;
    use futures_util::FutureExt;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_was_put_leaves_in_order_and_masked_however_little_is_taken_at_once() {
        let (near, mut far) = tokio::io::duplex(1000);
        let mask = Some([0x11, 0x22, 0x33, 0x44]);
        let sizes = [5, LARGE, 0, BLOCK + 17, 3 * BLOCK, 126, 1];
        let mut outbox = Outbox::new(near);
        let mut expected = Vec::new();
        for (index, size) in sizes.into_iter().enumerate() {
            let payload: Bytes = (0..size).map(|i| (i % 251) as u8).collect();
            let header = Header {
                first: WHOLE_BINARY,
                mask: mask.filter(|_| index % 2 == 0),
                payload: size as u64,
            };
            header.write(&mut expected);
            let begin = expected.len();
            expected.extend_from_slice(&payload);
            if let Some(mask) = header.mask {
                apply_mask(&mut expected[begin..], mask, 0);
            }
            outbox.put(&header, &payload, || payload.clone());
            assert_eq!(outbox.waiting(), expected.len());
        }
        let full = outbox.write_all(b"behind").now_or_never();
        assert!(full.is_none() && outbox.is_full());
        let writer = async move {
            outbox.write_all(b"behind").await.expect("taken");
            outbox.shutdown().await.expect("shut down");
            assert_eq!(outbox.waiting(), 0);
            outbox.passed()
        };
        expected.extend_from_slice(b"behind");
        let mut got = Vec::new();
        let (passed, read) = tokio::join!(writer, far.read_to_end(&mut got));
        read.expect("read");
        assert_eq!(passed, expected.len() as u64);
        assert!(got == expected);
    }

    /// Takes whatever it is given, and notes how much that was.
    #[derive(Default)]
    struct Writes(Vec<usize>);

    impl AsyncWrite for Writes {
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
        let mut outbox = Outbox::new(Writes::default());
        let payload = Bytes::from(vec![0; 2 * BLOCK]);
        let header = Header {
            first: WHOLE_BINARY,
            mask: Some([1, 2, 3, 4]),
            payload: payload.len() as u64,
        };
        let head = outbox.put(&header, &payload, || payload.clone());
        poll_fn(|cx| outbox.poll_leave(cx)).await;
        assert_eq!(outbox.inner.0, [head + BLOCK, BLOCK]);
        assert_eq!(outbox.waiting(), 0);
    }

    #[tokio::test]
    async fn what_the_peer_said_is_readable_after_a_write_failed() {
        let (mut near, far) = tokio::io::duplex(64);
        near.write_all(b"goodbye").await.expect("written");
        drop(near);
        let mut outbox = Outbox::new(far);
        outbox.write_all(b"too late").await.expect("swallowed");
        outbox.flush().await.expect("swallowed");
        assert!(outbox.failure().is_some());
        let header = Header {
            first: WHOLE_TEXT,
            mask: None,
            payload: 2,
        };
        outbox.put(&header, b"hi", || Bytes::from_static(b"hi"));
        assert_eq!(
            outbox.waiting(),
            0,
            "nothing is kept for a peer that is gone"
        );
        let mut got = Vec::new();
        outbox.read_to_end(&mut got).await.expect("read");
        assert_eq!(got, b"goodbye");
    }
}
