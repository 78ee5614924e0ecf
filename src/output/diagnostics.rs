//! The diagnostic lines on stderr: connected, closed, the details of `-v`.
//!
//! They are never data. Without a terminal nothing is printed on success unless `-v` is given. All text of the
//! peer is escaped, one line at a time.

use super::escape::{KeptControls, escape, push_escaped};
use super::style::{OutputStream, RED, RESET, YELLOW, paint};
use crate::connection::close::{CloseCode, Initiator};
use crate::connection::frame::{ClosePayload, TracedFrame};
use crate::connection::handshake::Response;
use crate::connection::message::Direction;
use crate::connection::tls::certificate::CertificateSummary;
use crate::connection::{Opened, Progress};
use crate::event::{Closed, Event, RetryWait, Traffic};
use crate::secret::{Redactor, shown_header_value, shown_request_line, shown_subprotocol};
use crate::units::{self, count_grouped, grouped};

/// Which diagnostics are printed.
#[derive(Clone, Copy, Debug)]
pub struct Diagnostics {
    /// The stream and its capabilities.
    pub stream: OutputStream,
    /// `-v`, counted.
    pub verbose: u8,
    /// `-q`, counted; more where stdout shows the same.
    pub quiet: u8,
    /// Whether warnings are printed that stdout does not show.
    pub warns: bool,
    /// When changes of state are printed.
    pub states: StateLines,
}

/// When changes of state are printed: connected, closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateLines {
    /// On a terminal.
    Usual,
    /// Always: in an interactive session.
    Session,
    /// Only with `-v`: stdout shows them.
    Elsewhere,
}

impl Diagnostics {
    fn shows_state_lines(&self) -> bool {
        let is_printed = match self.states {
            StateLines::Usual => self.stream.is_terminal,
            StateLines::Session => true,
            StateLines::Elsewhere => false,
        };
        self.verbose > 0 || (is_printed && self.quiet == 0)
    }

    /// A close that is a failure is reported by the error line, except in a session, which continues.
    fn shows_close(&self, closed: &Closed) -> bool {
        let close = &closed.close;
        let is_failure =
            close.error.is_some() || (close.by == Initiator::Peer && !close.code.is_proper_end());
        let goes_on = self.states == StateLines::Session;
        self.shows_state_lines() && (goes_on || self.verbose > 0 || !is_failure)
    }

    /// Appends the lines of an event.
    pub fn write_event(&self, out: &mut Vec<u8>, event: &Event, redactor: &Redactor) {
        match event {
            Event::Connecting { url, attempt } if self.verbose > 0 => {
                self.line(
                    out,
                    "*",
                    &format!("connecting to {url} (attempt {attempt})"),
                );
            }
            Event::Progress(progress) => self.write_progress(out, progress, redactor),
            Event::Open(opened) if self.shows_state_lines() => {
                self.write_open(out, opened, redactor);
            }
            Event::Ping {
                direction, payload, ..
            } if self.verbose > 0 => {
                self.control(out, *direction, "ping", payload, redactor);
            }
            Event::Pong {
                seq: Some(_),
                rtt: Some(rtt),
                ..
            } if self.states == StateLines::Session && self.verbose == 0 => {
                self.line(out, "*", &format!("pong after {}", units::shown(*rtt)));
            }
            Event::Pong {
                direction, payload, ..
            } if self.verbose > 0 => {
                self.control(out, *direction, "pong", payload, redactor);
            }
            // The view of a server shows them with the number of the connection.
            Event::Frame(frame) if self.quiet < u8::MAX => self.frame(out, frame, redactor),
            Event::Closing { by, code, reason } if self.verbose > 0 => {
                let what = match by {
                    Initiator::Peer => "closing: the server sent",
                    _ => "closing with",
                };
                let reason = if reason.is_empty() {
                    String::new()
                } else {
                    format!(": {reason}")
                };
                let text = format!("{what} {code}{reason}");
                self.line(out, "*", &redactor.redact(&text));
            }
            Event::Close(closed) => self.write_close(out, closed, redactor),
            Event::Reconnect(wait) if self.quiet == 0 => self.write_retry_wait(out, wait, redactor),
            _ => {}
        }
    }

    fn write_progress(&self, out: &mut Vec<u8>, progress: &Progress, redactor: &Redactor) {
        if let Progress::Secured(negotiated) = progress
            && let Some(why) = &negotiated.distrust
            && self.quiet == 0
        {
            self.warning(
                out,
                &format!("--insecure accepts this certificate although {why}"),
            );
        }
        if let Progress::Warning(text) = progress
            && self.warns
        {
            self.warning(out, &redactor.redact(text));
        }
        if let Progress::Slow { url, doing } = progress
            && self.stream.is_terminal
            && self.quiet == 0
        {
            self.line(out, "*", &format!("connecting to {url}: still {doing}"));
        }
        if self.verbose == 0 {
            return;
        }
        match progress {
            Progress::Found(addresses) => {
                let list: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
                self.line(out, "*", &format!("resolved to {}", list.join(", ")));
            }
            Progress::Connected(remote) => {
                self.line(out, "*", &format!("socket connected to {remote}"));
            }
            Progress::Proxied { proxy, host } => {
                self.line(out, "*", &format!("proxy {proxy} connected to {host}"));
            }
            Progress::Secured(negotiated) => {
                self.line(
                    out,
                    "*",
                    &format!("{}, {}", negotiated.version, negotiated.cipher),
                );
                for line in negotiated
                    .certificate
                    .iter()
                    .flat_map(CertificateSummary::lines)
                {
                    self.line(out, "*", &line);
                }
            }
            Progress::Redirected(url) => self.line(out, "*", &format!("redirected to {url}")),
            // The first two are shown above, with or without -v; a secret is for the redactor.
            Progress::Slow { .. } | Progress::Warning(_) | Progress::Secret(_) => {}
            Progress::Request(lines) => self.request(out, lines, redactor),
            Progress::Answer(answer) => self.response(out, answer, redactor),
        }
    }

    /// The lines of a request, its credentials masked.
    pub fn request(&self, out: &mut Vec<u8>, lines: &[String], redactor: &Redactor) {
        for line in lines {
            self.line(out, ">", &shown_header(line, redactor));
        }
    }

    /// The status line and the headers of a response.
    pub fn response(&self, out: &mut Vec<u8>, answer: &Response, redactor: &Redactor) {
        let version = answer.version.as_str();
        let reason = redactor.redact(&answer.reason);
        let status = format!("HTTP/{version} {} {reason}", answer.status);
        self.line(out, "<", status.trim_end());
        for (name, value) in &answer.headers.0 {
            self.line(
                out,
                "<",
                &shown_header(&format!("{name}: {value}"), redactor),
            );
        }
    }

    fn write_open(&self, out: &mut Vec<u8>, opened: &Opened, redactor: &Redactor) {
        let mut text = format!("connected to {}", opened.remote);
        if let Some(proxy) = &opened.proxy {
            text.push_str(&format!(" through proxy {proxy}"));
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
        text.push_str(&format!(" in {}", units::shown(opened.timing.total)));
        if self.verbose > 0 {
            let timing = &opened.timing;
            let stages = [
                ("lookup", timing.lookup),
                ("connect", timing.connect),
                ("proxy", timing.proxy),
                ("TLS", timing.tls),
                ("upgrade", timing.upgrade),
            ];
            let stages: Vec<String> = stages
                .iter()
                .filter(|(_, time)| !time.is_zero())
                .map(|(name, time)| format!("{name} {}", units::shown(*time)))
                .collect();
            text.push_str(&format!(" ({})", stages.join(", ")));
        }
        self.line(out, "*", &text);
    }

    fn write_close(&self, out: &mut Vec<u8>, closed: &Closed, redactor: &Redactor) {
        if self.shows_close(closed) {
            self.write_close_line(out, closed, redactor);
        }
        if closed.may_be_lost > 0 && self.quiet == 0 {
            let what = match closed.may_be_lost {
                1 => "the last message sent".to_owned(),
                n => format!("the last {n} messages sent"),
            };
            let text = format!("{what} may be lost: the server did not confirm reading");
            self.warning(out, &text);
        }
    }

    fn write_retry_wait(&self, out: &mut Vec<u8>, wait: &RetryWait, redactor: &Redactor) {
        let delay = units::shown(wait.delay);
        let because = redactor.redact(&wait.because);
        let text = format!("retrying in {delay} (attempt {}): {because}", wait.attempt);
        self.line(out, "*", &text);
    }

    fn write_close_line(&self, out: &mut Vec<u8>, closed: &Closed, redactor: &Redactor) {
        let close = &closed.close;
        let text = match (&close.error, close.by) {
            (Some(error), _) => format!("closed: {error}"),
            (None, Initiator::Local) => format!("closed by us: {close}, confirmed by the server"),
            (None, _) => format!("closed by the server: {close}"),
        };
        self.line(out, "*", &redactor.redact(&text));
        if self.verbose > 0 {
            let traffic = traffic(closed.received, closed.sent, closed.wire_bytes);
            let text = format!("{traffic}, open for {}", units::shown(closed.open_for));
            let text = match closed.first_message {
                Some(time) => format!("{text}, first message after {}", units::shown(time)),
                None => text,
            };
            self.line(out, "*", &text);
        }
    }

    fn control(
        &self,
        out: &mut Vec<u8>,
        direction: Direction,
        name: &str,
        payload: &[u8],
        redactor: &Redactor,
    ) {
        let mark = match direction {
            Direction::In => "<",
            Direction::Out => ">",
        };
        let mut text = format!("{name}, {}", units::bytes(payload.len()));
        match std::str::from_utf8(payload) {
            Ok("") => {}
            Ok(payload) => {
                let payload = redactor.redact(payload);
                text.push_str(&format!(" \"{}\"", payload.as_bytes().escape_ascii()));
            }
            Err(_) if !redactor.is_idle() => {
                text.push_str(", payload hidden (--show-secrets)");
            }
            Err(_) => text.push_str(&format!(" \"{}\"", payload.escape_ascii())),
        }
        self.line(out, mark, &text);
    }

    /// With -vv there is one line for each frame, so it is built without `format!`.
    fn frame(&self, out: &mut Vec<u8>, frame: &TracedFrame, redactor: &Redactor) {
        self.begin_line(out);
        out.extend_from_slice(match frame.direction {
            Direction::In => b"< ",
            Direction::Out => b"> ",
        });
        match frame.opcode.name() {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => out.extend_from_slice(frame.opcode.to_string().as_bytes()),
        }
        out.extend_from_slice(b" frame");
        for (is_set, name) in [
            (frame.fin, " FIN"),
            (frame.rsv1, " RSV1"),
            (frame.masked, " masked"),
        ] {
            if is_set {
                out.extend_from_slice(name.as_bytes());
            }
        }
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(b", ");
        let header = frame.wire_bytes - frame.payload_bytes;
        out.extend_from_slice(digits.format(header).as_bytes());
        out.push(b'+');
        out.extend_from_slice(digits.format(frame.payload_bytes).as_bytes());
        out.extend_from_slice(b" bytes");
        match &frame.close {
            Some(ClosePayload {
                code: Some(code),
                reason,
            }) => {
                let text = format!(", {} \"{}\"", CloseCode(*code), redactor.redact(reason));
                push_escaped(out, &text, KeptControls::Nothing);
            }
            // The first bytes may contain a part of a secret, which the redactor cannot recognise.
            _ if !redactor.is_idle() => {
                out.extend_from_slice(b", payload hidden (--show-secrets)");
            }
            _ if !frame.head().is_empty() => push_head(out, frame),
            _ => {}
        }
        self.end_line(out);
    }

    /// A line, escaped.
    pub fn line(&self, out: &mut Vec<u8>, mark: &str, text: &str) {
        self.begin_line(out);
        out.extend_from_slice(mark.as_bytes());
        out.push(b' ');
        push_escaped(out, text, KeptControls::Nothing);
        self.end_line(out);
    }

    fn begin_line(&self, out: &mut Vec<u8>) {
        if self.stream.colour {
            out.extend_from_slice(self.stream.palette.dim.as_bytes());
        }
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        if self.stream.colour {
            out.extend_from_slice(RESET.as_bytes());
        }
        out.push(b'\n');
    }

    /// A log line: only its mark is dim. Escaped.
    pub fn account(&self, out: &mut Vec<u8>, mark: &str, text: &str) {
        paint(
            out,
            self.stream.colour,
            self.stream.palette.dim,
            mark.as_bytes(),
        );
        out.extend_from_slice(format!(" {}\n", escape(text, KeptControls::Nothing)).as_bytes());
    }

    /// A warning, escaped.
    pub fn warning(&self, out: &mut Vec<u8>, text: &str) {
        paint(out, self.stream.colour, YELLOW, b"warning:");
        out.extend_from_slice(format!(" {}\n", escape(text, KeptControls::Nothing)).as_bytes());
    }

    /// The line of an error: `wsprobe: WHAT: WHY`, escaped.
    pub fn error(&self, out: &mut Vec<u8>, text: &str) {
        paint(out, self.stream.colour, RED, b"wsprobe:");
        out.extend_from_slice(format!(" {}\n", escape(text, KeptControls::Nothing)).as_bytes());
    }

    /// Text of the peer, below an error.
    pub fn quote(&self, out: &mut Vec<u8>, text: &str) {
        for line in text.lines() {
            out.extend_from_slice(
                format!("  {}\n", escape(line, KeptControls::Nothing)).as_bytes(),
            );
        }
    }

    /// A hint, below an error.
    pub fn hint(&self, out: &mut Vec<u8>, text: &str) {
        paint(out, self.stream.colour, YELLOW, b"hint:");
        out.extend_from_slice(format!(" {}\n", escape(text, KeptControls::Nothing)).as_bytes());
    }
}

/// `received 2 messages (5,520 bytes, 5,534 on the wire), sent 1 message (3 bytes, 9 on the wire)`
pub(super) fn traffic(received: Traffic, sent: Traffic, wire_bytes: (u64, u64)) -> String {
    let one_way = |tally: Traffic, wire: u64| {
        format!(
            "{} ({}, {} on the wire)",
            count_grouped(tally.messages, "message"),
            count_grouped(tally.bytes, "byte"),
            grouped(wire)
        )
    };
    format!(
        "received {}, sent {}",
        one_way(received, wire_bytes.0),
        one_way(sent, wire_bytes.1)
    )
}

/// The first bytes of a frame's payload in quotes, escaped as in a Rust string, so that a terminal obeys none of
/// them.
fn push_head(out: &mut Vec<u8>, frame: &TracedFrame) {
    out.extend_from_slice(b", \"");
    for &byte in frame.head() {
        match byte {
            b'"' | b'\'' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(std::ascii::escape_default(byte)),
        }
    }
    out.push(b'"');
    if frame.payload_bytes > frame.head().len() as u64 {
        out.extend_from_slice("…".as_bytes());
    }
}

/// A request or header line with its credentials masked.
fn shown_header(line: &str, redactor: &Redactor) -> String {
    match line.split_once(": ") {
        Some((name, value)) => format!("{name}: {}", shown_header_value(name, value, redactor)),
        None => shown_request_line(line, redactor),
    }
}
