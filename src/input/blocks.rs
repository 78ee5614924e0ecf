//! Where bytes to send are read from, block by block, without ever holding up the rest.
//!
//! A pipe, a terminal or a socket is watched by the reactor and read only when it has something; its
//! descriptor stays blocking, since O_NONBLOCK would leak to every process that shares it. A regular
//! file cannot be watched and need not be: it is read in place.

use std::fs::File;
use std::io::{self, Read};
use std::task::{Context, Poll};

use bytes::BytesMut;

/// Bytes read at once.
pub const BLOCK: usize = 64 * 1024;

/// A source of bytes.
pub enum Blocks {
    /// A file that was named.
    File(File),
    /// Standard input.
    Stdin(Stdin),
}

impl Blocks {
    /// Standard input.
    pub fn stdin() -> Self {
        Self::Stdin(Stdin::new())
    }

    /// Appends what is there to `buffer`; 0 at the end.
    ///
    /// # Errors
    /// The operating system's.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::File(file) => Poll::Ready(append(buffer, |space| file.read(space))),
            Self::Stdin(stdin) => stdin.poll_read(cx, buffer),
        }
    }
}

/// Reads one block behind what `buffer` holds.
fn append(
    buffer: &mut BytesMut,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let held = buffer.len();
    buffer.resize(held + BLOCK, 0);
    let result = read(&mut buffer[held..]);
    buffer.truncate(held + result.as_ref().copied().unwrap_or(0));
    result
}

#[cfg(unix)]
pub use watched::Stdin;

#[cfg(unix)]
mod watched {
    use std::io;
    use std::task::{Context, Poll, ready};

    use bytes::BytesMut;
    use rustix::event::PollFlags;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::append;
    use crate::readiness::events;

    /// Standard input.
    pub enum Stdin {
        /// Readiness comes from the reactor.
        Watched(AsyncFd<io::Stdin>),
        /// A regular file or /dev/null, which epoll refuses.
        Plain(io::Stdin),
    }

    impl Stdin {
        #[expect(
            deprecated,
            reason = "sound here: the descriptor of stdin is never closed"
        )]
        pub(super) fn new() -> Self {
            match AsyncFd::try_with_interest(io::stdin(), Interest::READABLE) {
                Ok(watched) => Self::Watched(watched),
                Err(error) => Self::Plain(error.into_parts().0),
            }
        }

        pub(super) fn poll_read(
            &mut self,
            cx: &mut Context<'_>,
            buffer: &mut BytesMut,
        ) -> Poll<io::Result<usize>> {
            match self {
                Self::Plain(stdin) => Poll::Ready(read(stdin, buffer)),
                Self::Watched(stdin) => loop {
                    let mut guard = ready!(stdin.poll_read_ready(cx))?;
                    // The reactor's word may be old; a read that finds nothing would block for good.
                    if !events(guard.get_inner(), PollFlags::IN)?.is_empty() {
                        return Poll::Ready(read(guard.get_inner(), buffer));
                    }
                    guard.clear_ready();
                },
            }
        }
    }

    fn read(stdin: &io::Stdin, buffer: &mut BytesMut) -> io::Result<usize> {
        append(buffer, |space| {
            loop {
                match rustix::io::read(stdin, &mut *space) {
                    Err(rustix::io::Errno::INTR) => {}
                    result => return Ok(result?),
                }
            }
        })
    }
}

#[cfg(not(unix))]
pub use threaded::Stdin;

#[cfg(not(unix))]
mod threaded {
    use std::io::{self, Read};
    use std::task::{Context, Poll, ready};

    use bytes::BytesMut;
    use tokio::sync::mpsc::{Receiver, channel};

    /// Standard input, read by a thread of its own: there is no other way to wait for it here.
    pub struct Stdin(Receiver<io::Result<Vec<u8>>>);

    impl Stdin {
        pub(super) fn new() -> Self {
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
            buffer: &mut BytesMut,
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(match ready!(self.0.poll_recv(cx)) {
                Some(Ok(block)) => {
                    buffer.extend_from_slice(&block);
                    Ok(block.len())
                }
                Some(Err(error)) => Err(error),
                None => Ok(0),
            })
        }
    }
}
