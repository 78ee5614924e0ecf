//! Parses the steps that send, `>` and its forms.

use std::collections::BTreeSet;

use super::Parser;
use crate::connection::wire::header::{FIN, RSV1, RSV2, RSV3};
use crate::pattern::is_json;
use crate::script::line_error::LineError;
use crate::script::words::{beginning, hex, number, required, split_word};
use crate::script::{FramePayload, FrameStep, SendStep, continuation};
use crate::template::{Language, Template, is_name};
use crate::units;

/// How a frame is written.
const FRAME: &str =
    "write >frame [fin] [rsv1] [rsv2] [rsv3] opcode=N [mask=no] [length=N] [hex BYTES | text TEXT]";

impl<'a> Parser<'a> {
    /// What a step sends; `sign` is its first word.
    pub(super) fn sent(&mut self, sign: &str, rest: &'a str) -> Result<SendStep, LineError> {
        Ok(match sign {
            ">hex" => SendStep::Hex(hex(rest)?),
            ">file" => {
                SendStep::File(self.template(required(rest, ">file PATH")?, Language::Text)?)
            }
            ">text" => SendStep::Quoted(self.quoted(rest)?),
            ">fragments" => self.fragments(rest)?,
            ">frame" => SendStep::Frame(self.frame(rest)?),
            _ => SendStep::Text(self.message(rest)?),
        })
    }

    /// `"…"` with JSON's escapes, or `<<END` and the lines up to `END`.
    fn quoted(&mut self, rest: &str) -> Result<Template, LineError> {
        if let Some(end) = rest.strip_prefix("<<") {
            let text = self.heredoc(end)?;
            return self.quoted_template(&text);
        }
        let text: String = serde_json::from_str(rest).map_err(|error| {
            let what = match rest.starts_with('"') {
                true => format!("invalid text {}: {error}", beginning(rest)),
                false => format!("missing quotes in '{}'", beginning(rest)),
            };
            format!(
                "{what}; write >text \"…\" with JSON's escapes, or >text <<END and lines up to END"
            )
        })?;
        self.quoted_template(&text)
    }

    /// In JSON the values of variables are quoted, as in `>`.
    fn quoted_template(&self, text: &str) -> Result<Template, LineError> {
        if continuation::opens(text) {
            let template = self.template(text, Language::Json)?;
            if is_json(&template.sample()) {
                return Ok(template);
            }
        }
        self.template(text, Language::Text)
    }

    /// The lines up to the one that is `end`, without the last line break.
    fn heredoc(&mut self, end: &str) -> Result<String, LineError> {
        if !is_name(end) {
            return Err(format!(
                "invalid end word '{}' after <<; write >text <<END and a line END after the text",
                beginning(end)
            )
            .into());
        }
        let following = &self.lines[self.taken..];
        // Spaces before the word make it a line of the text, as in a shell.
        let is_end = |line: &&str| line.trim_end() == end;
        let Some(length) = following.iter().position(is_end) else {
            return Err(format!(
                "no line {end} ends this text; it must stand at the start of a line"
            )
            .into());
        };
        let text = following[..length].join("\n");
        self.taken += length + 1;
        Ok(text)
    }

    fn fragments(&mut self, rest: &'a str) -> Result<SendStep, LineError> {
        let (size, text) = split_word(required(rest, ">fragments SIZE MESSAGE")?);
        let size = match units::size(size)?.try_into() {
            Ok(size @ 1..) => size,
            _ => return Err("invalid size '0': a fragment has at least 1 byte".into()),
        };
        let text = self.message(text)?;
        Ok(SendStep::Fragments { size, text })
    }

    fn frame(&mut self, rest: &str) -> Result<FrameStep, LineError> {
        let mut opcode = None;
        let mut given = BTreeSet::new();
        let mut frame = FrameStep {
            first: 0,
            is_masked: true,
            length: None,
            payload: FramePayload::Hex(Vec::new()),
        };
        let mut rest = rest;
        while !rest.is_empty() {
            let (word, after) = split_word(rest);
            rest = after;
            let name = word.split('=').next().unwrap_or(word);
            if !given.insert(name) {
                return Err(format!("'{name}' is given twice in a frame; {FRAME}").into());
            }
            match word.split_once('=').unwrap_or((word, "")) {
                ("fin", "") => frame.first |= FIN,
                ("rsv1", "") => frame.first |= RSV1,
                ("rsv2", "") => frame.first |= RSV2,
                ("rsv3", "") => frame.first |= RSV3,
                ("opcode", code) => opcode = Some(number(code, 0..=15_u8, "opcode")?),
                ("mask", "no") => frame.is_masked = false,
                ("mask", "yes") => frame.is_masked = true,
                ("length", length) => {
                    frame.length = Some(number(length, 0..=u64::MAX, "length")?);
                }
                ("hex", "") => {
                    frame.payload = FramePayload::Hex(hex(rest)?);
                    break;
                }
                ("text", "") => {
                    frame.payload = FramePayload::Text(self.template(rest, Language::Text)?);
                    break;
                }
                _ => {
                    return Err(
                        format!("unexpected '{}' in a frame; {FRAME}", beginning(word)).into(),
                    );
                }
            }
        }
        match opcode {
            Some(opcode) => frame.first |= opcode,
            None => return Err(format!("missing opcode of a frame; {FRAME}").into()),
        }
        Ok(frame)
    }
}
