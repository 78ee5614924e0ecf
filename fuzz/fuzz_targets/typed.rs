//! Any text as something a person types: a line of a session, a duration, a size, a close code.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::connection::backoff::Backoff;
use wsprobe::connection::close::Farewell;
use wsprobe::repl::commands::parse;
use wsprobe::units;

fuzz_target!(|text: &str| {
    let _ = parse(text);
    if let Ok(duration) = units::duration(text) {
        let _ = units::shown(duration);
    }
    let _ = units::size(text);
    let _ = units::rate(text);
    if let Ok(farewell) = Farewell::parse(text) {
        assert!(farewell.reason.len() <= 123);
        assert!(farewell.code.is_some_and(wsprobe::connection::close::Code::is_sendable));
    }
    if let Ok(backoff) = Backoff::parse(text) {
        assert!(backoff.delay(u32::MAX, || u64::MAX) <= backoff.bound(u32::MAX));
    }
});
