//! The clients that `serve` accepts, and its listen addresses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::harness::{Certificate, Client, Frame, Probe, ms, plain_get, serve};

/// `user:password` in base64.
const BASIC: &str = "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n";

#[test]
fn credentials_are_asked_for_and_checked() {
    let (_serving, url) = serve(&["--auth", "user:password"]);
    for wrong in ["", "Authorization: Basic bm9ib2R5Om5vbmU=\r\n"] {
        let answer = Client::refused(&url, wrong);
        assert!(
            answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
            "{answer}"
        );
        assert!(
            answer.contains("WWW-Authenticate: Basic realm="),
            "{answer}"
        );
    }
    Client::connect_with(&url, BASIC);
    Probe::new(["send", &url, "hi", "-u", "user:password"])
        .stdout("hi\n")
        .status(0);
    assert!(plain_get(&url, "").starts_with("HTTP/1.1 401 "));
    assert!(plain_get(&url, BASIC).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_token_is_asked_for_and_shown_nowhere() {
    let probe = Probe::new(["serve", "0", "--bearer", "env:TOKEN", "-v"]);
    let mut serving = probe
        .env("TOKEN", "a-token-of-mine")
        .any_stderr()
        .stdout("")
        .spawn();
    let line = serving.stderr_line("listening on ");
    let url = line.rsplit(' ').next().unwrap();
    let answer = Client::refused(url, "");
    assert!(
        answer.contains("WWW-Authenticate: Bearer realm="),
        "{answer}"
    );
    let (mut client, _) = Client::connect_with(url, "Authorization: Bearer a-token-of-mine\r\n");
    client.send(&Frame::text("hi"));
    assert_eq!(client.message(), Frame::text("hi"));
    serving.terminate();
    let stderr = serving.status(143).stderr;
    assert!(stderr.contains("#2 connected from"), "{stderr}");
    assert!(!stderr.contains("a-token-of-mine"), "{stderr}");
}

#[test]
fn pages_of_this_machine_alone_may_connect() {
    let (_serving, url) = serve(&[]);
    for origin in [
        "http://localhost:3000",
        "http://127.0.0.1:1",
        "https://[::1]",
    ] {
        Client::connect_with(&url, &format!("Origin: {origin}\r\n"));
    }
    for origin in [
        "https://example.com",
        "null",
        "http://localhost.example.com",
    ] {
        let answer = Client::refused(&url, &format!("Origin: {origin}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(
            answer.contains(&format!("--allow-origin {origin}")),
            "{answer}"
        );
    }
}

#[test]
fn allowed_origins_may_connect_and_others_may_not() {
    let (_serving, url) = serve(&["--allow-origin", "https://app.example"]);
    Client::connect_with(&url, "Origin: https://app.example\r\n");
    Client::connect(&url);
    let answer = Client::refused(&url, "Origin: http://localhost:3000\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    // A foreign name that was made to point here (DNS rebinding).
    for options in [&["--allow-origin", "https://app.example"][..], &[]] {
        let (_serving, url) = serve(options);
        Probe::new(["listen", &url, "-H", "Host: evil.example:8080"])
            .args(["-o", "http://evil.example:8080"])
            .stderr_has("403 Forbidden")
            .status(22);
    }
    let (_serving, url) = serve(&["--allow-origin", "*"]);
    Client::connect_with(&url, "Origin: null\r\n");
    Probe::new(["serve", "0", "--allow-origin", "app.example"])
        .stderr_has("https://app.example")
        .status(2);
}

#[test]
fn one_client_too_many_is_told_so_until_another_leaves() {
    let (_serving, url) = serve(&["--max-clients", "1"]);
    let mut first = Client::connect(&url);
    let answer = Client::refused(&url, "");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("Retry-After: 1"), "{answer}");
    first.send(&Frame::close(1000, ""));
    first.expect_close_and_end();
    Probe::new(["send", &url, "hi", "--retry", "10s"])
        .any_stderr()
        .stdout("hi\n")
        .status(0);
}

#[test]
fn a_header_without_end_is_refused_and_hurts_nobody() {
    let (_serving, url) = serve(&[]);
    let answer = plain_get(&url, &format!("X: {}\r\n", "x".repeat(70_000)));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let mut tcp =
        TcpStream::connect(url.trim_start_matches("ws://").trim_end_matches('/')).unwrap();
    tcp.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    Client::connect(&url);
}

#[test]
fn a_message_too_large_is_refused_by_its_header() {
    let (_serving, url) = serve(&["--max-size", "1k"]);
    let mut client = Client::connect(&url);
    client.send_raw(b"\x82\xff\0\0\0\0\x01\0\0\0\0\0\0\0");
    assert_eq!(
        client.frame().close_code().map(|(code, _)| code),
        Some(1009)
    );
}

#[test]
fn a_browser_gets_a_page_that_may_ask_for_nothing_else() {
    let (_serving, url) = serve(&[]);
    let answer = plain_get(&url, "");
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("Content-Type: text/html; charset=utf-8"),
        "{head}"
    );
    assert!(
        head.contains("Content-Security-Policy: default-src 'none'; "),
        "{head}"
    );
    let length = format!("Content-Length: {}", page.len());
    assert!(head.contains(&length), "{head}");
}

#[test]
fn a_certificate_made_for_the_occasion_is_for_this_machine_and_its_fingerprint_is_told() {
    let (mut serving, url) = serve(&["--self-signed"]);
    let line = serving.stderr_line("SHA-256");
    let fingerprint = line.rsplit(' ').next().unwrap();
    assert_eq!(fingerprint.split(':').count(), 32, "{line}");
    assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
    Probe::new(["send", &url, "hi", "-k"])
        .any_stderr()
        .stdout("hi\n")
        .status(0);
    Probe::new(["send", &url, "hi"])
        .stderr_has("self-signed")
        .stderr_has("wsprobe serve")
        .status(60);
}

#[test]
fn a_certificate_from_a_file_is_shown() {
    let certificate = Certificate::good();
    let probe = Probe::new(["serve", "0"]);
    let pem = probe.file("pair.pem", certificate.pem() + &certificate.key_pem());
    let mut serving = probe
        .args(["--cert", &pem])
        .any_stderr()
        .any_stdout()
        .spawn();
    let line = serving.stderr_line("listening on ");
    let url = line.rsplit(' ').next().unwrap().to_owned();
    let probe = Probe::new(["send", &url, "hi"]);
    let authority = probe.file("ca.pem", certificate.authority_pem());
    probe
        .args(["--cacert", &authority])
        .stdout("hi\n")
        .status(0);
    Probe::new(["send", &url.replace("wss", "ws"), "hi"])
        .stderr_has("wsprobe: ")
        .fails();
    Probe::new(["serve", "0", "--cert", "no/such/file"])
        .stderr_has("no/such/file")
        .status(26);
}

#[test]
fn a_unix_socket_is_served_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock");
    let shown = path.to_str().unwrap();
    let start = || {
        let mut serving = Probe::new(["serve", "--unix", shown, "--json"])
            .any_stdout()
            .spawn();
        let event: serde_json::Value = serde_json::from_str(&serving.line()).unwrap();
        (serving, event["url"].as_str().unwrap().to_owned())
    };
    let (mut serving, url) = start();
    assert_eq!(url, format!("ws+unix:{shown}:/"));
    Probe::new(["send", &url, "hi"]).stdout("hi\n").status(0);
    Probe::new(["serve", "--unix", shown])
        .stderr_has("in use")
        .status(7);
    serving.terminate();
    serving.status(143);
    assert!(!path.exists());
    // The socket of a killed server is replaced; a file that is not a socket is not.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let (mut serving, _) = start();
    assert!(UnixStream::connect(&path).is_ok());
    serving.terminate();
    serving.status(143);
    std::fs::write(&path, "precious").unwrap();
    Probe::new(["serve", "--unix", shown])
        .stderr_has("in use")
        .status(7);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_socket_that_took_the_place_of_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock");
    let mut serving = Probe::new(["serve", "--unix", path.to_str().unwrap()])
        .any_stderr()
        .spawn();
    serving.stderr_line("listening on ");
    std::fs::remove_file(&path).unwrap();
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    serving.terminate();
    serving.status(143);
    assert!(path.exists());
    drop(other);
}

#[test]
fn listening_for_other_machines_is_warned_of() {
    let mut serving = Probe::new(["serve", "0.0.0.0:0"])
        .any_stdout()
        .any_stderr()
        .spawn();
    let line = serving.stderr_line("listening on ");
    serving.stderr_line("warning: ");
    let mut client = Client::connect(line.rsplit(' ').next().unwrap());
    client.send(&Frame::text("hi"));
    assert_eq!(client.message(), Frame::text("hi"));
}

#[test]
fn all_addresses_of_both_families_can_be_listened_on() {
    let mut serving = Probe::new(["serve", "[::]:0"])
        .any_stdout()
        .any_stderr()
        .spawn();
    let line = serving.stderr_line("listening on ");
    let url = line.rsplit(' ').next().unwrap();
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    for host in ["[::1]", "127.0.0.1"] {
        let url = format!("ws://{host}:{port}/");
        Probe::new(["send", &url, "hi"]).stdout("hi\n").status(0);
    }
}

#[test]
fn a_client_that_says_nothing_holds_nobody_up_and_delays_no_interrupt() {
    let (mut serving, url) = serve(&[]);
    let authority = url.trim_start_matches("ws://").trim_end_matches('/');
    let _silent = TcpStream::connect(authority).unwrap();
    let mut client = Client::connect(&url);
    client.send(&Frame::close(1000, ""));
    client.expect_close_and_end();
    let begun = Instant::now();
    serving.interrupt();
    serving.status(130);
    assert!(begun.elapsed() < ms(1500), "{:?}", begun.elapsed());
}
