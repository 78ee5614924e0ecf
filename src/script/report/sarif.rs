//! The SARIF 2.1.0 report of an audit: a rule for each probe, a result for each finding.

use std::fs::File;
use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::{ProbeRow, ProbeVerdict};

/// The SARIF report; it is written at the end.
pub struct Sarif {
    file: File,
    rules: Vec<Value>,
    results: Vec<Value>,
}

impl Sarif {
    /// A report without results.
    pub fn new(file: File) -> Self {
        Self {
            file,
            rules: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Adds a probe of the server at `url`.
    pub fn add(&mut self, url: &str, row: &ProbeRow) {
        let level = match row.verdict {
            ProbeVerdict::Fail => "error",
            ProbeVerdict::Warn => "warning",
            ProbeVerdict::Pass | ProbeVerdict::Skip => "none",
        };
        let expected = format!("{} ({})", row.expected, row.rfc.join(", "));
        self.rules.push(json!({
            "id": row.id,
            "shortDescription": { "text": row.sent },
            "fullDescription": { "text": format!("Sent: {}. Expected: {expected}.", row.sent) },
            "properties": { "tags": [row.group], "rfc": row.rfc },
        }));
        if !row.verdict.is_finding() {
            return;
        }
        let text = format!("{}: {}; expected {expected}", row.sent, row.got);
        let mut result = json!({
            "ruleId": row.id,
            "ruleIndex": self.rules.len() - 1,
            "level": level,
            "message": { "text": text },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": url },
                    "region": { "startLine": 1 },
                },
            }],
        });
        if row.is_accepted_finding() {
            result["suppressions"] = json!([{ "kind": "external", "justification": "--allow" }]);
        }
        self.results.push(result);
    }

    /// Writes the report.
    ///
    /// # Errors
    /// The operating system's.
    pub fn end(mut self) -> io::Result<()> {
        let report = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {
                    "driver": {
                        "name": "wsprobe",
                        "version": env!("CARGO_PKG_VERSION"),
                        "rules": self.rules,
                    },
                },
                "results": self.results,
            }],
        });
        let mut text = serde_json::to_string_pretty(&report)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())
    }
}
