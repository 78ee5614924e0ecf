//! The messages: neighbours differ, so that lost, duplicate or reordered ones are detected.

use std::fmt::Write as _;

use flate2::{Compress, Compression, FlushCompress};

/// The number of messages after which the sequence repeats.
pub const CYCLE: usize = 1000;

/// A sequence of messages, sent a number of times.
#[derive(Clone)]
pub struct Messages {
    pub each: Vec<String>,
    pub times: usize,
}

impl Messages {
    /// `count` messages of `size` letters.
    pub fn letters(count: usize, size: usize) -> Self {
        Self::of(count, |n| format!("{n:010} {}", "x".repeat(size - 11)))
    }

    /// `count` messages of JSON with `size` bytes.
    pub fn json(count: usize, size: usize) -> Self {
        Self::of(count, |n| json(n, size))
    }

    fn of(count: usize, make: impl Fn(usize) -> String) -> Self {
        let cycle = count.min(CYCLE);
        Self {
            each: (0..cycle).map(make).collect(),
            times: count / cycle,
        }
    }

    pub fn count(&self) -> usize {
        self.each.len() * self.times
    }

    /// Bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.each.iter().map(String::len).sum::<usize>() * self.times
    }

    /// The payloads of one cycle, concatenated.
    pub fn payloads(&self) -> Vec<u8> {
        self.each.concat().into_bytes()
    }

    /// The same as lines.
    pub fn cycle_of_lines(&self) -> Vec<u8> {
        let mut cycle = self.each.join("\n");
        cycle.push('\n');
        cycle.into_bytes()
    }

    /// All messages as lines.
    pub fn lines(&self) -> Vec<u8> {
        self.cycle_of_lines().repeat(self.times)
    }

    /// One cycle as frames of a server.
    pub fn frames(&self) -> Vec<u8> {
        let mut frames = Vec::new();
        for text in &self.each {
            push_frame(&mut frames, 0x81, text.as_bytes());
        }
        frames
    }

    /// All messages as compressed frames of a server, with context takeover.
    pub fn deflated(&self) -> Vec<u8> {
        let mut deflater = Compress::new(Compression::new(1), false);
        let mut frames = Vec::new();
        for text in self.each.iter().cycle().take(self.count()) {
            let mut payload = Vec::with_capacity(text.len() + 64);
            deflater
                .compress_vec(text.as_bytes(), &mut payload, FlushCompress::Sync)
                .expect("room");
            // RFC 7692 section 7.2.1: the last four bytes are not sent.
            payload.truncate(payload.len() - 4);
            push_frame(&mut frames, 0xc1, &payload);
        }
        frames
    }

    /// Whether `shown` contains every message in order, with any text between them.
    pub fn are_in(&self, shown: &[u8]) -> bool {
        let mut rest = shown;
        self.each.iter().cycle().take(self.count()).all(|text| {
            let text = text.as_bytes();
            let at = if rest.starts_with(text) {
                Some(0)
            } else {
                memchr::memmem::find(rest, text)
            };
            at.inspect(|at| rest = &rest[at + text.len()..]).is_some()
        })
    }
}

/// Market data, as in a feed.
fn json(n: usize, size: usize) -> String {
    let kind = if n.is_multiple_of(2) { "tick" } else { "book" };
    let mut text = format!(
        r#"{{"seq":{},"type":"{kind}","px":{}.5"#,
        100_000 + n,
        n * 7919 % 9973
    );
    let mut items = String::new();
    let room = size.saturating_sub(text.len() + r#","bids":[],"note":""}"#.len());
    for item in 1.. {
        let value = (n + item) * 104_729 % 999_983;
        let before = items.len();
        let comma = if item == 1 { "" } else { "," };
        write!(
            items,
            r#"{comma}{{"id":{value},"name":"a name","on":true,"tags":["x","yy"],"price":{item}.50}}"#
        )
        .expect("a string takes all");
        if items.len() > room {
            items.truncate(before);
            break;
        }
    }
    if !items.is_empty() {
        write!(text, r#","bids":[{items}]"#).expect("a string takes all");
    }
    let rest = size.saturating_sub(text.len() + r#","note":""}"#.len());
    write!(text, r#","note":"{}"}}"#, "x".repeat(rest)).expect("a string takes all");
    text
}

pub fn push_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    match payload.len() {
        len @ ..126 => out.push(len as u8),
        len @ ..65_536 => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}
