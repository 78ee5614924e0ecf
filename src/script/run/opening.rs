//! Opens the connections of a test and checks the answers to their handshakes.

use super::{FailedStep, Runner};
use crate::connection::handshake::Headers;
use crate::connection::target::RequestHeader;
use crate::expectation::{check_certificate, check_status, check_subprotocol};
use crate::pattern::{MatchResult, Pattern};
use crate::script::test_context::{ConnectionEnd, StepFailure, TestConnection};
use crate::script::{ConnectStep, HandshakeFact, Step};
use crate::secret::is_credential_header;

impl Runner<'_> {
    /// `connect`, again and again while its `retry` lasts.
    pub(super) async fn connect(
        &mut self,
        step: &Step,
        connect: &ConnectStep,
    ) -> Result<(), FailedStep> {
        let mut attempts = self.attempts(connect.retry.as_ref());
        loop {
            let before = self.context.connections.len();
            let Err(failed) = self.connect_once(step, connect).await else {
                return Ok(());
            };
            let failed = attempts.wait(&mut self.context, failed).await;
            for index in before..self.context.connections.len() {
                self.context.close_and_forget(index);
            }
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
    }

    async fn connect_once(&mut self, step: &Step, connect: &ConnectStep) -> Result<(), FailedStep> {
        let is_status = |fact: &HandshakeFact| matches!(fact, HandshakeFact::Status(_));
        let may_be_refused = connect
            .expectations
            .iter()
            .any(|expectation| is_status(&expectation.fact));
        let whole = |failure| FailedStep::new(step.line, step.action.to_string(), failure);
        let index = self.open(connect, may_be_refused).await.map_err(whole)?;
        for expectation in &connect.expectations {
            let connection = &self.context.connections[index];
            self.check(connection, &expectation.fact)
                .map_err(|failure| {
                    FailedStep::new(expectation.line, expectation.fact.to_string(), failure)
                })?;
        }
        if self.opened.len() <= connect.index {
            self.opened.resize(connect.index + 1, None);
        }
        self.opened[connect.index] = Some(index);
        Ok(())
    }

    /// Opens a connection; a refusal is a failure unless a status is expected.
    pub(super) async fn open(
        &mut self,
        connect: &ConnectStep,
        may_be_refused: bool,
    ) -> Result<usize, StepFailure> {
        let url = self.fill(&connect.url)?.text;
        let mut headers = Vec::new();
        for header in &connect.headers {
            let value = self.fill(&header.value)?.text;
            if value.chars().any(|c| c.is_control() && c != '\t') {
                let name = &header.name;
                return Err(StepFailure::fault(format!(
                    "invalid value of header {name}: it contains a control character"
                )));
            }
            if is_credential_header(&header.name) {
                self.hide(&value);
            }
            headers.push(RequestHeader::new(&header.name, value));
        }
        let limit = self.timeout_set.then_some(self.timeout);
        let index = self
            .context
            .connect(connect.name.clone(), url, headers, limit, &self.variables)
            .await?;
        match &self.context.connections[index].end {
            Some(ConnectionEnd::Failed(error)) if error.refusal.is_some() && may_be_refused => {}
            Some(end @ ConnectionEnd::Failed(_)) => return Err(end.into()),
            _ => {}
        }
        Ok(index)
    }

    pub(super) fn check(
        &self,
        connection: &TestConnection,
        fact: &HandshakeFact,
    ) -> Result<(), StepFailure> {
        let opened = connection.opened.as_deref();
        match fact {
            HandshakeFact::Status(wanted) => expect_status(connection, *wanted),
            HandshakeFact::Subprotocol(name) => {
                let wanted = self.fill(name)?.text;
                let chosen = opened.and_then(|opened| opened.subprotocol.as_deref());
                Ok(check_subprotocol(&wanted, chosen)?)
            }
            HandshakeFact::Header { name, value } => {
                expect_header(connection, name, &self.pattern(value)?)
            }
            HandshakeFact::CertDays(least) => match opened {
                Some(opened) => Ok(check_certificate(*least, opened)?),
                None => Err(StepFailure::unmet("not connected")),
            },
        }
    }
}

fn expect_status(connection: &TestConnection, wanted: u16) -> Result<(), StepFailure> {
    match (&connection.opened, &connection.end) {
        (Some(opened), _) => Ok(check_status(wanted, Ok(opened))?),
        (None, Some(ConnectionEnd::Failed(error))) => match &error.refusal {
            Some(refusal) => Ok(check_status(wanted, Err((error, refusal)))?),
            None => Err((&**error).into()),
        },
        (None, _) => Err(StepFailure::unmet("not connected")),
    }
}

fn expect_header(
    connection: &TestConnection,
    name: &str,
    pattern: &Pattern,
) -> Result<(), StepFailure> {
    let none = Headers::default();
    let headers = match (&connection.opened, &connection.end) {
        (Some(opened), _) => &opened.answer.headers,
        (None, Some(ConnectionEnd::Failed(error))) => error
            .refusal
            .as_ref()
            .map_or(&none, |refusal| &refusal.headers),
        _ => &none,
    };
    let mut why = format!("the response has no header {name}");
    for value in headers.all(name) {
        match pattern.matches(value) {
            MatchResult::Match => return Ok(()),
            MatchResult::Unreadable => {}
            MatchResult::Mismatch(mismatch) => {
                why = format!("{name} is {value:?}: {}", mismatch.why);
            }
        }
    }
    Err(StepFailure::unmet(why))
}
