//! Generates the man pages from the command line definition and the chapters of the manual.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use wsprobe::cli::Cli;
use wsprobe::manual::{AUDITING, CHECK_FILE, TOPICS};
use wsprobe::repl::commands::{self, COMMANDS, KEYS};

use super::chapter::Chapter;
use super::{chapter, roff};

/// The release date of this version, as in the changelog.
const DATE: &str = "2026-11-25";
const SOURCE: &str = concat!("wsprobe ", env!("CARGO_PKG_VERSION"));

/// The pages of the program, of each command and of the check-file format, as (file name, content).
///
/// # Errors
/// A chapter's source cannot be read.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command();
    program.build();
    let mut pages = vec![page(
        &mut program.clone(),
        "wsprobe",
        &chapters(|name| ![CHECK_FILE, AUDITING].contains(&name))?,
    )?];
    for verb in program.get_subcommands_mut() {
        let name = format!("wsprobe-{}", verb.get_name());
        let chapters = match verb.get_name() {
            "connect" => session(),
            "audit" => chapters(|name| name == AUDITING)?,
            _ => String::new(),
        };
        pages.push(page(verb, &name, &chapters)?);
    }
    for topic in TOPICS.into_iter().filter(|topic| topic.name == CHECK_FILE) {
        pages.push(check_file(&chapter(topic)?));
    }
    Ok(pages)
}

/// Chapters as sections of a page.
fn chapters(is_included: impl Fn(&str) -> bool) -> io::Result<String> {
    let mut out = String::new();
    for topic in TOPICS.into_iter().filter(|topic| is_included(topic.name)) {
        let chapter = chapter(topic)?;
        out.push_str(&roff::section(&chapter.title));
        out.push_str(&roff::blocks(&chapter, "SS"));
    }
    Ok(out)
}

/// The slash commands and keys of an interactive session, from the tables of the parser.
fn session() -> String {
    let mut out = roff::section("session");
    for commands::Command {
        name, usage, what, ..
    } in &COMMANDS
    {
        out.push_str(&item(&format!("{name} {usage}"), what));
    }
    for (key, what) in KEYS {
        out.push_str(&item(key, what));
    }
    out
}

fn item(name: &str, what: &str) -> String {
    let (name, what) = (roff::escape(name.trim_end()), roff::escape(what));
    format!(".TP\n\\fB{name}\\fR\n{what}\n")
}

/// Removes the summary from the description, since the NAME section already contains it.
fn without_summary(command: Command) -> Command {
    let about = command.get_about().map(ToString::to_string);
    let long = command.get_long_about().map(ToString::to_string);
    let rest = about.zip(long).and_then(|(about, long)| {
        let rest = long.strip_prefix(&about)?.trim_start();
        (!rest.is_empty()).then(|| rest.to_owned())
    });
    match rest {
        Some(rest) => command.long_about(rest),
        None => command,
    }
}

fn page(command: &mut Command, name: &str, chapters: &str) -> io::Result<(String, Vec<u8>)> {
    let usage = command.render_usage().to_string();
    let examples = command.get_after_help().map(ToString::to_string);
    // clap_mangen omits the text of options that are hidden in -h.
    let command = command.clone().mut_args(|arg| arg.hide_short_help(false));
    let command = without_summary(command);
    let man = Man::new(command.clone().display_name(name));
    let mut body = Vec::new();
    man.render_description_section(&mut body)?;
    man.render_options_section(&mut body)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut body)?;
    }
    let about = command.get_about().map(ToString::to_string);
    let mut out = roff::title(name, 1, DATE, SOURCE, "User commands");
    // clap_mangen writes an apostrophe as this string.
    out.push_str(".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq \\(aq\n");
    out.push_str(&roff::section("name"));
    out.push_str(&format!(
        "{} \\- {}\n",
        roff::escape(name),
        roff::escape(&about.unwrap_or_default())
    ));
    out.push_str(&roff::section("synopsis"));
    out.push_str(&roff::fill(&format!(
        "\\fB{}\\fR{}",
        roff::escape(&name.replacen('-', " ", 1)),
        roff::escape(called(&usage, &name.replacen('-', " ", 1)))
    )));
    let body = String::from_utf8(body).map_err(io::Error::other)?;
    out.push_str(&roff::tidy(&body).replace(".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n", ""));
    out.push_str(chapters);
    if command.get_arguments().any(|arg| arg.get_id() == "json") {
        out.push_str(&shared_chapters());
    }
    if let Some(examples) = examples {
        let lines = examples.trim_start_matches("Examples:\n");
        out.push_str(&roff::section("examples"));
        out.push_str(&roff::example(lines));
    }
    out.push_str(&see_also(&command, name));
    Ok((format!("man/{name}.1"), out.into_bytes()))
}

/// The section of a command's page that refers to wsprobe(1).
fn shared_chapters() -> String {
    let mut out = roff::section("exit status");
    out.push_str(".BR wsprobe (1)\n");
    out.push_str(&roff::fill(
        "describes the exit statuses, patterns, JSON events and environment variables, which all commands share.",
    ));
    out
}

/// The part of clap's usage line that follows the name.
fn called<'a>(usage: &'a str, name: &str) -> &'a str {
    let usage = usage.trim_start_matches("Usage: ");
    usage.strip_prefix(name).unwrap_or(usage)
}

fn see_also(command: &Command, name: &str) -> String {
    let mut pages: Vec<(String, u8)> = Vec::new();
    if name != "wsprobe" {
        pages.push(("wsprobe".to_owned(), 1));
    }
    let verbs = command.get_subcommands().map(Command::get_name);
    pages.extend(verbs.map(|verb| (format!("wsprobe-{verb}"), 1)));
    if matches!(name, "wsprobe" | "wsprobe-check") {
        pages.push(("wsprobe-check-file".to_owned(), 5));
    }
    references(&pages)
}

fn references(pages: &[(String, u8)]) -> String {
    let mut out = roff::section("see also");
    for (index, (name, section)) in pages.iter().enumerate() {
        let comma = if index + 1 < pages.len() { "," } else { "" };
        out.push_str(&format!(".BR {} ({section}){comma}\n", roff::escape(name)));
    }
    out
}

/// The page of the check-file format.
fn check_file(chapter: &Chapter) -> (String, Vec<u8>) {
    let mut out = roff::title("wsprobe-check-file", 5, DATE, SOURCE, "File formats");
    out.push_str(&roff::section("name"));
    out.push_str(&roff::escape(
        "wsprobe-check-file - format of check files: scripted WebSocket conversations",
    ));
    out.push('\n');
    out.push_str(&roff::section("description"));
    out.push_str(&roff::blocks(chapter, "SH"));
    out.push_str(&references(&[
        ("wsprobe".to_owned(), 1),
        ("wsprobe-check".to_owned(), 1),
    ]));
    ("man/wsprobe-check-file.5".to_owned(), out.into_bytes())
}
