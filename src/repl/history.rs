//! The history of entered lines: in memory, and on disk for each host.
//!
//! Entries, duplicates and search are rustyline's `MemHistory`. The file is not rustyline's, because `FileHistory` would also write
//! entries with secrets, and truncates the file to rewrite it when another session has appended to it, so a full
//! disk or a kill could lose everything.
//!
//! The file has mode 0600 and one entry a line, with line breaks as `\n`. Each entry is appended in one write, so
//! that parallel sessions do not lose entries. A line that starts with a space is not kept; one that contains a
//! secret, or looks like it, is kept in memory only.

use std::borrow::Cow;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustyline::history::{History as _, MemHistory, SearchDirection};

use crate::named_file::refuse_special;
use crate::secret::io_text;

/// The most entries that are kept.
const MOST: usize = 10_000;
/// The most that is read of a file, and the longest entry written, in bytes.
const LARGEST: usize = 16 << 20;
const LONGEST: usize = 64 << 10;

/// The characters of a host that are not percent-encoded in the file name.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// The history of one host.
pub struct History {
    entries: MemHistory,
    file: Option<PathBuf>,
    /// The index of the entry shown, and the text typed before, which every entry shown begins with.
    browsing: Option<(usize, String)>,
}

impl Default for History {
    fn default() -> Self {
        let mut entries = MemHistory::new();
        // Only the trait returns errors; the in-memory history has none.
        let _ = entries.set_max_len(MOST);
        let _ = entries.ignore_dups(true);
        entries.ignore_space(false);
        Self {
            entries,
            file: None,
            browsing: None,
        }
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("entries", &self.entries.len())
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// Whether an entry may be written to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryPlace {
    /// Yes.
    OnDisk,
    /// No: it contains a secret, or looks like it.
    InMemory,
}

impl History {
    /// Loads the history of a file; one that cannot be read counts as empty.
    pub fn load(file: Option<PathBuf>) -> Self {
        let mut history = Self::default();
        if let Some(file) = &file {
            load(file, &mut history.entries);
        }
        Self { file, ..history }
    }

    /// Adds an entered line.
    ///
    /// # Errors
    /// A message when the file cannot be written; it is not written again.
    pub fn add(&mut self, entry: &str, keep: HistoryPlace) -> Result<(), String> {
        self.browsing = None;
        // `add` rejects empty lines and repetitions.
        if entry.starts_with(' ') || !self.entries.add(entry).unwrap_or(false) {
            return Ok(());
        }
        if keep == HistoryPlace::InMemory || entry.len() > LONGEST {
            return Ok(());
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let Err(error) = append(file, entry) else {
            return Ok(());
        };
        let words = format!(
            "cannot write the history: {}: {}",
            file.display(),
            io_text(&error)
        );
        self.file = None;
        Err(words)
    }

    fn entry(&self, at: usize) -> Option<Cow<'_, str>> {
        let found = self.entries.get(at, SearchDirection::Reverse);
        found.ok().flatten().map(|found| found.entry)
    }

    /// The entry before the one shown that begins with the text typed before, and differs from it; `shown` is the text
    /// in the line. After the last one the text typed before is restored.
    pub fn older(&mut self, shown: &str) -> Option<String> {
        let (end, typed) = match self.browsing.take() {
            Some((at, typed)) if self.entry(at).as_deref() == Some(shown) => (at, typed),
            _ => (self.entries.len(), shown.to_owned()),
        };
        let found = self.beginning((0..end).rev(), &typed, shown);
        self.browsing = match &found {
            Some((at, _)) => Some((*at, typed)),
            // The oldest one stays.
            None if end < self.entries.len() => Some((end, typed)),
            None => None,
        };
        found.map(|(_, entry)| entry)
    }

    /// The entry after the one shown that begins with the text typed before; after the last one, that text.
    pub fn newer(&mut self) -> Option<String> {
        let (at, typed) = self.browsing.take()?;
        let shown = self.entry(at).map(Cow::into_owned).unwrap_or_default();
        let Some((at, entry)) = self.beginning(at + 1..self.entries.len(), &typed, &shown) else {
            return Some(typed);
        };
        self.browsing = Some((at, typed));
        Some(entry)
    }

    /// Whether this is the entry that is shown.
    pub fn is_shown(&self, text: &str) -> bool {
        let at = self.browsing.as_ref().map(|(at, _)| *at);
        at.and_then(|at| self.entry(at)).as_deref() == Some(text)
    }

    /// The first of these entries that begins with a text and is not the one shown.
    fn beginning(
        &self,
        mut places: impl Iterator<Item = usize>,
        start: &str,
        shown: &str,
    ) -> Option<(usize, String)> {
        places.find_map(|at| {
            let entry = self.entry(at)?;
            let fits = entry.starts_with(start) && entry != shown;
            fits.then(|| (at, entry.into_owned()))
        })
    }

    /// The last entry before `end` that contains `part` and differs from the one at `end`.
    pub fn find(&self, part: &str, end: usize) -> Option<(usize, Cow<'_, str>)> {
        let found_before = self.entry(end);
        let mut end = end.min(self.entries.len());
        loop {
            let start = end.checked_sub(1)?;
            let found = self.entries.search(part, start, SearchDirection::Reverse);
            let found = found.ok().flatten()?;
            if found_before.as_ref() != Some(&found.entry) {
                return Some((found.idx, found.entry));
            }
            end = found.idx;
        }
    }
}

/// The history file of a host; `None` if no state directory is known.
pub fn file_of(host: &str) -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("LOCALAPPDATA").filter(|_| cfg!(windows)))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    let name: String = utf8_percent_encode(&host.replace(':', "_"), &PLAIN).collect();
    let name = &name[..name.len().min(200)];
    Some(state.join("wsprobe").join("history").join(name))
}

fn load(file: &Path, entries: &mut MemHistory) {
    let Ok(bytes) = read_end(file) else {
        return;
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = 0;
    for line in text.lines() {
        lines += 1;
        // The in-memory history has no errors.
        let _ = entries.add_owned(unescape(line));
    }
    // Rewritten only when it is 10 % too long, not each time.
    if lines > MOST + MOST / 10 {
        // An error is reported when an entry is added.
        let _ = rewrite(file, entries);
    }
}

/// The last [`LARGEST`] bytes of a file.
fn read_end(file: &Path) -> io::Result<Vec<u8>> {
    refuse_special(file)?;
    let mut opened = File::open(file)?;
    let size = opened.metadata()?.len();
    opened.seek(SeekFrom::Start(size.saturating_sub(LARGEST as u64)))?;
    let mut bytes = Vec::new();
    opened.take(LARGEST as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn rewrite(file: &Path, entries: &MemHistory) -> io::Result<()> {
    let beside = file.with_extension(format!("{}.new", std::process::id()));
    let text: String = entries
        .into_iter()
        .map(|entry| escape(entry) + "\n")
        .collect();
    open(&beside)?.write_all(text.as_bytes())?;
    std::fs::rename(&beside, file)
}

fn append(file: &Path, entry: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        make_folder(folder)?;
    }
    refuse_special(file)?;
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

/// Opens a file for appending, readable only by its owner, also if it already exists.
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

/// On Windows the user's own folder is already private.
#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
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
        History::load(history.file.clone())
    }

    fn entries(history: &History) -> Vec<&str> {
        history.entries.into_iter().map(String::as_str).collect()
    }

    #[test]
    fn any_entry_survives_a_reload() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut history = History::load(Some(folder.path().join("a/b/host_1")));
        for entry in ["one", "one", "{\n  \"a\\n\": 1\r\n}", " blank", ""] {
            history.add(entry, HistoryPlace::OnDisk).unwrap();
        }
        history.add("secret", HistoryPlace::InMemory).unwrap();
        assert_eq!(
            entries(&history),
            ["one", "{\n  \"a\\n\": 1\r\n}", "secret"]
        );
        assert_eq!(entries(&reopened(&history)), entries(&history)[..2]);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone_even_if_it_was_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("host");
        std::fs::write(&file, "old\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut history = History::load(Some(file.clone()));
        history.add("new", HistoryPlace::OnDisk).unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(entries(&reopened(&history)), ["old", "new"]);
    }

    #[test]
    fn ten_thousand_entries_are_kept() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("host");
        let lines: String = (0..12_000).map(|n| format!("{n}\n")).collect();
        std::fs::write(&file, lines).unwrap();
        let history = History::load(Some(file.clone()));
        assert_eq!(history.entries.len(), MOST);
        assert_eq!(entries(&history)[0], "2000");
        assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), MOST);
    }

    #[test]
    fn going_back_and_forth_brings_back_what_was_being_typed() {
        let mut history = History::default();
        history.add("one", HistoryPlace::OnDisk).unwrap();
        history.add("two", HistoryPlace::OnDisk).unwrap();
        assert_eq!(history.older("").as_deref(), Some("two"));
        assert_eq!(history.older("two").as_deref(), Some("one"));
        assert_eq!(history.older("one"), None);
        assert!(history.is_shown("one") && !history.is_shown("two"));
        assert_eq!(history.newer().as_deref(), Some("two"));
        assert_eq!(history.newer().as_deref(), Some(""));
        assert_eq!(history.newer(), None);
        assert_eq!(history.older("o").as_deref(), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer().as_deref(), Some("o"));
        assert_eq!(history.older("draft"), None);
        assert_eq!(history.newer(), None);
        // An entry that was changed is what is searched for.
        assert_eq!(history.older("").as_deref(), Some("two"));
        assert_eq!(history.older("on").as_deref(), Some("one"));
        assert_eq!(history.find("o", 2), Some((1, "two".into())));
        assert_eq!(history.find("o", 1), Some((0, "one".into())));
        assert_eq!(history.find("x", 2), None);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_once() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut history = History::load(Some(folder.path().to_owned()));
        let words = history.add("one", HistoryPlace::OnDisk).unwrap_err();
        assert!(
            words.contains(&folder.path().display().to_string()),
            "{words}"
        );
        assert_eq!(history.add("two", HistoryPlace::OnDisk), Ok(()));
    }
}
