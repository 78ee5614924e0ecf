//! The endpoints file: names for URLs and their options (`@NAME`).
//!
//! The file is TOML. Each table is an endpoint with a `url`; its other keys are long options without the dashes.
//! Which options exist is not known here. The nearest file is the only one that is read, and only when a name is used.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::named_file::{self, ReadLimits};
use crate::nearest::nearest;
use crate::secret::{io_text, redact_url};

/// The file's name in this folder or one above it.
const NAME: &str = "wsprobe.toml";

/// The file's name in the user's configuration folder.
const USER_NAME: &str = "wsprobe/endpoints.toml";

/// A parsed endpoints file.
#[derive(Debug)]
pub struct EndpointsFile {
    /// Its path, for error messages and the paths in it.
    pub path: PathBuf,
    endpoints: Vec<Endpoint>,
}

/// A URL and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The line of its header in the file, from 1.
    pub line: usize,
    /// The keys of its table, in their order.
    pub settings: Vec<EndpointSetting>,
}

/// A key of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSetting {
    /// The key: `url`, or the name of a long option.
    pub key: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its value.
    pub value: SettingValue,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// `true` or `false`.
    Switch(bool),
    /// A text or a number.
    One(String),
    /// A list of them.
    Many(Vec<String>),
    /// Something else, such as a date: its type.
    Other(&'static str),
}

/// What is wrong with an endpoints file or a name.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// There is no file.
    #[error("{name}: there is no endpoints file: no {NAME} in this folder or above it{user}")]
    NoFile {
        /// The name that was used.
        name: String,
        /// The user's file, which is not there either.
        user: String,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A place in the file is wrong.
    #[error("{}:{line}: {what}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The name is not in the file, or none was given.
    #[error("{}", unknown_text(name, file, nearest.as_deref()))]
    Unknown {
        /// The name.
        name: String,
        /// The file.
        file: PathBuf,
        /// The name that may have been meant.
        nearest: Option<String>,
        /// All names with their URLs.
        all: Vec<String>,
    },
}

fn unknown_text(name: &str, file: &Path, nearest: Option<&str>) -> String {
    let file = file.display();
    match (name, nearest) {
        ("", _) => format!("@ needs the name of an endpoint of {file}"),
        (_, Some(nearest)) => {
            format!("unknown endpoint @{name} in {file}; did you mean @{nearest}?")
        }
        (_, None) => format!("unknown endpoint @{name} in {file}"),
    }
}

impl EndpointsFile {
    /// Reads the file that was named, or else the nearest one.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is no TOML with a table for each endpoint.
    pub fn open(named: Option<&Path>, used_name: &str) -> Result<Self, EndpointError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => find(used_name)?,
        };
        let unreadable = |why: String| EndpointError::Unreadable {
            path: path.clone(),
            why,
        };
        let bytes = named_file::read(&path, ReadLimits::default())
            .map_err(|error| unreadable(io_text(&error)))?;
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable("not valid UTF-8".to_owned()))?;
        Self::parse(path, &text)
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// It is no TOML, or something stands outside of a table.
    pub fn parse(path: PathBuf, text: &str) -> Result<Self, EndpointError> {
        let fail = |line, what: String| EndpointError::At {
            path: path.clone(),
            line,
            what,
        };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            fail(line_of(text, at), error.message().to_owned())
        })?;
        let mut endpoints = Vec::new();
        for (name, value) in in_order(table.get_ref()) {
            let line = line_of(text, name.span().start);
            let DeValue::Table(settings) = value.get_ref() else {
                let what = format!(
                    "{} stands outside of an endpoint: [NAME] begins one",
                    name.get_ref()
                );
                return Err(fail(line, what));
            };
            let settings = in_order(settings)
                .into_iter()
                .map(|(key, value)| EndpointSetting {
                    key: key.get_ref().to_string(),
                    line: line_of(text, key.span().start),
                    value: SettingValue::of(value.get_ref()),
                });
            endpoints.push(Endpoint {
                name: name.get_ref().to_string(),
                line,
                settings: settings.collect(),
            });
        }
        Ok(Self { path, endpoints })
    }

    /// The endpoint of this name.
    ///
    /// # Errors
    /// There is none: the nearest name, and all of them.
    pub fn get(&self, name: &str) -> Result<&Endpoint, EndpointError> {
        let found = self.endpoints.iter().find(|endpoint| endpoint.name == name);
        found.ok_or_else(|| {
            let names = self.endpoints.iter().map(|endpoint| endpoint.name.as_str());
            EndpointError::Unknown {
                name: name.to_owned(),
                file: self.path.clone(),
                nearest: nearest(name, names).map(str::to_owned),
                all: self.endpoints.iter().map(ToString::to_string).collect(),
            }
        })
    }

    /// The names of all endpoints, in their order.
    pub fn names(&self) -> Vec<String> {
        let names = self.endpoints.iter().map(|endpoint| endpoint.name.clone());
        names.collect()
    }

    /// An error at a line of this file.
    pub fn error(&self, line: usize, what: impl Into<String>) -> EndpointError {
        EndpointError::At {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }

    /// A path in this file, which is relative to its folder.
    pub fn resolve(&self, path: &str) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(path),
            None => PathBuf::from(path),
        }
    }
}

impl Endpoint {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&EndpointSetting> {
        self.settings.iter().find(|setting| setting.key == key)
    }
}

/// `@staging  wss://staging.example.com/feed`, without secrets.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match self.get("url").map(|setting| &setting.value) {
            Some(SettingValue::One(url)) => redact_url(url),
            _ => "(no url)".to_owned(),
        };
        write!(f, "@{}  {url}", self.name)
    }
}

impl SettingValue {
    fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::Boolean(is_set) => Self::Switch(*is_set),
            DeValue::Array(values) => {
                let one = |value: &Spanned<DeValue<'_>>| one_text(value.get_ref());
                match values.iter().map(one).collect() {
                    Some(texts) => Self::Many(texts),
                    None => Self::Other("an array of other values than texts and numbers"),
                }
            }
            value => match one_text(value) {
                Some(text) => Self::One(text),
                None => Self::Other(value.type_str()),
            },
        }
    }
}

fn one_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

/// The entries of a table as they stand in the file.
fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(
    &'t Spanned<toml::de::DeString<'i>>,
    &'t Spanned<DeValue<'i>>,
)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

/// The nearest file: in this folder, one above it, or the user's.
fn find(used_name: &str) -> Result<PathBuf, EndpointError> {
    let here = std::env::current_dir().unwrap_or_default();
    let near = here.ancestors().map(|folder| folder.join(NAME));
    let user = user_file();
    near.chain(user.clone())
        .find(|path| path.exists())
        .ok_or_else(|| EndpointError::NoFile {
            name: used_name.to_owned(),
            user: user.map_or_else(String::new, |path| format!(", and no {}", path.display())),
        })
}

/// `$XDG_CONFIG_HOME/wsprobe/endpoints.toml`, else in `~/.config`; on Windows in `%APPDATA%`.
fn user_file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty());
    let configuration = folder("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || match cfg!(windows) {
        true => folder("APPDATA").map(PathBuf::from),
        false => folder("HOME").map(|home| Path::new(&home).join(".config")),
    };
    configuration
        .or_else(home)
        .map(|folder| folder.join(USER_NAME))
}
