//! Parsers from the text of an option to its value. Where another tool (curl, ping) uses the same letter for
//! something else, the parser detects such a value and the error names the option that was probably meant.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PathBufValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Command, ValueEnum};

use crate::audit::probe::GROUPS;
use crate::audit::probes;
use crate::connection::dial::LocalEnd;
use crate::connection::target::RequestHeader;
use crate::connection::wire::negotiation::DeflateOffer;
use crate::decode::{DecodeFormat, FORMATS};
use crate::nearest::nearest;
use crate::output::message_layout::BinaryForm;
use crate::pattern::{Jq, Pattern};
use crate::rules::{self, Answer};
use crate::secret::{SecretSource, is_credential_header};
use crate::template::Template;
use crate::units;

/// A value of `-H`: a header, or a source of header lines.
#[derive(Clone, Debug)]
pub enum HeaderArg {
    /// `Name: value`.
    Line(RequestHeader),
    /// Header lines in a file or an environment variable: `@FILE`, `env:NAME`.
    Kept(SecretSource),
}

/// A value of `-s`: a subprotocol, or a source of some.
#[derive(Clone, Debug)]
pub enum SubprotocolArg {
    /// The name itself.
    Name(String),
    /// Names in a file or an environment variable: `@FILE`, `env:NAME`.
    Kept(SecretSource),
}

/// A value of `--binary-output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BinaryOutput {
    /// The bytes unchanged
    Raw,
    /// Hexadecimal digits
    Hex,
    /// Base64
    Base64,
}

impl From<BinaryOutput> for BinaryForm {
    fn from(typed: BinaryOutput) -> Self {
        match typed {
            BinaryOutput::Raw => Self::Raw,
            BinaryOutput::Hex => Self::Hex,
            BinaryOutput::Base64 => Self::Base64,
        }
    }
}

/// Reads `--decode`; the names of the formats are completed.
#[derive(Clone)]
pub(super) struct DecodeParser;

impl TypedValueParser for DecodeParser {
    type Value = DecodeFormat;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<DecodeFormat, clap::Error> {
        DecodeFormat::parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        Some(Box::new(FORMATS.into_iter().map(PossibleValue::new)))
    }
}

/// Reads a group or an id of `audit`; all of them are completed.
#[derive(Clone)]
pub(super) struct ProbeNameParser;

impl ProbeNameParser {
    fn names() -> impl Iterator<Item = &'static str> {
        GROUPS
            .into_iter()
            .chain(probes::all().map(|probe| probe.id))
    }

    fn parse(text: &str) -> Result<String, String> {
        if Self::names().any(|name| name == text) {
            return Ok(text.to_owned());
        }
        let near = nearest(text, Self::names());
        let near = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
        Err(format!(
            "unknown group or probe '{text}'{near} (wsprobe audit --list shows them)"
        ))
    }
}

impl TypedValueParser for ProbeNameParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        Self::parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        Some(Box::new(Self::names().map(PossibleValue::new)))
    }
}

pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| match text.contains("{{") {
        true => format!("{error}; variables are filled in in patterns of check files only"),
        false => error.to_string(),
    })
}

pub(super) fn definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if crate::template::is_name(name) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        Some((name, _)) => Err(format!(
            "invalid variable name '{name}': expected letters, digits, _ and -"
        )),
        None => Err("expected NAME=VALUE".to_owned()),
    }
}

/// A value of `--capture`.
pub(super) fn capture(text: &str) -> Result<(String, Jq), String> {
    let (name, query) = definition(text).map_err(|why| match text.contains('=') {
        true => why,
        false => "expected NAME=JQ, such as token=.token".to_owned(),
    })?;
    Ok((name, jq(&query)?))
}

/// A value of `--on`: the answer is read later, when the variables are known.
#[derive(Clone, Debug)]
pub struct RuleArg {
    /// The messages that it answers.
    pub pattern: Pattern,
    /// The answer.
    pub answer: String,
}

pub(super) fn rule(text: &str) -> Result<RuleArg, String> {
    let (pattern_text, answer) = rules::split(text)?;
    // Whether its variables are known is checked later; an invalid close code is an error of this option.
    Answer::parse(answer, |text, language| {
        Template::lenient(text, language, |_| true)
    })?;
    Ok(RuleArg {
        pattern: pattern(pattern_text)?,
        answer: answer.to_owned(),
    })
}

pub(super) fn jq(text: &str) -> Result<Jq, String> {
    Jq::compile(text).map_err(|error| error.to_string())
}

/// `-w` is a time limit; curl's `-w` is an output format.
pub(super) fn wait(text: &str) -> Result<Duration, String> {
    if text.contains('%') {
        return Err(
            "-w expects a time limit such as 5s; for connection details use --json and jq"
                .to_owned(),
        );
    }
    units::duration(text)
}

/// `--max-time`. curl's 0 means no limit, which is the default here, so 0 is refused.
pub(super) fn max_time(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        Duration::ZERO => Err("must be greater than zero; omit the option for no limit".to_owned()),
        time => Ok(time),
    }
}

/// `-w` of `ping`: its deadline.
pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    match wait(text)? {
        Duration::ZERO => Err("must be greater than zero".to_owned()),
        time => Ok(time),
    }
}

pub(super) fn loss(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}

/// `-o` is the Origin header; curl's `-o` is an output file.
pub(super) fn origin(text: &str) -> Result<String, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(format!(
            "origin '{}' contains a control character",
            text.escape_debug()
        ));
    }
    if text == "null" || text.contains("://") {
        return Ok(text.to_owned());
    }
    Err(format!(
        "invalid origin '{text}' (expected https://example.com or null); to write the output to a file, use > {text}"
    ))
}

/// `-x` is a message; curl's `-x` is a proxy.
pub(super) fn on_open_message(text: &str) -> Result<SecretSource, String> {
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
            "-x sends a message, but '{text}' looks like a proxy: use --proxy {text}; to send this text, use -x @FILE"
        ));
    }
    Ok(SecretSource::parse(text))
}

/// An Origin that `serve` accepts.
pub(super) fn allowed_origin(text: &str) -> Result<String, String> {
    match text {
        "*" | "null" => Ok(text.to_owned()),
        _ if text.contains("://") => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(format!(
            "invalid origin '{text}': expected https://app.example, null or *"
        )),
    }
}

pub(super) fn close_reason(text: &str) -> Result<String, String> {
    match text.len() {
        0..=123 => Ok(text.to_owned()),
        n => Err(format!("{n} bytes exceed the 123 of a close reason")),
    }
}

/// A subprotocol name (RFC 6455 §4.1). `-s` of ping(8) is a size, and curl's `-s` has no value: a number or
/// a URL is refused with a hint.
pub fn subprotocol(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains("://") {
        return Err(format!(
            "-s expects a subprotocol, but '{text}' is a URL; to print less, use -q"
        ));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "-s expects a subprotocol, but '{text}' is a number; for the size of a ping, use --size {text}"
        ));
    }
    if text.is_empty() || !text.bytes().all(crate::connection::target::is_token_byte) {
        return Err(format!(
            "invalid subprotocol '{text}': expected letters, digits and . _ - (RFC 6455 §4.1)"
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn given_header(text: &str) -> Result<HeaderArg, String> {
    match SecretSource::parse(text) {
        source @ SecretSource::File(..) => Ok(HeaderArg::Kept(source)),
        // `env: value` is a header named env.
        SecretSource::Environment(name) if is_variable(&name) => {
            Ok(HeaderArg::Kept(SecretSource::Environment(name)))
        }
        _ => {
            let header = RequestHeader::parse(text)?;
            // An unquoted value would be parsed as the URL, or sent as messages.
            if header.value.is_none() && is_credential_header(&header.name) {
                return Err(format!(
                    "the value is missing; quote the whole header: -H '{}: VALUE'",
                    header.name
                ));
            }
            Ok(HeaderArg::Line(header))
        }
    }
}

/// A value of `-s`.
pub(super) fn given_subprotocol(text: &str) -> Result<SubprotocolArg, String> {
    match SecretSource::parse(text.trim()) {
        SecretSource::Literal(_) => subprotocol(text).map(SubprotocolArg::Name),
        source => Ok(SubprotocolArg::Kept(source)),
    }
}

/// A file to write to. `-` is refused: stdout already carries the messages and results.
pub(super) fn report_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.to_str() {
        Some("-") => Err("'-' is not supported; use a file name, such as /dev/fd/3"),
        _ => Ok(path),
    })
}

/// A literal text, `@FILE` or `env:NAME`.
#[allow(
    clippy::unnecessary_wraps,
    reason = "clap expects a parser that returns a Result"
)]
pub(super) fn source(text: &str) -> Result<SecretSource, String> {
    Ok(SecretSource::parse(text))
}

/// Whether a text is a valid name of an environment variable.
fn is_variable(name: &str) -> bool {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name && name.starts_with(|first: char| !first.is_ascii_digit())
}

pub(super) fn plain_value(text: &str) -> Result<String, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("contains a control character".to_owned());
    }
    Ok(text.to_owned())
}

/// `USER` or `USER:PASSWORD`.
///
/// # Errors
/// The text is a URL, has no user name, or contains a control character.
pub fn user(text: &str) -> Result<String, String> {
    if ["ws://", "wss://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        return Err("expected a user, found a URL: use -u USER".to_owned());
    }
    let user = text.split(':').next().unwrap_or_default();
    if user.is_empty() {
        return Err("the user name is missing: expected USER or USER:PASSWORD".to_owned());
    }
    plain_value(text)
}

/// A value of `-u`.
pub(super) fn given_user(text: &str) -> Result<SecretSource, String> {
    match SecretSource::parse(text) {
        SecretSource::Environment(name) if !is_variable(&name) => {
            Err("invalid variable name: expected USER:PASSWORD or env:NAME".to_owned())
        }
        SecretSource::Literal(text) => user(&text).map(SecretSource::Literal),
        source => Ok(source),
    }
}

/// `-b` is a cookie; curl's `-b` may also be a file of cookies.
pub(super) fn cookie(text: &str) -> Result<String, String> {
    let text = plain_value(text)?;
    if !text.contains('=') {
        return Err(
            "expected NAME=VALUE; for a file of headers use -H @FILE, for binary messages --binary"
                .to_owned(),
        );
    }
    Ok(text.trim_end_matches(';').trim().to_owned())
}

pub(super) fn server_name(text: &str) -> Result<String, String> {
    crate::connection::tls::server_name(text).map(|_| text.to_owned())
}

pub(super) fn interface(text: &str) -> Result<LocalEnd, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse() {
        return Ok(LocalEnd::Address(ip));
    }
    // Linux limits a name to 15 bytes (IFNAMSIZ).
    let is_name = (1..16).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'/' && b != b':');
    match is_name {
        true => Ok(LocalEnd::Interface(text.to_owned())),
        false => Err(format!(
            "invalid address or interface '{text}': expected an IP address or the name of a network interface"
        )),
    }
}

pub(super) fn offer(text: &str) -> Result<DeflateOffer, String> {
    DeflateOffer::with_parameters(text).map_err(|error| error.to_string())
}

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        Duration::ZERO => Err("must be greater than zero".to_owned()),
        time => Ok(time),
    }
}

pub(super) fn fragment_size(text: &str) -> Result<usize, String> {
    match units::size(text)? {
        0 => Err("must be at least 1 byte".to_owned()),
        size => usize::try_from(size).map_err(|_| format!("size '{text}' is too large")),
    }
}
