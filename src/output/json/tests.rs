use proptest::prelude::*;
use serde_json::Value;

use super::scan::{TokenKind, TokenSink, scan};
use super::{
    Compactor, JsonStyle, MAX_DEPTH, NotJson, RESET, compact, is_json, push_string, reindent,
};
use crate::output::escape::is_unsafe;
use crate::output::palette::SIXTEEN;

const KEY: &str = SIXTEEN.key;
const STRING: &str = SIXTEEN.string;
const NUMBER: &str = SIXTEEN.number;
const BOOLEAN: &str = SIXTEEN.boolean;
const NULL: &str = SIXTEEN.null;

const PLAIN: JsonStyle = JsonStyle {
    palette: &SIXTEEN,
    colour: false,
    indent: 2,
};
const COLOUR: JsonStyle = JsonStyle {
    palette: &SIXTEEN,
    colour: true,
    indent: 2,
};

/// What `write` appended, which must come after what was there.
fn appended(write: impl FnOnce(&mut Vec<u8>) -> Result<(), NotJson>) -> Result<String, NotJson> {
    let mut out = b"before ".to_vec();
    let result = write(&mut out);
    assert!(out.starts_with(b"before "));
    let rest = String::from_utf8(out.split_off(7)).unwrap();
    assert!(result.is_ok() || rest.is_empty(), "left behind: {rest}");
    result.map(|()| rest)
}

fn pretty(text: &str) -> Result<String, NotJson> {
    appended(|out| reindent(out, text, &PLAIN, false))
}

fn escaped(text: &str) -> Result<String, NotJson> {
    appended(|out| reindent(out, text, &PLAIN, true))
}

fn compacted(text: &str) -> Result<String, NotJson> {
    appended(|out| compact(out, text))
}

/// JSON on one line, in pieces of `size` bytes or one character.
fn in_pieces(text: &str, size: usize) -> String {
    let (mut compactor, mut out, mut rest) = (Compactor::default(), Vec::new(), text);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.ceil_char_boundary(size));
        compactor.push(&mut out, piece);
        rest = behind;
    }
    String::from_utf8(out).unwrap()
}

fn quoted(text: &str) -> String {
    appended(|out| {
        push_string(out, text);
        Ok(())
    })
    .unwrap()
}

#[test]
fn members_and_elements_stand_on_lines_of_their_own() {
    let text = r#" {"b":[1,{"a":null} ,[ ]], "b" : { },"":true}"#;
    let expected = r#"{
  "b": [
    1,
    {
      "a": null
    },
    []
  ],
  "b": {},
  "": true
}"#;
    assert_eq!(pretty(text).unwrap(), expected);
    assert_eq!(pretty(expected).unwrap(), expected);
    assert_eq!(
        compacted(expected).unwrap(),
        r#"{"b":[1,{"a":null},[]],"b":{},"":true}"#
    );
}

#[test]
fn tokens_stay_as_they_came() {
    for token in [
        "0",
        "-0",
        "-0.0",
        "1.50",
        "1E400",
        "1e+05",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        r#""""#,
        r#""\u0041\/\"\\\b\f\n\r\t é \uD83D\uDE00""#,
        r#""\ud800""#,
        "\"\u{7f}\u{2028}\"",
    ] {
        for text in [token.to_owned(), format!(" \t\r\n{token} \t\r\n")] {
            assert_eq!(pretty(&text).unwrap(), token);
            assert_eq!(compacted(&text).unwrap(), token);
            assert!(is_json(&text));
        }
    }
}

#[test]
fn the_indentation_is_a_matter_of_style() {
    let of = |indent| {
        let style = JsonStyle {
            palette: &SIXTEEN,
            colour: false,
            indent,
        };
        appended(|out| reindent(out, "[[1]]", &style, false)).unwrap()
    };
    assert_eq!(of(0), "[\n[\n1\n]\n]");
    assert_eq!(of(4), "[\n    [\n        1\n    ]\n]");
    assert_eq!(JsonStyle::default(), PLAIN);
}

#[test]
fn each_kind_of_token_has_its_colour() {
    let text = r#"{"k":["s",-1,true,false,null,{}]}"#;
    let shown = appended(|out| reindent(out, text, &COLOUR, true)).unwrap();
    let expected = format!(
        "{{\n  {KEY}\"k\"{RESET}: [\n    {STRING}\"s\"{RESET},\n    {NUMBER}-1{RESET},\n    \
         {BOOLEAN}true{RESET},\n    {BOOLEAN}false{RESET},\n    {NULL}null{RESET},\n    {{}}\n  ]\n}}"
    );
    assert_eq!(shown, expected);
}

#[test]
fn what_is_not_json_says_where() {
    use NotJson::{Incomplete, Unexpected};
    for (text, why) in [
        ("", Incomplete),
        (" \n", Incomplete),
        ("{", Incomplete),
        ("[1,", Incomplete),
        ("{\"a\"", Incomplete),
        ("{\"a\":", Incomplete),
        ("\"abc", Incomplete),
        ("\"abc\\", Incomplete),
        ("\"\\u12", Incomplete),
        ("-", Incomplete),
        ("1.", Incomplete),
        ("1e+", Incomplete),
        ("tru", Incomplete),
        ("[1", Incomplete),
        ("01", Unexpected(1)),
        ("+1", Unexpected(0)),
        (".5", Unexpected(0)),
        ("1.e5", Unexpected(2)),
        ("-a", Unexpected(1)),
        ("0x10", Unexpected(1)),
        ("NaN", Unexpected(0)),
        ("True", Unexpected(0)),
        ("trux", Unexpected(3)),
        ("nullx", Unexpected(4)),
        ("1 2", Unexpected(2)),
        ("{} x", Unexpected(3)),
        ("[1,]", Unexpected(3)),
        ("[,1]", Unexpected(1)),
        ("[1 2]", Unexpected(3)),
        ("[1}", Unexpected(2)),
        ("{\"a\":1]", Unexpected(6)),
        ("{\"a\":1,}", Unexpected(7)),
        ("{\"a\" 1}", Unexpected(5)),
        ("{a:1}", Unexpected(1)),
        ("{1:1}", Unexpected(1)),
        ("]", Unexpected(0)),
        ("'a'", Unexpected(0)),
        ("\"\\x41\"", Unexpected(2)),
        ("\"\\u12g4\"", Unexpected(5)),
        ("\"a\nb\"", Unexpected(2)),
        ("\"a\tb\"", Unexpected(2)),
        ("\"\0\"", Unexpected(1)),
        ("\u{feff}1", Unexpected(0)),
        ("1\u{a0}", Unexpected(1)),
        ("1\u{b}", Unexpected(1)),
        ("/* */1", Unexpected(0)),
    ] {
        assert_eq!(pretty(text), Err(why), "{text:?}");
        assert_eq!(compacted(text), Err(why), "{text:?}");
        assert!(!is_json(text), "{text:?}");
    }
}

#[test]
fn nesting_ends_at_the_limit_and_not_before() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(is_json(&nested(MAX_DEPTH)));
    assert_eq!(compacted(&nested(MAX_DEPTH)).unwrap(), nested(MAX_DEPTH));
    let too_deep = Err(NotJson::TooDeep(MAX_DEPTH));
    assert_eq!(pretty(&nested(MAX_DEPTH + 1)), too_deep);
    assert_eq!(pretty(&"[".repeat(1_000_000)), too_deep);
    let objects = "{\"a\":".repeat(MAX_DEPTH + 1);
    assert_eq!(pretty(&objects), Err(NotJson::TooDeep(5 * MAX_DEPTH)));
}

/// Each level is told apart, also across the words of the bit field.
#[test]
fn arrays_and_objects_close_in_the_order_they_opened() {
    let (mut open, mut close) = (String::new(), String::new());
    for level in 0..200 {
        let array = level % 3 == 0;
        open.push_str(if array { "[" } else { "{\"k\":" });
        close.insert(0, if array { ']' } else { '}' });
    }
    assert!(is_json(&format!("{open}0{close}")));
    for at in 0..close.len() {
        let mut wrong = close.clone().into_bytes();
        wrong[at] = if wrong[at] == b']' { b'}' } else { b']' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert!(!is_json(&format!("{open}0{wrong}")), "{at}");
    }
}

#[test]
fn deep_indentation_stops_growing() {
    let text = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let widest = pretty(&text)
        .unwrap()
        .lines()
        .map(|line| line.len() - line.trim_start().len())
        .max();
    assert_eq!(widest, Some(super::MAX_INDENT));
}

#[test]
fn unsafe_characters_in_strings_become_json_escapes() {
    let text = "{\"k\u{202e}\":\"\u{7f}\u{9b}\u{e0041}\u{feff}é\u{200d}\\u001b\"}";
    let expected = r#"{"k\u202e":"\u007f\u009b\udb40\udc41\ufeffé\u200d\u001b"}"#
        .replace("\\u200d", "\u{200d}");
    assert_eq!(in_pieces(text, usize::MAX), expected);
    let shown = escaped(text).unwrap();
    assert!(shown.contains(r#""k\u202e": "\u007f\u009b"#), "{shown}");
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap(),
        serde_json::from_str::<Value>(text).unwrap()
    );
    assert!(pretty(text).unwrap().contains("k\u{202e}"));
}

#[test]
fn strings_are_written_with_the_fewest_escapes() {
    for (text, json) in [
        ("", r#""""#),
        ("plain / text", r#""plain / text""#),
        ("\"\\\n\r\t\u{8}\u{c}", r#""\"\\\n\r\t\b\f""#),
        ("\0\x1b\x7f", r#""\u0000\u001b\u007f""#),
        (
            "é日\u{1f600}\u{200d}\u{200c}",
            "\"é日\u{1f600}\u{200d}\u{200c}\"",
        ),
        (
            "\u{80}\u{9b}\u{ad}\u{202e}\u{2028}",
            r#""\u0080\u009b\u00ad\u202e\u2028""#,
        ),
        ("\u{e0001}\u{1d173}", r#""\udb40\udc01\ud834\udd73""#),
    ] {
        assert_eq!(quoted(text), json);
    }
}

#[test]
fn every_byte_is_judged_at_every_place_of_a_string() {
    for byte in 0..0x80_u8 {
        let plain = byte >= b' ' && byte != b'"' && byte != b'\\';
        for at in 0..18 {
            let (before, after) = ("x".repeat(at), "y".repeat(17 - at));
            let text = format!("\"{before}{}{after}\"", char::from(byte));
            assert_eq!(is_json(&text), plain, "{text:?}");
        }
    }
}

/// Strings are written a block at a time as well.
#[test]
fn every_byte_is_escaped_at_every_place_of_a_string() {
    for ch in (0..0x80)
        .map(char::from)
        .chain(['é', '\u{9b}', '\u{202e}', '\u{1d173}'])
    {
        for at in 0..18 {
            let text = format!("{}{ch}{}", "x".repeat(at), "y\u{e4}".repeat(17 - at));
            let json = quoted(&text);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            let must =
                ch.is_control() || ch == '"' || ch == '\\' || !ch.is_ascii() && is_unsafe(ch);
            assert_eq!(json.contains('\\'), must, "{json}");
        }
    }
}

/// Writes down the tokens, so that two texts can be compared without their white space.
#[derive(Default, PartialEq, Debug)]
struct Tokens(Vec<(Option<TokenKind>, String)>);

impl Tokens {
    fn of(text: &str) -> Result<Tokens, NotJson> {
        let mut tokens = Tokens::default();
        scan(text, &mut tokens).map(|()| tokens)
    }

    fn mark(&mut self, mark: impl Into<String>) {
        self.0.push((None, mark.into()));
    }
}

impl TokenSink for Tokens {
    fn token(&mut self, kind: TokenKind, token: &str) {
        self.0.push((Some(kind), token.to_owned()));
    }
    fn empty(&mut self, brackets: &'static str) {
        self.mark(brackets);
    }
    fn open(&mut self, bracket: u8) {
        self.mark(char::from(bracket));
    }
    fn close(&mut self, bracket: u8) {
        self.mark(char::from(bracket));
    }
    fn comma(&mut self) {
        self.mark(',');
    }
    fn colon(&mut self) {
        self.mark(':');
    }
}

fn strings() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,80}",
        "[\"\\\\/\u{0}-\u{a0}]{0,12}",
        "[\u{200b}-\u{2070}\u{e0000}-\u{e0080}é日]{0,6}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        strings().prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((strings(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pieces of JSON in any order: mostly not JSON, but near it.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"a\"",
        "\"\\u00e9\"",
        "\\u",
        "\\ud800",
        "12",
        "0",
        "-",
        "+",
        ".",
        "e",
        "E",
        "1.5",
        "-0",
        "1E400",
        "true",
        "false",
        "null",
        "tru",
        " ",
        "\n",
        "\t",
        "\r",
        "é",
        "\u{1}",
        "\u{7f}",
        "\u{a0}",
        "\"k\":",
        "[1,2]",
        "{\"a\":1}",
    ]);
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

/// JSON in which one character was removed, doubled or replaced.
fn damaged() -> impl Strategy<Value = String> {
    let put = prop::sample::select(vec!["", ",", "\"", "0", "}", "]", "\\", " ", "\u{0}"]);
    (values(), any::<prop::sample::Index>(), put).prop_map(|(value, at, put)| {
        let mut chars: Vec<String> = value.to_string().chars().map(String::from).collect();
        let at = at.index(chars.len());
        put.clone_into(&mut chars[at]);
        chars.concat()
    })
}

/// Whether `serde_json` finds the grammar of RFC 8259 kept.
///
/// It also refuses numbers beyond `f64` and lone surrogates, which are grammatical. Other digits
/// in those places make the same grammar and leave it only the question asked.
fn serde_accepts(text: &str) -> bool {
    let mut tame = String::new();
    let mut in_exponent = false;
    for ch in text.replace("\\ud800", "\\u0800").chars() {
        tame.push(if in_exponent && ch.is_ascii_digit() {
            '0'
        } else {
            ch
        });
        in_exponent = match ch {
            'e' | 'E' => true,
            '+' | '-' | '0'..='9' => in_exponent,
            _ => false,
        };
    }
    serde_json::from_str::<Value>(&tame).is_ok()
}

fn check_against_serde(text: &str) -> Result<(), TestCaseError> {
    let accepted = serde_accepts(text);
    prop_assert_eq!(is_json(text), accepted, "{:?}", text);
    for style in [PLAIN, COLOUR] {
        let shown = appended(|out| reindent(out, text, &style, true));
        prop_assert_eq!(shown.is_ok(), accepted);
    }
    if !accepted {
        return Ok(());
    }
    let tokens = Tokens::of(text).unwrap();
    let all: String = tokens.0.iter().map(|(_, token)| token.as_str()).collect();
    prop_assert_eq!(compacted(text).unwrap(), all);
    prop_assert_eq!(Tokens::of(&pretty(text).unwrap()).unwrap(), tokens);
    Ok(())
}

proptest! {
    #[test]
    fn values_survive(value in values(), spaced in any::<bool>()) {
        let text = if spaced {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        // serde_json indents by two spaces as well, and its own writer never leaves a choice.
        prop_assert_eq!(pretty(&text).unwrap(), serde_json::to_string_pretty(&value).unwrap());
        prop_assert_eq!(compacted(&text).unwrap(), value.to_string());
        let original: Value = serde_json::from_str(&text).unwrap();
        let one_line = in_pieces(&text, usize::MAX);
        for shown in [escaped(&text).unwrap(), one_line] {
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), original.clone());
            prop_assert!(shown.chars().all(|ch| ch == '\n' || !ch.is_control() && !is_unsafe(ch)));
        }
        check_against_serde(&text)?;
    }

    #[test]
    fn in_pieces_it_is_compacted_as_in_one(value in values(), spaced in any::<bool>(), size in 1..20usize) {
        let text = if spaced {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        prop_assert_eq!(in_pieces(&text, size), in_pieces(&text, usize::MAX));
    }

    #[test]
    fn colours_are_all_that_colour_adds(value in values()) {
        let text = value.to_string();
        let mut shown = appended(|out| reindent(out, &text, &COLOUR, true)).unwrap();
for colour in [KEY, STRING, NUMBER, BOOLEAN, NULL, RESET] {
            shown = shown.replace(colour, "");
        }
        prop_assert_eq!(shown, escaped(&text).unwrap());
    }

    #[test]
    fn the_grammar_is_serde_jsons_on_soup(text in soup()) {
        check_against_serde(&text)?;
    }

    #[test]
    fn the_grammar_is_serde_jsons_on_damaged_json(text in damaged()) {
        check_against_serde(&text)?;
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in any::<String>()) {
        check_against_serde(&text)?;
    }

    /// A text that lacks only its end is said to be incomplete, which the line editor relies on.
    #[test]
    fn the_beginning_of_a_container_is_incomplete(value in values(), at in any::<prop::sample::Index>()) {
        let text = format!("[{value}]");
        let cut = text.floor_char_boundary(at.index(text.len()));
        prop_assert_eq!(pretty(&text[..cut]), Err(NotJson::Incomplete));
    }

    #[test]
    fn a_written_string_reads_back_and_is_safe(text in strings()) {
        let json = quoted(&text);
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        prop_assert!(json.chars().all(|ch| !ch.is_control() && !is_unsafe(ch)), "{}", json);
    }
}

#[test]
fn a_layout_that_is_mostly_indentation_is_refused() {
    let deep = format!(
        "{}{}1{}",
        "[".repeat(70),
        "1,".repeat(1 << 20),
        "]".repeat(70)
    );
    let mut out = b"before".to_vec();
    assert_eq!(
        reindent(&mut out, &deep, &COLOUR, true),
        Err(NotJson::TooWide)
    );
    assert_eq!(out, b"before");
    let flat = format!("[{}1]", "1,".repeat(1 << 16));
    assert_eq!(reindent(&mut out, &flat, &COLOUR, true), Ok(()));
}
