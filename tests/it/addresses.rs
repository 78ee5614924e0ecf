//! The addresses of a name, and the one that wsprobe connects to.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::harness::{BlackHole, Nobody, Probe, Server, UnixDoor, ms};

fn closing() -> Server {
    Server::new().accept().close(1000, "").expect_close(1000)
}

#[test]
fn resolve_gives_a_name_its_address_and_keeps_the_host() {
    let server = Server::new();
    let host = format!("no-such-host.invalid:{}", server.port());
    let server = server
        .accept()
        .expect_header("Host", &[&host])
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &format!("ws://{host}/")])
        .args(["--resolve", &format!("{host}:127.0.0.1")])
        .status(0);
    drop(server);
}

#[test]
fn a_resolve_entry_that_does_not_parse_is_2() {
    for entry in ["host", "host:80", "host:80:name", "host:x:127.0.0.1"] {
        Probe::new(["listen", "ws://h/", "--resolve", entry])
            .stderr_has(entry)
            .status(2);
    }
}

#[test]
fn a_refusing_address_does_not_delay_the_next() {
    let server = closing();
    let host = format!("two.invalid:{}", server.port());
    Probe::new(["listen", &format!("ws://{host}/")])
        .args(["--resolve", &format!("{host}:127.0.0.7,127.0.0.1")])
        .within(ms(2000))
        .status(0);
}

#[test]
fn a_silent_address_is_given_a_quarter_of_a_second() {
    let server = closing();
    let Some(_hole) = BlackHole::dig_at(([127, 0, 0, 7], server.port()).into()) else {
        eprintln!("skipped: this kernel takes connections beyond a backlog");
        return;
    };
    let host = format!("two.invalid:{}", server.port());
    Probe::new(["listen", &format!("ws://{host}/")])
        .args(["--resolve", &format!("{host}:127.0.0.7,127.0.0.1")])
        .at_least(ms(250))
        .within(ms(2000))
        .status(0);
}

#[test]
fn every_address_is_named_when_all_fail() {
    let nobody = Nobody::listens();
    let host = format!("two.invalid:{}", nobody.port());
    Probe::new(["listen", &format!("ws://{host}/")])
        .args(["--resolve", &format!("{host}:127.0.0.7,127.0.0.1")])
        .stderr_has(&format!("127.0.0.7:{}: Connection refused", nobody.port()))
        .stderr_has(&format!("127.0.0.1:{}: Connection refused", nobody.port()))
        .status(7);
}

#[test]
fn a_family_may_be_chosen() {
    let server = closing();
    let url = format!("ws://localhost:{}/", server.port());
    Probe::new(["listen", "-4", "-v", &url])
        .stderr_has("resolved to 127.0.0.1\n")
        .status(0);
    Probe::new(["listen", "-6", "ws://127.0.0.1:9/"])
        .stderr_has("no IPv6 address")
        .status(6);
    if let Some(server) = Server::on(Ipv6Addr::LOCALHOST) {
        let server = server.accept().close(1000, "").expect_close(1000);
        let url = format!("ws://localhost:{}/", server.port());
        Probe::new(["listen", "-6", &url]).status(0);
    }
}

#[test]
fn the_local_address_may_be_chosen() {
    let server = Server::on(Ipv4Addr::UNSPECIFIED)
        .unwrap()
        .accept()
        .expect_client_address("127.0.0.9")
        .close(1000, "")
        .expect_close(1000);
    let url = format!("ws://127.0.0.1:{}/", server.port());
    Probe::new(["listen", &url, "--interface", "127.0.0.9"]).status(0);
    Probe::new(["listen", &url, "--interface", "192.0.2.77"])
        .stderr_has("192.0.2.77")
        .status(7);
    Probe::new(["listen", &url, "--interface", "nope0"])
        .stderr_has("cannot connect from nope0")
        .status(7);
    Probe::new(["listen", &url, "--interface", "no/such"])
        .stderr_has("expected an IP address or the name of a network interface")
        .status(2);
    drop(server);
    // Where it would not be used, it must exist, too.
    for url in ["echo:", "ws+unix:/no/such.sock:/"] {
        Probe::new(["listen", url, "--interface", "nope0", "--for", "1"])
            .stderr_has("cannot connect from nope0")
            .status(7);
    }
    Probe::new(["send", "echo:", "--interface", "127.0.0.1", "hi"])
        .stdout("hi\n")
        .status(0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_local_interface_may_be_chosen_by_its_name() {
    let server = Server::new().accept().close(1000, "").expect_close(1000);
    Probe::new(["listen", &server.url(), "--interface", "lo"]).status(0);
}

#[test]
fn a_unix_socket_may_stand_for_any_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let server = Server::new()
        .accept()
        .expect_header("Host", &["api.example"])
        .expect_request_line("GET /x HTTP/1.1")
        .close(1000, "")
        .expect_close(1000)
        .accept()
        .expect_request_line("GET /uri?q HTTP/1.1")
        .close(1000, "")
        .expect_close(1000);
    let door = UnixDoor::to(server.port(), &path, 2);
    let path = path.to_str().unwrap();
    Probe::new(["listen", "ws://api.example/x", "--unix-socket", path]).status(0);
    Probe::new(["listen", &format!("ws+unix:{path}:/uri?q")]).status(0);
    Probe::new(["listen", "ws+unix:/no/such.sock:/"])
        .stderr_has("/no/such.sock")
        .status(7);
    drop((door, server));
}
