//! Turns a clap error into one error line and, where possible, a hint that says what to type instead.

use std::ffi::OsString;
use std::io;
use std::num::{IntErrorKind, ParseIntError};

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{UsageError, foreign_flags, usage_error};
use crate::cli::Cli;
use crate::exit::Exit;
use crate::nearest::nearest;
use crate::secret::redact_url;

/// Prints the error that clap reported, or the help or version that was requested. Returns the exit status.
pub fn report(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Output,
            _ => Exit::Success,
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // If stderr is closed, there is nowhere to report the error.
        let _ = error.print();
        return Exit::Usage;
    }
    let words = words(arguments);
    let verb = words.first().copied().filter(|word| is_command(word));
    let usage_error = match verb {
        Some(verb) => explain(error, verb),
        None => option_before_verb(error, &words)
            .or_else(|| misspelled_command(&words))
            .or_else(|| foreign_flags::without_command(&words))
            .unwrap_or_else(|| unknown_command(error, words.first().copied())),
    };
    usage_error::report(&usage_error.into(), arguments)
}

/// The long option that an error is about, as `--wait`.
pub fn option_of(error: &clap::Error) -> Option<&str> {
    text(error, ContextKind::InvalidArg)?
        .split([' ', '=', '['])
        .next()
}

/// An error for a valid command line whose options another tool spells the same with another meaning.
pub fn misread(arguments: &[OsString]) -> Option<UsageError> {
    foreign_flags::misread(&words(arguments))
}

fn words(arguments: &[OsString]) -> Vec<&str> {
    let words = arguments.iter().skip(1);
    words.filter_map(|word| word.to_str()).collect()
}

fn verbs() -> Vec<String> {
    let command = Cli::command();
    let verbs = command.get_subcommands();
    verbs.map(|verb| verb.get_name().to_owned()).collect()
}

fn is_command(word: &str) -> bool {
    verbs().iter().any(|verb| verb == word)
}

/// The error for an option that stands before the command.
fn option_before_verb(error: &clap::Error, words: &[&str]) -> Option<UsageError> {
    let first = words.first().filter(|word| word.starts_with('-'))?;
    let verb = words.iter().position(|word| is_command(word))?;
    // One word between them may be the option's value; a URL is not.
    let between = &words[..verb];
    if verb > 2 || between.iter().any(|word| foreign_flags::has_scheme(word)) {
        return None;
    }
    let option = text(error, ContextKind::InvalidArg).unwrap_or(first);
    let verb = words[verb];
    let error = UsageError::usage(format!("{option} must come after the command '{verb}'"));
    Some(error.hint(format!(
        "options go after the command: wsprobe {verb} {option} …"
    )))
}

/// The error for a misspelled command.
fn misspelled_command(words: &[&str]) -> Option<UsageError> {
    let word = words.first()?;
    let verbs = verbs();
    let verb = nearest(word, verbs.iter().map(String::as_str))?;
    Some(UsageError::usage(format!(
        "unknown command '{word}'; did you mean '{verb}'?"
    )))
}

fn unknown_command(error: &clap::Error, first: Option<&str>) -> UsageError {
    let all = verbs().join(", ");
    match first {
        Some(option) if option.starts_with('-') => {
            // clap names the option without its value (`-n` of `-n1`).
            let option = text(error, ContextKind::InvalidArg).unwrap_or(option);
            UsageError::usage(format!("unexpected option {option} before the command"))
                .hint(format!("put the command first: {all}"))
        }
        Some("version") => UsageError::usage("unknown command 'version'").hint("wsprobe --version"),
        Some(word) => {
            UsageError::usage(format!("unknown command '{word}'")).hint(format!("commands: {all}"))
        }
        None => UsageError::usage(first_paragraph(error)),
    }
}

/// The error line and the hint for an error that clap reported.
pub fn explain(error: &clap::Error, verb: &str) -> UsageError {
    let value = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let see = format!("wsprobe {verb} --help lists all options, with examples");
    match error.kind() {
        ErrorKind::UnknownArgument if foreign_flags::has_scheme(value) => UsageError::usage(
            format!("unexpected second URL '{}'", redact_url(value)),
        )
        .hint(format!(
            "use wsprobe {verb} {}: stdin and stdout are used automatically",
            redact_url(value)
        )),
        ErrorKind::UnknownArgument if !value.starts_with('-') => {
            UsageError::usage(format!("unexpected argument '{value}'"))
                .hint(extra_argument_hint(verb, value).unwrap_or(see))
        }
        ErrorKind::UnknownArgument => {
            let error_line = UsageError::usage(format!("unknown option {value} for '{verb}'"));
            error_line.hint(unknown_option_hint(error, verb, value).unwrap_or(see))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = strings(error, ContextKind::InvalidArg).join(" and ");
            let kind = match missing.starts_with('-') {
                true => "option",
                false => "argument",
            };
            UsageError::usage(format!("missing {kind} {missing} for '{verb}'"))
                .hint(format!("wsprobe {verb} -h shows the usage"))
        }
        ErrorKind::ValueValidation => bad_value(error),
        ErrorKind::InvalidValue => {
            let values = strings(error, ContextKind::ValidValue);
            if values.is_empty() {
                return UsageError::usage(format!("missing value for {value}")).hint(
                    if value.starts_with("--subprotocol") {
                        "-s NAME offers a subprotocol; -q prints less".to_owned()
                    } else {
                        see
                    },
                );
            }
            let given = shown_value(error, value);
            if verb == "help" {
                return UsageError::usage(format!("unknown help topic '{given}'"))
                    .hint(format!("topics: {}", values.join(", ")));
            }
            UsageError::usage(format!(
                "{value}: invalid value '{given}' (expected {})",
                alternatives(&values)
            ))
        }
        ErrorKind::TooManyValues => UsageError::usage(format!(
            "unexpected value for {}",
            value.trim_end_matches("...")
        ))
        .hint(see),
        _ => UsageError::usage(first_paragraph(error)),
    }
}

/// A hint for an unknown option: the equivalent of another tool's option, the closest spelling, or `--`.
fn unknown_option_hint(error: &clap::Error, verb: &str, flag: &str) -> Option<String> {
    if let Some(hint) = foreign_flags::option(verb, flag) {
        return Some(hint.to_owned());
    }
    let long = flag.strip_prefix("--");
    let suggested = text(error, ContextKind::SuggestedArg)
        .filter(|suggested| long.is_some_and(|flag| nearest(flag, [&suggested[2..]]).is_some()));
    if let Some(suggested) = suggested {
        return Some(format!("did you mean {suggested}?"));
    }
    // -5 and -1.5 are probably messages; any other -x is more likely meant as an option.
    let is_number = flag[1..].starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let sends = verb == "send" && long.is_none() && is_number;
    sends.then(|| format!("put a message that starts with - after --: wsprobe send URL -- {flag}"))
}

/// A hint for an extra argument, which is most often a message for a command that sends none.
fn extra_argument_hint(verb: &str, word: &str) -> Option<String> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let hint = match verb {
        "listen" if is_number => "-c N stops after N messages, --for TIME after a time",
        "connect" | "listen" => {
            "wsprobe send URL MESSAGE sends messages; -x MESSAGE sends one first"
        }
        "ping" => "ping takes one URL; --app MESSAGE pings with a message",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn bad_value(error: &clap::Error) -> UsageError {
    let flag = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = shown_value(error, flag);
    let source = std::error::Error::source(error);
    let why = source.map(ToString::to_string).unwrap_or_default();
    let number = match source.and_then(|source| source.downcast_ref::<ParseIntError>()) {
        Some(error) if *error.kind() == IntErrorKind::PosOverflow => Some("too large".to_owned()),
        Some(error) if *error.kind() == IntErrorKind::Zero => {
            Some("it must be at least 1".to_owned())
        }
        Some(_) => Some("expected a whole number".to_owned()),
        None => range(&why),
    };
    // Most parsers quote the value themselves. A short value may also occur in other words.
    let is_quoted = why.starts_with(&value)
        || why.contains(&format!("'{value}'"))
        || (why.contains(&value) && (value.len() > 3 || why.starts_with("invalid ")));
    if number.is_none() && is_quoted {
        return UsageError::usage(format!("{flag}: {why}"));
    }
    let why = number.unwrap_or(why);
    let what = match flag.split_whitespace().next() {
        Some("--header") => "header",
        Some("--cookie") => "cookie",
        Some("--user") => "user",
        _ => "value",
    };
    UsageError::usage(format!("{flag}: invalid {what} '{value}': {why}"))
}

/// `a, b or c`.
fn alternatives(values: &[String]) -> String {
    match values {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => values.concat(),
    }
}

/// The range of a number: clap writes it in Rust syntax (`0..=125`).
fn range(why: &str) -> Option<String> {
    let (_, range) = why.split_once(" is not in ")?;
    let (least, most) = range.split_once("..")?;
    Some(match most.strip_prefix('=') {
        Some(most) => format!("expected a number from {least} to {most}"),
        None => format!("expected at least {least}"),
    })
}

/// The rejected value for display. A credential is shown only up to where its secret part may start.
fn shown_value(error: &clap::Error, flag: &str) -> String {
    const FLAGS: [&str; 5] = ["--header", "--cookie", "--user", "--bearer", "--secret"];
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let name = value
        .split([' ', '\t', ':', '='])
        .next()
        .unwrap_or_default();
    let is_credential = FLAGS.iter().any(|known| flag.starts_with(known));
    if is_credential && name.len() < value.len() {
        return format!("{name}…");
    }
    value.to_owned()
}

fn strings(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => Vec::new(),
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// The first paragraph of clap's message, on one line.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}
