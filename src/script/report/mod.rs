//! The reports of test results: terminal, JSON events, JUnit, TAP, GitHub.
//!
//! Each result is written in its turn and then dropped. All texts pass `Cleaner` first: it redacts secrets and
//! escapes text of the server, so that nothing can end a line, move a cursor, or be read as a command, tag or
//! directive.

mod github;
mod junit;
mod probe_row;
mod sarif;
mod tap;
mod terminal;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::step_failure::{NearMiss, StepFailure};
use crate::exit::Exit;
use crate::named_file;
use crate::output::escape::{KeptControls, escape};
use crate::output::events::{TestResult, TestSummary};
use crate::output::{Sinks, excerpt, near_miss};
use crate::secret::{Redactor, io_text};
use github::GitHub;
use junit::Junit;
pub use probe_row::{ProbeRow, ProbeVerdict};
use sarif::Sarif;
use tap::Tap;
use terminal::GroupTotals;
pub use terminal::{PROBE, TerminalStyle};

/// A finished test, or a fact about an endpoint.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The check file, or the URL.
    pub file: String,
    /// The line it begins on; 0 for a fact.
    pub line: usize,
    /// Its name; the test of a file without `test` lines has none.
    pub name: Option<String>,
    /// The number of its steps.
    pub steps: usize,
    /// How long it took.
    pub time: Duration,
    /// Its grade if it has not failed.
    pub grade: PassGrade,
    /// The value found, for a fact.
    pub note: Option<String>,
    /// Why it failed.
    pub failure: Option<TestFailure>,
    /// What else is known of a probe of an audit.
    pub probe: Option<Box<ProbeRow>>,
}

/// The grade of a test that has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassGrade {
    /// It passed.
    Passed,
    /// It passed with a warning.
    Warning,
    /// It was not possible to run.
    Skipped,
}

/// Why a test failed.
#[derive(Clone, Debug)]
pub struct TestFailure {
    /// The line of the step; of a step in an included file, that of the `include`.
    pub line: Option<usize>,
    /// The included file with the step, and its line there.
    pub included: Option<(String, usize)>,
    /// The text of the step.
    pub step: String,
    /// Whether transport failed, as opposed to an expectation.
    pub fault: bool,
    /// The reason, in one line.
    pub why: String,
    /// The nearest message, the server's answer, the hint.
    pub details: Vec<String>,
    /// The transcript.
    pub transcript: Vec<String>,
    /// The nearest messages, until `Cleaner` adds them to the details.
    closest: Vec<NearMiss>,
}

impl From<StepFailure> for TestFailure {
    fn from(failure: StepFailure) -> Self {
        Self {
            line: None,
            included: None,
            step: String::new(),
            fault: failure.fault,
            why: failure.why,
            details: failure.details,
            transcript: Vec::new(),
            closest: failure.closest,
        }
    }
}

impl TestFailure {
    /// Adds the step of the check file and the transcript.
    pub fn at(self, line: usize, step: String, transcript: Vec<String>) -> Self {
        Self {
            line: Some(line),
            step,
            transcript,
            ..self
        }
    }

    /// Adds the place of the step in an included file.
    pub fn included(self, included: Option<(String, usize)>) -> Self {
        Self { included, ..self }
    }

    /// The file and line of the step itself.
    fn location<'a>(&'a self, file: &'a str) -> (&'a str, Option<usize>) {
        match &self.included {
            Some((included, line)) => (included, Some(*line)),
            None => (file, self.line),
        }
    }
}

impl Finished {
    /// The name, or the file's name if it has none.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.file)
    }

    /// `fail.wst:5`, or the file alone where nothing failed.
    fn place(&self) -> String {
        match self.failure.as_ref().and_then(|failure| failure.line) {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }

    /// What JUnit calls its class: the file, or the group of a probe.
    fn class(&self) -> String {
        match &self.probe {
            Some(row) => format!("audit.{}", row.group),
            None => self.file.clone(),
        }
    }

    /// Why a probe could not be told, or that its finding is accepted.
    fn why_not_told(&self) -> Option<&str> {
        let note = self.note.as_deref();
        note.filter(|_| self.probe.is_some())
    }

    /// Whether it is a fact about an endpoint.
    fn is_fact(&self) -> bool {
        self.line == 0
    }
}

/// Redacts and escapes texts for every report.
struct Cleaner<'a> {
    redactor: &'a Redactor,
    /// Whether to break up `##[command]`, which GitHub obeys anywhere in a line of its log.
    defuse: bool,
}

impl Cleaner<'_> {
    fn line(&self, text: &str) -> String {
        let text = match text.split_once("> ") {
            // A sent message in a transcript: a short secret is only recognised as the whole text.
            Some((head, sent)) if head.starts_with('+') => {
                let (head, sent) = (self.redactor.redact(head), self.redactor.redact(sent));
                format!("{head}> {sent}").into()
            }
            _ => self.redactor.redact(text),
        };
        let text = escape(&text, KeptControls::Nothing);
        if self.defuse {
            return text.replace("##[", "##\\[");
        }
        text.into_owned()
    }

    fn excerpt(&self, text: &str) -> String {
        self.line(&excerpt(text, self.redactor))
    }

    fn finished(&self, finished: Finished) -> Finished {
        Finished {
            file: self.line(&finished.file),
            name: finished.name.map(|name| self.line(&name)),
            note: finished.note.map(|note| self.line(&note)),
            failure: finished.failure.map(|failure| self.clean_failure(&failure)),
            probe: finished.probe.map(|row| {
                Box::new(ProbeRow {
                    got: self.line(&row.got),
                    ..*row
                })
            }),
            ..finished
        }
    }

    fn clean_failure(&self, failure: &TestFailure) -> TestFailure {
        let closest = failure.closest.iter().flat_map(|miss| {
            let near = near_miss(&miss.closest, self.redactor);
            miss.label.clone().into_iter().chain(near)
        });
        let details = failure.details.iter();
        TestFailure {
            step: self.excerpt(&failure.step),
            why: self.line(&failure.why),
            details: closest
                .map(|line| self.line(&line))
                .chain(details.map(|line| self.excerpt(line)))
                .collect(),
            transcript: failure
                .transcript
                .iter()
                .map(|line| self.excerpt(line))
                .collect(),
            closest: Vec::new(),
            included: failure
                .included
                .as_ref()
                .map(|(file, line)| (self.line(file), *line)),
            line: failure.line,
            fault: failure.fault,
        }
    }
}

/// How many tests there were and how they went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Tests that ran.
    pub run: u64,
    /// Those that failed, faults of transport included.
    pub failed: u64,
    /// Those that failed for a fault of transport.
    pub faults: u64,
    /// Tests that something else made impossible.
    pub skipped: u64,
    /// Tests that passed with a warning.
    pub warned: u64,
    /// Tests that were not run any more.
    pub left: u64,
}

/// Every report that was asked for.
pub struct Reports {
    style: TerminalStyle,
    junit: Option<Junit>,
    tap: Option<Tap>,
    sarif: Option<Sarif>,
    github: Option<GitHub>,
    /// Whether stdout carries JSON events.
    json: bool,
    groups: GroupTotals,
    totals: Totals,
    /// The first report that could not be written.
    failure: Option<String>,
}

/// The report files.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    /// JUnit XML.
    pub junit: Option<PathBuf>,
    /// TAP version 14.
    pub tap: Option<PathBuf>,
    /// SARIF 2.1.0.
    pub sarif: Option<PathBuf>,
    /// The job summary of GitHub Actions (`GITHUB_STEP_SUMMARY`).
    pub step_summary: Option<PathBuf>,
    /// Whether GitHub Actions runs this (`GITHUB_ACTIONS`).
    pub github: bool,
    /// Whether stdout carries JSON events.
    pub json: bool,
}

impl Reports {
    /// Opens every report; `tests` is their number, if known.
    ///
    /// # Errors
    /// A file that cannot be written; the message names it.
    pub fn open(
        to: &Destinations,
        style: TerminalStyle,
        tests: Option<usize>,
    ) -> Result<Self, String> {
        let junit = to.junit.as_deref().map(|path| {
            let file = create(path)?;
            Junit::new(file).map_err(|error| unwritable(path, &error))
        });
        let tap = to.tap.as_deref().map(|path| {
            let file = named_file::writer(create(path)?);
            Tap::new(file, tests).map_err(|error| unwritable(path, &error))
        });
        let sarif = to.sarif.as_deref().map(|path| create(path).map(Sarif::new));
        let summary = to.step_summary.as_deref().map(|path| {
            let file = named_file::append(path).map(named_file::writer);
            file.map_err(|error| unwritable(path, &error))
        });
        Ok(Self {
            style,
            junit: junit.transpose()?,
            tap: tap.transpose()?,
            sarif: sarif.transpose()?,
            groups: GroupTotals::default(),
            github: match (to.github, summary.transpose()?) {
                (true, summary) => Some(GitHub::new(summary)),
                (false, _) => None,
            },
            json: to.json,
            totals: Totals::default(),
            failure: None,
        })
    }

    /// Adds a finished test.
    pub fn add(&mut self, finished: Finished, sinks: &mut Sinks) {
        let cleaner = Cleaner {
            redactor: sinks.redactor(),
            defuse: self.github.is_some(),
        };
        let finished = cleaner.finished(finished);
        self.totals.run += 1;
        self.totals.skipped += u64::from(finished.grade == PassGrade::Skipped);
        self.totals.warned += u64::from(finished.grade == PassGrade::Warning);
        if let Some(row) = &finished.probe {
            self.groups.add(row);
            if let Some(sarif) = &mut self.sarif {
                sarif.add(&finished.file, row);
            }
        }
        if let Some(failure) = &finished.failure {
            self.totals.failed += 1;
            self.totals.faults += u64::from(failure.fault);
        }
        let message = message(&finished);
        let line = test_line(&finished, &message);
        sinks.write_custom_event(|writer, out| writer.test(out, &line));
        sinks.print_report(&self.style.test(&finished));
        if let Some(github) = &mut self.github {
            let annotation = github.add(&finished);
            // stdout carries JSON lines only.
            if self.json {
                // Nothing can be done about a stderr that is gone.
                let _ = write!(io::stderr(), "{annotation}");
            } else {
                sinks.print_report(&annotation);
            }
        }
        let junit = self.junit.as_mut().map(|junit| junit.add(&finished));
        let tap = self.tap.as_mut().map(|tap| tap.add(&finished));
        self.note(junit.into_iter().chain(tap));
    }

    /// Reports where a signal interrupted a test; it does not count as failed.
    pub fn interrupted(&mut self, finished: Finished, sinks: &mut Sinks) {
        let cleaner = Cleaner {
            redactor: sinks.redactor(),
            defuse: self.github.is_some(),
        };
        let mut finished = cleaner.finished(finished);
        sinks.print_report(&self.style.interrupted(&finished));
        let step = finished.failure.as_ref().map(|failure| &failure.step);
        let message = match step.filter(|step| !step.is_empty()) {
            Some(step) => format!("interrupted at {step}"),
            None => "interrupted".to_owned(),
        };
        let line = test_line(&finished, &message);
        sinks.write_custom_event(|writer, out| writer.test(out, &line));
        // In the files of a report it is a test that was not run.
        finished.failure = None;
        finished.grade = PassGrade::Skipped;
        finished.note = Some(message);
        let junit = self.junit.as_mut().map(|junit| junit.add(&finished));
        let tap = self.tap.as_mut().map(|tap| tap.add(&finished));
        self.note(junit.into_iter().chain(tap));
    }

    fn note(&mut self, results: impl Iterator<Item = io::Result<()>>) {
        for error in results.filter_map(Result::err) {
            let failure = || format!("cannot write a report: {}", io_text(&error));
            self.failure.get_or_insert_with(failure);
        }
    }

    /// Whether a test has failed.
    pub fn has_failure(&self) -> bool {
        self.totals.failed > 0
    }

    /// Ends every report. `left` tests were not run; `bail_out` says why the run ended early, if it did.
    /// Returns the error of a report that could not be written.
    pub fn end(
        mut self,
        left: u64,
        time: Duration,
        bail_out: Option<&str>,
        exit: Exit,
        sinks: &mut Sinks,
    ) -> Option<String> {
        self.totals.left = left;
        let summary = TestSummary {
            tests: self.totals.run,
            failed: self.totals.failed,
            errors: self.totals.faults,
            time,
            exit,
        };
        sinks.write_custom_event(|writer, out| writer.summary(out, &summary));
        sinks.print_report(&self.style.groups(&self.groups));
        sinks.print_report(&self.style.summary(&self.totals, time));
        let totals = self.totals;
        let junit = self.junit.take().map(Junit::end);
        let tap = self.tap.take().map(|tap| tap.end(left, bail_out));
        let github = self.github.take().map(|github| github.end(&totals));
        let sarif = self.sarif.take().map(Sarif::end);
        self.note(junit.into_iter().chain(tap).chain(github).chain(sarif));
        self.failure
    }
}

fn create(path: &Path) -> Result<File, String> {
    named_file::create(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {}", path.display(), io_text(error))
}

/// The text of the event of a test. It names the place of a failure in an included file.
fn message(finished: &Finished) -> String {
    match &finished.failure {
        Some(TestFailure {
            included: Some((file, line)),
            why,
            ..
        }) => format!("{file}:{line}: {why}"),
        Some(failure) => failure.why.clone(),
        None => finished.note.clone().unwrap_or_default(),
    }
}

fn test_line<'a>(finished: &'a Finished, message: &'a str) -> TestResult<'a> {
    let failure = finished.failure.as_ref();
    let line = failure
        .and_then(|failure| failure.line)
        .unwrap_or(finished.line);
    TestResult {
        file: &finished.file,
        line: (!finished.is_fact()).then_some(line as u64),
        name: finished.title(),
        ok: failure.is_none(),
        time: finished.time,
        message,
        probe: finished.probe.as_deref().map(ProbeRow::facts),
    }
}

/// The lines of a failure, for reports that contain a block of text.
fn block(finished: &Finished, failure: &TestFailure) -> Vec<String> {
    let mut lines = Vec::new();
    if !finished.is_fact() {
        lines.push(match &failure.included {
            Some((file, line)) => format!("{file}:{line} | {}", failure.step),
            None => format!(
                "{} | {}",
                failure.line.unwrap_or(finished.line),
                failure.step
            ),
        });
    }
    lines.push(failure.why.clone());
    lines.extend(failure.details.iter().map(|line| quoted(line)));
    if !failure.transcript.is_empty() {
        lines.push("transcript:".to_owned());
        lines.extend(failure.transcript.iter().map(|line| format!("  {line}")));
    }
    lines
}

/// Marks text of a server that begins with `::`, which begins a command in a CI log even when indented.
fn quoted(line: &str) -> String {
    if line.trim_start().starts_with("::") {
        format!("| {line}")
    } else {
        line.to_owned()
    }
}
