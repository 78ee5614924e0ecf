//! Retries, reconnects, repeated `-x` messages, heartbeats, and the count of messages that may be lost.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixListener;

use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use crate::harness::{
    Certificate, Echo, Fault, FaultProxy, Frame, Nobody, Opcode, Passed, Probe, Running, Server,
    echo, ms,
};

/// Very short delays.
const SOON: [&str; 2] = ["--backoff", "1ms..2ms"];

/// A run of `listen` that reconnects after a short delay.
fn listen(url: &str, args: &[&str]) -> Probe {
    Probe::new(["listen", url]).args(SOON).args(args)
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    let is_named = |event: &&Value| event["event"] == name;
    events.iter().filter(is_named).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}

mod retry {
    use super::*;

    #[test]
    fn it_waits_for_a_server_that_is_still_starting_and_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("late.sock");
        let url = format!("ws+unix:{}:/", socket.display());
        let mut probe = Probe::new(["send", &url, "hi", "--retry", "15s"])
            .args(SOON)
            .stdout("hi\n")
            .any_stderr()
            .within(ms(8000))
            .spawn();
        probe.stderr_line("attempt 3");
        let listener = UnixListener::bind(&socket).unwrap();
        echo(&mut listener.accept().unwrap().0);
        probe.status(0);
    }

    #[test]
    fn a_name_that_is_not_there_yet_counts() {
        Probe::new(["send", "ws://nobody.invalid/", "hi", "--retry", "1"])
            .args(SOON)
            .stderr_has("retrying")
            .stderr_has("nobody.invalid")
            .status(6);
    }

    #[test]
    fn a_count_counts_retries_and_the_last_attempt_decides() {
        let nobody = Nobody::listens();
        let events = listen(&nobody.url(), &["--json", "--retry", "2"])
            .any_stdout()
            .any_stderr()
            .status(7)
            .events();
        let expected = ["connecting", "error", "reconnect"].repeat(3);
        assert_eq!(names(&events), expected[..8]);
        let attempts: Vec<_> = named(&events, "connecting")
            .iter()
            .map(|event| event["attempt"].as_u64().unwrap())
            .collect();
        assert_eq!(attempts, [1, 2, 3]);
        let wait = named(&events, "reconnect")[0];
        assert_eq!(wait["attempt"], 2);
        assert!(wait["delay_ms"].as_u64().unwrap() <= 2);
        assert!(wait["because"].as_str().unwrap().contains("refused"));
    }

    #[test]
    fn without_it_there_is_one_try() {
        let nobody = Nobody::listens();
        Probe::new(["send", &nobody.url(), "hi", "--reconnect-on", "1000"])
            .stderr_has("--reconnect")
            .status(2);
        let events = listen(&nobody.url(), &["--json", "--reconnect"])
            .any_stdout()
            .any_stderr()
            .status(7)
            .events();
        assert_eq!(names(&events), ["connecting", "error"]);
    }

    #[test]
    fn a_connection_reset_before_the_answer_is_retried() {
        let echo = Echo::new();
        let proxy = FaultProxy::before(echo.port(), [Fault::Reset, Fault::Reset]);
        Probe::new(["send", &proxy.url(), "hi", "--retry", "5"])
            .args(SOON)
            .stdout("hi\n")
            .stderr_has("attempt 3")
            .status(0);
    }

    #[test]
    fn a_server_that_says_nothing_is_retried() {
        let echo = Echo::new();
        let proxy = FaultProxy::before(echo.port(), [Fault::Swallow]);
        Probe::new(["send", &proxy.url(), "hi", "--retry", "5"])
            .args(["--connect-timeout", "200ms"])
            .args(SOON)
            .stdout("hi\n")
            .stderr_has("timed out")
            .status(0);
    }

    #[test]
    fn a_connection_reset_during_the_tls_handshake_is_retried() {
        let server = Server::tls(Certificate::good())
            .accept()
            .close(1000, "")
            .expect_close(1000);
        let proxy = FaultProxy::before(server.port(), [Fault::Reset]);
        let url = proxy.url().replace("ws://127.0.0.1", "wss://localhost");
        listen(&url, &["--retry", "5", "--cacert", &server.authority()])
            .stderr_has("retrying")
            .status(0);
        let other = Certificate::good();
        let server = Server::tls(other).expect_tls_failure().expect_nobody();
        listen(&server.url(), &["--retry", "5"])
            .stderr_lacks("retrying")
            .status(60);
    }

    #[test]
    fn statuses_that_may_pass_are_retried_and_others_are_not() {
        let server = Server::new()
            .refuse("503 Service Unavailable", "", "starting")
            .refuse("429 Too Many Requests", "", "")
            .refuse("401 Unauthorized", "", "who?")
            .expect_nobody();
        listen(&server.url(), &["--retry", "9"])
            .stderr_has("503")
            .stderr_has("429")
            .stderr_has("401")
            .status(22);
    }

    #[test]
    fn what_the_server_asks_for_is_the_least_wait() {
        let server = Server::new()
            .refuse("503 Service Unavailable", "Retry-After: 1\r\n", "")
            .accept()
            .close(1000, "")
            .expect_close(1000);
        listen(&server.url(), &["--retry", "9"])
            .any_stderr()
            .at_least(ms(1000))
            .status(0);
    }

    #[test]
    fn an_interrupt_ends_the_wait_at_once() {
        let server = Server::new()
            .refuse("503 Service Unavailable", "Retry-After: 60\r\n", "")
            .expect_nobody();
        let mut probe = listen(&server.url(), &["--retry", "9"])
            .any_stderr()
            .within(ms(5000))
            .spawn();
        probe.stderr_line("retrying in 1m");
        probe.interrupt();
        probe.status(130);
    }

    #[test]
    fn a_time_that_is_over_ends_the_trying() {
        let nobody = Nobody::listens();
        Probe::new(["listen", &nobody.url(), "--retry", "300ms"])
            .args(["--backoff", "20ms..50ms"])
            .stderr_has("retrying")
            .at_least(ms(300))
            .within(ms(3000))
            .status(7);
    }
}

mod reconnect {
    use super::*;

    #[test]
    fn a_loss_is_announced_and_the_stream_goes_on() {
        let server = Server::new()
            .accept()
            .send_text("one")
            .drop_tcp()
            .accept()
            .send_text("two")
            .close(1000, "")
            .expect_close(1000);
        listen(&server.url(), &["--reconnect"])
            .stdout("one\ntwo\n")
            .stderr_has("retrying in")
            .stderr_has("lost without a close frame")
            .status(0);
    }

    #[test]
    fn the_events_tell_each_end_and_each_wait() {
        let server = Server::new()
            .accept()
            .send_text("one")
            .close(1012, "deploy")
            .expect_close(1012)
            .refuse("502 Bad Gateway", "", "")
            .accept()
            .close(1000, "")
            .expect_close(1000);
        let events = listen(&server.url(), &["--reconnect", "--json"])
            .any_stdout()
            .status(0)
            .events();
        let expected = [
            "connecting",
            "open",
            "message",
            "closing",
            "close",
            "reconnect", // 1012
            "connecting",
            "refused",
            "reconnect", // 502
            "connecting",
            "open",
            "closing",
            "close",
        ];
        assert_eq!(names(&events), expected);
        let connections: Vec<_> = events.iter().map(|event| event["conn"].clone()).collect();
        assert_eq!(connections[5], 1);
        assert_eq!(connections[12], 3);
        let because = named(&events, "reconnect")[0]["because"].as_str().unwrap();
        assert!(
            because.contains("1012 (Service Restart): deploy"),
            "{because}"
        );
    }

    #[test]
    fn without_it_a_loss_is_the_end() {
        let server = Server::new()
            .accept()
            .send_text("one")
            .drop_tcp()
            .expect_nobody();
        listen(&server.url(), &["--retry", "5"])
            .stdout("one\n")
            .stderr_has("lost")
            .status(56);
    }

    #[test]
    fn a_close_that_means_no_is_final() {
        for (code, status) in [(1000, 0), (1008, 10), (4001, 10), (3000, 10)] {
            let server = Server::new()
                .accept()
                .close(code, "")
                .expect_close(code)
                .expect_nobody();
            listen(&server.url(), &["--reconnect"])
                .any_stderr()
                .status(status);
        }
    }

    #[test]
    fn a_list_changes_what_is_final() {
        let server = Server::new()
            .accept()
            .close(1000, "")
            .expect_close(1000)
            .accept()
            .close(4007, "")
            .expect_close(4007)
            .refuse("401 Unauthorized", "", "")
            .accept()
            .close(1011, "enough")
            .expect_close(1011)
            .expect_nobody();
        listen(&server.url(), &["--reconnect"])
            .args(["--reconnect-on", "1000,4000-4099,401,!1011"])
            .stderr_has("enough")
            .status(10);
    }

    #[test]
    fn accept_and_close_does_not_reset_the_count() {
        let server = Server::new().accept().drop_tcp().accept().drop_tcp();
        let server = server.accept().drop_tcp().expect_nobody();
        let events = listen(&server.url(), &["--reconnect=2", "--json"])
            .any_stdout()
            .status(56)
            .events();
        let attempts: Vec<_> = named(&events, "connecting")
            .iter()
            .map(|event| event["attempt"].as_u64().unwrap())
            .collect();
        assert_eq!(attempts, [1, 2, 3]);
    }

    #[test]
    fn garbage_is_a_broken_rule_and_final() {
        let server = Server::new().accept().send_text("one").send_text("two");
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: 0123456789012345678901234567\r\n\r\n";
        let proxy = FaultProxy::before(server.port(), [Fault::GarbleAfter(head.len() + 5)]);
        listen(&proxy.url(), &["--reconnect"])
            .stdout("one\n")
            .any_stderr()
            .status(8);
        assert_eq!(proxy.passed().len(), 1);
    }

    #[test]
    fn an_interrupt_ends_the_wait_at_once() {
        let server = Server::new()
            .accept()
            .drop_tcp()
            .refuse("503 Service Unavailable", "Retry-After: 3600\r\n", "")
            .expect_nobody();
        let mut probe = listen(&server.url(), &["--reconnect"])
            .any_stderr()
            .within(ms(5000))
            .spawn();
        probe.stderr_line("retrying in 5m");
        probe.interrupt();
        probe.status(130);
    }

    #[test]
    fn quiet_says_nothing_of_the_waits() {
        let server = Server::new().accept().drop_tcp();
        let server = server.accept().close(1000, "").expect_close(1000);
        listen(&server.url(), &["--reconnect", "-q"])
            .stderr("")
            .status(0);
    }

    #[test]
    fn a_ping_goes_on_over_connections() {
        let server = Server::new()
            .accept()
            .answer_ping()
            .drop_tcp()
            .accept()
            .answer_ping()
            .close_when_asked();
        Probe::new(["ping", &server.url(), "-c", "2", "-i", "0.1", "--reconnect"])
            .args(SOON)
            .stdout_has("seq=1")
            .stdout_has("seq=2")
            .stdout_has("2 sent, 2 received, 0% lost")
            .any_stderr()
            .status(0);
    }

    #[test]
    fn a_time_limit_counts_from_the_first_open() {
        let server = Server::new().accept().pause(ms(1200)).drop_tcp().accept();
        let mut probe = listen(&server.url(), &["--reconnect", "--for", "1500ms"])
            .any_stderr()
            .at_least(ms(1500))
            .within(ms(2600))
            .spawn();
        probe.stderr_line("retrying");
        let server = server.close_when_asked();
        probe.status(0);
        drop(server);
    }
}

mod replay {
    use super::*;

    #[test]
    fn first_messages_go_first_and_in_order_after_every_open() {
        let server = Server::new()
            .accept()
            .expect_text("login")
            .expect_text("subscribe")
            .drop_tcp()
            .accept()
            .expect_text("login")
            .expect_text("subscribe")
            .expect_text("typed")
            .answer_ping()
            .send_text("done");
        let mut probe = Probe::new(["connect", &server.url(), "--reconnect"])
            .args(["-x", "login", "-x", "subscribe"])
            .args(SOON)
            .stdin_held_open()
            .stdout("done\n")
            .any_stderr()
            .spawn();
        probe.stderr_line("attempt 2");
        probe.write("typed\n");
        probe.shows("done\n");
        let server = server.close(1000, "").expect_close(1000);
        // stdin was still open, so not all input was sent.
        probe.status(10);
        drop(server);
    }

    #[test]
    fn a_token_is_read_anew_and_never_shown() {
        let server = Server::new().accept().expect_text("token-of-monday");
        let probe = listen(&server.url(), &["--reconnect", "--json", "-v"]);
        let token = probe.file("token", "token-of-monday\n");
        let mut probe = probe
            .args(["-x", &format!("@{token}")])
            .any_stdout()
            .any_stderr()
            .spawn();
        let server = server.played();
        fs::write(&token, "token-of-tuesday\n").unwrap();
        let server = server
            .drop_tcp()
            .accept()
            .expect_text("token-of-tuesday")
            .close(1000, "")
            .expect_close(1000);
        probe.shows("\"reconnect\"");
        let output = probe.status(0);
        drop(server);
        assert!(!output.text().contains("token-of"), "{}", output.text());
        assert!(!output.stderr.contains("token-of"), "{}", output.stderr);
    }

    #[test]
    fn stdin_waits_while_there_is_no_connection() {
        let server = Server::new().accept().expect_text("one").answer_ping();
        let mut probe = Probe::new(["send", &server.url(), "--reconnect"])
            .args(SOON)
            .stdin("one\n")
            .stdin_held_open()
            .stdout("1\n2\n3\n")
            .any_stderr()
            .spawn();
        let server = server.send_text("1").played();
        let server = server
            .drop_tcp()
            .refuse("503 Service Unavailable", "Retry-After: 1\r\n", "")
            .accept()
            .expect_text("two");
        probe.stderr_line("503");
        probe.write("two\nthree\n");
        probe.close_stdin();
        // The message and the ping that asks about the first one may arrive in either order.
        let server = server.answer_ping().expect_text("three").answer_ping();
        let server = server.send_text("2").send_text("3").close_when_asked();
        probe.status(0);
        drop(server);
    }

    #[test]
    fn a_message_cut_off_by_the_loss_is_not_continued_on_another_connection() {
        let server = Server::new()
            .accept()
            .expect_frame(Frame::text("aaaa").unfinished())
            .drop_tcp()
            .accept()
            .expect_nothing_for(ms(200));
        let mut probe = Probe::new(["send", &server.url(), "--reconnect", "--whole"])
            .args(["--fragment", "4", "--no-wait"])
            .args(SOON)
            .stdin("aaaabbbb")
            .stdin_held_open()
            .stderr_has("the last message sent may be lost")
            .spawn();
        probe.stderr_line("attempt 2");
        let server = server.played();
        probe.write("cccc");
        probe.close_stdin();
        let server = server.answer_any_close();
        probe.status(56);
        drop(server);
    }
}

mod lost {
    use super::*;

    #[test]
    fn messages_that_nobody_was_seen_to_read_are_counted() {
        let server = Server::new()
            .accept()
            .expect_text("one")
            .answer_ping()
            .expect_text("two")
            .expect_anything();
        let mut probe = Probe::new(["connect", &server.url(), "--reconnect", "-v"])
            .args(SOON)
            .stdin("one\n")
            .stdin_held_open()
            .stderr_has("the last 2 messages sent may be lost")
            .spawn();
        probe.stderr_line("< pong");
        probe.write("two\nthree\n");
        let server = server.played().drop_tcp().accept();
        let server = server.close(1000, "").expect_close(1000);
        probe.status(10);
        drop(server);
    }

    #[test]
    fn a_session_that_ends_in_good_order_has_lost_nothing() {
        let server = Server::new().accept().echo_until_closed();
        Probe::new(["send", &server.url(), "--reconnect"])
            .stdin("one\ntwo\n")
            .stdout("one\ntwo\n")
            .status(0);
    }

    #[test]
    fn delivery_is_not_claimed_for_what_may_be_lost() {
        let server = Server::new().accept().expect_text("one").drop_tcp();
        let server = server.accept().expect_text("two");
        let mut probe = Probe::new(["send", &server.url(), "--reconnect", "--no-wait"])
            .args(SOON)
            .stdin("one\n")
            .stdin_held_open()
            .stderr_has("the last message sent may be lost")
            .stderr_has("before the server had read all messages")
            .spawn();
        probe.stderr_line("attempt 2");
        probe.write("two\n");
        probe.close_stdin();
        let server = server.answer_ping().answer_any_close();
        probe.status(56);
        drop(server);
    }

    #[test]
    fn messages_given_as_arguments_do_not_reconnect() {
        let server = Server::new().expect_nobody();
        Probe::new(["send", &server.url(), "hi", "--reconnect"])
            .stderr_has("--retry")
            .status(2);
    }
}

mod heartbeat {
    use super::*;

    const FAST: [&str; 4] = ["--ping-interval", "200ms", "--ping-timeout", "600ms"];

    #[test]
    fn a_silent_peer_is_a_loss_within_interval_and_timeout() {
        let server = Server::new().accept().send_text("one").silent();
        listen(&server.url(), &FAST)
            .stdout("one\n")
            .stderr_has("no response within 600 ms")
            .at_least(ms(750))
            .within(ms(3000))
            .status(56);
    }

    #[test]
    fn a_connection_that_stalls_is_replaced() {
        let echo = Echo::new();
        // Enough bytes for the 101 and the first reply, but not for the pong after it.
        let head = 129;
        let proxy = FaultProxy::before(echo.port(), [Fault::StallAfter(head + 5)]);
        let mut probe = Probe::new(["connect", &proxy.url(), "--reconnect"])
            .args(FAST)
            .args(SOON)
            .stdin("one\n")
            .stdin_held_open()
            .stdout("one\ntwo\n")
            .any_stderr()
            .spawn();
        probe.shows("one\n");
        probe.stderr_line("attempt 2");
        probe.write("two\n");
        probe.shows("two\n");
        probe.interrupt();
        probe.status(130);
        assert_eq!(proxy.passed().len(), 2);
    }

    #[test]
    fn answers_keep_the_connection() {
        let server = Server::new()
            .accept()
            .answer_ping()
            .answer_ping()
            .answer_ping()
            .close(1000, "")
            .expect_close(1000);
        listen(&server.url(), &FAST).at_least(ms(600)).status(0);
    }

    #[test]
    fn whatever_arrives_is_life_and_pings_go_on_unanswered() {
        // Each kind of data arrives after a ping that is never answered.
        let server = Server::new()
            .accept()
            .expect_ping(16)
            .send_pong("")
            .expect_ping(16)
            .send_pong("not yours")
            .expect_ping(16)
            .send_ping("a ping of the server's")
            .expect_pong("a ping of the server's")
            .expect_ping(16)
            .expect_ping(16)
            .silent();
        listen(&server.url(), &FAST)
            .stderr_has("no response within")
            .at_least(ms(200 * 4 + 600))
            .status(56);
    }

    #[test]
    fn any_later_data_is_life_even_before_its_message_is_whole() {
        let server = Server::new()
            .accept()
            .expect_ping(16)
            .send_text("data")
            .expect_ping(16)
            .send_frame(Frame::text("a ").unfinished())
            .expect_ping(16)
            .send_frame(Frame::continuation("long one"))
            .close(1000, "")
            .expect_close(1000);
        listen(&server.url(), &FAST)
            .stdout("data\na long one\n")
            .status(0);
    }

    #[test]
    fn an_application_has_its_own_ping() {
        let server = Server::new()
            .accept()
            .expect_text("{\"type\":\"ping\"}")
            .send_text("{\"type\":\"pong\"}")
            .expect_text("{\"type\":\"ping\"}")
            .expect_text("{\"type\":\"ping\"}")
            .silent();
        listen(&server.url(), &FAST)
            .args(["--heartbeat", "{\"type\":\"ping\"}"])
            .stdout("{\"type\":\"pong\"}\n")
            .stderr_has("no response within")
            .status(56);
    }

    #[test]
    fn its_answers_do_not_count_as_replies() {
        let server = Server::new().expect_nobody();
        Probe::new(["send", &server.url(), "hi", "--heartbeat", "ping"])
            .args(FAST)
            .stderr_has("-c N")
            .status(2);
    }

    #[test]
    fn it_needs_an_interval() {
        Probe::new(["listen", "echo:", "--heartbeat", "ping"])
            .stderr_has("--ping-interval")
            .status(2);
    }

    #[test]
    fn nor_is_a_reader_that_does_not_read_a_silence() {
        const MESSAGES: usize = 64;
        let message = "x".repeat(64 * 1024 - 1);
        let (folder, reader) = blocked_stdout();
        let server = (0..MESSAGES)
            .fold(Server::new().accept(), |server, _| {
                server.send_text(&message)
            })
            .close_when_asked();
        let mut probe = listen(&server.url(), &["-c", &MESSAGES.to_string(), "-v"])
            .args(["--idle-timeout", "1s"])
            .stdout_to(folder.path().join("stdout"))
            .any_stderr()
            .spawn();
        probe.stderr_line("* connected to");
        // Longer than the limit: the subject of this test is a delay.
        std::thread::sleep(ms(2000));
        let mut taken = Vec::new();
        fs::File::from(reader).read_to_end(&mut taken).unwrap();
        assert_eq!(taken.len(), MESSAGES * (message.len() + 1));
        probe.status(0);
    }

    /// A pipe for stdout, in a separate folder, whose reader has not read yet.
    fn blocked_stdout() -> (tempfile::TempDir, std::os::fd::OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("stdout");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        // Without O_NONBLOCK this would wait for the run, which needs a reader first.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let reader = rustix::fs::open(&fifo, flags, Mode::empty()).unwrap();
        rustix::fs::fcntl_setfl(&reader, OFlags::RDONLY).unwrap();
        (folder, reader)
    }

    /// The reader of stdout pauses for longer than every time limit, then reads everything.
    #[test]
    fn a_reader_that_does_not_read_makes_no_false_loss() {
        const MESSAGES: usize = 256;
        let (folder, reader) = blocked_stdout();
        let message = "x".repeat(64 * 1024 - 1);
        let server = (0..MESSAGES)
            .fold(Server::new().accept(), |server, _| {
                server.send_text(&message)
            })
            .answer_until_closed();
        let mut probe = listen(&server.url(), &["-c", &MESSAGES.to_string(), "-v"])
            .args(FAST)
            .stdout_to(folder.path().join("stdout"))
            .any_stderr()
            .spawn();
        probe.stderr_line("* connected to");
        // Longer than interval and timeout together: the subject of this test is a delay.
        std::thread::sleep(ms(1700));
        let mut taken = Vec::new();
        fs::File::from(reader).read_to_end(&mut taken).unwrap();
        let output = probe.status(0);
        assert_eq!(taken.len(), MESSAGES * (message.len() + 1));
        assert!(output.stderr.contains("> ping"), "{}", output.stderr);
        drop(server);
    }
}

mod by_hand {
    use super::*;

    fn session(server: &Server) -> Running {
        let mut session = Probe::new(["connect", &server.url(), "--color", "never"])
            .args(["--reconnect"])
            .args(SOON)
            .any_stdout()
            .spawn_on_a_terminal();
        session.shows("connected to").shows("> ");
        session
    }

    /// A session that has lost its connection and waits for much longer than the test.
    fn lost_for_long() -> (Server, Running) {
        let server = Server::new().accept();
        let mut session = session(&server);
        let server =
            server
                .drop_tcp()
                .refuse("503 Service Unavailable", "Retry-After: 3600\r\n", "");
        session.shows("retrying in 5m");
        (server, session)
    }

    #[test]
    fn each_state_and_each_wait_is_a_line() {
        let server = Server::new().accept();
        let mut session = session(&server);
        let server = server.close(1012, "").expect_close(1012).accept();
        session.shows("closed").shows("1012").shows("retrying");
        session.shows("connected to");
        let server = server.close_when_asked();
        session.write("/quit\r");
        session.status(0);
        drop(server);
    }

    #[test]
    fn a_wait_can_be_cut_short() {
        let (server, mut session) = lost_for_long();
        let server = server.accept();
        session.write("/reconnect\r");
        session.shows("connected to");
        let server = server.close_when_asked();
        session.write("/quit\r");
        session.status(0);
        drop(server);
    }

    #[test]
    fn a_wait_can_be_given_up() {
        let (server, mut session) = lost_for_long();
        let server = server.expect_nobody();
        session.write("/close\r");
        session.shows("no further attempt");
        session.write("/quit\r");
        session.status(0);
        drop(server);
    }

    #[test]
    fn a_close_by_hand_is_not_undone() {
        let server = Server::new().accept();
        let mut session = session(&server);
        let server = server.expect_close(1000).close(1012, "").expect_nobody();
        session.write("/close\r");
        session.shows("closed by us");
        session.write("/quit\r");
        let output = session.status(0);
        assert!(!output.text().contains("retrying"), "{}", output.text());
        drop(server);
    }

    #[test]
    fn control_c_ends_a_wait_at_once() {
        let (server, mut session) = lost_for_long();
        let server = server.expect_nobody();
        session.write("\x03\x03");
        session.status(0);
        drop(server);
    }
}

/// 200 forced losses in a stream of numbered messages, compared with the bytes that the proxy forwarded.
#[test]
fn two_hundred_drops_lose_and_repeat_nothing_unnoticed() {
    const DROPS: usize = 200;
    let echo = Echo::new();
    let head = 129;
    // At any position: in the header of the first frame, in its payload, between frames, in a pong.
    let faults = (0..DROPS).map(|i| Fault::DropAfter(head + 1 + i * 37 % 120));
    let proxy = FaultProxy::before(echo.port(), faults);
    let mut probe = Probe::new(["connect", &proxy.url(), "--json", "--reconnect", "-w", "1s"])
        .args(["--backoff", "1ms..1ms"])
        .stdin_held_open()
        .any_stdout()
        .spawn();
    // More replies than any connection can receive before it is lost.
    let burst = 50;
    for first in (0..DROPS).map(|connection| connection * burst) {
        probe.shows("\"event\":\"open\"");
        let lines: String = (first..first + burst).map(|n| format!("{n}\n")).collect();
        probe.write(lines);
    }
    probe.shows("\"event\":\"open\"");
    probe.close_stdin();
    let events = probe.status(0).events();
    let passed = proxy.passed();
    assert_eq!(passed.len(), DROPS + 1);
    let told = |at: usize| events.iter().filter(move |event| event["conn"] == at + 1);
    let sent: Vec<String> = (0..=DROPS)
        .flat_map(|at| messages(told(at), "out"))
        .collect();
    let received: Vec<String> = (0..=DROPS)
        .flat_map(|at| messages(told(at), "in"))
        .collect();
    let written: Vec<String> = (0..DROPS * burst).map(|n| n.to_string()).collect();
    assert_eq!(sent, written, "each that was written, once and in order");
    let arrived: Vec<String> = passed
        .iter()
        .flat_map(|one| texts(&one.frames_down()))
        .collect();
    assert_eq!(received, arrived, "each that arrived, once and in order");
    let lost = sent.len() - received.len();
    assert!(lost > DROPS && lost < sent.len(), "{lost} were lost");
    for (at, passed) in passed.iter().enumerate().take(DROPS) {
        let close = told(at).find(|event| event["event"] == "close");
        let close = close.unwrap_or_else(|| panic!("connection {at} has no end"));
        let sent = messages(told(at), "out").len() as u64;
        let may_be_lost = close["may_be_lost"].as_u64().unwrap_or_default();
        assert_eq!(may_be_lost, sent - proven(passed), "connection {at}");
        let read = texts(&passed.frames_up()).len() as u64;
        assert!(may_be_lost >= sent - read, "connection {at}");
    }
}

/// The texts of the messages in one direction.
fn messages<'a>(events: impl Iterator<Item = &'a Value>, direction: &str) -> Vec<String> {
    events
        .filter(|event| event["event"] == "message" && event["dir"] == direction)
        .map(|event| event["data"].as_str().unwrap().to_owned())
        .collect()
}

fn texts(frames: &[Frame]) -> Vec<String> {
    frames
        .iter()
        .filter(|frame| frame.opcode == Opcode::Text)
        .map(|frame| String::from_utf8(frame.payload.clone()).unwrap())
        .collect()
}

/// The number of messages sent before the last ping that was answered.
fn proven(passed: &Passed) -> u64 {
    let pongs = passed.frames_down();
    let mut pongs = pongs.iter().filter(|frame| frame.opcode == Opcode::Pong);
    let Some(pong) = pongs.next_back() else {
        return 0;
    };
    let before = passed
        .frames_up()
        .into_iter()
        .take_while(|frame| !(frame.opcode == Opcode::Ping && frame.payload == pong.payload));
    before.filter(|frame| frame.opcode == Opcode::Text).count() as u64
}
