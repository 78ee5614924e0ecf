//! The contract of the command line, held against the binary: streams, exit status, and what is on
//! the wire. One file, one topic; each test name is a sentence.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod harness;

mod addresses;
mod architecture;
mod backpressure;
mod check_comeback;
mod check_file;
mod check_url;
mod close;
mod comeback;
mod completions;
mod compression;
mod connect;
mod credentials;
mod echo;
mod errors;
mod events_schema;
mod expect;
mod generated;
mod handshake;
mod help;
mod hostile;
mod http2;
mod json;
mod listen;
mod mistakes;
mod on_a_terminal;
mod output;
mod ping;
mod ping_accuracy;
mod ping_messages;
mod ping_openings;
mod ping_replies;
mod ping_verdict;
mod proxy;
mod readme;
mod redirects;
mod reports;
mod screen;
mod second_opinion;
mod secrets;
mod secrets_everywhere;
mod send;
mod send_input;
mod serve;
mod serve_admission;
mod serve_faults;
mod serve_hostile;
mod serve_load;
mod serve_modes;
mod signals;
mod targets;
mod terminal_safety;
mod the_harness;
mod tls;
mod usage;
