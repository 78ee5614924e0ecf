//! Man pages and completion scripts, made from the command line's definition.

use std::io;

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};

use crate::cli::Cli;

/// The file name and content of every man page and completion script that is checked in, relative to
/// the top of the repository.
///
/// # Errors
/// Those of formatting into memory, which do not occur.
pub fn files() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = man_pages()?;
    // Written by hand: a file format has no flags.
    let check_file = include_bytes!("../man/wsprobe-check-file.5");
    files.push(("man/wsprobe-check-file.5".to_owned(), check_file.to_vec()));
    for shell in [
        Shell::Bash,
        Shell::Zsh,
        Shell::Fish,
        Shell::PowerShell,
        Shell::Elvish,
    ] {
        let name = match shell {
            Shell::Bash => "wsprobe.bash",
            Shell::Zsh => "_wsprobe",
            Shell::Fish => "wsprobe.fish",
            Shell::PowerShell => "_wsprobe.ps1",
            _ => "wsprobe.elv",
        };
        files.push((format!("completions/{name}"), completions(shell)));
    }
    Ok(files)
}

/// The completion script of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "wsprobe", &mut script);
    script
}

/// A page for the program and one for each verb.
fn man_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = vec![page(&program, "wsprobe")?];
    for verb in program.get_subcommands() {
        pages.push(page(verb, &format!("wsprobe-{}", verb.get_name()))?);
    }
    Ok(pages)
}

fn page(command: &Command, name: &str) -> io::Result<(String, Vec<u8>)> {
    let command = command
        .clone()
        .display_name(name)
        .version(env!("CARGO_PKG_VERSION"));
    let mut content = Vec::new();
    clap_mangen::Man::new(command)
        .title(name.to_uppercase())
        .render(&mut content)?;
    Ok((format!("man/{name}.1"), content))
}
