//! What the kernel says of a descriptor right now.
//!
//! Standard streams stay blocking, so that the setting does not leak to the processes that share them;
//! a read or write that could block is preceded by this question.

use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Which of the events, or an error or hang-up, the descriptor has now.
///
/// # Errors
/// The operating system's.
pub fn events(descriptor: &impl AsFd, wanted: PollFlags) -> io::Result<PollFlags> {
    let mut entry = [PollFd::new(descriptor, wanted)];
    loop {
        match poll(
            &mut entry,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        ) {
            Ok(_) => return Ok(entry[0].revents()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
