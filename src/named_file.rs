//! Reads and creates the files that options name, within limits of size and time.
//!
//! A name may be a pipe whose other end is not open (`@<(command)`, a FIFO) or an endless device: neither may
//! block the program or fill its memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

#[cfg(unix)]
use crate::readiness::Unblocked;
use crate::units;

/// Default size limit, in bytes.
pub const USUAL_SIZE: u64 = 16 << 20;
/// Default time limit for pipes and devices. Regular files are read without a time limit.
pub const USUAL_TIME: Duration = Duration::from_secs(30);

/// Limits for reading a file.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Maximum size, in bytes.
    pub size: u64,
    /// Maximum time from opening to the end of the file.
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

/// Whether a file can be read more than once. A pipe or device cannot.
pub fn can_be_read_again(path: &Path) -> bool {
    let is_open_descriptor = path.starts_with("/dev") || path.starts_with("/proc");
    !is_open_descriptor && path.metadata().is_ok_and(|file| file.is_file())
}

/// Rejects a file that exists and is not a regular one: opening a pipe could block.
///
/// # Errors
/// It is a pipe, a device or a folder.
pub fn refuse_special(path: &Path) -> io::Result<()> {
    if path.metadata().is_ok_and(|file| !file.is_file()) {
        let kind = io::ErrorKind::InvalidInput;
        return Err(io::Error::new(kind, "not a regular file"));
    }
    Ok(())
}

/// Reads a whole file.
///
/// # Errors
/// Any I/O error; [`io::ErrorKind::TimedOut`] or [`io::ErrorKind::FileTooLarge`] when a limit is exceeded.
pub fn read(path: &Path, limits: ReadLimits) -> io::Result<Vec<u8>> {
    if path.metadata()?.is_file() {
        return read_all(File::open(path)?, limits.size);
    }
    let named = PathBuf::from(path);
    within(limits.time, move || {
        read_all(File::open(named)?, limits.size)
    })
}

/// Reads standard input to its end.
///
/// # Errors
/// As [`read`].
pub fn read_stdin(limits: ReadLimits) -> io::Result<Vec<u8>> {
    within(limits.time, move || read_all(io::stdin(), limits.size))
}

/// Creates a file, or truncates an existing one. Opening a pipe waits for its reader, at most [`USUAL_TIME`].
///
/// # Errors
/// Any I/O error; [`io::ErrorKind::TimedOut`] for a pipe without a reader.
pub fn create(path: &Path) -> io::Result<File> {
    create_within(path, USUAL_TIME)
}

/// Opens a file to append to, and creates a missing one. Opening a pipe waits for its reader, as in [`create`].
///
/// # Errors
/// As [`create`].
pub fn append(path: &Path) -> io::Result<File> {
    if path.metadata().is_ok_and(|file| !file.is_file()) {
        return create(path);
    }
    File::options().append(true).create(true).open(path)
}

fn create_within(path: &Path, time: Duration) -> io::Result<File> {
    if path.metadata().is_ok_and(|file| !file.is_file()) {
        let named = PathBuf::from(path);
        return within(time, move || File::options().write(true).open(named));
    }
    File::create(path)
}

/// How long a reader of a pipe may take nothing of what is written to it.
#[cfg(unix)]
const READER_PATIENCE: Duration = Duration::from_secs(1);

/// A file to write to. A pipe whose reader does not read is an error after a second, not a wait without end.
pub fn writer(file: File) -> Box<dyn Write> {
    #[cfg(unix)]
    if file.metadata().is_ok_and(|file| !file.is_file()) {
        return Box::new(PipeWriter {
            pipe: Unblocked::new(file),
            is_stalled: false,
        });
    }
    Box::new(file)
}

#[cfg(unix)]
struct PipeWriter {
    pipe: Unblocked<File>,
    /// Whether the reader was given up.
    is_stalled: bool,
}

#[cfg(unix)]
impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while !self.is_stalled {
            match self.pipe.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
            self.is_stalled = !self.pipe.wait_for_room(READER_PATIENCE);
        }
        let why = "its reader does not read";
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `work` in a thread, with a time limit. A blocked thread cannot be cancelled and ends with the process.
fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().spawn(move || {
        // The receiver is gone after a timeout.
        let _ = sender.send(work());
    })?;
    receiver.recv_timeout(time).unwrap_or_else(|_| {
        let text = format!("timed out after {}", units::shown(time));
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}

fn read_all(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    source
        .take(most.saturating_add(1))
        .read_to_end(&mut content)?;
    if content.len() as u64 > most {
        let text = format!("larger than {most} bytes");
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
    fn opening_a_pipe_without_a_reader_times_out() {
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
    fn an_endless_device_is_too_large() {
        let limits = ReadLimits {
            size: 1000,
            ..ReadLimits::default()
        };
        let error = read(Path::new("/dev/zero"), limits).expect_err("endless");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(!can_be_read_again(Path::new("/dev/zero")));
    }
}
