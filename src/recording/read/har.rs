//! Reads the WebSocket connections of a HAR file.
//!
//! Only the fields that are used are kept: bodies of other requests, which are most of a large file, are passed over
//! while it is parsed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::error::Category;

use super::ReadError;
use crate::connection::close::CloseCode;
use crate::connection::message::{Direction, Payload};
use crate::recording::recorder::sent_headers;
use crate::recording::{
    Division, Opening, RecordedAnswer, RecordedConnection, RecordedEvent, Recording, since_epoch,
};

/// A time in a message above this is in milliseconds: as seconds it would be after the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;

#[derive(Deserialize)]
struct HarInput {
    log: HarInputLog,
}

#[derive(Deserialize)]
struct HarInputLog {
    #[serde(default)]
    creator: Option<InputCreator>,
    #[serde(default)]
    browser: Option<InputCreator>,
    #[serde(default)]
    entries: Vec<InputEntry>,
}

#[derive(Deserialize)]
struct InputCreator {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct InputEntry {
    #[serde(default, rename = "startedDateTime")]
    started: Option<String>,
    #[serde(default, rename = "_resourceType")]
    resource_type: Option<String>,
    request: InputRequest,
    #[serde(default)]
    response: Option<InputResponse>,
    #[serde(default, rename = "_webSocketMessages")]
    messages: Option<Vec<InputMessage>>,
    #[serde(default, rename = "_webSocketClose")]
    close: Option<InputClose>,
}

#[derive(Deserialize)]
struct InputRequest {
    url: String,
    #[serde(default)]
    headers: Vec<InputHeader>,
}

#[derive(Deserialize)]
struct InputResponse {
    #[serde(default)]
    status: i64,
    #[serde(default, rename = "statusText")]
    reason: Option<String>,
    #[serde(default)]
    headers: Vec<InputHeader>,
}

#[derive(Deserialize)]
struct InputHeader {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct InputMessage {
    r#type: String,
    #[serde(default)]
    time: f64,
    #[serde(default)]
    opcode: i64,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct InputClose {
    by: String,
    code: u16,
    #[serde(default)]
    reason: String,
}

/// Reads the connections.
///
/// # Errors
/// It is not a whole HAR file, or it has no messages.
pub(super) fn read(bytes: &[u8]) -> Result<Recording, ReadError> {
    let input: HarInput = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    let log = input.log;
    let is_firefox = [&log.creator, &log.browser]
        .into_iter()
        .flatten()
        .any(|creator| creator.name.contains("Firefox"));
    let mut recording = Recording {
        division: Division::TestEach,
        ..Recording::default()
    };
    let mut without_messages = 0;
    for (index, entry) in log.entries.into_iter().enumerate() {
        let is_websocket = is_websocket(&entry);
        match entry.messages {
            Some(_) => recording.connections.push(connection(entry, index + 1)?),
            None if is_websocket => without_messages += 1,
            None => {}
        }
    }
    if !recording.connections.is_empty() {
        return Ok(recording);
    }
    Err(match without_messages {
        0 => ReadError::new("the HAR file has no WebSocket connection")
            .hint("load the page again while the network panel is open, then save the file"),
        _ if is_firefox => ReadError::new("the HAR file has no WebSocket messages")
            .hint("Firefox does not write them; use Chrome, or record with wsprobe proxy"),
        _ => ReadError::new("the HAR file has no WebSocket messages (_webSocketMessages)")
            .hint("save it as HAR with content in Chrome, or record with wsprobe proxy"),
    })
}

fn unreadable(error: &serde_json::Error) -> ReadError {
    let what = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = what.strip_suffix(&place).unwrap_or(&what);
    match error.classify() {
        Category::Eof => ReadError::at(
            error.line(),
            format!("the HAR file is cut off at column {}", error.column()),
        ),
        Category::Data => ReadError::at(error.line(), format!("not a HAR file: {what}")),
        Category::Syntax | Category::Io => ReadError::at(
            error.line(),
            format!("invalid JSON at column {}: {what}", error.column()),
        ),
    }
}

fn is_websocket(entry: &InputEntry) -> bool {
    let status = entry
        .response
        .as_ref()
        .map_or(0, |response| response.status);
    entry.request.url.starts_with("ws")
        || entry.resource_type.as_deref() == Some("websocket")
        || status == 101
}

fn connection(entry: InputEntry, number: usize) -> Result<RecordedConnection, ReadError> {
    let messages = entry.messages.unwrap_or_default();
    let started = entry.started.as_deref().and_then(started);
    let first = messages.first().map(|message| moment(message.time));
    let begun = started.or(first).unwrap_or_default();
    let mut connection = RecordedConnection::new(as_websocket(&entry.request.url), begun);
    let request = pairs(entry.request.headers);
    connection.headers = sent_headers(&request);
    connection.request = request;
    let answer = entry.response.map(|response| RecordedAnswer {
        status: u16::try_from(response.status).unwrap_or(0),
        reason: response.reason.unwrap_or_default(),
        headers: pairs(response.headers),
    });
    let answer = answer.unwrap_or_default();
    // A browser may leave the status out of a connection that was open.
    let is_open = matches!(answer.status, 0 | 101 | 200) || !messages.is_empty();
    let at = begun.min(first.unwrap_or(begun));
    connection.opening = match is_open {
        true => Opening::Open {
            at,
            subprotocol: answer.header("sec-websocket-protocol").map(str::to_owned),
            answer,
        },
        false => Opening::Refused { at, answer },
    };
    let mut at = first.unwrap_or(begun);
    for (index, message) in messages.into_iter().enumerate() {
        at = at.max(moment(message.time));
        let place = format!("entry {number}, message {}", index + 1);
        connection.push(at, event(message, &place)?);
    }
    if let Some(close) = entry.close {
        let code = CloseCode(close.code);
        connection.push(
            at,
            match close.by.as_str() {
                "local" => {
                    let code = (code != CloseCode::NO_STATUS).then_some(code);
                    RecordedEvent::Close(code, close.reason)
                }
                _ => RecordedEvent::Closed(code, close.reason),
            },
        );
    }
    Ok(connection)
}

fn event(message: InputMessage, place: &str) -> Result<RecordedEvent, ReadError> {
    let direction = match message.r#type.as_str() {
        "send" => Direction::Out,
        "receive" => Direction::In,
        // Chrome's note about a broken connection.
        other => {
            return Ok(RecordedEvent::Note(format!("{other}: {}", message.data)));
        }
    };
    let payload = match message.opcode {
        2 => {
            let bytes = BASE64.decode(&message.data).map_err(|error| {
                ReadError::new(format!("{place}: invalid base64 in binary data: {error}"))
            })?;
            Payload::Binary(bytes.into())
        }
        0 | 1 => Payload::Text(message.data.into()),
        opcode => {
            return Ok(RecordedEvent::Note(format!(
                "a frame with opcode {opcode} that is no message"
            )));
        }
    };
    Ok(RecordedEvent::Message(direction, payload))
}

/// Chrome and mitmproxy write seconds since 1970, Playwright milliseconds.
fn moment(time: f64) -> Duration {
    let seconds = match time > MILLISECONDS_FROM {
        true => time / 1000.0,
        false => time,
    };
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn started(date: &str) -> Option<Duration> {
    let utc = date.strip_suffix("+00:00").map(|date| format!("{date}Z"));
    let time = humantime::parse_rfc3339_weak(utc.as_deref().unwrap_or(date));
    time.ok().map(since_epoch)
}

/// mitmproxy writes the URL of the HTTP request.
fn as_websocket(url: &str) -> String {
    match url.split_once("://") {
        Some(("http", rest)) => format!("ws://{rest}"),
        Some(("https", rest)) => format!("wss://{rest}"),
        _ => url.to_owned(),
    }
}

fn pairs(headers: Vec<InputHeader>) -> Vec<(String, String)> {
    let pairs = headers.into_iter();
    pairs.map(|header| (header.name, header.value)).collect()
}
