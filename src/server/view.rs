//! The live view of `serve` and `proxy`: a line on the terminal for each event of each client.
//!
//! It is not data: when the terminal is slow, lines are omitted; clients never wait for it.

use std::time::Duration;

use super::config::ReplyMode;
use super::play::PlayPlan;
use crate::connection::Opened;
use crate::connection::close::{CloseInfo, Initiator};
use crate::connection::message::{Direction, Payload};
use crate::event::{Closed, Event, ProxyParty, Traffic};
use crate::output::escape::{KeptControls, escape};
use crate::output::events::{ServeTotals, TestResult};
use crate::output::{Notice, Sinks, excerpt};
use crate::secret::{Redactor, shown_header_value, shown_request_line, shown_subprotocol};
use crate::units::{self, count_grouped};

/// Bytes of a binary message that are shown.
const SHOWN_BYTES: usize = 16;

/// The settings of the live view.
#[derive(Clone, Copy, Debug)]
pub struct ServerView {
    /// How much is shown.
    pub live: LiveDetail,
    /// Whether to print the time (UTC) before each line.
    pub timestamps: bool,
    /// Whose clients are shown.
    pub role: ViewRole,
    /// Whether stdout carries events, so that the server ends when their reader is gone.
    pub reads_events: bool,
}

/// Whose clients are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewRole {
    /// A server's in this mode: a sink reports on stdout.
    Server(ReplyMode),
    /// A proxy's: the messages are on stdout.
    Proxy,
}

/// How much the live view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LiveDetail {
    /// Nothing.
    Off,
    /// Connections and received messages.
    Usual,
    /// Requests, control frames and sent messages, too.
    Verbose,
}

impl ServerView {
    /// Prints an event of the client with this number.
    pub fn show(&self, sinks: &mut Sinks, id: u64, event: &Event) {
        if let (Event::Close(closed), ViewRole::Server(ReplyMode::Sink)) = (event, self.role) {
            sinks.print_report(&format!("#{id} {}\n", counted(closed)));
        }
        if self.live == LiveDetail::Off || !sinks.writer.has_room_aside() {
            return;
        }
        let stamp = if self.timestamps {
            let now = humantime::format_rfc3339_millis(units::wall_clock());
            format!("{now} ")
        } else {
            String::new()
        };
        let verbose = self.live == LiveDetail::Verbose;
        let lines = match self.role {
            ViewRole::Server(mode) => lines(event, sinks.redactor(), verbose, mode),
            ViewRole::Proxy => proxy_lines(event, sinks.redactor(), verbose),
        };
        for (sign, text) in lines {
            let mark = format!("{stamp}#{id}{sign}");
            sinks.notify(Notice::Account(&mark, &text));
        }
    }
}

impl ServerView {
    /// Reports the tests of a check file that have ended: a deviation on stderr, each as an event.
    pub fn show_played(&self, sinks: &mut Sinks, play: &PlayPlan) {
        while let Some(report) = play.take_report() {
            let redacted = report
                .failure
                .as_ref()
                .map(|why| sinks.redactor().redact(why).into_owned());
            let message = redacted.clone().unwrap_or_default();
            sinks.write_custom_event(|writer, out| {
                writer.test(
                    out,
                    &TestResult {
                        file: &play.file,
                        line: Some(report.line as u64),
                        name: &report.name,
                        ok: report.failure.is_none(),
                        time: report.time,
                        message: &message,
                        probe: None,
                    },
                );
            });
            if let Some(why) = redacted {
                let text = format!("{}:{}: {why}", play.file, report.line);
                sinks.notify(Notice::Error(&escape(&text, KeptControls::Nothing)));
            }
        }
    }
}

/// The totals, printed at the end.
pub fn summary(totals: &ServeTotals, lasted: Duration, role: ViewRole) -> String {
    let [received, sent] = [totals.received, totals.sent].map(amount);
    let traffic = match role {
        ViewRole::Server(_) => format!("received {received}, sent {sent}"),
        ViewRole::Proxy => format!("{received} from the server, {sent} from the client"),
    };
    let refused = match totals.refused {
        0 => String::new(),
        n => format!(" ({n} refused or failed)"),
    };
    format!(
        "{}{refused}, {traffic} in {}",
        count_grouped(totals.opened, "connection"),
        units::shown(lasted)
    )
}

fn lines(
    event: &Event,
    redactor: &Redactor,
    verbose: bool,
    mode: ReplyMode,
) -> Vec<(&'static str, String)> {
    match event {
        Event::Open(opened) => open(opened, redactor, verbose),
        Event::Failed(error, _) => vec![("", error.message.clone())],
        Event::Message(message) if message.direction == Direction::In => {
            // A sink is meant for too many messages to show.
            if mode == ReplyMode::Sink && !verbose {
                return Vec::new();
            }
            vec![(" <", content(&message.payload, redactor))]
        }
        Event::Message(message) if verbose => vec![(" >", content(&message.payload, redactor))],
        Event::Ping { payload, .. } if verbose => vec![(" <", control("ping", payload))],
        Event::Pong { payload, .. } if verbose => vec![(" <", control("pong", payload))],
        Event::Frame(frame) => {
            let sign = match frame.direction {
                Direction::In => " <",
                Direction::Out => " >",
            };
            let fin = if frame.fin { " FIN" } else { "" };
            let rsv1 = if frame.rsv1 { " RSV1" } else { "" };
            let header = frame.wire_bytes - frame.payload_bytes;
            let size = frame.payload_bytes;
            let opcode = frame.opcode;
            vec![(
                sign,
                format!("{opcode} frame{fin}{rsv1}, {header}+{size} bytes"),
            )]
        }
        Event::Closing {
            by: Initiator::Local,
            code,
            reason,
        } if verbose => vec![("", format!("closing with {}", with_reason(code, reason)))],
        Event::Close(closed) => vec![("", close(closed))],
        _ => Vec::new(),
    }
}

/// The lines of a proxy: `<` comes from the server, `>` from the client.
fn proxy_lines(event: &Event, redactor: &Redactor, verbose: bool) -> Vec<(&'static str, String)> {
    let sign = |direction: &Direction| match direction {
        Direction::In => " <",
        Direction::Out => " >",
    };
    match event {
        Event::Message(_) => Vec::new(),
        Event::Open(opened) => {
            let mut lines = Vec::new();
            let mut text = connected(opened, redactor);
            if let Some(upstream) = &opened.upstream {
                if verbose {
                    lines = handshake(&upstream.opened, redactor, [" >", " <"]);
                }
                text.push_str(&format!(" to {}", upstream.url));
                text.push_str(&negotiated(&upstream.opened, redactor));
            }
            lines.push(("", text));
            lines
        }
        Event::Ping {
            direction, payload, ..
        } if verbose => vec![(sign(direction), control("ping", payload))],
        Event::Pong {
            direction, payload, ..
        } if verbose => vec![(sign(direction), control("pong", payload))],
        Event::Close(closed) => {
            let (how, counts) = (how_joined(closed), counts_joined(closed));
            vec![("", format!("closed{how}; {counts}"))]
        }
        Event::Closing { code, reason, .. } if verbose => {
            vec![("", format!("closing with {}", with_reason(code, reason)))]
        }
        event => lines(event, redactor, verbose, ReplyMode::Silent),
    }
}

/// How the connection of a proxy's client ended, to follow `closed`.
fn how_joined(closed: &Closed) -> String {
    let close = &closed.close;
    let by = match closed.ended_by {
        Some(ProxyParty::Client) => "the client",
        Some(ProxyParty::Server) => "the server",
        Some(ProxyParty::Proxy) | None => "the proxy",
    };
    match &close.error {
        Some(error) => format!(": {}", error.message),
        None if close.clean => format!(" by {by}: {close}"),
        None => format!(" by {by} without a close frame"),
    }
}

/// The request and the head of the response, with the signs of their directions.
fn handshake(
    opened: &Opened,
    redactor: &Redactor,
    [request, response]: [&'static str; 2],
) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for line in &opened.request {
        let shown = match line.split_once(": ") {
            Some((name, value)) => {
                format!("{name}: {}", shown_header_value(name, value, redactor))
            }
            None => shown_request_line(line, redactor),
        };
        lines.push((request, shown));
    }
    let answer = &opened.answer;
    let status = format!(
        "HTTP/{} {} {}",
        answer.version.as_str(),
        answer.status,
        answer.reason
    );
    lines.push((response, status.trim_end().to_owned()));
    for (name, value) in &answer.headers.0 {
        let value = shown_header_value(name, value, redactor);
        lines.push((response, format!("{name}: {value}")));
    }
    lines
}

fn open(opened: &Opened, redactor: &Redactor, verbose: bool) -> Vec<(&'static str, String)> {
    let mut lines = match verbose {
        true => handshake(opened, redactor, [" <", " >"]),
        false => Vec::new(),
    };
    lines.push(("", connected(opened, redactor)));
    lines
}

/// Who has connected, to which path, and what was negotiated.
fn connected(opened: &Opened, redactor: &Redactor) -> String {
    let mut text = format!("connected from {}", opened.remote);
    let target = opened
        .request
        .first()
        .and_then(|line| line.split(' ').nth(1));
    if let Some(target) = target.filter(|target| *target != "/") {
        text.push_str(&format!(" {}", shown_request_line(target, redactor)));
    }
    text + &negotiated(opened, redactor)
}

/// What was negotiated, to follow an address.
fn negotiated(opened: &Opened, redactor: &Redactor) -> String {
    let mut text = String::new();
    if let Some(tls) = &opened.tls {
        text.push_str(&format!(", {}", tls.version));
    }
    if let Some(name) = &opened.subprotocol {
        text.push_str(&format!(
            ", subprotocol {}",
            shown_subprotocol(name, redactor)
        ));
    }
    for extension in &opened.extensions {
        text.push_str(&format!(", {extension}"));
    }
    text
}

fn content(payload: &Payload, redactor: &Redactor) -> String {
    let bytes = payload.len();
    match payload {
        Payload::Text(text) => {
            let shown = excerpt(text.as_str(), redactor);
            format!("{shown} ({})", count_grouped(bytes as u64, "byte"))
        }
        Payload::Binary(_) | Payload::Decoded(_) => {
            // In hexadecimal a secret would not be recognized.
            let binary = redactor.redact_bytes(payload.as_bytes());
            let first = &binary[..binary.len().min(SHOWN_BYTES)];
            let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
            let more = if binary.len() > first.len() {
                " …"
            } else {
                ""
            };
            let size = count_grouped(bytes as u64, "byte");
            format!("binary {}{more} ({size})", hex.join(" "))
        }
    }
}

fn control(name: &str, payload: &[u8]) -> String {
    let size = count_grouped(payload.len() as u64, "byte");
    format!("{name} \"{}\" ({size})", payload.escape_ascii())
}

fn close(closed: &Closed) -> String {
    format!("closed{}; {}", how(&closed.close), counts(closed))
}

/// How a connection ended, to follow `closed`.
fn how(close: &CloseInfo) -> String {
    match (&close.error, close.by) {
        (Some(error), _) => format!(": {}", error.message),
        (None, Initiator::Local) if !close.clean => " by us without a close frame".to_owned(),
        (None, Initiator::Local) => format!(" by us: {close}, confirmed by the client"),
        (None, _) => format!(" by the client: {close}"),
    }
}

/// The report of a sink.
fn counted(closed: &Closed) -> String {
    let Closed {
        received, open_for, ..
    } = closed;
    let seconds = open_for.as_secs_f64();
    let rate = if seconds > 0.0 {
        received.messages as f64 / seconds
    } else {
        0.0
    };
    format!(
        "{} in {} ({rate:.0}/s), close {}",
        amount(*received),
        units::shown(*open_for),
        closed.close.code
    )
}

fn counts(closed: &Closed) -> String {
    format!(
        "received {}, sent {} in {}",
        amount(closed.received),
        amount(closed.sent),
        units::shown(closed.open_for)
    )
}

/// What has passed a proxy.
fn counts_joined(closed: &Closed) -> String {
    format!(
        "{} from the server, {} from the client in {}",
        amount(closed.received),
        amount(closed.sent),
        units::shown(closed.open_for)
    )
}

fn amount(tally: Traffic) -> String {
    let messages = count_grouped(tally.messages, "message");
    let bytes = count_grouped(tally.bytes, "byte");
    format!("{messages} ({bytes})")
}

fn with_reason(code: &crate::connection::close::CloseCode, reason: &str) -> String {
    if reason.is_empty() {
        code.to_string()
    } else {
        format!("{code}: {reason}")
    }
}
