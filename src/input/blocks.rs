//! Reads input block by block without blocking the rest of the program.
//!
//! A pipe, a terminal or a socket is registered with the reactor and read only when it is readable. Stdin
//! stays in blocking mode, since O_NONBLOCK would affect every process that shares it. A regular file
//! cannot be registered and is read directly.

use std::fs::File;
use std::io;
use std::path::Path;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;

/// The maximum number of bytes read at once.
pub const BLOCK: usize = 64 * 1024;

/// A source of input bytes.
pub struct Blocks {
    source: ByteSource,
    /// The buffer that blocks are read into; it is zeroed only once.
    space: Vec<u8>,
}

enum ByteSource {
    /// A file named by the user.
    File(Named),
    /// Standard input.
    Stdin(Stdin),
}

impl Blocks {
    /// Standard input.
    pub fn stdin() -> Self {
        Self::of(ByteSource::Stdin(Stdin::stdin()))
    }

    /// A file from [`open`].
    pub fn file(file: File) -> Self {
        Self::of(ByteSource::File(Named::new(file)))
    }

    fn of(source: ByteSource) -> Self {
        Self {
            source,
            space: Vec::new(),
        }
    }

    /// Appends available bytes to `buffer`. Returns their number, 0 at the end.
    ///
    /// # Errors
    /// The read failed.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        self.space.resize(BLOCK, 0);
        let read = ready!(match &mut self.source {
            ByteSource::File(file) => file.poll_read(cx, &mut self.space),
            ByteSource::Stdin(stdin) => stdin.poll_read(cx, &mut self.space),
        })?;
        buffer.extend_from_slice(&self.space[..read]);
        Poll::Ready(Ok(read))
    }
}

/// Opens a file for reading. Opening a FIFO does not wait for a writer; reading does.
///
/// # Errors
/// The file cannot be opened.
#[cfg(unix)]
pub fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
}

/// Opens a file for reading.
///
/// # Errors
/// The file cannot be opened.
#[cfg(not(unix))]
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
pub use watched::{Named, Stdin};

#[cfg(unix)]
mod watched {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};
    use std::task::{Context, Poll, ready};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::readiness::Unblocked;

    /// Standard input.
    pub type Stdin = Watched<io::Stdin>;

    /// A file named by the user.
    pub type Named = Watched<File>;

    /// A descriptor that is read only when it is readable.
    pub enum Watched<T: AsRawFd> {
        /// Registered with the reactor.
        Ready(AsyncFd<Unblocked<T>>),
        /// A regular file or /dev/null, which epoll refuses.
        Plain(T),
    }

    impl Stdin {
        pub(super) fn stdin() -> Self {
            Self::new(io::stdin())
        }
    }

    impl<T: AsFd + AsRawFd> Watched<T> {
        #[expect(
            deprecated,
            reason = "sound here: the descriptor of stdin is never closed, that of a file with its owner"
        )]
        pub(super) fn new(source: T) -> Self {
            match AsyncFd::try_with_interest(Unblocked::new(source), Interest::READABLE) {
                Ok(watched) => Self::Ready(watched),
                Err(error) => Self::Plain(error.into_parts().0.into_inner()),
            }
        }

        pub(super) fn poll_read(
            &mut self,
            cx: &mut Context<'_>,
            space: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            match self {
                Self::Plain(source) => Poll::Ready(read(source, space)),
                Self::Ready(source) => loop {
                    let mut guard = ready!(source.poll_read_ready(cx))?;
                    match guard.get_inner().read(space) {
                        // The readiness may be outdated, since another process may read the same pipe.
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            guard.clear_ready();
                        }
                        result => return Poll::Ready(result),
                    }
                },
            }
        }
    }

    fn read(source: &impl AsFd, space: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(source, &mut *space) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }
}

#[cfg(not(unix))]
pub use threaded::{Named, Stdin};

#[cfg(not(unix))]
mod threaded {
    use std::fs::File;
    use std::io::{self, Read};
    use std::task::{Context, Poll, ready};

    use tokio::sync::mpsc::{Receiver, channel};

    /// Standard input, read by a thread, since this platform offers no other way to wait for it.
    pub struct Stdin(Receiver<io::Result<Vec<u8>>>);

    /// A file named by the user, read directly.
    pub struct Named(File);

    impl Named {
        pub(super) fn new(file: File) -> Self {
            Self(file)
        }

        pub(super) fn poll_read(
            &mut self,
            _: &mut Context<'_>,
            space: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(self.0.read(space))
        }
    }

    impl Stdin {
        pub(super) fn stdin() -> Self {
            let (sender, receiver) = channel(4);
            std::thread::spawn(move || {
                loop {
                    let mut block = vec![0; super::BLOCK];
                    let result = io::stdin().lock().read(&mut block);
                    let last = !matches!(result, Ok(n) if n > 0);
                    let block = result.map(|n| {
                        block.truncate(n);
                        block
                    });
                    if sender.blocking_send(block).is_err() || last {
                        return;
                    }
                }
            });
            Self(receiver)
        }

        pub(super) fn poll_read(
            &mut self,
            cx: &mut Context<'_>,
            space: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(match ready!(self.0.poll_recv(cx)) {
                Some(Ok(block)) => {
                    // Fits: the thread reads at most one block at once.
                    space[..block.len()].copy_from_slice(&block);
                    Ok(block.len())
                }
                Some(Err(error)) => Err(error),
                None => Ok(0),
            })
        }
    }
}
