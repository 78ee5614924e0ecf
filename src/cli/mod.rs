//! The command line: flags only. The doc comments here are the help and the manual.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::bare_urls,
    reason = "a help text is read in a terminal: its brackets are those of a usage line"
)]
#![allow(
    missing_docs,
    reason = "a doc comment here is a help text; that of a flattened group would take the place of its verb's"
)]

mod serve;
mod shared;
mod values;
mod verbs;

use clap::{Parser, Subcommand};

pub use serve::{
    AccessArgs, BadFrameName, BehaviourArgs, FaultArgs, ServeArgs, ServeLimitArgs, ServeMode,
    ServeOutputArgs,
};
pub use shared::{
    ColourChoice, CompressionArgs, HandshakeArgs, MessageArgs, NetworkArgs, OutputArgs,
    ReconnectArgs, SharedArgs, TimingArgs, TlsArgs, TlsVersion,
};
pub use values::{HeaderArg, SubprotocolArg, subprotocol, user};
pub use verbs::{
    CheckArgs, CompletionsArgs, ConnectArgs, HelpArgs, ListenArgs, PingArgs, SendArgs,
};

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

/// The verbs, and what each is for; their flags are defined only for the one that is called.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Verb {
    /// Talk by hand: an interactive session
    ///
    /// Type a line to send it; what comes is printed above the line being typed. JSON goes on over lines
    /// until it is complete, Tab completes, Ctrl-R searches what was typed before, /help shows the
    /// commands. Without a URL it talks to a built-in echo server. When stdin or stdout is no terminal, it is
    /// a duplex pipe: each line of stdin is sent, each message printed, and after the end of stdin it goes on
    /// until the server closes or nothing has come for --wait, then closes with 1000.
    Connect(ConnectArgs),
    /// Send messages, print the replies, exit
    ///
    /// Sends each MESSAGE, or without one each line of stdin, and waits for at least one reply per message
    /// (exactly --count replies, if given). A reply is never lost because stdin ended. A server that greets
    /// first satisfies the plain count with its greeting: then say --expect or --count. Exit status 0 means that all was
    /// sent and all replies came.
    Send(SendArgs),
    /// Print what comes
    ///
    /// Prints each message as it arrives until the server closes: text with a newline, binary as it is.
    Listen(ListenArgs),
    /// Measure round-trip times
    ///
    /// Sends a ping frame every second and prints the time of each pong, then statistics; the letters are
    /// those of ping(8). Each ping has its own payload, so that a stray, late or repeated pong is never
    /// counted. The clock starts when the frame is handed to the kernel and stops when the last byte of the
    /// pong was read. Ctrl-C ends it with the statistics, SIGQUIT (Ctrl-\) shows how it stands. Exit status 0
    /// means that at least one pong came, 1 that none did or that a --max limit was broken.
    ///
    /// The median is within 15 microseconds of what a loop of nothing but the frame library measures, and a
    /// delay on the way is measured within 0.2 ms and 1 %. Messages between the pongs do not change that; with
    /// --json, where each of them is an event, they add 30 microseconds for a hundred. Once stdout is blocked and
    /// 1 MiB waits for it, replies that had to wait here are counted and not measured. Percentiles are true to three digits; mdev is
    /// the standard deviation, jitter the mean difference from one time to the next. Replies that were still
    /// under way at the end, and for no longer than twice the longest round trip, are neither received nor
    /// lost.
    Ping(PingArgs),
    /// Probe an endpoint, or run scripted conversations: pass or fail
    ///
    /// For a URL it prints a line a fact: the handshake and its times, accept key, subprotocol, compression,
    /// certificate, ping, close. For check files (wsprobe-check-file(5)) it runs each test and says what went
    /// wrong where. Exit status 0 means that all passed, 1 that something failed, 2 that the command line or a
    /// file is wrong and nothing was sent. The causes are in the report.
    Check(CheckArgs),
    /// A server to test against
    ///
    /// Accepts WebSocket connections and sends every message back as it came, or does what --mode and the
    /// faults say. A browser that opens its address gets a page that talks to it. On a terminal it prints a
    /// line per connection and message, and totals at the end.
    ///
    /// It listens for this machine alone unless an address is given, and lets in the web pages of this
    /// machine alone unless --allow-origin is given. A client has 10 s and 64 KiB for its request.
    Serve(ServeArgs),
    /// Print a completion script
    ///
    /// Write it where your shell looks for completions, or source it.
    Completions(CompletionsArgs),
    /// Show the help of a verb, or a chapter of the manual
    Help(HelpArgs),
}
