//! Compares `src/` with the module structure in docs/architecture.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

/// The modules from top to bottom: each may import only those below it.
const ORDER: [&str; 30] = [
    "main",
    "commands",
    "cli",
    "manual",
    "report",
    "repl",
    "audit",
    "recording",
    "server",
    "script",
    "session",
    "link",
    "output",
    "stop",
    "input",
    "event",
    "exit",
    "expectation",
    "rules",
    "connection",
    "template",
    "decode",
    "pattern",
    "signals",
    "endpoints",
    "nearest",
    "secret",
    "named_file",
    "readiness",
    "units",
];

/// The only modules, with their submodules, that may use each library.
const OWNERS: [(&str, &[&str]); 18] = [
    ("webpki", &["connection::tls"]),
    ("tokio_tungstenite", &["connection"]),
    ("rustls", &["connection::tls"]),
    ("h2", &["connection::http2"]),
    ("hyper", &["connection::http_request"]),
    ("http_body_util", &["connection::http_request"]),
    ("cookie_store", &["connection::cookies"]),
    ("rustyline", &["repl"]),
    ("termina", &["repl"]),
    ("unicode_segmentation", &["repl"]),
    ("clap", &["cli", "commands"]),
    ("jaq_core", &["pattern::jq"]),
    ("boon", &["pattern::schema"]),
    ("zstd_safe", &["decode::zstd"]),
    ("rmp", &["decode::msgpack"]),
    ("ciborium_ll", &["decode::cbor"]),
    ("toml", &["endpoints"]),
    ("jiff", &["units"]),
];

#[test]
fn imports_point_down() {
    let imports = imports();
    let rank = |module: &str| {
        let top = module.split("::").next();
        ORDER.iter().position(|name| Some(*name) == top)
    };
    let mut wrong = Vec::new();
    for (module, named) in &imports {
        let Some(own) = rank(module) else {
            wrong.push(format!("{module} has no place in the order"));
            continue;
        };
        let up = named
            .iter()
            .filter(|other| rank(other).is_some_and(|r| r < own));
        wrong.extend(up.map(|other| format!("{module} names {other}, which is above it")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_modules_name_each_other_in_a_circle() {
    let mut imports = imports();
    // A submodule may import the types of its parent module: both are one unit.
    for (module, named) in &mut imports {
        named.retain(|other| !module.starts_with(&format!("{other}::")));
    }
    // A module without imports from, or importers among, the remaining modules is not in a cycle: remove such
    // modules until nothing changes.
    loop {
        let before = imports.len();
        let left: BTreeSet<String> = imports.keys().cloned().collect();
        imports.retain(|_, named| named.iter().any(|other| left.contains(other)));
        let named: BTreeSet<String> = imports.values().flatten().cloned().collect();
        imports.retain(|module, _| named.contains(module));
        if imports.len() == before {
            break;
        }
    }
    assert!(imports.is_empty(), "a circle: {imports:#?}");
}

#[test]
fn each_library_is_named_where_it_belongs_and_nowhere_else() {
    let mut wrong = Vec::new();
    for (module, text) in sources() {
        for (library, owners) in OWNERS {
            let named = Regex::new(&format!(r"\b{library}::")).unwrap();
            let is_at_home = owners
                .iter()
                .any(|owner| module == *owner || module.starts_with(&format!("{owner}::")));
            if named.is_match(&text) && !is_at_home {
                wrong.push(format!("{module} names {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Types defined in two modules of which each platform compiles only one.
const ONE_A_SYSTEM: [&str; 8] = [
    "Jq",
    "Named",
    "Notices",
    "SchemaPattern",
    "Settings",
    "Signals",
    "StandardStream",
    "Stdin",
];

#[test]
fn each_type_has_a_name_of_its_own() {
    let definition = Regex::new(
        r"(?m)^(?:    )?(?:pub(?:\([a-z :]+\))? )?(?:struct|enum|union|trait|type) (\w+)\b([^=;]*)",
    )
    .unwrap();
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, text) in sources() {
        for found in definition.captures_iter(&text) {
            // Items inside a trait or its implementation have the trait's names.
            let is_associated =
                found[0].starts_with("    ") && found[0].trim_start().starts_with("type ");
            if !is_associated {
                places
                    .entry(found[1].to_owned())
                    .or_default()
                    .push(module.clone());
            }
        }
    }
    places.retain(|name, modules| {
        modules.len() > 1 && name != "Error" && !ONE_A_SYSTEM.contains(&&**name)
    });
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn the_page_on_architecture_names_modules_that_exist_and_no_file_that_does_not() {
    let page = include_str!("../../docs/architecture.md");
    let modules: BTreeSet<String> = sources().into_keys().collect();
    let named = Regex::new(r"\*\*`([a-z/]+)`\*\*").unwrap();
    let described: BTreeSet<String> = named
        .captures_iter(page)
        .map(|found| found[1].replace('/', "::"))
        .collect();
    assert!(described.is_subset(&modules), "{described:?}");
    // Only modules with several files need a description.
    let folders: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| module.split_once("::"))
        .map(|(folder, _)| folder)
        .collect();
    let files = Regex::new(r"`([a-z_/]+)`").unwrap();
    let words: BTreeSet<&str> = files
        .captures_iter(page)
        .map(|found| found.get(1).unwrap().as_str())
        .chain(["input", "output", "stop", "secret"])
        .collect();
    let missing: Vec<_> = folders
        .iter()
        .filter(|name| !words.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not described");
}

/// Every module and the modules that it imports.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources();
    let statement = Regex::new(r"\buse\s+([^;]+);").unwrap();
    let inline = Regex::new(r"\b((?:crate|super)(?:::\w+)+)").unwrap();
    let mut imports = BTreeMap::new();
    for (module, text) in &sources {
        let mut named: BTreeSet<String> = BTreeSet::new();
        let used = statement
            .captures_iter(text)
            .flat_map(|found| expand(&found[1].split_whitespace().collect::<String>()));
        let mentioned = inline.captures_iter(text).map(|found| found[1].to_owned());
        for path in used.chain(mentioned) {
            named.extend(resolve(&sources, module, &path));
        }
        named.remove(module);
        imports.insert(module.clone(), named);
    }
    imports
}

/// Every module's code, without comments and tests.
fn sources() -> BTreeMap<String, String> {
    let comment = Regex::new(r"//.*").unwrap();
    let tests = Regex::new(r"(?s)#\[cfg\(test\)\]\s*mod \w+ \{.*").unwrap();
    let mut sources = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(&root).unwrap().with_extension("");
            let name = inside.to_str().unwrap().replace(['/', '\\'], "::");
            let name = name.strip_suffix("::mod").unwrap_or(&name);
            let is_code = path.extension().is_some_and(|extension| extension == "rs");
            if is_code && name != "lib" && !name.ends_with("tests") {
                let text = fs::read_to_string(&path).unwrap();
                let text = comment.replace_all(&text, "");
                sources.insert(name.to_owned(), tests.replace(&text, "").into_owned());
            }
        }
    }
    assert!(sources.contains_key("session"), "{sources:?}");
    sources
}

/// The paths in a tree of imports: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let inside = rest.strip_suffix('}').unwrap_or(rest);
    let mut branches = vec![String::new()];
    let mut depth = 0;
    for sign in inside.chars() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(branch) = branches.last_mut() {
            branch.push(sign);
        }
    }
    branches
        .iter()
        .filter(|branch| !branch.is_empty())
        .flat_map(|branch| expand(&format!("{before}{branch}")))
        .collect()
}

/// The module of this crate that contains the item of a path.
fn resolve(sources: &BTreeMap<String, String>, module: &str, path: &str) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut steps = path.split("::").peekable();
    match steps.peek() {
        Some(&"crate") => {
            base.clear();
            steps.next();
        }
        Some(&"self") => {
            steps.next();
        }
        _ => {
            while steps.next_if(|step| *step == "super").is_some() {
                base.pop();
            }
        }
    }
    // A path to another crate resolves to the module itself.
    let least = base.len();
    base.extend(steps);
    loop {
        let name = base.join("::");
        if sources.contains_key(&name) {
            return Some(name);
        }
        if base.len() == least {
            return None;
        }
        base.pop();
    }
}

#[test]
fn trees_of_imports_are_read_as_the_compiler_reads_them() {
    assert_eq!(expand("a::{b,c::{d,e}}"), ["a::b", "a::c::d", "a::c::e"]);
    let sources: BTreeMap<String, String> = ["connection", "connection::tls", "units"]
        .map(|name| (name.to_owned(), String::new()))
        .into();
    let found = |path: &str| resolve(&sources, "connection::tls", path);
    assert_eq!(found("crate::units::shown").as_deref(), Some("units"));
    assert_eq!(found("super::Target").as_deref(), Some("connection"));
    assert_eq!(found("std::fmt").as_deref(), Some("connection::tls"));
    assert_eq!(found("crate::nothing"), None);
}
