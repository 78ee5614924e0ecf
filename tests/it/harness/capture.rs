//! Collects the output of a process in a thread, so that a test can wait for a part of it.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

/// How a stream is read.
#[derive(Clone, Copy)]
pub enum Reader {
    /// Reads to the end.
    Stays,
    /// Closes its end after so many bytes.
    LeavesAfter(usize),
    /// Stops reading after so many bytes, and keeps its end open.
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
    /// Reads the stream in this way.
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
                // A terminal whose other side has closed reports EIO: the end of the stream.
                match stream.read(&mut chunk[..room]) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => {
                        writer.append(&chunk[..n]);
                        wanted -= n;
                    }
                }
            }
            if matches!(reader, Reader::StopsAfter(_)) {
                // Kept open until the test process ends, like a pager that waits for a key.
                std::mem::forget(stream);
            } else {
                // Closed before the end is signalled, so that a waiting test finds it closed.
                drop(stream);
            }
            writer.end();
        });
        capture
    }

    /// Waits until `look` returns a value; `None` at the deadline or the end of the stream.
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

    /// Waits for the end of the stream; false at the deadline.
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
