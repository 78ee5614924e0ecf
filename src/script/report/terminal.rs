//! The report on stdout: a line for each test, and the details under a failure.

use std::time::Duration;

use super::{Finished, PassGrade, ProbeRow, ProbeVerdict, TestFailure, Totals, block};
use crate::output::style::{DIM, GREEN, RED, YELLOW, paint};
use crate::units::{self, count};

/// The column width of the facts' names.
const NAMES: usize = 12;

/// What the results of an audit are called.
pub const PROBE: &str = "probe";

/// The column width of the probes' ids, and of their groups.
const IDS: usize = 30;
const GROUPS: usize = 12;

/// How the probes of each group went, in the order of the groups.
#[derive(Clone, Debug, Default)]
pub struct GroupTotals(Vec<(&'static str, [u64; 4])>);

impl GroupTotals {
    /// Counts a probe. An accepted finding counts as not told.
    pub fn add(&mut self, row: &ProbeRow) {
        let verdict = match row.is_accepted_finding() {
            true => ProbeVerdict::Skip,
            false => row.verdict,
        };
        let index = match self.0.iter().position(|(group, _)| *group == row.group) {
            Some(index) => index,
            None => {
                self.0.push((row.group, [0; 4]));
                self.0.len() - 1
            }
        };
        self.0[index].1[match verdict {
            ProbeVerdict::Pass => 0,
            ProbeVerdict::Fail => 1,
            ProbeVerdict::Warn => 2,
            ProbeVerdict::Skip => 3,
        }] += 1;
    }
}

/// The style of the report.
#[derive(Clone, Copy, Debug)]
pub struct TerminalStyle {
    /// Whether to colour it.
    pub colour: bool,
    /// `-q`: 1 omits passed tests, 2 everything.
    pub quiet: u8,
    /// What the results are called: `test`, `check` or [`PROBE`].
    pub noun: &'static str,
}

impl TerminalStyle {
    /// The lines of a test.
    pub fn test(self, finished: &Finished) -> String {
        let is_news = finished.failure.is_some() || finished.grade == PassGrade::Warning;
        let is_shown = match self.quiet {
            0 => true,
            1 => is_news,
            _ => false,
        };
        match &finished.failure {
            _ if !is_shown => String::new(),
            _ if finished.probe.is_some() => {
                let row = finished.probe.as_deref();
                row.map_or_else(String::new, |row| self.probe(row))
            }
            None => self.passed(finished),
            Some(failure) => self.failed(finished, failure),
        }
    }

    /// The lines of a probe: one if it passed, else also what was sent and what was expected.
    fn probe(self, row: &ProbeRow) -> String {
        let (colour, mark) = match row.verdict {
            _ if row.is_accepted_finding() => (DIM, "–"),
            ProbeVerdict::Pass => (GREEN, "✓"),
            ProbeVerdict::Fail => (RED, "✗"),
            ProbeVerdict::Warn => (YELLOW, "!"),
            ProbeVerdict::Skip => (DIM, "–"),
        };
        let mark = self.paint(colour, mark);
        let id = row.id;
        let got = &row.got;
        if row.is_accepted_finding() {
            return format!("{mark} {id:IDS$} accepted: {got}\n");
        }
        if row.verdict == ProbeVerdict::Pass {
            let rfc = row.rfc.first().copied().unwrap_or_default();
            let rfc = self.paint(DIM, &format!("({rfc})"));
            return format!("{mark} {id:IDS$} {} → {got} {rfc}\n", row.sent);
        }
        if row.verdict == ProbeVerdict::Skip {
            return format!("{mark} {id:IDS$} {} → {got}\n", row.sent);
        }
        let mut text = format!("{mark} {id:IDS$} {got}\n");
        for line in row.details() {
            text.push_str(&format!("      {line}\n"));
        }
        text
    }

    /// The table of the groups.
    pub fn groups(self, totals: &GroupTotals) -> String {
        if self.quiet > 1 || totals.0.is_empty() {
            return String::new();
        }
        let mut text = "\n".to_owned();
        for (group, counts) in &totals.0 {
            let [passed, failed, warned, skipped] = counts;
            let cells = [("✓", passed), ("✗", failed), ("!", warned), ("–", skipped)];
            let cells = cells.map(|(mark, count)| match count {
                0 => format!("{:>6}", ""),
                count => format!("{count:>4} {mark}"),
            });
            let line = format!("{group:GROUPS$}{}", cells.concat());
            text.push_str(&format!("{}\n", line.trim_end()));
        }
        text
    }

    fn paint(self, code: &str, text: &str) -> String {
        let mut out = Vec::new();
        paint(&mut out, self.colour, code, text.as_bytes());
        String::from_utf8(out).unwrap_or_default()
    }

    fn passed(self, finished: &Finished) -> String {
        let mark = match finished.grade {
            PassGrade::Passed => self.paint(GREEN, "✓"),
            PassGrade::Warning => self.paint(YELLOW, "!"),
            PassGrade::Skipped => self.paint(DIM, "–"),
        };
        if finished.is_fact() {
            return format!(
                "{mark} {}\n",
                fact(finished, finished.note.as_deref().unwrap_or(""))
            );
        }
        let steps = count(finished.steps as u64, "step");
        let how = format!("({steps}, {})", shown(finished.time));
        let how = self.paint(DIM, &how);
        match &finished.name {
            Some(name) => format!("{mark} {}  {name}  {how}\n", finished.file),
            None => format!("{mark} {}  {how}\n", finished.file),
        }
    }

    fn failed(self, finished: &Finished, failure: &TestFailure) -> String {
        let mark = self.paint(RED, "✗");
        let mut text = if finished.is_fact() {
            format!("{mark} {}\n", fact(finished, &failure.why))
        } else {
            let name = finished.name.as_deref().unwrap_or_default();
            format!(
                "{}\n",
                format!("{mark} {}  {name}", finished.place()).trim_end()
            )
        };
        let mut lines = block(finished, failure).into_iter();
        // The first line of a test's block is its step; that of a fact repeats the line above.
        match lines.next() {
            Some(step) if !finished.is_fact() => text.push_str(&format!("{:>4}{step}\n", "")),
            _ => {}
        }
        for line in lines {
            text.push_str(&format!("      {line}\n"));
        }
        text
    }

    /// The step at which a signal interrupted a test.
    pub fn interrupted(self, finished: &Finished) -> String {
        let step = match &finished.failure {
            Some(failure) if self.quiet < 2 => failure.step.as_str(),
            _ => return String::new(),
        };
        let mark = self.paint(YELLOW, "–");
        let what = match finished.name.as_deref() {
            Some(name) => format!("{name}: interrupted at {step}"),
            None => format!("interrupted at {step}"),
        };
        let what = what.trim_end_matches(" at ");
        format!("{mark} {}  {what}\n", finished.place())
    }

    /// The last line.
    pub fn summary(self, totals: &Totals, time: Duration) -> String {
        if self.quiet > 1 {
            return String::new();
        }
        let Totals {
            run,
            failed,
            skipped,
            warned,
            left,
            ..
        } = *totals;
        let (time, noun) = (shown(time), self.noun);
        let mut text = match failed {
            0 if self.noun == PROBE => format!("{} passed", count(run - skipped - warned, noun)),
            0 => format!("{} passed", count(run - skipped, noun)),
            _ => format!("{failed} of {} failed", count(run, noun)),
        };
        let numbers = match self.noun {
            PROBE => [
                (warned, "with a warning"),
                (skipped, "not told"),
                (left, "not run"),
            ],
            _ => [(0, ""), (skipped, "skipped"), (left, "not run")],
        };
        for (number, what) in numbers {
            if number > 0 {
                text.push_str(&format!(", {number} {what}"));
            }
        }
        format!("{text} ({time})\n")
    }
}

/// `handshake     101 Switching Protocols in 12.3 ms`
fn fact(finished: &Finished, what: &str) -> String {
    let name = finished.title();
    format!("{name:NAMES$}  {what}").trim_end().to_owned()
}

/// Whole milliseconds up to a second: smaller differences between runs mean nothing.
fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    units::shown(time)
}
