//! The man pages, completion scripts and chapters that are checked in are those that `cargo run --example generate`
//! writes, and match the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use wsprobe::exit::Exit;
use wsprobe::manual::Topic;

#[path = "../../examples/generate/files/mod.rs"]
mod files;

use crate::harness::schema;
use files::chapter::{Block, Span};

#[test]
fn generated_files_are_up_to_date() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut expected = BTreeSet::new();
    for (name, content) in files::all().unwrap() {
        let found = fs::read(top.join(&name)).unwrap_or_default();
        assert!(
            found == content,
            "{name} is out of date: run `cargo run --example generate`"
        );
        expected.insert(name);
    }
    for folder in ["man", "completions", "manual"] {
        for entry in fs::read_dir(top.join(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().display());
            assert!(
                expected.contains(&name) || name.ends_with(".md"),
                "nothing generates {name}: remove it"
            );
        }
    }
}

#[test]
fn the_manual_and_the_changelog_name_the_same_version_and_date() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(top.join("man/wsprobe.1")).unwrap();
    let title: Vec<&str> = page.lines().next().unwrap().split('"').collect();
    let (date, version) = (title[1], title[3].trim_start_matches("wsprobe "));
    let changelog = fs::read_to_string(top.join("CHANGELOG.md")).unwrap();
    let heading = format!("\n## [{version}] - {date}\n");
    assert!(
        changelog.contains(&heading),
        "CHANGELOG.md lacks {heading:?}"
    );
}

#[test]
fn every_exit_status_has_its_line_and_no_line_is_without_one() {
    let chapter = files::chapter(Topic::find("exit-codes").unwrap()).unwrap();
    let mut documented = Vec::new();
    for block in &chapter.blocks {
        if let Block::Item { term, .. } = block {
            let term: String = term.iter().map(Span::text).collect();
            let codes = term.split(", ").map(|code| code.parse::<u8>().unwrap());
            documented.extend(codes);
        }
    }
    let mut all: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
    documented.sort_unstable();
    all.sort_unstable();
    assert_eq!(documented, all);
}

/// The chapter lists each event with exactly its fields.
#[test]
fn the_chapter_on_json_has_the_events_and_fields_of_the_schema() {
    const VERBS: [&str; 5] = ["audit", "check", "ping", "proxy", "serve"];
    let schema = include_str!("../../schema/events.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let chapter = files::chapter(Topic::find("json").unwrap()).unwrap();
    let mut events = BTreeSet::new();
    let mut common = BTreeSet::new();
    for block in &chapter.blocks {
        let Block::Item { term, text } = block else {
            continue;
        };
        let terms = codes(term);
        if !terms.is_subset(&schema::kinds().collect()) {
            common.extend(terms);
            continue;
        }
        let mut fields = BTreeSet::new();
        for event in &terms {
            collect_fields(&schema, &schema["$defs"][event], &mut fields);
        }
        let fields: BTreeSet<String> = fields.difference(&common).cloned().collect();
        let mut named = codes(text);
        named.retain(|name| fields.contains(name) || !VERBS.contains(&name.as_str()));
        assert_eq!(named, fields, "{terms:?}");
        events.extend(terms);
    }
    assert_eq!(events, schema::kinds().collect());
    assert_eq!(
        common,
        ["v", "event", "ts", "t", "conn"].map(str::to_owned).into()
    );
}

/// The single words formatted as code.
fn codes(spans: &[Span]) -> BTreeSet<String> {
    let is_word = |code: &String| {
        code.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let codes = spans.iter().filter_map(|span| match span {
        Span::Code(code) => Some(code.clone()),
        _ => None,
    });
    codes.filter(is_word).collect()
}

/// The names of all fields, including those of nested objects.
fn collect_fields(schema: &Value, part: &Value, fields: &mut BTreeSet<String>) {
    if let Some(name) = part["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        collect_fields(schema, &schema["$defs"][name], fields);
    }
    if part["items"].is_object() {
        collect_fields(schema, &part["items"], fields);
    }
    for (name, field) in part["properties"].as_object().into_iter().flatten() {
        fields.insert(name.clone());
        collect_fields(schema, field, fields);
    }
}
