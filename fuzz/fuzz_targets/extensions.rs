//! Any text as an offer, a response or a client's header: no panic, and the other side accepts what was
//! negotiated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::connection::wire::negotiation::{DeflateOffer, choose};

fuzz_target!(|input: (String, String)| {
    let (offered, answered) = input;
    let _ = choose([offered.as_str(), answered.as_str()]);
    let Ok(offer) = DeflateOffer::with_parameters(&offered) else {
        return;
    };
    let _ = offer.read_answer([answered.as_str()]);
    if let Some(agreed) = choose([offer.to_string().as_str()]) {
        let answer = agreed.to_string();
        assert!(
            offer.read_answer([answer.as_str()]).is_ok(),
            "{offer} answered {answer}"
        );
    }
});
