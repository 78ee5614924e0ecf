//! Events as JSON lines, for `--json` and `--log`: one object a line, schema version 1.
//!
//! `event_types` defines the fields of each event, `format` how they are written.

mod event_types;
mod format;
#[cfg(test)]
mod schema;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::buffer::{Buffer, LARGE};
use super::json::{Compactor, MAX_DEPTH, is_json};
use super::payload_form::PayloadForm;
use crate::connection::backoff;
use crate::connection::error::{Error, ErrorKind};
use crate::connection::frame::TracedFrame;
use crate::connection::handshake::{Headers, Refusal};
use crate::connection::message::{Direction, Payload};
use crate::connection::tls::certificate::{CertificateSummary, time};
use crate::connection::{Opened, Timing, UpstreamOpened, tls};
use crate::event::{Closed, Event, Message, PongMismatch, RetryWait, Traffic};
use crate::exit::Exit;
use crate::input::encoding::to_base64;
use crate::secret::{Redactor, shown_header_value, shown_request_line, shown_subprotocol};
use crate::stop::{PingStatistics, TimeSummary};
use crate::units::datable;
use event_types::{CommonFields, Ms, WholeMs};
use format::push_json;

/// A finished test, or a fact about an endpoint.
#[derive(Debug)]
pub struct TestResult<'a> {
    /// The check file, or the URL.
    pub file: &'a str,
    /// The line of the failure or of the test.
    pub line: Option<u64>,
    /// Its name.
    pub name: &'a str,
    /// Whether it passed.
    pub ok: bool,
    /// How long it took.
    pub time: Duration,
    /// Why it failed, or the value found.
    pub message: &'a str,
    /// What else is known of a probe of an audit.
    pub probe: Option<ProbeFacts<'a>>,
}

/// The details of a probe of an audit.
#[derive(Clone, Copy, Debug)]
pub struct ProbeFacts<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its group.
    pub group: &'a str,
    /// `pass`, `fail`, `warn` or `skip`.
    pub verdict: &'a str,
    /// The sections behind it.
    pub rfc: &'a [&'a str],
    /// What was sent.
    pub sent: &'a str,
    /// What was expected.
    pub expected: &'a str,
    /// What came.
    pub got: &'a str,
    /// Whether the user has accepted the finding.
    pub accepted: bool,
}

/// The result of all tests.
#[derive(Clone, Copy, Debug)]
pub struct TestSummary {
    /// Number of tests.
    pub tests: u64,
    /// Number of failed tests, transport errors included.
    pub failed: u64,
    /// Number of those that failed with a transport error.
    pub errors: u64,
    /// How long it took.
    pub time: Duration,
    /// The exit status.
    pub exit: Exit,
}

/// The totals of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServeTotals {
    /// Connections that were open.
    pub opened: u64,
    /// Handshakes that were refused or failed.
    pub refused: u64,
    /// Messages received on connections that are closed.
    pub received: Traffic,
    /// Messages sent on connections that are closed.
    pub sent: Traffic,
}

/// Writes events as lines of JSON.
#[derive(Debug)]
pub struct EventWriter {
    /// The connection that events belong to; counts from 1.
    connection: u64,
    /// The number of connections so far.
    connections: u64,
    /// The time of the event; `None` is now.
    happened: Option<Instant>,
    /// Connections that are being opened: neither open nor failed.
    opening: BTreeSet<u64>,
    /// Whether received messages are exact even if they contain a secret: true for stdout.
    exact: bool,
    clock: EventClock,
    beginning: EventPrefix,
}

/// The common beginning of the last line, which messages that were read together share.
#[derive(Debug, Default)]
struct EventPrefix {
    event: &'static str,
    connection: u64,
    text: Vec<u8>,
}

impl EventWriter {
    /// A writer whose clock starts at `begun`.
    pub fn new(begun: Instant) -> Self {
        Self {
            connection: 0,
            connections: 0,
            happened: None,
            opening: BTreeSet::new(),
            exact: true,
            clock: EventClock::new(begun),
            beginning: EventPrefix::default(),
        }
    }

    /// A writer for a log file, in which secrets in received messages are masked, too.
    pub fn for_log(begun: Instant) -> Self {
        Self {
            exact: false,
            ..Self::new(begun)
        }
    }

    /// Continues after this many connections; the following events belong to the last one.
    pub fn after(self, connections: u64) -> Self {
        Self {
            connection: connections,
            connections,
            ..self
        }
    }

    /// The connection that events belong to.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// Sets the connection of the following events, and their time if it is not now.
    pub fn turn_to(&mut self, connection: u64, happened: Option<Instant>) {
        self.connection = connection;
        self.happened = happened;
    }

    /// Appends the line of an event, if it has one.
    pub fn write(&mut self, out: &mut Buffer, event: &Event, redactor: &Redactor) {
        if let Event::Message(message) = event
            && message.payload.weight() >= LARGE
        {
            return self.write_large(out, message, redactor);
        }
        self.write_line(out.tail(), event, redactor);
    }

    fn write_line(&mut self, out: &mut Vec<u8>, event: &Event, redactor: &Redactor) {
        match event {
            Event::Connecting { url, attempt } => {
                self.connections += 1;
                self.connection = self.connections;
                self.connecting(out, url, *attempt);
            }
            Event::Open(opened) => {
                self.opening.remove(&self.connection);
                self.push(out, &open(opened, redactor));
            }
            Event::Message(message) => self.write_message(out, message, redactor),
            Event::Streamed { n, is_text, bytes } => {
                self.push(out, &message_line(Direction::Out, *n, *is_text, *bytes));
            }
            Event::Ping {
                direction,
                seq,
                payload,
            } => self.push(
                out,
                &event_types::PingEvent {
                    dir: direction.as_str(),
                    seq: *seq,
                    bytes: payload.len(),
                },
            ),
            Event::Pong {
                direction,
                seq,
                payload,
                rtt,
                fault,
            } => self.push(
                out,
                &event_types::PongEvent {
                    dir: direction.as_str(),
                    seq: *seq,
                    bytes: payload.len(),
                    rtt_ms: rtt.map(Ms),
                    late: *fault == Some(PongMismatch::Late),
                    duplicate: *fault == Some(PongMismatch::Duplicate),
                },
            ),
            Event::Unanswered {
                seq,
                timeout: patience,
                ..
            } => self.push(
                out,
                &event_types::UnansweredEvent {
                    seq: *seq,
                    after_ms: Ms(*patience),
                },
            ),
            Event::Frame(seen) => self.push(out, &frame(seen, redactor)),
            Event::Closing { by, code, reason } => self.push(
                out,
                &event_types::ClosingEvent {
                    by: by.as_str(),
                    code: code.0,
                    reason: redactor.redact(reason),
                },
            ),
            Event::Close(closed) => self.push(out, &close(closed, redactor)),
            Event::Reconnect(wait) => self.push(out, &reconnect(wait, redactor)),
            Event::Failed(error, _) => {
                self.opening.remove(&self.connection);
                match (error.kind, &error.refusal) {
                    (ErrorKind::Refused, Some(refusal)) => {
                        self.push(out, &refused(refusal, redactor));
                    }
                    _ => self.push(out, &failed(error, redactor)),
                }
            }
            // With JSON events, messages are sent one by one.
            Event::Secret(_) | Event::FilledIn(_) | Event::Progress(_) | Event::Batch(_) => {}
        }
    }

    fn write_message(&mut self, out: &mut Vec<u8>, message: &Message, redactor: &Redactor) {
        let mut line = describe(message);
        let read_at = message.read_at;
        match &message.payload {
            Payload::Text(_) => {
                let text = self.text_of(message, redactor);
                line.data = Some(&text);
                line.json = as_json(&text);
                self.push_at(out, read_at, &line);
            }
            Payload::Binary(bytes) => {
                let data = to_base64(&self.bytes_of(message, bytes, redactor));
                line.data = Some(&data);
                line.encoding = Some(BASE64);
                self.push_at(out, read_at, &line);
            }
            Payload::Decoded(decoded) => {
                let data = to_base64(&decoded.bytes);
                let text = self.text_of(message, redactor);
                line.data = Some(&data);
                line.encoding = Some(BASE64);
                line.decoded = Some(&text);
                line.json = as_json(&text);
                self.push_at(out, read_at, &line);
            }
        }
    }

    /// A message whose payload is formatted when it is written: an escaped text may take six times its size, and
    /// once more as JSON.
    fn write_large(&mut self, out: &mut Buffer, message: &Message, redactor: &Redactor) {
        const END: &[u8] = b"}\n";
        self.push_at(out.tail(), message.read_at, &describe(message));
        let length = out.tail().len() - END.len();
        out.tail().truncate(length);
        out.tail().extend_from_slice(b",\"data\":\"");
        if !message.payload.is_text() {
            let bytes = message.payload.bytes();
            let bytes = match self.bytes_of(message, bytes, redactor) {
                Cow::Borrowed(_) => bytes.clone(),
                Cow::Owned(masked) => masked.into(),
            };
            out.push_as(PayloadForm::Base64, &bytes);
            out.tail().extend_from_slice(b"\",\"encoding\":\"");
            out.tail().extend_from_slice(BASE64.as_bytes());
        }
        let text = match &message.payload {
            Payload::Text(text) => Some(text),
            Payload::Binary(_) => None,
            Payload::Decoded(decoded) => {
                out.tail().extend_from_slice(b"\",\"decoded\":\"");
                Some(&decoded.text)
            }
        };
        let bytes = text.map(|text| match self.text_of(message, redactor) {
            Cow::Borrowed(_) => AsRef::<Bytes>::as_ref(text).clone(),
            Cow::Owned(text) => text.into(),
        });
        if let Some(bytes) = &bytes {
            out.push_as(PayloadForm::JsonString, bytes);
        }
        out.tail().push(b'"');
        if let Some(bytes) = bytes.filter(|bytes| std::str::from_utf8(bytes).is_ok_and(is_json)) {
            out.tail().extend_from_slice(b",\"json\":");
            out.push_as(PayloadForm::Json(Compactor::default()), &bytes);
        }
        out.tail().extend_from_slice(END);
    }

    /// The text of a message, with secrets masked unless it must be exact.
    fn text_of<'a>(&self, message: &'a Message, redactor: &Redactor) -> Cow<'a, str> {
        let text = message.payload.as_text().unwrap_or_default();
        let is_exact = self.exact && message.direction == Direction::In;
        if redactor.is_idle() || is_exact {
            Cow::Borrowed(text)
        } else {
            redactor.redact(text)
        }
    }

    /// The bytes of a binary message, as [`Self::text_of`].
    fn bytes_of<'a>(
        &self,
        message: &Message,
        bytes: &'a [u8],
        redactor: &Redactor,
    ) -> Cow<'a, [u8]> {
        match self.exact && message.direction == Direction::In {
            true => Cow::Borrowed(bytes),
            false => redactor.redact_bytes(bytes),
        }
    }

    /// Appends an `error` line.
    pub fn error(
        &mut self,
        out: &mut Vec<u8>,
        kind: &str,
        message: &str,
        retryable: bool,
        exit: Exit,
    ) {
        // The end of a connection that is being opened; every other connection has an end of its own, and this
        // belongs to none.
        let connection = self.connection;
        if !self.opening.remove(&connection) {
            self.connection = 0;
        }
        self.push(
            out,
            &event_types::ErrorEvent {
                kind,
                message: message.into(),
                retryable,
                exit: exit.code(),
                tls: None,
                answer: None,
            },
        );
        self.connection = connection;
    }

    /// Appends the line that ends an abandoned attempt, if this connection is being opened.
    pub fn give_up(&mut self, out: &mut Vec<u8>, exit: Exit) {
        if self.opening.contains(&self.connection) {
            let message = "cancelled before the connection was open";
            self.error(out, "interrupted", message, false, exit);
        }
    }

    /// Appends the line of a test or a fact.
    pub fn test(&mut self, out: &mut Vec<u8>, test: &TestResult<'_>) {
        self.push(
            out,
            &event_types::TestEvent {
                file: test.file,
                line: test.line,
                name: test.name,
                ok: test.ok,
                ms: Ms(test.time),
                message: test.message,
                probe: test.probe.map(|probe| event_types::ProbeInfo {
                    id: probe.id,
                    group: probe.group,
                    verdict: probe.verdict,
                    rfc: probe.rfc,
                    sent: probe.sent,
                    expected: probe.expected,
                    got: probe.got,
                    accepted: probe.accepted,
                }),
            },
        );
    }

    /// Appends the line that ends a `check`.
    pub fn summary(&mut self, out: &mut Vec<u8>, summary: &TestSummary) {
        self.push(
            out,
            &event_types::SummaryEvent {
                tests: summary.tests,
                failed: summary.failed,
                errors: summary.errors,
                ms: Ms(summary.time),
                exit: summary.exit.code(),
            },
        );
    }

    /// Appends the line that ends a `ping`.
    pub fn statistics(&mut self, out: &mut Vec<u8>, statistics: &PingStatistics) {
        self.push(out, &ping_stats(statistics));
    }

    /// Appends the `connecting` line of this connection, whose number the caller has set.
    pub fn connecting(&mut self, out: &mut Vec<u8>, url: &str, attempt: u32) {
        self.opening.insert(self.connection);
        self.push(out, &event_types::ConnectingEvent { url, attempt });
    }

    /// Appends the line of a listening server, with the SHA-256 fingerprint of its self-signed certificate, if any.
    pub fn listening(&mut self, out: &mut Vec<u8>, url: &str, fingerprint: Option<&str>) {
        self.push(
            out,
            &event_types::ListeningEvent {
                url,
                cert_sha256: fingerprint,
            },
        );
    }

    /// Appends the line that ends a `serve`.
    pub fn serve_stats(&mut self, out: &mut Vec<u8>, totals: &ServeTotals) {
        self.push(
            out,
            &event_types::ServeStatsEvent {
                connections: totals.opened,
                refused: totals.refused,
                r#in: totals.received,
                out: totals.sent,
            },
        );
    }

    fn push(&mut self, out: &mut Vec<u8>, event: &impl event_types::EventFields) {
        self.push_at(out, None, event);
    }

    /// Appends the line of an event with this time.
    fn push_at<E: event_types::EventFields>(
        &mut self,
        out: &mut Vec<u8>,
        then: Option<Instant>,
        event: &E,
    ) {
        let has_moved = self.clock.go_to(then.or(self.happened));
        let beginning = &mut self.beginning;
        if has_moved || beginning.event != E::NAME || beginning.connection != self.connection {
            beginning.event = E::NAME;
            beginning.connection = self.connection;
            beginning.text.clear();
            let common = CommonFields {
                v: 1,
                event: E::NAME,
                ts: &self.clock.ts,
                t: self.clock.seconds(),
                conn: self.connection,
            };
            push_json(&mut beginning.text, &common);
            // The event's own fields continue where the object would end.
            beginning.text.pop();
        }
        out.extend_from_slice(&beginning.text);
        let own = out.len();
        push_json(out, event);
        out[own] = b',';
        out.push(b'\n');
    }
}

/// The time of events. It never goes back, because events that were read together are written in sequence.
#[derive(Debug)]
struct EventClock {
    begun: Instant,
    last: Instant,
    /// The time of day at `last`, in RFC 3339.
    ts: String,
}

impl EventClock {
    fn new(begun: Instant) -> Self {
        Self {
            begun,
            last: begun,
            ts: String::new(),
        }
    }

    /// Sets the time to `at`, or now; true if it changed.
    fn go_to(&mut self, at: Option<Instant>) -> bool {
        let at = at.unwrap_or_else(Instant::now).max(self.last);
        if at == self.last && !self.ts.is_empty() {
            return false;
        }
        self.last = at;
        let now = Instant::now();
        let time = SystemTime::now() + at.saturating_duration_since(now)
            - now.saturating_duration_since(at);
        let time = humantime::format_rfc3339_micros(datable(time));
        self.ts.clear();
        // Writing to memory cannot fail.
        let _ = write!(self.ts, "{time}");
        true
    }

    /// The seconds since the beginning.
    fn seconds(&self) -> f64 {
        let micros = self.last.saturating_duration_since(self.begun).as_micros();
        micros as f64 / 1e6
    }
}

const BASE64: &str = "base64";

/// A message without its data.
fn describe(message: &Message) -> event_types::MessageEvent<'static> {
    let is_text = message.payload.is_text();
    let bytes = message.payload.len() as u64;
    message_line(message.direction, message.n, is_text, bytes)
}

fn message_line(
    dir: Direction,
    n: u64,
    is_text: bool,
    bytes: u64,
) -> event_types::MessageEvent<'static> {
    event_types::MessageEvent {
        dir: dir.as_str(),
        n,
        r#type: if is_text { "text" } else { "binary" },
        bytes,
        data: None,
        encoding: None,
        decoded: None,
        json: None,
    }
}

/// The text as JSON, if it is valid. JSON nested too deep for most readers is omitted: `serde_json` has no limit for
/// raw values.
fn as_json(text: &str) -> Option<&RawValue> {
    let is_shallow = text.len() <= MAX_DEPTH || is_json(text);
    is_shallow.then(|| serde_json::from_str(text).ok())?
}

fn open<'a>(opened: &'a Opened, redactor: &Redactor) -> event_types::OpenEvent<'a> {
    event_types::OpenEvent {
        status: opened.answer.status,
        remote: &opened.remote,
        proxy: opened.proxy.as_deref(),
        redirects: &opened.redirects,
        http: opened.answer.version.as_str(),
        subprotocol: opened
            .subprotocol
            .as_deref()
            .map(|name| shown_subprotocol(name, redactor)),
        extensions: &opened.extensions,
        request: request(&opened.request, redactor),
        headers: fields(&opened.answer.headers, redactor),
        tls: opened.tls.as_ref().map(tls_line),
        timing: stage_times(&opened.timing),
        upstream: opened
            .upstream
            .as_deref()
            .map(|upstream| upstream_line(upstream, redactor)),
    }
}

fn upstream_line<'a>(
    upstream: &'a UpstreamOpened,
    redactor: &Redactor,
) -> event_types::UpstreamInfo<'a> {
    let opened = &upstream.opened;
    event_types::UpstreamInfo {
        url: &upstream.url,
        remote: &opened.remote,
        http: opened.answer.version.as_str(),
        extensions: &opened.extensions,
        request: request(&opened.request, redactor),
        headers: fields(&opened.answer.headers, redactor),
        tls: opened.tls.as_ref().map(tls_line),
        timing: stage_times(&opened.timing),
    }
}

fn stage_times(timing: &Timing) -> event_types::TimingInfo {
    event_types::TimingInfo {
        dns_ms: Ms(timing.lookup),
        tcp_ms: Ms(timing.connect),
        proxy_ms: Ms(timing.proxy),
        tls_ms: Ms(timing.tls),
        upgrade_ms: Ms(timing.upgrade),
        total_ms: Ms(timing.total),
    }
}

/// The request's first line and its headers; over HTTP/2 all lines are headers.
fn request(lines: &[String], redactor: &Redactor) -> event_types::RequestInfo {
    let mut first = None;
    let mut headers = Headers::default();
    for line in lines {
        match line.split_once(": ") {
            Some((name, value)) => headers.0.push((name.to_owned(), value.to_owned())),
            None => first = Some(shown_request_line(line, redactor)),
        }
    }
    event_types::RequestInfo {
        line: first,
        headers: fields(&headers, redactor),
    }
}

fn fields(headers: &Headers, redactor: &Redactor) -> event_types::HeaderFields {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, _) in &headers.0 {
        let lower = name.to_ascii_lowercase();
        if fields.iter().any(|(seen, _)| *seen == lower) {
            continue;
        }
        let values: Vec<&str> = headers.all(name).collect();
        let value = values.join(", ");
        let value = shown_header_value(name, &value, redactor).into_owned();
        fields.push((lower, value));
    }
    event_types::HeaderFields(fields)
}

fn tls_line(negotiated: &tls::NegotiatedTls) -> event_types::TlsInfo<'_> {
    event_types::TlsInfo {
        version: &negotiated.version,
        cipher: &negotiated.cipher,
        certificate: negotiated.certificate.as_ref().map(certificate),
        distrust: negotiated.distrust.as_deref(),
    }
}

fn certificate(certificate: &CertificateSummary) -> event_types::CertificateInfo<'_> {
    event_types::CertificateInfo {
        subject: &certificate.subject,
        sans: &certificate.names,
        issuer: &certificate.issuer,
        not_before: time(certificate.not_before),
        not_after: time(certificate.not_after),
        days_left: certificate.days_left(),
    }
}

fn answer<'a>(refusal: &'a Refusal, redactor: &Redactor) -> event_types::ResponseInfo<'a> {
    event_types::ResponseInfo {
        status: refusal.status,
        headers: fields(&refusal.headers, redactor),
        body: redactor.redact(&refusal.body_text()).into_owned().into(),
    }
}

fn refused<'a>(refusal: &'a Refusal, redactor: &Redactor) -> event_types::RefusedEvent<'a> {
    let wait = refusal.retry_after(SystemTime::now());
    event_types::RefusedEvent {
        answer: answer(refusal, redactor),
        retry_after_ms: wait.map(WholeMs),
    }
}

/// The event of a connection that was not opened, other than a refusal.
fn failed<'a>(error: &'a Error, redactor: &Redactor) -> event_types::ErrorEvent<'a> {
    event_types::ErrorEvent {
        kind: error.kind.as_str(),
        message: redactor.redact(&error.message),
        retryable: backoff::is_retryable(error),
        exit: Exit::from(error).code(),
        tls: error.certificate.as_deref().map(certificate),
        answer: error
            .refusal
            .as_ref()
            .map(|refusal| answer(refusal, redactor)),
    }
}

fn frame<'a>(frame: &'a TracedFrame, redactor: &Redactor) -> event_types::FrameEvent<'a> {
    let close = frame.close.as_ref();
    event_types::FrameEvent {
        dir: frame.direction.as_str(),
        opcode: frame.opcode.to_string(),
        fin: frame.fin,
        rsv1: frame.rsv1,
        masked: frame.masked,
        wire_bytes: frame.wire_bytes,
        bytes: frame.payload_bytes,
        code: close.and_then(|close| close.code),
        reason: close.map(|close| redactor.redact(&close.reason)),
    }
}

fn close<'a>(closed: &'a Closed, redactor: &Redactor) -> event_types::CloseEvent<'a> {
    let close = &closed.close;
    let error = close.error.as_ref();
    let (received, sent) = closed.wire_bytes;
    event_types::CloseEvent {
        by: close.by.as_str(),
        code: close.code.0,
        name: close.code.name(),
        reason: redactor.redact(&close.reason),
        clean: close.clean,
        error: error.map(|error| redactor.redact(&error.message)),
        open_ms: Ms(closed.open_for),
        first_message_ms: closed.first_message.map(Ms),
        wire_bytes: event_types::WireBytes {
            r#in: received,
            out: sent,
        },
        may_be_lost: closed.may_be_lost,
        r#in: closed.received,
        out: closed.sent,
    }
}

fn reconnect<'a>(wait: &'a RetryWait, redactor: &Redactor) -> event_types::ReconnectEvent<'a> {
    event_types::ReconnectEvent {
        attempt: wait.attempt,
        delay_ms: WholeMs(wait.delay),
        because: redactor.redact(&wait.because),
    }
}

fn ping_stats(statistics: &PingStatistics) -> event_types::PingStatsEvent {
    let counts = &statistics.counts;
    let bars = statistics.bars.iter().map(|bar| event_types::HistogramBar {
        from_ms: Ms(bar.from),
        to_ms: Ms(bar.to),
        count: bar.count,
    });
    event_types::PingStatsEvent {
        sent: counts.sent,
        received: counts.received,
        lost: counts.lost,
        pending: counts.pending,
        late: counts.late,
        duplicates: counts.duplicates,
        not_measured: counts.untimed,
        other_messages: counts.others,
        reconnects: counts.reconnects,
        loss_percent: statistics.loss_percent(),
        time_ms: Ms(statistics.elapsed),
        rtt_ms: statistics.rtt.as_ref().map(spread),
        stages_ms: stages(&statistics.stages),
        histogram: bars.collect(),
    }
}

fn stages(stages: &[(&'static str, TimeSummary)]) -> Option<event_types::StageStatistics> {
    let stage = |name| {
        let (_, found) = stages.iter().find(|(stage, _)| *stage == name)?;
        Some(spread(found))
    };
    (!stages.is_empty()).then(|| event_types::StageStatistics {
        dns: stage("dns"),
        tcp: stage("tcp"),
        proxy: stage("proxy"),
        tls: stage("tls"),
        upgrade: stage("upgrade"),
    })
}

fn spread(spread: &TimeSummary) -> event_types::TimeStatistics {
    event_types::TimeStatistics {
        min: Ms(spread.min),
        avg: Ms(spread.avg),
        max: Ms(spread.max),
        mdev: Ms(spread.mdev),
        p50: Ms(spread.p50),
        p95: Ms(spread.p95),
        p99: Ms(spread.p99),
        jitter: spread.jitter.map(Ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &Event, redactor: &Redactor) -> serde_json::Value {
        serde_json::from_str(&written(event, redactor)).expect("a line of JSON")
    }

    fn written(event: &Event, redactor: &Redactor) -> String {
        let mut out = Buffer::default();
        EventWriter::new(Instant::now()).write(&mut out, event, redactor);
        String::from_utf8(out.take(usize::MAX)).expect("text")
    }

    fn text(direction: Direction, text: &str) -> Event {
        let payload = Payload::Text(text.into());
        Event::Message(Message {
            direction,
            n: 1,
            payload,
            by_link: false,
            by_rule: false,
            read_at: None,
        })
    }

    #[test]
    fn a_message_has_the_time_when_it_was_read_and_no_event_an_earlier_one_than_the_last() {
        const HOUR: u64 = 3_600_000_000;
        let begun = Instant::now();
        let mut writer = EventWriter::new(begun);
        let redactor = Redactor::default();
        let read = |micros| {
            let mut event = text(Direction::In, "x");
            if let Event::Message(message) = &mut event {
                message.read_at = Some(begun + Duration::from_micros(micros));
            }
            event
        };
        let mut tell = |event: &Event| {
            let mut out = Buffer::default();
            writer.write(&mut out, event, &redactor);
            let line: serde_json::Value =
                serde_json::from_slice(&out.take(usize::MAX)).expect("JSON");
            (line["t"].as_f64().expect("t"), line["ts"].clone())
        };
        let times = [7, 7, HOUR, HOUR, HOUR - 1].map(|micros| tell(&read(micros)));
        assert_eq!(
            times.each_ref().map(|(t, _)| *t),
            [0.000_007, 0.000_007, 3600.0, 3600.0, 3600.0]
        );
        assert_eq!(times[0].1, times[1].1);
        assert_ne!(times[1].1, times[2].1);
        assert!(times[2..].iter().all(|(_, ts)| *ts == times[2].1));
        // An event without its own time gets the current time, but not one before the last event.
        assert_eq!(tell(&text(Direction::Out, "y")), times[4]);
        assert_eq!(tell(&read(HOUR)), times[4]);
    }

    #[test]
    fn what_waited_to_be_told_has_the_time_when_it_happened() {
        const HOUR: Duration = Duration::from_secs(3600);
        let begun = Instant::now();
        let mut writer = EventWriter::new(begun);
        let mut received = text(Direction::In, "x");
        if let Event::Message(message) = &mut received {
            message.read_at = Some(begun + HOUR);
        }
        let told = [
            (begun + HOUR, &received),
            (begun + 2 * HOUR, &text(Direction::Out, "y")),
            (begun + 3 * HOUR, &received),
        ]
        .map(|(happened, event)| {
            let mut out = Buffer::default();
            writer.turn_to(1, Some(happened));
            writer.write(&mut out, event, &Redactor::default());
            let line: serde_json::Value =
                serde_json::from_slice(&out.take(usize::MAX)).expect("JSON");
            line["t"].as_f64().expect("t")
        });
        // The last event was read before the previous one was written.
        assert_eq!(told, [3600.0, 7200.0, 7200.0]);
    }

    #[test]
    fn what_was_read_together_belongs_to_the_connection_that_it_came_over() {
        let mut writer = EventWriter::new(Instant::now()).after(1);
        let mut event = text(Direction::In, "x");
        if let Event::Message(message) = &mut event {
            message.read_at = Some(Instant::now());
        }
        let mut told = Vec::new();
        for connection in [1, 2] {
            writer.turn_to(connection, None);
            let mut out = Buffer::default();
            writer.write(&mut out, &event, &Redactor::default());
            let line: serde_json::Value =
                serde_json::from_slice(&out.take(usize::MAX)).expect("JSON");
            told.push(line["conn"].as_u64());
        }
        assert_eq!(told, [Some(1), Some(2)]);
    }

    #[test]
    fn messages_carry_their_exact_text_and_their_json() {
        let redactor = Redactor::default();
        let value = line(&text(Direction::In, "{\"a\" : 1.50}\u{1b}"), &redactor);
        assert_eq!(value["data"], "{\"a\" : 1.50}\u{1b}");
        assert_eq!(value.get("json"), None);
        let event = text(Direction::In, "{\"a\" : 1.50}");
        let line = written(&event, &redactor);
        assert!(line.contains(r#""json":{"a":1.50}"#), "{line}");
    }

    #[test]
    fn secrets_are_erased_from_what_goes_out_alone() {
        let mut redactor = Redactor::new(false);
        redactor.learn("hunter2hunter2");
        let sent = line(
            &text(Direction::Out, "{\"token\":\"hunter2hunter2\"}"),
            &redactor,
        );
        assert_eq!(sent["data"], "{\"token\":\"***\"}");
        assert_eq!(sent["json"]["token"], "***");
        let received = line(&text(Direction::In, "hunter2hunter2"), &redactor);
        assert_eq!(received["data"], "hunter2hunter2");
    }

    #[test]
    fn a_c1_control_is_written_as_an_escape() {
        let event = text(Direction::In, "a\u{9b}b\u{202e}");
        let line = written(&event, &Redactor::default());
        assert!(line.contains(r"a\u009bb\u202e"), "{line}");
    }

    #[test]
    fn a_large_message_is_told_as_a_small_one_would_be() {
        let mut redactor = Redactor::new(false);
        redactor.learn("hunter2hunter2");
        let member = "{\"a\u{9b}\" : [1.50, \"\\\"hunter2hunter2\u{202e}é\"], \"b\": null }";
        let json = format!("[ {} ]", [member].repeat(2000).join(",\n"));
        for whole in [json.clone(), json + "x"] {
            for direction in [Direction::In, Direction::Out] {
                let value = line(&text(direction, &whole), &redactor);
                let kept = match direction {
                    Direction::In => whole.clone(),
                    Direction::Out => whole.replace("hunter2hunter2", "***"),
                };
                assert_eq!(value["data"], kept);
                let parsed = serde_json::from_str(&kept).ok();
                assert_eq!(value.get("json"), parsed.as_ref());
            }
        }
        let bytes: Vec<u8> = (0..LARGE + 2).map(|at| at as u8).collect();
        let message = Message {
            direction: Direction::In,
            n: 1,
            payload: Payload::Binary(bytes.clone().into()),
            by_link: false,
            by_rule: false,
            read_at: None,
        };
        let value = line(&Event::Message(message), &redactor);
        assert_eq!(value["data"], to_base64(&bytes));
        assert_eq!(value["encoding"], "base64");
    }
}
