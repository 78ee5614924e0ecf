//! The chapters of the manual, as `wsprobe help TOPIC` prints them.
//!
//! Their source is Markdown in `manual/*.md`. `cargo run --example generate` renders it to the text that is included
//! here and to the man pages, so the program itself contains no Markdown parser.

/// A chapter of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// The name on the command line and of its files in `manual/`.
    pub name: &'static str,
    /// A one-line summary.
    pub about: &'static str,
    /// The rendered text; its only escape sequences are [`BOLD`] and [`PLAIN`].
    text: &'static str,
}

/// Begins bold text.
pub const BOLD: &str = "\x1b[1m";
/// Ends bold text.
pub const PLAIN: &str = "\x1b[0m";

/// All chapters.
pub const TOPICS: [Topic; 8] = [
    Topic {
        name: "exit-codes",
        about: "What each exit status means",
        text: include_str!("../manual/exit-codes.txt"),
    },
    Topic {
        name: "patterns",
        about: "How --expect, --until, --filter and check files match messages",
        text: include_str!("../manual/patterns.txt"),
    },
    Topic {
        name: "conversations",
        about: "Taking turns, variables, values of replies, rules that answer",
        text: include_str!("../manual/conversations.txt"),
    },
    Topic {
        name: "json",
        about: "The events of --json and --log, field by field",
        text: include_str!("../manual/json.txt"),
    },
    Topic {
        name: CHECK_FILE,
        about: "The format of check files: scripted conversations",
        text: include_str!("../manual/check-file.txt"),
    },
    Topic {
        name: "endpoints",
        about: "Names for URLs and their options (@NAME)",
        text: include_str!("../manual/endpoints.txt"),
    },
    Topic {
        name: "environment",
        about: "The environment variables that wsprobe reads",
        text: include_str!("../manual/environment.txt"),
    },
    Topic {
        name: AUDITING,
        about: "What wsprobe audit finds, and what to change in the server",
        text: include_str!("../manual/auditing.txt"),
    },
];

/// The name of the chapter that is part of wsprobe-audit(1).
pub const AUDITING: &str = "auditing";

/// The name of the chapter that has its own man page, wsprobe-check-file(5).
pub const CHECK_FILE: &str = "check-file";

impl Topic {
    /// Finds a chapter by name.
    pub fn find(name: &str) -> Option<Self> {
        TOPICS.into_iter().find(|topic| topic.name == name)
    }

    /// The text of the chapter, with or without bold headings and code.
    pub fn text(&self, bold: bool) -> String {
        if bold {
            self.text.to_owned()
        } else {
            self.text.replace(BOLD, "").replace(PLAIN, "")
        }
    }
}
