//! `wsprobe serve` as the program under test.

use super::{Probe, Running};

/// A server on a free port; its URL is read from stderr.
#[track_caller]
pub fn serve(args: &[&str]) -> (Running, String) {
    let probe = Probe::new(["serve", "0"]).args(args);
    let mut serving = probe.any_stdout().any_stderr().spawn();
    let line = serving.stderr_line("listening on ");
    let url = line.split_whitespace().find(|word| word.contains("://"));
    let url = url.unwrap_or_else(|| panic!("no address in {line:?}"));
    let url = url.trim_end_matches(['.', ',', ')']).to_owned();
    (serving, url)
}
