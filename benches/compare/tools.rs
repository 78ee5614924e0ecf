//! The tools, and the command line of each for each task.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Wsprobe,
    /// A minimal loop around tokio-tungstenite: [`super::floor`].
    Floor,
    Websocat,
    Wscat,
    /// Node's ws, which wscat is built on.
    Ws,
}

/// The task of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task<'a> {
    /// Every line of stdin is a message.
    Send,
    /// Every message is a line of stdout; wsprobe with these additional flags.
    Listen(&'a [&'a str]),
    /// One message, one reply; over TLS with this authority.
    Once(Option<&'a Path>),
    /// All of stdin as binary.
    Blob,
    /// Lines from stdin and replies to stdout, alternately.
    Talk,
}

pub const ALL: [Tool; 5] = [
    Tool::Wsprobe,
    Tool::Floor,
    Tool::Websocat,
    Tool::Wscat,
    Tool::Ws,
];

/// The argument that makes this program run the baseline.
pub const FLOOR: &str = "WSPROBE_COMPARE_FLOOR";

/// The program under test: the one named by `WSPROBE`, else a release build, which is built when it is first
/// needed. The one that cargo builds for benches differs: it unwinds.
pub fn wsprobe_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(named) = env::var_os("WSPROBE") {
            return named.into();
        }
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--release",
                "--locked",
                "--quiet",
                "--bin",
                "wsprobe",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "a release build"
        );
        Path::new(env!("CARGO_BIN_EXE_wsprobe")).to_owned()
    })
}

const WS: &str = include_str!("ws.js");

impl Tool {
    pub fn name(self) -> &'static str {
        match self {
            Self::Wsprobe => "wsprobe",
            Self::Floor => "floor",
            Self::Websocat => "websocat",
            Self::Wscat => "wscat",
            Self::Ws => "Node ws",
        }
    }

    /// Whether it is available here.
    pub fn is_here(self) -> bool {
        let Some(mut command) = self.version() else {
            return true;
        };
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Its name and version, as the head of a column.
    pub fn title(self) -> String {
        let version = self.version().and_then(|mut command| {
            let output = command.output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            Some(format!(" {}", text.split_whitespace().last()?))
        });
        format!("{}{}", self.name(), version.unwrap_or_default())
    }

    /// The command that prints its version.
    pub fn version(self) -> Option<Command> {
        let mut command = match self {
            Self::Floor => return None,
            Self::Ws => {
                let mut command = Command::new("node");
                command.args(["-p", "require('ws/package.json').version"]);
                return Some(command);
            }
            Self::Wsprobe | Self::Websocat | Self::Wscat => self.program(),
        };
        command.arg("--version");
        Some(command)
    }

    /// Whether it speaks permessage-deflate.
    pub fn compresses(self) -> bool {
        matches!(self, Self::Wsprobe | Self::Wscat | Self::Ws)
    }

    /// Its share of wsprobe's work, since a tool that is ten times as slow would take most of the time.
    pub fn share(self) -> usize {
        match self {
            Self::Wsprobe | Self::Floor => 1,
            Self::Websocat => 10,
            Self::Wscat | Self::Ws => 20,
        }
    }

    /// Whether it ends with its stdin, so that stdin must stay open until the task is done.
    pub fn ends_with_stdin(self) -> bool {
        self == Self::Wscat
    }

    /// Whether a line's newline is part of the message.
    pub fn sends_newlines(self) -> bool {
        self == Self::Websocat
    }

    fn program(self) -> Command {
        let (variable, name) = match self {
            Self::Wsprobe => return Command::new(wsprobe_program()),
            Self::Floor => {
                let mut command = Command::new(env::current_exe().expect("this program"));
                command.env(FLOOR, "1");
                return command;
            }
            Self::Websocat => ("WEBSOCAT", "websocat"),
            Self::Wscat => ("WSCAT", "wscat"),
            Self::Ws => {
                let mut command = Command::new("node");
                command.args(["-e", WS]);
                return command;
            }
        };
        Command::new(env::var_os(variable).unwrap_or_else(|| name.into()))
    }

    /// The command for a task; `None` when it cannot do it.
    pub fn command(self, task: Task<'_>, url: &str) -> Option<Command> {
        let mut command = self.program();
        match self {
            Self::Wsprobe => wsprobe(&mut command, task, url),
            Self::Floor => floor(&mut command, task, url),
            Self::Websocat => websocat(&mut command, task, url),
            Self::Wscat => wscat(&mut command, task, url),
            Self::Ws => ws(&mut command, task, url),
        }
        .then(|| {
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null());
            command
        })
    }
}

fn wsprobe(command: &mut Command, task: Task<'_>, url: &str) -> bool {
    match task {
        Task::Send => command.args(["send", "--no-wait", url]),
        Task::Listen(flags) => command.args(["listen", url]).args(flags),
        Task::Once(None) => command.args(["send", url, "hello"]),
        Task::Once(Some(authority)) => {
            command.args(["send", url, "hello", "--cacert"]);
            command.arg(authority)
        }
        Task::Blob => {
            command.args(["send", "--no-wait", "--binary", "--whole"]);
            command.args(["--fragment", "256KiB", url])
        }
        Task::Talk => command.args(["connect", url]),
    };
    true
}

fn floor(command: &mut Command, task: Task<'_>, url: &str) -> bool {
    match task {
        Task::Send => command.args(["send", url]),
        Task::Listen(flags) => {
            command.args(["listen", url]);
            return flags.is_empty();
        }
        Task::Once(authority) => command.args(["once", url]).args(authority),
        Task::Blob => command.args(["blob", url]),
        Task::Talk => command.args(["talk", url]),
    };
    true
}

fn websocat(command: &mut Command, task: Task<'_>, url: &str) -> bool {
    match task {
        Task::Send | Task::Talk => command.args(["-t", url]),
        // It splits messages that are larger than its buffer.
        Task::Listen(flags) => {
            command.args(["-t", "-U", "-B", "2000000", url]);
            return flags.is_empty();
        }
        Task::Once(None) => command.args(["-n1", url]),
        Task::Once(Some(_)) => command.args(["-k", "-n1", url]),
        Task::Blob => command.args(["-b", url]),
    };
    true
}

fn wscat(command: &mut Command, task: Task<'_>, url: &str) -> bool {
    match task {
        Task::Send | Task::Talk => command.args(["-c", url]),
        Task::Listen(flags) => {
            command.args(["-c", url]);
            return flags.is_empty();
        }
        Task::Once(authority) => {
            if let Some(authority) = authority {
                command.arg("--ca").arg(authority);
            }
            command.args(["-w", "0", "-x", "hello", "-c", url])
        }
        Task::Blob => return false,
    };
    true
}

fn ws(command: &mut Command, task: Task<'_>, url: &str) -> bool {
    match task {
        Task::Send | Task::Talk => command.args(["send", url]),
        Task::Listen(flags) => {
            command.args(["listen", url]);
            return flags.is_empty();
        }
        Task::Once(authority) => {
            if let Some(authority) = authority {
                command.env("NODE_EXTRA_CA_CERTS", authority);
            }
            command.args(["once", url])
        }
        Task::Blob => return false,
    };
    true
}
