//! Bad usage: exit 2 before the first packet, with the bad word named and the right one shown.

use crate::harness::{Probe, Server};

/// A server that must not hear of these arguments; `URL` among them stands for its address.
fn refused(args: &[&str], named: &str) {
    let server = Server::new().expect_nobody();
    let url = server.url();
    let args = args
        .iter()
        .map(|arg| if *arg == "URL" { url.as_str() } else { arg });
    Probe::new(args).stderr_has(named).status(2);
}

fn suggests(args: &[&str], suggestions: &[&str]) {
    let probe = Probe::new(args);
    suggestions
        .iter()
        .fold(probe, |probe, suggestion| probe.stderr_has(suggestion))
        .status(2);
}

#[test]
fn a_url_must_have_a_host() {
    for url in ["ws://", "ws:///path", "ws://:80/", "wss://?x"] {
        refused(&["listen", url], url);
    }
}

#[test]
fn a_url_must_have_a_scheme_that_is_known() {
    refused(&["listen", "ftp://host.example/"], "ftp");
    refused(&["listen", "wsss://host.example/"], "wsss");
}

#[test]
fn a_port_must_be_in_range() {
    for port in ["99999", "-1", "x"] {
        refused(&["listen", &format!("ws://127.0.0.1:{port}/")], port);
    }
}

#[test]
fn an_empty_url_is_bad_usage() {
    refused(&["listen", ""], "URL");
    refused(&["listen"], "URL");
}

#[test]
fn names_with_an_at_are_reserved() {
    refused(&["listen", "@staging"], "@staging");
}

#[test]
fn a_header_must_have_a_colon_and_a_name() {
    refused(&["listen", "URL", "-H", "Authorization"], "Authorization");
    refused(&["listen", "URL", "-H", ": value"], "header name");
    refused(&["listen", "URL", "-H", "Two Words: value"], "'Two…'");
}

#[test]
fn a_header_cannot_smuggle_another_one_in() {
    refused(&["listen", "URL", "-H", "X-A: 1\r\nX-B: 2"], "X-A");
    refused(
        &["listen", "URL", "-o", "https://a.example\r\nX-B: 2"],
        "a.example",
    );
}

#[test]
fn a_subprotocol_must_be_a_token() {
    refused(&["listen", "URL", "-s", "two words"], "two words");
}

#[test]
fn a_close_code_must_be_one_that_may_be_sent() {
    for code in ["999", "1005", "1006", "5000", "bye"] {
        refused(&["listen", "URL", "--close", code], code);
    }
}

#[test]
fn a_close_reason_must_fit_in_its_frame() {
    let close = format!("1000:{}", "x".repeat(124));
    refused(&["listen", "URL", "--close", &close], "123");
}

#[test]
fn a_duration_must_be_one() {
    refused(&["listen", "URL", "--for", "soon"], "soon");
    refused(&["send", "URL", "hi", "--wait=-5s"], "-5s");
}

#[test]
fn flags_that_exclude_each_other_are_refused() {
    refused(&["send", "URL", "--hex", "--base64", "00"], "--base64");
}

#[test]
fn an_unknown_flag_or_verb_is_named() {
    refused(&["listen", "URL", "--nonsense"], "--nonsense");
    suggests(&["lisen", "ws://127.0.0.1/"], &["lisen", "listen"]);
}

#[test]
fn listen_on_a_port_shows_serve_and_listen() {
    for args in [&["listen", "8080"][..], &["-l", "8080"]] {
        suggests(
            args,
            &["wsprobe serve 8080", "wsprobe listen ws://localhost:8080/"],
        );
    }
}

#[test]
fn a_url_without_a_verb_shows_connect() {
    suggests(
        &["ws://host.example/chat"],
        &["wsprobe connect ws://host.example/chat"],
    );
    suggests(
        &["-c", "wss://host.example/"],
        &["wsprobe connect wss://host.example/"],
    );
}

#[test]
fn the_letters_of_other_tools_name_the_flag_meant() {
    refused(&["listen", "URL", "-o", "out.txt"], "origin");
    refused(&["send", "URL", "hi", "-w", "%{http_code}"], "--wait");
    refused(&["ping", "URL", "-s", "1000"], "--size");
}

#[test]
fn bad_usage_is_an_error_line_like_any_other() {
    for args in [
        &["listen", "ws://"][..],
        &["listen", "ws://h/", "--nonsense"],
        &["listen"],
    ] {
        let output = Probe::new(args).any_stderr().status(2);
        assert!(output.stderr.starts_with("wsprobe: "), "{}", output.stderr);
    }
}

#[test]
fn a_report_named_like_stdout_is_bad_usage_and_makes_no_file() {
    for args in [
        ["check", "x.wst", "--junit", "-"],
        ["check", "x.wst", "--tap", "-"],
        ["listen", "ws://h.example/", "--log", "-"],
        ["serve", "0", "--log", "-"],
    ] {
        Probe::new(args)
            .stderr_has("'-' is not supported; use a file name")
            .status(2);
        assert!(!std::path::Path::new("-").exists());
    }
}

#[test]
fn a_duration_beyond_any_clock_is_bad_usage() {
    for flag in ["--max-time", "--connect-timeout", "--wait", "--delay"] {
        refused(&["send", "URL", "hi", flag, "1e19"], "1e19");
    }
    for flag in ["--idle-timeout", "--for"] {
        refused(&["listen", "URL", flag, "1e19"], "100 years");
    }
    refused(&["ping", "URL", "--interval", "1e19"], "1e19");
}

#[test]
fn a_stderr_that_is_gone_changes_no_status() {
    for (args, status) in [
        (&["listen", "ws://h/", "--nonsense"][..], 2),
        (&["listen", "ws://"], 2),
        (&["listen"], 2),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_wsprobe"))
            .args(args)
            .stderr(writer)
            .status()
            .unwrap();
        assert_eq!(ended.code(), Some(status), "{args:?}: {ended}");
    }
}
