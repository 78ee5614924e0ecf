//! Reads recordings that were made elsewhere: HAR files, our own JSON lines, curl commands.
//!
//! A file is read as a whole before anything is made of it, so that a bad one leaves no half result.

mod curl;
mod har;
mod log;

use std::fmt;

use super::{Opening, Recording};
use crate::connection::target::{Address, is_token_byte};
use crate::output::escape::{KeptControls, escape};
use crate::secret::redact_url;

/// Why a file cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, if one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl ReadError {
    fn new(what: impl Into<String>) -> Self {
        Self {
            line: None,
            what: what.into(),
            hint: None,
        }
    }

    fn at(line: usize, what: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::new(what)
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileForm {
    Har,
    Log,
    Curl,
}

/// Reads a HAR file, lines of `--log` or `--json`, or a curl command; `name` is the file's.
///
/// # Errors
/// It is none of them, is not complete, or has no WebSocket connection.
pub fn read(name: &str, bytes: &[u8]) -> Result<Recording, ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut recording = match form(bytes) {
        Some(FileForm::Har) => har::read(bytes)?,
        Some(FileForm::Log) => log::read(bytes)?,
        Some(FileForm::Curl) => curl::read(bytes)?,
        None if bytes.trim_ascii().is_empty() => return Err(ReadError::new("the file is empty")),
        None => {
            return Err(ReadError::new(
                "expected a HAR file, lines of wsprobe --log or --json, or a curl command",
            ));
        }
    };
    recording.title = format!("Imported by wsprobe from {name}");
    for (index, connection) in recording.connections.iter_mut().enumerate() {
        // A tab or a line break would end the line of the check file.
        let is_whole = !connection
            .url
            .contains(|c: char| c.is_whitespace() || c.is_control());
        if !is_whole || Address::parse(&connection.url).is_err() {
            let url = redact_url(&connection.url);
            return Err(ReadError::new(format!(
                "invalid URL of connection {}: '{}'",
                index + 1,
                escape(&url, KeptControls::Nothing)
            )));
        }
        if let Opening::Open { subprotocol, .. } = &mut connection.opening {
            subprotocol.take_if(|name| !name.bytes().all(is_token_byte));
        }
    }
    Ok(recording)
}

fn form(bytes: &[u8]) -> Option<FileForm> {
    let text = bytes.trim_ascii_start();
    let word = text.strip_prefix(b"$").unwrap_or(text).trim_ascii_start();
    let after = word
        .strip_prefix(b"curl.exe")
        .or_else(|| word.strip_prefix(b"curl"));
    if after.is_some_and(|after| after.first().is_none_or(u8::is_ascii_whitespace)) {
        return Some(FileForm::Curl);
    }
    if !text.starts_with(b"{") {
        return None;
    }
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
    match log::is_event(first) {
        true => Some(FileForm::Log),
        false => Some(FileForm::Har),
    }
}
