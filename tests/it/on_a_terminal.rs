//! On a terminal: the prompt and line editing of `connect`, and output for people.

use crate::harness::{Frame, Probe, Running, Server, ms};

/// An OPEN session at its prompt. The prompt and the notice may appear in either order, and the prompt
/// is drawn again after each output.
fn session(server: &Server) -> Running {
    let mut session = Probe::new(["connect", &server.url(), "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    session.shows("connected to").shows("> ");
    session
}

#[test]
fn escapes_are_shown_and_not_obeyed() {
    let server = Server::new()
        .accept()
        .send_text("\x1b[31mred\u{202e}\x07\u{9b}\ttab")
        .close(1000, "")
        .expect_close(1000);
    let output = Probe::new(["listen", &server.url(), "--color", "never"])
        .stdout_has("\\x1b[31mred\\u{202e}\\x07")
        .stdout_has("\ttab")
        .spawn_on_a_terminal()
        .status(0);
    assert!(
        !output
            .text()
            .contains(['\x1b', '\x07', '\u{202e}', '\u{9b}']),
        "{:?}",
        output.text()
    );
}

#[test]
fn no_line_of_a_message_looks_like_a_line_of_ours() {
    let forged = "hello\n* CLOSED by the server with 1000\nwsprobe: failed";
    let server = Server::new()
        .accept()
        .send_text(forged)
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "--color", "never"])
        .stdout_has("hello\r\n  * CLOSED by the server with 1000\r\n  wsprobe: failed\r\n")
        .spawn_on_a_terminal()
        .status(0);
    // The same for JSON too large to be pretty-printed at once.
    let server = Server::new()
        .accept()
        .send_text(format!("{}\n* CLOSED", "x".repeat(70_000)))
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "--color", "never"])
        .stdout_has("x\r\n  * CLOSED\r\n")
        .spawn_on_a_terminal()
        .status(0);
}

#[test]
fn whoever_waits_for_a_connection_is_told_what_for() {
    let server = Server::new().expect_request().expect_hangup();
    let url = server.url();
    let mut waiting = Probe::new(["send", &url, "hi", "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    waiting.shows(&format!(
        "* connecting to {url}: still waiting for the answer to the WebSocket handshake"
    ));
    waiting.interrupt();
    waiting.status(130);
}

#[test]
fn a_binary_message_is_a_hexdump_with_its_size() {
    let bytes = [b"\xde\xad\xbe\xef", &[b'a'; 296][..]].concat();
    let server = Server::new().accept().send_binary(bytes).close_when_asked();
    let output = Probe::new(["listen", "-1", &server.url(), "--color", "never"])
        .stdout_has("300")
        .spawn_on_a_terminal()
        .status(0);
    let dump: String = output.text().split_whitespace().collect();
    assert!(dump.contains("deadbeef61616161"), "{}", output.text());
    // 252 of the 296 are within the first 256 bytes; the others are only counted.
    let shown = output
        .text()
        .split([' ', '\r', '\n'])
        .filter(|word| *word == "61")
        .count();
    assert!(shown <= 252, "{shown} bytes are shown: {}", output.text());
}

#[test]
fn json_is_pretty_and_coloured() {
    let server = Server::new()
        .accept()
        .send_text(r#"{"a":1.10,"b":[true]}"#)
        .close(1000, "")
        .expect_close(1000);
    let output = Probe::new(["listen", &server.url()])
        .stdout_has("\x1b[")
        .spawn_on_a_terminal()
        .status(0);
    let plain = without_colour(output.text());
    assert!(plain.contains("  \"a\": 1.10,\r\n"), "{plain}");
}

#[test]
fn no_color_and_a_dumb_terminal_are_without_colour() {
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let server = Server::new()
            .accept()
            .send_text(r#"{"a":1}"#)
            .close(1000, "")
            .expect_close(1000);
        Probe::new(["listen", &server.url()])
            .env(name, value)
            .stdout_has("\"a\": 1")
            .stdout_lacks("\x1b[")
            .spawn_on_a_terminal()
            .status(0);
    }
}

#[test]
fn typed_lines_are_sent_and_messages_are_marked() {
    let server = Server::new()
        .accept()
        .expect_text("hi there")
        .send_text("hello");
    let mut session = session(&server);
    session.write("hi there\r");
    session.shows("< hello");
    let server = server.close_when_asked();
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn control_d_leaves_with_0() {
    let server = Server::new().accept().close_when_asked();
    let mut session = session(&server);
    session.write("\x04");
    session.status(0);
}

#[test]
fn control_c_twice_on_an_empty_line_leaves_with_0() {
    let server = Server::new().accept().answer_any_close();
    let mut session = session(&server);
    session.write("\x03\x03");
    session.status(0);
}

#[test]
fn a_close_command_sends_its_code_and_reason() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server
        .expect_frame(Frame::close(4000, "bye now"))
        .close(4000, "");
    session.write("/close 4000 bye now\r");
    session.shows("4000");
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn a_ping_command_shows_the_round_trip() {
    let server = Server::new().accept().answer_ping();
    let mut session = session(&server);
    session.write("/ping\r");
    session.shows(" ms");
    let server = server.close_when_asked();
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn help_lists_the_commands() {
    let server = Server::new().accept().close_when_asked();
    let mut session = session(&server);
    session.write("/help\r");
    session.shows("/close");
    session.write("/quit\r");
    session.status(0);
}

#[test]
fn an_unknown_command_is_an_error_and_never_sent() {
    let server = Server::new()
        .accept()
        .expect_text("/path")
        .close_when_asked();
    let mut session = session(&server);
    session.write("/qiut\r");
    session.shows("unknown command '/qiut'; see /help");
    session.write("//path\r");
    session.write("/quit\r");
    session.status(0);
}

#[test]
fn typing_is_not_torn_by_a_message() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("hal");
    session.shows("hal");
    let server = server.send_text("in between");
    session.shows("< in between");
    let server = server.expect_text("hallo").close_when_asked();
    session.write("lo\r");
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn a_message_cannot_draw_on_the_screen() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server.send_text("\x1b]0;title\x07 forged");
    session.shows("< \\x1b]0;title\\x07 forged");
    let server = server.close_when_asked();
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn the_session_outlives_its_connection() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server.close(1011, "it broke").expect_close(1011);
    session.shows("1011");
    session.shows("it broke");
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn a_listener_says_on_the_terminal_that_it_is_connected() {
    let server = Server::new()
        .accept()
        .expect_nothing_for(ms(50))
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "--color", "never"])
        .stdout_has("connected")
        .stdout_has("1000")
        .spawn_on_a_terminal()
        .status(0);
}

/// The text without its SGR sequences.
fn without_colour(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[test]
fn a_terminal_that_cannot_edit_is_a_pipe_to_type_into() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("hello")
        .close_when_asked();
    let mut session = Probe::new(["connect", &server.url()])
        .env("TERM", "dumb")
        .any_stdout()
        .spawn_on_a_terminal();
    session.shows("there are no commands");
    session.write("hi\n");
    session.shows("hello");
    session.write("\x04");
    session.status(0);
}

#[test]
fn the_status_shows_the_state_by_its_name() {
    let server = Server::new().accept().expect_text("hi");
    let mut session = session(&server);
    session.write("hi\r");
    let server = server.played();
    session.write("/status\r");
    session.shows("sent 1 message (2 bytes");
    let server = server.close(1000, "").expect_close(1000);
    session.shows("closed by the server");
    session.write("/status\r");
    session.shows("* CLOSED, ws://");
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn typed_lines_are_filled_in_when_a_variable_is_given() {
    let server = Server::new()
        .accept()
        .expect_text(r#"{"x":"a\"b","n":1}"#)
        .send_text(r#"{"ping":7}"#)
        .expect_text("pong 7")
        .send_text("bye")
        .close_when_asked();
    let mut session = Probe::new(["connect", &server.url(), "--color", "never"])
        .args(["--var", "x=a\"b", "--on", ".ping > 0 => pong {{.ping}}"])
        .any_stdout()
        .spawn_on_a_terminal();
    session.shows("connected to").shows("> ");
    session.write("{{y}}\r");
    session.shows("not sent: variable y has no value");
    session.write("{\"x\":\"{{x}}\",\"n\":{{n}}}\r");
    session.shows("< bye");
    session.write("/quit\r");
    session.status(0);
}

#[test]
fn a_saved_session_has_its_rules_and_passes_as_a_check() {
    let server = || {
        Server::new()
            .accept()
            .expect_text("hi")
            .send_text(r#"{"ping":7}"#)
            .expect_text("pong 7")
            .send_text("welcome")
            .close_when_asked()
    };
    let recorded = server();
    let mut session = Probe::new(["connect", &recorded.url(), "--color", "never"])
        .args(["--on", ".ping > 0 => pong {{.ping}}"])
        .any_stdout()
        .spawn_on_a_terminal();
    session.shows("connected to").shows("> ");
    session.write("hi\r");
    session.shows("< welcome");
    session.write("/save s.wst\r");
    session.shows("s.wst");
    let path = session.folder().join("s.wst");
    session.write("/quit\r");
    let output = session.status(0);
    let text = std::fs::read_to_string(&path).unwrap();
    let body: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let again = server();
    assert_eq!(body[0], "on .ping > 0 => pong {{.ping}}", "{text}");
    assert!(
        !text.contains("\n> pong") && !text.contains("\n< {"),
        "{text}"
    );
    let text = text.replace(&recorded.url(), &again.url());
    let check = Probe::new(["check"]).in_home_of(output);
    let file = check.file("again.wst", text);
    check.args([file]).stdout_has("1 test passed").status(0);
}
