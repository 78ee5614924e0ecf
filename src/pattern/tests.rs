use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Matches with both methods, which must agree.
fn matches(text: &str, message: &str) -> bool {
    let pattern = pattern(text);
    let verdict = pattern.matches(message) == MatchResult::Match;
    assert_eq!(verdict, pattern.is_match(message), "{text} on {message}");
    verdict
}

fn mismatch(text: &str, message: &str) -> Mismatch {
    match pattern(text).matches(message) {
        MatchResult::Mismatch(mismatch) => mismatch,
        other => panic!("{text} on {message}: {other:?}"),
    }
}

const DEEP: usize = 20_000;

#[test]
fn what_matches() {
    for (text, message) in [
        ("hello", "hello"),
        ("=hello", "hello"),
        ("={\"a\":1}", "{\"a\":1}"),
        ("=/x/", "/x/"),
        ("=.a", ".a"),
        ("==", "="),
        ("=", ""),
        ("", ""),
        ("//", "//"),
        ("/", "/"),
        ("/path", "/path"),
        ("/api/v1", "/api/v1"),
        ("/o/", "foo"),
        ("/^F.o$/i", "foo"),
        (r"/a\/b/", "a/b"),
        ("/a/b/", "xa/by"),
        ("/\u{e9}/i", "\u{c9}"),
        ("{}", r#"{"a":1}"#),
        (r#"{"a":1}"#, r#" { "b" : [ ] , "a" : 1.0 } "#),
        (r#"{"a":1}"#, r#"{"a":2,"a":1}"#),
        (r#"{"a":[1,{"b":null}]}"#, r#"{"a":[1,{"b":null,"c":0}]}"#),
        (r#"{"a":"\u00e9\n"}"#, "{\"a\":\"é\\n\"}"),
        (r#"{"a":"é"}"#, r#"{"\u0061":"\u00e9"}"#),
        (
            r#"{"id":12345678901234567890123}"#,
            r#"{"id":1.2345678901234567890123e22}"#,
        ),
        (r#"{"a b":true}"#, r#"{"a b":true,"s":"\ud800"}"#),
        ("[]", "[]"),
        ("[1,2]", "[1.0, 2e0]"),
        ("hex:61 ??", "ab"),
        ("hex:", ""),
        ("hex:…", "any text"),
        ("=hex:61", "hex:61"),
        ("HEX:61", "HEX:61"),
    ] {
        assert!(matches(text, message), "{text} on {message}");
    }
}

#[test]
fn what_does_not_match_and_why() {
    for (text, message, why, equal) in [
        ("hello", "world", r#"expected "hello", got "world""#, 0),
        (
            "hello",
            "help",
            r#"differs after 3 characters: expected "lo", got "p""#,
            1,
        ),
        (
            "hello",
            "hello\n",
            r#"differs after 5 characters: expected the end, got "\n""#,
            1,
        ),
        ("=", "x", r#"expected "", got "x""#, 0),
        ("/^x/", "ax", "no match for /^x/", 0),
        (r#"{"seq":1}"#, r#"{"seq":2}"#, ".seq: expected 1, got 2", 0),
        (
            r#"{"type":"pong","seq":1}"#,
            r#"{"type": "pong", "seq": 2}"#,
            ".seq: expected 1, got 2",
            1,
        ),
        (r#"{"a":1}"#, r#"{"b":1}"#, ".a: expected 1, got nothing", 0),
        (
            r#"{"a":[],"b":{},"c":1}"#,
            r#"{"a":[],"b":{},"c":2}"#,
            ".c: expected 1, got 2",
            2,
        ),
        (r#"{"a":1}"#, "hello", "not JSON", 0),
        (r#"{"a":1}"#, r#"{"a":1}x"#, "not JSON", 0),
        (r#"{"a":1}"#, r#"{"a":1,"b":01}"#, "not JSON", 0),
        (r#"{"a":1}"#, "", "not JSON", 0),
        (
            r#"{"a":1}"#,
            "[1]",
            r#".: expected an object with "a", got [1]"#,
            0,
        ),
        (
            r#"{"a":"1"}"#,
            r#"{"a":1}"#,
            r#".a: expected "1", got 1"#,
            0,
        ),
        (
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#".a: expected 1, got "1""#,
            0,
        ),
        (
            r#"{"a":""}"#,
            r#"{"a":"\ud800"}"#,
            r#".a: expected "", got "\ud800""#,
            0,
        ),
        (
            r#"{"p":{"q":[1,{"x y":2}]}}"#,
            r#"{"p":{"q":[1,{"x y":3}]}}"#,
            r#".p.q[1]["x y"]: expected 2, got 3"#,
            1,
        ),
        (
            r#"{"x-y":1}"#,
            r#"{"x-y":null}"#,
            r#".["x-y"]: expected 1, got null"#,
            0,
        ),
        ("[1]", "[1,2]", ".: expected 1 element, got 2", 1),
        ("[[1,2]]", "[[1,3]]", ".[0][1]: expected 2, got 3", 1),
        (
            r#"{"a":[]}"#,
            r#"{"a":[0]}"#,
            ".a: expected 0 elements, got 1",
            0,
        ),
        (
            r#"{"id":9007199254740993}"#,
            r#"{"id":9007199254740992}"#,
            ".id: expected 9007199254740993, got 9007199254740992",
            0,
        ),
    ] {
        assert!(!matches(text, message), "{text} on {message}");
        let found = mismatch(text, message);
        assert_eq!(
            (found.why.as_str(), found.equal),
            (why, equal),
            "{text} on {message}"
        );
    }
}

#[test]
fn the_near_miss_counts_every_equal_leaf_on_both_sides_of_the_first_that_differs() {
    let found = mismatch(
        r#"{"a":1,"b":{"c":2,"d":[3,4]},"e":5}"#,
        r#"{"a":0,"b":{"c":2,"d":[3,9]},"e":5}"#,
    );
    assert_eq!(
        found,
        Mismatch {
            why: ".a: expected 1, got 0".to_owned(),
            equal: 3
        }
    );
}

#[test]
fn a_long_value_is_shown_by_its_beginning() {
    let message = format!(r#"{{"a":"{}"}}"#, "é".repeat(500));
    let why = mismatch(r#"{"a":1}"#, &message).why;
    assert!(
        why.starts_with(".a: expected 1, got \"ééé") && why.ends_with('…'),
        "{why}"
    );
    assert!(why.chars().count() < 120, "{why}");
}

#[test]
fn an_invalid_pattern_is_an_error_that_mentions_the_literal_prefix() {
    for (text, says) in [
        (
            "{a:1}",
            "'{a:1}' looks like JSON but is invalid at byte 2 (key must be a string; JSON needs double quotes); prefix",
        ),
        ("[INFO] ready", "looks like JSON but is invalid at byte 2 ("),
        ("{\n", "looks like JSON but is invalid at byte 2 (EOF"),
        (
            "[1,\n 2,\n x]",
            "looks like JSON but is invalid at byte 10 (",
        ),
        (
            r#"{"a":1,"a":2}"#,
            r#"looks like JSON but is invalid (duplicate key "a")"#,
        ),
        ("/(/", "is not a valid regular expression (unclosed group)"),
        ("/(?=x)/", "is not a valid regular expression (look-around"),
    ] {
        let error = Pattern::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("'{text}'")), "{error}");
        assert!(error.contains(says), "{error}");
        let hint = "; prefix it with '=' to match it literally";
        assert!(error.ends_with(hint), "{error}");
        assert!(matches(&format!("={text}"), text));
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = "[".repeat(DEEP) + &"]".repeat(DEEP);
    assert!(
        Pattern::parse(&deep)
            .unwrap_err()
            .to_string()
            .contains("nested deeper than 128 levels")
    );
    assert!(matches(r#"{"a":1}"#, &format!(r#"{{"b":{deep},"a":1}}"#)));
    assert!(!matches("[[[1]]]", &deep));
}

#[test]
fn exact_patterns_match_any_text_literally() {
    for text in ["{", "/x/", ".a", "=a", ""] {
        let exact = Pattern::exact(text);
        assert!(exact.is_match(text));
        assert_eq!(
            pattern(exact.as_str()),
            exact,
            "its own text means the same"
        );
    }
}

#[test]
fn patterns_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Pattern>();
    shared::<Jq>();
}

#[cfg(not(feature = "jq"))]
#[test]
fn without_jq_the_error_names_the_feature() {
    let error = Pattern::parse(".a == 1").unwrap_err().to_string();
    assert!(
        error.contains("cargo feature \"jq\"") && error.ends_with("'=' to match it literally"),
        "{error}"
    );
}

#[cfg(feature = "jq")]
mod with_jq {
    use super::*;

    #[test]
    fn what_matches() {
        for (text, message) in [
            (".members == 2", r#"{"members":2}"#),
            (".a", r#"{"a":true}"#),
            (".items[].ok", r#"{"items":[{"ok":true},{"ok":true}]}"#),
            (
                ".id == 12345678901234567890",
                r#"{"id":12345678901234567890}"#,
            ),
            (r#".s | test("^a")"#, r#"{"s":"abc"}"#),
            (".s | fromjson | .a == 1", r#"{"s":"{\"a\":1}"}"#),
            (". == \"x\"", "\"x\""),
        ] {
            assert!(matches(text, message), "{text} on {message}");
        }
    }

    #[test]
    fn what_does_not_match_and_why() {
        for (text, message, why, equal) in [
            (
                ".members == 2",
                r#"{"members":1}"#,
                ".members == 2 is false: .members is 1",
                1,
            ),
            (
                ".a.b[0] > 4",
                r#"{}"#,
                ".a.b[0] > 4 is false: .a.b[0] is null",
                1,
            ),
            (".a", r#"{"a":null}"#, ".a is null", 1),
            (".a", r#"{"a":0}"#, ".a: expected true or false, got 0", 1),
            (
                ".items[].ok",
                r#"{"items":[{"ok":true},{"ok":false}]}"#,
                ".items[].ok is false",
                1,
            ),
            (".items[]", r#"{"items":[]}"#, ".items[] has no output", 1),
            (".a", "[1]", "cannot index [1] with \"a\"", 0),
            (".a", "hello", "not JSON", 0),
            (".a", "NaN", "not JSON", 0),
            (".a", "{a:1}", "not JSON", 0),
        ] {
            assert!(!matches(text, message), "{text} on {message}");
            let found = mismatch(text, message);
            assert_eq!(
                (found.why.as_str(), found.equal),
                (why, equal),
                "{text} on {message}"
            );
        }
    }

    #[test]
    fn invalid_jq_is_an_error_that_mentions_the_literal_prefix() {
        for (text, says) in [
            ("...", "(expected key at "),
            (".a ==", "(expected term at the end)"),
            (".a | nosuch", "(the filter nosuch is not defined)"),
            (".a & 1", "(expected token at \"& 1\")"),
            (".[", "(expected closing bracket"),
            (".a = 2", "(= assigns; use == to compare)"),
            (".a == 1 | .b |= 2", "(= assigns; use == to compare)"),
            (".a //= 2", "(= assigns; use == to compare)"),
        ] {
            let error = Pattern::parse(text).unwrap_err().to_string();
            let start = format!("invalid jq expression '{text}' {says}");
            assert!(error.starts_with(&start), "{error}");
            let hint = "; prefix it with '=' to match it literally";
            assert!(error.ends_with(hint), "{error}");
        }
    }

    #[test]
    fn comparisons_are_not_assignments() {
        for text in [
            ".a == 2",
            ".a != 2 and .b <= 3 and .c >= 4",
            "(.a = 2) == {\"a\":2}",
            ".a = 2 | .a == 2",
            ".a == \"=\"",
        ] {
            assert!(Jq::condition(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_filter_cannot_reach_outside_the_message() {
        for text in [
            "env",
            "$ENV",
            "halt",
            "halt(1)",
            "halt_error",
            ". | stderr",
            "debug",
            "input",
            "inputs",
        ] {
            let error = Jq::compile(text).unwrap_err().to_string();
            assert!(error.contains("is not defined"), "{error}");
        }
        assert!(Jq::compile("include \"x\"; .").is_err());
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = "[".repeat(DEEP) + &"]".repeat(DEEP);
        assert_eq!(mismatch(".a", &deep).why, "nested deeper than 256 levels");
        let inside = serde_json::to_string(&deep).unwrap();
        assert!(
            mismatch(". | fromjson", &inside)
                .why
                .contains("nested deeper than 256 levels")
        );
        let allowed = "[".repeat(256) + &"]".repeat(256);
        assert!(matches(". == .", &allowed));
        let quoted = format!(r#"["\\\"{}"]"#, "[".repeat(DEEP));
        assert!(
            matches(".[0] != 1", &quoted),
            "brackets in a string nest nothing"
        );
        for token in [
            "[",
            "(",
            "{a:",
            "-",
            "try ",
            ".|",
            ". as $x|",
            "if . then ",
            "def f: ",
            "\"\\(",
            ".[",
            "1+",
            ".a[0]?//",
            "reduce ",
            ".a",
            ".[0]",
            ".a?",
            "1 as ",
            "label $x|",
            "..",
            "f(",
            "@json \"\\(",
        ] {
            for times in [60, 199, 2_000, DEEP] {
                let _ = Jq::compile(&token.repeat(times)).map(|jq| jq.is_match("{}"));
                let _ = Jq::compile(&(token.repeat(times) + ".")).map(|jq| jq.is_match("{}"));
            }
        }
        let error = Jq::compile(&"-".repeat(201)).unwrap_err().to_string();
        assert!(error.contains("more than 200 operators"), "{error}");
    }

    #[test]
    fn select_gives_compact_json_and_bare_strings() {
        let select = |filter: &str, message: &str| Jq::compile(filter).unwrap().select(message);
        let message =
            r#"{ "id": 12345678901234567890, "s": "a\n\"b", "z": [ 1.50, {"b":1,"a":2} ] }"#;
        let raw = |filter| {
            let outputs = select(filter, message).unwrap();
            outputs
                .iter()
                .map(|output| output.raw().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            raw(".id, .z[]"),
            ["12345678901234567890", "1.50", r#"{"b":1,"a":2}"#]
        );
        assert_eq!(raw(".s"), ["a\n\"b"]);
        assert_eq!(raw("empty"), [""; 0]);
        assert_eq!(select(".s", message).unwrap()[0].json(), r#""a\n\"b""#);
        assert_eq!(select(".s", "nope"), Err("not JSON".to_owned()));
        assert_eq!(select("nan", "0"), Err("NaN is not JSON".to_owned()));
        assert!(select(".s.x", message).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_filter_and_no_message_panics(
            filter in "(\\.[a-z]{0,2}|[\\[\\](){}|,:;\"\\\\.?+*/=<>$@ -]|[0-9a-z]{1,3}| as | and |\\\\\\(){0,12}",
            message in any::<String>(),
        ) {
            if let Ok(pattern) = Jq::compile(&format!(".{filter}")).map(Pattern::jq) {
                // A filter may not terminate (`repeat`); the generated names are too short for one.
                let _ = pattern.matches(&message);
                let _ = pattern.matches(r#"{"a":[1,"x",null]}"#);
            }
        }
    }
}

/// A naive implementation of subset matching, on a tree of values.
fn contains(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => want
            .iter()
            .all(|(key, want)| got.get(key).is_some_and(|got| contains(want, got))),
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| contains(want, got))
        }
        (Value::Number(want), Value::Number(got)) => want.as_f64() == got.as_f64(),
        _ => want == got,
    }
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(members) if !members.is_empty() => members.values().map(leaves).sum(),
        Value::Array(items) if !items.is_empty() => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        (-6_i64..6).prop_map(|halves| Value::from(halves as f64 / 2.0)),
        "[ab\"\\\\\u{0}\u{e9}\u{1f600}]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[ab\"\u{e9}]{0,1}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A part of `whole` that a pattern must match: some members are removed, everything else is kept.
fn part(whole: &Value, drop: &mut impl FnMut() -> bool) -> Value {
    match whole {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|_| !drop())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect::<Vec<_>>()
                .into_iter()
                .map(|(key, value)| (key, part(&value, drop)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| part(item, drop)).collect()),
        leaf => leaf.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn subset_agrees_with_a_naive_oracle(want in json(), got in json(), pretty: bool) {
        // Wrapped in an object, so that any value can be a pattern.
        let (want, got) = (serde_json::json!({"w": want}), serde_json::json!({"w": got}));
        let message = if pretty { format!("{got:#}") } else { got.to_string() };
        prop_assert_eq!(matches(&want.to_string(), &message), contains(&want, &got));
    }

    #[test]
    fn every_part_of_a_message_matches_it(whole in json(), drops in prop::collection::vec(any::<bool>(), 32)) {
        let whole = serde_json::json!([whole]);
        let mut drops = drops.into_iter();
        let want = part(&whole, &mut || drops.next().unwrap_or(false));
        prop_assert!(matches(&want.to_string(), &whole.to_string()));
    }

    #[test]
    fn the_score_never_exceeds_the_leaves(want in json(), got in json()) {
        let (want, got) = (serde_json::json!([want]), serde_json::json!([got]));
        if let MatchResult::Mismatch(found) = pattern(&want.to_string()).matches(&got.to_string()) {
            prop_assert!(found.equal < leaves(&want) || !contains(&want, &got));
            prop_assert!(found.equal <= leaves(&want));
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>(), message in any::<String>()) {
        if let Ok(pattern) = Pattern::parse(&text) {
            let _ = pattern.matches(&message);
            prop_assert_eq!(pattern.as_str(), text);
        }
    }

    #[test]
    fn no_text_that_looks_like_json_panics(
        text in "[\\[{][\\[\\]{}\",:0-9a-e\\\\.+ -]{0,20}",
        message in "[\\[{][\\[\\]{}\",:0-9a-e\\\\.+ -]{0,20}",
    ) {
        if let Ok(pattern) = Pattern::parse(&text) {
            let _ = pattern.matches(&message);
            prop_assert!(pattern.is_match(&text));
        }
    }
}

#[test]
fn a_binary_message_matches_by_its_bytes_or_its_text() {
    let binary = MessageContent::Binary;
    let result = |pattern: &Pattern, message| {
        let result = pattern.matches(message);
        assert_eq!(result == MatchResult::Match, pattern.is_match(message));
        result
    };
    assert_eq!(
        result(&pattern("hex:ff 00"), binary(b"\xff\0")),
        MatchResult::Match
    );
    assert_eq!(result(&pattern("hi"), binary(b"hi")), MatchResult::Match);
    for form in ["hi", "{}", "/./", ".a"] {
        let Ok(pattern) = Pattern::parse(form) else {
            continue;
        };
        assert_eq!(
            result(&pattern, binary(b"\xff")),
            MatchResult::Unreadable,
            "{form}"
        );
    }
    let only = Pattern::binary("68 ??").unwrap();
    assert_eq!(only.as_str(), "hex 68 ??");
    assert_eq!(result(&only, binary(b"hi")), MatchResult::Match);
    let MatchResult::Mismatch(mismatch) = result(&only, MessageContent::Text("hi")) else {
        panic!("a text matches {only}");
    };
    assert_eq!(mismatch.why, "expected a binary message, got a text");
}
