//! Time and memory for filters that may not end.
//!
//! jaq cannot be interrupted. A filter that is not known to end runs in a thread of its own, whose result is waited
//! for within limits; beyond them the result is no longer awaited, and the thread ends with the process.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a filter may run, besides the time that reading the message takes.
const TIME: Duration = Duration::from_secs(2);

/// A message is read at this speed at least, in bytes per second.
const READING: u32 = 20 << 20;

/// How much memory the process may gain meanwhile, in bytes, besides what the value of the message takes.
const MEMORY: u64 = 1 << 30;

/// The most memory that a value takes, in bytes per byte of its text.
const VALUE: u64 = 20;

/// The stack of the thread, in bytes, or less where the system does not grant so much. jaq recurses as deep as a filter
/// does, and an overflow would end the process: [`MEMORY`] is reached before.
const STACKS: [u64; 3] = [4 << 30, 1 << 30, 64 << 20];

/// How often the limits are checked.
const CHECK: Duration = Duration::from_millis(10);

/// Why there is no result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfinished {
    /// The limit that was reached, in words.
    pub(super) why: String,
    /// Whether the thread runs on: it may take all memory.
    pub(super) runs_on: bool,
}

/// The result of `work`, which looks at a message of `bytes` bytes.
///
/// # Errors
/// The limit that it has reached.
pub(super) fn run<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Clone + Send + 'static,
) -> Result<T, Unfinished> {
    let unfinished = |why: &str, runs_on| Unfinished {
        why: why.to_owned(),
        runs_on,
    };
    let (done, result) = mpsc::sync_channel(1);
    let time = TIME + Duration::from_secs(bytes as u64) / READING;
    let deadline = Instant::now() + time;
    let memory = resident_memory() + MEMORY + VALUE * bytes as u64;
    if !STACKS.iter().any(|size| spawn(*size, work.clone(), &done)) {
        return Err(unfinished("cannot start a thread", false));
    }
    drop(done);
    loop {
        match result.recv_timeout(CHECK) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => return Err(unfinished("failed", false)),
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                let why = format!("still running after {} s", time.as_secs());
                return Err(unfinished(&why, true));
            }
            Err(RecvTimeoutError::Timeout) if resident_memory() > memory => {
                let why = format!("takes more than {} GiB of memory", MEMORY >> 30);
                return Err(unfinished(&why, true));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Starts a thread for `work` with a stack of so many bytes; false where the system refuses.
fn spawn<T: Send + 'static>(
    stack: u64,
    work: impl FnOnce() -> T + Send + 'static,
    done: &SyncSender<T>,
) -> bool {
    let Ok(stack) = usize::try_from(stack) else {
        return false;
    };
    let done = done.clone();
    let thread = thread::Builder::new().name("jq".to_owned());
    // The receiver is gone if the filter has exceeded a limit.
    let thread = thread
        .stack_size(stack)
        .spawn(move || done.send(work()).is_ok());
    thread.is_ok()
}

/// The memory of this process that is in use, in bytes; 0 where the system does not say.
fn resident_memory() -> u64 {
    const PAGE: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split(' ').nth(1));
    pages
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * PAGE
}

/// Functions that end soon, whatever they are given.
const ENDING: [&str; 30] = [
    "abs",
    "all",
    "and",
    "any",
    "arrays",
    "ascii_downcase",
    "booleans",
    "contains",
    "empty",
    "endswith",
    "error",
    "false",
    "first",
    "floor",
    "has",
    "in",
    "inside",
    "keys",
    "last",
    "length",
    "not",
    "null",
    "nulls",
    "numbers",
    "or",
    "select",
    "startswith",
    "test",
    "true",
    "type",
];

/// Whether a filter ends soon, whatever the message: it only reads parts of it, compares and uses functions that are
/// known to end. Two iterations may multiply, so that only one is allowed.
pub(super) fn ends_soon(text: &str) -> bool {
    let (mut rest, mut iterations) = (text, 0);
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => match string_end(rest) {
                // An interpolation holds a filter of its own.
                Some(end) if !rest[..end].contains("\\(") => end,
                _ => return false,
            },
            '.' => {
                iterations += usize::from(rest.starts_with(".."));
                let name = rest[1..].find(|c: char| !is_word(c));
                name.map_or(rest.len(), |at| at + 1).max(1)
            }
            '*' | '$' | '@' | '#' | '-' | '/' | '%' => return false,
            '[' if rest[1..].trim_start().starts_with(']') => {
                iterations += 1;
                1
            }
            c if is_word(c) => {
                let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                let is_number = c.is_ascii_digit();
                if !is_number && !ENDING.contains(&&rest[..end]) {
                    return false;
                }
                iterations += usize::from(["all", "any", "first", "last"].contains(&&rest[..end]));
                end
            }
            c => c.len_utf8(),
        };
        rest = &rest[end..];
    }
    iterations <= 1
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// Behind the string that `text` begins with; `None` when it has no end.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_end_soon_are_known() {
        for (text, ends) in [
            (".price > 40", true),
            (".a.b[0] == \"x\"", true),
            (".items[] | .id != null", true),
            (".type == \"a\" and (.n | length) > 2", true),
            (".message | test(\"^ready\"; \"i\")", true),
            ("select(.id == 1)", true),
            (".[\"last(repeat(1))\"]", true),
            ("last(repeat(1))", false),
            ("[range(.n)] | length > 1", false),
            (".[] == .[]", false),
            ("[..] == [..]", false),
            ("any(.[]; . == 1)", false),
            ("\"x\" * .n == \"\"", false),
            (".a as $x | $x", false),
            ("\"\\(last(repeat(1)))\" == \"1\"", false),
            ("def f: f; f", false),
            ("reduce .[] as $i (0; . + $i)", false),
            ("until(false; .)", false),
            ("unfinished \"", false),
        ] {
            assert_eq!(ends_soon(text), ends, "{text}");
        }
    }

    #[test]
    fn what_does_not_end_is_given_up() {
        let result: Result<(), Unfinished> = run(0, || {
            loop {
                thread::park();
            }
        });
        let unfinished = result.expect_err("it never ends");
        assert_eq!(unfinished.why, "still running after 2 s");
        assert!(unfinished.runs_on);
    }
}
