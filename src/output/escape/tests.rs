use std::borrow::Cow;

use proptest::prelude::*;

use super::{
    KeptControls, escape, find_unsafe, is_unsafe, may_lead_unsafe, push_escaped, push_escaped_bytes,
};

fn pushed(text: &str, keep: KeptControls) -> String {
    let mut out = b"before ".to_vec();
    push_escaped(&mut out, text, keep);
    String::from_utf8(out.split_off(7)).unwrap()
}

fn pushed_bytes(bytes: &[u8], keep: KeptControls) -> String {
    let mut out = Vec::new();
    push_escaped_bytes(&mut out, bytes, keep);
    String::from_utf8(out).unwrap()
}

#[test]
fn unsafe_characters_are_spelt_out() {
    for (text, shown) in [
        ("", ""),
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\0\x07\x08\x0b\r", "\\x00\\x07\\x08\\x0b\\x0d"),
        ("\x7f", "\\x7f"),
        ("\u{80}\u{9b}2J\u{9f}", "\\u{80}\\u{9b}2J\\u{9f}"),
        ("soft\u{ad}hyphen", "soft\\u{ad}hyphen"),
        ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
        ("\u{200b}\u{200e}\u{200f}", "\\u{200b}\\u{200e}\\u{200f}"),
        ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
        ("\u{feff}\u{fff9}\u{fffb}", "\\u{feff}\\u{fff9}\\u{fffb}"),
        (
            "\u{61c}\u{600}\u{6dd}\u{70f}",
            "\\u{61c}\\u{600}\\u{6dd}\\u{70f}",
        ),
        (
            "\u{e0000}\u{e0041}\u{e007f}",
            "\\u{e0000}\\u{e0041}\\u{e007f}",
        ),
        ("\u{13430}\u{1d173}", "\\u{13430}\\u{1d173}"),
    ] {
        assert_eq!(escape(text, KeptControls::Lines), shown, "{text:?}");
        assert_eq!(escape(text, KeptControls::Nothing), shown, "{text:?}");
        assert_eq!(pushed(text, KeptControls::Lines), shown, "{text:?}");
    }
}

#[test]
fn tab_and_newline_stay_only_in_lines() {
    let text = "a\tb\nc\r\n";
    assert_eq!(escape(text, KeptControls::Lines), "a\tb\n  c\\x0d\n  ");
    assert_eq!(escape(text, KeptControls::Nothing), "a\\tb\\nc\\x0d\\n");
}

#[test]
fn harmless_text_is_borrowed() {
    for text in [
        "",
        "back\\slash stays ~",
        "a\u{a0}\u{e9}\u{300} Съешь же ещё 日本語 한국어 مرحبا שלום \u{fffd}\u{fe0f}",
        // Zero width non-joiner and joiner: Persian spelling and the family emoji.
        "می\u{200c}خواهم \u{1f469}\u{200d}\u{1f467}",
    ] {
        for keep in [KeptControls::Lines, KeptControls::Nothing] {
            assert!(
                matches!(escape(text, keep), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }
}

#[test]
fn bytes_that_are_no_utf8_are_spelt_out_one_by_one() {
    for (bytes, shown) in [
        (&b"ok\xff\xfe!"[..], "ok\\xff\\xfe!"),
        (b"\x9b2J", "\\x9b2J"),
        (b"cut \xe2\x80", "cut \\xe2\\x80"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        ("é\u{9b}\n".as_bytes(), "é\\u{9b}\\n"),
    ] {
        assert_eq!(pushed_bytes(bytes, KeptControls::Nothing), shown);
    }
}

/// A stop byte is found at every place of a block, at its borders and in the tail.
#[test]
fn every_position_is_looked_at() {
    for len in 0..100 {
        for at in 0..len {
            for bad in ["\x1b", "\u{9b}", "\u{202e}", "\u{e0001}"] {
                let text = format!("{}{bad}{}", "x".repeat(at), "y".repeat(len - at));
                let found = find_unsafe(&text, 0, |byte| byte == 0x1b);
                assert_eq!(found.map(|(at, _)| at), Some(at), "{len} {bad:?}");
            }
        }
    }
}

#[test]
fn the_leading_bytes_are_those_of_the_unsafe_characters() {
    let mut leads = [false; 256];
    for ch in ('\u{80}'..=char::MAX).filter(|&ch| is_unsafe(ch)) {
        leads[usize::from(ch.encode_utf8(&mut [0; 4]).as_bytes()[0])] = true;
    }
    for byte in 0..=255 {
        assert_eq!(may_lead_unsafe(byte), leads[usize::from(byte)], "{byte:#x}");
    }
}

/// General category Cf, as the Unicode Character Database lists it.
const FORMAT: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

#[test]
fn controls_separators_and_format_characters_are_unsafe_and_nothing_else() {
    for ch in '\u{80}'..=char::MAX {
        let format = FORMAT
            .iter()
            .any(|&(first, last)| (first..=last).contains(&ch));
        let separator = matches!(ch, '\u{2028}' | '\u{2029}');
        let reserved = matches!(ch, '\u{2065}' | '\u{e0000}' | '\u{e0002}'..='\u{e001f}');
        let kept = matches!(ch, '\u{200c}' | '\u{200d}');
        let expected = (ch.is_control() || format || separator || reserved) && !kept;
        assert_eq!(is_unsafe(ch), expected, "{ch:?}");
    }
}

/// Text in which unsafe characters, plain runs longer than a block and other scripts are frequent.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{0,70}",
        "[\u{0}-\u{a0}]{0,5}",
        "[\u{200b}-\u{2070}]{0,5}",
        "[а-я漢-龍ا-ي]{0,20}",
        "[\u{e0000}-\u{e0080}]",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn keeps() -> impl Strategy<Value = KeptControls> {
    prop_oneof![Just(KeptControls::Lines), Just(KeptControls::Nothing)]
}

proptest! {
    #[test]
    fn nothing_unsafe_comes_out_and_nothing_else_changes(text in texts(), keep in keeps()) {
        let shown = escape(&text, keep);
        let mut expected = String::new();
        for ch in text.chars() {
            match ch {
                '\t' if keep == KeptControls::Lines => expected.push(ch),
                '\n' if keep == KeptControls::Lines => expected.push_str("\n  "),
                '\t' => expected.push_str("\\t"),
                '\n' => expected.push_str("\\n"),
                '\0'..='\x1f' | '\x7f' => expected.push_str(&format!("\\x{:02x}", u32::from(ch))),
                _ if ch.is_control() || is_unsafe(ch) => {
                    expected.push_str(&ch.escape_unicode().to_string());
                }
                _ => expected.push(ch),
            }
        }
        prop_assert_eq!(&shown, &expected);
        // A second time changes nothing but the indentation.
        let again = escape(&shown, keep);
        prop_assert_eq!(again.replace("\n    ", "\n  "), shown.replace("\n    ", "\n  "));
        prop_assert_eq!(pushed(&text, keep), expected.clone());
        prop_assert_eq!(pushed_bytes(text.as_bytes(), keep), expected);
    }

    #[test]
    fn any_bytes_come_out_safe(bytes in prop::collection::vec(any::<u8>(), 0..200), keep in keeps()) {
        let shown = pushed_bytes(&bytes, keep);
        let kept = |ch| keep == KeptControls::Lines && (ch == '\t' || ch == '\n');
        prop_assert!(shown.chars().all(|ch| kept(ch) || !ch.is_control() && !is_unsafe(ch)));
    }
}
