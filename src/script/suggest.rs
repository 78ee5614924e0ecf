//! Errors of unknown steps, which suggest the nearest one.

use super::words::{beginning, split_word};
use crate::nearest::nearest;
use crate::template::is_name;

/// The words a line can begin with, after the name of a connection and `within TIME`.
pub(super) const STEPS: [&str; 38] = [
    "test",
    "set",
    "timeout",
    "connect",
    "http",
    "expect status",
    "expect subprotocol",
    "expect header",
    "expect cert-days",
    "expect close",
    ">",
    ">hex",
    ">file",
    ">text",
    ">fragments",
    ">frame",
    "<",
    "<next",
    "<hex",
    "<schema",
    "within",
    "on",
    "never",
    "silence",
    "decode",
    "capture",
    "assert",
    "ping",
    "close",
    "wait",
    "any-order",
    "repeat",
    "end",
    "finally",
    "retry",
    "include",
    "pause",
    "sample",
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
        let forms = STEPS
            .into_iter()
            .filter(|step| step.len() > 1 && step.starts_with('>'));
        return match nearest(sign, forms) {
            Some(form) => format!("{unknown}; did you mean '{form}' or '> {rest}'?"),
            None => format!(
                "{unknown}; did you mean '> {rest}', '>text', '>hex', '>file', '>fragments' or '>frame'?"
            ),
        };
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
