//! The events as they are written: a struct for each, whose fields are those of the line, in this order.
//!
//! The names and meanings are a contract: fields are added, never changed. The documentation comments and the
//! attributes become `schema/events.schema.json`.

use std::borrow::Cow;
use std::time::Duration;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::event::Traffic;
use crate::units::milliseconds;

/// An event.
pub trait EventFields: Serialize {
    /// Its name.
    const NAME: &'static str;
}

/// What every event has.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CommonFields<'a> {
    /// The version of this schema. It changes only if a field changes its meaning.
    #[cfg_attr(test, schemars(extend("const" = 1)))]
    pub v: u8,
    /// Which event it is.
    pub event: &'static str,
    /// When it happened, in UTC (RFC 3339, microseconds).
    #[cfg_attr(
        test,
        schemars(regex(
            pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
        ))
    )]
    pub ts: &'a str,
    /// Seconds since the start, on a clock that never goes back.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub t: f64,
    /// Which connection it belongs to: counts from 1, one more for each attempt; 0 is none.
    pub conn: u64,
}

/// A line: what every event has, and then what is its own.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema is what is needed")]
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
    /// Counts from 1, and from 1 again after a connection that held.
    pub attempt: u32,
}

/// The connection is open.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct OpenEvent<'a> {
    /// The status of the handshake's answer: 101, or 200 over HTTP/2.
    #[cfg_attr(test, schemars(extend("enum" = [101, 200])))]
    pub status: u16,
    /// The address connected to.
    pub remote: &'a str,
    /// The proxy in between.
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
    /// The extensions agreed, with their parameters.
    pub extensions: &'a [String],
    /// The request.
    pub request: RequestInfo,
    /// The answer's header fields.
    pub headers: HeaderFields,
    /// What TLS agreed on, for wss.
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

/// What TLS agreed on.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TlsInfo<'a> {
    /// TLS version.
    pub version: &'a str,
    /// Cipher suite.
    pub cipher: &'a str,
    #[serde(flatten)]
    pub certificate: Option<CertificateInfo<'a>>,
    /// Why the certificate would not have been accepted without --insecure.
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
    /// Whole days until then; negative when it has passed.
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
    /// The proxy's consent.
    pub proxy_ms: Ms,
    /// TLS handshake.
    pub tls_ms: Ms,
    /// WebSocket handshake.
    pub upgrade_ms: Ms,
    /// All of it.
    pub total_ms: Ms,
}

/// A message came or went, whole.
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
    /// Counts the messages of this direction on this connection, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub n: u64,
    /// Its type.
    #[cfg_attr(test, schemars(extend("enum" = ["text", "binary"])))]
    pub r#type: &'static str,
    /// Its size, uncompressed.
    pub bytes: u64,
    /// The exact text, or the bytes as encoding says. Left out for a message that was sent in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a str>,
    /// How data holds the bytes of a binary message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("enum" = ["base64"])))]
    pub encoding: Option<&'static str>,
    /// The text as JSON, where it is JSON. Numbers keep every digit.
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
    /// The number of a ping of ours, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub seq: Option<u64>,
    /// Its payload: at most 125 in a frame.
    pub bytes: usize,
}

/// A pong frame, or the reply to the message of ping --app.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PongEvent {
    /// Whether it was received or sent.
    #[cfg_attr(test, schemars(extend("enum" = ["in", "out"])))]
    pub dir: &'static str,
    /// The number of the ping of ours that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub seq: Option<u64>,
    /// Its payload: at most 125 in a frame.
    pub bytes: usize,
    /// From that ping to this pong; missing where the pong had to wait here, since stdout was blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<Ms>,
    /// It came after the ping was given up.
    #[serde(skip_serializing_if = "is_false")]
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub late: bool,
    /// The ping was answered before.
    #[serde(skip_serializing_if = "is_false")]
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub duplicate: bool,
}

/// A ping of wsprobe ping was given up; a pong that still comes is late.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct UnansweredEvent {
    /// The number of the ping.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub seq: u64,
    /// How long its pong was waited for.
    pub after_ms: Ms,
}

/// A frame has passed (with -vv).
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct FrameEvent<'a> {
    /// Whether it was received or sent.
    #[cfg_attr(test, schemars(extend("enum" = ["in", "out"])))]
    pub dir: &'static str,
    /// Its opcode; a reserved one as 0x….
    #[cfg_attr(
        test,
        schemars(regex(pattern = r"^(continuation|text|binary|close|ping|pong|0x[0-9a-f])$"))
    )]
    pub opcode: String,
    /// Whether it is the last of its message.
    pub fin: bool,
    /// Whether its message is compressed.
    pub rsv1: bool,
    /// Whether it is masked.
    pub masked: bool,
    /// Its size on the wire, header included.
    pub wire_bytes: u64,
    /// Its payload on the wire.
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
    /// The close code, as it was on the wire.
    pub code: u16,
    /// The reason in the first close frame.
    pub reason: Cow<'a, str>,
}

/// A connection that was open is closed: the last event of its connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CloseEvent<'a> {
    /// Who closed: none is a connection lost without a close frame.
    #[cfg_attr(test, schemars(extend("enum" = ["peer", "local", "none"])))]
    pub by: &'static str,
    /// The close code, as it was on the wire.
    pub code: u16,
    /// The code's name in RFC 6455 or its registry.
    pub name: &'static str,
    /// The reason given.
    pub reason: Cow<'a, str>,
    /// Whether the closing handshake was finished.
    pub clean: bool,
    /// Why, when it was lost or the protocol was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// How long it was open.
    pub open_ms: Ms,
    /// From the open to the first message received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_message_ms: Option<Ms>,
    /// Bytes on the wire, frame headers included.
    pub wire_bytes: WireBytes,
    /// Messages sent of which nothing shows that the server has read them.
    #[serde(skip_serializing_if = "is_zero")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub may_be_lost: u64,
    /// Received.
    pub r#in: Traffic,
    /// Sent.
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

/// The handshake was answered with another HTTP status: the last event of its connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RefusedEvent<'a> {
    #[serde(flatten)]
    pub answer: ResponseInfo<'a>,
    /// What Retry-After asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<WholeMs>,
}

/// An HTTP answer that opened nothing.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ResponseInfo<'a> {
    /// The status.
    #[cfg_attr(test, schemars(range(min = 100, max = 999)))]
    pub status: u16,
    /// The answer's header fields.
    pub headers: HeaderFields,
    /// The body's beginning, at most 1 KiB.
    pub body: Cow<'a, str>,
}

/// Another attempt follows after a wait.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ReconnectEvent<'a> {
    /// The attempt that follows.
    pub attempt: u32,
    /// The wait.
    pub delay_ms: WholeMs,
    /// Why there is no connection.
    pub because: Cow<'a, str>,
}

/// The connection or the run failed. With conn above 0 and before its open: the last event of that connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ErrorEvent<'a> {
    /// What kind of failure; more may come.
    #[cfg_attr(test, schemars(extend("enum" = [
        "dns", "connect", "proxy", "tls", "cert", "timeout", "handshake", "protocol", "io", "too_big", "interrupted",
        "usage", "expectation"
    ])))]
    pub kind: &'a str,
    /// The line that a person would have read.
    pub message: Cow<'a, str>,
    /// Whether the same may succeed later.
    pub retryable: bool,
    /// The exit status that this alone leads to.
    pub exit: u8,
    /// The certificate that was not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<CertificateInfo<'a>>,
    /// What a proxy or a redirect answered.
    #[serde(flatten)]
    pub answer: Option<ResponseInfo<'a>>,
}

/// What the pings of wsprobe ping came to.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PingStatsEvent {
    /// Pings sent, or connections tried.
    pub sent: u64,
    /// Those answered in time, or open.
    pub received: u64,
    /// Those that were not.
    pub lost: u64,
    /// Those still under way at the end.
    pub pending: u64,
    /// Pongs that came too late.
    pub late: u64,
    /// Pongs that came again.
    pub duplicates: u64,
    /// Pongs that had to wait here, since stdout was blocked.
    pub not_measured: u64,
    /// Messages that answered nothing.
    pub other_messages: u64,
    /// Connections that were lost and replaced.
    pub reconnects: u64,
    /// lost among lost and received.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub loss_percent: f64,
    /// From the first open connection on.
    pub time_ms: Ms,
    /// Round-trip times, where a pong came in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<TimeStatistics>,
    /// The stages of each new connection, those that took time; rtt_ms is then the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages_ms: Option<StageStatistics>,
    /// How many times were in each range.
    pub histogram: Vec<HistogramBar>,
}

/// How times are spread, in milliseconds.
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
    /// The mean difference from one to the next.
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
    /// The proxy's consent.
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
    /// More than this.
    pub from_ms: Ms,
    /// At most this.
    pub to_ms: Ms,
    /// How many.
    pub count: u64,
}

/// wsprobe serve takes connections.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListeningEvent<'a> {
    /// Where.
    pub url: &'a str,
    /// The fingerprint of the certificate that --self-signed made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_sha256: Option<&'a str>,
}

/// What wsprobe serve came to, at its end.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ServeStatsEvent {
    /// Connections that were open.
    pub connections: u64,
    /// Requests that were refused or failed, and those for the page.
    pub refused: u64,
    /// What was received.
    pub r#in: Traffic,
    /// What was sent.
    pub out: Traffic,
}

/// A test of a check file is over, or a fact about an endpoint is known.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TestEvent<'a> {
    /// The check file, or the URL.
    pub file: &'a str,
    /// The line of the failure, or of the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: Option<u64>,
    /// What it is called.
    pub name: &'a str,
    /// Whether it passed.
    pub ok: bool,
    /// How long it took.
    pub ms: Ms,
    /// Why it failed, or what was found.
    pub message: &'a str,
}

/// What all tests came to.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SummaryEvent {
    /// How many there were.
    pub tests: u64,
    /// How many failed, faults of transport included.
    pub failed: u64,
    /// How many of those were faults of transport.
    pub errors: u64,
    /// How long it took.
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
