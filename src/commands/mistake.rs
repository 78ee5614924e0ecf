//! What is wrong before the first packet: said in one line, with what was probably meant.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::time::Instant;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::connection::proxy::BadProxy;
use crate::connection::target::{BadUrl, bare_port};
use crate::connection::tls::BadTls;
use crate::exit::Exit;
use crate::input;
use crate::output::escape::{Keep, escape};
use crate::output::events::EventWriter;
use crate::output::style::{Stream, When};
use crate::output::talk::Talk;
use crate::secret::{Unreadable, redact_url};

/// A mistake in what was typed or in a file that it names.
#[derive(Debug)]
pub struct Mistake {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Mistake {
    /// Bad usage (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            exit: Exit::Usage,
        }
    }

    /// A mistake of another kind.
    pub(super) fn with_exit(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            ..Self::usage(message)
        }
    }

    /// Output that cannot be written (exit 23).
    pub fn output(message: impl Into<String>) -> Self {
        Self::with_exit(Exit::Output, message)
    }

    /// An address that cannot be listened on (exit 7).
    pub fn cannot_listen(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::CannotConnect,
            ..Self::usage(message)
        }
    }

    /// The same as bad usage, for verbs whose other statuses mean something else.
    pub fn as_usage(mut self) -> Self {
        if self.exit != Exit::Output {
            self.exit = Exit::Usage;
        }
        self
    }

    /// The same with a cure.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl From<BadUrl> for Mistake {
    fn from(bad: BadUrl) -> Self {
        Self {
            hint: bad.hint.clone(),
            ..Self::usage(bad.to_string())
        }
    }
}

impl From<Unreadable> for Mistake {
    fn from(unreadable: Unreadable) -> Self {
        let exit = if unreadable.name.starts_with("env:") {
            Exit::Usage
        } else {
            Exit::Input
        };
        Self {
            exit,
            ..Self::usage(unreadable.to_string())
        }
    }
}

impl From<input::Error> for Mistake {
    fn from(error: input::Error) -> Self {
        Self {
            exit: Exit::Input,
            ..Self::usage(error.to_string())
        }
    }
}

impl From<BadTls> for Mistake {
    fn from(bad: BadTls) -> Self {
        match bad {
            BadTls::Unreadable(unreadable) => unreadable.into(),
            BadTls::Unusable(why, hint) => Self {
                hint,
                ..Self::with_exit(Exit::OwnCertificate, why)
            },
        }
    }
}

impl From<BadProxy> for Mistake {
    fn from(bad: BadProxy) -> Self {
        Self::usage(bad.to_string())
    }
}

/// Tells a mistake and gives its exit status. What is no mistake is a defect of ours.
pub fn tell(error: &anyhow::Error, arguments: &[OsString]) -> Exit {
    match error.downcast_ref::<Mistake>() {
        Some(mistake) => {
            say(
                &mistake.message,
                mistake.hint.as_deref(),
                mistake.exit,
                arguments,
            );
            mistake.exit
        }
        None => {
            say(
                &format!("internal error: {error:#}"),
                None,
                Exit::Internal,
                arguments,
            );
            Exit::Internal
        }
    }
}

/// Tells what clap found, or prints the help that was asked for.
pub fn tell_usage(mut error: clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Output,
            _ => Exit::Success,
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Nothing can be done about a stderr that is gone.
        let _ = error.print();
        return Exit::Usage;
    }
    if let Some(mistake) = other_tools_habit(arguments) {
        say(
            &mistake.message,
            mistake.hint.as_deref(),
            Exit::Usage,
            arguments,
        );
        return Exit::Usage;
    }
    hide_credential(&mut error);
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    if wants_json(arguments) {
        let line = text.lines().next().unwrap_or(text);
        say(line, None, Exit::Usage, arguments);
    } else {
        // Nothing can be done about a stderr that is gone.
        let _ = write!(io::stderr(), "wsprobe: {}", escape(text, Keep::Lines));
    }
    Exit::Usage
}

/// A rejected credential is named by its beginning, up to where its value may begin.
fn hide_credential(error: &mut clap::Error) {
    const FLAGS: [&str; 4] = ["--header", "--cookie", "--user", "--bearer"];
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let flag = text(ContextKind::InvalidArg);
    let value = text(ContextKind::InvalidValue);
    let name = value
        .split([' ', '\t', ':', '='])
        .next()
        .unwrap_or_default();
    let is_credential = FLAGS.iter().any(|known| flag.starts_with(known));
    if is_credential && name.len() < value.len() {
        let shown = ContextValue::String(format!("{name}…"));
        error.insert(ContextKind::InvalidValue, shown);
    }
}

/// `wsprobe URL`, `wsprobe -c URL`, `wsprobe -l PORT`: how wscat, websocat and curl are called.
fn other_tools_habit(arguments: &[OsString]) -> Option<Mistake> {
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .filter_map(|word| word.to_str())
        .collect();
    let looks_like_url = |word: &str| word.contains("://") || word.starts_with("localhost");
    match words.as_slice() {
        [url, ..] if looks_like_url(url) => Some(needs_verb(url)),
        ["-c" | "--connect", url, ..] => Some(needs_verb(url)),
        ["-l" | "--listen", port, ..] => Some(serves(port)),
        _ => None,
    }
}

fn needs_verb(url: &str) -> Mistake {
    let url = redact_url(url);
    Mistake::usage(format!("'{url}' stands where a verb is expected"))
        .hint(format!("wsprobe connect {url}  (or send, listen, ping)"))
}

/// `listen` streams from a URL; wscat's `--listen` is `serve` here.
pub fn serves(port: &str) -> Mistake {
    let port = port.trim_start_matches(':');
    Mistake::usage(format!(
        "'{port}' is a port: to listen on it is to serve, to listen to it needs a URL"
    ))
    .hint(format!(
        "wsprobe serve {port}   or   wsprobe listen ws://localhost:{port}/"
    ))
}

/// Whether `listen` was given what is a port, not a URL.
pub fn is_port(url: &str) -> bool {
    bare_port(url).is_some()
}

fn wants_json(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json")
}

fn say(message: &str, hint: Option<&str>, exit: Exit, arguments: &[OsString]) {
    let talk = Talk {
        stream: Stream::stderr(When::Auto),
        verbose: 0,
        quiet: 0,
        session: false,
    };
    let mut said = Vec::new();
    if wants_json(arguments) {
        let mut line = Vec::new();
        let kind = if exit == Exit::Usage { "usage" } else { "io" };
        EventWriter::new(Instant::now()).error(&mut line, kind, message, false, exit);
        let mut stdout = io::stdout();
        if stdout
            .write_all(&line)
            .and_then(|()| stdout.flush())
            .is_err()
        {
            talk.error(&mut said, message);
        }
    } else {
        talk.error(&mut said, message);
    }
    if let Some(hint) = hint {
        talk.hint(&mut said, hint);
    }
    let _ = io::stderr().write_all(&said);
}
