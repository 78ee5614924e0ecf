//! JSON Schema as a pattern: `schema:FILE`, and `<schema` in check files.

use crate::harness::{Probe, Server};

const ORDER: &str = r#"{
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "lines": {"type": "array", "items": {"$ref": "line.json"}}
    }
}"#;
const LINE: &str = r#"{"type": "object", "properties": {"sku": {"type": "string"}}, "additionalProperties": false}"#;

fn sends(message: &str) -> Server {
    Server::new()
        .accept()
        .expect_text("hi")
        .send_text(message)
        .close_when_asked()
}

/// The path of the schema, beside which a file is that it refers to.
fn schema(probe: &Probe) -> String {
    probe.file("line.json", LINE);
    probe.file("order.json", ORDER)
}

#[test]
fn a_message_is_validated_and_the_first_breach_is_named() {
    for (message, status, says) in [
        (r#"{"id":1,"lines":[{"sku":"a"}],"more":true}"#, 0, ""),
        (
            r#"{"id":1,"lines":[{"sku":"a"},{"sku":3}]}"#,
            1,
            ".lines[1].sku: expected string, got 3",
        ),
        (r#"{"id":"x"}"#, 1, ".id: expected integer, got \"x\""),
        (r#"{"lines":[]}"#, 1, ".: missing 'id'"),
        (
            r#"{"id":1,"lines":[{"a b":1}]}"#,
            1,
            ".lines[0]: unexpected 'a b'",
        ),
        (r#"{"id":0}"#, 1, ".id: must be >=1, but got 0"),
        ("[", 1, "not JSON"),
    ] {
        let server = sends(message);
        let probe = Probe::new(["send", &server.url(), "hi", "-w", "200ms"]);
        let pattern = format!("schema:{}", schema(&probe));
        probe
            .args(["--expect", &pattern])
            .stdout(format!("{message}\n"))
            .stderr_has(says)
            .status(status);
    }
}

#[test]
fn a_bad_schema_is_bad_usage() {
    for (text, says) in [
        (
            "{",
            "order.json is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (r#"{"type":"strnig"}"#, ".type: "),
        (
            r#"{"$ref":"https://example.com/x.json"}"#,
            "cannot load https://example.com/x.json: schemas are read from local files only",
        ),
        (
            r#"{"$ref":"missing.json"}"#,
            "missing.json: No such file or directory",
        ),
        (r##"{"$ref":"#/$defs/x"}"##, "$defs/x"),
        (
            r##"{"$ref":"#"}"##,
            "a reference leads back to itself: both ",
        ),
        (
            r##"{"anyOf":[{"type":"string"},{"$ref":"#"}]}"##,
            "a reference leads back to itself",
        ),
        (
            r##"{"properties":{"a/b %":{"$ref":"#/$defs/x"}},"$defs":{"x":{"allOf":[{"$ref":"#/$defs/x"}]}}}"##,
            "a reference leads back to itself",
        ),
        (
            r##"{"items":{"if":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/y"},"y":{"$ref":"#/$defs/x"}}}"##,
            "a reference leads back to itself",
        ),
        (
            r##"{"$dynamicAnchor":"a","$dynamicRef":"#a"}"##,
            "a reference leads back to itself",
        ),
    ] {
        let probe = Probe::new(["listen", "ws://127.0.0.1:1"]);
        let file = probe.file("order.json", text);
        probe
            .args(["--until", &format!("schema:{file}")])
            .stderr_has("is not a usable JSON Schema: ")
            .stderr_has(says)
            .status(2);
    }
}

/// A reference to a schema around it is no cycle as long as each step of it goes deeper into the message.
#[test]
fn a_schema_may_contain_itself() {
    let tree = r##"{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#"}},"$ref":{"const":{"$ref":"#"}}},"required":["id"]}"##;
    for (message, status) in [
        (r#"{"id":1,"children":[{"id":2,"children":[]}]}"#, 0),
        (r#"{"id":1,"children":[{"id":2,"children":[{}]}]}"#, 1),
    ] {
        let server = sends(message);
        let probe = Probe::new(["send", &server.url(), "hi", "-w", "200ms"]);
        let file = probe.file("tree.json", tree);
        probe
            .args(["--expect", &format!("schema:{file}")])
            .any_stdout()
            .any_stderr()
            .status(status);
    }
}

#[test]
fn a_check_file_finds_its_schemas_beside_it() {
    for (step, message, status, says) in [
        ("<schema order.json", r#"{"id":7}"#, 0, "1 test passed"),
        (
            "within 200ms <schema order.json",
            r#"{"id":0}"#,
            1,
            ".id: must be >=1, but got 0",
        ),
        ("<next schema:order.json", r#"{"id":7}"#, 0, "1 test passed"),
        (
            "never schema:order.json\n< /./",
            r#"{"id":7}"#,
            1,
            "'never schema:order.json' forbids",
        ),
        (
            "any-order\n<schema order.json\nend",
            r#"{"id":7}"#,
            0,
            "1 test passed",
        ),
        (
            "repeat 1\n<schema order.json\nend",
            r#"{"id":7}"#,
            0,
            "1 test passed",
        ),
        (
            "set name = order\n<schema {{name}}.json",
            r#"{"id":7}"#,
            0,
            "1 test passed",
        ),
    ] {
        let server = sends(message);
        let probe = Probe::new(["check"]);
        schema(&probe);
        let file = probe.file("x.wst", format!("connect {{{{base}}}}\n> hi\n{step}\n"));
        let base = format!("base={}", server.url());
        probe
            .args([&file, "--var", &base])
            .stdout_has(says)
            .status(status);
    }
    let probe = Probe::new(["check"]);
    let file = probe.file(
        "x.wst",
        "connect ws://127.0.0.1:1\n\n<schema nothing.json\n",
    );
    probe
        .args([&file])
        .stderr_has("x.wst:3: 'schema:nothing.json' is not a usable JSON Schema: cannot read ")
        .status(2);
}

#[test]
fn a_decoded_message_is_validated() {
    let server = Server::new()
        .accept()
        .send_binary(b"\x81\xa2id\x07")
        .close_when_asked();
    let probe = Probe::new(["listen", &server.url(), "--decode", "msgpack"]);
    let pattern = format!("schema:{}", schema(&probe));
    probe
        .args(["--until", &pattern])
        .stdout("{\"id\":7}\n")
        .status(0);
}
