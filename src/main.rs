//! The program: parse, run, report, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    wsprobe::commands::main()
}
