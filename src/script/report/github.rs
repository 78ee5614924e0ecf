//! The report for GitHub Actions: an annotation for each failure, and a table in the job summary.

use std::io::{self, Write};

use super::{Finished, PassGrade, Totals};
use crate::units;

/// The most rows of the table; GitHub rejects a summary of more than 1 MiB.
const ROWS: usize = 1000;

/// The report for GitHub Actions.
pub struct GitHub {
    summary: Option<Box<dyn Write>>,
    rows: Vec<String>,
    left_out: usize,
}

impl GitHub {
    /// A report of annotations, and of a table if there is a job summary.
    pub fn new(summary: Option<Box<dyn Write>>) -> Self {
        Self {
            summary,
            rows: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds a test and returns its annotation, a workflow command on its own line.
    pub fn add(&mut self, finished: &Finished) -> String {
        if self.summary.is_some() {
            self.add_row(finished);
        }
        let Some(failure) = &finished.failure else {
            return match (&finished.probe, finished.grade) {
                (Some(row), PassGrade::Warning) => {
                    let lines = [vec![row.got.clone()], row.details()].concat();
                    let (title, message) = (property(row.id), data(&lines.join("\n")));
                    format!("::warning title={title}::{message}\n")
                }
                _ => String::new(),
            };
        };
        let (file, line) = failure.location(&finished.file);
        let line = line.map_or_else(String::new, |line| format!(",line={line}"));
        let title = property(finished.title());
        let message = [&*failure.why]
            .into_iter()
            .chain(failure.details.iter().map(String::as_str));
        let message = data(&message.collect::<Vec<_>>().join("\n"));
        if finished.is_fact() {
            return format!("::error title={title}::{message}\n");
        }
        let file = property(file);
        format!("::error file={file}{line},title={title}::{message}\n")
    }

    fn add_row(&mut self, finished: &Finished) {
        if self.rows.len() == ROWS {
            self.left_out += 1;
            return;
        }
        let (mark, why) = match &finished.failure {
            None => match &finished.probe {
                Some(row) if finished.grade == PassGrade::Warning => ("⚠️", row.got.as_str()),
                Some(row) if finished.grade == PassGrade::Skipped => ("➖", row.got.as_str()),
                _ => ("✅", ""),
            },
            Some(failure) => ("❌", failure.why.as_str()),
        };
        let cells = [
            finished.place(),
            finished.title().to_owned(),
            why.to_owned(),
        ];
        let [place, title, why] = cells.map(|cell| markdown(&cell));
        let time = finished.time.as_millis();
        self.rows.push(format!(
            "| {mark} | {place} | {title} | {time} ms | {why} |\n"
        ));
    }

    /// Writes the table.
    ///
    /// # Errors
    /// The operating system's.
    pub fn end(self, totals: &Totals) -> io::Result<()> {
        let Some(mut file) = self.summary else {
            return Ok(());
        };
        let Totals {
            run, failed, left, ..
        } = totals;
        let mut text = format!(
            "### wsprobe: {failed} of {} failed",
            units::count(*run, "test")
        );
        if *left > 0 {
            text.push_str(&format!(", {left} not run"));
        }
        text.push_str("\n\n| | where | test | time | why |\n|---|---|---|---|---|\n");
        text.extend(self.rows);
        if self.left_out > 0 {
            text.push_str(&format!("\n… and {} more\n", self.left_out));
        }
        file.write_all(text.as_bytes())
    }
}

/// Escapes a workflow command's message.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a workflow command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Escapes text in a Markdown table.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() && !"-./ ,".contains(c) {
            out.push_str(&format!("&#{};", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_or_a_cell_early() {
        assert_eq!(data("50%\n::error::x\r"), "50%25%0A::error::x%0D");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
        assert_eq!(markdown("a|<b>"), "a&#124;&#60;b&#62;");
    }
}
