//! The options and examples of each command, except `serve`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueHint};
use clap_complete::Shell;

use super::shared::SharedArgs;
use super::values::{
    BinaryOutput, ProbeNameParser, capture, deadline, fragment_size, jq, loss, pattern,
    report_file, wait,
};
use crate::expectation::ExpectedClose;
use crate::manual::TOPICS;
use crate::pattern::{Jq, Pattern};
use crate::script::endpoint::FACTS;
use crate::units;

const CONNECT_EXAMPLES: &str = "\
Examples:
  wsprobe connect                                   use the built-in echo server
  wsprobe connect wss://example.com/chat -x env:LOGIN
  printf 'one\\ntwo\\n' | wsprobe connect ws://localhost:8080/   duplex pipe";

#[derive(Debug, Args)]
#[command(after_help = CONNECT_EXAMPLES)]
pub struct ConnectArgs {
    /// ws://…, wss://…, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, @NAME (wsprobe help endpoints), or echo: (the built-in server)
    #[arg(value_hint = ValueHint::Url)]
    pub url: Option<String>,

    /// In a pipe: close after TIME without a message, once stdin has ended
    ///
    /// It also limits how long the server may take nothing of what waits to be sent (1s at least, exit 28).
    #[arg(short, long, value_name = "TIME", value_parser = wait, default_value = "5s")]
    pub wait: Duration,

    /// End messages with NUL instead of newline, in input and output
    #[arg(short = '0', long)]
    pub null: bool,

    /// Do not keep a history of typed lines on disk
    ///
    /// By default the last 10,000 lines for each host are kept in $XDG_STATE_HOME/wsprobe/history (else
    /// ~/.local/state), readable only by you; lines that start with a space or contain a secret, or what
    /// looks like one, are not kept.
    #[arg(long, hide_short_help = true)]
    pub no_history: bool,

    /// Print only messages that match
    ///
    /// PATTERN is as in 'wsprobe help patterns'.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, hide_short_help = true)]
    pub filter: Option<Pattern>,

    /// Print the result of a jq expression for each JSON message, strings without quotes
    #[arg(long, value_name = "JQ", value_parser = jq, conflicts_with = "json", hide_short_help = true)]
    pub select: Option<Jq>,

    /// Print binary messages as raw bytes, or each as a line of hex or base64
    ///
    /// On a terminal raw bytes are shown as a hexdump. A session at a terminal always shows a hexdump.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = BinaryOutput::Raw, hide_default_value = true, conflicts_with = "json", hide_short_help = true)]
    pub binary_output: BinaryOutput,

    /// Also write the handshakes and messages to FILE as HAR, for Chrome's network panel and other tools
    ///
    /// Credentials are masked. The file is written at the end, and contains at most 200,000 messages or 128 MiB.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub har: Option<PathBuf>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const SEND_EXAMPLES: &str = "\
Examples:
  wsprobe send wss://example.com/ '{\"op\":\"time\"}'      one message, one reply
  printf 'one\\ntwo\\n' | wsprobe send ws://localhost:8080/   one message per line
  wsprobe send --expect '{\"ok\":true}' wss://example.com/ '{\"op\":\"ping\"}'   pass or fail
  wsprobe send --step --capture token=.token wss://example.com/ '{\"op\":\"login\"}' '{\"token\":\"{{token}}\"}'
  wsprobe send -c 3 wss://example.com/feed '{\"op\":\"subscribe\"}'
  wsprobe send --no-wait --binary --whole ws://localhost:8080/ < picture.png";

#[derive(Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub struct SendArgs {
    /// ws://…, wss://…, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, @NAME (wsprobe help endpoints), or echo: (the built-in server)
    #[arg(value_hint = ValueHint::Url)]
    pub url: String,

    /// Messages to send; without any, or with -, one message per line of stdin
    #[arg(value_name = "MESSAGE")]
    pub messages: Vec<String>,

    /// Stop after exactly N replies
    #[arg(short, long, value_name = "N", conflicts_with = "no_wait")]
    pub count: Option<u64>,

    /// Wait for a matching message, else exit 1 (repeatable: a sequence)
    ///
    /// PATTERN is {…} or […] (JSON subset), /…/ or /…/i (regular expression), .path … (jq expression that
    /// must be true), hex:00 ff ?? … (bytes), schema:FILE (JSON Schema), or any other text (exact match);
    /// prefix = to match any text literally. Messages that do not match are printed and skipped.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, conflicts_with_all = ["count", "no_wait"])]
    pub expect: Vec<Pattern>,

    /// Wait for the server to close with CODE and a reason that matches PATTERN
    #[arg(long, value_name = "CODE[ PATTERN]", value_parser = ExpectedClose::parse, conflicts_with_all = ["count", "no_wait"], hide_short_help = true)]
    pub expect_close: Option<ExpectedClose>,

    /// Expect this HTTP status in the handshake; unless it is 101, no message is sent
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(100..=599), hide_short_help = true)]
    pub expect_status: Option<u16>,

    /// Expect the server to choose this subprotocol (offer it with -s)
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub expect_subprotocol: Option<String>,

    /// Send each message only after the reply to the last one; with --expect, after the message that it expects
    #[arg(long, conflicts_with = "no_wait")]
    pub step: bool,

    /// Wait for a matching message, such as a greeting, before sending the first one
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, hide_short_help = true)]
    pub after: Option<Pattern>,

    /// Exit 1 at once if a message matches (repeatable)
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, hide_short_help = true)]
    pub never: Vec<Pattern>,

    /// With --step or --after: set {{NAME}} to the value of a jq expression on each reply that has it, for the
    /// messages after it (repeatable)
    #[arg(long, value_name = "NAME=JQ", value_parser = capture)]
    pub capture: Vec<(String, Jq)>,

    /// Time limit since the last message sent or received (exit 28)
    ///
    /// A message that is still arriving extends it while at least 1 KiB arrives in each such period. It also limits
    /// how long the server may take nothing of what waits to be sent (1s at least). A reply to -x looks like a reply to a
    /// message, so one more is awaited for each -x; if only those are missing when TIME is over, it is exit 0. -c,
    /// --expect and --after leave no doubt.
    #[arg(short, long, value_name = "TIME", value_parser = wait, default_value = "5s")]
    pub wait: Duration,

    /// Do not wait for replies, only until the server has read everything
    ///
    /// The answer to a ping, or else to the close frame, confirms it. A server that closes by itself before it has
    /// confirmed it is exit 10.
    #[arg(long)]
    pub no_wait: bool,

    /// Send FILE as one message (repeatable)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "messages")]
    pub file: Vec<PathBuf>,

    /// Send all of stdin as one message
    #[arg(long, conflicts_with_all = ["null", "file"])]
    pub whole: bool,

    /// End messages with NUL instead of newline, in input and output
    #[arg(short = '0', long)]
    pub null: bool,

    /// Send binary messages instead of text
    #[arg(long, conflicts_with_all = ["hex", "base64"])]
    pub binary: bool,

    /// Decode messages from hexadecimal and send them as binary
    #[arg(long, conflicts_with = "base64")]
    pub hex: bool,

    /// Decode messages from base64 and send them as binary
    #[arg(long, hide_short_help = true)]
    pub base64: bool,

    /// Split each message into fragments (frames) of at most SIZE
    #[arg(long, value_name = "SIZE", value_parser = fragment_size, hide_short_help = true)]
    pub fragment: Option<usize>,

    /// Send at most N messages per second
    #[arg(long, value_name = "N/s", value_parser = units::rate, conflicts_with = "delay", hide_short_help = true)]
    pub rate: Option<Duration>,

    /// Wait TIME between messages
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true)]
    pub delay: Option<Duration>,

    /// Print and count only messages that match
    ///
    /// PATTERN is as in 'wsprobe help patterns'. Messages that do not match are no replies; --expect looks at them.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, hide_short_help = true)]
    pub filter: Option<Pattern>,

    /// Print the result of a jq expression for each JSON message, strings without quotes
    #[arg(long, value_name = "JQ", value_parser = jq, conflicts_with = "json", hide_short_help = true)]
    pub select: Option<Jq>,

    /// Print binary messages as raw bytes, or each as a line of hex or base64
    ///
    /// On a terminal raw bytes are shown as a hexdump.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = BinaryOutput::Raw, hide_default_value = true, conflicts_with = "json", hide_short_help = true)]
    pub binary_output: BinaryOutput,

    /// Also write the handshakes and messages to FILE as HAR, for Chrome's network panel and other tools
    ///
    /// Credentials are masked. The file is written at the end, and contains at most 200,000 messages or 128 MiB.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub har: Option<PathBuf>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const LISTEN_EXAMPLES: &str = "\
Examples:
  wsprobe listen wss://example.com/feed | jq .price
  wsprobe listen -x '{\"op\":\"subscribe\"}' --for 1m wss://example.com/feed
  wsprobe listen --on '{\"op\":\"ping\"} => {\"op\":\"pong\"}' wss://example.com/feed   answer the server's pings
  wsprobe listen -1 ws://localhost:8080/snapshot > snapshot.bin";

#[derive(Debug, Args)]
#[command(after_help = LISTEN_EXAMPLES)]
pub struct ListenArgs {
    /// ws://…, wss://…, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, @NAME (wsprobe help endpoints), or echo: (the built-in server)
    #[arg(value_hint = ValueHint::Url, required_unless_present = "listen_port")]
    pub url: Option<String>,

    /// Stop after N messages
    #[arg(short, long, value_name = "N")]
    pub count: Option<u64>,

    /// Stop after one message
    #[arg(short = '1', long, conflicts_with = "count")]
    pub one: bool,

    /// Stop after TIME, exit 0
    #[arg(long = "for", value_name = "TIME", value_parser = units::duration)]
    pub span: Option<Duration>,

    /// Stop after the first message that matches, exit 0
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub until: Option<Pattern>,

    /// Exit 1 at once if a message matches (repeatable)
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub never: Vec<Pattern>,

    /// Print and count only messages that match
    ///
    /// PATTERN is {…} or […] (JSON subset), /…/ or /…/i (regular expression), .path … (jq expression that
    /// must be true), hex:00 ff ?? … (bytes), schema:FILE (JSON Schema), or any other text (exact match).
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub filter: Option<Pattern>,

    /// Print the result of a jq expression for each JSON message, strings without quotes
    #[arg(long, value_name = "JQ", value_parser = jq, conflicts_with = "json")]
    pub select: Option<Jq>,

    /// Stop after TIME without a message, exit 28
    ///
    /// With --echo it also limits how long the server may take nothing of what waits to be sent (1s at least).
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub idle_timeout: Option<Duration>,

    /// Echo every message unchanged (for conformance test suites)
    #[arg(long, hide_short_help = true)]
    pub echo: bool,

    /// End messages with NUL instead of newline
    #[arg(short = '0', long)]
    pub null: bool,

    /// wscat's option to start a server; refused with a hint
    #[arg(short = 'l', value_name = "PORT", hide = true)]
    pub listen_port: Option<String>,

    /// Print binary messages as raw bytes, or each as a line of hex or base64
    ///
    /// On a terminal raw bytes are shown as a hexdump.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = BinaryOutput::Raw, hide_default_value = true, conflicts_with = "json", hide_short_help = true)]
    pub binary_output: BinaryOutput,

    /// Also write the handshakes and messages to FILE as HAR, for Chrome's network panel and other tools
    ///
    /// Credentials are masked. The file is written at the end, and contains at most 200,000 messages or 128 MiB.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub har: Option<PathBuf>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const PING_EXAMPLES: &str = "\
Examples:
  wsprobe ping -c 10 wss://example.com/
  wsprobe ping -c 100 -i 0.2 -q --max-p95 50ms --max-loss 1 ws://localhost:8080/
  wsprobe ping --app '{\"op\":\"ping\"}' --expect '{\"op\":\"pong\"}' wss://example.com/feed
  wsprobe ping --new-connection -c 20 wss://example.com/";

#[derive(Debug, Args)]
#[command(after_help = PING_EXAMPLES)]
pub struct PingArgs {
    /// ws://…, wss://…, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, @NAME (wsprobe help endpoints), or echo: (the built-in server)
    #[arg(value_hint = ValueHint::Url)]
    pub url: String,

    /// Stop after N pings; with -w, after N replies
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Time between pings [default: 1s]; 0 sends the next ping when a reply arrives
    #[arg(short, long, value_name = "TIME", value_parser = units::duration)]
    pub interval: Option<Duration>,

    /// Stop after TIME, however many pings were sent or answered; with -c, fewer than N replies by then exit 1
    #[arg(short = 'w', long, value_name = "TIME", value_parser = deadline)]
    pub deadline: Option<Duration>,

    /// Time limit for each reply [default: 5s]; a later reply counts as lost; 0 means no limit
    ///
    /// A server that takes nothing of what waits to be sent for so long (1s at least) is exit 28.
    #[arg(short = 'W', long, value_name = "TIME", value_parser = wait)]
    pub wait: Option<Duration>,

    /// Flood: send the next ping as soon as the last one is answered, at least 100 per second; on a terminal each dot is an unanswered ping
    #[arg(short = 'f', long, conflicts_with = "adaptive")]
    pub flood: bool,

    /// Send the next ping as soon as the last one is answered or lost; at most one is outstanding
    #[arg(long, conflicts_with = "interval", hide_short_help = true)]
    pub adaptive: bool,

    /// Print the Unix time (seconds since 1970) before each line
    #[arg(
        short = 'D',
        long,
        conflicts_with = "timestamps",
        hide_short_help = true
    )]
    pub unix_time: bool,

    /// Payload size of each ping, at most 125; below 4 bytes, pings are sent one at a time because their payloads are not unique
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u8).range(0..=125), default_value = "16")]
    pub size: u8,

    /// Measure the time from this message to its reply instead of ping frames, one at a time; other messages are counted and ignored
    #[arg(
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        conflicts_with = "size"
    )]
    pub app: Option<String>,

    /// Pattern of the reply to --app; by default the next message is the reply
    ///
    /// PATTERN is {…} or […] (JSON subset), /…/ or /…/i (regular expression), .path … (jq expression that
    /// must be true), hex:00 ff ?? … (bytes), schema:FILE (JSON Schema), or any other text (exact match);
    /// prefix = to match any text literally.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, requires = "app")]
    pub expect: Option<Pattern>,

    /// Open a new connection each time and measure each stage, from the name lookup to the open connection; -W is the time limit of each attempt
    #[arg(long, conflicts_with_all = ["app", "size", "flood", "retry", "reconnect"])]
    pub new_connection: bool,

    /// Exit 1 if the 95th percentile exceeds TIME
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub max_p95: Option<Duration>,

    /// Exit 1 if the mean exceeds TIME
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true)]
    pub max_avg: Option<Duration>,

    /// Exit 1 if more than PERCENT of the pings are lost
    #[arg(long, value_name = "PERCENT", value_parser = loss)]
    pub max_loss: Option<f64>,

    /// Print a histogram below the statistics
    #[arg(long, hide_short_help = true)]
    pub histogram: bool,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  wsprobe check wss://example.com/chat
  wsprobe check wss://example.com/chat --send ping --expect pong --min-cert-days 14
  wsprobe check --expect-status 401 wss://example.com/private
  wsprobe check smoke.wst chat.wst --secret TOKEN=env:TOKEN --junit report.xml";

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// A URL, or check files (an existing file, a name that ends in .wst, or - for standard input)
    #[arg(value_name = "URL|FILE", required = true, value_hint = ValueHint::AnyPath)]
    pub targets: Vec<String>,

    /// Send MESSAGE (repeatable); without --expect, each one must be answered
    #[arg(
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        help_heading = "For a URL"
    )]
    pub send: Vec<String>,

    /// Expect a matching message (repeatable: a sequence)
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true, help_heading = "For a URL")]
    pub expect: Vec<Pattern>,

    /// Expect this HTTP status in the handshake
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(100..=599), help_heading = "For a URL", hide_short_help = true)]
    pub expect_status: Option<u16>,

    /// Expect the server to close with CODE and a reason that matches PATTERN
    #[arg(long, value_name = "CODE[ PATTERN]", value_parser = ExpectedClose::parse, help_heading = "For a URL", hide_short_help = true)]
    pub expect_close: Option<ExpectedClose>,

    /// Expect the server to choose this subprotocol (offer it with -s)
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "For a URL",
        hide_short_help = true
    )]
    pub expect_subprotocol: Option<String>,

    /// Maximum time from the name lookup to the 101
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "For a URL")]
    pub max_handshake: Option<Duration>,

    /// Minimum number of days that the certificate is still valid
    #[arg(long, value_name = "N", help_heading = "For a URL")]
    pub min_cert_days: Option<u32>,

    /// Checks to skip: handshake, accept-key, subprotocol, compression, certificate, ping, message, close
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(FACTS), hide_possible_values = true, help_heading = "For a URL", hide_short_help = true)]
    pub skip: Vec<String>,

    /// Time limit for each answer; a check file overrides it with timeout and within
    #[arg(short, long, value_name = "TIME", value_parser = wait, default_value = "5s")]
    pub wait: Duration,

    /// Run N tests in parallel
    #[arg(
        hide_short_help = true,
        short,
        long,
        value_name = "N",
        default_value = "1",
        help_heading = "For files"
    )]
    pub jobs: NonZeroUsize,

    /// Stop starting tests after the first failure
    #[arg(long, help_heading = "For files", hide_short_help = true)]
    pub fail_fast: bool,

    /// Wait at pause steps, as long as they say (recordings contain them)
    #[arg(long, help_heading = "For files", hide_short_help = true)]
    pub pace: bool,

    /// List the tests without running them
    #[arg(
        long,
        conflicts_with = "json",
        help_heading = "For files",
        hide_short_help = true
    )]
    pub list: bool,

    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file())]
    pub junit: Option<PathBuf>,

    /// Write the results as TAP version 14
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub tap: Option<PathBuf>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const AUDIT_EXAMPLES: &str = "\
Examples:
  wsprobe audit ws://localhost:8080/
  wsprobe audit wss://staging.example.com/ws -x env:LOGIN --after '{\"type\":\"welcome\"}'
  wsprobe audit --list
  wsprobe audit ws://localhost:8080/ --only frames,close-reason-utf8
  wsprobe audit wss://staging.example.com/ws --allow origin --sarif audit.sarif";

#[derive(Debug, Args)]
#[command(after_help = AUDIT_EXAMPLES)]
pub struct AuditArgs {
    /// ws://…, wss://…, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, or echo: (the built-in server)
    #[arg(value_hint = ValueHint::Url, required_unless_present = "list")]
    pub url: Option<String>,

    /// Run only these groups or probes (repeatable, or separated by commas)
    #[arg(long, value_name = "GROUP|ID,...", value_delimiter = ',', value_parser = ProbeNameParser, hide_possible_values = true)]
    pub only: Vec<String>,

    /// Do not run these groups or probes
    #[arg(long, value_name = "GROUP|ID,...", value_delimiter = ',', value_parser = ProbeNameParser, hide_possible_values = true)]
    pub skip: Vec<String>,

    /// Accept the findings of these groups or probes: they are reported as accepted and do not fail the audit
    #[arg(long, value_name = "GROUP|ID,...", value_delimiter = ',', value_parser = ProbeNameParser, hide_possible_values = true)]
    pub allow: Vec<String>,

    /// List the probes with their sections, without running them
    #[arg(long, conflicts_with = "json")]
    pub list: bool,

    /// Also run the probes that strain a server or are known to have ended some, last and one at a time
    #[arg(long)]
    pub intrusive: bool,

    /// A text message that the application accepts, for probes that need one
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "hi",
        allow_hyphen_values = true
    )]
    pub message: String,

    /// Wait for a matching message after those of -x, such as the answer to a login, before each probe
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub after: Option<Pattern>,

    /// A foreign origin that is let in fails the audit, also without credentials
    #[arg(long)]
    pub expect_origin_check: bool,

    /// Time limit of each probe
    #[arg(short, long, value_name = "TIME", value_parser = wait, default_value = "5s")]
    pub wait: Duration,

    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file())]
    pub junit: Option<PathBuf>,

    /// Write the results as TAP version 14
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub tap: Option<PathBuf>,

    /// Write the findings as SARIF 2.1.0, for code scanning
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file())]
    pub sarif: Option<PathBuf>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  wsprobe import session.har > chat.wst            a file that Chrome saved (\"HAR with content\")
  wsprobe import --entry 2 session.har             only its second WebSocket connection
  wsprobe listen --log feed.jsonl -c 5 wss://example.com/feed; wsprobe import feed.jsonl
  wsprobe import - > chat.wst                      paste a curl command, then press Ctrl-D";

#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub struct ImportArgs {
    /// A HAR file, lines of --log or --json, or a curl command; - reads standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,

    /// Only this connection: its number, from 1, or a PATTERN of its URL
    #[arg(long, value_name = "N|PATTERN", value_parser = entry)]
    pub entry: Option<EntryChoice>,
}

/// A connection of a recording.
#[derive(Clone, Debug)]
pub enum EntryChoice {
    /// The Nth, from 1.
    Number(usize),
    /// Those whose URL matches.
    Url(Pattern),
}

fn entry(typed: &str) -> Result<EntryChoice, String> {
    match typed.parse::<usize>() {
        Ok(0) => Err("connections are counted from 1".to_owned()),
        Ok(number) => Ok(EntryChoice::Number(number)),
        Err(_) => pattern(typed).map(EntryChoice::Url),
    }
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(wsprobe completions bash)
  wsprobe completions zsh > ~/.zfunc/_wsprobe
  wsprobe completions fish > ~/.config/fish/completions/wsprobe.fish";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// Shell to generate the script for
    #[arg(value_enum)]
    pub shell: Shell,
}

const HELP_EXAMPLES: &str = "\
Examples:
  wsprobe help send           the same as wsprobe send --help
  wsprobe help exit-codes     what each exit status means
  wsprobe help patterns       how --expect, --until and --filter match
  wsprobe help auditing       what audit finds, and what to change in the server
  wsprobe help conversations  taking turns, variables, rules that answer
  wsprobe help json           the events of --json, field by field
  wsprobe help check-file     scripted conversations
  wsprobe help environment    the environment variables that wsprobe reads";

#[derive(Debug, Args)]
#[command(after_help = HELP_EXAMPLES)]
pub struct HelpArgs {
    /// Command or topic
    #[arg(value_name = "TOPIC", value_parser = topics())]
    pub topic: Option<String>,
}

/// The topics of `help`: commands, then chapters of the manual.
fn topics() -> PossibleValuesParser {
    const VERBS: [&str; 10] = [
        "connect",
        "send",
        "listen",
        "ping",
        "check",
        "audit",
        "import",
        "serve",
        "proxy",
        "completions",
    ];
    let verbs = VERBS.into_iter().map(PossibleValue::new);
    let chapters = TOPICS
        .iter()
        .map(|topic| PossibleValue::new(topic.name).help(topic.about));
    PossibleValuesParser::new(verbs.chain(chapters).collect::<Vec<_>>())
}
