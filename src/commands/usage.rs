//! What clap finds wrong with a command line, in our words: one line, and what to try.

use std::ffi::OsString;
use std::io::{self};

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Mistake, habits, mistake};
use crate::cli::Cli;
use crate::exit::Exit;
use crate::nearest::nearest;

/// Tells what clap found, or prints the help that was asked for.
pub fn tell(error: &clap::Error, arguments: &[OsString]) -> Exit {
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
        None => habits::without_verb(&words).unwrap_or_else(|| no_verb(error, words.first())),
    };
    mistake::tell(&mistake.into(), arguments)
}

/// What was understood and is not what the other tool's user meant.
pub fn misread(arguments: &[OsString]) -> Option<Mistake> {
    habits::misread(&words(arguments))
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

fn no_verb(error: &clap::Error, first: Option<&&str>) -> Mistake {
    let verbs = verbs();
    let all = verbs.join(", ");
    match first {
        Some(option) if option.starts_with('-') => {
            Mistake::usage(format!("{} is no option of wsprobe itself", first_word(error, option)))
                .hint(format!("a verb comes first: {all}"))
        }
        Some(word) => {
            let mistake = Mistake::usage(format!("'{word}' is no verb"));
            match nearest(word, verbs.iter().map(String::as_str)) {
                Some(verb) => mistake.hint(format!("did you mean wsprobe {verb}?")),
                None => mistake.hint(format!("the verbs are {all}")),
            }
        }
        None => Mistake::usage(first_paragraph(error)),
    }
}

/// The option that was not understood, as clap cut it out of its word.
fn first_word<'a>(error: &'a clap::Error, otherwise: &'a str) -> &'a str {
    text(error, ContextKind::InvalidArg).unwrap_or(otherwise)
}

fn explain(error: &clap::Error, verb: &str) -> Mistake {
    let value = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let see = format!("wsprobe {verb} --help has them all, and examples");
    match error.kind() {
        ErrorKind::UnknownArgument if !value.starts_with('-') => {
            Mistake::usage(format!("{verb} does not know what to do with '{value}'"))
                .hint(stray_word(verb).unwrap_or(see))
        }
        ErrorKind::UnknownArgument => {
            let mistake = Mistake::usage(format!("{verb} has no option {value}"));
            mistake.hint(unknown_option(error, verb, value).unwrap_or(see))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = missing(error).join(" and ");
            Mistake::usage(format!("{verb} needs {missing}")).hint(see)
        }
        ErrorKind::ValueValidation => bad_value(error),
        ErrorKind::InvalidValue => {
            let mistake = Mistake::usage(first_paragraph(error));
            match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                    mistake.hint(format!("write one of {}", valid.join(", ")))
                }
                _ => mistake,
            }
        }
        _ => Mistake::usage(first_paragraph(error)),
    }
}

/// What to try in place of an option that does not exist.
fn unknown_option(error: &clap::Error, verb: &str, flag: &str) -> Option<String> {
    if let Some(cure) = habits::option(flag) {
        return Some(cure.to_owned());
    }
    let long = flag.strip_prefix("--");
    let suggested = text(error, ContextKind::SuggestedArg)
        .filter(|suggested| long.is_some_and(|flag| nearest(flag, [&suggested[2..]]).is_some()));
    if let Some(suggested) = suggested {
        return Some(format!("did you mean {suggested}?"));
    }
    let sends = verb == "send" && long.is_none();
    sends.then(|| format!("a message that begins with - stands behind --: wsprobe send URL -- {flag}"))
}

/// A word too many: most often a message given to a verb that sends none.
fn stray_word(verb: &str) -> Option<String> {
    let hint = match verb {
        "connect" | "listen" => "wsprobe send URL MESSAGE sends messages; -x MESSAGE sends one first",
        "ping" => "one URL at a time; --app MESSAGE pings with a message",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn bad_value(error: &clap::Error) -> Mistake {
    let flag = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = shown_value(error, flag);
    let why = std::error::Error::source(error).map(ToString::to_string);
    Mistake::usage(format!(
        "'{value}' is wrong for {flag}: {}",
        why.unwrap_or_default()
    ))
}

/// A rejected credential is named by its beginning, up to where its value may begin.
fn shown_value(error: &clap::Error, flag: &str) -> String {
    const FLAGS: [&str; 4] = ["--header", "--cookie", "--user", "--bearer"];
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let name = value.split([' ', '\t', ':', '=']).next().unwrap_or_default();
    let is_credential = FLAGS.iter().any(|known| flag.starts_with(known));
    if is_credential && name.len() < value.len() {
        return format!("{name}…");
    }
    value.to_owned()
}

fn missing(error: &clap::Error) -> Vec<String> {
    match error.get(ContextKind::InvalidArg) {
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
