//! The man pages and completion scripts that are checked in are those that the command line's
//! definition makes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn man_pages_and_completions_are_up_to_date() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut expected = BTreeSet::new();
    for (name, content) in wsprobe::generate::files().unwrap() {
        let found = fs::read(top.join(&name)).unwrap_or_default();
        assert!(
            found == content,
            "{name} is out of date: run `cargo run --example generate`"
        );
        expected.insert(name);
    }
    for folder in ["man", "completions"] {
        for entry in fs::read_dir(top.join(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().display());
            assert!(
                expected.contains(&name),
                "{name} is made by nothing: remove it"
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
