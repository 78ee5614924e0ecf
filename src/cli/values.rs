//! How the text of an option becomes its value. What another tool means by the same letter is named
//! here, where it would otherwise be taken for something else.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::connection::dial::LocalEnd;
use crate::connection::target::RequestHeader;
use crate::connection::wire::negotiation::DeflateOffer;
use crate::pattern::{Jq, Pattern};
use crate::secret::{SecretSource, is_credential_header};
use crate::units;

/// A header, or a file of headers.
#[derive(Clone, Debug)]
pub enum HeaderArg {
    /// `Name: value`.
    Line(RequestHeader),
    /// Header lines of a file or a variable: `@FILE`, `env:NAME`.
    Kept(SecretSource),
}

/// A subprotocol, or where some are kept.
#[derive(Clone, Debug)]
pub enum SubprotocolArg {
    /// Its name.
    Name(String),
    /// `@FILE`, `env:NAME`.
    Kept(SecretSource),
}

pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| error.to_string())
}

pub(super) fn definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if crate::script::is_name(name) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        Some((name, _)) => Err(format!("'{name}' is no name: letters, digits, _ and -")),
        None => Err("write NAME=VALUE".to_owned()),
    }
}

pub(super) fn jq(text: &str) -> Result<Jq, String> {
    Jq::compile(text).map_err(|error| error.to_string())
}

/// `-w` means a time here; curl's users expect a format.
pub(super) fn wait(text: &str) -> Result<Duration, String> {
    if text.contains('%') {
        return Err(
            "-w is how long to wait (5s); for fields of the connection use --json and jq"
                .to_owned(),
        );
    }
    units::duration(text)
}

/// The limit of everything; without it there is none, as curl's 0 says.
pub(super) fn max_time(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        Duration::ZERO => Err("it must be longer than 0; without it there is no limit".to_owned()),
        time => Ok(time),
    }
}

/// `-w` of ping is its end.
pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    match wait(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        time => Ok(time),
    }
}

pub(super) fn loss(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("write a number from 0 to 100".to_owned()),
    }
}

/// `-o` is the Origin here; curl's users expect a file.
pub(super) fn origin(text: &str) -> Result<String, String> {
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
            "-x is a message to send, and this looks like a proxy: --proxy {text}; to send it all the same, -x @FILE"
        ));
    }
    Ok(SecretSource::parse(text))
}

/// An Origin that a server lets in.
pub(super) fn allowed_origin(text: &str) -> Result<String, String> {
    match text {
        "*" | "null" => Ok(text.to_owned()),
        _ if text.contains("://") => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(format!(
            "'{text}' is no origin: write https://app.example, null or *"
        )),
    }
}

pub(super) fn close_reason(text: &str) -> Result<String, String> {
    match text.len() {
        0..=123 => Ok(text.to_owned()),
        n => Err(format!("it has {n} bytes, a close frame holds 123")),
    }
}

/// `-s` is a subprotocol here; ping's users expect a size.
pub fn subprotocol(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains("://") {
        return Err(format!(
            "-s names a subprotocol, and '{text}' is a URL; to say less, -q"
        ));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "-s names a subprotocol, and '{text}' is a number: the size of a ping is --size {text}"
        ));
    }
    if text.is_empty() || !text.bytes().all(crate::connection::target::is_token_byte) {
        return Err(format!(
            "'{text}' is no subprotocol name: letters, digits and . _ - (RFC 6455 §4.1)"
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn given_header(text: &str) -> Result<HeaderArg, String> {
    match SecretSource::parse(text) {
        source @ SecretSource::File(..) => Ok(HeaderArg::Kept(source)),
        // `env: value` is a header of that name.
        SecretSource::Environment(name) if is_variable(&name) => {
            Ok(HeaderArg::Kept(SecretSource::Environment(name)))
        }
        _ => {
            let header = RequestHeader::parse(text)?;
            // Not quoted, the rest of it would be taken for the URL, or sent as messages.
            if header.value.is_none() && is_credential_header(&header.name) {
                return Err(format!(
                    "it has no value: quote all of it, -H '{}: VALUE'",
                    header.name
                ));
            }
            Ok(HeaderArg::Line(header))
        }
    }
}

/// A subprotocol's name, or where it is kept.
pub(super) fn given_subprotocol(text: &str) -> Result<SubprotocolArg, String> {
    match SecretSource::parse(text.trim()) {
        SecretSource::Literal(_) => subprotocol(text).map(SubprotocolArg::Name),
        source => Ok(SubprotocolArg::Kept(source)),
    }
}

/// A file to write to. `-` is stdout elsewhere, which has the results and the messages here.
pub(super) fn report_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.to_str() {
        Some("-") => Err("'-' is not supported: write the name of a file, such as /dev/fd/3"),
        _ => Ok(path),
    })
}

/// A text, or where it is kept.
#[allow(clippy::unnecessary_wraps, reason = "clap asks for this form")]
pub(super) fn source(text: &str) -> Result<SecretSource, String> {
    Ok(SecretSource::parse(text))
}

/// Whether a text can be the name of an environment variable.
fn is_variable(name: &str) -> bool {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name && name.starts_with(|first: char| !first.is_ascii_digit())
}

pub(super) fn plain_value(text: &str) -> Result<String, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("it holds a control character".to_owned());
    }
    Ok(text.to_owned())
}

/// A user, perhaps with a password.
pub fn user(text: &str) -> Result<String, String> {
    if ["ws://", "wss://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        return Err("a URL stands where the user is expected: write -u USER".to_owned());
    }
    let user = text.split(':').next().unwrap_or_default();
    if user.is_empty() {
        return Err("it names no user: write USER or USER:PASSWORD".to_owned());
    }
    plain_value(text)
}

/// A user and a password, or where both are kept.
pub(super) fn given_user(text: &str) -> Result<SecretSource, String> {
    match SecretSource::parse(text) {
        SecretSource::Environment(name) if !is_variable(&name) => {
            Err("invalid variable name: expected USER:PASSWORD or env:NAME".to_owned())
        }
        SecretSource::Literal(text) => user(&text).map(SecretSource::Literal),
        source => Ok(source),
    }
}

/// `-b` is a cookie here; curl's users may expect a file of them.
pub(super) fn cookie(text: &str) -> Result<String, String> {
    let text = plain_value(text)?;
    if !text.contains('=') {
        return Err(
            "it is no cookie: write NAME=VALUE; for a file of headers use -H @FILE, for binary messages --binary".to_owned(),
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
    // As Linux has it (IFNAMSIZ).
    let is_name = (1..16).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'/' && b != b':');
    match is_name {
        true => Ok(LocalEnd::Interface(text.to_owned())),
        false => Err(format!(
            "'{text}' is neither an IP address nor the name of a network interface"
        )),
    }
}

pub(super) fn offer(text: &str) -> Result<DeflateOffer, String> {
    DeflateOffer::with_parameters(text).map_err(|error| error.to_string())
}

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        time => Ok(time),
    }
}

pub(super) fn fragment_size(text: &str) -> Result<usize, String> {
    match units::size(text)? {
        0 => Err("a fragment needs at least one byte".to_owned()),
        size => usize::try_from(size).map_err(|_| format!("'{text}' is too large")),
    }
}
