//! The terminal lent to another program: a pager or an editor.
//!
//! Meanwhile the session goes on without printing: the prompt is erased, messages are kept as in a pause, and Ctrl-C is
//! for the other program.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Interval, interval};

use super::commands::opens_json;
use super::system;
use crate::secret::io_text;

/// How often the end of the program is looked for.
const CHECKED: Duration = Duration::from_millis(20);

/// A program that uses the terminal. Dropping it ends the program.
#[derive(Debug)]
pub struct LentTerminal {
    child: Child,
    clock: Interval,
    name: String,
    /// The file that an editor changes.
    file: Option<EditedFile>,
}

/// What a program has left.
#[derive(Debug, PartialEq, Eq)]
pub enum LeftBehind {
    /// Nothing.
    Nothing,
    /// The edited text.
    Text(String),
    /// It failed: a message.
    Failure(String),
}

/// A file of our own, removed on drop.
#[derive(Debug)]
struct EditedFile(PathBuf);

impl Drop for EditedFile {
    fn drop(&mut self) {
        // Another program may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Drop for LentTerminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }
}

/// The pager of this environment; `None` if text is to be printed as it is.
pub fn pager() -> Option<String> {
    let pager = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    (!pager.is_empty() && pager != "cat").then_some(pager)
}

impl LentTerminal {
    /// Shows a text in a pager.
    ///
    /// # Errors
    /// The pager cannot be started.
    pub fn page(pager: &str, text: Vec<u8>) -> io::Result<Self> {
        let mut command = system::shell(pager, None);
        if std::env::var_os("LESS").is_none() {
            // Shows our colours, and nothing else of a sequence.
            command.env("LESS", "R");
        }
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A pager that has been left reads no more.
            std::thread::spawn(move || stdin.write_all(&text));
        }
        Ok(Self::new(child, pager, None))
    }

    /// Changes a text in an editor.
    ///
    /// # Errors
    /// The editor cannot be started, or the file for it cannot be created.
    pub fn edit(text: &str) -> io::Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let editor = variable("VISUAL").or_else(|| variable("EDITOR"));
        let editor = editor.unwrap_or_else(|| system::EDITOR.to_owned());
        let file = EditedFile(file_name(text)?);
        create(&file.0)?.write_all(text.as_bytes())?;
        let child = system::shell(&editor, Some(&file.0)).spawn()?;
        Ok(Self::new(child, &editor, Some(file)))
    }

    fn new(child: Child, name: &str, file: Option<EditedFile>) -> Self {
        Self {
            child,
            clock: interval(CHECKED),
            name: name.to_owned(),
            file,
        }
    }

    /// Ready when the program has ended.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<LeftBehind> {
        loop {
            ready!(self.clock.poll_tick(cx));
            match self.child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Poll::Ready(self.result(status)),
                Err(error) => return Poll::Ready(LeftBehind::Failure(io_text(&error))),
            }
        }
    }

    fn result(&self, status: ExitStatus) -> LeftBehind {
        let name = &self.name;
        if !status.success() {
            return LeftBehind::Failure(format!("{name} failed: {status}"));
        }
        let Some(file) = &self.file else {
            return LeftBehind::Nothing;
        };
        match std::fs::read_to_string(&file.0) {
            // An editor ends the last line.
            Ok(text) => LeftBehind::Text(text.strip_suffix('\n').unwrap_or(&text).to_owned()),
            Err(error) => {
                LeftBehind::Failure(format!("cannot read the edited text: {}", io_text(&error)))
            }
        }
    }
}

/// A name that nobody can foresee.
fn file_name(text: &str) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let random = u64::from_ne_bytes(random);
    let kind = if opens_json(text) { "json" } else { "txt" };
    Ok(std::env::temp_dir().join(format!("wsprobe-{random:016x}.{kind}")))
}

/// Creates a file for its owner alone.
fn create(path: &Path) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    system::keep_private(&mut options);
    options.open(path)
}
