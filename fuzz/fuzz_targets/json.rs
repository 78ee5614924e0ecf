//! Any text, printed or written as JSON: pretty-printed JSON has the same value, and escaped text contains no
//! control characters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::output::escape::{KeptControls, escape, push_escaped_bytes};
use wsprobe::output::json::{Compactor, JsonStyle, compact, is_json, push_string, reindent};

fuzz_target!(|bytes: &[u8]| {
    let mut shown = Vec::new();
    push_escaped_bytes(&mut shown, bytes, KeptControls::Lines);
    is_safe(&shown);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    is_safe(escape(text, KeptControls::Nothing).as_bytes());
    let mut string = Vec::new();
    push_string(&mut string, text);
    is_safe(&string);
    assert_eq!(
        serde_json::from_slice::<String>(&string).as_deref().ok(),
        Some(text)
    );
    let (mut once, mut twice, mut laid_out) = (Vec::new(), Vec::new(), Vec::new());
    assert_eq!(compact(&mut once, text).is_ok(), is_json(text));
    if reindent(&mut laid_out, text, &JsonStyle::default(), false).is_ok() {
        let laid_out = std::str::from_utf8(&laid_out).expect("UTF-8");
        compact(&mut twice, laid_out).expect("JSON");
        assert_eq!(once, twice);
    }
    let mut escaped = Vec::new();
    if is_json(text) {
        Compactor::default().push(&mut escaped, text);
        is_safe(&escaped);
    }
});

/// No control characters except tab and newline, and no invisible or bidirectional format characters.
fn is_safe(shown: &[u8]) {
    let shown = std::str::from_utf8(shown).expect("UTF-8");
    for ch in shown.chars() {
        let obeyed = (ch.is_control() && !matches!(ch, '\n' | '\t'))
            || matches!(ch, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(ch, '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        assert!(!obeyed, "{ch:?}");
    }
}
