//! The command line: flags only. The doc comments here are the help and the manual.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::bare_urls,
    reason = "a help text is read in a terminal: its brackets are those of a usage line"
)]
#![allow(
    missing_docs,
    reason = "a doc comment here is a help text; a flattened group has none"
)]

mod serve;
mod shared;
mod values;
mod verbs;

use clap::{Parser, Subcommand};

pub use serve::{Admission, Bad, Behaviour, Faults, Mode, Serve, ServeLimits, ServeOutput};
pub use shared::{
    Compression, Handshake, Messages, Network, Output, Persistence, Shared, Timing, Tls,
    TlsVersion, When,
};
pub use values::GivenHeader;
pub use verbs::{Check, Completions, Connect, Help, Listen, Ping, Send};

/// Talk to a WebSocket endpoint: by hand, from a pipe, in CI
///
/// wsprobe connects to WebSocket endpoints (RFC 6455) and says exactly what happened: messages on
/// stdout, everything else on stderr, and an exit status that a script can rely on. It never loses,
/// splits, merges or alters a message, and every stage has a time limit.
#[derive(Debug, Parser)]
#[command(
    name = "wsprobe",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(max_term_width = 100, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

const AFTER_HELP: &str = "\
Examples:
  wsprobe connect                          try it: a session with the built-in echo server
  wsprobe send echo: hello                 send a message, print the reply
  wsprobe listen wss://example.com/feed    print what comes
  wsprobe ping wss://example.com/          round-trip times
  wsprobe check wss://example.com/         an endpoint's facts, each pass or fail
  wsprobe help exit-codes                  or patterns, json, check-file, environment";

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Connect(Connect),
    Send(Send),
    Listen(Listen),
    Ping(Ping),
    Check(Check),
    Serve(Serve),
    Completions(Completions),
    Help(Help),
}
