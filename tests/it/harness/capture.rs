//! What a process writes, collected in a thread, so that a test can wait for a part of it.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

/// What the reader of a stream does.
#[derive(Clone, Copy)]
pub enum Reader {
    /// Reads to the end.
    Stays,
    /// Closes its end after so many bytes.
    LeavesAfter(usize),
    /// Reads no more after so many bytes, and does not leave.
    StopsAfter(usize),
}

#[derive(Clone)]
pub struct Capture {
    shared: Arc<(Mutex<Captured>, Condvar)>,
}

#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    /// Reads as the reader does.
    pub fn of(mut stream: impl Read + Send + 'static, reader: Reader) -> Self {
        let capture = Self {
            shared: Arc::default(),
        };
        let writer = capture.clone();
        thread::spawn(move || {
            let mut wanted = match reader {
                Reader::Stays => usize::MAX,
                Reader::LeavesAfter(bytes) | Reader::StopsAfter(bytes) => bytes,
            };
            let mut chunk = vec![0; 64 * 1024];
            while wanted > 0 {
                let room = wanted.min(chunk.len());
                // A terminal whose other side has closed reports EIO, which is its end.
                match stream.read(&mut chunk[..room]) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => {
                        writer.append(&chunk[..n]);
                        wanted -= n;
                    }
                }
            }
            if matches!(reader, Reader::StopsAfter(_)) {
                // Open until the test's process ends, as a pager that is not looked at.
                std::mem::forget(stream);
            } else {
                // Closed before anyone is told, so that who waits for the end finds it closed.
                drop(stream);
            }
            writer.end();
        });
        capture
    }

    /// Waits until `look` finds what it looks for; `None` at the deadline or the end of the stream.
    pub fn wait<T>(&self, until: Instant, mut look: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        let (captured, grown) = &*self.shared;
        let mut captured = captured.lock().unwrap();
        loop {
            if let Some(found) = look(&captured.bytes) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if captured.ended || left.is_zero() {
                return None;
            }
            captured = grown.wait_timeout(captured, left).unwrap().0;
        }
    }

    /// Waits for the end of the stream; false when it has not come by the deadline.
    pub fn wait_for_end(&self, until: Instant) -> bool {
        self.wait(until, |_| None::<()>);
        self.shared.0.lock().unwrap().ended
    }

    /// Everything so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes.clone()
    }

    fn append(&self, bytes: &[u8]) {
        self.shared.0.lock().unwrap().bytes.extend(bytes);
        self.shared.1.notify_all();
    }

    fn end(&self) {
        self.shared.0.lock().unwrap().ended = true;
        self.shared.1.notify_all();
    }
}
