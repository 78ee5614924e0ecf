//! wss: which certificates are taken, and how TLS fails.

use std::fs;

use crate::harness::{Certificate, ClientCertificate, Frame, Probe, Server, ms};

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
        Certificate::of_version_1(),
        Certificate::of_version_1().only_tls_1_2(),
        Certificate::with_an_unknown_critical_extension(),
        Certificate::with_a_common_name_alone(),
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
            .stderr_lacks("Other(")
            .status(0);
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_in_words() {
    let table = [
        (
            Certificate::of_version_1(),
            "localhost",
            "it is an X.509 v1 certificate, but version 3 is required",
        ),
        (
            Certificate::with_an_unknown_critical_extension(),
            "localhost",
            "it has a critical extension that is not supported",
        ),
        (
            Certificate::with_a_common_name_alone(),
            "localhost",
            "it has no subjectAltName (the common name is not used)",
        ),
        (
            Certificate::for_dns_names(&["127.0.0.1"]),
            "127.0.0.1",
            "it contains 127.0.0.1 as a DNS name, not as an IP address",
        ),
        (
            Certificate::for_dns_names(&["*.localhost"]),
            "a.localhost",
            "a wildcard needs at least two labels after it",
        ),
        (
            Certificate::for_dns_names(&["*.example.localhost"]),
            "a.b.example.localhost",
            "the wildcard in *.example.localhost matches exactly one label",
        ),
        (Certificate::self_signed(), "localhost", "it is self-signed"),
    ];
    for (certificate, host, why) in table {
        let server = Server::tls(certificate).expect_tls_failure();
        let url = format!("wss://{host}:{}/", server.port());
        Probe::new(["listen", &url, "--cacert", &server.authority()])
            .args(["--resolve", &format!("*:{}:127.0.0.1", server.port())])
            .stderr_has(why)
            .stderr_has("hint: ")
            .status(60);
    }
}

#[test]
fn a_trust_store_of_the_environment_that_is_not_there_is_named() {
    for (file, folder, named) in [
        (
            Some("/nope"),
            Some("/tmp"),
            "SSL_CERT_FILE: cannot read /nope",
        ),
        (Some("/nope"), None, "SSL_CERT_FILE: cannot read /nope"),
        (None, Some("/nope"), "SSL_CERT_DIR: cannot read /nope"),
    ] {
        let server = Server::tls(Certificate::good()).expect_tls_failure();
        let mut probe = Probe::new(["listen", &server.url()]);
        for (name, value) in [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)] {
            if let Some(value) = value {
                probe = probe.env(name, value);
            }
        }
        probe.stderr_has(named).status(60);
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

#[test]
fn an_error_says_what_was_presented() {
    let server = Server::tls(Certificate::expired()).expect_tls_failure();
    Probe::new(["listen", &server.url(), "--cacert", &server.authority()])
        .stderr_has("days ago, on 2020-01-01")
        .stderr_has("names: localhost, 127.0.0.1")
        .stderr_has("issuer: CN=wsprobe test authority")
        .stderr_has("valid: 2019-01-01 to 2020-01-01")
        .status(60);
    let server = Server::tls(Certificate::for_another_host()).expect_tls_failure();
    let events = Probe::new(["listen", "--json", &server.url()])
        .args(["--cacert", &server.authority()])
        .any_stdout()
        .any_stderr()
        .status(60)
        .events();
    let error = events.last().unwrap();
    assert_eq!(error["kind"], "cert");
    assert_eq!(error["tls"]["sans"], serde_json::json!(["other.example"]));
}

#[test]
fn servername_is_what_the_certificate_is_checked_against() {
    let server = Server::tls(Certificate::for_another_host())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    Probe::new(["listen", &server.url(), "--cacert", &server.authority()])
        .args(["--servername", "other.example"])
        .status(0);
    Probe::new(["listen", "wss://h/", "--servername", "no name"])
        .stderr_has("no name")
        .status(2);
}

#[test]
fn the_very_certificate_may_be_trusted() {
    let certificate = Certificate::self_signed();
    let pem = certificate.pem();
    let server = Server::tls(certificate)
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let probe = Probe::new(["listen", &server.url()]);
    let file = probe.file("server.pem", pem);
    probe.args(["--cacert", &file]).status(0);
}

#[test]
fn a_client_certificate_is_shown_to_those_who_want_one() {
    let client = ClientCertificate::new();
    let server = Server::tls(Certificate::good().only_for(&client))
        .accept()
        .close(1000, "")
        .expect_close(1000)
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let probe = || Probe::new(["listen", &server.url(), "--cacert", &server.authority()]);
    let two_files = probe();
    let certificate = two_files.file("cert.pem", &client.certificate);
    let key = two_files.file("key.pem", &client.key);
    two_files
        .args(["--cert", &certificate, "--key", &key])
        .status(0);
    let one_file = probe();
    let both = one_file.file("both.pem", format!("{}{}", client.key, client.certificate));
    one_file.args(["--cert", &both]).status(0);
}

#[test]
fn a_missing_client_certificate_is_35_and_the_hint_names_cert() {
    let client = ClientCertificate::new();
    let server = Server::tls(Certificate::good().only_for(&client)).expect_tls_failure();
    Probe::new(["listen", &server.url(), "--cacert", &server.authority()])
        .stderr_has("--cert")
        .status(35);
}

#[test]
fn an_own_certificate_that_cannot_be_used_is_58_before_the_first_packet() {
    let client = ClientCertificate::new();
    let other = ClientCertificate::new();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let server = Server::new().expect_nobody();
    for (key, named) in [
        (other.key.as_str(), "does not match"),
        (encrypted, "encrypted"),
        (old, "encrypted"),
        ("nonsense", "does not contain a PEM private key"),
        (&client.certificate, "does not contain a PEM private key"),
    ] {
        let probe = Probe::new(["listen", &server.url(), "--passphrase", "x"]);
        let certificate = probe.file("cert.pem", &client.certificate);
        let key = probe.file("key.pem", key);
        probe
            .args(["--cert", &certificate, "--key", &key])
            .stderr_has(named)
            .stderr_has("key.pem")
            .status(58);
    }
    Probe::new(["listen", &server.url(), "--cert", "no/such.pem"])
        .stderr_has("no/such.pem")
        .status(26);
    Probe::new(["listen", &server.url(), "--key", "no/such.pem"])
        .stderr_has("--cert")
        .status(2);
}

#[test]
fn tls_1_2_may_be_too_old() {
    let server = Server::tls(Certificate::good().only_tls_1_2())
        .accept()
        .close(1000, "")
        .expect_close(1000)
        .expect_tls_failure();
    let probe = || Probe::new(["listen", &server.url(), "--cacert", &server.authority()]);
    probe().args(["-v"]).stderr_has("TLSv1.2").status(0);
    probe()
        .args(["--tls-min", "1.3"])
        .stderr_has("--tls-min")
        .status(35);
}

#[test]
fn keys_are_logged_where_sslkeylogfile_says() {
    let server = Server::tls(Certificate::good())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("keys");
    Probe::new(["listen", &server.url(), "--cacert", &server.authority()])
        .env("SSLKEYLOGFILE", &log)
        .status(0);
    let keys = fs::read_to_string(&log).unwrap();
    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0"), "{keys}");
    Probe::new(["listen", "wss://h/"])
        .env("SSLKEYLOGFILE", "no/such/folder/keys")
        .stderr_has("SSLKEYLOGFILE")
        .status(23);
}

#[test]
fn a_trust_store_of_the_environment_that_is_missing_is_named() {
    let server = Server::tls(Certificate::good()).expect_tls_failure();
    Probe::new(["listen", &server.url()])
        .env("SSL_CERT_FILE", "/no/such/store.pem")
        .stderr_has("/no/such/store.pem")
        .status(60);
}

#[test]
fn a_refused_handshake_names_the_alert_and_the_limits() {
    // The alerts handshake_failure, unknown_ca and one that has no name (RFC 8446 §6).
    let table: [(&[u8], &str, &str); 3] = [
        (
            b"\x15\x03\x03\x00\x02\x02\x28",
            "refused the TLS handshake: handshake_failure",
            "does not support RSA key exchange, CBC cipher suites or P-521 certificates",
        ),
        (
            b"\x15\x03\x03\x00\x02\x02\x30",
            "refused the TLS handshake: unknown_ca",
            "--cert",
        ),
        (
            b"\x15\x03\x03\x00\x02\x02\x07",
            "refused the TLS handshake: 7",
            "",
        ),
    ];
    for (alert, named, hint) in table {
        let server = Server::new()
            .connected()
            .expect_anything()
            .send_raw(alert)
            .drop_tcp();
        let url = format!("wss://127.0.0.1:{}/", server.port());
        Probe::new(["listen", &url])
            .stderr_has(named)
            .stderr_has(hint)
            .status(35);
    }
}

#[cfg(unix)]
#[test]
fn a_trust_store_may_be_a_pipe_and_no_device_without_end() {
    let server = Server::tls(Certificate::good())
        .accept()
        .close(1000, "")
        .expect_close(1000);
    let probe = Probe::new(["listen", &server.url()]);
    let (pipe, pem) = (probe.fifo("store"), server.authority());
    let written = pipe.clone();
    std::thread::spawn(move || fs::write(written, fs::read(pem).unwrap()));
    probe.env("SSL_CERT_FILE", pipe).status(0);
    let server = Server::tls(Certificate::good()).expect_tls_failure();
    Probe::new(["listen", &server.url()])
        .env("SSL_CERT_FILE", "/dev/zero")
        .stderr_has("SSL_CERT_FILE: cannot read /dev/zero: larger than")
        .within(ms(8000))
        .status(60);
}
