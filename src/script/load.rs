//! Loads a check file into tests that can run. Beyond parsing it checks that environment variables are set and
//! URLs are valid, and reads the schemas; it does not connect.

use std::path::Path;

use super::run::CheckFile;
use super::{
    Expectation, FramePayload, FrameStep, HandshakeFact, HeaderLine, ParseError, Script, SendStep,
    Step, StepAction,
};
use crate::connection::target::Address;
use crate::named_file::{self, ReadLimits};
use crate::secret::io_text;
use crate::template::{Template, Variable};

impl CheckFile {
    /// Reads a check file and the files that it includes; `given` are the names that `--var` and `--secret`
    /// define.
    ///
    /// # Errors
    /// The first error, with its line.
    pub fn read(name: &str, bytes: &[u8], given: &[impl AsRef<str>]) -> Result<Self, ParseError> {
        let read = |path: &Path| {
            named_file::read(path, ReadLimits::default()).map_err(|error| io_text(&error))
        };
        let mut script = Script::from_bytes_with(name, bytes, given, &read)?;
        read_schemas(name, &mut script.settings)?;
        for test in &mut script.tests {
            read_schemas(name, &mut test.steps)?;
            if let Some(finally) = &mut test.finally {
                read_schemas(name, &mut finally.steps)?;
            }
        }
        let file = Self {
            name: name.to_owned(),
            script,
        };
        file.check_steps(&mut has_valid_url)?;
        Ok(file)
    }

    /// The values of the environment variables in the file, which are secrets. It needs them only to run.
    ///
    /// # Errors
    /// The first variable that is not set, with its line.
    pub fn environment(&self) -> Result<Vec<String>, ParseError> {
        let mut values = Vec::new();
        self.check_steps(&mut |step| {
            for (line, template) in templates(step) {
                for variable in template.variables() {
                    let Variable::Env(name) = variable else {
                        continue;
                    };
                    let value = std::env::var(name);
                    let unset = |_| (line, format!("the environment variable {name} is not set"));
                    values.push(value.map_err(unset)?);
                }
            }
            Ok(())
        })?;
        Ok(values)
    }

    fn check_steps(&self, check: &mut StepCheck) -> Result<(), ParseError> {
        each_step(&self.name, &self.script.settings, check)?;
        for test in &self.script.tests {
            each_step(&self.name, &test.steps, check)?;
            if let Some(finally) = &test.finally {
                each_step(&self.name, &finally.steps, check)?;
            }
        }
        Ok(())
    }
}

/// Checks a step; the error is a line and a message.
type StepCheck<'a> = dyn FnMut(&Step) -> Result<(), (usize, String)> + 'a;

/// Checks steps of a file, also those in blocks and in the files that it includes.
fn each_step(file: &str, steps: &[Step], check: &mut StepCheck) -> Result<(), ParseError> {
    for step in steps {
        match &step.action {
            StepAction::Repeat(block) => each_step(file, &block.steps, check)?,
            StepAction::AnyOrder(block) => each_step(file, &block.steps, check)?,
            StepAction::Include(included) => each_step(&included.file, &included.steps, check)?,
            _ => check(step).map_err(|(line, what)| ParseError {
                file: file.to_owned(),
                line,
                what,
            })?,
        }
    }
    Ok(())
}

fn has_valid_url(step: &Step) -> Result<(), (usize, String)> {
    let url = match &step.action {
        StepAction::Connect(connect) => connect.url.as_literal().filter(|url| *url != "echo:"),
        StepAction::Http(http) => http.url.as_literal(),
        _ => None,
    };
    url.map_or(Ok(()), |url| is_url(url).map_err(|what| (step.line, what)))
}

/// Reads the schemas that steps name; their paths are relative to the folder of the file.
fn read_schemas(file: &str, steps: &mut [Step]) -> Result<(), ParseError> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    for step in steps {
        match &mut step.action {
            StepAction::Repeat(block) => read_schemas(file, &mut block.steps)?,
            StepAction::AnyOrder(block) => read_schemas(file, &mut block.steps)?,
            StepAction::Include(included) => read_schemas(&included.file, &mut included.steps)?,
            StepAction::Receive { pattern, .. }
            | StepAction::Never { pattern, .. }
            | StepAction::NeverEverywhere(pattern)
            | StepAction::On { pattern, .. } => {
                pattern.read_schema(folder).map_err(|error| ParseError {
                    file: file.to_owned(),
                    line: step.line,
                    what: error.to_string(),
                })?;
            }
            _ => {}
        }
    }
    Ok(())
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
        StepAction::Connect(connect) => of_request(
            step.line,
            &connect.url,
            &connect.headers,
            &connect.expectations,
        ),
        StepAction::Http(http) => {
            let body = http.body.iter().map(|body| (step.line, body));
            let mut texts = of_request(step.line, &http.url, &http.headers, &http.expectations);
            texts.extend(body);
            texts
        }
        StepAction::Send {
            message:
                SendStep::Text(template)
                | SendStep::File(template)
                | SendStep::Quoted(template)
                | SendStep::Fragments { text: template, .. }
                | SendStep::Frame(FrameStep {
                    payload: FramePayload::Text(template),
                    ..
                }),
            ..
        }
        | StepAction::Sample {
            message: template, ..
        } => here(template),
        StepAction::On {
            pattern, answer, ..
        } => vec![
            (step.line, pattern.template()),
            (step.line, answer.template()),
        ],
        StepAction::Receive { pattern, .. }
        | StepAction::Never { pattern, .. }
        | StepAction::NeverEverywhere(pattern) => here(pattern.template()),
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

fn of_request<'a>(
    line: usize,
    url: &'a Template,
    headers: &'a [HeaderLine],
    expectations: &'a [Expectation],
) -> Vec<(usize, &'a Template)> {
    let headers = headers.iter().map(|header| (header.line, &header.value));
    let facts = expectations.iter().filter_map(|expectation| {
        let template = match &expectation.fact {
            HandshakeFact::Subprotocol(name) => name,
            HandshakeFact::Header { value, .. } => value.template(),
            HandshakeFact::Status(_) | HandshakeFact::CertDays(_) => return None,
        };
        Some((expectation.line, template))
    });
    [(line, url)]
        .into_iter()
        .chain(headers)
        .chain(facts)
        .collect()
}
