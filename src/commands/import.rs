//! `wsprobe import`: turns a recorded conversation into a check file.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::cli::{EntryChoice, ImportArgs};
use crate::exit::Exit;
use crate::named_file::{self, ReadLimits};
use crate::output::escape::{KeptControls, escape};
use crate::recording::{Placeholders, Recording, check_file, read};
use crate::secret::{io_text, redact_url};

use super::UsageError;

/// Limits of a file that is imported. A person may take a while to paste a command.
const LIMITS: ReadLimits = ReadLimits {
    size: 1 << 30,
    time: Duration::from_secs(60 * 60),
};

/// The most URLs that an error lists.
const LISTED: usize = 10;

/// Prints the check file to stdout.
///
/// # Errors
/// A file that cannot be read (exit 26) or is not usable (exit 2).
pub fn run(options: &ImportArgs) -> anyhow::Result<Exit> {
    let name = match options.file.as_path() {
        path if path == Path::new("-") => "standard input".to_owned(),
        path => escape(&path.display().to_string(), KeptControls::Nothing).into_owned(),
    };
    let bytes = match options.file.as_path() {
        path if path == Path::new("-") => named_file::read_stdin(LIMITS),
        path => named_file::read(path, LIMITS),
    };
    let bytes = bytes.map_err(|error| {
        let message = format!("cannot read {name}: {}", io_text(&error));
        UsageError::with_exit(Exit::Input, message)
    })?;
    let mut recording = read::read(&name, &bytes).map_err(|error| {
        let line = error
            .line
            .map_or_else(String::new, |line| format!("{line}:"));
        let refused = UsageError::usage(format!("{name}:{line} {error}"));
        match error.hint {
            Some(hint) => refused.hint(hint),
            None => refused,
        }
    })?;
    drop(bytes);
    if let Some(choice) = &options.entry {
        choose(&mut recording, choice, &name)?;
    }
    let placeholders = Placeholders::of_import(&mut recording);
    let file = check_file::write(&recording, &placeholders, None).map_err(UsageError::usage)?;
    match io::stdout().write_all(file.text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(UsageError::output(format!("cannot write output: {}", io_text(&error))).into())
        }
        _ => Ok(Exit::Success),
    }
}

/// Keeps the connections that `--entry` asks for.
fn choose(recording: &mut Recording, choice: &EntryChoice, name: &str) -> Result<(), UsageError> {
    let all = std::mem::take(&mut recording.connections);
    let count = all.len();
    let urls: Vec<String> = all
        .iter()
        .take(LISTED)
        .enumerate()
        .map(|(index, connection)| format!("{} {}", index + 1, redact_url(&connection.url)))
        .collect();
    let kept = all.into_iter().enumerate();
    recording.connections = kept
        .filter(|(index, connection)| match choice {
            EntryChoice::Number(number) => index + 1 == *number,
            EntryChoice::Url(pattern) => pattern.is_match(&connection.url),
        })
        .map(|(_, connection)| connection)
        .collect();
    if !recording.connections.is_empty() {
        return Ok(());
    }
    let what = match choice {
        EntryChoice::Number(number) => format!("--entry {number}: {name} has {count} connections"),
        EntryChoice::Url(pattern) => {
            format!(
                "--entry {}: no connection of {name} has such a URL",
                pattern.as_str()
            )
        }
    };
    let urls = urls.join(", ");
    let more = if count > LISTED { ", …" } else { "" };
    let listed = escape(&urls, KeptControls::Nothing).into_owned();
    Err(UsageError::usage(what).hint(format!("its connections: {listed}{more}")))
}
