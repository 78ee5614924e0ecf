//! Any text as a URL, a redirect's target, a proxy or a header: it is parsed or rejected without
//! a panic; passwords are not shown, and no line can be injected into the request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsprobe::connection::handshake::{Headers, Refusal};
use wsprobe::connection::proxy::Proxies;
use wsprobe::connection::redirect::RedirectChain;
use wsprobe::connection::target::{Address, RequestHeader, UpgradeOptions};
use wsprobe::secret::redact_url;

fuzz_target!(|input: (String, String)| {
    let (typed, location) = input;
    let _ = Proxies::forced(&typed);
    let _ = RequestHeader::parse(&typed);
    let _ = redact_url(&typed);
    if let Err(bad) = Address::parse(&typed) {
        let _ = bad.to_string();
    }
    let with_password = "ws://user:hunter2hunter2@host.example/a/b?c";
    for start in [typed.as_str(), with_password] {
        let Ok(address) = Address::parse(start) else {
            continue;
        };
        fits_a_request(&address);
        let told = start == with_password && address.shown.contains("hunter2hunter2");
        assert!(!told, "{}", address.shown);
        let refusal = Refusal {
            status: 302,
            reason: String::new(),
            headers: Headers(vec![("Location".to_owned(), location.clone())]),
            body: Vec::new(),
            body_cut: false,
        };
        if let Ok((next, _)) =
            RedirectChain::new(address, 3).follow(&refusal, &UpgradeOptions::default())
        {
            fits_a_request(&next);
        }
    }
});

/// The values of the request line and the Host header contain no line break.
fn fits_a_request(address: &Address) {
    for part in [&address.request_target, &address.host_header] {
        let breaks = |byte: u8| byte <= b' ' || byte == 0x7f;
        assert!(!part.bytes().any(breaks), "{part:?}");
    }
}
