//! Standard output and standard error, written from the session's loop without blocking it.
//!
//! A pipe, socket or terminal is registered with the reactor and written only as far as it does not block; its
//! descriptor stays blocking, because O_NONBLOCK would affect every process that shares it. A regular file cannot be
//! registered and never blocks.

#[cfg(not(unix))]
pub use plain::StandardStream;
#[cfg(unix)]
pub use watched::StandardStream;

/// Standard output.
pub type Stdout = StandardStream<std::io::Stdout>;
/// Standard error.
pub type Stderr = StandardStream<std::io::Stderr>;

/// Whether both are the same terminal, pipe or file, so that the order between them is visible.
#[cfg(unix)]
pub fn are_one() -> bool {
    let identity = |fd: std::os::fd::BorrowedFd<'_>| {
        let stat = rustix::fs::fstat(fd).ok()?;
        Some((stat.st_dev, stat.st_ino, stat.st_rdev))
    };
    identity(rustix::stdio::stdout()) == identity(rustix::stdio::stderr())
}

/// On systems without inode numbers it is assumed.
#[cfg(not(unix))]
pub fn are_one() -> bool {
    true
}

#[cfg(unix)]
mod watched {
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};
    use std::task::{Context, Poll, ready};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::readiness::Unblocked;

    /// One of the two streams.
    pub enum StandardStream<F: AsRawFd> {
        /// Readiness comes from the reactor.
        Watched(AsyncFd<Unblocked<F>>),
        /// A regular file or /dev/null, which epoll rejects and which never blocks.
        Plain(F),
    }

    impl<F: AsRawFd + AsFd> StandardStream<F> {
        /// Opens the stream of this process.
        #[expect(
            deprecated,
            reason = "sound here: the descriptors of stdout and stderr are never closed"
        )]
        pub fn new(stream: F) -> Self {
            match AsyncFd::try_with_interest(Unblocked::new(stream), Interest::WRITABLE) {
                Ok(watched) => Self::Watched(watched),
                Err(error) => Self::Plain(error.into_parts().0.into_inner()),
            }
        }

        /// Writes some of `bytes`, at least one.
        ///
        /// # Errors
        /// The operating system's; [`io::ErrorKind::BrokenPipe`] when the reader is gone.
        pub fn poll_write(
            &mut self,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self {
                Self::Plain(stdout) => Poll::Ready(write(stdout, bytes)),
                Self::Watched(stdout) => loop {
                    match stdout.get_ref().write(bytes) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            ready!(stdout.poll_write_ready(cx))?.clear_ready();
                        }
                        result => return Poll::Ready(result),
                    }
                },
            }
        }

        /// Ready when the reader is gone, even if nothing was written.
        pub fn poll_reader_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            let Self::Watched(stream) = self else {
                return Poll::Pending;
            };
            loop {
                let Ok(mut guard) = ready!(stream.poll_write_ready(cx)) else {
                    return Poll::Pending;
                };
                // The reactor keeps reporting that it is closed, so waiting for readiness would spin.
                let is_closed = guard.ready().is_write_closed();
                if is_closed || guard.get_inner().is_reader_gone() {
                    return Poll::Ready(());
                }
                guard.clear_ready();
            }
        }
    }

    fn write(stdout: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(stdout, bytes) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                result => return Ok(result?),
            }
        }
    }
}

#[cfg(not(unix))]
mod plain {
    use std::io::{self, Write};
    use std::task::{Context, Poll};

    /// One of the two streams, written directly: this platform cannot tell whether a write would block.
    pub struct StandardStream<F>(F);

    impl<F: Write> StandardStream<F> {
        /// Opens the stream of this process.
        pub fn new(stream: F) -> Self {
            Self(stream)
        }

        /// Writes `bytes`.
        ///
        /// # Errors
        /// The operating system's.
        pub fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let written = self.0.write_all(bytes).and_then(|()| self.0.flush());
            Poll::Ready(written.map(|()| bytes.len()))
        }

        /// Never ready: this platform cannot tell.
        pub fn poll_reader_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
}
