//! Events as JSON lines, for `--json` and `--log`: one object a line, schema version 1.
//!
//! The names and meanings are a contract with scripts: fields are added, never changed.

mod clock;
mod object;

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};

use super::buffer::{Buffer, LARGE};
use super::form::Form;
use super::json::{Compactor, is_json};
use crate::connection::backoff;
use crate::connection::close::Close;
use crate::connection::error::{Error, Kind};
use crate::connection::frame::FrameSeen;
use crate::connection::handshake::Headers;
use crate::connection::message::{Direction, Payload};
use crate::connection::tls::certificate::{Certificate, time};
use crate::connection::{Opened, tls};
use crate::event::{Closed, Event, Fault, Message, Tally, Wait};
use crate::exit::Exit;
use crate::input::encoding::to_base64;
use crate::secret::{Redactor, shown_request_line};
use crate::stop::{Spread, Statistics};
use crate::units::milliseconds;
use clock::Clock;
use object::{Head, Object};

/// A test that is over, or a fact about an endpoint.
#[derive(Debug)]
pub struct TestLine<'a> {
    /// The check file, or the URL.
    pub file: &'a str,
    /// The line of the failure or of the test.
    pub line: Option<u64>,
    /// What it is called.
    pub name: &'a str,
    /// Whether it passed.
    pub ok: bool,
    /// How long it took.
    pub time: Duration,
    /// Why it failed, or what was found.
    pub message: &'a str,
}

/// What all tests came to.
#[derive(Clone, Copy, Debug)]
pub struct SummaryLine {
    /// How many there were.
    pub tests: u64,
    /// How many failed, faults of transport included.
    pub failed: u64,
    /// How many of those were faults of transport.
    pub errors: u64,
    /// How long it took.
    pub time: Duration,
    /// The exit status.
    pub exit: Exit,
}

/// What a server came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServeTotals {
    /// Connections that were open.
    pub opened: u64,
    /// Handshakes that were refused or failed.
    pub refused: u64,
    /// Messages received on connections that are closed.
    pub received: Tally,
    /// Messages sent on connections that are closed.
    pub sent: Tally,
}

/// Writes events as lines of JSON.
#[derive(Debug)]
pub struct EventWriter {
    /// The connection that events belong to; counts from 1.
    connection: u64,
    /// How many there have been.
    connections: u64,
    /// When what is told happened, where that is not now.
    happened: Option<Instant>,
    /// An attempt has begun and its end has not been told.
    pending: bool,
    /// Whether received messages stay exact though they repeat a secret: on stdout they do.
    exact: bool,
    clock: Clock,
    head: Box<Head>,
}

impl EventWriter {
    /// A writer whose clock starts at `begun`.
    pub fn new(begun: Instant) -> Self {
        Self {
            connection: 0,
            connections: 0,
            happened: None,
            pending: false,
            exact: true,
            clock: Clock::new(begun),
            head: Box::default(),
        }
    }

    /// A writer for a file that is kept: what a peer sends back of a secret is masked there as well.
    pub fn for_log(begun: Instant) -> Self {
        Self {
            exact: false,
            ..Self::new(begun)
        }
    }

    /// So many connections have been told of elsewhere; the events that follow belong to the last one.
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

    /// The events that follow belong to this connection, and happened then if not now.
    pub fn turn_to(&mut self, connection: u64, happened: Option<Instant>) {
        self.connection = connection;
        self.happened = happened;
    }

    /// Appends the line of a test or a fact.
    pub fn test(&mut self, out: &mut Vec<u8>, test: &TestLine<'_>) {
        let mut object = self.object(out, "test");
        object
            .text("file", test.file)
            .optional_number("line", test.line);
        object.text("name", test.name).flag("ok", test.ok);
        object.decimal("ms", milliseconds(test.time));
        object.text("message", test.message);
        object.end();
    }

    /// Appends the line that ends a `check`.
    pub fn summary(&mut self, out: &mut Vec<u8>, summary: &SummaryLine) {
        let mut object = self.object(out, "summary");
        object
            .number("tests", summary.tests)
            .number("failed", summary.failed);
        object.number("errors", summary.errors);
        object.decimal("ms", milliseconds(summary.time));
        object.number("exit", u64::from(summary.exit.code()));
        object.end();
    }

    /// Appends the line that ends an attempt which nobody waits for any more, if one is under way.
    pub fn give_up(&mut self, out: &mut Vec<u8>, exit: Exit) {
        if self.pending {
            let message = "given up before the connection was open";
            self.error(out, "interrupted", message, false, exit);
        }
    }

    /// Appends the line of an event, if it has one.
    pub fn write(&mut self, out: &mut Buffer, event: &Event, redactor: &Redactor) {
        if let Event::Message(message) = event
            && message.payload.len() >= LARGE
        {
            return self.write_large(out, message, redactor);
        }
        self.write_line(out.tail(), event, redactor);
    }

    /// A message whose payload is laid out when its turn comes: escaped, a text may take six times its
    /// size, and once more as JSON.
    fn write_large(&mut self, out: &mut Buffer, message: &Message, redactor: &Redactor) {
        let mut object = self.described(out.tail(), message);
        object.name("data");
        out.tail().push(b'"');
        match &message.payload {
            Payload::Text(text) => {
                let text = match is_exact(message, redactor, self.exact) {
                    true => Cow::Borrowed(text.as_str()),
                    false => redactor.redact(text.as_str()),
                };
                let is_json = is_json(&text);
                let bytes = match text {
                    Cow::Borrowed(_) => message.payload.bytes().clone(),
                    Cow::Owned(text) => text.into(),
                };
                out.push_as(Form::JsonString, &bytes);
                out.tail().push(b'"');
                if is_json {
                    out.tail().extend_from_slice(b",\"json\":");
                    out.push_as(Form::Json(Compactor::default()), &bytes);
                }
            }
            Payload::Binary(bytes) => {
                out.push_as(Form::Base64, bytes);
                out.tail().extend_from_slice(b"\",\"encoding\":\"base64\"");
            }
        }
        out.tail().extend_from_slice(b"}\n");
    }

    fn write_line(&mut self, out: &mut Vec<u8>, event: &Event, redactor: &Redactor) {
        if matches!(event, Event::Open(_) | Event::Failed(..)) {
            self.pending = false;
        }
        match event {
            Event::Connecting { url, attempt } => {
                self.connections += 1;
                self.connection = self.connections;
                self.pending = true;
                let mut object = self.object(out, "connecting");
                object
                    .text("url", url)
                    .number("attempt", u64::from(*attempt));
                object.end();
            }
            Event::Open(opened) => write_open(self.object(out, "open"), opened, redactor),
            Event::Message(message) => {
                write_message(self.described(out, message), message, redactor, self.exact);
            }
            Event::Streamed { n, is_text, bytes } => {
                self.message(out, None, Direction::Out, *n, *is_text, *bytes)
                    .end();
            }
            Event::Ping {
                direction,
                seq,
                payload,
            } => {
                let mut object = self.object(out, "ping");
                object
                    .text("dir", direction.as_str())
                    .optional_number("seq", *seq);
                object.number("bytes", payload.len() as u64);
                object.end();
            }
            Event::Pong {
                direction,
                seq,
                payload,
                rtt,
                fault,
            } => {
                let mut object = self.object(out, "pong");
                object
                    .text("dir", direction.as_str())
                    .optional_number("seq", *seq);
                object.number("bytes", payload.len() as u64);
                write_round_trip(object, *rtt, *fault);
            }
            Event::Unanswered { seq, patience, .. } => {
                let mut object = self.object(out, "unanswered");
                object.number("seq", *seq);
                object.decimal("after_ms", milliseconds(*patience));
                object.end();
            }
            Event::Frame(frame) => write_frame(self.object(out, "frame"), frame, redactor),
            Event::Closing { by, code, reason } => {
                let mut object = self.object(out, "closing");
                object
                    .text("by", by.as_str())
                    .number("code", u64::from(code.0));
                object.text("reason", &redactor.redact(reason));
                object.end();
            }
            Event::Close(closed) => {
                write_close(self.object(out, "close"), closed, redactor);
            }
            Event::Reconnect(wait) => write_wait(self.object(out, "reconnect"), wait, redactor),
            Event::Failed(error, _) if error.kind == Kind::Refused => {
                write_refused(self.object(out, "refused"), error, redactor);
            }
            Event::Failed(error, _) => write_failed(self.object(out, "error"), error, redactor),
            // Where each message is an event, none of them goes out in a batch.
            Event::Secret(_) | Event::Progress(_) | Event::Batch(_) => {}
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
        self.pending = false;
        let mut object = self.object(out, "error");
        object.text("kind", kind).text("message", message);
        object
            .flag("retryable", retryable)
            .number("exit", u64::from(exit.code()));
        object.end();
    }

    /// Appends the line that ends a `ping`.
    pub fn statistics(&mut self, out: &mut Vec<u8>, statistics: &Statistics) {
        let counts = &statistics.counts;
        let mut object = self.object(out, "ping_stats");
        for (name, count) in [
            ("sent", counts.sent),
            ("received", counts.received),
            ("lost", counts.lost),
            ("pending", counts.pending),
            ("late", counts.late),
            ("duplicates", counts.duplicates),
            ("not_measured", counts.untimed),
            ("other_messages", counts.others),
            ("reconnects", counts.reconnects),
        ] {
            object.number(name, count);
        }
        object.decimal("loss_percent", statistics.loss_percent());
        object.decimal("time_ms", milliseconds(statistics.elapsed));
        if let Some(rtt) = &statistics.rtt {
            object.nested("rtt_ms", |object| write_spread(object, rtt));
        }
        if !statistics.stages.is_empty() {
            object.nested("stages_ms", |object| {
                for (name, spread) in &statistics.stages {
                    object.nested(name, |object| write_spread(object, spread));
                }
            });
        }
        object.list_of("histogram", &statistics.bars, |object, bar| {
            object.decimal("from_ms", milliseconds(bar.from));
            object.decimal("to_ms", milliseconds(bar.to));
            object.number("count", bar.count);
        });
        object.end();
    }

    /// Appends the line that says where a server listens, and by which SHA-256 fingerprint the
    /// certificate that it made can be told.
    pub fn listening(&mut self, out: &mut Vec<u8>, url: &str, fingerprint: Option<&str>) {
        let mut object = self.object(out, "listening");
        object.text("url", url);
        if let Some(fingerprint) = fingerprint {
            object.text("cert_sha256", fingerprint);
        }
        object.end();
    }

    /// Appends the line that ends a `serve`.
    pub fn serve_stats(&mut self, out: &mut Vec<u8>, totals: &ServeTotals) {
        let mut object = self.object(out, "serve_stats");
        object
            .number("connections", totals.opened)
            .number("refused", totals.refused);
        for (name, tally) in [("in", totals.received), ("out", totals.sent)] {
            object.tally(name, tally);
        }
        object.end();
    }

    /// Begins a line with the fields that every event has.
    fn object<'a>(&mut self, out: &'a mut Vec<u8>, event: &'static str) -> Object<'a> {
        let moment = self.clock.tell(self.happened);
        self.head.begin(event, &moment, self.connection);
        Object::behind(&self.head, out)
    }

    /// Begins the line of a message whose data follows.
    fn described<'a>(&mut self, out: &'a mut Vec<u8>, message: &Message) -> Object<'a> {
        let Message {
            direction,
            n,
            payload,
            read_at,
            ..
        } = message;
        let is_text = payload.as_text().is_some();
        let bytes = payload.len() as u64;
        self.message(out, *read_at, *direction, *n, is_text, bytes)
    }

    /// Begins the line of a message, up to its data.
    fn message<'a>(
        &mut self,
        out: &'a mut Vec<u8>,
        read_at: Option<Instant>,
        direction: Direction,
        n: u64,
        is_text: bool,
        bytes: u64,
    ) -> Object<'a> {
        let connection = self.connection;
        if !read_at.is_some_and(|then| self.head.go_back(then, connection)) {
            let moment = self.clock.tell(read_at.or(self.happened));
            self.head.begin("message", &moment, connection);
            read_at.inspect(|then| self.head.keep(*then, connection));
        }
        self.head.put_message(direction, n, is_text, bytes);
        Object::behind(&self.head, out)
    }
}

/// What an answer took, and why it does not count, if it does not.
fn write_round_trip(mut object: Object<'_>, rtt: Option<Duration>, fault: Option<Fault>) {
    if let Some(rtt) = rtt {
        object.decimal("rtt_ms", milliseconds(rtt));
    }
    match fault {
        Some(Fault::Late) => object.flag("late", true),
        Some(Fault::Duplicate) => object.flag("duplicate", true),
        None => &mut object,
    };
    object.end();
}

fn write_spread(object: &mut Object<'_>, spread: &Spread) {
    let values = [
        ("min", spread.min),
        ("avg", spread.avg),
        ("max", spread.max),
        ("mdev", spread.mdev),
        ("p50", spread.p50),
        ("p95", spread.p95),
        ("p99", spread.p99),
    ];
    for (name, value) in values {
        object.decimal(name, milliseconds(value));
    }
    if let Some(jitter) = spread.jitter {
        object.decimal("jitter", milliseconds(jitter));
    }
}

fn write_open(mut object: Object<'_>, opened: &Opened, redactor: &Redactor) {
    object
        .number("status", u64::from(opened.answer.status))
        .text("remote", &opened.remote);
    if let Some(proxy) = &opened.proxy {
        object.text("proxy", proxy);
    }
    if !opened.redirects.is_empty() {
        object.list("redirects", &opened.redirects);
    }
    object
        .text("http", opened.answer.version.as_str())
        .optional_text("subprotocol", opened.subprotocol.as_deref());
    object.list("extensions", &opened.extensions);
    object.nested("request", |object| {
        write_request(object, &opened.request, redactor);
    });
    object.headers("headers", &opened.answer.headers, redactor);
    if let Some(agreed) = &opened.tls {
        object.nested("tls", |object| write_tls(object, agreed));
    }
    let timing = &opened.timing;
    object.nested("timing", |object| {
        object.decimal("dns_ms", milliseconds(timing.lookup));
        object.decimal("tcp_ms", milliseconds(timing.connect));
        object.decimal("proxy_ms", milliseconds(timing.proxy));
        object.decimal("tls_ms", milliseconds(timing.tls));
        object.decimal("upgrade_ms", milliseconds(timing.upgrade));
        object.decimal("total_ms", milliseconds(timing.total));
    });
    object.end();
}

fn write_tls(object: &mut Object<'_>, agreed: &tls::Agreed) {
    object
        .text("version", &agreed.version)
        .text("cipher", &agreed.cipher);
    if let Some(certificate) = &agreed.certificate {
        write_certificate(object, certificate);
    }
    object.optional_text("distrust", agreed.distrust.as_deref());
}

fn write_certificate(object: &mut Object<'_>, certificate: &Certificate) {
    object.text("subject", &certificate.subject);
    object.list("sans", &certificate.names);
    object
        .text("issuer", &certificate.issuer)
        .text("not_before", &time(certificate.not_before))
        .text("not_after", &time(certificate.not_after));
    object.raw("days_left", certificate.days_left().to_string().as_bytes());
}

/// The request's first line and its headers; over HTTP/2 all lines are headers.
fn write_request(object: &mut Object<'_>, lines: &[String], redactor: &Redactor) {
    let mut headers = Headers::default();
    for line in lines {
        match line.split_once(": ") {
            Some((name, value)) => headers.0.push((name.to_owned(), value.to_owned())),
            None => {
                object.text("line", &shown_request_line(line, redactor));
            }
        }
    }
    object.headers("headers", &headers, redactor);
}

/// A connection that was not opened, for another reason than a refusal.
fn write_failed(mut object: Object<'_>, error: &Error, redactor: &Redactor) {
    object
        .text("kind", error.kind.as_str())
        .text("message", &redactor.redact(&error.message));
    object
        .flag("retryable", backoff::is_worth_retrying(error))
        .number("exit", u64::from(Exit::from(error).code()));
    if let Some(certificate) = &error.certificate {
        object.nested("tls", |object| write_certificate(object, certificate));
    }
    if let Some(refusal) = &error.refusal {
        object.number("status", u64::from(refusal.status));
        object.headers("headers", &refusal.headers, redactor);
        object.text("body", &redactor.redact(&refusal.body_text()));
    }
    object.end();
}

/// Whether a message is told as it is; `exact` holds for received ones.
fn is_exact(message: &Message, redactor: &Redactor, exact: bool) -> bool {
    redactor.is_idle() || (exact && message.direction == Direction::In)
}

fn write_message(mut object: Object<'_>, message: &Message, redactor: &Redactor, exact: bool) {
    match &message.payload {
        Payload::Text(text) if is_exact(message, redactor, exact) => {
            object.data(text.as_str());
        }
        Payload::Text(text) => {
            let text = redactor.redact(text.as_str());
            object.data(&text);
        }
        Payload::Binary(bytes) => {
            object
                .text("data", &to_base64(bytes))
                .text("encoding", "base64");
        }
    }
    object.end();
}

fn write_frame(mut object: Object<'_>, frame: &FrameSeen, redactor: &Redactor) {
    object
        .text("dir", frame.direction.as_str())
        .text("opcode", &frame.opcode.to_string());
    object
        .flag("fin", frame.fin)
        .flag("rsv1", frame.rsv1)
        .flag("masked", frame.masked);
    object
        .number("wire_bytes", frame.wire_bytes)
        .number("bytes", frame.payload_bytes);
    if let Some(close) = &frame.close {
        object
            .optional_number("code", close.code.map(u64::from))
            .text("reason", &redactor.redact(&close.reason));
    }
    object.end();
}

fn write_close(mut object: Object<'_>, closed: &Closed, redactor: &Redactor) {
    let Close {
        by,
        code,
        reason,
        clean,
        error,
    } = &closed.close;
    object
        .text("by", by.as_str())
        .number("code", u64::from(code.0))
        .text("name", code.name());
    object
        .text("reason", &redactor.redact(reason))
        .flag("clean", *clean);
    if let Some(error) = error {
        object.text("error", &redactor.redact(&error.message));
    }
    object.decimal("open_ms", milliseconds(closed.open_for));
    if let Some(time) = closed.first_message {
        object.decimal("first_message_ms", milliseconds(time));
    }
    let (received, sent) = closed.wire_bytes;
    object.nested("wire_bytes", |object| {
        object.number("in", received).number("out", sent);
    });
    if closed.may_be_lost > 0 {
        object.number("may_be_lost", closed.may_be_lost);
    }
    for (name, tally) in [("in", closed.received), ("out", closed.sent)] {
        object.tally(name, tally);
    }
    object.end();
}

fn write_wait(mut object: Object<'_>, wait: &Wait, redactor: &Redactor) {
    object
        .number("attempt", u64::from(wait.attempt))
        .number("delay_ms", whole_milliseconds(wait.delay));
    object.text("because", &redactor.redact(&wait.because));
    object.end();
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn write_refused(mut object: Object<'_>, error: &Error, redactor: &Redactor) {
    if let Some(refusal) = &error.refusal {
        object.number("status", u64::from(refusal.status));
        object.headers("headers", &refusal.headers, redactor);
        object.text("body", &redactor.redact(&refusal.body_text()));
        let wait = refusal.retry_after(SystemTime::now());
        object.optional_number("retry_after_ms", wait.map(whole_milliseconds));
    }
    object.end();
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
        // What has no time of its own is told now, which here is before the last.
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
        // The last was read before what was told before it.
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
            read_at: None,
        };
        let value = line(&Event::Message(message), &redactor);
        assert_eq!(value["data"], to_base64(&bytes));
        assert_eq!(value["encoding"], "base64");
    }
}
