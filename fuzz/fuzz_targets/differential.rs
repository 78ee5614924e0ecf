//! Any bytes through our codec and through tungstenite: the results agree, or an entry of the table explains the difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::connection::wire::Role;

#[path = "../../tests/it/second_opinion/engines.rs"]
mod engines;

fuzz_target!(|input: (bool, u8, Vec<u8>)| {
    let (is_server, cut, bytes) = input;
    let role = if is_server {
        Role::Server
    } else {
        Role::Client
    };
    if let Err(difference) = engines::compare(role, &bytes, usize::from(cut) + 1) {
        panic!("{difference}");
    }
});
