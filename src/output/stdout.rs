//! Standard output, written from the loop without ever holding it up.
//!
//! A pipe, socket or terminal is watched by the reactor and given no more at once than it takes
//! without blocking; its descriptor stays blocking, since O_NONBLOCK would leak to every process that
//! shares it. A regular file cannot be watched and need not be.

#[cfg(unix)]
pub use watched::Stdout;

#[cfg(unix)]
mod watched {
    use std::io;
    use std::task::{Context, Poll, ready};

    use rustix::event::PollFlags;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::readiness::events;

    /// What a pipe that poll calls writable takes without blocking (PIPE_BUF on Linux).
    const ATOMIC: usize = 4096;

    /// Standard output.
    pub enum Stdout {
        /// Readiness comes from the reactor.
        Watched(AsyncFd<io::Stdout>),
        /// A regular file or /dev/null, which epoll refuses and which never blocks.
        Plain(io::Stdout),
    }

    impl Stdout {
        /// Standard output as this process has it.
        #[expect(clippy::new_without_default, reason = "it takes hold of a descriptor")]
        #[expect(
            deprecated,
            reason = "sound here: the descriptor of stdout is never closed"
        )]
        pub fn new() -> Self {
            match AsyncFd::try_with_interest(io::stdout(), Interest::WRITABLE) {
                Ok(watched) => Self::Watched(watched),
                Err(error) => Self::Plain(error.into_parts().0),
            }
        }

        /// Writes some of `bytes`, at least one.
        ///
        /// # Errors
        /// The operating system's; a reader that went away is [`io::ErrorKind::BrokenPipe`].
        pub fn poll_write(
            &mut self,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self {
                Self::Plain(stdout) => Poll::Ready(write(stdout, bytes)),
                Self::Watched(stdout) => loop {
                    // The kernel is asked first: the reactor's word may be old, and a write to a full
                    // pipe would block.
                    if !events(stdout.get_ref(), PollFlags::OUT)?.is_empty() {
                        let some = &bytes[..bytes.len().min(ATOMIC)];
                        return Poll::Ready(write(stdout.get_ref(), some));
                    }
                    ready!(stdout.poll_write_ready(cx))?.clear_ready();
                },
            }
        }

        /// Ready when nobody can read any more, though nothing was written.
        pub fn poll_reader_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            let Self::Watched(stdout) = self else {
                return Poll::Pending;
            };
            loop {
                if events(stdout.get_ref(), PollFlags::OUT)
                    .is_ok_and(|events| events.contains(PollFlags::ERR))
                {
                    return Poll::Ready(());
                }
                match ready!(stdout.poll_write_ready(cx)) {
                    Ok(mut guard) => guard.clear_ready(),
                    Err(_) => return Poll::Pending,
                }
            }
        }
    }

    fn write(stdout: &io::Stdout, bytes: &[u8]) -> io::Result<usize> {
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
pub use plain::Stdout;

#[cfg(not(unix))]
mod plain {
    use std::io::{self, Write};
    use std::task::{Context, Poll};

    /// Standard output, written in place: there is no way to ask whether it would block here.
    pub struct Stdout(io::Stdout);

    impl Stdout {
        /// Standard output as this process has it.
        #[expect(clippy::new_without_default, reason = "it takes hold of a descriptor")]
        pub fn new() -> Self {
            Self(io::stdout())
        }

        pub fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let mut stdout = self.0.lock();
            Poll::Ready(
                stdout
                    .write_all(bytes)
                    .and_then(|()| stdout.flush())
                    .map(|()| bytes.len()),
            )
        }

        /// Never: there is no way to know here.
        pub fn poll_reader_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
}
