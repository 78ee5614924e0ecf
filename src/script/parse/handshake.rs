//! Parses `connect` and `http`, their header lines and expectations, and `expect close`.

use super::{Parser, Prefix};
use crate::script::line_error::LineError;
use crate::script::suggest::unknown_expectation;
use crate::script::words::{beginning, is_token, number, required, split_word, trim};
use crate::script::{ConnectStep, Expectation, HandshakeFact, HeaderLine, HttpStep, StepAction};
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

    pub(super) fn http(&mut self, rest: &'a str) -> Result<StepAction, LineError> {
        const FORM: &str = "http METHOD URL [BODY]";
        let (method, after) = split_word(required(rest, FORM)?);
        let is_method = is_token(method) && !method.bytes().any(|byte| byte.is_ascii_lowercase());
        if !is_method || method == "CONNECT" {
            let capitals = method.to_ascii_uppercase();
            return Err(match METHODS.contains(&&*capitals) {
                true => format!("invalid HTTP method '{method}'; did you mean '{capitals}'?"),
                false => format!(
                    "invalid HTTP method '{}'; write {FORM}, such as http GET https://example.com/",
                    beginning(method)
                ),
            }
            .into());
        }
        let (url, body) = split_url(required(after, FORM)?);
        let url = self.template(url, Language::Url)?;
        let body = match body {
            "" => None,
            body => Some(self.message(body)?),
        };
        self.scope.received = true;
        Ok(StepAction::Http(HttpStep {
            retry: self.retry.take(),
            method: method.to_owned(),
            url,
            body,
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
        let lines = match self.last_action() {
            Some(StepAction::Connect(connect)) if connect.expectations.is_empty() => {
                &mut connect.headers
            }
            Some(StepAction::Http(http)) if http.expectations.is_empty() => &mut http.headers,
            _ => {
                return Err(format!(
                    "unexpected header line '{name}': header lines must follow a connect or http line"
                )
                .into());
            }
        };
        lines.push(header);
        Ok(())
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
        let known = |e: &Expectation| matches!(e.fact, HandshakeFact::Status(_));
        let is_duplicate = |all: &[Expectation]| status.is_some() && all.iter().any(known);
        match self.last_action() {
            Some(StepAction::Http(http)) if name.is_none() => {
                if !matches!(what, "status" | "header") {
                    return Err(format!(
                        "expect {what} applies to a connect; an http line takes expect status and expect header"
                    )
                    .into());
                }
                if is_duplicate(&http.expectations) {
                    return Err("duplicate expect status: an http line takes only one".into());
                }
                http.expectations.push(new);
                return Ok(());
            }
            Some(StepAction::Connect(connect))
                if name.is_none() || connect.name.as_deref() == name =>
            {
                if is_duplicate(&connect.expectations) {
                    return Err("duplicate expect status: a connect takes only one".into());
                }
                connect.expectations.push(new);
            }
            _ => return Err(format!("expect {what} must follow the connect it applies to").into()),
        }
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
}

/// The methods that people write.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Splits a URL, in which variables may contain spaces, from the body after it.
fn split_url(text: &str) -> (&str, &str) {
    let mut from = 0;
    while let Some(space) = text[from..].find([' ', '\t']).map(|at| from + at) {
        let before = &text[..space];
        match before.rfind("{{") {
            Some(open) if !before[open..].contains("}}") => from = space + 1,
            _ => return (before, trim(&text[space..])),
        }
    }
    (text, "")
}
