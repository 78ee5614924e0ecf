//! The man pages, completion scripts and chapters that are checked in are those that `cargo run --example generate`
//! writes, and say what the program does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wsprobe::exit::Exit;
use wsprobe::manual::Topic;

#[path = "../../examples/generate/files/mod.rs"]
mod files;

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

#[test]
fn the_chapter_on_json_names_every_event_and_field_of_the_schema() {
    let schema = include_str!("../../schema/events.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let text = Topic::find("json").unwrap().text(false);
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    let mut names = Vec::new();
    collect_names(&schema["$defs"], &mut names);
    assert!(names.len() > 60, "{names:?}");
    for name in names {
        assert!(
            words.contains(&name.as_str()),
            "{name} is not in manual/json.md"
        );
    }
}

/// The names of events and of all fields.
fn collect_names(schema: &serde_json::Value, names: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        return;
    };
    if let Some(properties) = object.get("properties").and_then(|value| value.as_object()) {
        names.extend(properties.keys().cloned());
        let event = properties
            .get("event")
            .and_then(|event| event["const"].as_str());
        names.extend(event.map(str::to_owned));
    }
    for value in object.values() {
        collect_names(value, names);
    }
}
