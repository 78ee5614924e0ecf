//! The options of `proxy`: listening, the verdict, what is recorded, time limits.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::serve::{FaultArgs, ServeLimitArgs};
use super::shared::{CompressionArgs, HandshakeArgs, NetworkArgs, OutputArgs, TlsArgs};
use super::values::{BinaryOutput, allowed_origin, pattern, report_file};
use crate::pattern::Pattern;
use crate::units;

const PROXY_EXAMPLES: &str = "\
Examples:
  wsprobe proxy 8080 wss://example.com/feed       connect clients to ws://127.0.0.1:8080/ and watch
  wsprobe proxy 8080 wss://example.com/ --json    every message of every connection as JSON
  wsprobe proxy 8080 wss://example.com/ --har session.har --save session.wst
  wsprobe proxy 8080 :9000 --never '{\"type\":\"error\"}' --for 1m   pass or fail
  wsprobe proxy 8080 wss://example.com/ --drop-after 10   does the client reconnect?";

#[derive(Debug, Args)]
#[command(after_help = PROXY_EXAMPLES)]
pub struct ProxyArgs {
    /// Address to listen on (default 127.0.0.1); port 0 picks a free port
    #[arg(value_name = "[ADDRESS:]PORT")]
    pub address: String,

    /// Server: ws://…, wss://…, HOST[:PORT][/PATH], :PORT[/PATH], ws+unix:/path.sock:/uri, or echo: (the built-in server)
    ///
    /// The path and query of each client are appended if URL has no path or its path ends in /.
    #[arg(value_hint = ValueHint::Url)]
    pub url: String,

    #[command(flatten)]
    pub verdict: ProxyVerdictArgs,
    #[command(flatten)]
    pub record: ProxyRecordArgs,
    #[command(flatten)]
    pub faults: FaultArgs,
    #[command(flatten)]
    pub admission: ProxyAccessArgs,
    #[command(flatten)]
    pub limits: ServeLimitArgs,
    #[command(flatten)]
    pub handshake: HandshakeArgs,
    #[command(flatten)]
    pub compression: CompressionArgs,
    #[command(flatten)]
    pub tls: TlsArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub timing: ProxyTimeArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

// When a proxy ends, and whether it has succeeded.
#[derive(Debug, Args)]
pub struct ProxyVerdictArgs {
    /// Stop after N connections have ended, exit 0
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Stop after TIME, exit 0
    #[arg(long = "for", value_name = "TIME", value_parser = units::duration)]
    pub span: Option<Duration>,

    /// Stop after the first message of either side that matches, exit 0; without one, --for and --count exit 1
    ///
    /// PATTERN is {…} or […] (JSON subset), /…/ or /…/i (regular expression), .path … (jq expression that
    /// must be true), hex:00 ff ?? … (bytes), schema:FILE (JSON Schema), or any other text (exact match).
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub until: Option<Pattern>,

    /// Exit 1 at once if a message of either side matches (repeatable)
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    pub never: Vec<Pattern>,
}

// What a proxy writes at its end.
#[derive(Debug, Args)]
pub struct ProxyRecordArgs {
    /// Write what passed as a check file: a test for each connection
    ///
    /// FILE must not exist. Secrets become variables; the first lines of the file say how to pass them.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file())]
    pub save: Option<PathBuf>,

    /// Write what passed as HAR 1.2, with the messages as browsers export them; secrets are redacted
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file())]
    pub har: Option<PathBuf>,

    /// Print binary messages as raw bytes, or each as a line of hex or base64
    ///
    /// On a terminal raw bytes are shown as a hexdump.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = BinaryOutput::Raw, hide_default_value = true, conflicts_with = "json", hide_short_help = true)]
    pub binary_output: BinaryOutput,
}

// Who may connect to a proxy.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub struct ProxyAccessArgs {
    /// Accept clients with TLS (wss) and this certificate chain (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub listen_cert: Option<PathBuf>,

    /// Private key of --listen-cert (PEM), if not in the same file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "listen_cert")]
    pub listen_key: Option<PathBuf>,

    /// Accept clients with TLS (wss) and a generated certificate; prints its fingerprint
    #[arg(long, conflicts_with = "listen_cert")]
    pub self_signed: bool,

    /// Accept web pages from ORIGIN (https://app.example, null for files, * for all; repeatable)
    ///
    /// By default only pages from this machine may connect. Clients that send no Origin header, such as programs
    /// other than browsers, are always accepted.
    #[arg(long, value_name = "ORIGIN", value_parser = allowed_origin)]
    pub allow_origin: Vec<String>,
}

// The time limits of a proxy.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct ProxyTimeArgs {
    /// Time limit from the name lookup to the server's 101; the client gets 504 then
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "10s")]
    pub connect_timeout: Duration,

    /// Time limit for a side to close after the other one has closed or is lost
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "2s", hide_short_help = true)]
    pub close_timeout: Duration,
}
