//! What was typed before: in memory, and on disk for each host.
//!
//! The file is private (mode 0600) and holds one entry a line, line breaks as `\n`. An entry is appended
//! as it is made, in one write, so that several sessions with one host lose nothing of each other. A line
//! that begins with a blank is kept nowhere; one that holds a secret, or looks like it, is kept in memory
//! alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::secret::io_text;

/// The most entries that are kept.
const MOST: usize = 10_000;
/// The most that is read of a file, and the longest entry that is written, in bytes.
const LARGEST: usize = 16 << 20;
const LONGEST: usize = 64 << 10;

/// What is written as it is in a file's name.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// See the module's head.
#[derive(Debug, Default)]
pub struct History {
    entries: Vec<String>,
    file: Option<PathBuf>,
    /// The entry that is being looked at, and what was being typed before.
    browsing: Option<(usize, String)>,
}

/// Whether an entry may be written to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It may.
    OnDisk,
    /// It holds a secret, or looks like it.
    InMemory,
}

impl History {
    /// The history in a file; one that cannot be read is begun anew.
    pub fn of(file: Option<PathBuf>) -> Self {
        let entries = file.as_deref().map(load).unwrap_or_default();
        Self {
            entries,
            file,
            browsing: None,
        }
    }

    /// Adds what was entered.
    ///
    /// # Errors
    /// In words, when it cannot be written; from then on nothing more is.
    pub fn add(&mut self, entry: &str, keep: Keep) -> Result<(), String> {
        self.browsing = None;
        let repeats = self.entries.last().is_some_and(|last| last == entry);
        if entry.starts_with(' ') || entry.is_empty() || repeats {
            return Ok(());
        }
        if self.entries.len() == MOST {
            self.entries.remove(0);
        }
        self.entries.push(entry.to_owned());
        if keep == Keep::InMemory || entry.len() > LONGEST {
            return Ok(());
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let Err(error) = append(file, entry) else {
            return Ok(());
        };
        let words = format!(
            "no history is kept: {}: {}",
            file.display(),
            io_text(&error)
        );
        self.file = None;
        Err(words)
    }

    /// The entry before the one that is looked at; `typed` comes back behind the last one.
    pub fn older(&mut self, typed: &str) -> Option<&str> {
        let at = match &self.browsing {
            Some((at, _)) => at.checked_sub(1)?,
            None => self.entries.len().checked_sub(1)?,
        };
        match &mut self.browsing {
            Some((looked_at, _)) => *looked_at = at,
            None => self.browsing = Some((at, typed.to_owned())),
        }
        self.entries.get(at).map(String::as_str)
    }

    /// The entry behind the one that is looked at, and in the end what was being typed.
    pub fn newer(&mut self) -> Option<String> {
        let (at, typed) = self.browsing.take()?;
        match self.entries.get(at + 1) {
            Some(entry) => {
                let entry = entry.clone();
                self.browsing = Some((at + 1, typed));
                Some(entry)
            }
            None => Some(typed),
        }
    }

    /// The last entry before `end` that has `part` and is another than the one at `end`.
    pub fn find(&self, part: &str, end: usize) -> Option<(usize, &str)> {
        let found_before = self.entries.get(end);
        let older = self.entries[..end.min(self.entries.len())]
            .iter()
            .enumerate();
        older
            .rev()
            .find(|(_, entry)| entry.contains(part) && Some(*entry) != found_before)
            .map(|(at, entry)| (at, entry.as_str()))
    }
}

/// Where the history of a host is kept; `None` where there is no place for it.
pub fn file_of(host: &str) -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    let name: String = utf8_percent_encode(&host.replace(':', "_"), &PLAIN).collect();
    let name = &name[..name.len().min(200)];
    Some(state.join("wsprobe").join("history").join(name))
}

fn load(file: &Path) -> Vec<String> {
    let Ok(bytes) = std::fs::read(file) else {
        return Vec::new();
    };
    let bytes = &bytes[bytes.len().saturating_sub(LARGEST)..];
    let text = String::from_utf8_lossy(bytes);
    let mut entries: Vec<String> = text.lines().map(unescape).collect();
    let surplus = entries.len().saturating_sub(MOST);
    entries.drain(..surplus);
    // Written anew only now and then: a file that is a little too long does no harm.
    if surplus > MOST / 10 {
        // What fails here fails again, and is told, when an entry is added.
        let _ = rewrite(file, &entries);
    }
    entries
}

fn rewrite(file: &Path, entries: &[String]) -> io::Result<()> {
    let beside = file.with_extension(format!("{}.new", std::process::id()));
    let text: String = entries.iter().map(|entry| escape(entry) + "\n").collect();
    open(&beside)?.write_all(text.as_bytes())?;
    std::fs::rename(&beside, file)
}

fn append(file: &Path, entry: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        make_folder(folder)?;
    }
    open(file)?.write_all((escape(entry) + "\n").as_bytes())
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Opens a file to append to, readable by its owner alone, also when it was there before.
#[cfg(unix)]
fn open(file: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    let mut permissions = opened.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        opened.set_permissions(permissions)?;
    }
    Ok(opened)
}

#[cfg(not(unix))]
fn open(file: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(file)
}

fn escape(entry: &str) -> String {
    entry
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn unescape(line: &str) -> String {
    let mut entry = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n') => entry.push('\n'),
                Some('r') => entry.push('\r'),
                Some(other) => entry.push(other),
                None => entry.push('\\'),
            },
            c => entry.push(c),
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reopened(history: &History) -> History {
        History::of(history.file.clone())
    }

    #[test]
    fn what_was_typed_is_there_again_whatever_it_was() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut history = History::of(Some(folder.path().join("a/b/host_1")));
        for entry in ["one", "one", "{\n  \"a\\n\": 1\r\n}", " blank", ""] {
            history.add(entry, Keep::OnDisk).unwrap();
        }
        history.add("secret", Keep::InMemory).unwrap();
        assert_eq!(history.entries, ["one", "{\n  \"a\\n\": 1\r\n}", "secret"]);
        assert_eq!(reopened(&history).entries, history.entries[..2]);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone_even_if_it_was_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("host");
        std::fs::write(&file, "old\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut history = History::of(Some(file.clone()));
        history.add("new", Keep::OnDisk).unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(reopened(&history).entries, ["old", "new"]);
    }

    #[test]
    fn ten_thousand_entries_are_kept() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("host");
        let lines: String = (0..12_000).map(|n| format!("{n}\n")).collect();
        std::fs::write(&file, lines).unwrap();
        let history = History::of(Some(file.clone()));
        assert_eq!(history.entries.len(), MOST);
        assert_eq!(history.entries[0], "2000");
        assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), MOST);
    }

    #[test]
    fn going_back_and_forth_brings_back_what_was_being_typed() {
        let mut history = History::default();
        history.add("one", Keep::OnDisk).unwrap();
        history.add("two", Keep::OnDisk).unwrap();
        assert_eq!(history.older("draft"), Some("two"));
        assert_eq!(history.older("two"), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer().as_deref(), Some("two"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
        assert_eq!(history.newer(), None);
        assert_eq!(history.find("o", 2), Some((1, "two")));
        assert_eq!(history.find("o", 1), Some((0, "one")));
        assert_eq!(history.find("x", 2), None);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_once() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut history = History::of(Some(folder.path().to_owned()));
        let words = history.add("one", Keep::OnDisk).unwrap_err();
        assert!(
            words.contains(&folder.path().display().to_string()),
            "{words}"
        );
        assert_eq!(history.add("two", Keep::OnDisk), Ok(()));
    }
}
