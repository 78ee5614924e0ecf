//! Generates `schema/events.schema.json` from the types of the events.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::event_types::{HeaderFields, Ms, WholeMs, each_schema};

const FILE: &str = "schema/events.schema.json";

impl JsonSchema for Ms {
    fn schema_name() -> Cow<'static, str> {
        "Ms".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0})
    }
}

impl JsonSchema for WholeMs {
    fn schema_name() -> Cow<'static, str> {
        "WholeMs".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0})
    }
}

impl JsonSchema for HeaderFields {
    fn schema_name() -> Cow<'static, str> {
        "Fields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Header fields: names in lower case, values of one name joined with a comma, credentials masked.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        })
    }
}

/// One of the events, each of which is a definition by its name, or one that is not known yet.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let mut events = Vec::new();
    each_schema(&mut generator, |name, description, mut line| {
        line.insert("description".to_owned(), description);
        line.ensure_object()["properties"]["event"] = json!({"const": name});
        events.push((name, line.to_value()));
    });
    let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
    let mut one_of: Vec<Value> = names
        .iter()
        .map(|name| json!({"$ref": format!("#/$defs/{name}")}))
        .collect();
    let (_, any) = events.first().expect("an event");
    let mut unknown = json!({
        "description": "An event that this version does not know.",
        "type": "object",
        "required": ["v", "event", "ts", "t", "conn"],
        "properties": {"event": {"type": "string", "not": {"enum": names}}},
    });
    for common in ["v", "ts", "t", "conn"] {
        unknown["properties"][common] = any["properties"][common].clone();
    }
    tidy(&mut unknown);
    one_of.push(unknown);
    let mut definitions = generator.take_definitions(true);
    definitions.extend(
        events
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), schema)),
    );
    let mut definitions = Value::Object(definitions);
    tidy(&mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events of wsprobe",
        "description": "One line of wsprobe --json or of the file that --log names. Consumers ignore events and \
            fields that they do not know: both are added over time, and what is there keeps its name and meaning.",
        "oneOf": one_of,
        "$defs": definitions,
    })
}

/// Takes away what schemars adds for types that are read: a field that may be missing is never null, and `format` names
/// types of Rust.
fn tidy(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("format").is_some_and(Value::is_string) {
        object.remove("format");
    }
    let required = object.get("required").cloned().unwrap_or(json!([]));
    let is_required = |name: &String| {
        required
            .as_array()
            .is_some_and(|all| all.contains(&json!(name)))
    };
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
            deny_null(property);
        }
    }
    object.values_mut().for_each(tidy);
}

/// Of a type and null, or of one of several schemas and null, leaves the first.
fn deny_null(property: &mut Value) {
    let Some(object) = property.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = &types[..] {
            object["type"] = only.clone();
        }
    }
    if let Some(Value::Array(mut any)) = object.remove("anyOf") {
        any.retain(|one| one["type"] != "null");
        if let [Value::Object(only)] = &any[..] {
            object.extend(only.clone());
        } else {
            object.insert("anyOf".to_owned(), any.into());
        }
    }
}

/// `UPDATE_SCHEMA=1 cargo test --lib schema` writes the file.
#[test]
fn the_published_schema_is_that_of_the_events() {
    let schema = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &schema).expect("a schema that can be written");
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        schema == published,
        "{FILE} is out of date: run `UPDATE_SCHEMA=1 cargo test --lib schema`"
    );
}
