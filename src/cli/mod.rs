//! The command line, defined with clap: commands, options and arguments, without their behaviour. The doc
//! comments of this module are the texts of `--help` and of the man pages.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::bare_urls,
    reason = "help texts are shown in a terminal; their brackets are usage notation, not links"
)]
#![allow(
    missing_docs,
    reason = "doc comments here are help texts; one on a flattened group would replace the help of its command"
)]

mod proxy;
mod serve;
mod shared;
mod values;
mod verbs;

use clap::{Parser, Subcommand};

pub use proxy::{ProxyAccessArgs, ProxyArgs, ProxyRecordArgs, ProxyTimeArgs, ProxyVerdictArgs};
pub use serve::{
    AccessArgs, BadFrameName, BehaviourArgs, FaultArgs, ServeArgs, ServeFaultArgs, ServeLimitArgs,
    ServeMode, ServeOutputArgs,
};
pub use shared::{
    ColourChoice, CompressionArgs, HandshakeArgs, MessageArgs, NetworkArgs, OutputArgs,
    ReconnectArgs, SharedArgs, TimingArgs, TlsArgs, TlsVersion, VariableArgs,
};
pub use values::{BinaryOutput, HeaderArg, RuleArg, SubprotocolArg, subprotocol, user};
pub use verbs::{
    AuditArgs, CheckArgs, CompletionsArgs, ConnectArgs, EntryChoice, HelpArgs, ImportArgs,
    ListenArgs, PingArgs, SendArgs,
};

/// Test and debug WebSocket endpoints: interactively, in a pipe, in CI
///
/// wsprobe connects to WebSocket endpoints (RFC 6455). It prints messages to stdout and everything else
/// to stderr, and its exit status tells scripts what happened. It never loses, splits, merges or alters a
/// message, and every stage has a time limit.
#[derive(Debug, Parser)]
#[command(
    name = "wsprobe",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(max_term_width = 100, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    /// The command to run
    #[command(subcommand)]
    pub verb: Verb,
}

const AFTER_HELP: &str = "\
Examples:
  wsprobe connect                          interactive session with the built-in echo server
  wsprobe send echo: hello                 send a message, print the reply
  wsprobe listen wss://example.com/feed    print incoming messages
  wsprobe ping wss://example.com/          measure round-trip times
  wsprobe check wss://example.com/         check an endpoint, pass or fail
  wsprobe audit wss://example.com/         test a server against the standards
  wsprobe help exit-codes                  other topics: patterns, conversations, json, check-file";

/// The commands. clap builds the options of a command only when that command is used (`defer`).
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Verb {
    /// Interactive session
    ///
    /// Type a line and press Enter to send it; incoming messages are printed above the line being typed. A
    /// line that starts a JSON value continues until the JSON is complete. Tab completes, Ctrl-R searches the
    /// history, /help lists the commands. Without a URL, wsprobe connects to its built-in echo server. When
    /// stdin or stdout is not a terminal, it works as a duplex pipe: it sends each line of stdin and prints
    /// each message. After the end of stdin it continues until the server closes or no message arrives for
    /// --wait, then closes with 1000.
    Connect(ConnectArgs),
    /// Send messages, print the replies, exit
    ///
    /// Sends each MESSAGE, or each line of stdin if there is none, and waits for at least one reply per
    /// message (with --count, for exactly that many replies). A reply is never lost because stdin ended. If
    /// the server sends a greeting first, the greeting counts as a reply: use --expect or --count then. Exit
    /// status 0 means that all messages were sent and all replies received.
    Send(Box<SendArgs>),
    /// Print incoming messages
    ///
    /// Prints each message as it arrives until the server closes: text followed by a newline, binary
    /// unchanged.
    Listen(ListenArgs),
    /// Measure round-trip times
    ///
    /// Sends a ping frame every second and prints the round-trip time of each pong, then statistics; the
    /// short options are those of ping(8). Each ping has a unique payload, so that stray, late or repeated
    /// pongs are never counted. The clock starts when the frame is handed to the kernel and stops when the
    /// last byte of the pong has been read. Ctrl-C stops and prints the statistics; SIGQUIT (Ctrl-\) prints
    /// the statistics so far. Exit status 0 means that at least one pong was received, 1 that none was or
    /// that a --max limit was exceeded.
    ///
    /// The median is within 15 microseconds of what a minimal loop around the frame library measures, and
    /// network delay is measured to within 0.2 ms and 1 %. Messages between the pongs do not change that;
    /// with --json, where each message is an event, a hundred of them add 30 microseconds. While stdout is
    /// blocked with more than 1 MiB waiting for it, delayed replies are counted but not measured. Percentiles
    /// have three significant digits; mdev is the standard deviation, jitter the mean difference between
    /// consecutive times. Pings that are still unanswered at the end, but not for longer than twice the
    /// longest round trip, count neither as received nor as lost.
    Ping(PingArgs),
    /// Check an endpoint, or run check files: pass or fail
    ///
    /// For a URL, prints one line per check: handshake with timing, accept key, subprotocol, compression,
    /// certificate, ping, close. For check files (wsprobe-check-file(5)), runs each test and reports what
    /// failed and where. Exit status 0 means that all checks passed, 1 that one failed, 2 that the command
    /// line or a file is invalid and nothing was sent. The report states the causes.
    Check(CheckArgs),
    /// Audit a server: is it correct and safe?
    ///
    /// Runs some 100 probes, each on a connection of its own, and prints a line for each: what was sent, what came,
    /// and the section of the RFC behind it. Probes are harmless by default: no message above 64 KiB, at most 4
    /// connections at a time and 20 new ones per second. --intrusive adds large messages, many small frames, slow
    /// clients and frames that are known to have ended servers. Audit only servers that you are allowed to test.
    ///
    /// ✓ is as required, ✗ violates a MUST, ! violates a SHOULD or is a matter of policy, – could not be told, and the
    /// line says why. Exit status 0 means no ✗, 1 that there is at least one, 2 that the command line is invalid and
    /// nothing was sent. 'wsprobe help auditing' says what to change in the server for each finding.
    Audit(AuditArgs),
    /// Turn a recorded conversation into a check file
    ///
    /// Reads a HAR file with WebSocket messages (Chrome, mitmproxy, Playwright; Firefox writes none), lines of
    /// --log or --json, or a curl command ("Copy as cURL"), and prints a check file (wsprobe-check-file(5)). Each
    /// connection becomes a test. What changes from run to run becomes a variable, and a comment above the line
    /// says so; secrets become {{env.NAME}}. Exit status 2 means that FILE is not usable; nothing is printed then.
    Import(ImportArgs),
    /// Run a test server
    ///
    /// Accepts WebSocket connections and echoes every message unchanged; --mode and the fault options change
    /// that. A browser that opens its address gets a test page. On a terminal, prints one line per connection
    /// and message, and totals at the end.
    ///
    /// Without an address it listens on 127.0.0.1 only, and without --allow-origin it accepts web pages of
    /// this machine only. A client's request is limited to 10 s and 64 KiB.
    Serve(ServeArgs),
    /// Stand between clients and a server: show, record and judge what passes
    ///
    /// Each client that connects gets a connection of its own to URL. Messages pass unchanged, and so do pings,
    /// pongs, close frames, the subprotocol, cookies and refusals; a side that is lost is lost for the other one. A
    /// client's headers are sent on, except those of one hop; -H and the other handshake options replace headers of
    /// the same name. Each side negotiates its own compression. When the server cannot be reached, the client gets
    /// 502 (504 after --connect-timeout) with the reason, and the proxy goes on.
    ///
    /// stdout shows the messages of both sides: '< ' marks those of the server, '> ' those of the client. With
    /// --json, dir is in for the server and out for the client. The faults count the messages that are delivered to
    /// the client. Listening is as for serve: without an address on 127.0.0.1 only, and without --allow-origin for
    /// web pages of this machine only.
    Proxy(Box<ProxyArgs>),
    /// Print a completion script
    ///
    /// Save the script where your shell looks for completions, or source it.
    Completions(CompletionsArgs),
    /// Show help for a command, or a topic of the manual
    Help(HelpArgs),
}
