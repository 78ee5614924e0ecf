//! One verb, one file. A verb turns what was typed into values and gives them to the session.

mod check;
mod completions;
mod connect;
mod foreign_flags;
mod help;
mod listen;
mod password;
mod ping;
mod prepare;
mod send;
mod serve;
mod usage;
mod usage_error;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Verb};
use crate::exit::Exit;
pub use usage_error::UsageError;

/// Parses the command line, runs the verb, and says how the process ends.
pub fn main() -> ExitCode {
    exit_with_70_on_panic();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let exit = match Cli::try_parse_from(&arguments) {
        Ok(cli) => usage::misread(&arguments)
            .map_or_else(|| run(cli), |misread| Err(misread.into()))
            .unwrap_or_else(|error| usage_error::report(&error, &arguments)),
        Err(error) => usage::report(&error, &arguments),
    };
    exit.into()
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    match &cli.verb {
        Verb::Completions(options) => return completions::run(options),
        Verb::Help(options) => return help::run(options),
        _ => {}
    }
    ensure_descriptors().map_err(|mistake| match cli.verb {
        Verb::Check(_) => mistake.as_usage(),
        _ => mistake,
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        survive_file_size_limit();
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

/// Opening a connection and the runtime take a few file descriptors, and the runtime panics without them.
///
/// # Errors
/// There are too few, and the limit cannot be raised.
fn ensure_descriptors() -> Result<(), UsageError> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        if has_descriptors() {
            return Ok(());
        }
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Whether it helped shows at once.
        let _ = setrlimit(Resource::Nofile, limit);
        if !has_descriptors() {
            let message = format!("too few file descriptors: {DESCRIPTORS} more are needed");
            let mistake = UsageError::with_exit(Exit::CannotConnect, message);
            return Err(mistake.hint("ulimit -n N raises the limit"));
        }
    }
    Ok(())
}

/// What a run needs: the runtime, a name lookup, a connection and its other end, a file or two.
#[cfg(unix)]
const DESCRIPTORS: usize = 12;

#[cfg(unix)]
fn has_descriptors() -> bool {
    use rustix::io::{Errno, dup};
    let open: Vec<_> = (0..DESCRIPTORS).map(|_| dup(io::stderr())).collect();
    let is_full = |error: &Errno| matches!(*error, Errno::MFILE | Errno::NFILE);
    !open.iter().any(|dup| dup.as_ref().is_err_and(is_full))
}

/// A file that reaches `ulimit -f` is an error of its write, not a signal that ends the process.
fn survive_file_size_limit() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let number = rustix::process::Signal::XFSZ.as_raw();
        // Nobody listens: that the signal is caught is all that is wanted.
        let _ = signal(SignalKind::from_raw(number));
    }
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
