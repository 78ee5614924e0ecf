//! Validates every line of `--json` and `--log` in a test against `schema/events.schema.json`.
//!
//! The schema allows additional events and fields, for compatibility. The tests use a strict version
//! that rejects everything that the schema does not name.

use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

const URL: &str = "https://wsprobe.test/events.schema.json";

static PUBLISHED: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../schema/events.schema.json")).unwrap()
});

static COMPILED: LazyLock<Compiled> = LazyLock::new(Compiled::new);

/// The published schema, and the strict schema of each kind of event.
struct Compiled {
    schemas: Schemas,
    published: SchemaIndex,
    strict: Vec<(String, SchemaIndex)>,
}

impl Compiled {
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let published = compile(&mut schemas, "published", PUBLISHED.clone(), "");
        let mut closed = PUBLISHED.clone();
        close(&mut closed);
        let strict = kinds().map(|kind| {
            let part = format!("#/$defs/{kind}");
            let index = compile(&mut schemas, &kind, closed.clone(), &part);
            (kind, index)
        });
        let strict = strict.collect();
        Self {
            schemas,
            published,
            strict,
        }
    }
}

fn compile(schemas: &mut Schemas, name: &str, schema: Value, part: &str) -> SchemaIndex {
    let mut compiler = Compiler::new();
    let url = format!("{URL}/{name}");
    compiler.add_resource(&url, schema).unwrap();
    compiler.compile(&format!("{url}{part}"), schemas).unwrap()
}

/// Forbids other properties in every object that names properties.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("properties").is_some_and(Value::is_object)
                && object.contains_key("description")
            {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// The kinds of events that the schema names.
pub fn kinds() -> impl Iterator<Item = String> {
    let references = PUBLISHED["oneOf"].as_array().unwrap().iter();
    references
        .filter_map(|one| one["$ref"].as_str()?.strip_prefix("#/$defs/"))
        .map(str::to_owned)
}

/// The error of a line of `--json`, if it is invalid.
pub fn mismatch(line: &str) -> Option<String> {
    let event: Value = match serde_json::from_str(line) {
        Ok(event) => event,
        Err(error) => return Some(format!("no JSON ({error}): {line}")),
    };
    let compiled = &*COMPILED;
    let kind = event["event"].as_str().unwrap_or_default();
    let Some((_, strict)) = compiled.strict.iter().find(|(name, _)| name == kind) else {
        return Some(format!("an event that the schema does not name: {line}"));
    };
    [*strict, compiled.published]
        .into_iter()
        .find_map(|schema| compiled.schemas.validate(&event, schema).err())
        .map(|error| format!("{error}\n  in {line}"))
}
