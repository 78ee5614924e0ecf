//! The generated files. The test suite also compiles this module and compares them with the files checked in.

use std::fs;
use std::io;
use std::path::Path;

use clap_complete::Shell;
use wsprobe::commands::completions;
use wsprobe::manual::{TOPICS, Topic};

pub mod chapter;
mod man;
mod roff;
mod text;

use chapter::Chapter;

/// The path (relative to the root of the repository) and the content of every generated file.
///
/// # Errors
/// A chapter's source cannot be read.
pub fn all() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = man::pages()?;
    for topic in TOPICS {
        let text = text::render(&chapter(topic)?);
        files.push((format!("manual/{}.txt", topic.name), text.into_bytes()));
    }
    for (shell, name) in [
        (Shell::Bash, "wsprobe.bash"),
        (Shell::Zsh, "_wsprobe"),
        (Shell::Fish, "wsprobe.fish"),
        (Shell::PowerShell, "_wsprobe.ps1"),
        (Shell::Elvish, "wsprobe.elv"),
    ] {
        let script = completions::script(shell);
        files.push((format!("completions/{name}"), script.into_bytes()));
    }
    Ok(files)
}

/// Reads and parses the source of a chapter.
///
/// # Errors
/// The file cannot be read.
pub fn chapter(topic: Topic) -> io::Result<Chapter> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(top.join(format!("manual/{}.md", topic.name)))?;
    Ok(Chapter::parse(&source))
}
