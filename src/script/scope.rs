//! The names that are defined and the connections that are open at a line.
//!
//! A file has no branches, so this is known before anything runs; only the server may close earlier.

use std::fmt;
use std::rc::Rc;

use super::ConnectionName;
use super::line_error::LineError;
use super::suggest::STEPS;

/// The state after the steps of the current test that were read so far.
#[derive(Default)]
pub(super) struct ParseScope {
    pub(super) defined: Vec<String>,
    pub(super) connections: Vec<DeclaredConnection>,
    /// Whether there is a last matched message.
    pub(super) received: bool,
    /// The included file that is being read.
    pub(super) file: Option<Rc<str>>,
}

/// A line, possibly of an included file.
#[derive(Clone)]
pub(super) struct LinePlace {
    file: Option<Rc<str>>,
    line: usize,
}

/// `line 3`, or `line 3 of lib.wst`
impl fmt::Display for LinePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        self.file
            .as_ref()
            .map_or(Ok(()), |file| write!(f, " of {file}"))
    }
}

pub(super) struct DeclaredConnection {
    name: Option<String>,
    pub(super) place: LinePlace,
    /// The line that ended it.
    pub(super) ended: Option<LinePlace>,
}

impl ParseScope {
    /// The latest connection of this name, open or not.
    pub(super) fn latest(&self, name: &str) -> Option<usize> {
        self.connections
            .iter()
            .rposition(|connection| connection.name.as_deref() == Some(name))
    }

    /// The names of this test's connections, open or not.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.connections
            .iter()
            .filter_map(|connection| connection.name.as_deref())
    }

    /// A line of the file that is being read.
    pub(super) fn place(&self, line: usize) -> LinePlace {
        LinePlace {
            file: self.file.clone(),
            line,
        }
    }

    /// Which connections are open.
    pub(super) fn open_indices(&self) -> Vec<usize> {
        self.open_ones().map(|(index, _)| index).collect()
    }

    fn open_ones(&self) -> impl Iterator<Item = (usize, &DeclaredConnection)> {
        self.connections
            .iter()
            .enumerate()
            .filter(|(_, connection)| connection.ended.is_none())
    }

    /// Records a `connect` on this line and returns its index.
    ///
    /// # Errors
    /// Its name cannot be distinguished from the connections that are open.
    pub(super) fn open(&mut self, name: Option<&str>, line: usize) -> Result<usize, LineError> {
        if let Some(name) = name.filter(|name| STEPS.contains(name) || *name == "expect") {
            return Err(format!("'{name}' is a step and cannot name a connection").into());
        }
        for (_, other) in self.open_ones() {
            let since = &other.place;
            match (&other.name, name) {
                (_, None) => {
                    return Err(format!(
                        "the connection of {since} is still open; name both (connect NAME URL)"
                    )
                    .into());
                }
                (None, Some(_)) => {
                    let what = format!(
                        "{} opens a second connection; this one needs a name, too (connect NAME URL)",
                        self.place(line)
                    );
                    return Err(match since.file == self.file {
                        true => LineError::at(since.line, what),
                        false => format!(
                            "the connection of {since} is still open; name both (connect NAME URL)"
                        )
                        .into(),
                    });
                }
                (Some(other), Some(name)) if other == name => {
                    return Err(format!("'{name}' is already open since {since}").into());
                }
                _ => {}
            }
        }
        self.connections.push(DeclaredConnection {
            name: name.map(str::to_owned),
            place: self.place(line),
            ended: None,
        });
        Ok(self.connections.len() - 1)
    }

    /// The connection that a step uses.
    pub(super) fn peer(&self, name: Option<&str>) -> Result<ConnectionName, LineError> {
        if let Some(name) = name {
            let index = self
                .latest(name)
                .ok_or_else(|| format!("unknown connection '{name}'"))?;
            return match &self.connections[index].ended {
                Some(place) => Err(format!("'{name}' was closed on {place}").into()),
                None => Ok(ConnectionName {
                    name: Some(name.to_owned()),
                    index,
                }),
            };
        }
        let mut open = self.open_ones();
        match (open.next(), open.next()) {
            (Some((index, _)), None) => Ok(ConnectionName { name: None, index }),
            (Some(_), Some(_)) => {
                let names: Vec<_> = self
                    .open_ones()
                    .filter_map(|(_, c)| c.name.as_deref())
                    .collect();
                Err(format!(
                    "{} connections are open; name one ({})",
                    names.len(),
                    names.join(", ")
                )
                .into())
            }
            (None, _) => Err(match self
                .connections
                .last()
                .and_then(|connection| connection.ended.as_ref())
            {
                Some(place) => format!("no open connection; the last one was closed on {place}"),
                None => "no open connection; open one with connect URL".to_owned(),
            }
            .into()),
        }
    }

    /// Records that a step on this line ends a connection.
    pub(super) fn end(&mut self, peer: &ConnectionName, line: usize) {
        self.connections[peer.index].ended = Some(self.place(line));
    }
}
