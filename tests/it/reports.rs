//! Reports of `check`: JUnit, TAP, GitHub, JSON; and text that must not appear in them.

use std::fs;

use tempfile::TempDir;

use crate::harness::{Probe, Server};

/// The output of a failed check.
struct Left {
    stdout: String,
    junit: String,
    tap: String,
    page: String,
}

impl Left {
    fn all(&self) -> [&str; 4] {
        [&self.stdout, &self.junit, &self.tap, &self.page]
    }
}

/// A server that sends this text, and a failing file with these steps after `connect`.
fn failing(said: &str, steps: &str, env: &[(&str, &str)]) -> Left {
    let server = Server::new().accept().send_text(said);
    let server = match steps.starts_with('>') {
        true => server.expect_anything().close_when_asked(),
        false => server.close_when_asked(),
    };
    let home = TempDir::new().unwrap();
    let path = |name: &str| {
        home.path()
            .join(name)
            .into_os_string()
            .into_string()
            .unwrap()
    };
    let text = format!(
        "timeout 200ms\ntest \"a <test> # 1\"\nconnect {}\n{steps}",
        server.url()
    );
    fs::write(path("x.wst"), text).unwrap();
    let mut probe = Probe::new(["check", &path("x.wst")])
        .args(["--junit", &path("j.xml"), "--tap", &path("t.tap")])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", path("page.md"))
        .any_stdout();
    for (name, value) in env {
        probe = probe.env(name, value);
    }
    let stdout = probe.status(1).text().to_owned();
    let read = |name: &str| fs::read_to_string(path(name)).unwrap();
    Left {
        stdout,
        junit: read("j.xml"),
        tap: read("t.tap"),
        page: read("page.md"),
    }
}

#[test]
fn a_failure_is_in_each_report_in_its_own_form() {
    let left = failing("no", "< yes\n", &[]);
    let has = |text: &str, part: &str| assert!(text.contains(part), "{part}\n{text}");
    has(&left.junit, "<testsuite name=\"");
    has(
        &left.junit,
        " tests=\"1\" failures=\"1\" errors=\"0\" time=\"0.",
    );
    has(
        &left.junit,
        "<testcase name=\"a &lt;test&gt; # 1\" classname=\"",
    );
    has(
        &left.junit,
        "<failure type=\"expectation\" message=\"no message matching 'yes' within 200 ms",
    );
    has(&left.tap, "TAP version 14\n1..1\nnot ok 1 - ");
    has(
        &left.tap,
        "a <test> \\# 1\n  ---\n  message: \"no message matching",
    );
    has(&left.tap, "\n  ...\n");
    has(&left.stdout, "\n::error file=");
    has(
        &left.stdout,
        "x.wst,line=4,title=a <test> # 1::no message matching",
    );
    has(&left.page, "| ❌ | ");
    has(&left.page, "a &#60;test&#62; &#35; 1");
}

#[test]
fn a_fault_of_transport_is_an_error_in_junit() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("x.wst");
    let junit = home.path().join("j.xml");
    let nobody = crate::harness::Nobody::listens();
    fs::write(&file, format!("connect {}\n", nobody.url())).unwrap();
    Probe::new([
        "check".as_ref(),
        file.as_os_str(),
        "--junit".as_ref(),
        junit.as_os_str(),
    ])
    .any_stdout()
    .status(1);
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("failures=\"0\" errors=\"1\""), "{xml}");
    assert!(xml.contains("<error type=\"transport\""), "{xml}");
}

#[test]
fn a_server_s_text_can_inject_nothing() {
    let said = "\u{1b}[2J\r\n::error::pwned\n##[error]pwned\n]]><x/>&\u{0}\u{fffe}\u{9b}\u{202e}|`";
    let left = failing(said, "< yes\n", &[]);
    for text in left.all() {
        for forbidden in ["\u{1b}", "\r", "\0", "\u{9b}", "\u{202e}", "##[error]"] {
            assert!(!text.contains(forbidden), "{forbidden:?} in {text}");
        }
        let commands = |line: &&str| line.trim_start().starts_with("::");
        for command in text.lines().filter(commands) {
            assert!(command.starts_with("::error file="), "{command}");
        }
    }
    assert!(!left.junit.contains("<x/>") && !left.junit.contains('\u{fffe}'));
    assert!(!left.page.contains("<x/>"));
    assert_eq!(
        left.page
            .lines()
            .filter(|line| line.starts_with('|'))
            .count(),
        3
    );
}

#[test]
fn a_refusal_s_body_cannot_be_a_workflow_command() {
    let server = Server::new().refuse(
        "403 Forbidden",
        "",
        "::error::pwned\n  ::set-output name=a::b",
    );
    let home = TempDir::new().unwrap();
    let file = home.path().join("x.wst");
    fs::write(&file, format!("connect {}\n", server.url())).unwrap();
    let output = Probe::new(["check".as_ref(), file.as_os_str()])
        .env("GITHUB_ACTIONS", "true")
        .any_stdout()
        .status(1);
    let commands: Vec<&str> = output
        .text()
        .lines()
        .filter(|line| line.trim_start().starts_with("::"))
        .collect();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(commands[0].starts_with("::error file="), "{commands:?}");
}

#[test]
fn secrets_are_in_no_report() {
    let steps =
        "> {\"token\":\"{{env.API_TOKEN}}\",\"pin\":\"{{env.PIN}}\"}\n< {\"token\":\"x\"}\n";
    let env = [("API_TOKEN", "hunter2-\"hunter2\""), ("PIN", "4711")];
    let left = failing("{\"token\":\"hunter2-\\\"hunter2\\\"\"}", steps, &env);
    for text in left.all() {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains("4711"), "{text}");
    }
    assert!(
        left.stdout
            .contains("> {\"token\":\"***\",\"pin\":\"***\"}"),
        "{}",
        left.stdout
    );
}

#[test]
fn a_captured_secret_and_one_given_are_erased_also_from_before() {
    let server = Server::new()
        .accept()
        .send_text("{\"session\":\"abcdefgh-1234\"}")
        .send_text("key is literal-secret")
        .close_when_asked();
    let probe = Probe::new(["check"]);
    let file = probe.file(
        "x.wst",
        format!(
            "connect {}\n< .session != null\ncapture secret s = .session\nwithin 100ms < {{{{s}}}}\n",
            server.url()
        ),
    );
    probe
        .args([&file, "--secret", "key=literal-secret"])
        .stdout_has("{\"session\":\"***\"}")
        .stdout_has("key is ***")
        .stdout_lacks("abcdefgh")
        .stdout_lacks("literal-secret")
        .status(1);
}

#[test]
fn tests_are_events_with_a_summary_and_the_log_has_them_too() {
    let home = TempDir::new().unwrap();
    let path = |name: &str| {
        home.path()
            .join(name)
            .into_os_string()
            .into_string()
            .unwrap()
    };
    let server = Server::new().accept().echo_until_closed();
    let text = format!(
        "connect a {}\nconnect b echo:\na > x\na < x\nb > y\nwithin 100ms b < x\n",
        server.url()
    );
    fs::write(path("x.wst"), text).unwrap();
    let output = Probe::new(["check", &path("x.wst"), "--json", "--log", &path("log")])
        .any_stdout()
        .status(1);
    let events = output.events();
    let of = |name: &str| {
        events
            .iter()
            .filter(|event| event["event"] == name)
            .collect::<Vec<_>>()
    };
    let test = of("test")[0];
    assert_eq!((&test["ok"], &test["line"]), (&false.into(), &6.into()));
    assert!(
        test["message"]
            .as_str()
            .unwrap()
            .contains("no message matching")
    );
    let summary = of("summary")[0];
    assert_eq!(
        [
            &summary["tests"],
            &summary["failed"],
            &summary["errors"],
            &summary["exit"]
        ],
        [&1, &1, &0, &1]
    );
    // Two connections alternate, and each event names its connection.
    let mut texts = of("message");
    texts.sort_by_key(|event| event["t"].as_f64().map(f64::to_bits));
    let said: Vec<_> = texts
        .iter()
        .map(|event| (&event["data"], &event["conn"]))
        .collect();
    assert!(said.contains(&(&"x".into(), &1.into())) && said.contains(&(&"y".into(), &2.into())));
    let log = fs::read_to_string(path("log")).unwrap();
    assert!(log.contains("\"event\":\"test\"") && log.contains("\"event\":\"summary\""));
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_connects() {
    let server = Server::new().expect_nobody();
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", format!("connect {}\n", server.url()));
    probe
        .args([&file, "--junit", "/no/such/folder/j.xml"])
        .stderr_has("/no/such/folder/j.xml")
        .status(23);
}

#[test]
fn what_was_not_run_is_skipped_in_tap() {
    let home = TempDir::new().unwrap();
    let path = |name: &str| {
        home.path()
            .join(name)
            .into_os_string()
            .into_string()
            .unwrap()
    };
    let text = "test \"a\"\nconnect echo:\n> x\nwithin 50ms < y\ntest \"b\"\nconnect echo:\n";
    fs::write(path("x.wst"), text).unwrap();
    Probe::new([
        "check",
        &path("x.wst"),
        "--fail-fast",
        "--tap",
        &path("t.tap"),
    ])
    .any_stdout()
    .status(1);
    let tap = fs::read_to_string(path("t.tap")).unwrap();
    assert!(
        tap.contains("\n1..2\n") && tap.contains("\nok 2 - # SKIP"),
        "{tap}"
    );
}
