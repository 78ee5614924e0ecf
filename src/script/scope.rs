//! The names that are defined and the connections that are open at a line.
//!
//! A file has no branches, so this is known before anything runs; only the server may close earlier.

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
}

pub(super) struct DeclaredConnection {
    name: Option<String>,
    line: usize,
    /// The line that ended it.
    pub(super) ended: Option<usize>,
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

    fn open_ones(&self) -> impl Iterator<Item = (usize, &DeclaredConnection)> {
        self.connections
            .iter()
            .enumerate()
            .filter(|(_, connection)| connection.ended.is_none())
    }

    /// Records a `connect` on this line.
    ///
    /// # Errors
    /// Its name cannot be distinguished from the connections that are open.
    pub(super) fn open(&mut self, name: Option<&str>, line: usize) -> Result<(), LineError> {
        if let Some(name) = name.filter(|name| STEPS.contains(name) || *name == "expect") {
            return Err(format!("'{name}' is a step and cannot name a connection").into());
        }
        for (_, other) in self.open_ones() {
            let since = other.line;
            match (&other.name, name) {
                (_, None) => {
                    return Err(format!(
                        "the connection of line {since} is still open; name both (connect NAME URL)"
                    )
                    .into());
                }
                (None, Some(_)) => {
                    let what = format!(
                        "line {line} opens a second connection; this one needs a name, too (connect NAME URL)"
                    );
                    return Err(LineError {
                        line: Some(since),
                        what,
                    });
                }
                (Some(other), Some(name)) if other == name => {
                    return Err(format!("'{name}' is already open since line {since}").into());
                }
                _ => {}
            }
        }
        self.connections.push(DeclaredConnection {
            name: name.map(str::to_owned),
            line,
            ended: None,
        });
        Ok(())
    }

    /// The connection that a step uses.
    pub(super) fn peer(&self, name: Option<&str>) -> Result<ConnectionName, LineError> {
        if let Some(name) = name {
            let index = self
                .latest(name)
                .ok_or_else(|| format!("unknown connection '{name}'"))?;
            return match self.connections[index].ended {
                Some(line) => Err(format!("'{name}' was closed on line {line}").into()),
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
                .and_then(|connection| connection.ended)
            {
                Some(line) => format!("no open connection; the last one was closed on line {line}"),
                None => "no open connection; open one with connect URL".to_owned(),
            }
            .into()),
        }
    }

    /// Records that a step on this line ends a connection.
    pub(super) fn end(&mut self, peer: &ConnectionName, line: usize) {
        self.connections[peer.index].ended = Some(line);
    }
}
