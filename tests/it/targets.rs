//! Every form of URL reaches its server and asks for its path.

use std::net::Ipv6Addr;

use crate::harness::{Probe, Server};

fn reaches(server: Server, url: &str, request_line: &str) {
    let server = server
        .accept()
        .expect_request_line(request_line)
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", url]).status(0);
    drop(server);
}

#[test]
fn the_path_and_the_query_are_kept_as_they_are() {
    let server = Server::new();
    let url = server.url_of("/a%20b/c;d?x=1&y=%2F&z=?/");
    reaches(server, &url, "GET /a%20b/c;d?x=1&y=%2F&z=?/ HTTP/1.1");
}

#[test]
fn a_url_without_a_path_asks_for_the_root() {
    let server = Server::new();
    let url = format!("ws://127.0.0.1:{}", server.port());
    reaches(server, &url, "GET / HTTP/1.1");
}

#[test]
fn a_query_without_a_path_asks_for_the_root_with_it() {
    let server = Server::new();
    let url = format!("ws://127.0.0.1:{}?room=7", server.port());
    reaches(server, &url, "GET /?room=7 HTTP/1.1");
}

#[test]
fn http_means_ws() {
    let server = Server::new();
    let url = format!("HTTP://127.0.0.1:{}/x", server.port());
    reaches(server, &url, "GET /x HTTP/1.1");
}

#[test]
fn a_loopback_address_needs_no_scheme() {
    let server = Server::new();
    let url = format!("127.0.0.1:{}/x?y", server.port());
    reaches(server, &url, "GET /x?y HTTP/1.1");
}

#[test]
fn localhost_needs_no_scheme() {
    let server = Server::new();
    let url = format!("localhost:{}", server.port());
    reaches(server, &url, "GET / HTTP/1.1");
}

#[test]
fn a_port_alone_means_localhost() {
    let server = Server::new();
    let url = format!(":{}/x", server.port());
    reaches(server, &url, "GET /x HTTP/1.1");
}

#[test]
fn a_bare_port_is_a_url_for_every_verb() {
    for verb in ["listen", "send", "ping", "connect"] {
        let server = Server::new().accept().close(4000, "").expect_close(4000);
        Probe::new([verb, &format!(":{}", server.port())])
            .any_stdout()
            .stderr_has("4000")
            .status(10);
    }
    let server = Server::new().refuse("404 Not Found", "", "");
    Probe::new(["check", &format!(":{}", server.port())])
        .stdout_has("404")
        .any_stderr()
        .status(1);
}

#[test]
fn an_ipv6_address_stands_in_brackets() {
    let Some(server) = Server::on(Ipv6Addr::LOCALHOST) else {
        eprintln!("skipped: this machine has no ::1");
        return;
    };
    let host = format!("[::1]:{}", server.port());
    let server = server
        .accept()
        .expect_header("Host", &[&host])
        .close(1000, "")
        .expect_close(1000)
        .accept()
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &format!("ws://{host}/")]).status(0);
    Probe::new(["listen", &host]).status(0);
    drop(server);
}

#[test]
fn characters_that_a_request_line_cannot_carry_are_escaped() {
    let server = Server::new();
    let url = server.url_of("/grüße?ü");
    reaches(server, &url, "GET /gr%C3%BC%C3%9Fe?%C3%BC HTTP/1.1");
}
