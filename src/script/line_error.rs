//! An error in a line of a check file, before the file's name is added.

/// An error in a line of a check file.
pub(super) struct LineError {
    /// The included file that the line is in; `None` for the file being read.
    pub(super) file: Option<String>,
    /// Counted from 1; `None` for the line being read.
    pub(super) line: Option<usize>,
    pub(super) what: String,
}

impl LineError {
    /// An error in another line of the file being read.
    pub(super) fn at(line: usize, what: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..what.into().into()
        }
    }
}

impl From<String> for LineError {
    fn from(what: String) -> Self {
        Self {
            file: None,
            line: None,
            what,
        }
    }
}

impl From<&str> for LineError {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}
