//! `wsprobe completions SHELL`.

use std::io::{self, Write};

use crate::cli::Completions;
use crate::exit::Exit;
use crate::generate;

/// Prints the script.
pub fn run(options: &Completions) -> anyhow::Result<Exit> {
    match io::stdout().write_all(&generate::completions(options.shell)) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Ok(Exit::Output),
        _ => Ok(Exit::Success),
    }
}
