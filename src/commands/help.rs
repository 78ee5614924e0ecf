//! `wsprobe help`: prints the help of a command, or a chapter of the manual.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::{Cli, HelpArgs};
use crate::exit::Exit;
use crate::manual::Topic;
use crate::output::style::{OutputStream, When};
use crate::secret::io_text;

use super::UsageError;

/// Runs the command.
///
/// # Errors
/// Output that cannot be written.
pub fn run(options: &HelpArgs) -> anyhow::Result<Exit> {
    let bold = OutputStream::stdout(When::Auto).colour;
    let shown = match options.topic.as_deref() {
        None => help_of(None, bold),
        Some(name) => match Topic::find(name) {
            Some(topic) => topic.text(bold),
            None => help_of(Some(name), bold),
        },
    };
    let mut stdout = io::stdout();
    let written = stdout
        .write_all(shown.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let why = io_text(&error);
            Err(UsageError::output(format!("cannot write output: {why}")).into())
        }
        _ => Ok(Exit::Success),
    }
}

fn help_of(verb: Option<&str>, bold: bool) -> String {
    let mut program = Cli::command();
    program.build();
    let command = match verb {
        // The parser accepts only names of commands and topics.
        Some(name) => match program.find_subcommand_mut(name) {
            Some(verb) => verb,
            None => &mut program,
        },
        None => &mut program,
    };
    let help = command.render_long_help();
    if bold {
        help.ansi().to_string()
    } else {
        help.to_string()
    }
}
