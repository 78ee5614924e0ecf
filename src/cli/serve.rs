//! `serve`: what it does with messages, the faults, who may connect.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::shared::ColourChoice;
use super::values::{allowed_origin, close_reason, report_file, subprotocol};
use crate::server::config::Delay;
use crate::units;

const SERVE_EXAMPLES: &str = "\
Examples:
  wsprobe serve 8080                       echo, and a page at http://127.0.0.1:8080/
  wsprobe serve 0 --json | jq -r .url      any free port
  wsprobe serve 8080 --mode broadcast      a chat room
  wsprobe serve 8443 --self-signed         wss with a certificate made for the occasion
  wsprobe serve 8080 --close-after 3 --close-code 1012   does the client come back?
  wsprobe serve 8080 --bad utf8            does the client notice?";

#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(value_name = "[ADDRESS:]PORT", required_unless_present = "unix")]
    pub address: Option<String>,

    /// Listen on a Unix domain socket instead
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "address")]
    pub unix: Option<PathBuf>,

    #[command(flatten)]
    pub behaviour: BehaviourArgs,
    #[command(flatten)]
    pub faults: FaultArgs,
    #[command(flatten)]
    pub admission: AccessArgs,
    #[command(flatten)]
    pub limits: ServeLimitArgs,
    #[command(flatten)]
    pub output: ServeOutputArgs,
}

// What a server does with messages.
#[derive(Debug, Args)]
pub struct BehaviourArgs {
    /// What becomes of a message
    #[arg(long, value_enum, default_value_t = ServeMode::Echo)]
    pub mode: ServeMode,

    /// Send this to every client first; or @FILE, env:NAME
    #[arg(long, value_name = "MESSAGE", allow_hyphen_values = true)]
    pub greeting: Option<String>,

    /// Answer every message with this one in place of its echo
    #[arg(long, value_name = "MESSAGE", allow_hyphen_values = true)]
    pub reply: Option<String>,

    /// Speak this subprotocol (repeat, or separate with commas)
    ///
    /// The first one that the client offers of those is chosen; without the option, its first.
    #[arg(short, long = "subprotocol", alias = "protocol", value_name = "NAME", value_delimiter = ',', value_parser = subprotocol)]
    pub subprotocols: Vec<String>,

    /// Do not agree to permessage-deflate
    #[arg(long, hide_short_help = true)]
    pub no_compress: bool,
}

/// What a server does with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServeMode {
    /// Send every message back
    Echo,
    /// Send every message to every client, its sender as well: a chat room
    Broadcast,
    /// Read, count and report each connection on stdout
    Sink,
    /// Read and say nothing
    Silent,
}

// Faults that a client should survive.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults to test clients with")]
pub struct FaultArgs {
    /// Refuse every handshake with this HTTP status
    ///
    /// A good client says so, and tries again only after 408, 425, 429 or 5xx, with a growing delay and no sooner than Retry-After.
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(200..=599))]
    pub status: Option<u16>,

    /// Close after N messages were answered
    ///
    /// A good client answers the close and comes back only after 1001, 1006 and 1011 to 1014.
    #[arg(long, value_name = "N")]
    pub close_after: Option<u64>,

    /// The code of --close-after, which may be one that must not be sent
    ///
    /// A code that must not be sent (1005, 1006, 5000) is a breach of protocol that a good client answers with 1002.
    #[arg(
        long,
        value_name = "CODE",
        default_value = "1000",
        requires = "close_after"
    )]
    pub close_code: u16,

    /// The reason of --close-after, at most 123 bytes
    #[arg(long, value_name = "TEXT", default_value = "", requires = "close_after", value_parser = close_reason, hide_default_value = true, hide_short_help = true)]
    pub close_reason: String,

    /// Hold each reply back for a time, or for a random time between two
    ///
    /// A good client has a limit, and does not mix up late answers.
    #[arg(long, value_name = "TIME[..TIME]", value_parser = Delay::parse)]
    pub delay: Option<Delay>,

    /// End TCP without a close frame after N messages
    ///
    /// A good client reports 1006 and comes back.
    #[arg(long, value_name = "N")]
    pub drop_after: Option<u64>,

    /// Leave pings unanswered
    ///
    /// A good client that sends them gives up on the connection.
    #[arg(long)]
    pub no_pong: bool,

    /// Read and write no more after N messages
    ///
    /// The connection is held. A good client notices by pings or a time limit, and does not queue without bounds.
    #[arg(long, value_name = "N")]
    pub stall_after: Option<u64>,

    /// Send a frame that breaks the protocol
    ///
    /// A good client closes at once, with 1007 for utf8 and 1002 for the others.
    #[arg(long, value_name = "HOW", value_enum)]
    pub bad: Option<BadFrameName>,

    /// Send the frame of --bad after N messages; 0 is right after the handshake
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        requires = "bad",
        hide_short_help = true
    )]
    pub bad_after: u64,
}

/// A frame that breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BadFrameName {
    /// A text that is not UTF-8
    Utf8,
    /// A reserved bit that no extension gave a meaning
    Rsv,
    /// A reserved opcode
    Opcode,
    /// A masked frame
    Mask,
    /// A length of 2^63 bytes: the highest bit must be 0
    Length,
}

// Who may connect, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who may connect")]
pub struct AccessArgs {
    /// Speak TLS (wss) with this certificate (PEM, its chain behind it)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cert: Option<PathBuf>,

    /// The key of --cert (PEM), where it is not in the same file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    pub key: Option<PathBuf>,

    /// Speak TLS (wss) with a certificate made now; its fingerprint is printed
    #[arg(long, conflicts_with = "cert")]
    pub self_signed: bool,

    /// Let in web pages from ORIGIN (https://app.example, null for files, * for all; repeat)
    ///
    /// Without it, pages from this machine alone may connect. Our own page always may, and what sends
    /// no Origin, as programs other than browsers.
    #[arg(long, value_name = "ORIGIN", value_parser = allowed_origin)]
    pub allow_origin: Vec<String>,

    /// Ask for a user and a password (else 401); or @FILE, env:NAME
    #[arg(long, value_name = "USER:PASSWORD")]
    pub auth: Option<String>,

    /// Ask for a token (else 401); or @FILE, env:NAME
    #[arg(long, value_name = "TOKEN", conflicts_with = "auth")]
    pub bearer: Option<String>,
}

// A server's limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct ServeLimitArgs {
    /// The largest message accepted
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true)]
    pub max_size: u64,

    /// The most clients at a time; the next one gets 503
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..), hide_short_help = true)]
    pub max_clients: u32,
}

// What a server tells.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct ServeOutputArgs {
    /// Print the address and every event of every connection as a line of JSON
    #[arg(long)]
    pub json: bool,

    /// Print the time (UTC) before each line
    #[arg(short, long, hide_short_help = true)]
    pub timestamps: bool,

    /// Use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColourChoice::Auto, hide_short_help = true)]
    pub color: ColourChoice,

    /// Print the address alone; twice, not even that
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// Print requests, control frames and what is sent as well; twice, every frame
    ///
    /// Where stderr is no terminal, the address alone is printed without it.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Write every event as a line of JSON to FILE as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub log: Option<PathBuf>,

    /// Show credentials and tokens in output
    #[arg(long, hide_short_help = true)]
    pub show_secrets: bool,
}
