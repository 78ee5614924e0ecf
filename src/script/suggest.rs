//! Errors that name the nearest step.

use super::template::is_name;
use super::words::{beginning, split_word};
use crate::nearest::nearest;

/// The words a line can begin with, after the name of a connection and `within TIME`.
pub(super) const STEPS: [&str; 22] = [
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
    "within",
    "never",
    "silence",
    "capture",
    "assert",
    "ping",
    "close",
    "wait",
];

/// What to say of a line that begins with no step; `connections` are the names known at this line.
pub(super) fn no_step<'a>(
    connections: impl Iterator<Item = &'a str>,
    line: &str,
    sign: &str,
    rest: &str,
) -> String {
    let found = format!("found {:?}", beginning(line));
    if sign.is_empty() {
        return format!("{found}; a step has to follow");
    }
    if let Some(rest) = sign.strip_prefix('>') {
        return format!(
            "{found}; did you mean {:?}, \">hex\" or \">file\"?",
            format!("> {rest}")
        );
    }
    if let Some(rest) = sign.strip_prefix('<') {
        return format!(
            "{found}; did you mean {:?} or \"<next\"?",
            format!("< {rest}")
        );
    }
    let (second, _) = split_word(rest);
    if is_name(sign) && second.starts_with(['<', '>']) {
        let meant = nearest(sign, connections)
            .map_or(String::new(), |meant| format!("; did you mean {meant}?"));
        return format!("{found}, and no connection is called {sign}{meant}");
    }
    let words = STEPS
        .into_iter()
        .filter(|step| !step.contains(' '))
        .chain(["expect"]);
    match nearest(sign, words) {
        Some("expect") => format!("{found}; {}", meant_expectation(second)),
        Some(step) => format!("{found}; did you mean {step:?}?"),
        None => format!(
            "{found}, which is no step; the steps are {}",
            STEPS.join(", ")
        ),
    }
}

/// What to say of `expect` without anything that can be expected.
pub(super) fn no_expectation(what: &str) -> String {
    format!(
        "found {:?}; {}",
        beginning(&format!("expect {what}")),
        meant_expectation(what)
    )
}

fn meant_expectation(what: &str) -> String {
    let facts = STEPS.iter().filter_map(|step| step.strip_prefix("expect "));
    match nearest(what, facts) {
        Some(fact) => format!("did you mean \"expect {fact}\"?"),
        None => {
            "what can be expected is status, subprotocol, header, cert-days and close".to_owned()
        }
    }
}
