//! What clap finds wrong with a command line, in our words: one line, and what to try.

use std::ffi::OsString;
use std::io::{self};

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{UsageError, foreign_flags, usage_error};
use crate::cli::Cli;
use crate::exit::Exit;
use crate::nearest::nearest;
use crate::secret::redact_url;

/// Tells what clap found, or prints the help that was asked for.
pub fn report(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Output,
            _ => Exit::Success,
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Nothing can be done about a stderr that is gone.
        let _ = error.print();
        return Exit::Usage;
    }
    let words = words(arguments);
    let verb = words.first().copied().filter(|word| is_verb(word));
    let mistake = match verb {
        Some(verb) => explain(error, verb),
        None => option_before_verb(error, &words)
            .or_else(|| misspelt(&words))
            .or_else(|| foreign_flags::without_verb(&words))
            .unwrap_or_else(|| no_verb(error, words.first().copied())),
    };
    usage_error::report(&mistake.into(), arguments)
}

/// What was understood and is not what the other tool's user meant.
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

fn is_verb(word: &str) -> bool {
    verbs().iter().any(|verb| verb == word)
}

/// An option in front of the verb that it belongs to.
fn option_before_verb(error: &clap::Error, words: &[&str]) -> Option<UsageError> {
    let first = words.first().filter(|word| word.starts_with('-'))?;
    let verb = words.iter().position(|word| is_verb(word))?;
    // A word in between may be the value of an option, but no URL.
    let between = &words[..verb];
    if verb > 2 || between.iter().any(|word| foreign_flags::has_scheme(word)) {
        return None;
    }
    let option = text(error, ContextKind::InvalidArg).unwrap_or(first);
    let verb = words[verb];
    let mistake = UsageError::usage(format!("{option} must come after the command '{verb}'"));
    Some(mistake.hint(format!(
        "options go after the command: wsprobe {verb} {option} …"
    )))
}

/// A verb with a slip in it.
fn misspelt(words: &[&str]) -> Option<UsageError> {
    let word = words.first()?;
    let verbs = verbs();
    let verb = nearest(word, verbs.iter().map(String::as_str))?;
    let no_verb = UsageError::usage(format!("'{word}' is no verb"));
    Some(no_verb.hint(format!("did you mean wsprobe {verb}?")))
}

fn no_verb(error: &clap::Error, first: Option<&str>) -> UsageError {
    let all = verbs().join(", ");
    match first {
        Some(option) if option.starts_with('-') => {
            // As clap cut it out of its word.
            let option = text(error, ContextKind::InvalidArg).unwrap_or(option);
            UsageError::usage(format!("{option} is no option of wsprobe itself"))
                .hint(format!("a verb comes first: {all}"))
        }
        Some("version") => UsageError::usage("'version' is no verb").hint("wsprobe --version"),
        Some(word) => {
            UsageError::usage(format!("'{word}' is no verb")).hint(format!("the verbs are {all}"))
        }
        None => UsageError::usage(first_paragraph(error)),
    }
}

fn explain(error: &clap::Error, verb: &str) -> UsageError {
    let value = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let see = format!("wsprobe {verb} --help has them all, and examples");
    match error.kind() {
        ErrorKind::UnknownArgument if foreign_flags::has_scheme(value) => {
            UsageError::usage(format!(
                "{verb} takes one URL, and '{}' is a second one",
                redact_url(value)
            ))
            .hint(format!(
                "wsprobe {verb} {} alone: stdin and stdout need no name",
                redact_url(value)
            ))
        }
        ErrorKind::UnknownArgument if !value.starts_with('-') => {
            UsageError::usage(format!("{verb} does not know what to do with '{value}'"))
                .hint(stray_word(verb, value).unwrap_or(see))
        }
        ErrorKind::UnknownArgument => {
            let mistake = UsageError::usage(format!("{verb} has no option {value}"));
            mistake.hint(unknown_option(error, verb, value).unwrap_or(see))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = strings(error, ContextKind::InvalidArg).join(" and ");
            UsageError::usage(format!("{verb} needs {missing}"))
                .hint(format!("wsprobe {verb} -h shows how it is called"))
        }
        ErrorKind::ValueValidation => bad_value(error),
        ErrorKind::InvalidValue => {
            let valid = strings(error, ContextKind::ValidValue).join(", ");
            if valid.is_empty() {
                return UsageError::usage(format!("{value} needs a value")).hint(
                    if value.starts_with("--subprotocol") {
                        "-s NAME offers a subprotocol; -q says less".to_owned()
                    } else {
                        format!("wsprobe {verb} --help says which, and has examples")
                    },
                );
            }
            let given = shown_value(error, value);
            if verb == "help" {
                return UsageError::usage(format!("there is no help on '{given}'"))
                    .hint(format!("there is on {valid}"));
            }
            UsageError::usage(format!("{value}: '{given}' is none of {valid}"))
        }
        ErrorKind::TooManyValues => {
            UsageError::usage(format!("{} takes no value", value.trim_end_matches("..."))).hint(see)
        }
        _ => UsageError::usage(first_paragraph(error)),
    }
}

/// What to try in place of an option that does not exist.
fn unknown_option(error: &clap::Error, verb: &str, flag: &str) -> Option<String> {
    if let Some(cure) = foreign_flags::option(verb, flag) {
        return Some(cure.to_owned());
    }
    let long = flag.strip_prefix("--");
    let suggested = text(error, ContextKind::SuggestedArg)
        .filter(|suggested| long.is_some_and(|flag| nearest(flag, [&suggested[2..]]).is_some()));
    if let Some(suggested) = suggested {
        return Some(format!("did you mean {suggested}?"));
    }
    // -5 and -1.5 are numbers, and -x is more likely an option than a message.
    let is_number = flag[1..].starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let sends = verb == "send" && long.is_none() && is_number;
    sends.then(|| {
        format!("a message that begins with - stands behind --: wsprobe send URL -- {flag}")
    })
}

/// A word too many: most often a message given to a verb that sends none.
fn stray_word(verb: &str, word: &str) -> Option<String> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let hint = match verb {
        "listen" if is_number => "-c N ends after N messages, --for TIME after so long",
        "connect" | "listen" => {
            "wsprobe send URL MESSAGE sends messages; -x MESSAGE sends one first"
        }
        "ping" => "one URL at a time; --app MESSAGE pings with a message",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn bad_value(error: &clap::Error) -> UsageError {
    let flag = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = shown_value(error, flag);
    let why = std::error::Error::source(error).map(ToString::to_string);
    let why = why.unwrap_or_default();
    let number = if why.starts_with("invalid digit") {
        Some("it is no whole number".to_owned())
    } else {
        range(&why)
    };
    if let Some(why) = number {
        return UsageError::usage(format!("{flag}: '{value}' will not do: {why}"));
    }
    if why.contains(&value) {
        return UsageError::usage(format!("{flag}: {why}"));
    }
    UsageError::usage(format!("{flag}: '{value}' will not do: {why}"))
}

/// The limits of a number, which clap writes as Rust does.
fn range(why: &str) -> Option<String> {
    let (_, range) = why.split_once(" is not in ")?;
    let (least, most) = range.split_once("..")?;
    Some(match most.strip_prefix('=') {
        Some(most) => format!("it must be a number from {least} to {most}"),
        None => format!("it must be at least {least}"),
    })
}

/// A rejected credential is named by its beginning, up to where its value may begin.
fn shown_value(error: &clap::Error, flag: &str) -> String {
    const FLAGS: [&str; 4] = ["--header", "--cookie", "--user", "--bearer"];
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

/// What clap says first, on one line.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}
