//! Any bytes in any format: no panic, nothing above the size limit, and JSON where JSON was asked for.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wsprobe::decode::{DecodeFormat, Decoding, FORMATS, MessageDecoder};
use wsprobe::output::json::is_json;

const LIMIT: usize = 1 << 14;

// The first byte selects the formats, the second one where the rest is divided into messages.
fuzz_target!(|input: &[u8]| {
    let [formats, cut, content @ ..] = input else {
        return;
    };
    let names = [usize::from(*formats & 15), usize::from(*formats >> 4)];
    let names = names.map(|at| FORMATS.get(at)).into_iter().flatten();
    let text = names.copied().collect::<Vec<_>>().join(",");
    let Ok(format) = DecodeFormat::parse(&text) else {
        return;
    };
    let is_structured = ["msgpack", "cbor", "json"]
        .iter()
        .any(|name| text.ends_with(name));
    let mut decoder = MessageDecoder::new(&format, LIMIT);
    for message in content.chunks(usize::from(*cut).max(1)) {
        match decoder.decode(Bytes::copy_from_slice(message)) {
            Decoding::Text { text, .. } => {
                assert!(text.len() <= LIMIT);
                assert!(!is_structured || is_json(&text));
            }
            Decoding::Incomplete | Decoding::Failed { .. } => {}
            Decoding::TooLarge => break,
        }
    }
    decoder.finish();
});
