//! The entry point of the `wsprobe` program; see [`wsprobe::commands`].

use std::process::ExitCode;

fn main() -> ExitCode {
    wsprobe::commands::main()
}
