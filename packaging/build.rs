//! Has the linker lay a release out by `layout.ld`, where it understands that: on Linux, GNU ld or LLVM's.
//!
//! The binary is a tenth smaller for that, and an idle connection a third. A linker that does not take the script
//! (mold, gold) is not given it, and the binary works the same. The linker is tried once: after putting another one in
//! its place, `touch packaging/build.rs`.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=packaging/build.rs");
    println!("cargo::rerun-if-changed=packaging/layout.ld");
    let Some(root) = env::var_os("CARGO_MANIFEST_DIR") else {
        return;
    };
    let script = PathBuf::from(root).join("packaging/layout.ld");
    // Who asks for debug information wants to see stacks as well, which go by the tables that are left out.
    let is_release = has("PROFILE", "release") && has("DEBUG", "false");
    // In a static binary of glibc, looking for a stack without them aborts.
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static_glibc =
        has("CARGO_CFG_TARGET_ENV", "gnu") && features.split(',').any(|it| it == "crt-static");
    if is_release && has("CARGO_CFG_TARGET_OS", "linux") && !is_static_glibc {
        match is_taken(&script) {
            Some(true) => println!("cargo::rustc-link-arg-bins={}", option(&script)),
            _ => println!(
                "cargo::warning=this linker does not take layout.ld: the binary is larger than it could be"
            ),
        }
    }
}

const PROGRAM: &[u8] = b"fn main() { std::backtrace::Backtrace::force_capture(); }";

fn has(variable: &str, value: &str) -> bool {
    env::var(variable).is_ok_and(|it| it == value)
}

fn option(script: &Path) -> String {
    format!("-Wl,-T,{}", script.display())
}

/// Whether a program that looks at its stack can be linked by the script, as this build links, and runs where it is
/// built for this machine.
fn is_taken(script: &Path) -> Option<bool> {
    let target = env::var("TARGET").ok()?;
    let program = PathBuf::from(env::var_os("OUT_DIR")?).join("stack");
    let mut rustc = Command::new(env::var_os("RUSTC")?);
    rustc.args([
        "--crate-name",
        "stack",
        "--target",
        &target,
        "-Cpanic=abort",
        "--cap-lints=allow",
    ]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    rustc.arg(format!("-Clink-arg={}", option(script)));
    rustc.arg("-o").arg(&program).arg("-");
    let mut rustc = rustc
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    rustc.stdin.take()?.write_all(PROGRAM).ok()?;
    let is_linked = rustc.wait().ok()?.success();
    if !is_linked || !has("HOST", &target) {
        return Some(is_linked);
    }
    Some(Command::new(program).status().ok()?.success())
}
