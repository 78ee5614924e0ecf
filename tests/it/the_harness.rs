//! Tests of the test tools: a server whose script was not played must fail its test.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::harness::{Client, Frame, Server, accept_key};

/// The message of the panic that `test` must end in.
fn failure_of(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("the server let it pass");
    *panic.downcast::<String>().expect("a panic with a message")
}

#[test]
fn a_server_that_no_client_came_to_fails_the_test() {
    let why = failure_of(|| drop(Server::new().accept()));
    assert!(why.contains("`accept` failed: no client came"), "{why}");
}

#[test]
fn a_server_with_steps_left_undone_fails_the_test() {
    let why = failure_of(|| {
        let server = Server::new().accept().expect_text("hi");
        drop(Client::connect(&server.url()));
    });
    assert!(why.contains("the client hung up"), "{why}");
}

#[test]
fn a_server_that_heard_something_else_fails_the_test() {
    let why = failure_of(|| {
        let server = Server::new().accept().expect_text("hi");
        Client::connect(&server.url()).send(&Frame::text("ho"));
    });
    assert!(
        why.contains(r#"Text("ho") came instead of Text("hi")"#),
        "{why}"
    );
}

#[test]
fn a_server_that_expected_nobody_fails_the_test_when_somebody_came() {
    let why = failure_of(|| {
        let server = Server::new().expect_nobody();
        drop(std::net::TcpStream::connect(("127.0.0.1", server.port())));
    });
    assert!(why.contains("a client connected"), "{why}");
}

#[test]
fn a_frame_without_a_mask_fails_the_test() {
    let why = failure_of(|| {
        let server = Server::new().accept().expect_text("hi");
        Client::connect(&server.url()).send_raw(b"\x81\x02hi");
    });
    assert!(why.contains("did not mask"), "{why}");
}

#[test]
fn frames_are_those_of_rfc_6455_section_5_7() {
    let hello = Frame::text("Hello");
    assert_eq!(hello.encode(None), b"\x81\x05Hello");
    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(hello.encode(Some([0x37, 0xfa, 0x21, 0x3d])), masked);
    assert_eq!(Frame::read(&mut &masked[..]).unwrap().0, hello);
    assert_eq!(hello.unfinished().encode(None), b"\x01\x05Hello");
    assert_eq!(
        Frame::binary([0; 256]).encode(None)[..4],
        *b"\x82\x7e\x01\x00"
    );
    assert_eq!(
        Frame::binary(vec![0; 65536]).encode(None)[..10],
        *b"\x82\x7f\0\0\0\0\0\x01\0\0"
    );
}

#[test]
fn the_accept_key_is_that_of_rfc_6455_section_1_3() {
    assert_eq!(
        accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
}
