//! Gives our codec and tungstenite the same bytes, in both roles and with every split. A table lists
//! the reason for each difference.

use proptest::prelude::*;
use wsprobe::connection::wire::Role;
use wsprobe::connection::wire::header::{FrameHeader, apply_mask};

mod engines;

use engines::{DIFFERENCES, compare};

#[test]
fn each_difference_is_real_and_known_by_its_name() {
    for difference in &DIFFERENCES {
        let found = compare(Role::Client, difference.example, usize::MAX);
        assert_eq!(found, Ok(Some(difference.name)), "{}", difference.reason);
    }
}

/// Frames of every kind, mostly legal, with a few random bytes.
fn stream() -> impl Strategy<Value = (bool, Vec<u8>)> {
    let first = prop_oneof![
        8 => prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a][..]),
        1 => any::<u8>(),
    ];
    let text = "[a-zäß€😀]{0,60}".prop_map(String::into_bytes);
    let payload = prop_oneof![
        3 => text,
        2 => prop::collection::vec(any::<u8>(), 0..130),
        1 => (900_usize..1100).prop_map(|len| vec![b'x'; len]),
    ];
    let close = (any::<u16>(), "[a-zß]{0,20}")
        .prop_map(|(code, reason)| [&(code % 5200).to_be_bytes()[..], reason.as_bytes()].concat());
    let frame = prop_oneof![
        9 => (first, payload),
        1 => close.prop_map(|payload| (0x88, payload)),
    ];
    let frames = prop::collection::vec(frame, 0..6);
    let noise = prop::collection::vec(any::<u8>(), 0..4);
    (any::<bool>(), frames, noise, any::<prop::sample::Index>()).prop_map(
        |(is_masked, frames, noise, at)| {
            let mut bytes = Vec::new();
            for (first, payload) in frames {
                let mask = is_masked.then_some([1, 2, 3, 4]);
                let header = FrameHeader {
                    first,
                    mask,
                    payload: payload.len() as u64,
                };
                header.write(&mut bytes);
                let begin = bytes.len();
                bytes.extend(payload);
                if let Some(mask) = mask {
                    apply_mask(&mut bytes[begin..], mask, 0);
                }
            }
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, noise);
            (is_masked, bytes)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_engines_agree_or_a_row_says_why((is_masked, bytes) in stream(), piece in 1_usize..200, other_role: bool) {
        let role = if is_masked != other_role { Role::Server } else { Role::Client };
        for piece in [piece, 1, usize::MAX] {
            if let Err(difference) = compare(role, &bytes, piece) {
                return Err(TestCaseError::fail(difference));
            }
        }
    }
}
