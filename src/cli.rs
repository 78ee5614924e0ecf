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

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::connection::backoff::{Backoff, Exception};
use crate::connection::close::Farewell;
use crate::connection::dial::Override;
use crate::connection::target::Header;
use crate::connection::wire::negotiation::Offer;
use crate::link::comeback::Limit;
use crate::manual::TOPICS;
use crate::pattern::{Jq, Pattern};
use crate::server::plan::Delay;
use crate::stop::ExpectedClose;
use crate::units;

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

const CONNECT_EXAMPLES: &str = "\
Examples:
  wsprobe connect                                   the built-in echo server
  wsprobe connect wss://example.com/chat -x env:LOGIN
  printf 'one\\ntwo\\n' | wsprobe connect ws://localhost:8080/   a duplex pipe";

/// Talk by hand: an interactive session
///
/// Type a line to send it; what comes is printed above the line being typed. JSON goes on over lines
/// until it is complete, Tab completes, Ctrl-R searches what was typed before, /help shows the commands.
/// Without a URL it talks to a built-in echo server. When stdin or stdout is no terminal it is a duplex
/// pipe: each line of stdin is sent, each message printed, and after the end of stdin it goes on until
/// the server closes or nothing has come for --wait, then closes with 1000.
#[derive(Debug, Args)]
#[command(after_help = CONNECT_EXAMPLES)]
pub struct Connect {
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT/PATH, ws+unix:/path.sock:/uri, or echo: for the built-in server
    #[arg(value_hint = ValueHint::Url)]
    pub url: Option<String>,

    /// In a pipe: how long to listen on after the end of stdin and the last message
    #[arg(short, long, value_name = "TIME", value_parser = wait, default_value = "5s")]
    pub wait: Duration,

    /// Messages end with NUL instead of newline, in and out
    #[arg(short = '0', long)]
    pub null: bool,

    /// Keep no history of what is typed on disk
    ///
    /// Without it the last 10,000 lines are kept for each host in $XDG_STATE_HOME/wsprobe/history (else
    /// ~/.local/state), for your eyes alone; not those that begin with a blank, hold a secret or look as
    /// if they did.
    #[arg(long, hide_short_help = true)]
    pub no_history: bool,

    #[command(flatten)]
    pub shared: Shared,
}

const SEND_EXAMPLES: &str = "\
Examples:
  wsprobe send wss://example.com/ '{\"op\":\"time\"}'      one message, one reply
  printf 'one\\ntwo\\n' | wsprobe send ws://localhost:8080/   one message a line
  wsprobe send --expect '{\"ok\":true}' wss://example.com/ '{\"op\":\"ping\"}'   pass or fail
  wsprobe send -c 3 wss://example.com/feed '{\"op\":\"subscribe\"}'
  wsprobe send --no-wait --binary --whole ws://localhost:8080/ < picture.png";

/// Send messages, print the replies, exit
///
/// Sends each MESSAGE, or without one each line of stdin, and waits for at least one reply per message
/// (exactly --count replies, if given). A reply is never lost because stdin ended. A server that greets
/// first satisfies the plain count with its greeting: then say --count. Exit status 0 means that all was
/// sent and all replies came.
#[derive(Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub struct Send {
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT/PATH, ws+unix:/path.sock:/uri, or echo: for the built-in server
    #[arg(value_hint = ValueHint::Url)]
    pub url: String,

    /// Messages to send; none, or -, reads stdin: one message per line
    #[arg(value_name = "MESSAGE")]
    pub messages: Vec<String>,

    /// End after exactly N replies
    #[arg(short, long, value_name = "N", conflicts_with = "no_wait")]
    pub count: Option<u64>,

    /// Wait for a message that matches (repeat for a sequence); exit 1 when it does not come
    ///
    /// PATTERN is {…} or […] for JSON that contains this, /…/ or /…/i for a regular expression, .path …
    /// for a jq expression that must be true, anything else for exactly this text; = before it takes
    /// any text as it is. Messages that do not match are printed and passed over.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, conflicts_with_all = ["count", "no_wait"])]
    pub expect: Vec<Pattern>,

    /// Wait for the server to close with CODE, and with a reason that matches PATTERN
    #[arg(long, value_name = "CODE[ PATTERN]", value_parser = ExpectedClose::parse, conflicts_with_all = ["count", "no_wait"], hide_short_help = true)]
    pub expect_close: Option<ExpectedClose>,

    /// The handshake must be answered with this HTTP status; with any but 101 nothing is sent
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(100..=599), hide_short_help = true)]
    pub expect_status: Option<u16>,

    /// The server must choose this subprotocol (offer it with -s)
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub expect_subprotocol: Option<String>,

    /// The longest silence, counted from the last message sent or received; reaching it is exit 28
    #[arg(short, long, value_name = "TIME", value_parser = wait, default_value = "5s")]
    pub wait: Duration,

    /// Wait for no reply, only for the closing handshake, which says that the server has read it all
    #[arg(long)]
    pub no_wait: bool,

    /// Send a file as one message (repeat for several)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "messages")]
    pub file: Vec<PathBuf>,

    /// Send all of stdin as one message
    #[arg(long, conflicts_with_all = ["null", "file"])]
    pub whole: bool,

    /// Messages end with NUL instead of newline, in and out
    #[arg(short = '0', long)]
    pub null: bool,

    /// Send binary messages instead of text
    #[arg(long, conflicts_with_all = ["hex", "base64"])]
    pub binary: bool,

    /// Messages are written in hexadecimal; send them as binary
    #[arg(long, conflicts_with = "base64")]
    pub hex: bool,

    /// Messages are written in base64; send them as binary
    #[arg(long, hide_short_help = true)]
    pub base64: bool,

    /// Send each message in fragments (frames) of at most SIZE
    #[arg(long, value_name = "SIZE", value_parser = fragment_size, hide_short_help = true)]
    pub fragment: Option<usize>,

    /// Send at most N messages a second
    #[arg(long, value_name = "N/s", value_parser = units::rate, conflicts_with = "delay", hide_short_help = true)]
    pub rate: Option<Duration>,

    /// Wait between messages
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true)]
    pub delay: Option<Duration>,

    #[command(flatten)]
    pub shared: Shared,
}

const LISTEN_EXAMPLES: &str = "\
Examples:
  wsprobe listen wss://example.com/feed | jq .price
  wsprobe listen -x '{\"op\":\"subscribe\"}' --for 1m wss://example.com/feed
  wsprobe listen -1 ws://localhost:8080/snapshot > snapshot.bin";

/// Print what comes
///
/// Prints each message as it arrives until the server closes: text with a newline, binary as it is.
#[derive(Debug, Args)]
#[command(after_help = LISTEN_EXAMPLES)]
pub struct Listen {
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT/PATH, ws+unix:/path.sock:/uri, or echo: for the built-in server
    #[arg(value_hint = ValueHint::Url, required_unless_present = "listen_port")]
    pub url: Option<String>,

    /// End after N messages
    #[arg(short, long, value_name = "N")]
    pub count: Option<u64>,

    /// End after one message
    #[arg(short = '1', long, conflicts_with = "count")]
    pub one: bool,

    /// End well after so long
    #[arg(long = "for", value_name = "TIME", value_parser = units::duration)]
    pub span: Option<Duration>,

    /// End well after the first message that matches
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub until: Option<Pattern>,

    /// Print (and count) only messages that match
    ///
    /// PATTERN is {…} or […] for JSON that contains this, /…/ or /…/i for a regular expression, .path …
    /// for a jq expression that must be true, anything else for exactly this text.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub filter: Option<Pattern>,

    /// Print this part of each JSON message, strings without quotes
    #[arg(long, value_name = "JQ", value_parser = jq, conflicts_with = "json")]
    pub select: Option<Jq>,

    /// Fail (exit 28) when no message has come for so long
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub idle_timeout: Option<Duration>,

    /// Send every message back as it came (conformance suites, mirrors)
    #[arg(long, hide_short_help = true)]
    pub echo: bool,

    /// Messages end with NUL instead of newline
    #[arg(short = '0', long)]
    pub null: bool,

    /// wscat's way to start a server: names the right one
    #[arg(short = 'l', value_name = "PORT", hide = true)]
    pub listen_port: Option<String>,

    #[command(flatten)]
    pub shared: Shared,
}

const PING_EXAMPLES: &str = "\
Examples:
  wsprobe ping -c 10 wss://example.com/
  wsprobe ping -c 100 -i 0.2 -q --max-p95 50ms --max-loss 1 ws://localhost:8080/
  wsprobe ping --app '{\"op\":\"ping\"}' --expect '{\"op\":\"pong\"}' wss://example.com/feed
  wsprobe ping --new-connection -c 20 wss://example.com/";

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
#[derive(Debug, Args)]
#[command(after_help = PING_EXAMPLES)]
pub struct Ping {
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT/PATH, ws+unix:/path.sock:/uri, or echo: for the built-in server
    #[arg(value_hint = ValueHint::Url)]
    pub url: String,

    /// End after N pings; with -w, after N replies
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Time from one ping to the next [default: 1s]; 0 is as fast as replies come
    #[arg(short, long, value_name = "TIME", value_parser = units::duration)]
    pub interval: Option<Duration>,

    /// End after so long, however many pings were sent or answered; with -c, fewer than N replies by then are exit 1
    #[arg(short = 'w', long, value_name = "TIME", value_parser = deadline)]
    pub deadline: Option<Duration>,

    /// How long to wait for each reply [default: 5s]; one that comes later is late, and lost; 0 waits for ever
    #[arg(short = 'W', long, value_name = "TIME", value_parser = wait)]
    pub wait: Option<Duration>,

    /// Flood: the next ping leaves as soon as the last is answered, but at least 100 a second; on a terminal a dot is a ping without its pong
    #[arg(short = 'f', long, conflicts_with = "adaptive")]
    pub flood: bool,

    /// Send the next ping as soon as the last is answered or lost, so that no more than one is under way
    #[arg(long, conflicts_with = "interval", hide_short_help = true)]
    pub adaptive: bool,

    /// Print the time (seconds since 1970) before each line
    #[arg(
        short = 'D',
        long,
        conflicts_with = "timestamps",
        hide_short_help = true
    )]
    pub unix_time: bool,

    /// Bytes of payload in each ping, at most 125; below 4 one at a time is under way, since payloads could not tell more apart
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u8).range(0..=125), default_value = "16")]
    pub size: u8,

    /// Time this message and its reply in place of ping frames, one at a time; other messages are ignored and counted
    #[arg(
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        conflicts_with = "size"
    )]
    pub app: Option<String>,

    /// What the reply to --app looks like; without it the next message is the reply
    ///
    /// PATTERN is {…} or […] for JSON that contains this, /…/ or /…/i for a regular expression, .path …
    /// for a jq expression that must be true, anything else for exactly this text; = before it takes
    /// any text as it is.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, requires = "app")]
    pub expect: Option<Pattern>,

    /// Time a new connection each time, from the name lookup to the open connection, and each stage of it; -W is then the limit of each attempt
    #[arg(long, conflicts_with_all = ["app", "size", "flood", "retry", "reconnect"])]
    pub new_connection: bool,

    /// Exit 1 when the 95th percentile is more
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub max_p95: Option<Duration>,

    /// Exit 1 when the mean is more
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true)]
    pub max_avg: Option<Duration>,

    /// Exit 1 when more than PERCENT of the pings are lost
    #[arg(long, value_name = "PERCENT", value_parser = loss)]
    pub max_loss: Option<f64>,

    /// Draw the distribution as bars under the statistics
    #[arg(long, hide_short_help = true)]
    pub histogram: bool,

    #[command(flatten)]
    pub shared: Shared,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  wsprobe check wss://example.com/chat
  wsprobe check wss://example.com/chat --send ping --expect pong --min-cert-days 14
  wsprobe check --expect-status 401 wss://example.com/private
  wsprobe check smoke.wst chat.wst --secret TOKEN=env:TOKEN --junit report.xml";

/// Probe an endpoint, or run scripted conversations: pass or fail
///
/// For a URL it prints a line a fact: the handshake and its times, accept key, subprotocol, compression,
/// certificate, ping, close. For check files (wsprobe-check-file(5)) it runs each test and says what went
/// wrong where. Exit status 0 means that all passed, 1 that something failed, 2 that the command line or a
/// file is wrong and nothing was sent. The causes are in the report.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct Check {
    /// A URL; or check files: what exists as a file or ends in .wst
    #[arg(value_name = "URL|FILE", required = true, value_hint = ValueHint::AnyPath)]
    pub targets: Vec<String>,

    /// Send a message (repeat for several); without --expect each must be answered
    #[arg(
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        help_heading = "For a URL"
    )]
    pub send: Vec<String>,

    /// A message that matches must come (repeat for a sequence)
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, help_heading = "For a URL")]
    pub expect: Vec<Pattern>,

    /// The handshake must be answered with this HTTP status
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(100..=599), help_heading = "For a URL", hide_short_help = true)]
    pub expect_status: Option<u16>,

    /// The server must close with CODE, and with a reason that matches PATTERN
    #[arg(long, value_name = "CODE[ PATTERN]", value_parser = ExpectedClose::parse, help_heading = "For a URL", hide_short_help = true)]
    pub expect_close: Option<ExpectedClose>,

    /// The server must choose this subprotocol (offer it with -s)
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "For a URL",
        hide_short_help = true
    )]
    pub expect_subprotocol: Option<String>,

    /// The longest time from the name lookup to the 101
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "For a URL")]
    pub max_handshake: Option<Duration>,

    /// The certificate must be good for so many days
    #[arg(long, value_name = "N", help_heading = "For a URL")]
    pub min_cert_days: Option<u32>,

    /// How long to wait for each answer; in a file, timeout and within say otherwise
    #[arg(short, long, value_name = "TIME", value_parser = wait, default_value = "5s")]
    pub wait: Duration,

    /// Define {{NAME}} (repeat)
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = definition, help_heading = "For files")]
    pub variables: Vec<(String, String)>,

    /// Define {{NAME}} and keep its value out of all output (repeat)
    #[arg(long = "secret", value_name = "NAME=VALUE|@FILE|env:VAR", value_parser = definition, help_heading = "For files")]
    pub secrets: Vec<(String, String)>,

    /// Run N tests at a time
    #[arg(
        hide_short_help = true,
        short,
        long,
        value_name = "N",
        default_value = "1",
        help_heading = "For files"
    )]
    pub jobs: NonZeroUsize,

    /// Start no more tests after the first failure
    #[arg(long, help_heading = "For files", hide_short_help = true)]
    pub fail_fast: bool,

    /// Print the tests and run none
    #[arg(long, help_heading = "For files", hide_short_help = true)]
    pub list: bool,

    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,

    /// Write the results as TAP version 14
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub tap: Option<PathBuf>,

    #[command(flatten)]
    pub shared: Shared,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  wsprobe serve 8080                       echo, and a page at http://127.0.0.1:8080/
  wsprobe serve 0 --json | jq -r .url      any free port
  wsprobe serve 8080 --mode broadcast      a chat room
  wsprobe serve 8443 --self-signed         wss with a certificate made for the occasion
  wsprobe serve 8080 --close-after 3 --close-code 1012   does the client come back?
  wsprobe serve 8080 --bad utf8            does the client notice?";

/// A server to test against
///
/// Accepts WebSocket connections and sends every message back as it came, or does what --mode and the
/// faults say. A browser that opens its address gets a page that talks to it. On a terminal it prints a
/// line per connection and message, and totals at the end.
///
/// It listens for this machine alone unless an address is given, and lets in the web pages of this
/// machine alone unless --allow-origin is given. A client has 10 s and 64 KiB for its request.
#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct Serve {
    /// Where to listen; port 0 picks a free one
    #[arg(value_name = "[ADDRESS:]PORT", required_unless_present = "unix")]
    pub address: Option<String>,

    /// Listen on a Unix domain socket instead
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with_all = ["address", "cert", "self_signed"])]
    pub unix: Option<PathBuf>,

    #[command(flatten)]
    pub behaviour: Behaviour,
    #[command(flatten)]
    pub faults: Faults,
    #[command(flatten)]
    pub admission: Admission,
    #[command(flatten)]
    pub limits: ServeLimits,
    #[command(flatten)]
    pub output: ServeOutput,
}

/// What a server does with messages.
#[derive(Debug, Args)]
pub struct Behaviour {
    /// What becomes of a message
    #[arg(long, value_enum, default_value_t = Mode::Echo)]
    pub mode: Mode,

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
pub enum Mode {
    /// Send every message back
    Echo,
    /// Send every message to every client, its sender as well: a chat room
    Broadcast,
    /// Read, count and report each connection on stdout
    Sink,
    /// Read and say nothing
    Silent,
}

/// Faults that a client should survive.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults to test clients with")]
pub struct Faults {
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
    pub bad: Option<Bad>,

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
pub enum Bad {
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

/// Who may connect, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who may connect")]
pub struct Admission {
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

/// A server's limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct ServeLimits {
    /// The largest message accepted
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true)]
    pub max_size: u64,

    /// The most clients at a time; the next one gets 503
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..), hide_short_help = true)]
    pub max_clients: u32,
}

/// What a server tells.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct ServeOutput {
    /// Print the address and every event of every connection as a line of JSON
    #[arg(long)]
    pub json: bool,

    /// Print the time (UTC) before each line
    #[arg(short, long, hide_short_help = true)]
    pub timestamps: bool,

    /// Use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, hide_short_help = true)]
    pub color: When,

    /// Print the address alone; twice, not even that
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// Print requests, control frames and what is sent as well; twice, every frame
    ///
    /// Where stderr is no terminal nothing is printed without it.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Write every event as a line of JSON to FILE as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub log: Option<PathBuf>,

    /// Show credentials and tokens in output
    #[arg(long, hide_short_help = true)]
    pub show_secrets: bool,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(wsprobe completions bash)
  wsprobe completions zsh > ~/.zfunc/_wsprobe
  wsprobe completions fish > ~/.config/fish/completions/wsprobe.fish";

/// Print a completion script
///
/// Write it where your shell looks for completions, or source it.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const HELP_EXAMPLES: &str = "\
Examples:
  wsprobe help send           the same as wsprobe send --help
  wsprobe help exit-codes     what each exit status means
  wsprobe help patterns       how --expect and its kin match
  wsprobe help json           the events of --json, field by field
  wsprobe help check-file     scripted conversations
  wsprobe help environment    the variables that are read";

/// Show the help of a verb, or a chapter of the manual
#[derive(Debug, Args)]
#[command(after_help = HELP_EXAMPLES)]
pub struct Help {
    /// A verb or a chapter
    #[arg(value_name = "TOPIC", value_parser = topics())]
    pub topic: Option<String>,
}

/// What there is help on: verbs, then chapters.
fn topics() -> PossibleValuesParser {
    const VERBS: [&str; 7] = [
        "connect",
        "send",
        "listen",
        "ping",
        "check",
        "serve",
        "completions",
    ];
    let verbs = VERBS.into_iter().map(PossibleValue::new);
    let chapters = TOPICS
        .iter()
        .map(|topic| PossibleValue::new(topic.name).help(topic.about));
    PossibleValuesParser::new(verbs.chain(chapters).collect::<Vec<_>>())
}

/// Options of every verb that connects.
#[derive(Debug, Args)]
pub struct Shared {
    #[command(flatten)]
    pub handshake: Handshake,
    #[command(flatten)]
    pub compression: Compression,
    #[command(flatten)]
    pub tls: Tls,
    #[command(flatten)]
    pub network: Network,
    #[command(flatten)]
    pub timing: Timing,
    #[command(flatten)]
    pub persistence: Persistence,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub output: Output,
}

/// What the upgrade request says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Handshake")]
pub struct Handshake {
    /// Add a request header (repeat for several; it replaces one of ours, 'Name:' leaves one out, 'Name;' sends it empty, @FILE reads one a line)
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = given_header)]
    pub headers: Vec<GivenHeader>,

    /// Offer a subprotocol (repeat, or separate with commas)
    #[arg(short, long = "subprotocol", alias = "protocol", value_name = "NAME", value_delimiter = ',', value_parser = subprotocol)]
    pub subprotocols: Vec<String>,

    /// Send an Origin header, as a browser does
    #[arg(short, long, value_name = "ORIGIN", value_parser = origin, hide_short_help = true)]
    pub origin: Option<String>,

    /// Log in with a user and password; without the password, WSPROBE_PASSWORD has it or the terminal asks
    #[arg(short, long, alias = "auth", value_name = "USER[:PASSWORD]", value_parser = user)]
    pub user: Option<String>,

    /// Log in with a token; @FILE and env:NAME keep it out of the command line and are read for every connection
    #[arg(long, value_name = "TOKEN", conflicts_with = "user")]
    pub bearer: Option<String>,

    /// Send a cookie (repeat for several)
    #[arg(short = 'b', long = "cookie", value_name = "NAME=VALUE", value_parser = cookie, hide_short_help = true)]
    pub cookies: Vec<String>,

    /// Send another User-Agent; an empty one sends none
    #[arg(short = 'A', long, value_name = "NAME", value_parser = plain_value, hide_short_help = true)]
    pub user_agent: Option<String>,

    /// Follow redirects, to ws, wss, http and https alone; credentials stay with their origin
    #[arg(short = 'L', long, hide_short_help = true)]
    pub location: bool,

    /// The most redirects that are followed
    #[arg(
        long,
        value_name = "N",
        default_value = "10",
        requires = "location",
        hide_short_help = true
    )]
    pub max_redirects: u32,

    /// WebSocket over HTTP/2 (RFC 8441): agreed in TLS for wss, from the first byte for ws
    #[arg(long, hide_short_help = true)]
    pub http2: bool,
}

/// A header, or a file of headers.
#[derive(Clone, Debug)]
pub enum GivenHeader {
    /// `Name: value`.
    Line(Header),
    /// `@FILE`.
    File(String),
}

/// Compression.
#[derive(Debug, Args)]
#[command(next_help_heading = "Handshake")]
pub struct Compression {
    /// Do not offer permessage-deflate, which browsers always offer
    #[arg(long, conflicts_with = "compress", hide_short_help = true)]
    pub no_compress: bool,

    /// Offer permessage-deflate with these parameters, such as 'client_max_window_bits=10; server_no_context_takeover'
    #[arg(long, value_name = "PARAMS", value_parser = offer, hide_short_help = true)]
    pub compress: Option<Offer>,
}

/// TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub struct Tls {
    /// Accept any server certificate, and say what is wrong with it
    #[arg(short = 'k', long, alias = "no-check", short_alias = 'n')]
    pub insecure: bool,

    /// Trust the CA certificates in FILE (PEM) as well
    #[arg(long, alias = "ca", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cacert: Vec<PathBuf>,

    /// Show the server this certificate (PEM), followed by those that lead to its CA
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub cert: Option<PathBuf>,

    /// The key of --cert (PEM), where it is not in the same file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert", hide_short_help = true)]
    pub key: Option<PathBuf>,

    /// wscat's word for an encrypted key, which is refused with the cure
    #[arg(long, value_name = "PASSPHRASE", hide = true)]
    pub passphrase: Option<String>,

    /// Ask for this name and check the certificate against it, in place of the URL's host
    #[arg(long, value_name = "NAME", value_parser = server_name, hide_short_help = true)]
    pub servername: Option<String>,

    /// The oldest version of TLS accepted
    #[arg(long, value_name = "VERSION", value_enum, default_value_t = TlsVersion::V12, hide_short_help = true)]
    pub tls_min: TlsVersion,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TlsVersion {
    /// TLS 1.2
    #[value(name = "1.2")]
    V12,
    /// TLS 1.3
    #[value(name = "1.3")]
    V13,
}

/// The way to the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct Network {
    /// Go through a proxy: http, https, socks5 (names looked up here) or socks5h (by the proxy); '' goes through none, whatever the environment says
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,

    /// Use these addresses for a host, or * for all (repeat for several)
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = Override::parse, hide_short_help = true)]
    pub resolve: Vec<Override>,

    /// Connect to a Unix domain socket, whatever the URL's host
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub unix_socket: Option<PathBuf>,

    /// Use IPv4 alone
    #[arg(short = '4', long, overrides_with = "ipv6", hide_short_help = true)]
    pub ipv4: bool,

    /// Use IPv6 alone
    #[arg(short = '6', long, overrides_with = "ipv4", hide_short_help = true)]
    pub ipv6: bool,

    /// Connect from this address of this machine
    #[arg(long, value_name = "ADDRESS", value_parser = interface, hide_short_help = true)]
    pub interface: Option<IpAddr>,
}

/// Limits of time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct Timing {
    /// From the name lookup to the server's 101
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "10s")]
    pub connect_timeout: Duration,

    /// For everything; reaching it is exit 28
    #[arg(short, long, value_name = "TIME", value_parser = units::duration)]
    pub max_time: Option<Duration>,

    /// From our close frame to the server's
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "2s", hide_short_help = true)]
    pub close_timeout: Duration,
}

/// What brings a connection back and keeps it alive.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct Persistence {
    /// Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try
    #[arg(long, value_name = "N|TIME", value_parser = Limit::parse)]
    pub retry: Option<Limit>,

    /// Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is
    #[arg(long, value_name = "N|TIME", value_parser = Limit::parse, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub reconnect: Option<Limit>,

    /// Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011
    #[arg(long, value_name = "LIST", value_parser = Exception::parse, value_delimiter = ',', requires = "reconnect", hide_short_help = true)]
    pub reconnect_on: Vec<Exception>,

    /// The wait before a retry: a random part of BASE, doubled each time up to MAX
    #[arg(long, value_name = "BASE..MAX", value_parser = Backoff::parse, default_value = "1s..30s", hide_short_help = true)]
    pub backoff: Backoff,

    /// Send a ping frame so often; a server that does not answer is a loss
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub ping_interval: Option<Duration>,

    /// How long to wait for a sign of life after a ping: its pong, or any data
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "10s", requires = "ping_interval", hide_short_help = true)]
    pub ping_timeout: Duration,

    /// Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life
    #[arg(
        hide_short_help = true,
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        requires = "ping_interval"
    )]
    pub heartbeat: Option<String>,
}

/// Messages.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct Messages {
    /// Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line
    #[arg(
        short = 'x',
        long = "execute",
        value_name = "MESSAGE",
        value_parser = greeting,
        allow_hyphen_values = true
    )]
    pub execute: Vec<String>,

    /// How we close
    #[arg(long, value_name = "CODE[:REASON]", value_parser = Farewell::parse, default_value = "1000", hide_short_help = true)]
    pub close: Farewell,

    /// The largest message accepted
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true)]
    pub max_size: u64,
}

/// Output.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Print every event as a line of JSON
    #[arg(long)]
    pub json: bool,

    /// Lay out JSON messages over several lines
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, hide_short_help = true)]
    pub pretty: When,

    /// Print the time of arrival (UTC) before each message
    #[arg(short, long, hide_short_help = true)]
    pub timestamps: bool,

    /// Use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, hide_short_help = true)]
    pub color: When,

    /// Say less on stderr
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// Say more on stderr: handshake, TLS, times, control frames; twice, every frame
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Write every event as a line of JSON to FILE as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub log: Option<PathBuf>,

    /// Show credentials and tokens in output
    #[arg(long, hide_short_help = true)]
    pub show_secrets: bool,
}

/// When to do something for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| error.to_string())
}

fn definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if crate::script::is_name(name) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        Some((name, _)) => Err(format!("'{name}' is no name: letters, digits, _ and -")),
        None => Err("write NAME=VALUE".to_owned()),
    }
}

fn jq(text: &str) -> Result<Jq, String> {
    Jq::compile(text).map_err(|error| error.to_string())
}

/// `-w` means a time here; curl's users expect a format.
fn wait(text: &str) -> Result<Duration, String> {
    if text.contains('%') {
        return Err(
            "-w is how long to wait (5s); for fields of the connection use --json and jq"
                .to_owned(),
        );
    }
    units::duration(text)
}

/// `-w` of ping is its end.
fn deadline(text: &str) -> Result<Duration, String> {
    match wait(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        time => Ok(time),
    }
}

fn loss(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("write a number from 0 to 100".to_owned()),
    }
}

/// `-o` is the Origin here; curl's users expect a file.
fn origin(text: &str) -> Result<String, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(format!(
            "the origin '{}' holds a control character",
            text.escape_debug()
        ));
    }
    if text == "null" || text.contains("://") {
        return Ok(text.to_owned());
    }
    Err(format!(
        "'{text}' is no origin (https://example.com or null); to write the output to a file use > {text}"
    ))
}

/// `-x` is a message here; curl's users expect a proxy.
fn greeting(text: &str) -> Result<String, String> {
    let is_proxy = match text.split_once("://") {
        Some(("socks4" | "socks4a" | "socks5" | "socks5h", _)) => true,
        Some(("http" | "https", rest)) => {
            let authority = rest.strip_suffix('/').unwrap_or(rest);
            let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
            !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    if is_proxy {
        return Err(format!(
            "-x is a message to send, and this looks like a proxy: --proxy {text}; to send it all the same, -x @FILE"
        ));
    }
    Ok(text.to_owned())
}

/// An Origin that a server lets in.
fn allowed_origin(text: &str) -> Result<String, String> {
    match text {
        "*" | "null" => Ok(text.to_owned()),
        _ if text.contains("://") => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(format!(
            "'{text}' is no origin: write https://app.example, null or *"
        )),
    }
}

fn close_reason(text: &str) -> Result<String, String> {
    match text.len() {
        0..=123 => Ok(text.to_owned()),
        n => Err(format!("it has {n} bytes, a close frame holds 123")),
    }
}

/// `-s` is a subprotocol here; ping's users expect a size.
fn subprotocol(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains("://") {
        return Err(format!(
            "-s names a subprotocol, and '{text}' is a URL; to say less, -q"
        ));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "-s names a subprotocol, and '{text}' looks like a size: use --size {text}"
        ));
    }
    if text.is_empty() || !text.bytes().all(crate::connection::target::is_token_byte) {
        return Err(format!(
            "'{text}' is no subprotocol name: letters, digits and . _ - (RFC 6455 §4.1)"
        ));
    }
    Ok(text.to_owned())
}

fn given_header(text: &str) -> Result<GivenHeader, String> {
    match text.strip_prefix('@') {
        Some(path) => Ok(GivenHeader::File(path.to_owned())),
        None => Header::parse(text).map(GivenHeader::Line),
    }
}

fn plain_value(text: &str) -> Result<String, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("it holds a control character".to_owned());
    }
    Ok(text.to_owned())
}

fn user(text: &str) -> Result<String, String> {
    let user = text.split(':').next().unwrap_or_default();
    if user.is_empty() {
        return Err("it names no user: write USER or USER:PASSWORD".to_owned());
    }
    plain_value(text)
}

/// `-b` is a cookie here; curl's users may expect a file of them.
fn cookie(text: &str) -> Result<String, String> {
    let text = plain_value(text)?;
    if !text.contains('=') {
        return Err(
            "it is no cookie: write NAME=VALUE; for a file of headers use -H @FILE".to_owned(),
        );
    }
    Ok(text.trim_end_matches(';').trim().to_owned())
}

fn server_name(text: &str) -> Result<String, String> {
    crate::connection::tls::server_name(text).map(|_| text.to_owned())
}

fn interface(text: &str) -> Result<IpAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map_err(|_| {
        format!(
            "'{text}' is no IP address: write an address of this machine, not an interface's name"
        )
    })
}

fn offer(text: &str) -> Result<Offer, String> {
    Offer::with_parameters(text).map_err(|error| error.to_string())
}

fn interval(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        time => Ok(time),
    }
}

fn fragment_size(text: &str) -> Result<usize, String> {
    match units::size(text)? {
        0 => Err("a fragment needs at least one byte".to_owned()),
        size => usize::try_from(size).map_err(|_| format!("'{text}' is too large")),
    }
}
