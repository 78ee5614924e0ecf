//! The TAP version 14 report: a line for each test, a YAML block under a failure.

use std::io::{self, BufWriter, Write};

use super::{Finished, PassGrade, block};
use crate::output::json::push_string;

/// The TAP report.
pub struct Tap {
    out: BufWriter<Box<dyn Write>>,
    written: u64,
    has_plan: bool,
}

impl Tap {
    /// Begins the document. The plan comes first where the number of tests is known.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(file: Box<dyn Write>, tests: Option<usize>) -> io::Result<Self> {
        let mut out = BufWriter::new(file);
        writeln!(out, "TAP version 14")?;
        if let Some(tests) = tests {
            writeln!(out, "1..{tests}")?;
        }
        Ok(Self {
            out,
            written: 0,
            has_plan: tests.is_some(),
        })
    }

    /// Adds a test.
    ///
    /// # Errors
    /// The operating system's.
    pub fn add(&mut self, finished: &Finished) -> io::Result<()> {
        self.written += 1;
        let title = match &finished.name {
            Some(name) => format!("{}: {name}", finished.file),
            None => finished.file.clone(),
        };
        let title = description(&title);
        let n = self.written;
        let Some(failure) = &finished.failure else {
            let directive = match finished.grade {
                PassGrade::Skipped => match finished.why_not_told() {
                    Some(why) => format!(" # SKIP {}", description(why)),
                    None => " # SKIP".to_owned(),
                },
                PassGrade::Passed | PassGrade::Warning => String::new(),
            };
            return writeln!(self.out, "ok {n} - {title}{directive}");
        };
        writeln!(self.out, "not ok {n} - {title}")?;
        writeln!(self.out, "  ---")?;
        writeln!(self.out, "  message: {}", string(&failure.why))?;
        let severity = if failure.fault { "error" } else { "fail" };
        writeln!(self.out, "  severity: {severity}")?;
        if let (file, Some(line)) = failure.location(&finished.file) {
            writeln!(
                self.out,
                "  at:\n    file: {}\n    line: {line}",
                string(file)
            )?;
        }
        writeln!(self.out, "  duration_ms: {}", finished.time.as_millis())?;
        // A literal block: each line is already escaped, and older parsers fail on a list of strings that
        // contain colons.
        writeln!(self.out, "  output: |")?;
        for line in block(finished, failure) {
            writeln!(self.out, "    {line}")?;
        }
        writeln!(self.out, "  ...")?;
        // A reader that follows the file sees each test as soon as it has finished.
        self.out.flush()
    }

    /// Ends the document: `left` tests were not run.
    ///
    /// # Errors
    /// The operating system's.
    pub fn end(mut self, left: u64, bail_out: Option<&str>) -> io::Result<()> {
        if let Some(why) = bail_out {
            writeln!(self.out, "Bail out! {why}")?;
            return self.out.flush();
        }
        for n in (self.written + 1..).take(usize::try_from(left).unwrap_or(usize::MAX)) {
            writeln!(self.out, "ok {n} - # SKIP not run after a failure")?;
        }
        if !self.has_plan {
            writeln!(self.out, "1..{}", self.written + left)?;
        }
        self.out.flush()
    }
}

/// Escapes a description: `#` begins a directive, `\` an escape.
fn description(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}

/// A YAML string: a JSON string is one.
fn string(text: &str) -> String {
    let mut out = Vec::new();
    push_string(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_a_directive() {
        assert_eq!(description("a # TODO \\#"), "a \\# TODO \\\\\\#");
        assert_eq!(string("a: \"b\"\n"), r#""a: \"b\"\n""#);
    }
}
