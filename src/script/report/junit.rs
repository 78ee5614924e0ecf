//! The JUnit XML report, after the schema that Jenkins publishes: a suite for each file, a case for each test.
//!
//! A suite's counts come before its cases, so space is reserved and filled in later: nothing is held in memory,
//! unless the file is a pipe, which cannot seek.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::time::Duration;

use super::{Finished, PassGrade, block};
use crate::named_file;

/// The space reserved for a suite's counts, in bytes.
const ROOM: usize = 96;

/// The JUnit XML report.
pub struct Junit {
    out: Out,
    suite: Option<Suite>,
}

struct Suite {
    name: String,
    /// The position of its counts in the file.
    counts_at: u64,
    tests: u64,
    failures: u64,
    errors: u64,
    time: Duration,
}

enum Out {
    File(BufWriter<File>),
    Held(Cursor<Vec<u8>>, Box<dyn Write>),
}

impl Junit {
    /// Begins the document.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(mut file: File) -> io::Result<Self> {
        let mut out = match file.stream_position() {
            Ok(_) => Out::File(BufWriter::new(file)),
            Err(_) => Out::Held(Cursor::default(), named_file::writer(file)),
        };
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n")?;
        Ok(Self { out, suite: None })
    }

    /// Adds a test. The tests of a file must be added together.
    ///
    /// # Errors
    /// The operating system's.
    pub fn add(&mut self, finished: &Finished) -> io::Result<()> {
        if self
            .suite
            .as_ref()
            .is_none_or(|suite| suite.name != finished.file)
        {
            self.end_suite()?;
            self.begin_suite(&finished.file)?;
        }
        if let Some(suite) = &mut self.suite {
            suite.tests += 1;
            suite.time += finished.time;
            match &finished.failure {
                Some(failure) if failure.fault => suite.errors += 1,
                Some(_) => suite.failures += 1,
                None => {}
            }
        }
        self.out.write_all(case(finished).as_bytes())
    }

    fn begin_suite(&mut self, name: &str) -> io::Result<()> {
        write!(self.out, "<testsuite name=\"{}\"", xml(name))?;
        let counts_at = self.out.stream_position()?;
        writeln!(self.out, "{:ROOM$}>", "")?;
        self.suite = Some(Suite {
            name: name.to_owned(),
            counts_at,
            tests: 0,
            failures: 0,
            errors: 0,
            time: Duration::ZERO,
        });
        Ok(())
    }

    fn end_suite(&mut self) -> io::Result<()> {
        let Some(suite) = self.suite.take() else {
            return Ok(());
        };
        writeln!(self.out, "</testsuite>")?;
        let end = self.out.stream_position()?;
        let counts = format!(
            " tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\"",
            suite.tests,
            suite.failures,
            suite.errors,
            suite.time.as_secs_f64()
        );
        self.out.seek(SeekFrom::Start(suite.counts_at))?;
        // Cut only if the numbers had twenty digits.
        self.out
            .write_all(&counts.as_bytes()[..counts.len().min(ROOM)])?;
        self.out.seek(SeekFrom::Start(end))?;
        Ok(())
    }

    /// Ends the document.
    ///
    /// # Errors
    /// The operating system's.
    pub fn end(mut self) -> io::Result<()> {
        self.end_suite()?;
        self.out.write_all(b"</testsuites>\n")?;
        match self.out {
            Out::File(mut file) => file.flush(),
            Out::Held(held, mut file) => file.write_all(held.get_ref()),
        }
    }
}

fn case(finished: &Finished) -> String {
    let head = format!(
        "<testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\"",
        xml(finished.title()),
        xml(&finished.class()),
        finished.time.as_secs_f64()
    );
    let Some(failure) = &finished.failure else {
        return match finished.grade {
            PassGrade::Skipped => {
                let why = finished.why_not_told().map(xml);
                let why = why.map_or_else(String::new, |why| format!(" message=\"{why}\""));
                format!("{head}>\n<skipped{why}/>\n</testcase>\n")
            }
            PassGrade::Passed | PassGrade::Warning => format!("{head}/>\n"),
        };
    };
    let (tag, kind) = match failure.fault {
        true => ("error", "transport"),
        false => ("failure", "expectation"),
    };
    let mut lines = vec![finished.place()];
    lines.extend(block(finished, failure));
    let why = xml(&failure.why);
    let text = xml(&lines.join("\n"));
    format!("{head}>\n<{tag} type=\"{kind}\" message=\"{why}\">{text}</{tag}>\n</testcase>\n")
}

/// Escapes text for XML 1.0: markup as entities, characters that XML cannot contain as `\xNN`.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Held(held, _) => held.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Held(..) => Ok(()),
        }
    }
}

impl Seek for Out {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Held(held, _) => held.seek(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_written_in_ascii() {
        let table = [
            ("a<b> & \"c\"", "a&lt;b&gt; &amp; &quot;c&quot;"),
            ("]]>", "]]&gt;"),
            ("\u{1b}[31m\0\u{fffe}", "\\x1b[31m\\x00\\xfffe"),
            ("é\n\t", "é\n\t"),
        ];
        for (text, written) in table {
            assert_eq!(xml(text), written);
        }
    }
}
