//! `http`: requests beside the WebSocket connections of a test.

use bytes::Bytes;

use super::opening::expect_header;
use super::{BODY, FailedStep, Runner};
use crate::connection::http_request::{HttpAnswer, HttpRequest};
use crate::connection::message::Text;
use crate::pattern::is_json;
use crate::script::step_failure::StepFailure;
use crate::script::{Expectation, HandshakeFact, HttpStep, Step};

impl Runner<'_> {
    /// `http`, again and again while its `retry` lasts and its expectations do not hold.
    pub(super) async fn http(&mut self, step: &Step, http: &HttpStep) -> Result<(), FailedStep> {
        let mut attempts = self.attempts(http.retry.as_ref());
        loop {
            let Err(failed) = self.http_once(step, http).await else {
                return Ok(());
            };
            if let Some(failed) = attempts.wait(&mut self.context, failed).await {
                return Err(failed);
            }
        }
    }

    async fn http_once(&mut self, step: &Step, http: &HttpStep) -> Result<(), FailedStep> {
        let whole = |failure| FailedStep::new(step.line, step.action.to_string(), failure);
        let answer = self.ask(http).await.map_err(whole)?;
        let is_status =
            |expectation: &Expectation| matches!(expectation.fact, HandshakeFact::Status(_));
        if answer.status >= 400 && !http.expectations.iter().any(is_status) {
            let status = answer.refusal().status_line();
            let failure = StepFailure::unmet(format!("the server answered {status}"));
            return Err(whole(with_answer(failure, &answer)));
        }
        for expectation in &http.expectations {
            self.check_answer(&answer, &expectation.fact)
                .map_err(|failure| {
                    FailedStep::new(expectation.line, expectation.fact.to_string(), failure)
                })?;
        }
        Ok(())
    }

    async fn ask(&mut self, http: &HttpStep) -> Result<HttpAnswer, StepFailure> {
        let url = self.fill(&http.url)?;
        let headers = self.headers(&http.headers)?;
        let body = http.body.as_ref().map(|body| self.fill(body));
        let body = body.transpose()?.map(|body| body.text);
        let policy = self.context.policy(url, headers).await?;
        let request = HttpRequest {
            method: http.method.clone(),
            is_json: body.as_deref().is_some_and(is_json),
            body: body.map(Bytes::from),
        };
        let limit = self.timeout;
        let asked = self
            .context
            .http(&policy.target, request, &mut self.cookies, limit);
        let answer = asked.await?;
        self.subject = BODY;
        self.matched = Text::try_from(answer.body.clone())
            .ok()
            .filter(|text| !text.is_empty());
        Ok(answer)
    }

    fn check_answer(&self, answer: &HttpAnswer, fact: &HandshakeFact) -> Result<(), StepFailure> {
        match fact {
            HandshakeFact::Status(wanted) if answer.status == *wanted => Ok(()),
            HandshakeFact::Status(wanted) => {
                let status = answer.refusal().status_line();
                let why = format!("the server answered {status}, expected status {wanted}");
                Err(with_answer(StepFailure::unmet(why), answer))
            }
            HandshakeFact::Header { name, value } => {
                expect_header(Some(&answer.headers), name, &self.pattern(value)?)
            }
            // The parser allows no others.
            HandshakeFact::Subprotocol(_) | HandshakeFact::CertDays(_) => Ok(()),
        }
    }
}

/// Adds what the server said.
fn with_answer(mut failure: StepFailure, answer: &HttpAnswer) -> StepFailure {
    failure.details = answer.refusal().informative_lines();
    failure
}
