//! The options shared by every command that connects, in the groups under which `--help` shows them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::values::{
    DecodeParser, HeaderArg, RuleArg, SubprotocolArg, cookie, definition, given_header,
    given_subprotocol, given_user, interface, interval, max_time, offer, on_open_message, origin,
    plain_value, report_file, rule, server_name, source,
};
use crate::connection::backoff::{Backoff, RetryException};
use crate::connection::close::CloseFrame;
use crate::connection::dial::{LocalEnd, Override};
use crate::connection::wire::negotiation::DeflateOffer;
use crate::decode::DecodeFormat;
use crate::link::reconnect::RetryLimit;
use crate::secret::SecretSource;
use crate::units;

// Options of every command that connects.
#[derive(Debug, Args)]
pub struct SharedArgs {
    #[command(flatten)]
    pub handshake: HandshakeArgs,
    #[command(flatten)]
    pub compression: CompressionArgs,
    #[command(flatten)]
    pub tls: TlsArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub timing: TimingArgs,
    #[command(flatten)]
    pub persistence: ReconnectArgs,
    #[command(flatten)]
    pub messages: MessageArgs,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

// The upgrade request.
#[derive(Debug, Args)]
#[command(next_help_heading = "Handshake")]
pub struct HandshakeArgs {
    /// Add or replace a request header (repeatable); 'Name:' removes it, 'Name;' sends it empty; @FILE and env:NAME contain one header per line
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = given_header)]
    pub headers: Vec<HeaderArg>,

    /// Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line
    #[arg(short, long = "subprotocol", alias = "protocol", value_name = "NAME", value_delimiter = ',', value_parser = given_subprotocol)]
    pub subprotocols: Vec<SubprotocolArg>,

    /// Send this Origin header, as a browser does
    #[arg(short, long, value_name = "ORIGIN", value_parser = origin, hide_short_help = true)]
    pub origin: Option<String>,

    /// Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable
    #[arg(short, long, alias = "auth", value_name = "USER[:PASSWORD]", value_parser = given_user)]
    pub user: Option<SecretSource>,

    /// Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection
    #[arg(long, value_name = "TOKEN", conflicts_with = "user", value_parser = source)]
    pub bearer: Option<SecretSource>,

    /// Send a cookie (repeatable)
    #[arg(short = 'b', long = "cookie", value_name = "NAME=VALUE", value_parser = cookie, hide_short_help = true)]
    pub cookies: Vec<String>,

    /// Set the User-Agent header; an empty value sends none
    #[arg(short = 'A', long, value_name = "NAME", value_parser = plain_value, hide_short_help = true)]
    pub user_agent: Option<String>,

    /// Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only
    #[arg(short = 'L', long, hide_short_help = true)]
    pub location: bool,

    /// Maximum number of redirects
    #[arg(
        long,
        value_name = "N",
        default_value = "10",
        requires = "location",
        hide_short_help = true
    )]
    pub max_redirects: u32,

    /// Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws
    #[arg(long, hide_short_help = true)]
    pub http2: bool,
}

// Compression.
#[derive(Debug, Args)]
#[command(next_help_heading = "Handshake")]
pub struct CompressionArgs {
    /// Do not offer permessage-deflate (browsers always offer it)
    #[arg(long, conflicts_with = "compress", hide_short_help = true)]
    pub no_compress: bool,

    /// Offer permessage-deflate with these parameters, such as 'client_max_window_bits=10; server_no_context_takeover'
    #[arg(long, value_name = "PARAMS", value_parser = offer, hide_short_help = true)]
    pub compress: Option<DeflateOffer>,
}

// TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Accept any server certificate, and warn about what is wrong with it
    #[arg(short = 'k', long, alias = "no-check")]
    pub insecure: bool,

    /// Also trust the CA certificates in FILE (PEM)
    #[arg(long, alias = "ca", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cacert: Vec<PathBuf>,

    /// Client certificate chain (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub cert: Option<PathBuf>,

    /// Private key of --cert (PEM), if not in the same file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert", hide_short_help = true)]
    pub key: Option<PathBuf>,

    /// wscat's option for an encrypted key; refused with a hint
    #[arg(long, value_name = "PASSPHRASE", hide = true)]
    pub passphrase: Option<String>,

    /// Server name for SNI and certificate verification, instead of the URL's host
    #[arg(long, value_name = "NAME", value_parser = server_name, hide_short_help = true)]
    pub servername: Option<String>,

    /// Minimum TLS version
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

// Network: proxy, addresses, interface.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub endpoints: Option<PathBuf>,

    /// Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); '' disables the proxy variables of the environment
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,

    /// Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = Override::parse, hide_short_help = true)]
    pub resolve: Vec<Override>,

    /// Connect to this Unix domain socket instead of the URL's host
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub unix_socket: Option<PathBuf>,

    /// Use IPv4 only
    #[arg(short = '4', long, overrides_with = "ipv6", hide_short_help = true)]
    pub ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long, overrides_with = "ipv4", hide_short_help = true)]
    pub ipv6: bool,

    /// Connect from this local address or network interface
    #[arg(long, value_name = "ADDRESS|NAME", value_parser = interface, hide_short_help = true)]
    pub interface: Option<LocalEnd>,
}

// Time limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct TimingArgs {
    /// Time limit from the name lookup to the server's 101
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "10s")]
    pub connect_timeout: Duration,

    /// Time limit of the whole run (exit 28)
    #[arg(short, long, value_name = "TIME", value_parser = max_time)]
    pub max_time: Option<Duration>,

    /// Time limit for the server's close frame after ours
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "2s", hide_short_help = true)]
    pub close_timeout: Duration,
}

// Retry, reconnect and heartbeat.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct ReconnectArgs {
    /// Retry until the first 101: at most N times, or for TIME (such as 30s); retries after network errors, timeouts and HTTP 408 425 429 500 502 503 504
    #[arg(long, value_name = "N|TIME", value_parser = RetryLimit::parse)]
    pub retry: Option<RetryLimit>,

    /// Reconnect after a lost connection: at most N times, for TIME (such as 5m), or without limit; only the messages of -x are sent again
    #[arg(long, value_name = "N|TIME", value_parser = RetryLimit::parse, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub reconnect: Option<RetryLimit>,

    /// Close codes and HTTP statuses after which to reconnect, or (!) not: 1000,4000-4099,!1011
    #[arg(long, value_name = "LIST", value_parser = RetryException::parse, value_delimiter = ',', requires = "reconnect", hide_short_help = true)]
    pub reconnect_on: Vec<RetryException>,

    /// Delay before a retry: random between 0 and BASE; the upper limit doubles each time, up to MAX
    #[arg(long, value_name = "BASE..MAX", value_parser = Backoff::parse, default_value = "1s..30s", hide_short_help = true)]
    pub backoff: Backoff,

    /// Send a ping frame every TIME; the connection is lost if the server does not answer
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub ping_interval: Option<Duration>,

    /// Time limit for any data (a pong or other) after a ping
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "10s", requires = "ping_interval", hide_short_help = true)]
    pub ping_timeout: Duration,

    /// Send this message at each --ping-interval instead of a ping frame; any data received counts as an answer
    #[arg(
        hide_short_help = true,
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        requires = "ping_interval"
    )]
    pub heartbeat: Option<String>,
}

// Messages.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct MessageArgs {
    /// Send a message first on every new connection (repeatable); @FILE and env:NAME keep secrets out of the command line
    #[arg(
        short = 'x',
        long = "execute",
        value_name = "MESSAGE",
        value_parser = on_open_message,
        allow_hyphen_values = true
    )]
    pub execute: Vec<SecretSource>,

    /// Close code and reason to send
    #[arg(long, value_name = "CODE[:REASON]", value_parser = CloseFrame::parse, default_value = "1000", hide_short_help = true)]
    pub close: CloseFrame,

    /// Decode received binary messages: gzip, zlib, deflate or zstd (zlib-stream, zstd-stream: one stream over all messages), then msgpack, cbor or json
    ///
    /// Several formats are separated by commas, in the order in which they are decoded, such as gzip,msgpack. Patterns,
    /// --select and the output then see JSON or text. A message that is not in this format is shown as received.
    #[arg(long, value_name = "FORMAT,...", value_parser = DecodeParser, hide_possible_values = true, hide_short_help = true)]
    pub decode: Option<DecodeFormat>,

    /// Maximum size of an incoming message, also when it is decoded
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true)]
    pub max_size: u64,
}

// Variables in texts, and messages that answer others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Variables and rules")]
pub struct VariableArgs {
    /// Set the variable {{NAME}} in messages, headers and the URL (repeatable)
    ///
    /// Inside JSON and URLs the value is quoted as it has to be. Each use of {{uuid}}, {{now}} (RFC 3339), {{now.ms}},
    /// {{now.s}}, {{ n }} (1, 2, 3 …) and {{random 8}} (hexadecimal digits) has a new value; {{env.NAME}} is an
    /// environment variable, redacted in all output. \{{ is a literal {{. Without --var, --secret, --template or
    /// --capture, a text with {{ is sent unchanged.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = definition)]
    pub variables: Vec<(String, String)>,

    /// Set the variable {{NAME}} and redact its value in all output (repeatable)
    #[arg(long = "secret", value_name = "NAME=VALUE|@FILE|env:VAR", value_parser = definition, hide_short_help = true)]
    pub secrets: Vec<(String, String)>,

    /// Fill in {{uuid}}, {{now}}, {{ n }} and the others even without --var or --secret
    #[arg(long, hide_short_help = true)]
    pub template: bool,

    /// Answer each message that matches PATTERN with MESSAGE (repeatable; the first match answers)
    ///
    /// In MESSAGE, {{.path}} is jq on the message that is answered. 'PATTERN => close CODE REASON' closes. The last =>
    /// divides. An answered message is printed (not with -q), but it is no reply, meets no expectation and is not
    /// counted.
    #[arg(long, value_name = "PATTERN => MESSAGE", value_parser = rule, allow_hyphen_values = true)]
    pub on: Vec<RuleArg>,
}

// Output.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print every event as a line of JSON
    #[arg(long)]
    pub json: bool,

    /// Pretty-print JSON messages
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColourChoice::Auto, hide_short_help = true)]
    pub pretty: ColourChoice,

    /// Print the arrival time (UTC) before each message
    #[arg(short, long, hide_short_help = true)]
    pub timestamps: bool,

    /// Colour the output
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColourChoice::Auto, hide_short_help = true)]
    pub color: ColourChoice,

    /// Print less to stderr (repeatable)
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// Print more to stderr: handshake, TLS, timing, control frames; -vv every frame
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Also write every event as a line of JSON to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub log: Option<PathBuf>,

    /// Show credentials and tokens in output
    #[arg(long, hide_short_help = true)]
    pub show_secrets: bool,
}

/// When to colour or pretty-print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
