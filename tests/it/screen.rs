//! An interactive session, checked by its rendered screen.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{Frame, Nobody, Probe, Running, Screen, Server, ms, without_place};

/// A session that is OPEN.
fn session(server: &Server) -> Running {
    opened(Probe::new(["connect", &server.url(), "--color", "never"]))
}

fn opened(probe: Probe) -> Running {
    let mut session = probe.any_stdout().spawn_on_a_terminal();
    session.sees("OPEN and a prompt", |screen| {
        screen.text().contains("* connected to") && screen.typed() == ">"
    });
    session
}

fn quit(mut session: Running, server: Server) {
    let server = server.close_when_asked();
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

/// The received messages on the screen in order, including those scrolled away.
fn received(screen: &Screen) -> Vec<&str> {
    let rows = screen.rows.iter();
    rows.filter_map(|row| row.strip_prefix("< ")).collect()
}

/// A line that takes three rows of 80.
const LONG: &str = "The quick brown fox jumps over the lazy dog and over the fence, and then it runs on, \
                    past the barn and the well, until it comes to the river, where it stops and drinks.";

#[test]
fn a_wrapped_line_stays_whole_while_messages_arrive_in_order() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let mut server = server;
    let mut sent = 0;
    // Twenty messages per second, so that each arrives between keystrokes.
    for (index, key) in LONG.char_indices() {
        session.write(key.to_string());
        if index % 3 == 0 {
            server = server.send_text(format!("message {sent}"));
            sent += 1;
        }
        std::thread::sleep(ms(8));
    }
    let expected: Vec<String> = (0..sent).map(|n| format!("message {n}")).collect();
    let screen = session.sees("all messages and the line", |screen| {
        received(screen).len() == expected.len() && screen.typed() == format!("> {LONG}")
    });
    assert_eq!(received(&screen), expected);
    let server = server.expect_text(LONG);
    session.write("\r");
    let screen = session.sees("the line above an empty prompt", |screen| {
        screen.typed() == ">"
    });
    assert!(
        screen.text().replace('\n', "").contains(LONG),
        "{}",
        screen.text()
    );
    quit(session, server);
}

#[test]
fn another_width_keeps_the_messages_and_the_line() {
    let server = Server::new().accept();
    let mut session = session(&server);
    // More rows than the window has: otherwise terminals differ in what they scroll away.
    let messages: Vec<String> = (0..30).map(|n| format!("message {n}")).collect();
    let server = messages.iter().fold(server, Server::send_text);
    session.write(LONG);
    session.sees("the line", |screen| {
        screen.typed() == format!("> {LONG}") && received(screen) == messages
    });
    for columns in [120, 40, 200, 33, 80] {
        session.resize(columns, 24);
        let screen = session.sees("the line in the other width", |screen| {
            screen.is_redrawn && screen.typed() == format!("> {LONG}")
        });
        let shown = screen.text();
        assert_eq!(received(&screen), messages, "{columns}: {shown}");
        assert_eq!(shown.matches("The quick").count(), 1, "{columns}: {shown}");
    }
    let server = server.send_text("the last");
    session.sees("another message", |screen| {
        received(screen).last() == Some(&"the last")
    });
    quit_after_clearing(session, server);
}

fn quit_after_clearing(mut session: Running, server: Server) {
    session.write("\x03");
    session.sees("an empty prompt", |screen| screen.typed() == ">");
    quit(session, server);
}

#[test]
fn twenty_kilobytes_are_pasted_as_one_message_and_leave_room_for_others() {
    let text: String = (0..1000).map(|n| format!("line {n:<14}\n")).collect();
    let text = text.trim_end().to_owned();
    assert!(text.len() > 19_900);
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write(format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
    session.sees("the end of the text", |screen| {
        screen.text().contains("line 999")
    });
    let server = server.send_text("in between");
    session.sees("a message above the text", |screen| {
        let at = screen.window.iter().position(|row| row == "< in between");
        at.is_some()
            && screen
                .window
                .iter()
                .any(|row| row.contains("row 1000 of 1000"))
    });
    let server = server.expect_text(&text);
    session.write("\r");
    session.sees("an empty prompt", |screen| screen.typed() == ">");
    quit(session, server);
}

#[test]
fn json_is_typed_over_lines() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("{\r\"a\": [1,\r");
    session.sees("three rows", |screen| {
        screen
            .window
            .ends_with_rows(&["> {", "  \"a\": [1,", "    Enter sends it unfinished"])
    });
    let server = server.expect_text("{\n\"a\": [1,\n2]}");
    session.write("2]}\r");
    session.sees("an empty prompt", |screen| screen.typed() == ">");
    quit(session, server);
}

trait EndsWithRows {
    fn ends_with_rows(&self, rows: &[&str]) -> bool;
}

impl EndsWithRows for Vec<String> {
    /// Whether these are the last rows that are not empty, up to the cursor's.
    fn ends_with_rows(&self, rows: &[&str]) -> bool {
        let shown: Vec<String> = self.iter().map(|row| without_place(row)).collect();
        let used = self.iter().rposition(|row| !row.is_empty()).unwrap_or(0) + 1;
        let rows: Vec<&str> = rows.iter().copied().filter(|row| !row.is_empty()).collect();
        shown[..used].ends_with(&rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>())
    }
}

#[test]
fn alt_enter_breaks_a_line_and_what_is_no_json_is_marked_and_sent() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("{\"a\": x}");
    session.sees("the mark", |screen| {
        screen.text().contains("not valid JSON from byte 7")
    });
    let server = server.expect_text("{\"a\": x}").expect_text("one\ntwo");
    session.write("\rone\x1b\rtwo\r");
    session.sees("both lines", |screen| {
        screen.window.ends_with_rows(&["> one", "  two", ">"])
    });
    quit(session, server);
}

#[test]
fn tab_completes_commands_codes_files_and_keys_that_were_seen() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server.send_text(r#"{"subscription":{"ticker":1}}"#);
    session.sees("the message", |screen| screen.text().contains("ticker"));
    session.write("/clo\t");
    session.sees("the command", |screen| {
        screen.typed().starts_with("> /close [CODE")
    });
    session.write("101\t");
    session.sees("the codes with their names", |screen| {
        screen.has_row("  1011 Internal Error") && screen.has_row("  1012 Service Restart")
    });
    session.write("\x15");
    std::fs::write(session.folder().join("order.json"), "{}").unwrap();
    session.write("/send ord\t");
    session.sees("the file", |screen| screen.typed() == "> /send order.json");
    session.write("\x15{\"sub\t");
    session.sees("the key", |screen| screen.typed() == "> {\"subscription\":");
    quit_after_clearing(session, server);
}

#[test]
fn hints_say_how_a_command_goes_on() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("/conn");
    session.sees("the rest", |screen| {
        screen.typed().starts_with("> /connect URL")
    });
    session.write("\x1b[C ");
    session.sees("the usage", |screen| screen.typed() == "> /connect URL");
    session.write("\x15/nope");
    session.sees("a warning", |screen| {
        screen.typed() == "> /nope  unknown command"
    });
    quit_after_clearing(session, server);
}

#[test]
fn escape_sequences_from_the_server_are_shown_and_not_obeyed() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server
        .send_text("\x1b[2J\x1b[H\x1b]0;title\x07 forged\r> typed")
        .send_text("{\"a\":\"\u{202e}\u{9b}2J\"}")
        .close(4000, "\x1b[2J\u{202e}gone")
        .expect_close(4000);
    let screen = session.sees("everything", |screen| screen.text().contains("gone"));
    assert!(
        screen.has_row("< \\x1b[2J\\x1b[H\\x1b]0;title\\x07 forged\\x0d> typed"),
        "{}",
        screen.text()
    );
    assert!(
        screen.text().contains("\\u202e\\u009b2J"),
        "{}",
        screen.text()
    );
    assert!(
        screen
            .text()
            .contains("4000 (Private Use): \\x1b[2J\\u{202e}gone"),
        "{}",
        screen.text()
    );
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn five_hundred_messages_a_second_do_not_slow_typing() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server.send_until_closed("{\"price\":1234.5,\"volume\":17}", ms(2));
    session.sees("messages", |screen| screen.text().contains("price"));
    let mut slowest = Duration::ZERO;
    let mut typed = String::from("> ");
    for key in "typing in a flood".chars() {
        typed.push(key);
        let pressed = Instant::now();
        session.write(key.to_string());
        session.sees_drawn_last(typed.trim_end());
        slowest = slowest.max(pressed.elapsed());
    }
    // A person notices a delay of 0.1 s; the limit is higher because the test machine may be busy.
    assert!(slowest < ms(500), "a key took {slowest:?} to be seen");
    session.write("\x03/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn the_history_is_there_again_after_a_restart_but_for_secrets() {
    let server = Server::new()
        .accept()
        .expect_text("first")
        .expect_text("{\"password\": \"hunter2\"}");
    let mut first = session(&server);
    first.write("first\r{\"password\": \"hunter2\"}\r");
    first.sees("an empty prompt", |screen| {
        screen.typed() == ">" && screen.text().contains("hunter2")
    });
    first.write("/pong x\r");
    let server = server
        .expect_frame(Frame::new(crate::harness::Opcode::Pong, b"x"))
        .expect_text(" blank");
    first.write(" blank\r");
    let server = server.close_when_asked().accept();
    first.write("/quit\r");
    let output = first.status(0);
    let kept = history(output.home.path());
    assert_eq!(kept, "first\n/pong x\n/quit\n");
    let probe = Probe::new(["connect", &server.url(), "--color", "never"]).in_home_of(output);
    let mut second = opened(probe);
    second.write("\x1b[A\x1b[A");
    second.sees("the line before", |screen| screen.typed() == "> /pong x");
    second.write("\x03\x12fir");
    second.sees("the line that was searched for", |screen| {
        screen.text().contains("search 'fir': first")
    });
    let server = server.expect_text("first");
    second.write("\r");
    second.sees("an empty prompt", |screen| screen.typed() == ">");
    quit(second, server);
}

#[test]
fn a_history_or_a_log_that_is_a_pipe_does_not_block_a_session() {
    let server = Server::new().accept();
    let probe = Probe::new(["connect", &server.url(), "--color", "never"]);
    let home = probe.file("unused", "");
    let history = Path::new(&home).parent().unwrap().join("wsprobe/history");
    std::fs::create_dir_all(&history).unwrap();
    probe.fifo(&format!("wsprobe/history/127.0.0.1_{}", server.port()));
    probe.fifo("log.pipe");
    let mut session = opened(probe);
    session.write("hello\r");
    session.sees("why it is not kept", |screen| {
        screen.text().contains("cannot write the history")
    });
    let server = server.expect_text("hello");
    session.write("/log log.pipe\r");
    session.sees("why there is no log", |screen| {
        screen
            .text()
            .contains("cannot write log.pipe: not a regular file")
    });
    quit(session, server);
}

/// The only history file in a home directory, which must be readable only by its owner.
fn history(home: &Path) -> String {
    let folder = home.join("wsprobe/history");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let [file] = &files[..] else {
        panic!("{files:?}")
    };
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn an_escape_that_nothing_follows_ends_a_search_and_one_before_an_arrow_is_no_text() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("ab\x12x");
    session.sees("the search", |screen| screen.text().contains("search 'x'"));
    session.write("\x1b");
    session.sees("the line again", |screen| screen.typed() == "> ab");
    session.write("\x1b\x1b[Dc");
    session.sees("a letter in the middle", |screen| screen.typed() == "> acb");
    quit_after_clearing(session, server);
}

#[test]
fn no_history_leaves_nothing_on_disk() {
    let server = Server::new().accept().expect_text("first");
    let url = server.url();
    let mut session = opened(Probe::new([
        "connect",
        &url,
        "--color",
        "never",
        "--no-history",
    ]));
    session.write("first\r");
    session.sees("an empty prompt", |screen| {
        screen.text().contains("> first")
    });
    let server = server.close_when_asked();
    session.write("/quit\r");
    let output = session.status(0);
    assert!(!output.home.path().join("wsprobe").exists());
    drop(server);
}

#[test]
fn a_line_typed_without_a_connection_stays_and_lets_a_command_pass() {
    let server = Server::new()
        .accept()
        .close(1001, "back soon")
        .expect_close(1001);
    let mut session = Probe::new(["connect", &server.url(), "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    session.sees("the close", |screen| {
        screen
            .text()
            .contains("closed by the server: 1001 (Going Away): back soon")
            && screen.text().contains("/reconnect reconnects")
    });
    session.write("hello\r");
    session.sees("a refusal", |screen| {
        screen
            .text()
            .contains("! not sent: the connection is closed; press Enter again to reconnect")
            && screen.typed() == "> hello"
    });
    let server = server.accept();
    session.write("/reconnect\r");
    session.sees("OPEN, and the line", |screen| {
        screen.text().matches("* connected to").count() == 2 && screen.typed() == "> hello"
    });
    let server = server.expect_text("hello");
    session.write("\r");
    session.sees("an empty prompt", |screen| screen.typed() == ">");
    quit(session, server);
}

type Leave = fn(&mut Running);

#[test]
fn the_terminal_is_as_it_was_on_every_way_out() {
    let ways: [(&str, Leave, i32); 6] = [
        ("/quit", |session| session.write("/quit\r"), 0),
        ("Ctrl-D", |session| session.write("\x04"), 0),
        ("Ctrl-C", |session| session.write("\x03\x03"), 0),
        ("SIGTERM", Running::terminate, 143),
        ("SIGHUP", Running::hang_up, 129),
        ("SIGINT", Running::interrupt, 0),
    ];
    for (name, leave, status) in ways {
        let server = Server::new().accept();
        let mut session = session(&server);
        session.write("half a line");
        session.sees("the line", |screen| screen.typed() == "> half a line");
        if status == 0 {
            session.write("\x15");
        }
        let during = rustix::termios::tcgetattr(session.terminal())
            .unwrap()
            .local_modes;
        let server = server.close_when_asked();
        let terminal = session.terminal();
        leave(&mut session);
        let output = session.status(status);
        let after = rustix::termios::tcgetattr(&terminal).unwrap().local_modes;
        assert_ne!(during, after, "{name}");
        assert!(
            after.contains(rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO),
            "{name}"
        );
        assert!(
            output.text().trim_end().ends_with("\x1b[?2004l")
                || output.text().contains("\x1b[?2004l"),
            "{name}"
        );
        drop(server);
    }
}

#[test]
fn a_second_control_c_does_not_wait_for_the_answer_to_the_close() {
    let server = Server::new().accept();
    let mut session = Probe::new(["connect", &server.url(), "--close-timeout", "30s"])
        .any_stdout()
        .within(ms(8000))
        .spawn_on_a_terminal();
    session.shows("connected to");
    let server = server.expect_close(1000);
    session.write("\x03\x03");
    let server = server.played();
    session.interrupt();
    session.status(0);
    drop(server);
}

#[test]
fn alone_it_says_what_it_is_and_what_to_type() {
    let mut session = Probe::new(["connect", "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    session.sees("an explanation", |screen| {
        screen
            .text()
            .contains("built-in echo server: type a line and press Enter; /help")
    });
    session.sees("OPEN", |screen| screen.text().contains("* connected to"));
    session.write("anybody there?\r");
    session.sees("the echo", |screen| screen.has_row("< anybody there?"));
    session.write("/quit\r");
    session.status(0);
}

#[test]
fn a_saved_session_is_a_check_that_passes_against_the_same_server() {
    let mut session = opened(Probe::new(["connect", "echo:", "--color", "never"]));
    let lines = [
        "hello",
        "{\"op\":\"time\",\"id\":\"550e8400-e29b-41d4-a716-446655440000\"}",
        "/hex 00 ff",
        "//slash {{not a variable}}",
        "[INFO] no JSON",
        "{unfinished\r",
        "//regex-like/",
    ];
    for (index, line) in lines.iter().enumerate() {
        session.write(format!("{line}\r"));
        session.sees("the echo", |screen| received(screen).len() == index + 1);
    }
    session.write("/ping\r");
    session.write("{\r\"a\": 1}\r");
    session.sees("the pong", |screen| screen.text().contains("* pong after"));
    session.write("/close 4001 done\r");
    session.sees("the close", |screen| screen.text().contains("closed by"));
    session.write("/save session.wst\r/save session.wst\r");
    session.sees("what was saved", |screen| {
        screen.text().matches("* saved to session.wst: ").count() == 2
    });
    session.write("/quit\r");
    let output = session.status(0);
    let file = std::fs::read_to_string(output.home.path().join("session.wst")).unwrap();
    for step in [
        "connect echo:\n",
        "> hello\n< hello\n",
        ">hex 00 ff\n",
        "> {\"a\":1}\n< {\"a\":1}\n",
        "ping\n",
        "close 4001 done\n",
    ] {
        assert!(file.contains(step), "{step} is not in {file}");
    }
    let check = Probe::new(["check", "session.wst"]).in_home_of(output);
    check.stdout_has("✓ session.wst").status(0);
}

#[test]
fn a_saved_session_holds_no_secret_and_says_which_it_needs() {
    const LOGIN: &str = "{\"login\":\"c0rrect-h0rse\"}";
    let serve = |server: Server| {
        server
            .accept()
            .expect_header("Authorization", &["Bearer b3arer-t0ken"])
            .expect_text(LOGIN)
            .expect_text("{\"password\":\"hunter2\"}")
            .send_text("{\"ok\":true,\"user\":\"me\",\"ts\":\"2026-11-24T23:39:25Z\"}")
    };
    let server = serve(Server::new());
    let url = server.url();
    let probe = Probe::new(["connect", &url, "--color", "never", "-x", "env:LOGIN"])
        .args(["--bearer", "env:TOKEN"])
        .env("LOGIN", LOGIN)
        .env("TOKEN", "b3arer-t0ken");
    let mut session = opened(probe);
    session.write("{\"password\":\"hunter2\"}\r");
    session.sees("the reply", |screen| screen.text().contains("\"ok\": true"));
    let server = server.close(4003, "that is all").expect_close(4003);
    session.sees("the close", |screen| screen.text().contains("4003"));
    session.write("/save login.wst\r");
    session.sees("what was saved", |screen| {
        screen
            .text()
            .contains("; its first lines list the secrets it needs")
    });
    session.write("/quit\r");
    let output = session.status(0);
    let file = std::fs::read_to_string(output.home.path().join("login.wst")).unwrap();
    for secret in ["c0rrect-h0rse", "b3arer-t0ken", "hunter2"] {
        assert!(!file.contains(secret), "{file}");
    }
    assert!(file.contains("--secret password=env:PASSWORD"), "{file}");
    assert!(file.contains("> {{env.LOGIN}}\n> {\"password\":\"{{password}}\"}\n< {\"ok\":true,\"user\":\"me\"}\nexpect close 4003 that is all\n"), "{file}");
    let server = serve(server).close(4003, "that is all").expect_close(4003);
    Probe::new(["check", "login.wst", "--secret", "password=env:PASSWORD"])
        .in_home_of(output)
        .env("LOGIN", LOGIN)
        .env("TOKEN", "b3arer-t0ken")
        .env("PASSWORD", "hunter2")
        .stdout_has("✓ login.wst")
        .status(0);
    drop(server);
}

#[test]
fn a_session_with_attempts_that_failed_is_saved_and_they_are_comments() {
    let server = Server::new().accept_with("X-Server: the-first\r\n");
    let mut session = session(&server);
    let dead = Nobody::listens().url();
    let server = server.expect_close(1000).close(1000, "");
    session.write(format!("/close\r/connect {dead}\r"));
    session.sees("the failure", |screen| screen.text().contains("refused"));
    session.write("  /headers\r");
    session.sees("no headers", |screen| {
        screen.text().contains("* not connected: no headers")
    });
    assert!(
        !session
            .sees("anything", |_| true)
            .text()
            .contains("the-first")
    );
    session.write("/reconnect\r/save a.wst\r");
    session.sees("what was saved", |screen| {
        screen.text().contains("* saved to a.wst")
    });
    session.write("/quit\r");
    let output = session.status(0);
    drop(server);
    let file = std::fs::read_to_string(output.home.path().join("a.wst")).unwrap();
    assert!(file.contains(&format!("# not connected: {dead}")), "{file}");
    assert_eq!(file.matches("\nconnect ").count(), 1, "{file}");
}

#[test]
fn a_connection_whose_end_no_step_can_say_is_a_test_of_its_own() {
    let server = Server::new()
        .accept()
        .send_text("one")
        .send_raw(b"\xff\xff")
        .answer_any_close();
    let mut session = session(&server);
    session.sees("the violation", |screen| screen.text().contains("* closed"));
    drop(server);
    session.write("/connect echo:\r");
    session.sees("another one", |screen| {
        screen.text().matches("* connected to").count() == 2
    });
    session.write("two\r/save b.wst\r");
    session.sees("what was saved", |screen| {
        screen.text().contains("* saved to b.wst")
    });
    session.write("/quit\r");
    let output = session.status(0);
    let file = std::fs::read_to_string(output.home.path().join("b.wst")).unwrap();
    assert!(file.contains("< one\n"), "{file}");
    assert!(file.contains("> two\n"), "{file}");
}

#[test]
fn a_file_that_was_there_is_not_overwritten() {
    let server = Server::new().accept();
    let mut session = session(&server);
    std::fs::write(session.folder().join("mine.wst"), "mine").unwrap();
    session.write("/save mine.wst\r");
    session.sees("a refusal", |screen| {
        screen.text().contains("* cannot save to mine.wst: ")
    });
    let server = server.close_when_asked();
    session.write("/quit\r");
    let output = session.status(0);
    assert_eq!(
        std::fs::read(output.home.path().join("mine.wst")).unwrap(),
        b"mine"
    );
    drop(server);
}

#[test]
fn a_filter_that_cannot_be_stopped_ends_the_session() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("/filter .a | last(repeat(1)) == 1\r");
    session.sees("the filter", |screen| {
        screen
            .text()
            .contains("showing only messages that match .a")
    });
    let server = server.send_text("{\"a\":1}").close_when_asked();
    session.shows("the expression cannot be stopped");
    session.status(1);
    drop(server);
}

#[test]
fn a_filter_says_how_many_it_hid_and_last_shows_them() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("/filter /b/\r");
    session.sees("the filter", |screen| {
        screen
            .text()
            .contains("showing only messages that match /b/")
    });
    let server = server.send_text("a1").send_text("a2").send_text("b");
    let screen = session.sees("the one that matches", |screen| screen.has_row("< b"));
    assert!(screen.has_row("* 2 messages hidden") && !screen.has_row("< a1"));
    session.write("/last 2\r");
    session.sees("the last two", |screen| screen.has_row("< a2"));
    session.write("/filter off\r/time on\r");
    session.sees("the settings", |screen| screen.has_row("* timestamps: on"));
    let server = server.send_text("a3");
    session.sees("a time", |screen| {
        screen
            .rows
            .iter()
            .any(|row| row.as_bytes().get(8) == Some(&b'.') && row.ends_with(" < a3"))
    });
    quit(session, server);
}

#[test]
fn a_very_long_message_is_cut_with_its_size_and_shown_whole_on_demand() {
    let items: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let text = format!("[{}]", items.join(","));
    let server = Server::new().accept().send_text(&text);
    let probe = Probe::new(["connect", &server.url(), "--color", "never"]);
    let mut session = opened(probe.env("PAGER", "cat"));
    // A third of the window: the bracket and seven items.
    let note = "… 494 more lines, /last shows them";
    let screen = session.sees("the size", |screen| screen.has_row(note));
    assert!(screen.has_row("  6,") && !screen.has_row("  7,"));
    let screen = session.sees("a prompt", |screen| screen.typed() == ">");
    assert!(!screen.has_row("  499"));
    session.write("/last\r");
    session.sees("its end", |screen| {
        screen.has_row("  499") && screen.has_row("]")
    });
    session.write("/pretty off\r/last\r");
    session.sees("it as it came", |screen| {
        screen.text().contains("< [0,1,2,3")
    });
    quit(session, server);
}

#[test]
fn files_and_bytes_are_sent_and_binary_is_a_hexdump() {
    let server = Server::new().accept();
    let mut session = session(&server);
    std::fs::write(session.folder().join("text"), "one\ntwo\n").unwrap();
    std::fs::write(session.folder().join("bytes"), b"\xff\x00").unwrap();
    let server = server
        .expect_text("one\ntwo\n")
        .expect_binary(b"\xff\x00")
        .expect_binary(b"\x00\xff\x10")
        .send_binary(b"\x00hello\xff");
    session.write("/send text\r/send bytes\r/base64 AP8Q\r");
    session.sees("a hexdump", |screen| {
        screen.has_row("* sending 8 bytes as text")
            && screen.has_row("* sending 2 bytes as binary")
            && screen.has_row("< binary, 7 bytes")
            && screen.text().contains("00 68 65 6c 6c 6f ff")
    });
    session.write("/send nowhere\r/send .\r");
    session.sees("two refusals", |screen| {
        screen.text().matches("! not sent: ").count() == 2
    });
    quit(session, server);
}

#[test]
fn headers_and_frames_are_shown_when_they_are_asked_for() {
    let server = Server::new().accept_with("X-Served-By: \u{1b}[31mnode-7\r\n");
    let url = server.url();
    let probe = Probe::new([
        "connect",
        &url,
        "--color",
        "never",
        "-H",
        "Cookie: a=c0rrect-h0rse",
    ]);
    let mut session = opened(probe);
    session.write("/headers\r");
    let screen = session.sees("the answer's", |screen| screen.text().contains("node-7"));
    assert!(screen.text().contains("> Cookie: ***") && screen.text().contains("\\x1b[31mnode-7"));
    let server = server.send_text("quiet");
    session.sees("a message", |screen| screen.has_row("< quiet"));
    session.write("/frames on\r");
    session.sees("the setting", |screen| screen.has_row("* frames: on"));
    let server = server.send_text("loud");
    let screen = session.sees("a frame", |screen| screen.has_row("< loud"));
    assert_eq!(
        screen.text().matches("< text frame").count(),
        1,
        "{}",
        screen.text()
    );
    quit(session, server);
}

#[test]
fn a_log_begins_and_ends_when_it_is_asked_for() {
    let server = Server::new().accept();
    let url = server.url();
    let probe = Probe::new([
        "connect",
        &url,
        "--color",
        "never",
        "-H",
        "Cookie: a=c0rrect-h0rse",
    ]);
    let mut session = opened(probe);
    let server = server.send_text("before");
    session.sees("a message", |screen| screen.has_row("< before"));
    session.write("/log events.jsonl\r");
    session.sees("the log", |screen| {
        screen.text().contains("* logging to events.jsonl")
    });
    let server = server.send_text("during c0rrect-h0rse");
    session.sees("a message", |screen| {
        screen.has_row("< during c0rrect-h0rse")
    });
    session.write("/log off\r");
    session.sees("its end", |screen| {
        screen.text().contains("* logging stopped")
    });
    let server = server.send_text("after").close_when_asked();
    session.sees("a message", |screen| screen.has_row("< after"));
    session.write("/quit\r");
    let output = session.status(0);
    let log = std::fs::read_to_string(output.home.path().join("events.jsonl")).unwrap();
    let events: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [event] = &events[..] else {
        panic!("{log}")
    };
    assert_eq!(event["data"], "during ***");
    assert_eq!(event["conn"], 1);
    drop(server);
}

#[test]
fn another_place_is_connected_to_without_the_credentials_of_the_first() {
    let first = Server::new()
        .accept()
        .expect_header("Authorization", &["Bearer b3arer-t0ken"])
        .expect_text("s3cret-login");
    let second = Server::new();
    let url = first.url();
    let probe = Probe::new([
        "connect",
        &url,
        "--color",
        "never",
        "--bearer",
        "env:TOKEN",
        "-x",
        "env:LOGIN",
    ])
    .env("TOKEN", "b3arer-t0ken")
    .env("LOGIN", "s3cret-login");
    let mut session = opened(probe);
    let first = first.close_when_asked();
    let target = second.url();
    let second = second
        .accept()
        .expect_header("Authorization", &[])
        .expect_text("hello");
    session.write(format!("/connect {target}\r"));
    session.sees("the second OPEN", |screen| {
        screen.text().matches("* connected to").count() == 2 && screen.typed() == ">"
    });
    session.write("hello\r");
    let screen = session.sees("a prompt", |screen| screen.typed() == ">");
    let told = screen.text().replace('\n', "");
    assert!(
        told.contains(&format!("credentials for {url} are not sent to {target}")),
        "{told}"
    );
    session.write("/connect ftp://nowhere/\r");
    session.sees("a refusal", |screen| {
        screen.text().contains("! invalid URL 'ftp://nowhere/'")
    });
    quit(session, second);
    drop(first);
}

#[test]
fn a_session_survives_a_restart_of_the_server_with_its_settings() {
    let server = Server::new().accept().expect_text("before");
    let url = server.url();
    let probe = Probe::new(["connect", &url, "--color", "never", "--reconnect"])
        .args(["--backoff", "1ms..2ms"]);
    let mut session = opened(probe);
    session.write("before\r/filter /b/\r/onopen again\rhalf a line");
    session.sees("all of it", |screen| {
        screen.typed() == "> half a line"
            && screen
                .text()
                .contains("* 1 message will be sent on each new connection")
    });
    let server = server
        .answer_ping()
        .close(1012, "")
        .expect_close(1012)
        .accept()
        .expect_text("again")
        .send_text("a")
        .send_text("b");
    let screen = session.sees("the messages behind the second OPEN", |screen| {
        screen.has_row("< b")
    });
    assert_eq!(screen.text().matches("* connected to").count(), 2);
    assert!(
        screen.has_row("> again") && screen.has_row("* 1 message hidden"),
        "{}",
        screen.text()
    );
    assert_eq!(screen.typed(), "> half a line");
    session.write("\x15\x1b[A\x1b[A\x1b[A");
    session.sees("the history", |screen| screen.typed() == "> before");
    quit_after_clearing(session, server);
}

#[test]
fn what_comes_behind_our_close_is_saved_before_it() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server.expect_text("hi");
    session.write("hi\r/close\r");
    let server = server
        .expect_frame(Frame::close(1000, ""))
        .send_text("late")
        .close(1000, "");
    session.sees("the close", |screen| {
        screen
            .text()
            .contains("* closed by us: 1000 (Normal Closure), confirmed by the server")
    });
    session.write("/save late.wst\r");
    session.sees("what was saved", |screen| {
        screen.text().contains("* saved to late.wst: 4 steps")
    });
    session.write("/quit\r");
    let output = session.status(0);
    let file = std::fs::read_to_string(output.home.path().join("late.wst")).unwrap();
    assert!(file.contains("> hi\n< late\nclose 1000\n"), "{file}");
    drop(server);
}

#[test]
fn decoded_messages_are_shown_and_saved_with_their_format() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_binary(b"\x81\xa2id\x07")
        .expect_close(1000)
        .close(1000, "");
    let probe = Probe::new(["connect", &server.url(), "--color", "never"])
        .args(["--decode", "msgpack", "--select", ".id"]);
    let mut session = opened(probe);
    session.write("hi\r");
    session.sees("the selected part", |screen| screen.text().contains("< 7"));
    session.write("/save decoded.wst\r");
    session.sees("what was saved", |screen| {
        screen.text().contains("decoded.wst")
    });
    session.write("/quit\r");
    let output = session.status(0);
    let file = std::fs::read_to_string(output.home.path().join("decoded.wst")).unwrap();
    assert!(
        file.contains("> hi\ndecode msgpack\n< {\"id\":7}\n"),
        "{file}"
    );
}

#[test]
fn the_prompt_says_where_and_how_it_stands() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let place = format!("127.0.0.1:{}", server.port());
    session.write("/filter /b/\r");
    session.sees("the filter in the prompt", |screen| {
        screen.prompt() == format!("{place} filter")
    });
    session.write("/filter off\r");
    session.sees("the place", |screen| screen.prompt() == place);
    let server = server.expect_close(1000);
    session.write("/close\r");
    session.sees("the closing", |screen| screen.prompt() == "closing");
    let server = server.close(1000, "");
    session.sees("the end", |screen| screen.prompt() == "closed");
    session.write("/reconnect\r");
    session.sees("the attempt", |screen| screen.prompt() == "connecting");
    let server = server.accept();
    session.sees("the place again", |screen| screen.prompt() == place);
    quit(session, server);
}

#[test]
fn words_that_ask_for_help_or_the_end_are_sent_only_by_a_second_enter() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("help\r");
    session.sees("a question", |screen| {
        screen.has_row("! not sent: /help lists the commands; press Enter again to send 'help'")
            && screen.typed() == "> help"
    });
    let server = server.expect_text("help").expect_text("quit the game");
    session.write("\rquit the game\r:q\r");
    session.sees("another question", |screen| {
        screen.has_row("> quit the game")
            && screen.has_row("! not sent: /quit quits; press Enter again to send ':q'")
    });
    quit_after_clearing(session, server);
}

#[test]
fn control_c_on_an_empty_line_hints_before_it_leaves() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("\x03");
    session.sees("a hint", |screen| {
        screen.has_row("* press Ctrl-C again to quit")
    });
    session.write("a\x03\x03");
    session.sees("another hint", |screen| {
        screen.text().matches("again to quit").count() == 2
    });
    let server = server.close_when_asked();
    session.write("\x03");
    session.status(0);
    drop(server);
}

#[test]
fn a_second_enter_without_a_connection_reconnects_and_sends() {
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    let mut session = Probe::new(["connect", &server.url(), "--color", "never"])
        .any_stdout()
        .spawn_on_a_terminal();
    session.sees("the close", |screen| screen.prompt() == "closed");
    session.write("hello\r");
    session.sees("an offer", |screen| {
        screen
            .text()
            .contains("press Enter again to reconnect and send it")
            && screen.typed() == "> hello"
    });
    let server = server.accept().expect_text("hello").send_text("hi");
    session.write("\r");
    session.sees("the reply", |screen| {
        screen.has_row("> hello") && screen.has_row("< hi") && screen.typed() == ">"
    });
    quit(session, server);
}

#[test]
fn a_line_that_was_cleared_or_not_sent_is_in_the_history() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("cleared\x03{\"password\": \"hunter2\"}\x03cannot\x03");
    session.write("c\x1b[A");
    session.sees("the last that begins so", |screen| {
        screen.typed() == "> cannot"
    });
    session.write("\x1b[A");
    session.sees("the one before", |screen| screen.typed() == "> cleared");
    session.write("\x1b[B\x1b[B");
    session.sees("what was typed", |screen| screen.typed() == "> c");
    session.write("\x03");
    let server = server.close(1000, "").expect_close(1000);
    session.sees("the end", |screen| screen.prompt() == "closed");
    session.write("not sent\r");
    session.sees("a refusal", |screen| screen.text().contains("! not sent"));
    session.write("\x03/quit\r");
    let output = session.status(0);
    let kept = history(output.home.path());
    assert_eq!(kept, "cleared\ncannot\nc\nnot sent\n/quit\n");
    drop(server);
}

#[test]
fn a_host_has_one_history_however_it_is_spelt() {
    let server = Server::new().accept().expect_text("first");
    let place = format!("localhost:{}", server.port());
    let probe = Probe::new(["connect", &format!("ws://{place}/"), "--color", "never"]);
    let mut first = opened(probe);
    first.write("first\r");
    first.sees("an empty prompt", |screen| {
        screen.has_row("> first") && screen.typed() == ">" && screen.prompt() == place
    });
    let server = server.close_when_asked().accept();
    first.write("/quit\r");
    let output = first.status(0);
    let url = format!("ws://LOCALHOST.:{}/other", server.port());
    let probe = Probe::new(["connect", &url, "--color", "never"]).in_home_of(output);
    let mut second = opened(probe);
    second.write("f\x1b[A");
    second.sees("the line", |screen| {
        screen.typed() == "> first" && screen.prompt() == place
    });
    quit_after_clearing(second, server);
}

#[test]
fn what_was_set_is_filled_into_the_lines_after_it() {
    let server = Server::new().accept().expect_text("{{user}}");
    let mut session = session(&server);
    session.write("{{user}}\r/set user ann\r/set\r");
    session.sees("the value", |screen| {
        screen.text().matches("* user = ann").count() == 2
    });
    let server = server
        .expect_text("hello ann")
        .send_text(r#"{"type":"welcome","session":"k3v9"}"#);
    session.write("hello {{user}}\r");
    session.sees("the reply", |screen| screen.text().contains("k3v9"));
    session.write("/capture id .session\r/capture none .nothing\r/set 1 x\r");
    session.sees("the captured value", |screen| {
        screen.has_row("* id = k3v9")
            && screen.has_row("! .nothing has no value in the last message")
            && screen.text().contains("! invalid name '1'")
    });
    let server = server.expect_text(r#"{"id":"k3v9","n":2}"#);
    session.write("{\"id\":\"{{id}}\",\"n\":{{n}}}\r{{nobody}}\r");
    session.sees("a refusal", |screen| {
        screen.has_row("! not sent: variable nobody has no value")
    });
    quit(session, server);
}

#[test]
fn a_rule_of_the_session_answers_and_is_saved_where_it_was_set() {
    let server = Server::new().accept().expect_text("hi").send_text("ping");
    let mut session = session(&server);
    session.write("/on\rhi\r");
    session.sees("a message without an answer", |screen| {
        screen.has_row("< ping")
    });
    session.write("/on ping => pong {{n}}\r/on\r");
    session.sees("the rule", |screen| {
        screen.has_row("* no rules; /on PATTERN => MESSAGE adds one")
            && screen.text().matches("* on ping => pong {{n}}").count() == 2
    });
    let server = server.send_text("ping").expect_text("pong 1");
    session.sees("the answer", |screen| screen.has_row("> pong 1"));
    session.write("/on off\r/save rules.wst\r");
    session.sees("what was saved", |screen| {
        screen.has_row("* messages are not answered any more")
            && screen.text().contains("* saved to rules.wst")
    });
    let server = server.close_when_asked();
    session.write("/quit\r");
    let output = session.status(0);
    let file = std::fs::read_to_string(output.home.path().join("rules.wst")).unwrap();
    assert!(
        file.contains("> hi\n< ping\non ping => pong {{n}}\n"),
        "{file}"
    );
    drop(server);
}

#[test]
fn the_next_message_is_judged_and_its_pattern_is_saved() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("/expect {\"a\":1}\r");
    session.sees("what is expected", |screen| {
        screen.has_row("* the next message must match {\"a\":1}")
    });
    let server = server.send_text(r#"{"a":1,"time":17}"#);
    session.sees("that it matches", |screen| {
        screen.has_row("* ✓ matches {\"a\":1}")
    });
    session.write("/expect /^b/\r");
    session.sees("what is expected", |screen| {
        screen.has_row("* the next message must match /^b/")
    });
    let server = server.send_text("a\u{1b}").send_text("b");
    session.sees("that it does not match", |screen| {
        screen.has_row("* ✗ does not match /^b/: no match for /^b/") && screen.has_row("< b")
    });
    session.write("/save expected.wst\r");
    session.sees("what was saved", |screen| {
        screen.text().contains("* saved to expected.wst")
    });
    let server = server.close_when_asked();
    session.write("/quit\r");
    let output = session.status(0);
    let file = std::fs::read_to_string(output.home.path().join("expected.wst")).unwrap();
    assert!(file.contains("\n< {\"a\":1}\n< /^b/\n< b\n"), "{file}");
    drop(server);
}

#[test]
fn decoding_begins_and_ends_when_it_is_asked_for() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("/decode msgpack\r");
    session.sees("the format", |screen| {
        screen.has_row("* decoding binary messages: msgpack")
    });
    let server = server.send_binary(b"\x81\xa2id\x07");
    session.sees("the message", |screen| screen.text().contains("\"id\": 7"));
    session.write("/decode off\r/decode nonsense\r");
    session.sees("a refusal", |screen| {
        screen.has_row("* binary messages are not decoded") && screen.text().contains("! ")
    });
    let server = server.send_binary(b"\x81\xa2id\x07");
    session.sees("its bytes", |screen| screen.has_row("< binary, 5 bytes"));
    quit(session, server);
}

#[test]
fn the_first_message_after_a_typed_line_shows_the_time_of_the_reply() {
    let server = Server::new().accept().send_text("greeting");
    let mut session = session(&server);
    session.sees("the greeting", |screen| screen.has_row("< greeting"));
    let server = server
        .expect_text("hi")
        .send_text("{\"a\":1}")
        .send_text("another");
    session.write("hi\r");
    let screen = session.sees("both", |screen| screen.has_row("< another"));
    assert_eq!(screen.reply_times.len(), 1, "{}", screen.text());
    let first = screen.window.iter().find(|row| row.contains("  +"));
    assert!(first.unwrap().starts_with("}  +"), "{}", screen.text());
    assert!(screen.reply_times[0].ends_with("s"));
    quit(session, server);
}

#[test]
fn times_are_those_of_the_place_where_it_runs() {
    let server = Server::new().accept();
    let probe = Probe::new(["connect", &server.url(), "--color", "never"]).env("TZ", "XYZ-5:30");
    let mut session = opened(probe);
    session.write("/time on\r");
    session.sees("the setting", |screen| screen.has_row("* timestamps: on"));
    let minutes = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        (now.unwrap().as_secs() / 60 + 330) % (24 * 60)
    };
    let before = minutes();
    let server = server.send_text("a");
    let screen = session.sees("the message", |screen| screen.text().contains(" < a"));
    let time = screen.rows.iter().find_map(|row| row.strip_suffix(" < a"));
    let time: Vec<&str> = time.unwrap().split(':').collect();
    let shown = time[0].parse::<u64>().unwrap() * 60 + time[1].parse::<u64>().unwrap();
    assert!(shown == before || shown == minutes(), "{time:?}");
    assert_eq!(time[2].len(), 6, "{time:?}");
    quit(session, server);
}

#[test]
fn a_setting_without_an_argument_shows_itself() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("/filter\r/time\r/frames\r/log\r/decode\r/onopen\r");
    let rows = [
        "* showing all messages",
        "* timestamps: off",
        "* frames: off",
        "* not logging",
        "* binary messages are not decoded",
        "* no messages are sent on a new connection",
    ];
    session.sees("the settings", |screen| {
        rows.iter().all(|row| screen.has_row(row))
    });
    session.write("/filter /a/\r/filter\r/onopen hello\r/onopen\r/help /close\r");
    session.sees("what was set", |screen| {
        screen
            .text()
            .matches("* showing only messages that match /a/")
            .count()
            == 2
            && screen
                .text()
                .matches("* 1 message will be sent on each")
                .count()
                == 2
            && screen.has_row("* hello")
            && screen.has_row("  /close [CODE [REASON]]")
    });
    quit(session, server);
}

#[test]
fn headers_and_status_are_of_the_connection_that_is() {
    let server = Server::new().accept_with("X-Server: the-first\r\n");
    let mut session = session(&server);
    let server = server.close(1000, "").expect_close(1000);
    session.sees("the end", |screen| screen.prompt() == "closed");
    session.write("/headers\r/status\r");
    session.sees("that there is none", |screen| {
        screen.has_row("* not connected: no headers") && screen.text().contains("* CLOSED, ws://")
    });
    assert!(
        !session
            .sees("anything", |_| true)
            .text()
            .contains("the-first")
    );
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn no_line_of_a_message_looks_like_one_of_ours() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server.send_text("one\n> two\n* closed by us");
    session.sees("the message", |screen| {
        screen
            .window
            .windows(3)
            .any(|rows| rows == ["< one", "  > two", "  * closed by us"])
    });
    session.write("/last\r");
    session.sees("it again", |screen| {
        screen.text().matches("\n  > two\n  * closed by us").count() == 2
    });
    session.resize(80, 60);
    let items: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    session.sees("the window", |screen| screen.is_redrawn);
    let server = server.send_text(format!("[{}]", items.join(",")));
    session.sees("a third of the window", |screen| {
        screen.has_row("… 482 more lines, /last shows them")
    });
    quit(session, server);
}

#[test]
fn received_messages_are_found_written_and_copied() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let server = server
        .send_text("the first Fox")
        .send_binary(b"\x00\xff\x10")
        .send_text("another \x1bfox");
    session.sees("all", |screen| screen.text().contains("another"));
    session.write("/find fox\r/find dog\r");
    session.sees("both", |screen| {
        screen.has_row("     3  the first Fox")
            && screen.has_row("     1  another \\x1bfox")
            && screen.has_row("* 2 messages with 'fox', numbered from the last one")
            && screen.has_row("* no message contains 'dog'")
    });
    session.write("/write raw.bin 2\r/write raw.bin\r/write x 9\r");
    session.sees("what was written", |screen| {
        screen.has_row("* wrote 3 bytes to raw.bin")
            && screen.text().contains("! cannot write raw.bin: ")
            && screen.has_row("! there is no message 9 from the end")
    });
    let file = std::fs::read(session.folder().join("raw.bin")).unwrap();
    assert_eq!(file, b"\x00\xff\x10");
    session.write("/copy 2\r/copy 3\r");
    // The sequence is ours alone: those of the server are escaped.
    session.shows("\x1b]52;c;dGhlIGZpcnN0IEZveA==\x07");
    session.sees("what was copied", |screen| {
        screen
            .text()
            .contains("! the message is binary; /write FILE keeps its bytes")
            && screen.text().contains("* copied 13 bytes")
    });
    quit(session, server);
}

#[test]
fn a_pause_stops_the_showing_and_not_the_reading() {
    let server = Server::new().accept();
    let mut session = session(&server);
    session.write("/pause\r");
    session.sees("it in the prompt", |screen| {
        screen.prompt().ends_with(" paused")
    });
    let server = (0..1100).fold(server, |server, n| server.send_text(format!("message {n}")));
    // The answer to the ping shows that everything before it was read.
    let server = server
        .send_ping("x")
        .expect_frame(Frame::new(crate::harness::Opcode::Pong, b"x"))
        .played();
    let screen = session.sees("anything", |_| true);
    assert!(!screen.text().contains("< message"), "{}", screen.text());
    session.write("/resume\r");
    let screen = session.sees("the last", |screen| {
        screen.has_row("< message 1099") && !screen.prompt().contains("paused")
    });
    assert!(
        screen.has_row(
            "* 1100 messages received during the pause, of which the first 100 are not kept"
        )
    );
    assert!(!screen.has_row("< message 99") && screen.has_row("< message 100"));
    quit(session, server);
}

#[test]
fn a_message_is_sent_at_an_interval_until_a_key_which_does_nothing_else() {
    let server = Server::new()
        .accept()
        .expect_text("tick")
        .expect_text("tick")
        .expect_text("tick");
    let mut session = session(&server);
    session.write("/watch 1ms x\r/watch soon x\r/watch 20ms tick\r");
    let server = server.played().answer_until_closed();
    session.write("q");
    session.sees("the end", |screen| {
        screen.text().contains("* stopped after ")
            && screen.text().contains("! invalid duration 'soon'")
            && screen.text().contains("! 1ms is less than 10 ms")
            && screen.typed() == ">"
    });
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn the_lines_of_a_file_are_entered() {
    let server = Server::new().accept();
    let mut session = session(&server);
    let folder = session.folder().to_owned();
    std::fs::write(
        folder.join("lines"),
        "/set who ann\n\nhello {{who}}\n/nope\nnever\n",
    )
    .unwrap();
    let server = server.expect_text("hello ann");
    session.write("/source lines\r/source nowhere\r/source x.wst\r");
    session.sees("where it stopped", |screen| {
        screen.text().contains("! lines:4: unknown command '/nope'")
            && screen.text().contains("! cannot read nowhere: ")
            && screen.has_row("! x.wst is a check file; wsprobe check runs it")
    });
    std::fs::write(folder.join("late"), "one\n/close\ntwo\n").unwrap();
    let server = server.expect_text("one").expect_close(1000).close(1000, "");
    session.write("/source late\r");
    session.sees("what was not sent", |screen| {
        screen.text().contains("! late:3: not sent: not connected")
    });
    session.write("/quit\r");
    session.status(0);
    drop(server);
}

#[test]
fn messages_longer_than_the_window_go_through_the_pager() {
    let server = Server::new().accept();
    let items: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let probe = Probe::new(["connect", &server.url(), "--color", "never"])
        .env("PAGER", "cat > paged; read line < /dev/tty; echo left");
    let mut session = opened(probe);
    let server = server.send_text(format!("[{}]", items.join(",")));
    session.sees("the message", |screen| {
        screen.text().contains("more lines, /last shows them")
    });
    session.write("half a line\x15/last\r");
    session.sees("the prompt is gone", |screen| screen.prompt().is_empty());
    // What is received meanwhile is read, and shown when the pager has ended; Ctrl-C is not for us.
    let server = server
        .send_text("meanwhile")
        .send_ping("x")
        .expect_frame(Frame::new(crate::harness::Opcode::Pong, b"x"))
        .played();
    session.interrupt();
    assert!(
        !session
            .sees("anything", |_| true)
            .text()
            .contains("meanwhile")
    );
    session.write("\n");
    session.sees("the message of the pause", |screen| {
        screen.has_row("< meanwhile")
            && screen.has_row("* 1 message received during the pause")
            && screen.typed() == ">"
    });
    let paged = std::fs::read_to_string(session.folder().join("paged")).unwrap();
    assert!(paged.starts_with("< [\n  0,\n") && paged.ends_with("  499\n]\n"));
    quit(session, server);
}

#[test]
fn a_line_is_edited_by_the_editor_of_the_environment() {
    let server = Server::new().accept();
    let probe = Probe::new(["connect", &server.url(), "--color", "never"]);
    let editor = probe.file(
        "editor",
        "#!/bin/sh\ncp \"$1\" before\nls -l \"$1\" > mode\necho edited > \"$1\"\n",
    );
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut session = opened(probe.env("EDITOR", &editor));
    session.write("some text\x18\x05");
    session.sees("the edited text", |screen| screen.typed() == "> edited");
    let before = std::fs::read_to_string(session.folder().join("before")).unwrap();
    assert_eq!(before, "some text");
    let mode = std::fs::read_to_string(session.folder().join("mode")).unwrap();
    assert!(mode.starts_with("-rw-------"), "{mode}");
    let file = mode.split_whitespace().last().unwrap();
    assert!(!Path::new(file).exists(), "{file}");
    let server = server.expect_text("edited");
    session.write("\r/edit\r");
    session.sees("it again", |screen| {
        screen.has_row("> edited") && screen.has_row("> /edit") && screen.typed() == "> edited"
    });
    quit_after_clearing(session, server);
}

#[test]
fn an_editor_that_fails_leaves_the_line() {
    let server = Server::new().accept();
    let probe = Probe::new(["connect", &server.url(), "--color", "never"])
        .env("VISUAL", "nothing-of-this-name 2>/dev/null");
    let mut session = opened(probe);
    session.write("some text\x18\x05");
    session.sees("why, and the line", |screen| {
        screen.text().contains("! nothing-of-this-name") && screen.typed() == "> some text"
    });
    quit_after_clearing(session, server);
}

#[test]
fn a_session_is_exported_as_har_and_as_text() {
    let mut session = opened(Probe::new(["connect", "echo:", "--color", "never"]));
    session.write("hello\r");
    session.sees("the echo", |screen| received(screen).len() == 1);
    session.write("/export s.har\r/export s.txt\r/export s.doc\r");
    session.sees("what was exported", |screen| {
        let text = screen.text();
        text.contains("* exported to s.har: 1 connection, 2 messages")
            && text.contains("* exported to s.txt: 1 connection, 2 messages")
            && text.contains("* cannot export to s.doc: the name must end in .har or .txt")
    });
    session.write("/quit\r");
    let output = session.status(0);
    let text = std::fs::read_to_string(output.home.path().join("s.txt")).unwrap();
    assert!(text.ends_with("\n> hello\n< hello\n"), "{text}");
    let import = Probe::new(["import", "s.har"]).in_home_of(output);
    import.stdout_has("> hello\n< hello\n").status(0);
}

#[test]
fn the_colours_fit_the_background_that_the_terminal_tells() {
    let cases = [
        (
            "auto",
            "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c",
            "38;5;240m",
        ),
        (
            "auto",
            "\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;c",
            "38;5;245m",
        ),
        ("auto", "", "\x1b[2m"),
        ("light", "", "38;5;240m"),
        ("dark", "", "38;5;245m"),
    ];
    for (scheme, answer, colour) in cases {
        let server = Server::new().accept().send_text("{\"a\":1}");
        let mut session = Probe::new(["connect", &server.url(), "--color", "always"])
            .env("WSPROBE_COLORS", scheme)
            .any_stdout()
            .spawn_on_a_terminal();
        if scheme == "auto" {
            session.shows("\x1b]11;?");
            session.write(format!("ty{answer}ped"));
        }
        let typed = if scheme == "auto" { "> typed" } else { ">" };
        session.shows(colour);
        session.sees("the message and the line", |screen| {
            screen.text().contains("\"a\": 1") && screen.typed() == typed
        });
        session.write("\x15");
        quit(session, server);
    }
}
