//! Loads a check file into tests that can run. Beyond parsing it checks that environment variables are set and
//! URLs are valid, and reads the schemas; it does not connect.

use std::path::Path;

use super::run::CheckFile;
use super::{
    ConnectStep, HandshakeFact, ParseError, Script, SendStep, Step, StepAction, Template, Variable,
};
use crate::connection::target::Address;

impl CheckFile {
    /// Reads a check file; `given` are the names that `--var` and `--secret` define.
    ///
    /// # Errors
    /// The first error, with its line.
    pub fn read(name: &str, bytes: &[u8], given: &[impl AsRef<str>]) -> Result<Self, ParseError> {
        let mut script = Script::from_bytes(name, bytes, given)?;
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        let tests = script.tests.iter_mut().flat_map(|test| &mut test.steps);
        for step in script.settings.iter_mut().chain(tests) {
            usable(step)
                .and_then(|()| read_schemas(step, folder))
                .map_err(|(line, what)| ParseError {
                    file: name.to_owned(),
                    line,
                    what,
                })?;
        }
        Ok(Self {
            name: name.to_owned(),
            script,
        })
    }
}

fn usable(step: &Step) -> Result<(), (usize, String)> {
    let at = |line: usize| move |what: String| (line, what);
    for (line, template) in templates(step) {
        template
            .variables()
            .try_for_each(is_set)
            .map_err(at(line))?;
    }
    match &step.action {
        StepAction::Connect(connect) => match connect.url.as_literal() {
            Some(url) if url != "echo:" => is_url(url).map_err(at(step.line)),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Reads the schemas that a step names.
fn read_schemas(step: &mut Step, folder: &Path) -> Result<(), (usize, String)> {
    match &mut step.action {
        StepAction::Receive { pattern, .. } | StepAction::Never { pattern, .. } => pattern
            .read_schema(folder)
            .map_err(|error| (step.line, error.to_string())),
        _ => Ok(()),
    }
}

fn is_set(variable: &Variable) -> Result<(), String> {
    match variable {
        Variable::Env(name) if std::env::var(name).is_err() => {
            Err(format!("the environment variable {name} is not set"))
        }
        _ => Ok(()),
    }
}

fn is_url(url: &str) -> Result<(), String> {
    match Address::parse(url) {
        Ok(_) => Ok(()),
        Err(bad) => {
            let hint = bad.hint.iter().map(|hint| format!("; {hint}"));
            Err(format!("{bad}{}", hint.collect::<String>()))
        }
    }
}

/// Every text of a step that may contain a variable, with its line.
fn templates(step: &Step) -> Vec<(usize, &Template)> {
    let here = |template| vec![(step.line, template)];
    match &step.action {
        StepAction::Set { value, .. } => here(value),
        StepAction::Connect(connect) => of_connect(step.line, connect),
        StepAction::Send {
            message: SendStep::Text(template) | SendStep::File(template),
            ..
        } => here(template),
        StepAction::Receive { pattern, .. } | StepAction::Never { pattern, .. } => {
            here(pattern.template())
        }
        StepAction::Capture { query, .. } | StepAction::Assert(query) => here(query.template()),
        StepAction::Close { frame, .. } => {
            let reason = frame.as_ref().and_then(|frame| frame.reason.as_ref());
            reason.map(here).unwrap_or_default()
        }
        StepAction::ExpectClose { reason, .. } => reason
            .as_ref()
            .map(|reason| here(reason.template()))
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn of_connect(line: usize, connect: &ConnectStep) -> Vec<(usize, &Template)> {
    let headers = connect
        .headers
        .iter()
        .map(|header| (header.line, &header.value));
    let facts = connect.expectations.iter().filter_map(|expectation| {
        let template = match &expectation.fact {
            HandshakeFact::Subprotocol(name) => name,
            HandshakeFact::Header { value, .. } => value.template(),
            HandshakeFact::Status(_) | HandshakeFact::CertDays(_) => return None,
        };
        Some((expectation.line, template))
    });
    [(line, &connect.url)]
        .into_iter()
        .chain(headers)
        .chain(facts)
        .collect()
}
