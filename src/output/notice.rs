//! Messages to the user that are not events of a link.

use super::diagnostics::{Diagnostics, StateLines, traffic};
use super::ping_printer::progress;
use crate::connection::ReadyState;
use crate::connection::error::Error;
use crate::event::{ConnectionStatus, LinkStatus};
use crate::expectation::validity;
use crate::secret::Redactor;
use crate::stop::PingStatistics;
use crate::units;

/// A message to the user.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// A line of text.
    Text(&'a str),
    /// A warning.
    Warning(&'a str),
    /// An error that is not part of a report.
    Error(&'a str),
    /// A hint.
    Hint(&'a str),
    /// A log line: a mark, then the text.
    Account(&'a str, &'a str),
    /// Every line of stdin ended with CR LF, and the CR is a part of each message.
    CarriageReturns,
    /// The state of the link (`/status`).
    Status(&'a LinkStatus),
    /// The statistics so far, printed on SIGQUIT.
    Progress(Option<&'a PingStatistics>),
    /// The number of messages sent on each new connection.
    SentOnOpen(usize),
    /// The secrets among those messages are not sent to a new origin.
    SecretsLeftBehind,
    /// There is nothing to close.
    NotConnected,
    /// The attempts to connect have ended.
    NoFurtherAttempt,
    /// There is a connection already.
    StillConnected,
    /// In a session: something was not sent, because the connection is not open.
    NotSent(ReadyState),
    /// In a session, which continues: an attempt to connect has failed.
    AttemptFailed(&'a Error),
    /// In a session, which continues: the connection has ended.
    ConnectionOver,
}

impl Diagnostics {
    /// Appends the lines of a notice.
    pub(super) fn notice(&self, out: &mut Vec<u8>, notice: &Notice<'_>, redactor: &Redactor) {
        let mut line = |text: &str| self.line(out, "*", &redactor.redact(text));
        match notice {
            Notice::Warning(text) => self.warning(out, &redactor.redact(text)),
            Notice::Error(text) => self.error(out, &redactor.redact(text)),
            Notice::Hint(text) => self.hint(out, &redactor.redact(text)),
            Notice::Account(mark, text) => self.account(out, mark, &redactor.redact(text)),
            Notice::CarriageReturns if self.quiet == 0 => self.hint(
                out,
                "every line ended with CR LF, and each message with the CR: tr -d '\\r' removes it",
            ),
            Notice::CarriageReturns => {}
            Notice::Text(text) => line(text),
            Notice::Status(status) => status_lines(status).iter().for_each(|text| line(text)),
            Notice::Progress(statistics) => line(&progress(*statistics)),
            Notice::SentOnOpen(0) => line("no messages are sent on a new connection"),
            Notice::SentOnOpen(1) => line("1 message will be sent on each new connection"),
            Notice::SentOnOpen(n) => {
                line(&format!("{n} messages will be sent on each new connection"));
            }
            Notice::SecretsLeftBehind => line(
                "secrets of -x and /onopen are not sent to another origin; set them again with /onopen",
            ),
            Notice::NotConnected => line("not connected; use /reconnect"),
            Notice::NoFurtherAttempt => line("no further attempts; use /reconnect to try again"),
            Notice::StillConnected => line("already connected; use /close first"),
            // Outside a session the error line and the exit status report these.
            _ if self.states != StateLines::Session => {}
            Notice::NotSent(state) => {
                line(&format!("not sent: the connection is {}", state.as_str()));
            }
            Notice::AttemptFailed(error) => line(&error.message),
            Notice::ConnectionOver => {
                line("/reconnect reconnects, /connect URL opens another connection, /quit quits");
            }
        }
    }
}

/// The state by its DOM name, how long it has been open, what was negotiated, and the traffic.
fn status_lines(status: &LinkStatus) -> Vec<String> {
    let (state, url) = (status.state.as_str(), &status.url);
    let Some(connection) = &status.connection else {
        return vec![format!("{state}, {url}")];
    };
    let open_for = units::shown(connection.open_for);
    let negotiated = negotiated(connection);
    let mut lines = vec![
        format!("{state} for {open_for}, {url}{negotiated}"),
        traffic(connection.received, connection.sent, connection.wire_bytes),
    ];
    let last_rtt = connection.last_rtt.map(units::shown);
    lines.extend(last_rtt.map(|time| format!("last round trip {time}")));
    lines.extend(certified(connection));
    lines
}

/// What the handshake negotiated, to follow the URL.
fn negotiated(connection: &ConnectionStatus) -> String {
    let opened = &connection.opened;
    let mut text = format!(" at {}", opened.remote);
    if let Some(name) = &opened.subprotocol {
        text.push_str(&format!(", subprotocol {name}"));
    }
    for extension in &opened.extensions {
        text.push_str(&format!(", {extension}"));
    }
    if let Some(tls) = &opened.tls {
        text.push_str(&format!(", {}, {}", tls.version, tls.cipher));
    }
    text
}

/// The summary of the server's certificate.
fn certified(connection: &ConnectionStatus) -> Option<String> {
    let certificate = connection.opened.tls.as_ref()?.certificate.as_ref()?;
    Some(format!(
        "certificate of {}, issued by {}, {}",
        certificate.subject,
        certificate.issuer,
        validity(certificate.days_left())
    ))
}
