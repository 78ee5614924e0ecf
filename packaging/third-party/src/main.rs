//! Prints the licences of everything that the binary contains, for those who pass it on:
//! `packaging/licences > THIRD-PARTY.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Error, Write};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn main() -> io::Result<()> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let inside = inside(&metadata);
    // Many crates carry the same words: each text once, below the names of those that carry it.
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "wsprobe contains these libraries, under the licences below.\n"
    )?;
    for package in packages
        .iter()
        .filter(|package| inside.contains(text(&package["id"])))
    {
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        writeln!(out, "{name}: {}", text(&package["license"]))?;
        for licence in licences(Path::new(text(&package["manifest_path"])))? {
            texts.entry(licence).or_default().insert(name.clone());
        }
    }
    for (licence, names) in texts {
        let names: Vec<String> = names.into_iter().collect();
        writeln!(
            out,
            "\n{}\n{}\n\n{}",
            "-".repeat(78),
            names.join(", "),
            licence.trim()
        )?;
    }
    out.flush()
}

fn metadata() -> io::Result<Value> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .arg("--manifest-path")
        .arg(manifest)
        .output()?;
    if !output.status.success() {
        return Err(Error::other(String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(Error::other)
}

/// The ids of the packages that wsprobe is linked with, on any system: neither its own nor those that
/// only tests and build scripts need.
fn inside(metadata: &Value) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array();
    let nodes: BTreeMap<&str, &Value> = nodes
        .into_iter()
        .flatten()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let root = text(&metadata["resolve"]["root"]);
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        let Some(node) = nodes.get(id) else { continue };
        for needed in node["deps"].as_array().into_iter().flatten() {
            let kinds = needed["dep_kinds"].as_array();
            let is_linked =
                kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()));
            let id = text(&needed["pkg"]);
            if is_linked && found.insert(id.to_owned()) {
                open.push(id);
            }
        }
    }
    found
}

/// The texts that lie beside a package's manifest.
fn licences(manifest: &Path) -> io::Result<Vec<String>> {
    let Some(folder) = manifest.parent() else {
        return Ok(Vec::new());
    };
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        let is_licence = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"]
            .iter()
            .any(|word| name.starts_with(word));
        if is_licence && path.is_file() {
            texts.push(fs::read_to_string(path)?);
        }
    }
    Ok(texts)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
