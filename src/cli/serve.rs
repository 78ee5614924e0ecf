//! The options of `serve`: message handling, faults, access control, limits, output.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::shared::ColourChoice;
use super::values::{allowed_origin, close_reason, report_file, subprotocol};
use crate::server::config::Delay;
use crate::units;

const SERVE_EXAMPLES: &str = "\
Examples:
  wsprobe serve 8080                       echo server, test page at http://127.0.0.1:8080/
  wsprobe serve 0 --json | jq -r .url      any free port
  wsprobe serve 8080 --mode broadcast      a chat room
  wsprobe serve 8443 --self-signed         wss with a generated certificate
  wsprobe serve 8080 --close-after 3 --close-code 1012   does the client reconnect?
  wsprobe serve 8080 --bad utf8            does the client detect it?
  wsprobe serve 8080 --play chat.wst       the server of a recorded conversation";

#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArgs {
    /// Address to listen on (default 127.0.0.1); port 0 picks a free port
    #[arg(value_name = "[ADDRESS:]PORT", required_unless_present = "unix")]
    pub address: Option<String>,

    /// Listen on a Unix domain socket instead
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "address")]
    pub unix: Option<PathBuf>,

    #[command(flatten)]
    pub behaviour: BehaviourArgs,
    #[command(flatten)]
    pub refusals: ServeFaultArgs,
    #[command(flatten)]
    pub faults: FaultArgs,
    #[command(flatten)]
    pub admission: AccessArgs,
    #[command(flatten)]
    pub limits: ServeLimitArgs,
    #[command(flatten)]
    pub output: ServeOutputArgs,
}

// How a server handles messages.
#[derive(Debug, Args)]
pub struct BehaviourArgs {
    /// How to handle messages
    #[arg(long, value_enum, default_value_t = ServeMode::Echo)]
    pub mode: ServeMode,

    /// Send MESSAGE first to every client (or @FILE, env:NAME)
    #[arg(long, value_name = "MESSAGE", allow_hyphen_values = true)]
    pub greeting: Option<String>,

    /// Answer every message with MESSAGE instead of its echo
    #[arg(long, value_name = "MESSAGE", allow_hyphen_values = true)]
    pub reply: Option<String>,

    /// Play the server's side of a check file: await what it sends, send what it awaits
    ///
    /// The n-th connection plays the n-th test, then they start again. A client that deviates is closed with 1008,
    /// and stderr names the line and the nearest message. A pattern that is not a message by itself needs a line
    /// 'sample MESSAGE' after it. See wsprobe-check-file(5).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["mode", "greeting", "reply", "subprotocols", "status"])]
    pub play: Option<PathBuf>,

    /// End after the last test of --play: exit 0, or 1 if a client deviated
    #[arg(long, requires = "play")]
    pub once: bool,

    /// Supported subprotocol (repeatable, or separated by commas)
    ///
    /// The server chooses the first one of the client's offer that it supports; without this option, the
    /// first of the offer.
    #[arg(short, long = "subprotocol", alias = "protocol", value_name = "NAME", value_delimiter = ',', value_parser = subprotocol)]
    pub subprotocols: Vec<String>,

    /// Do not accept permessage-deflate
    #[arg(long, hide_short_help = true)]
    pub no_compress: bool,
}

/// How a server handles messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServeMode {
    /// Send every message back
    Echo,
    /// Send every message to all clients, including its sender
    Broadcast,
    /// Read and count messages; report each connection on stdout
    Sink,
    /// Read and never answer
    Silent,
}

// Faults of a server that a proxy does not have.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults for testing clients")]
pub struct ServeFaultArgs {
    /// Refuse every handshake with this HTTP status
    ///
    /// A correct client reports it and retries only after 408, 425, 429 or 5xx, with increasing delays and not before Retry-After.
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(200..=599))]
    pub status: Option<u16>,

    /// Do not answer pings
    ///
    /// A correct client that sends pings ends the connection.
    #[arg(long)]
    pub no_pong: bool,
}

// Faults for testing clients. A server counts the messages that it has answered, a proxy those that it has delivered
// to the client.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults for testing clients")]
pub struct FaultArgs {
    /// Close after N messages
    ///
    /// A correct client answers the close frame and reconnects only after 1001, 1006 and 1011 to 1014.
    #[arg(long, value_name = "N")]
    pub close_after: Option<u64>,

    /// Close code of --close-after; may be an invalid one
    ///
    /// A code that must not be sent (1005, 1006, 5000) violates the protocol; a correct client answers with 1002.
    #[arg(
        long,
        value_name = "CODE",
        default_value = "1000",
        requires = "close_after"
    )]
    pub close_code: u16,

    /// Close reason of --close-after, at most 123 bytes
    #[arg(long, value_name = "TEXT", default_value = "", requires = "close_after", value_parser = close_reason, hide_default_value = true, hide_short_help = true)]
    pub close_reason: String,

    /// Delay each message to the client by TIME, or by a random time in a range
    ///
    /// A correct client has a time limit and does not mix up late answers.
    #[arg(long, value_name = "TIME[..TIME]", value_parser = Delay::parse)]
    pub delay: Option<Delay>,

    /// Close the TCP connection without a close frame after N messages
    ///
    /// A correct client reports 1006 and reconnects.
    #[arg(long, value_name = "N")]
    pub drop_after: Option<u64>,

    /// Stop reading and writing after N messages
    ///
    /// The connection stays open. A correct client detects this by pings or a time limit, and its queue is bounded.
    #[arg(long, value_name = "N")]
    pub stall_after: Option<u64>,

    /// Send a frame that violates the protocol
    ///
    /// A correct client closes at once, with 1007 for utf8 and 1002 for the others.
    #[arg(long, value_name = "HOW", value_enum)]
    pub bad: Option<BadFrameName>,

    /// Send the frame of --bad after N messages; 0 sends it right after the handshake
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        requires = "bad",
        hide_short_help = true
    )]
    pub bad_after: u64,
}

/// A frame that violates the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BadFrameName {
    /// A text message that is not valid UTF-8
    Utf8,
    /// A reserved bit (RSV) that no extension defines
    Rsv,
    /// A reserved opcode
    Opcode,
    /// A masked frame
    Mask,
    /// A length of 2^63 bytes (the most significant bit must be 0)
    Length,
}

// Access control and TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// Use TLS (wss) with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cert: Option<PathBuf>,

    /// Private key of --cert (PEM), if not in the same file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    pub key: Option<PathBuf>,

    /// Use TLS (wss) with a generated certificate; prints its fingerprint
    #[arg(long, conflicts_with = "cert")]
    pub self_signed: bool,

    /// Accept web pages from ORIGIN (https://app.example, null for files, * for all; repeatable)
    ///
    /// By default only pages from this machine may connect. The built-in test page and clients that send no
    /// Origin header, such as programs other than browsers, are always accepted.
    #[arg(long, value_name = "ORIGIN", value_parser = allowed_origin)]
    pub allow_origin: Vec<String>,

    /// Require this user and password, else 401 (or @FILE, env:NAME)
    #[arg(long, value_name = "USER:PASSWORD")]
    pub auth: Option<String>,

    /// Require this bearer token, else 401 (or @FILE, env:NAME)
    #[arg(long, value_name = "TOKEN", conflicts_with = "auth")]
    pub bearer: Option<String>,
}

// A server's limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct ServeLimitArgs {
    /// Maximum size of an incoming message
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true)]
    pub max_size: u64,

    /// Maximum number of clients at a time; further ones get 503
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..), hide_short_help = true)]
    pub max_clients: u32,
}

// Output of a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct ServeOutputArgs {
    /// Print the address and every event of every connection as a line of JSON
    #[arg(long)]
    pub json: bool,

    /// Print the time (UTC) before each line
    #[arg(short, long, hide_short_help = true)]
    pub timestamps: bool,

    /// Colour the output
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColourChoice::Auto, hide_short_help = true)]
    pub color: ColourChoice,

    /// Print only the address; -qq nothing
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// Also print requests, control frames and outgoing messages; -vv every frame
    ///
    /// Without it, only the address is printed when stderr is not a terminal.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Also write every event as a line of JSON to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub log: Option<PathBuf>,

    /// Show credentials and tokens in output
    #[arg(long, hide_short_help = true)]
    pub show_secrets: bool,
}
