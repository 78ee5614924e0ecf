//! Paths as they are typed.

use std::path::PathBuf;

/// A file's path; `~/` is the home directory, as in a shell.
pub fn path_of(typed: &str) -> PathBuf {
    match (typed.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(typed),
    }
}
