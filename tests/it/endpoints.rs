//! `@NAME`: URLs and options from an endpoints file.

use crate::harness::{Probe, Server};

fn probe(file: &str, command: &str) -> Probe {
    let probe = Probe::new(command.split(' '));
    probe.file("wsprobe.toml", file);
    probe
}

fn server() -> Server {
    Server::new().accept()
}

#[test]
fn an_endpoint_gives_the_url_and_the_options() {
    let server = server()
        .expect_request_line("GET /feed?v=1 HTTP/1.1")
        .expect_header("X-Team", &["blue"])
        .expect_header("Authorization", &["Bearer t0ken-t0ken"])
        .expect_text("first")
        .expect_text("hi")
        .send_text("reply")
        .close_when_asked();
    let file = format!(
        "[other]\nurl = 'ws://localhost:1/'\n\n[staging]\nurl = '{}'\nheader = ['X-Team: blue']\n\
         bearer = 'env:TOKEN'\nexecute = ['first']\nexpect = 'reply'\nwait = 7\nhistogram = true\nno-compress = true\n",
        server.url_of("/feed?v=1")
    );
    probe(&file, "send @staging hi")
        .env("TOKEN", "t0ken-t0ken")
        .stdout("reply\n")
        .status(0);
}

#[test]
fn what_is_typed_wins() {
    let typed = [
        "-H",
        "x-team: red",
        "-H",
        "X-New: 1",
        "-x",
        "typed",
        "-u",
        "a:b",
        "-s",
        "two",
        "hi",
        "-w",
        "5s",
    ];
    let server = server()
        .expect_header("X-Team", &["red"])
        .expect_header("X-Kept", &["yes"])
        .expect_header("X-New", &["1"])
        .expect_header("Sec-WebSocket-Protocol", &["two"])
        .expect_header("Authorization", &["Basic YTpi"])
        .expect_text("typed")
        .expect_text("hi")
        .send_text("reply")
        .close_when_asked();
    let file = format!(
        "[e]\nurl = '{}'\nheader = ['X-Team: blue', 'X-Kept: yes']\nexecute = 'first'\nsubprotocol = ['one']\n\
         bearer = 'abcdefgh'\nwait = '10ms'\nreconnect = true\n",
        server.url()
    );
    probe(&file, "send @e")
        .args(typed)
        .stdout("reply\n")
        .stderr_has("warning:")
        .status(0);
}

#[test]
fn a_path_and_a_query_are_appended() {
    for (url, name, target) in [
        ("/", "@e/more", "/more"),
        ("/feed/", "@e/more?a=1", "/feed/more?a=1"),
        ("/feed?v=7", "@e/more/x?a=1", "/feed/more/x?v=7&a=1"),
        ("/feed?v=7", "@e?a=1", "/feed?v=7&a=1"),
    ] {
        let server = server()
            .expect_request_line(&format!("GET {target} HTTP/1.1"))
            .close(1000, "");
        let file = format!("[e]\nurl = '{}'\n", server.url_of(url));
        probe(&file, &format!("listen {name}")).status(0);
    }
}

#[test]
fn every_verb_takes_a_name() {
    for (command, status) in [
        ("send @e hi", 0),
        ("listen @e -1", 0),
        ("ping @e -c 1", 0),
        ("check @e --skip ping", 0),
        ("connect @e", 0),
    ] {
        // Only `echo:` answers all of them.
        let file = "[e]\nurl = 'echo:'\nexecute = ['hello']\n";
        probe(file, command)
            .any_stdout()
            .any_stderr()
            .status(status);
    }
}

#[test]
fn a_word_is_a_name_only_in_the_place_of_the_url() {
    let server = server()
        .expect_header("X-Name", &["@e"])
        .expect_text("@e")
        .send_text("reply")
        .close_when_asked();
    let file = format!("[e]\nurl = '{}'\n", server.url());
    probe(&file, "send -H X-Name:@e @e @e")
        .stdout("reply\n")
        .status(0);
    // Without a name no file is read.
    Probe::new(["send", "echo:", "@e", "--endpoints", "missing.toml"])
        .stdout("@e\n")
        .status(0);
}

#[test]
fn the_nearest_file_is_the_only_one() {
    let url = |name: &str| format!("[{name}]\nurl = 'echo:'\n");
    let probe = Probe::new(["send", "@named", "hi", "--endpoints", "named.toml"]);
    probe.file("named.toml", url("named"));
    probe.file("wsprobe.toml", "not TOML");
    probe.stdout("hi\n").status(0);

    let probe = Probe::new(["send", "@user", "hi"]).stdout("hi\n");
    let user = probe.file("config/wsprobe/endpoints.toml", url("user"));
    let config = user.trim_end_matches("/wsprobe/endpoints.toml");
    probe.env("XDG_CONFIG_HOME", config).status(0);

    let probe = Probe::new(["send", "@user", "hi"]).stderr_has("unknown endpoint @user in ");
    probe.file("wsprobe.toml", url("near"));
    probe.file("config/wsprobe/endpoints.toml", url("user"));
    probe.status(2);

    Probe::new(["send", "@e", "hi"])
        .stderr_has("@e: there is no endpoints file: no wsprobe.toml in this folder or above it")
        .stderr_has("hint: an endpoint is a table in it")
        .status(2);
}

/// The file, the command, and the error: all are found before the first packet.
#[test]
fn errors_name_the_line() {
    let url = "[e]\nurl = 'ws://localhost:1/'\n";
    for (file, command, error) in [
        ("[e]\nurl 'x'\n", "send @e hi", "wsprobe.toml:2: "),
        (
            "url = 'x'\n",
            "send @e hi",
            "wsprobe.toml:1: url stands outside of an endpoint",
        ),
        (
            "[e]\nwait = 5\n",
            "send @e hi",
            "wsprobe.toml:1: [e] has no url",
        ),
        ("[e]\nurl = 5.5.5.5\n", "send @e hi", "wsprobe.toml:2: "),
        (
            "[e]\nurl = ['a']\n",
            "send @e hi",
            "wsprobe.toml:2: url is not a text",
        ),
        (
            &format!("{url}wiat = 5\n"),
            "send @e hi",
            "wsprobe.toml:3: unknown key wiat; did you mean wait?",
        ),
        (
            &format!("{url}endpoints = 'x'\n"),
            "send @e hi",
            "wsprobe.toml:3: unknown key endpoints",
        ),
        (
            &format!("{url}wait = 'five'\n"),
            "send @e hi",
            "wsprobe.toml:3: [e]: --wait <TIME>: invalid duration 'five'",
        ),
        (
            &format!("{url}wait = true\n"),
            "send @e hi",
            "wsprobe.toml:3: wait needs a value",
        ),
        (
            &format!("{url}wait = [1, 2]\n"),
            "send @e hi",
            "wsprobe.toml:3: wait takes one value",
        ),
        (
            &format!("{url}wait = 1979-05-27\n"),
            "send @e hi",
            "wsprobe.toml:3: wait cannot be datetime",
        ),
        (
            &format!("{url}insecure = 'yes'\n"),
            "send @e hi",
            "wsprobe.toml:3: insecure is true or false",
        ),
        (
            &format!("{url}verbose = 'loud'\n"),
            "send @e hi",
            "wsprobe.toml:3: verbose is a number up to 9",
        ),
        (
            &format!("{url}max-redirects = 3\n"),
            "send @e hi",
            "wsprobe.toml:1: [e]: missing option --location",
        ),
        (url, "listen @f", "unknown endpoint @f in "),
        (url, "connect @", "@ needs the name of an endpoint of "),
    ] {
        probe(file, command).stderr_has(error).status(2);
    }
    Probe::new(["send", "@e", "--endpoints", "missing.toml"])
        .stderr_has("cannot read missing.toml: ")
        .status(26);
}

#[test]
fn a_bare_at_sign_lists_the_endpoints_without_secrets() {
    let file = "[staging]\nurl = 'wss://ann:secret@example.com/?token=secret'\nbearer = 'secret'\n\n[production]\nurl = 'wss://example.com/'\n";
    probe(file, "connect @")
        .stderr_has(
            "  @staging  wss://***@example.com/?token=***\n  @production  wss://example.com/\n",
        )
        .stderr_lacks("secret@")
        .status(2);
    probe(file, "connect @prodution")
        .stderr_has("did you mean @production?")
        .status(2);
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = Probe::new(["send", "@e", "--endpoints", "sub/named.toml", "hi"]);
    folder.file(
        "sub/named.toml",
        "[e]\nurl = 'echo:'\nexecute = '@first.txt'\nlog = 'events.jsonl'\ncount = 2\n",
    );
    folder.file("sub/first.txt", "from a file");
    let output = folder.stdout("from a file\nhi\n").status(0);
    assert!(output.home.path().join("sub/events.jsonl").exists());

    for (key, value) in [
        ("cacert", "ca.pem"),
        ("unix-socket", "no.sock"),
        ("bearer", "@no.txt"),
    ] {
        let probe =
            Probe::new(["send", "@e", "--endpoints", "sub/named.toml", "hi"]).stderr_has("sub/");
        probe.file(
            "sub/named.toml",
            format!("[e]\nurl = 'ws://localhost:1/'\n{key} = '{value}'\n"),
        );
        probe.fails();
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let secrets = [
        ("bearer = 'abcdefgh'", true),
        ("bearer = 'env:HOME'", false),
        ("user = 'ann:secret'", true),
        ("user = 'ann'", false),
        ("cookie = 'session=1'", true),
        ("header = 'Authorization: Bearer x'", true),
        ("header = 'X-Team: blue'", false),
        ("secret = 'key=abc'", true),
        ("secret = 'key=env:HOME'", false),
    ];
    for (line, warns) in secrets {
        for mode in [0o644, 0o600] {
            let probe = probe(&format!("[e]\nurl = 'echo:'\n{line}\n"), "listen @e -m 1ms");
            let path = probe.file("wsprobe.toml", format!("[e]\nurl = 'echo:'\n{line}\n"));
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).unwrap();
            let warning = "wsprobe.toml:3: others may read the secret in ";
            let probe = probe.env("WSPROBE_PASSWORD", "x").any_stdout();
            let output = match warns && mode == 0o644 {
                true => probe.stderr_has(warning).fails(),
                false => probe.stderr_lacks(warning).fails(),
            };
            drop(output);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_session_connects_to_an_endpoint() {
    let first = Server::new().accept();
    let second = Server::new()
        .accept()
        .expect_header("Authorization", &["Bearer t0ken-t0ken"])
        .expect_text("s3cret-login");
    let probe = Probe::new(["connect", &first.url(), "--color", "never", "-x", "hello"])
        .env("TOKEN", "t0ken-t0ken")
        .env("LOGIN", "s3cret-login");
    probe.file(
        "wsprobe.toml",
        format!(
            "[local]\nurl = '{}'\nbearer = 'env:TOKEN'\nexecute = 'env:LOGIN'\nping-interval = '30s'\n",
            second.url()
        ),
    );
    let first = first.expect_text("hello");
    let mut session = probe.any_stdout().spawn_on_a_terminal();
    session.sees("OPEN", |screen| screen.text().contains("* connected to"));
    let first = first.close_when_asked();
    session.write("/connect @lo\t\r");
    let screen = session.sees("the second OPEN", |screen| {
        screen.text().matches("* connected to").count() == 2 && screen.typed() == ">"
    });
    let told = screen.text().replace('\n', "");
    assert!(
        told.contains("not taken over in a session: ping-interval"),
        "{told}"
    );
    assert!(!told.contains("s3cret-login"), "{told}");
    session.write("/connect @nope\r");
    session.sees("a refusal", |screen| {
        screen.text().contains("unknown endpoint @nope")
    });
    let second = second.close_when_asked();
    session.write("/quit\r");
    session.status(0);
    drop((first, second));
}
