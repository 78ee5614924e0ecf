//! Tests of the binary: streams, exit status, and the bytes on
//! the wire. One topic per file; each test name is a sentence.
//!
//! Tests that use signals, a terminal, Unix domain sockets or FIFOs run only on Unix.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg_attr(
    not(unix),
    allow(
        dead_code,
        unused_imports,
        reason = "some of it is for tests that need Unix"
    )
)]

mod harness;

#[cfg(unix)]
mod addresses;
mod architecture;
mod audit;
mod audit_handshake;
mod audit_probes;
mod backpressure;
mod check_blocks;
mod check_comeback;
#[cfg(unix)]
mod check_file;
mod check_flood;
mod check_http;
mod check_url;
mod close;
#[cfg(unix)]
mod comeback;
mod completions;
mod compression;
mod connect;
#[cfg(unix)]
mod credentials;
mod decode;
mod echo;
mod endpoints;
mod errors;
#[cfg(unix)]
mod events_schema;
mod examples;
mod expect;
mod generated;
mod handshake;
mod help;
#[cfg(unix)]
mod hostile;
mod http2;
mod import;
mod json;
mod listen;
mod mistakes;
#[cfg(unix)]
mod on_a_terminal;
mod output;
#[cfg(unix)]
mod picture;
#[cfg(unix)]
mod ping;
#[cfg(unix)]
mod ping_accuracy;
mod ping_messages;
#[cfg(unix)]
mod ping_openings;
#[cfg(unix)]
mod ping_replies;
#[cfg(unix)]
mod ping_verdict;
mod play;
mod proxy;
#[cfg(unix)]
mod proxy_command;
#[cfg(unix)]
mod random_commands;
#[cfg(unix)]
mod readme;
mod redirects;
mod reports;
mod resources;
mod schema_patterns;
#[cfg(unix)]
mod screen;
mod second_opinion;
mod secrets;
#[cfg(unix)]
mod secrets_everywhere;
mod send;
#[cfg(unix)]
mod send_input;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod serve_admission;
#[cfg(unix)]
mod serve_faults;
#[cfg(unix)]
mod serve_hostile;
mod serve_load;
#[cfg(unix)]
mod serve_modes;
#[cfg(unix)]
mod signals;
mod steps;
mod targets;
#[cfg(unix)]
mod terminal_safety;
mod the_harness;
mod tls;
mod usage;
