//! Writes a recording as a HAR 1.2 file.
//!
//! HAR has no WebSocket messages; the fields are those of Chrome's network panel (`_resourceType`,
//! `_webSocketMessages`), which mitmproxy and Playwright write, too. How a connection ended is in a field of our own,
//! `_webSocketClose`, which other readers pass over.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Opening, Placeholders, RecordedAnswer, RecordedConnection, RecordedEvent, Recording};
use crate::connection::message::{Direction, Payload};
use crate::input::encoding::to_base64;
use crate::secret::{Redactor, shown_header_value};
use crate::units::milliseconds;

#[derive(Serialize)]
struct HarDocument<'a> {
    log: HarLog<'a>,
}

#[derive(Serialize)]
struct HarLog<'a> {
    version: &'a str,
    creator: HarCreator<'a>,
    pages: [(); 0],
    entries: Vec<HarEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

#[derive(Serialize)]
struct HarCreator<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarEntry<'a> {
    #[serde(rename = "_resourceType")]
    resource_type: &'a str,
    #[serde(rename = "_webSocketMessages")]
    messages: Vec<HarMessage<'a>>,
    #[serde(rename = "_webSocketClose", skip_serializing_if = "Option::is_none")]
    close: Option<HarClose<'a>>,
    cache: HarCache,
    request: HarRequest<'a>,
    response: HarResponse<'a>,
    started_date_time: String,
    /// Milliseconds.
    time: f64,
    timings: HarTimings,
}

/// An empty object.
#[derive(Serialize)]
struct HarCache {}

#[derive(Serialize)]
struct HarMessage<'a> {
    r#type: &'a str,
    /// Seconds since 1970-01-01, as a number that keeps its microseconds.
    time: Box<RawValue>,
    opcode: u8,
    data: Cow<'a, str>,
}

#[derive(Serialize)]
struct HarClose<'a> {
    by: &'a str,
    code: u16,
    reason: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest<'a> {
    method: &'a str,
    url: &'a str,
    http_version: &'a str,
    headers: Vec<HarPair>,
    query_string: Vec<HarPair>,
    cookies: [(); 0],
    headers_size: i64,
    body_size: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarResponse<'a> {
    status: u16,
    status_text: &'a str,
    http_version: &'a str,
    headers: Vec<HarPair>,
    cookies: [(); 0],
    content: HarContent<'a>,
    #[serde(rename = "redirectURL")]
    redirect_url: &'a str,
    headers_size: i64,
    body_size: i64,
    #[serde(rename = "_error", skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarContent<'a> {
    size: u64,
    mime_type: &'a str,
}

#[derive(Serialize)]
struct HarPair {
    name: String,
    value: String,
}

/// Milliseconds; -1 for what is not known.
#[derive(Serialize)]
struct HarTimings {
    blocked: f64,
    dns: f64,
    connect: f64,
    ssl: f64,
    send: f64,
    wait: f64,
    receive: f64,
}

/// The HAR of a recording, as text. Known secrets, and what looks like one, are masked.
///
/// # Errors
/// The text of what cannot be written as JSON, which is a defect.
pub fn write(
    recording: &Recording,
    placeholders: &Placeholders,
    redactor: &Redactor,
) -> Result<String, String> {
    let hide = Hiding {
        placeholders,
        redactor,
    };
    let entries = recording.connections.iter();
    let document = HarDocument {
        log: HarLog {
            version: "1.2",
            creator: HarCreator {
                name: "wsprobe",
                version: env!("CARGO_PKG_VERSION"),
            },
            pages: [],
            entries: entries.map(|entry| hide.entry(entry)).collect(),
            comment: recording
                .is_cut
                .then_some("Only the beginning was recorded."),
        },
    };
    let mut text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

/// How secrets are masked.
struct Hiding<'a> {
    placeholders: &'a Placeholders,
    redactor: &'a Redactor,
}

impl Hiding<'_> {
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.redactor.shows_secrets() {
            return Cow::Borrowed(text);
        }
        match self.redactor.redact(text) {
            Cow::Borrowed(text) => self.placeholders.mask(text),
            Cow::Owned(text) => Cow::Owned(self.placeholders.mask(&text).into_owned()),
        }
    }

    fn headers(&self, headers: &[(String, String)]) -> Vec<HarPair> {
        let shown = headers.iter().map(|(name, value)| {
            let value = shown_header_value(name, value, self.redactor);
            HarPair {
                name: name.clone(),
                value: self.text(&value).into_owned(),
            }
        });
        shown.collect()
    }

    fn entry<'c>(&self, connection: &'c RecordedConnection) -> HarEntry<'c> {
        let last = connection
            .entries
            .last()
            .map_or(connection.begun, |entry| entry.at);
        let (answered, answer, error) = match &connection.opening {
            Opening::Open { at, answer, .. } | Opening::Refused { at, answer } => {
                (*at, Some(answer), None)
            }
            Opening::Failed(why) => (last, None, Some(why.as_str())),
            Opening::Pending => (last, None, None),
        };
        let wait = milliseconds(answered.saturating_sub(connection.begun));
        let receive = milliseconds(last.saturating_sub(answered));
        HarEntry {
            resource_type: "websocket",
            messages: self.messages(connection),
            close: self.close(connection),
            cache: HarCache {},
            request: self.request(connection),
            response: self.response(answer, error),
            started_date_time: date(connection.begun),
            time: wait + receive,
            timings: HarTimings {
                blocked: -1.0,
                dns: -1.0,
                connect: -1.0,
                ssl: -1.0,
                send: 0.0,
                wait,
                receive,
            },
        }
    }

    fn request<'c>(&self, connection: &'c RecordedConnection) -> HarRequest<'c> {
        let query = connection
            .url
            .split_once('?')
            .map_or("", |(_, query)| query);
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        HarRequest {
            method: "GET",
            url: &connection.url,
            http_version: "HTTP/1.1",
            headers: self.headers(&connection.request),
            query_string: pairs
                .map(|(name, value)| HarPair {
                    name: name.into_owned(),
                    value: value.into_owned(),
                })
                .collect(),
            cookies: [],
            headers_size: -1,
            body_size: 0,
        }
    }

    fn response<'c>(
        &self,
        answer: Option<&'c RecordedAnswer>,
        error: Option<&'c str>,
    ) -> HarResponse<'c> {
        let headers = answer.map_or(&[][..], |answer| &answer.headers);
        let location = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("location"));
        let content_type = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        HarResponse {
            status: answer.map_or(0, |answer| answer.status),
            status_text: answer.map_or("", |answer| answer.reason.as_str()),
            http_version: "HTTP/1.1",
            headers: self.headers(headers),
            cookies: [],
            content: HarContent {
                size: 0,
                mime_type: content_type.map_or("x-unknown", |(_, value)| value),
            },
            redirect_url: location.map_or("", |(_, value)| value),
            headers_size: -1,
            body_size: 0,
            error: error.map(|error| self.text(error)),
        }
    }

    fn messages<'c>(&self, connection: &'c RecordedConnection) -> Vec<HarMessage<'c>> {
        let messages = connection.entries.iter().filter_map(|entry| {
            let RecordedEvent::Message(direction, payload) = &entry.what else {
                return None;
            };
            let (opcode, data) = match payload {
                Payload::Text(text) => (1, self.text(text.as_str())),
                Payload::Binary(_) | Payload::Decoded(_) => {
                    let bytes = self.redactor.redact_bytes(payload.as_bytes());
                    (2, Cow::Owned(to_base64(&bytes)))
                }
            };
            Some(HarMessage {
                r#type: match direction {
                    Direction::Out => "send",
                    Direction::In => "receive",
                },
                time: seconds(entry.at),
                opcode,
                data,
            })
        });
        messages.collect()
    }

    fn close(&self, connection: &RecordedConnection) -> Option<HarClose<'static>> {
        connection.entries.iter().rev().find_map(|entry| {
            let (by, code, reason) = match &entry.what {
                RecordedEvent::Close(code, reason) => {
                    ("local", code.map_or(1005, |code| code.0), reason)
                }
                RecordedEvent::Closed(code, reason) => ("peer", code.0, reason),
                _ => return None,
            };
            let reason = self.text(reason).into_owned();
            Some(HarClose { by, code, reason })
        })
    }
}

/// A time as RFC 3339 with milliseconds.
fn date(time: Duration) -> String {
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + time).to_string()
}

/// Seconds with six digits behind the point: a double would not keep them all.
fn seconds(time: Duration) -> Box<RawValue> {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    RawValue::from_string(text).unwrap_or_default()
}
