//! Errors of unknown steps, which suggest the nearest one.

use super::template::is_name;
use super::words::{beginning, split_word};
use crate::nearest::nearest;

/// The words a line can begin with, after the name of a connection and `within TIME`.
pub(super) const STEPS: [&str; 25] = [
    "test",
    "set",
    "timeout",
    "connect",
    "expect status",
    "expect subprotocol",
    "expect header",
    "expect cert-days",
    "expect close",
    ">",
    ">hex",
    ">file",
    "<",
    "<next",
    "<hex",
    "<schema",
    "within",
    "never",
    "silence",
    "decode",
    "capture",
    "assert",
    "ping",
    "close",
    "wait",
];

/// The error of a line that begins with no known step; `connections` are the names known at this line.
pub(super) fn unknown_step<'a>(
    connections: impl Iterator<Item = &'a str>,
    line: &str,
    sign: &str,
    rest: &str,
) -> String {
    let line = beginning(line);
    if sign.is_empty() {
        return format!("missing step after '{line}'");
    }
    let unknown = format!("unknown step '{line}'");
    if let Some(rest) = sign.strip_prefix('>') {
        return format!("{unknown}; did you mean '> {rest}', '>hex' or '>file'?");
    }
    if let Some(rest) = sign.strip_prefix('<') {
        return format!("{unknown}; did you mean '< {rest}', '<next', '<hex' or '<schema'?");
    }
    let (second, _) = split_word(rest);
    if is_name(sign) && second.starts_with(['<', '>']) {
        let meant = nearest(sign, connections)
            .map_or(String::new(), |meant| format!("; did you mean '{meant}'?"));
        return format!("unknown connection '{sign}'{meant}");
    }
    let words = STEPS
        .into_iter()
        .filter(|step| !step.contains(' '))
        .chain(["expect"]);
    match nearest(sign, words) {
        Some("expect") => format!("{unknown}; {}", suggest_expectation(second)),
        Some(step) => format!("{unknown}; did you mean '{step}'?"),
        None => format!("{unknown} (steps: {})", STEPS.join(", ")),
    }
}

/// The error of `expect` with an unknown kind of expectation, or with none.
pub(super) fn unknown_expectation(what: &str) -> String {
    let found = match what {
        "" => "missing argument after expect".to_owned(),
        what => format!("unknown step '{}'", beginning(&format!("expect {what}"))),
    };
    format!("{found}; {}", suggest_expectation(what))
}

fn suggest_expectation(what: &str) -> String {
    let facts = STEPS.iter().filter_map(|step| step.strip_prefix("expect "));
    match nearest(what, facts) {
        Some(fact) => format!("did you mean 'expect {fact}'?"),
        None => "expected status, subprotocol, header, cert-days or close".to_owned(),
    }
}
