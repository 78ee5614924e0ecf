//! Opens the connections of a test and checks the answers to their handshakes.

use super::{FailedStep, Runner};
use crate::connection::handshake::Headers;
use crate::connection::target::RequestHeader;
use crate::expectation::{check_certificate, check_status, check_subprotocol};
use crate::pattern::{MatchResult, Pattern};
use crate::script::step_failure::StepFailure;
use crate::script::test_context::{ConnectionEnd, TestConnection};
use crate::script::{ConnectStep, HandshakeFact, HeaderLine, Step};

impl Runner<'_> {
    /// `connect`, again and again while its `retry` lasts.
    pub(super) async fn connect(
        &mut self,
        step: &Step,
        connect: &ConnectStep,
    ) -> Result<(), FailedStep> {
        let mut attempts = self.attempts(connect.retry.as_ref());
        loop {
            let Err(failed) = self.connect_once(step, connect).await else {
                return Ok(());
            };
            if let Some(failed) = attempts.wait(&mut self.context, failed).await {
                return Err(failed);
            }
        }
    }

    async fn connect_once(&mut self, step: &Step, connect: &ConnectStep) -> Result<(), FailedStep> {
        if self.opened.len() <= connect.index {
            self.opened.resize(connect.index + 1, None);
        }
        // In a repeat: the one before, which has ended.
        if let Some(before) = self.opened[connect.index].take() {
            self.context.close_and_forget(before);
        }
        let index = self
            .open(connect)
            .await
            .map_err(|failure| FailedStep::new(step.line, step.action.to_string(), failure))?;
        for expectation in &connect.expectations {
            let connection = &self.context.connections[index];
            if let Err(failure) = self.check(connection, &expectation.fact) {
                self.context.close_and_forget(index);
                let fact = expectation.fact.to_string();
                return Err(FailedStep::new(expectation.line, fact, failure));
            }
        }
        self.opened[connect.index] = Some(index);
        Ok(())
    }

    /// Header lines with their variables filled in.
    pub(super) fn headers(&self, lines: &[HeaderLine]) -> Result<Vec<RequestHeader>, StepFailure> {
        let mut headers = Vec::new();
        for header in lines {
            let value = self.fill(&header.value)?.text;
            if value.chars().any(|c| c.is_control() && c != '\t') {
                let name = &header.name;
                return Err(StepFailure::fault(format!(
                    "invalid value of header {name}: it contains a control character"
                ))
                .ending());
            }
            let header = RequestHeader::new(&header.name, value);
            if header.is_credential() {
                header.secrets().iter().for_each(|secret| self.hide(secret));
            }
            headers.push(header);
        }
        Ok(headers)
    }

    /// Keeps the cookies of the answer to a handshake. One from another origin is not kept: its address is not
    /// known here.
    fn keep_cookies(&mut self, index: usize) {
        let connection = &self.context.connections[index];
        let headers = match (&connection.opened, &connection.end) {
            (Some(opened), _) if !opened.left_origin => &opened.answer.headers,
            (None, Some(ConnectionEnd::Failed(error))) => match &error.refusal {
                Some(refusal) => &refusal.headers,
                None => return,
            },
            _ => return,
        };
        for value in self.cookies.keep(&connection.address, headers) {
            self.hide(&value);
        }
    }

    /// Opens a connection; a refusal is a failure unless a status is expected.
    async fn open(&mut self, connect: &ConnectStep) -> Result<usize, StepFailure> {
        let mut facts = connect
            .expectations
            .iter()
            .map(|expectation| &expectation.fact);
        let may_be_refused = facts.any(|fact| matches!(fact, HandshakeFact::Status(_)));
        let url = self.fill(&connect.url)?;
        let headers = self.headers(&connect.headers)?;
        let limit = self.timeout_set.then_some(self.timeout);
        let index = self
            .context
            .connect(
                connect.name.clone(),
                url,
                headers,
                &self.cookies,
                limit,
                &self.variables,
            )
            .await?;
        self.keep_cookies(index);
        match &self.context.connections[index].end {
            Some(ConnectionEnd::Failed(error)) if error.refusal.is_some() && may_be_refused => {}
            Some(end @ ConnectionEnd::Failed(_)) => {
                let failure = end.into();
                self.context.close_and_forget(index);
                return Err(failure);
            }
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
                expect_header(answered(connection), name, &self.pattern(value)?)
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

/// The headers of the answer to a handshake.
fn answered(connection: &TestConnection) -> Option<&Headers> {
    match (&connection.opened, &connection.end) {
        (Some(opened), _) => Some(&opened.answer.headers),
        (None, Some(ConnectionEnd::Failed(error))) => {
            error.refusal.as_ref().map(|refusal| &refusal.headers)
        }
        _ => None,
    }
}

pub(super) fn expect_header(
    headers: Option<&Headers>,
    name: &str,
    pattern: &Pattern,
) -> Result<(), StepFailure> {
    let mut why = format!("the response has no header {name}");
    for value in headers.iter().flat_map(|headers| headers.all(name)) {
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
