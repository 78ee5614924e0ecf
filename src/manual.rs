//! The chapters of the manual that belong to no single verb, as `wsprobe help TOPIC` shows them.
//!
//! Their source is Markdown in `manual/*.md`. `cargo run --example generate` renders it to the text that is included
//! here and to the man pages, so that the program itself parses no markup.

/// A chapter.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// Its name on the command line, and that of its files.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    /// The rendered text, in which [`BOLD`] and [`PLAIN`] are the only escape sequences.
    text: &'static str,
}

/// Begins bold text.
pub const BOLD: &str = "\x1b[1m";
/// Ends bold text.
pub const PLAIN: &str = "\x1b[0m";

/// Every chapter.
pub const TOPICS: [Topic; 5] = [
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
        name: "environment",
        about: "The environment variables that are read",
        text: include_str!("../manual/environment.txt"),
    },
];

/// The name of the chapter that is a man page of its own.
pub const CHECK_FILE: &str = "check-file";

impl Topic {
    /// The chapter of that name.
    pub fn find(name: &str) -> Option<Self> {
        TOPICS.into_iter().find(|topic| topic.name == name)
    }

    /// What the chapter says, with headings and what is typed in bold, or without.
    pub fn text(&self, bold: bool) -> String {
        if bold {
            self.text.to_owned()
        } else {
            self.text.replace(BOLD, "").replace(PLAIN, "")
        }
    }
}
