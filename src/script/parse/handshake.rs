//! Parses `connect`, its header lines and expectations, and `expect close`.

use super::{Parser, Prefix};
use crate::script::line_error::LineError;
use crate::script::suggest::unknown_expectation;
use crate::script::words::{is_token, number, required, split_word};
use crate::script::{ConnectStep, Expectation, HandshakeFact, HeaderLine, StepAction};
use crate::template::{Language, is_name};

impl<'a> Parser<'a> {
    pub(super) fn connect(&mut self, rest: &str) -> Result<StepAction, LineError> {
        let (first, after) = split_word(rest);
        let (name, url) = if is_name(first) && !after.is_empty() {
            (Some(first), after)
        } else {
            (None, rest)
        };
        let url = self.template(required(url, "connect [NAME] URL")?, Language::Url)?;
        if url.literals_contain(char::is_whitespace) {
            return Err(format!("unexpected space in '{rest}'; write connect [NAME] URL").into());
        }
        let index = self.scope.open(name, self.taken)?;
        Ok(StepAction::Connect(ConnectStep {
            name: name.map(str::to_owned),
            index,
            retry: self.retry.take(),
            url,
            headers: Vec::new(),
            expectations: Vec::new(),
        }))
    }

    pub(super) fn header(&mut self, name: &str, value: &str) -> Result<(), LineError> {
        let value = self.template(value, Language::Text)?;
        let header = HeaderLine {
            line: self.taken,
            name: name.to_owned(),
            value,
        };
        match self.last_connect() {
            Some(connect) if connect.expectations.is_empty() => {
                connect.headers.push(header);
                Ok(())
            }
            _ => Err(format!(
                "unexpected header line '{name}': header lines must follow a connect line"
            )
            .into()),
        }
    }

    pub(super) fn expect(
        &mut self,
        prefix: &Prefix,
        rest: &'a str,
    ) -> Result<Option<StepAction>, LineError> {
        let (what, rest) = split_word(rest);
        let line = self.taken;
        let fact = match what {
            "close" => return self.expect_close(prefix, rest).map(Some),
            "status" => HandshakeFact::Status(number(rest, 100..=599, "HTTP status")?),
            "cert-days" => HandshakeFact::CertDays(number(rest, 0..=u32::MAX, "number of days")?),
            "subprotocol" => HandshakeFact::Subprotocol(
                self.template(required(rest, "expect subprotocol NAME")?, Language::Text)?,
            ),
            "header" => {
                let (name, value) = split_word(rest);
                if !is_token(name) {
                    return Err(format!(
                        "invalid header name '{name}'; write expect header NAME PATTERN"
                    )
                    .into());
                }
                HandshakeFact::Header {
                    name: name.to_owned(),
                    value: self.pattern(value)?,
                }
            }
            _ => return Err(unknown_expectation(what).into()),
        };
        prefix.refuse_within(&format!("expect {what}"))?;
        self.add_expectation(prefix.name, Expectation { line, fact }, what)?;
        Ok(None)
    }

    pub(super) fn add_expectation(
        &mut self,
        name: Option<&str>,
        new: Expectation,
        what: &str,
    ) -> Result<(), LineError> {
        let line = new.line;
        let status = match new.fact {
            HandshakeFact::Status(code) => Some(code),
            _ => None,
        };
        let Some(connect) = self
            .last_connect()
            .filter(|c| name.is_none() || c.name.as_deref() == name)
        else {
            return Err(format!("expect {what} must follow the connect it applies to").into());
        };
        let known = |e: &Expectation| matches!(e.fact, HandshakeFact::Status(_));
        if status.is_some() && connect.expectations.iter().any(known) {
            return Err("duplicate expect status: a connect takes only one".into());
        }
        connect.expectations.push(new);
        let place = self.scope.place(line);
        if let (Some(code), Some(connection)) = (status, self.scope.connections.last_mut())
            && code != 101
        {
            connection.ended = Some(place);
        }
        Ok(())
    }

    pub(super) fn expect_close(
        &mut self,
        prefix: &Prefix,
        rest: &'a str,
    ) -> Result<StepAction, LineError> {
        let on = self.scope.peer(prefix.name)?;
        let line = self.taken;
        let (code, reason) = split_word(rest);
        let code = number(code, 1000..=4999, "close code")?;
        let reason = if reason.is_empty() {
            None
        } else {
            Some(self.pattern(reason)?)
        };
        self.scope.end(&on, line);
        Ok(StepAction::ExpectClose {
            on,
            code,
            reason,
            within: prefix.within,
        })
    }

    pub(super) fn last_connect(&mut self) -> Option<&mut ConnectStep> {
        match self.last_action()? {
            StepAction::Connect(connect) => Some(connect),
            _ => None,
        }
    }
}
