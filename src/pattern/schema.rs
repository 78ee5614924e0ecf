//! Patterns that validate a message by a JSON Schema (`schema:FILE`), of draft 2020-12 unless `$schema` names another.
//!
//! The file and the local files that it refers to are read once, when the pattern is compiled. Nothing is read from the
//! network.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use boon::{
    CompileError, Compiler, ErrorKind, InstanceLocation, InstanceToken, SchemaIndex, Schemas,
    UrlLoader, ValidationError,
};
use serde_json::{Value, json};
use url::Url;

use super::Mismatch;
use super::json::{JsonPath, PathStep, excerpt};
use crate::named_file::{self, ReadLimits};
use crate::secret::io_text;

/// A compiled schema.
#[derive(Clone)]
pub(super) struct SchemaPattern(Arc<CompiledSchema>);

struct CompiledSchema {
    schemas: Schemas,
    root: SchemaIndex,
}

impl fmt::Debug for SchemaPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SchemaPattern")
    }
}

impl SchemaPattern {
    /// Reads and compiles a schema; the error is the reason.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let content = read_json(path)?;
        let shown = path.display();
        let location = std::path::absolute(path)
            .ok()
            .and_then(|path| Url::from_file_path(path).ok())
            .ok_or_else(|| format!("invalid path {shown}"))?;
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(LocalFiles));
        let mut schemas = Schemas::new();
        compiler
            .add_resource(location.as_str(), content.clone())
            .map_err(|error| explain(&error))?;
        let root = compiler
            .compile(location.as_str(), &mut schemas)
            .map_err(|error| explain(&error))?;
        if let Some(cycle) = find_cycle(&mut compiler, &location, &content) {
            return Err(cycle);
        }
        Ok(Self(Arc::new(CompiledSchema { schemas, root })))
    }

    /// Whether a message is valid.
    pub(super) fn is_match(&self, message: &str) -> bool {
        self.mismatch(message).is_none()
    }

    /// The first place of a message that breaks the schema.
    pub(super) fn mismatch(&self, message: &str) -> Option<Mismatch> {
        let Ok(message) = serde_json::from_str::<Value>(message) else {
            return Some(Mismatch::new("not JSON"));
        };
        let CompiledSchema { schemas, root } = &*self.0;
        let error = schemas.validate(&message, *root).err()?;
        Some(Mismatch {
            why: breach(&error, Some(&message)),
            equal: 1,
        })
    }
}

/// Why a reference of the file leads back to itself. The library notices that only while it validates, so each schema
/// with a reference validates one value of each type.
fn find_cycle(compiler: &mut Compiler, location: &Url, content: &Value) -> Option<String> {
    let samples = [
        json!(null),
        json!(true),
        json!(1),
        json!("a"),
        json!([]),
        json!({}),
    ];
    let mut schemas = Schemas::new();
    let mut places = Vec::new();
    find_references(content, String::new(), &mut places);
    places.into_iter().find_map(|place| {
        let mut location = location.clone();
        location.set_fragment(Some(&place));
        // What looks like a reference may be a value, as in `const`.
        let schema = compiler.compile(location.as_str(), &mut schemas).ok()?;
        let mut errors = samples
            .iter()
            .filter_map(|sample| schemas.validate(sample, schema).err());
        errors.find_map(|error| cycle_in(&error))
    })
}

/// The places of the objects that have a reference, as JSON pointers.
fn find_references(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                find_references(member, format!("{place}/{name}"), found);
            }
            if members.contains_key("$ref") || members.contains_key("$dynamicRef") {
                found.push(place);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_references(item, format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn cycle_in(error: &ValidationError<'_, '_>) -> Option<String> {
    match &error.kind {
        kind @ ErrorKind::RefCycle { .. } => {
            Some(format!("a reference leads back to itself: {kind}"))
        }
        _ => error.causes.iter().find_map(cycle_in),
    }
}

/// Loads what `$ref` and `$schema` name.
struct LocalFiles;

impl UrlLoader for LocalFiles {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        let path = Url::parse(url)
            .ok()
            .filter(|url| url.scheme() == "file")
            .and_then(|url| url.to_file_path().ok())
            .ok_or("schemas are read from local files only")?;
        Ok(read_json(&path)?)
    }
}

fn read_json(path: &Path) -> Result<Value, String> {
    let shown = path.display();
    let bytes = named_file::read(path, ReadLimits::default())
        .map_err(|error| format!("cannot read {shown}: {}", io_text(&error)))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{shown} is not JSON: {error}"))
}

/// Why a schema does not compile, and where.
fn explain(error: &CompileError) -> String {
    match error {
        CompileError::LoadUrlError { url, src } => format!("cannot load {url}: {src}"),
        CompileError::ValidationError { src, .. } => breach(src, None),
        error => error.to_string(),
    }
}

/// The path and the reason of the first error that has no further cause.
fn breach(error: &ValidationError<'_, '_>, message: Option<&Value>) -> String {
    let mut error = error;
    // The alternatives of anyOf and oneOf have a breach each: none of them is the reason.
    while let Some(first) = error.causes.first()
        && !matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_))
    {
        error = first;
    }
    let InstanceLocation { tokens } = &error.instance_location;
    let steps: Vec<PathStep<'_>> = tokens
        .iter()
        .map(|token| match token {
            InstanceToken::Prop(name) => PathStep::Key(name),
            InstanceToken::Item(index) => PathStep::Index(*index),
        })
        .collect();
    let value = message.and_then(|message| {
        tokens.iter().try_fold(message, |value, token| match token {
            InstanceToken::Prop(name) => value.get(&**name),
            InstanceToken::Item(index) => value.get(index),
        })
    });
    format!("{}: {}", JsonPath(&steps), reason(&error.kind, value))
}

fn reason(kind: &ErrorKind<'_, '_>, value: Option<&Value>) -> String {
    let got = || value.map_or_else(String::new, |value| format!(", got {}", shown(value)));
    match kind {
        ErrorKind::Type { want, .. } => {
            let types: Vec<String> = want.iter().map(|name| name.to_string()).collect();
            format!("expected {}{}", types.join(" or "), got())
        }
        ErrorKind::Const { want } => format!("expected {}{}", shown(want), got()),
        ErrorKind::Enum { want } => {
            let values: Vec<String> = want.iter().map(shown).collect();
            format!("expected one of {}{}", excerpt(&values.join(", ")), got())
        }
        ErrorKind::Required { want } => format!("missing {}", quoted(want)),
        ErrorKind::AdditionalProperties { got } => format!("unexpected {}", quoted(got)),
        kind => kind.to_string(),
    }
}

fn quoted(names: &[impl AsRef<str>]) -> String {
    let names = names.iter().map(|name| format!("'{}'", name.as_ref()));
    excerpt(&names.collect::<Vec<_>>().join(", "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        value => excerpt(&value.to_string()),
    }
}
