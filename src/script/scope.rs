//! What holds at a line: which names are defined, which connections are open.
//!
//! A file has no branches, so all of this is known before anything runs, except that a server may close on its own.

use super::ConnectionName;
use super::line_error::LineError;
use super::suggest::STEPS;

/// What the steps of the present test have brought about so far.
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

    /// What the connections of this test are called, open or not.
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

    /// Takes a `connect` on this line into account, if it can be told apart from what is open.
    pub(super) fn open(&mut self, name: Option<&str>, line: usize) -> Result<(), LineError> {
        if let Some(name) = name.filter(|name| STEPS.contains(name) || *name == "expect") {
            return Err(format!("{name} is a step and cannot name a connection").into());
        }
        for (_, other) in self.open_ones() {
            let since = other.line;
            match (&other.name, name) {
                (_, None) => {
                    return Err(format!(
                        "a second connection while that of line {since} is open: both need a name (connect NAME URL)"
                    )
                    .into());
                }
                (None, Some(_)) => {
                    let what = format!(
                        "a second connection is opened on line {line}, so this one needs a name, too"
                    );
                    return Err(LineError {
                        line: Some(since),
                        what,
                    });
                }
                (Some(other), Some(name)) if other == name => {
                    return Err(format!("{name} is open since line {since}").into());
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

    /// The connection that a step is about.
    pub(super) fn peer(&self, name: Option<&str>) -> Result<ConnectionName, LineError> {
        if let Some(name) = name {
            let index = self
                .latest(name)
                .ok_or_else(|| format!("no connection is called {name}"))?;
            return match self.connections[index].ended {
                Some(line) => Err(format!("{name} is open no more since line {line}").into()),
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
                    "{} connections are open: say which ({})",
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
                Some(line) => format!("no connection is open here; the last ended on line {line}"),
                None => "no connection is open here; connect URL opens one".to_owned(),
            }
            .into()),
        }
    }

    /// Takes into account that a step on this line ends a connection.
    pub(super) fn end(&mut self, peer: &ConnectionName, line: usize) {
        self.connections[peer.index].ended = Some(line);
    }
}
