//! What a typed line means. One table: what is parsed, what `/help` shows.

use bytes::Bytes;

use crate::connection::close::Farewell;
use crate::connection::message::{Outgoing, Payload};
use crate::input::Action;
use crate::nearest::nearest;

/// The payload of a ping by hand.
const PING_SIZE: usize = 16;

/// Every command: name, what may follow it, what it does.
pub const COMMANDS: [(&str, &str, &str); 7] = [
    ("/help", "", "show this list"),
    (
        "/ping",
        "",
        "send a ping frame and show the round-trip time",
    ),
    ("/pong", "[TEXT]", "send a pong frame that nobody asked for"),
    (
        "/close",
        "[CODE [REASON]]",
        "close the connection and stay here",
    ),
    (
        "/status",
        "",
        "show the state, what was agreed, and what has passed",
    ),
    ("/reconnect", "", "open the connection again"),
    (
        "/quit",
        "",
        "close and leave; Ctrl-D and Ctrl-C do the same",
    ),
];

/// A line, understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Something to do.
    Do(Action),
    /// Show the commands.
    Help,
    /// A command that does not exist or does not fit; what is wrong with it.
    Wrong(String),
}

/// Reads a line. `//text` sends text that starts with a slash.
pub fn parse(line: &str) -> Line {
    if let Some(text) = line.strip_prefix("//") {
        return send(&format!("/{text}"));
    }
    if !line.starts_with('/') {
        return send(line);
    }
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match name {
        "/help" => Line::Help,
        "/quit" => Line::Do(Action::Quit),
        "/status" => Line::Do(Action::Status),
        "/reconnect" => Line::Do(Action::Reopen),
        "/ping" => Line::Do(Action::Ping(PING_SIZE)),
        "/pong" if rest.len() > 125 => {
            Line::Wrong(format!("a pong holds 125 bytes, this has {}", rest.len()))
        }
        "/pong" => Line::Do(Action::Send(Outgoing::Pong(Bytes::copy_from_slice(
            rest.as_bytes(),
        )))),
        "/close" => close(rest),
        unknown => Line::Wrong(unknown_command(unknown)),
    }
}

fn send(text: &str) -> Line {
    Line::Do(Action::Send(Outgoing::Message(Payload::Text(text.into()))))
}

fn close(rest: &str) -> Line {
    if rest.is_empty() {
        return Line::Do(Action::Close(Farewell::default()));
    }
    let (code, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match Farewell::new(code, reason.trim()) {
        Ok(farewell) => Line::Do(Action::Close(farewell)),
        Err(why) => Line::Wrong(why),
    }
}

fn unknown_command(name: &str) -> String {
    match nearest(name, COMMANDS.map(|(known, ..)| known)) {
        Some(known) => {
            format!("{name} is no command: did you mean {known}? /{name} sends it as text")
        }
        None => format!("{name} is no command: /help shows them, /{name} sends it as text"),
    }
}

/// The list that `/help` shows.
pub fn help() -> String {
    let mut text = String::from("A line is sent as a text message. Commands:\n");
    for (name, rest, what) in COMMANDS {
        let usage = format!("{name} {rest}");
        text.push_str(&format!("  {usage:<26}{what}\n"));
    }
    text.push_str("  //TEXT                    send text that starts with a slash\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::close::Code;

    #[test]
    fn every_listed_command_is_understood() {
        for (name, ..) in COMMANDS {
            assert!(!matches!(parse(name), Line::Wrong(_)), "{name}");
        }
    }

    #[test]
    fn only_one_leading_slash_makes_a_command() {
        assert_eq!(parse("hi /help"), send("hi /help"));
        assert_eq!(parse("//help"), send("/help"));
        assert_eq!(parse(""), send(""));
    }

    #[test]
    fn an_unknown_command_names_the_nearest_and_is_not_sent() {
        let Line::Wrong(why) = parse("/clsoe 1000") else {
            panic!("sent")
        };
        assert!(why.contains("/close"), "{why}");
        assert!(matches!(parse("/xyzzyxyzzy"), Line::Wrong(why) if why.contains("/help")));
    }

    #[test]
    fn a_close_has_a_code_and_a_reason() {
        let farewell = Farewell {
            code: Some(Code(4001)),
            reason: "see you".to_owned(),
        };
        assert_eq!(
            parse("/close 4001 see you"),
            Line::Do(Action::Close(farewell))
        );
        assert!(matches!(parse("/close 1006"), Line::Wrong(_)));
        assert_eq!(
            parse("/close"),
            Line::Do(Action::Close(Farewell::default()))
        );
    }
}
