//! The JSON events: a struct for each, with the fields of its line in order.
//!
//! Names and meanings are a contract: fields may be added, never changed. The doc comments and attributes become
//! `schema/events.schema.json`.

use std::borrow::Cow;
use std::time::Duration;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::event::Traffic;
use crate::units::milliseconds;

/// An event that is written as a JSON line.
pub trait EventFields: Serialize {
    /// Its name.
    const NAME: &'static str;
}

/// The fields of every event.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CommonFields<'a> {
    /// Version of this schema. It changes only if the meaning of a field changes.
    #[cfg_attr(test, schemars(extend("const" = 1)))]
    pub v: u8,
    /// Name of the event.
    pub event: &'static str,
    /// Time of the event in UTC (RFC 3339, microseconds).
    #[cfg_attr(
        test,
        schemars(regex(
            pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
        ))
    )]
    pub ts: &'a str,
    /// Seconds since the start, from a monotonic clock.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub t: f64,
    /// Number of the connection: counts from 1, one more for each attempt; 0 for none.
    pub conn: u64,
}

/// A line: the common fields, then those of the event.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct EventLine<'a, E> {
    #[schemars(flatten)]
    common: CommonFields<'a>,
    #[schemars(flatten)]
    own: E,
}

/// A time in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Ms(pub Duration);

impl Serialize for Ms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(milliseconds(self.0))
    }
}

/// A time in whole milliseconds.
#[derive(Clone, Copy)]
pub(super) struct WholeMs(pub Duration);

impl Serialize for WholeMs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Header fields: names in lower case, values of one name joined with a comma, credentials masked.
pub(super) struct HeaderFields(pub Vec<(String, String)>);

impl Serialize for HeaderFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// An attempt to connect begins.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ConnectingEvent<'a> {
    /// The URL, secrets masked.
    pub url: &'a str,
    /// Number of the attempt, from 1; starts again after a connection that stayed open.
    pub attempt: u32,
}

/// The connection is open.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct OpenEvent<'a> {
    /// HTTP status of the handshake: 101, or 200 over HTTP/2.
    #[cfg_attr(test, schemars(extend("enum" = [101, 200])))]
    pub status: u16,
    /// The address connected to.
    pub remote: &'a str,
    /// The proxy used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<&'a str>,
    /// The URLs that redirected, in order.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub redirects: &'a [String],
    /// The HTTP version of the handshake.
    #[cfg_attr(test, schemars(extend("enum" = ["1.1", "2"])))]
    pub http: &'a str,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<Cow<'a, str>>,
    /// The negotiated extensions, with their parameters.
    pub extensions: &'a [String],
    /// The request.
    pub request: RequestInfo,
    /// The response's header fields.
    pub headers: HeaderFields,
    /// The negotiated TLS parameters, for wss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsInfo<'a>>,
    /// How long each stage took.
    pub timing: TimingInfo,
    /// For a client of a proxy: the connection to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamInfo<'a>>,
}

/// The connection from a proxy to the server.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct UpstreamInfo<'a> {
    /// The URL.
    pub url: &'a str,
    /// The address connected to.
    pub remote: &'a str,
    /// The HTTP version of the handshake.
    #[cfg_attr(test, schemars(extend("enum" = ["1.1", "2"])))]
    pub http: &'a str,
    /// The negotiated extensions, with their parameters.
    pub extensions: &'a [String],
    /// The request.
    pub request: RequestInfo,
    /// The response's header fields.
    pub headers: HeaderFields,
    /// The negotiated TLS parameters, for wss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsInfo<'a>>,
    /// How long each stage took.
    pub timing: TimingInfo,
}

/// The request of a handshake.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RequestInfo {
    /// Its first line (HTTP/1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Its header fields.
    pub headers: HeaderFields,
}

/// Negotiated TLS parameters.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TlsInfo<'a> {
    /// TLS version.
    pub version: &'a str,
    /// Cipher suite.
    pub cipher: &'a str,
    #[serde(flatten)]
    pub certificate: Option<CertificateInfo<'a>>,
    /// Why the certificate would have been rejected without --insecure.
    pub distrust: Option<&'a str>,
}

/// A server's certificate.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CertificateInfo<'a> {
    /// The subject's distinguished name.
    pub subject: &'a str,
    /// Its alternative names.
    pub sans: &'a [String],
    /// The issuer's distinguished name.
    pub issuer: &'a str,
    /// Valid from (UTC).
    pub not_before: String,
    /// Valid until (UTC).
    pub not_after: String,
    /// Whole days until not_after; negative when it has passed.
    pub days_left: i64,
}

/// How long the stages of opening a connection took.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TimingInfo {
    /// Name lookup.
    pub dns_ms: Ms,
    /// TCP or Unix socket.
    pub tcp_ms: Ms,
    /// Connection through the proxy.
    pub proxy_ms: Ms,
    /// TLS handshake.
    pub tls_ms: Ms,
    /// WebSocket handshake.
    pub upgrade_ms: Ms,
    /// Total.
    pub total_ms: Ms,
}

/// A message was received or sent.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(extend(
    "if" = {"required": ["data"], "properties": {"type": {"const": "binary"}}},
    "then" = {"required": ["encoding"]}
)))]
pub(super) struct MessageEvent<'a> {
    /// Whether it was received or sent.
    #[cfg_attr(test, schemars(extend("enum" = ["in", "out"])))]
    pub dir: &'static str,
    /// Number of the message in this direction on this connection, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub n: u64,
    /// The message type.
    #[cfg_attr(test, schemars(extend("enum" = ["text", "binary"])))]
    pub r#type: &'static str,
    /// Size in bytes, uncompressed.
    pub bytes: u64,
    /// The exact text, or the bytes in the given encoding. Missing for a message that was sent in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a str>,
    /// Encoding of data for a binary message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("enum" = ["base64"])))]
    pub encoding: Option<&'static str>,
    /// The text that a binary message was decoded to (--decode).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded: Option<&'a str>,
    /// The text, or what was decoded, as JSON, if it is valid JSON. Numbers keep every digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    pub json: Option<&'a RawValue>,
}

/// A ping frame, or the message of ping --app.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PingEvent {
    /// Whether it was received or sent.
    #[cfg_attr(test, schemars(extend("enum" = ["in", "out"])))]
    pub dir: &'static str,
    /// Number of our ping, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub seq: Option<u64>,
    /// Payload size in bytes: at most 125 in a frame.
    pub bytes: usize,
}

/// A pong frame, or the reply to the message of ping --app.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PongEvent {
    /// Whether it was received or sent.
    #[cfg_attr(test, schemars(extend("enum" = ["in", "out"])))]
    pub dir: &'static str,
    /// Number of our ping that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub seq: Option<u64>,
    /// Payload size in bytes: at most 125 in a frame.
    pub bytes: usize,
    /// Round-trip time; missing if the pong had to wait because stdout was blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<Ms>,
    /// It arrived after the time limit.
    #[serde(skip_serializing_if = "is_false")]
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub late: bool,
    /// The ping had already been answered.
    #[serde(skip_serializing_if = "is_false")]
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub duplicate: bool,
}

/// A ping of wsprobe ping timed out; a pong that arrives later is marked late.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct UnansweredEvent {
    /// Number of the ping.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub seq: u64,
    /// How long the pong was awaited.
    pub after_ms: Ms,
}

/// A frame was received or sent (with -vv).
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct FrameEvent<'a> {
    /// Whether it was received or sent.
    #[cfg_attr(test, schemars(extend("enum" = ["in", "out"])))]
    pub dir: &'static str,
    /// The opcode; a reserved one as 0x….
    #[cfg_attr(
        test,
        schemars(regex(pattern = r"^(continuation|text|binary|close|ping|pong|0x[0-9a-f])$"))
    )]
    pub opcode: String,
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// Whether its message is compressed.
    pub rsv1: bool,
    /// Whether it is masked.
    pub masked: bool,
    /// Size on the wire in bytes, header included.
    pub wire_bytes: u64,
    /// Payload size on the wire in bytes.
    pub bytes: u64,
    /// A close frame's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// A close frame's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

/// The closing handshake has begun.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ClosingEvent<'a> {
    /// Who began it.
    #[cfg_attr(test, schemars(extend("enum" = ["peer", "local"])))]
    pub by: &'static str,
    /// The close code on the wire.
    pub code: u16,
    /// The reason in the first close frame.
    pub reason: Cow<'a, str>,
}

/// A connection that was open is closed: the last event of its connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CloseEvent<'a> {
    /// Who closed; none for a connection that was lost without a close frame.
    #[cfg_attr(test, schemars(extend("enum" = ["peer", "local", "none"])))]
    pub by: &'static str,
    /// The close code on the wire.
    pub code: u16,
    /// The code's name in RFC 6455 or its registry.
    pub name: &'static str,
    /// The close reason.
    pub reason: Cow<'a, str>,
    /// Whether the closing handshake was completed.
    pub clean: bool,
    /// The error, if the connection was lost or the protocol violated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// How long the connection was open.
    pub open_ms: Ms,
    /// Time from open to the first message received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_message_ms: Option<Ms>,
    /// Bytes on the wire, frame headers included.
    pub wire_bytes: WireBytes,
    /// Number of messages sent that the server has not confirmed reading.
    #[serde(skip_serializing_if = "is_zero")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub may_be_lost: u64,
    /// Messages received.
    pub r#in: Traffic,
    /// Messages sent.
    pub out: Traffic,
}

/// Bytes on the wire.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct WireBytes {
    /// Received.
    pub r#in: u64,
    /// Sent.
    pub out: u64,
}

/// The server refused the handshake with an HTTP status: the last event of its connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RefusedEvent<'a> {
    #[serde(flatten)]
    pub answer: ResponseInfo<'a>,
    /// The delay of the Retry-After header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<WholeMs>,
}

/// An HTTP response that opened no connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ResponseInfo<'a> {
    /// The HTTP status.
    #[cfg_attr(test, schemars(range(min = 100, max = 999)))]
    pub status: u16,
    /// The response's header fields.
    pub headers: HeaderFields,
    /// The beginning of the body, at most 1 KiB.
    pub body: Cow<'a, str>,
}

/// Another attempt follows after a wait.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ReconnectEvent<'a> {
    /// Number of the next attempt.
    pub attempt: u32,
    /// The delay before it.
    pub delay_ms: WholeMs,
    /// Why the connection was lost or not opened.
    pub because: Cow<'a, str>,
}

/// The connection or the run failed. With conn above 0 and before its open: the last event of that connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ErrorEvent<'a> {
    /// Kind of failure; kinds may be added.
    #[cfg_attr(test, schemars(extend("enum" = [
        "dns", "connect", "proxy", "tls", "cert", "timeout", "handshake", "protocol", "io", "too_big", "interrupted",
        "usage", "expectation"
    ])))]
    pub kind: &'a str,
    /// The message that is printed without --json.
    pub message: Cow<'a, str>,
    /// Whether a retry may succeed.
    pub retryable: bool,
    /// The exit status of this error.
    pub exit: u8,
    /// The certificate that was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<CertificateInfo<'a>>,
    /// The response of the proxy or the redirect.
    #[serde(flatten)]
    pub answer: Option<ResponseInfo<'a>>,
}

/// The statistics of wsprobe ping, at its end.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PingStatsEvent {
    /// Pings sent, or connections attempted.
    pub sent: u64,
    /// Pings answered in time, or connections opened.
    pub received: u64,
    /// Pings not answered in time, or connections that failed.
    pub lost: u64,
    /// Pings or attempts still pending at the end.
    pub pending: u64,
    /// Pongs after the time limit.
    pub late: u64,
    /// Duplicate pongs.
    pub duplicates: u64,
    /// Pongs whose round trip was not measured because stdout was blocked.
    pub not_measured: u64,
    /// Messages that were not a reply.
    pub other_messages: u64,
    /// Connections that were lost and replaced.
    pub reconnects: u64,
    /// Percentage of lost among lost and received.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub loss_percent: f64,
    /// Time since the first open connection.
    pub time_ms: Ms,
    /// Round-trip times, if any pong arrived in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<TimeStatistics>,
    /// The stages of each new connection that took time; rtt_ms is then their total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages_ms: Option<StageStatistics>,
    /// Number of times in each range.
    pub histogram: Vec<HistogramBar>,
}

/// Summary of times, in milliseconds.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TimeStatistics {
    /// The shortest.
    pub min: Ms,
    /// The mean.
    pub avg: Ms,
    /// The longest.
    pub max: Ms,
    /// The standard deviation.
    pub mdev: Ms,
    /// The median.
    pub p50: Ms,
    /// The 95th percentile.
    pub p95: Ms,
    /// The 99th percentile.
    pub p99: Ms,
    /// The mean difference between successive times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Ms>,
}

/// The stages of opening connections.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct StageStatistics {
    /// Name lookup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<TimeStatistics>,
    /// TCP or Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TimeStatistics>,
    /// Connection through the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<TimeStatistics>,
    /// TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TimeStatistics>,
    /// WebSocket handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<TimeStatistics>,
}

/// A range of times.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct HistogramBar {
    /// Exclusive lower bound.
    pub from_ms: Ms,
    /// Inclusive upper bound.
    pub to_ms: Ms,
    /// Number of times.
    pub count: u64,
}

/// wsprobe serve accepts connections.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListeningEvent<'a> {
    /// The URL to connect to.
    pub url: &'a str,
    /// SHA-256 fingerprint of the certificate created by --self-signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_sha256: Option<&'a str>,
}

/// The totals of wsprobe serve, at its end.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ServeStatsEvent {
    /// Connections that were opened.
    pub connections: u64,
    /// Requests that were refused or failed, and requests for the test page.
    pub refused: u64,
    /// Messages received.
    pub r#in: Traffic,
    /// Messages sent.
    pub out: Traffic,
}

/// The result of a test of a check file, of one check of an endpoint, or of a probe of an audit.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TestEvent<'a> {
    /// The check file, or the URL.
    pub file: &'a str,
    /// The line of the failure, or of the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: Option<u64>,
    /// Name of the test.
    pub name: &'a str,
    /// Whether it passed.
    pub ok: bool,
    /// Duration.
    pub ms: Ms,
    /// Why it failed, or the value found.
    pub message: &'a str,
    /// The details of a probe of wsprobe audit.
    #[serde(flatten)]
    pub probe: Option<ProbeInfo<'a>>,
}

/// The details of a probe of wsprobe audit.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ProbeInfo<'a> {
    /// Its id, such as frames-unmasked.
    pub id: &'a str,
    /// Its group.
    #[cfg_attr(test, schemars(extend("enum" = [
        "handshake", "origin", "frames", "fragments", "utf8", "close", "control", "limits", "compression", "tls"
    ])))]
    pub group: &'a str,
    /// pass, fail, warn, or skip if it could not be told.
    #[cfg_attr(test, schemars(extend("enum" = ["pass", "fail", "warn", "skip"])))]
    pub verdict: &'a str,
    /// The sections that require it.
    pub rfc: &'a [&'a str],
    /// What was sent.
    pub sent: &'a str,
    /// What was expected.
    pub expected: &'a str,
    /// What came.
    pub got: &'a str,
    /// Whether --allow accepts the finding.
    #[serde(skip_serializing_if = "is_false")]
    pub accepted: bool,
}

/// The result of all tests.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SummaryEvent {
    /// Number of tests.
    pub tests: u64,
    /// Number of failed tests, transport errors included.
    pub failed: u64,
    /// Number of those that failed with a transport error.
    pub errors: u64,
    /// Duration.
    pub ms: Ms,
    /// The exit status.
    pub exit: u8,
}

/// Names the events, and lists them in the order of the schema.
macro_rules! events {
    ($($event:ty => $name:literal),* $(,)?) => {
        $(impl EventFields for $event {
            const NAME: &'static str = $name;
        })*

        /// Gives `add` each event's name, its description and the schema of its line.
        #[cfg(test)]
        pub(super) fn each_schema(
            generator: &mut schemars::SchemaGenerator,
            mut add: impl FnMut(&'static str, serde_json::Value, schemars::Schema),
        ) {
            $(
                let mut own = <$event>::json_schema(generator);
                let description = own.remove("description").unwrap_or_default();
                add($name, description, EventLine::<$event>::json_schema(generator));
            )*
        }
    };
}

events! {
    ConnectingEvent<'_> => "connecting",
    OpenEvent<'_> => "open",
    MessageEvent<'_> => "message",
    PingEvent => "ping",
    PongEvent => "pong",
    FrameEvent<'_> => "frame",
    ClosingEvent<'_> => "closing",
    CloseEvent<'_> => "close",
    RefusedEvent<'_> => "refused",
    ReconnectEvent<'_> => "reconnect",
    ErrorEvent<'_> => "error",
    UnansweredEvent => "unanswered",
    PingStatsEvent => "ping_stats",
    ListeningEvent<'_> => "listening",
    ServeStatsEvent => "serve_stats",
    TestEvent<'_> => "test",
    SummaryEvent => "summary",
}

// Serde hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
