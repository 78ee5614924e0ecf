//! Any bytes are parsed as a check file or rejected with a line number; the printed form of a parsed file parses to
//! the same script.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::script::Script;

fuzz_target!(|bytes: &[u8]| {
    let given = ["base"];
    let Ok(script) = Script::from_bytes("x.wst", bytes, &given) else {
        return;
    };
    let printed = script.to_string();
    let again = Script::parse("x.wst", &printed, &given);
    assert_eq!(again.as_ref(), Ok(&script), "{printed}");
});
