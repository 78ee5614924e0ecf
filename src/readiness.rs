//! Non-blocking reads and writes on blocking file descriptors.
//!
//! The standard streams stay in blocking mode, because O_NONBLOCK would also affect other processes that share
//! them. On Linux a single read or write can be non-blocking (`RWF_NOWAIT`). Elsewhere (other systems, old
//! kernels, terminals), poll(2) is called before each read or write.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The number of bytes that a pipe accepts without blocking when poll reports it as writable (PIPE_BUF on Linux).
const ATOMIC: usize = 4096;

/// A file descriptor whose reads and writes return [`io::ErrorKind::WouldBlock`] instead of blocking.
#[derive(Debug)]
pub struct Unblocked<F> {
    descriptor: F,
    /// Whether to use `RWF_NOWAIT`; reset when the kernel does not support it for this descriptor.
    has_nowait: Cell<bool>,
}

impl<F: AsFd> Unblocked<F> {
    /// Wraps a descriptor without changing its mode.
    pub fn new(descriptor: F) -> Self {
        Self {
            descriptor,
            has_nowait: Cell::new(true),
        }
    }

    /// The wrapped descriptor.
    pub fn get_ref(&self) -> &F {
        &self.descriptor
    }

    /// Unwraps the descriptor.
    pub fn into_inner(self) -> F {
        self.descriptor
    }

    /// Reads available bytes into `space` and returns their number; 0 at the end of the file.
    ///
    /// # Errors
    /// Any I/O error; [`io::ErrorKind::WouldBlock`] when no data is available.
    pub fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = if self.has_nowait.get() {
                nowait::read(&self.descriptor, space)
            } else {
                self.poll_ready(PollFlags::IN)
                    .and_then(|()| rustix::io::read(&self.descriptor, &mut *space))
            };
            if let Some(result) = self.completed(read) {
                return result;
            }
        }
    }

    /// Writes some of `bytes`, at least one, and returns their number.
    ///
    /// # Errors
    /// Any I/O error; [`io::ErrorKind::WouldBlock`] when there is no room, and [`io::ErrorKind::BrokenPipe`]
    /// when the reader has closed its end.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let written = if self.has_nowait.get() {
                nowait::write(&self.descriptor, bytes)
            } else {
                let some = &bytes[..bytes.len().min(ATOMIC)];
                self.poll_ready(PollFlags::OUT)
                    .and_then(|()| rustix::io::write(&self.descriptor, some))
            };
            match self.completed(written) {
                Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Some(result) => return result,
                None => {}
            }
        }
    }

    /// The result of a read or write; `None` if it must be retried.
    fn completed(&self, result: Result<usize, Errno>) -> Option<io::Result<usize>> {
        match result {
            Err(Errno::INTR) => None,
            Err(Errno::AGAIN | Errno::PIPE) | Ok(_) => Some(result.map_err(Into::into)),
            // `RWF_NOWAIT` may be unsupported: retry without it. A real error is then returned again.
            Err(_) if self.has_nowait.replace(false) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Returns `EAGAIN` unless the descriptor is ready.
    fn poll_ready(&self, wanted: PollFlags) -> Result<(), Errno> {
        if self.events(wanted)?.is_empty() {
            return Err(Errno::AGAIN);
        }
        Ok(())
    }

    /// The current events of the descriptor: those wanted, errors and hang-ups.
    fn events(&self, wanted: PollFlags) -> Result<PollFlags, Errno> {
        const AT_ONCE: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut entry = [PollFd::new(&self.descriptor, wanted)];
        poll(&mut entry, Some(&AT_ONCE))?;
        Ok(entry[0].revents())
    }

    /// Waits until something can be written, at most for `time`; false if it cannot.
    pub fn wait_for_room(&self, time: Duration) -> bool {
        let time = Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut entry = [PollFd::new(&self.descriptor, PollFlags::OUT)];
        poll(&mut entry, Some(&time)).is_ok_and(|ready| ready > 0)
    }

    /// Whether the reader has closed its end.
    pub fn is_reader_gone(&self) -> bool {
        let gone = PollFlags::ERR | PollFlags::HUP;
        self.events(PollFlags::OUT)
            .is_ok_and(|events| events.intersects(gone))
    }
}

impl<F: AsRawFd> AsRawFd for Unblocked<F> {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

#[cfg(target_os = "linux")]
mod nowait {
    use std::io::{IoSlice, IoSliceMut};
    use std::os::fd::AsFd;

    use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2};

    /// The offset -1: read and write at the current file position.
    const HERE: u64 = u64::MAX;

    pub(super) fn read(descriptor: &impl AsFd, space: &mut [u8]) -> Result<usize, Errno> {
        let mut space = [IoSliceMut::new(space)];
        preadv2(descriptor, &mut space, HERE, ReadWriteFlags::NOWAIT)
    }

    pub(super) fn write(descriptor: &impl AsFd, bytes: &[u8]) -> Result<usize, Errno> {
        let bytes = [IoSlice::new(bytes)];
        pwritev2(descriptor, &bytes, HERE, ReadWriteFlags::NOWAIT)
    }
}

#[cfg(not(target_os = "linux"))]
mod nowait {
    use std::os::fd::AsFd;

    use rustix::io::Errno;

    pub(super) fn read(_: &impl AsFd, _: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::NOTSUP)
    }

    pub(super) fn write(_: &impl AsFd, _: &[u8]) -> Result<usize, Errno> {
        Err(Errno::NOTSUP)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::{BrokenPipe, WouldBlock};

    use super::*;

    /// Runs a test on a blocking pipe with both methods: `RWF_NOWAIT` and poll.
    fn with_both_methods(test: impl Fn(Unblocked<io::PipeReader>, Unblocked<io::PipeWriter>)) {
        for has_nowait in [true, false] {
            let (reader, writer) = io::pipe().expect("a pipe");
            let (reader, writer) = (Unblocked::new(reader), Unblocked::new(writer));
            reader.has_nowait.set(has_nowait);
            writer.has_nowait.set(has_nowait);
            test(reader, writer);
        }
    }

    #[test]
    fn operations_that_would_block_return_would_block() {
        with_both_methods(|reader, writer| {
            let mut space = [0; 1 << 17];
            let nothing = reader.read(&mut space).map_err(|error| error.kind());
            assert_eq!(nothing, Err(WouldBlock));
            let mut written = 0;
            while let Ok(n) = writer.write(&[7; 100_000]) {
                written += n;
            }
            let full = writer.write(b"x").map_err(|error| error.kind());
            assert_eq!(full, Err(WouldBlock));
            let mut read = 0;
            while let Ok(n) = reader.read(&mut space) {
                assert!(space[..n].iter().all(|&byte| byte == 7));
                read += n;
            }
            assert!(written > 0 && read == written);
        });
    }

    #[test]
    fn a_closed_other_end_is_detected() {
        with_both_methods(|reader, writer| {
            assert!(!writer.is_reader_gone());
            drop(reader);
            assert!(writer.is_reader_gone());
            let gone = writer.write(b"x").map_err(|error| error.kind());
            assert_eq!(gone, Err(BrokenPipe));
        });
        with_both_methods(|reader, writer| {
            assert_eq!(writer.write(b"last").ok(), Some(4));
            drop(writer);
            let mut space = [0; 10];
            assert_eq!(reader.read(&mut space).ok(), Some(4));
            assert_eq!(reader.read(&mut space).ok(), Some(0));
        });
    }
}
