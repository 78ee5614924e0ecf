//! The commands, one module each. A command converts its options into values and runs the session with them.

mod audit;
mod check;
pub mod completions;
mod connect;
mod endpoints;
mod filling;
mod foreign_flags;
mod help;
mod import;
mod listen;
mod listening;
mod password;
mod ping;
mod prepare;
mod proxy;
mod reporting;
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

/// Parses the command line and runs the command. Returns the exit status of the process (see [`Exit`]).
pub fn main() -> ExitCode {
    exit_with_70_on_panic();
    let typed: Vec<OsString> = std::env::args_os().collect();
    let arguments = match endpoints::expand(&typed) {
        Ok(Some(expanded)) => {
            usage_error::warn(&expanded.warnings);
            expanded.arguments
        }
        Ok(None) => typed,
        Err(error) => return usage_error::report(&error.into(), &typed).into(),
    };
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
        Verb::Import(options) => return import::run(options),
        _ => {}
    }
    ensure_descriptors().map_err(|error| match cli.verb {
        Verb::Check(_) | Verb::Audit(_) => error.as_usage(),
        _ => error,
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        survive_file_size_limit();
        match cli.verb {
            Verb::Connect(options) => connect::run(options).await,
            Verb::Send(options) => send::run(*options).await,
            Verb::Listen(options) => listen::run(options).await,
            Verb::Ping(options) => ping::run(options).await,
            Verb::Check(options) => check::run(options).await,
            Verb::Audit(options) => audit::run(options).await,
            Verb::Serve(options) => serve::run(options).await,
            Verb::Proxy(options) => proxy::run(*options).await,
            Verb::Completions(options) => completions::run(&options),
            Verb::Help(options) => help::run(&options),
            Verb::Import(options) => import::run(&options),
        }
    });
    // A hanging name lookup blocks a thread of the runtime; do not wait for it.
    runtime.shutdown_background();
    exit
}

/// Makes sure that enough file descriptors are available, because the runtime panics without them.
///
/// # Errors
/// There are too few, and raising the soft limit to the hard limit does not help.
fn ensure_descriptors() -> Result<(), UsageError> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        if has_descriptors() {
            return Ok(());
        }
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // A failure shows in the check that follows.
        let _ = setrlimit(Resource::Nofile, limit);
        if !has_descriptors() {
            let message =
                format!("too few file descriptors: at least {DESCRIPTORS} more are needed");
            let error = UsageError::with_exit(Exit::CannotConnect, message);
            return Err(error.hint("raise the limit with ulimit -n N"));
        }
    }
    Ok(())
}

/// File descriptors needed for the runtime, a name lookup, a connection, the built-in server and a few files.
#[cfg(unix)]
const DESCRIPTORS: usize = 12;

#[cfg(unix)]
fn has_descriptors() -> bool {
    use rustix::io::{Errno, dup};
    let open: Vec<_> = (0..DESCRIPTORS).map(|_| dup(io::stderr())).collect();
    let is_full = |error: &Errno| matches!(*error, Errno::MFILE | Errno::NFILE);
    !open.iter().any(|dup| dup.as_ref().is_err_and(is_full))
}

/// Catches SIGXFSZ, so that a file at its size limit (`ulimit -f`) is a write error and does not kill the process.
fn survive_file_size_limit() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let number = rustix::process::Signal::XFSZ.as_raw();
        // Registering the handler is enough; the stream is not needed.
        let _ = signal(SignalKind::from_raw(number));
    }
}

/// Exits with 70 on a panic. Rust's own status, 101, would look like HTTP 101.
fn exit_with_70_on_panic() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        crate::repl::restore_terminal();
        default(panic);
        // `eprintln!` panics if stderr is closed, and a panic in this hook would abort the process.
        let _ = writeln!(
            io::stderr(),
            "wsprobe: internal error: please report this bug with the lines above"
        );
        std::process::exit(Exit::Internal.code().into());
    }));
}
