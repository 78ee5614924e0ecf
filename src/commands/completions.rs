//! `wsprobe completions SHELL`: prints a completion script.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;

/// Prints the script to stdout.
pub fn run(options: &CompletionsArgs) -> anyhow::Result<Exit> {
    match io::stdout().write_all(script(options.shell).as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Ok(Exit::Output),
        _ => Ok(Exit::Success),
    }
}

/// The completion script of a shell: what clap generates, and the names of endpoints, which the script asks wsprobe
/// for (bash, zsh, fish).
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wsprobe", &mut script);
    let script = String::from_utf8_lossy(&script);
    match shell {
        Shell::Bash => format!("{script}{}", include_str!("completions/endpoints.bash")),
        Shell::Fish => format!("{script}{}", include_str!("completions/endpoints.fish")),
        Shell::Zsh => {
            let urls = script
                .replacen(
                    "#compdef wsprobe\n",
                    include_str!("completions/endpoints.zsh"),
                    1,
                )
                .replace(":_urls'", ":_wsprobe_urls _urls'");
            // The targets of `check` are URLs or files.
            let lines = urls.lines().map(|line| {
                match line.contains("::targets") || line.contains(":targets") {
                    true => line.replace(":_files'", ":_wsprobe_urls _files'"),
                    false => line.to_owned(),
                }
            });
            lines.map(|line| line + "\n").collect()
        }
        _ => script.into_owned(),
    }
}
