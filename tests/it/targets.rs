//! Every form of URL reaches its server and requests its path.

use std::net::Ipv6Addr;

use crate::harness::{Certificate, Probe, Server};

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
        let server = Server::new().refuse("404 Not Found", "", "");
        Probe::new([verb, &format!(":{}", server.port())])
            .any_stdout()
            .stderr_has("404")
            .status(22);
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

#[cfg(unix)]
#[test]
fn a_unix_socket_may_speak_tls() {
    let certificate = Certificate::good();
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let (cert, key) = (
        write("cert.pem", &certificate.pem()),
        write("key.pem", &certificate.key_pem()),
    );
    let authority = write("ca.pem", certificate.authority_pem());
    let socket = folder.path().join("socket").display().to_string();
    let mut serving = Probe::new(["serve", "--unix", &socket, "--cert", &cert, "--key", &key])
        .any_stderr()
        .spawn();
    serving.stderr_line(&format!("listening on wss+unix:{socket}:/"));
    for url in [
        format!("wss+unix:{socket}:/x"),
        format!("wss+unix://{socket}"),
    ] {
        Probe::new(["send", &url, "hi", "--cacert", &authority])
            .stdout("hi\n")
            .status(0);
    }
    Probe::new(["send", "wss://localhost/x", "hi", "--cacert", &authority])
        .args(["--unix-socket", &socket])
        .stdout("hi\n")
        .status(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_link_local_address_is_reached_through_its_zone() {
    // An address of this machine, if it has one: `fe80…` 04 40 20 80 eth0.
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let mut lines = table.lines().map(|line| line.split_whitespace());
    let found = lines.find_map(|mut words| {
        let digits = words.next().filter(|digits| digits.starts_with("fe80"))?;
        let index: u32 = u32::from_str_radix(words.next()?, 16).ok()?;
        let ip = std::net::Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?);
        Some((ip, index, words.nth(3)?.to_owned()))
    });
    let Some((ip, index, name)) = found else {
        eprintln!("skipped: this machine has no link-local address");
        return;
    };
    let address = std::net::SocketAddrV6::new(ip, 0, 0, index);
    let Ok(listener) = std::net::TcpListener::bind(address) else {
        eprintln!("skipped: {address} cannot be listened on");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    for zone in [
        format!("%25{name}"),
        format!("%{name}"),
        format!("%{index}"),
    ] {
        let request = std::thread::scope(|scope| {
            let request = scope.spawn(|| {
                let (stream, _) = listener.accept().unwrap();
                let lines = std::io::BufRead::lines(std::io::BufReader::new(&stream));
                let lines = lines.map_while(Result::ok);
                lines
                    .take_while(|line| !line.is_empty())
                    .collect::<Vec<_>>()
            });
            Probe::new(["listen", &format!("ws://[{ip}{zone}]:{port}/")])
                .any_stderr()
                .status(56);
            request.join().unwrap()
        });
        assert_eq!(request[1], format!("Host: [{ip}]:{port}"), "{zone}");
    }
}
