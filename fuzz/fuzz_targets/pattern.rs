//! Any text as a pattern and any message: no panic, and `matches` and the explained match give the same
//! result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::pattern::{MatchResult, MessageContent, Pattern};

fuzz_target!(|input: (String, String, Vec<u8>)| {
    let (text, message, bytes) = input;
    // A schema is a file.
    if text.starts_with("schema:") {
        return;
    }
    let Ok(pattern) = Pattern::parse(&text) else {
        return;
    };
    let matches = matches!(pattern.matches(&message), MatchResult::Match);
    assert_eq!(matches, pattern.is_match(&message));
    let message = MessageContent::Binary(&bytes);
    let matches = matches!(pattern.matches(message), MatchResult::Match);
    assert_eq!(matches, pattern.is_match(message));
});
