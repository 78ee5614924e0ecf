//! Proxies: their selection, the requests to them, and refusals.

use crate::harness::{Certificate, Nobody, Probe, Proxy, Server, ms};

fn echo() -> Server {
    Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .close_when_asked()
}

fn send(server: &Server, proxy: &str) -> Probe {
    Probe::new(["send", &server.url(), "hi", "--proxy", proxy])
}

#[test]
fn an_http_proxy_is_asked_to_connect() {
    let (server, proxy) = (echo(), Proxy::http());
    send(&server, &proxy.url("http")).stdout("ok\n").status(0);
    let asked = proxy.asked().concat();
    let line = format!("CONNECT 127.0.0.1:{} HTTP/1.1\r\n", server.port());
    assert!(asked.starts_with(&line), "{asked}");
    assert!(!asked.contains("Authorization"), "{asked}");
}

#[test]
fn an_http_proxy_gets_its_user_and_password() {
    let (server, proxy) = (echo(), Proxy::http());
    let url = format!("http://me:p%40ss-w0rd@127.0.0.1:{}", proxy.port());
    send(&server, &url)
        .args(["-v"])
        .stdout("ok\n")
        .stderr_has("proxy")
        .stderr_lacks("p%40ss-w0rd")
        .stderr_lacks("p@ss-w0rd")
        .status(0);
    let asked = proxy.asked().concat();
    let credentials = "Proxy-Authorization: Basic bWU6cEBzcy13MHJk\r\n";
    assert!(asked.contains(credentials), "{asked}");
}

#[test]
fn tls_goes_through_a_proxy() {
    let proxy = Proxy::http();
    let server = Server::tls(Certificate::good())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let output = Probe::new(["listen", "--json", &server.url()])
        .args(["--cacert", &server.authority()])
        .env("https_proxy", proxy.url("http"))
        .any_stdout()
        .status(0);
    let open = &output.events()[1];
    assert_eq!(open["proxy"], proxy.url("http"));
    assert!(open["timing"]["proxy_ms"].as_f64().unwrap() > 0.0, "{open}");
    assert!(proxy.asked().concat().contains("CONNECT localhost:"));
}

#[test]
fn an_https_proxy_is_spoken_to_in_tls() {
    let certificate = Certificate::good();
    let authority = certificate.authority_pem().to_owned();
    let (server, proxy) = (echo(), Proxy::https(certificate));
    let probe = send(&server, &format!("https://localhost:{}", proxy.port()));
    let file = probe.file("ca.pem", authority);
    probe.args(["--cacert", &file]).stdout("ok\n").status(0);
    assert!(proxy.asked().concat().starts_with("CONNECT "));
}

#[test]
fn an_https_proxy_with_an_unknown_certificate_is_60_and_named() {
    let proxy = Proxy::https(Certificate::good());
    Probe::new(["listen", "ws://127.0.0.1:9/"])
        .args(["--proxy", &format!("https://localhost:{}", proxy.port())])
        .stderr_has("the proxy https://localhost")
        .stderr_has("certificate")
        .status(60);
}

#[test]
fn socks5_takes_addresses_and_socks5h_names() {
    let server = echo()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .close_when_asked();
    let proxy = Proxy::socks();
    let url = format!("ws://localhost:{}/", server.port());
    Probe::new(["send", &url, "hi", "-4", "--proxy", &proxy.url("socks5")])
        .stdout("ok\n")
        .status(0);
    Probe::new(["send", &url, "hi", "--proxy", &proxy.url("socks5h")])
        .stdout("ok\n")
        .status(0);
    let port = server.port();
    let expected = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    assert_eq!(proxy.asked(), expected);
}

#[test]
fn socks5_logs_in() {
    let (server, proxy) = (echo(), Proxy::socks_with("me", "secret"));
    let url = |password: &str| format!("socks5h://me:{password}@127.0.0.1:{}", proxy.port());
    send(&server, &url("secret")).stdout("ok\n").status(0);
    send(&server, &url("wrong"))
        .stderr_has("user and password")
        .status(97);
    send(&server, &proxy.url("socks5h"))
        .stderr_has("user and password")
        .stderr_has("hint: ")
        .status(97);
}

#[test]
fn a_socks_reply_is_97_and_named() {
    for (reply, name) in [
        (2, "not allowed by ruleset"),
        (4, "host unreachable"),
        (5, "connection refused"),
    ] {
        let proxy = Proxy::socks_refusing(reply);
        Probe::new(["listen", "ws://127.0.0.1:9/"])
            .args(["--proxy", &proxy.url("socks5")])
            .stderr_has(name)
            .stderr_has(&proxy.url("socks5"))
            .status(97);
    }
}

#[test]
fn a_407_is_97_with_its_body_and_the_cure() {
    let proxy = Proxy::http_refusing(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
         Content-Length: 14\r\n\r\nwho are you, ?",
    );
    let args = [
        "listen",
        "ws://host.example/",
        "--proxy",
        &proxy.url("http"),
    ];
    Probe::new(args)
        .stderr_has("407 Proxy Authentication Required")
        .stderr_has("Proxy-Authenticate: Basic")
        .stderr_has("who are you")
        .stderr_has("USER:PASSWORD")
        .status(97);
    let events = Probe::new(args).args(["--json"]).any_stdout().any_stderr();
    let events = events.status(97).events();
    let error = events.last().unwrap();
    assert_eq!(error["event"], "error");
    assert_eq!(error["kind"], "proxy");
    assert_eq!(error["status"], 407);
    assert_eq!(error["retryable"], false);
}

#[test]
fn a_proxy_that_hangs_times_out_and_is_named_as_the_stage() {
    let proxy = Proxy::silent();
    for scheme in ["http", "socks5", "https"] {
        Probe::new(["listen", "ws://127.0.0.1:9/", "--connect-timeout", "300ms"])
            .args(["--proxy", &proxy.url(scheme)])
            .stderr_has("proxy")
            .at_least(ms(300))
            .within(ms(3000))
            .status(28);
    }
}

#[test]
fn a_proxy_that_speaks_something_else_is_97() {
    let socks = Proxy::socks();
    Probe::new(["listen", "ws://127.0.0.1:9/"])
        .args(["--proxy", &socks.url("http")])
        .stderr_has("socks")
        .within(ms(3000))
        .status(97);
    let server = Server::new()
        .connected()
        .send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .expect_hangup();
    Probe::new(["listen", "ws://127.0.0.1:9/"])
        .args(["--proxy", &format!("socks5://127.0.0.1:{}", server.port())])
        .stderr_has("does not speak SOCKS5")
        .status(97);
}

#[test]
fn a_proxy_that_is_not_there_is_7_and_named() {
    let nobody = Nobody::listens();
    let proxy = format!("http://127.0.0.1:{}", nobody.port());
    Probe::new(["listen", "ws://host.example/", "--proxy", &proxy])
        .stderr_has(&proxy)
        .stderr_has("refused")
        .status(7);
}

#[test]
fn a_bad_proxy_is_2_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    for (proxy, named) in [("gopher://p", "gopher"), ("socks5://p:99999", "99999")] {
        send(&server, proxy).stderr_has(named).status(2);
    }
    Probe::new(["listen", &server.url()])
        .env("http_proxy", "socks4://me:hunter22@p")
        .stderr_has("http_proxy")
        .stderr_lacks("hunter22")
        .status(2);
}

#[test]
fn the_environment_names_the_proxy_and_its_exceptions() {
    let nobody = Nobody::listens();
    let dead = format!("http://127.0.0.1:{}", nobody.port());
    let server = echo()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .close_when_asked()
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .close_when_asked();
    let hi = || Probe::new(["send", &server.url(), "hi"]);
    hi().env("http_proxy", &dead).any_stderr().status(7);
    hi().env("ALL_PROXY", &dead).any_stderr().status(7);
    hi().env("HTTP_PROXY", &dead).stdout("ok\n").status(0);
    hi().env("http_proxy", &dead)
        .env("NO_PROXY", "10.0.0.0/8,127.0.0.0/8")
        .stdout("ok\n")
        .status(0);
    hi().env("http_proxy", &dead)
        .args(["--proxy", ""])
        .stdout("ok\n")
        .status(0);
}

#[test]
fn the_built_in_server_is_never_behind_a_proxy() {
    let nobody = Nobody::listens();
    let dead = format!("http://127.0.0.1:{}", nobody.port());
    Probe::new(["send", "echo:", "hi", "--proxy", &dead])
        .env("ALL_PROXY", &dead)
        .stdout("hi\n")
        .status(0);
}
