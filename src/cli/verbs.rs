//! The verbs that connect, and the two that help: their own options and examples.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueHint};
use clap_complete::Shell;

use super::shared::SharedArgs;
use super::values::{deadline, definition, fragment_size, jq, loss, pattern, report_file, wait};
use crate::expectation::ExpectedClose;
use crate::manual::TOPICS;
use crate::pattern::{Jq, Pattern};
use crate::script::endpoint::FACTS;
use crate::units;

const CONNECT_EXAMPLES: &str = "\
Examples:
  wsprobe connect                                   the built-in echo server
  wsprobe connect wss://example.com/chat -x env:LOGIN
  printf 'one\\ntwo\\n' | wsprobe connect ws://localhost:8080/   a duplex pipe";

#[derive(Debug, Args)]
#[command(after_help = CONNECT_EXAMPLES)]
pub struct ConnectArgs {
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, or echo: for the built-in server
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
    pub shared: SharedArgs,
}

const SEND_EXAMPLES: &str = "\
Examples:
  wsprobe send wss://example.com/ '{\"op\":\"time\"}'      one message, one reply
  printf 'one\\ntwo\\n' | wsprobe send ws://localhost:8080/   one message a line
  wsprobe send --expect '{\"ok\":true}' wss://example.com/ '{\"op\":\"ping\"}'   pass or fail
  wsprobe send -c 3 wss://example.com/feed '{\"op\":\"subscribe\"}'
  wsprobe send --no-wait --binary --whole ws://localhost:8080/ < picture.png";

#[derive(Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub struct SendArgs {
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, or echo: for the built-in server
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
    ///
    /// A message that is still coming in, however slowly, is no silence: --max-time ends that.
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
    pub shared: SharedArgs,
}

const LISTEN_EXAMPLES: &str = "\
Examples:
  wsprobe listen wss://example.com/feed | jq .price
  wsprobe listen -x '{\"op\":\"subscribe\"}' --for 1m wss://example.com/feed
  wsprobe listen -1 ws://localhost:8080/snapshot > snapshot.bin";

#[derive(Debug, Args)]
#[command(after_help = LISTEN_EXAMPLES)]
pub struct ListenArgs {
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, or echo: for the built-in server
    #[arg(value_hint = ValueHint::Url, required_unless_present = "listen_port")]
    pub url: Option<String>,

    /// End after N messages
    #[arg(short, long, value_name = "N")]
    pub count: Option<u64>,

    /// End after one message
    #[arg(short = '1', long, conflicts_with = "count")]
    pub one: bool,

    /// End after so long, with exit 0
    #[arg(long = "for", value_name = "TIME", value_parser = units::duration)]
    pub span: Option<Duration>,

    /// End after the first message that matches, with exit 0
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
    /// ws://, wss://, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, or echo: for the built-in server
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

    /// Checks to leave out: handshake, accept-key, subprotocol, compression, certificate, ping, message, close
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(FACTS), hide_possible_values = true, help_heading = "For a URL", hide_short_help = true)]
    pub skip: Vec<String>,

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
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file())]
    pub junit: Option<PathBuf>,

    /// Write the results as TAP version 14
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub tap: Option<PathBuf>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(wsprobe completions bash)
  wsprobe completions zsh > ~/.zfunc/_wsprobe
  wsprobe completions fish > ~/.config/fish/completions/wsprobe.fish";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
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

#[derive(Debug, Args)]
#[command(after_help = HELP_EXAMPLES)]
pub struct HelpArgs {
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
