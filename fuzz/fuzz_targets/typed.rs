//! Any text as typed input: a line of a session, a duration, a size, a close code.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::connection::backoff::Backoff;
use wsprobe::connection::close::CloseFrame;
use wsprobe::repl::commands::parse;
use wsprobe::units;

fuzz_target!(|text: &str| {
    let _ = parse(text);
    if let Ok(duration) = units::duration(text) {
        let _ = units::shown(duration);
    }
    let _ = units::size(text);
    let _ = units::rate(text);
    if let Ok(close_frame) = CloseFrame::parse(text) {
        assert!(close_frame.reason.len() <= 123);
        assert!(
            close_frame
                .code
                .is_some_and(wsprobe::connection::close::CloseCode::is_sendable)
        );
    }
    if let Ok(backoff) = Backoff::parse(text) {
        assert!(backoff.delay(u32::MAX, || u64::MAX) <= backoff.bound(u32::MAX));
    }
});
