//! Runs a command as a process and measures its resources as reported by the kernel: CPU time depends on the
//! program, wall time also on the machine.

use std::fs;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// The time limit of a run.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The interval at which a running process and its memory are checked.
const GLANCE: Duration = Duration::from_millis(2);

/// The result of a process.
pub struct Used {
    pub status: ExitStatus,
    /// User and system time.
    pub cpu: Duration,
    pub wall: Duration,
    /// The peak memory in MiB, if the system reports it.
    pub peak: Option<f64>,
}

/// A process that is being measured; only one at a time, since the usage of earlier ones is subtracted.
pub struct Run {
    pub child: Child,
    begun: Instant,
    before: Duration,
    peak: Option<f64>,
}

impl Run {
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let before = used_by_children();
        let begun = Instant::now();
        let child = command.spawn()?;
        Ok(Self {
            child,
            begun,
            before,
            peak: None,
        })
    }

    /// A figure of the process' memory, in MiB: `VmRSS` now, `VmHWM` at its highest.
    pub fn memory(&self, field: &str) -> Option<f64> {
        // Of the process itself: the peak reported by `wait` includes the process that started it.
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        let kib: f64 = line.trim_matches([':', '\t', ' ', 'k', 'B']).parse().ok()?;
        Some(kib / 1024.0)
    }

    /// Waits for the end; a process that takes too long is killed.
    pub fn finish(mut self) -> io::Result<Used> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            self.peak = self.memory("VmHWM").or(self.peak);
            if self.begun.elapsed() > LIMIT {
                self.child.kill()?;
            }
            std::thread::sleep(GLANCE);
        };
        Ok(Used {
            status,
            cpu: used_by_children().saturating_sub(self.before),
            wall: self.begun.elapsed(),
            peak: self.peak,
        })
    }

    /// As [`Run::finish`], but only waits, without checking the process meanwhile.
    pub fn finish_unseen(mut self) -> io::Result<Used> {
        let status = self.child.wait()?;
        Ok(Used {
            status,
            wall: self.begun.elapsed(),
            cpu: used_by_children().saturating_sub(self.before),
            peak: None,
        })
    }
}

/// The usage of all children that have ended and were waited for.
fn used_by_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel's figures");
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}
