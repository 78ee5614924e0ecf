//! Any text is a pattern or is not, and any message is judged without a panic, the same way by both
//! questions that a pattern answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::pattern::{MatchResult, Pattern};

fuzz_target!(|input: (String, String)| {
    let (text, message) = input;
    let Ok(pattern) = Pattern::parse(&text) else {
        return;
    };
    let matches = matches!(pattern.matches(&message), MatchResult::Match);
    assert_eq!(matches, pattern.is_match(&message));
});
