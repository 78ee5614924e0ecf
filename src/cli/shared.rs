//! The options of every verb that connects, in the groups under which the help shows them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::values::{
    HeaderArg, SubprotocolArg, cookie, given_header, given_subprotocol, given_user, interface,
    interval, max_time, offer, on_open_message, origin, plain_value, report_file, server_name,
    source,
};
use crate::connection::backoff::{Backoff, RetryException};
use crate::connection::close::CloseFrame;
use crate::connection::dial::{LocalEnd, Override};
use crate::connection::wire::negotiation::DeflateOffer;
use crate::link::reconnect::RetryLimit;
use crate::secret::SecretSource;
use crate::units;

// Options of every verb that connects.
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
    pub output: OutputArgs,
}

// What the upgrade request says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Handshake")]
pub struct HandshakeArgs {
    /// Add a request header (repeat for several; it replaces one of ours, 'Name:' leaves one out, 'Name;' sends it empty; @FILE and env:NAME read one a line)
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = given_header)]
    pub headers: Vec<HeaderArg>,

    /// Offer a subprotocol (repeat, or separate with commas); @FILE and env:NAME keep a token out of the command line
    #[arg(short, long = "subprotocol", alias = "protocol", value_name = "NAME", value_delimiter = ',', value_parser = given_subprotocol)]
    pub subprotocols: Vec<SubprotocolArg>,

    /// Send an Origin header, as a browser does
    #[arg(short, long, value_name = "ORIGIN", value_parser = origin, hide_short_help = true)]
    pub origin: Option<String>,

    /// Log in with a user and password; without the password, WSPROBE_PASSWORD has it or the terminal asks; env:NAME reads both from a variable
    #[arg(short, long, alias = "auth", value_name = "USER[:PASSWORD]", value_parser = given_user)]
    pub user: Option<SecretSource>,

    /// Log in with a token; @FILE and env:NAME keep it out of the command line and are read for every connection
    #[arg(long, value_name = "TOKEN", conflicts_with = "user", value_parser = source)]
    pub bearer: Option<SecretSource>,

    /// Send a cookie (repeat for several)
    #[arg(short = 'b', long = "cookie", value_name = "NAME=VALUE", value_parser = cookie, hide_short_help = true)]
    pub cookies: Vec<String>,

    /// Send another User-Agent; an empty one sends none
    #[arg(short = 'A', long, value_name = "NAME", value_parser = plain_value, hide_short_help = true)]
    pub user_agent: Option<String>,

    /// Follow redirects to ws, wss, http and https, but never from wss to ws; credentials stay with their origin
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

// Compression.
#[derive(Debug, Args)]
#[command(next_help_heading = "Handshake")]
pub struct CompressionArgs {
    /// Do not offer permessage-deflate, which browsers always offer
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
    /// Accept any server certificate, and say what is wrong with it
    #[arg(short = 'k', long, alias = "no-check")]
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

// The way to the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
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

    /// Connect from this address or network interface of this machine
    #[arg(long, value_name = "ADDRESS|NAME", value_parser = interface, hide_short_help = true)]
    pub interface: Option<LocalEnd>,
}

// Limits of time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct TimingArgs {
    /// The limit from the name lookup to the server's 101
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "10s")]
    pub connect_timeout: Duration,

    /// The limit of the whole run; reaching it is exit 28
    #[arg(short, long, value_name = "TIME", value_parser = max_time)]
    pub max_time: Option<Duration>,

    /// The limit from our close frame to the server's
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "2s", hide_short_help = true)]
    pub close_timeout: Duration,
}

// What brings a connection back and keeps it alive.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct ReconnectArgs {
    /// Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try
    #[arg(long, value_name = "N|TIME", value_parser = RetryLimit::parse)]
    pub retry: Option<RetryLimit>,

    /// Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is
    #[arg(long, value_name = "N|TIME", value_parser = RetryLimit::parse, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub reconnect: Option<RetryLimit>,

    /// Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011
    #[arg(long, value_name = "LIST", value_parser = RetryException::parse, value_delimiter = ',', requires = "reconnect", hide_short_help = true)]
    pub reconnect_on: Vec<RetryException>,

    /// The wait before a retry: a random part of BASE, doubled each time up to MAX
    #[arg(long, value_name = "BASE..MAX", value_parser = Backoff::parse, default_value = "1s..30s", hide_short_help = true)]
    pub backoff: Backoff,

    /// Send a ping frame every TIME; a server that does not answer is a loss
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

// Messages.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct MessageArgs {
    /// Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line
    #[arg(
        short = 'x',
        long = "execute",
        value_name = "MESSAGE",
        value_parser = on_open_message,
        allow_hyphen_values = true
    )]
    pub execute: Vec<SecretSource>,

    /// The code, and the reason, that we close with
    #[arg(long, value_name = "CODE[:REASON]", value_parser = CloseFrame::parse, default_value = "1000", hide_short_help = true)]
    pub close: CloseFrame,

    /// The largest message accepted
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true)]
    pub max_size: u64,
}

// Output.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print every event as a line of JSON
    #[arg(long)]
    pub json: bool,

    /// Lay out JSON messages over several lines
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColourChoice::Auto, hide_short_help = true)]
    pub pretty: ColourChoice,

    /// Print the time of arrival (UTC) before each message
    #[arg(short, long, hide_short_help = true)]
    pub timestamps: bool,

    /// Use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColourChoice::Auto, hide_short_help = true)]
    pub color: ColourChoice,

    /// Say less on stderr
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// Say more on stderr: handshake, TLS, times, control frames; twice, every frame
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Write every event as a line of JSON to FILE as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file(), hide_short_help = true)]
    pub log: Option<PathBuf>,

    /// Show credentials and tokens in output
    #[arg(long, hide_short_help = true)]
    pub show_secrets: bool,
}

/// When to do something for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
