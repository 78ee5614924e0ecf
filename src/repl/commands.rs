//! The commands of the interactive session. One table defines them for parsing, completion, hints, `/help` and the
//! manual.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::conversation::ConversationCommand;
use super::kept::KeptCommand;
use super::paths::path_of;
use super::repeated::Watch;
use crate::connection::close::CloseFrame;
use crate::connection::message::{Outgoing, Payload};
use crate::input::action::Action;
use crate::input::encoding::Encoding;
use crate::nearest::nearest;
use crate::output::repl_sink::{ReplRequest, ReplSetting};
use crate::pattern::Pattern;
use crate::secret::SecretSource;

/// The payload size of a `/ping`, in bytes.
const PING_SIZE: usize = 16;

/// A command of the session.
#[derive(Debug)]
pub struct Command {
    /// With its slash.
    pub name: &'static str,
    /// Its arguments.
    pub usage: &'static str,
    /// What it does.
    pub what: &'static str,
    /// The kind of its first argument.
    pub argument: Argument,
}

/// The kind of a command's argument, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// None, or one that cannot be completed.
    Other,
    /// A file.
    File,
    /// A URL, or the name of an endpoint.
    Url,
    /// A close code.
    Code,
    /// `on` or `off`.
    Switch,
    /// `off`, or something else.
    Off,
    /// A command.
    Command,
}

const fn command(
    name: &'static str,
    usage: &'static str,
    argument: Argument,
    what: &'static str,
) -> Command {
    Command {
        name,
        usage,
        what,
        argument,
    }
}

/// Every command.
pub const COMMANDS: [Command; 34] = [
    command(
        "/help",
        "[COMMAND]",
        Argument::Command,
        "show this list, or how a command is used",
    ),
    command(
        "/send",
        "FILE",
        Argument::File,
        "send a file as one message",
    ),
    command(
        "/hex",
        "00 ff …",
        Argument::Other,
        "send bytes as a binary message",
    ),
    command(
        "/base64",
        "DATA",
        Argument::Other,
        "send base64 data as a binary message",
    ),
    command(
        "/ping",
        "",
        Argument::Other,
        "send a ping frame and show the round-trip time",
    ),
    command(
        "/pong",
        "[TEXT]",
        Argument::Other,
        "send an unsolicited pong frame",
    ),
    command(
        "/close",
        "[CODE [REASON]]",
        Argument::Code,
        "close the connection, keep the session",
    ),
    command(
        "/reconnect",
        "",
        Argument::Other,
        "reconnect to the same URL",
    ),
    command(
        "/connect",
        "URL",
        Argument::Url,
        "close, and open another connection",
    ),
    command(
        "/status",
        "",
        Argument::Other,
        "show the state, what was negotiated, and traffic counts",
    ),
    command(
        "/headers",
        "",
        Argument::Other,
        "show the headers of the handshake",
    ),
    command(
        "/filter",
        "[PATTERN|off]",
        Argument::Off,
        "show only messages that match",
    ),
    command("/pretty", "[on|off]", Argument::Switch, "pretty-print JSON"),
    command(
        "/time",
        "[on|off]",
        Argument::Switch,
        "show the time of each message",
    ),
    command("/frames", "[on|off]", Argument::Switch, "show every frame"),
    command(
        "/set",
        "[NAME VALUE]",
        Argument::Other,
        "define {{NAME}} for the lines after it",
    ),
    command(
        "/capture",
        "NAME JQ",
        Argument::Other,
        "define {{NAME}} by a value of the last message",
    ),
    command(
        "/on",
        "[PATTERN => MESSAGE|off]",
        Argument::Off,
        "answer each message that matches",
    ),
    command(
        "/decode",
        "[FORMAT,…|off]",
        Argument::Off,
        "decode binary messages",
    ),
    command(
        "/expect",
        "PATTERN",
        Argument::Other,
        "judge the next message; /save writes it as a check",
    ),
    command(
        "/last",
        "[N]",
        Argument::Other,
        "show the last message, or the last N, in full; in $PAGER if they are long",
    ),
    command(
        "/edit",
        "",
        Argument::Other,
        "edit the line in $EDITOR, as Ctrl-X Ctrl-E does",
    ),
    command(
        "/write",
        "FILE [N]",
        Argument::File,
        "write the bytes of the last message, or the Nth from the end",
    ),
    command(
        "/copy",
        "[N]",
        Argument::Other,
        "copy the last message, or the Nth from the end (OSC 52)",
    ),
    command(
        "/find",
        "TEXT",
        Argument::Other,
        "list the messages that contain a text",
    ),
    command(
        "/pause",
        "",
        Argument::Other,
        "stop showing messages, not receiving them",
    ),
    command(
        "/resume",
        "",
        Argument::Other,
        "show them again, with those that were received",
    ),
    command(
        "/watch",
        "TIME MESSAGE",
        Argument::Other,
        "send a message at an interval, until a key is pressed",
    ),
    command(
        "/source",
        "FILE",
        Argument::File,
        "enter the lines of a file",
    ),
    command(
        "/save",
        "FILE.wst",
        Argument::File,
        "write this session as a check file",
    ),
    command(
        "/export",
        "FILE.har|.txt",
        Argument::File,
        "write this session as HAR or text",
    ),
    command(
        "/log",
        "[FILE|off]",
        Argument::File,
        "log every event as a JSON line",
    ),
    command(
        "/onopen",
        "[MESSAGE|off]",
        Argument::Off,
        "send a message first on every new connection",
    ),
    command(
        "/quit",
        "",
        Argument::Other,
        "close and quit, as Ctrl-D does",
    ),
];

/// The keys listed in `/help`.
pub const KEYS: [(&str, &str); 7] = [
    ("Enter", "send the line, or continue incomplete JSON"),
    ("Alt-Enter", "insert a line break"),
    ("Tab", "complete a command, file, close code or JSON key"),
    ("Ctrl-R", "search the history"),
    ("Ctrl-X Ctrl-E", "edit the line in $EDITOR"),
    ("Ctrl-C", "clear the line; twice on an empty line: quit"),
    ("//TEXT", "send a text that starts with a slash"),
];

/// A line that other programs take for a command: it is sent only when it is entered twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuitWord {
    word: &'static str,
    /// What was probably meant.
    meant: &'static str,
}

impl QuitWord {
    const ALL: [Self; 6] = [
        Self::new("help", "/help lists the commands"),
        Self::new("?", "/help lists the commands"),
        Self::new("quit", "/quit quits"),
        Self::new("exit", "/quit quits"),
        Self::new("\\q", "/quit quits"),
        Self::new(":q", "/quit quits"),
    ];

    const fn new(word: &'static str, meant: &'static str) -> Self {
        Self { word, meant }
    }

    /// The word that a line consists of.
    pub fn of(line: &str) -> Option<Self> {
        let word = line.trim();
        Self::ALL.into_iter().find(|known| known.word == word)
    }

    /// What to print instead of sending it.
    pub fn question(self) -> String {
        let Self { word, meant } = self;
        format!("not sent: {meant}; press Enter again to send '{word}'")
    }
}

/// A parsed line.
#[derive(Debug)]
pub enum ReplLine {
    /// An action of the session.
    Do(Action),
    /// A request to the output.
    Show(ReplRequest),
    /// Show the state of the connection.
    Status,
    /// Show what is sent on every new connection.
    ShowOnOpen,
    /// Send this on every new connection; `None` removes all such messages.
    OnOpen(Option<SecretSource>),
    /// Shape the conversation.
    Converse(ConversationCommand),
    /// Show the last messages in full.
    Last(usize),
    /// Change the line in an editor.
    Edit,
    /// Write, copy or find received messages.
    Kept(KeptCommand),
    /// Send a message at an interval.
    Watch(Duration, String),
    /// Enter the lines of a file.
    Source(PathBuf),
    /// Send a file.
    SendFile(PathBuf),
    /// Connect to this URL.
    Connect(String),
    /// Show the commands, or one of them.
    Help(Option<&'static Command>),
    /// An unknown command or an invalid argument, with the error message.
    Wrong(String),
}

/// Whether a line is a command, not a message.
pub fn is_command(line: &str) -> bool {
    // Blanks before a command are a slip, or keep it out of the history: it is not sent.
    let line = line.trim_start();
    line.starts_with('/') && !line.starts_with("//")
}

/// Whether a line sends a message, directly or by a command.
pub fn sends(line: &str) -> bool {
    const SENDING: [&str; 3] = ["/send", "/hex", "/base64"];
    let name = line.split_whitespace().next().unwrap_or_default();
    !is_command(line) || SENDING.contains(&name)
}

/// Whether a text is or may become JSON, which may span several lines.
pub fn opens_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// The command with that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Reads a line. `//text` sends text that starts with a slash.
pub fn parse(line: &str) -> ReplLine {
    if !is_command(line) {
        return send(line.strip_prefix('/').unwrap_or(line));
    }
    let line = line.trim_start();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let meant = match name {
        "/help" => help_on(rest),
        "/quit" => Ok(ReplLine::Do(Action::Quit)),
        "/status" => Ok(ReplLine::Status),
        "/reconnect" => Ok(ReplLine::Do(Action::Reopen)),
        "/headers" => Ok(ReplLine::Show(ReplRequest::Headers)),
        "/ping" => Ok(ReplLine::Do(Action::Ping(PING_SIZE))),
        "/pong" => pong(rest),
        "/close" => close(rest),
        "/send" => needed(rest).map(|path| ReplLine::SendFile(path_of(path))),
        "/hex" => needed(rest).and_then(|text| binary(text, Encoding::Hex)),
        "/base64" => needed(rest).and_then(|text| binary(text, Encoding::Base64)),
        "/connect" => needed(rest).map(|url| ReplLine::Connect(url.to_owned())),
        "/filter" => filter(rest),
        "/pretty" => switch(ReplSetting::Pretty, rest),
        "/time" => switch(ReplSetting::Time, rest),
        "/frames" => switch(ReplSetting::Frames, rest),
        "/last" => last(rest),
        "/export" => needed(rest).map(|path| ReplLine::Show(ReplRequest::Export(path_of(path)))),
        "/save" => needed(rest).map(|path| ReplLine::Show(ReplRequest::Save(path_of(path)))),
        "/log" if rest.is_empty() => Ok(ReplLine::Show(ReplRequest::ShowLog)),
        "/log" => Ok(ReplLine::Show(ReplRequest::Log(
            unless_off(rest).map(path_of),
        ))),
        "/onopen" if rest.is_empty() => Ok(ReplLine::ShowOnOpen),
        "/onopen" => Ok(ReplLine::OnOpen(unless_off(rest).map(SecretSource::parse))),
        "/edit" => Ok(ReplLine::Edit),
        "/pause" => Ok(ReplLine::Show(ReplRequest::Pause(true))),
        "/resume" => Ok(ReplLine::Show(ReplRequest::Pause(false))),
        "/watch" => Watch::parse(rest).map(|(every, text)| ReplLine::Watch(every, text)),
        "/source" => needed(rest).map(|path| ReplLine::Source(path_of(path))),
        name => {
            let command = ConversationCommand::parse(name, rest);
            let command = command.map(|command| command.map(ReplLine::Converse));
            let kept = || KeptCommand::parse(name, rest).map(|kept| kept.map(ReplLine::Kept));
            match command.or_else(kept) {
                Some(line) => line,
                None => return ReplLine::Wrong(unknown_command(name)),
            }
        }
    };
    meant.unwrap_or_else(|why| {
        let usage = find(name).map_or("", |command| command.usage);
        ReplLine::Wrong(format!("{why}: {name} {usage}"))
    })
}

/// Commands that send, close or quit: a person who retypes a suggestion without thinking must lose nothing.
const NEVER_SUGGESTED: [&str; 14] = [
    "/send",
    "/hex",
    "/base64",
    "/ping",
    "/pong",
    "/close",
    "/reconnect",
    "/connect",
    "/write",
    "/on",
    "/onopen",
    "/source",
    "/watch",
    "/quit",
];

fn send(text: &str) -> ReplLine {
    ReplLine::Do(Action::Send(Outgoing::Message(Payload::Text(text.into()))))
}

fn needed(rest: &str) -> Result<&str, String> {
    if rest.is_empty() {
        return Err("missing argument".to_owned());
    }
    Ok(rest)
}

fn unless_off(rest: &str) -> Option<&str> {
    (rest != "off").then_some(rest)
}

fn pong(rest: &str) -> Result<ReplLine, String> {
    if rest.len() > 125 {
        return Err(format!(
            "payload of {} bytes exceeds the 125 of a pong",
            rest.len()
        ));
    }
    let payload = Bytes::copy_from_slice(rest.as_bytes());
    Ok(ReplLine::Do(Action::Send(Outgoing::Pong(payload))))
}

fn binary(text: &str, encoding: Encoding) -> Result<ReplLine, String> {
    match encoding.decode(Bytes::copy_from_slice(text.as_bytes())) {
        Ok(payload) => Ok(ReplLine::Do(Action::Send(Outgoing::Message(payload)))),
        Err(bad) => Err(format!(
            "not sent: invalid at byte {}: {}",
            bad.at + 1,
            bad.why
        )),
    }
}

fn help_on(rest: &str) -> Result<ReplLine, String> {
    if rest.is_empty() {
        return Ok(ReplLine::Help(None));
    }
    let name = format!("/{}", rest.trim_start_matches('/'));
    match find(&name) {
        Some(command) => Ok(ReplLine::Help(Some(command))),
        None => Err(format!("unknown command '{name}'")),
    }
}

fn filter(rest: &str) -> Result<ReplLine, String> {
    if rest.is_empty() {
        return Ok(ReplLine::Show(ReplRequest::ShowFilter));
    }
    let pattern = unless_off(rest).map(Pattern::parse).transpose();
    let pattern = pattern.map_err(|error| error.to_string())?;
    Ok(ReplLine::Show(ReplRequest::Filter(pattern.map(Box::new))))
}

fn switch(setting: ReplSetting, rest: &str) -> Result<ReplLine, String> {
    let wanted = match rest {
        "" => None,
        "on" => Some(true),
        "off" => Some(false),
        other => return Err(format!("invalid value '{other}'")),
    };
    Ok(ReplLine::Show(ReplRequest::Setting(setting, wanted)))
}

fn last(rest: &str) -> Result<ReplLine, String> {
    let count = match rest {
        "" => 1,
        digits => match digits.parse() {
            Ok(count) if count > 0 => count,
            _ => return Err(format!("invalid number of messages '{digits}'")),
        },
    };
    Ok(ReplLine::Last(count))
}

fn close(rest: &str) -> Result<ReplLine, String> {
    if rest.is_empty() {
        return Ok(ReplLine::Do(Action::Close(CloseFrame::default())));
    }
    let (code, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    CloseFrame::new(code, reason.trim()).map(|farewell| ReplLine::Do(Action::Close(farewell)))
}

fn unknown_command(name: &str) -> String {
    let suggested = COMMANDS.iter().map(|known| known.name);
    let suggested = suggested.filter(|known| !NEVER_SUGGESTED.contains(known));
    match nearest(name, suggested) {
        Some(known) => {
            format!("unknown command '{name}'; did you mean {known}? /{name} sends it as text")
        }
        None => format!("unknown command '{name}'; see /help; /{name} sends it as text"),
    }
}

/// What `/help COMMAND` shows.
pub fn help_text(command: Option<&Command>) -> String {
    match command {
        None => help(),
        Some(Command {
            name, usage, what, ..
        }) => format!("  {name} {usage}\n  {what}\n").replace(" \n", "\n"),
    }
}

/// The list that `/help` shows.
fn help() -> String {
    let mut text = String::from("A line is sent as a text message. Commands:\n");
    for Command {
        name, usage, what, ..
    } in &COMMANDS
    {
        let usage = format!("{name} {usage}");
        text.push_str(&format!("  {usage:<24}{what}\n"));
    }
    for (key, what) in KEYS {
        text.push_str(&format!("  {key:<24}{what}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::close::CloseCode;

    fn sent(line: &str) -> Payload {
        match parse(line) {
            ReplLine::Do(Action::Send(Outgoing::Message(payload))) => payload,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn wrong(line: &str) -> String {
        match parse(line) {
            ReplLine::Wrong(why) => why,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_listed_command_is_understood() {
        for Command { name, usage, .. } in &COMMANDS {
            let example = match *name {
                "/hex" | "/base64" => format!("{name} 00ff"),
                "/watch" => format!("{name} 5s hello"),
                "/capture" => format!("{name} id .id"),
                _ if usage.is_empty() || usage.starts_with('[') => (*name).to_owned(),
                _ => format!("{name} off"),
            };
            assert!(!matches!(parse(&example), ReplLine::Wrong(_)), "{example}");
        }
    }

    #[test]
    fn a_wrong_argument_is_reported_with_the_usage() {
        for Command { name, usage, .. } in &COMMANDS {
            if !usage.is_empty() && !usage.starts_with('[') {
                assert!(wrong(name).contains(usage), "{}", wrong(name));
            }
        }
        assert!(wrong("/filter {\"a\"").contains("/filter [PATTERN"));
        assert!(wrong("/time soon").contains("soon"));
        assert!(wrong("/hex 0").contains("byte"));
        assert!(wrong("/last 0").contains('0'));
    }

    #[test]
    fn only_one_leading_slash_makes_a_command() {
        let text = |text: &str| Payload::Text(text.into());
        assert_eq!(sent("hi /help"), text("hi /help"));
        assert_eq!(sent("//help"), text("/help"));
        assert_eq!(sent("///x"), text("//x"));
        assert!(matches!(parse("  /help"), ReplLine::Help(None)));
        assert!(matches!(parse("/help close"), ReplLine::Help(Some(_))));
        assert!(help_text(find("/close")).contains("/close [CODE [REASON]]\n"));
        assert!(wrong("/help nothing").contains("unknown command '/nothing'"));
        assert_eq!(sent(" //help"), text(" //help"));
        assert_eq!(sent(""), text(""));
    }

    #[test]
    fn bytes_are_sent_as_they_are_meant() {
        let binary = Payload::Binary(Bytes::from_static(b"\x00\xff\x10"));
        assert_eq!(sent("/hex 00 ff 10"), binary);
        assert_eq!(sent("/base64 AP8Q"), binary);
    }

    #[test]
    fn an_unknown_command_names_the_nearest_and_is_not_sent() {
        assert!(wrong("/staus").contains("did you mean /status?"));
        assert!(wrong("/xyzzyxyzzy").contains("/help"));
    }

    #[test]
    fn no_command_is_suggested_that_is_far_off_or_sends_closes_or_quits() {
        for line in [
            "/clear",
            "/disconnect",
            "/history",
            "/clsoe 1000",
            "/quti",
            "/sned x",
            "/pign",
            "/conect echo:",
        ] {
            let why = wrong(line);
            assert!(!why.contains("did you mean"), "{why}");
            assert!(why.contains("/help"), "{why}");
        }
        for name in NEVER_SUGGESTED {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_close_has_a_code_and_a_reason() {
        let ReplLine::Do(Action::Close(farewell)) = parse("/close 4001 see you") else {
            panic!("no close")
        };
        assert_eq!(farewell.code, Some(CloseCode(4001)));
        assert_eq!(farewell.reason, "see you");
        assert!(wrong("/close 1006").contains("1006"));
    }
}
