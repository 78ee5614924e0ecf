use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const LIMIT: usize = 1 << 20;

fn decoder(format: &str) -> MessageDecoder {
    let format = DecodeFormat::parse(format).unwrap_or_else(|why| panic!("{format}: {why}"));
    MessageDecoder::new(&format, LIMIT)
}

fn decode(format: &str, message: &[u8]) -> Decoding {
    decoder(format).decode(Bytes::copy_from_slice(message))
}

/// The text of a message, or why it could not be decoded.
fn text(format: &str, message: &[u8]) -> Result<String, String> {
    match decode(format, message) {
        Decoding::Text { text, bytes } => {
            assert_eq!(bytes, message);
            Ok(text)
        }
        Decoding::Failed { bytes, why } => {
            assert_eq!(bytes, message);
            Err(why.unwrap())
        }
        other => panic!("{format}: {other:?}"),
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The messages of a zlib stream, each flushed.
fn zlib_stream(contents: &[&str]) -> Vec<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let flushed = contents.iter().map(|content| {
        encoder.write_all(content.as_bytes()).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    });
    flushed.collect()
}

#[test]
fn formats_are_named_in_their_order() {
    for format in [
        "gzip",
        "json",
        "gzip, json",
        "zlib-stream,json",
        "zlib,gzip",
    ] {
        assert_eq!(decoder(format).format().to_string(), format);
    }
    for (format, why) in [
        ("", "unknown format ''"),
        ("gz", "unknown format 'gz' (formats: zlib-stream, "),
        ("gzpi", "unknown format 'gzpi'; did you mean 'gzip'?"),
        ("json,", "'json' must be the last format, found '' after it"),
        (
            "json,gzip",
            "'json' must be the last format, found 'gzip' after it",
        ),
        ("gzip,zlib-stream", "'zlib-stream' must be the first format"),
    ] {
        let error = DecodeFormat::parse(format).unwrap_err();
        assert!(
            error.starts_with(why) || format.ends_with(','),
            "{format}: {error}"
        );
    }
}

#[test]
fn a_missing_feature_is_named() {
    for (format, has) in [
        ("zstd", cfg!(feature = "zstd")),
        ("zstd-stream", cfg!(feature = "zstd")),
        ("msgpack", cfg!(feature = "msgpack")),
        ("cbor", cfg!(feature = "cbor")),
    ] {
        let feature = format.trim_end_matches("-stream");
        let missing = format!("this build has no {feature} support (cargo feature \"{feature}\")");
        match DecodeFormat::parse(format) {
            Ok(_) => assert!(has, "{format}"),
            Err(why) => assert!(!has && why == missing, "{why}"),
        }
    }
}

#[test]
fn compressed_messages_are_whole() {
    let json = br#"{"a":[1,2,3]}"#;
    for (format, message) in [
        ("gzip", gzip(json)),
        ("gzip", [gzip(b"{\"a\":"), gzip(b"[1,2,3]}")].concat()),
        ("zlib", zlib(json)),
        ("deflate", deflate(json)),
        ("gzip,zlib,json", gzip(&zlib(json))),
        ("json", json.to_vec()),
    ] {
        assert_eq!(
            text(format, &message).as_deref(),
            Ok(r#"{"a":[1,2,3]}"#),
            "{format}"
        );
    }
    for (format, message, why) in [
        ("gzip", json.to_vec(), "invalid gzip header"),
        (
            "gzip",
            gzip(json)[..20].to_vec(),
            "the compressed content is incomplete",
        ),
        (
            "zlib",
            [&zlib(json)[..], b"x"].concat(),
            "data after the end of the compressed content",
        ),
        (
            "deflate",
            deflate(b"\xff"),
            "the content is not UTF-8 text at byte 0",
        ),
        ("json", b"{".to_vec(), "the text is not JSON"),
    ] {
        let error = text(format, &message).unwrap_err();
        assert!(error.contains(why), "{format}: {error}");
        assert!(error.contains("it is shown as received"), "{error}");
    }
}

#[test]
fn what_comes_out_is_limited() {
    let bomb = gzip(&vec![b' '; LIMIT + 1]);
    assert!(bomb.len() < 2000);
    assert_eq!(decode("gzip", &bomb), Decoding::TooLarge);
    assert_eq!(
        decode("gzip,zlib", &gzip(&zlib(&vec![b' '; LIMIT + 1]))),
        Decoding::TooLarge
    );
    let fits = gzip(&vec![b' '; LIMIT]);
    assert!(text("gzip", &fits).is_ok());
    let stream = zlib_stream(&[&" ".repeat(LIMIT + 1)]);
    assert_eq!(decode("zlib-stream", &stream[0]), Decoding::TooLarge);
}

#[test]
fn a_stream_goes_on_over_messages_and_one_may_take_several() {
    let messages = zlib_stream(&["one", "two two two", "three"]);
    let mut decoder = decoder("zlib-stream");
    let mut push = |part: &[u8]| decoder.decode(Bytes::copy_from_slice(part));
    let whole = |bytes: &[u8], text: &str| Decoding::Text {
        bytes: Bytes::copy_from_slice(bytes),
        text: text.to_owned(),
    };
    assert_eq!(push(&messages[0]), whole(&messages[0], "one"));
    let (last, rest) = messages[1].split_last().unwrap();
    for byte in rest {
        assert_eq!(push(&[*byte]), Decoding::Incomplete);
    }
    assert_eq!(push(&[*last]), whole(&messages[1], "two two two"));
    assert_eq!(push(&messages[2][..3]), Decoding::Incomplete);
    assert_eq!(
        decoder.finish(),
        Some(Bytes::copy_from_slice(&messages[2][..3]))
    );
}

#[test]
fn a_broken_stream_is_reported_once() {
    let messages = zlib_stream(&["one", "two"]);
    let mut decoder = decoder("zlib-stream");
    let mut push = |part: &[u8]| decoder.decode(Bytes::copy_from_slice(part));
    assert!(matches!(push(&messages[0]), Decoding::Text { .. }));
    let Decoding::Failed {
        bytes,
        why: Some(why),
    } = push(b"\xff\xff\xff\xff")
    else {
        panic!("the stream goes on");
    };
    assert_eq!(bytes, &b"\xff\xff\xff\xff"[..]);
    let at = format!(
        "in the message that began at byte {} of the stream",
        messages[0].len()
    );
    assert!(
        why.contains(&at) && why.ends_with("later messages are not decoded either"),
        "{why}"
    );
    let after = push(&messages[1]);
    assert!(
        matches!(after, Decoding::Failed { why: None, .. }),
        "{after:?}"
    );
    assert_eq!(decoder.failures(), 2);
}

#[cfg(feature = "zstd")]
mod zstandard {
    use zstd_safe::{CCtx, InBuffer, OutBuffer, compress};

    use super::*;

    fn zstd(content: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(content.len() + 1000);
        compress(&mut out, content, 3).unwrap();
        out
    }

    fn zstd_stream(contents: &[&str]) -> Vec<Vec<u8>> {
        let mut context = CCtx::create();
        let flushed = contents.iter().map(|content| {
            let mut out = Vec::with_capacity(content.len() + 1000);
            let mut output = OutBuffer::around(&mut out);
            let mut input = InBuffer::around(content.as_bytes());
            context.compress_stream(&mut output, &mut input).unwrap();
            assert_eq!(context.flush_stream(&mut output), Ok(0));
            out
        });
        flushed.collect()
    }

    #[test]
    fn a_message_is_whole() {
        assert_eq!(text("zstd", &zstd(b"hello")).as_deref(), Ok("hello"));
        let two = [zstd(b"a"), zstd(b"b")].concat();
        assert_eq!(text("zstd", &two).as_deref(), Ok("ab"));
        assert!(text("zstd", &zstd(b"hello")[..8]).is_err());
        assert!(text("zstd", b"hello").is_err());
        assert_eq!(
            decode("zstd", &zstd(&vec![0; LIMIT + 1])),
            Decoding::TooLarge
        );
    }

    #[test]
    fn a_stream_is_flushed_after_each_message() {
        let messages = zstd_stream(&["one", "two two two", "three"]);
        let mut decoder = decoder("zstd-stream");
        let mut push = |part: &[u8]| decoder.decode(Bytes::copy_from_slice(part));
        for (message, content) in messages.iter().zip(["one", "two two two"]) {
            let (first, second) = message.split_at(message.len() / 2);
            assert_eq!(push(first), Decoding::Incomplete);
            let Decoding::Text { bytes, text } = push(second) else {
                panic!("no message");
            };
            assert_eq!((&bytes[..], &*text), (&message[..], content));
        }
        assert!(matches!(push(b"\xff\xff\xff\xff"), Decoding::Failed { .. }));
    }
}

#[cfg(feature = "msgpack")]
#[test]
fn msgpack_becomes_json() {
    for (message, json) in [
        (&b"\xc0"[..], "null"),
        (b"\x07", "7"),
        (b"\xff", "-1"),
        (
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            "18446744073709551615",
        ),
        (b"\xd3\x80\0\0\0\0\0\0\0", "-9223372036854775808"),
        (b"\xca\x3d\xcc\xcc\xcd", "0.1"),
        (b"\xcb\x7f\xf8\0\0\0\0\0\0", "null"),
        (b"\xa2h\"", r#""h\"""#),
        (b"\xa1\xff", r#""/w==""#),
        (b"\xc4\x03\0\xff\x10", r#""AP8Q""#),
        (b"\x92\xc3\xc2", "[true,false]"),
        (b"\x82\xa1a\x01\x02\x90", r#"{"a":1,"2":[]}"#),
        (b"\x81\x91\xa1a\x01", r#"{"[\"a\"]":1}"#),
        (b"\xd6\xff\0\0\0\x01", r#""1970-01-01T00:00:01Z""#),
        (
            b"\xd7\xff\x77\x35\x94\0\0\0\0\x01",
            r#""1970-01-01T00:00:01.500000000Z""#,
        ),
        (
            b"\xc7\x0c\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
            r#"{"ext":-1,"data":"AAAAAP//////////"}"#,
        ),
        (b"\xd4\x05\x01", r#"{"ext":5,"data":"AQ=="}"#),
    ] {
        assert_eq!(text("msgpack", message).as_deref(), Ok(json), "{message:?}");
    }
    for (message, why) in [
        (&b""[..], "unexpected end at byte 0"),
        (b"\xc1", "unused marker c1 at byte 0"),
        (b"\x92\x01", "unexpected end at byte 2"),
        (b"\xdd\xff\xff\xff\xff", "unexpected end at byte 5"),
        (b"\xc6\xff\xff\xff\xffx", "unexpected end at byte 6"),
        (b"\x01\x02", "data after the value at byte 1"),
        (&[0x91; 10_000], "nested deeper than 120 levels at byte 120"),
        (
            &[0x81; 10_000],
            "maps as keys of maps nested deeper than 4 levels",
        ),
    ] {
        let error = text("msgpack", message).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[cfg(feature = "cbor")]
#[test]
fn cbor_becomes_json() {
    for (message, json) in [
        (&b"\xf6"[..], "null"),
        (b"\xf7", "null"),
        (b"\xf0", r#"{"simple":16}"#),
        (
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
            "18446744073709551615",
        ),
        (
            b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
            "-18446744073709551616",
        ),
        (b"\xc2\x49\x01\0\0\0\0\0\0\0\0", "18446744073709551616"),
        (b"\xc3\x49\x01\0\0\0\0\0\0\0\0", "-18446744073709551617"),
        (b"\xc2\x40", "0"),
        (b"\xf9\x3e\0", "1.5"),
        (b"\xf9\x7e\0", "null"),
        (b"\x42\0\xff", r#""AP8=""#),
        (b"\x5f\x41\0\x41\xff\xff", r#""AP8=""#),
        (b"\x7f\x61a\x61b\xff", r#""ab""#),
        (b"\x9f\x01\x82\x02\x03\xff", "[1,[2,3]]"),
        (b"\xbf\x61a\x01\x02\xf5\xff", r#"{"a":1,"2":true}"#),
        (b"\xd9\xd9\xf7\xa0", "{}"),
        (
            b"\xc1\x1a\x51\x4b\x67\xb0",
            r#"{"tag":1,"value":1363896240}"#,
        ),
    ] {
        assert_eq!(text("cbor", message).as_deref(), Ok(json), "{message:?}");
    }
    for (message, why) in [
        (&b""[..], "unexpected end at byte 0"),
        (b"\xff", "unexpected break"),
        (b"\x82\x01", "unexpected end at byte 2"),
        (
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            "unexpected end at byte 9",
        ),
        (
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xffx",
            "unexpected end at byte 10",
        ),
        (b"\x62\xff\xff", "not CBOR at byte"),
        (b"\xa1\x01\xff", "unexpected break"),
        (b"\x01\x02", "data after the value at byte 1"),
        (&[0x81; 10_000], "nested deeper than 120 levels"),
        (&[0xc1; 10_000], "nested deeper than 120 levels"),
    ] {
        let error = text("cbor", message).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[cfg(all(feature = "msgpack", feature = "cbor"))]
mod properties {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|members| Value::Object(Map::from_iter(members))),
            ]
        })
    }

    fn msgpack(value: &Value, out: &mut Vec<u8>) {
        use rmp::encode::*;
        match value {
            Value::Null => write_nil(out).unwrap(),
            Value::Bool(value) => write_bool(out, *value).unwrap(),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => write_uint(out, number).map(drop).unwrap(),
                (_, Some(number), _) => write_sint(out, number).map(drop).unwrap(),
                (.., number) => write_f64(out, number.unwrap()).unwrap(),
            },
            Value::String(text) => write_str(out, text).unwrap(),
            Value::Array(elements) => {
                write_array_len(out, elements.len() as u32).unwrap();
                elements.iter().for_each(|element| msgpack(element, out));
            }
            Value::Object(members) => {
                write_map_len(out, members.len() as u32).unwrap();
                for (key, member) in members {
                    write_str(out, key).unwrap();
                    msgpack(member, out);
                }
            }
        }
    }

    fn cbor(value: &Value, out: &mut Vec<u8>) {
        use ciborium_ll::{Encoder, Header, simple};
        let mut push = |header| {
            let mut head = [0; 9];
            let mut rest = &mut head[..];
            Encoder::from(&mut rest).push(header).unwrap();
            let size = 9 - rest.len();
            out.extend_from_slice(&head[..size]);
        };
        match value {
            Value::Null => push(Header::Simple(simple::NULL)),
            Value::Bool(true) => push(Header::Simple(simple::TRUE)),
            Value::Bool(false) => push(Header::Simple(simple::FALSE)),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => push(Header::Positive(number)),
                (_, Some(number), _) => push(Header::Negative(!number as u64)),
                (.., number) => push(Header::Float(number.unwrap())),
            },
            Value::String(text) => {
                push(Header::Text(Some(text.len())));
                out.extend_from_slice(text.as_bytes());
            }
            Value::Array(elements) => {
                push(Header::Array(Some(elements.len())));
                elements.iter().for_each(|element| cbor(element, out));
            }
            Value::Object(members) => {
                push(Header::Map(Some(members.len())));
                for (key, member) in members {
                    cbor(&json!(key), out);
                    cbor(member, out);
                }
            }
        }
    }

    fn encoded(value: &Value) -> [(&'static str, Vec<u8>); 2] {
        let (mut packed, mut concise) = (Vec::new(), Vec::new());
        msgpack(value, &mut packed);
        cbor(value, &mut concise);
        [("msgpack", packed), ("cbor", concise)]
    }

    /// Whatever the bytes are, what comes out is JSON within the limit.
    fn holds(format: &str, message: &[u8], limit: usize) {
        let format = DecodeFormat::parse(format).unwrap();
        let decoding = MessageDecoder::new(&format, limit).decode(Bytes::copy_from_slice(message));
        if let Decoding::Text { text, .. } = decoding {
            assert!(text.len() <= limit);
            assert!(is_json(&text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn encoded_and_decoded_values_are_equal(value in value()) {
            for (format, message) in encoded(&value) {
                prop_assert_eq!(text(format, &message), Ok(value.to_string()), "{}", format);
            }
        }

        #[test]
        fn cut_and_corrupt_messages_are_harmless(value in value(), flip in 1_u8..) {
            for (format, message) in encoded(&value) {
                for at in 0..message.len() {
                    holds(format, &message[..at], 200);
                    let mut corrupt = message.clone();
                    corrupt[at] ^= flip;
                    holds(format, &corrupt, 200);
                }
            }
        }

        #[test]
        fn any_bytes_are_harmless(message in prop::collection::vec(any::<u8>(), 0..200)) {
            for format in ["msgpack", "cbor", "gzip,json", "zlib-stream,json", "deflate,msgpack"] {
                holds(format, &message, 300);
            }
        }
    }
}
