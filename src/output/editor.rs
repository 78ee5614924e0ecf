//! The way out of an interactive session: text for the thread that prints above the line being typed.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::buffer::Buffer;
use crate::event::Event;

/// Hands text to the thread that prints above the line being typed.
pub struct EditorPipe {
    /// Takes whole blocks of text.
    pub sender: UnboundedSender<String>,
    /// Bytes handed over and not printed yet.
    pub backlog: Arc<Backlog>,
    /// Tells the editor whether a line can be sent or would be lost.
    pub can_send: Arc<AtomicBool>,
}

/// How far the printing thread is behind.
#[derive(Debug, Default)]
pub struct Backlog {
    bytes: AtomicUsize,
    /// The session, when it waits for the thread.
    waits: Mutex<Option<Waker>>,
}

impl EditorPipe {
    pub(super) fn follow(&self, event: &Event) {
        let can_send = match event {
            Event::Connecting { .. } | Event::Open(_) => true,
            Event::Closing { .. } | Event::Close(_) | Event::Failed(..) => false,
            _ => return,
        };
        self.can_send.store(can_send, Ordering::Release);
    }

    /// Hands everything over; pending while the thread is far behind.
    pub(super) fn poll_hand_over(&self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<()> {
        if self.backlog.poll_at_most(cx, Backlog::LIMIT).is_pending() {
            return Poll::Pending;
        }
        let text = buffer.take_text();
        if !text.is_empty() {
            self.backlog.grow(text.len());
            // The editor is gone: so is the terminal that would show this.
            let _ = self.sender.send(text);
        }
        Poll::Ready(())
    }
}

impl Backlog {
    /// The most that waits in front of the editor, in bytes.
    const LIMIT: usize = 256 * 1024;

    /// So many bytes are on their way.
    pub fn grow(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// The printing thread has shown so many bytes.
    pub fn shrink(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        let waker = self.waits.lock().ok().and_then(|mut waits| waits.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until all has been shown, for a moment at most.
    pub async fn settle(&self) {
        let shown = poll_fn(|cx| self.poll_at_most(cx, 0));
        let _ = tokio::time::timeout(Duration::from_secs(1), shown).await;
    }

    /// Ready when no more than so many bytes wait.
    fn poll_at_most(&self, cx: &mut Context<'_>, bytes: usize) -> Poll<()> {
        // Registered before the count is looked at: a print in between wakes this task.
        if let Ok(mut waits) = self.waits.lock() {
            *waits = Some(cx.waker().clone());
        }
        if self.bytes.load(Ordering::Acquire) <= bytes {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
