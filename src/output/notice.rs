//! What a person is told that is no event of a link, and its words.

use super::diagnostics::{Diagnostics, StateLines, traffic};
use super::ping_printer::progress;
use crate::connection::ReadyState;
use crate::connection::error::Error;
use crate::event::{ConnectionStatus, LinkStatus};
use crate::secret::Redactor;
use crate::stop::PingStatistics;
use crate::units;

/// See the module's head.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// A line in the words of whoever says it.
    Text(&'a str),
    /// A warning.
    Warning(&'a str),
    /// An error that no report tells.
    Error(&'a str),
    /// What to try.
    Hint(&'a str),
    /// A line of a running log: a mark, then what happened.
    Account(&'a str, &'a str),
    /// Every line of stdin ended with CR LF, and the CR is a part of each message.
    CarriageReturns,
    /// How the link stands.
    Status(&'a LinkStatus),
    /// How the pings stand, for whoever asks on the way (SIGQUIT).
    Progress(Option<&'a PingStatistics>),
    /// So many messages are sent after every further open.
    SentOnOpen(usize),
    /// Secrets that are sent after an open are not sent to the new place.
    SecretsLeftBehind,
    /// There is nothing to close.
    NotConnected,
    /// The attempts to connect have ended.
    NoFurtherAttempt,
    /// There is a connection already.
    StillConnected,
    /// To a session: something was not sent, since the connection is not open.
    NotSent(ReadyState),
    /// To a session, which goes on: an attempt to connect has failed.
    AttemptFailed(&'a Error),
    /// To a session, which goes on: its connection is gone.
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
            Notice::SentOnOpen(0) => line("nothing is sent after an open"),
            Notice::SentOnOpen(1) => line("one message is sent after every further open"),
            Notice::SentOnOpen(n) => {
                line(&format!("{n} messages are sent after every further open"));
            }
            Notice::SecretsLeftBehind => line(
                "the secrets of -x and /onopen are not sent to another origin: set them again with /onopen",
            ),
            Notice::NotConnected => line("not connected: /reconnect opens a new connection"),
            Notice::NoFurtherAttempt => line("CLOSED, no further attempt: /reconnect makes one"),
            Notice::StillConnected => line("still connected: /close ends the connection"),
            // Elsewhere they are no news: the exit status tells.
            _ if self.states != StateLines::Session => {}
            Notice::NotSent(state) => {
                line(&format!("not sent: the connection is {}", state.as_str()));
            }
            Notice::AttemptFailed(error) => line(&error.message),
            Notice::ConnectionOver => {
                line("/reconnect opens it again, /connect URL another one, /quit leaves");
            }
        }
    }
}

/// The state by its DOM name, since when, what was agreed and what has passed.
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

/// What a handshake agreed on, behind the URL.
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
        "certificate of {}, issued by {}, valid for {} more days",
        certificate.subject,
        certificate.issuer,
        certificate.days_left()
    ))
}
