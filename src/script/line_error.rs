//! An error in a line of a check file, before the file's name is added.

/// An error in a line of a check file.
pub(super) struct LineError {
    /// Counted from 1; `None` for the line being read.
    pub(super) line: Option<usize>,
    pub(super) what: String,
}

impl From<String> for LineError {
    fn from(what: String) -> Self {
        Self { line: None, what }
    }
}

impl From<&str> for LineError {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}
