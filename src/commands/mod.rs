//! One verb, one file. A verb turns what was typed into values and gives them to the session.

mod check;
mod completions;
mod connect;
mod habits;
mod help;
mod listen;
mod mistake;
mod password;
mod ping;
mod prepare;
mod send;
mod serve;
mod usage;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Verb};
use crate::exit::Exit;
pub use mistake::Mistake;

/// Parses the command line, runs the verb, and says how the process ends.
pub fn main() -> ExitCode {
    exit_with_70_on_panic();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let exit = match Cli::try_parse_from(&arguments) {
        Ok(cli) => usage::misread(&arguments)
            .map_or_else(|| run(cli), |misread| Err(misread.into()))
            .unwrap_or_else(|error| mistake::tell(&error, &arguments)),
        Err(error) => usage::tell(&error, &arguments),
    };
    exit.into()
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    match &cli.verb {
        Verb::Completions(options) => return completions::run(options),
        Verb::Help(options) => return help::run(options),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match cli.verb {
            Verb::Connect(options) => connect::run(options).await,
            Verb::Send(options) => send::run(options).await,
            Verb::Listen(options) => listen::run(options).await,
            Verb::Ping(options) => ping::run(options).await,
            Verb::Check(options) => check::run(options).await,
            Verb::Serve(options) => serve::run(options).await,
            Verb::Completions(options) => completions::run(&options),
            Verb::Help(options) => help::run(&options),
        }
    });
    // A name lookup that hangs sits in a thread of the runtime: the process does not wait for it.
    runtime.shutdown_background();
    exit
}

/// Rust's own status for a panic is 101, which would read as HTTP 101.
fn exit_with_70_on_panic() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        crate::repl::restore_terminal();
        default(panic);
        // Where stderr is gone, a panic in here would abort the process.
        let _ = writeln!(
            io::stderr(),
            "wsprobe: internal error: please report it with the lines above"
        );
        std::process::exit(Exit::Internal.code().into());
    }));
}
