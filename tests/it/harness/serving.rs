//! `wsprobe serve` and `wsprobe proxy` as the program under test.

use super::{Probe, Running};

/// A server on a free port; its URL is read from stderr.
#[track_caller]
pub fn serve(args: &[&str]) -> (Running, String) {
    listening(
        Probe::new(["serve", "0"]).args(args),
        args.contains(&"--json"),
    )
}

/// A proxy for a server on a free port; its URL is read from stderr.
#[track_caller]
pub fn proxy(server: &str, args: &[&str]) -> (Running, String) {
    let probe = Probe::new(["proxy", "0", server]).args(args);
    listening(probe, args.contains(&"--json"))
}

/// The URL is on stderr, or with `--json` on stdout.
#[track_caller]
fn listening(probe: Probe, is_json: bool) -> (Running, String) {
    let mut serving = probe.any_stdout().any_stderr().spawn();
    if is_json {
        let line = serving.line();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = event["url"].as_str().unwrap().to_owned();
        return (serving, url);
    }
    let line = serving.stderr_line("listening on ");
    let url = line.split_whitespace().find(|word| word.contains("://"));
    let url = url.unwrap_or_else(|| panic!("no address in {line:?}"));
    let url = url.trim_end_matches(['.', ',', ')']).to_owned();
    (serving, url)
}
