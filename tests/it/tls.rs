//! wss: which certificates are taken, and how TLS fails.

use crate::harness::{Certificate, Frame, Probe, Server, ms};

/// Presents a certificate that must not be accepted even when its authority is trusted.
fn not_accepted(certificate: Certificate, named: &str) {
    let server = Server::tls(certificate).expect_tls_failure();
    Probe::new(["listen", &server.url(), "--cacert", &server.authority()])
        .stderr_has("wsprobe: ")
        .stderr_has(&server.url())
        .stderr_has("certificate")
        .stderr_has(named)
        .stderr_has("hint: ")
        .within(ms(5000))
        .status(60);
}

#[test]
fn a_certificate_of_a_given_authority_is_accepted() {
    let server = Server::tls(Certificate::good())
        .accept()
        .expect_text("hi")
        .send_text("ok")
        .close_when_asked();
    Probe::new(["send", &server.url(), "hi", "--cacert", &server.authority()])
        .stdout("ok\n")
        .stderr("")
        .status(0);
}

#[test]
fn a_certificate_may_name_an_address() {
    let server = Server::tls(Certificate::good())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let url = format!("https://127.0.0.1:{}/", server.port());
    Probe::new(["listen", &url, "--cacert", &server.authority()]).status(0);
}

#[test]
fn ssl_cert_file_names_a_trust_store() {
    let server = Server::tls(Certificate::good())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url()])
        .env("SSL_CERT_FILE", server.authority())
        .status(0);
}

#[test]
fn an_unknown_authority_is_60_and_the_hint_names_cacert() {
    let server = Server::tls(Certificate::good()).expect_tls_failure();
    Probe::new(["listen", &server.url()])
        .stderr_has("wsprobe: ")
        .stderr_has(&server.url())
        .stderr_has("--cacert")
        .status(60);
}

#[test]
fn a_self_signed_certificate_is_60() {
    not_accepted(Certificate::self_signed(), "--insecure");
}

#[test]
fn an_expired_certificate_is_60_and_says_so() {
    not_accepted(Certificate::expired(), "expired");
}

#[test]
fn a_certificate_for_another_host_is_60_and_names_that_host() {
    not_accepted(Certificate::for_another_host(), "other.example");
}

#[test]
fn insecure_takes_any_certificate_with_a_warning() {
    let certificates = [
        Certificate::good(),
        Certificate::self_signed(),
        Certificate::expired(),
        Certificate::for_another_host(),
    ];
    for certificate in certificates {
        let server = Server::tls(certificate)
            .accept()
            .expect_text("hi")
            .send_text("ok")
            .close_when_asked();
        Probe::new(["send", "-k", &server.url(), "hi"])
            .stdout("ok\n")
            .stderr_has("warning")
            .stderr_has("certificate")
            .status(0);
    }
}

#[test]
fn a_port_that_does_not_speak_tls_is_35() {
    let server = Server::new()
        .connected()
        .expect_anything()
        .send_raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        .drop_tcp();
    let url = format!("wss://127.0.0.1:{}/", server.port());
    Probe::new(["listen", &url])
        .stderr_has(&url)
        .stderr_has("TLS")
        .within(ms(5000))
        .status(35);
}

#[test]
fn a_peer_that_leaves_during_its_hello_is_35() {
    let server = Server::new().connected().expect_anything().drop_tcp();
    let url = format!("wss://127.0.0.1:{}/", server.port());
    Probe::new(["listen", &url]).stderr_has(&url).status(35);
}

#[test]
fn a_silent_port_times_out_and_names_the_stage() {
    let server = Server::new().connected().silent();
    let url = format!("wss://127.0.0.1:{}/", server.port());
    Probe::new(["listen", &url, "--connect-timeout", "300ms"])
        .stderr_has(&url)
        .stderr_has("TLS")
        .at_least(ms(300))
        .within(ms(3000))
        .status(28);
}

#[test]
fn a_missing_close_notify_after_the_closing_handshake_is_clean() {
    let server = Server::tls(Certificate::good())
        .accept()
        .expect_text("hi")
        .send_frames(&[Frame::text("ok"), Frame::close(1000, "")])
        .expect_close(1000)
        .drop_tcp();
    Probe::new(["send", &server.url(), "hi", "--cacert", &server.authority()])
        .stdout("ok\n")
        .stderr("")
        .status(0);
}

#[test]
fn the_end_of_tcp_without_any_goodbye_is_56() {
    let server = Server::tls(Certificate::good())
        .accept()
        .send_text("one")
        .drop_tcp();
    Probe::new(["listen", &server.url(), "--cacert", &server.authority()])
        .stdout("one\n")
        .stderr_has(&server.url())
        .status(56);
}

#[test]
fn large_messages_go_both_ways() {
    let large = "0123456789".repeat(100_000);
    let server = Server::tls(Certificate::good())
        .accept()
        .echo_until_closed();
    Probe::new(["send", &server.url(), "--cacert", &server.authority()])
        .stdin(format!("{large}\n"))
        .stdout(format!("{large}\n"))
        .status(0);
}

#[test]
fn a_trust_store_that_is_missing_is_26_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    let url = format!("wss://127.0.0.1:{}/", server.port());
    Probe::new(["listen", &url, "--cacert", "no/such.pem"])
        .stderr_has("no/such.pem")
        .status(26);
}

#[test]
fn a_trust_store_without_a_certificate_is_58_before_the_first_packet() {
    let server = Server::new().expect_nobody();
    let url = format!("wss://127.0.0.1:{}/", server.port());
    let probe = Probe::new(["listen", &url]);
    let file = probe.file("empty.pem", "not a certificate\n");
    probe
        .args(["--cacert", &file])
        .stderr_has("empty.pem")
        .status(58);
}

#[test]
fn verbose_shows_version_cipher_and_certificate() {
    let server = Server::tls(Certificate::good())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    Probe::new([
        "listen",
        &server.url(),
        "-v",
        "--cacert",
        &server.authority(),
    ])
    .stderr_has("1.3")
    .stderr_has("AES")
    .status(0);
}
