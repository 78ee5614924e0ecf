//! Writes a recording as HAR 1.2, with the messages as Chrome exports them (`_webSocketMessages`).
//!
//! What is written is redacted: known secrets, credentials in headers, and members of messages with names such as
//! `password`.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Opening, Placeholders, RecordedConnection, RecordedEvent, Recording};
use crate::connection::message::{Direction, Payload};
use crate::input::encoding::to_base64;
use crate::secret::{Redactor, shown_header_value};

/// The opcodes of text and binary messages (RFC 6455 §5.2).
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// The HAR file of a recording.
///
/// # Errors
/// The text cannot be written as JSON, which is a defect.
pub fn write(
    recording: &Recording,
    placeholders: &Placeholders,
    redactor: &Redactor,
) -> Result<String, String> {
    let writer = HarWriter {
        placeholders,
        redactor,
    };
    let entries = recording.connections.iter();
    let file = HarFile {
        log: HarLog {
            version: "1.2",
            creator: json!({ "name": "wsprobe", "version": env!("CARGO_PKG_VERSION") }),
            pages: [],
            entries: entries.map(|entry| writer.entry(entry)).collect(),
            comment: recording
                .is_cut
                .then_some("Only the beginning was recorded."),
        },
    };
    let text = serde_json::to_string_pretty(&file);
    text.map(|text| text + "\n")
        .map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct HarFile {
    log: HarLog,
}

#[derive(Serialize)]
struct HarLog {
    version: &'static str,
    creator: Value,
    pages: [Value; 0],
    entries: Vec<HarEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

#[derive(Serialize)]
struct HarEntry {
    #[serde(flatten)]
    exchange: Value,
    #[serde(rename = "_webSocketMessages")]
    messages: Vec<HarMessage>,
}

/// A message. There may be hundreds of thousands: as a [`Value`] each takes 2.7 KB.
#[derive(Serialize)]
struct HarMessage {
    #[serde(rename = "type")]
    kind: &'static str,
    /// Seconds since 1970.
    time: f64,
    opcode: u8,
    data: String,
}

struct HarWriter<'a> {
    placeholders: &'a Placeholders,
    redactor: &'a Redactor,
}

impl HarWriter<'_> {
    fn entry(&self, connection: &RecordedConnection) -> HarEntry {
        let last = connection.entries.last();
        let end = last.map_or(connection.begun, |entry| entry.at);
        let (answered, answer) = match &connection.opening {
            Opening::Open { at, answer, .. } | Opening::Refused { at, answer } => {
                (*at, Some(answer))
            }
            Opening::Pending | Opening::Failed(_) => (end, None),
        };
        let end = end.max(answered);
        let wait = millis(answered.saturating_sub(connection.begun));
        let receive = millis(end.saturating_sub(answered));
        let query = connection.url.split_once('?').map_or("", |(_, it)| it);
        let query = query.split('&').filter(|pair| !pair.is_empty());
        let query: Vec<Value> = query
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                json!({ "name": name, "value": value })
            })
            .collect();
        let none = Vec::new();
        let mut response = json!({
            "status": answer.map_or(0, |answer| answer.status),
            "statusText": answer.map_or("", |answer| &answer.reason),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self.headers(answer.map_or(&none, |answer| &answer.headers)),
            "content": { "size": 0, "mimeType": "x-unknown" },
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
        });
        if let Opening::Failed(why) = &connection.opening {
            response["_error"] = self.text(why).into();
        }
        let exchange = json!({
            "_resourceType": "websocket",
            "startedDateTime": date(connection.begun),
            "time": wait + receive,
            "request": {
                "method": "GET",
                "url": connection.url,
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": self.headers(&connection.request),
                "queryString": query,
                "headersSize": -1,
                "bodySize": 0,
            },
            "response": response,
            "cache": {},
            "timings": { "send": 0, "wait": wait, "receive": receive },
        });
        HarEntry {
            exchange,
            messages: self.messages(connection),
        }
    }

    fn headers(&self, headers: &[(String, String)]) -> Vec<Value> {
        let headers = headers.iter().map(|(name, value)| {
            let value = shown_header_value(name, value, self.redactor);
            json!({ "name": name, "value": self.text(&value) })
        });
        headers.collect()
    }

    fn messages(&self, connection: &RecordedConnection) -> Vec<HarMessage> {
        let messages = connection.entries.iter().filter_map(|entry| {
            let RecordedEvent::Message(direction, payload) = &entry.what else {
                return None;
            };
            let (opcode, data) = match payload {
                Payload::Text(text) => (TEXT, self.text(text.as_str())),
                Payload::Binary(_) | Payload::Decoded(_) => {
                    let bytes = self.redactor.redact_bytes(payload.as_bytes());
                    (BINARY, to_base64(&bytes))
                }
            };
            Some(HarMessage {
                kind: match direction {
                    Direction::In => "receive",
                    Direction::Out => "send",
                },
                time: entry.at.as_secs_f64(),
                opcode,
                data,
            })
        });
        messages.collect()
    }

    fn text(&self, text: &str) -> String {
        if self.redactor.shows_secrets() {
            return text.to_owned();
        }
        self.placeholders
            .mask(&self.redactor.redact(text))
            .into_owned()
    }
}

/// RFC 3339 with milliseconds, UTC.
fn date(since_epoch: Duration) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch).to_string()
}

fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}
