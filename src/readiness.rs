//! Reads and writes that never block, on descriptors that do.
//!
//! Standard streams stay blocking, so that the setting does not leak to the processes that share them.
//! Linux lets one read or write be told not to wait. Where that is not known (other systems, old
//! kernels, terminals), the kernel is asked before each whether it would.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// What a pipe that poll calls writable takes without blocking (PIPE_BUF on Linux).
const ATOMIC: usize = 4096;

/// A descriptor whose reads and writes end with [`io::ErrorKind::WouldBlock`] where they would block.
#[derive(Debug)]
pub struct Unblocked<F> {
    descriptor: F,
    /// Whether a read or write can be told not to wait, as far as is known.
    hurries: Cell<bool>,
}

impl<F: AsFd> Unblocked<F> {
    /// The descriptor, whose mode is left as it is.
    pub fn new(descriptor: F) -> Self {
        Self {
            descriptor,
            hurries: Cell::new(true),
        }
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &F {
        &self.descriptor
    }

    /// The descriptor.
    pub fn into_inner(self) -> F {
        self.descriptor
    }

    /// Reads into `space` what is there; 0 at the end.
    ///
    /// # Errors
    /// The operating system's; `WouldBlock` where nothing is there.
    pub fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = if self.hurries.get() {
                hurried::read(&self.descriptor, space)
            } else {
                self.ask(PollFlags::IN)
                    .and_then(|()| rustix::io::read(&self.descriptor, &mut *space))
            };
            if let Some(result) = self.judge(read) {
                return result;
            }
        }
    }

    /// Writes some of `bytes`, at least one.
    ///
    /// # Errors
    /// The operating system's; `WouldBlock` where there is no room, and
    /// [`io::ErrorKind::BrokenPipe`] where the reader went away.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let written = if self.hurries.get() {
                hurried::write(&self.descriptor, bytes)
            } else {
                let some = &bytes[..bytes.len().min(ATOMIC)];
                self.ask(PollFlags::OUT)
                    .and_then(|()| rustix::io::write(&self.descriptor, some))
            };
            match self.judge(written) {
                Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Some(result) => return result,
                None => {}
            }
        }
    }

    /// What a read or write came to; nothing where it is to be tried again.
    fn judge(&self, result: Result<usize, Errno>) -> Option<io::Result<usize>> {
        match result {
            Err(Errno::INTR) => None,
            Err(Errno::AGAIN | Errno::PIPE) | Ok(_) => Some(result.map_err(Into::into)),
            // Whatever this kernel has against it, the plain call has the true error.
            Err(_) if self.hurries.replace(false) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    fn ask(&self, wanted: PollFlags) -> Result<(), Errno> {
        if self.events(wanted)?.is_empty() {
            return Err(Errno::AGAIN);
        }
        Ok(())
    }

    /// Which of the events, or an error or hang-up, the descriptor has now.
    fn events(&self, wanted: PollFlags) -> Result<PollFlags, Errno> {
        const AT_ONCE: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut entry = [PollFd::new(&self.descriptor, wanted)];
        poll(&mut entry, Some(&AT_ONCE))?;
        Ok(entry[0].revents())
    }

    /// Whether nobody can read any more what is written.
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
mod hurried {
    use std::io::{IoSlice, IoSliceMut};
    use std::os::fd::AsFd;

    use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2};

    /// At the position that the descriptor has, if it has one.
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
mod hurried {
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

    /// Both ways to a pipe whose ends block: the kernel's own, and asking first.
    fn both_ways(test: impl Fn(Unblocked<io::PipeReader>, Unblocked<io::PipeWriter>)) {
        for hurries in [true, false] {
            let (reader, writer) = io::pipe().expect("a pipe");
            let (reader, writer) = (Unblocked::new(reader), Unblocked::new(writer));
            reader.hurries.set(hurries);
            writer.hurries.set(hurries);
            test(reader, writer);
        }
    }

    #[test]
    fn what_would_block_says_so() {
        both_ways(|reader, writer| {
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
    fn both_ends_are_told_that_the_other_is_gone() {
        both_ways(|reader, writer| {
            assert!(!writer.is_reader_gone());
            drop(reader);
            assert!(writer.is_reader_gone());
            let gone = writer.write(b"x").map_err(|error| error.kind());
            assert_eq!(gone, Err(BrokenPipe));
        });
        both_ways(|reader, writer| {
            assert_eq!(writer.write(b"last").ok(), Some(4));
            drop(writer);
            let mut space = [0; 10];
            assert_eq!(reader.read(&mut space).ok(), Some(4));
            assert_eq!(reader.read(&mut space).ok(), Some(0));
        });
    }
}
