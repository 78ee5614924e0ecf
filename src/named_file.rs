//! Reads a file that an option names, whole, within limits of size and time, and opens those to write to.
//!
//! A name may be a pipe without anybody at its other end (`@<(command)`, a FIFO) or a device without an end:
//! neither may hold the program up or fill its memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::units;

/// The most that is read where no option sets a limit, in bytes.
pub const USUAL_SIZE: u64 = 16 << 20;
/// How long a file that is no regular one is waited for where no option sets a limit.
pub const USUAL_TIME: Duration = Duration::from_secs(30);

/// How much is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// In bytes.
    pub size: u64,
    /// From the open to the end of the file.
    pub time: Duration,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            size: USUAL_SIZE,
            time: USUAL_TIME,
        }
    }
}

/// Whether a name stands for a file that gives the same bytes each time it is read: a pipe and a device
/// do not.
pub fn can_be_read_again(path: &Path) -> bool {
    let is_open_descriptor = path.starts_with("/dev") || path.starts_with("/proc");
    !is_open_descriptor && path.metadata().is_ok_and(|file| file.is_file())
}

/// The whole content.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::TimedOut`] and [`io::ErrorKind::FileTooLarge`] for the limits.
pub fn read(path: &Path, limits: ReadLimits) -> io::Result<Vec<u8>> {
    if path.metadata()?.is_file() {
        return read_all(path, limits.size);
    }
    let named = PathBuf::from(path);
    within(limits.time, move || read_all(&named, limits.size))
}

/// Opens a file to write to, anew. A pipe is waited for until somebody reads it, within the usual time.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::TimedOut`] for a pipe that nobody reads.
pub fn create(path: &Path) -> io::Result<File> {
    create_within(path, USUAL_TIME)
}

fn create_within(path: &Path, time: Duration) -> io::Result<File> {
    if path.metadata().is_ok_and(|file| !file.is_file()) {
        let named = PathBuf::from(path);
        return within(time, move || File::options().write(true).open(named));
    }
    File::create(path)
}

/// Does in a thread what may be held up by another program. It cannot be called off: the thread ends with
/// the process.
fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().spawn(move || {
        // Nobody waits any more once the limit was reached.
        let _ = sender.send(work());
    })?;
    receiver.recv_timeout(time).unwrap_or_else(|_| {
        let text = format!("timed out after {}", units::shown(time));
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}

fn read_all(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut content)?;
    if content.len() as u64 > most {
        let text = format!("it is larger than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").expect("written");
        let limits = |size| ReadLimits {
            size,
            ..ReadLimits::default()
        };
        assert_eq!(read(&path, limits(5)).expect("fits"), b"12345");
        let error = read(&path, limits(4)).expect_err("too large");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(can_be_read_again(&path));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_reads_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo").success());
        let error = create_within(&path, Duration::from_millis(50)).expect_err("no reader");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(create(Path::new("/dev/null")).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_an_end_is_too_large() {
        let limits = ReadLimits {
            size: 1000,
            ..ReadLimits::default()
        };
        let error = read(Path::new("/dev/zero"), limits).expect_err("endless");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(!can_be_read_again(Path::new("/dev/zero")));
    }
}
